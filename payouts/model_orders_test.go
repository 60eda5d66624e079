//go:build !race

package payouts

import (
	"sync"
	"testing"
	"time"
)

// The exploration is one goroutine's work without shared memory: under the race detector it would only be slow.

// TestPayoutsInEveryOrder explores the model with the misfortunes that belong together. What it does with states is what the
// table says, no more and no less.
func TestPayoutsInEveryOrder(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var states, tries [16][16]bool
	t.Run("bounds", func(t *testing.T) {
		for name, bound := range modelBounds {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				if *modelLong {
					bound.faults++
					if bound.returns == 0 { // with both there are more states than memory
						bound.deaths++
					}
				}
				began := time.Now()
				x := explore(mRules{}, 8_000_000, modelStart(false, bound), modelStart(true, bound))
				if x.wrong != "" {
					t.Fatal(x.wrong)
				}
				ends := 0
				for _, e := range x.ends {
					if e {
						ends++
					}
				}
				t.Logf("%d states, %d ends of %d kinds, %d beyond the bounds, in %v", len(x.from), ends-x.beyond, len(x.outcomes), x.beyond, time.Since(began).Round(time.Millisecond))
				mu.Lock()
				defer mu.Unlock()
				unite(&states, &x.states)
				unite(&tries, &x.tries)
			})
		}
	})
	compareMoves(t, "a payout", modelStates, &states, &forwardStates, modelUnused)
	compareMoves(t, "an attempt", modelTries, &tries, &forwardTries, modelTryUnused)
}

// compareMoves wants each change of state that the table allows to be made, or to be named as one that is not.
func compareMoves(t *testing.T, what string, names []string, made, may *[16][16]bool, unused map[[2]string]string) {
	t.Helper()
	for i, from := range names {
		for j, to := range names {
			_, not := unused[[2]string{from, to}]
			if i > 0 && i != j && (made[i][j] != (may[i][j] && !not) || not && !may[i][j]) {
				t.Errorf("%s goes from %s to %s: %v; the table says %v, and that it is not used: %v", what, from, to, made[i][j], may[i][j], not)
			}
		}
	}
}

func unite(all, some *[16][16]bool) {
	for i := range all {
		for j := range all[i] {
			all[i][j] = all[i][j] || some[i][j]
		}
	}
}
