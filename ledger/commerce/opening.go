package commerce

import (
	"slices"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// The beginning of a book that takes over business from elsewhere: its balances in one batch that two people signed, with
// the totals they signed. What payees have pending belongs to open orders, and an order whose refund must end at zero needs
// its own event: pending balances come with those, not here.

// OpeningBalance is a signed batch of balances (M-32).
type OpeningBalance struct {
	Batch    string         `json:"batch" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The batch's id" example:"MIG-2026-11"`
	SignedBy []string       `json:"signed_by" nullable:"false" minItems:"1" maxItems:"2" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The two people who signed it, by their ids" example:"[\"u_17\",\"u_23\"]"`
	Document string         `json:"document" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The signed document" example:"DOC-88"`
	Totals   []OpeningTotal `json:"totals" nullable:"false" minItems:"1" maxItems:"50" doc:"The signed totals of each currency"`
	Items    []SignedLine   `json:"items" nullable:"false" minItems:"1" maxItems:"400" doc:"The balances"`
}

// OpeningTotal is what the items of a currency must add up to.
type OpeningTotal struct {
	Currency string `json:"currency" pattern:"^[A-Z]{3}$" doc:"The currency" example:"USD"`
	Debits   string `json:"debits" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"The sum of the debits" example:"40.00"`
	Credits  string `json:"credits" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"The sum of the credits" example:"0"`
}

var (
	// ErrOpeningTotals means that the items do not come to the signed totals.
	ErrOpeningTotals = fault.New(fault.Invalid, "opening-totals", "The items do not come to the totals that were signed. Correct the items, or have the right totals signed; nothing was posted.")
	// ErrOpeningOrder means that a balance belongs to open orders.
	ErrOpeningOrder = fault.New(fault.Invalid, "opening-order", "What a payee has pending belongs to open orders. Send each open order with its terms and with what was posted for it, as an order of the opening, so that its refunds can end at zero.")
)

const accountOpening ledger.Address = "equity:opening"

func (d *OpeningBalance) subject() string { return "opening:" + d.Batch }

func (d *OpeningBalance) prepare(p *preparation) {
	p.id("/batch", d.Batch, true)
	p.id("/document", d.Document, true)
	p.twoPeople("/signed_by", d.SignedBy)
	if n := len(d.Items); n == 0 || n > 400 {
		p.bad("/items", "count", "A batch has 1 to 400 items.")
		return
	}
	for i := range d.Items {
		l := d.Items[i].line(p, at("/items", i))
		if l.Account == accountOpening {
			p.bad(at("/items", i)+"/account", "account", "The balancing amount is computed.")
		}
		if _, bucket, _, ok := splitPayee(l.Account); ok && bucket == bucketPending {
			p.bad(at("/items", i)+"/account", ErrOpeningOrder.Code, ErrOpeningOrder.Message)
		}
	}
	prepareTotals(p, d.Totals)
}

// prepareTotals reads signed totals.
func prepareTotals(p *preparation, totals []OpeningTotal) {
	if n := len(totals); n == 0 || n > 50 {
		p.bad("/totals", "count", "A batch has the totals of 1 to 50 currencies.")
		return
	}
	for i, t := range totals {
		p.useCurrency(at("/totals", i)+"/currency", t.Currency)
		p.unit = 1
		p.amount(at("/totals", i)+"/debits", t.Debits)
		p.amount(at("/totals", i)+"/credits", t.Credits)
		if slices.ContainsFunc(totals[:i], func(x OpeningTotal) bool { return x.Currency == t.Currency }) {
			p.bad(at("/totals", i)+"/currency", "repeated", "Each currency is named once.")
		}
	}
}

// openingStored is a batch in the form that is kept.
type openingStored struct{ OpeningBalance }

// lines reads the items of the batch.
func (d *OpeningBalance) lines(p *preparation) (lines []ledger.Line) {
	for i := range d.Items {
		lines = append(lines, d.Items[i].line(p, at("/items", i)))
	}
	return lines
}

// totals are the sums of debits and credits of a currency.
func totalsIn(lines []ledger.Line, c money.Currency) (debits, credits money.Minor, err error) {
	for _, l := range lines {
		switch {
		case err != nil || l.Currency != c:
		case l.Amount > 0:
			debits, err = money.Add(debits, l.Amount)
		default:
			credits, err = money.Add(credits, -l.Amount)
		}
	}
	return debits, credits, err
}

func (s *openingStored) tell() []Step {
	every := make([]money.Currency, 0, len(s.Totals))
	for _, t := range s.Totals {
		every = append(every, money.Currency(t.Currency))
	}
	lines := s.lines(&preparation{book: ledger.Book{NewBook: ledger.NewBook{Currencies: every}}})
	c := lines[0].Currency
	debits, credits, err := totalsIn(lines, c)
	if err != nil || debits == credits {
		return nil
	}
	t := &tale{currency: c}
	t.plain("opening", "Balancing amount", string(accountOpening), debits-credits, "which is signed debits of "+debits.Format(c)+" less signed credits of "+credits.Format(c))
	return t.steps
}

// plan compares the items with the signed totals and posts them with the balancing line of each currency.
func (d *OpeningBalance) plan(p *planner) error {
	if err := p.begins(d.subject(), "A batch of this id was recorded before."); err != nil {
		return err
	}
	prep := &preparation{book: p.book}
	lines := d.lines(prep)
	if err := tie(d.Totals, lines); err != nil {
		return err
	}
	for _, c := range currenciesOf(lines) {
		debits, credits, err := totalsIn(lines, c)
		if err != nil {
			return err
		}
		if debits != credits {
			lines = append(lines, ledger.Line{Account: accountOpening, Amount: credits - debits, Currency: c})
		}
	}
	return p.toldDraft(draftOf{event: "opening.balance", lines: lines, memo: "document " + d.Document}, &openingStored{*d})
}
