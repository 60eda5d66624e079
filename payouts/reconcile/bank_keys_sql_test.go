package reconcile

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"mizan/ledger"
	"mizan/ledger/money"
	"mizan/payouts/reconcile/evidence"
)

// fileHouse is a house whose bank pays by files, and shows it in statements.
type fileHouse struct {
	*breakHouse
	source     Source
	opening    money.Minor
	statements int
}

func newFileHouse(t *testing.T, batches bool) *fileHouse {
	t.Helper()
	h := &fileHouse{breakHouse: newBreakHouse(t)}
	var err error
	h.source, err = h.SetSource(t.Context(), breaksAnn, h.book, KindBank, "files",
		Settings{Accounts: []ledger.Address{"assets:bank:operating:files"}, Currency: "USD", Format: string(evidence.CAMT053), Identification: "DE89370400440532013000", Batches: batches})
	h.ok(err)
	return h
}

// paid is a payment by file as the rail's tables and the ledger have it: what is set aside, the payment, its place in a file if it has
// one, and what came back of it.
func (h *fileHouse) paid(n, amount, file int, back bool) {
	h.Helper()
	id := fmt.Sprintf("%016d", n)
	payment, state := "po_file"+id[:12]+fmt.Sprintf("%04d", n), "accepted"
	h.behind(`INSERT INTO bank_entries (book_id, id, account, category, amount, currency, source, created_at) VALUES ($1, $2, '', 'transfer', $3, 'USD', $4, $5)`,
		h.book.ID, "txn_a"+id, -amount, "tr_"+id, h.clock.now())
	h.behind(`INSERT INTO bank_transfers (book_id, id, instruction, key, digest, account, amount, currency, metadata, entry, arrived, created_at)
	VALUES ($1, $2, $2, $2, repeat('0', 64), 'payee:s1', $3, 'USD', '{}', $4, $5, $6)`, h.book.ID, "tr_"+id, amount, "txn_a"+id, "py_"+id, h.clock.now())
	h.booked("payout.submitted", "payout:"+id, "USD", "assets:cash_in_transit:bank", amount, "assets:bank:operating:files txn_a"+id, -amount)
	if back {
		state = "failed"
		h.cameBack(n, amount)
	}
	h.payout(n, "submitted", amount, h.clock.now())
	h.behind(`UPDATE payouts SET transfer = $3, outgoing = $4 WHERE book_id = $1 AND id = $2`, h.book.ID, fmt.Sprintf("po_%016d", n), "tr_"+id, payment)
	if file > 0 {
		h.behind(`INSERT INTO bank_files (book_id, currency, number, account_version, format, message_id, state, digest, lines, sum, entry_hash, execute_on, made_at, made_by, fetched_at)
		VALUES ($1, 'USD', $2, 1, 'pain', 'MSG-' || $3::text, 'fetched', repeat('0', 64), 1, 1, 1, $4::timestamptz::date, $4::timestamptz, 'x', $4::timestamptz) ON CONFLICT DO NOTHING`, h.book.ID, file, fmt.Sprint(file), h.clock.now())
		h.behind(`INSERT INTO bank_payments (book_id, id, instruction, key, digest, account, amount, currency, state, code, file, line, trace, execute_on, arrives_on, metadata, entry, failure_entry, created_at, changed_at)
		VALUES ($1, $2, $2, $2, repeat('0', 64), 'payee:s1', $3, 'USD', $4::text, CASE WHEN $4::text = 'failed' THEN 'AC04' ELSE '' END, $5, $6, $7, $8::timestamptz::date, $8::timestamptz::date, '{}', $9::text, CASE WHEN $4::text = 'failed' THEN $9::text END, $8::timestamptz, $8::timestamptz)`,
			h.book.ID, payment, amount, state, file, n, fmt.Sprintf("%d-%d", file, n), h.clock.now(), "txn_a"+id)
	}
}

// cameBack books that a payment's money is here again.
func (h *fileHouse) cameBack(n, amount int) {
	h.Helper()
	id := fmt.Sprintf("%016d", n)
	h.behind(`INSERT INTO bank_entries (book_id, id, account, category, amount, currency, source, created_at) VALUES ($1, $2, '', 'transfer_reversal', $3, 'USD', $4, $5)`,
		h.book.ID, "txn_b"+id, amount, "trr_"+id, h.clock.now())
	h.behind(`INSERT INTO bank_reversals (book_id, id, transfer, instruction, key, digest, amount, entry, created_at)
	VALUES ($1, $2, $3, $2, $2, repeat('0', 64), $4, $5, $6)`, h.book.ID, "trr_"+id, "tr_"+id, amount, "txn_b"+id, h.clock.now())
	h.booked("payout.returned", "payout:"+id, "USD", "assets:bank:operating:files txn_b"+id, amount, "assets:cash_in_transit:bank", -amount)
}

