package console

import (
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"mizan/api/access"
	"mizan/ledger/commerce"
	"mizan/ledger/guard"
)

// staffPage is a page of the staff and what somebody must hold to see it. BOOK stands for a book's code.
type staffPage struct {
	path   string
	scopes []access.Scope
	// whole says that the page concerns no book.
	whole bool
}

var staffPagesTested = []staffPage{
	{"/books/BOOK", []access.Scope{access.BooksRead, access.BalancesRead, access.TransactionsRead}, false},
	{"/books/BOOK/transactions", []access.Scope{access.TransactionsRead}, false},
	{"/books/BOOK/transactions/BOOK-1", []access.Scope{access.TransactionsRead}, false},
	{"/books/BOOK/accounts", []access.Scope{access.BalancesRead, access.TransactionsRead}, false},
	{"/books/BOOK/accounts/" + string(owed), []access.Scope{access.BalancesRead, access.TransactionsRead}, false},
	{"/console/books/BOOK/search?q=nothing", []access.Scope{access.BooksRead}, false},
	{"/console/books/BOOK", []access.Scope{access.BooksRead}, false},
	{"/console/books/BOOK/approvals", []access.Scope{access.ApprovalsRead}, false},
	{"/console/books/BOOK/approvals/APPROVAL", []access.Scope{access.ApprovalsRead}, false},
	{"/console/books/BOOK/audit", []access.Scope{access.AuditRead}, false},
	{"/console/books/BOOK/adjustments", []access.Scope{access.ApprovalsRead}, false},
	{"/console/approvals", []access.Scope{access.ApprovalsRead}, true},
	{"/console/audit", []access.Scope{access.AuditRead}, true},
	{"/console/books/BOOK/jobs", []access.Scope{access.JobsRead}, false},
	{"/console/books/BOOK/jobs/count/periods/2026-11-21T09:30:00.123456Z", []access.Scope{access.JobsRead}, false},
	{"/console/jobs", []access.Scope{access.JobsRead}, true},
	{"/console/jobs/sweep/periods/2026-11-21T09:30:00.123456Z", []access.Scope{access.JobsRead}, true},
	{"/console/people", []access.Scope{access.PeopleRead}, true},
	{"/console/people/PERSON", []access.Scope{access.PeopleRead}, true},
	{"/console/books/BOOK/rules", []access.Scope{access.RulesRead}, false},
	{"/console/books/BOOK/rules/sets/uk-1", []access.Scope{access.RulesRead}, false},
	{"/console/books/BOOK/rules/changes?from=uk-1&to=uk-1", []access.Scope{access.RulesRead}, false},
	{"/console/books/BOOK/imports", []access.Scope{access.InboundRead}, false},
	{"/console/books/BOOK/inbound", []access.Scope{access.InboundRead}, false},
	{"/console/books/BOOK/campaigns", []access.Scope{access.TransactionsRead}, false},
	{"/console/books/BOOK/payout-health", []access.Scope{access.PayoutsRead}, false},
	{"/console/books/BOOK/payout-runs", []access.Scope{access.PayoutsRead}, false},
	{"/console/books/BOOK/payouts", []access.Scope{access.PayoutsRead}, false},
	{"/console/books/BOOK/bank-files", []access.Scope{access.PayoutsRead}, false},
	{"/console/books/BOOK/payees", []access.Scope{access.PayoutsRead}, false},
	{"/console/books/BOOK/questions", []access.Scope{access.PayoutsRead}, false},
	{"/console/books/BOOK/payout-policies", []access.Scope{access.PayoutsRead}, false},
	{"/console/books/BOOK/payout-policies/uk-1", []access.Scope{access.PayoutsRead}, false},
	{"/console/books/BOOK/payout-debts", []access.Scope{access.PayoutsRead}, false},
	{"/console/books/BOOK/treasury-proposals", []access.Scope{access.PayoutsRead}, false},
	{"/console/books/BOOK/trial-balance?period=2026-11", []access.Scope{access.BooksRead, access.BalancesRead, access.TransactionsRead}, false},
	{"/books/BOOK/accounts?code=2110&currency=GBP&period=2026-11", []access.Scope{access.BalancesRead, access.TransactionsRead}, false},
	{"/books/BOOK/accounts/" + string(owed) + "?period=2026-11", []access.Scope{access.BalancesRead, access.TransactionsRead}, false},
	{"/console/books/BOOK/reconciliation", []access.Scope{access.ReconciliationRead}, false},
	{"/console/books/BOOK/reconciliation/runs", []access.Scope{access.ReconciliationRead}, false},
	{"/console/books/BOOK/breaks", []access.Scope{access.ReconciliationRead}, false},
	{"/console/books/BOOK/pairings", []access.Scope{access.ReconciliationRead}, false},
	{"/console/books/BOOK/periods", []access.Scope{access.ReconciliationRead}, false},
	{"/console/books/BOOK/periods/2026-11", []access.Scope{access.ReconciliationRead}, false},
	{"/console/books/BOOK/exports", []access.Scope{access.ReportsRead}, false},
	{"/console/books/BOOK/exports/new?report=trial_balance", []access.Scope{access.ReportsRead}, false},
}

