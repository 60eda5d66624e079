package payouts

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/guard"
	"mizan/ledger/money"
	"mizan/ledger/postgres"
	"mizan/payouts/processor"
)

// Tests of partitions: the service sees its database and not the processor, or the processor and not its database.

// gateway is an address at which nobody listens until it is opened.
type gateway struct {
	fd   int
	port int
}

// newGateway takes an address of this machine, so that nobody else gets it, and refuses connections to it.
func newGateway(t *testing.T) *gateway {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	syscall.CloseOnExec(fd)
	g := &gateway{fd: fd}
	t.Cleanup(func() {
		if g.fd >= 0 {
			_ = syscall.Close(g.fd)
		}
	})
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	g.port = name.(*syscall.SockaddrInet4).Port
	return g
}

func (g *gateway) url() string { return fmt.Sprintf("http://127.0.0.1:%d", g.port) }

// open has the handler answer there until the test ends.
func (g *gateway) open(t *testing.T, handler http.Handler) {
	t.Helper()
	if err := syscall.Listen(g.fd, 128); err != nil {
		t.Fatal(err)
	}
	file := os.NewFile(uintptr(g.fd), "gateway")
	g.fd = -1
	listener, err := net.FileListener(file)
	if err := errors.Join(err, file.Close()); err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(listener) // it ends when it is closed
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-served
	})
}

// waiting makes so many payouts of 10.00 that are not sent yet.
func (h *railHouse) waiting(n int) (ids []string) {
	h.t.Helper()
	for i := range n {
		payee, account := fmt.Sprintf("sel_%d", i), fmt.Sprintf("acct_%d", i)
		h.fund(payee, 5000)
		ids = append(ids, h.pay(payee, h.account(payee, account, "daily"), account, "automatic", "standard", 1000, 0))
	}
	return ids
}

// states counts payouts by their state.
func (h *railHouse) states(ids []string) map[string]int {
	h.t.Helper()
	counts := map[string]int{}
	for _, id := range ids {
		counts[h.read(id).State]++
	}
	return counts
}

// sentOnce fails unless each payout was sent, and only once.
func (h *railHouse) sentOnce(ids []string) {
	h.t.Helper()
	transfers := h.sim.Transfers()
	for _, id := range ids {
		if got := transfers[id]; got.Count != 1 || got.Amount != 1000 || got.Reversed != 0 {
			h.t.Errorf("%s: %+v, %s\n%s", id, got, h.attempts(id), h.steps(id))
		}
	}
	if len(transfers) != len(ids) {
		h.t.Errorf("%d instructions were carried out for %d payouts", len(transfers), len(ids))
	}
}

// over reports whether nothing is unsent or unknown any more.
func over(states map[string]int) bool {
	return states[Created]+states[Sending]+states[Unknown]+states[Refused] == 0
}

