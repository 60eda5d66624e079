package jobs

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger/failpoint"
)

// A claim is a process's hold on a period: a fence, and a lease that it renews while it works.

// States of a period.
const (
	// Waiting means that the period is due, for the first time or again.
	stateWaiting = "waiting"
	stateRunning = "running"
	stateDone    = "done"
	stateParked  = "parked"
)

const (
	sqlLockLine = `SELECT planned_until FROM job_lines WHERE kind = $1 AND book_id = $2 FOR NO KEY UPDATE`
	// Whoever took up the news makes room for the next.
	sqlTakenUp = `UPDATE job_lines SET offered_until = '-infinity' WHERE kind = $1 AND book_id = $2 AND offered_until <> '-infinity'`
	sqlFence   = `UPDATE job_lines SET fence = fence + 1, offered_until = '-infinity' WHERE kind = $1 AND book_id = $2 RETURNING fence`
	// A holder that writes at this moment has locked its row and is no holder to take over from.
	sqlClaim = `
UPDATE job_periods p
   SET state = 'running', fence = $4, attempts = p.attempts + 1, claimed_by = $5, lease_until = clock_timestamp() + $6 * interval '1 microsecond',
       started_at = $7, finished_at = NULL, outcome = '', items = 0, error_code = ''
  FROM (SELECT kind, book_id, period FROM job_periods
         WHERE kind = $1 AND book_id = $2 AND period = $3 AND fence = $8 AND (state = 'waiting' OR state = 'running' AND lease_until < clock_timestamp())
           FOR NO KEY UPDATE SKIP LOCKED) mine
 WHERE p.kind = mine.kind AND p.book_id = mine.book_id AND p.period = mine.period
RETURNING p.attempts`
	sqlAttempt = `
INSERT INTO job_attempts (kind, book_id, period, fence, attempt, claimed_by, started_at) VALUES ($1, $2, $3, $4, $5, $6, $7)`
	sqlLost = `
UPDATE job_attempts SET ended_at = $5, ending = 'lost', error_code = 'lost' WHERE kind = $1 AND book_id = $2 AND period = $3 AND fence = $4 AND ending = ''`
	sqlParkLost = `
UPDATE job_periods SET state = 'parked', lease_until = NULL, finished_at = $5, error_code = 'lost'
 WHERE kind = $1 AND book_id = $2 AND fence = $4 AND state = 'running' AND lease_until < clock_timestamp()
   AND period = (SELECT period FROM job_periods WHERE kind = $1 AND book_id = $2 AND period = $3 FOR NO KEY UPDATE SKIP LOCKED)`
	// Renewing and locking are one statement: it waits for whoever takes the period over, and then finds no row.
	sqlRenew = `
UPDATE job_periods SET lease_until = clock_timestamp() + $5 * interval '1 microsecond'
 WHERE kind = $1 AND book_id = $2 AND period = $3 AND fence = $4 AND state = 'running'`
	// A row that is locked and was ours when last committed is being written to by the run itself.
	sqlProlong = `
WITH mine AS (
    SELECT kind, book_id, period FROM job_periods
     WHERE kind = $1 AND book_id = $2 AND period = $3 AND fence = $4 AND state = 'running' FOR NO KEY UPDATE SKIP LOCKED),
prolonged AS (
    UPDATE job_periods p SET lease_until = clock_timestamp() + $5 * interval '1 microsecond' FROM mine
     WHERE p.kind = mine.kind AND p.book_id = mine.book_id AND p.period = mine.period)
SELECT EXISTS (SELECT FROM job_periods WHERE kind = $1 AND book_id = $2 AND period = $3 AND fence = $4 AND state = 'running')`
	sqlFinish = `
UPDATE job_periods
   SET state = $5, lease_until = NULL, finished_at = CASE WHEN $5 = 'waiting' THEN NULL ELSE $6::timestamptz END, attempts = attempts - $7,
       next_attempt = $8, outcome = $9, items = $10, error_code = $11
 WHERE kind = $1 AND book_id = $2 AND period = $3 AND fence = $4 AND state = 'running'`
	sqlFinishAttempt = `
UPDATE job_attempts SET ended_at = $5, ending = $6, outcome = $7, items = $8, error_code = $9
 WHERE kind = $1 AND book_id = $2 AND period = $3 AND fence = $4 AND ending = ''`
	sqlIsDone = `SELECT state = 'done' FROM job_periods WHERE kind = $1 AND book_id = $2 AND period = $3 AND fence = $4`
)

