package commerce

import (
	"strings"
	"time"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// The way of donations to the beneficiaries: released when the refund windows are over, held, or redirected to an alternate.

// ErrRefundWindow means that donations would be released which can still go back.
var ErrRefundWindow = fault.New(fault.Conflict, "refund-window", "The refund window of these donations is not over. Wait, release through an earlier donation, or release early with a reason.")

func (d *DonationReleased) prepare(p *preparation) {
	p.id("/campaign", d.Campaign, true)
	p.id("/through", d.Through, false)
	if len(d.Beneficiaries) > 2*maxBeneficiaries {
		p.bad("/beneficiaries", "count", "At most 40 beneficiaries are named.")
	}
	for i, b := range d.Beneficiaries {
		p.id(at("/beneficiaries", i), b, true)
		for _, before := range d.Beneficiaries[:i] {
			if b == before {
				p.bad(at("/beneficiaries", i), "repeated", "Each beneficiary is named once.")
			}
		}
	}
	p.id("/reason", d.Reason, false)
	if d.Early && d.Reason == "" {
		p.bad("/reason", "required", "An early release needs a reason.")
	}
}

func (d *DonationHeld) prepare(p *preparation) {
	p.id("/campaign", d.Campaign, true)
	p.id("/beneficiary", d.Beneficiary, true)
	needsReason(p, d.Reason)
}

func (d *DonationHoldReleased) prepare(p *preparation) {
	p.id("/campaign", d.Campaign, true)
	p.id("/beneficiary", d.Beneficiary, true)
	p.id("/document", d.Document, false)
	needsReason(p, d.Reason)
}

func (d *DonationRedirected) prepare(p *preparation) {
	p.id("/redirection", d.Redirection, true)
	p.id("/campaign", d.Campaign, true)
	p.id("/from", d.From, true)
	p.id("/to", d.To, true)
	p.id("/document", d.Document, true)
	needsReason(p, d.Reason)
}

func needsReason(p *preparation, reason string) { p.id("/reason", reason, true) }

// campaignEvent reads what every event of a campaign as a whole starts from.
func (p *planner) campaignEvent(id string) (*campaignTerms, *tally, error) {
	c, err := p.campaign(id)
	if err != nil {
		return nil, nil, err
	}
	t, err := p.tally(c)
	return c, t, err
}

// member finds a beneficiary of the campaign: one of the published split, of an earlier version, or an alternate that
// money was redirected to.
func (c *campaignTerms) member(t *tally, payee string) (*shareTally, error) {
	for _, b := range c.Beneficiaries {
		if b.Payee == payee {
			return t.of(payee), nil
		}
	}
	if t.has(payee) {
		return t.of(payee), nil
	}
	return nil, ErrPromise.Withf("%s is no beneficiary that the campaign has published. Its money goes to the published beneficiaries only.", payee)
}

func (d *DonationHeld) plan(p *planner) error {
	c, t, err := p.campaignEvent(d.Campaign)
	if err != nil {
		return err
	}
	b, err := c.member(t, d.Beneficiary)
	if err != nil {
		return err
	}
	if b.Held != "" {
		return ErrRepeated.With("The beneficiary's money is held already.")
	}
	b.Held = d.Reason
	return p.postTally(c, t, &transfer{currency: c.currency}, false)
}

func (d *DonationHoldReleased) plan(p *planner) error {
	c, t, err := p.campaignEvent(d.Campaign)
	if err != nil {
		return err
	}
	b, err := c.member(t, d.Beneficiary)
	if err != nil {
		return err
	}
	if b.Held == "" {
		return ErrOrderState.With("The beneficiary's money is not held.")
	}
	b.Held = ""
	return p.postTally(c, t, &transfer{currency: c.currency}, false)
}

func (d *DonationReleased) plan(p *planner) error {
	c, t, err := p.campaignEvent(d.Campaign)
	if err != nil {
		return err
	}
	through, ends, credited, err := d.through(p, t)
	if err != nil {
		return err
	}
	if !d.Early && p.service.now().Unix() < ends {
		return ErrRefundWindow.Withf("The refund window of these donations is over at %s. Wait, release through an earlier donation, or release early with a reason.",
			time.Unix(ends, 0).UTC().Format(time.RFC3339))
	}
	payees := d.Beneficiaries
	for i := range t.Of {
		if d.Beneficiaries == nil && t.Of[i].Held == "" {
			payees = append(payees, t.Of[i].Payee)
		}
	}
	var later []*backStored
	if d.Through != "" {
		if later, err = p.backAfter(c, through); err != nil {
			return err
		}
	}
	x := &transfer{currency: c.currency}
	for _, payee := range payees {
		if err := d.release(p, c, t, x, payee, through, credited, later); err != nil {
			return err
		}
	}
	if len(x.lines) == 0 {
		return ErrCampaignMoney.With("Nothing waits to be released. Look at the campaign's totals.")
	}
	return p.postTally(c, t, x, true)
}

// through finds the number of the last donation that is released, when the last window up to it is over, and what each
// beneficiary had been given up to it.
func (d *DonationReleased) through(p *planner, t *tally) (number, ends int64, credited map[string]int64, err error) {
	if d.Through == "" {
		return t.Number, t.WindowEnds, nil, nil
	}
	told, err := p.story("donation:" + d.Through)
	if err != nil {
		return 0, 0, nil, err
	}
	first := told.first(eventReceived)
	if first == nil {
		return 0, 0, nil, ErrDonationUnknown
	}
	g, err := storedAs[givenStored](first)
	if err != nil {
		return 0, 0, nil, err
	}
	if g.Campaign != d.Campaign {
		return 0, 0, nil, ErrDonationUnknown.With("This donation was given to another campaign. Check its id.")
	}
	return g.Number, g.AllEnd, g.Credited, nil
}

// backAfter lists donations later than a number that went back.
func (p *planner) backAfter(c *campaignTerms, number int64) (list []*backStored, err error) {
	for after := int64(0); ; {
		page, err := p.service.look.story(p.ctx, p.book, ledger.TransactionQuery{Subject: tallySubject(c.ID), Descending: true, After: after, Limit: pageOfStory})
		if err != nil {
			return nil, err
		}
		for i := range page.Transactions {
			stored, err := storedAs[tallied](&page.Transactions[i])
			if err != nil || stored.Tally == nil {
				return nil, err
			}
			if stored.Tally.Number <= number {
				return list, nil // what went back this early was given earlier still
			}
			if b := stored.Back; b != nil && b.Number > number {
				list = append(list, &backStored{Shares: b.Shares})
			}
			after = page.Transactions[i].Sequence
		}
		if !page.More {
			return list, nil
		}
		if len(list) > maxOfStory {
			return nil, ErrStoryTooLong
		}
	}
}

// release moves a beneficiary's part of the donations up to a number.
func (d *DonationReleased) release(p *planner, c *campaignTerms, t *tally, x *transfer, payee string, through int64, credited map[string]int64, later []*backStored) error {
	b, err := c.member(t, payee)
	if err != nil {
		return err
	}
	if b.Held != "" {
		return ErrPromise.Withf("The money of %s is held (%s). Release the hold first, or leave it out.", payee, b.Held)
	}
	pending := donationPending(payee, c.ID)
	amount, err := p.balanceIn(pending, c.currency)
	if err != nil {
		return err
	}
	if d.Through != "" {
		if through <= b.Released {
			return nil
		}
		if err := t.mixed(b, through); err != nil {
			return err
		}
		stays := b.credited() - credited[payee]
		for _, back := range later {
			for _, s := range back.Shares {
				if s.Account == string(pending) {
					stays -= s.Amount + s.Match
				}
			}
		}
		amount -= money.Minor(stays)
	}
	if amount <= 0 {
		return nil
	}
	b.Released, b.ReleasedStep = max(b.Released, through), t.Step
	x.debit(pending, amount)
	x.credit(donationAvailable(payee, c.ID), amount)
	return nil
}

// mixed refuses to release up to a donation what waits for a beneficiary together with redirected shares of later ones:
// their refund windows may still be open.
func (t *tally) mixed(to *shareTally, through int64) error {
	for i := range t.Of {
		from := &t.Of[i]
		waits := from.RedirectedReleased < from.RedirectedThrough && from.RedirectedStep > to.ReleasedStep
		if from.Redirected == to.Payee && waits && from.RedirectedThrough > through {
			return ErrPromise.Withf("%s also gets what was redirected from %s, with shares of later donations. Leave %s out of this release, and release its money when all windows are over.",
				to.Payee, from.Payee, to.Payee)
		}
	}
	return nil
}

func (d *DonationRedirected) plan(p *planner) error {
	c, t, err := p.campaignEvent(d.Campaign)
	if err != nil {
		return err
	}
	if _, err := c.member(t, d.From); err != nil {
		return err
	}
	if !c.alternate(d.To) || d.To == d.From {
		named := "none"
		if len(c.Alternates) > 0 {
			named = strings.Join(c.Alternates, ", ")
		}
		return ErrPromise.Withf("%s was not named in advance as one who may get this money (named: %s). Publish a version that names it, and give donors notice.", d.To, named)
	}
	t.of(d.To) // adds it, which may move the others
	from, to := t.of(d.From), t.of(d.To)
	if to.Held != "" {
		return ErrPromise.Withf("The money of %s is held (%s).", d.To, to.Held)
	}
	if to.Redirected != "" {
		return ErrPromise.With("The alternate cannot get its own share either. Redirect to another.")
	}
	if from.Redirected != "" && from.Redirected != d.To {
		return ErrPromise.With("This beneficiary's money was redirected to another alternate before. Redirect the rest to the same.")
	}
	x := &transfer{currency: c.currency}
	moved := money.Minor(0)
	for _, bucket := range []func(string, string) ledger.Address{donationPending, donationAvailable} {
		amount, err := p.balanceIn(bucket(d.From, c.ID), c.currency)
		if err != nil {
			return err
		}
		x.debit(bucket(d.From, c.ID), amount)
		x.credit(bucket(d.To, c.ID), amount)
		moved += amount
	}
	if moved == 0 {
		return ErrCampaignMoney.With("The beneficiary has nothing in the campaign that could be redirected.")
	}
	from.Out += int64(moved)
	to.In += int64(moved)
	from.Redirected, from.RedirectedThrough, from.RedirectedReleased, from.RedirectedStep = d.To, t.Number, from.Released, t.Step
	return p.postTally(c, t, x, true)
}
