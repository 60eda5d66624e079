package commerce

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// The opening of a book that takes over business from elsewhere (M-32): one signed document with its balances and its open
// orders, posted as a whole or not at all. Each order has a transaction of its own; the balances have one, with the opening
// equity as the balancing line.

// MaxOpeningOrders bounds the orders of one document: with its balances they are one batch of the ledger.
const MaxOpeningOrders = ledger.MaxBatch - 1

// OpeningBatch is a signed document of an opening.
type OpeningBatch struct {
	Batch    string         `json:"batch" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The document's id; it is posted once" example:"MIG-2026-11"`
	SignedBy []string       `json:"signed_by" nullable:"false" minItems:"2" maxItems:"2" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The two people who signed it, by their ids" example:"[\"u_17\",\"u_23\"]"`
	Document string         `json:"document" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The signed document" example:"DOC-88"`
	AsOf     time.Time      `json:"as_of" format:"date-time" doc:"The moment at which everything stood so" example:"2026-11-01T00:00:00Z"`
	Totals   []OpeningTotal `json:"totals" nullable:"false" minItems:"1" maxItems:"50" doc:"The signed totals of each currency, over the balances and what the orders open, without the balancing amount"`
	Balances []SignedLine   `json:"balances,omitempty" nullable:"false" maxItems:"400" doc:"What belongs to no open order"`
	Orders   []OpeningOrder `json:"orders,omitempty" nullable:"false" maxItems:"999" doc:"The open orders"`
}

// openedBatch is a document in the form that is kept with its balances.
type openedBatch struct {
	Batch    string         `json:"batch"`
	Document string         `json:"document"`
	SignedBy []string       `json:"signed_by"`
	AsOf     time.Time      `json:"as_of"`
	Totals   []OpeningTotal `json:"totals"`
	Orders   int            `json:"orders"`
	Currency money.Currency `json:"currency,omitempty"` // of the first balance
	Debits   cents          `json:"debits,omitempty"`
	Credits  cents          `json:"credits,omitempty"`
}

var openingOwnTypes = []EventType{
	{Name: eventOpenedOrder, Meaning: "What is open of an order that the book takes over.", New: func() EventData { return &OpeningOrder{} }, Stored: func() teller { return &openedOrder{} }},
	{Name: eventOpenedBatch, Meaning: "The balances that a book takes over, signed together with its open orders.", New: func() EventData { return &OpeningBatch{} }, Stored: func() teller { return &openedBatch{} }},
}

var openingParts = map[string]string{
	openingPostedFact: "A part of an opening that leaves nothing open.",
}

func (d *OpeningBatch) subject() string { return "opening:" + d.Batch }

func (d *OpeningBatch) prepare(p *preparation) {
	p.id("/batch", d.Batch, true)
	p.id("/document", d.Document, true)
	p.twoPeople("/signed_by", d.SignedBy)
	if d.AsOf.Year() < 2000 || d.AsOf.Year() > 2999 {
		p.bad("/as_of", "date-range", "Say at which moment everything stood so.")
	}
	switch n := len(d.Balances) + len(d.Orders); {
	case n == 0:
		p.bad("", "count", "An opening has balances, open orders or both.")
	case len(d.Balances) > 400 || len(d.Orders) > MaxOpeningOrders:
		p.bad("", "count", "A document has at most 400 balances and "+strconv.Itoa(MaxOpeningOrders)+" orders. Send further ones in further documents.")
		return
	}
	for i := range d.Balances {
		l := d.Balances[i].line(p, at("/balances", i))
		if l.Account == accountOpening {
			p.bad(at("/balances", i)+"/account", "account", "The balancing amount is computed.")
		}
		if _, bucket, _, ok := splitPayee(l.Account); ok && bucket == bucketPending {
			p.bad(at("/balances", i)+"/account", ErrOpeningOrder.Code, ErrOpeningOrder.Message)
		}
	}
	prepareTotals(p, d.Totals)
	orders, disputes := map[string]bool{}, map[string]bool{}
	for i := range d.Orders {
		x := &d.Orders[i]
		x.document = d.Document
		p.within(at("/orders", i), x.prepare)
		if orders[x.Terms.Order] {
			p.bad(at("/orders", i)+"/terms/order", "repeated", "Each order is named once.")
		}
		orders[x.Terms.Order] = true
		if x.Dispute != nil {
			if disputes[x.Dispute.Dispute] {
				p.bad(at("/orders", i)+"/dispute/dispute", "repeated", "Each dispute is named once.")
			}
			disputes[x.Dispute.Dispute] = true
		}
	}
}

