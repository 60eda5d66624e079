package console

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"mizan/ledger"
	"mizan/ledger/postgres/pgtest"
)

// An open console is for this machine: a request under another name came through somebody else's page.
func TestHost(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.book("uk", "Souk UK", "GBP")
	for host, status := range map[string]int{
		"localhost": 200, "localhost:8080": 200, "LOCALHOST:1": 200, "127.0.0.1": 200, "127.0.0.1:8080": 200, "127.9.9.9": 200, "[::1]:8080": 200, "[::1]": 200,
		"": 403, "evil.example": 403, "evil.example:8080": 403, "localhost.evil.example": 403, "127.0.0.1.evil.example": 403, "192.168.1.7:8080": 403,
		"0.0.0.0:8080": 403, "[2001:db8::1]:80": 403, "10.0.0.1": 403, "localhost:8080:1": 403, "127.0.0.1@evil.example": 403, "1": 403, "[::ffff:10.0.0.1]": 403,
	} {
		for _, path := range []string{"/", "/books/uk"} {
			p := fetch(t, s, path, status, func(r *http.Request) { r.Host = host })
			if status == 403 {
				p.hasNot(t, "Souk")
				p.has(t, "answers only on this machine")
			}
		}
	}
}

// A closed console needs no ledger, so it cannot show anything.
func TestClosed(t *testing.T) {
	t.Parallel()
	h := New(Config{Version: "9.9.9-secret", Now: clock})
	p := fetch(t, h, "/", 200, func(r *http.Request) { r.Host = "mizan.example.com" })
	p.has(t, "Read the handbook")
	p.hasNot(t, "development", "9.9.9", "/books", "2026")
	for _, link := range p.Links {
		if strings.HasPrefix(link, "/assets/") {
			fetch(t, h, link, 200, func(*http.Request) {})
		}
	}
	for _, path := range []string{"/books", "/books/uk", "/books/uk/transactions", "/books/uk/transactions/uk-1", "/books/uk/accounts", "/books/uk/accounts/a:b", "/x"} {
		fetch(t, h, path, 404, func(*http.Request) {}).hasNot(t, "development", "uk", "9.9.9")
	}
}

func TestClosedWithLedger(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	uk := s.book("uk", "Souk UK", "GBP")
	s.post(uk, "a", sale(pending, owed, 100, "GBP"))
	h := New(Config{Ledger: s.ledger, Now: clock})
	for path, status := range map[string]int{"/": 200, "/?after=": 200, "/books/uk": 404, "/books/uk/transactions/uk-1": 404} {
		fetch(t, h, path, status, func(r *http.Request) { r.Host = "localhost" }).hasNot(t, "Souk", "1.00", "uk")
	}
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for path, status := range map[string]int{"/": 200, "/none": 404} {
		h := s.get(path, status).header
		if h.Get("Content-Security-Policy") != policy || h.Get("Cache-Control") != "no-store" || h.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %v", path, h)
		}
	}
	if strings.Contains(policy, "unsafe") || !strings.HasPrefix(policy, "default-src 'none'") || strings.Contains(policy, "script-src") {
		t.Errorf("the policy allows too much: %s", policy)
	}
	h := s.get(stylePath, 200).header
	if !strings.Contains(h.Get("Cache-Control"), "immutable") || h.Get("Content-Type") != "text/css; charset=utf-8" {
		t.Errorf("the stylesheet: %v", h)
	}
}

func TestDirection(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	uk := s.book("uk", "Souk UK", "GBP")
	s.post(uk, "a", sale(pending, owed, 100, "GBP"))
	for _, c := range []struct{ query, language, want string }{
		{"", "", "ltr"}, {"", "en-GB,ar;q=0.8", "ltr"}, {"", "ar", "rtl"}, {"", "ar-EG,en;q=0.8", "rtl"}, {"", "he;q=1", "ltr"}, {"", "FA-IR", "ltr"},
		{"", "arn", "ltr"}, {"?dir=rtl", "en", "rtl"}, {"?dir=ltr", "ar", "ltr"}, {"?dir=<", "ar", "rtl"}, {"", "\x00;", "ltr"},
	} {
		p := fetch(t, s, "/books/uk"+c.query, 200, func(r *http.Request) { r.Host = "localhost"; r.Header.Set("Accept-Language", c.language) })
		if p.dir != c.want {
			t.Errorf("%q, %q: the page runs %s", c.query, c.language, p.dir)
		}
		if !strings.Contains(p.source, `<bdi dir="ltr">1.00</bdi>`) || !strings.Contains(p.source, `<bdi dir="ltr" class="address">assets:<wbr/>processor`) {
			t.Errorf("amounts and addresses are not kept left-to-right:\n%s", p.source)
		}
	}
}

