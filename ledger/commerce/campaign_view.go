package commerce

import (
	"context"
	"time"

	"mizan/ledger"
	"mizan/ledger/money"
)

// A campaign as it stands: what it promises, what was given, and where the money is. Nothing in it is about a donor.

// Campaign is a campaign as it stands. Amounts are decimal strings in its currency.
type Campaign struct {
	Campaign string            `json:"campaign" doc:"The campaign's id" example:"winter24"`
	Kind     string            `json:"kind" enum:"humanitarian,general"`
	Currency string            `json:"currency" example:"GBP"`
	Versions []CampaignVersion `json:"versions" nullable:"false" doc:"What it promises and promised, oldest first"`
	Totals   CampaignTotals    `json:"totals"`
	Match    *CampaignMatch    `json:"match,omitempty" doc:"What gifts are matched with"`
	// Beneficiaries are all who ever had a share, in the order they came.
	Beneficiaries []CampaignShare `json:"beneficiaries" nullable:"false"`
	// LastMovement is when something last happened to what was given, and LastSequence where in the book.
	LastMovement *time.Time `json:"last_movement,omitempty" format:"date-time" doc:"When something last happened to what was given; left out if nothing was given yet"`
	LastSequence int64      `json:"last_sequence,omitempty" doc:"Its place in the book"`
}

// CampaignTotals are the numbers of a campaign's public page. Donations that went back are counted apart.
type CampaignTotals struct {
	Donations       int64  `json:"donations" doc:"Donations that were ever given"`
	Given           string `json:"given" doc:"Gifts that stand" example:"156.00"`
	CardFees        string `json:"card_fees" doc:"Card fees deducted from them" example:"1.68"`
	Covered         string `json:"card_fees_covered" doc:"Card fees that donors paid on top" example:"0.91"`
	PlatformFee     string `json:"platform_fee" example:"0.00"`
	Tips            string `json:"tips" doc:"Given to the platform, apart" example:"5.00"`
	Matched         string `json:"matched" example:"130.00"`
	Promised        string `json:"promised_not_funded" doc:"Matches that were promised and are not funded yet" example:"0.00"`
	Surplus         string `json:"card_fee_surplus" doc:"What card fees cost less than quoted, passed on" example:"0.00"`
	Borne           string `json:"borne_by_platform" doc:"Kept by beneficiaries of donations that went back after disbursement" example:"0.00"`
	FromSales       string `json:"from_sales" doc:"What came from sales and round-ups, not from donations" example:"0.00"`
	ToBeneficiaries string `json:"to_beneficiaries" doc:"Given, less card and platform fees, plus the rest and what came from sales" example:"284.32"`
	Disbursed       string `json:"disbursed" doc:"What has arrived" example:"241.67"`
	Held            string `json:"held" doc:"What is held, for the reasons beside the beneficiaries" example:"42.65"`
	Refunds         int64  `json:"refunds" doc:"Donations that went back" example:"1"`
	Refunded        string `json:"refunded" doc:"What was given with them" example:"20.00"`
}

// CampaignMatch is how gifts are matched.
type CampaignMatch struct {
	Funders  []CampaignFunder `json:"funders" nullable:"false"`
	Ratio    string           `json:"ratio" example:"1"`
	PerDonor string           `json:"cap_per_donor,omitempty" doc:"How much at most for one donor"`
	Left     string           `json:"cap_left" doc:"What may still be promised to gifts"`
	Fund     string           `json:"fund" doc:"What is in the fund" example:"20.00"`
	Waiting  int64            `json:"promises_waiting" doc:"Gifts whose match is promised, not yet funded"`
	Closed   bool             `json:"closed"`
}

// CampaignFunder is one who pays for matches.
type CampaignFunder struct {
	Funder  string `json:"funder" example:"platform"`
	Pledged string `json:"pledged" example:"150.00"`
	Funded  string `json:"funded" example:"150.00"`
}

// CampaignShare is what a beneficiary has of a campaign, and where it is. It is a charity's statement of the campaign.
type CampaignShare struct {
	Payee        string `json:"payee" example:"ngo_a"`
	Percentage   string `json:"percentage,omitempty" doc:"Its part by the latest version" example:"60"`
	Opening      string `json:"opening" doc:"Always 0.00: the statement is of the whole campaign" example:"0.00"`
	Donated      string `json:"donated" doc:"Its shares of all gifts, net of card fees" example:"104.30"`
	Matched      string `json:"matched" example:"90.00"`
	Surplus      string `json:"card_fee_surplus" doc:"What card fees cost less than quoted" example:"0.00"`
	BackDonated  string `json:"refunded_donations" doc:"Taken back with donations that were refunded or disputed" example:"11.71"`
	BackMatched  string `json:"refunded_matches" example:"12.00"`
	PlatformFee  string `json:"platform_fee" doc:"Taken from its shares by the platform" example:"0.00"`
	AgencyFee    string `json:"agency_fee" doc:"Taken by agencies" example:"0.00"`
	RedirectedIn string `json:"redirected_in" doc:"From beneficiaries that could not get it" example:"0.00"`
	RedirectOut  string `json:"redirected_out" example:"0.00"`
	FromSales    string `json:"from_sales" doc:"From sales and round-ups, not from donations" example:"0.00"`
	Disbursed    string `json:"disbursed" doc:"What has arrived" example:"170.59"`
	Sending      string `json:"on_its_way" doc:"Disbursed, not arrived yet" example:"0.00"`
	Pending      string `json:"pending" doc:"Inside the refund window, or not released yet" example:"0.00"`
	Available    string `json:"available" doc:"Released, not disbursed" example:"0.00"`
	Closing      string `json:"closing" doc:"What it is still to get" example:"0.00"`
	CardFees     string `json:"card_fees" doc:"Memo: card fees that its shares of all gifts bore" example:"1.30"`
	BackCardFees string `json:"card_fees_of_refunds" doc:"Memo: of them, of gifts that went back, borne by the platform" example:"0.29"`
	Held         string `json:"held,omitempty" doc:"Why its money is held" example:"sanctions_check"`
	RedirectedTo string `json:"redirected_to,omitempty"`
}

