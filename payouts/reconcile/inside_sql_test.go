package reconcile

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"mizan/ledger"
	"mizan/ledger/money"
)

// Books that are in order have no differences; each thing that is not in order is found by its name, with its amount and in its
// class; and a run comes to the same when it is made again, whatever happened since.
func TestInside(t *testing.T) {
	t.Parallel()
	h := newBreakHouse(t)
	expect := func(want map[string]string) {
		t.Helper()
		_, got := h.inside()
		have := map[string]string{}
		for id, b := range got {
			have[id] = fmt.Sprintf("%s %s", b.Class, b.Amount.Format(b.Currency))
		}
		if !maps.Equal(have, want) {
			t.Fatalf("differences %v\ninstead of %v", have, want)
		}
	}
	expect(map[string]string{})

	h.booked("test.sold", "order:o1", "USD", "assets:processor:pending:main ch_1", 10_00, "liabilities:seller:pending:s1", -9_00, "revenue:transaction_fee", -1_00)
	h.booked("order.settled", "order:o1", "USD", "liabilities:seller:pending:s1", 9_00, "liabilities:seller:available:s1", -9_00)
	h.booked("test.sold", "order:o2", "USD", "assets:processor:pending:main ch_2", 10_00, "liabilities:seller:pending:s1", -9_00, "revenue:transaction_fee", -1_00)
	h.booked("payout.created", "payout:1", "USD", "liabilities:seller:available:s1", 9_00, "liabilities:payout_in_transit:s1", -9_00)
	h.booked("payout.submitted", "payout:1", "USD", "assets:cash_in_transit:main", 9_00, "assets:processor:pending:main txn_p", -9_00)
	payout := h.payout(1, "submitted", 9_00, h.clock.now())
	expect(map[string]string{})

	// An order that settles with a rest, and one that moves after its settlement, which is no rest of it.
	h.booked("order.settled", "order:o2", "USD", "liabilities:seller:pending:s1", 8_99, "liabilities:seller:available:s1", -8_99)
	h.booked("test.sold", "order:o1", "USD", "assets:processor:pending:main ch_3", 5_00, "liabilities:seller:pending:s1", -5_00)
	rest := map[string]string{"order_pending:order:o2:liabilities:seller:pending:s1:USD": "balance_differs 0.01"}
	expect(rest)
	// It stays a difference for as long as the order does not move, and whatever else happens.
	expect(rest)
	h.booked("test.sold", "order:o2", "USD", "assets:processor:pending:main ch_4", 5_00, "liabilities:seller:pending:s1", -5_00)
	expect(rest)
	h.booked("test.moved", "order:o2", "USD", "liabilities:seller:pending:s1", 5_01, "liabilities:seller:available:s1", -5_01)
	expect(map[string]string{})
	expect(map[string]string{})

	// What is on its way may be so for its days.
	h.booked("treasury.swept", "transfer:T-1", "USD", "assets:treasury_in_transit:processor-bank", 2_00, "assets:processor:pending:main T-1", -2_00)
	h.booked("test.exchange", "order:x1", "USD", "assets:processor:pending:main ch_x", 3_00, "liabilities:exchange_clearing:x1", -3_00)
	h.booked("test.pledged", "", "USD", "assets:receivable:match_sponsor:sp", 7_00, "revenue:transaction_fee", -7_00)
	h.booked("test.fx", "", "EUR", "assets:processor:pending:main fx", 1_00, "assets:fx_position", -1_00)
	h.booked("test.gift", "", "USD", "assets:processor:pending:main ch_g", 48, "liabilities:processor_fee_passthrough:c1", -48)
	expect(map[string]string{})
	h.clock.advance(5 * 24 * time.Hour)
	expect(map[string]string{"fee_passthrough:liabilities:processor_fee_passthrough:c1:USD": "balance_differs 0.48"})
	h.clock.advance(5 * 24 * time.Hour)
	late := map[string]string{
		"fee_passthrough:liabilities:processor_fee_passthrough:c1:USD":      "balance_differs 0.48",
		"treasury_in_transit:assets:treasury_in_transit:processor-bank:USD": "stale_in_transit -2.00",
		"fx_position:assets:fx_position:EUR":                                "balance_differs 1.00",
		"payout_stale:" + payout + ":USD":                                   "stale_in_transit -9.00",
	}
	expect(late)
	h.clock.advance(30 * 24 * time.Hour)
	late["exchange_clearing:liabilities:exchange_clearing:x1:USD"] = "balance_differs 3.00"
	late["match_sponsor:assets:receivable:match_sponsor:sp:USD"] = "match_not_funded -7.00"
	expect(late)

	// The oldest money that is not made up for yet counts.
	h.booked("treasury.swept", "transfer:T-2", "USD", "assets:treasury_in_transit:processor-bank", 1_00, "assets:processor:pending:main T-2", -1_00)
	h.booked("treasury.landed", "transfer:T-1", "USD", "assets:bank:operating:main T-1", 2_00, "assets:treasury_in_transit:processor-bank", -2_00)
	delete(late, "treasury_in_transit:assets:treasury_in_transit:processor-bank:USD")
	expect(late)

	// A payout that its table does not have, and one that its entries do not have.
	h.booked("payout.created", "payout:2", "USD", "liabilities:seller:available:s1", 4_00, "liabilities:payout_in_transit:s1", -4_00)
	late["waiting_for_payout:liabilities:payout_in_transit:s1:USD"] = "timing 4.00"
	expect(late)
	h.clock.advance(3 * 24 * time.Hour)
	late["waiting_for_payout:liabilities:payout_in_transit:s1:USD"] = "balance_differs 4.00"
	expect2 := map[string]string{}
	maps.Copy(expect2, late)
	h.behind(`UPDATE payouts SET amount = 1301, consumed_through = 1301 WHERE book_id = $1`, h.book.ID)
	delete(expect2, "waiting_for_payout:liabilities:payout_in_transit:s1:USD")
	expect2["payouts_in_transit:liabilities:payout_in_transit:s1:USD"] = "balance_differs -0.01"
	expect2["cash_in_transit:assets:cash_in_transit:main:USD"] = "balance_differs 4.01"
	expect2["payout_stale:"+payout+":USD"] = "stale_in_transit -13.01"
	expect2["treasury_in_transit:assets:treasury_in_transit:processor-bank:USD"] = "stale_in_transit -1.00"
	delete(expect2, "treasury_in_transit:assets:treasury_in_transit:processor-bank:USD")
	expect(expect2)
}

