package api

import (
	"encoding/json"
	"strings"
	"testing"

	"mizan/api/access"
)

// TestRehearsalOverHTTP rehearses the documented set over an order, in pages, and refuses what makes no sense.
func TestRehearsalOverHTTP(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.event("order.captured", "first")
	const rehearsal = ruleSets + "/rehearsal"
	document, err := json.Marshal(h.must(200, "GET", ruleSets+"/uk-1", "").json(t)["document"])
	if err != nil {
		t.Fatal(err)
	}
	body := strings.Replace(string(document), `"rate":"0.09"`, `"rate":"0.08"`, 1)
	all := h.must(200, "POST", rehearsal+"?from=2026-01-01T00:00:00Z&to=2028-01-01T00:00:00Z", body).json(t)
	if all["orders"] != 1.0 || all["changed"] != 1.0 || all["next_cursor"] != nil || all["rule_set"] != "uk-1" || len(all["payees"].([]any)) == 0 {
		t.Errorf("%v", all)
	}
	path := rehearsal + "?from=2026-01-01T00:00:00Z&to=2028-01-01T00:00:00Z&limit=1"
	first := h.must(200, "POST", path, body).json(t)
	if first["orders"] != 1.0 || first["next_cursor"] == nil {
		t.Fatalf("%v", first)
	}
	cursor := first["next_cursor"].(string)
	if last := h.must(200, "POST", path+"&cursor="+cursor, body).json(t); last["orders"] != 0.0 || last["next_cursor"] != nil {
		t.Errorf("%v", last)
	}
	if failed := h.must(200, "POST", rehearsal+"?to=2028-01-01T00:00:00Z&from=2026-01-01T00:00:00Z", ownRuleSet(t)).json(t)["failed"].([]any); len(failed) != 1 || failed[0].(map[string]any)["code"] != "rule-missing" {
		t.Errorf("rules without commission: %v", failed)
	}
	h.refused(400, "cursor-invalid", "POST", path+"&cursor="+cursor, strings.Replace(body, `"rate":"0.08"`, `"rate":"0.07"`, 1))
	h.refused(422, "rehearsal-range", "POST", rehearsal+"?from=2027-01-01T00:00:00Z&to=2027-01-01T00:00:00Z", body)
	h.refused(422, "validation-failed", "POST", rehearsal+"?from=yesterday", body)
	h.refused(422, "rule-set-market", "POST", rehearsal, strings.Replace(body, `"UK"`, `"US"`, 1))
	h.refused(422, "rule-set-invalid", "POST", rehearsal, `{}`)
	for status, scopes := range map[int][]access.Scope{403: {access.RulesRead}, 200: {access.RulesRead, access.BalancesRead}} { // it tells what each payee has got
		_, key := h.key(access.NewKey{Books: []string{"uk"}, Scopes: scopes})
		if a := h.as(key, "POST", path, body); a.StatusCode != status {
			t.Errorf("a key with %v is answered %d %.300s", scopes, a.StatusCode, a.body)
		}
	}
}
