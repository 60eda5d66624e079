package api

import (
	"fmt"
	"strings"
	"testing"

	"mizan/api/access"
)

// decided has one session ask for an act of the installation and another approve it.
func (h *house) decided(asker, approver, act, payload string) answer {
	h.t.Helper()
	a := h.by(asker, "POST", "/v1/approvals", fmt.Sprintf(`{"act":%q,"payload":%s,"reason":"For the tests."}`, act, payload))
	if a.StatusCode != 201 {
		h.t.Fatalf("ask for %s: %d %s", act, a.StatusCode, a.body)
	}
	v := a.json(h.t)
	return h.by(approver, "POST", "/v1/approvals/"+v["id"].(string)+"/approval", fmt.Sprintf(`{"hash":%q}`, v["hash"]))
}

// Nobody gets a right by their own consent, by somebody else's key, or by somebody else's session.
func TestNobodyGainsAlone(t *testing.T) {
	t.Parallel()
	h := newJudge(t)
	_, admin := h.staff("admin")
	gainerID, gainer := h.staff("approver")
	_, approver := h.staff("approver")
	financeID, finance := h.staff("finance")
	role := `{"person":"` + gainerID + `","role":"finance"}`
	if a := h.decided(admin, gainer, "people.grant", role); a.StatusCode != 403 || a.code() != "self-approval" {
		t.Errorf("somebody approves a role of their own: %d %s", a.StatusCode, a.body)
	}
	if got := h.must(200, "GET", "/v1/people/"+gainerID, "").json(t)["grants"].([]any); len(got) != 1 {
		t.Errorf("they hold %v", got)
	}
	if a := h.decided(admin, approver, "people.grant", role); a.StatusCode != 200 {
		t.Errorf("somebody else approves it: %d %s", a.StatusCode, a.body)
	}
	key := `{"name":"reports","scopes":["personal:sensitive"],"books":["uk"],"owner":%q}`
	if a := h.decided(admin, gainer, "key.grant", fmt.Sprintf(key, gainerID)); a.StatusCode != 403 || a.code() != "self-approval" {
		t.Errorf("somebody approves a key of their own: %d %s", a.StatusCode, a.body)
	}
	a := h.decided(admin, approver, "key.grant", fmt.Sprintf(key, financeID))
	if a.StatusCode != 200 {
		t.Fatal(a.body)
	}
	rotation := "/v1/keys/" + a.json(t)["result"].(map[string]any)["id"].(string) + "/rotation"
	if a := h.by(admin, "POST", rotation, `{"overlap_seconds":0}`); a.StatusCode != 403 || a.code() != "forbidden" {
		t.Errorf("an administrator gets a key that may do more than they: %d %s", a.StatusCode, a.body)
	}
	if a := h.by(approver, "POST", rotation, `{"overlap_seconds":0}`); a.StatusCode != 404 || a.code() != "key-unknown" {
		t.Errorf("somebody whose key it is not: %d %s", a.StatusCode, a.body)
	}
	if a := h.by(finance, "POST", rotation, `{"overlap_seconds":0}`); a.StatusCode != 201 || a.json(t)["owner"] != financeID {
		t.Errorf("whose key it is: %d", a.StatusCode)
	}
	if list := h.by(finance, "GET", "/v1/keys", "").json(t)["data"].([]any); len(list) != 2 {
		t.Errorf("they see %d keys", len(list))
	}
	_, support := h.staff("support")
	if a := h.by(support, "POST", "/v1/books/uk/payees/cre_amy/sign_in_links", `{}`); a.StatusCode != 403 {
		t.Errorf("who may not read what is sensitive takes the place of somebody who may: %d", a.StatusCode)
	}
}

// Names and addresses of mail of the staff are for those who look after people.
func TestNamesOfStaff(t *testing.T) {
	t.Parallel()
	h := open(t)
	id := h.must(201, "POST", "/v1/people", `{"name":"Sam Canary","email":"sam.canary@example.com"}`).json(t)["id"].(string)
	_, admin := h.staff("admin")
	_, auditor := h.staff("auditor")
	_, reads := h.key(access.NewKey{Scopes: []access.Scope{access.PeopleRead}})
	for _, path := range []string{"/v1/people", "/v1/people/" + id} {
		if a := h.by(admin, "GET", path, ""); a.StatusCode != 200 || !strings.Contains(a.body, "Sam Canary") || !strings.Contains(a.body, "sam.canary@example.com") {
			t.Errorf("%s by an administrator: %d %s", path, a.StatusCode, a.body)
		}
		for _, a := range []answer{h.by(auditor, "GET", path, ""), h.as(reads, "GET", path, "")} {
			if a.StatusCode != 200 || !strings.Contains(a.body, id) || strings.Contains(strings.ToLower(a.body), "canary") {
				t.Errorf("%s: %d %s", path, a.StatusCode, a.body)
			}
		}
	}
}

// A guardian sees the minors it is the guardian of now: whoever was it before, and whoever is named by an odd id, is nobody.
func TestGuardiansOfNow(t *testing.T) {
	t.Parallel()
	h := open(t)
	for _, p := range []string{`"gua_pat","kind":"guardian"`, `"gua_kim","kind":"guardian"`, `"cre_minor","kind":"creator","minor":true,"guardian":"gua_pat"`} {
		h.must(201, "POST", "/v1/books/uk/payees", `{"id":`+p+`,"country":"UK","currency":"GBP"}`)
	}
	before, after, minor := h.signedIn("uk", "gua_pat"), h.signedIn("uk", "gua_kim"), h.signedIn("uk", "cre_minor")
	sees := func(session string) int { return h.by(session, "GET", "/v1/books/uk/payees/cre_minor", "").StatusCode }
	if got := []int{sees(before), sees(after), sees(minor)}; got[0] != 200 || got[1] != 404 || got[2] != 200 {
		t.Fatalf("at first: %v", got)
	}
	h.must(200, "PATCH", "/v1/books/uk/payees/cre_minor", `{"version":1,"guardian":"gua_kim"}`)
	h.clock.forward(revoked)
	if got := []int{sees(before), sees(after), sees(minor)}; got[0] != 404 || got[1] != 200 || got[2] != 200 {
		t.Errorf("after the guardian has changed: %v", got)
	}
	h.must(200, "PATCH", "/v1/books/uk/payees/cre_minor", `{"version":2,"minor":false}`)
	h.clock.forward(revoked)
	if got := []int{sees(before), sees(after), sees(minor)}; got[0] != 404 || got[1] != 404 || got[2] != 200 {
		t.Errorf("of age: %v", got)
	}
	for _, odd := range []string{"CRE_MINOR", "cre%5Fminor", "payee:cre_minor", "payee:payee:cre_minor", "cre_minor%00", "cre_minor%20", "cre_minor%2F", "cre_minor;x", "cr%C3%A9_minor", "person:cre_minor"} {
		for _, path := range []string{"/v1/books/uk/payees/" + odd, "/v1/books/uk/payees/" + odd + "/trust", "/v1/books/uk/data_subjects/payee:" + odd, "/v1/books/uk/data_subjects/" + odd} {
			for _, session := range []string{before, after} {
				if a := h.by(session, "GET", path, ""); a.StatusCode < 400 || a.StatusCode >= 500 {
					t.Errorf("%s: %d %s", path, a.StatusCode, a.body)
				}
			}
			if a := h.by(minor, "GET", path, ""); a.StatusCode >= 500 {
				t.Errorf("%s: %d %s", path, a.StatusCode, a.body)
			}
		}
	}
}
