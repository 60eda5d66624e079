package api

import (
	"cmp"
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"mizan/api/access"
	"mizan/ledger/fault"
	"mizan/ledger/guard"
	"mizan/payouts/jobs"
)

const jobCanary = "GB33BUKB20201555555555"

var errJobTest = fault.New(fault.Unavailable, "test-job", "The bank does not answer.")

// newJobs makes the jobs of the tests, which run only when a test says so: one of the installation that fails while the house's
// failing is set, and one of each book.
func (h *house) newJobs(trail *guard.Trail) *jobs.Service {
	h.t.Helper()
	daily, err := jobs.Cron("30 3 * * *")
	if err != nil {
		h.t.Fatal(err)
	}
	books := func(ctx context.Context) (list []jobs.Book, err error) {
		all, err := h.ledger.Books(ctx, "", 1000)
		for _, b := range all {
			list = append(list, jobs.Book{ID: int32(b.ID), Code: b.Code, Zone: b.Location()})
		}
		return list, err
	}
	s, err := jobs.New(jobs.Config{Pool: h.db.Pool, Now: h.clock.now, Trail: trail, Books: books, Jobs: []jobs.Job{
		{Name: "vault_sweep", Schedule: daily, MaxAttempts: 1, Run: func(context.Context, jobs.Period) (jobs.Report, error) {
			if h.jobFails.Load() {
				return jobs.Report{Text: "stopped at the third"}, errors.Join(errJobTest, errors.New(jobCanary))
			}
			return jobs.Report{Text: "3 persons were erased", Items: 3}, nil
		}},
		{Name: "test_count", Schedule: jobs.LocalMidnight(), PerBook: true, Run: func(_ context.Context, p jobs.Period) (jobs.Report, error) {
			return jobs.Report{Text: "counted in " + p.Book.Code, Items: 1}, nil
		}},
	}})
	if err != nil {
		h.t.Fatal(err)
	}
	return s
}

