package api

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/guard"
	"mizan/ledger/money"
	"mizan/ledger/tabular"
	"mizan/payouts"
)

// payable gives a creator of the book uk, which is registered, an identity, an account that was never paid, and money.
func (h *house) payable(creator string, pence money.Minor) {
	h.t.Helper()
	ctx := h.t.Context()
	book, err := h.ledger.Book(ctx, "uk")
	if err != nil {
		h.t.Fatal(err)
	}
	standing, err := h.payouts.Standing(ctx, book, creator)
	if err != nil {
		h.t.Fatal(err)
	}
	if verified := payouts.IdentityVerified; standing.Verification != verified {
		by := guard.Actor{Kind: guard.Operator, ID: "tests"}
		if _, err := h.payouts.ChangeStanding(ctx, by, book, creator, payouts.StandingChange{Verification: &verified, Document: "DOC-1", Why: "For the tests."}); err != nil {
			h.t.Fatal(err)
		}
		long := h.clock.now().Add(-30 * 24 * time.Hour)
		err := h.db.Pool.Tx(ctx, func(tx pgx.Tx) error {
			_, err := tx.Exec(ctx, `INSERT INTO payout_destinations (book_id, id, payee, rail, account, currencies, mode, state, name_match, created_at, active_since, changed_at)
VALUES ($1, $2, $3, 'connected', $4, '{GBP}', 'automatic', 'active', 'match', $5, $5, $5)`, book.ID, fmt.Sprintf("dst_%016x", len(creator)), creator, "acct_"+creator, long)
			return err
		})
		if err != nil {
			h.t.Fatal(err)
		}
	}
	h.money(book, creator, pence)
}

// money makes so much available to a creator.
func (h *house) money(book ledger.Book, creator string, pence money.Minor) {
	h.t.Helper()
	h.gifts++
	out := h.ledger.Post(h.t.Context(), book, ledger.Submission{Reference: fmt.Sprintf("payable:%d", h.gifts), Drafts: []ledger.Draft{{Event: "test.moved", Lines: []ledger.Line{
		{Account: ledger.Address("liabilities:creator:available:" + creator), Amount: -pence, Currency: "GBP"}, {Account: "assets:processor:available:main", Amount: pence, Currency: "GBP"}}}}})
	if out.Err != nil {
		h.t.Fatal(out.Err)
	}
}

// attention gives the book what people have to look at: clocks that wait for them, that something keeps and that are only due, proposals in every
// state, and a payee with more holds than any page shows.
func (h *house) attention() {
	h.t.Helper()
	h.must(201, "POST", "/v1/books/uk/payees", `{"id":"cre_held","kind":"creator","country":"UK","currency":"GBP"}`)
	book, err := h.ledger.Book(h.t.Context(), "uk")
	if err != nil {
		h.t.Fatal(err)
	}
	due := h.clock.now().Add(-50 * time.Hour)
	for _, sql := range []string{
		`INSERT INTO payout_clocks (book_id, subject, act, due_at, look_at, sequence, gates, tries, why)
SELECT $1, 'order:S-' || i, 'settle', $2::timestamptz + i * interval '1 second', CASE WHEN i % 3 = 0 THEN NULL ELSE $2::timestamptz END, 1, CASE WHEN i % 3 = 1 THEN '{dispute}'::text[] ELSE '{}' END,
 CASE WHEN i % 3 = 0 THEN 40 ELSE 0 END, CASE WHEN i % 3 = 0 THEN 'account-closed' ELSE '' END FROM generate_series(1, 9) i`,
		`INSERT INTO treasury_proposals (book_id, id, kind, currency, amount, object, reason, state, created_at, ended_at)
SELECT $1, 'tp_' || lpad(i::text, 16, '0'), 'sweep', 'GBP', 100 + i, 'main_' || i, 'Post treasury.swept.', s, $2::timestamptz + i * interval '1 second', CASE WHEN s = 'open' THEN NULL ELSE $2::timestamptz + interval '1 hour' END
  FROM generate_series(1, 8) i, unnest(ARRAY['open', 'done', 'dropped', 'replaced']) WITH ORDINALITY x (s, n) WHERE n = i % 4 + 1`,
		`INSERT INTO payout_holds (book_id, id, kind, payee, currency, effect, category, case_id, placed_at)
SELECT $1, 'hold_' || i, 'creator', 'cre_held', '', 'pause', 'review', 'case-' || i, $2::timestamptz + (i % 3) * interval '1 second' FROM generate_series(1, 120) i`,
	} {
		err := h.db.Pool.Tx(h.t.Context(), func(tx pgx.Tx) error {
			_, err := tx.Exec(h.t.Context(), sql, book.ID, due)
			return err
		})
		if err != nil {
			h.t.Fatal(err)
		}
	}
}

