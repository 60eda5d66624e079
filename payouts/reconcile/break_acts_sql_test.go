package reconcile

import (
	"context"
	"encoding/json"
	"slices"
	"testing"

	"mizan/ledger/commerce"
	"mizan/ledger/guard"
)

// TestDecidedAsItStood: a break that changes after its approval was judged for the decision, and before it runs, is not fixed and not
// written off: whoever decides looks at what it became.
func TestDecidedAsItStood(t *testing.T) {
	t.Parallel()
	h := newBreakHouse(t)
	h.run(h.source, h.missing(h.line(1, "txn_f", "USD", -1000), "txn_f", "USD", -1000))
	_, err := h.Settle(t.Context(), breaksTurn, h.book, h.source)
	h.ok(err)
	b := h.only()
	var happens func()
	acts := slices.Clone(h.Acts())
	for i := range acts {
		judge := acts[i].Effect
		acts[i].Effect = func(ctx context.Context, book guard.Book, payload json.RawMessage) (json.RawMessage, guard.Effect, error) {
			kept, effect, err := judge(ctx, book, payload)
			if happens != nil {
				happens()
				happens = nil
			}
			return kept, effect, err
		}
	}
	h.desk = guard.NewDesk(h.db.Pool, h.trail, h.clock.now, acts)
	line := commerce.SuspenseLine{Account: "expenses:processor_fee", Direction: "debit", Amount: "10.00"}
	fix, err := h.ask(ActFix, fixPayload{Break: b.ID, Lines: []commerce.SuspenseLine{line}})
	h.ok(err)
	off, err := h.ask(ActWriteOff, writeOffPayload{Break: b.ID, To: "expenses:bad_debt"})
	h.ok(err)
	for _, a := range []guard.Approval{fix, off} {
		happens = func() { h.exec(`UPDATE recon_breaks SET state = 'explained' WHERE book_id = $1`, h.book.ID) }
		_, err := h.approve(breaksBen, a)
		h.wants(err, guard.ErrApprovalChanged)
		if b := h.only(); b.Ended() || b.Suspense != 1000 {
			t.Errorf("%+v", b)
		}
		h.exec(`UPDATE recon_breaks SET state = 'open' WHERE book_id = $1`, h.book.ID)
	}
	_, err = h.approve(breaksBen, fix)
	h.ok(err)
	if b := h.only(); b.State != Fixed || h.balance("expenses:processor_fee", "USD") != 1000 {
		t.Errorf("%+v", b)
	}
	h.even()
}
