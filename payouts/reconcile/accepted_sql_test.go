package reconcile

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"mizan/ledger/commerce/intake"
	"mizan/ledger/money"
)

// accepts asks for a break to be ended without posting.
func (h *breakHouse) accepts(b Break) error {
	h.Helper()
	_, err := h.ask(ActFix, fixPayload{Break: b.ID, NothingToPost: true})
	return err
}

// What stays as it is whatever is done about it ends by two people, also after a run that saw all there is, and does not come again
// while it stays the same. Nothing is posted.
func TestAcceptedSettlement(t *testing.T) {
	t.Parallel()
	h := newChannelHouse(t, intake.ImportOptions{Format: intake.TikTok, Role: "bookkeeper", Seller: "s1", Channel: "tiktok"})
	h.settle(tiktokRows(1, 3))
	refused := h.settle("transaction_id,what\nT-1,2\n")
	mixed := h.settle(channelHead + "T-1,ST-1,1001,USD,100.00,-7.00,,93.00,2026-11-01\nT-301,ST-1,1,USD,10.00,-0.60,,9.00,\n")
	open := map[string]string{
		fmt.Sprintf("file_refused:%d:EUR", refused):     "evidence_incomplete 0.00",
		fmt.Sprintf("row_changed:%d:2:T-1:USD", mixed):  "amount_differs -1.00",
		fmt.Sprintf("row_parked:%d:3:T-301:USD", mixed): "missing_in_ledger 9.00",
	}
	h.expect(open)
	h.expect(open)
	last := h.count(`SELECT last_sequence FROM books WHERE id = $1`, h.book.ID)
	for identity, b := range h.breaksOf(R4) {
		a, err := h.ask(ActFix, fixPayload{Break: b.ID, NothingToPost: true})
		h.ok(err)
		if e := a.Effect; !strings.Contains(e.Summary, "posts nothing") || e.Count != 0 || len(e.Totals) != 0 || len(e.Difference) != 2 || !strings.Contains(e.Difference[1], b.Left) {
			t.Errorf("%s: %+v", identity, e)
		} else if amount := max(b.Amount, -b.Amount).Format(b.Currency); b.Amount != 0 && !strings.Contains(strings.Join(e.Warnings, " "), amount) {
			t.Errorf("%s: %q do not say that %s stay", identity, e.Warnings, amount)
		}
		_, err = h.approve(breaksBen, a)
		h.ok(err)
		if now := h.of(identity); now.State != Fixed || !now.Accepted || now.Fix != "" || now.Amount != b.Amount || !strings.HasSuffix(h.acts(b.ID), " fixed") {
			t.Errorf("%+v", now)
		}
	}
	if n := h.count(`SELECT count(*) FROM audit_rows a WHERE act = 'break.fix' AND a::text LIKE '%accepted%'`); n != len(open) {
		t.Errorf("%d rows of the trail tell", n)
	}
	h.expect(map[string]string{})
	h.expect(map[string]string{})
	if now := h.count(`SELECT last_sequence FROM books WHERE id = $1`, h.book.ID); now != last {
		t.Errorf("something was posted: %d after %d", now, last)
	}
	// Another amount, and another reason where there is no amount, are another difference.
	h.behind(`UPDATE import_rows SET amount = amount - 5 WHERE book_id = $1 AND import_id = $2 AND identity = 'T-1'`, h.book.ID, mixed)
	h.behind(`UPDATE imports SET reason = 'other' WHERE book_id = $1 AND id = $2`, h.book.ID, refused)
	h.expect(map[string]string{
		fmt.Sprintf("file_refused:%d:EUR", refused):    "evidence_incomplete 0.00",
		fmt.Sprintf("row_changed:%d:2:T-1:USD", mixed): "amount_differs -1.05",
	})
	if b := h.of(fmt.Sprintf("file_refused:%d:EUR", refused)); b.Accepted || b.State != Open {
		t.Errorf("%+v", b)
	}
}

