-- People, what they may do, and how they and payees sign in. Names and addresses of mail stand in the vault, as those of the
-- subject person:<id> of the installation.

-- +goose Up
CREATE TABLE people (
    id             text        COLLATE "C" NOT NULL PRIMARY KEY CHECK (id ~ '^per_[a-z0-9]{16}$'),
    issuer         text        COLLATE "C" CHECK (octet_length(issuer) BETWEEN 1 AND 255),
    subject        text        COLLATE "C" CHECK (octet_length(subject) BETWEEN 1 AND 255),
    created_at     timestamptz NOT NULL CHECK (isfinite(created_at)),
    created_by     text        COLLATE "C" NOT NULL CHECK (octet_length(created_by) BETWEEN 1 AND 128),
    deactivated_at timestamptz CHECK (isfinite(deactivated_at)),
    sessions_from  timestamptz NOT NULL CHECK (isfinite(sessions_from)),
    CHECK ((issuer IS NULL) = (subject IS NULL))
);
COMMENT ON COLUMN people.issuer IS 'who vouches for the person, and under which name: set at the first sign-in';
COMMENT ON COLUMN people.sessions_from IS 'sessions and tokens from before are over';
CREATE UNIQUE INDEX people_identity ON people (issuer, subject) WHERE issuer IS NOT NULL;

CREATE TABLE role_grants (
    id         text        COLLATE "C" NOT NULL PRIMARY KEY CHECK (id ~ '^gr_[a-z0-9]{16}$'),
    person     text        COLLATE "C" NOT NULL REFERENCES people (id),
    role       text        COLLATE "C" NOT NULL CHECK (role IN ('finance', 'approver', 'admin', 'auditor', 'support')),
    book       text        COLLATE "C" NOT NULL CHECK (book ~ '^([a-z][a-z0-9_]{0,31})?$'),
    granted_at timestamptz NOT NULL CHECK (isfinite(granted_at)),
    granted_by text        COLLATE "C" NOT NULL CHECK (octet_length(granted_by) BETWEEN 1 AND 128),
    approval   text        COLLATE "C" NOT NULL DEFAULT '' CHECK (octet_length(approval) <= 64),
    expires_at timestamptz CHECK (isfinite(expires_at)),
    revoked_at timestamptz CHECK (isfinite(revoked_at)),
    revoked_by text        COLLATE "C" CHECK (octet_length(revoked_by) BETWEEN 1 AND 128),
    CHECK ((revoked_at IS NULL) = (revoked_by IS NULL))
);
COMMENT ON COLUMN role_grants.book IS 'the code of the book; empty for every book';
CREATE INDEX role_grants_person ON role_grants (person);
CREATE UNIQUE INDEX role_grants_once ON role_grants (person, role, book) WHERE revoked_at IS NULL;

-- Sessions of browsers. Only a digest of the token is kept.
CREATE TABLE sessions (
    digest     bytea       NOT NULL PRIMARY KEY CHECK (octet_length(digest) = 32),
    kind       text        COLLATE "C" NOT NULL CHECK (kind IN ('person', 'payee')),
    holder     text        COLLATE "C" NOT NULL CHECK (octet_length(holder) BETWEEN 1 AND 64),
    book       text        COLLATE "C" NOT NULL DEFAULT '' CHECK (book ~ '^([a-z][a-z0-9_]{0,31})?$'),
    started_at timestamptz NOT NULL CHECK (isfinite(started_at)),
    seen_at    timestamptz NOT NULL CHECK (isfinite(seen_at)),
    ends_at    timestamptz NOT NULL CHECK (isfinite(ends_at)),
    ended_at   timestamptz CHECK (isfinite(ended_at)),
    address    text        COLLATE "C" NOT NULL DEFAULT '' CHECK (octet_length(address) <= 64),
    CHECK ((kind = 'payee') = (book <> ''))
);
COMMENT ON COLUMN sessions.holder IS 'the person, or the payee of the book';
CREATE INDEX sessions_holder ON sessions (kind, holder, book);
CREATE INDEX sessions_ends ON sessions (ends_at);

-- Links that sign somebody in once.
CREATE TABLE sign_in_links (
    digest     bytea       NOT NULL PRIMARY KEY CHECK (octet_length(digest) = 32),
    kind       text        COLLATE "C" NOT NULL CHECK (kind IN ('person', 'payee')),
    holder     text        COLLATE "C" NOT NULL CHECK (octet_length(holder) BETWEEN 1 AND 64),
    book       text        COLLATE "C" NOT NULL DEFAULT '' CHECK (book ~ '^([a-z][a-z0-9_]{0,31})?$'),
    created_at timestamptz NOT NULL CHECK (isfinite(created_at)),
    created_by text        COLLATE "C" NOT NULL CHECK (octet_length(created_by) BETWEEN 1 AND 128),
    expires_at timestamptz NOT NULL CHECK (isfinite(expires_at) AND expires_at > created_at),
    used_at    timestamptz CHECK (isfinite(used_at)),
    CHECK ((kind = 'payee') = (book <> ''))
);
CREATE INDEX sign_in_links_expires ON sign_in_links (expires_at);
CREATE INDEX sign_in_links_holder ON sign_in_links (kind, holder, book);

ALTER TABLE api_keys ADD COLUMN owner text COLLATE "C" CHECK (octet_length(owner) BETWEEN 1 AND 128);
ALTER TABLE api_keys ADD COLUMN rotated_from text COLLATE "C";
ALTER TABLE api_keys ADD COLUMN last_used_at timestamptz CHECK (isfinite(last_used_at));
ALTER TABLE api_keys ADD CONSTRAINT api_keys_rotated_from FOREIGN KEY (rotated_from) REFERENCES api_keys (id);
CREATE UNIQUE INDEX api_keys_rotated_once ON api_keys (rotated_from) WHERE rotated_from IS NOT NULL;
CREATE INDEX api_keys_owner ON api_keys (owner) WHERE owner IS NOT NULL;
COMMENT ON COLUMN api_keys.rotated_from IS 'the key that this one replaced; a key is replaced once';
COMMENT ON COLUMN api_keys.owner IS 'the person who answers for the key, or who made it; null for keys from before there were people';

-- Guardians see what is about the minors they act for.
CREATE INDEX payees_guardian ON payees (book_id, guardian) WHERE guardian <> '';

REVOKE ALL ON people, role_grants, sessions, sign_in_links FROM PUBLIC;
GRANT SELECT, INSERT ON people, role_grants, sessions, sign_in_links TO mizan_app;
GRANT UPDATE (issuer, subject, deactivated_at, sessions_from) ON people TO mizan_app;
GRANT UPDATE (revoked_at, revoked_by, expires_at) ON role_grants TO mizan_app;
GRANT UPDATE (seen_at, ended_at), DELETE ON sessions TO mizan_app;
GRANT UPDATE (used_at), DELETE ON sign_in_links TO mizan_app;
GRANT UPDATE (last_used_at) ON api_keys TO mizan_app;
