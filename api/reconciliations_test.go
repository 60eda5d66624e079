package api

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"mizan/api/access"
	"mizan/api/client"
	"mizan/api/console"
	"mizan/api/traffic"
)

// brings takes a statement as a person.
func (h *judge) brings(session, file string) answer {
	h.t.Helper()
	return h.as("", "POST", bankSource+"/statements", file, "Content-Type", "application/xml", "Cookie", access.CookiePlain+"="+session)
}

func first(t testing.TB, a answer) map[string]any {
	t.Helper()
	list, _ := a.json(t)["data"].([]any)
	if a.StatusCode != 200 || len(list) == 0 {
		t.Fatalf("%d %s", a.StatusCode, a.body)
	}
	return list[0].(map[string]any)
}

// TestReconciliationOverHTTP goes through a week as a person of finance: a statement comes, is compared, what is found is explained,
// and put right by two people.
func TestReconciliationOverHTTP(t *testing.T) {
	t.Parallel()
	h := newJudge(t, func(c *Config) {
		c.Files = new(traffic.Files)
		c.Console = console.New(console.Config{Ledger: c.Ledger, Access: c.Access, Desk: c.Desk, Trail: c.Trail, Commerce: c.Commerce, Vault: c.Vault, Reconcile: c.Reconcile, Files: c.Files, Now: c.Now})
	})
	if a := h.by(h.finance, "PUT", bankSource, bankSet); a.StatusCode != 200 || strings.Contains(a.body, ownIBAN) || a.json(t)["version"] != 1.0 {
		t.Fatalf("set: %d %s", a.StatusCode, a.body)
	}
	if a := h.by(h.finance, "PUT", bankSource, bankSet); a.json(t)["version"] != 1.0 {
		t.Errorf("set again: %s", a.body)
	}
	file := h.statement(19, 0, 1234)
	taken := h.brings(h.finance, file)
	if taken.StatusCode != 201 || taken.json(t)["new_lines"] != 1.0 || fmt.Sprintf("%x", sha256.Sum256([]byte(file))) != taken.json(t)["sha256"] {
		t.Fatalf("taken: %d %s", taken.StatusCode, taken.body)
	}
	if again := h.brings(h.finance, file); again.StatusCode != 200 || again.Header.Get("Idempotent-Replayed") != "true" || again.json(t)["number"] != 1.0 {
		t.Errorf("again: %d %s", again.StatusCode, again.body)
	}
	run := h.by(h.finance, "POST", comparisons, `{"match":"R2","source":"bank/main"}`)
	if run.StatusCode != 201 || run.json(t)["found"] != 1.0 || run.json(t)["source"] != "bank/main" {
		t.Fatalf("run: %d %s", run.StatusCode, run.body)
	}
	h.document(run.json(t))
	b := first(t, h.by(h.auditor, "GET", breakList+"?open=true", ""))
	if b["class"] != "unknown_receipt" || b["amount"] != "12.34" || b["source"] != "bank/main" || b["currency"] != "GBP" {
		t.Errorf("break %v", b)
	}
	h.leadsBack()
	h.dealsWith(b)
	for path, want := range map[string]int{"?open=true": 0, "?state=fixed": 1, "?class=unknown_receipt": 1, "?match=R2&source=bank/main": 1, "?match=R1": 0, "?source=bank/other": 0, "?owner=payments": 1,
		"?min_age_days=1": 0, "?min_age_days=0": 1, "?ref=" + url.QueryEscape(b["left"].(string)): 1, "?currency=JPY": 0} {
		if list := h.by(h.finance, "GET", breakList+path, "").json(t)["data"].([]any); len(list) != want {
			t.Errorf("breaks %s: %v", path, list)
		}
	}
	for _, log := range []string{h.log.String(), h.by(h.auditor, "GET", "/v1/books/uk/audit", "").body} {
		if strings.Contains(log, canaryNote) || strings.Contains(log, ownIBAN) {
			t.Error("the log or the trail says what a line says, or the account")
		}
	}
	again := h.by(h.auditor, "POST", comparisons+"/"+run.json(t)["id"].(string)+"/replay", `{}`)
	if again.json(t)["same"] != true || again.json(t)["digest"] != run.json(t)["digest"] {
		t.Errorf("replay after the fix: %s", again.body)
	}
	h.slowReaders(run.json(t)["id"].(string))
}

