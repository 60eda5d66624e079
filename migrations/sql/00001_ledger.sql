-- The ledger: books, accounts, balances, transactions, entries, and the seal that keeps them as they were written.
--
-- Rules that hold for every table here:
--   * every primary key, unique key and foreign key starts with the book, and no foreign key crosses books, so that
--     books can live on separate servers;
--   * one statement locks a book's row before anything is decided about that book; nothing else is ever locked;
--   * amounts are whole minor units in the digits of ISO 4217, debit positive;
--   * transactions, entries, references and links are append-only for the application.

-- +goose Up

-- A book is one legal entity in one market. Its row is the lock under which postings are decided, and it carries the
-- head of the book's single order. The low fillfactor keeps its updates on one page (HOT).
CREATE TABLE books (
    id                  integer     NOT NULL CHECK (id > 0),
    code                text        COLLATE "C" NOT NULL CHECK (code ~ '^[a-z][a-z0-9_]{0,31}$'),
    name                text        NOT NULL CHECK (char_length(name) BETWEEN 1 AND 200),
    currencies          text[]      NOT NULL CHECK (cardinality(currencies) BETWEEN 1 AND 200),
    functional_currency text        NOT NULL CHECK (functional_currency ~ '^[A-Z]{3}$'),
    time_zone           text        NOT NULL CHECK (char_length(time_zone) BETWEEN 1 AND 64),
    market              text        NOT NULL CHECK (market ~ '^([A-Z]{2})?$'),
    region              text        NOT NULL CHECK (region ~ '^([a-z0-9-]{1,32})?$'),
    created_at          timestamptz NOT NULL CHECK (isfinite(created_at)),
    last_sequence       bigint      NOT NULL DEFAULT 0 CHECK (last_sequence >= 0),
    last_account_id     integer     NOT NULL DEFAULT 0 CHECK (last_account_id >= 0),
    last_recorded_at    timestamptz NOT NULL CHECK (isfinite(last_recorded_at)),
    first_open_period   integer     NOT NULL DEFAULT 0 CHECK (first_open_period = 0 OR first_open_period % 100 BETWEEN 1 AND 12),
    CONSTRAINT books_pkey PRIMARY KEY (id),
    CONSTRAINT books_code_key UNIQUE (code)
) WITH (fillfactor = 20);

-- +goose StatementBegin
CREATE FUNCTION books_keep_order() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.id <> OLD.id OR NEW.code <> OLD.code
       OR NEW.last_sequence < OLD.last_sequence
       OR NEW.last_account_id < OLD.last_account_id
       OR NEW.last_recorded_at < OLD.last_recorded_at THEN
        RAISE EXCEPTION 'the order of book % only moves forward', OLD.code USING ERRCODE = '23514', CONSTRAINT = 'books_keep_order';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER books_keep_order BEFORE UPDATE ON books FOR EACH ROW EXECUTE FUNCTION books_keep_order();
ALTER TABLE books ENABLE ALWAYS TRIGGER books_keep_order;

-- An account is one address in one currency. It is opened by its first posting; chart_code is its row in the chart.
CREATE TABLE accounts (
    book_id    integer     NOT NULL,
    id         integer     NOT NULL CHECK (id > 0),
    chart_code integer     NOT NULL CHECK (chart_code BETWEEN 1000 AND 9999),
    address    text        COLLATE "C" NOT NULL
               CHECK (address ~ '^(assets|liabilities|equity|revenue|expenses)(:[A-Za-z0-9_.-]{1,64}){1,8}$'),
    currency   text        COLLATE "C" NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    state      text        NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'closed')),
    opened_at  timestamptz NOT NULL CHECK (isfinite(opened_at)),
    CONSTRAINT accounts_pkey PRIMARY KEY (book_id, id),
    CONSTRAINT accounts_address_key UNIQUE (book_id, address, currency),
    CONSTRAINT accounts_book_fkey FOREIGN KEY (book_id) REFERENCES books (id)
);

-- What an account holds now. The writer rewrites a row at most once a batch; the fillfactor leaves room for that in place.
CREATE TABLE balances (
    book_id       integer NOT NULL,
    account_id    integer NOT NULL,
    debits        bigint  NOT NULL CHECK (debits >= 0),
    credits       bigint  NOT NULL CHECK (credits >= 0),
    version       bigint  NOT NULL CHECK (version >= 0),
    last_sequence bigint  NOT NULL CHECK (last_sequence >= 0),
    CONSTRAINT balances_pkey PRIMARY KEY (book_id, account_id)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);

