-- The vault: personal data apart from the books, each person's under a key of their own, which a master key from outside
-- the database wraps. Destroying a person's key erases what is stored about them, here and in every backup that has no
-- older copy of the wrapped key. book_id 0 stands for the installation, whose people are its staff.

-- +goose Up
CREATE TABLE vault_subjects (
    book_id     integer     NOT NULL CHECK (book_id >= 0),
    subject     text        COLLATE "C" NOT NULL CHECK (subject ~ '^[a-z][a-z0-9_]{0,31}:[A-Za-z0-9_.-]{1,64}$'),
    master      text        COLLATE "C" CHECK (master ~ '^[a-z0-9][a-z0-9_-]{0,31}$'),
    wrapped     bytea       CHECK (octet_length(wrapped) = 60),
    version     integer     NOT NULL DEFAULT 0 CHECK (version BETWEEN 0 AND 1000000),
    manifest    bytea       CHECK (octet_length(manifest) = 32),
    created_at  timestamptz NOT NULL CHECK (isfinite(created_at)),
    closed_at   timestamptz CHECK (isfinite(closed_at)),
    held_until  timestamptz CHECK (isfinite(held_until)),
    held_for    text        NOT NULL DEFAULT '' CHECK (octet_length(held_for) <= 255),
    erased_at   timestamptz CHECK (isfinite(erased_at)),
    CONSTRAINT vault_subjects_pkey PRIMARY KEY (book_id, subject),
    CONSTRAINT vault_subjects_shredded CHECK (erased_at IS NULL OR wrapped IS NULL),
    CONSTRAINT vault_subjects_wrapped CHECK ((wrapped IS NULL) = (master IS NULL) AND (wrapped IS NULL) = (manifest IS NULL)),
    CONSTRAINT vault_subjects_held CHECK (erased_at IS NULL OR held_until IS NULL OR held_until <= erased_at)
);
COMMENT ON COLUMN vault_subjects.wrapped IS 'the person''s key, sealed with the master key: nonce 12, key 32, tag 16; none before the first value and after erasure';
COMMENT ON COLUMN vault_subjects.version IS 'counts the writings of the person''s values, and never goes back';
COMMENT ON COLUMN vault_subjects.manifest IS 'under the person''s key, of the version and of the versions of all values: an older value that is put back, or a lost one, shows';
COMMENT ON COLUMN vault_subjects.closed_at IS 'when the business with the person ended; their data are erased once the book''s retention has passed';
COMMENT ON COLUMN vault_subjects.held_until IS 'until when a law or a court forbids erasure';
CREATE INDEX vault_subjects_master ON vault_subjects (master, book_id, subject) WHERE master IS NOT NULL;
CREATE INDEX vault_subjects_closed ON vault_subjects (book_id, closed_at) WHERE closed_at IS NOT NULL AND erased_at IS NULL;

CREATE TABLE vault_values (
    book_id    integer     NOT NULL,
    subject    text        COLLATE "C" NOT NULL,
    field      text        COLLATE "C" NOT NULL CHECK (field ~ '^[a-z][a-z0-9_]{0,31}$'),
    version    integer     NOT NULL CHECK (version BETWEEN 1 AND 1000000),
    sealed     bytea       NOT NULL CHECK (octet_length(sealed) BETWEEN 28 AND 16384),
    written_at timestamptz NOT NULL CHECK (isfinite(written_at)),
    CONSTRAINT vault_values_pkey PRIMARY KEY (book_id, subject, field),
    CONSTRAINT vault_values_of FOREIGN KEY (book_id, subject) REFERENCES vault_subjects (book_id, subject)
);
COMMENT ON COLUMN vault_values.version IS 'the person''s version at the writing, so that no two values of a person ever have the same';
COMMENT ON COLUMN vault_values.sealed IS 'AES-256-GCM under the person''s key, bound to book, subject, field and version';

