package payouts

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/guard"
	"mizan/ledger/money"
)

func (h *payeeHouse) hold(id, payee, effect, category string, wanted money.Minor) Hold {
	return Hold{ID: id, PayeeKey: PayeeKey{Kind: "seller", ID: payee}, Currency: "USD", Effect: effect, Category: category, Case: "case-17", Wanted: wanted}
}

func (h *payeeHouse) placed(hold Hold) Hold {
	h.Helper()
	out, err := h.PlaceHold(h.Context(), ann, h.book, hold, "Asked for.")
	h.ok(err)
	return out
}

// holds fails unless the buckets of a seller hold these amounts.
func (h *payeeHouse) holds(payee string, available, blocked money.Minor) {
	h.Helper()
	for bucket, want := range map[string]money.Minor{"available": available, "blocked": blocked} {
		var got money.Minor
		page, err := h.ledger.Balances(h.Context(), h.book, ledger.BalanceQuery{Prefix: "liabilities:seller:" + bucket + ":" + payee, Currency: "USD", Limit: 10})
		h.ok(err)
		for _, b := range page.Balances {
			got += money.Minor(b.Credits - b.Debits)
		}
		if got != want {
			h.Errorf("%s of %s: %d, want %d", bucket, payee, got, want)
		}
	}
}

// C-13: what is blocked is given back by two people with a document only.
func TestAHoldBlocksAndIsReleasedByTwoPeople(t *testing.T) {
	t.Parallel()
	h := newPayeeHouse(t)
	h.payee("sel_a", "seller")
	h.money("liabilities:seller:available:sel_a", 10_000, "USD", "in")
	asked := h.hold("hold_1", "sel_a", EffectAmount, CategoryKYC, 4_000)
	first := h.placed(asked)
	if first.Blocked != 4_000 {
		t.Errorf("placed: %+v", first)
	}
	h.holds("sel_a", 6_000, 4_000)
	if again := h.placed(asked); again != first {
		t.Errorf("the same again: %+v", again)
	}
	h.holds("sel_a", 6_000, 4_000)
	other := asked
	other.Wanted = 5_000
	_, err := h.PlaceHold(t.Context(), ann, h.book, other, "")
	h.wants(err, ErrHoldExists, "")

	_, err = h.desk.Ask(t.Context(), ann, guardBook(h.book), guard.Request{Act: ActHoldReleased, Payload: []byte(`{"hold":"hold_1"}`), Reason: "Over."})
	h.wants(err, guard.ErrApprovalInvalid, "/document")
	a, err := h.ask(ann, ActHoldReleased, wanted{"hold": "hold_1", "amount": "9999.00"})
	h.ok(err)
	if e := mustJSON(a.Effect); !strings.Contains(e, "40.00") || strings.Contains(string(a.Payload), "9999") {
		t.Errorf("the effect %s of %s", e, a.Payload)
	}
	_, err = h.approve(ann, a)
	h.wants(err, guard.ErrSelfApproval, "")
	done, err := h.approve(ben, a)
	h.ok(err)
	h.holds("sel_a", 10_000, 0)
	ended, err := h.Hold(t.Context(), h.book, "hold_1")
	h.ok(err)
	if ended.ReleasedAt.IsZero() || ended.Approval != done.ID || ended.Document != "doc-1" {
		t.Errorf("released: %+v", ended)
	}
	_, err = h.ask(ann, ActHoldReleased, wanted{"hold": "hold_1"})
	h.wants(err, ErrHoldOver, "")
	_, err = h.ask(ann, ActHoldReleased, wanted{"hold": "hold_none"})
	h.wants(err, ErrHoldUnknown, "")
	if standing, _, err := h.HoldsOf(t.Context(), h.book, "sel_a", HoldPlace{}, 10); err != nil || len(standing) != 0 {
		t.Errorf("standing: %v %v", standing, err)
	}
}

