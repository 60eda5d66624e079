package commerce

import (
	"fmt"
	"strings"
	"testing"

	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// What others got wrong, and bad inputs, as tests of ours. The handbook's page "What others got wrong" names them.

// smallRules is a rule set with a commission by category and nothing else.
const smallRules = `{"set":"small","version":1,"market":"US","valid_from":"2020-01-01T00:00:00Z","title":"Small","researched":true,"signature":{"by":"Example Person","at":"2019-12-01T00:00:00Z","document":"DOC-1"},"sources":[{"id":"a","trust":"A","text":"a test"}],
"rules":[{"id":"commission","kind":"fee","title":"Commission","to":"revenue:referral_fee","base":{"components":["goods_list"]},"rate":"0.10","rates":[{"category":"b","rate":"0.15"}],"rounding":"half_even","source":"a"},
{"id":"affiliate","kind":"commission","title":"Affiliate","base":{"components":["goods_list"]},"rate":"0.05","rounding":"half_even","source":"a"}],
"policies":{"settlement":{"tiers":{"standard":7},"tier":"standard","reserve_rate":"0","reserve_days":0},"dispute":{"platform_reasons":[],"no_tax_relief":false,"fee_recovery":"net","hold_creators":false,"double_payment":"platform"},"payment_failure":{"liability":"platform"}}}`

func smallSale(order, currency, price, seller, creator string) string {
	s := fmt.Sprintf(`{"order":%q,"currency":%q,"placed_at":"2026-11-20T10:00:00Z","seller":%q,"lines":[{"line":1,"sku":"A","quantity":1,"unit_price":%q}],"payments":[{"processor":"main","payment_id":"pi_%s","amount":%q}]`, order, currency, seller, price, order, price)
	if creator != "" {
		s += fmt.Sprintf(`,"creators":[{"creator":%q}]`, creator)
	}
	return s + "}"
}

// TestRefundAtTheCapturesRate is peers' bug 26: half of the order was captured at 10 %, half at 15 %; refunding the first
// half gives 10 % back, not the blend.
func TestRefundAtTheCapturesRate(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "US", "UTC", "USD")
	w.useRules(t, []byte(smallRules))
	w.post(t, "order.captured", "c1", `{"order":"O","currency":"USD","placed_at":"2026-11-20T10:00:00Z","seller":"s","lines":[{"line":1,"sku":"A","category":"a","quantity":1,"unit_price":"100.00"}],"payments":[{"processor":"main","payment_id":"p1","amount":"100.00"}]}`)
	r := w.post(t, "order.captured", "c2", `{"order":"O","capture":2,"currency":"USD","placed_at":"2026-11-20T10:00:00Z","seller":"s","lines":[{"line":2,"sku":"B","category":"b","quantity":1,"unit_price":"100.00"}],"payments":[{"processor":"main","payment_id":"p2","amount":"100.00"}]}`)
	wantEntries(t, "second capture", r, "Dr assets:processor:pending:main 100.00", "Cr liabilities:seller:pending:s 85.00", "Cr revenue:referral_fee 15.00")
	r = w.post(t, "refund.made", "r", `{"order":"O","refund":"R","lines":[{"line":1,"quantity":1}]}`)
	wantEntries(t, "refund of the first half", r, "Dr liabilities:seller:pending:s 90.00", "Dr revenue:referral_fee 10.00", "Cr assets:processor:available:main 100.00")
}

// TestDigitsOfCurrencies is peers' bug 30: currencies without decimals, with three, and with a larger posting unit.
func TestDigitsOfCurrencies(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ currency, price, seller, fee string }{
		{"JPY", "1125", "1013", "112"}, {"KRW", "70", "63", "7"}, {"BHD", "12.345", "11.111", "1.234"}, {"KWD", "12.345", "11.111", "1.234"},
		{"ISK", "15", "13", "2"}, {"UGX", "25", "23", "2"}, {"TWD", "12.35", "11.11", "1.24"}, {"HUF", "0.05", "0.05", ""}, {"IDR", "12505.00", "11255.00", "1250.00"},
	} {
		t.Run(c.currency, func(t *testing.T) {
			t.Parallel()
			w := newWorkbench(t, "US", "UTC", money.Currency(c.currency))
			w.useRules(t, []byte(smallRules))
			r := w.post(t, "order.captured", "c", smallSale("O", c.currency, c.price, "s", ""))
			want := []string{"Dr assets:processor:pending:main " + c.price, "Cr liabilities:seller:pending:s " + c.seller}
			if c.fee != "" {
				want = append(want, "Cr revenue:referral_fee "+c.fee)
			}
			wantEntries(t, c.currency, r, want...)
			for _, fraction := range []string{"0.1", "0.01", "0.001", "0.0001"} {
				if _, err := money.ParseAmount(fraction, money.Currency(c.currency)); err == nil {
					continue
				}
				bad := event(t, "refund.made", "r"+fraction, `{"order":"O","refund":"R","amount":"`+fraction+`"}`)
				if r := w.Post(t.Context(), w.book, bad); fault.CodeOf(r.Err) != "validation-failed" {
					t.Errorf("a refund of %s: %v", fraction, r.Err)
				}
			}
		})
	}
}

