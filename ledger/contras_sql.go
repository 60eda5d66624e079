package ledger

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"mizan/ledger/money"
)

// Contra accounts: what stood on the other side of the entries of some accounts, added up. It answers where an owner's
// money came from and went to without reading a transaction into memory.

// Contra is a sum over the entries of one account's chart row, event and period in transactions that touch the accounts
// asked about.
type Contra struct {
	// Event is that of the transactions; of corrections that of what they reverse or post again.
	Event  string
	Period Period
	// Own says that the account is one of those asked about.
	Own bool
	// Account is the address, or for payees' accounts the chart row's path: who else earned is not told.
	Account Address
	// Debits and Credits are the sums, and Transactions how many there are, less those that reverse one.
	Debits, Credits money.Minor
	Transactions    int64
}

// ContraQuery asks for the contra accounts of at most 16 accounts in one currency.
type ContraQuery struct {
	Accounts []Address
	Currency money.Currency
	// From and To bound the accounting periods, both inclusive.
	From, To Period
}

const (
	// A transaction is reached over the accounts' own entries, which one index holds in order.
	sqlContraSequences = `
SELECT DISTINCT o.sequence
  FROM unnest($2::integer[]) AS k (account_id)
 CROSS JOIN LATERAL (SELECT x.sequence FROM entries x
                      WHERE x.book_id = $1 AND x.account_id = k.account_id AND x.sequence > $3
                      ORDER BY x.sequence LIMIT $4) o
 ORDER BY o.sequence
 LIMIT $4`

	sqlContras = `
SELECT coalesce(o.event, t.event), t.period, i.account_id = ANY ($6::integer[]),
       CASE WHEN a.chart_code BETWEEN 2100 AND 2399 AND NOT i.account_id = ANY ($6::integer[]) THEN '' ELSE a.address END, a.chart_code,
       sum(e.debits)::bigint, sum(e.credits)::bigint, sum(CASE WHEN t.reverses IS NULL THEN 1 ELSE -1 END)::bigint
  FROM unnest($2::bigint[]) AS k (sequence)
 CROSS JOIN LATERAL (SELECT h.event, h.period, h.account_ids, h.reverses, h.reposts FROM transactions h
                      WHERE h.book_id = $1 AND h.sequence = k.sequence LIMIT 1) t
  LEFT JOIN LATERAL (
    WITH RECURSIVE way AS (
        SELECT x.event, x.reposts, 1 AS n FROM transactions x WHERE x.book_id = $1 AND x.sequence = coalesce(t.reverses, t.reposts)
         UNION ALL
        SELECT x.event, x.reposts, w.n + 1 FROM way w
         CROSS JOIN LATERAL (SELECT y.event, y.reposts FROM transactions y WHERE y.book_id = $1 AND y.sequence = w.reposts LIMIT 1) x
         WHERE w.n < 1000)
    SELECT w.event FROM way w ORDER BY w.n DESC LIMIT 1) o ON true
 CROSS JOIN LATERAL (SELECT DISTINCT u.id AS account_id FROM unnest(t.account_ids) AS u (id)) i
 CROSS JOIN LATERAL (SELECT c.address, c.chart_code FROM accounts c
                      WHERE c.book_id = $1 AND c.id = i.account_id AND c.currency = $5 LIMIT 1) a
 CROSS JOIN LATERAL (SELECT coalesce(sum(x.amount) FILTER (WHERE x.amount > 0), 0) AS debits,
                            coalesce(-sum(x.amount) FILTER (WHERE x.amount < 0), 0) AS credits
                       FROM entries x
                      WHERE x.book_id = $1 AND x.account_id = i.account_id AND x.sequence = k.sequence) e
 WHERE t.period BETWEEN $3 AND $4
 GROUP BY 1, 2, 3, 4, 5`

	sqlContraAccounts = `
SELECT a.id
  FROM unnest($2::text[]) AS k (address)
 CROSS JOIN LATERAL (SELECT c.id FROM accounts c
                      WHERE c.book_id = $1 AND c.address = k.address AND c.currency = $3 LIMIT 1) a`
)

// contraWindow is how many transactions are added up in one short database transaction.
const contraWindow = 5_000

// contraKey is what the sums are told apart by.
type contraKey struct {
	event   string
	period  Period
	own     bool
	account Address
}

// Contras adds up what the transactions that touch the accounts have on each account. The whole of their history is
// walked, a window at a time, because a late fact may count in any open period.
func (l *Ledger) Contras(ctx context.Context, book Book, q ContraQuery) ([]Contra, error) {
	sums := map[contraKey]*Contra{}
	for after, more := int64(0), true; more; {
		err := l.pool.ReadTx(ctx, func(tx pgx.Tx) (err error) {
			after, more, err = addContras(ctx, tx, book, q, after, sums)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	list := make([]Contra, 0, len(sums))
	for _, sum := range sums {
		list = append(list, *sum)
	}
	slices.SortFunc(list, func(a, b Contra) int {
		return cmp.Or(cmp.Compare(a.Period, b.Period), strings.Compare(a.Event, b.Event), strings.Compare(string(a.Account), string(b.Account)))
	})
	return list, nil
}

// addContras adds the next window and returns where the one after begins.
func addContras(ctx context.Context, tx pgx.Tx, book Book, q ContraQuery, after int64, sums map[contraKey]*Contra) (last int64, more bool, err error) {
	addresses := make([]string, len(q.Accounts))
	for i, a := range q.Accounts {
		addresses[i] = string(a)
	}
	rows, err := tx.Query(ctx, sqlContraAccounts, book.ID, addresses, string(q.Currency))
	if err != nil {
		return 0, false, err
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[int32])
	if err != nil || len(ids) == 0 {
		return 0, false, err
	}
	if rows, err = tx.Query(ctx, sqlContraSequences, book.ID, ids, after, contraWindow); err != nil {
		return 0, false, err
	}
	sequences, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil || len(sequences) == 0 {
		return 0, false, err
	}
	if rows, err = tx.Query(ctx, sqlContras, book.ID, sequences, int32(q.From), int32(q.To), string(q.Currency), ids); err != nil {
		return 0, false, err
	}
	var c Contra
	var code int
	_, err = pgx.ForEachRow(rows, []any{&c.Event, &c.Period, &c.Own, &c.Account, &code, &c.Debits, &c.Credits, &c.Transactions}, func() error {
		if c.Account == "" {
			c.Account = Address(StandardChart().rowOf(code, "unknown").Path)
		}
		k := contraKey{c.Event, c.Period, c.Own, c.Account}
		sum := sums[k]
		if sum == nil {
			sum = &Contra{Event: c.Event, Period: c.Period, Own: c.Own, Account: c.Account}
			sums[k] = sum
		}
		sum.Debits += c.Debits
		sum.Credits += c.Credits
		sum.Transactions += c.Transactions
		return nil
	})
	return sequences[len(sequences)-1], len(sequences) == contraWindow, err
}
