-- Reconciliation: what processors, banks and channels say (evidence), what of it agrees with the books (runs), what does not
-- (breaks), and months that are closed upon it. Money stands in the ledger alone.

-- +goose Up

-- Where evidence comes from: an account at a processor, an account at a bank, or a sales channel.
CREATE TABLE evidence_sources (
    book_id     integer     NOT NULL REFERENCES books (id),
    id          smallint    NOT NULL CHECK (id BETWEEN 1 AND 1000),
    kind        text        COLLATE "C" NOT NULL CHECK (kind IN ('processor', 'bank', 'channel')),
    name        text        COLLATE "C" NOT NULL CHECK (name ~ '^[A-Za-z0-9_.-]{1,64}$'),
    recorded_at timestamptz NOT NULL CHECK (isfinite(recorded_at)),
    CONSTRAINT evidence_sources_pkey PRIMARY KEY (book_id, id),
    CONSTRAINT evidence_sources_once UNIQUE (book_id, kind, name)
);
SELECT guard_table('evidence_sources', '');

-- How a source is read: its accounts in the ledger, its format. A change is a next version.
CREATE TABLE evidence_settings (
    book_id     integer     NOT NULL,
    source_id   smallint    NOT NULL,
    version     integer     NOT NULL CHECK (version BETWEEN 1 AND 1000000),
    document    text        NOT NULL CHECK (octet_length(document) BETWEEN 2 AND 16384),
    recorded_at timestamptz NOT NULL CHECK (isfinite(recorded_at)),
    CONSTRAINT evidence_settings_pkey PRIMARY KEY (book_id, source_id, version),
    CONSTRAINT evidence_settings_of FOREIGN KEY (book_id, source_id) REFERENCES evidence_sources (book_id, id)
);
SELECT guard_table('evidence_settings', '');

-- How far a source's evidence is numbered. The row is the lock under which evidence of the source is taken.
CREATE TABLE evidence_heads (
    book_id       integer  NOT NULL,
    source_id     smallint NOT NULL,
    last_receipt  bigint   NOT NULL DEFAULT 0 CHECK (last_receipt >= 0),
    last_line     bigint   NOT NULL DEFAULT 0 CHECK (last_line >= 0),
    pulled_until  timestamptz CHECK (isfinite(pulled_until)),
    reread_from   timestamptz CHECK (isfinite(reread_from)),
    CONSTRAINT evidence_heads_pkey PRIMARY KEY (book_id, source_id),
    CONSTRAINT evidence_heads_of FOREIGN KEY (book_id, source_id) REFERENCES evidence_sources (book_id, id)
) WITH (fillfactor = 20);
COMMENT ON COLUMN evidence_heads.reread_from IS 'from when on the processor''s entries are to be read again, since the lines did not come to its balance; nothing if that was done';
COMMENT ON COLUMN evidence_heads.pulled_until IS 'the processor''s entries before this were read; they are read again some days back';

-- +goose StatementBegin
CREATE FUNCTION guard_evidence_head() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR NEW.last_receipt < OLD.last_receipt OR NEW.last_line < OLD.last_line OR NEW.pulled_until < OLD.pulled_until
       OR (OLD.pulled_until IS NOT NULL AND NEW.pulled_until IS NULL) THEN
        RAISE EXCEPTION 'evidence is only added' USING ERRCODE = '42501', CONSTRAINT = 'evidence_heads_forward';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER moves_on BEFORE UPDATE OR DELETE ON evidence_heads FOR EACH ROW EXECUTE FUNCTION guard_evidence_head();
ALTER TABLE evidence_heads ENABLE ALWAYS TRIGGER moves_on;

-- What was taken at one time: a bank's file as it came, or what was new of the processor's entries. The hash is that of its bytes.
CREATE TABLE evidence_receipts (
    book_id      integer     NOT NULL,
    source_id    smallint    NOT NULL,
    number       bigint      NOT NULL CHECK (number > 0),
    kind         text        COLLATE "C" NOT NULL CHECK (kind IN ('statement', 'pull')),
    format       text        COLLATE "C" NOT NULL CHECK (octet_length(format) BETWEEN 1 AND 32),
    settings     integer     NOT NULL CHECK (settings >= 0),
    sha256       bytea       NOT NULL CHECK (octet_length(sha256) = 32),
    bytes        bigint      NOT NULL CHECK (bytes BETWEEN 0 AND 268435456),
    window_from  timestamptz CHECK (isfinite(window_from)),
    window_until timestamptz CHECK (isfinite(window_until)),
    first_line   bigint      NOT NULL CHECK (first_line > 0),
    new_lines    bigint      NOT NULL CHECK (new_lines >= 0),
    known_lines  bigint      NOT NULL CHECK (known_lines >= 0),
    changes      integer     NOT NULL DEFAULT 0 CHECK (changes >= 0),
    taken_by     text        COLLATE "C" NOT NULL CHECK (octet_length(taken_by) BETWEEN 1 AND 128),
    recorded_at  timestamptz NOT NULL CHECK (isfinite(recorded_at)),
    CONSTRAINT evidence_receipts_pkey PRIMARY KEY (book_id, source_id, number),
    CONSTRAINT evidence_receipts_of FOREIGN KEY (book_id, source_id) REFERENCES evidence_sources (book_id, id)
);
-- The same file twice is one.
CREATE UNIQUE INDEX evidence_receipts_once ON evidence_receipts (book_id, source_id, sha256) WHERE kind = 'statement';
SELECT guard_table('evidence_receipts', '');

