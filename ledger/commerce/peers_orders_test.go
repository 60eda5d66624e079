package commerce

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// Bugs that other systems had, by their number in the list of peers' bugs, and bad inputs by theirs.

// peerRules is a rule set with one fee whose categories differ, a commission and an agency, without caps.
const peerRules = `{"set":"peers","version":1,"market":"US","valid_from":"2021-01-01T00:00:00Z","title":"Peers","researched":true,"signature":{"by":"Example Person","at":"2019-12-01T00:00:00Z","document":"DOC-1"},"sources":[{"id":"A","trust":"A","text":"test"}],
"rules":[{"id":"referral","kind":"fee","title":"Referral","to":"revenue:referral_fee","base":{"components":["goods_list","-seller_discount"]},"rate":"0.06","rates":[{"category":"ten","rate":"0.10"},{"category":"fifteen","rate":"0.15"}],"rounding":"half_even","on_refund":"recompute","source":"A"},
{"id":"affiliate","kind":"commission","title":"Commission","base":{"components":["goods_list","-seller_discount","-platform_discount"]},"rate":"0.1","rounding":"half_even","source":"A"},
{"id":"agency","kind":"agency","title":"Agency","rounding":"half_even","source":"A"}],
"policies":{"settlement":{"tiers":{"standard":7},"tier":"standard","reserve_rate":"0","reserve_days":0},"dispute":{"platform_reasons":["fraudulent"],"no_tax_relief":false,"fee_recovery":"net","hold_creators":false,"double_payment":"platform"},"payment_failure":{"liability":"platform"}}}`

func newPeerBench(t *testing.T) *workbench {
	w := newWorkbench(t, "US", "America/Chicago", "USD", "JPY", "KWD", "IDR")
	w.useRules(t, []byte(peerRules))
	return w
}

// moved is the net of what results posted to an account, in its favour.
func moved(account string, results ...Result) (sum money.Minor) {
	for _, r := range results {
		for _, x := range r.Transactions {
			for _, e := range x.Entries {
				if string(e.Account) == account {
					sum -= e.Amount
				}
			}
		}
	}
	return sum
}

// TestPeer25StackedPartialRefunds: net 52, tax 10, refunds of 32, 9, 8, 3, 6, 3 and the last 1 give back 52 and 10.
func TestPeer25StackedPartialRefunds(t *testing.T) {
	t.Parallel()
	w := newPeerBench(t)
	sale := w.post(t, "order.captured", "c", `{"order":"o","currency":"USD","placed_at":"2026-11-20T10:00:00Z","seller":"s","lines":[{"line":1,"sku":"A","quantity":1,"unit_price":"52.00",
		"tax":[{"jurisdiction":"US-TX","kind":"sales","owed_by":"platform","amount":"10.00"}]}],"payments":[{"processor":"main","payment_id":"p","amount":"62.00"}]}`)
	const tax, cash = "liabilities:tax:sales:US-TX", "assets:processor:available:main"
	if got := moved(tax, sale); got != 1000 {
		t.Fatalf("the sale owes %d of tax", got)
	}
	var all []Result
	back := money.Minor(0)
	for i, amount := range []int{32, 9, 8, 3, 6, 3} {
		all = append(all, w.post(t, "refund.made", fmt.Sprint("r", i), fmt.Sprintf(`{"order":"o","refund":"%d","amount":"%d.00"}`, i, amount)))
		back += money.Minor(amount * 100)
		if paid, taxed := moved(cash, all...), -moved(tax, all...); paid != back || taxed > 1000 || back-taxed > 5200 {
			t.Errorf("after %d: %d paid, of which %d tax", back, paid, taxed)
		}
	}
	if r := w.Post(t.Context(), w.book, event(t, "refund.made", "x", `{"order":"o","refund":"x","amount":"1.01"}`)); fault.CodeOf(r.Err) != errRefundTooLarge.Code {
		t.Errorf("more than what is left: %v", r.Err)
	}
	all = append(all, w.post(t, "refund.made", "last", `{"order":"o","refund":"last","amount":"1.00"}`))
	if paid, taxed := moved(cash, all...), -moved(tax, all...); paid != 6200 || taxed != 1000 {
		t.Errorf("in the end %d was paid, of which %d tax; want 6200 and 1000", paid, taxed)
	}
	all = append(all, sale)
	if fee, seller := moved("revenue:referral_fee", all...), moved("liabilities:seller:pending:s", all...); fee != 0 || seller != 0 {
		t.Errorf("the fee ends at %d and the seller at %d", fee, seller)
	}
}

