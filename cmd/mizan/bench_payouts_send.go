package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/guard"
	"mizan/ledger/postgres"
	"mizan/payouts"
	"mizan/payouts/processor/simulator"
	"mizan/payouts/processor/stripe"
)

// Sending: two replicas with a pool, a ledger and a driver of their own send the payouts of one run to a simulated processor
// over HTTP. It counts what arrives in each second of its clock, as a processor does.

// sendResult is one sending.
type sendResult struct {
	Name     string  `json:"name"`
	Payouts  int     `json:"payouts"`
	Requests int     `json:"requests"`
	Seconds  float64 `json:"seconds"`
	// Most is how many requests arrived in the fullest second of the processor's clock, Limit what it takes in one from an
	// endpoint; 0 for no limit. Refused are the requests that were too many.
	Most    int `json:"most_requests_in_a_second"`
	Limit   int `json:"limit"`
	Refused int `json:"refused"`
	// Estimated is after how many seconds the service said at the beginning that the last payout would have left.
	Estimated float64 `json:"estimated_seconds"`
}

const (
	benchRailKey = "sk_test_of_a_throwaway_server_000000"
	// unpaced is a pace that never makes anybody wait.
	unpaced = 1_000_000
	// sendReplicas is how many processes send; they share this one.
	sendReplicas = 2
)

// sending sends as many payouts without a limit as at the pace, each from a book of its own.
func (b *payoutsBench) sending(ctx context.Context) error {
	for _, way := range []struct {
		name, code  string
		pace, limit int
	}{{"without a limit", "free", unpaced, 0}, {"at the pace", "paced", b.options.Pace, b.options.Pace + (b.options.Pace+3)/4}} {
		f := &payeeBook{bench: &b.bench, code: way.code, payees: b.options.Send, paid: 100}
		if err := f.fill(ctx); err != nil {
			return fmt.Errorf("filling the book %s: %w", way.code, err)
		}
		if err := b.meter.tidy(ctx); err != nil {
			return err
		}
		fmt.Fprintf(b.progress, "sending %d payouts %s …\n", b.options.Send, way.name)
		r, err := b.send(ctx, f.book, way.pace, way.limit)
		if err != nil {
			return fmt.Errorf("sending %s: %w", way.name, err)
		}
		r.Name = way.name
		b.result.Sendings = append(b.result.Sendings, r)
	}
	return nil
}

// send plans the run of a book and has the replicas send it.
func (b *payoutsBench) send(ctx context.Context, book ledger.Book, pace, limit int) (r sendResult, err error) {
	now := goingFrom(payoutRunAt.Add(time.Second))
	rail, err := openBenchRail(now, b.options.Send, limit)
	if err != nil {
		return r, err
	}
	defer rail.close()
	replicas := make([]*payoutSender, 0, sendReplicas)
	for range sendReplicas {
		s, err := b.newSender(ctx, now, rail.url, pace)
		if err != nil {
			return r, err
		}
		defer s.close(context.WithoutCancel(ctx))
		replicas = append(replicas, s)
	}
	if _, err := replicas[0].service.Plan(ctx, payoutTurn(book)); err != nil {
		return r, err
	}
	runs, err := replicas[0].service.Runs(ctx, book, payouts.RunQuery{Trigger: payouts.TriggerScheduled, Limit: 1})
	if err != nil {
		return r, err
	}
	run := runs[0].ID
	begin, err := replicas[0].service.Progress(ctx, book, run)
	if err != nil {
		return r, err
	}
	if begin.Left != int64(b.options.Send) || begin.Waiting != 0 {
		return r, fmt.Errorf("what waits to be sent is not the %d payouts of the run: %+v", b.options.Send, begin)
	}
	began := now()
	r.Estimated = begin.DoneAt.Sub(began).Seconds()
	if err := sendTogether(ctx, replicas, book); err != nil {
		return r, err
	}
	r.Seconds, r.Limit = now().Sub(began).Seconds(), limit
	r.Requests, r.Most, r.Refused = rail.counted()
	r.Payouts = len(rail.simulator.Transfers())
	if r.Payouts != b.options.Send {
		return r, fmt.Errorf("%d transfers at the processor instead of %d", r.Payouts, b.options.Send)
	}
	return r, rail.simulator.Check()
}