CREATE TABLE evidence_parts (
    book_id   integer  NOT NULL,
    source_id smallint NOT NULL,
    receipt   bigint   NOT NULL,
    part      integer  NOT NULL CHECK (part BETWEEN 1 AND 256),
    content   bytea    NOT NULL CHECK (octet_length(content) BETWEEN 1 AND 1048576),
    CONSTRAINT evidence_parts_pkey PRIMARY KEY (book_id, source_id, receipt, part),
    CONSTRAINT evidence_parts_of FOREIGN KEY (book_id, source_id, receipt) REFERENCES evidence_receipts (book_id, source_id, number)
);
SELECT guard_table('evidence_parts', '');

-- One line of a processor, a bank or a channel, once for ever by its own id, numbered in the order in which we learnt of it.
CREATE TABLE evidence_lines (
    book_id      integer     NOT NULL,
    source_id    smallint    NOT NULL,
    number       bigint      NOT NULL CHECK (number > 0),
    receipt      bigint      NOT NULL CHECK (receipt > 0),
    line_id      text        COLLATE "C" NOT NULL CHECK (octet_length(line_id) BETWEEN 1 AND 255),
    key          text        COLLATE "C" NOT NULL CHECK (octet_length(key) BETWEEN 1 AND 255 AND key !~ '^@'),
    currency     text        COLLATE "C" NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    gross        bigint      NOT NULL,
    fee          bigint      NOT NULL,
    net          bigint      NOT NULL CHECK (net = gross - fee),
    category     text        COLLATE "C" NOT NULL CHECK (octet_length(category) BETWEEN 1 AND 64),
    type         text        COLLATE "C" NOT NULL DEFAULT '' CHECK (octet_length(type) <= 64),
    source_ref   text        COLLATE "C" NOT NULL DEFAULT '' CHECK (octet_length(source_ref) <= 255),
    batch        text        COLLATE "C" NOT NULL DEFAULT '' CHECK (octet_length(batch) <= 255),
    trace        text        COLLATE "C" NOT NULL DEFAULT '' CHECK (octet_length(trace) <= 255),
    note         text        NOT NULL DEFAULT '' CHECK (octet_length(note) <= 2000),
    rate         text        COLLATE "C" NOT NULL DEFAULT '' CHECK (octet_length(rate) <= 32),
    moved_at     timestamptz NOT NULL CHECK (isfinite(moved_at)),
    available_at timestamptz CHECK (isfinite(available_at)),
    status       text        COLLATE "C" NOT NULL DEFAULT '' CHECK (octet_length(status) <= 32),
    CONSTRAINT evidence_lines_pkey PRIMARY KEY (book_id, source_id, number),
    CONSTRAINT evidence_lines_once UNIQUE (book_id, source_id, line_id),
    CONSTRAINT evidence_lines_of FOREIGN KEY (book_id, source_id, receipt) REFERENCES evidence_receipts (book_id, source_id, number)
);
CREATE INDEX evidence_lines_key ON evidence_lines (book_id, source_id, key, number);
CREATE INDEX evidence_lines_moved ON evidence_lines (book_id, source_id, moved_at, number);
-- Payouts, which are asked of again until their lines come to them.
CREATE INDEX evidence_lines_payouts ON evidence_lines (book_id, source_id, moved_at) WHERE category = 'payout';
-- Lines whose money is not available yet: the day on which it should be is read again.
CREATE INDEX evidence_lines_pending ON evidence_lines (book_id, source_id, moved_at, available_at) WHERE status = 'pending';
COMMENT ON COLUMN evidence_lines.key IS 'what the ledger knows it by: the id of what moved the money, or its own; never the place of an entry, which begins with an @';
COMMENT ON COLUMN evidence_lines.net IS 'what the balance moved by, positive for money that came in, in minor units of the ledger';

-- +goose StatementBegin
-- What a line says stays; only when its money becomes available may still change.
CREATE FUNCTION guard_evidence_line() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR (to_jsonb(NEW) - 'status' - 'available_at') <> (to_jsonb(OLD) - 'status' - 'available_at') THEN
        RAISE EXCEPTION 'evidence stays as it was taken' USING ERRCODE = '42501', CONSTRAINT = 'evidence_lines_kept';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER kept BEFORE UPDATE OR DELETE ON evidence_lines FOR EACH ROW EXECUTE FUNCTION guard_evidence_line();
CREATE TRIGGER never_truncated BEFORE TRUNCATE ON evidence_lines FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE evidence_lines ENABLE ALWAYS TRIGGER kept;
ALTER TABLE evidence_lines ENABLE ALWAYS TRIGGER never_truncated;

-- What a source said later of a line that was known: it must not change its amount, and if it does, people are told.
CREATE TABLE evidence_changes (
    book_id   integer  NOT NULL,
    source_id smallint NOT NULL,
    receipt   bigint   NOT NULL,
    line      bigint   NOT NULL,
    field     text     COLLATE "C" NOT NULL CHECK (field IN ('amount', 'fee', 'currency', 'category', 'type', 'source', 'moved_at', 'status', 'available_at')),
    was       text     NOT NULL CHECK (octet_length(was) <= 255),
    became    text     NOT NULL CHECK (octet_length(became) <= 255),
    CONSTRAINT evidence_changes_pkey PRIMARY KEY (book_id, source_id, receipt, line, field),
    CONSTRAINT evidence_changes_of FOREIGN KEY (book_id, source_id, line) REFERENCES evidence_lines (book_id, source_id, number)
);
CREATE INDEX evidence_changes_line ON evidence_changes (book_id, source_id, line, field, receipt);
CREATE INDEX evidence_changes_conflicts ON evidence_changes (book_id, source_id, receipt, line, field) WHERE field NOT IN ('status', 'available_at');
SELECT guard_table('evidence_changes', '');

