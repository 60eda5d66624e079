-- The rail that pays by bank files: what was ordered and what came of it, the files that were made of it, and what the bank says
-- of them. The bytes of files stand nowhere: they hold bank data of many people, and follow from these tables and the vault.

-- +goose Up

-- A book's own bank account for a currency. A change is a next version, and a file keeps the version that it was made by.
CREATE TABLE bank_accounts (
    book_id     integer     NOT NULL REFERENCES books (id),
    currency    text        COLLATE "C" NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    version     integer     NOT NULL CHECK (version BETWEEN 1 AND 1000000),
    document    text        NOT NULL CHECK (octet_length(document) BETWEEN 2 AND 8192),
    recorded_at timestamptz NOT NULL CHECK (isfinite(recorded_at)),
    approval    text        COLLATE "C" NOT NULL DEFAULT '' CHECK (octet_length(approval) <= 64),
    CONSTRAINT bank_accounts_pkey PRIMARY KEY (book_id, currency, version)
);
SELECT guard_table('bank_accounts', '');

-- The number of the newest file of an account. It is also the lock under which files are made and reports are taken.
CREATE TABLE bank_account_heads (
    book_id  integer NOT NULL REFERENCES books (id),
    currency text    COLLATE "C" NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    files    bigint  NOT NULL DEFAULT 0 CHECK (files BETWEEN 0 AND 999999999),
    CONSTRAINT bank_account_heads_pkey PRIMARY KEY (book_id, currency)
) WITH (fillfactor = 20);

-- +goose StatementBegin
CREATE FUNCTION guard_bank_head() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.files <> 0 THEN
            RAISE EXCEPTION 'files are counted from one' USING ERRCODE = '42501', CONSTRAINT = 'bank_account_heads_count';
        END IF;
        RETURN NEW;
    END IF;
    IF TG_OP = 'DELETE' OR NEW.files NOT IN (OLD.files, OLD.files + 1) THEN
        RAISE EXCEPTION 'files are counted one by one' USING ERRCODE = '42501', CONSTRAINT = 'bank_account_heads_count';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
-- A copy of the database takes in heads as they are.
CREATE TRIGGER begins_at_none BEFORE INSERT ON bank_account_heads FOR EACH ROW EXECUTE FUNCTION guard_bank_head();
CREATE TRIGGER moves_on BEFORE UPDATE OR DELETE ON bank_account_heads FOR EACH ROW EXECUTE FUNCTION guard_bank_head();
CREATE TRIGGER never_truncated BEFORE TRUNCATE ON bank_account_heads FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE bank_account_heads ENABLE ALWAYS TRIGGER moves_on;
ALTER TABLE bank_account_heads ENABLE ALWAYS TRIGGER never_truncated;

-- The journal of the rail: what moved between our own account (the empty one) and the money set aside for payees. Only it
-- changes balances.
CREATE TABLE bank_entries (
    book_id    integer     NOT NULL REFERENCES books (id),
    id         text        COLLATE "C" NOT NULL CHECK (id ~ '^txn_[a-z0-9]{16,32}$'),
    account    text        COLLATE "C" NOT NULL CHECK (account ~ '^(payee:[A-Za-z0-9_.-]{1,64})?$'),
    category   text        COLLATE "C" NOT NULL CHECK (category IN ('transfer', 'payment', 'payout', 'payout_reversal', 'transfer_reversal')),
    amount     bigint      NOT NULL CHECK (amount <> 0),
    currency   text        COLLATE "C" NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    source     text        COLLATE "C" NOT NULL CHECK (octet_length(source) BETWEEN 1 AND 64),
    created_at timestamptz NOT NULL CHECK (isfinite(created_at)),
    CONSTRAINT bank_entries_sign CHECK (CASE WHEN category IN ('payment', 'payout_reversal') THEN account <> '' AND amount > 0
        WHEN category = 'transfer' THEN account = '' AND amount < 0 WHEN category = 'payout' THEN account <> '' AND amount < 0
        ELSE (account = '') = (amount > 0) END)
);
COMMENT ON COLUMN bank_entries.source IS 'the transfer, what arrived of it, the payment or the reversal that moved it';
CREATE INDEX bank_entries_listed ON bank_entries (book_id, account, created_at, id);
-- Nothing is moved twice for the same reason.
CREATE UNIQUE INDEX bank_entries_once ON bank_entries (book_id, source, category, account);
-- Of indexes that seem to cost the same, as all do of a table without statistics, the newest is taken. The primary key comes last,
-- so that what points here is found by it from the first day on, and not by reading the whole book for each row.
ALTER TABLE bank_entries ADD CONSTRAINT bank_entries_pkey PRIMARY KEY (book_id, id);
SELECT guard_table('bank_entries', '');

