package console

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/api/access"
	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/commerce/intake"
	"mizan/ledger/commerce/receipts"
	"mizan/ledger/fault"
	"mizan/ledger/guard"
	"mizan/ledger/postgres"
	"mizan/ledger/postgres/pgtest"
	"mizan/ledger/vault"
	"mizan/payouts"
	"mizan/payouts/earnings"
	"mizan/payouts/health"
	"mizan/payouts/jobs"
	"mizan/payouts/processor"
	"mizan/payouts/processor/bankfile"
	"mizan/payouts/processor/simulator"
	"mizan/payouts/questions"
	"mizan/payouts/reconcile"
	"mizan/payouts/reports"
	"mizan/payouts/search"
	"mizan/payouts/statements"
)

// house is a closed console with everything behind it, on a database of its own.
type house struct {
	*site
	pool   *postgres.Pool
	access *access.Service
	desk   *guard.Desk
	trail  *guard.Trail
	events *commerce.Service
	rules  *commerce.RuleSets
	intake *intake.Service
	vault  *vault.Vault
	jobs   *jobs.Service
	// payouts pays through sim, a processor that is imitated over HTTP.
	payouts *payouts.Service
	bank    *bankfile.Service
	sim     *simulator.Simulator
	driver  processor.Driver
	// reconcile holds the books against what the processor and uploaded statements say.
	reconcile *reconcile.Service
	reports   *reports.Service
	earnings  *earnings.Service
	receipts  *receipts.Service
	// statements are those of the house's clock.
	statements *statements.Service
	questions  *questions.Service
	health     *health.Service
	closed     []func()

	mu sync.Mutex
	// jobFails has the job of the installation fail.
	jobFails bool
	at       time.Time
	// effect is what the act "test.run" would do; ran counts how often it ran.
	effect guard.Effect
	ran    int
}

var operator = guard.Actor{Kind: guard.Operator, ID: "test"}

var errTestRun = fault.New(fault.Conflict, "test-run", "The act cannot run right now.")