// Every role, held nowhere, in a book, in another and in every book, against every page: what is not for somebody looks
// exactly like what does not exist.
func TestRolesAndPages(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ids := map[string]string{"person": h.person("Petra").ID}
	for _, code := range []string{"uk", "vn"} {
		book := h.book(code, "Souk "+code, "GBP")
		h.post(book, "a", sale(pending, owed, 100, "GBP"))
		ids[code] = h.ask(book, program, `{"a":1}`, "r").ID
		h.runJob("count", int32(book.ID))
	}
	h.runJob("sweep", 0)
	h.register(mustBook(t, h, "uk"), commerce.Payee{ID: "cre_amy", Kind: "creator"})
	payee := h.payee(mustBook(t, h, "uk"), "cre_amy")
	visible, hidden := 0, 0
	try := func(who string, b *browser, p staffPage, code string, want bool) {
		path := strings.NewReplacer("BOOK", code, "APPROVAL", ids[code], "PERSON", ids["person"]).Replace(p.path)
		missing := b.get(strings.NewReplacer("BOOK", "none", "APPROVAL", "ap_0000000000000000").Replace("/books/BOOK"), 404)
		status, got := b.send(http.MethodGet, path, nil)
		switch {
		case want && status != 200:
			t.Errorf("%s cannot see %s: %d", who, path, status)
		case want:
			visible++
		case status == http.StatusSeeOther && b.session() == "" && strings.HasPrefix(path, "/console"):
			hidden++ // whoever has not signed in is asked to, for every address there
		case status != 404 || got.source != missing.source:
			t.Errorf("%s sees %s: %d\n%s", who, path, status, got.Text)
		default:
			hidden++
		}
	}
	for _, role := range access.Roles() {
		for _, at := range []string{"uk", "vn", ""} {
			who := fmt.Sprintf("%s in %q", role, at)
			b := h.in("Somebody"+string(role)+at, access.Grant{Role: role, Book: at})
			for _, p := range staffPagesTested {
				has := !slices.ContainsFunc(p.scopes, func(s access.Scope) bool { return !slices.Contains(role.Scopes(), s) })
				if p.whole {
					try(who, b, p, "", has && at == "")
					continue
				}
				for _, code := range []string{"uk", "vn"} {
					try(who, b, p, code, has && (at == "" || at == code))
				}
				try(who, b, p, "none", false)
			}
			desk := b.get("/console", 200)
			for _, code := range []string{"uk", "vn"} {
				if shown := strings.Contains(desk.source, "Souk "+code); shown != (at == "" || at == code) {
					t.Errorf("the desk of %s names %s: %v", who, code, shown)
				}
			}
			if status, _ := b.send(http.MethodGet, "/console/keys", nil); (status == 200) != slices.Contains(role.Scopes(), access.KeysRead) {
				t.Errorf("%s and the keys: %d", who, status)
			}
			b.get("/portal", 404)
		}
	}
	nobody, roleless := h.browser(), h.in("Roleless")
	for _, p := range staffPagesTested {
		for _, code := range []string{"uk", "vn", "none"} {
			try("a stranger", nobody, p, code, false)
			try("somebody without a role", roleless, p, code, false)
			try("a payee", payee, p, code, false)
		}
	}
	roleless.get("/console", 200).has(t, "You hold no role yet")
	payee.get("/console", 404)
	// Every form of the staff, sent with a token of their own by those who may send none of them, does nothing.
	support := h.in("Sam", access.Grant{Role: access.Support, Book: "uk"})
	fill := strings.NewReplacer("{book}", "uk", "{id}", ids["uk"], "{person}", ids["person"], "{payee}", "cre_amy", "{job}", "count", "{version}", "uk-1", "{currency}", "GBP", "{number}", "1")
	for who, b := range map[string]*browser{"somebody without a role": roleless, "a payee": payee, "support": support} {
		fields := url.Values{"form": {b.get("/nothing", 404).forms()["/sign-out"].Get("form")}, "reason": {"because"}, "hash": {strings.Repeat("0", 64)}}
		if fields.Get("form") == "" {
			t.Fatalf("%s has no token", who)
		}
		for form := range staffForms {
			path := fill.Replace(wholeForm(form))
			if status, _ := b.send(http.MethodPost, path, fields); status < 400 || status >= 500 {
				t.Errorf("%s sends %s: %d", who, path, status)
			}
		}
	}
	if visible < 60 || hidden < 100 {
		t.Errorf("only %d pages were seen and %d hidden", visible, hidden)
	}
}

