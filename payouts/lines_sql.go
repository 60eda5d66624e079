package payouts

import (
	"context"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/money"
)

// The lines of a payout: which money it pays, and what it set off. Nothing about them is stored. The account's credits are
// used up in their order, first by its debits; so a payout pays the credits that lie between what was used up before it and
// what is used up with it, the first and the last perhaps in part, less the debits between the payout before and itself.
//
// With F used up before, T used up with it, and G taken by the payout itself: the credits between F and T are T-F, the
// debits between F and T-G are T-G-F, and the difference is G.

const (
	// The first entry that brings the account's credits above a sum, found by halving: each step is one probe.
	sqlFirstAbove = `
WITH RECURSIVE search (low, high) AS (
    SELECT 0::bigint, $3::bigint
  UNION ALL
    SELECT CASE WHEN m.credits > $4 THEN s.low ELSE (s.low + s.high) / 2 END, CASE WHEN m.credits > $4 THEN (s.low + s.high) / 2 ELSE s.high END
      FROM search s
     CROSS JOIN LATERAL (SELECT coalesce((SELECT e.debits_after - e.balance_after FROM entries e
                                           WHERE e.book_id = $1 AND e.account_id = $2 AND e.sequence <= (s.low + s.high) / 2
                                           ORDER BY e.sequence DESC, e.line DESC LIMIT 1), 0) AS credits) m
     WHERE s.high - s.low > 1)
SELECT min(s.high) FROM search s`

	sqlLines = `
SELECT e.sequence, e.line, e.amount, e.debits_after, e.debits_after - e.balance_after, t.event, coalesce(t.subject, ''), t.occurred_at
  FROM (SELECT x.sequence, x.line, x.amount, x.debits_after, x.balance_after FROM entries x
         WHERE x.book_id = $1 AND x.account_id = $2 AND (x.sequence, x.line) > ($3, $4) AND x.sequence >= $3 AND x.sequence < $5
         ORDER BY x.sequence, x.line LIMIT $6) e
 CROSS JOIN LATERAL (SELECT y.event, y.subject, y.occurred_at FROM transactions y WHERE y.book_id = $1 AND y.sequence = e.sequence LIMIT 1) t
 ORDER BY e.sequence, e.line`
	sqlUsedUpTo = `
SELECT e.debits_after, e.debits_after - e.balance_after FROM entries e
 WHERE e.book_id = $1 AND e.account_id = $2 AND e.sequence <= $3 ORDER BY e.sequence DESC, e.line DESC LIMIT 1`
	sqlCreatedBefore = `SELECT p.created_sequence, p.left_after FROM payouts p WHERE p.book_id = $1 AND p.account_id = $2 AND p.number = $3`
)

// LinePage is a page of lines.
type LinePage struct {
	Lines []Line
	// More says that there are further lines; AfterSequence and AfterLine are where to go on.
	More          bool
	AfterSequence int64
	AfterLine     int
}

// backEvents bring the money of a payout back to the account that it left.
var backEvents = []string{"payout.cancelled", "payout.failed", "payout.returned", "payout.pulled_back"}

// Lines returns a page of a payout's lines, in the order of the ledger, after an entry; zero is the beginning. A page can have
// fewer lines than the limit, and more can follow: entries that belong to the payouts before and after are passed over. It
// returns ErrPayoutUnknown.
func (s *Service) Lines(ctx context.Context, book ledger.Book, id string, afterSequence int64, afterLine, limit int) (page LinePage, err error) {
	err = s.pool.ReadTx(ctx, func(tx pgx.Tx) error {
		p, err := onePayout(ctx, tx, sqlPayout, book.ID, id)
		if err != nil {
			return err
		}
		if afterSequence == 0 {
			if afterSequence, err = beginningTx(ctx, tx, book, p); err != nil {
				return err
			}
		}
		page, err = linesTx(ctx, tx, book, p, afterSequence, afterLine, pageOf(limit))
		return err
	})
	return page, err
}

