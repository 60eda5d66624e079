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

// Options describe a Service. All but Log are needed.
type Options struct {
	Pool      *postgres.Pool
	Ledger    *ledger.Ledger
	Events    *commerce.Service
	Payouts   *payouts.Service
	Reconcile *reconcile.Service
	Trail     *guard.Trail
	Now       func() time.Time
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
}

// New returns the service in the database.
func New(o Options) *Service {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Service{pool: o.Pool, ledger: o.Ledger, events: o.Events, payouts: o.Payouts, reconcile: o.Reconcile, trail: o.Trail, clock: o.Now, log: o.Log}
}

// now is the time as the database keeps it.
func (s *Service) now() time.Time { return s.clock().UTC().Truncate(time.Microsecond) }

func guardBook(b ledger.Book) guard.Book { return guard.Book{ID: int32(b.ID), Code: b.Code} }