func TestRevokedRole(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.book("uk", "Souk UK", "GBP")
	b := h.in("Samira", access.Grant{Role: access.Auditor})
	b.get("/console/books/uk/audit", 200)
	p, err := h.access.Person(t.Context(), b.id)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.access.RevokeGrant(t.Context(), operator, p.ID, p.Grants[0].ID, "left"); err != nil {
		t.Fatal(err)
	}
	h.forward(time.Second)
	b.get("/console/books/uk/audit", 404)
	if _, err := h.access.Deactivate(t.Context(), operator, p.ID, "left"); err != nil {
		t.Fatal(err)
	}
	h.forward(time.Second)
	b.get("/console/books/uk/audit", http.StatusSeeOther)
}

func TestDeskOfManyBooks(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for i := range booksPerPage + 3 {
		h.book(fmt.Sprintf("b%02d", i), fmt.Sprintf("Book %02d", i), "GBP")
	}
	grants := make([]access.Grant, 0, booksPerPage+1)
	for i := range booksPerPage + 1 {
		grants = append(grants, access.Grant{Role: access.Auditor, Book: fmt.Sprintf("b%02d", i+1)})
	}
	for who, want := range map[*browser][2]string{h.in("All", access.Grant{Role: access.Auditor}): {"Book 00", "Book 27"}, h.in("Some", grants...): {"Book 01", "Book 26"}} {
		p := who.get("/console", 200)
		p.has(t, want[0])
		p.hasNot(t, want[1])
		p = who.get(p.next(t), 200)
		p.has(t, want[1], "To the beginning")
		if p.next(t) != "" {
			t.Error("there is a third page")
		}
	}
}

func TestAuditPages(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	uk := h.book("uk", "Souk UK", "GBP")
	book := guard.Book{ID: int32(uk.ID), Code: "uk"}
	const n = auditPerPage*2 + 7
	for i := range n {
		_, err := h.trail.Record(t.Context(), guard.Deed{Actor: guard.Actor{Kind: guard.Program, ID: fmt.Sprintf("key%d", i%3), Person: "per_aaaaaaaaaaaaaaaa", Address: "203.0.113.7", RequestID: "REQ"},
			Book: book, Act: []string{"key.revoked", "inbound.read"}[i%2], Object: fmt.Sprintf("key:k%d", i), Before: []byte(`{"state":"open"}`), After: []byte(`{"state":"ended"}`), Why: "left the company"})
		if err != nil {
			t.Fatal(err)
		}
		h.forward(time.Hour)
	}
	b := h.in("Samira", access.Grant{Role: access.Auditor})
	p := b.get("/console/books/uk/audit", 200)
	p.has(t, "newest first", fmt.Sprintf("key:k%d", n-1))
	p.hasNot(t, ">key:k0<")
	p = b.get("/console/books/uk/audit?order=oldest", 200)
	p.has(t, "Audit trail", "oldest first", "key.revoked", "key:k0", "key0", "for per_aaaaaaaaaaaaaaaa", "left the company", "Before", "After", "state ended", "203.0.113.7", "REQ", "2026-11-21 09:30:00")
	for path, newest := "/console/books/uk/audit", n; path != ""; {
		q := b.get(path, 200)
		if newest -= q.Rows - 1; !strings.Contains(q.source, fmt.Sprintf(`<td class="code">%d</td>`, newest+1)) {
			t.Errorf("%s does not end with row %d", path, newest+1)
		}
		if path = q.next(t); path == "" && newest != 0 {
			t.Errorf("%d rows are missing", newest)
		}
	}
	seen := 0
	for {
		if p.Rows > auditPerPage+1 {
			t.Errorf("%d rows on one page", p.Rows)
		}
		seen += p.Rows - 1
		next := p.next(t)
		if next == "" {
			break
		}
		p = b.get(next, 200)
	}
	if seen != n {
		t.Errorf("%d of %d rows were shown", seen, n)
	}
	rows := func(query string) int {
		p := b.get("/console/books/uk/audit?"+query, 200)
		return p.Rows - 1
	}
	if rows("object=key:k7") != 1 || rows("act=key.&actor=key1&until=2026-11-21") != 2 || rows("from=2026-11-22&until=2026-11-22") != 24 {
		t.Errorf("narrowed: %d %d %d", rows("object=key:k7"), rows("act=key.&actor=key1&until=2026-11-21"), rows("from=2026-11-22&until=2026-11-22"))
	}
	b.get("/console/books/uk/audit?act=nothing.here", 200).has(t, "No row fits", "Show all")
	for _, bad := range []string{"order=newest", "from=x", "until=2026-13-01", "after=x", "after=-1", "actor=%00", "object=%ff", "act=" + strings.Repeat("a", 300), "from=9999-12-31", "from=1000-01-01"} {
		b.get("/console/books/uk/audit?"+bad, 400)
	}
	if p := b.get("/console/books/uk/audit?from="+h.now().UTC().Format("2006-01-02"), 200); !strings.Contains(p.source, `aria-current="true">Today`) {
		t.Error("today is not marked")
	}
	b.get("/console/audit", 200).has(t, "The installation", "person.added", "role.granted", "session.begun")
}

