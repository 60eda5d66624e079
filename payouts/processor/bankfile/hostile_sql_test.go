package bankfile_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"mizan/ledger/fault"
	"mizan/ledger/guard"
	"mizan/ledger/money"
	"mizan/ledger/postgres"
	"mizan/payouts/processor"
	"mizan/payouts/processor/bankfile"
)

// askVoid asks for a file to be declared void.
func (h *house) askVoid(c money.Currency, number int64) (*guard.Desk, guard.Approval, error) {
	h.Helper()
	desk := guard.NewDesk(h.db.Pool, h.trail, h.clock.Now, h.Acts(h.bookOf))
	asked, err := desk.Ask(h.Context(), ann, guard.Book{ID: int32(h.book.ID), Code: h.book.Code}, guard.Request{Act: bankfile.ActVoid,
		Payload: json.RawMessage(fmt.Sprintf(`{"currency":%q,"number":%d}`, c, number)), Reason: "the bank lost it", Document: "mail-1"})
	return desk, asked, err
}

// ordersOf orders a payment in dollars for each of n payees.
func (h *house) ordersOf(n int) (all []processor.Payout) {
	h.Helper()
	for i := range n {
		payee := fmt.Sprintf("cre_%d", i)
		h.banked(payee, dollarBank(i))
		all = append(all, h.ordered(payee, fmt.Sprintf("po_%d", i), 1000, "USD"))
		h.clock.advance(time.Second)
	}
	return all
}

// TestWhatTheBankCarriesOutIsNeverVoid: a bank that returns a payment, says that it paid one that came back, or that it takes a
// part, has the file. Were it void, those that it pays would be paid again.
func TestWhatTheBankCarriesOutIsNeverVoid(t *testing.T) {
	t.Parallel()
	for name, says := range map[string]func(h *house, f bankfile.FileRecord, all []processor.Payout){
		"paid and then returned": func(h *house, f bankfile.FileRecord, all []processor.Payout) {
			h.taken(report(f, "", said{payment: all[0].ID, status: "ACSC"}))
			h.taken(report(f, "", said{payment: all[0].ID, status: "RJCT", code: "AC04"}))
		},
		"a part": func(h *house, f bankfile.FileRecord, all []processor.Payout) {
			h.taken(report(f, "PART", said{payment: all[0].ID, status: "RJCT", code: "AC04"}))
		},
		"a word that is not known": func(h *house, f bankfile.FileRecord, all []processor.Payout) {
			h.taken(report(f, "", said{payment: all[0].ID, status: "XXXX"}))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			h.euros(0)
			all := h.many(3)
			f, _ := h.sent()
			says(h, f, all)
			h.neverVoid(f)
		})
	}
	t.Run("an American return", func(t *testing.T) {
		t.Parallel()
		h := newHouse(t)
		h.dollars(0)
		h.ordersOf(3)
		f, content := h.sent()
		_, err := h.TakeReport(t.Context(), h.book, "USD", strings.NewReader(returned(content, map[int]string{1: "R03"})), ann)
		h.ok(err)
		h.neverVoid(f)
	})
}

// neverVoid wants that two people cannot declare a file void, and nobody behind the service's back.
func (h *house) neverVoid(f bankfile.FileRecord) {
	h.Helper()
	if _, _, err := h.askVoid(f.Currency, f.Number); fault.CodeOf(err) != bankfile.ErrFileReported.Code {
		h.Errorf("the bank carries it out, and it may be void: %v", err)
	}
	err := h.exec(`UPDATE bank_files SET state = 'void', void_at = now(), approval = 'apr_x' WHERE book_id = $1`, h.book.ID)
	if postgres.SQLState(err) == "" {
		h.Errorf("void behind the service's back: %v", err)
	}
	if err := h.exec(`UPDATE bank_files SET taken = false WHERE book_id = $1`, h.book.ID); postgres.SQLState(err) == "" {
		h.Error("the bank's word is forgotten")
	}
	h.sound()
}

// TestAReportOvertakesAVoid: two people were asked while the bank was silent, and it answers before the second agrees.
func TestAReportOvertakesAVoid(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.euros(0)
	all := h.many(2)
	f, _ := h.sent()
	desk, asked, err := h.askVoid(f.Currency, f.Number)
	h.ok(err)
	h.taken(report(f, "", said{payment: all[0].ID, status: "ACSC"}))
	h.taken(report(f, "", said{payment: all[0].ID, status: "RJCT", code: "AC04"}))
	if _, err := desk.Approve(t.Context(), ben, guard.Book{ID: int32(h.book.ID), Code: h.book.Code}, asked.ID, asked.Hash, "yes"); err == nil {
		t.Error("it became void all the same")
	}
	h.state(all[1], processor.PayoutInTransit, "")
	h.sound()
}

