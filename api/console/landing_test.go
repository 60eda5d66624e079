package console

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"mizan/api/access"
	"mizan/api/access/accesstest"
)

// Only pages of the console and the portal can be led to, under their own names.
func TestLanding(t *testing.T) {
	t.Parallel()
	for address, home := range map[string]string{
		"/console": "", "/console/audit?act=key.&x=%22%3E": "/console", "/console/books/uk/approvals/ap_0123456789abcdef": "/console", "/portal": "/portal", "/portal?dir=rtl": "",
	} {
		if got := landing(address, home); got != address {
			t.Errorf("%q is not led to: %q", address, got)
		}
	}
	for _, address := range []string{
		"", "/", "console", "/consoles", "/sign-in", "/sign-in/link?token=ml_x", "/sign-out", "/v1/me", "//evil.example/console", "https://evil.example/console", "///evil.example",
		"/console//evil.example", "/\\evil.example", "/console\\evil", "/console/../../evil", "/console/%2e%2e/sign-out", "/console/%5c", "/console\r\nX: y", "/console\tx", "/console#x",
		"javascript:alert(1)//console", "http:/console", "/console/\u202e", "/console/" + strings.Repeat("x", maxLanding), "/console%zz", "/%2f/evil.example/console",
	} {
		for _, home := range []string{"", "/console", "/portal"} {
			if got := landing(address, home); got != "" {
				t.Errorf("%q is led to as %q", address, got)
			}
		}
	}
	if landing("/console", "/portal") != "" || landing("/portal", "/console") != "" {
		t.Error("a payee is led to the desk, or the other way round")
	}
}

// Whoever has to sign in first lands where they wanted to go, and nowhere that their browser was told by somebody else.
func TestLandingAfterSignIn(t *testing.T) {
	t.Parallel()
	h, issuer := withIssuer(t)
	uk := h.book("uk", "Souk UK", "GBP")
	p := h.person("Samira Haddad", access.Grant{Role: access.Auditor})
	const wanted = "/console/audit?act=key."
	b := h.browser()
	b.get(wanted, http.StatusSeeOther)
	kept := b.cookies["__Host-mizan-landing"]
	if kept == nil || !kept.HttpOnly || !kept.Secure || kept.SameSite != http.SameSiteLaxMode || kept.MaxAge != 900 || kept.Path != "/" {
		t.Fatalf("the cookie: %+v", kept)
	}
	by := func(b *browser) string {
		page := b.press(b.get("/sign-in/link?token="+h.link(p), 200), "/sign-in/link", nil, http.StatusSeeOther)
		return page.header.Get("Location")
	}
	if got := by(b); got != wanted {
		t.Errorf("a link leads to %q", got)
	}
	if got := by(b); got != "/console" || b.cookies[kept.Name] != nil {
		t.Errorf("the next one leads to %q", got)
	}
	for _, planted := range []string{"//evil.example/console", "https://evil.example", "/sign-out", "/portal", strings.Repeat("/console/", 200)} {
		b := h.browser()
		b.cookies[kept.Name] = &http.Cookie{Name: kept.Name, Value: base64.RawURLEncoding.EncodeToString([]byte(planted))}
		if got := by(b); got != "/console" || b.cookies[kept.Name] != nil {
			t.Errorf("%.40q leads to %q", planted, got)
		}
	}
	issuer.SignsIn(accesstest.Person{Subject: "s-1", Email: "samira@example.com", EmailVerified: true})
	b = h.browser()
	b.get(wanted, http.StatusSeeOther)
	if page := b.get("/sign-in/callback?"+b.leave(issuer).Encode(), 200); !strings.Contains(page.source, `content="0;url=`+wanted+`"`) {
		t.Errorf("the issuer leads elsewhere:\n%s", page.source)
	}
	// A payee who was led to the desk comes home, and who signs out leaves nothing behind.
	b = h.browser()
	b.get(wanted, http.StatusSeeOther)
	b.cookies[access.CookieSecure] = h.payee(uk, "cre_amy").cookies[access.CookieSecure]
	b.press(b.get("/portal", 200), "/sign-out", nil, http.StatusSeeOther)
	if b.cookies[kept.Name] != nil {
		t.Error("the next person on this device is led to where the last one wanted to go")
	}
}
