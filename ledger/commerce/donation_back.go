package commerce

import (
	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// A donation that goes back: refunded by us, or taken back by the donor's bank. It goes back in full only. Each
// beneficiary gives its part back from where it waits; a part that was disbursed stays with the beneficiary, and the
// platform bears it. The match returns to the fund in a transaction of its own.

func (d *DonationRefunded) prepare(p *preparation) {
	p.id("/donation", d.Donation, true)
	p.id("/payment_refund_id", d.PaymentRefundID, false)
}

func (d *DonationDisputed) prepare(p *preparation) {
	p.id("/donation", d.Donation, true)
	p.id("/dispute", d.Dispute, true)
}

// ErrDonationUnknown means that no such donation was recorded.
var ErrDonationUnknown = fault.New(fault.NotFound, "donation-unknown", "No donation of this id is recorded in the book. Check its id, or record it first.")

// backStored is a donation's way back as it is kept.
type backStored struct {
	Donation        string     `json:"donation"`
	PaymentRefundID string     `json:"payment_refund_id,omitempty"`
	Dispute         string     `json:"dispute,omitempty"`
	Campaign        string     `json:"campaign"`
	Currency        string     `json:"currency"`
	Charge          int64      `json:"charge"`
	Tip             int64      `json:"tip,omitempty"`
	Ours            int64      `json:"platform_fee,omitempty"`
	CardFee         int64      `json:"card_fee,omitempty"`
	DisputeFee      int64      `json:"dispute_fee,omitempty"`
	Shares          []backPart `json:"shares"`
	// FeeTo bears the card fee, and LossTo what beneficiaries keep.
	FeeTo  string `json:"fee_to"`
	LossTo string `json:"loss_to"`
}

// backPart is what one beneficiary's account gives back of a donation.
type backPart struct {
	Payee   string `json:"payee"`
	Account string `json:"account,omitempty"` // none if the beneficiary keeps it
	Amount  int64  `json:"amount"`
	Match   int64  `json:"match,omitempty"`
}

// wentBack reports whether a donation was refunded or disputed.
func (s *story) wentBack() bool {
	return s.first("donation.refunded") != nil || s.first("donation.disputed") != nil
}

func (d *DonationRefunded) plan(p *planner) error {
	return p.goBack(&backStored{Donation: d.Donation, PaymentRefundID: d.PaymentRefundID, LossTo: accountGoodwill}, "")
}

func (d *DonationDisputed) plan(p *planner) error {
	return p.goBack(&backStored{Donation: d.Donation, Dispute: d.Dispute, LossTo: accountChargebackLoss}, d.Fee)
}

// goBack posts a donation's way back.
func (p *planner) goBack(b *backStored, disputeFee string) error {
	told, err := p.story(p.event.Data.subject())
	if err != nil {
		return err
	}
	first := told.first(eventReceived)
	if first == nil {
		return ErrDonationUnknown
	}
	if told.wentBack() {
		return ErrRepeated.With("This donation went back before. Each party is refunded once.")
	}
	g, err := storedAs[givenStored](first)
	if err != nil {
		return err
	}
	c, err := p.campaign(g.Campaign)
	if err != nil {
		return err
	}
	t, err := p.tally(c)
	if err != nil {
		return err
	}
	prep := &preparation{currency: c.currency, unit: 1}
	b.DisputeFee = int64(prep.amount("/fee", disputeFee))
	if err := prep.err(); err != nil {
		return err
	}
	_, tip := g.money()
	b.Campaign, b.Currency, b.Charge, b.Tip, b.Ours = g.Campaign, g.Currency, int64(g.charge()), int64(tip), g.Ours
	surplus, err := p.sharesBack(b, c, t, &g, told)
	if err != nil {
		return err
	}
	b.CardFee = g.Fee - surplus
	b.FeeTo = b.LossTo
	for _, s := range b.Shares {
		if s.Account != "" {
			b.FeeTo = accountProcessorFee
		}
	}
	if len(b.Shares) == 0 {
		b.FeeTo = accountProcessorFee
	}
	t.uncount(&g, b)
	return p.postBack(b, c, t, &g, told)
}

// sharesBack finds from which account each beneficiary gives back what it had of the donation: of the gift, of a lower card
// fee, and of the match.
func (p *planner) sharesBack(b *backStored, c *campaignTerms, t *tally, g *givenStored, told *story) (surplus int64, err error) {
	extra, matched := map[string]int64{}, map[string]int64{}
	for _, n := range told.named(eventSurplusNoted) {
		of, err := storedAs[feeOfDonation](n)
		if err != nil {
			return 0, err
		}
		for _, s := range of.Shares {
			extra[s.Payee] += s.Amount
			surplus += s.Amount
		}
	}
	for _, n := range told.named(eventMatched) {
		for _, s := range g.Shares {
			for _, e := range n.Entries {
				if e.Account == donationPending(s.Payee, c.ID) {
					matched[s.Payee] -= int64(e.Amount)
				}
			}
		}
	}
	for _, s := range g.Shares {
		part := backPart{Payee: s.Payee, Amount: s.Amount + extra[s.Payee], Match: s.Match + matched[s.Payee]}
		if part.Amount+part.Match == 0 {
			continue
		}
		part.Account = string(t.whereIs(s.Payee, g.Number, c.ID))
		if part.Account != "" {
			held, err := p.balanceIn(ledger.Address(part.Account), c.currency)
			if err != nil {
				return 0, err
			}
			if int64(held) < part.Amount+part.Match { // a late match or surplus of it may wait in the other bucket
				part.Account = ""
				for _, a := range []ledger.Address{donationPending(s.Payee, c.ID), donationAvailable(s.Payee, c.ID)} {
					if held, err := p.balanceIn(a, c.currency); err != nil {
						return 0, err
					} else if int64(held) >= part.Amount+part.Match {
						part.Account = string(a)
					}
				}
			}
		}
		b.Shares = append(b.Shares, part)
	}
	return surplus, nil
}

// whereIs is the account that holds a beneficiary's part of a donation, or nothing if it was disbursed.
func (t *tally) whereIs(payee string, number int64, campaign string) ledger.Address {
	b := t.of(payee)
	if b.Redirected != "" && number <= b.RedirectedThrough {
		to := t.of(b.Redirected)
		released := number <= b.RedirectedReleased
		switch {
		case number <= b.Disbursed || to.DisbursedStep > b.RedirectedStep:
			return ""
		case released || to.ReleasedStep > b.RedirectedStep:
			return donationAvailable(to.Payee, campaign)
		}
		return donationPending(to.Payee, campaign)
	}
	switch {
	case number <= b.Disbursed:
		return ""
	case number <= b.Released:
		return donationAvailable(payee, campaign)
	}
	return donationPending(payee, campaign)
}

// uncount takes a donation out of the tally.
func (t *tally) uncount(g *givenStored, b *backStored) {
	gift, tip := g.money()
	t.Given -= int64(gift)
	t.Tips -= int64(tip)
	t.PlatformFee -= g.Ours
	if g.CoverFee {
		t.Covered -= g.Fee
	} else {
		t.CardFees -= g.Fee
	}
	t.Refunds++
	t.Refunded += int64(gift)
	t.Cash -= b.Charge + b.DisputeFee
	for _, s := range g.Shares {
		b := t.of(s.Payee)
		b.BackFees += s.Fee
		b.Ours -= s.Ours
	}
	for _, s := range b.Shares {
		of := t.of(s.Payee)
		if s.Account == "" {
			t.Borne += s.Amount
			continue
		}
		of.BackDonated += s.Amount
		of.BackMatched += s.Match
		t.Match.Matched -= s.Match
	}
}

// postBack posts the way back, and the match's.
func (p *planner) postBack(b *backStored, c *campaignTerms, t *tally, g *givenStored, told *story) error {
	x := &transfer{currency: c.currency}
	y := &transfer{currency: c.currency}
	back, loss := money.Minor(0), money.Minor(0)
	for _, s := range b.Shares {
		if s.Account == "" {
			loss += money.Minor(s.Amount)
			continue
		}
		x.debit(ledger.Address(s.Account), money.Minor(s.Amount))
		y.debit(ledger.Address(s.Account), money.Minor(s.Match))
		back += money.Minor(s.Match)
	}
	if b.FeeTo == b.LossTo {
		loss += money.Minor(b.CardFee)
	} else {
		x.debit(ledger.Address(b.FeeTo), money.Minor(b.CardFee))
	}
	x.debit(ledger.Address(b.LossTo), loss)
	x.debit(accountDonationFee, money.Minor(b.Ours))
	x.debit(accountDonorTip, money.Minor(b.Tip))
	x.debit(accountDisputeFee, money.Minor(b.DisputeFee))
	prep := c.reading(p.book)
	for i, pay := range g.Payments {
		ref := b.PaymentRefundID
		if ref == "" || len(g.Payments) > 1 {
			ref = pay.PaymentID
		}
		amount := prep.amount(at("/payments", i), pay.Amount)
		if i == 0 {
			amount += money.Minor(b.DisputeFee)
		}
		x.add(processorAccount(bucketAvailable, pay.Processor), -amount, ref)
	}
	data, err := keep(b)
	if err != nil {
		return err
	}
	y.credit(matchFund(c.ID), back)
	t.matchBack(c, g, told, int64(back))
	carried, err := keep(tallied{Tally: t, Back: &tallyBack{g.Number, b.Shares}})
	if err != nil {
		return err
	}
	kind := p.event.Type
	if err := p.draft(draftOf{event: kind, campaign: c.ID, lines: x.lines, data: data, told: b}); err != nil {
		return err
	}
	event := eventCounted
	if back > 0 {
		event = eventMatchReversed
	}
	return p.draft(draftOf{event: event, kind: kind, part: 1, subject: tallySubject(c.ID), campaign: c.ID, lines: y.lines, data: carried})
}

// matchBack gives a match back to the fund, and ends what is still promised of it.
func (t *tally) matchBack(c *campaignTerms, g *givenStored, told *story, back int64) {
	m := &t.Match
	if g.Match == nil {
		return
	}
	rest := g.Match.Promised
	for _, n := range told.named(eventMatched) {
		for _, e := range n.Entries {
			if e.Account == matchFund(c.ID) {
				rest -= int64(e.Amount)
			}
		}
	}
	if rest > 0 {
		if rest < g.Match.Promised { // it was the next to be paid
			m.Part = 0
		}
		m.Waiting--
		m.Promised -= rest
	}
	if c.MatchReallocate {
		m.Used -= back + rest
		m.Drawn -= back
	}
}

func (b *backStored) tell() []Step {
	t := &tale{currency: money.Currency(b.Currency)}
	for _, s := range b.Shares {
		if s.Account != "" {
			t.plain("share_back", "Back from "+s.Payee, s.Account, -money.Minor(s.Amount), "its part of the donation")
			if s.Match != 0 {
				t.plain("match_back", "Match back from "+s.Payee, s.Account, -money.Minor(s.Match), "its part of the match returns to the fund")
				t.plain("match_back", "Back in the match fund", string(matchFund(b.Campaign)), money.Minor(s.Match), "from "+s.Payee)
			}
			continue
		}
		t.plain("share_kept", "Kept by "+s.Payee, b.LossTo, -money.Minor(s.Amount), "because it was disbursed; the platform bears it")
	}
	if b.CardFee != 0 {
		t.plain("card_fee", "Card fee of the donation", b.FeeTo, -money.Minor(b.CardFee), "which the platform bears")
	}
	if b.Ours != 0 {
		t.plain("platform_fee", "Platform fee back", accountDonationFee, -money.Minor(b.Ours), "")
	}
	if b.Tip != 0 {
		t.plain("tip", "Tip back", accountDonorTip, -money.Minor(b.Tip), "")
	}
	if b.DisputeFee != 0 {
		t.plain("dispute_fee", "Fee for the dispute", accountDisputeFee, -money.Minor(b.DisputeFee), "which the platform bears")
	}
	return t.steps
}