// Campaign returns a campaign as it stands, or ErrCampaignUnknown.
func (s *Service) Campaign(ctx context.Context, book ledger.Book, id string) (*Campaign, error) {
	versions, err := s.versions(ctx, book, id)
	if err != nil {
		return nil, err
	}
	head, err := s.ledger.Head(ctx, book)
	if err != nil {
		return nil, err
	}
	return s.campaignAt(ctx, book, id, versions, bookPlace{at: head.LastSequence})
}

// campaignAt is a campaign at a place in the book: its tally and the balances are of the same moment, whatever is posted meanwhile.
func (s *Service) campaignAt(ctx context.Context, book ledger.Book, id string, versions []CampaignVersion, m bookPlace) (*Campaign, error) {
	last := &versions[len(versions)-1]
	counted, _, err := s.lastBefore(ctx, book, tallySubject(id), m.before())
	if err != nil {
		return nil, err
	}
	t := &tally{Currency: last.Currency}
	if counted != nil {
		if t, err = tallyOf(counted); err != nil {
			return nil, err
		}
	}
	c := money.Currency(last.Currency)
	out := &Campaign{Campaign: id, Kind: last.Kind, Currency: last.Currency, Versions: versions, Beneficiaries: []CampaignShare{}}
	if counted != nil {
		out.LastMovement, out.LastSequence = &counted.RecordedAt, counted.Sequence
	}
	for _, b := range last.Beneficiaries {
		t.of(b.Payee)
	}
	var sums struct{ kept, surplus, paid, held, sales int64 }
	for i := range t.Of {
		b := &t.Of[i]
		share, waits, err := s.shareOf(ctx, book, id, c, b, m)
		if err != nil {
			return nil, err
		}
		share.Percentage = percentageOf(last, b.Payee)
		out.Beneficiaries = append(out.Beneficiaries, *share)
		sums.kept += b.kept()
		sums.sales += b.fromSales(waits)
		sums.surplus += b.Surplus - b.BackSurplus
		sums.paid += b.Paid
		if b.Held != "" {
			sums.held += int64(waits)
		}
	}
	f := func(n int64) string { return money.Minor(n).Format(c) }
	out.Totals = CampaignTotals{Donations: t.Number, Given: f(t.Given), CardFees: f(t.CardFees), Covered: f(t.Covered), PlatformFee: f(t.PlatformFee),
		Tips: f(t.Tips), Matched: f(t.Match.Matched), Promised: f(t.Match.Promised), Surplus: f(sums.surplus), Borne: f(t.Borne), FromSales: f(sums.sales), ToBeneficiaries: f(sums.kept + sums.sales),
		Disbursed: f(sums.paid), Held: f(sums.held), Refunds: t.Refunds, Refunded: f(t.Refunded)}
	out.Match, err = s.matchOf(ctx, book, id, c, &t.Match, m)
	return out, err
}

// CardFees are what card processing took of gifts to a beneficiary before they came to it. Back is what of it was taken of gifts that went
// back; the platform bears that.
type CardFees struct{ Borne, Back money.Minor }

// ShareAt is what a beneficiary's share of a campaign was like at a place in the book. Held says that it is kept back until somebody has
// checked the beneficiary.
type ShareAt struct {
	CardFees
	Held bool
}

// CampaignShareAt returns a beneficiary's share of a campaign right after a transaction, in the currency of the campaign; nothing if the
// campaign has another, or had no gifts.
func (s *Service) CampaignShareAt(ctx context.Context, book ledger.Book, campaign, payee string, c money.Currency, at int64) (share ShareAt, err error) {
	if at <= 0 {
		return share, nil
	}
	counted, _, err := s.lastBefore(ctx, book, tallySubject(campaign), bookPlace{at: at}.before())
	if err != nil || counted == nil {
		return share, err
	}
	t, err := tallyOf(counted)
	if err != nil || money.Currency(t.Currency) != c {
		return share, err
	}
	b := t.of(payee)
	return ShareAt{CardFees{money.Minor(b.Fees), money.Minor(b.BackFees)}, b.Held != ""}, nil
}

