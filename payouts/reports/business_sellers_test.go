package reports

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mizan/ledger/commerce"
)

func warehouseSale(order, price, tax, payment, paid string) string {
	return `{"order":"` + order + `","currency":"USD","placed_at":"2026-11-20T10:00:00Z","seller":"sel_wh","lines":[{"line":1,"sku":"A","quantity":1,"unit_price":"` + price +
		`","tax":[{"jurisdiction":"US-TX","kind":"sales","owed_by":"platform","amount":"` + tax + `"}]}],"payments":[{"processor":"main","payment_id":"` + payment + `","amount":"` + paid + `"}]}`
}

// playWarehouse plays the warehouse of domain S5: a return after the payout, the reserve, and the debt netted.
func (h *businessHouse) playWarehouse() {
	h.Helper()
	settle := func(order string) {
		h.Helper()
		rate, days := "0.10", 30
		h.ok(h.events.Settle(h.Context(), h.book, order, commerce.Settlement{ReserveRate: &rate, ReserveDays: &days}).Err)
	}
	charge := func(ref, kind, order, amount, carrier string) {
		h.Helper()
		data := `{"kind":"` + kind + `","party":"sel_wh","currency":"USD","amount":"` + amount + `"`
		if order != "" {
			data += `,"order":"` + order + `"`
		}
		if carrier != "" {
			data += `,"counterparty":"` + carrier + `"`
		}
		h.post("charge.recorded", ref, data+"}")
	}
	payout := func(cents int) {
		h.Helper()
		h.raw("payout.created", time.Time{}, "USD", "liabilities:seller:available:sel_wh", cents, "liabilities:payout_in_transit:sel_wh", -cents)
		h.raw("payout.submitted", time.Time{}, "USD", "assets:cash_in_transit:main", cents, "assets:processor:available:main", -cents)
		h.raw("payout.paid", time.Time{}, "USD", "liabilities:payout_in_transit:sel_wh", cents, "assets:cash_in_transit:main", -cents)
	}
	h.post("order.captured", "W-1", warehouseSale("W-1", "60.00", "4.95", "pi_1", "64.95"))
	charge("W-1-ful", "warehouse.fulfilment_charged", "W-1", "3.58", "")
	h.post("processor.fee_recorded", "f1", `{"processor":"main","payment_id":"pi_1","amount":"2.18","currency":"USD"}`)
	h.post("processor.funds_available", "a1", `{"processor":"main","amount":"62.77","currency":"USD","payment_ids":["pi_1"]}`)
	settle("W-1")
	payout(4754)
	h.post("refund.made", "RF", `{"order":"W-1","refund":"RF","full":true,"shipped":true}`)
	charge("L", "return.shipping_charged", "W-1", "4.10", "usps")
	charge("R", "warehouse.return_processed", "W-1", "2.00", "")
	charge("S", "warehouse.storage_charged", "", "12.40", "")
	h.post("order.captured", "W-2", warehouseSale("W-2", "150.00", "12.38", "pi_2", "162.38"))
	charge("W-2-ful", "warehouse.fulfilment_charged", "W-2", "3.58", "")
	h.post("processor.fee_recorded", "f2", `{"processor":"main","payment_id":"pi_2","amount":"5.01","currency":"USD"}`)
	h.post("processor.funds_available", "a2", `{"processor":"main","amount":"157.37","currency":"USD","payment_ids":["pi_2"]}`)
	settle("W-2")
	payout(5334)
}