// jobsRun runs what is due.
func (h *house) jobsRun() {
	h.t.Helper()
	if _, err := h.jobs.RunDue(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
}

// ranOnce leaves a period of the job of the installation and of that of the book uk, both over, at the beginning of the tests' clock.
func (h *house) ranOnce() {
	h.t.Helper()
	if !h.clock.now().Equal(start) {
		h.t.Fatal("the clock has moved")
	}
	h.must(202, "POST", "/v1/jobs/vault_sweep/runs", `{"reason":"For the tests."}`)
	h.must(202, "POST", "/v1/books/uk/jobs/test_count/runs", `{"reason":"For the tests."}`)
	h.jobsRun()
}

func TestJobs(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.must(201, "POST", "/v1/books", `{"code":"vn","name":"Example VN","currencies":["VND"],"time_zone":"Asia/Ho_Chi_Minh"}`)
	h.jobsRun()
	list := h.must(200, "GET", "/v1/jobs", "").json(t)["data"].([]any)
	if len(list) != 3 {
		t.Fatalf("jobs %v", list)
	}
	// 21 November begins in Ho Chi Minh City at 17:00 of the day before, and in London at midnight.
	slices.SortFunc(list, func(a, b any) int { // a book's number is drawn, and with it the order
		return cmp.Compare(a.(map[string]any)["job"].(string)+a.(map[string]any)["book"].(string), b.(map[string]any)["job"].(string)+b.(map[string]any)["book"].(string))
	})
	for i, want := range []string{"test_count uk 2026-11-21T00:00:00.000000Z", "test_count vn 2026-11-20T17:00:00.000000Z", "vault_sweep  2026-11-21T03:30:00.000000Z"} {
		j := list[i].(map[string]any)
		if got := j["job"].(string) + " " + j["book"].(string) + " " + j["next"].(string); got != want || j["last"] != nil || j["open"] != 0.0 {
			t.Errorf("got %s, want %s (%v)", got, want, j)
		}
	}
	h.clock.forward(24 * time.Hour)
	h.jobFails.Store(true)
	h.jobsRun()
	parked := h.must(200, "GET", "/v1/jobs/history?state=parked", "")
	p := parked.json(t)["data"].([]any)[0].(map[string]any)
	if p["job"] != "vault_sweep" || p["book"] != "" || p["error_code"] != "test-job" || p["period"] != "2026-11-21T03:30:00.000000Z" || p["outcome"] != "stopped at the third" {
		t.Errorf("parked %v", p)
	}
	h.jobFails.Store(false)
	again := h.must(202, "POST", "/v1/jobs/vault_sweep/runs", `{"period":"2026-11-21T03:30:00Z","reason":"The bank is back."}`).json(t)
	if again["period"] != "2026-11-21T03:30:00.000000Z" || again["extra"] != false {
		t.Errorf("again %v", again)
	}
	waits := h.must(200, "GET", "/v1/jobs/vault_sweep/periods/2026-11-21T03:30:00Z/attempts", "").json(t)
	if waits["state"] != "waiting" || waits["next_attempt_at"] == nil {
		t.Errorf("it should wait: %v", waits)
	}
	h.wantProblem(409, "job-busy", h.do("POST", "/v1/jobs/vault_sweep/runs", `{"period":"2026-11-21T03:30:00Z","reason":"Twice."}`))
	h.jobsRun()
	one := h.must(200, "GET", "/v1/jobs/vault_sweep/periods/2026-11-21T03:30:00Z/attempts", "")
	v := one.json(t)
	runs := v["data"].([]any)
	if v["state"] != "done" || v["items"] != 3.0 || len(runs) != 2 || runs[0].(map[string]any)["ending"] != "done" || runs[1].(map[string]any)["ending"] != "failed" {
		t.Errorf("the period %v", v)
	}
	for _, a := range []answer{parked, one, h.must(200, "GET", "/v1/audit?act=job.", "")} {
		if strings.Contains(a.body, jobCanary) {
			t.Errorf("what an error said is shown: %s", a.body)
		}
	}
	row := h.must(200, "GET", "/v1/audit?act=job.", "").json(t)["data"].([]any)[0].(map[string]any)
	if row["act"] != "job.run_again" || row["why"] != "The bank is back." || row["object"] != "job:vault_sweep/2026-11-21T03:30:00Z" {
		t.Errorf("the trail says %v", row)
	}
}

// wantProblem demands a refusal.
func (h *house) wantProblem(status int, code string, a answer) {
	h.t.Helper()
	if a.StatusCode != status || a.code() != code {
		h.t.Errorf("got %d %s, want %d %s", a.StatusCode, a.body, status, code)
	}
}

// Pages of the history meet each period once, in order, over all books and in one.
func TestJobHistoryPages(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.must(201, "POST", "/v1/books", `{"code":"vn","name":"Example VN","currencies":["VND"],"time_zone":"Asia/Ho_Chi_Minh"}`)
	h.jobsRun()
	h.clock.forward(10 * 24 * time.Hour)
	h.jobsRun()
	walk := func(path string) (seen []string) {
		join := "?"
		if strings.Contains(path, "?") {
			join = "&"
		}
		for cursor := ""; ; {
			page := h.must(200, "GET", path+join+"limit=7"+cursor, "").json(t)
			for _, e := range page["data"].([]any) {
				e := e.(map[string]any)
				text := ""
				for _, name := range []string{"period", "job", "book"} {
					if value, ok := e[name].(string); ok {
						text += value + " "
					}
				}
				seen = append(seen, text)
			}
			next, more := page["next_cursor"].(string)
			if !more {
				return seen
			}
			cursor = "&cursor=" + url.QueryEscape(next)
		}
	}
	for path, want := range map[string]int{"/v1/jobs/history": 30, "/v1/jobs/history?book=vn": 10, "/v1/books/uk/jobs/history": 10, "/v1/jobs/history?job=vault_sweep": 10,
		"/v1/books/uk/jobs/history?job=vault_sweep": 0, "/v1/jobs/history?from=2026-11-25T00:00:00Z&until=2026-11-26T00:00:00Z": 3, "/v1/jobs/history?state=parked": 0, "/v1/jobs/history?state=done": 30} {
		seen := walk(path)
		once := map[string]bool{}
		for _, e := range seen {
			once[e] = true
		}
		if len(seen) != want || len(once) != want {
			t.Errorf("%s: %d periods, %d different, want %d: %v", path, len(seen), len(once), want, seen)
		}
		for i := 1; i < len(seen); i++ {
			if seen[i] >= seen[i-1] {
				t.Errorf("%s: %s after %s", path, seen[i], seen[i-1])
			}
		}
	}
	if seen := h.must(200, "GET", "/v1/jobs?limit=1", "").json(t); len(seen["data"].([]any)) != 1 || seen["next_cursor"] == nil {
		t.Errorf("a page of jobs: %v", seen)
	}
	first := h.must(200, "GET", "/v1/jobs?limit=2", "").json(t)
	rest := h.must(200, "GET", "/v1/jobs?limit=2&cursor="+first["next_cursor"].(string), "").json(t)
	if d := rest["data"].([]any); len(d) != 1 || d[0].(map[string]any)["job"] != "vault_sweep" || rest["next_cursor"] != nil {
		t.Errorf("the rest: %v", rest)
	}
	of := h.must(200, "GET", "/v1/books/vn/jobs", "").json(t)["data"].([]any)
	if len(of) != 1 || of[0].(map[string]any)["book"] != "vn" {
		t.Errorf("the jobs of vn: %v", of)
	}
	cursor := h.must(200, "GET", "/v1/jobs/history?limit=1", "").json(t)["next_cursor"].(string)
	h.wantProblem(400, "cursor-invalid", h.do("GET", "/v1/books/uk/jobs/history?limit=1&cursor="+cursor, ""))
}

// What cannot be run is refused in words, whoever sends it, and nothing of it is repeated.
func TestJobRefusals(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.jobsRun()
	long := strings.Repeat("x", 2001)
	for name, c := range map[string]struct {
		method, path, body string
		status             int
		code               string
	}{
		"no such job":                {"POST", "/v1/jobs/" + jobCanary + "/runs", `{"reason":"r"}`, 404, "job-unknown"},
		"a job of books":             {"POST", "/v1/jobs/test_count/runs", `{"reason":"r"}`, 404, "job-unknown"},
		"a job of the installation":  {"POST", "/v1/books/uk/jobs/vault_sweep/runs", `{"reason":"r"}`, 404, "job-unknown"},
		"no such period":             {"POST", "/v1/jobs/vault_sweep/runs", `{"period":"2026-11-18T03:30:00Z","reason":"r"}`, 404, "job-period-unknown"},
		"no reason":                  {"POST", "/v1/jobs/vault_sweep/runs", `{}`, 422, "validation-failed"},
		"an empty reason":            {"POST", "/v1/jobs/vault_sweep/runs", `{"reason":""}`, 422, "validation-failed"},
		"a blank reason":             {"POST", "/v1/jobs/vault_sweep/runs", `{"reason":"   "}`, 422, ""},
		"a long reason":              {"POST", "/v1/jobs/vault_sweep/runs", `{"reason":"` + long + `"}`, 422, ""},
		"a period that is no time":   {"POST", "/v1/jobs/vault_sweep/runs", `{"period":"` + jobCanary + `","reason":"r"}`, 422, "validation-failed"},
		"a book in the body":         {"POST", "/v1/jobs/test_count/runs", `{"book":"uk","reason":"r"}`, 422, "validation-failed"},
		"attempts of no time":        {"GET", "/v1/jobs/vault_sweep/periods/" + jobCanary + "/attempts", "", 404, "job-period-unknown"},
		"attempts of no period":      {"GET", "/v1/jobs/vault_sweep/periods/2026-11-18T03:30:00Z/attempts", "", 404, "job-period-unknown"},
		"attempts of another's book": {"GET", "/v1/books/uk/jobs/vault_sweep/periods/2026-11-18T03:30:00Z/attempts", "", 404, "job-period-unknown"},
		"a state that is none":       {"GET", "/v1/jobs/history?state=" + jobCanary, "", 422, "validation-failed"},
		"a long job":                 {"GET", "/v1/jobs/history?job=" + strings.Repeat("j", 49), "", 422, "validation-failed"},
		"a book that is none":        {"GET", "/v1/jobs/history?book=" + jobCanary, "", 404, "book-unknown"},
		"an unknown book":            {"GET", "/v1/jobs/history?book=zz", "", 404, "book-unknown"},
		"a parameter":                {"GET", "/v1/books/uk/jobs/history?book=uk", "", 400, "malformed-request"},
	} {
		a := h.do(c.method, c.path, c.body)
		if a.StatusCode != c.status || c.code != "" && a.code() != c.code || strings.Contains(a.body, jobCanary) {
			t.Errorf("%s: %d %s, want %d %s", name, a.StatusCode, a.body, c.status, c.code)
		}
	}
	if n := len(h.must(200, "GET", "/v1/jobs/history", "").json(t)["data"].([]any)); n != 0 {
		t.Errorf("%d periods were made", n)
	}
}

// Who looks after one book runs that book's jobs and no others; who reads does not run.
func TestJobAuthority(t *testing.T) {
	t.Parallel()
	h := newJudge(t)
	h.jobsRun()
	_, admin := h.staff("admin@uk")
	_, everywhere := h.staff("admin")
	_, support := h.staff("support@uk")
	run := `{"reason":"For the tests."}`
	for name, c := range map[string]struct {
		session, method, path string
		status                int
		code                  string
	}{
		"finance of the book":         {h.finance, "POST", "/v1/books/uk/jobs/test_count/runs", 202, ""},
		"finance of another book":     {h.finance, "POST", "/v1/books/vn/jobs/test_count/runs", 404, "book-unknown"},
		"finance of a book, of all":   {h.finance, "POST", "/v1/jobs/vault_sweep/runs", 403, "forbidden"},
		"an admin of all":             {everywhere, "POST", "/v1/jobs/vault_sweep/runs", 202, ""},
		"an admin of a book, of all":  {admin, "GET", "/v1/jobs", 403, "forbidden"},
		"an admin of the book reads":  {admin, "GET", "/v1/books/uk/jobs", 200, ""},
		"an auditor reads":            {h.auditor, "GET", "/v1/books/uk/jobs/history", 200, ""},
		"an auditor runs":             {h.auditor, "POST", "/v1/books/uk/jobs/test_count/runs", 403, "forbidden"},
		"support reads":               {support, "GET", "/v1/books/uk/jobs", 200, ""},
		"support runs":                {support, "POST", "/v1/books/uk/jobs/test_count/runs", 403, "forbidden"},
		"an approver runs":            {h.approver, "POST", "/v1/books/uk/jobs/test_count/runs", 403, "forbidden"},
		"a payee reads":               {h.amy, "GET", "/v1/books/uk/jobs", 403, "forbidden"},
		"a payee runs":                {h.amy, "POST", "/v1/books/uk/jobs/test_count/runs", 403, "forbidden"},
		"an auditor of a book, of vn": {h.auditor, "GET", "/v1/books/vn/jobs", 404, "book-unknown"},
	} {
		body := ""
		if c.method == "POST" {
			body = run
		}
		if a := h.by(c.session, c.method, c.path, body); a.StatusCode != c.status || c.code != "" && a.code() != c.code {
			t.Errorf("%s: %d %s, want %d %s", name, a.StatusCode, a.body, c.status, c.code)
		}
	}
	_, reads := h.key(access.NewKey{Scopes: []access.Scope{access.JobsRead}, Books: []string{"uk"}})
	_, runs := h.key(access.NewKey{Scopes: []access.Scope{access.JobsRun}})
	h.wantProblem(403, "forbidden", h.as(reads, "POST", "/v1/books/uk/jobs/test_count/runs", run))
	h.wantProblem(403, "forbidden", h.as(reads, "GET", "/v1/jobs/history", ""))
	h.wantProblem(403, "forbidden", h.as(runs, "GET", "/v1/jobs", ""))
	h.jobsRun()
	if n := len(h.must(200, "GET", "/v1/jobs/history", "").json(t)["data"].([]any)); n != 2 {
		t.Errorf("%d runs, want those two that were allowed", n)
	}
}
