package main

// Cuts: the connection to the database ends at any byte of a posting batch, in either direction; the answer to COMMIT is
// lost; bytes stand still.

import (
	"errors"
	"testing"
	"time"

	"mizan/api/client"
)

// sweep posts a batch of two for each offset at which the connection is cut, and wants each batch answered as if nothing
// had happened: the service finds out by itself what became of it. With cold, the service has no connection to begin with,
// so that the bytes of making one are cut too.
func (s *stage) sweep(t *testing.T, cold bool, share func(offsets int64) []int64) {
	r := s.newReplica(t)
	r.start(t, "")
	book := s.openBook(t, r.patient)
	w := &worker{journal: s.journal, rng: s.rng, name: "cut", book: book, remotes: []*client.Client{r.remote}}
	// The first posting opens the accounts; they are not what is measured.
	for range 40 {
		s.postSale(t, w, r)
	}
	round := func(p plan) ([2]int64, bool) {
		s.postSale(t, w, r)
		if cold {
			r.proxy.cutAll()
		}
		armed := r.proxy.arm(p)
		ps := []*posting{w.sale(), w.sale()}
		s.enter(ps...)
		results, err := r.remote.PostBatch(t.Context(), book, []client.NewTransaction{ps[0].sent, ps[1].sent})
		for i, p := range ps {
			answered := err
			var recorded *client.Transaction
			if err == nil {
				recorded = results[i].Transaction
				if results[i].Problem != nil {
					answered = results[i].Problem
				}
			}
			s.note(p, recorded, answered)
			if answered != nil || recorded.Replayed {
				t.Errorf("cut %s after byte %d, cold %v: answered with %+v, %v", armed.dir, armed.after, cold, recorded, answered)
			}
		}
		select {
		case <-armed.fired:
			return r.proxy.disarm(), true
		default:
			return r.proxy.disarm(), false
		}
	}
	whole, _ := round(plan{kind: nothing})
	if whole[toServer] == 0 || whole[toClient] == 0 {
		t.Fatalf("nothing passes through the proxy: %v", whole)
	}
	missed := 0
	for _, dir := range []direction{toServer, toClient} {
		for _, at := range share(whole[dir]) {
			if _, struck := round(plan{kind: cut, dir: dir, after: at}); struck {
				s.tally.add("connections cut "+dir.String(), 1)
			} else {
				missed++
			}
			if t.Failed() {
				break
			}
		}
	}
	// Key look-ups come and go, so that a batch is not always of the same length; but cuts that never strike prove nothing.
	if total := int(whole[toServer] + whole[toClient]); missed > total/20+2 {
		t.Errorf("%d cuts did not strike", missed)
	}
	s.tally.add("cuts beyond the last byte", missed)
	r.recovers(t, book, "a cut", time.Now())
	r.heard()
	s.check(t, book)
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
	w := &worker{journal: s.journal, rng: s.rng, name: "lost", book: book, remotes: []*client.Client{r.remote}}
	for range rounds {
		s.postSale(t, w, r)
		armed := r.proxy.arm(plan{kind: loseCommit})
		p := w.sale()
		s.enter(p)
		recorded, err := r.remote.Post(t.Context(), book, p.sent)
		if s.note(p, &recorded, err) != acknowledged || recorded.Replayed {
			t.Errorf("after a lost answer to COMMIT: %+v, %v", recorded, err)
		}
		<-armed.fired
		r.proxy.disarm()
		s.tally.add("answers to COMMIT lost", 1)
	}
	armed := r.proxy.arm(plan{kind: loseCommit, refuse: true})
	p := w.sale()
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
	w := &worker{journal: s.journal, rng: s.rng, name: "stalled", book: book, remotes: []*client.Client{r.remote}}
	o := &worker{journal: s.journal, rng: s.rng, name: "other", book: other, remotes: []*client.Client{r.remote}}
	s.postSale(t, w, r)
	r.proxy.measure()
	s.postSale(t, w, r)
	whole := r.proxy.disarm()
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