-- What a processor says that it holds for us, and up to which line that was; of a bank, with what a file's last statement ends.
CREATE TABLE evidence_balances (
    book_id   integer     NOT NULL,
    source_id smallint    NOT NULL,
    receipt   bigint      NOT NULL,
    currency  text        COLLATE "C" NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    at        timestamptz NOT NULL CHECK (isfinite(at)),
    last_line bigint      NOT NULL CHECK (last_line >= 0),
    available bigint      NOT NULL,
    pending   bigint      NOT NULL,
    reserved  bigint      NOT NULL,
    lines_net bigint      NOT NULL,
    CONSTRAINT evidence_balances_pkey PRIMARY KEY (book_id, source_id, receipt, currency),
    CONSTRAINT evidence_balances_of FOREIGN KEY (book_id, source_id, receipt) REFERENCES evidence_receipts (book_id, source_id, number)
);
COMMENT ON COLUMN evidence_balances.lines_net IS 'the sum of the nets of all lines known then, which must be available and pending together';
SELECT guard_table('evidence_balances', '');

-- Payouts that a processor made, and whether the lines that it names for each come to it, as they are known here.
CREATE TABLE evidence_payouts (
    book_id   integer     NOT NULL,
    source_id smallint    NOT NULL,
    payout    text        COLLATE "C" NOT NULL CHECK (octet_length(payout) BETWEEN 1 AND 255),
    currency  text        COLLATE "C" NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    paid      bigint      NOT NULL CHECK (paid > 0),
    moved_at  timestamptz NOT NULL CHECK (isfinite(moved_at)),
    state     text        COLLATE "C" NOT NULL CHECK (state IN ('ties', 'differs', 'ordered', 'too_large', 'unanswered')),
    named     integer     NOT NULL CHECK (named >= 0),
    known     integer     NOT NULL CHECK (known BETWEEN 0 AND named),
    known_net bigint      NOT NULL,
    not_known text[]      COLLATE "C" NOT NULL DEFAULT '{}' CHECK (cardinality(not_known) <= 20),
    asked_at  timestamptz NOT NULL CHECK (isfinite(asked_at)),
    CONSTRAINT evidence_payouts_pkey PRIMARY KEY (book_id, source_id, payout),
    CONSTRAINT evidence_payouts_of FOREIGN KEY (book_id, source_id) REFERENCES evidence_sources (book_id, id)
);
COMMENT ON COLUMN evidence_payouts.state IS 'of a payout that was ordered the processor does not know the lines; of one with too many it does not list them';
COMMENT ON COLUMN evidence_payouts.not_known IS 'the first of the lines that the processor names and that are not known here';
CREATE INDEX evidence_payouts_told ON evidence_payouts (book_id, source_id, payout) WHERE state IN ('differs', 'too_large', 'unanswered');
CREATE INDEX evidence_payouts_again ON evidence_payouts (book_id, source_id, asked_at, payout) WHERE state IN ('differs', 'unanswered');
-- +goose StatementBegin
-- A payout stays what it was; only what is known of its lines changes, and never by an older answer.
CREATE FUNCTION guard_evidence_payout() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR NEW.asked_at < OLD.asked_at
       OR (NEW.book_id, NEW.source_id, NEW.payout, NEW.currency, NEW.paid, NEW.moved_at) IS DISTINCT FROM (OLD.book_id, OLD.source_id, OLD.payout, OLD.currency, OLD.paid, OLD.moved_at) THEN
        RAISE EXCEPTION 'a payout stays as it was made' USING ERRCODE = '42501', CONSTRAINT = 'evidence_payouts_kept';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER kept BEFORE UPDATE OR DELETE ON evidence_payouts FOR EACH ROW EXECUTE FUNCTION guard_evidence_payout();
CREATE TRIGGER never_truncated BEFORE TRUNCATE ON evidence_payouts FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE evidence_payouts ENABLE ALWAYS TRIGGER kept;
ALTER TABLE evidence_payouts ENABLE ALWAYS TRIGGER never_truncated;

-- What a bank's statement says of itself: opening and lines come to closing, and it begins where the one before ended.
CREATE TABLE evidence_statements (
    book_id      integer  NOT NULL,
    source_id    smallint NOT NULL,
    receipt      bigint   NOT NULL,
    ordinal      integer  NOT NULL CHECK (ordinal > 0),
    statement_id text     COLLATE "C" NOT NULL CHECK (octet_length(statement_id) BETWEEN 1 AND 255),
    sequence     text     COLLATE "C" NOT NULL DEFAULT '' CHECK (octet_length(sequence) <= 64),
    currency     text     COLLATE "C" NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    from_day     date,
    until_day    date,
    opening      bigint   NOT NULL,
    closing      bigint   NOT NULL,
    lines        bigint   NOT NULL CHECK (lines >= 0),
    proved       boolean  NOT NULL,
    CONSTRAINT evidence_statements_pkey PRIMARY KEY (book_id, source_id, receipt, ordinal),
    CONSTRAINT evidence_statements_of FOREIGN KEY (book_id, source_id, receipt) REFERENCES evidence_receipts (book_id, source_id, number)
);
COMMENT ON COLUMN evidence_statements.proved IS 'whether it states balances at all; one without proves nothing';
CREATE INDEX evidence_statements_days ON evidence_statements (book_id, source_id, currency, until_day, receipt, ordinal);
SELECT guard_table('evidence_statements', '');