func newHouse(t *testing.T, change ...func(*Config)) *house {
	t.Helper()
	db := pgtest.New(t)
	h := &house{pool: db.Pool, at: today, effect: guard.Effect{Summary: "Moves 12.50 GBP to sel_uk.", Count: 2,
		Totals: []guard.Amount{{Currency: "GBP", Amount: "1234567.80"}}, Difference: []string{"before 1, after 2"}, Warnings: []string{"Touches a payee."},
		Largest: []guard.Movement{{Object: "liabilities:seller:available:sel_uk", Direction: "credit", Amount: guard.Amount{Currency: "GBP", Amount: "12.50"}}}}}
	l := ledger.New(db.Pool, ledger.Options{Now: h.now})
	t.Cleanup(func() {
		if err := l.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	keys, err := vault.ParseKeys("test=" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", 32))))
	if err != nil {
		t.Fatal(err)
	}
	h.trail = guard.NewTrail(db.Pool, h.now)
	h.vault = vault.New(db.Pool, vault.Options{Now: h.now, Keys: keys, Trail: h.trail})
	h.rules = commerce.NewRuleSets(db.Pool, h.now)
	h.events = commerce.New(l, h.rules, h.now)
	h.intake = intake.New(db.Pool, l, h.events, intake.Options{Now: h.now})
	h.access = access.New(db.Pool, access.Options{Now: h.now, Vault: h.vault, Guardians: func(_ context.Context, book, guardian string) ([]string, error) {
		if guardian == "gua_pat" {
			return []string{"cre_minor"}, nil
		}
		return nil, nil
	}})
	t.Cleanup(h.access.Wait)
	h.bank = bankfile.New(bankfile.Options{Pool: db.Pool, Trail: h.trail, Vault: h.vault, Now: h.now})
	h.payouts = newPayouts(h, l)
	h.reconcile = reconcile.New(reconcile.Options{Pool: db.Pool, Ledger: l, Events: h.events, Payouts: h.payouts, Trail: h.trail, Now: h.now,
		Driver: func(ledger.Book, string) processor.Driver { return h.driver }})
	h.earnings = earnings.New(earnings.Options{Pool: db.Pool, Ledger: l, Events: h.events, Now: h.now})
	h.receipts = receipts.New(receipts.Options{Pool: db.Pool, Ledger: l, Events: h.events, Now: h.now})
	h.statements = statements.New(statements.Options{Pool: db.Pool, Ledger: l, Events: h.events, Payouts: h.payouts, Now: h.now})
	h.reports = reports.New(reports.Options{Pool: db.Pool, Ledger: l, Events: h.events, Payouts: h.payouts, Reconcile: h.reconcile, Trail: h.trail, Now: h.now})
	t.Cleanup(func() {
		for _, f := range h.closed {
			f()
		}
	})
	h.desk = guard.NewDesk(db.Pool, h.trail, h.now, append(append(append(h.access.Acts(), h.payouts.Acts()...), h.bank.Acts(func(ctx context.Context, b guard.Book) (ledger.Book, error) { return l.Book(ctx, b.Code) })...),
		append(append(append(h.reconcile.Acts(), h.reconcile.CloseActs()...), commerce.Acts(h.events, h.rules, l)...), h.act("test.run", true), h.act("test.whole", false))...))
	h.jobs = newJobs(h, l)
	h.questions = questions.New(questions.Options{Pool: db.Pool, Vault: h.vault, Trail: h.trail, Payouts: h.payouts, Statements: h.statements, Now: h.now})
	h.health = health.New(health.Options{Ledger: l, Events: h.events, Desk: h.desk, Intake: h.intake, Jobs: h.jobs, Payouts: h.payouts, Reconcile: h.reconcile, Questions: h.questions, Now: h.now, Patience: time.Minute})
	config := Config{Rules: h.rules, Intake: h.intake, Health: h.health, Search: search.New(search.Options{Ledger: l, Events: h.events, Desk: h.desk, Payouts: h.payouts, Reconcile: h.reconcile, Reports: h.reports, Now: h.now, Patience: time.Minute}), Questions: h.questions, Receipts: h.receipts, Statements: h.statements, Reconcile: h.reconcile, Earnings: h.earnings, Reports: h.reports, Jobs: h.jobs, Payouts: h.payouts, Bank: h.bank, Ledger: l, Access: h.access, Desk: h.desk, Trail: h.trail, Commerce: h.events, Vault: h.vault, Now: h.now, Version: "9.9.9",
		FormKey: []byte(strings.Repeat("f", 32)), Secure: true}
	for _, f := range change {
		f(&config)
	}
	h.site = &site{t, l, nil}
	h.Handler = h.watch(New(config))
	return h
}

// act is an act of the tests. A payload with "refuse" cannot be run.
func (h *house) act(name string, ofBook bool) guard.Act {
	return guard.Act{Name: name, Meaning: "Does what tests need.", OfBook: ofBook,
		Effect: func(_ context.Context, _ guard.Book, payload json.RawMessage) (json.RawMessage, guard.Effect, error) {
			h.mu.Lock()
			defer h.mu.Unlock()
			return payload, h.effect, nil
		},
		Run: func(_ context.Context, _ pgx.Tx, a guard.Approval) (json.RawMessage, error) {
			if strings.Contains(string(a.Payload), "refuse") {
				return nil, errTestRun
			}
			h.mu.Lock()
			defer h.mu.Unlock()
			h.ran++
			return json.RawMessage(`{"transactions":["uk-7"]}`), nil
		}}
}

func (h *house) now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.at
}

func (h *house) forward(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.at = h.at.Add(d)
}

func (h *house) changeEffect(summary string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.effect.Summary = summary
}

func (h *house) runs() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.ran
}

// person adds somebody with roles.
func (h *house) person(name string, grants ...access.Grant) access.Staff {
	h.t.Helper()
	p, err := h.access.AddPerson(h.t.Context(), operator, access.NewPerson{Name: name, Email: strings.ToLower(strings.Fields(name)[0]) + "@example.com"})
	if err != nil {
		h.t.Fatal(err)
	}
	for _, g := range grants {
		if _, err := h.access.Grant(h.t.Context(), operator, access.NewGrant{Person: p.ID, Role: g.Role, Book: g.Book}); err != nil {
			h.t.Fatal(err)
		}
	}
	return p
}

// link makes a link for a person.
func (h *house) link(p access.Staff) string {
	h.t.Helper()
	token, _, err := h.access.PersonLink(h.t.Context(), operator, p.ID)
	if err != nil {
		h.t.Fatal(err)
	}
	return token
}

// in signs a person in.
func (h *house) in(name string, grants ...access.Grant) *browser {
	h.t.Helper()
	p := h.person(name, grants...)
	b := h.browser()
	b.id = p.ID
	b.redeem(h.link(p))
	return b
}

// payee signs a payee of a book in.
func (h *house) payee(book ledger.Book, id string) *browser {
	h.t.Helper()
	token, _, err := h.access.PayeeLink(h.t.Context(), operator, guard.Book{ID: int32(book.ID), Code: book.Code}, id)
	if err != nil {
		h.t.Fatal(err)
	}
	b := h.browser()
	b.id = id
	b.redeem(token)
	return b
}

func (h *house) register(book ledger.Book, p commerce.Payee) {
	h.t.Helper()
	p.Country, p.Currency = "GB", "GBP"
	if _, _, err := h.events.RegisterPayee(h.t.Context(), operator, book, p); err != nil {
		h.t.Fatal(err)
	}
}

// ask asks for a second person.
func (h *house) ask(book ledger.Book, by guard.Actor, payload, reason string) guard.Approval {
	h.t.Helper()
	a, err := h.desk.Ask(h.t.Context(), by, guard.Book{ID: int32(book.ID), Code: book.Code},
		guard.Request{Act: "test.run", Payload: json.RawMessage(payload), Reason: reason, Document: "ticket-4711.pdf"})
	if err != nil {
		h.t.Fatal(err)
	}
	return a
}

var program = guard.Actor{Kind: guard.Program, ID: "keyofshop001"}

// browser keeps cookies as a browser does, and sends the headers that a browser sends.
type browser struct {
	h       *house
	id      string
	cookies map[string]*http.Cookie
	// header changes what is sent.
	header http.Header
}

func (h *house) browser() *browser {
	return &browser{h: h, cookies: map[string]*http.Cookie{}, header: http.Header{}}
}

const testHost = "mizan.example.com"

// send sends one request and follows nothing.
func (b *browser) send(method, path string, form url.Values) (int, page) {
	b.h.t.Helper()
	var r *http.Request
	if method == http.MethodPost {
		r = httptest.NewRequest(method, path, strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", "https://"+testHost)
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	} else {
		r = httptest.NewRequest(method, path, nil)
	}
	r.Host = testHost
	for _, c := range b.cookies {
		r.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value})
	}
	for name, values := range b.header {
		if r.Header.Del(name); values[0] != "" {
			r.Header[name] = values
		}
	}
	w := httptest.NewRecorder()
	b.h.ServeHTTP(w, r)
	for _, c := range w.Result().Cookies() {
		if c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		} else {
			b.cookies[c.Name] = c
		}
	}
	if kept := !isPublic(path) && !strings.HasPrefix(path, "/assets/"); kept && (w.Header().Get("Cache-Control") != "no-store" || w.Header().Get("ETag") != "") {
		b.h.t.Errorf("%s %s may be kept by a browser or a proxy: %v", method, path, w.Header())
	}
	p := page{source: w.Body.String(), header: w.Header()}
	if strings.HasPrefix(w.Header().Get("Content-Type"), "text/html") && w.Code != http.StatusSeeOther && method != http.MethodHead {
		if err := p.read(); err != nil {
			b.h.t.Fatalf("%s: %v\n%s", path, err, p.source)
		}
	}
	return w.Code, p
}