func (h *fileHouse) endToEnd(n int) string {
	return fmt.Sprintf("po-file%s%04d", fmt.Sprintf("%016d", n)[:12], n)
}

// shows takes a statement of a day with these lines.
func (h *fileHouse) shows(lines ...evidence.Line) {
	h.Helper()
	h.statements++
	at := breaksStart.Truncate(24*time.Hour).AddDate(0, 0, h.statements)
	x := evidence.Statement{ID: fmt.Sprint("ST-", h.statements), Account: "DE89370400440532013000", Currency: "USD", From: at, Until: at, Opening: h.opening, Closing: h.opening, Proved: true}
	for i, l := range lines {
		l.ID, l.Booked, l.Value, l.Code = fmt.Sprintf("L%d-%d", h.statements, i), at, at, "PMNT/ICDT/ESCT"
		x.Lines = append(x.Lines, l)
		x.Closing += l.Amount
	}
	h.opening = x.Closing
	content, err := evidence.Render(evidence.CAMT053, []evidence.Statement{x})
	h.ok(err)
	_, err = h.TakeStatement(h.Context(), breaksAnn, h.book, "files", content)
	h.ok(err)
}

// compares runs R2 and returns the differences by class and amount.
func (h *fileHouse) compares(open int64, want ...string) {
	h.Helper()
	run, err := h.Compare(h.Context(), h.turnHere(), Asked{Match: R2, Source: h.source.ID})
	h.ok(err)
	again, err := h.Replay(h.Context(), h.book, run.ID)
	h.ok(err)
	if !again.Same {
		h.Fatalf("run %d is not the same again: %v", run.Number, again.Differs)
	}
	have := map[string]int{}
	for _, b := range h.breaksOf(R2) {
		have[fmt.Sprintf("%s %s", b.Class, b.Amount.Format(b.Currency))]++
	}
	for _, w := range want {
		have[w]--
	}
	for w, n := range have {
		if n != 0 {
			h.Fatalf("%d more of %s than wanted; all breaks: %v", n, w, h.breaksOf(R2))
		}
	}
	if run.OpenItems != open {
		h.Fatalf("%d open instead of %d", run.OpenItems, open)
	}
}

// A file that the bank books payment by payment: each is known by its id end to end. One that it never paid makes up for itself, one
// that it sends back is told to people, and one that no file has yet waits.
func TestBankPayments(t *testing.T) {
	t.Parallel()
	h := newFileHouse(t, false)
	h.paid(1, 10_00, 1, false)
	h.paid(2, 20_00, 1, false)
	h.paid(3, 30_00, 1, true)
	h.paid(4, 10_00, 0, false)
	h.compares(3, "timing 10.00", "timing 20.00", "timing 10.00")
	h.shows(evidence.Line{Amount: -10_00, EndToEnd: h.endToEnd(1), Text: "PAYOUT"}, evidence.Line{Amount: -20_00, EndToEnd: h.endToEnd(2)})
	h.compares(1, "timing 10.00")
	h.clock.advance(48 * time.Hour)
	// A payment comes back of which the bank's report said nothing yet: people are told, and nothing is booked.
	head := h.count(`SELECT last_sequence FROM books WHERE id = $1`, h.book.ID)
	h.shows(evidence.Line{Amount: 20_00, EndToEnd: h.endToEnd(2), Reversal: true, Text: "RETURNED AC04"})
	run, err := h.Compare(t.Context(), h.turnHere(), Asked{Match: R2, Source: h.source.ID})
	h.ok(err)
	returned := 0
	for _, b := range h.breaksOf(R2) {
		if b.Class == PayoutReturned && b.Amount == 20_00 {
			returned++
		}
	}
	if returned != 1 || run.OpenItems < 1 {
		for id, b := range h.breaksOf(R2) {
			t.Logf("%s: %s %d %s", id, b.Class, b.Amount, b.Detail)
		}
		t.Fatalf("%d returned payments", returned)
	}
	if now := h.count(`SELECT last_sequence FROM books WHERE id = $1`, h.book.ID); now != head {
		t.Fatal("the return was booked by the comparison")
	}
}

