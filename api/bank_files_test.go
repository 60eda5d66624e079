package api

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"

	"mizan/api/access"
)

// two has finance ask for an act and an approver agree; it returns what the approver was told.
func (h *judge) two(act, payload string) answer {
	h.t.Helper()
	a := h.asks(h.finance, act, payload)
	if a.StatusCode != 201 {
		return a
	}
	v := a.json(h.t)
	if own := h.consent(h.finance, v["id"].(string), v["hash"].(string)); own.StatusCode < 400 {
		h.t.Errorf("%s: agreed with oneself", act)
	}
	if done := h.consent(h.approver, v["id"].(string), v["hash"].(string)); done.StatusCode != 200 {
		return done
	}
	return a
}

// taken uploads a report as another person of finance than the one who brings files to the bank.
func (h *judge) taken(text string) answer { return h.takenBy(h.both, text) }

func (h *judge) takenBy(session, text string) answer {
	h.t.Helper()
	return h.as("", "POST", bankReports+"?currency=GBP", text, "Content-Type", "text/xml", "Cookie", access.CookiePlain+"="+session)
}

// TestBankFilesOverHTTP goes the whole way as a person of finance, with a second person where two are needed.
func TestBankFilesOverHTTP(t *testing.T) {
	t.Parallel()
	h := newJudge(t)
	if a := h.by(h.finance, "POST", bankAccounts, `{`+ownAccount+`,"reason":"Alone."}`); a.code() != "approval-required" {
		t.Errorf("an account is set alone: %d %s", a.StatusCode, a.body)
	}
	asked := h.two("bank_account.set", `{`+ownAccount+`}`)
	if asked.StatusCode != 201 || !strings.Contains(asked.body, "ends in …5555") {
		t.Fatalf("set: %d %s", asked.StatusCode, asked.body)
	}
	for _, payee := range []string{"cre_amy", "cre_bob"} {
		h.banked(payee)
	}
	first, second := h.orderedByBank("cre_amy", 1000), h.orderedByBank("cre_bob", 2050)
	account := h.by(h.finance, "GET", bankAccounts, "").json(t)["data"].([]any)[0].(map[string]any)
	if waiting := account["waiting"].(map[string]any); account["account"] != "…5555" || account["approval"] == "" || waiting["payments"] != 2.0 || waiting["amount"] != "30.50" {
		t.Errorf("account %v", account)
	}
	made := h.by(h.finance, "POST", bankFiles, `{}`)
	if made.StatusCode != 201 {
		t.Fatalf("make: %d %s", made.StatusCode, made.body)
	}
	f := made.json(t)["data"].([]any)[0].(map[string]any)
	if f["number"] != 1.0 || f["payments"] != 2.0 || f["amount"] != "30.50" || f["state"] != "made" || f["name"] != "uk-GBP-000001.xml" {
		t.Errorf("made %v", f)
	}
	if again := h.by(h.finance, "POST", bankFiles, `{}`); again.StatusCode != 200 || len(again.json(t)["data"].([]any)) != 0 {
		t.Errorf("nothing waits: %d %s", again.StatusCode, again.body)
	}
	const one = bankFiles + "/GBP/1"
	if a := h.by(h.finance, "POST", one+"/sent", `{"reason":"Too early."}`); a.code() != "bank-file-state" {
		t.Errorf("sent before it was fetched: %d %s", a.StatusCode, a.body)
	}
	h.fetched(one, f)
	for range 2 {
		if a := h.by(h.finance, "POST", one+"/sent", `{"reason":"Uploaded."}`); a.StatusCode != 200 || a.json(t)["state"] != "sent" || a.json(t)["sent_by"] != h.financeID {
			t.Errorf("sent: %d %s", a.StatusCode, a.body)
		}
	}
	report := said("R-1", f, first+" RJCT AC04", second+" ACSC")
	if own := h.takenBy(h.finance, report); own.code() != "bank-report-own" {
		t.Errorf("who sent the file brings its money back: %d %s", own.StatusCode, own.body)
	}
	took := h.taken(report)
	if took.StatusCode != 200 || took.json(t)["file"] != 1.0 {
		t.Fatalf("report: %d %s", took.StatusCode, took.body)
	}
	if c := took.json(t)["counts"].(map[string]any); c["failed"] != 1.0 || c["settled"] != 1.0 {
		t.Errorf("report %v", c)
	}
	if again := h.taken(report); again.body != took.body {
		t.Errorf("the same report again: %s, first %s", again.body, took.body)
	}
	if other := h.taken(said("R-1", f, first+" ACSC")); other.code() != "bank-report-taken" {
		t.Errorf("another report of the same id: %d %s", other.StatusCode, other.body)
	}
	h.reads(one, took.json(t)["sha256"].(string), first)
	if strings.Contains(h.log.String(), canaryHolder) || strings.Contains(h.by(h.auditor, "GET", "/v1/books/uk/audit", "").body, canaryHolder) {
		t.Error("a name stands in the log or the trail")
	}
}

