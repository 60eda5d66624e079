package processor_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"mizan/ledger/money"
	"mizan/payouts/processor"
	"mizan/payouts/processor/simulator"
	"mizan/payouts/processor/stripe"
)

const (
	apiKey         = "sk_test_canary_of_the_key_1234567890"
	platformSecret = "whsec_canary_platform_1234567890"
	connectSecret  = "whsec_canary_connect_1234567890"
	payee          = "acct_payee"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// seen is one request as it came over the wire.
type seen struct {
	method, path, query, key, account, telemetry string
}

// rig is a driver with the processor it speaks to. The processor's doors are watched.
type rig struct {
	t      *testing.T
	sim    *simulator.Simulator
	clock  *simulator.Clock
	driver *stripe.Driver
	server *httptest.Server
	mu     sync.Mutex
	seen   []seen
	keeper
}

// keeper keeps sendings in memory.
type keeper struct {
	mu   sync.Mutex
	kept map[string]bool
}

// key keeps one sending of an attempt and returns its key.
func (k *keeper) key(t *testing.T, instruction string, attempt int, first time.Time, sending int) processor.Key {
	t.Helper()
	name := must(processor.Name(instruction, attempt))(t)
	return must(name.Keep(t.Context(), first, sending, func(context.Context) error {
		k.mu.Lock()
		defer k.mu.Unlock()
		if k.kept == nil {
			k.kept = map[string]bool{}
		}
		k.kept[fmt.Sprintf("%s/%d", instruction, attempt)] = true
		return nil
	}))(t)
}

// has reports whether a sending under an idempotency key was kept.
func (k *keeper) has(idempotencyKey string) bool {
	_, name, _ := strings.Cut(idempotencyKey, "/")
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.kept[name]
}

func newRig(t *testing.T, change ...func(*simulator.Options)) *rig {
	t.Helper()
	r := &rig{t: t, clock: simulator.NewClock(start)}
	o := simulator.Options{Now: r.clock.Now, Key: apiKey, Seed: 7, Rate: -1}
	for _, f := range change {
		f(&o)
	}
	var err error
	if r.sim, err = simulator.New(o); err != nil {
		t.Fatal(err)
	}
	r.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		r.mu.Lock()
		r.seen = append(r.seen, seen{q.Method, q.URL.Path, q.URL.RawQuery, q.Header.Get("Idempotency-Key"), q.Header.Get("Stripe-Account"),
			q.Header.Get("X-Stripe-Client-Telemetry")})
		r.mu.Unlock()
		if q.Method != http.MethodGet && !r.has(q.Header.Get("Idempotency-Key")) {
			t.Errorf("%s %s was sent without a key that was kept", q.Method, q.URL.Path)
		}
		r.sim.ServeHTTP(w, q)
	}))
	t.Cleanup(r.server.Close)
	r.driver = newDriver(t, r.server.URL, r.clock.Now)
	if err := r.sim.AddAccount(payee, "US", "usd", "jpy", "kwd", "huf", "isk"); err != nil {
		t.Fatal(err)
	}
	for _, currency := range []string{"usd", "jpy", "kwd", "huf", "isk"} {
		r.fund(currency, 1_000_000)
	}
	t.Cleanup(func() {
		if err := r.sim.Check(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func newDriver(t *testing.T, url string, now func() time.Time) *stripe.Driver {
	t.Helper()
	d, err := stripe.New(stripe.Options{Key: apiKey, BaseURL: url, Now: now, PlatformSecret: platformSecret, ConnectSecret: connectSecret})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func (r *rig) fund(currency string, amount int64) {
	r.t.Helper()
	if _, err := r.sim.AddCharge(amount, 0, currency, 0, nil); err != nil {
		r.t.Fatal(err)
	}
}

// requests returns what came over the wire since the last call.
func (r *rig) requests() []seen {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := slices.Clone(r.seen)
	r.seen = nil
	return all
}

func (r *rig) key(instruction string, attempt int) processor.Key {
	r.t.Helper()
	return r.keeper.key(r.t, instruction, attempt, r.clock.Now(), 1)
}

// transfer makes the order of a transfer in USD.
func (r *rig) transfer(instruction string, attempt int, cents money.Minor) processor.TransferOrder {
	r.t.Helper()
	return must(processor.NewTransfer(r.key(instruction, attempt), payee, cents, "USD", map[string]string{"run": "2026-03"}))(r.t)
}

// loaded moves money to the payee's account, so that it can be paid out.
func (r *rig) loaded(cents money.Minor) processor.Transfer {
	r.t.Helper()
	return r.done(r.driver.SendTransfer(r.t.Context(), r.transfer("load", 1, cents)))
}

func (r *rig) done(o processor.Outcome[processor.Transfer]) processor.Transfer {
	r.t.Helper()
	return done(r.t, o)
}

func (r *rig) payout(instruction string, attempt int, cents money.Minor, method string) processor.PayoutOrder {
	r.t.Helper()
	return must(processor.NewPayout(r.key(instruction, attempt), payee, method, cents, "USD", nil))(r.t)
}

func done[T any](t *testing.T, o processor.Outcome[T]) T {
	t.Helper()
	if o.Verdict != processor.Done || o.Code != "" || o.Next != "" {
		t.Fatalf("not done: %s %q %q, status %d", o.Verdict, o.Code, o.Next, o.Status)
	}
	return o.Object
}

// expect compares an outcome that is not done.
func expect[T any](t *testing.T, o processor.Outcome[T], v processor.Verdict, code string, next processor.Next) {
	t.Helper()
	if o.Verdict != v || o.Code != code || o.Next != next {
		t.Errorf("%s %q %q, status %d; want %s %q %q", o.Verdict, o.Code, o.Next, o.Status, v, code, next)
	}
}

func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// whole is a window around all of a test.
var whole = processor.Window{From: start.Add(-90 * 24 * time.Hour), Until: start.Add(90 * 24 * time.Hour)}

// act sends each of the four orders, against a rig that was prepared for them.
var acts = []struct {
	name string
	send func(ctx context.Context, r *rig) (processor.Verdict, string, processor.Next)
}{
	{"transfer", func(ctx context.Context, r *rig) (processor.Verdict, string, processor.Next) {
		o := r.driver.SendTransfer(ctx, r.transfer("act", 1, 100))
		return o.Verdict, o.Code, o.Next
	}},
	{"reversal", func(ctx context.Context, r *rig) (processor.Verdict, string, processor.Next) {
		o := r.driver.ReverseTransfer(ctx, must(processor.NewReversal(r.key("act", 1), r.found("load"), 100, "USD", nil))(r.t))
		return o.Verdict, o.Code, o.Next
	}},
	{"payout", func(ctx context.Context, r *rig) (processor.Verdict, string, processor.Next) {
		o := r.driver.CreatePayout(ctx, r.payout("act", 1, 100, processor.Standard))
		return o.Verdict, o.Code, o.Next
	}},
	{"cancel", func(ctx context.Context, r *rig) (processor.Verdict, string, processor.Next) {
		id := done(r.t, r.driver.CreatePayout(r.t.Context(), r.payout("paid", 1, 100, processor.Standard))).ID
		r.requests()
		o := r.driver.CancelPayout(ctx, must(processor.NewCancel(r.key("act", 1), payee, id))(r.t))
		return o.Verdict, o.Code, o.Next
	}},
}

// found returns the id of the transfer of an instruction.
func (r *rig) found(instruction string) string {
	r.t.Helper()
	all := must(r.driver.FindTransfers(r.t.Context(), instruction))(r.t)
	if len(all) != 1 {
		r.t.Fatalf("%d transfers of %s", len(all), instruction)
	}
	r.requests()
	return all[0].ID
}
