//go:build !race

package reconcile

import (
	"context"
	"flag"
	"os"
	"regexp"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

var compareScale = flag.Int("compare.scale", 6_000, "how many lines of the source TestScale compares; it prints what it measured")

// sqlBare is the whole comparison as one plain statement over both tables, with all the memory that it wants.
const sqlBare = `
SELECT count(*) FROM
  (SELECT key, currency, sum(greatest(gross, 0) + greatest(-fee, 0)) AS d, sum(greatest(-gross, 0) + greatest(fee, 0)) AS c
     FROM evidence_lines WHERE book_id = $1 AND source_id = 1 GROUP BY 1, 2) e
  FULL JOIN (SELECT coalesce(x.external_ref, '@' || x.sequence || '.' || x.line) AS key, a.currency, sum(greatest(x.amount, 0)) AS d, sum(greatest(-x.amount, 0)) AS c
     FROM entries x JOIN accounts a ON a.book_id = x.book_id AND a.id = x.account_id WHERE x.book_id = $1 AND x.account_id IN (1, 2) GROUP BY 1, 2) l USING (key, currency)
 WHERE e.d IS DISTINCT FROM l.d OR e.c IS DISTINCT FROM l.c`

// TestScale compares many lines with planted faults, and a day after them. What it measures is printed; how fast it is is no matter
// of this test.
func TestScale(t *testing.T) {
	n := *compareScale
	h := newComparing(t)
	w := bulkWorld{fault: 1009, start: comparingStart.Add(-60 * 24 * time.Hour)}
	w.open(t, h.db, h.book)
	w.fill(t, h.db, h.book, 1, n)
	began := time.Now()
	run := h.run(sliceLines)
	took := time.Since(began)
	missing := int64(0)
	for i := 10; i <= n; i++ {
		if i%w.fault == 1 || i%w.fault == 2 {
			missing++
		}
	}
	if n >= 2 {
		missing++ // line 2 has no transaction
	}
	if entries := run.OpenItems; entries < missing || entries > 2*missing {
		t.Errorf("%d open items of %d faults", entries, missing)
	}
	if run.Matched+missing < run.ToLine {
		t.Errorf("%d of %d lines matched, %d faults", run.Matched, run.ToLine, missing)
	}
	began = time.Now()
	h.same(run)
	replayed := time.Since(began)
	w.fill(t, h.db, h.book, n+1, n+1_000)
	began = time.Now()
	day := h.run(sliceLines)
	dayTook := time.Since(began)
	if day.FromLine != run.ToLine || day.Matched == 0 {
		t.Errorf("the day after %+v", day)
	}
	conn, err := pgx.Connect(t.Context(), h.db.SuperURL)
	h.ok(err)
	defer func() { _ = conn.Close(context.Background()) }()
	_, err = conn.Exec(t.Context(), `SET jit = off; SET work_mem = '64MB'; SET max_parallel_workers_per_gather = 0`)
	h.ok(err)
	began = time.Now()
	var differ int64
	h.ok(conn.QueryRow(t.Context(), sqlBare, h.book.ID).Scan(&differ))
	bare := time.Since(began)
	status, err := os.ReadFile("/proc/self/status")
	peak := "unknown"
	if err == nil {
		peak = regexp.MustCompile(`VmHWM:\s+(.*)`).FindString(string(status))
	}
	t.Logf("%d lines: run %v (%d open), replay %v, a day of 1,000 after it %v, bare join %v (%d unequal): %.2f of bare; %s",
		run.ToLine, took, run.OpenItems, replayed, dayTook, bare, differ, bare.Seconds()/took.Seconds(), peak)
}
