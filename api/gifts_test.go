package api

import (
	"strings"
	"testing"
)

// chainEvents are the gift whose chain was reported: 106.00 from which the family got 19.32.
var chainEvents = []string{
	`{"type":"coins.purchased","reference":"c1","data":{"purchase":"CP-1","store":"apple","currency":"GBP","amount":"106.00"}}`,
	`{"type":"appstore.fee_recorded","reference":"c2","data":{"store":"apple","purchase":"CP-1","currency":"GBP","amount":"31.80"}}`,
	`{"type":"gift.sent","reference":"c3","data":{"gift":"G-1","creator":"cre_camp","live_session":"LS-3","currency":"GBP","amount":"106.00","share":"0.3116"}}`,
}

const chainSplit = `{"split":"SP-1","kind":"creator","payee":"cre_camp","currency":"GBP","amount":"33.03","source":"gift:G-1","receivers":[
 {"kind":"partner","id":"money_shop","base":"gross","rate":"0.10"},{"kind":"agency","id":"middleman","base":"rest","rate":"0.35"},{"kind":"creator","id":"family","base":"rest","rate":"1"}]}`

// TestGiftChain reads a gift's chain before and after it was divided, and after its purchase was refunded.
func TestGiftChain(t *testing.T) {
	t.Parallel()
	h := open(t)
	const gift = "/v1/books/uk/gifts/G-1"
	h.refused(404, "gift-unknown", "GET", gift, "")
	for _, e := range chainEvents {
		h.must(201, "POST", "/v1/books/uk/events", e)
	}
	contains(t, h.must(200, "GET", gift, "").body, `"state":"available"`, `"kind":"creator","receiver":"cre_camp","amount":"33.03","percentage":"31.16"`,
		`{"kind":"platform","amount":"41.17","percentage":"38.84"`, `{"purchase":"CP-1","store":"apple","amount":"106.00","store_fee":"31.80"}`)
	h.must(201, "POST", "/v1/books/uk/splits", chainSplit)
	h.refused(409, "split-source", "POST", "/v1/books/uk/splits", strings.Replace(chainSplit, "SP-1", "SP-2", 1))
	body := h.must(200, "GET", gift, "").body
	contains(t, body, `"given":"106.00","stands":"106.00"`, `"traced":true`,
		`{"kind":"store","receiver":"apple","amount":"31.80","percentage":"30.00"`,
		`{"kind":"platform","amount":"41.17","percentage":"38.84"`,
		`{"kind":"partner","receiver":"money_shop","amount":"3.30","percentage":"3.11"`,
		`{"kind":"agency","receiver":"middleman","amount":"10.41","percentage":"9.82"`,
		`{"kind":"creator","receiver":"family","amount":"19.32","percentage":"18.23"`)
	if n := strings.Count(body, `"percentage"`); n != 5 || strings.Contains(body, `"receiver":"cre_camp"`) {
		t.Errorf("%d legs: %s", n, body)
	}
	h.refused(422, "validation-failed", "GET", "/v1/books/uk/gifts/G:1", "")
	h.refused(409, "coin-gifts", "POST", "/v1/books/uk/events", `{"type":"coins.purchase_refunded","reference":"c4","data":{"purchase":"CP-1","gifts":["G-2"]}}`)
	h.must(201, "POST", "/v1/books/uk/events", `{"type":"coins.purchase_refunded","reference":"c5","data":{"purchase":"CP-1"}}`)
	body = h.must(200, "GET", gift, "").body
	contains(t, body, `"given":"106.00","stands":"0.00","state":"reversed"`, `"receiver":"cre_camp","amount":"-33.03"`, `"receiver":"family","amount":"19.32"`)
	if strings.Contains(body, "percentage") {
		t.Errorf("nothing has parts: %s", body)
	}
}

func contains(t *testing.T, body string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(body, part) {
			t.Errorf("%s is not in %s", part, body)
		}
	}
}
