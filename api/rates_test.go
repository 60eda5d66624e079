package api

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"mizan/api/access"
	"mizan/api/client"
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
	h.theClientWaits(hasty)
	h.clock.forward(10 * time.Second)
	if n, _ := exhaust(func() answer { return read(hasty) }); n != 5 {
		t.Errorf("ten seconds later %d are answered", n)
	}

	// Whoever shows nothing is counted by address, and keeps nobody there from being recognised.
	if _, refused = exhaust(func() answer { return h.as("", "GET", "/openapi.json", "") }); refused.json(t)["code"] != "rate-limited" {
		t.Errorf("who shows nothing is refused with %s", refused.body)
	}
	over, ended := h.key(access.NewKey{Books: []string{"uk"}, Scopes: []access.Scope{access.BooksRead}})
	if a := read(ended); a.StatusCode != 200 {
		t.Errorf("a key that was never seen is answered %d %s", a.StatusCode, a.body)
	}

	// All guesses from an address are counted together.
	n, refused = exhaust(func() answer { return h.as("made-up-"+strings.Repeat("x", n%7), "GET", "/v1/books/uk", "") })
	if refused.json(t)["code"] != "rate-limited" || n < traffic.Burst-3 || n > traffic.Burst {
		t.Errorf("after %d guesses: %s", n, refused.body)
	}
	if err := h.access.Revoke(t.Context(), operator, over.ID, ""); err != nil {
		t.Fatal(err)
	}
	if first, second := read(ended).StatusCode, read(ended).StatusCode; first != 401 || second != 429 {
		t.Errorf("a key that was ended is answered %d, and then as a guess %d", first, second)
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
	for _, op := range Operations() {
		if path := strings.NewReplacer("{book}", "uk", "{processor}", "stripe").Replace(op.Path); op.Signed {
			if a := h.as("", op.Method, path, "{}"); a.StatusCode == 429 {
				t.Errorf("a message to %s is refused with %s", path, a.body)
			}
		}
	}
	if a := read(calm); a.StatusCode != 200 {
		t.Errorf("from there the known key is answered %d %s", a.StatusCode, a.body)
	}
}

// theClientWaits has the Go client ask with a key that was just refused: it comes back when it may, or says at once that this takes longer than
// it was told to wait.
func (h *house) theClientWaits(key string) {
	h.t.Helper()
	refused := 0
	transport := hearing{func(a *http.Response) {
		if a.StatusCode == http.StatusTooManyRequests {
			refused++
			h.clock.forward(2 * time.Second)
		}
	}}
	impatient, err := client.New(h.server.URL, key, client.Options{Patience: time.Second, Transport: hearing{func(*http.Response) { refused++ }}})
	if err != nil {
		h.t.Fatal(err)
	}
	var p *client.Problem
	if _, err := impatient.Book(h.t.Context(), "uk"); !errors.As(err, &p) || p.Code != "rate-limited" || p.RetryAfter != 2*time.Second || refused != 1 {
		h.t.Errorf("the impatient client is told %v, asked %d times", err, refused)
	}
	refused = 0
	patient, err := client.New(h.server.URL, key, client.Options{Transport: transport})
	if err != nil {
		h.t.Fatal(err)
	}
	began := time.Now()
	if book, err := patient.Book(h.t.Context(), "uk"); err != nil || book.Code != "uk" || refused != 1 || time.Since(began) < 2*time.Second {
		h.t.Errorf("after %s and %d refusals the client has %v (%v)", time.Since(began), refused, book, err)
	}
}

// hearing sends requests and tells of their answers.
type hearing struct{ heard func(*http.Response) }

func (t hearing) RoundTrip(r *http.Request) (*http.Response, error) {
	a, err := http.DefaultTransport.RoundTrip(r)
	if err == nil {
		t.heard(a)
	}
	return a, err
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
