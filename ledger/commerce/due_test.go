package commerce

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
)

var dueSeed = flag.Uint64("due.seed", 0, "play the random orders of this seed; 0 draws one")

// due reads what waits of a subject, as one line for each.
func (w *workbench) due(t *testing.T, subject string) []string {
	t.Helper()
	items, err := w.Due(t.Context(), w.book, subject)
	if err != nil {
		t.Fatalf("%s: %v", subject, err)
	}
	var list []string
	for _, x := range items {
		at := "no clock"
		if !x.At.IsZero() {
			at = x.At.Format(time.RFC3339)
		}
		for c, amount := range x.Amounts {
			list = append(list, strings.TrimSpace(fmt.Sprint(x.Act, " ", at, " ", amount.Format(c), " ", c, " ", strings.Join(x.Gates, " "))))
		}
	}
	return list
}

func (w *workbench) wantDue(t *testing.T, when, subject string, want ...string) {
	t.Helper()
	if got := w.due(t, subject); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s: %q, want %q", when, got, want)
	}
}

// act performs the one thing that waits of a subject.
func (w *workbench) act(t *testing.T, act, subject string, at time.Time, code string) Result {
	t.Helper()
	r := w.Act(t.Context(), w.book, DueItem{Act: act, Subject: subject}, at)
	if fault.CodeOf(r.Err) != code {
		t.Fatalf("%s of %s at %s: %v, want %q", act, subject, at.Format(time.RFC3339), r.Err, code)
	}
	if r.Err == nil && !r.Replayed {
		w.checkExplanation(t, subject, r)
		checkStepsTell(t, subject, r)
	}
	return r
}

// TestDueOfAnOrder walks an order's clocks: no delivery, a shipment, a scan, a scan with an earlier date, gates, the
// settlement at its very moment, the reserve with a dispute, and nothing afterwards.
func TestDueOfAnOrder(t *testing.T) {
	t.Parallel()
	w := newPeerBench(t)
	w.useRules(t, []byte(replaceAll(peerRules, `"version":1`, `"version":2`, `2021-01-01`, `2022-01-01`, `"reserve_rate":"0","reserve_days":0`, `"reserve_rate":"0.10","reserve_days":30`)))
	w.wantDue(t, "unknown", "order:o")
	w.post(t, "order.captured", "c", plainSale("o", "100.00"))
	w.wantDue(t, "captured", "order:o", "settle no clock 94.00 USD")
	w.act(t, ActSettle, "order:o", testNow, ErrNotDue.Code)
	w.post(t, "order.shipped", "s", `{"order":"o","shipped_at":"2026-11-20T16:00:00Z","carrier":"ups"}`)
	// Delivered by presumption on 11 December; 7 days and the next local midnight, which is 06:00 in UTC.
	w.wantDue(t, "shipped", "order:o", "settle 2026-12-19T06:00:00Z 94.00 USD")
	w.post(t, "order.delivered", "d1", `{"order":"o","delivered_at":"2026-11-24T17:00:00Z"}`)
	w.wantDue(t, "a scan of a parcel that need not be the last", "order:o", "settle no clock 94.00 USD")
	w.post(t, "order.delivered", "d2", `{"order":"o","delivered_at":"2026-11-26T17:00:00Z","parcel":2,"last_parcel":true}`)
	w.wantDue(t, "the last scan", "order:o", "settle 2026-12-04T06:00:00Z 94.00 USD")
	w.post(t, "after_sales.opened", "a", `{"order":"o","case":"RMA-1"}`)
	w.wantDue(t, "a case", "order:o", "settle 2026-12-04T06:00:00Z 94.00 USD case:RMA-1")
	w.act(t, ActSettle, "order:o", testNow, ErrGated.Code)
	w.post(t, "after_sales.closed", "b", `{"order":"o","case":"RMA-1"}`)
	due := time.Date(2026, 12, 4, 6, 0, 0, 0, time.UTC)
	w.act(t, ActSettle, "order:o", due.Add(-time.Microsecond), ErrNotDue.Code)
	r := w.act(t, ActSettle, "order:o", due, "")
	wantEntries(t, "settled", r, "Dr liabilities:seller:pending:s 94.00", "Cr liabilities:seller:reserve:s 9.40", "Cr liabilities:seller:available:s 84.60")
	if again := w.act(t, ActSettle, "order:o", due.Add(time.Hour), ""); !again.Replayed {
		t.Error("settled twice")
	}
	// The reserve ends 30 days after delivery, at the local start of the day (A-16, W-22).
	w.wantDue(t, "settled", "order:o", "reserve 2026-12-26T06:00:00Z 9.40 USD")
	w.post(t, "dispute.opened", "dp", `{"order":"o","dispute":"dp_1","payment_id":"pi-o","amount":"10.00","fee":"15.00"}`)
	w.wantDue(t, "disputed", "order:o", "reserve 2026-12-26T06:00:00Z 9.40 USD dispute:dp_1")
	end := time.Date(2026, 12, 26, 6, 0, 0, 0, time.UTC)
	w.act(t, ActReserve, "order:o", end, ErrGated.Code)
	w.post(t, "dispute.closed", "dw", `{"dispute":"dp_1","outcome":"won"}`)
	w.act(t, ActReserve, "order:o", end.Add(-time.Microsecond), ErrNotDue.Code)
	r = w.act(t, ActReserve, "order:o", end, "")
	wantEntries(t, "reserve", r, "Dr liabilities:seller:reserve:s 9.40", "Cr liabilities:seller:available:s 9.40")
	if !strings.Contains(r.Explanation.Summary, "date") || len(r.Explanation.Steps) != 2 {
		t.Errorf("%+v", r.Explanation)
	}
	if again := w.act(t, ActReserve, "order:o", end.Add(time.Hour), ""); !again.Replayed {
		t.Error("released twice")
	}
	w.wantDue(t, "in the end", "order:o")
	w.act(t, "nonsense", "order:o", end, ErrNothingWaits.Code)
	w.act(t, ActSettle, "order:!", end, ErrNothingWaits.Code)
	w.verified(t)
}

