package api

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestPostAndReplay(t *testing.T) {
	t.Parallel()
	h := open(t)
	first := h.must(201, "POST", posting, sale("r-1", "12.34"))
	if first.Header.Get("Idempotent-Replayed") != "" {
		t.Error("a first posting says that it was a replay")
	}
	got := first.json(t)
	for field, want := range map[string]any{
		"id": "uk-1", "book": "uk", "sequence": 1.0, "reference": "r-1", "event": "order.captured", "subject": "order:UK-1",
		"occurred_at": "2026-11-20T09:30:00.000000Z", "recorded_at": "2026-11-20T10:00:00.000000Z", "period": "2026-11", "effective_period": "2026-11",
	} {
		if diff := cmp.Diff(want, got[field]); diff != "" {
			t.Errorf("%s: %s", field, diff)
		}
	}
	want := []any{
		map[string]any{"line": 1.0, "account": clearing, "direction": "debit", "amount": "12.34", "currency": "GBP", "balance_after": "12.34", "account_version": 1.0},
		map[string]any{"line": 2.0, "account": seller, "direction": "credit", "amount": "12.34", "currency": "GBP", "balance_after": "12.34", "account_version": 1.0},
	}
	if diff := cmp.Diff(want, got["entries"]); diff != "" {
		t.Error(diff)
	}
	h.clock.forward(time.Hour)
	// The same content written otherwise is the same request (E06, E08).
	other := `{ "entries" : [{"currency":"GBP","amount":"12.34","direction":"debit","account":"` + clearing + `"},` +
		`{"amount":"12.34","account":"` + seller + `","currency":"GBP","direction":"credit"}],` + "\n" +
		`"subject":"order:UK-1","occurred_at":"2026-11-20T10:30:00.000000000+01:00","event":"order.\u0063aptured","reference":"r-1"}`
	for _, body := range []string{sale("r-1", "12.34"), other} {
		again := h.must(200, "POST", posting, body)
		if again.Header.Get("Idempotent-Replayed") != "true" {
			t.Error("a replay does not say so")
		}
		if diff := cmp.Diff(first.body, again.body); diff != "" {
			t.Errorf("a replay has another body: %s", diff)
		}
	}
	h.refused(409, "reference-reused", "POST", posting, sale("r-1", "12.35"))
	read := h.must(200, "GET", posting+"/uk-1", "")
	if diff := cmp.Diff(first.body, read.body); diff != "" {
		t.Errorf("reading it differs from posting it: %s", diff)
	}
}

func TestDryRunLeavesNothing(t *testing.T) {
	t.Parallel()
	h := open(t)
	before := h.must(200, "GET", "/v1/books/uk", "").body
	a := h.must(200, "POST", posting+"?dry_run=true", sale("r-1", "12.34")).json(t)
	if a["id"] != "uk-1" {
		t.Errorf("the forecast is %v", a["id"])
	}
	h.refused(422, "unbalanced", "POST", posting+"?dry_run=true", strings.Replace(sale("r-1", "12.34"), "12.34", "12.35", 1))
	h.must(200, "POST", posting+"/batch?dry_run=true", `{"atomic":true,"transactions":[`+sale("r-1", "1.00")+`]}`)
	for _, atomic := range []string{"true", "false"} { // items that repeat one another, and a wrong one
		body := `{"atomic":` + atomic + `,"transactions":[` + sale("r-1", "1.00") + "," + sale("r-1", "1.00") + "]}"
		for i, r := range h.must(200, "POST", posting+"/batch?dry_run=true", body).json(t)["results"].([]any) {
			if got := r.(map[string]any); got["status"] != 200.0 || got["transaction"].(map[string]any)["id"] != "uk-1" {
				t.Errorf("item %d: %v", i, got)
			}
		}
	}
	h.refused(422, "batch-refused", "POST", posting+"/batch?dry_run=true", `{"atomic":true,"transactions":[`+sale("r-1", "1.00")+","+sale("r-1", "2.00")+"]}")
	if diff := cmp.Diff(before, h.must(200, "GET", "/v1/books/uk", "").body); diff != "" {
		t.Errorf("a dry run changed the book: %s", diff)
	}
	list := h.must(200, "GET", posting+"?reference=r-1", "").json(t)
	if n := len(list["data"].([]any)); n != 0 {
		t.Errorf("a dry run recorded %d transactions", n)
	}
	h.must(201, "POST", posting, sale("r-1", "99.00"))
}

