package payouts

import (
	"context"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/money"
)

// Reading balances for decisions: pages of a bucket, and the accounts of known holders.

const (
	// An account that did not move after the cut-off held then what it holds now. Of another, the entry at or before it is
	// the first one met walking its primary key backwards.
	sqlBucketPage = `
SELECT a.address, a.currency, coalesce(b.credits - b.debits, 0),
       CASE WHEN b.last_sequence <= $6 THEN b.credits - b.debits ELSE coalesce(-e.balance_after, 0) END
  FROM (SELECT x.id, x.address, x.currency FROM accounts x
         WHERE x.book_id = $1 AND x.address >= $2 AND x.address < $3 AND (x.address, x.currency) > ($4, $5) AND x.address >= $4
         ORDER BY x.address, x.currency LIMIT $7) a
  LEFT JOIN LATERAL (SELECT y.debits, y.credits, y.last_sequence FROM balances y WHERE y.book_id = $1 AND y.account_id = a.id LIMIT 1) b ON true
  LEFT JOIN LATERAL (SELECT y.balance_after FROM entries y
                      WHERE y.book_id = $1 AND y.account_id = a.id AND y.sequence <= $6 AND b.last_sequence > $6
                      ORDER BY y.sequence DESC, y.line DESC LIMIT 1) e ON true
 ORDER BY a.address, a.currency`

	sqlBalancesOf = `
SELECT coalesce(b.credits - b.debits, 0), CASE WHEN b.last_sequence <= $4 THEN b.credits - b.debits ELSE coalesce(-e.balance_after, 0) END
  FROM unnest($2::text[], $3::text[]) WITH ORDINALITY AS w (address, currency, n)
  LEFT JOIN LATERAL (SELECT x.id FROM accounts x WHERE x.book_id = $1 AND x.address = w.address AND x.currency = w.currency LIMIT 1) a ON true
  LEFT JOIN LATERAL (SELECT y.debits, y.credits, y.last_sequence FROM balances y WHERE y.book_id = $1 AND y.account_id = a.id LIMIT 1) b ON true
  LEFT JOIN LATERAL (SELECT y.balance_after FROM entries y
                      WHERE y.book_id = $1 AND y.account_id = a.id AND y.sequence <= $4 AND b.last_sequence > $4
                      ORDER BY y.sequence DESC, y.line DESC LIMIT 1) e ON true
 ORDER BY w.n`

	// What waits for a clock is told by its nearest date, and a debt by its row.
	sqlOutlook = `
SELECT coalesce(s.act, ''), s.due_at, coalesce(d.amount, 0), d.since
  FROM unnest($2::text[], $3::text[], $4::text[]) WITH ORDINALITY AS w (kind, payee, currency, n)
  LEFT JOIN LATERAL (SELECT x.act, x.due_at FROM payout_waits x
                      WHERE x.book_id = $1 AND x.kind = w.kind AND x.payee = w.payee AND x.currency = w.currency AND x.due_at IS NOT NULL
                      ORDER BY x.due_at LIMIT 1) s ON true
  LEFT JOIN LATERAL (SELECT x.amount, x.since FROM payout_debts x
                      WHERE x.book_id = $1 AND x.kind = w.kind AND x.payee = w.payee AND x.currency = w.currency LIMIT 1) d ON true
 ORDER BY w.n`

	sqlSequenceBefore = `
SELECT t.sequence FROM transactions t WHERE t.book_id = $1 AND t.recorded_at < $2 ORDER BY t.recorded_at DESC, t.sequence DESC LIMIT 1`
	sqlHead = `SELECT b.last_sequence FROM books b WHERE b.id = $1 /* book_id */`
)

// bucketPage reads up to limit accounts of a bucket after a holder, in order.
func (s *Service) bucketPage(ctx context.Context, book ledger.Book, kind, bucket string, after Holder, at int64, limit int) (list []bucketRow, err error) {
	prefix := string(Holder{PayeeKey: PayeeKey{Kind: kind}}.bucket(bucket))
	err = s.pool.ReadTx(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, sqlBucketPage, book.ID, prefix, prefix+"\x7f", prefix+after.ID, string(after.Currency), at, limit)
		if err != nil {
			return err
		}
		list, err = pgx.CollectRows(rows, func(r pgx.CollectableRow) (a bucketRow, err error) {
			var address string
			err = r.Scan(&address, &a.Currency, &a.now, &a.cutOff)
			a.Kind, a.ID = kind, strings.TrimPrefix(address, prefix)
			return a, err
		})
		return err
	})
	return list, err
}

// twoBalances is what an account holds now and held at the cut-off, credit positive.
type twoBalances struct{ now, cutOff money.Minor }

// balancesOf reads accounts by address and currency, in the order given; those that were never opened hold nothing. With a
// context of Within it reads in that transaction.
func (s *Service) balancesOf(ctx context.Context, book ledger.Book, addresses, currencies []string, at int64) (list []twoBalances, err error) {
	err = s.pool.ReadTx(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, sqlBalancesOf, book.ID, addresses, currencies, at)
		if err != nil {
			return err
		}
		list, err = pgx.CollectRows(rows, func(r pgx.CollectableRow) (b twoBalances, err error) {
			err = r.Scan(&b.now, &b.cutOff)
			return b, err
		})
		return err
	})
	return list, err
}

// outlook is what is known of a holder's waiting money and debt.
type outlook struct {
	act   string
	due   time.Time
	debt  money.Minor
	since time.Time
}

// outlooks reads the outlooks of holders, in the order given.
func (s *Service) outlooks(ctx context.Context, book ledger.Book, holders []Holder) (list []outlook, err error) {
	kinds, payees, currencies := columnsOf(holders)
	err = s.pool.ReadTx(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, sqlOutlook, book.ID, kinds, payees, currencies)
		if err != nil {
			return err
		}
		list, err = pgx.CollectRows(rows, func(r pgx.CollectableRow) (o outlook, err error) {
			var due, since *time.Time
			err = r.Scan(&o.act, &due, &o.debt, &since)
			o.due, o.since = whenOf(due), whenOf(since)
			return o, err
		})
		return err
	})
	return list, err
}

// columnsOf turns holders into one array a column.
func columnsOf(holders []Holder) (kinds, payees, currencies []string) {
	for _, h := range holders {
		kinds, payees, currencies = append(kinds, h.Kind), append(payees, h.ID), append(currencies, string(h.Currency))
	}
	return kinds, payees, currencies
}

// whenOf reads a time that may be missing.
func whenOf(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC()
}

// unless is the time for the database, nothing for the zero time.
func unless(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// sequenceBefore is the last transaction that was recorded before an instant, 0 for none.
func (s *Service) sequenceBefore(ctx context.Context, book ledger.Book, at time.Time) (sequence int64, err error) {
	err = s.pool.ReadTx(ctx, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, sqlSequenceBefore, book.ID, at).Scan(&sequence)
		return noRows(err)
	})
	return sequence, err
}

// headTx is the last transaction of the book.
func headTx(ctx context.Context, tx pgx.Tx, book ledger.Book) (sequence int64, err error) {
	err = tx.QueryRow(ctx, sqlHead, book.ID).Scan(&sequence)
	return sequence, err
}
