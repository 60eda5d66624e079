package reconcile

import (
	"flag"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"mizan/ledger/money"
)

var pairingSeed = flag.Uint64("pairing.seed", 0, "the days of TestPairsOfManyDaysAreThoseOfOne; 0 for others each time")

// TestPairsOfManyDaysAreThoseOfOne: what a bank's lines and entries of few amounts are paired to day by day is what one look at
// everything pairs, in whatever order the two sides come to know of them.
func TestPairsOfManyDaysAreThoseOfOne(t *testing.T) {
	t.Parallel()
	seed := *pairingSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("-pairing.seed=%d", seed)
	rng := rand.New(rand.NewPCG(seed, 7))
	paired := 0
	for range 200 {
		x, days := atBank(), 5+rng.IntN(30)
		var lines []External
		var entries []Entry
		for i := range 2 + rng.IntN(24) {
			amount := money.Minor(50 + rng.IntN(4)*100_000)
			if rng.IntN(2) == 0 {
				lines = append(lines, received(int64(i+1), amount, "", rng.IntN(days)))
			} else {
				entries = append(entries, booked(int64(i+1), amount, "", rng.IntN(days)))
			}
		}
		x.CutOff = tuesday.AddDate(0, 0, days+x.Rules.WindowDays+2)
		_, whole, _ := explain(groupsOf(lines, entries), x)
		var daily []Pairing
		goneLines, goneEntries := map[int64]bool{}, map[EntryID]bool{}
		for day := range days + x.Rules.WindowDays + 3 {
			x.CutOff = tuesday.AddDate(0, 0, day).Add(time.Hour)
			external := slices.DeleteFunc(slices.Clone(lines), func(l External) bool { return l.MovedAt.After(x.CutOff) || goneLines[l.Number] })
			posted := slices.DeleteFunc(slices.Clone(entries), func(e Entry) bool {
				return e.OccurredAt.After(x.CutOff) || goneEntries[EntryID{e.Sequence, e.Line}]
			})
			_, made, _ := explain(groupsOf(external, posted), x)
			for _, p := range made {
				for _, n := range p.External {
					goneLines[n] = true
				}
				for _, e := range p.Entries {
					goneEntries[e] = true
				}
			}
			daily = append(daily, made...)
		}
		if briefPairings(daily) != briefPairings(whole) {
			t.Fatalf("day by day %s\nat once %s", briefPairings(daily), briefPairings(whole))
		}
		paired += len(whole)
	}
	if paired == 0 {
		t.Error("nothing was ever paired")
	}
}
