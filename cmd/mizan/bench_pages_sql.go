package main

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
)

// A book of millions of sales for the benchmark of pages. A few thousand are posted by the service; the others are copies of these, put
// in as the service would have written them: numbered, balanced, with running balances, heads of subjects, turnover by month,
// and their explanations under their own names. Only a content hash is that of the sale that was copied.

// copiesOf is a set of sales that are copied together. Their orders begin with its letter and copiedName.
type copiesOf string

const (
	everybodysSales copiesOf = "e"
	busySales       copiesOf = "m"
)

// copiedName is what a copy's number stands for in the names of a set.
const copiedName = "0000000"

// copyOf is the name of an order that is posted to be copied.
func copyOf(of copiesOf, n int) string { return fmt.Sprintf("%s%s-%d", of, copiedName, n) }

var (
	sqlBenchTemplates = []string{
		`CREATE TEMP TABLE t_heads (kept text, size bigint)`,
		`CREATE TEMP TABLE t_transactions (kept text, place bigint, LIKE transactions)`,
		`CREATE TEMP TABLE t_entries (kept text, place bigint, rank bigint, sum bigint, debits bigint, account_id integer, amount bigint, line smallint, external_ref text)`,
		`CREATE TEMP TABLE t_accounts (kept text, account_id integer, entries bigint, sum bigint, debits bigint, credits bigint, last bigint)`,
		`CREATE TEMP TABLE t_references (kept text, place bigint, count smallint, reference text, content_hash bytea)`,
		`CREATE TEMP TABLE t_subjects (kept text, first bigint, last bigint, subject text)`,
		`CREATE TEMP TABLE t_earnings (kept text, LIKE earnings)`,
		`CREATE TEMP TABLE t_clocks (kept text, LIKE payout_clocks)`,
		`CREATE TEMP TABLE t_waits (kept text, LIKE payout_waits)`,
		`CREATE TEMP TABLE t_days (kept text, day date, copies bigint)`,
	}
	// @of is the set, @after the last transaction before it.
	sqlBenchTemplate = []string{
		`INSERT INTO t_heads SELECT @of, b.last_sequence - @after FROM books b WHERE b.id = @book`,
		`INSERT INTO t_transactions SELECT @of, t.sequence - @after, t.* FROM transactions t WHERE t.book_id = @book AND t.sequence > @after`,
		`INSERT INTO t_entries SELECT @of, e.sequence - @after, row_number() OVER w, sum(e.amount) OVER w, sum(greatest(e.amount, 0)) OVER w, e.account_id, e.amount, e.line, e.external_ref
  FROM entries e WHERE e.book_id = @book AND e.sequence > @after WINDOW w AS (PARTITION BY e.account_id ORDER BY e.sequence, e.line)`,
		`INSERT INTO t_accounts SELECT @of, e.account_id, count(*), sum(e.amount), sum(greatest(e.amount, 0)), sum(greatest(-e.amount, 0)), max(e.place)
  FROM t_entries e WHERE e.kept = @of GROUP BY e.account_id`,
		`INSERT INTO t_references SELECT @of, r.first_sequence - @after, r.count, r.reference, r.content_hash FROM transaction_references r WHERE r.book_id = @book AND r.first_sequence > @after`,
		`INSERT INTO t_subjects SELECT @of, s.first_sequence - @after, s.last_sequence - @after, s.subject FROM subjects s WHERE s.book_id = @book AND s.first_sequence > @after`,
		// What the sums have more than those of the sets before.
		`INSERT INTO t_earnings SELECT @of, x.book_id, x.kind, x.payee, x.currency, x.dimension, x.day, x.key, sum(x.sales), sum(x.returns), sum(x.earned), sum(x.given_back), sum(x.fees),
       sum(x.shared), sum(x.withheld), sum(x.adjusted), sum(x.paid)
  FROM (SELECT e.* FROM earnings e WHERE e.book_id = @book
        UNION ALL SELECT t.book_id, t.kind, t.payee, t.currency, t.dimension, t.day, t.key, -t.sales, -t.returns, -t.earned, -t.given_back, -t.fees, -t.shared, -t.withheld,
                         -t.adjusted, -t.paid FROM t_earnings t) x
 GROUP BY 2, 3, 4, 5, 6, 7, 8 HAVING sum(x.sales) > 0`,
		`INSERT INTO t_clocks SELECT @of, c.* FROM payout_clocks c WHERE c.book_id = @book AND c.sequence > @after`,
		`INSERT INTO t_waits SELECT @of, w.* FROM payout_waits w WHERE w.book_id = @book AND w.subject LIKE 'order:' || @of || '%'`,
		`ANALYZE t_heads, t_transactions, t_entries, t_accounts, t_references, t_subjects, t_earnings, t_clocks, t_waits`,
	}

	// @first is the number of the first copy, @count how many there are, @at when the first is recorded, @period its month, @place the last
	// transaction before them, @copied the day as it stands in what is copied, @day as it is to stand in the copies.
	sqlBenchCopies = []string{
		`INSERT INTO transactions (book_id, line_count, period, effective_period, sequence, occurred_at, recorded_at, reference, event, subject, live_session, channel, campaign, memo,
       account_ids, content_hash, metadata, explanation)
SELECT @book, t.line_count, @period, @period, @place + c.n * h.size + t.place, @at::timestamptz + c.n * interval '1 second', @at::timestamptz + c.n * interval '1 second',
       replace(t.reference, @of || '0000000', @of || lpad((@first + c.n)::text, 7, '0')), t.event, replace(t.subject, @of || '0000000', @of || lpad((@first + c.n)::text, 7, '0')),
       t.live_session, t.channel, t.campaign, t.memo, t.account_ids, t.content_hash, t.metadata,
       replace(replace(t.explanation, @of || '0000000', @of || lpad((@first + c.n)::text, 7, '0')), @copied, @day)
  FROM t_heads h JOIN t_transactions t ON t.kept = h.kept CROSS JOIN generate_series(0, @count::bigint - 1) c (n) WHERE h.kept = @of ORDER BY c.n, t.place`,
		`INSERT INTO transaction_references (book_id, reference, first_sequence, count, content_hash)
SELECT @book, replace(t.reference, @of || '0000000', @of || lpad((@first + c.n)::text, 7, '0')), @place + c.n * h.size + t.place, t.count, t.content_hash
  FROM t_heads h JOIN t_references t ON t.kept = h.kept CROSS JOIN generate_series(0, @count::bigint - 1) c (n) WHERE h.kept = @of ORDER BY 2`,
		`INSERT INTO subjects (book_id, first_sequence, last_sequence, subject)
SELECT @book, @place + c.n * h.size + t.first, @place + c.n * h.size + t.last, replace(t.subject, @of || '0000000', @of || lpad((@first + c.n)::text, 7, '0'))
  FROM t_heads h JOIN t_subjects t ON t.kept = h.kept CROSS JOIN generate_series(0, @count::bigint - 1) c (n) WHERE h.kept = @of ORDER BY 4`,
		`INSERT INTO entries (book_id, account_id, sequence, amount, account_version, balance_after, debits_after, line, external_ref)
SELECT @book, e.account_id, @place + c.n * h.size + e.place, e.amount, b.version + c.n * a.entries + e.rank, b.debits - b.credits + c.n * a.sum + e.sum, b.debits + c.n * a.debits + e.debits,
       e.line, replace(e.external_ref, @of || '0000000', @of || lpad((@first + c.n)::text, 7, '0'))
  FROM t_heads h JOIN t_entries e ON e.kept = h.kept JOIN t_accounts a ON a.kept = h.kept AND a.account_id = e.account_id
  JOIN balances b ON b.book_id = @book AND b.account_id = e.account_id
 CROSS JOIN generate_series(0, @count::bigint - 1) c (n) WHERE h.kept = @of ORDER BY e.account_id, c.n, e.place`,
		`INSERT INTO period_totals AS p (book_id, account_id, period, debits, credits) SELECT @book, a.account_id, @period, a.debits * @count, a.credits * @count FROM t_accounts a WHERE a.kept = @of
ON CONFLICT (book_id, account_id, period) DO UPDATE SET debits = p.debits + excluded.debits, credits = p.credits + excluded.credits`,
		`INSERT INTO chart_totals AS p (book_id, period, chart_code, currency, debits, credits)
SELECT @book, @period, x.chart_code, x.currency, sum(a.debits) * @count, sum(a.credits) * @count FROM t_accounts a JOIN accounts x ON x.book_id = @book AND x.id = a.account_id
 WHERE a.kept = @of GROUP BY x.chart_code, x.currency
ON CONFLICT (book_id, period, chart_code, currency) DO UPDATE SET debits = p.debits + excluded.debits, credits = p.credits + excluded.credits`,
		`UPDATE balances b SET debits = b.debits + @count * a.debits, credits = b.credits + @count * a.credits, version = b.version + @count * a.entries, last_sequence = @place + (@count - 1) * h.size + a.last
  FROM t_heads h JOIN t_accounts a ON a.kept = h.kept WHERE h.kept = @of AND b.book_id = @book AND b.account_id = a.account_id`,
		`UPDATE books b SET last_sequence = b.last_sequence + @count * h.size, subjects_through = b.last_sequence + @count * h.size, last_recorded_at = @at::timestamptz + @count * interval '1 second'
  FROM t_heads h WHERE b.id = @book AND h.kept = @of`,
	}

	sqlBenchWaits = []string{
		`INSERT INTO payout_clocks (book_id, subject, act, due_at, gates, look_at, tries, why, sequence)
SELECT @book, replace(t.subject, @of || '0000000', @of || lpad((@first + c.n)::text, 7, '0')), t.act, t.due_at, t.gates, t.look_at, t.tries, t.why, @place + 1
  FROM t_clocks t CROSS JOIN generate_series(0, @count::bigint - 1) c (n) WHERE t.kept = @of`,
		`INSERT INTO payout_waits (book_id, kind, payee, currency, subject, act, amount, due_at)
SELECT @book, t.kind, t.payee, t.currency, replace(t.subject, @of || '0000000', @of || lpad((@first + c.n)::text, 7, '0')), t.act, t.amount, t.due_at
  FROM t_waits t CROSS JOIN generate_series(0, @count::bigint - 1) c (n) WHERE t.kept = @of`,
	}

	// Those who follow the book have followed it to its end.
	sqlBenchFollowed = []string{
		`INSERT INTO earnings AS e (book_id, kind, payee, currency, dimension, day, key, sales, returns, earned, given_back, fees, shared, withheld, adjusted, paid)
SELECT t.book_id, t.kind, t.payee, t.currency, t.dimension, CASE WHEN t.dimension = 0 THEN d.day ELSE date_trunc('month', d.day)::date END, t.key, sum(t.sales * d.copies),
       sum(t.returns * d.copies), sum(t.earned * d.copies), sum(t.given_back * d.copies), sum(t.fees * d.copies), sum(t.shared * d.copies), sum(t.withheld * d.copies),
       sum(t.adjusted * d.copies), sum(t.paid * d.copies)
  FROM t_earnings t JOIN t_days d ON d.kept = t.kept WHERE t.book_id = @book GROUP BY 1, 2, 3, 4, 5, 6, 7
ON CONFLICT ON CONSTRAINT earnings_pkey DO UPDATE
   SET sales = e.sales + excluded.sales, returns = e.returns + excluded.returns, earned = e.earned + excluded.earned, given_back = e.given_back + excluded.given_back,
       fees = e.fees + excluded.fees, shared = e.shared + excluded.shared, withheld = e.withheld + excluded.withheld, adjusted = e.adjusted + excluded.adjusted, paid = e.paid + excluded.paid`,
		`UPDATE earnings_cursors c SET sequence = b.last_sequence FROM books b WHERE b.id = @book AND c.book_id = b.id`,
		`UPDATE payout_cursors c SET sequence = b.last_sequence FROM books b WHERE b.id = @book AND c.book_id = b.id`,
		`INSERT INTO receipt_heads (book_id, sequence) SELECT b.id, b.last_sequence FROM books b WHERE b.id = @book`,
	}

	// The partitions of an empty database make way for some of another width.
	sqlBenchPartitions = []string{
		`DO $$ DECLARE p regclass; BEGIN
  FOR p IN SELECT i.inhrelid::regclass FROM pg_inherits i WHERE i.inhparent IN ('transactions'::regclass, 'entries'::regclass) LOOP EXECUTE format('DROP TABLE %s', p); END LOOP; END $$`,
		`UPDATE partition_head SET width = @width, next_number = 1, upper_bound = 1`,
	}
	// What is needed for the next sales, and a margin of what follows them.
	sqlBenchRoomFor = `SELECT prepare_partitions(least(b.last_sequence + $2, p.upper_bound)) > b.last_sequence + $2 FROM books b CROSS JOIN partition_head p WHERE b.id = $1`
	sqlBenchHead    = `SELECT last_sequence FROM books WHERE id = $1`
	sqlBenchDay     = `INSERT INTO t_days VALUES ($1, $2, $3)`
	sqlBenchSize    = `SELECT pg_database_size(current_database())`
	// The measured payees, whom a payout run can pay.
	sqlBenchMeasured = []string{
		`INSERT INTO payout_standings (book_id, payee, version, verification, business, recorded_at) SELECT @book, p.id, 1, 'verified', 'open', @since FROM payees p WHERE p.book_id = @book AND p.id = ANY (@payees::text[])`,
		`INSERT INTO payout_destinations (book_id, id, payee, rail, account, currencies, mode, state, name_match, created_at, active_since, changed_at, first_paid_at)
SELECT @book, 'dst_measured' || lpad(row_number() OVER (ORDER BY p.id)::text, 8, '0'), p.id, 'connected', 'acct_' || p.id, '{USD}', 'automatic', 'active', 'match', @since, @since, @since, @since
  FROM payees p WHERE p.book_id = @book AND p.id = ANY (@payees::text[])`,
	}
	// The planner knows of the desk what autovacuum would have told it by the next day.
	sqlBenchAnalyzeDesk = `ANALYZE accounts, balances, recon_breaks, recon_steps, recon_items, recon_pairings, recon_runs, evidence_lines, evidence_receipts, evidence_statements, imports,
 import_rows, inbound_messages, approvals, approval_versions, payee_questions, exports, people, role_grants, api_keys, audit_rows`
	sqlBenchSomePayout = `SELECT p.id FROM payouts p WHERE p.book_id = $1 AND p.payee = $2 ORDER BY p.created_at DESC, p.id DESC LIMIT 1`
	sqlBenchSomeRun    = `SELECT r.id FROM payout_runs r WHERE r.book_id = $1 ORDER BY r.created_at DESC LIMIT 1`
	sqlBenchSomeOrder  = `SELECT substr(t.subject, 7) FROM accounts a JOIN entries e ON e.book_id = $1 AND e.account_id = a.id JOIN transactions t ON t.book_id = $1 AND t.sequence = e.sequence
 WHERE a.book_id = $1 AND a.address = $2 ORDER BY e.sequence DESC LIMIT 1`
)

