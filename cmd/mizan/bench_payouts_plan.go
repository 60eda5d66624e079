package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/metrics"
	"runtime/pprof"
	"time"

	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/guard"
	"mizan/ledger/money"
	"mizan/ledger/postgres"
	"mizan/payouts"
)

// The planning that is measured runs in a process of its own, with nothing in its memory but the service.

type benchPlanningCmd struct {
	Book     string `help:"The book." required:""`
	Database string `help:"The application's connection." env:"MIZAN_DATABASE_URL" required:""`
	Profile  string `help:"Write a CPU profile to this file." type:"path"`
}

// planned is what one run came to. Rates are per second, memory is in bytes.
type planned struct {
	Payees             int     `json:"payees"`
	Lines              int64   `json:"lines"`
	Decided            int64   `json:"decided"`
	Paid               int64   `json:"paid"`
	Skipped            int64   `json:"skipped"`
	Seconds            float64 `json:"seconds"`
	DecisionsPerSecond float64 `json:"decisions_per_second"`
	LinesPerSecond     float64 `json:"lines_per_second"`
	// AggregateBefore and AggregateAfter are the entries a second that the plain aggregate reads; Ratio is LinesPerSecond over
	// their mean.
	AggregateBefore float64 `json:"aggregate_before_lines_per_second"`
	AggregateAfter  float64 `json:"aggregate_after_lines_per_second"`
	Ratio           float64 `json:"ratio_to_aggregate"`
	// CPU is the processor time of the planning process in seconds; the database's is not in it.
	CPU        float64 `json:"cpu_seconds"`
	PeakMemory int64   `json:"peak_memory_bytes"`
	PeakHeap   int64   `json:"peak_heap_bytes"`
	Proof      proven  `json:"proof"`
}

// proven is how fast the payouts of the run were proved: by the running sums of their accounts, which stand for all lines,
// and by reading the lines of some of them and adding them up.
type proven struct {
	Payouts          int64   `json:"payouts"`
	Lines            int64   `json:"lines"`
	Seconds          float64 `json:"seconds"`
	PayoutsPerSecond float64 `json:"payouts_per_second"`
	LinesPerSecond   float64 `json:"lines_per_second"`
	Added            int64   `json:"lines_added_up"`
	AddedPerSecond   float64 `json:"lines_added_up_per_second"`
}

// addedPayouts bounds the payouts whose lines are read and added up one by one.
const addedPayouts = 1_000

// Run plans and prints what it came to as JSON.
func (c *benchPlanningCmd) Run(ctx context.Context, s *surroundings) (err error) {
	p := &planner{}
	if err := p.open(ctx, c.Database, c.Book); err != nil {
		return err
	}
	defer p.close(context.WithoutCancel(ctx))
	var result planned
	if result.Lines, err = p.plain.count(ctx, sqlBenchPayeeLines, p.book); err != nil {
		return err
	}
	if result.AggregateBefore, err = p.plain.aggregate(ctx, p.book); err != nil {
		return err
	}
	if err := p.plan(ctx, &result, c.Profile); err != nil {
		return err
	}
	if result.AggregateAfter, err = p.plain.aggregate(ctx, p.book); err != nil {
		return err
	}
	result.Ratio = 2 * result.LinesPerSecond / (result.AggregateBefore + result.AggregateAfter)
	if result.Proof, err = p.prove(ctx); err != nil {
		return err
	}
	return json.NewEncoder(s.stdout).Encode(result)
}

// planner is the service as it plans, on a clock that shows the start of the run.
type planner struct {
	pool    *postgres.Pool
	ledger  *ledger.Ledger
	service *payouts.Service
	book    ledger.Book
	plain   *plainly
}

func (p *planner) open(ctx context.Context, url, book string) (err error) {
	if p.plain, err = openPlainly(ctx, url); err != nil {
		return err
	}
	if p.pool, err = postgres.Open(ctx, url, postgres.Options{MaxConns: 4}); err != nil {
		return err
	}
	now := goingFrom(payoutRunAt.Add(time.Second))
	p.ledger = ledger.New(p.pool, ledger.Options{Now: now})
	p.service = payouts.New(payouts.Options{Pool: p.pool, Ledger: p.ledger, Events: commerce.New(p.ledger, commerce.NewRuleSets(p.pool, now), now),
		Trail: guard.NewTrail(p.pool, now), Now: now})
	p.book, err = p.ledger.Book(ctx, book)
	return err
}

