package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// TestBenchOverload runs the whole benchmark for moments, with the service as a program of its own. How much was recorded
// is nobody's business here, only that every answer was a posting or a refusal that says when to come again. A busy machine
// may record nothing in a moment, and is given longer ones then.
func TestBenchOverload(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	for _, batch := range []string{"1", "100"} {
		const longest = 32 * time.Second
		for moment := 500 * time.Millisecond; ; moment *= 4 {
			cmd := h.command(t.Context(), h.dir+"/bin/mizan", "bench", "overload", "--json", "--for", moment.String(), "--peak", (2 * moment).String(), "--batch", batch)
			var said strings.Builder
			cmd.Stderr = &said
			out, err := cmd.Output()
			if err != nil && moment < longest && strings.Contains(said.String(), "nothing was recorded in time") {
				continue
			}
			if err != nil {
				t.Fatalf("%v\n%s", err, &said)
			}
			var r overloadResult
			if err := json.Unmarshal(out, &r); err != nil {
				t.Fatal(err)
			}
			if r.Untold != 0 || r.Failed != 0 || r.Offered < r.Sent || r.Peak <= 0 {
				t.Errorf("%+v", r)
			}
			if r.Goodput > 0 {
				break
			}
			if moment >= longest {
				t.Fatalf("nothing was recorded in %v: %+v", moment, r)
			}
		}
	}
}
