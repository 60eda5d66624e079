package simulator_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"mizan/payouts/processor/simulator"
)

// Two simulators that live through the same have no id in common, as two accounts at a processor have none: a line of one can never
// pass for a line of the other.
func TestMarkedSimulatorsShareNoID(t *testing.T) {
	t.Parallel()
	marks := []string{"", "s12", "reconweek", "s1", "s12x1", "1"}
	owner, each := map[string]string{}, 0
	for _, mark := range marks {
		ids := lifeOf(t, mark)
		if each == 0 {
			each = len(ids)
		}
		// A charge, refund, dispute, transfer, reversal, payout, top-up, and what each of them moved.
		if len(ids) != each || each < 15 {
			t.Errorf("mark %q made %d ids, the first one %d", mark, len(ids), each)
		}
		for id := range ids {
			if other, taken := owner[id]; taken {
				t.Errorf("%s is an id of the mark %q and of %q", id, other, mark)
			}
			owner[id] = mark
		}
	}
	if _, err := simulator.New(simulator.Options{Now: simulator.NewClock(start).Now, Key: apiKey, Mark: "Not a mark"}); err == nil {
		t.Error("a mark with capitals and spaces was taken")
	}
}

// made are the ids that a simulator makes, wherever they stand in its state: a short prefix, and what counts them.
var made = regexp.MustCompile(`^[a-z]{2,5}_[a-z0-9]*[0-9]$`)

// lifeOf has a simulator of the mark live through one of everything, and returns each id in its state.
func lifeOf(t *testing.T, mark string) map[string]bool {
	t.Helper()
	file := filepath.Join(t.TempDir(), "state.json")
	r := newRig(t, func(o *simulator.Options) { o.Mark, o.File = mark, file }).seeded()
	must := func(id string, err error) string {
		t.Helper()
		if err != nil || id == "" {
			t.Fatalf("mark %q: %q %v", mark, id, err)
		}
		return id
	}
	charge := must(r.sim.AddCharge(5000, 30, "usd", 0, nil))
	must(r.sim.AddRefund(charge, 1000))
	must(r.sim.AddDispute(must(r.sim.AddCharge(700, 0, "usd", 0, nil)), 15))
	must(r.sim.AddEntry(simulator.Platform, "adjustment", "fee", "usd", -5, start, ""))
	transfer := must(r.transfer("k").id, nil)
	must(r.ask("POST", "/v1/transfers/"+transfer+"/reversals", "Idempotency-Key: r", "amount=40").id, nil)
	must(r.ask("POST", "/v1/payouts", "Stripe-Account: acct_1", "Idempotency-Key: p", "amount=50", "currency=usd").id, nil)
	must(r.ask("POST", "/v1/topups", "Idempotency-Key: t", "amount=900", "currency=usd").id, nil)
	if err := r.sim.Settle(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var state any
	if err := json.Unmarshal(text, &state); err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{}
	collect(state, ids)
	return ids
}

// collect adds every id that the value holds, as a name or as a text.
func collect(value any, ids map[string]bool) {
	switch v := value.(type) {
	case map[string]any:
		for name, inner := range v {
			collect(name, ids)
			collect(inner, ids)
		}
	case []any:
		for _, inner := range v {
			collect(inner, ids)
		}
	case string:
		if made.MatchString(v) && v != "acct_1" {
			ids[v] = true
		}
	}
}