-- By which tolerances, times and limits a book is reconciled. Versions never change.
CREATE TABLE recon_rules (
    book_id     integer     NOT NULL REFERENCES books (id),
    version     integer     NOT NULL CHECK (version BETWEEN 1 AND 1000000),
    valid_from  timestamptz NOT NULL CHECK (isfinite(valid_from)),
    document    text        NOT NULL CHECK (octet_length(document) BETWEEN 2 AND 16384),
    recorded_at timestamptz NOT NULL CHECK (isfinite(recorded_at)),
    approval    text        COLLATE "C" NOT NULL DEFAULT '' CHECK (octet_length(approval) <= 64),
    CONSTRAINT recon_rules_pkey PRIMARY KEY (book_id, version),
    CONSTRAINT recon_rules_date UNIQUE (book_id, valid_from)
);
SELECT guard_table('recon_rules', '');

-- How far each match of each source has come. A run is recorded only if the head is where the run began.
CREATE TABLE recon_heads (
    book_id   integer  NOT NULL REFERENCES books (id),
    match     smallint NOT NULL CHECK (match BETWEEN 1 AND 4),
    source_id smallint NOT NULL CHECK (source_id BETWEEN 0 AND 1000),
    run       bigint   NOT NULL DEFAULT 0 CHECK (run >= 0),
    line      bigint   NOT NULL DEFAULT 0 CHECK (line >= 0),
    sequence  bigint   NOT NULL DEFAULT 0 CHECK (sequence >= 0),
    CONSTRAINT recon_heads_pkey PRIMARY KEY (book_id, match, source_id)
) WITH (fillfactor = 20);
COMMENT ON COLUMN recon_heads.source_id IS 'nothing (0) for what has no source, as the sub-ledgers';

-- +goose StatementBegin
CREATE FUNCTION guard_recon_head() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR NEW.run NOT IN (OLD.run, OLD.run + 1) OR NEW.line < OLD.line OR NEW.sequence < OLD.sequence THEN
        RAISE EXCEPTION 'runs follow each other' USING ERRCODE = '42501', CONSTRAINT = 'recon_heads_forward';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER moves_on BEFORE UPDATE OR DELETE ON recon_heads FOR EACH ROW EXECUTE FUNCTION guard_recon_head();
ALTER TABLE recon_heads ENABLE ALWAYS TRIGGER moves_on;

-- A run compared all lines after the run before it, and those that were open, up to a line and a sequence. It never changes.
CREATE TABLE recon_runs (
    book_id       integer     NOT NULL REFERENCES books (id),
    id            text        COLLATE "C" NOT NULL CHECK (id ~ '^rec_[a-z0-9]{16}$'),
    match         smallint    NOT NULL CHECK (match BETWEEN 1 AND 4),
    source_id     smallint    NOT NULL CHECK (source_id BETWEEN 0 AND 1000),
    number        bigint      NOT NULL CHECK (number > 0),
    cut_off       timestamptz NOT NULL CHECK (isfinite(cut_off)),
    from_line     bigint      NOT NULL CHECK (from_line >= 0),
    to_line       bigint      NOT NULL CHECK (to_line >= from_line),
    from_sequence bigint      NOT NULL CHECK (from_sequence >= 0),
    to_sequence   bigint      NOT NULL CHECK (to_sequence >= from_sequence),
    rules         integer     NOT NULL CHECK (rules >= 0),
    settings      integer     NOT NULL CHECK (settings >= 0),
    inputs        text        NOT NULL CHECK (octet_length(inputs) BETWEEN 2 AND 4194304),
    summary       text        NOT NULL CHECK (octet_length(summary) BETWEEN 2 AND 1048576),
    digest        bytea       NOT NULL CHECK (octet_length(digest) = 32),
    matched       bigint      NOT NULL CHECK (matched >= 0),
    open_items    bigint      NOT NULL CHECK (open_items >= 0),
    found         bigint      NOT NULL CHECK (found >= 0),
    trigger       text        COLLATE "C" NOT NULL CHECK (trigger IN ('scheduled', 'manual', 'close')),
    started_by    text        COLLATE "C" NOT NULL CHECK (octet_length(started_by) BETWEEN 1 AND 128),
    recorded_at   timestamptz NOT NULL CHECK (isfinite(recorded_at)),
    took_ms       bigint      NOT NULL CHECK (took_ms >= 0),
    CONSTRAINT recon_runs_pkey PRIMARY KEY (book_id, id),
    CONSTRAINT recon_runs_number UNIQUE (book_id, match, source_id, number)
);
COMMENT ON COLUMN recon_runs.inputs IS 'the evidence that it rests on, by its hashes, the rules and the place in the ledger, in canonical JSON';
COMMENT ON COLUMN recon_runs.summary IS 'sums by currency and category on both sides, in canonical JSON; part of the digest';
COMMENT ON COLUMN recon_runs.found IS 'how many differences it found, new and known';
CREATE INDEX recon_runs_listed ON recon_runs (book_id, recorded_at, id);
SELECT guard_table('recon_runs', '');

