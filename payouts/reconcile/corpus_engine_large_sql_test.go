//go:build !race

package reconcile

import (
	"math/rand/v2"
	"testing"
)

// TestCorpusLargeInEngine plants mixtures of faults among a hundred thousand lines.
func TestCorpusLargeInEngine(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	if *corpusSeed != 0 {
		seed = *corpusSeed
	}
	t.Logf("replay with -corpus.seed=%d", seed)
	for _, kind := range []Kind{KindProcessor, KindBank} {
		for permille := range 3 {
			episodes := 300
			if *corpusLong {
				episodes = 90_000
			}
			play(t, build(seed+uint64(permille), kind, episodes, []int{1, 20, 200}[permille]).inEngine()).inOneRun()
		}
	}
}
