package payouts

import (
	"errors"
	"time"

	"mizan/ledger/commerce"
	"mizan/ledger/guard"
	"mizan/ledger/money"
	"mizan/payouts/processor"
)

// A carried payout is one that this process holds: it has claimed the row for a while, and no other process writes to it.

// carried is the payout with what carrying it needs beside it.
type carried struct {
	Payout
	// FeeTaxIn is where the tax on the fee is owed.
	FeeTaxIn string
	// LookAt is when it is looked at next; zero for never, or at once while it is new.
	LookAt time.Time
	// fence counts the claims; seen is the row's look_at when it was last read or written, so that somebody who asks for an
	// earlier look meanwhile is heard.
	fence int64
	seen  *time.Time
	// costBack is what the processor gave back of its cost for a payout that failed, if it did.
	costBack *processor.Entry
	// feeBack says that our fee is given back for a payout that the bank returned.
	feeBack bool
}

// errMoved means that somebody else has the payout, or that it is in another state by now. What was about to be written is
// not written; whoever has it goes on.
var errMoved = errors.New("payouts: the payout is somebody else's by now")

// errKept means that nothing may be sent to the payee any more, since something came between the decision and the sending.
// The payout stays as it is until that is over, or until somebody cancels it.
var errKept = errors.New("payouts: the payee may not be paid now")

const (
	// leaseFor is how long a claim lasts without a sign of life; each transaction renews it. It is longer than any request to a
	// processor may take.
	leaseFor = 10 * time.Minute
	// relyFor is how much of it is relied on: a payout is carried no longer than that, so that nothing is sent when somebody
	// else may have it.
	relyFor = 7 * time.Minute
)

// left is what of the amount has not been pulled back.
func (p *Payout) left() money.Minor { return p.Amount - p.PulledBack }

// ordered reports whether we order the payout from the connected account, instead of the processor paying by itself.
func (p *Payout) ordered() bool { return p.Mode == "manual" || p.Method == "instant" }

// terms are what its next event carries: of a payout that was pulled back in part, what is left.
func (c *carried) terms() commerce.PayoutTerms {
	t := c.Payout.terms()
	t.Amount = c.left().Format(c.Holder.Currency)
	if c.FeeTax != 0 {
		t.FeeTaxIn = c.FeeTaxIn
	}
	return t
}

// actor is who asked for the work: the system, where nobody did.
func (t Turn) actor() guard.Actor {
	if t.Actor.Kind == "" {
		return guard.Actor{Kind: guard.System, ID: "payouts"}
	}
	return t.Actor
}

// word60 is a code as it fits where codes are kept.
func word60(code string) string {
	if len(code) > 60 {
		return code[:60]
	}
	return code
}

// provisionalUntil is when a payout that was paid is final: banks send money back within five business days.
func provisionalUntil(paid time.Time) time.Time {
	at := paid.UTC()
	for days := 0; days < provisionalDays; {
		at = at.AddDate(0, 0, 1)
		if at.Weekday() != time.Saturday && at.Weekday() != time.Sunday {
			days++
		}
	}
	return at
}

const provisionalDays = 5
