package reports

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
	"mizan/ledger/tabular"
)

// exec writes what reconciliation writes.
func (h *businessHouse) exec(sql string, args ...any) {
	h.Helper()
	h.ok(h.db.Pool.Tx(h.Context(), func(tx pgx.Tx) error {
		_, err := tx.Exec(h.Context(), sql, append([]any{h.book.ID}, args...)...)
		return err
	}))
}

// line takes a line of a source.
func (h *businessHouse) line(source, number int, id, key, category string, gross, fee int) {
	h.Helper()
	h.exec(`INSERT INTO evidence_lines (book_id, source_id, number, receipt, line_id, key, currency, gross, fee, net, category, type, source_ref, batch, rate, moved_at)
VALUES ($1, $10, $2, 1, $3, $4, $11, $5, $6, $7, $8, $8, $4, 'po_1', '1.25', $9)`, number, id, key, gross, fee, gross-fee, category, h.clock(), source, h.book.Currencies[0])
}

// source makes one known, with its settings and a receipt of so many lines, of which the hash begins with its number.
func (h *businessHouse) source(number int, kind, name, settings string, lines int) {
	h.Helper()
	h.exec(`INSERT INTO evidence_sources (book_id, id, kind, name, recorded_at) VALUES ($1, $2, $3, $4, $5)`, number, kind, name, h.clock())
	h.exec(`INSERT INTO evidence_settings (book_id, source_id, version, document, recorded_at) VALUES ($1, $2, 1, $3, $4)`, number, settings, h.clock())
	hash := make([]byte, 32)
	hash[0] = byte(number)
	h.exec(`INSERT INTO evidence_receipts (book_id, source_id, number, kind, format, settings, sha256, bytes, first_line, new_lines, known_lines, taken_by, recorded_at)
VALUES ($1, $2, 1, 'pull', 'balance_transactions', 1, $3, 0, 1, $4, 0, 'jobs', $5)`, number, hash, lines, h.clock())
}

// run records a run of the processor's match.
func (h *businessHouse) run(number, line int, sequence int64, summary string) {
	h.Helper()
	h.exec(`INSERT INTO recon_runs (book_id, id, match, source_id, number, cut_off, from_line, to_line, from_sequence, to_sequence, rules, settings, inputs, summary, digest, matched, open_items, found,
 trigger, started_by, recorded_at, took_ms) VALUES ($1, $2, 1, 1, $3, $4, 0, $5, 0, $6, 0, 1, '{}', $7, $8, 0, 0, 0, 'scheduled', 'jobs', $4, 1)`,
		fmt.Sprintf("rec_%016d", number), number, h.clock(), line, sequence, summary, make([]byte, 32))
}

// playStatement plays domain S12 on one processor: a charge, its fee that differs by a penny, and a refund that the books do not have.
func (h *businessHouse) playStatement() {
	h.Helper()
	h.source(1, "processor", "main", `{}`, 3)
	d := ledger.Draft{Event: "order.captured", Lines: []ledger.Line{{Account: "assets:processor:pending:main", Amount: 6000, Currency: "GBP", ExternalRef: "ch_1"}, {Account: "revenue:referral_fee", Amount: -6000, Currency: "GBP"}}}
	f := ledger.Draft{Event: "processor.fee_recorded", Lines: []ledger.Line{{Account: "expenses:processor_fee", Amount: 130, Currency: "GBP"}, {Account: "assets:processor:pending:main", Amount: -130, Currency: "GBP", ExternalRef: "txn_f"}}}
	h.ok(h.ledger.Post(h.Context(), h.book, ledger.Submission{Reference: "c", Drafts: []ledger.Draft{d, f}}).Err)
	h.line(1, 1, "txn_1", "ch_1", "charge", 6000, 0)
	h.line(1, 2, "txn_f", "fee_1", "fee", -131, 0)
	h.line(1, 3, "txn_r", "re_1", "refund", -3000, 0)
	h.exec(`INSERT INTO recon_items (book_id, match, source_id, side, a, b, key, currency, debits, credits, day, open_from) VALUES ($1, 1, 1, 'e', 2, 0, 'fee_1', 'GBP', 0, 131, '2026-11-20', 1),
 ($1, 1, 1, 'e', 3, 0, 're_1', 'GBP', 0, 3000, '2026-11-20', 1)`)
	h.run(1, 3, h.head(), `[{"currency":"GBP","opening":{"source":"0.00","ledger":"0.00"},"categories":[{"category":"charge","count":1,"sides":{"source":"60.00","ledger":"60.00"}},
{"category":"fee","count":1,"sides":{"source":"-1.31","ledger":"-1.30"}},{"category":"refund","count":1,"sides":{"source":"-30.00","ledger":"0.00"}}],"closing":{"source":"28.69","ledger":"58.70"},"open":"-30.01"}]`)
}