-- What matched nothing yet: a line of the source (side e, a is its number) or an entry of the ledger (side l, a its sequence and b
-- its line). open_from is the run that left it open, open_until the first run for which it was open no more.
CREATE TABLE recon_items (
    book_id    integer  NOT NULL REFERENCES books (id),
    match      smallint NOT NULL CHECK (match BETWEEN 1 AND 4),
    source_id  smallint NOT NULL CHECK (source_id BETWEEN 0 AND 1000),
    side       text     COLLATE "C" NOT NULL CHECK (side IN ('e', 'l')),
    a          bigint   NOT NULL CHECK (a > 0),
    b          smallint NOT NULL CHECK (b >= 0),
    key        text     COLLATE "C" NOT NULL CHECK (octet_length(key) BETWEEN 1 AND 255),
    currency   text     COLLATE "C" NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    debits     bigint   NOT NULL CHECK (debits >= 0),
    credits    bigint   NOT NULL CHECK (credits >= 0),
    day        date     NOT NULL,
    open_from  bigint   NOT NULL CHECK (open_from > 0),
    open_until bigint   CHECK (open_until > open_from),
    how        text     COLLATE "C" NOT NULL DEFAULT '' CHECK (how IN ('', 'matched', 'confirmed', 'by_amount', 'written_off', 'fixed')),
    pairing    text     COLLATE "C" NOT NULL DEFAULT '' CHECK (pairing ~ '^(par_[a-z0-9]{16})?$'),
    CONSTRAINT recon_items_pkey PRIMARY KEY (book_id, match, source_id, side, a, b),
    CONSTRAINT recon_items_ended CHECK ((open_until IS NULL) = (how = ''))
) WITH (fillfactor = 80);
CREATE INDEX recon_items_open ON recon_items (book_id, match, source_id, side, a, b) WHERE open_until IS NULL;
CREATE INDEX recon_items_ended ON recon_items (book_id, match, source_id, open_until, side, a, b) WHERE open_until IS NOT NULL;
CREATE INDEX recon_items_pairing ON recon_items (book_id, pairing) WHERE pairing <> '';

-- +goose StatementBegin
-- An item ends once, and a line belongs to one pairing for ever.
CREATE FUNCTION guard_recon_item() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR OLD.open_until IS NOT NULL
       OR (NEW.book_id, NEW.match, NEW.source_id, NEW.side, NEW.a, NEW.b, NEW.currency, NEW.debits, NEW.credits, NEW.day, NEW.open_from)
          IS DISTINCT FROM (OLD.book_id, OLD.match, OLD.source_id, OLD.side, OLD.a, OLD.b, OLD.currency, OLD.debits, OLD.credits, OLD.day, OLD.open_from) THEN
        RAISE EXCEPTION 'what ended once stays' USING ERRCODE = '42501', CONSTRAINT = 'recon_items_once';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER moves_on BEFORE UPDATE OR DELETE ON recon_items FOR EACH ROW EXECUTE FUNCTION guard_recon_item();
CREATE TRIGGER never_truncated BEFORE TRUNCATE ON recon_items FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE recon_items ENABLE ALWAYS TRIGGER moves_on;
ALTER TABLE recon_items ENABLE ALWAYS TRIGGER never_truncated;

-- Lines that belong together though no key says so: found by amount and day where only one pair was possible, or suggested where
-- several were, and then confirmed or refused by a person.
CREATE TABLE recon_pairings (
    book_id    integer     NOT NULL REFERENCES books (id),
    id         text        COLLATE "C" NOT NULL CHECK (id ~ '^par_[a-z0-9]{16}$'),
    match      smallint    NOT NULL CHECK (match BETWEEN 1 AND 4),
    source_id  smallint    NOT NULL CHECK (source_id BETWEEN 0 AND 1000),
    kind       text        COLLATE "C" NOT NULL CHECK (kind IN ('one_to_one', 'one_to_many', 'many_to_one')),
    basis      text        COLLATE "C" NOT NULL CHECK (basis IN ('amount', 'sum', 'person')),
    state      text        COLLATE "C" NOT NULL CHECK (state IN ('suggested', 'made', 'refused', 'void')),
    identity   text        COLLATE "C" NOT NULL CHECK (octet_length(identity) BETWEEN 1 AND 255),
    members    text        NOT NULL CHECK (octet_length(members) BETWEEN 2 AND 1048576),
    run        bigint      NOT NULL CHECK (run >= 0),
    receipt    bigint      NOT NULL DEFAULT 0 CHECK (receipt >= 0),
    decided_by text        COLLATE "C" NOT NULL DEFAULT '' CHECK (octet_length(decided_by) <= 128),
    decided_at timestamptz CHECK (isfinite(decided_at)),
    note       text        NOT NULL DEFAULT '' CHECK (octet_length(note) <= 2000),
    CONSTRAINT recon_pairings_pkey PRIMARY KEY (book_id, id),
    CONSTRAINT recon_pairings_once UNIQUE (book_id, match, source_id, identity)
);
COMMENT ON COLUMN recon_pairings.identity IS 'what follows from its members, so that a suggestion is made once; one that a person refused does not come again';
COMMENT ON COLUMN recon_pairings.receipt IS 'the last receipt of the source that was known when it was suggested last';
CREATE INDEX recon_pairings_listed ON recon_pairings (book_id, state, id);
CREATE INDEX recon_pairings_refused ON recon_pairings (book_id, match, source_id, identity) WHERE state = 'refused';

