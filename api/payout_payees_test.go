package api

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"mizan/api/access"
)

// asks has a session ask for an act in the book uk.
func (h *judge) asks(session, act, payload string) answer {
	return h.by(session, "POST", "/v1/books/uk/approvals", `{"act":"`+act+`","payload":`+payload+`,"reason":"For the tests.","document":"doc-1"}`)
}

// agreed has finance ask and an approver agree.
func (h *judge) agreed(act, payload string) map[string]any {
	h.t.Helper()
	a := h.asks(h.finance, act, payload)
	if a.StatusCode != 201 {
		h.t.Fatalf("%s: %d %s", act, a.StatusCode, a.body)
	}
	v := a.json(h.t)
	done := h.consent(h.approver, v["id"].(string), v["hash"].(string))
	if done.StatusCode != 200 {
		h.t.Fatalf("%s: %d %s", act, done.StatusCode, done.body)
	}
	return done.json(h.t)
}

const amyTo = `{"payee":"cre_amy","rail":"connected","account":"` + firstAccount + `","currencies":["GBP"],"mode":"manual"}`

// J14 to J17, and the doors around two people, for where money goes.
func TestWhereAPayeeIsPaidTakesTwo(t *testing.T) {
	t.Parallel()
	h := newJudge(t)
	_, wide := h.key(access.NewKey{Scopes: []access.Scope{access.PayoutsWrite, access.PayoutsRead}, Books: []string{"uk"}})
	for door, a := range map[string]answer{
		"a key":       h.as(wide, "POST", "/v1/books/uk/payees/cre_amy/destinations", `{"rail":"connected","account":"`+firstAccount+`","currencies":["GBP"],"reason":"x"}`),
		"a person":    h.by(h.finance, "POST", "/v1/books/uk/payees/cre_amy/destinations", `{"rail":"connected","account":"`+firstAccount+`","currencies":["GBP"],"reason":"x"}`),
		"a release":   h.as(wide, "POST", "/v1/books/uk/holds/hold_1/release", `{"document":"d","reason":"x"}`),
		"a policy":    h.as(wide, "POST", "/v1/books/uk/payout_policies", `{}`),
		"the vault's": h.as(h.own, "PATCH", "/v1/books/uk/data_subjects/payee:cre_amy", `{"fields":{"bank_account":"GB33BUKB20201555555555"},"reason":"x"}`),
	} {
		if a.StatusCode != 403 || a.code() != "approval-required" {
			t.Errorf("%s alone: %d %s", door, a.StatusCode, a.body)
		}
	}
	ask := func(session string) (id, hash string) {
		a := h.asks(session, "payout.destination", amyTo)
		if a.StatusCode != 201 {
			t.Fatalf("ask: %d %s", a.StatusCode, a.body)
		}
		v := a.json(t)
		return v["id"].(string), v["hash"].(string)
	}
	if a := h.asks(h.amy, "payout.destination", amyTo); a.StatusCode != 403 {
		t.Errorf("a payee asks: %d %s", a.StatusCode, a.body)
	}
	if a := h.asks(h.auditor, "payout.destination", amyTo); a.StatusCode != 403 {
		t.Errorf("an auditor asks: %d %s", a.StatusCode, a.body)
	}
	id, hash := ask(h.both)
	if a := h.consent(h.both, id, hash); a.code() != "self-approval" {
		t.Errorf("J14: %d %s", a.StatusCode, a.body)
	}
	id, hash = ask(h.finance)
	if a := h.by(h.finance, "PATCH", "/v1/books/uk/approvals/"+id, `{"version":1,"act":"payout.destination","payload":`+strings.Replace(amyTo, firstAccount, secondAccount, 1)+`,"reason":"Another.","document":"d"}`); a.StatusCode != 200 {
		t.Fatalf("edit: %s", a.body)
	}
	if a := h.consent(h.approver, id, hash); a.StatusCode != 409 || a.code() != "approval-changed" {
		t.Errorf("J15: %d %s", a.StatusCode, a.body)
	}
	id, hash = ask(h.finance)
	h.must(200, "POST", "/v1/people/"+h.approverID+"/deactivation", `{"reason":"Left."}`)
	h.clock.forward(revoked)
	if a := h.consent(h.approver, id, hash); a.StatusCode != 401 {
		t.Errorf("J16: %d %s", a.StatusCode, a.body)
	}
	if list := h.must(200, "GET", "/v1/books/uk/payees/cre_amy/destinations", "").json(t)["data"].([]any); len(list) != 0 {
		t.Errorf("there is one already: %v", list)
	}
	if a := h.consent(h.second, id, hash); a.StatusCode != 200 {
		t.Errorf("two people: %d %s", a.StatusCode, a.body)
	}
	mine := h.by(h.amy, "GET", "/v1/books/uk/payees/cre_amy/destinations", "")
	one := mine.json(t)["data"].([]any)[0].(map[string]any)
	until := h.clock.now().Add(72 * time.Hour).Format(instantFormat)
	if one["account"] != firstAccount || one["cooling_until"] != until || one["approval"] != "" || one["state"] != "active" {
		t.Errorf("what the payee reads: %s", mine.body)
	}
	book, err := h.ledger.Book(t.Context(), "uk")
	if err != nil {
		t.Fatal(err)
	}
	h.money(book, "cre_amy", 5000)
	quote := h.must(200, "GET", "/v1/books/uk/payees/cre_amy/payout-quote?kind=creator&currency=GBP", "")
	contains(t, quote.body, `"verdict":"skip"`, `"code":"cooling-off"`) // N06
	if a := h.by(h.finance, "POST", "/v1/books/uk/destinations/"+one["id"].(string)+"/refresh", `{"reason":"Looked."}`); a.StatusCode != 200 || a.json(t)["approval"] != id {
		t.Errorf("refresh: %d %s", a.StatusCode, a.body)
	}
	if a := h.by(h.amy, "POST", "/v1/books/uk/destinations/"+one["id"].(string)+"/refresh", `{"reason":"Mine."}`); a.StatusCode != 403 {
		t.Errorf("a payee refreshes: %d", a.StatusCode)
	}
	if a := h.asks(h.finance, "payout.destination", strings.Replace(amyTo, firstAccount, "acct_platform", 1)); a.StatusCode != 422 || a.code() != "destination-own" {
		t.Errorf("N08: %d %s", a.StatusCode, a.body)
	}
}