-- What is set aside for a payee and has not left: the sum of its entries, kept by them alone.
CREATE TABLE bank_balances (
    book_id  integer NOT NULL REFERENCES books (id),
    account  text    COLLATE "C" NOT NULL CHECK (account <> ''),
    currency text    COLLATE "C" NOT NULL,
    balance  bigint  NOT NULL CONSTRAINT bank_balances_funds CHECK (balance >= 0),
    CONSTRAINT bank_balances_pkey PRIMARY KEY (book_id, account, currency)
) WITH (fillfactor = 70);

-- +goose StatementBegin
-- It runs with the owner's rights: the application has none to change a balance. Each balance changes once for all entries of a
-- statement, always in the same order, however many of them are one payee's.
CREATE FUNCTION keep_bank_balance() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    a record;
BEGIN
    FOR a IN SELECT e.book_id, e.account, e.currency, sum(e.amount)::bigint AS amount FROM added e WHERE e.account <> ''
             GROUP BY e.book_id, e.account, e.currency ORDER BY e.book_id, e.account, e.currency LOOP
        UPDATE bank_balances b SET balance = b.balance + a.amount WHERE b.book_id = a.book_id AND b.account = a.account AND b.currency = a.currency;
        IF NOT FOUND THEN
            INSERT INTO bank_balances AS b (book_id, account, currency, balance) VALUES (a.book_id, a.account, a.currency, a.amount)
                ON CONFLICT ON CONSTRAINT bank_balances_pkey DO UPDATE SET balance = b.balance + excluded.balance;
        END IF;
    END LOOP;
    RETURN NULL;
END $$;
-- +goose StatementEnd
-- +goose StatementBegin
-- What is there of a balance, kept from others until the transaction ends; nothing for one that never was. The application has no
-- right to lock what it may not change.
CREATE FUNCTION hold_bank_balance(book integer, of_account text, in_currency text) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    there bigint;
BEGIN
    SELECT b.balance INTO there FROM bank_balances b WHERE b.book_id = book AND b.account = of_account AND b.currency = in_currency FOR NO KEY UPDATE;
    RETURN there;
END $$;
-- +goose StatementEnd
-- A copy of the database takes in balances as they are, so only what is written here is added up here.
CREATE TRIGGER keeps_balance AFTER INSERT ON bank_entries REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION keep_bank_balance();

-- Each order once for its key, with what became of it.
CREATE TABLE bank_orders (
    book_id     integer     NOT NULL REFERENCES books (id),
    key         text        COLLATE "C" NOT NULL CHECK (octet_length(key) BETWEEN 1 AND 128),
    digest      text        COLLATE "C" NOT NULL CHECK (digest ~ '^[0-9a-f]{64}$'),
    made        text        COLLATE "C" NOT NULL DEFAULT '' CHECK (octet_length(made) <= 64),
    code        text        COLLATE "C" NOT NULL DEFAULT '' CHECK (octet_length(code) <= 64),
    again       boolean     NOT NULL DEFAULT false,
    created_at  timestamptz NOT NULL CHECK (isfinite(created_at)),
    CONSTRAINT bank_orders_pkey PRIMARY KEY (book_id, key),
    CONSTRAINT bank_orders_outcome CHECK ((made = '') <> (code = ''))
);
COMMENT ON COLUMN bank_orders.made IS 'what was made of it, empty if it was refused';
COMMENT ON COLUMN bank_orders.again IS 'of a refusal: another order can end otherwise once the cause is mended';
SELECT guard_table('bank_orders', '');

-- Money that was set aside for a payee.
CREATE TABLE bank_transfers (
    book_id     integer     NOT NULL REFERENCES books (id),
    id          text        COLLATE "C" NOT NULL CHECK (id ~ '^tr_[a-z0-9]{16,32}$'),
    instruction text        COLLATE "C" NOT NULL CHECK (octet_length(instruction) BETWEEN 1 AND 100),
    key         text        COLLATE "C" NOT NULL CHECK (octet_length(key) BETWEEN 1 AND 128),
    digest      text        COLLATE "C" NOT NULL CHECK (digest ~ '^[0-9a-f]{64}$'),
    account     text        COLLATE "C" NOT NULL CHECK (account ~ '^payee:[A-Za-z0-9_.-]{1,64}$'),
    amount      bigint      NOT NULL CHECK (amount > 0),
    currency    text        COLLATE "C" NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    reversed    bigint      NOT NULL DEFAULT 0,
    metadata    jsonb       NOT NULL CHECK (octet_length(metadata::text) <= 16384),
    entry       text        COLLATE "C" NOT NULL,
    arrived     text        COLLATE "C" NOT NULL CHECK (arrived ~ '^py_[a-z0-9]{16,32}$'),
    created_at  timestamptz NOT NULL CHECK (isfinite(created_at)),
    CONSTRAINT bank_transfers_key UNIQUE (book_id, key),
    CONSTRAINT bank_transfers_entry FOREIGN KEY (book_id, entry) REFERENCES bank_entries (book_id, id),
    CONSTRAINT bank_transfers_reversed CHECK (reversed BETWEEN 0 AND amount)
) WITH (fillfactor = 80);
CREATE INDEX bank_transfers_of ON bank_transfers (book_id, instruction, created_at);
ALTER TABLE bank_transfers ADD CONSTRAINT bank_transfers_pkey PRIMARY KEY (book_id, id);