// get asks for a page and demands a status.
func (b *browser) get(path string, status int) page {
	b.h.t.Helper()
	got, p := b.send(http.MethodGet, path, nil)
	if got != status {
		b.h.t.Fatalf("%s: %d, want %d\n%s", path, got, status, p.Text)
	}
	return p
}

// post sends a form and demands a status.
func (b *browser) post(path string, form url.Values, status int) page {
	b.h.t.Helper()
	got, p := b.send(http.MethodPost, path, form)
	if got != status {
		b.h.t.Fatalf("%s: %d, want %d\n%s", path, got, status, p.Text)
	}
	return p
}

var (
	oneForm   = regexp.MustCompile(`(?s)<form[^>]*method="post"[^>]*action="([^"]*)"[^>]*>(.*?)</form>`)
	oneHidden = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)"/>`)
)

// forms returns the hidden fields of a page's forms by their address.
func (p page) forms() map[string]url.Values {
	forms := map[string]url.Values{}
	for _, f := range oneForm.FindAllStringSubmatch(p.source, -1) {
		fields := url.Values{}
		for _, hidden := range oneHidden.FindAllStringSubmatch(f[2], -1) {
			fields.Set(html.UnescapeString(hidden[1]), html.UnescapeString(hidden[2]))
		}
		forms[html.UnescapeString(f[1])] = fields
	}
	return forms
}

