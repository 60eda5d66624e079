package reconcile

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/postgres/pgtest"
)

// TestBreakPlans looks at how breaks are found among 40,000 of which nearly all have ended, with the statistics of a day when there
// were none: what is open costs by what is open, and a page by its length.
func TestBreakPlans(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	conn, err := pgx.Connect(t.Context(), db.SuperURL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	// As a copy of a database comes in: without its checks.
	const fill = `SET session_replication_role = replica;
		INSERT INTO recon_breaks (book_id, id, match, source_id, identity, class, state, currency, amount, detail, happened_at, first_run, last_run, first_seen, suspense, suspense_ref,
		       changed_at, ended_at, step)
		  SELECT 1, 'brk_' || lpad(n::text, 16, '0'), 1, 1, 'i' || n, 'timing', CASE WHEN n > 39990 THEN 'open' ELSE 'cleared' END, 'USD', n, '{"text":"x","suspend":true}', '2026-01-01', 1, 9,
		         timestamptz '2026-01-01' + n * interval '1 minute', CASE WHEN n > 39995 THEN 5 ELSE 0 END, CASE WHEN n > 39995 THEN 'r' ELSE '' END, '2026-01-01',
		         CASE WHEN n <= 39990 THEN timestamptz '2026-02-01' END, n
		    FROM generate_series(1, 40000) n;
		INSERT INTO recon_steps (book_id, number, break_id, act, done_by, at, run, standing)
		  SELECT 1, n, 'brk_' || lpad(n::text, 16, '0'), CASE WHEN n % 100 = 0 THEN 'suspended' ELSE 'found' END, 'x', '2026-01-01', n / 1000, '{}' FROM generate_series(1, 40000) n;
		INSERT INTO recon_pairings (book_id, id, match, source_id, kind, basis, state, identity, members, run)
		  SELECT 1, 'par_' || lpad(n::text, 16, '0'), 1, 1, 'one_to_one', 'amount', CASE WHEN n > 39990 THEN 'suggested' ELSE 'made' END, 'i' || n, '{}', 1 FROM generate_series(1, 40000) n;
		SET session_replication_role = origin`
	if _, err := conn.Exec(t.Context(), fill); err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 3, 10, 0, 0, 0, 0, time.UTC)
	book := ledger.Book{ID: 1}
	ids := []string{"brk_0000000000000077", "brk_0000000000039999"}
	listed := func(q BreakQuery) struct {
		sql  string
		args []any
	} {
		sql, args := q.sqlOf(book)
		return struct {
			sql  string
			args []any
		}{sql, args}
	}
	for name, q := range map[string]struct {
		sql  string
		args []any
	}{
		"one":          {sqlBreak, []any{1, ids[0]}},
		"some":         {sqlBreaksByID, []any{1, ids}},
		"open of":      {sqlOpenBreaksOf, []any{1, 1, 1}},
		"named":        {sqlBreaksNamed, []any{1, 1, 1, []string{"i77", "i78"}}},
		"ended of":     {sqlEndedBreaksOf, []any{1, 1, 1, []string{"i77", "i78"}}},
		"asking":       {sqlAskingBreaks, []any{1, 1, 1, 9, time.Time{}, "", 200}},
		"waiting":      {sqlWaitingBreaks, []any{1, "", "", 1000}},
		"posted":       {sqlPostedInRun, []any{1, 7, 1, 1}},
		"ageing":       {sqlAgeing, []any{1, now, []int{1, 7, 30}}},
		"suspense age": {sqlSuspenseAge, []any{1, now, []int{1, 7, 30}}},
		"overdue":      {sqlOverdue, []any{1, now, now, time.Time{}, "", 100}},
		"health":       {sqlBreakHealth, []any{1, now, now}},
		"suspended":    {sqlWaiting, []any{1, now}},
		"steps":        {sqlStepsOf, []any{1, ids[0], 0, 100}},
		"at":           {sqlBreaksAt, []any{1, 20_000, now.AddDate(0, -2, 0), "", 100}},
		"paired at":    {sqlPairedAt, []any{1, "par_0000000000000077"}},
		"pairings":     {sqlPairings, []any{1, "suggested", "", 100}},
		"newest open":  listed(BreakQuery{Open: true, Limit: 100}),
		"all":          listed(BreakQuery{AfterSeen: now.AddDate(0, -2, 0), AfterID: "x", Limit: 100}),
		"cleared":      listed(BreakQuery{States: []State{Cleared}, AfterSeen: now.AddDate(0, -2, 0), AfterID: "x", Limit: 100}),
	} {
		plan := pgtest.Plan(t, conn, q.sql, q.args...)
		for _, bad := range []string{"Seq Scan on recon_", "rows=40000", "rows=39990", "Rows Removed by Filter: 39", "Rows Removed by Filter: 40"} {
			if strings.Contains(plan, bad) {
				t.Errorf("%s: %s\n%s", name, bad, plan)
			}
		}
	}
}