// stalled is a reader who takes the first part of an answer only when let.
type stalled struct {
	*httptest.ResponseRecorder
	begun, let chan struct{}
}

// SetWriteDeadline grants any time.
func (s stalled) SetWriteDeadline(time.Time) error { return nil }

func (s stalled) Write(p []byte) (int, error) {
	select {
	case s.begun <- struct{}{}:
	case <-s.let:
	}
	<-s.let
	return s.ResponseRecorder.Write(p)
}

// slowReaders fetches files of every kind and takes nothing of them: that holds no connection to the database and keeps nobody from
// comparing. Two are on their way to a person at once, through whichever door, and eight to a key.
func (h *judge) slowReaders(run string) {
	h.t.Helper()
	export := h.must(201, "POST", exportList, `{"report":"trial_balance","format":"csv"}`).json(h.t)["id"].(string)
	document := comparisons + "/" + run + "/document"
	reader := stalled{begun: make(chan struct{}), let: make(chan struct{})}
	handler := h.service.handler()
	var reading sync.WaitGroup
	slowly := func(path, header, value string) {
		r := httptest.NewRequest(http.MethodGet, path, nil).WithContext(h.t.Context())
		r.Header.Set(header, value)
		w := reader
		w.ResponseRecorder = httptest.NewRecorder()
		reading.Go(func() { handler.ServeHTTP(w, r) })
		<-reader.begun
	}
	cookie := access.CookiePlain + "=" + h.auditor
	slowly(document, "Cookie", cookie)
	slowly("/v1/books/uk/audit/export", "Cookie", cookie)
	for _, path := range []string{document, exportList + "/" + export + "/content", bankSource + "/receipts/1/content", "/v1/books/uk/payees/sel_uk/days/content?format=csv&from=2026-11-01", document, document,
		"/v1/audit/export", exportList + "/" + export + "/content"} {
		slowly(path, "Authorization", "Bearer "+testKey)
	}
	for h.db.Pool.Stat().AcquiredConns() > 0 { // what is written behind requests ends soon, and what a reader held would not
		if h.t.Context().Err() != nil {
			h.t.Fatal("a slow reader holds a connection")
		}
	}
	for name, a := range map[string]answer{
		"a person by an operation": h.by(h.auditor, "GET", bankSource+"/receipts/1/content", ""), "a person by a page": h.by(h.auditor, "GET", "/console/books/uk/reconciliation/runs/"+run+"/document", ""),
		"a person by the trail": h.by(h.auditor, "GET", "/v1/books/uk/audit/export", ""), "a key": h.do("GET", bankSource+"/receipts/1/content", ""),
	} {
		if a.StatusCode != http.StatusServiceUnavailable || a.Header.Get("Content-Disposition") != "" || a.Header.Get("Repr-Digest") != "" {
			h.t.Errorf("%s has one more: %d %v", name, a.StatusCode, a.Header)
		}
	}
	if a := h.by(h.approver, "GET", bankSource+"/receipts/1/content", ""); a.StatusCode != 200 {
		h.t.Errorf("somebody else: %d %s", a.StatusCode, a.body)
	}
	if a := h.by(h.auditor, "POST", comparisons+"/"+run+"/replay", `{}`); a.StatusCode != 200 {
		h.t.Errorf("making a run again waits for a reader: %d %s", a.StatusCode, a.body)
	}
	if a := h.by(h.finance, "POST", comparisons, `{"match":"R2","source":"bank/main"}`); a.StatusCode != 201 {
		h.t.Errorf("comparing waits for a reader: %d %s", a.StatusCode, a.body)
	}
	end, err := h.reconcile.Begin()
	if err != nil {
		h.t.Fatal(err)
	}
	for _, a := range []answer{h.by(h.finance, "POST", comparisons, `{"match":"R3"}`), h.by(h.auditor, "POST", comparisons+"/"+run+"/replay", `{}`)} {
		if a.StatusCode != http.StatusServiceUnavailable || a.code() != "recon-busy" || a.Header.Get("Retry-After") == "" {
			h.t.Errorf("while a run is being made: %d %v %s", a.StatusCode, a.Header, a.body)
		}
	}
	end()
	close(reader.let)
	reading.Wait()
	if a := h.by(h.auditor, "GET", document, ""); a.StatusCode != 200 {
		h.t.Errorf("afterwards: %d %s", a.StatusCode, a.body)
	}
}

