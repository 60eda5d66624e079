package jobs

import (
	"context"
	"time"
)

// Due is the next moment at which there is something to do, for whoever moves a clock from one such moment to the next.

const sqlNextAttempt = `
SELECT min(p.next_attempt) FROM job_periods p
 WHERE p.kind = ANY($1) AND p.book_id >= 0 AND p.state = 'waiting' AND p.state IN ('waiting', 'running') AND p.next_attempt > $2`

// NextDue returns the first instant after now, by the clock handed in, at which a period of this process's jobs begins or one
// that failed may be tried again; the zero time if there is none. A job that was never planned in a book begins with the
// first period after now.
func (s *Service) NextDue(ctx context.Context) (next time.Time, err error) {
	places, err := s.places(ctx)
	if err != nil {
		return time.Time{}, err
	}
	lines, err := s.lines(ctx)
	if err != nil {
		return time.Time{}, err
	}
	now := s.now()
	for _, p := range places {
		after := now
		if l, known := lines[lineKey{p.job.Name, p.book.ID}]; known && l.planned.After(now) {
			after = l.planned
		}
		if at := p.job.Schedule.Next(after, p.book.Zone); at.After(now) && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	var again *time.Time
	if err := s.config.Pool.QueryRow(ctx, sqlNextAttempt, s.names, now).Scan(&again); err != nil {
		return time.Time{}, err
	}
	if again != nil && (next.IsZero() || again.Before(next)) {
		next = again.UTC()
	}
	return next, nil
}

// Codes returns the code of each book by its number; the installation has the number 0 and no code.
func (s *Service) Codes(ctx context.Context) (map[int32]string, error) {
	codes := map[int32]string{0: ""}
	if s.config.Books == nil {
		return codes, nil
	}
	books, err := s.config.Books(ctx)
	for _, b := range books {
		codes[b.ID] = b.Code
	}
	return codes, err
}
