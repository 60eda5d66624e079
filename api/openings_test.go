package api

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestOpening takes over a balance and an open order: dry, for good, again, and what is refused.
func TestOpening(t *testing.T) {
	t.Parallel()
	h := open(t)
	const openings = "/v1/books/uk/openings"
	raw, err := json.Marshal(openingExample())
	if err != nil {
		t.Fatal(err)
	}
	body := string(raw)
	dry := h.must(200, "POST", openings+"?dry_run=true", body).json(t)
	if dry["orders"] != 1.0 || len(dry["transactions"].([]any)) != 2 {
		t.Errorf("%v", dry)
	}
	h.must(404, "GET", "/v1/books/uk/orders/UK-900", "")
	for _, c := range []struct {
		status                int
		code, old, other, say string
	}{
		{422, "opening-totals", `"debits":"40.00"`, `"debits":"41.50"`, "1.50"},
		{422, "opening-difference", `"amount":"32.40"`, `"amount":"31.00"`, "posted 31.00, the rules give 32.40"},
		{422, "validation-failed", `"signed_by":["u_17","u_23"]`, `"signed_by":["u_17","u_17"]`, "Two different people"},
		{422, "validation-failed", `"posted":[`, `"posted":[],"refunds":[],"nothing":[`, "/orders/0"},
		{422, "validation-failed", `"account":"revenue:referral_fee"`, `"account":"assets:bank:operating"`, "/orders/0/posted/"},
		{422, "validation-failed", `"account":"assets:processor:available:main"`, `"account":"liabilities:seller:pending:sel_uk"`, "/balances/0/account"},
		{422, "validation-failed", `"quantity":1`, `"quantity":0`, "/orders/0/terms/lines/0"},
		{404, "rule-set-unknown", `"posted":[`, `"rules":"nobody-1","posted":[`, "UK-900"},
	} {
		for _, query := range []string{"", "?dry_run=true"} {
			r := h.refused(c.status, c.code, "POST", openings+query, strings.Replace(body, c.old, c.other, 1))
			if !strings.Contains(r.body, c.say) {
				t.Errorf("%s does not say %q: %s", c.code, c.say, r.body)
			}
		}
	}
	first := h.must(201, "POST", openings, body)
	again := h.must(200, "POST", openings, body)
	if again.body != first.body || again.Header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("again: %s, first: %s", again.body, first.body)
	}
	h.refused(409, "reference-reused", "POST", openings, strings.Replace(body, "DOC-88", "DOC-99", 1))
	r := h.refused(409, "already-recorded", "POST", openings, strings.Replace(body, "MIG-2026-11", "MIG-2", 1))
	if !strings.Contains(r.body, "UK-900") {
		t.Errorf("%s", r.body)
	}
	h.refused(403, "event-reserved", "POST", "/v1/books/uk/events", `{"type":"opening.order","reference":"r3","data":{}}`)
	order := h.must(200, "GET", "/v1/books/uk/orders/UK-900", "").json(t)
	if order["refundable"] != "40.00" || order["rule_set"] != "uk-1" {
		t.Errorf("%v", order)
	}
	h.must(201, "POST", "/v1/books/uk/events", `{"type":"refund.made","reference":"rf-1","data":{"order":"UK-900","refund":"RF-1","full":true}}`)
	for account, want := range map[string]string{"liabilities:seller:pending:sel_uk": "0.00", "liabilities:creator:pending:cre_amy": "0.00", "revenue:referral_fee": "-3.00", "liabilities:tax:vat:UK:on-fees": "0.00"} {
		if got := h.must(200, "GET", "/v1/books/uk/balances?prefix="+account, "").body; !strings.Contains(got, `"balance":"`+want+`"`) {
			t.Errorf("%s: %s, want %s", account, got, want)
		}
	}
}
