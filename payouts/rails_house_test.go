package payouts

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/guard"
	"mizan/ledger/money"
	"mizan/ledger/postgres/pgtest"
	"mizan/payouts/processor/simulator"
	"mizan/payouts/processor/stripe"
)

const (
	railKey      = "sk_test_canary_of_the_rail_1234567890"
	railPlatform = "whsec_canary_rail_platform_01"
	railConnect  = "whsec_canary_rail_connect_001"
)

var railStart = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC) // a Monday

// railHouse is a book with payees, the processor that pays them, and a clock that moves both.
type railHouse struct {
	*Service
	t      *testing.T
	db     *pgtest.DB
	ledger *ledger.Ledger
	events *commerce.Service
	book   ledger.Book
	clock  *simulator.Clock
	sim    *simulator.Simulator
	url    string
	logged *logText
	run    string
	option Options
	mu     sync.Mutex
	tamper func(r *http.Request, body []byte) []byte
	// instead answers a request itself, unless the status is 0.
	instead func(r *http.Request) (status int, header http.Header)
}

func (h *railHouse) tamperedHeader(f func(r *http.Request) (int, http.Header)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.instead = f
}

// serve serves HTTP until the test ends.
func serve(t *testing.T, f http.HandlerFunc) (url string) {
	t.Helper()
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	return server.URL
}

// tampered has answers of the processor changed; nil ends it.
func (h *railHouse) tampered(f func(r *http.Request, body []byte) []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.tamper = f
}

// logText is a log that many may write to.
type logText struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func newRailHouse(t *testing.T, change ...func(*simulator.Options)) *railHouse {
	t.Helper()
	h := &railHouse{t: t, db: pgtest.New(t, pgtest.MaxConns(24)), clock: simulator.NewClock(railStart), logged: &logText{}}
	o := simulator.Options{Now: h.clock.Now, Key: railKey, Seed: 11, Rate: -1}
	for _, f := range change {
		f(&o)
	}
	var err error
	if h.sim, err = simulator.New(o); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.mu.Lock()
		tamper, instead := h.tamper, h.instead
		h.mu.Unlock()
		if instead != nil {
			if status, header := instead(r); status != 0 {
				maps.Copy(w.Header(), header)
				w.WriteHeader(status)
				_, _ = w.Write([]byte(`{"error":{"type":"invalid_request_error","code":"rate_limit"}}`)) // whoever asked may have gone
				return
			}
		}
		if tamper == nil {
			h.sim.ServeHTTP(w, r)
			return
		}
		said := httptest.NewRecorder()
		h.sim.ServeHTTP(said, r)
		maps.Copy(w.Header(), said.Header())
		w.WriteHeader(said.Code)
		_, _ = w.Write(tamper(r, said.Body.Bytes())) // whoever asked may have gone
	}))
	t.Cleanup(server.Close)
	t.Cleanup(func() {
		if err := h.sim.Check(); err != nil {
			t.Error(err)
		}
	})
	h.url = server.URL
	h.ledger = ledger.New(h.db.Pool, ledger.Options{Now: h.clock.Now})
	t.Cleanup(func() { h.ledger.Close(context.Background()) })
	h.book, _, err = h.ledger.CreateBook(t.Context(), ledger.NewBook{Code: "us", Name: "US", Currencies: []money.Currency{"USD", "EUR"}, TimeZone: "America/Chicago", Market: "US"})
	if err != nil {
		t.Fatal(err)
	}
	h.events = commerce.New(h.ledger, commerce.NewRuleSets(h.db.Pool, h.clock.Now), h.clock.Now)
	h.option = Options{Pool: h.db.Pool, Ledger: h.ledger, Events: h.events, Trail: guard.NewTrail(h.db.Pool, h.clock.Now), Now: h.clock.Now,
		Log: slog.New(slog.NewTextHandler(h.logged, nil)), Wait: h.wait}
	h.Service = h.another()
	t.Cleanup(h.toldOnce)
	h.run = "run_" + strings.Repeat("a", 16)
	h.exec(`INSERT INTO payout_runs (book_id, id, trigger, cut_off, at_sequence, state, started_by, created_at) VALUES ($1, $2, 'manual', $3, 0, 'released', 'test', $3)`,
		h.book.ID, h.run, railStart)
	return h
}

