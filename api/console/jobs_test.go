package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"mizan/api/access"
	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/guard"
	"mizan/payouts/jobs"
)

const jobCanary = "GB33BUKB20201555555555"

var errTestJob = fault.New(fault.Unavailable, "test-job", "The bank does not answer.")

// newJobs makes the jobs of the tests, which run only when a test says so.
func newJobs(h *house, l *ledger.Ledger) *jobs.Service {
	daily, err := jobs.Cron("30 3 * * *")
	if err != nil {
		panic(err)
	}
	s, err := jobs.New(jobs.Config{Pool: h.pool, Now: h.now, Trail: h.trail, Jobs: []jobs.Job{
		{Name: "sweep", Schedule: daily, MaxAttempts: 1, Run: func(context.Context, jobs.Period) (jobs.Report, error) {
			h.mu.Lock()
			defer h.mu.Unlock()
			if h.jobFails {
				return jobs.Report{Text: "stopped at <b>the third</b>"}, errors.Join(errTestJob, errors.New(jobCanary))
			}
			return jobs.Report{Text: "3 persons were erased", Items: 3}, nil
		}},
		{Name: "count", Schedule: jobs.LocalMidnight(), PerBook: true, Run: func(_ context.Context, p jobs.Period) (jobs.Report, error) {
			return jobs.Report{Text: "counted in " + p.Book.Code, Items: 1}, nil
		}},
	}, Books: func(ctx context.Context) (list []jobs.Book, err error) {
		all, err := l.Books(ctx, "", 1000)
		for _, b := range all {
			list = append(list, jobs.Book{ID: int32(b.ID), Code: b.Code, Zone: b.Location()})
		}
		return list, err
	}})
	if err != nil {
		panic(err)
	}
	return s
}

