-- The guard: the trail of privileged acts, and approvals by a second person. book_id 0 stands for the installation, which
-- is no book; so there is no foreign key to books here.

-- +goose Up

-- Where the trail of a book stands. The row is also the lock under which the trail grows, one row after the other.
CREATE TABLE audit_heads (
    book_id       integer NOT NULL PRIMARY KEY CHECK (book_id >= 0),
    last_sequence bigint  NOT NULL CHECK (last_sequence >= 0),
    last_hash     bytea   NOT NULL CHECK (octet_length(last_hash) = 32)
);

CREATE TABLE audit_rows (
    book_id     integer     NOT NULL CHECK (book_id >= 0),
    sequence    bigint      NOT NULL CHECK (sequence > 0),
    recorded_at timestamptz NOT NULL CHECK (isfinite(recorded_at)),
    actor_kind  text        COLLATE "C" NOT NULL CHECK (actor_kind IN ('program', 'person', 'payee', 'operator', 'system')),
    actor       text        COLLATE "C" NOT NULL CHECK (octet_length(actor) BETWEEN 1 AND 128),
    person      text        COLLATE "C" NOT NULL DEFAULT '' CHECK (octet_length(person) <= 64),
    address     text        COLLATE "C" NOT NULL DEFAULT '' CHECK (octet_length(address) <= 64),
    request_id  text        COLLATE "C" NOT NULL DEFAULT '' CHECK (octet_length(request_id) <= 64),
    act         text        COLLATE "C" NOT NULL CHECK (act ~ '^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+$' AND octet_length(act) <= 64),
    object      text        COLLATE "C" NOT NULL CHECK (octet_length(object) BETWEEN 1 AND 255),
    before      text        NOT NULL DEFAULT '' CHECK (octet_length(before) <= 65536),
    after       text        NOT NULL DEFAULT '' CHECK (octet_length(after) <= 65536),
    why         text        NOT NULL DEFAULT '' CHECK (octet_length(why) <= 2000),
    approval    text        COLLATE "C" NOT NULL DEFAULT '' CHECK (octet_length(approval) <= 64),
    previous    bytea       NOT NULL CHECK (octet_length(previous) = 32),
    hash        bytea       NOT NULL CHECK (octet_length(hash) = 32),
    CONSTRAINT audit_rows_pkey PRIMARY KEY (book_id, sequence)
);
COMMENT ON COLUMN audit_rows.before IS 'a JSON document, or nothing; never personal data, because the trail is for ever';
COMMENT ON COLUMN audit_rows.hash IS 'of the row with the hash of the row before it: a row that is changed, lost or slipped in shows';
CREATE INDEX audit_rows_object ON audit_rows (book_id, object, sequence);
CREATE INDEX audit_rows_actor ON audit_rows (book_id, actor, sequence);
CREATE INDEX audit_rows_act ON audit_rows (book_id, act, sequence);
-- Time never runs backwards along the trail, so this finds where a period begins and ends.
CREATE INDEX audit_rows_recorded ON audit_rows (book_id, recorded_at, sequence);
SELECT guard_table('audit_rows', '');

-- +goose StatementBegin
-- The trail only grows: its head moves by one row at a time, to a row that is there.
CREATE FUNCTION guard_audit_head() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'UPDATE' OR NEW.book_id <> OLD.book_id OR NEW.last_sequence <> OLD.last_sequence + 1 OR NOT EXISTS (
        SELECT FROM audit_rows r
         WHERE r.book_id = NEW.book_id AND r.sequence = NEW.last_sequence AND r.previous = OLD.last_hash AND r.hash = NEW.last_hash) THEN
        RAISE EXCEPTION 'the head of an audit trail only moves on, to the row that follows'
              USING ERRCODE = '42501', CONSTRAINT = 'audit_heads_forward';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER moves_on BEFORE UPDATE OR DELETE ON audit_heads FOR EACH ROW EXECUTE FUNCTION guard_audit_head();
CREATE TRIGGER never_truncated BEFORE TRUNCATE ON audit_heads FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE audit_heads ENABLE ALWAYS TRIGGER moves_on;
ALTER TABLE audit_heads ENABLE ALWAYS TRIGGER never_truncated;

-- A request for a second person. What is asked for stands in its versions; an edit adds one and voids what was looked at.
CREATE TABLE approvals (
    book_id      integer     NOT NULL CHECK (book_id >= 0),
    id           text        COLLATE "C" NOT NULL CHECK (id ~ '^ap_[a-z0-9]{16}$'),
    act          text        COLLATE "C" NOT NULL CHECK (octet_length(act) BETWEEN 1 AND 64),
    version      integer     NOT NULL CHECK (version BETWEEN 1 AND 1000),
    state        text        COLLATE "C" NOT NULL CHECK (state IN ('open', 'done', 'refused', 'withdrawn', 'expired')),
    authors      text[]      NOT NULL CHECK (cardinality(authors) BETWEEN 1 AND 2000),
    created_at   timestamptz NOT NULL CHECK (isfinite(created_at)),
    expires_at   timestamptz NOT NULL CHECK (isfinite(expires_at) AND expires_at > created_at),
    decided_by   text        COLLATE "C" CHECK (octet_length(decided_by) BETWEEN 1 AND 64),
    decided_at   timestamptz CHECK (isfinite(decided_at)),
    decision     text        NOT NULL DEFAULT '' CHECK (octet_length(decision) <= 2000),
    approved     bytea       CHECK (octet_length(approved) = 32),
    result       text        NOT NULL DEFAULT '' CHECK (octet_length(result) <= 65536),
    CONSTRAINT approvals_pkey PRIMARY KEY (book_id, id),
    -- Nobody approves what they wrote or edited, under whatever name: authors holds keys and the people behind them.
    CONSTRAINT approvals_second_person CHECK (state <> 'done' OR NOT decided_by = ANY (authors)),
    CONSTRAINT approvals_decided CHECK ((state IN ('done', 'refused')) = (decided_by IS NOT NULL AND decided_at IS NOT NULL)),
    CONSTRAINT approvals_bound CHECK ((state = 'done') = (approved IS NOT NULL))
);
COMMENT ON COLUMN approvals.authors IS 'whoever wrote or edited it: ids of keys, and of the people who answer for them';
COMMENT ON COLUMN approvals.approved IS 'the hash of the version that was approved and has run';
COMMENT ON COLUMN approvals.decision IS 'the reason given with the decision';
CREATE INDEX approvals_listed ON approvals (book_id, created_at, id);
CREATE INDEX approvals_by_state ON approvals (book_id, state, created_at, id);
CREATE INDEX approvals_open ON approvals (book_id, expires_at) WHERE state = 'open';

