package console

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"mizan/api/access"
	"mizan/ledger/fault"
	"mizan/ledger/locale"
	"mizan/payouts/jobs"
)

// Jobs: what the service does by itself. What waits for people comes first, because nothing else will happen to it. The page
// of the installation shows every book's too.

type jobsPage struct {
	Whose whose
	Tabs  []tab
	At    string
	// Parked wait for people; MoreParked says that there are more.
	Parked     []jobPeriodLine
	MoreParked bool
	Jobs       []jobLine
	// MoreJobs is how many are not shown.
	MoreJobs int
	// States narrow the history, of which Lines is a page. State, Job, From and Until are what it is narrowed to; Narrowed says that
	// it is by anything but the state. Names are the jobs to choose from.
	States                  []tab
	State, Job, From, Until string
	Narrowed                bool
	Names                   []string
	Lines                   []jobPeriodLine
	Next, First             string
	Form                    string
	MayRun                  bool
	// Whole says that the page is about every book.
	Whole bool
}

// jobLine is a job as it stands.
type jobLine struct {
	jobs.Status
	// Runs is where its form is sent; empty if the visitor cannot ask for a run of it here.
	Runs string
	// BookLink leads to the jobs of its book.
	BookLink string
	// Often says when it becomes due.
	Often string
	Late  bool
}

// Since is when the oldest period that is open became due.
func (l jobLine) Since() string { return l.Oldest.UTC().Format(time.DateTime) }

// usualSchedule is each minute, every few minutes, or a minute of each hour or of one.
var usualSchedule = regexp.MustCompile(`^(?:(\*)|\*/(\d+)|(\d+)) (?:(\*)|(\d+)) \* \* \* UTC$`)

// often says when a job becomes due; a schedule that is not usual stands as it is written.
func (t teller) often(s jobs.Status) string {
	if s.Clock != "" {
		return t.say("jobs.daily", "time", s.Clock)
	}
	m := usualSchedule.FindStringSubmatch(s.Schedule)
	if m == nil {
		return locale.Isolate(s.Schedule)
	}
	each, every, minute, hourly, hour := m[1] != "", m[2], m[3], m[4] != "", m[5]
	switch {
	case each && hourly:
		return t.say("jobs.minutely", "count", 1)
	case every != "" && hourly:
		if n, err := strconv.Atoi(every); err == nil {
			return t.say("jobs.minutely", "count", n)
		}
	case minute == "0" && hourly:
		return t.say("jobs.hourly")
	case minute != "" && hour != "":
		if at, err := time.Parse("15:4", hour+":"+minute); err == nil {
			return t.say("jobs.daily_utc", "time", at.Format("15:04"))
		}
	}
	return locale.Isolate(s.Schedule)
}

// jobPeriodLine is a period in a list.
type jobPeriodLine struct {
	jobs.Entry
	// In is the code of the book, empty for the installation.
	In, Link string
}

// lateAfter is how old a period may be that is not over before the page says so.
const lateAfter = 15 * time.Minute

// jobStates are the states that narrow the history, each with the key of its word.
var jobStates = []struct{ state, key string }{{"", "jobs.pick.all"}, {"waiting", "jobs.pick.waiting"}, {"running", "jobs.pick.running"}, {"done", "jobs.pick.done"}, {"parked", "jobs.parked"}}

func (c *console) jobs(ctx context.Context, r *http.Request) (answer, error) {
	v, o, err := c.staffOf(ctx, r, access.JobsRead)
	if err != nil {
		return answer{}, err
	}
	return c.jobsOf(ctx, v, o, r.URL.Query())
}

