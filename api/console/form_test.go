package console

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"mizan/api/access"
	"mizan/ledger/guard"
)

// Every form, by the forms a browser could send, does nothing unless it comes from a page of ours for this session.
func TestForms(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	uk := h.book("uk", "Souk UK", "GBP")
	a := h.ask(uk, program, `{"x":1}`, "because")
	b := h.in("Samira", access.Grant{Role: access.Approver})
	other := h.in("Omar", access.Grant{Role: access.Approver})
	at := "/console/books/uk/approvals/" + a.ID
	shown := b.get(at, 200).forms()
	delete(shown, "/language") // changes nothing but a cookie, before anybody has signed in too
	foreign := other.get(at, 200).forms()[at+"/approve"].Get(tokenField)
	old := h.in("Old", access.Grant{Role: access.Approver}).get(at, 200).forms()[at+"/approve"].Get(tokenField)
	link := h.link(h.person("Guest"))
	guest := h.browser()
	shown["/sign-in/link"] = guest.get("/sign-in/link?token="+link, 200).forms()["/sign-in/link"]
	if len(shown) != 4 {
		t.Fatalf("the forms are %v", shown)
	}
	for action, good := range shown {
		by := b
		if action == "/sign-in/link" {
			by = guest
		}
		right := good.Get(tokenField)
		for name, token := range map[string]string{"missing": "", "of another session": foreign, "of a session that is over": old, "cut": right[:len(right)-1],
			"longer": right + "A", "hostile": "\x00\xff", "wrong": strings.Repeat("A", len(right))} {
			form := url.Values{}
			for k, v := range good {
				form[k] = v
			}
			form.Set("reason", "because")
			form.Set(tokenField, token)
			if token == "" {
				form.Del(tokenField)
			}
			by.post(action, form, http.StatusForbidden).has(t, "Nothing was done")
			if status, _ := by.send(http.MethodPost, action+"?"+tokenField+"="+url.QueryEscape(right), form); status != http.StatusForbidden {
				t.Errorf("%s: the token was taken from the address", name)
			}
		}
		for name, header := range map[string]http.Header{
			"another site":      {"Sec-Fetch-Site": {"cross-site"}, "Origin": {"https://evil.example"}},
			"a sibling":         {"Sec-Fetch-Site": {"same-site"}, "Origin": {"https://evil.example.com"}},
			"an older browser":  {"Sec-Fetch-Site": {""}, "Origin": {"https://evil.example"}},
			"a sandboxed frame": {"Sec-Fetch-Site": {"cross-site"}, "Origin": {"null"}},
			"null alone":        {"Sec-Fetch-Site": {""}, "Origin": {"null"}},
		} {
			by.header = header
			p := by.post(action, good, http.StatusForbidden)
			p.has(t, "Another site sent this form")
			if name == "" || by.session() == "" && action != "/sign-in/link" {
				t.Error("the session is gone")
			}
			by.header = http.Header{}
		}
		by.header.Set("Content-Type", "text/plain")
		by.post(action, good, http.StatusForbidden)
		by.header.Del("Content-Type")
		large := url.Values{tokenField: {right}, "reason": {strings.Repeat("x", maxForm)}}
		by.post(action, large, http.StatusRequestEntityTooLarge).has(t, "shorten what you wrote")
	}
	b.post("/language", url.Values{"lang": {"ar"}, "from": {strings.Repeat("x", maxForm)}}, http.StatusRequestEntityTooLarge).has(t, "Nothing was done")
	if now := h.approval(uk, a.ID); now.State != guard.StateOpen || h.runs() != 0 {
		t.Fatalf("something was decided: %s", now.State)
	}
	if _, err := h.access.Session(t.Context(), b.session()); err != nil {
		t.Errorf("the session was ended: %v", err)
	}
	guest.press(guest.get("/sign-in/link?token="+link, 200), "/sign-in/link", nil, http.StatusSeeOther)
	b.post(at+"/approve", shown[at+"/approve"], http.StatusSeeOther)
}

// Every page that changes something is refused to whom it does not know, whatever they send.
func TestFormsOfStrangers(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	uk := h.book("uk", "Souk UK", "GBP")
	a := h.ask(uk, program, `{"x":1}`, "because")
	b := h.browser()
	b.get("/sign-in", 200)
	for decision := range decisions {
		for _, at := range []string{"/console/books/uk/approvals/" + a.ID, "/console/books/none/approvals/" + a.ID, "/console/approvals/" + a.ID} {
			b.post(at+"/"+decision, url.Values{"hash": {strings.Repeat("0", 64)}}, http.StatusForbidden)
		}
	}
	b.post("/sign-out", nil, http.StatusForbidden)
	if now := h.approval(uk, a.ID); now.State != guard.StateOpen {
		t.Errorf("something was decided: %s", now.State)
	}
}

// A form without a session is bound to the browser it was shown in.
func TestFormBeforeSession(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	token := h.link(h.person("Samira"))
	shown, elsewhere := h.browser(), h.browser()
	form := shown.get("/sign-in/link?token="+token, 200).forms()["/sign-in/link"]
	elsewhere.post("/sign-in/link", form, http.StatusForbidden)
	elsewhere.get("/sign-in", 200)
	elsewhere.post("/sign-in/link", form, http.StatusForbidden)
	c := shown.cookies["__Host-mizan-form"]
	if c == nil || !c.HttpOnly || !c.Secure || c.SameSite != http.SameSiteStrictMode {
		t.Fatalf("the cookie: %+v", c)
	}
	shown.post("/sign-in/link", form, http.StatusSeeOther)
	if shown.cookies["__Host-mizan-form"] != nil {
		t.Error("the cookie stays after signing in")
	}
}

// Replicas that share a key take each other's forms; others do not.
func TestFormKey(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.in("Samira", access.Grant{Role: access.Auditor})
	form := b.get("/console", 200).forms()["/sign-out"]
	config := Config{Ledger: h.ledger, Access: h.access, Desk: h.desk, Trail: h.trail, Commerce: h.events, Vault: h.vault, Now: h.now, Secure: true}
	h.Handler = New(config)
	b.post("/sign-out", form, http.StatusForbidden)
	config.FormKey = []byte(strings.Repeat("f", 32))
	h.Handler = New(config)
	b.post("/sign-out", form, http.StatusSeeOther)
	if _, err := h.access.Session(t.Context(), b.session()); !errors.Is(err, access.ErrUnauthenticated) {
		t.Errorf("signed out: %v", err)
	}
}
