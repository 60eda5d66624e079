package bankfile

import (
	"context"
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
	"mizan/ledger/postgres"
	"mizan/payouts/processor"
)

// A driver carries the orders of one book out in the tables of this package: each is one transaction, and what became of it is
// kept for its key for ever.

// The reasons of refusals that are this rail's own.
const (
	// CodeNoAccount: the book has no bank account for the currency.
	CodeNoAccount = "bank_account_missing"
	// CodeInFile: the payment is in a file, and only the bank can call it back.
	CodeInFile      = "payout_in_file"
	codeMethod      = "payout_method_unsupported"
	codeFunds       = "insufficient_funds"
	codeMissing     = "resource_missing"
	codeAmountLarge = "amount_too_large"
	codeNotPending  = "payout_not_pending"
	// CodeCancelled is why a payment ended that was cancelled while it waited.
	CodeCancelled = "cancelled"
)

// actorOrder is what stands beside a payment that was ordered or cancelled by an order.
const actorOrder = "order"

// payeeAccount is how the accounts of payees are named on this rail, as the vault names them.
var payeeAccount = regexp.MustCompile(`^payee:[A-Za-z0-9_.-]{1,64}$`)

const (
	sqlOrder       = `SELECT digest, made, code, again FROM bank_orders WHERE book_id = $1 AND key = $2`
	sqlInsertOrder = `INSERT INTO bank_orders (book_id, key, digest, made, code, again, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)`
	// What is taken from a payee's money is taken one after the other.
	sqlHoldMoney      = `SELECT coalesce(hold_bank_balance($1, $2, $3), 0)`
	sqlInsertEntry    = `INSERT INTO bank_entries (book_id, id, account, category, amount, currency, source, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`
	sqlInsertTransfer = `
INSERT INTO bank_transfers (book_id, id, instruction, key, digest, account, amount, currency, metadata, entry, arrived, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`
	sqlInsertReversal = `
INSERT INTO bank_reversals (book_id, id, transfer, instruction, key, digest, amount, entry, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`
	sqlInsertPayment = `
INSERT INTO bank_payments (book_id, id, instruction, key, digest, account, amount, currency, state, arrives_on, metadata, entry, created_at, changed_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'queued', $9, $10, $11, $12, $12)`
	sqlInsertStep = `
INSERT INTO bank_payment_steps (book_id, payment, number, account, state, actor, at) VALUES ($1, $2, 1, $3, 'queued', $4, $5)`
	sqlLockPayment = `SELECT state FROM bank_payments WHERE book_id = $1 AND id = $2 AND account = $3 FOR NO KEY UPDATE`
	sqlInFile      = `
SELECT EXISTS (SELECT FROM bank_payments WHERE book_id = $1 AND account = $2 AND currency = $3 AND state IN ('filed', 'accepted'))`
)

// Driver returns the driver of a book.
func (s *Service) Driver(book ledger.Book) processor.Driver { return &driver{s, book} }

// driver is the rail as one book uses it.
type driver struct {
	*Service
	book ledger.Book
}

// order is what all orders have in common.
type order interface {
	Valid() bool
	Key() processor.Key
	IdempotencyKey() string
	Digest() string
	Account() string
	Metadata() map[string]string
}

// refusal is why an order is not carried out; it is kept for its key.
type refusal struct {
	code  string
	again bool
}

