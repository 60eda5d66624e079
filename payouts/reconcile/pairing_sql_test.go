package reconcile

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// pairing is a suggestion whose members are open items of the sides' amounts.
func (h *breakHouse) pairing(id string, external []int64, entries []EntryID, add bool, nets ...int64) {
	h.Helper()
	members, err := json.Marshal(pairingMembers{external, entries})
	h.ok(err)
	h.exec(`INSERT INTO recon_pairings (book_id, id, match, source_id, kind, basis, state, identity, members, run) VALUES ($1, $2, 1, 1, 'one_to_many', 'sum', 'suggested', $2, $3, 1)`,
		h.book.ID, id, string(members))
	if !add {
		return
	}
	item := func(side string, a int64, b int, net int64) {
		h.exec(`INSERT INTO recon_items (book_id, match, source_id, side, a, b, key, currency, debits, credits, day, open_from) VALUES ($1, 1, 1, $2, $3, $4, 'k', 'USD', $5, $6, '2026-11-02', 1)`,
			h.book.ID, side, a, b, max(net, 0), max(-net, 0))
	}
	for i, n := range external {
		item("e", n, 0, nets[i])
	}
	for i, e := range entries {
		item("l", e.Sequence, e.Line, nets[len(external)+i])
	}
}

// A pairing is made once, of open lines that sum to the same, and one that is refused stays refused.
func TestPairingsDecided(t *testing.T) {
	t.Parallel()
	h := newBreakHouse(t)
	h.run(h.source)
	h.pairing("par_aaaaaaaaaaaaaaaa", []int64{1}, []EntryID{{5, 1}, {6, 1}}, true, 300, 100, 200)
	h.pairing("par_bbbbbbbbbbbbbbbb", []int64{1}, []EntryID{{5, 1}, {6, 1}}, false)
	h.pairing("par_cccccccccccccccc", []int64{2}, []EntryID{{7, 1}}, true, 300, 299)
	h.pairing("par_dddddddddddddddd", []int64{2}, []EntryID{{9, 9}}, false)
	// Several are made together or not at all.
	h.wants(h.ConfirmAll(t.Context(), breaksAnn, h.book, []string{"par_aaaaaaaaaaaaaaaa", "par_dddddddddddddddd"}, ""), ErrPairingState)
	h.wants(h.ConfirmAll(t.Context(), breaksAnn, h.book, []string{"par_aaaaaaaaaaaaaaaa", "par_eeeeeeeeeeeeeeee"}, ""), ErrPairingUnknown)
	shared := h.ConfirmAll(t.Context(), breaksAnn, h.book, []string{"par_bbbbbbbbbbbbbbbb", "par_cccccccccccccccc", "par_aaaaaaaaaaaaaaaa"}, "")
	if h.wants(shared, ErrPairingsShare); !strings.Contains(shared.Error(), ": par_aaaaaaaaaaaaaaaa and par_bbbbbbbbbbbbbbbb ") {
		t.Error(shared)
	}
	h.wants(h.ConfirmAll(t.Context(), breaksAnn, h.book, make([]string, MaxConfirmed+1), ""), ErrBreakInvalid)
	if n := h.count(`SELECT count(*) FROM recon_items WHERE open_until IS NOT NULL`); n != 0 {
		t.Errorf("%d items", n)
	}
	var wg sync.WaitGroup
	results := make(chan error, 50)
	for i := range 50 {
		wg.Go(func() {
			if i%2 == 1 {
				results <- h.ConfirmAll(t.Context(), breaksAnn, h.book, []string{"par_aaaaaaaaaaaaaaaa", "par_aaaaaaaaaaaaaaaa"}, "Kanari said so.")
				return
			}
			_, err := h.Confirm(t.Context(), breaksAnn, h.book, "par_aaaaaaaaaaaaaaaa", "Kanari said so.")
			results <- err
		})
	}
	wg.Wait()
	close(results)
	n := 0
	for err := range results {
		if err == nil {
			n++
		} else {
			h.wants(err, ErrPairingState)
		}
	}
	if n != 1 {
		t.Errorf("%d made it", n)
	}
	if n := h.count(`SELECT count(*) FROM recon_items WHERE open_until = 2 AND how = 'confirmed' AND pairing = 'par_aaaaaaaaaaaaaaaa'`); n != 3 {
		t.Errorf("%d items", n)
	}
	for _, id := range []string{"par_bbbbbbbbbbbbbbbb", "par_cccccccccccccccc", "par_dddddddddddddddd"} {
		_, err := h.Confirm(t.Context(), breaksAnn, h.book, id, "")
		h.wants(err, ErrPairingState)
	}
	if n := h.count(`SELECT count(*) FROM recon_items WHERE open_until IS NOT NULL`); n != 3 {
		t.Errorf("%d items", n)
	}
	_, err := h.Refuse(t.Context(), breaksAnn, h.book, "par_cccccccccccccccc", "")
	h.wants(err, ErrBreakInvalid)
	p, err := h.Refuse(t.Context(), breaksAnn, h.book, "par_cccccccccccccccc", "Another shop.")
	h.ok(err)
	if p.State != "refused" || p.DecidedBy != "person:per_ann" {
		t.Errorf("%+v", p)
	}
	_, err = h.Confirm(t.Context(), breaksAnn, h.book, "par_cccccccccccccccc", "")
	h.wants(err, ErrPairingState)
	_, err = h.Confirm(t.Context(), breaksAnn, h.book, "par_eeeeeeeeeeeeeeee", "")
	h.wants(err, ErrPairingUnknown)
	list, err := h.Pairings(t.Context(), h.book, "suggested", "", 10)
	h.ok(err)
	if len(list) != 1 || !strings.HasPrefix(list[0].ID, "par_d") {
		t.Errorf("%+v", list)
	}
	// What shares a line with the one that was made is void, and says so.
	list, err = h.Pairings(t.Context(), h.book, "void", "", 10)
	h.ok(err)
	if len(list) != 1 || !strings.HasPrefix(list[0].ID, "par_b") || !strings.Contains(list[0].Note, "par_aaaaaaaaaaaaaaaa") || list[0].DecidedBy != "system" || list[0].DecidedAt.IsZero() {
		t.Errorf("%+v", list)
	}
	_, err = h.Refuse(t.Context(), breaksAnn, h.book, "par_bbbbbbbbbbbbbbbb", "No.")
	h.wants(err, ErrPairingState)
	if h.count(`SELECT count(*) FROM audit_rows a WHERE act LIKE 'pairing.%' AND a::text NOT LIKE '%Kanari%'`) != 2 {
		t.Error("the trail")
	}
}

