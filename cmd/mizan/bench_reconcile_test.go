package main

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestBenchReconcile runs the whole benchmark over a few lines: what was planted is open, the run is the same again, and the day's
// run and the postings beside it take place. How fast it was is nobody's business here.
func TestBenchReconcile(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	cmd := h.command(t.Context(), h.dir+"/bin/mizan", "bench", "reconcile", "--json", "--lines", "3000", "--day", "20", "--sales", "40")
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, &said)
	}
	var r reconcileResult
	if err := json.Unmarshal(out, &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Sizes) != 1 || !strings.Contains(r.Bare, "FULL JOIN") {
		t.Fatalf("%+v", r)
	}
	// Lines 1010 and 2019 are not shown: a gross and a fee stay open of each. Lines 2, 1011 and 2020 are not booked.
	s := r.Sizes[0]
	if s.Lines != 3000 || s.Open != 7 || s.Bare <= 0 || s.First <= 0 || s.Replay <= 0 || s.Day <= 0 || s.Posted <= 0 || s.PostedMeanwhile <= 0 || s.PeakMemory < 1<<20 {
		t.Errorf("%+v", s)
	}
}

// TestBenchReconcileUsage refuses numbers with which nothing could be measured.
func TestBenchReconcileUsage(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"--lines", "999"}, {"--lines", "20000001"}, {"--day", "9"}, {"--sales", "-1"}} {
		mizan(t, nil, "", append([]string{"bench", "reconcile"}, args...)...).want(t, 2)
	}
}
