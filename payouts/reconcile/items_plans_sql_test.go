package reconcile

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"mizan/ledger/postgres/pgtest"
)

// TestItemPlans looks at how open items are found among 40,000 of which nearly all have ended, and what is reversed among 40,000, with
// the statistics of a day when there were none and with those of today: a run costs by what is open, and one that is made again by what
// ended since, page by page.
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
			"old":      {sqlEndedItems, []any{1, 1, 1, 2, 0, "", 0, 0, 1_000}},
			"later":    {sqlEndedItems, []any{1, 1, 1, 2, 100, "e", 9_800, 0, 1_000}},
			"counted":  {sqlCountOpen, []any{1, 1, 1}},
			"arriving": {sqlArriving, []any{1, 1, 1, []int64{1, 5}, 5_000}},
			"headers":  {sqlHeaders, []any{1, []int64{8000, 8001}, 100_000}},
			"of entry": {sqlEntryItems, []any{1, 1, 1, []int64{8001, 8003}, []int16{0, 0}}},
			"of line":  {sqlLineItem, []any{1, 1, 1, 8000}},
			"paired":   {sqlPaired, []any{1, []string{"par_0000000000000001"}}},
			"refused":  {sqlRefused, []any{1, 1, 1}},
			"end":      {sqlEndItems, []any{1, 1, 1, 500, []string{"e", "e"}, []int64{8000, 8002}, []int16{0, 0}, []string{"matched", "matched"}, []string{"", ""}}},
			"close":    {sqlCloseItems, []any{1, 1, 1, 500, "par_0000000000000001", []int64{8000, 8002}, []int64{8001}, []int16{0}}},
		} {
			tx, err := conn.Begin(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasPrefix(strings.TrimSpace(q.sql), "SELECT") {
				if n := pgtest.Blocks(t, conn, q.sql, q.args...); n > 6_000 {
					t.Errorf("%s reads %d blocks (statistics %q)", name, n, statistics)
				}
			}
			plan := pgtest.Plan(t, conn, q.sql, q.args...)
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

// TestItemsInPages: in pages of any size a run that is made again has the same before it, and a page of what it does not want is none the less
// gone on from.
func TestItemsInPages(t *testing.T) {
	t.Parallel()
	h := newComparing(t)
	var runs []Run
	for round := range 4 {
		for i := range 6 {
			h.take(line{id: fmt.Sprint("txn_", round, i), key: fmt.Sprint("ch_", round, i), gross: 100})
		}
		for before := range round {
			h.post("order:1", leg{amount: 100, ref: fmt.Sprint("ch_", before, round)})
		}
		runs = append(runs, h.run(sliceLines))
	}
	for _, run := range runs {
		h.same(run)
		r := &reading{book: h.book, in: inputs{Match: R1, Source: sourceInput{ID: 1}, Number: run.Number}}
		for _, sql := range []string{sqlOpenItems, sqlEndedItems} {
			want, err := h.itemPages(t.Context(), r, sql, nil, itemPage)
			h.ok(err)
			for _, page := range []int{1, 2, 3, 5} {
				got, err := h.itemPages(t.Context(), r, sql, nil, page)
				if err != nil || !slices.Equal(got, want) {
					t.Errorf("run %d in pages of %d: %d items instead of %d, %v", run.Number, page, len(got), len(want), err)
				}
			}
		}
	}
}
