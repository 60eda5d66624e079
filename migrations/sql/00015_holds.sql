-- Holds: flags on payees whose money is to be blocked when it becomes available, and the facts that go with them.

-- +goose Up
CREATE TABLE payee_blocks (
    book_id     integer     NOT NULL REFERENCES books (id),
    hold        text        COLLATE "C" NOT NULL CHECK (hold ~ '^[A-Za-z0-9_.-]{1,64}$'),
    kind        text        COLLATE "C" NOT NULL CHECK (kind IN ('seller', 'creator', 'agency', 'partner')),
    payee       text        COLLATE "C" NOT NULL CHECK (payee ~ '^[A-Za-z0-9_.-]{1,64}$'),
    currency    text        COLLATE "C" NOT NULL DEFAULT '' CHECK (currency ~ '^([A-Z]{3})?$'),
    wanted      bigint      CHECK (wanted > 0),
    placed_at   timestamptz NOT NULL CHECK (isfinite(placed_at)),
    released_at timestamptz CHECK (isfinite(released_at) AND released_at >= placed_at),
    CONSTRAINT payee_blocks_pkey PRIMARY KEY (book_id, hold),
    CONSTRAINT payee_blocks_wanted CHECK (wanted IS NULL OR currency <> '')
);
COMMENT ON COLUMN payee_blocks.currency IS 'the only one that is caught; empty: every one';
COMMENT ON COLUMN payee_blocks.wanted IS 'in minor units, how much was still to come when the flag was raised; null: everything';
CREATE INDEX payee_blocks_open ON payee_blocks (book_id, kind, payee, placed_at, hold) WHERE released_at IS NULL;

-- +goose StatementBegin
-- A flag is raised once and taken down once; nothing else of it ever changes.
CREATE FUNCTION guard_payee_block() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.released_at IS NOT NULL THEN
            RAISE EXCEPTION 'a flag begins raised' USING ERRCODE = '42501', CONSTRAINT = 'payee_blocks_begin_raised';
        END IF;
        RETURN NEW;
    END IF;
    IF TG_OP = 'DELETE' OR OLD.released_at IS NOT NULL OR NEW.released_at IS NULL
       OR (NEW.book_id, NEW.hold, NEW.kind, NEW.payee, NEW.currency, NEW.wanted, NEW.placed_at)
          IS DISTINCT FROM (OLD.book_id, OLD.hold, OLD.kind, OLD.payee, OLD.currency, OLD.wanted, OLD.placed_at) THEN
        RAISE EXCEPTION 'a flag on a payee is only taken down, once' USING ERRCODE = '42501', CONSTRAINT = 'payee_blocks_once';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
-- A copy of the database takes in flags that were taken down long ago, so only what begins here begins raised.
CREATE TRIGGER begins_raised BEFORE INSERT ON payee_blocks FOR EACH ROW EXECUTE FUNCTION guard_payee_block();
CREATE TRIGGER taken_down_once BEFORE UPDATE OR DELETE ON payee_blocks FOR EACH ROW EXECUTE FUNCTION guard_payee_block();
CREATE TRIGGER never_truncated BEFORE TRUNCATE ON payee_blocks FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE payee_blocks ENABLE ALWAYS TRIGGER taken_down_once;
ALTER TABLE payee_blocks ENABLE ALWAYS TRIGGER never_truncated;

-- What a flag has caught is noted in a story of its own, and that a parcel was shipped in that of its order.
INSERT INTO fact_events (event) VALUES ('hold.filled'), ('order.shipped');

REVOKE ALL ON payee_blocks FROM PUBLIC;
GRANT SELECT, INSERT, UPDATE (released_at) ON payee_blocks TO mizan_app;
