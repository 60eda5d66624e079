package payouts

import (
	"context"
	"errors"
	"testing"

	"mizan/ledger/guard"
)

// TestNobodyTakesTheServicesReferences: under a reference of the service's own nobody else asks for a payout, so that nobody can
// have an attach, an execution of a hold or a retry find its name taken.
func TestNobodyTakesTheServicesReferences(t *testing.T) {
	t.Parallel()
	h := newRunHouse(t)
	who := usd("creator", "cre_1")
	h.ready(who, true)
	h.move(who, "available", 5000)
	for _, reference := range []string{"attached:TX-us-7", "hold:hold_1:1", "retry:po_1:2026-03-02", "retry:", "hold:"} {
		for _, by := range []guard.Actor{finance, {Kind: guard.Payee, ID: who.ID}, {Kind: guard.Program, ID: "key_1"}, {}} {
			_, _, err := h.RequestPayout(t.Context(), by, h.book, Request{Reference: reference, Holder: who, Amount: 1000})
			if !errors.Is(err, ErrReferenceReserved) {
				t.Errorf("%s by a %q: %v", reference, by.Kind, err)
			}
		}
	}
	if runs, err := h.Runs(t.Context(), h.book, RunQuery{Limit: 10}); err != nil || len(runs) != 0 {
		t.Errorf("%d runs were recorded, %v", len(runs), err)
	}
	system := guard.Actor{Kind: guard.System, ID: "payout_retry"}
	for by, reference := range map[guard.Actor]string{system: "retry:po_1:2026-03-02", finance: "again: retry:po_1", {Kind: guard.Payee, ID: who.ID}: "payee:cre_1:retry:po_1"} {
		if _, list, err := h.RequestPayout(context.Background(), by, h.book, Request{Reference: reference, Holder: who, Amount: 1000}); err != nil || len(list) != 1 {
			t.Errorf("%s by a %s: %v", reference, by.Kind, err)
		}
	}
	h.sound()
}
