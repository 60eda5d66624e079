package api

import (
	"fmt"
	"strings"
	"testing"

	"mizan/api/access"
)

// TestVerificationOverHTTP verifies a sound book whole and from the middle, then one whose stored balance was changed.
func TestVerificationOverHTTP(t *testing.T) {
	t.Parallel()
	h := open(t)
	const path = "/v1/books/uk/verification"
	empty := h.must(200, "GET", path, "").json(t)
	if empty["sound"] != true || empty["complete"] != true || empty["through_sequence"] != 0.0 {
		t.Errorf("an empty book: %v", empty)
	}
	for i := range 5 {
		h.must(201, "POST", posting, sale(fmt.Sprintf("R-%d", i), "10.00"))
	}
	whole := h.must(200, "GET", path, "").json(t)
	if whole["sound"] != true || whole["complete"] != true || whole["transactions"] != 5.0 || whole["entries"] != 10.0 || whole["next_sequence"] != nil ||
		whole["first_bad_sequence"] != nil || whole["references"] != 5.0 || whole["accounts"] != 2.0 {
		t.Errorf("the whole book: %v", whole)
	}
	checkpoint, ok := whole["checkpoint"].(map[string]any)
	if !ok || checkpoint["sequence"] != 5.0 {
		t.Fatalf("no checkpoint: %v", whole)
	}
	h.must(201, "POST", posting, sale("R-6", "10.00"))
	later := h.must(200, "GET", path+"?from_sequence=6&digest="+checkpoint["digest"].(string), "").json(t)
	fresh := h.must(200, "GET", path, "").json(t)
	if later["transactions"] != 1.0 || fmt.Sprint(later["checkpoint"]) != fmt.Sprint(fresh["checkpoint"]) {
		t.Errorf("going on comes to %v, the whole to %v", later["checkpoint"], fresh["checkpoint"])
	}
	if trusting := h.must(200, "GET", path+"?from_sequence=3", "").json(t); trusting["checkpoint"] != nil || trusting["sound"] != true {
		t.Errorf("from the middle without a digest: %v", trusting)
	}
	h.refused(422, "sequence-ahead", "GET", path+"?from_sequence=99", "")
	h.refused(422, "validation-failed", "GET", path+"?digest=zz", "")
	h.refused(400, "malformed-request", "GET", path+"?from_sequence=0", "")
	_, poor := h.key(access.NewKey{Name: "poor", Scopes: []access.Scope{access.BalancesRead}})
	if a := h.as(poor, "GET", path, ""); a.StatusCode != 403 {
		t.Errorf("a key without the scope was answered %d", a.StatusCode)
	}
	unbalance(t, h)
	bad := h.must(200, "GET", path, "").json(t)
	if bad["sound"] != false || bad["finding_count"] == 0.0 || !strings.Contains(fmt.Sprint(bad["findings"]), "I3") {
		t.Errorf("a changed balance was not found: %v", bad)
	}
}
