package reconcile

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/money"
)

// What R3 reads of the ledger at one place: all accounts, a page at a time, each by its last entry up to the place. The place is
// fixed in the same statement's snapshot in which the control totals are read, so that both are of one moment.

// insidePage is how many accounts, orders or payouts one statement reads.
const insidePage = 2_000

const (
	sqlPlace = `
SELECT b.last_sequence, b.last_account_id, coalesce(h.run, 0), coalesce(h.sequence, 0)
  FROM books b LEFT JOIN recon_heads h ON h.book_id = b.id AND h.match = $2 AND h.source_id = $3
 WHERE b.id = $1`
	sqlControls = `
SELECT c.chart_code, c.currency, sum(c.debits - c.credits)::bigint FROM chart_totals c
 WHERE c.book_id = $1 GROUP BY c.chart_code, c.currency ORDER BY c.chart_code, c.currency`
	sqlAccountsAt = `
SELECT a.id, a.chart_code, a.address, a.currency, coalesce(e.balance_after, 0),
       coalesce(b.debits, 0) = coalesce(t.debits, 0) AND coalesce(b.credits, 0) = coalesce(t.credits, 0),
       coalesce(t.debits - t.credits, 0)::bigint, coalesce(b.debits - b.credits, 0), a.opened_at
  FROM (SELECT x.id, x.chart_code, x.address, x.currency, x.opened_at FROM accounts x
         WHERE x.book_id = $1 AND x.id > $2 AND x.id <= $4 ORDER BY x.id LIMIT $5) a
  LEFT JOIN LATERAL (SELECT y.balance_after FROM entries y
                      WHERE y.book_id = $1 AND y.account_id = a.id AND y.sequence <= $3 ORDER BY y.sequence DESC, y.line DESC LIMIT 1) e ON true
  LEFT JOIN LATERAL (SELECT y.debits, y.credits FROM balances y WHERE y.book_id = $1 AND y.account_id = a.id LIMIT 1) b ON true
  LEFT JOIN LATERAL (SELECT sum(y.debits) AS debits, sum(y.credits) AS credits FROM period_totals y WHERE y.book_id = $1 AND y.account_id = a.id) t ON true
 ORDER BY a.id`
	// What is open of an account came with its newest entries of the side on which it stands: the oldest of them that is not made
	// up for yet is when it began.
	sqlOpenSince = `
SELECT t.sequence, t.occurred_at, t.reference
  FROM (SELECT w.sequence FROM (
          SELECT v.sequence, sum(v.amount) OVER (ORDER BY v.sequence DESC, v.line DESC) AS come
            FROM (SELECT y.sequence, y.line, CASE WHEN sign(y.amount) = sign($4::bigint) THEN abs(y.amount) ELSE 0 END AS amount
                    FROM entries y WHERE y.book_id = $1 AND y.account_id = $2 AND y.sequence <= $3
                   ORDER BY y.sequence DESC, y.line DESC LIMIT 10000) v) w
         ORDER BY w.come < abs($4::bigint), w.come, w.sequence LIMIT 1) o
  JOIN LATERAL (SELECT x.sequence, x.occurred_at, x.reference FROM transactions x WHERE x.book_id = $1 AND x.sequence = o.sequence LIMIT 1) t ON true`
	sqlSettledOrders = `
SELECT x.subject, max(x.sequence), max(x.occurred_at)
  FROM (SELECT y.subject, y.sequence, y.occurred_at FROM transactions y
         WHERE y.book_id = $1 AND y.event = 'order.settled' AND y.sequence > $2 AND y.sequence <= $3 ORDER BY y.sequence LIMIT $4) x
 WHERE x.subject IS NOT NULL
 GROUP BY x.subject ORDER BY 2`
	sqlLastSettled = `
SELECT coalesce(max(x.sequence), 0), count(*) FROM (SELECT y.sequence FROM transactions y
 WHERE y.book_id = $1 AND y.event = 'order.settled' AND y.sequence > $2 AND y.sequence <= $3 ORDER BY y.sequence LIMIT $4) x`
	// What an order moved on accounts of money that waits, up to its settlement.
	sqlPendingOf = `
SELECT k.subject, a.address, a.currency, sum(e.amount)::bigint
  FROM unnest($2::text[], $3::bigint[]) k(subject, until)
 CROSS JOIN LATERAL (SELECT x.sequence, x.account_ids FROM transactions x
                      WHERE x.book_id = $1 AND x.subject = k.subject AND x.sequence <= k.until ORDER BY x.sequence LIMIT 1000) t
 CROSS JOIN LATERAL unnest(t.account_ids) i(id)
 CROSS JOIN LATERAL (SELECT y.id, y.address, y.currency FROM accounts y WHERE y.book_id = $1 AND y.id = i.id
                        AND y.address ~ '^liabilities:(seller|creator|agency|partner):pending:' LIMIT 1) a
 CROSS JOIN LATERAL (SELECT y.amount FROM entries y WHERE y.book_id = $1 AND y.account_id = a.id AND y.sequence = t.sequence LIMIT 500) e
 GROUP BY k.subject, a.address, a.currency
HAVING sum(e.amount) <> 0
 ORDER BY k.subject, a.address, a.currency`
)

