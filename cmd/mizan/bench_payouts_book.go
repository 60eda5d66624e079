package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"mizan/ledger"
	"mizan/ledger/money"
)

// A book full of payees for the benchmark of payouts. Each has ten open lines, one of each round over all of them, so that
// a payee's lines lie far apart as they do in life. A round goes in order, because a million accounts touched in a mixed
// one would have the benchmark measure its preparation. Of a hundred payees some can be paid; the others fall to eight
// reasons not to, in turn.

const (
	payeeLines = 10
	// linesOfPosting are the lines of one transaction; the last one is the other side.
	linesOfPosting = 100
	// lateOneIn payees earn once more between the cut-off and the run.
	lateOneIn = 20
	// payeePage is how many payees are registered at once.
	payeePage = 20_000
)

var (
	// payoutRunAt is a Monday at 02:00 in New York, when the run of the shipped policy of the US starts; the cut-off is two
	// hours before.
	payoutRunAt = time.Date(2026, 3, 2, 7, 0, 0, 0, time.UTC)
	payeesEarn  = payoutRunAt.Add(-24 * time.Hour)
	payeesLate  = payoutRunAt.Add(-time.Hour)
)

// payeeBook fills one book.
type payeeBook struct {
	*bench
	code         string
	payees, paid int
	book         ledger.Book
	late         bool
}

// The reasons why somebody is not paid, in turn.
const (
	payeeUnverified = iota
	payeeWithoutDestination
	payeeCooling
	payeePaused
	payeeBelowMinimum
	payeeUnregistered
	payeeAllPending
	payeeDisabled
	payeeReasons
)

// flaw is why the payee is not paid; -1 if it is.
func (f *payeeBook) flaw(i int) int {
	if i%100 < f.paid {
		return -1
	}
	return i % payeeReasons
}

func payeeName(i int) string { return fmt.Sprintf("sel_%07d", i) }

// fill makes the book with its payees and their lines.
func (f *payeeBook) fill(ctx context.Context) (err error) {
	fmt.Fprintf(f.progress, "storing %d payees with %d lines …\n", f.payees, f.payees*payeeLines)
	l := ledger.New(f.pool, ledger.Options{Now: func() time.Time {
		if f.late {
			return payeesLate
		}
		return payeesEarn
	}})
	defer func() { err = errors.Join(err, l.Close(context.WithoutCancel(ctx))) }()
	f.book, _, err = l.CreateBook(ctx, ledger.NewBook{Code: f.code, Name: f.code, Currencies: []money.Currency{"USD"}, TimeZone: "America/New_York", Market: "US"})
	if err != nil {
		return err
	}
	for first := 0; first < f.payees; first += payeePage {
		if err := addPayees(ctx, f.pool, f.book, first, min(first+payeePage, f.payees), f.paid); err != nil {
			return err
		}
	}
	everybody := make([]int, f.payees)
	for i := range everybody {
		everybody[i] = i
	}
	for round := range payeeLines {
		if err := f.post(ctx, l, round, everybody); err != nil {
			return err
		}
	}
	f.late = true
	var some []int
	for i := 0; i < f.payees; i += lateOneIn {
		some = append(some, i)
	}
	return f.post(ctx, l, payeeLines, some)
}

// post posts one line for each of the payees.
func (f *payeeBook) post(ctx context.Context, l *ledger.Ledger, round int, who []int) error {
	rng := rand.New(rand.NewPCG(uint64(round), 8))
	var submissions []ledger.Submission
	for part := range slices.Chunk(who, linesOfPosting-1) {
		lines, sum := make([]ledger.Line, 0, len(part)+1), money.Minor(0)
		for _, i := range part {
			amount, bucket := money.Minor(500+rng.IntN(5000)), "available"
			switch f.flaw(i) {
			case payeeBelowMinimum:
				amount = 3
			case payeeAllPending:
				bucket = "pending"
			}
			sum += amount
			lines = append(lines, ledger.Line{Account: ledger.Address("liabilities:seller:" + bucket + ":" + payeeName(i)), Amount: -amount, Currency: "USD"})
		}
		lines = append(lines, ledger.Line{Account: "assets:processor:available:main", Amount: sum, Currency: "USD"})
		n := len(submissions)
		submissions = append(submissions, ledger.Submission{Reference: fmt.Sprintf("round-%d-%d", round, n),
			Drafts: []ledger.Draft{{Event: "opening.balance", Subject: fmt.Sprintf("order:r%d-%d", round, n), Lines: lines}}})
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	var failed error
	batches := make(chan []ledger.Submission)
	for range 3 {
		wg.Go(func() {
			for batch := range batches {
				for _, out := range l.PostBatch(ctx, f.book, batch) {
					mu.Lock()
					failed = errors.Join(failed, out.Err)
					mu.Unlock()
				}
			}
		})
	}
	for batch := range slices.Chunk(submissions, 40) {
		batches <- batch
	}
	close(batches)
	wg.Wait()
	return failed
}
