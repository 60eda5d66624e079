package api

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"mizan/api/console"
	"mizan/ledger/locale"
	"mizan/payouts/statements"
)

// Groups G, J13 and M of the bad inputs for pages that people read and for what they download from them: the portal, receipts, campaigns and
// statements. Exports of the staff are tried in exports_test.go, which also says where the other numbers of group G are; M09, of a long
// statement, in payouts/statements/issue_sql_test.go.

// hostile are texts that some reader would take for commands, by the numbers of the project's list of them.
var hostile = []struct{ number, text string }{
	{"G01", `'; DROP TABLE entry;--`}, {"G02", `' OR 1=1--`}, {"G03", `$1 $tag$ $$`}, {"G06", `%_%`}, {"G07", `<script>alert(1)</script>`}, {"G08", `"><img src=x onerror="alert(2)">`},
	{"G09", `javascript:alert(1)`}, {"G10", `{{7*7}}${7*7}{{.Data}}`}, {"G11", `=cmd|'/c calc'!A1`}, {"G12", `+1+1`}, {"G13", `-2+3`}, {"G15", `@SUM(A1)`},
	{"G17", `=HYPERLINK("http://x?"&A1)`}, {"G18", `a "quoted", comma`}, {"G19", `a;b`}, {"G21", `../../etc/passwd`}, {"G23", `O'Neil & Co: //a?(b),.+ &amp; <c/>`}, {"M11", `(a+)+$`},
}

// readable is a market with every page, in which cre_amy earned of an order of which a part came back, and her statement of that month.
type readable struct {
	*house
	amy, bob string
	st       *statements.Statement
	// file leads to the statement's content; receipt is that of a donation to the campaign kits, order that of the order.
	file, receipt, order string
}

func newReadable(t *testing.T) *readable {
	t.Helper()
	h := &readable{house: open(t, func(c *Config) {
		c.Console = console.New(console.Config{Ledger: c.Ledger, Access: c.Access, Desk: c.Desk, Trail: c.Trail, Commerce: c.Commerce, Vault: c.Vault, Payouts: c.Payouts, Earnings: c.Earnings,
			Statements: c.Statements, Receipts: c.Receipts, Now: c.Now, Log: c.Log})
	})}
	for id, kind := range map[string]string{"cre_amy": "creator", "cre_bob": "creator", "sel_uk": "seller", "mcn_ldn": "agency"} {
		h.must(201, "POST", "/v1/books/uk/payees", fmt.Sprintf(`{"id":%q,"kind":%q,"country":"UK","currency":"GBP"}`, id, kind))
	}
	h.must(201, "POST", events, capture(t, "UK-1"))
	h.must(201, "POST", events, `{"type":"refund.made","reference":"back","data":{"order":"UK-1","refund":"RF-1","lines":[{"line":1,"quantity":1}],"shipping":"keep","fault":"seller","payment_refund_id":"re_1","shipped":true}}`)
	h.must(200, "PATCH", "/v1/books/uk/data_subjects/payee:cre_bob", `{"fields":{"name":"Bob Example","bank_account":"GB33BUKB20201555555555"},"reason":"For the tests."}`)
	h.must(200, "PATCH", "/v1/books/uk/data_subjects/payee:cre_amy", `{"fields":{"name":"Amy","bank_account":"GB29NWBK60161331926819"},"reason":"For the tests."}`)
	book := h.turn().Book
	if _, err := h.earnings.Follow(t.Context(), book); err != nil {
		t.Fatal(err)
	}
	var charities []string
	for i, x := range hostile {
		charities = append(charities, fmt.Sprintf(`{"payee":"ngo_%d","weight":"1","name":%s}`, i, quoted(x.text)))
	}
	h.must(201, "POST", "/v1/books/uk/campaigns", `{"id":"kits","name":`+quoted(hostile[4].text+hostile[5].text)+`,"kind":"humanitarian","currency":"GBP","beneficiaries":[`+strings.Join(charities, ",")+
		`],"platform_fee":"0","fee_quote":{"rate":"0.014","flat":"0.20"},"refund_window_days":14}`)
	h.must(201, "POST", events, `{"type":"donation.received","reference":"gave","data":{"donation":"D1","campaign":"kits","currency":"GBP","amount":"100.00","payments":[{"processor":"main","payment_id":"pi_D1","amount":"100.00"}]}}`)
	h.receipt, h.order = h.receiptFor("donation:D1"), h.receiptFor("order:UK-1")
	h.clock.forward(40 * 24 * time.Hour)
	var err error
	if h.st, err = h.statements.Issue(t.Context(), book, "cre_amy", "GBP"); err != nil || h.st == nil {
		t.Fatal(h.st, err)
	}
	h.file = "/v1/books/uk/payees/cre_amy/statements/" + h.st.ID + "/content"
	h.amy, h.bob = h.signedIn("uk", "cre_amy"), h.signedIn("uk", "cre_bob")
	return h
}

