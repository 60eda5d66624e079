package payouts

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
)

const (
	// Only what may be tried again: for a passing reason, or because the payee has another destination. What followed from an
	// act came back to a deposit or a trust, not to what the payee may be paid; only another such act pays it again. A payout that
	// took all there was after the last entry of this one, by which the money came back, has paid it too. That is asked row by
	// row, along the chain of the account's payouts.
	sqlCameBackSince = `
SELECT * FROM (
SELECT p.id, p.kind, p.payee, p.currency, p.amount, p.method, p.code, p.destination, p.retries, p.ended_at, p.changed_at,
       EXISTS (SELECT FROM payout_destinations d
                WHERE d.book_id = p.book_id AND d.payee = p.payee AND d.rail = p.rail AND d.state = 'active'
                  AND (d.id <> p.destination OR d.active_since > p.ended_at) AND (d.cooling_until IS NULL OR d.cooling_until <= $4)) AS elsewhere
  FROM payouts p
 WHERE p.book_id = $1 AND (p.state = 'failed' OR p.returned_at IS NOT NULL) AND (p.changed_at, p.id) > ($2, $3) AND p.receiver = p.payee
   AND NOT EXISTS (SELECT FROM payout_runs r WHERE r.book_id = p.book_id AND r.id = p.run_id AND r.trigger = 'special')
   AND NOT EXISTS (SELECT FROM payouts n WHERE n.book_id = p.book_id AND n.retry_of = p.id AND n.retry_of <> '' AND n.state <> 'cancelled')
   AND (SELECT true FROM payouts n
         WHERE n.book_id = p.book_id AND n.account_id = p.account_id AND n.number > p.number AND n.left_after = 0 AND n.state <> 'cancelled'
           AND n.created_sequence > (SELECT max(s.sequence) FROM payout_steps s WHERE s.book_id = p.book_id AND s.payout = p.id) LIMIT 1) IS NULL
) b
 WHERE b.elsewhere OR b.code = ANY($6)
 ORDER BY b.changed_at, b.id LIMIT $5`
)

// cameBackSince returns payouts that failed or came back and were not paid again, in the order in which they did.
func (s *Service) cameBackSince(ctx context.Context, book ledger.Book, passing []string, at time.Time, after string) ([]back, error) {
	rows, err := s.pool.Query(ctx, sqlCameBackSince, book.ID, at, after, s.now(), retryPage, append([]string{}, passing...))
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (b back, err error) {
		err = row.Scan(&b.id, &b.holder.Kind, &b.holder.ID, &b.holder.Currency, &b.amount, &b.method, &b.code, &b.destination, &b.retries, &b.at, &b.changed, &b.elsewhere)
		b.at = b.at.UTC()
		return b, err
	})
}
