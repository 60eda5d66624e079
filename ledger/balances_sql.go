package ledger

import (
	"context"
	"math/big"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// Balances and trial balances: what accounts hold now, at a sequence, as of a time, and per accounting period.

var (
	// ErrAccountNotOpened means that nothing was ever posted to the address in this book.
	ErrAccountNotOpened = fault.New(fault.NotFound, "account-not-opened", "Nothing was ever posted to this account in this book. Check the address and the currency.")
	// ErrCurrencyNeeded means that the account exists in several currencies.
	ErrCurrencyNeeded = fault.New(fault.Invalid, "currency-needed", "The account exists in several currencies. Say which with ?currency=.")
	// ErrSequenceAhead means that the book has not reached the sequence asked for.
	ErrSequenceAhead = fault.New(fault.Invalid, "sequence-ahead", "The book has not reached this sequence yet. Ask for one it has, or leave it out for the balances now.")
)

// Balance is what one account holds. Debits and credits are the turnover since the account was opened.
type Balance struct {
	Account  Address
	Currency money.Currency
	// Code is the account's chart row.
	Code            int
	Normal          Side
	Debits, Credits int64
}

// Net returns the balance on the account's normal side.
func (b Balance) Net() money.Minor {
	if b.Normal == Credit {
		return money.Minor(b.Credits - b.Debits)
	}
	return money.Minor(b.Debits - b.Credits)
}

// BalanceQuery selects balances. At most one of AtSequence and AsOf may be set.
type BalanceQuery struct {
	// Prefix is the beginning of the addresses wanted, character by character; empty for all.
	Prefix   string
	Currency money.Currency
	// AtSequence asks for the balances right after that transaction; 0 for now.
	AtSequence int64
	// AsOf asks for the balances at that recorded time, inclusive; zero for now.
	AsOf time.Time
	// AfterAccount and AfterCurrency name the last balance already seen.
	AfterAccount  Address
	AfterCurrency money.Currency
	// Limit bounds the page, 1 to 1000.
	Limit int
}

const (
	sqlBalancesNow = `
SELECT a.address, a.currency, a.chart_code, b.debits, b.credits
  FROM (SELECT x.id, x.address, x.currency, x.chart_code FROM accounts x
         WHERE x.book_id = $1 AND x.address >= $2 AND x.address < $3 AND ($4 = '' OR x.currency = $4)
           AND (x.address, x.currency) > ($5, $6) AND x.address >= $5
         ORDER BY x.address, x.currency LIMIT $7) a
 CROSS JOIN LATERAL (SELECT y.debits, y.credits FROM balances y WHERE y.book_id = $1 AND y.account_id = a.id LIMIT 1) b
 ORDER BY a.address, a.currency`

	// Each account is probed, and what is below it is a range of its own. The limit bounds each of the two.
	sqlBalancesUnder = `
SELECT o.place, a.address, a.currency, a.chart_code, b.debits, b.credits
  FROM unnest($2::text[]) WITH ORDINALITY AS o (address, place)
 CROSS JOIN LATERAL ((SELECT x.id, x.address, x.currency, x.chart_code FROM accounts x
                       WHERE x.book_id = $1 AND x.address = o.address ORDER BY x.currency LIMIT $3)
                     UNION ALL
                     (SELECT x.id, x.address, x.currency, x.chart_code FROM accounts x
                       WHERE x.book_id = $1 AND x.address > o.address || ':' AND x.address < o.address || ';' ORDER BY x.address, x.currency LIMIT $3)) a
 CROSS JOIN LATERAL (SELECT y.debits, y.credits FROM balances y WHERE y.book_id = $1 AND y.account_id = a.id LIMIT 1) b
 ORDER BY o.place, a.address, a.currency`

	// An account that did not move after the sequence holds what its balance says. Of another, the entry at or before the
	// sequence is the first one met walking its primary key backwards. The limit counts accounts, not results: one opened
	// later has no row and must not end the page early, so it comes back without sums.
	sqlBalancesAt = `
SELECT a.address, a.currency, a.chart_code, CASE WHEN b.last_sequence <= $8 THEN b.debits ELSE e.debits_after END,
       CASE WHEN b.last_sequence <= $8 THEN b.credits ELSE e.debits_after - e.balance_after END
  FROM (SELECT x.id, x.address, x.currency, x.chart_code FROM accounts x
         WHERE x.book_id = $1 AND x.address >= $2 AND x.address < $3 AND ($4 = '' OR x.currency = $4)
           AND (x.address, x.currency) > ($5, $6) AND x.address >= $5
         ORDER BY x.address, x.currency LIMIT $7) a
 CROSS JOIN LATERAL (SELECT y.debits, y.credits, y.last_sequence FROM balances y
                      WHERE y.book_id = $1 AND y.account_id = a.id LIMIT 1) b
  LEFT JOIN LATERAL (SELECT y.debits_after, y.balance_after FROM entries y
                      WHERE y.book_id = $1 AND y.account_id = a.id AND y.sequence <= $8 AND b.last_sequence > $8
                      ORDER BY y.sequence DESC, y.line DESC LIMIT 1) e ON true
 ORDER BY a.address, a.currency`

	sqlSequenceAsOf = `
SELECT t.sequence FROM transactions t
 WHERE t.book_id = $1 AND t.recorded_at <= $2
 ORDER BY t.recorded_at DESC, t.sequence DESC LIMIT 1`

	sqlBookHead = `SELECT last_sequence, last_recorded_at, first_open_period FROM books WHERE id = $1`
)

// BalancePage is a page of balances and the sequence after which they hold.
type BalancePage struct {
	AtSequence int64
	Balances   []Balance
	// More says that further accounts follow; LastAccount and LastCurrency then name where to go on.
	More         bool
	LastAccount  Address
	LastCurrency money.Currency
}

// Balances returns a page of balances in order of address and currency, all at one sequence. To read several pages of
// one moment, ask for the first page's AtSequence.
func (l *Ledger) Balances(ctx context.Context, book Book, q BalanceQuery) (page BalancePage, err error) {
	if !printable(q.Prefix) {
		return BalancePage{}, ErrAddress.At("query:prefix", "account-address", "A prefix is the beginning of an account address.")
	}
	err = l.pool.ReadTx(ctx, func(tx pgx.Tx) error {
		now, err := l.sequenceFor(ctx, tx, book, q, &page)
		if err != nil {
			return err
		}
		args := []any{book.ID, q.Prefix, q.Prefix + "\x7f", string(q.Currency), string(q.AfterAccount), string(q.AfterCurrency), q.Limit + 1}
		sql := sqlBalancesNow
		if !now {
			sql, args = sqlBalancesAt, append(args, page.AtSequence)
		}
		rows, err := tx.Query(ctx, sql, args...)
		if err != nil {
			return err
		}
		return page.scan(rows, q.Limit)
	})
	return page, err
}

// BalancesUnder returns the balances of accounts and of all accounts below each, in one read, by the place of each among those given. More says
// that an account has more than the limit below it, which are left out.
func (l *Ledger) BalancesUnder(ctx context.Context, book Book, accounts []Address, limit int) (under [][]Balance, more bool, err error) {
	err = l.pool.ReadTx(ctx, func(tx pgx.Tx) error {
		under, more = make([][]Balance, len(accounts)), false
		rows, err := tx.Query(ctx, sqlBalancesUnder, book.ID, accounts, limit+1)
		if err != nil {
			return err
		}
		var b Balance
		var place int
		_, err = pgx.ForEachRow(rows, []any{&place, &b.Account, &b.Currency, &b.Code, &b.Debits, &b.Credits}, func() error {
			if more = more || len(under[place-1]) >= limit; len(under[place-1]) < limit {
				b.Normal = StandardChart().rowOf(b.Code, b.Account).Normal
				under[place-1] = append(under[place-1], b)
			}
			return nil
		})
		return err
	})
	return under, more, err
}

// sequenceFor decides at which sequence a query is answered, and whether that is the present.
func (l *Ledger) sequenceFor(ctx context.Context, tx pgx.Tx, book Book, q BalanceQuery, page *BalancePage) (now bool, err error) {
	head, err := readHead(ctx, tx, book)
	if err != nil {
		return false, err
	}
	page.AtSequence = head.LastSequence
	switch {
	case q.AtSequence > head.LastSequence:
		return false, ErrSequenceAhead
	case q.AtSequence > 0:
		page.AtSequence = q.AtSequence
		return q.AtSequence == head.LastSequence, nil
	case !q.AsOf.IsZero() && q.AsOf.Before(head.LastRecordedAt):
		page.AtSequence = 0
		err := tx.QueryRow(ctx, sqlSequenceAsOf, book.ID, q.AsOf).Scan(&page.AtSequence)
		if err != nil && err != pgx.ErrNoRows {
			return false, err
		}
		return false, nil
	}
	return true, nil
}

func readHead(ctx context.Context, tx pgx.Tx, book Book) (h BookHead, err error) {
	err = tx.QueryRow(ctx, sqlBookHead, book.ID).Scan(&h.LastSequence, &h.LastRecordedAt, &h.FirstOpenPeriod)
	if err == pgx.ErrNoRows {
		err = ErrBookUnknown
	}
	h.LastRecordedAt = h.LastRecordedAt.UTC()
	return h, err
}

func (p *BalancePage) scan(rows pgx.Rows, limit int) error {
	var b Balance
	var debits, credits *int64
	n := 0
	_, err := pgx.ForEachRow(rows, []any{&b.Account, &b.Currency, &b.Code, &debits, &credits}, func() error {
		if n++; n > limit {
			p.More = true
			return nil
		}
		p.LastAccount, p.LastCurrency = b.Account, b.Currency
		if debits == nil {
			return nil
		}
		b.Debits, b.Credits, b.Normal = *debits, *credits, StandardChart().rowOf(b.Code, b.Account).Normal
		p.Balances = append(p.Balances, b)
		return nil
	})
	return err
}

// Head returns where the book's order stands.
func (l *Ledger) Head(ctx context.Context, book Book) (h BookHead, err error) {
	err = l.pool.ReadTx(ctx, func(tx pgx.Tx) error {
		h, err = readHead(ctx, tx, book)
		return err
	})
	return h, err
}

// TrialRow is one chart row or one account of a trial balance, in minor units. Opening and closing are debit positive.
type TrialRow struct {
	Code int
	// Account is the row's path, or the full address in a trial balance by account.
	Account  Address
	Currency money.Currency
	Normal   Side
	// Opening is the balance before the period; zero without a period.
	Opening *big.Int
	// Debits and Credits are the turnover of the period, or since the beginning.
	Debits, Credits *big.Int
}

// Closing returns the row's balance, debit positive.
func (r TrialRow) Closing() *big.Int {
	c := new(big.Int).Sub(r.Debits, r.Credits)
	return c.Add(c, r.Opening)
}

// TrialBalance is the proof that a book balances: per currency the rows' closing balances sum to zero (I2).
type TrialBalance struct {
	AtSequence int64
	// Period is the month it is for, 0 for everything up to now.
	Period Period
	Rows   []TrialRow
	// More says that further accounts follow; only by account. LastAccount and LastCurrency are where to go on.
	More         bool
	LastAccount  Address
	LastCurrency money.Currency
}

const (
	sqlTrialBalance = `
SELECT c.chart_code, c.currency,
       coalesce(sum(c.debits - c.credits) FILTER (WHERE c.period < $2), 0)::text,
       coalesce(sum(c.debits) FILTER (WHERE c.period >= $2), 0)::text,
       coalesce(sum(c.credits) FILTER (WHERE c.period >= $2), 0)::text
  FROM chart_totals c
 WHERE c.book_id = $1 AND c.period <= $3
 GROUP BY c.chart_code, c.currency
 ORDER BY c.chart_code, c.currency`

	sqlTrialBalanceAccounts = `
SELECT a.chart_code, a.address, a.currency, p.moved, p.opening::text, p.debits::text, p.credits::text
  FROM (SELECT x.id, x.address, x.currency, x.chart_code FROM accounts x
         WHERE x.book_id = $1 AND x.address >= $7 AND x.address < $8 AND ($9 = '' OR x.currency = $9)
           AND (x.address, x.currency) > ($4, $5) AND x.address >= $4
         ORDER BY x.address, x.currency LIMIT $6) a
 CROSS JOIN LATERAL (SELECT count(*) > 0 AS moved,
                            coalesce(sum(t.debits - t.credits) FILTER (WHERE t.period < $2), 0) AS opening,
                            coalesce(sum(t.debits) FILTER (WHERE t.period >= $2), 0) AS debits,
                            coalesce(sum(t.credits) FILTER (WHERE t.period >= $2), 0) AS credits
                       FROM period_totals t
                      WHERE t.book_id = $1 AND t.account_id = a.id AND t.period <= $3) p
 ORDER BY a.address, a.currency`
)

// TrialBalance returns the trial balance by chart row, of one period or (period 0) of everything up to now.
func (l *Ledger) TrialBalance(ctx context.Context, book Book, period Period) (tb TrialBalance, err error) {
	first, last := periodBounds(period)
	tb.Period = period
	err = l.pool.ReadTx(ctx, func(tx pgx.Tx) error {
		head, err := readHead(ctx, tx, book)
		if err != nil {
			return err
		}
		tb.AtSequence = head.LastSequence
		rows, err := tx.Query(ctx, sqlTrialBalance, book.ID, first, last)
		if err != nil {
			return err
		}
		tb.Rows, err = pgx.CollectRows(rows, func(r pgx.CollectableRow) (TrialRow, error) {
			var row TrialRow
			var sums [3]string
			if err := r.Scan(&row.Code, &row.Currency, &sums[0], &sums[1], &sums[2]); err != nil {
				return row, err
			}
			row.Account = Address(StandardChart().rowOf(row.Code, "unknown").Path)
			return row.finish(sums), nil
		})
		return err
	})
	return tb, err
}

// TrialBalanceByAccount returns a page of the trial balance by account, in order of address and currency.
func (l *Ledger) TrialBalanceByAccount(ctx context.Context, book Book, period Period, after Address, afterCurrency money.Currency, limit int) (tb TrialBalance, err error) {
	return l.TrialBalanceBelow(ctx, book, period, "", after, afterCurrency, limit)
}

// TrialBalanceBelow is TrialBalanceByAccount of the accounts whose addresses begin with a prefix.
func (l *Ledger) TrialBalanceBelow(ctx context.Context, book Book, period Period, prefix string, after Address, afterCurrency money.Currency, limit int) (tb TrialBalance, err error) {
	return l.trialBalanceWithin(ctx, book, period, prefix, prefix+"\x7f", "", after, afterCurrency, limit, func(*TrialRow, bool) bool { return true })
}

// trialBalanceWithin returns a page of the trial balance of the accounts whose addresses are in a range, its end not, of one currency or
// (empty) of all. Of the page's accounts it lists those that keep says, which is told whether the account was touched up to the end of
// the period.
func (l *Ledger) trialBalanceWithin(ctx context.Context, book Book, period Period, from, to string, currency money.Currency, after Address, afterCurrency money.Currency, limit int,
	keep func(r *TrialRow, moved bool) bool) (tb TrialBalance, err error) {
	first, last := periodBounds(period)
	tb.Period = period
	err = l.pool.ReadTx(ctx, func(tx pgx.Tx) error {
		head, err := readHead(ctx, tx, book)
		if err != nil {
			return err
		}
		tb.AtSequence, tb.Rows, tb.More = head.LastSequence, nil, false
		rows, err := tx.Query(ctx, sqlTrialBalanceAccounts, book.ID, first, last, string(after), string(afterCurrency), limit+1, from, to, string(currency))
		if err != nil {
			return err
		}
		var r TrialRow
		var moved bool
		var sums [3]string
		n := 0
		_, err = pgx.ForEachRow(rows, []any{&r.Code, &r.Account, &r.Currency, &moved, &sums[0], &sums[1], &sums[2]}, func() error {
			if n++; n > limit {
				tb.More = true
				return nil
			}
			tb.LastAccount, tb.LastCurrency = r.Account, r.Currency
			if keep(&r, moved) {
				tb.Rows = append(tb.Rows, r.finish(sums))
			}
			return nil
		})
		return err
	})
	return tb, err
}

// periodBounds returns the first and last period whose turnover is shown.
func periodBounds(p Period) (first, last int32) {
	if p == 0 {
		return 0, 999912
	}
	return int32(p), int32(p)
}

func (r TrialRow) finish(sums [3]string) TrialRow {
	r.Normal = StandardChart().rowOf(r.Code, r.Account).Normal
	r.Opening, r.Debits, r.Credits = bigOf(sums[0]), bigOf(sums[1]), bigOf(sums[2])
	return r
}

// bigOf reads a numeric's integer text; sums of many accounts may pass 64 bits.
func bigOf(s string) *big.Int {
	whole, _, _ := strings.Cut(s, ".")
	v, ok := new(big.Int).SetString(whole, 10)
	if !ok {
		panic("ledger: the database returned a sum that is no integer")
	}
	return v
}
