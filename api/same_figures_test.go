package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// What pages of orders, donations, evidence, imports and months show is compared with the API, amount by amount.

// amountsOfPage are the amounts with decimals that a page shows.
var amountsOfPage = regexp.MustCompile(`<bdi dir="ltr"(?: class="minus")?>(-?[0-9,]+\.[0-9]+)</bdi>`)

// sameAmounts fails unless a page shows these amounts, each as often, and no others.
func (h *house) sameAmounts(session, path string, want []string) {
	h.t.Helper()
	a := h.by(session, http.MethodGet, path, "")
	if a.StatusCode != http.StatusOK {
		h.t.Fatalf("%s: %d", path, a.StatusCode)
	}
	got := found(amountsOfPage, a.body)
	slices.Sort(got)
	want = slices.Sorted(slices.Values(want))
	if !slices.Equal(got, want) {
		h.t.Errorf("%s shows %v, and the API has %v", path, got, want)
	}
	if len(want) == 0 {
		h.t.Errorf("%s: there is nothing to compare", path)
	}
}

// textsAt are the texts under a name, in rows of the API.
func textsAt(rows []any, name string) (list []string) {
	for _, row := range rows {
		list = append(list, row.(map[string]any)[name].(string))
	}
	return list
}

// evidenceOf are the amounts that processors and banks say of transactions.
func (h *house) evidenceOf(transactions []any) (list []string) {
	h.t.Helper()
	for _, id := range textsAt(transactions, "id") {
		for _, row := range h.rowsOf("/v1/books/uk/transactions/" + id + "/evidence") {
			list = append(append(list, row["amount"].(string)), textsAt(row["lines"].([]any), "net")...)
		}
	}
	return list
}

// sameOfTraces compares an order, a donation, and the lines of a bank.
func (h *house) sameOfTraces(staff, at string) {
	h.t.Helper()
	h.event("order.captured", "an-event")
	campaign, err := json.Marshal(campaignExample())
	if err != nil {
		h.t.Fatal(err)
	}
	h.must(201, "POST", "/v1/books/uk/campaigns", string(campaign))
	h.event("donation.received", "a-donation")
	h.must(200, "PUT", bankSource, bankSet)
	h.brought(h.statement(19, 0, 1234, 500, -234))
	h.brought(h.statement(21, 5000, 100)) // the day before is missing
	run := h.must(201, "POST", comparisons, `{"match":"R2","source":"bank/main"}`).json(h.t)["id"].(string)

	order := h.must(200, "GET", "/v1/books/uk/orders/UK-1001", "").json(h.t)
	amounts := []string{order["paid"].(string), order["returned"].(string), order["refundable"].(string), "0.00"} // of which the last is what all sides come to
	if reserve, ok := order["reserve"].(map[string]any); ok {
		amounts = append(amounts, reserve["amount"].(string))
	}
	amounts = append(amounts, textsAt(order["disputes"].([]any), "amount")...)
	sides := order["waterfall"].([]any)
	amounts = append(amounts, textsAt(sides, "net")...)
	for _, side := range sides {
		amounts = append(amounts, textsAt(side.(map[string]any)["parts"].([]any), "amount")...)
	}
	for _, part := range h.rowsOf("/v1/books/uk/orders/UK-1001/payouts") {
		amounts = append(amounts, part["amount"].(string))
	}
	h.sameAmounts(staff, at+"/orders/UK-1001", append(amounts, h.evidenceOf(order["transactions"].([]any))...))

	id := h.walk("/v1/books/uk/transactions?event=donation.received", field("subject"))[0]
	id = strings.TrimPrefix(id, "donation:")
	gift := h.must(200, "GET", "/v1/books/uk/donations/"+id, "").json(h.t)
	amounts = append([]string{gift["charged"].(string)}, textsAt(gift["shares"].([]any), "amount")...)
	amounts = append(amounts, textsAt(gift["layers"].([]any), "amount")...)
	h.sameAmounts(staff, at+"/donations/"+id, append(amounts, h.evidenceOf(gift["transactions"].([]any))...))

	amounts = nil
	for _, s := range h.rowsOf(bankSource + "/statements") {
		amounts = append(amounts, s["opening"].(string), s["closing"].(string))
	}
	for _, sum := range h.must(200, "GET", comparisons+"/"+run, "").json(h.t)["summary"].([]any) {
		of := sum.(map[string]any)
		for _, text := range of["closing"].(map[string]any) {
			amounts = append(amounts, text.(string))
		}
		if open := of["open"].(string); open != "0.00" { // a difference of nothing is a word
			amounts = append(amounts, open)
		}
	}
	for _, c := range h.must(200, "GET", bankSource, "").json(h.t)["gaps"].([]any) {
		amounts = append(amounts, c.(map[string]any)["amount"].(string))
	}
	h.sameAmounts(staff, at+"/reconciliation/sources/bank/main", amounts)
	lines := h.rowsOf(bankSource + "/lines?limit=1000")
	for _, line := range lines {
		number := fmt.Sprint(line["number"])
		amounts = []string{line["net"].(string), line["gross"].(string), line["fee"].(string)}
		for _, entry := range h.rowsOf(bankSource + "/lines/" + number + "/entries") {
			amounts = append(amounts, entry["amount"].(string))
		}
		h.sameAmounts(staff, at+"/reconciliation/sources/bank/main/lines/"+number, amounts)
	}
	if len(lines) != 4 {
		h.t.Errorf("the bank's source has %d lines", len(lines))
	}
}

