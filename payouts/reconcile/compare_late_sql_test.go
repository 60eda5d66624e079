package reconcile

import (
	"testing"
	"time"
)

// TestWhatComesAfterTheCutOffIsNotMatchedAway: of one payout the processor shows after the month's end that it left and that it came back, and
// the books have neither. The two come to nothing, and still are no match of each other: the run that closes the month leaves them open,
// and the next one reports both.
func TestWhatComesAfterTheCutOffIsNotMatchedAway(t *testing.T) {
	t.Parallel()
	h := newComparing(t)
	end := h.Now()
	after := end.Add(48 * time.Hour)
	h.take(line{id: "txn_1", key: "po_1", gross: -1000, category: "payout", at: after}, line{id: "txn_2", key: "po_1", gross: 1000, category: "payout_failure", at: after},
		line{id: "txn_3", key: "ch_1", gross: 70, at: end.Add(-time.Hour)}, line{id: "txn_4", key: "ch_1", gross: 500, at: after}, line{id: "txn_5", key: "ch_1", gross: -500, category: "refund", at: after})
	closing, err := h.compareBy(t.Context(), h.turn(), Asked{Match: R1, Source: 1, CutOff: end, Closing: true}, 2)
	h.ok(err)
	h.same(closing)
	if closing.OpenItems != 5 || closing.Matched != 0 {
		t.Errorf("the month's run matched %d and left %d open", closing.Matched, closing.OpenItems)
	}
	h.advance(9 * 24 * time.Hour)
	next := h.run(2)
	h.same(next)
	if n := h.count(`SELECT count(*) FROM recon_breaks WHERE ended_at IS NULL`); next.OpenItems != 5 || n != 5 {
		t.Errorf("the next run left %d open, and %d breaks are", next.OpenItems, n)
	}
}
