package api

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"mizan/api/access"
)

// What takes two people takes them through every door: no other operation does the same alone, undoes it alone, or writes
// down what looks as if two had agreed.

// wide makes a key that may post and register whatever there is, of the book uk.
func (h *judge) wide() string {
	_, key := h.key(access.NewKey{Scopes: []access.Scope{access.TransactionsWrite, access.EventsWrite, access.PayeesWrite}, Books: []string{"uk"}})
	return key
}

func TestWhatProtectsMinorsTakesTwo(t *testing.T) {
	t.Parallel()
	h := newJudge(t)
	const payees = "/v1/books/uk/payees"
	h.must(201, "POST", payees, `{"id":"gua_1","kind":"guardian","country":"UK","currency":"GBP"}`)
	h.must(201, "POST", payees, `{"id":"gua_2","kind":"guardian","country":"UK","currency":"GBP"}`)
	h.must(201, "POST", payees, `{"id":"kid","kind":"creator","country":"UK","currency":"GBP","minor":true,"guardian":"gua_1"}`)
	key := h.wide()
	for _, change := range []string{`"guardian":"gua_2"`, `"trust_rate":"0.10"`, `"minor":false`, `"settlement_tier":"short","guardian":"gua_2"`} {
		if a := h.as(key, "PATCH", payees+"/kid", `{"version":1,`+change+`}`); a.code() != "approval-required" {
			t.Errorf("%s alone: %d %s", change, a.StatusCode, a.body)
		}
	}
	if a := h.as(key, "PATCH", payees+"/kid", `{"version":1,"settlement_tier":"short"}`); a.StatusCode != 200 {
		t.Errorf("a tier protects nobody: %d %s", a.StatusCode, a.body)
	}
}

func TestWhatTwoAgreedToIsNotUndoneByOne(t *testing.T) {
	t.Parallel()
	h := newJudge(t)
	key := h.wide()
	adjusted := h.must(201, "POST", "/v1/books/uk/events", `{"type":"adjustment.posted","reference":"adj-1","data":{"adjustment":"ADJ-1","kind":"creator","payee":"cre_amy",`+
		`"direction":"credit","currency":"GBP","amount":"5.00","reason":"late","document":"T-1"}}`).json(t)
	first := adjusted["transactions"].([]any)[0].(map[string]any)["id"].(string)
	mirror := func(reference string) string {
		return fmt.Sprintf(`{"type":"entry.reversed","reference":%q,"data":{"transaction":%q,"reason":"mistake"}}`, reference, first)
	}
	for door, a := range map[string]answer{
		"event":                    h.as(key, "POST", "/v1/books/uk/events", mirror("u-1")),
		"batch":                    h.as(key, "POST", "/v1/books/uk/events/batch", `{"events":[`+mirror("u-2")+`]}`),
		"atomic batch":             h.as(key, "POST", "/v1/books/uk/events/batch", `{"atomic":true,"events":[`+mirror("u-3")+`]}`),
		"reversal":                 h.as(key, "POST", posting+"/"+first+"/reversal", `{"reference":"u-4"}`),
		"repost":                   h.as(key, "POST", posting+"/"+first+"/repost", `{"reference":"u-5"}`),
		"an event that is to come": h.as(key, "POST", "/v1/books/uk/events", strings.Replace(mirror("u-6"), first, "uk-4711", 1)),
	} {
		want := "approval-required"
		if door == "an event that is to come" {
			want = "transaction-unknown"
		}
		if !strings.Contains(a.body, `"`+want+`"`) {
			t.Errorf("%s: %d %s", door, a.StatusCode, a.body)
		}
	}
	// What a second person was needed to reverse is not posted again by one.
	v := h.by(h.finance, "POST", "/v1/books/uk/approvals", `{"act":"transaction.reverse","payload":{"transaction":"uk-1","reference":"two-1","reason":"captured twice"},"reason":"It was captured twice."}`).json(t)
	if a := h.consent(h.approver, v["id"].(string), v["hash"].(string)); a.StatusCode != 200 {
		t.Fatalf("reverse: %d %s", a.StatusCode, a.body)
	}
	if a := h.as(key, "POST", posting+"/uk-1/repost", `{"reference":"u-7"}`); a.code() != "approval-required" {
		t.Errorf("repost of what two reversed: %d %s", a.StatusCode, a.body)
	}
	// What one program has posted it may reverse and post again.
	if a := h.as(key, "POST", posting, sale("own-1", "1.00")); a.StatusCode != 201 {
		t.Fatal(a.body)
	} else {
		own := a.json(t)["id"].(string)
		if a := h.as(key, "POST", posting+"/"+own+"/reversal", `{"reference":"own-2"}`); a.StatusCode != 201 {
			t.Error(a.body)
		}
		if a := h.as(key, "POST", posting+"/"+own+"/repost", `{"reference":"own-3"}`); a.StatusCode != 201 {
			t.Error(a.body)
		}
	}
}