func TestPeopleAndKeys(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.book("uk", "Souk UK", "GBP")
	b := h.in("Ada Admin", access.Grant{Role: access.Admin})
	gone := h.person("Gone Away", access.Grant{Role: access.Finance, Book: "uk"})
	if _, err := h.access.Deactivate(t.Context(), operator, gone.ID, "left"); err != nil {
		t.Fatal(err)
	}
	b.get("/console/people", 200).has(t, "Ada Admin", "ada@example.com", "admin in every book", "Gone Away deactivated")
	auditor := h.in("Otto Auditor", access.Grant{Role: access.Auditor}).get("/console/people", 200)
	auditor.has(t, b.id, "admin in every book")
	auditor.hasNot(t, "Ada Admin", "ada@example.com")
	for i := range peoplePerPage {
		h.person(fmt.Sprintf("Person%d", i))
	}
	p, seen := b.get("/console/people", 200), 0
	for {
		seen += p.Rows - 1
		next := p.next(t)
		if next == "" {
			break
		}
		p = b.get(next, 200)
	}
	if seen != peoplePerPage+3 {
		t.Errorf("%d people were shown", seen)
	}
	key, bearer, err := h.access.Create(t.Context(), operator, access.NewKey{Name: "checkout <b>", Scopes: []access.Scope{access.EventsWrite}, Books: []string{"uk", "vn"}})
	if err != nil {
		t.Fatal(err)
	}
	other, _, err := h.access.Create(t.Context(), operator, access.NewKey{Name: "everywhere", Scopes: []access.Scope{access.BooksRead}})
	if err != nil {
		t.Fatal(err)
	}
	if err := h.access.Revoke(t.Context(), operator, other.ID, "over"); err != nil {
		t.Fatal(err)
	}
	p = b.get("/console/keys", 200)
	p.has(t, "checkout <b>", key.ID, "events:write", "uk, vn", "every book", "revoked")
	p.hasNot(t, bearer[len(bearer)-43:])
	local := h.in("Local", access.Grant{Role: access.Admin, Book: "uk"}).get("/console/keys", 200)
	local.hasNot(t, key.ID, other.ID)
}

