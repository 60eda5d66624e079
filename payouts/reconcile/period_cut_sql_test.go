package reconcile

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"testing"
	"time"
)

// TestPeriodCuts: what agrees and stands in different months on the two sides is said, whatever the slices are, and again when the
// run is made again; what agrees month by month is not.
func TestPeriodCuts(t *testing.T) {
	t.Parallel()
	h := newComparing(t)
	march := time.Date(2026, 3, 31, 21, 59, 0, 0, time.UTC) // one minute before midnight in Berlin
	april := march.Add(2 * time.Minute)
	h.mu.Lock()
	h.at = march
	h.mu.Unlock()
	var lines []line
	for i := range 40 {
		at := march
		if i%4 == 0 {
			at = april
		}
		lines = append(lines, line{id: fmt.Sprint("txn_", i), key: fmt.Sprint("ch_", i), gross: 100, fee: 3, at: at})
		if i%4 != 0 && i%4 != 2 {
			h.charge(fmt.Sprint("order:", i), fmt.Sprint("ch_", i), 100, 3)
		}
	}
	// Two payments of one key, each in its own month.
	lines = append(lines, line{id: "txn_a", key: "ch_a", gross: 50, at: march}, line{id: "txn_b", key: "ch_a", gross: 51, at: april})
	h.post("order:a", leg{amount: 50, ref: "ch_a"})
	h.mu.Lock()
	h.at = april.Add(72 * time.Hour)
	h.mu.Unlock()
	h.post("order:a", leg{amount: 51, ref: "ch_a"})
	for i := range 40 {
		if i%4 == 0 || i%4 == 2 { // of March and of April, in the books in April
			h.charge(fmt.Sprint("order:", i), fmt.Sprint("ch_", i), 100, 3)
		}
	}
	h.take(lines...)
	in, _, err := h.planRun(t.Context(), h.book, Asked{Match: R1, Source: 1, CutOff: h.Now()})
	h.ok(err)
	digests := map[string]int{}
	for _, size := range []int{1, 2, 3, 5, 7, 11, sliceLines} {
		copied := in
		out, err := h.compute(t.Context(), h.book, &copied, nil, size)
		h.ok(err)
		digests[hex.EncodeToString(out.digest)] = size
		if len(out.findings) != 10 || len(out.open) != 0 || out.matched != 42 {
			t.Fatalf("slices of %d: %d findings, %d open, %d matched", size, len(out.findings), len(out.open), out.matched)
		}
		for _, f := range out.findings {
			var n int
			if _, err := fmt.Sscanf(f.Identity, "ch_%d|EUR|cut", &n); err != nil || n%4 != 2 || f.Class != PeriodCut || f.Amount != 0 || len(f.External) != 1 || len(f.Entries) != 1 {
				t.Errorf("slices of %d: %+v", size, f)
			}
		}
	}
	if len(digests) != 1 {
		t.Errorf("it depends on the slices: %v", digests)
	}
	run := h.run(3)
	h.same(run)
	var document bytes.Buffer
	h.ok(h.Document(t.Context(), h.book, run.ID, &document))
	if n := h.count(`SELECT count(*) FROM recon_breaks WHERE class = 'period_cut' AND amount = 0 AND ended_at IS NULL`); n != 10 || run.Found != 10 {
		t.Errorf("%d breaks, %d found", n, run.Found)
	}
	// The next run does not find them again.
	h.same(h.run(sliceLines))
	if n := h.count(`SELECT count(*) FROM recon_breaks WHERE ended_at IS NULL`); n != 0 {
		t.Errorf("%d breaks are open", n)
	}
}
