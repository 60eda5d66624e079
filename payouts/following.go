package payouts

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"mizan/ledger/commerce"
	"mizan/ledger/failpoint"
	"mizan/ledger/money"
	"mizan/payouts/processor"
)

// Following is what comes after the payee's account at the processor: the way to the bank, and the way back if the bank does
// not take it. What is read decides, never what was announced; a state moves forward only.

const (
	followSoon   = 10 * time.Minute
	followHourly = time.Hour
	followDaily  = 24 * time.Hour
	// strangeAfter is how long a payout may be at the processor without leaving for the bank before people are told.
	strangeAfter = 10 * 24 * time.Hour
	// maxCandidates bounds the processor's own payouts that are searched for what arrived.
	maxCandidates = 50
	// fundsPatience is how long we wait for transferred money to become available at the account.
	fundsPatience = 3 * 24 * time.Hour
)

// outgoingOf is the errand that orders the payout from the payee's account to the bank.
func (s *Service) outgoingOf(t Turn, c *carried) errand {
	return errand{act: processor.ActPayout, account: c.RailAccount, amount: c.left(), method: c.Method,
		done: func(m thing, a *attempt) (change, error) {
			n := c.Payout
			n.Outgoing, n.ExpectedOn, n.Code = m.id, m.payout.Arrival, ""
			return change{next: n, lookAt: s.nextLook(n.ExpectedOn), step: Step{State: Submitted, Evidence: a.evidence()}}, nil
		},
		refused: func(a *attempt) change { return s.outgoingRefused(t, c, a) },
		unknown: func(a *attempt, lookAt time.Time) change {
			n := c.Payout
			ch := change{next: n, lookAt: lookAt}
			if n.Code != a.code {
				ch.next.Code = a.code
				ch.step = Step{State: n.State, Code: a.code, Evidence: a.evidence()}
			}
			return ch
		},
	}
}

// outgoingRefused decides what it means that the account does not pay out: the money is not available there yet, or it
// stays there in the payee's name and is taken back.
func (s *Service) outgoingRefused(t Turn, c *carried, a *attempt) change {
	n := c.Payout
	n.Code = a.code
	switch {
	case a.state == attemptAbsent:
		return change{next: n, lookAt: s.now(), step: Step{State: n.State, Code: a.code, Evidence: a.evidence()}}
	case slices.Contains(noFunds, a.code) && s.now().Sub(c.SubmittedAt) < fundsPatience:
		return change{next: n, lookAt: s.now().Add(followHourly), step: Step{State: n.State, Code: a.code, Evidence: a.evidence()}}
	}
	n.State = AtAccount
	ch := change{next: n, lookAt: s.now(), step: Step{State: AtAccount, Code: a.code, Evidence: a.evidence()}}
	if slices.Contains(destinationFaults, a.code) {
		ch.before = s.disabling(t, c, a.code)
	}
	return ch
}

// nextLook is when a payout on its way is looked at again: when it should arrive, and every few hours before.
func (s *Service) nextLook(expected time.Time) time.Time {
	now := s.now()
	if soon := expected.Add(time.Minute); expected.After(now) && soon.Sub(now) < 6*time.Hour {
		return soon
	}
	return now.Add(6 * time.Hour)
}

// lookAgain only moves the next look.
func (s *Service) lookAgain(ctx context.Context, t Turn, c *carried, after time.Duration) error {
	return s.write(ctx, t, c, change{next: c.Payout, lookAt: s.now().Add(after)})
}

