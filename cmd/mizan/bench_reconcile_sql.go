package main

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
)

// Evidence and entries for the benchmark of reconciliation, put in by the million as the services would have written them: numbered,
// balanced, with running balances. Of ten lines nine are charges, of which the gross and the fee are two entries, and one is a refund.
// After every tenth, money became available, which moves nothing. Of 1009 lines one has no transaction, and one transaction no line.

// reconcileFault is how many lines there are to one fault of each kind.
const reconcileFault = 1009

// reconcileBegins is when the first line moves; each next one moves a tenth of a second later.
var reconcileBegins = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// sqlBenchBare is the comparison as one plain statement over the same two tables: both sides summed by key, joined, and compared. It
// leaves out everything that makes a run: transactions that move nothing, ids of lines in place of keys, months, categories, what
// was open before, and every class of difference.
const sqlBenchBare = `
SELECT count(*) FROM
  (SELECT key, currency, sum(greatest(gross, 0) + greatest(-fee, 0)) AS debits, sum(greatest(-gross, 0) + greatest(fee, 0)) AS credits
     FROM evidence_lines WHERE book_id = $1 AND source_id = 1 GROUP BY 1, 2) e
  FULL JOIN
  (SELECT coalesce(x.external_ref, '@' || x.sequence || '.' || x.line) AS key, a.currency, sum(greatest(x.amount, 0)) AS debits, sum(greatest(-x.amount, 0)) AS credits
     FROM entries x JOIN accounts a ON a.book_id = x.book_id AND a.id = x.account_id
    WHERE x.book_id = $1 AND x.account_id IN (1, 2) GROUP BY 1, 2) l USING (key, currency)
 WHERE e.debits IS DISTINCT FROM l.debits OR e.credits IS DISTINCT FROM l.credits`

const sqlBenchSourceEntries = `SELECT count(*) FROM entries x WHERE x.book_id = $1 AND x.account_id IN (1, 2)`

// sqlBenchRoom is room for it: all the memory that it asks for, and one process, as a slice of a run has.
const sqlBenchRoom = `SET work_mem = '1GB'; SET hash_mem_multiplier = 2; SET jit = off; SET max_parallel_workers_per_gather = 0; SET statement_timeout = 0`

