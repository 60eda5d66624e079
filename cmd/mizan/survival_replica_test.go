package main

// Replicas: several services post to the same book, with the same references, while one of them is stopped, stands still
// with the book's lock, or is asked to end.

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"mizan/api/client"
	"mizan/ledger/failpoint"
)

// replicas starts n services.
func (s *stage) replicas(t *testing.T, n int) (all []*replica, remotes []*client.Client) {
	t.Helper()
	for range n {
		r := s.newReplica(t)
		r.start(t, "")
		all, remotes = append(all, r), append(remotes, r.remote)
	}
	return all, remotes
}

// contest posts the same references to every service at once: one answer says created, all name the same transaction.
// A general load on the same book goes on meanwhile.
func (s *stage) contest(t *testing.T, n, rounds int) {
	all, remotes := s.replicas(t, n)
	book := s.openBook(t, all[0].patient)
	l := s.drive(t.Context(), 2*n, book, remotes...)
	w := &worker{logbook: s.logbook, rng: s.rng, name: "contested", book: book, remotes: remotes}
	for range rounds {
		ps := []*posting{w.sale(), w.sale(), w.sale()}
		for _, p := range ps {
			p.reserved = true
		}
		s.enter(ps...)
		var sending sync.WaitGroup
		for i, remote := range remotes {
			one := &worker{logbook: s.logbook, rng: rand.New(rand.NewPCG(s.rng.Uint64(), uint64(i))), remotes: []*client.Client{remote}}
			for _, p := range ps {
				sending.Go(func() {
					// The same posting by both doors.
					if i%2 == 0 {
						one.post(t.Context(), p)
						return
					}
					results, err := remote.PostBatch(t.Context(), book, []client.NewTransaction{p.sent})
					recorded, failed := item(results, 0, err)
					s.note(p, recorded, failed)
				})
			}
		}
		sending.Wait()
		for _, p := range ps {
			if p.acknowledged != n || p.created != 1 {
				t.Errorf("%s was sent to %d services: %d acknowledged it, %d of them as new", p.sent.Reference, n, p.acknowledged, p.created)
			}
		}
		s.tally.add(fmt.Sprintf("references contested by %d services", n), len(ps))
	}
	l.end()
	all[0].resolve(t, l.unanswered())
	for _, r := range all {
		r.heard()
		r.program.stop(t)
	}
	s.check(t, book)
}

// Where a service is stopped: where it does not hold the book's lock, and where it does.
var (
	withoutLock = []failpoint.Point{failpoint.Decoded, failpoint.Beginning, failpoint.Committed, failpoint.Settled, failpoint.Answering, failpoint.Answered}
	withLock    = []failpoint.Point{failpoint.Locked, failpoint.LookedUp, failpoint.Decided, failpoint.Writing, failpoint.Written}
)

// pauses stops one of two services at one of the points, as kill -STOP does, and lets it go on after the other has worked:
// what it was about to write must not get in the way of what happened meanwhile. If it holds the lock, the other waits
// until the database ends the idle session. With one client, a service holds the lock only where that client's posting is.
func (s *stage) pauses(t *testing.T, rounds, clients int, what string, points []failpoint.Point) {
	b := s.newReplica(t)
	b.start(t, "")
	a := s.newReplica(t)
	for range rounds {
		book := s.openBook(t, b.patient)
		point := points[s.rng.IntN(len(points))]
		a.start(t, fmt.Sprintf("%s:stop@%d", point, 3+s.rng.IntN(4)))
		la, lb := s.drive(t.Context(), clients, book, a.remote), s.drive(t.Context(), 4, book, b.remote)
		wait(t, "the service to stop", func() bool { return stopped(t, a) })
		since := time.Now()
		b.recovers(t, book, "SIGSTOP of another service "+what, since)
		s.acknowledges(t, 30)
		send(t, a, syscall.SIGCONT)
		s.acknowledges(t, 20)
		la.end()
		lb.end()
		a.resolve(t, la.unanswered())
		b.resolve(t, lb.unanswered())
		s.tally.add("services stopped "+what, 1)
		a.heard()
		b.heard()
		a.program.kill()
		s.check(t, book)
	}
}

// randomPauses stops a service at random moments, which under load is mostly while it holds the lock.
func (s *stage) randomPauses(t *testing.T, rounds int) {
	all, _ := s.replicas(t, 2)
	a, b := all[0], all[1]
	for range rounds {
		book := s.openBook(t, b.patient)
		la, lb := s.drive(t.Context(), 4, book, a.remote), s.drive(t.Context(), 4, book, b.remote)
		s.acknowledges(t, 20+s.rng.IntN(40))
		s.moment(10 * time.Millisecond)
		since := time.Now()
		send(t, a, syscall.SIGSTOP)
		// All of the stopped service's clients wait, so that these answers are the other's.
		s.acknowledges(t, 30)
		s.tally.took("SIGSTOP of another service at a random moment", time.Since(since))
		send(t, a, syscall.SIGCONT)
		s.acknowledges(t, 20)
		la.end()
		lb.end()
		a.resolve(t, la.unanswered())
		b.resolve(t, lb.unanswered())
		s.tally.add("services stopped at random moments", 1)
		s.check(t, book)
	}
	a.heard()
	b.heard()
}

func send(t *testing.T, r *replica, what syscall.Signal) {
	t.Helper()
	if err := r.program.cmd.Process.Signal(what); err != nil {
		t.Fatal(err)
	}
}

// stopped reports whether the service stands still, as Linux shows it.
func stopped(t *testing.T, r *replica) bool {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", r.program.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(text), ") ")
	return strings.HasPrefix(after, "T")
}

// terminations ends services by SIGTERM under load: exit code 0, and whatever was recorded was answered.
func (s *stage) terminations(t *testing.T, rounds int) {
	r := s.newReplica(t)
	r.start(t, "")
	for range rounds {
		book := s.openBook(t, r.patient)
		l := s.drive(t.Context(), 16, book, r.remote)
		s.acknowledges(t, 30+s.rng.IntN(100))
		s.moment(10 * time.Millisecond)
		since := time.Now()
		r.program.stop(t)
		l.end()
		r.heard()
		s.tally.add("orderly stops under load", 1)
		s.check(t, book)
		// Whoever got no answer was not recorded: such a request came too late to be accepted.
		for _, p := range s.of(book) {
			if p.acknowledged == 0 && p.unknown > 0 && s.isRecorded(t, p) {
				t.Errorf("%s is recorded and was not answered", p.sent.Reference)
			}
		}
		r.start(t, "")
		r.recovers(t, book, "SIGTERM", since)
		r.resolve(t, l.unanswered())
		s.check(t, book)
	}
}
