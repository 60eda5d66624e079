package api

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/xuri/excelize/v2"

	"mizan/api/console"
	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/money"
)

// A statement says the same amounts wherever it is read: on its page in English and in Arabic, as CSV, XLSX and JSON, and over the API. The worlds are
// those of the statements in domain 5.

// amounts are the amount and the balance of each line, in their order.
type amounts [][2]string

// linesOnPage are the lines of a page with their numbers, amounts and balances.
var linesOnPage = regexp.MustCompile(`(?s)<tr id="line-(\d+)".*?class="end money sum"><bdi[^>]*>([^<]*)</bdi>.*?class="end money after"><bdi[^>]*>([^<]*)</bdi>`)

// plainDigits are an amount of a page as files write it: the digits of Arabic, its signs and the marks of thousands and of direction.
var plainDigits = strings.NewReplacer("٠", "0", "١", "1", "٢", "2", "٣", "3", "٤", "4", "٥", "5", "٦", "6", "٧", "7", "٨", "8", "٩", "9", "٫", ".", "٬", "", ",", "", "−", "-",
	"\u200e", "", "\u200f", "", "\u061c", "")

// agreeing is the world of S2 and S7 in the book uk and of S5 in the book us.
type agreeing struct {
	*house
	events *commerce.Service
	uk, us ledger.Book
}

func newAgreeing(t *testing.T) *agreeing {
	t.Helper()
	h := &agreeing{}
	h.house = open(t, func(c *Config) {
		h.events = c.Commerce
		c.Console = console.New(console.Config{Ledger: c.Ledger, Access: c.Access, Desk: c.Desk, Trail: c.Trail, Commerce: c.Commerce, Vault: c.Vault, Payouts: c.Payouts, Statements: c.Statements, Now: c.Now, Log: c.Log})
	})
	h.must(201, "POST", "/v1/books", `{"code":"us","name":"Example US","currencies":["USD"],"time_zone":"America/Chicago","market":"US"}`)
	var err error
	for code, to := range map[string]*ledger.Book{"uk": &h.uk, "us": &h.us} {
		if *to, err = h.ledger.Book(t.Context(), code); err != nil {
			t.Fatal(err)
		}
	}
	for id, kind := range map[string]string{"uk/cre_amy": "creator", "uk/cre_zoe": "creator", "uk/ngo_a": "charity", "us/sel_wh": "seller"} {
		book, payee, _ := strings.Cut(id, "/")
		h.must(201, "POST", "/v1/books/"+book+"/payees", fmt.Sprintf(`{"id":%q,"kind":%q,"country":"UK","currency":%q}`, payee, kind, map[string]string{"uk": "GBP", "us": "USD"}[book]))
	}
	h.playReturn()
	h.playWarehouse()
	h.playCampaign()
	return h
}

func (h *agreeing) happens(book ledger.Book, kind, reference, data string) {
	h.t.Helper()
	h.must(201, "POST", "/v1/books/"+book.Code+"/events", fmt.Sprintf(`{"type":%q,"reference":%q,"data":%s}`, kind, reference, data))
}

// moves posts money by hand, from one account to another.
func (h *agreeing) moves(book ledger.Book, event string, from, to ledger.Address, amount money.Minor, c money.Currency) {
	h.t.Helper()
	h.gifts++
	out := h.ledger.Post(h.t.Context(), book, ledger.Submission{Reference: fmt.Sprintf("moved:%d", h.gifts), Drafts: []ledger.Draft{{Event: event, Lines: []ledger.Line{
		{Account: from, Amount: amount, Currency: c}, {Account: to, Amount: -amount, Currency: c}}}}})
	if out.Err != nil {
		h.t.Fatal(out.Err)
	}
}

func (h *agreeing) settles(book ledger.Book, order, reserve string, days int) {
	h.t.Helper()
	if r := h.events.Settle(h.t.Context(), book, order, commerce.Settlement{ReserveRate: &reserve, ReserveDays: &days}); r.Err != nil {
		h.t.Fatal(r.Err)
	}
}

// playReturn plays S2: a sale of two units of which one comes back.
func (h *agreeing) playReturn() {
	h.t.Helper()
	h.happens(h.uk, "order.captured", "UK-1", `{"order":"UK-1","capture":1,"currency":"GBP","placed_at":"2026-11-20T09:00:00Z","seller":"sel_uk","live_session":"LS-12","channel":"app",
"lines":[{"line":1,"sku":"SKU-9","category":"fashion","quantity":2,"unit_price":"24.99","discounts":[{"funder":"seller","amount":"5.00"},{"funder":"platform","amount":"3.00"}]}],
"shipping":{"amount":"2.99"},"creators":[{"creator":"cre_amy","weight":"1","agency":{"id":"mcn_ldn","share":"0.30","paid_by":"creator"}}],
"commission_rate":"0.15","payments":[{"processor":"main","payment_id":"pi_1","amount":"44.97"}]}`)
	h.settles(h.uk, "UK-1", "0", 0)
	h.happens(h.uk, "refund.made", "RF-1", `{"order":"UK-1","refund":"RF-1","lines":[{"line":1,"quantity":1}],"shipping":"keep","fault":"seller","payment_refund_id":"re_1","shipped":true}`)
}

