package commerce

import (
	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// What payments to carriers and tax offices post. A balance below zero, as a refund after the payment leaves it, is set off
// against what is owed next: nothing can be paid then before it is positive again, unless it is a prepayment.

// ErrOwedLess means that less is owed than was paid.
var ErrOwedLess = fault.New(fault.Conflict, "owed-less", "Less is owed than is paid. Check the amount, or mark the payment as a prepayment.")

func (d *CarrierInvoicePaid) subject() string  { return "carrier_invoice:" + d.Invoice }
func (d *TaxRemitted) subject() string         { return "tax_remittance:" + d.Remittance }
func (d *WithholdingRemitted) subject() string { return "tax_remittance:" + d.Remittance }

func (d *CarrierClaimPaid) subject() string {
	if d.Order != "" {
		return orderPrefix + d.Order
	}
	return "carrier_claim:" + d.Claim
}

// owes refuses a payment larger than what is owed. Payments of the same debt rest on each other.
func (p *planner) owes(account ledger.Address, c money.Currency, amount money.Minor, prepayment bool) error {
	owed, err := p.balanceIn(account, c)
	if err == nil && !prepayment && amount > owed {
		return ErrOwedLess.Withf("%s %s is owed. Check the amount, or mark the payment as a prepayment.", max(0, owed).Format(c), c)
	}
	return err
}

func (d *CarrierInvoicePaid) prepare(p *preparation) {
	p.id("/invoice", d.Invoice, true)
	p.id("/carrier", d.Carrier, true)
	p.id("/bank", d.Bank, true)
	p.useCurrency("/currency", d.Currency)
	p.unit = 1
	p.positive("/amount", d.Amount)
	p.document("/document", d.Document, false)
}

func (d *CarrierInvoicePaid) plan(p *planner) error {
	if err := p.firstTime("This invoice was paid before."); err != nil {
		return err
	}
	prep, c := p.read(d.Currency)
	amount := prep.amount("/amount", d.Amount)
	carrier := carrierAccount(d.Carrier)
	if err := p.owes(carrier, c, amount, d.Prepayment); err != nil {
		return err
	}
	return p.move(c, d.Document, leg{carrier, amount, ""}, leg{bankAccount("operating", d.Bank), -amount, d.Invoice})
}

func (d *CarrierClaimPaid) prepare(p *preparation) {
	p.id("/claim", d.Claim, true)
	p.id("/seller", d.Seller, true)
	p.id("/order", d.Order, false)
	p.id("/bank", d.Bank, true)
	p.useCurrency("/currency", d.Currency)
	p.positive("/amount", d.Amount)
}

// apply changes nothing: a claim is no part of the sale's sheet.
func (d *CarrierClaimPaid) apply(*order, *preparation) error { return nil }

// plan gives the money to the seller where the order's money sits, or as available (W-05).
func (d *CarrierClaimPaid) plan(p *planner) error {
	prep, c := p.read(d.Currency)
	amount := prep.amount("/amount", d.Amount)
	bucket := bucketAvailable
	if o := p.order; o != nil {
		if err := p.known(); err != nil {
			return err
		}
		if d.Seller != o.seller {
			return ledger.ErrInvalid.At("/data/seller", "party", "The order belongs to another seller.")
		}
		if c != o.currency {
			return ledger.ErrInvalid.At("/data/currency", "currency", "The order is in another currency.")
		}
		for i := range o.transactions {
			if o.transactions[i].Event != p.event.Type {
				continue
			}
			if before, err := storedAs[CarrierClaimPaid](&o.transactions[i]); err == nil && before.Claim == d.Claim {
				return ErrRepeated.With("A claim of this id was paid before.")
			}
		}
		bucket = o.bucket()
	} else if err := p.firstTime("A claim of this id was paid before."); err != nil {
		return err
	}
	return p.move(c, d.Claim, leg{bankAccount("operating", d.Bank), amount, d.Claim}, leg{payeeAccount("seller", bucket, d.Seller), -amount, ""})
}

func (d *TaxRemitted) prepare(p *preparation) {
	p.id("/remittance", d.Remittance, true)
	if d.Kind == "" {
		p.bad("/kind", "required", "A remittance needs the kind of tax.")
	}
	p.oneOf("/kind", d.Kind, "sales", "vat", "customs")
	p.id("/jurisdiction", d.Jurisdiction, true)
	p.id("/tax_kind", d.TaxKind, d.Kind == "vat")
	if d.TaxKind != "" && d.Kind != "vat" {
		p.bad("/tax_kind", "unexpected", "Only vat has kinds of its own.")
	}
	p.id("/bank", d.Bank, true)
	p.useCurrency("/currency", d.Currency)
	p.unit = 1
	amount := p.positive("/amount", d.Amount)
	input := p.amount("/input_vat", d.InputVAT)
	if input > 0 && d.Kind != "vat" {
		p.bad("/input_vat", "unexpected", "Only vat is settled with tax on our own costs.")
	}
	if input > amount {
		p.bad("/input_vat", "input-too-large", "More would be deducted than is settled. Deduct at most the tax that is settled.")
	}
	p.document("/document", d.Document, false)
}

// owed is the account of the tax.
func (d *TaxRemitted) owed() ledger.Address {
	a := "liabilities:tax:" + d.Kind + ":" + d.Jurisdiction
	if d.TaxKind != "" {
		a += ":" + d.TaxKind
	}
	return ledger.Address(a)
}

// remittedTax is a remittance as it is kept.
type remittedTax struct{ TaxRemitted }

// tell tells what was settled, with what, and what was left to pay.
func (d *remittedTax) tell() []Step {
	c, err := money.ParseCurrency(d.Currency)
	if err != nil {
		return nil
	}
	prep := &preparation{currency: c, unit: 1}
	amount, input := prep.amount("", d.Amount), prep.amount("", d.InputVAT)
	t := &tale{currency: c}
	t.plain("tax_settled", "Tax that is settled", string(d.owed()), -amount, "")
	if input != 0 {
		t.plain("input_tax", "Settled with tax on our own costs", string(inputTaxAccount(d.Jurisdiction)), input, "")
	}
	if amount != input {
		t.plain("tax_paid", "Paid from the bank", string(bankAccount("operating", d.Bank)), amount-input, amount.Format(c)+" less "+input.Format(c)+" deducted")
	}
	return t.steps
}

func (d *TaxRemitted) plan(p *planner) error {
	if err := p.firstTime("A remittance of this id was recorded before."); err != nil {
		return err
	}
	prep, c := p.read(d.Currency)
	amount, input := prep.amount("/amount", d.Amount), prep.amount("/input_vat", d.InputVAT)
	if err := p.owes(d.owed(), c, amount, d.Prepayment); err != nil {
		return err
	}
	deductible := inputTaxAccount(d.Jurisdiction)
	if input > 0 {
		there, err := p.balanceIn(deductible, c)
		if err != nil {
			return err
		}
		if input > -there {
			return ErrOwedLess.Withf("%s %s of tax on our own costs is left to deduct. Deduct at most that.", max(0, -there).Format(c), c)
		}
	}
	data, err := p.stored()
	if err != nil {
		return err
	}
	return p.draft(draftOf{event: p.event.Type, data: data, memo: d.Document, told: &remittedTax{*d}, lines: linesOf(c,
		leg{d.owed(), amount, ""}, leg{deductible, -input, ""}, leg{bankAccount("operating", d.Bank), input - amount, d.Remittance})})
}

func (d *WithholdingRemitted) prepare(p *preparation) {
	p.id("/remittance", d.Remittance, true)
	p.id("/jurisdiction", d.Jurisdiction, true)
	p.id("/tax_kind", d.TaxKind, true)
	p.id("/bank", d.Bank, true)
	p.useCurrency("/currency", d.Currency)
	p.unit = 1
	amount := p.positive("/amount", d.Amount)
	if len(d.Certificates) == 0 || len(d.Certificates) > 200 {
		p.bad("/certificates", "count", "A remittance of withheld tax names 1 to 200 certificates.")
		return
	}
	sum := money.Minor(0)
	for i, x := range d.Certificates {
		if x.Kind == "" {
			p.bad(at("/certificates", i)+"/kind", "required", "A certificate needs the kind of payee.")
		}
		p.oneOf(at("/certificates", i)+"/kind", x.Kind, payeeKinds...)
		p.id(at("/certificates", i)+"/payee", x.Payee, true)
		p.id(at("/certificates", i)+"/certificate", x.Certificate, true)
		sum += p.positive(at("/certificates", i)+"/amount", x.Amount)
	}
	if sum != amount && len(p.fields) == 0 {
		p.bad("/certificates", "sum", "The certificates' amounts do not sum to what was paid.")
	}
	p.document("/document", d.Document, false)
}

func (d *WithholdingRemitted) plan(p *planner) error {
	if err := p.firstTime("A remittance of this id was recorded before."); err != nil {
		return err
	}
	prep, c := p.read(d.Currency)
	amount := prep.amount("/amount", d.Amount)
	owed := ledger.Address("liabilities:tax:withholding:" + d.Jurisdiction + ":" + d.TaxKind)
	if err := p.owes(owed, c, amount, d.Prepayment); err != nil {
		return err
	}
	return p.move(c, d.Document, leg{owed, amount, ""}, leg{bankAccount("operating", d.Bank), -amount, d.Remittance})
}
