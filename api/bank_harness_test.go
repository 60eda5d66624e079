package api

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"mizan/api/access"
	"mizan/ledger"
	"mizan/ledger/money"
	"mizan/payouts/processor"
)

// What the tests of bank files need: a bank account, payees with bank data, payments that wait, and what a bank says.

const (
	bankAccounts = "/v1/books/uk/bank-accounts"
	bankFiles    = "/v1/books/uk/bank-files"
	bankReports  = "/v1/books/uk/bank-reports"
	// canaryHolder stands in the bank data of payees and in files, and nowhere else.
	canaryHolder = "Kanari Example"
	ownAccount   = `"currency":"GBP","paid_after":2,"debtor":{"format":"pain.001.001.09","name":"Example Ltd","account":"GB33BUKB20201555555555","bank":"BUKBGB22","country":"GB"}`
)

// bankAccount gives the book uk a bank account.
func (h *house) bankAccount() {
	h.t.Helper()
	h.must(201, "POST", bankAccounts, `{`+ownAccount+`,"reason":"For the tests."}`)
}

// banked gives a payee bank data.
func (h *house) banked(payee string) {
	h.t.Helper()
	h.must(200, "PATCH", "/v1/books/uk/data_subjects/payee:"+payee, `{"fields":{"bank_account":"GB33BUKB20201555555555","bank_holder":"`+canaryHolder+`"},"reason":"For the tests."}`)
}

// orderedByBank has a payment of some pence to a payee wait for a file, and returns its id.
func (h *house) orderedByBank(payee string, pence money.Minor) string {
	h.t.Helper()
	book, err := h.ledger.Book(h.t.Context(), "uk")
	if err != nil {
		h.t.Fatal(err)
	}
	return h.orderedIn(book, payee, pence)
}

func (h *house) orderedIn(book ledger.Book, payee string, pence money.Minor) string {
	h.t.Helper()
	h.gifts++
	h.clock.forward(time.Microsecond) // what was ordered first comes first
	driver := h.bank.Driver(book)
	key, err := processor.Name(fmt.Sprintf("po_%016d", h.gifts), 1)
	if err == nil {
		key, err = key.Keep(h.t.Context(), h.clock.now(), 1, func(context.Context) error { return nil })
	}
	if err != nil {
		h.t.Fatal(err)
	}
	transfer, err := processor.NewTransfer(key, payeePrefix+payee, pence, "GBP", nil)
	if err != nil {
		h.t.Fatal(err)
	}
	if o := driver.SendTransfer(h.t.Context(), transfer); o.Verdict != processor.Done {
		h.t.Fatalf("transfer: %s %s", o.Verdict, o.Code)
	}
	payout, err := processor.NewPayout(key, payeePrefix+payee, processor.Standard, pence, "GBP", nil)
	if err != nil {
		h.t.Fatal(err)
	}
	o := driver.CreatePayout(h.t.Context(), payout)
	if o.Verdict != processor.Done {
		h.t.Fatalf("payout: %s %s", o.Verdict, o.Code)
	}
	return o.Object.ID
}

// madeFile makes the next file and returns its path and what it reads.
func (h *house) madeFile() (path string, file map[string]any) {
	h.t.Helper()
	list := h.must(201, "POST", bankFiles, `{}`).json(h.t)["data"].([]any)
	if len(list) != 1 {
		h.t.Fatalf("%d files", len(list))
	}
	file = list[0].(map[string]any)
	return bankFiles + "/GBP/" + strconv.Itoa(int(file["number"].(float64))), file
}

// said is a pain.002 about a file; each item is a payment, a status and perhaps a code.
func said(id string, file map[string]any, items ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `<?xml version="1.0" encoding="UTF-8"?><Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.10"><CstmrPmtStsRpt><GrpHdr><MsgId>%s</MsgId><CreDtTm>2026-11-23T10:00:00Z</CreDtTm></GrpHdr>`+
		`<OrgnlGrpInfAndSts><OrgnlMsgId>%s</OrgnlMsgId><OrgnlMsgNmId>pain.001.001.09</OrgnlMsgNmId></OrgnlGrpInfAndSts><OrgnlPmtInfAndSts><OrgnlPmtInfId>%[2]s</OrgnlPmtInfId>`, id, file["message_id"])
	for _, item := range items {
		f := append(strings.Fields(item), "")
		fmt.Fprintf(&b, `<TxInfAndSts><OrgnlEndToEndId>%s</OrgnlEndToEndId><TxSts>%s</TxSts>`, strings.ReplaceAll(f[0], "_", "-"), f[1])
		if f[2] != "" {
			fmt.Fprintf(&b, `<StsRsnInf><Rsn><Cd>%s</Cd></Rsn></StsRsnInf>`, f[2])
		}
		b.WriteString(`</TxInfAndSts>`)
	}
	b.WriteString(`</OrgnlPmtInfAndSts></CstmrPmtStsRpt></Document>`)
	return b.String()
}

// renewBank makes what an operation on bank files uses up: a file, fetched where it has to be, and a report of it.
func (f *fixture) renewBank(h *house, op *Operation) {
	if f.own["currency"] = "GBP"; strings.Contains(op.Path, "bank-accounts") {
		return
	}
	if f.bodies["take-bank-report"] == "" {
		h.bankAccount()
		h.banked("cre_amy")
	}
	payment := h.orderedByBank("cre_amy", 100)
	if op.ID == "make-bank-files" {
		return
	}
	path, file := h.madeFile()
	f.own["number"] = path[strings.LastIndex(path, "/")+1:]
	f.bodies["take-bank-report"] = said("R-"+f.own["number"], file, payment+" ACCP")
	switch op.ID {
	case "send-bank-file", "take-bank-report", "get-bank-report", "list-bank-report-items":
		h.must(200, "POST", path+"/content", `{"reason":"For the tests."}`)
	}
	if strings.Contains(op.Path, "{digest}") {
		report := h.request(&caller{key: testKey}, "POST", bankReports+"?currency=GBP", f.bodies["take-bank-report"])
		if report.StatusCode != 200 {
			h.t.Fatal(report.body)
		}
		f.own["digest"] = report.json(h.t)["sha256"].(string)
	}
}

// checkoutKey is the key of a service that asks for payouts, and has no business with anybody's bank data.
func (h *house) checkoutKey() string {
	_, key := h.key(access.NewKey{Scopes: []access.Scope{access.EventsWrite, access.PayoutsWrite, access.PayoutsRead}, Books: []string{"uk"}})
	return key
}
