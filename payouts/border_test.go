package payouts

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"regexp"
	"runtime"
	"slices"
	"sync"
	"testing"

	"mizan/payouts/processor/simulator"
)

// The border is between our database and the processor's. Whoever dies there, and whatever the processor does, an
// instruction is carried out once at most, and everything ends resolved with evidence. `make torture` runs the whole
// campaign; the tests run a sample of it with a new seed each time.

var (
	borderLong   = flag.Bool("border.long", false, "run the whole campaign at the border and not a sample")
	borderShare  = flag.Int("border.share", 100, "percent of the whole campaign")
	borderSeed   = flag.Uint64("border.seed", 0, "seed of the campaign at the border; 0 draws one")
	borderReport = flag.String("border.report", "", "file for the report of the campaign at the border")
	borderOnly   = flag.String("border.only", "", "play all plans whose line matches this expression, or only the part unknown")
)

const (
	// pairsOfAll are the drawn plans of the whole campaign in which a request goes wrong and a service dies as well.
	pairsOfAll = 3000
	// unknownsOfAll are the payouts of the whole campaign whose outcomes are unknown, and unknownsAtOnce those of one batch.
	unknownsOfAll  = 10_000
	unknownsAtOnce = 250
	// unknownsOfSample are those of the sample.
	unknownsOfSample = 20
	// complaintsMost ends a campaign that has found enough.
	complaintsMost = 8
	// playsInHouse bounds the plays in one house.
	playsInHouse = 250
	partUnknown  = "unknown"
)

// borderCampaign is one run of the campaign.
type borderCampaign struct {
	t      *testing.T
	seed   uint64
	report *borderTally
	only   *regexp.Regexp

	mu    sync.Mutex
	todo  []plan
	again int // complaints
}

// TestBorder plays scenes of payouts at the border with death and misfortune.
func TestBorder(t *testing.T) {
	t.Parallel()
	seed := *borderSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("repeat this campaign with -border.seed=%d", seed)
	c := &borderCampaign{t: t, seed: seed, report: newBorderTally(seed), only: regexp.MustCompile("^" + *borderOnly)}
	t.Cleanup(func() {
		s := c.report.summary(!t.Failed())
		t.Logf("%s", s)
		if *borderReport != "" {
			if err := s.write(*borderReport); err != nil {
				t.Error(err)
			}
		}
	})
	if *borderOnly != partUnknown {
		t.Run("scenes", c.scenes)
	}
	if !t.Failed() && (*borderOnly == partUnknown || *borderOnly == "") {
		t.Run(partUnknown, c.unknowns)
	}
}

// houses runs a part of the campaign in several houses at once, with perfect and with faulty notices. Each is lived in until
// live says that it is to be left; it ends when there is nothing more to do.
func (c *borderCampaign) houses(t *testing.T, more func() bool, live func(*borderHouse)) {
	n := 2
	if *borderLong {
		n = max(2, runtime.GOMAXPROCS(0))
	}
	for i := range n {
		t.Run(fmt.Sprint("street ", i+1), func(t *testing.T) {
			t.Parallel()
			for house := 1; more(); house++ {
				t.Run(fmt.Sprint("house ", house), func(t *testing.T) {
					notices := simulator.NoticeFaults{}
					if i%2 == 1 {
						notices = simulator.NoticeFaults{Lost: 250, Doubled: 250, Late: 200, Forged: 100, Mixed: true}
					}
					b := newBorderHouse(t, notices, c.seed+uint64(i))
					live(b)
					b.prove()
					c.report.add("requests", int(b.sim.Requests()))
					if t.Failed() {
						t.Log(b.logged)
					}
				})
			}
		})
	}
}

