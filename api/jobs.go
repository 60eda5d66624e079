package api

import (
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"time"

	"mizan/api/access"
	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/payouts/jobs"
)

// Jobs: what the service does by itself, what became of each period, and asking for a run. The jobs of a book are asked for
// under the book, so that whoever looks after one book can; those of the installation, and all of them, without.

// jobStatusJSON is a job in a book, or in the installation, as it stands.
type jobStatusJSON struct {
	Job      string  `json:"job" example:"vault_sweep"`
	Book     string  `json:"book" doc:"The code of the book in which it runs; empty for the installation" example:"uk"`
	Schedule string  `json:"schedule" doc:"When its periods begin, in words or as five fields in UTC" example:"30 3 * * * UTC"`
	Next     *string `json:"next" format:"date-time" doc:"When the next period begins that is not planned yet; null if none does"`
	Last     *string `json:"last" format:"date-time" doc:"When the newest period became due that is over; null if there is none"`
	Oldest   *string `json:"oldest_open" format:"date-time" doc:"When the oldest period became due that waits or runs; null if there is none"`
	Open     int     `json:"open" doc:"How many periods wait or run" example:"0"`
	Parked   int     `json:"parked" doc:"How many failed as often as they may and wait for people, at most 1000" example:"0"`
}

type jobStatusListJSON struct {
	Data       []jobStatusJSON `json:"data" nullable:"false" doc:"By job and book"`
	NextCursor *string         `json:"next_cursor" doc:"Send it as cursor for the next page; null on the last one"`
}

// JobPeriodJSON is one period of a job and what became of it. It is exported because huma documents embedded structs only then.
type JobPeriodJSON struct {
	Job        string  `json:"job" example:"vault_sweep"`
	Book       string  `json:"book" doc:"The code of the book; empty for the installation" example:"uk"`
	Period     string  `json:"period" format:"date-time" doc:"When it became due; it is named by that" example:"2026-11-20T03:30:00.000000Z"`
	End        string  `json:"ends_at" format:"date-time" doc:"When the next one does" example:"2026-11-21T03:30:00.000000Z"`
	State      string  `json:"state" enum:"waiting,running,done,parked" doc:"Parked means that it failed as often as it may, and waits for people"`
	Extra      bool    `json:"extra" doc:"Somebody asked for it beside the schedule"`
	Attempts   int     `json:"attempts" doc:"How often it was tried since it last became due" example:"1"`
	Fence      int64   `json:"fence" doc:"The number of the last run, which grows with each; 0 before the first" example:"7"`
	Next       *string `json:"next_attempt_at" format:"date-time" doc:"When it may run, if it waits; null otherwise"`
	By         string  `json:"by" doc:"The process of the last run; empty before the first"`
	StartedAt  *string `json:"started_at" format:"date-time" doc:"When the last run began; null before the first"`
	FinishedAt *string `json:"finished_at" format:"date-time" doc:"When it was over; null before"`
	Outcome    string  `json:"outcome" doc:"What the run said of itself" example:"3 persons were erased"`
	Items      int64   `json:"items" doc:"How many things it dealt with" example:"3"`
	Code       string  `json:"error_code" doc:"Why it failed; empty if it did not"`
}

type jobPeriodListJSON struct {
	Data       []JobPeriodJSON `json:"data" nullable:"false" doc:"The newest first"`
	NextCursor *string         `json:"next_cursor" doc:"Send it as cursor for the next page, with the same filters; null on the last one"`
}

type jobAttemptJSON struct {
	Fence     int64   `json:"fence" doc:"The number of the run" example:"7"`
	Attempt   int     `json:"attempt" doc:"Counts the runs of the period" example:"1"`
	By        string  `json:"by" doc:"The process that ran it"`
	StartedAt string  `json:"started_at" format:"date-time"`
	EndedAt   *string `json:"ended_at" format:"date-time" doc:"Null while it runs"`
	Ending    string  `json:"ending" enum:",done,failed,released,lost" doc:"Released means given back by a process that stopped, lost that its process ended without a word; empty while it runs"`
	Outcome   string  `json:"outcome" doc:"What the run said of itself"`
	Items     int64   `json:"items" doc:"How many things it dealt with"`
	Code      string  `json:"error_code" doc:"Why it failed; empty if it did not"`
}

type jobAttemptListJSON struct {
	JobPeriodJSON
	Data       []jobAttemptJSON `json:"data" nullable:"false" doc:"The runs, the newest first, at most 1000"`
	NextCursor *string          `json:"next_cursor" doc:"Always null"`
}

