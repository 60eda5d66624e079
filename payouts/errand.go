package payouts

import (
	"context"
	"errors"
	"fmt"
	"time"

	"mizan/ledger/money"
	"mizan/payouts/processor"
)

// An errand is an act at a processor that shall happen once: its attempts are made, sent, repeated and looked up until it is
// done or definitely refused, however many processes and sendings that takes.

// errand says what shall be done, and what each outcome makes of the payout.
type errand struct {
	act             processor.Act
	account, object string
	method          string
	amount          money.Minor
	// kept says that nothing is sent for now: what was sent is only looked up.
	kept bool
	// allowed is asked in the transaction that comes before each sending; errKept stops it. Nothing is asked if it is nil.
	allowed inside
	// begun is the payout once the first attempt stands in the database.
	begun func(p *Payout) Step
	// done is the change when the processor has done it.
	done func(m thing, a *attempt) (change, error)
	// refused is the change when it was definitely refused.
	refused func(a *attempt) change
	// unknown is the change when nobody knows; lookAt is when it is looked at again.
	unknown func(a *attempt, lookAt time.Time) change
}

// errNotOrderable means that no order can be made of a payout, as with an amount that is finer than the processor takes.
var errNotOrderable = errors.New("payouts: the processor takes no such order")

// sendsAtOnce bounds how often one order is sent in one go, when the processor has taken no request.
const sendsAtOnce = 3

// do brings an errand as far as it goes now. It reports whether it was settled: done or refused.
func (s *Service) do(ctx context.Context, t Turn, r Rail, c *carried, e errand) (settled bool, err error) {
	a, err := s.lastAttempt(ctx, t.Book, c.ID, e.act)
	if err != nil {
		return false, err
	}
	if !a.open() {
		if a, err = s.begin(ctx, t, c, e, a); err != nil {
			return false, err
		}
	}
	a.since = c.CreatedAt
	if a.state == attemptIntended && a.number > 1 {
		// An attempt before this one was refused or never happened. Before another key is used, that is looked at once more.
		found, err := s.lookUp(ctx, r, a)
		if err != nil {
			return false, err
		}
		if len(found) > 0 {
			s.log.Error("an attempt that was thought over was carried out after all", "payout", c.ID, "act", string(e.act), "attempt", a.number)
			return s.settleFound(ctx, t, r, c, e, a, found)
		}
	}
	switch {
	case e.kept && a.state == attemptIntended:
		return s.keepBack(ctx, t, r, c, e, a)
	case !e.kept && a.mayRepeat(s.now()):
		return s.sendOnce(ctx, t, r, c, e, a)
	}
	return s.search(ctx, t, r, c, e, a)
}

// begin writes the next attempt down, before anything is sent.
func (s *Service) begin(ctx context.Context, t Turn, c *carried, e errand, last *attempt) (*attempt, error) {
	a := &attempt{act: e.act, number: 1, account: e.account, object: e.object, amount: e.amount, currency: c.Holder.Currency, method: e.method,
		state: attemptIntended, createdAt: s.now(), fresh: true}
	if last != nil {
		a.number = last.number + 1
	}
	a.instruction = instructionOf(c.ID, e.act, a.number)
	if last != nil && last.state != attemptDone {
		a.instruction = last.instruction // so that what was thought never to have happened is found if it did
	}
	if err := a.seal(); err != nil {
		s.log.Error("a payout cannot be ordered as it is", "payout", c.ID, "act", string(e.act), "error", err)
		return nil, fmt.Errorf("%w: %w", errNotOrderable, err)
	}
	ch := change{next: c.Payout, lookAt: s.now(), before: e.allowed}
	if e.begun != nil {
		ch.step = e.begun(&ch.next)
	}
	return a, s.write(ctx, t, c, ch, a)
}

