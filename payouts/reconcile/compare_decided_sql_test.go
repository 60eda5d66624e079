package reconcile

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger/guard"
	"mizan/payouts"
)

// TestAPersonDecidesDuringARun: a pairing that is suggested becomes the only one that is possible, and a person refuses it, or makes it,
// when the run that would make it has read everything and is about to be recorded. What the person says stands, and the run takes place.
func TestAPersonDecidesDuringARun(t *testing.T) {
	t.Parallel()
	for _, makes := range []bool{false, true} {
		h := newBankHouse(t)
		h.mirrors(operating)
		h.books(moves("operating", 500, ""))
		h.books(moves("operating", 500, "k2"))
		h.shows("b1", 500)
		h.advance(9 * 24 * time.Hour)
		h.compares(3)
		list, err := h.Pairings(t.Context(), h.book, "suggested", "", 10)
		h.ok(err)
		if len(list) != 2 {
			t.Fatalf("%d suggestions", len(list))
		}
		ann := guard.Actor{Kind: "person", ID: "per_ann"}
		only := list[0]
		if only.Entries[0].Sequence != 1 {
			only = list[1]
		}
		h.shows("k2", 500)
		asked := 0
		turn := payouts.Turn{Book: h.book, Check: func(context.Context, pgx.Tx) error {
			if asked++; asked > 1 {
				return nil
			}
			decide := h.Refuse
			if makes {
				decide = h.Confirm
			}
			_, err := decide(t.Context(), ann, h.book, only.ID, "I asked them.")
			return err
		}}
		run, err := h.compareBy(t.Context(), turn, Asked{Match: R2, Source: 2}, 2)
		h.ok(err)
		h.same(run)
		p, err := h.Pairing(t.Context(), h.book, only.ID)
		h.ok(err)
		state, open := "refused", int64(2)
		if makes {
			state, open = "made", 0
		}
		if p.State != state || run.OpenItems != open || asked != 2 {
			t.Errorf("the pairing is %s, and the run after %d tries left %d items open", p.State, asked, run.OpenItems)
		}
		if n := h.count(`SELECT count(*) FROM recon_items WHERE how = 'by_amount'`); n != 0 {
			t.Errorf("%d items were ended by the run", n)
		}
	}
}
