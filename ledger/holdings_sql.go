package ledger

import (
	"context"

	"github.com/jackc/pgx/v5"

	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// Holdings: what the accounts of a chart row hold together, what is above zero apart from what is below. A sum that nets
// the two would let one owner's debt cover what is owed to another. Rows that are one owner's anyway, such as what is
// available to him and what is reserved of it, can be taken together first.

// Holding is the sum over the accounts of a chart row in one currency, each on its normal side.
type Holding struct {
	Code     int
	Currency money.Currency
	// Account is the one account meant, for rows that are listed by account; empty for a whole row.
	Account Address
	// Above sums the balances above zero, Below those below zero, as a negative amount.
	Above, Below money.Minor
}

// Net is what the accounts hold with debts set off.
func (h Holding) Net() money.Minor { return h.Above + h.Below }

// ErrHoldingTooLarge means that a sum over accounts does not fit an amount.
var ErrHoldingTooLarge = fault.New(fault.Invalid, "holding-too-large",
	"The accounts of this book hold more together than an amount can say. Ask for the balances by account instead.")

// HoldingsQuery says what is summed up how.
type HoldingsQuery struct {
	// Currency is the one currency wanted; empty for all.
	Currency money.Currency
	// ByAccount is the code of a row whose accounts are listed one by one; 0 for none.
	ByAccount int
	// Together names for rows the row whose owners' accounts theirs are added to before they are judged above or below zero.
	Together map[int]int
}

// maxHoldings bounds how many sums of a currency are listed.
const maxHoldings = 1_000

// One pass over the balances of the book: an index cannot help a sum over every account. The sums are numeric and cut off
// beyond the range of amounts, so that none can wrap around.
const sqlHoldings = `
SELECT h.code, h.currency, h.account, h.above::bigint, h.below::bigint
  FROM (SELECT o.code, o.currency, o.account, least(sum(greatest(o.balance, 0)), 100000000000000001) AS above,
               greatest(sum(least(o.balance, 0)), -100000000000000001) AS below
          FROM (SELECT coalesce(m.into_code, a.chart_code) AS code, a.currency,
                       CASE WHEN a.chart_code = $4 THEN a.address ELSE '' END AS account,
                       sum(CASE WHEN a.chart_code < 2000 THEN b.debits - b.credits ELSE b.credits - b.debits END) AS balance
                  FROM accounts a
                  JOIN balances b ON b.book_id = a.book_id AND b.account_id = a.id
                  LEFT JOIN unnest($5::integer[], $6::integer[]) AS m (code, into_code) ON m.code = a.chart_code
                 WHERE a.book_id = $1 AND a.chart_code < 3000 AND ($2 = '' OR a.currency = $2) AND b.debits <> b.credits
                 GROUP BY 1, 2, 3, CASE WHEN m.code IS NULL THEN a.address ELSE split_part(a.address, ':', 4) END) o
         GROUP BY o.code, o.currency, o.account) h
 ORDER BY h.currency, h.code, h.account
 LIMIT $3`

// Holdings returns the sums over all accounts of assets and liabilities and the sequence at which they hold.
func (l *Ledger) Holdings(ctx context.Context, book Book, q HoldingsQuery) (list []Holding, atSequence int64, err error) {
	var from, into []int32
	for f, i := range q.Together {
		from, into = append(from, int32(f)), append(into, int32(i))
	}
	most := maxHoldings * len(book.Currencies)
	err = l.pool.ReadTx(ctx, func(tx pgx.Tx) error {
		head, err := readHead(ctx, tx, book)
		if err != nil {
			return err
		}
		atSequence = head.LastSequence
		rows, err := tx.Query(ctx, sqlHoldings, book.ID, string(q.Currency), most+1, q.ByAccount, from, into)
		if err != nil {
			return err
		}
		list, err = pgx.CollectRows(rows, func(r pgx.CollectableRow) (h Holding, err error) {
			if err = r.Scan(&h.Code, &h.Currency, &h.Account, &h.Above, &h.Below); err == nil && (h.Above > maxHolding || h.Below < -maxHolding) {
				err = ErrHoldingTooLarge
			}
			return h, err
		})
		if err == nil && len(list) > most {
			return ErrHoldingTooLarge
		}
		return err
	})
	return list, atSequence, err
}

// maxHolding is the largest sum that is told; the sum of ninety of them still fits an amount.
const maxHolding = 100_000_000_000_000_000
