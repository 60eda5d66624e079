package bankfile

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger/fault"
	"mizan/ledger/money"
	"mizan/ledger/vault"
	"mizan/payouts/processor"
)

// What a driver reads stands in this package's tables, so an answer is always the whole of it: more rows than a listing may
// hold are an error.

const (
	transferColumns = `SELECT id, instruction, account, amount, reversed, currency, created_at, entry, arrived, metadata FROM bank_transfers`
	sqlTransfer     = transferColumns + ` WHERE book_id = $1 AND id = $2`
	sqlTransfers    = transferColumns + ` WHERE book_id = $1 AND instruction = $2 ORDER BY created_at, id LIMIT $3`

	reversalColumns = `
SELECT r.id, r.instruction, r.transfer, r.entry, r.amount, t.currency, r.created_at FROM bank_reversals r
  JOIN bank_transfers t ON t.book_id = r.book_id AND t.id = r.transfer`
	sqlReversal  = reversalColumns + ` WHERE r.book_id = $1 AND r.id = $2`
	sqlReversals = reversalColumns + ` WHERE r.book_id = $1 AND r.transfer = $2 AND r.instruction = $3 ORDER BY r.created_at, r.id LIMIT $4`

	payoutColumns = `
SELECT p.id, p.instruction, p.account, p.amount, p.currency, p.state, p.code, p.created_at, p.arrives_on, p.entry, coalesce(p.failure_entry, ''), p.trace, p.metadata
  FROM bank_payments p`
	sqlPayout = payoutColumns + ` WHERE p.book_id = $1 AND p.account = $2 AND p.id = $3`
	sqlFound  = payoutColumns + `
 WHERE p.book_id = $1 AND p.account = $2 AND p.instruction = $3 AND p.created_at >= $4 AND p.created_at < $5 ORDER BY p.created_at DESC, p.id DESC LIMIT $6`
	sqlListed = payoutColumns + `
 WHERE p.book_id = $1 AND p.account = $2 AND p.created_at >= $3 AND p.created_at < $4 ORDER BY p.created_at DESC, p.id DESC LIMIT $5`

	sqlHasMoney = `SELECT EXISTS (SELECT FROM bank_balances WHERE book_id = $1 AND account = $2)`
	sqlBalances = `SELECT currency, balance FROM bank_balances WHERE book_id = $1 AND account = $2`

	entryColumns = `SELECT id, category, amount, currency, source, created_at FROM bank_entries`
	sqlEntry     = entryColumns + ` WHERE book_id = $1 AND account = $2 AND id = $3`
	sqlEntries   = entryColumns + `
 WHERE book_id = $1 AND account = $2 AND created_at >= $3 AND created_at < $4 ORDER BY created_at DESC, id DESC LIMIT $5`

	sqlNotices = `
SELECT payment, number, account, state, at FROM bank_payment_steps
 WHERE book_id = $1 AND account = $2 AND at >= $3 AND at < $4 ORDER BY at DESC, payment DESC, number DESC LIMIT $5`
)

// stateWords are the states of payments in the words of drivers.
var stateWords = map[string]string{PaymentQueued: processor.PayoutPending, PaymentFiled: processor.PayoutInTransit, PaymentAccepted: processor.PayoutInTransit,
	PaymentSettled: processor.PayoutPaid, PaymentFailed: processor.PayoutFailed, PaymentCancelled: processor.PayoutCancelled}

// noticeWords are what is announced when a payment comes to a state.
var noticeWords = map[string]string{PaymentQueued: "payout.created", PaymentSettled: "payout.paid", PaymentFailed: "payout.failed", PaymentCancelled: "payout.canceled"}

// unread is what a read returns when the database did not answer.
func unread(err error) error {
	if err == nil || fault.KindOf(err) == fault.NotFound {
		return err
	}
	return processor.ErrUnavailable.Because(err)
}