// beginningTx is the sequence after which the payout's lines begin: that of the payout before, or earlier if that one left
// credits behind.
func beginningTx(ctx context.Context, tx pgx.Tx, book ledger.Book, p Payout) (after int64, err error) {
	if p.Number == 1 {
		return 0, nil
	}
	var left money.Minor
	if err := tx.QueryRow(ctx, sqlCreatedBefore, book.ID, p.Account, p.Number-1).Scan(&after, &left); err != nil || left == 0 {
		return after, err
	}
	var first int64
	if err := tx.QueryRow(ctx, sqlFirstAbove, book.ID, p.Account, p.CreatedSequence, p.ConsumedFrom).Scan(&first); err != nil {
		return 0, err
	}
	return min(after, first-1), nil
}

// linesTx reads a page of entries and takes the payout's lines from them.
func linesTx(ctx context.Context, tx pgx.Tx, book ledger.Book, p Payout, afterSequence int64, afterLine, limit int) (page LinePage, err error) {
	if afterLine == 0 { // after the whole transaction that ends the payout before
		afterLine = maxLine
	}
	rows, err := tx.Query(ctx, sqlLines, book.ID, p.Account, afterSequence, afterLine, p.CreatedSequence, limit+1)
	if err != nil {
		return page, err
	}
	scanned := 0
	_, err = pgx.CollectRows(rows, func(r pgx.CollectableRow) (struct{}, error) {
		var l Line
		var amount, debits, credits money.Minor
		if err := r.Scan(&l.Sequence, &l.EntryLine, &amount, &debits, &credits, &l.Event, &l.Subject, &l.OccurredAt); err != nil {
			return struct{}{}, err
		}
		if scanned++; scanned > limit {
			page.More = true
			return struct{}{}, nil
		}
		page.AfterSequence, page.AfterLine = l.Sequence, l.EntryLine
		l.Entry, l.OccurredAt = -amount, l.OccurredAt.UTC()
		if l.Amount = p.share(amount, debits, credits); l.Amount != 0 {
			l.Settles = settled(l)
			page.Lines = append(page.Lines, l)
		}
		return struct{}{}, nil
	})
	return page, err
}

// maxLine is above every line of a transaction.
const maxLine = 32_000

// share is what of an entry belongs to the payout: of a credit what lies between what was used up before and with it, of a
// debit all of it or nothing.
func (p *Payout) share(amount, debits, credits money.Minor) money.Minor {
	if amount < 0 {
		return max(0, min(credits, p.ConsumedThrough)-max(credits+amount, p.ConsumedFrom))
	}
	if debits > p.ConsumedFrom && debits <= p.ConsumedThrough-p.Gross() {
		return -amount
	}
	return 0
}

// settled is the payout whose money came back with a line.
func settled(l Line) string {
	id, is := strings.CutPrefix(l.Subject, "payout:")
	if !is || l.Entry < 0 {
		return ""
	}
	for _, event := range backEvents {
		if l.Event == event {
			return id
		}
	}
	return ""
}

// PaidUpTo is what a payout's lines come to up to a transaction, that one included: the sum that the line after it starts from.
func (s *Service) PaidUpTo(ctx context.Context, book ledger.Book, p Payout, sequence int64) (sum money.Minor, err error) {
	if sequence <= 0 {
		return 0, nil
	}
	err = s.pool.ReadTx(ctx, func(tx pgx.Tx) error {
		var debits, credits money.Minor
		err := tx.QueryRow(ctx, sqlUsedUpTo, book.ID, p.Account, min(sequence, p.CreatedSequence-1)).Scan(&debits, &credits)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		sum = between(credits, p.ConsumedFrom, p.ConsumedThrough) - between(debits, p.ConsumedFrom, p.ConsumedThrough-p.Gross())
		return err
	})
	return sum, err
}

// between is how much of what was counted up to n lies above from, and at most up to to.
func between(n, from, to money.Minor) money.Minor { return max(0, min(n, to)-from) }