// refusal returns why a report cannot be made.
func (h *businessHouse) refusal(name string, parameters ...string) string {
	h.Helper()
	r, err := find(name)
	h.ok(err)
	v := Values{}
	for i := 0; i < len(parameters); i += 2 {
		v[parameters[i]] = parameters[i+1]
	}
	if err := r.good(h.book, v); err != nil {
		return fault.CodeOf(err)
	}
	q := &Query{Book: h.book, AtSequence: h.head(), AtStep: 1 << 40, Values: v, s: h.Service}
	err = r.rows(h.Context(), q, func(tabular.Row) error { return nil })
	var known *fault.Error
	if !errors.As(err, &known) {
		h.Errorf("%s %v: %v", name, parameters, err)
	}
	return fault.CodeOf(err)
}

// TestReconciliationReports tells runs and lines as they were after a run, whatever is found later.
func TestReconciliationReports(t *testing.T) {
	t.Parallel()
	h := newBusinessHouse(t, "UK", "Europe/London", "GBP")
	h.playStatement()
	sums := []string{"match", "1", "source", "main", "from_run", "1", "to_run", "1"}
	lines := []string{"match", "1", "source", "main", "run", "1", "from_line", "1", "to_line", "3"}
	rows, summary := h.reported("reconciliation_summary", h.head(), sums...)
	want := []string{"R1 | main | 1 | GBP | opening |  |  | 0.00 | 0.00 | 0.00", "R1 | main | 1 | GBP | movement | charge | 1 | 60.00 | 60.00 | 0.00", "R1 | main | 1 | GBP | movement | fee | 1 | -1.31 | -1.30 | -0.01",
		"R1 | main | 1 | GBP | movement | refund | 1 | -30.00 | 0.00 | -30.00", "R1 | main | 1 | GBP | closing |  |  | 28.69 | 58.70 | -30.01"}
	if diff := cmp.Diff(want, cells(rows, "match", "source", "number", "currency", "section", "category", "count", "source_amount", "ledger_amount", "difference")); diff != "" {
		t.Errorf("the summary (-want +got):\n%s", diff)
	}
	rows, told := h.reported("reconciliation_lines", h.head(), lines...)
	want = []string{"txn_1 | matched |  | uk-1 | 1 | 60.00 | 60.00 | 0.00", "txn_f | open |  | uk-2 | 1 | -1.30 | -1.31 | -0.01", "txn_r | open |  |  | 0 | 0.00 | -30.00 | -30.00"}
	if diff := cmp.Diff(want, cells(rows, "line_id", "status", "matched_in", "ledger_transaction", "ledger_lines", "ledger_amount", "net", "difference")); diff != "" {
		t.Errorf("the lines (-want +got):\n%s", diff)
	}
	if source, books := total(rows, "net", "GBP"), total(rows, "ledger_amount", "GBP"); source != 2869 || books != 5870 || total(rows, "difference", "GBP") != source-books {
		t.Errorf("the lines come to %d and %d", source, books)
	}

	// The refund comes and ends what was open: what was told of the first run stays.
	h.set(2026, 11, 22)
	d := ledger.Draft{Event: "refund.full", Lines: []ledger.Line{{Account: "assets:processor:pending:main", Amount: -3000, Currency: "GBP", ExternalRef: "re_1"}, {Account: "revenue:referral_fee", Amount: 3000, Currency: "GBP"}}}
	h.ok(h.ledger.Post(t.Context(), h.book, ledger.Submission{Reference: "r", Drafts: []ledger.Draft{d}}).Err)
	h.exec(`UPDATE recon_items SET open_until = 2, how = 'matched' WHERE book_id = $1 AND match = 1 AND source_id = 1 AND side = 'e' AND a = 3`)
	h.run(2, 3, h.head(), `[]`)
	if _, again := h.reported("reconciliation_lines", h.head(), lines...); again != told {
		t.Errorf("made again:\n%s\nwas\n%s", again, told)
	}
	if _, again := h.reported("reconciliation_summary", h.head(), sums...); again != summary {
		t.Errorf("made again:\n%s\nwas\n%s", again, summary)
	}
	rows = h.report("reconciliation_lines", h.head(), "match", "1", "source", "main", "run", "2", "from_line", "2", "to_line", "3")
	want = []string{"txn_f | open |  | -0.01", "txn_r | matched | 2 | 0.00"}
	if diff := cmp.Diff(want, cells(rows, "line_id", "status", "matched_in", "difference")); diff != "" {
		t.Errorf("the lines after the second run (-want +got):\n%s", diff)
	}

	for _, c := range []struct {
		name, code string
		parameters []string
	}{
		{"reconciliation_summary", "report-run", []string{"match", "1", "source", "main", "from_run", "1", "to_run", "3"}},
		{"reconciliation_summary", "report-source", []string{"match", "2", "source", "main", "from_run", "1", "to_run", "1"}},
		{"reconciliation_summary", "report-parameters", []string{"match", "3", "source", "main", "from_run", "1", "to_run", "1"}},
		{"reconciliation_summary", "report-parameters", []string{"match", "1", "from_run", "1", "to_run", "1"}},
		{"reconciliation_summary", "report-parameters", []string{"match", "1", "source", "main", "from_run", "2", "to_run", "1"}},
		{"reconciliation_lines", "report-run", []string{"match", "1", "source", "main", "run", "2", "from_line", "1", "to_line", "4"}},
		{"reconciliation_lines", "report-run", []string{"match", "1", "source", "main", "run", "9", "from_line", "1", "to_line", "1"}},
		{"reconciliation_lines", "report-parameters", []string{"match", "1", "source", "main", "run", "2", "from_line", "1", "to_line", "100001"}},
		{"reconciliation_lines", "report-parameters", []string{"match", "1", "source", "'; DROP", "run", "2", "from_line", "1", "to_line", "1"}},
		{"payout_register", "report-parameters", []string{"from", "2026-11-30", "to", "2026-11-01"}},
		{"payout_register", "report-parameters", []string{"from", "2025-01-01", "to", "2026-11-01"}},
		{"gross_to_net", "report-parameters", []string{"from", "2025-01", "to", "2026-11"}},
		{"dac7", "report-parameters", []string{"year", "26"}},
		{"form_1099k", "report-parameters", []string{"year", "2026"}},
	} {
		if got := h.refusal(c.name, c.parameters...); got != c.code {
			t.Errorf("%s %v: %s, want %s", c.name, c.parameters, got, c.code)
		}
	}
}