// plan compares everything with the signed totals and posts the balances. The orders' own transactions follow it.
func (d *OpeningBatch) plan(p *planner) error {
	if err := p.begins(d.subject(), "A batch of this id was recorded before."); err != nil {
		return err
	}
	prep := &preparation{book: p.book}
	var lines []ledger.Line
	for i := range d.Balances {
		lines = append(lines, d.Balances[i].line(prep, ""))
	}
	opened, err := d.openAll(p)
	if err != nil {
		return err
	}
	if err := tie(d.Totals, append(slices.Clone(lines), opened...)); err != nil {
		return err
	}
	kept := &openedBatch{Batch: d.Batch, Document: d.Document, SignedBy: d.SignedBy, AsOf: d.AsOf.UTC(), Totals: d.Totals, Orders: len(d.Orders)}
	for i, c := range currenciesOf(lines) {
		debits, credits, err := totalsIn(lines, c)
		if err != nil {
			return err
		}
		if i == 0 {
			kept.Currency, kept.Debits, kept.Credits = c, cents(debits), cents(credits)
		}
		if debits != credits {
			lines = append(lines, ledger.Line{Account: accountOpening, Amount: credits - debits, Currency: c})
		}
	}
	draft := draftOf{event: eventOpenedBatch, kind: eventOpenedBatch, lines: lines, memo: "document " + d.Document}
	if len(lines) == 0 {
		draft.event = openingPostedFact
	}
	return p.toldDraft(draft, kept)
}

// openAll works out what all orders open, and refuses what differs from their rules without being accepted.
func (d *OpeningBatch) openAll(p *planner) (lines []ledger.Line, err error) {
	var fields []fault.Field
	for i := range d.Orders {
		x, pointer := &d.Orders[i], at("/data/orders", i)
		o := &order{book: p.book, id: x.Terms.Order}
		e, err := x.open(p, o)
		if err != nil {
			return nil, inOrder(err, pointer, o.id)
		}
		over := money.Minor(0)
		for _, y := range e.differ {
			over += y.amount
			if !x.AcceptDifference && len(fields) < maxFields {
				was, c := o.posted.of(y.account), o.currency
				fields = append(fields, fault.Field{Pointer: pointer + "/posted", Code: ErrOpeningDifference.Code,
					Message: "Order " + o.id + ", " + string(y.account) + ": posted " + was.Format(c) + ", the rules give " + (was - y.amount).Format(c) + ", a difference of " + y.amount.Format(c) + "."})
			}
		}
		if x.AcceptDifference && over != 0 && len(fields) < maxFields {
			fields = append(fields, fault.Field{Pointer: pointer + "/posted", Code: ErrOpeningDifference.Code,
				Message: "Order " + o.id + ": all that was posted comes to " + over.Format(o.currency) + " more than the buyer paid and did not get back. A difference can only move money between receivers."})
		}
		for _, l := range e.lines() {
			if l.Account != accountOpening {
				lines = append(lines, l)
			}
		}
	}
	if len(fields) > 0 {
		first := ErrOpeningDifference.With("What was posted is not what the rules give. " + fields[0].Message + " Correct the terms or what was posted, or accept the difference of the order; nothing was posted.")
		return nil, first.WithFields(fields...)
	}
	return lines, nil
}

// inOrder says in which order of the document an error is.
func inOrder(err error, pointer, id string) error {
	var f *fault.Error
	if !errors.As(err, &f) || f.Kind == fault.Unavailable {
		return err
	}
	if len(f.Fields) == 0 {
		return f.With("Order "+id+" of the opening: "+f.Message).At(pointer, f.Code, f.Message)
	}
	return repointed(f, func(p string) string { return pointer + strings.TrimPrefix(p, "/data") })
}

