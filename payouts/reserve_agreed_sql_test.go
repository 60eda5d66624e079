package payouts

import (
	"testing"
	"time"

	"mizan/ledger/money"
)

// A reserve that was agreed with a seller is kept of its orders that settle from then on, and of nobody else's.
func TestAnAgreedReserveIsKept(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 3, 2, 15, 0, 0, 0, time.UTC)
	h := newTimeHouse(t, "US", "America/New_York", start, "USD")
	agree := func(version int, from time.Time, document string) {
		h.exec(`INSERT INTO payout_overrides (book_id, payee, version, valid_from, document, recorded_at, approval) VALUES ($1, 'sel_a', $2, $3, $4, $3, '')`,
			h.book.ID, version, from, document)
	}
	agree(1, start, `{"id":"sel_a-1","kind":"seller","reserve":{"rate":"0.1","days":30}}`)
	for _, seller := range []string{"sel_a", "sel_b"} {
		h.sell("O-"+seller, seller, "USD", "100.00")
		h.deliver("O-"+seller, start)
	}
	h.move(start.AddDate(0, 0, 9))
	h.tick()
	for seller, want := range map[string]money.Minor{"sel_a": 940, "sel_b": 0} {
		if got := h.balance("liabilities:seller:reserve:"+seller, "USD"); got != want {
			t.Errorf("%s has a reserve of %d, want %d", seller, got, want)
		}
	}
	// What was agreed ends with the next version, and what is kept is given back on its day.
	agree(2, h.time(), `{}`)
	h.sell("O-2", "sel_a", "USD", "100.00")
	h.deliver("O-2", h.time())
	h.move(h.time().AddDate(0, 0, 9))
	h.tick()
	if got := h.balance("liabilities:seller:reserve:sel_a", "USD"); got != 940 {
		t.Errorf("the reserve is %d, want what the first order left", got)
	}
	h.move(start.AddDate(0, 0, 40))
	h.tick()
	if got := h.balance("liabilities:seller:reserve:sel_a", "USD"); got != 0 {
		t.Errorf("%d is kept after its day", got)
	}
	if n := len(h.doneAt(commerceReserveReleased, "order:O-sel_a")); n != 1 {
		t.Errorf("the reserve was released %d times", n)
	}
}

// commerceReserveReleased is the event that gives a reserve back.
const commerceReserveReleased = "reserve.released"

func TestAgreedReservesAreJudged(t *testing.T) {
	t.Parallel()
	p, err := PolicyAt(ShippedPolicies(), "US", houseStart)
	if err != nil {
		t.Fatal(err)
	}
	for document, good := range map[string]bool{
		`{"id":"a-1","kind":"seller","reserve":{"rate":"0.1","days":30}}`:   true,
		`{"id":"a-1","kind":"seller","reserve":{"rate":"0","days":0}}`:      true,
		`{"id":"a-1","kind":"seller","reserve":{"rate":"1","days":3650}}`:   true,
		`{"id":"a-1","kind":"seller","reserve":{"rate":"1.01","days":30}}`:  false,
		`{"id":"a-1","kind":"seller","reserve":{"rate":"0.1","days":0}}`:    false,
		`{"id":"a-1","kind":"seller","reserve":{"rate":"0","days":1}}`:      false,
		`{"id":"a-1","kind":"seller","reserve":{"rate":"0.1","days":3651}}`: false,
		`{"id":"a-1","kind":"seller","reserve":{"rate":"0.1","days":-1}}`:   false,
		`{"id":"a-1","kind":"creator","reserve":{"rate":"0.1","days":30}}`:  false,
	} {
		o, err := ParseOverride([]byte(document))
		if err == nil {
			_, err = p.With(o)
		}
		if (err == nil) != good {
			t.Errorf("%s: %v", document, err)
		}
	}
}
