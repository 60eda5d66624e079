package ledger

import (
	"strconv"
	"strings"
	"time"

	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// A transaction is one balanced set of entries about one subject, recorded at one place in its book's order, for ever.
// A draft is a transaction that is not recorded yet; a submission is a reference and the drafts it records together.

// Bounds of what one request may carry.
const (
	// MaxLines bounds the lines of one transaction.
	MaxLines = 500
	// MaxBatch bounds the submissions of one batch.
	MaxBatch = 1000
	// MaxDrafts bounds the transactions one submission (one event) records: up to 100 of what happened, and what they tell of
	// other stories.
	MaxDrafts = 250
	// MaxReferenceBytes bounds a reference.
	MaxReferenceBytes = 255
)

// Line is one line of a draft: an amount on one account. The direction is the sign.
type Line struct {
	Account Address
	// Amount is in minor units of Currency, a debit positive and a credit negative; never zero.
	Amount   money.Minor
	Currency money.Currency
	// ExternalRef is the processor's or bank's own id of the line, where there is one.
	ExternalRef string
}

// Authority says on whose word a draft is posted, and with that which floors hold (design section 2).
type Authority uint8

const (
	// ByChart obeys the chart's floor classes: accounts of class decision never fall below zero, the others only alarm.
	// Facts from outside and raw transactions post under it.
	ByChart Authority = iota
	// ByDecision is for what Mizan itself decides: payee accounts must stay at zero or above as well.
	ByDecision
)

// Expectation is the last sequence of a subject that a draft was computed from; 0 means that the subject had none. If
// the subject has moved on, the draft is refused with ErrStale and its author computes it again.
type Expectation struct {
	Subject      string
	LastSequence int64
}

// Draft is a transaction before it is recorded.
type Draft struct {
	// Event is the business name of what happened, such as "order.captured".
	Event string
	// OccurredAt is when it happened in the world; zero means when it is recorded.
	OccurredAt time.Time
	// Subject is the business thing the transaction is about, as kind:id ("order:UK-1"); empty for none.
	Subject     string
	LiveSession string
	// Channel is where the sale was made: app, web, embed:<partner>, simulcast:<brand>, shopify, import.
	Channel  string
	Campaign string
	Memo     string
	Metadata map[string]string
	Lines    []Line
	// Explanation is the compact record of the rules and inputs behind the amounts; nil for none.
	Explanation []byte
	// OriginalPeriod is the period of the original order or of the corrected transaction, 0 for none (errata W-17).
	OriginalPeriod Period
	// Reverses is the sequence this draft reverses, Reposts the one it posts again; 0 for none.
	Reverses, Reposts int64
	Authority         Authority
	Expect            []Expectation
}

// Submission is what one reference records: one transaction, or the several of one event, together or not at all.
type Submission struct {
	// Reference is the caller's own name for this submission: one namespace per book, for ever.
	Reference string
	// Hash identifies the content; the same reference with another hash is refused. Zero means that the ledger computes
	// it from the drafts.
	Hash   [32]byte
	Drafts []Draft
}

// Entry is a recorded line.
type Entry struct {
	Line int
	// Account and Currency name the account; Normal is the side on which its balance is shown positive.
	Account  Address
	Currency money.Currency
	Normal   Side
	// Amount is signed, a debit positive.
	Amount money.Minor
	// Version counts the account's entries: 1, 2, 3 … without gaps.
	Version int64
	// BalanceAfter is the account's balance after this entry, debit positive.
	BalanceAfter money.Minor
	// DebitsAfter is the sum of the account's debits up to and including this entry.
	DebitsAfter int64
	ExternalRef string
}

// Direction returns the side of the entry.
func (e Entry) Direction() Side {
	if e.Amount < 0 {
		return Credit
	}
	return Debit
}

// Transaction is a recorded transaction.
type Transaction struct {
	Book      string
	Sequence  int64
	Reference string
	Event     string
	// OccurredAt is when it happened, RecordedAt when the book learned of it; both in UTC to the microsecond.
	OccurredAt, RecordedAt time.Time
	// Period is the accounting period it counts in, Effective the one in which it happened, Original the one of the
	// original order or corrected transaction (0 for none).
	Period, Effective, Original Period
	Subject                     string
	LiveSession                 string
	Channel                     string
	Campaign                    string
	Memo                        string
	Metadata                    map[string]string
	Reverses, Reposts           int64
	Explanation                 []byte
	// ContentHash is the SHA-256 leaf hash of the canonical bytes (package audit).
	ContentHash [32]byte
	Entries     []Entry
}

// ID is the transaction's public id: the book's code and the sequence, as in "uk-42".
func (t Transaction) ID() string { return TransactionID(t.Book, t.Sequence) }

// TransactionID builds the public id of a sequence of a book.
func TransactionID(book string, sequence int64) string {
	return book + "-" + strconv.FormatInt(sequence, 10)
}

// ParseTransactionID reads an id of the given book and returns its sequence, or ErrTransactionUnknown.
func ParseTransactionID(book, id string) (int64, error) {
	digits, ok := strings.CutPrefix(id, book+"-")
	if !ok || digits == "" || len(digits) > 18 || digits[0] == '0' || strings.Trim(digits, "0123456789") != "" {
		return 0, ErrTransactionUnknown
	}
	return strconv.ParseInt(digits, 10, 64)
}

// Outcome is what became of one submission. Exactly one of Transactions and Err is set.
type Outcome struct {
	Transactions []Transaction
	// Replayed says that the reference had been recorded before with the same content; nothing was posted now.
	Replayed bool
	Err      error
}

var (
	// ErrInvalid means that fields of the submission break a rule; the fields name which.
	ErrInvalid = fault.New(fault.Invalid, "validation-failed", "The request has fields that cannot be posted. Correct the fields named; nothing was posted.")
	// ErrUnbalanced means that debits and credits differ in a currency.
	ErrUnbalanced = fault.New(fault.Invalid, "unbalanced",
		"Debits and credits differ. Correct the lines so that each currency sums to zero; nothing was posted.")
	// ErrReferenceReused means that the reference is taken by other content.
	ErrReferenceReused = fault.New(fault.Conflict, "reference-reused",
		"This reference was used before with other content. Look up what it recorded; use a new reference for a new posting.")
	// ErrFloor means that a decision account would fall below zero.
	ErrFloor = fault.New(fault.Invalid, "insufficient-funds", "The account does not hold enough. Nothing was posted.")
	// ErrStale means that the subject moved on while the draft was computed.
	ErrStale = fault.New(fault.Conflict, "subject-changed", "The order or case changed at the same moment. Send the request again.")
	// ErrTransactionUnknown means that the book has no such transaction.
	ErrTransactionUnknown = fault.New(fault.NotFound, "transaction-unknown", "The book has no such transaction. Check the id or the reference.")
	// ErrAccountClosed means that an account takes no more postings.
	ErrAccountClosed = fault.New(fault.Conflict, "account-closed", "The account is closed and takes no postings. Post to another account, or reopen it.")
	// ErrBalanceOverflow means that an account's turnover would pass what can be stored.
	ErrBalanceOverflow = fault.New(fault.Invalid, "balance-overflow", "The account's turnover would pass the largest amount that can be kept. Nothing was posted.")
	// ErrGroupRefused means that another item of the same atomic group was refused.
	ErrGroupRefused = fault.New(fault.Invalid, "group-refused", "Another item of this all-or-nothing batch was refused, so nothing was posted.")
)