CREATE TABLE bank_reversals (
    book_id     integer     NOT NULL,
    id          text        COLLATE "C" NOT NULL CHECK (id ~ '^trr_[a-z0-9]{16,32}$'),
    transfer    text        COLLATE "C" NOT NULL,
    instruction text        COLLATE "C" NOT NULL CHECK (octet_length(instruction) BETWEEN 1 AND 100),
    key         text        COLLATE "C" NOT NULL CHECK (octet_length(key) BETWEEN 1 AND 128),
    digest      text        COLLATE "C" NOT NULL CHECK (digest ~ '^[0-9a-f]{64}$'),
    amount      bigint      NOT NULL CHECK (amount > 0),
    entry       text        COLLATE "C" NOT NULL,
    created_at  timestamptz NOT NULL CHECK (isfinite(created_at)),
    CONSTRAINT bank_reversals_pkey PRIMARY KEY (book_id, id),
    CONSTRAINT bank_reversals_key UNIQUE (book_id, key),
    CONSTRAINT bank_reversals_of FOREIGN KEY (book_id, transfer) REFERENCES bank_transfers (book_id, id),
    CONSTRAINT bank_reversals_entry FOREIGN KEY (book_id, entry) REFERENCES bank_entries (book_id, id)
);
CREATE INDEX bank_reversals_listed ON bank_reversals (book_id, transfer, created_at, id);
SELECT guard_table('bank_reversals', '');

-- +goose StatementBegin
CREATE FUNCTION keep_bank_reversed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE bank_transfers t SET reversed = t.reversed + NEW.amount WHERE t.book_id = NEW.book_id AND t.id = NEW.transfer;
    RETURN NULL;
END $$;
CREATE FUNCTION guard_bank_transfer() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR NEW.reversed < OLD.reversed
       OR (to_jsonb(NEW) - 'reversed') IS DISTINCT FROM (to_jsonb(OLD) - 'reversed') THEN
        RAISE EXCEPTION 'transfer % is kept as it is', OLD.id USING ERRCODE = '42501', CONSTRAINT = 'bank_transfers_kept';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER keeps_reversed AFTER INSERT ON bank_reversals FOR EACH ROW EXECUTE FUNCTION keep_bank_reversed();
CREATE TRIGGER moves_on BEFORE UPDATE OR DELETE ON bank_transfers FOR EACH ROW EXECUTE FUNCTION guard_bank_transfer();
CREATE TRIGGER never_truncated BEFORE TRUNCATE ON bank_transfers FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE bank_transfers ENABLE ALWAYS TRIGGER moves_on;
ALTER TABLE bank_transfers ENABLE ALWAYS TRIGGER never_truncated;

