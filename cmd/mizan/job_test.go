package main

// Jobs at the command line and over the network, run by the service itself, and by a clock that moves.

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"mizan/api/access"
	"mizan/api/client"
	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/guard"
	"mizan/ledger/money"
	"mizan/ledger/postgres"
	"mizan/ledger/postgres/pgtest"
	"mizan/ledger/vault"
	"mizan/payouts/jobs"

	"github.com/jackc/pgx/v5"
)

// traveller are parts on a database of a test, with a clock that the test moves and that nothing else follows.
type traveller struct {
	*parts
	db    *pgtest.DB
	clock *clock
}

// newTraveller makes parts with the jobs at the time; nil for the standard jobs.
func newTraveller(t *testing.T, at time.Time, list func(*parts) ([]jobs.Job, error)) *traveller {
	t.Helper()
	keys, err := vault.ParseKeys(newVaultKey("k1"))
	if err != nil {
		t.Fatal(err)
	}
	w := &traveller{db: pgtest.New(t), clock: newClock(time.Now)}
	if err := w.clock.set(at); err != nil {
		t.Fatal(err)
	}
	if w.parts, err = newParts(w.db.Pool, w.clock.now, partsConfig{vaultKeys: keys, jobs: list}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.books.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return w
}

// book creates a book.
func (w *traveller) book(t *testing.T, code, zone string) ledger.Book {
	t.Helper()
	b, _, err := w.books.CreateBook(t.Context(), ledger.NewBook{Code: code, Name: code, Currencies: []money.Currency{"GBP"}, TimeZone: zone})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// told is what jobs of a test did, in order.
type told struct {
	mu    sync.Mutex
	lines []string
}

func (l *told) say(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, line)
}

func everyDay(t *testing.T, spec string) jobs.Schedule {
	t.Helper()
	s, err := jobs.Cron(spec)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A walk through time runs each job at its own moment, in order, with the clock standing there, also what fails first.
func TestAdvanceRunsEachAtItsTime(t *testing.T) {
	t.Parallel()
	begin := time.Date(2026, 3, 28, 12, 0, 0, 0, time.UTC)
	var log told
	var w *traveller
	failed := false
	w = newTraveller(t, begin, func(*parts) ([]jobs.Job, error) {
		tell := func(_ context.Context, p jobs.Period) (jobs.Report, error) {
			line := p.Job + " " + p.Book.Code + " " + p.Start.Format("02T15:04")
			if p.Job == "submit" && !failed {
				failed = true
				return jobs.Report{}, errors.New("the bank does not answer")
			}
			if !w.clock.now().Equal(p.Start) {
				line += " at " + w.clock.now().Format("15:04")
			}
			log.say(line)
			return jobs.Report{}, nil
		}
		return []jobs.Job{{Name: "settle", Schedule: jobs.LocalMidnight(), PerBook: true, Run: tell}, {Name: "plan", Schedule: everyDay(t, "0 2 * * *"), Run: tell},
			{Name: "submit", Schedule: everyDay(t, "0 3 * * *"), Pause: 10 * time.Minute, Run: tell}}, nil
	})
	w.book(t, "ldn", "Europe/London")
	w.book(t, "hcm", "Asia/Ho_Chi_Minh")
	runs, err := w.advance(t.Context(), w.clock, begin.AddDate(0, 0, 2))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"settle hcm 28T17:00", "settle ldn 29T00:00", "plan  29T02:00", "submit  29T03:00 at 03:10",
		"settle hcm 29T17:00", "settle ldn 29T23:00", "plan  30T02:00", "submit  30T03:00", // the clocks of London went forward
	}
	if !slices.Equal(log.lines, want) || runs != len(want)+1 {
		t.Errorf("%d runs:\n%s\nwant\n%s", runs, strings.Join(log.lines, "\n"), strings.Join(want, "\n"))
	}
	if !w.clock.now().Equal(begin.AddDate(0, 0, 2)) {
		t.Errorf("the clock stands at %s", w.clock.now())
	}
	if _, err := w.advance(t.Context(), w.clock, begin); !errors.Is(err, errClockBack) {
		t.Errorf("going back: %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := w.advance(ended, w.clock, begin.AddDate(0, 0, 3)); !errors.Is(err, context.Canceled) {
		t.Errorf("a walk that was ended: %v", err)
	}
}

// One walk and many small ones, and two programs on one database, come to the same runs.
func TestAdvanceInParts(t *testing.T) {
	t.Parallel()
	begin := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	var log told
	list := func(*parts) ([]jobs.Job, error) {
		return []jobs.Job{{Name: "hourly", Schedule: everyDay(t, "0 * * * *"), PerBook: true, Run: func(_ context.Context, p jobs.Period) (jobs.Report, error) {
			log.say(p.Start.Format(time.RFC3339))
			return jobs.Report{}, nil
		}}}, nil
	}
	w := newTraveller(t, begin, list)
	w.book(t, "uk", "Europe/London")
	other, err := newParts(w.db.Pool, w.clock.now, partsConfig{jobs: list})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 48 {
		p := w.parts
		if i%2 == 1 {
			p = other
		}
		if _, err := p.advance(t.Context(), w.clock, begin.Add(time.Duration(i+1)*37*time.Minute)); err != nil {
			t.Fatal(err)
		}
	}
	if want := 48 * 37 / 60; len(log.lines) != want || !slices.IsSorted(log.lines) || len(slices.Compact(slices.Clone(log.lines))) != want {
		t.Errorf("%d runs, want %d: %v", len(log.lines), want, log.lines)
	}
}

func TestClock(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	real := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	c := newClock(func() time.Time { mu.Lock(); defer mu.Unlock(); return real })
	if !c.now().Equal(real) || !c.release() {
		t.Error("a clock that nobody set is not the real one")
	}
	past := real.AddDate(0, -1, 0)
	if err := c.set(past); err != nil || !c.now().Equal(past) {
		t.Errorf("set to the past: %v", err)
	}
	if err := c.set(past.Add(-1)); !errors.Is(err, errClockBack) || !c.now().Equal(past) {
		t.Errorf("set back: %v", err)
	}
	if err := c.set(real.Add(time.Hour)); err != nil || c.release() || !c.now().Equal(real.Add(time.Hour)) {
		t.Error("a clock ahead was released")
	}
	mu.Lock()
	real = real.Add(time.Hour)
	mu.Unlock()
	if !c.release() || !c.now().Equal(real) {
		t.Error("a clock that the real one caught up with was not released")
	}
	var w sync.WaitGroup
	for i := range 50 {
		w.Go(func() { _ = c.set(real.Add(time.Duration(i))); c.now(); c.release() })
	}
	w.Wait()
}

// A service whose clock was moved records at that time, runs its jobs on the way, and goes on in real time afterwards. One
// whose clock is merely wrong records nothing.
func TestServiceInAnotherTime(t *testing.T) {
	t.Parallel()
	list, counted := countingJobs(t)
	begin := time.Date(2024, 2, 27, 12, 0, 0, 0, time.UTC)
	c := newClock(time.Now)
	if err := c.set(begin); err != nil {
		t.Fatal(err)
	}
	_, remote, v := serveAs(t, pgtest.New(t), serviceConfig{staticKey: testKey, open: true, log: slog.New(slog.DiscardHandler), jobs: list, clock: c, jobsLater: true})
	createBook(t, remote, "shop")
	post := func(reference string) time.Time {
		t.Helper()
		n := newSale(reference, "5.00")
		n.OccurredAt = time.Time{}
		posted, err := remote.Post(t.Context(), "shop", n)
		if err != nil {
			t.Fatal(err)
		}
		return posted.RecordedAt
	}
	if at := post("o1"); !at.Equal(begin) {
		t.Errorf("recorded at %s", at)
	}
	if runs, err := v.advance(t.Context(), v.clock, begin.AddDate(0, 0, 5)); err != nil || runs != 2 || !slices.Equal(counted.lines, []string{"shop"}) {
		t.Fatalf("%d runs, %v, counted %v", runs, err, counted.lines)
	}
	if at := post("o2"); !at.Equal(begin.AddDate(0, 0, 5)) {
		t.Errorf("recorded at %s", at)
	}
	if !c.release() {
		t.Fatal("the clock stands ahead of the real time")
	}
	if at := post("o3"); time.Since(at).Abs() > time.Hour {
		t.Errorf("recorded at %s, after the clock was released", at)
	}
	if err := v.startJobs(t.Context()); err != nil {
		t.Fatal(err)
	}

	db := pgtest.New(t)
	wrong, err := newService(t.Context(), db.Pool, func() time.Time { return begin }, serviceConfig{staticKey: testKey, open: true, log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := wrong.books.CreateBook(t.Context(), ledger.NewBook{Code: "uk", Name: "uk", Currencies: []money.Currency{"GBP"}, TimeZone: "UTC"}); !errors.Is(err, ledger.ErrClockSkew) {
		t.Errorf("a clock that is wrong: %v", err)
	}
	if err := wrong.close(t.Context()); err != nil {
		t.Error(err)
	}
}

// The sweep is the job that every installation has: it erases at its time, once, with a row in the trail, and shows nobody.
func TestVaultSweepJob(t *testing.T) {
	t.Parallel()
	const canary = "Canary Person 4711"
	begin := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	w := newTraveller(t, begin, nil)
	b := w.book(t, "uk", "Europe/London")
	owner, book := vault.Owner{Book: int32(b.ID), Region: b.Region}, guard.Book{ID: int32(b.ID), Code: b.Code}
	err := w.db.Pool.Tx(t.Context(), func(tx pgx.Tx) error {
		if _, _, err := w.vault.PutTx(t.Context(), tx, owner, "payee:cre_amy", map[string]string{"name": canary}); err != nil {
			return err
		}
		days, err := w.vault.Retention(t.Context(), owner)
		if err != nil {
			return err
		}
		// The business ended so long ago that five days of the retention are left: from its end on it would be years of nights.
		_, err = w.vault.CloseTx(t.Context(), tx, owner, "payee:cre_amy", begin.AddDate(0, 0, 5-int(days)))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	// The clock jumps to the last hour, and what was missed is made up for.
	if err := w.clock.set(begin.AddDate(0, 0, 5).Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	if _, err := w.jobs.RunDue(t.Context()); err != nil {
		t.Fatal(err)
	}
	erased := func() (n int) {
		rows, err := w.trail.Rows(t.Context(), book, guard.Filter{Act: vault.ActErased}, 0, 10)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			if r.Actor.Kind != guard.System || r.Actor.ID != "vault_sweep" {
				t.Errorf("erased by %+v", r.Actor)
			}
		}
		return len(rows)
	}
	if n := erased(); n != 0 {
		t.Fatalf("%d were erased before their time", n)
	}
	// Half an hour before the night's sweep nothing of it is due.
	if err := w.clock.set(begin.AddDate(0, 0, 5).Add(15 * time.Hour)); err != nil {
		t.Fatal(err)
	}
	if _, err := w.jobs.RunDue(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := erased(); n != 0 {
		t.Fatalf("%d were erased before the sweep", n)
	}
	if _, err := w.advance(t.Context(), w.clock, begin.AddDate(0, 0, 5).Add(16*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if n := erased(); n != 1 {
		t.Errorf("%d were erased, want 1", n)
	}
	history, err := w.jobs.History(t.Context(), jobs.Filter{Job: "vault_sweep"}, jobs.Page{})
	if err != nil {
		t.Fatal(err)
	}
	var items int64
	for _, e := range history {
		items += e.Items
		if e.State != "done" || strings.Contains(e.Outcome, canary) || strings.Contains(e.Outcome, "cre_amy") {
			t.Errorf("period %+v", e)
		}
	}
	if items != 1 {
		t.Errorf("the runs say that they erased %d", items)
	}
}

// countingJobs are jobs of a served test: one that always fails, and one that counts.
func countingJobs(t *testing.T) (list func(*parts) ([]jobs.Job, error), counted *told) {
	counted = &told{}
	return func(*parts) ([]jobs.Job, error) {
		return []jobs.Job{
			{Name: "never", Schedule: everyDay(t, "0 0 29 2 *"), MaxAttempts: 1, Run: func(context.Context, jobs.Period) (jobs.Report, error) {
				return jobs.Report{}, fault.New(fault.Unavailable, "test-never", "It never works.").Because(errors.New("nobody answers"))
			}},
			{Name: "count", Schedule: everyDay(t, "0 0 29 2 *"), PerBook: true, Run: func(_ context.Context, p jobs.Period) (jobs.Report, error) {
				counted.say(p.Book.Code)
				return jobs.Report{Text: "counted", Items: 2}, nil
			}},
		}, nil
	}, counted
}

// A run that somebody asks for at the command line is made by the service, and stands in the history, the trail, the metrics and the log.
func TestJobSession(t *testing.T) {
	t.Parallel()
	list, counted := countingJobs(t)
	var said lockedBuffer
	address, remote := serveOn(t, pgtest.New(t), serviceConfig{staticKey: testKey, open: true, log: newLog(&said, "json", slog.LevelInfo), jobs: list})
	createBook(t, remote, "shop")
	env := map[string]string{"MIZAN_SERVER": address, "MIZAN_API_KEY": testKey, "MIZAN_DATA": t.TempDir()}
	mizan(t, env, "", "job", "list").want(t, exitDone, "JOB", "count", "shop", "never", "-", "0 0 29 2 * UTC")
	mizan(t, env, "", "job", "run", "count", "--book", "shop", "--reason", "For the tests.").want(t, exitDone, "count  shop", "beside the schedule")
	mizan(t, env, "", "job", "run", "never", "--reason", "For the tests.").want(t, exitDone, "never  -")
	mizan(t, env, "", "job", "run", "count", "--reason", "r").want(t, exitRefused, "job-unknown")
	mizan(t, env, "", "job", "run", "count").want(t, exitUsage, "--reason")
	mizan(t, env, "", "job", "history", "--limit", "0").want(t, exitUsage, "--limit")
	wait(t, "both runs", func() bool {
		return strings.Contains(mizan(t, env, "", "job", "history", "--state", "parked").stdout, "test-never") &&
			strings.Contains(mizan(t, env, "", "job", "history", "--state", "done", "--book", "shop").stdout, "counted")
	})
	if !slices.Equal(counted.lines, []string{"shop"}) {
		t.Errorf("it ran %v", counted.lines)
	}
	var parked []client.JobPeriod
	if err := json.Unmarshal([]byte(mizan(t, env, "", "job", "history", "--state", "parked", "--json").want(t, exitDone).stdout), &parked); err != nil || len(parked) != 1 {
		t.Fatalf("parked %v, %v", parked, err)
	}
	period := parked[0].Period.Format(time.RFC3339Nano)
	mizan(t, env, "", "job", "show", "never", period).want(t, exitDone, "parked", "test-never", "FENCE", "failed")
	mizan(t, env, "", "job", "run", "never", "--period", period, "--reason", "Once more.").want(t, exitDone, "never  -")
	wait(t, "the second run", func() bool {
		return strings.Count(mizan(t, env, "", "job", "show", "never", period).stdout, "failed") == 2
	})
	mizan(t, env, "", "job", "list").want(t, exitDone, "never")
	metrics := scrape(t, address)
	for _, want := range []string{`mizan_job_runs_total{ending="done",job="count"} 1`, `mizan_job_runs_total{ending="parked",job="never"} 2`, `mizan_job_items_total{job="count"} 2`,
		`mizan_job_periods_parked{job="never"} 1`, `mizan_job_periods_open{job="count"} 0`, `mizan_job_lag_seconds{job="count"} 0`, `mizan_job_run_seconds_count{job="count"} 1`} {
		if !strings.Contains(metrics, want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
	if log := said.String(); !strings.Contains(log, "waits for people") || !strings.Contains(log, "test-never") || strings.Contains(log, "producer") {
		t.Errorf("the log says:\n%s", log)
	}
}

// Work that is due under a name that no job has stands in the log from the start of the service, and in the figures.
func TestStrandedWorkIsLoud(t *testing.T) {
	t.Parallel()
	list, _ := countingJobs(t)
	db := pgtest.New(t)
	if _, err := db.Pool.Exec(t.Context(), `
		INSERT INTO job_lines (kind, book_id, since, planned_until) VALUES ('renamed', 0, now(), now()), ('gone', 0, now(), now());
		INSERT INTO job_periods (kind, book_id, period, ends_at, state, planned_at, next_attempt)
		SELECT 'renamed', 0, now() - n * interval '1 hour', now(), 'waiting', now(), now() FROM generate_series(1, 2) n`); err != nil {
		t.Fatal(err)
	}
	var said lockedBuffer
	address, _ := serveOn(t, db, serviceConfig{staticKey: testKey, open: true, log: newLog(&said, "json", slog.LevelInfo), jobs: list})
	metrics := scrape(t, address)
	if !strings.Contains(metrics, `mizan_job_periods_stranded{job="renamed"} 2`) || strings.Contains(metrics, `{job="gone"}`) {
		t.Errorf("the metrics say:\n%s", metrics)
	}
	wait(t, "the log", func() bool {
		return strings.Contains(said.String(), "belongs to no job") && strings.Contains(said.String(), `"job":"renamed"`)
	})
}

// Jobs that are off run nowhere in the process, and can still be asked for.
func TestJobsOff(t *testing.T) {
	t.Parallel()
	list, counted := countingJobs(t)
	db := pgtest.New(t)
	address, remote := serveOn(t, db, serviceConfig{staticKey: testKey, open: true, log: slog.New(slog.DiscardHandler), jobs: list, withoutJobs: true})
	createBook(t, remote, "shop")
	if _, err := remote.RunJob(t.Context(), "shop", "count", client.NewJobRun{Reason: "For the tests."}); err != nil {
		t.Fatal(err)
	}
	if metrics := scrape(t, address); !strings.Contains(metrics, `mizan_job_periods_open{job="count"} 1`) || len(counted.lines) != 0 {
		t.Errorf("it ran %v, or does not wait", counted.lines)
	}
	var statuses []client.JobStatus
	for s, err := range remote.Jobs(t.Context(), "shop") {
		if err != nil {
			t.Fatal(err)
		}
		statuses = append(statuses, s)
	}
	if len(statuses) != 1 || statuses[0].Open != 1 || statuses[0].Oldest == nil {
		t.Errorf("statuses %+v", statuses)
	}
}

// Fifty people ask at once, of two services on one database: what was accepted is run, each once, and nothing else.
func TestJobsAskedForAtOnce(t *testing.T) {
	t.Parallel()
	list, counted := countingJobs(t)
	db := pgtest.New(t)
	pool, err := postgres.Open(t.Context(), db.AppURL, postgres.Options{MaxConns: 10, Undurable: true})
	if err != nil {
		t.Fatal(err)
	}
	config := serviceConfig{staticKey: testKey, open: true, log: slog.New(slog.DiscardHandler), jobs: list, pollOnly: true}
	_, remote := serveOn(t, db, config)
	_, other := serveOn(t, &pgtest.DB{Pool: pool}, config)
	createBook(t, remote, "shop")
	var accepted, busy int
	var mu sync.Mutex
	var w sync.WaitGroup
	for i := range 50 {
		w.Go(func() {
			c := remote
			if i%2 == 1 {
				c = other
			}
			_, err := c.RunJob(t.Context(), "shop", "count", client.NewJobRun{Reason: "For the tests."})
			var p *client.Problem
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				accepted++
			case errors.As(err, &p) && p.Code == "job-busy":
				busy++
			default:
				t.Errorf("asked: %v", err)
			}
		})
	}
	w.Wait()
	if accepted == 0 || accepted+busy != 50 {
		t.Fatalf("%d accepted, %d busy", accepted, busy)
	}
	wait(t, "all runs", func() bool {
		done, err := client.Collect(remote.JobHistory(t.Context(), "shop", client.JobQuery{State: "done"}), 100)
		return err == nil && len(done) == accepted
	})
	counted.mu.Lock()
	defer counted.mu.Unlock()
	if len(counted.lines) != accepted {
		t.Errorf("%d runs, %d were accepted", len(counted.lines), accepted)
	}
}

// The commands of operators know the jobs and run none of them.
func TestPartsRunNothingByThemselves(t *testing.T) {
	t.Parallel()
	w := newTraveller(t, time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), nil)
	list, err := w.jobs.Jobs(t.Context(), nil)
	if err != nil || len(list) != 2 || list[0].Job != "exports" || list[0].Last != nil || list[1].Job != "vault_sweep" || list[1].Last != nil {
		t.Errorf("jobs %+v, %v", list, err)
	}
	for _, r := range []access.Role{access.Auditor, access.Support, access.Approver} {
		if slices.Contains(r.Scopes(), access.JobsRun) || !slices.Contains(r.Scopes(), access.JobsRead) {
			t.Errorf("%s and jobs", r)
		}
	}
}

// lockedBuffer takes what a service logs while a test reads it.
type lockedBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

// Write keeps what is said.
func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// scrape returns the service's metrics.
func scrape(t *testing.T, address string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}
