package commerce

import (
	"encoding/json"

	"mizan/ledger/money"
)

// Taking a commission back, in part or whole: what waits gives first, then what is available. Of a minor's commission the
// part that is set aside is computed again on what remains.

// clawbackKept is a claw-back as it is kept, with what the creator's trust gave of it.
type clawbackKept struct {
	CommissionClawback
	Seller string     `json:"seller,omitempty"`
	Trust  *trustMove `json:"trust,omitempty"`
}

func (d *clawbackKept) tell() []Step {
	if d.Trust == nil {
		return nil
	}
	c := d.Trust.Currency
	amount, err := money.ParseAmount(d.Amount, c)
	if err != nil {
		return nil
	}
	t := &tale{currency: c}
	t.plain("clawback", "Taken back from the creator", "creator:"+d.Trust.Creator, -amount, "as the event says")
	t.plain("clawback", "Given back to the seller", "seller:"+d.Seller, amount, "who had paid the commission")
	return append(t.steps, trustSteps([]trustMove{*d.Trust})...)
}

// plan takes a part of a commission back, at most what is left of it, from where the creator's share sits.
func (d *CommissionClawback) plan(p *planner) error {
	told, err := p.story(d.subject())
	if err != nil {
		return err
	}
	earned := told.first("commission.earned")
	if earned == nil || len(earned.Entries) == 0 {
		return ErrCommissionUnknown
	}
	terms, err := storedAs[CommissionEarned](earned)
	if err != nil {
		return err
	}
	c := earned.Entries[0].Currency
	prep := &preparation{book: p.book, currency: c, unit: c.PostingUnit()}
	amount := prep.positive("/amount", d.Amount)
	if err := prep.err(); err != nil {
		return err
	}
	pending, available, trust := payeeAccount("creator", bucketPending, terms.Creator), payeeAccount("creator", bucketAvailable, terms.Creator), payeeAccount("creator", bucketTrust, terms.Creator)
	waits, kept := max(told.net(pending, c), 0), told.net(trust, c)
	released := told.net(available, c) + kept
	if amount > waits+released {
		return errRefundTooLarge.With("More would be taken back than is left of the commission. Nothing was posted.")
	}
	fromPending := min(amount, waits)
	move, err := p.outOfTrust(told, terms.Creator, c, released, amount-fromPending, kept)
	if err != nil {
		return err
	}
	fromTrust, stored := money.Minor(0), &clawbackKept{CommissionClawback: *d}
	var moves []trustMove
	if move.Creator != "" {
		fromTrust, stored.Trust, stored.Seller = -move.change(), &move, terms.Seller
		moves = append(moves, move)
	}
	data, err := json.Marshal(stored)
	if err != nil {
		return err
	}
	lines := creditLines(c, positions{{pending, -fromPending}, {available, fromTrust - (amount - fromPending)}, {trust, -fromTrust},
		{payeeAccount("seller", bucketAvailable, terms.Seller), amount}})
	return p.draft(draftOf{event: "commission.clawback", data: data, lines: lines, told: stored, trusts: moves})
}

// outOfTrust computes what a creator's trust gives when an amount is taken of what was released. It names no creator if
// nothing of the story is set aside.
func (p *planner) outOfTrust(told *story, creator string, c money.Currency, released, amount, before money.Minor) (trustMove, error) {
	if before <= 0 {
		return trustMove{}, nil
	}
	rate, ok, err := told.trustRate(creator)
	if err != nil || !ok {
		return trustMove{}, err
	}
	move, err := newTrustMove(minor{creator, rate}, c, released-amount, before)
	if err != nil {
		return trustMove{}, err
	}
	free, err := p.trustFree(creator, c)
	if err != nil {
		return trustMove{}, err
	}
	move.After = max(min(move.After, move.Before), move.Before-cents(min(free, amount)))
	return move, nil
}
