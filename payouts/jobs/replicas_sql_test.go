package jobs_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"mizan/payouts/jobs"
)

// What happens to the process that a trial chooses.
const (
	// It is paused while its lease ends and others take its period over, then goes on.
	blowOvertaken = "overtaken"
	// It is paused in its transaction while its lease is over, and others look. Nobody takes over from it.
	blowPaused = "paused"
	// It is killed, and killed while it goes on.
	blowKilled  = "killed"
	blowRunning = "killed while it goes on"
)

var blows = []string{blowOvertaken, blowOvertaken, blowOvertaken, blowPaused, blowKilled, blowRunning}

// trial is one round: some minutes pass, all replicas look at once, and the first that comes to the point meets the blow.
type trial struct {
	job, point, blow string
	minutes          int
	// back is how far all clocks go back before, for nothing to happen.
	back time.Duration
}

func (p trial) String() string {
	return fmt.Sprintf("%s of %s %s, %d minutes, back %s", p.point, p.job, p.blow, p.minutes, p.back)
}

// inside reports whether the point is in a transaction.
func inside(point string) bool { return point == atChecked || point == atWritten || point == atEnded }

func drawTrial(random *rand.Rand) (p trial) {
	p.job = []string{jobSingle, jobSteps}[random.IntN(2)]
	p.point = pointsOf[p.job][random.IntN(len(pointsOf[p.job]))]
	p.blow = blows[random.IntN(len(blows))]
	if p.blow == blowPaused && !inside(p.point) {
		p.blow = blowOvertaken
	}
	p.minutes = 1 + random.IntN(3)
	if random.IntN(4) == 0 {
		p.back = []time.Duration{time.Minute, time.Hour, 24 * time.Hour}[random.IntN(3)]
	}
	return p
}

// Replicas are processes that look for work at once; in each trial one of them is paused or killed in the middle of a run.
// Whoever was paused until its period was taken over writes nothing more, and each period has one effect.
func TestReplicas(t *testing.T) {
	t.Parallel()
	const ahead = 10 * time.Minute
	for n, skews := range [][]time.Duration{{0, 0}, {0, ahead, -ahead, 0}, {0, 0, 0, ahead, -ahead, 0, time.Minute, -time.Minute}} {
		t.Run(fmt.Sprint(len(skews), " replicas"), func(t *testing.T) {
			random := drawn(t, uint64(n))
			f := newFleet(t, "* * * * *", skews...)
			refused := map[string]int{}
			for i := range sample(7, 350) {
				p := drawTrial(random)
				f.try(p, refused)
				f.check(time.Minute)
				if t.Failed() {
					t.Fatalf("trial %d: %s", i, p)
				}
			}
			for _, key := range slices.Sorted(maps.Keys(refused)) {
				t.Logf("%3d %s", refused[key], key)
			}
			t.Logf("%d periods in each of %d lines, %d processes, events %v", f.periods(time.Minute), 2*replicaBooks, f.born, f.events)
		})
	}
}

// try makes one trial, and afterwards lets everybody do what is left.
func (f *fleet) try(p trial, tally map[string]int) {
	f.t.Helper()
	if p.back > 0 {
		f.clock.move(-p.back)
		f.show()
		f.goOn(f.replicas...)
		if n := f.rest(f.replicas...); n != 0 {
			f.t.Errorf("%d runs with all clocks back", n)
		}
		f.clock.move(p.back)
	}
	f.clock.move(time.Duration(p.minutes) * time.Minute)
	f.show()
	f.goGated(f.replicas...)
	victim, at := f.catch(p)
	tally[p.blow+" "+p.point]++
	switch p.blow {
	case blowOvertaken:
		f.overtake(p, victim, at)
	case blowPaused:
		f.pause(p, victim, at)
	case blowRunning:
		f.tell(victim, "pass")
		fallthrough
	case blowKilled:
		f.kill(victim)
		f.owner(f.t, expire)
	}
	f.settle()
}

// held is where the chosen process stands.
type held struct {
	job, point, book string
	start            time.Time
	fence            int64
}

