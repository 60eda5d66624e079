package api

import (
	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// A transaction as callers send it. The structs document the shape and make the OpenAPI schema; the decoder beside them
// reads the strict tree. A test holds the two to the same fields.

// NewTransaction is the body that posts a transaction.
type NewTransaction struct {
	Reference   string            `json:"reference" minLength:"1" maxLength:"255" pattern:"^[!-~]([ -~]*[!-~])?$" doc:"Your own name for it, unique in the book for ever: sending it again is safe" example:"order-UK-1-captured"`
	Event       string            `json:"event" minLength:"3" maxLength:"64" pattern:"^[a-z][a-z0-9_]*(\\.[a-z][a-z0-9_]*)+$" doc:"What happened, in lower-case words joined by dots" example:"order.captured"`
	OccurredAt  string            `json:"occurred_at,omitempty" format:"date-time" doc:"When it happened, with its zone; left out, it is when it is recorded" example:"2026-11-20T10:00:00Z"`
	Subject     string            `json:"subject,omitempty" minLength:"3" maxLength:"129" pattern:"^[A-Za-z0-9_.-]{1,64}:[A-Za-z0-9_.-]{1,64}$" doc:"The business thing it is about, as kind:id" example:"order:UK-1"`
	LiveSession string            `json:"live_session,omitempty" minLength:"1" maxLength:"64" pattern:"^[A-Za-z0-9_.-]+$" example:"ls_7"`
	Channel     string            `json:"channel,omitempty" minLength:"1" maxLength:"129" pattern:"^[A-Za-z0-9_.-]{1,64}(:[A-Za-z0-9_.-]{1,64})?$" doc:"Where the sale was made" example:"app"`
	Campaign    string            `json:"campaign,omitempty" minLength:"1" maxLength:"64" pattern:"^[A-Za-z0-9_.-]+$" example:"winter24"`
	Memo        string            `json:"memo,omitempty" minLength:"1" maxLength:"500" doc:"For people; nothing personal, because it is kept for ever"`
	Metadata    map[string]string `json:"metadata,omitempty" maxProperties:"50" doc:"Up to 50 texts of up to 500 characters; nothing personal, because it is kept for ever"`
	Entries     []NewEntry        `json:"entries" nullable:"false" maxItems:"500" doc:"The lines; debits equal credits in each currency"`
}

// NewEntry is one line of a NewTransaction.
type NewEntry struct {
	Account     string `json:"account" maxLength:"584" pattern:"^[A-Za-z0-9_.-]{1,64}(:[A-Za-z0-9_.-]{1,64}){1,8}$" doc:"The account's address" example:"assets:processor:pending:stripe_uk"`
	Direction   string `json:"direction" enum:"debit,credit" example:"debit"`
	Amount      string `json:"amount" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"A decimal string of more than zero, with at most the decimals of its currency" example:"12.34"`
	Currency    string `json:"currency" pattern:"^[A-Z]{3}$" doc:"An ISO 4217 code that the book uses" example:"GBP"`
	ExternalRef string `json:"external_ref,omitempty" minLength:"1" maxLength:"255" pattern:"^[!-~]([ -~]*[!-~])?$" doc:"The processor's or bank's id of the line"`
}

// transaction decodes a NewTransaction.
func (d *decoder) transaction(n int32) ledger.Submission {
	var s ledger.Submission
	if !d.is(n, jsonObject) {
		return s
	}
	drafts := make([]ledger.Draft, 1)
	t := &drafts[0]
	var reference, event, entries bool
	for m := d.nodes[n].child; m != 0; m = d.nodes[m].next {
		switch d.nodes[m].key {
		case "reference":
			reference, s.Reference = true, d.text(m)
		case "event":
			event, t.Event = true, d.text(m)
		case "entries":
			entries, t.Lines = true, d.lines(m)
		case "occurred_at":
			t.OccurredAt = d.instant(m)
		case "subject":
			t.Subject = d.filled(m)
		case "live_session":
			t.LiveSession = d.filled(m)
		case "channel":
			t.Channel = d.filled(m)
		case "campaign":
			t.Campaign = d.filled(m)
		case "memo":
			t.Memo = d.filled(m)
		case "metadata":
			t.Metadata = d.texts(m)
		default:
			d.unknown(m)
		}
	}
	if !reference {
		d.missing(n, "reference")
	}
	if !event {
		d.missing(n, "event")
	}
	if !entries {
		d.missing(n, "entries")
	}
	s.Drafts = drafts
	return s
}

// lines decodes the entries of a transaction. Too many are not decoded at all.
func (d *decoder) lines(n int32) []ledger.Line {
	if !d.is(n, jsonArray) {
		return nil
	}
	if d.nodes[n].count > ledger.MaxLines {
		d.bad(n, "too-many", "A transaction has at most 500 lines.")
		return nil
	}
	lines := make([]ledger.Line, 0, d.nodes[n].count)
	for m := d.nodes[n].child; m != 0; m = d.nodes[m].next {
		lines = append(lines, d.line(m))
	}
	return lines
}

// line decodes a NewEntry. Its amount means something only in its currency, so the currency is read first.
func (d *decoder) line(n int32) (l ledger.Line) {
	if !d.is(n, jsonObject) {
		return l
	}
	var account, direction, amount, currency int32
	for m := d.nodes[n].child; m != 0; m = d.nodes[m].next {
		switch d.nodes[m].key {
		case "account":
			account, l.Account = m, ledger.Address(d.text(m))
		case "direction":
			direction = m
		case "amount":
			amount = m
		case "currency":
			currency = m
		case "external_ref":
			l.ExternalRef = d.filled(m)
		default:
			d.unknown(m)
		}
	}
	if account == 0 {
		d.missing(n, "account")
	}
	if currency == 0 {
		d.missing(n, "currency")
	} else {
		l.Currency = d.currency(currency)
	}
	if amount == 0 {
		d.missing(n, "amount")
	} else {
		l.Amount = d.amount(amount, l.Currency)
	}
	if direction == 0 {
		d.missing(n, "direction")
	} else if d.credit(direction) {
		l.Amount = -l.Amount
	}
	return l
}

func (d *decoder) currency(n int32) money.Currency {
	if !d.is(n, jsonString) {
		return ""
	}
	c, err := money.ParseCurrency(d.nodes[n].text)
	if err != nil {
		d.because(n, err, money.ErrCurrency)
		return ""
	}
	return c
}

// amount decodes an amount of a currency. If the currency is wrong, which is said elsewhere, only the type is judged.
func (d *decoder) amount(n int32, c money.Currency) money.Minor {
	if d.nodes[n].kind == jsonNumber {
		d.bad(n, "type", "An amount must be a string such as \"12.50\": JSON numbers lose digits.")
		return 0
	}
	if !d.is(n, jsonString) || c == "" {
		return 0
	}
	m, err := money.ParsePositive(d.nodes[n].text, c)
	if err != nil {
		d.because(n, err, money.ErrAmountFormat)
	}
	return m
}

func (d *decoder) credit(n int32) bool {
	if !d.is(n, jsonString) {
		return false
	}
	switch d.nodes[n].text {
	case "credit":
		return true
	case "debit":
	default:
		d.bad(n, "direction", "The direction is debit or credit.")
	}
	return false
}

// because reports a node that a package below refused with one of its declared errors.
func (d *decoder) because(n int32, err error, otherwise *fault.Error) {
	e := otherwise
	if known, ok := err.(*fault.Error); ok {
		e = known
	}
	d.bad(n, e.Code, e.Message)
}
