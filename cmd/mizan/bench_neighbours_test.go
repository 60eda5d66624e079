package main

import (
	"encoding/json"
	"testing"
)

// TestBenchNeighbours runs the whole benchmark for a moment. How fast anybody was is nobody's business here, only that each refusal says
// when to come again, that the hasty key is held to its rate, and that the calm one gets everything.
func TestBenchNeighbours(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	out, err := h.command(t.Context(), h.dir+"/bin/mizan", "bench", "neighbours", "--json", "--for", "1s", "--turns", "1", "--rate", "50", "--calm", "20").Output()
	if err != nil {
		t.Fatal(err)
	}
	var r neighboursResult
	if err := json.Unmarshal(out, &r); err != nil {
		t.Fatal(err)
	}
	// What was saved up is a hundred, and as much again for its address, by which it counts until it is known.
	if r.Untold != 0 || r.Failed != 0 || r.Taken > 50+2*100 || r.Refused > 0 && r.Refused+r.Taken > r.Sent+1 || r.Alone.P99 <= 0 || r.Within.P99 <= 0 || r.Beside.P99 <= 0 {
		t.Errorf("%+v", r)
	}
}
