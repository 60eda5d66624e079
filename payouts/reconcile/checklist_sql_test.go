package reconcile_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"mizan/ledger"
	"mizan/ledger/money"
	"mizan/payouts/reconcile"
)

// item computes the checklist of October and returns one item.
func (m *months) item(code string) reconcile.ChecklistItem {
	m.Helper()
	list, err := m.Checklist(m.Context(), m.book, 202610)
	m.ok(err)
	i := list.Item(code)
	if i == nil {
		m.Fatalf("there is no item %s", code)
	}
	return *i
}

func (m *months) stands(code string, state reconcile.ItemState, says string) {
	m.Helper()
	if i := m.item(code); i.State != state || !strings.Contains(fmt.Sprintf("%+v", i), says) {
		m.Errorf("%s is %+v, want %s with %q", code, i, state, says)
	}
}

// source sets up a source of evidence.
func (m *months) source(id int, kind, name string) {
	m.Helper()
	m.ok(m.exec(`INSERT INTO evidence_sources VALUES ($1, $2, $3, $4, $5)`, m.book.ID, id, kind, name, m.clock.Now()))
	m.ok(m.exec(`INSERT INTO evidence_heads VALUES ($1, $2)`, m.book.ID, id))
	m.reset(id, 1, `{"accounts":["assets:bank:operating:main"]}`)
}

// reset gives a source other settings.
func (m *months) reset(id, version int, document string) {
	m.Helper()
	m.ok(m.exec(`INSERT INTO evidence_settings VALUES ($1, $2, $3, $4, $5)`, m.book.ID, id, version, document, m.clock.Now()))
}

// receipt records that evidence of a source came in.
func (m *months) receipt(source, number int, kind string) {
	m.Helper()
	m.ok(m.exec(`INSERT INTO evidence_receipts VALUES ($1, $2, $3, $4, 'csv', 1, sha256($5), 1, NULL, NULL, 1, 0, 0, 0, 'test', $6)`, m.book.ID, source, number, kind,
		fmt.Appendf(nil, "%d %d", source, number), m.clock.Now()))
}

// line records a line of a source.
func (m *months) line(source, number int, moved time.Time) {
	m.Helper()
	m.ok(m.exec(`INSERT INTO evidence_lines (book_id, source_id, number, receipt, line_id, key, currency, gross, fee, net, category, moved_at)
VALUES ($1, $2, $3, 1, $4, $4, 'GBP', 1, 0, 1, 'other', $5)`, m.book.ID, source, number, fmt.Sprint("line-", number), moved))
}

// run records a run as the matches do, that took everything there is.
func (m *months) run(match, source, number int, cutOff time.Time) {
	m.Helper()
	m.ok(m.exec(`INSERT INTO recon_runs (book_id, id, match, source_id, number, cut_off, from_line, to_line, from_sequence, to_sequence, rules, settings, inputs, summary,
 digest, matched, open_items, found, trigger, started_by, recorded_at, took_ms)
SELECT $1, $2, $3, $4, $5, $6, 0, coalesce((SELECT max(number) FROM evidence_lines WHERE book_id = $1 AND source_id = $4), 0), 0, (SELECT last_sequence FROM books WHERE id = $1), 0,
       coalesce((SELECT max(version) FROM evidence_settings WHERE book_id = $1 AND source_id = $4), 0), '{}', '{}', sha256('run'), 0, 0, 0, 'close', 'test', $7, 0`,
		m.book.ID, fmt.Sprintf("rec_%d%d%014d", match, source, number), match, source, number, cutOff, m.clock.Now()))
}

// broke records an open difference.
func (m *months) broke(n int, class, state string, happened time.Time, suspense int64, seen time.Time, expected *time.Time) {
	m.Helper()
	ref := ""
	if suspense != 0 {
		ref = "ref"
	}
	m.ok(m.exec(`INSERT INTO recon_breaks (book_id, id, match, source_id, identity, class, state, currency, amount, detail, happened_at, first_run, last_run, first_seen,
 expected_by, suspense, suspense_ref, changed_at, step) VALUES ($1, $2, 1, 1, $3, $4, $5, 'GBP', 1234, '{}', $6, 1, 1, $7, $8, $9, $10, $7, 1)`,
		m.book.ID, fmt.Sprintf("brk_%016d", n), fmt.Sprint(n), class, state, happened, seen, expected, suspense, ref))
}

