package jobs

import (
	"context"
	"time"
)

// Forgetting keeps the past bounded: what is over is deleted long after it was due. The line remembers up to when periods
// were planned, so that nothing comes back.

// maxForgotten bounds what one tick deletes.
const maxForgotten = 1000

// The clock handed in may be wrong; what the database's own clock does not call old is kept.
const sqlForget = `
DELETE FROM job_periods p USING (
    SELECT f.kind, f.book_id, f.period
      FROM unnest($1::text[], $2::timestamptz[], $3::bigint[]) AS j (kind, before, keep) JOIN job_lines l ON l.kind = j.kind AND l.book_id >= 0
     CROSS JOIN LATERAL (
           SELECT x.kind, x.book_id, x.period FROM job_periods x
            WHERE x.kind = l.kind AND x.book_id = l.book_id
              AND x.period < least(j.before, now() - j.keep * interval '1 microsecond', l.planned_until)
              AND (x.state = 'done' OR x.state = 'parked' AND x.period < least($5::timestamptz, now() - $6 * interval '1 microsecond'))
            ORDER BY x.period LIMIT $4 FOR UPDATE SKIP LOCKED) f
     LIMIT $4) old
 WHERE p.kind = old.kind AND p.book_id = old.book_id AND p.period = old.period AND p.state IN ('done', 'parked')`

// forget deletes what is over and old, of the jobs of this process.
func (s *Service) forget(ctx context.Context) (int, error) {
	now, most := s.now(), s.config.Keep
	before, keeps := make([]time.Time, len(s.names)), make([]int64, len(s.names))
	for i, name := range s.names {
		keep := most
		if own := s.jobs[name].Keep; own > 0 {
			keep = min(own, most)
		}
		before[i], keeps[i] = now.Add(-keep), keep.Microseconds()
	}
	tag, err := s.config.Pool.Exec(ctx, sqlForget, s.names, before, keeps, maxForgotten, now.Add(-most), most.Microseconds())
	return int(tag.RowsAffected()), err
}
