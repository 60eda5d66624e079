package payouts

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/money"
)

// Payouts under way: sent, and not known to have arrived.

const sqlUnderWay = `
SELECT w.currency, count(*), sum(w.amount)::bigint, min(w.submitted_at), count(*) FILTER (WHERE w.expected_on < $3::date)
  FROM (SELECT p.currency, p.amount, coalesce(p.submitted_at, p.created_at) AS submitted_at, p.expected_on FROM payouts p
         WHERE p.book_id = $1 AND p.state = 'submitted' ORDER BY p.created_at, p.id LIMIT $2) w
 GROUP BY w.currency ORDER BY w.currency`

// underWayMost bounds what is counted.
const underWayMost = 20_000

// UnderWay are the payouts of a currency that were sent and are not known to have arrived, the oldest 20,000 of all.
type UnderWay struct {
	Currency money.Currency
	Count    int64
	// Amount is what arrives of them together, in minor units; More says that there are others.
	Amount money.Minor
	More   bool
	Oldest time.Time
}

// UnderWay counts them by currency. Late says that one of them should have arrived before today.
func (s *Service) UnderWay(ctx context.Context, book ledger.Book) (list []UnderWay, late bool, err error) {
	today := s.now().In(book.Location()).Format(time.DateOnly)
	var all int64
	err = s.pool.ReadTx(ctx, func(tx pgx.Tx) error {
		all, late = 0, false
		rows, err := tx.Query(ctx, sqlUnderWay, book.ID, underWayMost, today)
		if err != nil {
			return err
		}
		list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (u UnderWay, err error) {
			var behind int64
			err = row.Scan(&u.Currency, &u.Count, &u.Amount, &u.Oldest, &behind)
			u.Oldest, all, late = u.Oldest.UTC(), all+u.Count, late || behind > 0
			return u, err
		})
		return err
	})
	for i := range list {
		list[i].More = all >= underWayMost
	}
	return list, late, err
}