// askedFor has cre_amy ask for a payout, and returns its ids. Its first payout to an account waits for a second person.
func (h *house) askedFor() (run, payout string) {
	h.t.Helper()
	h.payable("cre_amy", 5000)
	a := h.must(200, "POST", "/v1/books/uk/payees/cre_amy/payouts", fmt.Sprintf(`{"reference":"r-%d","kind":"creator","currency":"GBP","amount":"20.00"}`, h.gifts)).json(h.t)
	list := a["payouts"].([]any)
	if len(list) != 1 {
		h.t.Fatalf("nothing was paid: %v", a)
	}
	p := list[0].(map[string]any)
	return p["run"].(string), p["id"].(string)
}

// TestPayoutsOverHTTP asks, reads, cancels, refuses and decides again, as finance and as the payee.
func TestPayoutsOverHTTP(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.must(201, "POST", "/v1/books/uk/payees", `{"id":"cre_amy","kind":"creator","country":"UK","currency":"GBP"}`)
	h.payable("cre_amy", 5000)
	const amy = "/v1/books/uk/payees/cre_amy"
	quote := h.must(200, "GET", amy+"/payout-quote?kind=creator&currency=GBP&method=instant&amount=20.00", "").json(t)
	if quote["verdict"] != "pay" || quote["fee"] != "0.40" || quote["decided_at"] != nil {
		t.Errorf("quote %v", quote)
	}
	if list := h.must(200, "GET", "/v1/books/uk/payout-runs", "").json(t)["data"].([]any); len(list) != 0 {
		t.Errorf("a quote was recorded: %v", list)
	}
	body := `{"reference":"r","kind":"creator","currency":"GBP","amount":"20.00","method":"instant"}`
	first := h.must(200, "POST", amy+"/payouts", body)
	if again := h.must(200, "POST", amy+"/payouts", body); again.body != first.body {
		t.Errorf("the same again: %s, first %s", again.body, first.body)
	}
	h.must(409, "POST", amy+"/payouts", strings.Replace(body, "20.00", "21.00", 1))
	if a := h.must(422, "POST", amy+"/payouts", `{"reference":"r2","kind":"creator","currency":"GBP","amount":"500.00"}`); a.json(t)["code"] != "insufficient-funds" {
		t.Errorf("more than is there: %s", a.body)
	}
	h.must(422, "POST", amy+"/payouts", `{"reference":"r3","kind":"creator","currency":"GBP","amount":"1.001"}`)
	h.must(422, "POST", amy+"/payouts", `{"reference":"r3","kind":"creator","currency":"EUR"}`)
	for _, own := range []string{"retry:po_1:2026-03-02", "hold:hold_1:1", "attached:TX-uk-1"} {
		h.refused(422, "payout-reference-reserved", "POST", amy+"/payouts", strings.Replace(body, `"r"`, `"`+own+`"`, 1))
	}
	p := first.json(t)["payouts"].([]any)[0].(map[string]any)
	id, run := p["id"].(string), p["run"].(string)
	if p["amount"] != "20.00" || p["fee"] != "0.40" || p["left_after"] != "29.60" || p["needs_second_person"] != true {
		t.Errorf("payout %v", p)
	}
	lines := h.must(200, "GET", amy+"/payouts/"+id+"/lines", "").json(t)["data"].([]any)
	if len(lines) != 1 || lines[0].(map[string]any)["amount"] != "20.40" || lines[0].(map[string]any)["entry"] != "50.00" {
		t.Errorf("lines %v", lines)
	}
	h.must(404, "GET", "/v1/books/uk/payees/cre_bob/payouts/"+id, "")
	h.must(404, "GET", "/v1/books/uk/payees/cre_bob/payouts/"+id+"/lines", "")
	statement := "/payouts/" + id + "/statement"
	told := h.must(200, "GET", amy+statement, "").json(t)
	if told["opening"] != "0.00" || told["closing"] != "20.40" || told["kind"] != "payout" || told["payout_id"] != id || told["payout_state"] != "created" ||
		told["headlines"].(map[string]any)["paid"] != "0.00" || told["headlines"].(map[string]any)["in_transit"] != "20.00" {
		t.Errorf("its statement %v", told)
	}
	lines = h.must(200, "GET", amy+statement+"/lines", "").json(t)["data"].([]any)
	if line, _ := lines[0].(map[string]any); len(lines) != 1 || line["amount"] != "20.40" || line["note"] != "20.40 of 50.00" {
		t.Errorf("its lines %v", lines)
	}
	for _, format := range []string{"json", "csv", "xlsx", "jsonl"} {
		file := h.must(200, "GET", amy+statement+"/content?format="+format, "")
		manifest, err := tabular.ReadManifest(strings.NewReader(h.must(200, "GET", amy+statement+"/manifest?format="+format, "").json(t)["manifest_text"].(string)))
		if err != nil || manifest.Rows != 1 || manifest.Totals[0].Amount != "20.40" || tabular.Check(strings.NewReader(file.body), manifest) != nil ||
			file.Header.Get("Content-Disposition") != `attachment; filename="payout-uk-cre_amy-`+id+"."+format+`"` {
			t.Errorf("%s: %v %+v %v", format, err, manifest, file.Header)
		}
	}
	for _, of := range []string{"", "/lines", "/content", "/manifest"} {
		none := strings.ReplaceAll(h.must(404, "GET", "/v1/books/uk/payees/cre_bob/payouts/po_0000000000000000/statement"+of, "").json(t)["detail"].(string), "po_0000000000000000", id)
		if theirs := h.must(404, "GET", "/v1/books/uk/payees/cre_bob"+statement+of, "").json(t)["detail"]; theirs != none {
			t.Errorf("another's: %v, none: %v", theirs, none)
		}
	}
	// What is kept under its id for another kind is not the payee's.
	own := h.signedIn("uk", "cre_amy")
	for path, want := range map[string]int{"/payouts/" + id: 200, "/payouts?kind=seller": 404, "/payouts?kind=creator": 200, "/payout-quote?kind=seller&currency=GBP": 404, "/earnings?kind=seller": 404} {
		if a := h.by(own, "GET", amy+path, ""); a.StatusCode != want {
			t.Errorf("%s: %d %s", path, a.StatusCode, a.body)
		}
	}
	if a := h.by(own, "POST", amy+"/payouts", strings.NewReplacer(`"r"`, `"r9"`, "creator", "seller").Replace(body)); a.StatusCode != 404 {
		t.Errorf("a payout of another kind: %d %s", a.StatusCode, a.body)
	}
	below := h.must(200, "GET", amy+"/days/below", "").json(t)
	if list := below["payouts"].([]any); len(list) != 1 || list[0].(map[string]any)["id"] != id || list[0].(map[string]any)["state"] != "created" || below["next"].(map[string]any)["amount"] == "0.00" {
		t.Errorf("below %v", below)
	}
	for _, path := range []string{"/v1/books/uk/payouts", "/v1/books/uk/payouts?run=" + run, amy + "/payouts?state=created", amy + "/payout-decisions", "/v1/books/uk/payout-runs/" + run + "/decisions?verdict=pay"} {
		if list := h.must(200, "GET", path, "").json(t)["data"].([]any); len(list) != 1 {
			t.Errorf("%s: %v", path, list)
		}
	}
	replay := h.must(200, "GET", "/v1/books/uk/payout-runs/"+run+"/replay?kind=creator&payee=cre_amy&currency=GBP", "").json(t)
	if replay["stored"].(map[string]any)["verdict"] != "pay" {
		t.Errorf("replay %v", replay)
	}
	if got := h.must(200, "GET", "/v1/books/uk/payout-runs/"+run, "").json(t); got["state"] != "waiting" || got["totals"].([]any)[0].(map[string]any)["amount"] != "20.00" {
		t.Errorf("run %v", got)
	}
	h.must(422, "POST", "/v1/books/uk/payouts/"+id+"/cancellation", `{"reason":" "}`)
	gone := h.must(200, "POST", "/v1/books/uk/payouts/"+id+"/cancellation", `{"reason":"Asked for twice."}`).json(t)
	if steps := gone["steps"].([]any); gone["state"] != "cancelled" || len(steps) != 2 || steps[1].(map[string]any)["evidence"] != "Asked for twice." {
		t.Errorf("cancelled %v", gone)
	}
	h.must(409, "POST", "/v1/books/uk/payouts/"+id+"/cancellation", `{"reason":"Again."}`)
	h.must(200, "POST", amy+"/payouts", strings.Replace(body, `"r"`, `"r4"`, 1))
	page := h.must(200, "GET", amy+"/payout-decisions?limit=1", "").json(t)
	next, _ := page["next_cursor"].(string)
	h.must(200, "GET", amy+"/payout-decisions?limit=1&cursor="+next, "")
	h.refused(400, "cursor-invalid", "GET", "/v1/books/uk/payees/cre_bob/payout-decisions?limit=1&cursor="+next, "")
	started := h.must(202, "POST", "/v1/books/uk/payout-runs", `{"reason":"The bank was closed."}`).json(t)
	h.must(409, "POST", "/v1/books/uk/payout-runs", `{"reason":"And again."}`)
	h.must(409, "POST", "/v1/books/uk/payout-runs/"+started["id"].(string)+"/refusal", `{"reason":"It is being planned."}`)
	if got := h.must(200, "GET", "/v1/books/uk/payout-runs/"+run+"/progress", "").json(t); got["payouts"] != 1.0 || got["cancelled"] != 1.0 || got["waiting"] != 0.0 || got["done_at"] != nil {
		t.Errorf("progress %v", got)
	}
	if got := h.must(200, "GET", "/v1/books/uk/payout-runs/"+run+"/comparison", "").json(t); len(got["totals"].([]any)) != 0 || len(got["outliers"].([]any)) != 0 {
		t.Errorf("a run of one payout is compared: %v", got)
	}
	h.refused(404, "payout-run-unknown", "GET", "/v1/books/uk/payout-runs/run_none/comparison", "")
	h.refused(404, "payout-run-unknown", "GET", "/v1/books/uk/payout-runs/run_none/progress", "")
}