// TestOrderKeepsItsCurrency is peers' bug 33: amounts of later events are read in the order's currency, whatever else the
// book posts in.
func TestOrderKeepsItsCurrency(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "US", "UTC", "USD", "JPY")
	w.useRules(t, []byte(smallRules))
	w.post(t, "order.captured", "c", smallSale("O", "JPY", "1000", "s", ""))
	if r := w.Post(t.Context(), w.book, event(t, "refund.made", "r", `{"order":"O","refund":"R","amount":"10.50"}`)); fault.CodeOf(r.Err) != "validation-failed" {
		t.Errorf("cents of yen: %v", r.Err)
	}
	if r := w.Post(t.Context(), w.book, event(t, "order.captured", "c2", strings.Replace(smallSale("O", "USD", "10.00", "s", ""), `"currency"`, `"capture":2,"currency"`, 1))); fault.CodeOf(r.Err) != "order-terms-frozen" {
		t.Errorf("a second capture in another currency: %v", r.Err)
	}
	if r := w.Post(t.Context(), w.book, event(t, "order.captured", "c3", smallSale("P", "EUR", "10.00", "s", ""))); fault.CodeOf(r.Err) != "validation-failed" {
		t.Errorf("B16, a currency that the book does not use: %v", r.Err)
	}
}

// TestRefundsAndDisputesInAllOrders is peers' bug 38: half a refund and a dispute of everything, in each order and with each
// outcome: nobody is debited twice, and the buyer's money is counted once.
func TestRefundsAndDisputesInAllOrders(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "US", "UTC", "USD")
	w.useRules(t, []byte(smallRules))
	n := 0
	for _, refundFirst := range []bool{true, false} {
		for _, closing := range []string{`"won"`, `"lost","liable":"seller"`, `"lost","liable":"platform"`} {
			n++
			o := fmt.Sprintf("O%d", n)
			seller := fmt.Sprintf("s%d", n)
			w.post(t, "order.captured", o, smallSale(o, "USD", "100.00", seller, ""))
			refund := event(t, "refund.made", o+"-r", `{"order":"`+o+`","refund":"R","amount":"50.00","shipped":false}`)
			opened := fmt.Sprintf(`{"order":%q,"dispute":"dp_%d","payment_id":"pi_%s","amount":"100.00","fee":"0.00","reason":"x"}`, o, n, o)
			if refundFirst {
				if r := w.Post(t.Context(), w.book, refund); r.Err != nil {
					t.Fatal(r.Err)
				}
			}
			w.post(t, "dispute.opened", o+"-d", opened)
			if !refundFirst {
				if r := w.Post(t.Context(), w.book, refund); fault.CodeOf(r.Err) != "insufficient-funds" {
					t.Errorf("%s: a refund of what the dispute holds: %v", o, r.Err)
				}
			}
			w.post(t, "dispute.closed", o+"-x", fmt.Sprintf(`{"dispute":"dp_%d","outcome":%s}`, n, closing))
			got := w.balances(t)["liabilities:seller:pending:"+seller+" USD"]
			want := map[string]string{`truewon`: "45.00", `truelost","liable":"seller`: "", `truelost","liable":"platform`: "45.00",
				`falsewon`: "90.00", `falselost","liable":"seller`: "", `falselost","liable":"platform`: "90.00"}[fmt.Sprint(refundFirst)+strings.Trim(closing, `"`)]
			if got != want {
				t.Errorf("refund first %t, %s: the seller holds %q, want %q", refundFirst, closing, got, want)
			}
			if r := w.Post(t.Context(), w.book, event(t, "refund.made", o+"-r3", `{"order":"`+o+`","refund":"R3","amount":"100.00"}`)); !strings.Contains(closing, "won") || refundFirst {
				if fault.CodeOf(r.Err) != "insufficient-funds" {
					t.Errorf("%s: the buyer gets more than was paid: %v", o, r.Err)
				}
			}
		}
	}
	w.verified(t)
}

