package main

// Survival: whatever happens to the service, to its database and to the network between them, what was acknowledged is
// there, once and as it was sent, the books are sound, and the service comes back by itself. `make torture` runs the whole
// campaign; the tests run a sample of it with a new seed each time.

import (
	"flag"
	"math/rand/v2"
	"testing"
)

var (
	survivalLong   = flag.Bool("survival.long", false, "run the whole campaign and not a sample")
	survivalShare  = flag.Int("survival.share", 100, "percent of the whole campaign's rounds")
	survivalSeed   = flag.Uint64("survival.seed", 0, "seed of the campaign; 0 draws one")
	survivalReport = flag.String("survival.report", "", "file for the report")
	survivalOnly   = flag.String("survival.only", "", "run only this part: cuts, kills, replicas or crashes")
)

// campaign says how much of everything is done.
type campaign struct {
	// cuts are the offsets of each direction, 0 for every one.
	cuts, coldCuts                   int
	lostCommits, stalls              int
	randomKills, killsAtEach         int
	contests, terminate              int
	pauses, lockPauses, randomPauses int
	crashes                          []int // in the order of the table of crashes
}

var (
	sampleCampaign = campaign{cuts: 8, coldCuts: 4, lostCommits: 2, stalls: 1, randomKills: 2, killsAtEach: 1,
		contests: 2, terminate: 1, pauses: 2, crashes: []int{1, 1, 1, 1}}
	longCampaign = campaign{lostCommits: 200, stalls: 100, randomKills: 490, killsAtEach: 30,
		contests: 200, terminate: 60, pauses: 60, lockPauses: 5, randomPauses: 10, crashes: []int{100, 100, 50, 50}}
)

// shared returns the campaign with a share of its rounds, but one of each at least.
func (c campaign) shared(percent int) campaign {
	part := func(n *int) {
		if *n > 0 {
			*n = max(1, *n*percent/100)
		}
	}
	for _, n := range []*int{&c.lostCommits, &c.stalls, &c.randomKills, &c.killsAtEach, &c.contests, &c.terminate,
		&c.pauses, &c.lockPauses, &c.randomPauses} {
		part(n)
	}
	c.crashes = append([]int(nil), c.crashes...)
	for i := range c.crashes {
		part(&c.crashes[i])
	}
	return c
}

// TestSurvival runs the campaign on one database. Its parts follow one another, because each of them spoils the others'.
func TestSurvival(t *testing.T) {
	t.Parallel()
	seed := *survivalSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("repeat this campaign with -survival.seed=%d", seed)
	c := sampleCampaign
	if *survivalLong {
		c = longCampaign.shared(*survivalShare)
	}
	r := newTally(seed)
	t.Cleanup(func() {
		s := r.summary(!t.Failed())
		t.Logf("survival report\n%s", s)
		if *survivalReport != "" {
			if err := s.write(*survivalReport); err != nil {
				t.Error(err)
			}
		}
	})
	s := newStage(t, r)
	s.forgetPartitions(t)
	t.Run("a normal program has no failpoints", func(t *testing.T) { normalHasNone(t, s.home) })
	for _, part := range s.parts(c) {
		if *survivalOnly == "" || *survivalOnly == part.group {
			t.Run(part.name, part.run)
		}
	}
	if !t.Failed() {
		s.checkAll(t)
	}
	s.tally.add("postings sent", len(s.postings))
}

// part is a subtest of the campaign.
type part struct {
	group, name string
	run         func(*testing.T)
}

func (s *stage) parts(c campaign) []part {
	offsets := func(n int) func(int64) []int64 {
		switch {
		case n > 0:
			return s.some(n)
		case *survivalShare < 100:
			return s.some(max(1, *survivalShare))
		}
		return every
	}
	services := 4
	if c.cuts > 0 {
		services = 1
	}
	parts := []part{
		{"cuts", "cuts of a batch", func(t *testing.T) { s.sweep(t, false, services, offsets(c.cuts)) }},
		{"cuts", "cuts of a new connection", func(t *testing.T) { s.sweep(t, true, services, offsets(c.coldCuts)) }},
		{"cuts", "lost commits", func(t *testing.T) { s.loseCommits(t, c.lostCommits) }},
		{"cuts", "stalls", func(t *testing.T) { s.stalls(t, c.stalls) }},
		{"kills", "kills", func(t *testing.T) { s.kills(t, c.randomKills, c.killsAtEach) }},
		{"replicas", "two services", func(t *testing.T) { s.contest(t, 2, c.contests) }},
		{"replicas", "four services", func(t *testing.T) { s.contest(t, 4, c.contests) }},
		{"replicas", "a service that stands still", func(t *testing.T) { s.pauses(t, c.pauses, 1, "without the lock", withoutLock) }},
		{"replicas", "orderly stops", func(t *testing.T) { s.terminations(t, c.terminate) }},
		{"crashes", "crashes of the database", func(t *testing.T) { s.crashDatabase(t, c.crashes) }},
	}
	if c.lockPauses+c.randomPauses > 0 { // fifteen seconds each, too long for a sample
		parts = append(parts,
			part{"replicas", "a service that stands still with the lock", func(t *testing.T) { s.pauses(t, c.lockPauses, 4, "with the lock", withLock) }},
			part{"replicas", "a service that stands still at times", func(t *testing.T) { s.randomPauses(t, c.randomPauses) }})
	}
	return parts
}
