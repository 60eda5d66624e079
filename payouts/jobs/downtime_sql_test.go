package jobs_test

import (
	"fmt"
	"testing"
	"time"

	"mizan/payouts/jobs"
)

// After 26 hours, and after 40 days, in which nothing ran, replicas come back at the same instant. Each missed period is made
// once and in order, a bounded number of them waits at a time, and people are told of the backlog.
func TestReplicasComeBack(t *testing.T) {
	t.Parallel()
	for _, away := range []struct {
		replicas int
		spec     string
		every    time.Duration
		down     time.Duration
	}{
		{1, "*/30 * * * *", 30 * time.Minute, 26 * time.Hour},
		{2, "*/30 * * * *", 30 * time.Minute, 26 * time.Hour},
		{8, "*/30 * * * *", 30 * time.Minute, 26 * time.Hour},
		{8, "0 */8 * * *", 8 * time.Hour, 40 * 24 * time.Hour},
		{8, "* * * * *", time.Minute, 26 * time.Hour},
		{8, "0 * * * *", time.Hour, 40 * 24 * time.Hour},
	} {
		if away.every == time.Minute || away.every == time.Hour {
			if !*clocksLong {
				continue
			}
		}
		t.Run(fmt.Sprintf("%d replicas, %s, %s", away.replicas, away.spec, away.down), func(t *testing.T) {
			f := newFleet(t, away.spec, make([]time.Duration, away.replicas)...)
			f.clock.move(away.down)
			f.show()
			f.settle()
			f.check(away.every)
			if f.events[jobs.Behind] == 0 || f.most > replicaCatchUp {
				t.Errorf("told of a backlog %d times, at most %d planned at once", f.events[jobs.Behind], f.most)
			}
			f.clock.move(away.every)
			f.show()
			f.settle()
			f.check(away.every)
		})
	}
}

// Replicas whose clocks differ by twenty minutes go through jumps of all clocks: ahead, back an hour, back a day.
func TestReplicasJump(t *testing.T) {
	t.Parallel()
	random := drawn(t, 11)
	const every = 10 * time.Minute
	f := newFleet(t, "*/10 * * * *", 0, 10*time.Minute, -10*time.Minute)
	jumps := []time.Duration{time.Hour, -time.Hour, 2 * time.Hour, -24 * time.Hour, 24 * time.Hour, 7 * time.Minute, -time.Minute, time.Second}
	for i := range sample(20, 400) {
		jump := jumps[random.IntN(len(jumps))]
		f.clock.move(jump)
		f.show()
		f.settle()
		f.check(every)
		if t.Failed() {
			t.Fatalf("jump %d, by %s", i, jump)
		}
	}
}

// While a replica runs a period, asking another for that job is refused; when it is over, the same period may run again, and
// what must come out once still does.
func TestReplicasRefuseOverlap(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "* * * * *", 0, 0)
	every := cron(t, "* * * * *")
	s := f.service(t, jobs.Job{Name: jobSteps, Schedule: every, PerBook: true, Run: f.write})
	f.clock.move(time.Minute)
	f.show()
	f.goGated(f.replicas...)
	p := trial{job: jobSteps, point: atBetween, blow: blowOvertaken}
	victim, at := f.catch(p)
	f.stop(victim)
	book := int32(at.book[0] - '0')
	for name, period := range map[string]time.Time{"the period that runs": at.start, "an extra one": {}} {
		if _, err := s.RunNow(t.Context(), jobs.Request{Job: jobSteps, Book: book, Period: period, Actor: maria, Why: "again"}); err == nil {
			t.Errorf("%s was taken on while the job runs", name)
		} else {
			wantError(t, err, jobs.ErrBusy)
		}
	}
	f.resume(victim)
	f.tell(victim, "pass")
	f.finish(victim, "ok")
	f.settle()
	f.check(time.Minute)
	if _, err := s.RunNow(t.Context(), jobs.Request{Job: jobSteps, Book: book, Period: at.start, Actor: maria, Why: "again"}); err != nil {
		t.Fatal(err)
	}
	f.goOn(f.replicas...)
	if n := f.rest(f.replicas...); n != 1 {
		t.Errorf("%d runs that were asked for, want 1", n)
	}
	f.check(time.Minute)
}
