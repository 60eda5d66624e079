package reconcile

import (
	"testing"

	"mizan/ledger/postgres"
	"mizan/payouts/reconcile/evidence"
)

// TestEvidenceStays: what was taken stays as it was taken, whatever the application's role tries behind the service's back.
func TestEvidenceStays(t *testing.T) {
	t.Parallel()
	h := newEvidenceHouse(t)
	x := h.bank(evidence.CAMT053, nil)
	h.taken(statement(2, 2, 0, 100, 200))
	h.charge(1000, 10, 0)
	h.pull()
	const line = `INSERT INTO evidence_lines (book_id, source_id, number, receipt, line_id, key, currency, gross, fee, net, category, moved_at) VALUES `
	for name, sql := range map[string]string{
		"another amount":         `UPDATE evidence_lines SET gross = 1, net = 1 WHERE book_id = $1`,
		"another key":            `UPDATE evidence_lines SET key = 'x' WHERE book_id = $1`,
		"a line goes":            `DELETE FROM evidence_lines WHERE book_id = $1`,
		"a line twice":           line + `($1, 1, 99, 1, 'B02-0', 'k', 'EUR', 1, 0, 1, 'received', now())`,
		"a number twice":         line + `($1, 1, 1, 1, 'new', 'k', 'EUR', 1, 0, 1, 'received', now())`,
		"a net that is none":     line + `($1, 1, 99, 1, 'new', 'k', 'EUR', 5, 1, 5, 'received', now())`,
		"a line of no receipt":   line + `($1, 1, 99, 77, 'new', 'k', 'EUR', 1, 0, 1, 'received', now())`,
		"a line without a key":   line + `($1, 1, 99, 1, 'new', '', 'EUR', 1, 0, 1, 'received', now())`,
		"a receipt changes":      `UPDATE evidence_receipts SET new_lines = 0 WHERE book_id = $1`,
		"a receipt goes":         `DELETE FROM evidence_receipts WHERE book_id = $1`,
		"bytes change":           `UPDATE evidence_parts SET content = 'x' WHERE book_id = $1`,
		"bytes go":               `DELETE FROM evidence_parts WHERE book_id = $1`,
		"a statement changes":    `UPDATE evidence_statements SET closing = 1 WHERE book_id = $1`,
		"a balance changes":      `UPDATE evidence_balances SET available = 1 WHERE book_id = $1`,
		"settings change":        `UPDATE evidence_settings SET document = '{}' WHERE book_id = $1`,
		"a source is another":    `UPDATE evidence_sources SET name = 'x' WHERE book_id = $1`,
		"the same file again":    `INSERT INTO evidence_receipts SELECT book_id, source_id, 99, kind, format, settings, sha256, bytes, NULL, NULL, 99, 0, 0, 0, 'x', now() FROM evidence_receipts WHERE book_id = $1 AND kind = 'statement'`,
		"numbers go back":        `UPDATE evidence_heads SET last_line = last_line - 1 WHERE book_id = $1`,
		"the pull goes back":     `UPDATE evidence_heads SET pulled_until = pulled_until - interval '1 day' WHERE book_id = $1 AND pulled_until IS NOT NULL`,
		"the pull never was":     `UPDATE evidence_heads SET pulled_until = NULL WHERE book_id = $1 AND pulled_until IS NOT NULL`,
		"the head goes":          `DELETE FROM evidence_heads WHERE book_id = $1`,
		"a change of no line":    `INSERT INTO evidence_changes VALUES ($1, 1, 1, 99, 'amount', '1', '2')`,
		"a change of a feeling":  `INSERT INTO evidence_changes VALUES ($1, 1, 1, 1, 'mood', '1', '2')`,
		"a source by two names":  `INSERT INTO evidence_sources SELECT book_id, 99, kind, name, now() FROM evidence_sources WHERE book_id = $1 AND id = 1`,
		"a kind that is unknown": `INSERT INTO evidence_sources VALUES ($1, 99, 'cash', 'x', now())`,
	} {
		if err := h.exec(sql, h.book.ID); postgres.SQLState(err) == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := h.exec(`TRUNCATE evidence_lines CASCADE`); postgres.SQLState(err) == "" {
		t.Error("all lines go")
	}
	h.sound(x)
	h.sound(h.processorSource())
}
