package questions

import (
	"context"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"mizan/ledger/postgres/pgtest"
)

// TestPlans looks at how questions are found among 20,000 of 2,001 payees, one of whom asked half of them, with the statistics of a day when
// there were none and with those of today: what is read goes with what is asked for. Without statistics a page of a payee may read all that it
// asked, which is at most ten a day.
func TestPlans(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	conn, err := pgx.Connect(t.Context(), db.SuperURL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	// As a copy of a database comes in: without its checks.
	const fill = `SET session_replication_role = replica;
		INSERT INTO payee_questions (book_id, id, payee, kind, reference, about, about_id, currency, amount, question, asked_by, asked_at, state, answer, answered_by, answered_at, closed_at)
		  SELECT 1, 'qu_' || lpad(n::text, 16, '0'), CASE WHEN n % 2 = 0 THEN 'much' ELSE 'p' || n % 4000 END, 'creator', 'r' || n, 'order', 'UK-' || n, 'GBP', 100, decode(repeat('00', 200), 'hex'), 'payee:x',
		         '2026-01-01'::timestamptz + n * interval '1 minute', s, CASE WHEN s = 'answered' THEN decode(repeat('00', 200), 'hex') END, CASE WHEN s = 'answered' THEN 'person:y' END,
		         CASE WHEN s = 'answered' THEN timestamptz '2027-01-01' END, CASE WHEN s = 'closed' THEN timestamptz '2027-01-01' END
		    FROM (SELECT n, CASE WHEN n % 500 = 0 THEN 'open' WHEN n % 50 = 1 THEN 'answered' ELSE 'closed' END s FROM generate_series(1, 20000) n) x;
		SET session_replication_role = origin`
	if _, err := conn.Exec(t.Context(), fill); err != nil {
		t.Fatal(err)
	}
	for _, statistics := range []string{"", "ANALYZE payee_questions"} {
		if _, err := conn.Exec(t.Context(), statistics); err != nil {
			t.Fatal(err)
		}
		for name, q := range map[string]struct {
			sql  string
			args []any
			most int
		}{
			"one":               {sqlQuestion, []any{1, "qu_0000000000000042"}, 10},
			"referenced":        {sqlReferenced, []any{1, "much", "r42"}, 10},
			"asked often":       {sqlAskedOften, []any{1, "much", "2026-01-02", mostADay, mostOpen}, 120},
			"asked seldom":      {sqlAskedOften, []any{1, "p1", "2026-01-11", mostADay, mostOpen}, 60},
			"of a payee":        {sqlOfPayee, []any{1, "p1", "2100-01-01", "~", 51}, 120},
			"of one of many":    {sqlOfPayee, []any{1, "much", "2026-01-10", "~", 51}, 250},
			"open ones":         {sqlInState, []any{1, Open, "2026-01-10", "", 51}, 250},
			"closed ones":       {sqlInState, []any{1, Closed, "2026-01-10", "", 51}, 250},
			"answered":          {sqlAnswered, []any{1, "p1"}, 60},
			"answered, of many": {sqlAnswered, []any{1, "much"}, 150},
		} {
			n := pgtest.Blocks(t, conn, q.sql, q.args...)
			if text := pgtest.Plan(t, conn, q.sql, q.args...); n > q.most && (statistics != "" || name != "of one of many" || n > 12_000) || strings.Contains(text, "Seq Scan") {
				t.Errorf("%s reads %d blocks (statistics %q)\n%s", name, n, statistics, text)
			}
		}
	}
}
