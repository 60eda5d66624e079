package main

// Kills and stops on the way of a payout: a service ends by kill -9, or stands still, at a named place, and the other one goes on.

import (
	"fmt"
	"slices"
	"syscall"
	"testing"
	"time"

	"mizan/ledger/failpoint"
	"mizan/payouts/processor/simulator"
)

// round is one thing that is done to a service.
type round struct {
	point  failpoint.Point
	action string
	way    string
}

func (r round) String() string { return string(r.point) + ":" + r.action + " with " + r.way }

// mostTurns bounds how long a round waits for its point.
const mostTurns = 60

// inClaim reports whether whoever stands still there loses a claim to the other service, so that nothing of what it had begun is
// written. What comes from outside, such as a notice, belongs to no claim and is taken in late.
func inClaim(p failpoint.Point) bool {
	return p != failpoint.NoticeReceived && p != failpoint.NoticeStored && p != failpoint.PeriodRecorded
}

// at is at which passing the point acts.
func (s *payStage) at(p failpoint.Point) int {
	switch p {
	case failpoint.PagePlanning, failpoint.PagePlanned, failpoint.RetryCreating, failpoint.RetryCreated, failpoint.PullingBack, failpoint.PulledBack,
		failpoint.LookingUp, failpoint.FoundOut:
		return 1 + s.rng.IntN(2)
	}
	return 1 + s.rng.IntN(6)
}

// step is by how much the clock moves on the way to a point.
func (s *payStage) step(p failpoint.Point) time.Duration {
	switch p {
	case failpoint.PagePlanning, failpoint.PagePlanned, failpoint.RetryCreating, failpoint.RetryCreated, failpoint.PullingBack, failpoint.PulledBack:
		return 25 * time.Hour
	}
	return steps[s.rng.IntN(len(steps))]
}

// play does one round: a service is armed, life goes on until it has come to its point, and the other one takes over.
func (s *payStage) play(t *testing.T, r round) {
	t.Helper()
	began := time.Now()
	at := s.at(r.point)
	s.behave(t, r.way)
	p := s.start(t, 0, fmt.Sprintf("%s:%s@%d", r.point, r.action, at))
	reached := p.over
	if r.action == "stop" {
		reached = p.still
	}
	turns := 0
	for ; !reached(); turns++ {
		if turns == mostTurns {
			t.Fatalf("nobody came to %s the %d. time\n%s\n%s", r.point, at, s.lives(t), tail(p.output()))
		}
		s.breakBanks(t, 60)
		if r.point == failpoint.LookingUp || r.point == failpoint.FoundOut {
			s.sim.Script(simulator.Fault{Kind: simulator.ExecuteThen500, Method: "POST", Path: "/v1/transfers"})
		}
		s.turn(t, s.step(r.point), reached)
	}
	if r.action == "stop" {
		s.takeOver(t, r, steps[s.rng.IntN(len(steps))], 6*time.Minute, 6*time.Minute)
	} else {
		s.died(t, 0)
		s.leasesEnd(t)
		s.turn(t, steps[s.rng.IntN(len(steps))], nil)
	}
	s.tally.add(r.action+"s", 1)
	s.tally.add(r.action+" at "+string(r.point), 1)
	s.tally.add("with "+r.way, 1)
	s.tally.took(r.action, time.Since(began))
	t.Logf("%s: the %d. time, after %d turns, %s", r, at, turns, time.Since(began).Round(time.Millisecond))
	s.check(t, r.String())
}

// takeOver lets the other service do what a stopped one had begun. When that goes on, nothing of it is written any more.
func (s *payStage) takeOver(t *testing.T, r round, steps ...time.Duration) {
	t.Helper()
	s.alive[0].Store(nil)
	s.leasesEnd(t)
	for _, step := range steps {
		s.pass(t, step, nil)
	}
	s.end(t, 1)
	before := s.written(t)
	// It is asked to end before it goes on, so that it begins nothing new.
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGCONT} {
		if err := s.services[0].cmd.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
	}
	wait(t, "the stopped service to end", s.services[0].over)
	s.heard(t, 0)
	if inClaim(r.point) {
		for _, line := range s.written(t) {
			if !slices.Contains(before, line) {
				t.Errorf("%s: the service that had been stopped wrote %s", r, line)
			}
		}
	}
	s.start(t, 1, "")
}
