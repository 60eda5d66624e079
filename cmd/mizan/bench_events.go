package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"text/tabwriter"
	"time"

	"mizan/ledger/commerce"
)

// Events: what a sale costs as a business event, computed by rules and explained, over the same six lines sent as a bare
// transaction. Both are measured in turns in one run.

type benchEventsCmd struct {
	Sales   int    `help:"Sales per measurement." default:"20000"`
	Rounds  int    `help:"How often each pair is measured." default:"3"`
	JSON    bool   `name:"json" help:"Print the results as JSON."`
	Scratch string `help:"Directory for the throw-away server's data; a temporary one if empty." type:"path"`
}

// eventResult compares events with transactions on one path.
type eventResult struct {
	Name         string      `json:"name"`
	Transactions benchResult `json:"transactions"`
	Events       benchResult `json:"events"`
	// Ratio is the events' rate over the transactions', CPU what an event takes more, in microseconds of this process.
	Ratio float64 `json:"ratio"`
	CPU   float64 `json:"cpu_us_more"`
}

// eventMaker draws sales as events: one buyer, one seller, one creator with an agency, one partner, one fee.
type eventMaker struct {
	prefix string
	n      int
	rng    *rand.Rand
}

func newEventMaker(prefix string, seed uint64) *eventMaker {
	return &eventMaker{prefix: prefix, rng: rand.New(rand.NewPCG(seed, 2))}
}

// draw returns the sale's reference and its data.
func (m *eventMaker) draw() (string, *commerce.OrderCaptured) {
	m.n++
	id := fmt.Sprintf("%s-%d", m.prefix, m.n)
	price := 500 + m.rng.IntN(20000)
	amount := fmt.Sprintf("%d.%02d", price/100, price%100)
	return fmt.Sprintf("%s-%09d", m.prefix, m.n), &commerce.OrderCaptured{
		Order: id, Currency: "USD", PlacedAt: time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC), Seller: fmt.Sprintf("sel_%d", m.rng.IntN(benchSellers)),
		LiveSession: "LS-1", Channel: "app", CommissionRate: "0.10",
		Lines:    []commerce.CapturedLine{{Line: 1, SKU: "SKU-9", Category: "fashion", Quantity: 1, UnitPrice: amount}},
		Creators: []commerce.Creator{{Creator: fmt.Sprintf("cre_%d", m.rng.IntN(benchCreators)), Weight: "1", Agency: &commerce.Agency{ID: fmt.Sprintf("mcn_%d", m.rng.IntN(benchAgencies)), Share: "0.20", PaidBy: "creator"}}},
		Partners: []commerce.Partner{{Partner: fmt.Sprintf("par_%d", m.rng.IntN(benchPartners)), Role: "live_tech"}},
		Payments: []commerce.Payment{{Processor: "main", PaymentID: "pi_" + id, Amount: amount}},
	}
}

func (m *eventMaker) appendJSON(dst []byte) ([]byte, error) {
	reference, data := m.draw()
	body, err := json.Marshal(data)
	dst = append(append(dst, `{"type":"order.captured","reference":"`...), reference...)
	dst = append(append(dst, `","data":`...), body...)
	return append(dst, '}'), err
}

// Run performs the benchmark and prints it.
func (c *benchEventsCmd) Run(ctx context.Context, s *surroundings) error {
	return c.runEvents(ctx, s.stdout, s.stderr)
}

func (c *benchEventsCmd) runEvents(ctx context.Context, out, progress io.Writer) (err error) {
	dir := c.Scratch
	if dir == "" {
		if dir, err = os.MkdirTemp("", "mizan-bench-"); err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(dir) }()
	}
	b := &bench{sales: c.Sales, books: []string{"bench"}, progress: progress}
	defer b.close()
	if err := b.open(ctx, filepath.Join(dir, "postgres")); err != nil {
		return err
	}
	results, bytes, err := b.measureEvents(ctx, c.Rounds)
	if err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(out).Encode(map[string]any{"go": runtime.Version(), "cpus": runtime.NumCPU(), "results": results, "explanation_bytes": bytes})
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "what\ttransactions/s\tevents/s\tratio\tp99 ms\tp99 ms\tdisk B\tdisk B\tCPU µs\tCPU µs\tmore\t")
	for _, r := range results {
		t, e := r.Transactions, r.Events
		fmt.Fprintf(w, "%s\t%.0f\t%.0f\t%.2f\t%.2f\t%.2f\t%.0f\t%.0f\t%.0f\t%.0f\t%.0f\t\n", r.Name, t.PerSecond, e.PerSecond, r.Ratio, t.P99, e.P99, t.Disk, e.Disk, t.CPU, e.CPU, r.CPU)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "The explanation of a sale takes %d bytes.\n", bytes)
	return err
}