// A disbursement of a donation goes the same way as a payout, and no payout is behind it.
func TestInsideDisbursement(t *testing.T) {
	t.Parallel()
	h := newBreakHouse(t)
	h.booked("donation.disbursed", "disbursement:d1", "USD", "assets:bank:safeguarded:main x", 5_00, "liabilities:payout_in_transit:ngo", -5_00)
	h.booked("disbursement.submitted", "disbursement:d1", "USD", "assets:cash_in_transit:main", 5_00, "assets:bank:safeguarded:main y", -5_00)
	if _, got := h.inside(); len(got) != 0 {
		t.Fatalf("differences %v of a disbursement on its way", slices.Collect(maps.Keys(got)))
	}
}

// An open payout to a receiver to whom nothing is in transit at all is a difference.
func TestInsidePayoutWithoutTransit(t *testing.T) {
	t.Parallel()
	h := newBreakHouse(t)
	h.booked("test.sold", "order:o1", "USD", "assets:processor:pending:main ch_1", 10_00, "revenue:transaction_fee", -10_00)
	h.payout(1, "created", 7_00, h.clock.now())
	_, got := h.inside()
	if b := got["payouts_in_transit:liabilities:payout_in_transit:s1:USD"]; len(got) != 1 || b.Amount != -7_00 || b.Class != BalanceDiffers {
		t.Fatalf("differences %v", got)
	}
}

// What one of our books owes another stands in both.
func TestInsidePairs(t *testing.T) {
	t.Parallel()
	h := newBreakHouse(t)
	other, _, err := h.books.CreateBook(t.Context(), ledger.NewBook{Code: "uk", Name: "UK", Currencies: []money.Currency{"USD"}, TimeZone: "Europe/London", Market: "GB"})
	h.ok(err)
	h.booked("test.lent", "", "USD", "assets:due_from:uk", 6_00, "assets:bank:operating:main a", -6_00)
	h.booked("test.lent", "", "USD", "assets:due_from:elsewhere", 6_00, "assets:bank:operating:main b", -6_00)
	const pair = "books:assets:due_from:uk:USD"
	if _, got := h.inside(); len(got) != 1 || got[pair].Amount != -6_00 {
		t.Fatalf("differences %v instead of the pair", got)
	}
	us := h.book
	h.book = other
	h.booked("test.borrowed", "", "USD", "liabilities:due_to:us", -6_00, "assets:bank:operating:main c", 6_00)
	h.book = us
	if _, got := h.inside(); len(got) != 0 {
		t.Fatalf("differences %v of a pair that agrees", got)
	}
}

