package jobs_test

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A fleet is some replicas on one database, with the clock that they share, and what they say.

var (
	clocksLong = flag.Bool("clocks.long", false, "run the whole campaign of clocks and replicas and not a sample")
	clocksSeed = flag.Uint64("clocks.seed", 0, "seed of the campaign of clocks and replicas; 0 draws one")
)

// drawn returns random numbers by the seed of the campaign, which it prints.
func drawn(t *testing.T, stream uint64) *rand.Rand {
	t.Helper()
	seed := *clocksSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("repeat this with -clocks.seed=%d", seed)
	return rand.New(rand.NewPCG(seed, stream))
}

// sample returns how many rounds are run.
func sample(few, all int) int {
	if *clocksLong {
		return all
	}
	return few
}

// soon bounds each wait for a process. Nothing is expected to be faster.
const soon = 2 * time.Minute

// message is a line that a replica said. The end of its output is the word "gone".
type message struct {
	from  *replica
	words []string
}

// replica is a process as the test sees it.
type replica struct {
	name  string
	skew  time.Duration
	cmd   *exec.Cmd
	in    io.WriteCloser
	heard chan struct{}
}

// fleet is what a test starts and moves.
type fleet struct {
	house
	t        *testing.T
	spec     string
	replicas []*replica
	file     string
	said     chan message
	born     int
	// farthest is the latest time that any replica's clock has shown.
	farthest time.Time
	first    time.Time
	// events counts what the replicas observed, and most is the largest number of periods planned at once.
	events map[string]int
	most   int
}

// newFleet starts replicas whose clocks are off by the skews, and has each know its jobs from the beginning.
func newFleet(t *testing.T, spec string, skews ...time.Duration) *fleet {
	t.Helper()
	f := &fleet{house: newHouse(t), t: t, spec: spec, file: filepath.Join(t.TempDir(), "clock"), said: make(chan message), events: map[string]int{}}
	f.show()
	for _, skew := range skews {
		f.replicas = append(f.replicas, f.spawn(skew))
	}
	// The one that is behind most begins, so that the first period of all is known.
	slowest := f.replicas[0]
	for _, r := range f.replicas {
		if r.skew < slowest.skew {
			slowest = r
		}
	}
	f.first = f.clock.now().Add(slowest.skew)
	f.goOn(slowest)
	f.rest(slowest)
	f.see()
	f.settle()
	return f
}

// show puts the time where replicas read it.
func (f *fleet) show() {
	f.t.Helper()
	next := f.file + ".next"
	if err := os.WriteFile(next, strconv.AppendInt(nil, f.clock.now().UnixMicro(), 10), 0o600); err != nil {
		f.t.Fatal(err)
	}
	if err := os.Rename(next, f.file); err != nil {
		f.t.Fatal(err)
	}
	f.see()
}

// see notes how far any clock has come.
func (f *fleet) see() {
	for _, r := range f.replicas {
		if at := f.clock.now().Add(r.skew); at.After(f.farthest) {
			f.farthest = at
		}
	}
}

// spawn starts a replica. In a process group of its own it ends with this process even while it is stopped: the system wakes and
// hangs up stopped processes whose parent is gone.
func (f *fleet) spawn(skew time.Duration) *replica {
	f.t.Helper()
	f.born++
	r := &replica{name: fmt.Sprintf("replica%d", f.born), skew: skew, heard: make(chan struct{})}
	r.cmd = exec.Command(os.Args[0])
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	r.cmd.Env = append(os.Environ(), envReplica+"="+f.AppURL, envReplicaName+"="+r.name, envReplicaClock+"="+f.file, envReplicaSkew+"="+skew.String(),
		envReplicaSpec+"="+f.spec)
	r.cmd.Stderr = os.Stderr
	var err error
	if r.in, err = r.cmd.StdinPipe(); err != nil {
		f.t.Fatal(err)
	}
	out, err := r.cmd.StdoutPipe()
	if err != nil {
		f.t.Fatal(err)
	}
	if err := r.cmd.Start(); err != nil {
		f.t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(r.heard)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			select {
			case f.said <- message{r, strings.Fields(lines.Text())}:
			case <-ended:
			}
		}
		select {
		case f.said <- message{r, []string{"gone"}}:
		case <-ended:
		}
	}()
	f.t.Cleanup(func() {
		close(ended)
		_ = r.cmd.Process.Kill() // it may be over
		<-r.heard
		_ = r.cmd.Wait()
	})
	return r
}

// tell sends a line.
func (f *fleet) tell(r *replica, line string) {
	f.t.Helper()
	if _, err := io.WriteString(r.in, line+"\n"); err != nil {
		f.t.Fatalf("%s does not listen: %v", r.name, err)
	}
}

// goOn has replicas look for work, all at once; goGated has them wait at each point of their runs.
func (f *fleet) goOn(list ...*replica) {
	for _, r := range list {
		f.tell(r, "go")
	}
}

