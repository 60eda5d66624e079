package reconcile

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/postgres/pgtest"
)

// bulkWorld is a source and a ledger of many lines that were put in by SQL, because posting ten million sales takes an hour. The
// rows are such as the services write: numbered, balanced, with running balances. Of each ten lines eight are charges (gross and
// fee are two entries), one is a refund, and one is a charge after which money became available (a transaction that moves nothing).
// Each fault-th line has no transaction, and each fault-th transaction no line.
type bulkWorld struct {
	fault int
	start time.Time
}

// bulkSQL is run by the owner of the tables in turns. $1 is the book, $2 and $3 the first and last line of a turn, $4 the fault
// rate, $5 the first moment.
var bulkSQL = []string{
	`INSERT INTO evidence_lines (book_id, source_id, number, receipt, line_id, key, currency, gross, fee, net, category, type, source_ref, moved_at, available_at, status)
SELECT $1::int, 1, row_number() OVER (ORDER BY i) + (SELECT h.last_line FROM evidence_heads h WHERE h.book_id = $1 AND h.source_id = 1), 1, 'txn_' || lpad(i::text, 20, '0'), k.key, 'EUR', k.gross, k.fee, k.gross - k.fee,
       k.category, k.type, k.key, $5::timestamptz + i * interval '100 ms', $5::timestamptz + i * interval '100 ms', 'available'
  FROM generate_series($2::bigint, $3::bigint) i
 CROSS JOIN LATERAL (SELECT CASE WHEN i % 10 = 8 THEN 're_' ELSE 'ch_' END || lpad(i::text, 22, '0') AS key,
                            CASE WHEN i % 10 = 8 THEN -(500 + i % 900) ELSE 1000 + i % 5000 END AS gross,
                            CASE WHEN i % 10 = 8 THEN 0 ELSE 30 + i % 50 END AS fee,
                            CASE WHEN i % 10 = 8 THEN 'refund' ELSE 'charge' END AS category,
                            CASE WHEN i % 10 = 8 THEN 'refund' ELSE 'charge' END AS type) k
 WHERE $4 = 0 OR i % $4 <> 1 OR i < 10`,
	`CREATE TEMP TABLE moves AS
SELECT b.last_sequence + row_number() OVER (ORDER BY o.place, o.kind) AS sequence, o.*
  FROM (SELECT i, 0 AS kind, i + (i * 7919) % 2000 AS place FROM generate_series($2::bigint, $3::bigint) i WHERE $4 = 0 OR i % $4 <> 2
        UNION ALL SELECT i, 1, i + 5000 FROM generate_series($2::bigint, $3::bigint) i WHERE i % 10 = 9 AND $5::timestamptz IS NOT NULL) o, books b WHERE b.id = $1`,
	`INSERT INTO transactions (book_id, line_count, period, effective_period, sequence, occurred_at, recorded_at, reference, event, subject, account_ids, content_hash)
SELECT $1::int, CASE WHEN kind = 1 OR i % 10 = 8 THEN 2 ELSE 3 END, 202601, 202601, sequence, $5::timestamptz + i * interval '100 ms', $5::timestamptz + i * interval '100 ms',
       'sale-' || i || '-' || kind, CASE WHEN kind = 1 THEN 'processor.funds_available' WHEN i % 10 = 8 THEN 'refund.recorded' ELSE 'charge.recorded' END,
       'order:' || i, CASE WHEN kind = 1 THEN '{1,2}'::int[] ELSE '{1,3}'::int[] END, decode(repeat('00', 32), 'hex')
  FROM moves WHERE $2::bigint <= $3::bigint AND $4::bigint >= 0`,
	`CREATE TEMP TABLE moved AS
SELECT m.sequence, x.account, x.line, x.amount, x.ref FROM moves m
 CROSS JOIN LATERAL (
    SELECT 1 AS account, 1 AS line, 1000 + i % 5000 AS amount, 'ch_' || lpad(i::text, 22, '0') AS ref WHERE kind = 0 AND i % 10 <> 8
    UNION ALL SELECT 1, 2, -(30 + i % 50), 'ch_' || lpad(i::text, 22, '0') WHERE kind = 0 AND i % 10 <> 8
    UNION ALL SELECT 3, 3, -(1000 + i % 5000) + 30 + i % 50, NULL WHERE kind = 0 AND i % 10 <> 8
    UNION ALL SELECT 1, 1, -(500 + i % 900), 're_' || lpad(i::text, 22, '0') WHERE kind = 0 AND i % 10 = 8
    UNION ALL SELECT 3, 2, 500 + i % 900, NULL WHERE kind = 0 AND i % 10 = 8
    UNION ALL SELECT 1, 1, -500, 'txn_' || lpad(i::text, 20, '0') WHERE kind = 1
    UNION ALL SELECT 2, 2, 500, 'txn_' || lpad(i::text, 20, '0') WHERE kind = 1) x
 WHERE $1::int > 0 AND $2::bigint <= $3::bigint AND $4::bigint >= 0 AND $5::timestamptz IS NOT NULL`,
	`INSERT INTO entries (book_id, account_id, sequence, amount, account_version, balance_after, debits_after, line, external_ref)
SELECT $1::int, m.account, m.sequence, m.amount, coalesce(b.version, 0) + row_number() OVER w, coalesce(b.debits - b.credits, 0) + sum(m.amount) OVER w,
       coalesce(b.debits, 0) + sum(greatest(m.amount, 0)) OVER w, m.line, m.ref
  FROM moved m LEFT JOIN balances b ON b.book_id = $1 AND b.account_id = m.account
 WHERE $2::bigint <= $3::bigint AND $4::bigint >= 0 AND $5::timestamptz IS NOT NULL
WINDOW w AS (PARTITION BY m.account ORDER BY m.sequence, m.line)`,
	`INSERT INTO balances AS b (book_id, account_id, debits, credits, version, last_sequence)
SELECT $1::int, account, sum(greatest(amount, 0)), sum(greatest(-amount, 0)), count(*), max(sequence) FROM moved
 WHERE $2::bigint <= $3::bigint AND $4::bigint >= 0 AND $5::timestamptz IS NOT NULL GROUP BY account
ON CONFLICT (book_id, account_id) DO UPDATE SET debits = b.debits + excluded.debits, credits = b.credits + excluded.credits,
   version = b.version + excluded.version, last_sequence = excluded.last_sequence`,
	`UPDATE books SET last_sequence = (SELECT max(sequence) FROM moves), last_recorded_at = greatest(last_recorded_at, $5::timestamptz + $3 * interval '100 ms')
  WHERE id = $1 AND $2::bigint <= $3::bigint AND $4::bigint >= 0`,
	`UPDATE evidence_heads SET last_line = (SELECT max(number) FROM evidence_lines e WHERE e.book_id = $1 AND e.source_id = 1)
  WHERE book_id = $1 AND source_id = 1 AND $2::bigint <= $3::bigint AND $4::bigint >= 0 AND $5::timestamptz IS NOT NULL`,
}