// sendOnce sends the order, counted before it leaves, and settles what is told. Where the processor took no request because
// there were too many, it is sent again.
func (s *Service) sendOnce(ctx context.Context, t Turn, r Rail, c *carried, e errand, a *attempt) (bool, error) {
	for n := 1; ; n++ {
		if err := s.slot(ctx, r); err != nil {
			return false, err
		}
		before := *a
		key, err := s.keep(ctx, t, c, e, a)
		if errors.Is(err, errKept) {
			*a = before
			return s.keepBack(ctx, t, r, c, e, a)
		}
		if err != nil {
			return false, err
		}
		w := a.send(ctx, r.Driver, key)
		a.request = w.request
		if w.verdict == processor.Unknown && w.code == processor.ReasonLimited {
			if err := s.slowDown(ctx, r.Name, w.retryAfter); err != nil {
				return false, err
			}
			if n < sendsAtOnce && w.retryAfter <= longestQueue {
				continue
			}
		}
		return s.settle(ctx, t, r, c, e, a, w)
	}
}

// keepBack does not send an order that may not be sent now: one that never left is over, and one that may have left is only
// looked up.
func (s *Service) keepBack(ctx context.Context, t Turn, r Rail, c *carried, e errand, a *attempt) (bool, error) {
	if a.sendings > 0 {
		return s.search(ctx, t, r, c, e, a)
	}
	return s.settle(ctx, t, r, c, e, a, told{verdict: processor.Refused, code: codeKept, again: true})
}

// settle writes down what was told of an order.
func (s *Service) settle(ctx context.Context, t Turn, r Rail, c *carried, e errand, a *attempt, w told) (bool, error) {
	switch w.verdict {
	case processor.Done:
		return s.accept(ctx, t, r, c, e, a, w.made)
	case processor.Refused:
		a.state, a.code, a.again, a.next, a.endedAt = attemptRefused, w.code, w.again, "", s.now()
		return true, s.write(ctx, t, c, e.refused(a), a)
	}
	if w.next == processor.Alarm {
		s.log.Error("a payment order is known to the processor with other contents; nothing more is sent, and a person has to look at it",
			"payout", c.ID, "act", string(e.act), "attempt", a.number, "code", w.code)
	}
	return false, s.leave(ctx, t, c, e, a, w)
}

// leave writes down that the outcome is not known.
func (s *Service) leave(ctx context.Context, t Turn, c *carried, e errand, a *attempt, w told) error {
	a.state, a.code, a.next = attemptUnknown, w.code, w.next
	return s.write(ctx, t, c, e.unknown(a, s.now().Add(a.patience(w))), a)
}

// accept takes a thing for what was ordered, if it is and if the processor's books say so too. Otherwise the outcome stays
// unknown: what the processor's entry does not prove is not booked.
func (s *Service) accept(ctx context.Context, t Turn, r Rail, c *carried, e errand, a *attempt, m thing) (bool, error) {
	a.made, a.entry = m.id, m.entry
	if !a.is(m) {
		return false, s.differ(ctx, t, c, e, a)
	}
	account, sign := "", money.Minor(-1)
	switch e.act {
	case processor.ActPayout:
		account = a.account
	case processor.ActReversal:
		sign = 1
	}
	entry, err := asked(ctx, s, r, func(d processor.Driver) (processor.Entry, error) { return d.ReadEntry(ctx, account, m.entry) })
	switch {
	case err != nil && ctx.Err() != nil:
		return false, err
	case err != nil:
		a.made, a.entry = "", ""
		return false, s.leave(ctx, t, c, e, a, told{code: codeEntryUnread, next: processor.LookUp, retryAfter: time.Minute})
	case entry.Amount != sign*a.amount || entry.Currency != a.currency || entry.Source != "" && entry.Source != m.id && entry.Source != a.object:
		return false, s.differ(ctx, t, c, e, a)
	}
	a.state, a.code, a.next, a.endedAt = attemptDone, "", "", s.now()
	ch, err := e.done(m, a)
	if err != nil {
		return false, err
	}
	return true, s.write(ctx, t, c, ch, a)
}

// differ stops everything about an order that was carried out otherwise than it was given.
func (s *Service) differ(ctx context.Context, t Turn, c *carried, e errand, a *attempt) error {
	s.log.Error("the processor's books differ from what was ordered; nothing was booked, and a person has to look at it",
		"payout", c.ID, "act", string(e.act), "attempt", a.number, "object", a.made, "entry", a.entry)
	a.made, a.entry = "", ""
	return s.leave(ctx, t, c, e, a, told{code: codeAmountsDiffer, next: processor.Alarm})
}

