package reports

import (
	"context"
	"math"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/money"
)

// Walking through transactions: the reports of the business go once through what counts in some months, a window of the book's
// order at a time, and keep sums only. Each window is a short reading of its own; what is handed out is handed out between two.
//
// A month costs by the month: the walk begins where the first transaction can be that counts in it, and ends where the month was closed.

// fact is one entry with what its transaction says.
type fact struct {
	Sequence int64
	// Period is the month it counts in, Effective the one it happened in.
	Period, Effective ledger.Period
	// Event is what happened. Of a correction it is the event of Origin, which is mirrored if Mirror says so and posted again
	// otherwise; Happened is then the month in which that one happened. Of all others they are their own.
	Event    string
	Origin   int64
	Happened ledger.Period
	Mirror   bool
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
	// late also hands out what counts in months after to, but happened in another month than it counts in, refers to another, or
	// corrects a transaction.
	late bool
	// rows are the chart rows: a transaction that touches none of them is passed over.
	rows [2]int
	// more are further chart rows.
	more []int32
	// whole hands out all entries of a transaction, not only those of the rows.
	whole bool
}

// place is where a walk stands: before the transaction after one of the book or, among what is late, of a month.
type place struct {
	period   ledger.Period
	sequence int64
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

	// What looks back has an index of its own: what counts in another month than its own, and corrections. The transaction that a
	// correction names may itself be a late one of the same month, or one of an earlier month that was posted again.
	looksBack = `h.effective_period <> h.period OR h.original_period <> h.period OR h.reverses IS NOT NULL OR h.reposts IS NOT NULL`

	sqlLateWindow = `
SELECT w.period, w.sequence
  FROM (SELECT x.period, x.sequence, row_number() OVER o AS n, sum(x.line_count) OVER o AS lines
          FROM (SELECT h.period, h.sequence, h.line_count FROM transactions h
                 WHERE h.book_id = $1 AND (h.period, h.sequence) > ($2, $3) AND h.sequence <= $4
                   AND (` + looksBack + `) ORDER BY h.period, h.sequence LIMIT 2000) x
        WINDOW o AS (ORDER BY x.period, x.sequence)) w
 WHERE w.n = 1 OR w.lines <= 20000
 ORDER BY w.period, w.sequence`

	inWindow = `WHERE x.book_id = $1 AND x.sequence > $2 AND x.sequence <= $3 AND x.period BETWEEN $4 AND $5 AND x.line_count > 0`

	factColumns = `x.sequence, x.period, x.effective_period, x.event, x.reverses, x.reposts, x.account_ids`

	sqlFactsHead = `
SELECT h.sequence, h.period, h.effective_period, coalesce(o.event, h.event), coalesce(o.sequence, h.sequence), coalesce(o.effective_period, h.effective_period), h.reverses IS NOT NULL,
       e.line, a.chart_code, a.address, a.currency, e.amount
  FROM (`
	// A reversal is of a transaction that is none, which may itself be one posted again; so there is an end to the way.
	sqlFactsTail = `) h
  LEFT JOIN LATERAL (
    WITH RECURSIVE way AS (
        SELECT t.sequence, t.event, t.effective_period, t.reposts, 1 AS n FROM transactions t WHERE t.book_id = $1 AND t.sequence = coalesce(h.reverses, h.reposts)
         UNION ALL
        SELECT t.sequence, t.event, t.effective_period, t.reposts, w.n + 1 FROM way w
         CROSS JOIN LATERAL (SELECT y.sequence, y.event, y.effective_period, y.reposts FROM transactions y WHERE y.book_id = $1 AND y.sequence = w.reposts LIMIT 1) t
         WHERE w.n < 1000)
    SELECT w.sequence, w.event, w.effective_period FROM way w ORDER BY w.n DESC LIMIT 1) o ON true
 CROSS JOIN LATERAL (SELECT DISTINCT u.id FROM unnest(h.account_ids) AS u (id)) i
 CROSS JOIN LATERAL (SELECT c.chart_code, c.address, c.currency FROM accounts c WHERE c.book_id = $1 AND c.id = i.id LIMIT 1) a
 CROSS JOIN LATERAL (SELECT y.line, y.amount FROM entries y WHERE y.book_id = $1 AND y.account_id = i.id AND y.sequence = h.sequence LIMIT 500) e`

	sqlFacts = sqlFactsHead + `SELECT ` + factColumns + ` FROM transactions x ` + inWindow + ` ORDER BY x.sequence LIMIT 2000` + sqlFactsTail + `
 WHERE $9 OR a.chart_code BETWEEN $6 AND $7 OR a.chart_code = ANY ($8)
 ORDER BY h.sequence, e.line`

	sqlLateFacts = sqlFactsHead + `SELECT ` + factColumns + ` FROM unnest($2::bigint[]) AS k (sequence)
 CROSS JOIN LATERAL (SELECT ` + factColumns + ` FROM transactions x WHERE x.book_id = $1 AND x.sequence = k.sequence AND x.line_count > 0 LIMIT 1) x` + sqlFactsTail + `
 WHERE $6 OR a.chart_code BETWEEN $3 AND $4 OR a.chart_code = ANY ($5)
 ORDER BY h.sequence, e.line`
)

