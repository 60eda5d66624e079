package main

// Kills: the service ends by kill -9 at random moments and at every failpoint, and the next one goes on with its data.

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"mizan/ledger/failpoint"
)

// roundsPerBook bounds the size of the books that are checked again and again.
const roundsPerBook = 10

// kills kills services under load: so many at random moments, and so many at each failpoint, taking turns.
func (s *stage) kills(t *testing.T, random, atEach int) {
	var points []failpoint.Point
	for range atEach {
		points = append(points, failpoint.Posting()...)
	}
	s.rng.Shuffle(len(points), func(i, j int) { points[i], points[j] = points[j], points[i] })
	r := s.newReplica(t)
	r.start(t, "")
	book := ""
	for n := 0; random > 0 || len(points) > 0; n++ {
		if n%roundsPerBook == 0 {
			book = s.openBook(t, r.patient)
		}
		if random > 0 {
			random--
			s.killAtRandom(t, r, book)
		}
		if len(points) > 0 {
			point := points[0]
			points = points[1:]
			s.killAt(t, r, book, point)
		}
		s.check(t, book)
	}
	s.endLoad(t, r, book)
	r.program.kill()
}

// killAtRandom kills the running service under load and starts it again.
func (s *stage) killAtRandom(t *testing.T, r *replica, book string) {
	t.Helper()
	l := s.drive(t.Context(), 8, book, r.remote)
	s.acknowledges(t, 1+s.rng.IntN(40))
	s.moment(20 * time.Millisecond)
	since := time.Now()
	if err := r.program.cmd.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	r.died(t)
	l.end()
	s.tally.add("kills", 1)
	s.tally.add("kills at random moments", 1)
	r.start(t, "")
	r.recovers(t, book, "kill -9", since)
	r.resolve(t, l.unanswered())
}

// killAt replaces the running service by one that kills itself at the point, under load, and that by a sound one.
func (s *stage) killAt(t *testing.T, r *replica, book string, point failpoint.Point) {
	t.Helper()
	at := 1 + s.rng.IntN(6)
	switch point {
	case failpoint.PartitionWanted, failpoint.PartitionMade:
		at = 1 + s.rng.IntN(2)
	case failpoint.Draining, failpoint.Drained, failpoint.Retrying:
		at = 1
	case failpoint.Answering, failpoint.Answered:
		at += 2
	}
	r.program.kill()
	if point == failpoint.PartitionWanted || point == failpoint.PartitionMade {
		s.forgetPartitions(t)
	}
	r.start(t, fmt.Sprintf("%s:kill@%d", point, at))
	l := s.drive(t.Context(), 8, book, r.remote)
	switch point {
	case failpoint.Retrying:
		r.proxy.arm(plan{kind: loseCommit, after: s.rng.Int64N(3)})
	case failpoint.Draining, failpoint.Drained:
		s.acknowledges(t, 1+s.rng.IntN(20))
		if err := r.program.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
	}
	r.died(t)
	since := time.Now()
	l.end()
	r.proxy.disarm()
	s.tally.add("kills", 1)
	s.tally.add("kills at "+string(point), 1)
	r.start(t, "")
	r.recovers(t, book, "a kill at a failpoint", since)
	r.resolve(t, l.unanswered())
}

// endLoad posts once more to a book and checks it.
func (s *stage) endLoad(t *testing.T, r *replica, book string) {
	t.Helper()
	l := s.drive(t.Context(), 4, book, r.remote)
	s.acknowledges(t, 20)
	l.end()
	r.resolve(t, l.unanswered())
	r.heard()
	s.check(t, book)
}

// normalHasNone proves that a program built without the tag cannot be armed, and takes no other time than the machine's: what an
// armed one of the home says to a point, or to a time, that it does not understand is in the one and not in the other. This test
// itself is such a program.
func normalHasNone(t *testing.T, h home) {
	t.Helper()
	normal, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// Put together at run time, so that the test does not find its own text.
	for _, words := range [][]string{{"is not of the form", "name:kill@1"}, {"names a file", "without an instant"}} {
		says := []byte(strings.Join(words, " "))
		for path, want := range map[string]bool{normal: false, filepath.Join(h.dir, "bin", "mizan"): true} {
			program, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if got := bytes.Contains(program, says); got != want {
				t.Errorf("%s says %q: %v, want %v", path, says, got, want)
			}
		}
	}
}
