package commerce

import (
	"mizan/ledger"
	"mizan/ledger/fault"
)

// What unclaimed money posts. The item keeps whose it was, so that it can go back.

var (
	// ErrItemUnknown means that there is no such item of unclaimed money.
	ErrItemUnknown = fault.New(fault.NotFound, "unclaimed-unknown", "There is no unclaimed money of this id. Check its id.")
	// ErrItemGone means that an item was given back or paid to the state.
	ErrItemGone = fault.New(fault.Conflict, "unclaimed-gone", "This unclaimed money was given back or paid to the state before. Refer a claim after that to the state.")
)

func (d *BalanceUnclaimed) subject() string   { return "unclaimed:" + d.Item }
func (d *UnclaimedReclaimed) subject() string { return "unclaimed:" + d.Item }
func (d *UnclaimedRemitted) subject() string  { return "unclaimed:" + d.Item }
func (d *RefundRepaid) subject() string       { return "repayment:" + d.Repayment }

func unclaimedAccount(jurisdiction string) ledger.Address {
	return ledger.Address("liabilities:unclaimed:" + jurisdiction)
}

// account is where the owner's balance is.
func (d *BalanceUnclaimed) account() ledger.Address {
	switch d.Kind {
	case "store_credit", "gift_card":
		return ledger.Address("liabilities:" + d.Kind + ":" + d.Owner)
	case "refund_due":
		return ledger.Address("liabilities:customer_refund_due:" + d.Owner)
	}
	return payeeAccount(d.Kind, bucketAvailable, d.Owner)
}

func (d *BalanceUnclaimed) prepare(p *preparation) {
	p.id("/item", d.Item, true)
	if d.Kind == "" {
		p.bad("/kind", "required", "Unclaimed money needs the kind of its owner.")
	}
	p.oneOf("/kind", d.Kind, append([]string{"store_credit", "gift_card", "refund_due"}, payeeKinds...)...)
	p.id("/owner", d.Owner, true)
	p.id("/jurisdiction", d.Jurisdiction, true)
	p.useCurrency("/currency", d.Currency)
	p.positive("/amount", d.Amount)
	p.document("/notice", d.Notice, true)
}

func (d *BalanceUnclaimed) plan(p *planner) error {
	if err := p.firstTime("Unclaimed money of this id was recorded before."); err != nil {
		return err
	}
	prep, c := p.read(d.Currency)
	amount := prep.amount("/amount", d.Amount)
	return p.decide(c, d.Notice, leg{d.account(), amount, ""}, leg{unclaimedAccount(d.Jurisdiction), -amount, ""})
}

func (d *UnclaimedReclaimed) prepare(p *preparation) {
	p.id("/item", d.Item, true)
	p.document("/document", d.Document, false)
}

// unclaimedItem reads an item that is still with us.
func (p *planner) unclaimedItem() (item BalanceUnclaimed, err error) {
	told, err := p.story(p.event.Data.subject())
	if err != nil {
		return item, err
	}
	t := told.first("balance.unclaimed")
	if t == nil {
		return item, ErrItemUnknown
	}
	if told.first("unclaimed.reclaimed") != nil || told.first("unclaimed.remitted") != nil {
		return item, ErrItemGone
	}
	return storedAs[BalanceUnclaimed](t)
}

func (d *UnclaimedReclaimed) plan(p *planner) error {
	item, err := p.unclaimedItem()
	if err != nil {
		return err
	}
	prep, c := p.read(item.Currency)
	amount := prep.amount("/amount", item.Amount)
	return p.move(c, d.Document, leg{unclaimedAccount(item.Jurisdiction), amount, ""}, leg{item.account(), -amount, ""})
}

func (d *UnclaimedRemitted) prepare(p *preparation) {
	p.id("/item", d.Item, true)
	p.id("/bank", d.Bank, true)
	p.document("/document", d.Document, false)
}

func (d *UnclaimedRemitted) plan(p *planner) error {
	item, err := p.unclaimedItem()
	if err != nil {
		return err
	}
	prep, c := p.read(item.Currency)
	amount := prep.amount("/amount", item.Amount)
	return p.move(c, d.Document, leg{unclaimedAccount(item.Jurisdiction), amount, ""}, leg{bankAccount("operating", d.Bank), -amount, d.Item})
}

func (d *RefundRepaid) prepare(p *preparation) {
	p.id("/repayment", d.Repayment, true)
	p.id("/buyer", d.Buyer, true)
	p.id("/bank", d.Bank, true)
	p.useCurrency("/currency", d.Currency)
	p.positive("/amount", d.Amount)
	p.document("/document", d.Document, false)
}

func (d *RefundRepaid) plan(p *planner) error {
	if err := p.firstTime("A repayment of this id was recorded before."); err != nil {
		return err
	}
	prep, c := p.read(d.Currency)
	amount := prep.amount("/amount", d.Amount)
	return p.move(c, d.Document, leg{ledger.Address("liabilities:customer_refund_due:" + d.Buyer), amount, ""}, leg{bankAccount("operating", d.Bank), -amount, d.Repayment})
}
