package main

// The stage of a payout survival campaign: two services with jobs on one database, and the processor in the process of the test, so
// that what is counted there outlives whoever is killed. One clock, which the test moves, holds for all of them.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"mizan/api/client"
	"mizan/ledger"
	"mizan/ledger/money"
	"mizan/ledger/postgres"
	"mizan/payouts"
	"mizan/payouts/processor/simulator"
	"mizan/payouts/processor/stripe"
)

const (
	payKey      = "sk_test_of_the_payout_survival_0001"
	payPlatform = "whsec_payout_survival_platform_1"
	payConnect  = "whsec_payout_survival_connected_1"
	payBook     = "us"
)

// payee is one of the stage's, with its account at the processor.
type survivalPayee struct {
	id string
	// automatic is paid out by the processor itself; instant asks for payouts at once.
	automatic, instant bool
	// fails is the code with which its bank fails at times, if it does.
	fails string
}

// survivalPayees are paid in every way there is.
var survivalPayees = []survivalPayee{
	{id: "sel_a", automatic: true}, {id: "sel_b", automatic: true}, {id: "sel_c"}, {id: "sel_d"}, {id: "sel_e", instant: true},
	{id: "sel_f", fails: "could_not_process"}, {id: "sel_g", fails: "account_closed"}, {id: "sel_h", automatic: true, fails: "could_not_process"},
	{id: "sel_i", instant: true, fails: "could_not_process"},
}

// payHouse is what the stages of a campaign have in common: the program with its failpoints, and a server that loses nothing, as the
// service demands.
type payHouse struct {
	home   home
	tally  *tally
	server *postgres.Server
	lent   atomic.Int64
}

func newPayHouse(t *testing.T, r *tally) *payHouse {
	t.Helper()
	h := &payHouse{home: campaignHome(t, *payoutSurvivalLong), tally: r}
	h.home.withFailpoints(t)
	h.server = h.home.startMigrated(t, postgres.ServerConfig{SharedBuffers: "64MB", MaxConnections: 200})
	return h
}

// lend makes another database, and returns a pool of it and its address.
func (h *payHouse) lend(t *testing.T) (*postgres.Pool, string) {
	t.Helper()
	name := fmt.Sprintf("stage_%d", h.lent.Add(1))
	copyDatabase(t, h.server, name)
	pool, err := postgres.Open(t.Context(), h.server.URL("mizan_app", name), postgres.Options{MaxConns: 12})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool, h.server.URL("mizan_app", name)
}

// payStage is one database and everything on it.
type payStage struct {
	tally *tally
	seed  uint64
	rng   *rand.Rand
	home  home
	pool  *postgres.Pool
	// database is the address of the database for the application.
	database string
	// parts are the test's own: they make what is due known, and run nothing.
	parts *parts
	book  ledger.Book
	key   string
	clock *simulator.Clock
	file  string
	sim   *simulator.Simulator
	rail  *door
	post  *http.Client
	// services run; the first one is the one that is killed.
	services [2]*payService
	// alive are the addresses to which notices go.
	alive [2]atomic.Pointer[url.URL]
	turns int64
	earns int
	asks  int
	// unanswered are requests that nobody has answered yet.
	unanswered []askedPayout
	// drawn is the number of the last notice, so that they go to both services.
	drawn atomic.Int64
	// script are single faults of the round, which are given to the processor at each turn.
	script []simulator.Fault
}

// askedPayout is a payout that was asked for.
type askedPayout struct {
	payee string
	sent  client.NewPayout
}

// payService is one service, started as often as the test likes.
type payService struct {
	*program
	remote *client.Client
}

// door serves the processor at one address, and can be closed.
type door struct {
	address string
	handler http.Handler
	server  *http.Server
}

// open lets requests in again at the same address.
func (d *door) open(t *testing.T) {
	t.Helper()
	l, err := net.Listen("tcp", d.address)
	if err != nil {
		t.Fatal(err)
	}
	d.address = l.Addr().String()
	d.server = &http.Server{Handler: d.handler, ReadHeaderTimeout: time.Minute}
	go func(s *http.Server) { _ = s.Serve(l) }(d.server) // it ends when it is closed
}

// close breaks every connection and lets none in.
func (d *door) close() { _ = d.server.Close() }