// C-13: a payee is told the amount and the category of a hold, and nothing of the case.
func TestWhatAPayeeIsToldOfAHold(t *testing.T) {
	t.Parallel()
	h := newJudge(t)
	const secret = "case-CANARY-77"
	h.must(201, "POST", posting, `{"reference":"fund","event":"manual.adjusted","entries":[{"account":"`+clearing+`","direction":"debit","amount":"50.00","currency":"GBP"},`+
		`{"account":"liabilities:creator:available:cre_amy","direction":"credit","amount":"50.00","currency":"GBP"}]}`)
	body := `{"id":"hold_CANARY","kind":"creator","payee":"cre_amy","currency":"GBP","effect":"amount","amount":"80.00","category":"fraud","case":"` + secret + `","reason":"CANARY reason."}`
	placed := h.must(200, "POST", "/v1/books/uk/holds", body)
	if again := h.must(200, "POST", "/v1/books/uk/holds", body); again.body != placed.body {
		t.Errorf("the same again: %s, then %s", placed.body, again.body)
	}
	h.refused(409, "hold-exists", "POST", "/v1/books/uk/holds", strings.Replace(body, "80.00", "81.00", 1))
	h.refused(422, "hold-invalid", "POST", "/v1/books/uk/holds", strings.Replace(body, "80.00", "80.001", 1))
	h.refused(422, "validation-failed", "POST", "/v1/books/uk/holds", strings.Replace(body, `"reason"`, `"blocked":"1.00","reason"`, 1)) // J12
	h.refused(404, "hold-unknown", "GET", "/v1/books/uk/holds/hold_none", "")
	mine := h.by(h.amy, "GET", "/v1/books/uk/payees/cre_amy/holds", "")
	one := mine.json(t)["data"].([]any)[0].(map[string]any)
	if one["category"] != "fraud" || one["wanted"] != "80.00" || one["holding"] != "50.00" || strings.Contains(mine.body, "CANARY") {
		t.Errorf("what the payee reads: %s", mine.body)
	}
	for _, path := range []string{"/v1/books/uk/holds", "/v1/books/uk/holds/hold_CANARY", "/v1/books/uk/standings", "/v1/books/uk/payout_policy"} {
		if a := h.by(h.amy, "GET", path, ""); a.StatusCode != 403 || strings.Contains(a.body, "CANARY") {
			t.Errorf("a payee reads %s: %d %s", path, a.StatusCode, a.body)
		}
	}
	if a := h.by(h.amy, "GET", "/v1/books/uk/payees/cre_bob/holds", ""); a.StatusCode != 404 || a.code() != "payee-unknown" {
		t.Errorf("another's: %d %s", a.StatusCode, a.body)
	}
	h.must(200, "POST", "/v1/books/uk/holds", `{"id":"hold_later","kind":"creator","payee":"cre_amy","effect":"pause","category":"review","case":"case-1","reason":"For the tests."}`)
	var pages []string
	for cursor := ""; ; { // one at a time, both placed at the same moment; no cursor tells what a hold is called
		page := h.by(h.amy, "GET", "/v1/books/uk/payees/cre_amy/holds?limit=1"+cursor, "").json(t)
		pages = append(pages, page["data"].([]any)[0].(map[string]any)["category"].(string))
		next, more := page["next_cursor"].(string)
		if !more || len(pages) > 2 {
			break
		}
		if place, err := base64.RawURLEncoding.DecodeString(next); err != nil || strings.Contains(string(place), "hold_") {
			t.Errorf("a cursor is %q (%v)", place, err)
		}
		cursor = "&cursor=" + next
	}
	if !slices.Equal(pages, []string{"fraud", "review"}) {
		t.Errorf("the pages of the payee hold %q", pages)
	}
	h.agreed("payout.hold_released", `{"hold":"hold_later"}`)
	done := h.agreed("payout.hold_released", `{"hold":"hold_CANARY"}`)
	if fmt.Sprint(done["effect"].(map[string]any)["totals"]) != "[map[amount:50.00 currency:GBP]]" {
		t.Errorf("the effect: %v", done["effect"])
	}
	if list := h.by(h.amy, "GET", "/v1/books/uk/payees/cre_amy/holds", "").json(t)["data"].([]any); len(list) != 0 {
		t.Errorf("after it: %v", list)
	}
	if a := h.must(200, "GET", "/v1/books/uk/holds", ""); !strings.Contains(a.body, secret) || !strings.Contains(a.body, `"released_at":"2026`) {
		t.Errorf("the house reads %s", a.body)
	}
}

