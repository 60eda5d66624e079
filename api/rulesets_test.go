package api

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"mizan/ledger/commerce"
)

const ruleSets = "/v1/books/uk/rule_sets"

// ownRuleSet is the documented example with another text in place of one.
func ownRuleSet(t *testing.T, pairs ...string) string {
	t.Helper()
	b, err := json.Marshal(ruleSetExample())
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(text, pairs[i]) {
			t.Fatalf("the example has no %s", pairs[i])
		}
		text = strings.Replace(text, pairs[i], pairs[i+1], 1)
	}
	return text
}

func TestRuleSetsOverHTTP(t *testing.T) {
	t.Parallel()
	h := open(t)
	brief := func() (all []string) {
		for _, s := range h.must(200, "GET", ruleSets, "").json(t)["data"].([]any) {
			m := s.(map[string]any)
			all = append(all, fmt.Sprint(m["id"], " ", m["origin"], " ", m["state"], " ", m["signed_by"]))
		}
		return all
	}
	if got := brief(); !slices.Equal(got, []string{"uk-1 shipped in_force <nil>"}) {
		t.Errorf("at first %q", got)
	}
	from := `"valid_from":"2030-01-01T00:00:00Z"`
	soon := `"valid_from":"` + start.Add(11*time.Minute).Format("2006-01-02T15:04:05Z") + `"`
	body := " " + ownRuleSet(t, from, soon) + "\n"
	// The draft is checked, which stores nothing.
	checked := h.must(200, "POST", ruleSets+"/check", body).json(t)
	if checked["rule_set"] != "contract-1" || checked["known"] != false || checked["before"] != "uk-1" || len(checked["changes"].([]any)) == 0 || len(checked["sentences"].([]any)) != 1 {
		t.Errorf("checked: %v", checked)
	}
	h.refused(422, "rule-set-invalid", "POST", ruleSets+"/check", strings.Replace(body, `"rate":"0.08"`, `"rate":"1.08"`, 1))
	h.refused(404, "rule-set-unknown", "GET", ruleSets+"/contract-1/changes?from=uk-1", "")
	added := h.must(201, "POST", ruleSets, body)
	if again := h.must(200, "POST", ruleSets+"/check", body).json(t); again["known"] != true {
		t.Errorf("what the book has: %v", again)
	}
	changes := h.must(200, "GET", ruleSets+"/contract-1/changes?from=uk-1", "").json(t)["data"]
	if !reflect.DeepEqual(changes, checked["changes"]) {
		t.Errorf("the check says %v and the sets %v", checked["changes"], changes)
	}
	if none := h.must(200, "GET", ruleSets+"/uk-1/changes?from=uk-1", "").json(t)["data"].([]any); len(none) != 0 {
		t.Errorf("a set and itself: %v", none)
	}
	h.refused(404, "rule-set-unknown", "GET", ruleSets+"/uk-1/changes?from=nope-1", "")
	h.refused(422, "validation-failed", "GET", ruleSets+"/uk-1/changes", "")
	again := h.must(200, "POST", ruleSets, body)
	if added.body != again.body || again.Header.Get("Idempotent-Replayed") != "true" || added.Header.Get("Idempotent-Replayed") != "" {
		t.Errorf("again it is %s", again.body)
	}
	h.refused(409, "rule-set-exists", "POST", ruleSets, strings.TrimSpace(body))
	if got := brief(); !slices.Equal(got, []string{"uk-1 shipped in_force <nil>", "contract-1 book next Example Person, CFO"}) {
		t.Errorf("after adding %q", got)
	}
	h.clock.forward(12 * time.Minute)
	if got := brief(); !slices.Equal(got, []string{"uk-1 shipped past <nil>", "contract-1 book in_force Example Person, CFO"}) {
		t.Errorf("after it began %q", got)
	}
	one := h.must(200, "GET", ruleSets+"/contract-1", "").json(t)
	sentence := one["sentences"].([]any)[0].(map[string]any)
	if sentence["rule"] != "commission" || !strings.HasPrefix(sentence["sentence"].(string), "Commission: 8 % of goods less the seller's discounts, with tax, per order") || sentence["source"] != "terms" {
		t.Errorf("sentence %v", sentence)
	}
	document, err := json.Marshal(one["document"])
	if err != nil {
		t.Fatal(err)
	}
	if set, err := commerce.ParseRuleSet(document); err != nil || set.ID() != "contract-1" || len(set.Rules) != 1 {
		t.Errorf("the document cannot be read: %v", err)
	}
}

func TestRuleSetsAreRefused(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.must(201, "POST", "/v1/books", `{"code":"vn","name":"VN","currencies":["VND"],"time_zone":"Asia/Ho_Chi_Minh","market":"VN"}`)
	h.refused(422, "rule-set-market", "POST", "/v1/books/vn/rule_sets", ownRuleSet(t))
	h.refused(422, "rule-set-in-the-past", "POST", ruleSets, ownRuleSet(t, "2030-01-01", "2026-01-01"))
	h.refused(409, "rule-set-exists", "POST", ruleSets, ownRuleSet(t, `"contract"`, `"uk"`))
	h.refused(422, "rule-set-invalid", "POST", ruleSets, `{"set":`)
	h.refused(413, "body-too-large", "POST", ruleSets, ownRuleSet(t)+strings.Repeat(" ", ruleSetLimit))
	wrong := h.refused(422, "rule-set-invalid", "POST", ruleSets, ownRuleSet(t, `"revenue:referral_fee"`, `"assets:processor:pending:main"`))
	if !strings.Contains(wrong.body, `"/rules/0/to"`) {
		t.Errorf("the field is not named: %s", wrong.body)
	}
	for _, id := range []string{"contract-1", "vn-1", "uk-01", "nonsense"} {
		h.refused(404, "rule-set-unknown", "GET", ruleSets+"/"+id, "")
	}
	if got := len(h.must(200, "GET", ruleSets, "").json(t)["data"].([]any)); got != 1 {
		t.Errorf("%d rule sets after refusals", got)
	}
}