// errLost is why a period is parked whose process ended in every attempt.
var errLost = errors.New("jobs: the process ended in every attempt")

// claimed is what an attempt to claim came to.
type claimed struct {
	period Period
	// ok says that the period is ours. Otherwise again says that another look is worth while: the first was parked.
	ok, again bool
	// lost is the fence of the holder that was replaced, if any.
	lost  int64
	start time.Time
}

// claim takes the first period of the line if it is free.
func (s *Service) claim(ctx context.Context, p place) (c claimed, err error) {
	err = s.config.Pool.TxRetry(ctx, func(tx pgx.Tx) (err error) {
		c, err = s.claimTx(ctx, tx, p)
		return err
	})
	if err != nil {
		return claimed{}, err
	}
	if c.lost > 0 {
		s.config.Observe(Event{Kind: TakenOver, Job: p.job.Name, Book: p.book.ID, Period: c.start, Fence: c.lost})
	}
	if c.again {
		s.config.Observe(Event{Kind: Parked, Job: p.job.Name, Book: p.book.ID, Period: c.start, Fence: c.lost, Err: errLost})
	}
	return c, nil
}

func (s *Service) claimTx(ctx context.Context, tx pgx.Tx, p place) (c claimed, err error) {
	var planned time.Time
	err = tx.QueryRow(ctx, sqlLockLine, p.job.Name, p.book.ID).Scan(&planned)
	if errors.Is(err, pgx.ErrNoRows) {
		return claimed{}, nil
	}
	if err != nil {
		return claimed{}, err
	}
	now := s.now()
	h, ok, err := headTx(ctx, tx, p)
	if err != nil {
		return claimed{}, err
	}
	if !ok || !h.free(now) {
		_, err := tx.Exec(ctx, sqlTakenUp, p.job.Name, p.book.ID)
		return claimed{}, err
	}
	c.start = h.start
	if h.state == stateRunning && h.attempts >= p.job.MaxAttempts {
		// A period that ends its process each time is as poisonous as one that fails.
		tag, err := tx.Exec(ctx, sqlParkLost, p.job.Name, p.book.ID, h.start, h.fence, now)
		if err != nil || tag.RowsAffected() == 0 {
			return claimed{}, err
		}
		c.lost, c.again = h.fence, true
		_, err = tx.Exec(ctx, sqlLost, p.job.Name, p.book.ID, h.start, h.fence, now)
		return c, err
	}
	var fence int64
	if err := tx.QueryRow(ctx, sqlFence, p.job.Name, p.book.ID).Scan(&fence); err != nil {
		return claimed{}, err
	}
	var attempt int
	err = tx.QueryRow(ctx, sqlClaim, p.job.Name, p.book.ID, h.start, fence, s.holder, s.config.Lease.Microseconds(), now, h.fence).Scan(&attempt)
	if errors.Is(err, pgx.ErrNoRows) {
		return claimed{}, nil
	}
	if err != nil {
		return claimed{}, err
	}
	if h.state == stateRunning {
		c.lost = h.fence
		if _, err := tx.Exec(ctx, sqlLost, p.job.Name, p.book.ID, h.start, h.fence, now); err != nil {
			return claimed{}, err
		}
	}
	c.ok = true
	c.period = Period{Job: p.job.Name, Book: p.book, Start: h.start.UTC(), End: h.end.UTC(), Fence: fence, Attempt: attempt, Extra: h.extra, service: s}
	_, err = tx.Exec(ctx, sqlAttempt, p.job.Name, p.book.ID, h.start, fence, attempt, s.holder, now)
	failpoint.Here(failpoint.PeriodClaiming)
	return c, err
}

