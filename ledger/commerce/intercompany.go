package commerce

import (
	"time"

	"mizan/ledger"
	"mizan/ledger/money"
)

// Between books: each legal entity has a book of its own, and what one owes another stands in both: due_to here, due_from
// there, in one currency and under one transfer reference. Each book records its own side.

// SetOffOut takes what a payee has here to pay the payee's debt in another book (M-18).
type SetOffOut struct {
	Transfer string         `json:"transfer" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The transfer's reference, the same in both books" example:"IC-1"`
	Payee    PayeeRef       `json:"payee" doc:"Whose debt it is"`
	Book     string         `json:"book" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The other book" example:"us"`
	From     CurrencyAmount `json:"from" doc:"What is taken of the payee"`
	To       string         `json:"to,omitempty" pattern:"^[A-Z]{3}$" doc:"The currency of the debt; left out, the same" example:"USD"`
	Mid      string         `json:"mid,omitempty" pattern:"^(0|[1-9][0-9]*)(\\.[0-9]{1,12})?$" doc:"With another currency: how much of it one of what is taken is worth at mid" example:"1.2500"`
	Source   string         `json:"source,omitempty" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"Who published the mid rate" example:"ecb"`
	QuotedAt time.Time      `json:"quoted_at,omitempty" format:"date-time" doc:"When it was published, at most 24 hours before" example:"2026-11-20T09:00:00Z"`
	Consent  string         `json:"consent" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The document in which the payee agreed" example:"DOC-12"`
}

// SetOffIn pays a payee's debt here from what the payee has in another book (M-18).
type SetOffIn struct {
	Transfer string         `json:"transfer" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The transfer's reference, the same in both books" example:"IC-1"`
	Payee    PayeeRef       `json:"payee" doc:"Whose debt it is"`
	Book     string         `json:"book" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The other book" example:"uk"`
	Amount   CurrencyAmount `json:"amount" doc:"What is paid of the debt"`
	Consent  string         `json:"consent" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The document in which the payee agreed" example:"DOC-12"`
}

// IntercompanyCharged is a service between books: one has the income, the other the cost.
type IntercompanyCharged struct {
	Transfer  string         `json:"transfer" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The transfer's reference, the same in both books" example:"IC-2"`
	Book      string         `json:"book" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The other book" example:"us"`
	Direction string         `json:"direction" enum:"owed_to_them,owed_to_us" doc:"Who owes it"`
	Account   string         `json:"account" maxLength:"255" pattern:"^(revenue|expenses)(:[A-Za-z0-9_.-]{1,64})+$" doc:"The cost or the income" example:"expenses:processor_fee"`
	Amount    CurrencyAmount `json:"amount" doc:"The charge"`
	Document  string         `json:"document" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The invoice" example:"INV-12"`
}

// IntercompanyPaid pays another book.
type IntercompanyPaid struct {
	Transfer string         `json:"transfer" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The transfer's reference, the same in both books" example:"IC-1"`
	Book     string         `json:"book" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The other book" example:"us"`
	Bank     string         `json:"bank" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"Our operating account at the bank" example:"main"`
	Amount   CurrencyAmount `json:"amount" doc:"What was paid"`
}

// IntercompanyReceived is what another book paid.
type IntercompanyReceived IntercompanyPaid

func (d *SetOffOut) subject() string            { return "intercompany:" + d.Transfer }
func (d *SetOffIn) subject() string             { return "intercompany:" + d.Transfer }
func (d *IntercompanyCharged) subject() string  { return "intercompany:" + d.Transfer }
func (d *IntercompanyPaid) subject() string     { return "intercompany:" + d.Transfer }
func (d *IntercompanyReceived) subject() string { return "intercompany:" + d.Transfer }

func dueTo(book string) ledger.Address   { return ledger.Address("liabilities:due_to:" + book) }
func dueFrom(book string) ledger.Address { return ledger.Address("assets:due_from:" + book) }

// otherBook checks the name of the other book.
func (p *preparation) otherBook(transfer, book string) {
	p.id("/transfer", transfer, true)
	p.id("/book", book, true)
	if book == p.book.Code {
		p.bad("/book", "book", "This is the book itself. Name the other one.")
	}
}

func (d *SetOffOut) prepare(p *preparation) {
	p.otherBook(d.Transfer, d.Book)
	d.Payee.prepare(p, "/payee")
	p.id("/consent", d.Consent, true)
	from, _ := d.From.prepare(p, "/from")
	if d.To == "" || d.To == d.From.Currency {
		if d.Mid != "" {
			p.bad("/mid", "currency", "Only another currency needs a rate.")
		}
		return
	}
	p.exchanged("/to", from, p.useCurrency("/to", d.To))
	p.quote(d.Mid, "", d.Source, d.QuotedAt)
}

