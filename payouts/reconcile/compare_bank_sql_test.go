package reconcile

import (
	"testing"
	"time"
)

// TestBankByAmount compares a bank account whose lines and entries name nothing in common: one pair is certain and made, of two
// equal ones none is; and a fresh account of the source is read from its beginning.
func TestBankByAmount(t *testing.T) {
	t.Parallel()
	h := newComparing(t)
	add := h.bankMain()
	bank := func(account string, amount int64) {
		h.ok(h.tryBank(account, amount))
	}
	bank("assets:bank:operating:main", 1234)
	bank("assets:bank:operating:main", 500)
	bank("assets:bank:operating:main", 500)
	bank("assets:bank:safeguarded:main", 900)
	add(1, 1234, h.Now())
	compare := func() Run {
		t.Helper()
		run, err := h.compareBy(t.Context(), h.turn(), Asked{Match: R2, Source: 2}, 2)
		h.ok(err)
		h.same(run)
		return run
	}
	early := compare()
	if early.Matched != 0 || early.OpenItems != 4 || h.count(`SELECT count(*) FROM recon_breaks WHERE class = 'timing' AND amount = 0 AND ended_at IS NULL`) != 1 {
		t.Fatalf("early run: %d matched, %d open: %s", early.Matched, early.OpenItems, early.Summary)
	}
	h.advance(4 * 24 * time.Hour)
	first := compare()
	if first.Matched != 1 || first.OpenItems != 2 {
		t.Fatalf("first run: %d matched, %d open: %s", first.Matched, first.OpenItems, first.Summary)
	}
	if n := h.count(`SELECT count(*) FROM recon_pairings WHERE state = 'made'`); n != 1 {
		t.Errorf("%d pairings made", n)
	}
	h.advance(24 * time.Hour)
	add(2, 500, comparingStart.AddDate(0, 0, 1))
	second := compare()
	if second.Matched != 0 || second.OpenItems != 3 {
		t.Fatalf("second run: %d matched, %d open", second.Matched, second.OpenItems)
	}
	if n := h.count(`SELECT count(*) FROM recon_pairings WHERE state = 'suggested'`); n != 2 {
		t.Errorf("%d pairings suggested", n)
	}
	h.exec(`UPDATE recon_pairings SET state = 'refused', decided_by = 'ann', decided_at = now() WHERE id = (SELECT min(id) FROM recon_pairings WHERE state = 'suggested')`)
	h.exec(`INSERT INTO evidence_settings (book_id, source_id, version, document, recorded_at) VALUES ($1, 2, 2, '{"accounts":["assets:bank:operating:main","assets:bank:safeguarded:main"],"currency":"EUR"}', now())`, h.book.ID)
	add(3, 900, comparingStart.AddDate(0, 0, 2))
	third := compare()
	if third.Settings != 2 || third.ToLine != 3 || third.OpenItems != 5 {
		t.Errorf("third run: %d matched, %d open: %s", third.Matched, third.OpenItems, third.Summary)
	}
	h.advance(4 * 24 * time.Hour)
	if last := compare(); last.OpenItems != 3 {
		t.Errorf("last run: %d matched, %d open: %s", last.Matched, last.OpenItems, last.Summary)
	}
	// What is suggested no more is void, and says which run found it; what was decided stays so.
	suggestions := h.count(`SELECT count(*) FROM recon_pairings WHERE state = 'suggested'`)
	if refused := h.count(`SELECT count(*) FROM recon_pairings WHERE state = 'refused'`); suggestions+h.count(`SELECT count(*) FROM recon_pairings WHERE state = 'void'`) != 1 || refused != 1 {
		t.Errorf("%d suggested, %d refused", suggestions, refused)
	}
	h.exec(`INSERT INTO recon_pairings (book_id, id, match, source_id, kind, basis, state, identity, members, run)
 VALUES ($1, 'par_zzzzzzzzzzzzzzzz', 2, 2, 'one_to_one', 'amount', 'suggested', 'gone', '{"external":[2],"entries":[{"sequence":1,"line":1}]}', 1)`, h.book.ID)
	compare()
	if n := h.count(`SELECT count(*) FROM recon_pairings WHERE id = 'par_zzzzzzzzzzzzzzzz' AND state = 'void' AND note LIKE 'Run 6 %' AND decided_at IS NOT NULL`); n != 1 {
		t.Error("a suggestion that no run makes any more stands")
	}
	h.same(early)
	h.same(first)
	h.same(second)
	h.same(third)
}
