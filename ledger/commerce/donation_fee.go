package commerce

import (
	"slices"

	"mizan/ledger"
	"mizan/ledger/money"
)

// The real card fee of a donation. The donation bears what was quoted and no more: what is missing is the platform's cost,
// what is left over is the beneficiaries' (W-12).

// paymentNote says which donation a payment is for, and what of the quoted fee belongs to it.
type paymentNote struct {
	Donation string `json:"donation"`
	Campaign string `json:"campaign"`
	Quoted   int64  `json:"quoted"`
}

// payments computes what of the quote belongs to each payment, and pays fees that came before the donation from it.
func (d *DonationReceived) payments(p *planner, c *campaignTerms, t *tally, g *givenStored) (notes []paymentNote, err error) {
	prep := c.reading(p.book)
	amounts := make([]money.Minor, len(d.Payments))
	for i, x := range d.Payments {
		amounts[i] = prep.amount(at("/payments", i), x.Amount)
	}
	quoted, err := money.AllocateOver(money.Minor(g.Fee), amounts, c.currency.PostingUnit())
	if err != nil {
		return nil, err
	}
	for i, x := range d.Payments {
		told, err := p.story("payment:" + x.PaymentID)
		if err != nil {
			return nil, err
		}
		if told.named(eventPaymentNoted) != nil {
			return nil, ErrRepeated.With("One of the payments paid another donation. Check its id.")
		}
		fee := money.Minor(0)
		for _, f := range told.named("processor.fee_recorded") {
			for _, e := range f.Entries {
				if e.Account == accountProcessorFee && e.Currency == c.currency {
					fee += e.Amount
				}
			}
		}
		notes = append(notes, paymentNote{Donation: d.Donation, Campaign: c.ID, Quoted: int64(quoted[i])})
		if fee <= 0 {
			g.Early = append(g.Early, feeOfDonation{})
			continue
		}
		of := feeOfDonation{Donation: d.Donation, Campaign: c.ID, Quoted: int64(quoted[i]), Paid: int64(min(fee, quoted[i]))}
		of.Surplus = of.Quoted - of.Paid
		if err := of.share(c, t, g); err != nil {
			return nil, err
		}
		g.Early = append(g.Early, of)
		t.Cash -= int64(fee)
	}
	if !slices.ContainsFunc(g.Early, func(f feeOfDonation) bool { return f.Donation != "" }) {
		g.Early = nil
	}
	return notes, nil
}

// noted leaves with each payment which donation it is for. A fee that came before is paid from the quote now.
func (p *planner) noted(c *campaignTerms, g *givenStored, notes []paymentNote, part int) error {
	for i, n := range notes {
		payment := g.Payments[i].PaymentID
		if g.Early != nil && g.Early[i].Paid > 0 {
			of := &g.Early[i]
			x := &transfer{currency: c.currency}
			x.debit(passthrough(c.ID), money.Minor(of.Paid))
			x.credit(accountProcessorFee, money.Minor(of.Paid))
			if err := p.draft(draftOf{event: eventFeeAttributed, kind: p.event.Type, part: part, subject: "payment:" + payment, campaign: c.ID, lines: x.lines}); err != nil {
				return err
			}
			next, err := p.surplus(c, of, payment, part+1)
			if err != nil {
				return err
			}
			part = next
		}
		data, err := keep(n)
		if err != nil {
			return err
		}
		if err := p.draft(draftOf{event: eventPaymentNoted, kind: p.event.Type, part: part, subject: "payment:" + payment, campaign: c.ID, data: data}); err != nil {
			return err
		}
		part++
	}
	return nil
}

// feeStored is a processor's fee as it is kept, with what it meant for a donation if it was one's.
type feeStored struct {
	FeeRecorded
	Of *feeOfDonation `json:"donation,omitempty"`
}

// feeOfDonation is how a donation's real fee was paid.
type feeOfDonation struct {
	Donation string `json:"donation"`
	Campaign string `json:"campaign"`
	Quoted   int64  `json:"quoted"`
	// Paid came from the quote, Missing from the platform; Surplus is left of the quote, for the beneficiaries or, if the
	// donation went back and the platform bore its fee, for the platform.
	Paid    int64       `json:"paid"`
	Missing int64       `json:"missing,omitempty"`
	Surplus int64       `json:"surplus,omitempty"`
	Back    bool        `json:"back,omitempty"`
	Shares  []giftShare `json:"shares,omitempty"`
}

// ofDonation plans the fee of a donation's payment.
func (d *FeeRecorded) ofDonation(p *planner, told *story, notedIn *ledger.Transaction) error {
	note, err := storedAs[paymentNote](notedIn)
	if err != nil {
		return err
	}
	given, err := p.story("donation:" + note.Donation)
	if err != nil {
		return err
	}
	first := given.first(eventReceived)
	if first == nil {
		return ErrOrderEdited.With("The donation of this payment was reversed by hand. Record the fee as a transaction.")
	}
	g, err := storedAs[givenStored](first)
	if err != nil {
		return err
	}
	c, err := p.campaign(note.Campaign)
	if err != nil {
		return err
	}
	if d.Currency != c.Currency {
		return ErrPromise.Withf("The fee of a donation in %s is in another currency. Convert it first; a donation bears no exchange.", c.Currency)
	}
	t, err := p.tally(c)
	if err != nil {
		return err
	}
	prep := &preparation{currency: c.currency, unit: 1}
	real := prep.amount("", d.Amount)
	of := &feeOfDonation{Donation: note.Donation, Campaign: note.Campaign, Back: given.wentBack()}
	left := told.net(passthrough(c.ID), c.currency) + money.Minor(note.Quoted)
	of.Quoted = int64(left)
	of.Paid = int64(min(real, left))
	of.Missing = int64(real) - of.Paid
	of.Surplus = int64(left) - of.Paid
	if err := of.share(c, t, &g); err != nil {
		return err
	}
	t.Cash -= int64(real)
	return d.postOf(p, c, t, of)
}

