package reconcile

import (
	"flag"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
)

var (
	corpusSeed  = flag.Uint64("corpus.seed", 0, "play the one mixture of this seed")
	corpusCount = flag.Int("corpus.count", 250, "how many random mixtures are played")
	corpusLong  = flag.Bool("corpus.long", false, "play a hundred thousand lines of a bank too")
)

// build plays some episodes, with faults among them by permille.
func build(seed uint64, kind Kind, episodes, permille int) *world {
	w := newWorld(seed, kind)
	clean, faults := cleanSales, saleFaults
	if kind == KindBank {
		clean, faults = cleanBank, bankFaults
	}
	for range episodes {
		if w.rng.IntN(1000) < permille {
			faults[w.rng.IntN(len(faults))].play(w)
		} else {
			clean[w.rng.IntN(len(clean))].play(w)
		}
	}
	return w
}

// TestCorpus plants random mixtures of faults: each must be reported in its class, with its members, and nothing else.
func TestCorpus(t *testing.T) {
	t.Parallel()
	first, count := rand.Uint64(), *corpusCount
	if *corpusSeed != 0 {
		first, count = *corpusSeed, 1
	}
	t.Logf("replay with -corpus.seed=%d", first)
	planted := map[string]int{}
	for i := range count {
		seed := first + uint64(i)
		rng := rand.New(rand.NewPCG(seed, 1))
		kind := []Kind{KindProcessor, KindBank}[rng.IntN(2)]
		w := build(seed, kind, 1+rng.IntN(120), rng.IntN(1001))
		if err := w.check(reconcileWorld(w.external, w.entries, w.x)); err != nil {
			t.Fatalf("-corpus.seed=%d (%s): %v", seed, kind, err)
		}
		for fault, n := range w.planted {
			planted[string(kind)+" "+fault] += n
		}
	}
	if *corpusSeed == 0 && len(planted) < len(saleFaults)+len(bankFaults) {
		t.Errorf("not every fault was planted: %v", planted)
	}
}

// TestCorpusInAnyOrder shuffles both sides: the result is the same to the last byte.
func TestCorpusInAnyOrder(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	for i := range 30 {
		w := build(seed+uint64(i), []Kind{KindProcessor, KindBank}[i%2], 80, 500)
		want := reconcileWorld(w.external, w.entries, w.x)
		_, open := referenceMatch(w.external, w.entries)
		findings, made, suggested := explain(open, w.x)
		for range 4 {
			external, entries := slices.Clone(w.external), slices.Clone(w.entries)
			w.rng.Shuffle(len(external), func(i, j int) { external[i], external[j] = external[j], external[i] })
			w.rng.Shuffle(len(entries), func(i, j int) { entries[i], entries[j] = entries[j], entries[i] })
			if got := reconcileWorld(external, entries, w.x); !reflect.DeepEqual(got, want) {
				t.Fatalf("seed %d: another order gives another result", seed+uint64(i))
			}
			w.rng.Shuffle(len(open), func(i, j int) { open[i], open[j] = open[j], open[i] })
			f, m, s := explain(open, w.x)
			if !reflect.DeepEqual(f, findings) || !reflect.DeepEqual(m, made) || !reflect.DeepEqual(s, suggested) {
				t.Fatalf("seed %d: another order of groups gives another result", seed+uint64(i))
			}
		}
	}
}
