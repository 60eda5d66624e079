package main

// Job: what the service does by itself, looked at and asked for through the API.

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"mizan/api/client"
)

type jobCmd struct {
	List    jobListCmd    `cmd:"" help:"List the jobs, when they come next, and whether anything waits for people."`
	History jobHistoryCmd `cmd:"" help:"List what ran, what waits, and what failed."`
	Show    jobShowCmd    `cmd:"" help:"Print one period with its runs."`
	Run     jobRunCmd     `cmd:"" help:"Ask for a run: of a period that is over, or of an extra one now."`
}

// jobFlags say whose jobs are meant.
type jobFlags struct {
	remoteFlags
	Book string `help:"Code of the book; without it the installation, and for lists everything." placeholder:"CODE"`
	JSON bool   `name:"json" help:"Print JSON."`
}

// askJobs prints what fn returns, as JSON or with show.
func askJobs[T any](c jobFlags, s *surroundings, fn func(*client.Client) (T, error), show func(io.Writer, T) error) error {
	remote, err := c.connect(s)
	if err != nil {
		return err
	}
	defer remote.CloseIdleConnections()
	got, err := fn(remote)
	if err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(s.stdout, got)
	}
	return show(s.stdout, got)
}

// maxJobLines bounds what is printed of jobs.
const maxJobLines = 10_000

type jobListCmd struct{ jobFlags }

// Run prints one line per job and book.
func (c *jobListCmd) Run(ctx context.Context, s *surroundings) error {
	return askJobs(c.jobFlags, s, func(remote *client.Client) ([]client.JobStatus, error) {
		return client.Collect(remote.Jobs(ctx, c.Book), maxJobLines)
	}, func(w io.Writer, list []client.JobStatus) error {
		t := newTable("JOB", "BOOK", "NEXT", "LAST", ">OPEN", ">PARKED", "SCHEDULE")
		for _, j := range list {
			t.add(j.Job, orInstallation(j.Book), moment(j.Next), moment(j.Last), fmt.Sprint(j.Open), fmt.Sprint(j.Parked), j.Schedule)
		}
		return t.write(w, "")
	})
}

// orInstallation names the place without a code.
func orInstallation(book string) string {
	if book == "" {
		return "-"
	}
	return book
}

type jobHistoryCmd struct {
	jobFlags
	Job   string    `help:"Only this job." placeholder:"JOB"`
	State string    `help:"Only periods in this state: waiting, running, done or parked." enum:",waiting,running,done,parked" default:"" placeholder:"STATE"`
	From  time.Time `help:"Only what became due from this moment on, such as 2026-11-20T00:00:00Z." placeholder:"TIME"`
	Until time.Time `help:"And before this one." placeholder:"TIME"`
	Limit int       `help:"How many, 1 to 10000." default:"100" placeholder:"N"`
}

// Run prints one line per period, the newest first.
func (c *jobHistoryCmd) Run(ctx context.Context, s *surroundings) error {
	if c.Limit < 1 || c.Limit > maxJobLines {
		return usageError("--limit is 1 to 10000.")
	}
	return askJobs(c.jobFlags, s, func(remote *client.Client) ([]client.JobPeriod, error) {
		return client.Collect(remote.JobHistory(ctx, c.Book, client.JobQuery{Job: c.Job, State: c.State, From: c.From, Until: c.Until}), c.Limit)
	}, func(w io.Writer, list []client.JobPeriod) error {
		t := newTable("PERIOD", "JOB", "BOOK", "STATE", ">TRIES", "FINISHED", ">ITEMS", "OUTCOME")
		for _, p := range list {
			t.add(p.Period.UTC().Format(time.RFC3339Nano), p.Job, orInstallation(p.Book), p.State, fmt.Sprint(p.Attempts), moment(p.FinishedAt), fmt.Sprint(p.Items), outcomeOf(p.ErrorCode, p.Outcome))
		}
		return t.write(w, "")
	})
}

// outcomeOf says in one line what came of a run.
func outcomeOf(code, outcome string) string {
	if code != "" && outcome != "" {
		return code + ": " + firstLine(outcome)
	}
	return code + firstLine(outcome)
}

type jobShowCmd struct {
	jobFlags
	Job    string    `arg:"" help:"The job."`
	Period time.Time `arg:"" help:"The period, as mizan job history prints it."`
}

// Run prints the period and its runs.
func (c *jobShowCmd) Run(ctx context.Context, s *surroundings) error {
	return askJobs(c.jobFlags, s, func(remote *client.Client) (client.JobRuns, error) {
		return remote.JobRuns(ctx, c.Book, c.Job, c.Period)
	}, func(w io.Writer, r client.JobRuns) error {
		if err := showPeriod(w, r.JobPeriod); err != nil || len(r.Runs) == 0 {
			return err
		}
		t := newTable(">FENCE", ">TRY", "STARTED", "ENDED", "ENDING", "BY", ">ITEMS", "OUTCOME")
		for _, a := range r.Runs {
			ending := a.Ending
			if ending == "" {
				ending = "running"
			}
			t.add(fmt.Sprint(a.Fence), fmt.Sprint(a.Attempt), moment(&a.StartedAt), moment(a.EndedAt), ending, a.By, fmt.Sprint(a.Items), outcomeOf(a.ErrorCode, a.Outcome))
		}
		return t.write(w, "")
	})
}

func showPeriod(w io.Writer, p client.JobPeriod) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %s  %s  %s\n", p.Job, orInstallation(p.Book), p.Period.UTC().Format(time.RFC3339Nano), p.State)
	if p.Extra {
		b.WriteString("asked for beside the schedule\n")
	}
	if p.Next != nil {
		fmt.Fprintf(&b, "may run at %s UTC\n", moment(p.Next))
	}
	if said := outcomeOf(p.ErrorCode, p.Outcome); said != "" {
		fmt.Fprintf(&b, "%s\n", said)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

type jobRunCmd struct {
	jobFlags
	Job    string    `arg:"" help:"The job."`
	Period time.Time `help:"The period that is to run again, as mizan job history prints it; without it an extra one now." placeholder:"TIME"`
	Reason string    `required:"" help:"Why; it stays in the audit trail."`
}

// Run asks, and prints the period that will run.
func (c *jobRunCmd) Run(ctx context.Context, s *surroundings) error {
	return askJobs(c.jobFlags, s, func(remote *client.Client) (client.JobAsked, error) {
		n := client.NewJobRun{Reason: c.Reason}
		if !c.Period.IsZero() {
			n.Period = &c.Period
		}
		return remote.RunJob(ctx, c.Book, c.Job, n)
	}, func(w io.Writer, a client.JobAsked) error {
		beside := ""
		if a.Extra {
			beside = "  beside the schedule"
		}
		_, err := fmt.Fprintf(w, "%s  %s  %s%s\n", a.Job, orInstallation(a.Book), a.Period.UTC().Format(time.RFC3339Nano), beside)
		return err
	})
}
