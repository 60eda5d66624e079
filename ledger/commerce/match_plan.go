package commerce

import (
	"slices"

	"mizan/ledger"
	"mizan/ledger/money"
)

// What pledges, their funding and their end post.

// matchEvent reads what every event of matching starts from.
func (p *planner) matchEvent(campaign string) (*campaignTerms, *tally, *preparation, error) {
	c, t, err := p.campaignEvent(campaign)
	if err != nil {
		return nil, nil, nil, err
	}
	if t.Match.Closed {
		return nil, nil, nil, ErrOrderState.With("The campaign's matching is closed.")
	}
	return c, t, c.reading(p.book), nil
}

// matchStored is an event of matching as it is kept, with the tally that it carries on.
type matchStored struct {
	tallied
	Event any `json:"event"`
}

// postTally posts a transaction that carries the tally on, with the event it stands for.
func (p *planner) postTally(c *campaignTerms, t *tally, x *transfer, decision bool) error {
	data, err := keep(matchStored{tallied{Tally: t}, p.event.Data})
	if err != nil {
		return err
	}
	return p.draft(draftOf{event: p.event.Type, campaign: c.ID, lines: x.lines, data: data, decision: decision})
}

func (d *MatchPledged) plan(p *planner) error {
	c, t, prep, err := p.matchEvent(d.Campaign)
	if err != nil {
		return err
	}
	amount := prep.positive("/amount", d.Amount)
	if err := t.Match.pledge(prep, d.Funder, d.Ratio, d.CapPerDonor, amount); err != nil {
		return err
	}
	x := &transfer{currency: c.currency}
	if d.Funder != platformPayee { // the platform owes itself nothing: its pledge is a fact
		x.debit(sponsorReceivable(d.Funder), amount)
		x.credit(sponsorPledge(d.Funder), amount)
	}
	return p.postTally(c, t, x, false)
}

// pledge adds to what may be matched. All pledges of a campaign have one ratio and one cap per donor, because donors are
// told one.
func (m *matchTally) pledge(prep *preparation, funder, ratio string, perDonor *string, amount money.Minor) error {
	if ratio == "" {
		ratio = "1"
	}
	r, err := money.ParseRate(ratio)
	if err != nil {
		return err
	}
	var donorCap *int64
	if perDonor != nil {
		n := int64(prep.positive("/cap_per_donor", *perDonor))
		donorCap = &n
	}
	if err := prep.err(); err != nil {
		return err
	}
	same := func(a, b *int64) bool { return (a == nil) == (b == nil) && (a == nil || *a == *b) }
	if len(m.Funders) > 0 && (m.Ratio != r.String() || !same(m.PerDonor, donorCap)) {
		return ErrPromise.With("Donors were promised another ratio or cap per donor for this campaign. Pledge under the same terms.")
	}
	f := m.by(funder)
	if len(m.Funders) > maxFunders {
		return ErrCampaignMoney.With("A campaign has at most 10 funders. Close its matching, or pledge through one of them.")
	}
	if m.pledged()+int64(amount) > maxEventAmount {
		return money.ErrOverflow
	}
	m.Ratio, m.PerDonor = r.String(), donorCap
	f.Pledged += int64(amount)
	return nil
}

func sponsorReceivable(id string) ledger.Address {
	return ledger.Address("assets:receivable:match_sponsor:" + id)
}

func sponsorPledge(id string) ledger.Address { return ledger.Address("liabilities:match_pledge:" + id) }

func (d *MatchCashMoved) plan(p *planner) error {
	c, t, prep, err := p.matchEvent(d.Campaign)
	if err != nil {
		return err
	}
	amount := prep.positive("/amount", d.Amount)
	if err := prep.err(); err != nil {
		return err
	}
	x := &transfer{currency: c.currency}
	x.debit(safeguarded(orMain(d.BankAccount)), amount)
	x.credit(ledger.Address("assets:bank:operating:"+orMain(d.From)), amount)
	t.Safe += int64(amount)
	t.Match.Moved += int64(amount)
	return p.postTally(c, t, x, false)
}