func (m *months) end(n int, state string) {
	m.Helper()
	m.ok(m.exec(`UPDATE recon_breaks SET state = $3, ended_at = CASE WHEN $3 = 'explained' THEN NULL ELSE changed_at END, suspense = 0 WHERE book_id = $1 AND id = $2`,
		m.book.ID, fmt.Sprintf("brk_%016d", n), state))
}

// TestMatchesBeforeClose: every source must have evidence up to the end of the month, in the book's zone, and a run with a cut-off
// then or later that took it.
func TestMatchesBeforeClose(t *testing.T) {
	t.Parallel()
	m := newMonths(t)
	m.clock.set(day(2026, 11, 2))
	m.sale(day(2026, 10, 2))
	m.stands("processors", reconcile.ItemNotApplicable, "no processor")
	m.stands("completeness", reconcile.ItemNotApplicable, "")
	m.stands("sub_ledgers", reconcile.ItemBlocked, "R3")
	m.stands("evidence", reconcile.ItemBlocked, "assets:processor:available:main")
	m.source(1, "processor", "main")
	m.source(2, "bank", "main")
	m.stands("evidence", reconcile.ItemDone, "")
	end := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	m.run(1, 1, 1, end)
	m.stands("processors", reconcile.ItemBlocked, "does not reach the end")
	m.receipt(1, 1, "pull")
	m.ok(m.exec(`UPDATE evidence_heads SET pulled_until = $2 WHERE book_id = $1 AND source_id = 1`, m.book.ID, end))
	m.stands("processors", reconcile.ItemDone, "")

	m.receipt(2, 1, "statement")
	statement := func(n int, from, until any, opening, closing int, proved bool) {
		m.ok(m.exec(`INSERT INTO evidence_statements VALUES ($1, 2, 1, $2, 's', '', 'GBP', $3::text::date, $4::text::date, $5, $6, 0, $7)`, m.book.ID, n, from, until, opening, closing, proved))
	}
	m.run(2, 2, 1, end.Add(-time.Microsecond))
	statement(1, "2026-10-01", "2026-10-30", 0, 100, true)
	m.stands("banks", reconcile.ItemBlocked, "does not reach the end")
	statement(2, "2026-11-02", "2026-11-02", 100, 100, false)
	m.stands("banks", reconcile.ItemBlocked, "does not reach the end") // it says nothing of the days before it
	statement(3, "2026-11-02", "2026-11-03", 100, 100, true)
	m.stands("banks", reconcile.ItemBlocked, "run R2.")
	m.run(2, 2, 2, end)
	m.stands("banks", reconcile.ItemDone, "")
	m.stands("completeness", reconcile.ItemDone, "")
	statement(4, "2026-12-02", "2026-12-03", 700, 700, true)
	m.stands("completeness", reconcile.ItemDone, "") // of November
	statement(5, "2026-10-31", "2026-10-31", 150, 150, true)
	m.stands("completeness", reconcile.ItemBlocked, "bank/main 2026-10-30")

	m.run(3, 0, 1, end)
	m.run(3, 0, 2, end.Add(-time.Hour)) // a later run with an earlier cut-off takes nothing back
	m.stands("sub_ledgers", reconcile.ItemDone, "")
	m.ok(m.exec(`INSERT INTO evidence_balances VALUES ($1, 1, 1, 'GBP', $2, 0, 1000, 5, 0, 1000)`, m.book.ID, end))
	m.stands("completeness", reconcile.ItemBlocked, "0.05")
	m.reset(1, 2, `{"opening":{"GBP":"0.05"}}`)
	if i := m.item("completeness"); slices.Contains(i.Names, "main") {
		t.Errorf("what was there before the first line is missing: %+v", i)
	}
	m.stands("processors", reconcile.ItemBlocked, "settings of the source were changed")
	m.run(1, 1, 2, end)
	a, err := m.ask(m.desk, "period.close", `{"period":"2026-10","accept":["completeness"]}`)
	m.ok(err)
	_, err = m.decide(m.desk, decider, a)
	m.ok(err)
	if got := string(m.last("2026-10").Document); strings.Count(got, `"id":"rec_`) != 3 || !strings.Contains(got, `"accepted":[{"item":"completeness","stood":"The evidence comes`) {
		t.Errorf("it rests on %s", got)
	}
	var row string
	m.ok(m.db.Pool.QueryRow(t.Context(), `SELECT x::text FROM audit_rows x WHERE book_id = $1 AND act = 'period.close'`, m.book.ID).Scan(&row))
	if !strings.Contains(row, "bank/main 2026-10-30") {
		t.Errorf("the trail does not name what was accepted: %s", row)
	}
}

