// The contract: what the driver says to Stripe and what is answered to it are held to Stripe's own description.

package stripe_test

import (
	"bytes"
	"context"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"mizan/payouts/processor"
	"mizan/payouts/processor/simulator"
	"mizan/payouts/processor/stripe"
)

const (
	apiKey         = "sk_test_contract_1234567890"
	platformSecret = "whsec_contract_platform_1234567890"
	connectSecret  = "whsec_contract_connect_1234567890"
	payee          = "acct_payee"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// line is a driver that speaks to the simulator over a line on which everything is written down.
type line struct {
	t      *testing.T
	sim    *simulator.Simulator
	clock  *simulator.Clock
	url    string
	driver *stripe.Driver
	mu     sync.Mutex
	said   []exchange
	posted [][2]string // notices with their signatures
}

func newLine(t *testing.T) *line {
	t.Helper()
	l := &line{t: t, clock: simulator.NewClock(start)}
	hooks := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, q *http.Request) {
		body, _ := io.ReadAll(q.Body) // a part of it would not be signed
		l.mu.Lock()
		defer l.mu.Unlock()
		l.posted = append(l.posted, [2]string{string(body), q.Header.Get("Stripe-Signature")})
	}))
	t.Cleanup(hooks.Close)
	var err error
	l.sim, err = simulator.New(simulator.Options{Now: l.clock.Now, Key: apiKey, Seed: 1, Rate: -1, Endpoints: []simulator.Endpoint{
		{URL: hooks.URL, Secret: platformSecret}, {URL: hooks.URL, Secret: connectSecret, Connect: true}}})
	l.ok(err)
	server := httptest.NewServer(http.HandlerFunc(l.serve))
	t.Cleanup(server.Close)
	l.url = server.URL
	l.driver, err = stripe.New(stripe.Options{Key: apiKey, BaseURL: server.URL, Now: l.clock.Now, PlatformSecret: platformSecret, ConnectSecret: connectSecret})
	l.ok(err)
	l.ok(l.sim.AddAccount(payee, "US", "usd", "eur"))
	_, err = l.sim.AddCharge(100_000_000, 2_900, "usd", 0, map[string]string{"order": "o-1"})
	l.ok(err)
	return l
}

// serve writes down a request and its answer.
func (l *line) serve(w http.ResponseWriter, q *http.Request) {
	body, err := io.ReadAll(q.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	q.Body = io.NopCloser(bytes.NewReader(body))
	answer := httptest.NewRecorder()
	l.sim.ServeHTTP(answer, q)
	l.mu.Lock()
	l.said = append(l.said, exchange{method: q.Method, path: q.URL.Path, query: q.URL.RawQuery, body: string(body), header: q.Header.Clone(),
		status: answer.Code, answer: answer.Body.Bytes()})
	x := &l.said[len(l.said)-1]
	for name, values := range answer.Header() {
		w.Header()[name] = values
		if name == "Request-Id" {
			x.header[name] = values
		}
	}
	l.mu.Unlock()
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes()) // the driver may have gone
}

func (l *line) ok(err error) {
	l.t.Helper()
	if err != nil {
		l.t.Fatal(err)
	}
}

