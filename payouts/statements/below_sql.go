package statements

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Reading what keeps money on an account, by the newest of its entries up to a statement's end: what of an order is still there is what
// its entries come to. An order that began before them is told with the others.

const (
	sqlKeptBy = `
SELECT t.subject, -sum(y.amount)::bigint, min(t.recorded_at) AS since
  FROM (SELECT x.sequence, x.amount FROM entries x
         WHERE x.book_id = $1 AND x.account_id = $2 AND x.sequence <= $3 ORDER BY x.sequence DESC, x.line DESC LIMIT $4) y
 CROSS JOIN LATERAL (SELECT coalesce(x.subject, '') AS subject, x.recorded_at FROM transactions x WHERE x.book_id = $1 AND x.sequence = y.sequence LIMIT 1) t
 GROUP BY t.subject HAVING sum(y.amount) < 0
 ORDER BY since DESC, t.subject LIMIT $5`

	sqlDisbursements = `
SELECT substr(t.subject, length('disbursement:') + 1)
  FROM (SELECT x.sequence FROM entries x
         WHERE x.book_id = $1 AND x.account_id = $2 AND x.sequence > $3 AND x.sequence <= $4 ORDER BY x.sequence DESC, x.line DESC LIMIT $5) y
 CROSS JOIN LATERAL (SELECT x.subject FROM transactions x WHERE x.book_id = $1 AND x.sequence = y.sequence LIMIT 1) t
 WHERE t.subject LIKE 'disbursement:%'
 GROUP BY t.subject ORDER BY max(y.sequence) DESC LIMIT $6`
)

// keptBy reads what keeps money on an account at the statement's end.
func (s *Service) keptBy(ctx context.Context, st *Statement, a account) (list []Held, err error) {
	err = s.pool.ReadTx(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, sqlKeptBy, st.book.ID, a.id, st.To, mostLooked, mostHeld)
		if err != nil {
			return err
		}
		list, err = pgx.CollectRows(rows, func(r pgx.CollectableRow) (h Held, err error) {
			var subject string
			err = r.Scan(&subject, &h.Amount, &h.Since)
			if id, is := strings.CutPrefix(subject, "order:"); is {
				h.Order = id
			}
			h.Since = h.Since.UTC()
			return h, err
		})
		return err
	})
	return list, err
}

// disbursementsOn reads the ids of the disbursements that moved on an account in transit, one more than are listed.
func (s *Service) disbursementsOn(ctx context.Context, st *Statement, a account) (ids []string, err error) {
	err = s.pool.ReadTx(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, sqlDisbursements, st.book.ID, a.id, st.From, st.To, mostLooked, mostPaidOut+1)
		if err != nil {
			return err
		}
		ids, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	return ids, err
}
