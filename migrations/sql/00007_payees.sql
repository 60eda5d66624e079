-- Payees: what the rules must know about whoever is paid. Nothing personal stands here. A change is a next version beside
-- those before it, so what was known when an event was recorded can be shown for ever.

-- +goose Up
CREATE TABLE payees (
    book_id         integer     NOT NULL REFERENCES books (id),
    id              text        COLLATE "C" NOT NULL CHECK (id ~ '^[A-Za-z0-9_.-]{1,64}$'),
    version         integer     NOT NULL CHECK (version BETWEEN 1 AND 1000000),
    kind            text        NOT NULL CHECK (kind IN ('seller', 'creator', 'agency', 'partner', 'charity', 'guardian')),
    country         text        NOT NULL CHECK (country ~ '^[A-Z]{2}$'),
    currency        text        NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    settlement_tier text        NOT NULL DEFAULT '' CHECK (octet_length(settlement_tier) <= 32),
    minor           boolean     NOT NULL,
    guardian        text        COLLATE "C" NOT NULL DEFAULT '' CHECK (guardian ~ '^[A-Za-z0-9_.-]{0,64}$'),
    trust_rate      text        NOT NULL DEFAULT '' CHECK (trust_rate ~ '^([01](\.[0-9]{1,12})?)?$'),
    recorded_at     timestamptz NOT NULL CHECK (isfinite(recorded_at)),
    CONSTRAINT payees_pkey PRIMARY KEY (book_id, id, version),
    CHECK (NOT minor OR (kind = 'creator' AND guardian <> '' AND trust_rate <> ''))
);
COMMENT ON COLUMN payees.kind IS 'kind, country and currency are those of the first version';
COMMENT ON COLUMN payees.trust_rate IS 'the part of a minor''s gross earnings that is set aside; empty for anybody else';
SELECT guard_table('payees', '');

-- That an event took something out of the trust of a minor is noted in the story of the trust.
INSERT INTO fact_events (event) VALUES ('minor_trust.reduced');

REVOKE ALL ON payees FROM PUBLIC;
GRANT SELECT, INSERT ON payees TO mizan_app;
