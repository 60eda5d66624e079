package main

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestBenchOverload runs the whole benchmark for moments, with the service as a program of its own. How much was recorded
// is nobody's business here, only that every answer was a posting or a refusal that says when to come again.
func TestBenchOverload(t *testing.T) {
	t.Parallel()
	h := newHome(t, nil)
	for _, batch := range []string{"1", "100"} {
		cmd := h.command(t.Context(), h.dir+"/bin/mizan", "bench", "overload", "--json", "--for", "500ms", "--peak", "1s", "--batch", batch)
		var said strings.Builder
		cmd.Stderr = &said
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%v\n%s", err, &said)
		}
		var r overloadResult
		if err := json.Unmarshal(out, &r); err != nil {
			t.Fatal(err)
		}
		if r.Peak <= 0 || r.Goodput <= 0 || r.Offered < r.Sent || r.Untold != 0 || r.Failed != 0 {
			t.Errorf("%+v", r)
		}
	}
}
