package api

import (
	"net/http"
	"reflect"

	"mizan/api/access"
	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/fault"
	"mizan/payouts"
	"mizan/payouts/reconcile"
)

// The way from a transaction to what processors and banks say of it and back, and from an order to the payouts that paid its parts.

// EvidenceOfEntryJSON is an entry on an account of a source, and what the source says of it.
type EvidenceOfEntryJSON struct {
	Transaction string             `json:"transaction" example:"uk-42"`
	Line        int                `json:"line" doc:"The entry's line of the transaction" example:"1"`
	Account     string             `json:"account" example:"assets:processor:pending:main"`
	Currency    string             `json:"currency" example:"GBP"`
	Amount      string             `json:"amount" doc:"Signed, a debit positive: money that came in" example:"30.00"`
	ExternalRef string             `json:"external_ref,omitempty" example:"ch_1"`
	SourceKind  string             `json:"source_kind" enum:"processor,bank" example:"processor"`
	SourceName  string             `json:"source_name" example:"main"`
	Standing    string             `json:"standing" enum:"agrees,open,waits" doc:"agrees: a run compared both sides; open: a run found nothing or something else on the other side; waits: no run has looked at it yet"`
	Basis       string             `json:"basis,omitempty" doc:"How it came to agree, if no name said so" example:"by_amount"`
	Lines       []EvidenceLineJSON `json:"lines" nullable:"false" doc:"At most 20 lines of the source"`
	Breaks      []BreakNameJSON    `json:"breaks" nullable:"false" doc:"Differences found under its name, ended ones too"`
}

// BreakNameJSON names a break.
type BreakNameJSON struct {
	ID    string `json:"id" example:"brk_zzot9lasnv910rgy"`
	Class string `json:"class" example:"amount_differs"`
	State string `json:"state" enum:"open,explained,fixed,written_off,cleared"`
}

type evidenceOfEntryListJSON struct {
	Data       []EvidenceOfEntryJSON `json:"data" nullable:"false" doc:"In the order of the entries; what only moves between accounts of one source is left out"`
	NextCursor *string               `json:"next_cursor" doc:"Always null: a transaction has at most 500 entries"`
}

// EntryOfLineJSON is an entry that a line of a source is evidence of.
type EntryOfLineJSON struct {
	Transaction string `json:"transaction" example:"uk-42"`
	Line        int    `json:"line" example:"1"`
	Event       string `json:"event" example:"order.captured"`
	Reference   string `json:"reference" example:"order-UK-1-captured"`
	Subject     string `json:"subject,omitempty" doc:"The order, donation or payout that it is about" example:"order:UK-1"`
	Account     string `json:"account" example:"assets:processor:pending:main"`
	Currency    string `json:"currency" example:"GBP"`
	Amount      string `json:"amount" doc:"Signed, a debit positive" example:"30.00"`
}

type entryOfLineListJSON struct {
	Standing   string            `json:"standing" enum:"agrees,open,waits" doc:"As for the evidence of an entry"`
	Basis      string            `json:"basis,omitempty"`
	Data       []EntryOfLineJSON `json:"data" nullable:"false" doc:"Those that a pairing names, or else those that go by its name around the moment at which it moved"`
	NextCursor *string           `json:"next_cursor" doc:"Always null"`
}

// PaidPartJSON is what a transaction of an order made available to a payee, and the payout that it went out with.
type PaidPartJSON struct {
	Transaction string  `json:"transaction" example:"uk-42"`
	Kind        string  `json:"kind" doc:"The kind of the payee's account" example:"creator"`
	Payee       string  `json:"payee" example:"cre_amy"`
	Currency    string  `json:"currency" example:"GBP"`
	Amount      string  `json:"amount" example:"4.41"`
	Payout      string  `json:"payout,omitempty" doc:"The payout that it went out with; absent while it is in none" example:"po_7"`
	State       string  `json:"state,omitempty" doc:"How the payout stands" example:"paid"`
	PaidAt      *string `json:"paid_at,omitempty" format:"date-time" doc:"When it arrived"`
	ReturnedAt  *string `json:"returned_at,omitempty" format:"date-time" doc:"When it came back after it had arrived"`
}

type paidPartListJSON struct {
	Data       []PaidPartJSON `json:"data" nullable:"false" doc:"In the order of the transactions"`
	NextCursor *string        `json:"next_cursor" doc:"Always null: they are of the order's first 200 transactions"`
}

func traceOperations() []Operation {
	return []Operation{
		{
			Method: http.MethodGet, Path: "/v1/books/{book}/transactions/{id}/evidence", ID: "list-transaction-evidence", Group: "Evidence", Summary: "Read what processors and banks say of a transaction",
			Description: "For each entry on an account of a source: the lines that go by its name or were paired with it, and whether a run found that both sides agree.",
			Scope:       access.ReconciliationRead,
			Answers:     []Answer{{Status: 200, Meaning: "The evidence.", Body: reflect.TypeFor[evidenceOfEntryListJSON]()}},
			Errors:      []*fault.Error{ledger.ErrTransactionUnknown, ErrNotReady}, handle: listTransactionEvidence,
		},
		{
			Method: http.MethodGet, Path: evidencePath + "/lines/{number}/entries", ID: "list-line-entries", Group: "Evidence", Summary: "Read the entries that a line is evidence of",
			Description: "The way back from a line of a processor or a bank to the books.", Scope: access.ReconciliationRead,
			Answers: []Answer{{Status: 200, Meaning: "The entries.", Body: reflect.TypeFor[entryOfLineListJSON]()}},
			Errors:  []*fault.Error{reconcile.ErrLineUnknown, reconcile.ErrSourceUnknown, ErrNotReady}, handle: listLineEntries,
		},
		{
			Method: http.MethodGet, Path: "/v1/books/{book}/orders/{order}/payouts", ID: "list-order-payouts", Group: "Orders", Summary: "Read which payouts paid an order's parts",
			Description: "What each transaction of the order made available to its payees, and the payout that it went out with.", Scope: access.PayoutsRead,
			Answers: []Answer{{Status: 200, Meaning: "The parts.", Body: reflect.TypeFor[paidPartListJSON]()}},
			Errors:  []*fault.Error{commerce.ErrOrderUnknown, commerce.ErrOrderEdited, ledger.ErrInvalid, ErrNotReady}, handle: listOrderPayouts,
		},
	}
}

