package console

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"mizan/api/access"
	"mizan/ledger"
)

// file sends the form of a page with a file, and what else is typed into it.
func (b *browser) file(p page, action string, typed url.Values, name, content string, status int) page {
	b.h.t.Helper()
	fields, ok := p.forms()[action]
	if !ok {
		b.h.t.Fatalf("the page has no form for %s:\n%s", action, p.source)
	}
	return b.parts(action, func(form *multipart.Writer) {
		_ = form.WriteField("form", fields.Get("form"))
		for field, values := range typed {
			_ = form.WriteField(field, values[0])
		}
		if name != "" {
			writeFile(form, name, content)
		}
	}, status)
}

func writeFile(form *multipart.Writer, name, content string) {
	part, _ := form.CreateFormFile("file", name)
	_, _ = part.Write([]byte(content))
}

// parts sends a form of several parts as they are written.
func (b *browser) parts(action string, write func(*multipart.Writer), status int) page {
	b.h.t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	write(form)
	_ = form.Close()
	r := httptest.NewRequest(http.MethodPost, action, &body)
	r.Header.Set("Content-Type", form.FormDataContentType())
	r.Header.Set("Origin", "https://"+testHost)
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	r.Host = testHost
	for _, c := range b.cookies {
		r.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value})
	}
	w := httptest.NewRecorder()
	b.h.ServeHTTP(w, r)
	if w.Code != status {
		b.h.t.Fatalf("%s: %d, want %d\n%s", action, w.Code, status, w.Body)
	}
	got := page{source: w.Body.String(), header: w.Header()}
	if status != http.StatusSeeOther {
		if err := got.read(); err != nil {
			b.h.t.Fatal(err)
		}
	}
	return got
}

