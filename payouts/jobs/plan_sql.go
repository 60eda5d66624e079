package jobs

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
)

// Planning turns what is due into rows. What is due is computed from the last period that was planned, so that it does not
// matter when, where and how often anybody looks.

const (
	// A line with nothing planned, offered or open costs no transaction of its own.
	sqlLines = `
SELECT l.kind, l.book_id, l.planned_until, l.offered_until > clock_timestamp(),
       EXISTS (SELECT FROM job_periods p WHERE p.kind = l.kind AND p.book_id = l.book_id AND p.state IN ('waiting', 'running'))
  FROM job_lines l WHERE l.kind = ANY($1) AND l.book_id >= 0`
	sqlMakeLine = `INSERT INTO job_lines (kind, book_id, since, planned_until) VALUES ($1, $2, $3, $3) ON CONFLICT DO NOTHING`
	// Whoever plans a line plans it for all, so others pass by.
	sqlTryLine   = `SELECT planned_until, offered_until > clock_timestamp() FROM job_lines WHERE kind = $1 AND book_id = $2 FOR NO KEY UPDATE SKIP LOCKED`
	sqlCountOpen = `
SELECT count(*) FROM (
    SELECT FROM job_periods WHERE kind = $1 AND book_id = $2 AND state IN ('waiting', 'running') LIMIT $3) open`
	sqlPlan = `
INSERT INTO job_periods (kind, book_id, period, ends_at, state, planned_at, next_attempt)
SELECT $1, $2, t.period, t.ends_at, 'waiting', $5, t.period FROM unnest($3::timestamptz[], $4::timestamptz[]) AS t (period, ends_at)
ON CONFLICT (kind, book_id, period) DO NOTHING`
	sqlPlanned = `UPDATE job_lines SET planned_until = $3 WHERE kind = $1 AND book_id = $2`
	sqlOffered = `UPDATE job_lines SET offered_until = clock_timestamp() + $3 * interval '1 microsecond' WHERE kind = $1 AND book_id = $2`
	// The one that runs, or else the first that waits: running sorts before waiting.
	sqlHead = `
SELECT period, ends_at, state, fence, attempts, next_attempt, extra, lease_until < clock_timestamp()
  FROM job_periods WHERE kind = $1 AND book_id = $2 AND state IN ('waiting', 'running') ORDER BY state, period LIMIT 1`
)

// Ticked says what a tick did.
type Ticked struct {
	// Planned is how many periods became due, Offered in how many lines there was work, and Forgotten how many rows were
	// deleted long after their periods were over.
	Planned, Offered, Forgotten int
	// Behind is how many lines have more periods due than may wait at a time.
	Behind int
}

// Tick plans what is due by the clock handed in and tells workers of what can be done. It may be called at any time, by any
// number of processes. A line that fails does not keep others from being planned.
func (s *Service) Tick(ctx context.Context) (Ticked, error) { return s.tick(ctx, true) }

func (s *Service) tick(ctx context.Context, offer bool) (done Ticked, err error) {
	places, err := s.places(ctx)
	if err != nil {
		return Ticked{}, err
	}
	lines, err := s.lines(ctx)
	if err != nil {
		return Ticked{}, err
	}
	var failed []error
	for _, p := range places {
		l, known := lines[lineKey{p.job.Name, p.book.ID}]
		due := !known || l.open && !l.offered
		if known && !due {
			next := p.job.Schedule.Next(l.planned, p.book.Zone)
			due = !next.IsZero() && !next.After(s.now())
		}
		if !due {
			continue
		}
		if err := s.planLine(ctx, p, offer, &done); err != nil {
			if ctx.Err() != nil {
				return done, err
			}
			failed = append(failed, err)
		}
	}
	forgotten, err := s.forget(ctx)
	done.Forgotten = forgotten
	return done, errors.Join(append(failed, err)...)
}

type lineKey struct {
	job  string
	book int32
}

type line struct {
	planned       time.Time
	offered, open bool
}

// lines returns what is known of the lines of this process's jobs.
func (s *Service) lines(ctx context.Context) (map[lineKey]line, error) {
	rows, err := s.config.Pool.Query(ctx, sqlLines, s.names)
	if err != nil {
		return nil, err
	}
	lines := map[lineKey]line{}
	var k lineKey
	var l line
	_, err = pgx.ForEachRow(rows, []any{&k.job, &k.book, &l.planned, &l.offered, &l.open}, func() error {
		lines[k] = l
		return nil
	})
	return lines, err
}

