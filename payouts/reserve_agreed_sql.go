package payouts

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/commerce"
)

// A reserve that was agreed with a seller holds for each of its orders that settles from then on, instead of what the order's
// rules say.

// The last exception of each seller of the subjects; a seller without one is not among them.
const sqlAgreedOfOrders = `
SELECT w.subject, o.document
  FROM payout_waits w
 CROSS JOIN LATERAL (
       SELECT p.document FROM payout_overrides p
        WHERE p.book_id = w.book_id AND p.payee = w.payee AND p.valid_from <= $3 ORDER BY p.version DESC LIMIT 1) o
 WHERE w.book_id = $1 AND w.subject = ANY($2) AND w.act = 'settle' AND w.kind = 'seller'`

// agreedReserve is the reserve of one order; nil if nothing was agreed. If what was agreed cannot be read, err says why: the
// order waits then, and nobody else.
type agreedReserve struct {
	*ReserveTerms
	err error
}

// of is the item with it.
func (r agreedReserve) of(item commerce.DueItem) commerce.DueItem {
	if r.ReserveTerms != nil && item.Act == commerce.ActSettle {
		rate := r.Rate.String()
		item.ReserveRate, item.ReserveDays = &rate, &r.Days
	}
	return item
}

// agreedReserves returns the reserves that were agreed with the sellers of orders, by subject.
func (s *Service) agreedReserves(ctx context.Context, book ledger.Book, list []Clock, now time.Time) (map[string]agreedReserve, error) {
	var subjects []string
	for _, c := range list {
		if c.Act == commerce.ActSettle {
			subjects = append(subjects, c.Subject)
		}
	}
	if subjects == nil {
		return nil, nil
	}
	rows, err := s.pool.Query(ctx, sqlAgreedOfOrders, book.ID, subjects, now)
	if err != nil {
		return nil, err
	}
	agreed := map[string]agreedReserve{}
	var subject, document string
	_, err = pgx.ForEachRow(rows, []any{&subject, &document}, func() error {
		if document == noOverride {
			return nil
		}
		o, err := ParseOverride([]byte(document))
		if err != nil {
			s.log.Error("What was agreed with a seller cannot be read, so the order does not settle.", "book", book.Code, "subject", subject, "error", err)
			agreed[subject] = agreedReserve{err: err}
			return nil
		}
		if o.Reserve != nil {
			agreed[subject] = agreedReserve{ReserveTerms: o.Reserve}
		}
		return nil
	})
	return agreed, err
}