func (d *MatchFunded) plan(p *planner) error {
	c, t, prep, err := p.matchEvent(d.Campaign)
	if err != nil {
		return err
	}
	amount := prep.positive("/amount", d.Amount)
	if err := prep.err(); err != nil {
		return err
	}
	m := &t.Match
	x := &transfer{currency: c.currency}
	f := m.by(d.Funder)
	open := f.Pledged - f.Funded
	if d.Funder == platformPayee {
		if int64(amount) > m.Moved {
			return ErrCampaignMoney.Withf("The platform's match is funded only with money in the safeguarded account: %s %s was moved for it. Record match.cash_moved first.", money.Minor(m.Moved).Format(c.currency), c.Currency)
		}
		m.Moved -= int64(amount)
		if more := int64(amount) - open; more > 0 {
			if open == 0 && f.Funded == 0 {
				m.Funders = slices.DeleteFunc(m.Funders, func(f matchFunder) bool { return f.Pledged == 0 })
			}
			ratio, perDonor := d.Ratio, d.CapPerDonor
			if len(m.Funders) > 0 && ratio == "" && perDonor == nil { // under the terms that were pledged
				ratio, perDonor = m.Ratio, m.cap(c.currency)
			}
			if err := m.pledge(prep, d.Funder, ratio, perDonor, money.Minor(more)); err != nil {
				return err
			}
		}
		x.debit(accountMatch, amount)
	} else {
		if int64(amount) > open {
			return ErrCampaignMoney.With("More would be funded than this sponsor has pledged and not paid. Record match.pledged for the rest first.")
		}
		x.debit(safeguarded(orMain(d.BankAccount)), amount)
		x.credit(sponsorReceivable(d.Funder), amount)
		x.debit(sponsorPledge(d.Funder), amount)
		t.Safe += int64(amount)
	}
	m.by(d.Funder).Funded += int64(amount)
	x.credit(matchFund(c.ID), amount)
	return p.payPromises(c, t, x)
}

// cap is the cap per donor as an event writes it.
func (m *matchTally) cap(c money.Currency) *string {
	if m.PerDonor == nil {
		return nil
	}
	s := money.Minor(*m.PerDonor).Format(c)
	return &s
}

func (d *MatchPromisesPaid) plan(p *planner) error {
	c, t, _, err := p.matchEvent(d.Campaign)
	if err != nil {
		return err
	}
	if t.Match.Waiting == 0 || t.Match.funded() <= t.Match.Drawn {
		return ErrCampaignMoney.With("No promise waits that the fund could pay.")
	}
	return p.payPromises(c, t, &transfer{currency: c.currency})
}

// paidPromise is a promise that is paid, in whole or in part.
type paidPromise struct {
	donation string
	lines    []ledger.Line
}

// payPromises posts the event and pays promises from what the fund has, in the order of the donations.
func (p *planner) payPromises(c *campaignTerms, t *tally, x *transfer) error {
	var paid []paidPromise
	m := &t.Match
	for m.Waiting > 0 && m.Drawn < m.funded() && len(paid) < maxPaidAtOnce {
		page, err := p.service.look.story(p.ctx, p.book, ledger.TransactionQuery{Subject: tallySubject(c.ID), After: m.After, Limit: pageOfStory})
		if err != nil {
			return err
		}
		for i := range page.Transactions {
			done, err := p.payPromise(c, t, &page.Transactions[i], &paid)
			if err != nil {
				return err
			}
			if !done || len(paid) >= maxPaidAtOnce {
				break
			}
		}
		if !page.More {
			break
		}
	}
	if err := p.postTally(c, t, x, false); err != nil {
		return err
	}
	for i, one := range paid {
		if err := p.draft(draftOf{event: eventMatched, kind: p.event.Type, part: i + 1, subject: "donation:" + one.donation, campaign: c.ID, lines: one.lines}); err != nil {
			return err
		}
	}
	return nil
}