// Whatever text the books hold is shown as text.
func TestHostileText(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	const hostile = `"><script>alert(1)</script><img src=x onerror='alert(2)'> ]]> {{.}} &lt; <!--`
	book := s.book("uk", hostile, "GBP")
	d := sale(pending, owed, 100, "GBP")
	d.Memo, d.Metadata, d.Subject = hostile, map[string]string{"note": hostile}, "order:UK-1"
	d.Explanation = []byte(`{"x":"` + hostile + `"}`)
	d.Lines[0].ExternalRef = `"><script>x</script>`
	s.post(book, `<script>alert("ref")</script>`, d)
	for _, path := range []string{"/", "/books/uk", "/books/uk/transactions", "/books/uk/transactions/uk-1", "/books/uk/accounts/" + string(owed),
		"/books/uk/accounts", "/books/uk/transactions?reference=%3Cscript%3Ealert(%22ref%22)%3C/script%3E", "/books/uk/transactions?subject=%22%3E%3Cscript%3E",
		"/books/uk/transactions?event=javascript:alert(1)", "/books/uk?period=%3Cscript%3E"} {
		status := http.StatusOK
		if strings.Contains(path, "period") {
			status = http.StatusBadRequest
		}
		p := s.get(path, status)
		p.hasNot(t, "<script", "<img src=x", "<!--", `href="javascript`)
	}
	s.get("/books/uk/transactions/uk-1", 200).has(t, hostile, `<script>alert("ref")</script>`)
}

// A failure is logged and not explained.
func TestFailure(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	l := ledger.New(db.Pool, ledger.Options{Now: clock})
	if err := l.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	db.Pool.Close()
	h := New(Config{Ledger: l, Now: clock, Open: true})
	p := fetch(t, h, "/", http.StatusInternalServerError, func(r *http.Request) { r.Host = "localhost" })
	p.has(t, "Something failed on our side")
	p.hasNot(t, "pool", "closed")
}

func TestNewNeedsALedger(t *testing.T) {
	t.Parallel()
	defer func() {
		if recover() == nil {
			t.Error("an open console without a ledger was made")
		}
	}()
	New(Config{Open: true})
}

// Every link of every page leads somewhere, and every page is well-formed and bounded.
func TestCrawl(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	uk, kw := s.book("uk", "Souk UK", "GBP", "EUR"), s.book("kw", "سوق الكويت", "KWD")
	for _, c := range uk.Currencies {
		d := sale(pending, owed, 123456, c)
		d.Subject, d.Metadata = "order:UK-1", map[string]string{"a": "b"}
		s.post(uk, "sale "+string(c), d)
		s.post(uk, "fee/"+string(c)+"?&#%", sale(owed, fee, 99, c))
	}
	s.post(kw, "k", sale(pending, "liabilities:donation:pending:ben.1:camp-2", 1250, "KWD"))
	if o := s.ledger.Reverse(t.Context(), uk, 1, ledger.Correction{Reference: "undo"}); o.Err != nil {
		t.Fatal(o.Err)
	}
	mux := http.NewServeMux()
	mux.Handle("/", s)
	for _, elsewhere := range []string{"/docs", "/docs/", "/openapi.json"} {
		mux.HandleFunc(elsewhere, func(http.ResponseWriter, *http.Request) {})
	}
	server := httptest.NewServer(mux)
	defer server.Close()
	queue, seen := []string{"/"}, map[string]bool{"/": true}
	for len(queue) > 0 {
		path := queue[0]
		queue = queue[1:]
		p := fetchFrom(t, server, path)
		if p.Rows > 130 {
			t.Errorf("%s has %d rows", path, p.Rows)
		}
		for _, link := range p.Links {
			if id, here := strings.CutPrefix(link, "#"); here {
				if !p.ids[id] {
					t.Errorf("%s has no place %s", path, link)
				}
			} else if !strings.HasPrefix(link, "/") || strings.HasPrefix(link, "//") {
				t.Errorf("%s links to %q", path, link)
			} else if !seen[link] && link != "/language" { // where the form with the languages is sent
				seen[link] = true
				queue = append(queue, link)
			}
		}
		if len(seen) > 500 {
			t.Fatal("the pages link to more and more pages")
		}
	}
	if len(seen) < 30 {
		t.Errorf("only %d pages were found: %v", len(seen), seen)
	}
}
