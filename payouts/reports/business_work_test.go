package reports

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mizan/ledger"
	"mizan/ledger/commerce"
)

// TestLiveSale reports domain S2: a British live sale with a creator and an agency, tax inside the fee, and a return after it settled.
func TestLiveSale(t *testing.T) {
	t.Parallel()
	h := newBusinessHouse(t, "UK", "Europe/London", "GBP")
	h.post("order.captured", "UK-1-c1", `{"order":"UK-1","capture":1,"currency":"GBP","placed_at":"2026-11-20T10:00:00Z","seller":"sel_uk","category_set":"default",
"live_session":"LS-12","channel":"app","lines":[{"line":1,"sku":"SKU-9","category":"fashion","quantity":2,"unit_price":"24.99",
"discounts":[{"funder":"seller","amount":"5.00"},{"funder":"platform","amount":"3.00"},{"funder":"cofunded","amount":"0.00","platform_share":"0.4"}],
"tax":[{"jurisdiction":"UK","kind":"vat","owed_by":"seller","amount":"0.00","included":true}]}],"order_discounts":[{"funder":"seller","amount":"0.00"}],
"shipping":{"amount":"2.99","tax":[]},"creators":[{"creator":"cre_amy","weight":"1","agency":{"id":"mcn_ldn","share":"0.30","paid_by":"creator"}}],
"commission_rate":"0.15","payments":[{"processor":"main","payment_id":"pi_1","amount":"44.97"}]}`)
	h.post("processor.fee_recorded", "f", `{"processor":"main","kind":"fee","payment_id":"pi_1","amount":"0.87","currency":"GBP"}`)
	h.post("processor.funds_available", "a", `{"processor":"main","amount":"44.10","currency":"GBP","payment_ids":["pi_1"]}`)
	h.ok(h.events.Settle(h.Context(), h.book, "UK-1", commerce.Settlement{}).Err)
	h.set(2026, 12, 2)
	h.post("refund.made", "RF-1", `{"order":"UK-1","refund":"RF-1","full":false,"lines":[{"line":1,"quantity":1}],"shipping":"keep","fault":"seller","restocking_fee":"0.00","label_fee":"0.00","to":"original","payment_refund_id":"re_1","shipped":true}`)
	h.post("charge.recorded", "L", `{"kind":"return.shipping_charged","party":"sel_uk","order":"UK-1","currency":"GBP","amount":"3.20","counterparty":"evri"}`)
	h.raw("payout.created", time.Time{}, "GBP", "liabilities:creator:available:cre_amy", 200, "liabilities:payout_in_transit:cre_amy", -200)
	at := h.head()
	months := []string{"from", "2026-11", "to", "2026-12"}
	for _, c := range []struct {
		name    string
		rows    []string
		columns []string
		ask     []string
	}{
		{"creator_payments", []string{"agency | mcn_ldn | 1.89 | -0.95 | 0.00 | 0.00 | 0.94 | 0.00", "creator | cre_amy | 4.41 | -2.20 | 0.00 | -2.00 | 0.21 | -2.00"},
			[]string{"kind", "payee", "earned", "taken_back", "tax_withheld", "paid", "change", "paid_12"}, []string{"year", "2026"}},
		{"fees", []string{
			"2026-11 | revenue:contra:platform_discount | platform_discount | uk-1 | -3.00", "2026-11 | revenue:referral_fee | commission | uk-1 | 3.37",
			"2026-12 | revenue:contra:platform_discount | platform_discount | uk-1 | 1.50", "2026-12 | revenue:referral_fee | commission | uk-1 | -1.57"},
			[]string{"period", "account", "rule", "rule_set", "amount"}, months},
		{"tax", []string{"vat | UK | on-fees | 2026-11 | 0.00 | 0.68 | 0.00 | 0.00 | 0.68", "vat | UK | on-fees | 2026-12 | 0.68 | 0.00 | 0.32 | 0.00 | 0.36"},
			[]string{"kind", "jurisdiction", "tax", "period", "opening", "collected", "reduced", "remitted", "closing"}, months},
		{"dac7", []string{"sel_uk | 2026-Q4 | 1 | 44.97 | -20.99 | 1.50 | 5.31"}, []string{"seller", "quarter", "activities", "gross", "refunds", "platform_funding", "fees"}, []string{"year", "2026"}},
		{"gross_to_net", []string{"sel_uk | 44.97 | -20.99 | 1.50 | -3.37 | 1.57 | -0.36 | -3.15 | -3.20 | 0.00 | 16.97"},
			[]string{"seller", "gross", "refunds", "platform_funding", "fees", "fees_returned", "fee_tax", "commissions", "shipping", "payouts", "carried"}, months},
	} {
		if diff := cmp.Diff(c.rows, cells(h.report(c.name, at, c.ask...), c.columns...)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

// TestTaxPaid tells what was paid to the office from what was collected, takes a payment back that was a mistake, and tells input tax.
func TestTaxPaid(t *testing.T) {
	t.Parallel()
	h := newBusinessHouse(t, "UK", "Europe/London", "GBP")
	h.raw("order.captured", time.Time{}, "GBP", "assets:bank:operating:main", 5000, "liabilities:tax:vat:UK:on-fees", -5000)
	h.raw("cost.booked", time.Time{}, "GBP", "assets:tax:input:UK", 300, "assets:bank:operating:main", -300)
	h.set(2026, 12, 2)
	paid := h.raw("tax.remitted", time.Time{}, "GBP", "liabilities:tax:vat:UK:on-fees", 4000, "assets:tax:input:UK", -300, "assets:bank:operating:main", -3700)
	before := h.head()
	undone := h.raw("tax.remitted", time.Time{}, "GBP", "liabilities:tax:vat:UK:on-fees", 1000, "assets:bank:operating:main", -1000)
	h.ok(h.ledger.Reverse(h.Context(), h.book, undone.Sequence, ledger.Correction{Reference: "undo"}).Err)
	want := []string{"input | UK | 2026-11 | 0.00 | 3.00 | 0.00 | 0.00 | 3.00", "input | UK | 2026-12 | 3.00 | 0.00 | 0.00 | 3.00 | 0.00",
		"vat | UK | 2026-11 | 0.00 | 50.00 | 0.00 | 0.00 | 50.00", "vat | UK | 2026-12 | 50.00 | 0.00 | 0.00 | 40.00 | 10.00"}
	for _, at := range []int64{before, h.head()} { // the mistake and its correction leave nothing
		got := cells(h.report("tax", at, "from", "2026-11", "to", "2026-12"), "kind", "jurisdiction", "period", "opening", "collected", "reduced", "remitted", "closing")
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("at %d (-want +got):\n%s", at, diff)
		}
	}
	if got := h.report("tax", paid.Sequence-1, "from", "2026-11", "to", "2026-11"); len(got) != 2 {
		t.Errorf("before anything was paid: %v", got)
	}
}
