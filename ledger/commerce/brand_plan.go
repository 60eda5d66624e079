package commerce

import (
	"errors"
	"slices"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// What a brand's payments post: the money first, then the release of the sales it pays for, the oldest first.
//
// Which sales a brand has open is not read from all its history. The last record of the brand's own subject says up to
// which sequence every report was looked at, and which of those are still open. A payment looks at these first, and then
// reads the brand's receivable from that sequence on, until its money is used up.

const (
	// maxSalesPaid is how many sales one payment can pay for: one transaction each, beside its own.
	maxSalesPaid = maxParts - 1
	// maxSalesSeen bounds the reports that one payment looks at.
	maxSalesSeen = 1_000
	// maxSalesLeft bounds the open sales that a brand's record names.
	maxSalesLeft = 500
)

var (
	// ErrTooManySales means that a payment would pay for more sales than one event can record.
	ErrTooManySales = fault.New(fault.Conflict, "too-many-sales",
		"This money pays for more sales than one event records. Record it in parts, or name the sales of each part, at most 99.")
	// ErrNoCredit means that a brand has no credit, or nothing open to use it for.
	ErrNoCredit = fault.New(fault.Conflict, "no-credit", "The brand has no credit that could pay for an open sale. Nothing was posted.")
)

// brandState is what a brand's record keeps.
type brandState struct {
	// Cursor is the sequence up to which every report was looked at; Open names those of them that are still open.
	Cursor int64    `json:"c,omitempty"`
	Open   []string `json:"o,omitempty"`
	// Credit is what the brand paid beyond the sales it was for.
	Credit cents `json:"k,omitempty"`
}

// brandPart is what a payment paid of one sale.
type brandPart struct {
	Sale   string           `json:"s"`
	Amount cents            `json:"a"`
	Shares []brandPartShare `json:"p,omitempty"`
}

// brandPartShare is what became available of a payee's share: of what waited.
type brandPartShare struct {
	Payee    string `json:"p"`
	Released cents  `json:"r"`
	Waited   cents  `json:"w"`
	Ready    cents  `json:"t"`
}

// brandRecord is a payment of a brand as it is kept.
type brandRecord struct {
	Brand    string         `json:"b,omitempty"`
	Currency money.Currency `json:"u"`
	Received cents          `json:"m,omitempty"`
	Before   cents          `json:"k,omitempty"` // the credit before
	Parts    []brandPart    `json:"p,omitempty"`
	Document string         `json:"d,omitempty"`
	State    brandState     `json:"z"`
}

// tell tells what the money paid for, and what of each share it made available.
func (r *brandRecord) tell() []Step {
	told := &tale{currency: r.Currency}
	receivable := string(brandAccount(r.Brand))
	for _, part := range r.Parts {
		told.plain("brand_payment", "Paid for sale "+part.Sale, receivable, money.Minor(part.Amount), "the payees first and the platform last")
		for _, x := range part.Shares {
			c := r.Currency
			told.steps = append(told.steps, Step{Rule: "brand_release", Title: "Available for sale " + part.Sale, Receiver: x.Payee, Total: money.Minor(x.Ready).Format(c),
				Amount: money.Minor(x.Waited).Format(c), Before: money.Minor(x.Waited).Format(c), Remainder: "largest remainder",
				Text: "Available for sale " + part.Sale + ": " + money.Minor(x.Released).Format(c) + " of the " + money.Minor(x.Waited).Format(c) +
					" that waited, by what waits of each payee in " + money.Minor(x.Ready).Format(c) + " and largest remainder."})
		}
	}
	if change := money.Minor(r.State.Credit - r.Before); change != 0 || len(r.Parts) == 0 {
		told.plain("brand_credit", "Change of the brand's credit", receivable, change, "what was received less what it paid for")
	}
	return told.steps
}

// tellsIn is the currency of a payment that posts nothing of its own.
func (r *brandRecord) tellsIn() money.Currency { return r.Currency }

// brandBook is a brand's payments as planned now.
type brandBook struct {
	brand    string
	currency money.Currency
	state    brandState
}

// brand reads the brand's last record that stands. The plan rests on it.
func (p *planner) brand(brand string, c money.Currency) (*brandBook, error) {
	b := &brandBook{brand: brand, currency: c}
	subject := brandSubject(brand, string(c))
	page, err := p.service.look.story(p.ctx, p.book, ledger.TransactionQuery{Subject: subject, Descending: true, Limit: pageOfStory})
	if err != nil {
		return nil, err
	}
	last := int64(0)
	if len(page.Transactions) > 0 {
		last = page.Transactions[0].Sequence
	}
	p.expects = append(p.expects, ledger.Expectation{Subject: subject, LastSequence: last})
	if p.group != nil {
		for _, t := range slices.Backward(p.group.told[subject]) {
			if known, err := b.read(&t); known || err != nil {
				return b, err
			}
		}
	}
	undone := (&order{transactions: page.Transactions}).undone()
	for i := range page.Transactions {
		if t := &page.Transactions[i]; !undone[t.Sequence] {
			if known, err := b.read(t); known || err != nil {
				return b, err
			}
		}
	}
	return b, nil
}

func (b *brandBook) read(t *ledger.Transaction) (bool, error) {
	r, _, ok := recordOf(t)
	if !ok || len(r.Data) == 0 {
		return false, nil
	}
	record, err := storedAs[brandRecord](t)
	b.state = record.State
	b.state.Open = slices.Clone(b.state.Open)
	return true, err
}

// payer is a payment in the making.
type payer struct {
	*planner
	of    *brandBook
	pool  money.Minor
	sales []*sale
	paid  []cents // of each of the sales, in total
	parts []brandPart
	seen  map[string]bool
	named bool
}

// pay gives a sale what the pool has for it, and reports whether the sale stays open.
func (y *payer) pay(id string) (open bool, err error) {
	if y.seen[id] {
		return false, nil
	}
	y.seen[id] = true
	if len(y.seen) > maxSalesSeen {
		return false, ErrTooManySales
	}
	s, err := y.sale(id)
	if err != nil {
		return false, err
	}
	if s == nil || s.terms.Brand != y.of.brand || s.terms.Currency != y.of.currency {
		if y.named {
			return false, ErrSaleUnknown.Withf("The brand reported no sale %s in this currency. Check its id.", id)
		}
		return false, nil
	}
	before, err := s.terms.stand(s.numbers)
	if err != nil || before.open == 0 {
		return false, err
	}
	amount := min(before.open, y.pool)
	if amount <= 0 {
		return true, nil
	}
	if len(y.sales) == maxSalesPaid {
		return false, ErrTooManySales
	}
	to := s.numbers
	to.Paid += cents(amount)
	after, err := s.terms.stand(to)
	if err != nil {
		return false, err
	}
	released, err := after.release(s.released, s.terms.Currency.PostingUnit())
	if err != nil {
		return false, err
	}
	part, ready := brandPart{Sale: id, Amount: cents(amount)}, money.Minor(0)
	for i := range released {
		ready += released[i] - s.released[i]
	}
	for i, x := range after.payees {
		if waited := before.net[i] - s.released[i]; waited != 0 {
			kind, _, payee, _ := splitPayee(x.account)
			part.Shares = append(part.Shares, brandPartShare{Payee: kind + ":" + payee, Released: cents(released[i] - s.released[i]), Waited: cents(waited), Ready: cents(ready)})
		}
	}
	y.pool -= amount
	y.sales, y.paid, y.parts = append(y.sales, s), append(y.paid, to.Paid), append(y.parts, part)
	return after.open > 0, nil
}

// payOldest pays the open sales in the order of their reports, and keeps which of those looked at stay open.
func (y *payer) payOldest() error {
	still := []string{}
	visit := func(id string) error {
		known := y.seen[id]
		open, err := y.pay(id)
		if open && !known {
			still = append(still, id)
		}
		return err
	}
	for i, id := range y.of.state.Open {
		if y.pool == 0 {
			still = append(still, y.of.state.Open[i:]...)
			break
		}
		if err := visit(id); err != nil {
			return err
		}
	}
	if err := y.payRecorded(visit); err != nil {
		return err
	}
	if y.group != nil { // reports of this group are in no history yet
		for _, subject := range y.group.subjects {
			if id, ok := saleOf(subject); ok && y.pool > 0 {
				if _, err := y.pay(id); err != nil {
					return err
				}
			}
		}
	}
	if y.of.state.Open = still; len(still) > maxSalesLeft {
		return ErrTooManySales
	}
	return nil
}

// payRecorded goes on where the brand's last payment stopped looking.
func (y *payer) payRecorded(visit func(id string) error) error {
	for y.pool > 0 {
		page, err := y.service.ledger.History(y.ctx, y.book, ledger.HistoryQuery{Account: brandAccount(y.of.brand), Currency: y.of.currency,
			AfterSequence: y.of.state.Cursor, AfterLine: maxLine, Limit: pageOfStory})
		if errors.Is(err, ledger.ErrAccountNotOpened) {
			return nil
		}
		if err != nil {
			return err
		}
		for i := range page.Lines {
			if y.pool == 0 {
				return nil
			}
			l := &page.Lines[i]
			if id, ok := saleOf(l.Subject); ok && l.Event == "simulcast.reported" {
				if err := visit(id); err != nil {
					return err
				}
			}
			y.of.state.Cursor = l.Sequence
		}
		if !page.More {
			return nil
		}
	}
	return nil
}

// maxLine is past every line of a transaction, so that a page starts with the next transaction.
const maxLine = 1_000

func saleOf(subject string) (string, bool) {
	prefix := saleSubject("")
	if len(subject) <= len(prefix) || subject[:len(prefix)] != prefix {
		return "", false
	}
	return subject[len(prefix):], true
}

// collect finds what an amount pays for, together with the brand's credit.
func (p *planner) collect(brand string, c money.Currency, received money.Minor, sales []string) (*payer, error) {
	b, err := p.brand(brand, c)
	if err != nil {
		return nil, err
	}
	y := &payer{planner: p, of: b, pool: received + money.Minor(b.state.Credit), seen: map[string]bool{}, named: len(sales) > 0}
	if y.named {
		for _, id := range sales {
			if _, err := y.pay(id); err != nil {
				return nil, err
			}
		}
		return y, nil
	}
	return y, y.payOldest()
}

// settle records the payment, and releases each sale that it pays for.
func (y *payer) settle(received money.Minor, lines []ledger.Line, document string) error {
	record := &brandRecord{Brand: y.of.brand, Currency: y.of.currency, Received: cents(received), Before: y.of.state.Credit, Parts: y.parts, Document: document}
	y.of.state.Credit = cents(y.pool)
	record.State = y.of.state
	data, err := keptAs(record)
	if err != nil {
		return err
	}
	event := y.event.Type
	if len(lines) == 0 {
		event = "order.fact_recorded"
	}
	if err := y.draft(draftOf{event: event, kind: y.event.Type, lines: lines, data: data, told: record, memo: document}); err != nil {
		return err
	}
	for i, s := range y.sales {
		to := s.numbers
		to.Paid = y.paid[i]
		if err := y.saleDraft(s, eventSimulcastSettled, i+1, to, ""); err != nil {
			return err
		}
	}
	return nil
}

func (d *BrandInvoicePaid) plan(p *planner) error {
	prep := &preparation{book: p.book}
	c := prep.useCurrency("/currency", d.Currency)
	prep.unit = 1
	amount, withheld := prep.amount("/amount", d.Amount), money.Minor(0)
	lines := []ledger.Line{{Account: ledger.Address("assets:bank:operating:" + d.BankAccount), Amount: amount, Currency: c, ExternalRef: d.Document}}
	if w := d.TaxWithheld; w != nil {
		withheld = prep.amount("/tax_withheld/amount", w.Amount)
		lines = append(lines, ledger.Line{Account: ledger.Address("assets:tax:input:" + w.Jurisdiction), Amount: withheld, Currency: c})
	}
	lines = append(lines, ledger.Line{Account: brandAccount(d.Brand), Amount: -amount - withheld, Currency: c})
	y, err := p.collect(d.Brand, c, amount+withheld, d.Sales)
	if err != nil {
		return err
	}
	return y.settle(amount+withheld, lines, d.Document)
}

func (d *BrandCreditApplied) plan(p *planner) error {
	y, err := p.collect(d.Brand, money.Currency(d.Currency), 0, d.Sales)
	if err != nil {
		return err
	}
	if len(y.sales) == 0 {
		return ErrNoCredit
	}
	return y.settle(0, nil, "")
}