// press submits a form of the page as a person does, with more fields.
func (b *browser) press(p page, action string, more url.Values, status int) page {
	b.h.t.Helper()
	form, ok := p.forms()[action]
	if !ok {
		b.h.t.Fatalf("the page has no form for %s:\n%s", action, p.source)
	}
	for name, values := range more {
		form[name] = values
	}
	return b.post(action, form, status)
}

// redeem opens a link and presses its button.
func (b *browser) redeem(token string) {
	b.h.t.Helper()
	b.press(b.get("/sign-in/link?token="+token, 200), "/sign-in/link", nil, http.StatusSeeOther)
}

// session is the token of the browser's session, empty for none.
func (b *browser) session() string {
	if c := b.cookies[access.CookieSecure]; c != nil {
		return c.Value
	}
	return ""
}

// approval reads an approval as it stands.
func (h *house) approval(book ledger.Book, id string) guard.Approval {
	h.t.Helper()
	a, err := h.desk.Approval(h.t.Context(), guard.Book{ID: int32(book.ID), Code: book.Code}, id)
	if err != nil {
		h.t.Fatal(err)
	}
	return a
}

// eraseSubject erases what the vault knows of somebody.
func (h *house) eraseSubject(owner vault.Owner, subject string) {
	h.t.Helper()
	err := h.pool.Tx(h.t.Context(), func(tx pgx.Tx) error {
		_, err := h.vault.EraseTx(h.t.Context(), tx, owner, subject)
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
}

// know stores what the vault shall know of somebody.
func (h *house) know(owner vault.Owner, subject string, fields map[string]string) {
	h.t.Helper()
	err := h.pool.Tx(h.t.Context(), func(tx pgx.Tx) error {
		_, _, err := h.vault.PutTx(h.t.Context(), tx, owner, subject, fields)
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
}

// saidOtherwise has the source of a pairing's first line say another fee of it.
func (h *house) saidOtherwise(book ledger.Book, p reconcile.PairingRecord) {
	h.t.Helper()
	if _, err := h.pool.Exec(h.t.Context(), `INSERT INTO evidence_changes (book_id, source_id, receipt, line, field, was, became) VALUES ($1, $2, 1, $3, 'fee', '0.00', '1.25')`,
		book.ID, p.Source, p.External[0]); err != nil {
		h.t.Fatal(err)
	}
}

// reopenings are rows of a book's chain of closings as their table keeps them, each with a reason that has its number.
func (h *house) reopenings(book ledger.Book, from, to int) {
	h.t.Helper()
	if _, err := h.pool.Exec(h.t.Context(), `INSERT INTO period_closings (book_id, number, act, period, at_sequence, document, totals, previous, hash, preparer, approver, reason, recorded_at)
		SELECT $1, n, 'reopen', 202610, 1, '{}', $4, $4, $4, 'ann', 'ben', 'Reason number ' || n || '.', now() FROM generate_series($2::integer, $3::integer) n`,
		book.ID, from, to, make([]byte, 32)); err != nil {
		h.t.Fatal(err)
	}
}
