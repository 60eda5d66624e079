package reconcile

import (
	"time"

	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// A run compares one source with the ledger up to a cut-off.

var (
	// ErrRunUnknown means that a book has no such run.
	ErrRunUnknown = fault.New(fault.NotFound, "recon-run-unknown", "The book has no such reconciliation run. Check its id.")
	// ErrRunOvertaken means that another run of the same source ended first.
	ErrRunOvertaken = fault.New(fault.Conflict, "recon-run-overtaken", "Another run of the same match ended while this one went on. Look at that one, or run again.")
	// ErrRunLarge means that more is open than one run can carry.
	ErrRunLarge = fault.New(fault.Conflict, "recon-run-large", "More lines match nothing than one run can carry. Bring the missing evidence first, or check that the source is that of these accounts.")
	// ErrRunUneven means that the sums of a run do not tie, which is a defect of this service or of the database.
	ErrRunUneven = fault.New(fault.Internal, "recon-run-uneven", "The sums of the run do not tie. Nothing was recorded. Keep the log and report it.")
)

// Run is a run that was recorded.
type Run struct {
	ID                       string
	Match                    Match
	Source                   int16
	SourceName               string
	Number                   int64
	CutOff                   time.Time
	FromLine, ToLine         int64
	FromSequence, ToSequence int64
	Rules, Settings          int
	// Inputs and Summary are canonical JSON; Digest is over both and over all findings and open items.
	Inputs, Summary []byte
	Digest          []byte
	Matched         int64
	OpenItems       int64
	Found           int64
	Trigger         string
	StartedBy       string
	RecordedAt      time.Time
	Took            time.Duration
}

// Sums are one currency of a run's summary: what each side opened with, what moved by category, what it closed with. Opening and
// the movements are the closing, on each side; and the difference of the closings is what is open.
type Sums struct {
	Currency   money.Currency `json:"currency"`
	Opening    Sides          `json:"opening"`
	Categories []CategorySums `json:"categories"`
	Closing    Sides          `json:"closing"`
	// Open is the sum of the open items: of the source less of the ledger.
	Open Amount `json:"open"`
}

// CategorySums is one kind of movement.
type CategorySums struct {
	Category string `json:"category"`
	Count    int64  `json:"count"`
	Sides    Sides  `json:"sides"`
}

// Sides are an amount as the source and as the ledger has it.
type Sides struct {
	Source Amount `json:"source"`
	Ledger Amount `json:"ledger"`
}

// Amount is an exact decimal string at the currency's scale.
type Amount string
