package commerce

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDiffRuleSets(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		content []byte
		want    []RuleChange
	}{
		{"the same", []byte(sampleRules), nil},
		{"another name and version", changed(t, `"mine"`, `"theirs"`, `"version": 1`, `"version": 2`), nil},
		{"defaults left out", ruleWith(t, "commission", `"granularity": "order", "on_refund": "recompute",`, ``, `, "tax": "exclude"`, ``), nil},
		{"a rate", ruleWith(t, "commission", `"rate": "0.06"`, `"rate": "0.065"`), []RuleChange{{"changed", "rule commission", "rate", "6 %", "6.5 %"}}},
		{"zeros of a rate", ruleWith(t, "commission", `"rate": "0.06"`, `"rate": "0.060"`), nil},
		{"a category's rate", ruleWith(t, "commission", `"rate": "0.04"`, `"rate": "0.05"`), []RuleChange{{"changed", "rule commission", "rates", "default/books 4 %", "default/books 5 %"}}},
		{"an amount and a base", ruleWith(t, "commission", `"-seller_discount"`, `"shipping"`, `"0.30"`, `"0.35"`), []RuleChange{
			{"changed", "rule commission", "base", "goods less the seller's discounts, without tax", "goods plus shipping, without tax"},
			{"changed", "rule commission", "flat", "GBP 0.30", "GBP 0.35"}}},
		{"a tax", ruleWith(t, "commission", `"rate": "0.20"`, `"rate": "0.175"`), []RuleChange{{"changed", "rule commission", "tax",
			"inclusive, 20 %, to liabilities:tax:vat:UK:on-fees, half_even, reverse charge when deemed_supplier",
			"inclusive, 17.5 %, to liabilities:tax:vat:UK:on-fees, half_even, reverse charge when deemed_supplier"}}},
		{"a rule less", ruleWith(t, "agency", `{"id": "agency", "kind": "agency", "title": "Agency", "rounding": "half_even", "source": "c", "max_share": "0.5"},`, ``), []RuleChange{
			{Change: "removed", Subject: "rule agency", Before: "Agency: the share that the order names of a creator's gross commission, at most 50 %, rounded half-even; computed again when goods come back."}}},
		{"a rule by another id", ruleWith(t, "agency", `"id": "agency"`, `"id": "agencies"`), []RuleChange{
			{Change: "added", Subject: "rule agencies", After: "Agency: the share that the order names of a creator's gross commission, at most 50 %, rounded half-even; computed again when goods come back."},
			{Change: "removed", Subject: "rule agency", Before: "Agency: the share that the order names of a creator's gross commission, at most 50 %, rounded half-even; computed again when goods come back."}}},
		{"policies", changed(t, `"standard": 7`, `"standard": 8`, `"reserve_days": 30`, `"reserve_days": 31`, `["fraudulent"]`, `["fraudulent", "duplicate"]`, `"liability": "platform"`, `"liability": "seller"`), []RuleChange{
			{"changed", "policy settlement", "tiers", "express 3 days, standard 7 days", "express 3 days, standard 8 days"},
			{"changed", "policy settlement", "reserve_days", "30", "31"},
			{"changed", "policy dispute", "platform_reasons", "fraudulent", "duplicate, fraudulent"},
			{"changed", "policy payment_failure", "liability", "platform", "seller"}}},
		{"who signed, and from when", changed(t, `"DOC-7"`, `"DOC-8"`, `2030-01-01`, `2030-02-01`), []RuleChange{
			{"changed", "set", "valid_from", "2030-01-01T00:00:00Z", "2030-02-01T00:00:00Z"},
			{"changed", "set", "signature", "Example Person, CFO, 2029-12-01T09:00:00Z, in DOC-7", "Example Person, CFO, 2029-12-01T09:00:00Z, in DOC-8"}}},
		{"sources", changed(t, `"The contract"}`, `"The new contract"}, {"id": "d", "trust": "P", "text": "A paper"}`), []RuleChange{
			{"changed", "source c", "text", "The contract", "The new contract"}, {Change: "added", Subject: "source d", After: "A paper"}}},
	} {
		a, err := ParseRuleSet([]byte(sampleRules))
		if err != nil {
			t.Fatal(err)
		}
		b, err := ParseRuleSet(c.content)
		if err != nil {
			t.Errorf("%s: %v %+v", c.name, err, fieldsOf(err))
			continue
		}
		if diff := cmp.Diff(c.want, DiffRuleSets(a, b)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
		back := DiffRuleSets(b, a)
		if len(back) != len(c.want) {
			t.Errorf("%s: %d changes there and %d back", c.name, len(c.want), len(back))
		}
	}
}

// A field that is added to the format is compared too.
func TestDiffKnowsEveryField(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		of      reflect.Type
		texts   []namedText
		besides []string
	}{
		{reflect.TypeFor[Rule](), new(Rule).texts(), []string{"id"}},
		{reflect.TypeFor[Source](), new(Source).texts(), []string{"id"}},
		{reflect.TypeFor[RuleSet](), new(RuleSet).texts(), []string{"set", "version", "sources", "rules", "policies"}},
		{reflect.TypeFor[SettlementPolicy](), new(SettlementPolicy).texts(), nil},
		{reflect.TypeFor[DisputePolicy](), new(DisputePolicy).texts(), nil},
		{reflect.TypeFor[FailurePolicy](), []namedText{{name: "liability"}}, nil},
	} {
		known := c.besides
		for _, n := range c.texts {
			known = append(known, n.name)
		}
		var fields []string
		for i := range c.of.NumField() {
			name, _, _ := strings.Cut(c.of.Field(i).Tag.Get("json"), ",")
			fields = append(fields, name)
		}
		slices.Sort(known)
		slices.Sort(fields)
		if diff := cmp.Diff(fields, known); diff != "" {
			t.Errorf("%s (-fields +compared):\n%s", c.of, diff)
		}
	}
}
