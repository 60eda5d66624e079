package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"mizan/api/access"
	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/commerce/intake"
	"mizan/ledger/commerce/receipts"
	"mizan/ledger/guard"
	"mizan/ledger/postgres/pgtest"
	"mizan/ledger/vault"
	"mizan/payouts"
	"mizan/payouts/earnings"
	"mizan/payouts/jobs"
	"mizan/payouts/processor"
	"mizan/payouts/processor/bankfile"
	"mizan/payouts/questions"
	"mizan/payouts/reconcile"
	"mizan/payouts/reports"
	"mizan/payouts/statements"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// The static key of the tests, and accounts they post to.
const (
	testKey  = "test-key-not-a-secret"
	clearing = "assets:processor:pending:stripe_uk"
	seller   = "liabilities:seller:available:sel_uk"
	creator  = "liabilities:creator:available:cre_uk"
	deposit  = "liabilities:seller_deposit:sel_uk"
)

// start is when the tests' clocks begin.
var start = time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)

// clock is a clock that tests move.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) forward(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// house is a whole service on a database of its own: real ledger, real HTTP.
type house struct {
	t       testing.TB
	db      *pgtest.DB
	ledger  *ledger.Ledger
	intake  *intake.Service
	access  *access.Service
	clock   *clock
	log     *syncBuffer
	server  *httptest.Server
	service *service
	client  *http.Client
	vault   *vault.Vault
	jobs    *jobs.Service
	payouts *payouts.Service
	bank    *bankfile.Service
	// reconcile reads the processor through driver.
	reconcile  *reconcile.Service
	earnings   *earnings.Service
	statements *statements.Service
	// later is two months ahead, when months are over.
	later  *statements.Service
	driver processor.Driver
	// jobFails has the job of the installation fail.
	jobFails atomic.Bool
	counted  counted // what the sample acts did
	gifts    int     // how often somebody was given money
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// open starts a service with one book, uk, that uses GBP, JPY and KWD.
func open(t testing.TB, change ...func(*Config)) *house {
	t.Helper()
	h := &house{t: t, db: pgtest.New(t), clock: &clock{at: start}, log: &syncBuffer{}}
	h.ledger = ledger.New(h.db.Pool, ledger.Options{Now: h.clock.now})
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if err := h.ledger.Close(ctx); err != nil {
			t.Errorf("close the ledger: %v", err)
		}
	})
	keys, err := vault.ParseKeys(vaultKeys)
	if err != nil {
		t.Fatal(err)
	}
	trail := guard.NewTrail(h.db.Pool, h.clock.now)
	h.vault = vault.New(h.db.Pool, vault.Options{Now: h.clock.now, Keys: keys, Trail: trail})
	h.access = access.New(h.db.Pool, access.Options{Now: h.clock.now, StaticKey: testKey, Vault: h.vault, Guardians: h.guardians})
	rules := commerce.NewRuleSets(h.db.Pool, h.clock.now)
	events := commerce.New(h.ledger, rules, h.clock.now)
	h.bank = bankfile.New(bankfile.Options{Pool: h.db.Pool, Trail: trail, Vault: h.vault, Now: h.clock.now})
	h.payouts = payouts.New(payouts.Options{Pool: h.db.Pool, Ledger: h.ledger, Events: events, Trail: trail, Vault: h.vault, Now: h.clock.now, Rails: h.rails()})
	h.reconcile = reconcile.New(reconcile.Options{Pool: h.db.Pool, Ledger: h.ledger, Events: events, Payouts: h.payouts, Trail: trail, Now: h.clock.now, Driver: h.readable})
	h.earnings = earnings.New(earnings.Options{Pool: h.db.Pool, Ledger: h.ledger, Events: events, Now: h.clock.now})
	h.statements = statements.New(statements.Options{Pool: h.db.Pool, Ledger: h.ledger, Events: events, Payouts: h.payouts, Now: h.clock.now})
	h.later = statements.New(statements.Options{Pool: h.db.Pool, Ledger: h.ledger, Events: events, Payouts: h.payouts, Now: func() time.Time { return h.clock.now().AddDate(0, 2, 0) }})
	answers := reports.New(reports.Options{Pool: h.db.Pool, Ledger: h.ledger, Events: events, Payouts: h.payouts, Reconcile: h.reconcile, Trail: trail, Now: h.clock.now})
	desk := guard.NewDesk(h.db.Pool, trail, h.clock.now, slices.Concat(h.counted.acts(), h.access.Acts(), h.payouts.AfterVault(h.vault.Acts(h.region)), commerce.Acts(events, rules, h.ledger), h.payouts.Acts(), h.bank.Acts(h.bookOf), h.reconcile.CloseActs(), h.reconcile.Acts()))
	secrets, err := intake.ParseSecrets(testSecrets)
	if err != nil {
		t.Fatal(err)
	}
	h.intake = intake.New(h.db.Pool, h.ledger, events, intake.Options{Secrets: secrets, Now: h.clock.now})
	h.jobs = h.newJobs(trail)
	config := Config{
		Jobs: h.jobs, Payouts: h.payouts, Bank: h.bank, Reconcile: h.reconcile, Earnings: h.earnings, Reports: answers, Receipts: receipts.New(receipts.Options{Pool: h.db.Pool, Ledger: h.ledger, Events: events, Now: h.clock.now}), Statements: h.statements, Questions: questions.New(questions.Options{Pool: h.db.Pool, Vault: h.vault, Trail: trail, Payouts: h.payouts, Statements: h.statements, Now: h.clock.now}), Ledger: h.ledger, Commerce: events, Intake: h.intake, Rules: rules, Access: h.access, Desk: desk, Trail: trail, Vault: h.vault, Now: h.clock.now, CursorKey: []byte("cursor-key-of-the-tests"),
		Log: slog.New(slog.NewJSONHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug})), Version: "test",
		// No answer depends on how fast the machine is.
		LookPatience: time.Minute,
	}
	for _, c := range change {
		c(&config)
	}
	if h.service, err = newService(config); err != nil {
		t.Fatal(err)
	}
	h.server = httptest.NewUnstartedServer(h.service.handler())
	h.server.Config.ReadTimeout = 2 * time.Second
	h.server.Config.MaxHeaderBytes = 32 << 10
	h.server.Config.DisableGeneralOptionsHandler = true
	h.server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)
	h.server.Start()
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	h.client = &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		h.server.Close()
	})
	h.must(201, "POST", "/v1/books", `{"code":"uk","name":"Example UK","currencies":["GBP","JPY","KWD"],"time_zone":"Europe/London","market":"UK"}`)
	return h
}