// N16, and what a payee is told of its standing.
func TestStandingsOverHTTP(t *testing.T) {
	t.Parallel()
	h := newJudge(t)
	const path = "/v1/books/uk/payees/cre_amy/standing"
	if v := h.must(200, "GET", path, "").json(t); v["version"] != json.Number("0") && v["version"] != 0.0 || v["verification"] != "unverified" || v["recorded_at"] != nil {
		t.Errorf("at first: %v", v)
	}
	h.refused(422, "payee-standing-invalid", "PATCH", path, `{"version":0,"verification":"verified","reason":"x"}`)
	h.refused(422, "validation-failed", "PATCH", path, `{"version":0,"verification":"sure","reason":"x"}`)
	h.refused(422, "validation-failed", "PATCH", path, `{"version":0,"business":"closed"}`)
	h.must(200, "PATCH", path, `{"version":0,"verification":"verified","document":"kyc-CANARY","owner":"own_CANARY","set_off":"consent-CANARY","reason":"Checked."}`)
	h.refused(409, "payee-standing-version", "PATCH", path, `{"version":0,"business":"closing","reason":"x"}`)
	h.must(201, "POST", posting, `{"reference":"fund","event":"manual.adjusted","entries":[{"account":"`+clearing+`","direction":"debit","amount":"0.01","currency":"GBP"},`+
		`{"account":"liabilities:creator:pending:cre_amy","direction":"credit","amount":"0.01","currency":"GBP"}]}`)
	h.must(200, "PATCH", path, `{"version":1,"business":"closing","reason":"Leaves."}`)
	h.refused(409, "payee-not-empty", "PATCH", path, `{"version":2,"business":"closed","reason":"Left."}`)
	mine := h.by(h.amy, "GET", path, "")
	if v := mine.json(t); v["verification"] != "verified" || v["business"] != "closing" || strings.Contains(mine.body, "CANARY") {
		t.Errorf("what the payee reads: %s", mine.body)
	}
	if a := h.by(h.amy, "PATCH", path, `{"version":2,"business":"open","reason":"I stay."}`); a.StatusCode != 403 {
		t.Errorf("a payee changes it: %d", a.StatusCode)
	}
	if a := h.by(h.auditor, "PATCH", path, `{"version":2,"business":"open","reason":"x"}`); a.StatusCode != 403 {
		t.Errorf("an auditor changes it: %d", a.StatusCode)
	}
	if a := h.by(h.finance, "PATCH", path, `{"version":2,"business":"open","reason":"Stays."}`); a.StatusCode != 200 {
		t.Errorf("finance changes it: %d %s", a.StatusCode, a.body)
	}
	if a := h.must(200, "GET", "/v1/books/uk/standings", ""); !strings.Contains(a.body, "own_CANARY") {
		t.Errorf("the list: %s", a.body)
	}
	h.refused(404, "payee-unknown", "GET", "/v1/books/uk/payees/nobody/standing", "")
}

