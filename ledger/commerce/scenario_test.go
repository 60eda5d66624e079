package commerce

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

const s2Sale = `{"order":"UK-1","capture":1,"currency":"GBP","placed_at":"2026-11-20T10:00:00Z","seller":"sel_uk","category_set":"default",
"live_session":"LS-12","channel":"app","lines":[{"line":1,"sku":"SKU-9","category":"fashion","quantity":2,"unit_price":"24.99",
"discounts":[{"funder":"seller","amount":"5.00"},{"funder":"platform","amount":"3.00"},{"funder":"cofunded","amount":"0.00","platform_share":"0.4"}],
"tax":[{"jurisdiction":"UK","kind":"vat","owed_by":"seller","amount":"0.00","included":true}]}],"order_discounts":[{"funder":"seller","amount":"0.00"}],
"shipping":{"amount":"2.99","tax":[]},"creators":[{"creator":"cre_amy","weight":"1","agency":{"id":"mcn_ldn","share":"0.30","paid_by":"creator"}}],
"commission_rate":"0.15","payments":[{"processor":"main","payment_id":"pi_1","amount":"44.97"}]}`

// TestS2 plays the UK sale with its return between settlement and payout, and on to zero.
func TestS2(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "UK", "Europe/London", "GBP")
	r := w.post(t, "order.captured", "UK-1-c1", s2Sale)
	wantEntries(t, "capture", r, "Dr assets:processor:pending:main 44.97", "Dr revenue:contra:platform_discount 3.00", "Cr liabilities:seller:pending:sel_uk 37.62",
		"Cr revenue:referral_fee 3.37", "Cr liabilities:tax:vat:UK:on-fees 0.68", "Cr liabilities:creator:pending:cre_amy 4.41", "Cr liabilities:agency:pending:mcn_ldn 1.89")
	if n := len(r.Transactions[0].Explanation); n > 400 {
		t.Errorf("the explanation has %d bytes", n)
	}
	w.post(t, "processor.fee_recorded", "f", `{"processor":"main","kind":"fee","payment_id":"pi_1","amount":"0.87","currency":"GBP"}`)
	w.post(t, "processor.funds_available", "a", `{"processor":"main","amount":"44.10","currency":"GBP","payment_ids":["pi_1"]}`)
	if r := w.Settle(t.Context(), w.book, "UK-1", Settlement{}); r.Err != nil {
		t.Fatal(r.Err)
	} else {
		wantEntries(t, "settled", r, "Dr liabilities:seller:pending:sel_uk 37.62", "Dr liabilities:creator:pending:cre_amy 4.41", "Dr liabilities:agency:pending:mcn_ldn 1.89",
			"Cr liabilities:seller:available:sel_uk 37.62", "Cr liabilities:creator:available:cre_amy 4.41", "Cr liabilities:agency:available:mcn_ldn 1.89")
	}
	r = w.post(t, "refund.made", "RF-1", `{"order":"UK-1","refund":"RF-1","full":false,"lines":[{"line":1,"quantity":1}],"shipping":"keep","fault":"seller","restocking_fee":"0.00","label_fee":"0.00","to":"original","payment_refund_id":"re_1","shipped":true}`)
	wantEntries(t, "refund", r, "Dr liabilities:seller:available:sel_uk 17.45", "Dr revenue:referral_fee 1.57", "Dr liabilities:tax:vat:UK:on-fees 0.32",
		"Dr liabilities:creator:available:cre_amy 2.20", "Dr liabilities:agency:available:mcn_ldn 0.95", "Cr assets:processor:available:main 20.99", "Cr revenue:contra:platform_discount 1.50")
	w.post(t, "charge.recorded", "L", `{"kind":"return.shipping_charged","party":"sel_uk","order":"UK-1","currency":"GBP","amount":"3.20","counterparty":"evri"}`)
	w.raw(t, "payout.created", "P1", "GBP", "liabilities:seller:available:sel_uk", 1697, "liabilities:payout_in_transit:sel_uk", -1697)
	w.raw(t, "payout.submitted", "P2", "GBP", "assets:cash_in_transit:main", 1697, "assets:processor:available:main", -1697)
	w.raw(t, "payout.paid", "P3", "GBP", "liabilities:payout_in_transit:sel_uk", 1697, "assets:cash_in_transit:main", -1697)
	want := map[string]string{
		"assets:processor:available:main GBP": "6.14", "liabilities:agency:available:mcn_ldn GBP": "0.94", "liabilities:carrier:evri GBP": "3.20",
		"liabilities:creator:available:cre_amy GBP": "2.21", "liabilities:tax:vat:UK:on-fees GBP": "0.36", "revenue:referral_fee GBP": "1.80",
		"revenue:contra:platform_discount GBP": "1.50", "expenses:processor_fee GBP": "0.87",
	}
	if diff := cmp.Diff(want, w.balances(t)); diff != "" {
		t.Errorf("balances (-want +got):\n%s", diff)
	}
	r = w.post(t, "refund.made", "RF-2", `{"order":"UK-1","refund":"RF-2","full":true,"shipped":true}`)
	wantEntries(t, "second refund", r, "Dr liabilities:seller:available:sel_uk 20.17", "Dr revenue:referral_fee 1.80", "Dr liabilities:tax:vat:UK:on-fees 0.36",
		"Dr liabilities:creator:available:cre_amy 2.21", "Dr liabilities:agency:available:mcn_ldn 0.94", "Cr assets:processor:available:main 23.98", "Cr revenue:contra:platform_discount 1.50")
	o, err := w.Order(t.Context(), w.book, "UK-1")
	if err != nil || o.State != "refunded" || o.Refundable != "0.00" {
		t.Errorf("order: %+v, %v", o, err)
	}
}

