package api

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"mizan/ledger/commerce/intake"
)

// file sends a file as an import.
func (h *house) file(query, text string) answer {
	h.t.Helper()
	return h.as(testKey, "POST", "/v1/books/uk/imports"+query, text, "Content-Type", "application/octet-stream")
}

const statementHead = "transaction_id,statement_id,currency,subtotal_before_discount,platform_commission,moon_fee,settlement_amount,statement_time\n"

// statementFile is a file of so many transactions of 100.00 less 6.00.
func statementFile(from, to int) string {
	var b strings.Builder
	b.WriteString(statementHead)
	for n := from; n <= to; n++ {
		fmt.Fprintf(&b, "T-%d,ST-1,GBP,100.00,-6.00,,94.00,2026-11-01\n", n)
	}
	return b.String()
}

// applyFiles works until no file is due.
func (h *house) applyFiles(in *intake.Service) {
	h.t.Helper()
	for {
		n, err := in.WorkImports(h.t.Context())
		if err != nil {
			h.t.Fatal(err)
		}
		if n == 0 {
			return
		}
	}
}

const bookkeeping = "&role=bookkeeper&seller=sel_uk"

// TestFilesOverHTTP sends each format: as a dry run, really, again, with what cannot be applied, and reads what became of it.
func TestFilesOverHTTP(t *testing.T) {
	t.Parallel()
	h := open(t)
	mixed := statementFile(1, 2) + "T-3,ST-1,GBP,10.00,-0.60,-0.40,9.00,\nT-4,ST-1,GBP,10.00,-0.60,,9.40,1999-12-31\n"
	dry := h.file("?format=tiktok&dry_run=true"+bookkeeping, mixed)
	if v := dry.json(t); dry.StatusCode != 200 || v["id"] != "" || v["state"] != "done" || v["booked_total"] != "188.00" || v["difference"] != "18.40" || len(v["breaks"].([]any)) != 2 {
		t.Errorf("dry run: %d %s", dry.StatusCode, dry.body)
	}
	if list := h.must(200, "GET", "/v1/books/uk/imports", "").json(t)["data"].([]any); len(list) != 0 {
		t.Errorf("a dry run left %v", list)
	}
	one := h.file("?format=tiktok"+bookkeeping, mixed)
	if v := one.json(t); one.StatusCode != 201 || v["state"] != "received" || v["file_total"] != nil {
		t.Fatalf("%d %s", one.StatusCode, one.body)
	}
	if list := h.must(200, "GET", "/v1/books/uk/balances", "").json(t)["data"].([]any); len(list) != 0 {
		t.Errorf("a file was applied before it was answered: %v", list)
	}
	h.applyFiles(intake.New(h.db.Pool, h.ledger, h.service.commerce, intake.Options{Now: h.clock.now})) // the service that took it has ended
	path := "/v1/books/uk/imports/" + one.json(t)["id"].(string)
	report := h.must(200, "GET", path, "").json(t)
	if report["state"] != "done" || fmt.Sprint(report["counts"]) != "map[applied:2 changed:0 ignored:0 parked:2 repeated:0]" || report["stated_total"] != nil ||
		report["file_total"] != "206.40" || report["booked_total"] != "188.00" || report["difference"] != "18.40" {
		t.Errorf("%v", report)
	}
	if again := h.file("?format=tiktok"+bookkeeping, mixed); again.StatusCode != 200 || again.Header.Get("Idempotent-Replayed") != "true" || again.json(t)["id"] != one.json(t)["id"] {
		t.Errorf("the same file: %d %s", again.StatusCode, again.body)
	}
	rows := h.walk(path+"/rows?state=parked&limit=1", func(r map[string]any) string { return fmt.Sprint(r["row"], r["identity"], r["reason"]) })
	if fmt.Sprint(rows) != "[4T-3unknown-field 5T-4date-impossible]" {
		t.Errorf("parked: %v", rows)
	}
	for _, reason := range []string{strings.Repeat("م", 1500), "a\u202eb"} {
		if a := h.do("POST", path+"/retry", `{"reason":"`+reason+`"}`); a.code() != "audit-invalid" || !strings.Contains(a.body, `"/reason"`) {
			t.Errorf("a reason that cannot be kept: %d %s", a.StatusCode, a.body)
		}
	}
	if v := h.must(200, "POST", path+"/retry", "{}").json(t); v["state"] != "applying" {
		t.Errorf("retry: %v", v)
	}
	h.refused(409, "import-nothing-parked", "POST", path+"/retry", "{}")
	h.applyFiles(h.intake)

	amazon := "settlement-id\ttotal-amount\tcurrency\ttransaction-type\torder-id\tamount-type\tamount-description\tamount\tposted-date\n9\t%s\tGBP\t\t\t\t\t\t\n" +
		"9\t\t\tOrder\t1\tItemPrice\tPrincipal\t50.00\t2026-11-01\n9\t\t\tOrder\t1\tItemFees\tCommission\t-7.50\t2026-11-01\n"
	for query, text := range map[string]string{"?format=amazon-v2": fmt.Sprintf(amazon, "42.50"), "?format=csv&channel=own": "transaction_id,currency,settlement_amount,principal\nA-1,GBP,1.00,1.00\n"} {
		id := h.file(query+bookkeeping, text).json(t)["id"].(string)
		h.applyFiles(h.intake)
		if v := h.must(200, "GET", "/v1/books/uk/imports/"+id, "").json(t); v["state"] != "done" || v["difference"] != "0.00" || v["counts"].(map[string]any)["applied"] != 1.0 {
			t.Errorf("%s: %v", query, v)
		}
	}
	id := h.file("?format=amazon-v2"+bookkeeping, fmt.Sprintf(amazon, "42.51")).json(t)["id"].(string)
	h.applyFiles(h.intake)
	if v := h.must(200, "GET", "/v1/books/uk/imports/"+id, "").json(t); v["state"] != "refused" || v["reason"] != "total-differs" || !strings.Contains(v["detail"].(string), "a difference of 0.01") || v["booked_total"] != "0.00" {
		t.Errorf("a file that differs from its total: %v", v)
	}
	if ids := h.walk("/v1/books/uk/imports?limit=1", func(i map[string]any) string { return i["state"].(string) }); len(ids) != 4 {
		t.Errorf("imports: %v", ids)
	}
	oldest, newest := h.walk("/v1/books/uk/imports?limit=3", field("id")), h.walk("/v1/books/uk/imports?limit=3&order=desc", field("id"))
	if slices.Reverse(newest); !slices.Equal(newest, oldest) {
		t.Errorf("%v from the beginning, %v from the end", oldest, newest)
	}
	if told := h.must(200, "GET", "/v1/books/uk/audit?act=import.taken", "").json(t)["data"].([]any); len(told) != 4 {
		t.Errorf("the trail tells of %d files: %v", len(told), told)
	}
	if list := h.must(200, "GET", "/v1/books/uk/balances", "").body; !strings.Contains(list, `"250.00"`) && !strings.Contains(list, `"251.00"`) {
		t.Errorf("balances: %s", list)
	}
}

