package main

// Payouts among the parts: the ways in which money leaves, and what is done again and again as jobs of each book.

import (
	"context"
	"errors"
	"time"

	"mizan/ledger/guard"
	"mizan/payouts"
	"mizan/payouts/jobs"
	"mizan/payouts/processor"
	"mizan/payouts/processor/bankfile"
)

const (
	// mainProcessor is the segment of the ledger's accounts of the processor that is paid with.
	mainProcessor = "main"
	// mainBank is the segment of the ledger's accounts of the own bank account that bank files pay from.
	mainBank = "main"
	// bankPerSecond is how many orders a second go to the tables of the bank rail, which are our own.
	bankPerSecond = 1000
	// railPerSecond is how many requests a second are sent to the processor from all processes together. It is below what
	// Stripe takes in its test mode, which takes a quarter of the live one.
	railPerSecond = 20
	// payoutTimeout bounds one period. What a period leaves, the next one goes on with.
	payoutTimeout = time.Hour
	// oftenKept is how long the periods of works of every few minutes are remembered: 90,000 rows in each book.
	oftenKept = 14 * 24 * time.Hour
)

// railsOf returns the ways out: the processor's connected accounts, if there is a processor, and bank files, by which each book
// pays from its own bank accounts.
func railsOf(driver processor.Driver, bank *bankfile.Service) []payouts.Rail {
	rails := []payouts.Rail{{Name: payouts.RailBank, Processor: "bank", Bank: mainBank, Of: bank.Driver, PerSecond: bankPerSecond}}
	if driver != nil {
		rails = append(rails, payouts.Rail{Name: payouts.RailConnected, Processor: mainProcessor, Driver: driver, PerSecond: railPerSecond})
	}
	return rails
}

// waitBy waits by a clock that may stand elsewhere than the machine's. One that stands still has nobody wait: whoever moves it
// would wait for itself. What waits a moment for the processor's sake then comes at once.
func waitBy(c *clock) func(ctx context.Context, until time.Time) error {
	if c == nil {
		return nil
	}
	return func(ctx context.Context, until time.Time) error {
		if c.stands() {
			return ctx.Err()
		}
		return pause(ctx, until.Sub(c.now()))
	}
}

// payoutSchedule is the schedule of a When, and whether one period stands for all that were missed.
func payoutSchedule(when payouts.When) (s jobs.Schedule, latest bool, err error) {
	switch when {
	case payouts.EveryMinute:
		s, err = jobs.Cron("* * * * *")
		return s, true, err
	case payouts.Every5Minutes:
		s, err = jobs.Cron("*/5 * * * *")
		return s, true, err
	case payouts.Hourly:
		s, err = jobs.Cron("0 * * * *")
		return s, true, err
	case payouts.AtMidnight:
		return jobs.LocalMidnight(), false, nil
	case payouts.AtRun:
		s, err = jobs.LocalTime(2, 0)
		return s, false, err
	case payouts.AtDawn:
		s, err = jobs.LocalTime(4, 0)
		return s, true, err
	}
	return nil, false, errors.New("payouts have a work without a known time: " + string(when))
}

// payoutJobs are the works of payouts in each book.
func (p *parts) payoutJobs() (list []jobs.Job, err error) {
	for _, w := range p.payouts.Works() {
		schedule, latest, err := payoutSchedule(w.When)
		if err != nil {
			return nil, err
		}
		j := jobs.Job{Name: w.Name, Schedule: schedule, PerBook: true, Latest: latest, Timeout: payoutTimeout, Run: p.payoutRun(w)}
		if w.When == payouts.EveryMinute || w.When == payouts.Every5Minutes {
			j.Keep = oftenKept
		}
		list = append(list, j)
	}
	hourly, latest, err := payoutSchedule(payouts.Hourly)
	if err != nil {
		return nil, err
	}
	return append(list, jobs.Job{Name: "payout_files", Schedule: hourly, PerBook: true, Latest: latest, Timeout: payoutTimeout, Run: p.makeBankFiles}), nil
}

// payoutRun is one period of a work in a book. A book without a payout policy pays nobody, and needs nobody to look at it.
func (p *parts) payoutRun(w payouts.Work) func(ctx context.Context, period jobs.Period) (jobs.Report, error) {
	return func(ctx context.Context, period jobs.Period) (jobs.Report, error) {
		book, err := p.books.Book(ctx, period.Book.Code)
		if err != nil {
			return jobs.Report{}, err
		}
		r, err := w.Do(ctx, payouts.Turn{Book: book, Start: period.Start, End: period.End, Extra: period.Extra, Check: period.Check,
			Actor: guard.Actor{Kind: guard.System, ID: period.Job}})
		if errors.Is(err, payouts.ErrPolicyMissing) {
			return jobs.Report{Text: "no payout policy holds for the book"}, nil
		}
		return jobs.Report{Text: r.Text, Items: r.Items}, err
	}
}
