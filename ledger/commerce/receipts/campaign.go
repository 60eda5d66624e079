package receipts

import (
	"context"
	"strings"
	"time"

	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// A campaign's public page: what was given, what it cost, and where the money is. Ids of campaigns are a book's own, so the
// public id is the book's code and the campaign's id, as in "uk-winter24".

// PublicCampaign is a published campaign as the public sees it. Amounts are decimal strings in its currency.
type PublicCampaign struct {
	Campaign      string                  `json:"campaign" example:"uk-winter24"`
	Name          string                  `json:"name" example:"Winter kits, camp A"`
	Kind          string                  `json:"kind" enum:"humanitarian,general"`
	Currency      string                  `json:"currency" example:"GBP"`
	Totals        commerce.CampaignTotals `json:"totals"`
	Match         *PublicMatch            `json:"match,omitempty" doc:"What gifts are matched with"`
	Beneficiaries []PublicBeneficiary     `json:"beneficiaries" nullable:"false"`
	Versions      []PublicPromise         `json:"versions" nullable:"false" doc:"What it promises and promised, oldest first"`
	LastMovement  *time.Time              `json:"last_movement,omitempty" format:"date-time" doc:"When something last happened to what was given"`
	Sequence      int64                   `json:"last_sequence" doc:"The last transaction of the book that this rests on"`
	// Zone is that of the book: by its days readers are told.
	Zone *time.Location `json:"-"`
}

// PublicMatch is how a campaign's gifts are matched.
type PublicMatch struct {
	Funders  []string `json:"funders" nullable:"false" doc:"Platform, the name of one that is published, or sponsor"`
	Pledged  string   `json:"pledged" example:"150.00"`
	Ratio    string   `json:"ratio" example:"1"`
	PerDonor string   `json:"cap_per_donor,omitempty"`
	Left     string   `json:"cap_left" doc:"What may still be promised to gifts" example:"0.00"`
	Fund     string   `json:"fund" doc:"What is in the fund" example:"20.00"`
	Closed   bool     `json:"closed"`
}

// PublicBeneficiary is what one beneficiary has of a campaign, and where it is.
type PublicBeneficiary struct {
	Name       string `json:"name" example:"NGO A"`
	Percentage string `json:"percentage,omitempty" doc:"Its part by the latest version" example:"60.00"`
	Donated    string `json:"donated" doc:"Its parts of gifts that stand, net of card fees" example:"92.59"`
	Matched    string `json:"matched" example:"78.00"`
	Other      string `json:"other" doc:"Card fees that cost less than quoted, what was redirected to or from it, and what came from sales" example:"0.00"`
	Total      string `json:"total" doc:"What it has got and is to get" example:"170.59"`
	Disbursed  string `json:"disbursed" example:"170.59"`
	Sending    string `json:"on_its_way" example:"0.00"`
	Waiting    string `json:"waiting" doc:"Inside the refund window, released, or held" example:"0.00"`
	Held       string `json:"held,omitempty" doc:"Why what waits is held: sanctions_check, verification, bank_details, document_missing or other" example:"sanctions_check"`
	Redirected string `json:"redirected_to,omitempty"`
}

// PublicPromise is a version of what a campaign promises. Each is a fact in the books, so that it cannot be changed unseen.
type PublicPromise struct {
	Version     int           `json:"version" example:"1"`
	PublishedAt time.Time     `json:"published_at" format:"date-time"`
	Transaction string        `json:"transaction" example:"uk-7"`
	PlatformFee string        `json:"platform_fee" doc:"The platform's part of a gift, as a percentage" example:"0"`
	FeeRate     string        `json:"card_fee_rate" doc:"What card processing is quoted at, as a percentage of the charge" example:"1.4"`
	FeeFlat     string        `json:"card_fee_flat" doc:"And an amount" example:"0.20"`
	RefundDays  int           `json:"refund_window_days" example:"14"`
	Split       []PublicSplit `json:"split" nullable:"false"`
}

// PublicSplit is a beneficiary's part of what is left of a gift.
type PublicSplit struct {
	Name       string `json:"name" example:"NGO A"`
	Percentage string `json:"percentage" example:"60.00"`
}

// CampaignID is the public id of a book's campaign.
func CampaignID(book ledger.Book, campaign string) string { return book.Code + "-" + campaign }

// Campaign returns what a campaign's public page shows, or commerce.ErrCampaignUnknown: an id of another form, one of no
// book and one that was not published are the same.
func (s *Service) Campaign(ctx context.Context, id string) (*PublicCampaign, error) {
	code, of, ok := strings.Cut(id, "-")
	if !ok || !isBook(code) || !ledger.IsSegment(of) {
		return nil, commerce.ErrCampaignUnknown
	}
	return s.campaigns.get(ctx, id, func(ctx context.Context) (*PublicCampaign, error) { return s.readCampaign(ctx, id, code, of) })
}

// readCampaign reads a campaign from the books.
func (s *Service) readCampaign(ctx context.Context, id, code, of string) (*PublicCampaign, error) {
	leave, err := s.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	book, err := s.ledger.Book(ctx, code)
	if fault.CodeOf(err) == ledger.ErrBookUnknown.Code {
		return nil, commerce.ErrCampaignUnknown
	}
	if err != nil {
		return nil, err
	}
	c, err := s.events.Campaign(ctx, book, of)
	if err != nil {
		return nil, err
	}
	return publicCampaign(id, book, c)
}

// publicCampaign leaves out what is not for the public, and names charities.
func publicCampaign(id string, book ledger.Book, c *commerce.Campaign) (*PublicCampaign, error) {
	names, currency := namesOf(c.Campaign, c.Versions), money.Currency(c.Currency)
	out := &PublicCampaign{Campaign: id, Name: names.campaign, Kind: c.Kind, Currency: c.Currency, Totals: c.Totals, Beneficiaries: []PublicBeneficiary{}, Versions: []PublicPromise{},
		LastMovement: c.LastMovement, Sequence: c.LastSequence, Zone: book.Location()}
	if m := c.Match; m != nil {
		out.Match = &PublicMatch{Ratio: m.Ratio, PerDonor: m.PerDonor, Left: m.Left, Fund: m.Fund, Closed: m.Closed}
		pledged, funders := money.Minor(0), []string{}
		for _, f := range m.Funders {
			n, err := signed(f.Pledged, currency)
			if err != nil {
				return nil, err
			}
			pledged += n
			funders = append(funders, f.Funder)
		}
		out.Match.Funders = names.funders(funders)
		out.Match.Pledged = pledged.Format(currency)
	}
	for i := range c.Beneficiaries {
		b, err := beneficiaryOf(&c.Beneficiaries[i], names, currency)
		if err != nil {
			return nil, err
		}
		out.Beneficiaries = append(out.Beneficiaries, b)
	}
	for i := range c.Versions {
		v := &c.Versions[i]
		p := PublicPromise{Version: v.Version, PublishedAt: v.PublishedAt, Transaction: v.Transaction, PlatformFee: percent(v.PlatformFee), FeeRate: percent(v.FeeQuote.Rate),
			RefundDays: v.RefundWindowDays, Split: []PublicSplit{}}
		flat := money.Minor(0)
		if v.FeeQuote.Flat != "" {
			n, err := signed(v.FeeQuote.Flat, currency)
			if err != nil {
				return nil, err
			}
			flat = n
		}
		p.FeeFlat = flat.Format(currency)
		for _, b := range v.Beneficiaries {
			p.Split = append(p.Split, PublicSplit{names.of(b.Payee), v.Percentage(b.Payee)})
		}
		out.Versions = append(out.Versions, p)
		if n, err := ledger.ParseTransactionID(book.Code, v.Transaction); err == nil {
			out.Sequence = max(out.Sequence, n)
		}
	}
	return out, nil
}

// beneficiaryOf adds up what a beneficiary has. What went back is taken off what it was given, as in the campaign's totals.
func beneficiaryOf(b *commerce.CampaignShare, names publicNames, c money.Currency) (PublicBeneficiary, error) {
	var err error
	read := func(text string) money.Minor {
		n, wrong := signed(text, c)
		if wrong != nil {
			err = wrong
		}
		return n
	}
	donated, matched := read(b.Donated)-read(b.BackDonated), read(b.Matched)-read(b.BackMatched)
	paid, sending, waiting := read(b.Disbursed), read(b.Sending), read(b.Pending)+read(b.Available)
	total := paid + sending + waiting
	out := PublicBeneficiary{Name: names.of(b.Payee), Percentage: b.Percentage, Donated: donated.Format(c), Matched: matched.Format(c), Other: (total - donated - matched).Format(c), Total: total.Format(c),
		Disbursed: b.Disbursed, Sending: b.Sending, Waiting: waiting.Format(c), Held: heldReason(b.Held)}
	if b.RedirectedTo != "" {
		out.Redirected = names.of(b.RedirectedTo)
	}
	return out, err
}

// percent writes a rate as a percentage, exactly: "0.014" is "1.4".
func percent(rate string) string {
	if rate == "" {
		return "0"
	}
	whole, decimals, _ := strings.Cut(rate, ".")
	decimals += strings.Repeat("0", max(0, 2-len(decimals)))
	whole = strings.TrimLeft(whole+decimals[:2], "0")
	if whole == "" {
		whole = "0"
	}
	if rest := strings.TrimRight(decimals[2:], "0"); rest != "" {
		return whole + "." + rest
	}
	return whole
}
