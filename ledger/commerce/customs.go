package commerce

import (
	"mizan/ledger"
	"mizan/ledger/money"
)

// Customs: duty that buyers paid at the checkout goes to the broker or the authority, who may ask for more or less than
// was collected (M-14).

// CustomsSettled is duty that was paid from the bank.
type CustomsSettled struct {
	Settlement   string `json:"settlement" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The id of the broker's bill" example:"CUS-1"`
	Jurisdiction string `json:"jurisdiction" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"Whose customs" example:"UK"`
	Currency     string `json:"currency" pattern:"^[A-Z]{3}$" doc:"The currency" example:"USD"`
	Collected    string `json:"collected" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"What the buyers had paid for what is settled" example:"12.00"`
	Amount       string `json:"amount" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"What was paid" example:"12.40"`
	BankAccount  string `json:"bank_account" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The bank account it was paid from" example:"main"`
	Difference   string `json:"difference,omitempty" enum:"seller,platform" default:"platform" doc:"Who bears the difference, or gets it"`
	Seller       string `json:"seller,omitempty" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The seller, if the difference is the seller's" example:"sel_uk"`
}

var customsTypes = []EventType{
	{Name: "customs.settled", Meaning: "Duty that buyers had paid at the checkout was paid to customs.", New: func() EventData { return &CustomsSettled{} }},
}

func (d *CustomsSettled) subject() string { return "customs:" + d.Settlement }

func (d *CustomsSettled) prepare(p *preparation) {
	p.id("/settlement", d.Settlement, true)
	p.id("/jurisdiction", d.Jurisdiction, true)
	p.id("/bank_account", d.BankAccount, true)
	p.oneOf("/difference", d.Difference, "seller", "platform")
	p.id("/seller", d.Seller, d.Difference == "seller")
	if d.Seller != "" && d.Difference != "seller" {
		p.bad("/seller", "unexpected", "Only a difference that is the seller's names a seller.")
	}
	p.useCurrency("/currency", d.Currency)
	p.amount("/collected", d.Collected)
	p.positive("/amount", d.Amount)
}

func (d *CustomsSettled) plan(p *planner) error {
	if err := p.first(d.subject(), "A settlement of this id was recorded before."); err != nil {
		return err
	}
	prep := &preparation{book: p.book}
	c := prep.useCurrency("/currency", d.Currency)
	collected, paid := prep.amount("/collected", d.Collected), prep.amount("/amount", d.Amount)
	bearer := ledger.Address(accountShippingSubsidy)
	if d.Difference == "seller" {
		bearer = payeeAccount("seller", bucketAvailable, d.Seller)
	}
	var lines []ledger.Line
	add := func(a ledger.Address, amount money.Minor) {
		if amount != 0 {
			lines = append(lines, ledger.Line{Account: a, Amount: amount, Currency: c})
		}
	}
	add(ledger.Address("liabilities:tax:customs:"+d.Jurisdiction), collected)
	add(bearer, paid-collected)
	add(ledger.Address("assets:bank:operating:"+d.BankAccount), -paid)
	data, err := p.stored()
	if err != nil {
		return err
	}
	return p.draft(draftOf{event: "customs.settled", lines: lines, data: data})
}