// TestGrossToNet ties the numbers of domain 5.5: 227.33 gross lead to 100.88 of payouts.
func TestGrossToNet(t *testing.T) {
	t.Parallel()
	h := newBusinessHouse(t, "US", "America/Chicago", "USD")
	h.playWarehouse()
	at := h.head()
	rows, file := h.reported("gross_to_net", at, "from", "2026-11", "to", "2026-11")
	want := []string{"sel_wh | USD | 2 | 227.33 | -17.33 | 4.95 | -64.95 | 0.00 | -34.88 | 3.60 | 0.00 | 0.00 | 0.00 | -4.10 | 0.00 | 0.00 | 0.00 | -100.88 | 13.74"}
	got := cells(rows, "seller", "currency", "payments", "gross", "tax_collected", "tax_returned", "refunds", "platform_funding", "fees", "fees_returned", "fee_tax", "commissions",
		"tax_withheld", "shipping", "disputes", "deposits", "other", "payouts", "carried")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the bridge (-want +got):\n%s", diff)
	}
	with := h.report("form_1099k", at, "year", "2026", "include_facilitator_tax", "yes")
	without := h.report("form_1099k", at, "year", "2026", "include_facilitator_tax", "no")
	if diff := cmp.Diff([]string{"sel_wh | 2026 | USD | 2 | 227.33 | 17.33 | 227.33 | 0.00"}, cells(with, "seller", "year", "currency", "payments", "gross", "facilitator_tax", "month_11", "month_12")); diff != "" {
		t.Errorf("1099-K with tax (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"210.00 | 17.33 | 210.00 | 0.00"}, cells(without, "gross", "facilitator_tax", "month_11", "month_12")); diff != "" {
		t.Errorf("1099-K without tax (-want +got):\n%s", diff)
	}
	quarters := h.report("dac7", at, "year", "2026")
	if diff := cmp.Diff([]string{"sel_wh | 2026-Q4 | USD | 2 | 227.33 | -64.95 | 31.28 | 12.38 | 0.00 | 118.72"},
		cells(quarters, "seller", "quarter", "currency", "activities", "gross", "refunds", "fees", "tax_collected", "tax_withheld", "consideration")); diff != "" {
		t.Errorf("DAC7 (-want +got):\n%s", diff)
	}

	// What comes later changes neither the bytes of the month nor what was asked for at its place.
	h.set(2027, 1, 10)
	h.raw("order.captured", time.Time{}, "USD", "assets:processor:pending:main", 1000, "liabilities:seller:pending:sel_wh", -1000)
	h.raw("order.captured", time.Date(2026, 11, 25, 10, 0, 0, 0, time.UTC), "USD", "assets:processor:pending:main", 500, "liabilities:seller:pending:sel_wh", -500)
	if _, again := h.reported("gross_to_net", at, "from", "2026-11", "to", "2026-11"); again != file {
		t.Errorf("made again it has other bytes:\n%s\n%s", file, again)
	}
	if got := cells(h.report("gross_to_net", h.head(), "from", "2026-11", "to", "2027-01"), "payments", "gross"); !cmp.Equal(got, []string{"4 | 242.33"}) {
		t.Errorf("with what came later: %v", got)
	}

	// A refund of the year before reduces the quarter in which it is made.
	h.set(2027, 4, 10)
	h.post("refund.made", "RF-2", `{"order":"W-2","refund":"RF-2","full":true,"shipped":true}`)
	quarters = h.report("dac7", h.head(), "year", "2027")
	if got := cells(quarters, "quarter", "activities", "refunds"); !cmp.Equal(got, []string{"2027-Q1 | 1 | 0.00", "2027-Q2 | 0 | -162.38"}) {
		t.Errorf("the quarters of 2027: %v", got)
	}
	if got := cells(h.report("dac7", h.head(), "year", "2026"), "refunds"); !cmp.Equal(got, []string{"-64.95"}) {
		t.Errorf("2026 after a refund in 2027: %v", got)
	}
}

