package api

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"mizan/api/access"
	"mizan/ledger/guard"
)

// TestWhoCalls tries every way to say who calls, and every two of them at once.
func TestWhoCalls(t *testing.T) {
	t.Parallel()
	for _, secure := range []bool{false, true} {
		p := withPeople(t, func(c *Config) { c.Secure = secure })
		_, key := p.key(access.NewKey{Scopes: []access.Scope{access.BooksRead}})
		name, other := access.CookieName(secure), access.CookieName(!secure)
		for _, c := range []struct {
			says   string
			header []string
			status int
		}{
			{"a key", []string{"Authorization", "Bearer " + key}, 200},
			{"a token", []string{"Authorization", "Bearer " + p.token}, 200},
			{"a session", []string{"Cookie", name + "=" + p.personSession}, 200},
			{"a session and other cookies", []string{"Cookie", "theme=dark; " + name + "=" + p.personSession + "; " + other + "=x"}, 200},
			{"a payee's session", []string{"Cookie", name + "=" + p.payeeSession}, 403},
			{"nothing", nil, 401},
			{"a session under the other name", []string{"Cookie", other + "=" + p.personSession}, 401},
			{"a session as a key", []string{"Authorization", "Bearer " + p.personSession}, 401},
			{"a link as a session", []string{"Cookie", name + "=" + p.link}, 401},
			{"a key as a session", []string{"Cookie", name + "=" + key}, 401},
			{"a token as a session", []string{"Cookie", name + "=" + p.token}, 401},
			{"an empty session", []string{"Cookie", name + "="}, 401},
			{"a key and a session", []string{"Authorization", "Bearer " + key, "Cookie", name + "=" + p.personSession}, 401},
			{"a token and a session", []string{"Authorization", "Bearer " + p.token, "Cookie", name + "=" + p.personSession}, 401},
			{"a good key and a bad session", []string{"Authorization", "Bearer " + key, "Cookie", name + "=x"}, 401},
			{"a bad key and a good session", []string{"Authorization", "Bearer x", "Cookie", name + "=" + p.personSession}, 401},
			{"two sessions", []string{"Cookie", name + "=" + p.personSession + "; " + name + "=" + p.personSession}, 401},
			{"a token that was changed", []string{"Authorization", "Bearer " + p.token[:len(p.token)-2] + "AA"}, 401},
			{"a token without its signature", []string{"Authorization", "Bearer " + p.token[:strings.LastIndex(p.token, ".")+1]}, 401},
			{"a token by another scheme", []string{"Authorization", "Basic " + p.token}, 401},
		} {
			a := p.as("", "GET", "/v1/books", "", c.header...)
			if a.StatusCode != c.status {
				t.Errorf("secure %v, %s: %d, want %d: %s", secure, c.says, a.StatusCode, c.status, a.body)
			}
			if nobody := p.as("", "GET", "/v1/books", ""); c.status == 401 && withoutID(a) != withoutID(nobody) {
				t.Errorf("%s is answered with %s, nobody with %s", c.says, a.body, nobody.body)
			}
		}
		if secure {
			p.badTokens()
			p.badSecrets()
		}
		for _, parameter := range []string{"key", "api_key", "access_token", "token"} { // I26
			for _, bearer := range []string{key, p.token, p.personSession} {
				if a := p.as("", "GET", "/v1/books?"+parameter+"="+bearer, ""); a.StatusCode != 401 {
					t.Errorf("I26 in the query: %d", a.StatusCode)
				}
			}
		}
		for _, secret := range []string{key, p.token, p.personSession, p.link} {
			if strings.Contains(p.log.String(), secret) {
				t.Error("I26 a secret is logged")
			}
		}
		if err := p.access.SignOut(t.Context(), p.personSession, "", ""); err != nil {
			t.Fatal(err)
		}
		if a := p.as("", "GET", "/v1/books", "", "Cookie", name+"="+p.personSession); a.StatusCode != 401 {
			t.Errorf("I25 after the end of the session: %d", a.StatusCode)
		}
	}
}

