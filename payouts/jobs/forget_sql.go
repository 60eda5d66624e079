package jobs

import "context"

// Forgetting keeps the past bounded: what is over is deleted long after it was due. The line remembers up to when periods
// were planned, so that nothing comes back.

// maxForgotten bounds what one tick deletes.
const maxForgotten = 1000

// The clock handed in may be wrong; what the database's own clock does not call old is kept.
const sqlForget = `
DELETE FROM job_periods p USING (
    SELECT f.kind, f.book_id, f.period
      FROM job_lines l CROSS JOIN LATERAL (
           SELECT x.kind, x.book_id, x.period FROM job_periods x
            WHERE x.kind = l.kind AND x.book_id = l.book_id
              AND x.period < least($2::timestamptz, now() - $3 * interval '1 microsecond', l.planned_until)
              AND x.state IN ('done', 'parked')
            ORDER BY x.period LIMIT $4 FOR UPDATE SKIP LOCKED) f
     WHERE l.kind = ANY($1) AND l.book_id >= 0 LIMIT $4) old
 WHERE p.kind = old.kind AND p.book_id = old.book_id AND p.period = old.period AND p.state IN ('done', 'parked')`

// forget deletes what is over and old, of the jobs of this process.
func (s *Service) forget(ctx context.Context) (int, error) {
	tag, err := s.config.Pool.Exec(ctx, sqlForget, s.names, s.now().Add(-s.config.Keep), s.config.Keep.Microseconds(), maxForgotten)
	return int(tag.RowsAffected()), err
}
