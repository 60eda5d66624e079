package statements

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/money"
)

// Issuing the statements of months that are over, and finding them again. A statement is made whole before its row is added; if
// somebody else added that row meanwhile, theirs stands.

const (
	statementColumns = `x.id, x.payee, x.currency, x.number, x.kind, x.period, x.from_sequence, x.to_sequence, x.line_count, x.bytes, x.sha256, x.head, x.tail, x.issued_at`

	sqlStatement = `SELECT ` + statementColumns + ` FROM statements x WHERE x.book_id = $1 AND x.payee = $2 AND x.id = $3`

	sqlLast = `
SELECT ` + statementColumns + ` FROM statements x
 WHERE x.book_id = $1 AND x.payee = $2 AND x.currency = $3 ORDER BY x.number DESC LIMIT 1`

	// A list is read without the accounts and orders of each, which may be thousands.
	sqlList = `
SELECT x.id, x.payee, x.currency, x.number, x.kind, x.period, x.from_sequence, x.to_sequence, x.line_count, x.bytes, x.sha256,
       (x.head::jsonb - 'accounts')::text, (x.tail::jsonb - 'nothing_left')::text, x.issued_at
  FROM statements x
 WHERE x.book_id = $1 AND x.payee = $2 AND ($3 = '' OR x.currency = $3) AND ($4 = '' OR (x.currency, -x.number) > ($4, -$5::bigint))
   AND ($7::integer = 0 OR x.period = $7)
 ORDER BY x.currency, x.number DESC LIMIT $6`

	sqlIssue = `
INSERT INTO statements (book_id, payee, currency, number, id, kind, period, from_sequence, to_sequence, previous_number, line_count, bytes, sha256, head, tail, issued_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, nullif($4::bigint - 1, 0), $10, $11, $12, $13, $14, $15)
    ON CONFLICT DO NOTHING`
)

// settles is how long after the end of a month its statement waits: a transaction takes its time before it is there to be read.
const settles = 10 * time.Minute

func scan(row pgx.Row, book ledger.Book) (*Statement, error) {
	s := &Statement{book: book}
	var sum []byte
	var head, tail string
	err := row.Scan(&s.ID, &s.Payee, &s.Currency, &s.Number, &s.Kind, &s.Period, &s.From, &s.To, &s.Lines, &s.Bytes, &sum, &head, &tail, &s.IssuedAt)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, ErrUnknown
	}
	if err != nil {
		return nil, err
	}
	s.IssuedAt, s.SHA256 = s.IssuedAt.UTC(), hexOf(sum)
	return s, s.read(head, tail)
}

// Statement returns a statement that was issued to the payee, or ErrUnknown.
func (s *Service) Statement(ctx context.Context, book ledger.Book, payee, id string) (*Statement, error) {
	return scan(s.pool.QueryRow(ctx, sqlStatement, book.ID, payee, id), book)
}

// Query selects statements of a payee.
type Query struct {
	Payee string
	// Currency is the one wanted; empty for all.
	Currency money.Currency
	// Period is the month wanted; 0 for all.
	Period ledger.Period
	// AfterCurrency and AfterNumber are those of the last statement already seen.
	AfterCurrency money.Currency
	AfterNumber   int64
	// Limit bounds the page, 1 to 1000.
	Limit int
}

// Statements lists those that were issued to a payee, by currency, the last one first; one more than the limit if there are more.
// They come without their accounts and without the orders of which nothing is left: read one by itself to have its lines made.
func (s *Service) Statements(ctx context.Context, book ledger.Book, q Query) (list []*Statement, err error) {
	err = s.pool.ReadTx(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, sqlList, book.ID, q.Payee, string(q.Currency), string(q.AfterCurrency), q.AfterNumber, min(max(q.Limit, 1), 1000)+1, q.Period)
		if err != nil {
			return err
		}
		list, err = pgx.CollectRows(rows, func(r pgx.CollectableRow) (*Statement, error) { return scan(r, book) })
		return err
	})
	return list, err
}

// Last returns the last statement that was issued to a payee in a currency, or ErrUnknown.
func (s *Service) Last(ctx context.Context, book ledger.Book, payee string, c money.Currency) (*Statement, error) {
	return scan(s.pool.QueryRow(ctx, sqlLast, book.ID, payee, string(c)), book)
}

