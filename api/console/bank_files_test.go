package console

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"mizan/api/access"
	"mizan/ledger/commerce"
	"mizan/ledger/guard"
	"mizan/ledger/money"
	"mizan/ledger/vault"
	"mizan/payouts/processor"
)

const (
	bankHolder  = "Kanari Example"
	bankNumber  = "GB33BUKB20201555555555"
	ownBank     = `{"currency":"GBP","paid_after":2,"debtor":{"format":"pain.001.001.09","name":"Example Ltd","account":"GB33BUKB20201555555555","bank":"BUKBGB22","country":"GB"}}`
	firstOfBank = at + "/bank-files/GBP/1"
)

// bankOrder has a payment of some pence to a payee with bank data wait for a file, and returns its id.
func (m *market) bankOrder(payee string, pence money.Minor) string {
	m.t.Helper()
	m.posts++
	m.register(m.book, commerce.Payee{ID: payee, Kind: "creator"})
	_, _, err := m.vault.Write(m.t.Context(), operator, vault.Owner{Book: int32(m.book.ID), Region: m.book.Region}, guard.Book{ID: int32(m.book.ID), Code: m.book.Code},
		"payee:"+payee, map[string]string{"bank_account": bankNumber, "bank_holder": bankHolder}, "A test.")
	m.must(err)
	key, err := processor.Name(fmt.Sprintf("po_%016d", m.posts), 1)
	m.must(err)
	key, err = key.Keep(m.t.Context(), m.now(), 1, func(context.Context) error { return nil })
	m.must(err)
	transfer, err := processor.NewTransfer(key, "payee:"+payee, pence, "GBP", nil)
	m.must(err)
	payout, err := processor.NewPayout(key, "payee:"+payee, processor.Standard, pence, "GBP", nil)
	m.must(err)
	driver := m.bank.Driver(m.book)
	if o := driver.SendTransfer(m.t.Context(), transfer); o.Verdict != processor.Done {
		m.t.Fatalf("transfer: %s %s", o.Verdict, o.Code)
	}
	o := driver.CreatePayout(m.t.Context(), payout)
	if o.Verdict != processor.Done {
		m.t.Fatalf("payout: %s %s", o.Verdict, o.Code)
	}
	return o.Object.ID
}

// upload sends a file as a browser does: the fields of the form, then the file.
func (b *browser) upload(p page, action, currency, file string, status int) page {
	b.h.t.Helper()
	fields, ok := p.forms()[action]
	if !ok {
		b.h.t.Fatalf("the page has no form for %s:\n%s", action, p.source)
	}
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	_ = form.WriteField("form", fields.Get("form"))
	_ = form.WriteField("currency", currency)
	part, err := form.CreateFormFile("file", "report.xml")
	if err != nil {
		b.h.t.Fatal(err)
	}
	_, _ = part.Write([]byte(file))
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
	got := page{source: w.Body.String(), header: w.Header()}
	if w.Code != http.StatusSeeOther {
		if err := got.read(); err != nil {
			b.h.t.Fatal(err)
		}
	}
	if w.Code != status {
		b.h.t.Fatalf("upload: %d, want %d\n%s", w.Code, status, got.Text)
	}
	return got
}

// bankSays is a pain.002 about the first file, of one payment.
func (m *market) bankSays(id, payment, status, code string) string {
	m.t.Helper()
	f, err := m.bank.File(m.t.Context(), m.book, "GBP", 1)
	m.must(err)
	reason := ""
	if code != "" {
		reason = `<StsRsnInf><Rsn><Cd>` + code + `</Cd></Rsn></StsRsnInf>`
	}
	return `<?xml version="1.0" encoding="UTF-8"?><Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.10"><CstmrPmtStsRpt><GrpHdr><MsgId>` + id +
		`</MsgId><CreDtTm>2026-11-23T10:00:00Z</CreDtTm></GrpHdr><OrgnlGrpInfAndSts><OrgnlMsgId>` + f.MessageID + `</OrgnlMsgId><OrgnlMsgNmId>pain.001.001.09</OrgnlMsgNmId></OrgnlGrpInfAndSts>` +
		`<OrgnlPmtInfAndSts><OrgnlPmtInfId>` + f.MessageID + `</OrgnlPmtInfId><TxInfAndSts><OrgnlEndToEndId>` + strings.ReplaceAll(payment, "_", "-") + `</OrgnlEndToEndId><TxSts>` + status + `</TxSts>` + reason +
		`</TxInfAndSts></OrgnlPmtInfAndSts></CstmrPmtStsRpt></Document>`
}

