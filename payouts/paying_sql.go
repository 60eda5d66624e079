package payouts

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/money"
)

// Which payout a credit went out with: the first that used the account's credits up as far as that credit. If its money came back,
// that is another credit, and the payout that used up that one counts in its place.

// A payout whose money came back has the sum of the account's credits after that beside it, 0 if the account was not given it.
const sqlPaying = `
SELECT c.n, p.id, p.state, p.paid_at, p.returned_at, coalesce(b.credits, 0)
  FROM unnest($3::bigint[]) WITH ORDINALITY AS c (credits, n)
 CROSS JOIN LATERAL (SELECT a.id FROM accounts a WHERE a.book_id = $1 AND a.address = $2 AND a.currency = $4 LIMIT 1) a
 CROSS JOIN LATERAL (SELECT x.id, x.state, x.paid_at, x.returned_at, x.state IN ('failed', 'cancelled') OR x.returned_at IS NOT NULL AS back FROM payouts x
                      WHERE x.book_id = $1 AND x.account_id = a.id AND x.consumed_through >= c.credits
                      ORDER BY x.consumed_through LIMIT 1) p
  LEFT JOIN LATERAL (SELECT s.sequence FROM payout_steps s
                      WHERE p.back AND s.book_id = $1 AND s.payout = p.id AND s.sequence > 0 ORDER BY s.number DESC LIMIT 1) s ON true
  LEFT JOIN LATERAL (SELECT e.debits_after - e.balance_after AS credits FROM entries e
                      WHERE e.book_id = $1 AND e.account_id = a.id AND e.sequence = s.sequence AND e.amount < 0 ORDER BY e.line DESC LIMIT 1) b ON true
 ORDER BY c.n`

// The first payout that used a credit up, if that was created up to a transaction; it never changes.
const sqlTakenBy = `
SELECT c.n, p.id
  FROM unnest($3::bigint[]) WITH ORDINALITY AS c (credits, n)
 CROSS JOIN LATERAL (SELECT a.id FROM accounts a WHERE a.book_id = $1 AND a.address = $2 AND a.currency = $4 LIMIT 1) a
 CROSS JOIN LATERAL (SELECT x.id, x.created_sequence FROM payouts x
                      WHERE x.book_id = $1 AND x.account_id = a.id AND x.consumed_through >= c.credits
                      ORDER BY x.consumed_through LIMIT 1) p
 WHERE p.created_sequence <= $5
 ORDER BY c.n`

// mostPaying bounds the credits that are asked about together, and mostBack how often money that came back is followed.
const (
	mostPaying = 1000
	mostBack   = 5
)

// PaidBy is the payout that a credit went out with, and how it stands.
type PaidBy struct {
	Payout, State string
	// PaidAt is when it arrived, zero before; ReturnedAt is when it came back after it had arrived; zero otherwise.
	PaidAt, ReturnedAt time.Time
}

// Arrived reports whether the money arrived and stayed.
func (p PaidBy) Arrived() bool { return p.State == Paid && p.ReturnedAt.IsZero() }

// Paying returns which payouts a holder's credits went out with, by the sum of all credits of its available account after each. What
// was part of no payout is left out. A payout that failed, was cancelled or came back is told only while no later one took its money.
func (s *Service) Paying(ctx context.Context, book ledger.Book, h Holder, credits []money.Minor) (paid map[money.Minor]PaidBy, err error) {
	paid = map[money.Minor]PaidBy{}
	asked := credits[:min(len(credits), mostPaying)]
	sums := make([]int64, len(asked))
	for i, c := range asked {
		sums[i] = int64(c)
	}
	for range mostBack {
		var again []money.Minor
		var back []int64
		err = s.pool.ReadTx(ctx, func(tx pgx.Tx) error {
			again, back = nil, nil
			rows, err := tx.Query(ctx, sqlPaying, book.ID, string(h.available()), sums, string(h.Currency))
			if err != nil {
				return err
			}
			var n, credited int64
			var one PaidBy
			var arrived, returned *time.Time
			_, err = pgx.ForEachRow(rows, []any{&n, &one.Payout, &one.State, &arrived, &returned, &credited}, func() error {
				one.PaidAt, one.ReturnedAt = timeOf(arrived), timeOf(returned)
				if paid[asked[n-1]] = one; credited > sums[n-1] {
					again, back = append(again, asked[n-1]), append(back, credited)
				}
				return nil
			})
			return err
		})
		if asked, sums = again, back; err != nil || len(asked) == 0 {
			break
		}
	}
	return paid, err
}

// TakenBy returns which payouts took a holder's credits first, by the sum of all credits of its available account after each, as it
// stood after a transaction of the book. Unlike Paying it does not follow money that came back, so that it says the same for ever.
func (s *Service) TakenBy(ctx context.Context, book ledger.Book, h Holder, credits []money.Minor, until int64) (taken map[money.Minor]string, err error) {
	asked := credits[:min(len(credits), mostPaying)]
	sums := make([]int64, len(asked))
	for i, c := range asked {
		sums[i] = int64(c)
	}
	err = s.pool.ReadTx(ctx, func(tx pgx.Tx) error {
		taken = map[money.Minor]string{}
		rows, err := tx.Query(ctx, sqlTakenBy, book.ID, string(h.available()), sums, string(h.Currency), until)
		if err != nil {
			return err
		}
		var n int64
		var payout string
		_, err = pgx.ForEachRow(rows, []any{&n, &payout}, func() error {
			taken[asked[n-1]] = payout
			return nil
		})
		return err
	})
	return taken, err
}
