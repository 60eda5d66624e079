package earnings

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
)

const (
	sqlOpenCursor = `INSERT INTO earnings_cursors (book_id, version, rebuilding_to) SELECT b.id, $2, b.last_sequence FROM books b WHERE b.id = $1 ON CONFLICT DO NOTHING`
	sqlCursor     = `SELECT c.version, c.sequence, c.clearing FROM earnings_cursors c WHERE c.book_id = $1`
	// Only whoever moves the cursor on from where the page began adds the page.
	sqlMoveCursor = `UPDATE earnings_cursors SET sequence = $3 WHERE book_id = $1 AND sequence = $2 AND version = $4 AND NOT clearing`
	sqlBeginClear = `UPDATE earnings_cursors c SET version = greatest(c.version, $2), sequence = 0, rebuilding_to = b.last_sequence, clearing = true FROM books b WHERE b.id = $1 AND c.book_id = $1 AND c.version <= $2`
	sqlHoldCursor = `SELECT c.clearing FROM earnings_cursors c WHERE c.book_id = $1 FOR UPDATE`
	sqlEndClear   = `UPDATE earnings_cursors SET clearing = false WHERE book_id = $1`

	sqlClear = `
DELETE FROM earnings e
 USING (SELECT x.kind, x.payee, x.currency, x.dimension, x.day, x.key FROM earnings x WHERE x.book_id = $1
         ORDER BY x.kind, x.payee, x.currency, x.dimension, x.day, x.key LIMIT $2) k
 WHERE e.book_id = $1 AND e.kind = k.kind AND e.payee = k.payee AND e.currency = k.currency AND e.dimension = k.dimension AND e.day = k.day AND e.key = k.key`

	sqlAdd = `
INSERT INTO earnings AS e (book_id, kind, payee, currency, dimension, day, key, sales, returns, earned, given_back, fees, shared, withheld, adjusted, paid)
SELECT $1, k.kind, k.payee, k.currency, k.dimension, k.day, k.key, k.sales, k.returns, k.earned, k.given_back, k.fees, k.shared, k.withheld, k.adjusted, k.paid
  FROM unnest($2::text[], $3::text[], $4::text[], $5::smallint[], $6::date[], $7::text[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[],
       $13::bigint[], $14::bigint[], $15::bigint[], $16::bigint[])
    AS k (kind, payee, currency, dimension, day, key, sales, returns, earned, given_back, fees, shared, withheld, adjusted, paid)
    ON CONFLICT ON CONSTRAINT earnings_pkey DO UPDATE
   SET sales = e.sales + excluded.sales, returns = e.returns + excluded.returns, earned = e.earned + excluded.earned, given_back = e.given_back + excluded.given_back,
       fees = e.fees + excluded.fees, shared = e.shared + excluded.shared, withheld = e.withheld + excluded.withheld, adjusted = e.adjusted + excluded.adjusted,
       paid = e.paid + excluded.paid`
)

// cursor is how far the sums of a book have come.
type cursor struct {
	version  int
	sequence int64
	clearing bool
}

// openCursor reads the cursor, and makes it if there is none.
func (s *Service) openCursor(ctx context.Context, book ledger.Book, version int) (cursor, error) {
	c, err := s.readCursor(ctx, book)
	if err != nil || c.version != 0 {
		return c, err
	}
	if err := s.pool.Tx(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, sqlOpenCursor, book.ID, version)
		return err
	}); err != nil {
		return c, err
	}
	return s.readCursor(ctx, book)
}

// readCursor reads the cursor; one of version 0 is not there.
func (s *Service) readCursor(ctx context.Context, book ledger.Book) (c cursor, err error) {
	err = s.pool.QueryRow(ctx, sqlCursor, book.ID).Scan(&c.version, &c.sequence, &c.clearing)
	if errors.Is(err, pgx.ErrNoRows) {
		err = nil
	}
	return c, err
}

// beginClearing has nothing count any more until the rows are removed.
func (s *Service) beginClearing(ctx context.Context, book ledger.Book, version int) error {
	return s.pool.Tx(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, sqlBeginClear, book.ID, version)
		return err
	})
}

// clearSome removes a page of rows and reports whether there may be more. When none are left it lets the sums begin.
func (s *Service) clearSome(ctx context.Context, book ledger.Book, limit int) (more bool, err error) {
	err = s.pool.Tx(ctx, func(tx pgx.Tx) error {
		more = false
		var clearing bool
		if err := tx.QueryRow(ctx, sqlHoldCursor, book.ID).Scan(&clearing); err != nil || !clearing {
			return err // somebody else has come to the end
		}
		tag, err := tx.Exec(ctx, sqlClear, book.ID, limit)
		if err != nil {
			return err
		}
		if more = tag.RowsAffected() == int64(limit); more {
			return nil
		}
		_, err = tx.Exec(ctx, sqlEndClear, book.ID)
		return err
	})
	return more, err
}

// addChunk bounds the rows of one statement.
const addChunk = 8_000

// add adds sums and moves the cursor on, in one transaction. It does nothing and says so if the cursor is not where the page began.
func (s *Service) add(ctx context.Context, book ledger.Book, from, to int64, version int, sums sumsOf) (moved bool, err error) {
	err = s.pool.Tx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, sqlMoveCursor, book.ID, from, to, version)
		if moved = err == nil && tag.RowsAffected() == 1; !moved {
			return err
		}
		for rows := range slices.Chunk(ordered(sums), addChunk) {
			if err := addRows(ctx, tx, book, rows, sums); err != nil {
				return err
			}
		}
		return nil
	})
	return moved && err == nil, err
}

func addRows(ctx context.Context, tx pgx.Tx, book ledger.Book, rows []row, sums sumsOf) error {
	kinds, payees, currencies, keys := make([]string, len(rows)), make([]string, len(rows)), make([]string, len(rows)), make([]string, len(rows))
	of, days := make([]int16, len(rows)), make([]time.Time, len(rows))
	var figures [9][]int64
	for i := range figures {
		figures[i] = make([]int64, len(rows))
	}
	for i, r := range rows {
		kinds[i], payees[i], currencies[i], of[i], days[i], keys[i] = r.kind, r.payee, string(r.currency), r.dimension, r.day, r.key
		for k, n := range figuresOf(sums[r]) {
			figures[k][i] = n
		}
	}
	args := []any{book.ID, kinds, payees, currencies, of, days, keys}
	for _, list := range figures {
		args = append(args, list)
	}
	_, err := tx.Exec(ctx, sqlAdd, args...)
	return err
}

// figuresOf are the columns of a sum in their order.
func figuresOf(s *Sum) [9]int64 {
	return [9]int64{s.Sales, s.Returns, int64(s.Earned), int64(s.GivenBack), int64(s.Fees), int64(s.Shared), int64(s.Withheld), int64(s.Adjusted), int64(s.Paid)}
}
