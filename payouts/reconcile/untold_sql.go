package reconcile

import (
	"context"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/guard"
)

// Breaks that are otherwise than their last step left them: every change of a break is a step, and steps are only added. Somebody who
// closed a break behind the program hid what is missing.

const sqlBreaksAgainstSteps = `
SELECT b.id, b.state, s.break_id IS NOT DISTINCT FROM b.id AND (s.standing::jsonb ->> 'state', (s.standing::jsonb ->> 'amount')::bigint,
       coalesce((s.standing::jsonb ->> 'suspense')::bigint, 0)) IS NOT DISTINCT FROM (b.state, b.amount, b.suspense)
  FROM (SELECT x.id, x.state, x.amount, x.suspense, x.step FROM recon_breaks x WHERE x.book_id = $1 AND x.id > $2 ORDER BY x.id LIMIT $3) b
  LEFT JOIN LATERAL (SELECT y.break_id, y.standing FROM recon_steps y WHERE y.book_id = $1 AND y.number = b.step LIMIT 1) s ON true
 ORDER BY b.id`

// Told compares each break with the step that left it as it is.
func (s *Service) Told(ctx context.Context, book ledger.Book) (told guard.Told, err error) {
	const page = 1000
	for last := ""; ; {
		seen := 0
		err := s.pool.ReadTx(ctx, func(tx pgx.Tx) error {
			rows, err := tx.Query(ctx, sqlBreaksAgainstSteps, book.ID, last, page)
			if err != nil {
				return err
			}
			var state string
			var same bool
			_, err = pgx.ForEachRow(rows, []any{&last, &state, &same}, func() error {
				if seen++; !same && len(told.Untold) < page {
					told.Untold = append(told.Untold, guard.Claim{Place: last, Object: "break:" + last, Act: "break." + state})
				}
				return nil
			})
			return err
		})
		if err != nil {
			return guard.Told{}, err
		}
		if told.Looked += int64(seen); seen < page {
			return told, nil
		}
	}
}