// What is still to come is caught by a flag, and what the flag catches between the asking and the agreeing is looked at again.
func TestAHoldOfEverythingCatchesWhatComes(t *testing.T) {
	t.Parallel()
	h := newPayeeHouse(t)
	h.payee("sel_a", "seller")
	h.money("liabilities:seller:available:sel_a", 700, "USD", "in")
	everything := h.placed(h.hold("hold_all", "sel_a", EffectEverything, CategorySanctions, 0))
	if everything.Blocked != 700 {
		t.Errorf("placed: %+v", everything)
	}
	partly := h.placed(Hold{ID: "hold_eur", PayeeKey: PayeeKey{Kind: "seller", ID: "sel_a"}, Currency: "EUR", Effect: EffectAmount, Category: CategoryFraud, Case: "c", Wanted: 900})
	if partly.Blocked != 0 {
		t.Errorf("placed: %+v", partly)
	}
	flags, err := h.events.Blocks(t.Context(), h.book, "seller", "sel_a")
	h.ok(err)
	if len(flags) != 2 || flags[0].Wanted+flags[1].Wanted != 900 {
		t.Errorf("flags: %+v", flags)
	}
	f, err := h.factsOf(t.Context(), h.book, []PayeeKey{{"seller", "sel_a"}}, h.clock.Now())
	h.ok(err)
	if got := f[PayeeKey{"seller", "sel_a"}]; !got.Frozen || fmt.Sprint(got.holdsIn("USD")) != fmt.Sprint([]HoldFacts{{Kind: HoldBlock, Category: CategorySanctions}}) || fmt.Sprint(got.holdsIn("EUR")) != fmt.Sprint([]HoldFacts{{Kind: HoldPause, Category: CategoryFraud}}) {
		t.Errorf("facts: %+v", got)
	}
	h.agreed(ActHoldReleased, wanted{"hold": "hold_all"})
	h.agreed(ActHoldReleased, wanted{"hold": "hold_eur"})
	h.holds("sel_a", 700, 0)
	if flags, err = h.events.Blocks(t.Context(), h.book, "seller", "sel_a"); err != nil || len(flags) != 0 {
		t.Errorf("flags after: %v %v", flags, err)
	}
}

func TestAPauseMovesNothing(t *testing.T) {
	t.Parallel()
	h := newPayeeHouse(t)
	h.payee("sel_a", "seller")
	h.money("liabilities:seller:available:sel_a", 700, "USD", "in")
	pause := h.hold("hold_p", "sel_a", EffectPause, CategoryReview, 0)
	pause.Currency = ""
	h.placed(pause)
	h.holds("sel_a", 700, 0)
	f, err := h.factsOf(t.Context(), h.book, []PayeeKey{{"seller", "sel_a"}, {"creator", "sel_a"}}, h.clock.Now())
	h.ok(err)
	if got := f[PayeeKey{"seller", "sel_a"}]; fmt.Sprint(got.Pauses) != "[review]" || got.Frozen || len(got.holdsIn("EUR")) != 1 {
		t.Errorf("facts: %+v", got)
	}
	if got := f[PayeeKey{"creator", "sel_a"}]; len(got.Holds) != 0 {
		t.Errorf("another kind's: %+v", got)
	}
	_, err = h.ReleaseHold(t.Context(), ann, h.book, []byte(`{"hold":"hold_p"}`), "", "")
	h.wants(err, ErrHoldInvalid, "/document")
	ended, err := h.ReleaseHold(t.Context(), ann, h.book, []byte(`{"hold":"hold_p"}`), "memo-3", "Done.")
	h.ok(err)
	if ended.Document != "memo-3" || ended.Approval != "" {
		t.Errorf("ended: %+v", ended)
	}
}

func TestAHoldThatCannotBe(t *testing.T) {
	t.Parallel()
	h := newPayeeHouse(t)
	change := func(f func(*Hold)) Hold {
		hold := h.hold("hold_1", "sel_a", EffectAmount, CategoryKYC, 100)
		f(&hold)
		return hold
	}
	for name, x := range map[string]struct {
		hold    Hold
		pointer string
	}{
		"no id":                   {change(func(x *Hold) { x.ID = "a b" }), "/id"},
		"a guardian's":            {change(func(x *Hold) { x.Kind = "guardian" }), "/kind"},
		"a hostile payee":         {change(func(x *Hold) { x.PayeeKey.ID = "a:b" }), "/payee"},
		"an unknown effect":       {change(func(x *Hold) { x.Effect = "freeze" }), "/effect"},
		"an unknown category":     {change(func(x *Hold) { x.Category = "spite" }), "/category"},
		"a review of an amount":   {change(func(x *Hold) { x.Category = CategoryReview }), "/category"},
		"no case":                 {change(func(x *Hold) { x.Case = "" }), "/case"},
		"a case of two lines":     {change(func(x *Hold) { x.Case = "a\nb" }), "/case"},
		"an unused currency":      {change(func(x *Hold) { x.Currency = "KWD" }), "/currency"},
		"no currency":             {change(func(x *Hold) { x.Currency = "" }), "/currency"},
		"nothing":                 {change(func(x *Hold) { x.Wanted = 0 }), "/amount"},
		"less than nothing":       {change(func(x *Hold) { x.Wanted = -5 }), "/amount"},
		"an amount of everything": {change(func(x *Hold) { x.Effect = EffectEverything }), "/amount"},
	} {
		_, err := h.PlaceHold(t.Context(), ann, h.book, x.hold, "")
		if fault.CodeOf(err) != ErrHoldInvalid.Code {
			t.Errorf("%s: %v", name, err)
			continue
		}
		h.wants(err, ErrHoldInvalid, x.pointer)
	}
}

