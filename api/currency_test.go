package api

import (
	"fmt"
	"testing"

	"mizan/api/access"
)

// TestCurrenciesOverHTTP converts money and reads what is open, and sets a debt off between two books.
func TestCurrenciesOverHTTP(t *testing.T) {
	t.Parallel()
	h := open(t)
	for _, code := range []string{"gb", "us"} {
		h.must(201, "POST", "/v1/books", `{"code":"`+code+`","name":"N","currencies":["GBP","USD"],"functional_currency":"GBP","time_zone":"UTC","market":"UK"}`)
	}
	h.must(201, "POST", "/v1/books/gb/transactions", `{"reference":"o","event":"opening.balance","entries":[
		{"account":"assets:processor:available:main","direction":"debit","amount":"30.00","currency":"USD"},
		{"account":"liabilities:seller:available:s","direction":"credit","amount":"30.00","currency":"USD"}]}`)
	event := func(status int, book, kind, reference, data string) {
		t.Helper()
		h.must(status, "POST", "/v1/books/"+book+"/events", fmt.Sprintf(`{"type":%q,"reference":%q,"data":%s}`, kind, reference, data))
	}
	quoted := start.Format("2006-01-02T15:04:05Z")
	event(201, "gb", "fx.converted", "c1", `{"conversion":"C1","payee":{"kind":"seller","id":"s"},"from":{"currency":"USD","amount":"20.00"},"to":"GBP","mid":"0.8","margin":"0.01","rate_id":"R-1","source":"x","quoted_at":"`+quoted+`"}`)
	event(201, "gb", "fx.treasury_executed", "t1", `{"deal":"T1","processor":"main","sold":{"currency":"USD","amount":"5.00"},"bought":{"currency":"GBP","amount":"4.01"}}`)
	position := h.must(200, "GET", "/v1/books/gb/fx_position", "").json(t)
	open := position["open"].([]any)[0].(map[string]any)
	if open["subject"] != "conversion:C1" || open["amount"] != "-20.00" || open["open"] != "-15.00" || open["rate_id"] != "R-1" || open["mid"] != "0.8" || len(position["open"].([]any)) != 1 {
		t.Errorf("open: %v", position["open"])
	}
	if got := fmt.Sprint(position["legs"]); got != "[map[balance:11.99 currency:GBP listed:0.00] map[balance:-15.00 currency:USD listed:-15.00]]" {
		t.Errorf("legs: %s", got)
	}

	event(201, "gb", "debt.set_off_out", "s1", `{"transfer":"IC-1","payee":{"kind":"seller","id":"s"},"book":"us","from":{"currency":"USD","amount":"8.00"},"consent":"DOC-1"}`)
	pairs := func(key string) string {
		return fmt.Sprint(h.as(key, "GET", "/v1/books/gb/intercompany", "").json(t)["pairs"])
	}
	_, both := h.key(access.NewKey{Scopes: []access.Scope{access.BalancesRead}})
	_, one := h.key(access.NewKey{Scopes: []access.Scope{access.BalancesRead}, Books: []string{"gb"}})
	if got := pairs(both); got != "[map[book:us currency:USD difference:8.00 ours:8.00 theirs:0.00]]" {
		t.Errorf("before the other book knows: %s", got)
	}
	event(201, "us", "debt.set_off_in", "s1", `{"transfer":"IC-1","payee":{"kind":"seller","id":"s"},"book":"gb","amount":{"currency":"USD","amount":"8.00"},"consent":"DOC-1"}`)
	if got := pairs(both); got != "[map[book:us currency:USD difference:0.00 ours:8.00 theirs:8.00]]" {
		t.Errorf("when both know: %s", got)
	}
	if got := pairs(one); got != "[map[book:us currency:USD ours:8.00]]" {
		t.Errorf("with a key of one book: %s", got)
	}
}