// jobAskedJSON names the period that a run was asked for.
type jobAskedJSON struct {
	Job    string `json:"job" example:"vault_sweep"`
	Book   string `json:"book" doc:"The code of the book; empty for the installation" example:"uk"`
	Period string `json:"period" format:"date-time" doc:"The period that will run; ask for its attempts to see what becomes of it" example:"2026-11-20T10:00:00.000000Z"`
	Extra  bool   `json:"extra" doc:"It is one beside the schedule"`
}

// NewJobRun is the body that asks for a run.
type NewJobRun struct {
	Period time.Time `json:"period,omitempty" format:"date-time" doc:"The period, which is over, that shall run again; left out, an extra one that is due now" example:"2026-11-20T10:00:00Z"`
	Reason string    `json:"reason" minLength:"1" maxLength:"2000" doc:"Why; it is kept in the audit trail for ever, so nothing personal belongs here" example:"The bank was closed."`
}

type jobListQuery struct {
	Limit  int    `json:"limit,omitempty" minimum:"1" maximum:"1000" default:"100"`
	Cursor string `json:"cursor,omitempty" minLength:"1" doc:"next_cursor of the page before"`
}

type jobHistoryQuery struct {
	Job    string `json:"job,omitempty" maxLength:"48" doc:"Only this job" example:"vault_sweep"`
	State  string `json:"state,omitempty" enum:"waiting,running,done,parked" doc:"Only periods in this state"`
	From   string `json:"from,omitempty" format:"date-time" doc:"Only what became due from this moment on" example:"2026-11-01T00:00:00Z"`
	Until  string `json:"until,omitempty" format:"date-time" doc:"and before this one" example:"2026-12-01T00:00:00Z"`
	Limit  int    `json:"limit,omitempty" minimum:"1" maximum:"1000" default:"100"`
	Cursor string `json:"cursor,omitempty" minLength:"1" doc:"next_cursor of the page before"`
}

// jobsHistoryQuery is jobHistoryQuery over all books.
type jobsHistoryQuery struct {
	Job    string `json:"job,omitempty" maxLength:"48" doc:"Only this job" example:"vault_sweep"`
	Book   string `json:"book,omitempty" maxLength:"32" doc:"Only this book" example:"uk"`
	State  string `json:"state,omitempty" enum:"waiting,running,done,parked" doc:"Only periods in this state"`
	From   string `json:"from,omitempty" format:"date-time" doc:"Only what became due from this moment on" example:"2026-11-01T00:00:00Z"`
	Until  string `json:"until,omitempty" format:"date-time" doc:"and before this one" example:"2026-12-01T00:00:00Z"`
	Limit  int    `json:"limit,omitempty" minimum:"1" maximum:"1000" default:"100"`
	Cursor string `json:"cursor,omitempty" minLength:"1" doc:"next_cursor of the page before"`
}

func jobOperations() []Operation {
	return append(jobsUnder("/v1/books/{book}/jobs", "book-", " of a book", reflect.TypeFor[jobHistoryQuery]()),
		jobsUnder("/v1/jobs", "", "", reflect.TypeFor[jobsHistoryQuery]())...)
}

// jobsUnder makes the operations under a path; infix keeps their names apart, and of says whose jobs they are about.
func jobsUnder(path, infix, of string, history reflect.Type) []Operation {
	whole := infix == ""
	one := of
	if whole {
		one = " of the installation"
	}
	unknown := []*fault.Error{jobs.ErrUnknown, jobs.ErrPeriodUnknown, ErrNotReady}
	list := []Operation{
		{
			Method: http.MethodGet, Path: path, ID: "list-" + infix + "jobs", Summary: "List the jobs" + of,
			Description: "What the service does by itself, when it does it next, and whether anything waits for people.", Scope: access.JobsRead,
			Query:   reflect.TypeFor[jobListQuery](),
			Answers: []Answer{{Status: 200, Meaning: "A page of jobs as they stand.", Body: reflect.TypeFor[jobStatusListJSON]()}},
			Errors:  []*fault.Error{ErrCursor, ErrNotReady}, handle: listJobs,
		},
		{
			Method: http.MethodGet, Path: path + "/history", ID: "list-" + infix + "job-periods", Summary: "List the periods of jobs" + of,
			Description: "What waits, what runs, and what became of the rest. Periods are forgotten 400 days after they became due; those of jobs of every few minutes that were done, after 14 days.", Scope: access.JobsRead,
			Query: history, Answers: []Answer{{Status: 200, Meaning: "A page of periods.", Body: reflect.TypeFor[jobPeriodListJSON]()}},
			Errors: []*fault.Error{ErrCursor, ledger.ErrInvalid, ErrNotReady}, handle: listJobPeriods,
		},
		{
			Method: http.MethodGet, Path: path + "/{job}/periods/{period}/attempts", ID: "list-" + infix + "job-attempts", Summary: "Read a period and its runs" + one,
			Description: "Every run of the period, also those that failed, were given back, or ended with their process.", Scope: access.JobsRead,
			Answers: []Answer{{Status: 200, Meaning: "The period and its runs.", Body: reflect.TypeFor[jobAttemptListJSON]()}}, Errors: unknown, handle: listJobAttempts,
		},
		{
			Method: http.MethodPost, Path: path + "/{job}/runs", ID: "run-" + infix + "job", Summary: "Run a job" + one,
			Description: "Makes a period due again that is over, such as a parked one, or an extra one now. It does not wait for the run: read the period to see what becomes of it. " +
				"Jobs that move money do so once, however often they run.",
			Scope: access.JobsRun, Body: reflect.TypeFor[NewJobRun](), BodyLimit: bodyLimit,
			Answers: []Answer{{Status: 202, Meaning: "Asked for. The period waits, and may have run by the time you read this.", Body: reflect.TypeFor[jobAskedJSON]()}},
			Errors:  append([]*fault.Error{jobs.ErrBusy, jobs.ErrReason}, unknown...), handle: runJob,
		},
	}
	for i := range list {
		list[i].Group, list[i].Installation = "Jobs", whole
	}
	if whole {
		list[1].Errors = append(list[1].Errors, ledger.ErrBookUnknown)
		list[3].Example = map[string]any{"reason": "The bank was closed."}
	}
	return list
}

