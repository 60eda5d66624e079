package jobs_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"

	"mizan/ledger/postgres/pgtest"
	"mizan/payouts/jobs"
)

// sqlCatalogue describes everything in a schema, without its name.
const sqlCatalogue = `
SELECT replace(line, $1 || '.', '') FROM (
    SELECT format('column %s.%s %s %s %s', c.table_name, c.column_name, c.udt_name, c.is_nullable, c.column_default) AS line
      FROM information_schema.columns c WHERE c.table_schema = $1
    UNION ALL SELECT format('index %s', regexp_replace(i.indexdef, '(river_migration_pkey)\d*', '\1')) FROM pg_indexes i WHERE i.schemaname = $1
    UNION ALL SELECT format('constraint %s %s %s', r.relname, CASE WHEN k.contype = 'p' THEN '' ELSE k.conname END, pg_get_constraintdef(k.oid))
      FROM pg_constraint k JOIN pg_class r ON r.oid = k.conrelid WHERE k.connamespace = $1::regnamespace AND k.contype <> 'n'
    UNION ALL SELECT format('table %s %s', r.relname, r.relpersistence) FROM pg_class r WHERE r.relnamespace = $1::regnamespace AND r.relkind = 'r'
    UNION ALL SELECT format('enum %s', string_agg(e.enumlabel, ' ' ORDER BY e.enumsortorder))
      FROM pg_enum e JOIN pg_type y ON y.oid = e.enumtypid WHERE y.typnamespace = $1::regnamespace
    UNION ALL SELECT format('function %s %s %s', f.proname, pg_get_function_arguments(f.oid), f.provolatile) FROM pg_proc f WHERE f.pronamespace = $1::regnamespace
    UNION ALL SELECT format('trigger %s', g.tgname) FROM pg_trigger g JOIN pg_class r ON r.oid = g.tgrelid WHERE r.relnamespace = $1::regnamespace AND NOT g.tgisinternal
) all_of_it ORDER BY 1`

// The tables of River are those that River itself would make, and River finds them complete.
func TestRiverTablesAreRivers(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	owner, err := pgxpool.New(t.Context(), db.OwnerURL)
	if err != nil {
		t.Fatal(err)
	}
	defer owner.Close()
	migrator := func(schema string) *rivermigrate.Migrator[pgx.Tx] {
		m, err := rivermigrate.New(riverpgxv5.New(owner), &rivermigrate.Config{Schema: schema})
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	if got, err := migrator("river").Validate(t.Context(), nil); err != nil || !got.OK {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := owner.Exec(t.Context(), `CREATE SCHEMA reference`); err != nil {
		t.Fatal(err)
	}
	if _, err := migrator("reference").Migrate(t.Context(), rivermigrate.DirectionUp, nil); err != nil {
		t.Fatal(err)
	}
	catalogue := func(schema string) (lines []string) {
		rows, err := owner.Query(t.Context(), sqlCatalogue, schema)
		if err != nil {
			t.Fatal(err)
		}
		if lines, err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
			t.Fatal(err)
		}
		return lines
	}
	want := catalogue("reference")
	if len(want) < 60 {
		t.Fatalf("only %d lines describe River's tables", len(want))
	}
	if diff := cmp.Diff(want, catalogue("river")); diff != "" {
		t.Error(diff)
	}
}

// safeBuffer takes what several goroutines say.
type safeBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// Services that were started carry the work among themselves, with and without LISTEN.
func TestStartedServicesWork(t *testing.T) {
	t.Parallel()
	for name, pollOnly := range map[string]bool{"listening": false, "polling": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, pgtest.MaxConns(20))
			job := h.minutely(t, "release")
			job.PerBook = true
			var complaints safeBuffer
			change := func(c *jobs.Config) {
				c.PollOnly = pollOnly
				c.Log = slog.New(slog.NewTextHandler(&complaints, &slog.HandlerOptions{Level: slog.LevelWarn}))
				c.Books = func(context.Context) ([]jobs.Book, error) { return books(10), nil }
			}
			one1, two := h.configured(t, change, job), h.configured(t, change, job)
			tick(t, one1)
			launch(t, one1)
			launch(t, two)
			h.clock.move(20 * time.Minute)
			eventually(t, "all is done", func() bool { return one[int](t, h, `SELECT count(*) FROM job_periods WHERE state = 'done'`) == 200 })
			h.onceEach(t, "release", 200)
			h.clock.move(time.Minute)
			eventually(t, "and the next", func() bool { return one[int](t, h, `SELECT count(*) FROM job_periods WHERE state = 'done'`) == 210 })
			h.onceEach(t, "release", 210)
			for _, e := range h.log.all(jobs.Unwell) {
				t.Errorf("unwell: %v", e.Err)
			}
			if said := complaints.String(); said != "" {
				t.Errorf("River complains: %s", said)
			}
		})
	}
}