// tallyNow reads a campaign's tally as it stands, nil if nothing was given yet.
func (s *Service) tallyNow(ctx context.Context, book ledger.Book, id string) (*tally, error) {
	last, _, err := s.lastOf(ctx, book, tallySubject(id))
	if err != nil || last == nil {
		return nil, err
	}
	return tallyOf(last)
}

// shareOf reads what a beneficiary has; waits is what it is still to get and not on its way.
func (s *Service) shareOf(ctx context.Context, book ledger.Book, id string, c money.Currency, b *shareTally, m bookPlace) (share *CampaignShare, waits money.Minor, err error) {
	pending, err := s.balanceAt(ctx, book, donationPending(b.Payee, id), c, m)
	if err != nil {
		return nil, 0, err
	}
	available, err := s.balanceAt(ctx, book, donationAvailable(b.Payee, id), c, m)
	if err != nil {
		return nil, 0, err
	}
	f := func(n int64) string { return money.Minor(n).Format(c) }
	waits = pending + available
	return &CampaignShare{Payee: b.Payee, Opening: f(0), Donated: f(b.Donated), Matched: f(b.Matched), Surplus: f(b.Surplus), BackDonated: f(b.BackDonated),
		BackMatched: f(b.BackMatched), PlatformFee: f(b.Ours), AgencyFee: f(0), RedirectedIn: f(b.In), RedirectOut: f(b.Out),
		FromSales: f(b.fromSales(waits)), Disbursed: f(b.Paid), Sending: f(b.Sending),
		Pending: pending.Format(c), Available: available.Format(c), Closing: (waits + money.Minor(b.Sending)).Format(c),
		CardFees: f(b.Fees), BackCardFees: f(b.BackFees), Held: b.Held, RedirectedTo: b.Redirected}, waits, nil
}

// fromSales is what a beneficiary has got or is to get and no donation gave it.
func (s *shareTally) fromSales(waits money.Minor) int64 {
	return int64(waits) + s.Paid + s.Sending - s.kept()
}

// percentageOf is a beneficiary's weight in a version as a percentage with at most two decimals, nothing if it has none.
func percentageOf(v *CampaignVersion, payee string) string {
	weights := make([]money.Weight, len(v.Beneficiaries))
	at := -1
	prep := &preparation{}
	for i, b := range v.Beneficiaries {
		weights[i] = prep.weight("", b.Weight)
		if b.Payee == payee {
			at = i
		}
	}
	parts, err := money.Allocate(100_00, weights, 1)
	if at < 0 || err != nil {
		return ""
	}
	return money.Minor(parts[at]).Format("GBP")
}

func (s *Service) matchOf(ctx context.Context, book ledger.Book, id string, c money.Currency, m *matchTally, at bookPlace) (*CampaignMatch, error) {
	if len(m.Funders) == 0 {
		return nil, nil
	}
	fund, err := s.balanceAt(ctx, book, matchFund(id), c, at)
	if err != nil {
		return nil, err
	}
	out := &CampaignMatch{Ratio: m.Ratio, Left: money.Minor(max(0, m.pledged()-m.Used)).Format(c), Fund: fund.Format(c), Waiting: m.Waiting, Closed: m.Closed, Funders: []CampaignFunder{}}
	if m.PerDonor != nil {
		out.PerDonor = money.Minor(*m.PerDonor).Format(c)
	}
	for _, f := range m.Funders {
		out.Funders = append(out.Funders, CampaignFunder{f.Funder, money.Minor(f.Pledged).Format(c), money.Minor(f.Funded).Format(c)})
	}
	return out, nil
}

// CampaignBeneficiary returns one beneficiary's statement of a campaign, ErrCampaignUnknown, or ErrBeneficiaryUnknown.
func (s *Service) CampaignBeneficiary(ctx context.Context, book ledger.Book, id, payee string) (*CampaignShare, error) {
	c, err := s.Campaign(ctx, book, id)
	if err != nil {
		return nil, err
	}
	for i := range c.Beneficiaries {
		if c.Beneficiaries[i].Payee == payee {
			return &c.Beneficiaries[i], nil
		}
	}
	return nil, ErrBeneficiaryUnknown
}

// Campaigns lists the ids of a book's campaigns after one, in the order they were first published.
func (s *Service) Campaigns(ctx context.Context, book ledger.Book, after int64, limit int) (list []CampaignVersion, next int64, err error) {
	for len(list) < limit {
		page, err := s.ledger.Transactions(ctx, book, ledger.TransactionQuery{Event: eventPublished, After: after, Limit: pageOfStory})
		if err != nil {
			return nil, 0, err
		}
		for i := range page.Transactions {
			t := &page.Transactions[i]
			c, err := termsOf(t)
			if err != nil {
				return nil, 0, err
			}
			after = t.Sequence
			if c.Version != 1 {
				continue
			}
			if list = append(list, CampaignVersion{c.CampaignPublished, c.Version, t.RecordedAt, t.ID(), c.promise()}); len(list) == limit {
				return list, after, nil
			}
		}
		if !page.More {
			break
		}
	}
	return list, 0, nil
}
