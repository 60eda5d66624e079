//go:build !race

package reconcile

import (
	"fmt"
	"testing"

	"mizan/ledger/money"
)

// A whole month of differences is one transaction of a second or two.
func TestTenThousandFindings(t *testing.T) {
	t.Parallel()
	h := newBreakHouse(t)
	var list []Finding
	for i := range 10_000 {
		f := h.missing(int64(i+1), fmt.Sprintf("re_%d", i), "USD", money.Minor(-1-i))
		list = append(list, f)
	}
	h.run(h.source, list...)
	h.run(h.source, list...)
	for i := range list {
		list[i].Amount--
	}
	h.run(h.source, list...)
	h.run(h.source)
	h.run(h.source, list...)
	h.run(h.source)
	if open := h.count(`SELECT count(*) FROM recon_breaks WHERE ended_at IS NULL`); open != 0 {
		t.Errorf("%d open", open)
	}
	if steps := h.count(`SELECT count(*) FROM recon_steps`); steps != 50_000 {
		t.Errorf("%d steps", steps)
	}
	n := 0
	h.ok(h.BreaksAt(t.Context(), h.book, 20_000, func(b Break) error {
		if n++; b.State != Open || b.LastRun != 3 {
			t.Fatalf("%+v", b)
		}
		return nil
	}))
	if n != 10_000 {
		t.Errorf("%d breaks", n)
	}
}
