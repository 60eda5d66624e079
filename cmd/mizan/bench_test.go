package main

import (
	"bytes"
	"encoding/json"
	"io"
	"testing"
)

// TestBenchPosting runs the whole benchmark on a few sales: every measurement is there and posted what it says. How fast
// it was is nobody's business here.
func TestBenchPosting(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	c := benchPostingCmd{Sales: 1000, Preload: 2000, Verify: true, JSON: true, Scratch: newHome(t).data}
	if err := c.runPosting(t.Context(), &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Results      []benchResult  `json:"results"`
		Verification []verifyResult `json:"verification"`
	}
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Results) != 12 {
		t.Fatalf("%d measurements, want 12", len(got.Results))
	}
	for _, v := range got.Verification {
		if len(got.Verification) != 3 || v.Entries != got.Verification[0].Entries || v.Entries == 0 || v.PerSecond <= 0 {
			t.Errorf("%+v", v)
		}
	}
	for _, r := range got.Results {
		if r.Sales == 0 || r.PerSecond <= 0 || r.Ratio <= 0 || r.WAL <= 0 {
			t.Errorf("%s: %+v", r.Name, r)
		}
	}
}
