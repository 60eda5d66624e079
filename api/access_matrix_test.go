package api

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"mizan/api/access"
)

// TestAccessMatrix tries every operation of the table with every kind of key. What it may answer follows from the table.
func TestAccessMatrix(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.must(201, "POST", "/v1/books", `{"code":"vn","name":"Example VN","currencies":["VND"],"time_zone":"Asia/Ho_Chi_Minh"}`)
	h.must(201, "POST", posting, sale("r-1", "1.00"))
	h.must(201, "POST", "/v1/books/uk/events", releasableTip)
	explained := h.event("order.captured", "an-event") // the other one has no explanation
	campaign, err := json.Marshal(campaignExample())
	if err != nil {
		t.Fatal(err)
	}
	if a := h.do(http.MethodPost, "/v1/books/uk/campaigns", string(campaign)); a.StatusCode != http.StatusCreated {
		t.Fatalf("publish a campaign: %d %s", a.StatusCode, a.body)
	}
	h.event("donation.received", "a-donation")
	for _, e := range chainEvents {
		h.must(201, "POST", "/v1/books/uk/events", e)
	}

	h.imported()

	keys := map[string]string{"none": "", "malformed": "mk_short", "static, wrong": testKey + "x"}
	scoped := map[access.Scope]string{}
	for _, s := range access.Scopes() {
		_, scoped[s] = h.key(access.NewKey{Scopes: []access.Scope{s}})
	}
	_, keys["other book"] = h.key(access.NewKey{Scopes: []access.Scope{access.Everything}, Books: []string{"vn"}})
	_, keys["own book"] = h.key(access.NewKey{Scopes: []access.Scope{access.Everything}, Books: []string{"uk"}})
	_, keys["expired"] = h.key(access.NewKey{Scopes: []access.Scope{access.Everything}, ExpiresAt: start.Add(time.Minute)})
	revoked, bearer := h.key(access.NewKey{Scopes: []access.Scope{access.Everything}})
	keys["revoked"] = bearer
	_, good := h.key(access.NewKey{Scopes: []access.Scope{access.Everything}})
	keys["right id, wrong secret"] = good[:len(good)-43] + strings.Repeat("A", 43)
	keys["unknown id"] = "mk_aaaaaaaaaaaa_" + good[len(good)-43:]
	h.clock.forward(2 * time.Minute)
	if err := h.access.Revoke(t.Context(), operator, revoked.ID, ""); err != nil {
		t.Fatal(err)
	}
	h.clock.forward(time.Second)

	if r := h.as(good, "POST", "/v1/books/uk/events", `{"type":"simulcast.reported","reference":"sale-B","data":{"sale":"B","brand":"b","currency":"GBP","amount":"10.00"}}`); r.StatusCode != 201 {
		t.Fatalf("%d %s", r.StatusCode, r.body)
	}
	for _, op := range Operations() {
		body := ""
		if op.Body != nil {
			b, err := json.Marshal(op.Example)
			if err != nil {
				t.Fatal(err)
			}
			body = string(b)
		}
		path := examplePath(op.Path)
		if op.ID == "explain-transaction" {
			path = strings.Replace(path, "uk-1", explained, 1)
		}
		h.clock.forward(time.Minute) // there is a limit to attempts with wrong keys
		status := func(key string) int { return h.as(key, op.Method, path, body).StatusCode }
		if op.Signed { // a key does not stand for a signature
			for name, key := range map[string]string{"none": "", "every scope": good} {
				if got := status(key); got != 401 && got != 400 {
					t.Errorf("%s without a signature, with key %s: %d", op.ID, name, got)
				}
			}
			continue
		}
		if op.Scope == "" {
			if got := status(""); got != 200 {
				t.Errorf("%s asks for a key: %d", op.ID, got)
			}
			continue
		}
		for _, name := range []string{"none", "malformed", "static, wrong", "expired", "revoked", "right id, wrong secret", "unknown id"} {
			if got := status(keys[name]); got != 401 {
				t.Errorf("%s with key %q: %d, want 401", op.ID, name, got)
			}
		}
		for scope, key := range scoped {
			allowed := scope == op.Scope || scope == access.Everything
			switch got := status(key); {
			case allowed && (got == 401 || got == 403 || got >= 500):
				t.Errorf("%s with the scope %s: %d", op.ID, scope, got)
			case !allowed && got != 403:
				t.Errorf("%s with the scope %s: %d, want 403", op.ID, scope, got)
			}
		}
		if op.ofBook() {
			hidden := h.as(keys["other book"], op.Method, path, body)
			missing := h.as(keys["other book"], op.Method, strings.Replace(path, "/uk", "/zz", 1), body)
			if hidden.StatusCode != 404 || withoutID(hidden) != withoutID(missing) {
				t.Errorf("%s of a hidden book: %s, of a missing one: %s", op.ID, hidden.body, missing.body)
			}
			if got := status(keys["own book"]); got == 404 || got == 403 {
				t.Errorf("%s of its own book: %d", op.ID, got)
			}
		}
	}
}

