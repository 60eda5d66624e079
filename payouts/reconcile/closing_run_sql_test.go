package reconcile

import (
	"testing"
	"time"
)

// TestClosingRunLeavesWhatCameLater: a run that closes a month judges by the month's end. What happened later is none of its
// findings, and what earlier runs found of that stays; and what they found overdue is not a matter of time again.
func TestClosingRunLeavesWhatCameLater(t *testing.T) {
	t.Parallel()
	h := newComparing(t)
	end := comparingStart.AddDate(0, 0, 2)
	h.take(line{id: "txn_1", key: "ch_1", gross: 100})
	h.post("order:2", leg{amount: 70, ref: "ch_2"})
	h.advance(4 * 24 * time.Hour)
	h.take(line{id: "txn_3", key: "ch_3", gross: 30})
	state := func(key string) (class, state string) {
		h.Helper()
		h.ok(h.db.Pool.QueryRow(h.Context(), `SELECT class, state FROM recon_breaks WHERE book_id = $1 AND identity LIKE $2 || '|%'`, h.book.ID, key).Scan(&class, &state))
		return class, state
	}
	want := func(when, key, class, standing string) {
		h.Helper()
		if c, s := state(key); c != class || s != standing {
			h.Errorf("%s: %s is %s and %s, not %s and %s", when, key, c, s, class, standing)
		}
	}
	h.same(h.run(sliceLines))
	want("at first", "ch_1", "missing_in_ledger", "open")
	want("at first", "ch_2", "missing_at_processor", "open")
	want("at first", "ch_3", "missing_in_ledger", "open")
	// The books learn of the first meanwhile.
	h.post("order:1", leg{amount: 100, ref: "ch_1"})
	closing, err := h.Compare(h.Context(), h.turn(), Asked{Match: R1, Source: 1, CutOff: comparingStart.Add(time.Hour), Closing: true})
	h.ok(err)
	h.same(closing)
	want("closing", "ch_1", "missing_in_ledger", "cleared")
	want("closing", "ch_2", "missing_at_processor", "open")
	want("closing", "ch_3", "missing_in_ledger", "open")
	if closing.Trigger != triggerClose || !closing.CutOff.Before(end) || closing.OpenItems != 2 {
		t.Errorf("%+v", closing)
	}
	// What came later goes when it agrees, by a run for the present.
	h.post("order:3", leg{amount: 30, ref: "ch_3"})
	again, err := h.Compare(h.Context(), h.turn(), Asked{Match: R1, Source: 1, CutOff: comparingStart.Add(time.Hour), Closing: true})
	h.ok(err)
	h.same(again)
	want("closing again", "ch_3", "missing_in_ledger", "open")
	h.same(h.run(sliceLines))
	want("at last", "ch_3", "missing_in_ledger", "cleared")
	want("at last", "ch_2", "missing_at_processor", "open")
}
