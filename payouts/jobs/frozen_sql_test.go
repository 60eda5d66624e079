package jobs_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger/guard"
	"mizan/ledger/postgres"
	"mizan/payouts/jobs"
)

// What a process needs to hold a period: the address of the database, and whether it holds it in a transaction.
const (
	envHolder = "MIZAN_TEST_JOBS_DATABASE"
	envInside = "MIZAN_TEST_JOBS_INSIDE"
)

// shortLease is that of a process that will be frozen. It is also how long its transactions may be idle, so it is longer than a
// busy machine keeps a process from running.
const shortLease = 3 * time.Second

// hold is a process of its own: it takes the period that is due, says so, waits for a line, writes, and says how that went.
func hold(ctx context.Context) error {
	pool, err := postgres.Open(ctx, os.Getenv(envHolder), postgres.Options{Undurable: true, IdleInTransactionTimeout: shortLease})
	if err != nil {
		return err
	}
	defer pool.Close()
	now := func() time.Time { return start.Add(time.Minute) }
	every, err := jobs.Cron("* * * * *")
	if err != nil {
		return err
	}
	pause := func() {
		fmt.Println("holding")
		_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
	}
	inside := os.Getenv(envInside) != ""
	s, err := jobs.New(jobs.Config{Pool: pool, Now: now, Trail: guard.NewTrail(pool, now), Lease: shortLease,
		Observe: func(e jobs.Event) { fmt.Println("event", e.Kind) },
		Jobs: []jobs.Job{{Name: "release", Schedule: every, Run: func(ctx context.Context, p jobs.Period) (jobs.Report, error) {
			if !inside {
				pause()
			}
			err := pool.Tx(context.WithoutCancel(ctx), func(tx pgx.Tx) error {
				if err := p.Check(context.WithoutCancel(ctx), tx); err != nil {
					return err
				}
				if inside {
					pause()
				}
				return insert(context.WithoutCancel(ctx), tx, p)
			})
			fmt.Println("written", err == nil)
			return jobs.Report{}, err
		}}}})
	if err != nil {
		return err
	}
	_, err = s.RunDue(ctx)
	return err
}

// A process is stopped by SIGSTOP while it holds a period, outside and inside of its transaction. When its lease has
// ended another does the work; when it goes on, it writes nothing.
func TestFrozenProcessIsFenced(t *testing.T) {
	t.Parallel()
	for name, inside := range map[string]string{"outside": "", "inside": "yes"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			s := h.service(t, h.minutely(t, "release"))
			run(t, s)
			h.clock.move(time.Minute)
			frozen := exec.CommandContext(t.Context(), os.Args[0])
			frozen.Env = append(os.Environ(), envHolder+"="+h.AppURL, envInside+"="+inside)
			in, err := frozen.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			out, err := frozen.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := frozen.Start(); err != nil {
				t.Fatal(err)
			}
			lines := bufio.NewReader(out)
			for line := ""; line != "holding\n"; {
				if line, err = lines.ReadString('\n'); err != nil {
					t.Fatalf("%q, %v", line, err)
				}
			}
			if err := frozen.Process.Signal(syscall.SIGSTOP); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the period is taken over", func() bool { return run(t, s) == 1 })
			if err := frozen.Process.Signal(syscall.SIGCONT); err != nil {
				t.Fatal(err)
			}
			if _, err := in.Write([]byte("go on\n")); err != nil {
				t.Fatal(err)
			}
			said, err := io.ReadAll(lines)
			if err != nil {
				t.Fatal(err)
			}
			if err := frozen.Wait(); err != nil || !strings.Contains(string(said), "written false") || !strings.Contains(string(said), "event "+jobs.Fenced) {
				t.Errorf("%v, %s", err, said)
			}
			h.onceEach(t, "release", 1)
			if got := one[string](t, h, `SELECT string_agg(ending, ' ' ORDER BY fence) FROM job_attempts`); got != "lost done" {
				t.Errorf("attempts ended %s", got)
			}
		})
	}
}