// withoutID is a problem's body without what differs between any two requests.
func withoutID(a answer) string {
	return strings.ReplaceAll(a.body, a.Header.Get("X-Request-Id"), "")
}

func TestAuthenticationFailuresAreIdentical(t *testing.T) {
	t.Parallel()
	h := open(t)
	var bodies []string
	for _, authorization := range []string{
		"", "Bearer", "Bearer ", "Basic " + testKey, testKey, "Bearer  " + testKey, "Bearer " + testKey + " ", "Bearer mk_aaaaaaaaaaaa_" + strings.Repeat("A", 43),
		"Bearer " + strings.Repeat("x", 10_000), "Bearer eyJhbGciOiJub25lIn0.e30.", "Bearer mk_'; DROP TABLE_" + strings.Repeat("A", 39),
	} {
		a := h.as("", "GET", "/v1/books?api_key="+testKey, "", "Authorization", authorization)
		if a.StatusCode != 401 || a.Header.Get("WWW-Authenticate") != "Bearer" {
			// net/http trims the space after a header's value, so that one is the right key.
			if authorization == "Bearer "+testKey+" " && a.StatusCode == 400 {
				continue
			}
			t.Errorf("%q: %d", authorization, a.StatusCode)
		}
		bodies = append(bodies, withoutID(a))
	}
	if slices.Sort(bodies); bodies[0] != bodies[len(bodies)-1] {
		t.Errorf("answers differ: %s, %s", bodies[0], bodies[len(bodies)-1])
	}
	if strings.Contains(h.log.String(), testKey) {
		t.Error("a key stands in the log")
	}
	two := h.raw("GET /v1/books HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + testKey + "\r\nAuthorization: Bearer " + testKey + "\r\nConnection: close\r\n\r\n")
	if two.StatusCode != http.StatusUnauthorized {
		t.Errorf("two keys: %d", two.StatusCode)
	}
	if a := h.as("", "GET", "/v1/books", "", "Authorization", "bEARER "+testKey); a.StatusCode != 200 {
		t.Errorf("the scheme in other letters: %d", a.StatusCode)
	}
}

func TestBooksOfALimitedKey(t *testing.T) {
	t.Parallel()
	h := open(t)
	for _, code := range []string{"aa", "bb", "cc", "dd"} {
		h.must(201, "POST", "/v1/books", `{"code":"`+code+`","name":"N","currencies":["GBP"],"time_zone":"UTC"}`)
	}
	_, key := h.key(access.NewKey{Scopes: []access.Scope{access.BooksRead, access.BooksWrite}, Books: []string{"dd", "bb", "missing", "cc"}})
	var seen []string
	path := "/v1/books?limit=2"
	for path != "" {
		page := h.as(key, "GET", path, "").json(t)
		for _, b := range page["data"].([]any) {
			seen = append(seen, b.(map[string]any)["code"].(string))
		}
		path = ""
		if next, ok := page["next_cursor"].(string); ok {
			path = "/v1/books?limit=2&cursor=" + next
		}
	}
	if !slices.Equal(seen, []string{"bb", "cc", "dd"}) {
		t.Errorf("the key sees %v", seen)
	}
	if a := h.as(key, "POST", "/v1/books", `{"code":"ee","name":"N","currencies":["GBP"],"time_zone":"UTC"}`); a.StatusCode != 403 {
		t.Errorf("it creates another book: %d", a.StatusCode)
	}
	if a := h.as(key, "POST", "/v1/books", `{"code":"missing","name":"N","currencies":["GBP"],"time_zone":"UTC"}`); a.StatusCode != 201 {
		t.Errorf("it cannot create its own: %d %s", a.StatusCode, a.body)
	}
}
