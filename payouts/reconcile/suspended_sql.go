package reconcile

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/money"
)

// What waits in suspense, by currency. It is read from the breaks that hold something there, however many others there are.

const sqlWaiting = `
SELECT b.currency, count(*), sum(abs(b.suspense))::bigint, count(*) FILTER (WHERE b.first_seen < $2), min(b.first_seen)
  FROM recon_breaks b
 WHERE b.book_id = $1 AND b.suspense <> 0
 GROUP BY b.currency
 ORDER BY b.currency`

// Waiting is what waits in suspense in a currency.
type Waiting struct {
	Currency money.Currency
	// Count is of breaks, of which Blocking wait for longer than a month may close with.
	Count, Blocking int64
	// Gross is what waits, without signs.
	Gross  money.Minor
	Oldest time.Time
}

// Waiting tells what waits in suspense by currency.
func (s *Service) Waiting(ctx context.Context, book ledger.Book) (list []Waiting, err error) {
	at := s.now()
	rules, err := s.RulesAt(ctx, book, at)
	if err != nil {
		return nil, err
	}
	err = s.pool.ReadTx(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, sqlWaiting, book.ID, rules.suspenseOld(at))
		if err != nil {
			return err
		}
		list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (w Waiting, err error) {
			err = row.Scan(&w.Currency, &w.Count, &w.Gross, &w.Blocking, &w.Oldest)
			w.Oldest = w.Oldest.UTC()
			return w, err
		})
		return err
	})
	return list, err
}
