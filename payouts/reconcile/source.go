package reconcile

import (
	"encoding/json"
	"time"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// A source is where evidence comes from: one of our accounts at a processor or a bank, or a sales channel.

// Kind is the kind of a source.
type Kind string

// The kinds of sources.
const (
	KindProcessor Kind = "processor"
	KindBank      Kind = "bank"
	KindChannel   Kind = "channel"
)

var (
	// ErrSourceUnknown means that a book has no such source of evidence.
	ErrSourceUnknown = fault.New(fault.NotFound, "evidence-source-unknown", "The book has no such source of evidence. Set it up first, or check its name.")
	// ErrSourceInvalid means that the settings of a source do not hold together.
	ErrSourceInvalid = fault.New(fault.Invalid, "evidence-source-invalid", "These settings of a source cannot be used.")
	// ErrSourceShared means that the entries of a processor are evidence of another book already.
	ErrSourceShared = fault.New(fault.Conflict, "evidence-source-shared",
		"Another book already has the entries of this account at the processor. Give each book an account of its own, or set this source to shared.")
)

// Source is a source in its newest settings.
type Source struct {
	ID   int16
	Kind Kind
	// Name is the segment of the ledger's accounts: main for assets:processor:available:main or assets:bank:operating:main.
	Name     string
	Version  int
	Settings Settings
	// Since is when the settings were recorded.
	Since time.Time
}

// Settings say how a source is read.
type Settings struct {
	// Accounts are the accounts of the ledger that the source's lines are held against. Of a processor they are those of its name
	// and need not be said: pending, available and reserved.
	Accounts []ledger.Address `json:"accounts,omitempty"`
	// Currency is the currency of a bank account; empty for a processor, which may have several.
	Currency money.Currency `json:"currency,omitempty"`
	// Format is the format of a bank's statements: camt.053, csv, bai2 or mt940.
	Format string `json:"format,omitempty"`
	// Identification is the account's number as the bank writes it. A statement of another account is refused. Empty for any.
	Identification string `json:"identification,omitempty"`
	// Profile says how a CSV file is read; see package evidence.
	Profile json.RawMessage `json:"profile,omitempty"`
	// Batches says that the bank books a whole file of payments as one line, which is then known by its batch.
	Batches bool `json:"batches,omitempty"`
	// Shared says that other books have the same account at the processor. Only what moved by payouts of this book is taken then,
	// and nothing says whether it is all.
	Shared bool `json:"shared,omitempty"`
	// Opening is what a processor's account held before the first line that is read, by currency, as decimals: of an account that
	// is older than the book.
	Opening map[money.Currency]string `json:"opening,omitempty"`
}
