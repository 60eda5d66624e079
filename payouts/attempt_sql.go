package payouts

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/money"
	"mizan/payouts/processor"
)

const (
	sqlInsertAttempt = `
INSERT INTO payout_attempts (book_id, payout, act, attempt, instruction, account, object, amount, currency, method, digest, state, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`

	sqlUpdateAttempt = `
UPDATE payout_attempts SET state = $5, first_sent = $6, sendings = $7, code = $8, next = $9, again = $10, made = $11, entry = $12, request_id = $13,
       looked_at = $14, ended_at = $15
 WHERE book_id = $1 AND payout = $2 AND act = $3 AND attempt = $4`

	sqlLastAttempt = `
SELECT act, attempt, instruction, account, object, amount, currency, method, digest, state, first_sent, sendings, code, next, again, made, entry, request_id,
       looked_at, created_at, ended_at
  FROM payout_attempts WHERE book_id = $1 AND payout = $2 AND act = $3 ORDER BY attempt DESC LIMIT 1`
)

// store writes the attempt as it stands.
func (a *attempt) store(ctx context.Context, tx pgx.Tx, book ledger.BookID, payout string) error {
	if a.fresh {
		if _, err := tx.Exec(ctx, sqlInsertAttempt, book, payout, string(a.act), a.number, a.instruction, a.account, a.object, int64(a.amount), string(a.currency),
			a.method, a.digest, attemptIntended, a.createdAt); err != nil {
			return err
		}
		a.fresh = false
	}
	if a.looked == nil {
		a.looked = []time.Time{}
	}
	_, err := tx.Exec(ctx, sqlUpdateAttempt, book, payout, string(a.act), a.number, a.state, keptTime(a.first), a.sendings, word60(a.code), string(a.next),
		a.again, a.made, a.entry, a.request, a.looked, keptTime(a.endedAt))
	return err
}

// lastAttempt returns the latest attempt of an act, or nil.
func (s *Service) lastAttempt(ctx context.Context, book ledger.Book, payout string, act processor.Act) (*attempt, error) {
	a := &attempt{}
	var kind, currency, next string
	var amount int64
	var first, ended *time.Time
	err := s.pool.QueryRow(ctx, sqlLastAttempt, book.ID, payout, string(act)).Scan(&kind, &a.number, &a.instruction, &a.account, &a.object, &amount, &currency,
		&a.method, &a.digest, &a.state, &first, &a.sendings, &a.code, &next, &a.again, &a.made, &a.entry, &a.request, &a.looked, &a.createdAt, &ended)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	a.act, a.amount, a.currency, a.next = processor.Act(kind), money.Minor(amount), money.Currency(currency), processor.Next(next)
	a.first, a.endedAt, a.createdAt = givenTime(first), givenTime(ended), a.createdAt.UTC()
	a.looked = slices.Clone(a.looked)
	return a, nil
}
