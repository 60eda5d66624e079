package payouts

import (
	"context"
	"crypto/rand"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/guard"
	"mizan/ledger/money"
	"mizan/ledger/postgres"
	"mizan/ledger/vault"
	"mizan/payouts/processor"
)

// A service keeps payees' standings, plans runs, and carries payouts to the rails.

// Rail is a way for money to leave: a processor with its driver.
type Rail struct {
	// Name is the rail's own, one of the Rail words of policies; destinations name it.
	Name string
	// Processor is the segment of the ledger's accounts of this processor, such as main.
	Processor string
	// Driver carries orders out; nil for a rail that only destinations know.
	Driver processor.Driver
	// Of returns the driver of one book, for a rail on which each book pays from an account of its own; nil for all others.
	Of func(book ledger.Book) processor.Driver
	// Bank is the own bank account that this rail pays from, a segment of the ledger's accounts such as main; empty for a
	// processor that pays from our balance there.
	Bank string
	// Own is the platform's own account at the processor, to which no payee is paid; empty if it is not known.
	Own string
	// PerSecond is how many requests a second the processor takes from all of us together.
	PerSecond int
}

// Options describe a Service. Pool, Ledger, Events, Trail and Now are needed.
type Options struct {
	Pool   *postgres.Pool
	Ledger *ledger.Ledger
	Events *commerce.Service
	Trail  *guard.Trail
	// Vault keeps bank data and names; nil in tests that need none.
	Vault *vault.Vault
	// Now is the clock.
	Now func() time.Time
	// Rails are the ways out.
	Rails []Rail
	// Wait returns at the instant, or with the context's error. Nil waits by the machine's clock; a moved clock needs its own.
	Wait func(ctx context.Context, until time.Time) error
	// Log takes what people should look at; nil for nowhere.
	Log *slog.Logger
}

// Service is safe for concurrent use, in one process or many.
type Service struct {
	pool   *postgres.Pool
	ledger *ledger.Ledger
	events *commerce.Service
	trail  *guard.Trail
	vault  *vault.Vault
	now    func() time.Time
	rails  map[string]Rail
	wait   func(ctx context.Context, until time.Time) error
	log    *slog.Logger
	// holder names this process in leases.
	holder string
	// noticed is up to where each book has read notices, within this process.
	noticed sync.Map
}

// New returns a service.
func New(o Options) *Service {
	s := &Service{pool: o.Pool, ledger: o.Ledger, events: o.Events, trail: o.Trail, vault: o.Vault, wait: o.Wait, log: o.Log, rails: map[string]Rail{}, holder: newID("p")}
	s.now = func() time.Time { return o.Now().UTC().Truncate(time.Microsecond) }
	for _, r := range o.Rails {
		s.rails[r.Name] = r
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.wait == nil {
		s.wait = waitUntil
	}
	return s
}

// rail returns the rail as the book uses it; its driver is nil if nothing can be paid by it.
func (s *Service) rail(book ledger.Book, name string) Rail {
	r := s.rails[name]
	if r.Of != nil {
		r.Driver = r.Of(book)
	}
	return r
}

// ProcessorOf is the segment of the ledger's accounts under which what leaves by a rail is in transit; the rail's own name if there is
// no such rail.
func (s *Service) ProcessorOf(name string) string {
	if r := s.rails[name]; r.Processor != "" {
		return r.Processor
	}
	return name
}

// waitUntil waits by the machine's clock.
func waitUntil(ctx context.Context, until time.Time) error {
	span, stop := context.WithDeadline(ctx, until)
	defer stop()
	<-span.Done()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// newID draws an id that nobody can guess, such as po_ and 16 letters and digits.
func newID(prefix string) string {
	return prefix + "_" + strings.ToLower(rand.Text()[:16])
}

// idsEnd is above every id.
const idsEnd = "~"

// idRanges parts the ids with a prefix into up to 1,024 ranges with about as many each: newID draws every letter alike. The last ends
// above all ids.
func idRanges(prefix string, n int) (since, until []string) {
	const letters = "234567abcdefghijklmnopqrstuvwxyz"
	for i := range n {
		at := i * len(letters) * len(letters) / n
		since = append(since, prefix+"_"+letters[at/len(letters):][:1]+letters[at%len(letters):][:1])
	}
	since[0] = ""
	return since, append(slices.Clone(since[1:]), idsEnd)
}

// PayeeKey names a payee as the ledger's accounts do.
type PayeeKey struct {
	// Kind is seller, creator, agency or partner.
	Kind string
	ID   string
}

// Holder is a payee with one of its currencies: what a decision is about.
type Holder struct {
	PayeeKey
	Currency money.Currency
}

// available is the account from which the holder is paid.
func (h Holder) available() ledger.Address { return h.bucket("available") }

func (h Holder) bucket(bucket string) ledger.Address {
	return ledger.Address("liabilities:" + h.Kind + ":" + bucket + ":" + h.ID)
}

// Report is what a turn came to, in one line without personal data, and how many things were dealt with.
type Report struct {
	Text  string
	Items int64
}

// guardBook is the book as the trail and the approvals name it.
func guardBook(b ledger.Book) guard.Book { return guard.Book{ID: int32(b.ID), Code: b.Code} }
