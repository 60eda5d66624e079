package console

import (
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"mizan/api/console/browsertest"
	"mizan/api/console/pdf"
	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/locale"
	"mizan/payouts"
	"mizan/payouts/statements"
)

// TestOwnStatement reads the creator's statement of domain 5.1 as its payee does: in the list, on its page, page by page, to be printed, in every language
// and as files. Nobody else finds it.
func TestOwnStatement(t *testing.T) {
	t.Parallel()
	var printing Config
	h := newHouse(t, func(c *Config) { printing = *c })
	uk := h.book("uk", "Souk UK", "GBP", "USD")
	for _, p := range []commerce.Payee{{ID: "cre_amy", Kind: "creator"}, {ID: "cre_bob", Kind: "creator"}, {ID: "sel_uk", Kind: "seller"}, {ID: "mcn_ldn", Kind: "agency"}, {ID: "gua_pat", Kind: "guardian"},
		{ID: "cre_minor", Kind: "creator", Minor: true, Guardian: "gua_pat", TrustRate: "0.15"}} {
		h.register(uk, p)
	}
	amy := h.payee(uk, "cre_amy")
	amy.get("/portal/statements", 200).has(t, "No statements yet")
	amy.get("/portal/downloads", 200).has(t, "No statements yet")
	h.happened(uk, "order.captured", "UK-1", ukSale)
	if r := h.events.Settle(t.Context(), uk, "UK-1", commerce.Settlement{}); r.Err != nil {
		t.Fatal(r.Err)
	}
	h.happened(uk, "refund.made", "RF-1", `{"order":"UK-1","refund":"RF-1","lines":[{"line":1,"quantity":1}],"shipping":"keep","fault":"seller","payment_refund_id":"re_1","shipped":true}`)
	soFar := amy.get("/portal/statements", 200)
	soFar.has(t, "This month so far", "No month is over yet.", "Settled £2.21", "Any days")
	days := "/portal/statements/days?currency=GBP&from=2026-11-01&to=2026-11-21"
	amy.get(days, 200).has(t, "Statement on demand", "Nov 1, 2026 – Nov 21, 2026", "Net activity 2.21", "Paid £0.00")
	h.forward(40 * 24 * time.Hour)
	st, err := h.statements.Issue(t.Context(), uk, "cre_amy", "GBP")
	if err != nil || st == nil {
		t.Fatalf("%v, %v", st, err)
	}
	amy = h.payee(uk, "cre_amy") // sessions have ended meanwhile
	bob := h.payee(uk, "cre_bob")
	at := "/portal/statements/" + st.ID
	amy.get("/portal/statements", 200).has(t, "November 2026", "Statement 1", "6 lines", "From £0.00 to £2.21", "CSV", "XLSX", "JSON")
	p := amy.get(at, 200)
	p.has(t, "Statement 1 November 2026", "cre_amy", "Europe/London", "Estimated £0.00 Not delivered yet or still returnable.", "Settled £2.21", "On hold £0.00", "Paid £0.00",
		"Opening balance £0.00", "Order paid 4.41", "Commission 6.30", "Agency share -1.89", "Partial refund -2.20", "Net activity 2.21", "Closing balance £2.21",
		"UK-1 LS-12 app", "15% of 41.98", "30% of 6.30", "15% of 20.99 = now 3.15, before 6.30", "30% of 3.15 = now -0.94, before -1.89", "-3.15", "0.95", "from “On its way” to “Available”", "2.21 Available", st.SHA256)
	p.hasNot(t, "sel_uk", "mcn_ldn", "revenue", "pi_1")
	if !strings.Contains(p.source, `href="/portal/orders/UK-1"`) || strings.Contains(p.source, "format=pdf") || strings.Count(p.source, `id="line-`) != 6 {
		t.Errorf("the page is\n%s", p.source)
	}
	amy.get(at+"/print", 200).has(t, "Print with your browser.", "Commission 6.30")
	amy.get("/portal/downloads", 200).has(t, "November 2026", st.SHA256, "One file leaves at a time.")
	for _, l := range locale.Languages {
		for _, path := range []string{at, "/portal/statements", "/portal/downloads"} {
			if p := amy.get(path+"?lang="+string(l), 200); path == at && (!strings.Contains(p.source, l.Figure(-189, "GBP")) || !strings.Contains(p.source, l.Month(2026, time.November)) || l != locale.English && strings.Contains(p.Text, "Commission")) {
				t.Errorf("the statement in %s:\n%s", l, p.Text)
			}
		}
	}
	h.statementFiles(amy, st, at, days)
	h.statementRefusals(amy, bob, at)
	amy.get("/portal/orders/UK-1", 200).has(t, "The statement of this month")
	for month, want := range map[string]string{"2026-11": at, "2026-10": "/portal/statements/days?currency=GBP&from=2026-10-01&to=2026-10-31"} {
		if status, p := amy.send(http.MethodGet, "/portal/statements/month?currency=GBP&month="+month, nil); status != http.StatusSeeOther || p.header.Get("Location") != want {
			t.Errorf("%s leads to %d %s", month, status, p.header.Get("Location"))
		}
	}
	h.statementPrinted(amy, at, printing)
	h.statementsOfMany(uk, amy)
	pat := h.payee(uk, "gua_pat")
	pat.get("/portal/statements?payee=cre_minor", 200).has(t, "cre_minor", "No statements yet")
}

