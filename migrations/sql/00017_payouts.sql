-- Payouts: who may be paid where, what waits for a time, and runs that decide about everybody with a balance and pay.
-- Money stands in the ledger alone; these tables say which of its entries a payout pays, and how it travels.

-- +goose Up

-- What the house knows of a payee beside what the rules need: whether it is verified, whether the business goes on, and to
-- whom it belongs. A change is a next version; nothing personal stands here.
CREATE TABLE payout_standings (
    book_id      integer     NOT NULL REFERENCES books (id),
    payee        text        COLLATE "C" NOT NULL CHECK (payee ~ '^[A-Za-z0-9_.-]{1,64}$'),
    version      integer     NOT NULL CHECK (version BETWEEN 1 AND 1000000),
    verification text        COLLATE "C" NOT NULL CHECK (verification IN ('unverified', 'pending', 'verified', 'rejected')),
    category     text        COLLATE "C" NOT NULL DEFAULT '' CHECK (category ~ '^([a-z][a-z0-9_]{0,63})?$'),
    business     text        COLLATE "C" NOT NULL CHECK (business IN ('open', 'closing', 'closed')),
    owner        text        COLLATE "C" NOT NULL DEFAULT '' CHECK (owner ~ '^[A-Za-z0-9_.-]{0,64}$'),
    set_off      text        NOT NULL DEFAULT '' CHECK (octet_length(set_off) <= 255),
    document     text        NOT NULL DEFAULT '' CHECK (octet_length(document) <= 255),
    recorded_at  timestamptz NOT NULL CHECK (isfinite(recorded_at)),
    CONSTRAINT payout_standings_pkey PRIMARY KEY (book_id, payee, version)
);
COMMENT ON COLUMN payout_standings.category IS 'why it is not verified, in a word';
COMMENT ON COLUMN payout_standings.owner IS 'the legal owner; payees of one owner share it';
COMMENT ON COLUMN payout_standings.set_off IS 'the document in which the owner consents that one shop pays another''s debt; empty without consent';
CREATE INDEX payout_standings_owner ON payout_standings (book_id, owner, payee) WHERE owner <> '';
SELECT guard_table('payout_standings', '');

-- Where money goes. A destination is never rewritten into another: a change is a new row, and the old one retires.
CREATE TABLE payout_destinations (
    book_id       integer     NOT NULL REFERENCES books (id),
    id            text        COLLATE "C" NOT NULL CHECK (id ~ '^dst_[a-z0-9]{16}$'),
    payee         text        COLLATE "C" NOT NULL CHECK (payee ~ '^[A-Za-z0-9_.-]{1,64}$'),
    rail          text        COLLATE "C" NOT NULL CHECK (rail ~ '^[a-z][a-z0-9_]{0,31}$'),
    account       text        COLLATE "C" NOT NULL CHECK (octet_length(account) BETWEEN 1 AND 128),
    currencies    text[]      NOT NULL CHECK (cardinality(currencies) BETWEEN 1 AND 50),
    mode          text        COLLATE "C" NOT NULL CHECK (mode IN ('automatic', 'manual')),
    state         text        COLLATE "C" NOT NULL CHECK (state IN ('pending', 'active', 'disabled', 'retired')),
    name_match    text        COLLATE "C" NOT NULL DEFAULT 'unknown' CHECK (name_match IN ('unknown', 'match', 'close', 'mismatch')),
    created_at    timestamptz NOT NULL CHECK (isfinite(created_at)),
    active_since  timestamptz CHECK (isfinite(active_since)),
    cooling_until timestamptz CHECK (isfinite(cooling_until)),
    disabled_code text        COLLATE "C" NOT NULL DEFAULT '' CHECK (octet_length(disabled_code) <= 64),
    changed_at    timestamptz NOT NULL CHECK (isfinite(changed_at)),
    first_paid_at timestamptz CHECK (isfinite(first_paid_at)),
    approval      text        COLLATE "C" NOT NULL DEFAULT '' CHECK (octet_length(approval) <= 64),
    banks         text        COLLATE "C" NOT NULL DEFAULT '' CHECK (banks ~ '^([0-9a-f]{64})?$'),
    CONSTRAINT payout_destinations_pkey PRIMARY KEY (book_id, id),
    CONSTRAINT payout_destinations_active CHECK (state <> 'active' OR active_since IS NOT NULL),
    CONSTRAINT payout_destinations_cooling CHECK (cooling_until IS NULL OR cooling_until >= created_at),
    CONSTRAINT payout_destinations_disabled CHECK (state <> 'disabled' OR disabled_code <> '')
);
COMMENT ON COLUMN payout_destinations.account IS 'the processor''s id of the connected account (acct_…), or the vault''s subject whose bank fields are meant; never a bank number';
COMMENT ON COLUMN payout_destinations.banks IS 'a digest of what the processor calls the banks behind the account, to see that they changed; empty if it told nothing';
COMMENT ON COLUMN payout_destinations.mode IS 'automatic: the processor pays out by itself what was transferred; manual: we order each payout';
CREATE INDEX payout_destinations_of ON payout_destinations (book_id, payee, created_at, id);
-- A payee has one destination at a time for each rail, and an account belongs to one payee of a book.
CREATE UNIQUE INDEX payout_destinations_one ON payout_destinations (book_id, payee, rail) WHERE state IN ('pending', 'active', 'disabled');
CREATE UNIQUE INDEX payout_destinations_account ON payout_destinations (book_id, rail, account) WHERE state IN ('pending', 'active', 'disabled');
CREATE INDEX payout_destinations_elsewhere ON payout_destinations (rail, account, book_id, payee);

-- +goose StatementBegin
-- A destination that retired stays so, and no cooling-off is shortened: only a new destination begins anew.
CREATE FUNCTION guard_destination() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'destinations are kept for ever' USING ERRCODE = '42501', CONSTRAINT = 'payout_destinations_kept';
    END IF;
    IF (OLD.state = 'retired' AND NEW.state <> 'retired') OR (NEW.state = 'pending' AND OLD.state <> 'pending') THEN
        RAISE EXCEPTION 'destination % does not go from % to %', OLD.id, OLD.state, NEW.state USING ERRCODE = '42501', CONSTRAINT = 'payout_destinations_forward';
    END IF;
    IF (OLD.cooling_until IS NOT NULL AND (NEW.cooling_until IS NULL OR NEW.cooling_until < OLD.cooling_until))
       OR (OLD.active_since IS NOT NULL AND NEW.active_since IS DISTINCT FROM OLD.active_since)
       OR (OLD.first_paid_at IS NOT NULL AND NEW.first_paid_at IS DISTINCT FROM OLD.first_paid_at) THEN
        RAISE EXCEPTION 'what happened to destination % stays', OLD.id USING ERRCODE = '42501', CONSTRAINT = 'payout_destinations_settled';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER moves_on BEFORE UPDATE OR DELETE ON payout_destinations FOR EACH ROW EXECUTE FUNCTION guard_destination();