// TestPeer26EachLineAtItsRate: a refund of the half at 10 % gives back 10 % of it, not the order's average.
func TestPeer26EachLineAtItsRate(t *testing.T) {
	t.Parallel()
	for _, captures := range []int{1, 2} {
		w := newPeerBench(t)
		line := func(n int, category string) string {
			return fmt.Sprintf(`{"line":%d,"sku":"A","category":%q,"quantity":1,"unit_price":"100.00"}`, n, category)
		}
		head := `{"order":"o","currency":"USD","placed_at":"2026-11-20T10:00:00Z","seller":"s",`
		if captures == 1 {
			w.post(t, "order.captured", "c1", head+`"lines":[`+line(1, "ten")+","+line(2, "fifteen")+`],"payments":[{"processor":"main","payment_id":"p","amount":"200.00"}]}`)
		} else {
			w.post(t, "order.captured", "c1", head+`"lines":[`+line(1, "ten")+`],"payments":[{"processor":"main","payment_id":"p","amount":"100.00"}]}`)
			w.post(t, "order.captured", "c2", head+`"capture":2,"lines":[`+line(2, "fifteen")+`],"payments":[{"processor":"main","payment_id":"q","amount":"100.00"}]}`)
		}
		r := w.post(t, "refund.made", "r", `{"order":"o","refund":"1","lines":[{"line":1,"quantity":1}]}`)
		if got := moved("revenue:referral_fee", r); got != -1000 {
			t.Errorf("%d captures: the fee gives %d back, want 10.00", captures, -got)
		}
		text, _ := json.Marshal(r.Explanation)
		if err := recompute(text); err != nil {
			t.Error(err)
		}
		r = w.post(t, "refund.made", "r2", `{"order":"o","refund":"2","full":true}`)
		if got := moved("revenue:referral_fee", r); got != -1500 {
			t.Errorf("%d captures: the fee of the rest gives %d back, want 15.00", captures, -got)
		}
	}
}

// TestPeer29NothingLostBeforeRounding: values a hair below a whole are rounded once, and the header is the sum of its lines.
func TestPeer29NothingLostBeforeRounding(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ rate, base, half, floor string }{
		{"0.179699999999", "100.00", "17.97", "17.96"}, {"0.333333333333", "0.03", "0.01", "0.00"}, {"0.857150000000", "100.00", "85.72", "85.71"}, {"0.857149999999", "100.00", "85.71", "85.71"},
	} {
		base, err := money.ParseAmount(c.base, "USD")
		if err != nil {
			t.Fatal(err)
		}
		for mode, want := range map[string]string{"half_even": c.half, "floor": c.floor} {
			m, _ := money.ParseRounding(mode)
			got, err := money.MustRate(c.rate).Of(base, m, 1)
			if err != nil || got.Format("USD") != want {
				t.Errorf("%s of %s %s is %s, %v; want %s", c.rate, c.base, mode, got.Format("USD"), err, want)
			}
		}
	}
	w := newPeerBench(t)
	sale := w.post(t, "order.captured", "c", raceSale("o", 3, "5.99", "17.97"))
	if got := moved("assets:processor:pending:main", sale); got != -1797 {
		t.Errorf("the header is %d, its lines 17.97", -got)
	}
}

// TestPeer30Decimals: currencies of no, two and three decimals post in their own units.
func TestPeer30Decimals(t *testing.T) {
	t.Parallel()
	w := newPeerBench(t)
	for i, c := range []struct{ currency, price, fee, bad string }{{"JPY", "1250", "75", "12.5"}, {"KWD", "8.250", "0.495", "8.2501"}, {"IDR", "1050.00", "63.00", "10.50"}, {"USD", "17.99", "1.08", "17.999"}} {
		sale := func(order, price string) string {
			return fmt.Sprintf(`{"order":%q,"currency":%q,"placed_at":"2026-11-20T10:00:00Z","seller":"s","lines":[{"line":1,"sku":"A","quantity":1,"unit_price":%q}],"payments":[{"processor":"main","payment_id":%q,"amount":%q}]}`, order, c.currency, price, order, price)
		}
		r := w.post(t, "order.captured", fmt.Sprint(i), sale("o"+c.currency, c.price))
		if got := moved("revenue:referral_fee", r).Format(money.Currency(c.currency)); got != c.fee {
			t.Errorf("%s: the fee of %s is %s, want %s", c.currency, c.price, got, c.fee)
		}
		if r := w.Post(t.Context(), w.book, event(t, "order.captured", fmt.Sprint(i, "bad"), sale("bad", c.bad))); fault.CodeOf(r.Err) != ledger.ErrInvalid.Code {
			t.Errorf("%s %s: %v", c.currency, c.bad, r.Err)
		}
	}
}

