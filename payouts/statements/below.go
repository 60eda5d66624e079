package statements

import (
	"context"
	"time"

	"mizan/ledger/fault"
	"mizan/ledger/money"
	"mizan/payouts"
)

// What stands below the line of a statement: why money of the payee stays back and until when, which payouts were on their way and
// whether they arrived, and what the next payout is expected to pay. It is told beside a statement and is no part of its data form: when
// a payment arrives, and what the next payout pays, is known only later, and an issued statement must be made again byte for byte.

// Below is what stands below the line. Holds and payouts are those of the statement's end; the next payout is that of now.
type Below struct {
	// At is the end of the statement, or now if it reaches that far.
	At time.Time
	// Held are the reasons for which money of the payee stays back: reserves and disputes by order, the newest first, then what is blocked,
	// deposited or in trust as one each, and last pauses, which keep no amount. Together with Others they come to what the buckets of the
	// statement close with.
	Held []Held
	// Others is what the reserves and disputes that are not listed keep, by their bucket; those that keep nothing more are left out.
	Others []Balance
	// Payouts are those that were made in the statement, or that moved in it, the latest first.
	Payouts []PaidOut
	// MorePayouts says that there are others: a statement lists up to 100.
	MorePayouts bool
	// Next is what the next payout is expected to pay; nil where the statement does not reach the present, where nobody is paid by runs,
	// such as charities, and where the book has no policy.
	Next *payouts.Expected
}

// Why money stays back. The words stand in files and are never given another meaning.
const (
	HeldReserve           = "reserve"            // a part of a sale, in case it comes back
	HeldDispute           = "dispute"            // the buyer's bank asks for the money
	HeldBlocked           = "blocked"            // a hold blocks it; Categories say why
	HeldPause             = "pause"              // a hold stops payouts and keeps no amount; Categories say why
	HeldDeposit           = "deposit"            // the seller's deposit
	HeldCommissionDeposit = "commission_deposit" // commission, until the creators' tier is known
	HeldTrust             = "minor_trust"        // set aside for a minor
)

// What held money waits for.
const (
	WaitsForDay     = "day"      // Until
	WaitsForDispute = "dispute"  // the end of the dispute
	WaitsForPerson  = "person"   // somebody releases the hold
	WaitsForTier    = "tier"     // the month's tier is known
	WaitsForShop    = "shop"     // the shop is closed, or the deposit is agreed anew
	WaitsForAdult   = "majority" // the minor comes of age, or what the law sets aside it for
)

// Held is one reason for which money stays back.
type Held struct {
	// Reason is one of the Held words, WaitsFor one of those of what it waits for.
	Reason, WaitsFor string
	// Bucket is where the money is, empty of a pause; Amount how much of it, 0 of a pause.
	Bucket Bucket
	Amount money.Minor
	// Order is the order that it is of; empty where it is of none.
	Order string
	// Since is when it was kept first, as the book learned of it; zero where it came bit by bit.
	Since time.Time
	// Until is when it becomes available; zero where nobody knows.
	Until time.Time
	// Categories are those of the holds: kyc, sanctions, legal, fraud or review. What a hold is about in the papers of others is told to nobody.
	Categories []string
}

// PaidOut is a payout as its payee may see it.
type PaidOut struct {
	ID string
	// Amount is what arrives, Fee what was kept for it with its tax; their sum left the payee's money.
	Amount, Fee money.Minor
	Method      string
	// State is its state at the statement's end, StateNow the one of now: one of those of payouts, or Returned.
	State, StateNow string
	CreatedAt       time.Time
	// ExpectedAt is when it should arrive, ArrivedAt when it did; zero while that is not known.
	ExpectedAt, ArrivedAt time.Time
	// ReturnedAt is when it came back after it had arrived.
	ReturnedAt time.Time
	// Trace is what the banks know the payment by, Reference what the processor calls it; empty until they say.
	Trace, Reference string
	// RetryOf is the payout that it pays again.
	RetryOf string
}

// Returned is what payees are told of a payout that came back after it had arrived.
const Returned = "returned"

// Below returns what stands below the line of a statement. It reads a bounded piece of the books, however long the statement is.
func (s *Service) Below(ctx context.Context, st *Statement) (*Below, error) {
	b := &Below{At: s.now()}
	if s.payouts == nil {
		return b, nil
	}
	kind, err := s.kindOf(ctx, st)
	if err != nil {
		return nil, err
	}
	holder := payouts.Holder{PayeeKey: payouts.PayeeKey{Kind: kind, ID: st.Payee}, Currency: st.Currency}
	b.Next, err = s.payouts.Expect(ctx, st.book, holder)
	return b, err
}

// kindOf is what the payee is: what it is registered as, and if it is not, what its first account says.
func (s *Service) kindOf(ctx context.Context, st *Statement) (string, error) {
	registered, err := s.events.Payee(ctx, st.book, st.Payee)
	if err == nil {
		return registered.Kind, nil
	}
	if fault.KindOf(err) != fault.NotFound {
		return "", err
	}
	for _, a := range st.Accounts {
		if kind := kindOf(a.Account); kind != "" {
			return kind, nil
		}
	}
	return payouts.KindCharity, nil
}
