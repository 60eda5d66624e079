package client

// Job: what the service does by itself. The empty book stands for the installation, and in lists for everything.

import (
	"context"
	"iter"
	"net/url"
	"time"
)

// JobStatus is a job in a book, or in the installation, as it stands.
type JobStatus struct {
	Job string `json:"job"`
	// Book is empty for the installation.
	Book     string `json:"book"`
	Schedule string `json:"schedule"`
	// Next is the first period that is not planned yet, Last the newest that is over, Oldest the oldest that is open.
	Next   *time.Time `json:"next"`
	Last   *time.Time `json:"last"`
	Oldest *time.Time `json:"oldest_open"`
	// Open counts the periods that wait or run, Parked those that wait for people.
	Open   int `json:"open"`
	Parked int `json:"parked"`
}

// JobPeriod is one period of a job and what became of it.
type JobPeriod struct {
	Job    string    `json:"job"`
	Book   string    `json:"book"`
	Period time.Time `json:"period"`
	End    time.Time `json:"ends_at"`
	// State is waiting, running, done or parked.
	State string `json:"state"`
	// Extra says that somebody asked for it beside the schedule.
	Extra      bool       `json:"extra"`
	Attempts   int        `json:"attempts"`
	Fence      int64      `json:"fence"`
	Next       *time.Time `json:"next_attempt_at"`
	By         string     `json:"by"`
	StartedAt  *time.Time `json:"started_at"`
	FinishedAt *time.Time `json:"finished_at"`
	// Outcome and Items are what the run said of itself, ErrorCode why it failed.
	Outcome   string `json:"outcome"`
	Items     int64  `json:"items"`
	ErrorCode string `json:"error_code"`
}

// JobAttempt is one run of a period.
type JobAttempt struct {
	Fence     int64      `json:"fence"`
	Attempt   int        `json:"attempt"`
	By        string     `json:"by"`
	StartedAt time.Time  `json:"started_at"`
	EndedAt   *time.Time `json:"ended_at"`
	// Ending is done, failed, released or lost; empty while it runs.
	Ending    string `json:"ending"`
	Outcome   string `json:"outcome"`
	Items     int64  `json:"items"`
	ErrorCode string `json:"error_code"`
}

// JobRuns is a period with its runs, the newest first.
type JobRuns struct {
	JobPeriod
	Runs []JobAttempt `json:"data"`
}

// JobQuery chooses periods; its zero value chooses all.
type JobQuery struct {
	Job, State  string
	From, Until time.Time
}

// JobAsked names the period that a run was asked for.
type JobAsked struct {
	Job    string    `json:"job"`
	Book   string    `json:"book"`
	Period time.Time `json:"period"`
	// Extra says that it is one beside the schedule.
	Extra bool `json:"extra"`
}

// NewJobRun asks for a run of a period that is over, or of an extra one if Period is nil.
type NewJobRun struct {
	Period *time.Time `json:"period,omitempty"`
	Reason string     `json:"reason"`
}

// Jobs lists the jobs of a book; of every book and of the installation if the book is empty.
func (c *Client) Jobs(ctx context.Context, book string) iter.Seq2[JobStatus, error] {
	return walk[JobStatus](ctx, c, under(book, "jobs"), nil)
}

// JobHistory lists periods, the newest first: of a book, or of every book and of the installation if the book is empty.
func (c *Client) JobHistory(ctx context.Context, book string, q JobQuery) iter.Seq2[JobPeriod, error] {
	query := url.Values{}
	set(query, "job", q.Job)
	set(query, "state", q.State)
	if !q.From.IsZero() {
		query.Set("from", q.From.UTC().Format(time.RFC3339Nano))
	}
	if !q.Until.IsZero() {
		query.Set("until", q.Until.UTC().Format(time.RFC3339Nano))
	}
	return walk[JobPeriod](ctx, c, under(book, "jobs", "history"), query)
}

// JobRuns returns a period with its runs.
func (c *Client) JobRuns(ctx context.Context, book, job string, period time.Time) (JobRuns, error) {
	var r JobRuns
	err := c.get(ctx, under(book, "jobs", job, "periods", period.UTC().Format(time.RFC3339Nano), "attempts"), nil, &r)
	return r, err
}

// RunJob asks for a run and does not wait for it. It is not sent again when an answer was lost: look at the history.
func (c *Client) RunJob(ctx context.Context, book, job string, n NewJobRun) (JobAsked, error) {
	var p JobAsked
	err := c.postOnce(ctx, under(book, "jobs", job, "runs"), n, &p)
	return p, err
}