// readyCopies makes room for what is copied.
func (m *meter) readyCopies(ctx context.Context) error {
	return m.all(ctx, append([]string{`SET work_mem = '256MB'`, `SET client_min_messages = error`, `SET session_replication_role = replica`, `SET jit = off`}, sqlBenchTemplates...), nil)
}

// all runs statements one after the other. Each takes the arguments that it names.
func (m *meter) all(ctx context.Context, statements []string, args pgx.NamedArgs) error {
	for _, sql := range statements {
		if _, err := m.conn.Exec(ctx, sql, pgx.QueryExecModeExec, args); err != nil {
			return fmt.Errorf("%.60s: %w", sql, err)
		}
	}
	return nil
}

// keepTemplate has what came after a place be a set.
func (m *meter) keepTemplate(ctx context.Context, book ledger.Book, of copiesOf, after int64) error {
	return m.all(ctx, sqlBenchTemplate, pgx.NamedArgs{"book": book.ID, "of": string(of), "after": after})
}

// head is the last transaction of the book.
func (m *meter) head(ctx context.Context, book ledger.Book) (sequence int64, err error) {
	return sequence, m.conn.QueryRow(ctx, sqlBenchHead, book.ID).Scan(&sequence)
}

// copySales adds copies of a set that were recorded from a moment on, a second apart. Those that wait are noted for their clocks too.
func (m *meter) copySales(ctx context.Context, book ledger.Book, of copiesOf, size, first, count int64, at, copied time.Time, wait bool) error {
	if err := m.makeRoom(ctx, book, count*size); err != nil {
		return err
	}
	place, err := m.head(ctx, book)
	if err != nil {
		return err
	}
	args := pgx.NamedArgs{"book": book.ID, "of": string(of), "first": first, "count": count, "at": at, "period": int32(ledger.PeriodOf(at, book.Location())), "place": place,
		"copied": copied.Format(time.DateOnly), "day": at.Format(time.DateOnly)}
	statements := sqlBenchCopies
	if wait {
		statements = append(statements[:len(statements):len(statements)], sqlBenchWaits...)
	}
	if err := m.all(ctx, statements, args); err != nil {
		return err
	}
	_, err = m.conn.Exec(ctx, sqlBenchDay, string(of), at, count)
	return err
}

