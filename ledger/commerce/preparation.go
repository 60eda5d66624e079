package commerce

import (
	"strconv"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// Preparation judges an event's data without history: amounts are amounts of the book's currencies, rates are rates, ids
// are ids. Everything wrong is named by its pointer, and what was sent is never repeated.

// maxEventAmount bounds an amount of an event, and the total of an order, in minor units: a hundred trillion dollars. It
// leaves room for every sum the calculation sheet makes, so that none can overflow.
const maxEventAmount = 10_000_000_000_000_000

// maxFields bounds how many wrong fields one refusal names.
const maxFields = 20

type preparation struct {
	book     ledger.Book
	currency money.Currency
	unit     money.Minor
	fields   []fault.Field
}

// bad notes that the field at the pointer (below /data) is wrong.
func (p *preparation) bad(pointer, code, message string) {
	if len(p.fields) < maxFields {
		p.fields = append(p.fields, fault.Field{Pointer: "/data" + pointer, Code: code, Message: message})
	}
}

// because notes a field that a package below refused.
func (p *preparation) because(pointer string, err error) {
	if e, ok := err.(*fault.Error); ok {
		p.bad(pointer, e.Code, e.Message)
		return
	}
	p.bad(pointer, "invalid", "This cannot be used. Correct it.")
}

// err returns all that is wrong, or nil.
func (p *preparation) err() error {
	if len(p.fields) == 0 {
		return nil
	}
	return ledger.ErrInvalid.WithFields(p.fields...)
}

// useCurrency sets the currency in which the event's amounts are read.
func (p *preparation) useCurrency(pointer, code string) money.Currency {
	c, err := money.ParseCurrency(code)
	if err != nil {
		p.because(pointer, err)
		return ""
	}
	if !p.book.Uses(c) {
		p.bad(pointer, "currency-not-enabled", "The book does not post in this currency. Use one of the book's currencies.")
		return ""
	}
	p.currency, p.unit = c, c.PostingUnit()
	return c
}

// amount reads an amount that may be zero. An empty one is zero: whether it may be left out is the shape's to say.
func (p *preparation) amount(pointer, s string) money.Minor {
	if s == "" || p.currency == "" {
		return 0
	}
	m, err := money.ParseAmount(s, p.currency)
	switch {
	case err != nil:
		p.because(pointer, err)
		return 0
	case m > maxEventAmount:
		p.because(pointer, money.ErrOverflow)
		return 0
	case m%p.unit != 0:
		p.because(pointer, money.ErrUnit)
		return 0
	}
	return m
}

// positive reads an amount that must be more than zero.
func (p *preparation) positive(pointer, s string) money.Minor {
	before := len(p.fields)
	m := p.amount(pointer, s)
	if m == 0 && len(p.fields) == before && p.currency != "" {
		p.because(pointer, money.ErrAmountZero)
	}
	return m
}

// share reads a rate of at most 1; empty is zero.
func (p *preparation) share(pointer, s string) money.Rate {
	if s == "" {
		return money.Rate{}
	}
	r, err := money.ParseRate(s)
	if err == nil && r.Compare(one) > 0 {
		err = money.ErrRateRange
	}
	if err != nil {
		p.because(pointer, err)
		return money.Rate{}
	}
	return r
}

// weight reads a weight; empty is one.
func (p *preparation) weight(pointer, s string) money.Weight {
	if s == "" {
		return one
	}
	w, err := money.ParseRate(s)
	if err != nil {
		p.because(pointer, err)
	}
	return w
}

// id checks an opaque id. An empty one is wrong only if it is required.
func (p *preparation) id(pointer, s string, required bool) {
	if s == "" && !required {
		return
	}
	if !ledger.IsSegment(s) {
		p.bad(pointer, "id", "An id is 1 to 64 of A-Z a-z 0-9 _ . -")
	}
}

// oneOf checks a word against those that may stand here. An empty one is the default.
func (p *preparation) oneOf(pointer, s string, words ...string) {
	if s == "" {
		return
	}
	for _, w := range words {
		if s == w {
			return
		}
	}
	p.bad(pointer, "enum", "This is not one of the words that may stand here.")
}

var one = money.MustRate("1")

// at joins a pointer and an index.
func at(pointer string, i int) string { return pointer + "/" + strconv.Itoa(i) }
