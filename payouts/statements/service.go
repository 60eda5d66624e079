package statements

import (
	"time"

	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/postgres"
	"mizan/payouts"
)

// Options describe a Service. All are needed but for Payouts.
type Options struct {
	Pool   *postgres.Pool
	Ledger *ledger.Ledger
	Events *commerce.Service
	// Payouts are where holds, payouts and decisions are read; without them none is told below a statement, and none has one.
	Payouts *payouts.Service
	Now     func() time.Time
}

// Service tells and issues statements for all books. It is safe for concurrent use, also from several processes.
type Service struct {
	pool    *postgres.Pool
	ledger  *ledger.Ledger
	events  *commerce.Service
	payouts *payouts.Service
	clock   func() time.Time
	turns   turns
}

// New returns the service in the database.
func New(o Options) *Service {
	return &Service{pool: o.Pool, ledger: o.Ledger, events: o.Events, payouts: o.Payouts, clock: o.Now, turns: turns{leaving: map[string]bool{}}}
}

// now is the time as the database keeps it.
func (s *Service) now() time.Time { return s.clock().UTC().Truncate(time.Microsecond) }
