package payouts

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"mizan/ledger/commerce"
	"mizan/ledger/fault"
)

// TestAManyGatedSubjectStopsNoFeed: a subject with more gates than a row can keep is read like any other.
func TestAManyGatedSubjectStopsNoFeed(t *testing.T) {
	t.Parallel()
	h := newTimeHouse(t, "US", "America/New_York", time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC), "USD")
	h.sell("many", "s", "USD", "100.00")
	for i := range 130 {
		h.post("after_sales.opened", `{"order":"many","case":"C%d"}`, i)
	}
	h.sell("good", "s", "USD", "100.00")
	h.deliver("many", h.time())
	h.deliver("good", h.time())
	h.move(h.time().AddDate(0, 0, 9))
	h.tick()
	if len(h.doneAt("order.settled", "order:good")) != 1 || len(h.doneAt("order.settled", "order:many")) != 0 {
		t.Fatalf("settled:\n%.300s", h.rows("payout_clocks"))
	}
}

// TestAGateAfterFailuresRests: what failed before and is kept by a gate now rests until the gate is looked at again. It is
// not tried over and over by the same turn, and does not stand before everybody else.
func TestAGateAfterFailuresRests(t *testing.T) {
	t.Parallel()
	start := time.Date(2027, 3, 1, 9, 0, 0, 0, time.UTC)
	h := newTimeHouse(t, "UK", "Europe/London", start, "GBP")
	for i := range duePage {
		h.post("import.order_paid", `{"order":"I%d","source":"shopify","seller":"i","currency":"GBP","paid_at":%q,"lines":[{"line":"1","amount":"100.00"}],"creators":[{"creator":"ci","weight":"1"}],"commission_rate":"0.10","platform_rate":"0.02","return_window_days":2,"release":"when_funded"}`,
			i, start.Format(time.RFC3339))
	}
	h.work(h.Feed)
	due := start.AddDate(0, 0, 5)
	h.move(due)
	h.exec(`UPDATE payout_clocks SET tries = 2, why = 'internal', gates = '{}', look_at = $1::timestamptz - interval '1 hour'`, due)
	h.sell("good", "s", "GBP", "100.00")
	h.deliver("good", h.time().AddDate(0, 0, -40))
	h.work(h.Feed)
	ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
	defer stop()
	if _, err := h.Release(ctx, h.turn()); err != nil {
		t.Fatalf("%v\n%.300s", err, h.rows("payout_clocks"))
	}
	if len(h.doneAt("order.settled", "order:good")) != 1 {
		t.Fatal("the order behind the imports waits")
	}
	list, err := h.dueClocks(t.Context(), h.book, releaseActs, h.time(), 10)
	if err != nil || len(list) != 0 {
		t.Fatalf("%v %v", list, err)
	}
}

// TestADayWithoutMidnight: where the clocks skip midnight, the day begins when its first hour does, not on the day before.
func TestADayWithoutMidnight(t *testing.T) {
	t.Parallel()
	zone, err := time.LoadLocation("America/Santiago")
	if err != nil {
		t.Fatal(err)
	}
	// 5 September 2027 begins at 01:00 in Chile.
	begins := time.Date(2027, 9, 5, 1, 0, 0, 0, zone)
	h := newTimeHouse(t, "US", "America/Santiago", begins.AddDate(0, -1, 0), "USD")
	set, err := h.rulesInForce()
	if err != nil {
		t.Fatal(err)
	}
	days := set.Policies.Settlement.Tiers[set.Policies.Settlement.Tier]
	h.sell("o", "s", "USD", "100.00")
	h.deliver("o", begins.AddDate(0, 0, -days-1).Add(12*time.Hour))
	h.move(begins.Add(-time.Minute))
	h.tick()
	if got := h.doneAt("order.settled", "order:o"); len(got) != 0 {
		t.Fatalf("settled at %s, a day early", got)
	}
	h.move(begins)
	h.tick()
	if got := h.doneAt("order.settled", "order:o"); len(got) != 1 {
		t.Fatal("not settled on its day")
	}
}