// playWarehouse plays S5: a return after the payout, the reserve, and the debt netted.
func (h *agreeing) playWarehouse() {
	h.t.Helper()
	sells := func(order, price, tax, paid string, payout money.Minor) {
		h.happens(h.us, "order.captured", order, `{"order":"`+order+`","currency":"USD","placed_at":"2026-11-20T09:00:00Z","seller":"sel_wh","lines":[{"line":1,"sku":"A","quantity":1,"unit_price":"`+price+
			`","tax":[{"jurisdiction":"US-TX","kind":"sales","owed_by":"platform","amount":"`+tax+`"}]}],"payments":[{"processor":"main","payment_id":"pi_`+order+`","amount":"`+paid+`"}]}`)
		h.happens(h.us, "charge.recorded", order+"-fulfilment", `{"kind":"warehouse.fulfilment_charged","party":"sel_wh","order":"`+order+`","currency":"USD","amount":"3.58"}`)
		h.settles(h.us, order, "0.10", 30)
		h.moves(h.us, "payout.created", "liabilities:seller:available:sel_wh", "liabilities:payout_in_transit:sel_wh", payout, "USD")
		h.moves(h.us, "payout.paid", "liabilities:payout_in_transit:sel_wh", "assets:cash_in_transit:main", payout, "USD")
	}
	sells("W-1", "60.00", "4.95", "64.95", 47_54)
	h.happens(h.us, "refund.made", "RF-W", `{"order":"W-1","refund":"RF-W","full":true,"shipped":true}`)
	h.happens(h.us, "charge.recorded", "label", `{"kind":"return.shipping_charged","party":"sel_wh","order":"W-1","currency":"USD","amount":"4.10","counterparty":"usps"}`)
	h.happens(h.us, "charge.recorded", "return", `{"kind":"warehouse.return_processed","party":"sel_wh","order":"W-1","currency":"USD","amount":"2.00"}`)
	h.happens(h.us, "charge.recorded", "storage", `{"kind":"warehouse.storage_charged","party":"sel_wh","currency":"USD","amount":"12.40"}`)
	sells("W-2", "150.00", "12.38", "162.38", 53_34)
}

// playCampaign plays S7 from its worked example.
func (h *agreeing) playCampaign() {
	h.t.Helper()
	b, err := os.ReadFile("../ledger/commerce/testdata/lives/donation-campaign.json")
	if err != nil {
		h.t.Fatal(err)
	}
	var life struct {
		Steps []struct {
			Type, Act, Refused string
			Data               json.RawMessage
		}
	}
	if err := json.Unmarshal(b, &life); err != nil {
		h.t.Fatal(err)
	}
	h.moves(h.uk, "opening.balance", "assets:bank:operating:main", "equity:opening", 150_00, "GBP")
	for i, step := range life.Steps {
		switch {
		case step.Refused != "":
		case step.Act == "publish campaign":
			var c commerce.CampaignPublished
			if err := json.Unmarshal(step.Data, &c); err != nil {
				h.t.Fatal(err)
			}
			if r := h.events.Publish(h.t.Context(), h.uk, c); r.Err != nil {
				h.t.Fatal(r.Err)
			}
		default:
			h.happens(h.uk, step.Type, fmt.Sprint("S7-", i), string(step.Data))
		}
	}
}

// onPage reads the lines of a statement's page.
func (h *agreeing) onPage(session, path string) (list amounts) {
	h.t.Helper()
	for i, m := range linesOnPage.FindAllStringSubmatch(h.shows(session, path).body, -1) {
		if m[1] != strconv.Itoa(i+1) {
			h.t.Errorf("%s: line %s is in place %d", path, m[1], i+1)
		}
		list = append(list, [2]string{plainDigits.Replace(m[2]), plainDigits.Replace(m[3])})
	}
	return list
}

// inRows reads the amounts and balances of a table with a row of names.
func inRows(rows [][]string) (list amounts) {
	amount, balance := -1, -1
	for _, row := range rows {
		named := func(name string) int {
			return slices.IndexFunc(row, func(cell string) bool { return strings.EqualFold(cell, name) })
		}
		switch {
		case balance < 0:
			amount, balance = named("amount"), named("balance")
		case len(row) > balance && row[amount] != "":
			list = append(list, [2]string{row[amount], row[balance]})
		}
	}
	return list
}

