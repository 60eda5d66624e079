package payouts

import (
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"mizan/ledger/commerce"
	"mizan/ledger/guard"
	"mizan/payouts/processor/simulator"
)

// person is who places holds and changes standings in tests of the rails.
var person = guard.Actor{Kind: guard.Person, ID: "fin_1", Person: "fin_1"}

// pause pauses a seller, in one currency or in all.
func (h *railHouse) pause(payee, currency string) {
	h.t.Helper()
	hold := Hold{ID: "hold_" + payee, PayeeKey: PayeeKey{KindSeller, payee}, Effect: EffectPause, Category: CategoryReview, Case: "C-1"}
	if currency == "EUR" {
		hold.Currency = "EUR"
	}
	if _, err := h.PlaceHold(h.t.Context(), person, h.book, hold, "a second look"); err != nil {
		h.t.Fatal(err)
	}
}

// unpause releases the pause.
func (h *railHouse) unpause(payee string) {
	h.t.Helper()
	h.exec(`UPDATE payout_holds SET released_at = $3, approval = 'ap_1', document = 'D-1' WHERE book_id = $1 AND id = $2`, h.book.ID, "hold_"+payee, h.clock.Now())
}

// judged registers a payee and changes its verification.
func (h *railHouse) judged(payee, verification string) {
	h.t.Helper()
	now, err := h.Standing(h.t.Context(), h.book, payee)
	if err != nil {
		h.t.Fatal(err)
	}
	change := StandingChange{Version: now.Version, Verification: &verification, Document: "doc-1", Why: "checked"}
	if verification == IdentityRejected {
		category := "document_expired"
		change.Category = &category
	}
	if _, err := h.ChangeStanding(h.t.Context(), person, h.book, payee, change); err != nil {
		h.t.Fatal(err)
	}
}

func (h *railHouse) register(p commerce.Payee) {
	h.t.Helper()
	if _, _, err := h.events.RegisterPayee(h.t.Context(), person, h.book, p); err != nil {
		h.t.Fatal(err)
	}
}

func (h *railHouse) sent(id string, want int) {
	h.t.Helper()
	if n := h.sim.Transfers()[id].Count; n != want {
		h.t.Fatalf("%d transfers, want %d:\n%s", n, want, h.steps(id))
	}
}

// TestPausedWhileUnknown: a transfer that never happened is not ordered anew for a payee who was paused meanwhile (bug 16).
func TestPausedWhileUnknown(t *testing.T) {
	t.Parallel()
	for _, kind := range []simulator.Kind{simulator.Fail500, simulator.DropBefore, simulator.HTML502} {
		t.Run(fmt.Sprint(kind), func(t *testing.T) {
			t.Parallel()
			h, id := one(t, "daily")
			h.sim.Script(simulator.Fault{Kind: kind, Method: http.MethodPost, Path: "/v1/transfers"})
			h.submit()
			if p := h.read(id); p.State != Unknown {
				t.Fatalf("%s", h.steps(id))
			}
			h.pause("sel_x", "")
			h.clock.Advance(6 * time.Minute)
			for range 4 {
				h.followUp()
				h.submit()
				h.clock.Advance(lookApart)
			}
			h.sent(id, 0)
			h.want(id, Refused, codeAbsent)
			h.unpause("sel_x")
			h.submit()
			h.want(id, Submitted, "")
			h.sent(id, 1)
		})
	}
}

// TestPausedBeforeTheFirstSending: a process wrote an order down and stopped before it sent it. Another one does not send it
// for a payee who was paused meanwhile.
func TestPausedBeforeTheFirstSending(t *testing.T) {
	t.Parallel()
	h, id := one(t, "daily")
	c, err := h.claim(t.Context(), h.turn(), id, Created)
	if err != nil || c == nil {
		t.Fatal(c, err)
	}
	r := h.rails["connected"]
	if _, err := h.begin(t.Context(), h.turn(), c, h.transferOf(h.turn(), r, c), nil); err != nil {
		t.Fatal(err)
	}
	h.letGo(t.Context(), h.turn(), c)
	h.want(id, Sending, "")
	h.pause("sel_x", "")
	for range 3 {
		h.clock.Advance(time.Hour)
		h.submit()
		h.followUp()
	}
	h.sent(id, 0)
	h.want(id, Refused, codeKept)
	h.unpause("sel_x")
	h.clock.Advance(time.Hour)
	h.submit()
	h.want(id, Submitted, "")
	h.sent(id, 1)
}

