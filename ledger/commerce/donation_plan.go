package commerce

import (
	"strings"
	"time"

	"mizan/ledger"
	"mizan/ledger/money"
)

// What a gift posts: the card fee as quoted, the shares of the beneficiaries by the published weights, the tip apart, and
// the match as a transaction of its own.

func (d *DonationReceived) prepare(p *preparation) {
	p.id("/donation", d.Donation, true)
	p.id("/donor", d.Donor, false)
	p.id("/campaign", d.Campaign, true)
	p.id("/live_session", d.Live, false)
	p.useCurrency("/currency", d.Currency)
	p.positive("/amount", d.Amount)
	p.amount("/tip", d.Tip)
	if len(d.Payments) == 0 || len(d.Payments) > 10 {
		p.bad("/payments", "count", "A donation is paid by 1 to 10 payments.")
		return
	}
	for i, x := range d.Payments {
		to := at("/payments", i)
		p.id(to+"/processor", x.Processor, true)
		p.id(to+"/payment_id", x.PaymentID, true)
		p.positive(to+"/amount", x.Amount)
		for _, before := range d.Payments[:i] {
			if before.PaymentID == x.PaymentID {
				p.bad(to+"/payment_id", "repeated", "Each payment is named once.")
			}
		}
	}
}

// givenStored is a donation as it is kept: what was sent, the version of the promise it was given under, and what that
// came to.
type givenStored struct {
	DonationReceived
	Version int   `json:"version"`
	Number  int64 `json:"number"`
	// Ends is when its refund window is over, AllEnd when the last one up to it is, in seconds since 1970.
	Ends    int64       `json:"ends"`
	AllEnd  int64       `json:"all_end"`
	Quote   money.Rate  `json:"quote"`
	Flat    int64       `json:"flat,omitempty"`
	Fee     int64       `json:"fee"`
	Limited bool        `json:"limited,omitempty"`
	Rate    money.Rate  `json:"platform_rate,omitzero"`
	Ours    int64       `json:"platform_fee,omitempty"`
	TipFee  int64       `json:"tip_fee,omitempty"`
	Net     int64       `json:"net"`
	Shares  []giftShare `json:"shares"`
	Match   *matching   `json:"match,omitempty"`
	// Early are the fees of its payments that came before it, by payment; nil if none did.
	Early []feeOfDonation `json:"early_fees,omitempty"`
	// Credited is what each beneficiary of the campaign had been given up to this donation.
	Credited map[string]int64 `json:"credited"`
}

// giftShare is one beneficiary's part of a gift.
type giftShare struct {
	Payee  string       `json:"payee"`
	Weight money.Weight `json:"weight"`
	Amount int64        `json:"amount"`
	// Fee is the part of the card fee that its share bore, Match its part of the match that was paid at once.
	Fee   int64 `json:"fee,omitempty"`
	Match int64 `json:"match,omitempty"`
	Ours  int64 `json:"platform_fee,omitempty"`
}

func (g *givenStored) money() (gift, tip money.Minor) {
	prep := &preparation{currency: money.Currency(g.Currency), unit: 1}
	return prep.amount("", g.Amount), prep.amount("", g.Tip)
}

// charge is what the donor paid.
func (g *givenStored) charge() money.Minor {
	gift, tip := g.money()
	if g.CoverFee {
		gift += money.Minor(g.Fee)
	}
	return gift + tip
}

func (d *DonationReceived) plan(p *planner) error {
	told, err := p.story(d.subject())
	if err != nil {
		return err
	}
	if told.begun() {
		return ErrRepeated.With("A donation of this id was recorded before. Give the new one an id of its own.")
	}
	c, err := p.campaign(d.Campaign)
	if err != nil {
		return err
	}
	if d.Currency != c.Currency {
		return ErrPromise.Withf("The campaign takes donations in %s only. Convert the donation at its own rate, or give to another campaign.", c.Currency).
			At("/data/currency", "currency", "This is not the campaign's currency.")
	}
	g, err := d.given(c)
	if err != nil {
		return err
	}
	sum := money.Minor(0)
	prep := c.reading(p.book)
	for i, x := range d.Payments {
		sum += prep.amount(at("/payments", i), x.Amount)
	}
	if charge := g.charge(); sum != charge {
		return ledger.ErrInvalid.At("/data/payments", "payments-sum", "The payments do not add up to what the gift, the card fee if it is covered, and the tip come to: "+charge.Format(c.currency)+" "+c.Currency+".")
	}
	return d.record(p, c, g)
}

