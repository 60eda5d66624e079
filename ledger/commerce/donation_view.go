package commerce

import (
	"context"
	"slices"
	"time"

	"mizan/ledger"
	"mizan/ledger/money"
)

// A donation's receipt as data: where the gift went to the smallest unit, what it cost, the tip apart, the match, and how far
// each part is. It says nothing about the donor.

// Donation is a donation's receipt. Amounts are decimal strings in its currency.
type Donation struct {
	Donation    string            `json:"donation" example:"D3"`
	Campaign    string            `json:"campaign" example:"winter24"`
	Version     int               `json:"campaign_version" doc:"The version of the campaign's promise that it was given under"`
	LiveSession string            `json:"live_session,omitempty"`
	Currency    string            `json:"currency" example:"GBP"`
	GivenAt     time.Time         `json:"given_at" format:"date-time"`
	Number      int64             `json:"number" doc:"Its place among the campaign's donations" example:"3"`
	Given       string            `json:"given" example:"106.00"`
	Shares      []DonationShare   `json:"shares" nullable:"false" doc:"Where the gift goes"`
	Layers      []DonationLayer   `json:"layers" nullable:"false" doc:"The whole gift: beneficiaries, card processing, platform, creator and agency, total"`
	Covered     string            `json:"card_fee_covered" doc:"The card fee that the donor paid on top of the gift" example:"0.00"`
	Tip         string            `json:"tip" doc:"For the platform, not part of the gift" example:"5.00"`
	TipCardFee  string            `json:"tip_card_fee" doc:"The tip's part of the card fee, paid by the platform" example:"0.07"`
	Charged     string            `json:"charged" example:"111.00"`
	Match       *DonationMatch    `json:"match,omitempty"`
	RefundUntil time.Time         `json:"refund_until" format:"date-time"`
	ExpectedBy  time.Time         `json:"expected_by" format:"date-time" doc:"When the beneficiaries have it at the latest"`
	Returned    *DonationReturn   `json:"returned,omitempty" doc:"How it went back"`
	Record      []DonationRecords `json:"transactions" nullable:"false"`
	// Sequence is the last transaction of the book that it rests on.
	Sequence int64  `json:"-"`
	Receipt  string `json:"receipt,omitempty" doc:"The id of its public receipt, once it has one" example:"uk-k5w3pz7vq2c4n6m3abdefghijk"`
}

// DonationShare is one beneficiary's part of a gift.
type DonationShare struct {
	Payee      string     `json:"payee" example:"ngo_a"`
	Percentage string     `json:"percentage" doc:"Its part of the split" example:"60.00"`
	Amount     string     `json:"amount" example:"62.59"`
	Matched    string     `json:"matched" example:"48.00"`
	State      string     `json:"state" enum:"pending,held,available,redirected,submitted,disbursed,returned" doc:"How far it is"`
	Reason     string     `json:"reason,omitempty" doc:"Why it is held, or who got it instead"`
	ReleasedAt *time.Time `json:"released_at,omitempty" format:"date-time"`
	PaidAt     *time.Time `json:"disbursed_at,omitempty" format:"date-time"`
	// Release is the reference of the event that released it, empty before; Disbursements are those it went out with, the first first.
	// Both stay when it goes back or to somebody else: a trail that told them is made again.
	Release       string   `json:"-"`
	Disbursements []string `json:"-"`
}

// DonationLayer is one line of the whole gift.
type DonationLayer struct {
	Layer      string `json:"layer" enum:"beneficiaries,card_processing,platform,creator_agency,total"`
	Amount     string `json:"amount" example:"104.32"`
	Percentage string `json:"percentage" example:"98.42"`
}

// DonationMatch is what a gift was matched with.
type DonationMatch struct {
	Matched  string   `json:"matched" doc:"What was matched when it was received, or paid since" example:"80.00"`
	Promised string   `json:"promised_not_funded" example:"0.00"`
	Of       string   `json:"of" example:"106.00"`
	Funders  []string `json:"funders" nullable:"false" example:"[\"platform\"]"`
	Bound    string   `json:"bound,omitempty" enum:"donor_cap,campaign_cap" doc:"What limited it"`
	Cap      string   `json:"cap,omitempty" doc:"All that is pledged for the campaign, where that limited it" example:"150.00"`
}

