package reports

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/money"
)

// Entries of accounts in their order, a page at a time.

// entry is an entry with what its transaction says.
type entry struct {
	account     int32
	sequence    int64
	line        int
	amount      money.Minor
	period      ledger.Period
	recordedAt  time.Time
	event       string
	reference   string
	subject     string
	externalRef string
}

// accountWalk is a way along an account's entries.
type accountWalk struct {
	of *account
	// after and line name the last entry seen, until the last transaction wanted.
	after int64
	line  int
	until int64
}

const (
	// maxLine is beyond the lines of any transaction.
	maxLine = 1_000
	// entriesAtATime bounds a page of entries.
	entriesAtATime = 5_000
)

const sqlWalk = `
SELECT k.id, e.sequence, e.line, e.amount, t.period, t.recorded_at, t.event, t.reference, coalesce(t.subject, ''), coalesce(e.external_ref, '')
  FROM unnest($2::integer[], $3::bigint[], $4::integer[], $5::bigint[]) WITH ORDINALITY AS k (id, after, line, until, n)
 CROSS JOIN LATERAL (SELECT x.sequence, x.line, x.amount, x.external_ref FROM entries x
                      WHERE x.book_id = $1 AND x.account_id = k.id AND x.sequence >= k.after AND (x.sequence, x.line) > (k.after, k.line) AND x.sequence <= k.until
                      ORDER BY x.sequence, x.line LIMIT $6) e
 CROSS JOIN LATERAL (SELECT h.period, h.recorded_at, h.event, h.reference, h.subject FROM transactions h
                      WHERE h.book_id = $1 AND h.sequence = e.sequence LIMIT 1) t
 ORDER BY k.n, e.sequence, e.line`

// step reads the next entries of each walk, at most each of them, in the order of the walks.
func (q *Query) step(ctx context.Context, walks []accountWalk, each int) (found []entry, err error) {
	ids, after, lines, until := make([]int32, len(walks)), make([]int64, len(walks)), make([]int32, len(walks)), make([]int64, len(walks))
	for i, w := range walks {
		ids[i], after[i], lines[i], until[i] = w.of.id, w.after, int32(w.line), w.until // #nosec G115 -- a transaction has 500 lines at most
	}
	err = q.read(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, sqlWalk, q.Book.ID, ids, after, lines, until, each)
		if err != nil {
			return err
		}
		found, err = pgx.CollectRows(rows, func(r pgx.CollectableRow) (e entry, err error) {
			err = r.Scan(&e.account, &e.sequence, &e.line, &e.amount, &e.period, &e.recordedAt, &e.event, &e.reference, &e.subject, &e.externalRef)
			return e, err
		})
		return err
	})
	return found, err
}

// walkAll hands the entries of all walks to fn, walk after walk. Most accounts have few entries, so a page serves many of them; who
// has more than his share of it is walked alone.
func (q *Query) walkAll(ctx context.Context, walks []accountWalk, fn func(*account, entry) error) error {
	const share = 20
	for len(walks) > 0 {
		n := min(len(walks), entriesAtATime/share)
		found, err := q.step(ctx, walks[:n], share)
		if err != nil {
			return err
		}
		for _, w := range walks[:n] {
			seen := 0
			for ; seen < len(found) && found[seen].account == w.of.id; seen++ {
				e := found[seen]
				w.after, w.line = e.sequence, e.line
				if err := fn(w.of, e); err != nil {
					return err
				}
			}
			found = found[seen:]
			if seen == share {
				if err := q.walkOne(ctx, w, fn); err != nil {
					return err
				}
			}
		}
		walks = walks[n:]
	}
	return nil
}

func (q *Query) walkOne(ctx context.Context, w accountWalk, fn func(*account, entry) error) error {
	for {
		found, err := q.step(ctx, []accountWalk{w}, entriesAtATime)
		if err != nil {
			return err
		}
		for _, e := range found {
			w.after, w.line = e.sequence, e.line
			if err := fn(w.of, e); err != nil {
				return err
			}
		}
		if len(found) < entriesAtATime {
			return nil
		}
	}
}
