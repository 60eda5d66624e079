package reconcile

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/money"
	"mizan/payouts"
	"mizan/payouts/reconcile/evidence"
)

// bankZones are zones on both sides of Greenwich, with the farthest of each, and one that has summer time in the days of the test.
var bankZones = []string{"Asia/Tokyo", "Europe/London", "America/New_York", "Pacific/Kiritimati", "Pacific/Pago_Pago"}

// TestBankDays: the same statement beside the same local days of entries means the same in every zone: the same classes, on the same
// days, in the same months; what lands does so in the bank's month, and statements that are missing are missing on the bank's days.
func TestBankDays(t *testing.T) {
	t.Parallel()
	h := newEvidenceHouse(t)
	h.clock.Advance(50 * 24 * time.Hour)
	const want = `
evidence_incomplete 2026-04-02 bank:main:missing:2026-04-02:EUR
missing_in_ledger 2026-03-31 E2E-B31-3
missing_in_ledger 2026-04-01 E2E-B32-4
period_cut 2026-04-01 E2E-B32-2
unknown_receipt 2026-03-31 B31-5
landed 2026-03-31 2026-03
first 2026-03-31 2026-04-01`
	for i, zone := range bankZones {
		book, _, err := h.books.CreateBook(t.Context(), ledger.NewBook{Code: fmt.Sprint("z", i), Name: zone, Currencies: []money.Currency{"EUR"}, TimeZone: zone})
		h.ok(err)
		if got := h.daysOf(book); got != want {
			t.Errorf("in %s:%s\ninstead of%s", zone, got, want)
		}
	}
}

// daysOf has a book take two statements with a day missing between them, compared with entries of its own local days, and tells what
// came of it.
func (h *evidenceHouse) daysOf(book ledger.Book) string {
	h.Helper()
	t := payouts.Turn{Book: book}
	local := func(on, hour, minute int) time.Time {
		return time.Date(2026, 3, on, hour, minute, 0, 0, book.Location())
	}
	x, err := h.SetSource(h.Context(), evidenceAnn, book, KindBank, "main", Settings{Accounts: []ledger.Address{"assets:bank:operating:main"}, Currency: "EUR", Format: string(evidence.CAMT053)})
	h.ok(err)
	h.ok(h.books.Post(h.Context(), book, ledger.Submission{Reference: "earned", Drafts: []ledger.Draft{{Event: "test.earned", OccurredAt: local(2, 12, 0), Lines: []ledger.Line{
		{Account: "assets:processor:available:main", Amount: 90000, Currency: "EUR"}, {Account: "revenue:transaction_fee", Amount: -90000, Currency: "EUR"}}}}}).Err)
	for ref, of := range map[string]struct {
		amount money.Minor
		at     time.Time
	}{"E2E-B32-0": {-1000, local(32, 0, 30)}, "E2E-B31-1": {-2000, local(31, 23, 30)}, "E2E-B32-2": {-3000, local(31, 22, 0)}} {
		h.ok(h.books.Post(h.Context(), book, ledger.Submission{Reference: ref, Drafts: []ledger.Draft{{Event: "test.moved", OccurredAt: of.at, Lines: []ledger.Line{
			{Account: "assets:bank:operating:main", Amount: of.amount, Currency: "EUR", ExternalRef: ref}, {Account: "revenue:transaction_fee", Amount: -of.amount, Currency: "EUR"}}}}}).Err)
	}
	sweep := &commerce.TreasurySwept{Transfer: "T-1", Purpose: "own", Processor: "main", Bank: "main", Currency: "EUR", Amount: "70.00"}
	h.ok(h.events.Post(h.Context(), book, commerce.Event{Type: "treasury.swept", Reference: "swept:T-1", OccurredAt: local(30, 8, 0), Data: sweep}).Err)

	first := statement(31, 32, 0)
	for i, m := range []struct {
		on     int
		amount money.Minor
	}{{32, -1000}, {31, -2000}, {32, -3000}, {31, -4000}, {32, -5000}, {31, 7000}} {
		first.Lines = append(first.Lines, bankMove(fmt.Sprintf("B%d-%d", m.on, i), m.on, m.amount))
		first.Closing += m.amount
	}
	first.Lines[5].EndToEnd, first.Lines[5].Text = "", "transfer T-1"
	later := statement(34, 34, 1000)
	for _, s := range []evidence.Statement{first, later} {
		_, err := h.TakeStatement(h.Context(), evidenceAnn, book, "main", h.file(s))
		h.ok(err)
	}
	run, err := h.Compare(h.Context(), t, Asked{Match: R2, Source: x.ID})
	h.ok(err)
	_, err = h.Land(h.Context(), t, book, x)
	h.ok(err)
	_, err = h.CompareInside(h.Context(), t, book)
	h.ok(err)
	again, err := h.Replay(h.Context(), book, run.ID)
	h.ok(err)
	if !again.Same {
		h.Errorf("the run is not the same again: %v", again.Differs)
	}

	list, err := h.Breaks(h.Context(), book, BreakQuery{Limit: 100})
	h.ok(err)
	var told []string
	for _, b := range list {
		if b.Match == R3 && b.Class != EvidenceIncomplete {
			continue // the entries of this test owe nobody anything
		}
		told = append(told, strings.TrimSpace(fmt.Sprint(b.Class, " ", Day(book, b.HappenedAt), " ", strings.TrimPrefix(strings.Split(b.Identity, "|")[0], "evidence:"))))
	}
	slices.Sort(told)
	var at time.Time
	var period ledger.Period
	h.ok(h.db.Pool.QueryRow(h.Context(), `SELECT occurred_at, effective_period FROM transactions WHERE book_id = $1 AND event = 'treasury.landed'`, book.ID).Scan(&at, &period))
	told = append(told, fmt.Sprint("landed ", Day(book, at), " ", period))
	r, err := h.Receipt(h.Context(), book, x, 1)
	h.ok(err)
	told = append(told, fmt.Sprint("first ", Day(book, r.From), " ", Day(book, r.Until)))
	return "\n" + strings.Join(told, "\n")
}