// TestBreakReport lists breaks as they stood after a step, with their ages.
func TestBreakReport(t *testing.T) {
	t.Parallel()
	h := newBusinessHouse(t, "UK", "Europe/London", "GBP")
	h.exec(`INSERT INTO recon_breaks (book_id, id, match, source_id, identity, class, state, currency, amount, detail, happened_at, first_run, last_run, first_seen, changed_at, step)
VALUES ($1, 'brk_0000000000000001', 1, 1, 'x', 'missing_in_ledger', 'open', 'GBP', -3000, '{}', $2, 1, 1, $2, $2, 1)`, h.clock())
	standing := `{"id":"brk_0000000000000001","match":1,"source":1,"identity":"x","class":"missing_in_ledger","state":"%s","currency":"GBP","amount":-3000,"left":"txn_r","detail":{"text":"A refund."},
"happened_at":"2026-11-20T12:00:00Z","original":202610,"first_run":1,"last_run":1,"first_seen":"2026-11-20T12:00:00Z","suspense":%d,"suspense_ref":"re_1","changed_at":"2026-11-20T12:00:00Z"%s}`
	h.exec(`INSERT INTO recon_steps (book_id, number, break_id, act, done_by, at, standing) VALUES ($1, 1, 'brk_0000000000000001', 'found', 'jobs', $2, $3)`, h.clock(), fmt.Sprintf(standing, "open", 3000, ""))
	ask := func(step int64, parameters ...string) []string {
		t.Helper()
		r, err := find("breaks")
		h.ok(err)
		v := Values{"on": "2026-11-28"}
		for i := 0; i < len(parameters); i += 2 {
			v[parameters[i]] = parameters[i+1]
		}
		h.ok(r.good(h.book, v))
		var rows []map[string]tabular.Value
		h.ok(r.rows(t.Context(), &Query{Book: h.book, AtSequence: h.head(), AtStep: step, Values: v, s: h.Service}, func(row tabular.Row) error {
			one := map[string]tabular.Value{}
			for i, c := range r.Columns {
				one[c.Name] = row[i]
			}
			rows = append(rows, one)
			return nil
		}))
		return cells(rows, "break_id", "match", "type", "left_ref", "amount", "age_days", "age_group", "status", "original_period", "suspense", "ended_at")
	}
	open := []string{"brk_0000000000000001 | R1 | missing_in_ledger | txn_r | -30.00 | 8 | 8-30 | open | 2026-10 | 30.00 | "}
	if diff := cmp.Diff(open, ask(1)); diff != "" {
		t.Errorf("the break (-want +got):\n%s", diff)
	}
	h.set(2026, 11, 23)
	h.exec(`INSERT INTO recon_steps (book_id, number, break_id, act, done_by, at, standing) VALUES ($1, 2, 'brk_0000000000000001', 'cleared', 'jobs', $2, $3)`, h.clock(),
		fmt.Sprintf(standing, "cleared", 0, `,"ended_at":"`+h.clock().Format(time.RFC3339)+`"`))
	if diff := cmp.Diff(open, ask(1)); diff != "" {
		t.Errorf("the break of before (-want +got):\n%s", diff)
	}
	ended := []string{"brk_0000000000000001 | R1 | missing_in_ledger | txn_r | -30.00 | 3 | 2-7 | cleared | 2026-10 | 0.00 | 2026-11-23T12:00:00Z"}
	if diff := cmp.Diff(ended, ask(2, "standing", "ended")); diff != "" {
		t.Errorf("the break that ended (-want +got):\n%s", diff)
	}
	if got := append(ask(2, "standing", "open"), ask(0)...); len(got) != 0 {
		t.Errorf("open after it ended, or there before it was found: %v", got)
	}
}