// Entries cannot be written down under a name that says that two people agreed.
func TestEntriesDoNotBorrowTheNameOfAnApproval(t *testing.T) {
	t.Parallel()
	h := newJudge(t)
	key := h.wide()
	for i, name := range []string{"manual.adjusted", "adjustment.posted", "debt.written_off", "opening.balance", "donation.hold_released"} {
		body := strings.Replace(sale(fmt.Sprintf("n-%d", i), "1.00"), "order.captured", name, 1)
		if a := h.as(key, "POST", posting, body); a.code() != "approval-required" {
			t.Errorf("%s: %d %s", name, a.StatusCode, a.body)
		}
		if a := h.as(key, "POST", posting+"/batch", `{"transactions":[`+body+`]}`); !strings.Contains(a.body, "approval-required") {
			t.Errorf("%s in a batch: %d %s", name, a.StatusCode, a.body)
		}
		if a := h.as(key, "POST", posting+"/batch", `{"atomic":true,"transactions":[`+body+`]}`); a.code() != "batch-refused" || !strings.Contains(a.body, "approval-required") {
			t.Errorf("%s in an atomic batch: %d %s", name, a.StatusCode, a.body)
		}
		if a := h.as(key, "POST", posting+"?dry_run=true", body); a.StatusCode != 200 {
			t.Errorf("%s tried out: %d %s", name, a.StatusCode, a.body)
		}
	}
}

