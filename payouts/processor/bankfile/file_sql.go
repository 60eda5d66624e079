package bankfile

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/money"
)

// A file is known by its currency and number. Its bytes are not kept.

const (
	fileColumns = `
SELECT f.currency, f.number, f.account_version, f.message_id, f.format, f.state, f.digest, f.lines, f.sum, f.entry_hash, f.execute_on, f.paid_on, f.made_at,
       f.fetched_at, f.sent_at, f.closed_at, f.void_at, f.fetched_by, f.sent_by, f.void_by, f.void_reason, f.approval, f.taken,
       (SELECT json_object_agg(c.state, c.n) FROM (SELECT p.state, count(*) AS n FROM bank_payments p
          WHERE p.book_id = f.book_id AND p.currency = f.currency AND p.file = f.number GROUP BY p.state) c)
  FROM bank_files f`
	sqlReadFile  = fileColumns + ` WHERE f.book_id = $1 AND f.currency = $2 AND f.number = $3`
	sqlListFiles = fileColumns + ` WHERE f.book_id = $1 AND f.currency = $2 AND ($3 = 0 OR f.number < $3) ORDER BY f.number DESC LIMIT $4`
	sqlLockFile  = `SELECT state FROM bank_files WHERE book_id = $1 AND currency = $2 AND number = $3 FOR NO KEY UPDATE`
	sqlAnswered  = `
UPDATE bank_files SET state = CASE WHEN state IN ('fetched', 'sent') THEN 'answered' ELSE state END, taken = taken OR $4, paid_on = $5
 WHERE book_id = $1 AND currency = $2 AND number = $3 AND state <> 'void'`
	sqlCloseFile = `
UPDATE bank_files f SET state = 'closed', closed_at = $4
 WHERE f.book_id = $1 AND f.currency = $2 AND f.number = $3 AND f.state IN ('sent', 'answered')
   AND NOT EXISTS (SELECT FROM bank_payments p WHERE p.book_id = f.book_id AND p.currency = f.currency AND p.file = f.number AND p.state IN ('filed', 'accepted'))`
)

// maxFiles bounds a page of files, since each counts its payments.
const maxFiles = 100

// file is a record with the version of the account that it was made by.
type file struct {
	FileRecord
	version int
}

func scanFile(row pgx.Row) (f file, err error) {
	var paid, fetched, sent, closed, voided *time.Time
	var counts []byte
	err = row.Scan(&f.Currency, &f.Number, &f.version, &f.MessageID, &f.Format, &f.State, &f.Digest, &f.Lines, &f.Sum, &f.EntryHash, &f.ExecuteOn, &paid, &f.MadeAt,
		&fetched, &sent, &closed, &voided, &f.FetchedBy, &f.SentBy, &f.VoidBy, &f.VoidReason, &f.Approval, &f.Taken, &counts)
	if err != nil {
		return file{}, err
	}
	f.MadeAt = f.MadeAt.UTC()
	for from, to := range map[*time.Time]*time.Time{paid: &f.PaidOn, fetched: &f.FetchedAt, sent: &f.SentAt, closed: &f.ClosedAt, voided: &f.VoidAt} {
		if from != nil {
			*to = from.UTC()
		}
	}
	f.Counts = map[string]int{}
	if counts != nil {
		err = json.Unmarshal(counts, &f.Counts)
	}
	return f, err
}

func readFileRow(ctx context.Context, from rows, book ledger.Book, c money.Currency, number int64) (file, error) {
	f, err := scanFile(from.QueryRow(ctx, sqlReadFile, book.ID, c, number))
	if errors.Is(err, pgx.ErrNoRows) {
		return file{}, ErrFileUnknown
	}
	if err != nil {
		return file{}, fmt.Errorf("read a bank file: %w", err)
	}
	return f, nil
}

func readFile(ctx context.Context, from rows, book ledger.Book, c money.Currency, number int64) (FileRecord, error) {
	f, err := readFileRow(ctx, from, book, c, number)
	return f.FileRecord, err
}

// File returns one file. It returns ErrFileUnknown.
func (s *Service) File(ctx context.Context, book ledger.Book, c money.Currency, number int64) (FileRecord, error) {
	return readFile(ctx, s.pool, book, c, number)
}

// Files returns the files of a currency, the newest first: those before the number given, the newest for 0, up to the limit
// and at most 100.
func (s *Service) Files(ctx context.Context, book ledger.Book, c money.Currency, after int64, limit int) ([]FileRecord, error) {
	if limit < 1 || limit > maxFiles {
		limit = maxFiles
	}
	found, err := s.pool.Query(ctx, sqlListFiles, book.ID, c, after, limit)
	if err != nil {
		return nil, fmt.Errorf("list bank files: %w", err)
	}
	return pgx.CollectRows(found, func(row pgx.CollectableRow) (FileRecord, error) {
		f, err := scanFile(row)
		return f.FileRecord, err
	})
}

// object is the file as the trail names it.
func (f FileRecord) object() string {
	return "bank_file:" + string(f.Currency) + "-" + strconv.FormatInt(f.Number, 10)
}

// mark is what the trail keeps of a file.
func (f FileRecord) mark() map[string]any {
	return map[string]any{"state": f.State, "digest": f.Digest, "lines": f.Lines, "sum": f.Sum.Format(f.Currency), "message_id": f.MessageID}
}

// lockFile locks a file's row and reads it.
func lockFile(ctx context.Context, tx pgx.Tx, book ledger.Book, c money.Currency, number int64) (file, error) {
	var state string
	if err := tx.QueryRow(ctx, sqlLockFile, book.ID, c, number).Scan(&state); err != nil {
		if errors.Is(err, pgx.ErrNoRows) {
			return file{}, ErrFileUnknown
		}
		return file{}, fmt.Errorf("lock a bank file: %w", err)
	}
	return readFileRow(ctx, tx, book, c, number)
}