// A file from what waits to what the bank says, as finance sees it.
func TestBankFilePages(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	b := m.in("Fatima", access.Grant{Role: finance, Book: "uk"})
	b.get(at+"/bank-files", 200).has(t, "The book has no bank account", "There is no bank file yet")
	_, err := m.bank.SetAccount(t.Context(), operator, m.book, json.RawMessage(ownBank), "A test.")
	m.must(err)
	first, second := m.bankOrder("cre_amy", 12345), m.bankOrder("cre_bob", 100)
	p := b.get(at+"/bank-files", 200)
	p.has(t, "GBP …5555", "after 2 business days", "124.45 GBP", "Make files now")
	p.hasNot(t, bankNumber)
	b.press(p, at+"/bank-files", nil, http.StatusSeeOther)
	b.get(at+"/bank-files", 200).has(t, "uk-GBP-000001.xml", "Fetch it and hand it to the bank.", "2 in the file")
	one := b.get(firstOfBank, 200)
	one.has(t, "Payments 2", "Sum 124.45 GBP", "cre_amy", "123.45 GBP", "Withdraw the file")
	one.hasNot(t, bankHolder, bankNumber, "The bank has it")
	b.press(one, firstOfBank+"/content", url.Values{"reason": {" "}}, http.StatusBadRequest).has(t, "Nothing was done", "Say why in a few words.")
	b.get(firstOfBank, 200).has(t, "Withdraw the file")
	file := b.press(one, firstOfBank+"/content", url.Values{"reason": {"Pay day."}}, http.StatusOK)
	if !strings.Contains(file.source, bankHolder) || file.header.Get("Content-Disposition") != `attachment; filename="uk-GBP-000001.xml"` || file.header.Get("Content-Type") != "application/octet-stream" {
		t.Errorf("the file: %v\n%s", file.header, file.source)
	}
	one = b.get(firstOfBank, 200)
	one.has(t, "fetched", "The bank has it", "Ask to declare it void")
	one.hasNot(t, "Withdraw the file")
	b.press(one, firstOfBank+"/sent", url.Values{"reason": {"Uploaded."}}, http.StatusSeeOther)
	b.get(firstOfBank, 200).has(t, "sent", "Upload what the bank reports.")

	p = b.get(at+"/bank-files", 200)
	b.upload(p, at+"/bank-reports", "GBP", "<no report>", http.StatusBadRequest).has(t, "Nothing was done", "Nothing was taken from it")
	b.upload(p, at+"/bank-reports", "EUR", "<no report>", http.StatusBadRequest).has(t, "Nothing was done", "no bank account in this currency")
	b.upload(p, at+"/bank-reports", "GBP", strings.Repeat(" ", 17<<20), http.StatusRequestEntityTooLarge).has(t, "Nothing was done", "larger than 16 MiB")
	b.upload(p, at+"/bank-reports", "GBP", m.bankSays("R-1", first, "RJCT", "AC04"), http.StatusForbidden).has(t, "Nothing was done", "Have somebody else upload it")
	other := m.in("Farid", access.Grant{Role: finance, Book: "uk"})
	to := other.upload(other.get(at+"/bank-files", 200), at+"/bank-reports", "GBP", m.bankSays("R-1", first, "RJCT", "AC04"), http.StatusSeeOther).header.Get("Location")
	report := b.get(to, 200)
	report.has(t, "R-1", "ended 1", "AC04", first)
	report.hasNot(t, bankHolder, bankNumber)
	b.get(firstOfBank, 200).has(t, "answered", "failed 1", "AC04")
	again := b.upload(p, at+"/bank-reports", "GBP", m.bankSays("R-1", first, "RJCT", "AC04"), http.StatusSeeOther).header.Get("Location")
	if again != to {
		t.Errorf("the same report leads to %s, first %s", again, to)
	}
	b.upload(p, at+"/bank-reports", "GBP", m.bankSays("R-2", second, "ACSC", ""), http.StatusSeeOther)
	b.get(at+"/bank-files?state=closed", 200).has(t, "uk-GBP-000001.xml", "R-1", "R-2")
	b.get(at+"/bank-files?state=made", 200).has(t, "There are none of these")
}

