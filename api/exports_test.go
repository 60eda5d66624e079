package api

import (
	"bufio"
	"crypto/sha256"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"mizan/api/client"
	"mizan/ledger/tabular"
)

// exported asks for a report as CSV and returns the export and its file.
func (h *house) exported(report, parameters string) (export map[string]any, file answer) {
	h.t.Helper()
	export = h.must(201, "POST", exportList, `{"report":"`+report+`","format":"csv"`+parameters+`}`).json(h.t)
	return export, h.must(200, "GET", exportList+"/"+export["id"].(string)+"/content", "")
}

// TestExportsOverHTTP asks for every report that needs no parameter in every format, and holds the files against their manifests.
func TestExportsOverHTTP(t *testing.T) {
	t.Parallel()
	h := newJudge(t)
	list := h.by(h.auditor, "GET", "/v1/books/uk/reports", "").json(t)["data"].([]any)
	tried := 0
	for _, r := range list {
		report := r.(map[string]any)
		if slices.ContainsFunc(report["parameters"].([]any), func(p any) bool { return p.(map[string]any)["needed"] == true }) {
			continue
		}
		for _, format := range []string{"csv", "xlsx", "jsonl"} {
			asked := h.by(h.auditor, "POST", exportList, fmt.Sprintf(`{"report":%q,"format":%q,"language":"ar"}`, report["name"], format))
			if asked.StatusCode != 201 || asked.json(t)["state"] != "made" {
				t.Errorf("%s %s: %d %s", report["name"], format, asked.StatusCode, asked.body)
				continue
			}
			h.held(asked.json(t))
			tried++
		}
	}
	if tried < 6 {
		t.Errorf("only %d files were made", tried)
	}
	if all := h.by(h.auditor, "GET", exportList, "").json(t)["data"].([]any); len(all) != min(tried, 100) {
		t.Errorf("%d exports are listed, %d were made", len(all), tried)
	}
	if rows := h.must(200, "GET", "/v1/books/uk/audit?act=export.fetched", "").json(t)["data"].([]any); len(rows) != min(tried, 100) {
		t.Errorf("%d looks are in the trail", len(rows))
	}
}

// held holds an export's file against its manifest.
func (h *judge) held(export map[string]any) {
	h.t.Helper()
	one := exportList + "/" + export["id"].(string)
	a := h.by(h.auditor, "GET", one+"/content", "")
	m, err := tabular.ReadManifest(strings.NewReader(export["manifest_text"].(string)))
	if err != nil || a.StatusCode != 200 {
		h.t.Fatalf("%v %d %s", err, a.StatusCode, a.body)
	}
	sum := sha256.Sum256([]byte(a.body))
	if err := tabular.Check(strings.NewReader(a.body), m); err != nil || a.Header.Get("Repr-Digest") != reprDigest(sum[:]) || a.Header.Get("Content-Length") != strconv.FormatInt(m.Bytes, 10) {
		h.t.Errorf("%v: %v %v", export["name"], err, a.Header)
	}
	_, parameters, err := mime.ParseMediaType(a.Header.Get("Content-Disposition"))
	if err != nil || parameters["filename"] != export["name"] {
		h.t.Errorf("%v: %v", export["name"], a.Header)
	}
	if head := h.by(h.auditor, "HEAD", one+"/content", ""); head.StatusCode != 200 || head.Header.Get("Repr-Digest") != a.Header.Get("Repr-Digest") || head.body != "" {
		h.t.Errorf("only the headers: %d %v", head.StatusCode, head.Header)
	}
}