-- Files, numbered 1, 2, 3 … by account and without gaps, so that a bank and we see at once that one is missing.
CREATE TABLE bank_files (
    book_id         integer     NOT NULL,
    currency        text        COLLATE "C" NOT NULL,
    number          bigint      NOT NULL CHECK (number BETWEEN 1 AND 999999999),
    account_version integer     NOT NULL,
    format          text        COLLATE "C" NOT NULL CHECK (octet_length(format) BETWEEN 1 AND 32),
    message_id      text        COLLATE "C" NOT NULL CHECK (message_id ~ '^[A-Z0-9-]{1,35}$'),
    state           text        COLLATE "C" NOT NULL CHECK (state IN ('made', 'fetched', 'sent', 'answered', 'closed', 'void')),
    digest          text        COLLATE "C" NOT NULL CHECK (digest ~ '^[0-9a-f]{64}$'),
    lines           integer     NOT NULL CHECK (lines BETWEEN 1 AND 10000),
    sum             bigint      NOT NULL CHECK (sum > 0),
    entry_hash      bigint      NOT NULL CHECK (entry_hash >= 0),
    taken           boolean     NOT NULL DEFAULT false,
    execute_on      date        NOT NULL,
    paid_on         date,
    made_at         timestamptz NOT NULL CHECK (isfinite(made_at)),
    made_by         text        COLLATE "C" NOT NULL CHECK (octet_length(made_by) BETWEEN 1 AND 128),
    fetched_at      timestamptz,
    fetched_by      text        COLLATE "C" NOT NULL DEFAULT '' CHECK (octet_length(fetched_by) <= 128),
    sent_at         timestamptz,
    sent_by         text        COLLATE "C" NOT NULL DEFAULT '' CHECK (octet_length(sent_by) <= 128),
    closed_at       timestamptz,
    void_at         timestamptz,
    void_by         text        COLLATE "C" NOT NULL DEFAULT '' CHECK (octet_length(void_by) <= 128),
    void_reason     text        NOT NULL DEFAULT '' CHECK (octet_length(void_reason) <= 2000),
    approval        text        COLLATE "C" NOT NULL DEFAULT '' CHECK (octet_length(approval) <= 64),
    CONSTRAINT bank_files_message UNIQUE (book_id, message_id),
    CONSTRAINT bank_files_account FOREIGN KEY (book_id, currency, account_version) REFERENCES bank_accounts (book_id, currency, version),
    CONSTRAINT bank_files_days CHECK (paid_on IS NULL OR paid_on > execute_on),
    CONSTRAINT bank_files_times CHECK ((state IN ('made', 'void') OR fetched_at IS NOT NULL) AND (state <> 'sent' OR sent_at IS NOT NULL)
        AND (state = 'closed') = (closed_at IS NOT NULL) AND (state = 'void') = (void_at IS NOT NULL)
        AND (state <> 'void' OR fetched_at IS NULL OR approval <> '')),
    CONSTRAINT bank_files_taken CHECK (NOT taken OR state IN ('answered', 'closed'))
) WITH (fillfactor = 70);
COMMENT ON COLUMN bank_files.taken IS 'the bank has said something else of it than that it rejects: it carries out at least a part, and the file is never void';
COMMENT ON COLUMN bank_files.paid_on IS 'when its payments count as paid if the bank has said nothing; nothing if only the bank''s word counts';
CREATE INDEX bank_files_open ON bank_files (book_id, currency, number) WHERE state NOT IN ('closed', 'void');
CREATE INDEX bank_files_silent ON bank_files (book_id, paid_on, currency, number) WHERE state IN ('sent', 'answered') AND paid_on IS NOT NULL;
ALTER TABLE bank_files ADD CONSTRAINT bank_files_pkey PRIMARY KEY (book_id, currency, number);

-- +goose StatementBegin
CREATE FUNCTION guard_new_bank_file() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.state <> 'made' OR NEW.number <> 1 + coalesce((SELECT max(f.number) FROM bank_files f WHERE f.book_id = NEW.book_id AND f.currency = NEW.currency), 0)
       OR NEW.number <> (SELECT h.files FROM bank_account_heads h WHERE h.book_id = NEW.book_id AND h.currency = NEW.currency) THEN
        RAISE EXCEPTION 'a file has the next number' USING ERRCODE = '23514', CONSTRAINT = 'bank_files_number';
    END IF;
    RETURN NEW;
END $$;
-- States move forward only, and what was noted once stays.
CREATE FUNCTION guard_bank_file() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'files are kept for ever' USING ERRCODE = '42501', CONSTRAINT = 'bank_files_kept';
    END IF;
    IF NEW.state <> OLD.state AND NOT (
           (OLD.state = 'made' AND NEW.state IN ('fetched', 'void'))
        OR (OLD.state = 'fetched' AND NEW.state IN ('sent', 'answered', 'closed', 'void'))
        OR (OLD.state = 'sent' AND NEW.state IN ('answered', 'closed', 'void'))
        OR (OLD.state = 'answered' AND NEW.state IN ('closed', 'void'))) THEN
        RAISE EXCEPTION 'file % does not go from % to %', OLD.number, OLD.state, NEW.state USING ERRCODE = '42501', CONSTRAINT = 'bank_files_forward';
    END IF;
    IF (OLD.taken AND NOT NEW.taken) OR (NEW.paid_on IS NULL) <> (OLD.paid_on IS NULL) OR NEW.paid_on < OLD.paid_on
       OR (OLD.fetched_at IS NOT NULL AND (NEW.fetched_at, NEW.fetched_by) IS DISTINCT FROM (OLD.fetched_at, OLD.fetched_by))
       OR (OLD.sent_at IS NOT NULL AND (NEW.sent_at, NEW.sent_by) IS DISTINCT FROM (OLD.sent_at, OLD.sent_by))
       OR (OLD.closed_at IS NOT NULL AND NEW.closed_at IS DISTINCT FROM OLD.closed_at)
       OR (OLD.void_at IS NOT NULL AND (NEW.void_at, NEW.void_by, NEW.void_reason, NEW.approval) IS DISTINCT FROM (OLD.void_at, OLD.void_by, OLD.void_reason, OLD.approval)) THEN
        RAISE EXCEPTION 'what happened to file % stays', OLD.number USING ERRCODE = '42501', CONSTRAINT = 'bank_files_settled';
    END IF;
    RETURN NEW;