func (c *console) jobsOf(ctx context.Context, v *visit, o whose, q url.Values) (answer, error) {
	t := tellerOf(ctx)
	p := jobsPage{Whose: o, Tabs: o.tabs(v.principal(), "Jobs"), At: o.At + "/jobs", State: q.Get("state"), Job: q.Get("job"), From: q.Get("from"), Until: q.Get("until"), Form: c.formToken(v),
		MayRun: mayAll(v.principal(), o.Code, access.JobsRun), Whole: o.Code == ""}
	if !slices.ContainsFunc(jobStates, func(s struct{ state, key string }) bool { return s.state == p.State }) || unusable(p.Job) {
		return answer{}, errQuery
	}
	after, err := jobMark(q.Get("after"))
	if err != nil {
		return answer{}, err
	}
	if err := c.jobLines(ctx, o, &p); err != nil {
		return answer{}, err
	}
	codes, err := c.Jobs.Codes(ctx)
	if err != nil {
		return answer{}, err
	}
	filter := jobs.Filter{State: "parked"}
	if !p.Whole {
		filter.Book = &o.ID
	}
	parked, err := c.Jobs.History(ctx, filter, jobs.Page{Limit: parkedShown + 1})
	if err != nil {
		return answer{}, err
	}
	p.MoreParked = len(parked) > parkedShown
	p.Parked = jobPeriodLines(parked[:min(len(parked), parkedShown)], codes)
	filter.State, filter.Job = p.State, p.Job
	if filter.From, err = dayOf(p.From, 0); err != nil {
		return answer{}, err
	}
	if filter.Until, err = dayOf(p.Until, 1); err != nil {
		return answer{}, err
	}
	p.Narrowed = p.Job != "" || p.From != "" || p.Until != ""
	list, err := c.Jobs.History(ctx, filter, jobs.Page{After: after, Limit: jobPeriodsPerPage + 1})
	if err != nil {
		return answer{}, err
	}
	here := []string{"state", p.State, "job", p.Job, "from", p.From, "until", p.Until}
	if after != nil {
		p.First = narrowedTo(p.At, here...)
	}
	if len(list) > jobPeriodsPerPage {
		list = list[:jobPeriodsPerPage]
		last := list[jobPeriodsPerPage-1]
		p.Next = narrowedTo(p.At, append(here, "after", last.Period.UTC().Format(time.RFC3339Nano)+","+last.Job+","+strconv.Itoa(int(last.Book)))...)
	}
	p.Lines = jobPeriodLines(list, codes)
	for _, s := range jobStates {
		p.States = append(p.States, tab{link{t.say(s.key), narrowedTo(p.At, "state", s.state, "job", p.Job, "from", p.From, "until", p.Until)}, s.state == p.State})
	}
	return answer{Title: t.say("jobs.title"), Trail: o.trail(), Active: "desk", Data: p}, nil
}

// jobLines adds the jobs as they stand: those with trouble first, then those of the installation.
func (c *console) jobLines(ctx context.Context, o whose, p *jobsPage) error {
	var of *int32
	if !p.Whole {
		of = &o.ID
	}
	list, err := c.Jobs.Jobs(ctx, of)
	if err != nil {
		return err
	}
	for _, s := range list {
		l := jobLine{Status: s, Often: tellerOf(ctx).often(s), Late: s.Oldest != nil && c.Now().Sub(*s.Oldest) > lateAfter}
		if s.Book.ID == o.ID && p.MayRun {
			l.Runs = p.At + "/" + s.Job + "/runs"
		}
		if s.Book.Code != "" && p.Whole {
			l.BookLink = jobsAt(s.Book.Code)
		}
		p.Jobs = append(p.Jobs, l)
		if !slices.Contains(p.Names, s.Job) {
			p.Names = append(p.Names, s.Job)
		}
	}
	slices.SortFunc(p.Jobs, func(a, b jobLine) int {
		return cmp.Or(rank(b)-rank(a), cmp.Compare(min(a.Book.ID, 1), min(b.Book.ID, 1)), cmp.Compare(a.Job, b.Job), cmp.Compare(a.Book.Code, b.Book.Code))
	})
	p.MoreJobs = max(0, len(p.Jobs)-jobsShown)
	p.Jobs = p.Jobs[:len(p.Jobs)-p.MoreJobs]
	return nil
}

// rank is the higher the more a job needs people.
func rank(l jobLine) int {
	switch {
	case l.Parked > 0:
		return 2
	case l.Late:
		return 1
	default:
		return 0
	}
}

// jobsAt is where the jobs of a book are shown; those of the installation for no code.
func jobsAt(code string) string {
	if code == "" {
		return "/console/jobs"
	}
	return "/console/books/" + code + "/jobs"
}

func jobPeriodLines(list []jobs.Entry, codes map[int32]string) (lines []jobPeriodLine) {
	for _, e := range list {
		lines = append(lines, jobPeriodLine{Entry: e, In: codes[e.Book], Link: periodAddress(codes[e.Book], e.Job, e.Period)})
	}
	return lines
}

func periodAddress(code, job string, period time.Time) string {
	return jobsAt(code) + "/" + job + "/periods/" + period.UTC().Format(time.RFC3339Nano)
}

// jobMark reads "time,job,book" from an address; nil for none.
func jobMark(s string) (*jobs.Mark, error) {
	if s == "" {
		return nil, nil
	}
	parts := strings.Split(s, ",")
	if len(parts) != 3 || unusable(parts[1]) {
		return nil, errQuery
	}
	at, err := time.Parse(time.RFC3339Nano, parts[0])
	book, bad := strconv.ParseInt(parts[2], 10, 32)
	if err != nil || bad != nil || book < 0 {
		return nil, errQuery
	}
	return &jobs.Mark{Period: at, Job: parts[1], Book: int32(book)}, nil
}

