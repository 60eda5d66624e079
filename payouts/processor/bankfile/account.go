package bankfile

import (
	"encoding/json"
	"errors"
	"strings"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// A bank account is the company's own for one currency of a book. Changing it takes two people: all that is paid leaves from it.

// ActAccount is the act by which a book is given a bank account.
const ActAccount = "bank_account.set"

// maxPaidAfter bounds the business days after which silence counts as paid.
const maxPaidAfter = 30

// accountPayload is what is asked for.
type accountPayload struct {
	Currency money.Currency `json:"currency"`
	Debtor   debtorDocument `json:"debtor"`
	// PaidAfter is in business days after the execution date; 0 if only the bank's word counts.
	PaidAfter int `json:"paid_after"`
}

// debtorDocument is a Debtor as it is written and kept.
type debtorDocument struct {
	Format     Format `json:"format"`
	Name       string `json:"name"`
	Account    string `json:"account,omitempty"`
	Bank       string `json:"bank,omitempty"`
	Originator string `json:"originator,omitempty"`
	BankName   string `json:"bank_name,omitempty"`
	Country    string `json:"country"`
	Urgent     bool   `json:"urgent,omitempty"`
}

// accountDocument is what stands in the database of an account.
type accountDocument struct {
	Debtor    debtorDocument `json:"debtor"`
	PaidAfter int            `json:"paid_after"`
}

func (d debtorDocument) debtor(c money.Currency) Debtor {
	return Debtor{Format: d.Format, Currency: c, Name: d.Name, Account: d.Account, Bank: d.Bank, Originator: d.Originator, BankName: d.BankName, Country: d.Country, Urgent: d.Urgent}
}

// judge checks an account that shall be set. It depends on nothing but the book.
func (p *accountPayload) judge(book ledger.Book) error {
	var fields []fault.Field
	if !p.Currency.Known() || !book.Uses(p.Currency) {
		fields = append(fields, fault.Field{Pointer: "/currency", Code: "currency-not-enabled", Message: "The book does not post in this currency. Use one of the book's currencies."})
	}
	if p.PaidAfter < 0 || p.PaidAfter > maxPaidAfter {
		fields = append(fields, fault.Field{Pointer: "/paid_after", Code: "range", Message: "Silence counts as paid after 1 to 30 business days. Give 0 if only the bank's word counts."})
	}
	if err := p.Debtor.debtor(p.Currency).Check(); err != nil {
		for _, f := range fieldsOf(err) {
			fields = append(fields, fault.Field{Pointer: "/debtor" + f.Pointer, Code: f.Code, Message: f.Message})
		}
		if len(fields) == 0 {
			return err
		}
	}
	if fields != nil {
		return ErrAccountInvalid.WithFields(fields...)
	}
	return nil
}

// fieldsOf are the fields that an error names.
func fieldsOf(err error) []fault.Field {
	var e *fault.Error
	if errors.As(err, &e) {
		return e.Fields
	}
	return nil
}

// hint is an account's number as people compare it: its last four characters.
func hint(account string) string {
	if len(account) <= 8 {
		return strings.Repeat("*", len(account))
	}
	return "…" + account[len(account)-4:]
}

// kept renders what is kept of the account.
func (p *accountPayload) kept() (string, error) {
	document, err := json.Marshal(accountDocument{p.Debtor, p.PaidAfter})
	if err == nil && len(document) > maxAccountDocument {
		err = ErrAccountInvalid.At("/debtor", "too-long", "The account is described in more than 8 kB. Shorten it.")
	}
	return string(document), err
}

// maxAccountDocument bounds what is kept of an account, in bytes.
const maxAccountDocument = 8192
