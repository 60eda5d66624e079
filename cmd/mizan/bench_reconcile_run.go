package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"mizan/ledger"
	"mizan/ledger/guard"
	"mizan/ledger/postgres"
	"mizan/payouts"
	"mizan/payouts/reconcile"
)

// The runs that are measured take place in a process of their own, with nothing in its memory but the service.

type benchComparingCmd struct {
	Book     string `help:"The book." required:""`
	Step     string `help:"first: the first run, bare joins and replays in turn; day: the next run; again: replays for ever." enum:"first,day,again" required:""`
	Database string `help:"The application's connection." env:"MIZAN_DATABASE_URL" required:""`
}

// compared is what a process measured: seconds, of several the median, and bytes.
type compared struct {
	Bare       float64 `json:"bare_join_seconds"`
	First      float64 `json:"first_run_seconds"`
	Replay     float64 `json:"replay_seconds"`
	Open       int64   `json:"open_items"`
	Entries    int64   `json:"entries"`
	PeakMemory int64   `json:"peak_memory_bytes"`
}

// comparedTimes is how often each thing is measured.
const comparedTimes = 3

// Run compares and prints what it came to as JSON.
func (c *benchComparingCmd) Run(ctx context.Context, s *surroundings) (err error) {
	pool, err := postgres.Open(ctx, c.Database, postgres.Options{MaxConns: 4})
	if err != nil {
		return err
	}
	defer pool.Close()
	plain, err := openPlainly(ctx, c.Database)
	if err != nil {
		return err
	}
	defer plain.close(context.WithoutCancel(ctx))
	l := ledger.New(pool, ledger.Options{Now: time.Now})
	defer func() { err = errors.Join(err, l.Close(context.WithoutCancel(ctx))) }()
	m := &comparing{plain: plain, service: reconcile.New(reconcile.Options{Pool: pool, Ledger: l, Trail: guard.NewTrail(pool, time.Now), Now: time.Now})}
	if m.book, err = l.Book(ctx, c.Book); err != nil {
		return err
	}
	switch c.Step {
	case "first":
		err = m.first(ctx)
	case "day":
		_, err = m.run(ctx)
	default:
		err = m.again(ctx)
	}
	if err != nil {
		return err
	}
	m.result.PeakMemory = peakMemory(os.Getpid())
	return json.NewEncoder(s.stdout).Encode(m.result)
}

// comparing is a service that compares, and a plain connection beside it.
type comparing struct {
	service *reconcile.Service
	plain   *plainly
	book    ledger.Book
	result  compared
}

// run makes the next run.
func (m *comparing) run(ctx context.Context) (reconcile.Run, error) {
	began := time.Now()
	run, err := m.service.Compare(ctx, payouts.Turn{Book: m.book}, reconcile.Asked{Match: reconcile.R1, Source: 1})
	m.result.First, m.result.Open = time.Since(began).Seconds(), run.OpenItems
	return run, err
}

// first makes the first run after one bare join that is not counted, so that both find the tables in memory; then bare joins and
// replays in turn.
func (m *comparing) first(ctx context.Context) (err error) {
	if m.result.Entries, err = m.plain.count(ctx, sqlBenchSourceEntries, m.book); err != nil {
		return err
	}
	var bare, replay []time.Duration
	join := func() error {
		took, err := m.plain.bare(ctx, m.book)
		bare = append(bare, took)
		return err
	}
	if err := join(); err != nil {
		return err
	}
	bare = nil
	run, err := m.run(ctx)
	if err != nil {
		return err
	}
	for range comparedTimes {
		if err := join(); err != nil {
			return err
		}
		took, err := m.replay(ctx, run)
		if err != nil {
			return err
		}
		replay = append(replay, took)
	}
	slices.Sort(bare)
	slices.Sort(replay)
	m.result.Bare, m.result.Replay = bare[comparedTimes/2].Seconds(), replay[comparedTimes/2].Seconds()
	return nil
}

func (m *comparing) replay(ctx context.Context, run reconcile.Run) (time.Duration, error) {
	began := time.Now()
	result, err := m.service.Replay(ctx, m.book, run.ID)
	if err == nil && !result.Same {
		err = fmt.Errorf("the run is not the same again: %v", result.Differs)
	}
	return time.Since(began), err
}

// again makes the first run again until it is stopped.
func (m *comparing) again(ctx context.Context) error {
	runs, err := m.service.Runs(ctx, m.book, reconcile.RunQuery{Limit: 10})
	if err != nil || len(runs) == 0 {
		return errors.Join(err, errors.New("there is no run to make again"))
	}
	for {
		if _, err := m.replay(ctx, runs[len(runs)-1]); err != nil {
			return err
		}
	}
}