// A suggestion of whose lines the source says something else now cannot be made, and one whose break two people end becomes void.
func TestPairingVoid(t *testing.T) {
	t.Parallel()
	h := newBreakHouse(t)
	line := h.line(1, "txn_v", "USD", -1000)
	f := h.missing(line, "txn_v", "USD", -1000)
	h.run(h.source, f)
	h.pairing("par_aaaaaaaaaaaaaaaa", []int64{line}, []EntryID{{5, 1}}, true, -1000, -1000)
	h.exec(`INSERT INTO evidence_changes (book_id, source_id, receipt, line, field, was, became) VALUES ($1, 1, 1, $2, 'status', 'pending', 'available'), ($1, 1, 1, $2, 'amount', '-10.00', '-11.00')`, h.book.ID, line)
	_, err := h.Confirm(t.Context(), breaksAnn, h.book, "par_aaaaaaaaaaaaaaaa", "")
	h.wants(err, ErrPairingState)
	h.pairing("par_bbbbbbbbbbbbbbbb", []int64{99}, []EntryID{{6, 1}}, false)
	h.agreed(ActFix, fixPayload{Break: h.only().ID, Transaction: h.byHand("told", "assets:processor:available:main", "", "USD", -1000)})
	for id, state := range map[string]string{"par_aaaaaaaaaaaaaaaa": "void", "par_bbbbbbbbbbbbbbbb": "suggested"} {
		if p, err := h.Pairing(t.Context(), h.book, id); err != nil || p.State != state {
			t.Errorf("%s: %+v %v", id, p, err)
		}
	}
}

