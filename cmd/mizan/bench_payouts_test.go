package main

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestBenchPayouts runs the whole benchmark over a few payees: everybody is decided about in both books, who can be paid is
// paid, and what two replicas send arrives once. How fast it was is nobody's business here.
func TestBenchPayouts(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	cmd := h.command(t.Context(), h.dir+"/bin/mizan", "bench", "payouts", "--json", "--payees", "1000", "--paid", "30", "--send", "20", "--pace", "50")
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, &said)
	}
	var r payoutsResult
	if err := json.Unmarshal(out, &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Plans) != 2 || len(r.Sendings) != 2 {
		t.Fatalf("%d plannings and %d sendings, want 2 and 2", len(r.Plans), len(r.Sendings))
	}
	for i, payees := range []int64{100, 1000} {
		p := r.Plans[i]
		paid := payees * 30 / 100
		if p.Decided != payees || p.Paid != paid || p.Skipped != payees-paid || p.Proof.Payouts != paid {
			t.Errorf("%d payees: %+v", payees, p)
		}
		// Each has ten lines and one payee of twenty an eleventh.
		if lines := payees*payeeLines + payees/lateOneIn; p.Lines != lines || p.Proof.Lines < paid*payeeLines {
			t.Errorf("%d payees: %d lines instead of %d, %d of them paid", payees, p.Lines, lines, p.Proof.Lines)
		}
		if p.DecisionsPerSecond <= 0 || p.AggregateBefore <= 0 || p.AggregateAfter <= 0 || p.Ratio <= 0 || p.PeakHeap <= 0 || p.Proof.Added == 0 {
			t.Errorf("%d payees: %+v", payees, p)
		}
	}
	for _, s := range r.Sendings {
		if s.Payouts != 20 || s.Requests < 20 || s.Refused != 0 || s.Most == 0 {
			t.Errorf("%+v", s)
		}
	}
}

// TestBenchPayoutsUsage refuses numbers with which nothing could be measured.
func TestBenchPayoutsUsage(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"--payees", "99"}, {"--paid", "0"}, {"--paid", "101"}, {"--pace", "0"}, {"--send", "50001"}} {
		mizan(t, nil, "", append([]string{"bench", "payouts"}, args...)...).want(t, 2)
	}
}
