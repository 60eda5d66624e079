package reconcile

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"math/big"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"mizan/ledger"
	"mizan/ledger/money"
	"mizan/ledger/postgres"
)

// Making control totals, keeping closings, and proving them again later.

const (
	closingColumns = `
SELECT c.number, c.act, c.period, c.at_sequence, c.document, c.totals, c.previous, c.hash, c.preparer, c.approver, c.approval, c.reason, c.recorded_at
  FROM period_closings c`

	sqlClosings      = closingColumns + ` WHERE c.book_id = $1 AND c.number > $2 ORDER BY c.number LIMIT $3`
	sqlClosingsBack  = closingColumns + ` WHERE c.book_id = $1 AND ($2 = 0 OR c.number < $2) ORDER BY c.number DESC LIMIT $3`
	sqlClosingsDown  = closingColumns + ` WHERE c.book_id = $1 ORDER BY c.number DESC LIMIT 1`
	sqlClosingsOf    = closingColumns + ` WHERE c.book_id = $1 AND c.period = $2 ORDER BY c.number DESC LIMIT $3`
	sqlMonthClosings = closingColumns + ` WHERE c.book_id = $1 AND c.period = $2 AND c.number > $3 ORDER BY c.number LIMIT $4`

	// The chain alone: of a document only its hash, by which its row can be computed again.
	chainColumns = `
SELECT c.number, c.act, c.period, c.at_sequence, sha256(convert_to(c.document, 'UTF8')), c.totals, c.previous, c.hash, c.preparer, c.approver, c.approval, c.reason, c.recorded_at
  FROM period_closings c`
	sqlChain     = chainColumns + ` WHERE c.book_id = $1 AND c.number > $2 ORDER BY c.number LIMIT $3`
	sqlChainBack = chainColumns + ` WHERE c.book_id = $1 AND c.number < $2 ORDER BY c.number DESC LIMIT $3`
	// The newest row of each month.
	sqlLastClosings = `
SELECT c.number, c.act, c.period, c.at_sequence, sha256(convert_to(c.document, 'UTF8')), c.totals, c.previous, c.hash, c.preparer, c.approver, c.approval, c.reason, c.recorded_at
  FROM unnest($2::int[]) u (period)
 CROSS JOIN LATERAL (SELECT x.* FROM period_closings x WHERE x.book_id = $1 AND x.period = u.period ORDER BY x.number DESC LIMIT 1) c
 ORDER BY c.period`

	// The last close of a month, whatever came after it.
	sqlLastClose = closingColumns + ` WHERE c.book_id = $1 AND c.period = $2 AND c.act = 'close' ORDER BY c.number DESC LIMIT 1`

	// The months that stand closed: those whose last row is a close.
	sqlClosedMonths = `
SELECT m.period FROM (SELECT DISTINCT ON (c.period) c.period, c.act FROM period_closings c WHERE c.book_id = $1 ORDER BY c.period, c.number DESC) m
 WHERE m.act = 'close' ORDER BY m.period LIMIT 12000`

	sqlInsertClosing = `
INSERT INTO period_closings (book_id, number, act, period, at_sequence, document, totals, previous, hash, preparer, approver, approval, reason, recorded_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`

	// The first transaction of a stretch of the book that counts in a month that was closed then.
	sqlPostedClosed = `
SELECT t.sequence, t.period FROM transactions t
 WHERE t.book_id = $1 AND t.sequence > $2 AND t.sequence <= $3 AND t.period < $4
 ORDER BY t.sequence LIMIT 1`
)

const (
	// maxTaxAccounts bounds the accounts of taxes that a closing lists.
	maxTaxAccounts = 10_000
	// maxMonths bounds the months that one close can take with it.
	maxMonths = 1_200
	// closingPage is how many rows of the chain are read at a time, closingStretch how many transactions.
	closingPage    = 20
	accountsPage   = 1_000
	closingStretch = 100_000
)