// payPromise pays the promise of one record of the tally, if it holds one; done says that nothing of it is left to pay.
func (p *planner) payPromise(c *campaignTerms, t *tally, record *ledger.Transaction, paid *[]paidPromise) (done bool, err error) {
	m := &t.Match
	stored, err := storedAs[tallied](record)
	if err != nil {
		return false, err
	}
	pass := func() { m.After, m.Part = record.Sequence, 0 }
	if stored.Promise == nil {
		pass()
		return true, nil
	}
	told, err := p.story("donation:" + stored.Promise.Donation)
	if err != nil {
		return false, err
	}
	first := told.first(eventReceived)
	if first == nil || told.wentBack() {
		pass()
		return true, nil
	}
	g, err := storedAs[givenStored](first)
	if err != nil {
		return false, err
	}
	amount := min(stored.Promise.Amount-m.Part, m.funded()-m.Drawn)
	if amount <= 0 {
		return false, nil
	}
	weights := make([]money.Weight, len(g.Shares))
	for i, s := range g.Shares {
		weights[i] = s.Weight
	}
	parts, err := money.Allocate(money.Minor(amount), weights, c.currency.PostingUnit())
	if err != nil {
		return false, err
	}
	x := &transfer{currency: c.currency}
	x.debit(matchFund(c.ID), money.Minor(amount))
	for i, s := range g.Shares {
		x.credit(donationPending(s.Payee, c.ID), parts[i])
		t.of(s.Payee).Matched += int64(parts[i])
	}
	*paid = append(*paid, paidPromise{stored.Promise.Donation, x.lines})
	m.Drawn += amount
	m.Matched += amount
	m.Promised -= amount
	if m.Part += amount; m.Part < stored.Promise.Amount {
		return false, nil
	}
	m.Waiting--
	pass()
	return true, nil
}

// plan gives the rest back. A match that returns to the fund with a refund after the close goes back to the funders by
// another close; what was pledged and never paid ends with the first.
func (d *MatchClosed) plan(p *planner) error {
	c, t, err := p.campaignEvent(d.Campaign)
	if err != nil {
		return err
	}
	m := &t.Match
	if len(m.Funders) == 0 {
		return ErrOrderState.With("The campaign has no match that could be closed.")
	}
	if m.Promised > 0 {
		return ErrPromise.With("Matches are promised to donors and not funded yet. Fund and pay them before the matching is closed.")
	}
	rest, err := p.balanceIn(matchFund(c.ID), c.currency)
	if err != nil {
		return err
	}
	if m.Closed && rest <= 0 {
		return ErrOrderState.With("The campaign's matching is closed, and nothing has come back since.")
	}
	funded := make([]money.Minor, len(m.Funders))
	for i, f := range m.Funders {
		funded[i] = money.Minor(f.Funded)
	}
	parts := make([]money.Minor, len(m.Funders))
	if rest > 0 {
		if parts, err = money.AllocateOver(rest, funded, c.currency.PostingUnit()); err != nil {
			return err
		}
	}
	x := &transfer{currency: c.currency}
	x.debit(matchFund(c.ID), rest)
	home := money.Minor(m.Moved)
	for i, f := range m.Funders {
		open := money.Minor(f.Pledged - f.Funded)
		if m.Closed {
			open = 0
		}
		if f.Funder == platformPayee {
			x.credit(accountMatch, parts[i])
			home += parts[i]
			continue
		}
		x.credit(safeguarded(orMain(d.BankAccount)), parts[i])
		x.debit(sponsorPledge(f.Funder), open)
		x.credit(sponsorReceivable(f.Funder), open)
		t.Safe -= int64(parts[i])
	}
	x.debit(ledger.Address("assets:bank:operating:"+orMain(d.To)), home)
	x.credit(safeguarded(orMain(d.BankAccount)), home)
	t.Safe -= int64(home)
	m.Moved, m.Closed = 0, true
	return p.postTally(c, t, x, true)
}