// statementFiles holds the files of a statement to what a reader needs to tell that they are whole.
func (h *house) statementFiles(amy *browser, st *statements.Statement, at, days string) {
	h.t.Helper()
	for format, has := range map[string]string{"csv": ",6.30,GBP,", "json": `"amount":"6.30"`, "xlsx": "PK"} {
		p := amy.get(at+"/file?format="+format, 200)
		if !strings.Contains(p.source, has) || p.header.Get("Repr-Digest") == "" || p.header.Get("Content-Disposition") != `attachment; filename="statement-uk-cre_amy-GBP-2026-11.`+format+`"` {
			h.t.Errorf("%s: %v\n%.300s", format, p.header, p.source)
		}
		if got := p.header.Get("Content-Length"); got != strconv.Itoa(len(p.source)) {
			h.t.Errorf("%s says that it has %s bytes, and has %d", format, got, len(p.source))
		}
	}
	if p := amy.get(strings.Replace(days, "/days?", "/days/file?format=csv&", 1), 200); !strings.Contains(p.header.Get("Content-Disposition"), "2026-11-01-2026-11-21.csv") {
		h.t.Errorf("days: %v", p.header)
	}
	end, err := h.statements.Begin(st)
	if err != nil {
		h.t.Fatal(err)
	}
	defer end()
	busy := amy.get(at+"/file?format=csv", http.StatusTooManyRequests)
	busy.has(h.t, "Too many statements are being made right now, or one of this payee is. Ask again in a minute.")
	if got := busy.header.Get("Retry-After"); got != "60" {
		h.t.Errorf("who has to wait is told to for %q seconds", got)
	}
	for err, want := range map[error]string{pdf.ErrBusy: "60", pdf.ErrFailed: "1"} {
		c, w := &console{Config: Config{Log: slog.New(slog.DiscardHandler)}}, httptest.NewRecorder()
		if c.fail(w, httptest.NewRequest(http.MethodGet, at+"/file?format=pdf", nil), err); w.Header().Get("Retry-After") != want {
			h.t.Errorf("%v: %d, again in %q seconds", err, w.Code, w.Header().Get("Retry-After"))
		}
	}
}

