package api

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"mizan/api/access"
	"mizan/ledger/tabular"
)

// TestStatements issues the month of a sale and reads it over HTTP: by the payee, by finance, as files; nobody else learns of it.
func TestStatements(t *testing.T) {
	t.Parallel()
	h := newJudge(t)
	h.event("order.captured", "an-event")
	_, key := h.key(access.NewKey{Scopes: []access.Scope{access.BalancesRead}, Books: []string{"uk"}})
	const today = "/v1/books/uk/payees/cre_amy/days/lines?limit=1"
	var lines statementLinesJSON
	if err := json.Unmarshal([]byte(h.as(key, "GET", today, "").body), &lines); err != nil || len(lines.Data) != 1 || lines.NextCursor == nil {
		t.Fatalf("%+v, %v", lines, err)
	}
	h.clock.forward(40 * 24 * time.Hour)
	// The second page is of the days of the first one, though this month is another.
	if err := json.Unmarshal([]byte(h.as(key, "GET", today+"&cursor="+*lines.NextCursor, "").body), &lines); err != nil || len(lines.Data) != 1 || lines.Data[0].Number != 2 || lines.Data[0].Balance != "4.41" {
		t.Errorf("%+v, %v", lines, err)
	}
	book, err := h.ledger.Book(t.Context(), "uk")
	if err != nil {
		t.Fatal(err)
	}
	st, err := h.statements.Issue(t.Context(), book, "cre_amy", "GBP")
	if err != nil || st == nil {
		t.Fatalf("%+v, %v", st, err)
	}
	h.amy = h.signedIn("uk", "cre_amy")
	const list = "/v1/books/uk/payees/cre_amy/statements"
	one := list + "/" + st.ID
	var page payeeStatementListJSON
	if err := json.Unmarshal([]byte(h.as(key, "GET", list, "").body), &page); err != nil || len(page.Data) != 1 || page.Data[0].ID != st.ID || page.Data[0].Closing != "4.41" || page.NextCursor != nil {
		t.Errorf("%+v, %v", page, err)
	}
	var head PayeeStatementJSON
	if err := json.Unmarshal([]byte(h.as(key, "GET", one, "").body), &head); err != nil || head.Headlines.Estimated != "4.41" || *head.Headlines.Paid != "0.00" || head.Lines != 2 || head.SHA256 != st.SHA256 {
		t.Errorf("%+v, %v", head, err)
	}
	if err := json.Unmarshal([]byte(h.as(key, "GET", one+"/lines?limit=1", "").body), &lines); err != nil || len(lines.Data) != 1 || lines.Data[0].Amount != "6.30" || lines.NextCursor == nil {
		t.Fatalf("%+v, %v", lines, err)
	}
	next := "?limit=1&cursor=" + *lines.NextCursor
	if err := json.Unmarshal([]byte(h.as(key, "GET", one+"/lines"+next, "").body), &lines); err != nil || len(lines.Data) != 1 || lines.Data[0].Amount != "-1.89" || lines.Data[0].Number != 2 || lines.NextCursor != nil {
		t.Errorf("%+v, %v", lines, err)
	}
	for format, has := range map[string]string{"json": `"amount":"6.30"`, "csv": ",6.30,GBP,", "jsonl": `"6.30"`, "xlsx": "PK"} {
		a := h.as(key, "GET", one+"/content?format="+format, "")
		if a.StatusCode != 200 || !strings.Contains(a.body, has) || a.Header.Get("Repr-Digest") == "" || !strings.Contains(a.Header.Get("Content-Disposition"), "."+format) {
			t.Errorf("%s: %d %v %s", format, a.StatusCode, a.Header, a.body[:min(len(a.body), 300)])
		}
	}
	for _, format := range []string{"json", "csv", "xlsx", "jsonl"} {
		m, err := tabular.ReadManifest(strings.NewReader(h.as(key, "GET", one+"/manifest?format="+format, "").json(t)["manifest_text"].(string)))
		if err != nil || m.Rows != 2 || len(m.Totals) != 1 || m.Totals[0].Amount != "4.41" || tabular.Check(strings.NewReader(h.as(key, "GET", one+"/content?format="+format, "").body), m) != nil {
			t.Errorf("%s: %+v, %v", format, m, err)
		}
	}
	days := "/v1/books/uk/payees/cre_amy/days"
	if err := json.Unmarshal([]byte(h.as(key, "GET", days+"?from="+st.FirstDay+"&to="+st.LastDay, "").body), &head); err != nil || head.Closing != "4.41" || head.ID != "" || head.Headlines.Paid != nil {
		t.Errorf("days: %+v, %v", head, err)
	}
	for path, want := range map[string]int{
		one + "/below": 403, days + "/below": 403, days + "/manifest?from=" + st.FirstDay: 409, days + "/manifest?from=" + st.FirstDay + "&to=" + st.LastDay: 200, one + "/manifest?format=pdf": 422,
		days: 200, days + "/lines?from=" + st.FirstDay: 200, days + "/content?format=csv&from=" + st.FirstDay: 200, days + "?from=2000-01-01": 422, days + "?from=x": 422, days + "?currency=XXX": 422,
		one + "/lines" + next: 200, list + "/lines": 404, list + next: 400, one + "/content?format=pdf": 422, one + "/lines?limit=0": 400, list + "/st_0123456789abcdefghij": 404,
		"/v1/books/uk/payees/cre_bob/statements/" + st.ID: 404, "/v1/books/vn/payees/cre_amy/statements/" + st.ID: 404, list + "?currency=USD": 200,
	} {
		if a := h.as(key, "GET", path, ""); a.StatusCode != want {
			t.Errorf("%s: %d, want %d: %s", path, a.StatusCode, want, a.body)
		}
	}
	for path, want := range map[string]int{one: 200, one + "/lines": 200, one + "/content": 200, days: 200, one + "/below": 200, days + "/below": 200, one + "/manifest": 200,
		"/v1/books/uk/payees/cre_bob/statements/" + st.ID + "/below": 404, "/v1/books/uk/payees/sel_uk/days/below": 404, "/v1/books/uk/payees/sel_uk/statements": 404, "/v1/books/uk/payees/sel_uk/days": 404,
		"/v1/books/uk/payees/cre_bob/statements/" + st.ID: 404} {
		a := h.by(h.amy, "GET", path, "")
		if a.StatusCode != want || want == 200 && (strings.Contains(a.body, "sel_uk") || strings.Contains(a.body, "mcn_ldn") || strings.Contains(a.body, "revenue")) {
			t.Errorf("amy, %s: %d, want %d: %s", path, a.StatusCode, want, a.body)
		}
	}
}
