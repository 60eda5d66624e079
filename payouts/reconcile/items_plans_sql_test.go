package reconcile

import (
	"context"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"mizan/ledger/postgres/pgtest"
)

// TestItemPlans looks at how open items are found among 40,000 of which nearly all have ended, and what is reversed among 40,000, with
// the statistics of a day when there were none and with those of today: a run costs by what is open, and one that is made again by what
// ended since.
func TestItemPlans(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	conn, err := pgx.Connect(t.Context(), db.SuperURL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	// As a copy of a database comes in: without its checks.
	const fill = `ALTER TABLE recon_items SET (autovacuum_enabled = off); ALTER TABLE recon_pairings SET (autovacuum_enabled = off);
		ALTER TABLE transaction_links SET (autovacuum_enabled = off);
		SET session_replication_role = replica;
		INSERT INTO recon_items (book_id, match, source_id, side, a, b, key, currency, debits, credits, day, open_from, open_until, how)
		  SELECT 1, 1, 1, CASE n % 2 WHEN 0 THEN 'e' ELSE 'l' END, n, 0, 'k' || n, 'USD', 1, 0, '2026-01-01', 1 + n / 100, CASE WHEN n % 4000 > 9 THEN 2 + n / 100 END,
		         CASE WHEN n % 4000 > 9 THEN 'matched' ELSE '' END FROM generate_series(1, 40000) n;
		INSERT INTO recon_pairings (book_id, id, match, source_id, kind, basis, state, identity, members, run)
		  SELECT 1, 'par_' || lpad(n::text, 16, '0'), 1, 1, 'one_to_one', 'amount', CASE WHEN n % 4000 > 9 THEN 'made' ELSE 'refused' END, 'i' || n, '{}', 1 FROM generate_series(1, 40000) n;
		INSERT INTO transaction_links (book_id, kind, target, sequence) SELECT 1, 'reverses', n, n + 40000 FROM generate_series(1, 40000) n;
		SET session_replication_role = origin`
	if _, err := conn.Exec(t.Context(), fill); err != nil {
		t.Fatal(err)
	}
	for _, statistics := range []string{"", "ANALYZE"} {
		if _, err := conn.Exec(t.Context(), statistics); err != nil {
			t.Fatal(err)
		}
		for name, q := range map[string]struct {
			sql  string
			args []any
		}{
			"open":     {sqlOpenItems, []any{1, 1, 1, 500, 0, "", 0, 0, 10_000}},
			"next":     {sqlOpenItems, []any{1, 1, 1, 500, 0, "e", 8000, 0, 10_000}},
			"ended":    {sqlEndedItems, []any{1, 1, 1, 399, 0, "", 0, 0, 10_000}},
			"counted":  {sqlCountOpen, []any{1, 1, 1}},
			"arriving": {sqlArriving, []any{1, 1, 1, []int64{8000, 8002}, 10_000}},
			"headers":  {sqlHeaders, []any{1, []int64{8000, 8001}, 100_000}},
			"refused":  {sqlRefused, []any{1, 1, 1}},
			"end":      {sqlEndItems, []any{1, 1, 1, 500, []string{"e", "e"}, []int64{8000, 8002}, []int16{0, 0}, []string{"matched", "matched"}, []string{"", ""}}},
			"close":    {sqlCloseItems, []any{1, 1, 1, 500, "par_0000000000000001", []int64{8000, 8002}, []int64{8001}, []int16{0}}},
		} {
			tx, err := conn.Begin(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			plan := evidencePlan(t, conn, q.sql, q.args)
			if err := tx.Rollback(t.Context()); err != nil {
				t.Fatal(err)
			}
			for _, bad := range []string{"Seq Scan on recon_", "Seq Scan on transaction_links", "rows=40000", "rows=399", "rows=1999", "Rows Removed by Filter: 39", "Rows Removed by Filter: 19"} {
				if strings.Contains(plan, bad) {
					t.Errorf("%s: %s (statistics %q)\n%s", name, bad, statistics, plan)
					break
				}
			}
		}
	}
}