-- A difference that somebody has to deal with. It keeps its identity from run to run.
CREATE TABLE recon_breaks (
    book_id         integer     NOT NULL REFERENCES books (id),
    id              text        COLLATE "C" NOT NULL CHECK (id ~ '^brk_[a-z0-9]{16}$'),
    match           smallint    NOT NULL CHECK (match BETWEEN 1 AND 4),
    source_id       smallint    NOT NULL CHECK (source_id BETWEEN 0 AND 1000),
    identity        text        COLLATE "C" NOT NULL CHECK (octet_length(identity) BETWEEN 1 AND 300),
    class           text        COLLATE "C" NOT NULL CHECK (class ~ '^[a-z][a-z0-9_]{0,31}$'),
    state           text        COLLATE "C" NOT NULL CHECK (state IN ('open', 'explained', 'fixed', 'written_off', 'cleared')),
    currency        text        COLLATE "C" NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    amount          bigint      NOT NULL,
    left_ref        text        COLLATE "C" NOT NULL DEFAULT '' CHECK (octet_length(left_ref) <= 255),
    right_ref       text        COLLATE "C" NOT NULL DEFAULT '' CHECK (octet_length(right_ref) <= 255),
    detail          text        NOT NULL CHECK (octet_length(detail) BETWEEN 2 AND 16384),
    happened_at     timestamptz NOT NULL CHECK (isfinite(happened_at)),
    original_period integer     NOT NULL DEFAULT 0,
    first_run       bigint      NOT NULL CHECK (first_run > 0),
    last_run        bigint      NOT NULL CHECK (last_run >= first_run),
    first_seen      timestamptz NOT NULL CHECK (isfinite(first_seen)),
    expected_by     timestamptz CHECK (isfinite(expected_by)),
    owner           text        COLLATE "C" NOT NULL DEFAULT '' CHECK (octet_length(owner) <= 128),
    note            text        NOT NULL DEFAULT '' CHECK (octet_length(note) <= 2000),
    document        text        NOT NULL DEFAULT '' CHECK (octet_length(document) <= 255),
    suspense        bigint      NOT NULL DEFAULT 0,
    suspense_ref    text        COLLATE "C" NOT NULL DEFAULT '' CHECK (octet_length(suspense_ref) <= 255),
    fix             text        COLLATE "C" NOT NULL DEFAULT '' CHECK (octet_length(fix) <= 64),
    changed_at      timestamptz NOT NULL CHECK (isfinite(changed_at)),
    ended_at        timestamptz CHECK (isfinite(ended_at)),
    step            bigint      NOT NULL CHECK (step > 0),
    CONSTRAINT recon_breaks_pkey PRIMARY KEY (book_id, id),
    CONSTRAINT recon_breaks_once UNIQUE (book_id, match, source_id, identity),
    CONSTRAINT recon_breaks_ended CHECK ((ended_at IS NOT NULL) = (state IN ('fixed', 'written_off', 'cleared'))),
    CONSTRAINT recon_breaks_suspense CHECK (suspense = 0 OR (suspense_ref <> '' AND ended_at IS NULL))
) WITH (fillfactor = 80);
COMMENT ON COLUMN recon_breaks.amount IS 'what the other side says less what the ledger says; either sign is a break';
COMMENT ON COLUMN recon_breaks.suspense IS 'what waits in suspense because of it: positive in assets:suspense (money that went), negative in liabilities:suspense (money that came)';
COMMENT ON COLUMN recon_breaks.step IS 'the number of the last step that changed it, by which whoever changes it says what they have seen';
COMMENT ON COLUMN recon_breaks.fix IS 'the transaction that ended it, such as uk-42';
CREATE INDEX recon_breaks_open ON recon_breaks (book_id, first_seen, id) WHERE ended_at IS NULL;
CREATE INDEX recon_breaks_listed ON recon_breaks (book_id, first_seen, id);
CREATE INDEX recon_breaks_state ON recon_breaks (book_id, state, first_seen, id);
CREATE INDEX recon_breaks_waiting ON recon_breaks (book_id, suspense_ref, id) WHERE suspense <> 0;

-- +goose StatementBegin
CREATE FUNCTION guard_recon_break() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR (NEW.book_id, NEW.id, NEW.match, NEW.source_id, NEW.identity, NEW.currency, NEW.first_run, NEW.first_seen)
          IS DISTINCT FROM (OLD.book_id, OLD.id, OLD.match, OLD.source_id, OLD.identity, OLD.currency, OLD.first_run, OLD.first_seen)
       OR NEW.last_run < OLD.last_run OR NEW.step < OLD.step THEN
        RAISE EXCEPTION 'a break keeps what it is' USING ERRCODE = '42501', CONSTRAINT = 'recon_breaks_kept';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER moves_on BEFORE UPDATE OR DELETE ON recon_breaks FOR EACH ROW EXECUTE FUNCTION guard_recon_break();
CREATE TRIGGER never_truncated BEFORE TRUNCATE ON recon_breaks FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE recon_breaks ENABLE ALWAYS TRIGGER moves_on;
ALTER TABLE recon_breaks ENABLE ALWAYS TRIGGER never_truncated;

