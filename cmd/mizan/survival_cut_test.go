package main

// Cuts: the connection to the database ends at any byte of a posting batch, in either direction; the answer to COMMIT is
// lost; bytes stand still.

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"mizan/api/client"
)

// sweep posts a batch of two for each offset at which the connection is cut, and wants each batch answered as if nothing
// had happened: the service finds out by itself what became of it. With cold, the service has no connection to begin with,
// so that the bytes of making one are cut too. The offsets are shared among several services, which mostly wait.
func (s *stage) sweep(t *testing.T, cold bool, services int, share func(offsets int64) []int64) {
	cutters := make([]*cutter, services)
	for i := range cutters {
		r := s.newReplica(t)
		r.start(t, "")
		w := &worker{logbook: s.logbook, rng: rand.New(rand.NewPCG(s.rng.Uint64(), 0)), name: "cut", sellers: 1,
			book: s.openBook(t, r.patient), remotes: []*client.Client{r.remote}}
		cutters[i] = &cutter{stage: s, replica: r, worker: w, cold: cold}
		s.postSale(t, w, r) // opens the accounts, which is not what is cut
	}
	whole := usual(func() [2]int64 {
		passed, _ := cutters[0].round(t, plan{kind: nothing})
		return passed
	})
	if whole[toServer] == 0 || whole[toClient] == 0 {
		t.Fatalf("nothing passes through the proxy: %v", whole)
	}
	for _, dir := range []direction{toServer, toClient} {
		s.tally.set(fmt.Sprintf("bytes %s of a batch, cold %v", dir, cold), int(whole[dir]))
		for i, at := range share(whole[dir]) {
			c := cutters[i%services]
			c.plans = append(c.plans, plan{kind: cut, dir: dir, after: at})
		}
	}
	t.Run("services", func(t *testing.T) {
		for i, c := range cutters {
			t.Run(strconv.Itoa(i), func(t *testing.T) {
				t.Parallel()
				c.run(t)
			})
		}
	})
	for _, c := range cutters {
		c.replica.recovers(t, c.worker.book, "a cut", time.Now())
		c.replica.heard()
		s.check(t, c.worker.book)
	}
}

// cutter is a service whose connections are cut, and its only client.
type cutter struct {
	stage   *stage
	replica *replica
	worker  *worker
	cold    bool
	plans   []plan
}

func (c *cutter) run(t *testing.T) {
	missed := 0
	for _, p := range c.plans {
		if _, struck := c.round(t, p); struck {
			c.stage.tally.add("connections cut "+p.dir.String(), 1)
		} else {
			missed++
		}
		if t.Failed() {
			return
		}
	}
	// The caller's key is looked up now and then, so that a batch is not always of the same length; but cuts that never
	// strike prove nothing.
	if missed > len(c.plans)/20+2 {
		t.Errorf("%d of %d cuts did not strike", missed, len(c.plans))
	}
	c.stage.tally.add("cuts beyond the last byte", missed)
}

// round posts one batch under the plan, and returns what passed and whether the plan struck.
func (c *cutter) round(t *testing.T, p plan) ([2]int64, bool) {
	t.Helper()
	s, w, r := c.stage, c.worker, c.replica
	s.postSale(t, w, r)
	if c.cold {
		r.proxy.cutAll()
	}
	armed := r.proxy.arm(p)
	ps := []*posting{w.sale(), w.sale()}
	s.enter(ps...)
	results, err := r.remote.PostBatch(t.Context(), w.book, []client.NewTransaction{ps[0].sent, ps[1].sent})
	for i, p := range ps {
		recorded, answered := item(results, i, err)
		switch kind := s.note(p, recorded, answered); {
		case kind == turnedAway && keyUnread(answered):
			s.tally.add("cuts of a key look-up", 1)
		case kind != acknowledged || recorded.Replayed:
			t.Errorf("cut %s after byte %d, cold %v: answered with %+v, %v", armed.dir, armed.after, c.cold, recorded, answered)
		}
	}
	select {
	case <-armed.fired:
		return r.proxy.disarm(), true
	default:
		return r.proxy.disarm(), false
	}
}

// keyUnread reports that the cut met the look-up of the caller's key, which is repeated every second and not retried: the
// caller is told that nothing was posted.
func keyUnread(err error) bool {
	var p *client.Problem
	return errors.As(err, &p) && p.Code == "access-unavailable"
}

// usual measures three times and returns the middle: now and then the caller's key is looked up too.
func usual(measure func() [2]int64) (middle [2]int64) {
	a, b, c := measure(), measure(), measure()
	for d := range middle {
		three := []int64{a[d], b[d], c[d]}
		slices.Sort(three)
		middle[d] = three[1]
	}
	return middle
}