// newPayStage makes the book, its payees and their accounts.
func newPayStage(t *testing.T, h *payHouse, seed uint64) *payStage {
	t.Helper()
	s := &payStage{tally: h.tally, seed: seed, rng: rand.New(rand.NewPCG(seed, 8)), home: h.home,
		clock: simulator.NewClock(time.Now().UTC().Truncate(time.Second)), file: filepath.Join(t.TempDir(), "now")}
	s.pool, s.database = h.lend(t)
	s.move(t, 0)
	inbox := &door{address: "127.0.0.1:0", handler: &httputil.ReverseProxy{Rewrite: s.route, ErrorLog: log.New(io.Discard, "", 0)}}
	inbox.open(t)
	t.Cleanup(inbox.close)
	s.post = &http.Client{Timeout: patience}
	t.Cleanup(s.post.CloseIdleConnections)
	url := "http://" + inbox.address + noticePath
	var err error
	s.sim, err = simulator.New(simulator.Options{Now: s.clock.Now, Key: payKey, Seed: seed, Rate: -1,
		Endpoints: []simulator.Endpoint{{URL: url, Secret: payPlatform}, {URL: url, Secret: payConnect, Connect: true}}})
	if err != nil {
		t.Fatal(err)
	}
	s.rail = &door{address: "127.0.0.1:0", handler: s.sim}
	s.rail.open(t)
	t.Cleanup(func() { s.rail.close() })
	driver, err := stripe.New(stripe.Options{Key: payKey, BaseURL: "http://" + s.rail.address, Now: s.clock.Now, PlatformSecret: payPlatform, ConnectSecret: payConnect})
	if err != nil {
		t.Fatal(err)
	}
	still := newClock(s.clock.Now)
	still.still = true
	if s.parts, err = newParts(s.pool, s.clock.Now, partsConfig{driver: driver, clock: still}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.parts.books.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	s.book, _, err = s.parts.books.CreateBook(t.Context(), ledger.NewBook{Code: payBook, Name: "US", Currencies: []money.Currency{"USD"}, TimeZone: "America/New_York", Market: "US"})
	if err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"MIZAN_DATABASE_URL": s.database}
	s.key = strings.TrimSpace(mizan(t, env, "", "keys", "create", "--name", "survival", "--scope", "*").want(t, exitDone).stdout)
	for i := range survivalPayees {
		s.addPayee(t, survivalPayees[i])
	}
	s.move(t, 73*time.Hour) // nothing is paid to new destinations before
	return s
}

// addPayee makes a payee who was verified, with an account that two people have made its destination.
func (s *payStage) addPayee(t *testing.T, p survivalPayee) {
	t.Helper()
	s.insertPayee(t, p.id)
	account := payAccount(p)
	if err := s.sim.AddAccount(account, "US", "usd"); err != nil {
		t.Fatal(err)
	}
	if err := s.sim.ChangeAccount(account, func(a *simulator.Account) {
		a.PlatformPays, a.NamesCosts = true, true
		if p.automatic {
			a.Interval = "daily"
		}
	}); err != nil {
		t.Fatal(err)
	}
	payload, err := json.Marshal(map[string]any{"payee": p.id, "rail": payouts.RailConnected, "account": account, "currencies": []string{"USD"}, "mode": "", "holder_confirmed": true})
	if err != nil {
		t.Fatal(err)
	}
	act := storyAsk{Act: payouts.ActDestination, Payload: payload, Reason: "The payee has shown that the account is its own.", Document: "DEST-" + p.id}
	if err := s.people().ask(t.Context(), s.book, act); err != nil {
		t.Fatal(err)
	}
}

// people are those who ask for acts and agree to them.
func (s *payStage) people() *story {
	return &story{service: &service{parts: s.parts, clock: newClock(s.clock.Now)}}
}

// release has two people agree to every run that waits for them.
func (s *payStage) release(t *testing.T) {
	t.Helper()
	if err := s.people().releaseRuns(t.Context(), s.book); err != nil {
		t.Fatal(err)
	}
}

func payAccount(p survivalPayee) string { return "acct_" + strings.ReplaceAll(p.id, "_", "") }

// route sends a notice to one of the services, in turn.
func (s *payStage) route(r *httputil.ProxyRequest) {
	n := int(s.drawn.Add(1))
	for i := range s.alive {
		if to := s.alive[(n+i)%len(s.alive)].Load(); to != nil {
			r.SetURL(to)
			return
		}
	}
	r.SetURL(&url.URL{Scheme: "http", Host: "127.0.0.1:1"}) // where nobody listens
}