// TestSellerIsTheCreator is peers' bug 39: one person in two parts earns both.
func TestSellerIsTheCreator(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "US", "UTC", "USD")
	w.useRules(t, []byte(smallRules))
	r := w.post(t, "order.captured", "c", smallSale("O", "USD", "100.00", "both", "both"))
	wantEntries(t, "sale", r, "Dr assets:processor:pending:main 100.00", "Cr liabilities:seller:pending:both 85.00", "Cr liabilities:creator:pending:both 5.00", "Cr revenue:referral_fee 10.00")
	w.post(t, "refund.made", "r", `{"order":"O","refund":"R","full":true}`)
	if got := w.balances(t); len(got) != 2 { // the processor's two sides
		t.Errorf("after a full refund: %v", got)
	}
}

// TestReversalsOfEvents: N12 and N13, and a reversal of what later events were computed from.
func TestReversalsOfEvents(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "US", "UTC", "USD")
	w.useRules(t, []byte(smallRules))
	w.post(t, "order.captured", "c", smallSale("O", "USD", "100.00", "s", ""))
	w.post(t, "refund.made", "r", `{"order":"O","refund":"R","amount":"40.00"}`)
	reverse := func(reference, id, want string) {
		t.Helper()
		if r := w.Post(t.Context(), w.book, event(t, "entry.reversed", reference, `{"transaction":"`+id+`","reason":"mistake"}`)); fault.CodeOf(r.Err) != want {
			t.Errorf("%s: %v, want %q", reference, r.Err, want)
		}
	}
	reverse("capture under a refund", "us-1", "order-state")
	reverse("the refund", "us-2", "")
	reverse("the refund again", "us-2", "already-reversed")
	reverse("the reversal", "us-3", "reversal-of-reversal")
	o, err := w.Order(t.Context(), w.book, "O")
	if err != nil || o.Refundable != "100.00" || o.Returned != "0.00" {
		t.Errorf("after the reversal: %+v, %v", o, err)
	}
	r := w.post(t, "refund.made", "r2", `{"order":"O","refund":"R","full":true}`)
	wantEntries(t, "refund after the reversal", r, "Dr liabilities:seller:pending:s 90.00", "Dr revenue:referral_fee 10.00", "Cr assets:processor:available:main 100.00")
}

// TestSplitsThatDoNotAddUp is A43: shares of 33.333333 three times place every cent; impossible shares are refused.
func TestSplitsThatDoNotAddUp(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "US", "UTC", "USD")
	w.useRules(t, []byte(smallRules))
	sale := func(order string, weights ...string) string {
		var cs []string
		for i, weight := range weights {
			cs = append(cs, fmt.Sprintf(`{"creator":"c%d","weight":%q}`, i, weight))
		}
		s := smallSale(order, "USD", "200.00", "s", "")
		return s[:len(s)-1] + `,"creators":[` + strings.Join(cs, ",") + `]}`
	}
	r := w.post(t, "order.captured", "a", sale("A", "33.333333", "33.333333", "33.333333"))
	wantEntries(t, "thirds", r, "Dr assets:processor:pending:main 200.00", "Cr liabilities:seller:pending:s 170.00", "Cr revenue:referral_fee 20.00",
		"Cr liabilities:creator:pending:c0 3.34", "Cr liabilities:creator:pending:c1 3.33", "Cr liabilities:creator:pending:c2 3.33")
	for name, weights := range map[string][]string{"negative": {"-1"}, "exponent": {"1e3"}, "zeros": {"0", "0"}, "text": {"half"}} {
		if r := w.Post(t.Context(), w.book, event(t, "order.captured", name, sale("B", weights...))); fault.CodeOf(r.Err) != "validation-failed" {
			t.Errorf("%s: %v", name, r.Err)
		}
	}
	for _, share := range []string{"1.0001", "100.01", "-0.1"} {
		s := smallSale("B", "USD", "200.00", "s", "")
		s = s[:len(s)-1] + `,"creators":[{"creator":"c","agency":{"id":"a","share":"` + share + `"}}]}`
		if r := w.Post(t.Context(), w.book, event(t, "order.captured", "share"+share, s)); fault.CodeOf(r.Err) != "validation-failed" {
			t.Errorf("a share of %s: %v", share, r.Err)
		}
	}
}

