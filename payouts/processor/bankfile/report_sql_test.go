package bankfile_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"mizan/ledger/fault"
	"mizan/payouts/processor"
	"mizan/payouts/processor/bankfile"
)

// state of the tables that a report may change.
func (h *house) snapshot() string {
	h.Helper()
	var all []string
	for _, table := range []string{"bank_payments", "bank_files", "bank_payment_steps", "bank_reports", "bank_report_items", "bank_entries", "bank_balances", "audit_rows"} {
		var text *string
		h.ok(h.db.Pool.QueryRow(h.Context(), `SELECT string_agg(x::text, E'\n' ORDER BY x::text) FROM `+table+` x WHERE book_id = $1`, h.book.ID).Scan(&text))
		if text != nil {
			all = append(all, table+"\n"+*text)
		}
	}
	return strings.Join(all, "\n\n")
}

// TestReportsThatDoNotFitChangeNothing.
func TestReportsThatDoNotFitChangeNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.euros(0)
	first := h.many(2)
	f, _ := h.sent()
	h.banked("cre_x", euroBank(40))
	waiting := h.ordered("cre_x", "po_x", 100, "EUR")
	good := reportNamed("GOOD", f, "", said{payment: first[0].ID, status: "ACCP"})
	h.taken(good)
	elsewhere := f
	elsewhere.MessageID = "MZ-EUR-1-AAAAAAAAAAAA"
	counts := func(n int, sum string) string {
		return strings.Replace(report(f, "ACCP"), "<GrpSts>", fmt.Sprintf("<OrgnlNbOfTxs>%d</OrgnlNbOfTxs><OrgnlCtrlSum>%s</OrgnlCtrlSum><GrpSts>", n, sum), 1)
	}
	before := h.snapshot()
	for name, c := range map[string]struct{ text, code string }{
		"the same id, another content": {reportNamed("GOOD", f, "", said{payment: first[0].ID, status: "RJCT", code: "AC04"}), bankfile.ErrReportTaken.Code},
		"a file of nobody":             {report(elsewhere, "ACCP"), bankfile.ErrReportFile.Code},
		"a payment of nobody":          {report(f, "", said{payment: first[0].ID, status: "ACSC"}, said{payment: "po_nobody", status: "RJCT"}), bankfile.ErrReportItem.Code},
		"a payment that waits":         {report(f, "", said{payment: waiting.ID, status: "ACSC"}), bankfile.ErrReportItem.Code},
		"another amount":               {report(f, "", said{payment: first[0].ID, status: "ACSC", amount: "10.01"}), bankfile.ErrReportItem.Code},
		"another count":                {counts(3, "20.01"), bankfile.ErrReportTotals.Code},
		"another sum":                  {counts(2, "20.02"), bankfile.ErrReportTotals.Code},
		"truncated":                    {report(f, "ACCP")[:300], bankfile.ErrReport.Code},
		"nothing":                      {"", bankfile.ErrReport.Code},
		"an entity":                    {`<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "b">]>` + report(f, "ACCP")[38:], bankfile.ErrReport.Code},
		"17 MiB":                       {strings.Repeat(" ", 17<<20), bankfile.ErrReportSize.Code},
	} {
		if r, err := h.take(c.text); fault.CodeOf(err) != c.code || r.Digest != "" {
			t.Errorf("%s: %+v, %v", name, r, err)
		} else if strings.Contains(err.Error(), "nobody") || strings.Contains(err.Error(), first[0].ID) {
			t.Errorf("%s: the error repeats what was given: %v", name, err)
		}
	}
	if h.snapshot() != before {
		t.Error("something was changed")
	}
	if _, err := h.TakeReport(t.Context(), h.book, "GBP", strings.NewReader(report(f, "ACCP")), ben); fault.CodeOf(err) != bankfile.ErrAccountMissing.Code {
		t.Errorf("%v", err)
	}
	h.taken(counts(2, "20.01"))
	h.sound()
}

// TestGroups: what is said of the whole file moves all that no item speaks of.
func TestGroups(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.euros(0)
	all := h.many(3)
	f, _ := h.sent()
	if r := h.taken(report(f, "ACTC")); r.Accepted != 3 {
		t.Errorf("%+v", r)
	}
	if r := h.taken(report(f, "ACCP")); r.Unchanged != 3 {
		t.Errorf("%+v", r)
	}
	r := h.taken(report(f, "RJCT"))
	if r.Failed != 3 {
		t.Errorf("%+v", r)
	}
	for _, p := range all {
		h.state(p, processor.PayoutCancelled, bankfile.CodeRejected)
		h.balance(p.Account, "EUR", p.Amount)
	}
	if got, err := h.File(t.Context(), h.book, "EUR", 1); err != nil || got.State != bankfile.FileClosed {
		t.Errorf("%+v, %v", got, err)
	}
	// Then it says that it has paid after all: nothing moves, and a person is told.
	before := h.count(`SELECT count(*) FROM bank_entries WHERE book_id = $1`, h.book.ID)
	if r := h.taken(report(f, "ACSC")); r.Strange != 3 || r.Settled != 0 {
		t.Errorf("%+v", r)
	}
	if h.count(`SELECT count(*) FROM bank_entries WHERE book_id = $1`, h.book.ID) != before || !strings.Contains(h.logged.String(), "contradicts") {
		t.Error("it moved, or nobody was told")
	}
	h.sound()
}

