package console

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"mizan/ledger"
	"mizan/ledger/commerce"
)

const ukSale = `{"order":"UK-1","capture":1,"currency":"GBP","placed_at":"2026-11-20T10:00:00Z","seller":"sel_uk","category_set":"default","live_session":"LS-12","channel":"app",
"lines":[{"line":1,"sku":"SKU-9","category":"fashion","quantity":2,"unit_price":"24.99","discounts":[{"funder":"seller","amount":"5.00"},{"funder":"platform","amount":"3.00"}],
"tax":[{"jurisdiction":"UK","kind":"vat","owed_by":"seller","amount":"0.00","included":true}]}],"shipping":{"amount":"2.99","tax":[]},
"creators":[{"creator":"cre_amy","weight":"1","agency":{"id":"mcn_ldn","share":"0.30","paid_by":"creator"}}],"commission_rate":"0.15","payments":[{"processor":"main","payment_id":"pi_1","amount":"44.97"}]}`

// happened records a business event.
func (h *house) happened(book ledger.Book, kind, reference, data string) {
	h.t.Helper()
	et, err := commerce.TypeOf(kind)
	if err != nil {
		h.t.Fatal(err)
	}
	e := commerce.Event{Type: kind, Reference: reference, Data: et.New()}
	if err := json.Unmarshal([]byte(data), e.Data); err != nil {
		h.t.Fatal(err)
	}
	if r := h.events.Post(h.t.Context(), book, e); r.Err != nil {
		h.t.Fatal(r.Err)
	}
}

// TestOwnOrder reads the order of domain 5.1 as its creator, its seller and its agency, and as somebody who has no part in it.
func TestOwnOrder(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	uk := h.book("uk", "Souk UK", "GBP")
	for _, p := range []commerce.Payee{{ID: "cre_amy", Kind: "creator"}, {ID: "cre_bob", Kind: "creator"}, {ID: "sel_uk", Kind: "seller"}, {ID: "mcn_ldn", Kind: "agency"}} {
		h.register(uk, p)
	}
	h.happened(uk, "order.captured", "UK-1", ukSale)
	h.happened(uk, "processor.fee_recorded", "f", `{"processor":"main","kind":"fee","payment_id":"pi_1","amount":"0.87","currency":"GBP"}`)
	amy := h.payee(uk, "cre_amy")
	p := amy.get("/portal/orders/UK-1?return=1&units=1", 200)
	p.has(t, "Order UK-1", "estimated", "£4.41", "It can settle 7 full days after it arrives", "You would give back £2.20.", "£2.21 of this order would stay yours.", "Commission -3.15", "Agency share 0.95")
	h.happened(uk, "order.delivered", "d", `{"order":"UK-1","delivered_at":"2026-11-20T18:00:00Z","last_parcel":true}`)
	h.happened(uk, "after_sales.opened", "case", `{"order":"UK-1","case":"RMA-7"}`)
	amy.get("/portal/orders/UK-1", 200).has(t, "on hold", "The buyer opened a return or complaint.", "It may settle on Nov 28, 2026, because it arrived on Nov 20, 2026 and 7 full days must pass.")
	h.happened(uk, "after_sales.closed", "closed", `{"order":"UK-1","case":"RMA-7"}`)
	if r := h.events.Settle(t.Context(), uk, "UK-1", commerce.Settlement{}); r.Err != nil {
		t.Fatal(r.Err)
	}
	h.happened(uk, "refund.made", "RF-1", `{"order":"UK-1","refund":"RF-1","lines":[{"line":1,"quantity":1}],"shipping":"keep","fault":"seller","payment_refund_id":"re_1","shipped":true}`)
	p = amy.get("/portal/orders/UK-1", 200)
	p.has(t, "settled", "£2.21", "The buyer paid -23.98", "You 2.21", "Your agency 0.94", "The seller, the platform's fees, taxes and others 20.83", "Sum 0.00",
		"Commission 6.30", "Agency share -1.89", "Commission -3.15", "Agency share 0.95", "Goods at list price 24.99", "Seller's discount -2.50", "Base 20.99", "Rate, frozen 15%", "Exactly 3.1485", "Comes to 3.15",
		"Stood at 6.30, stands at 3.15: -3.15 in this step.", "rules uk-1", "£4.41 became available.", "is paid with your next payout")
	p.hasNot(t, "sel_uk", "mcn_ldn", "pi_1", "re_1", "0.87", "assets:", "revenue:")
	seller := h.payee(uk, "sel_uk").get("/portal/orders/UK-1", 200)
	seller.has(t, "£20.17", "Creators 2.21", "Agencies 0.94", "Sale 44.97", "Discount paid by the platform 3.00", "Commission -6.30", "0.68 of it is tax.")
	seller.hasNot(t, "cre_amy", "mcn_ldn", "pi_1", "0.87")
	h.payee(uk, "mcn_ldn").get("/portal/orders/UK-1", 200).hasNot(t, "cre_amy", "sel_uk")

	bob := h.payee(uk, "cre_bob")
	hidden, missing := bob.get("/portal/orders/UK-1", 404), bob.get("/portal/orders/UK-2", 404)
	if hidden.source != strings.ReplaceAll(missing.source, "UK-2", "UK-1") {
		t.Error("an order of others looks unlike one that does not exist")
	}
	for _, path := range []string{"/portal/orders/UK-1?payee=cre_amy", "/portal/orders?payee=cre_amy", "/portal/orders/UK%2F1", "/portal/orders/UK-1?return=1"} {
		bob.get(path, 404)
	}
	amy.get("/portal/orders/UK-1?return=99", 400)
	amy.get("/portal/orders?state=paid", 400)
	amy.get("/portal/orders?after=x", 400)
	amy.get("/portal/orders?currency=USD", 400)
	amy.get("/portal/orders", 200).has(t, "UK-1 settled Nov 20, 2026 £2.21")
	amy.get("/portal/orders?state=held", 200).has(t, "No orders here yet.")
	amy.get("/portal/orders?order=UK-9", 200).has(t, "You have no part in an order of this id.")
	if found := amy.get("/portal/orders?order=UK-1", 200); !strings.Contains(found.source, `content="0;url=/portal/orders/UK-1"`) {
		t.Error("the search leads nowhere")
	}
	bob.get("/portal/orders", 200).hasNot(t, "UK-1")
	if status, _ := h.browser().send(http.MethodGet, "/portal/orders", nil); status != http.StatusSeeOther {
		t.Errorf("a stranger: %d", status)
	}
}