func (l *line) key(instruction string, attempt int) processor.Key {
	l.t.Helper()
	name := must(processor.Name(instruction, attempt))(l.t)
	return must(name.Keep(l.t.Context(), l.clock.Now(), 1, func(context.Context) error { return nil }))(l.t)
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

func done[T any](t *testing.T, o processor.Outcome[T]) T {
	t.Helper()
	if o.Verdict != processor.Done {
		t.Fatalf("not done: %s %q, status %d", o.Verdict, o.Code, o.Status)
	}
	return o.Object
}

// whole is a window around everything.
var whole = processor.Window{From: start.Add(-time.Hour), Until: start.Add(30 * 24 * time.Hour)}

// several is more than one page holds.
const several = 101

// conversation has the driver do everything it can do, each listing over more than one page.
func (l *line) conversation() {
	t, d, ctx := l.t, l.driver, l.t.Context()
	all := map[string]string{"run": "2026-03", "note": "a value with & and = and [brackets] and ünïcode"}
	var transfer processor.Transfer
	var payout processor.Payout
	for i := range several {
		transfer = done(t, d.SendTransfer(ctx, must(processor.NewTransfer(l.key("many", i+1), payee, 10_000, "USD", all))(t)))
	}
	for i := range several {
		done(t, d.ReverseTransfer(ctx, must(processor.NewReversal(l.key("back", i+1), transfer.ID, 1, "USD", all))(t)))
		payout = done(t, d.CreatePayout(ctx, must(processor.NewPayout(l.key("out", i+1), payee, processor.Standard, 100, "USD", all))(t)))
	}
	done(t, d.CreatePayout(ctx, must(processor.NewPayout(l.key("fast", 1), payee, processor.Instant, 10_000, "USD", nil))(t)))
	done(t, d.CancelPayout(ctx, must(processor.NewCancel(l.key("stop", 1), payee, payout.ID))(t)))
	l.automatic()
	count := func(n int, err error) {
		t.Helper()
		if l.ok(err); n < several {
			t.Errorf("%d rows, which is not more than a page", n)
		}
	}
	transfers, err := d.FindTransfers(ctx, "many")
	count(len(transfers), err)
	reversals, err := d.FindReversals(ctx, transfer.ID, "back")
	count(several*len(reversals), err)
	payouts, err := d.ListPayouts(ctx, payee, whole)
	count(len(payouts), err)
	found, err := d.FindPayouts(ctx, payee, "out", processor.Window{From: whole.From})
	count(several*len(found), err)
	for _, account := range []string{"", payee} {
		entries, err := d.ListEntries(ctx, account, whole)
		count(len(entries), err)
		for _, e := range entries {
			must(d.ReadEntry(ctx, account, e.ID))(t)
		}
		notices, err := d.ListNotices(ctx, account, whole)
		count(len(notices), err)
		must(d.ReadBalance(ctx, account))(t)
	}
	must(d.ReadTransfer(ctx, transfer.ID))(t)
	must(d.ReadPayout(ctx, payee, payout.ID))(t)
	must(d.ReadAccount(ctx, payee))(t)
	for _, p := range payouts {
		if p.Automatic {
			must(d.ListPayoutEntries(ctx, payee, p.ID))(t)
		}
	}
	_, err = l.sim.Deliver(ctx, http.DefaultClient)
	l.ok(err)
	if len(l.posted) < several {
		t.Errorf("%d notices were delivered", len(l.posted))
	}
	for _, n := range l.posted {
		must(d.ReadNotice([]byte(n[0]), n[1]))(t)
	}
}

// automatic lets days pass, on which the processor pays out by itself.
func (l *line) automatic() {
	l.ok(l.sim.ChangeAccount(payee, func(a *simulator.Account) { a.Interval = "daily" }))
	l.clock.Advance(24 * time.Hour)
	l.ok(l.sim.Settle())
	l.clock.Advance(72 * time.Hour)
	l.ok(l.sim.Settle())
}

// driven are the operations that the driver asks for.
var driven = []string{"POST /v1/transfers", "GET /v1/transfers", "GET /v1/transfers/{transfer}", "POST /v1/transfers/{id}/reversals",
	"GET /v1/transfers/{id}/reversals", "POST /v1/payouts", "GET /v1/payouts", "GET /v1/payouts/{payout}", "POST /v1/payouts/{payout}/cancel",
	"GET /v1/accounts/{account}", "GET /v1/balance", "GET /v1/balance_transactions", "GET /v1/balance_transactions/{id}", "GET /v1/events"}

// TestTheContract holds every request and every answer of a conversation to the description.
func TestTheContract(t *testing.T) {
	t.Parallel()
	l := newLine(t)
	l.conversation()
	t.Run("requests", func(t *testing.T) { l.requested(t, newHolder(t)) })
	t.Run("answers", func(t *testing.T) { l.answered(t, newHolder(t)) })
}

// requested holds what the driver asked for.
func (l *line) requested(t *testing.T, h *holder) {
	asked := map[string]bool{}
	parameters := map[string]bool{}
	for _, x := range l.said {
		h.request(x)
		_, name, _ := h.d.operation(x.method, x.path)
		asked[name] = true
		for _, text := range []string{x.query, x.body} {
			for name := range must(url.ParseQuery(text))(t) {
				parameters[name] = true
			}
		}
		parameters["Stripe-Account"] = parameters["Stripe-Account"] || x.header.Get("Stripe-Account") == payee
	}
	report(t, h)
	for _, name := range driven {
		if !asked[name] {
			t.Errorf("nothing was asked for: %s", name)
		}
	}
	for _, name := range []string{"Stripe-Account", "starting_after", "created[gte]", "created[lt]", "payout", "transfer_group", "metadata[note]", "method"} {
		if !parameters[name] {
			t.Errorf("nothing was asked for with %s", name)
		}
	}
	t.Logf("%d requests, parameters %v", len(l.said), slices.Sorted(maps.Keys(parameters)))
}

// TestEveryMethodSpeaks sees that the conversation leaves no method of the driver out. Each is called alone on an empty
// processor, and what it asks for must have been asked for in the conversation too.
func TestEveryMethodSpeaks(t *testing.T) {
	t.Parallel()
	alone, h := newLine(t), newHolder(t)
	ctx, d := t.Context(), alone.driver
	calls := map[string]func(){
		"SendTransfer": func() {
			d.SendTransfer(ctx, must(processor.NewTransfer(alone.key("a", 1), payee, 1, "USD", nil))(t))
		},
		"ReverseTransfer": func() {
			d.ReverseTransfer(ctx, must(processor.NewReversal(alone.key("a", 1), "tr_x", 1, "USD", nil))(t))
		},
		"CreatePayout": func() {
			d.CreatePayout(ctx, must(processor.NewPayout(alone.key("a", 1), payee, processor.Standard, 1, "USD", nil))(t))
		},
		"CancelPayout":      func() { d.CancelPayout(ctx, must(processor.NewCancel(alone.key("a", 1), payee, "po_x"))(t)) },
		"FindTransfers":     func() { _, _ = d.FindTransfers(ctx, "a") },
		"FindReversals":     func() { _, _ = d.FindReversals(ctx, "tr_x", "a") },
		"FindPayouts":       func() { _, _ = d.FindPayouts(ctx, payee, "a", whole) },
		"ListPayouts":       func() { _, _ = d.ListPayouts(ctx, payee, whole) },
		"ReadTransfer":      func() { _, _ = d.ReadTransfer(ctx, "tr_x") },
		"ReadPayout":        func() { _, _ = d.ReadPayout(ctx, payee, "po_x") },
		"ReadAccount":       func() { _, _ = d.ReadAccount(ctx, payee) },
		"ReadBalance":       func() { _, _ = d.ReadBalance(ctx, payee) },
		"ListEntries":       func() { _, _ = d.ListEntries(ctx, "", whole) },
		"ReadEntry":         func() { _, _ = d.ReadEntry(ctx, "", "txn_x") },
		"ListNotices":       func() { _, _ = d.ListNotices(ctx, "", whole) },
		"ListPayoutEntries": func() { _, _ = d.ListPayoutEntries(ctx, payee, "po_x") },
		"ReadNotice":        nil, // it asks for nothing
	}
	methods := reflect.TypeFor[processor.Driver]()
	for i := range methods.NumMethod() {
		name := methods.Method(i).Name
		call, ok := calls[name]
		if !ok {
			t.Errorf("%s is not called here", name)
		}
		if call == nil {
			continue
		}
		before := len(alone.said)
		call()
		if len(alone.said) == before {
			t.Errorf("%s asked for nothing", name)
		}
		for _, x := range alone.said[before:] {
			if _, asked, _ := h.d.operation(x.method, x.path); !slices.Contains(driven, asked) {
				t.Errorf("%s asks for %s, which the conversation need not", name, x.path)
			}
			h.request(x)
			h.answer(x)
		}
	}
	report(t, h)
}

func report(t *testing.T, h *holder) {
	t.Helper()
	once := map[string]bool{}
	for _, complaint := range h.found {
		once[complaint] = true
	}
	for _, complaint := range slices.Sorted(maps.Keys(once)) {
		t.Error(complaint)
	}
}
