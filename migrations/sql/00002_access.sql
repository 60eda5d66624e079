-- Who may call: bearer keys. A key is shown once; only its SHA-256 is kept, which is enough for a random 256-bit secret.

-- +goose Up
CREATE TABLE api_keys (
    id          text        COLLATE "C" NOT NULL PRIMARY KEY CHECK (id ~ '^[a-z0-9]{12}$'),
    secret_hash bytea       NOT NULL CHECK (octet_length(secret_hash) = 32),
    name        text        NOT NULL CHECK (char_length(name) BETWEEN 1 AND 100),
    scopes      text[]      NOT NULL CHECK (cardinality(scopes) BETWEEN 1 AND 64),
    books       text[]               CHECK (cardinality(books) BETWEEN 1 AND 1000),
    created_at  timestamptz NOT NULL CHECK (isfinite(created_at)),
    expires_at  timestamptz          CHECK (isfinite(expires_at) AND expires_at > created_at),
    revoked_at  timestamptz          CHECK (isfinite(revoked_at) AND revoked_at >= created_at)
);
COMMENT ON COLUMN api_keys.books IS 'codes of the books the key may touch; null means every book';

REVOKE ALL ON api_keys FROM PUBLIC;
GRANT SELECT, INSERT ON api_keys TO mizan_app;
GRANT UPDATE (revoked_at, expires_at) ON api_keys TO mizan_app;