// TestOwnMoney tells what waits, what is available, and why the next payout pays nothing.
func TestOwnMoney(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	uk := h.book("uk", "Souk UK", "GBP")
	for _, p := range []commerce.Payee{{ID: "cre_amy", Kind: "creator"}, {ID: "cre_bob", Kind: "creator"}, {ID: "sel_uk", Kind: "seller"}} {
		h.register(uk, p)
	}
	h.happened(uk, "order.captured", "UK-1", ukSale)
	h.happened(uk, "order.captured", "UK-2", strings.NewReplacer("UK-1", "UK-2", "pi_1", "pi_2").Replace(ukSale))
	if r := h.events.Settle(t.Context(), uk, "UK-2", commerce.Settlement{}); r.Err != nil {
		t.Fatal(r.Err)
	}
	amy := h.payee(uk, "cre_amy")
	p := amy.get("/portal/money", 200)
	p.has(t, "The way of my money", "On its way Earned. It becomes available as orders settle. £4.41", "Available Yours to be paid out. £4.41", "Being paid Sent to you, not confirmed yet. £0.00")
	p.hasNot(t, "sel_uk", "cre_bob")
	h.payee(uk, "cre_bob").get("/portal/money", 200).has(t, "Nothing was earned yet.")
	h.payee(uk, "cre_bob").get("/portal/money?payee=cre_amy", 404)
	h.happened(uk, "refund.made", "RF-2", `{"order":"UK-2","refund":"RF-2","full":true}`)
	h.happened(uk, "charge.recorded", "L", `{"kind":"return.shipping_charged","party":"sel_uk","order":"UK-2","currency":"GBP","amount":"3.20","counterparty":"evri"}`)
	h.payee(uk, "sel_uk").get("/portal/money", 200).has(t, "You owe", "-£3.20")
	for _, lang := range []string{"ar", "zh", "id", "vi", "th", "ms", "fil"} {
		for _, path := range []string{"/portal/money", "/portal/orders", "/portal/orders/UK-1", "/portal/orders/UK-1?return=all"} {
			at := path + "?lang=" + lang
			if strings.Contains(path, "?") {
				at = path + "&lang=" + lang
			}
			amy.get(at, 200).hasNot(t, "Commission", "Your share", "settle on", "Sum", ">order.", ">orders.", ">money.", "{")
		}
	}
}
