package jobs

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// Stranded work is due in the database and belongs to no job of this process: the job was renamed or taken out, or runs in
// another kind of place. Nobody plans it and nobody works it off, so that it must be said.

// maxStranded bounds how many places of stranded work are named at a time, and how many periods of one are counted.
const maxStranded = 1000

// A line of a known job in a place where the job runs costs no look at its periods.
const sqlStranded = `
SELECT l.kind, l.book_id, first.period,
       (SELECT count(*) FROM (SELECT FROM job_periods p WHERE p.kind = l.kind AND p.book_id = l.book_id AND p.state IN ('waiting', 'running') LIMIT $4) open)
  FROM job_lines l
 CROSS JOIN LATERAL (
       SELECT least.period FROM unnest(ARRAY['waiting', 'running']) AS s (state)
        CROSS JOIN LATERAL (
              SELECT p.period FROM job_periods p
               WHERE p.kind = l.kind AND p.book_id = l.book_id AND p.state = s.state AND p.state IN ('waiting', 'running') ORDER BY p.period LIMIT 1) least
        ORDER BY least.period LIMIT 1) first
 WHERE l.book_id >= 0 AND NOT (l.kind = ANY($1) AND l.book_id = 0) AND NOT (l.kind = ANY($2) AND l.book_id = ANY($3::integer[]))
 ORDER BY l.kind, l.book_id LIMIT $4`

// Stranded is work that is due and that this process does not know how to do.
type Stranded struct {
	// Job is the name that stands in the database, and Book where, 0 for the installation.
	Job  string
	Book int32
	// Open is how many periods wait or run, at most 1000, and Oldest when the oldest of them became due.
	Open   int
	Oldest time.Time
}

// Stranded returns the work that is due and belongs to no job of this process where the job runs, in order of name and book, at
// most 1000 places. Another process may know it, as while a new release takes over from an old one; what stays needs people.
func (s *Service) Stranded(ctx context.Context) (list []Stranded, err error) {
	places, err := s.places(ctx)
	if err != nil {
		return nil, err
	}
	once, each, books := []string{}, []string{}, []int32{}
	for _, name := range s.names {
		if s.jobs[name].PerBook {
			each = append(each, name)
		} else {
			once = append(once, name)
		}
	}
	for _, p := range places {
		if len(each) > 0 && p.job.Name == each[0] {
			books = append(books, p.book.ID)
		}
	}
	err = s.config.Pool.ReadTx(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, sqlStranded, once, each, books, maxStranded)
		if err != nil {
			return err
		}
		list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (w Stranded, err error) {
			err = row.Scan(&w.Job, &w.Book, &w.Oldest, &w.Open)
			return w, err
		})
		return err
	})
	return list, err
}

// tellStranded observes what is stranded. It is no reason not to start: what this process knows must be done all the same.
func (s *Service) tellStranded(ctx context.Context) {
	list, err := s.Stranded(ctx)
	if err != nil && ctx.Err() == nil {
		s.config.Observe(Event{Kind: Unwell, Err: err})
	}
	for _, w := range list {
		s.config.Observe(Event{Kind: Strange, Job: w.Job, Book: w.Book, Period: w.Oldest, Items: int64(w.Open)})
	}
}