func TestBatch(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.must(201, "POST", posting, sale("old", "1.00"))
	body := fmt.Sprintf(`{"transactions":[%s,%s,%s,{"reference":"r-4","event":"order.captured","entries":7},%s,%s]}`,
		sale("r-1", "1.00"), sale("old", "1.00"), sale("old", "2.00"), sale("r-1", "1.00"), strings.Replace(sale("r-6", "1.00"), seller, "liabilities:nobody:x", 1))
	results := h.must(200, "POST", posting+"/batch", body).json(t)["results"].([]any)
	want := []struct {
		status  float64
		code    string
		pointer string
	}{
		{201, "", ""}, {200, "", ""}, {409, "reference-reused", ""}, {422, "validation-failed", "/transactions/3/entries"}, {200, "", ""},
		{422, "validation-failed", "/transactions/5/entries/1/account"},
	}
	if len(results) != len(want) {
		t.Fatalf("%d results", len(results))
	}
	for i, w := range want {
		r := results[i].(map[string]any)
		if r["status"] != w.status {
			t.Errorf("item %d: status %v, want %v", i, r["status"], w.status)
		}
		if (w.code == "") != (r["transaction"] != nil) {
			t.Errorf("item %d: %v", i, r)
			continue
		}
		if w.code == "" {
			continue
		}
		p := r["problem"].(map[string]any)
		if p["code"] != w.code {
			t.Errorf("item %d: code %v, want %s", i, p["code"], w.code)
		}
		if w.pointer != "" && pointers(p)[0] != w.pointer {
			t.Errorf("item %d: pointers %v, want %s", i, pointers(p), w.pointer)
		}
	}
}

// pointers returns the pointers of a problem.
func pointers(problem map[string]any) []string {
	var all []string
	list, _ := problem["errors"].([]any)
	for _, e := range list {
		all = append(all, e.(map[string]any)["pointer"].(string))
	}
	return all
}

func TestAtomicBatch(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.must(201, "POST", posting, sale("old", "1.00"))
	for name, c := range map[string]struct{ bad, cause string }{
		"a conflict":      {sale("old", "2.00"), "reference-reused"},
		"a wrong field":   {strings.Replace(sale("x", "1.00"), `"debit"`, `"left"`, 1), "validation-failed"},
		"an unknown row":  {strings.Replace(sale("x", "1.00"), seller, "liabilities:nobody:x", 1), "validation-failed"},
		"an unequal item": {strings.Replace(sale("x", "1.00"), `"1.00"`, `"1.01"`, 1), "unbalanced"},
	} {
		body := fmt.Sprintf(`{"atomic":true,"transactions":[%s,%s,%s,%s]}`, sale("a-1", "1.00"), sale("a-2", "1.00"), sale("a-3", "1.00"), c.bad)
		p := h.refused(422, "batch-refused", "POST", posting+"/batch", body).json(t)
		if p["index"] != 3.0 || pointers(p)[0] != "/transactions/3" || p["errors"].([]any)[0].(map[string]any)["code"] != c.cause {
			t.Errorf("%s: %v", name, p)
		}
	}
	if n := h.must(200, "GET", "/v1/books/uk", "").json(t)["last_sequence"]; n != 1.0 {
		t.Errorf("a refused batch left the book at %v", n)
	}
	body := fmt.Sprintf(`{"atomic":true,"transactions":[%s,%s]}`, sale("a-1", "1.00"), sale("a-2", "1.00"))
	for _, status := range []float64{201, 200} {
		for i, r := range h.must(200, "POST", posting+"/batch", body).json(t)["results"].([]any) {
			if r.(map[string]any)["status"] != status {
				t.Errorf("item %d: %v, want %v", i, r.(map[string]any)["status"], status)
			}
		}
	}
}

func TestCorrections(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.must(201, "POST", posting, sale("r-1", "12.34"))
	reversal := posting + "/uk-1/reversal"
	h.refused(409, "not-reversed", "POST", posting+"/uk-1/repost", `{"reference":"early"}`)
	first := h.must(201, "POST", reversal, `{"reference":"r-1-rev","memo":"Captured twice","metadata":{"ticket":"T-1"},"occurred_at":"2026-11-20T09:59:00Z"}`)
	got := first.json(t)
	if got["reverses"] != "uk-1" || got["memo"] != "Captured twice" || got["original_period"] != "2026-11" {
		t.Errorf("the reversal is %s", first.body)
	}
	again := h.must(200, "POST", reversal, `{"reference":"r-1-rev","memo":"Captured twice","metadata":{"ticket":"T-1"},"occurred_at":"2026-11-20T09:59:00Z"}`)
	if again.body != first.body || again.Header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("the replay is %s", again.body)
	}
	h.refused(409, "already-reversed", "POST", reversal, `{"reference":"r-1-rev-2"}`)
	h.refused(409, "reversal-of-reversal", "POST", posting+"/uk-2/reversal", `{"reference":"r-1-rev-rev"}`)
	if got := h.must(201, "POST", posting+"/uk-1/repost", `{"reference":"r-1-again"}`).json(t); got["reposts"] != "uk-1" {
		t.Errorf("the repost is %v", got)
	}
	h.refused(404, "transaction-unknown", "POST", posting+"/uk-99/reversal", `{"reference":"none"}`)
	p := h.refused(422, "validation-failed", "POST", reversal, `{"reference":"","extra":1}`).json(t)
	if diff := cmp.Diff([]string{"/extra"}, pointers(p)); diff != "" {
		t.Error(diff)
	}
}