// setOffStored is a set-off in the form that is kept.
type setOffStored struct{ SetOffOut }

func (s *setOffStored) owed() (money.Currency, money.Minor, error) {
	from := money.Currency(s.From.Currency)
	amount, err := money.ParseAmount(s.From.Amount, from)
	if err != nil || s.Mid == "" {
		return from, amount, err
	}
	to := money.Currency(s.To)
	owed, err := money.Exchange(amount, from, to, money.MustRate(s.Mid), money.HalfEven)
	return to, owed, err
}

func (s *setOffStored) tell() []Step {
	to, owed, err := s.owed()
	if err != nil {
		return nil
	}
	t := &tale{currency: to}
	if s.Mid == "" {
		t.plain("set_off", "Owed to the other book", string(dueTo(s.Book)), owed, "by consent "+s.Consent)
		return t.steps
	}
	from := money.Currency(s.From.Currency)
	amount, _ := money.ParseAmount(s.From.Amount, from)
	t.exchanged("set_off", "Owed to the other book", string(dueTo(s.Book)), amount, from, money.MustRate(s.Mid), owed,
		"the mid rate of "+s.Source+" at "+s.QuotedAt.UTC().Format(time.RFC3339)+" without a margin")
	return t.steps
}

// once returns ErrRepeated if the transfer has an event of this kind.
func (p *planner) once(subject, kind string) error {
	told, err := p.story(subject)
	if err == nil && told.first(kind) != nil {
		err = ErrRepeated.With("This transfer has that event already. Use another reference for another transfer.")
	}
	return err
}

func (d *SetOffOut) plan(p *planner) error {
	if err := p.once(d.subject(), p.event.Type); err != nil {
		return err
	}
	s := &setOffStored{*d}
	to, owed, err := s.owed()
	if err != nil {
		return err
	}
	prep := &preparation{book: p.book}
	from, amount := d.From.prepare(prep, "/from")
	lines := []ledger.Line{{Account: dueTo(d.Book), Amount: -owed, Currency: to}, {Account: d.Payee.available(), Amount: amount, Currency: from}}
	if to != from {
		if err := p.freshRate(d.QuotedAt); err != nil {
			return err
		}
		if owed <= 0 {
			return ErrNothingToConvert
		}
		lines = append(lines, ledger.Line{Account: accountFXPosition, Amount: -amount, Currency: from}, ledger.Line{Account: accountFXPosition, Amount: owed, Currency: to})
	}
	return p.toldDraft(draftOf{event: "debt.set_off_out", lines: lines, decision: true}, s)
}

func (d *SetOffIn) prepare(p *preparation) {
	p.otherBook(d.Transfer, d.Book)
	d.Payee.prepare(p, "/payee")
	p.id("/consent", d.Consent, true)
	d.Amount.prepare(p, "/amount")
}

// transfer posts an amount between two accounts, once for the transfer.
func (p *planner) transfer(subject string, amount CurrencyAmount, debit, credit ledger.Address) error {
	if err := p.once(subject, p.event.Type); err != nil {
		return err
	}
	return p.pair(p.event.Type, amount.Currency, amount.Amount, debit, credit, "")
}

func (d *SetOffIn) plan(p *planner) error {
	return p.transfer(d.subject(), d.Amount, dueFrom(d.Book), d.Payee.available())
}

func (d *IntercompanyCharged) prepare(p *preparation) {
	p.otherBook(d.Transfer, d.Book)
	p.account("/account", d.Account)
	p.oneOf("/direction", d.Direction, "owed_to_them", "owed_to_us")
	if d.Direction == "" {
		p.bad("/direction", "required", "Say who owes it.")
	}
	p.id("/document", d.Document, true)
	d.Amount.prepare(p, "/amount")
}

func (d *IntercompanyCharged) plan(p *planner) error {
	if d.Direction == "owed_to_us" {
		return p.transfer(d.subject(), d.Amount, dueFrom(d.Book), ledger.Address(d.Account))
	}
	return p.transfer(d.subject(), d.Amount, ledger.Address(d.Account), dueTo(d.Book))
}

func (d *IntercompanyPaid) prepare(p *preparation) {
	p.otherBook(d.Transfer, d.Book)
	p.id("/bank", d.Bank, true)
	d.Amount.prepare(p, "/amount")
}

func (d *IntercompanyPaid) plan(p *planner) error {
	return p.transfer(d.subject(), d.Amount, dueTo(d.Book), ledger.Address("assets:bank:operating:"+d.Bank))
}

func (d *IntercompanyReceived) prepare(p *preparation) { (*IntercompanyPaid)(d).prepare(p) }

func (d *IntercompanyReceived) plan(p *planner) error {
	return p.transfer(d.subject(), d.Amount, ledger.Address("assets:bank:operating:"+d.Bank), dueFrom(d.Book))
}