// taxPrefixes are where the accounts of tax offices stand.
var taxPrefixes = []string{"assets:tax:input:", "liabilities:tax:"}

// controlTotals makes the totals of a month. With a context of Within they are those of the transaction; otherwise they are read
// bit by bit, and may not be of one moment while the month is posted to.
func (s *Service) controlTotals(ctx context.Context, book ledger.Book, period ledger.Period) (*ControlTotals, error) {
	t := &ControlTotals{Period: period.String(), Rows: []ControlRow{}, Taxes: []TaxTotal{}}
	tb, err := s.ledger.TrialBalance(ctx, book, period)
	if err != nil {
		return nil, err
	}
	for _, r := range tb.Rows {
		closing := r.Closing()
		if r.Debits.Sign() != 0 || r.Credits.Sign() != 0 || closing.Sign() != 0 {
			t.Rows = append(t.Rows, ControlRow{string(r.Account), r.Currency, bigAmount(r.Debits, r.Currency), bigAmount(r.Credits, r.Currency), bigAmount(closing, r.Currency)})
		}
	}
	err = s.eachAccount(ctx, book, period, taxPrefixes, maxTaxAccounts, func(r ledger.TrialRow) {
		opening, closing := new(big.Int).Neg(r.Opening), new(big.Int).Neg(r.Closing())
		if r.Debits.Sign() != 0 || r.Credits.Sign() != 0 || closing.Sign() != 0 {
			t.Taxes = append(t.Taxes, TaxTotal{string(r.Account), r.Currency, bigAmount(opening, r.Currency), bigAmount(r.Credits, r.Currency),
				bigAmount(r.Debits, r.Currency), bigAmount(closing, r.Currency)})
		}
	})
	return t, err
}

// totalsAtOnce makes the totals of a month as they are at one moment.
func (s *Service) totalsAtOnce(ctx context.Context, book ledger.Book, period ledger.Period) (t *ControlTotals, err error) {
	err = s.pool.ReadTx(ctx, func(tx pgx.Tx) error {
		t, err = s.controlTotals(postgres.Within(ctx, tx), book, period)
		return err
	})
	return t, err
}

// eachAccount reads the accounts below the prefixes as they stand in a month, in order.
func (s *Service) eachAccount(ctx context.Context, book ledger.Book, period ledger.Period, prefixes []string, most int, each func(ledger.TrialRow)) error {
	read := 0
	for _, prefix := range prefixes {
		after, currency := ledger.Address(""), money.Currency("")
		for more := true; more; {
			page, err := s.ledger.TrialBalanceBelow(ctx, book, period, prefix, after, currency, accountsPage)
			if err != nil {
				return err
			}
			more = page.More
			for _, r := range page.Rows {
				if read++; read > most {
					return ErrClosingLarge
				}
				after, currency = r.Account, r.Currency
				each(r)
			}
		}
	}
	return nil
}

// bigAmount is an exact decimal string; sums over many accounts may pass 64 bits.
func bigAmount(n *big.Int, c money.Currency) Amount {
	if n.IsInt64() {
		return Amount(money.Minor(n.Int64()).Format(c))
	}
	digits := new(big.Int).Abs(n).String()
	if d := c.Digits(); d > 0 {
		digits = digits[:len(digits)-d] + "." + digits[len(digits)-d:]
	}
	if n.Sign() < 0 {
		digits = "-" + digits
	}
	return Amount(digits)
}