// follow carries a payout that has reached the payee's account.
func (s *Service) follow(ctx context.Context, t Turn, r Rail, c *carried) (again bool, err error) {
	if c.Outgoing == "" {
		found, err := s.leftByItself(ctx, t, r, c)
		if err != nil {
			return false, s.unread(ctx, t, c, err)
		}
		if found != nil {
			return s.judge(ctx, t, r, c, *found)
		}
		if c.ordered() {
			settled, err := s.do(ctx, t, r, c, s.outgoingOf(t, c))
			if errors.Is(err, errNotOrderable) { // it stays at the account, and is taken back from there
				n := c.Payout
				n.State, n.Code = AtAccount, processor.ReasonInvalidOrder
				err = s.write(ctx, t, c, change{next: n, lookAt: s.now(), step: Step{State: AtAccount, Code: n.Code}})
				return err == nil, err
			}
			return settled && !c.LookAt.After(s.now()), err
		}
		if s.now().Sub(c.SubmittedAt) > strangeAfter {
			s.log.Error("money is at a payee's account and the processor does not pay it out; look at the account", "payout", c.ID)
		}
		return false, s.lookAgain(ctx, t, c, followHourly)
	}
	out, err := asked(ctx, s, r, func(d processor.Driver) (processor.Payout, error) {
		return d.ReadPayout(ctx, c.RailAccount, c.Outgoing)
	})
	if err != nil {
		return false, s.unread(ctx, t, c, err)
	}
	return s.judge(ctx, t, r, c, out)
}

// leftByItself finds the payout that the processor made by itself of money that has arrived. Where we order payouts that is
// looked for only when the money is missing: somebody may have told the processor to pay the account out.
func (s *Service) leftByItself(ctx context.Context, t Turn, r Rail, c *carried) (*processor.Payout, error) {
	if c.ordered() {
		if !slices.Contains(noFunds, c.Code) {
			return nil, nil
		}
		if a, err := s.lastAttempt(ctx, t.Book, c.ID, processor.ActPayout); err != nil || a.open() {
			return nil, err // what was ordered is settled first
		}
	}
	return s.findOutgoing(ctx, t, r, c, c.Arrived)
}

// unread leaves a payout as it is, because it could not be read.
func (s *Service) unread(ctx context.Context, t Turn, c *carried, err error) error {
	if ctx.Err() != nil || errors.Is(err, errPaceFull) {
		return err
	}
	s.log.Warn("a payout could not be read at the processor", "payout", c.ID, "error", err)
	return s.lookAgain(ctx, t, c, followSoon)
}

// findOutgoing finds the payout that the processor made by itself and that contains what one of the sources brought to the
// account: the first one, or the first after the one that is known already.
func (s *Service) findOutgoing(ctx context.Context, t Turn, r Rail, c *carried, sources ...string) (*processor.Payout, error) {
	// The money may have left long before it was known that it had arrived.
	since := c.SubmittedAt
	if sent, err := s.lastAttempt(ctx, t.Book, c.ID, processor.ActTransfer); err != nil {
		return nil, err
	} else if sent != nil {
		since = sent.createdAt
	}
	all, err := asked(ctx, s, r, func(d processor.Driver) ([]processor.Payout, error) {
		return d.ListPayouts(ctx, c.RailAccount, processor.Window{From: since.Add(-time.Hour)})
	})
	if err != nil {
		return nil, err
	}
	slices.Reverse(all) // what arrived leaves with the first that leaves afterwards
	if at := slices.IndexFunc(all, func(p processor.Payout) bool { return p.ID == c.Outgoing }); at >= 0 {
		all = all[at+1:]
	}
	looked := 0
	for _, p := range all {
		if !p.Automatic || p.Currency != c.Holder.Currency || looked == maxCandidates {
			continue
		}
		looked++
		entries, err := asked(ctx, s, r, func(d processor.Driver) ([]processor.Entry, error) {
			return d.ListPayoutEntries(ctx, c.RailAccount, p.ID)
		})
		if errors.Is(err, processor.ErrAbsent) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(entries, func(e processor.Entry) bool {
			return e.Source != "" && e.Amount > 0 && slices.Contains(sources, e.Source)
		}) {
			return &p, nil
		}
	}
	return nil, nil
}