END $$;
-- At commit, whoever writes: a number that was taken is a file's, since the next file could take none otherwise.
CREATE FUNCTION guard_bank_number() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM bank_files f WHERE f.book_id = NEW.book_id AND f.currency = NEW.currency AND f.number = NEW.files) THEN
        RAISE EXCEPTION 'number % is no file''s', NEW.files USING ERRCODE = '23514', CONSTRAINT = 'bank_account_heads_file';
    END IF;
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE CONSTRAINT TRIGGER has_file AFTER UPDATE ON bank_account_heads DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION guard_bank_number();
CREATE TRIGGER next_number BEFORE INSERT ON bank_files FOR EACH ROW EXECUTE FUNCTION guard_new_bank_file();
CREATE TRIGGER moves_on BEFORE UPDATE OR DELETE ON bank_files FOR EACH ROW EXECUTE FUNCTION guard_bank_file();
CREATE TRIGGER never_truncated BEFORE TRUNCATE ON bank_files FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE bank_files ENABLE ALWAYS TRIGGER moves_on;
ALTER TABLE bank_files ENABLE ALWAYS TRIGGER never_truncated;

-- Payments: what is paid out of what was set aside. One waits for a file and is a line of one file for ever, unless that file
-- became void before anybody had seen it.
CREATE TABLE bank_payments (
    book_id       integer     NOT NULL REFERENCES books (id),
    id            text        COLLATE "C" NOT NULL CHECK (id ~ '^po_[a-z0-9]{16,27}$'),
    instruction   text        COLLATE "C" NOT NULL CHECK (octet_length(instruction) BETWEEN 1 AND 100),
    key           text        COLLATE "C" NOT NULL CHECK (octet_length(key) BETWEEN 1 AND 128),
    digest        text        COLLATE "C" NOT NULL CHECK (digest ~ '^[0-9a-f]{64}$'),
    account       text        COLLATE "C" NOT NULL CHECK (account ~ '^payee:[A-Za-z0-9_.-]{1,64}$'),
    amount        bigint      NOT NULL CHECK (amount > 0),
    currency      text        COLLATE "C" NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    state         text        COLLATE "C" NOT NULL CHECK (state IN ('queued', 'filed', 'accepted', 'settled', 'failed', 'cancelled')),
    code          text        COLLATE "C" NOT NULL DEFAULT '' CHECK (octet_length(code) <= 64),
    file          bigint,
    line          integer     CHECK (line BETWEEN 1 AND 10000),
    trace         text        COLLATE "C" NOT NULL DEFAULT '' CHECK (octet_length(trace) <= 64),
    execute_on    date,
    arrives_on    date        NOT NULL,
    metadata      jsonb       NOT NULL CHECK (octet_length(metadata::text) <= 16384),
    entry         text        COLLATE "C" NOT NULL,
    failure_entry text        COLLATE "C",
    steps         integer     NOT NULL DEFAULT 1 CHECK (steps BETWEEN 1 AND 1000),
    created_at    timestamptz NOT NULL CHECK (isfinite(created_at)),
    changed_at    timestamptz NOT NULL CHECK (isfinite(changed_at)),
    CONSTRAINT bank_payments_key UNIQUE (book_id, key),
    CONSTRAINT bank_payments_line UNIQUE (book_id, currency, file, line),
    CONSTRAINT bank_payments_file FOREIGN KEY (book_id, currency, file) REFERENCES bank_files (book_id, currency, number),
    CONSTRAINT bank_payments_entry FOREIGN KEY (book_id, entry) REFERENCES bank_entries (book_id, id),
    CONSTRAINT bank_payments_failure FOREIGN KEY (book_id, failure_entry) REFERENCES bank_entries (book_id, id),
    CONSTRAINT bank_payments_filed CHECK ((file IS NULL) = (line IS NULL) AND (file IS NULL) = (trace = '') AND (file IS NULL) = (execute_on IS NULL)
        AND CASE state WHEN 'queued' THEN file IS NULL WHEN 'failed' THEN true WHEN 'cancelled' THEN true ELSE file IS NOT NULL END),
    CONSTRAINT bank_payments_back CHECK ((state IN ('failed', 'cancelled')) = (failure_entry IS NOT NULL) AND (failure_entry IS NULL OR code <> ''))
) WITH (fillfactor = 70);
CREATE INDEX bank_payments_waiting ON bank_payments (book_id, currency, created_at, id) INCLUDE (amount) WHERE state = 'queued';
CREATE INDEX bank_payments_of_file ON bank_payments (book_id, currency, file, state) WHERE file IS NOT NULL;
CREATE INDEX bank_payments_trace ON bank_payments (book_id, currency, trace) WHERE trace <> '';
CREATE INDEX bank_payments_of ON bank_payments (book_id, account, created_at, id);
CREATE INDEX bank_payments_open ON bank_payments (book_id, account, currency) WHERE state IN ('filed', 'accepted');
CREATE INDEX bank_payments_instruction ON bank_payments (book_id, instruction, account, created_at);
ALTER TABLE bank_payments ADD CONSTRAINT bank_payments_pkey PRIMARY KEY (book_id, id);