-- What happened to a break, in one order for the book, so that a list of breaks can be made again as it was.
CREATE TABLE recon_steps (
    book_id  integer     NOT NULL,
    number   bigint      NOT NULL CHECK (number > 0),
    break_id text        COLLATE "C" NOT NULL,
    act      text        COLLATE "C" NOT NULL CHECK (act IN ('found', 'seen', 'changed', 'assigned', 'explained', 'suspended', 'fixed', 'written_off', 'cleared', 'reopened', 'noted')),
    done_by  text        COLLATE "C" NOT NULL CHECK (octet_length(done_by) BETWEEN 1 AND 128),
    at       timestamptz NOT NULL CHECK (isfinite(at)),
    run      bigint      NOT NULL DEFAULT 0,
    standing text        NOT NULL CHECK (octet_length(standing) BETWEEN 2 AND 32768),
    note     text        NOT NULL DEFAULT '' CHECK (octet_length(note) <= 2000),
    approval text        COLLATE "C" NOT NULL DEFAULT '' CHECK (octet_length(approval) <= 64),
    fix      text        COLLATE "C" NOT NULL DEFAULT '' CHECK (octet_length(fix) <= 64),
    CONSTRAINT recon_steps_pkey PRIMARY KEY (book_id, number),
    CONSTRAINT recon_steps_of FOREIGN KEY (book_id, break_id) REFERENCES recon_breaks (book_id, id)
);
COMMENT ON COLUMN recon_steps.standing IS 'the break as it stood after the step, in canonical JSON';
CREATE INDEX recon_steps_break ON recon_steps (book_id, break_id, number);
-- What a run has posted by itself, which its limits count.
CREATE INDEX recon_steps_moved ON recon_steps (book_id, run, number) WHERE act IN ('suspended', 'fixed');
SELECT guard_table('recon_steps', '');

-- The last step of each book, which is also the lock under which breaks change.
CREATE TABLE recon_step_heads (
    book_id integer NOT NULL REFERENCES books (id),
    number  bigint  NOT NULL DEFAULT 0 CHECK (number >= 0),
    CONSTRAINT recon_step_heads_pkey PRIMARY KEY (book_id)
) WITH (fillfactor = 20);

-- Up to which transaction the entries of the suspense accounts were looked at: what business events took from breaks since.
CREATE TABLE recon_suspense_heads (
    book_id  integer NOT NULL REFERENCES books (id),
    sequence bigint  NOT NULL DEFAULT 0 CHECK (sequence >= 0),
    CONSTRAINT recon_suspense_heads_pkey PRIMARY KEY (book_id)
) WITH (fillfactor = 20);

-- +goose StatementBegin
CREATE FUNCTION guard_recon_suspense_head() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR NEW.book_id <> OLD.book_id OR NEW.sequence < OLD.sequence THEN
        RAISE EXCEPTION 'what was looked at stays looked at' USING ERRCODE = '42501', CONSTRAINT = 'recon_suspense_heads_forward';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER moves_on BEFORE UPDATE OR DELETE ON recon_suspense_heads FOR EACH ROW EXECUTE FUNCTION guard_recon_suspense_head();
ALTER TABLE recon_suspense_heads ENABLE ALWAYS TRIGGER moves_on;

-- Months that were closed and reopened. Each row holds the control totals of the month and is chained to the row before it.
CREATE TABLE period_closings (
    book_id     integer     NOT NULL REFERENCES books (id),
    number      integer     NOT NULL CHECK (number > 0),
    act         text        COLLATE "C" NOT NULL CHECK (act IN ('close', 'reopen')),
    period      integer     NOT NULL CHECK (period % 100 BETWEEN 1 AND 12),
    at_sequence bigint      NOT NULL CHECK (at_sequence >= 0),
    document    text        NOT NULL CHECK (octet_length(document) BETWEEN 2 AND 4194304),
    totals      bytea       NOT NULL CHECK (octet_length(totals) = 32),
    previous    bytea       NOT NULL CHECK (octet_length(previous) = 32),
    hash        bytea       NOT NULL CHECK (octet_length(hash) = 32),
    preparer    text        COLLATE "C" NOT NULL CHECK (octet_length(preparer) BETWEEN 1 AND 128),
    approver    text        COLLATE "C" NOT NULL CHECK (octet_length(approver) BETWEEN 1 AND 128),
    approval    text        COLLATE "C" NOT NULL DEFAULT '' CHECK (octet_length(approval) <= 64),
    reason      text        NOT NULL DEFAULT '' CHECK (octet_length(reason) <= 2000),
    recorded_at timestamptz NOT NULL CHECK (isfinite(recorded_at)),
    CONSTRAINT period_closings_pkey PRIMARY KEY (book_id, number)
);
COMMENT ON COLUMN period_closings.totals IS 'the hash of the month''s control totals alone: a month that is closed again with the same totals has the same';
CREATE INDEX period_closings_of ON period_closings (book_id, period, number);
SELECT guard_table('period_closings', '');

-- Transactions that count in another month than the one they happened in, or than that of what they refer to: late postings, and
-- refunds and settlements of earlier sales; and all corrections, which may belong to the month of something that a transaction of
-- their own month refers to. All others are not in it and cost nothing.
CREATE INDEX transactions_other_period ON transactions (book_id, period, sequence)
 WHERE effective_period <> period OR original_period <> period OR reverses IS NOT NULL OR reposts IS NOT NULL;