CREATE TABLE approval_versions (
    book_id     integer     NOT NULL,
    id          text        COLLATE "C" NOT NULL,
    version     integer     NOT NULL CHECK (version BETWEEN 1 AND 1000),
    payload     bytea       NOT NULL CHECK (octet_length(payload) BETWEEN 2 AND 1048576),
    effect      text        NOT NULL CHECK (octet_length(effect) BETWEEN 2 AND 262144),
    reason      text        NOT NULL CHECK (octet_length(reason) BETWEEN 1 AND 2000),
    document    text        NOT NULL DEFAULT '' CHECK (octet_length(document) <= 255),
    author_kind text        COLLATE "C" NOT NULL,
    author      text        COLLATE "C" NOT NULL CHECK (octet_length(author) BETWEEN 1 AND 64),
    author_person text      COLLATE "C" NOT NULL DEFAULT '' CHECK (octet_length(author_person) <= 64),
    made_at     timestamptz NOT NULL CHECK (isfinite(made_at)),
    hash        bytea       NOT NULL CHECK (octet_length(hash) = 32),
    CONSTRAINT approval_versions_pkey PRIMARY KEY (book_id, id, version),
    CONSTRAINT approval_versions_of FOREIGN KEY (book_id, id) REFERENCES approvals (book_id, id)
);
COMMENT ON COLUMN approval_versions.hash IS 'of act, book, id, version, payload, effect, reason and document: what the second person agrees to';
SELECT guard_table('approval_versions', '');

-- +goose StatementBegin
-- What was decided stays decided, whoever writes to the table: an approval begins open, gains authors and versions, loses
-- none, and ends once. What has run is a version that is there and that the decider neither wrote nor edited.
CREATE FUNCTION guard_approval() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'approvals are kept for ever' USING ERRCODE = '42501', CONSTRAINT = 'approvals_kept';
    END IF;
    IF TG_OP = 'INSERT' THEN
        IF NEW.state <> 'open' OR NEW.version <> 1 THEN
            RAISE EXCEPTION 'an approval begins open' USING ERRCODE = '42501', CONSTRAINT = 'approvals_begin_open';
        END IF;
        RETURN NEW;
    END IF;
    IF OLD.state <> 'open' THEN
        RAISE EXCEPTION 'what was decided stays decided' USING ERRCODE = '42501', CONSTRAINT = 'approvals_settled';
    END IF;
    IF NEW.book_id <> OLD.book_id OR NEW.id <> OLD.id OR NEW.act <> OLD.act OR NEW.created_at <> OLD.created_at
       OR NEW.version NOT IN (OLD.version, OLD.version + 1) OR NOT NEW.authors @> OLD.authors THEN
        RAISE EXCEPTION 'an approval keeps its act and its authors, and its versions follow each other'
              USING ERRCODE = '42501', CONSTRAINT = 'approvals_forward';
    END IF;
    IF NEW.state = 'done' AND (
        NEW.version <> OLD.version
        OR NOT EXISTS (
            SELECT FROM approval_versions v
             WHERE v.book_id = NEW.book_id AND v.id = NEW.id AND v.version = NEW.version AND v.hash = NEW.approved)
        OR EXISTS (
            SELECT FROM approval_versions v
             WHERE v.book_id = NEW.book_id AND v.id = NEW.id AND NEW.decided_by IN (v.author, v.author_person))) THEN
        RAISE EXCEPTION 'what runs is the present version, agreed to by somebody who did not write it'
              USING ERRCODE = '42501', CONSTRAINT = 'approvals_agreed';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
-- A copy of the database takes in approvals that were decided long ago, so only what begins here begins open.
CREATE TRIGGER begins_open BEFORE INSERT ON approvals FOR EACH ROW EXECUTE FUNCTION guard_approval();
CREATE TRIGGER settled BEFORE UPDATE OR DELETE ON approvals FOR EACH ROW EXECUTE FUNCTION guard_approval();
CREATE TRIGGER never_truncated BEFORE TRUNCATE ON approvals FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE approvals ENABLE ALWAYS TRIGGER settled;
ALTER TABLE approvals ENABLE ALWAYS TRIGGER never_truncated;

REVOKE ALL ON audit_heads, audit_rows, approvals, approval_versions FROM PUBLIC;
GRANT SELECT, INSERT ON audit_heads, audit_rows, approvals, approval_versions TO mizan_app;
GRANT UPDATE (last_sequence, last_hash) ON audit_heads TO mizan_app;
GRANT UPDATE (version, state, authors, expires_at, decided_by, decided_at, decision, approved, result) ON approvals TO mizan_app;
