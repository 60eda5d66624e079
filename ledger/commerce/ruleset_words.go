package commerce

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"mizan/ledger/money"
)

// A rule in words: one plain sentence that a finance person can hold against a contract. The sentence says everything that
// decides an amount, and is computed from the rule, so the two cannot differ.

// Sentence returns the rule as one English sentence, such as "Referral fee: 6 % of goods less the seller's discounts, without
// tax, per order, rounded half-even; computed again when goods come back."
func (r *Rule) Sentence() string {
	first, then := r.words()
	text := r.Title + ": " + strings.Join(first, ", ")
	for _, t := range then {
		text += "; " + t
	}
	return text + "."
}

// words returns how the value is found, and what else is to be said about it.
func (r *Rule) words() (first, then []string) {
	switch r.Kind {
	case RuleFee:
		return append(r.valueWords(), r.roundingWords()), append(r.Tax.words("the fee"), r.refundWords())
	case RuleCommission:
		return append(append(r.valueWords(), r.roundingWords()), "shared by the order's creators"),
			[]string{"the seller pays it", "a rate locked on the order takes its place", r.refundWords()}
	case RulePartner:
		return append(append(r.valueWords(), r.roundingWords()), "for the partner in the role "+r.Role),
			[]string{"the seller pays it", "a rate named by the order takes its place", r.refundWords()}
	case RuleAgency:
		first = []string{"the share that the order names of a creator's gross commission"}
		if !r.MaxShare.IsZero() {
			first = append(first, "at most "+percent(r.MaxShare))
		}
		return append(first, r.roundingWords()), []string{"computed again when goods come back"}
	case RuleWithholding:
		return append(r.valueWords(), r.roundingWords()),
			[]string{"withheld from the " + r.Party + " when the sale is captured, for " + string(r.To), r.refundWords()}
	case RuleRefundFee:
		first = append([]string{percent(r.Rate) + " of what " + r.Base.Of + " gives back", "per line"}, r.boundWords("line")...)
		return append(first, r.roundingWords()), []string{"charged to the seller when shipped goods come back"}
	case RuleCharge:
		first = []string{"the amount that is recorded as " + r.Event}
		if r.Tax == nil {
			return append(first, "without tax"), nil
		}
		return first, r.Tax.words("the amount")
	}
	return []string{"a rule of the kind " + string(r.Kind)}, nil
}

// valueWords says what the value is, before rounding.
func (r *Rule) valueWords() []string {
	per := "order"
	if r.Granularity == "line" {
		per = "line"
	}
	var list []string
	if base := r.Base.words(); base != "" {
		list = append(list, r.rateWords()+" of "+base)
		if tax := r.Base.taxWords(); tax != "" {
			list = append(list, tax)
		}
		if r.Base.Of == "" {
			list = append(list, "per "+per)
		}
		if len(r.Flat) > 0 {
			list = append(list, "plus "+r.Flat.words()+" once per order")
		}
	} else {
		list = append(list, r.Flat.words()+" once per order")
	}
	return append(list, r.boundWords(per)...)
}

func (r *Rule) boundWords(per string) (list []string) {
	if len(r.Min) > 0 {
		list = append(list, "at least "+r.Min.words()+" per "+per)
	}
	if len(r.Cap) > 0 {
		list = append(list, "at most "+r.Cap.words()+" per "+per)
	}
	return list
}

func (r *Rule) rateWords() string {
	text := percent(r.Rate)
	if len(r.Rates) == 0 {
		return text
	}
	parts := make([]string, len(r.Rates))
	for i, c := range r.Rates {
		parts[i] = percent(c.Rate) + " for " + c.Category
		if c.Set != "" {
			parts[i] += " of the category set " + c.Set
		}
	}
	return text + " (" + strings.Join(parts, ", ") + ")"
}

func (r *Rule) roundingWords() string { return "rounded " + roundingWords(r.Rounding) }

func roundingWords(mode money.Rounding) string {
	switch mode {
	case money.HalfEven:
		return "half-even"
	case money.HalfUp:
		return "half-up"
	case money.Floor:
		return "down"
	case money.Ceil:
		return "up"
	}
	return mode.String()
}

func (r *Rule) refundWords() string {
	if r.keeps() {
		return "kept when goods come back"
	}
	return "computed again when goods come back"
}

// componentWords are the components in words.
var componentWords = [components]string{"goods", "the seller's discounts", "the platform's discounts", "shipping", "gift wrap", "tax added to the prices", "tax inside the prices"}

// words says what a rate applies to: goods first, then what is taken off and put on.
func (b *Base) words() string {
	switch b.Of {
	case "":
	case "before_agency":
		return "the creator's commission before the agency's share"
	case "after_agency":
		return "the creator's commission after the agency's share"
	default:
		return b.Of
	}
	terms := slices.Clone(b.Components)
	slices.SortFunc(terms, func(x, y Term) int { return cmp.Compare(x.Component, y.Component) }) // a good base has goods, shipping or gift wrap in front
	text := ""
	for i, t := range terms {
		switch {
		case t.Negative:
			text += " less "
		case i > 0:
			text += " plus "
		}
		text += componentWords[t.Component]
	}
	return strings.TrimPrefix(text, " ")
}

// taxWords says whether tax is part of the base; nothing if its components say so, or if it has none.
func (b *Base) taxWords() string {
	if len(b.Components) == 0 {
		return ""
	}
	for _, t := range b.Components {
		if t.Component == TaxAdded || t.Component == TaxIncluded {
			return ""
		}
	}
	if b.Tax == "include" {
		return "with tax"
	}
	return "without tax"
}

// words says how something bears tax.
func (t *Tax) words(of string) []string {
	if t == nil {
		return nil
	}
	var list []string
	switch t.Mode {
	case "inclusive":
		list = []string{percent(t.Rate) + " tax is inside " + of + ", rounded " + roundingWords(t.Rounding)}
	case "exclusive":
		list = []string{percent(t.Rate) + " tax is added to " + of + ", rounded " + roundingWords(t.Rounding)}
	case "reverse_charge":
		list = []string{"whoever pays " + of + " accounts for the tax on it (reverse charge)"}
	default:
		list = []string{of + " is outside the scope of tax"}
	}
	if t.ReverseChargeWhen != "" {
		list = append(list, "no tax where the platform owes the tax on the sale, since the seller accounts for it (reverse charge)")
	}
	return list
}

// words lists the amounts in order of their currencies.
func (a Amounts) words() string {
	parts := make([]string, 0, len(a))
	for _, c := range slices.Sorted(maps.Keys(a)) {
		parts = append(parts, string(c)+" "+a[c].Format(c))
	}
	return strings.Join(parts, " or ")
}

func percent(r money.Rate) string { return r.Percentage() + " %" }