CREATE TRIGGER never_truncated BEFORE TRUNCATE ON payout_destinations FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE payout_destinations ENABLE ALWAYS TRIGGER moves_on;
ALTER TABLE payout_destinations ENABLE ALWAYS TRIGGER never_truncated;

-- What keeps money back: a hold with an amount moves it to blocked; a pause moves nothing.
CREATE TABLE payout_holds (
    book_id     integer     NOT NULL REFERENCES books (id),
    id          text        COLLATE "C" NOT NULL CHECK (id ~ '^[A-Za-z0-9_.-]{1,64}$'),
    kind        text        COLLATE "C" NOT NULL CHECK (kind IN ('seller', 'creator', 'agency', 'partner')),
    payee       text        COLLATE "C" NOT NULL CHECK (payee ~ '^[A-Za-z0-9_.-]{1,64}$'),
    currency    text        COLLATE "C" NOT NULL CHECK (currency ~ '^([A-Z]{3})?$'),
    effect      text        COLLATE "C" NOT NULL CHECK (effect IN ('pause', 'amount', 'everything')),
    category    text        COLLATE "C" NOT NULL CHECK (category IN ('kyc', 'sanctions', 'legal', 'fraud', 'review')),
    case_id     text        NOT NULL CHECK (octet_length(case_id) BETWEEN 1 AND 128),
    wanted      bigint      CHECK (wanted > 0),
    blocked     bigint      NOT NULL DEFAULT 0 CHECK (blocked >= 0),
    placed_at   timestamptz NOT NULL CHECK (isfinite(placed_at)),
    released_at timestamptz CHECK (isfinite(released_at)),
    approval    text        COLLATE "C" NOT NULL DEFAULT '' CHECK (octet_length(approval) <= 64),
    document    text        NOT NULL DEFAULT '' CHECK (octet_length(document) <= 255),
    CONSTRAINT payout_holds_pkey PRIMARY KEY (book_id, id),
    CONSTRAINT payout_holds_amount CHECK ((effect = 'amount') = (wanted IS NOT NULL)),
    CONSTRAINT payout_holds_currency CHECK (effect = 'pause' OR currency <> ''),
    CONSTRAINT payout_holds_pause CHECK (effect <> 'pause' OR blocked = 0),
    CONSTRAINT payout_holds_released CHECK (released_at IS NULL OR (released_at >= placed_at AND document <> ''))
);
COMMENT ON COLUMN payout_holds.blocked IS 'what was moved to blocked when it was placed; settlements add more in the ledger';
CREATE INDEX payout_holds_standing ON payout_holds (book_id, payee, kind) WHERE released_at IS NULL;
CREATE INDEX payout_holds_listed ON payout_holds (book_id, placed_at, id);

-- +goose StatementBegin
-- A hold ends once, and with a document.
CREATE FUNCTION guard_hold() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR OLD.released_at IS NOT NULL THEN
        RAISE EXCEPTION 'hold % is kept as it is', OLD.id USING ERRCODE = '42501', CONSTRAINT = 'payout_holds_kept';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER moves_on BEFORE UPDATE OR DELETE ON payout_holds FOR EACH ROW EXECUTE FUNCTION guard_hold();
CREATE TRIGGER never_truncated BEFORE TRUNCATE ON payout_holds FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE payout_holds ENABLE ALWAYS TRIGGER moves_on;
ALTER TABLE payout_holds ENABLE ALWAYS TRIGGER never_truncated;

-- Policies of a book beside those that are shipped, and exceptions for single payees. Both are dated and never change.
CREATE TABLE payout_policies (
    book_id     integer     NOT NULL REFERENCES books (id),
    version     text        COLLATE "C" NOT NULL CHECK (version ~ '^[a-z0-9][a-z0-9_.-]{0,63}$'),
    valid_from  timestamptz NOT NULL CHECK (isfinite(valid_from)),
    document    text        NOT NULL CHECK (octet_length(document) BETWEEN 2 AND 65536),
    digest      bytea       NOT NULL CHECK (octet_length(digest) = 32),
    recorded_at timestamptz NOT NULL CHECK (isfinite(recorded_at)),
    approval    text        COLLATE "C" NOT NULL DEFAULT '' CHECK (octet_length(approval) <= 64),
    CONSTRAINT payout_policies_pkey PRIMARY KEY (book_id, version),
    CONSTRAINT payout_policies_date UNIQUE (book_id, valid_from)
);
SELECT guard_table('payout_policies', '');

CREATE TABLE payout_overrides (
    book_id     integer     NOT NULL REFERENCES books (id),
    payee       text        COLLATE "C" NOT NULL CHECK (payee ~ '^[A-Za-z0-9_.-]{1,64}$'),
    version     integer     NOT NULL CHECK (version BETWEEN 1 AND 1000000),
    valid_from  timestamptz NOT NULL CHECK (isfinite(valid_from)),
    document    text        NOT NULL CHECK (octet_length(document) BETWEEN 2 AND 65536),
    recorded_at timestamptz NOT NULL CHECK (isfinite(recorded_at)),
    approval    text        COLLATE "C" NOT NULL DEFAULT '' CHECK (octet_length(approval) <= 64),
    CONSTRAINT payout_overrides_pkey PRIMARY KEY (book_id, payee, version)
);
SELECT guard_table('payout_overrides', '');

-- How far each reader of a book's feed has come. What it makes of the feed is written in the same transaction.
CREATE TABLE payout_cursors (
    book_id  integer NOT NULL REFERENCES books (id),
    name     text    COLLATE "C" NOT NULL CHECK (name ~ '^[a-z][a-z0-9_]{0,31}$'),
    sequence bigint  NOT NULL CHECK (sequence >= 0),
    CONSTRAINT payout_cursors_pkey PRIMARY KEY (book_id, name)
) WITH (fillfactor = 20);