// fetched fetches a file, which needs a reason and the right to see bank data, and leaves a row in the trail.
func (h *judge) fetched(one string, f map[string]any) {
	h.t.Helper()
	for _, body := range []string{`{}`, `{"reason":""}`, `{"reason":" "}`} {
		if a := h.by(h.finance, "POST", one+"/content", body); a.StatusCode != 422 {
			h.t.Errorf("without a reason %s: %d %s", body, a.StatusCode, a.body)
		}
	}
	if now := h.by(h.finance, "GET", one, "").json(h.t); now["state"] != "made" {
		h.t.Errorf("it counts as fetched: %v", now)
	}
	if a := h.by(h.finance, "GET", one+"/content", ""); a.StatusCode != 405 {
		h.t.Errorf("by GET: %d %s", a.StatusCode, a.body)
	}
	var bytes [2]answer
	for i := range bytes {
		a := h.by(h.finance, "POST", one+"/content", `{"reason":"For the bank."}`)
		if a.StatusCode != 200 || a.Header.Get("Content-Type") != fileBytes || a.Header.Get("Cache-Control") != "no-store" || !strings.Contains(a.body, canaryHolder) ||
			a.Header.Get("Content-Disposition") != `attachment; filename="uk-GBP-000001.xml"` || !strings.HasPrefix(a.Header.Get("Repr-Digest"), "sha-256=:") {
			h.t.Fatalf("fetch: %d %v %.200s", a.StatusCode, a.Header, a.body)
		}
		bytes[i] = a
	}
	if bytes[0].body != bytes[1].body || fmt.Sprintf("%x", sha256.Sum256([]byte(bytes[0].body))) != f["sha256"] {
		h.t.Error("the bytes are others, or not the digest's")
	}
	rows := h.must(200, "GET", "/v1/books/uk/audit?act=bank_file.fetched", "").json(h.t)["data"].([]any)
	if len(rows) != 2 || rows[0].(map[string]any)["object"] != "bank_file:GBP-1" || rows[0].(map[string]any)["why"] != "For the bank." {
		h.t.Errorf("trail %v", rows)
	}
}

// reads compares what can be read once a report was taken in which one payment of two failed.
func (h *judge) reads(one, digest, failed string) {
	h.t.Helper()
	if f := h.by(h.finance, "GET", one, "").json(h.t); f["state"] != "closed" || f["counts"].(map[string]any)["failed"] != 1.0 {
		h.t.Errorf("file %v", f)
	}
	page := h.by(h.finance, "GET", one+"/payments?limit=1", "").json(h.t)
	p := page["data"].([]any)[0].(map[string]any)
	if p["id"] != failed || p["state"] != "failed" || p["code"] != "AC04" || p["meaning"] == "" || p["payee"] != "cre_amy" || page["next_cursor"] == nil {
		h.t.Errorf("payments %v", page)
	}
	if rest := h.by(h.finance, "GET", fmt.Sprintf("%s/payments?limit=1&cursor=%s", one, page["next_cursor"]), "").json(h.t); len(rest["data"].([]any)) != 1 || rest["next_cursor"] != nil {
		h.t.Errorf("rest %v", rest)
	}
	items := h.by(h.finance, "GET", bankReports+"/"+digest+"/items", "").json(h.t)["data"].([]any)
	if len(items) != 2 || items[0].(map[string]any)["outcome"] != "failed" || items[0].(map[string]any)["code"] != "AC04" {
		h.t.Errorf("items %v", items)
	}
	for path, want := range map[string]int{bankReports: 1, bankFiles: 1, bankFiles + "?state=closed": 1, bankFiles + "?state=sent": 0, bankFiles + "?currency=JPY": 0} {
		if list := h.by(h.finance, "GET", path, "").json(h.t)["data"].([]any); len(list) != want {
			h.t.Errorf("%s: %v", path, list)
		}
	}
}