// move moves the clock of everybody.
func (s *payStage) move(t *testing.T, d time.Duration) {
	t.Helper()
	now := s.clock.Now().Add(d)
	beside := s.file + ".new"
	if err := os.WriteFile(beside, []byte(now.Format(time.RFC3339Nano)), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(beside, s.file); err != nil {
		t.Fatal(err)
	}
	s.clock.Advance(d)
}

// start runs a service; failpoint is what it is to obey, "" for nothing.
func (s *payStage) start(t *testing.T, n int, failpoint string) *payService {
	t.Helper()
	p := s.home.start(t, []string{"MIZAN_DATABASE_URL=" + s.database, "MIZAN_FAILPOINT=" + failpoint, "MIZAN_CLOCK_FILE=" + s.file,
		"MIZAN_STRIPE_KEY=" + payKey, "MIZAN_STRIPE_WEBHOOK_SECRET=" + payPlatform, "MIZAN_STRIPE_CONNECT_SECRET=" + payConnect},
		`"msg":"ready"`, "serve", "--listen", "127.0.0.1:0", "--rate-key", "0", "--max-connections", "12", "--stripe-address", "http://"+s.rail.address)
	remote, err := client.New(p.address, s.key, client.Options{Attempts: 1, Timeout: 45 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(remote.CloseIdleConnections)
	at, err := url.Parse(p.address)
	if err != nil {
		t.Fatal(err)
	}
	s.services[n] = &payService{p, remote}
	s.alive[n].Store(at)
	return s.services[n]
}

// over reports whether the program has ended.
func (p *payService) over() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// still reports whether the program stands still, as Linux shows it.
func (p *payService) still() bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return false
	}
	_, after, _ := strings.Cut(string(text), ") ")
	return strings.HasPrefix(after, "T")
}

// died fails the test unless the service has ended by kill -9.
func (s *payStage) died(t *testing.T, n int) {
	t.Helper()
	s.alive[n].Store(nil)
	p := s.services[n]
	<-p.ended
	var exit *exec.ExitError
	if !errors.As(p.err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("the service was to be killed and ended otherwise: %v\n%s", p.err, tail(p.output()))
	}
	s.heard(t, n)
}

// heard looks for what a service must never have to say.
func (s *payStage) heard(t *testing.T, n int) {
	t.Helper()
	for line := range strings.Lines(s.services[n].output()) {
		for _, never := range []string{`"panic"`, "panic:", "more than once", "books differ", "carried out after all", "another amount", "not by this service", "contradicts itself"} {
			if strings.Contains(line, never) {
				t.Errorf("the service said: %s", line)
			}
		}
	}
}

// end stops a service in order.
func (s *payStage) end(t *testing.T, n int) {
	t.Helper()
	s.alive[n].Store(nil)
	s.services[n].stop(t)
	s.heard(t, n)
}

// earn gives some payees money, and us the same at the processor.
func (s *payStage) earn(t *testing.T, some int) {
	t.Helper()
	var lines []ledger.Line
	sum := money.Minor(0)
	for _, i := range s.rng.Perm(len(survivalPayees))[:some] {
		amount := money.Minor(500 + s.rng.IntN(9500))
		sum += amount
		lines = append(lines, ledger.Line{Account: ledger.Address("liabilities:seller:available:" + survivalPayees[i].id), Amount: -amount, Currency: "USD"})
	}
	lines = append(lines, ledger.Line{Account: "assets:processor:available:main", Amount: sum, Currency: "USD"})
	s.earns++
	out := s.parts.books.Post(t.Context(), s.book, ledger.Submission{Reference: fmt.Sprintf("earned-%d", s.earns),
		Drafts: []ledger.Draft{{Event: "opening.balance", Lines: lines}}})
	if out.Err != nil {
		t.Fatal(out.Err)
	}
	if _, err := s.sim.AddCharge(int64(sum), 0, "usd", 0, nil); err != nil {
		t.Fatal(err)
	}
}

// ask has payees ask for payouts, and asks again, in the same words, for what nobody has answered.
func (s *payStage) ask(t *testing.T, some int) {
	t.Helper()
	list := s.unanswered
	s.unanswered = nil
	for _, i := range s.rng.Perm(len(survivalPayees))[:some] {
		p := survivalPayees[i]
		s.asks++
		n := client.NewPayout{Reference: fmt.Sprintf("asked-%d", s.asks), Kind: "seller", Currency: "USD"}
		if p.instant {
			n.Method = "instant"
		}
		list = append(list, askedPayout{p.id, n})
	}
	for _, a := range list {
		if !s.answered(t, a) {
			s.unanswered = append(s.unanswered, a)
		}
	}
}

// answered asks once, and reports whether there was an answer.
func (s *payStage) answered(t *testing.T, a askedPayout) bool {
	t.Helper()
	n := s.rng.IntN(len(s.services))
	for i := range s.services {
		p := s.services[(n+i)%len(s.services)]
		if p == nil || p.over() || p.still() {
			continue
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		_, err := p.remote.RequestPayout(ctx, payBook, a.payee, a.sent)
		cancel()
		var problem *client.Problem
		return err == nil || errors.As(err, &problem) && problem.Status >= 400 && problem.Status < 500
	}
	return false
}

// break has banks fail from now on, or pay again.
func (s *payStage) breakBanks(t *testing.T, chance int) {
	t.Helper()
	for _, p := range survivalPayees {
		code := ""
		if p.fails != "" && s.rng.IntN(100) < chance {
			code = p.fails
		}
		if p.fails == "" {
			continue
		}
		if err := s.sim.FailPayouts(payAccount(p), code, time.Duration(1+s.rng.IntN(30))*time.Hour); err != nil {
			t.Fatal(err)
		}
	}
}

// steps are by how much the clock moves: a minute, longer than an unknown outcome waits, an evening, and longer than the processor
// remembers a key.
var steps = []time.Duration{time.Minute, 11 * time.Minute, 70 * time.Minute, 7 * time.Hour, 25 * time.Hour}

// turn is a piece of life: money is earned and asked for, the clock moves, the processor announces what happened, and the services
// do what is due, until nothing is or until says so.
func (s *payStage) turn(t *testing.T, step time.Duration, until func() bool) {
	t.Helper()
	s.earn(t, 3)
	s.sim.Script(s.script...)
	s.ask(t, 2)
	s.pass(t, step, until)
}

// pass moves the clock and has done what is due then.
func (s *payStage) pass(t *testing.T, step time.Duration, until func() bool) {
	t.Helper()
	s.turns++
	s.move(t, step)
	if err := s.sim.Settle(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.sim.Deliver(t.Context(), s.post); err != nil {
		t.Fatal(err)
	}
	s.release(t)
	s.drain(t, until)
}

// drain waits until nothing is due at this moment, or until says so.
func (s *payStage) drain(t *testing.T, until func() bool) {
	t.Helper()
	ticked := time.Time{}
	var left []string
	if !eventuallyEvery(t.Context(), 10*time.Millisecond, func() bool {
		if until != nil && until() {
			return true
		}
		if time.Since(ticked) > 300*time.Millisecond {
			ticked = time.Now()
			if _, err := s.parts.jobs.Tick(t.Context()); err != nil {
				return false // another service has the lines
			}
		}
		left = s.due(t)
		return len(left) == 0
	}) {
		t.Fatalf("these jobs are due and nobody does them: %s\n%s\n%s", strings.Join(left, ", "), tail(s.services[0].output()), tail(s.services[1].output()))
	}
}

// eventuallyEvery asks until a thing is true, and reports false if patience or ctx ended first.
func eventuallyEvery(ctx context.Context, pause time.Duration, holds func() bool) bool {
	ctx, cancel := context.WithTimeout(ctx, 2*patience)
	defer cancel()
	ticker := time.NewTicker(pause)
	defer ticker.Stop()
	for !holds() {
		select {
		case <-ctx.Done():
			return false
		case <-ticker.C:
		}
	}
	return true
}

// behave has the processor go wrong in a way, by the name of a profile or of a single kind of fault.
func (s *payStage) behave(t *testing.T, way string) {
	t.Helper()
	s.script = nil
	p, ok := simulator.ProfileOf(way)
	if !ok {
		p, _ = simulator.ProfileOf("none")
		if !slices.Contains(payFaults, simulator.Kind(way)) {
			t.Fatalf("there is no way to go wrong called %s", way)
		}
		for _, path := range []string{"/v1/transfers", "/v1/payouts", "/v1/balance"} {
			s.script = append(s.script, simulator.Fault{Kind: simulator.Kind(way), Path: path, Times: 1 + s.rng.IntN(2)})
		}
	}
	s.sim.Behave(p)
}

// payFaults are the single kinds of fault that are tried one by one; that of a slow answer has rounds of its own.
var payFaults = []simulator.Kind{simulator.DropBefore, simulator.ExecuteThenDrop, simulator.Truncate, simulator.HTML502, simulator.ExecuteThenHTML502,
	simulator.HTML200, simulator.Empty200, simulator.Fail500, simulator.ExecuteThen500, simulator.Limit429, simulator.LockTimeout, simulator.Conflict409,
	simulator.Redirect}