// scanClosing reads a row of the chain with its document, or without one if the fifth column is the hash of it.
func scanClosing(row pgx.CollectableRow) (c Closing, err error) {
	var document *string
	var sum, totals, previous, hash []byte
	of := any(&document)
	if row.FieldDescriptions()[4].DataTypeOID == pgtype.ByteaOID {
		of = &sum
	}
	err = row.Scan(&c.Number, &c.Act, &c.Period, &c.AtSequence, of, &totals, &previous, &hash, &c.Preparer, &c.Approver, &c.Approval, &c.Reason, &c.RecordedAt)
	if document != nil {
		c.Document, c.DocumentSum = []byte(*document), sha256.Sum256([]byte(*document))
	}
	c.RecordedAt = c.RecordedAt.UTC()
	copy(c.DocumentSum[:], sum)
	copy(c.Totals[:], totals)
	copy(c.Previous[:], previous)
	copy(c.Hash[:], hash)
	return c, err
}

func (s *Service) readClosings(ctx context.Context, sql string, args ...any) ([]Closing, error) {
	rows, err := s.pool.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanClosing)
}

// Closings returns up to limit rows of a book's chain, at most 100, after the one of the number, oldest first.
func (s *Service) Closings(ctx context.Context, book ledger.Book, after, limit int) ([]Closing, error) {
	return s.readClosings(ctx, sqlClosings, book.ID, after, min(max(limit, 1), 100))
}

// NewestClosings returns up to limit rows of a book's chain, at most 100, before the one of the number, the newest first: the newest of all
// for 0.
func (s *Service) NewestClosings(ctx context.Context, book ledger.Book, before, limit int) ([]Closing, error) {
	return s.readClosings(ctx, sqlClosingsBack, book.ID, before, min(max(limit, 1), 100))
}

// Chain returns up to limit rows of a book's chain, at most 1,000, after the one of the number, oldest first and without documents.
// Whoever keeps them can compute every hash again, and needs nobody to believe.
func (s *Service) Chain(ctx context.Context, book ledger.Book, after, limit int) ([]Closing, error) {
	return s.readClosings(ctx, sqlChain, book.ID, after, min(max(limit, 1), 1000))
}

// LatestChain is Chain from the end: the rows before the one of the number, the newest first; 0 stands for all of them.
func (s *Service) LatestChain(ctx context.Context, book ledger.Book, before, limit int) ([]Closing, error) {
	if before == 0 {
		before = math.MaxInt32
	}
	return s.readClosings(ctx, sqlChainBack, book.ID, before, min(max(limit, 1), 1000))
}

// LastClosings returns the newest row of each of the months that have one, at most 1,000 of them, by month and without documents.
func (s *Service) LastClosings(ctx context.Context, book ledger.Book, months []ledger.Period) ([]Closing, error) {
	return s.readClosings(ctx, sqlLastClosings, book.ID, months[:min(len(months), 1000)])
}

// MonthClosings returns up to limit rows of one month, at most 20, after the one of the number, oldest first.
func (s *Service) MonthClosings(ctx context.Context, book ledger.Book, period ledger.Period, after, limit int) ([]Closing, error) {
	return s.readClosings(ctx, sqlMonthClosings, book.ID, period, after, min(max(limit, 1), closingPage))
}

// ClosingsOf returns the rows of one month, the newest first, at most 100.
func (s *Service) ClosingsOf(ctx context.Context, book ledger.Book, period ledger.Period) ([]Closing, error) {
	return s.readClosings(ctx, sqlClosingsOf, book.ID, period, 100)
}

// lastClose is the last close of a month, nil if there is none.
func (s *Service) lastClose(ctx context.Context, book ledger.Book, period ledger.Period) (*Closing, error) {
	list, err := s.readClosings(ctx, sqlLastClose, book.ID, period)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return &list[0], nil
}

// closedMonths are the months that stand closed by the chain, in order.
func (s *Service) closedMonths(ctx context.Context, book ledger.Book) ([]ledger.Period, error) {
	rows, err := s.pool.Query(ctx, sqlClosedMonths, book.ID)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[ledger.Period])
}

// chainBegun reports whether the book's chain has a row.
func (s *Service) chainBegun(ctx context.Context, book ledger.Book) (bool, error) {
	list, err := s.readClosings(ctx, sqlClosingsDown, book.ID)
	return len(list) > 0, err
}