-- Exports that were asked for: what, at which place of the ledger, and what the file came to. The file itself follows from them.
CREATE TABLE exports (
    book_id     integer     NOT NULL REFERENCES books (id),
    id          text        COLLATE "C" NOT NULL CHECK (id ~ '^exp_[a-z0-9]{16}$'),
    report      text        COLLATE "C" NOT NULL CHECK (report ~ '^[a-z][a-z0-9_]{0,63}$'),
    format      text        COLLATE "C" NOT NULL CHECK (format IN ('csv', 'xlsx', 'jsonl')),
    parameters  text        NOT NULL CHECK (octet_length(parameters) BETWEEN 2 AND 8192),
    at_sequence bigint      NOT NULL CHECK (at_sequence >= 0),
    at_step     bigint      NOT NULL CHECK (at_step >= 0),
    state       text        COLLATE "C" NOT NULL CHECK (state IN ('asked', 'made', 'failed')),
    reason      text        COLLATE "C" NOT NULL DEFAULT '' CHECK (octet_length(reason) <= 255),
    manifest    text        NOT NULL DEFAULT '' CHECK (octet_length(manifest) <= 262144),
    asked_by    text        COLLATE "C" NOT NULL CHECK (octet_length(asked_by) BETWEEN 1 AND 128),
    asked_at    timestamptz NOT NULL CHECK (isfinite(asked_at)),
    made_at     timestamptz CHECK (isfinite(made_at)),
    tries       integer     NOT NULL DEFAULT 0 CHECK (tries >= 0),
    long        boolean     NOT NULL DEFAULT false,
    held_until  timestamptz CHECK (isfinite(held_until)),
    CONSTRAINT exports_pkey PRIMARY KEY (book_id, id),
    CONSTRAINT exports_made CHECK ((state = 'made') = (manifest <> '' AND made_at IS NOT NULL))
);
COMMENT ON COLUMN exports.long IS 'it took longer than a first look, and is made apart from those that may take less';
CREATE INDEX exports_listed ON exports (book_id, asked_at, id);
CREATE INDEX exports_asked ON exports (asked_at, book_id, id) WHERE state = 'asked';

-- +goose StatementBegin
CREATE FUNCTION guard_export() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR OLD.state = 'made' OR (NEW.book_id, NEW.id, NEW.report, NEW.format, NEW.parameters, NEW.at_sequence, NEW.at_step, NEW.asked_by, NEW.asked_at)
          IS DISTINCT FROM (OLD.book_id, OLD.id, OLD.report, OLD.format, OLD.parameters, OLD.at_sequence, OLD.at_step, OLD.asked_by, OLD.asked_at) THEN
        RAISE EXCEPTION 'an export stays what it was' USING ERRCODE = '42501', CONSTRAINT = 'exports_kept';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER moves_on BEFORE UPDATE OR DELETE ON exports FOR EACH ROW EXECUTE FUNCTION guard_export();
ALTER TABLE exports ENABLE ALWAYS TRIGGER moves_on;

-- +goose StatementBegin
-- The service has the database look at evidence once it is twice what it was when the database last looked: until then a plan cannot
-- tell one index from another, and may read all lines of a source for each of them.
CREATE FUNCTION look_at_evidence() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    ANALYZE evidence_lines;
END $$;
-- +goose StatementEnd
REVOKE ALL ON FUNCTION look_at_evidence() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION look_at_evidence() TO mizan_app;

REVOKE ALL ON FUNCTION guard_evidence_head(), guard_evidence_line(), guard_evidence_payout(), guard_recon_head(), guard_recon_item(), guard_recon_break(), guard_recon_suspense_head(), guard_export() FROM PUBLIC;
REVOKE ALL ON evidence_sources, evidence_settings, evidence_heads, evidence_receipts, evidence_parts, evidence_lines, evidence_changes,
       evidence_balances, evidence_payouts, evidence_statements, recon_rules, recon_heads, recon_runs, recon_items, recon_pairings, recon_breaks, recon_steps,
       recon_step_heads, recon_suspense_heads, period_closings, exports FROM PUBLIC;
GRANT SELECT, INSERT ON evidence_sources, evidence_settings, evidence_heads, evidence_receipts, evidence_parts, evidence_lines, evidence_changes,
       evidence_balances, evidence_payouts, evidence_statements, recon_rules, recon_heads, recon_runs, recon_items, recon_pairings, recon_breaks, recon_steps,
       recon_step_heads, recon_suspense_heads, period_closings, exports TO mizan_app;
GRANT UPDATE (state, named, known, known_net, not_known, asked_at) ON evidence_payouts TO mizan_app;
GRANT UPDATE (last_receipt, last_line, pulled_until, reread_from) ON evidence_heads TO mizan_app;
GRANT UPDATE (status, available_at) ON evidence_lines TO mizan_app;
GRANT UPDATE (run, line, sequence) ON recon_heads TO mizan_app;
GRANT UPDATE (key, open_until, how, pairing) ON recon_items TO mizan_app;
GRANT UPDATE (state, receipt, decided_by, decided_at, note) ON recon_pairings TO mizan_app;
GRANT UPDATE (class, state, amount, left_ref, right_ref, detail, original_period, last_run, expected_by, owner, note, document, suspense, suspense_ref, fix,
       changed_at, ended_at, step) ON recon_breaks TO mizan_app;
GRANT UPDATE (number) ON recon_step_heads TO mizan_app;
GRANT UPDATE (sequence) ON recon_suspense_heads TO mizan_app;
GRANT UPDATE (state, reason, manifest, made_at, tries, long, held_until) ON exports TO mizan_app;
