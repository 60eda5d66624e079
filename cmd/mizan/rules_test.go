package main

// Rule sets at the command line and through the Go client, against a real service.

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"mizan/api"
	"mizan/api/client"
	"mizan/ledger/commerce"
)

// contract is the documented rule set, in force from a moment on.
func contract(t *testing.T, from time.Time) string {
	t.Helper()
	for _, op := range api.Operations() {
		if op.ID == "add-rule-set" {
			b, err := json.Marshal(op.Example)
			if err != nil {
				t.Fatal(err)
			}
			return strings.Replace(string(b), "2030-01-01T00:00:00Z", from.UTC().Format("2006-01-02T15:04:05Z"), 1)
		}
	}
	t.Fatal("rule sets cannot be added")
	return ""
}

// TestRulesWithoutService reads what comes with the program, and files.
func TestRulesWithoutService(t *testing.T) {
	t.Parallel()
	env := map[string]string{"MIZAN_SERVER": "http://127.0.0.1:1"}
	file := filepath.Join(t.TempDir(), "rules.json")
	if err := os.WriteFile(file, []byte(contract(t, time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC))), 0o600); err != nil {
		t.Fatal(err)
	}
	mizan(t, env, "", "rules", "list").want(t, exitDone, "uk-1", "th-1", "unsigned", "Thailand: not researched")
	mizan(t, env, "", "rules", "show", "us-1").want(t, exitDone, "Referral fee: 6 % of goods less the seller's discounts plus shipping, without tax, per order, rounded half-even", "seller-us", "standard, 7 days")
	mizan(t, env, "", "rules", "show", file).want(t, exitDone, "contract-1", "Example Person, CFO", "Commission: 8 % of goods")
	mizan(t, env, "", "rules", "show", "nonsense-1").want(t, exitUsage, "mizan rules list")
	mizan(t, env, "", "rules", "check", file).want(t, exitDone, "contract-1 is a rule set for UK with 1 rules, in force from 2030-01-01T00:00:00Z")
	mizan(t, env, contract(t, time.Now()), "rules", "check").want(t, exitDone, "contract-1")
	mizan(t, env, strings.Replace(contract(t, time.Now()), `"0.08"`, `"8"`, 1), "rules", "check").want(t, exitRefused, "/rules/0/rate: A rate is a fraction")
	mizan(t, env, strings.Replace(contract(t, time.Now()), `"O"`, `"A"`, 1), "rules", "check", "-").want(t, exitDone, "warning: commission rests on an assumption.")
	mizan(t, env, "{", "rules", "check").want(t, exitRefused, "ends too early")
	mizan(t, env, "", "rules", "check", "/does/not/exist").want(t, exitRefused, "no such file")
	mizan(t, env, "", "rules", "diff", "my-1", "sg-1").want(t, exitDone, "~ rule commission, rate: 8.1 % → 4.905 %", "+ source 18", "- source 18b")
	mizan(t, env, "", "rules", "diff", "uk-1", file).want(t, exitDone, "~ set, signature: nothing → Example Person, CFO", "- rule agency: Agency share", "~ rule commission, rate: 9 % → 8 %")
	mizan(t, env, "", "rules", "diff", "uk-1", "uk-1").want(t, exitDone, "uk-1 and uk-1 say the same.")
	var set commerce.RuleSet
	if err := json.Unmarshal([]byte(mizan(t, env, "", "rules", "show", "vn-1", "--json").want(t, exitDone).stdout), &set); err != nil || set.ID() != "vn-1" || len(set.Rules) == 0 {
		t.Errorf("%+v %v", set, err)
	}
	for _, c := range []struct {
		into any
		args []string
	}{{&[]client.RuleSet{}, []string{"rules", "list", "--json"}}, {&[]commerce.RuleChange{}, []string{"rules", "diff", "my-1", "my-1", "--json"}}} {
		if err := json.Unmarshal([]byte(mizan(t, env, "", c.args...).want(t, exitDone).stdout), c.into); err != nil {
			t.Errorf("%v: %v", c.args, err)
		}
	}
}

