package commerce

import (
	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// What deposits and recovered debts post.

var (
	// ErrDebtSmaller means that more would be taken for a debt than it is.
	ErrDebtSmaller = fault.New(fault.Conflict, "debt-smaller", "The debt is smaller than what would be taken for it. Take at most the debt.")
	// ErrInDebt means that a seller in debt cannot get his deposit back.
	ErrInDebt = fault.New(fault.Conflict, "in-debt", "The seller is in debt. Use the deposit for the debt first.")
)

func depositAccount(seller string) ledger.Address {
	return ledger.Address("liabilities:seller_deposit:" + seller)
}

func (d *DepositReceived) subject() string        { return "deposit:" + d.Deposit }
func (d *DepositApplied) subject() string         { return "deposit_application:" + d.Application }
func (d *DepositRefunded) subject() string        { return "payout:" + d.Payout }
func (d *DebtCardRecovered) subject() string      { return "recovery:" + d.Recovery }
func (d *DebtRecoveredElsewhere) subject() string { return "recovery:" + d.Recovery }

func (d *DepositReceived) prepare(p *preparation) {
	p.id("/deposit", d.Deposit, true)
	p.id("/seller", d.Seller, true)
	p.id("/processor", d.Processor, true)
	p.id("/payment_id", d.PaymentID, true)
	p.useCurrency("/currency", d.Currency)
	p.positive("/amount", d.Amount)
}

func (d *DepositReceived) plan(p *planner) error {
	if err := p.firstTime("A deposit of this id was recorded before."); err != nil {
		return err
	}
	prep, c := p.read(d.Currency)
	amount := prep.amount("/amount", d.Amount)
	return p.move(c, "", leg{processorAccount(bucketPending, d.Processor), amount, d.PaymentID}, leg{depositAccount(d.Seller), -amount, ""})
}

func (d *DepositApplied) prepare(p *preparation) {
	p.id("/application", d.Application, true)
	p.id("/seller", d.Seller, true)
	p.useCurrency("/currency", d.Currency)
	p.positive("/amount", d.Amount)
	p.id("/reason", d.Reason, true)
}

// debtOf is what is missing in a payee's available balance. Who takes something for it rests on the payee's story of debts.
func (p *planner) debtOf(kind, id string, c money.Currency) (money.Minor, error) {
	if _, err := p.story(debtSubject(kind, id)); err != nil {
		return 0, err
	}
	available, err := p.balanceIn(payeeAccount(kind, bucketAvailable, id), c)
	return max(0, -available), err
}

// notes adds a fact to a payee's story of debts, so that of two decisions about one debt the second sees the first.
func (p *planner) notes(kind, id string) error {
	return p.draft(draftOf{event: factRecorded, kind: p.event.Type, part: 1, subject: debtSubject(kind, id)})
}

func tooMuch(debt money.Minor, c money.Currency) error {
	return ErrDebtSmaller.Withf("The debt is %s %s. Take at most that.", debt.Format(c), c)
}

func (d *DepositApplied) plan(p *planner) error {
	if err := p.firstTime("This deposit was used under this id before."); err != nil {
		return err
	}
	prep, c := p.read(d.Currency)
	amount := prep.amount("/amount", d.Amount)
	debt, err := p.debtOf("seller", d.Seller, c)
	if err != nil {
		return err
	}
	if amount > debt {
		return tooMuch(debt, c)
	}
	if err := p.decide(c, d.Reason, leg{depositAccount(d.Seller), amount, ""}, leg{payeeAccount("seller", bucketAvailable, d.Seller), -amount, ""}); err != nil {
		return err
	}
	return p.notes("seller", d.Seller)
}

func (d *DepositRefunded) prepare(p *preparation) {
	p.id("/payout", d.Payout, true)
	p.id("/seller", d.Seller, true)
	p.useCurrency("/currency", d.Currency)
	p.positive("/amount", d.Amount)
}

func (d *DepositRefunded) plan(p *planner) error {
	if err := p.firstTime("A payout of this id was created before."); err != nil {
		return err
	}
	prep, c := p.read(d.Currency)
	amount := prep.amount("/amount", d.Amount)
	debt, err := p.debtOf("seller", d.Seller, c)
	if err != nil {
		return err
	}
	if debt > 0 {
		return ErrInDebt.Withf("The seller owes %s %s. Use the deposit for the debt first.", debt.Format(c), c)
	}
	return p.decide(c, "", leg{depositAccount(d.Seller), amount, ""}, leg{ledger.Address("liabilities:payout_in_transit:" + d.Seller), -amount, d.Payout})
}

func (d *DebtCardRecovered) prepare(p *preparation) {
	p.id("/recovery", d.Recovery, true)
	if d.Kind == "" {
		p.bad("/kind", "required", "A recovery needs the kind of payee.")
	}
	p.oneOf("/kind", d.Kind, payeeKinds...)
	p.id("/payee", d.Payee, true)
	p.id("/processor", d.Processor, true)
	p.id("/payment_id", d.PaymentID, true)
	p.useCurrency("/currency", d.Currency)
	p.positive("/amount", d.Amount)
}

// plan posts the charge in full; its fee is a fact of its own, as with every charge (W-08).
func (d *DebtCardRecovered) plan(p *planner) error {
	if err := p.firstTime("A recovery of this id was recorded before."); err != nil {
		return err
	}
	prep, c := p.read(d.Currency)
	amount := prep.amount("/amount", d.Amount)
	return p.move(c, "", leg{processorAccount(bucketPending, d.Processor), amount, d.PaymentID}, leg{payeeAccount(d.Kind, bucketAvailable, d.Payee), -amount, ""})
}

func (d *DebtRecoveredElsewhere) prepare(p *preparation) {
	p.id("/recovery", d.Recovery, true)
	p.id("/from", d.From, true)
	p.id("/to", d.To, true)
	if d.From == d.To && d.From != "" {
		p.bad("/to", "same", "A shop cannot pay its own debt this way; its next earnings do.")
	}
	p.useCurrency("/currency", d.Currency)
	p.positive("/amount", d.Amount)
	p.document("/consent", d.Consent, true)
}

func (d *DebtRecoveredElsewhere) plan(p *planner) error {
	if err := p.firstTime("A recovery of this id was recorded before."); err != nil {
		return err
	}
	prep, c := p.read(d.Currency)
	amount := prep.amount("/amount", d.Amount)
	debt, err := p.debtOf("seller", d.To, c)
	if err != nil {
		return err
	}
	if amount > debt {
		return tooMuch(debt, c)
	}
	from := payeeAccount("seller", bucketAvailable, d.From)
	there, err := p.balanceIn(from, c)
	if err != nil {
		return err
	}
	if amount > there {
		return ErrCashMissing.Withf("The shop that pays has %s %s available. Take at most that.", max(0, there).Format(c), c)
	}
	if err := p.decide(c, d.Consent, leg{from, amount, ""}, leg{payeeAccount("seller", bucketAvailable, d.To), -amount, ""}); err != nil {
		return err
	}
	return p.notes("seller", d.To)
}