// Check locks the period's row in the job's own transaction until its end and renews the lease, so that nobody takes the
// period over meanwhile. It returns ErrFenced if somebody has: then the transaction must not commit. Every transaction in which a job writes
// begins with it.
func (p Period) Check(ctx context.Context, tx pgx.Tx) error {
	if p.service == nil {
		// Nobody made this period due.
		return ErrFenced
	}
	tag, err := tx.Exec(ctx, sqlRenew, p.Job, p.Book.ID, p.Start, p.Fence, p.service.config.Lease.Microseconds())
	if err == nil && tag.RowsAffected() == 0 {
		return ErrFenced
	}
	return err
}

// DoneTx ends the period with the job's own transaction: either what the transaction wrote stands and the period is over, or
// neither. It returns ErrFenced like Check. Run returns soon after the commit; its report is not used.
func (p Period) DoneTx(ctx context.Context, tx pgx.Tx, r Report) error {
	if p.service == nil {
		return ErrFenced
	}
	ours, err := p.finishTx(ctx, tx, ending{state: stateDone, ending: "done", report: r})
	if err == nil && !ours {
		return ErrFenced
	}
	return err
}

// ending is how a run ended.
type ending struct {
	// state is that of the period after it, and ending that of the attempt.
	state, ending string
	report        Report
	code          string
	// back is 1 for an attempt that does not count.
	back int
	// next is when a period that waits again is due.
	next time.Time
}

// finishTx records the ending, and reports false if the period is no longer ours.
func (p Period) finishTx(ctx context.Context, tx pgx.Tx, e ending) (ours bool, err error) {
	now, r := p.service.now(), e.report.kept()
	if e.next.IsZero() {
		e.next = now
	}
	tag, err := tx.Exec(ctx, sqlFinish, p.Job, p.Book.ID, p.Start, p.Fence, e.state, now, e.back, e.next, r.Text, r.Items, e.code)
	if err != nil || tag.RowsAffected() == 0 {
		return false, err
	}
	_, err = tx.Exec(ctx, sqlFinishAttempt, p.Job, p.Book.ID, p.Start, p.Fence, now, e.ending, r.Text, r.Items, e.code)
	failpoint.Here(failpoint.PeriodRecording)
	return true, err
}

// finish records the ending in a transaction of its own. A period that the job ended itself with DoneTx is as it should be.
func (p Period) finish(ctx context.Context, e ending) (ours, before bool, err error) {
	err = p.service.config.Pool.TxRetry(ctx, func(tx pgx.Tx) (err error) {
		if ours, err = p.finishTx(ctx, tx, e); err != nil || ours {
			return err
		}
		err = tx.QueryRow(ctx, sqlIsDone, p.Job, p.Book.ID, p.Start, p.Fence).Scan(&before)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		return err
	})
	return ours, before, err
}

// renew prolongs the lease, and reports false if the period is no longer ours.
func (p Period) renew(ctx context.Context) (ours bool, err error) {
	err = p.service.config.Pool.QueryRow(ctx, sqlProlong, p.Job, p.Book.ID, p.Start, p.Fence, p.service.config.Lease.Microseconds()).Scan(&ours)
	return ours, err
}

// endedByJob reports whether the job itself ended the period with DoneTx.
func (s *Service) endedByJob(ctx context.Context, p Period) (done bool, err error) {
	err = s.config.Pool.QueryRow(ctx, sqlIsDone, p.Job, p.Book.ID, p.Start, p.Fence).Scan(&done)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	return done, err
}