func TestReads(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.must(201, "POST", posting, sale("r-1", "10.00"))
	h.clock.forward(time.Minute)
	h.must(201, "POST", posting, sale("r-2", "5.00"))
	for path, want := range map[string][]string{
		posting + "?reference=r-2":                                 {`"id":"uk-2"`, `"next_cursor":null`},
		posting + "?subject=order:UK-1&order=desc&limit=1":         {`"id":"uk-2"`, `"next_cursor":"`},
		posting + "?event=order.captured&subject=order:UK-2":       {`"data":[]`},
		posting + "?reference=r-2&event=other.event":               {`"data":[]`},
		"/v1/books/uk/balances":                                    {`"at_sequence":2`, `"balance":"15.00"`, `"normal_side":"credit"`},
		"/v1/books/uk/balances?at_sequence=1":                      {`"at_sequence":1`, `"balance":"10.00"`},
		"/v1/books/uk/balances?as_of=2026-11-20T10:00:30Z":         {`"at_sequence":1`, `"balance":"10.00"`},
		"/v1/books/uk/balances?as_of=2026-11-20T09:00:00Z":         {`"at_sequence":0`, `"data":[]`, `"next_cursor":null`},
		"/v1/books/uk/balances?as_of=2026-11-20T09:00:00Z&limit=1": {`"at_sequence":0,"data":[],"next_cursor":null`},
		"/v1/books/uk/balances?prefix=liabilities:&currency=GBP":   {`"data":[{"account":"` + seller + `","currency":"GBP","debits":"0.00","credits":"15.00","normal_side":"credit","balance":"15.00"}]`},
		"/v1/books/uk/trial-balance":                               {`"code":1010`, `"debit_balance":"15.00","credit_balance":"0.00"`, `"totals":[{"currency":"GBP","debits":"15.00","credits":"15.00","debit_balance":"15.00","credit_balance":"15.00"}]`},
		"/v1/books/uk/coverage":                                    {`"name":"processor","amount":"15.00"`, `"surplus":"0.00","sweepable":"0.00","to_fund":"0.00"`, `"name":"coverage","result":"holds"`},
		"/v1/books/uk/search?q=r-2": {`"query":"r-2","hits":[{"kind":"transaction","id":"uk-2","source":"","currency":null,"amount":null,"state":"order.captured","about":"r-2"`,
			`"see":"/v1/books/uk/transactions/uk-2"}],"more":false,"amounts_since":null`},
		"/v1/books/uk/search?q=UK-1":      {`"hits":[{"kind":"order","id":"UK-1"`, `"see":"/v1/books/uk/orders/UK-1"`},
		"/v1/books/uk/search?q=GBP+15.00": {`"hits":[]`, `"amounts_since":"2026-08-22T10:01:00.000000Z"`},
		"/v1/books/uk/health": {`"book":"uk","read_at":"2026-11-20T10:01:00.000000Z"`, `"code":"coverage","group":"money","name":"Coverage"`,
			`"state":"well","reason":"","unit":"currencies","count":0,"at_least":false,"amounts":[{"currency":"GBP","amount":"0.00"}],"since":null,"names":[],"see":"/v1/books/uk/coverage"`,
			`"code":"months_open"`, `"not_shown":[]`},
		"/v1/books/uk/trial-balance?period=2026-11":                                    {`"period":"2026-11"`, `"opening_balance":"0.00","debits":"15.00"`},
		"/v1/books/uk/trial-balance?period=2026-12":                                    {`"opening_balance":"15.00","debits":"0.00","credits":"0.00","balance":"15.00"`},
		"/v1/books/uk/trial-balance?detail=account":                                    {`"account":"` + clearing + `"`, `"totals":[{"currency":"GBP","debits":"15.00","credits":"15.00"}]`},
		"/v1/books/uk/accounts/" + seller + "/entries":                                 {`"transaction":"uk-1"`, `"balance_after":"15.00","account_version":2`, `"reference":"r-2"`, `"next_cursor":null`},
		"/v1/books/uk/accounts/" + seller + "/entries?order=desc&limit=1&currency=GBP": {`"data":[{"transaction":"uk-2"`, `"next_cursor":"`},
		"/v1/books/uk/accounts/liabilities%3Aseller%3Aavailable%3Asel_uk/entries":      {`"transaction":"uk-1"`},
		"/v1/books/uk/feed?after=1":                                                    {`"data":[{"id":"uk-2"`, `"last_sequence":2,"more":false}`},
		"/v1/books/uk/feed?limit=1":                                                    {`"data":[{"id":"uk-1"`, `"last_sequence":1,"more":true}`},
		"/v1/books/uk/feed?after=7":                                                    {`{"data":[],"last_sequence":7,"more":false}`},
		"/v1/books/uk/periods":                                                         {`{"data":[{"period":"2026-11","state":"open"}],"next_cursor":null}`},
		"/v1/books/uk":                                                                 {`"last_sequence":2,"last_recorded_at":"2026-11-20T10:01:00.000000Z"`},
		"/v1/books":                                                                    {`{"data":[{"code":"uk","name":"Example UK","currencies":["GBP","JPY","KWD"]`},
		"/v1/chart":                                                                    {`"code":1010,"path":"assets:processor:pending","normal_side":"debit"`, `"floor":"decision"`},
		"/livez":                                                                       {`{"status":"ok"}`},
		"/readyz":                                                                      {`{"status":"ready"}`},
		"/metrics":                                                                     {`mizan_http_requests_total{method="POST",route="/v1/books/{book}/transactions",status="2xx"} 2`, "mizan_ledger_queue_submissions"},
	} {
		a := h.must(200, "GET", path, "")
		for _, w := range want {
			if !strings.Contains(a.body, w) {
				t.Errorf("GET %s lacks %s: %s", path, w, a.body)
			}
		}
		if head := h.must(200, "HEAD", path, ""); head.body != "" || path != "/metrics" && head.Header.Get("Content-Length") != a.Header.Get("Content-Length") {
			t.Errorf("HEAD %s: %d bytes, length %s", path, len(head.body), head.Header.Get("Content-Length"))
		}
	}
	for path, want := range map[string]struct {
		status int
		code   string
	}{
		posting + "/uk-3": {404, "transaction-unknown"}, posting + "/vn-1": {404, "transaction-unknown"}, posting + "/batch": {404, "transaction-unknown"},
		"/v1/books/vn": {404, "book-unknown"}, "/v1/books/UK": {404, "book-unknown"},
		"/v1/books/uk/accounts/" + creator + "/entries":                  {404, "account-not-opened"},
		"/v1/books/uk/accounts/nonsense/entries":                         {422, "account-address"},
		"/v1/books/uk/balances?at_sequence=3":                            {422, "sequence-ahead"},
		"/v1/books/uk/balances?at_sequence=1&as_of=2026-11-20T10:00:00Z": {422, "validation-failed"},
		"/v1/books/uk/trial-balance?detail=everything":                   {422, "validation-failed"},
	} {
		h.refused(want.status, want.code, "GET", path, "")
	}
}

