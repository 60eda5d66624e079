// The words of Stripe on which something is decided: codes, states, kinds and types of events. They are read from where the
// decision is written.

package stripe_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"testing"

	stripelib "github.com/stripe/stripe-go/v79"

	"mizan/payouts/processor"
)

// declared returns the strings in a function or a variable of a file. In a function with a switch they are those of its cases.
func declared(t *testing.T, path, name string) (all []string) {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	collect := func(n ast.Node) {
		ast.Inspect(n, func(n ast.Node) bool {
			if l, ok := n.(*ast.BasicLit); ok && l.Kind == token.STRING {
				if text, err := strconv.Unquote(l.Value); err == nil && text != "" {
					all = append(all, text)
				}
			}
			return true
		})
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			if n.Name.Name == name {
				ast.Inspect(n, func(n ast.Node) bool {
					if c, ok := n.(*ast.CaseClause); ok {
						for _, e := range c.List {
							collect(e)
						}
					}
					return true
				})
			}
		case *ast.ValueSpec:
			if n.Names[0].Name == name {
				for _, v := range n.Values {
					collect(v)
				}
			}
		}
		return true
	})
	if len(all) == 0 {
		t.Fatalf("there is no %s in %s, or it has no words", name, path)
	}
	return all
}

// TestCodesThatDecide holds the codes on which it depends what becomes of a refused payout to the codes that Stripe has.
func TestCodesThatDecide(t *testing.T) {
	t.Parallel()
	words := driverSource(t).words
	for _, place := range [][2]string{{"../outcome.go", "Retryable"}, {"../../sending.go", "destinationFaults"}, {"../../sending.go", "noFunds"},
		{"../../sending.go", "destinationCode"}} {
		for _, code := range declared(t, place[0], place[1]) {
			if !known(words, code) {
				t.Errorf("%s decides by %q, which Stripe does not have", place[1], code)
			}
		}
	}
	if known(words, "account_asleep") {
		t.Error("a code of nobody is known")
	}
}

func known(words map[string][]string, code string) bool {
	return slices.Contains(words["ErrorCode"], code) || slices.Contains(words["PayoutFailureCode"], code) ||
		unlisted["ErrorCode "+code] != ""
}

// prepared are beginnings of event types that the version does not have, with the reason why they are asked for.
var prepared = map[string]string{
	"reserve.": "later versions have them; a message of theirs would be parked for people as of another version",
}

// TestNoticesThatDecide holds the types of events, and the kinds of objects in them, by which it is found out what a notice is about.
func TestNoticesThatDecide(t *testing.T) {
	t.Parallel()
	h := newHolder(t)
	o, _, _ := h.d.operation("POST", "/v1/webhook_endpoints")
	parameters := o.Body.Content["application/x-www-form-urlencoded"].Schema.Properties
	if !slices.Contains(parameters["api_version"].Enum, any(stripelib.APIVersion)) {
		t.Errorf("an endpoint cannot be made with the version %s", stripelib.APIVersion)
	}
	events := h.words["EventType"]
	for _, word := range append(declared(t, "../../noticed.go", "about"), declared(t, "../../../ledger/commerce/intake/stripe.go", "stripeTopics")...) {
		begins := func(event string) bool { return strings.HasPrefix(event, word) }
		switch {
		case prepared[word] != "":
			if slices.ContainsFunc(events, begins) {
				t.Errorf("%q is an exception, and there are such events", word)
			}
		case strings.HasSuffix(word, "."):
			if !slices.ContainsFunc(events, begins) || !slices.ContainsFunc(parameters["enabled_events"].Items.Enum, func(e any) bool { return begins(fmt.Sprint(e)) }) {
				t.Errorf("no event begins with %q", word)
			}
		case h.d.kind(word) == nil:
			t.Errorf("no object is a %q", word)
		}
	}
}

// TestStatesThatDecide holds the other words on which something is decided to the library's.
func TestStatesThatDecide(t *testing.T) {
	t.Parallel()
	words := driverSource(t).words
	for typ, all := range map[string][]string{
		"PayoutStatus":                           {processor.PayoutPending, processor.PayoutInTransit, processor.PayoutPaid, processor.PayoutFailed, processor.PayoutCancelled},
		"PayoutMethodType":                       {processor.Standard, processor.Instant},
		"AccountCapabilityStatus":                {"active"},
		"AccountSettingsPayoutsScheduleInterval": {"manual"},
		"BankAccountStatus":                      {"errored"},
	} {
		for _, word := range all {
			if !slices.Contains(words[typ], word) {
				t.Errorf("%s is never %q", typ, word)
			}
		}
	}
	// Every state that Stripe has is known here: one that is not would leave a payout without an end.
	for _, state := range words["PayoutStatus"] {
		if !slices.Contains([]string{processor.PayoutPending, processor.PayoutInTransit, processor.PayoutPaid, processor.PayoutFailed, processor.PayoutCancelled}, state) {
			t.Errorf("the state %q is not known here", state)
		}
	}
}