// TestFilesRefused sends what must not be stored.
func TestFilesRefused(t *testing.T) {
	t.Parallel()
	h := open(t)
	const good = "?format=tiktok" + bookkeeping
	for _, c := range []struct {
		query, body string
		status      int
		code        string
		header      []string
	}{
		{"", "x", 422, "import-options-invalid", nil},
		{"?format=xls" + bookkeeping, "x", 422, "import-options-invalid", nil},
		{"?format=csv&role=bookkeeper", "x", 422, "import-options-invalid", nil},
		{good + "&channel=a:b", "x", 422, "import-options-invalid", nil},
		{good + "&dry_run=yes", "x", 422, "validation-failed", nil},
		{good + "&more=1", "x", 400, "malformed-request", nil},
		{good, "x", 415, "unsupported-media-type", []string{"Content-Type", "application/json"}},
		{good, "x", 415, "unsupported-media-type", []string{"Content-Encoding", "gzip"}},
		{good, "", 422, "import-file-invalid", nil},
		{good, strings.Repeat(" ", 64<<20+1), 413, "body-too-large", nil},
	} {
		a := h.as(testKey, "POST", "/v1/books/uk/imports"+c.query, c.body, append([]string{"Content-Type", "application/octet-stream"}, c.header...)...)
		if a.StatusCode != c.status || a.json(t)["code"] != c.code {
			t.Errorf("%s %v: %d %s", c.query, c.header, a.StatusCode, a.body)
		}
	}
	r, err := http.NewRequestWithContext(t.Context(), "POST", h.server.URL+"/v1/books/uk/imports"+good, io.LimitReader(endless{}, 64<<20+1))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "text/csv")
	r.Header.Set("Authorization", "Bearer "+testKey)
	if res, err := h.client.Do(r); err == nil {
		if res.Body.Close(); res.StatusCode != 413 {
			t.Errorf("a file of unknown length: %d", res.StatusCode)
		}
	}
	if list := h.must(200, "GET", "/v1/books/uk/imports", "").json(t)["data"].([]any); len(list) != 0 {
		t.Errorf("refused files were stored: %v", list)
	}
	for _, path := range []string{"/9", "/0", "/x", "/9/rows"} {
		h.refused(404, "import-unknown", "GET", "/v1/books/uk/imports"+path, "")
	}
	h.refused(404, "import-unknown", "POST", "/v1/books/uk/imports/9/retry", "{}")
}

// endless gives spaces for ever.
type endless struct{}

// Read implements io.Reader.
func (endless) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = ' '
	}
	return len(b), nil
}
