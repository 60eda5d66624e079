package ledger

import (
	"context"
	"math/big"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger/money"
)

// What moved in one month, on the accounts of one row of the chart and on one account: the way from a figure of the trial balance
// down to the entries it is made of. A month is no cut of the book's order, because a late fact counts in a month that is still
// open. So the entries of a month are looked for among all that were recorded since it began, a bounded number at a time.

const (
	sqlMonthTotals = `
SELECT coalesce(sum(t.debits - t.credits) FILTER (WHERE t.period < $3), 0)::text, coalesce(sum(t.debits) FILTER (WHERE t.period = $3), 0)::text,
       coalesce(sum(t.credits) FILTER (WHERE t.period = $3), 0)::text
  FROM period_totals t WHERE t.book_id = $1 AND t.account_id = $2 AND t.period <= $3`

	sqlMonthRecorded = `
SELECT t.sequence FROM transactions t WHERE t.book_id = $1 AND t.recorded_at >= $2 ORDER BY t.recorded_at, t.sequence LIMIT 1`

	// What happened in a month that was closed early counts in the next one, and was recorded before that began.
	sqlMonthBefore = `
SELECT h.sequence FROM transactions h
 WHERE h.book_id = $1 AND h.period = $2
   AND (h.effective_period <> h.period OR h.original_period <> h.period OR h.reverses IS NOT NULL OR h.reposts IS NOT NULL)
 ORDER BY h.sequence LIMIT 1`

	sqlMonthEntries = `
SELECT e.sequence, e.line, e.amount, e.account_version, e.balance_after, e.debits_after, coalesce(e.external_ref, ''),
       t.reference, t.event, coalesce(t.subject, ''), coalesce(t.memo, ''), t.occurred_at, t.recorded_at, t.period
  FROM (SELECT x.sequence, x.line, x.amount, x.account_version, x.balance_after, x.debits_after, x.external_ref FROM entries x
         WHERE x.book_id = $1 AND x.account_id = $2 AND (x.sequence, x.line) > ($3, $4) AND x.sequence >= $3
         ORDER BY x.sequence, x.line LIMIT $5) e
 CROSS JOIN LATERAL (SELECT h.reference, h.event, h.subject, h.memo, h.occurred_at, h.recorded_at, h.period FROM transactions h
                      WHERE h.book_id = $1 AND h.sequence = e.sequence LIMIT 1) t
 ORDER BY e.sequence, e.line`
)

// monthScan bounds the entries among which those of a month are looked for at once.
const monthScan = 2_000

// TrialBalanceOfRow returns a page of the trial balance of one row of the chart by account, in order of address and currency, of one
// currency or (empty) of all. Accounts that were not touched up to the end of the period are left out, so a page may have fewer rows
// than the limit, and more may follow LastAccount and LastCurrency.
func (l *Ledger) TrialBalanceOfRow(ctx context.Context, book Book, period Period, row *ChartRow, currency money.Currency, after Address, afterCurrency money.Currency, limit int) (tb TrialBalance, err error) {
	return l.trialBalanceWithin(ctx, book, period, row.Path, row.Path+";", currency, after, afterCurrency, limit, func(r *TrialRow, moved bool) bool {
		return moved && r.Code == row.Code // another row's path can begin like this one
	})
}

// MonthQuery selects a page of what counts in one month on an account.
type MonthQuery struct {
	Account Address
	// Currency may be empty if the account exists in one currency only.
	Currency money.Currency
	Period   Period
	// AfterSequence and AfterLine name the last entry already looked at, 0 for none. SeenDebits and SeenCredits are what the pages before
	// came to, by which it is known that nothing of the month can follow; 0 and 0 never end a list too early.
	AfterSequence           int64
	AfterLine               int
	SeenDebits, SeenCredits int64
	// Limit bounds the page, 1 to 1000.
	Limit int
}

// MonthPage is a page of what counts in one month on an account, oldest first.
type MonthPage struct {
	// Opening is the account's balance before the month, debit positive; Debits and Credits are its turnover in the month.
	Opening, Debits, Credits *big.Int
	Currency                 money.Currency
	Lines                    []HistoryLine
	// More says that further entries of the month may follow AfterSequence and AfterLine; a page may have none and more may follow.
	More                    bool
	AfterSequence           int64
	AfterLine               int
	SeenDebits, SeenCredits int64
}

