package api

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"mizan/api/access"
	"mizan/api/console"
	"mizan/api/docs"
)

var links = regexp.MustCompile(`(?:href|action)="(/[^"#]*)`)

// TestPageHeaders follows every link from the first pages and holds every page to what a browser may do with it.
func TestPageHeaders(t *testing.T) {
	t.Parallel()
	for _, secure := range []bool{false, true} {
		h := open(t, func(c *Config) {
			c.Secure = secure
			c.Console = console.New(console.Config{Ledger: c.Ledger, Now: c.Now, Version: "test", Open: true})
			c.Docs = docs.Handler(func() []byte { return []byte(`{"openapi":"3.1.0","info":{"title":"T","version":"1"},"paths":{}}`) })
		})
		h.must(201, "POST", posting, sale("r-1", "1.00"))
		waiting := []string{"/", "/docs", "/docs/none", "/none", "/books/uk", "/books/none", "/sign-in", "/sign-in/link?token=ml_x", "/sign-in/callback?code=x&state=y", "/console", "/portal"}
		seen, pages := map[string]bool{}, 0
		for len(waiting) > 0 && len(seen) < 500 {
			path := waiting[0]
			waiting = waiting[1:]
			if seen[path] {
				continue
			}
			seen[path] = true
			a := h.as("", http.MethodGet, path, "")
			hsts := a.Header.Get("Strict-Transport-Security")
			if (hsts != "") != secure || secure && !strings.HasPrefix(hsts, "max-age=63072000") {
				t.Errorf("%s: Strict-Transport-Security is %q", path, hsts)
			}
			if !strings.HasPrefix(a.Header.Get("Content-Type"), "text/html") {
				continue
			}
			pages++
			checkPage(t, path, a)
			for _, m := range links.FindAllStringSubmatch(a.body, -1) {
				waiting = append(waiting, strings.ReplaceAll(m[1], "&amp;", "&"))
			}
		}
		if pages < 30 {
			t.Errorf("only %d pages were found", pages)
		}
	}
}

func checkPage(t *testing.T, path string, a answer) {
	t.Helper()
	policy := a.Header.Get("Content-Security-Policy")
	for _, directive := range []string{"default-src 'none'", "style-src 'self'", "base-uri 'none'", "frame-ancestors 'none'", "form-action '"} {
		if !strings.Contains(policy, directive) {
			t.Errorf("%s: the policy has no %s: %s", path, directive, policy)
		}
	}
	if strings.Contains(policy, "unsafe") || strings.Contains(policy, "script-src") || strings.Contains(policy, "*") {
		t.Errorf("%s: the policy allows too much: %s", path, policy)
	}
	for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
		"Permissions-Policy": permissions, "X-Frame-Options": "DENY"} {
		if got := a.Header.Values(name); len(got) != 1 || got[0] != want {
			t.Errorf("%s: %s is %q", path, name, got)
		}
	}
	referrer := "same-origin"
	if strings.HasPrefix(path, "/sign-in/") && strings.Contains(path, "?") {
		referrer = "no-referrer"
	}
	if got := a.Header.Get("Referrer-Policy"); got != referrer {
		t.Errorf("%s: Referrer-Policy is %q", path, got)
	}
	if !strings.HasPrefix(path, "/docs") && a.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%s: Cache-Control is %q", path, a.Header.Get("Cache-Control"))
	}
	for _, part := range []string{"<script", " style=", "javascript:", " onload=", " onclick="} {
		if strings.Contains(a.body, part) {
			t.Errorf("%s holds %q", path, part)
		}
	}
}

// TestBarePagesAreSecured shows that a page which sets nothing is no worse.
func TestBarePagesAreSecured(t *testing.T) {
	t.Parallel()
	h := open(t, func(c *Config) {
		c.Console = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			if r.URL.Path != "/sign-in/link" {
				w.WriteHeader(http.StatusGone)
			}
			_, _ = w.Write([]byte("<p>bare</p>"))
		})
	})
	for _, path := range []string{"/", "/sign-in/link?token=x"} {
		a := h.as("", http.MethodGet, path, "")
		checkPage(t, path, a)
		if a.Header.Get("Content-Security-Policy") != pagePolicy {
			t.Errorf("%s: %s", path, a.Header.Get("Content-Security-Policy"))
		}
	}
}

// A form that another site sends to a page is refused with a page, and to an operation with a problem.
func TestCrossSiteForms(t *testing.T) {
	t.Parallel()
	h := open(t, func(c *Config) {
		c.Console = console.New(console.Config{Ledger: c.Ledger, Access: c.Access, Desk: c.Desk, Trail: c.Trail, Commerce: c.Commerce, Vault: c.Vault, Now: c.Now})
		c.Docs = docs.Handler(func() []byte { return nil })
	})
	_, session := h.staff("admin")
	for path, page := range map[string]bool{
		"/sign-out": true, "/console/approvals/ap_0123456789abcdef/approve": true, "/none": true, "/v1/people": false, "/v1/none": false, "/metrics": false, "/docs": false,
	} {
		for _, from := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Origin", "https://evil.example"}} {
			a := h.as("", http.MethodPost, path, "x=y", append(from, "Cookie", access.CookiePlain+"="+session, "Content-Type", "application/x-www-form-urlencoded")...)
			media := "application/problem+json"
			if page {
				media = "text/html; charset=utf-8"
			}
			if a.StatusCode != http.StatusForbidden || a.Header.Get("Content-Type") != media {
				t.Errorf("%s from elsewhere: %d, %s", path, a.StatusCode, a.Header.Get("Content-Type"))
			}
		}
	}
	if a := h.by(session, "GET", "/v1/me", ""); a.StatusCode != http.StatusOK {
		t.Errorf("the session is gone: %d", a.StatusCode)
	}
}