func TestPayoutPoliciesOverHTTP(t *testing.T) {
	t.Parallel()
	h := newJudge(t)
	if v := h.must(200, "GET", "/v1/books/uk/payout_policy", "").json(t); v["version"] != "uk-1" || v["origin"] != "shipped" {
		t.Errorf("in force: %v", v["version"])
	}
	h.refused(409, "payout-policy-missing", "GET", "/v1/books/vn/payout_policy", "") // it has no market
	document, err := json.Marshal(policyExample())
	if err != nil {
		t.Fatal(err)
	}
	payload, err := json.Marshal(map[string]string{"document": string(document)})
	if err != nil {
		t.Fatal(err)
	}
	h.agreed("payout_policy.activate", string(payload))
	if v := h.must(200, "GET", "/v1/books/uk/payout_policy?at=2030-01-01T00:00:00Z", "").json(t); v["version"] != "uk-9" || v["origin"] != "book" {
		t.Errorf("in force then: %v", v)
	}
	if list := h.must(200, "GET", "/v1/books/uk/payout_policies", "").json(t)["data"].([]any); len(list) != 2 {
		t.Errorf("listed: %v", list)
	}
	first := h.must(200, "GET", "/v1/books/uk/payout_policies?limit=1", "").json(t)
	if len(first["data"].([]any)) == 0 {
		t.Errorf("a page: %v", first)
	}
	h.refused(404, "payout-policy-unknown", "GET", "/v1/books/uk/payout_policies/uk-77", "")
	from := h.clock.now().Add(time.Hour).Format(time.RFC3339)
	h.agreed("payout_override.set", `{"payee":"cre_amy","after":0,"valid_from":"`+from+`","document":"{\"id\":\"cre_amy-1\",\"kind\":\"creator\",\"cooling_off_hours\":100}"}`)
	h.clock.forward(2 * time.Hour)
	if v := h.must(200, "GET", "/v1/books/uk/payout_policy?payee=cre_amy", "").json(t); v["version"] != "uk-1+cre_amy-1" || v["document"].(map[string]any)["override"] != "cre_amy-1" {
		t.Errorf("for one payee: %v", v["version"])
	}
	if list := h.must(200, "GET", "/v1/books/uk/payees/cre_amy/payout_overrides", "").json(t)["data"].([]any); len(list) != 1 {
		t.Errorf("agreed: %v", list)
	}
	all := h.must(200, "GET", "/v1/books/uk/payout_overrides?limit=1", "").json(t)
	if list := all["data"].([]any); len(list) != 1 || list[0].(map[string]any)["payee"] != "cre_amy" || all["next_cursor"] != nil {
		t.Errorf("agreed in the book: %v", all)
	}
}
