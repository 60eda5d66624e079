package main

// Reconciliation among the parts: who reads processors, and what is held against the books by itself.

import (
	"context"
	"fmt"
	"time"

	"mizan/ledger"
	"mizan/ledger/guard"
	"mizan/payouts"
	"mizan/payouts/jobs"
	"mizan/payouts/processor"
	"mizan/payouts/reports"
)

const (
	// reconcileTimeout bounds one round of a book. What it leaves, the next try goes on with.
	reconcileTimeout = 2 * time.Hour
	// reconcileAttempts are enough for a processor that does not answer for five hours.
	reconcileAttempts = 12
	// exportsSpare is what a turn of exports has to record what came of the last ones.
	exportsSpare = 5 * time.Minute
)

// readersOf returns who reads the processor account of a name in a book: the installation's one processor is the main one of each,
// but for demo books that have an account of their own at the simulated one.
func readersOf(driver processor.Driver, simulator *simulated) func(ledger.Book, string) processor.Driver {
	return func(book ledger.Book, name string) processor.Driver {
		if name != mainProcessor {
			return nil
		}
		if simulator != nil {
			if own := simulator.own[book.Code]; own != nil {
				return own.driver
			}
		}
		return driver
	}
}

// nightly is one thing of a book that is reconciled each night.
type nightly struct {
	name         string
	hour, minute int
	do           func(ctx context.Context, t payouts.Turn) (payouts.Report, error)
}

// reconcileJobs are the rounds of reconciliation in each book, the statements of payees for months that are over, the look for bank
// statements that came, and the making of exports. The night's payouts have gone by then. A book's own accounts come last, since they
// count what the others put into suspense, and hold the payees' statements against the books.
func (p *parts) reconcileJobs() (list []jobs.Job, err error) {
	for _, r := range []nightly{
		{"reconcile_processors", 3, 0, p.reconcile.RoundProcessors},
		{"reconcile_banks", 3, 10, p.reconcile.RoundBanks},
		{"reconcile_channels", 3, 20, p.reconcile.RoundChannels},
		{"payee_statements", 3, 25, p.statements.IssueDue},
		{"reconcile_inside", 3, 30, p.reconcile.RoundInside},
	} {
		at, err := jobs.LocalTime(r.hour, r.minute)
		if err != nil {
			return nil, err
		}
		list = append(list, jobs.Job{Name: r.name, Schedule: at, PerBook: true, Latest: true, Timeout: reconcileTimeout, MaxAttempts: reconcileAttempts, Run: p.reconcileRun(r.do)})
	}
	often, err := jobs.Cron("*/5 * * * *")
	if err != nil {
		return nil, err
	}
	minutely, err := jobs.Cron("* * * * *")
	if err != nil {
		return nil, err
	}
	return append(list,
		jobs.Job{Name: "reconcile_statements", Schedule: often, PerBook: true, Latest: true, Timeout: reconcileTimeout, Keep: oftenKept, Run: p.reconcileRun(p.reconcile.RoundStatements)},
		jobs.Job{Name: "exports", Schedule: minutely, Latest: true, Timeout: reports.MaxTurn + exportsSpare, Keep: oftenKept, Run: p.makeExports}), nil
}

// reconcileRun is one period of a round in a book.
func (p *parts) reconcileRun(do func(ctx context.Context, t payouts.Turn) (payouts.Report, error)) func(ctx context.Context, period jobs.Period) (jobs.Report, error) {
	return func(ctx context.Context, period jobs.Period) (jobs.Report, error) {
		book, err := p.books.Book(ctx, period.Book.Code)
		if err != nil {
			return jobs.Report{}, err
		}
		r, err := do(ctx, payouts.Turn{Book: book, Start: period.Start, End: period.End, Extra: period.Extra, Check: period.Check,
			Actor: guard.Actor{Kind: guard.System, ID: period.Job}})
		return jobs.Report{Text: r.Text, Items: r.Items}, err
	}
}

// makeExports makes the exports of all books that wait. Each is made by one process, whoever tries, so that a run may be repeated.
func (p *parts) makeExports(ctx context.Context, _ jobs.Period) (jobs.Report, error) {
	tried, err := p.reports.MakeDue(ctx)
	return jobs.Report{Text: fmt.Sprintf("%d exports were worked on", tried), Items: int64(tried)}, err
}