// leadsBack follows the line to the entry that put it into suspense, and that entry to the line.
func (h *judge) leadsBack() {
	h.t.Helper()
	entries := h.by(h.auditor, "GET", bankSource+"/lines/1/entries", "")
	entry := first(h.t, entries)
	if entry["account"] != "assets:bank:operating:main" || entry["amount"] != "12.34" {
		h.t.Errorf("the entries of the line: %s", entries.body)
	}
	evidence := h.by(h.auditor, "GET", fmt.Sprintf("/v1/books/uk/transactions/%v/evidence", entry["transaction"]), "")
	behind := first(h.t, evidence)
	if lines := behind["lines"].([]any); len(lines) != 1 || lines[0].(map[string]any)["number"] != 1.0 || lines[0].(map[string]any)["net"] != "12.34" || behind["source_name"] != "main" {
		h.t.Errorf("the evidence of the entry: %s", evidence.body)
	}
	if a := h.by(h.auditor, "GET", bankSource+"/lines/2/entries", ""); a.code() != "evidence-line-unknown" {
		h.t.Errorf("no line: %d %s", a.StatusCode, a.body)
	}
}

// document compares a run's document with its digest.
func (h *judge) document(run map[string]any) {
	h.t.Helper()
	a := h.by(h.auditor, "GET", comparisons+"/"+run["id"].(string)+"/document", "")
	sum := sha256.Sum256([]byte(a.body))
	if a.StatusCode != 200 || fmt.Sprintf("%x", sum) != run["digest"] || a.Header.Get("Repr-Digest") != "sha-256=:"+base64.StdEncoding.EncodeToString(sum[:])+":" {
		h.t.Errorf("document: %d %v %.300s, run %v", a.StatusCode, a.Header, a.body, run["digest"])
	}
}

// dealsWith assigns a break, explains it, and has two people put it right.
func (h *judge) dealsWith(b map[string]any) {
	h.t.Helper()
	one := breakList + "/" + b["id"].(string)
	act := func(word, rest string) map[string]any {
		h.t.Helper()
		step := h.by(h.finance, "GET", one, "").json(h.t)["break"].(map[string]any)["step"]
		a := h.by(h.finance, "POST", one+"/"+word, fmt.Sprintf(`{"step":%v,%s}`, step, rest))
		if a.StatusCode != 200 {
			h.t.Fatalf("%s: %d %s", word, a.StatusCode, a.body)
		}
		return a.json(h.t)
	}
	if now := act("assign", `"owner":"payments"`); now["owner"] != "payments" {
		h.t.Errorf("assigned %v", now)
	}
	if a := h.by(h.finance, "POST", one+"/assign", fmt.Sprintf(`{"step":%v,"owner":"other"}`, b["step"])); a.code() != "break-state" {
		h.t.Errorf("as it was before: %d %s", a.StatusCode, a.body)
	}
	if now := act("explain", `"note":"The carrier pays a claim.","clear_by":"2026-12-01T00:00:00Z"`); now["state"] != "explained" || !strings.HasPrefix(now["expected_by"].(string), "2026-12-01T00:00:00") {
		h.t.Errorf("explained %v", now)
	}
	act("note", `"note":"Asked the carrier."`)
	if now := act("reopen", `"note":"It was another one."`); now["state"] != "open" {
		h.t.Errorf("reopened %v", now)
	}
	for name, a := range map[string]answer{
		"the auditor acts":   h.by(h.auditor, "POST", one+"/note", `{"step":1,"note":"x"}`),
		"the approver acts":  h.by(h.approver, "POST", comparisons, `{"match":"R2","source":"bank/main"}`),
		"a payee reads":      h.by(h.amy, "GET", breakList, ""),
		"a checkout reads":   h.as(h.checkout, "GET", breakList, ""),
		"a payee's exports":  h.by(h.amy, "GET", exportList, ""),
		"a checkout exports": h.as(h.checkout, "POST", exportList, `{"report":"trial_balance","format":"csv"}`),
	} {
		if a.StatusCode != 403 {
			h.t.Errorf("%s: %d %s", name, a.StatusCode, a.body)
		}
	}
	fix := fmt.Sprintf(`{"break":%q,"lines":[{"account":"liabilities:seller:available:sel_uk","direction":"credit","amount":"12.34"}]}`, b["id"])
	if done := h.two("break.fix", fix); done.StatusCode > 201 {
		h.t.Fatalf("fix: %d %s", done.StatusCode, done.body)
	}
	d := h.by(h.auditor, "GET", one, "").json(h.t)
	now, steps := d["break"].(map[string]any), d["steps"].([]any)
	if now["state"] != "fixed" || now["suspense"] != "0.00" || now["ended"] != true || len(d["lines"].([]any)) != 1 || steps[0].(map[string]any)["act"] != "found" {
		h.t.Errorf("fixed %v", d)
	}
}

