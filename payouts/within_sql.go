package payouts

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
)

// What of a holder's payouts and holds belongs to a piece of the books, as it stood at the end of it.

// A payout that comes back does so within months, so those of long ago are not looked at.
const (
	sqlWithin = `
SELECT ` + payoutColumns + `, coalesce(z.state, 'created')
  FROM (SELECT * FROM payouts x
         WHERE x.book_id = $1 AND x.payee = $2 AND x.kind = $3 AND x.currency = $4 AND x.created_at >= $5 AND x.created_sequence <= $7
         ORDER BY x.created_at DESC, x.id DESC LIMIT 2000) p
  LEFT JOIN LATERAL (SELECT t.state FROM payout_steps t WHERE t.book_id = $1 AND t.payout = p.id AND t.at < $8
                      ORDER BY t.number DESC LIMIT 1) z ON true
 WHERE p.created_sequence > $6
    OR EXISTS (SELECT FROM payout_steps t WHERE t.book_id = $1 AND t.payout = p.id AND t.sequence > $6 AND t.sequence <= $7)
 ORDER BY p.created_at DESC, p.id DESC LIMIT $9`

	sqlHoldsAt = `
SELECT ` + holdColumns + ` FROM payout_holds p
 WHERE p.book_id = $1 AND p.payee = $2 AND p.placed_at <= $3 AND (p.released_at IS NULL OR p.released_at > $3)
 ORDER BY p.placed_at, p.id LIMIT $4`
)

// comesBackWithin is how long before a piece of the books a payout may have been made that moves in it.
const comesBackWithin = 180 * 24 * time.Hour

// Span is a piece of the books: the transactions after From and up to To, recorded from Begin on and before End.
type Span struct {
	From, To   int64
	Begin, End time.Time
}

// PayoutWithin is a payout with its state at the end of a span. Returned says that it had come back by then after it had arrived.
type PayoutWithin struct {
	Payout
	StateThen string
	Returned  bool
}

// PayoutsWithin lists the payouts of a holder that were made in a span, or that moved in it and were made at most 180 days before, the
// latest first; one more than the limit if there are more.
func (s *Service) PayoutsWithin(ctx context.Context, book ledger.Book, h Holder, within Span, limit int) (list []PayoutWithin, err error) {
	err = s.pool.ReadTx(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, sqlWithin, book.ID, h.ID, h.Kind, string(h.Currency), within.Begin.Add(-comesBackWithin), within.From, within.To, within.End, pageOf(limit)+1)
		if err != nil {
			return err
		}
		list, err = pgx.CollectRows(rows, func(r pgx.CollectableRow) (p PayoutWithin, err error) {
			p.Payout, err = scanPayoutAnd(r, &p.StateThen)
			// A step says so as soon as the bank does not take it, and again for each attempt to take it back; it has come back with the last.
			p.Returned = p.StateThen == Paid && !p.ReturnedAt.IsZero() && p.ReturnedAt.Before(within.End)
			return p, err
		})
		return err
	})
	return list, err
}

// HoldsAt returns the holds that stood on a payee at an instant, of whichever kind, the oldest first, at most 1,000.
func (s *Service) HoldsAt(ctx context.Context, book ledger.Book, payee string, at time.Time) (list []Hold, err error) {
	err = s.pool.ReadTx(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, sqlHoldsAt, book.ID, payee, at, maxListed)
		if err != nil {
			return err
		}
		list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (Hold, error) { return holdOf(row) })
		return err
	})
	return list, err
}