// DonationReturn is how a donation went back.
type DonationReturn struct {
	How    string    `json:"how" enum:"refunded,disputed"`
	At     time.Time `json:"at" format:"date-time"`
	Amount string    `json:"amount" doc:"All that the donor had paid" example:"20.00"`
}

// DonationRecords is a transaction of a donation in brief.
type DonationRecords struct {
	ID    string    `json:"id"`
	Event string    `json:"event"`
	At    time.Time `json:"occurred_at" format:"date-time"`
}

// Donation returns a donation's receipt, or ErrDonationUnknown.
func (s *Service) Donation(ctx context.Context, book ledger.Book, id string) (*Donation, error) {
	p := &planner{ctx: ctx, service: s, book: book, event: &Event{}}
	told, err := p.story("donation:" + id)
	if err != nil {
		return nil, err
	}
	first := told.first(eventReceived)
	if first == nil {
		return nil, ErrDonationUnknown
	}
	g, err := storedAs[givenStored](first)
	if err != nil {
		return nil, err
	}
	counted, _, err := s.lastOf(ctx, book, tallySubject(g.Campaign))
	if err != nil || counted == nil {
		return nil, err
	}
	t, err := tallyOf(counted)
	if err != nil {
		return nil, err
	}
	versions, err := s.versions(ctx, book, g.Campaign)
	if err != nil {
		return nil, err
	}
	c := money.Currency(g.Currency)
	gift, tip := g.money()
	out := &Donation{Donation: id, Campaign: g.Campaign, Version: g.Version, LiveSession: g.Live, Currency: g.Currency, GivenAt: first.OccurredAt, Number: g.Number,
		Given: gift.Format(c), Covered: money.Minor(0).Format(c), Tip: tip.Format(c), TipCardFee: money.Minor(0).Format(c), Charged: g.charge().Format(c),
		RefundUntil: time.Unix(g.Ends, 0).UTC(), Shares: []DonationShare{}, Record: []DonationRecords{}}
	if g.CoverFee {
		out.Covered = money.Minor(g.Fee).Format(c)
	}
	if tip != 0 {
		out.TipCardFee = money.Minor(g.TipFee).Format(c)
	}
	out.ExpectedBy = expectedBy(book, out.RefundUntil, versions[min(g.Version, len(versions))-1].ForwardDays)
	if out.Layers, err = g.layers(c, gift); err != nil {
		return nil, err
	}
	back, at, err := readReturn(out, told)
	if err != nil {
		return nil, err
	}
	moments, err := s.momentsOf(ctx, book, &g, first.Sequence, tallyRecord{counted, t}, back, at)
	if err != nil {
		return nil, err
	}
	g.readShares(out, t, told, moments, back, &versions[min(g.Version, len(versions))-1])
	out.Sequence = counted.Sequence
	for i := range told.transactions {
		x := &told.transactions[i]
		out.Record = append(out.Record, DonationRecords{x.ID(), x.Event, x.OccurredAt})
		out.Sequence = max(out.Sequence, x.Sequence)
	}
	then, err := s.talliedBeside(ctx, book, first)
	if err != nil {
		return nil, err
	}
	g.readMatch(out, then, told)
	return out, nil
}

// expectedBy is the end of the month in which the refund window is over, and some days.
func expectedBy(book ledger.Book, ends time.Time, days *int) time.Time {
	y, m, _ := ends.In(book.Location()).Date()
	return time.Date(y, m+1, orDefault(days, defaultForwardDays), 0, 0, 0, 0, book.Location()).UTC()
}