// Month returns a page of the entries of an account that count in one month, with what the account held before it and its turnover
// in it. It returns ErrAccountNotOpened and ErrCurrencyNeeded like History.
func (l *Ledger) Month(ctx context.Context, book Book, q MonthQuery) (page MonthPage, err error) {
	err = l.pool.ReadTx(ctx, func(tx pgx.Tx) error {
		page = MonthPage{AfterSequence: q.AfterSequence, AfterLine: q.AfterLine, SeenDebits: q.SeenDebits, SeenCredits: q.SeenCredits}
		id, currency, row, err := findAccount(ctx, tx, book, q.Account, q.Currency)
		if err != nil {
			return err
		}
		var sums [3]string
		if err := tx.QueryRow(ctx, sqlMonthTotals, book.ID, id, int32(q.Period)).Scan(&sums[0], &sums[1], &sums[2]); err != nil {
			return err
		}
		page.Currency, page.Opening, page.Debits, page.Credits = currency, bigOf(sums[0]), bigOf(sums[1]), bigOf(sums[2])
		if page.whole() {
			return nil
		}
		if page.AfterSequence == 0 {
			if page.AfterSequence, err = monthBegins(ctx, tx, book, q.Period); err != nil || page.AfterSequence < 0 {
				return err
			}
			page.AfterLine = maxLineOfAll
		}
		return page.read(ctx, tx, book, q, id, row)
	})
	return page, err
}

// maxLineOfAll is above every line of a transaction.
const maxLineOfAll = 32_000

// whole reports whether all that the month came to was seen.
func (p *MonthPage) whole() bool {
	return p.Debits.Cmp(big.NewInt(p.SeenDebits)) == 0 && p.Credits.Cmp(big.NewInt(p.SeenCredits)) == 0
}

// monthBegins is a sequence after which everything comes that counts in the month, or -1 if nothing can.
func monthBegins(ctx context.Context, tx pgx.Tx, book Book, p Period) (int64, error) {
	first := int64(-1)
	for _, find := range []struct {
		sql string
		arg any
	}{
		{sqlMonthRecorded, book.DayBegins(int(p/100), time.Month(p%100), 1).Add(-maxAhead)}, {sqlMonthBefore, int32(p)},
	} {
		var at int64
		err := tx.QueryRow(ctx, find.sql, book.ID, find.arg).Scan(&at)
		if err == pgx.ErrNoRows {
			continue
		}
		if err != nil {
			return 0, err
		}
		if first < 0 || at-1 < first {
			first = at - 1
		}
	}
	return first, nil
}

// read takes the month's entries from the next ones of the account.
func (p *MonthPage) read(ctx context.Context, tx pgx.Tx, book Book, q MonthQuery, id int32, row *ChartRow) error {
	rows, err := tx.Query(ctx, sqlMonthEntries, book.ID, id, p.AfterSequence, p.AfterLine, monthScan)
	if err != nil {
		return err
	}
	defer rows.Close()
	scanned := 0
	for len(p.Lines) < q.Limit && rows.Next() {
		h := HistoryLine{Entry: Entry{Account: q.Account, Currency: p.Currency, Normal: row.Normal}}
		if err := rows.Scan(&h.Sequence, &h.Line, &h.Amount, &h.Version, &h.BalanceAfter, &h.DebitsAfter, &h.ExternalRef,
			&h.Reference, &h.Event, &h.Subject, &h.Memo, &h.OccurredAt, &h.RecordedAt, &h.Period); err != nil {
			return err
		}
		scanned++
		p.AfterSequence, p.AfterLine = h.Sequence, h.Line
		if h.Period != q.Period {
			continue
		}
		h.OccurredAt, h.RecordedAt = h.OccurredAt.UTC(), h.RecordedAt.UTC()
		p.SeenDebits, p.SeenCredits = p.SeenDebits+int64(max(h.Amount, 0)), p.SeenCredits+int64(max(-h.Amount, 0))
		p.Lines = append(p.Lines, h)
	}
	rows.Close()
	p.More = !p.whole() && (len(p.Lines) == q.Limit || scanned == monthScan)
	return rows.Err()
}
