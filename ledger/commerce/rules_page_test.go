//go:build !race

package commerce

import (
	"bytes"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"
)

// The handbook's page about rules: what is written by hand names every field and holds an example that can be used, and the
// shipped sets are written from their data. Run with -update after a change.

const rulesPage = "../../api/docs/rules.md"

func TestRulesPage(t *testing.T) {
	t.Parallel()
	introduction, err := os.ReadFile("testdata/pages/rules.md")
	if err != nil {
		t.Fatal(err)
	}
	b := bytes.NewBuffer(bytes.Clone(introduction))
	for _, s := range ShippedRuleSets() {
		writeShippedSet(b, s)
	}
	if *updatePages {
		if err := os.WriteFile(rulesPage, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if known, err := os.ReadFile(rulesPage); err != nil || !bytes.Equal(known, b.Bytes()) {
		t.Errorf("%s is not what the rule sets say (%v). Run: go test ./ledger/commerce -run TestRulesPage -update", rulesPage, err)
	}
	_, rest, _ := strings.Cut(string(introduction), "```json\n")
	example, _, found := strings.Cut(rest, "```")
	set, err := ParseRuleSet([]byte(example))
	if !found || err != nil {
		t.Fatalf("the example cannot be used: %v %+v", err, fieldsOf(err))
	}
	if w := set.Warnings(); len(w) > 0 {
		t.Errorf("the example warns of %q", w)
	}
	for _, kind := range []RuleKind{RuleFee, RuleCommission, RuleAgency, RulePartner, RuleWithholding, RuleRefundFee, RuleCharge} {
		named := bytes.Contains(introduction, []byte("\n| `"+string(kind)+"` |"))
		used := false
		for i := range set.Rules {
			used = used || set.Rules[i].Kind == kind
		}
		if !named || !used {
			t.Errorf("the kind %s: named %v, in the example %v", kind, named, used)
		}
	}
	for _, name := range componentNames {
		if !bytes.Contains(introduction, []byte("`"+name+"`")) {
			t.Errorf("the component %s is not named", name)
		}
	}
}

// Every field of the format has a row.
func TestRulesPageNamesEveryField(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("testdata/pages/rules.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		heading, prefix string
		of              reflect.Type
	}{
		{"### The set\n", "", reflect.TypeFor[RuleSet]()}, {"### A rule\n", "", reflect.TypeFor[Rule]()}, {"### A base\n", "", reflect.TypeFor[Base]()},
		{"### A tax\n", "", reflect.TypeFor[Tax]()}, {"### Policies\n", "settlement.", reflect.TypeFor[SettlementPolicy]()},
		{"### Policies\n", "dispute.", reflect.TypeFor[DisputePolicy]()}, {"### Policies\n", "payment_failure.", reflect.TypeFor[FailurePolicy]()},
	} {
		_, part, found := strings.Cut(string(page), c.heading)
		part, _, _ = strings.Cut(part, "\n#")
		if !found {
			t.Errorf("there is no %q", c.heading)
		}
		for i := range c.of.NumField() {
			name, _, _ := strings.Cut(c.of.Field(i).Tag.Get("json"), ",")
			if !strings.Contains(part, "\n| `"+c.prefix+name+"` |") {
				t.Errorf("under %q there is no row for %s%s", c.heading, c.prefix, name)
			}
		}
	}
}

// writeShippedSet writes one set with its rules as sentences, its policies and its sources.
func writeShippedSet(b *bytes.Buffer, s *RuleSet) {
	fmt.Fprintf(b, "\n### %s\n\n`%s`, in force from %s.", s.Title, s.ID(), s.ValidFrom.UTC().Format(time.DateOnly))
	if !s.Researched {
		fmt.Fprintf(b, " Nobody has looked up the fees and taxes of this market, so there are no rules, and events are refused with "+
			"[`rules-unsigned`](/docs/problems#rules-unsigned) until the book is given a signed set for the market `%s`.\n", s.Market)
		return
	}
	tiers := s.Policies.Settlement.texts()[0].text
	fmt.Fprintf(b, " Settlement: %s; orders have the tier %s.\n\n| rule | what it says | source |\n|---|---|---|\n", tiers, s.Policies.Settlement.Tier)
	for i := range s.Rules {
		r := &s.Rules[i]
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", r.ID, r.Sentence(), r.Source)
	}
	b.WriteString("\n| source | trust | |\n|---|---|---|\n")
	for _, source := range s.Sources {
		fmt.Fprintf(b, "| %s | %s | %s |\n", source.ID, source.Trust, strings.ReplaceAll(source.Text, "|", `\|`))
	}
}