// TestS1 plays the Vietnamese live sale.
func TestS1(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "VN", "Asia/Ho_Chi_Minh", "VND")
	r := w.post(t, "order.captured", "VN-1", `{"order":"VN-1","currency":"VND","placed_at":"2026-11-20T10:00:00Z","seller":"sel_vn","live_session":"LS-77","channel":"app",
	"lines":[{"line":1,"sku":"A","quantity":1,"unit_price":"1000000","discounts":[{"funder":"seller","amount":"50000"},{"funder":"platform","amount":"30000"}]}],
	"shipping":{"amount":"20000"},"creators":[{"creator":"cre_linh","agency":{"id":"mcn_sg","share":"0.20"}}],"commission_rate":"0.10",
	"payments":[{"processor":"main","payment_id":"pi_vn","amount":"940000"}]}`)
	wantEntries(t, "capture", r, "Dr assets:processor:pending:main 940000", "Dr revenue:contra:platform_discount 30000", "Cr liabilities:seller:pending:sel_vn 775750",
		"Cr revenue:referral_fee 38000", "Cr revenue:transaction_fee 47000", "Cr revenue:order_fee 3000", "Cr liabilities:creator:pending:cre_linh 66240",
		"Cr liabilities:agency:pending:mcn_sg 18400", "Cr liabilities:tax:withholding:VN:VAT 9500", "Cr liabilities:tax:withholding:VN:PIT-seller 4750",
		"Cr liabilities:tax:withholding:VN:PIT-creator 7360")
	r = w.post(t, "charge.recorded", "SH", `{"kind":"shipping.charged","party":"sel_vn","order":"VN-1","currency":"VND","amount":"25000","subsidy":"5000","counterparty":"ghn"}`)
	wantEntries(t, "shipping", r, "Dr liabilities:seller:pending:sel_vn 20000", "Dr expenses:shipping_subsidy 5000", "Cr liabilities:carrier:ghn 25000")
	if r := w.Settle(t.Context(), w.book, "VN-1", Settlement{}); r.Err != nil {
		t.Fatal(r.Err)
	} else {
		wantEntries(t, "settled", r, "Dr liabilities:seller:pending:sel_vn 755750", "Dr liabilities:creator:pending:cre_linh 66240", "Dr liabilities:agency:pending:mcn_sg 18400",
			"Cr liabilities:seller:available:sel_vn 755750", "Cr liabilities:creator:available:cre_linh 66240", "Cr liabilities:agency:available:mcn_sg 18400")
	}
	r = w.post(t, "refund.made", "RF", `{"order":"VN-1","refund":"RF","full":true}`)
	wantEntries(t, "M-34", r, "Dr liabilities:tax:withholding:VN:VAT 9500", "Dr liabilities:tax:withholding:VN:PIT-seller 4750", "Dr liabilities:tax:withholding:VN:PIT-creator 7360",
		"Dr revenue:referral_fee 38000", "Dr revenue:transaction_fee 47000", "Dr liabilities:seller:available:sel_vn 778750", "Dr liabilities:creator:available:cre_linh 66240",
		"Dr liabilities:agency:available:mcn_sg 18400", "Cr assets:processor:available:main 940000", "Cr revenue:contra:platform_discount 30000")
}

