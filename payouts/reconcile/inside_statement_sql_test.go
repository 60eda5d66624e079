package reconcile

import (
	"strings"
	"testing"
	"time"

	"mizan/payouts/statements"
)

// An issued statement that somebody changes is exactly one difference of R3, and none any more once it is put right.
func TestInsideStatement(t *testing.T) {
	t.Parallel()
	h := newBreakHouse(t)
	h.booked("test.sold", "order:o1", "USD", "assets:processor:pending:main ch_1", 10_00, "liabilities:seller:pending:s1", -9_00, "revenue:transaction_fee", -1_00)
	h.clock.advance(60 * 24 * time.Hour)
	h.Service.statements = statements.New(statements.Options{Pool: h.db.Pool, Ledger: h.books, Events: h.Service.events, Now: h.clock.now})
	st, err := h.Service.statements.Issue(t.Context(), h.book, "s1", "USD")
	h.ok(err)
	if _, got := h.inside(); len(got) != 0 {
		t.Fatalf("differences %v", got)
	}
	const plant = `UPDATE statements SET head = replace(head, '"closing":"' || $2::text || '"', '"closing":"' || $3::text || '"') WHERE book_id = $1`
	h.behind(plant, h.book.ID, "9.00", "8.00")
	_, got := h.inside()
	for id, b := range got {
		if !strings.HasPrefix(id, string(checkStatements)+":"+st.ID) || b.Amount.Format(b.Currency) != "-1.00" {
			t.Errorf("%s of %s", id, b.Amount.Format(b.Currency))
		}
	}
	if len(got) != 1 {
		t.Fatalf("differences %v", got)
	}
	h.behind(plant, h.book.ID, "8.00", "9.00")
	if _, got := h.inside(); len(got) != 0 {
		t.Errorf("differences %v of a statement that was put right", got)
	}
}
