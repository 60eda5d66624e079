package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"strings"
	"time"

	"mizan/api/access"
	"mizan/ledger/commerce"
	"mizan/ledger/fault"
	"mizan/ledger/guard"
)

// Adjustments: entries that people post by hand, with a reason, a document and a second person; and what any act that waits for a
// second person would do, before it is asked for.

// NewAdjustment is the body that asks for an adjustment.
type NewAdjustment struct {
	Reference  string                     `json:"reference" minLength:"1" maxLength:"255" pattern:"^[!-~]([ -~]*[!-~])?$" doc:"Your own name for it, unique in the book for ever" example:"adj-2026-11-1"`
	ReasonCode string                     `json:"reason_code" enum:"posting_error,missing_entry,reclassification,accrual,provider_correction,rounding,goodwill,audit,other" doc:"Why, from the list; kept with the entries" example:"goodwill"`
	Reason     string                     `json:"reason" minLength:"1" maxLength:"2000" doc:"Why, for the second person; nothing personal" example:"The fee of September was waived."`
	Document   string                     `json:"document" maxLength:"180" pattern:"^[!-~]([ -~]{0,178}[!-~])?$" doc:"The name of the evidence, kept with the entries" example:"TICKET-77.pdf"`
	SHA256     string                     `json:"document_sha256,omitempty" pattern:"^[0-9a-f]{64}$" doc:"The SHA-256 of the file, by which anybody can tell that it is the one"`
	OccurredAt time.Time                  `json:"occurred_at,omitempty" format:"date-time" doc:"When it takes effect, with its zone, in a month that is not closed; left out, it is when it is recorded" example:"2026-11-20T10:00:00Z"`
	Subject    string                     `json:"subject,omitempty" minLength:"1" maxLength:"128" doc:"What it is about" example:"order:UK-1"`
	Entries    []commerce.AdjustmentEntry `json:"entries" nullable:"false" minItems:"2" maxItems:"500" doc:"Debits and credits, which come to the same in each currency"`
}

// ForecastJSON is what an act would do, asked for by nobody yet.
type ForecastJSON struct {
	Act     string              `json:"act" example:"transaction.post"`
	Payload json.RawMessage     `json:"payload" doc:"What it would happen with, as it would be kept"`
	Effect  effectJSON          `json:"effect" doc:"What it would do"`
	Entries []forecastEntryJSON `json:"entries" nullable:"false" maxItems:"500" doc:"What would be posted; empty for an act that posts nothing"`
}

type forecastEntryJSON struct {
	Account   string `json:"account" example:"liabilities:seller:available:sel_uk"`
	Direction string `json:"direction" enum:"debit,credit"`
	Currency  string `json:"currency" example:"GBP"`
	Amount    string `json:"amount" example:"5.00"`
	Before    string `json:"balance_before" doc:"Positive on the account's normal side" example:"12.00"`
	After     string `json:"balance_after" doc:"Positive on the account's normal side" example:"17.00"`
	Floor     string `json:"floor" enum:"none,mirror,payee,decision" doc:"How the account may be below zero; decision: never"`
	Below     bool   `json:"below_zero" doc:"Whether it would be below zero though it should not be"`
}

// forecastQuery is what asking for a second person may be given in the address.
type forecastQuery struct {
	DryRun bool `json:"dry_run,omitempty" default:"false" doc:"true: answer what it would do now, and ask nobody; in a book the scope balances:read is needed too"`
}