// TestOtherSites shows that the page of another site cannot make a signed-in browser do anything (H26).
func TestOtherSites(t *testing.T) {
	t.Parallel()
	reached := 0 // the console, with a cookie: it refuses by itself what comes from elsewhere
	p := withPeople(t, func(c *Config) {
		c.Console = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header["Cookie"] != nil {
				reached++
				return
			}
			w.WriteHeader(http.StatusForbidden)
			_, _ = w.Write([]byte(`{"code":"cross-site"}`))
		})
	})
	cookie := access.CookieName(false) + "=" + p.personSession
	host := strings.TrimPrefix(p.server.URL, "http://")
	for _, path := range []string{posting, "/v1/books", "/console/approvals/1/approve"} {
		for _, c := range []struct {
			header []string
			cross  bool
		}{
			{[]string{"Sec-Fetch-Site", "cross-site"}, true}, {[]string{"Sec-Fetch-Site", "same-site"}, true}, {[]string{"Origin", "https://evil.example"}, true},
			{[]string{"Origin", "null"}, true}, {[]string{"Sec-Fetch-Site", "cross-site", "Origin", "http://" + host}, true},
			{[]string{"Sec-Fetch-Site", "same-origin"}, false}, {[]string{"Origin", "http://" + host}, false}, {[]string{"Sec-Fetch-Site", "none"}, false},
		} {
			before := reached
			a := p.as("", "POST", path, "{}", append(c.header, "Cookie", cookie)...)
			if crossed := a.StatusCode == 403 && a.json(t)["code"] == "cross-site"; crossed != c.cross || c.cross && reached != before {
				t.Errorf("%s with %v: %d %s", path, c.header, a.StatusCode, a.body)
			}
		}
	}
	for _, method := range []string{"GET", "HEAD"} {
		if a := p.as("", method, "/v1/books", "", "Sec-Fetch-Site", "cross-site", "Cookie", cookie); a.StatusCode != 200 {
			t.Errorf("%s is a link from another site: %d", method, a.StatusCode)
		}
	}
	// A program sends no cookie, and may well be called by a page.
	if a := p.do("POST", posting, sale("r-1", "1.00"), "Sec-Fetch-Site", "cross-site", "Origin", "https://shop.example"); a.StatusCode != 201 {
		t.Errorf("with a key: %d", a.StatusCode)
	}
}

// TestClientAddresses shows whose word is taken for where a request comes from (H14).
func TestClientAddresses(t *testing.T) {
	t.Parallel()
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	for _, c := range []struct {
		proxies   []netip.Prefix
		peer      string
		forwarded []string
		want      string
	}{
		{nil, "203.0.113.9:4000", nil, "203.0.113.9"},
		{nil, "203.0.113.9:4000", []string{"198.51.100.1"}, "203.0.113.9"},
		{nil, "[2001:db8::1%eth0]:4000", nil, "2001:db8::1"},
		{nil, "[::ffff:203.0.113.9]:4000", nil, "203.0.113.9"},
		{nil, "@", nil, ""},
		{proxies, "203.0.113.9:4000", []string{"198.51.100.1"}, "203.0.113.9"}, // it comes to us directly
		{proxies, "10.0.0.1:4000", []string{"198.51.100.1"}, "198.51.100.1"},
		{proxies, "10.0.0.1:4000", []string{"1.1.1.1, 198.51.100.1"}, "198.51.100.1"}, // what the client says itself stands before
		{proxies, "10.0.0.1:4000", []string{"1.1.1.1", "198.51.100.1, 10.0.0.2"}, "198.51.100.1"},
		{proxies, "[fd00::1]:4000", []string{"2001:db8::7"}, "2001:db8::7"},
		{proxies, "10.0.0.1:4000", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.1"},
		{proxies, "10.0.0.1:4000", []string{"rubbish"}, "10.0.0.1"},
		{proxies, "10.0.0.1:4000", []string{"198.51.100.1, '; DROP TABLE"}, "10.0.0.1"},
		{proxies, "10.0.0.1:4000", nil, "10.0.0.1"},
		{proxies, "10.0.0.1:4000", []string{"::ffff:198.51.100.1"}, "198.51.100.1"},
	} {
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
		r.RemoteAddr = c.peer
		for _, f := range c.forwarded {
			r.Header.Add("X-Forwarded-For", f)
		}
		for _, name := range []string{"X-Real-Ip", "True-Client-Ip", "Forwarded", "Cf-Connecting-Ip"} {
			r.Header.Set(name, "192.0.2.200")
		}
		var got guard.Actor
		behind(c.proxies, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			call := &call{principal: access.Principal{Kind: access.Program, ID: "k"}, r: r, w: &recorder{requestID: "req"}}
			got = call.actor()
		})).ServeHTTP(httptest.NewRecorder(), r)
		if want := (guard.Actor{Kind: guard.Program, ID: "k", Address: c.want, RequestID: "req"}); got != want {
			t.Errorf("%s forwarding for %q: %+v, want %s", c.peer, c.forwarded, got, c.want)
		}
	}
	prometheus := &service{observers: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("fd00::/64")}}
	for from, near := range map[string]bool{"127.0.0.1:1": true, "[::1]:1": true, "[::ffff:127.0.0.1]:1": true, "10.1.2.3:1": true, "[::ffff:10.1.0.1]:1": true, "[fd00::1%eth0]:1": true,
		"10.2.0.1:1": false, "192.168.0.9:1": false, "[fd00:1::1]:1": false, "[fe80::1%eth0]:1": false, "203.0.113.9:4000": false, "[2001:db8::1]:1": false, "[::ffff:203.0.113.9]:1": false, "@": false, "": false} {
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", nil)
		if r.RemoteAddr = from; prometheus.observes(r) != near {
			t.Errorf("%s is near: %v", from, !near)
		}
	}
	h := open(t)
	for _, bad := range []netip.Prefix{{}, netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")} {
		config := Config{Ledger: h.ledger, Commerce: h.service.commerce, Rules: h.service.rules, Access: h.access, Now: h.clock.now, TrustedProxies: []netip.Prefix{bad}}
		if _, err := New(config); err == nil {
			t.Errorf("%s is trusted", bad)
		}
	}
}