// TestOneAgreementKeepsNobody: an exception that this program cannot read keeps the orders of its seller, and nobody else's.
func TestOneAgreementKeepsNobody(t *testing.T) {
	t.Parallel()
	h := newTimeHouse(t, "US", "America/New_York", time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC), "USD")
	for i := range 3 {
		h.sell(fmt.Sprint("o", i), fmt.Sprint("s", i), "USD", "100.00")
		h.deliver(fmt.Sprint("o", i), h.time())
	}
	h.exec(`INSERT INTO payout_overrides (book_id, payee, version, valid_from, document, recorded_at) VALUES ($1, 's1', 1, $2, '{"of":"another age"}', $2)`, h.book.ID, h.time())
	h.move(h.time().AddDate(0, 0, 9))
	h.work(h.Feed)
	if _, err := h.Release(t.Context(), h.turn()); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		if got := len(h.doneAt("order.settled", fmt.Sprint("order:o", i))); (got == 1) == (i == 1) {
			t.Errorf("o%d settled %d times", i, got)
		}
	}
	if rows := h.rows("payout_clocks"); !strings.Contains(rows, "order:o1") {
		t.Errorf("nothing tells that the order waits:\n%s", rows)
	}
}

// TestAReserveKeepsItsDate: an order that settles again, after a later capture, gives the first reserve back on its date all
// the same, whatever the second settlement keeps.
func TestAReserveKeepsItsDate(t *testing.T) {
	t.Parallel()
	for name, second := range map[string]struct {
		rate string
		days int
	}{"nothing": {"0", 0}, "less": {"0.05", 2}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newTimeHouse(t, "UK", "Europe/London", time.Date(2027, 3, 1, 9, 0, 0, 0, time.UTC), "GBP")
			capture := func(number int) {
				h.post("order.captured", `{"order":"o","capture":%d,"currency":"GBP","placed_at":"2027-03-01T09:00:00Z","seller":"s","lines":[{"line":%d,"sku":"A","quantity":1,"unit_price":"100.00"}],"payments":[{"processor":"main","payment_id":"pi-%d","amount":"100.00"}]}`, number, number, number)
			}
			capture(1)
			h.deliver("o", h.time())
			rate, days := "0.10", 20
			if r := h.events.Settle(t.Context(), h.book, "o", commerce.Settlement{ReserveRate: &rate, ReserveDays: &days}); r.Err != nil {
				t.Fatal(r.Err)
			}
			kept := h.balance("liabilities:seller:reserve:s", "GBP")
			h.move(h.time().AddDate(0, 0, 1))
			capture(2)
			h.deliver("o", h.time())
			if r := h.events.Settle(t.Context(), h.book, "o", commerce.Settlement{ReserveRate: &second.rate, ReserveDays: &second.days}); r.Err != nil {
				t.Fatal(r.Err)
			}
			h.move(time.Date(2027, 3, 20, 23, 0, 0, 0, time.UTC))
			h.tick()
			if got := h.balance("liabilities:seller:reserve:s", "GBP"); got < kept {
				t.Errorf("%d of %d is left before its date", got, kept)
			}
			h.move(time.Date(2027, 3, 21, 0, 0, 0, 0, time.UTC))
			h.tick()
			if got := h.balance("liabilities:seller:reserve:s", "GBP"); kept <= 0 || got != 0 {
				t.Errorf("%d of %d is still kept on its date:\n%s", got, kept, h.rows("payout_clocks"))
			}
		})
	}
}

// TestLookedAtAgainAndGone: a subject that could not be read, and of which nothing waits now that it can, is gone once somebody
// has it looked at; it does not stand among what waits for people for ever.
func TestLookedAtAgainAndGone(t *testing.T) {
	t.Parallel()
	h := newTimeHouse(t, "US", "America/New_York", time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC), "USD")
	h.exec(`INSERT INTO payout_clocks (book_id, subject, act, due_at, tries, why, sequence) VALUES ($1, 'order:o', 'read', $2, $3, 'internal', 0)`, h.book.ID, h.time(), maxTries)
	list, err := h.LookAgain(t.Context(), finance, h.book, "order:o", "mended")
	if err != nil || len(list) != 0 {
		t.Errorf("%v %v", list, err)
	}
	if rows := h.rows("payout_clocks"); rows != "" {
		t.Errorf("it stands:\n%s", rows)
	}
	if _, err := h.LookAgain(t.Context(), finance, h.book, "order:o", "again"); fault.CodeOf(err) != ErrClockUnknown.Code {
		t.Errorf("nothing waits: %v", err)
	}
}
