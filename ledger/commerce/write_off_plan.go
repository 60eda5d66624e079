package commerce

import (
	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// What the write-off of a debt posts, and what comes in for it afterwards. Both stand in the payee's story of debts, so what
// is written off and not recovered is what that story has left of the expense.

var (
	// ErrPayeeHasMoney means that a debt would be given up while something of the payee's could pay it.
	ErrPayeeHasMoney = fault.New(fault.Conflict, "payee-has-money",
		"The payee holds money in this book that could pay the debt: pending, available in another currency, held, in a reserve or in a deposit. Use that first, or wait for it.")
	// ErrWrittenOffSmaller means that more would be recovered than was written off and not recovered yet.
	ErrWrittenOffSmaller = fault.New(fault.Conflict, "written-off-smaller",
		"Less than this is written off and not recovered yet. Say as recovered at most that; the rest is the payee's.")
)

const (
	bucketBlocked  = "blocked"
	accountBadDebt = "expenses:bad_debt"
)

// debtSubject is the story of a payee's debts.
func debtSubject(kind, id string) string { return "debt:" + kind + "." + id }

func (d *DebtWrittenOff) subject() string      { return debtSubject(d.Kind, d.Payee) }
func (d *WrittenOffRecovered) subject() string { return debtSubject(d.Kind, d.Payee) }

func (d *DebtWrittenOff) prepare(p *preparation) {
	p.id("/write_off", d.WriteOff, true)
	if d.Kind == "" {
		p.bad("/kind", "required", "A write-off needs the kind of payee.")
	}
	p.oneOf("/kind", d.Kind, payeeKinds...)
	p.id("/payee", d.Payee, true)
	p.useCurrency("/currency", d.Currency)
	p.positive("/amount", d.Amount)
	p.id("/reason", d.Reason, true)
	p.document("/document", d.Document, true)
}

// plan gives up at most the debt, and only what nothing of the payee's could pay. Money that is blocked belongs to a court
// or an authority first, a trust to a child, and donations to whom they were given (C-13, C-14): they do not count.
func (d *DebtWrittenOff) plan(p *planner) error {
	told, err := p.story(d.subject())
	if err != nil {
		return err
	}
	for _, t := range told.chapters("debt.written_off") {
		if before, err := storedAs[DebtWrittenOff](t); err != nil || before.WriteOff == d.WriteOff {
			return repeatedOr(err, "A write-off of this id was recorded before.")
		}
	}
	prep, c := p.read(d.Currency)
	amount := prep.amount("/amount", d.Amount)
	debt, err := p.debtOf(d.Kind, d.Payee, c)
	if err != nil {
		return err
	}
	if amount > debt {
		return tooMuch(debt, c)
	}
	if err := p.holdsNothing(d.Kind, d.Payee); err != nil {
		return err
	}
	return p.decide(c, d.Reason, leg{accountBadDebt, amount, ""}, leg{payeeAccount(d.Kind, bucketAvailable, d.Payee), -amount, ""})
}

func repeatedOr(err error, why string) error {
	if err == nil {
		err = ErrRepeated.With(why)
	}
	return err
}

// holdsNothing returns ErrPayeeHasMoney if any account that could pay a payee's debt is above zero, in any currency.
func (p *planner) holdsNothing(kind, id string) error {
	accounts := []ledger.Address{
		payeeAccount(kind, bucketAvailable, id), payeeAccount(kind, bucketPending, id), payeeAccount(kind, bucketDisputeHold, id),
	}
	if kind == "seller" {
		accounts = append(accounts, payeeAccount(kind, bucketReserve, id), depositAccount(id), ledger.Address("liabilities:commission_deposit:"+id))
	}
	for _, c := range p.book.Currencies {
		for _, a := range accounts {
			held, err := p.balanceIn(a, c)
			if err != nil {
				return err
			}
			if held > 0 {
				return ErrPayeeHasMoney.Withf("The payee holds %s %s in %s. Use that for the debt first, or wait for it.", held.Format(c), c, a)
			}
		}
	}
	return nil
}

func (d *WrittenOffRecovered) prepare(p *preparation) {
	p.id("/recovery", d.Recovery, true)
	if d.Kind == "" || d.Way == "" {
		p.bad("/way", "required", "A recovery needs the kind of payee and the way the money came.")
	}
	p.oneOf("/kind", d.Kind, payeeKinds...)
	p.id("/payee", d.Payee, true)
	p.oneOf("/way", d.Way, "card", "hold")
	p.id("/processor", d.Processor, d.Way == "card")
	p.id("/payment_id", d.PaymentID, d.Way == "card")
	p.useCurrency("/currency", d.Currency)
	amount := p.positive("/amount", d.Amount)
	if d.Recovered != "" && p.positive("/recovered", d.Recovered) > amount {
		p.bad("/recovered", "recovered-too-large", "More would pay the debt than came in.")
	}
}

// plan gives back to the expense what was written off, and the rest to the payee.
func (d *WrittenOffRecovered) plan(p *planner) error {
	told, err := p.story(d.subject())
	if err != nil {
		return err
	}
	for _, t := range told.chapters("debt.recovered_after_write_off") {
		if before, err := storedAs[WrittenOffRecovered](t); err != nil || before.Recovery == d.Recovery {
			return repeatedOr(err, "A recovery of this id was recorded before.")
		}
	}
	prep, c := p.read(d.Currency)
	amount := prep.amount("/amount", d.Amount)
	recovered := amount
	if d.Recovered != "" {
		recovered = prep.amount("/recovered", d.Recovered)
	}
	if open := told.writtenOff(c); recovered > open {
		return ErrWrittenOffSmaller.Withf("Of this payee's debts %s %s is written off and not recovered yet. Say as recovered at most that; the rest is the payee's.", open.Format(c), c)
	}
	from, ref := payeeAccount(d.Kind, bucketBlocked, d.Payee), ""
	if d.Way == "card" {
		from, ref = processorAccount(bucketPending, d.Processor), d.PaymentID
	}
	return p.move(c, "", leg{from, amount, ref}, leg{payeeAccount(d.Kind, bucketAvailable, d.Payee), recovered - amount, ""}, leg{accountBadDebt, -recovered, ""})
}

// writtenOff is what a story of debts has written off in a currency and not recovered.
func (s *story) writtenOff(c money.Currency) money.Minor { return max(0, -s.net(accountBadDebt, c)) }