-- +goose StatementBegin
CREATE FUNCTION guard_bank_payment() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.state <> 'queued' THEN
            RAISE EXCEPTION 'a payment waits for a file first' USING ERRCODE = '42501', CONSTRAINT = 'bank_payments_begin_queued';
        END IF;
        RETURN NEW;
    END IF;
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'payments are kept for ever' USING ERRCODE = '42501', CONSTRAINT = 'bank_payments_kept';
    END IF;
    IF NEW.state <> OLD.state AND NOT (
           (OLD.state = 'queued' AND NEW.state IN ('filed', 'failed', 'cancelled'))
        OR (OLD.state = 'filed' AND NEW.state IN ('queued', 'accepted', 'settled', 'failed', 'cancelled'))
        OR (OLD.state = 'accepted' AND NEW.state IN ('settled', 'failed', 'cancelled'))
        OR (OLD.state = 'settled' AND NEW.state IN ('failed', 'cancelled'))) THEN
        RAISE EXCEPTION 'payment % does not go from % to %', OLD.id, OLD.state, NEW.state USING ERRCODE = '42501', CONSTRAINT = 'bank_payments_forward';
    END IF;
    IF OLD.file IS NOT NULL AND (NEW.file, NEW.line, NEW.trace, NEW.execute_on) IS DISTINCT FROM (OLD.file, OLD.line, OLD.trace, OLD.execute_on)
       AND NOT (NEW.state = 'queued' AND EXISTS (SELECT FROM bank_files f WHERE f.book_id = OLD.book_id AND f.currency = OLD.currency
                AND f.number = OLD.file AND f.state = 'void' AND f.fetched_at IS NULL)) THEN
        RAISE EXCEPTION 'payment % stays in its file', OLD.id USING ERRCODE = '42501', CONSTRAINT = 'bank_payments_stays';
    END IF;
    IF OLD.file IS NULL AND NEW.file IS NOT NULL AND NOT (NEW.state = 'filed' AND EXISTS (SELECT FROM bank_files f WHERE f.book_id = OLD.book_id
             AND f.currency = OLD.currency AND f.number = NEW.file AND f.state = 'made')) THEN
        RAISE EXCEPTION 'payment % joins no file that was given out', OLD.id USING ERRCODE = '42501', CONSTRAINT = 'bank_payments_joins';
    END IF;
    IF OLD.failure_entry IS NOT NULL AND (NEW.failure_entry, NEW.code) IS DISTINCT FROM (OLD.failure_entry, OLD.code) OR NEW.steps <> OLD.steps + 1 THEN
        RAISE EXCEPTION 'what happened to payment % stays', OLD.id USING ERRCODE = '42501', CONSTRAINT = 'bank_payments_settled';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
-- +goose StatementBegin
-- At commit, whoever writes: no payment waits for a file that has ended.
CREATE FUNCTION guard_bank_file_end() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM bank_payments p WHERE p.book_id = NEW.book_id AND p.currency = NEW.currency AND p.file = NEW.number AND p.state IN ('filed', 'accepted')) THEN
        RAISE EXCEPTION 'file % has open payments', NEW.number USING ERRCODE = '23514', CONSTRAINT = 'bank_files_ended';
    END IF;
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE CONSTRAINT TRIGGER has_ended AFTER UPDATE ON bank_files DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.state IN ('closed', 'void'))
    EXECUTE FUNCTION guard_bank_file_end();
CREATE TRIGGER begins_queued BEFORE INSERT ON bank_payments FOR EACH ROW EXECUTE FUNCTION guard_bank_payment();
CREATE TRIGGER moves_on BEFORE UPDATE OR DELETE ON bank_payments FOR EACH ROW EXECUTE FUNCTION guard_bank_payment();
CREATE TRIGGER never_truncated BEFORE TRUNCATE ON bank_payments FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE bank_payments ENABLE ALWAYS TRIGGER moves_on;
ALTER TABLE bank_payments ENABLE ALWAYS TRIGGER never_truncated;

