package bankfile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/money"
)

// Some banks report only what they did not carry out. Where the account says so, what was sent counts as paid when enough
// business days have passed without a word; the bank can still send it back after that.

// actorSilence is what stands beside what was moved because nothing was said.
const actorSilence = "silence"

// silentAtOnce bounds the files that are settled in one turn.
const silentAtOnce = 500

const sqlSilent = `
SELECT currency, number FROM bank_files
 WHERE book_id = $1 AND state IN ('sent', 'answered') AND paid_on <= $2 ORDER BY paid_on, currency, number LIMIT $3`

// Settle notes as paid what the bank has not spoken against for as long as the account says, and returns how many payments that
// were.
func (s *Service) Settle(ctx context.Context, book ledger.Book) (settled int, err error) {
	type key struct {
		currency money.Currency
		number   int64
	}
	found, err := s.pool.Query(ctx, sqlSilent, book.ID, today(s.now()), silentAtOnce)
	if err != nil {
		return 0, fmt.Errorf("find silent files: %w", err)
	}
	due, err := pgx.CollectRows(found, func(row pgx.CollectableRow) (k key, err error) {
		err = row.Scan(&k.currency, &k.number)
		return k, err
	})
	if err != nil {
		return 0, fmt.Errorf("find silent files: %w", err)
	}
	var failed []error
	for _, k := range due {
		n := 0
		err := s.pool.TxRetry(ctx, func(tx pgx.Tx) (err error) {
			n, err = s.settleTx(ctx, tx, book, k.currency, k.number)
			return err
		})
		if err != nil {
			failed = append(failed, fmt.Errorf("settle bank file %s-%d: %w", k.currency, k.number, err)) // no other file waits for it
			continue
		}
		settled += n
	}
	return settled, errors.Join(failed...)
}

// paidOn is when the payments of a file count as paid if it came to the bank at the time given; nil if only the bank's word counts.
// A bank needs its days from when it has the file, however long that lay here.
func (s *Service) paidOn(ctx context.Context, from rows, book ledger.Book, f file, at time.Time) (*time.Time, error) {
	a, err := s.account(ctx, from, book, f.Currency, f.version)
	if err != nil || a.PaidAfter == 0 || f.PaidOn.IsZero() {
		return nil, err
	}
	begins := f.ExecuteOn
	if day := businessDay(f.Format, today(at)); day.After(begins) {
		begins = day
	}
	day := businessDaysAfter(f.Format, begins, a.PaidAfter)
	if day.Before(f.PaidOn) {
		day = f.PaidOn
	}
	return &day, nil
}

func (s *Service) settleTx(ctx context.Context, tx pgx.Tx, book ledger.Book, c money.Currency, number int64) (int, error) {
	if _, err := lockHead(ctx, tx, book, c); err != nil {
		return 0, err
	}
	f, err := lockFile(ctx, tx, book, c, number)
	if err != nil {
		return 0, err
	}
	if !slices.Contains([]string{FileSent, FileAnswered}, f.State) || f.PaidOn.IsZero() || f.PaidOn.After(today(s.now())) {
		return 0, nil
	}
	lines, err := payments(ctx, tx, sqlLockLines, book.ID, c, number)
	if err != nil {
		return 0, err
	}
	var paid []movement
	for _, p := range lines {
		if p.State == PaymentFiled || p.State == PaymentAccepted {
			paid = append(paid, movement{p.ID, PaymentSettled, ""})
		}
	}
	if err := s.moveTx(ctx, tx, book, paid, evidence{actor: actorSilence}, s.now()); err != nil {
		return 0, err
	}
	return len(paid), s.closeTx(ctx, tx, book, c, number)
}

// closeTx closes a file of which no payment is open any more.
func (s *Service) closeTx(ctx context.Context, tx pgx.Tx, book ledger.Book, c money.Currency, number int64) error {
	if _, err := tx.Exec(ctx, sqlCloseFile, book.ID, c, number, s.now()); err != nil {
		return fmt.Errorf("close a bank file: %w", err)
	}
	return nil
}