// An adjustment is tried out by anybody who may ask and reads balances, with the balances around each entry, and asked for; it is posted by somebody else's
// consent only.
func TestAdjustmentsTakeTwo(t *testing.T) {
	t.Parallel()
	h := newJudge(t)
	const path = "/v1/books/uk/adjustments"
	body := `{"reference":"adj-1","reason_code":"goodwill","reason":"Waived.","document":"T-77.pdf","document_sha256":"` + strings.Repeat("a", 64) + `","entries":[
	 {"account":"expenses:goodwill","direction":"debit","amount":"5.00","currency":"GBP"},{"account":"liabilities:seller:available:sel_uk","direction":"credit","amount":"5.00","currency":"GBP"}]}`
	for was, is := range map[string]string{`"goodwill","reason"`: `"because","reason"`, `"T-77.pdf"`: `""`, `T-77.pdf"`: `T-77.pdf sha256:` + strings.Repeat("b", 64) + `"`, `"5.00","currency":"GBP"},{`: `"4.00","currency":"GBP"},{`, `"debit"`: `"up"`, `expenses:goodwill`: `expenses:none`, strings.Repeat("a", 64): "a"} {
		if a := h.by(h.finance, "POST", path, strings.Replace(body, was, is, 1)); a.StatusCode != 422 || strings.Contains(a.body, "/payload/") {
			t.Errorf("%s: %d %s", is, a.StatusCode, a.body)
		}
	}
	for session, want := range map[string]int{h.auditor: 403, h.approver: 403} {
		if a := h.by(session, "POST", path+"?dry_run=true", body); a.StatusCode != want {
			t.Errorf("tried by others: %d %s", a.StatusCode, a.body)
		}
	}
	// It tells balances, so whoever may ask and reads none is told nothing.
	_, admin := h.staff("admin@uk")
	owned := func(scopes ...access.Scope) string {
		_, key, err := h.access.Create(t.Context(), personActor(h.financeID), access.NewKey{Name: "tries", Scopes: scopes, Books: []string{"uk"}})
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	_, loose := h.key(access.NewKey{Scopes: []access.Scope{access.ApprovalsWrite, access.BalancesRead}, Books: []string{"uk"}})
	blind, sees := owned(access.ApprovalsWrite), owned(access.ApprovalsWrite, access.BalancesRead)
	act := `{"act":"transaction.post","payload":{"reference":"x","event":"manual.adjusted","entries":` + body[strings.Index(body, "[\n"):] + `,"reason":"x","document":"d"}`
	for door, sent := range map[string]string{path: body, "/v1/books/uk/approvals": act} {
		for who, x := range map[string]struct {
			a    answer
			code string
		}{
			"an admin": {h.by(admin, "POST", door+"?dry_run=true", sent), "forbidden"}, "a key that reads no balances": {h.as(blind, "POST", door+"?dry_run=true", sent), "forbidden"},
			"a key of nobody": {h.as(loose, "POST", door+"?dry_run=true", sent), "approval-nobody"},
		} {
			if x.a.code() != x.code || strings.Contains(x.a.body, "balance_before") {
				t.Errorf("%s tries %s: %d %s", who, door, x.a.StatusCode, x.a.body)
			}
		}
		if a := h.as(sees, "POST", door+"?dry_run=true", sent); a.StatusCode != 200 || !strings.Contains(a.body, "balance_before") {
			t.Errorf("a key that reads balances tries %s: %d %s", door, a.StatusCode, a.body)
		}
	}
	tried := h.by(h.finance, "POST", path+"?dry_run=true", body)
	entries, _ := tried.json(t)["entries"].([]any)
	if tried.StatusCode != 200 || len(entries) != 2 || entries[1].(map[string]any)["floor"] != "payee" {
		t.Fatalf("tried out: %d %s", tried.StatusCode, tried.body)
	}
	if n := len(h.by(h.finance, "GET", "/v1/books/uk/approvals?state=open", "").json(t)["data"].([]any)); n != 0 {
		t.Errorf("%d approvals are open after it was tried out", n)
	}
	generic := h.by(h.finance, "POST", "/v1/books/uk/approvals?dry_run=true", `{"act":"transaction.post","payload":`+string(mustJSON(t, tried.json(t)["payload"]))+`,"reason":"x","document":"d"}`)
	if generic.StatusCode != 200 || string(mustJSON(t, generic.json(t)["entries"])) != string(mustJSON(t, tried.json(t)["entries"])) {
		t.Errorf("the same by its act: %d %s", generic.StatusCode, generic.body)
	}
	asked := h.by(h.finance, "POST", path, body)
	if asked.StatusCode != 201 {
		t.Fatalf("asked: %d %s", asked.StatusCode, asked.body)
	}
	v := asked.json(t)
	if a := h.consent(h.finance, v["id"].(string), v["hash"].(string)); a.StatusCode != 403 {
		t.Errorf("approved by the author: %d %s", a.StatusCode, a.body)
	}
	if a := h.consent(h.approver, v["id"].(string), v["hash"].(string)); a.StatusCode != 200 {
		t.Fatalf("approved: %d %s", a.StatusCode, a.body)
	}
	after := entries[1].(map[string]any)["balance_after"]
	if held := h.must(200, "GET", "/v1/books/uk/balances?prefix=liabilities:seller:available:sel_uk", "").json(t)["data"].([]any)[0].(map[string]any)["balance"]; held != after {
		t.Errorf("the account holds %v instead of the %v that was shown", held, after)
	}
}

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// What a book begins with is money out of nothing, so the names of two people in a document are not enough.
func TestOpeningsTakeTwo(t *testing.T) {
	t.Parallel()
	h := newJudge(t)
	document, err := json.Marshal(openingExample())
	if err != nil {
		t.Fatal(err)
	}
	key := h.wide()
	if a := h.as(key, "POST", "/v1/books/uk/openings", string(document)); a.code() != "approval-required" {
		t.Errorf("alone: %d %s", a.StatusCode, a.body)
	}
	if a := h.as(key, "POST", "/v1/books/uk/openings?dry_run=true", string(document)); a.StatusCode != 200 {
		t.Errorf("tried out: %d %s", a.StatusCode, a.body)
	}
	v := h.by(h.finance, "POST", "/v1/books/uk/approvals", `{"act":"opening.post","payload":`+string(document)+`,"reason":"We move in."}`).json(t)
	if v["id"] == nil {
		t.Fatal(v)
	}
	a := h.consent(h.approver, v["id"].(string), v["hash"].(string))
	if a.StatusCode != 200 {
		t.Fatalf("%d %s", a.StatusCode, a.body)
	}
	// The same document again finds it posted.
	if again := h.must(200, "POST", "/v1/books/uk/openings", string(document)); again.Header.Get("Idempotent-Replayed") != "true" {
		t.Error(again.body)
	}
	if again := h.by(h.finance, "POST", "/v1/books/uk/approvals", `{"act":"opening.post","payload":`+string(document)+`,"reason":"Once more."}`); again.StatusCode != 409 {
		t.Errorf("asked for again: %d %s", again.StatusCode, again.body)
	}
}

// A key for which nobody answers has no author whom the approver could be told from, and a secret that somebody else drew is
// theirs as much as the owner's.
func TestNobodyHidesBehindAKey(t *testing.T) {
	t.Parallel()
	h := newJudge(t)
	scopes := access.NewKey{Name: "asks", Scopes: []access.Scope{access.ApprovalsWrite, access.KeysWrite}, Books: []string{"uk"}}
	request := `{"act":"sample.counted","payload":` + samplePayload + `,"reason":"For the tests."}`
	const approvals = "/v1/books/uk/approvals"

	loose, bearer := h.key(scopes)
	if a := h.as(bearer, "POST", approvals, request); a.code() != "approval-nobody" {
		t.Errorf("a key of nobody asks: %d %s", a.StatusCode, a.body)
	}
	id, _ := h.request(h.finance)
	if a := h.as(bearer, "PATCH", approvals+"/"+id, `{"version":1,`+request[1:]); a.code() != "approval-nobody" {
		t.Errorf("a key of nobody edits: %d %s", a.StatusCode, a.body)
	}

	adminID, admin := h.staff("admin@uk", "approver@uk")
	if a := h.by(admin, "POST", "/v1/keys/"+loose.ID+"/rotation", `{"overlap_seconds":0}`); a.StatusCode != 201 {
		t.Fatalf("rotate the key of nobody: %d %s", a.StatusCode, a.body)
	} else if v := a.json(t); v["owner"] != adminID {
		t.Errorf("whoever drew the secret answers for it: %s", a.body)
	}
	more := scopes
	more.Scopes = append(slices.Clone(scopes.Scopes), access.EventsWrite) // an admin may not do that
	owned, _, err := h.access.Create(t.Context(), personActor(h.financeID), more)
	if err != nil {
		t.Fatal(err)
	}
	if a := h.by(admin, "POST", "/v1/keys/"+owned.ID+"/rotation", `{"overlap_seconds":0}`); a.code() != "forbidden" {
		t.Errorf("an admin draws a secret of another person's key: %d %s", a.StatusCode, a.body)
	}
	if a := h.by(h.both, "POST", "/v1/keys/"+owned.ID+"/rotation", `{"overlap_seconds":0}`); a.code() != "key-unknown" {
		t.Errorf("somebody else draws the secret: %d %s", a.StatusCode, a.body)
	}
	if a := h.by(h.both, "POST", "/v1/keys/aaaaaaaaaaaa/rotation", `{"overlap_seconds":0}`); a.code() != "key-unknown" {
		t.Errorf("a key that there is not: %d %s", a.StatusCode, a.body)
	}
	// The owner needs no role for it, or the secret of a key that was granted could be had by nobody.
	next := h.by(h.finance, "POST", "/v1/keys/"+owned.ID+"/rotation", `{"overlap_seconds":60}`)
	if next.StatusCode != 201 || next.json(t)["owner"] != h.financeID {
		t.Errorf("the owner draws a secret: %d %s", next.StatusCode, next.body)
	}
	if a := h.by(h.finance, "POST", "/v1/keys/"+next.json(t)["id"].(string)+"/revocation", `{"reason":"lost"}`); a.StatusCode != 200 {
		t.Errorf("the owner ends the key: %d %s", a.StatusCode, a.body)
	}
	if a := h.by(admin, "POST", "/v1/keys/"+owned.ID+"/revocation", `{"reason":"lost"}`); a.StatusCode >= 300 {
		t.Errorf("an admin cannot end another person's key: %d %s", a.StatusCode, a.body)
	}
}