// Tables that somebody changed by hand are found, and are found again when the run is made again.
func TestInsideTampered(t *testing.T) {
	t.Parallel()
	h := newBreakHouse(t)
	h.booked("test.sold", "order:o1", "USD", "assets:processor:pending:main ch_1", 10_00, "liabilities:seller:pending:s1", -9_00, "revenue:transaction_fee", -1_00)
	first, got := h.inside()
	if len(got) != 0 {
		t.Fatalf("differences %v", got)
	}
	h.behind(`UPDATE period_totals t SET credits = credits + 1 FROM accounts a WHERE t.book_id = $1 AND a.book_id = t.book_id AND a.id = t.account_id AND a.address = 'liabilities:seller:pending:s1'`, h.book.ID)
	h.behind(`UPDATE chart_totals t SET debits = debits + 7 WHERE t.book_id = $1 AND chart_code = (SELECT chart_code FROM accounts WHERE book_id = $1 AND address LIKE 'assets:processor%')`, h.book.ID)
	_, got = h.inside()
	var have []string
	for id, b := range got {
		name, _, _ := strings.Cut(id, ":")
		have = append(have, fmt.Sprintf("%s %s", name, b.Amount.Format(b.Currency)))
	}
	slices.Sort(have)
	if want := []string{"control 0.07", "periods -0.01"}; !slices.Equal(have, want) {
		t.Fatalf("differences %v instead of %v", have, want)
	}
	// An entry that somebody changes shows in the runs that rested on it.
	h.behind(`UPDATE entries e SET balance_after = balance_after + 3 FROM accounts a WHERE e.book_id = $1 AND a.book_id = e.book_id AND a.id = e.account_id AND a.address = 'liabilities:seller:pending:s1'`, h.book.ID)
	again, err := h.Replay(t.Context(), h.book, first.ID)
	h.ok(err)
	if again.Same || !slices.Contains(again.Differs, "digest") {
		t.Fatalf("a changed entry does not show: %v", again.Differs)
	}
	var document bytes.Buffer
	if err := h.Document(t.Context(), h.book, first.ID, &document); !errors.Is(err, ErrRunChanged) || document.Len() != 0 {
		t.Fatalf("the document of a changed run: %v", err)
	}
}

// Of runs at once one is recorded; the others are told.
func TestInsideAtOnce(t *testing.T) {
	t.Parallel()
	h := newBreakHouse(t)
	h.booked("test.sold", "order:o1", "USD", "assets:processor:pending:main ch_1", 10_00, "revenue:transaction_fee", -10_00)
	var group sync.WaitGroup
	for i := range 16 {
		service := h.Service
		if i%2 == 0 {
			service = h.another()
		}
		group.Go(func() {
			if _, err := service.CompareInside(t.Context(), breaksTurn, h.book); err != nil && !errors.Is(err, ErrRunOvertaken) {
				t.Errorf("at once: %v", err)
			}
		})
	}
	group.Wait()
	runs := h.count(`SELECT count(*) FROM recon_runs WHERE book_id = $1 AND match = 3`, h.book.ID)
	if head := h.count(`SELECT run FROM recon_heads WHERE book_id = $1 AND match = 3`, h.book.ID); runs != head || runs == 0 {
		t.Fatalf("%d runs, and the head is at %d", runs, head)
	}
	if turn := breaksTurn; true {
		turn.Check = goneTurn
		if _, err := h.CompareInside(t.Context(), turn, h.book); !errors.Is(err, errTurnGone) {
			t.Fatalf("a process without the turn: %v", err)
		}
	}
	if after := h.count(`SELECT count(*) FROM recon_runs WHERE book_id = $1 AND match = 3`, h.book.ID); after != runs {
		t.Fatalf("it recorded a run")
	}
}

