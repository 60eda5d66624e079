package simulator_test

import (
	"net/http"
	"testing"

	"mizan/payouts/processor/simulator"
)

// TestLateRow: a list leaves out its newest row once, and no other request is meant by a fault that names a value.
func TestLateRow(t *testing.T) {
	t.Parallel()
	r := newRig(t).seeded()
	for _, group := range []string{"a", "a", "b"} {
		r.ask(http.MethodPost, "/v1/transfers", "amount=100", "currency=usd", "destination=acct_1", "transfer_group="+group)
	}
	r.sim.Script(simulator.Fault{Kind: simulator.LateRow, Value: "a"})
	for _, c := range []struct {
		group string
		want  int
	}{{"b", 1}, {"a", 1}, {"a", 2}} {
		got := r.ask(http.MethodGet, "/v1/transfers", "transfer_group="+c.group)
		rows, _ := got.body["data"].([]any)
		if len(rows) != c.want {
			t.Errorf("%d rows of %s instead of %d", len(rows), c.group, c.want)
		}
	}
}
