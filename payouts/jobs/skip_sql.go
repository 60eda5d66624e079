package jobs

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// Skipping is for whoever moves a clock over a time in which nobody was to work: nothing is made up for it.

const (
	sqlSkip = `UPDATE job_lines SET planned_until = $3 WHERE kind = ANY($1) AND book_id = $2 AND planned_until < $3`
)

// Skip has every job of this process begin, in each of its books, with the first period after now. What waited before goes on
// waiting.
func (s *Service) Skip(ctx context.Context) error {
	places, err := s.places(ctx)
	if err != nil {
		return err
	}
	return s.config.Pool.TxRetry(ctx, func(tx pgx.Tx) error {
		for _, p := range places {
			if _, err := tx.Exec(ctx, sqlSkip, []string{p.job.Name}, p.book.ID, s.now()); err != nil {
				return err
			}
		}
		return nil
	})
}