// What a source corrected of a line keeps nobody from making a suggestion that was made after it, and the answer names it. Another
// category or an amount that was taken back says nothing against one; an amount that changes after it does, until a run suggests it again.
func TestPairingOfChangedLine(t *testing.T) {
	t.Parallel()
	h := newComparing(t)
	add := h.bankMain()
	h.ok(h.tryBank("assets:bank:operating:main", 500))
	h.ok(h.tryBank("assets:bank:operating:main", 500))
	add(1, 500, h.Now())
	receipt := 1
	said := func(field, was, became string) {
		t.Helper()
		receipt++
		h.exec(`INSERT INTO evidence_changes (book_id, source_id, receipt, line, field, was, became) VALUES ($1, 2, $2, 1, $3, $4, $5)`, h.book.ID, receipt, field, was, became)
		h.exec(`UPDATE evidence_heads SET last_receipt = $2 WHERE book_id = $1 AND source_id = 2`, h.book.ID, receipt)
	}
	suggested := func(want int) (first PairingRecord) {
		t.Helper()
		list, err := h.Pairings(t.Context(), h.book, "suggested", "", 10)
		h.ok(err)
		if len(list) != want {
			t.Fatalf("%d suggestions instead of %d", len(list), want)
		}
		return list[0]
	}
	compare := func() {
		t.Helper()
		_, err := h.Compare(t.Context(), h.turn(), Asked{Match: R2, Source: 2})
		h.ok(err)
	}
	said("fee", "0.00", "0.10")
	h.advance(5 * 24 * time.Hour)
	compare()
	p := suggested(2)
	compare()
	if again := suggested(2); again.ID != p.ID || again.Receipt != 2 {
		t.Errorf("the next run suggests %+v", again)
	}
	said("category", "transfer", "other")
	said("amount", "5.00", "6.00")
	_, err := h.Confirm(t.Context(), breaksAnn, h.book, p.ID, "")
	if !errors.Is(err, ErrPairingState) || !strings.Contains(err.Error(), "amount was 5.00 and became 6.00") {
		t.Fatalf("the amount changed since: %v", err)
	}
	said("amount", "6.00", "5.00")
	if err := h.db.Pool.Tx(t.Context(), func(tx pgx.Tx) error { // what a run says that finds both again
		return voidBeyond(t.Context(), tx, h.book, Run{Match: R2, Source: 2, Number: 2}, []Pairing{{Identity: p.Identity}})
	}); err != nil {
		t.Fatal(err)
	}
	suggested(1)
	said("currency", "EUR", "USD")
	compare()
	p = suggested(2)
	made, err := h.Confirm(t.Context(), breaksAnn, h.book, p.ID, "Both are one.")
	h.ok(err)
	var told []string
	for _, c := range made.Changes {
		told = append(told, fmt.Sprintf("%d %s %s: %s became %s", c.Receipt, c.LineID, c.Field, c.Was, c.Became))
	}
	if want := []string{"6 b1 currency: EUR became USD", "2 b1 fee: 0.00 became 0.10"}; made.State != "made" || !slices.Equal(told, want) {
		t.Errorf("%s, and the answer names %q instead of %q", made.State, told, want)
	}
	if one, err := h.Pairing(t.Context(), h.book, p.ID); err != nil || len(one.Changes) != 2 {
		t.Errorf("%+v %v", one, err)
	}
}
