package receipts

import (
	"context"
	"time"

	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/postgres"
)

// Options describe a Service. All but Keep are needed.
type Options struct {
	Pool   *postgres.Pool
	Ledger *ledger.Ledger
	Events *commerce.Service
	Now    func() time.Time
	// Keep is how long what was read is shown again without another look at the books; zero does not keep it.
	Keep time.Duration
}

// Service keeps receipts and shows what is public, for all books. It is safe for concurrent use, also from several
// processes.
type Service struct {
	pool   *postgres.Pool
	ledger *ledger.Ledger
	events *commerce.Service
	clock  func() time.Time
	// looking holds a place for each look at the books on behalf of the public.
	looking   chan struct{}
	receipts  *shelf[*PublicReceipt]
	campaigns *shelf[*PublicCampaign]
}

// lookers are how many of the public are served at the same time: strangers never take more of the database than that.
const lookers = 8

// patience is how long one of the public waits for a place.
const patience = 2 * time.Second

// New returns the service in the database.
func New(o Options) *Service {
	return &Service{pool: o.Pool, ledger: o.Ledger, events: o.Events, clock: o.Now, looking: make(chan struct{}, lookers),
		receipts: newShelf[*PublicReceipt](o.Keep), campaigns: newShelf[*PublicCampaign](o.Keep)}
}

// now is the time as the database keeps it.
func (s *Service) now() time.Time { return s.clock().UTC().Truncate(time.Microsecond) }

// enter waits for a place to look from, and returns how to leave it, or ErrBusy.
func (s *Service) enter(ctx context.Context) (leave func(), err error) {
	waiting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	select {
	case s.looking <- struct{}{}:
		return func() { <-s.looking }, nil
	case <-waiting.Done():
		if err := ctx.Err(); err != nil { // it went away itself
			return nil, err
		}
		return nil, ErrBusy
	}
}