// statementRefusals asks for what is not there, or not one's own.
func (h *house) statementRefusals(amy, bob *browser, at string) {
	h.t.Helper()
	hidden, missing := bob.get(at, 404), bob.get("/portal/statements/st_0123456789abcdefghij", 404)
	if hidden.source != missing.source {
		h.t.Error("a statement of others looks unlike one that does not exist")
	}
	for _, path := range []string{at + "/print", at + "/file?format=csv", at + "?payee=cre_amy", "/portal/statements?payee=cre_amy", "/portal/downloads?payee=cre_amy", "/portal/statements/days?payee=cre_amy",
		"/portal/payouts/po_none/statement"} {
		bob.get(path, 404)
	}
	for path, status := range map[string]int{
		at + "?after=1.0.1": 400, at + "?after=1.0.1.0123456789abcdef": 400, at + "?after=x": 400, at + "/file?format=exe": 400, at + "/file": 400, at + "/file?format=pdf": 409,
		"/portal/statements?after=x": 400, "/portal/statements?after=XXX,1": 400, "/portal/statements?after=GBP,-9223372036854775808": 400, "/portal/statements?after=GBP,0": 400, "/portal/statements?after=GBP,": 400, "/portal/statements?after=GBP,9223372036854775807": 400, "/portal/statements?after=GBP,1000000": 200, "/portal/statements/days?currency=XXX": 400, "/portal/statements/days?from=2026-11-30&to=2026-11-01": 400,
		"/portal/statements/days?from=2027-11-30&to=2027-12-01": 400, "/portal/statements/days?from='&to=%00": 400, "/portal/statements/days?currency=USD": 400, "/portal/statements/days/file?format=csv&from=x": 400,
		"/portal/statements/month?currency=GBP&month=2026-13": 400, "/portal/statements/month?month=2026-11": 400, "/portal/statements/%00": 404, "/portal/statements/days?from=2010-01-01&to=2026-01-01": 400,
	} {
		if p := amy.get(path, status); status == 400 && p.header.Get("Content-Disposition") != "" {
			h.t.Errorf("%s is a file", path)
		}
	}
	amy.get("/portal/statements/days?from=x&to=2026-11-01", 400).has(h.t, "These days cannot be shown.", "Any days")
	for _, path := range []string{at, at + "/print", at + "/file?format=csv", "/portal/statements/days", "/portal/statements/days/file?format=csv&currency=GBP", "/portal/statements/month?currency=GBP&month=2026-11", "/portal/earnings/file"} {
		unread := path + "?payee=cre_minor%zz"
		if strings.Contains(path, "?") {
			unread = path + "&payee=cre_minor%zz"
		}
		if p := amy.get(unread, 400); p.header.Get("Content-Disposition") != "" {
			h.t.Errorf("%s is a file", unread)
		}
	}
}

// statementsOfMany has money of more campaigns come than one statement tells of: those that were issued stay.
func (h *house) statementsOfMany(uk ledger.Book, amy *browser) {
	h.t.Helper()
	for i := range 3 {
		d := ledger.Draft{Event: "test.earned", Lines: []ledger.Line{{Account: "assets:processor:available:main", Amount: 400, Currency: "GBP"}}}
		for n := range 400 {
			d.Lines = append(d.Lines, ledger.Line{Account: ledger.Address("liabilities:donation:available:cre_amy:c" + strconv.Itoa(400*i+n)), Amount: -1, Currency: "GBP"})
		}
		h.post(uk, "many-"+strconv.Itoa(i), d)
	}
	for _, path := range []string{"/portal/statements", "/portal/downloads"} {
		amy.get(path, 200).has(h.t, "This month so far", "more campaigns than one statement can tell of", "November 2026", "JSON")
	}
}

// TestNextPayoutOfStatement: a statement says of the next payout what the page of the money says, also where only the first of what comes is added up.
func TestNextPayoutOfStatement(t *testing.T) {
	t.Parallel()
	a := &statementAsked{orderWords: orderWords{locale.English, "GBP", time.UTC, "creator"}, t: teller{locale.English}, st: &statements.Statement{Currency: "GBP"}}
	decide := func(verdict string, reasons ...payouts.Reason) payouts.Decision {
		return payouts.Decision{Verdict: verdict, Currency: "GBP", Basis: 500_000, Amount: 500_000, Reasons: reasons}
	}
	for said, e := range map[string]payouts.Expected{
		"On Nov 30, 2026. So many sales become available before then that only the first are added up: with your balance they come to £5,000.00.": {Decision: decide(payouts.VerdictPay), Coming: payouts.Coming{More: true}},
		"Nothing on Nov 30, 2026, because nothing will be available by then.":                                                                     {Decision: decide(payouts.VerdictSkip, payouts.Reason{Code: payouts.ReasonZero})},
	} {
		e.At, e.Policy, e.Kind = time.Date(2026, 11, 30, 9, 0, 0, 0, time.UTC), &payouts.Policy{}, payouts.KindSeller
		p := &ownStatementPage{}
		if a.fillBelow(p, &statements.Below{Next: &e}); p.Coming != said || len(p.Reasons) > 0 {
			t.Errorf("%q %v, want %q", p.Coming, p.Reasons, said)
		}
	}
}