// scenes plays each scene unbroken, and then with everything that the campaign has for it.
func (c *borderCampaign) scenes(t *testing.T) {
	t.Run("unbroken", func(t *testing.T) {
		b := newBorderHouse(t, simulator.NoticeFaults{}, c.seed)
		c.plan(func(s scene) (crossings, requests int) {
			p := b.enact(plan{scene: s, later: laters[0]})
			c.count(p)
			return p.crossings, p.requests
		})
		b.prove()
	})
	if t.Failed() {
		return
	}
	c.houses(t, func() bool { return c.left() }, func(b *borderHouse) {
		for b.complaints == 0 && b.plays < playsInHouse {
			n, ok := c.next()
			if !ok {
				break
			}
			c.count(b.enact(n))
		}
		c.complain(b.complaints)
	})
}

// left reports whether there is something to play.
func (c *borderCampaign) left() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.todo) > 0 && c.again < complaintsMost
}

// next returns the next plan to play.
func (c *borderCampaign) next() (n plan, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.todo) == 0 || c.again >= complaintsMost {
		return n, false
	}
	n = c.todo[0]
	c.todo = c.todo[1:]
	return n, true
}

func (c *borderCampaign) complain(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.again += n
}

// plan decides what is played, once it is known how many crossings and requests each scene has.
func (c *borderCampaign) plan(measure func(scene) (crossings, requests int)) {
	random := rand.New(rand.NewPCG(c.seed, 0x626f72646572))
	later := func(n *plan) { n.later = laters[random.IntN(len(laters))] }
	var deaths, faults, pairs []plan
	type size struct{ crossings, requests int }
	sizes := make([]size, len(scenes))
	for i, s := range scenes {
		sizes[i].crossings, sizes[i].requests = measure(s)
		for k := range sizes[i].crossings {
			for _, after := range []bool{false, true} {
				n := plan{scene: s, fate: fate{k + 1, after}}
				later(&n)
				deaths = append(deaths, n)
			}
		}
		for k := range sizes[i].requests {
			for _, kind := range borderKinds() {
				faults = append(faults, plan{scene: s, mishap: mishap{at: k + 1, kind: kind}, later: laters[0]})
			}
		}
	}
	kinds := borderKinds()
	for range pairsOfAll {
		i := random.IntN(len(scenes))
		if sizes[i].requests == 0 {
			continue
		}
		n := plan{scene: scenes[i], fate: fate{1 + random.IntN(sizes[i].crossings), random.IntN(2) == 1},
			mishap: mishap{at: 1 + random.IntN(sizes[i].requests), kind: kinds[random.IntN(len(kinds))]}}
		later(&n)
		pairs = append(pairs, n)
	}
	for _, list := range [][]plan{deaths, faults, pairs} {
		random.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	}
	all := slices.Concat(deaths, faults, pairs)
	if *borderOnly == "" && !*borderLong {
		all = sampled(deaths, faults, pairs)
	} else {
		all = slices.DeleteFunc(all, func(n plan) bool { return !c.only.MatchString(n.String()) })
		random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		all = all[:len(all)**borderShare/100]
	}
	c.todo = all
}

// sampled are two deaths of every scene, every way in which a request goes wrong once, and a few plans with both.
func sampled(deaths, faults, pairs []plan) (all []plan) {
	scenes, kinds := map[string]int{}, map[simulator.Kind]bool{}
	for _, n := range deaths {
		if scenes[n.scene.name]++; scenes[n.scene.name] <= 2 {
			all = append(all, n)
		}
	}
	for _, n := range faults {
		if !kinds[n.mishap.kind] {
			kinds[n.mishap.kind] = true
			all = append(all, n)
		}
	}
	return append(all, pairs[:min(6, len(pairs))]...)
}

// count adds a play to the report.
func (c *borderCampaign) count(p *play) {
	r := c.report
	r.add("plays", 1)
	r.add("crossings", p.crossings)
	if p.died {
		side := "deaths before a crossing"
		if p.fate.after {
			side = "deaths after a crossing"
		}
		r.add(side, 1)
		r.add("taken over after "+p.later.String(), 1)
	}
	if p.mishap.at > 0 && p.requests >= p.mishap.at {
		r.add("fault "+string(p.mishap.kind), 1)
	}
	if p.id != "" {
		r.add("payouts", 1)
		r.add("transfers", p.b.sim.Transfers()[p.id].Count)
	}
}