// each hands the entries of each transaction to fn: those that count in the months in the book's order up to the question's sequence,
// and then what is late, month by month. The slice is fn's only until it returns.
func (q *Query) each(ctx context.Context, w walk, fn func(facts []fact) error) error {
	s := span{from: w.from, to: w.to, first: 1, last: q.AtSequence}
	if err := q.begin(ctx, &s); err != nil {
		return err
	}
	for after := s.first - 1; after < s.last; {
		var facts []fact
		next := after
		err := q.read(ctx, func(tx pgx.Tx) (err error) {
			if err := tx.QueryRow(ctx, sqlWindow, q.Book.ID, after, s.last).Scan(&next); err != nil || next == 0 {
				return err
			}
			facts, err = readFacts(ctx, tx, sqlFacts, q.Book.ID, after, next, int32(w.from), int32(w.to), w.rows[0], w.rows[1], w.more, w.whole)
			return err
		})
		if err != nil {
			return err
		}
		if err := w.apart(facts, fn); err != nil {
			return err
		}
		if next == 0 {
			break
		}
		after = next
	}
	if !w.late {
		return nil
	}
	for at, more := (place{period: w.to, sequence: math.MaxInt64}), true; more; {
		var facts []fact
		var window []place
		err := q.read(ctx, func(tx pgx.Tx) (err error) {
			rows, err := tx.Query(ctx, sqlLateWindow, q.Book.ID, int32(at.period), at.sequence, q.AtSequence)
			if err != nil {
				return err
			}
			window, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (p place, err error) { return p, row.Scan(&p.period, &p.sequence) })
			if err != nil || len(window) == 0 {
				return err
			}
			sequences := make([]int64, len(window))
			for i, p := range window {
				sequences[i] = p.sequence
			}
			facts, err = readFacts(ctx, tx, sqlLateFacts, q.Book.ID, sequences, w.rows[0], w.rows[1], w.more, w.whole)
			return err
		})
		if err != nil {
			return err
		}
		if err := w.apart(facts, fn); err != nil {
			return err
		}
		if more = len(window) > 0; more {
			at = window[len(window)-1]
		}
	}
	return nil
}

func readFacts(ctx context.Context, tx pgx.Tx, sql string, args ...any) (facts []fact, err error) {
	rows, err := tx.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (f fact, err error) {
		err = row.Scan(&f.Sequence, &f.Period, &f.Effective, &f.Event, &f.Origin, &f.Happened, &f.Mirror, &f.Line, &f.Code, &f.Account, &f.Currency, &f.Amount)
		return f, err
	})
}

// apart hands the facts to fn, transaction after transaction.
func (w *walk) apart(facts []fact, fn func(facts []fact) error) error {
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