// quoted is a text in JSON.
func quoted(text string) string {
	b, _ := json.Marshal(text) // a string always is
	return string(b)
}

// portalPages are the pages of cre_amy.
var portalPages = []string{"/portal", "/portal/money", "/portal/orders", "/portal/orders/UK-1", "/portal/orders/UK-1?return=1&units=1", "/portal/earnings?month=2026-11", "/portal/earnings/file?month=2026-11&by=product",
	"/portal/payees/cre_amy/payouts", "/portal/payees/cre_amy/waits", "/portal/payees/cre_amy/decisions", "/portal/payees/cre_amy/payout?currency=GBP&amount=1"}

// TestBadInputsOfPages tries them one after the other, each under its number. Nothing that is tried changes anything, and no answer is a
// failure of ours.
func TestBadInputsOfPages(t *testing.T) {
	t.Parallel()
	h := newReadable(t)
	before := h.by(h.amy, "GET", "/portal/money", "").body
	h.namesAreText()
	h.searchesFindNothing()
	h.filesHoldNoFormula()
	h.widthsAndPlaces()
	h.payeesReadTheirOwn()
	h.filesTakeTurns()
	h.pagesAreLight()
	if after := h.by(h.amy, "GET", "/portal/money", "").body; after != before {
		t.Errorf("something changed:\n%s", after)
	}
	for line := range strings.Lines(h.log.String()) { // G22
		var entry struct{ Level string }
		if json.Unmarshal([]byte(line), &entry) != nil || entry.Level == "ERROR" {
			t.Errorf("G22: the log has the line %s", line)
		}
	}
}

