package commerce

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The difference of two rule sets is what a person approves: which rules come, which go, and which fields change from what
// to what. What is only written differently, such as a default left out, is no difference.

// RuleChange is one difference.
type RuleChange struct {
	// Change is added, removed or changed.
	Change string `json:"change"`
	// Subject is "rule" and the rule's id, "source" and the source's id, "policy" and its name, or "set".
	Subject string `json:"subject"`
	// Field is the field that changed; empty for what was added or removed as a whole.
	Field string `json:"field,omitempty"`
	// Before and After are the values as text, a rule as its sentence; empty for what is not there.
	Before string `json:"before,omitempty"`
	After  string `json:"after,omitempty"`
}

// DiffRuleSets returns what b changes of a: the set itself, its policies, its sources, then its rules in b's order and those
// that a alone has. The order of rules and names of the sets make no difference.
func DiffRuleSets(a, b *RuleSet) []RuleChange {
	var list []RuleChange
	compare := func(subject string, before, after []namedText) {
		for i := range before {
			if before[i].text != after[i].text {
				list = append(list, RuleChange{"changed", subject, before[i].name, before[i].text, after[i].text})
			}
		}
	}
	compare("set", a.texts(), b.texts())
	compare("policy settlement", a.Policies.Settlement.texts(), b.Policies.Settlement.texts())
	compare("policy dispute", a.Policies.Dispute.texts(), b.Policies.Dispute.texts())
	compare("policy payment_failure", []namedText{{"liability", a.Policies.PaymentFailure.Liability}}, []namedText{{"liability", b.Policies.PaymentFailure.Liability}})
	whole := func(change, subject, before, after string) {
		list = append(list, RuleChange{Change: change, Subject: subject, Before: before, After: after})
	}
	for i := range b.Sources {
		s := &b.Sources[i]
		if j := slices.IndexFunc(a.Sources, func(o Source) bool { return o.ID == s.ID }); j < 0 {
			whole("added", "source "+s.ID, "", s.Text)
		} else {
			compare("source "+s.ID, a.Sources[j].texts(), s.texts())
		}
	}
	for i := range a.Sources {
		s := &a.Sources[i]
		if !slices.ContainsFunc(b.Sources, func(o Source) bool { return o.ID == s.ID }) {
			whole("removed", "source "+s.ID, s.Text, "")
		}
	}
	for i := range b.Rules {
		r := &b.Rules[i]
		if old := a.Rule(r.ID); old == nil {
			whole("added", "rule "+r.ID, "", r.Sentence())
		} else {
			compare("rule "+r.ID, old.texts(), r.texts())
		}
	}
	for i := range a.Rules {
		if r := &a.Rules[i]; b.Rule(r.ID) == nil {
			whole("removed", "rule "+r.ID, r.Sentence(), "")
		}
	}
	return list
}

// Rule returns the rule of the id, nil if the set has none.
func (s *RuleSet) Rule(id string) *Rule {
	for i := range s.Rules {
		if s.Rules[i].ID == id {
			return &s.Rules[i]
		}
	}
	return nil
}

// namedText is the value of a field.
type namedText struct{ name, text string }

func (s *RuleSet) texts() []namedText {
	signature := ""
	if g := s.Signature; g != nil {
		signature = fmt.Sprintf("%s, %s, in %s", g.By, instantText(g.At), g.Document)
	}
	return []namedText{
		{"market", s.Market}, {"valid_from", instantText(s.ValidFrom)}, {"title", s.Title}, {"researched", strconv.FormatBool(s.Researched)}, {"signature", signature},
	}
}

func instantText(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

func (s *Source) texts() []namedText { return []namedText{{"trust", s.Trust}, {"text", s.Text}} }

func (p *SettlementPolicy) texts() []namedText {
	tiers := make([]string, 0, len(p.Tiers))
	for _, name := range slices.Sorted(maps.Keys(p.Tiers)) {
		tiers = append(tiers, fmt.Sprintf("%s %d days", name, p.Tiers[name]))
	}
	return []namedText{
		{"tiers", strings.Join(tiers, ", ")}, {"tier", p.Tier}, {"reserve_rate", percent(p.ReserveRate)}, {"reserve_days", strconv.Itoa(p.ReserveDays)},
	}
}

func (p *DisputePolicy) texts() []namedText {
	reasons := slices.Sorted(slices.Values(p.PlatformReasons))
	return []namedText{
		{"platform_reasons", strings.Join(reasons, ", ")}, {"no_tax_relief", strconv.FormatBool(p.NoTaxRelief)}, {"fee_recovery", p.FeeRecovery},
		{"hold_creators", strconv.FormatBool(p.HoldCreators)}, {"double_payment", p.DoublePayment},
	}
}

func (r *Rule) texts() []namedText {
	rates := make([]string, len(r.Rates))
	for i, c := range r.Rates {
		rates[i] = strings.TrimPrefix(c.Set+"/"+c.Category, "/") + " " + percent(c.Rate)
	}
	base := r.Base.words()
	if tax := r.Base.taxWords(); tax != "" {
		base += ", " + tax
	}
	granularity, onRefund := r.Granularity, "recompute"
	if granularity == "" && (len(r.Base.Components) > 0 || len(r.Flat) > 0) {
		granularity = "order"
	}
	if r.Kind == RuleRefundFee {
		granularity, onRefund = "line", "charge"
	} else if r.keeps() {
		onRefund = "keep"
	}
	moment := ""
	if r.Kind == RuleWithholding {
		moment = "capture"
	}
	return []namedText{
		{"kind", string(r.Kind)}, {"title", r.Title}, {"to", string(r.To)}, {"party", r.Party}, {"role", r.Role}, {"event", r.Event}, {"base", base},
		{"rate", percent(r.Rate)}, {"rates", strings.Join(rates, ", ")}, {"flat", r.Flat.words()}, {"min", r.Min.words()}, {"cap", r.Cap.words()},
		{"granularity", granularity}, {"rounding", r.Rounding.String()}, {"tax", r.Tax.text()}, {"on_refund", onRefund}, {"max_share", percent(r.MaxShare)},
		{"moment", moment}, {"remainder", r.Remainder}, {"source", r.Source},
	}
}

// text is a tax as one value.
func (t *Tax) text() string {
	if t == nil {
		return ""
	}
	parts := []string{t.Mode}
	if t.Mode == "inclusive" || t.Mode == "exclusive" {
		parts = append(parts, percent(t.Rate), "to "+string(t.To), t.Rounding.String())
	}
	if t.ReverseChargeWhen != "" {
		parts = append(parts, "reverse charge when "+t.ReverseChargeWhen)
	}
	return strings.Join(parts, ", ")
}