// TestBackdatedDelivery: a scan that comes late with an earlier date moves the clock of an order that has not settled, and
// leaves alone what has.
func TestBackdatedDelivery(t *testing.T) {
	t.Parallel()
	w := newPeerBench(t)
	w.post(t, "order.captured", "c", plainSale("o", "100.00"))
	w.post(t, "order.shipped", "s", `{"order":"o","shipped_at":"2026-12-20T16:00:00Z","parcel":1}`)
	w.wantDue(t, "presumed", "order:o", "settle 2027-01-18T06:00:00Z 94.00 USD")
	w.post(t, "order.delivered", "d", `{"order":"o","delivered_at":"2026-12-23T03:00:00Z","parcel":1,"last_parcel":true}`)
	w.wantDue(t, "22 December in Chicago", "order:o", "settle 2026-12-30T06:00:00Z 94.00 USD")
	w.act(t, ActSettle, "order:o", testNow, "")
	w.post(t, "order.delivered", "later", `{"order":"o","delivered_at":"2027-01-20T03:00:00Z","parcel":1}`)
	w.wantDue(t, "settled", "order:o")
}

// TestPresumedParcels holds the presumption against a slow count over every way of two parcels.
func TestPresumedParcels(t *testing.T) {
	t.Parallel()
	day := func(n int) time.Time { return time.Date(2026, 11, n, 12, 0, 0, 0, time.UTC) }
	for i, x := range []struct {
		shipped, scanned map[int]int // by parcel, the day
		last             bool
		want             time.Time
		ok               bool
	}{
		{nil, nil, false, time.Time{}, false},
		{map[int]int{1: 1}, nil, false, day(1).AddDate(0, 0, 21), true},
		{map[int]int{1: 1, 2: 3}, nil, false, day(3).AddDate(0, 0, 21), true},
		{map[int]int{1: 1, 2: 3}, map[int]int{2: 4}, false, day(1).AddDate(0, 0, 21), true},
		{map[int]int{1: 1, 2: 3}, map[int]int{1: 28}, false, day(28), true},
		{map[int]int{1: 1, 2: 3}, map[int]int{1: 2, 2: 4}, false, day(4), false},
		{map[int]int{1: 1, 2: 3}, map[int]int{2: 4}, true, day(4), true},
		{nil, map[int]int{1: 4}, true, day(4), true},
	} {
		o := &order{}
		for n, d := range x.shipped {
			if err := (&OrderShipped{Parcel: n, ShippedAt: day(d)}).apply(o, nil); err != nil {
				t.Fatal(err)
			}
		}
		for n, d := range x.scanned {
			if err := (&OrderDelivered{Parcel: n, DeliveredAt: day(d), LastParcel: x.last}).apply(o, nil); err != nil {
				t.Fatal(err)
			}
		}
		if at, ok := o.arrival(); ok != x.ok || ok && !at.Equal(x.want) {
			t.Errorf("case %d: %v %v, want %v %v", i, at, ok, x.want, x.ok)
		}
	}
}