// namesAreText has hostile texts where people choose them: names of payees, campaigns and charities.
func (h *readable) namesAreText() {
	h.t.Helper()
	inert := func(number, path string, a answer, text string) {
		h.t.Helper()
		if a.StatusCode != 200 || !strings.Contains(pageEntities.Replace(a.body), text) {
			h.t.Errorf("%s: %s answers %d without %q", number, path, a.StatusCode, text)
		}
		for _, live := range []string{"<script", "<img src=x", ` onerror="`, `href="javascript`, "4949"} {
			if strings.Contains(a.body, live) {
				h.t.Errorf("%s: %s has %s", number, path, live)
			}
		}
	}
	for _, x := range hostile {
		h.must(200, "PATCH", "/v1/books/uk/data_subjects/payee:cre_amy", `{"fields":{"name":`+quoted(x.text)+`},"reason":"For the tests."}`)
		inert(x.number, "/portal", h.by(h.amy, "GET", "/portal", ""), x.text)
	}
	for _, path := range []string{"/c/uk-kits", "/c/uk-kits?lang=ar", "/r/" + h.receipt} {
		a := h.as("", "GET", path, "")
		for _, x := range hostile {
			inert(x.number, path, a, x.text)
		}
	}
	for path, of := range map[string]string{"/c/uk-kits/data.json": `"beneficiaries"`, "/r/" + h.receipt + ".json": `"given":"100.00"`} {
		a := h.as("", "GET", path, "")
		if !strings.Contains(a.body, of) || a.Header.Get("Content-Type") != "application/json" || a.Header.Get("X-Content-Type-Options") != "nosniff" { // data are no page to any browser
			h.t.Errorf("G07: %s: %v %.300s", path, a.Header, a.body)
		}
	}
	// G24, G16: a name is at most as long as its field, and has no control characters.
	for number, name := range map[string]string{"G24": strings.Repeat("ن", 10_000), "G16": "\t=1", "G16 CR": "\r=1", "G16 LF": "\n=1"} {
		if a := h.do("PATCH", "/v1/books/uk/data_subjects/payee:cre_amy", `{"fields":{"name":`+quoted(name)+`},"reason":"For the tests."}`); a.StatusCode != 422 {
			h.t.Errorf("%s: a payee's name: %d %.300s", number, a.StatusCode, a.body)
		}
		if a := h.do("POST", "/v1/books/uk/campaigns", `{"id":"long","name":`+quoted(name)+`,"kind":"general","currency":"GBP","beneficiaries":[{"payee":"ngo_0","weight":"1"}],"fee_quote":{"rate":"0"},"refund_window_days":0}`); a.StatusCode != 422 {
			h.t.Errorf("%s: a campaign's name: %d %.300s", number, a.StatusCode, a.body)
		}
	}
	longest := strings.Repeat("ن", 100)
	h.must(200, "PATCH", "/v1/books/uk/data_subjects/payee:cre_amy", `{"fields":{"name":"`+longest+`"},"reason":"For the tests."}`)
	inert("G24", "/portal", h.by(h.amy, "GET", "/portal", ""), longest)
	// Ids, which stand in addresses and names of files, hold none of it.
	for _, x := range hostile {
		for _, field := range []string{`"SKU-9"`, `"LS-12"`, `"app"`, `"UK-2"`} {
			if a := h.do("POST", events, strings.Replace(capture(h.t, "UK-2"), field, quoted(x.text), 1)); a.StatusCode != 422 {
				h.t.Errorf("%s for %s: %d %.300s", x.number, field, a.StatusCode, a.body)
			}
		}
	}
}

// searchesFindNothing has hostile texts where pages are narrowed: none finds more than there is under exactly that.
func (h *readable) searchesFindNothing() {
	h.t.Helper()
	for _, x := range hostile {
		text := url.QueryEscape(x.text)
		began := time.Now()
		if a := h.by(h.amy, "GET", "/portal/orders?lang=en&order="+text, ""); a.StatusCode != 200 || !strings.Contains(a.body, "You have no part in an order of this id.") {
			h.t.Errorf("%s as an order: %d %.300s", x.number, a.StatusCode, a.body)
		}
		if took := time.Since(began); x.number == "M11" && took > 5*time.Second {
			h.t.Errorf("M11 took %v", took)
		}
		for _, path := range []string{"/portal/orders?state=", "/portal/orders?currency=", "/portal/orders?after=", "/portal/earnings?by=", "/portal/earnings?currency=", "/portal/earnings?month=", "/portal/earnings/file?month=",
			"/portal/orders/UK-1?return=", "/portal/payees/cre_amy/waits?after=", "/portal/payees/cre_amy/payouts?after=", "/portal/payees/cre_amy/payout?currency="} {
			if a := h.by(h.amy, "GET", path+text, ""); a.StatusCode != 400 && a.StatusCode != 404 && a.StatusCode != 422 || strings.Contains(a.body, "<script>alert") {
				h.t.Errorf("%s as %s: %d %.300s", x.number, path, a.StatusCode, a.body)
			}
		}
		for _, path := range []string{"/r/", "/c/", "/portal/orders/", "/portal/payouts/"} {
			if a := h.by(h.amy, "GET", path+url.PathEscape(x.text), ""); a.StatusCode != 404 && a.StatusCode != 400 {
				h.t.Errorf("%s as %s: %d", x.number, path, a.StatusCode)
			}
		}
		// G09, and every other address that is no page here: where choosing a language leads back to.
		a := h.as("", "POST", "/language", "lang=ar&back="+text, "Content-Type", "application/x-www-form-urlencoded")
		if a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != "/" {
			h.t.Errorf("%s as the way back: %d %q", x.number, a.StatusCode, a.Header.Get("Location"))
		}
	}
	for number, query := range map[string]string{"G04": "state=amount;select", "G05": "state=internal", "G20": "currency=GBP%0d%0aX-Evil:+1", "G22": "state=%0alevel=error"} {
		if a := h.by(h.amy, "GET", "/portal/orders?"+query, ""); a.StatusCode != 400 || a.Header.Get("X-Evil") != "" {
			h.t.Errorf("%s: %d %v", number, a.StatusCode, a.Header)
		}
	}
	for number, by := range map[string]string{"G04": "amount;select", "G05": "payee"} {
		if a := h.by(h.amy, "GET", "/portal/earnings?by="+url.QueryEscape(by), ""); a.StatusCode != 400 {
			h.t.Errorf("%s: %d", number, a.StatusCode)
		}
	}
}

