package payouts

import (
	"context"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
)

// The payouts of a run that did not go as planned, for people to look at.

// The payouts of a run are created while it is planned, which bounds the walk along the index of states.
const sqlTroubles = `
SELECT ` + payoutColumns + `
  FROM payout_runs r
 CROSS JOIN unnest(ARRAY['unknown', 'refused', 'at_account', 'failed']) WITH ORDINALITY AS w (state, n)
 CROSS JOIN LATERAL (SELECT * FROM payouts x
                      WHERE x.book_id = $1 AND x.state = w.state AND x.run_id = $2 AND x.created_at >= r.created_at AND x.created_at <= coalesce(r.planned_at, 'infinity')
                      ORDER BY x.created_at, x.id LIMIT $3) p
 WHERE r.book_id = $1 AND r.id = $2
 ORDER BY w.n, p.created_at, p.id`

// troublesEach bounds how many payouts of each state are told.
const troublesEach = 10

// Troubles returns payouts of a run that are not known to be taken, that the rail refused, whose way to the bank failed, or
// that came back before they arrived, in this order, the first created first, at most 10 of each.
func (s *Service) Troubles(ctx context.Context, book ledger.Book, run string) (list []Payout, err error) {
	err = s.pool.ReadTx(ctx, func(tx pgx.Tx) error {
		list, err = manyPayouts(ctx, tx, sqlTroubles, book.ID, run, troublesEach)
		return err
	})
	return list, err
}