var (
	// $1 is the book.
	sqlBenchSource = []string{
		`INSERT INTO accounts (book_id, id, chart_code, address, currency, opened_at) VALUES ($1, 1, 1010, 'assets:processor:pending:main', 'USD', now()),
 ($1, 2, 1020, 'assets:processor:available:main', 'USD', now()), ($1, 3, 2110, 'liabilities:seller:pending:s1', 'USD', now())`,
		`UPDATE books SET last_account_id = 3 WHERE id = $1`,
		`INSERT INTO evidence_sources (book_id, id, kind, name, recorded_at) VALUES ($1, 1, 'processor', 'main', now())`,
		`INSERT INTO evidence_heads (book_id, source_id, last_receipt) VALUES ($1, 1, 1)`,
		`INSERT INTO evidence_receipts (book_id, source_id, number, kind, format, settings, sha256, bytes, first_line, new_lines, known_lines, taken_by, recorded_at)
VALUES ($1, 1, 1, 'pull', 'jsonl', 0, sha256(''), 0, 1, 0, 0, 'bench', now())`,
	}
	// $1 is the book, $2 and $3 the first and the last line of a turn, $4 the first moment, $5 the rate of faults.
	sqlBenchTurn = []string{
		`CREATE TEMP TABLE turn AS SELECT $1::int AS book_id, i, i % 10 = 8 AS refund, i % $5::int <> 1 OR i < 10 AS shown, i % $5::int <> 2 AS booked,
       $4::timestamptz + i * interval '100 ms' AS at, CASE WHEN i % 10 = 8 THEN 're_' ELSE 'ch_' END || lpad(i::text, 22, '0') AS key,
       CASE WHEN i % 10 = 8 THEN -(500 + i % 900) ELSE 1000 + i % 5000 END AS gross, CASE WHEN i % 10 = 8 THEN 0 ELSE 30 + i % 50 END AS fee
  FROM generate_series($2::bigint, $3::bigint) i`,
		`INSERT INTO evidence_lines (book_id, source_id, number, receipt, line_id, key, currency, gross, fee, net, category, type, source_ref, moved_at, available_at, status)
SELECT t.book_id, 1, row_number() OVER (ORDER BY i) + (SELECT h.last_line FROM evidence_heads h WHERE h.book_id = t.book_id AND h.source_id = 1), 1,
       'txn_' || lpad(i::text, 20, '0'), key, 'USD', gross, fee, gross - fee, w.word, w.word, key, at, at, 'available'
  FROM turn t CROSS JOIN LATERAL (SELECT CASE WHEN refund THEN 'refund' ELSE 'charge' END AS word) w WHERE shown`,
		`CREATE TEMP TABLE moves AS
SELECT b.last_sequence + row_number() OVER (ORDER BY o.place, o.available) AS sequence, o.*
  FROM (SELECT t.*, false AS available, i + (i * 7919) % 2000 AS place FROM turn t WHERE booked
        UNION ALL SELECT t.*, true, i + 5000 FROM turn t WHERE i % 10 = 9) o JOIN books b ON b.id = o.book_id`,
		`INSERT INTO transactions (book_id, line_count, period, effective_period, sequence, occurred_at, recorded_at, reference, event, subject, account_ids, content_hash)
SELECT book_id, CASE WHEN available OR refund THEN 2 ELSE 3 END, 202601, 202601, sequence, at, at, 'sale-' || i || '-' || available,
       CASE WHEN available THEN 'processor.funds_available' WHEN refund THEN 'refund.recorded' ELSE 'charge.recorded' END, 'order:' || i,
       CASE WHEN available THEN '{1,2}'::int[] ELSE '{1,3}'::int[] END, decode(repeat('00', 32), 'hex')
  FROM moves`,
		`CREATE TEMP TABLE moved AS
SELECT m.book_id, m.sequence, x.account, x.line, x.amount, x.ref
  FROM moves m CROSS JOIN LATERAL (
    SELECT 1 AS account, 1 AS line, gross AS amount, key AS ref WHERE NOT available
    UNION ALL SELECT 1, 2, -fee, key WHERE NOT available AND NOT refund
    UNION ALL SELECT 3, CASE WHEN refund THEN 2 ELSE 3 END, fee - gross, NULL WHERE NOT available
    UNION ALL SELECT 1, 1, -500, 'txn_' || lpad(i::text, 20, '0') WHERE available
    UNION ALL SELECT 2, 2, 500, 'txn_' || lpad(i::text, 20, '0') WHERE available) x`,
		// Of the many balances of the book only these are joined: a plan without statistics would read all of them for each entry.
		`CREATE TEMP TABLE held AS SELECT * FROM balances WHERE book_id = (SELECT book_id FROM turn LIMIT 1) AND account_id IN (1, 2, 3)`,
		`INSERT INTO entries (book_id, account_id, sequence, amount, account_version, balance_after, debits_after, line, external_ref)
SELECT m.book_id, m.account, m.sequence, m.amount, coalesce(b.version, 0) + row_number() OVER w, coalesce(b.debits - b.credits, 0) + sum(m.amount) OVER w,
       coalesce(b.debits, 0) + sum(greatest(m.amount, 0)) OVER w, m.line, m.ref
  FROM moved m LEFT JOIN held b ON b.book_id = m.book_id AND b.account_id = m.account
WINDOW w AS (PARTITION BY m.account ORDER BY m.sequence, m.line)`,
		`INSERT INTO balances AS b (book_id, account_id, debits, credits, version, last_sequence)
SELECT book_id, account, sum(greatest(amount, 0)), sum(greatest(-amount, 0)), count(*), max(sequence) FROM moved GROUP BY book_id, account
ON CONFLICT (book_id, account_id) DO UPDATE SET debits = b.debits + excluded.debits, credits = b.credits + excluded.credits,
   version = b.version + excluded.version, last_sequence = excluded.last_sequence`,
		`UPDATE books b SET last_sequence = m.last, last_recorded_at = greatest(b.last_recorded_at, m.at)
  FROM (SELECT book_id, max(sequence) AS last, max(at) AS at FROM moves GROUP BY book_id) m WHERE b.id = m.book_id`,
		`UPDATE evidence_heads h SET last_line = h.last_line + t.shown FROM (SELECT book_id, count(*) FILTER (WHERE shown) AS shown FROM turn GROUP BY book_id) t WHERE h.book_id = t.book_id AND h.source_id = 1`,
		`DROP TABLE turn, moves, moved, held`,
	}
	sqlBenchRunway = `SELECT prepare_partitions((SELECT last_sequence FROM books WHERE id = $1) + 300000)`
)

// openSource gives a book a processor and its accounts.
func (m *meter) openSource(ctx context.Context, book ledger.Book) error {
	for _, sql := range sqlBenchSource {
		if _, err := m.conn.Exec(ctx, sql, pgx.QueryExecModeExec, book.ID); err != nil {
			return err
		}
	}
	return nil
}

// bothSides puts lines first to last into the evidence and into the ledger.
func (m *meter) bothSides(ctx context.Context, book ledger.Book, first, last int64) error {
	const turn = 100_000
	if _, err := m.conn.Exec(ctx, `SET work_mem = '128MB'; SET client_min_messages = error; SET session_replication_role = replica`); err != nil {
		return err
	}
	// What is stored is right by how it is made; the checks of what is recorded would read all of it again.
	if err := m.seals(ctx, "DISABLE TRIGGER seal"); err != nil {
		return err
	}
	for ; first <= last; first += turn {
		if _, err := m.conn.Exec(ctx, sqlBenchRunway, book.ID); err != nil {
			return err
		}
		for i, sql := range sqlBenchTurn {
			args := []any{pgx.QueryExecModeExec}
			if i == 0 {
				args = append(args, book.ID, first, min(first+turn-1, last), reconcileBegins, reconcileFault)
			}
			if _, err := m.conn.Exec(ctx, sql, args...); err != nil {
				return err
			}
		}
	}
	return m.seals(ctx, "ENABLE ALWAYS TRIGGER seal")
}

// seals changes whether what is recorded is checked as a whole.
func (m *meter) seals(ctx context.Context, change string) error {
	_, err := m.conn.Exec(ctx, "ALTER TABLE transactions "+change+"; ALTER TABLE entries "+change, pgx.QueryExecModeSimpleProtocol)
	return err
}

// bare compares both tables plainly and returns how long that took.
func (p *plainly) bare(ctx context.Context, book ledger.Book) (time.Duration, error) {
	if _, err := p.conn.Exec(ctx, sqlBenchRoom); err != nil {
		return 0, err
	}
	began := time.Now()
	_, err := p.count(ctx, sqlBenchBare, book)
	return time.Since(began), err
}