// sendAll does the works of sending again and again, in both services at once, until everything was sent.
func (h *railHouse) sendAll(ids []string, services ...*Service) {
	h.t.Helper()
	for range 100 {
		if over(h.states(ids)) {
			return
		}
		var wg sync.WaitGroup
		for _, s := range services {
			wg.Go(func() {
				for _, work := range []func(context.Context, Turn) (Report, error){s.Submit, s.Follow, s.Poll} {
					if _, err := work(h.t.Context(), h.turn()); err != nil {
						h.t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		h.clock.Advance(10 * time.Minute)
	}
	h.t.Fatalf("payouts are left: %v\n%s", h.states(ids), h.logged)
}

// The processor cannot be reached for longer than it remembers keys. Sales go on, payouts wait with their orders written down and
// nothing else, and all of them are sent once when it is back.
func TestProcessorOutOfReach(t *testing.T) {
	t.Parallel()
	h := newRailHouse(t)
	g := newGateway(t)
	h.url = g.url()
	left, right := h.another(), h.another()
	ids := h.waiting(12)
	before := h.balances()
	const rounds = 10
	for round := range rounds {
		for _, s := range []*Service{left, right} {
			for _, work := range []func(context.Context, Turn) (Report, error){s.Submit, s.Follow, s.Poll, s.ReadNotices} {
				_, _ = work(t.Context(), h.turn()) // whatever they say of a processor that is away
			}
		}
		d := ledger.Draft{Event: "sale.captured", Lines: []ledger.Line{{Account: "assets:processor:pending:main", Amount: 100, Currency: "USD"},
			{Account: "liabilities:seller:pending:sel_0", Amount: -100, Currency: "USD"}}}
		if out := h.ledger.Post(t.Context(), h.book, ledger.Submission{Reference: fmt.Sprint("sale_", round), Drafts: []ledger.Draft{d}}); out.Err != nil {
			t.Fatalf("a sale was refused while the processor is away: %v", out.Err)
		}
		h.clock.Advance(3 * time.Hour)
	}
	if got := h.states(ids); got[Created]+got[Sending]+got[Unknown]+got[Refused] != len(ids) {
		t.Errorf("while the processor was away payouts became %v", got)
	}
	after := h.balances()
	for account, amount := range before {
		if account != "assets:processor:pending:main" && account != "liabilities:seller:pending:sel_0" && after[account] != amount {
			t.Errorf("%s was %d and is %d", account, amount, after[account])
		}
	}
	if got := after["assets:processor:pending:main"]; got != 100*rounds {
		t.Errorf("sales of %d were posted", got)
	}
	// Each order was written down once, with every sending counted, however often nobody answered.
	var orders, other int
	err := h.db.Pool.QueryRow(t.Context(), `SELECT count(*) FILTER (WHERE a.act = 'transfer'), count(*) FILTER (WHERE a.attempt > 1 OR a.act <> 'transfer')
		FROM payout_attempts a WHERE a.book_id = $1`, h.book.ID).Scan(&orders, &other)
	if err != nil || orders > len(ids) || other != 0 {
		t.Errorf("%d orders were written down, %d of them another time, %v", orders, other, err)
	}
	g.open(t, h.sim)
	h.sendAll(ids, left, right)
	h.sentOnce(ids)
}

// cutOff is a service whose database is gone from one moment on, for good, while it still reaches the processor.
type cutOff struct {
	*Service
	pool *postgres.Pool
	// left is how many moments pass before.
	left atomic.Int64
	once sync.Once
	gone chan struct{}
}

// moment cuts the service off if its time has come. It returns when nothing of it reaches the database any more.
func (c *cutOff) moment(h *railHouse, name string) {
	if c.left.Add(-1) >= 0 {
		return
	}
	c.once.Do(func() {
		defer close(c.gone)
		closed := make(chan struct{})
		go func() {
			defer close(closed)
			c.pool.Close() // waits for connections that are used, which end now
		}()
		conn, err := pgx.Connect(context.Background(), h.db.SuperURL)
		if err == nil {
			_, err = conn.Exec(context.Background(), `SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE datname = current_database() AND application_name = $1`, name)
			err = errors.Join(err, conn.Close(context.Background()))
		}
		if err != nil {
			h.t.Error(err)
		}
		h.t.Cleanup(func() { <-closed })
	})
	<-c.gone
}

// The database goes away at every moment of the sending, while the processor answers. Nothing reaches the processor whose
// attempt is not stored, and another service brings each payout to its end once.
func TestDatabaseOutOfReach(t *testing.T) {
	t.Parallel()
	h := newRailHouse(t)
	var current atomic.Pointer[cutOff]
	name := ""
	var unwritten, sent atomic.Int64
	h.tamperedHeader(func(r *http.Request) (int, http.Header) {
		if r.Method == http.MethodPost && r.URL.Path == "/v1/transfers" {
			sent.Add(1)
			var stored bool
			err := h.db.Pool.QueryRow(context.WithoutCancel(r.Context()), `SELECT EXISTS (SELECT FROM payout_attempts
				WHERE book_id = $1 AND sendings > 0 AND state = 'sending' AND strpos($2, instruction) > 0)`, h.book.ID, r.Header.Get("Idempotency-Key")).Scan(&stored)
			if err != nil || !stored {
				unwritten.Add(1)
			}
		}
		if c := current.Load(); c != nil {
			c.moment(h, name)
		}
		return 0, nil
	})
	var all []string
	for round := range 5 {
		payee, account := fmt.Sprintf("sel_%d", round), fmt.Sprintf("acct_%d", round)
		h.fund(payee, 50000)
		destination := h.account(payee, account, "daily")
		var ids []string
		for range 4 {
			ids = append(ids, h.pay(payee, destination, account, "automatic", "standard", 1000, 0))
		}
		all = append(all, ids...)
		c, end := h.cutOff(fmt.Sprintf("cut%d", round), round)
		name = fmt.Sprintf("cut%d", round)
		current.Store(c)
		_, _ = c.Submit(t.Context(), h.turn())
		// What it does without its database comes to nothing.
		c.left.Store(0)
		c.moment(h, name)
		before := sent.Load()
		_, _ = c.Submit(t.Context(), h.turn())
		_, _ = c.Follow(t.Context(), h.turn())
		if n := sent.Load() - before; n != 0 {
			t.Errorf("%d orders were sent without a database", n)
		}
		current.Store(nil)
		end()
		h.exec(`UPDATE payouts SET lease_until = clock_timestamp() - interval '1 second' WHERE book_id = $1 AND lease_until IS NOT NULL`, h.book.ID)
		h.clock.Advance([]time.Duration{time.Minute, 26 * time.Hour}[round%2])
	}
	h.sendAll(all, h.Service, h.another())
	h.sentOnce(all)
	if n := unwritten.Load(); n != 0 {
		t.Errorf("%d of %d orders reached the processor before they were written down", n, sent.Load())
	}
}

// cutOff returns a service with connections of its own, which end after so many requests to the processor.
func (h *railHouse) cutOff(name string, moments int) (c *cutOff, end func()) {
	h.t.Helper()
	pool, err := postgres.Open(h.t.Context(), h.db.AppURL, postgres.Options{ApplicationName: name, MaxConns: 12, Undurable: true})
	if err != nil {
		h.t.Fatal(err)
	}
	c = &cutOff{pool: pool, gone: make(chan struct{})}
	c.left.Store(int64(moments))
	o := h.option
	o.Pool, o.Trail = pool, guard.NewTrail(pool, h.clock.Now)
	healthy := h.option
	h.option = o
	c.Service = h.another()
	h.option = healthy
	return c, func() { <-c.gone }
}

// trap is a processor's driver that panics whenever one account is paid, as a defect in a driver or in a service may.
type trap struct {
	processor.Driver
	account string
	sprung  atomic.Int64
}

func (p *trap) SendTransfer(ctx context.Context, o processor.TransferOrder) processor.Outcome[processor.Transfer] {
	if o.Account() == p.account {
		p.sprung.Add(1)
		panic("canary of a panic")
	}
	return p.Driver.SendTransfer(ctx, o)
}

// One payee whose payout ends in a panic each time keeps nobody else from being paid, and people are told of it.
func TestPoisonousPayee(t *testing.T) {
	t.Parallel()
	h := newRailHouse(t)
	ids := h.waiting(10)
	r := h.Service.rails["connected"]
	p := &trap{Driver: r.Driver, account: "acct_3"}
	r.Driver = p
	h.Service.rails["connected"] = r
	for range 5 {
		_, _ = h.Submit(t.Context(), h.turn()) // a turn in which nothing but this was to do says so
		h.clock.Advance(20 * time.Minute)
	}
	poisoned := ids[3]
	healthy := slices.Delete(slices.Clone(ids), 3, 4)
	if got := h.states(healthy); got[Submitted] != len(healthy) {
		t.Errorf("the others are %v", got)
	}
	if n := h.sim.Transfers()[poisoned]; n.Count != 0 || p.sprung.Load() == 0 {
		t.Errorf("%d transfers, %d panics", n.Count, p.sprung.Load())
	}
	if said := h.logged.String(); !strings.Contains(said, "level=ERROR") || !strings.Contains(said, poisoned) || strings.Contains(said, "canary") {
		t.Errorf("people are told %s", said)
	}
	// When the defect is mended, it is paid like the others.
	r.Driver = p.Driver
	h.Service.rails["connected"] = r
	h.sendAll(ids, h.Service)
	h.sentOnce(ids)
	var balance money.Minor
	for account, amount := range h.balances() {
		if account == "liabilities:seller:available:sel_3" {
			balance = amount
		}
	}
	if balance != 4000 {
		t.Errorf("the payee has %d left", balance)
	}
}