func listTransactionEvidence(c *call) (reply, error) {
	s, err := c.reconciling()
	if err != nil {
		return reply{}, err
	}
	sequence, err := ledger.ParseTransactionID(c.book.Code, c.param("id"))
	if err != nil {
		return reply{}, err
	}
	t, err := c.service.ledger.Transaction(c.ctx, c.book, sequence)
	if err != nil {
		return reply{}, err
	}
	behind, err := s.Behind(c.ctx, c.book, []ledger.Transaction{t})
	if err != nil {
		return reply{}, err
	}
	out := evidenceOfEntryListJSON{Data: make([]EvidenceOfEntryJSON, len(behind))}
	for i, b := range behind {
		e := b.Entry
		x := EvidenceOfEntryJSON{Transaction: t.ID(), Line: e.Line, Account: string(e.Account), Currency: string(e.Currency), Amount: e.Amount.Format(e.Currency), ExternalRef: e.ExternalRef,
			SourceKind: string(b.Source.Kind), SourceName: b.Source.Name, Standing: b.Standing, Basis: b.Basis, Lines: make([]EvidenceLineJSON, len(b.Lines)), Breaks: make([]BreakNameJSON, len(b.Breaks))}
		for j, l := range b.Lines {
			x.Lines[j] = c.keptLineOf(l)
		}
		for j, k := range b.Breaks {
			x.Breaks[j] = BreakNameJSON{k.ID, string(k.Class), string(k.State)}
		}
		out.Data[i] = x
	}
	return document(http.StatusOK, out)
}

func listLineEntries(c *call) (reply, error) {
	s, source, err := c.evidenceSource()
	if err != nil {
		return reply{}, err
	}
	number, err := c.numberOf(reconcile.ErrLineUnknown)
	if err != nil {
		return reply{}, err
	}
	said, err := s.Said(c.ctx, c.book, source, number)
	if err != nil {
		return reply{}, err
	}
	var sequences []int64
	for _, e := range said.Entries {
		sequences = append(sequences, e.Sequence)
	}
	found, err := c.service.ledger.BySequence(c.ctx, c.book, sequences)
	if err != nil {
		return reply{}, err
	}
	out := entryOfLineListJSON{Standing: said.Standing, Basis: said.Basis, Data: []EntryOfLineJSON{}}
	for _, at := range said.Entries {
		t := found[at.Sequence]
		for _, e := range t.Entries {
			if e.Line == at.Line {
				out.Data = append(out.Data, EntryOfLineJSON{Transaction: t.ID(), Line: e.Line, Event: t.Event, Reference: t.Reference, Subject: t.Subject,
					Account: string(e.Account), Currency: string(e.Currency), Amount: e.Amount.Format(e.Currency)})
			}
		}
	}
	return document(http.StatusOK, out)
}

// partsOfOrder bounds the transactions of an order whose parts are looked up.
const partsOfOrder = 200

func listOrderPayouts(c *call) (reply, error) {
	if c.service.payouts == nil {
		return reply{}, ErrNotReady
	}
	id, err := c.order()
	if err != nil {
		return reply{}, err
	}
	order, err := c.service.commerce.Order(c.ctx, c.book, id)
	if err != nil {
		return reply{}, err
	}
	var list []ledger.Transaction
	var sequences []int64
	for _, t := range order.Transactions[:min(len(order.Transactions), partsOfOrder)] {
		if n, err := ledger.ParseTransactionID(c.book.Code, t.ID); err == nil {
			sequences = append(sequences, n)
		}
	}
	found, err := c.service.ledger.BySequence(c.ctx, c.book, sequences)
	if err != nil {
		return reply{}, err
	}
	for _, n := range sequences {
		list = append(list, found[n])
	}
	parts, err := c.service.payouts.PaidParts(c.ctx, c.book, list)
	if err != nil {
		return reply{}, err
	}
	out := paidPartListJSON{Data: make([]PaidPartJSON, len(parts))}
	for i, p := range parts {
		out.Data[i] = c.paidPartOf(p)
	}
	return document(http.StatusOK, out)
}

func (c *call) paidPartOf(p payouts.PaidPart) PaidPartJSON {
	return PaidPartJSON{Transaction: ledger.TransactionID(c.book.Code, p.Sequence), Kind: p.Holder.Kind, Payee: p.Holder.ID, Currency: string(p.Holder.Currency),
		Amount: p.Amount.Format(p.Holder.Currency), Payout: p.Paid.Payout, State: p.Paid.State, PaidAt: optionalInstant(p.Paid.PaidAt), ReturnedAt: optionalInstant(p.Paid.ReturnedAt)}
}