-- What waits for a time: one row for each subject and act. It is made of the feed and can be made again from it.
CREATE TABLE payout_clocks (
    book_id    integer     NOT NULL REFERENCES books (id),
    subject    text        COLLATE "C" NOT NULL CHECK (octet_length(subject) BETWEEN 1 AND 129),
    act        text        COLLATE "C" NOT NULL CHECK (octet_length(act) BETWEEN 1 AND 32),
    due_at     timestamptz CHECK (isfinite(due_at)),
    gates      text[]      NOT NULL DEFAULT '{}' CHECK (cardinality(gates) <= 100),
    look_at    timestamptz CHECK (isfinite(look_at)),
    tries      integer     NOT NULL DEFAULT 0 CHECK (tries >= 0),
    why        text        COLLATE "C" NOT NULL DEFAULT '' CHECK (octet_length(why) <= 64),
    sequence   bigint      NOT NULL CHECK (sequence >= 0),
    CONSTRAINT payout_clocks_pkey PRIMARY KEY (book_id, subject, act)
) WITH (fillfactor = 70);
COMMENT ON COLUMN payout_clocks.due_at IS 'nothing while the clock has not started';
COMMENT ON COLUMN payout_clocks.look_at IS 'when it is tried next: at its time, after a pause, or on the next day while a gate is open; nothing while the clock has not started, and for what people must mend first';
COMMENT ON COLUMN payout_clocks.sequence IS 'the last transaction of the subject that this rests on';
CREATE INDEX payout_clocks_due ON payout_clocks (book_id, look_at, subject, act) WHERE look_at IS NOT NULL;
CREATE INDEX payout_clocks_listed ON payout_clocks (book_id, due_at, subject, act) WHERE due_at IS NOT NULL;