// An adjustment is looked at with the balances around it, asked for with a document, approved by somebody else and posted as it was
// approved.
func TestAdjustment(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	m.earn("seller", "sel_uk", "available", 5000)
	lead := m.in("Fatima", access.Grant{Role: finance, Book: "uk"})
	const here = at + adjustmentsPath
	start := lead.get(here, 200)
	start.has(t, "No adjustment waits.", "Nothing was posted by hand yet.", "The platform gives somebody an amount of its own.")
	head := func() int64 {
		h, err := m.ledger.Head(t.Context(), m.book)
		m.must(err)
		return h.LastSequence
	}
	before := head()
	typed := url.Values{"reference": {"adj-1"}, "reason_code": {"goodwill"}, "reason": {"The parcel was ours to lose."}, "account1": {"expenses:goodwill"}, "direction1": {"debit"}, "amount1": {"5.00"}, "currency1": {"GBP"},
		"account2": {"liabilities:seller:available:sel_uk"}, "direction2": {"credit"}, "amount2": {"5.00"}, "currency2": {"GBP"}}
	with := func(field, value string) url.Values {
		changed := url.Values{}
		for k, v := range typed {
			changed[k] = v
		}
		changed.Set(field, value)
		return changed
	}
	for field, value := range map[string]string{"amount2": "4.99", "account2": "liabilities:nobody:x", "currency2": "XXX", "reason_code": "because", "reason": "", "day": "soon", "reference": ""} {
		lead.file(start, here, with(field, value), "t.pdf", "x", http.StatusBadRequest).has(t, "Nothing was done")
	}
	lead.file(start, here, typed, "", "", http.StatusBadRequest).has(t, "Name the document")
	lead.file(start, here, with("sha256", "abc"), "", "", http.StatusBadRequest).has(t, "Nothing was done")
	seen := lead.file(start, here, with("preview", "1"), `C:\files\ticket 77.pdf`, "a document", http.StatusOK)
	seen.has(t, "What it would do", "50.00 55.00", "0.00 5.00", "It moves money to a payee", "only a fact may leave it below zero")
	if head() != before || strings.Contains(lead.get(at+"/approvals", 200).source, `class="card"`) {
		t.Error("looking at it left something behind")
	}
	held := func(field string) string {
		_, after, _ := strings.Cut(seen.source, `name="`+field+`"`)
		_, after, _ = strings.Cut(after, `value="`)
		value, _, _ := strings.Cut(after, `"`)
		return value
	}
	if held("document") != "ticket 77.pdf" || len(held("sha256")) != 64 {
		t.Fatalf("the page holds the document %q, %q", held("document"), held("sha256"))
	}
	// The name and the hash on the page are those of one document, whichever of them is changed.
	hashed := func(content string) string { sum := sha256.Sum256([]byte(content)); return hex.EncodeToString(sum[:]) }
	keeps := func(p page, changed map[string]string, name, content, document, sha256 string) page {
		t.Helper()
		fields := p.served(here)
		fields.Del("form")
		fields.Set("preview", "1")
		for field, value := range changed {
			fields.Set(field, value)
		}
		status := http.StatusOK
		if document == "" {
			status = http.StatusBadRequest
		}
		next := lead.file(p, here, fields, name, content, status)
		if f := next.served(here); f.Get("document") != document || f.Get("sha256") != sha256 {
			t.Errorf("with %v and the file %q the page holds %q, %q", changed, name, f.Get("document"), f.Get("sha256"))
		}
		return next
	}
	other := keeps(seen, nil, "ticket 78.pdf", "another", "ticket 78.pdf", hashed("another"))
	renamed := keeps(other, map[string]string{"document": "paper 9"}, "", "", "paper 9", "")
	keeps(renamed, map[string]string{"sha256": hashed("paper")}, "", "", "paper 9", hashed("paper"))
	keeps(other, map[string]string{"document": "paper 9"}, "scan.pdf", "scan", "paper 9", hashed("scan"))
	keeps(keeps(other, map[string]string{"document": "paper 9"}, "scan.pdf", "scan", "paper 9", hashed("scan")), nil, "scan.pdf", "scan", "paper 9", hashed("scan"))
	keeps(other, nil, "", "", "ticket 78.pdf", hashed("another"))
	keeps(other, map[string]string{"document": ""}, "", "", "", "")
	// A form that does not begin with its token, or has too many fields, is not read.
	token := start.forms()[here].Get("form")
	lead.parts(here, func(form *multipart.Writer) {
		writeFile(form, "a.pdf", strings.Repeat("a", maxDocument+1))
		_ = form.WriteField("form", token)
	}, http.StatusForbidden)
	many := url.Values{"preview": {"1"}}
	for k, v := range typed {
		many[k] = v
	}
	for i := range maxParts {
		many.Set("more"+strconv.Itoa(i), "x")
	}
	lead.file(start, here, many, "", "", http.StatusBadRequest).has(t, "cannot be read")
	typed["document"], typed["sha256"] = []string{held("document")}, []string{held("sha256")}
	asked := lead.file(seen, here, typed, "", "", http.StatusSeeOther).header.Get("Location")
	lead.get(here, 200).has(t, "Posts 2 entries by hand", "asked by")
	lead.get(asked, 200).hasNot(t, `action="`+asked+`/approve"`)
	second := m.in("Omar", access.Grant{Role: access.Approver, Book: "uk"})
	look := second.get(asked, 200)
	look.has(t, "ticket 77.pdf sha256:"+held("sha256"), "50.00 GBP before, 55.00 GBP after")
	second.press(look, asked+"/approve", nil, http.StatusSeeOther)
	done := lead.get(here, 200)
	done.has(t, "No adjustment waits.", "manual.adjusted", "adj-1")
	page1, err := m.ledger.Transactions(t.Context(), m.book, ledger.TransactionQuery{Event: "manual.adjusted", Limit: 2})
	m.must(err)
	if len(page1.Transactions) != 1 || page1.Transactions[0].Metadata["document_sha256"] != held("sha256") || page1.Transactions[0].Metadata["reason"] != "goodwill" {
		t.Errorf("posted: %+v", page1.Transactions)
	}
	// An admin asks, and sees no money.
	admin := m.in("Adam", access.Grant{Role: access.Admin, Book: "uk"})
	blank := admin.get(here, 200)
	blank.hasNot(t, `name="preview"`)
	admin.file(blank, here, with("preview", "1"), "t.pdf", "x", http.StatusForbidden).hasNot(t, "What it would do", "55.00")
	// An auditor reads and does not ask.
	m.in("Auda", access.Grant{Role: access.Auditor, Book: "uk"}).get(here, 200).hasNot(t, `enctype="multipart/form-data"`)
}