// TestReconciliationRefused tries what cannot be asked for.
func TestReconciliationRefused(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.must(200, "PUT", bankSource, bankSet)
	for _, c := range []struct {
		status                   int
		code, method, path, body string
	}{
		{422, "evidence-source-invalid", "POST", comparisons, `{"match":"R1","source":"bank/main"}`},
		{422, "evidence-source-invalid", "POST", comparisons, `{"match":"R3","source":"bank/main"}`},
		{422, "evidence-source-invalid", "POST", comparisons, `{"match":"R2"}`},
		{422, "evidence-source-invalid", "POST", comparisons, `{"match":"R3","cut_off":"2026-11-20T09:00:00Z"}`},
		{422, "validation-failed", "POST", comparisons, `{"match":"R2","source":"bank/main","cut_off":"2026-12-20T09:00:00Z"}`},
		{422, "validation-failed", "POST", comparisons, `{"match":"R2","source":"bank/../main"}`},
		{422, "validation-failed", "POST", comparisons, `{"match":"R9"}`},
		{404, "evidence-source-unknown", "POST", comparisons, `{"match":"R2","source":"bank/other"}`},
		{404, "evidence-source-unknown", "GET", evidenceSources + "/bank/other", ""},
		{404, "evidence-source-unknown", "GET", evidenceSources + "/nothing/main", ""},
		{404, "evidence-source-unknown", "POST", evidenceSources + "/bank/main/pulls", `{}`},
		{404, "evidence-source-unknown", "POST", evidenceSources + "/processor/other/pulls", `{}`},
		{404, "evidence-receipt-unknown", "GET", bankSource + "/receipts/1", ""},
		{404, "evidence-receipt-unknown", "GET", bankSource + "/receipts/-1/content", ""},
		{404, "evidence-line-unknown", "GET", bankSource + "/lines/x", ""},
		{422, "validation-failed", "GET", bankSource + "/lines?key=a&line_id=b", ""},
		{404, "recon-run-unknown", "GET", comparisons + "/rec_zzzzzzzzzzzzzzzz", ""},
		{404, "recon-run-unknown", "GET", comparisons + "/rec_zzzzzzzzzzzzzzzz/document", ""},
		{404, "recon-run-unknown", "POST", comparisons + "/x/replay", `{}`},
		{404, "break-unknown", "GET", breakList + "/brk_zzzzzzzzzzzzzzzz", ""},
		{404, "break-unknown", "POST", breakList + "/x/note", `{"step":1,"note":"n"}`},
		{422, "validation-failed", "POST", breakList + "/x/note", `{"note":"n"}`},
		{404, "pairing-unknown", "POST", pairingList + "/x/confirm", `{}`},
		{422, "break-invalid", "POST", pairingList + "/x/refuse", `{}`},
		{400, "malformed-request", "GET", breakList + "?sort=amount%3Bselect", ""},
		{422, "validation-failed", "GET", breakList + "?state=x", ""},
		{400, "malformed-request", "GET", breakList + "?min_age_days=-1", ""},
		{405, "method-not-allowed", "DELETE", bankSource, ""},
		{422, "evidence-source-invalid", "PUT", evidenceSources + "/bank/main", `{"accounts":["assets:bank:operating:other"],"currency":"GBP","format":"camt.053"}`},
	} {
		if a := h.do(c.method, c.path, c.body); a.StatusCode != c.status || a.code() != c.code {
			t.Errorf("%s %s %s: %d %s", c.method, c.path, c.body, a.StatusCode, a.body)
		}
	}
	good := h.statement(19, 0, 100)
	for name, c := range map[string]struct{ file, media, code string }{
		"JSON":            {good, "application/json", "unsupported-media-type"},
		"nothing":         {" ", "application/xml", "statement-unreadable"},
		"another account": {strings.ReplaceAll(good, ownIBAN, "GB94BARC10201530093459"), "application/xml", "statement-elsewhere"},
		"cut":             {good[:len(good)/2], "text/xml", "statement-unreadable"},
		"uneven":          {strings.Replace(good, ">1.00<", ">1.01<", 1), "application/octet-stream", "statement-unbalanced"},
		"too large":       {good + strings.Repeat(" ", 16<<20), "application/xml", "statement-too-large"},
	} {
		if a := h.do("POST", bankSource+"/statements", c.file, "Content-Type", c.media); a.code() != c.code {
			t.Errorf("%s: %d %s", name, a.StatusCode, a.body)
		}
	}
	if list := h.must(200, "GET", bankSource+"/receipts", "").json(t)["data"].([]any); len(list) != 0 {
		t.Errorf("something was stored: %v", list)
	}
}