func (s *Service) lookUp(ctx context.Context, r Rail, a *attempt) ([]thing, error) {
	return asked(ctx, s, r, func(d processor.Driver) ([]thing, error) { return a.find(ctx, d) })
}

// search looks an order up whose outcome is not known and that may not be sent again.
func (s *Service) search(ctx context.Context, t Turn, r Rail, c *carried, e errand, a *attempt) (bool, error) {
	found, err := s.lookUp(ctx, r, a)
	switch {
	case errors.Is(err, processor.ErrUnavailable) || errors.Is(err, processor.ErrTooMany) || errors.Is(err, processor.ErrStrange):
		s.log.Warn("an order could not be looked up", "payout", c.ID, "act", string(e.act), "error", err)
		return false, s.leave(ctx, t, c, e, a, told{code: a.code, next: a.next, retryAfter: lookApart})
	case err != nil:
		return false, err
	case len(found) > 0:
		return s.settleFound(ctx, t, r, c, e, a, found)
	case a.next == processor.Alarm:
		s.log.Error("an order about which the processor contradicts itself is not to be found; a person has to settle it",
			"payout", c.ID, "act", string(e.act), "attempt", a.number, "code", a.code)
		a.look(s.now())
		return false, s.leave(ctx, t, c, e, a, told{code: a.code, next: processor.Alarm})
	}
	if !a.look(s.now()) {
		code := a.code
		if a.expired(s.now()) {
			code = processor.ReasonKeyExpired
		}
		return false, s.leave(ctx, t, c, e, a, told{code: code, next: processor.LookUp})
	}
	if known, err := s.knowsAccount(ctx, r, a); err != nil || !known {
		if err == nil {
			s.log.Error("an order is not to be found, and neither is the payee's account; nothing follows from that: see that the key is of the processor's account that it was sent to",
				"payout", c.ID, "act", string(e.act), "attempt", a.number)
		}
		return false, s.leave(ctx, t, c, e, a, told{code: a.code, next: processor.LookUp})
	}
	a.state, a.code, a.again, a.next, a.endedAt = attemptAbsent, codeAbsent, true, "", s.now()
	return true, s.write(ctx, t, c, e.refused(a), a)
}

// knowsAccount reports whether whoever was asked knows the account that was paid. Where a key of another processor's account,
// or of its test mode, came into use, everything that was sent before is absent. Other acts name what would be missing then.
func (s *Service) knowsAccount(ctx context.Context, r Rail, a *attempt) (bool, error) {
	if a.act != processor.ActTransfer {
		return true, nil
	}
	_, err := asked(ctx, s, r, func(d processor.Driver) (processor.Account, error) { return d.ReadAccount(ctx, a.account) })
	if errors.Is(err, processor.ErrAbsent) {
		return false, nil
	}
	return err == nil, err
}

// settleFound settles an order by what was found of it: one thing, or something for a person.
func (s *Service) settleFound(ctx context.Context, t Turn, r Rail, c *carried, e errand, a *attempt, found []thing) (bool, error) {
	if len(found) == 1 {
		return s.accept(ctx, t, r, c, e, a, found[0])
	}
	s.log.Error("an order was carried out more than once; a person has to look at it", "payout", c.ID, "act", string(e.act), "found", len(found))
	return false, s.leave(ctx, t, c, e, a, told{code: codeSeveral, next: processor.Alarm})
}

// evidence is what a step says of an attempt.
func (a *attempt) evidence() string {
	text := fmt.Sprintf("%s, attempt %d", a.instruction, a.number)
	for _, part := range [][2]string{{"made ", a.made}, {"entry ", a.entry}, {"request ", a.request}} {
		if part[1] != "" {
			text += ", " + part[0] + part[1]
		}
	}
	if n := len(a.looked); a.state == attemptAbsent {
		text += fmt.Sprintf(", looked up %d times from %s to %s", n, a.looked[0].Format(time.RFC3339), a.looked[n-1].Format(time.RFC3339))
	}
	return text
}