// Processes with different jobs share the database, and neither throws away what is the other's, not even when it clears up
// after a process that died (River's issue 1105).
func TestDifferentJobsInDifferentProcesses(t *testing.T) {
	t.Parallel()
	h := newHouse(t, pgtest.MaxConns(20))
	a, b, c := h.minutely(t, "release"), h.minutely(t, "poll"), h.minutely(t, "sweep")
	left, right := h.service(t, a, b), h.service(t, c)
	tick(t, left)
	tick(t, right)
	// The left one leads, alone, and meets news that only the right one can use; some hang as if their process had died.
	launch(t, left)
	h.clock.move(10 * time.Minute)
	tick(t, right)
	eventually(t, "the left one is done", func() bool {
		return one[int](t, h, `SELECT count(*) FROM job_periods WHERE state = 'done' AND kind IN ('release', 'poll')`) == 20
	})
	h.owner(t, `UPDATE river.river_job SET state = 'running', attempt = 1, attempted_at = now() - interval '2 days', attempted_by = '{dead}' WHERE queue = 'sweep';
		UPDATE job_lines SET offered_until = '-infinity'`)
	launch(t, right)
	eventually(t, "the right one is done", func() bool {
		return one[int](t, h, `SELECT count(*) FROM job_periods WHERE state = 'done' AND kind = 'sweep'`) == 10
	})
	for _, job := range []string{"release", "poll", "sweep"} {
		h.onceEach(t, job, 10)
	}
}

// Whatever becomes of River's rows, the periods are worked on.
func TestRiverMayLoseAnything(t *testing.T) {
	t.Parallel()
	h := newHouse(t, pgtest.MaxConns(20))
	s := h.service(t, h.minutely(t, "release"))
	tick(t, s)
	h.clock.move(10 * time.Minute)
	tick(t, s)
	if n := one[int](t, h, `SELECT count(*) FROM river.river_job`); n != 1 {
		t.Fatalf("%d rows of River", n)
	}
	h.owner(t, `DELETE FROM river.river_job`)
	launch(t, s)
	// The minute in which the lost news could have been taken up passes.
	h.owner(t, `UPDATE job_lines SET offered_until = clock_timestamp()`)
	eventually(t, "all is done", func() bool { return one[int](t, h, `SELECT count(*) FROM job_periods WHERE state = 'done'`) == 10 })
	// News that come twice, and news of nothing, change nothing.
	h.owner(t, `INSERT INTO river.river_job (kind, queue, args, max_attempts)
		SELECT 'mizan_line', 'release', format('{"job": "%s", "book": %s}', CASE WHEN n % 2 = 0 THEN 'release' ELSE 'nothing' END, n % 3)::jsonb, 1 FROM generate_series(1, 50) n`)
	eventually(t, "the news are read", func() bool {
		return one[int](t, h, `SELECT count(*) FROM river.river_job WHERE state IN ('available', 'running')`) == 0
	})
	h.onceEach(t, "release", 10)
}

// Where nobody works, news do not pile up.
func TestNewsDoNotPileUp(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	job := h.minutely(t, "release")
	job.PerBook = true
	s := h.service(t, job)
	tick(t, s)
	for range 20 {
		h.clock.move(time.Minute)
		tick(t, s)
		h.owner(t, `UPDATE job_lines SET offered_until = '-infinity'`)
	}
	if n := one[int](t, h, `SELECT count(*) FROM river.river_job`); n != 3 {
		t.Errorf("%d rows of River for 3 books", n)
	}
}

