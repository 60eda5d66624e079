package commerce

import (
	"slices"

	"mizan/ledger"
	"mizan/ledger/money"
)

// The end of a period: costs and income whose documents have not come yet, and what auditors have corrected afterwards.

// AccrualPosted is a cost, or less income, of a period without its document (M-31).
type AccrualPosted struct {
	Accrual string         `json:"accrual" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The accrual's id" example:"AC-2026-11-1"`
	Vendor  string         `json:"vendor" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"Who will send the document" example:"processor"`
	Account string         `json:"account" maxLength:"255" pattern:"^(revenue|expenses)(:[A-Za-z0-9_.-]{1,64})+$" doc:"The cost, or the income that will be less" example:"expenses:processor_fee"`
	Amount  CurrencyAmount `json:"amount" doc:"The estimate"`
	Reason  string         `json:"reason" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"Why it is accrued" example:"invoice_not_received"`
}

// AccrualReversed ends an accrual on the first day of the next period.
type AccrualReversed struct {
	Accrual string `json:"accrual" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The accrual's id" example:"AC-2026-11-1"`
}

// AuditAdjusted corrects a period after its audit (M-31). It is posted in the open period.
type AuditAdjusted struct {
	Adjustment string       `json:"adjustment" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The adjustment's id" example:"AUD-1"`
	Period     string       `json:"effective_period" pattern:"^[0-9]{4}-[0-9]{2}$" doc:"The audited period that it corrects" example:"2026-10"`
	Reason     string       `json:"reason" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"Why" example:"uncollectable"`
	Document   string       `json:"document" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The auditors' document" example:"AUDIT-2026-7"`
	ApprovedBy []string     `json:"approved_by" nullable:"false" minItems:"2" maxItems:"2" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The two people who approved it, by their ids" example:"[\"u_17\",\"u_23\"]"`
	Entries    []SignedLine `json:"entries" nullable:"false" minItems:"1" maxItems:"400" doc:"What it changes, two entries or more; each currency balances"`
}

// SignedLine is an entry of what people have signed.
type SignedLine struct {
	Account   string `json:"account" maxLength:"255" pattern:"^[a-z_]+(:[A-Za-z0-9_.-]{1,64})+$" doc:"The account" example:"expenses:bad_debt"`
	Direction string `json:"direction" enum:"debit,credit" doc:"The side"`
	Amount    string `json:"amount" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"The amount" example:"40.00"`
	Currency  string `json:"currency" pattern:"^[A-Z]{3}$" doc:"Its currency" example:"USD"`
	Ref       string `json:"external_ref,omitempty" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"Its name elsewhere, such as a dispute or a payout" example:"dp_1"`
}

func (d *AccrualPosted) subject() string   { return "accrual:" + d.Accrual }
func (d *AccrualReversed) subject() string { return "accrual:" + d.Accrual }
func (d *AuditAdjusted) subject() string   { return "audit:" + d.Adjustment }

func (d *AccrualPosted) prepare(p *preparation) {
	p.id("/accrual", d.Accrual, true)
	p.id("/vendor", d.Vendor, true)
	p.id("/reason", d.Reason, true)
	p.account("/account", d.Account)
	d.Amount.prepare(p, "/amount")
}

func (d *AccrualPosted) plan(p *planner) error {
	if err := p.begins(d.subject(), "An accrual of this id was recorded before."); err != nil {
		return err
	}
	return p.pair("accrual.posted", d.Amount.Currency, d.Amount.Amount, ledger.Address(d.Account), ledger.Address("liabilities:accrued:"+d.Vendor), "")
}

func (d *AccrualReversed) prepare(p *preparation) { p.id("/accrual", d.Accrual, true) }

func (d *AccrualReversed) plan(p *planner) error {
	told, err := p.story(d.subject())
	if err != nil {
		return err
	}
	return p.undo(told, "accrual.posted", "accrual.reversed", "No accrual of this id was recorded. Check its id.")
}

// line reads a signed line, a debit positive.
func (s *SignedLine) line(p *preparation, pointer string) ledger.Line {
	p.account(pointer+"/account", s.Account)
	p.id(pointer+"/external_ref", s.Ref, false)
	p.oneOf(pointer+"/direction", s.Direction, "debit", "credit")
	if s.Direction == "" {
		p.bad(pointer+"/direction", "required", "Say which side it is.")
	}
	c, amount := CurrencyAmount{s.Currency, s.Amount}.prepare(p, pointer)
	if s.Direction == "credit" {
		amount = -amount
	}
	return ledger.Line{Account: ledger.Address(s.Account), Amount: amount, Currency: c, ExternalRef: s.Ref}
}

// twoPeople checks that two different people are named.
func (p *preparation) twoPeople(pointer string, ids []string) {
	if len(ids) != 2 || ids[0] == ids[1] {
		p.bad(pointer, "two-people", "Two different people are named.")
		return
	}
	for i, id := range ids {
		p.id(at(pointer, i), id, true)
	}
}

func (d *AuditAdjusted) prepare(p *preparation) {
	p.id("/adjustment", d.Adjustment, true)
	p.id("/reason", d.Reason, true)
	p.id("/document", d.Document, true)
	p.twoPeople("/approved_by", d.ApprovedBy)
	if _, err := ledger.ParsePeriod(d.Period); err != nil {
		p.because("/effective_period", err)
	}
	if n := len(d.Entries); n < 2 || n > 400 {
		p.bad("/entries", "count", "An adjustment has 2 to 400 entries.")
		return
	}
	var lines []ledger.Line
	for i := range d.Entries {
		lines = append(lines, d.Entries[i].line(p, at("/entries", i)))
	}
	if len(p.fields) > 0 {
		return
	}
	for i := range lines {
		if sum, err := checkedSum(lines, lines[i].Currency); err != nil || sum != 0 {
			p.bad("/entries", "unbalanced", "Debits and credits are not equal in "+string(lines[i].Currency)+".")
			return
		}
	}
}

// checkedSum adds the lines of a currency.
func checkedSum(lines []ledger.Line, c money.Currency) (sum money.Minor, err error) {
	for _, l := range lines {
		if l.Currency == c {
			if sum, err = money.Add(sum, l.Amount); err != nil {
				return 0, err
			}
		}
	}
	return sum, nil
}

func (d *AuditAdjusted) plan(p *planner) error {
	if err := p.begins(d.subject(), "An adjustment of this id was recorded before."); err != nil {
		return err
	}
	period, err := ledger.ParsePeriod(d.Period)
	if err != nil {
		return err
	}
	if period >= ledger.PeriodOf(p.happened(), p.book.Location()) {
		return ledger.ErrInvalid.At("/data/effective_period", "period-order", "An audited period lies before the one in which the adjustment is posted.")
	}
	var lines []ledger.Line
	prep := &preparation{book: p.book}
	for i := range d.Entries {
		lines = append(lines, d.Entries[i].line(prep, at("/entries", i)))
	}
	data, err := p.stored()
	if err != nil {
		return err
	}
	return p.draft(draftOf{event: "audit.adjusted", lines: lines, data: data, original: period, memo: "document " + d.Document})
}

// currenciesOf lists the currencies of lines in the order they first appear.
func currenciesOf(lines []ledger.Line) (list []money.Currency) {
	for _, l := range lines {
		if !slices.Contains(list, l.Currency) {
			list = append(list, l.Currency)
		}
	}
	return list
}