// TestRunTookTheMonth: a run with a cut-off after the month proves nothing of evidence and entries that came after it. What came
// after it and is of a later month does not matter.
func TestRunTookTheMonth(t *testing.T) {
	t.Parallel()
	m := newMonths(t)
	m.clock.set(day(2026, 11, 2))
	m.sale(day(2026, 10, 2))
	m.source(1, "processor", "main")
	m.receipt(1, 1, "pull")
	end := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	m.ok(m.exec(`UPDATE evidence_heads SET pulled_until = $2 WHERE book_id = $1`, m.book.ID, end))
	m.line(1, 1, end.Add(-time.Hour))
	m.run(1, 1, 1, end.AddDate(0, 0, 1))
	m.stands("processors", reconcile.ItemDone, "")
	m.line(1, 2, end)
	m.sale(day(2026, 11, 1))
	m.post("order.captured", day(2026, 10, 3), 0, "", entry{"assets:receivable:brand:b", 100}, entry{"revenue:referral_fee", -100})
	m.post("recon.fee_trued_up", day(2026, 10, 3), 0, "", entry{"expenses:processor_fee", 1}, entry{"assets:processor:available:main", -1})
	m.stands("processors", reconcile.ItemDone, "")
	m.line(1, 3, end.Add(-time.Microsecond))
	m.stands("processors", reconcile.ItemBlocked, "came in after the newest run")
	_, err := m.ask(m.desk, "period.close", `{"period":"2026-10","accept":["sub_ledgers","evidence","coverage"]}`)
	m.want(err, reconcile.ErrPeriodBlocked.Code)
	if !strings.Contains(detail(err), "name processors in accept") {
		t.Error(detail(err))
	}
	m.run(1, 1, 2, end)
	m.stands("processors", reconcile.ItemDone, "")
	m.sale(day(2026, 10, 31))
	m.stands("processors", reconcile.ItemBlocked, "posted after the newest run")
	m.run(1, 1, 3, end)
	m.stands("processors", reconcile.ItemDone, "")
}

// TestRunsOfTheWholeBookTookTheMonth: the sub-ledgers, and a channel whose accounts nobody named, are held against all of the book, so a
// run proves nothing of what was posted into the month after it. What reconciliation posted, and what counts in later months, is no
// matter of it.
func TestRunsOfTheWholeBookTookTheMonth(t *testing.T) {
	t.Parallel()
	m := newMonths(t)
	m.clock.set(day(2026, 11, 2))
	m.sale(day(2026, 10, 2))
	m.source(1, "channel", "shop")
	m.reset(1, 2, `{}`)
	m.receipt(1, 1, "statement")
	end := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	both := func(state reconcile.ItemState, says string) {
		m.Helper()
		m.stands("sub_ledgers", state, says)
		m.stands("channels", state, says)
	}
	for n := range 2 {
		m.run(3, 0, n+1, end)
		m.run(4, 1, n+1, end)
		both(reconcile.ItemDone, "")
		m.sale(day(2026, 11, 1))
		m.post("recon.fee_trued_up", day(2026, 10, 3), 0, "", entry{"expenses:processor_fee", 1}, entry{"assets:processor:available:main", -1})
		both(reconcile.ItemDone, "")
		m.post("order.captured", day(2026, 10, 31), 0, "", entry{"assets:receivable:brand:b", 100}, entry{"revenue:referral_fee", -100})
		m.sale(day(2026, 11, 1))
		both(reconcile.ItemBlocked, "posted after the newest run")
	}
}

