//go:build !race

package bankfile_test

import (
	"testing"

	"mizan/ledger/guard"
)

// TestThousandsOfPaymentsOfOnePayee come back at once, when two people declare their file void.
func TestThousandsOfPaymentsOfOnePayee(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.euros(0)
	h.banked("cre_big", euroBank(1))
	h.ordered("cre_big", "po_first", 1, "EUR")
	h.owner(`
WITH n AS (SELECT lpad(g::text, 20, '0') AS n FROM generate_series(1, 4999) g), p AS (SELECT * FROM bank_payments), t AS (SELECT * FROM bank_transfers),
transfers AS (INSERT INTO bank_transfers (book_id, id, instruction, key, digest, account, amount, currency, metadata, entry, arrived, created_at)
  SELECT t.book_id, 'tr_' || n, 'po_' || n, 't' || n, t.digest, t.account, 1, 'EUR', '{}', 'txn_a' || n, 'py_' || n, t.created_at FROM n, t),
payments AS (INSERT INTO bank_payments (book_id, id, instruction, key, digest, account, amount, currency, state, arrives_on, metadata, entry, created_at, changed_at)
  SELECT p.book_id, 'po_' || n, 'po_' || n, 'p' || n, p.digest, p.account, 1, 'EUR', 'queued', p.arrives_on, '{}', 'txn_c' || n, p.created_at, p.changed_at FROM n, p),
steps AS (INSERT INTO bank_payment_steps (book_id, payment, number, account, state, actor, at) SELECT p.book_id, 'po_' || n, 1, p.account, 'queued', 'order', p.created_at FROM n, p)
INSERT INTO bank_entries (book_id, id, account, category, amount, currency, source, created_at)
  SELECT p.book_id, e.id || n, CASE e.id WHEN 'txn_a' THEN '' ELSE p.account END, e.category, e.amount, 'EUR', e.source || n, p.created_at
    FROM n, p, (VALUES ('txn_a', 'transfer', -1, 'tr_'), ('txn_b', 'payment', 1, 'py_'), ('txn_c', 'payout', -1, 'po_')) AS e (id, category, amount, source)`)
	f := h.one()
	if f.Lines != 5000 {
		t.Fatalf("%+v", f)
	}
	_, _, err := h.Content(t.Context(), h.book, "EUR", f.Number, ann, "pay day")
	h.ok(err)
	desk, asked, err := h.askVoid("EUR", f.Number)
	h.ok(err)
	if _, err := desk.Approve(t.Context(), ben, guard.Book{ID: int32(h.book.ID), Code: h.book.Code}, asked.ID, asked.Hash, "yes"); err != nil {
		t.Fatal(err)
	}
	h.balance("payee:cre_big", "EUR", 5000)
	// However many entries one statement has, a balance moves once for it.
	if n := h.count(`SELECT count(*) FROM pg_trigger WHERE tgname = 'keeps_balance' AND tgrelid = 'bank_entries'::regclass AND tgtype & 1 = 0`); n != 1 {
		t.Error("the balance moves for each row")
	}
	h.sound()
}
