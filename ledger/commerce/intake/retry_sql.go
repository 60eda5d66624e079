package intake

import (
	"context"
	"strconv"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/guard"
)

// Trying again what is parked is asked for by somebody, for a reason, and the trail says so.

// RetryBy has a message tried again at once, with a row of the trail in the same transaction. It returns ErrMessageUnknown,
// ErrMessageDone or guard.ErrDeedInvalid.
func (s *Service) RetryBy(ctx context.Context, by guard.Actor, book ledger.Book, id int64, why string) (Message, error) {
	if err := guard.CheckReason(why); err != nil {
		return Message{}, err
	}
	if _, err := s.store.message(ctx, book.ID, id); err != nil {
		return Message{}, err
	}
	err := s.store.pool.TxRetry(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, sqlRetry, book.ID, id, s.moment())
		if err == nil && tag.RowsAffected() != 1 {
			err = ErrMessageDone
		}
		if err != nil {
			return err
		}
		return s.tellRetry(ctx, tx, by, book, "inbound.retried", "inbound:", id, why)
	})
	if err != nil {
		return Message{}, err
	}
	s.nudge()
	return s.store.message(ctx, book.ID, id)
}

// RetryImportBy has the parked rows of an import tried again, with a row of the trail in the same transaction. It returns
// ErrImportUnknown, ErrNothingParked or guard.ErrDeedInvalid.
func (s *Service) RetryImportBy(ctx context.Context, by guard.Actor, book ledger.Book, id int64, why string) (Import, error) {
	if err := guard.CheckReason(why); err != nil {
		return Import{}, err
	}
	if _, err := s.store.importOf(ctx, book.ID, id); err != nil {
		return Import{}, err
	}
	err := s.store.pool.TxRetry(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, sqlRetryImport, book.ID, id, s.moment())
		if err == nil && tag.RowsAffected() != 1 {
			err = ErrNothingParked
		}
		if err != nil {
			return err
		}
		return s.tellRetry(ctx, tx, by, book, "import.retried", "import:", id, why)
	})
	if err != nil {
		return Import{}, err
	}
	s.nudgeImports()
	return s.store.importOf(ctx, book.ID, id)
}

func (s *Service) tellRetry(ctx context.Context, tx pgx.Tx, by guard.Actor, book ledger.Book, act, prefix string, id int64, why string) error {
	_, err := s.trail.RecordTx(ctx, tx, guard.Deed{Actor: by, Book: guard.Book{ID: int32(book.ID), Code: book.Code}, Act: act,
		Object: prefix + strconv.FormatInt(id, 10), Why: why})
	return err
}