// TestBankFilesArePaged lists more files than a page has, none twice and none left out.
func TestBankFilesArePaged(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.must(201, "POST", "/v1/books/uk/payees", `{"id":"cre_amy","kind":"creator","country":"UK","currency":"GBP"}`)
	h.bankAccount()
	h.banked("cre_amy")
	for range 5 {
		h.orderedByBank("cre_amy", 100)
		h.madeFile()
	}
	var seen []any
	for cursor := ""; ; {
		page := h.must(200, "GET", bankFiles+"?currency=GBP&limit=2"+cursor, "").json(t)
		for _, f := range page["data"].([]any) {
			seen = append(seen, f.(map[string]any)["number"])
		}
		if page["next_cursor"] == nil {
			break
		}
		cursor = "&cursor=" + page["next_cursor"].(string)
	}
	if fmt.Sprint(seen) != "[5 4 3 2 1]" {
		t.Errorf("files %v", seen)
	}
	h.refused(404, "bank-file-unknown", "GET", bankFiles+"/GBP/6", "")
	h.refused(404, "bank-file-unknown", "GET", bankFiles+"/GBP/x", "")
	h.refused(404, "bank-file-unknown", "GET", bankFiles+"/ZZZ/1", "")
	h.refused(404, "bank-report-unknown", "GET", bankReports+"/x", "")
}

// TestVoidingABankFile takes one person as long as nobody has seen the file, two with a document after that, and nobody once
// the bank has taken a payment.
func TestVoidingABankFile(t *testing.T) {
	t.Parallel()
	h := newJudge(t)
	h.bankAccount()
	h.banked("cre_amy")
	h.orderedByBank("cre_amy", 1000)
	one, _ := h.madeFile()
	if a := h.by(h.finance, "POST", one+"/void", `{"reason":"A mistake."}`); a.StatusCode != 200 || a.json(t)["state"] != "void" {
		t.Fatalf("nobody has seen it: %d %s", a.StatusCode, a.body)
	}
	two, _ := h.madeFile() // its payment has waited again
	h.must(200, "POST", two+"/content", `{"reason":"For the bank."}`)
	for who, a := range map[string]answer{"finance": h.by(h.finance, "POST", two+"/void", `{"reason":"x"}`), "the development key": h.do("POST", two+"/void", `{"reason":"x"}`)} {
		if a.code() != "approval-required" {
			t.Errorf("%s alone: %d %s", who, a.StatusCode, a.body)
		}
	}
	if a := h.by(h.finance, "POST", "/v1/books/uk/approvals", `{"act":"bank_file.void","payload":{"currency":"GBP","number":2},"reason":"x"}`); a.StatusCode != 422 {
		t.Errorf("without a document: %d %s", a.StatusCode, a.body)
	}
	if a := h.two("bank_file.void", `{"currency":"GBP","number":2}`); a.StatusCode != 201 {
		t.Fatalf("two: %d %s", a.StatusCode, a.body)
	}
	if f := h.must(200, "GET", two, "").json(t); f["state"] != "void" || f["approval"] == "" || f["counts"].(map[string]any)["cancelled"] != 1.0 {
		t.Errorf("void %v", f)
	}
	if a := h.by(h.finance, "POST", two+"/content", `{"reason":"For the bank."}`); a.code() != "bank-file-state" {
		t.Errorf("a void file is fetched: %d %.200s", a.StatusCode, a.body)
	}
	payment := h.orderedByBank("cre_amy", 700)
	three, file := h.madeFile()
	h.must(200, "POST", three+"/content", `{"reason":"For the bank."}`)
	h.must(200, "POST", three+"/sent", `{"reason":"Uploaded."}`)
	if a := h.taken(said("R-3", file, payment+" ACSC")); a.StatusCode != 200 {
		t.Fatalf("report: %d %s", a.StatusCode, a.body)
	}
	if a := h.two("bank_file.void", `{"currency":"GBP","number":3}`); a.StatusCode != 409 {
		t.Errorf("after the bank has paid: %d %s", a.StatusCode, a.body)
	}
}

