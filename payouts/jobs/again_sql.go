package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	"mizan/ledger/guard"

	"github.com/jackc/pgx/v5"
)

// Again is a run that a person asks for: of a period that is over, or of an extra one beside the schedule.

const (
	sqlIsOpen = `SELECT count(*) FILTER (WHERE state = 'running'), count(*) FILTER (WHERE period = $3), count(*)
  FROM job_periods WHERE kind = $1 AND book_id = $2 AND state IN ('waiting', 'running')`
	sqlOver  = `SELECT state, ends_at, extra, outcome, items, error_code FROM job_periods WHERE kind = $1 AND book_id = $2 AND period = $3 FOR NO KEY UPDATE`
	sqlAgain = `
UPDATE job_periods SET state = 'waiting', attempts = 0, next_attempt = $4, finished_at = NULL, outcome = '', items = 0, error_code = ''
 WHERE kind = $1 AND book_id = $2 AND period = $3 AND state IN ('done', 'parked')`
	sqlExtra = `
INSERT INTO job_periods (kind, book_id, period, ends_at, state, planned_at, extra, next_attempt) VALUES ($1, $2, $3, $4, 'waiting', $3, true, $3)
ON CONFLICT (kind, book_id, period) DO NOTHING`
)

// maxWhy bounds a reason, in bytes.
const maxWhy = 2000

// Request asks for a run.
type Request struct {
	// Job is the job's name, and Book the number of its book, 0 for the installation.
	Job  string
	Book int32
	// Period is when the period became due that is to run again; zero for an extra one that is due now and lasts until the
	// next of the schedule.
	Period time.Time
	// Actor asks, and Why is the reason, which both stay in the audit trail.
	Actor guard.Actor
	Why   string
}

// RunNow makes a period due that is over, or an extra one, and tells workers of it; it does not wait for the run. It returns
// the period that will run, and ErrUnknown, ErrPeriodUnknown, ErrReason, or ErrBusy while the job runs in the book or that period still waits.
func (s *Service) RunNow(ctx context.Context, r Request) (start time.Time, err error) {
	p, err := s.at(ctx, r.Job, r.Book)
	if err != nil {
		return time.Time{}, err
	}
	err = s.config.Pool.TxRetry(ctx, func(tx pgx.Tx) (err error) {
		start, err = s.againTx(ctx, tx, p, r)
		return err
	})
	return start, err
}

// RunNowTx is RunNow in the caller's transaction, which should end soon: the job's line in the book is locked until then.
func (s *Service) RunNowTx(ctx context.Context, tx pgx.Tx, r Request) (time.Time, error) {
	p, err := s.at(ctx, r.Job, r.Book)
	if err != nil {
		return time.Time{}, err
	}
	return s.againTx(ctx, tx, p, r)
}

func (s *Service) againTx(ctx context.Context, tx pgx.Tx, p place, r Request) (time.Time, error) {
	r.Why = strings.TrimSpace(r.Why)
	if r.Why == "" || len(r.Why) > maxWhy || !utf8.ValidString(r.Why) {
		return time.Time{}, ErrReason
	}
	now := s.now()
	extra, start := r.Period.IsZero(), r.Period.UTC()
	if extra {
		start = now
	}
	if _, err := tx.Exec(ctx, sqlMakeLine, p.job.Name, p.book.ID, now); err != nil {
		return time.Time{}, err
	}
	var until time.Time
	if err := tx.QueryRow(ctx, sqlLockLine, p.job.Name, p.book.ID).Scan(&until); err != nil {
		return time.Time{}, err
	}
	var running, same, open int
	if err := tx.QueryRow(ctx, sqlIsOpen, p.job.Name, p.book.ID, start).Scan(&running, &same, &open); err != nil {
		return time.Time{}, err
	}
	if running > 0 || same > 0 || open >= maxCatchUp {
		return time.Time{}, ErrBusy
	}
	deed := guard.Deed{Actor: r.Actor, Book: guard.Book{ID: p.book.ID, Code: p.book.Code}, Act: "job.run_again", Object: object(p.job.Name, start), Why: r.Why}
	var err error
	if extra {
		deed.Act = "job.run_extra"
		err = extraTx(ctx, tx, p, now)
	} else {
		deed.Before, err = againTx(ctx, tx, p, start, now)
	}
	if err != nil {
		return time.Time{}, err
	}
	if _, err := s.offerTx(ctx, tx, p, now); err != nil {
		return time.Time{}, err
	}
	_, err = s.config.Trail.RecordTx(ctx, tx, deed)
	return start, err
}

// extraTx makes a period beside the schedule.
func extraTx(ctx context.Context, tx pgx.Tx, p place, now time.Time) error {
	end := p.job.Schedule.Next(now, p.book.Zone)
	if !end.After(now) {
		end = now.AddDate(1, 0, 0)
	}
	tag, err := tx.Exec(ctx, sqlExtra, p.job.Name, p.book.ID, now, end)
	if err == nil && tag.RowsAffected() == 0 {
		// A period of this very moment is there and over. Asked again, it is another moment.
		return ErrBusy
	}
	return err
}

// againTx makes a period wait again that is over, and returns what had come of it.
func againTx(ctx context.Context, tx pgx.Tx, p place, start, now time.Time) (json.RawMessage, error) {
	var was struct {
		State   string `json:"state"`
		Outcome string `json:"outcome,omitempty"`
		Items   int64  `json:"items,omitempty"`
		Code    string `json:"error_code,omitempty"`
	}
	err := tx.QueryRow(ctx, sqlOver, p.job.Name, p.book.ID, start).Scan(&was.State, nil, nil, &was.Outcome, &was.Items, &was.Code)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, ErrPeriodUnknown
	}
	if err != nil {
		return nil, err
	}
	if _, err := tx.Exec(ctx, sqlAgain, p.job.Name, p.book.ID, start, now); err != nil {
		return nil, err
	}
	return json.Marshal(was)
}
