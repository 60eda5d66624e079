package statements

import (
	"context"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"mizan/ledger/postgres/pgtest"
)

// TestPlans looks at how statements and what they are made from are found among 24,000 statements and 20,000 accounts with 40,000 entries,
// with the statistics of a day when there were none and with those of today: what is read goes with what is asked for.
func TestPlans(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	conn, err := pgx.Connect(t.Context(), db.SuperURL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	// As a copy of a database comes in: without its checks. One payee has 1,000 campaigns and half of all entries.
	const fill = `ALTER TABLE entries DISABLE TRIGGER ALL;
		ALTER TABLE transactions DISABLE TRIGGER ALL;
		SET session_replication_role = replica;
		INSERT INTO accounts (book_id, id, chart_code, address, currency, opened_at)
		  SELECT 1, n, 2000, CASE WHEN n <= 1000 THEN 'liabilities:donation:pending:ngo:c' || n ELSE 'liabilities:creator:pending:p' || n END, 'GBP', '2026-01-01' FROM generate_series(1, 20000) n;
		INSERT INTO balances (book_id, account_id, debits, credits, version, last_sequence) SELECT 1, n, 0, 1, 20, 40000 FROM generate_series(1, 20000) n;
		INSERT INTO entries (book_id, account_id, sequence, amount, account_version, balance_after, debits_after, line)
		  SELECT 1, CASE WHEN n % 2 = 0 THEN 1 + n % 1000 ELSE 1001 + n % 19000 END, n, 1, 1 + n / 1000, 1, 1, 1 FROM generate_series(1, 40000) n;
		INSERT INTO transactions (book_id, sequence, line_count, period, effective_period, occurred_at, recorded_at, reference, event, subject, account_ids, content_hash)
		  SELECT 1, n, 1, 202601, 202601, '2026-01-01', '2026-01-01', 'r' || n, 'order.captured', 'order:' || n, ARRAY[1], decode(repeat('00', 32), 'hex') FROM generate_series(1, 40000) n;
		INSERT INTO statements (book_id, payee, currency, number, id, kind, period, from_sequence, to_sequence, previous_number, line_count, bytes, sha256, head, tail, issued_at)
		  SELECT 1, 'p' || p, 'GBP', k, 'st_' || lpad((p * 12 + k)::text, 20, '0'), 'month', 202600 + k, k - 1, k, nullif(k - 1, 0), 0, 1, decode(repeat('00', 32), 'hex'), '{}', '{}', '2026-01-01'
		    FROM generate_series(1, 2000) p, generate_series(1, 12) k;
		SET session_replication_role = origin`
	if _, err := conn.Exec(t.Context(), fill); err != nil {
		t.Fatal(err)
	}
	many := make([]int32, maxAccounts)
	for i := range many {
		many[i] = int32(i + 1)
	}
	paths := make([]string, len(ownPaths))
	for i, p := range ownPaths {
		paths[i] = p.path
	}
	exact, begin := ownAddresses("ngo")
	for _, statistics := range []string{"", "ANALYZE"} {
		if _, err := conn.Exec(t.Context(), statistics); err != nil {
			t.Fatal(err)
		}
		for name, q := range map[string]struct {
			sql  string
			args []any
			most int
		}{
			"next":               {sqlNext, []any{1, []int32{1500, 1600}, 0, 40_000, walkPage}, 300},
			"next of the most":   {sqlNext, []any{1, many, 0, 40_000, walkPage}, 40_000},
			"held":               {sqlStandings, []any{1, many[:500], 30_000}, 6_000},
			"accounts":           {sqlAccounts, []any{1, exact, begin, "GBP", mostAccounts + 1}, 8_000},
			"owners":             {sqlOwners, []any{1, paths, "p5", 100}, 20_000},
			"kept":               {sqlKeptBy, []any{1, 1500, 40_000, mostLooked, mostHeld}, 100},
			"kept by the most":   {sqlKeptBy, []any{1, 1, 40_000, mostLooked, mostHeld}, 400},
			"disbursements":      {sqlDisbursements, []any{1, 1, 0, 40_000, mostLooked, mostPaidOut + 1}, 400},
			"last ones":          {sqlLasts, []any{1, "p5", "GBP", agreePage}, 2_000},
			"list":               {sqlList, []any{1, "p7", "", "", 0, 11, 0}, 100},
			"list of a currency": {sqlList, []any{1, "p7", "GBP", "GBP", 6, 11, 0}, 100},
		} {
			if n := pgtest.Blocks(t, conn, q.sql, q.args...); n > q.most {
				t.Errorf("%s reads %d blocks (statistics %q)", name, n, statistics)
			}
			// The partition of transactions to come is empty.
			if text := pgtest.Plan(t, conn, q.sql, q.args...); strings.Contains(strings.ReplaceAll(text, "Seq Scan on transactions_p000002 ", ""), "Seq Scan") {
				t.Errorf("%s goes through a table (statistics %q)\n%s", name, statistics, text)
			}
		}
	}
}
