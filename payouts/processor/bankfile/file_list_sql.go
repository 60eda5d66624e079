package bankfile

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/money"
)

// A list of files is what people work through: all of a book, or those of one currency or in one state.

// FileQuery asks for files.
type FileQuery struct {
	// Currency and State narrow the list; empty for all.
	Currency money.Currency
	State    string
	// After is the file after which the page begins, by when it was made, currency and number; nil for the first page.
	After *FilePlace
	// Limit is at most 100, which is also what 0 means.
	Limit int
}

// FilePlace is a file's place in a list.
type FilePlace struct {
	MadeAt   time.Time
	Currency money.Currency
	Number   int64
}

const sqlQueryFiles = fileColumns + `
 WHERE f.book_id = $1 AND ($2 = '' OR f.currency = $2) AND ($3 = '' OR f.state = $3)
   AND ($4::timestamptz IS NULL OR f.made_at < $4 OR f.made_at = $4 AND (f.currency > $5 OR f.currency = $5 AND f.number < $6))
 ORDER BY f.made_at DESC, f.currency, f.number DESC LIMIT $7`

// QueryFiles returns files, the newest first.
func (s *Service) QueryFiles(ctx context.Context, book ledger.Book, q FileQuery) ([]FileRecord, error) {
	if q.Limit < 1 || q.Limit > maxFiles {
		q.Limit = maxFiles
	}
	var at *time.Time
	var after FilePlace
	if q.After != nil {
		after, at = *q.After, &q.After.MadeAt
	}
	found, err := s.pool.Query(ctx, sqlQueryFiles, book.ID, q.Currency, q.State, at, after.Currency, after.Number, q.Limit)
	if err != nil {
		return nil, fmt.Errorf("list bank files: %w", err)
	}
	return pgx.CollectRows(found, func(row pgx.CollectableRow) (FileRecord, error) {
		f, err := scanFile(row)
		return f.FileRecord, err
	})
}

// Place returns where the file stands in a list.
func (f FileRecord) Place() FilePlace { return FilePlace{f.MadeAt, f.Currency, f.Number} }

// FileName is what the file is called when it is handed out: the book, the currency and the number, and no name of anybody.
func (f FileRecord) FileName(book ledger.Book) string {
	ending := "xml"
	if f.Format == NACHA {
		ending = "ach"
	}
	return fmt.Sprintf("%s-%s-%06d.%s", book.Code, f.Currency, f.Number, ending)
}

// Hint is the number of the account as people compare it: its last four characters.
func (d Debtor) Hint() string { return hint(d.Account) }
