package reconcile

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger/postgres/pgtest"
)

// TestFindPlans looks at how lines are found among 120,000 of a source: each name by
// its own index, and amounts among the newest lines only.
func TestFindPlans(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	conn, err := pgx.Connect(t.Context(), db.SuperURL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	// As a copy of a database comes in: without its checks.
	const fill = `SET session_replication_role = replica;
		INSERT INTO evidence_lines (book_id, source_id, number, receipt, line_id, key, currency, gross, fee, net, category, trace, moved_at)
		  SELECT 1, 1, n, 1, 'txn_' || n, 'ch_' || n, 'GBP', n, 0, n, 'charge', CASE WHEN n % 100 = 0 THEN 'TRACE-' || n ELSE '' END, timestamptz '2026-01-01' + n * interval '1 minute'
		    FROM generate_series(1, 120000) n;
		SET session_replication_role = origin;
		ANALYZE evidence_lines`
	if _, err := conn.Exec(t.Context(), fill); err != nil {
		t.Fatal(err)
	}
	since := time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)
	for name, q := range map[string]struct {
		sql  string
		args []any
		want []string
	}{
		"name":   {sqlFindLines, []any{1, 1, "TRACE-700", 20}, []string{"evidence_lines_once", "evidence_lines_key", "evidence_lines_trace"}},
		"amount": {sqlFindLineAmounts, []any{1, 1, since, 20_000, []string{"GBP", "USD"}, []int64{119_000, 7}, 20}, []string{"evidence_lines_moved"}},
	} {
		rows, err := conn.Query(t.Context(), "EXPLAIN "+q.sql, q.args...)
		if err != nil {
			t.Fatal(name, err)
		}
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(name, err)
		}
		plan := strings.Join(lines, "\n")
		for _, index := range q.want {
			if !strings.Contains(plan, index) {
				t.Errorf("%s is not found by %s:\n%s", name, index, plan)
			}
		}
		if strings.Contains(plan, "Seq Scan") {
			t.Errorf("%s reads a table:\n%s", name, plan)
		}
		var found string
		if err := conn.QueryRow(t.Context(), "SELECT f.line_id FROM ("+q.sql+") f", q.args...).Scan(&found); err != nil || found != map[string]string{"name": "txn_700", "amount": "txn_119000"}[name] {
			t.Errorf("%s: %q %v", name, found, err)
		}
	}
}