// layers are the whole gift, whose percentages add up to 100.00 by largest remainder.
func (g *givenStored) layers(c money.Currency, gift money.Minor) ([]DonationLayer, error) {
	fee := money.Minor(g.Fee)
	if g.CoverFee {
		fee = 0
	}
	names := []string{"beneficiaries", "card_processing", "platform", "creator_agency"}
	amounts := []money.Minor{money.Minor(g.Net), fee, money.Minor(g.Ours), 0}
	parts, err := money.AllocateOver(100_00, amounts, 1)
	if err != nil {
		return nil, err
	}
	var out []DonationLayer
	for i, name := range names {
		out = append(out, DonationLayer{name, amounts[i].Format(c), parts[i].Format("GBP")})
	}
	return append(out, DonationLayer{"total", gift.Format(c), "100.00"}), nil
}

// readReturn reads how a donation went back and the sequence at which it did, nil if it stands.
func readReturn(out *Donation, told *story) (*backStored, int64, error) {
	for _, how := range []string{"refunded", "disputed"} {
		if x := told.first("donation." + how); x != nil {
			b, err := storedAs[backStored](x)
			if err != nil {
				return nil, 0, err
			}
			out.Returned = &DonationReturn{how, x.OccurredAt, money.Minor(b.Charge).Format(money.Currency(b.Currency))}
			return &b, x.Sequence, nil
		}
	}
	return nil, 0, nil
}

// kept reports whether a beneficiary keeps its part of a donation that went back.
func (b *backStored) kept(payee string) bool {
	return slices.ContainsFunc(b.Shares, func(p backPart) bool { return p.Payee == payee && p.Account == "" })
}

// readMatch reads what a gift was matched with. Funders and cap are those of the tally that was recorded with it: who pledged
// later did not match it.
func (g *givenStored) readMatch(out *Donation, t *tally, told *story) {
	if g.Match == nil || g.Match.Paid+g.Match.Promised == 0 {
		return
	}
	c := money.Currency(g.Currency)
	later := money.Minor(0)
	for _, x := range told.named(eventMatched) {
		for _, e := range x.Entries {
			if e.Account == matchFund(g.Campaign) {
				later += e.Amount
			}
		}
	}
	promised := money.Minor(g.Match.Promised) - later
	if out.Returned != nil {
		promised = 0
	}
	out.Match = &DonationMatch{Matched: (money.Minor(g.Match.Paid) + later).Format(c), Promised: promised.Format(c), Of: out.Given, Bound: g.Match.Bound, Funders: []string{}}
	for _, f := range t.Match.Funders {
		out.Match.Funders = append(out.Match.Funders, f.Funder)
	}
	if g.Match.Bound == "campaign_cap" {
		out.Match.Cap = money.Minor(t.Match.pledged()).Format(c)
	}
}

// readShares finds how far each beneficiary's part is.
// What went back comes first: the tally counts by numbers, and passes over the donations that no longer stand.
func (g *givenStored) readShares(out *Donation, t *tally, told *story, moments map[string]shareMoments, back *backStored, v *CampaignVersion) {
	c := money.Currency(g.Currency)
	for _, share := range g.Shares {
		b := t.of(share.Payee)
		matched := share.Match
		for _, x := range told.named(eventMatched) {
			for _, e := range x.Entries {
				if e.Account == donationPending(share.Payee, g.Campaign) {
					matched -= int64(e.Amount)
				}
			}
		}
		x := DonationShare{Payee: share.Payee, Percentage: percentageOf(v, share.Payee), Amount: money.Minor(share.Amount).Format(c), Matched: money.Minor(matched).Format(c), State: "pending"}
		m := moments[share.Payee]
		x.Release, x.Disbursements = m.release, m.disbursements
		if back != nil && !back.kept(share.Payee) {
			x.State = "returned"
			out.Shares = append(out.Shares, x)
			continue
		}
		x.ReleasedAt, x.PaidAt = m.released, m.paid
		switch {
		case m.redirected:
			x.State, x.Reason = "redirected", b.Redirected
		case m.paid != nil:
			x.State = "disbursed"
		case m.sent:
			x.State = "submitted"
		case b.Held != "":
			x.State, x.Reason = "held", b.Held
		case g.Number <= b.Released:
			x.State = "available"
		}
		out.Shares = append(out.Shares, x)
	}
}
