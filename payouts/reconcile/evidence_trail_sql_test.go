package reconcile

import (
	"testing"

	"mizan/ledger/guard"
	"mizan/payouts"
)

// TestWhoAskedIsInTheTrail: a reading of a processor and a run that somebody asked for are in the trail, in the transaction that keeps
// them; what jobs do is not, and neither is what kept nothing.
func TestWhoAskedIsInTheTrail(t *testing.T) {
	t.Parallel()
	h := newEvidenceHouse(t)
	rows := func(pulled, runs int) {
		t.Helper()
		for act, want := range map[string]int{"evidence.pulled": pulled, "reconciliation.run": runs} {
			if n := h.count(`SELECT count(*) FROM audit_rows WHERE book_id = $1 AND act = $2 AND actor = $3`, h.book.ID, act, evidenceAnn.ID); n != want {
				t.Errorf("%s: %d rows, want %d", act, n, want)
			}
			if n := h.count(`SELECT count(*) FROM audit_rows WHERE book_id = $1 AND act = $2`, h.book.ID, act); n != want {
				t.Errorf("%s: %d rows of all, want %d", act, n, want)
			}
		}
	}
	asks := func(by guard.Actor) {
		t.Helper()
		turn := payouts.Turn{Book: h.book, Actor: by}
		_, err := h.Pull(t.Context(), turn, "main")
		h.ok(err)
		_, err = h.Compare(t.Context(), turn, Asked{Match: R1, Source: h.processorSource().ID})
		h.ok(err)
	}
	h.charge(3000, 0, 0)
	asks(guard.Actor{Kind: guard.System, ID: "jobs"})
	rows(0, 0)
	h.charge(4000, 0, 0)
	asks(evidenceAnn)
	rows(1, 1)
	if n := h.count(`SELECT count(*) FROM audit_rows a JOIN recon_runs r ON r.book_id = a.book_id AND a.object = 'reconciliation:' || r.id AND r.started_by = a.actor WHERE a.book_id = $1`, h.book.ID); n != 1 {
		t.Errorf("%d rows name the run", n)
	}
	if _, err := guard.NewTrail(h.db.Pool, h.clock.Now).Verify(t.Context(), guard.Book{ID: int32(h.book.ID), Code: h.book.Code}); err != nil {
		t.Error(err)
	}
}
