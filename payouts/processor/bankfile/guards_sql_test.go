package bankfile_test

import (
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"

	"mizan/ledger/postgres"
	"mizan/payouts/processor/bankfile"
)

// TestTheDatabaseRefusesBehindTheServicesBack: with the application's own role.
func TestTheDatabaseRefusesBehindTheServicesBack(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.euros(0)
	all := h.many(3)
	f, _ := h.sent()
	h.taken(report(f, "", said{payment: all[0].ID, status: "ACSC"}, said{payment: all[1].ID, status: "RJCT", code: "AC04"}))
	h.banked("cre_w", euroBank(60))
	waiting := h.ordered("cre_w", "po_w", 100, "EUR")
	const payment = `UPDATE bank_payments SET `
	const of = ` WHERE book_id = $1 AND id = '`
	for name, sql := range map[string]string{
		"a settled payment waits again":        payment + `state = 'queued', file = NULL, line = NULL, trace = '', execute_on = NULL` + of + all[0].ID + `'`,
		"a settled payment is only filed":      payment + `state = 'filed'` + of + all[0].ID + `'`,
		"a failed payment is settled":          payment + `state = 'settled', failure_entry = NULL` + of + all[1].ID + `'`,
		"a failed payment fails otherwise":     payment + `code = 'AC01'` + of + all[1].ID + `'`,
		"a payment leaves its file":            payment + `file = NULL, line = NULL, trace = '', execute_on = NULL, state = 'queued'` + of + all[2].ID + `'`,
		"a payment takes another line":         payment + `line = 9` + of + all[2].ID + `'`,
		"a payment joins a file that was sent": payment + `state = 'filed', file = 1, line = 9, trace = 'x', execute_on = '2026-03-03'` + of + waiting.ID + `'`,
		"a payment fails and keeps the money":  payment + `state = 'failed', code = 'x'` + of + waiting.ID + `'`,
		"another amount":                       payment + `amount = 1` + of + waiting.ID + `'`,
		"a payment goes":                       `DELETE FROM bank_payments WHERE book_id = $1`,
		"a gap":                                `UPDATE bank_account_heads SET files = files + 2 WHERE book_id = $1`,
		"a number again":                       `UPDATE bank_account_heads SET files = files - 1 WHERE book_id = $1`,
		"a file out of order": `INSERT INTO bank_files (book_id, currency, number, account_version, format, message_id, state, digest, lines, sum, entry_hash, execute_on, made_at, made_by)
			SELECT book_id, currency, 3, account_version, format, 'X', 'made', digest, lines, sum, entry_hash, execute_on, made_at, made_by FROM bank_files WHERE book_id = $1`,
		"a file goes back":            `UPDATE bank_files SET state = 'fetched' WHERE book_id = $1`,
		"a file is void by nobody":    `UPDATE bank_files SET state = 'void', void_at = now() WHERE book_id = $1`,
		"a file was sent by another":  `UPDATE bank_files SET sent_by = 'per_eve' WHERE book_id = $1`,
		"a file has other bytes":      `UPDATE bank_files SET digest = repeat('0', 64) WHERE book_id = $1`,
		"money out of nothing":        `UPDATE bank_balances SET balance = balance + 1 WHERE book_id = $1`,
		"a balance of nobody":         `INSERT INTO bank_balances (book_id, account, currency, balance) VALUES ($1, 'payee:x', 'EUR', 1)`,
		"more than there is":          `INSERT INTO bank_entries (book_id, id, account, category, amount, currency, source, created_at) VALUES ($1, 'txn_aaaaaaaaaaaaaaaa', 'payee:cre_0', 'payout', -1, 'EUR', 'po_x', now())`,
		"money back without a reason": `INSERT INTO bank_entries (book_id, id, account, category, amount, currency, source, created_at) VALUES ($1, 'txn_aaaaaaaaaaaaaaaa', 'payee:cre_1', 'payout_reversal', 5, 'EUR', '` + all[1].ID + `', now())`,
		"money back of what was paid": `INSERT INTO bank_entries (book_id, id, account, category, amount, currency, source, created_at) VALUES ($1, 'txn_aaaaaaaaaaaaaaaa', 'payee:cre_0', 'payout_reversal', 1000, 'EUR', '` + all[0].ID + `', now())`,
		"money set aside by nobody":   `INSERT INTO bank_entries (book_id, id, account, category, amount, currency, source, created_at) VALUES ($1, 'txn_aaaaaaaaaaaaaaaa', 'payee:cre_0', 'payment', 1000, 'EUR', 'py_aaaaaaaaaaaaaaaa', now())`,
		"an entry is changed":         `UPDATE bank_entries SET amount = 1 WHERE book_id = $1`,
		"an entry goes":               `DELETE FROM bank_entries WHERE book_id = $1`,
		"a key is forgotten":          `DELETE FROM bank_orders WHERE book_id = $1`,
		"a step is changed":           `UPDATE bank_payment_steps SET state = 'settled' WHERE book_id = $1`,
		"a report is changed":         `UPDATE bank_reports SET settled = 9 WHERE book_id = $1`,
		"a report goes":               `DELETE FROM bank_report_items WHERE book_id = $1`,
		"an account is rewritten":     `UPDATE bank_accounts SET document = '{}' WHERE book_id = $1`,
		"a transfer shrinks":          `UPDATE bank_transfers SET reversed = 1 WHERE book_id = $1`,
		"everything":                  `TRUNCATE bank_files CASCADE`,
	} {
		args := []any{h.book.ID}
		if name == "everything" {
			args = nil
		}
		if err := h.exec(sql, args...); postgres.SQLState(err) == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	h.sound()
}

// TestRolledBackIsNothing: whoever joins a transaction leaves nothing behind when it ends otherwise.
func TestRolledBackIsNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.euros(0)
	h.many(2)
	f := h.one()
	other := errors.New("the caller thinks otherwise")
	before := h.snapshot()
	err := h.db.Pool.Tx(t.Context(), func(tx pgx.Tx) error {
		if _, err := h.VoidTx(t.Context(), tx, h.book, "EUR", f.Number, ann, "x"); err != nil {
			return err
		}
		return other
	})
	if !errors.Is(err, other) || h.snapshot() != before {
		t.Errorf("%v, or something was left behind", err)
	}
	if _, _, err := h.Content(t.Context(), h.book, "EUR", f.Number, ann, "pay day"); err != nil {
		t.Fatal(err)
	}
	before = h.snapshot()
	err = h.db.Pool.Tx(t.Context(), func(tx pgx.Tx) error {
		if got, err := h.SentTx(t.Context(), tx, h.book, "EUR", f.Number, ann, "x"); err != nil || got.State != bankfile.FileSent {
			return errors.Join(err, errors.New("not sent"))
		}
		return other
	})
	if !errors.Is(err, other) || h.snapshot() != before {
		t.Errorf("%v, or something was left behind", err)
	}
}