// toldOnce wants that no payout has a step that only says again what the one before it said.
func (h *railHouse) toldOnce() {
	h.t.Helper()
	var again int
	err := h.db.Pool.QueryRow(context.Background(), `
SELECT count(*) FROM (SELECT sequence, (state, code, evidence) = lag((state, code, evidence)) OVER (PARTITION BY book_id, payout ORDER BY number) AS same FROM payout_steps) s
 WHERE same AND sequence = 0`).Scan(&again)
	if err != nil || again > 0 {
		h.t.Errorf("%d steps say only what the step before them says: %v", again, err)
	}
}

// another is a second service on the same database, as another process would be, with a driver of its own.
func (h *railHouse) another() *Service { return h.skewed(0) }

// skewed is another service whose clock is wrong.
func (h *railHouse) skewed(by time.Duration) *Service {
	h.t.Helper()
	now := func() time.Time { return h.clock.Now().Add(by) }
	driver, err := stripe.New(stripe.Options{Key: railKey, BaseURL: h.url, Now: now, PlatformSecret: railPlatform, ConnectSecret: railConnect})
	if err != nil {
		h.t.Fatal(err)
	}
	o := h.option
	o.Now = now
	o.Rails = []Rail{{Name: "connected", Processor: "main", Driver: driver, PerSecond: 20}}
	return New(o)
}

// wait moves the clock to where somebody waits for.
func (h *railHouse) wait(ctx context.Context, until time.Time) error {
	if d := until.Sub(h.clock.Now()); d > 0 {
		h.clock.Advance(d)
	}
	return ctx.Err()
}

func (h *railHouse) exec(sql string, args ...any) {
	h.t.Helper()
	if _, err := h.db.Pool.Exec(h.t.Context(), sql, args...); err != nil {
		h.t.Fatal(err)
	}
}