// monthsToClose are the months that closing one closes, in order: it, and those before it that hold postings and are open. The
// first close of a chain gives a row to every month before it that holds postings, also where it was closed before there was one.
func (s *Service) monthsToClose(ctx context.Context, book ledger.Book, period, open ledger.Period) (list []ledger.Period, first bool, err error) {
	begun, err := s.chainBegun(ctx, book)
	if err != nil {
		return nil, false, err
	}
	held, err := s.ledger.Periods(ctx, book)
	if err != nil {
		return nil, false, err
	}
	for _, p := range held {
		if p < period && (!begun || p >= open) {
			list = append(list, p)
		}
	}
	slices.Sort(list)
	if len(list) >= maxMonths {
		return nil, false, ErrClosingLarge.With("More months would be closed at once than one closing can hold. Close an earlier month first.")
	}
	return append(list, period), !begun, nil
}

// appendClosing adds a row to the chain inside the transaction, which has the book locked, and completes it.
func (s *Service) appendClosing(ctx context.Context, tx pgx.Tx, book ledger.Book, c *Closing, document closingDocument) error {
	last, err := s.readClosings(postgres.Within(ctx, tx), sqlClosingsDown, book.ID)
	if err != nil {
		return err
	}
	c.Number, c.RecordedAt = 1, s.now()
	if len(last) == 1 {
		c.Number, c.Previous = last[0].Number+1, last[0].Hash
		if c.RecordedAt.Before(last[0].RecordedAt) { // clocks differ a little, and the chain never runs backwards
			c.RecordedAt = last[0].RecordedAt
		}
	}
	c.Totals, c.Document = sha256.Sum256(document.Totals), closingJSON(document)
	c.DocumentSum = sha256.Sum256(c.Document)
	c.Hash = c.sum(book)
	_, err = tx.Exec(ctx, sqlInsertClosing, book.ID, c.Number, c.Act, c.Period, c.AtSequence, string(c.Document), c.Totals[:], c.Previous[:], c.Hash[:],
		c.Preparer, c.Approver, c.Approval, c.Reason, c.RecordedAt)
	return err
}

// VerifyClosings proves a book's closings: the chain is whole and unchanged, every month that stands closed still comes to the
// control totals that it was closed with, and nothing was posted into a month while it was closed (I19). It reads every header
// after the first close once, a stretch at a time.
func (s *Service) VerifyClosings(ctx context.Context, book ledger.Book) (*ClosingsReport, error) {
	report := &ClosingsReport{}
	state := &chainState{closed: map[ledger.Period]Closing{}}
	for {
		rows, err := s.Closings(ctx, book, state.last.Number, closingPage)
		if err != nil {
			return nil, err
		}
		for _, c := range rows {
			if state.last.Number > 0 && state.open > 0 {
				if err := s.proveQuiet(ctx, book, state.last.AtSequence, c.AtSequence, state.open, report); err != nil {
					return nil, err
				}
			}
			number := state.last.Number
			if state.check(book, c, report); c.Number <= number {
				return nil, errors.New("reconcile: closings are not in order")
			}
		}
		if len(rows) < closingPage {
			break
		}
	}
	report.Head, report.Closed = state.last.Hash, len(state.closed)
	if report.Rows == 0 {
		return report, nil
	}
	return report, s.proveClosed(ctx, book, state, report)
}

// proveClosed compares the months that stand closed, and what was posted since the last row.
func (s *Service) proveClosed(ctx context.Context, book ledger.Book, state *chainState, report *ClosingsReport) error {
	periods := make([]ledger.Period, 0, len(state.closed))
	for p := range state.closed {
		periods = append(periods, p)
	}
	slices.Sort(periods)
	for _, p := range periods {
		if err := s.proveMonth(ctx, book, state.closed[p], report); err != nil {
			return err
		}
	}
	head, moved, err := s.headAndLast(ctx, book, state.last.Number)
	switch {
	case err != nil || moved: // the chain went on meanwhile: what follows is the next verification's
		return err
	case head.FirstOpenPeriod != state.open:
		report.bad(state.last.Number, state.open, 0, fmt.Sprintf("the first open month of the book is %s, and by the chain it is %s", head.FirstOpenPeriod, state.open))
	}
	return s.proveQuiet(ctx, book, state.last.AtSequence, head.LastSequence, state.open, report)
}

