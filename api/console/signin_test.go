package console

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"mizan/api/access"
	"mizan/api/access/accesstest"
)

// A link is spent by its button, once, and by nothing else.
func TestLink(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	token := h.link(h.person("Samira Haddad", access.Grant{Role: access.Finance}))
	scanner := h.browser() // of a mail service: it opens everything and presses nothing
	for range 3 {
		p := scanner.get("/sign-in/link?token="+token, 200)
		p.has(t, "Sign me in", "It works once")
		if p.header.Get("Referrer-Policy") != "no-referrer" || p.header.Get("Cache-Control") != "no-store" {
			t.Errorf("the headers of a page with a secret in its address: %v", p.header)
		}
	}
	if status, _ := scanner.send(http.MethodHead, "/sign-in/link?token="+token, nil); status != 200 {
		t.Errorf("HEAD: %d", status)
	}
	if scanner.session() != "" {
		t.Fatal("looking at a link signed somebody in")
	}
	b := h.browser()
	b.redeem(token)
	c := b.cookies[access.CookieSecure]
	if c == nil || !c.HttpOnly || !c.Secure || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Domain != "" {
		t.Fatalf("the cookie: %+v", c)
	}
	b.get("/console", 200).has(t, "Samira Haddad", "samira@example.com", "finance in every book", "Sign out")
	b.get("/sign-in", 200).has(t, "You are signed in already")
	b.get("/", 200).has(t, "Continue")
	for _, again := range []string{token, "ml_" + strings.Repeat("A", 43)} {
		p := scanner.press(scanner.get("/sign-in/link?token="+again, 200), "/sign-in/link", nil, http.StatusGone)
		p.has(t, "no longer works", "Ask whoever sent it for a new one")
		p.hasNot(t, again)
	}
	for _, broken := range []string{"", "x", "ml_", "ml_%22%3E%3Cscript%3E", "ml_" + strings.Repeat("A", 200)} {
		p := scanner.get("/sign-in/link?token="+broken, http.StatusGone)
		p.hasNot(t, "<script", strings.Repeat("A", 40))
	}
	late := h.link(h.person("Late"))
	h.forward(access.LinkLifetime + time.Second)
	scanner.press(scanner.get("/sign-in/link?token="+late, 200), "/sign-in/link", nil, http.StatusGone)
}

// Whoever tries links one after the other is told to wait.
func TestManyLinks(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.browser()
	form := b.get("/sign-in/link?token=ml_"+strings.Repeat("A", 43), 200).forms()["/sign-in/link"]
	for range 300 {
		status, p := b.send(http.MethodPost, "/sign-in/link", form)
		if status == http.StatusTooManyRequests {
			p.has(t, "Too many attempts", "Wait a minute")
			return
		}
		if status != http.StatusGone {
			t.Fatalf("a wrong link: %d", status)
		}
	}
	t.Error("300 wrong links were tried")
}

// A session is never one that the browser brought along, and a new one ends the one before.
func TestFixation(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	planted := "ms_" + strings.Repeat("A", 43)
	b := h.browser()
	b.cookies[access.CookieSecure] = &http.Cookie{Name: access.CookieSecure, Value: planted}
	p := h.person("Samira")
	b.redeem(h.link(p))
	first := b.session()
	if first == planted || first == "" {
		t.Fatalf("the planted session was kept")
	}
	b.redeem(h.link(p))
	if b.session() == first {
		t.Error("a second sign-in kept the session of the first")
	}
	if _, err := h.access.Session(t.Context(), first); !errors.Is(err, access.ErrUnauthenticated) {
		t.Errorf("the first session goes on: %v", err)
	}
	// Two cookies of one name mean that somebody else set one: neither is taken.
	b.header.Set("Cookie", access.CookieSecure+"="+b.session()+"; "+access.CookieSecure+"="+planted)
	b.get("/console", http.StatusSeeOther)
}

func TestSignOut(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.in("Samira", access.Grant{Role: access.Admin})
	desk := b.get("/console", 200)
	if desk.header.Get("Cache-Control") != "no-store" {
		t.Error("the back button shows the page after signing out")
	}
	kept := b.session()
	p := b.press(desk, "/sign-out", nil, http.StatusSeeOther)
	if p.header.Get("Location") != "/sign-in?signed=out" || b.session() != "" {
		t.Errorf("signed out: %v", p.header)
	}
	b.get("/sign-in?signed=out", 200).has(t, "You are signed out")
	b.cookies[access.CookieSecure] = &http.Cookie{Name: access.CookieSecure, Value: kept}
	for _, path := range []string{"/console", "/console/people", "/console/audit", "/portal"} {
		if p := b.get(path, http.StatusSeeOther); p.header.Get("Location") != "/sign-in" {
			t.Errorf("%s leads to %s", path, p.header.Get("Location"))
		}
	}
	b.post("/sign-out", desk.forms()["/sign-out"], http.StatusForbidden)
}

// A session ends when nobody uses it.
func TestIdle(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.in("Samira", access.Grant{Role: access.Admin})
	b.get("/console", 200)
	h.forward(access.StaffIdle + time.Minute)
	b.get("/console", http.StatusSeeOther)
}

// While sessions cannot be looked up, nobody is told that they are signed out, and nothing is done.
func TestSessionsUnavailable(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.book("uk", "Souk UK", "GBP")
	b := h.in("Samira", access.Grant{Role: access.Auditor})
	form := b.get("/console", 200).forms()["/sign-out"]
	h.pool.Close()
	h.forward(time.Second)
	for _, path := range []string{"/console", "/books/uk", "/portal", "/console/people"} {
		b.get(path, http.StatusServiceUnavailable).has(t, "Not available right now")
	}
	b.post("/sign-out", form, http.StatusServiceUnavailable)
	if b.session() == "" {
		t.Error("the session was forgotten")
	}
}

