package payouts

import (
	"context"
	"time"
)

const (
	// Nobody is asked to wait for more than an hour, so that a slot further ahead is of another clock, and counts for nothing;
	// a minute is allowed between replicas. Where the next slot is further than anybody waits ($4), none is used up.
	sqlTakeSlot = `
INSERT INTO rail_paces (rail, next_at) VALUES ($1, $2::timestamptz + $3 * interval '1 microsecond')
    ON CONFLICT (rail) DO UPDATE
   SET next_at = CASE WHEN rail_paces.next_at > $2::timestamptz + interval '61 minutes' THEN $2::timestamptz + $3 * interval '1 microsecond'
                      WHEN rail_paces.next_at > $2::timestamptz + ($3 + $4) * interval '1 microsecond' THEN rail_paces.next_at
                      ELSE greatest(rail_paces.next_at, $2::timestamptz) + $3 * interval '1 microsecond' END
RETURNING next_at - $3 * interval '1 microsecond'`

	sqlSlowDown = `UPDATE rail_paces SET next_at = greatest(next_at, $2) WHERE rail = $1`
)

// takeSlot takes the next slot of a rail and returns when it is.
func (s *Service) takeSlot(ctx context.Context, rail string, step time.Duration) (at time.Time, err error) {
	err = s.pool.QueryRow(ctx, sqlTakeSlot, rail, s.now(), step.Microseconds(), longestQueue.Microseconds()).Scan(&at)
	return at.UTC(), err
}

// slowDown keeps everybody from asking for a while, because the processor said so.
func (s *Service) slowDown(ctx context.Context, rail string, wait time.Duration) error {
	_, err := s.pool.Exec(ctx, sqlSlowDown, rail, s.now().Add(min(max(wait, time.Second), time.Hour)))
	return err
}
