package reconcile

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/money"
)

// How old open breaks are, and what of them is an alarm. Breaks that ended cost nothing here, however many there are.

const (
	sqlAgeing = `
SELECT b.currency, b.class, b.owner, (SELECT count(*) FROM unnest($3::integer[]) AS u (days) WHERE u.days < x.age)::integer, count(*), sum(b.amount)::bigint, sum(abs(b.amount))::bigint,
       sum(abs(b.suspense))::bigint
  FROM recon_breaks b, LATERAL (SELECT greatest(floor(extract(epoch FROM $2::timestamptz - b.first_seen) / 86400), 0) AS age) x
 WHERE b.book_id = $1 AND b.ended_at IS NULL
 GROUP BY 1, 2, 3, 4
 ORDER BY 1, 2, 3, 4`

	sqlSuspenseAge = `
SELECT b.currency, b.suspense < 0, (SELECT count(*) FROM unnest($3::integer[]) AS u (days) WHERE u.days < x.age)::integer, count(*), sum(b.suspense)::bigint, sum(abs(b.suspense))::bigint
  FROM recon_breaks b, LATERAL (SELECT greatest(floor(extract(epoch FROM $2::timestamptz - b.first_seen) / 86400), 0) AS age) x
 WHERE b.book_id = $1 AND b.suspense <> 0
 GROUP BY 1, 2, 3
 ORDER BY 1, 2, 3`

	sqlOverdue = `
SELECT ` + breakColumns + `
  FROM recon_breaks b
 WHERE b.book_id = $1 AND b.ended_at IS NULL AND (b.first_seen, b.id) > ($4, $5)
   AND (b.expected_by < $2 OR (b.suspense <> 0 AND b.first_seen < $3))
 ORDER BY b.first_seen, b.id
 LIMIT $6`

	sqlBreakHealth = `
SELECT b.match, b.class, count(*), count(*) FILTER (WHERE b.expected_by < $2), count(*) FILTER (WHERE b.suspense <> 0),
       count(*) FILTER (WHERE b.suspense <> 0 AND b.first_seen < $3), min(b.first_seen)
  FROM recon_breaks b
 WHERE b.book_id = $1 AND b.ended_at IS NULL
 GROUP BY b.match, b.class
 ORDER BY b.match, b.class`
)

// AgeClass counts open breaks of one currency, class, owner and age.
type AgeClass struct {
	Currency money.Currency
	Class    Class
	Owner    string
	// Bucket is the place among the ends of the rules' ageing: 0 is up to the first, and the last is above all.
	Bucket int
	Count  int64
	// Net is the sum of the amounts with their signs, Gross without, Suspense what waits of them without signs.
	Net, Gross, Suspense money.Minor
}

// SuspenseAge is what waits in suspense by side and age.
type SuspenseAge struct {
	Currency money.Currency
	// Inflow is money that came, in liabilities:suspense; otherwise money that went.
	Inflow bool
	Bucket int
	Count  int64
	// Net is what waits, positive for money that went; Gross without signs.
	Net, Gross money.Minor
}

// AgeingReport is how old a book's open breaks are at a moment.
type AgeingReport struct {
	At time.Time
	// Ends are the upper ends of the age classes in days.
	Ends     []int
	Breaks   []AgeClass
	Suspense []SuspenseAge
}

// Ageing sorts the open breaks of a book by their age in whole days at a moment, by the rules in force then.
func (s *Service) Ageing(ctx context.Context, book ledger.Book, at time.Time) (out AgeingReport, err error) {
	rules, err := s.RulesAt(ctx, book, at)
	if err != nil {
		return out, err
	}
	out.At, out.Ends = at.UTC(), rules.Ageing
	err = s.pool.ReadTx(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, sqlAgeing, book.ID, at, rules.Ageing)
		if err != nil {
			return err
		}
		out.Breaks, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (a AgeClass, err error) {
			return a, row.Scan(&a.Currency, &a.Class, &a.Owner, &a.Bucket, &a.Count, &a.Net, &a.Gross, &a.Suspense)
		})
		if err != nil {
			return err
		}
		if rows, err = tx.Query(ctx, sqlSuspenseAge, book.ID, at, rules.Ageing); err != nil {
			return err
		}
		out.Suspense, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (a SuspenseAge, err error) {
			return a, row.Scan(&a.Currency, &a.Inflow, &a.Bucket, &a.Count, &a.Net, &a.Gross)
		})
		return err
	})
	return out, err
}

// suspenseOld is the moment before which suspense was first seen that keeps a month from closing.
func (r Rules) suspenseOld(at time.Time) time.Time { return at.AddDate(0, 0, -r.SuspenseBlocksAfter) }

// Overdue are up to limit open breaks, at most 1,000, that somebody should look at now: what was expected by now is not there, or
// it waits in suspense for longer than a month may close with. Those that were seen first come first; after is the last one already
// seen, or an empty break.
func (s *Service) Overdue(ctx context.Context, book ledger.Book, at time.Time, after Break, limit int) (page []Break, err error) {
	rules, err := s.RulesAt(ctx, book, at)
	if err != nil {
		return nil, err
	}
	err = s.pool.ReadTx(ctx, func(tx pgx.Tx) (err error) {
		page, err = breaksOf(ctx, tx, sqlOverdue, book.ID, at, rules.suspenseOld(at), after.FirstSeen, after.ID, min(max(limit, 1), MaxBreaks))
		return err
	})
	return page, err
}

// BreakHealth counts the open breaks of a match and class.
type BreakHealth struct {
	Match Match
	Class Class
	Open  int64
	// Overdue are past what was expected, Waiting have something in suspense, Blocking for longer than a month may close with.
	Overdue, Waiting, Blocking int64
	// Oldest is when the oldest of them was first seen.
	Oldest time.Time
}

// Health counts the open breaks of a book for whoever watches it.
func (s *Service) Health(ctx context.Context, book ledger.Book) (list []BreakHealth, err error) {
	at := s.now()
	rules, err := s.RulesAt(ctx, book, at)
	if err != nil {
		return nil, err
	}
	err = s.pool.ReadTx(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, sqlBreakHealth, book.ID, at, rules.suspenseOld(at))
		if err != nil {
			return err
		}
		list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (h BreakHealth, err error) {
			err = row.Scan(&h.Match, &h.Class, &h.Open, &h.Overdue, &h.Waiting, &h.Blocking, &h.Oldest)
			h.Oldest = h.Oldest.UTC()
			return h, err
		})
		return err
	})
	return list, err
}
