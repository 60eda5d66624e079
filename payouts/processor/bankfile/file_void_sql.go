package bankfile

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/guard"
	"mizan/ledger/money"
)

// A file becomes void when it shall not be carried out. Of one that nobody has seen, the payments wait for the next file. Of
// one that somebody has seen, the bank may have a copy: two people declare it void, with a document of the bank, and the money
// of its payments comes back.

// ActVoid is the act by which a file that somebody has seen becomes void.
const ActVoid = "bank_file.void"

// CodeVoid is why the payments of such a file ended.
const CodeVoid = "file_void"

const (
	sqlVoidFile = `
UPDATE bank_files SET state = 'void', void_at = $4, void_by = $5, void_reason = $6, approval = $7 WHERE book_id = $1 AND currency = $2 AND number = $3`
	sqlLockLines = `
SELECT ` + paymentColumns + ` FROM bank_payments WHERE book_id = $1 AND currency = $2 AND file = $3 ORDER BY id FOR NO KEY UPDATE`
)

type voidPayload struct {
	Currency money.Currency `json:"currency"`
	Number   int64          `json:"number"`
}

// Void declares a file void that nobody has seen: its payments wait again. It returns guard.ErrApprovalRequired for a file that
// was fetched, which two people declare void by the act bank_file.void; ErrFileUnknown, or ErrFileState if it is void already.
func (s *Service) Void(ctx context.Context, book ledger.Book, c money.Currency, number int64, by guard.Actor, why string) (record FileRecord, err error) {
	err = s.pool.TxRetry(ctx, func(tx pgx.Tx) (err error) {
		record, err = s.VoidTx(ctx, tx, book, c, number, by, why)
		return err
	})
	return record, err
}

// VoidTx is Void in the caller's transaction.
func (s *Service) VoidTx(ctx context.Context, tx pgx.Tx, book ledger.Book, c money.Currency, number int64, by guard.Actor, why string) (FileRecord, error) {
	if err := reasoned(why); err != nil {
		return FileRecord{}, err
	}
	record, err := s.voidTx(ctx, tx, book, c, number, who(by), why, "")
	if err != nil {
		return FileRecord{}, err
	}
	return record, s.tell(ctx, tx, book, guard.Deed{Actor: by, Why: why, Act: "bank_file.withdrawn", Object: record.object()}, record.mark())
}

// voidTx declares a file void; approval is empty where no second person has agreed.
func (s *Service) voidTx(ctx context.Context, tx pgx.Tx, book ledger.Book, c money.Currency, number int64, by, why, approval string) (FileRecord, error) {
	if _, err := lockHead(ctx, tx, book, c); err != nil {
		return FileRecord{}, err
	}
	f, err := lockFile(ctx, tx, book, c, number)
	if err != nil {
		return FileRecord{}, err
	}
	if err := f.MayVoid(approval != ""); err != nil {
		return FileRecord{}, err
	}
	lines, err := payments(ctx, tx, sqlLockLines, book.ID, c, number)
	if err != nil {
		return FileRecord{}, err
	}
	next, code := PaymentQueued, ""
	if f.State != FileMade {
		next, code = PaymentCancelled, CodeVoid
	}
	var moved []movement
	for _, p := range lines {
		if p.State == PaymentFiled {
			moved = append(moved, movement{p.ID, next, code})
		}
	}
	now := s.now()
	if _, err := tx.Exec(ctx, sqlVoidFile, book.ID, c, number, now, by, why, approval); err != nil {
		return FileRecord{}, fmt.Errorf("declare a bank file void: %w", err)
	}
	if err := s.moveTx(ctx, tx, book, moved, evidence{actor: by}, now); err != nil {
		return FileRecord{}, err
	}
	return readFile(ctx, tx, book, c, number)
}

// MayVoid returns nil if the file can become void: with a second person who has agreed, or without. Otherwise it returns ErrFileState,
// ErrFileReported if the bank carries out a part of it, or guard.ErrApprovalRequired.
func (f FileRecord) MayVoid(agreed bool) error {
	switch f.State {
	case FileMade:
		return nil
	case FileFetched, FileSent, FileAnswered:
	default:
		return ErrFileState
	}
	// Silence counts as the bank's word here too. What came back after it was paid was carried out all the same.
	if f.Taken || f.Counts[PaymentAccepted] > 0 || f.Counts[PaymentSettled] > 0 {
		return ErrFileReported
	}
	if !agreed {
		return guard.ErrApprovalRequired
	}
	return nil
}

func (s *Service) voidAct(ctx context.Context, book ledger.Book, payload json.RawMessage) (json.RawMessage, guard.Effect, error) {
	var p voidPayload
	if err := guard.ReadPayload(payload, &p); err != nil {
		return nil, guard.Effect{}, err
	}
	f, err := readFile(ctx, s.pool, book, p.Currency, p.Number)
	if err == nil {
		err = f.MayVoid(true)
	}
	if err != nil {
		return nil, guard.Effect{}, err
	}
	e := guard.Effect{Count: f.Lines - f.Counts[PaymentFailed] - f.Counts[PaymentCancelled],
		Summary: fmt.Sprintf("Bank file %d in %s is not carried out: its payments end, and their money comes back to the payees.", f.Number, f.Currency),
		Totals:  []guard.Amount{{Currency: string(f.Currency), Amount: f.Sum.Format(f.Currency)}}}
	switch f.State {
	case FileMade:
		e.Summary = fmt.Sprintf("Bank file %d in %s is not carried out: nobody has seen it, and its payments wait for the next one.", f.Number, f.Currency)
	case FileFetched:
		e.Warnings = append(e.Warnings, "Somebody has fetched this file. If it has reached the bank, the bank pays it all the same, and everybody is paid twice: see that the document is the bank's.")
	default:
		e.Warnings = append(e.Warnings, "This file was sent. If the bank carries it out, everybody is paid twice: see that the document is the bank's word that it does not.")
	}
	if n := f.Counts[PaymentFailed] + f.Counts[PaymentCancelled]; n > 0 {
		e.Difference = append(e.Difference, fmt.Sprintf("%d of its %d payments have ended before.", n, f.Lines))
	}
	kept, err := json.Marshal(p)
	return kept, e, err
}

func (s *Service) runVoid(ctx context.Context, tx pgx.Tx, book ledger.Book, a guard.Approval) (json.RawMessage, error) {
	var p voidPayload
	if err := guard.ReadPayload(a.Payload, &p); err != nil {
		return nil, err
	}
	record, err := s.voidTx(ctx, tx, book, p.Currency, p.Number, a.DecidedBy, a.Reason, a.ID)
	if err != nil {
		return nil, err
	}
	return json.Marshal(map[string]any{"object": record.object(), "after": record.mark()})
}
