-- What arrives by itself: messages of shops and processors, stored as they came before anything is done with them, and
-- how a shop's orders are read.

-- +goose Up
CREATE TABLE inbound_messages (
    book_id      integer     NOT NULL REFERENCES books (id),
    id           bigint      NOT NULL GENERATED ALWAYS AS IDENTITY,
    source       text        COLLATE "C" NOT NULL CHECK (source ~ '^[a-z][a-z0-9_-]{0,31}$'),
    message_id   text        COLLATE "C" NOT NULL CHECK (octet_length(message_id) BETWEEN 1 AND 128),
    topic        text        COLLATE "C" NOT NULL CHECK (octet_length(topic) BETWEEN 1 AND 128),
    origin       text        COLLATE "C" NOT NULL DEFAULT '' CHECK (octet_length(origin) <= 255),
    sha256       bytea       NOT NULL CHECK (sha256 = sha256(body)),
    body         bytea       NOT NULL CHECK (octet_length(body) <= 1048576),
    received_at  timestamptz NOT NULL CHECK (isfinite(received_at)),
    state        text        NOT NULL CHECK (state IN ('received', 'applied', 'parked', 'ignored')),
    reason       text        COLLATE "C" NOT NULL DEFAULT '' CHECK (octet_length(reason) <= 64),
    detail       text        NOT NULL DEFAULT '' CHECK (octet_length(detail) <= 1024),
    about        text        COLLATE "C" NOT NULL DEFAULT '' CHECK (octet_length(about) <= 128),
    reference    text        COLLATE "C" NOT NULL DEFAULT '' CHECK (octet_length(reference) <= 255),
    attempts     integer     NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    conflicts    integer     NOT NULL DEFAULT 0 CHECK (conflicts >= 0),
    next_attempt timestamptz CHECK (isfinite(next_attempt)),
    CONSTRAINT inbound_messages_pkey PRIMARY KEY (book_id, id),
    CONSTRAINT inbound_messages_once UNIQUE (book_id, source, message_id),
    CHECK (state <> 'received' OR next_attempt IS NOT NULL)
);
COMMENT ON COLUMN inbound_messages.about IS 'the order that the message is about, by which its other messages are found';
COMMENT ON COLUMN inbound_messages.next_attempt IS 'when it is applied again; null for a message that waits for nothing, or for a person';
CREATE INDEX inbound_messages_due ON inbound_messages (next_attempt) WHERE next_attempt IS NOT NULL;
CREATE INDEX inbound_messages_about ON inbound_messages (book_id, source, about) WHERE about <> '';

CREATE TABLE import_sources (
    book_id     integer     NOT NULL REFERENCES books (id),
    source      text        COLLATE "C" NOT NULL CHECK (source ~ '^[a-z][a-z0-9_-]{0,31}$'),
    version     integer     NOT NULL CHECK (version BETWEEN 1 AND 100000),
    recorded_at timestamptz NOT NULL CHECK (isfinite(recorded_at)),
    content     bytea       NOT NULL CHECK (octet_length(content) BETWEEN 2 AND 262144),
    CONSTRAINT import_sources_pkey PRIMARY KEY (book_id, source, version)
);
SELECT guard_table('import_sources', '');

REVOKE ALL ON inbound_messages, import_sources FROM PUBLIC;
GRANT SELECT, INSERT ON inbound_messages, import_sources TO mizan_app;
GRANT UPDATE (state, reason, detail, about, reference, attempts, conflicts, next_attempt) ON inbound_messages TO mizan_app;