// headAndLast reads the book's head, and whether the chain has gone beyond a row, at one moment.
func (s *Service) headAndLast(ctx context.Context, book ledger.Book, number int) (head ledger.BookHead, moved bool, err error) {
	err = s.pool.ReadTx(ctx, func(tx pgx.Tx) error {
		in := postgres.Within(ctx, tx)
		if head, err = s.ledger.Head(in, book); err != nil {
			return err
		}
		last, err := s.readClosings(in, sqlClosingsDown, book.ID)
		moved = len(last) != 1 || last[0].Number != number
		return err
	})
	return head, moved, err
}

// proveMonth makes a closed month's totals again, unless it was reopened meanwhile.
func (s *Service) proveMonth(ctx context.Context, book ledger.Book, c Closing, report *ClosingsReport) error {
	return s.pool.ReadTx(ctx, func(tx pgx.Tx) error {
		in := postgres.Within(ctx, tx)
		last, err := s.readClosings(in, sqlClosingsOf, book.ID, c.Period, 1)
		if err != nil || len(last) != 1 || last[0].Number != c.Number {
			return err
		}
		now, err := s.controlTotals(in, book, c.Period)
		if err != nil {
			return err
		}
		is := now.render()
		was, err := totalsOf(c.Document)
		if err != nil {
			return nil // found already: the hash is not that of the totals
		}
		if sha256.Sum256(is) != c.Totals {
			for _, line := range compareTotals(was, is) {
				report.bad(c.Number, c.Period, 0, "the month is not what it was when it was closed: "+line)
			}
		}
		return nil
	})
}

// proveQuiet looks for the first transaction in (from, to] that counts in a month before the first open one.
func (s *Service) proveQuiet(ctx context.Context, book ledger.Book, from, to int64, open ledger.Period, report *ClosingsReport) error {
	for low := from; low < to; low += closingStretch {
		var sequence int64
		var period ledger.Period
		err := s.pool.ReadTx(ctx, func(tx pgx.Tx) error {
			return tx.QueryRow(ctx, sqlPostedClosed, book.ID, low, min(low+closingStretch, to), open).Scan(&sequence, &period)
		})
		switch {
		case errors.Is(err, pgx.ErrNoRows):
		case err != nil:
			return err
		default:
			report.bad(0, period, sequence, "the transaction counts in a month that was closed when it was posted")
			return nil
		}
	}
	return nil
}

// basis is what the close of a month rests on, read inside its transaction.
func (s *Service) basis(ctx context.Context, book ledger.Book, period ledger.Period, plan *closePlan) (*closingBasis, error) {
	b := &closingBasis{Rules: plan.rules.Version, Runs: []basisRun{}, Breaks: []basisBreaks{}, CoverageAt: plan.seen.at, Accepted: plan.accepted}
	for _, m := range plan.matches {
		if m.number > 0 {
			b.Runs = append(b.Runs, basisRun{m.match, m.name, m.run, m.number, m.cutOff.UTC(), hex.EncodeToString(m.digest)})
		}
	}
	groups := plan.groups
	if period != plan.Period {
		var err error
		if groups, err = s.openBreaks(ctx, book, period); err != nil {
			return nil, err
		}
	}
	for _, g := range groups {
		b.Breaks = append(b.Breaks, basisBreaks{g.match, g.class, g.state, g.currency, g.count, bigAmount(g.amount, g.currency), bigAmount(g.suspense, g.currency)})
	}
	return b, nil
}