// filesHoldNoFormula reads what payees download as a spreadsheet would: numbers are numbers, also below zero, and no text begins a formula.
func (h *readable) filesHoldNoFormula() {
	h.t.Helper()
	for _, path := range []string{h.file + "?format=csv", "/portal/earnings/file?month=2026-11&by=product", "/portal/earnings/file?month=2026-11&by=live_session"} {
		a := h.by(h.amy, "GET", path, "")
		_, name, _ := strings.Cut(a.Header.Get("Content-Disposition"), "filename=")
		if a.StatusCode != 200 || !strings.HasPrefix(a.Header.Get("Content-Disposition"), "attachment;") || strings.Trim(name, `"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-`) != "" {
			h.t.Errorf("G20, G21: %s: %d %v", path, a.StatusCode, a.Header)
		}
		rows, err := csv.NewReader(strings.NewReader(a.body)).ReadAll() // G18: every reader of CSV finds the same cells
		if err != nil || len(rows) < 2 {
			h.t.Fatalf("%s: %v %s", path, err, a.body)
		}
		below := 0
		for _, row := range rows[1:] {
			for i, cell := range row {
				if cell == "" || !strings.ContainsRune("=+-@\t\r\n＝＋－＠", []rune(cell)[0]) {
					continue
				}
				if _, err := strconv.ParseFloat(cell, 64); err != nil {
					h.t.Errorf("G11 to G17: %s: %s begins a formula: %q", path, rows[0][i], cell)
				}
				below++
			}
		}
		if below == 0 {
			h.t.Errorf("G14: %s has no amount below zero to be looked at: %s", path, a.body)
		}
	}
	for number, path := range map[string]string{"G21": "/v1/books/uk/payees/cre_amy/statements/" + url.PathEscape("../../etc/passwd") + "/content", "G20": "/v1/books/uk/payees/cre_amy/statements/a%0d%0aX-Evil:%201/content"} {
		if a := h.by(h.amy, "GET", path, ""); a.StatusCode != 404 && a.StatusCode != 400 || a.Header.Get("X-Evil") != "" || a.Header.Get("Content-Disposition") != "" {
			h.t.Errorf("%s: %d %v", number, a.StatusCode, a.Header)
		}
	}
}