// judge decides what the state of the processor's payout means for ours.
func (s *Service) judge(ctx context.Context, t Turn, r Rail, c *carried, out processor.Payout) (again bool, err error) {
	if a, err := s.lastAttempt(ctx, t.Book, c.ID, processor.ActPayout); err != nil {
		return false, err
	} else if a != nil && a.made == out.ID && (out.Amount != a.amount || out.Currency != a.currency || out.Account != a.account) {
		return false, s.unlike(ctx, t, c, out)
	}
	switch out.State {
	case processor.PayoutPending, processor.PayoutInTransit:
		if c.State != Submitted { // it was further before: an old answer moves nothing back
			return false, s.lookAgain(ctx, t, c, followHourly)
		}
		n := c.Payout
		ch := change{lookAt: s.nextLook(out.Arrival)}
		if n.Outgoing != out.ID || n.Code == codeAmountsDiffer {
			if n.Code == codeAmountsDiffer { // it says now what was ordered
				n.Code = ""
			}
			ch.step = Step{State: Submitted, Code: n.Code, Evidence: "leaves with " + out.ID}
		}
		n.Outgoing, n.ExpectedOn = out.ID, out.Arrival
		ch.next = n
		return false, s.write(ctx, t, c, ch)
	case processor.PayoutPaid:
		return false, s.arrived(ctx, t, r, c, out)
	case processor.PayoutFailed, processor.PayoutCancelled:
		return s.cameBack(ctx, t, c, out)
	}
	s.log.Error("the processor says of a payout what is not known here; look at it there, nothing was changed", "payout", c.ID, "object", out.ID)
	return false, s.lookAgain(ctx, t, c, followHourly)
}

// unlike leaves a payout as it is of which the processor now tells another amount than it was ordered with, whatever has become
// of it. What the processor makes by itself is not ours to compare: it carries whatever is at the account.
func (s *Service) unlike(ctx context.Context, t Turn, c *carried, out processor.Payout) error {
	s.log.Error("the processor tells another amount of a payout than was ordered; nothing was booked, and a person has to look at it",
		"payout", c.ID, "object", out.ID)
	if c.State != Submitted || c.Code == codeAmountsDiffer {
		return s.lookAgain(ctx, t, c, followHourly)
	}
	n := c.Payout
	n.Code = codeAmountsDiffer
	return s.write(ctx, t, c, change{next: n, lookAt: s.now().Add(followHourly), step: Step{State: n.State, Code: n.Code, Evidence: "ordered otherwise than " + out.ID}})
}

// arrived notes that the bank has it. That is not final: for five business days it can still come back.
func (s *Service) arrived(ctx context.Context, t Turn, r Rail, c *carried, out processor.Payout) error {
	n := c.Payout
	n.Outgoing, n.ExpectedOn = out.ID, out.Arrival
	if out.Trace != "" {
		n.Trace = out.Trace
	}
	switch c.State {
	case Submitted, AtAccount:
		n.State, n.Code, n.PaidAt = Paid, "", s.now()
		return s.write(ctx, t, c, change{next: n, lookAt: s.now().Add(followDaily),
			step:   Step{State: Paid, Evidence: evidenceOf(out)},
			events: []commerce.Event{commerce.Own(&commerce.PayoutPaid{PayoutTerms: c.terms(), Processor: r.Processor, Trace: out.Trace}, s.now())},
			before: s.paidTo(t, c)})
	case Paid:
		ch := change{next: n, lookAt: s.now().Add(followDaily)}
		paid := c.PaidAt
		if out.Arrival.After(paid) { // it left again after it had come back
			paid = out.Arrival
		}
		if s.now().After(provisionalUntil(paid)) {
			ch.lookAt = time.Time{}
		}
		if n.Trace != c.Trace {
			ch.step = Step{State: Paid, Evidence: evidenceOf(out)}
		}
		return s.write(ctx, t, c, ch)
	}
	return nil
}

func evidenceOf(out processor.Payout) string {
	text := out.ID + " is " + out.State
	for _, part := range [][2]string{{"entry ", out.Entry}, {"brought back by ", out.FailureEntry}, {"trace ", out.Trace}} {
		if part[1] != "" && len(part[1]) <= 128 {
			text += ", " + part[0] + part[1]
		}
	}
	return text
}