// TestSafeguardingReport compares the report at many places with what safeguarding was then.
func TestSafeguardingReport(t *testing.T) {
	t.Parallel()
	h := newBusinessHouse(t, "UK", "Europe/London", "GBP")
	moments, places := map[int64][]string{}, []int64{}
	note := func() {
		t.Helper()
		list, err := h.events.Safeguarding(t.Context(), h.book)
		h.ok(err)
		out := []string{}
		for _, x := range list {
			out = append(out, fmt.Sprint(" | ", x.Pending, " | ", x.Available, " | ", x.MatchFund, " | ", x.Safeguarded, " | ", x.Processor, " | ", x.Shortfall, " | ", x.ToMove, " | ", x.BankBalance))
			for _, c := range x.Campaigns {
				out = append(out, fmt.Sprint(c.Campaign, " |  |  |  | ", c.Safeguarded, " | ", c.Processor, " | ", c.Shortfall, " | ", c.ToMove, " | "))
			}
		}
		moments[h.head()], places = out, append(places, h.head())
	}
	h.raw("capital.paid", time.Time{}, "GBP", "assets:bank:operating:main", 100, "equity:opening", -100)
	note()
	campaign := h.campaign("c1")
	note()
	h.post("match.cash_moved", "cash", `{"campaign":"c1","amount":"55.00"}`)
	h.post("match.funded", "fund", `{"campaign":"c1","funder":"platform","amount":"55.00","cap_per_donor":"12.00"}`)
	note()
	h.post("donation.received", "D1", `{"donation":"D1","campaign":"c1","currency":"GBP","amount":"30.00","donor":"d1","payments":[{"processor":"main","payment_id":"pi_1","amount":"30.00"}]}`)
	note()
	h.set(2026, 12, 20)
	h.post("donation.received", "D2", `{"donation":"D2","campaign":"c1","currency":"GBP","amount":"20.00","donor":"d2","payments":[{"processor":"main","payment_id":"pi_2","amount":"20.00"}]}`)
	note()
	for _, at := range places {
		got := cells(h.report("safeguarding", at), "campaign", "pending", "available", "match_fund", "safeguarded", "at_processor", "shortfall", "to_move", "bank_balance")
		if diff := cmp.Diff(moments[at], got); diff != "" {
			t.Errorf("at %d (-was +reported):\n%s", at, diff)
		}
	}
	if campaign == 0 || len(moments[places[4]]) != 2 {
		t.Errorf("too little was compared: %v", moments)
	}
	h.trailOfAGift()
}

