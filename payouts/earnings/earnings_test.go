package earnings

import "testing"

const sale = `{"order":"UK-1","capture":1,"currency":"GBP","placed_at":"2026-11-20T10:00:00Z","seller":"sel_uk","category_set":"default",
"live_session":"LS-12","channel":"app","lines":[{"line":1,"sku":"SKU-9","category":"fashion","quantity":2,"unit_price":"24.99",
"discounts":[{"funder":"seller","amount":"5.00"},{"funder":"platform","amount":"3.00"}]}],
"shipping":{"amount":"2.99","tax":[]},"creators":[{"creator":"cre_amy","weight":"1","agency":{"id":"mcn_ldn","share":"0.30","paid_by":"creator"}}],
"commission_rate":"0.15","payments":[{"processor":"main","payment_id":"pi_1","amount":"44.97"}]}`

func TestTrial(t *testing.T) {
	h := newHouse(t)
	h.post("order.captured", sale)
	h.post("refund.made", `{"order":"UK-1","refund":"r0","lines":[{"line":1,"quantity":1}]}`)
	h.follow()
	h.sound()
	for _, p := range []string{"sel_uk", "cre_amy", "mcn_ldn"} {
		for _, by := range Ways() {
			_, s := h.told(Query{Payee: p, By: by})
			t.Log(p, by, s)
		}
	}
}