// TestGroupGOfExports tries texts that some reader would take for commands, by the numbers of the project's list of them, as filters,
// as names and as what is exported. No filter searches in texts. Texts that stay
// text are also G03 (bad_inputs_test.go), and in pages G07 and G08 (console/access_test.go, console/approvals_test.go) and G09
// (docs/markdown_test.go); the cells of all formats are G11 to G19, and names of files G20 and G21 (ledger/tabular/csv_test.go); lines of the
// log are G22 (cmd/mizan/log_lines_test.go). G23 is of bank files (payouts/processor/bankfile/format_test.go) and of pages, G24 of printed statements.
func TestGroupGOfExports(t *testing.T) {
	t.Parallel()
	h := open(t)
	texts := map[string]string{
		"G01": `'; DROP TABLE entry;--`, "G06": `%_%`, "G02": `' OR 1=1--`, "G10": `{{7*7}}${7*7}`, "G11": `=cmd|'/c calc'!A1`, "G12": `+1+1`, "G13": `-2+3`, "G15": `@SUM(A1)`, "G17": `=HYPERLINK("http://x?"&A1)`, "G18": `a "quoted", comma`, "G19": `a;b`,
	}
	for number, text := range texts {
		h.must(201, "POST", posting, strings.Replace(strings.Replace(sale("r-"+number, "1.00"), `"subject"`, `"memo":`+strconv.Quote(text)+`,"subject"`, 1), "order.captured", "order.captured", 1))
	}
	h.must(200, "PUT", bankSource, bankSet)
	h.brought(h.statement(19, 0, 1234))
	h.must(201, "POST", comparisons, `{"match":"R2","source":"bank/main"}`)
	for number, text := range texts {
		for _, filter := range []string{"owner", "ref", "source"} { // none of them chooses all
			a := h.must(200, "GET", breakList+"?"+filter+"="+url.QueryEscape(text), "")
			if len(a.json(t)["data"].([]any)) != 0 {
				t.Errorf("%s as %s: %s", number, filter, a.body)
			}
		}
		if a := h.do("GET", breakList+"?class="+url.QueryEscape(text), ""); a.StatusCode != 200 || len(a.json(t)["data"].([]any)) != 0 {
			t.Errorf("%s as class: %d %s", number, a.StatusCode, a.body)
		}
		for name, body := range map[string]string{"report": `{"report":%q,"format":"csv"}`, "language": `{"report":"trial_balance","format":"csv","language":%q}`, "value": `{"report":"trial_balance","format":"csv","parameters":{"from":%q}}`} {
			if a := h.do("POST", exportList, fmt.Sprintf(body, text)); a.StatusCode != 422 || strings.Contains(a.body, text) {
				t.Errorf("%s as %s: %d %s", number, name, a.StatusCode, a.body)
			}
		}
	}
	for _, pattern := range []string{"%", "_", "cre_u_", "order.%", "UK__"} { // G06: what is searched for is characters
		if hits := h.must(200, "GET", "/v1/books/uk/search?q="+url.QueryEscape(pattern), "").json(t)["hits"].([]any); len(hits) != 0 {
			t.Errorf("G06 as a search: %s finds %v", pattern, hits)
		}
		if a := h.do("GET", "/v1/books/uk/balances?prefix="+url.QueryEscape(pattern), ""); a.StatusCode != 422 && (a.StatusCode != 200 || len(a.json(t)["data"].([]any)) != 0) {
			t.Errorf("G06 as a prefix: %s: %d %s", pattern, a.StatusCode, a.body)
		}
	}
	for number, sort := range map[string]string{"G04": "amount;select", "G05": "identity"} { // nothing sorts by what callers name
		if a := h.do("GET", breakList+"?sort="+url.QueryEscape(sort), ""); a.StatusCode != 400 || a.code() != "malformed-request" {
			t.Errorf("%s: %d %s", number, a.StatusCode, a.body)
		}
	}
	for number, name := range map[string]string{"G20": "a\r\nX-Evil: 1", "G21": "../../etc/passwd"} {
		if a := h.do("GET", exportList+"/"+url.PathEscape(name)+"/content", ""); a.StatusCode != 404 && a.StatusCode != 400 || a.Header.Get("X-Evil") != "" || a.Header.Get("Content-Disposition") != "" {
			t.Errorf("%s: %d %v", number, a.StatusCode, a.Header)
		}
	}
	_, file := h.exported("general_ledger", "")
	if file.Header.Get("Content-Disposition") != `attachment; filename="general_ledger-uk-v1.csv"` {
		t.Errorf("G20, G21 %v", file.Header)
	}
	rows, err := csv.NewReader(strings.NewReader(file.body)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	negative := false
	for _, row := range rows[1:] {
		for i, cell := range row {
			if cell == "" || !strings.ContainsRune("=+-@\t\r\n", rune(cell[0])) {
				continue
			}
			// G14: only numbers begin so.
			if _, err := strconv.ParseFloat(cell, 64); err != nil {
				t.Errorf("%s begins with what a sheet takes for a formula: %q", rows[0][i], cell)
			}
			negative = true
		}
	}
	if !negative {
		t.Error("G14: no negative amount was there to be looked at")
	}
	h.must(200, "GET", posting+"?limit=1", "") // G01: all is still there
}

// TestExportsRefused tries what cannot be asked for.
func TestExportsRefused(t *testing.T) {
	t.Parallel()
	h := open(t)
	for _, c := range []struct {
		status     int
		code, body string
	}{
		{422, "report-unknown", `{"report":"nothing","format":"csv"}`},
		{422, "validation-failed", `{"report":"trial_balance","format":"pdf"}`},
		{422, "validation-failed", `{"report":"trial_balance"}`},
		{422, "report-parameters", `{"report":"trial_balance","format":"csv","parameters":{"nothing":"1"}}`},
		{422, "report-parameters", `{"report":"trial_balance","format":"csv","parameters":{"from":"2026-11","to":"2026-10"}}`},
		{422, "report-parameters", `{"report":"trial_balance","format":"csv","parameters":{"from":"2025-01","to":"2026-11"}}`},
		{422, "sequence-ahead", `{"report":"trial_balance","format":"csv","at_sequence":99}`},
		{422, "validation-failed", `{"report":"trial_balance","format":"csv","language":"english"}`},
	} {
		if a := h.do("POST", exportList, c.body); a.StatusCode != c.status || a.code() != c.code {
			t.Errorf("%s: %d %s", c.body, a.StatusCode, a.body)
		}
	}
	h.refused(404, "export-unknown", "GET", exportList+"/exp_zzzzzzzzzzzzzzzz", "")
	h.refused(404, "export-unknown", "GET", exportList+"/exp_zzzzzzzzzzzzzzzz/content", "")
	if list := h.must(200, "GET", exportList, "").json(t)["data"].([]any); len(list) != 0 {
		t.Errorf("something was asked: %v", list)
	}
}

// TestBrokenExportNeverLooksWhole changes what an export rests on behind the service's back: whoever fetches it is told, and gets no file
// that ends as if it were whole.
func TestBrokenExportNeverLooksWhole(t *testing.T) {
	t.Parallel()
	h := open(t)
	for i := range 20 {
		h.must(201, "POST", posting, sale(fmt.Sprint("r-", i), "1.00"))
	}
	export, whole := h.exported("general_ledger", "")
	h.misquoted()
	c, err := client.New(h.server.URL, testKey, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	err = c.ExportContent(t.Context(), "uk", export["id"].(string), &got)
	var problem *client.Problem
	if !errors.As(err, &problem) || problem.Code != "export-changed" || got.String() == whole.body {
		t.Errorf("a file that does not come to its manifest: %v, %d of %d bytes", err, got.Len(), len(whole.body))
	}
}

// TestStreamsBreakOff has an answer fail before and after its first part, and nobody take it.
func TestStreamsBreakOff(t *testing.T) {
	t.Parallel()
	h := open(t, func(c *Config) { c.Patience = 200 * time.Millisecond })
	h.leavesWhoTakesNothing()
	sentinel := errors.New("it broke")
	for name, c := range map[string]struct {
		bytes int
		whole bool
	}{"at once": {0, false}, "in the middle": {3 * partSize, false}, "never": {3*partSize + 1, true}} {
		handler := func(w http.ResponseWriter, r *http.Request) {
			call := &call{service: h.service, op: &Operation{Method: http.MethodGet}, w: &recorder{ResponseWriter: w}, r: r}
			call.startClock()
			defer func() { call.cancel() }()
			_, err := call.stream(fileBytes, map[string]string{"Repr-Digest": "x"}, func(to *bufio.Writer) error {
				if _, err := to.WriteString(strings.Repeat("a", c.bytes)); err != nil {
					return err
				}
				if !c.whole {
					return sentinel
				}
				return nil
			})
			if err != nil {
				if w.Header().Get("Repr-Digest") != "" {
					t.Error("a problem has the headers of the file")
				}
				w.WriteHeader(http.StatusTeapot)
			}
		}
		status, body, err := h.askedOf(handler)
		switch {
		case c.whole && (err != nil || len(body) != c.bytes),
			c.bytes == 0 && status != http.StatusTeapot,
			!c.whole && c.bytes > 0 && err == nil:
			t.Errorf("%s: %d, %d bytes, %v", name, status, len(body), err)
		}
	}
}

// leavesWhoTakesNothing asks for an answer without an end and reads none of it. It ends when the patience with one part of it is over.
func (h *house) leavesWhoTakesNothing() {
	h.t.Helper()
	ended := make(chan any, 1)
	server := quietServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		call := &call{service: h.service, op: &Operation{Method: http.MethodGet}, w: &recorder{ResponseWriter: w}, r: r}
		call.startClock()
		defer func() {
			call.cancel()
			ended <- recover()
		}()
		_, _ = call.stream(fileBytes, nil, func(to *bufio.Writer) error {
			for {
				if _, err := to.WriteString(strings.Repeat("a", partSize)); err != nil {
					return err
				}
			}
		})
	}))
	defer server.Close()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		h.t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		h.t.Fatal(err)
	}
	if how := <-ended; how != http.ErrAbortHandler { // or the test runs out of time
		h.t.Errorf("an answer that nobody takes ends with %v", how)
	}
}

// askedOf asks a handler of its own server.
func (h *house) askedOf(handler http.HandlerFunc) (status int, body []byte, err error) {
	h.t.Helper()
	server := quietServer(handler)
	defer server.Close()
	req, err := http.NewRequestWithContext(h.t.Context(), http.MethodGet, server.URL, nil)
	if err != nil {
		h.t.Fatal(err)
	}
	res, err := server.Client().Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	body, err = io.ReadAll(res.Body)
	return res.StatusCode, body, err
}
