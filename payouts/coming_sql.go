package payouts

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/money"
)

// What becomes available to a holder before an instant, if nothing changes: what waits until then and nothing else keeps.

const sqlComing = `
SELECT coalesce(sum(w.amount) FILTER (WHERE NOT c.gated), 0)::bigint, coalesce(sum(w.amount) FILTER (WHERE NOT c.gated AND w.act = $7), 0)::bigint, count(*), count(*) FILTER (WHERE NOT c.gated)
  FROM (SELECT x.subject, x.act, x.amount FROM payout_waits x
         WHERE x.book_id = $1 AND x.kind = $2 AND x.payee = $3 AND x.currency = $4 AND x.due_at IS NOT NULL AND x.due_at < $5
         ORDER BY x.due_at LIMIT $6) w
 CROSS JOIN LATERAL (SELECT cardinality(y.gates) > 0 OR y.look_at IS NULL AS gated FROM payout_clocks y
                      WHERE y.book_id = $1 AND y.subject = w.subject AND y.act = w.act LIMIT 1) c`

// mostComing bounds the waits that are added up.
const mostComing = 5000

// Coming is what becomes available before an instant.
type Coming struct {
	// Amount is before what is kept in reserve, or in trust for a minor, when it becomes available.
	Amount money.Minor
	// Reserved is what of the amount comes out of reserves that end; the rest was pending.
	Reserved money.Minor
	// Count is how many waits make it up; More says that there are others which are not in it.
	Count int
	More  bool
}

// Coming adds up what becomes available to a holder before an instant: at most the earliest 5,000 waits, less those that something
// keeps whatever the time.
func (s *Service) Coming(ctx context.Context, book ledger.Book, h Holder, before time.Time) (c Coming, err error) {
	err = s.pool.ReadTx(ctx, func(tx pgx.Tx) error {
		var looked int
		err := tx.QueryRow(ctx, sqlComing, book.ID, h.Kind, h.ID, string(h.Currency), before, mostComing, commerce.ActReserve).Scan(&c.Amount, &c.Reserved, &looked, &c.Count)
		c.More = looked == mostComing
		return err
	})
	return c, err
}
