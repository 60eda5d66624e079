package reports

import (
	"context"
	"math"
	"math/big"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/money"
)

// What accounts held before a span and what they turned over in it, page by page in the order of address and currency.

// account is an account with its turnover. Opening is debit positive.
type account struct {
	id                       int32
	address                  ledger.Address
	currency                 money.Currency
	code                     int
	opening, debits, credits int64
	// until is the account's last transaction when its totals were read.
	until int64
}

func (a account) closing() int64 { return a.opening + a.debits - a.credits }

// still reports whether there is nothing to say of the account.
func (a account) still() bool { return a.opening == 0 && a.debits == 0 && a.credits == 0 }

const (
	accountsPage = `
  FROM (SELECT x.id, x.address, x.currency, x.chart_code FROM accounts x
         WHERE x.book_id = $1 AND x.address >= $2 AND x.address < $3 AND (x.address, x.currency) > ($4, $5) AND x.address >= $4
         ORDER BY x.address, x.currency LIMIT $6) a
 CROSS JOIN LATERAL (SELECT y.debits, y.credits, y.last_sequence FROM balances y WHERE y.book_id = $1 AND y.account_id = a.id LIMIT 1) b`

	// The totals of months are those of now: what was posted after the place is taken off them afterwards.
	sqlAccountsOfMonths = `
SELECT a.id, a.address, a.currency, a.chart_code, p.opening, p.debits, p.credits, b.last_sequence` + accountsPage + `
 CROSS JOIN LATERAL (SELECT coalesce(sum(t.debits - t.credits) FILTER (WHERE t.period < $7), 0)::bigint AS opening,
                            coalesce(sum(t.debits) FILTER (WHERE t.period >= $7), 0)::bigint AS debits,
                            coalesce(sum(t.credits) FILTER (WHERE t.period >= $7), 0)::bigint AS credits
                       FROM period_totals t
                      WHERE t.book_id = $1 AND t.account_id = a.id AND t.period <= $8) p
 ORDER BY a.address, a.currency`

	// An account that did not move after a transaction holds what its balance says; of another, the last entry up to there says it.
	sqlAccountsOfSequences = `
SELECT a.id, a.address, a.currency, a.chart_code, s.before_debits - s.before_credits, s.debits - s.before_debits, s.credits - s.before_credits, b.last_sequence` + accountsPage + `
  LEFT JOIN LATERAL (SELECT y.debits_after AS debits, y.debits_after - y.balance_after AS credits FROM entries y
                      WHERE y.book_id = $1 AND y.account_id = a.id AND y.sequence < $7 AND $7 > 1 AND b.last_sequence >= $7
                      ORDER BY y.sequence DESC, y.line DESC LIMIT 1) f ON true
  LEFT JOIN LATERAL (SELECT y.debits_after AS debits, y.debits_after - y.balance_after AS credits FROM entries y
                      WHERE y.book_id = $1 AND y.account_id = a.id AND y.sequence <= $8 AND b.last_sequence > $8
                      ORDER BY y.sequence DESC, y.line DESC LIMIT 1) l ON true
 CROSS JOIN LATERAL (SELECT CASE WHEN b.last_sequence < $7 THEN b.debits ELSE coalesce(f.debits, 0) END AS before_debits,
                            CASE WHEN b.last_sequence < $7 THEN b.credits ELSE coalesce(f.credits, 0) END AS before_credits,
                            CASE WHEN b.last_sequence <= $8 THEN b.debits ELSE coalesce(l.debits, 0) END AS debits,
                            CASE WHEN b.last_sequence <= $8 THEN b.credits ELSE coalesce(l.credits, 0) END AS credits) s
 ORDER BY a.address, a.currency`

	// By months, what is before the first transaction recorded in them cannot count in them, but for what counts in another month than
	// its own, which has an index of its own; the corrections in that index do no harm, as those of the month itself are recorded in it.
	// A business time may lie minutes ahead of its recording.
	sqlFirstRecorded = `
SELECT t.sequence FROM transactions t
 WHERE t.book_id = $1 AND t.recorded_at >= $2::timestamptz - interval '1 hour'
 ORDER BY t.recorded_at, t.sequence LIMIT 1`
	sqlFirstMoved = `
SELECT h.sequence FROM transactions h
 WHERE h.book_id = $1 AND h.period = $2 AND (` + looksBack + `)
 ORDER BY h.sequence LIMIT 1`

	// A month that was closed took nothing after its last closing, as long as no later row of it says that it was opened again.
	sqlClosedAt = `
SELECT c.at_sequence FROM (SELECT x.act, x.at_sequence FROM period_closings x WHERE x.book_id = $1 AND x.period = $2 ORDER BY x.number DESC LIMIT 1) c
  JOIN books b ON b.id = $1 AND b.first_open_period > $2
 WHERE c.act = 'close'`
)