// catch lets all replicas work, but holds the first that comes to where the trial begins. It returns when the others rest.
func (f *fleet) catch(p trial) (victim *replica, at held) {
	f.t.Helper()
	begin := p.point
	if p.blow == blowPaused {
		begin = atBegun
	}
	for resting := 0; resting < len(f.replicas)-1 || victim == nil; {
		switch m := f.hear(); m.words[0] {
		case "at":
			if victim != nil || m.words[1] != p.job || m.words[2] != begin {
				f.tell(m.from, "pass")
				continue
			}
			victim, at = m.from, parseHeld(f.t, m.words)
		case "rest":
			if resting++; resting == len(f.replicas) {
				f.t.Fatalf("nobody came to %s", p)
			}
		case "wrote":
			if m.words[1] != "ok" {
				f.t.Errorf("%s could not write: %v", m.from.name, m.words)
			}
		default:
			f.t.Fatalf("%s: %v", m.from.name, m.words)
		}
	}
	return victim, at
}

func parseHeld(t *testing.T, words []string) (at held) {
	t.Helper()
	at.job, at.point, at.book = words[1], words[2], words[3]
	var unix int64
	if _, err := fmt.Sscan(words[4]+" "+words[5], &unix, &at.fence); err != nil {
		t.Fatal(err)
	}
	at.start = time.Unix(unix, 0).UTC()
	return at
}

// fenceOf is the fence of the period's last run, and its state.
func (f *fleet) fenceOf(at held) (fence int64, state string) {
	f.t.Helper()
	err := f.Pool.QueryRow(f.t.Context(), `SELECT fence, state FROM job_periods WHERE kind = $1 AND book_id = $2::int AND period = $3`, at.job, at.book, at.start).Scan(&fence, &state)
	if err != nil {
		f.t.Fatal(err)
	}
	return fence, state
}

// overtake pauses the process, ends its lease, lets others take its period over, and sees that it writes nothing when it goes on.
func (f *fleet) overtake(p trial, victim *replica, at held) {
	f.t.Helper()
	f.stop(victim)
	if inside(p.point) {
		f.cut(victim)
	}
	f.owner(f.t, expire)
	f.goOn(f.others(victim)...)
	f.rest(f.others(victim)...)
	fence, state := f.fenceOf(at)
	over := p.job == jobSingle && p.point == atCommitted
	if state != "done" || (fence > at.fence) == over {
		f.t.Errorf("the period is %s under fence %d after %d", state, fence, at.fence)
	}
	fenced := f.events[jobs.Fenced] + f.events[jobs.Unwell]
	f.resume(victim)
	f.tell(victim, "pass")
	want := "refused"
	switch {
	case p.point == atCommitted:
		want = "ok"
	case inside(p.point):
		want = "cut"
	}
	f.finish(victim, want)
	if now := f.events[jobs.Fenced] + f.events[jobs.Unwell]; !over && now != fenced+1 {
		f.t.Errorf("%d runs were told to be fenced, want 1", now-fenced)
	}
}

// finish lets the process go on to its rest, and wants to hear how its first writing ended.
func (f *fleet) finish(victim *replica, want string) {
	f.t.Helper()
	first := ""
	for {
		switch m := f.hear(); {
		case m.from != victim:
			f.t.Fatalf("%s speaks while it should rest: %v", m.from.name, m.words)
		case m.words[0] == "at":
			f.tell(victim, "pass")
		case m.words[0] == "wrote" && first == "":
			first = m.words[1]
		case m.words[0] == "error":
			f.t.Errorf("%s: %v", m.from.name, m.words)
		case m.words[0] == "gone":
			f.t.Fatalf("%s is gone", m.from.name)
		case m.words[0] == "rest":
			if first != want {
				f.t.Errorf("the writing of a paused holder ended %q, want %q", first, want)
			}
			return
		}
	}
}

// pause has the lease end before the process begins its transaction, pauses it in there while others look, and sees that
// the period stays its own.
func (f *fleet) pause(p trial, victim *replica, at held) {
	f.t.Helper()
	f.owner(f.t, expire)
	for m := (message{}); m.words == nil || m.words[2] != p.point; {
		f.tell(victim, "pass")
		if m = f.hear(); m.from != victim || m.words[0] != "at" {
			f.t.Fatalf("%s: %v", m.from.name, m.words)
		}
	}
	f.stop(victim)
	f.goOn(f.others(victim)...)
	f.rest(f.others(victim)...)
	if fence, state := f.fenceOf(at); fence != at.fence || state != "running" {
		f.t.Errorf("the period is %s under fence %d, and its holder with %d is in its transaction", state, fence, at.fence)
	}
	f.resume(victim)
	f.tell(victim, "pass")
	f.finish(victim, "ok")
}