// TestRefundInputs: A44, A45, and refunds that say two things at once or nothing.
func TestRefundsThatSayTooMuch(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "US", "UTC", "USD")
	w.useRules(t, []byte(smallRules))
	w.post(t, "order.captured", "c", smallSale("O", "USD", "100.00", "s", ""))
	for data, want := range map[string]string{
		`{"order":"O","refund":"R","amount":"0"}`:                                              "validation-failed",
		`{"order":"O","refund":"R","amount":"0.00"}`:                                           "validation-failed",
		`{"order":"O","refund":"R","amount":"100.01"}`:                                         "insufficient-funds",
		`{"order":"O","refund":"R","lines":[{"line":1,"quantity":2}]}`:                         "insufficient-funds",
		`{"order":"O","refund":"R","lines":[{"line":2,"quantity":1}]}`:                         "validation-failed",
		`{"order":"O","refund":"R","lines":[{"line":1,"quantity":0}]}`:                         "validation-failed",
		`{"order":"O","refund":"R"}`:                                                           "validation-failed",
		`{"order":"O","refund":"R","full":true,"amount":"1.00"}`:                               "validation-failed",
		`{"order":"O","refund":"R","full":true,"restocking_fee":"100.01"}`:                     "validation-failed",
		`{"order":"O","refund":"R","amount":"1.00","restocking_fee":"0.50"}`:                   "validation-failed",
		`{"order":"O","refund":"R","full":true,"to":"charity"}`:                                "validation-failed",
		`{"order":"X","refund":"R","full":true}`:                                               "order-unknown",
		`{"order":"O","refund":"R","lines":[{"line":1,"quantity":1},{"line":1,"quantity":1}]}`: "validation-failed",
		`{"order":"O","refund":"R","amount":"9999999999999.00"}`:                               "insufficient-funds",
		`{"order":"O","refund":"R","goodwill":true,"full":true}`:                               "validation-failed",
		`{"order":"O","refund":"R","amount":"99999999999999999.00"}`:                           "validation-failed",
	} {
		if r := w.Post(t.Context(), w.book, event(t, "refund.made", "r", data)); fault.CodeOf(r.Err) != want {
			t.Errorf("%s: %v, want %s", data, r.Err, want)
		}
	}
	if head, err := w.ledger.Head(t.Context(), w.book); err != nil || head.LastSequence != 1 {
		t.Errorf("refused refunds left %+v, %v", head, err)
	}
}

// TestCartOfTwoSellers captures a cart as one atomic group with one payment for both orders.
func TestCartOfTwoSellers(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "US", "UTC", "USD")
	w.useRules(t, []byte(smallRules))
	cart := []Event{
		event(t, "order.captured", "cart-a", strings.Replace(smallSale("A", "USD", "60.00", "s1", ""), "pi_A", "pi_cart", 1)),
		event(t, "order.captured", "cart-b", strings.Replace(smallSale("B", "USD", "40.00", "s2", ""), "pi_B", "pi_cart", 1)),
	}
	for _, r := range w.PostAtomic(t.Context(), w.book, cart) {
		if r.Err != nil {
			t.Fatal(r.Err)
		}
	}
	w.post(t, "processor.fee_recorded", "f", `{"processor":"main","payment_id":"pi_cart","amount":"3.20","currency":"USD"}`)
	for _, id := range []string{"A", "B"} {
		o, err := w.Order(t.Context(), w.book, id)
		if err != nil || len(o.Transactions) != 2 {
			t.Fatalf("order %s: %+v, %v", id, o, err)
		}
		checkWaterfall(t, id, o)
	}
	w.post(t, "refund.made", "r", `{"order":"A","refund":"R","full":true}`)
	if r := w.Post(t.Context(), w.book, event(t, "refund.made", "r2", `{"order":"B","refund":"R","amount":"40.01"}`)); fault.CodeOf(r.Err) != "insufficient-funds" {
		t.Errorf("the other order's money: %v", r.Err)
	}
}
