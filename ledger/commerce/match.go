package commerce

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"

	"mizan/ledger"
	"mizan/ledger/money"
)

// Matching: a funder promises to add to what donors give, up to a cap. Only funded money is payable: a pledge is posted
// apart, and what it promises to a donation is a fact until the money is there (M-24). Donations are matched in the order
// of the ledger.

// MatchPledged is a funder's promise to match donations of a campaign.
type MatchPledged struct {
	Campaign    string  `json:"campaign" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The campaign" example:"winter24"`
	Funder      string  `json:"funder" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"Who pays: platform, or a sponsor's id" example:"platform"`
	Amount      string  `json:"amount" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"How much at most" example:"150.00"`
	CapPerDonor *string `json:"cap_per_donor,omitempty" nullable:"true" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"How much at most for one donor; left out, no such cap" example:"100.00"`
	Ratio       string  `json:"ratio,omitempty" pattern:"^(0|[1-9][0-9]*)(\\.[0-9]{1,12})?$" default:"1" doc:"How much for each unit given" example:"1"`
}

// MatchFunded says that pledged money is there. The platform's own money is pledged and funded at once, after it was moved.
type MatchFunded struct {
	Campaign    string  `json:"campaign" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The campaign" example:"winter24"`
	Funder      string  `json:"funder" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"Who pays: platform, or a sponsor's id" example:"platform"`
	Amount      string  `json:"amount" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"What is there now" example:"150.00"`
	CapPerDonor *string `json:"cap_per_donor,omitempty" nullable:"true" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"How much at most for one donor, if it was not pledged before; left out, no such cap"`
	Ratio       string  `json:"ratio,omitempty" pattern:"^(0|[1-9][0-9]*)(\\.[0-9]{1,12})?$" default:"1" doc:"How much for each unit given, if it was not pledged before" example:"1"`
	BankAccount string  `json:"bank_account,omitempty" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The safeguarded account that a sponsor's money came to; left out, main"`
}

// MatchCashMoved is the platform's own money moved to the safeguarded account, for a match.
type MatchCashMoved struct {
	Campaign    string `json:"campaign" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The campaign" example:"winter24"`
	Amount      string `json:"amount" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"What was moved" example:"150.00"`
	From        string `json:"from,omitempty" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The operating account it came from; left out, main"`
	BankAccount string `json:"bank_account,omitempty" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The safeguarded account it came to; left out, main"`
}

// MatchClosed ends a campaign's matching: what is unspent goes back to the funders.
type MatchClosed struct {
	Campaign    string `json:"campaign" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The campaign" example:"winter24"`
	To          string `json:"to,omitempty" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The operating account that the platform's rest goes to; left out, main"`
	BankAccount string `json:"bank_account,omitempty" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The safeguarded account it leaves; left out, main"`
}

// MatchPromisesPaid pays promised matches from funds that are there, in the order of the donations.
type MatchPromisesPaid struct {
	Campaign string `json:"campaign" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The campaign" example:"winter24"`
}

// matchTally is the matching part of a campaign's tally.
type matchTally struct {
	Funders []matchFunder `json:"f,omitempty"`
	Ratio   string        `json:"r,omitempty"`
	// PerDonor caps what one donor's gifts are matched with, nil for no cap.
	PerDonor *int64 `json:"pd,omitempty"`
	// Used is what counts against the cap and Drawn against the fund: they fall with a refund only if the campaign
	// reallocates.
	Used  int64 `json:"u,omitempty"`
	Drawn int64 `json:"dr,omitempty"`
	// Matched stands, Promised is not funded yet.
	Matched  int64 `json:"m,omitempty"`
	Promised int64 `json:"p,omitempty"`
	// Waiting counts the promises that are not funded yet. Those recorded up to After are settled, and of the next one Part.
	Waiting int64 `json:"q,omitempty"`
	After   int64 `json:"qa,omitempty"`
	Part    int64 `json:"qp,omitempty"`
	// Moved is the platform's cash moved for matching that is not funded yet.
	Moved  int64 `json:"mv,omitempty"`
	Closed bool  `json:"x,omitempty"`
}

// matchPromise is a match that waits for its money, kept with the tally it was made in.
type matchPromise struct {
	Donation string `json:"d"`
	Amount   int64  `json:"a"`
}

// matchFunder is what one funder pledged, and what of it is there.
type matchFunder struct {
	Funder  string `json:"f"`
	Pledged int64  `json:"p"`
	Funded  int64  `json:"t,omitempty"`
}

const (
	maxFunders = 10
	// maxPaidAtOnce bounds the promises that one event pays.
	maxPaidAtOnce = 50
)

func (m *matchTally) pledged() (sum int64) {
	for _, f := range m.Funders {
		sum += f.Pledged
	}
	return sum
}

func (m *matchTally) funded() (sum int64) {
	for _, f := range m.Funders {
		sum += f.Funded
	}
	return sum
}

func (m *matchTally) by(funder string) *matchFunder {
	i := slices.IndexFunc(m.Funders, func(f matchFunder) bool { return f.Funder == funder })
	if i < 0 {
		m.Funders = append(m.Funders, matchFunder{Funder: funder})
		i = len(m.Funders) - 1
	}
	return &m.Funders[i]
}