// measureEvents measures each path as transactions and as events, in turns, and keeps the medians of the rounds.
func (b *bench) measureEvents(ctx context.Context, rounds int) (results []eventResult, explanation int, err error) {
	type run = func(context.Context, int) ([]time.Duration, error)
	paths := []struct {
		name         string
		transactions func(prefix string) run
		events       func(prefix string) run
	}{
		{"in process, batches of 1000", func(p string) run { return b.inProcessBatches("bench", p, false) }, b.inProcessEvents},
		{"HTTP, batches of 1000, 4 clients", func(p string) run { return b.httpBatches(p, 4, 1000) }, func(p string) run { return b.httpEvents(p, 4, 1000) }},
		{"HTTP, 64 clients", func(p string) run { return b.httpSingles(p, 64) }, func(p string) run { return b.httpEvents(p, 64, 1) }},
	}
	for i, path := range paths {
		var ts, es []benchResult
		for round := range rounds + 1 { // the first warms up
			fmt.Fprintf(b.progress, "%s, round %d …\n", path.name, round)
			t, err := b.time(ctx, "transactions", b.sales, path.transactions(fmt.Sprintf("t%d%d", i, round)))
			if err != nil {
				return nil, 0, err
			}
			e, err := b.time(ctx, "events", b.sales, path.events(fmt.Sprintf("e%d%d", i, round)))
			if err != nil {
				return nil, 0, err
			}
			if round > 0 {
				ts, es = append(ts, t), append(es, e)
			}
		}
		t, e := medianResult(ts), medianResult(es)
		results = append(results, eventResult{Name: path.name, Transactions: t, Events: e, Ratio: e.PerSecond / t.PerSecond, CPU: e.CPU - t.CPU})
	}
	ts, err := b.ledger.ByReference(ctx, b.book, "e01-0-000000001")
	if err != nil || len(ts) == 0 {
		return results, 0, err
	}
	return results, len(ts[0].Explanation), nil
}

// medianResult is the measurement with the median rate.
func medianResult(rs []benchResult) benchResult {
	byRate := append([]benchResult(nil), rs...)
	for i := range byRate {
		for j := i; j > 0 && byRate[j].PerSecond < byRate[j-1].PerSecond; j-- {
			byRate[j], byRate[j-1] = byRate[j-1], byRate[j]
		}
	}
	return byRate[len(byRate)/2]
}

func (b *bench) inProcessEvents(prefix string) func(context.Context, int) ([]time.Duration, error) {
	service := commerce.New(b.ledger, commerce.NewRuleSets(b.pool, time.Now), time.Now)
	return func(ctx context.Context, n int) ([]time.Duration, error) {
		const size, clients = 1000, 4
		return inParallel(clients, n/size, func(client int) func() error {
			m := newEventMaker(fmt.Sprintf("%s-%d", prefix, client), uint64(client))
			return func() error {
				events := make([]commerce.Event, size)
				for i := range events {
					reference, data := m.draw()
					events[i] = commerce.Event{Type: "order.captured", Reference: reference, Data: data}
				}
				for _, r := range service.PostBatch(ctx, b.book, events) {
					if r.Err != nil {
						return r.Err
					}
				}
				return nil
			}
		})
	}
}

func (b *bench) httpEvents(prefix string, clients, size int) func(context.Context, int) ([]time.Duration, error) {
	return func(ctx context.Context, n int) ([]time.Duration, error) {
		return inParallel(clients, n/size, func(client int) func() error {
			m, p := newEventMaker(fmt.Sprintf("%s-%d", prefix, client), uint64(client)), b.poster("events")
			if size > 1 {
				p = b.poster("events/batch")
			}
			return func() (err error) {
				p.body = p.body[:0]
				if size > 1 {
					p.body = append(p.body, `{"events":[`...)
				}
				for i := range size {
					if i > 0 {
						p.body = append(p.body, ',')
					}
					if p.body, err = m.appendJSON(p.body); err != nil {
						return err
					}
				}
				if size > 1 {
					p.body = append(p.body, `]}`...)
				}
				return p.post(ctx)
			}
		})
	}
}
