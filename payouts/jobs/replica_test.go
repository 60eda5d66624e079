package jobs_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger/guard"
	"mizan/ledger/postgres"
	"mizan/payouts/jobs"
)

// A replica is a process of its own that plans and runs jobs on a shared database when a test tells it to. It says where in
// a run it is and waits there for an answer, so that the test can stop, kill or overtake it at that very point.

// What a replica needs: the address of the database, its name there, the file with the time, how far its clock is off, and
// when its jobs are due.
const (
	envReplica      = "MIZAN_TEST_JOBS_REPLICA"
	envReplicaName  = "MIZAN_TEST_JOBS_REPLICA_NAME"
	envReplicaClock = "MIZAN_TEST_JOBS_REPLICA_CLOCK"
	envReplicaSkew  = "MIZAN_TEST_JOBS_REPLICA_SKEW"
	envReplicaSpec  = "MIZAN_TEST_JOBS_REPLICA_SPEC"
)

// Points of a run.
const (
	atBegun     = "begun"     // before Check
	atChecked   = "checked"   // in the transaction, after Check
	atWritten   = "written"   // in the transaction, after the effect
	atEnded     = "ended"     // in the transaction that ends the period too
	atBetween   = "between"   // between two transactions of one run
	atCommitted = "committed" // after the last commit, before the report
)

// Jobs of a replica: one that ends its period with its only transaction, and one of two transactions, of which each comes
// out once by a key of its own.
const (
	jobSingle = "single"
	jobSteps  = "steps"
)

var pointsOf = map[string][]string{
	jobSingle: {atBegun, atChecked, atWritten, atEnded, atCommitted},
	jobSteps:  {atBegun, atChecked, atWritten, atBetween, atCommitted},
}

// replicaCatchUp is how many periods of a line of replicas wait at a time.
const replicaCatchUp = 25

// replicaBooks is in how many books the jobs of replicas run.
const replicaBooks = 2

// replicaLease is so long that it ends only when a test says so.
const replicaLease = time.Hour

// replicaProcess is the life of a replica.
type replicaProcess struct {
	pool  *postgres.Pool
	in    *bufio.Scanner
	gates bool
}

// replicate runs a replica until its input ends.
func replicate(ctx context.Context) error {
	skew, err := time.ParseDuration(os.Getenv(envReplicaSkew))
	if err != nil {
		return err
	}
	every, err := jobs.Cron(os.Getenv(envReplicaSpec))
	if err != nil {
		return err
	}
	pool, err := postgres.Open(ctx, os.Getenv(envReplica), postgres.Options{ApplicationName: os.Getenv(envReplicaName), MaxConns: 3, Undurable: true})
	if err != nil {
		return err
	}
	defer pool.Close()
	p := &replicaProcess{pool: pool, in: bufio.NewScanner(os.Stdin)}
	clock := os.Getenv(envReplicaClock)
	now := func() time.Time { return fileTime(clock).Add(skew) }
	job := func(name string, run func(context.Context, jobs.Period) (jobs.Report, error)) jobs.Job {
		return jobs.Job{Name: name, Schedule: every, PerBook: true, Run: run, MaxAttempts: 100, CatchUp: replicaCatchUp}
	}
	s, err := jobs.New(jobs.Config{Pool: pool, Now: now, Trail: guard.NewTrail(pool, now), Lease: replicaLease,
		Books: func(context.Context) ([]jobs.Book, error) { return books(replicaBooks), nil },
		Jobs:  []jobs.Job{job(jobSingle, p.single), job(jobSteps, p.steps)},
		Observe: func(e jobs.Event) {
			switch e.Kind {
			case jobs.Started, jobs.Done:
			default:
				fmt.Println("event", e.Kind, e.Items)
			}
		}})
	if err != nil {
		return err
	}
	for p.in.Scan() {
		p.gates = p.in.Text() == "go gates"
		_, err := s.Tick(ctx)
		runs := 0
		if err == nil {
			runs, err = s.RunDue(ctx)
		}
		if err != nil {
			fmt.Println("error", strings.ReplaceAll(err.Error(), "\n", " "))
		}
		fmt.Println("rest", runs)
	}
	return p.in.Err()
}

// fileTime reads the shared clock. Whoever moves it puts another file in its place, so that it is always whole.
func fileTime(path string) time.Time {
	text, err := os.ReadFile(path)
	if err != nil {
		panic(err)
	}
	micros, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil {
		panic(err)
	}
	return time.UnixMicro(micros).UTC()
}

// gate says where the run is, and waits.
func (r *replicaProcess) gate(p jobs.Period, point string) {
	if !r.gates {
		return
	}
	fmt.Println("at", p.Job, point, p.Book.ID, p.Start.Unix(), p.Fence)
	r.in.Scan()
}

// told says how the writing of a run ended. It goes on after its context, as a process does that was paused in between.
func told(err error) error {
	switch {
	case err == nil:
		fmt.Println("wrote ok")
	case errors.Is(err, jobs.ErrFenced):
		fmt.Println("wrote refused")
	default:
		fmt.Println("wrote cut")
	}
	return err
}

// single writes its effect and ends its period in one transaction. Nothing but the fence keeps it from writing twice.
func (r *replicaProcess) single(ctx context.Context, p jobs.Period) (jobs.Report, error) {
	ctx = context.WithoutCancel(ctx)
	r.gate(p, atBegun)
	err := r.pool.Tx(ctx, func(tx pgx.Tx) error {
		if err := p.Check(ctx, tx); err != nil {
			return err
		}
		r.gate(p, atChecked)
		if err := insert(ctx, tx, p); err != nil {
			return err
		}
		r.gate(p, atWritten)
		if err := p.DoneTx(ctx, tx, jobs.Report{Items: 1}); err != nil {
			return err
		}
		r.gate(p, atEnded)
		return nil
	})
	if err == nil {
		r.gate(p, atCommitted)
	}
	return jobs.Report{}, told(err)
}

// steps writes in two transactions, and reports after them.
func (r *replicaProcess) steps(ctx context.Context, p jobs.Period) (jobs.Report, error) {
	ctx = context.WithoutCancel(ctx)
	r.gate(p, atBegun)
	err := r.pool.Tx(ctx, func(tx pgx.Tx) error {
		if err := p.Check(ctx, tx); err != nil {
			return err
		}
		r.gate(p, atChecked)
		err := r.step(ctx, tx, p)
		r.gate(p, atWritten)
		return err
	})
	if err == nil {
		r.gate(p, atBetween)
		err = r.pool.Tx(ctx, func(tx pgx.Tx) error { return errors.Join(p.Check(ctx, tx), r.step(ctx, tx, p)) })
	}
	if err == nil {
		r.gate(p, atCommitted)
	}
	return jobs.Report{Items: 1}, told(err)
}

// step writes the effect of a period where it is not there yet.
func (r *replicaProcess) step(ctx context.Context, tx pgx.Tx, p jobs.Period) error {
	_, err := tx.Exec(ctx, `INSERT INTO work_done (kind, book_id, period, fence) SELECT $1, $2, $3, $4
		WHERE NOT EXISTS (SELECT FROM work_done WHERE kind = $1 AND book_id = $2 AND period = $3)`, p.Job, p.Book.ID, p.Start, p.Fence)
	return err
}