// matching is how a donation's match was found.
type matching struct {
	Ratio string `json:"ratio"`
	// Exact is the gift times the ratio, rounded down.
	Full      int64  `json:"full"`
	CapLeft   int64  `json:"cap_left"`
	DonorLeft *int64 `json:"donor_left,omitempty"`
	Bound     string `json:"bound,omitempty"`
	// Paid is money, Promised waits for it.
	Paid     int64 `json:"paid,omitempty"`
	Promised int64 `json:"promised,omitempty"`
}

// match decides what a gift is matched with: the least of gift times ratio, what is left for the donor and what is left of
// the campaign's cap, rounded down.
func (m *matchTally) match(gift money.Minor, donorUsed int64, unit money.Minor) (*matching, error) {
	if len(m.Funders) == 0 || m.Closed {
		return nil, nil
	}
	ratio, err := money.ParseRate(m.Ratio)
	if err != nil {
		return nil, err
	}
	full, err := ratio.Of(gift, money.Floor, unit)
	if err != nil {
		return nil, err
	}
	out := &matching{Ratio: m.Ratio, Full: int64(full), CapLeft: max(0, m.pledged()-m.Used)}
	amount := int64(full)
	if m.PerDonor != nil {
		left := max(0, *m.PerDonor-donorUsed)
		out.DonorLeft = &left
		if left < amount {
			amount, out.Bound = left, "donor_cap"
		}
	}
	if out.CapLeft < amount {
		amount, out.Bound = out.CapLeft, "campaign_cap"
	}
	if m.Waiting == 0 {
		out.Paid = min(amount, max(0, m.funded()-m.Drawn))
	}
	out.Promised = amount - out.Paid
	return out, nil
}

// donorSubject names a donor of a campaign, where the two ids together could be too long for a subject.
func donorSubject(campaign, donor string) string {
	sum := sha256.Sum256([]byte(campaign + "\n" + donor))
	return "donor:" + hex.EncodeToString(sum[:20])
}

// donorTally is what a donor's gifts to a campaign were matched with so far.
type donorTally struct {
	Matched int64 `json:"matched"`
}

// donorUsed reads what a donor was matched with before. A gift without a donor's id is a donor of its own.
func (p *planner) donorUsed(c *campaignTerms, donor string) (int64, error) {
	t, err := p.lastOf(donorSubject(c.ID, donor))
	if err != nil || t == nil {
		return 0, err
	}
	stored, err := storedAs[donorTally](t)
	return stored.Matched, err
}

// donorCounted carries a donor's total on.
func (p *planner) donorCounted(c *campaignTerms, donor string, matched int64, part int) error {
	data, err := keep(donorTally{matched})
	if err != nil {
		return err
	}
	return p.draft(draftOf{event: eventDonorCounted, kind: p.event.Type, part: part, subject: donorSubject(c.ID, donor), campaign: c.ID, data: data})
}

func (d *MatchPledged) subject() string      { return tallySubject(d.Campaign) }
func (d *MatchFunded) subject() string       { return tallySubject(d.Campaign) }
func (d *MatchCashMoved) subject() string    { return tallySubject(d.Campaign) }
func (d *MatchClosed) subject() string       { return tallySubject(d.Campaign) }
func (d *MatchPromisesPaid) subject() string { return tallySubject(d.Campaign) }

func (d *MatchPledged) prepare(p *preparation) {
	p.id("/campaign", d.Campaign, true)
	p.id("/funder", d.Funder, true)
	prepareRatio(p, d.Ratio)
}

func (d *MatchFunded) prepare(p *preparation) {
	p.id("/campaign", d.Campaign, true)
	p.id("/funder", d.Funder, true)
	p.id("/bank_account", d.BankAccount, false)
	prepareRatio(p, d.Ratio)
}

func (d *MatchCashMoved) prepare(p *preparation) {
	p.id("/campaign", d.Campaign, true)
	p.id("/from", d.From, false)
	p.id("/bank_account", d.BankAccount, false)
}

func (d *MatchClosed) prepare(p *preparation) {
	p.id("/campaign", d.Campaign, true)
	p.id("/to", d.To, false)
	p.id("/bank_account", d.BankAccount, false)
}

func (d *MatchPromisesPaid) prepare(p *preparation) { p.id("/campaign", d.Campaign, true) }

func prepareRatio(p *preparation, s string) {
	if s == "" {
		return
	}
	if r, err := money.ParseRate(s); err != nil {
		p.because("/ratio", err)
	} else if r.IsZero() || r.Compare(money.MustRate("100")) > 0 {
		p.bad("/ratio", "rate-range", "A match ratio is above 0 and at most 100.")
	}
}

func orMain(id string) string {
	if id == "" {
		return mainAccount
	}
	return id
}

// reading judges an event's amounts in the campaign's currency.
func (c *campaignTerms) reading(book ledger.Book) *preparation {
	return &preparation{book: book, currency: c.currency, unit: c.currency.PostingUnit()}
}
