-- Files of marketplaces: stored as they came before anything is done with them, and what became of each of their rows.

-- +goose Up
CREATE TABLE imports (
    book_id      integer     NOT NULL REFERENCES books (id),
    id           bigint      NOT NULL GENERATED ALWAYS AS IDENTITY,
    options      text        COLLATE "C" NOT NULL CHECK (octet_length(options) BETWEEN 2 AND 1024),
    sha256       bytea       CHECK (octet_length(sha256) = 32),
    bytes        bigint      NOT NULL DEFAULT 0 CHECK (bytes BETWEEN 0 AND 67108864),
    recorded_at  timestamptz NOT NULL CHECK (isfinite(recorded_at)),
    state        text        NOT NULL CHECK (state IN ('receiving', 'received', 'checking', 'applying', 'done', 'refused')),
    reason       text        COLLATE "C" NOT NULL DEFAULT '' CHECK (octet_length(reason) <= 64),
    detail       text        NOT NULL DEFAULT '' CHECK (octet_length(detail) <= 1024),
    currency     text        COLLATE "C" NOT NULL DEFAULT '' CHECK (currency ~ '^([A-Z]{3})?$'),
    rows         integer     NOT NULL DEFAULT 0 CHECK (rows >= 0),
    said         boolean     NOT NULL DEFAULT false,
    stated_total bigint      NOT NULL DEFAULT 0,
    our_total    bigint      NOT NULL DEFAULT 0,
    totals       jsonb       NOT NULL DEFAULT '[]',
    tries        integer     NOT NULL DEFAULT 1 CHECK (tries >= 1),
    attempts     integer     NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    next_attempt timestamptz CHECK (isfinite(next_attempt)),
    CONSTRAINT imports_pkey PRIMARY KEY (book_id, id),
    CHECK (state = 'receiving' OR sha256 IS NOT NULL),
    CHECK (state IN ('done', 'refused') OR next_attempt IS NOT NULL)
);
COMMENT ON COLUMN imports.options IS 'what the file does not say: its format, the role, the channel and the parties; the same file with the same options is one import';
COMMENT ON COLUMN imports.our_total IS 'what the rows of the file come to; what of it is in the book is summed from import_rows';
COMMENT ON COLUMN imports.tries IS 'how often its parked rows are to be judged';
COMMENT ON COLUMN imports.attempts IS 'how often it was taken up; whoever holds an older count has lost it to another';
COMMENT ON COLUMN imports.next_attempt IS 'when it is taken up; while it is being received, when it is given up';
CREATE UNIQUE INDEX imports_once ON imports (book_id, sha256, options) WHERE state NOT IN ('receiving', 'refused');
CREATE INDEX imports_due ON imports (next_attempt) WHERE next_attempt IS NOT NULL;

CREATE TABLE import_parts (
    book_id   integer NOT NULL,
    import_id bigint  NOT NULL,
    part      integer NOT NULL CHECK (part BETWEEN 1 AND 64),
    content   bytea   NOT NULL CHECK (octet_length(content) BETWEEN 1 AND 1048576),
    CONSTRAINT import_parts_pkey PRIMARY KEY (book_id, import_id, part),
    FOREIGN KEY (book_id, import_id) REFERENCES imports (book_id, id)
);
ALTER TABLE import_parts ALTER COLUMN content SET STORAGE EXTERNAL;

CREATE TABLE import_rows (
    book_id   integer NOT NULL,
    import_id bigint  NOT NULL,
    row       integer NOT NULL CHECK (row >= 1),
    identity  text    COLLATE "C" NOT NULL CHECK (octet_length(identity) BETWEEN 1 AND 128),
    sha256    bytea   NOT NULL CHECK (octet_length(sha256) = 32),
    state     text    NOT NULL CHECK (state IN ('applied', 'parked', 'ignored', 'repeated', 'changed')),
    reason    text    COLLATE "C" NOT NULL DEFAULT '' CHECK (octet_length(reason) <= 64),
    detail    text    NOT NULL DEFAULT '' CHECK (octet_length(detail) <= 1024),
    reference text    COLLATE "C" NOT NULL DEFAULT '' CHECK (octet_length(reference) <= 255),
    amount    bigint  NOT NULL,
    tried     integer NOT NULL CHECK (tried >= 1),
    CONSTRAINT import_rows_pkey PRIMARY KEY (book_id, import_id, row),
    FOREIGN KEY (book_id, import_id) REFERENCES imports (book_id, id)
);
COMMENT ON COLUMN import_rows.row IS 'the line of the file on which the row, or the first of a transaction, stands';
CREATE INDEX import_rows_state ON import_rows (book_id, import_id, state, row) INCLUDE (amount);

-- Which row of which file a transaction of a channel was applied from: there is one, however many files hold it.
CREATE TABLE import_identities (
    book_id   integer NOT NULL,
    channel   text    COLLATE "C" NOT NULL CHECK (octet_length(channel) BETWEEN 1 AND 64),
    identity  text    COLLATE "C" NOT NULL CHECK (octet_length(identity) BETWEEN 1 AND 128),
    import_id bigint  NOT NULL,
    row       integer NOT NULL,
    sha256    bytea   NOT NULL CHECK (octet_length(sha256) = 32),
    CONSTRAINT import_identities_pkey PRIMARY KEY (book_id, channel, identity),
    FOREIGN KEY (book_id, import_id) REFERENCES imports (book_id, id)
);
SELECT guard_table('import_identities', '');

-- +goose StatementBegin
-- What was received whole stays as it came; only an upload that broke off is thrown away.
CREATE FUNCTION keep_imports() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    waits boolean := false;
BEGIN
    IF TG_OP = 'DELETE' AND TG_TABLE_NAME = 'imports' THEN
        waits := OLD.state = 'receiving';
    ELSIF TG_OP = 'DELETE' THEN
        waits := EXISTS (SELECT FROM imports WHERE book_id = OLD.book_id AND id = OLD.import_id AND state = 'receiving');
    END IF;
    IF NOT waits THEN
        RAISE EXCEPTION 'an imported file is kept as it came' USING ERRCODE = '42501';
    END IF;
    RETURN OLD;
END $$;
-- +goose StatementEnd
CREATE TRIGGER kept BEFORE UPDATE OR DELETE ON import_parts FOR EACH ROW EXECUTE FUNCTION keep_imports();
CREATE TRIGGER kept BEFORE DELETE ON imports FOR EACH ROW EXECUTE FUNCTION keep_imports();
REVOKE ALL ON FUNCTION keep_imports() FROM PUBLIC;

REVOKE ALL ON imports, import_parts, import_rows, import_identities FROM PUBLIC;
GRANT SELECT, INSERT ON imports, import_parts, import_rows, import_identities TO mizan_app;
GRANT DELETE ON imports, import_parts TO mizan_app;
GRANT UPDATE (sha256, bytes, state, reason, detail, currency, rows, said, stated_total, our_total, totals, tries, attempts, next_attempt) ON imports TO mizan_app;
GRANT UPDATE (state, reason, detail, reference, tried) ON import_rows TO mizan_app;