// placeOf fixes a run's place in the ledger and reads the control totals there.
func (s *Service) placeOf(ctx context.Context, book ledger.Book, in *inputs) error {
	return s.pool.ReadTx(ctx, func(tx pgx.Tx) error {
		if err := tx.QueryRow(ctx, sqlPlace, book.ID, in.Match, in.Source.ID).Scan(&in.Entries.To, &in.LastAccount, &in.Number, &in.Entries.From); err != nil {
			return err
		}
		in.Number++
		if in.Match != R3 {
			return nil
		}
		rows, err := tx.Query(ctx, sqlControls, book.ID)
		if err != nil {
			return err
		}
		var c controlInput
		var total money.Minor
		_, err = pgx.ForEachRow(rows, []any{&c.Code, &c.Currency, &total}, func() error {
			c.Total = amountOf(total, c.Currency)
			in.Controls = append(in.Controls, c)
			return nil
		})
		return err
	})
}

// mustEmpty are accounts that must come to nothing in their time, and the checks that say so.
var mustEmpty = []struct {
	prefix string
	check  check
}{
	{"assets:fx_position", checkPosition},
	{"assets:receivable:match_sponsor", checkSponsor},
	{"assets:treasury_in_transit:", checkTreasury},
	{"liabilities:exchange_clearing:", checkExchange},
	{"liabilities:processor_fee_passthrough", checkPassthrough},
}

// accountAt is an account at the run's place.
type accountAt struct {
	id            int32
	code          int32
	address       string
	currency      money.Currency
	balance       money.Minor
	whole         bool
	months, total money.Minor
	opened        time.Time
}

// readControls adds up all accounts at the run's place by chart row, and sees what must be empty and is not. Months against
// balances are as they stand now: both move together, in one transaction.
func (s *Service) readControls(ctx context.Context, book ledger.Book, in inputs, f *facts) error {
	var after int32
	for {
		var page []accountAt
		err := s.pool.ReadTx(ctx, func(tx pgx.Tx) error {
			rows, err := tx.Query(ctx, sqlAccountsAt, book.ID, after, in.Entries.To, in.LastAccount, insidePage)
			if err != nil {
				return err
			}
			page, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (a accountAt, err error) {
				err = row.Scan(&a.id, &a.code, &a.address, &a.currency, &a.balance, &a.whole, &a.months, &a.total, &a.opened)
				return a, err
			})
			return err
		})
		if err != nil {
			return err
		}
		for _, a := range page {
			if err := s.addAccount(ctx, book, in, f, a); err != nil {
				return err
			}
		}
		if len(page) < insidePage {
			break
		}
		after = page[len(page)-1].id
	}
	for k, v := range f.rows {
		if v.here != v.there {
			code := strconv.Itoa(int(k.code))
			f.see(checkControl, code, k.currency, v.there, v.here, in.CutOff, false).Left = "control totals of " + code
		}
	}
	return nil
}

func (s *Service) addAccount(ctx context.Context, book ledger.Book, in inputs, f *facts, a accountAt) (err error) {
	row := f.rows[controlRow{a.code, a.currency}]
	if row == nil {
		row = &controlSums{}
		f.rows[controlRow{a.code, a.currency}] = row
	}
	row.accounts++
	if row.here, err = money.Add(row.here, a.balance); err != nil {
		return err
	}
	if !a.whole && !in.again {
		f.see(checkPeriods, a.address, a.currency, a.months, a.total, a.opened, true).Left = "months of " + a.address
	}
	if a.balance == 0 {
		return nil
	}
	for _, m := range mustEmpty {
		if !strings.HasPrefix(a.address, m.prefix) {
			continue
		}
		since, reference, err := s.openSince(ctx, book, a, in.Entries.To)
		if err != nil {
			return err
		}
		f.see(m.check, a.address, a.currency, 0, a.balance, since, false).Left = reference
		return nil
	}
	return nil
}

// openSince is when what stands on an account began, and the transaction that it came with.
func (s *Service) openSince(ctx context.Context, book ledger.Book, a accountAt, sequence int64) (at time.Time, reference string, err error) {
	var n int64
	err = s.pool.QueryRow(ctx, sqlOpenSince, book.ID, a.id, sequence, int64(a.balance)).Scan(&n, &at, &reference)
	if errors.Is(err, pgx.ErrNoRows) {
		return a.opened, "", nil
	}
	return at, reference, err
}

// readOrders sees orders that settled since the run before and of which something was still pending after it (invariant 20).
func (s *Service) readOrders(ctx context.Context, book ledger.Book, entries span, f *facts) error {
	for from := entries.From; from < entries.To; {
		var subjects []string
		var until []int64
		at := map[string]time.Time{}
		var last, count int64
		err := s.pool.ReadTx(ctx, func(tx pgx.Tx) error {
			subjects, until = subjects[:0], until[:0]
			if err := tx.QueryRow(ctx, sqlLastSettled, book.ID, from, entries.To, insidePage).Scan(&last, &count); err != nil {
				return err
			}
			rows, err := tx.Query(ctx, sqlSettledOrders, book.ID, from, entries.To, insidePage)
			if err != nil {
				return err
			}
			var subject string
			var sequence int64
			var settled time.Time
			if _, err = pgx.ForEachRow(rows, []any{&subject, &sequence, &settled}, func() error {
				subjects, until = append(subjects, subject), append(until, sequence)
				at[subject] = settled
				return nil
			}); err != nil || len(subjects) == 0 {
				return err
			}
			rows, err = tx.Query(ctx, sqlPendingOf, book.ID, subjects, until)
			if err != nil {
				return err
			}
			var address string
			var c money.Currency
			var rest money.Minor
			_, err = pgx.ForEachRow(rows, []any{&subject, &address, &c, &rest}, func() error {
				x := f.see(checkPending, subject+":"+address, c, 0, rest, at[subject], false)
				x.Left, x.Right = subject, address
				return nil
			})
			return err
		})
		if err != nil {
			return err
		}
		if count < insidePage {
			return nil
		}
		from = last
	}
	return nil
}
