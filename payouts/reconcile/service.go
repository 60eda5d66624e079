package reconcile

import (
	"context"
	"log/slog"
	"time"

	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/guard"
	"mizan/ledger/postgres"
	"mizan/payouts"
	"mizan/payouts/processor"
	"mizan/payouts/statements"
)

// Options describe a Service. All but Log, Driver, Share and Wait are needed.
type Options struct {
	Pool    *postgres.Pool
	Ledger  *ledger.Ledger
	Events  *commerce.Service
	Payouts *payouts.Service
	// Statements are those of payees, which R3 holds against the books; nil for none.
	Statements *statements.Service
	Trail      *guard.Trail
	Now        func() time.Time
	// Driver reads the processor account of a name in a book; nil, or a nil answer, if there is none.
	Driver func(book ledger.Book, processor string) processor.Driver
	// Share is the part of its time, in percent from 1 to 100, that a run works while anybody posts; 0 for 20. 100 never waits.
	Share int
	// Wait returns at the instant, or with the context's error. Nil waits by the machine's clock; a moved clock needs its own.
	Wait func(ctx context.Context, until time.Time) error
	// Log is told what a person has to look at; nil for nowhere.
	Log *slog.Logger
}

// Service reconciles all books. It is safe for concurrent use, also from several processes.
type Service struct {
	pool    *postgres.Pool
	ledger  *ledger.Ledger
	events  *commerce.Service
	payouts *payouts.Service
	// statements are those of payees; nil for none.
	statements *statements.Service
	trail      *guard.Trail
	clock      func() time.Time
	driver     func(book ledger.Book, processor string) processor.Driver
	log        *slog.Logger
	// pullLists and roundPulls bound how much one pull and one round read.
	pullLists, roundPulls int
	// overlapAtMost bounds the known lines that a statement is held against.
	overlapAtMost int
	// share is that of the time, in percent, in which a run may read; wait waits for the rest.
	share int
	wait  func(ctx context.Context, until time.Time) error
	// most bounds what a run carries; see mostCarried.
	most int
	// coverageWithin is for how long a checklist adds up the money kept for others.
	coverageWithin time.Duration
	// checklists is held by those who compute one, making by who has a run made, and leaving by each document on its way.
	checklists, making, leaving chan struct{}
}

// New returns the service in the database.
func New(o Options) *Service {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Driver == nil {
		o.Driver = func(ledger.Book, string) processor.Driver { return nil }
	}
	if o.Share < 1 || o.Share > 100 {
		o.Share = defaultShare
	}
	return &Service{pool: o.Pool, ledger: o.Ledger, events: o.Events, payouts: o.Payouts, statements: o.Statements, trail: o.Trail, clock: o.Now, driver: o.Driver, log: o.Log,
		share: o.Share, wait: o.Wait, most: mostCarried, coverageWithin: shipCoverage, checklists: make(chan struct{}, checklistsTogether), making: make(chan struct{}, 1), leaving: make(chan struct{}, mostLeaving), pullLists: pullLists, roundPulls: roundPulls, overlapAtMost: overlapAtMost}
}

// now is the time as the database keeps it.
func (s *Service) now() time.Time { return s.clock().UTC().Truncate(time.Microsecond) }