// TestSilenceBeginsWhenTheBankHasTheFile: a file lies here for longer than silence lasts.
func TestSilenceBeginsWhenTheBankHasTheFile(t *testing.T) {
	t.Parallel()
	for name, has := range map[string]func(h *house, f bankfile.FileRecord, all []processor.Payout){
		"as somebody says": func(h *house, f bankfile.FileRecord, _ []processor.Payout) {
			_, err := h.Sent(h.Context(), h.book, "EUR", f.Number, ann, "late")
			h.ok(err)
		},
		"as the bank says": func(h *house, f bankfile.FileRecord, all []processor.Payout) {
			h.taken(report(f, "", said{payment: all[0].ID, status: "RJCT", code: "AC04"}))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			h.euros(3)
			all := h.many(2)
			f := h.one()
			_, _, err := h.Content(t.Context(), h.book, "EUR", f.Number, ann, "pay day")
			h.ok(err)
			h.clock.advance(14 * 24 * time.Hour) // Monday again
			has(h, f, all)
			if n, err := h.Settle(t.Context(), h.book); err != nil || n != 0 {
				t.Errorf("the bank had no day, and %d are paid, %v", n, err)
			}
			h.clock.advance(3 * 24 * time.Hour)
			if n, err := h.Settle(t.Context(), h.book); err != nil || n == 0 {
				t.Errorf("%d are paid, %v", n, err)
			}
			h.sound()
		})
	}
}

// TestMoneyHasACause: with the application's own role nothing is paid that was not taken from what is set aside, nothing ends
// without its money coming back, and no number is lost.
func TestMoneyHasACause(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.euros(0)
	all := h.many(2)
	f, _ := h.sent()
	h.taken(report(f, "", said{payment: all[0].ID, status: "RJCT", code: "AC04"}))
	for name, sql := range map[string]string{
		"a payment of another's money": `INSERT INTO bank_payments (book_id, id, instruction, key, digest, account, amount, currency, state, arrives_on, metadata, entry, created_at, changed_at)
			SELECT book_id, 'po_aaaaaaaaaaaaaaaaaaaa', instruction, 'forged', digest, account, amount, currency, 'queued', arrives_on, metadata, entry, created_at, changed_at FROM bank_payments WHERE book_id = $1 LIMIT 1`,
		"a transfer without money": `INSERT INTO bank_transfers (book_id, id, instruction, key, digest, account, amount, currency, metadata, entry, arrived, created_at)
			SELECT book_id, 'tr_aaaaaaaaaaaaaaaaaaaa', instruction, 'forged', digest, account, amount, currency, metadata, entry, 'py_aaaaaaaaaaaaaaaaaaaa', created_at FROM bank_transfers WHERE book_id = $1 LIMIT 1`,
		"a reversal without money": `INSERT INTO bank_reversals (book_id, id, transfer, instruction, key, digest, amount, entry, created_at)
			SELECT book_id, 'trr_aaaaaaaaaaaaaaaaaaaa', id, instruction, 'forged', digest, 1, entry, created_at FROM bank_transfers WHERE book_id = $1 LIMIT 1`,
		"an end with another's money": `UPDATE bank_payments p SET state = 'failed', code = 'x', steps = steps + 1, failure_entry = (SELECT q.failure_entry FROM bank_payments q WHERE q.failure_entry IS NOT NULL)
			WHERE p.book_id = $1 AND p.failure_entry IS NULL`,
		"paid without a step":        `UPDATE bank_payments SET state = 'settled', steps = steps + 1 WHERE book_id = $1 AND state = 'filed'`,
		"paid without being counted": `UPDATE bank_payments SET state = 'settled' WHERE book_id = $1 AND state = 'filed'`,
		"a number without a file":    `UPDATE bank_account_heads SET files = files + 1 WHERE book_id = $1`,
		"a head that begins at 7":    `INSERT INTO bank_account_heads (book_id, currency, files) VALUES ($1, 'GBP', 7)`,
	} {
		if err := h.exec(sql, h.book.ID); postgres.SQLState(err) == "" || postgres.SQLState(err) == "42601" {
			t.Errorf("%s: %v", name, err)
		}
	}
	h.sound()
}
