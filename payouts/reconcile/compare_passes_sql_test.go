package reconcile

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestMoreThanOnePassCarries: the two sides come in opposite orders, so that nearly nothing ties until the end, and stand in different
// months. A service that carries four keys at once finds the same as one that carries them all.
func TestMoreThanOnePassCarries(t *testing.T) {
	t.Parallel()
	h := newComparing(t)
	const n = 40
	for i := range n {
		at := h.Now()
		if i < 12 {
			at = at.AddDate(0, -1, 0)
		}
		h.take(line{id: fmt.Sprint("txn_", i), key: fmt.Sprint("ch_", i), gross: 100, at: at})
	}
	for i := n - 1; i >= 0; i-- {
		if i%20 != 7 {
			h.post("order:1", leg{amount: 100, ref: fmt.Sprint("ch_", i)})
		}
	}
	come := func(most int) ([]byte, *outcome) {
		h.most = most
		in, _, err := h.planRun(t.Context(), h.book, Asked{Match: R1, Source: 1, CutOff: h.Now().AddDate(0, 1, 0)})
		h.ok(err)
		out, err := h.compute(t.Context(), h.book, &in, nil, 2)
		h.ok(err)
		return out.digest, out
	}
	want, out := come(mostCarried)
	if len(out.open) != 2 || len(out.findings) != 13 {
		t.Fatalf("%d open, %d found", len(out.open), len(out.findings))
	}
	if got, _ := come(4); !slices.Equal(got, want) {
		t.Error("in several passes it comes to something else")
	}
	h.most = 4
	h.same(h.run(2))
}

// TestTooMuchIsOpen: where more is open than a run can leave, nothing is recorded, the answer says what there is and what to do, and the
// run takes place when that is done.
func TestTooMuchIsOpen(t *testing.T) {
	t.Parallel()
	h := newComparing(t)
	h.most = 4
	for i := range 10 {
		h.take(line{id: fmt.Sprint("txn_", i), key: fmt.Sprint("ch_", i), gross: 100})
	}
	_, err := h.compareBy(t.Context(), h.turn(), Asked{Match: R1, Source: 1}, 3)
	if !errors.Is(err, ErrRunLarge) || !strings.Contains(err.Error(), "5 lines of main and 0 entries") {
		t.Fatal(err)
	}
	if n := h.count(`SELECT (SELECT count(*) FROM recon_runs) + (SELECT count(*) FROM recon_items)`); n != 0 {
		t.Errorf("%d rows are left", n)
	}
	for i := range 8 {
		h.post("order:1", leg{amount: 100, ref: fmt.Sprint("ch_", i)})
	}
	h.advance(time.Hour)
	run := h.run(3)
	h.same(run)
	if run.Matched != 8 || run.OpenItems != 2 {
		t.Errorf("%d matched, %d open", run.Matched, run.OpenItems)
	}
}