// A payment that came back after it was paid was carried out, so nobody is offered to declare its file void.
func TestBankFilesThatAreCarriedOut(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	_, err := m.bank.SetAccount(t.Context(), operator, m.book, json.RawMessage(ownBank), "A test.")
	m.must(err)
	paid := m.bankOrder("cre_amy", 12345)
	m.bankOrder("cre_bob", 100)
	_, err = m.bank.MakeFiles(t.Context(), m.book, operator)
	m.must(err)
	_, _, err = m.bank.Content(t.Context(), m.book, "GBP", 1, operator, "A test.")
	m.must(err)
	b := m.in("Fatima", access.Grant{Role: finance, Book: "uk"})
	b.get(firstOfBank, 200).has(t, "Ask to declare it void")
	for _, says := range [][3]string{{"R-1", "ACSC", ""}, {"R-2", "RJCT", "AC04"}} {
		b.upload(b.get(at+"/bank-files", 200), at+"/bank-reports", "GBP", m.bankSays(says[0], paid, says[1], says[2]), http.StatusSeeOther)
	}
	one := b.get(firstOfBank, 200)
	one.has(t, "answered", "failed 1", "in the file 1")
	one.hasNot(t, "Ask to declare it void", "Withdraw the file")
}

// Of a file that was fetched, a second person agrees to its being void.
func TestBankFilesThatAreVoid(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	_, err := m.bank.SetAccount(t.Context(), operator, m.book, json.RawMessage(ownBank), "A test.")
	m.must(err)
	m.bankOrder("cre_amy", 12345)
	_, err = m.bank.MakeFiles(t.Context(), m.book, operator)
	m.must(err)
	b := m.in("Fatima", access.Grant{Role: finance, Book: "uk"})
	stale := b.get(firstOfBank, 200)
	_, _, err = m.bank.Content(t.Context(), m.book, "GBP", 1, operator, "A test.")
	m.must(err)
	b.press(stale, firstOfBank+"/void", url.Values{"reason": {"A mistake."}}, http.StatusForbidden).has(t, "Nothing was done")
	one := b.get(firstOfBank, 200)
	b.press(one, firstOfBank+"/approvals", url.Values{"reason": {"The bank refused it."}}, http.StatusBadRequest)
	asked := b.press(one, firstOfBank+"/approvals", url.Values{"reason": {"The bank refused it."}, "document": {"DOC-1"}}, http.StatusSeeOther).header.Get("Location")
	m.in("Omar", access.Grant{Role: access.Approver, Book: "uk"}).get(asked, 200).has(t, "bank_file.void", "123.45")
}

// Whoever has no right to it finds no form, and cannot send it either; other books' files look missing.
func TestBankFilesOfOthers(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	_, err := m.bank.SetAccount(t.Context(), operator, m.book, json.RawMessage(ownBank), "A test.")
	m.must(err)
	m.bankOrder("cre_amy", 12345)
	_, err = m.bank.MakeFiles(t.Context(), m.book, operator)
	m.must(err)
	page := m.in("Fatima", access.Grant{Role: finance, Book: "uk"}).get(firstOfBank, 200)
	support := m.in("Sam", access.Grant{Role: access.Support, Book: "uk"})
	support.get(firstOfBank, 200).hasNot(t, "<textarea", bankHolder)
	for _, deed := range []string{"/content", "/sent", "/void"} {
		if status, got := support.send(http.MethodPost, firstOfBank+deed, page.forms()[firstOfBank+"/content"]); status != http.StatusForbidden || strings.Contains(got.source, bankHolder) {
			t.Errorf("support and %s: %d", deed, status)
		}
	}
	m.payee(m.book, "cre_amy").get(firstOfBank, 404)
	m.house.book("vn", "Souk VN", "GBP")
	m.in("Other", access.Grant{Role: finance, Book: "vn"}).get(firstOfBank, 404)
	b := m.in("Fadi", access.Grant{Role: finance, Book: "uk"})
	for _, path := range []string{"/bank-files/GBP/2", "/bank-files/GBP/0", "/bank-files/ZZZ/1", "/bank-files/GBP/x", "/bank-reports/x", "/bank-reports/" + strings.Repeat("0", 64)} {
		b.get(at+path, 404)
	}
	for _, path := range []string{"/bank-files?state=lost", "/bank-files?after=x", "/bank-files/GBP/1?after=x", "/bank-files/GBP/1?after=-1", "/bank-files/GBP/1?after=2147483648", "/bank-files/GBP/1?after=9223372036854775808"} {
		b.get(at+path, 400)
	}
}
