package api

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/money"
	"mizan/payouts/processor"
	"mizan/payouts/reconcile/evidence"
)

// What the tests of reconciliation need: a bank's source with a statement and its run, breaks, and suggestions.

const (
	evidenceSources = "/v1/books/uk/evidence/sources"
	bankSource      = evidenceSources + "/bank/main"
	comparisons     = "/v1/books/uk/reconciliations"
	breakList       = "/v1/books/uk/breaks"
	pairingList     = "/v1/books/uk/pairings"
	exportList      = "/v1/books/uk/exports"
	// ownIBAN is the account of the statements, and canaryNote what a line says of somebody.
	ownIBAN    = "GB33BUKB20201555555555"
	canaryNote = "Kanari Remittance"
	bankSet    = `{"accounts":["assets:bank:operating:main"],"currency":"GBP","format":"camt.053","identification":"` + ownIBAN + `"}`
)

// readable is the processor of the book uk, which reconciliation reads.
func (h *house) readable(book ledger.Book, name string) processor.Driver {
	if book.Code == "uk" && name == "main" {
		return h.driver
	}
	return nil
}

// statement is a camt.053 file of one day after another: each amount in pence is a line.
func (h *house) statement(day int, opening money.Minor, amounts ...money.Minor) string {
	h.t.Helper()
	on := time.Date(2026, 11, day, 0, 0, 0, 0, time.UTC)
	s := evidence.Statement{ID: fmt.Sprint("ST-", day), Account: ownIBAN, Currency: "GBP", From: on, Until: on, Opening: opening, Closing: opening, Proved: true}
	for i, a := range amounts {
		s.Closing += a
		s.Lines = append(s.Lines, evidence.Line{ID: fmt.Sprintf("L-%d-%d", day, i), Amount: a, Booked: on, Value: on, EndToEnd: fmt.Sprintf("E-%d-%d", day, i), Trace: fmt.Sprintf("T-%d-%d", day, i), Code: "PMNT/RCDT/ESCT", Text: canaryNote})
	}
	file, err := evidence.Render(evidence.CAMT053, []evidence.Statement{s})
	if err != nil {
		h.t.Fatal(err)
	}
	return string(file)
}

// brought takes a statement.
func (h *house) brought(file string) answer {
	h.t.Helper()
	return h.must(201, "POST", bankSource+"/statements", file, "Content-Type", "application/xml")
}

// reconciled has one thing of each kind in the book uk for the fixture: a source, a statement, a run, breaks and an export.
func (h *house) reconciled(f *fixture) {
	h.t.Helper()
	h.must(200, "PUT", bankSource, bankSet)
	f.bodies["take-statement"] = h.statement(19, 0, 1234, 500)
	h.brought(f.bodies["take-statement"])
	run := h.must(201, "POST", comparisons, `{"match":"R2","source":"bank/main"}`).json(h.t)
	export := h.must(201, "POST", exportList, `{"report":"trial_balance","format":"csv"}`).json(h.t)
	f.own["comparison"], f.missing["comparison"] = run["id"].(string), "rec_zzzzzzzzzzzzzzzz"
	f.own["export"], f.missing["export"] = export["id"].(string), "exp_zzzzzzzzzzzzzzzz"
	f.own["break"], f.missing["break"] = h.must(200, "GET", breakList, "").json(h.t)["data"].([]any)[0].(map[string]any)["id"].(string), "brk_zzzzzzzzzzzzzzzz"
	f.own["pairing"], f.missing["pairing"] = "par_aaaaaaaaaaaaaaaa", "par_zzzzzzzzzzzzzzzz"
	f.own["name"], f.missing["name"] = "main", "zz"
	f.own["month"], f.missing["month"] = "2026-11", "2026-11" // a month of a book is never missing
	f.bodies["reconcile"] = `{"match":"R3"}`
	f.bodies["set-evidence-source"] = bankSet
}

// renewReconciled makes what an operation of reconciliation uses up.
func (f *fixture) renewReconciled(h *house, op *Operation) {
	h.t.Helper()
	if strings.Contains(op.Path, "{kind}") {
		f.own["kind"], f.own["number"] = "bank", "1"
		if op.ID == "pull-processor" {
			f.own["kind"] = "processor"
		}
		f.missing["kind"] = f.own["kind"]
	}
	if strings.Contains(op.Path, "{break}") {
		b := h.must(200, "GET", breakList+"/"+f.own["break"], "").json(h.t)["break"].(map[string]any)
		f.bodies["assign-break"] = fmt.Sprintf(`{"step":%v,"owner":"payments"}`, b["step"])
		f.bodies["explain-break"] = fmt.Sprintf(`{"step":%v,"note":"It is known.","clear_by":"2026-12-24T00:00:00Z"}`, b["step"])
		f.bodies["note-break"] = fmt.Sprintf(`{"step":%v,"note":"Asked."}`, b["step"])
		f.bodies["reopen-break"] = f.bodies["note-break"]
	}
	if strings.Contains(op.Path, "{pairing}") {
		f.holds++
		f.own["pairing"] = fmt.Sprintf("par_%016d", f.holds)
		h.suggested(f.own["pairing"], f.holds)
	}
}

// suggested is a suggestion of a line and an entry that are open and of the same amount, as the last run of the bank left it.
func (h *house) suggested(id string, n int) {
	h.t.Helper()
	run := func(sql string, args ...any) {
		h.t.Helper()
		if _, err := h.db.Pool.Exec(h.t.Context(), sql, args...); err != nil {
			h.t.Fatal(err)
		}
	}
	const at = ` FROM evidence_sources s JOIN books b ON b.id = s.book_id WHERE b.code = 'uk' AND s.kind = 'bank' AND s.name = 'main'`
	run(`INSERT INTO recon_pairings (book_id, id, match, source_id, kind, basis, state, identity, members, run)
SELECT s.book_id, $1, 2, s.id, 'one_to_one', 'amount', 'suggested', $1, $2, 1`+at, id, fmt.Sprintf(`{"external":[%d],"entries":[{"sequence":%[1]d,"line":1}]}`, 100_000+n))
	for side, line := range map[string]int{"e": 0, "l": 1} {
		run(`INSERT INTO recon_items (book_id, match, source_id, side, a, b, key, currency, debits, credits, day, open_from)
SELECT s.book_id, 2, s.id, $1, $2, $3, 'k', 'GBP', 100, 0, '2026-11-19', 1`+at, side, 100_000+n, line)
	}
}

// misquoted has the manifests of the book's exports name other bytes than their files have, as only the owner of the
// database can.
func (h *house) misquoted() {
	h.t.Helper()
	conn, err := pgx.Connect(h.t.Context(), h.db.OwnerURL)
	if err != nil {
		h.t.Fatal(err)
	}
	defer conn.Close(h.t.Context())
	for _, sql := range []string{`ALTER TABLE exports DISABLE TRIGGER moves_on`,
		`UPDATE exports e SET manifest = regexp_replace(manifest, '"sha256": "[0-9a-f]{8}', '"sha256": "00000000') FROM books b WHERE b.id = e.book_id AND b.code = 'uk'`,
		`ALTER TABLE exports ENABLE ALWAYS TRIGGER moves_on`} {
		if _, err := conn.Exec(h.t.Context(), sql); err != nil {
			h.t.Fatal(err)
		}
	}
}

// quietServer serves a handler that may break connections off.
func quietServer(handler http.Handler) *httptest.Server {
	server := httptest.NewUnstartedServer(handler)
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)
	server.Start()
	return server
}