var (
	rowsOfImports = regexp.MustCompile(`(?s)<td class="first"><a href="[^"]*/imports/(\d+)">.*?</tr>`)
	countsOfRows  = regexp.MustCompile(`<span class="meaning">([0-9,]+) [^<]+</span>`)
	messagesShown = regexp.MustCompile(`(?s)<td class="first"><a href="[^"]*/inbound/(\d+)">.*?<td class="end"[^>]*><span>(\d+)</span>`)
)

// sameOfIntake compares imported files and inbound messages: what became of their rows, their totals, and how many there are of each state.
func (h *house) sameOfIntake(staff, at string) {
	h.t.Helper()
	h.imported()
	listed := h.rowsOf("/v1/books/uk/imports?order=desc")
	page := h.shows(staff, at+"/imports")
	rows := rowsOfImports.FindAllStringSubmatch(page.body, -1)
	if len(rows) != len(listed) || len(rows) == 0 {
		h.t.Fatalf("%d imports on the page, and %d by the API", len(rows), len(listed))
	}
	for i, x := range listed {
		var want []string
		for _, state := range []string{"applied", "repeated", "ignored", "parked", "changed"} {
			if n := fmt.Sprint(x["counts"].(map[string]any)[state]); n != "0" {
				want = append(want, n)
			}
		}
		if got := found(countsOfRows, rows[i][0]); rows[i][1] != fmt.Sprint(x["id"]) || !slices.Equal(slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))) {
			h.t.Errorf("import %v has the rows %v on the page and %v by the API", x["id"], got, want)
		}
		var amounts []string
		for _, name := range []string{"stated_total", "file_total", "booked_total", "difference"} {
			if total, ok := x[name].(string); ok {
				amounts = append(amounts, total)
			}
		}
		for _, row := range h.rowsOf(fmt.Sprintf("/v1/books/uk/imports/%v/rows", x["id"])) {
			amounts = append(amounts, row["amount"].(string))
		}
		h.sameAmounts(staff, fmt.Sprintf("%s/imports/%v", at, x["id"]), amounts)
	}
	messages := 0
	for _, state := range []string{"", "received", "applied", "parked", "ignored"} {
		query := "?order=desc"
		if state != "" {
			query += "&state=" + state
		}
		var want, got []string
		for _, m := range h.rowsOf("/v1/books/uk/inbound" + query) {
			want = append(want, fmt.Sprintf("%v %v", m["id"], m["attempts"]))
		}
		for _, m := range messagesShown.FindAllStringSubmatch(h.shows(staff, at+"/inbound?state="+state).body, -1) {
			got = append(got, m[1]+" "+m[2])
		}
		if !slices.Equal(got, want) {
			h.t.Errorf("messages %q are %q on the page and %q by the API", state, got, want)
		}
		messages += len(want)
	}
	if messages == 0 {
		h.t.Error("there is no message to compare")
	}
}

var accountsShown = regexp.MustCompile(`(?s)<td class="account"><a href="[^"]*">(.*?)</a></td>(.*?)</tr>`)