// More than a run lists of a check is one sum, and the run can be made again.
func TestInsideBounded(t *testing.T) {
	t.Parallel()
	h := newBreakHouse(t)
	exchanges := func(name string, count int) {
		var legs []any
		for n := range count {
			legs = append(legs, "assets:processor:pending:main x", 1_00, fmt.Sprintf("liabilities:exchange_clearing:%s%03d", name, n), -1_00)
		}
		h.booked("test.exchange", "", "USD", legs...)
	}
	exchanges("x", mostFacts+20)
	h.payout(1, "submitted", 1, h.clock.now())
	h.behind(`INSERT INTO payouts SELECT (jsonb_populate_record(p, jsonb_build_object('id', 'po_' || lpad(n::text, 16, '0'), 'account_id', n, 'run_id', n::text, 'created_sequence', n))).*
		FROM payouts p, generate_series(2, $2::int) n WHERE p.book_id = $1`, h.book.ID, mostFacts+3)
	h.clock.advance(60 * 24 * time.Hour)
	_, got := h.inside()
	if b := got["exchange_clearing:more:USD"]; b.Amount != 20_00 {
		t.Fatalf("the rest of exchanges: %+v", b)
	}
	if b := got["payout_stale:more:USD"]; b.Amount != -3 {
		t.Fatalf("the rest of payouts: %+v", b)
	}
	// What has a break is listed before what comes first by its name: no break ends while its difference is there, and each that is
	// gone ends.
	exchanges("a", 20)
	h.booked("test.exchange", "", "USD", "assets:processor:pending:main x", -1_00, "liabilities:exchange_clearing:x003", 1_00)
	h.clock.advance(60 * 24 * time.Hour)
	_, then := h.inside()
	for id, b := range got {
		is, open := then[id]
		if gone := id == "exchange_clearing:liabilities:exchange_clearing:x003:USD"; gone == open {
			t.Errorf("the break %s is open: %v", id, open)
		}
		if !strings.Contains(id, ":more:") && open && is.Amount != b.Amount {
			t.Errorf("the break %s became %d", id, is.Amount)
		}
	}
	if b := then["exchange_clearing:more:USD"]; b.Amount != 39_00 {
		t.Errorf("the rest of exchanges: %+v", b)
	}
}

// More differences than a run can list in all its checks do not end it with an error, and what it lists is a run that can be made again.
func TestFactsInAll(t *testing.T) {
	t.Parallel()
	var list []fact
	var listed = map[string]bool{}
	for c := range checksInside {
		for n := range 400 {
			x := fact{Check: c, Of: fmt.Sprintf("%s%03d", strings.Repeat("a", 200), n), Currency: "USD", There: "1.00", Here: "0.00", Left: strings.Repeat("l", 255), Right: strings.Repeat("r", 255)}
			if n >= 350 && c == checkStale {
				listed[x.identity()] = true
			}
			list = append(list, x)
		}
	}
	out, err := bounded(list, listed)
	if err != nil {
		t.Fatal(err)
	}
	known, all := 0, 0
	for i := range out {
		all += max(out[i].More, 1)
		if listed[out[i].identity()] {
			known++
		}
	}
	if len(out) > mostFactsInAll+len(checksInside) || all != len(list) || known != 50 {
		t.Errorf("%d are listed of %d, %d of 50 that were", len(out), all, known)
	}
	// Of what it listed it lists the same again.
	again := map[string]bool{}
	for i := range out {
		again[out[i].identity()] = true
	}
	if same, err := bounded(list, again); err != nil || !slices.EqualFunc(out, same, func(a, b fact) bool { return a.compare(b) == 0 && a.There == b.There && a.More == b.More }) {
		t.Errorf("another list the second time: %v", err)
	}
	document, err := canonicalJSON(out)
	if err != nil || len(document) > 2<<20 {
		t.Errorf("%d bytes: %v", len(document), err)
	}
}

// Two statements that contradict each other twice about one day are two differences and no error, and one that two people have ended
// does not come again.
func TestInsideContradictions(t *testing.T) {
	t.Parallel()
	h := newBreakHouse(t)
	bank, err := h.SetSource(t.Context(), breaksAnn, h.book, KindBank, "second", Settings{Accounts: []ledger.Address{"assets:bank:operating:second"}, Currency: "USD", Format: "camt.053"})
	h.ok(err)
	for n, closing := range []int{0, 500, 700} {
		sum := make([]byte, 32)
		sum[0] = byte(n + 1)
		h.exec(`INSERT INTO evidence_receipts (book_id, source_id, number, kind, format, settings, sha256, bytes, first_line, new_lines, known_lines, taken_by, recorded_at)
			VALUES ($1, $2, $3, 'statement', 'camt.053', 1, $4, 1, 1, 0, 0, 'ann', $5)`, h.book.ID, bank.ID, n+1, sum, h.clock.now())
		h.exec(`INSERT INTO evidence_statements (book_id, source_id, receipt, ordinal, statement_id, currency, from_day, until_day, opening, closing, lines, proved)
			VALUES ($1, $2, $3, 1, $4, 'USD', $5, $5, 100, $6, 0, true)`, h.book.ID, bank.ID, n+1, fmt.Sprint("S", n), "2026-11-02", closing)
	}
	h.booked("test.sold", "order:o1", "USD", "assets:processor:pending:main ch_1", 10_00, "revenue:transaction_fee", -10_00)
	_, got := h.inside()
	var told []string
	for id, b := range got {
		told = append(told, fmt.Sprintf("%s %s %s", id, b.Class, b.Amount.Format(b.Currency)))
	}
	slices.Sort(told)
	want := []string{"evidence:bank:second:contradiction:2026-11-02.1.2:USD evidence_incomplete 5.00", "evidence:bank:second:contradiction:2026-11-02.2.3:USD evidence_incomplete 2.00"}
	if !slices.Equal(told, want) {
		t.Fatalf("differences %v\ninstead of %v", told, want)
	}
}

