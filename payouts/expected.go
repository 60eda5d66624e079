package payouts

import (
	"context"
	"errors"
	"slices"
	"time"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// What the next payout run is expected to decide about a holder, if nothing happens until then but what waits for a time.

// Expected is what the next run is expected to decide.
type Expected struct {
	// At is when the run starts, CutOff before when money must be available to be in it.
	At, CutOff time.Time
	// Decision is what would be decided then: the verdict, what is paid after its fee, and every reason why nothing is, or not all.
	Decision Decision
	// Coming is what of it becomes available until the cut-off and has not yet; what is kept in reserve or in trust then is in it.
	Coming Coming
	// Policy is the policy that would decide, with what was agreed with the payee.
	Policy *Policy
	// Kind is the kind of the holder.
	Kind string
	// keeps says that a part of what becomes available may be kept: a seller's reserve, a minor's trust.
	keeps bool
}

// UpTo reports whether less may be paid than the decision says: what becomes available until then may be kept in part.
func (e *Expected) UpTo() bool {
	return e.keeps && e.Coming.Count > 0 && e.Decision.Verdict == VerdictPay
}

// Expect returns what the next run is expected to decide about a holder. It is nil where no run pays the holder: of a kind that is not
// paid by runs, in a currency that the policy does not pay in, and in a book without a policy.
func (s *Service) Expect(ctx context.Context, book ledger.Book, h Holder) (*Expected, error) {
	if !slices.Contains(earningKinds, h.Kind) {
		return nil, nil
	}
	now := s.now()
	_, own, err := s.lawsAt(ctx, book, h.ID, now)
	if err != nil || own == nil {
		return nil, err
	}
	e := &Expected{At: own.NextRun(h.Kind, now), Kind: h.Kind}
	if e.At.IsZero() {
		return nil, nil
	}
	// The schedule is that of the moment; the run decides by what holds when it starts.
	market, own, err := s.lawsAt(ctx, book, h.ID, e.At)
	if err != nil || own == nil || !slices.Contains(own.Currencies, h.Currency) {
		return nil, err
	}
	local := own.LocalDate(e.At)
	if e.CutOff, err = own.CutoffOn(local); err != nil {
		return nil, err
	}
	head, err := s.ledger.Head(ctx, book)
	if err != nil {
		return nil, err
	}
	at, passed := head.LastSequence, !e.CutOff.After(now)
	if passed { // what came after the cut-off is for the run after the next
		if at, err = s.sequenceBefore(ctx, book, e.CutOff); err != nil {
			return nil, err
		}
	} else if e.Coming, err = s.Coming(ctx, book, h, e.CutOff); err != nil {
		return nil, err
	}
	held, err := s.holdingsOf(ctx, book, []Holder{h}, at)
	if err != nil {
		return nil, err
	}
	held[0].comes(e.Coming)
	facts, err := s.factsOf(ctx, book, []PayeeKey{h.PayeeKey}, e.At)
	if err != nil {
		return nil, err
	}
	e.keeps = h.Kind == KindSeller || facts[h.PayeeKey].Minor
	outlooks, err := s.outlooks(ctx, book, []Holder{h})
	if err != nil {
		return nil, err
	}
	o := occasion{run: Run{ID: "expected", Trigger: TriggerScheduled, CutOff: e.CutOff, CreatedAt: e.At, AtSequence: at}, policy: market, local: local, method: MethodStandard}
	c, err := s.considerOne(ctx, book, o, held[0], facts[h.PayeeKey], outlooks[0], e.At)
	e.Decision, e.Policy = c.decision, c.policy
	return e, err
}

// lawsAt are the policy of the book at a moment, and with what is agreed with the payee then; nil for a book without a policy.
func (s *Service) lawsAt(ctx context.Context, book ledger.Book, payee string, at time.Time) (market, own *Policy, err error) {
	if market, err = s.PolicyAt(ctx, book, at); errors.Is(err, ErrPolicyMissing) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	own, err = s.PolicyFor(ctx, book, payee, at)
	if fault.CodeOf(err) != "" && fault.KindOf(err) != fault.Unavailable {
		own, err = market, nil // what was agreed does not fit any more, which the decision says
	}
	return market, own, err
}

// comes lets what waits become available, from where it is kept.
func (h *holding) comes(c Coming) {
	for _, b := range []*[bucketCount]money.Minor{&h.cutOff, &h.now} {
		b[inAvailable] += c.Amount
		b[inReserve] -= min(c.Reserved, max(b[inReserve], 0))
		b[inPending] -= min(c.Amount-c.Reserved, max(b[inPending], 0))
	}
}