// A source that says another word of a line changes no amount: two people end it, and another word is another difference. What is missing
// of the evidence can be accepted too.
func TestAcceptedEvidence(t *testing.T) {
	t.Parallel()
	h := newBreakHouse(t)
	line := h.line(1, "txn_e", "USD", -1000)
	h.exec(`INSERT INTO evidence_changes (book_id, source_id, receipt, line, field, was, became) VALUES ($1, 1, 1, $2, 'category', 'charge', 'refund')`, h.book.ID, line)
	_, open := h.inside()
	if len(open) != 1 {
		t.Fatalf("%+v", open)
	}
	changed := fmt.Sprintf("evidence_changed:processor:main:txn_%d:category:USD", line)
	if b := open[changed]; b.Class != EvidenceChanged || b.Amount != 0 {
		t.Fatalf("%+v", open)
	}
	h.agreed(ActFix, fixPayload{Break: open[changed].ID, NothingToPost: true})
	for range 2 {
		if _, open = h.inside(); len(open) != 0 {
			t.Fatalf("it comes again: %+v", open)
		}
	}
	h.exec(`INSERT INTO evidence_receipts (book_id, source_id, number, kind, format, settings, sha256, bytes, first_line, new_lines, known_lines, taken_by, recorded_at)
		VALUES ($1, 1, 2, 'pull', 'test', 1, sha256(''), 0, 2, 0, 0, 'test', $2)`, h.book.ID, breaksStart)
	h.exec(`INSERT INTO evidence_changes (book_id, source_id, receipt, line, field, was, became) VALUES ($1, 1, 2, $2, 'category', 'refund', 'dispute')`, h.book.ID, line)
	if _, open = h.inside(); open[changed].Right != "category: charge became dispute" || h.acts(open[changed].ID) != "found fixed reopened" {
		t.Fatalf("another word: %+v", open)
	}
	h.exec(`INSERT INTO evidence_receipts (book_id, source_id, number, kind, format, settings, sha256, bytes, first_line, new_lines, known_lines, taken_by, recorded_at)
		VALUES ($1, 1, 3, 'pull', 'test', 1, sha256(''), 0, 2, 0, 0, 'test', $2)`, h.book.ID, breaksStart)
	h.exec(`INSERT INTO evidence_changes (book_id, source_id, receipt, line, field, was, became) VALUES ($1, 1, 3, $2, 'category', 'dispute', 'charge')`, h.book.ID, line)
	if _, open = h.inside(); len(open) != 0 {
		t.Fatalf("it says again what the line says: %+v", open)
	}
}

// What is missing of a source's lines can be accepted: it stays ended while it stays the same amount. Accepted when a person kept it
// open, it is a difference once more if a run finds it.
func TestAcceptedGap(t *testing.T) {
	t.Parallel()
	h := newBreakHouse(t)
	balance := func(receipt int, available int) {
		h.exec(`INSERT INTO evidence_receipts (book_id, source_id, number, kind, format, settings, sha256, bytes, first_line, new_lines, known_lines, taken_by, recorded_at)
			VALUES ($1, 1, $2, 'pull', 'test', 1, sha256(''), 0, 1, 0, 0, 'test', $3)`, h.book.ID, receipt, breaksStart)
		h.exec(`INSERT INTO evidence_balances (book_id, source_id, receipt, currency, at, last_line, available, pending, reserved, lines_net)
			VALUES ($1, 1, $2, 'USD', $3, 0, $4, 0, 0, 0)`, h.book.ID, receipt, breaksStart, available)
	}
	balance(2, 1234)
	gap := balanceGapIdentity(h.source, "USD")
	wants := func(amount money.Minor) Break {
		t.Helper()
		_, open := h.inside()
		b, is := open[gap]
		if is != (amount != 0) || b.Amount != amount || is && b.Class != EvidenceIncomplete {
			t.Fatalf("%+v instead of %d", open, amount)
		}
		return b
	}
	b := wants(1234)
	h.agreed(ActFix, fixPayload{Break: b.ID, NothingToPost: true})
	wants(0)
	wants(0)
	balance(3, 1235)
	wants(1235)
	h.agreed(ActFix, fixPayload{Break: b.ID, NothingToPost: true})
	wants(0)
	b = h.of(gap)
	_, err := h.Reopen(t.Context(), breaksAnn, h.book, b.ID, b.Step, "By mistake.")
	h.ok(err)
	h.agreed(ActFix, fixPayload{Break: b.ID, NothingToPost: true})
	h.wantState(h.of(gap), Fixed)
	wants(1235)
	if b = h.of(gap); b.Kept || b.Accepted {
		t.Errorf("%+v", b)
	}
	// What was gone in between is another difference, were it of the same amount.
	h.agreed(ActFix, fixPayload{Break: b.ID, NothingToPost: true})
	wants(0)
	wants(0)
	balance(4, 0)
	wants(0)
	balance(5, 1235)
	wants(1235)
	if acts := h.acts(b.ID); !strings.HasSuffix(acts, " fixed reopened") {
		t.Error(acts)
	}
}