// carryOut carries an order out once: do makes the object and returns its id, or refuses; read reads it.
func carryOut[T any](ctx context.Context, d *driver, o order, account bool, do func(tx pgx.Tx, now time.Time) (made string, refused refusal, err error),
	read func(ctx context.Context, id string) (T, error)) processor.Outcome[T] {
	switch {
	case !o.Valid(), account && !payeeAccount.MatchString(o.Account()):
		return processor.Outcome[T]{Verdict: processor.Refused, Code: processor.ReasonInvalidOrder}
	case o.Key().Expired(d.clock()):
		return processor.Outcome[T]{Code: processor.ReasonKeyExpired, Next: processor.LookUp}
	}
	var made, code string
	var again, replayed, drifted bool
	err := d.pool.TxRetry(ctx, func(tx pgx.Tx) error {
		var digest string
		made, code, again, replayed, drifted = "", "", false, false, false
		err := tx.QueryRow(ctx, sqlOrder, d.book.ID, o.IdempotencyKey()).Scan(&digest, &made, &code, &again)
		switch {
		case err == nil:
			replayed, drifted = true, digest != o.Digest()
			return nil
		case !errors.Is(err, pgx.ErrNoRows):
			return err
		}
		now := d.now()
		id, refused, err := do(tx, now)
		if err != nil {
			return err
		}
		made, code, again = id, refused.code, refused.again
		_, err = tx.Exec(ctx, sqlInsertOrder, d.book.ID, o.IdempotencyKey(), o.Digest(), made, code, again, now)
		return err
	})
	switch {
	case isTwin(err):
		err = nil
		outcome, known := d.known(ctx, o)
		if !known {
			return processor.Outcome[T]{Code: processor.ReasonInFlight, Next: processor.SendAgain}
		}
		made, code, again, drifted, replayed = outcome.made, outcome.code, outcome.again, outcome.digest != o.Digest(), true
	case err != nil:
		d.log.Warn("an order of the bank rail was not answered by the database", "error", err)
		return processor.Outcome[T]{Code: processor.ReasonNoAnswer, Next: processor.SendAgain}
	}
	switch {
	case drifted:
		return processor.Outcome[T]{Code: processor.ReasonDrift, Next: processor.Alarm}
	case code != "":
		return processor.Outcome[T]{Verdict: processor.Refused, Code: code, AnotherAttempt: again, Replayed: replayed}
	}
	object, err := read(ctx, made)
	if err != nil {
		return processor.Outcome[T]{Code: processor.ReasonNoAnswer, Next: processor.SendAgain}
	}
	return processor.Outcome[T]{Verdict: processor.Done, Object: object, Replayed: replayed}
}

// isTwin reports whether the same key was used by somebody else meanwhile.
func isTwin(err error) bool {
	for _, constraint := range []string{"bank_orders_pkey", "bank_transfers_key", "bank_reversals_key", "bank_payments_key"} {
		if postgres.IsUnique(err, constraint) {
			return true
		}
	}
	return false
}

// kept is what is kept of an order.
type kept struct {
	digest, made, code string
	again              bool
}

func (d *driver) known(ctx context.Context, o order) (k kept, found bool) {
	err := d.pool.QueryRow(ctx, sqlOrder, d.book.ID, o.IdempotencyKey()).Scan(&k.digest, &k.made, &k.code, &k.again)
	return k, err == nil
}

// hasAccount reports whether the book has a bank account for the currency.
func (d *driver) hasAccount(ctx context.Context, tx pgx.Tx, c money.Currency) (bool, error) {
	_, err := d.account(ctx, tx, d.book, c, 0)
	if fault.CodeOf(err) == ErrAccountMissing.Code {
		return false, nil
	}
	return err == nil, err
}

// has reports whether an account has an amount, and keeps others from taking of it until the transaction ends.
func (d *driver) has(ctx context.Context, tx pgx.Tx, account string, amount money.Minor, c money.Currency) (bool, error) {
	var there money.Minor
	err := tx.QueryRow(ctx, sqlHoldMoney, d.book.ID, account, c).Scan(&there)
	return err == nil && there >= amount, err
}

// SendTransfer sets money aside for a payee.
func (d *driver) SendTransfer(ctx context.Context, o processor.TransferOrder) processor.Outcome[processor.Transfer] {
	return carryOut(ctx, d, o, true, func(tx pgx.Tx, now time.Time) (string, refusal, error) {
		has, err := d.hasAccount(ctx, tx, o.Currency())
		if err != nil || !has {
			return "", refusal{CodeNoAccount, true}, err
		}
		metadata, err := json.Marshal(o.Metadata())
		if err != nil {
			return "", refusal{}, err
		}
		id, entry := newID("tr_"), newID("txn_")
		arrived := "py_" + strings.TrimPrefix(id, "tr_") // the database looks its transfer up by it
		batch := &pgx.Batch{}
		batch.Queue(sqlInsertEntry, d.book.ID, entry, "", "transfer", -o.Amount(), o.Currency(), id, now)
		batch.Queue(sqlInsertEntry, d.book.ID, newID("txn_"), o.Account(), "payment", o.Amount(), o.Currency(), arrived, now)
		batch.Queue(sqlInsertTransfer, d.book.ID, id, o.Key().Instruction(), o.IdempotencyKey(), o.Digest(), o.Account(), o.Amount(), o.Currency(), metadata, entry, arrived, now)
		return id, refusal{}, tx.SendBatch(ctx, batch).Close()
	}, d.ReadTransfer)
}