// TestDueWithoutAnOrder walks the clocks of tips, yearly subscriptions and imported orders.
func TestDueWithoutAnOrder(t *testing.T) {
	t.Parallel()
	w := newPeerBench(t)
	tip := event(t, "tip.sent", "t", `{"tip":"T","creator":"c","currency":"USD","amount":"5.00","processor":"main","payment_id":"pi_t"}`)
	tip.OccurredAt = time.Date(2026, 12, 1, 4, 0, 0, 0, time.UTC) // the evening of 30 November in Chicago
	if r := w.Post(t.Context(), w.book, tip); r.Err != nil {
		t.Fatal(r.Err)
	}
	w.wantDue(t, "sent", "tip:T", "release 2026-12-07T06:00:00Z 5.00 USD")
	due := time.Date(2026, 12, 7, 6, 0, 0, 0, time.UTC)
	w.act(t, ActRelease, "tip:T", due.Add(-time.Microsecond), ErrNotDue.Code)
	w.act(t, ActRelease, "tip:T", due, "")
	if again := w.act(t, ActRelease, "tip:T", due, ""); !again.Replayed {
		t.Error("released twice")
	}
	w.wantDue(t, "released", "tip:T")
	w.act(t, ActRelease, "tip:unknown", due, ErrNothingWaits.Code)

	year := event(t, "subscription.charged", "y", `{"subscription":"S","creator":"c","currency":"USD","amount":"59.88","share":"0.5","processor":"main","payment_id":"pi_s","plan":"annual"}`)
	year.OccurredAt = tip.OccurredAt
	if r := w.Post(t.Context(), w.book, year); r.Err != nil {
		t.Fatal(r.Err)
	}
	w.wantDue(t, "no month served", "subscription:S")
	for month := 1; month <= 2; month++ {
		w.post(t, "subscription.earned", fmt.Sprint("m", month), fmt.Sprintf(`{"subscription":"S","month":%d}`, month))
		w.wantDue(t, "a month served", "subscription:S", "release 2026-12-07T06:00:00Z 2.50 USD")
		wantEntries(t, "a month", w.act(t, ActRelease, "subscription:S", due, ""), "Dr liabilities:creator:pending:c 2.50", "Cr liabilities:creator:available:c 2.50")
		w.wantDue(t, "released", "subscription:S")
	}

	w.post(t, "import.order_paid", "i", `{"order":"I","source":"shopify","seller":"s","currency":"USD","paid_at":"2026-11-10T10:00:00Z","lines":[{"line":"1","amount":"20.00"}],
		"creators":[{"creator":"c"}],"commission_rate":"0.1","platform_rate":"0.00","return_window_days":14}`)
	w.wantDue(t, "not funded", "import:I", "import_release 2026-11-24T10:00:00Z 2.00 USD not_funded")
	end := time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)
	w.act(t, ActImportRelease, "import:I", end.Add(-time.Microsecond), ErrNotDue.Code)
	w.act(t, ActImportRelease, "import:I", end, ErrGated.Code)
	w.raw(t, "opening.balance", "fund", "USD", "assets:processor:available:main", 200, "liabilities:seller:available:s", -200)
	w.wantDue(t, "funded", "import:I", "import_release 2026-11-24T10:00:00Z 2.00 USD")
	w.act(t, ActImportRelease, "import:I", end, "")
	if again := w.act(t, ActImportRelease, "import:I", end.Add(time.Hour), ""); !again.Replayed {
		t.Error("released twice")
	}
	w.wantDue(t, "released", "import:I")
	w.verified(t)
}

