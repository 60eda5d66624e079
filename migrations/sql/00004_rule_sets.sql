-- Rule sets that a book was given beside the shipped ones. They are kept byte for byte, because orders rest on them for
-- ever, and never change: a correction is the next version.

-- +goose Up
CREATE TABLE rule_sets (
    book_id     integer     NOT NULL REFERENCES books (id),
    set_name    text        COLLATE "C" NOT NULL CHECK (set_name ~ '^[a-z][a-z0-9_]{0,31}$'),
    version     integer     NOT NULL CHECK (version BETWEEN 1 AND 1000000),
    valid_from  timestamptz NOT NULL CHECK (isfinite(valid_from)),
    recorded_at timestamptz NOT NULL CHECK (isfinite(recorded_at)),
    sha256      bytea       NOT NULL CHECK (sha256 = sha256(content)),
    content     bytea       NOT NULL CHECK (octet_length(content) BETWEEN 2 AND 262144),
    CONSTRAINT rule_sets_pkey PRIMARY KEY (book_id, set_name, version)
);
SELECT guard_table('rule_sets', '');

REVOKE ALL ON rule_sets FROM PUBLIC;
GRANT SELECT, INSERT ON rule_sets TO mizan_app;