// What a payer writes as his reference makes his payment nobody's counterpart: neither that of an entry which names nothing and goes by its
// place, nor that of a payment of ours which a file has as a line of that name.
func TestStrangersReferences(t *testing.T) {
	t.Parallel()
	h := newFileHouse(t, false)
	h.paid(1, 10_00, 1, false)
	first := h.count(`SELECT last_sequence FROM books WHERE id = $1`, h.book.ID) + 1
	for range 2 {
		h.booked("test.moved", "", "USD", "assets:bank:operating:files", 5_00, "revenue:transaction_fee", -5_00)
	}
	place := namelessKey(EntryID{int64(first), h.count(`SELECT line FROM entries e JOIN accounts a ON a.book_id = e.book_id AND a.id = e.account_id
	WHERE e.book_id = $1 AND e.sequence = $2 AND a.address = 'assets:bank:operating:files'`, h.book.ID, first)})
	h.shows(evidence.Line{Amount: 5_00, EndToEnd: place}, evidence.Line{Amount: 10_00, EndToEnd: "1-1"})
	if n := h.count(`SELECT count(*) FROM evidence_lines WHERE book_id = $1 AND key LIKE '@%'`, h.book.ID); n != 0 {
		t.Errorf("%d lines go by the place of an entry", n)
	}
	h.clock.advance(24 * time.Hour)
	h.compares(5, "ambiguous -5.00", "timing 10.00", "unknown_receipt 10.00")
}

// A payment that comes back is one difference, from the bank's line to the payout that has to be made again: the break of the line first,
// which ends when the return is booked, and then that of the payee who was not paid.
func TestReturnedPaymentIsOneBreak(t *testing.T) {
	t.Parallel()
	h := newFileHouse(t, false)
	h.paid(1, 10_00, 1, false)
	h.paid(2, 20_00, 1, false)
	h.shows(evidence.Line{Amount: -10_00, EndToEnd: h.endToEnd(1)}, evidence.Line{Amount: -20_00, EndToEnd: h.endToEnd(2)})
	h.compares(0)
	h.clock.advance(20 * 24 * time.Hour)
	wants := func(when string, want ...string) {
		t.Helper()
		h.inside()
		var have []string
		for _, match := range []Match{R2, R3} {
			for _, b := range h.breaksOf(match) {
				if b.Class == PayoutReturned || b.Class == StaleInTransit {
					have = append(have, fmt.Sprintf("%s %s", b.Class, max(b.Amount, -b.Amount).Format(b.Currency)))
				}
			}
		}
		slices.Sort(have)
		if !slices.Equal(have, want) {
			t.Fatalf("%s: %v instead of %v", when, have, want)
		}
	}
	wants("on their way too long", "stale_in_transit 10.00", "stale_in_transit 20.00")
	h.shows(evidence.Line{Amount: 20_00, EndToEnd: h.endToEnd(2), Reversal: true, Text: "RETURNED AC04"})
	h.compares(1, "payout_returned 20.00")
	wants("shown by the bank", "payout_returned 20.00", "stale_in_transit 10.00")
	h.cameBack(2, 20_00)
	h.behind(`UPDATE payouts SET state = 'failed', ended_at = $3, changed_at = $3 WHERE book_id = $1 AND id = $2`, h.book.ID, fmt.Sprintf("po_%016d", 2), h.clock.now())
	wants("booked", "payout_returned 20.00", "stale_in_transit 10.00")
	h.compares(0)
	wants("both sides agree, and the payee has nothing", "payout_returned 20.00", "stale_in_transit 10.00")
}

// A file that the bank books as one line: the sum of its payments less those that it rejected.
func TestBankBatches(t *testing.T) {
	t.Parallel()
	h := newFileHouse(t, true)
	for n := 1; n <= 40; n++ {
		h.paid(n, 100+n, 1, n == 7)
	}
	h.paid(50, 5_00, 2, false)
	sum := 0
	for n := 1; n <= 40; n++ {
		if n != 7 {
			sum += 100 + n
		}
	}
	h.shows(evidence.Line{Amount: money.Minor(-sum), Batch: "MSG-1", Text: "FILE"})
	h.compares(1, "timing 5.00")
	// One unit off, and a payment of the file that comes back on its own.
	h.shows(evidence.Line{Amount: -5_01, Batch: "MSG-2"})
	h.compares(2, "amount_differs -0.01")
}
