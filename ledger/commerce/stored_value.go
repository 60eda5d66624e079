package commerce

import (
	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// Stored value: gift cards and store credit. It is a liability until it pays for an order. Selling a card is no sale, so
// no fee and no commission comes of it (M-10).

// GiftCardPurchased is value that somebody paid onto a gift card.
type GiftCardPurchased struct {
	GiftCard string        `json:"gift_card" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"An opaque reference to the card, never its code" example:"gc_1"`
	Purchase string        `json:"purchase" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The purchase's id" example:"GP-1"`
	Currency string        `json:"currency" pattern:"^[A-Z]{3}$" doc:"The currency" example:"USD"`
	Amount   string        `json:"amount" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"The value bought" example:"50.00"`
	Payments []CardPayment `json:"payments" nullable:"false" minItems:"1" maxItems:"20" doc:"How the buyer paid; the sum is the amount"`
}

// CardPayment is a payment at a processor.
type CardPayment struct {
	Processor string `json:"processor" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The account at the processor" example:"main"`
	PaymentID string `json:"payment_id" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The processor's id of the payment" example:"pi_1"`
	Amount    string `json:"amount" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"What this payment paid" example:"50.00"`
}

// GiftCardExpired ends the value of a card where the law allows it.
type GiftCardExpired struct {
	GiftCard    string `json:"gift_card" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The card" example:"gc_1"`
	Currency    string `json:"currency" pattern:"^[A-Z]{3}$" doc:"The currency" example:"USD"`
	Amount      string `json:"amount,omitempty" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"What expires; left out, all that is left" example:"12.00"`
	LawfulBasis string `json:"lawful_basis" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The document that says why the law allows it" example:"LEGAL-12"`
}

// StoreCreditGranted is credit that the platform gives a buyer at its own cost.
type StoreCreditGranted struct {
	Grant    string `json:"grant" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The grant's id" example:"GR-1"`
	Buyer    string `json:"buyer" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"An opaque reference to the buyer" example:"buyer_1"`
	Currency string `json:"currency" pattern:"^[A-Z]{3}$" doc:"The currency" example:"USD"`
	Amount   string `json:"amount" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"The credit" example:"10.00"`
	Reason   string `json:"reason" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"Why" example:"late_parcel"`
}

// StoreCreditExpired ends store credit where the law allows it.
type StoreCreditExpired struct {
	Buyer       string `json:"buyer" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"An opaque reference to the buyer" example:"buyer_1"`
	Currency    string `json:"currency" pattern:"^[A-Z]{3}$" doc:"The currency" example:"USD"`
	Amount      string `json:"amount,omitempty" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"What expires; left out, all that is left" example:"10.00"`
	LawfulBasis string `json:"lawful_basis" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The document that says why the law allows it" example:"LEGAL-12"`
}

var storedValueTypes = []EventType{
	{Name: "gift_card.expired", Meaning: "What was left on a gift card expired, as the law allows.", New: func() EventData { return &GiftCardExpired{} }},
	{Name: "gift_card.purchased", Meaning: "Somebody bought a gift card; its value is owed until it pays for an order.", New: func() EventData { return &GiftCardPurchased{} }},
	{Name: "store_credit.expired", Meaning: "A buyer's store credit expired, as the law allows.", New: func() EventData { return &StoreCreditExpired{} }},
	{Name: "store_credit.granted", Meaning: "The platform gave a buyer store credit at its own cost.", New: func() EventData { return &StoreCreditGranted{} }},
}

const accountBreakage = "revenue:breakage"

// ErrStoredValueSpent means that less is left of a gift card or store credit than should expire.
var ErrStoredValueSpent = fault.New(fault.Conflict, "stored-value-spent", "Less is left than should expire. Read the balance and correct the amount; nothing was posted.")

func giftCardAccount(id string) ledger.Address { return ledger.Address("liabilities:gift_card:" + id) }
func storeCreditAccount(buyer string) ledger.Address {
	return ledger.Address("liabilities:store_credit:" + buyer)
}

func (d *GiftCardPurchased) subject() string  { return "gift_card_purchase:" + d.Purchase }
func (d *GiftCardExpired) subject() string    { return "gift_card:" + d.GiftCard }
func (d *StoreCreditGranted) subject() string { return "store_credit_grant:" + d.Grant }
func (d *StoreCreditExpired) subject() string { return "store_credit:" + d.Buyer }

func (d *GiftCardPurchased) prepare(p *preparation) {
	p.id("/gift_card", d.GiftCard, true)
	p.id("/purchase", d.Purchase, true)
	p.useCurrency("/currency", d.Currency)
	amount, paid := p.positive("/amount", d.Amount), money.Minor(0)
	if len(d.Payments) == 0 || len(d.Payments) > 20 {
		p.bad("/payments", "count", "A gift card is paid by 1 to 20 payments.")
		return
	}
	for i, y := range d.Payments {
		pointer := at("/payments", i)
		p.id(pointer+"/processor", y.Processor, true)
		p.id(pointer+"/payment_id", y.PaymentID, true)
		paid += p.positive(pointer+"/amount", y.Amount)
	}
	if len(p.fields) == 0 && paid != amount {
		p.bad("/payments", "payments-differ", "The payments come to "+paid.Format(p.currency)+" and the card to "+amount.Format(p.currency)+". Correct one of them.")
	}
}

func (d *GiftCardPurchased) plan(p *planner) error {
	if err := p.first(d.subject(), "A purchase of this id was recorded before."); err != nil {
		return err
	}
	prep := &preparation{book: p.book}
	c := prep.useCurrency("/currency", d.Currency)
	var lines []ledger.Line
	for _, y := range d.Payments {
		lines = append(lines, ledger.Line{Account: processorAccount(bucketPending, y.Processor), Amount: prep.amount("", y.Amount), Currency: c, ExternalRef: y.PaymentID})
	}
	lines = append(lines, ledger.Line{Account: giftCardAccount(d.GiftCard), Amount: -prep.amount("", d.Amount), Currency: c})
	data, err := p.stored()
	if err != nil {
		return err
	}
	return p.draft(draftOf{event: "gift_card.purchased", lines: lines, data: data})
}

// first makes sure that nothing was recorded about a subject before.
func (p *planner) first(subject, why string) error {
	told, err := p.story(subject)
	if err != nil {
		return err
	}
	if told.begun() {
		return ErrRepeated.With(why)
	}
	return nil
}

func (p *preparation) expiry(currency, amount, basis string) {
	p.useCurrency("/currency", currency)
	if amount != "" {
		p.positive("/amount", amount)
	}
	p.id("/lawful_basis", basis, true)
}

func (d *GiftCardExpired) prepare(p *preparation) {
	p.id("/gift_card", d.GiftCard, true)
	p.expiry(d.Currency, d.Amount, d.LawfulBasis)
}

func (d *StoreCreditExpired) prepare(p *preparation) {
	p.id("/buyer", d.Buyer, true)
	p.expiry(d.Currency, d.Amount, d.LawfulBasis)
}

func (d *GiftCardExpired) plan(p *planner) error {
	return p.expire(giftCardAccount(d.GiftCard), d.Currency, d.Amount, d.LawfulBasis)
}

func (d *StoreCreditExpired) plan(p *planner) error {
	return p.expire(storeCreditAccount(d.Buyer), d.Currency, d.Amount, d.LawfulBasis)
}

// expire ends stored value. If it is spent meanwhile, the floor of its account refuses the posting.
func (p *planner) expire(account ledger.Address, currency, amount, basis string) error {
	prep := &preparation{book: p.book}
	c := prep.useCurrency("/currency", currency)
	left, err := p.balanceIn(account, c)
	if err != nil {
		return err
	}
	expires := left
	if amount != "" {
		expires = prep.amount("/amount", amount)
	}
	if expires > left || expires <= 0 {
		return ErrStoredValueSpent
	}
	data, err := p.stored()
	if err != nil {
		return err
	}
	return p.draft(draftOf{event: p.event.Type, data: data, decision: true, memo: basis, lines: []ledger.Line{
		{Account: account, Amount: expires, Currency: c}, {Account: accountBreakage, Amount: -expires, Currency: c},
	}})
}

func (d *StoreCreditGranted) prepare(p *preparation) {
	p.id("/grant", d.Grant, true)
	p.id("/buyer", d.Buyer, true)
	p.id("/reason", d.Reason, true)
	p.useCurrency("/currency", d.Currency)
	p.positive("/amount", d.Amount)
}

func (d *StoreCreditGranted) plan(p *planner) error {
	if err := p.first(d.subject(), "A grant of this id was recorded before."); err != nil {
		return err
	}
	return p.pair("store_credit.granted", d.Currency, d.Amount, accountGoodwill, storeCreditAccount(d.Buyer), "")
}