// TestDueOfDonations: each donation has its own window, what is held waits for its hold, and nothing is released twice.
func TestDueOfDonations(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "UK", "Europe/London", "GBP")
	var c CampaignPublished
	if err := json.Unmarshal([]byte(`{"id":"c1","kind":"humanitarian","currency":"GBP","beneficiaries":[{"payee":"a","weight":"2"},{"payee":"b","weight":"1"}],"fee_quote":{"rate":"0.014","flat":"0.20"},"refund_window_days":14}`), &c); err != nil {
		t.Fatal(err)
	}
	if r := w.Publish(t.Context(), w.book, c); r.Err != nil {
		t.Fatal(r.Err)
	}
	day := func(d int) time.Time { return time.Date(2027, 1, d, 12, 0, 0, 0, time.UTC) }
	for i, id := range []string{"D1", "D2"} {
		e := event(t, eventReceived, id, donationOf(id, 10_00, ""))
		e.OccurredAt = day(1 + 19*i)
		if r := w.Post(t.Context(), w.book, e); r.Err != nil {
			t.Fatal(r.Err)
		}
	}
	first, second := w.due(t, "donation:D1"), w.due(t, "donation:D2")
	if len(first) != 1 || len(second) != 1 || !strings.HasPrefix(first[0], "donation_release 2027-01-15") || !strings.HasPrefix(second[0], "donation_release 2027-02-03") {
		t.Fatalf("%q %q", first, second)
	}
	w.act(t, ActDonationRelease, "donation:D1", day(14), ErrNotDue.Code)
	w.post(t, "donation.held", "h", `{"campaign":"c1","beneficiary":"b","reason":"sanctions_check"}`)
	r := w.act(t, ActDonationRelease, "donation:D1", day(31), "")
	if moved("liabilities:donation:available:a:c1", r) == 0 || moved("liabilities:donation:available:b:c1", r) != 0 {
		t.Errorf("%+v", r.Transactions)
	}
	items, err := w.Due(t.Context(), w.book, "donation:D1")
	if err != nil || len(items) != 1 || fmt.Sprint(items[0].Gates) != "[held:b]" {
		t.Fatalf("%+v %v", items, err)
	}
	w.act(t, ActDonationRelease, "donation:D1", day(31), ErrGated.Code)
	if !Concerns("donation.hold_released", "tally:c1") || Concerns("donation.counted", "tally:c1") {
		t.Error("the end of a hold concerns the campaign, and a count does not")
	}
	w.post(t, "donation.hold_released", "hr", `{"campaign":"c1","beneficiary":"b","reason":"cleared"}`)
	whole, err := w.Due(t.Context(), w.book, "tally:c1")
	if err != nil || len(whole) != 1 || whole[0].Act != ActDonationRelease {
		t.Fatalf("%+v %v", whole, err)
	}
	r = w.act(t, ActDonationRelease, "donation:D1", day(31), "")
	if moved("liabilities:donation:available:b:c1", r) == 0 || moved("liabilities:donation:available:a:c1", r) != 0 {
		t.Errorf("%+v", r.Transactions)
	}
	w.wantDue(t, "released", "donation:D1")
	w.act(t, ActDonationRelease, "donation:D1", day(31), ErrNothingWaits.Code)
	w.post(t, "donation.refunded", "back", `{"donation":"D2"}`)
	w.wantDue(t, "refunded", "donation:D2")
	w.verified(t)
}