// A period and the news of it are written together or not at all.
func TestPlanningIsOneTransaction(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := h.service(t, h.minutely(t, "release"))
	tick(t, s)
	h.clock.move(time.Minute)
	h.owner(t, `REVOKE INSERT ON river.river_job FROM mizan_app`)
	if _, err := s.Tick(t.Context()); err == nil {
		t.Error("planned without news")
	}
	if n := one[int](t, h, `SELECT count(*) FROM job_periods`); n != 0 {
		t.Errorf("%d periods without news", n)
	}
	h.owner(t, `GRANT INSERT ON river.river_job TO mizan_app`)
	if done := tick(t, s); done.Planned != 1 || done.Offered != 1 {
		t.Errorf("%+v", done)
	}
}

// Stop lets a run end; what goes on beyond its time is cancelled and given back, and another process does it.
func TestStopDrains(t *testing.T) {
	t.Parallel()
	h := newHouse(t, pgtest.MaxConns(20))
	begun, finish := make(chan struct{}, 10), make(chan struct{})
	job := jobs.Job{Name: "release", Schedule: cron(t, "* * * * *"), Run: func(ctx context.Context, p jobs.Period) (jobs.Report, error) {
		begun <- struct{}{}
		if p.Start.Equal(start.Add(2 * time.Minute)) {
			<-ctx.Done()
			return jobs.Report{}, ctx.Err()
		}
		<-finish
		return h.write(ctx, p)
	}}
	s := h.configured(t, func(c *jobs.Config) { c.Drain = 300 * time.Millisecond }, job)
	tick(t, s)
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Start(t.Context()); err == nil {
		t.Error("started twice")
	}
	h.clock.move(time.Minute)
	<-begun
	var group sync.WaitGroup
	group.Go(func() {
		close(finish)
		eventually(t, "the first is done", func() bool { return one[int](t, h, `SELECT count(*) FROM job_periods WHERE state = 'done'`) == 1 })
		h.clock.move(time.Minute)
	})
	group.Wait()
	<-begun
	if err := s.Stop(t.Context()); err != nil {
		t.Errorf("stop: %v", err)
	}
	if err := s.Stop(t.Context()); err != nil {
		t.Errorf("stop again: %v", err)
	}
	if got := one[string](t, h, `SELECT string_agg(state || ' ' || attempts, ', ' ORDER BY period) FROM job_periods`); got != "done 1, waiting 0" {
		t.Error(got)
	}
	run(t, h.service(t, h.minutely(t, "release")))
	h.onceEach(t, "release", 2)
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	good := h.minutely(t, "release")
	for name, change := range map[string]func(*jobs.Config, *jobs.Job){
		"no pool":       func(c *jobs.Config, _ *jobs.Job) { c.Pool = nil },
		"no clock":      func(c *jobs.Config, _ *jobs.Job) { c.Now = nil },
		"no trail":      func(c *jobs.Config, _ *jobs.Job) { c.Trail = nil },
		"twice":         func(c *jobs.Config, _ *jobs.Job) { c.Jobs = slices.Repeat(c.Jobs, 2) },
		"no books":      func(c *jobs.Config, j *jobs.Job) { c.Books, j.PerBook = nil, true },
		"no schedule":   func(_ *jobs.Config, j *jobs.Job) { j.Schedule = nil },
		"no function":   func(_ *jobs.Config, j *jobs.Job) { j.Run = nil },
		"short memory":  func(c *jobs.Config, _ *jobs.Job) { c.Keep = time.Hour },
		"attempts":      func(_ *jobs.Config, j *jobs.Job) { j.MaxAttempts = 101 },
		"catch up":      func(_ *jobs.Config, j *jobs.Job) { j.CatchUp = 10001 },
		"timeout":       func(_ *jobs.Config, j *jobs.Job) { j.Timeout = -1 },
		"name":          func(_ *jobs.Config, j *jobs.Job) { j.Name = "Release" },
		"name in parts": func(_ *jobs.Config, j *jobs.Job) { j.Name = "a__b" },
		"long name":     func(_ *jobs.Config, j *jobs.Job) { j.Name = strings.Repeat("a", 49) },
	} {
		j := good
		config := jobs.Config{Pool: h.Pool, Now: h.clock.now, Trail: trail(h), Jobs: []jobs.Job{j}, Books: func(context.Context) ([]jobs.Book, error) { return nil, nil }}
		change(&config, &config.Jobs[0])
		if _, err := jobs.New(config); !errors.Is(err, jobs.ErrJobInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