-- One row a transaction, in the book's order. line_count 0 is a fact that posts nothing (delivered, return opened).
-- Partitioned by sequence so that the indexes that take inserts stay small.
CREATE TABLE transactions (
    book_id          integer     NOT NULL,
    line_count       smallint    NOT NULL CHECK (line_count BETWEEN 0 AND 500),
    period           integer     NOT NULL CHECK (period % 100 BETWEEN 1 AND 12),
    effective_period integer     NOT NULL CHECK (effective_period % 100 BETWEEN 1 AND 12 AND effective_period <= period),
    original_period  integer              CHECK (original_period % 100 BETWEEN 1 AND 12),
    sequence         bigint      NOT NULL CHECK (sequence > 0),
    occurred_at      timestamptz NOT NULL CHECK (isfinite(occurred_at)),
    recorded_at      timestamptz NOT NULL CHECK (isfinite(recorded_at)),
    reverses         bigint               CHECK (reverses < sequence),
    reposts          bigint               CHECK (reposts < sequence),
    reference        text        COLLATE "C" NOT NULL CHECK (octet_length(reference) BETWEEN 1 AND 255 AND reference !~ '[^ -~]'),
    event            text        COLLATE "C" NOT NULL CHECK (octet_length(event) BETWEEN 3 AND 64),
    subject          text        COLLATE "C" CHECK (octet_length(subject) BETWEEN 1 AND 129),
    live_session     text        CHECK (octet_length(live_session) BETWEEN 1 AND 64),
    channel          text        CHECK (octet_length(channel) BETWEEN 1 AND 129),
    campaign         text        CHECK (octet_length(campaign) BETWEEN 1 AND 64),
    memo             text        CHECK (char_length(memo) BETWEEN 1 AND 500),
    account_ids      integer[]   NOT NULL CHECK (cardinality(account_ids) <= line_count),
    content_hash     bytea       NOT NULL CHECK (octet_length(content_hash) = 32),
    metadata         jsonb       CHECK (jsonb_typeof(metadata) = 'object'),
    explanation      text        CHECK (octet_length(explanation) BETWEEN 1 AND 65536),
    CONSTRAINT transactions_pkey PRIMARY KEY (book_id, sequence)
) PARTITION BY RANGE (sequence);
CREATE INDEX transactions_subject ON transactions (book_id, subject, sequence) WHERE subject IS NOT NULL;
CREATE INDEX transactions_event ON transactions (book_id, event, sequence);
CREATE INDEX transactions_recorded_at ON transactions (book_id, recorded_at, sequence);

-- One row a line. account_version counts an account's entries without gaps and balance_after is its running balance
-- (debit positive), so a balance at any sequence is one index probe and completeness per account can be proved.
-- debits_after is the running sum of debits, and with it the turnover between any two sequences is two probes. The
-- currency is the account's.
CREATE TABLE entries (
    book_id         integer  NOT NULL,
    account_id      integer  NOT NULL,
    sequence        bigint   NOT NULL CHECK (sequence > 0),
    amount          bigint   NOT NULL CHECK (amount <> 0 AND amount BETWEEN -999999999999999999 AND 999999999999999999),
    account_version bigint   NOT NULL CHECK (account_version > 0),
    balance_after   bigint   NOT NULL,
    debits_after    bigint   NOT NULL CHECK (debits_after >= 0),
    line            smallint NOT NULL CHECK (line BETWEEN 1 AND 500),
    external_ref    text     CHECK (octet_length(external_ref) BETWEEN 1 AND 255),
    CONSTRAINT entries_pkey PRIMARY KEY (book_id, account_id, sequence, line)
) PARTITION BY RANGE (sequence);

-- One effect per reference, for ever: an event's transactions are contiguous from first_sequence. Not partitioned by
-- sequence, because a unique key cannot live there.
CREATE TABLE transaction_references (
    book_id        integer  NOT NULL,
    count          smallint NOT NULL CHECK (count BETWEEN 1 AND 1000),
    first_sequence bigint   NOT NULL CHECK (first_sequence > 0),
    reference      text     COLLATE "C" NOT NULL CHECK (octet_length(reference) BETWEEN 1 AND 255),
    content_hash   bytea    NOT NULL CHECK (octet_length(content_hash) = 32),
    CONSTRAINT transaction_references_pkey PRIMARY KEY (book_id, reference)
);

-- A transaction is reversed at most once, and re-posted at most once after an erroneous reversal.
CREATE TABLE transaction_links (
    book_id  integer NOT NULL,
    kind     text    NOT NULL CHECK (kind IN ('reverses', 'reposts')),
    target   bigint  NOT NULL CHECK (target > 0),
    sequence bigint  NOT NULL CHECK (sequence > target),
    CONSTRAINT transaction_links_pkey PRIMARY KEY (book_id, kind, target),
    CONSTRAINT transaction_links_sequence_key UNIQUE (book_id, kind, sequence)
);