// TestPlaceOfOneStatement: a place in one statement is none in another, though payee, currency and days be the same.
func TestPlaceOfOneStatement(t *testing.T) {
	t.Parallel()
	c, st := &console{Config: Config{FormKey: []byte("a key of forms")}}, &statements.Statement{Currency: "GBP", FirstDay: "2026-11-01", LastDay: "2026-11-21"}
	one, other := &statementAsked{st: st, path: "/portal/payouts/po_1/statement"}, &statementAsked{st: st, path: "/portal/payouts/po_2/statement"}
	at := c.placeOf(one, statements.Place{Sequence: 7, Skip: 1, Number: 12})
	if p, err := c.readPlace(one, at); err != nil || p.Sequence != 7 {
		t.Errorf("%+v, %v", p, err)
	}
	if p, err := c.readPlace(other, at); !errors.Is(err, errQuery) {
		t.Errorf("in another statement: %+v, %v", p, err)
	}
}

// statementPrinted makes a PDF of the statement in Arabic, and none of one that is too long to be printed.
func (h *house) statementPrinted(amy *browser, at string, config Config) {
	h.t.Helper()
	var err error
	if config.Printer, err = pdf.New(browsertest.Browser(h.t)); err != nil {
		h.t.Fatal(err)
	}
	plain := h.site
	h.site = &site{h.t, h.ledger, New(config)}
	defer func() { h.site = plain }()
	if p := amy.get(at, 200); !strings.Contains(p.source, "format=pdf") {
		h.t.Error("nothing leads to the PDF")
	}
	file := amy.get(at+"/file?format=pdf&lang=ar", 200)
	if file.header.Get("Content-Type") != "application/pdf" || file.header.Get("Content-Disposition") != `attachment; filename="statement-uk-cre_amy-GBP-2026-11.pdf"` {
		h.t.Errorf("%v", file.header)
	}
	for what, has := range map[string]string{"a PDF": "%PDF-", "A4": "/MediaBox [0 0 59", "in Arabic": "/Lang (ar)", "tagged for screen readers": "/StructTreeRoot", "a row of a table": "/S /TR"} {
		if !strings.Contains(file.source, has) {
			h.t.Errorf("the PDF is not %s", what)
		}
	}
	if paperOf("US") != pdf.Letter || paperOf("UK") != pdf.A4 {
		h.t.Error("the paper is another")
	}
	var drafts []ledger.Draft
	for range mostPrinted/400 + 1 {
		d := ledger.Draft{Event: "test.earned", Lines: []ledger.Line{{Account: "assets:processor:available:main", Amount: 400, Currency: "GBP"}}}
		for range 400 {
			d.Lines = append(d.Lines, ledger.Line{Account: "liabilities:creator:available:cre_amy", Amount: -1, Currency: "GBP"})
		}
		drafts = append(drafts, d)
	}
	book, err := h.ledger.Book(h.t.Context(), "uk")
	if err != nil {
		h.t.Fatal(err)
	}
	h.post(book, "long", drafts...)
	amy.get("/portal/statements/days/print?currency=GBP&from=2026-12-01&to=2026-12-31", http.StatusRequestEntityTooLarge).has(h.t, "more than 2,000 lines", "CSV", "Closing balance £26.21")
	amy.get("/portal/statements/days?currency=GBP&from=2026-12-01&to=2026-12-31", 200).has(h.t, "Add them up now", "Paid –", "Closing balance £26.21")
	amy.get("/portal/statements/days?currency=GBP&from=2026-12-01&to=2026-12-31&sums=yes", 200).has(h.t, "Net activity 24.00", "Paid £0.00", "Closing balance £26.21")
	long := amy.get("/portal/statements/days/file?format=pdf&currency=GBP&from=2026-12-01&to=2026-12-31", http.StatusRequestEntityTooLarge)
	if long.has(h.t, "This statement has more lines than one page holds."); long.header.Get("Content-Disposition") != "" {
		h.t.Error("a refusal is a file")
	}
}