// everywhere reads the amounts of a statement wherever they stand.
func (h *agreeing) everywhere(session, page, over string) map[string]amounts {
	h.t.Helper()
	with := func(path, query string) string {
		before, of, asked := strings.Cut(path, "?")
		if asked {
			query += "&" + of
		}
		return before + query
	}
	below := func(path, part, query string) string {
		before, of, asked := strings.Cut(path, "?")
		if asked {
			of = "?" + of
		}
		return with(before+part+of, query)
	}
	read := func(path string) answer {
		a := h.by(session, http.MethodGet, path, "")
		if a.StatusCode != http.StatusOK {
			h.t.Fatalf("%s: %d %s", path, a.StatusCode, a.body)
		}
		return a
	}
	all := map[string]amounts{"English": h.onPage(session, with(page, "?lang=en")), "Arabic": h.onPage(session, with(page, "?lang=ar")), "print": h.onPage(session, below(page, "/print", "?lang=zh"))}
	type lines struct {
		Lines []struct{ Amount, Balance string }
		Data  []struct{ Amount, Balance string }
	}
	for name, path := range map[string]string{"API": below(over, "/lines", "?limit=1000"), "JSON": below(page, "/file", "?format=json"), "content": below(over, "/content", "?format=json")} {
		var of lines
		if err := json.Unmarshal([]byte(read(path).body), &of); err != nil {
			h.t.Fatal(name, err)
		}
		for _, l := range append(of.Lines, of.Data...) {
			all[name] = append(all[name], [2]string{l.Amount, l.Balance})
		}
	}
	table := csv.NewReader(strings.NewReader(strings.TrimPrefix(read(below(page, "/file", "?format=csv")).body, "\ufeff")))
	table.FieldsPerRecord = -1
	rows, err := table.ReadAll()
	if err != nil {
		h.t.Fatal(err)
	}
	all["CSV"] = inRows(rows)
	book, err := excelize.OpenReader(strings.NewReader(read(below(page, "/file", "?format=xlsx")).body))
	if err != nil {
		h.t.Fatal(err)
	}
	defer book.Close()
	sheets := book.GetSheetList()
	for _, sheet := range sheets[:len(sheets)-1] { // the last says what the others hold
		if rows, err = book.GetRows(sheet); err != nil {
			h.t.Fatal(err)
		}
		for i, row := range rows {
			for j := range row {
				rows[i][j] = strings.ReplaceAll(row[j], ",", "")
			}
		}
		all["XLSX"] = append(all["XLSX"], inRows(rows)...)
	}
	return all
}