-- What of a payee's money waits for a clock, so that everybody can be told when.
CREATE TABLE payout_waits (
    book_id  integer     NOT NULL REFERENCES books (id),
    kind     text        COLLATE "C" NOT NULL,
    payee    text        COLLATE "C" NOT NULL,
    currency text        COLLATE "C" NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    subject  text        COLLATE "C" NOT NULL,
    act      text        COLLATE "C" NOT NULL,
    amount   bigint      NOT NULL,
    due_at   timestamptz,
    CONSTRAINT payout_waits_pkey PRIMARY KEY (book_id, kind, payee, currency, subject, act),
    CONSTRAINT payout_waits_of FOREIGN KEY (book_id, subject, act) REFERENCES payout_clocks (book_id, subject, act) ON DELETE CASCADE
) WITH (fillfactor = 70);
CREATE INDEX payout_waits_next ON payout_waits (book_id, kind, payee, currency, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX payout_waits_listed ON payout_waits (book_id, payee, coalesce(due_at, 'infinity'), subject, act, kind, currency);
CREATE INDEX payout_waits_subject ON payout_waits (book_id, subject, act);

-- A run decides about everybody who has a balance, at one place in the book's order.
CREATE TABLE payout_runs (
    book_id      integer     NOT NULL REFERENCES books (id),
    id           text        COLLATE "C" NOT NULL CHECK (id ~ '^run_[a-z0-9]{16}$'),
    trigger      text        COLLATE "C" NOT NULL CHECK (trigger IN ('scheduled', 'manual', 'on_demand', 'retry', 'closing', 'special')),
    period       timestamptz CHECK (isfinite(period)),
    cut_off      timestamptz NOT NULL CHECK (isfinite(cut_off)),
    at_sequence  bigint      NOT NULL CHECK (at_sequence >= 0),
    state        text        COLLATE "C" NOT NULL CHECK (state IN ('planning', 'waiting', 'released', 'refused', 'done')),
    reason       text        NOT NULL DEFAULT '' CHECK (octet_length(reason) <= 2000),
    walked       text        COLLATE "C" NOT NULL DEFAULT '' CHECK (octet_length(walked) <= 512),
    decided      bigint      NOT NULL DEFAULT 0 CHECK (decided >= 0),
    paid         bigint      NOT NULL DEFAULT 0 CHECK (paid >= 0),
    skipped      bigint      NOT NULL DEFAULT 0 CHECK (skipped >= 0),
    needs        text[]      NOT NULL DEFAULT '{}',
    approval     text        COLLATE "C" NOT NULL DEFAULT '' CHECK (octet_length(approval) <= 64),
    started_by   text        COLLATE "C" NOT NULL CHECK (octet_length(started_by) BETWEEN 1 AND 128),
    reference    text        COLLATE "C" NOT NULL DEFAULT '' CHECK (octet_length(reference) <= 255 AND reference !~ '[^ -~]'),
    request      text        NOT NULL DEFAULT '' CHECK (octet_length(request) <= 2048),
    created_at   timestamptz NOT NULL CHECK (isfinite(created_at)),
    planned_at   timestamptz,
    ended_at     timestamptz,
    CONSTRAINT payout_runs_pkey PRIMARY KEY (book_id, id),
    CONSTRAINT payout_runs_decided CHECK (decided = paid + skipped)
) WITH (fillfactor = 70);
COMMENT ON COLUMN payout_runs.period IS 'the period of the schedule; nothing for a run that people asked for';
COMMENT ON COLUMN payout_runs.walked IS 'the last payee that was decided about, so that a run which was interrupted goes on';
COMMENT ON COLUMN payout_runs.reference IS 'the caller''s own name of a payout that was asked for; the same again is answered as the first time';
COMMENT ON COLUMN payout_runs.request IS 'what was asked for under the reference';
COMMENT ON COLUMN payout_runs.needs IS 'why a second person has to agree before anything is sent; empty if none has';
-- One run for a period of the schedule, and one being planned at a time.
CREATE UNIQUE INDEX payout_runs_period ON payout_runs (book_id, period) WHERE trigger = 'scheduled';
CREATE UNIQUE INDEX payout_runs_planning ON payout_runs (book_id) WHERE state = 'planning' AND trigger IN ('scheduled', 'manual');
CREATE INDEX payout_runs_listed ON payout_runs (book_id, created_at, id);
CREATE INDEX payout_runs_state ON payout_runs (book_id, state, created_at, id);
CREATE INDEX payout_runs_trigger ON payout_runs (book_id, trigger, created_at, id);
CREATE UNIQUE INDEX payout_runs_reference ON payout_runs (book_id, reference) WHERE reference <> '';
-- The runs with which the size of a new one is compared, and those that somebody has to go on with.
CREATE INDEX payout_runs_planned ON payout_runs (book_id, planned_at, id) WHERE trigger IN ('scheduled', 'manual') AND planned_at IS NOT NULL;
CREATE INDEX payout_runs_open ON payout_runs (book_id, created_at, id) WHERE ended_at IS NULL;

-- +goose StatementBegin
-- A run goes one way: planned, then done, or released or refused by a person. What it decided is counted while it is planned.
CREATE FUNCTION guard_payout_run() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'runs are kept for ever' USING ERRCODE = '42501', CONSTRAINT = 'payout_runs_kept';
    END IF;
    IF NEW.state <> OLD.state AND NOT (
           (OLD.state = 'planning' AND NEW.state IN ('waiting', 'done'))
        OR (OLD.state = 'waiting' AND NEW.state IN ('released', 'refused'))) THEN
        RAISE EXCEPTION 'run % does not go from % to %', OLD.id, OLD.state, NEW.state USING ERRCODE = '42501', CONSTRAINT = 'payout_runs_forward';
    END IF;
    IF (OLD.state <> 'planning' AND (NEW.decided, NEW.paid, NEW.skipped, NEW.needs) IS DISTINCT FROM (OLD.decided, OLD.paid, OLD.skipped, OLD.needs))
       OR NEW.paid < OLD.paid OR NEW.skipped < OLD.skipped
       OR (OLD.planned_at IS NOT NULL AND NEW.planned_at IS DISTINCT FROM OLD.planned_at)
       OR (OLD.ended_at IS NOT NULL AND NEW.ended_at IS DISTINCT FROM OLD.ended_at)
       OR (OLD.approval <> '' AND NEW.approval <> OLD.approval) THEN
        RAISE EXCEPTION 'what happened to run % stays', OLD.id USING ERRCODE = '42501', CONSTRAINT = 'payout_runs_settled';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER moves_on BEFORE UPDATE OR DELETE ON payout_runs FOR EACH ROW EXECUTE FUNCTION guard_payout_run();
CREATE TRIGGER never_truncated BEFORE TRUNCATE ON payout_runs FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE payout_runs ENABLE ALWAYS TRIGGER moves_on;
ALTER TABLE payout_runs ENABLE ALWAYS TRIGGER never_truncated;

-- What a run created, by currency, added up as it is planned: nobody has to add up a million payouts to look at a run.
CREATE TABLE payout_run_totals (
    book_id  integer NOT NULL,
    run_id   text    COLLATE "C" NOT NULL,
    currency text    COLLATE "C" NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    payouts  bigint  NOT NULL CHECK (payouts >= 0),
    amount   bigint  NOT NULL CHECK (amount >= 0),
    fee      bigint  NOT NULL CHECK (fee >= 0),
    CONSTRAINT payout_run_totals_pkey PRIMARY KEY (book_id, run_id, currency),
    CONSTRAINT payout_run_totals_of FOREIGN KEY (book_id, run_id) REFERENCES payout_runs (book_id, id)
) WITH (fillfactor = 50);

CREATE TABLE payout_decisions (
    book_id    integer     NOT NULL,
    run_id     text        COLLATE "C" NOT NULL,
    kind       text        COLLATE "C" NOT NULL,
    payee      text        COLLATE "C" NOT NULL,
    currency   text        COLLATE "C" NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    verdict    text        COLLATE "C" NOT NULL CHECK (verdict IN ('pay', 'skip')),
    amount     bigint      NOT NULL CHECK (amount >= 0),
    fee        bigint      NOT NULL CHECK (fee >= 0),
    reasons    text[]      NOT NULL,
    look_at    timestamptz,
    policy     text        COLLATE "C" NOT NULL CHECK (octet_length(policy) <= 200),
    inputs     text        NOT NULL CHECK (octet_length(inputs) BETWEEN 2 AND 16384),
    decision   text        NOT NULL CHECK (octet_length(decision) BETWEEN 2 AND 131072),
    decided_at timestamptz NOT NULL CHECK (isfinite(decided_at)),
    CONSTRAINT payout_decisions_pkey PRIMARY KEY (book_id, run_id, kind, payee, currency),
    CONSTRAINT payout_decisions_of FOREIGN KEY (book_id, run_id) REFERENCES payout_runs (book_id, id),
    CONSTRAINT payout_decisions_reasoned CHECK (verdict = 'pay' OR (cardinality(reasons) > 0 AND amount = 0 AND fee = 0))
);
COMMENT ON COLUMN payout_decisions.inputs IS 'all that the decision rests on; decided again, they give the same bytes';
CREATE INDEX payout_decisions_payee ON payout_decisions (book_id, payee, decided_at, run_id, kind, currency);
SELECT guard_table('payout_decisions', '');

-- The documents that decisions name, kept as they were.
CREATE TABLE payout_policy_texts (
    book_id  integer NOT NULL REFERENCES books (id),
    policy   text    COLLATE "C" NOT NULL CHECK (octet_length(policy) BETWEEN 1 AND 200),
    document text    NOT NULL CHECK (octet_length(document) BETWEEN 2 AND 65536),
    CONSTRAINT payout_policy_texts_pkey PRIMARY KEY (book_id, policy)
);
SELECT guard_table('payout_policy_texts', '');

-- A payout takes money from one account of the ledger. What it pays for follows from the account alone: its credits are
-- used up in their order, first by its debits. consumed_from and consumed_through count them from the beginning.
CREATE TABLE payouts (
    book_id          integer     NOT NULL REFERENCES books (id),
    id               text        COLLATE "C" NOT NULL CHECK (id ~ '^po_[a-z0-9]{16}$'),
    run_id           text        COLLATE "C" NOT NULL,
    part_no          integer     NOT NULL DEFAULT 1 CHECK (part_no BETWEEN 1 AND 1000),
    kind             text        COLLATE "C" NOT NULL,
    payee            text        COLLATE "C" NOT NULL,
    receiver         text        COLLATE "C" NOT NULL CHECK (receiver ~ '^[A-Za-z0-9_.-]{1,64}$'),
    currency         text        COLLATE "C" NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    amount           bigint      NOT NULL CHECK (amount > 0),
    fee              bigint      NOT NULL CHECK (fee >= 0),
    fee_tax          bigint      NOT NULL DEFAULT 0 CHECK (fee_tax BETWEEN 0 AND fee),
    fee_tax_in       text        COLLATE "C" NOT NULL DEFAULT '' CHECK (octet_length(fee_tax_in) <= 64),
    method           text        COLLATE "C" NOT NULL CHECK (method IN ('standard', 'instant')),
    state            text        COLLATE "C" NOT NULL CHECK (state IN ('created', 'sending', 'unknown', 'refused', 'submitted', 'at_account', 'paid', 'failed', 'cancelled')),
    account_id       integer     NOT NULL,
    number           integer     NOT NULL CHECK (number > 0),
    created_sequence bigint      NOT NULL CHECK (created_sequence > 0),
    consumed_from    bigint      NOT NULL CHECK (consumed_from >= 0),
    consumed_through bigint      NOT NULL CHECK (consumed_through >= consumed_from + amount + fee),
    left_after       bigint      NOT NULL CHECK (left_after >= 0),
    destination      text        COLLATE "C" NOT NULL,
    rail             text        COLLATE "C" NOT NULL,
    rail_account     text        COLLATE "C" NOT NULL,
    mode             text        COLLATE "C" NOT NULL CHECK (mode IN ('automatic', 'manual')),
    needs_person     boolean     NOT NULL,
    released_at      timestamptz,
    retry_of         text        COLLATE "C" NOT NULL DEFAULT '',
    retries          integer     NOT NULL DEFAULT 0 CHECK (retries >= 0),
    code             text        COLLATE "C" NOT NULL DEFAULT '' CHECK (octet_length(code) <= 64),
    transfer         text        COLLATE "C" NOT NULL DEFAULT '' CHECK (octet_length(transfer) <= 128),
    transfer_entry   text        COLLATE "C" NOT NULL DEFAULT '' CHECK (octet_length(transfer_entry) <= 128),
    arrived          text        COLLATE "C" NOT NULL DEFAULT '' CHECK (octet_length(arrived) <= 128),
    outgoing         text        COLLATE "C" NOT NULL DEFAULT '' CHECK (octet_length(outgoing) <= 128),
    trace            text        NOT NULL DEFAULT '' CHECK (octet_length(trace) <= 128),
    expected_on      timestamptz,
    pulled_back      bigint      NOT NULL DEFAULT 0 CHECK (pulled_back >= 0 AND pulled_back <= amount),
    created_at       timestamptz NOT NULL CHECK (isfinite(created_at)),
    changed_at       timestamptz NOT NULL CHECK (isfinite(changed_at)),
    submitted_at     timestamptz,
    paid_at          timestamptz,
    returned_at      timestamptz,
    ended_at         timestamptz,
    look_at          timestamptz,
    claimed_by       text        COLLATE "C" NOT NULL DEFAULT '' CHECK (octet_length(claimed_by) <= 64),
    lease_until      timestamptz,
    fence            bigint      NOT NULL DEFAULT 0 CHECK (fence >= 0),
    CONSTRAINT payouts_pkey PRIMARY KEY (book_id, id),
    CONSTRAINT payouts_run FOREIGN KEY (book_id, run_id) REFERENCES payout_runs (book_id, id),
    CONSTRAINT payouts_once UNIQUE (book_id, run_id, kind, payee, currency, part_no),
    CONSTRAINT payouts_chain UNIQUE (book_id, account_id, number),
    CONSTRAINT payouts_entry UNIQUE (book_id, created_sequence),
    CONSTRAINT payouts_retry CHECK (retry_of <> id),
    CONSTRAINT payouts_returned CHECK (returned_at IS NULL OR paid_at IS NOT NULL)
) WITH (fillfactor = 70);
COMMENT ON COLUMN payouts.fee_tax IS 'the part of the fee that is tax on it';
COMMENT ON COLUMN payouts.fee_tax_in IS 'the jurisdiction that the tax on the fee is owed in';
COMMENT ON COLUMN payouts.receiver IS 'in whose name the money is in transit: the payee, a court, a custodian';
COMMENT ON COLUMN payouts.rail_account IS 'where it is sent, as it was decided: a later change of destination does not move it';
COMMENT ON COLUMN payouts.arrived IS 'what arrived at the connected account, as the processor names it';
COMMENT ON COLUMN payouts.outgoing IS 'the processor''s payout from the connected account to the bank';
CREATE INDEX payouts_of_payee ON payouts (book_id, payee, created_at, id);
CREATE INDEX payouts_of_run ON payouts (book_id, run_id, id);
CREATE INDEX payouts_largest ON payouts (book_id, run_id, currency, amount DESC, id);
CREATE INDEX payouts_person ON payouts (book_id, run_id, id) WHERE needs_person;
CREATE INDEX payouts_unsent ON payouts (book_id, run_id, id) INCLUDE (currency, amount) WHERE state = 'created';
CREATE INDEX payouts_listed ON payouts (book_id, created_at, id);
CREATE INDEX payouts_state ON payouts (book_id, state, created_at, id);
-- What is open for a receiver is what is in transit to it.
CREATE INDEX payouts_receiver ON payouts (book_id, receiver, currency) WHERE state IN ('created', 'sending', 'unknown', 'refused', 'submitted', 'at_account');
CREATE INDEX payouts_consumed ON payouts (book_id, account_id, consumed_through);
CREATE INDEX payouts_work ON payouts (book_id, state, look_at, id) WHERE state IN ('created', 'sending', 'unknown', 'refused', 'submitted', 'at_account');
CREATE INDEX payouts_to_send ON payouts (book_id, run_id, id) WHERE state = 'created' AND (NOT needs_person OR released_at IS NOT NULL);
CREATE INDEX payouts_account ON payouts (book_id, rail_account, id) WHERE state IN ('submitted', 'at_account', 'paid') AND returned_at IS NULL AND look_at IS NOT NULL;
CREATE INDEX payouts_provisional ON payouts (book_id, look_at, id) WHERE state = 'paid' AND returned_at IS NULL AND look_at IS NOT NULL;
CREATE INDEX payouts_came_back ON payouts (book_id, changed_at, id) WHERE state = 'failed' OR returned_at IS NOT NULL;
CREATE INDEX payouts_transfer ON payouts (book_id, transfer) WHERE transfer <> '';
CREATE INDEX payouts_arrived ON payouts (book_id, rail_account, arrived) WHERE arrived <> '';
CREATE INDEX payouts_outgoing ON payouts (book_id, outgoing) WHERE outgoing <> '';
CREATE INDEX payouts_retry_of ON payouts (book_id, retry_of) WHERE retry_of <> '';

-- +goose StatementBegin
-- At commit, whoever writes: a payout rests on an entry of the ledger that took exactly its amount and fee from its account and
-- put the amount in transit, and pays what the account's payouts before it have not paid. So its lines sum to it, and no credit is paid twice.
CREATE FUNCTION guard_new_payout() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    taken   record;
    before  bigint := 0;
BEGIN
    IF NEW.state <> 'created' THEN
        RAISE EXCEPTION 'a payout begins created' USING ERRCODE = '42501', CONSTRAINT = 'payouts_begin_created';
    END IF;
    IF NEW.number > 1 THEN
        SELECT p.consumed_through INTO before FROM payouts p
         WHERE p.book_id = NEW.book_id AND p.account_id = NEW.account_id AND p.number = NEW.number - 1;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'the payouts of an account follow each other' USING ERRCODE = '23514', CONSTRAINT = 'payouts_follow';
        END IF;
    END IF;
    SELECT sum(e.amount) AS amount, max(e.debits_after) AS debits, -(array_agg(e.balance_after ORDER BY e.line DESC))[1] AS rest, count(*) AS lines INTO taken
      FROM entries e
     WHERE e.book_id = NEW.book_id AND e.account_id = NEW.account_id AND e.sequence = NEW.created_sequence;
    IF taken.lines <> 1 OR taken.amount <> NEW.amount + NEW.fee OR NEW.consumed_from <> before
       OR NEW.consumed_through <> taken.debits OR NEW.left_after <> taken.rest
       OR NEW.currency <> (SELECT a.currency FROM accounts a WHERE a.book_id = NEW.book_id AND a.id = NEW.account_id) THEN
        RAISE EXCEPTION 'payout % is not the sum of its lines', NEW.id USING ERRCODE = '23514', CONSTRAINT = 'payouts_lines';
    END IF;
    -- The same transaction says that the money is on its way to the receiver: a debit for anything else is no payout.
    IF NOT EXISTS (SELECT FROM entries e JOIN accounts a ON a.book_id = NEW.book_id AND a.id = e.account_id
                    WHERE e.book_id = NEW.book_id AND e.sequence = NEW.created_sequence AND e.amount = -NEW.amount
                      AND a.address = 'liabilities:payout_in_transit:' || NEW.receiver AND a.currency = NEW.currency) THEN
        RAISE EXCEPTION 'payout % is not in transit', NEW.id USING ERRCODE = '23514', CONSTRAINT = 'payouts_in_transit';
    END IF;
    RETURN NEW;
END $$;

-- States move forward only (I12). What was paid stays paid, even if it comes back.
CREATE FUNCTION guard_payout() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'payouts are kept for ever' USING ERRCODE = '42501', CONSTRAINT = 'payouts_kept';
    END IF;
    IF NEW.state <> OLD.state AND NOT (
           (OLD.state = 'created' AND NEW.state IN ('sending', 'cancelled'))
        OR (OLD.state = 'sending' AND NEW.state IN ('unknown', 'refused', 'submitted'))
        OR (OLD.state = 'unknown' AND NEW.state IN ('sending', 'refused', 'submitted'))
        OR (OLD.state = 'refused' AND NEW.state IN ('sending', 'cancelled'))
        OR (OLD.state = 'submitted' AND NEW.state IN ('paid', 'at_account', 'failed'))
        OR (OLD.state = 'at_account' AND NEW.state IN ('submitted', 'paid', 'failed'))) THEN
        RAISE EXCEPTION 'payout % does not go from % to %', OLD.id, OLD.state, NEW.state USING ERRCODE = '42501', CONSTRAINT = 'payouts_forward';
    END IF;
    IF (OLD.returned_at IS NOT NULL AND NEW.returned_at IS DISTINCT FROM OLD.returned_at)
       OR (OLD.paid_at IS NOT NULL AND NEW.paid_at IS DISTINCT FROM OLD.paid_at)
       OR (OLD.released_at IS NOT NULL AND NEW.released_at IS DISTINCT FROM OLD.released_at)
       OR NEW.pulled_back < OLD.pulled_back OR NEW.fence < OLD.fence
       OR (OLD.transfer <> '' AND NEW.transfer <> OLD.transfer) THEN
        RAISE EXCEPTION 'what happened to payout % stays', OLD.id USING ERRCODE = '42501', CONSTRAINT = 'payouts_settled';
    END IF;
    IF NEW.state = 'sending' AND OLD.state = 'created' AND NEW.needs_person AND NEW.released_at IS NULL THEN
        RAISE EXCEPTION 'payout % waits for a second person', OLD.id USING ERRCODE = '42501', CONSTRAINT = 'payouts_released';
    END IF;
    IF NEW.state = 'sending' AND OLD.state = 'created'
       AND NOT EXISTS (SELECT FROM payout_runs r WHERE r.book_id = OLD.book_id AND r.id = OLD.run_id AND (r.state IN ('released', 'done') OR r.state = 'waiting' AND r.needs = '{}')) THEN
        RAISE EXCEPTION 'the run of payout % is not released', OLD.id USING ERRCODE = '42501', CONSTRAINT = 'payouts_run_released';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE CONSTRAINT TRIGGER sums_up AFTER INSERT ON payouts DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION guard_new_payout();
CREATE TRIGGER moves_on BEFORE UPDATE OR DELETE ON payouts FOR EACH ROW EXECUTE FUNCTION guard_payout();
CREATE TRIGGER never_truncated BEFORE TRUNCATE ON payouts FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE payouts ENABLE ALWAYS TRIGGER sums_up;
ALTER TABLE payouts ENABLE ALWAYS TRIGGER moves_on;
ALTER TABLE payouts ENABLE ALWAYS TRIGGER never_truncated;

-- What happened to a payout, in order, with the evidence.
CREATE TABLE payout_steps (
    book_id   integer     NOT NULL,
    payout    text        COLLATE "C" NOT NULL,
    number    integer     NOT NULL CHECK (number > 0),
    state     text        COLLATE "C" NOT NULL,
    at        timestamptz NOT NULL CHECK (isfinite(at)),
    code      text        COLLATE "C" NOT NULL DEFAULT '' CHECK (octet_length(code) <= 64),
    evidence  text        NOT NULL DEFAULT '' CHECK (octet_length(evidence) <= 512),
    sequence  bigint      NOT NULL DEFAULT 0 CHECK (sequence >= 0),
    actor     text        COLLATE "C" NOT NULL DEFAULT '' CHECK (octet_length(actor) <= 128),
    CONSTRAINT payout_steps_pkey PRIMARY KEY (book_id, payout, number),
    CONSTRAINT payout_steps_of FOREIGN KEY (book_id, payout) REFERENCES payouts (book_id, id)
);
COMMENT ON COLUMN payout_steps.sequence IS 'the transaction that it posted, 0 for none';
SELECT guard_table('payout_steps', '');

-- Each attempt to have something done by a processor: what exactly is sent stands here before it is sent.
CREATE TABLE payout_attempts (
    book_id     integer     NOT NULL,
    payout      text        COLLATE "C" NOT NULL,
    act         text        COLLATE "C" NOT NULL CHECK (act IN ('transfer', 'payout', 'reversal', 'cancel')),
    attempt     integer     NOT NULL CHECK (attempt BETWEEN 1 AND 1000),
    instruction text        COLLATE "C" NOT NULL CHECK (octet_length(instruction) BETWEEN 1 AND 100),
    account     text        COLLATE "C" NOT NULL DEFAULT '',
    object      text        COLLATE "C" NOT NULL DEFAULT '',
    amount      bigint      NOT NULL CHECK (amount >= 0),
    currency    text        COLLATE "C" NOT NULL,
    method      text        COLLATE "C" NOT NULL DEFAULT '',
    digest      text        COLLATE "C" NOT NULL CHECK (octet_length(digest) = 64),
    state       text        COLLATE "C" NOT NULL CHECK (state IN ('intended', 'sending', 'unknown', 'done', 'failed', 'refused', 'absent')),
    first_sent  timestamptz,
    sendings    integer     NOT NULL DEFAULT 0 CHECK (sendings >= 0),
    code        text        COLLATE "C" NOT NULL DEFAULT '' CHECK (octet_length(code) <= 64),
    next        text        COLLATE "C" NOT NULL DEFAULT '' CHECK (octet_length(next) <= 32),
    again       boolean     NOT NULL DEFAULT false,
    made        text        COLLATE "C" NOT NULL DEFAULT '' CHECK (octet_length(made) <= 128),
    entry       text        COLLATE "C" NOT NULL DEFAULT '' CHECK (octet_length(entry) <= 128),
    request_id  text        COLLATE "C" NOT NULL DEFAULT '' CHECK (octet_length(request_id) <= 128),
    looked_at   timestamptz[] NOT NULL DEFAULT '{}' CHECK (cardinality(looked_at) <= 100),
    created_at  timestamptz NOT NULL CHECK (isfinite(created_at)),
    ended_at    timestamptz,
    CONSTRAINT payout_attempts_pkey PRIMARY KEY (book_id, payout, act, attempt),
    CONSTRAINT payout_attempts_of FOREIGN KEY (book_id, payout) REFERENCES payouts (book_id, id),
    CONSTRAINT payout_attempts_sent CHECK ((sendings = 0) = (first_sent IS NULL)),
    CONSTRAINT payout_attempts_evidence CHECK (state <> 'absent' OR cardinality(looked_at) >= 2)
) WITH (fillfactor = 70);
COMMENT ON COLUMN payout_attempts.again IS 'of a refusal: a new attempt can end otherwise once the cause is mended';
COMMENT ON COLUMN payout_attempts.looked_at IS 'when it was looked up and not found: two looks some minutes apart are the evidence that it never happened';
CREATE UNIQUE INDEX payout_attempts_made ON payout_attempts (book_id, act, made) WHERE made <> '';
-- While one attempt is open, there is no other of the same act: a new key is never used beside an outcome that is not known.
-- What was done is done once, except that money can be taken back in several parts.
CREATE UNIQUE INDEX payout_attempts_open ON payout_attempts (book_id, payout, act)
    WHERE state IN ('intended', 'sending', 'unknown') OR state = 'done' AND act <> 'reversal';

-- +goose StatementBegin
-- An attempt begins before anything is sent, and its outcome is written once: what is over is never sent again, and what it
-- made stays. Otherwise the index of open attempts could be talked into a second one.
CREATE FUNCTION guard_attempt() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.state <> 'intended' OR NEW.sendings <> 0 OR NEW.made <> '' THEN
            RAISE EXCEPTION 'an attempt begins before it is sent' USING ERRCODE = '42501', CONSTRAINT = 'payout_attempts_begin_intended';
        END IF;
        RETURN NEW;
    END IF;
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'attempts are kept for ever' USING ERRCODE = '42501', CONSTRAINT = 'payout_attempts_kept';
    END IF;
    IF NEW.state <> OLD.state AND NOT (
           (OLD.state = 'intended' AND NEW.state IN ('sending', 'unknown', 'done', 'refused'))
        OR (OLD.state IN ('sending', 'unknown') AND NEW.state IN ('sending', 'unknown', 'done', 'refused', 'absent'))
        OR (OLD.state = 'done' AND NEW.state = 'failed')) THEN
        RAISE EXCEPTION 'an attempt of payout % does not go from % to %', OLD.payout, OLD.state, NEW.state USING ERRCODE = '42501', CONSTRAINT = 'payout_attempts_forward';
    END IF;
    IF NEW.sendings < OLD.sendings
       OR (OLD.first_sent IS NOT NULL AND NEW.first_sent IS DISTINCT FROM OLD.first_sent)
       OR (OLD.made <> '' AND (NEW.made, NEW.entry) IS DISTINCT FROM (OLD.made, OLD.entry))
       OR (OLD.ended_at IS NOT NULL AND (NEW.ended_at, NEW.sendings, NEW.looked_at) IS DISTINCT FROM (OLD.ended_at, OLD.sendings, OLD.looked_at)) THEN
        RAISE EXCEPTION 'what happened to an attempt of payout % stays', OLD.payout USING ERRCODE = '42501', CONSTRAINT = 'payout_attempts_settled';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
-- A copy of the database takes in attempts that are over, so only what begins here begins so.
CREATE TRIGGER begins_intended BEFORE INSERT ON payout_attempts FOR EACH ROW EXECUTE FUNCTION guard_attempt();
CREATE TRIGGER moves_on BEFORE UPDATE OR DELETE ON payout_attempts FOR EACH ROW EXECUTE FUNCTION guard_attempt();
CREATE TRIGGER never_truncated BEFORE TRUNCATE ON payout_attempts FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE payout_attempts ENABLE ALWAYS TRIGGER moves_on;
ALTER TABLE payout_attempts ENABLE ALWAYS TRIGGER never_truncated;

-- Debts: since when a payee's money is below zero, and what was done about it.
CREATE TABLE payout_debts (
    book_id     integer     NOT NULL REFERENCES books (id),
    kind        text        COLLATE "C" NOT NULL,
    payee       text        COLLATE "C" NOT NULL,
    currency    text        COLLATE "C" NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    since       timestamptz NOT NULL CHECK (isfinite(since)),
    amount      bigint      NOT NULL CHECK (amount > 0),
    stage       text        COLLATE "C" NOT NULL DEFAULT '' CHECK (octet_length(stage) <= 32),
    tried_at    timestamptz,
    tried       text[]      NOT NULL DEFAULT '{}' CHECK (cardinality(tried) <= 20),
    looked_at   timestamptz NOT NULL,
    CONSTRAINT payout_debts_pkey PRIMARY KEY (book_id, kind, payee, currency)
) WITH (fillfactor = 70);
COMMENT ON COLUMN payout_debts.tried IS 'the ways of recovery that were gone, in order';
CREATE INDEX payout_debts_listed ON payout_debts (book_id, since, kind, payee, currency);

-- What Mizan proposes about its own money, for people to do.
CREATE TABLE treasury_proposals (
    book_id    integer     NOT NULL REFERENCES books (id),
    id         text        COLLATE "C" NOT NULL CHECK (id ~ '^tp_[a-z0-9]{16}$'),
    kind       text        COLLATE "C" NOT NULL CHECK (kind IN ('sweep', 'top_up', 'trust_deposit', 'card', 'write_off')),
    currency   text        COLLATE "C" NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    amount     bigint      NOT NULL CHECK (amount > 0),
    object     text        COLLATE "C" NOT NULL DEFAULT '' CHECK (octet_length(object) <= 129),
    reason     text        NOT NULL CHECK (octet_length(reason) BETWEEN 1 AND 1000),
    state      text        COLLATE "C" NOT NULL CHECK (state IN ('open', 'done', 'dropped', 'replaced')),
    created_at timestamptz NOT NULL CHECK (isfinite(created_at)),
    ended_at   timestamptz,
    CONSTRAINT treasury_proposals_pkey PRIMARY KEY (book_id, id)
);
CREATE UNIQUE INDEX treasury_proposals_open ON treasury_proposals (book_id, kind, currency, object) WHERE state = 'open';
CREATE INDEX treasury_proposals_listed ON treasury_proposals (book_id, created_at, id);

-- +goose StatementBegin
-- A proposal ends once.
CREATE FUNCTION guard_proposal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR OLD.state <> 'open' THEN
        RAISE EXCEPTION 'proposal % is kept as it is', OLD.id USING ERRCODE = '42501', CONSTRAINT = 'treasury_proposals_kept';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER moves_on BEFORE UPDATE OR DELETE ON treasury_proposals FOR EACH ROW EXECUTE FUNCTION guard_proposal();
CREATE TRIGGER never_truncated BEFORE TRUNCATE ON treasury_proposals FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE treasury_proposals ENABLE ALWAYS TRIGGER moves_on;
ALTER TABLE treasury_proposals ENABLE ALWAYS TRIGGER never_truncated;

-- The pace at which a processor takes requests, shared by all replicas: when the next may be sent.
CREATE TABLE rail_paces (
    rail    text        COLLATE "C" NOT NULL PRIMARY KEY CHECK (rail ~ '^[a-z][a-z0-9_]{0,31}$'),
    next_at timestamptz NOT NULL
) WITH (fillfactor = 20);

REVOKE ALL ON payout_standings, payout_destinations, payout_holds, payout_policies, payout_overrides, payout_cursors, payout_clocks, payout_waits,
    payout_runs, payout_run_totals, payout_decisions, payout_policy_texts, payouts, payout_steps, payout_attempts, payout_debts, treasury_proposals, rail_paces FROM PUBLIC;
GRANT SELECT, INSERT ON payout_standings, payout_destinations, payout_holds, payout_policies, payout_overrides, payout_cursors, payout_clocks, payout_waits,
    payout_runs, payout_run_totals, payout_decisions, payout_policy_texts, payouts, payout_steps, payout_attempts, payout_debts, treasury_proposals, rail_paces TO mizan_app;
GRANT UPDATE (state, name_match, active_since, cooling_until, disabled_code, changed_at, first_paid_at, banks) ON payout_destinations TO mizan_app;
GRANT UPDATE (released_at, approval, document) ON payout_holds TO mizan_app;
GRANT UPDATE (sequence) ON payout_cursors TO mizan_app;
GRANT UPDATE, DELETE ON payout_clocks, payout_waits, payout_debts TO mizan_app;
GRANT UPDATE (state, walked, decided, paid, skipped, needs, approval, planned_at, ended_at) ON payout_runs TO mizan_app;
GRANT UPDATE (payouts, amount, fee) ON payout_run_totals TO mizan_app;
GRANT UPDATE (state, released_at, retries, code, transfer, transfer_entry, arrived, outgoing, trace, expected_on, pulled_back, changed_at, submitted_at,
    paid_at, returned_at, ended_at, look_at, claimed_by, lease_until, fence) ON payouts TO mizan_app;
GRANT UPDATE (state, first_sent, sendings, code, next, again, made, entry, request_id, looked_at, ended_at) ON payout_attempts TO mizan_app;
GRANT UPDATE (state, ended_at) ON treasury_proposals TO mizan_app;
GRANT UPDATE (next_at) ON rail_paces TO mizan_app;
