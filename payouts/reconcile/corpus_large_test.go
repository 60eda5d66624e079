//go:build !race

package reconcile

import (
	"math/rand/v2"
	"testing"
)

// TestCorpusLarge plants faults among a hundred thousand lines.
func TestCorpusLarge(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	if *corpusSeed != 0 {
		seed = *corpusSeed
	}
	t.Logf("replay with -corpus.seed=%d", seed)
	for _, kind := range []Kind{KindProcessor, KindBank} {
		episodes := 95_000
		if kind == KindBank && !*corpusLong {
			episodes = 10_000
		}
		w := build(seed, kind, episodes, 50)
		if len(w.external) < episodes {
			t.Errorf("%s: only %d lines", kind, len(w.external))
		}
		if err := w.check(reconcileWorld(w.external, w.entries, w.x)); err != nil {
			t.Errorf("-corpus.seed=%d (%s): %v", seed, kind, err)
		}
		t.Logf("%s: %d lines, %d entries, %d findings", kind, len(w.external), len(w.entries), len(w.wants))
	}
}