// TestStrangersToBankFiles asks as those who have no business with them: they see nothing of bank data, and change nothing.
func TestStrangersToBankFiles(t *testing.T) {
	t.Parallel()
	h := newJudge(t)
	h.bankAccount()
	h.banked("cre_amy")
	payment := h.orderedByBank("cre_amy", 1000)
	one, file := h.madeFile()
	_, support := h.staff("support@uk")
	checkout := h.checkoutKey()
	report := said("R-1", file, payment+" ACSC")
	before := h.must(200, "GET", one, "").body
	why := `{"reason":"Curious."}`
	for who, ask := range map[string]func(method, path, body string, header ...string) answer{
		"another book's key": func(m, p, b string, x ...string) answer { return h.as(h.other, m, p, b, x...) },
		"a creator's session": func(m, p, b string, x ...string) answer {
			return h.as("", m, p, b, append(x, "Cookie", access.CookiePlain+"="+h.amy)...)
		},
		"support": func(m, p, b string, x ...string) answer {
			return h.as("", m, p, b, append(x, "Cookie", access.CookiePlain+"="+support)...)
		},
		"nobody": func(m, p, b string, x ...string) answer { return h.as("", m, p, b, x...) },
	} {
		for path, body := range map[string]string{"/content": why, "/sent": why, "/void": why} {
			if a := ask("POST", one+path, body); a.StatusCode < 401 || a.StatusCode > 404 || strings.Contains(a.body, canaryHolder) {
				t.Errorf("%s by %s: %d %s", path, who, a.StatusCode, a.body)
			}
		}
		for _, a := range []answer{ask("POST", bankFiles, `{}`), ask("POST", bankAccounts, `{`+ownAccount+`,"reason":"x"}`), ask("POST", bankReports+"?currency=GBP", report, "Content-Type", "text/xml")} {
			if a.StatusCode < 401 || a.StatusCode > 404 {
				t.Errorf("%s by %s: %d %s", a.Request.URL.Path, who, a.StatusCode, a.body)
			}
		}
		if a := ask("GET", one, ""); who != "support" && a.StatusCode < 400 {
			t.Errorf("%s reads: %d %s", who, a.StatusCode, a.body)
		}
	}
	if a := h.as(checkout, "POST", one+"/content", why); a.code() != "forbidden" {
		t.Errorf("a checkout service fetches: %d %.200s", a.StatusCode, a.body)
	}
	if after := h.must(200, "GET", one, "").body; after != before {
		t.Errorf("something changed: %s, before %s", after, before)
	}
}