// TestActOnce: fifty who act at once at two replicas settle an order, end its reserve and release a tip once.
func TestActOnce(t *testing.T) {
	t.Parallel()
	w := newPeerBench(t)
	w.useRules(t, []byte(replaceAll(peerRules, `"version":1`, `"version":2`, `2021-01-01`, `2022-01-01`, `"reserve_rate":"0","reserve_days":0`, `"reserve_rate":"0.10","reserve_days":30`)))
	both := []*workbench{w, w.replica(t)}
	w.post(t, "order.captured", "c", plainSale("o", "100.00"))
	w.post(t, "order.delivered", "d", `{"order":"o","delivered_at":"2026-11-22T10:00:00Z","last_parcel":true}`)
	tip := event(t, "tip.sent", "t", `{"tip":"T","creator":"c","currency":"USD","amount":"5.00","processor":"main","payment_id":"pi_t"}`)
	tip.OccurredAt = time.Date(2026, 12, 1, 4, 0, 0, 0, time.UTC)
	if r := w.Post(t.Context(), w.book, tip); r.Err != nil {
		t.Fatal(r.Err)
	}
	settled := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	for _, x := range []struct {
		act, subject string
		at           time.Time
	}{{ActSettle, "order:o", settled}, {ActReserve, "order:o", testNow}, {ActRelease, "tip:T", testNow}} {
		fresh := make([]bool, 50)
		together(50, func(i int) {
			r := both[i%2].Act(t.Context(), w.book, DueItem{Act: x.act, Subject: x.subject}, x.at)
			if r.Err != nil {
				t.Errorf("%s: %v", x.act, r.Err)
			}
			fresh[i] = r.Err == nil && !r.Replayed
		})
		n := 0
		for _, f := range fresh {
			if f {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%s was done %d times", x.act, n)
		}
	}
	if got := w.balances(t); got["liabilities:seller:available:s USD"] != "94.00" || got["liabilities:creator:available:c USD"] != "5.00" || got["liabilities:seller:reserve:s USD"] != "" {
		t.Errorf("%v", got)
	}
	w.verified(t)
}

// TestReserveAppliedToOtherDebt: W-22 (3), a reserve pays what other orders made, never more than the debt or itself.
func TestReserveAppliedToOtherDebt(t *testing.T) {
	t.Parallel()
	w := newPeerBench(t)
	rate, days := "0.10", 400
	w.post(t, "order.captured", "c", plainSale("o", "100.00"))
	if r := w.Settle(t.Context(), w.book, "o", Settlement{ReserveRate: &rate, ReserveDays: &days}); r.Err != nil {
		t.Fatal(r.Err)
	}
	w.refuseOwn(t, ErrNothingWaits.Code, &ReserveApplied{Order: "o", Recovery: "r0"})
	w.raw(t, "adjustment.posted", "debt", "USD", "liabilities:seller:available:s", 8460+500, "assets:processor:available:main", -8960)
	wantEntries(t, "a part", w.own(t, &ReserveApplied{Order: "o", Recovery: "r1", Amount: "2.00"}), "Dr liabilities:seller:reserve:s 2.00", "Cr liabilities:seller:available:s 2.00")
	r := w.own(t, &ReserveApplied{Order: "o", Recovery: "r2"})
	wantEntries(t, "the rest of the debt", r, "Dr liabilities:seller:reserve:s 3.00", "Cr liabilities:seller:available:s 3.00")
	w.raw(t, "adjustment.posted", "debt2", "USD", "liabilities:seller:available:s", 10000, "assets:processor:available:main", -10000)
	wantEntries(t, "the rest of the reserve", w.own(t, &ReserveApplied{Order: "o", Recovery: "r3"}), "Dr liabilities:seller:reserve:s 4.40", "Cr liabilities:seller:available:s 4.40")
	w.refuseOwn(t, ErrNothingWaits.Code, &ReserveApplied{Order: "o", Recovery: "r4"})
	w.refuseOwn(t, ErrOrderUnknown.Code, &ReserveApplied{Order: "unknown", Recovery: "r5"})
	w.refuseOwn(t, ErrNothingWaits.Code, &ReserveReleased{Order: "o"})
	// Many recoveries of one debt at once take it once.
	w.post(t, "order.captured", "c2", plainSale("o2", "100.00"))
	if r := w.Settle(t.Context(), w.book, "o2", Settlement{ReserveRate: &rate, ReserveDays: &days}); r.Err != nil {
		t.Fatal(r.Err)
	}
	w.raw(t, "adjustment.posted", "level", "USD", "liabilities:seller:available:s", -(10000 - 440 - 8460 - 100), "assets:processor:available:main", 10000-440-8460-100)
	both := []*workbench{w, w.replica(t)}
	taken := make([]money.Minor, 20)
	together(20, func(i int) {
		r := both[i%2].Post(t.Context(), w.book, Own(&ReserveApplied{Order: "o2", Recovery: fmt.Sprint("m", i)}, time.Time{}))
		if r.Err != nil && fault.CodeOf(r.Err) != ErrNothingWaits.Code {
			t.Errorf("%v", r.Err)
		}
		taken[i] = -moved("liabilities:seller:reserve:s", r)
	})
	sum := money.Minor(0)
	for _, m := range taken {
		sum += m
	}
	if got := w.balances(t); sum != 100 || got["liabilities:seller:available:s USD"] != "" || got["liabilities:seller:reserve:s USD"] != "8.40" {
		t.Errorf("taken %d, %v", sum, got)
	}
	// A dispute keeps the reserve where it is.
	w.post(t, "dispute.opened", "dp", `{"order":"o2","dispute":"dp_1","payment_id":"pi-o2","amount":"10.00","fee":"15.00"}`)
	w.refuseOwn(t, ErrGated.Code, &ReserveApplied{Order: "o2", Recovery: "r6"})
	w.refuseOwn(t, ErrGated.Code, &ReserveReleased{Order: "o2"})
	w.verified(t)
}

// TestDueAgreesWithActs plays random orders of random facts: what Due says waits until a moment is what Act does at it, and
// before it Act refuses.
func TestDueAgreesWithActs(t *testing.T) {
	t.Parallel()
	w := newPeerBench(t)
	w.useRules(t, []byte(replaceAll(peerRules, `"version":1`, `"version":2`, `2021-01-01`, `2022-01-01`, `"reserve_rate":"0","reserve_days":0`, `"reserve_rate":"0.10","reserve_days":12`)))
	seed := *dueSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("-due.seed=%d", seed)
	dice := rand.New(rand.NewPCG(seed, 7))
	for n := range 30 {
		id := fmt.Sprint("o", n)
		w.post(t, "order.captured", id, plainSale(id, "100.00"))
		when := func() string {
			return time.Date(2026, 11, 20+dice.IntN(40), dice.IntN(24), dice.IntN(60), 0, 0, time.UTC).Format(time.RFC3339)
		}
		for i := range dice.IntN(5) {
			reference := fmt.Sprint(id, "-", i)
			switch dice.IntN(4) {
			case 0:
				w.post(t, "order.shipped", reference, fmt.Sprintf(`{"order":%q,"shipped_at":%q,"parcel":%d}`, id, when(), 1+dice.IntN(2)))
			case 1, 2:
				w.post(t, "order.delivered", reference, fmt.Sprintf(`{"order":%q,"delivered_at":%q,"parcel":%d,"last_parcel":%v}`, id, when(), 1+dice.IntN(2), dice.IntN(2) == 0))
			case 3:
				w.post(t, "after_sales.opened", reference, fmt.Sprintf(`{"order":%q,"case":"k%d"}`, id, i))
				if dice.IntN(2) == 0 {
					w.post(t, "after_sales.closed", reference+"c", fmt.Sprintf(`{"order":%q,"case":"k%d"}`, id, i))
				}
			}
		}
		for range 3 {
			items, err := w.Due(t.Context(), w.book, "order:"+id)
			if err != nil {
				t.Fatal(err)
			}
			if len(items) == 0 {
				break
			}
			x := items[0]
			switch {
			case len(x.Gates) > 0:
				w.act(t, x.Act, x.Subject, testNow.AddDate(1, 0, 0), ErrGated.Code)
			case x.At.IsZero():
				w.act(t, x.Act, x.Subject, testNow.AddDate(1, 0, 0), ErrNotDue.Code)
			default:
				w.act(t, x.Act, x.Subject, x.At.Add(-time.Microsecond), ErrNotDue.Code)
				before := w.have(t, "s")
				w.act(t, x.Act, x.Subject, x.At, "")
				want := x.Amounts["USD"]
				if x.Act == ActSettle {
					reserve, err := money.MustRate("0.10").Of(want, money.HalfEven, 1)
					if err != nil {
						t.Fatal(err)
					}
					o, err := w.load(t.Context(), w.book, id, 0)
					if err != nil {
						t.Fatal(err)
					}
					if !o.reserve.releaseAt.IsZero() {
						want -= reserve
					}
				}
				if got := w.have(t, "s") - before; got != want {
					t.Errorf("seed %d, %s of %s made %d available, want %d", seed, x.Act, id, got, want)
				}
			}
		}
	}
	w.verified(t)
}

// have is what a seller has available.
func (w *workbench) have(t *testing.T, seller string) money.Minor {
	t.Helper()
	m, err := w.Service.balance(t.Context(), w.book, ledger.Address("liabilities:seller:available:"+seller), "USD")
	if err != nil {
		t.Fatal(err)
	}
	return m
}
