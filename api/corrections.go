package api

import (
	"context"
	"net/http"
	"reflect"

	"mizan/api/access"
	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/guard"
)

// Corrections: reversing a transaction, and posting a reversed one again.

// NewCorrection is the body that reverses a transaction or posts it again.
type NewCorrection struct {
	Reference  string            `json:"reference" minLength:"1" maxLength:"255" pattern:"^[!-~]([ -~]*[!-~])?$" doc:"Your own name for the correction, unique in the book for ever" example:"order-UK-1-reversed"`
	OccurredAt string            `json:"occurred_at,omitempty" format:"date-time" doc:"When it was corrected, with its zone; left out, it is when it is recorded" example:"2026-11-21T09:00:00Z"`
	Memo       string            `json:"memo,omitempty" minLength:"1" maxLength:"500" doc:"Why, for people; nothing personal" example:"Captured twice"`
	Metadata   map[string]string `json:"metadata,omitempty" maxProperties:"50"`
}

func correctionOperations() []Operation {
	answers := func(done string) []Answer {
		one := reflect.TypeFor[transactionJSON]()
		return []Answer{
			{Status: 201, Meaning: done, Body: one},
			{Status: 200, Meaning: "Recorded before under this reference.", Body: one, Replayed: true},
		}
	}
	operation := func(name, summary, description, done string, do correct, errs ...*fault.Error) Operation {
		return Operation{
			Method: http.MethodPost, Path: "/v1/books/{book}/transactions/{id}/" + name, ID: "post-" + name, Group: "Transactions",
			Summary: summary, Description: description, Scope: access.TransactionsWrite,
			Body: reflect.TypeFor[NewCorrection](), BodyLimit: bodyLimit, Example: map[string]any{"reference": "order-UK-1-" + name, "memo": "Captured twice"},
			Answers: answers(done), Errors: append(append([]*fault.Error{ledger.ErrTransactionUnknown, guard.ErrApprovalRequired}, postingErrors...), errs...),
			handle: func(c *call) (reply, error) { return correction(c, do) },
		}
	}
	return []Operation{
		operation("reversal", "Reverse a transaction",
			"Posts all its lines on the other sides, linked to it. A transaction is reversed at most once, and a reversal is not reversed: post the original again instead.",
			"Reversed; this is the reversal.", (*ledger.Ledger).Reverse,
			ledger.ErrAlreadyReversed, ledger.ErrReversalOfReversal, ledger.ErrNothingToReverse),
		operation("repost", "Post a reversed transaction again",
			"Posts the lines of a transaction that was reversed by mistake once more, linked to it; at most once.",
			"Posted again; this is the new transaction.", (*ledger.Ledger).Repost,
			ledger.ErrNotReversed, ledger.ErrAlreadyReposted),
	}
}

// correct is Ledger.Reverse or Ledger.Repost.
type correct func(l *ledger.Ledger, ctx context.Context, book ledger.Book, sequence int64, c ledger.Correction) ledger.Outcome

func correction(c *call, do correct) (reply, error) {
	sequence, err := ledger.ParseTransactionID(c.book.Code, c.param("id"))
	if err != nil {
		return reply{}, err
	}
	body, err := decodeWith(c, (*decoder).correction)
	if err != nil {
		return reply{}, err
	}
	if err := c.undoing(sequence); err != nil {
		return reply{}, err
	}
	return posted(do(c.service.ledger, c.ctx, c.book, sequence, body), http.StatusCreated)
}

// correction decodes a NewCorrection.
func (d *decoder) correction(n int32) (c ledger.Correction) {
	if !d.is(n, jsonObject) {
		return c
	}
	reference := false
	for m := d.nodes[n].child; m != 0; m = d.nodes[m].next {
		switch d.nodes[m].key {
		case "reference":
			reference, c.Reference = true, d.text(m)
		case "occurred_at":
			c.OccurredAt = d.instant(m)
		case "memo":
			c.Memo = d.filled(m)
		case "metadata":
			c.Metadata = d.texts(m)
		default:
			d.unknown(m)
		}
	}
	if !reference {
		d.missing(n, "reference")
	}
	return c
}