// A link elsewhere that leads here comes without our cookie; the page then asks again by itself.
func TestArrivingFromElsewhere(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.browser()
	b.header.Set("Sec-Fetch-Site", "cross-site")
	p := b.get("/console/audit?act=key.&x=%22%3E", 200)
	p.has(t, "One moment")
	if !strings.Contains(p.source, `content="0;url=/console/audit?act=key.&amp;x=%22%3E"`) {
		t.Errorf("the page does not go on by itself:\n%s", p.source)
	}
	b.header.Set("Sec-Fetch-Site", "same-origin")
	b.get("/console/audit", http.StatusSeeOther)
}

const testCallback = "https://" + testHost + "/sign-in/callback"

func withIssuer(t *testing.T) (*house, *accesstest.Issuer) {
	t.Helper()
	issuer := accesstest.New(t, clock)
	issuer.Register(accesstest.Client{ID: "mizan", Secret: "s", Redirect: testCallback})
	ours, err := access.NewIssuer(t.Context(), access.IssuerOptions{URL: issuer.URL(), ClientID: "mizan", ClientSecret: "s", RedirectURL: testCallback,
		StateKey: []byte(strings.Repeat("s", 32)), Now: clock, HTTP: issuer.HTTP()})
	if err != nil {
		t.Fatal(err)
	}
	return newHouse(t, func(c *Config) { c.Issuer = ours }), issuer
}

// leave presses the button that leads to the issuer, and returns what the issuer sends back.
func (b *browser) leave(issuer *accesstest.Issuer) url.Values {
	b.h.t.Helper()
	p := b.press(b.get("/sign-in", 200), "/sign-in/start", nil, 200)
	p.has(b.h.t, "One moment", "Go there now")
	for _, link := range p.Links {
		if strings.HasPrefix(link, issuer.URL()) {
			return issuer.Visit(link)
		}
	}
	b.h.t.Fatalf("the page does not lead to the issuer:\n%s", p.source)
	return nil
}

func TestIssuer(t *testing.T) {
	t.Parallel()
	h, issuer := withIssuer(t)
	h.person("Samira Haddad", access.Grant{Role: access.Auditor})
	issuer.SignsIn(accesstest.Person{Subject: "s-1", Email: "samira@example.com", EmailVerified: true})
	b := h.browser()
	back := b.leave(issuer)
	kept := b.cookies["__Host-mizan-sign-in"]
	if kept == nil || kept.SameSite != http.SameSiteLaxMode || !kept.HttpOnly || !kept.Secure || kept.MaxAge != 600 {
		t.Fatalf("the cookie for coming back: %+v", kept)
	}
	b.header.Set("Sec-Fetch-Site", "cross-site")
	p := b.get("/sign-in/callback?"+back.Encode(), 200) // not redirected: a redirect would come without the new cookie
	p.has(t, "You are signed in")
	if p.header.Get("Referrer-Policy") != "no-referrer" || !strings.Contains(p.source, `content="0;url=/console"`) || b.session() == "" {
		t.Errorf("coming back: %v\n%s", p.header, p.source)
	}
	b.header.Del("Sec-Fetch-Site")
	b.get("/console", 200).has(t, "Samira Haddad")
	if b.cookies["__Host-mizan-sign-in"] != nil {
		t.Error("the cookie for coming back is still there")
	}
	// The same answer of the issuer signs nobody else in, with or without the cookie.
	other := h.browser()
	other.get("/sign-in/callback?"+back.Encode(), http.StatusForbidden).has(t, "Begin again")
	other.cookies[kept.Name] = kept
	if status, p := other.send(http.MethodGet, "/sign-in/callback?"+back.Encode(), nil); status < 400 || other.session() != "" {
		t.Errorf("a code was used twice: %d\n%s", status, p.Text)
	}
	// Somebody whom nobody invited is told so, and a code of one browser is of no use in another.
	issuer.SignsIn(accesstest.Person{Subject: "s-2", Email: "mallory@example.com", EmailVerified: true})
	stranger := h.browser()
	stranger.get("/sign-in/callback?"+stranger.leave(issuer).Encode(), http.StatusForbidden).has(t, "not invited", "To the sign-in page")
	victim := h.browser()
	victim.leave(issuer)
	if status, _ := victim.send(http.MethodGet, "/sign-in/callback?"+stranger.leave(issuer).Encode(), nil); status < 400 || victim.session() != "" {
		t.Errorf("somebody was signed in as somebody else: %d", status)
	}
}

func TestIssuerDown(t *testing.T) {
	t.Parallel()
	h, issuer := withIssuer(t)
	issuer.Down(true)
	b := h.browser()
	p := b.press(b.get("/sign-in", 200), "/sign-in/start", nil, http.StatusServiceUnavailable)
	p.has(t, "Not available right now")
	p.hasNot(t, issuer.URL())
}

// Without an issuer there is no button for it, and no page.
func TestNoIssuer(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.browser()
	p := b.get("/sign-in", 200)
	p.has(t, "by a link that somebody sent you")
	p.hasNot(t, "/sign-in/start")
	b.get("/sign-in/callback?code=x&state=y", 404)
	if status, _ := b.send(http.MethodPost, "/sign-in/start", nil); status != 404 && status != 405 {
		t.Errorf("starting: %d", status)
	}
}
