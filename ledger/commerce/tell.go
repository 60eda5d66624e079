package commerce

import (
	"mizan/ledger/money"
)

// Telling how the amounts of an event were computed that is no order's: the steps of an explanation in numbers and words,
// each recomputed from what the event's record keeps.

// teller is the stored form of an event: its inputs, what was frozen with it and what was looked up. It tells the same
// steps when the event is answered and whenever its record is read back.
type teller interface {
	tell() []Step
}

// tale is a telling in the making: steps in one currency.
type tale struct {
	currency money.Currency
	steps    []Step
}

// plain tells an amount that was given, not computed.
func (t *tale) plain(rule, title, receiver string, amount money.Minor, because string) {
	text := title + ": " + amount.Format(t.currency)
	if because != "" {
		text += ", " + because
	}
	t.steps = append(t.steps, Step{Rule: rule, Title: title, Receiver: receiver, Amount: amount.Format(t.currency), Before: money.Minor(0).Format(t.currency), Text: text + "."})
}

// rated tells a rate of a base, with a flat part, as it was rounded. What the base is, is said in words.
func (t *tale) rated(rule, title, receiver, of string, base money.Minor, rate money.Rate, flat money.Minor, rounding money.Rounding, amount money.Minor, remainder string) {
	c := t.currency
	st := Step{Rule: rule, Title: title, Receiver: receiver, Total: base.Format(c), Rate: rate.String(), Exact: rate.Exact(base, c),
		Rounding: rounding.String(), Amount: amount.Format(c), Before: money.Minor(0).Format(c), Remainder: remainder}
	text := title + ": " + percent(rate) + " of " + st.Total
	if of != "" {
		text += ", " + of + ","
	}
	exact := st.Exact
	if m, err := money.ParseAmount(exact, c); err == nil {
		exact = m.Format(c)
	}
	text += " is " + exact
	rounded := (amount - flat).Format(c)
	if exact != rounded {
		text += ", rounded " + roundingWords(rounding) + " to " + rounded
	}
	if flat != 0 {
		st.Flat = flat.Format(c)
		text += ", plus " + st.Flat + " flat is " + st.Amount
	}
	st.Text = text + "."
	t.steps = append(t.steps, st)
}

// split tells a share by weight and largest remainder.
func (t *tale) split(rule, title, receiver string, total money.Minor, weight, weights money.Weight, amount money.Minor) {
	c := t.currency
	t.steps = append(t.steps, Step{Rule: rule, Title: title, Receiver: receiver, Total: total.Format(c), Weight: weight.String(), Amount: amount.Format(c),
		Before: money.Minor(0).Format(c), Remainder: "largest remainder",
		Text: title + ": " + amount.Format(c) + " of " + total.Format(c) + " by a weight of " + weight.String() + " in " + weights.String() + " and largest remainder."})
}

// bounded notes on the last step the bound that decided, in the words of why.
func (t *tale) bounded(bound, why string) {
	if n := len(t.steps); n > 0 && bound != "" {
		st := &t.steps[n-1]
		st.Bound = bound
		st.Text = st.Text[:len(st.Text)-1] + ", " + why + " " + st.Amount + "."
	}
}