func s5Sale(order, price, tax, payment, paid string) string {
	return `{"order":"` + order + `","currency":"USD","placed_at":"2026-11-20T10:00:00Z","seller":"sel_wh","lines":[{"line":1,"sku":"A","quantity":1,"unit_price":"` + price +
		`","tax":[{"jurisdiction":"US-TX","kind":"sales","owed_by":"platform","amount":"` + tax + `"}]}],"payments":[{"processor":"main","payment_id":"` + payment + `","amount":"` + paid + `"}]}`
}

// TestS5 plays the warehouse: a return after the payout, the reserve, and the debt netted.
func TestS5(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "US", "America/Chicago", "USD")
	w.playS5(t)
	want := map[string]string{
		"assets:processor:available:main USD": "54.31", "liabilities:carrier:usps USD": "4.10", "liabilities:seller:reserve:sel_wh USD": "13.74",
		"liabilities:tax:sales:US-TX USD": "12.38", "revenue:fulfilment_fee USD": "7.16", "revenue:referral_fee USD": "9.00", "revenue:refund_admin_fee USD": "0.72",
		"revenue:returns_fee USD": "2.00", "revenue:storage_fee USD": "12.40", "expenses:processor_fee USD": "7.19",
	}
	if diff := cmp.Diff(want, w.balances(t)); diff != "" {
		t.Errorf("balances (-want +got):\n%s", diff)
	}
}

func (w *workbench) playS5(t *testing.T) {
	t.Helper()
	settle := func(order string) {
		t.Helper()
		rate, days := "0.10", 30
		if r := w.Settle(t.Context(), w.book, order, Settlement{ReserveRate: &rate, ReserveDays: &days}); r.Err != nil {
			t.Fatal(r.Err)
		}
	}
	charge := func(ref, kind, order, amount, carrier string) {
		t.Helper()
		data := `{"kind":"` + kind + `","party":"sel_wh","currency":"USD","amount":"` + amount + `"`
		if order != "" {
			data += `,"order":"` + order + `"`
		}
		if carrier != "" {
			data += `,"counterparty":"` + carrier + `"`
		}
		w.post(t, "charge.recorded", ref, data+"}")
	}
	w.post(t, "order.captured", "W-1", s5Sale("W-1", "60.00", "4.95", "pi_1", "64.95"))
	charge("W-1-ful", "warehouse.fulfilment_charged", "W-1", "3.58", "")
	w.post(t, "processor.fee_recorded", "f1", `{"processor":"main","payment_id":"pi_1","amount":"2.18","currency":"USD"}`)
	w.post(t, "processor.funds_available", "a1", `{"processor":"main","amount":"62.77","currency":"USD","payment_ids":["pi_1"]}`)
	settle("W-1")
	payout := func(ref string, amount int) {
		w.raw(t, "payout.created", ref+"c", "USD", "liabilities:seller:available:sel_wh", amount, "liabilities:payout_in_transit:sel_wh", -amount)
		w.raw(t, "payout.submitted", ref+"s", "USD", "assets:cash_in_transit:main", amount, "assets:processor:available:main", -amount)
		w.raw(t, "payout.paid", ref+"p", "USD", "liabilities:payout_in_transit:sel_wh", amount, "assets:cash_in_transit:main", -amount)
	}
	payout("P1", 4754)
	r := w.post(t, "refund.made", "RF", `{"order":"W-1","refund":"RF","full":true,"shipped":true}`)
	wantEntries(t, "refund with the reserve applied", r, "Dr liabilities:seller:available:sel_wh 51.84", "Dr liabilities:seller:reserve:sel_wh 5.28", "Dr revenue:referral_fee 3.60",
		"Dr liabilities:tax:sales:US-TX 4.95", "Cr assets:processor:available:main 64.95", "Cr revenue:refund_admin_fee 0.72")
	charge("L", "return.shipping_charged", "W-1", "4.10", "usps")
	charge("R", "warehouse.return_processed", "W-1", "2.00", "")
	charge("S", "warehouse.storage_charged", "", "12.40", "")
	w.post(t, "order.captured", "W-2", s5Sale("W-2", "150.00", "12.38", "pi_2", "162.38"))
	charge("W-2-ful", "warehouse.fulfilment_charged", "W-2", "3.58", "")
	w.post(t, "processor.fee_recorded", "f2", `{"processor":"main","payment_id":"pi_2","amount":"5.01","currency":"USD"}`)
	w.post(t, "processor.funds_available", "a2", `{"processor":"main","amount":"157.37","currency":"USD","payment_ids":["pi_2"]}`)
	settle("W-2")
	payout("P2", 5334)
}
