package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// TestBenchPages runs the whole benchmark over a few sales: the book that is put in is sound, each page is there, none is larger than a
// page may be, finance has its work there, and posting goes on beside the follower. A second run finds the same pages in what the first one
// left, and puts nothing there twice. How fast it was is nobody's business here.
func TestBenchPages(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	run := func(args ...string) (r pagesResult) {
		cmd := h.command(t.Context(), h.dir+"/bin/mizan", append([]string{"bench", "pages", "--json", "--sales", "1000", "--lines", "200", "--requests", "1", "--scratch", h.data + "/pages"}, args...)...)
		var said strings.Builder
		cmd.Stderr = &said
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%v\n%s", err, &said)
		}
		if err := json.Unmarshal(out, &r); err != nil {
			t.Fatal(err)
		}
		return r
	}
	r := run("--verify", "--cold", "1", "--posted", "100", "--partition", "1000")
	if r.Sales != 1000 || r.Disk < 1<<20 || r.Posting == nil || r.Posting.Alone <= 0 || r.Posting.Followed <= 0 {
		t.Errorf("%+v", r)
	}
	for _, want := range []string{busyCreator, quietCreator, longSeller, thePublic, staff} {
		if !slices.ContainsFunc(r.Pages, func(p paged) bool { return p.Who == want }) {
			t.Errorf("nothing was asked for by %s", want)
		}
	}
	for _, want := range []string{"breaks, second page", "one break", "a break that was written off", "one run of reconciliation", "one export", "one approval", "approvals, second page", "one person", "one key", oneImport,
		oneImport + ", second page", "a message that is parked", "one question of a payee"} {
		if !slices.ContainsFunc(r.Pages, func(p paged) bool { return p.Name == want && p.Who == staff }) {
			t.Errorf("%s was not asked for", want)
		}
	}
	for _, p := range r.Pages {
		if p.P50 <= 0 || p.P99 < p.P50 || p.Cold <= 0 || p.Bytes == 0 || p.Bytes > 100_000 && p.Name != "statement" || p.Bytes > 150_000 { // a statement has a hundred lines
			t.Errorf("%+v", p)
		}
	}
	for _, d := range r.Downloads {
		if d.Status != 200 || d.Seconds < d.Begins || d.Begins <= 0 || d.PerSecond <= 0 || d.Bytes < 10*r.StatementLines || d.PeakMemory < 1<<20 {
			t.Errorf("%+v of %d lines", d, r.StatementLines)
		}
	}
	if len(r.Downloads) != 5 || r.StatementLines < 200 {
		t.Errorf("%d lines leave as %+v", r.StatementLines, r.Downloads)
	}
	if again := run("--again", "--cold", "0", "--posted", "0"); len(again.Pages) != len(r.Pages) || again.StatementLines != r.StatementLines {
		t.Errorf("%d pages and %d lines, then %d and %d", len(r.Pages), r.StatementLines, len(again.Pages), again.StatementLines)
	}
	for _, args := range [][]string{{"--again"}, {"--sales", "999"}, {"--lines", "99"}, {"--requests", "0"}, {"--cold", "101"}, {"--posted", "99"}, {"--partition", "999"}} {
		mizan(t, nil, "", append([]string{"bench", "pages"}, args...)...).want(t, 2)
	}
}