// TestStatementsAgree compares a month, its days, the days in which something late was told, and a payout.
func TestStatementsAgree(t *testing.T) {
	t.Parallel()
	h := newAgreeing(t)
	h.payable("cre_zoe", 50_00)
	h.happens(h.uk, "order.captured", "UK-2", `{"order":"UK-2","currency":"GBP","placed_at":"2026-11-20T09:00:00Z","seller":"sel_uk","lines":[{"line":1,"sku":"SKU-9","category":"fashion","quantity":2,"unit_price":"20.99"}],
"creators":[{"creator":"cre_zoe","agency":{"id":"mcn_ldn","share":"0.30","paid_by":"creator"}}],"commission_rate":"0.15","payments":[{"processor":"main","payment_id":"pi_2","amount":"41.98"}]}`)
	h.happens(h.uk, "refund.made", "RF-Z", `{"order":"UK-2","refund":"RF-Z","lines":[{"line":1,"quantity":1}],"payment_refund_id":"re_z","shipped":true}`)
	h.settles(h.uk, "UK-2", "0", 0)
	h.money(h.uk, "cre_zoe", 45_10)
	paid := h.must(200, "POST", "/v1/books/uk/payees/cre_zoe/payouts", `{"reference":"first","kind":"creator","currency":"GBP","amount":"80.00"}`).json(t)["payouts"].([]any)[0].(map[string]any)["id"].(string)
	h.clock.forward(40 * 24 * time.Hour)
	month := map[string]string{}
	for _, x := range []struct {
		book  ledger.Book
		payee string
		c     money.Currency
	}{{h.uk, "cre_amy", "GBP"}, {h.us, "sel_wh", "USD"}, {h.uk, "ngo_a", "GBP"}} {
		st, err := h.statements.Issue(t.Context(), x.book, x.payee, x.c)
		if err != nil || st == nil {
			t.Fatalf("%s: %+v, %v", x.payee, st, err)
		}
		month[x.payee] = st.ID
	}
	h.happens(h.uk, "refund.made", "RF-2", `{"order":"UK-1","refund":"RF-2","lines":[{"line":1,"quantity":1}],"shipping":"keep","fault":"seller","payment_refund_id":"re_2","shipped":true}`)
	issued := func(payee string) (page, over string) {
		return "/portal/statements/" + month[payee], "/statements/" + month[payee]
	}
	for name, x := range map[string]struct {
		book, payee string
		page, over  string
		// lines are the amounts in their order, and says what the page has besides.
		lines, says []string
	}{
		"creator": {book: "uk", payee: "cre_amy", lines: []string{"6.30", "-1.89", "-4.41", "4.41", "-3.15", "0.95"}, says: []string{"Net activity 2.21", "Closing balance £2.21"}},
		"seller": {book: "us", payee: "sel_wh", lines: nil, says: []string{"210.00", "-12.60", "-7.16", "-60.00", "3.60", "-0.72", "-4.10", "-2.00", "-12.40", "Net activity 114.62", "-100.88", "Closing balance US$13.74",
			"sales:US-TX 17.33 4.95", "On hold US$13.74", "Paid US$100.88", "W-1 Full refund"}},
		"charity": {book: "uk", payee: "ngo_a", says: []string{"104.30", "90.00", "-11.71", "-12.00", "-170.59", "Closing balance £0.00", "FT-1", "1.30", "0.29"}},
		"so far": {book: "us", payee: "sel_wh", page: "/portal/statements/days?currency=USD&from=2026-11-01&to=2026-11-30", over: "/days?currency=USD&from=2026-11-01&to=2026-11-30",
			says: []string{"Net activity 114.62", "Orders that earn nothing", "W-1 Full refund", "sales:US-TX 17.33 4.95", "Paid US$100.88"}},
		"late": {book: "uk", payee: "cre_amy", page: "/portal/statements/days?currency=GBP&from=2026-12-01&to=2026-12-30", over: "/days?currency=GBP&from=2026-12-01&to=2026-12-30",
			lines: []string{"-3.15", "0.94"}, says: []string{"Opening balance £2.21", "belongs to November 2026", "now 0.00 before 3.15", "Closing balance £0.00"}},
		"payout": {book: "uk", payee: "cre_zoe", page: "/portal/payouts/" + paid + "/statement", over: "/payouts/" + paid + "/statement", lines: []string{"50.00", "6.30", "-1.89", "-3.15", "0.95", "27.79"},
			says: []string{"Order paid 4.41", "Partial refund -2.20", "15% of 20.99 = now 3.15 before 6.30", "Agency share", "27.79 of 45.10", "80.00"}},
	} {
		t.Run(name, func(t *testing.T) {
			session := h.signedIn(x.book, x.payee)
			if x.page == "" {
				x.page, x.over = issued(x.payee)
			}
			all := h.everywhere(session, x.page, "/v1/books/"+x.book+"/payees/"+x.payee+x.over)
			want := all["JSON"]
			if x.lines != nil {
				var got []string
				for _, l := range want {
					got = append(got, l[0])
				}
				if diff := cmp.Diff(x.lines, got); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			}
			if len(want) == 0 {
				t.Fatal("the statement has no lines")
			}
			if month[x.payee] != "" && x.page == "/portal/statements/"+month[x.payee] {
				h.sameSums(session, "/v1/books/"+x.book+"/payees/"+x.payee, month[x.payee])
			}
			for where, got := range all {
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s (-JSON +%s):\n%s", where, where, diff)
				}
			}
			h.shows(session, x.page, x.says...)
		})
	}
}

// sameSums compares what the days of a month come to with what its statement says: the lines added up, orders of which nothing is left, and the tax.
func (h *agreeing) sameSums(session, payee, id string) {
	h.t.Helper()
	var issued, days PayeeStatementJSON
	read := func(path string, to *PayeeStatementJSON) {
		if err := json.Unmarshal([]byte(h.by(session, http.MethodGet, payee+path, "").body), to); err != nil {
			h.t.Fatal(path, err)
		}
	}
	read("/statements/"+id, &issued)
	read("/days/sums?currency="+issued.Currency+"&from="+issued.FirstDay+"&to="+issued.LastDay, &days)
	if diff := cmp.Diff(issued, days, cmpopts.IgnoreFields(PayeeStatementJSON{}, "ID", "Number", "Kind", "Period", "Previous", "SHA256", "IssuedAt")); diff != "" || days.Lines == 0 || len(days.Totals) == 0 {
		h.t.Errorf("%s (-issued +days):\n%s", payee, diff)
	}
}