// share splits what is left of the quote among the beneficiaries by the donation's own weights. The processor's arithmetic
// may leave less than our posting unit: that part cannot be passed on. Nor does a donation that went back pass anything on,
// whose fee the platform bore.
func (of *feeOfDonation) share(c *campaignTerms, t *tally, g *givenStored) error {
	if of.Surplus <= 0 || of.Back {
		return nil
	}
	unit := c.currency.PostingUnit()
	weights := make([]money.Weight, len(g.Shares))
	for i, s := range g.Shares {
		weights[i] = s.Weight
	}
	parts, err := money.Allocate(money.Minor(of.Surplus)/unit*unit, weights, unit)
	if err != nil {
		return err
	}
	for i, s := range g.Shares {
		of.Shares = append(of.Shares, giftShare{Payee: s.Payee, Weight: s.Weight, Amount: int64(parts[i])})
		t.of(s.Payee).Surplus += int64(parts[i])
	}
	return nil
}

// postOf posts a donation's real fee, and what is left of the quote.
func (d *FeeRecorded) postOf(p *planner, c *campaignTerms, t *tally, of *feeOfDonation) error {
	stored := &feeStored{*d, of}
	data, err := keep(stored)
	if err != nil {
		return err
	}
	cash := d.Cash
	if cash == "" {
		cash = bucketPending
	}
	x := &transfer{currency: c.currency}
	x.debit(passthrough(c.ID), money.Minor(of.Paid))
	x.debit(accountProcessorFee, money.Minor(of.Missing))
	x.add(processorAccount(cash, d.Processor), -money.Minor(of.Paid+of.Missing), d.PaymentID)
	if err := p.draft(draftOf{event: "processor.fee_recorded", campaign: c.ID, lines: x.lines, data: data, told: stored}); err != nil {
		return err
	}
	part, err := p.surplus(c, of, d.PaymentID, 1)
	if err != nil {
		return err
	}
	return p.counted(c, t, part)
}

// surplus passes on what is left of a quote, and returns the next part. It clears the quote of the payment, so it belongs
// to the payment's story; the refund of the donation finds what it gave in the donation's own.
func (p *planner) surplus(c *campaignTerms, of *feeOfDonation, payment string, part int) (int, error) {
	if of.Surplus <= 0 {
		return part, nil
	}
	x := &transfer{currency: c.currency}
	x.debit(passthrough(c.ID), money.Minor(of.Surplus))
	rest := of.Surplus
	for _, s := range of.Shares {
		x.credit(donationPending(s.Payee, c.ID), money.Minor(s.Amount))
		rest -= s.Amount
	}
	x.credit(accountProcessorFee, money.Minor(rest))
	data, err := keep(of)
	if err != nil {
		return 0, err
	}
	if err := p.draft(draftOf{event: eventSurplus, kind: p.event.Type, part: part, subject: "payment:" + payment, campaign: c.ID, lines: x.lines}); err != nil {
		return 0, err
	}
	return part + 2, p.draft(draftOf{event: eventSurplusNoted, kind: p.event.Type, part: part + 1, subject: "donation:" + of.Donation, campaign: c.ID, data: data})
}

func (f *feeStored) tell() []Step {
	if f.Of == nil {
		return []Step{}
	}
	c := money.Currency(f.Currency)
	t := &tale{currency: c}
	f.Of.tell(t)
	return t.steps
}

// tell tells how a real fee was paid, and who got what was left of the quote.
func (of *feeOfDonation) tell(t *tale) {
	c := t.currency
	t.plain("card_fee", "Paid from the quoted card fee", string(passthrough(of.Campaign)), -money.Minor(of.Paid), "of "+money.Minor(of.Quoted).Format(c)+" that was quoted")
	if of.Missing > 0 {
		t.plain("card_fee_missing", "More than quoted, paid by the platform", accountProcessorFee, -money.Minor(of.Missing), "the donation bears the quote and no more")
	}
	if of.Surplus == 0 {
		return
	}
	t.plain("card_fee_surplus", "Left of the quote", string(passthrough(of.Campaign)), -money.Minor(of.Surplus), "the fee was lower than quoted")
	var sum money.Weight
	whole := int64(0)
	for _, s := range of.Shares {
		whole += s.Amount
		if next, err := sum.Add(s.Weight); err == nil {
			sum = next
		}
	}
	for _, s := range of.Shares {
		t.split("card_fee_surplus", "Share of "+s.Payee+" in what is left", string(donationPending(s.Payee, of.Campaign)), money.Minor(whole), s.Weight, sum, money.Minor(s.Amount))
	}
	if rest := of.Surplus - whole; rest > 0 {
		why := "it is less than can be posted to the beneficiaries"
		if of.Back {
			why = "the platform bore the fee of this donation, which went back"
		}
		t.plain("card_fee_surplus", "Back to the platform", accountProcessorFee, money.Minor(rest), why)
	}
}