func adjustmentOperations() []Operation {
	return []Operation{{
		Method: http.MethodPost, Path: "/v1/books/{book}/adjustments", ID: "ask-adjustment", Group: "Approvals", Summary: "Ask for an adjustment by hand",
		Description: "Asks a second person to post the entries as manual.adjusted. The reason's code and the document's name and hash stay with them for ever. With dry_run=true it answers the entries with the balances before and after, and asks nobody; that needs the scope balances:read too. " +
			"Whoever asks answers for it as an author, and cannot approve it.",
		Scope: access.ApprovalsWrite, Query: reflect.TypeFor[forecastQuery](), Body: reflect.TypeFor[NewAdjustment](), BodyLimit: approvalLimit,
		Example: map[string]any{"reference": "adj-2026-11-1", "reason_code": "goodwill", "reason": "The fee of September was waived.", "document": "TICKET-77.pdf", "entries": []map[string]any{
			{"account": "expenses:goodwill", "direction": "debit", "amount": "5.00", "currency": "GBP"},
			{"account": "liabilities:seller:available:sel_uk", "direction": "credit", "amount": "5.00", "currency": "GBP"}}},
		Answers: []Answer{
			{Status: 201, Meaning: "It waits for a second person.", Body: reflect.TypeFor[ApprovalJSON]()},
			{Status: 200, Meaning: "What it would do, for dry_run=true.", Body: reflect.TypeFor[ForecastJSON]()},
		},
		Errors: append([]*fault.Error{guard.ErrActUnknown, guard.ErrApprovalInvalid, guard.ErrApprovalsFull, guard.ErrApprovalNobody}, actErrors...), handle: askAdjustment,
	}}
}

func askAdjustment(c *call) (reply, error) {
	dry := c.query.boolean("dry_run")
	if c.query.wrong != nil {
		return reply{}, c.query.wrong
	}
	n, err := decodeWith(c, func(d *decoder, at int32) (body NewAdjustment) {
		d.object(at, &body)
		return body
	})
	if err != nil {
		return reply{}, err
	}
	a := commerce.Adjustment{Reference: n.Reference, ReasonCode: n.ReasonCode, Reason: n.Reason, Document: n.Document, SHA256: n.SHA256, OccurredAt: n.OccurredAt, Subject: n.Subject, Entries: n.Entries}
	r, err := a.Request()
	if err != nil {
		return reply{}, err
	}
	out, err := c.askOrForecast(r, dry)
	return out, inBody(err, "/payload")
}

// inBody are the errors of what a body describes, with the pointers that it has there: without the name under which a payload, or an event,
// holds it elsewhere.
func inBody(err error, within string) error {
	var known *fault.Error
	if !errors.As(err, &known) || len(known.Fields) == 0 {
		return err
	}
	fields := make([]fault.Field, len(known.Fields))
	for i, f := range known.Fields {
		f.Pointer = strings.TrimPrefix(f.Pointer, within)
		fields[i] = f
	}
	here := *known
	here.Fields = fields
	return &here
}

// askOrForecast asks for a second person, or only answers what would happen.
func (c *call) askOrForecast(r guard.Request, dry bool) (reply, error) {
	if !dry {
		return c.ask(r)
	}
	desk, err := c.desk()
	if err != nil {
		return reply{}, err
	}
	if err := c.mayForecast(); err != nil {
		return reply{}, err
	}
	return forecast(c.ctx, desk, c.guarded(), r)
}

// mayForecast allows to be told what an act would do by those only who could ask for it. In a book that tells balances, before and
// after, of any account that is named, and no approval remains that would show who looked: so it is for those who read balances anyway.
func (c *call) mayForecast() error {
	if _, err := c.author(); err != nil {
		return err
	}
	if c.book.Code == "" {
		return nil
	}
	return c.principal.Allow(access.BalancesRead, c.book.Code)
}

// forecast answers what a request for a second person would do.
func forecast(ctx context.Context, desk *guard.Desk, book guard.Book, r guard.Request) (reply, error) {
	kept, effect, err := desk.Preview(ctx, book, r.Act, r.Payload)
	if err != nil {
		return reply{}, err
	}
	out := ForecastJSON{Act: r.Act, Payload: kept, Effect: effectOf(effect), Entries: make([]forecastEntryJSON, len(effect.Entries))}
	for i, e := range effect.Entries {
		out.Entries[i] = forecastEntryJSON{Account: e.Object, Direction: e.Direction, Currency: e.Currency, Amount: e.Amount.Amount, Before: e.Before, After: e.After, Floor: e.Floor, Below: e.Below}
	}
	return document(http.StatusOK, out)
}
