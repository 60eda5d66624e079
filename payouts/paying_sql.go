package payouts

import (
	"context"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/money"
)

// Which payout paid a credit: the first that used the account's credits up as far as that credit.

const sqlPaying = `
SELECT c.n, p.id
  FROM unnest($3::bigint[]) WITH ORDINALITY AS c (credits, n)
 CROSS JOIN LATERAL (SELECT a.id FROM accounts a WHERE a.book_id = $1 AND a.address = $2 AND a.currency = $4 LIMIT 1) a
 CROSS JOIN LATERAL (SELECT x.id FROM payouts x
                      WHERE x.book_id = $1 AND x.account_id = a.id AND x.consumed_through >= c.credits
                      ORDER BY x.consumed_through LIMIT 1) p
 ORDER BY c.n`

// mostPaying bounds the credits that are asked about together.
const mostPaying = 1000

// Paying returns which payout paid a holder's credits, by the sum of all credits of its available account after each. What no
// payout has paid yet is left out. A payout may have come back since; what it brought back is another credit.
func (s *Service) Paying(ctx context.Context, book ledger.Book, h Holder, credits []money.Minor) (paid map[money.Minor]string, err error) {
	paid = map[money.Minor]string{}
	sums := make([]int64, 0, len(credits))
	for _, c := range credits[:min(len(credits), mostPaying)] {
		sums = append(sums, int64(c))
	}
	err = s.pool.ReadTx(ctx, func(tx pgx.Tx) error {
		clear(paid)
		rows, err := tx.Query(ctx, sqlPaying, book.ID, string(h.available()), sums, string(h.Currency))
		if err != nil {
			return err
		}
		var n int64
		var id string
		_, err = pgx.ForEachRow(rows, []any{&n, &id}, func() error {
			paid[credits[n-1]] = id
			return nil
		})
		return err
	})
	return paid, err
}
