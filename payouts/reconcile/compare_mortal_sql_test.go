package reconcile

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"

	"mizan/ledger/guard"
	"mizan/ledger/postgres/pgtest"
)

var (
	compareMortalLong = flag.Bool("compare.mortal.long", false, "die at every statement of a run, not at a few")
	compareMortalSeed = flag.Uint64("compare.mortal.seed", 0, "which statements are died at; 0 for others each time")
)

// dying is a service that dies at a statement.
type dying struct {
	*Service
	life *pgtest.Mortal
}

func (h *comparing) bearDying(at int, after bool) *dying {
	h.Helper()
	m := &dying{life: h.db.Mortal(h, 2, at, after)}
	m.Service = New(Options{Pool: m.life.Pool, Ledger: h.books, Trail: guard.NewTrail(m.life.Pool, h.Now), Now: h.Now})
	m.life.Arm()
	return m
}

// TestDyingInARun: a service dies before and after statements of a run, and another compares then. A run is recorded whole or not at
// all, and what was new is taken once.
func TestDyingInARun(t *testing.T) {
	t.Parallel()
	h := newComparing(t)
	seed := *compareMortalSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("-compare.mortal.seed=%d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	open, round := 0, 0
	// learn makes one line that agrees, one that is missing, and ends what was missing before.
	learn := func() {
		round++
		h.take(line{id: fmt.Sprint("txn_a", round), key: fmt.Sprint("ch_a", round), gross: 100}, line{id: fmt.Sprint("txn_b", round), key: fmt.Sprint("ch_b", round), gross: 70})
		h.post("order:1", leg{amount: 100, ref: fmt.Sprint("ch_a", round)})
		if round > 1 {
			h.post("order:1", leg{amount: 70, ref: fmt.Sprint("ch_b", round-1)})
		}
		open = 1
	}
	learn()
	whole := h.bearDying(0, false)
	_, err := whole.compareBy(t.Context(), h.turn(), Asked{Match: R1, Source: 1}, 2)
	h.ok(err)
	statements := whole.life.Statements()
	h.db.Bury(t, whole.life)
	var ats []int
	for at := 1; at <= statements; at++ {
		ats = append(ats, at)
	}
	if !*compareMortalLong {
		random.Shuffle(len(ats), func(i, j int) { ats[i], ats[j] = ats[j], ats[i] })
		ats = append(ats[:min(3, len(ats))], statements, statements-1) // the commit is the last
	}
	for _, at := range ats {
		for _, after := range []bool{false, true} {
			learn()
			before := h.count(`SELECT count(*) FROM recon_runs`)
			m := h.bearDying(at, after)
			_, err := m.compareBy(t.Context(), h.turn(), Asked{Match: R1, Source: 1}, 2)
			h.db.Bury(t, m.life)
			recorded := h.count(`SELECT count(*) FROM recon_runs`) - before
			if err == nil && recorded != 1 || recorded > 1 || recorded < 0 {
				t.Fatalf("at %d of %d, after %t: %d runs, %v", at, statements, after, recorded, err)
			}
			if n := h.count(`SELECT count(*) FROM recon_heads h JOIN recon_runs r ON r.number = h.run AND r.to_line = h.line AND r.to_sequence = h.sequence`); n != 1 {
				t.Fatalf("at %d, after %t: the head is not at the last run", at, after)
			}
			run := h.run(2)
			h.same(run)
			if n := h.count(`SELECT count(*) FROM recon_items WHERE open_until IS NULL`); n != open {
				t.Fatalf("at %d, after %t: %d open items", at, after, n)
			}
		}
	}
	if n := h.count(`SELECT count(*) FROM recon_items`); n != round {
		t.Errorf("%d items of %d lines that were missing", n, round)
	}
}
