package jobs

import (
	"context"
	"slices"
	"strconv"
	"time"

	"mizan/ledger/fault"

	"github.com/jackc/pgx/v5"
)

// History is what ran, what waits, and what will be due.

// ErrPage means that a page of the history cannot be read as asked.
var ErrPage = fault.New(fault.Malformed, "job-page-invalid", "The page cannot be read. Ask for at most 1000 rows, and go on from the last row of the page before.")

// maxPage bounds a page, with one more to see whether there is another.
const maxPage = 1001

// Filter chooses periods. Its zero value chooses all.
type Filter struct {
	// Job is compared exactly where it is not empty, and Book where it is not nil.
	Job  string
	Book *int32
	// State is waiting, running, done or parked, empty for all.
	State string
	// From and Until bound when the period became due: from the first until before the second; zero times bound nothing.
	From, Until time.Time
}

// Page says where to go on. Its zero value is the beginning, which is the newest period.
type Page struct {
	// After is the last row of the page before, nil for the first page.
	After *Mark
	// Limit is the number of rows, at most 1001; 100 if zero.
	Limit int
}

// Mark is the place of a row in the history.
type Mark struct {
	Period time.Time
	Job    string
	Book   int32
}

// Entry is a period as it is remembered.
type Entry struct {
	Mark
	// End is when the next period became due.
	End time.Time
	// State is waiting, running, done or parked.
	State string
	// Extra says that somebody asked for the period beside the schedule.
	Extra bool
	// Fence is that of the last run, 0 before the first, and Attempts how often the period was tried since it last became due.
	Fence    int64
	Attempts int
	// Next is when a period that waits may run.
	Next time.Time
	// By is the process of the last run.
	By string
	// Started and Finished are of the last run, nil where there is none.
	Started, Finished *time.Time
	// Outcome and Items are what the run reported, and Code why it failed.
	Outcome string
	Items   int64
	Code    string
}

// Attempt is one run of a period.
type Attempt struct {
	Fence   int64
	Attempt int
	// By is the process that ran it.
	By      string
	Started time.Time
	// Ended is nil and Ending empty while it runs. Otherwise it was done, failed, released or lost.
	Ended   *time.Time
	Ending  string
	Outcome string
	Items   int64
	Code    string
}

// Status is a job in a book as it stands.
type Status struct {
	Job  string
	Book Book
	// Schedule says when periods become due, as people read it.
	Schedule string
	// Clock is the time of day at which they become due by the clocks of the book, as 02:15; empty for another schedule.
	Clock string
	// Planned reports whether an instance that runs jobs ever planned it here.
	Planned bool
	// Next is the first period that is not planned yet, zero if there is none.
	Next time.Time
	// Open is how many periods wait or run, and Parked how many wait for people, at most 1000.
	Open, Parked int
	// Oldest is the first period that waits or runs, nil if there is none.
	Oldest *time.Time
	// Last is the newest period that is over, nil if there is none.
	Last *time.Time
}

const (
	entryColumns = `p.period, p.kind, p.book_id, p.ends_at, p.state, p.extra, p.fence, p.attempts, p.next_attempt, p.claimed_by, p.started_at, p.finished_at,
       p.outcome, p.items, p.error_code`
	sqlAttempts = `
SELECT fence, attempt, claimed_by, started_at, ended_at, ending, outcome, items, error_code
  FROM job_attempts WHERE kind = $1 AND book_id = $2 AND period = $3 ORDER BY fence DESC LIMIT $4`
	sqlStatus = `
SELECT l.kind, l.book_id, l.planned_until,
       (SELECT count(*) FROM job_periods p WHERE p.kind = l.kind AND p.book_id = l.book_id AND p.state IN ('waiting', 'running')),
       (SELECT count(*) FROM (SELECT FROM job_periods p WHERE p.kind = l.kind AND p.book_id = l.book_id AND p.state = 'parked' LIMIT 1000) parked),
       (SELECT p.period FROM job_periods p WHERE p.kind = l.kind AND p.book_id = l.book_id AND p.state IN ('done', 'parked') ORDER BY p.period DESC LIMIT 1),
       (SELECT min(p.period) FROM job_periods p WHERE p.kind = l.kind AND p.book_id = l.book_id AND p.state IN ('waiting', 'running'))
  FROM job_lines l WHERE l.kind = ANY($1) AND l.book_id >= 0 AND ($2::int IS NULL OR l.book_id = $2)`
)

