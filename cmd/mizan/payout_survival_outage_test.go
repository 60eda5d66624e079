package main

// Outages on the way of a payout: a service that is asked to end, or killed, while the processor works, and a processor that cannot be
// reached.

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"mizan/api/client"
	"mizan/ledger/failpoint"
	"mizan/payouts/processor/simulator"
)

// playOutages plays them on a stage of their own.
func playOutages(t *testing.T, h *payHouse, seed uint64) {
	s := newPayStage(t, h, seed)
	s.services[1] = s.start(t, 0, "")
	s.endWhileSending(t)
	s.start(t, 0, "")
	s.killWhileSending(t)
	s.start(t, 1, "")
	s.sleepBeforeSending(t)
	s.start(t, 0, "")
	s.closeProcessor(t)
	s.finish(t)
}

// held has the processor wait with the next transfer, and returns when it has begun to; release lets it go on.
func (s *payStage) held(t *testing.T, kind simulator.Kind) (release chan struct{}) {
	t.Helper()
	entered, release := make(chan struct{}), make(chan struct{})
	s.sim.Script(simulator.Fault{Kind: kind, Method: "POST", Path: "/v1/transfers", Entered: entered, Release: release})
	begun := func() bool {
		select {
		case <-entered:
			return true
		default:
			return false
		}
	}
	for n := 0; n < mostTurns && !begun(); n++ {
		s.turn(t, 11*time.Minute, begun)
	}
	if !begun() {
		t.Fatalf("nothing was sent\n%s", s.lives(t))
	}
	return release
}

// endWhileSending asks the only service to end while the processor works: it ends in order, and nothing is half done.
func (s *payStage) endWhileSending(t *testing.T) {
	t.Helper()
	release := s.held(t, simulator.Hold)
	if err := s.services[0].cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	wait(t, "the service to be ending", func() bool { return !s.listens(t, 0) })
	close(release)
	wait(t, "the service to end", s.services[0].over)
	if err := s.services[0].err; err != nil {
		t.Fatalf("the service did not end in order: %v\n%s", err, tail(s.services[0].output()))
	}
	s.alive[0].Store(nil)
	s.heard(t, 0)
	if half := s.halfDone(t); len(half) > 0 {
		t.Errorf("half done after an orderly end: %q", half)
	}
	s.check(t, "after SIGTERM")
	s.tally.add("orderly ends while sending", 1)
}

// listens reports whether a service takes requests.
func (s *payStage) listens(t *testing.T, n int) bool {
	t.Helper()
	_, err := client.Collect(s.services[n].remote.Payouts(t.Context(), payBook, client.PayoutQuery{}), 1)
	return err == nil
}

// killWhileSending kills the only service while the processor works, which does what it was asked only afterwards.
func (s *payStage) killWhileSending(t *testing.T) {
	t.Helper()
	s.held(t, simulator.Slow)
	if err := s.services[0].cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	s.died(t, 0)
	s.leasesEnd(t)
	s.check(t, "after a kill while sending")
	s.tally.add("kills while the processor works", 1)
}

// sleepBeforeSending has a service fall asleep right before a transfer leaves, and wake up when the processor has forgotten the key and
// another service has found that nothing was sent, and has sent it by another key.
func (s *payStage) sleepBeforeSending(t *testing.T) {
	t.Helper()
	s.behave(t, "none")
	asleep := s.start(t, 0, string(failpoint.SendingCounted)+":stop@1")
	for n := 0; n < mostTurns && !asleep.still(); n++ {
		s.turn(t, 11*time.Minute, asleep.still)
	}
	if !asleep.still() {
		t.Fatalf("nothing was about to be sent\n%s", s.lives(t))
	}
	s.takeOver(t, round{failpoint.SendingCounted, "stop", "sleep"}, 25*time.Hour, 6*time.Minute, 6*time.Minute)
	s.check(t, "after a sleep of a day")
	s.tally.add("sleeps before a transfer leaves", 1)
}

// closeProcessor has nobody reach the processor for a while. Sales go on, payouts are asked for and wait, and all of them are paid
// when it is there again.
func (s *payStage) closeProcessor(t *testing.T) {
	t.Helper()
	s.rail.close()
	counted := len(s.sim.Transfers())
	for n, step := range []time.Duration{time.Minute, 40 * time.Minute, 7 * time.Hour} {
		if _, err := s.services[n%2].remote.Post(t.Context(), payBook, client.NewTransaction{Reference: fmt.Sprintf("sale-%d", n), Event: "order.captured",
			Entries: []client.Line{client.Debit("assets:processor:pending:main", "10.00", "USD"),
				client.Credit("liabilities:seller:pending:sel_a", "10.00", "USD")}}); err != nil {
			t.Errorf("a sale was not taken while the processor is away: %v", err)
		}
		s.turn(t, step, nil)
		if len(s.unanswered) > 0 {
			t.Errorf("%d payouts could not be asked for while the processor is away", len(s.unanswered))
		}
		s.check(t, "while the processor is away")
	}
	if n := len(s.sim.Transfers()); n != counted {
		t.Errorf("%d transfers while nobody could reach the processor", n-counted)
	}
	s.rail.open(t)
	s.tally.add("processors away", 1)
}
