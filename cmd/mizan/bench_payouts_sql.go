package main

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/postgres"
)

// What the benchmark of payouts does in the database beside the service: making payees by the thousand, and the plain
// aggregate to which planning is compared.

// The numbers of flaws are those of payeeBook.
const (
	sqlBenchPayees = `
INSERT INTO payees (book_id, id, version, kind, country, currency, minor, recorded_at)
SELECT $1, 'sel_' || lpad(i::text, 7, '0'), 1, 'seller', 'US', 'USD', false, $5
  FROM generate_series($2::integer, $3::integer - 1) i WHERE i % 100 < $4 OR i % 8 <> 5`
	sqlBenchStandings = `
INSERT INTO payout_standings (book_id, payee, version, verification, business, recorded_at)
SELECT $1, 'sel_' || lpad(i::text, 7, '0'), 1, CASE WHEN i % 100 < $4 OR i % 8 <> 0 THEN 'verified' ELSE 'pending' END, 'open', $5
  FROM generate_series($2::integer, $3::integer - 1) i`
	sqlBenchDestinations = `
INSERT INTO payout_destinations (book_id, id, payee, rail, account, currencies, mode, state, name_match, created_at, active_since, cooling_until, changed_at, first_paid_at, disabled_code)
SELECT $1, 'dst_' || lpad(i::text, 16, '0'), 'sel_' || lpad(i::text, 7, '0'), 'connected', 'acct_' || lpad(i::text, 7, '0'), '{USD}', 'automatic',
       CASE WHEN i % 100 < $4 OR i % 8 <> 7 THEN 'active' ELSE 'disabled' END, 'match', $5, $5,
       CASE WHEN i % 100 >= $4 AND i % 8 = 2 THEN $5::timestamptz + interval '90 days' END, $5, $5, CASE WHEN i % 100 < $4 OR i % 8 <> 7 THEN '' ELSE 'account_closed' END
  FROM generate_series($2::integer, $3::integer - 1) i WHERE i % 100 < $4 OR i % 8 <> 1`
	sqlBenchHolds = `
INSERT INTO payout_holds (book_id, id, kind, payee, currency, effect, category, case_id, placed_at)
SELECT $1, 'hold_' || i, 'seller', 'sel_' || lpad(i::text, 7, '0'), '', 'pause', 'review', 'case-' || i, $5
  FROM generate_series($2::integer, $3::integer - 1) i WHERE i % 100 >= $4 AND i % 8 = 3`

	sqlBenchAggregate = `
SELECT coalesce(sum(g.lines), 0)::bigint, coalesce(sum(g.amount), 0)::bigint
  FROM (SELECT e.account_id, sum(e.amount) AS amount, count(*) AS lines FROM entries e WHERE e.book_id = $1 GROUP BY e.account_id) g`
	sqlBenchPayeeLines = `
SELECT count(*) FROM entries e JOIN accounts a ON a.book_id = $1 AND a.id = e.account_id WHERE e.book_id = $1 AND a.address LIKE 'liabilities:seller:%'`
	sqlBenchPaidLines = `
SELECT count(*) FROM payouts p JOIN entries e ON e.book_id = $1 AND e.account_id = p.account_id AND e.sequence < p.created_sequence WHERE p.book_id = $1`

	sqlTidy = `VACUUM (ANALYZE)`
)

// addPayees registers payees from first to before last, with what is known of them.
func addPayees(ctx context.Context, pool *postgres.Pool, book ledger.Book, first, last, paid int) error {
	return pool.Tx(ctx, func(tx pgx.Tx) error {
		for _, sql := range []string{sqlBenchPayees, sqlBenchStandings, sqlBenchDestinations, sqlBenchHolds} {
			if _, err := tx.Exec(ctx, sql, book.ID, first, last, paid, payoutRunAt.AddDate(0, -2, 0)); err != nil {
				return err
			}
		}
		return nil
	})
}

// tidy gathers statistics and writes everything out, as an hour of autovacuum would.
func (m *meter) tidy(ctx context.Context) error {
	if _, err := m.conn.Exec(ctx, sqlTidy); err != nil {
		return err
	}
	return m.checkpoint(ctx)
}

// plainly is a connection without a service.
type plainly struct{ conn *pgx.Conn }

func openPlainly(ctx context.Context, url string) (*plainly, error) {
	conn, err := pgx.Connect(ctx, url)
	return &plainly{conn}, err
}

func (p *plainly) close(ctx context.Context) { _ = p.conn.Close(ctx) }

// aggregate adds up the entries of every account of the book, and returns how many entries it read in a second.
func (p *plainly) aggregate(ctx context.Context, book ledger.Book) (perSecond float64, err error) {
	var lines, sum int64
	began := time.Now()
	err = p.conn.QueryRow(ctx, sqlBenchAggregate, book.ID).Scan(&lines, &sum)
	return float64(lines) / time.Since(began).Seconds(), err
}

// count answers how many rows a query about the book counts.
func (p *plainly) count(ctx context.Context, sql string, book ledger.Book) (n int64, err error) {
	return n, p.conn.QueryRow(ctx, sql, book.ID).Scan(&n)
}