func (f *fleet) goGated(list ...*replica) {
	for _, r := range list {
		f.tell(r, "go gates")
	}
}

// hear returns the next thing that is said and is no event.
func (f *fleet) hear() message {
	f.t.Helper()
	late := time.NewTimer(soon)
	defer late.Stop()
	for {
		select {
		case m := <-f.said:
			switch {
			case len(m.words) == 3 && m.words[0] == "event":
				n, _ := strconv.Atoi(m.words[2])
				f.events[m.words[1]]++
				if m.words[1] == "planned" {
					f.most = max(f.most, n)
				}
			case len(m.words) > 0:
				return m
			}
		case <-late.C:
			f.t.Fatal("nobody says anything")
		}
	}
}

// rest waits until each of the replicas has nothing left to do, and returns how many runs they made. No gate is held.
func (f *fleet) rest(list ...*replica) (runs int) {
	f.t.Helper()
	for left := len(list); left > 0; {
		switch m := f.hear(); m.words[0] {
		case "rest":
			n, _ := strconv.Atoi(m.words[1])
			runs += n
			left--
		case "at":
			f.tell(m.from, "pass")
		case "gone", "error":
			f.t.Fatalf("%s: %v", m.from.name, m.words)
		}
	}
	return runs
}

// settle has all replicas look again and again until none finds anything. One look is not enough: a replica whose clock is behind
// may do the last period that it knows of while one that is ahead looks, and rest after it.
func (f *fleet) settle() {
	f.t.Helper()
	for range 50 {
		f.goOn(f.replicas...)
		if f.rest(f.replicas...) == 0 {
			return
		}
	}
	f.t.Fatal("there is always something left to do")
}

// stop stops the process as SIGSTOP does, and returns when it stands still.
func (f *fleet) stop(r *replica) {
	f.t.Helper()
	if err := r.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		f.t.Fatal(err)
	}
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(r.cmd.Process.Pid, &status, syscall.WUNTRACED, nil)
		if err == syscall.EINTR {
			continue
		}
		if err != nil || pid != r.cmd.Process.Pid || !status.Stopped() {
			f.t.Fatalf("%s does not stop: %v, %v", r.name, err, status)
		}
		return
	}
}

func (f *fleet) resume(r *replica) {
	f.t.Helper()
	if err := r.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		f.t.Fatal(err)
	}
}

// kill kills the process, waits until the database has noticed, and starts another in its place.
func (f *fleet) kill(r *replica) {
	f.t.Helper()
	if err := r.cmd.Process.Kill(); err != nil {
		f.t.Fatal(err)
	}
	for m := f.hear(); m.from != r || m.words[0] != "gone"; m = f.hear() {
		if m.from != r {
			f.t.Fatalf("%s speaks while it should rest: %v", m.from.name, m.words)
		}
	}
	eventually(f.t, "the database notices the death", func() bool {
		return one[int](f.t, f.house, `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = $1`, r.name) == 0
	})
	for i := range f.replicas {
		if f.replicas[i] == r {
			f.replicas[i] = f.spawn(r.skew)
		}
	}
}

// cut ends the transaction of a process that stands still, as the server does when it has been idle for too long.
func (f *fleet) cut(r *replica) {
	f.t.Helper()
	ctx := context.WithoutCancel(f.t.Context())
	err := f.as(ctx, f.SuperURL, `SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity
		WHERE datname = current_database() AND state = 'idle in transaction' AND application_name = '`+r.name+`'`)
	if err != nil {
		f.t.Fatal(err)
	}
}

// others are all replicas but one.
func (f *fleet) others(but *replica) (list []*replica) {
	for _, r := range f.replicas {
		if r != but {
			list = append(list, r)
		}
	}
	return list
}

// periods is how many periods of one line have begun by the clock that is ahead most, for a schedule of every so many minutes.
func (f *fleet) periods(every time.Duration) int {
	return int(f.farthest.Truncate(every).Sub(f.first.Truncate(every)) / every)
}

// check fails unless each period that has begun was done once, has one effect, in order, and each run had a fence of its own.
func (f *fleet) check(every time.Duration) {
	f.t.Helper()
	for _, job := range []string{jobSingle, jobSteps} {
		f.onceEach(f.t, job, replicaBooks*f.periods(every))
	}
	type state struct{ periods, open, fences, running int }
	var got state
	err := f.Pool.QueryRow(f.t.Context(), `SELECT (SELECT count(*) FROM job_periods), (SELECT count(*) FROM job_periods WHERE state <> 'done'),
		(SELECT count(*) FROM (SELECT FROM job_attempts GROUP BY kind, book_id, fence HAVING count(*) > 1) twice),
		(SELECT count(*) FROM job_attempts WHERE ending = '')`).Scan(&got.periods, &got.open, &got.fences, &got.running)
	if want := (state{periods: 2 * replicaBooks * f.periods(every)}); err != nil || got != want {
		f.t.Errorf("%+v, want %+v, %v", got, want, err)
	}
}