// answer is a response with its body read.
type answer struct {
	*http.Response
	body string
}

// json decodes the body into a map.
func (a answer) json(t testing.TB) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal([]byte(a.body), &v); err != nil {
		t.Fatalf("the body is no JSON object: %v: %s", err, a.body)
	}
	return v
}

// as sends a request with a key; an empty key sends none.
func (h *house) as(key, method, path, body string, header ...string) answer {
	h.t.Helper()
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	r, err := http.NewRequestWithContext(h.t.Context(), method, h.server.URL+path, reader)
	if err != nil {
		h.t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
		if header[i+1] == "" {
			r.Header.Del(header[i])
		}
	}
	res, err := h.client.Do(r)
	if err != nil {
		h.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		h.t.Fatalf("%s %s: %v", method, path, err)
	}
	a := answer{res, string(b)}
	h.checkAgainstDocument(method, path, a)
	h.nobodyKeeps(path, a)
	return a
}

// nobodyKeeps holds every answer of every test against what browsers and proxies may keep: what is everybody's, and nothing else.
func (h *house) nobodyKeeps(path string, a answer) {
	h.t.Helper()
	for _, open := range []string{"/r/", "/c/", "/docs", "/assets/"} {
		if strings.HasPrefix(path, open) {
			return
		}
	}
	if got := a.Header.Values("Cache-Control"); len(got) != 1 || got[0] != "no-store" || a.Header.Get("ETag") != "" || a.Header.Get("Last-Modified") != "" {
		h.t.Errorf("%s may be kept: %d %v", path, a.StatusCode, a.Header)
	}
}

// do sends a request with the key that may do everything.
func (h *house) do(method, path, body string, header ...string) answer {
	h.t.Helper()
	return h.as(testKey, method, path, body, header...)
}

// must is do and fails the test at another status.
func (h *house) must(status int, method, path, body string, header ...string) answer {
	h.t.Helper()
	a := h.do(method, path, body, header...)
	if a.StatusCode != status {
		h.t.Fatalf("%s %s: status %d, want %d: %s", method, path, a.StatusCode, status, a.body)
	}
	return a
}

// refused is must for a problem with the code.
func (h *house) refused(status int, code, method, path, body string, header ...string) answer {
	h.t.Helper()
	a := h.must(status, method, path, body, header...)
	if got := a.Header.Get("Content-Type"); got != "application/problem+json" {
		h.t.Errorf("%s %s: content type %q", method, path, got)
	}
	if got := a.json(h.t)["code"]; got != code {
		h.t.Errorf("%s %s: code %v, want %s: %s", method, path, got, code, a.body)
	}
	return a
}

// sale is the body of a posting of an amount from the processor to the seller.
func sale(reference, amount string) string {
	return fmt.Sprintf(`{"reference":%q,"event":"order.captured","occurred_at":"2026-11-20T09:30:00Z","subject":"order:UK-1","entries":[`+
		`{"account":%q,"direction":"debit","amount":%q,"currency":"GBP"},{"account":%q,"direction":"credit","amount":%q,"currency":"GBP"}]}`,
		reference, clearing, amount, seller, amount)
}

// posting is where transactions of the tests' book are posted.
const posting = "/v1/books/uk/transactions"

// operator is who makes keys for the tests.
var operator = guard.Actor{Kind: guard.Operator, ID: "ops"}

// key makes a key for the test.
func (h *house) key(n access.NewKey) (access.Key, string) {
	h.t.Helper()
	if n.Name == "" {
		n.Name = "test"
	}
	k, bearer, err := h.access.Create(h.t.Context(), operator, n)
	if err != nil {
		h.t.Fatal(err)
	}
	return k, bearer
}