// However many place and release at once, the money is where it belongs.
func TestHoldsPlacedAndReleasedAtOnce(t *testing.T) {
	t.Parallel()
	h := newPayeeHouse(t)
	h.payee("sel_a", "seller")
	h.money("liabilities:seller:available:sel_a", 1_000, "USD", "in")
	other := New(Options{Pool: h.db.Pool, Ledger: h.ledger, Events: h.events, Trail: h.trail, Now: h.clock.Now})
	services := []*Service{h.Service, other}
	var wg sync.WaitGroup
	for i := range 50 { // ten holds of 300, each placed five times
		wg.Go(func() {
			_, err := services[i%2].PlaceHold(t.Context(), ann, h.book, h.hold(fmt.Sprint("hold_", i%10), "sel_a", EffectAmount, CategoryFraud, 300), "")
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	h.holds("sel_a", 0, 1_000)
	released := make(chan error, 50)
	for i := range 50 {
		wg.Go(func() {
			_, err := services[i%2].ReleaseHold(t.Context(), ann, h.book, fmt.Appendf(nil, `{"hold":"hold_%d"}`, i%10), "doc", "")
			released <- err
		})
	}
	wg.Wait()
	close(released)
	done := 0
	for err := range released {
		switch {
		case err == nil:
			done++
		case fault.CodeOf(err) != ErrHoldOver.Code:
			t.Error(err)
		}
	}
	if done != 10 {
		t.Errorf("%d were released", done)
	}
	h.holds("sel_a", 1_000, 0)
}

// M-27: what a court has blocked is paid to it, by two people, once.
func TestACourtIsPaidWhatItBlocked(t *testing.T) {
	t.Parallel()
	h := newPayeeHouse(t)
	h.payee("sel_a", "seller")
	h.payee("court_1", "partner")
	h.money("liabilities:seller:available:sel_a", 1_000, "USD", "in")
	h.placed(h.hold("hold_law", "sel_a", EffectAmount, CategoryLegal, 800))
	h.placed(h.hold("hold_kyc", "sel_a", EffectAmount, CategoryKYC, 100))
	pay := wanted{"hold": "hold_law", "amount": "5.00", "receiver": "court_1"}
	_, err := h.ask(ann, ActHoldExecuted, pay)
	h.wants(err, ErrHoldInvalid, "/receiver")
	h.agreed(ActDestination, to("court_1", h.account("acct_court", "Court")))
	_, err = h.ask(ann, ActHoldExecuted, pay) // it cools off
	h.wants(err, ErrHoldInvalid, "/receiver")
	h.clock.Advance(72 * time.Hour)
	for name, x := range map[string]struct {
		payload wanted
		pointer string
	}{
		"more than it holds": {wanted{"hold": "hold_law", "amount": "8.01", "receiver": "court_1"}, "/amount"},
		"nothing":            {wanted{"hold": "hold_law", "amount": "0.00", "receiver": "court_1"}, "/amount"},
		"to the payee":       {wanted{"hold": "hold_law", "amount": "1.00", "receiver": "sel_a"}, "/receiver"},
		"another's hold":     {wanted{"hold": "hold_kyc", "amount": "1.00", "receiver": "court_1"}, "/hold"},
	} {
		if _, err := h.ask(ann, ActHoldExecuted, x.payload); fault.CodeOf(err) != ErrHoldInvalid.Code {
			t.Errorf("%s: %v", name, err)
		} else {
			h.wants(err, ErrHoldInvalid, x.pointer)
		}
	}
	a, err := h.ask(ann, ActHoldExecuted, pay)
	h.ok(err)
	second, err := h.ask(ann, ActHoldExecuted, pay)
	h.ok(err)
	done, err := h.approve(ben, a)
	h.ok(err)
	if !strings.Contains(string(done.Result), `"payout":"po_`) {
		t.Errorf("the result: %s", done.Result)
	}
	h.holds("sel_a", 100, 400)
	_, err = h.approve(ben, second)
	h.wants(err, ErrHoldInvalid, "/amount")
	rest := h.agreed(ActHoldReleased, wanted{"hold": "hold_law"})
	if !strings.Contains(string(rest.Payload), `"3.00"`) {
		t.Errorf("the rest: %s", rest.Payload)
	}
	h.holds("sel_a", 400, 100)
}

func TestHoldsAreListedOnceEach(t *testing.T) {
	t.Parallel()
	h := newPayeeHouse(t)
	for i := range 9 {
		h.placed(h.hold(fmt.Sprint("hold_", i), "sel_a", EffectPause, CategoryFraud, 0))
		if i%3 == 2 {
			h.clock.Advance(time.Minute)
		}
	}
	var got []string
	last := Hold{}
	for more := true; more; {
		var page []Hold
		var err error
		page, more, err = h.Holds(t.Context(), h.book, last, 2)
		h.ok(err)
		for _, x := range page {
			got, last = append(got, x.ID), x
		}
	}
	if want := "[hold_8 hold_7 hold_6 hold_5 hold_4 hold_3 hold_2 hold_1 hold_0]"; fmt.Sprint(got) != want {
		t.Errorf("listed %v", got)
	}
}
