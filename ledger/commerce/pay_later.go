package commerce

import "mizan/ledger"

// Pay later: a provider that pays us at once and the buyer later is a processor account of its own. What it sends to the
// bank, less its fee, leaves that account (M-11).

// ProcessorPaidOut is money that a processor sent to our bank by itself.
type ProcessorPaidOut struct {
	Payout      string `json:"payout" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The processor's id of the payout" example:"po_1"`
	Processor   string `json:"processor" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The account at the processor" example:"klarna"`
	Currency    string `json:"currency" pattern:"^[A-Z]{3}$" doc:"The currency" example:"USD"`
	Amount      string `json:"amount" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"What arrived at the bank" example:"107.63"`
	BankAccount string `json:"bank_account" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The bank account it arrived at" example:"main"`
	Cash        string `json:"cash,omitempty" enum:"pending,available" default:"pending" doc:"Which of our balances at the processor it leaves"`
}

var payLaterTypes = []EventType{
	{Name: "processor.paid_out_to_us", Meaning: "A processor sent our money to the bank.", New: func() EventData { return &ProcessorPaidOut{} }},
}

func (d *ProcessorPaidOut) subject() string { return "processor_payout:" + d.Payout }

func (d *ProcessorPaidOut) prepare(p *preparation) {
	p.id("/payout", d.Payout, true)
	p.id("/processor", d.Processor, true)
	p.id("/bank_account", d.BankAccount, true)
	p.oneOf("/cash", d.Cash, bucketPending, bucketAvailable)
	p.useCurrency("/currency", d.Currency)
	p.unit = 1 // the processor's own arithmetic is not bound to our posting unit
	p.positive("/amount", d.Amount)
}

func (d *ProcessorPaidOut) plan(p *planner) error {
	if err := p.first(d.subject(), "A payout of this id was recorded before."); err != nil {
		return err
	}
	cash := d.Cash
	if cash == "" {
		cash = bucketPending
	}
	return p.pair("processor.paid_out_to_us", d.Currency, d.Amount, ledger.Address("assets:bank:operating:"+d.BankAccount), processorAccount(cash, d.Processor), d.Payout)
}