// TestHostileBankReports sends what no bank does. Each is refused in words, and nothing changes.
func TestHostileBankReports(t *testing.T) {
	t.Parallel()
	h := newJudge(t)
	h.bankAccount()
	h.must(201, "POST", bankAccounts, `{"currency":"GBP","paid_after":0,"reason":"Once more.","debtor":{"format":"pain.001.001.09","name":"Example Ltd","account":"GB33BUKB20201555555555","bank":"BUKBGB22","country":"GB"}}`)
	h.banked("cre_amy")
	payment := h.orderedByBank("cre_amy", 1000)
	one, file := h.madeFile()
	h.must(200, "POST", one+"/content", `{"reason":"For the bank."}`)
	h.must(200, "POST", one+"/sent", `{"reason":"Uploaded."}`)
	good := said("R-1", file, payment+" ACSC")
	before := h.must(200, "GET", one+"/payments", "").body
	for name, c := range map[string]struct {
		body   string
		status int
		code   string
	}{
		"nothing":            {" ", 400, "bankfile-report"},
		"truncated":          {good[:len(good)-20], 400, "bankfile-report"},
		"17 MiB":             {strings.Repeat(" ", 17<<20), 413, "bankfile-report-size"},
		"an entity":          {strings.Replace(good, "<Document", `<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><Document`, 1), 400, "bankfile-report"},
		"NACHA":              {strings.Repeat("9", 94), 400, "bankfile-report"},
		"another's file":     {said("R-2", map[string]any{"message_id": "MZ-GBP-9-AAAAAAAAAAAA"}, payment+" ACSC"), 409, "bank-report-file"},
		"an unknown payment": {said("R-3", file, payment+" ACSC", "po_nobody RJCT AC04"), 409, "bank-report-item"},
		"another total":      {strings.Replace(good, "<OrgnlMsgNmId>pain.001.001.09</OrgnlMsgNmId>", "<OrgnlMsgNmId>pain.001.001.09</OrgnlMsgNmId><OrgnlNbOfTxs>7</OrgnlNbOfTxs>", 1), 409, "bank-report-totals"},
	} {
		a := h.taken(c.body)
		if a.StatusCode != c.status || a.code() != c.code || a.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %d %.300s", name, a.StatusCode, a.body)
		}
	}
	for _, c := range []struct{ query, media, code string }{{"?currency=GBP", "application/json", "unsupported-media-type"}, {"", "text/xml", "validation-failed"},
		{"?currency=JPY", "text/xml", "bank-account-missing"}, {"?currency=XX1", "text/xml", "validation-failed"}} {
		if a := h.do("POST", bankReports+c.query, good, "Content-Type", c.media); a.code() != c.code {
			t.Errorf("%s %s: %d %s", c.query, c.media, a.StatusCode, a.body)
		}
	}
	if a := h.do("POST", bankReports+"?currency=GBP", good, "Content-Type", "text/xml", "Content-Encoding", "gzip"); a.code() != "unsupported-media-type" {
		t.Errorf("compressed: %d %s", a.StatusCode, a.body)
	}
	if after := h.must(200, "GET", one+"/payments", "").body; after != before {
		t.Errorf("something changed: %s, before %s", after, before)
	}
	if list := h.must(200, "GET", bankReports, "").json(t)["data"].([]any); len(list) != 0 {
		t.Errorf("reports %v", list)
	}
	if a := h.taken(good); a.StatusCode != 200 {
		t.Errorf("the good one: %d %s", a.StatusCode, a.body)
	}
}

// TestBankAccountsThatCannotBe names what is wrong with each, and sets none.
func TestBankAccountsThatCannotBe(t *testing.T) {
	t.Parallel()
	h := open(t)
	for name, c := range map[string]struct{ from, to string }{
		"a wrong IBAN": {"GB33BUKB20201555555555", "GB34BUKB20201555555555"}, "another currency": {`"GBP"`, `"VND"`}, "NACHA in pounds": {"pain.001.001.09", "nacha"},
		"too patient": {`"paid_after":2`, `"paid_after":31`}, "no name": {"Example Ltd", " "}, "an unknown field": {`"name"`, `"nom"`},
	} {
		body := strings.Replace(`{`+ownAccount+`,"reason":"x"}`, c.from, c.to, 1)
		if a := h.do("POST", bankAccounts, body); a.StatusCode != 422 || strings.Contains(a.body, "GB34BUKB") {
			t.Errorf("%s: %d %s", name, a.StatusCode, a.body)
		}
	}
	if list := h.must(200, "GET", bankAccounts, "").json(t)["data"].([]any); len(list) != 0 {
		t.Errorf("accounts %v", list)
	}
}