func (p *planner) close(ctx context.Context) {
	_ = p.ledger.Close(ctx)
	p.pool.Close()
	p.plain.close(ctx)
}

// turn is the period of the run.
func payoutTurn(book ledger.Book) payouts.Turn {
	return payouts.Turn{Book: book, Start: payoutRunAt, End: payoutRunAt.Add(24 * time.Hour), Actor: guard.Actor{Kind: guard.System, ID: "bench"}}
}

// plan plans the run and notes what it took.
func (p *planner) plan(ctx context.Context, r *planned, profile string) error {
	if profile != "" {
		file, err := os.Create(profile)
		if err != nil {
			return err
		}
		defer func() { _ = file.Close() }()
		if err := pprof.StartCPUProfile(file); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	runtime.GC()
	heap := watchHeap()
	cpu, began := processCPU(), time.Now()
	_, err := p.service.Plan(ctx, payoutTurn(p.book))
	r.Seconds, r.CPU, r.PeakHeap = time.Since(began).Seconds(), (processCPU() - cpu).Seconds(), heap()
	r.PeakMemory = peakMemory(os.Getpid())
	if err != nil {
		return err
	}
	runs, err := p.service.Runs(ctx, p.book, payouts.RunQuery{Trigger: payouts.TriggerScheduled, Limit: 1})
	if err != nil {
		return err
	}
	if len(runs) == 0 || runs[0].PlannedAt.IsZero() {
		return errors.New("the run was not planned to its end")
	}
	r.Decided, r.Paid, r.Skipped = runs[0].Decided, runs[0].Paid, runs[0].Skipped
	r.DecisionsPerSecond, r.LinesPerSecond = float64(r.Decided)/r.Seconds, float64(r.Lines)/r.Seconds
	return nil
}

// watchHeap notes the largest heap until the function it returns is called.
func watchHeap() (peak func() int64) {
	stop, done := make(chan struct{}), make(chan int64)
	go func() {
		sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
		ticker := time.NewTicker(10 * time.Millisecond)
		defer ticker.Stop()
		var most int64
		for {
			metrics.Read(sample)
			most = max(most, int64(sample[0].Value.Uint64()))
			select {
			case <-ticker.C:
			case <-stop:
				done <- most
				return
			}
		}
	}()
	return func() int64 {
		close(stop)
		return <-done
	}
}

// prove proves all payouts of the book, and adds up the lines of some.
func (p *planner) prove(ctx context.Context) (r proven, err error) {
	if r.Lines, err = p.plain.count(ctx, sqlBenchPaidLines, p.book); err != nil {
		return r, err
	}
	began := time.Now()
	proof, err := p.service.Verify(ctx, p.book)
	if err != nil {
		return r, err
	}
	r.Seconds, r.Payouts = time.Since(began).Seconds(), proof.Payouts
	if !proof.Sound() {
		return r, fmt.Errorf("the payouts do not prove: %d findings, such as %+v", len(proof.Broken), proof.Broken[0])
	}
	r.PayoutsPerSecond, r.LinesPerSecond = float64(r.Payouts)/r.Seconds, float64(r.Lines)/r.Seconds
	list, err := p.service.Payouts(ctx, p.book, payouts.PayoutQuery{Limit: addedPayouts})
	if err != nil {
		return r, err
	}
	began = time.Now()
	for _, payout := range list {
		sum, lines, err := p.addUp(ctx, payout.ID)
		if err != nil {
			return r, err
		}
		if sum != payout.Gross() {
			return r, fmt.Errorf("the lines of %s sum to %d instead of %d", payout.ID, sum, payout.Gross())
		}
		r.Added += lines
	}
	r.AddedPerSecond = float64(r.Added) / time.Since(began).Seconds()
	return r, nil
}

// addUp reads all lines of a payout.
func (p *planner) addUp(ctx context.Context, id string) (sum money.Minor, n int64, err error) {
	for sequence, line := int64(0), 0; ; {
		page, err := p.service.Lines(ctx, p.book, id, sequence, line, 1000)
		if err != nil {
			return 0, 0, err
		}
		for _, l := range page.Lines {
			sum += l.Amount
			n++
		}
		if !page.More {
			return sum, n, nil
		}
		sequence, line = page.AfterSequence, page.AfterLine
	}
}
