package commerce

import (
	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// Disbursements: payments of released donations to beneficiaries, from the safeguarded account, in the states of a payout:
// created, submitted, paid; failed or returned, after which the money waits again for a new one.

// DonationDisbursed creates the payment of all that is released for a beneficiary of a campaign.
type DonationDisbursed struct {
	Disbursement string `json:"disbursement" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The disbursement's id" example:"DB-1"`
	Campaign     string `json:"campaign" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The campaign" example:"winter24"`
	Beneficiary  string `json:"beneficiary" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"Who gets it" example:"ngo_a"`
	Amount       string `json:"amount,omitempty" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"What is paid, as a check: always all that is released" example:"170.59"`
}

// DisbursementSubmitted says that the bank was told to pay.
type DisbursementSubmitted struct {
	Disbursement string `json:"disbursement" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The disbursement" example:"DB-1"`
	BankAccount  string `json:"bank_account,omitempty" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The safeguarded account it is paid from; left out, main"`
}

// DisbursementPaid says that the beneficiary has the money.
type DisbursementPaid struct {
	Disbursement  string `json:"disbursement" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The disbursement" example:"DB-1"`
	BankReference string `json:"bank_reference,omitempty" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The bank's reference" example:"FT2612190001"`
}

// DisbursementFailed says that the bank could not pay, or was never told to.
type DisbursementFailed struct {
	Disbursement string `json:"disbursement" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The disbursement" example:"DB-1"`
	Reason       string `json:"reason" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"Why, in your words" example:"account_closed"`
}

// DisbursementReturned says that a payment which had arrived came back.
type DisbursementReturned struct {
	Disbursement string `json:"disbursement" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The disbursement" example:"DB-1"`
	Reason       string `json:"reason" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"Why, in your words" example:"account_closed"`
}

// ErrDisbursementUnknown means that no such disbursement was created.
var ErrDisbursementUnknown = fault.New(fault.NotFound, "disbursement-unknown", "No disbursement of this id was created. Check its id.")

func (d *DonationDisbursed) subject() string     { return "disbursement:" + d.Disbursement }
func (d *DisbursementSubmitted) subject() string { return "disbursement:" + d.Disbursement }
func (d *DisbursementPaid) subject() string      { return "disbursement:" + d.Disbursement }
func (d *DisbursementFailed) subject() string    { return "disbursement:" + d.Disbursement }
func (d *DisbursementReturned) subject() string  { return "disbursement:" + d.Disbursement }

func (d *DonationDisbursed) prepare(p *preparation) {
	p.id("/disbursement", d.Disbursement, true)
	p.id("/campaign", d.Campaign, true)
	p.id("/beneficiary", d.Beneficiary, true)
}

func (d *DisbursementSubmitted) prepare(p *preparation) {
	p.id("/disbursement", d.Disbursement, true)
	p.id("/bank_account", d.BankAccount, false)
}

func (d *DisbursementPaid) prepare(p *preparation) {
	p.id("/disbursement", d.Disbursement, true)
	p.id("/bank_reference", d.BankReference, false)
}

func (d *DisbursementFailed) prepare(p *preparation) {
	p.id("/disbursement", d.Disbursement, true)
	needsReason(p, d.Reason)
}

func (d *DisbursementReturned) prepare(p *preparation) {
	p.id("/disbursement", d.Disbursement, true)
	needsReason(p, d.Reason)
}

// disbursedStored is a disbursement as it is kept.
type disbursedStored struct {
	DonationDisbursed
	Paid     int64  `json:"paid"`
	Currency string `json:"currency"`
	// Through is the last donation in it, Before the last of the disbursements before.
	Through int64 `json:"through"`
	Before  int64 `json:"before"`
}

func (d *DonationDisbursed) plan(p *planner) error {
	told, err := p.story(d.subject())
	if err != nil {
		return err
	}
	if told.begun() {
		return ErrRepeated.With("A disbursement of this id was created before. A retry is a new disbursement.")
	}
	c, t, err := p.campaignEvent(d.Campaign)
	if err != nil {
		return err
	}
	b, err := c.member(t, d.Beneficiary)
	if err != nil {
		return err
	}
	if b.Held != "" {
		return ErrPromise.Withf("The money of %s is held (%s). Release the hold before it is disbursed.", d.Beneficiary, b.Held)
	}
	amount, err := p.balanceIn(donationAvailable(d.Beneficiary, c.ID), c.currency)
	if err != nil {
		return err
	}
	prep := c.reading(p.book)
	asked := prep.amount("/amount", d.Amount)
	if err := prep.err(); err != nil {
		return err
	}
	switch {
	case amount <= 0:
		return ErrPromise.With("Only released donations are disbursed, and none of this beneficiary are. Release them first.")
	case d.Amount != "" && asked != amount:
		return ErrPromise.Withf("%s %s is released for this beneficiary, and all of it is disbursed at once. Correct the amount, or release more first.", amount.Format(c.currency), c.Currency)
	case int64(amount) > t.Safe:
		return ErrCampaignMoney.Withf("The safeguarded account holds %s %s of this campaign. Move its donations there first.", money.Minor(t.Safe).Format(c.currency), c.Currency)
	}
	stored := disbursedStored{*d, int64(amount), c.Currency, b.Released, b.Disbursed}
	b.Disbursed, b.DisbursedStep = b.Released, t.Step
	b.Sending += int64(amount)
	t.Safe -= int64(amount)
	data, err := keep(stored)
	if err != nil {
		return err
	}
	x := &transfer{currency: c.currency}
	x.debit(donationAvailable(d.Beneficiary, c.ID), amount)
	x.credit(inTransitTo(d.Beneficiary), amount)
	if err := p.draft(draftOf{event: p.event.Type, campaign: c.ID, lines: x.lines, data: data, decision: true}); err != nil {
		return err
	}
	return p.counted(c, t, 1)
}

func inTransitTo(payee string) ledger.Address {
	return ledger.Address("liabilities:payout_in_transit:" + payee)
}

// disbursement is one as its story tells it.
type disbursement struct {
	disbursedStored
	state string
	bank  string
	c     *campaignTerms
	t     *tally
}

const (
	stateCreated   = "created"
	stateSubmitted = "submitted"
	statePaid      = "paid"
	stateFailed    = "failed"
	stateReturned  = "returned"
)

// disbursementStates are the states by the event that leads to them.
var disbursementStates = []struct{ event, state string }{
	{"donation.disbursed", stateCreated},
	{"donation.disbursement_submitted", stateSubmitted},
	{"donation.disbursement_paid", statePaid},
	{"donation.disbursement_failed", stateFailed},
	{"donation.disbursement_returned", stateReturned},
}

// disbursement reads a disbursement that must be in one of the states.
func (p *planner) disbursement(id string, states ...string) (*disbursement, error) {
	told, err := p.story("disbursement:" + id)
	if err != nil {
		return nil, err
	}
	d, err := readDisbursement(told)
	if err != nil {
		return nil, err
	}
	allowed := false
	for _, s := range states {
		allowed = allowed || s == d.state
	}
	if !allowed {
		return nil, ErrOrderState.Withf("The disbursement is %s; this cannot follow. A failed or returned one is not used again: create a new one.", d.state)
	}
	d.c, d.t, err = p.campaignEvent(d.Campaign)
	return d, err
}

func readDisbursement(told *story) (*disbursement, error) {
	first := told.first("donation.disbursed")
	if first == nil {
		return nil, ErrDisbursementUnknown
	}
	stored, err := storedAs[disbursedStored](first)
	if err != nil {
		return nil, err
	}
	d := &disbursement{disbursedStored: stored, bank: mainAccount}
	for _, s := range disbursementStates {
		if x := told.first(s.event); x != nil {
			d.state = s.state
			if s.state == stateSubmitted {
				sent, err := storedAs[DisbursementSubmitted](x)
				if err != nil {
					return nil, err
				}
				d.bank = orMain(sent.BankAccount)
			}
		}
	}
	return d, nil
}

// step posts what a change of state moves, and carries the tally on.
func (d *disbursement) step(p *planner, debit, credit ledger.Address) error {
	x := &transfer{currency: d.c.currency}
	x.debit(debit, money.Minor(d.Paid))
	x.credit(credit, money.Minor(d.Paid))
	data, err := p.stored()
	if err != nil {
		return err
	}
	if err := p.counted(d.c, d.t, 1); err != nil {
		return err
	}
	return p.draft(draftOf{event: p.event.Type, campaign: d.Campaign, lines: x.lines, data: data})
}

// back gives a disbursement's money back to what waits.
func (d *disbursement) back() *shareTally {
	b := d.t.of(d.Beneficiary)
	if b.Disbursed == d.Through { // no later one has gone out
		b.Disbursed = d.Before
	}
	d.t.Safe += d.Paid
	return b
}

const cashInTransit ledger.Address = "assets:cash_in_transit:" + mainAccount

func (d *DisbursementSubmitted) plan(p *planner) error {
	x, err := p.disbursement(d.Disbursement, stateCreated)
	if err != nil {
		return err
	}
	if held := x.t.of(x.Beneficiary).Held; held != "" {
		return ErrPromise.Withf("The money of %s is held (%s). Let the disbursement fail, or release the hold.", x.Beneficiary, held)
	}
	return x.step(p, cashInTransit, safeguarded(orMain(d.BankAccount)))
}

func (d *DisbursementPaid) plan(p *planner) error {
	x, err := p.disbursement(d.Disbursement, stateSubmitted)
	if err != nil {
		return err
	}
	b := x.t.of(x.Beneficiary)
	b.Sending -= x.Paid
	b.Paid += x.Paid
	return x.step(p, inTransitTo(x.Beneficiary), cashInTransit)
}

func (d *DisbursementFailed) plan(p *planner) error {
	x, err := p.disbursement(d.Disbursement, stateCreated, stateSubmitted)
	if err != nil {
		return err
	}
	x.back().Sending -= x.Paid
	y := &transfer{currency: x.c.currency}
	y.debit(inTransitTo(x.Beneficiary), money.Minor(x.Paid))
	y.credit(donationAvailable(x.Beneficiary, x.Campaign), money.Minor(x.Paid))
	if x.state == stateSubmitted {
		y.debit(safeguarded(x.bank), money.Minor(x.Paid))
		y.credit(cashInTransit, money.Minor(x.Paid))
	}
	data, err := p.stored()
	if err != nil {
		return err
	}
	if err := p.draft(draftOf{event: p.event.Type, campaign: x.Campaign, lines: y.lines, data: data}); err != nil {
		return err
	}
	return p.counted(x.c, x.t, 1)
}

func (d *DisbursementReturned) plan(p *planner) error {
	x, err := p.disbursement(d.Disbursement, statePaid)
	if err != nil {
		return err
	}
	x.back().Paid -= x.Paid
	return x.step(p, safeguarded(x.bank), donationAvailable(x.Beneficiary, x.Campaign))
}