-- Turnover per accounting period, kept in the same batch, because a period is not a cut of the sequence: late facts
-- post into the oldest open period.
CREATE TABLE period_totals (
    book_id    integer NOT NULL,
    account_id integer NOT NULL,
    period     integer NOT NULL CHECK (period % 100 BETWEEN 1 AND 12),
    debits     bigint  NOT NULL CHECK (debits >= 0),
    credits    bigint  NOT NULL CHECK (credits >= 0),
    CONSTRAINT period_totals_pkey PRIMARY KEY (book_id, account_id, period)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);

-- The same turnover by chart row, a handful of rows a period, so that a trial balance never adds up millions of payees.
CREATE TABLE chart_totals (
    book_id    integer NOT NULL,
    period     integer NOT NULL CHECK (period % 100 BETWEEN 1 AND 12),
    chart_code integer NOT NULL,
    currency   text    COLLATE "C" NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    debits     numeric(38, 0) NOT NULL CHECK (debits >= 0 AND debits <> 'NaN'),
    credits    numeric(38, 0) NOT NULL CHECK (credits >= 0 AND credits <> 'NaN'),
    CONSTRAINT chart_totals_pkey PRIMARY KEY (book_id, period, chart_code, currency)
) WITH (fillfactor = 20);

-- Events that record a fact and post no lines. The seal refuses an empty transaction of any other event.
CREATE TABLE fact_events (
    event text COLLATE "C" NOT NULL PRIMARY KEY CHECK (event ~ '^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+$')
);
INSERT INTO fact_events (event) VALUES
    ('order.delivered'), ('order.cancelled'), ('after_sales.opened'), ('after_sales.closed'), ('order.fact_recorded');

-- +goose StatementBegin
-- Seals a batch of headers: no single-line transaction, and no empty one unless its event is a declared fact.
CREATE FUNCTION seal_transactions() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    bad bigint;
BEGIN
    SELECT n.sequence INTO bad
      FROM new_rows n
      LEFT JOIN fact_events f ON n.line_count = 0 AND f.event = n.event
     WHERE n.line_count < 2 AND f.event IS NULL
     LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'transaction % has too few lines for its event', bad USING ERRCODE = '23514', CONSTRAINT = 'seal_transactions';
    END IF;
    RETURN NULL;
END $$;
-- +goose StatementEnd

-- +goose StatementBegin
-- Seals a batch of entries: each transaction's header exists, is new in this batch (its sequence is beyond the book's
-- head, which the writer advances last), has exactly these lines, and sums to zero per currency (I1, I10).
CREATE FUNCTION seal_entries() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    bad bigint;
BEGIN
    WITH touched AS MATERIALIZED (
        SELECT d.book_id, d.account_id, a.currency
          FROM (SELECT DISTINCT n.book_id, n.account_id FROM new_rows n) d
          LEFT JOIN LATERAL (SELECT a.currency FROM accounts a
                              WHERE a.book_id = d.book_id AND a.id = d.account_id LIMIT 1) a ON true
    ), summed AS (
        SELECT n.book_id, n.sequence, t.currency, count(*) AS lines, min(n.line) AS lowest, max(n.line) AS highest,
               sum(n.line) AS line_sum, sum(n.line::integer * n.line) AS square_sum, sum(n.amount) AS total
          FROM new_rows n JOIN touched t ON t.book_id = n.book_id AND t.account_id = n.account_id
         GROUP BY n.book_id, n.sequence, t.currency
    ), sealed AS (
        SELECT s.book_id, s.sequence, sum(s.lines) AS lines, min(s.lowest) AS lowest, max(s.highest) AS highest,
               sum(s.line_sum) AS line_sum, sum(s.square_sum) AS square_sum,
               bool_and(s.total = 0 AND s.currency IS NOT NULL) AS balanced
          FROM summed s GROUP BY s.book_id, s.sequence
    )
    SELECT s.sequence INTO bad
      FROM sealed s
      LEFT JOIN LATERAL (SELECT h.line_count FROM transactions h
                          WHERE h.book_id = s.book_id AND h.sequence = s.sequence LIMIT 1) h ON true
      LEFT JOIN LATERAL (SELECT b.last_sequence FROM books b WHERE b.id = s.book_id LIMIT 1) b ON true
     WHERE h.line_count IS DISTINCT FROM s.lines OR s.lowest <> 1 OR s.highest <> s.lines OR NOT s.balanced
        OR s.line_sum <> s.lines * (s.lines + 1) / 2 OR s.square_sum <> s.lines * (s.lines + 1) * (2 * s.lines + 1) / 6
        OR b.last_sequence IS NULL OR s.sequence <= b.last_sequence
     LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'the entries of transaction % are not sealed by a balanced new transaction', bad
              USING ERRCODE = '23514', CONSTRAINT = 'seal_entries';
    END IF;
    RETURN NULL;