// TestOneReportFromFiftyIsTakenOnce, by two services.
func TestOneReportFromFiftyIsTakenOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.euros(0)
	all := h.many(4)
	f, _ := h.sent()
	text := report(f, "", said{payment: all[0].ID, status: "RJCT", code: "AC04"}, said{payment: all[1].ID, status: "ACSC"})
	other := h.another()
	var wait sync.WaitGroup
	records := make(chan bankfile.ReportRecord, 50)
	for i := range 50 {
		wait.Go(func() {
			s := h.Service
			if i%2 == 1 {
				s = other
			}
			r, err := s.TakeReport(t.Context(), h.book, "EUR", strings.NewReader(text), ben)
			if err != nil {
				t.Error(err)
			}
			records <- r
		})
	}
	wait.Wait()
	close(records)
	first := <-records
	for r := range records {
		if r != first {
			t.Errorf("%+v, %+v", r, first)
		}
	}
	h.balance(all[0].Account, "EUR", all[0].Amount)
	if n := h.count(`SELECT count(*) FROM bank_payment_steps WHERE book_id = $1 AND report <> ''`, h.book.ID); n != 2 {
		t.Errorf("%d steps", n)
	}
	h.sound()
}

// field writes a field of a record of 94 characters, counted from 1.
func field(record []byte, from int, text string) { copy(record[from-1:], text) }

// returned is a NACHA file of returns for entries of our file: of each, the line as it was sent and the code.
func returned(sent []byte, codes map[int]string) string {
	lines := strings.Split(strings.TrimRight(string(sent), "\n"), "\n")
	var out []string
	header := []byte(lines[0])
	field(header, 4, " 123456789"[:10])
	out = append(out, string(header), lines[1])
	number, hash, sum := 0, int64(0), int64(0)
	entry := 0
	for _, l := range lines {
		if l[0] != '6' {
			continue
		}
		entry++
		code, ok := codes[entry]
		if !ok {
			continue
		}
		number++
		e := []byte(l)
		field(e, 2, "21")
		e[78] = '1'
		trace := "01100001" + fmt.Sprintf("%07d", number)
		field(e, 80, trace)
		a := []byte(strings.Repeat(" ", 94))
		field(a, 1, "799"+code+l[79:94])
		field(a, 28, l[3:11])
		if code[0] == 'C' {
			field(a, 1, "798"+code+l[79:94])
			field(a, 36, "99999")
		}
		field(a, 80, trace)
		out = append(out, string(e), string(a))
		var prefix, amount int64
		fmt.Sscan(strings.TrimLeft(l[3:11], "0"), &prefix)
		fmt.Sscan(strings.TrimLeft(l[29:39], "0"), &amount)
		if code[0] == 'C' {
			field([]byte(out[len(out)-2]), 30, "0000000000")
		}
		hash, sum = hash+prefix, sum+amount
	}
	control := []byte(strings.Repeat(" ", 94))
	field(control, 1, fmt.Sprintf("8%s%06d%010d%012d%012d%s", lines[1][1:4], 2*number, hash, 0, sum, lines[1][40:50]))
	field(control, 80, lines[1][79:94])
	out = append(out, string(control))
	end := []byte(strings.Repeat(" ", 94))
	blocks := (len(out) + 1 + 9) / 10
	field(end, 1, fmt.Sprintf("9%06d%06d%08d%010d%012d%012d", 1, blocks, 2*number, hash, 0, sum))
	out = append(out, string(end))
	for len(out)%10 != 0 {
		out = append(out, strings.Repeat("9", 94))
	}
	return strings.Join(out, "\n") + "\n"
}

// TestAmericanReturns come by trace number, and silence is payment.
func TestAmericanReturns(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.dollars(2)
	var all []processor.Payout
	for i := range 3 {
		payee := fmt.Sprintf("cre_%d", i)
		h.banked(payee, dollarBank(i))
		all = append(all, h.ordered(payee, fmt.Sprintf("po_%d", i), 1000, "USD"))
		h.clock.advance(time.Second)
	}
	f, content := h.sent()
	text := returned(content, map[int]string{1: "R03", 3: "R09"})
	r, err := h.TakeReport(t.Context(), h.book, "USD", strings.NewReader(text), ben)
	if err != nil || r.Failed != 2 || r.File != f.Number {
		t.Fatalf("%+v, %v\n%s", r, err, text)
	}
	h.state(all[0], processor.PayoutFailed, "R03")
	h.state(all[1], processor.PayoutInTransit, "")
	h.state(all[2], processor.PayoutCancelled, "R09")
	h.clock.advance(5 * 24 * time.Hour)
	if n, err := h.Settle(t.Context(), h.book); err != nil || n != 1 {
		t.Errorf("%d, %v", n, err)
	}
	got := h.state(all[1], processor.PayoutPaid, "")
	if got.Trace == "" {
		t.Errorf("%+v", got)
	}
	h.sound()
}