// ReverseTransfer takes money back that has not left.
func (d *driver) ReverseTransfer(ctx context.Context, o processor.ReversalOrder) processor.Outcome[processor.Reversal] {
	return carryOut(ctx, d, o, false, func(tx pgx.Tx, now time.Time) (string, refusal, error) {
		t, err := d.transfer(ctx, tx, o.Transfer())
		if errors.Is(err, processor.ErrAbsent) {
			return "", refusal{code: codeMissing}, nil
		}
		if err != nil {
			return "", refusal{}, err
		}
		if t.Currency != o.Currency() {
			return "", refusal{code: processor.ReasonInvalidOrder}, nil
		}
		has, err := d.has(ctx, tx, t.Account, o.Amount(), t.Currency)
		if err != nil {
			return "", refusal{}, err
		}
		// Read again: what was taken back meanwhile is not there any more.
		if t, err = d.transfer(ctx, tx, o.Transfer()); err != nil {
			return "", refusal{}, err
		}
		if o.Amount() > t.Amount-t.Reversed {
			return "", refusal{code: codeAmountLarge}, nil
		}
		if !has {
			var filed bool
			if err := tx.QueryRow(ctx, sqlInFile, d.book.ID, t.Account, t.Currency).Scan(&filed); err != nil {
				return "", refusal{}, err
			}
			if filed {
				return "", refusal{CodeInFile, true}, nil
			}
			return "", refusal{codeFunds, true}, nil
		}
		id, entry := newID("trr_"), newID("txn_")
		batch := &pgx.Batch{}
		batch.Queue(sqlInsertEntry, d.book.ID, entry, "", "transfer_reversal", o.Amount(), t.Currency, id, now)
		batch.Queue(sqlInsertEntry, d.book.ID, newID("txn_"), t.Account, "transfer_reversal", -o.Amount(), t.Currency, id, now)
		batch.Queue(sqlInsertReversal, d.book.ID, id, t.ID, o.Key().Instruction(), o.IdempotencyKey(), o.Digest(), o.Amount(), entry, now)
		return id, refusal{}, tx.SendBatch(ctx, batch).Close()
	}, d.readReversal)
}

// CreatePayout has money wait for the next file.
func (d *driver) CreatePayout(ctx context.Context, o processor.PayoutOrder) processor.Outcome[processor.Payout] {
	return carryOut(ctx, d, o, true, func(tx pgx.Tx, now time.Time) (string, refusal, error) {
		if o.Method() != processor.Standard {
			return "", refusal{codeMethod, true}, nil
		}
		a, err := d.account(ctx, tx, d.book, o.Currency(), 0)
		if fault.CodeOf(err) == ErrAccountMissing.Code {
			return "", refusal{CodeNoAccount, true}, nil
		}
		if err != nil {
			return "", refusal{}, err
		}
		has, err := d.has(ctx, tx, o.Account(), o.Amount(), o.Currency())
		if err != nil || !has {
			return "", refusal{codeFunds, true}, err
		}
		metadata, err := json.Marshal(o.Metadata())
		if err != nil {
			return "", refusal{}, err
		}
		id, entry := newPaymentID(), newID("txn_")
		arrives := businessDaysAfter(a.Debtor.Format, executeOn(a.Debtor.Format, now), a.PaidAfter)
		batch := &pgx.Batch{}
		batch.Queue(sqlInsertEntry, d.book.ID, entry, o.Account(), "payout", -o.Amount(), o.Currency(), id, now)
		batch.Queue(sqlInsertPayment, d.book.ID, id, o.Key().Instruction(), o.IdempotencyKey(), o.Digest(), o.Account(), o.Amount(), o.Currency(), arrives, metadata, entry, now)
		batch.Queue(sqlInsertStep, d.book.ID, id, o.Account(), actorOrder, now)
		return id, refusal{}, tx.SendBatch(ctx, batch).Close()
	}, func(ctx context.Context, id string) (processor.Payout, error) {
		return d.ReadPayout(ctx, o.Account(), id)
	})
}

// CancelPayout stops a payment that waits for a file.
func (d *driver) CancelPayout(ctx context.Context, o processor.CancelOrder) processor.Outcome[processor.Payout] {
	return carryOut(ctx, d, o, true, func(tx pgx.Tx, now time.Time) (string, refusal, error) {
		var state string
		err := tx.QueryRow(ctx, sqlLockPayment, d.book.ID, o.Payout(), o.Account()).Scan(&state)
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			return "", refusal{code: codeMissing}, nil
		case err != nil:
			return "", refusal{}, err
		case state == PaymentFiled || state == PaymentAccepted:
			return "", refusal{CodeInFile, true}, nil
		case state != PaymentQueued:
			return "", refusal{code: codeNotPending}, nil
		}
		err = d.moveTx(ctx, tx, d.book, []movement{{o.Payout(), PaymentCancelled, CodeCancelled}}, evidence{actor: actorOrder}, now)
		return o.Payout(), refusal{}, err
	}, func(ctx context.Context, id string) (processor.Payout, error) {
		return d.ReadPayout(ctx, o.Account(), id)
	})
}
