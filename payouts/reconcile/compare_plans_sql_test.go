//go:build !race

package reconcile

import (
	"flag"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger/guard"
	"mizan/ledger/postgres"
)

var comparePlans = flag.Int("compare.plans", 5_000, "the history behind the day of TestADayCostsADay")

// TestADayCostsADay: a run of a few new lines after a long history reads a few pages of the large tables, though the service's
// statements were first used, and their plans could have been kept, when the tables were empty. So does the first run of a source whose
// account is younger than that history.
func TestADayCostsADay(t *testing.T) {
	t.Parallel()
	h := newComparing(t)
	pool, err := postgres.Open(t.Context(), h.db.AppURL, postgres.Options{ApplicationName: "one", MaxConns: 1, Undurable: true})
	h.ok(err)
	defer pool.Close()
	h.Service = New(Options{Pool: pool, Ledger: h.books, Trail: guard.NewTrail(pool, h.Now), Now: h.Now})
	w := bulkWorld{start: comparingStart.Add(-20 * 24 * time.Hour)}
	w.open(t, h.db, h.book)
	for range 7 { // a plan is kept after five uses
		h.run(sliceLines)
	}
	n := *comparePlans
	w.fill(t, h.db, h.book, 1, n)
	whole := h.touched(pool, func() { h.run(sliceLines) })
	w.fill(t, h.db, h.book, n+1, n+10)
	var day Run
	few := h.touched(pool, func() { day = h.run(sliceLines) })
	if day.ToLine-day.FromLine != 10 || day.Matched != 10 {
		t.Fatalf("the day %+v", day)
	}
	again := h.touched(pool, func() { h.same(day) })
	add := h.bankMain()
	h.ok(h.tryBank("assets:bank:operating:main", 1234))
	add(1, 1234, h.Now())
	young := h.touched(pool, func() {
		_, err := h.Compare(t.Context(), h.turn(), Asked{Match: R2, Source: 2})
		h.ok(err)
	})
	t.Logf("%d lines touch %d blocks, ten lines %d and again %d, one line of a young account %d", n, whole, few, again, young)
	if few*10 > whole || again*10 > whole || young > few {
		t.Errorf("ten lines touch %d blocks, and again %d, and one of a young account %d; all lines touch %d", few, again, young, whole)
	}
}

// touched counts the blocks of evidence, entries and transactions that the one session of a service looks at meanwhile.
func (h *comparing) touched(pool *postgres.Pool, do func()) (blocks int64) {
	h.Helper()
	read := func() (n int64) {
		conn, err := pgx.Connect(h.Context(), h.db.SuperURL)
		h.ok(err)
		defer func() { _ = conn.Close(h.Context()) }()
		h.ok(conn.QueryRow(h.Context(), `SELECT coalesce(sum(heap_blks_hit + heap_blks_read + coalesce(idx_blks_hit + idx_blks_read, 0)), 0)::bigint FROM pg_statio_user_tables
 WHERE relname LIKE 'evidence_lines%' OR relname LIKE 'entries%' OR relname LIKE 'transactions%'`).Scan(&n))
		return n
	}
	flush := func() { // a session tells what it counted at the end of the statement after it was asked to
		for range 2 {
			_, err := pool.Exec(h.Context(), `SELECT pg_stat_force_next_flush()`)
			h.ok(err)
		}
	}
	flush()
	before := read()
	do()
	flush()
	return read() - before
}
