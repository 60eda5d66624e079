-- Notices of payment processors: what they announce, stored as it came before anything is done with it. A processor's account
-- serves every book, so that a notice belongs to none.

-- +goose Up
CREATE TABLE processor_notices (
    number      bigint      NOT NULL GENERATED ALWAYS AS IDENTITY,
    processor   text        COLLATE "C" NOT NULL CHECK (processor ~ '^[a-z][a-z0-9_-]{0,31}$'),
    id          text        COLLATE "C" NOT NULL CHECK (id ~ '^[!-~]{1,255}$'),
    account     text        COLLATE "C" NOT NULL DEFAULT '' CHECK (octet_length(account) <= 255),
    connect     boolean     NOT NULL,
    type        text        COLLATE "C" NOT NULL DEFAULT '' CHECK (octet_length(type) <= 255),
    object      text        COLLATE "C" NOT NULL DEFAULT '' CHECK (octet_length(object) <= 255),
    kind        text        COLLATE "C" NOT NULL DEFAULT '' CHECK (octet_length(kind) <= 255),
    version     text        COLLATE "C" NOT NULL DEFAULT '' CHECK (octet_length(version) <= 255),
    live        boolean     NOT NULL,
    ours        boolean     NOT NULL,
    created     timestamptz NOT NULL CHECK (isfinite(created)),
    received_at timestamptz NOT NULL CHECK (isfinite(received_at)),
    alarm       boolean     NOT NULL DEFAULT false,
    says        bytea       NOT NULL CHECK (octet_length(says) = 32),
    body        bytea       NOT NULL CHECK (octet_length(body) BETWEEN 1 AND 524288),
    handled_at  timestamptz CHECK (isfinite(handled_at)),
    outcome     text        COLLATE "C" NOT NULL DEFAULT '' CHECK (outcome ~ '^[a-z0-9-]{0,64}$'),
    CONSTRAINT processor_notices_pkey PRIMARY KEY (number),
    CONSTRAINT processor_notices_said UNIQUE (processor, id, says),
    CONSTRAINT processor_notices_handled CHECK ((handled_at IS NULL) = (outcome = '')),
    -- What contradicts a notice that was received before, or is of the other mode, is never work to be done.
    CONSTRAINT processor_notices_apart CHECK ((NOT alarm AND ours) OR handled_at IS NOT NULL)
);
COMMENT ON COLUMN processor_notices.connect IS 'which of the two secrets signed it';
COMMENT ON COLUMN processor_notices.ours IS 'whether it is of the mode, live or test, of the key in use when it came';
COMMENT ON COLUMN processor_notices.alarm IS 'another notice had this id before and says something else';
COMMENT ON COLUMN processor_notices.says IS 'SHA-256 of what it says, without what differs between two deliveries of one notice';
COMMENT ON COLUMN processor_notices.outcome IS 'what came of it, for programs; empty until it is handled';
-- One notice of each id counts; all others with this id are alarms.
CREATE UNIQUE INDEX processor_notices_once ON processor_notices (processor, id) WHERE NOT alarm;
CREATE INDEX processor_notices_unhandled ON processor_notices (number) WHERE handled_at IS NULL;
CREATE INDEX processor_notices_alarms ON processor_notices (number) WHERE alarm;
CREATE INDEX processor_notices_object ON processor_notices (object, number) WHERE object <> '';

-- +goose StatementBegin
-- A notice is handled once and otherwise never changes, whoever writes to the table. It may hold what a processor knows of
-- people, so it is forgotten 90 days after it was handled, and not before, by the clock of the database.
CREATE FUNCTION guard_processor_notice() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    handled processor_notices := OLD;
BEGIN
    IF TG_OP = 'DELETE' AND OLD.handled_at < now() - interval '90 days' THEN
        RETURN OLD;
    END IF;
    IF TG_OP = 'UPDATE' THEN
        handled.handled_at := NEW.handled_at;
        handled.outcome := NEW.outcome;
        IF OLD.handled_at IS NULL AND NEW.handled_at IS NOT NULL AND handled IS NOT DISTINCT FROM NEW THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'a notice of a processor is handled once and never changed' USING ERRCODE = '42501', CONSTRAINT = 'processor_notices_kept';
END $$;
-- +goose StatementEnd
CREATE TRIGGER kept BEFORE UPDATE OR DELETE ON processor_notices FOR EACH ROW EXECUTE FUNCTION guard_processor_notice();
CREATE TRIGGER never_truncated BEFORE TRUNCATE ON processor_notices FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE processor_notices ENABLE ALWAYS TRIGGER kept;
ALTER TABLE processor_notices ENABLE ALWAYS TRIGGER never_truncated;

REVOKE ALL ON processor_notices FROM PUBLIC;
GRANT SELECT, INSERT, DELETE ON processor_notices TO mizan_app;
GRANT UPDATE (handled_at, outcome) ON processor_notices TO mizan_app;
