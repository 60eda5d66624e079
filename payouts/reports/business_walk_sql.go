package reports

import (
	"context"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/money"
)

// Walking through transactions: the reports of the business go once through what counts in some months, a window of the book's
// order at a time, and keep sums only. Each window is a short reading of its own; what is handed out is handed out between two.

// fact is one entry with what its transaction says.
type fact struct {
	Sequence int64
	// Period is the month it counts in, Effective the one it happened in.
	Period, Effective ledger.Period
	Event             string
	// Reverses is the transaction that this one mirrors, 0 for none.
	Reverses int64
	Line     int
	Code     int
	Account  ledger.Address
	Currency money.Currency
	// Amount is debit positive.
	Amount money.Minor
}

// walk says what is walked through.
type walk struct {
	// from and to are the months that the transactions count in, both included.
	from, to ledger.Period
	// rows are the chart rows: a transaction that touches none of them is passed over.
	rows [2]int
	// more are further chart rows.
	more []int32
	// whole hands out all entries of a transaction, not only those of the rows.
	whole bool
}

const (
	// A window has at most so many transactions, and so many entries unless one transaction alone has more.
	sqlWindow = `
SELECT coalesce(max(w.sequence), 0)
  FROM (SELECT x.sequence, row_number() OVER o AS n, sum(x.line_count) OVER o AS lines
          FROM (SELECT h.sequence, h.line_count FROM transactions h
                 WHERE h.book_id = $1 AND h.sequence > $2 AND h.sequence <= $3 ORDER BY h.sequence LIMIT 2000) x
        WINDOW o AS (ORDER BY x.sequence)) w
 WHERE w.n = 1 OR w.lines <= 20000`

	sqlFacts = `
SELECT h.sequence, h.period, h.effective_period, h.event, coalesce(h.reverses, 0), e.line, a.chart_code, a.address, a.currency, e.amount
  FROM (SELECT x.sequence, x.period, x.effective_period, x.event, x.reverses, x.account_ids FROM transactions x
         WHERE x.book_id = $1 AND x.sequence > $2 AND x.sequence <= $3 AND x.period BETWEEN $4 AND $5 AND x.line_count > 0
         ORDER BY x.sequence LIMIT 2000) h
 CROSS JOIN LATERAL (SELECT DISTINCT u.id FROM unnest(h.account_ids) AS u (id)) i
 CROSS JOIN LATERAL (SELECT c.chart_code, c.address, c.currency FROM accounts c WHERE c.book_id = $1 AND c.id = i.id LIMIT 1) a
 CROSS JOIN LATERAL (SELECT y.line, y.amount FROM entries y WHERE y.book_id = $1 AND y.account_id = i.id AND y.sequence = h.sequence LIMIT 500) e
 WHERE $9 OR a.chart_code BETWEEN $6 AND $7 OR a.chart_code = ANY ($8)
 ORDER BY h.sequence, e.line`
)

// each hands the entries of each transaction to fn, in the book's order up to the question's sequence. The slice is fn's only
// until it returns.
func (q *Query) each(ctx context.Context, w walk, fn func(facts []fact) error) error {
	for after := int64(0); after < q.AtSequence; {
		var facts []fact
		next := after
		err := q.read(ctx, func(tx pgx.Tx) error {
			facts = facts[:0]
			if err := tx.QueryRow(ctx, sqlWindow, q.Book.ID, after, q.AtSequence).Scan(&next); err != nil || next == 0 {
				return err
			}
			rows, err := tx.Query(ctx, sqlFacts, q.Book.ID, after, next, int32(w.from), int32(w.to), w.rows[0], w.rows[1], w.more, w.whole)
			if err != nil {
				return err
			}
			var f fact
			_, err = pgx.ForEachRow(rows, []any{&f.Sequence, &f.Period, &f.Effective, &f.Event, &f.Reverses, &f.Line, &f.Code, &f.Account, &f.Currency, &f.Amount}, func() error {
				facts = append(facts, f)
				return nil
			})
			return err
		})
		if err != nil || next == 0 {
			return err
		}
		after = next
		for begin := 0; begin < len(facts); {
			end, touched := begin, false
			for end < len(facts) && facts[end].Sequence == facts[begin].Sequence {
				touched = touched || w.means(facts[end].Code)
				end++
			}
			if touched {
				if err := fn(facts[begin:end]); err != nil {
					return err
				}
			}
			begin = end
		}
	}
	return nil
}

func (w *walk) means(code int) bool {
	if code >= w.rows[0] && code <= w.rows[1] {
		return true
	}
	for _, m := range w.more {
		if int(m) == code {
			return true
		}
	}
	return false
}

// everyPeriod is beyond all months.
const everyPeriod ledger.Period = 299912

const sqlOwners = `
SELECT o.id FROM (
    SELECT DISTINCT split_part(a.address, ':', 4) COLLATE "C" AS id
      FROM unnest($2::text[]) AS p (prefix)
     CROSS JOIN LATERAL (SELECT DISTINCT x.address FROM accounts x
                          WHERE x.book_id = $1 AND x.address > p.prefix || $3 AND x.address < p.prefix || '~'
                          ORDER BY x.address LIMIT $4) a) o
 ORDER BY o.id LIMIT $4`

// owners returns the ids of the next owners of accounts that begin with one of the prefixes, in order. Those whose accounts were
// opened later are among them: what they have is nothing.
func (q *Query) owners(ctx context.Context, prefixes []string, after string, limit int) (ids []string, err error) {
	err = q.read(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, sqlOwners, q.Book.ID, prefixes, after, limit)
		if err != nil {
			return err
		}
		ids, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	return ids, err
}
