package payouts

import (
	"encoding/json"
	"maps"

	"mizan/ledger/money"
)

// Amounts are one amount in each of several currencies, written as decimal strings.

// Amounts is an amount per currency, in minor units. A text that is no amount is read as an amount that Check refuses, so
// that the mistake is reported with its place.
type Amounts map[money.Currency]money.Minor

// notAmount stands for a text that is no amount; no amount is below zero.
const notAmount money.Minor = -1

// MarshalJSON writes amounts as decimal strings, in order of their currencies.
func (a Amounts) MarshalJSON() ([]byte, error) {
	texts := make(map[money.Currency]string, len(a))
	for c, m := range a {
		texts[c] = m.Format(c)
	}
	return json.Marshal(texts)
}

// UnmarshalJSON reads amounts by the ledger's grammar.
func (a *Amounts) UnmarshalJSON(content []byte) error {
	var texts map[string]string
	if err := json.Unmarshal(content, &texts); err != nil {
		return err
	}
	*a = make(Amounts, len(texts))
	for code, text := range texts {
		c := money.Currency(code)
		m := notAmount
		if c.Active() {
			if read, err := money.ParsePositive(text, c); err == nil {
				m = read
			}
		}
		(*a)[c] = m
	}
	return nil
}

// over returns the amounts with those of b in their place.
func (a Amounts) over(b Amounts) Amounts {
	if len(b) == 0 {
		return a
	}
	next := maps.Clone(a)
	maps.Copy(next, b)
	return next
}