-- +goose StatementBegin
-- At commit, whoever writes: an entry is that of the transfer, the payment or the reversal it names, with its account and amount.
-- So no money is set aside, comes back or is taken but by one of these.
CREATE FUNCTION guard_bank_entry() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    sound boolean;
BEGIN
    CASE NEW.category
    WHEN 'transfer' THEN
        sound := EXISTS (SELECT FROM bank_transfers t WHERE t.book_id = NEW.book_id AND t.id = NEW.source AND t.entry = NEW.id
                    AND t.amount = -NEW.amount AND t.currency = NEW.currency);
    WHEN 'payment' THEN
        sound := EXISTS (SELECT FROM bank_transfers t WHERE t.book_id = NEW.book_id AND t.id = 'tr_' || substr(NEW.source, 4) AND t.arrived = NEW.source
                    AND t.account = NEW.account AND t.amount = NEW.amount AND t.currency = NEW.currency);
    WHEN 'payout' THEN
        sound := EXISTS (SELECT FROM bank_payments p WHERE p.book_id = NEW.book_id AND p.id = NEW.source AND p.entry = NEW.id
                    AND p.account = NEW.account AND p.amount = -NEW.amount AND p.currency = NEW.currency);
    WHEN 'payout_reversal' THEN
        sound := EXISTS (SELECT FROM bank_payments p WHERE p.book_id = NEW.book_id AND p.id = NEW.source AND p.failure_entry = NEW.id
                    AND p.account = NEW.account AND p.amount = NEW.amount AND p.currency = NEW.currency);
    ELSE
        sound := EXISTS (SELECT FROM bank_reversals r JOIN bank_transfers t ON t.book_id = r.book_id AND t.id = r.transfer
                  WHERE r.book_id = NEW.book_id AND r.id = NEW.source AND r.amount = abs(NEW.amount) AND t.currency = NEW.currency
                    AND (r.entry = NEW.id AND NEW.account = '' OR t.account = NEW.account));
    END CASE;
    IF NOT sound THEN
        RAISE EXCEPTION 'entry % has no reason', NEW.id USING ERRCODE = '23514', CONSTRAINT = 'bank_entries_reason';
    END IF;
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE CONSTRAINT TRIGGER has_reason AFTER INSERT ON bank_entries DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION guard_bank_entry();

-- What moved a payment, in order: a report of the bank by its digest, or whoever did it.
CREATE TABLE bank_payment_steps (
    book_id integer     NOT NULL,
    payment text        COLLATE "C" NOT NULL,
    number  integer     NOT NULL CHECK (number > 0),
    account text        COLLATE "C" NOT NULL,
    state   text        COLLATE "C" NOT NULL,
    code    text        COLLATE "C" NOT NULL DEFAULT '' CHECK (octet_length(code) <= 64),
    file    bigint,
    report  text        COLLATE "C" NOT NULL DEFAULT '' CHECK (report ~ '^([0-9a-f]{64})?$'),
    actor   text        COLLATE "C" NOT NULL DEFAULT '' CHECK (octet_length(actor) <= 128),
    at      timestamptz NOT NULL CHECK (isfinite(at)),
    CONSTRAINT bank_payment_steps_pkey PRIMARY KEY (book_id, payment, number),
    CONSTRAINT bank_payment_steps_of FOREIGN KEY (book_id, payment) REFERENCES bank_payments (book_id, id),
    CONSTRAINT bank_payment_steps_who CHECK ((report = '') <> (actor = ''))
);
CREATE INDEX bank_payment_steps_listed ON bank_payment_steps (book_id, account, at, payment, number);
SELECT guard_table('bank_payment_steps', '');

-- +goose StatementBegin
-- At commit, whoever writes: whatever moves money names entries of its own, and each movement of a payment has its step. So nothing
-- is paid that was not taken from what is set aside, and nothing ends without its money coming back.
CREATE FUNCTION guard_bank_cause() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    sound boolean;
BEGIN
    CASE TG_TABLE_NAME
    WHEN 'bank_transfers' THEN
        sound := EXISTS (SELECT FROM bank_entries e WHERE e.book_id = NEW.book_id AND e.id = NEW.entry AND e.category = 'transfer' AND e.source = NEW.id)
             AND EXISTS (SELECT FROM bank_entries e WHERE e.book_id = NEW.book_id AND e.source = NEW.arrived AND e.category = 'payment' AND e.account = NEW.account);
    WHEN 'bank_reversals' THEN
        sound := EXISTS (SELECT FROM bank_entries e WHERE e.book_id = NEW.book_id AND e.id = NEW.entry AND e.category = 'transfer_reversal' AND e.source = NEW.id)
             AND EXISTS (SELECT FROM bank_entries e JOIN bank_transfers t ON t.book_id = e.book_id AND t.id = NEW.transfer AND e.account = t.account
                          WHERE e.book_id = NEW.book_id AND e.source = NEW.id AND e.category = 'transfer_reversal');
    ELSE
        sound := EXISTS (SELECT FROM bank_entries e WHERE e.book_id = NEW.book_id AND e.id = NEW.entry AND e.category = 'payout' AND e.source = NEW.id)
             AND (NEW.failure_entry IS NULL OR EXISTS (SELECT FROM bank_entries e WHERE e.book_id = NEW.book_id AND e.id = NEW.failure_entry
                    AND e.category = 'payout_reversal' AND e.source = NEW.id))
             AND EXISTS (SELECT FROM bank_payment_steps s WHERE s.book_id = NEW.book_id AND s.payment = NEW.id AND s.number = NEW.steps AND s.state = NEW.state);
    END CASE;
    IF NOT sound THEN
        RAISE EXCEPTION '% names entries or a step that are not its own', NEW.id USING ERRCODE = '23514', CONSTRAINT = 'bank_causes';
    END IF;
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE CONSTRAINT TRIGGER has_entries AFTER INSERT ON bank_transfers DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION guard_bank_cause();
CREATE CONSTRAINT TRIGGER has_entries AFTER INSERT ON bank_reversals DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION guard_bank_cause();
CREATE CONSTRAINT TRIGGER has_entries AFTER INSERT OR UPDATE ON bank_payments DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION guard_bank_cause();

