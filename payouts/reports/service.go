package reports

import (
	"log/slog"
	"time"

	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/guard"
	"mizan/ledger/postgres"
	"mizan/payouts"
	"mizan/payouts/reconcile"
)

// Options describe a Service. All are needed but the last ones, from Lease on.
type Options struct {
	Pool      *postgres.Pool
	Ledger    *ledger.Ledger
	Events    *commerce.Service
	Payouts   *payouts.Service
	Reconcile *reconcile.Service
	Trail     *guard.Trail
	Now       func() time.Time
	// Lease is how long others leave an export to whoever makes it and does not say a word; two minutes if it is zero. Look is how
	// long an export may take before it is made apart from those that take less; a minute if it is zero. Longest is how long any may take
	// before it has failed; an hour if it is zero, and less than MaxTurn.
	Lease, Look, Longest time.Duration
	// Log is told of exports that cannot be made; nil for nowhere.
	Log *slog.Logger
}

// Service answers reports and keeps exports for all books. It is safe for concurrent use, also from several processes.
type Service struct {
	pool      *postgres.Pool
	ledger    *ledger.Ledger
	events    *commerce.Service
	payouts   *payouts.Service
	reconcile *reconcile.Service
	trail     *guard.Trail
	clock     func() time.Time
	log       *slog.Logger
	lease     time.Duration
	look      time.Duration
	longest   time.Duration
}

// New returns the service in the database.
func New(o Options) *Service {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Lease <= 0 {
		o.Lease = defaultLease
	}
	if o.Look <= 0 {
		o.Look = defaultLook
	}
	if o.Longest <= 0 {
		o.Longest = defaultLongest
	}
	return &Service{lease: o.Lease, look: o.Look, longest: o.Longest, pool: o.Pool, ledger: o.Ledger, events: o.Events, payouts: o.Payouts, reconcile: o.Reconcile, trail: o.Trail, clock: o.Now, log: o.Log}
}

// now is the time as the database keeps it.
func (s *Service) now() time.Time { return s.clock().UTC().Truncate(time.Microsecond) }

func guardBook(b ledger.Book) guard.Book { return guard.Book{ID: int32(b.ID), Code: b.Code} }