// fill puts lines first to last into the book.
func (w bulkWorld) fill(t testing.TB, db *pgtest.DB, book ledger.Book, first, last int) {
	t.Helper()
	ctx := t.Context()
	conn, err := pgx.Connect(ctx, db.SuperURL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	must := func(sql string, args ...any) {
		t.Helper()
		if _, err := conn.Exec(ctx, sql, args...); err != nil {
			t.Fatalf("%.60s: %v", sql, err)
		}
	}
	must(`SET work_mem = '256MB'`)
	must(`SET client_min_messages = error`)
	const turn = 100_000
	for from := first; from <= last; from += turn {
		to := min(from+turn-1, last)
		must(`SELECT prepare_partitions((SELECT last_sequence FROM books WHERE id = $1) + 300000)`, book.ID)
		for i, sql := range bulkSQL {
			if _, err := conn.Exec(ctx, sql, pgx.QueryExecModeExec, book.ID, int64(from), int64(to), int64(w.fault), w.start); err != nil {
				t.Fatalf("bulk statement %d: %v", i, err)
			}
		}
		must(`DROP TABLE moves, moved`)
	}
	must(`ANALYZE`)
}

// open makes the accounts and the source.
func (w bulkWorld) open(t testing.TB, db *pgtest.DB, book ledger.Book) {
	t.Helper()
	for _, sql := range []string{
		fmt.Sprintf(`INSERT INTO accounts (book_id, id, chart_code, address, currency, opened_at) VALUES
 (%[1]d, 1, 1010, 'assets:processor:pending:main', 'EUR', now()), (%[1]d, 2, 1020, 'assets:processor:available:main', 'EUR', now()),
 (%[1]d, 3, 2110, 'liabilities:seller:s1:pending', 'EUR', now())`, book.ID),
		fmt.Sprintf(`UPDATE books SET last_account_id = 3 WHERE id = %d`, book.ID),
		fmt.Sprintf(`INSERT INTO evidence_receipts (book_id, source_id, number, kind, format, settings, sha256, bytes, first_line, new_lines, known_lines, taken_by, recorded_at)
 VALUES (%d, 1, 1, 'pull', 'test', 0, sha256(''), 0, 1, 0, 0, 'test', now())`, book.ID),
		fmt.Sprintf(`UPDATE evidence_heads SET last_receipt = 1 WHERE book_id = %d AND source_id = 1`, book.ID),
	} {
		if _, err := db.Pool.Exec(t.Context(), sql); err != nil {
			t.Fatalf("%.60s: %v", sql, err)
		}
	}
}