// History returns periods that the filter chooses, the newest first. It returns ErrPage for a page that cannot be read.
func (s *Service) History(ctx context.Context, f Filter, page Page) ([]Entry, error) {
	set(&page.Limit, 100)
	if page.Limit < 1 || page.Limit > maxPage || !slices.Contains([]string{"", stateWaiting, stateRunning, stateDone, stateParked}, f.State) {
		return nil, ErrPage
	}
	sql, args := historyQuery(f, page)
	var list []Entry
	err := s.config.Pool.ReadTx(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, sql, args...)
		if err != nil {
			return err
		}
		list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (e Entry, err error) {
			err = row.Scan(&e.Period, &e.Job, &e.Book, &e.End, &e.State, &e.Extra, &e.Fence, &e.Attempts, &e.Next, &e.By, &e.Started, &e.Finished,
				&e.Outcome, &e.Items, &e.Code)
			return e, err
		})
		return err
	})
	return list, err
}

// historyQuery makes the statement for the filter. The states stand in it as they are, because the planner knows only so
// that a small index will do.
func historyQuery(f Filter, page Page) (sql string, args []any) {
	given := func(value any) string {
		args = append(args, value)
		return "$" + strconv.Itoa(len(args))
	}
	sql = `SELECT ` + entryColumns + ` FROM job_periods p WHERE p.book_id >= 0`
	if f.Book != nil {
		sql = `SELECT ` + entryColumns + ` FROM job_periods p WHERE p.book_id = ` + given(*f.Book)
	}
	if f.Job != "" {
		sql += ` AND p.kind = ` + given(f.Job)
	}
	switch f.State {
	case stateWaiting:
		sql += ` AND p.state = 'waiting' AND p.state IN ('waiting', 'running')`
	case stateRunning:
		sql += ` AND p.state = 'running' AND p.state IN ('waiting', 'running')`
	case stateDone:
		sql += ` AND p.state = 'done'`
	case stateParked:
		sql += ` AND p.state = 'parked'`
	}
	if !f.From.IsZero() {
		sql += ` AND p.period >= ` + given(f.From)
	}
	if !f.Until.IsZero() {
		sql += ` AND p.period < ` + given(f.Until)
	}
	if a := page.After; a != nil {
		sql += ` AND (p.period, p.kind, p.book_id) < (` + given(a.Period) + `, ` + given(a.Job) + `, ` + given(a.Book) + `)`
	}
	return sql + ` ORDER BY p.period DESC, p.kind DESC, p.book_id DESC LIMIT ` + given(page.Limit), args
}

// Attempts returns the runs of a period, the newest first, at most 1001.
func (s *Service) Attempts(ctx context.Context, period Mark) (list []Attempt, err error) {
	err = s.config.Pool.ReadTx(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, sqlAttempts, period.Job, period.Book, period.Period, maxPage)
		if err != nil {
			return err
		}
		list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (a Attempt, err error) {
			err = row.Scan(&a.Fence, &a.Attempt, &a.By, &a.Started, &a.Ended, &a.Ending, &a.Outcome, &a.Items, &a.Code)
			return a, err
		})
		return err
	})
	return list, err
}

// Jobs returns the jobs of this process with where they run and how they stand, in order of name and book: those of one book,
// 0 for the installation, or of all if book is nil.
func (s *Service) Jobs(ctx context.Context, book *int32) ([]Status, error) {
	places, err := s.places(ctx)
	if err != nil {
		return nil, err
	}
	if book != nil {
		places = slices.DeleteFunc(places, func(p place) bool { return p.book.ID != *book })
	}
	type standing struct {
		planned      time.Time
		open, parked int
		last, oldest *time.Time
	}
	known := map[lineKey]standing{}
	err = s.config.Pool.ReadTx(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, sqlStatus, s.names, book)
		if err != nil {
			return err
		}
		var k lineKey
		var l standing
		_, err = pgx.ForEachRow(rows, []any{&k.job, &k.book, &l.planned, &l.open, &l.parked, &l.last, &l.oldest}, func() error {
			known[k] = l
			return nil
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	var list []Status
	for _, p := range places {
		l, ok := known[lineKey{p.job.Name, p.book.ID}]
		if !ok {
			l.planned = s.now()
		}
		list = append(list, Status{Job: p.job.Name, Book: p.book, Schedule: p.job.Schedule.String(), Clock: clockOf(p.job.Schedule), Planned: ok, Next: p.job.Schedule.Next(l.planned, p.book.Zone),
			Open: l.open, Parked: l.parked, Last: l.last, Oldest: l.oldest})
	}
	return list, nil
}