// TestReconciliationByClient walks through everything by the client, over pages, with many at once taking one statement.
func TestReconciliationByClient(t *testing.T) {
	t.Parallel()
	h := open(t)
	ctx := t.Context()
	c, err := client.New(h.server.URL, testKey, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err = c.SetEvidenceSource(ctx, "uk", "bank", "main", client.EvidenceSettings{Accounts: []string{"assets:bank:operating:main"}, Currency: "GBP", Format: "camt.053", Identification: ownIBAN})
	ok(err)
	file := []byte(h.statement(19, 0, 100, 200, 300))
	var wg sync.WaitGroup
	fresh := make(chan bool, 10)
	for range 10 {
		wg.Go(func() {
			r, err := c.TakeStatement(ctx, "uk", "main", bytes.NewReader(file), int64(len(file)))
			if err != nil {
				t.Error(err)
			}
			fresh <- !r.Replayed
		})
	}
	wg.Wait()
	close(fresh)
	news := 0
	for is := range fresh {
		if is {
			news++
		}
	}
	if news != 1 {
		t.Errorf("%d of ten takings of one file were the first", news)
	}
	var content bytes.Buffer
	ok(c.ReceiptContent(ctx, "uk", "bank", "main", 1, &content))
	if !bytes.Equal(content.Bytes(), file) {
		t.Error("the bytes are others")
	}
	lines, err := client.Collect(c.EvidenceLines(ctx, "uk", "bank", "main", client.EvidenceLineQuery{}), 100)
	ok(err)
	statements, err := client.Collect(c.Statements(ctx, "uk", "main"), 100)
	ok(err)
	if len(lines) != 3 || lines[1].Net != "2.00" || lines[1].Day != "2026-11-19" || len(statements) != 1 || statements[0].Closing != "6.00" || !statements[0].Proved {
		t.Errorf("lines %+v, statements %+v", lines, statements)
	}
	run, err := c.Reconcile(ctx, "uk", client.NewReconciliation{Match: "R2", Source: "bank/main"})
	ok(err)
	replay, err := c.ReplayReconciliation(ctx, "uk", run.ID)
	ok(err)
	if !replay.Same || replay.Digest != run.Digest || run.Posted == nil {
		t.Errorf("run %+v, replay %+v", run, replay)
	}
	var document bytes.Buffer
	ok(c.ReconciliationDocument(ctx, "uk", run.ID, &document))
	breaks, err := client.Collect(c.Breaks(ctx, "uk", client.BreakQuery{Open: true}), 100)
	ok(err)
	if len(breaks) != 3 || document.Len() == 0 {
		t.Fatalf("breaks %+v", breaks)
	}
	b, err := c.AssignBreak(ctx, "uk", breaks[0].ID, breaks[0].Step, "payments")
	ok(err)
	if b.Owner != "payments" {
		t.Errorf("break %+v", b)
	}
	h.suggested("par_aaaaaaaaaaaaaaaa", 1)
	pairings, err := client.Collect(c.Pairings(ctx, "uk", ""), 10)
	ok(err)
	p, err := c.ConfirmPairing(ctx, "uk", pairings[0].ID, "")
	ok(err)
	ageing, err := c.BreakAgeing(ctx, "uk")
	ok(err)
	rules, err := client.Collect(c.ReconciliationRulesVersions(ctx, "uk"), 10)
	ok(err)
	list, err := c.PeriodChecklist(ctx, "uk", "2026-11")
	ok(err)
	closings, err := client.Collect(c.PeriodClosings(ctx, "uk", "2026-11"), 10)
	ok(err)
	if p.State != "made" || len(ageing.Breaks) == 0 || len(rules) != 1 || !rules[0].InForce || len(list.Items) == 0 || len(closings) != 0 {
		t.Errorf("%+v %+v %+v %+v %+v", p, ageing, rules, list, closings)
	}
	pulled, err := c.PullProcessor(ctx, "uk", "main")
	ok(err)
	if pulled.More {
		t.Errorf("pulled %+v", pulled)
	}
}

// TestBreaksArePaged lists more breaks than a page has, none twice and none left out.
func TestBreaksArePaged(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.must(200, "PUT", bankSource, bankSet)
	h.brought(h.statement(19, 0, 100, 200, 300, 400, 500))
	h.must(201, "POST", comparisons, `{"match":"R2","source":"bank/main"}`)
	for path, want := range map[string]int{breakList: 5, bankSource + "/lines": 5, bankSource + "/lines?from=2026-11-19T00:00:00Z": 5, comparisons: 1, bankSource + "/receipts": 1} {
		seen := map[any]bool{}
		join := "?"
		if strings.Contains(path, "?") {
			join = "&"
		}
		for cursor := ""; ; {
			page := h.must(200, "GET", path+join+"limit=2"+cursor, "").json(t)
			for _, x := range page["data"].([]any) {
				id := x.(map[string]any)["id"]
				if id == nil {
					id = x.(map[string]any)["number"]
				}
				if seen[id] {
					t.Errorf("%s: %v came twice", path, id)
				}
				seen[id] = true
			}
			if page["next_cursor"] == nil {
				break
			}
			cursor = "&cursor=" + page["next_cursor"].(string)
		}
		if len(seen) != want {
			t.Errorf("%s: %d instead of %d", path, len(seen), want)
		}
	}
	h.refused(400, "cursor-invalid", "GET", breakList+"?cursor=AAAA", "")
}

// TestClosingsAreAChain closes two months and opens one again, by two people. Somebody who has only what the API says computes every
// hash of the chain again, as the handbook tells. The page of a closed month has the control totals that the API has.
func TestClosingsAreAChain(t *testing.T) {
	t.Parallel()
	h := open(t, func(c *Config) {
		c.Console = console.New(console.Config{Ledger: c.Ledger, Access: c.Access, Desk: c.Desk, Trail: c.Trail, Commerce: c.Commerce, Vault: c.Vault, Payouts: c.Payouts, Reconcile: c.Reconcile, Now: c.Now})
	})
	h.must(201, "POST", posting, strings.Replace(sale("early", "12.34"), "2026-11-20T", "2025-02-10T", 1))
	_, one := h.staff("finance")
	_, two := h.staff("approver")
	act := func(act, payload string) {
		t.Helper()
		v := h.by(one, "POST", "/v1/books/uk/approvals", fmt.Sprintf(`{"act":%q,"payload":%s,"reason":"It is done."}`, act, payload)).json(t)
		if v["id"] == nil {
			t.Fatalf("%s: %v", act, v)
		}
		if a := h.by(two, "POST", fmt.Sprintf("/v1/books/uk/approvals/%s/approval", v["id"]), fmt.Sprintf(`{"hash":%q}`, v["hash"])); a.StatusCode != 200 {
			t.Fatalf("%s: %s", act, a.body)
		}
	}
	const accept = `,"accept":["sub_ledgers","evidence","coverage"]}`
	act("period.close", `{"period":"2025-01"`+accept)
	act("period.close", `{"period":"2025-02"`+accept)
	act("period.reopen", `{"period":"2025-02"}`)
	act("period.close", `{"period":"2025-02"`+accept)
	h.sameTotals(one)

	c, err := client.New(h.server.URL, testKey, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	chain, err := client.Collect(c.Closings(t.Context(), "uk"), 10)
	if err != nil || len(chain) != 4 {
		t.Fatalf("%+v %v", chain, err)
	}
	oldest, newest := h.walk("/v1/books/uk/closings?limit=1", field("number")), h.walk("/v1/books/uk/closings?order=desc&limit=1", field("number"))
	if slices.Reverse(newest); len(oldest) != 4 || !slices.Equal(newest, oldest) {
		t.Errorf("%v from the beginning, %v from the end", oldest, newest)
	}
	previous := strings.Repeat("0", 64)
	for i, x := range chain {
		hash := sha256.New()
		part := func(b []byte) {
			hash.Write(binary.BigEndian.AppendUint64(nil, uint64(len(b))))
			hash.Write(b)
		}
		number := func(n int) { part(binary.BigEndian.AppendUint64(nil, uint64(n))) }
		raw := func(text string) {
			b, err := hex.DecodeString(text)
			if err != nil {
				t.Error(err)
			}
			part(b)
		}
		month, _ := strconv.Atoi(strings.Replace(x.Period, "-", "", 1))
		part([]byte("mizan period closing 1"))
		part([]byte("uk"))
		number(x.Number)
		raw(x.Previous)
		part([]byte(x.Act))
		number(month)
		number(int(x.AtSequence))
		raw(x.Sum)
		raw(x.Totals)
		for _, text := range []string{x.Preparer, x.Approver, x.Approval, x.Reason} {
			part([]byte(text))
		}
		number(int(x.RecordedAt.UnixMicro()))
		if got := hex.EncodeToString(hash.Sum(nil)); x.Number != i+1 || x.Previous != previous || x.Hash != got || x.Document != nil {
			t.Errorf("row %d does not follow: %+v, and the hash is %s", i+1, x, got)
		}
		previous = x.Hash
	}
	month, err := client.Collect(c.PeriodClosings(t.Context(), "uk", "2025-02"), 10)
	if err != nil || len(month) != 3 || month[0].Number != 2 || month[2].Number != 4 {
		t.Fatalf("%+v %v", month, err)
	}
	for _, x := range month {
		var d struct{ Totals json.RawMessage }
		if err := json.Unmarshal(x.Document, &d); err != nil {
			t.Error(err)
		}
		if sum, totals := sha256.Sum256(x.Document), sha256.Sum256(d.Totals); hex.EncodeToString(sum[:]) != x.Sum || hex.EncodeToString(totals[:]) != x.Totals {
			t.Errorf("the document of row %d is another: %s", x.Number, x.Document)
		}
	}
	for _, path := range []string{"/v1/books/uk/closings", "/v1/books/uk/periods/2025-02/closings"} {
		if seen := h.walk(path+"?limit=1", field("hash")); len(seen) < 3 || seen[len(seen)-1] != previous {
			t.Errorf("%s page by page: %v", path, seen)
		}
		h.refused(400, "cursor-invalid", "GET", path+"?cursor=x", "")
	}
}

// TestWordsOfBanks: what a bank wrote of people is told line by line and file by file, each time with a row in the trail, and in no
// list. The auditor, who may read it, is recorded like everybody.
func TestWordsOfBanks(t *testing.T) {
	t.Parallel()
	h := newJudge(t)
	h.must(200, "PUT", bankSource, bankSet)
	h.brought(h.statement(19, 0, 100, 200))
	h.must(201, "POST", comparisons, `{"match":"R2","source":"bank/main"}`)
	id := h.must(200, "GET", breakList, "").json(t)["data"].([]any)[0].(map[string]any)["id"].(string)
	looks := func() []any {
		return h.must(200, "GET", "/v1/books/uk/audit?act=evidence.read", "").json(t)["data"].([]any)
	}
	for _, list := range []string{bankSource + "/lines", bankSource + "/lines?receipt=1", breakList + "/" + id, bankSource + "/receipts", bankSource + "/receipts/1", bankSource + "/statements"} {
		if a := h.by(h.auditor, "GET", list, ""); a.StatusCode != 200 || strings.Contains(a.body, canaryNote) {
			t.Errorf("%s: %d, %s", list, a.StatusCode, a.body)
		}
	}
	h.by(h.auditor, "HEAD", bankSource+"/receipts/1/content", "")
	if rows := looks(); len(rows) != 0 {
		t.Errorf("lists left rows: %v", rows)
	}
	for n, path := range []string{"/lines/2", "/receipts/1/content", "/lines/2"} {
		a := h.by(h.auditor, "GET", bankSource+path, "")
		rows := looks()
		if a.StatusCode != 200 || !strings.Contains(a.body, canaryNote) || len(rows) != n+1 {
			t.Fatalf("%s: %d with the rows %v: %s", path, a.StatusCode, rows, a.body)
		}
		row := rows[n].(map[string]any)
		if want := "evidence:bank/main" + strings.TrimSuffix(path, "/content"); row["object"] != want || strings.Contains(fmt.Sprint(row), canaryNote) {
			t.Errorf("%s left %v", path, row)
		}
	}
}
