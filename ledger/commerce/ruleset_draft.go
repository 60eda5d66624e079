package commerce

import (
	"context"
	"strings"

	"mizan/ledger"
	"mizan/ledger/fault"
)

// A draft is a document that a book could be given as its rules. It is judged as if it were added now, and held against the
// rules that would hold then, so that whoever asks for it knows what a second person will see. Nothing is stored.

// Draft is what is to be said of a document that could become a book's rules.
type Draft struct {
	Set *RuleSet
	// Known says that the book has it already, byte for byte.
	Known bool
	// Before is the set that would hold at the draft's valid_from without it; nil if the book has no rules for that moment.
	Before *RuleSet
	// Changes are what the draft changes of it.
	Changes []RuleChange
}

// Judge says what speaks against giving a book the document now, and what it would change. It stores nothing. It returns
// ErrRuleSetInvalid with every field found wrong, ErrRuleSetMarket, ErrRuleSetPast or ErrRuleSetExists.
func (r *RuleSets) Judge(ctx context.Context, book ledger.Book, content []byte) (*Draft, error) {
	set, known, err := r.judge(ctx, book, content)
	if err != nil {
		return nil, err
	}
	d := &Draft{Set: set, Known: known}
	// The memory is exact about now, and not about a moment to come. It stays as it is meanwhile: postings go on by it.
	r.mu.Lock()
	memory := r.read[book.ID]
	r.mu.Unlock()
	fresh, err := r.load(ctx, book, memory)
	if err != nil {
		return nil, err
	}
	before, err := fresh.inForce(book, set.ValidFrom)
	switch code := fault.CodeOf(err); {
	case code == ErrRulesMissing.Code || code == ErrRulesUnsigned.Code:
		return d, nil
	case err != nil:
		return nil, err
	}
	d.Before, d.Changes = before, DiffRuleSets(before, set)
	return d, nil
}

// sinceLooked bounds the earlier sets among which the beginning of a rule is looked for.
const sinceLooked = 50

// Since tells for each rule of a set, by its id, since which set the rule has been as it is: the earliest of an unbroken row of
// sets that have it just so. Earlier are the sets that held before it, oldest first; the latest fifty of them are looked at.
func (s *RuleSet) Since(earlier []*RuleSet) map[string]*RuleSet {
	since, open := map[string]*RuleSet{}, map[string]bool{}
	for i := range s.Rules {
		since[s.Rules[i].ID], open[s.Rules[i].ID] = s, true
	}
	for i := len(earlier) - 1; i >= max(0, len(earlier)-sinceLooked) && len(open) > 0; i-- {
		for _, c := range DiffRuleSets(earlier[i], s) {
			if id, ok := strings.CutPrefix(c.Subject, "rule "); ok {
				delete(open, id)
			}
		}
		for id := range open {
			since[id] = earlier[i]
		}
	}
	return since
}

// RuleFact is a value of a rule set that is no rule: a field of a policy.
type RuleFact struct {
	// Policy is settlement, dispute or payment_failure; Field its field.
	Policy, Field, Value string
}

// Facts are the policies of the set as values.
func (p *Policies) Facts() (list []RuleFact) {
	add := func(policy string, fields []namedText) {
		for _, f := range fields {
			list = append(list, RuleFact{policy, f.name, f.text})
		}
	}
	add("settlement", p.Settlement.texts())
	add("dispute", p.Dispute.texts())
	add("payment_failure", []namedText{{"liability", p.PaymentFailure.Liability}})
	return list
}

// Value is what the rule comes to, without what it is taken of: its rates, amounts and bounds, such as "6 %, at least GBP 0.25".
// A rule whose value the order names has none.
func (r *Rule) Value() string {
	var list []string
	switch {
	case r.Kind == RuleCharge:
		return "as recorded"
	case !r.MaxShare.IsZero():
		list = append(list, "at most "+percent(r.MaxShare))
	case len(r.Base.Components) > 0 || r.Base.Of != "":
		list = append(list, r.rateWords())
	}
	if len(r.Flat) > 0 {
		list = append(list, r.Flat.words()+" once per order")
	}
	if len(r.Min) > 0 {
		list = append(list, "at least "+r.Min.words())
	}
	if len(r.Cap) > 0 {
		list = append(list, "at most "+r.Cap.words())
	}
	return strings.Join(list, ", ")
}
