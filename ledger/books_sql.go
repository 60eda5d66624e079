package ledger

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger/money"
	"mizan/ledger/postgres"
)

// Creating and finding books, and closing their accounting periods.

const (
	sqlInsertBook = `
INSERT INTO books (id, code, name, currencies, functional_currency, time_zone, market, region, created_at, last_recorded_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)
    ON CONFLICT DO NOTHING`

	sqlBookColumns = `SELECT id, code, name, currencies, functional_currency, time_zone, market, region, created_at FROM books`
	sqlFindBook    = sqlBookColumns + ` WHERE code = $1`
	sqlListBooks   = sqlBookColumns + ` WHERE code > $1 ORDER BY code LIMIT $2`

	sqlServerClock = `SELECT clock_timestamp()`
	sqlLockPeriods = `SELECT first_open_period FROM books WHERE id = $1 FOR NO KEY UPDATE`
	sqlSetPeriods  = `UPDATE books SET first_open_period = $2 WHERE id = $1`
	sqlPeriods     = `SELECT DISTINCT period FROM chart_totals WHERE book_id = $1 ORDER BY period DESC LIMIT 1200`
)

// CreateBook creates a book, or finds the one created before from the same description (created is then false). It
// returns ErrBookInvalid or ErrBookExists.
func (l *Ledger) CreateBook(ctx context.Context, n NewBook) (book Book, created bool, err error) {
	n, _, err = n.normalize()
	if err != nil {
		return Book{}, false, err
	}
	now := l.now().UTC().Truncate(time.Microsecond)
	if err := l.checkClock(ctx, now); err != nil {
		return Book{}, false, err
	}
	for range 8 { // a drawn id is taken about once in two thousand million
		id := rand.Int32N(1<<31-2) + 1 // #nosec G404 -- rights guard a book; its number is no secret
		tag, err := l.pool.Exec(ctx, sqlInsertBook, id, n.Code, n.Name, codes(n.Currencies), string(n.Functional), n.TimeZone, n.Market, n.Region, now)
		if err != nil {
			return Book{}, false, err
		}
		book, err = l.Book(ctx, n.Code)
		if errors.Is(err, ErrBookUnknown) {
			continue // the id was taken, not the code
		}
		if err != nil {
			return Book{}, false, err
		}
		if !book.same(n) {
			return Book{}, false, ErrBookExists
		}
		return book, tag.RowsAffected() == 1, nil
	}
	return Book{}, false, ErrUnavailable
}

// checkClock refuses to give a new book a time that is too far from the database's.
func (l *Ledger) checkClock(ctx context.Context, now time.Time) error {
	if l.maxSkew <= 0 {
		return nil
	}
	var server time.Time
	if err := l.pool.QueryRow(ctx, sqlServerClock).Scan(&server); err != nil {
		return err
	}
	if now.Sub(server).Abs() > l.maxSkew {
		return ErrClockSkew
	}
	return nil
}

// Book returns the book with the code, or ErrBookUnknown. A book's description never changes, so it is remembered.
func (l *Ledger) Book(ctx context.Context, code string) (Book, error) {
	l.mu.Lock()
	book, ok := l.books[code]
	l.mu.Unlock()
	if ok {
		return book, nil
	}
	if !validBookCode(code) {
		return Book{}, ErrBookUnknown
	}
	rows, err := l.pool.Query(ctx, sqlFindBook, code)
	if err != nil {
		return Book{}, err
	}
	book, err = pgx.CollectExactlyOneRow(rows, scanBook)
	if errors.Is(err, pgx.ErrNoRows) {
		return Book{}, ErrBookUnknown
	}
	if err != nil {
		return Book{}, err
	}
	if postgres.IsWithin(ctx) {
		return book, nil // it may be rolled back
	}
	l.mu.Lock()
	if len(l.books) < 100_000 {
		l.books[code] = book
	}
	l.mu.Unlock()
	return book, nil
}

// Books returns a page of books in order of code.
func (l *Ledger) Books(ctx context.Context, after string, limit int) ([]Book, error) {
	rows, err := l.pool.Query(ctx, sqlListBooks, after, limit)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanBook)
}

func scanBook(row pgx.CollectableRow) (Book, error) {
	var b Book
	var currencies []string
	err := row.Scan(&b.ID, &b.Code, &b.Name, &currencies, &b.Functional, &b.TimeZone, &b.Market, &b.Region, &b.CreatedAt)
	if err != nil {
		return b, err
	}
	for _, c := range currencies {
		b.Currencies = append(b.Currencies, money.Currency(c))
	}
	b.CreatedAt = b.CreatedAt.UTC()
	b.location, err = time.LoadLocation(b.TimeZone)
	return b, err
}

func codes(cs []money.Currency) []string {
	out := make([]string, len(cs))
	for i, c := range cs {
		out[i] = string(c)
	}
	return out
}

// Periods returns the accounting periods that hold postings, newest first.
func (l *Ledger) Periods(ctx context.Context, book Book) ([]Period, error) {
	rows, err := l.pool.Query(ctx, sqlPeriods, book.ID)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[Period])
}

// ClosePeriod closes the period and every earlier one: from the next batch on, what happened in them posts into the
// oldest open period (I19). It returns ErrPeriodOrder if a later one is closed already.
func (l *Ledger) ClosePeriod(ctx context.Context, book Book, p Period) error {
	return l.pool.TxRetry(ctx, func(tx pgx.Tx) error { return l.ClosePeriodTx(ctx, tx, book, p) })
}

// ClosePeriodTx is ClosePeriod inside the caller's transaction. The book stays locked until that ends.
func (l *Ledger) ClosePeriodTx(ctx context.Context, tx pgx.Tx, book Book, p Period) error {
	return moveFirstOpen(ctx, tx, book, p, p.Next(), func(current, next Period) bool { return next >= current })
}

// ReopenPeriod opens the period and every later one again.
func (l *Ledger) ReopenPeriod(ctx context.Context, book Book, p Period) error {
	return l.pool.TxRetry(ctx, func(tx pgx.Tx) error { return l.ReopenPeriodTx(ctx, tx, book, p) })
}

// ReopenPeriodTx is ReopenPeriod inside the caller's transaction. The book stays locked until that ends.
func (l *Ledger) ReopenPeriodTx(ctx context.Context, tx pgx.Tx, book Book, p Period) error {
	return moveFirstOpen(ctx, tx, book, p, p, func(current, next Period) bool { return current != 0 && next <= current })
}

func moveFirstOpen(ctx context.Context, tx pgx.Tx, book Book, p, next Period, allowed func(current, next Period) bool) error {
	if !p.valid() || !next.valid() {
		return ErrPeriod
	}
	var current Period
	if err := tx.QueryRow(ctx, sqlLockPeriods, book.ID).Scan(&current); err != nil {
		return err
	}
	if !allowed(current, next) {
		return ErrPeriodOrder
	}
	_, err := tx.Exec(ctx, sqlSetPeriods, book.ID, next)
	return err
}

// LockTx keeps everybody else from posting to the book until the caller's transaction ends, so that what is read
// within it from then on still holds when it posts. It returns ErrBookUnknown.
func (l *Ledger) LockTx(ctx context.Context, tx pgx.Tx, book Book) error {
	var open Period
	err := tx.QueryRow(ctx, sqlLockPeriods, book.ID).Scan(&open)
	if errors.Is(err, pgx.ErrNoRows) {
		return ErrBookUnknown
	}
	return err
}