-- Reports that were taken, each once. Their bytes are not kept: they can name people.
CREATE TABLE bank_reports (
    book_id     integer     NOT NULL REFERENCES books (id),
    digest      text        COLLATE "C" NOT NULL CHECK (digest ~ '^[0-9a-f]{64}$'),
    format      text        COLLATE "C" NOT NULL CHECK (octet_length(format) BETWEEN 1 AND 64),
    message_id  text        NOT NULL CHECK (octet_length(message_id) BETWEEN 1 AND 255),
    currency    text        COLLATE "C" NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    file        bigint      CHECK (file > 0),
    received_at timestamptz NOT NULL CHECK (isfinite(received_at)),
    received_by text        COLLATE "C" NOT NULL CHECK (octet_length(received_by) BETWEEN 1 AND 128),
    accepted    integer     NOT NULL CHECK (accepted >= 0),
    settled     integer     NOT NULL CHECK (settled >= 0),
    failed      integer     NOT NULL CHECK (failed >= 0),
    unchanged   integer     NOT NULL CHECK (unchanged >= 0),
    strange     integer     NOT NULL CHECK (strange >= 0),
    CONSTRAINT bank_reports_pkey PRIMARY KEY (book_id, digest),
    CONSTRAINT bank_reports_message UNIQUE (book_id, format, message_id),
    CONSTRAINT bank_reports_file FOREIGN KEY (book_id, currency, file) REFERENCES bank_files (book_id, currency, number)
);
COMMENT ON COLUMN bank_reports.file IS 'the one file that it is about; nothing if it is about several';
CREATE INDEX bank_reports_listed ON bank_reports (book_id, received_at, digest);
CREATE INDEX bank_reports_of_file ON bank_reports (book_id, currency, file, received_at, digest) WHERE file IS NOT NULL;
SELECT guard_table('bank_reports', '');

CREATE TABLE bank_report_items (
    book_id    integer NOT NULL,
    digest     text    COLLATE "C" NOT NULL,
    number     integer NOT NULL CHECK (number > 0),
    payment    text    COLLATE "C" NOT NULL,
    said       text    COLLATE "C" NOT NULL CHECK (octet_length(said) BETWEEN 1 AND 32),
    code       text    COLLATE "C" NOT NULL DEFAULT '' CHECK (octet_length(code) <= 64),
    outcome    text    COLLATE "C" NOT NULL CHECK (outcome IN ('accepted', 'settled', 'failed', 'unchanged', 'strange')),
    correction boolean NOT NULL,
    CONSTRAINT bank_report_items_pkey PRIMARY KEY (book_id, digest, number),
    CONSTRAINT bank_report_items_of FOREIGN KEY (book_id, digest) REFERENCES bank_reports (book_id, digest),
    CONSTRAINT bank_report_items_payment FOREIGN KEY (book_id, payment) REFERENCES bank_payments (book_id, id)
);
COMMENT ON COLUMN bank_report_items.correction IS 'it was paid, but the receiver''s bank asks that the data be mended';
SELECT guard_table('bank_report_items', '');

REVOKE ALL ON bank_accounts, bank_account_heads, bank_entries, bank_balances, bank_orders, bank_transfers, bank_reversals, bank_files, bank_payments,
    bank_payment_steps, bank_reports, bank_report_items FROM PUBLIC;
GRANT SELECT ON bank_accounts, bank_account_heads, bank_entries, bank_balances, bank_orders, bank_transfers, bank_reversals, bank_files, bank_payments,
    bank_payment_steps, bank_reports, bank_report_items TO mizan_app;
GRANT INSERT ON bank_accounts, bank_account_heads, bank_entries, bank_orders, bank_transfers, bank_reversals, bank_files, bank_payments,
    bank_payment_steps, bank_reports, bank_report_items TO mizan_app;
GRANT UPDATE (files) ON bank_account_heads TO mizan_app;
GRANT UPDATE (state, taken, paid_on, fetched_at, fetched_by, sent_at, sent_by, closed_at, void_at, void_by, void_reason,
    approval) ON bank_files TO mizan_app;
GRANT UPDATE (state, code, file, line, trace, execute_on, arrives_on, failure_entry, steps, changed_at) ON bank_payments TO mizan_app;
REVOKE ALL ON FUNCTION keep_bank_balance(), keep_bank_reversed(), hold_bank_balance(integer, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION hold_bank_balance(integer, text, text) TO mizan_app;
