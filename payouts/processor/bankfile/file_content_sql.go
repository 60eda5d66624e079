package bankfile

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/guard"
	"mizan/ledger/money"
)

// The bytes of a file are made again whenever somebody fetches them, and must have the digest that was noted when the file was
// made. Whoever gets them is in the trail before.

const (
	sqlAllLines = `
SELECT ` + paymentColumns + ` FROM bank_payments WHERE book_id = $1 AND currency = $2 AND file = $3 ORDER BY line LIMIT $4`
	sqlFetchFile = `
UPDATE bank_files SET state = 'fetched', fetched_at = $4, fetched_by = $5 WHERE book_id = $1 AND currency = $2 AND number = $3 AND state = 'made'`
)

// Fetchable reports whether the file is handed out: what the bank has answered is not sent again.
func (f FileRecord) Fetchable() bool {
	return f.State == FileMade || f.State == FileFetched || f.State == FileSent
}

// Content returns the bytes of a file, for a reason that the trail keeps. It returns ErrFileUnknown, ErrFileState if the bank has
// answered or the file is void, and ErrFileChanged if the bytes would be others than when the file was made.
func (s *Service) Content(ctx context.Context, book ledger.Book, c money.Currency, number int64, by guard.Actor, why string) ([]byte, FileRecord, error) {
	if err := reasoned(why); err != nil {
		return nil, FileRecord{}, err
	}
	f, err := readFileRow(ctx, s.pool, book, c, number)
	if err != nil {
		return nil, FileRecord{}, err
	}
	if !f.Fetchable() {
		return nil, FileRecord{}, ErrFileState
	}
	content, err := s.bytesOf(ctx, book, f)
	if err != nil {
		return nil, FileRecord{}, err
	}
	var record FileRecord
	err = s.pool.TxRetry(ctx, func(tx pgx.Tx) error {
		record, err = s.fetchTx(ctx, tx, book, f, by, why)
		return err
	})
	if err != nil {
		return nil, FileRecord{}, err
	}
	return content, record, nil
}

// bytesOf makes the bytes of a file again.
func (s *Service) bytesOf(ctx context.Context, book ledger.Book, f file) ([]byte, error) {
	a, err := s.account(ctx, s.pool, book, f.Currency, f.version)
	if err != nil {
		return nil, err
	}
	lines, err := payments(ctx, s.pool, sqlAllLines, book.ID, f.Currency, f.Number, linesAtMost+1)
	if err != nil {
		return nil, err
	}
	if len(lines) != f.Lines { // it became void meanwhile
		return nil, ErrFileState
	}
	subjects, instructions := make([]string, len(lines)), make([]string, len(lines))
	for i, p := range lines {
		subjects[i], instructions[i] = p.Account, p.Instruction
	}
	to, err := s.receivers(ctx, book, a.Debtor, subjects)
	if err != nil {
		return nil, err
	}
	for _, r := range to {
		switch {
		case r.unread != nil:
			return nil, r.unread
		case r.code != "":
			return nil, ErrFileChanged
		}
	}
	if f.State == FileMade { // once somebody has it, the bank may have it too
		kept, err := s.kept(ctx, book, instructions)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(lines, func(p Payment) bool { return kept[p.Instruction] }) {
			return nil, ErrFileChanged
		}
	}
	made := a.file(f.MadeAt, f.Number, f.MessageID, lines, to)
	made.ExecuteOn = f.ExecuteOn
	var content bytes.Buffer
	if _, err := a.Debtor.Write(&content, made); err != nil {
		return nil, ErrFileChanged
	}
	digest := sha256.Sum256(content.Bytes())
	if subtle.ConstantTimeCompare([]byte(hex.EncodeToString(digest[:])), []byte(f.Digest)) != 1 {
		return nil, ErrFileChanged
	}
	return content.Bytes(), nil
}

func (s *Service) fetchTx(ctx context.Context, tx pgx.Tx, book ledger.Book, f file, by guard.Actor, why string) (FileRecord, error) {
	now, err := lockFile(ctx, tx, book, f.Currency, f.Number)
	if err != nil {
		return FileRecord{}, err
	}
	if !now.Fetchable() {
		return FileRecord{}, ErrFileState
	}
	if _, err := tx.Exec(ctx, sqlFetchFile, book.ID, f.Currency, f.Number, s.now(), who(by)); err != nil {
		return FileRecord{}, fmt.Errorf("fetch a bank file: %w", err)
	}
	record, err := readFile(ctx, tx, book, f.Currency, f.Number)
	if err != nil {
		return FileRecord{}, err
	}
	return record, s.tell(ctx, tx, book, guard.Deed{Actor: by, Why: why, Act: "bank_file.fetched", Object: record.object()}, record.mark())
}

const sqlSendFile = `
UPDATE bank_files SET state = 'sent', sent_at = $4, sent_by = $5, paid_on = $6 WHERE book_id = $1 AND currency = $2 AND number = $3 AND state = 'fetched'`

// Sent notes that a file was handed to the bank. Said again it changes nothing. It returns ErrFileUnknown, or ErrFileState if
// nobody has fetched the file or it is void.
func (s *Service) Sent(ctx context.Context, book ledger.Book, c money.Currency, number int64, by guard.Actor, why string) (record FileRecord, err error) {
	err = s.pool.TxRetry(ctx, func(tx pgx.Tx) (err error) {
		record, err = s.SentTx(ctx, tx, book, c, number, by, why)
		return err
	})
	return record, err
}

// SentTx is Sent in the caller's transaction.
func (s *Service) SentTx(ctx context.Context, tx pgx.Tx, book ledger.Book, c money.Currency, number int64, by guard.Actor, why string) (FileRecord, error) {
	if err := reasoned(why); err != nil {
		return FileRecord{}, err
	}
	f, err := lockFile(ctx, tx, book, c, number)
	if err != nil {
		return FileRecord{}, err
	}
	switch f.State {
	case FileSent, FileAnswered, FileClosed:
		return f.FileRecord, nil
	case FileFetched:
	default:
		return FileRecord{}, ErrFileState
	}
	now := s.now()
	paidOn, err := s.paidOn(ctx, tx, book, f, now)
	if err != nil {
		return FileRecord{}, err
	}
	if _, err := tx.Exec(ctx, sqlSendFile, book.ID, c, number, now, who(by), paidOn); err != nil {
		return FileRecord{}, fmt.Errorf("note that a bank file was sent: %w", err)
	}
	record, err := readFile(ctx, tx, book, c, number)
	if err != nil {
		return FileRecord{}, err
	}
	return record, s.tell(ctx, tx, book, guard.Deed{Actor: by, Why: why, Act: "bank_file.sent", Object: record.object()}, record.mark())
}