// postSale posts a sale that nothing happens to.
func (s *stage) postSale(t *testing.T, w *worker, r *replica) {
	t.Helper()
	p := w.sale()
	s.enter(p)
	recorded, err := r.patient.Post(t.Context(), w.book, p.sent)
	if s.note(p, &recorded, err) != acknowledged {
		t.Fatalf("posting without a fault: %v", err)
	}
}

// every returns all offsets.
func every(offsets int64) []int64 {
	all := make([]int64, offsets)
	for i := range all {
		all[i] = int64(i)
	}
	return all
}

// some returns n random offsets.
func (s *stage) some(n int) func(int64) []int64 {
	return func(offsets int64) []int64 {
		chosen := make([]int64, n)
		for i := range chosen {
			chosen[i] = s.rng.Int64N(offsets)
		}
		return chosen
	}
}

// loseCommits loses the answers of COMMITs that happened: once, twice in a row, and with the database out of reach
// afterwards.
func (s *stage) loseCommits(t *testing.T, rounds int) {
	r := s.newReplica(t)
	r.start(t, "")
	book := s.openBook(t, r.patient)
	w := &worker{logbook: s.logbook, rng: s.rng, name: "lost", book: book, remotes: []*client.Client{r.remote}}
	for range rounds {
		s.postSale(t, w, r)
		p := w.sale()
		armed := r.proxy.arm(plan{kind: loseCommit, of: []byte(p.sent.Reference)})
		s.enter(p)
		recorded, err := r.remote.Post(t.Context(), book, p.sent)
		if s.note(p, &recorded, err) != acknowledged || recorded.Replayed {
			t.Errorf("after a lost answer to COMMIT: %+v, %v", recorded, err)
		}
		<-armed.fired
		r.proxy.disarm()
		s.tally.add("answers to COMMIT lost", 1)
	}
	p := w.sale()
	armed := r.proxy.arm(plan{kind: loseCommit, of: []byte(p.sent.Reference), refuse: true})
	s.enter(p)
	recorded, err := r.remote.Post(t.Context(), book, p.sent)
	var problem *client.Problem
	if s.note(p, &recorded, err) != unknown || !errors.As(err, &problem) || problem.Status != 503 || problem.RetryAfter == 0 {
		t.Errorf("with the database away after a lost answer to COMMIT: %+v, %v", recorded, err)
	}
	<-armed.fired
	since := time.Now()
	r.proxy.mend()
	s.tally.add("answers to COMMIT lost", 1)
	r.recovers(t, book, "an unreachable database", since)
	recorded, err = r.remote.Post(t.Context(), book, p.sent)
	if s.note(p, &recorded, err) != acknowledged || !recorded.Replayed {
		t.Errorf("sent again after the database is back: %+v, %v", recorded, err)
	}
	r.heard()
	s.check(t, book)
}

// stalls lets the bytes of a batch stand still: other books must not notice, and the batch ends well once they go on.
func (s *stage) stalls(t *testing.T, rounds int) {
	r := s.newReplica(t)
	r.start(t, "")
	book, other := s.openBook(t, r.patient), s.openBook(t, r.patient)
	w := &worker{logbook: s.logbook, rng: s.rng, name: "stalled", sellers: 1, book: book, remotes: []*client.Client{r.remote}}
	o := &worker{logbook: s.logbook, rng: s.rng, name: "other", book: other, remotes: []*client.Client{r.remote}}
	s.postSale(t, w, r)
	whole := usual(func() [2]int64 {
		r.proxy.measure()
		s.postSale(t, w, r)
		return r.proxy.disarm()
	})
	for range rounds {
		s.postSale(t, w, r)
		dir := direction(s.rng.IntN(2))
		armed := r.proxy.arm(plan{kind: stall, dir: dir, after: s.rng.Int64N(whole[dir] * 9 / 10)})
		p := w.sale()
		s.enter(p)
		done := make(chan bool, 1)
		go func() { done <- w.post(t.Context(), p) }()
		select {
		case <-armed.fired:
		case <-done:
			t.Fatalf("the batch did not stall %s at byte %d", dir, armed.after)
		}
		for range 3 {
			s.postSale(t, o, r)
		}
		r.proxy.mend()
		if !<-done {
			t.Error("a batch that stood still for a moment was not answered")
		}
		s.tally.add("stalls", 1)
	}
	r.heard()
	s.check(t, book)
	s.check(t, other)
}