// Every page that somebody can reach is well-formed, bounded and private, in both directions, and its links lead somewhere.
func TestCrawlSignedIn(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	uk := h.book("uk", "Souk UK", "GBP", "EUR")
	h.book("kw", "سوق الكويت", "KWD")
	h.post(uk, "a", sale(pending, owed, 100, "GBP"))
	for i := range approvalsPerPage + 2 {
		h.ask(uk, program, fmt.Sprintf(`{"i":%d,"list":[1,2,{"a":"b"}]}`, i), "r")
	}
	h.register(uk, commerce.Payee{ID: "sel_uk", Kind: "seller"})
	crawlers := map[string]*browser{"/console": h.in("All", access.Grant{Role: access.Admin}, access.Grant{Role: access.Finance}, access.Grant{Role: access.Auditor}),
		"/portal": h.payee(uk, "sel_uk"), "/": h.browser()}
	for start, b := range crawlers {
		for _, language := range []string{"en", "ar"} {
			b.header.Set("Accept-Language", language)
			pages := crawl(t, b, start)
			if want := map[string]int{"/console": 40, "/portal": 2, "/": 2}[start]; pages < want {
				t.Errorf("from %s only %d pages were found", start, pages)
			}
		}
	}
}

// crawl follows every link from a page and returns how many pages there are.
func crawl(t *testing.T, b *browser, start string) int {
	t.Helper()
	queue, seen, actions := []string{start}, map[string]bool{start: true}, map[string]bool{}
	for len(queue) > 0 && len(seen) < 600 {
		path := queue[0]
		queue = queue[1:]
		status, p := b.send(http.MethodGet, path, nil)
		// A form that is sent with nothing filled in says what is missing.
		if status != 200 && (status != 400 || !actions[path]) {
			t.Fatalf("%s: %d\n%s", path, status, p.Text)
		}
		if strings.HasPrefix(path, "/assets/") {
			continue
		}
		if p.Rows > 130 {
			t.Errorf("%s has %d rows", path, p.Rows)
		}
		file := strings.HasPrefix(p.header.Get("Content-Disposition"), "attachment")
		if want := map[string]string{"en": "ltr", "ar": "rtl"}[b.header.Get("Accept-Language")]; p.dir != want && !file {
			t.Errorf("%s runs %s", path, p.dir)
		}
		if p.header.Get("Cache-Control") != "no-store" || p.header.Get("Content-Security-Policy") != policy || p.header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %v", path, p.header)
		}
		for _, link := range p.Links {
			if strings.HasPrefix(link, "/docs") || link == "/openapi.json" || isForm(p, link) {
				continue
			}
			if id, here := strings.CutPrefix(link, "#"); here {
				if !p.ids[id] {
					t.Errorf("%s has no place %s", path, link)
				}
			} else if !strings.HasPrefix(link, "/") || strings.HasPrefix(link, "//") {
				t.Errorf("%s links to %q", path, link)
			} else if !seen[link] {
				seen[link], actions[link] = true, strings.Contains(p.source, `action="`+html.EscapeString(link)+`"`)
				queue = append(queue, link)
			}
		}
	}
	return len(seen)
}

// isForm reports whether an address is one that the page sends forms to.
func isForm(p page, address string) bool {
	_, ok := p.forms()[address]
	return ok
}

// In development the books are open to this machine, people sign in as they do in production, and cookies travel without
// TLS.
func TestOpenWithSignIn(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(c *Config) { c.Open, c.Secure = true, false })
	h.book("uk", "Souk UK", "GBP")
	token := h.link(h.person("Samira", access.Grant{Role: access.Admin}))
	local := func(r *http.Request) { r.Host = "localhost:8080" }
	fetch(t, h, "/books/uk", 200, local)
	form := fetch(t, h, "/sign-in/link?token="+token, 200, local)
	bound := (&http.Response{Header: form.header}).Cookies()[0]
	if bound.Name != "mizan-form" || bound.Secure {
		t.Errorf("the cookie: %+v", bound)
	}
	fields := form.forms()["/sign-in/link"]
	r := httptest.NewRequest(http.MethodPost, "/sign-in/link", strings.NewReader(fields.Encode()))
	r.Host = "localhost:8080"
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", "http://localhost:8080")
	r.AddCookie(bound)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != http.StatusSeeOther {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	session := w.Result().Cookies()[0]
	if session.Name != access.CookiePlain || session.Secure || !session.HttpOnly {
		t.Errorf("the cookie: %+v", session)
	}
	signedIn := func(r *http.Request) { local(r); r.AddCookie(session) }
	fetch(t, h, "/console", 200, signedIn).has(t, "development", "Samira", "Souk UK")
	fetch(t, h, "/books/uk", 200, signedIn).has(t, "Sign out")
	fetch(t, h, "/console", 403, func(r *http.Request) { r.AddCookie(session); r.Host = "evil.example" }).hasNot(t, "Samira")
}
