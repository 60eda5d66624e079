package api

import (
	"fmt"
	"testing"

	"mizan/api/access"
)

// TestPayeesOverHTTP registers payees, pages through them, changes one, and reads what is set aside for it.
func TestPayeesOverHTTP(t *testing.T) {
	t.Parallel()
	h := open(t)
	const payees = "/v1/books/uk/payees"
	h.refused(422, "guardian-missing", "POST", payees, `{"id":"kid","kind":"creator","country":"UK","currency":"GBP","minor":true,"guardian":"gua"}`)
	h.must(201, "POST", payees, `{"id":"gua","kind":"guardian","country":"UK","currency":"GBP"}`)
	kid := `{"id":"kid","kind":"creator","country":"UK","currency":"GBP","minor":true,"guardian":"gua"}`
	first := h.must(201, "POST", payees, kid)
	if again := h.must(200, "POST", payees, kid); again.body != first.body || again.Header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("again: %s", again.body)
	}
	h.refused(409, "payee-exists", "POST", payees, `{"id":"kid","kind":"creator","country":"UK","currency":"GBP"}`)
	h.refused(422, "validation-failed", "POST", payees, `{"id":"x","kind":"buyer","country":"UK","currency":"GBP"}`)
	h.refused(422, "validation-failed", "POST", payees, `{"id":"x","kind":"creator","country":"UK","currency":"GBP","name":"Example Person"}`)
	for i := range 3 {
		h.must(201, "POST", payees, fmt.Sprintf(`{"id":"p%d","kind":"seller","country":"UK","currency":"GBP"}`, i))
	}
	var ids []string
	for path := payees + "?limit=2"; ; {
		page := h.must(200, "GET", path, "").json(t)
		for _, p := range page["data"].([]any) {
			ids = append(ids, p.(map[string]any)["id"].(string))
		}
		next, ok := page["next_cursor"].(string)
		if !ok {
			break
		}
		path = payees + "?limit=2&cursor=" + next
	}
	if fmt.Sprint(ids) != "[gua kid p0 p1 p2]" {
		t.Errorf("the list: %v", ids)
	}
	h.refused(400, "cursor-invalid", "GET", payees+"?cursor=abc", "")
	h.refused(404, "payee-unknown", "GET", payees+"/nobody", "")

	h.must(201, "POST", "/v1/books/uk/events", `{"type":"commission.earned","reference":"e","data":{"commission":"A","seller":"s","creator":"kid","currency":"GBP","amount":"10.01"}}`)
	h.must(201, "POST", "/v1/books/uk/releases", `{"source":"commission:A"}`)
	h.refused(422, "gift-to-minor", "POST", "/v1/books/uk/events",
		`{"type":"tip.sent","reference":"t","data":{"tip":"T","creator":"kid","currency":"GBP","amount":"5.00","processor":"main","payment_id":"p"}}`)
	trust := h.must(200, "GET", payees+"/kid/trust", "").json(t)["data"].([]any)[0].(map[string]any)
	if trust["set_aside"] != "1.51" || trust["deposited"] != "0.00" || trust["due"] != "0.00" {
		t.Errorf("the trust: %v", trust)
	}
	if got := h.must(200, "GET", payees+"/gua/trust", "").body; got != `{"data":[]}` {
		t.Errorf("nobody's trust: %s", got)
	}

	h.refused(422, "validation-failed", "PATCH", payees+"/kid", `{"minor":false}`)
	// What protects a child is not changed by one caller alone, whatever else the change is about; the rest is.
	_, alone := h.key(access.NewKey{Scopes: []access.Scope{access.Everything}})
	for _, change := range []string{`"minor":false`, `"guardian":"gua"`, `"trust_rate":"0"`, `"trust_rate":"0.15"`, `"settlement_tier":"short","minor":true`} {
		if a := h.as(alone, "PATCH", payees+"/kid", `{"version":1,`+change+`}`); a.StatusCode != 403 || a.code() != "approval-required" {
			t.Errorf("%s by one caller: %d %s", change, a.StatusCode, a.body)
		}
	}
	if a := h.as(alone, "PATCH", payees+"/p1", `{"version":1,"settlement_tier":"short"}`); a.StatusCode != 200 {
		t.Errorf("a tier by one caller: %d %s", a.StatusCode, a.body)
	}
	changed := h.must(200, "PATCH", payees+"/kid", `{"version":1,"minor":false}`)
	if p := changed.json(t); p["minor"] != false || p["guardian"] != "" || p["version"] != 2.0 {
		t.Errorf("changed: %v", p)
	}
	if again := h.must(200, "PATCH", payees+"/kid", `{"version":1,"minor":false}`); again.body != changed.body {
		t.Errorf("the same change again: %s", again.body)
	}
	h.refused(409, "payee-version", "PATCH", payees+"/kid", `{"version":1,"settlement_tier":"short"}`)
	h.must(201, "POST", "/v1/books/uk/events", `{"type":"minor_trust.released","reference":"r","data":{"release":"R","creator":"kid","currency":"GBP"}}`)
}
