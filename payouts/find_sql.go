package payouts

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/money"
)

// Payouts are found by what others call them, and by what arrived. Each name has an index of its own, and amounts are looked up run by
// run among the latest runs, so that neither reads what it does not show.

const (
	sqlFindNamed = `
SELECT ` + payoutColumns + ` FROM unnest(ARRAY[$2]::text[]) AS w (name) CROSS JOIN LATERAL (
    (SELECT x.* FROM payouts x WHERE x.book_id = $1 AND x.transfer = w.name AND x.transfer <> '' LIMIT $3) UNION ALL
    (SELECT x.* FROM payouts x WHERE x.book_id = $1 AND x.outgoing = w.name AND x.outgoing <> '' LIMIT $3) UNION ALL
    (SELECT x.* FROM payouts x WHERE x.book_id = $1 AND x.arrived = w.name AND x.arrived <> '' LIMIT $3) UNION ALL
    (SELECT x.* FROM payouts x WHERE x.book_id = $1 AND x.trace = w.name AND x.trace <> '' LIMIT $3)) p`

	sqlFindAmounts = `
SELECT ` + payoutColumns + `
  FROM (SELECT y.id, y.created_at FROM payout_runs y WHERE y.book_id = $1 AND y.created_at >= $2 ORDER BY y.created_at DESC, y.id DESC LIMIT $3) r
 CROSS JOIN unnest($4::text[], $5::bigint[]) AS w (currency, amount)
 CROSS JOIN LATERAL (SELECT x.* FROM payouts x WHERE x.book_id = $1 AND x.run_id = r.id AND x.currency = w.currency AND x.amount = w.amount ORDER BY x.id LIMIT $6) p
 ORDER BY r.created_at DESC, r.id DESC, p.id LIMIT $6`
)

// runsSearched is among how many of the latest runs amounts are looked for.
const runsSearched = 200

// Sum is an amount of money that is looked for, in minor units.
type Sum struct {
	Currency money.Currency
	Amount   money.Minor
}

// Named returns up to limit payouts that a processor or a bank calls by the name: the transfer, what arrived at the payee's account,
// the payout from there to the bank, or the bank's trace.
func (s *Service) Named(ctx context.Context, book ledger.Book, name string, limit int) (list []Payout, err error) {
	err = s.pool.ReadTx(ctx, func(tx pgx.Tx) error {
		list, err = manyPayouts(ctx, tx, sqlFindNamed, book.ID, name, pageOf(limit))
		return err
	})
	seen := map[string]bool{}
	list = slices.DeleteFunc(list, func(p Payout) bool {
		again := seen[p.ID]
		seen[p.ID] = true
		return again
	})
	return list[:min(len(list), pageOf(limit))], err
}

// OfAmount returns up to limit payouts of which one of the sums arrives, of the latest 200 runs since a moment, those of
// the latest run first.
func (s *Service) OfAmount(ctx context.Context, book ledger.Book, sums []Sum, since time.Time, limit int) (list []Payout, err error) {
	currencies, amounts := make([]string, len(sums)), make([]int64, len(sums))
	for i, x := range sums {
		currencies[i], amounts[i] = string(x.Currency), int64(x.Amount)
	}
	err = s.pool.ReadTx(ctx, func(tx pgx.Tx) error {
		list, err = manyPayouts(ctx, tx, sqlFindAmounts, book.ID, since, runsSearched, currencies, amounts, pageOf(limit))
		return err
	})
	return list, err
}
