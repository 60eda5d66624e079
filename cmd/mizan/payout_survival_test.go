package main

// Payout survival: whatever happens to the services and to the processor, every payout is paid once, and ends with evidence.
// `make torture` runs the whole campaign; the tests run a sample of it with a new seed each time.

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"mizan/ledger/failpoint"
	"mizan/payouts/processor/simulator"
)

var (
	payoutSurvivalLong   = flag.Bool("payout-survival.long", false, "run the whole campaign and not a sample")
	payoutSurvivalShare  = flag.Int("payout-survival.share", 100, "percent of the whole campaign's stages")
	payoutSurvivalSeed   = flag.Uint64("payout-survival.seed", 0, "seed of the campaign; 0 draws one")
	payoutSurvivalReport = flag.String("payout-survival.report", "", "file for the report")
	payoutSurvivalOnly   = flag.String("payout-survival.only", "", "run only this part: kills or outages")
)

// payStages is how often the whole campaign arms each point to kill; every fourth time it is armed to stop as well.
const payStages = 20

// TestPayoutSurvival runs the campaign: stages, each on a database of its own, in which every point is armed once.
func TestPayoutSurvival(t *testing.T) {
	t.Parallel()
	seed := *payoutSurvivalSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("repeat this campaign with -payout-survival.seed=%d", seed)
	r := newTally(seed)
	t.Cleanup(func() {
		s := r.summary(!t.Failed())
		t.Logf("payout survival report\n%s", s)
		if *payoutSurvivalReport != "" {
			if err := s.write(*payoutSurvivalReport); err != nil {
				t.Error(err)
			}
		}
	})
	h := newPayHouse(t, r)
	stages, most := 1, 3
	if *payoutSurvivalLong {
		stages, most = max(1, payStages**payoutSurvivalShare/100), 1000
	}
	t.Run("a normal program has no failpoints", func(t *testing.T) { normalHasNone(t, h.home) })
	t.Run("stages", func(t *testing.T) {
		if *payoutSurvivalOnly != "kills" {
			t.Run("outages", func(t *testing.T) {
				t.Parallel()
				playOutages(t, h, seed)
			})
		}
		for n := range stages {
			if *payoutSurvivalOnly == "outages" {
				break
			}
			t.Run(fmt.Sprintf("kills %d", n), func(t *testing.T) {
				t.Parallel()
				playStage(t, h, seed+uint64(n), n, most)
			})
		}
	})
	if *payoutSurvivalLong && *payoutSurvivalOnly != "outages" && !t.Failed() {
		for _, p := range failpoint.Payouts() {
			if r.count("kill at "+string(p)) < stages {
				t.Errorf("%s was armed %d times and reached %d times", p, stages, r.count("kill at "+string(p)))
			}
		}
	}
}

// ways are all ways in which the processor goes wrong: the profiles, and each kind of fault by itself.
func payWays() (list []string) {
	for _, p := range simulator.Profiles() {
		list = append(list, p.Name)
	}
	for _, k := range payFaults {
		list = append(list, string(k))
	}
	return list
}

// playStage arms every point, or so many of them.
func playStage(t *testing.T, h *payHouse, seed uint64, n, most int) {
	s := newPayStage(t, h, seed)
	s.start(t, 1, "")
	var rounds []round
	ways := payWays()
	first := s.rng.IntN(len(ways))
	for i, p := range failpoint.Payouts() {
		way := ways[(first+i*7+n)%len(ways)]
		if way == "mute" && slices.Contains([]failpoint.Point{failpoint.NoticeReceived, failpoint.NoticeStored, failpoint.NoticeHandling, failpoint.NoticeHandled}, p) {
			way = "flaky" // without notices nobody comes by
		}
		rounds = append(rounds, round{p, "kill", way})
		if inClaim(p) && (i+n)%4 == 0 {
			rounds = append(rounds, round{p, "stop", way})
		}
	}
	s.rng.Shuffle(len(rounds), func(i, j int) { rounds[i], rounds[j] = rounds[j], rounds[i] })
	for _, x := range rounds[:min(most, len(rounds))] {
		s.play(t, x)
		if t.Failed() {
			t.Fatalf("the round was %s of the stage with seed %d", x, seed)
		}
	}
	s.start(t, 0, "")
	s.finish(t)
}
