package payouts

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/money"
)

// What a holder was paid since a time, from the payouts themselves, so it is right from the moment that a payout arrived.

// What was blocked goes to whoever its hold is for, so for the holder it is no payout.
const sqlPaidSince = `
SELECT coalesce(sum(CASE WHEN p.paid_at >= $6 THEN p.amount ELSE 0 END - CASE WHEN p.returned_at >= $6 THEN p.amount ELSE 0 END)
         FILTER (WHERE (p.paid_at >= $6 OR p.returned_at >= $6)
                   AND NOT EXISTS (SELECT FROM accounts a WHERE a.book_id = $1 AND a.id = p.account_id AND starts_with(a.address, 'liabilities:' || $3 || ':blocked:'))), 0)::bigint,
       count(*)
  FROM (SELECT x.amount, x.account_id, x.paid_at, x.returned_at FROM payouts x
         WHERE x.book_id = $1 AND x.payee = $2 AND x.kind = $3 AND x.currency = $4 AND x.created_at >= $5
         ORDER BY x.created_at DESC, x.id DESC LIMIT $7) p`

// mostPaidSince bounds the payouts that are looked at.
const mostPaidSince = 2_000

// PaidSince returns what arrived where a holder is paid since a time, less what came back of it or of payouts before. Payouts made more than 180
// days before are not looked at. It is not known if the holder had more than 2,000 payouts since then.
func (s *Service) PaidSince(ctx context.Context, book ledger.Book, h Holder, since time.Time) (paid money.Minor, known bool, err error) {
	err = s.pool.ReadTx(ctx, func(tx pgx.Tx) error {
		found := 0
		err := tx.QueryRow(ctx, sqlPaidSince, book.ID, h.ID, h.Kind, string(h.Currency), since.Add(-comesBackWithin), since, mostPaidSince+1).Scan(&paid, &found)
		known = found <= mostPaidSince
		return err
	})
	return paid, known, err
}
