package commerce

import (
	"encoding/json"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// What is set aside for a minor: a rate of the gross earnings, before any agency's share and any withholding, rounded up in
// the child's favour (W-10). The rate is frozen with the first release of what was earned. Whenever the earnings fall, the
// part is computed again on what remains, and the difference comes out of the trust, as long as it is still with us.

const bucketTrust = "minor_trust"

// ErrGiftToMinor means that a gift or tip is for a child.
var ErrGiftToMinor = fault.New(fault.Invalid, "gift-to-minor",
	"The creator is a minor, and gifts and tips are for adults only. Nothing was recorded. Give the money back to the viewer.")

// minor is a creator who is a minor when something is released, with the rate that is set aside.
type minor struct {
	Creator string     `json:"c"`
	Rate    money.Rate `json:"r"`
}

// minorRounding is how the part of a minor is rounded.
const minorRounding = money.Ceil

// minors returns those of the creators that are minors now.
func (p *planner) minors(creators ...string) ([]minor, error) {
	return p.service.look.minors(p.ctx, p.book, creators)
}

// refuseMinor refuses what only adults may be given.
func (p *planner) refuseMinor(creator string) error {
	list, err := p.minors(creator)
	if err == nil && len(list) > 0 {
		err = ErrGiftToMinor
	}
	return err
}

// trustMove is what an event changes of the part that is set aside for one creator out of one source, as it is kept.
type trustMove struct {
	minor
	Currency money.Currency `json:"u"`
	// Rounding is minorRounding, kept with the rate.
	Rounding money.Rounding `json:"m"`
	// Gross is what the creator earns of the source in all; Before and After are what of it is set aside.
	Gross  cents `json:"g"`
	Before cents `json:"b,omitempty"`
	After  cents `json:"a"`
}

// newTrustMove computes what is to be set aside.
func newTrustMove(m minor, c money.Currency, gross, before money.Minor) (trustMove, error) {
	after, err := m.Rate.Of(max(gross, 0), minorRounding, c.PostingUnit())
	return trustMove{minor: m, Currency: c, Rounding: minorRounding, Gross: cents(max(gross, 0)), Before: cents(before), After: cents(after)}, err
}

// change is what goes into the trust; negative is what comes out of it.
func (m *trustMove) change() money.Minor { return money.Minor(m.After - m.Before) }

// trustSteps tell moves of the trust. What goes into it is the creator's own money, so the steps of each move sum to zero.
func trustSteps(moves []trustMove) []Step {
	var steps []Step
	for i := range moves {
		m := &moves[i]
		who := "creator:" + m.Creator
		target, err := m.Rate.Of(money.Minor(m.Gross), m.Rounding, m.Currency.PostingUnit())
		if err != nil {
			return nil
		}
		t := &tale{currency: m.Currency}
		t.rated(bucketTrust, "Set aside for the minor", who, "the gross earnings", money.Minor(m.Gross), m.Rate, 0, m.Rounding, target, who)
		st := &t.steps[0]
		st.Before, st.Amount = money.Minor(m.Before).Format(m.Currency), money.Minor(m.After).Format(m.Currency)
		switch {
		case money.Minor(m.After) > target:
			t.bounded("deposited", "of which more was deposited or paid out already, so there stays")
		case money.Minor(m.After) < target:
			t.bounded("base", "but no more is set aside than was released, which is")
		}
		if m.Before != 0 {
			st.Text = st.Text[:len(st.Text)-1] + "; before this event " + st.Before + "."
		}
		title, because := "From what is available", "into the trust"
		if m.change() < 0 {
			title, because = "Back to what is available", "out of the trust"
		}
		if m.change() != 0 {
			t.plain(bucketTrust, title, who, -m.change(), because)
		}
		steps = append(steps, t.steps...)
	}
	return steps
}

// trustFree is how much of what is set aside for a creator is still with us: it was neither deposited nor paid out. The plan
// rests on it from then on.
func (p *planner) trustFree(creator string, c money.Currency) (money.Minor, error) {
	if _, err := p.lastOf(trustSubject(creator)); err != nil {
		return 0, err
	}
	return p.trustUndeposited(creator, c)
}

// trustUndeposited is what the trust has more than its bank account, with what this plan moves.
func (p *planner) trustUndeposited(creator string, c money.Currency) (money.Minor, error) {
	trust, bank := payeeAccount("creator", bucketTrust, creator), trustBank(creator)
	free := money.Minor(0)
	for _, a := range []ledger.Address{trust, bank} { // the bank account is debited, so its balance in its favour is negative
		balance, err := p.balanceIn(a, c)
		if err != nil {
			return 0, err
		}
		free += balance
		for i := range p.drafts {
			for _, l := range p.drafts[i].Lines {
				if l.Account == a && l.Currency == c {
					free -= l.Amount
				}
			}
		}
	}
	return max(free, 0), nil
}

func trustSubject(creator string) string      { return "trust:" + creator }
func trustBank(creator string) ledger.Address { return ledger.Address("assets:bank:trust:" + creator) }

// eventTrustReduced is the fact that an event took something out of a trust. It stands in the trust's own story, so that
// what is decided about the trust meanwhile is decided again.
const eventTrustReduced = "minor_trust.reduced"

// trustReductions records the facts of what the moves took out of trusts.
func (p *planner) trustReductions(source string, moves []trustMove) error {
	for i := range moves {
		if moves[i].change() >= 0 {
			continue
		}
		data, err := json.Marshal(trustReduced{Source: source, trustMove: moves[i]})
		if err != nil {
			return err
		}
		if err := p.draft(draftOf{event: eventTrustReduced, kind: p.event.Type, part: trustPart + i, subject: trustSubject(moves[i].Creator), data: data, memo: source}); err != nil {
			return err
		}
	}
	return nil
}

// trustPart numbers the facts about trusts among the transactions of an event, after all others.
const trustPart = 50

// trustReduced is such a fact as it is kept.
type trustReduced struct {
	Source string `json:"source"`
	trustMove
}

// keepTrust moves between a creator's available money and the trust what the order's earnings now come to. A sale that waits
// in pending adds to it when it settles.
func (p *planner) keepTrust(lines []ledger.Line, after *sheet, settling bool) ([]ledger.Line, []trustMove, error) {
	o := p.order
	var moves []trustMove
	for _, m := range o.minors {
		at := payeeAccount("creator", bucketPending, m.Creator)
		trust, available := payeeAccount("creator", bucketTrust, m.Creator), payeeAccount("creator", bucketAvailable, m.Creator)
		move, err := newTrustMove(m, o.currency, after.gross.of(at), o.buckets.of(trust))
		if err != nil {
			return nil, nil, err
		}
		switch change := move.change(); {
		case change > 0 && !settling && o.buckets.of(at)-amountOn(lines, at) > 0:
			continue
		case change > 0:
			move.After = move.Before + cents(min(change, max(o.buckets.of(available)-amountOn(lines, available), 0)))
		case change < 0:
			free, err := p.trustFree(m.Creator, o.currency)
			if err != nil {
				return nil, nil, err
			}
			move.After = move.Before - cents(min(-change, free))
		}
		change := move.change()
		if change == 0 {
			continue
		}
		lines = addLine(addLine(lines, o.credit(available, -change)), o.credit(trust, change))
		moves = append(moves, move)
	}
	return lines, moves, nil
}

// amountOn is what lines post to an account, debit positive.
func amountOn(lines []ledger.Line, a ledger.Address) (sum money.Minor) {
	for i := range lines {
		if lines[i].Account == a {
			sum += lines[i].Amount
		}
	}
	return sum
}

// addLine adds a line to those of its account.
func addLine(lines []ledger.Line, l ledger.Line) []ledger.Line {
	for i := range lines {
		if lines[i].Account != l.Account || lines[i].Currency != l.Currency || lines[i].ExternalRef != l.ExternalRef {
			continue
		}
		if lines[i].Amount += l.Amount; lines[i].Amount == 0 {
			return append(lines[:i:i], lines[i+1:]...)
		}
		return lines
	}
	return append(lines, l)
}

// trustMoves reads from a recorded transaction's lines what it moved between the order's trusts and what was available. The
// order is in the state after it.
func (o *order) trustMoves(lines []ledger.Line, after *sheet) (moves []trustMove, err error) {
	for _, m := range o.minors {
		trust := payeeAccount("creator", bucketTrust, m.Creator)
		change := -amountOn(lines, trust)
		if change == 0 {
			continue
		}
		now := o.buckets.of(trust)
		move, err := newTrustMove(m, o.currency, after.gross.of(payeeAccount("creator", bucketPending, m.Creator)), now-change)
		if err != nil {
			return nil, err
		}
		move.After = cents(now)
		moves = append(moves, move)
	}
	return moves, nil
}