// owner runs a statement as the owner of the tables.
func (h *railHouse) owner(sql string, args ...any) {
	h.t.Helper()
	conn, err := pgx.Connect(h.t.Context(), h.db.OwnerURL)
	if err != nil {
		h.t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	if _, err := conn.Exec(h.t.Context(), sql, args...); err != nil {
		h.t.Fatal(err)
	}
}

func (h *railHouse) turn() Turn { return Turn{Book: h.book} }

// fund gives a seller money, and us the same at the processor.
func (h *railHouse) fund(payee string, cents int) {
	h.t.Helper()
	h.open(payee, cents)
	h.charge(int64(cents))
}

// open gives a seller money in our books only.
func (h *railHouse) open(payee string, cents int) {
	h.t.Helper()
	d := ledger.Draft{Event: "opening.balance", Lines: []ledger.Line{
		{Account: "assets:processor:available:main", Amount: money.Minor(cents), Currency: "USD"},
		{Account: ledger.Address("liabilities:seller:available:" + payee), Amount: -money.Minor(cents), Currency: "USD"}}}
	if out := h.ledger.Post(h.t.Context(), h.book, ledger.Submission{Reference: newID("open"), Drafts: []ledger.Draft{d}}); out.Err != nil {
		h.t.Fatal(out.Err)
	}
}

// charge gives us money at the processor.
func (h *railHouse) charge(cents int64) {
	h.t.Helper()
	if _, err := h.sim.AddCharge(cents, 0, "usd", 0, nil); err != nil {
		h.t.Fatal(err)
	}
}

// account is a payee's connected account with its destination. interval is "daily" or "manual".
func (h *railHouse) account(payee, id, interval string) (destination string) {
	h.t.Helper()
	if err := h.sim.AddAccount(id, "US", "usd"); err != nil {
		h.t.Fatal(err)
	}
	if err := h.sim.ChangeAccount(id, func(a *simulator.Account) { a.Interval, a.PlatformPays, a.NamesCosts = interval, true, true }); err != nil {
		h.t.Fatal(err)
	}
	mode := "automatic"
	if interval == "manual" {
		mode = "manual"
	}
	h.exec(`UPDATE payout_destinations SET state = 'retired' WHERE book_id = $1 AND payee = $2`, h.book.ID, payee)
	destination = newID("dst")
	now := h.clock.Now()
	h.exec(`INSERT INTO payout_destinations (book_id, id, payee, rail, account, currencies, mode, state, name_match, created_at, active_since, changed_at)
		VALUES ($1, $2, $3, 'connected', $4, '{USD}', $5, 'active', 'match', $6, $6, $6)`, h.book.ID, destination, payee, id, mode, now)
	return destination
}

// part numbers payouts that a test makes, since a run has one of each part.
var railParts sync.Map

// pay creates a payout of the run.
func (h *railHouse) pay(payee, destination, account, mode, method string, amount, fee money.Minor, retry ...string) string {
	h.t.Helper()
	n, _ := railParts.LoadOrStore(h.book.ID, &struct {
		sync.Mutex
		n int
	}{})
	counter := n.(*struct {
		sync.Mutex
		n int
	})
	counter.Lock()
	counter.n++
	part := counter.n
	counter.Unlock()
	o := order{holder: Holder{PayeeKey{"seller", payee}, "USD"}, receiver: payee, source: commerce.SourceAvailable, part: part, amount: amount, fee: fee, method: method,
		destination: destination, rail: "connected", account: account, mode: mode}
	if len(retry) > 0 {
		o.retryOf, o.retries = retry[0], 1
	}
	var id string
	err := h.db.Pool.Tx(h.t.Context(), func(tx pgx.Tx) error {
		if err := h.ledger.LockTx(h.t.Context(), tx, h.book); err != nil {
			return err
		}
		list, err := h.createTx(h.t.Context(), tx, "test", h.book, h.run, []order{o})
		if err == nil {
			id = list[0].ID
		}
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return id
}

// submit, followUp and the like run a work and want no error.
func (h *railHouse) submit() { h.work(h.Submit) }

func (h *railHouse) followUp() { h.work(h.Follow) }

func (h *railHouse) work(do func(context.Context, Turn) (Report, error)) {
	h.t.Helper()
	if _, err := do(h.t.Context(), h.turn()); err != nil {
		h.t.Fatal(err)
	}
}

func (h *railHouse) read(id string) Payout {
	h.t.Helper()
	p, err := h.Payout(h.t.Context(), h.book, id)
	if err != nil {
		h.t.Fatal(err)
	}
	return p
}

func (h *railHouse) want(id, state, code string) Payout {
	h.t.Helper()
	p := h.read(id)
	if p.State != state || p.Code != code {
		h.t.Fatalf("payout is %s %q instead of %s %q\n%s\n%s", p.State, p.Code, state, code, h.steps(id), h.logged)
	}
	return p
}

// steps is what happened to a payout, a line each.
func (h *railHouse) steps(id string) string {
	h.t.Helper()
	list, err := h.Steps(h.t.Context(), h.book, id, 0, 100)
	if err != nil {
		h.t.Fatal(err)
	}
	var b strings.Builder
	for _, s := range list {
		fmt.Fprintf(&b, "%d %s %s %s [%s] #%d\n", s.Number, s.At.Format(time.RFC3339), s.State, s.Code, s.Evidence, s.Sequence)
	}
	return b.String()
}

// balances are all balances that are not zero, debit positive, by account without what names the book's parts.
func (h *railHouse) balances() map[string]money.Minor {
	h.t.Helper()
	page, err := h.ledger.Balances(h.t.Context(), h.book, ledger.BalanceQuery{Limit: 1000})
	if err != nil {
		h.t.Fatal(err)
	}
	got := map[string]money.Minor{}
	for _, b := range page.Balances {
		if b.Net() != 0 {
			got[string(b.Account)] = b.Net()
		}
	}
	return got
}

// entries are the entries of a step's transaction, as "Dr account 1.00".
func (h *railHouse) entries(sequence int64) (list []string) {
	h.t.Helper()
	t, err := h.ledger.Transaction(h.t.Context(), h.book, sequence)
	if err != nil {
		h.t.Fatal(err)
	}
	for _, e := range t.Entries {
		side, amount := "Dr", e.Amount
		if amount < 0 {
			side, amount = "Cr", -amount
		}
		list = append(list, fmt.Sprintf("%s %s %s", side, e.Account, amount.Format(e.Currency)))
	}
	slices.Sort(list)
	return list
}
