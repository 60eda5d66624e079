package payouts

import (
	"context"
	"errors"
	"slices"
	"time"

	"mizan/ledger/commerce"
	"mizan/payouts/processor"
)

// Sending takes a payout from our balance at the processor to the payee's account there.

const (
	// fundsAgain is when a payout is tried again that our balance could not pay: sooner first, later afterwards.
	fundsAgain      = 15 * time.Minute
	fundsAgainAtMax = 6 * time.Hour
)

// destinationFaults are the codes of a refusal that lies at the payee's account: nothing is sent there until it is mended.
var destinationFaults = []string{"insufficient_capabilities_for_transfer", "transfers_not_allowed", "payouts_not_allowed", "account_invalid",
	"account_closed", "resource_missing", "payouts_limit_exceeded"}

// destinationCode is the code under which a destination is disabled. What the account's state shows is noted as that, so that
// reading the account again mends it.
func destinationCode(code string) string {
	switch code {
	case "insufficient_capabilities_for_transfer", "transfers_not_allowed":
		return CodeAccountNoMoney
	case "payouts_not_allowed":
		return CodePayoutsOff
	case "account_invalid", "resource_missing":
		return CodeAccountAbsent
	}
	return code
}

// noFunds are the codes of a refusal because less is there than was asked for.
var noFunds = []string{"balance_insufficient", "insufficient_funds"}

// transferOf is the errand that sends the payout.
func (s *Service) transferOf(t Turn, r Rail, c *carried) errand {
	return errand{act: processor.ActTransfer, account: c.RailAccount, amount: c.Amount,
		allowed: s.mayLeave(t, c),
		begun: func(p *Payout) Step {
			p.State, p.Code = Sending, ""
			return Step{State: Sending}
		},
		done: func(m thing, a *attempt) (change, error) {
			n := c.Payout
			n.State, n.Code, n.SubmittedAt = Submitted, "", s.now()
			n.Transfer, n.TransferEntry, n.Arrived = m.id, m.entry, m.arrived
			return change{next: n, lookAt: s.now(), step: Step{State: Submitted, Evidence: a.evidence()},
				events: []commerce.Event{commerce.Own(&commerce.PayoutSubmitted{PayoutTerms: c.terms(), Processor: r.Processor, Bank: r.Bank, Entry: m.entry}, s.now())}}, nil
		},
		refused: func(a *attempt) change { return s.transferRefused(t, c, a) },
		unknown: func(a *attempt, lookAt time.Time) change {
			n := c.Payout
			n.State, n.Code = Unknown, a.code
			ch := change{next: n, lookAt: lookAt}
			if c.State != Unknown || c.Code != a.code {
				ch.step = Step{State: Unknown, Code: a.code, Evidence: a.evidence()}
			}
			return ch
		},
	}
}

// transferRefused decides what a refusal means: our balance has to be filled up, the payee's account has to be mended, it
// never happened and may be sent again, or a person has to look at it.
func (s *Service) transferRefused(t Turn, c *carried, a *attempt) change {
	n := c.Payout
	n.State, n.Code = Refused, a.code
	ch := change{next: n, step: Step{State: Refused, Code: a.code, Evidence: a.evidence()}}
	switch {
	case slices.Contains(noFunds, a.code):
		ch.lookAt = s.now().Add(min(fundsAgain<<min(a.number-1, 5), fundsAgainAtMax))
	case a.state == attemptAbsent, a.code == codeKept, slices.Contains(destinationFaults, a.code):
		ch.lookAt = s.now() // what is next is done as soon as it may be: a new attempt, or giving it up
	case a.again:
		ch.lookAt = s.now().Add(fundsAgainAtMax)
	default:
		s.log.Error("the processor refuses a payout for a reason that needs a person; send it again or cancel it", "payout", c.ID, "code", a.code)
	}
	return ch
}

// giveUp cancels a payout of which nothing was sent, or which was definitely refused: its money and its fee go back.
func (s *Service) giveUp(ctx context.Context, t Turn, c *carried, code string, disable bool) error {
	n := c.Payout
	n.State, n.Code, n.EndedAt = Cancelled, code, s.now()
	ch := change{next: n, step: Step{State: Cancelled, Code: code},
		events: []commerce.Event{commerce.Own(&commerce.PayoutCancelled{PayoutTerms: c.terms(), Reason: reasonOf(code)}, s.now())}}
	if disable {
		ch.before = s.disabling(t, c, code)
	}
	return s.write(ctx, t, c, ch)
}

// reasonOf is a code as an event carries it.
func reasonOf(code string) string {
	for _, b := range []byte(code) {
		if (b < 'a' || b > 'z') && (b < 'A' || b > 'Z') && (b < '0' || b > '9') && b != '_' && b != '-' && b != '.' {
			return "other"
		}
	}
	return word60(code)
}

// lost reports whether somebody has judged the payee, and does not hold it for verified.
func (s Standing) lost() bool { return s.Version > 0 && s.Verification != IdentityVerified }

// transfer carries a payout that has not reached the payee's account.
func (s *Service) transfer(ctx context.Context, t Turn, r Rail, c *carried) (again bool, err error) {
	if c.State == Created || c.State == Refused {
		switch {
		case c.State == Refused && slices.Contains(destinationFaults, c.Code):
			return false, s.giveUp(ctx, t, c, c.Code, true)
		default:
			state, err := s.destinationState(ctx, t.Book, c)
			if err != nil {
				return false, err
			}
			if state != "active" {
				return false, s.giveUp(ctx, t, c, "destination-"+state, false)
			}
		}
	}
	e := s.transferOf(t, r, c)
	if e.kept, err = s.keptBack(ctx, t, c); err != nil || e.kept && (c.State == Created || c.State == Refused) {
		return false, err
	}
	settled, err := s.do(ctx, t, r, c, e)
	if errors.Is(err, errNotOrderable) && (c.State == Created || c.State == Refused) {
		return false, s.giveUp(ctx, t, c, processor.ReasonInvalidOrder, false)
	}
	// What was submitted goes on, and what never happened or was refused by the payee's account is dealt with now.
	again = settled && (c.State == Submitted || c.State == Refused && !c.LookAt.IsZero() && !c.LookAt.After(s.now()))
	return again, err
}