// TestBreaksBeforeClose: open differences of the month block until they are explained; suspense blocks when it is old.
func TestBreaksBeforeClose(t *testing.T) {
	t.Parallel()
	m := newMonths(t)
	m.clock.set(day(2026, 11, 2))
	m.sale(day(2026, 10, 2))
	m.stands("breaks", reconcile.ItemDone, "")
	m.broke(1, "fee_differs", "open", day(2026, 11, 1), 0, day(2026, 11, 1), nil)
	m.stands("breaks", reconcile.ItemDone, "") // of November
	later, before := day(2026, 11, 5), day(2026, 11, 1)
	m.broke(2, "timing", "open", day(2026, 10, 31), 0, day(2026, 11, 1), &later)
	m.stands("breaks", reconcile.ItemWaiting, "R1 timing, open")
	m.broke(3, "timing", "open", day(2026, 10, 31), 0, day(2026, 11, 1), &before)
	m.stands("breaks", reconcile.ItemBlocked, "R1 timing")
	m.end(3, "explained")
	m.stands("breaks", reconcile.ItemWaiting, "12.34")
	m.broke(4, "missing_in_ledger", "open", day(2026, 10, 30), 0, day(2026, 10, 30), nil)
	m.stands("breaks", reconcile.ItemBlocked, "R1 missing_in_ledger")
	_, err := m.ask(m.desk, "period.close", closing("2026-10"))
	m.want(err, reconcile.ErrPeriodBlocked.Code)
	if !strings.Contains(detail(err), "Code:breaks") || strings.Contains(detail(err), "name breaks") {
		t.Error(detail(err))
	}
	m.end(4, "fixed")
	m.stands("suspense", reconcile.ItemDone, "")
	m.post("recon.suspense_in", day(2026, 10, 31), 0, "", entry{"assets:suspense", 3000}, entry{"assets:processor:available:main", -3000})
	m.stands("suspense", reconcile.ItemBlocked, "no open difference stands")
	m.broke(5, "missing_in_ledger", "open", day(2026, 10, 31), 3000, day(2026, 11, 1), nil)
	m.stands("suspense", reconcile.ItemWaiting, "30.00")
	m.stands("breaks", reconcile.ItemWaiting, "")
	m.clock.set(day(2026, 12, 2))
	m.end(2, "cleared")
	m.stands("suspense", reconcile.ItemBlocked, "more than 30 days")
	a, err := m.ask(m.desk, "period.close", closing("2026-10"))
	m.ok(err)
	if !strings.Contains(fmt.Sprint(a.Effect.Warnings), "Accepted as it stands: Suspense is reviewed") {
		t.Errorf("%q", a.Effect.Warnings)
	}
}

// TestBooksBeforeClose goes through what the books themselves must show.
func TestBooksBeforeClose(t *testing.T) {
	t.Parallel()
	m := newMonths(t)
	m.clock.set(day(2026, 11, 2))
	m.sale(day(2026, 10, 2))
	for _, code := range []string{"totals", "accruals", "clearing", "payouts", "estimates", "fx_position", "earlier_months", "month_over", "coverage"} {
		m.stands(code, reconcile.ItemDone, "")
	}
	for _, code := range []string{"taxes", "intercompany", "year", "safeguarding"} {
		m.stands(code, reconcile.ItemNotApplicable, "")
	}
	m.post("opening.balance", day(2026, 10, 3), 0, "", entry{"liabilities:seller:available:s", -5000}, entry{"expenses:goodwill", 5000})
	m.stands("coverage", reconcile.ItemBlocked, "40.00")

	m.post("order.captured", day(2026, 10, 3), 0, "", entry{"liabilities:tax:vat:UK:deemed", -700}, entry{"liabilities:tax:sales:TX", -50}, entry{"assets:tax:input:UK", 20}, entry{"assets:processor:available:main", 730})
	m.stands("taxes", reconcile.ItemDone, "7.00")

	m.post("accrual.posted", day(2026, 9, 30), 0, "", entry{"expenses:processor_fee", 120}, entry{"liabilities:accrued:processor", -120})
	m.stands("accruals", reconcile.ItemBlocked, "liabilities:accrued:processor")
	m.post("accrual.reversed", day(2026, 10, 1), 0, "", entry{"liabilities:accrued:processor", 120}, entry{"expenses:processor_fee", -120})
	m.post("accrual.posted", day(2026, 10, 31), 0, "", entry{"expenses:processor_fee", 90}, entry{"liabilities:accrued:processor", -90})
	m.stands("accruals", reconcile.ItemDone, "")

	m.post("treasury.sent", day(2026, 10, 4), 0, "", entry{"assets:treasury_in_transit:processor-bank", 10}, entry{"assets:processor:available:main", -10})
	m.stands("clearing", reconcile.ItemDone, "") // it moved after the end of October by the book's clock
	m.post("donation.received", day(2026, 10, 4), 0, "", entry{"liabilities:processor_fee_passthrough:c", -40}, entry{"assets:processor:pending:main", 40})
	m.stands("estimates", reconcile.ItemWaiting, "-0.40")
	m.post("processor.fee_recorded", day(2026, 10, 4), 0, "", entry{"liabilities:processor_fee_passthrough:c", 50}, entry{"assets:processor:pending:main", -50})
	m.stands("estimates", reconcile.ItemBlocked, "0.10")
	m.post("payout.paid", day(2026, 10, 5), 0, "", entry{"assets:cash_in_transit:main", -7}, entry{"assets:processor:available:main", 7})
	m.stands("payouts", reconcile.ItemBlocked, "assets:cash_in_transit")
	m.post("fx.converted", day(2026, 10, 6), 0, "", entry{"assets:fx_position", 3}, entry{"revenue:fx_margin", -3})
	m.stands("fx_position", reconcile.ItemBlocked, "fx.position_closed")

	us, _, err := m.books.CreateBook(t.Context(), ledger.NewBook{Code: "us", Name: "US", Currencies: []money.Currency{"GBP"}, TimeZone: "America/Chicago", Market: "US"})
	m.ok(err)
	m.post("intercompany.billed", day(2026, 10, 7), 0, "", entry{"assets:due_from:us", 900}, entry{"revenue:service_fee:x", -900})
	m.stands("intercompany", reconcile.ItemBlocked, "9.00")
	out := m.books.Post(t.Context(), us, ledger.Submission{Reference: "ic", Drafts: []ledger.Draft{{Event: "intercompany.billed", OccurredAt: day(2026, 10, 7), Lines: []ledger.Line{
		{Account: "liabilities:due_to:uk", Amount: -900, Currency: "GBP"}, {Account: "expenses:goodwill", Amount: 900, Currency: "GBP"}}}}})
	m.ok(out.Err)
	m.stands("intercompany", reconcile.ItemDone, "")
	m.stands("totals", reconcile.ItemDone, "")
}

