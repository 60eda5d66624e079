-- Statements of payees that were issued. A row says what a statement covers and what it comes to; its lines are made again from the
-- ledger, and the hash says whether they are the same. Rows are added and never change.

-- +goose Up

CREATE TABLE statements (
    book_id         integer     NOT NULL REFERENCES books (id),
    payee           text        COLLATE "C" NOT NULL CHECK (payee ~ '^[A-Za-z0-9_.-]{1,64}$'),
    currency        text        COLLATE "C" NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    number          bigint      NOT NULL CHECK (number > 0),
    id              text        COLLATE "C" NOT NULL CHECK (id ~ '^st_[a-z0-9]{20}$'),
    kind            text        COLLATE "C" NOT NULL CHECK (kind = 'month'),
    period          integer     NOT NULL CHECK (period % 100 BETWEEN 1 AND 12),
    from_sequence   bigint      NOT NULL CHECK (from_sequence >= 0),
    to_sequence     bigint      NOT NULL CHECK (to_sequence > from_sequence),
    previous_number bigint      CHECK (previous_number = number - 1),
    line_count      bigint      NOT NULL CHECK (line_count >= 0),
    bytes           bigint      NOT NULL CHECK (bytes > 0),
    sha256          bytea       NOT NULL CHECK (octet_length(sha256) = 32),
    head            text        NOT NULL CHECK (octet_length(head) BETWEEN 2 AND 4194304),
    tail            text        NOT NULL CHECK (octet_length(tail) BETWEEN 2 AND 4194304),
    issued_at       timestamptz NOT NULL CHECK (isfinite(issued_at)),
    CONSTRAINT statements_pkey PRIMARY KEY (book_id, payee, currency, number),
    CONSTRAINT statements_id UNIQUE (book_id, id),
    CONSTRAINT statements_once UNIQUE (book_id, payee, currency, kind, period),
    CONSTRAINT statements_end UNIQUE (book_id, payee, currency, number, to_sequence),
    -- Each begins where the one before ended, and only the first has none before it.
    CONSTRAINT statements_chain FOREIGN KEY (book_id, payee, currency, previous_number, from_sequence) REFERENCES statements (book_id, payee, currency, number, to_sequence),
    CONSTRAINT statements_first CHECK ((number = 1) = (previous_number IS NULL) AND (number > 1 OR from_sequence = 0))
);
COMMENT ON COLUMN statements.head IS 'the data form before its lines';
COMMENT ON COLUMN statements.tail IS 'the data form after its lines';
COMMENT ON COLUMN statements.sha256 IS 'of all bytes of the data form';
SELECT guard_table('statements', '');

REVOKE ALL ON statements FROM PUBLIC;
GRANT SELECT, INSERT ON statements TO mizan_app;
