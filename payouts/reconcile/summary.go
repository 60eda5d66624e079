package reconcile

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"mizan/ledger/money"
)

// The summary of a run: per currency what each side opened with, what moved by category, and what it closed with.
//
// The source's lines stand under the source's words, and their fees under "fees". What agrees stands under the same words on
// the ledger's side. An entry that does not agree, or that agrees with lines of which a part came in another run, stands under its
// event. So the movements of the ledger are those of the source, less lines without entries, plus entries without lines.

// feesCategory is the category under which the fees of all lines stand.
const feesCategory = "fees"

// movement is one category in minor units.
type movement struct {
	count          int64
	source, ledger money.Minor
}

type turnover map[money.Currency]map[string]*movement

func (t turnover) at(c money.Currency, category string) *movement {
	if t[c] == nil {
		t[c] = map[string]*movement{}
	}
	m := t[c][category]
	if m == nil {
		m = &movement{}
		t[c][category] = m
	}
	return m
}

// source adds lines of the source, and takes them for agreed.
func (t turnover) source(c categorySum) {
	m := t.at(c.currency, c.category)
	m.count += c.count
	m.source += c.gross
	m.ledger += c.gross
	if c.fees == 0 {
		return
	}
	m = t.at(c.currency, feesCategory)
	m.count += c.fees
	m.source -= c.fee
	m.ledger -= c.fee
}

// unmatched takes a line of this run back from the ledger's side.
func (t turnover) unmatched(x External) {
	t.at(x.Currency, x.Category).ledger -= x.Gross
	if x.Fee != 0 {
		t.at(x.Currency, feesCategory).ledger += x.Fee
	}
}

// entry adds an entry that stands for itself.
func (t turnover) entry(e Entry) {
	m := t.at(e.Currency, e.Event)
	m.count++
	m.ledger += e.Amount
}

// closings are what the sides of a currency stood at.
type closings struct{ source, ledger money.Minor }

// sumsOf makes the summary and checks that it ties: opening and movements are the closing that the ledger says itself, and the
// difference of the closings is what is open.
func (t turnover) sumsOf(opening map[money.Currency]closings, ledger map[money.Currency]money.Minor, open []item) ([]Sums, error) {
	left := map[money.Currency]money.Minor{}
	for _, i := range open {
		if i.side == sideSource {
			left[i.currency] += i.net()
		} else {
			left[i.currency] -= i.net()
		}
	}
	currencies := map[money.Currency]bool{}
	for c := range t {
		currencies[c] = true
	}
	for c := range opening {
		currencies[c] = true
	}
	for c := range ledger {
		currencies[c] = true
	}
	for c := range left {
		currencies[c] = true
	}
	all := []Sums{}
	for _, c := range slices.Sorted(maps.Keys(currencies)) {
		end := opening[c]
		s := Sums{Currency: c, Opening: Sides{amountOf(end.source, c), amountOf(end.ledger, c)}, Categories: []CategorySums{}, Open: amountOf(left[c], c)}
		for _, name := range slices.Sorted(maps.Keys(t[c])) {
			m := t[c][name]
			end.source += m.source
			end.ledger += m.ledger
			if m.count != 0 || m.source != 0 || m.ledger != 0 {
				s.Categories = append(s.Categories, CategorySums{name, m.count, Sides{amountOf(m.source, c), amountOf(m.ledger, c)}})
			}
		}
		s.Closing = Sides{amountOf(end.source, c), amountOf(end.ledger, c)}
		if end.ledger != ledger[c] || end.source-end.ledger != left[c] {
			return nil, ErrRunUneven.Because(fmt.Errorf("reconcile: %s: ledger %d by movements, %d by its balances; source less ledger %d, open %d",
				c, end.ledger, ledger[c], end.source-end.ledger, left[c]))
		}
		all = append(all, s)
	}
	return all, nil
}

// closingsOf reads what the sides of a recorded summary closed with.
func closingsOf(summary []byte) (map[money.Currency]closings, error) {
	var sums []Sums
	if err := json.Unmarshal(summary, &sums); err != nil {
		return nil, ErrRunUneven.Because(err)
	}
	end := map[money.Currency]closings{}
	for _, s := range sums {
		source, err := minorOf(s.Closing.Source, s.Currency)
		if err != nil {
			return nil, err
		}
		ledger, err := minorOf(s.Closing.Ledger, s.Currency)
		if err != nil {
			return nil, err
		}
		end[s.Currency] = closings{source, ledger}
	}
	return end, nil
}

// minorOf reads an amount of a document.
func minorOf(a Amount, c money.Currency) (money.Minor, error) {
	text, negative := string(a), false
	if text != "" && text[0] == '-' {
		text, negative = text[1:], true
	}
	m, err := money.ParseAmount(text, c)
	if err != nil {
		return 0, ErrRunUneven.Because(err)
	}
	if negative {
		m = -m
	}
	return m, nil
}

// agreed adds a line of an earlier run, whose entries are of this one, to the ledger's side.
func (t turnover) agreed(x External) {
	t.at(x.Currency, x.Category).ledger += x.Gross
	if x.Fee != 0 {
		t.at(x.Currency, feesCategory).ledger -= x.Fee
	}
}