// trailOfAGift follows a donation to the bank line of the disbursement that it went out with, as it was before and after.
func (h *businessHouse) trailOfAGift() {
	t := h.T
	t.Helper()
	h.source(1, "processor", "main", `{}`, 1)
	h.line(1, 1, "txn_1", "pi_1", "charge", 3000, 0)
	h.post("donation.safeguarded", "safe", `{"movement":"S1","campaign":"c1","amount":"48.90"}`)
	h.post("donation.safeguard_landed", "landed", `{"movement":"S1"}`)
	given := h.head()
	released := h.post("donation.released", "released", `{"campaign":"c1"}`).Transactions[0]
	h.post("donation.disbursed", "sent", `{"disbursement":"DB-1","campaign":"c1","beneficiary":"a"}`)
	submitted := h.post("donation.disbursement_submitted", "submitted", `{"disbursement":"DB-1"}`).Transactions
	h.set(2026, 12, 22)
	h.post("donation.disbursement_paid", "paid", `{"disbursement":"DB-1"}`)
	h.source(2, "bank", "safe", `{"currency":"GBP","accounts":["assets:bank:safeguarded:main"]}`, 1)
	left := 0
	for _, x := range submitted {
		for _, e := range x.Entries {
			if e.Account == "assets:bank:safeguarded:main" {
				left = int(e.Amount)
				h.exec(`INSERT INTO recon_items (book_id, match, source_id, side, a, b, key, currency, debits, credits, day, open_from, open_until, how, pairing)
VALUES ($1, 2, 2, 'l', $2, $3, 'DB-1', 'GBP', 0, $4, '2026-12-20', 1, 2, 'confirmed', 'par_0000000000000001'), ($1, 2, 2, 'e', 1, 0, 'FT-9', 'GBP', 0, $4, '2026-12-20', 1, 2, 'confirmed', 'par_0000000000000001')`,
					x.Sequence, e.Line, -left)
			}
		}
	}
	h.line(2, 1, "stmt-1", "FT-9", "paid", left, 0)
	h.exec(`INSERT INTO recon_pairings (book_id, id, match, source_id, kind, basis, state, identity, members, run, decided_by, decided_at)
VALUES ($1, 'par_0000000000000001', 2, 2, 'one_to_one', 'person', 'made', 'x', '{}', 1, 'per_1', $2)`, h.clock())

	rows := h.report("trail", h.head(), "kind", "donation", "id", "D1")
	events := []string{"donation.received", "donation.released", "donation.disbursed", "donation.disbursement_submitted", "donation.disbursement_paid"}
	for _, event := range events {
		if n := slices.IndexFunc(rows, func(row map[string]tabular.Value) bool {
			return row["row"].Text() == "transaction" && row["event"].Text() == event && len(row["sha256"].Text()) == 64
		}); n < 0 {
			t.Errorf("the trail does not tell %s: %v", event, cells(told(rows, "transaction"), "transaction_id", "event"))
		}
	}
	entries := told(rows, "entry")
	if debits := total(entries, "debit", "GBP"); debits == 0 || debits != total(entries, "credit", "GBP") {
		t.Errorf("the entries of the trail do not balance: %d", debits)
	}
	want := []string{"liabilities:donation:available:a:c1 | DB-1", "liabilities:donation:available:b:c1 | "}
	if diff := cmp.Diff(want, cells(told(rows, "part"), "account", "payout")); diff != "" {
		t.Errorf("the parts of the gift (-want +got):\n%s", diff)
	}
	evidence := []string{"processor main | 1 | txn_1 | 30.00 | 01", "bank safe | 1 | stmt-1 | " + money.Minor(left).Format("GBP") + " | 02"}
	ends := func(rows []map[string]tabular.Value) (list []string) {
		for _, row := range told(rows, "evidence") {
			list = append(list, cells([]map[string]tabular.Value{row}, "source", "source_line", "source_line_id", "amount")[0]+" | "+row["sha256"].Text()[:2])
		}
		return list
	}
	if diff := cmp.Diff(evidence, ends(rows)); diff != "" {
		t.Errorf("the evidence of the gift (-want +got):\n%s", diff)
	}
	before := h.report("trail", given, "kind", "donation", "id", "D1")
	if diff := cmp.Diff(evidence[:1], ends(before)); diff != "" || len(told(before, "transaction")) != 1 || cells(told(before, "part"), "payout")[0] != "" {
		t.Errorf("before it was released (-want +got):\n%s\n%v", diff, cells(before, "row", "transaction_id", "event"))
	}
	if diff := cmp.Diff([]string{rows[0]["transaction_id"].Text(), rows[0]["transaction_id"].Text()}, cells(told(rows, "part"), "transaction_id")); diff != "" {
		t.Errorf("the parts are of another transaction than the gift (-want +got):\n%s", diff)
	}
	if released.Sequence != given+1 {
		t.Errorf("the release is %d, and what was given ends at %d", released.Sequence, given)
	}
	h.giftsMadeAgain()
}

