package payouts

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/money"
)

// What a comparison reads. Each statement probes indexes for a bounded number of rows, however large the run is.

const (
	sqlUsualRuns = `
SELECT e.id, e.planned_at, t.payouts, t.amount, m.amount
  FROM (SELECT r.id, r.planned_at FROM payout_runs r
         WHERE r.book_id = $1 AND r.trigger IN ('scheduled', 'manual') AND r.planned_at IS NOT NULL AND (r.planned_at, r.id) < ($4, $2) AND r.state <> 'refused'
         ORDER BY r.planned_at DESC, r.id DESC LIMIT $5) e
 CROSS JOIN LATERAL (SELECT x.payouts, x.amount FROM payout_run_totals x WHERE x.book_id = $1 AND x.run_id = e.id AND x.currency = $3 AND x.payouts > 0 LIMIT 1) t
 CROSS JOIN LATERAL (SELECT x.amount FROM payouts x WHERE x.book_id = $1 AND x.run_id = e.id AND x.currency = $3 ORDER BY x.amount DESC, x.id LIMIT 1) m
 ORDER BY e.planned_at DESC, e.id DESC LIMIT $6`
	sqlLargestOf = `
SELECT p.kind, p.payee, p.currency, p.amount, p.destination FROM payouts p
 WHERE p.book_id = $1 AND p.run_id = $2 AND p.currency = $3 ORDER BY p.amount DESC, p.id LIMIT $4`
	sqlPersonsOf = `
SELECT p.kind, p.payee, p.currency, p.amount, p.destination FROM payouts p WHERE p.book_id = $1 AND p.run_id = $2 AND p.needs_person ORDER BY p.id LIMIT $3`
	// The whole of what a run pays to somebody stands in its decision, also where the payout has many parts.
	sqlComparedOf = `
SELECT w.n, coalesce(d.amount, 0), t.created_at, t.cooling_until
  FROM unnest($3::text[], $4::text[], $5::text[], $6::text[]) WITH ORDINALITY AS w (kind, payee, currency, destination, n)
  LEFT JOIN LATERAL (SELECT x.amount FROM payout_decisions x
                      WHERE x.book_id = $1 AND x.run_id = $2 AND x.kind = w.kind AND x.payee = w.payee AND x.currency = w.currency LIMIT 1) d ON true
  LEFT JOIN LATERAL (SELECT x.created_at, x.cooling_until FROM payout_destinations x WHERE x.book_id = $1 AND x.id = w.destination LIMIT 1) t ON true
 ORDER BY w.n`
	// What waits, was refused or came back was never paid: only what left and stayed away counts.
	sqlPaidBefore = `
SELECT w.n, p.run_id, p.kind, p.currency, p.amount FROM unnest($2::text[]) WITH ORDINALITY AS w (payee, n)
 CROSS JOIN LATERAL (SELECT x.run_id, x.kind, x.currency, x.amount
                      FROM (SELECT y.* FROM payouts y WHERE y.book_id = $1 AND y.payee = w.payee AND y.created_at < $3 ORDER BY y.created_at DESC, y.id DESC LIMIT $4) x
                     WHERE x.state IN ('submitted', 'at_account', 'paid') AND x.returned_at IS NULL ORDER BY x.created_at DESC, x.id DESC LIMIT $5) p`
)

// compared is a payee of the run while it is looked at.
type compared struct {
	Outlier
	destination string
	rank        int
	// changed is when the destination came into effect as it is.
	changed time.Time
	before  before
}

// Compare puts a run beside the usual. Of a run of one payout there is nothing to compare: the comparison is empty then. It
// returns ErrRunUnknown.
func (s *Service) Compare(ctx context.Context, book ledger.Book, id string) (c Comparison, err error) {
	err = s.pool.ReadTx(ctx, func(tx pgx.Tx) error {
		c = Comparison{}
		run, err := oneRun(ctx, tx, sqlRun, book.ID, id)
		if err != nil || !run.compares() {
			return err
		}
		totals, err := totalsTx(ctx, tx, book, id)
		if err != nil {
			return err
		}
		var list []compared
		for _, t := range totals {
			largest, err := comparedTx(ctx, tx, sqlLargestOf, book.ID, id, string(t.Currency), max(comparedMost/len(totals), largestNamed))
			if err != nil {
				return err
			}
			if len(largest) == 0 {
				continue
			}
			for i := range largest {
				largest[i].rank = i
			}
			x := ComparedTotal{Currency: t.Currency, RunFigures: RunFigures{t.Payouts, t.Amount, t.Amount / money.Minor(max(t.Payouts, 1)), largest[0].Amount}}
			if x.Earlier, err = s.usualTx(ctx, tx, book, run, t.Currency); err != nil {
				return err
			}
			x.usual()
			c.Totals, list = append(c.Totals, x), append(list, largest...)
		}
		persons, err := comparedTx(ctx, tx, sqlPersonsOf, book.ID, id, comparedPersons)
		if err != nil {
			return err
		}
		list = onceEach(append(list, persons...))
		if err := paidBeforeTx(ctx, tx, book, run, list); err != nil {
			return err
		}
		c.name(list, run.CreatedAt.Add(-changedLately))
		for i := range c.Outliers {
			if err := s.changedAt(within(ctx, tx), book, &c.Outliers[i]); err != nil {
				return err
			}
		}
		return nil
	})
	return c, err
}