// accountsAtATime bounds a page of accounts.
const accountsAtATime = 500

// eachAccounts hands the accounts at and below the query's paths to fn, a page at a time, in order.
func (q *Query) eachAccounts(ctx context.Context, s span, paths []string, fn func(page []account) error) error {
	for _, path := range paths {
		var after account
		for more := true; more; {
			page, closed, err := q.accounts(ctx, s, path, &after, &more)
			if err != nil {
				return err
			}
			if s.byMonths() {
				if err := q.takeOff(ctx, s, closed, page); err != nil {
					return err
				}
			}
			if err := fn(page); err != nil {
				return err
			}
		}
	}
	return nil
}

// accounts reads one page and moves after on. closed is up to where the span's months may have been posted to, as of the totals of the
// page: a month that is reopened takes more from the next page on.
func (q *Query) accounts(ctx context.Context, s span, path string, after *account, more *bool) (page []account, closed int64, err error) {
	sql, low, high := sqlAccountsOfSequences, s.first, s.last
	if s.byMonths() {
		sql, low, high = sqlAccountsOfMonths, int64(s.from), int64(s.to)
	}
	err = q.read(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, sql, q.Book.ID, path, path+"\x7f", string(after.address), string(after.currency), accountsAtATime, low, high)
		if err != nil {
			return err
		}
		page, err = pgx.CollectRows(rows, func(r pgx.CollectableRow) (a account, err error) {
			err = r.Scan(&a.id, &a.address, &a.currency, &a.code, &a.opening, &a.debits, &a.credits, &a.until)
			return a, err
		})
		if err != nil || !s.byMonths() {
			return err
		}
		closed, err = q.closedAt(ctx, tx, s.to)
		return err
	})
	if err != nil {
		return nil, 0, err
	}
	if *more = len(page) == accountsAtATime; *more {
		*after = page[len(page)-1]
	}
	kept := page[:0]
	for _, a := range page {
		if below(a.address, path) {
			kept = append(kept, a)
		}
	}
	return kept, closed, nil
}

// takeOff takes off the totals of months what was posted after the place, which ends where the months were closed.
func (q *Query) takeOff(ctx context.Context, s span, closed int64, page []account) error {
	var walks []accountWalk
	for i := range page {
		if a := &page[i]; min(a.until, closed) > q.AtSequence {
			walks = append(walks, accountWalk{of: a, after: q.AtSequence, line: maxLine, until: min(a.until, closed)})
		}
	}
	return q.walkAll(ctx, walks, func(a *account, e entry) error {
		switch {
		case e.period > s.to:
		case e.period < s.from:
			a.opening -= int64(e.amount)
		case e.amount > 0:
			a.debits -= int64(e.amount)
		default:
			a.credits += int64(e.amount)
		}
		return nil
	})
}

// begin finds the first transaction that a span by months may show, and the last.
func (q *Query) begin(ctx context.Context, s *span) error {
	if !s.byMonths() {
		return nil
	}
	return q.read(ctx, func(tx pgx.Tx) error {
		first := s.last + 1
		find := func(sql string, arg any) error {
			var at int64
			err := tx.QueryRow(ctx, sql, q.Book.ID, arg).Scan(&at)
			if err == pgx.ErrNoRows {
				return nil
			}
			first = min(first, at)
			return err
		}
		if err := find(sqlFirstRecorded, begins(q.Book, s.from)); err != nil {
			return err
		}
		for p := s.from; p <= s.to; p = p.Next() {
			if err := find(sqlFirstMoved, p); err != nil {
				return err
			}
		}
		s.first = first
		closed, err := q.closedAt(ctx, tx, s.to)
		s.last = min(s.last, max(closed, first-1))
		return err
	})
}

// closedAt is the last transaction that can count in a month or one before, which is that of its closing; of a month that stands
// open it is beyond all.
func (q *Query) closedAt(ctx context.Context, tx pgx.Tx, p ledger.Period) (at int64, err error) {
	err = tx.QueryRow(ctx, sqlClosedAt, q.Book.ID, p).Scan(&at)
	if err == pgx.ErrNoRows {
		return math.MaxInt64, nil
	}
	return at, err
}

// minor is a sum as an amount, or ErrReportLarge.
func minor(sum *big.Int) (money.Minor, error) {
	if !sum.IsInt64() {
		return 0, ErrReportLarge
	}
	return money.Minor(sum.Int64()), nil
}