// TestPausedBetweenClaimAndSending: a pause that was placed after a process took the payout, and before it ordered anything,
// is heard.
func TestPausedBetweenClaimAndSending(t *testing.T) {
	t.Parallel()
	h, id := one(t, "daily")
	c, err := h.claim(t.Context(), h.turn(), id, Created)
	if err != nil || c == nil {
		t.Fatal(c, err)
	}
	h.pause("sel_x", "")
	if _, err := h.stepOn(t.Context(), h.turn(), h.rails["connected"], c); err != nil && !errors.Is(err, errKept) {
		t.Fatal(err)
	}
	h.letGo(t.Context(), h.turn(), c)
	h.sent(id, 0)
	h.want(id, Created, "")
}

// TestPausedInAnotherCurrency: a pause of one currency keeps nothing of another, as the decision says.
func TestPausedInAnotherCurrency(t *testing.T) {
	t.Parallel()
	h, id := one(t, "daily")
	h.pause("sel_x", "EUR")
	h.submit()
	h.want(id, Submitted, "")
}

// TestNoLongerVerified: nothing is sent to a payee whose verification was lost after the decision, or whose guardian's was.
func TestNoLongerVerified(t *testing.T) {
	t.Parallel()
	h, id := one(t, "daily")
	h.register(commerce.Payee{ID: "sel_x", Kind: KindSeller, Country: "US", Currency: "USD"})
	h.judged("sel_x", IdentityVerified)
	h.judged("sel_x", IdentityRejected)
	h.submit()
	h.want(id, Created, "")
	h.sent(id, 0)
	h.judged("sel_x", IdentityVerified)
	h.submit()
	h.want(id, Submitted, "")
	h.sent(id, 1)
}

// TestGuardianNoLongerVerified: the same of a minor's guardian.
func TestGuardianNoLongerVerified(t *testing.T) {
	t.Parallel()
	h, id := one(t, "daily")
	h.register(commerce.Payee{ID: "gua_x", Kind: "guardian", Country: "US", Currency: "USD"})
	h.register(commerce.Payee{ID: "sel_x", Kind: KindCreator, Country: "US", Currency: "USD", Minor: true, Guardian: "gua_x"})
	h.judged("gua_x", IdentityVerified)
	h.judged("sel_x", IdentityVerified)
	h.owner(`UPDATE payout_destinations SET payee = 'gua_x' WHERE book_id = $1`, h.book.ID)
	h.judged("gua_x", IdentityRejected)
	h.submit()
	h.want(id, Created, "")
	h.sent(id, 0)
	h.judged("gua_x", IdentityVerified)
	h.submit()
	h.sent(id, 1)
}

// TestFormerGuardian: a payout to the account of a guardian who is none any more is cancelled.
func TestFormerGuardian(t *testing.T) {
	t.Parallel()
	h, id := one(t, "daily")
	h.register(commerce.Payee{ID: "gua_x", Kind: "guardian", Country: "US", Currency: "USD"})
	h.register(commerce.Payee{ID: "gua_y", Kind: "guardian", Country: "US", Currency: "USD"})
	h.register(commerce.Payee{ID: "sel_x", Kind: KindCreator, Country: "US", Currency: "USD", Minor: true, Guardian: "gua_y"})
	h.owner(`UPDATE payout_destinations SET payee = 'gua_x' WHERE book_id = $1`, h.book.ID)
	h.submit()
	h.want(id, Cancelled, "destination-former")
	h.sent(id, 0)
}