// jobs is what runs them.
func (c *call) jobs() (*jobs.Service, error) {
	if c.service.jobs == nil {
		return nil, ErrNotReady
	}
	return c.service.jobs, nil
}

func listJobs(c *call) (reply, error) {
	service, err := c.jobs()
	if err != nil {
		return reply{}, err
	}
	limit, after := c.query.limit(), c.position(2)
	if c.query.wrong != nil {
		return reply{}, c.query.wrong
	}
	var of *int32
	if c.op.ofBook() {
		id := int32(c.book.ID)
		of = &id
	}
	all, err := service.Jobs(c.ctx, of)
	if err != nil {
		return reply{}, err
	}
	all = slices.DeleteFunc(all, func(s jobs.Status) bool { return after != nil && !comesAfter(s, after) })
	out := jobStatusListJSON{Data: make([]jobStatusJSON, 0, min(len(all), limit))}
	for _, s := range all[:min(len(all), limit)] {
		out.Data = append(out.Data, jobStatusOf(s))
	}
	if len(all) > limit {
		last := all[limit-1]
		cursor := c.nextCursor(last.Job, strconv.Itoa(int(last.Book.ID)))
		out.NextCursor = &cursor
	}
	return document(http.StatusOK, out)
}

// comesAfter reports whether a job stands after the place of a cursor.
func comesAfter(s jobs.Status, after []string) bool {
	if s.Job != after[0] {
		return s.Job > after[0]
	}
	book, err := strconv.Atoi(after[1])
	return err != nil || int(s.Book.ID) > book
}

func listJobPeriods(c *call) (reply, error) {
	service, err := c.jobs()
	if err != nil {
		return reply{}, err
	}
	limit := c.query.limit()
	filter := jobs.Filter{Job: c.query.text("job"), From: c.query.moment("from", time.Time{}), Until: c.query.moment("until", time.Time{})}
	if c.query.text("state") != "" {
		filter.State = c.query.choice("state", "waiting", "running", "done", "parked")
	}
	if len(filter.Job) > 48 {
		c.query.invalid("job", "text", "This is longer than the name of any job.")
	}
	page := jobs.Page{Limit: limit}
	if at := c.position(3); at != nil {
		period, err1 := strconv.ParseInt(at[0], 10, 64)
		book, err2 := strconv.ParseInt(at[2], 10, 32)
		if err1 != nil || err2 != nil {
			return reply{}, ErrCursor
		}
		page.After = &jobs.Mark{Period: time.UnixMicro(period).UTC(), Job: at[1], Book: int32(book)}
	}
	if c.query.wrong != nil {
		return reply{}, c.query.wrong
	}
	if filter.Book, err = c.jobBook(); err != nil {
		return reply{}, err
	}
	codes, err := service.Codes(c.ctx)
	if err != nil {
		return reply{}, err
	}
	rows, more, err := oneMore(limit, func(limit int) ([]jobs.Entry, error) {
		return service.History(c.ctx, filter, jobs.Page{After: page.After, Limit: limit})
	})
	if err != nil {
		return reply{}, err
	}
	out := jobPeriodListJSON{Data: make([]JobPeriodJSON, len(rows))}
	for i, e := range rows {
		out.Data[i] = jobPeriodOf(e, codes)
	}
	if more {
		last := rows[len(rows)-1]
		cursor := c.nextCursor(strconv.FormatInt(last.Period.UnixMicro(), 10), last.Job, strconv.Itoa(int(last.Book)))
		out.NextCursor = &cursor
	}
	return document(http.StatusOK, out)
}

