package commerce

import (
	"cmp"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// Safeguarding: donation cash is kept apart from the platform's own money. It moves to the safeguarded account in two
// steps, because bank and processor do not move on one day, and never more of it than the campaign's donations (M-01).

// DonationSafeguarded says that donation cash leaves the processor for the safeguarded account.
type DonationSafeguarded struct {
	Movement    string `json:"movement" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The movement's id" example:"SG-1"`
	Campaign    string `json:"campaign" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The campaign" example:"winter24"`
	Amount      string `json:"amount" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"What is moved" example:"154.32"`
	Processor   string `json:"processor,omitempty" pattern:"^[A-Za-z0-9_.-]{1,64}$" default:"main" doc:"The account at the processor" example:"main"`
	BankAccount string `json:"bank_account,omitempty" pattern:"^[A-Za-z0-9_.-]{1,64}$" default:"main" doc:"The safeguarded account" example:"main"`
}

// DonationUnsafeguarded says that safeguarded cash goes back to the processor, to pay refunds from.
type DonationUnsafeguarded struct {
	Movement    string `json:"movement" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The movement's id" example:"SG-2"`
	Campaign    string `json:"campaign" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The campaign" example:"winter24"`
	Amount      string `json:"amount" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"What is moved" example:"50.00"`
	Processor   string `json:"processor,omitempty" pattern:"^[A-Za-z0-9_.-]{1,64}$" default:"main" doc:"The account at the processor" example:"main"`
	BankAccount string `json:"bank_account,omitempty" pattern:"^[A-Za-z0-9_.-]{1,64}$" default:"main" doc:"The safeguarded account" example:"main"`
}

// SafeguardLanded says that a movement arrived.
type SafeguardLanded struct {
	Movement  string `json:"movement" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The movement" example:"SG-1"`
	Reference string `json:"reference,omitempty" pattern:"^[!-~]([ -~]{0,126}[!-~])?$" doc:"What the bank or the processor calls it" example:"SG-1"`
	Failed    bool   `json:"failed,omitempty" doc:"It came back instead: the money is where it was"`
}

// FeeFunded is what the platform pays into donation cash for card fees that it bears.
type FeeFunded struct {
	Funding  string `json:"funding" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The funding's id" example:"FF-1"`
	Campaign string `json:"campaign" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The campaign" example:"winter24"`
	Amount   string `json:"amount" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"What is paid" example:"0.48"`
	From     string `json:"from,omitempty" pattern:"^[A-Za-z0-9_.-]{1,64}$" default:"main" doc:"The account at the processor with the platform's money" example:"main"`
	To       string `json:"to" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The account at the processor with donation cash; the same one if there is no other" example:"donations"`
}

const (
	routeIn  ledger.Address = "assets:treasury_in_transit:processor-safeguarded"
	routeOut ledger.Address = "assets:treasury_in_transit:safeguarded-processor"
)

// ErrMovementUnknown means that no such movement of donation cash was recorded.
var ErrMovementUnknown = fault.New(fault.NotFound, "movement-unknown", "No movement of donation cash of this id was recorded. Check its id.")

func (d *DonationSafeguarded) subject() string   { return "safeguarding:" + d.Movement }
func (d *DonationUnsafeguarded) subject() string { return "safeguarding:" + d.Movement }
func (d *SafeguardLanded) subject() string       { return "safeguarding:" + d.Movement }
func (d *FeeFunded) subject() string             { return "fee_funding:" + d.Funding }

func (d *DonationSafeguarded) prepare(p *preparation) {
	prepareMovement(p, d.Movement, d.Campaign, d.Processor, d.BankAccount)
}

func (d *DonationUnsafeguarded) prepare(p *preparation) {
	prepareMovement(p, d.Movement, d.Campaign, d.Processor, d.BankAccount)
}

func prepareMovement(p *preparation, movement, campaign, processor, bank string) {
	p.id("/movement", movement, true)
	p.id("/campaign", campaign, true)
	p.id("/processor", processor, false)
	p.id("/bank_account", bank, false)
}

func (d *SafeguardLanded) prepare(p *preparation) {
	p.id("/movement", d.Movement, true)
	p.shown(d.Reference)
}

func (d *FeeFunded) prepare(p *preparation) {
	p.id("/funding", d.Funding, true)
	p.id("/campaign", d.Campaign, true)
	p.id("/from", d.From, false)
	p.id("/to", d.To, true)
}

// movementStored is a movement as it is kept.
type movementStored struct {
	Movement    string `json:"movement"`
	Campaign    string `json:"campaign"`
	Amount      string `json:"amount"`
	Minor       int64  `json:"minor"`
	Processor   string `json:"processor"`
	BankAccount string `json:"bank_account"`
	Out         bool   `json:"out,omitempty"`
}

func (d *DonationSafeguarded) plan(p *planner) error {
	return p.moveDonations(&movementStored{Movement: d.Movement, Campaign: d.Campaign, Amount: d.Amount, Processor: orMain(d.Processor), BankAccount: orMain(d.BankAccount)})
}

func (d *DonationUnsafeguarded) plan(p *planner) error {
	return p.moveDonations(&movementStored{Movement: d.Movement, Campaign: d.Campaign, Amount: d.Amount, Processor: orMain(d.Processor), BankAccount: orMain(d.BankAccount), Out: true})
}

// moveDonations posts a movement of donation cash, which must be the campaign's.
func (p *planner) moveDonations(m *movementStored) error {
	told, err := p.story(p.event.Data.subject())
	if err != nil {
		return err
	}
	if told.begun() {
		return ErrRepeated.With("A movement of this id was recorded before. Give the new one an id of its own.")
	}
	c, t, err := p.campaignEvent(m.Campaign)
	if err != nil {
		return err
	}
	prep := c.reading(p.book)
	prep.unit = 1
	amount := prep.positive("/amount", m.Amount)
	if err := prep.err(); err != nil {
		return err
	}
	m.Minor = int64(amount)
	x := &transfer{currency: c.currency}
	if m.Out {
		kept, err := p.keptSafe(c, t, "")
		if err != nil {
			return err
		}
		if m.Minor > t.Safe-kept {
			return ErrCampaignMoney.Withf("The safeguarded account holds %s %s of this campaign beside its matching money. Move less back.", money.Minor(t.Safe-kept).Format(c.currency), c.Currency)
		}
		t.Safe -= m.Minor
		x.debit(routeOut, amount)
		x.credit(safeguarded(m.BankAccount), amount)
	} else {
		owed, err := p.owed(c, t)
		if err != nil {
			return err
		}
		if most := owed - t.Safe - t.Moving; m.Minor > most {
			return ErrCampaignMoney.Withf("Only donation cash is moved to the safeguarded account: %s %s of this campaign may be moved. Move that at most.", money.Minor(max(0, most)).Format(c.currency), c.Currency)
		}
		t.Cash -= m.Minor
		x.debit(routeIn, amount)
		x.add(processorAccount(bucketAvailable, m.Processor), -amount, m.Movement)
	}
	t.Moving += m.Minor
	data, err := keep(m)
	if err != nil {
		return err
	}
	if err := p.draft(draftOf{event: p.event.Type, campaign: c.ID, lines: x.lines, data: data, decision: true}); err != nil {
		return err
	}
	return p.counted(c, t, 1)
}

// owed is what a campaign owes to beneficiaries and to its match fund. What was quoted for card fees stays at the processor,
// which takes them there.
func (p *planner) owed(c *campaignTerms, t *tally) (int64, error) {
	accounts := []ledger.Address{matchFund(c.ID)}
	for _, b := range t.Of {
		accounts = append(accounts, donationPending(b.Payee, c.ID), donationAvailable(b.Payee, c.ID))
	}
	sum := t.Match.Moved
	for _, a := range accounts {
		held, err := p.balanceIn(a, c.currency)
		if err != nil {
			return 0, err
		}
		sum += int64(held)
	}
	return sum, nil
}

// keptSafe is the matching money that must stay in the safeguarded account: the fund, what is moved for it, and matches that
// wait for their beneficiaries and may come back to it. The beneficiary that is paid now keeps nothing of what is released.
func (p *planner) keptSafe(c *campaignTerms, t *tally, paid string) (int64, error) {
	fund, err := p.balanceIn(matchFund(c.ID), c.currency)
	if err != nil {
		return 0, err
	}
	kept := int64(fund) + t.Match.Moved
	for _, b := range t.Of {
		waits, err := p.balanceIn(donationPending(b.Payee, c.ID), c.currency)
		if err != nil {
			return 0, err
		}
		if b.Payee != paid {
			released, err := p.balanceIn(donationAvailable(b.Payee, c.ID), c.currency)
			if err != nil {
				return 0, err
			}
			waits += released
		}
		kept += min(int64(waits), b.Matched-b.BackMatched)
	}
	return kept, nil
}

func (d *SafeguardLanded) plan(p *planner) error {
	told, err := p.story(d.subject())
	if err != nil {
		return err
	}
	if !told.begun() {
		return ErrMovementUnknown
	}
	if len(told.transactions) > 1 {
		return ErrRepeated.With("What became of this movement was recorded before.")
	}
	m, err := storedAs[movementStored](&told.transactions[0])
	if err != nil {
		return err
	}
	c, t, err := p.campaignEvent(m.Campaign)
	if err != nil {
		return err
	}
	t.Moving -= m.Minor
	x := &transfer{currency: c.currency}
	route := routeIn
	if m.Out {
		route = routeOut
	}
	if m.Out != d.Failed { // it is at the processor: it arrived there, or never left
		t.Cash += m.Minor
		x.add(processorAccount(bucketAvailable, m.Processor), money.Minor(m.Minor), cmp.Or(d.Reference, m.Movement))
	} else {
		t.Safe += m.Minor
		x.add(safeguarded(m.BankAccount), money.Minor(m.Minor), d.Reference)
	}
	x.credit(route, money.Minor(m.Minor))
	data, err := p.stored()
	if err != nil {
		return err
	}
	if err := p.draft(draftOf{event: p.event.Type, campaign: c.ID, lines: x.lines, data: data}); err != nil {
		return err
	}
	return p.counted(c, t, 1)
}

func (d *FeeFunded) plan(p *planner) error {
	told, err := p.story(d.subject())
	if err != nil {
		return err
	}
	if told.begun() {
		return ErrRepeated.With("A funding of this id was recorded before. Give the new one an id of its own.")
	}
	c, t, err := p.campaignEvent(d.Campaign)
	if err != nil {
		return err
	}
	prep := c.reading(p.book)
	prep.unit = 1
	amount := prep.positive("/amount", d.Amount)
	if err := prep.err(); err != nil {
		return err
	}
	t.Cash += int64(amount)
	x := &transfer{currency: c.currency}
	if from := orMain(d.From); from != d.To { // in one account the money only counts as donation cash from now on
		x.debit(processorAccount(bucketAvailable, d.To), amount)
		x.credit(processorAccount(bucketAvailable, from), amount)
	}
	data, err := p.stored()
	if err != nil {
		return err
	}
	if err := p.draft(draftOf{event: p.event.Type, campaign: c.ID, lines: x.lines, data: data, decision: true}); err != nil {
		return err
	}
	return p.counted(c, t, 1)
}