type jobPeriodPage struct {
	Whose  whose
	Tabs   []tab
	Period jobPeriodLine
	Over   bool
	Runs   []jobs.Attempt
	At     string
	// Again is the period as the form sends it.
	Again       string
	Form        string
	MayRun      bool
	GivenReason string
}

// attemptsShown bounds the runs that a page shows.
const attemptsShown = 100

func (c *console) jobPeriod(ctx context.Context, r *http.Request) (answer, error) {
	v, o, err := c.staffOf(ctx, r, access.JobsRead)
	if err != nil {
		return answer{}, err
	}
	start, err := time.Parse(time.RFC3339Nano, r.PathValue("period"))
	if err != nil {
		return answer{}, errNoPage
	}
	return c.jobPeriodOf(ctx, v, o, r.PathValue("job"), start)
}

func (c *console) jobPeriodOf(ctx context.Context, v *visit, o whose, job string, start time.Time) (answer, error) {
	if unusable(job) {
		return answer{}, errNoPage
	}
	found, err := c.Jobs.History(ctx, jobs.Filter{Job: job, Book: &o.ID, From: start, Until: start.Add(time.Microsecond)}, jobs.Page{Limit: 1})
	if err != nil {
		return answer{}, err
	}
	if len(found) == 0 {
		return answer{}, errNoPage
	}
	e := found[0]
	p := jobPeriodPage{Whose: o, Tabs: o.tabs(v.principal(), ""), Period: jobPeriodLines(found, map[int32]string{o.ID: o.Code})[0], Over: e.State == "done" || e.State == "parked",
		At: o.At + "/jobs/" + job + "/runs", Again: e.Period.UTC().Format(time.RFC3339Nano), Form: c.formToken(v), MayRun: mayAll(v.principal(), o.Code, access.JobsRun)}
	if p.Runs, err = c.Jobs.Attempts(ctx, e.Mark); err != nil {
		return answer{}, err
	}
	p.Runs = p.Runs[:min(len(p.Runs), attemptsShown)]
	return answer{Title: job, Trail: o.trail(link{tellerOf(ctx).say("jobs.title"), o.At + "/jobs"}), Active: "desk", Data: p}, nil
}

// jobRun asks for a run, and ends on the page of the period that will run.
func (c *console) jobRun(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), pageTimeout)
	defer cancel()
	v, o, err := c.staffOf(ctx, r, access.JobsRead)
	if err != nil {
		return err
	}
	if err := v.principal().Allow(access.JobsRun, o.Code); err != nil {
		return access.ErrForbidden
	}
	job, ask := r.PathValue("job"), jobs.Request{Job: r.PathValue("job"), Book: o.ID, Actor: v.actor(), Why: r.PostForm.Get("reason")}
	if given := r.PostForm.Get("period"); given != "" {
		if ask.Period, err = time.Parse(time.RFC3339Nano, given); err != nil {
			return errFormRead
		}
	}
	start, err := c.Jobs.RunNow(ctx, ask)
	if err == nil {
		http.Redirect(w, r, periodAddress(o.Code, job, start), http.StatusSeeOther)
		return nil
	}
	return c.notRun(ctx, w, r, v, o, ask, err)
}

// notRun shows the page that the form stood on, and why nothing will run.
func (c *console) notRun(ctx context.Context, w http.ResponseWriter, r *http.Request, v *visit, o whose, ask jobs.Request, cause error) error {
	var known *fault.Error
	if !errors.As(cause, &known) || known.Kind == fault.Internal || known.Kind == fault.NotFound {
		return cause
	}
	var a answer
	var err error
	name := "jobs"
	if ask.Period.IsZero() {
		a, err = c.jobsOf(ctx, v, o, url.Values{})
	} else {
		name = "job"
		a, err = c.jobPeriodOf(ctx, v, o, ask.Job, ask.Period)
	}
	if err != nil {
		return err
	}
	if p, ok := a.Data.(jobPeriodPage); ok {
		p.GivenReason = ask.Why
		a.Data = p
	}
	a.Status, a.Notice = statusOf(known.Kind), &notice{Heading: tellerOf(ctx).say("jobs.undone"), Message: tellerOf(ctx).problem(known)}
	c.render(w, r, a.Status, name, a)
	return nil
}