// jobBook is the book whose periods are asked for: that of the path, that of the query, or nil for all.
func (c *call) jobBook() (*int32, error) {
	id := int32(c.book.ID)
	if c.op.ofBook() {
		return &id, nil
	}
	code := c.query.text("book")
	if code == "" {
		return nil, nil
	}
	if !bookCode.MatchString(code) {
		return nil, ledger.ErrBookUnknown
	}
	book, err := c.service.ledger.Book(c.ctx, code)
	id = int32(book.ID)
	return &id, err
}

// jobPeriod finds the period that the path names.
func (c *call) jobPeriod(service *jobs.Service, start time.Time) (JobPeriodJSON, error) {
	book := int32(c.book.ID)
	found, err := service.History(c.ctx, jobs.Filter{Job: c.param("job"), Book: &book, From: start, Until: start.Add(time.Microsecond)}, jobs.Page{Limit: 1})
	if err != nil {
		return JobPeriodJSON{}, err
	}
	if len(found) == 0 {
		return JobPeriodJSON{}, jobs.ErrPeriodUnknown
	}
	return jobPeriodOf(found[0], map[int32]string{book: c.book.Code}), nil
}

func listJobAttempts(c *call) (reply, error) {
	service, err := c.jobs()
	if err != nil {
		return reply{}, err
	}
	start, ok := parseInstant(c.param("period"))
	if !ok || len(c.param("job")) > 48 {
		return reply{}, jobs.ErrPeriodUnknown
	}
	var out jobAttemptListJSON
	if out.JobPeriodJSON, err = c.jobPeriod(service, start); err != nil {
		return reply{}, err
	}
	runs, err := service.Attempts(c.ctx, jobs.Mark{Job: out.Job, Book: int32(c.book.ID), Period: start})
	if err != nil {
		return reply{}, err
	}
	runs = runs[:min(len(runs), maxLimit)]
	out.Data = make([]jobAttemptJSON, len(runs))
	for i, a := range runs {
		out.Data[i] = jobAttemptJSON{Fence: a.Fence, Attempt: a.Attempt, By: a.By, StartedAt: a.Started.UTC().Format(instantFormat), EndedAt: instantAt(a.Ended),
			Ending: a.Ending, Outcome: a.Outcome, Items: a.Items, Code: a.Code}
	}
	return document(http.StatusOK, out)
}

func runJob(c *call) (reply, error) {
	service, err := c.jobs()
	if err != nil {
		return reply{}, err
	}
	n, err := decodeWith(c, func(d *decoder, at int32) (body NewJobRun) {
		d.object(at, &body)
		return body
	})
	if err != nil {
		return reply{}, err
	}
	start, err := service.RunNow(c.ctx, jobs.Request{Job: c.param("job"), Book: int32(c.book.ID), Period: n.Period, Actor: c.actor(), Why: n.Reason})
	if err != nil {
		return reply{}, err
	}
	// Nothing is read any more: a reading that fails would look as if nothing had been asked for, and callers would ask again.
	return document(http.StatusAccepted, jobAskedJSON{Job: c.param("job"), Book: c.book.Code, Period: start.UTC().Format(instantFormat), Extra: n.Period.IsZero()})
}

func jobStatusOf(s jobs.Status) jobStatusJSON {
	return jobStatusJSON{Job: s.Job, Book: s.Book.Code, Schedule: s.Schedule, Next: instantOf(s.Next), Last: instantAt(s.Last), Oldest: instantAt(s.Oldest), Open: s.Open, Parked: s.Parked}
}

func jobPeriodOf(e jobs.Entry, codes map[int32]string) JobPeriodJSON {
	out := JobPeriodJSON{
		Job: e.Job, Book: codes[e.Book], Period: e.Period.UTC().Format(instantFormat), End: e.End.UTC().Format(instantFormat), State: e.State, Extra: e.Extra,
		Attempts: e.Attempts, Fence: e.Fence, By: e.By, StartedAt: instantAt(e.Started), FinishedAt: instantAt(e.Finished), Outcome: e.Outcome, Items: e.Items, Code: e.Code,
	}
	if e.State == "waiting" {
		out.Next = instantOf(e.Next)
	}
	return out
}

// instantAt writes an instant that may be missing.
func instantAt(at *time.Time) *string {
	if at == nil {
		return nil
	}
	return instantOf(*at)
}
