package bankfile

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/money"
)

// A payment is moved forward by a report of the bank, by silence, or by people, and each movement leaves a step. What ends
// without having been paid brings its money back in the same statement.

const (
	paymentColumns = `id, instruction, account, amount, currency, state, code, trace, coalesce(file, 0), coalesce(line, 0), created_at, changed_at`

	sqlGiveBack = `
INSERT INTO bank_entries (book_id, id, account, category, amount, currency, source, created_at)
SELECT $1, w.entry, p.account, 'payout_reversal', p.amount, p.currency, p.id, $4
  FROM unnest($2::text[], $3::text[]) AS w (id, entry)
  JOIN bank_payments p ON p.book_id = $1 AND p.id = w.id
 ORDER BY p.account, p.id`

	sqlMovePayments = `
WITH moved AS (
    UPDATE bank_payments p
       SET state = w.state, code = CASE WHEN w.code <> '' THEN w.code ELSE p.code END, failure_entry = coalesce(nullif(w.entry, ''), p.failure_entry),
           file = CASE WHEN w.state = 'queued' THEN NULL ELSE p.file END, line = CASE WHEN w.state = 'queued' THEN NULL ELSE p.line END,
           trace = CASE WHEN w.state = 'queued' THEN '' ELSE p.trace END, execute_on = CASE WHEN w.state = 'queued' THEN NULL ELSE p.execute_on END,
           steps = p.steps + 1, changed_at = $6
      FROM unnest($2::text[], $3::text[], $4::text[], $5::text[]) AS w (id, state, code, entry)
     WHERE p.book_id = $1 AND p.id = w.id
    RETURNING p.id, p.steps, p.account, p.state, w.code, p.file)
INSERT INTO bank_payment_steps (book_id, payment, number, account, state, code, file, report, actor, at)
SELECT $1, m.id, m.steps, m.account, m.state, m.code, m.file, $7, $8, $6 FROM moved m`

	sqlFileSteps = `
SELECT number, state, code, at, coalesce(file, 0), report, actor FROM bank_payment_steps WHERE book_id = $1 AND payment = $2 ORDER BY number`
	sqlPaymentsOf = `
SELECT ` + paymentColumns + ` FROM bank_payments WHERE book_id = $1 AND currency = $2 AND file = $3 AND line > $4 ORDER BY line LIMIT $5`
	sqlPaymentsWaiting = `
SELECT ` + paymentColumns + ` FROM bank_payments WHERE book_id = $1 AND currency = $2 AND state = 'queued' ORDER BY created_at, id LIMIT $3`
	sqlWaiting = `
SELECT h.currency, count(*), sum(p.amount)::bigint, min(p.created_at)
  FROM bank_account_heads h JOIN bank_payments p ON p.book_id = h.book_id AND p.currency = h.currency AND p.state = 'queued'
 WHERE h.book_id = $1 GROUP BY h.currency ORDER BY h.currency`
)

// movement is where a payment goes; code says why, and is kept as it was if empty.
type movement struct{ id, state, code string }

// evidence is what moves payments: the digest of a report, or somebody.
type evidence struct{ report, actor string }

// ended reports whether a payment in the state takes no more place.
func ended(state string) bool { return state == PaymentFailed || state == PaymentCancelled }

// moveTx moves payments that the caller has locked and judged, and brings back the money of those that end.
func (s *Service) moveTx(ctx context.Context, tx pgx.Tx, book ledger.Book, all []movement, e evidence, now time.Time) error {
	if len(all) == 0 {
		return nil
	}
	var ids, states, codes, entries, back, backEntries []string
	for _, m := range all {
		entry := ""
		if ended(m.state) {
			entry = newID("txn_")
			back, backEntries = append(back, m.id), append(backEntries, entry)
		}
		ids, states, codes, entries = append(ids, m.id), append(states, m.state), append(codes, m.code), append(entries, entry)
	}
	if len(back) > 0 {
		if _, err := tx.Exec(ctx, sqlGiveBack, book.ID, back, backEntries, now); err != nil {
			return fmt.Errorf("bring money back: %w", err)
		}
	}
	done, err := tx.Exec(ctx, sqlMovePayments, book.ID, ids, states, codes, entries, now, e.report, e.actor)
	if err == nil && done.RowsAffected() != int64(len(all)) {
		err = errors.New("a payment is missing or is named twice")
	}
	if err != nil {
		return fmt.Errorf("move payments: %w", err)
	}
	return nil
}

// newID returns an id of 26 random characters after its prefix, so that two services never make the same one; a payment's is a
// little shorter than the 30 characters that files have room for.
func newID(prefix string) string { return prefix + strings.ToLower(rand.Text()) }

// newPaymentID returns the id of a payment, which stands in files.
func newPaymentID() string { return "po_" + strings.ToLower(rand.Text())[:24] }

func scanPayment(row pgx.CollectableRow) (p Payment, err error) {
	err = row.Scan(&p.ID, &p.Instruction, &p.Account, &p.Amount, &p.Currency, &p.State, &p.Code, &p.Trace, &p.File, &p.Line, &p.CreatedAt, &p.ChangedAt)
	p.CreatedAt, p.ChangedAt = p.CreatedAt.UTC(), p.ChangedAt.UTC()
	return p, err
}

// querier is what rows are read from: a pool or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

func payments(ctx context.Context, from querier, sql string, args ...any) ([]Payment, error) {
	found, err := from.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("read payments: %w", err)
	}
	return pgx.CollectRows(found, scanPayment)
}

// MaxPage bounds a page of a list.
const MaxPage = 1000

// page is a limit as it is used.
func page(limit int) int {
	if limit < 1 || limit > MaxPage {
		return MaxPage
	}
	return limit
}

// Payments returns the payments of a file in order of their lines, those after the line given; with the number 0 what waits for
// the next file of the currency, the oldest first, up to the limit and at most MaxPage.
func (s *Service) Payments(ctx context.Context, book ledger.Book, c money.Currency, number int64, after, limit int) ([]Payment, error) {
	if number == 0 {
		return payments(ctx, s.pool, sqlPaymentsWaiting, book.ID, c, page(limit))
	}
	return payments(ctx, s.pool, sqlPaymentsOf, book.ID, c, number, after, page(limit))
}

// Steps returns what has moved a payment, in order. It returns ErrPaymentUnknown.
func (s *Service) Steps(ctx context.Context, book ledger.Book, payment string) ([]PaymentStep, error) {
	found, err := s.pool.Query(ctx, sqlFileSteps, book.ID, payment)
	if err != nil {
		return nil, fmt.Errorf("read the steps of a payment: %w", err)
	}
	steps, err := pgx.CollectRows(found, func(row pgx.CollectableRow) (p PaymentStep, err error) {
		err = row.Scan(&p.Number, &p.State, &p.Code, &p.At, &p.File, &p.Report, &p.Actor)
		p.At = p.At.UTC()
		return p, err
	})
	if err != nil || len(steps) > 0 {
		return steps, err
	}
	return nil, ErrPaymentUnknown
}

// Waiting returns what waits for the next file, by currency; nothing for a currency in which nothing waits.
func (s *Service) Waiting(ctx context.Context, book ledger.Book) ([]Waiting, error) {
	found, err := s.pool.Query(ctx, sqlWaiting, book.ID)
	if err != nil {
		return nil, fmt.Errorf("read what waits: %w", err)
	}
	return pgx.CollectRows(found, func(row pgx.CollectableRow) (w Waiting, err error) {
		err = row.Scan(&w.Currency, &w.Payments, &w.Sum, &w.Since)
		w.Since = w.Since.UTC()
		return w, err
	})
}