func TestRulesSession(t *testing.T) {
	t.Parallel()
	env, remote := market(t)
	from := time.Now().Add(24 * time.Hour).Truncate(time.Second)
	document := contract(t, from) + "\n"
	mizan(t, env, "", "rules", "list", "uk").want(t, exitDone, "uk-1", "in_force", "shipped")
	mizan(t, env, document, "rules", "add", "uk", "-").want(t, exitDone, "contract-1 added; it is in force for orders of uk placed from "+from.UTC().Format(time.RFC3339))
	mizan(t, env, document, "rules", "add", "uk", "-").want(t, exitDone, "contract-1 was added before")
	mizan(t, env, document+" ", "rules", "add", "uk", "-").want(t, exitRefused, "rule-set-exists")
	mizan(t, env, contract(t, time.Now()), "rules", "add", "uk", "-").want(t, exitRefused, "rule-set-exists")
	mizan(t, env, strings.Replace(contract(t, time.Now()), `"version":1`, `"version":2`, 1), "rules", "add", "uk", "-").want(t, exitRefused, "rule-set-in-the-past")
	mizan(t, env, "{", "rules", "add", "uk", "-").want(t, exitRefused, "rule-set-invalid")
	mizan(t, env, document, "rules", "add", "nowhere", "-").want(t, exitRefused, "book-unknown")
	mizan(t, env, "", "rules", "list", "uk").want(t, exitDone, "contract-1", "next", "Example Person, CFO")
	mizan(t, env, "", "rules", "show", "contract-1", "--book", "uk").want(t, exitDone, "contract-1", "Commission: 8 % of goods")
	mizan(t, env, "", "rules", "show", "contract-2", "--book", "uk").want(t, exitRefused, "rule-set-unknown")
	mizan(t, env, "", "rules", "diff", "uk-1", "contract-1", "--book", "uk").want(t, exitDone, "~ rule commission, rate: 9 % → 8 %")

	list, err := remote.RuleSets(t.Context(), "uk")
	if err != nil || len(list) != 2 || list[1].ID != "contract-1" || list[1].State != "next" || !list[1].ValidFrom.Equal(from) {
		t.Errorf("%+v %v", list, err)
	}
	check, err := remote.CheckRules(t.Context(), "uk", []byte(document))
	if err != nil || check.RuleSet != "contract-1" || !check.Known || check.Before != "contract-1" || len(check.Changes) != 0 || len(check.Sentences) != 1 {
		t.Errorf("%+v %v", check, err)
	}
	if changes, err := remote.RuleChanges(t.Context(), "uk", "uk-1", "contract-1"); err != nil || !slices.Contains(changes, client.RuleChange{Change: "changed", Subject: "rule commission", Field: "rate", Before: "9 %", After: "8 %"}) {
		t.Errorf("%+v %v", changes, err)
	}
	if told, err := client.Collect(remote.Audit(t.Context(), "uk", client.AuditQuery{Newest: true}), 1); err != nil || len(told) != 1 || told[0].Act != "rules.added" || told[0].Object != "rule_set:contract-1" {
		t.Errorf("the newest of the trail: %+v %v", told, err)
	}
	again, err := remote.AddRuleSet(t.Context(), "uk", []byte(document))
	if err != nil || !again.Replayed || len(again.Sentences) != 1 {
		t.Errorf("%+v %v", again, err)
	}
	var problem *client.Problem
	if _, err := remote.AddRuleSet(t.Context(), "uk", []byte(strings.Replace(document, `"0.08"`, `"8"`, 1))); !errors.As(err, &problem) || len(problem.Fields) == 0 || problem.Fields[0].Pointer != "/rules/0/rate" {
		t.Errorf("%v", err)
	}
	read, err := remote.RuleSet(t.Context(), "uk", "contract-1")
	if err != nil || read.ID != "contract-1" {
		t.Fatalf("%+v %v", read, err)
	}
	var sent, got any
	if json.Unmarshal([]byte(document), &sent) != nil || json.Unmarshal(read.Document, &got) != nil {
		t.Fatal("a document is no JSON")
	}
	if set, err := commerce.ParseRuleSet(read.Document); err != nil || set.Rules[0].Sentence() != read.Sentences[0].Sentence {
		t.Errorf("%v", err)
	}
	if !reflect.DeepEqual(sent.(map[string]any)["policies"], got.(map[string]any)["policies"]) {
		t.Errorf("the document came back as %s", read.Document)
	}
}