// cameBack notes that the bank did not take it: the money is at the payee's account again, which the processor's entry
// proves, and nothing more goes there until it is mended.
func (s *Service) cameBack(ctx context.Context, t Turn, c *carried, out processor.Payout) (again bool, err error) {
	if out.FailureEntry == "" {
		return false, s.lookAgain(ctx, t, c, followSoon)
	}
	code := out.FailureCode
	if code == "" {
		code = out.State
	}
	n := c.Payout
	n.Outgoing, n.Code = out.ID, word60(code)
	ch := change{lookAt: s.now(), step: Step{State: n.State, Code: code, Evidence: evidenceOf(out)}}
	if c.State == Submitted {
		n.State, ch.step.State = AtAccount, AtAccount
	}
	ch.next = n
	if out.State == processor.PayoutFailed {
		policy, err := s.lawOf(ctx, t.Book)
		if err != nil {
			return false, err
		}
		disabled := word60(code)
		if policy.passing(disabled) {
			disabled = CodeBankErrored // it is mended as soon as the processor pays to the bank again
		}
		ch.before = s.disabling(t, c, disabled)
	}
	var over []*attempt
	if a, err := s.lastAttempt(ctx, t.Book, c.ID, processor.ActPayout); err != nil {
		return false, err
	} else if a != nil && a.state == attemptDone {
		a.state, a.code = attemptFailed, word60(code)
		over = append(over, a)
	}
	return true, s.write(ctx, t, c, ch, over...)
}

// pullBack takes the money of a payout that did not arrive back from the payee's account, in parts if the account has not
// all of it, and settles it when the processor's entry shows that it is back.
func (s *Service) pullBack(ctx context.Context, t Turn, r Rail, c *carried) (again bool, err error) {
	last, err := s.lastAttempt(ctx, t.Book, c.ID, processor.ActReversal)
	if err != nil {
		return false, err
	}
	var amount money.Minor
	if last.open() {
		amount = last.amount
	} else {
		// The processor may have paid it out by itself meanwhile. Of what we had ordered before, only what came back can leave
		// again: the processor's next payout lists as well what had arrived and was taken by ours.
		sources := []string{c.Arrived, c.Outgoing}
		if c.ordered() && c.Outgoing != "" {
			sources = sources[1:]
		}
		found, err := s.findOutgoing(ctx, t, r, c, sources...)
		if err != nil {
			return false, s.unread(ctx, t, c, err)
		}
		if found != nil {
			return s.leftAgain(ctx, t, c, *found)
		}
		if amount, err = s.amountToPull(ctx, r, c, last); err != nil {
			return false, s.unread(ctx, t, c, err)
		}
		if amount <= 0 {
			s.log.Warn("money of a payout that failed is not at the payee's account yet, and cannot be taken back", "payout", c.ID)
			return false, s.lookAgain(ctx, t, c, followHourly)
		}
	}
	if err := s.withWhatComesBack(ctx, t, r, c); err != nil {
		return false, s.unread(ctx, t, c, err)
	}
	failpoint.Here(failpoint.PullingBack)
	settled, err := s.do(ctx, t, r, c, s.reversalOf(r, c, amount))
	failpoint.Here(failpoint.PulledBack)
	return settled && !c.LookAt.IsZero() && !c.LookAt.After(s.now()), err
}

// amountToPull is what can be taken back now, 0 for nothing. What an attempt has taken that was thought over is found first.
func (s *Service) amountToPull(ctx context.Context, r Rail, c *carried, last *attempt) (money.Minor, error) {
	if last != nil && last.state != attemptDone {
		late, err := s.lookUp(ctx, r, last)
		if err != nil || len(late) > 0 {
			return firstAmount(late), err
		}
	}
	balances, err := asked(ctx, s, r, func(d processor.Driver) (map[money.Currency]processor.Balance, error) {
		return d.ReadBalance(ctx, c.RailAccount)
	})
	if err != nil {
		return 0, err
	}
	amount := c.left()
	if there := balances[c.Holder.Currency].Available; there < amount {
		amount = s.part(c, there)
	}
	return amount, nil
}

func firstAmount(found []thing) money.Minor {
	if len(found) == 0 {
		return 0
	}
	return found[0].amount
}

// withWhatComesBack finds out what comes back beside the amount: our fee of a payout that was returned, if the policy says so,
// and the processor's cost of an instant one that failed.
func (s *Service) withWhatComesBack(ctx context.Context, t Turn, r Rail, c *carried) (err error) {
	if c.State == Paid {
		policy, err := s.lawOf(ctx, t.Book)
		if err != nil {
			return err
		}
		c.feeBack = policy.FeeOnReturn == FeeReturn
	} else if c.Method == MethodInstant {
		c.costBack, err = s.findCostBack(ctx, r, c)
	}
	return err
}

