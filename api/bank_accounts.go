package api

import (
	"encoding/json"
	"net/http"
	"reflect"

	"mizan/api/access"
	"mizan/ledger/fault"
	"mizan/ledger/guard"
	"mizan/ledger/money"
	"mizan/payouts/processor/bankfile"
)

// Bank accounts: a book's own ones, from which bank files pay. Two people change one.

// NewBankDebtor is a book's own bank account as its bank knows it.
type NewBankDebtor struct {
	Format     string `json:"format" enum:"pain.001.001.09,nacha" doc:"How the bank takes files"`
	Name       string `json:"name" maxLength:"140" doc:"The company's name as the bank has it" example:"Mizan Ltd"`
	Account    string `json:"account,omitempty" maxLength:"34" doc:"IBAN or local number; left out for NACHA" example:"GB29NWBK60161331926819"`
	Bank       string `json:"bank,omitempty" maxLength:"35" doc:"BIC, or the routing number of nine digits" example:"BUKBGB22"`
	Originator string `json:"originator,omitempty" maxLength:"35" doc:"The company's id at the bank" example:"MIZAN01"`
	BankName   string `json:"bank_name,omitempty" maxLength:"23" doc:"NACHA: the bank's name"`
	Country    string `json:"country" pattern:"^[A-Z]{2}$" doc:"Where the account is, ISO 3166" example:"GB"`
	Urgent     bool   `json:"urgent,omitempty" doc:"Whether the bank is asked to pay the same day, for more"`
}

// NewBankAccount is the body that gives a book a bank account.
type NewBankAccount struct {
	Currency  string        `json:"currency" pattern:"^[A-Z]{3}$" example:"GBP"`
	Debtor    NewBankDebtor `json:"debtor"`
	PaidAfter int           `json:"paid_after,omitempty" minimum:"0" maximum:"30" doc:"Business days after which a payment counts as paid if the bank said nothing against it; 0 if only its word counts" example:"2"`
	Reason    string        `json:"reason" minLength:"1" maxLength:"2000" doc:"Why; it stands in the audit trail" example:"We pay by files from now on."`
}

type bankWaitingJSON struct {
	Payments int     `json:"payments" doc:"What waits for the next file" example:"3"`
	Amount   string  `json:"amount" example:"120.00"`
	Since    *string `json:"since" format:"date-time" doc:"When the oldest was ordered; null if nothing waits"`
}

// BankAccountJSON is a book's own bank account as callers read it.
type BankAccountJSON struct {
	Currency   string          `json:"currency" example:"GBP"`
	Version    int             `json:"version" doc:"Counts its changes" example:"1"`
	Format     string          `json:"format" enum:"pain.001.001.09,nacha"`
	Name       string          `json:"name" example:"Mizan Ltd"`
	Account    string          `json:"account" doc:"Its last four characters" example:"…6819"`
	Bank       string          `json:"bank" example:"BUKBGB22"`
	BankName   string          `json:"bank_name"`
	Country    string          `json:"country" example:"GB"`
	Urgent     bool            `json:"urgent"`
	PaidAfter  int             `json:"paid_after" doc:"Business days after which silence counts as paid; 0 if only the bank's word counts" example:"2"`
	RecordedAt string          `json:"recorded_at" format:"date-time"`
	Approval   string          `json:"approval" doc:"By which it was set"`
	Waiting    bankWaitingJSON `json:"waiting"`
}

type bankAccountListJSON struct {
	Data       []BankAccountJSON `json:"data" nullable:"false" doc:"By currency, in their newest versions"`
	NextCursor *string           `json:"next_cursor" doc:"Always null"`
}

func bankAccountOperations() []Operation {
	const base = "/v1/books/{book}/bank-accounts"
	return []Operation{
		{
			Method: http.MethodGet, Path: base, ID: "list-bank-accounts", Group: "Bank files", Summary: "List the book's own bank accounts",
			Description: "And what waits for the next file of each. Of the account's number only the end is shown.", Scope: access.PayoutsRead,
			Answers: []Answer{{Status: 200, Meaning: "The accounts.", Body: reflect.TypeFor[bankAccountListJSON]()}}, Errors: []*fault.Error{ErrNotReady}, handle: listBankAccounts,
		},
		{
			Method: http.MethodPost, Path: base, ID: "set-bank-account", Group: "Bank files", Summary: "Give the book a bank account",
			Description: "All that is paid by files in the currency leaves from there from the next file on.",
			Scope:       access.PayoutsWrite, SecondPerson: bankfile.ActAccount, Body: reflect.TypeFor[NewBankAccount](), BodyLimit: bodyLimit,
			Example: map[string]any{"currency": "GBP", "paid_after": 2, "reason": "We pay by files from now on.", "debtor": map[string]any{
				"format": string(bankfile.Pain001), "name": "Example Ltd", "account": "GB29NWBK60161331926819", "bank": "NWBKGB2L", "country": "GB"}},
			Answers: []Answer{{Status: 201, Meaning: "It is set.", Body: reflect.TypeFor[BankAccountJSON]()}},
			Errors:  []*fault.Error{bankfile.ErrAccountInvalid, bankfile.ErrDebtor, guard.ErrApprovalInvalid, guard.ErrDeedInvalid, ErrNotReady}, handle: setBankAccount,
		},
	}
}

func bankAccountOf(a bankfile.Account, w bankfile.Waiting) BankAccountJSON {
	d := a.Debtor
	return BankAccountJSON{Currency: string(a.Currency), Version: a.Version, Format: string(d.Format), Name: d.Name, Account: d.Hint(), Bank: d.Bank, BankName: d.BankName, Country: d.Country,
		Urgent: d.Urgent, PaidAfter: a.PaidAfter, RecordedAt: a.RecordedAt.Format(instantFormat), Approval: a.Approval,
		Waiting: bankWaitingJSON{Payments: w.Payments, Amount: w.Sum.Format(a.Currency), Since: optionalInstant(w.Since)}}
}

func listBankAccounts(c *call) (reply, error) {
	s, err := c.bank()
	if err != nil {
		return reply{}, err
	}
	accounts, err := s.Accounts(c.ctx, c.book)
	if err != nil {
		return reply{}, err
	}
	waiting, err := s.Waiting(c.ctx, c.book)
	if err != nil {
		return reply{}, err
	}
	of := map[money.Currency]bankfile.Waiting{}
	for _, w := range waiting {
		of[w.Currency] = w
	}
	out := bankAccountListJSON{Data: []BankAccountJSON{}}
	for _, a := range accounts {
		out.Data = append(out.Data, bankAccountOf(a, of[a.Currency]))
	}
	return document(http.StatusOK, out)
}

func setBankAccount(c *call) (reply, error) {
	s, err := c.bank()
	if err != nil {
		return reply{}, err
	}
	n, err := decodeWith(c, func(d *decoder, at int32) (body NewBankAccount) {
		d.object(at, &body)
		return body
	})
	if err != nil {
		return reply{}, err
	}
	payload, err := json.Marshal(map[string]any{"currency": n.Currency, "debtor": n.Debtor, "paid_after": n.PaidAfter})
	if err != nil {
		return reply{}, err
	}
	a, err := s.SetAccount(c.ctx, c.actor(), c.book, payload, n.Reason)
	if err != nil {
		return reply{}, err
	}
	return document(http.StatusCreated, bankAccountOf(a, bankfile.Waiting{}))
}