// sendTogether has all replicas send until nothing is left.
func sendTogether(ctx context.Context, replicas []*payoutSender, book ledger.Book) error {
	for range 1000 {
		var wg sync.WaitGroup
		errs := make([]error, len(replicas))
		for i, s := range replicas {
			wg.Go(func() { _, errs[i] = s.service.Submit(ctx, payoutTurn(book)) })
		}
		wg.Wait()
		left, err := anyLeft(ctx, replicas[0].service, book)
		if err := errors.Join(append(errs, err)...); err != nil {
			return err
		}
		if !left {
			return nil
		}
	}
	return errors.New("the payouts were not sent after a thousand turns")
}

// anyLeft reports whether the book has a payout that did not leave. The progress of a large run is an estimate, which ends nothing.
func anyLeft(ctx context.Context, s *payouts.Service, book ledger.Book) (bool, error) {
	for _, state := range []string{payouts.Created, payouts.Sending, payouts.Unknown, payouts.Refused} {
		if list, err := s.Payouts(ctx, book, payouts.PayoutQuery{State: state, Limit: 1}); err != nil || len(list) > 0 {
			return len(list) > 0, err
		}
	}
	return false, nil
}

// payoutSender is one replica.
type payoutSender struct {
	pool    *postgres.Pool
	ledger  *ledger.Ledger
	service *payouts.Service
}

func (b *payoutsBench) newSender(ctx context.Context, now func() time.Time, url string, pace int) (*payoutSender, error) {
	driver, err := stripe.New(stripe.Options{Key: benchRailKey, BaseURL: url, Now: now, PlatformSecret: "whsec_bench_of_the_platform", ConnectSecret: "whsec_bench_of_the_connect"})
	if err != nil {
		return nil, err
	}
	pool, err := postgres.Open(ctx, b.appURL(), postgres.Options{MaxConns: 12})
	if err != nil {
		return nil, err
	}
	s := &payoutSender{pool: pool, ledger: ledger.New(pool, ledger.Options{Now: now})}
	wait := func(ctx context.Context, until time.Time) error { return pause(ctx, until.Sub(now())) }
	s.service = payouts.New(payouts.Options{Pool: pool, Ledger: s.ledger, Events: commerce.New(s.ledger, commerce.NewRuleSets(pool, now), now),
		Trail: guard.NewTrail(pool, now), Now: now, Wait: wait, Rails: []payouts.Rail{{Name: "connected", Processor: "main", Driver: driver, PerSecond: pace}}})
	return s, nil
}

func (s *payoutSender) close(ctx context.Context) {
	_ = s.ledger.Close(ctx)
	s.pool.Close()
}

// benchRail is the processor with a count of what arrives.
type benchRail struct {
	simulator *simulator.Simulator
	server    *http.Server
	url       string

	mu      sync.Mutex
	seconds map[int64]int
	refused int
}

// openBenchRail starts a processor that knows the payees and has money for all of them.
func openBenchRail(now func() time.Time, payees, limit int) (*benchRail, error) {
	o := simulator.Options{Now: now, Key: benchRailKey, Seed: 1, Rate: limit, MaxObjects: 50*payees + 10_000}
	if limit == 0 {
		o.Rate = -1
	}
	sim, err := simulator.New(o)
	if err != nil {
		return nil, err
	}
	for i := range payees {
		id := fmt.Sprintf("acct_%07d", i)
		if err := sim.AddAccount(id, "US", "usd"); err != nil {
			return nil, err
		}
		if err := sim.ChangeAccount(id, func(a *simulator.Account) { a.Interval = "daily" }); err != nil {
			return nil, err
		}
		if _, err := sim.AddCharge(100_000, 0, "usd", 0, nil); err != nil {
			return nil, err
		}
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &benchRail{simulator: sim, url: "http://" + listener.Addr().String(), seconds: map[int64]int{}}
	r.server = &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		at := now().Unix()
		said := &statusOf{ResponseWriter: w}
		sim.ServeHTTP(said, q)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.seconds[at]++
		if said.status == http.StatusTooManyRequests {
			r.refused++
		}
	})}
	go func() { _ = r.server.Serve(listener) }()
	return r, nil
}

func (r *benchRail) close() { _ = r.server.Close() }

// counted returns how many requests arrived, how many in the fullest second, and how many were refused.
func (r *benchRail) counted() (requests, most, refused int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, n := range r.seconds {
		requests, most = requests+n, max(most, n)
	}
	return requests, most, r.refused
}

// statusOf remembers the status of an answer.
type statusOf struct {
	http.ResponseWriter
	status int
}

func (w *statusOf) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}