// given computes the gift without its match.
func (d *DonationReceived) given(c *campaignTerms) (*givenStored, error) {
	g := &givenStored{DonationReceived: *d, Version: c.Version, Quote: c.quote, Flat: int64(c.flat), Rate: c.platformFee}
	unit := c.currency.PostingUnit()
	gift, tip := g.money()
	base := gift
	fee, err := quoted(c, base)
	if err != nil {
		return nil, err
	}
	if d.CoverFee {
		if base, fee, err = money.GrossUp(gift, c.quote, c.flat, money.HalfEven, unit); err != nil {
			return nil, err
		}
		fee = base - gift // a unit more than the fee would be the beneficiaries', but there is none
	} else if fee > gift {
		fee, g.Limited = gift, true
	}
	withTip, err := quoted(c, base+tip)
	if err != nil {
		return nil, err
	}
	net := gift
	if !d.CoverFee {
		net -= fee
	}
	ours, err := c.platformFee.Of(gift, money.HalfEven, unit)
	if err != nil {
		return nil, err
	}
	ours = min(ours, net)
	net -= ours
	g.Fee, g.Ours, g.Net, g.TipFee = int64(fee), int64(ours), int64(net), int64(max(0, withTip-fee))
	shares, err := money.Allocate(net, c.weights, unit)
	if err != nil {
		return nil, err
	}
	borne := fee
	if d.CoverFee {
		borne = 0
	}
	fees, err := money.Allocate(borne, c.weights, unit)
	if err != nil {
		return nil, err
	}
	cut, err := money.Allocate(ours, c.weights, unit)
	if err != nil {
		return nil, err
	}
	for i, b := range c.Beneficiaries {
		g.Shares = append(g.Shares, giftShare{Payee: b.Payee, Weight: c.weights[i], Amount: int64(shares[i]), Fee: int64(fees[i]), Ours: int64(cut[i])})
	}
	return g, nil
}

// quoted is the published card fee of a charge.
func quoted(c *campaignTerms, charge money.Minor) (money.Minor, error) {
	fee, err := c.quote.Of(charge, money.HalfEven, c.currency.PostingUnit())
	return fee + c.flat, err
}

// record counts the gift, matches it, and posts both.
func (d *DonationReceived) record(p *planner, c *campaignTerms, g *givenStored) error {
	t, err := p.tally(c)
	if err != nil {
		return err
	}
	used := int64(0)
	if d.Donor != "" && t.Match.PerDonor != nil {
		if used, err = p.donorUsed(c, d.Donor); err != nil {
			return err
		}
	}
	gift, tip := g.money()
	if g.Match, err = t.Match.match(gift, used, c.currency.PostingUnit()); err != nil {
		return err
	}
	if g.Match != nil {
		parts, err := money.Allocate(money.Minor(g.Match.Paid), c.weights, c.currency.PostingUnit())
		if err != nil {
			return err
		}
		for i := range g.Shares {
			g.Shares[i].Match = int64(parts[i])
		}
	}
	when := p.event.OccurredAt
	if when.IsZero() {
		when = p.service.now()
	}
	g.Ends = when.Add(time.Duration(c.RefundWindowDays) * 24 * time.Hour).Unix()
	t.count(g, gift, tip)
	notes, err := d.payments(p, c, t, g)
	if err != nil {
		return err
	}
	if err := d.post(p, c, g); err != nil {
		return err
	}
	part := 1
	if part, err = d.postMatch(p, c, g, t, used); err != nil {
		return err
	}
	return p.noted(c, g, notes, part)
}

// count adds a gift to the tally.
func (t *tally) count(g *givenStored, gift, tip money.Minor) {
	t.Number++
	g.Number = t.Number
	t.WindowEnds = max(t.WindowEnds, g.Ends)
	g.AllEnd = t.WindowEnds
	t.Given += int64(gift)
	t.Tips += int64(tip)
	t.PlatformFee += g.Ours
	if g.CoverFee {
		t.Covered += g.Fee
	} else {
		t.CardFees += g.Fee
	}
	t.Cash += int64(g.charge())
	g.Credited = map[string]int64{}
	for _, s := range g.Shares {
		b := t.of(s.Payee)
		b.Donated += s.Amount
		b.Fees += s.Fee
		b.Ours += s.Ours
		b.Matched += s.Match
	}
	for i := range t.Of {
		g.Credited[t.Of[i].Payee] = t.Of[i].credited()
	}
	if m := g.Match; m != nil {
		t.Match.Used += m.Paid + m.Promised
		t.Match.Drawn += m.Paid
		t.Match.Matched += m.Paid
		t.Match.Promised += m.Promised
		if m.Promised > 0 {
			t.Match.Waiting++
		}
	}
}

// post posts the gift itself.
func (d *DonationReceived) post(p *planner, c *campaignTerms, g *givenStored) error {
	_, tip := g.money()
	x := &transfer{currency: c.currency}
	prep := c.reading(p.book)
	for i, pay := range d.Payments {
		x.add(processorAccount(bucketPending, pay.Processor), prep.amount(at("/payments", i), pay.Amount), pay.PaymentID)
	}
	for _, s := range g.Shares {
		x.credit(donationPending(s.Payee, c.ID), money.Minor(s.Amount))
	}
	x.credit(passthrough(c.ID), money.Minor(g.Fee))
	x.credit(accountDonationFee, money.Minor(g.Ours))
	x.credit(accountDonorTip, tip)
	data, err := keep(g)
	if err != nil {
		return err
	}
	return p.draft(draftOf{event: eventReceived, campaign: c.ID, liveSession: d.Live, lines: x.lines, data: data, told: g})
}