// part is what can be taken back of a part of the money. What was paid and came back is settled in one piece only.
func (s *Service) part(c *carried, there money.Minor) money.Minor {
	if c.State == Paid || there <= 0 {
		return 0
	}
	payable, _, err := processor.Payable(processor.ActReversal, there, c.Holder.Currency)
	if err != nil {
		return 0
	}
	return payable
}

// leftAgain notes that the processor has sent the money once more, by itself, after the bank was mended.
func (s *Service) leftAgain(ctx context.Context, t Turn, c *carried, out processor.Payout) (bool, error) {
	n := c.Payout
	n.Outgoing, n.Code, n.ExpectedOn = out.ID, "", out.Arrival
	if n.State == AtAccount {
		n.State = Submitted
	}
	err := s.write(ctx, t, c, change{next: n, lookAt: s.now(), step: Step{State: n.State, Evidence: "leaves again with " + out.ID}})
	return err == nil, err
}

// reversalOf is the errand that takes an amount back.
func (s *Service) reversalOf(r Rail, c *carried, amount money.Minor) errand {
	return errand{act: processor.ActReversal, object: c.Transfer, amount: amount,
		done: func(m thing, a *attempt) (change, error) { return s.pulledBack(r, c, m, a) },
		refused: func(a *attempt) change {
			ch := change{next: c.Payout, lookAt: s.now().Add(followHourly), step: Step{State: c.State, Code: a.code, Evidence: a.evidence()}}
			if a.state == attemptAbsent {
				ch.lookAt = s.now()
			} else if !slices.Contains(noFunds, a.code) {
				ch.lookAt = s.now().Add(followDaily)
				s.log.Error("the processor does not give back the money of a payout that failed; a person has to look at it", "payout", c.ID, "code", a.code)
			}
			return ch
		},
		unknown: func(a *attempt, lookAt time.Time) change { return change{next: c.Payout, lookAt: lookAt} },
	}
}

// pulledBack settles what came back: a part, the rest of a payout that failed, or one that was returned after it was paid.
func (s *Service) pulledBack(r Rail, c *carried, m thing, a *attempt) (change, error) {
	n, now := c.Payout, s.now()
	n.PulledBack += a.amount
	step := Step{State: c.State, Code: c.Code, Evidence: a.evidence()}
	switch {
	case n.PulledBack > n.Amount:
		return change{}, fmt.Errorf("payouts: more of %s came back than was sent", c.ID)
	case c.State == Paid && n.PulledBack < n.Amount:
		return change{}, fmt.Errorf("payouts: only a part of %s came back, which was paid", c.ID)
	case c.State == Paid:
		n.ReturnedAt, n.EndedAt = now, now
		return change{next: n, step: step, events: []commerce.Event{commerce.Own(&commerce.PayoutReturned{PayoutTerms: c.terms(), Processor: r.Processor,
			Bank: r.Bank, Entry: m.entry, Reason: reasonOf(c.Code), FeeReturned: c.feeBack}, now)}}, nil
	case n.PulledBack < n.Amount:
		return change{next: n, lookAt: now.Add(followHourly), step: step, events: []commerce.Event{commerce.Own(&commerce.PayoutPulledBack{PayoutTerms: c.terms(),
			Processor: r.Processor, Bank: r.Bank, Entry: m.entry, Pulled: a.amount.Format(c.Holder.Currency)}, now)}}, nil
	}
	n.State, n.EndedAt, step.State = Failed, now, Failed
	failed := &commerce.PayoutFailed{PayoutTerms: c.terms(), Processor: r.Processor, Bank: r.Bank, Entry: m.entry, Reason: reasonOf(c.Code)}
	if c.costBack != nil {
		failed.CostReturned, failed.CostEntry = c.costBack.Net.Format(c.Holder.Currency), c.costBack.ID
		step.Evidence += costBackEvidence + c.costBack.ID
	}
	return change{next: n, step: step, events: []commerce.Event{commerce.Own(failed, now)}}, nil
}