// sameOfMonths compares the accounts below each row of a month's trial balance, and the checklist of the month.
func (h *house) sameOfMonths(staff, at string) {
	h.t.Helper()
	rows, accounts := h.rowsOf("/v1/books/uk/trial-balance?period=2026-11"), 0
	for _, row := range rows {
		below := h.rowsOf(fmt.Sprintf("/v1/books/uk/balances?limit=1000&prefix=%v&currency=%v", row["account"], row["currency"]))
		path := fmt.Sprintf("/books/uk/accounts?code=%v&currency=%v", row["code"], row["currency"])
		var got, want []string
		for _, m := range accountsShown.FindAllStringSubmatch(h.shows(staff, path).body, -1) {
			got = append(got, pageTags.ReplaceAllString(m[1], "")+fmt.Sprint(found(amountsOfPage, m[2])))
		}
		for _, b := range below {
			var shown []string
			for _, name := range []string{"debits", "credits"} {
				if text := b[name].(string); strings.Trim(text, "0.") != "" { // nothing is a dash there
					shown = append(shown, text)
				}
			}
			want = append(want, b["account"].(string)+fmt.Sprint(append(shown, b["balance"].(string))))
		}
		if !slices.Equal(got, want) {
			h.t.Errorf("%s shows %q, and the API has %q", path, got, want)
		}
		accounts += len(got)
		h.sameOfRow(staff, row)
	}
	if accounts < len(rows) || len(rows) == 0 {
		h.t.Errorf("%d rows lead to %d accounts", len(rows), accounts)
	}
	var amounts []string
	for _, item := range h.must(200, "GET", "/v1/books/uk/periods/2026-11/checklist", "").json(h.t)["items"].([]any) {
		amounts = append(amounts, textsAt(item.(map[string]any)["amounts"].([]any), "amount")...)
	}
	h.sameAmounts(staff, at+"/periods/2026-11", amounts)
}

// sameOfRow compares what a month did to the accounts of a row, and the entries of one of them.
func (h *house) sameOfRow(staff string, row map[string]any) {
	h.t.Helper()
	named := []string{"opening_balance", "debits", "credits", "balance"}
	of := fmt.Sprintf("currency=%v&period=2026-11", row["currency"])
	months := slices.DeleteFunc(h.rowsOf(fmt.Sprintf("/v1/books/uk/trial-balance?period=2026-11&detail=account&limit=1000&code=%v", row["code"])),
		func(x map[string]any) bool { return x["currency"] != row["currency"] })
	var amounts []string
	for _, x := range months {
		for _, name := range named {
			if text := x[name].(string); name == "balance" || strings.Trim(text, "0.") != "" {
				amounts = append(amounts, text)
			}
		}
	}
	h.sameAmounts(staff, fmt.Sprintf("/books/uk/accounts?code=%v&%s", row["code"], of), amounts)
	amounts = nil
	for _, name := range named {
		amounts = append(amounts, months[0][name].(string))
	}
	address := months[0]["account"].(string)
	for _, e := range h.rowsOf("/v1/books/uk/accounts/" + address + "/entries?limit=100&" + of) {
		amounts = append(amounts, e["amount"].(string), e["balance_after"].(string))
	}
	h.sameAmounts(staff, "/books/uk/accounts/"+address+"?"+of, amounts)
}

var (
	textsOfDocument   = regexp.MustCompile(`<dd dir="auto">(-?[0-9]+\.[0-9]+)</dd>`)
	amountsOfDocument = regexp.MustCompile(`"(-?[0-9]+\.[0-9]+)"`)
)

// sameTotals compares the control totals of a closed month with those that its page shows.
func (h *house) sameTotals(staff string) {
	h.t.Helper()
	var closings struct {
		Data []struct {
			Number   int
			Document json.RawMessage
		}
	}
	if err := json.Unmarshal([]byte(h.must(200, "GET", "/v1/books/uk/periods/2025-02/closings", "").body), &closings); err != nil || len(closings.Data) == 0 {
		h.t.Fatal(closings, err)
	}
	newest := closings.Data[0]
	for _, x := range closings.Data {
		if x.Number > newest.Number {
			newest = x
		}
	}
	want := found(amountsOfDocument, string(newest.Document))
	got := found(textsOfDocument, h.shows(staff, "/console/books/uk/periods/2025-02").body)
	if !slices.Equal(got, want) || !slices.Contains(want, "12.34") {
		h.t.Errorf("the page has the totals %v, and the API %v", got, want)
	}
}
