package reconcile

import (
	"time"

	"mizan/ledger"
	"mizan/ledger/money"
)

// What is held against what.

// Match is one of the four comparisons.
type Match int16

// The matches (domain 7).
const (
	// R1 holds a processor's lines against the entries of its accounts.
	R1 Match = 1
	// R2 holds bank statements against the entries of bank accounts, and against money that is on its way there.
	R2 Match = 2
	// R3 holds the accounts of owners against the control totals, payouts against what is in transit, and suspense against breaks.
	R3 Match = 3
	// R4 holds settlements of channels against what was accrued for them.
	R4 Match = 4
)

// Class says what kind of difference a break is.
type Class string

// The classes (domain 7 and stripe 6).
const (
	// MissingInLedger: the other side has a line that the books do not have.
	MissingInLedger Class = "missing_in_ledger"
	// MissingAtProcessor: the books have an entry that the processor, the bank or the channel does not show, and its time is over.
	MissingAtProcessor Class = "missing_at_processor"
	MissingAtBank      Class = "missing_at_bank"
	// AmountDiffers: the same thing with another amount.
	AmountDiffers Class = "amount_differs"
	// FeeDiffers: the gross agrees, the fee does not.
	FeeDiffers Class = "fee_differs"
	// CurrencyDiffers: the same thing in another currency.
	CurrencyDiffers Class = "currency_differs"
	// FxDiffers: a converted amount differs by no more than the rounding of the rate allows.
	FxDiffers Class = "fx_differs"
	// SignDiffers: the same amount the other way.
	SignDiffers Class = "sign_differs"
	// Duplicate: one side has it once and the other more often.
	Duplicate Class = "duplicate"
	// Timing: one side has it, and the other is expected to within its time.
	Timing Class = "timing"
	// PeriodCut: both have it, in different months.
	PeriodCut Class = "period_cut"
	// Split: one line on the one side is several on the other; Merged the other way around. Suggested, and made by a person.
	Split  Class = "split"
	Merged Class = "merged"
	// Ambiguous: several could be it, and nothing tells them apart.
	Ambiguous Class = "ambiguous"
	// UnknownReceipt: money came to a bank account and nobody knows what for.
	UnknownReceipt Class = "unknown_receipt"
	// StaleInTransit: a payout that left more than its banking days ago is not confirmed.
	StaleInTransit Class = "stale_in_transit"
	// PayoutReturned: a payout came back.
	PayoutReturned Class = "payout_returned"
	// PayoutLinesDiffer: the lines that a payout of a processor consists of do not come to what it paid out.
	PayoutLinesDiffer Class = "payout_lines_differ"
	// MatchNotFunded: a donation match that nobody has paid in.
	MatchNotFunded Class = "match_not_funded"
	// Unclassified: the processor uses a word that nobody here knows.
	Unclassified Class = "unclassified"
	// EvidenceChanged: a source said something else later of a line that was known.
	EvidenceChanged Class = "evidence_changed"
	// EvidenceIncomplete: a source's lines do not come to its balance, or a statement is missing between two others.
	EvidenceIncomplete Class = "evidence_incomplete"
	// BalanceDiffers: a balance of the ledger is not what it must be.
	BalanceDiffers Class = "balance_differs"
	// UnknownField: a settlement has an amount under a name that nobody here knows.
	UnknownField Class = "unknown_field"
)

// External is a line of a source.
type External struct {
	Number   int64
	ID       string
	Key      string
	Currency money.Currency
	// Gross less Fee is Net, which is what the balance moved by.
	Gross, Fee, Net money.Minor
	Category, Type  string
	// SourceRef is what moved the money at the processor (ch_…, re_…, po_…), or what a bank's line names end to end.
	SourceRef, Batch, Trace, Note, Rate string
	MovedAt                             time.Time
}

// Debits and Credits are a line's two directions, each zero or above: a charge is its gross in and its fee out.
func (x External) Debits() money.Minor { return max(x.Gross, 0) + max(-x.Fee, 0) }

// Credits is what went out.
func (x External) Credits() money.Minor { return max(-x.Gross, 0) + max(x.Fee, 0) }

// Entry is an entry of the ledger on an account of a source.
type Entry struct {
	Sequence int64
	Line     int
	Key      string
	Account  ledger.Address
	Currency money.Currency
	// Amount is debit positive: money that came in.
	Amount money.Minor
	// ExternalRef is what the entry names, or empty.
	ExternalRef string
	Event       string
	Subject     string
	Reference   string
	OccurredAt  time.Time
	Period      ledger.Period
	Original    ledger.Period
	// Reverses is the sequence of the transaction that this one mirrors, 0 if none; Reversed the one that mirrors it.
	Reverses, Reversed int64
}

// Group is all that is open under one key and currency on both sides.
type Group struct {
	Key      string
	Currency money.Currency
	External []External
	Entries  []Entry
	// Before are lines and entries of the same key that matched in earlier runs, by which a second copy is known.
	ExternalBefore []External
	EntriesBefore  []Entry
}

// Finding is one difference. Its identity is the same in every run that finds it again.
type Finding struct {
	Class    Class
	Identity string
	Currency money.Currency
	// Amount is what the other side says less what the ledger says.
	Amount money.Minor
	// Left names the line of the source, Right the transaction; either may be empty.
	Left, Right string
	HappenedAt  time.Time
	// Original is the period of the sale that a late refund is of, or none.
	Original ledger.Period
	// ExpectedBy is when it stops being a matter of time; zero if it is none.
	ExpectedBy time.Time
	// External and Entries are the members it is about.
	External []int64
	Entries  []EntryID
	// Detail says in one sentence for a finance person what was found.
	Detail string
	// Suspend says that what the line moved belongs into suspense until somebody knows what it was.
	Suspend bool
	// TrueUp says that the fee may be corrected by itself.
	TrueUp bool
}

// EntryID is an entry's place in the book.
type EntryID struct {
	Sequence int64 `json:"sequence"`
	Line     int   `json:"line"`
}

// Pairing is members that belong together though no key says so.
type Pairing struct {
	// Kind is one_to_one, one_to_many (one line of the source, several entries) or many_to_one.
	Kind string
	// Basis is amount or sum; person for what a person put together.
	Basis string
	// Certain says that nothing else was possible, so that it is made; otherwise it is suggested.
	Certain  bool
	Identity string
	External []int64
	Entries  []EntryID
	Currency money.Currency
	Amount   money.Minor
}
