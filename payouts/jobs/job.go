package jobs

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"mizan/ledger/fault"
)

// A job is named work that is done once for each period of its schedule; a period is one such time.

var (
	// ErrJobInvalid means that a job cannot be run as described. It is a defect of the program that describes it.
	ErrJobInvalid = fault.New(fault.Invalid, "job-invalid", "The job cannot be run as described. Correct the program that describes it.")
	// ErrUnknown means that this program has no such job, or that the job does not run in that book.
	ErrUnknown = fault.New(fault.NotFound, "job-unknown", "There is no such job here. Look at the list of jobs.")
	// ErrPeriodUnknown means that the job has no such period, or that its row was deleted long after it was over.
	ErrPeriodUnknown = fault.New(fault.NotFound, "job-period-unknown", "The job has no such period in this book. Look at its history.")
	// ErrBusy means that a period cannot be asked for now: the job is running in the book, or the period is still to run.
	ErrBusy = fault.New(fault.Conflict, "job-busy",
		"The job is running in this book, or that period is still going to run. Wait until it is over, then ask again.")
	// ErrReason means that a manual run has no reason, or one that cannot be kept.
	ErrReason = fault.New(fault.Invalid, "job-reason-missing", "Say in at most 2000 characters why the job should run, then ask again.")
	// ErrFenced means that another process has taken the period over, and that the holder must write nothing more.
	ErrFenced = fault.New(fault.Conflict, "job-fenced", "Another process has taken this run over. Nothing was written; look at the job's history.")
)

// Bounds of jobs.
const (
	defaultTimeout     = 10 * time.Minute
	defaultMaxAttempts = 5
	defaultCatchUp     = 100
	maxAttempts        = 100
	maxCatchUp         = 10000
	maxName            = 48
	maxHold            = 24 * time.Hour
)

var namePattern = regexp.MustCompile(`^[a-z][a-z0-9]*([_-][a-z0-9]+)*$`)

// Job is named work.
type Job struct {
	// Name is for ever, because periods are remembered by it: lower-case words joined by _ or -, at most 48 bytes.
	Name string
	// Schedule says when its periods begin.
	Schedule Schedule
	// PerBook says that it runs in each book by itself, and otherwise once for the installation.
	PerBook bool
	// Run does the work of one period. It is called again for the same period after an error, a panic, or the end of its
	// process, so that what it does must come out once: it writes in transactions that begin with Period.Check, or ends
	// its only one with Period.DoneTx. The context ends with the timeout, with the service, and with the fence.
	Run func(ctx context.Context, p Period) (Report, error)
	// Timeout bounds a run; 10 minutes if zero, at most a day.
	Timeout time.Duration
	// MaxAttempts is how often a period is tried before it is parked for people; 5 if zero, at most 100.
	MaxAttempts int
	// CatchUp is how many periods of a book may wait at a time. After an outage, the others are planned as those are over;
	// 100 if zero, at most 10,000.
	CatchUp int
	// Latest says that the newest of the missed periods stands for all of them, since one run finds whatever there is to do. CatchUp
	// is then 1.
	Latest bool
	// Keep is how long a period that was done is remembered after it became due; the service's if zero, and never longer. A
	// job of every minute makes half a million rows a year in each book. Parked periods are kept for as long as the service says.
	Keep time.Duration
	// Pause is the wait after the first failure, by the clock handed in. It doubles with each one, up to an hour; 30 s if zero.
	Pause time.Duration
	// Workers bounds how many books are worked on at the same time in one process; 4 if zero, at most 100.
	Workers int
}

// Book is where a job runs. The zero value is the installation.
type Book struct {
	// ID is the book's number in the database, 0 for the installation.
	ID int32
	// Code is its code, empty for the installation.
	Code string
	// Zone is its time zone, nil for UTC.
	Zone *time.Location
}

// Period is one time of a job, as a run sees it.
type Period struct {
	// Job is the job's name, and Book where it runs.
	Job  string
	Book Book
	// Start is when the period became due, End when the next does.
	Start, End time.Time
	// Fence is above that of every run before it of the same job and book.
	Fence int64
	// Attempt counts the runs of the period: 1, 2, 3 … anew when people ask for it again.
	Attempt int
	// Extra says that people asked for it beside the schedule.
	Extra bool

	service *Service
}

// Report is what a run says of itself. It never holds personal data, because it is kept and shown.
type Report struct {
	// Text is one line of at most 500 bytes; what is longer is cut.
	Text string
	// Items is how many things were dealt with.
	Items int64
}

// maxText bounds a report's text, in bytes.
const maxText = 500

// kept returns the report in the form in which it is kept.
func (r Report) kept() Report {
	text := strings.Map(func(c rune) rune {
		if unicode.IsControl(c) || c == utf8.RuneError {
			return ' '
		}
		return c
	}, strings.ToValidUTF8(r.Text, " "))
	if len(text) > maxText {
		end := maxText
		for !utf8.RuneStart(text[end]) {
			end--
		}
		text = text[:end]
	}
	return Report{Text: strings.TrimSpace(text), Items: max(r.Items, 0)}
}

// complete returns the job with its defaults, or ErrJobInvalid.
func (j Job) complete() (Job, error) {
	var fields []fault.Field
	check := func(ok bool, pointer, message string) {
		if !ok {
			fields = append(fields, fault.Field{Pointer: pointer, Code: "job-field", Message: message})
		}
	}
	check(namePattern.MatchString(j.Name) && len(j.Name) <= maxName, "/name", "A name is lower-case words joined by _ or -, at most 48 bytes.")
	check(j.Schedule != nil, "/schedule", "A job needs a schedule.")
	check(j.Run != nil, "/run", "A job needs a function.")
	check(j.Timeout >= 0 && j.Timeout <= maxHold, "/timeout", "A timeout is at most a day.")
	check(j.MaxAttempts >= 0 && j.MaxAttempts <= maxAttempts, "/max_attempts", "There are at most 100 attempts.")
	check(j.CatchUp >= 0 && j.CatchUp <= maxCatchUp, "/catch_up", "At most 10,000 periods wait at a time.")
	check(j.Pause >= 0 && j.Pause <= longestPause, "/pause", "A pause is at most an hour.")
	check(j.Workers >= 0 && j.Workers <= 100, "/workers", "There are at most 100 workers.")
	if fields != nil {
		return Job{}, ErrJobInvalid.WithFields(fields...)
	}
	set(&j.Timeout, defaultTimeout)
	set(&j.MaxAttempts, defaultMaxAttempts)
	set(&j.CatchUp, defaultCatchUp)
	if j.Latest {
		j.CatchUp = 1
	}
	set(&j.Pause, 30*time.Second)
	set(&j.Workers, 4)
	return j, nil
}

// set gives a value that was left out its default.
func set[T int | time.Duration](value *T, otherwise T) {
	if *value == 0 {
		*value = otherwise
	}
}

// longestPause bounds the wait between two attempts.
const longestPause = time.Hour

// pauseAfter returns how long to wait after so many failures of a period.
func (j Job) pauseAfter(attempts int) time.Duration {
	pause := j.Pause
	for range attempts - 1 {
		if pause *= 2; pause >= longestPause {
			return longestPause
		}
	}
	return pause
}

// object names a period in the audit trail.
func object(job string, start time.Time) string {
	return fmt.Sprintf("job:%s/%s", job, start.UTC().Format(time.RFC3339))
}