// widthsAndPlaces asks for more than a page or a file is.
func (h *readable) widthsAndPlaces() {
	h.t.Helper()
	days, lines := "/v1/books/uk/payees/cre_amy/days", strings.TrimSuffix(h.file, "/content")+"/lines"
	cursor := h.by(h.amy, "GET", lines+"?limit=1", "").json(h.t)["next_cursor"].(string)
	for _, c := range []struct {
		number, path string
		status       int
	}{
		{"M07", days + "?from=2016-11-01&to=2026-11-30", 422}, {"M07", days + "/content?format=csv&from=2016-11-01&to=2026-11-30", 422}, {"M07", days + "/lines?from=2016-11-01&to=2026-11-30", 422},
		{"M07", "/v1/books/uk/payees/cre_amy/earnings?from=2016-11-01&to=2026-11-30", 422}, {"M07", "/portal/earnings?month=1026-11", 400},
		{"M01", lines + "?limit=0", 400}, {"M01", lines + "?limit=-1", 400}, {"M01", lines + "?limit=abc", 400}, {"M02, M19", lines + "?limit=1001", 400}, {"M02, M19", lines + "?limit=1000000000", 400},
		{"M03", lines + "?offset=1000000", 400}, {"M03", lines + "?page=1000000", 400}, {"M04", lines + "?cursor=" + cursor[:len(cursor)-2] + "AA", 400},
		{"M05", days + "/lines?cursor=" + cursor, 400}, {"M05", "/v1/books/uk/payees/cre_amy/statements?cursor=" + cursor, 400},
		{"M12", "/portal/orders?" + strings.Repeat("state=held&", 1000) + "state=none", 400}, {"M13", lines + "?ids=" + strings.Repeat("1,", 2000), 400},
	} {
		a := h.by(h.amy, "GET", c.path, "")
		if a.StatusCode != c.status && (c.number != "M12" || a.StatusCode/100 != 4) {
			h.t.Errorf("%s: %.120s: %d, want %d: %.300s", c.number, c.path, a.StatusCode, c.status, a.body)
		}
	}
	// M19: a page of lines is a page, and leads to the next one until there is none.
	seen := 0
	for path := lines + "?limit=1"; path != ""; {
		page := h.by(h.amy, "GET", path, "").json(h.t)
		if len(page["data"].([]any)) > 1 {
			h.t.Errorf("M19: %v", page)
		}
		seen, path = seen+len(page["data"].([]any)), ""
		if next, more := page["next_cursor"].(string); more {
			path = lines + "?limit=1&cursor=" + next
		}
	}
	if int64(seen) != h.st.Lines || seen < 4 {
		h.t.Errorf("M19: %d lines on the pages, %d in the statement", seen, h.st.Lines)
	}
}

// payeesReadTheirOwn is J13 and J01 for pages and files: nothing of the platform's margin, other payees or banks, and what is another's is
// answered as what is not there.
func (h *readable) payeesReadTheirOwn() {
	h.t.Helper()
	leaks := []string{"sel_uk", "mcn_ldn", "cre_bob", "Bob Example", "GB33BUKB", "GB29NWBK", "pi_UK-1", "re_1", "revenue:", "assets:", "expenses:", "fee_rate"}
	paths := slices.Clone(portalPages)
	for _, format := range []string{"json", "csv", "jsonl"} {
		paths = append(paths, h.file+"?format="+format)
	}
	one := strings.TrimSuffix(h.file, "/content")
	paths = append(paths, one, one+"/lines", "/v1/books/uk/payees/cre_amy/statements", "/v1/books/uk/payees/cre_amy/days?from=2026-11-01", "/v1/books/uk/payees/cre_amy/earnings?from=2026-11-01&to=2026-11-30", "/v1/me")
	for _, path := range paths {
		a := h.by(h.amy, "GET", path, "")
		if a.StatusCode != 200 {
			h.t.Errorf("J13: %s: %d %.300s", path, a.StatusCode, a.body)
		}
		for _, leak := range leaks {
			if strings.Contains(a.body, leak) {
				h.t.Errorf("J13: %s shows %s", path, leak)
			}
		}
	}
	for _, path := range []string{"/r/" + h.order, "/r/" + h.order + ".json", "/c/uk-kits"} { // whom everybody may see is nobody
		a := h.as("", "GET", path, "")
		for _, leak := range append(slices.Clone(leaks), "cre_amy", "UK-1\"", "order:UK-1") {
			if a.StatusCode != 200 || strings.Contains(a.body, leak) {
				h.t.Errorf("J13: %s: %d, shows %s", path, a.StatusCode, leak)
			}
		}
	}
	for own, none := range map[string]string{ // J01
		one: "/v1/books/uk/payees/cre_bob/statements/st_0123456789abcdefghij", "/portal/orders/UK-1": "/portal/orders/UK-7",
		"/portal/payees/cre_amy/waits": "/portal/payees/cre_none/waits", "/portal/orders?payee=cre_amy": "/portal/orders?payee=cre_none",
	} {
		his := strings.Replace(own, "/payees/cre_amy/statements", "/payees/cre_bob/statements", 1)
		hidden, missing := h.by(h.bob, "GET", his, ""), h.by(h.bob, "GET", none, "")
		if hidden.StatusCode != 404 || missing.StatusCode != 404 || len(hidden.body) != len(missing.body)+strings.Count(hidden.body, his)*(len(his)-len(none)) && !strings.HasPrefix(own, "/v1") {
			h.t.Errorf("J01: %s is answered %d, and what there is not %d:\n%s\n%s", his, hidden.StatusCode, missing.StatusCode, hidden.body, missing.body)
		}
		if a := h.by(h.bob, "GET", own, ""); a.StatusCode != 404 {
			h.t.Errorf("J01: %s: %d", own, a.StatusCode)
		}
	}
}