// TestRefusalsOfCallersAreLogged shows that the log says who was refused what, and counts them (ASVS 16.3.2).
func TestRefusalsOfCallersAreLogged(t *testing.T) {
	t.Parallel()
	p := withPeople(t, func(c *Config) { c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")} })
	key, bearer := p.key(access.NewKey{Scopes: []access.Scope{access.BalancesRead}, Books: []string{"vn"}})
	session := func(s string) []string { return []string{"Cookie", access.CookieName(false) + "=" + s} }
	for i, c := range []struct {
		method, path string
		header       []string
		status       int
		want         map[string]any
	}{
		{"GET", "/v1/books/uk/balances", nil, 401, map[string]any{"code": "unauthenticated"}},
		{"GET", "/v1/books/uk/balances", []string{"Authorization", "Bearer mk_aaaaaaaaaaaa_" + strings.Repeat("A", 43)}, 401, map[string]any{"code": "unauthenticated"}},
		{"GET", "/v1/books/uk/balances", []string{"Authorization", "Bearer " + bearer}, 404, map[string]any{"code": "book-unknown", "key_id": key.ID, "book": "uk"}},
		{"GET", "/v1/books/zz/balances", []string{"Authorization", "Bearer " + bearer}, 404, map[string]any{"code": "book-unknown", "key_id": key.ID, "book": "zz"}},
		{"GET", "/v1/books/A%20Person/balances", []string{"Authorization", "Bearer " + bearer}, 404, map[string]any{"code": "book-unknown", "key_id": key.ID, "book": nil}},
		{"GET", "/v1/books/uk/transactions", []string{"Authorization", "Bearer " + bearer}, 403, map[string]any{"code": "forbidden", "key_id": key.ID, "book": "uk"}},
		{"POST", posting, session(p.personSession), 403, map[string]any{"code": "forbidden", "person_id": p.person, "book": "uk"}},
		{"GET", "/v1/books/uk/balances", session(p.payeeSession), 403, map[string]any{"code": "forbidden", "payee_id": p.payee, "book": "uk"}},
	} {
		id := "find-me-" + string(rune('a'+i))
		body := ""
		if c.method == "POST" {
			body = "{}"
		}
		a := p.as("", c.method, c.path, body, append(c.header, "X-Request-Id", id, "X-Forwarded-For", "198.51.100.77")...)
		if a.StatusCode != c.status {
			t.Errorf("%s: %d, want %d", c.path, a.StatusCode, c.status)
		}
		found := false
		for line := range strings.Lines(p.log.String()) {
			var entry map[string]any
			if json.Unmarshal([]byte(line), &entry) != nil || entry["request_id"] != id {
				continue
			}
			found = true
			if entry["level"] != "WARN" || entry["route"] == "unmatched" {
				t.Errorf("%s: %s", c.path, line)
			}
			for name, want := range c.want {
				if entry[name] != want {
					t.Errorf("%s: %s is %v, want %v", c.path, name, entry[name], want)
				}
			}
		}
		if !found {
			t.Errorf("%s is not logged", c.path)
		}
	}
	for _, secret := range []string{"198.51.100.77", "127.0.0.1", bearer, p.personSession, p.payeeSession, "Person"} {
		if strings.Contains(p.log.String(), secret) {
			t.Errorf("the log holds %s", secret)
		}
	}
	metrics := p.do("GET", "/metrics", "").body
	for _, want := range []string{`mizan_http_refusals_total{code="unauthenticated"} 2`, `mizan_http_refusals_total{code="forbidden"} 3`, `mizan_http_refusals_total{code="book-unknown"} 3`} {
		if !strings.Contains(metrics, want) {
			t.Errorf("the metrics have no %s", want)
		}
	}
	// Whoever is refused for another reason is no matter for a warning.
	p.do("GET", "/v1/books/zz/balances", "", "X-Request-Id", "not-a-warning")
	for line := range strings.Lines(p.log.String()) {
		if strings.Contains(line, "not-a-warning") && strings.Contains(line, "WARN") {
			t.Error(line)
		}
	}
}
