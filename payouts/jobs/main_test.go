package jobs_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"mizan/ledger/guard"
	"mizan/ledger/postgres/pgtest"
	"mizan/payouts/jobs"
)

// TestMain proves that no test of the package leaves a goroutine behind. As a process that a test stops, it is that process.
func TestMain(m *testing.M) {
	for env, process := range map[string]func(context.Context) error{envHolder: hold, envReplica: replicate} {
		if os.Getenv(env) == "" {
			continue
		}
		if err := process(context.Background()); err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

var start = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

// clock is a clock that tests move.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: start} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// log remembers events.
type log struct {
	mu     sync.Mutex
	events []jobs.Event
}

func (l *log) observe(e jobs.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events = append(l.events, e)
}

func (l *log) count(kind string) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.events {
		if e.Kind == kind {
			n++
		}
	}
	return n
}

// all returns the events of the kind.
func (l *log) all(kind string) (list []jobs.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.events {
		if e.Kind == kind {
			list = append(list, e)
		}
	}
	return list
}

func cron(t testing.TB, spec string) jobs.Schedule {
	t.Helper()
	s, err := jobs.Cron(spec)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// house is a database with a table that jobs write to: one row for each time that a period's work was done.
type house struct {
	*pgtest.DB
	clock *clock
	log   *log
}

func newHouse(t testing.TB, opts ...pgtest.Option) house {
	t.Helper()
	h := house{pgtest.New(t, opts...), newClock(), &log{}}
	h.owner(t, `CREATE TABLE work_done (kind text NOT NULL, book_id integer NOT NULL, period timestamptz NOT NULL, fence bigint NOT NULL, n bigserial);
		GRANT SELECT, INSERT ON work_done TO mizan_app; GRANT USAGE ON SEQUENCE work_done_n_seq TO mizan_app`)
	return h
}

// owner runs statements as the owner of the tables.
func (h house) owner(t testing.TB, sql string) {
	t.Helper()
	if err := h.as(t.Context(), h.OwnerURL, sql); err != nil {
		t.Fatal(err)
	}
}

func (h house) as(ctx context.Context, url, sql string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	_, err = conn.Exec(ctx, sql)
	return err
}

// one returns the value that a query gives.
func one[T any](t testing.TB, h house, sql string, args ...any) (value T) {
	t.Helper()
	if err := h.Pool.QueryRow(t.Context(), sql, args...).Scan(&value); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return value
}

// service returns a service with the jobs, which tests tick and run themselves or start.
func (h house) service(t testing.TB, list ...jobs.Job) *jobs.Service {
	t.Helper()
	return h.configured(t, func(*jobs.Config) {}, list...)
}

func (h house) configured(t testing.TB, change func(*jobs.Config), list ...jobs.Job) *jobs.Service {
	t.Helper()
	config := jobs.Config{Pool: h.Pool, Now: h.clock.now, Trail: guard.NewTrail(h.Pool, h.clock.now), Jobs: list, Observe: h.log.observe,
		TickEvery: 20 * time.Millisecond, PollEvery: 20 * time.Millisecond, PollOnly: true, Drain: 5 * time.Second,
		Books: func(context.Context) ([]jobs.Book, error) { return books(3), nil }}
	change(&config)
	s, err := jobs.New(config)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// books returns so many books.
func books(n int) (list []jobs.Book) {
	for i := range n {
		list = append(list, jobs.Book{ID: int32(i + 1), Code: fmt.Sprintf("b%d", i+1)})
	}
	return list
}

// launch starts the service until the test ends.
func launch(t testing.TB, s *jobs.Service) {
	t.Helper()
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := s.Stop(ctx); err != nil {
			t.Errorf("stop: %v", err)
		}
	})
}

// write does the work of a period: a row, and the end of the period, in one transaction.
func (h house) write(ctx context.Context, p jobs.Period) (jobs.Report, error) {
	return jobs.Report{}, h.Pool.Tx(ctx, func(tx pgx.Tx) error {
		if err := p.Check(ctx, tx); err != nil {
			return err
		}
		if err := insert(ctx, tx, p); err != nil {
			return err
		}
		return p.DoneTx(ctx, tx, jobs.Report{Text: "written", Items: 1})
	})
}

func insert(ctx context.Context, tx pgx.Tx, p jobs.Period) error {
	_, err := tx.Exec(ctx, `INSERT INTO work_done (kind, book_id, period, fence) VALUES ($1, $2, $3, $4)`, p.Job, p.Book.ID, p.Start, p.Fence)
	return err
}

// minutely is a job that writes each minute.
func (h house) minutely(t testing.TB, name string) jobs.Job {
	return jobs.Job{Name: name, Schedule: cron(t, "* * * * *"), Run: h.write, CatchUp: 10000}
}

// run works off what is due, which must succeed.
func run(t testing.TB, s *jobs.Service) int {
	t.Helper()
	n, err := s.RunDue(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func tick(t testing.TB, s *jobs.Service) jobs.Ticked {
	t.Helper()
	done, err := s.Tick(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return done
}

// onceEach fails unless work_done holds exactly count periods of the job, each once and in order in each book.
func (h house) onceEach(t testing.TB, job string, count int) {
	t.Helper()
	type tally struct{ rows, periods, disorder int }
	var got tally
	err := h.Pool.QueryRow(t.Context(), `
SELECT count(*), count(DISTINCT (book_id, period)), count(*) FILTER (WHERE before >= period)
  FROM (SELECT book_id, period, lag(period) OVER (PARTITION BY book_id ORDER BY n) AS before FROM work_done WHERE kind = $1) w`, job).
		Scan(&got.rows, &got.periods, &got.disorder)
	if err != nil {
		t.Fatal(err)
	}
	if want := (tally{count, count, 0}); got != want {
		t.Errorf("%s: %+v, want %+v", job, got, want)
	}
}

// eventually waits for a condition that something else brings about, in bounded time.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for !holds() {
		select {
		case <-ctx.Done():
			t.Fatalf("it never came about: %s", what)
		case <-ticker.C:
		}
	}
}

func wantError(t testing.TB, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("got %v, want %v", err, want)
	}
}