// TestClearingBeforeClose: what moved into transit before the end of the month must have arrived within its days, and each total of
// the ledger must be that of its accounts.
func TestClearingBeforeClose(t *testing.T) {
	t.Parallel()
	m := newMonths(t)
	m.clock.set(day(2026, 10, 28))
	m.sale(day(2026, 10, 2))
	m.post("treasury.sent", day(2026, 10, 28), 0, "", entry{"assets:treasury_in_transit:processor-bank", 10}, entry{"assets:processor:available:main", -10})
	m.post("order.exchanged", day(2026, 10, 28), 0, "", entry{"liabilities:exchange_clearing:o1", 500}, entry{"assets:processor:available:main", -500})
	m.clock.set(day(2026, 11, 2))
	m.stands("clearing", reconcile.ItemWaiting, "0.10")
	m.clock.set(day(2026, 11, 5))
	m.stands("clearing", reconcile.ItemBlocked, "assets:treasury_in_transit:processor-bank")
	m.post("treasury.landed", day(2026, 11, 5), 0, "", entry{"assets:treasury_in_transit:processor-bank", -10}, entry{"assets:bank:operating:main", 10})
	m.stands("clearing", reconcile.ItemWaiting, "5.00")
	m.clock.set(day(2026, 11, 28))
	m.stands("clearing", reconcile.ItemBlocked, "liabilities:exchange_clearing:o1")
	m.post("order.exchanged", day(2026, 11, 28), 0, "", entry{"liabilities:exchange_clearing:o1", -500}, entry{"assets:processor:available:main", 500})
	m.stands("clearing", reconcile.ItemDone, "")
	for _, sql := range []string{
		`UPDATE period_totals SET debits = debits + 1, credits = credits + 1 WHERE book_id = $1 AND period = 202610 AND account_id = 1`,
		`UPDATE chart_totals SET credits = credits + 1 WHERE book_id = $1 AND period = 202610 AND chart_code = 1020`,
	} {
		m.ok(m.exec(sql, m.book.ID))
		m.stands("totals", reconcile.ItemBlocked, "Run mizan verify")
	}
	_, err := m.ask(m.desk, "period.close", closing("2026-10"))
	m.want(err, reconcile.ErrPeriodBlocked.Code)
	if strings.Contains(detail(err), "name totals") {
		t.Error(detail(err))
	}
}