// TestFeesAndTax ties revenue and taxes of the same business to the accounts.
func TestFeesAndTax(t *testing.T) {
	t.Parallel()
	h := newBusinessHouse(t, "US", "America/Chicago", "USD")
	h.playWarehouse()
	h.raw("adjustment.made", time.Time{}, "USD", "assets:bank:operating:main", 700, "revenue:referral_fee", -700)
	rows := h.report("fees", h.head(), "from", "2026-11", "to", "2026-11")
	want := []string{
		"2026-11 | revenue:fulfilment_fee |  |  | USD | 2 |  | 7.16 | 0.00 | 7.16",
		"2026-11 | revenue:referral_fee |  |  | USD | 1 |  | 7.00 | 0.00 | 7.00",
		"2026-11 | revenue:referral_fee | referral | us-1 | USD | 3 | 210.00 | 12.60 | 3.60 | 9.00",
		"2026-11 | revenue:refund_admin_fee | refund_admin | us-1 | USD | 1 | 3.60 | 0.72 | 0.00 | 0.72",
		"2026-11 | revenue:returns_fee |  |  | USD | 1 |  | 2.00 | 0.00 | 2.00",
		"2026-11 | revenue:storage_fee |  |  | USD | 1 |  | 12.40 | 0.00 | 12.40",
	}
	if diff := cmp.Diff(want, cells(rows, "period", "account", "rule", "rule_set", "currency", "count", "base", "charged", "returned", "amount")); diff != "" {
		t.Errorf("fees (-want +got):\n%s", diff)
	}
	if got := cells(h.report("fees", h.head(), "from", "2026-11", "to", "2026-11", "detail", "account"), "account", "amount"); len(got) != 5 || got[1] != "revenue:referral_fee | 16.00" {
		t.Errorf("fees by account: %v", got)
	}
	tax := h.report("tax", h.head(), "from", "2026-10", "to", "2026-12")
	if diff := cmp.Diff([]string{"sales | US-TX | 2026-11 | 2026-11 | false | 0.00 | 17.33 | 4.95 | 0.00 | 12.38", "sales | US-TX | 2026-12 | 2026-12 | false | 12.38 | 0.00 | 0.00 | 0.00 | 12.38"},
		cells(tax, "kind", "jurisdiction", "period", "effective_period", "late", "opening", "collected", "reduced", "remitted", "closing")); diff != "" {
		t.Errorf("taxes (-want +got):\n%s", diff)
	}
}

// TestReversedPaymentsWereNone: a capture that a correction reverses is no payment, in the year and the month it had, however late
// the correction comes; one that was reversed by mistake is one again.
func TestReversedPaymentsWereNone(t *testing.T) {
	t.Parallel()
	h := newBusinessHouse(t, "US", "America/Chicago", "USD")
	for _, c := range []struct {
		day   int
		order string
	}{{1, "A"}, {20, "B"}, {31, "C"}} { // noon in UTC on each day of December
		h.set(2026, 12, c.day)
		h.post("order.captured", c.order, warehouseSale(c.order, "100.00", "8.25", "pi_"+c.order, "108.25"))
	}
	of := map[string]int64{"A": 1, "B": 2, "C": 3}
	before := h.head()
	h.set(2027, 1, 2)
	h.undo(of["B"], 0)
	h.ok(h.ledger.ClosePeriod(h.Context(), h.book, 202701)) // what comes now of December counts in February
	h.undo(of["C"], 40)
	undone := h.head()
	h.again(of["C"])
	for _, c := range []struct {
		at         int64
		k, q, ours string
	}{
		{before, "3 | 324.75 | 24.75 | 324.75", "2026-Q4 | 3 | 324.75 | 0.00 | 18.00 | 24.75 | 282.00", "3 | 324.75 | 0.00"},
		{undone, "1 | 108.25 | 8.25 | 108.25", "2026-Q4 | 1 | 108.25 | 0.00 | 6.00 | 8.25 | 94.00", "1 | 108.25 | 0.00"},
		{h.head(), "2 | 216.50 | 16.50 | 216.50", "2026-Q4 | 2 | 216.50 | 0.00 | 12.00 | 16.50 | 188.00", "2 | 216.50 | 0.00"},
	} {
		if got := cells(h.report("form_1099k", c.at, "year", "2026", "include_facilitator_tax", "yes"), "payments", "gross", "facilitator_tax", "month_12"); !cmp.Equal(got, []string{c.k}) {
			t.Errorf("1099-K at %d: %v, want %s", c.at, got, c.k)
		}
		if got := cells(h.report("dac7", c.at, "year", "2026"), "quarter", "activities", "gross", "refunds", "fees", "tax_collected", "consideration"); !cmp.Equal(got, []string{c.q}) {
			t.Errorf("DAC7 at %d: %v, want %s", c.at, got, c.q)
		}
		if got := cells(h.report("gross_to_net", c.at, "from", "2026-12", "to", "2027-03"), "payments", "gross", "refunds"); !cmp.Equal(got, []string{c.ours}) {
			t.Errorf("gross to net at %d: %v, want %s", c.at, got, c.ours)
		}
		for _, name := range []string{"form_1099k", "dac7"} {
			ask := []string{"year", "2027"}
			if name == "form_1099k" {
				ask = append(ask, "include_facilitator_tax", "yes")
			}
			if got := h.report(name, c.at, ask...); len(got) != 0 {
				t.Errorf("%s of 2027 at %d: %v", name, c.at, got)
			}
		}
	}
	one, err := h.events.Bridge(h.Context(), h.book, "sel_wh", "USD", 202612, 202703)
	h.ok(err)
	if one.Gross != "216.50" || one.Payments != 2 || one.Months[0].Gross != "216.50" && one.Months[0].Gross != "324.75" {
		t.Errorf("the seller's own bridge has %s gross of %d payments, by month %v", one.Gross, one.Payments, one.Months)
	}
}

