package receipts

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
)

// Where receipts are kept. A row is written once and never changed.

const (
	sqlMake = `
INSERT INTO receipts (book_id, subject, id, made_at)
SELECT $1, k.subject, k.id, $4 FROM unnest($2::text[], $3::text[]) AS k (subject, id)
    ON CONFLICT (book_id, subject) DO NOTHING`
	sqlOf     = `SELECT id, made_at FROM receipts WHERE book_id = $1 AND subject = $2`
	sqlFind   = `SELECT subject FROM receipts WHERE book_id = $1 AND id = $2`
	sqlHead   = `SELECT sequence FROM receipt_heads WHERE book_id = $1`
	sqlMoveOn = `
INSERT INTO receipt_heads (book_id, sequence) VALUES ($1, $2)
    ON CONFLICT (book_id) DO UPDATE SET sequence = EXCLUDED.sequence WHERE receipt_heads.sequence < EXCLUDED.sequence`
)

// Of returns the receipt of a subject, without an ID if none was made yet.
func (s *Service) Of(ctx context.Context, book ledger.Book, subject string) (r PublicID, err error) {
	var id string
	var at time.Time
	err = s.pool.QueryRow(ctx, sqlOf, book.ID, subject).Scan(&id, &at)
	if errors.Is(err, pgx.ErrNoRows) {
		return PublicID{}, nil
	}
	return PublicID{ID: book.Code + "-" + id, Subject: subject, MadeAt: at.UTC()}, err
}

// insert makes the receipt of a subject, or finds the one that somebody else has made.
func (s *Service) insert(ctx context.Context, book ledger.Book, subject string) (r PublicID, made bool, err error) {
	tag, err := s.pool.Exec(ctx, sqlMake, book.ID, []string{subject}, []string{newID()}, s.now())
	if err != nil {
		return PublicID{}, false, err
	}
	r, err = s.Of(ctx, book, subject)
	return r, tag.RowsAffected() == 1, err
}

// find returns the subject of the receipt with the random part of an id, or ErrUnknown.
func (s *Service) find(ctx context.Context, book ledger.Book, random string) (subject string, err error) {
	err = s.pool.QueryRow(ctx, sqlFind, book.ID, random).Scan(&subject)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", ErrUnknown
	}
	return subject, err
}

// head is up to where the donations of a book have receipts.
func (s *Service) head(ctx context.Context, book ledger.Book) (sequence int64, err error) {
	err = s.pool.QueryRow(ctx, sqlHead, book.ID).Scan(&sequence)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, nil
	}
	return sequence, err
}

// insertThrough makes the receipts of the subjects, and remembers that all up to the sequence have theirs. It returns how
// many there were not before.
func (s *Service) insertThrough(ctx context.Context, book ledger.Book, subjects []string, sequence int64) (made int64, err error) {
	ids := make([]string, len(subjects))
	for i := range ids {
		ids[i] = newID()
	}
	err = s.pool.TxRetry(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, sqlMake, book.ID, subjects, ids, s.now())
		if err != nil {
			return err
		}
		made = tag.RowsAffected()
		_, err = tx.Exec(ctx, sqlMoveOn, book.ID, sequence)
		return err
	})
	return made, err
}
