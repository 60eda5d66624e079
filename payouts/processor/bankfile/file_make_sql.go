package bankfile

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/guard"
	"mizan/ledger/postgres"
)

// A file is made of what waits: the payees' bank data are read first, outside of transactions; then, under the lock of the
// bank account, the file takes the next number and its lines, each of which must still wait. What cannot be paid by file ends
// with a code and holds nobody up.

const (
	// linesAtMost bounds a file.
	linesAtMost = 5_000
	// filesAtOnce bounds the files that are made in one turn, and turnsAtMost the tries for one currency.
	filesAtOnce = 20
	turnsAtMost = 200
)

const (
	sqlLockWaiting = `
SELECT id FROM bank_payments WHERE book_id = $1 AND id = ANY($2) AND state = 'queued' ORDER BY id FOR NO KEY UPDATE`
	sqlInsertFile = `
INSERT INTO bank_files (book_id, currency, number, account_version, format, message_id, state, digest, lines, sum, entry_hash, execute_on, paid_on, made_at, made_by)
VALUES ($1, $2, $3, $4, $5, $6, 'made', $7, $8, $9, $10, $11, $12, $13, $14)`
	sqlFilePayments = `
WITH filed AS (
    UPDATE bank_payments p SET state = 'filed', file = $2, line = w.line, trace = w.trace, execute_on = $5, arrives_on = $6, steps = p.steps + 1, changed_at = $7
      FROM unnest($3::text[], $4::text[]) WITH ORDINALITY AS w (id, trace, line)
     WHERE p.book_id = $1 AND p.id = w.id
    RETURNING p.id, p.steps, p.account)
INSERT INTO bank_payment_steps (book_id, payment, number, account, state, file, actor, at)
SELECT $1, f.id, f.steps, f.account, 'filed', $2, $8, $7 FROM filed f`
)

// errStale means that what was read is not so any more; it is read again.
var errStale = errors.New("bankfile: what waits has changed")

// MakeFiles makes files of everything that waits, for each currency with a bank account: at most 5,000 lines in a file and 20
// files in a turn; what is left is made in the next one. Nothing waits, and no number is taken. The files that were made are
// returned with what kept others from being made: that an account is not complete any more, or that the vault does not open, or
// not for a payee. What waits for that goes on waiting.
func (s *Service) MakeFiles(ctx context.Context, book ledger.Book, by guard.Actor) ([]FileRecord, error) {
	accounts, err := s.Accounts(ctx, book)
	if err != nil {
		return nil, err
	}
	var made []FileRecord
	var failed []error
	for _, a := range accounts {
		for turn := 0; turn < turnsAtMost && len(made) < filesAtOnce; turn++ {
			file, more, unread, err := s.makeNext(ctx, book, a, by)
			if unread != nil && (err != nil || !more) {
				failed = append(failed, unread)
			}
			if file != nil {
				made = append(made, *file)
			}
			if errors.Is(err, errStale) {
				if a, err = s.account(ctx, s.pool, book, a.Currency, 0); err == nil {
					continue
				}
			}
			if err != nil {
				failed = append(failed, err) // another currency's files are made all the same
				break
			}
			if !more {
				break
			}
		}
	}
	return made, errors.Join(failed...)
}

// makeNext makes the next file of an account, if something waits; more says that something may be left, and unread is why payees
// wait whose data do not open.
func (s *Service) makeNext(ctx context.Context, book ledger.Book, a Account, by guard.Actor) (file *FileRecord, more bool, unread, err error) {
	// An account that is not complete is no payee's fault.
	if err := a.Debtor.Check(); err != nil {
		return nil, false, nil, err
	}
	waiting, err := payments(ctx, s.pool, sqlPaymentsWaiting, book.ID, a.Currency, linesAtMost)
	if err != nil || len(waiting) == 0 {
		return nil, false, nil, err
	}
	subjects, instructions := make([]string, len(waiting)), make([]string, len(waiting))
	for i, p := range waiting {
		subjects[i], instructions[i] = p.Account, p.Instruction
	}
	// In this order: of bank data that changed before they were read, it is known afterwards that they did.
	to, err := s.receivers(ctx, book, a.Debtor, subjects)
	if err != nil {
		return nil, false, nil, err
	}
	kept, err := s.kept(ctx, book, instructions)
	if err != nil {
		return nil, false, nil, err
	}
	var bad []movement
	now := s.now()
	good := slices.DeleteFunc(slices.Clone(waiting), func(p Payment) bool {
		code, state := to[p.Account].code, PaymentFailed
		switch {
		case kept[p.Instruction]:
			code, state = CodeKept, PaymentCancelled
		case to[p.Account].unread != nil:
			unread = to[p.Account].unread
			return true
		case code == "" && !a.fits(now, p, to[p.Account].Creditor):
			code, state = CodeLineInvalid, PaymentCancelled
		}
		if code != "" {
			bad = append(bad, movement{p.ID, state, code})
		}
		return code != ""
	})
	if len(bad) > 0 {
		if err := s.setAside(ctx, book, bad, by); err != nil {
			return nil, false, unread, err
		}
	}
	more = len(good)+len(bad) > 0
	for len(good) > 0 {
		file, err = s.makeFile(ctx, book, a, good, to, by)
		// All lines fit one by one, so it is their sum that does not fit a field, or a database that is too slow for so many.
		if fault.CodeOf(err) != ErrFile.Code && postgres.SQLState(err) != "57014" || len(good) == 1 {
			break
		}
		good = good[:len(good)/2]
	}
	return file, more, unread, err
}