END $$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: a correction is a new transaction that names what it reverses', TG_TABLE_NAME
          USING ERRCODE = '42501', CONSTRAINT = 'append_only';
END $$;
-- +goose StatementEnd

-- +goose StatementBegin
-- Puts the seal and the append-only guard on one table. The parent of a partitioned table guards what goes through it;
-- each partition carries a copy against direct inserts. ENABLE ALWAYS keeps them firing under session_replication_role.
CREATE FUNCTION guard_table(target regclass, seal text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF seal <> '' THEN
        EXECUTE format('CREATE TRIGGER seal AFTER INSERT ON %s REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION %I()', target, seal);
        EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER seal', target);
    END IF;
    EXECUTE format('CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON %s FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()', target);
    EXECUTE format('CREATE TRIGGER never_truncated BEFORE TRUNCATE ON %s FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()', target);
    EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER append_only', target);
    EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER never_truncated', target);
END $$;
-- +goose StatementEnd
SELECT guard_table('transactions', 'seal_transactions');
SELECT guard_table('entries', 'seal_entries');
SELECT guard_table('transaction_references', '');
SELECT guard_table('transaction_links', '');

-- Where the partitions end. One row; it is also the lock under which partitions are made.
CREATE TABLE partition_head (
    only_row     boolean NOT NULL DEFAULT true PRIMARY KEY CHECK (only_row),
    width        bigint  NOT NULL CHECK (width BETWEEN 1000 AND 100000000),
    next_number  integer NOT NULL CHECK (next_number > 0),
    upper_bound  bigint  NOT NULL CHECK (upper_bound > 0)
);
INSERT INTO partition_head (width, next_number, upper_bound) VALUES (500000, 1, 1);

-- +goose StatementBegin
-- Makes the partitions that hold sequences up to the given one, at most 16 a call, and answers the first sequence that
-- has no partition yet; it refuses to run far ahead of the books. Each partition is created apart and attached, because CREATE … PARTITION OF would lock writers
-- out. It runs with the owner's rights: the application has none on partitions.
CREATE FUNCTION prepare_partitions(wanted bigint) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    head partition_head;
    name text;
    kind text;
    made integer := 0;
BEGIN
    SELECT * INTO head FROM partition_head;
    IF head.upper_bound > wanted THEN
        RETURN head.upper_bound;
    END IF;
    IF wanted > (SELECT coalesce(max(b.last_sequence), 0) FROM books b) + greatest(2 * head.width, 1000000) THEN
        RAISE EXCEPTION 'no book comes near sequence %', wanted USING ERRCODE = '22003';
    END IF;
    SELECT * INTO head FROM partition_head FOR UPDATE;
    WHILE head.upper_bound <= wanted AND made < 16 LOOP
        FOREACH kind IN ARRAY ARRAY['transactions', 'entries'] LOOP
            name := format('%s_p%s', kind, lpad(head.next_number::text, 6, '0'));
            EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', name, kind);
            PERFORM guard_table(name::regclass, 'seal_' || kind);
            EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%s) TO (%s)',
                           kind, name, head.upper_bound, head.upper_bound + head.width);
        END LOOP;
        head.next_number := head.next_number + 1;
        head.upper_bound := head.upper_bound + head.width;
        made := made + 1;
    END LOOP;
    UPDATE partition_head SET next_number = head.next_number, upper_bound = head.upper_bound;
    RETURN head.upper_bound;
END $$;
-- +goose StatementEnd
SELECT prepare_partitions(500001);

-- The application's rights. It adds and reads; it changes heads, balances and totals; it never changes what is recorded.
REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO mizan_app;
GRANT SELECT, INSERT ON books, accounts, balances, transactions, entries, transaction_references, transaction_links,
      period_totals, chart_totals TO mizan_app;
GRANT UPDATE (last_sequence, last_account_id, last_recorded_at, first_open_period) ON books TO mizan_app;
GRANT UPDATE (state) ON accounts TO mizan_app;
GRANT UPDATE (debits, credits, version, last_sequence) ON balances TO mizan_app;
GRANT UPDATE (debits, credits) ON period_totals, chart_totals TO mizan_app;
GRANT SELECT ON fact_events, partition_head TO mizan_app;
GRANT EXECUTE ON FUNCTION prepare_partitions(bigint) TO mizan_app;