// giftsMadeAgain makes the trails of gifts again after one went back, the other to an alternate, and a line was paired: what was told stays.
func (h *businessHouse) giftsMadeAgain() {
	t := h.T
	t.Helper()
	at, files := h.head(), map[string]string{}
	again := func(after string) {
		t.Helper()
		for _, id := range []string{"D1", "D2"} {
			_, file := h.reported("trail", at, "kind", "donation", "id", id)
			if before, known := files[id]; known && file != before {
				t.Errorf("%s after %s (-was +again):\n%s", id, after, cmp.Diff(before, file))
			}
			files[id] = file
		}
	}
	again("")
	if strings.Count(files["D2"], "donation.released") == 0 || strings.Count(files["D2"], "donation.disbursed") == 0 {
		t.Errorf("too little is told of D2:\n%s", files["D2"])
	}
	h.post("donation.received", "D3", `{"donation":"D3","campaign":"c1","currency":"GBP","amount":"20.00","donor":"d3","payments":[{"processor":"main","payment_id":"pi_3","amount":"20.00"}]}`)
	again("another gift")
	h.post("donation.disputed", "dispute", `{"donation":"D2","dispute":"DP-1","fee":"15.00"}`)
	again("a dispute")
	h.post("donation.disputed", "dispute-3", `{"donation":"D3","dispute":"DP-3","fee":"15.00"}`)
	h.post("donation.received", "D4", `{"donation":"D4","campaign":"c1","currency":"GBP","amount":"20.00","donor":"d4","payments":[{"processor":"main","payment_id":"pi_4","amount":"20.00"}]}`)
	h.post("donation.safeguarded", "safe-4", `{"movement":"S4","campaign":"c1","amount":"13.01"}`)
	h.post("donation.safeguard_landed", "landed-4", `{"movement":"S4"}`)
	h.post("donation.released", "released-4", `{"campaign":"c1"}`)
	if rows := h.report("trail", h.head(), "kind", "donation", "id", "D3"); slices.ContainsFunc(rows, func(row map[string]tabular.Value) bool { return row["event"].Text() == "donation.released" }) {
		t.Errorf("D3 went back before it was released: %v", cells(told(rows, "transaction"), "event"))
	}
	h.post("donation.redirected", "away", `{"redirection":"R1","campaign":"c1","from":"b","to":"c","reason":"closed","document":"DOC-1"}`)
	again("a redirection")
	h.set(2026, 12, 23)
	h.post("donation.disbursed", "sent-2", `{"disbursement":"DB-2","campaign":"c1","beneficiary":"c"}`)
	h.set(2026, 12, 22)
	again("the alternate's disbursement")
	// On the next day somebody pairs the entry that has a line of its own name with another line.
	h.line(1, 2, "txn_2", "pi_9", "charge", 3000, 0)
	h.exec(`INSERT INTO recon_items (book_id, match, source_id, side, a, b, key, currency, debits, credits, day, open_from, open_until, how, pairing)
SELECT $1, 1, 1, 'l', e.sequence, e.line, 'pi_1', 'GBP', 3000, 0, '2026-12-20'::date, 1, 2, 'confirmed', 'par_0000000000000002' FROM entries e WHERE e.book_id = $1 AND e.external_ref = 'pi_1'
 UNION ALL SELECT $1, 1, 1, 'e', 2, 0, 'pi_9', 'GBP', 3000, 0, '2026-12-20', 1, 2, 'confirmed', 'par_0000000000000002'`)
	h.exec(`INSERT INTO recon_pairings (book_id, id, match, source_id, kind, basis, state, identity, members, run, decided_by, decided_at)
VALUES ($1, 'par_0000000000000002', 1, 1, 'one_to_one', 'person', 'made', 'y', '{}', 1, 'per_1', $2)`, h.clock().AddDate(0, 0, 1))
	again("a pairing")
	h.set(2026, 12, 24)
	if rows := told(h.report("trail", h.head(), "kind", "donation", "id", "D1"), "evidence"); len(rows) == 0 || rows[0]["source_line_id"].Text() != "txn_2" {
		t.Errorf("after the pairing: %v", cells(rows, "source", "source_line_id"))
	}
}
