package main

// The staff sign in at an issuer, at a service in production shape, and with the issuer's tokens at its API.

import (
	"encoding/base64"
	"html"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"mizan/api/access/accesstest"
)

var onwardLink = regexp.MustCompile(`<a class="button" href="([^"]+)"`)

// freeAddress returns an address at which nobody listens.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

func TestStaffSignInAtIssuer(t *testing.T) {
	t.Parallel()
	issuer := accesstest.New(t, time.Now)
	p := newProduction(t)
	listen := freeAddress(t)
	public := "http://" + listen
	const secret, audience = "canary-client-secret", "mizan-api"
	issuer.Register(accesstest.Client{ID: "mizan", Secret: secret, Redirect: public + callbackPath})
	sessionKey := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("s", 32)))
	at := p.serve(t, "--listen", listen, "--public-url", public, "--oidc-issuer", issuer.URL(), "--oidc-client-id", "mizan", "--oidc-audience", audience,
		"--oidc-client-secret-file", p.write(t, "client-secret", secret), "--session-key-file", p.write(t, "session-key", sessionKey), "--log-level", "debug")
	id := p.tell(t, "people", "add", "--name", "Ann Finance", "--email", "ann@example.com")
	p.tell(t, "people", "grant", id, "--role", "auditor")

	visit := func(who accesstest.Person) (*browser, int, string) {
		t.Helper()
		issuer.SignsIn(who)
		jar, err := cookiejar.New(nil)
		if err != nil {
			t.Fatal(err)
		}
		b := &browser{&http.Client{Jar: jar}}
		t.Cleanup(b.http.CloseIdleConnections)
		_, page := b.do(t, http.MethodGet, public+"/sign-in", nil)
		form := hiddenForm.FindStringSubmatch(page)
		if form == nil {
			t.Fatalf("the sign-in page has no form:\n%s", page)
		}
		_, page = b.do(t, http.MethodPost, public+"/sign-in/start", url.Values{"form": {form[1]}})
		onward := onwardLink.FindStringSubmatch(page)
		if onward == nil {
			t.Fatalf("the way to the issuer:\n%s", page)
		}
		back := issuer.Visit(html.UnescapeString(onward[1]))
		status, page := b.do(t, http.MethodGet, public+callbackPath+"?"+back.Encode(), nil)
		return b, status, page
	}
	if _, status, page := visit(accesstest.Person{Subject: "s2", Email: "eve@example.com", EmailVerified: true}); status != http.StatusForbidden {
		t.Errorf("somebody who is not invited: %d %s", status, page)
	}
	if _, status, page := visit(accesstest.Person{Subject: "s3", Email: "ann@example.com"}); status != http.StatusForbidden {
		t.Errorf("an address that was not verified: %d %s", status, page)
	}
	ann, status, page := visit(accesstest.Person{Subject: "s1", Email: "ann@example.com", EmailVerified: true})
	if status != http.StatusOK || !strings.Contains(page, "/console") {
		t.Fatalf("the invited: %d %s", status, page)
	}
	token := &browser{&http.Client{Transport: bearing(issuer.AccessToken("s1", audience))}}
	other := &browser{&http.Client{Transport: bearing(issuer.AccessToken("s1", "another-api"))}}
	for _, b := range []*browser{ann, token} {
		if status, me := b.do(t, http.MethodGet, public+"/v1/me", nil); status != http.StatusOK || !strings.Contains(me, id) {
			t.Errorf("who is that? %d %s", status, me)
		}
	}
	if status, me := other.do(t, http.MethodGet, public+"/v1/me", nil); status != http.StatusUnauthorized {
		t.Errorf("a token that is meant for another service: %d %s", status, me)
	}
	p.tell(t, "people", "deactivate", id, "--reason", "left")
	for what, b := range map[string]*browser{"the session": ann, "the token": token} {
		promptly(t, what, func() bool {
			status, _ := b.do(t, http.MethodGet, public+"/v1/me", nil)
			return status == http.StatusUnauthorized
		})
	}
	at.stop(t)
	for _, canary := range []string{secret, sessionKey, "ann@example.com", "Ann Finance", "eve@example.com", "code=", "state="} {
		if strings.Contains(at.output(), canary) {
			t.Errorf("the log holds %q:\n%s", canary, at.output())
		}
	}
}