// TestPeer31Splits (A43): weights that sum to nothing are refused, those that sum to anything else lose no cent, shares
// outside 0 to 1 are refused. That no life panics and no share is negative is for TestRandomLives.
func TestPeer31Splits(t *testing.T) {
	t.Parallel()
	w := newPeerBench(t)
	sale := func(order string, weights ...string) Event {
		creators := make([]string, len(weights))
		for i, x := range weights {
			creators[i] = fmt.Sprintf(`{"creator":"c%d","weight":%q}`, i, x)
		}
		return event(t, "order.captured", order, `{"order":"`+order+`","currency":"USD","placed_at":"2026-11-20T10:00:00Z","seller":"s","lines":[{"line":1,"sku":"A","quantity":1,"unit_price":"100.00"}],
			"creators":[`+strings.Join(creators, ",")+`],"commission_rate":"0.1","payments":[{"processor":"main","payment_id":"`+order+`","amount":"100.00"}]}`)
	}
	for name, weights := range map[string][]string{"none": {"0", "0"}, "negative": {"-1", "2"}, "text": {"x"}, "exponent": {"1e3"}} {
		if r := w.Post(t.Context(), w.book, sale(name, weights...)); fault.CodeOf(r.Err) != ledger.ErrInvalid.Code {
			t.Errorf("%s: %v", name, r.Err)
		}
	}
	for name, weights := range map[string][]string{"over": {"100.01"}, "thirds": {"33.333333", "33.333333", "33.333333"}, "part": {"0.2", "0.3"}, "hundred": {"50", "50.01"}} {
		r := w.Post(t.Context(), w.book, sale(name, weights...))
		if r.Err != nil {
			t.Errorf("%s: %v", name, r.Err)
			continue
		}
		sum := money.Minor(0)
		for i := range weights {
			sum += moved(fmt.Sprint("liabilities:creator:pending:c", i), r)
		}
		if sum != 1000 {
			t.Errorf("%s: the creators have %d of 10.00", name, sum)
		}
	}
	for _, share := range []string{"1.01", "-0.1"} {
		e := event(t, "order.captured", "a"+share, strings.ReplaceAll(raceSale("a", 1, "1.00", "1.00"), `"share":"0.2"`, `"share":"`+share+`"`))
		if r := w.Post(t.Context(), w.book, e); fault.CodeOf(r.Err) != ledger.ErrInvalid.Code {
			t.Errorf("agency share %s: %v", share, r.Err)
		}
	}
	w.verify(t)
}

// TestPeer33OtherCurrency (B16): a currency that the book does not post in is refused, also as that of one part of an order.
func TestPeer33OtherCurrency(t *testing.T) {
	t.Parallel()
	w := newPeerBench(t)
	r := w.Post(t.Context(), w.book, event(t, "order.captured", "vnd", strings.ReplaceAll(raceSale("v", 1, "1", "1"), `"USD"`, `"VND"`)))
	var f *fault.Error
	if f, _ = r.Err.(*fault.Error); f == nil || len(f.Fields) == 0 || f.Fields[0].Code != "currency-not-enabled" {
		t.Errorf("B16: %v", r.Err)
	}
	w.post(t, "order.captured", "c", raceSale("o", 1, "10.00", "10.00"))
	for kind, data := range map[string]string{
		"charge.recorded":            `{"kind":"return.shipping_charged","party":"s","order":"o","currency":"JPY","amount":"10","counterparty":"dhl"}`,
		"adjustment.posted":          `{"adjustment":"a","order":"o","kind":"seller","payee":"s","direction":"credit","currency":"JPY","amount":"10","reason":"r","document":"d"}`,
		"payment.duplicate_received": `{"order":"o","processor":"main","payment_id":"p2","currency":"JPY","amount":"10"}`,
	} {
		if r := w.Post(t.Context(), w.book, event(t, kind, kind, data)); fault.CodeOf(r.Err) != ledger.ErrInvalid.Code {
			t.Errorf("%s in another currency: %v", kind, r.Err)
		}
	}
	if r := w.Post(t.Context(), w.book, event(t, "order.captured", "c2", strings.ReplaceAll(strings.ReplaceAll(raceSale("o", 1, "10", "10"), `"USD"`, `"JPY"`), `"order":"o",`, `"order":"o","capture":2,`))); fault.CodeOf(r.Err) != ErrOrderTerms.Code {
		t.Errorf("a capture in another currency: %v", r.Err)
	}
}

func replaceAll(s string, pairs ...string) string { return strings.NewReplacer(pairs...).Replace(s) }