// makeRoom makes the partitions that a number of transactions takes.
func (m *meter) makeRoom(ctx context.Context, book ledger.Book, transactions int64) error {
	for enough := false; !enough; {
		if err := m.conn.QueryRow(ctx, sqlBenchRoomFor, pgx.QueryExecModeExec, book.ID, transactions).Scan(&enough); err != nil {
			return err
		}
	}
	return nil
}

// partitionBy has partitions hold a number of transactions; the database is empty.
func (m *meter) partitionBy(ctx context.Context, width int64) error {
	return m.all(ctx, append(sqlBenchPartitions, `SELECT prepare_partitions(1)`), pgx.NamedArgs{"width": width})
}

// follow has those who follow the book have come to its end.
func (m *meter) follow(ctx context.Context, book ledger.Book) error {
	return m.all(ctx, append(sqlBenchFollowed, `RESET session_replication_role`), pgx.NamedArgs{"book": book.ID})
}

// measurable lets a payout run pay payees.
func (m *meter) measurable(ctx context.Context, book ledger.Book, since time.Time, payees []string) error {
	return m.all(ctx, sqlBenchMeasured, pgx.NamedArgs{"book": book.ID, "since": since, "payees": payees})
}

// analyzeDesk gathers statistics of what a desk has.
func (m *meter) analyzeDesk(ctx context.Context) error {
	return m.all(ctx, []string{sqlBenchAnalyzeDesk}, nil)
}

// some is the name that a query finds.
func (m *meter) some(ctx context.Context, sql string, args ...any) (name string, err error) {
	if err = m.conn.QueryRow(ctx, sql, args...).Scan(&name); err != nil {
		err = fmt.Errorf("%.60s: %w", sql, err)
	}
	return name, err
}

// size is how much disk the database takes, in bytes.
func (m *meter) size(ctx context.Context) (bytes int64, err error) {
	return bytes, m.conn.QueryRow(ctx, sqlBenchSize).Scan(&bytes)
}