func TestBooks(t *testing.T) {
	t.Parallel()
	h := open(t)
	body := `{"code":"vn","name":"Ví dụ","currencies":["VND","USD"],"time_zone":"Asia/Ho_Chi_Minh","functional_currency":"USD","region":"ap-1"}`
	first := h.must(201, "POST", "/v1/books", body)
	if again := h.must(200, "POST", "/v1/books", body); again.body != first.body {
		t.Errorf("created: %s, found: %s", first.body, again.body)
	}
	h.refused(409, "book-exists", "POST", "/v1/books", strings.Replace(body, "Ví", "Vi", 1))
	p := h.refused(422, "book-invalid", "POST", "/v1/books", `{"code":"9","name":"","currencies":["gbp"],"time_zone":"Mars/Base","market":"u"}`).json(t)
	if diff := cmp.Diff([]string{"/code", "/name", "/currencies", "/time_zone", "/market"}, pointers(p)); diff != "" {
		t.Error(diff)
	}
	p = h.refused(422, "validation-failed", "POST", "/v1/books", `{"code":1,"currencies":[1,null],"x":0}`).json(t)
	if diff := cmp.Diff([]string{"/code", "/currencies/0", "/currencies/1", "/x", "/name", "/time_zone"}, pointers(p)); diff != "" {
		t.Error(diff)
	}
}
