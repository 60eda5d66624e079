package api

import (
	"encoding/json"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"mizan/api/access"
)

// canaries are values that must never be seen where they do not belong: personal data, and what signs somebody in.
func (p *people) canaries() map[string]string {
	_, key := p.key(access.NewKey{Scopes: []access.Scope{access.Everything}})
	return map[string]string{
		"name": "Zebra Person-Canary", "mail": "zebra.canary@example.com", "account": "GB82WEST12345698765432", "spaced account": "DE89 3704 0044 0532 0130 00", "card": card, "key": key,
		"session": p.personSession, "link": p.link, "token": p.token,
	}
}

// seen returns which canaries stand in a text, also in part and as addresses write them.
func seenIn(text string, canaries map[string]string) (found []string) {
	for kind, c := range canaries {
		tail := c[max(0, len(c)-20):]
		for _, form := range []string{c, tail, url.QueryEscape(c), url.PathEscape(c)} {
			if len(form) >= 12 && strings.Contains(text, form) {
				found = append(found, kind)
				break
			}
		}
	}
	return found
}

// TestCanaries plants personal data and secrets in every field, header, parameter and path of every operation, in bodies that
// are good and in broken ones. No problem repeats them, no header, no metric and no line of the log holds them, and nobody
// sees them who may not see the book.
func TestCanaries(t *testing.T) {
	t.Parallel()
	log := &syncBuffer{}
	p := withPeople(t, func(c *Config) {
		c.Log = slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	p.imported()
	p.must(201, "POST", "/v1/books", `{"code":"vn","name":"Example VN","currencies":["VND"],"time_zone":"Asia/Ho_Chi_Minh"}`)
	canaries := p.canaries()
	_, elsewhere := p.key(access.NewKey{Scopes: []access.Scope{access.Everything}, Books: []string{"vn"}})
	tried := 0
	ask := func(op *Operation, key, path, body string, header ...string) {
		t.Helper()
		tried++
		a := p.as(key, op.Method, path, body, header...)
		if a.StatusCode >= 500 {
			lines := strings.Split(strings.TrimSpace(log.String()), "\n")
			t.Errorf("%s %.200s: %d %s", op.ID, body, a.StatusCode, lines[len(lines)-1])
		}
		for name, values := range a.Header {
			if found := seenIn(strings.Join(values, " "), canaries); found != nil {
				t.Errorf("%s: the header %s shows %v", op.ID, name, found)
			}
		}
		if a.StatusCode < 400 && (key == testKey || slices.Contains(header, "Bearer "+canaries["key"]) || slices.Contains(header, "Bearer "+p.token) ||
			slices.Contains(header, access.CookiePlain+"="+p.personSession)) {
			return // they may read the book, and what was written into it
		}
		if found := seenIn(a.body, canaries); found != nil {
			t.Errorf("%s %.300s: the answer to %q shows %v: %s", op.ID, body, key, found, a.body)
		}
	}
	kinds := slices.Sorted(maps.Keys(canaries))
	turn := 0
	// next is another canary each time, so that each kind comes to every sort of place, and to many places of each operation.
	next := func() string {
		turn++
		return canaries[kinds[turn%len(kinds)]]
	}
	for _, op := range Operations() {
		p.clock.forward(time.Minute) // there is a limit to attempts with wrong keys
		path := examplePath(op.Path)
		examples := bodies(&op)
		good := ""
		if examples != nil {
			b, _ := json.Marshal(examples[0])
			good = string(b)
		}
		for _, example := range examples {
			for _, key := range []bool{false, true} {
				for at := range planted(generic(t, example), "", key) {
					for range 2 {
						b, err := json.Marshal(planted(generic(t, example), next(), key)[at])
						if err != nil {
							t.Fatal(err)
						}
						ask(&op, testKey, path, string(b))
						if turn%4 == 0 {
							ask(&op, testKey, path, string(b[:len(b)-1]))
							ask(&op, testKey, path, strings.Replace(string(b), `"`, `'`, 1))
						}
					}
				}
			}
		}
		for kind, c := range canaries {
			if op.BodyMedia != nil {
				ask(&op, testKey, path+"?format=csv&role=bookkeeper&seller=sel_uk", statementHead+c+`,"ST-1`+"\n", "Content-Type", "text/csv")
			}
			for rest := op.Path; strings.Contains(rest, "{"); {
				_, after, _ := strings.Cut(rest, "{")
				name, next, _ := strings.Cut(after, "}")
				ask(&op, testKey, examplePath(strings.Replace(op.Path, "{"+name+"}", url.PathEscape(c), 1)), good)
				rest = next
			}
			if kind == "name" || kind == "token" {
				ask(&op, "", path+"?"+url.QueryEscape(c)+"="+url.QueryEscape(c), good)
			}
		}
		for _, name := range append(slices.Clone(op.allowed), "access_token", next()) {
			for _, key := range []string{testKey, ""} {
				ask(&op, key, path+"?"+url.QueryEscape(name)+"="+url.QueryEscape(next()), good)
			}
		}
		for _, name := range []string{"X-Request-Id", "User-Agent", "Referer", "Origin", "Accept", "Accept-Language", "Idempotency-Key", "Content-Type", "Content-Encoding",
			"X-Forwarded-For", "X-Api-Key", "X-Shopify-Hmac-Sha256", "X-Shopify-Webhook-Id", "Stripe-Signature", "If-Match"} {
			ask(&op, testKey, path, good, name, next())
		}
		for n := range 8 {
			c := next()
			ask(&op, "", path, good, [][]string{
				{"Authorization", "Bearer " + c}, {"Authorization", "Basic " + c}, {"Authorization", c}, {"Cookie", access.CookiePlain + "=" + c}, {"Cookie", access.CookieSecure + "=" + c},
				{"Cookie", c}, {"Cookie", "theme=" + c}, {"Authorization", "Bearer " + c, "Cookie", access.CookiePlain + "=" + c},
			}[n]...)
		}
		for _, other := range [][]string{nil, {"Authorization", "Bearer " + elsewhere}, {"Cookie", access.CookiePlain + "=" + p.payeeSession}} {
			if op.Method == http.MethodGet {
				ask(&op, "", path, "", other...)
			}
		}
	}
	if tried < 5000 {
		t.Errorf("only %d requests were made", tried)
	}
	for _, path := range []string{"/metrics", "/openapi.json", "/livez", "/readyz"} {
		if found := seenIn(p.as("", "GET", path, "").body, canaries); found != nil {
			t.Errorf("%s shows %v", path, found)
		}
	}
	for line := range strings.Lines(log.String()) {
		if found := seenIn(line, canaries); found != nil {
			t.Fatalf("the log shows %v: %s", found, line)
		}
	}
	if log.String() == "" || len(seenIn("x "+p.token+" "+canaries["mail"], canaries)) != 2 {
		t.Error("nothing was logged, or nothing can be seen")
	}
}
