package payouts

import (
	"time"

	"mizan/ledger/money"
)

// A payout is money of one payee in one currency on its way out.

// The states of a payout. They move forward only.
const (
	Created   = "created"    // the money is set apart; nothing was sent
	Sending   = "sending"    // it is being sent
	Unknown   = "unknown"    // it was sent, and whether it was taken is not known
	Refused   = "refused"    // the rail definitely did not take it; it can be sent again, or be cancelled
	Submitted = "submitted"  // the rail has taken it
	AtAccount = "at_account" // it is at the processor in the payee's name, and the way to the bank failed
	Paid      = "paid"       // it arrived; if it comes back later, ReturnedAt says so
	Failed    = "failed"     // it came back before it arrived
	Cancelled = "cancelled"  // it was never sent
)

// Payout is one as it stands. Amounts are in minor units.
type Payout struct {
	ID, Run  string
	Part     int
	Holder   Holder
	Receiver string
	// Source is the bucket that the money left, one of commerce's Source words.
	Source string
	// Amount is what arrives, Fee what we keep for it; their sum left the payee's account. FeeTax is the part of the fee that is
	// tax on it.
	Amount, Fee, FeeTax money.Minor
	Method              string
	State               string
	// Account and Number say which account of the ledger, and the how manieth payout of it; CreatedSequence is the transaction
	// that took the money.
	Account         int32
	Number          int
	CreatedSequence int64
	// ConsumedFrom and ConsumedThrough count the account's credits from its beginning: what the payouts before had used up,
	// and what this one leaves used up. LeftAfter is what stayed available.
	ConsumedFrom, ConsumedThrough, LeftAfter money.Minor
	Destination, Rail, RailAccount, Mode     string
	// NeedsPerson says that a second person has to agree before it is sent; ReleasedAt when that was.
	NeedsPerson bool
	ReleasedAt  time.Time
	RetryOf     string
	Retries     int
	// Code is why it was refused, failed or returned, as the rail says.
	Code                                       string
	Transfer, TransferEntry, Arrived, Outgoing string
	Trace                                      string
	ExpectedOn                                 time.Time
	PulledBack                                 money.Minor
	CreatedAt, ChangedAt                       time.Time
	SubmittedAt, PaidAt, ReturnedAt, EndedAt   time.Time
}

// Line is one line of a payout: an entry of the payee's account, in full or in part.
type Line struct {
	// Sequence and EntryLine name the entry; Event, Subject and OccurredAt are its transaction's.
	Sequence   int64
	EntryLine  int
	Event      string
	Subject    string
	OccurredAt time.Time
	// Entry is the whole entry, a credit of the payee positive; Amount what of it this payout pays or sets off.
	Entry, Amount money.Minor
	// Settles is the payout whose money came back with this line, or empty.
	Settles string
}

// Step is one thing that happened to a payout.
type Step struct {
	Number   int
	State    string
	At       time.Time
	Code     string
	Evidence string
	// Sequence is the transaction that it posted, 0 for none.
	Sequence int64
	Actor    string
}
