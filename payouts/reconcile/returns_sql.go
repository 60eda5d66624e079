package reconcile

import (
	"context"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
)

// A payout that comes back is one difference and one break: that of the line by which the processor or the bank shows it. As long as
// that is open, R3 does not tell of the payout as well. When the return is booked the break of the line clears, and R3 tells who was
// not paid since.

// mostReturns bounds the open breaks of returned payouts that are looked at, the oldest.
const mostReturns = 10_000

// The line names what went out: the payment, as files write its id or as we do, or the transfer.
const sqlReturnsTold = `
SELECT p.id
  FROM (SELECT b.source_id, (jsonb_array_elements_text(b.detail::jsonb -> 'external'))::bigint AS number
          FROM (SELECT x.source_id, x.detail FROM recon_breaks x
                 WHERE x.book_id = $1 AND x.ended_at IS NULL AND x.match IN (1, 2) AND x.class = 'payout_returned'
                 ORDER BY x.first_seen, x.id LIMIT $2) b) m
 CROSS JOIN LATERAL (SELECT x.key FROM evidence_lines x WHERE x.book_id = $1 AND x.source_id = m.source_id AND x.number = m.number LIMIT 1) l
 CROSS JOIN LATERAL (SELECT x.id FROM payouts x WHERE x.book_id = $1 AND x.outgoing <> '' AND x.outgoing IN (l.key, replace(l.key, '-', '_'))
                      UNION ALL
                     SELECT x.id FROM payouts x WHERE x.book_id = $1 AND x.transfer <> '' AND x.transfer = l.key
                      LIMIT 2) p`

// returnsTold are the payouts whose return an open break tells.
func (s *Service) returnsTold(ctx context.Context, book ledger.Book) (map[string]bool, error) {
	rows, err := s.pool.Query(ctx, sqlReturnsTold, book.ID, mostReturns)
	if err != nil {
		return nil, err
	}
	told := map[string]bool{}
	var id string
	_, err = pgx.ForEachRow(rows, []any{&id}, func() error { told[id] = true; return nil })
	return told, err
}