// Issue issues the next statement of a payee in a currency whose month is over, and returns it; nil if there is none to issue. A month
// without any line has no statement: the next one begins where the last one ended all the same.
//
// Errors: ErrChanged if the books do not begin with what the last one closed with.
func (s *Service) Issue(ctx context.Context, book ledger.Book, payee string, c money.Currency) (*Statement, error) {
	st, last, list, err := s.due(ctx, book, payee, c)
	if err != nil || st == nil {
		return nil, err
	}
	before, err := s.heldAt(ctx, book, list, st.From)
	if err != nil {
		return nil, err
	}
	if err := last.follows(list, before); err != nil {
		return nil, err
	}
	after, err := s.heldAt(ctx, book, list, st.To)
	if err != nil {
		return nil, err
	}
	st.between(list, before, after)
	if err := st.write(); err != nil {
		return nil, err
	}
	if err := s.seal(ctx, st); err != nil {
		return nil, err
	}
	return st, s.keep(ctx, st)
}

// follows holds what the accounts held where the statement ended against what it closes with: each entry up to there was told, and none
// came or went since. Before the first statement, which is nil, there are none.
func (s *Statement) follows(list []account, before map[int32]holding) error {
	closed := map[ledger.Address]holding{}
	if s != nil {
		for _, span := range s.Accounts {
			closed[span.Account] = holding{span.Closing, span.ToVersion}
		}
	}
	for _, a := range list {
		if before[a.id] != closed[a.address] {
			return fmt.Errorf("%w: the last statement closes with something else on %s", ErrChanged, a.address)
		}
		delete(closed, a.address)
	}
	if len(closed) > 0 {
		return fmt.Errorf("%w: an account of the last statement is gone", ErrChanged)
	}
	return nil
}

// due is the next statement of a payee, without what it comes to, with the last one and the accounts; nil if no month with a line is over.
func (s *Service) due(ctx context.Context, book ledger.Book, payee string, c money.Currency) (st, last *Statement, list []account, err error) {
	st = &Statement{ID: newID(), Number: 1, Payee: payee, Currency: c, Kind: Month, IssuedAt: s.now(), book: book}
	last, err = s.Last(ctx, book, payee, c)
	switch {
	case err == nil:
		st.Number, st.From, st.Previous, st.PreviousSHA256 = last.Number+1, last.To, last.ID, last.SHA256
	case !errors.Is(err, ErrUnknown):
		return nil, nil, nil, err
	}
	over, err := s.recordedBefore(ctx, book, s.now().Add(-settles))
	if err != nil {
		return nil, nil, nil, err
	}
	list, err = s.accounts(ctx, book, payee, c)
	if err != nil {
		return nil, nil, nil, err
	}
	if list, err = s.told(ctx, book, list, st.From); err != nil {
		return nil, nil, nil, err
	}
	first, err := s.next(ctx, book, list, st.From, over, 1)
	if err != nil || len(first) == 0 {
		return nil, nil, nil, err
	}
	at, err := s.recordedAt(ctx, book, first[0])
	if err != nil {
		return nil, nil, nil, err
	}
	if st.Period = ledger.PeriodOf(at, book.Location()); last != nil {
		st.Period = max(st.Period, last.Period.Next()) // what was recorded late by a slow clock is told with the month after
	}
	year, month := int(st.Period/100), time.Month(st.Period%100)
	end := book.DayBegins(year, month+1, 1)
	if s.now().Before(end.Add(settles)) {
		return nil, nil, nil, nil
	}
	st.FirstDay, st.LastDay = time.Date(year, month, 1, 0, 0, 0, 0, time.UTC).Format(time.DateOnly), time.Date(year, month+1, 0, 0, 0, 0, 0, time.UTC).Format(time.DateOnly)
	st.To, err = s.recordedBefore(ctx, book, end)
	return st, last, list, err
}

// keep adds the row. The statement is then as it stands, whoever added it.
func (s *Service) keep(ctx context.Context, st *Statement) error {
	sum, err := hex.DecodeString(st.SHA256)
	if err != nil {
		return err
	}
	tail, err := st.tail()
	if err != nil {
		return err
	}
	issued := false
	err = s.pool.TxRetry(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, sqlIssue, st.book.ID, st.Payee, string(st.Currency), st.Number, st.ID, string(st.Kind), int32(st.Period), st.From, st.To,
			st.Lines, st.Bytes, sum, string(st.head), string(tail), st.IssuedAt)
		issued = err == nil && tag.RowsAffected() == 1
		return err
	})
	if err != nil || issued {
		return err
	}
	theirs, err := s.Last(ctx, st.book, st.Payee, st.Currency)
	if err == nil {
		*st = *theirs
	}
	return err
}
