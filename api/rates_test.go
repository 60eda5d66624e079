package api

import (
	"context"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"mizan/api/access"
	"mizan/api/console"
	"mizan/api/traffic"
)

// TestRates: who asks too often is told when to come back, before anything is looked at, and nobody else notices.
func TestRates(t *testing.T) {
	t.Parallel()
	h := open(t, func(c *Config) {
		l := traffic.Limits{Together: 4}
		l.Rates[traffic.Key], l.Rates[traffic.Person], l.Rates[traffic.Payee], l.Rates[traffic.Address] = 0.5, 0.5, 0.5, 0.5
		c.Traffic = traffic.New(l, c.Now)
		c.Console = console.New(console.Config{Ledger: c.Ledger, Access: c.Access, Desk: c.Desk, Trail: c.Trail, Commerce: c.Commerce, Vault: c.Vault, Receipts: c.Receipts, Now: c.Now, Log: c.Log})
	})
	_, hasty := h.key(access.NewKey{Books: []string{"uk"}, Scopes: []access.Scope{access.BooksRead, access.TransactionsRead, access.TransactionsWrite}})
	_, calm := h.key(access.NewKey{Books: []string{"uk"}, Scopes: []access.Scope{access.BooksRead}})
	read := func(key string) answer { return h.as(key, "GET", "/v1/books/uk", "") }
	// exhaust asks until it is refused, and returns how often it was answered.
	exhaust := func(ask func() answer) (n int, last answer) {
		t.Helper()
		for ; n < 1000; n++ {
			if last = ask(); last.StatusCode == http.StatusTooManyRequests {
				return n, last
			}
		}
		t.Fatal("nothing was refused")
		return n, last
	}
	if a := read(calm); a.StatusCode != 200 {
		t.Fatal(a.body)
	}
	n, refused := exhaust(func() answer { return read(hasty) })
	if n != traffic.Burst+1 || refused.Header.Get("Retry-After") != "2" || refused.json(t)["code"] != "rate-limited" || refused.Header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("after %d answers: %v %s", n, refused.Header, refused.body)
	}
	if a := h.as(hasty, "POST", posting, sale("too-soon", "1.00")); a.StatusCode != 429 {
		t.Errorf("a posting is answered %d %s", a.StatusCode, a.body)
	}
	if list := h.must(200, "GET", posting, "").json(t)["data"].([]any); len(list) != 0 {
		t.Errorf("it posted %v", list)
	}
	if a := read(calm); a.StatusCode != 200 {
		t.Errorf("the other key is answered %d %s", a.StatusCode, a.body)
	}
	h.clock.forward(10 * time.Second)
	if n, _ := exhaust(func() answer { return read(hasty) }); n != 5 {
		t.Errorf("ten seconds later %d are answered", n)
	}

	// Whoever shows nothing that is known is counted by address: all guesses together, and who shows nothing at all.
	n, refused = exhaust(func() answer { return h.as("made-up-"+strings.Repeat("x", n%7), "GET", "/v1/books/uk", "") })
	if refused.json(t)["code"] != "rate-limited" || n < traffic.Burst-3 || n > traffic.Burst {
		t.Errorf("after %d guesses: %s", n, refused.body)
	}
	if n, refused = exhaust(func() answer { return h.as("", "GET", "/openapi.json", "") }); n != 0 {
		t.Errorf("after %d answers more: %s", n, refused.body)
	}
	page := h.as("", "GET", "/", "", "Accept-Language", "ar")
	if page.StatusCode != 429 || page.Header.Get("Retry-After") == "" || !strings.HasPrefix(page.Header.Get("Content-Type"), "text/html") || !strings.Contains(page.body, `dir="rtl"`) ||
		!strings.Contains(page.body, "أكثر مما تسمح") || page.Header.Get("Content-Security-Policy") == "" {
		t.Errorf("a page is refused with %d %v\n%.2000s", page.StatusCode, page.Header, page.body)
	}
	if page := h.as("", "GET", "/c/nothing", ""); page.StatusCode != 429 || page.Header.Get("Retry-After") == "" || !strings.HasPrefix(page.Header.Get("Content-Type"), "text/html") {
		t.Errorf("a public page is refused with %d %v", page.StatusCode, page.Header)
	}
	if a := h.as("", "POST", "/v1/books/uk/inbound/messages/1/retry", "{}", "Authorization", "Bearer made-up"); a.StatusCode != 429 {
		t.Errorf("who shows a credential is no platform: %d %s", a.StatusCode, a.body)
	}
	for _, path := range []string{"/livez", "/readyz", regexp.MustCompile(`/assets/[^"]+`).FindString(page.body)} {
		if a := h.as("", "GET", path, ""); a.StatusCode != 200 {
			t.Errorf("%s is answered %d", path, a.StatusCode)
		}
	}
	if a := h.as("", "POST", "/v1/books/uk/inbound/shopify", "{}"); a.StatusCode == 429 {
		t.Errorf("a message of a platform is refused with %s", a.body)
	}
	if a := read(calm); a.StatusCode != 200 {
		t.Errorf("from there the known key is answered %d %s", a.StatusCode, a.body)
	}
}

// TestManyReadAtOnce: more readers than may work at once are all answered, one after the other. A rehearsal, which reads more than any of
// them, stands in the same line.
func TestManyReadAtOnce(t *testing.T) {
	t.Parallel()
	var gate *traffic.Traffic
	h := open(t, func(c *Config) {
		gate = traffic.New(traffic.Limits{Together: 1}, c.Now)
		c.Traffic = gate
	})
	answers := make(chan int, 40)
	for range cap(answers) {
		go func() { answers <- h.do("GET", "/v1/books/uk", "").StatusCode }()
	}
	for range cap(answers) {
		if status := <-answers; status != 200 {
			t.Errorf("a reader is answered %d", status)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	full := make(chan struct{})
	var once sync.Once
	var line sync.WaitGroup
	for range 300 { // more than a line holds
		line.Go(func() {
			leave, err := gate.Arrive("Bearer "+testKey, "127.0.0.1").Enter(ctx)
			if err != nil {
				once.Do(func() { close(full) })
				return
			}
			<-ctx.Done()
			leave()
		})
	}
	<-full
	h.refused(503, "busy", "POST", ruleSets+"/rehearsal", ownRuleSet(t))
	cancel()
	line.Wait()
	h.must(200, "POST", ruleSets+"/rehearsal", ownRuleSet(t))
}
