package main

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestBenchExport runs the whole benchmark over a few rows: each format leaves whole. How fast it was is nobody's business here.
func TestBenchExport(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	cmd := h.command(t.Context(), h.dir+"/bin/mizan", "bench", "export", "--json", "--rows", "3000")
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, &said)
	}
	var r struct{ Sizes []exported }
	if err := json.Unmarshal(out, &r); err != nil || len(r.Sizes) != 1 {
		t.Fatalf("%v %s", err, out)
	}
	s := r.Sizes[0]
	if s.Rows < 2900 || s.Rows > 3100 || s.Copy <= 0 || len(s.Formats) != 3 {
		t.Errorf("%+v", s)
	}
	for _, f := range s.Formats {
		if f.Bytes < 100*s.Rows/10 || f.PerSecond <= 0 || f.Ratio <= 0 || f.PeakMemory < 1<<20 {
			t.Errorf("%+v", f)
		}
	}
	for _, rows := range []string{"999", "50000001"} {
		mizan(t, nil, "", "bench", "export", "--rows", rows).want(t, 2)
	}
}
