package payouts

import (
	"slices"
	"testing"
	"time"

	"mizan/ledger/guard"
	"mizan/ledger/money"
)

// What stands between a payee and its money, one after the other: nobody knows it (unverified), it has nowhere to be paid
// (N05), the destination cools off (N06), somebody paused it; and once all of it is over, it is paid.
func TestWhatStandsBetweenAPayeeAndItsMoney(t *testing.T) {
	t.Parallel()
	h := newPayeeHouse(t)
	h.payee("sel_a", "seller")
	h.named("sel_a", "Ann Bee")
	h.money("liabilities:seller:available:sel_a", 50_000, "USD", "in")
	holder := Holder{PayeeKey{"seller", "sel_a"}, "USD"}
	number := 0
	ask := func(want ...string) {
		h.Helper()
		number++
		d, list, err := h.RequestPayout(t.Context(), ann, h.book, Request{Reference: "r" + string(rune('a'+number)), Holder: holder, Amount: money.Minor(10_000), Method: MethodStandard})
		h.ok(err)
		for _, reason := range want {
			if !slices.Contains(d.Reasons, reason) || d.Verdict != VerdictSkip || len(list) != 0 {
				t.Errorf("want %s: %s %v %v", reason, d.Verdict, d.Reasons, list)
			}
		}
		if len(want) == 0 && (d.Verdict != VerdictPay || len(list) != 1) {
			t.Errorf("want a payout: %s %v", d.Verdict, d.Reasons)
		}
	}
	ask(ReasonUnverified, ReasonNoDestination)
	_, err := h.ChangeStanding(t.Context(), ann, h.book, "sel_a", StandingChange{Verification: ptr(IdentityVerified), Document: "kyc-1"})
	h.ok(err)
	ask(ReasonNoDestination)
	h.agreed(ActDestination, to("sel_a", h.account("acct_a", "Ann Bee")))
	ask(ReasonCoolingOff)
	h.clock.Advance(72*time.Hour - time.Second)
	ask(ReasonCoolingOff)
	h.clock.Advance(time.Second)
	pause := h.hold("hold_p", "sel_a", EffectPause, CategoryReview, 0)
	pause.Currency = ""
	h.placed(pause)
	ask(ReasonPaused)
	h.agreed(ActHoldReleased, wanted{"hold": "hold_p"})
	ask()
	h.agreed(ActDestination, to("sel_a", h.account("acct_b", "Bob Cat")))
	h.clock.Advance(73 * time.Hour)
	ask(ReasonNameMismatch)
	closing, err := h.Standing(t.Context(), h.book, "sel_a")
	h.ok(err)
	_, err = h.ChangeStanding(t.Context(), ann, h.book, "sel_a", StandingChange{Version: closing.Version, Business: ptr(PayeeClosed)})
	h.wants(err, ErrPayeeBusy, "/business")
	var deeds []string
	for _, act := range []string{"payee.", "payout_destination.", "payout_hold.", "payout."} {
		deeds = append(deeds, h.told(act)...)
	}
	if len(deeds) < 6 {
		t.Errorf("the trail tells of %v", deeds)
	}
	if rows, err := h.trail.Rows(t.Context(), guardBook(h.book), guard.Filter{}, 0, 1000); err != nil || len(rows) == 0 {
		t.Errorf("the trail: %v", err)
	}
	h.nowhere("Ann Bee", "Bob Cat")
}