// What a source says otherwise of a line's amount and fee differs by its own share each; a figure that changes again after two people
// ended its break is a difference again. Of more than a run tells apart, the others are one sum.
func TestInsideChanged(t *testing.T) {
	t.Parallel()
	h := newBreakHouse(t)
	line := h.line(1, "txn_c", "USD", 10_00)
	receipt := 1
	said := func(field, was, became string) {
		t.Helper()
		receipt++
		h.exec(`INSERT INTO evidence_changes (book_id, source_id, receipt, line, field, was, became) VALUES ($1, 1, $2, $3, $4, $5, $6)`, h.book.ID, receipt, line, field, was, became)
	}
	said("status", "pending", "available")
	said("fee", "0.00", "0.30")
	of := func(field string) string {
		return fmt.Sprintf("evidence_changed:processor:main:txn_%d:%s:USD", line, field)
	}
	wants := func(run Run, got map[string]Break, want ...string) Run {
		t.Helper()
		var told []string
		for id, b := range got {
			if strings.HasPrefix(id, "evidence_changed:") {
				told = append(told, fmt.Sprintf("%s %s %s", id, b.Amount.Format(b.Currency), b.Right))
			}
		}
		if slices.Sort(told); !slices.Equal(told, want) {
			t.Fatalf("run %d: differences %q\ninstead of %q", run.Number, told, want)
		}
		return run
	}
	run, got := h.inside()
	wants(run, got, of("fee")+" -0.30 fee: 0.00 became 0.30")
	said("amount", "10.00", "11.00")
	said("fee", "0.30", "0.40")
	said("amount", "11.00", "12.00")
	run, got = h.inside()
	wants(run, got, of("amount")+" 2.00 amount: 10.00 became 12.00", of("fee")+" -0.40 fee: 0.00 became 0.40")
	h.exec(`UPDATE recon_breaks SET state = 'fixed', ended_at = changed_at WHERE book_id = $1 AND match = 3 AND identity = $2`, h.book.ID, of("fee"))
	run, got = h.inside()
	wants(run, got, of("amount")+" 2.00 amount: 10.00 became 12.00")
	said("fee", "0.40", "0.50")
	run, got = h.inside()
	wants(run, got, of("amount")+" 2.00 amount: 10.00 became 12.00", of("fee")+" -0.50 fee: 0.00 became 0.50")
	// A figure in another currency says nothing of the line's.
	said("currency", "USD", "JPY")
	run, got = h.inside()
	wants(run, got, of("amount")+" 0.00 amount: 10.00 became 12.00", of("currency")+" 0.00 currency: USD became JPY", of("fee")+" 0.00 fee: 0.00 became 0.50")

	h.behind(`INSERT INTO evidence_lines (book_id, source_id, number, receipt, line_id, key, currency, gross, fee, net, category, moved_at)
		SELECT $1, 1, 1000 + n, 1, 'm' || n, 'm' || n, 'USD', 100, 0, 100, 'other', $3 FROM generate_series(1, $2::int) n`, h.book.ID, mostChanged+500, h.clock.now())
	h.behind(`INSERT INTO evidence_changes (book_id, source_id, receipt, line, field, was, became)
		SELECT $1, 1, 100, 1000 + n, 'amount', '1.00', '1.01' FROM generate_series(1, $2::int) n`, h.book.ID, mostChanged+500)
	h.behind(`ANALYZE evidence_lines`)
	h.behind(`ANALYZE evidence_changes`)
	run, got = h.inside()
	if b := got["evidence_changed:more:USD"]; b.Amount != mostChanged+500-mostFacts+3 || got[of("fee")].ID == "" {
		t.Errorf("the rest of changes in run %d: %+v", run.Number, b)
	}
}