// planLine plans one line and, if asked to, offers it in the same transaction.
func (s *Service) planLine(ctx context.Context, p place, offer bool, done *Ticked) error {
	var planned int
	var behind, offered bool
	err := s.config.Pool.TxRetry(ctx, func(tx pgx.Tx) (err error) {
		planned, behind, offered = 0, false, false
		now := s.now()
		if _, err := tx.Exec(ctx, sqlMakeLine, p.job.Name, p.book.ID, now); err != nil {
			return err
		}
		var until time.Time
		var known bool
		err = tx.QueryRow(ctx, sqlTryLine, p.job.Name, p.book.ID).Scan(&until, &known)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		if planned, behind, err = planTx(ctx, tx, p, until, now); err != nil {
			return err
		}
		if offer && !known {
			offered, err = s.offerTx(ctx, tx, p, now)
		}
		return err
	})
	if err != nil {
		return err
	}
	if planned > 0 {
		done.Planned += planned
		s.config.Observe(Event{Kind: Planned, Job: p.job.Name, Book: p.book.ID, Items: int64(planned)})
	}
	if behind {
		done.Behind++
		s.config.Observe(Event{Kind: Behind, Job: p.job.Name, Book: p.book.ID})
	}
	if offered {
		done.Offered++
	}
	return nil
}

// planTx makes the rows of what became due, as many as may wait. The caller holds the line.
func planTx(ctx context.Context, tx pgx.Tx, p place, until, now time.Time) (planned int, behind bool, err error) {
	next := p.job.Schedule.Next(until, p.book.Zone)
	if !due(next, until, now) {
		return 0, false, nil
	}
	var open int
	if err := tx.QueryRow(ctx, sqlCountOpen, p.job.Name, p.book.ID, p.job.CatchUp).Scan(&open); err != nil {
		return 0, false, err
	}
	if p.job.Latest {
		next = latest(p, next, now)
	}
	var starts, ends []time.Time
	for due(next, until, now) && open+len(starts) < p.job.CatchUp {
		end := p.job.Schedule.Next(next, p.book.Zone)
		if !end.After(next) {
			// A schedule that ends still has a last period.
			end = next.AddDate(1, 0, 0)
		}
		starts, ends = append(starts, next), append(ends, end)
		until, next = next, end
	}
	if len(starts) == 0 {
		return 0, !p.job.Latest, nil
	}
	tag, err := tx.Exec(ctx, sqlPlan, p.job.Name, p.book.ID, starts, ends, now)
	if err != nil {
		return 0, false, err
	}
	_, err = tx.Exec(ctx, sqlPlanned, p.job.Name, p.book.ID, until)
	return int(tag.RowsAffected()), due(next, until, now), err
}

// latest returns the newest period that has begun, given one that has. It looks back from now over longer and longer times, so
// that a long outage costs no more than a short one.
func latest(p place, next, now time.Time) time.Time {
	for back := time.Minute; back < now.Sub(next); back *= 2 {
		if at := p.job.Schedule.Next(now.Add(-back), p.book.Zone); !at.IsZero() && at.After(next) && !at.After(now) {
			next = at
			break
		}
	}
	for range maxCatchUp {
		at := p.job.Schedule.Next(next, p.book.Zone)
		if !due(at, next, now) {
			break
		}
		next = at
	}
	return next
}

// due reports whether the next period after until has begun. A schedule that does not move on has none.
func due(next, until, now time.Time) bool { return next.After(until) && !next.After(now) }

// head is the period of a line that comes first.
type head struct {
	start, end, next time.Time
	state            string
	fence            int64
	attempts         int
	extra            bool
	expired          *bool
}

// headTx reads the period that comes first, and false if none is open.
func headTx(ctx context.Context, tx pgx.Tx, p place) (h head, ok bool, err error) {
	err = tx.QueryRow(ctx, sqlHead, p.job.Name, p.book.ID).Scan(&h.start, &h.end, &h.state, &h.fence, &h.attempts, &h.next, &h.extra, &h.expired)
	if errors.Is(err, pgx.ErrNoRows) {
		return head{}, false, nil
	}
	return h, err == nil, err
}

// free reports whether somebody may take the period now.
func (h head) free(now time.Time) bool {
	if h.state == stateRunning {
		return h.expired != nil && *h.expired
	}
	return !h.next.After(now)
}

// offerTx sends news of the line if its first period can be taken. The caller holds the line.
func (s *Service) offerTx(ctx context.Context, tx pgx.Tx, p place, now time.Time) (bool, error) {
	h, ok, err := headTx(ctx, tx, p)
	if err != nil || !ok || !h.free(now) {
		return false, err
	}
	if _, err := tx.Exec(ctx, sqlOffered, p.job.Name, p.book.ID, offerFor.Microseconds()); err != nil {
		return false, err
	}
	return true, s.carrier.sendTx(ctx, tx, p.job.Name, p.book.ID)
}