// What is about money is not waved through: it must be posted, or a person must have reopened it. Nor are sums of others.
func TestNotAccepted(t *testing.T) {
	t.Parallel()
	h := newBreakHouse(t)
	first, second := h.missing(h.line(1, "txn_a", "USD", -1000), "txn_a", "USD", -1000), h.missing(h.line(1, "txn_b", "USD", -500), "txn_b", "USD", -500)
	second.Suspend = false
	h.run(h.source, first, second)
	h.wants(h.accepts(h.of("txn_b:USD")), ErrBreakState)
	_, err := h.Settle(t.Context(), breaksTurn, h.book, h.source)
	h.ok(err)
	if h.of("txn_a:USD").Suspense == 0 {
		t.Fatal("nothing waits")
	}
	h.wants(h.accepts(h.of("txn_a:USD")), ErrBreakState)
	for _, p := range []fixPayload{{NothingToPost: true, Returned: true}, {NothingToPost: true, Transaction: "us-1"}, {NothingToPost: true, Amount: "1.00"},
		{NothingToPost: true, OriginalPeriod: "2026-10"}, {}} {
		p.Break = h.of("txn_b:USD").ID
		_, err := h.ask(ActFix, p)
		h.wants(err, ErrBreakInvalid)
	}
	// It is gone, and somebody opened it again: no run ends it, so people do. A run that finds it again opens it.
	h.run(h.source, first)
	b := h.of("txn_b:USD")
	h.wantState(b, Cleared)
	h.wants(h.accepts(b), ErrBreakState)
	_, err = h.Reopen(t.Context(), breaksAnn, h.book, b.ID, b.Step, "By mistake.")
	h.ok(err)
	h.run(h.source, first)
	a, err := h.ask(ActFix, fixPayload{Break: b.ID, NothingToPost: true})
	h.ok(err)
	if !slices.ContainsFunc(a.Effect.Warnings, func(w string) bool { return strings.Contains(w, "opens again") }) {
		t.Errorf("%q", a.Effect.Warnings)
	}
	_, err = h.approve(breaksBen, a)
	h.ok(err)
	h.run(h.source, first)
	h.wantState(h.of("txn_b:USD"), Fixed)
	h.run(h.source, first, second)
	if b := h.of("txn_b:USD"); b.State != Open || b.Kept || b.Accepted {
		t.Errorf("%+v", b)
	}
	h.even()
	for identity, b := range map[string]Break{
		"a sum of refused rows":      {Match: R4, Identity: "row_changed:more:USD", Class: AmountDiffers, Amount: 1},
		"an account in transit":      {Match: R3, Identity: "cash_in_transit:assets:cash_in_transit:main:USD", Class: BalanceDiffers, Amount: 1},
		"a row that was not posted":  {Match: R4, Identity: "row_not_posted:1:2:T-1:USD", Class: MissingInLedger, Amount: 1},
		"a name that looks like one": {Match: R1, Identity: "row_changed:1:USD", Class: MissingInLedger, Amount: 1},
	} {
		if b.State = Open; b.Acceptable() {
			t.Errorf("%s is accepted: %s", identity, b.Identity)
		}
		if b.Kept = true; !b.Acceptable() {
			t.Errorf("%s is kept open for ever", identity)
		}
	}
}

// A file that is not applied yet ends its break by itself, and what it holds is not known until then: nobody accepts it, kept or not.
func TestFileNotAppliedIsNotAccepted(t *testing.T) {
	t.Parallel()
	for _, kept := range []bool{false, true} {
		b := Break{Match: R4, Identity: string(checkFileOpen) + ":7:EUR", Class: EvidenceIncomplete, State: Open, Kept: kept}
		if b.Acceptable() || b.meaning().staysAccepted(true, false) {
			t.Errorf("it may be accepted, kept %t", kept)
		}
	}
}