// usualTx reads the runs with which a run is compared in a currency.
func (s *Service) usualTx(ctx context.Context, tx pgx.Tx, book ledger.Book, run Run, c money.Currency) ([]ComparedRun, error) {
	until := run.PlannedAt
	if until.IsZero() {
		until = s.now()
	}
	rows, err := tx.Query(ctx, sqlUsualRuns, book.ID, run.ID, string(c), until, comparedRuns, usualRuns)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(r pgx.CollectableRow) (x ComparedRun, err error) {
		err = r.Scan(&x.ID, &x.Planned, &x.Payouts, &x.Sum, &x.Largest)
		x.Planned, x.Mean = x.Planned.UTC(), x.Sum/money.Minor(max(x.Payouts, 1))
		return x, err
	})
}

// comparedTx reads payouts of the run that are looked at.
func comparedTx(ctx context.Context, tx pgx.Tx, sql string, args ...any) ([]compared, error) {
	rows, err := tx.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(r pgx.CollectableRow) (x compared, err error) {
		x.rank = -1
		err = r.Scan(&x.Holder.Kind, &x.Holder.ID, &x.Holder.Currency, &x.Amount, &x.destination)
		return x, err
	})
}

// onceEach keeps the first of each holder.
func onceEach(list []compared) []compared {
	seen := map[Holder]bool{}
	return slices.DeleteFunc(list, func(x compared) bool {
		had := seen[x.Holder]
		seen[x.Holder] = true
		return had
	})
}

// paidBeforeTx adds what the run pays to each in all, where it is paid since when, and what was paid to it before.
func paidBeforeTx(ctx context.Context, tx pgx.Tx, book ledger.Book, run Run, list []compared) error {
	kinds, payees, currencies, destinations := make([]string, len(list)), make([]string, len(list)), make([]string, len(list)), make([]string, len(list))
	for i, x := range list {
		kinds[i], payees[i], currencies[i], destinations[i] = x.Holder.Kind, x.Holder.ID, string(x.Holder.Currency), x.destination
	}
	var n int64
	var amount money.Minor
	var created, cooling *time.Time
	rows, err := tx.Query(ctx, sqlComparedOf, book.ID, run.ID, kinds, payees, currencies, destinations)
	if err != nil {
		return err
	}
	if _, err = pgx.ForEachRow(rows, []any{&n, &amount, &created, &cooling}, func() error {
		x := &list[n-1]
		x.Amount, x.created, x.changed = max(x.Amount, amount), whenOf(created), whenOf(created)
		if until := whenOf(cooling); until.After(x.changed) {
			x.changed = until
		}
		return nil
	}); err != nil {
		return err
	}
	var id, kind string
	var currency money.Currency
	last := make([]string, len(list))
	if rows, err = tx.Query(ctx, sqlPaidBefore, book.ID, payees, run.CreatedAt, payoutsSeen, payoutsBefore); err != nil {
		return err
	}
	_, err = pgx.ForEachRow(rows, []any{&n, &id, &kind, &currency, &amount}, func() error {
		x := &list[n-1]
		x.before.paid = true
		switch runs := x.before.runs; {
		case kind != x.Holder.Kind || currency != x.Holder.Currency:
		case last[n-1] == id: // another part of the same
			runs[len(runs)-1] += amount
		default:
			x.before.runs, last[n-1] = append(runs, amount), id
		}
		return nil
	})
	return err
}

// changedAt says when the destination of an outlier changed, if that is known: where the cooling-off is the one that began as the
// destination was set. One that is longer began when the bank behind the account was exchanged, of which only the end is kept.
func (s *Service) changedAt(ctx context.Context, book ledger.Book, o *Outlier) error {
	switch {
	case o.InEffect.IsZero():
		return nil
	case o.InEffect.Equal(o.created):
		o.Changed = o.created
		return nil
	}
	until, err := s.coolingUntil(ctx, book, o.Holder.ID, o.created)
	if err == nil && until.Equal(o.InEffect) {
		o.Changed = o.created
	}
	return err
}

// name adds the payouts that somebody should look at.
func (c *Comparison) name(list []compared, since time.Time) {
	c.Looked = len(list)
	for i := range list {
		x := &list[i]
		if x.judge(x.before, x.rank, x.changed, since); len(x.Why) > 0 {
			c.Outliers = append(c.Outliers, x.Outlier)
		}
	}
	slices.SortStableFunc(c.Outliers, func(a, b Outlier) int {
		return cmp.Or(cmp.Compare(len(b.Why), len(a.Why)), cmp.Compare(a.Holder.Currency, b.Holder.Currency), cmp.Compare(b.Amount, a.Amount))
	})
	if c.More = len(c.Outliers) > outliersMost; c.More {
		c.Outliers = c.Outliers[:outliersMost]
	}
}