-- What a person is found by, such as an address of mail, as a keyed digest: equal values are found, none can be read.
CREATE TABLE vault_lookups (
    book_id integer NOT NULL,
    kind    text    COLLATE "C" NOT NULL CHECK (kind ~ '^[a-z][a-z0-9_]{0,31}$'),
    digest  bytea   NOT NULL CHECK (octet_length(digest) = 32),
    subject text    COLLATE "C" NOT NULL,
    CONSTRAINT vault_lookups_pkey PRIMARY KEY (book_id, kind, digest),
    CONSTRAINT vault_lookups_of FOREIGN KEY (book_id, subject) REFERENCES vault_subjects (book_id, subject)
);
CREATE INDEX vault_lookups_subject ON vault_lookups (book_id, subject);

-- The key of the digests, which no rotation of the master key changes; it is wrapped like a person's.
CREATE TABLE vault_index_key (
    only_row boolean NOT NULL DEFAULT true PRIMARY KEY CHECK (only_row),
    master   text    COLLATE "C" NOT NULL CHECK (master ~ '^[a-z0-9][a-z0-9_-]{0,31}$'),
    wrapped  bytea   NOT NULL CHECK (octet_length(wrapped) = 60)
);

-- How long a book keeps personal data after the business with a person has ended. The latest version holds.
CREATE TABLE vault_retention (
    book_id     integer     NOT NULL CHECK (book_id >= 0),
    version     integer     NOT NULL CHECK (version BETWEEN 1 AND 100000),
    days        integer     NOT NULL CHECK (days BETWEEN 1 AND 36525),
    recorded_at timestamptz NOT NULL CHECK (isfinite(recorded_at)),
    CONSTRAINT vault_retention_pkey PRIMARY KEY (book_id, version)
);
SELECT guard_table('vault_retention', '');

-- Erasure is for good, whatever the program does: the row of somebody erased never changes, a version never goes back, and
-- nothing is stored of them again. An erasure that is under way is waited for.
-- +goose StatementBegin
CREATE FUNCTION keep_erased() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.erased_at IS NOT NULL THEN
        RAISE EXCEPTION 'the data of this person were erased for good' USING ERRCODE = '42501', CONSTRAINT = 'vault_erased';
    END IF;
    IF NEW.version < OLD.version THEN
        RAISE EXCEPTION 'the version of a person never goes back' USING ERRCODE = '42501', CONSTRAINT = 'vault_version';
    END IF;
    IF NEW.erased_at IS NOT NULL THEN
        DELETE FROM vault_values WHERE book_id = NEW.book_id AND subject = NEW.subject;
        DELETE FROM vault_lookups WHERE book_id = NEW.book_id AND subject = NEW.subject;
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE FUNCTION refuse_erased() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    gone boolean;
BEGIN
    SELECT erased_at IS NOT NULL INTO gone FROM vault_subjects WHERE book_id = NEW.book_id AND subject = NEW.subject FOR SHARE;
    IF gone THEN
        RAISE EXCEPTION 'the data of this person were erased for good' USING ERRCODE = '42501', CONSTRAINT = 'vault_erased';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER keep_erased BEFORE UPDATE ON vault_subjects FOR EACH ROW EXECUTE FUNCTION keep_erased();
CREATE TRIGGER refuse_erased BEFORE INSERT OR UPDATE ON vault_values FOR EACH ROW EXECUTE FUNCTION refuse_erased();
CREATE TRIGGER refuse_erased BEFORE INSERT OR UPDATE ON vault_lookups FOR EACH ROW EXECUTE FUNCTION refuse_erased();

REVOKE ALL ON vault_subjects, vault_values, vault_lookups, vault_index_key, vault_retention FROM PUBLIC;
GRANT SELECT, INSERT ON vault_subjects, vault_values, vault_lookups, vault_index_key, vault_retention TO mizan_app;
GRANT UPDATE (master, wrapped, version, manifest, closed_at, held_until, held_for, erased_at) ON vault_subjects TO mizan_app;
GRANT UPDATE (version, sealed, written_at), DELETE ON vault_values TO mizan_app;
GRANT DELETE ON vault_lookups TO mizan_app;
GRANT UPDATE (master, wrapped) ON vault_index_key TO mizan_app;