// TestCorrectionsInTheirOwnMonth: a correction is found from the year of what it corrects also where it counts in the very month of
// the transaction that it names: a late sale that is reversed in the month it counts in, and a sale that is posted again and
// reversed once more within a month.
func TestCorrectionsInTheirOwnMonth(t *testing.T) {
	t.Parallel()
	h := newBusinessHouse(t, "US", "America/Chicago", "USD")
	sale := func(at time.Time, cents int) int64 {
		h.Helper()
		return h.raw("order.captured", at, "USD", "assets:processor:pending:main", cents, "liabilities:seller:pending:sel_wh", -cents).Sequence
	}
	h.set(2026, 12, 20)
	sale(time.Time{}, 500)
	twice := sale(time.Time{}, 4000)
	h.set(2027, 1, 5)
	h.ok(h.ledger.ClosePeriod(h.Context(), h.book, 202612))
	late := sale(time.Date(2026, 12, 30, 12, 0, 0, 0, time.UTC), 1000)
	first := h.head()
	h.set(2027, 1, 12)
	h.undo(late, 0)
	second := h.head()
	h.set(2027, 3, 3)
	h.undo(twice, 0)
	h.again(twice)
	third := h.head()
	h.undo(third, 0)
	for _, c := range []struct {
		at       int64
		payments int
		gross    string
	}{{first, 3, "55.00"}, {second, 2, "45.00"}, {third, 2, "45.00"}, {h.head(), 1, "5.00"}} {
		want := []string{fmt.Sprint(c.payments, " | ", c.gross, " | ", c.gross)}
		if got := cells(h.report("form_1099k", c.at, "year", "2026", "include_facilitator_tax", "yes"), "payments", "gross", "month_12"); !cmp.Equal(got, want) {
			t.Errorf("1099-K at %d: %v, want %v", c.at, got, want)
		}
		want = []string{fmt.Sprint("2026-Q4 | ", c.payments, " | ", c.gross, " | ", c.gross)}
		if got := cells(h.report("dac7", c.at, "year", "2026"), "quarter", "activities", "gross", "consideration"); !cmp.Equal(got, want) {
			t.Errorf("DAC7 at %d: %v, want %v", c.at, got, want)
		}
		if got := h.report("dac7", c.at, "year", "2027"); len(got) != 0 {
			t.Errorf("DAC7 of 2027 at %d: %v", c.at, got)
		}
	}
}