// span is a window as it is asked for: without an end it has none.
func span(w processor.Window) (from, until time.Time) {
	from, until = w.From, w.Until
	if from.IsZero() {
		from = time.Unix(0, 0)
	}
	if until.IsZero() {
		until = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	return from.UTC(), until.UTC()
}

// list reads rows, all of them or none.
func list[T any](ctx context.Context, d *driver, scan func(pgx.CollectableRow) (T, error), sql string, args ...any) ([]T, error) {
	found, err := d.pool.Query(ctx, sql, append(args, processor.MaxRows+1)...)
	if err != nil {
		return nil, unread(err)
	}
	all, err := pgx.CollectRows(found, scan)
	if err != nil {
		return nil, unread(err)
	}
	if len(all) > processor.MaxRows {
		return nil, processor.ErrTooMany
	}
	return all, nil
}

// one reads one row. It returns processor.ErrAbsent.
func one[T any](v T, err error) (T, error) {
	var none T
	if errors.Is(err, pgx.ErrNoRows) {
		return none, processor.ErrAbsent
	}
	if err != nil {
		return none, unread(err)
	}
	return v, nil
}

func scanTransfer(row pgx.Row) (t processor.Transfer, err error) {
	var metadata []byte
	if err = row.Scan(&t.ID, &t.Instruction, &t.Account, &t.Amount, &t.Reversed, &t.Currency, &t.Created, &t.Entry, &t.Payment, &metadata); err != nil {
		return t, err
	}
	t.Created = t.Created.UTC()
	return t, json.Unmarshal(metadata, &t.Metadata)
}

func (d *driver) transfer(ctx context.Context, from rows, id string) (processor.Transfer, error) {
	t, err := scanTransfer(from.QueryRow(ctx, sqlTransfer, d.book.ID, id))
	if errors.Is(err, pgx.ErrNoRows) {
		return processor.Transfer{}, processor.ErrAbsent
	}
	return t, err
}

// ReadTransfer reads one transfer.
func (d *driver) ReadTransfer(ctx context.Context, id string) (processor.Transfer, error) {
	t, err := d.transfer(ctx, d.pool, id)
	return t, unread(err)
}

// FindTransfers returns all transfers of an instruction.
func (d *driver) FindTransfers(ctx context.Context, instruction string) ([]processor.Transfer, error) {
	if instruction == "" {
		return nil, processor.ErrKey
	}
	return list(ctx, d, func(row pgx.CollectableRow) (processor.Transfer, error) { return scanTransfer(row) }, sqlTransfers, d.book.ID, instruction)
}

func scanReversal(row pgx.Row) (r processor.Reversal, err error) {
	err = row.Scan(&r.ID, &r.Instruction, &r.Transfer, &r.Entry, &r.Amount, &r.Currency, &r.Created)
	r.Created = r.Created.UTC()
	return r, err
}

func (d *driver) readReversal(ctx context.Context, id string) (processor.Reversal, error) {
	return one(scanReversal(d.pool.QueryRow(ctx, sqlReversal, d.book.ID, id)))
}

// FindReversals returns all reversals of a transfer that were made for an instruction.
func (d *driver) FindReversals(ctx context.Context, transfer, instruction string) ([]processor.Reversal, error) {
	if instruction == "" {
		return nil, processor.ErrKey
	}
	if _, err := d.ReadTransfer(ctx, transfer); err != nil {
		return nil, err
	}
	return list(ctx, d, func(row pgx.CollectableRow) (processor.Reversal, error) { return scanReversal(row) }, sqlReversals, d.book.ID, transfer, instruction)
}

func scanPayout(row pgx.Row) (p processor.Payout, err error) {
	var state string
	var metadata []byte
	if err = row.Scan(&p.ID, &p.Instruction, &p.Account, &p.Amount, &p.Currency, &state, &p.FailureCode, &p.Created, &p.Arrival, &p.Entry, &p.FailureEntry, &p.Trace, &metadata); err != nil {
		return p, err
	}
	p.State, p.Method, p.Destination = stateWords[state], processor.Standard, p.Account
	if !ended(state) { // what the receiver's bank asks to be mended is no failure
		p.FailureCode = ""
	}
	p.Created, p.Arrival = p.Created.UTC(), p.Arrival.UTC()
	return p, json.Unmarshal(metadata, &p.Metadata)
}

// ReadPayout reads one payment of a payee.
func (d *driver) ReadPayout(ctx context.Context, account, id string) (processor.Payout, error) {
	return one(scanPayout(d.pool.QueryRow(ctx, sqlPayout, d.book.ID, account, id)))
}

// knows returns processor.ErrAbsent for an account that never had money.
func (d *driver) knows(ctx context.Context, account string) error {
	var has bool
	if err := d.pool.QueryRow(ctx, sqlHasMoney, d.book.ID, account).Scan(&has); err != nil {
		return unread(err)
	}
	if !has {
		return processor.ErrAbsent
	}
	return nil
}

// FindPayouts returns all payments of a payee that were made for an instruction and created in the window.
func (d *driver) FindPayouts(ctx context.Context, account, instruction string, w processor.Window) ([]processor.Payout, error) {
	if instruction == "" {
		return nil, processor.ErrKey
	}
	if err := d.knows(ctx, account); err != nil {
		return nil, err
	}
	from, until := span(w)
	return list(ctx, d, func(row pgx.CollectableRow) (processor.Payout, error) { return scanPayout(row) }, sqlFound, d.book.ID, account, instruction, from, until)
}

// ListPayouts returns all payments of a payee that were created in the window, newest first.
func (d *driver) ListPayouts(ctx context.Context, account string, w processor.Window) ([]processor.Payout, error) {
	if err := d.knows(ctx, account); err != nil {
		return nil, err
	}
	from, until := span(w)
	return list(ctx, d, func(row pgx.CollectableRow) (processor.Payout, error) { return scanPayout(row) }, sqlListed, d.book.ID, account, from, until)
}

// ReadAccount reads whether a payee can be paid: whether the vault has bank data of it that one of the book's bank accounts can
// pay to. It returns processor.ErrAbsent if the vault has none.
func (d *driver) ReadAccount(ctx context.Context, id string) (processor.Account, error) {
	if !payeeAccount.MatchString(id) {
		return processor.Account{}, processor.ErrAbsent
	}
	accounts, err := d.Accounts(ctx, d.book)
	if err != nil {
		return processor.Account{}, unread(err)
	}
	var fields map[string]string
	err = d.pool.ReadTx(ctx, func(tx pgx.Tx) (err error) {
		fields, err = d.vault.GetTx(ctx, tx, vault.Owner{Book: int32(d.book.ID), Region: d.book.Region}, id, bankFields)
		return err
	})
	if fault.CodeOf(err) == vault.ErrErased.Code || err == nil && fields["bank_account"] == "" {
		return processor.Account{}, processor.ErrAbsent
	}
	if err != nil {
		return processor.Account{}, processor.ErrUnavailable.Because(err)
	}
	a := processor.Account{ID: id, Manual: true, Capabilities: map[string]string{"transfers": "inactive"}, DisabledReason: CodeBankInvalid}
	i := slices.IndexFunc(accounts, func(from Account) bool { return receiverOf(from.Debtor, fields).code == "" })
	if i >= 0 {
		a.PayoutsEnabled, a.DisabledReason, a.Country = true, "", receiverOf(accounts[i].Debtor, fields).Country
		a.Capabilities["transfers"] = "active"
	} else if len(accounts) == 0 {
		a.DisabledReason = CodeNoAccount
	}
	return a, nil
}

// ReadBalance reads what is set aside for a payee. Of our own account, the empty one, no currency is known here: what a bank has
// stands in its statements.
func (d *driver) ReadBalance(ctx context.Context, account string) (map[money.Currency]processor.Balance, error) {
	all := map[money.Currency]processor.Balance{}
	if account == "" {
		return all, nil
	}
	found, err := d.pool.Query(ctx, sqlBalances, d.book.ID, account)
	if err != nil {
		return nil, unread(err)
	}
	var c money.Currency
	var m money.Minor
	if _, err := pgx.ForEachRow(found, []any{&c, &m}, func() error {
		all[c] = processor.Balance{Available: m}
		return nil
	}); err != nil {
		return nil, unread(err)
	}
	if len(all) == 0 {
		return nil, processor.ErrAbsent
	}
	return all, nil
}

func scanEntry(row pgx.Row) (e processor.Entry, err error) {
	err = row.Scan(&e.ID, &e.Category, &e.Amount, &e.Currency, &e.Source, &e.Created)
	e.Type, e.Net, e.Created, e.State = e.Category, e.Amount, e.Created.UTC(), "available"
	e.AvailableOn = e.Created
	return e, err
}

// ListEntries returns every entry of an account in the window, newest first; our own account is the empty one.
func (d *driver) ListEntries(ctx context.Context, account string, w processor.Window) ([]processor.Entry, error) {
	from, until := span(w)
	return list(ctx, d, func(row pgx.CollectableRow) (processor.Entry, error) { return scanEntry(row) }, sqlEntries, d.book.ID, account, from, until)
}

// ReadEntry reads one entry of an account.
func (d *driver) ReadEntry(ctx context.Context, account, id string) (processor.Entry, error) {
	return one(scanEntry(d.pool.QueryRow(ctx, sqlEntry, d.book.ID, account, id)))
}

// ListNotices returns what happened to the payments of a payee in the window, newest first. It is made of their steps: nothing
// is lost, and nothing comes twice.
func (d *driver) ListNotices(ctx context.Context, account string, w processor.Window) ([]processor.Notice, error) {
	from, until := span(w)
	return list(ctx, d, func(row pgx.CollectableRow) (n processor.Notice, err error) {
		var number int
		var state string
		err = row.Scan(&n.Object, &number, &n.Account, &state, &n.Created)
		if n.Type = noticeWords[state]; n.Type == "" || number > 1 && state == PaymentQueued {
			n.Type = "payout.updated"
		}
		n.ID, n.Kind, n.Created, n.Live, n.Ours, n.Connect = "evt_"+strings.TrimPrefix(n.Object, "po_")+"_"+strconv.Itoa(number), "payout", n.Created.UTC(), true, true, true
		return n, err
	}, sqlNotices, d.book.ID, account, from, until)
}

// ListPayoutEntries returns processor.ErrAbsent: every payment is ordered here, and none is made by itself.
func (d *driver) ListPayoutEntries(context.Context, string, string) ([]processor.Entry, error) {
	return nil, processor.ErrAbsent
}

// ReadNotice returns processor.ErrNotice: a bank sends none, and its reports come another way.
func (d *driver) ReadNotice([]byte, string) (processor.Notice, error) {
	return processor.Notice{}, processor.ErrNotice
}