// repointed is an error whose pointers begin elsewhere.
func repointed(f *fault.Error, move func(string) string) *fault.Error {
	c := *f
	c.Fields = slices.Clone(f.Fields)
	for i := range c.Fields {
		c.Fields[i].Pointer = move(c.Fields[i].Pointer)
	}
	return &c
}

// tie compares lines with the signed totals.
func tie(totals []OpeningTotal, lines []ledger.Line) error {
	currencies := currenciesOf(lines)
	for _, t := range totals {
		if c := money.Currency(t.Currency); !slices.Contains(currencies, c) {
			currencies = append(currencies, c)
		}
	}
	for _, c := range currencies {
		debits, credits, err := totalsIn(lines, c)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(totals, func(t OpeningTotal) bool { return t.Currency == string(c) })
		if i < 0 {
			return ErrOpeningTotals.Withf("There are amounts in %s, but no signed totals for it. Nothing was posted.", c)
		}
		prep := &preparation{currency: c, unit: 1}
		for _, side := range []struct {
			name         string
			come, signed money.Minor
		}{{"debits", debits, prep.amount("", totals[i].Debits)}, {"credits", credits, prep.amount("", totals[i].Credits)}} {
			if side.come != side.signed {
				return ErrOpeningTotals.Withf("The %s in %s come to %s; %s was signed, a difference of %s. Nothing was posted.",
					side.name, c, side.come.Format(c), side.signed.Format(c), (side.come - side.signed).Format(c))
			}
		}
	}
	return nil
}

func (s *openedBatch) tell() []Step {
	t := &tale{currency: s.Currency}
	if s.Debits != s.Credits {
		debits, credits := money.Minor(s.Debits), money.Minor(s.Credits)
		t.plain("opening", "Balancing amount", string(accountOpening), debits-credits, "which is debits of "+debits.Format(s.Currency)+" less credits of "+credits.Format(s.Currency)+" among the balances")
	}
	return t.steps
}

// Open posts an opening as a whole, or says with dry what it would post. The first result is of the balances, the others
// are of the orders. The same document again is answered as the first time; another one under its id is refused. It returns
// ErrOpeningTotals, ErrOpeningDifference, ErrOpeningTerms, ErrRepeated for an order that is in the book, the errors of rule
// sets, and the ledger's.
func (s *Service) Open(ctx context.Context, book ledger.Book, d *OpeningBatch, dry bool) (results []Result, err error) {
	events, err := d.events()
	if err != nil {
		return nil, err
	}
	if dry {
		results, err = s.DryRun(ctx, book, events, true)
	} else {
		results = s.PostAtomic(ctx, book, events)
	}
	for i := range results {
		if e := results[i].Err; e != nil && (err == nil || fault.CodeOf(err) == ledger.ErrGroupRefused.Code) {
			err = e
		}
	}
	if err != nil {
		return nil, inDocument(err)
	}
	return results, nil
}

// events are what the document posts, together.
func (d *OpeningBatch) events() ([]Event, error) {
	if len(d.Orders) > MaxOpeningOrders {
		return nil, ledger.ErrInvalid.At("/orders", "count", "A document has at most "+strconv.Itoa(MaxOpeningOrders)+" orders.")
	}
	reference := "opening:" + d.Batch
	list := []Event{{Type: eventOpenedBatch, Reference: reference, OccurredAt: d.AsOf, Data: d}}
	for i := range d.Orders {
		list = append(list, Event{Type: eventOpenedOrder, Reference: reference + ":" + d.Orders[i].Terms.Order, OccurredAt: d.AsOf, Data: &d.Orders[i]})
	}
	return list, nil
}

// inDocument lets pointers begin at the document.
func inDocument(err error) error {
	var f *fault.Error
	if !errors.As(err, &f) || len(f.Fields) == 0 {
		return err
	}
	return repointed(f, func(p string) string { return strings.TrimPrefix(p, "/data") })
}