// postMatch posts the match, or only carries the tally on, and returns the next part.
func (d *DonationReceived) postMatch(p *planner, c *campaignTerms, g *givenStored, t *tally, used int64) (int, error) {
	x := &transfer{currency: c.currency}
	event := eventCounted
	carried := tallied{Tally: t}
	if g.Match != nil {
		if g.Match.Paid > 0 {
			event = eventMatched
			x.debit(matchFund(c.ID), money.Minor(g.Match.Paid))
		}
		if g.Match.Promised > 0 {
			carried.Promise = &matchPromise{d.Donation, g.Match.Promised}
		}
		for _, s := range g.Shares {
			x.credit(donationPending(s.Payee, c.ID), money.Minor(s.Match))
		}
	}
	data, err := keep(carried)
	if err != nil {
		return 0, err
	}
	if err := p.draft(draftOf{event: event, kind: p.event.Type, part: 1, subject: tallySubject(c.ID), campaign: c.ID, liveSession: d.Live, lines: x.lines, data: data}); err != nil {
		return 0, err
	}
	if d.Donor == "" || t.Match.PerDonor == nil || g.Match == nil {
		return 2, nil
	}
	return 3, p.donorCounted(c, d.Donor, used+g.Match.Paid+g.Match.Promised, 2)
}

func (g *givenStored) tell() []Step {
	c := money.Currency(g.Currency)
	t := &tale{currency: c}
	gift, tip := g.money()
	base, of, receiver := gift, "the gift", string(passthrough(g.Campaign))
	if g.CoverFee {
		base, of = gift+money.Minor(g.Fee), "the smallest charge that leaves the gift"
	}
	t.rated("card_fee", "Card processing as quoted", receiver, of, base, g.Quote, money.Minor(g.Flat), money.HalfEven, money.Minor(g.Fee), "beneficiaries")
	if g.Limited {
		t.bounded("max", "limited to the gift,")
	}
	if !g.Rate.IsZero() {
		t.rated("platform_fee", "Platform fee, as published", accountDonationFee, "the gift", gift, g.Rate, 0, money.HalfEven, money.Minor(g.Ours), "beneficiaries")
	}
	if tip != 0 {
		t.plain("tip", "Tip for the platform", accountDonorTip, tip, "beside the gift; its part of the card fee, quoted at "+money.Minor(g.TipFee).Format(c)+", is the platform's")
	}
	sum := g.weights()
	for _, s := range g.Shares {
		t.split("split", "Share of "+s.Payee, string(donationPending(s.Payee, g.Campaign)), money.Minor(g.Net), s.Weight, sum, money.Minor(s.Amount))
	}
	g.tellMatch(t)
	for i := range g.Early {
		if of := &g.Early[i]; of.Paid > 0 {
			t.plain("card_fee", "Back to the platform, which had paid a card fee before", accountProcessorFee, money.Minor(of.Paid), "")
			of.tell(t)
		}
	}
	return t.steps
}

func (g *givenStored) weights() (sum money.Weight) {
	for _, s := range g.Shares {
		if next, err := sum.Add(s.Weight); err == nil {
			sum = next
		}
	}
	return sum
}

// tellMatch tells how the match was found, from which fund it came, and how it was split.
func (g *givenStored) tellMatch(t *tale) {
	m := g.Match
	if m == nil {
		return
	}
	c := t.currency
	gift, _ := g.money()
	ratio, err := money.ParseRate(m.Ratio)
	if err != nil {
		return
	}
	why := []string{percent(ratio) + " of the gift of " + gift.Format(c) + ", before card fees and without the tip, is " + money.Minor(m.Full).Format(c)}
	switch m.Bound {
	case "donor_cap":
		why = append(why, "limited to what is left for the donor, "+money.Minor(*m.DonorLeft).Format(c))
	case "campaign_cap":
		why = append(why, "limited to what is left of the campaign's cap, "+money.Minor(m.CapLeft).Format(c))
	}
	if m.Promised > 0 {
		why = append(why, money.Minor(m.Promised).Format(c)+" of it is promised, not funded yet")
	}
	t.plain("match", "Out of the match fund", string(matchFund(g.Campaign)), -money.Minor(m.Paid), strings.Join(why, ", "))
	st := &t.steps[len(t.steps)-1]
	st.Total, st.Rate, st.Exact, st.Rounding, st.Bound = gift.Format(c), m.Ratio, ratio.Exact(gift, c), money.Floor.String(), m.Bound
	if m.Paid == 0 {
		return
	}
	sum := g.weights()
	for _, s := range g.Shares {
		t.split("match_split", "Share of "+s.Payee+" in the match", string(donationPending(s.Payee, g.Campaign)), money.Minor(m.Paid), s.Weight, sum, money.Minor(s.Match))
	}
}