// filesTakeTurns has many files of statements asked for at once: a payee's second one waits, which keeps nobody else back, and a reader who
// goes away gives the turn back.
func (h *readable) filesTakeTurns() {
	h.t.Helper()
	end, err := h.statements.Begin(h.st)
	if err != nil {
		h.t.Fatal(err)
	}
	if a := h.by(h.amy, "GET", h.file, ""); a.StatusCode != 429 || a.code() != "statements-busy" || a.Header.Get("Retry-After") == "" { // M08
		h.t.Errorf("M08: %d %v %s", a.StatusCode, a.Header, a.body)
	}
	if a := h.as(testKey, "GET", "/v1/books/uk/payees/sel_uk/days/content?format=csv&from=2026-11-01", ""); a.StatusCode != 200 {
		h.t.Errorf("M08: another payee is answered %d %.300s", a.StatusCode, a.body)
	}
	end()
	// M10: the reader leaves with the file begun.
	ctx := h.t.Context()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, h.server.URL+h.file+"?format=csv", nil)
	if err != nil {
		h.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+testKey)
	res, err := h.client.Do(r)
	if err != nil {
		h.t.Fatal(err)
	}
	if _, err := io.ReadFull(res.Body, make([]byte, 8)); err != nil {
		h.t.Error(err)
	}
	res.Body.Close()
	for gone := time.Now().Add(5 * time.Second); ; {
		end, err := h.statements.Begin(h.st)
		if err == nil {
			end()
			break
		}
		if time.Now().After(gone) {
			h.t.Fatalf("M10: five seconds after the reader left: %v", err)
		}
	}
}

// lightest is what a page may weigh with all that it loads, in bytes: it is read on telephones, and the data of these pages are few.
const lightest = 100_000

var pageAssets = regexp.MustCompile(`(?:href|src)="(/assets/[^"]+)"`)

// pagesAreLight weighs every page in every language, each with its stylesheet and images.
func (h *readable) pagesAreLight() {
	h.t.Helper()
	weights := map[string]int{}
	for _, path := range append(slices.DeleteFunc(slices.Clone(portalPages), func(p string) bool { return strings.Contains(p, "/file") }), "/", "/sign-in", "/r/"+h.receipt, "/r/"+h.order, "/c/uk-kits", "/r/uk-none") {
		for _, l := range locale.Languages {
			separator := "?"
			if strings.Contains(path, "?") {
				separator = "&"
			}
			a := h.by(h.amy, "GET", path+separator+"lang="+string(l), "")
			weight := len(a.body)
			loaded := pageAssets.FindAllStringSubmatch(a.body, -1)
			for i, m := range loaded {
				if slices.ContainsFunc(loaded[:i], func(earlier []string) bool { return earlier[1] == m[1] }) {
					continue
				}
				if weights[m[1]] == 0 {
					weights[m[1]] = len(h.by(h.amy, "GET", m[1], "").body)
				}
				weight += weights[m[1]]
			}
			if len(loaded) < 2 || weight >= lightest {
				h.t.Errorf("%s in %s weighs %d bytes with its %d assets", path, l, weight, len(loaded))
			}
		}
	}
}

// pageEntities turns what html/template escapes back into text.
var pageEntities = strings.NewReplacer("&lt;", "<", "&gt;", ">", "&#34;", `"`, "&#39;", "'", "&#43;", "+", "&amp;", "&")
