package commerce

import (
	"encoding/json"
	"fmt"
	"math/big"
	"strings"

	"mizan/ledger/money"
)

// Every amount recomputes from the explanation alone: what a reader of the API has, parsed from its JSON.

type explainedStep struct {
	Rule, Receiver, Total, Rate, Flat, Weight, Exact, Rounding, Bound, Amount, Tax, TaxMode string
	Base                                                                                    []struct{ Component, Amount string }
	Parts                                                                                   []StepPart
}

func (s *explainedStep) UnmarshalJSON(b []byte) error {
	var raw Step
	if err := json.Unmarshal(b, &raw); err != nil {
		return err
	}
	*s = explainedStep{Rule: raw.Rule, Receiver: raw.Receiver, Total: raw.Total, Rate: raw.Rate, Flat: raw.Flat, Weight: raw.Weight, Exact: raw.Exact,
		Rounding: raw.Rounding, Bound: raw.Bound, Amount: raw.Amount, Tax: raw.Tax, TaxMode: raw.TaxMode}
	for _, c := range raw.Base {
		s.Base = append(s.Base, struct{ Component, Amount string }{c.Component, c.Amount})
	}
	s.Parts = raw.Parts
	return nil
}

// ratText reads a decimal; nothing is zero.
func ratText(s string) *big.Rat {
	if s == "" {
		return new(big.Rat)
	}
	x, ok := new(big.Rat).SetString(s)
	if !ok {
		panic("no decimal: " + s)
	}
	return x
}

// recompute computes every step of an explanation again.
func recompute(text []byte) error {
	var e struct {
		Currency money.Currency
		Steps    []explainedStep
	}
	if err := json.Unmarshal(text, &e); err != nil {
		return err
	}
	unit := ratText(e.Currency.PostingUnit().Format(e.Currency))
	split, weights, shares := new(big.Rat), []*big.Rat{}, []*big.Rat{}
	for i := range e.Steps {
		st := &e.Steps[i]
		if err := st.recompute(unit); err != nil {
			return fmt.Errorf("step %s for %s: %w\n%s", st.Rule, st.Receiver, err, text)
		}
		switch {
		case st.Receiver == "creators":
			split = ratText(st.Amount)
		case st.Rule == "creator_split" && st.Weight != "": // one that fell out of the sheet has none
			weights, shares = append(weights, ratText(st.Weight)), append(shares, ratText(st.Amount))
		}
	}
	if len(weights) > 0 {
		for i, want := range largestRemainder(split, weights, unit) {
			if shares[i].Cmp(want) != 0 {
				return fmt.Errorf("creator %d has %s, the weights give %s\n%s", i, shares[i].RatString(), want.RatString(), text)
			}
		}
	}
	return nil
}

func (s *explainedStep) recompute(unit *big.Rat) error {
	amount, total := ratText(s.Amount), ratText(s.Total)
	if len(s.Base) > 0 {
		sum := new(big.Rat)
		for _, c := range s.Base {
			sum.Add(sum, ratText(c.Amount))
		}
		if sum.Cmp(total) != 0 {
			return fmt.Errorf("the base sums to %s and says %s", sum.RatString(), s.Total)
		}
	}
	value := new(big.Rat)
	switch {
	case len(s.Parts) > 0:
		bases := new(big.Rat)
		for _, p := range s.Parts {
			part := ratText(p.Amount)
			value.Add(value, part)
			bases.Add(bases, ratText(p.Total))
			exact := new(big.Rat).Mul(ratText(p.Total), ratText(p.Rate))
			if exact.Cmp(ratText(p.Exact)) != 0 {
				return fmt.Errorf("%s of %s is not %s", p.Rate, p.Total, p.Exact)
			}
			if p.Bound != "" {
				continue
			}
			if want := roundRat(exact, orHalfEven(s.Rounding), unit); want.Cmp(part) != 0 {
				return fmt.Errorf("%s rounds to %s, not to %s", p.Exact, want.FloatString(3), p.Amount)
			}
		}
		if bases.Cmp(total) != 0 {
			return fmt.Errorf("the parts' bases sum to %s, the base is %s", bases.FloatString(3), s.Total)
		}
	case s.Rate != "":
		exact := new(big.Rat).Mul(total, ratText(s.Rate))
		if exact.Cmp(ratText(s.Exact)) != 0 {
			return fmt.Errorf("%s of %s is not %s", s.Rate, s.Total, s.Exact)
		}
		value = roundRat(exact, s.Rounding, unit)
		if far := new(big.Rat).Sub(value, exact); far.Abs(far).Cmp(unit) >= 0 {
			return fmt.Errorf("rounding moved %s by a unit", s.Exact)
		}
	case s.Flat == "":
		return nil // a remainder, a weight or an amount that was delivered
	}
	if s.Bound == "base" {
		return nil // no more than was left of what it is withheld from
	}
	value.Add(value, ratText(s.Flat))
	switch cmp := value.Cmp(amount); {
	case s.Bound == "" && cmp != 0, s.Bound == "min" && !strings.Contains(s.boundsOfParts(), "min") && cmp >= 0,
		s.Bound == "cap" && s.boundsOfParts() == "" && cmp <= 0, s.boundsOfParts() != "" && cmp != 0:
		return fmt.Errorf("it comes to %s and says %s, bound %q", value.FloatString(3), s.Amount, s.Bound)
	}
	return nil
}

func (s *explainedStep) boundsOfParts() (all string) {
	for _, p := range s.Parts {
		all += p.Bound
	}
	return all
}

func orHalfEven(mode string) string {
	if mode == "" {
		return "half_even"
	}
	return mode
}

// checkExplained recomputes the explanation of the order's sheet as it stands.
func checkExplained(o *order, s *sheet) error {
	x := &explained{event: "order.captured", order: o, after: s}
	text, err := json.Marshal(x.expand())
	if err != nil {
		return err
	}
	return recompute(text)
}
