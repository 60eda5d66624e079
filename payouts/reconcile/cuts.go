package reconcile

import (
	"maps"
	"slices"
	"strconv"
)

// Keys on which both sides agree, in different months. Around the end of a month there may be a great many: some are named, and the others
// are counted.

// mostCuts bounds the keys that are reported one by one for standing in different months though they agree.
const mostCuts = 10_000

// cutKey is a key that agrees in different months, and what is said of it.
type cutKey struct {
	keyed
	found []Finding
}

// addCut keeps what is said of a key that agrees in different months, if it is among the first in order.
func (r *reading) addCut(k keyed, found []Finding) {
	r.cuts = append(r.cuts, cutKey{k, found})
	if len(r.cuts) >= 2*mostCuts {
		r.fewCuts()
	}
}

// fewCuts forgets the keys that are too many to name, and counts them.
func (r *reading) fewCuts() {
	slices.SortFunc(r.cuts, func(a, b cutKey) int { return a.compare(b.keyed) })
	for _, c := range r.cuts[min(len(r.cuts), mostCuts):] {
		r.more[c.currency]++
	}
	r.cuts = slices.Delete(r.cuts, min(len(r.cuts), mostCuts), len(r.cuts))
}

// tellCuts reports what agrees in different months: the first in order by name, and one finding for each currency counts the others.
func (r *reading) tellCuts() {
	r.fewCuts()
	for _, c := range r.cuts {
		r.out.findings = append(r.out.findings, c.found...)
	}
	for _, c := range slices.Sorted(maps.Keys(r.more)) {
		r.out.findings = append(r.out.findings, Finding{Class: PeriodCut, Identity: "@|" + string(c) + "|cuts", Currency: c, HappenedAt: r.in.CutOff,
			Detail: strconv.Itoa(r.more[c]) + " more stand in different months on the two sides. Both sides agree."})
	}
}