// fits reports whether a payment can be a line of a file.
func (a Account) fits(now time.Time, p Payment, c Creditor) bool {
	_, err := a.Debtor.Write(io.Discard, a.file(now, 1, "M", []Payment{p}, map[string]receiver{p.Account: {Creditor: c}}))
	return err == nil
}

// file is a file as the formats take it.
func (a Account) file(made time.Time, number int64, message string, lines []Payment, to map[string]receiver) File {
	f := File{Number: number, MessageID: message, MadeAt: made, ExecuteOn: executeOn(a.Debtor.Format, made), Lines: make([]Line, len(lines))}
	for i, p := range lines {
		f.Lines[i] = Line{EndToEnd: p.ID, Reference: reference(p), Amount: p.Amount, Creditor: to[p.Account].Creditor}
	}
	return f
}

// reference is what the receiver reads: the id of the payout, as far as it fits every format, in letters that every bank takes.
func reference(p Payment) string {
	id := []byte(p.Instruction)
	for i, c := range id {
		if c == '_' {
			id[i] = '-'
		}
	}
	return "Payout " + string(id[:min(len(id), 60)])
}

// setAside ends payments that cannot be put into a file, if they still wait.
func (s *Service) setAside(ctx context.Context, book ledger.Book, bad []movement, by guard.Actor) error {
	return s.pool.TxRetry(ctx, func(tx pgx.Tx) error {
		still, err := lockWaiting(ctx, tx, book, bad, func(m movement) string { return m.id })
		if err != nil {
			return err
		}
		return s.moveTx(ctx, tx, book, still, evidence{actor: who(by)}, s.now())
	})
}

// lockWaiting locks those that still wait, and leaves the others out.
func lockWaiting[T any](ctx context.Context, tx pgx.Tx, book ledger.Book, all []T, id func(T) string) ([]T, error) {
	ids := make([]string, len(all))
	for i, v := range all {
		ids[i] = id(v)
	}
	found, err := tx.Query(ctx, sqlLockWaiting, book.ID, ids)
	if err != nil {
		return nil, fmt.Errorf("lock what waits: %w", err)
	}
	locked, err := pgx.CollectRows(found, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("lock what waits: %w", err)
	}
	still := make(map[string]bool, len(locked))
	for _, id := range locked {
		still[id] = true
	}
	return slices.DeleteFunc(slices.Clone(all), func(v T) bool { return !still[id(v)] }), nil
}

// makeFile makes one file of payments, of which those that still wait become its lines. It returns no file if none does.
func (s *Service) makeFile(ctx context.Context, book ledger.Book, a Account, waiting []Payment, to map[string]receiver, by guard.Actor) (file *FileRecord, err error) {
	err = s.pool.TxRetry(ctx, func(tx pgx.Tx) error {
		file = nil
		last, err := lockHead(ctx, tx, book, a.Currency)
		if err != nil {
			return err
		}
		newest, err := s.account(ctx, tx, book, a.Currency, 0)
		if err != nil {
			return err
		}
		if newest.Version != a.Version {
			return errStale
		}
		lines, err := lockWaiting(ctx, tx, book, waiting, func(p Payment) string { return p.ID })
		if err != nil || len(lines) == 0 {
			return err
		}
		f, err := s.insertFile(ctx, tx, book, a, a.file(s.now().Truncate(time.Second), last+1, newMessageID(book, a, last+1), lines, to), lines, who(by))
		if err != nil {
			return err
		}
		file = &f
		return s.tell(ctx, tx, book, guard.Deed{Actor: by, Act: "bank_file.made", Object: f.object()}, f.mark())
	})
	if err != nil {
		return nil, err
	}
	return file, nil
}

// newMessageID names a file for the bank. A part is random, so that a database that was set up anew never repeats what the bank
// has seen.
func newMessageID(book ledger.Book, a Account, number int64) string {
	return fmt.Sprintf("MZ-%s-%d-%s", a.Currency, number, rand.Text()[:12])
}

func (s *Service) insertFile(ctx context.Context, tx pgx.Tx, book ledger.Book, a Account, f File, lines []Payment, by string) (FileRecord, error) {
	var content bytes.Buffer
	totals, err := a.Debtor.Write(&content, f)
	if err != nil {
		return FileRecord{}, err
	}
	digest := sha256.Sum256(content.Bytes())
	ids := make([]string, len(lines))
	for i, p := range lines {
		ids[i] = p.ID
	}
	var paidOn *time.Time
	arrives := f.ExecuteOn
	if a.PaidAfter > 0 {
		arrives = businessDaysAfter(a.Debtor.Format, f.ExecuteOn, a.PaidAfter)
		paidOn = &arrives
	}
	now := s.now()
	batch := &pgx.Batch{}
	batch.Queue(sqlMoveHead, book.ID, a.Currency, f.Number)
	batch.Queue(sqlInsertFile, book.ID, a.Currency, f.Number, a.Version, a.Debtor.Format, f.MessageID, hex.EncodeToString(digest[:]), totals.Lines, totals.Sum,
		totals.EntryHash, f.ExecuteOn, paidOn, f.MadeAt, by)
	batch.Queue(sqlFilePayments, book.ID, f.Number, ids, totals.Traces, f.ExecuteOn, arrives, now, by)
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return FileRecord{}, fmt.Errorf("make a bank file: %w", err)
	}
	return readFile(ctx, tx, book, a.Currency, f.Number)
}