// runDue runs what is due.
func (h *house) runDue() {
	h.t.Helper()
	if _, err := h.jobs.RunDue(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
}

// runJob asks for a run and makes it.
func (h *house) runJob(name string, book int32) time.Time {
	h.t.Helper()
	start, err := h.jobs.RunNow(h.t.Context(), jobs.Request{Job: name, Book: book, Actor: operator, Why: "For the tests."})
	if err != nil {
		h.t.Fatal(err)
	}
	h.runDue()
	return start
}

func (h *house) failJobs(fail bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.jobFails = fail
}

// What waits for people comes first, is looked at, and is run again with a reason, which stands in the trail.
func TestParkedJobIsRunAgain(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.book("uk", "Souk UK", "GBP")
	b := h.in("Fatima Finance", access.Grant{Role: access.Finance})
	b.get("/console/jobs", 200).has(t, "Jobs", "sweep", "every day at 03:30 UTC", "count", "never", "Nothing has become due yet", "Run now")
	h.runDue()
	h.failJobs(true)
	h.forward(24 * time.Hour)
	h.runDue()
	b = h.in("Omar Finance", access.Grant{Role: access.Finance}) // nobody stays signed in for a day
	p := b.get("/console/jobs", 200)
	p.has(t, "Wait for people sweep waits for people 2026-11-22 03:30:00 UTC tried 1 time", "test-job", "stopped at <b>the third</b>", "count uk", "counted in uk")
	p.hasNot(t, jobCanary, "<b>")
	if strings.Index(p.Text, "Wait for people") > strings.Index(p.Text, "As they stand") {
		t.Error("what waits for people does not come first")
	}
	at := "/console/jobs/sweep/periods/2026-11-22T03:30:00Z"
	one := b.get(at, 200)
	one.has(t, "sweep waits for people", "test-job", "Became due", "failed", "Run it again")
	one.hasNot(t, jobCanary)
	const again = "/console/jobs/sweep/runs"
	b.press(one, again, nil, http.StatusBadRequest).has(t, "Nothing was asked for", "Say in at most 2000 characters")
	long := b.press(one, again, url.Values{"reason": {strings.Repeat("x", 2001)}}, http.StatusBadRequest)
	if !strings.Contains(long.source, strings.Repeat("x", 2001)+"</textarea>") {
		t.Error("what was typed is lost")
	}
	h.failJobs(false)
	done := b.press(one, again, url.Values{"reason": {"The bank is back."}}, http.StatusSeeOther)
	if done.header.Get("Location") != at {
		t.Fatalf("it leads to %s", done.header.Get("Location"))
	}
	b.get(at, 200).has(t, "sweep waiting", "May run at", "It waits for its turn")
	b.press(one, again, url.Values{"reason": {"Twice."}}, http.StatusConflict).has(t, "Nothing was asked for", "still going to run")
	h.runDue()
	b.get(at, 200).has(t, "sweep done", "3 persons were erased", "failed", "test-job")
	for query, jobs := range map[string][2]bool{"job=sweep": {true, false}, "job=count&state=done": {false, true}, "from=2026-11-22&until=2026-11-22&job=sweep": {true, false}, "until=2026-11-20": {}, "job=none": {}} {
		p := b.get("/console/jobs?"+query, 200)
		history := p.source[strings.Index(p.source, `id="history"`):]
		if got := [2]bool{strings.Contains(history, "/jobs/sweep/periods/"), strings.Contains(history, "/jobs/count/periods/")}; got != jobs {
			t.Errorf("%s: %v, want %v", query, got, jobs)
		}
	}
	b.get("/console/jobs?until=2026-11-20", 200).has(t, "There are none of these.", "Show all")
	for _, bad := range []string{"from=x", "until=2026-13-01", "job=%00", "state=none"} {
		b.get("/console/jobs?"+bad, 400)
	}
	clear := b.get("/console/jobs", 200)
	clear.hasNot(t, `class="cards parked"`)
	rows, err := h.trail.Rows(t.Context(), guard.Book{}, guard.Filter{Act: "job."}, 0, 10)
	if err != nil || len(rows) != 1 || rows[0].Why != "The bank is back." || rows[0].Actor.Person != b.id {
		t.Errorf("the trail: %+v, %v", rows, err)
	}
}

// An extra run is asked for where the job runs, by whoever may.
func TestExtraJobRun(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.book("uk", "Souk UK", "GBP")
	h.book("vn", "Souk VN", "GBP")
	h.runDue()
	b := h.in("Fatima", access.Grant{Role: access.Finance, Book: "uk"})
	p := b.get("/console/books/uk/jobs", 200)
	p.has(t, "Jobs Souk UK uk", "count every day at 00:00 by the clocks of the book")
	p.hasNot(t, "sweep", "Souk VN")
	const runs = "/console/books/uk/jobs/count/runs"
	b.press(p, runs, nil, http.StatusBadRequest).has(t, "Nothing was asked for")
	at := b.press(p, runs, url.Values{"reason": {"For the auditors."}}, http.StatusSeeOther).header.Get("Location")
	b.get(at, 200).has(t, "count waiting", "asked for beside the schedule", "It has not run yet")
	h.runDue()
	b.get(at, 200).has(t, "count done", "counted in uk", "Run it again")
	b.get("/console/books/uk/jobs", 200).has(t, "count asked for done")
	good := p.forms()[runs]
	good.Set("reason", "r")
	for path, want := range map[string]int{"/console/books/vn/jobs/count/runs": 404, "/console/jobs/sweep/runs": 404, "/console/books/uk/jobs/sweep/runs": 404, "/console/books/uk/jobs/none/runs": 404} {
		b.post(path, good, want)
	}
	good.Set("period", jobCanary)
	b.post(runs, good, http.StatusBadRequest).hasNot(t, jobCanary)
	good.Set("period", "2026-11-01T00:00:00Z")
	b.post(runs, good, http.StatusNotFound)
	forged := url.Values{"reason": {"r"}, tokenField: {strings.Repeat("A", 43)}}
	b.post(runs, forged, http.StatusForbidden).has(t, "Nothing was done")
	b.header = http.Header{"Sec-Fetch-Site": {"cross-site"}, "Origin": {"https://evil.example"}}
	good.Del("period")
	b.post(runs, good, http.StatusForbidden)

	reader := h.in("Adam", access.Grant{Role: access.Auditor, Book: "uk"})
	reader.get("/console/books/uk/jobs", 200).hasNot(t, "<textarea", "Run now")
	reader.get(at, 200).hasNot(t, "<textarea", "Run it again")
	token := reader.get("/console/books/uk/approvals", 200).forms()["/sign-out"]
	token.Set("reason", "r")
	reader.post(runs, token, http.StatusForbidden)
	history, err := h.jobs.History(t.Context(), jobs.Filter{}, jobs.Page{})
	if err != nil || len(history) != 1 {
		t.Errorf("%d periods, want that one which was asked for: %v", len(history), err)
	}
}

// The history has pages, states to choose from, and addresses that cannot be read.
func TestJobHistoryPages(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.book("uk", "Souk UK", "GBP")
	h.runDue()
	h.forward(60 * 24 * time.Hour)
	h.runDue()
	b := h.in("Adam", access.Grant{Role: access.Auditor})
	seen := 0
	for path := "/console/jobs?state=done"; path != ""; {
		p := b.get(path, 200)
		seen += strings.Count(p.source, `/periods/`)
		path = p.next(t)
	}
	if seen != 120 {
		t.Errorf("%d periods were shown, want 120", seen)
	}
	b.get("/console/jobs?state=parked", 200).has(t, "There are none of these")
	for _, q := range []string{"state=" + jobCanary, "after=x", "after=2026-11-21T00:00:00Z,count", "after=2026-11-21T00:00:00Z,count,-1", "after=2026-11-21T00:00:00Z,%00,1", "after=,count,99999999999"} {
		b.get("/console/jobs?"+q, http.StatusBadRequest).hasNot(t, jobCanary)
	}
	for _, path := range []string{"/console/jobs/sweep/periods/" + jobCanary, "/console/jobs/sweep/periods/2026-11-01T00:00:00Z", "/console/jobs/%00/periods/2026-11-01T00:00:00Z", "/console/jobs/none/periods/2026-11-22T03:30:00Z"} {
		b.get(path, 404)
	}
}

// More jobs than a page shows are counted, and a period that is overdue is called late.
func TestManyAndLateJobs(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for i := range jobsShown + 1 {
		h.book(fmt.Sprintf("b%03d", i), "Book", "GBP")
	}
	if _, err := h.jobs.Tick(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.forward(24 * time.Hour)
	if _, err := h.jobs.Tick(t.Context()); err != nil {
		t.Fatal(err)
	}
	b := h.in("Adam", access.Grant{Role: access.Auditor})
	b.get("/console/jobs", 200).has(t, "late", "since 2026-11-22 03:30:00", "2 more are not shown", "mizan job list")
	if n := strings.Count(b.get("/console/jobs?state=waiting", 200).source, "/periods/"); n != jobPeriodsPerPage {
		t.Errorf("%d periods on a page", n)
	}
}

// Without jobs there are no pages about them, and nothing leads there.
func TestConsoleWithoutJobs(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(c *Config) { c.Jobs = nil })
	b := h.in("Adam", access.Grant{Role: access.Auditor})
	b.get("/console/jobs", 404)
	b.get("/console", 200).hasNot(t, "/console/jobs")
}
