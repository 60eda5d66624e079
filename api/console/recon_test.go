package console

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"mizan/api/access"
	"mizan/ledger"
	"mizan/ledger/locale"
	"mizan/ledger/money"
	"mizan/ledger/tabular"
	"mizan/payouts/reconcile"
	"mizan/payouts/reconcile/evidence"
	"mizan/payouts/reports"
)

const (
	reconAt     = at + reconPath
	bankSource  = reconAt + "/sources/bank/main"
	ownAccount  = "GB33BUKB20201555555555"
	bankWrote   = "Kanari <b>Vogel</b>"
	processorAt = reconAt + "/sources/processor/main"
)

// statementOf is a bank statement of one day with lines of these amounts.
func statementOf(t *testing.T, on time.Time, opening money.Minor, amounts ...money.Minor) string {
	t.Helper()
	day := time.Date(on.Year(), on.Month(), on.Day(), 0, 0, 0, 0, time.UTC)
	x := evidence.Statement{ID: fmt.Sprintf("S-%s-%d", day.Format("0102"), opening), Account: ownAccount, Currency: "GBP", From: day, Until: day, Opening: opening, Closing: opening, Proved: true}
	for i, amount := range amounts {
		id := fmt.Sprintf("B%s-%d", day.Format("0102"), i)
		x.Lines = append(x.Lines, evidence.Line{ID: id, Amount: amount, Booked: day, Value: day, EndToEnd: "E2E-" + id, Code: "PMNT/RCDT/ESCT", Text: bankWrote})
		x.Closing += amount
	}
	content, err := evidence.Render(evidence.CAMT053, []evidence.Statement{x})
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// withBank sets up the bank account as a person does, and brings a statement with money that nobody knows.
func (m *market) withBank(b *browser) {
	m.t.Helper()
	to := b.press(b.get(reconAt, 200), reconAt+"/sources", url.Values{"name": {"main"}, "currency": {"GBP"}, "format": {"camt.053"}, "identification": {ownAccount}, "operating": {"yes"}},
		http.StatusSeeOther).header.Get("Location")
	if to != bankSource {
		m.t.Fatalf("the source is at %s", to)
	}
	b.upload(b.get(bankSource, 200), bankSource+"/statements", "", statementOf(m.t, m.now(), 10000, 12345, -500), http.StatusSeeOther)
}

// onlyBreak is the only break of a class.
func (m *market) onlyBreak(class reconcile.Class) reconcile.Break {
	m.t.Helper()
	list, err := m.reconcile.Breaks(m.t.Context(), m.book, reconcile.BreakQuery{Class: class, Limit: 10})
	m.must(err)
	if len(list) != 1 {
		m.t.Fatalf("%d breaks of %s", len(list), class)
	}
	return list[0]
}

// A statement comes in, is compared, and what nobody knows is a break in suspense with both its sides.
func TestReconciliationOfABank(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	b := m.in("Fatima", access.Grant{Role: finance, Book: "uk"})
	b.get(reconAt, 200).has(t, "No source yet", "No break is open", "Nothing waits in suspense", "it was never looked at")
	b.get(reconAt+"/runs", 200).has(t, "There was no run yet")
	b.get(at+breaksPath, 200).has(t, "No break is open")
	m.withBank(b)
	page := b.get(bankSource, 200)
	page.has(t, "Bank main", "come to its closing", "100.00", "218.45 GBP", "Not compared yet 2")
	page.hasNot(t, ownAccount, "Vogel")
	b.upload(page, bankSource+"/statements", "", statementOf(t, m.now(), 10000, 12345, -500), http.StatusSeeOther)
	b.upload(page, bankSource+"/statements", "", "<no statement>", http.StatusBadRequest).has(t, "Nothing was done")
	b.upload(page, bankSource+"/statements", "", strings.Repeat(" ", 17<<20), http.StatusRequestEntityTooLarge).has(t, "Nothing was done", "16 MiB")
	to := b.press(page, bankSource+"/runs", nil, http.StatusSeeOther).header.Get("Location")
	run := b.get(to, 200)
	run.has(t, "Bank main, run 1", "Opening", "Closing", "the difference is in open items", "What it found")
	b.get(reconAt, 200).has(t, "compared", "within the hour", "Money that came, and nobody knows what for 123.45 GBP", "up to 1 day")
	b.get(reconAt+"/runs", 200).has(t, "Bank main, 1", "bank against books")

	id := strings.TrimPrefix(to, reconAt+"/runs/")
	b.press(run, to+"/replays", nil, http.StatusOK).has(t, "Made again: the same")
	document := b.get(to+"/document", 200)
	sum := sha256.Sum256([]byte(document.source))
	run.has(t, hex.EncodeToString(sum[:]), id)
	if d := document.header.Get("Content-Disposition"); d != `attachment; filename="uk-R2-1.json"` {
		t.Errorf("the document is called %s", d)
	}
	found := b.get(at+breaksPath+"?currency=GBP", 200)
	if !strings.Contains(found.source, "B1121-0") || found.Rows != 3 {
		t.Errorf("%d rows: %s", found.Rows, found.Text)
	}
	b.press(b.get(reconAt, 200), reconAt+"/inside", nil, http.StatusSeeOther)
	b.get(reconAt, 200).has(t, "The book against itself Last run within the hour")
}

// What a bank writes of people stands on pages for those only who may read of people, and as text.
func TestBreakPage(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	b := m.in("Fatima", access.Grant{Role: finance, Book: "uk"})
	m.withBank(b)
	b.press(b.get(bankSource, 200), bankSource+"/runs", nil, http.StatusSeeOther)
	list, err := m.reconcile.Breaks(t.Context(), m.book, reconcile.BreakQuery{Open: true, Limit: 10})
	m.must(err)
	var came reconcile.Break
	for _, x := range list {
		if x.Amount == 12345 {
			came = x
		}
	}
	one := at + breaksPath + "/" + came.ID
	page := b.get(one, 200)
	page.has(t, "What the other side says", "They have nothing of this", "123.45 GBP", "found by a run", bankWrote)
	page.hasNot(t, "<b>Vogel")
	m.in("Auda", access.Grant{Role: access.Auditor, Book: "uk"}).get(one, 200).hasNot(t, "Vogel", "<textarea")

	b.press(page, one+"/assign", url.Values{"owner": {"bad owner!"}}, http.StatusBadRequest).has(t, "Nothing was done")
	b.press(page, one+"/assign", url.Values{"owner": {"treasury"}}, http.StatusSeeOther)
	b.press(page, one+"/note", url.Values{"note": {"stale"}}, http.StatusConflict).has(t, "Look at it again")
	page = b.get(one, 200)
	page.has(t, "given to somebody", "treasury")
	b.press(page, one+"/explain", url.Values{"note": {"<script>alert(1)</script>"}, "by": {"soon"}}, http.StatusBadRequest).has(t, "by which day", "<script>alert(1)</script>")
	b.press(page, one+"/explain", url.Values{"note": {"x"}, "by": {"soon"}, "list": {"source=bank/main"}}, http.StatusBadRequest).has(t, "Nothing was done", "by which day")
	to := b.press(page, one+"/explain", url.Values{"note": {"<script>alert(1)</script>\r\nsecond"}, "document": {"doc-7"}, "by": {"2026-12-24"}, "list": {"source=bank/main"}}, http.StatusSeeOther).header.Get("Location")
	page = b.get(to, 200)
	page.has(t, "It is explained", "It posted nothing.", "explained", "<script>alert(1)</script>", "doc-7")
	// What comes next is the next one of the list that the page was opened from, and the list ends.
	seen := []string{came.ID}
	for range list {
		next, _, ok := strings.Cut(page.source, `" accesskey="n"`)
		if !ok {
			break
		}
		next = strings.ReplaceAll(next[strings.LastIndex(next, `href="`)+len(`href="`):], "&amp;", "&")
		if !strings.HasSuffix(next, "?source=bank%2Fmain") {
			t.Fatalf("the next break is at %s", next)
		}
		page = b.get(next, 200)
		seen = append(seen, next)
	}
	page.has(t, "This is the last break of the list.", "Back to the list")
	if first := b.get(at+breaksPath+"?source=bank/main", 200); !strings.Contains(first.source, one+"?source=bank%2Fmain") || len(seen) > len(list) {
		t.Errorf("the list leads to %v", seen)
	}
	b.get(one+"?done=other", 200).hasNot(t, "It is explained")
	for _, wrong := range []string{"?state=lost", "?source=bank/none", "?age=x"} {
		b.get(one+wrong, http.StatusBadRequest)
	}
	b.get(one+"?lang=ar", 200).has(t, "ما يقوله الطرف الآخر", "مفسَّر", "العودة إلى القائمة")
	page = b.get(one, 200)
	b.press(page, one+"/note", url.Values{"note": {"Asked the bank."}}, http.StatusSeeOther)
	page = b.get(one, 200)
	page.has(t, "Asked the bank.")
	b.get(to, 200).hasNot(t, "It is explained")
	b.press(page, one+"/reopen", url.Values{"note": {"Not so."}}, http.StatusSeeOther)
	b.get(at+breaksPath+"?owner=treasury&class="+string(came.Class), 200).has(t, "123.45 GBP", "open")
	b.get(at+breaksPath+"?source=bank/main", 200).has(t, "123.45 GBP")
	b.get(at+breaksPath+"?source=bank/none", http.StatusBadRequest)
	b.get(at+breaksPath+"?state=explained", 200).has(t, "There are none of these")
	b.get(at+breaksPath+"?age=31", 200).has(t, "No break is like this")
}

// Money that nobody knows is placed by two people.
func TestBreakIsPutRight(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	b := m.in("Fatima", access.Grant{Role: finance, Book: "uk"})
	m.withBank(b)
	b.press(b.get(bankSource, 200), bankSource+"/runs", nil, http.StatusSeeOther)
	list, err := m.reconcile.Breaks(t.Context(), m.book, reconcile.BreakQuery{Open: true, Limit: 10})
	m.must(err)
	for _, x := range list {
		if x.Suspense == 0 {
			t.Errorf("nothing of %s waits in suspense: %s", x.ID, x.Held)
		}
		one := at + breaksPath + "/" + x.ID
		page := b.get(one, 200)
		reason := url.Values{"reason": {"The bank says so."}, "document": {"doc-1"}}
		b.press(page, one+"/fix", reason, http.StatusBadRequest).has(t, "at least one account")
		var asked string
		if x.Amount < 0 {
			reason["to"] = []string{"expenses:bad_debt"}
			asked = b.press(page, one+"/write-off", reason, http.StatusSeeOther).header.Get("Location")
		} else {
			for name, value := range map[string]string{"account1": "revenue:other", "direction1": "credit", "amount1": "123.46"} {
				reason.Set(name, value)
			}
			refused := b.press(page, one+"/fix", reason, http.StatusBadRequest)
			refused.has(t, "Nothing was done")
			reason["account1"], reason["amount1"] = []string{"liabilities:customer_refund_due:cus_1"}, []string{"123.45"}
			reason["preview"] = []string{"1"}
			seen := b.press(page, one+"/fix", reason, http.StatusOK)
			seen.has(t, "What it would do", "liabilities:suspense", "123.45 0.00", "0.00 123.45", "leave suspense")
			seen.hasNot(t, "A second person is asked about it already")
			// The page serves the form as it was sent, the sides of its lines too.
			again := seen.served(one + "/fix")
			again["preview"], again["direction2"] = []string{"1"}, []string{"debit"}
			again = b.post(one+"/fix", again, http.StatusOK).served(one + "/fix")
			if sides := again.Get("direction1") + again.Get("direction2") + again.Get("direction3"); sides != "creditdebitcredit" || again.Get("amount1") != "123.45" {
				t.Errorf("the form is served with %v", again)
			}
			asked = b.post(one+"/fix", again, http.StatusSeeOther).header.Get("Location")
		}
		b.get(one, 200).has(t, "A second person is asked about it already")
		second := m.in("Omar"+x.ID[4:8], access.Grant{Role: access.Approver, Book: "uk"})
		approval := second.get(asked, 200)
		approval.has(t, "break.", x.ID)
		second.press(approval, asked+"/approve", nil, http.StatusSeeOther)
		done := b.get(one, 200)
		done.has(t, "by two people", "Ended by")
		done.hasNot(t, "Say where it belongs", "Give up on it")
	}
	b.get(reconAt, 200).has(t, "Nothing waits in suspense")
	b.get(at+breaksPath+"?state=all", 200).has(t, "put right", "written off")
}

// What no posting puts right is ended by two people, and nothing is posted.
func TestBreakIsAccepted(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	b := m.in("Fatima", access.Grant{Role: finance, Book: "uk"})
	m.withBank(b)
	b.upload(b.get(bankSource, 200), bankSource+"/statements", "", statementOf(t, m.now().AddDate(0, 0, -3), 500, 100), http.StatusSeeOther)
	b.press(b.get(reconAt, 200), reconAt+"/inside", nil, http.StatusSeeOther)
	x := m.onlyBreak(reconcile.EvidenceIncomplete)
	one := at + breaksPath + "/" + x.ID
	asked := b.press(b.get(one, 200), one+"/fix-by-accepting", url.Values{"reason": {"The bank has none."}, "document": {"doc-1"}}, http.StatusSeeOther).header.Get("Location")
	second := m.in("Omar", access.Grant{Role: access.Approver, Book: "uk"})
	approval := second.get(asked, 200)
	approval.has(t, x.ID, "posts nothing", "It does not come again while it stays what it is")
	second.press(approval, asked+"/approve", nil, http.StatusSeeOther)
	done := b.get(one, 200)
	done.has(t, "by two people", "Nothing was posted")
	done.hasNot(t, "There is nothing to post", "Ended by")
	b.press(b.get(reconAt, 200), reconAt+"/inside", nil, http.StatusSeeOther)
	if x = m.onlyBreak(reconcile.EvidenceIncomplete); !x.Ended() {
		t.Errorf("it comes again: %+v", x)
	}
}

// A processor is pulled and compared.
func TestReconciliationOfAProcessor(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	m.earn("seller", "sel_uk", "available", 5000)
	_, err := m.reconcile.Pull(t.Context(), m.turn(), "main")
	m.must(err)
	b := m.in("Fatima", access.Grant{Role: finance, Book: "uk"})
	page := b.get(processorAt, 200)
	page.has(t, "Processor main", "It says At, UTC Available", "The lines come to what the source says")
	_, err = m.sim.AddCharge(700, 10, "gbp", 0, nil)
	m.must(err)
	b.press(b.get(reconAt, 200), processorAt+"/pulls", nil, http.StatusSeeOther)
	to := b.press(b.get(processorAt, 200), processorAt+"/runs", nil, http.StatusSeeOther).header.Get("Location")
	b.get(to, 200).has(t, "Processor main, run 1", "Charges", "Fees", "57.00")
	b.send(http.MethodPost, bankSource+"/pulls", nil)
	b.get(reconAt+"/sources/bank/none", 404)
	b.get(reconAt+"/sources/none/main", 404)
	b.get(reconAt+"/sources/bank/a%00b", 404)
}

// Suggestions are confirmed and refused where they stand.
func TestSuggestions(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	b := m.in("Fatima", access.Grant{Role: finance, Book: "uk"})
	b.get(at+pairingsPath, 200).has(t, "Nothing is suggested")
	for i := range 2 {
		m.post(m.book, fmt.Sprintf("came-%d", i), sale("assets:bank:operating:main", "liabilities:seller:available:sel_uk", 12345, "GBP"))
	}
	m.withBank(b)
	b.press(b.get(bankSource, 200), bankSource+"/runs", nil, http.StatusSeeOther)
	list, err := m.reconcile.Pairings(t.Context(), m.book, pairingSuggested, "", 10)
	m.must(err)
	if len(list) != 2 {
		t.Fatalf("%d suggestions", len(list))
	}
	page := b.get(at+pairingsPath, 200)
	page.has(t, "one line, one entry", "the same amount near the same day", "123.45 GBP", "E2E-B")
	page.hasNot(t, "What the source says otherwise")
	// Both have the same line, so that they cannot both be: then none is made, and none of those with one that is gone.
	together := at + pairingsPath + "/confirm"
	b.press(page, together, url.Values{"pairing": {list[0].ID, list[1].ID}}, http.StatusConflict).has(t, "Nothing was", list[0].ID, list[1].ID, "Tick one of the two")
	b.press(page, together, url.Values{"pairing": {list[0].ID, "par_none"}}, http.StatusConflict).has(t, "Nothing was done")
	if still, err := m.reconcile.Pairings(t.Context(), m.book, pairingSuggested, "", 10); err != nil || len(still) != 2 {
		t.Fatalf("%d suggestions are left, %v", len(still), err)
	}
	m.saidOtherwise(m.book, list[0])
	page = b.get(at+pairingsPath, 200)
	page.has(t, "What the source says otherwise", "fee 0.00 1.25")
	ambiguous := m.onlyBreak(reconcile.Ambiguous)
	to := b.press(page, at+pairingsPath+"/"+list[0].ID+"/refuse", url.Values{"note": {"<i>no</i>"}, "break": {ambiguous.ID}}, http.StatusSeeOther).header.Get("Location")
	b.get(to, 200).has(t, phrases().Say(locale.English, "break.did.refuse"))
	for _, other := range []string{strings.Replace(to, list[0].ID, list[1].ID, 1), strings.Replace(to, "done=refuse", "done=confirm", 1)} {
		b.get(other, 200).hasNot(t, phrases().Say(locale.English, "break.did.refuse"), phrases().Say(locale.English, "break.did.confirm"))
	}
	b.get(at+pairingsPath+"?state=refused", 200).has(t, "<i>no</i>", "refused")
	one := b.get(at+breaksPath+"/"+ambiguous.ID, 200)
	one.has(t, "Could belong together")
	b.press(page, at+pairingsPath+"/confirm", nil, http.StatusBadRequest).has(t, "Tick the suggestions")
	b.press(page, at+pairingsPath+"/confirm", url.Values{"pairing": {list[1].ID}, "note": {"All of them."}}, http.StatusSeeOther)
	b.get(at+pairingsPath+"?state=made", 200).has(t, "made")
	b.press(page, at+pairingsPath+"/"+list[1].ID+"/confirm", nil, http.StatusConflict).has(t, "Nothing was done")
}

// A month has a checklist, and is closed and opened again by two people; its closings are a chain.
func TestPeriodPages(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	b := m.in("Fatima", access.Grant{Role: finance, Book: "uk"})
	b.get(at+periodsPath, 200).has(t, "Nothing was posted yet", "No month was closed yet")
	m.post(m.book, "a", sale("assets:bank:operating:main", "liabilities:seller:available:sel_uk", 100, "GBP"))
	b.get(at+periodsPath, 200).has(t, "2026-11 open not over")
	november := at + periodsPath + "/2026-11"
	page := b.get(november, 200)
	page.has(t, "Checklist", "blocks the close", "Accept as it stands")
	list, err := m.reconcile.Checklist(t.Context(), m.book, 202611)
	m.must(err)
	for _, i := range list.Items { // other languages say an item by its code
		if said := (teller{locale.English}).say("close.item." + i.Code); said != i.Title {
			t.Errorf("%s: %q, and the checklist says %q", i.Code, said, i.Title)
		}
		for _, l := range locale.Languages {
			if _, detail := (teller{l}).itemTold(i); detail == "" || l != locale.English && detail == i.Detail {
				t.Errorf("%s says %q of %s", l, detail, i.Code)
			}
		}
	}
	b.get(november+"?lang=ar", 200).has(t, "قائمة التحقق", "يمنع الإغلاق")
	m.forward(30 * 24 * time.Hour)
	_, err = m.reconcile.CompareInside(t.Context(), m.turn(), m.book)
	m.must(err)
	b = m.in("Farid", access.Grant{Role: finance, Book: "uk"})
	second := m.in("Oman", access.Grant{Role: access.Approver, Book: "uk"})
	page = b.get(november, 200)
	page.has(t, "Ask to close", "Closing a month means", "Exports of this month There are none yet.")
	var accept []string
	for _, part := range strings.Split(page.source, `name="accept" value="`)[1:] {
		code, _, _ := strings.Cut(part, `"`)
		accept = append(accept, code)
	}
	b.press(page, november+"/close", url.Values{"reason": {""}}, http.StatusBadRequest).has(t, "Nothing was done")
	seen := b.press(page, november+"/close", url.Values{"reason": {"November is done."}, "accept": accept, "preview": {"1"}}, http.StatusOK)
	seen.has(t, "What it would do", "It posts nothing.")
	again := seen.served(november + "/close")
	if len(accept) == 0 || len(again["accept"]) != len(accept) {
		t.Errorf("of %v the page keeps %v ticked", accept, again["accept"])
	}
	// However much else waits, what waits about the month is found, and so are adjustments.
	for i := range approvalsLooked + 1 {
		m.ask(m.book, program, fmt.Sprintf(`{"x":%d}`, i), "It waits.")
	}
	asked := b.post(november+"/close", again, http.StatusSeeOther).header.Get("Location")
	const adjusting = at + adjustmentsPath
	b.file(b.get(adjusting, 200), adjusting, url.Values{"reference": {"adj-1"}, "reason_code": {"goodwill"}, "reason": {"Ours."}, "document": {"d-1"}, "account1": {"expenses:goodwill"}, "direction1": {"debit"}, "amount1": {"5.00"}, "currency1": {"GBP"},
		"account2": {"liabilities:seller:available:sel_uk"}, "direction2": {"credit"}, "amount2": {"5.00"}, "currency2": {"GBP"}}, "", "", http.StatusSeeOther)
	b.get(adjusting, 200).hasNot(t, "No adjustment waits.")
	waits := b.get(november, 200)
	waits.has(t, "A second person is asked about it already.")
	waits.hasNot(t, "Ask to close")
	trial := b.get(at+exportsPath+"/new?p-from=2026-11&p-to=2026-11&report=trial_balance", 200)
	if !strings.Contains(trial.source, `value="2026-11"`) || !strings.Contains(page.source, "/new?p-from=2026-11&amp;p-to=2026-11&amp;report=trial_balance") {
		t.Error("the page of a month does not lead to its trial balance")
	}
	b.press(trial, at+exportsPath, url.Values{"p-from": {"2026-11"}, "p-to": {"2026-11"}, "format": {"csv"}, "language": {"en"}}, http.StatusSeeOther)
	b.get(november, 200).has(t, "Exports of this month Trial balance made")
	second.press(second.get(asked, 200), asked+"/approve", nil, http.StatusSeeOther)
	closed := b.get(november, 200)
	closed.has(t, "closed", "Closings of this month", "November is done.", "Control totals")
	closed.hasNot(t, "Ask to close")
	chain, err := m.reconcile.Closings(t.Context(), m.book, 0, 10)
	m.must(err)
	b.get(at+periodsPath, 200).has(t, "2026-11 closed", hex.EncodeToString(chain[0].Hash[:]))
	asked = b.press(closed, november+"/reopen", url.Values{"reason": {"An invoice came late."}}, http.StatusSeeOther).header.Get("Location")
	second.press(second.get(asked, 200), asked+"/approve", nil, http.StatusSeeOther)
	b.get(at+periodsPath, 200).has(t, "opened again", "An invoice came late.")
	// Of more closings than a page shows the newest come first, and the oldest last.
	m.reopenings(m.book, 3, closingsShown+2)
	newest := b.get(at+periodsPath, 200)
	newest.has(t, fmt.Sprintf("Reason number %d.", closingsShown+2), "Reason number 3.", "More")
	newest.hasNot(t, "November is done.")
	if n := strings.Count(newest.Text, "opened again"); n != closingsShown+1 {
		t.Errorf("%d times: November does not show its last closing, which is further back", n)
	}
	oldest := b.get(at+periodsPath+"?before=3", 200)
	oldest.has(t, "An invoice came late.", "November is done.")
	oldest.hasNot(t, "Reason number", "More")
	b.get(at+periodsPath+"?before=2000000000000000000", 200).has(t, fmt.Sprintf("Reason number %d.", closingsShown+2))
}

// An export is asked for, shows its manifest, and leaves as the file that the manifest is of.
func TestExportPages(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	m.earn("seller", "sel_uk", "available", 5000)
	b := m.in("Fatima", access.Grant{Role: finance, Book: "uk"})
	list := b.get(at+exportsPath, 200)
	list.has(t, "Choose a report", "Nobody has asked for an export yet")
	form := b.get(at+exportsPath+"/new?report=trial_balance", 200)
	b.press(form, at+exportsPath, url.Values{"format": {"csv"}, "p-from": {"<b>"}, "p-to": {"2026-11"}}, http.StatusBadRequest).has(t, "Nothing was done", "not written as")
	b.press(form, at+exportsPath, url.Values{"format": {"pdf"}}, http.StatusBadRequest).has(t, "Nothing was done")
	to := b.press(form, at+exportsPath, url.Values{"format": {"csv"}, "p-from": {"2026-11"}, "p-to": {"2026-11"}, "p-detail": {"account"}, "p-other": {"x"}}, http.StatusSeeOther).header.Get("Location")
	page := b.get(to, 200)
	page.has(t, "made", "Rows", "Download", "from 2026-11", "detail account")
	file := b.press(page, to+"/content", nil, 200)
	manifest, err := tabular.ReadManifest(bytes.NewReader([]byte(b.get(to+"/manifest", 200).source)))
	m.must(err)
	if sum := sha256.Sum256([]byte(file.source)); hex.EncodeToString(sum[:]) != manifest.SHA256 || !strings.Contains(file.header.Get("Content-Disposition"), "trial_balance-uk-v") {
		t.Errorf("the file is %x, not %s", sum, manifest.SHA256)
	}
	b.get(at+exportsPath, 200).has(t, "csv", "made")
	support := m.in("Sam", access.Grant{Role: access.Support, Book: "uk"})
	for _, path := range []string{to, to + "/manifest", at + exportsPath} {
		support.get(path, 404)
	}
	if status, got := support.send(http.MethodPost, to+"/content", support.get("/console", 200).forms()["/sign-out"]); status != 404 || strings.Contains(got.source, "5000") {
		t.Errorf("support fetches an export: %d", status)
	}
	b.get(at+exportsPath+"/new?report=none", 400)
	b.get(at+exportsPath+"/exp_none", 404)
	// Months and days are those of the book: at three in the morning of December in Jakarta it is not November.
	_, _, err = m.ledger.CreateBook(t.Context(), ledger.NewBook{Code: "jk", Name: "Souk Jakarta", Currencies: []money.Currency{"IDR"}, TimeZone: "Asia/Jakarta", Market: "ID"})
	m.must(err)
	m.forward(time.Date(2026, 11, 30, 20, 0, 0, 0, time.UTC).Sub(m.now()))
	inJakarta := m.in("Farah", access.Grant{Role: finance, Book: "jk"}).get("/console/books/jk"+breaksPath, 200)
	if !strings.Contains(inJakarta.source, "p-on=2026-12-01") {
		t.Errorf("the list of breaks leads to no report of today:\n%s", inJakarta.source)
	}
}

// Whoever has no right to it finds no form and cannot send it; another book's things look missing; no address is a fault.
func TestReconciliationOfOthers(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	b := m.in("Fatima", access.Grant{Role: finance, Book: "uk"})
	m.withBank(b)
	to := b.press(b.get(bankSource, 200), bankSource+"/runs", nil, http.StatusSeeOther).header.Get("Location")
	list, err := m.reconcile.Breaks(t.Context(), m.book, reconcile.BreakQuery{Open: true, Limit: 1})
	m.must(err)
	one := at + breaksPath + "/" + list[0].ID
	m.house.book("vn", "Souk VN", "GBP")
	other := m.in("Other", access.Grant{Role: finance, Book: "vn"})
	for _, path := range []string{to, to + "/document", one, bankSource, reconAt, at + periodsPath, at + exportsPath} {
		other.get(path, 404)
		m.payee(m.book, "cre_amy").get(path, 404)
	}
	for _, path := range []string{strings.Replace(to, "/uk/", "/vn/", 1), strings.Replace(one, "/uk/", "/vn/", 1), strings.Replace(bankSource, "/uk/", "/vn/", 1), strings.Replace(to, "/uk/", "/vn/", 1) + "/document"} {
		other.get(path, 404)
	}
	support := m.in("Sam", access.Grant{Role: access.Support, Book: "uk"})
	for _, path := range []string{to, to + "/document", one, bankSource, reconAt, at + periodsPath, at + pairingsPath} {
		support.get(path, 404)
	}
	auditor := m.in("Auda", access.Grant{Role: access.Auditor, Book: "uk"})
	form := url.Values{"form": {auditor.get(one, 200).forms()["/sign-out"].Get("form")}, "step": {"1"}, "note": {"x"}, "owner": {"x"}, "reason": {"x"}, "document": {"x"}}
	for _, path := range []string{one + "/assign", one + "/explain", one + "/note", one + "/reopen", one + "/fix", one + "/fix-by-transaction", one + "/fix-by-return", one + "/fix-by-accepting", one + "/write-off",
		bankSource + "/runs", bankSource + "/pulls", reconAt + "/inside", reconAt + "/sources", at + periodsPath + "/2026-11/close", at + periodsPath + "/2026-11/reopen",
		at + pairingsPath + "/pa_1/confirm", at + pairingsPath + "/pa_1/refuse"} {
		if status, _ := auditor.send(http.MethodPost, path, form); status != http.StatusForbidden {
			t.Errorf("an auditor and %s: %d", path, status)
		}
		if status, _ := b.send(http.MethodPost, path, nil); status != http.StatusForbidden {
			t.Errorf("no token and %s: %d", path, status)
		}
	}
	for _, path := range []string{breaksPath + "?state=lost", breaksPath + "?class=lost", breaksPath + "?match=9", breaksPath + "?owner=a%20b", breaksPath + "?currency=ZZZ", breaksPath + "?age=x",
		breaksPath + "?after=x", breaksPath + "?ref=%00", pairingsPath + "?state=lost", pairingsPath + "?after=%00", periodsPath + "?before=x", reconPath + "/runs?after=x", exportsPath + "?after=%00"} {
		b.get(at+path, 400)
	}
	for _, path := range []string{breaksPath + "/brk_none", breaksPath + "/%00", reconPath + "/runs/rec_none", reconPath + "/runs/%00/document", periodsPath + "/2026-13", periodsPath + "/x"} {
		b.get(at+path, 404)
	}
}

// What reconciliation and reports call by a code has words: those of reports are the reports' own in English.
func TestReconciliationHasWords(t *testing.T) {
	t.Parallel()
	english, thai := teller{locale.English}, teller{locale.Thai}
	for _, class := range classOrder {
		if w := english.classWord(class); w.Means == "" || w.Next == "" || w == thai.classWord(class) {
			t.Errorf("the class %s is %+v", class, w)
		}
	}
	if w := (teller{locale.Arabic}).sourceWord(reconcile.KindBank, "ma\u202ein"); !strings.Contains(w, "\u2068ma⟨U+202E⟩in\u2069") {
		t.Errorf("in Arabic the source is %q: its name is apart from the sentence and cannot turn it", w)
	}
	for _, r := range reports.Reports() {
		if title := english.say("export.report." + r.Name); title != r.Title {
			t.Errorf("%s: %q, and the report says %q", r.Name, title, r.Title)
		}
		if title, means := thai.report(r); title == r.Title || means == r.Meaning {
			t.Errorf("the report %s has no words", r.Name)
		}
		for _, p := range r.Parameters {
			if word, means := thai.parameter(p); word == words(p.Name) || means == "" || means == p.Meaning {
				t.Errorf("the parameter %s of %s is %q, %q", p.Name, r.Name, word, means)
			}
		}
		for _, x := range r.Columns {
			if key := "export.kind." + x.Kind.String(); !phrases().Has(key) {
				t.Errorf("%s has no words", key)
			}
		}
	}
	var keys []string
	for state := range breakLooks {
		keys = append(keys, "break.state."+string(state))
	}
	for step := range breakStepLooks {
		keys = append(keys, "break.step."+step)
	}
	for state := range itemLooks {
		keys = append(keys, "close.item.state."+string(state), "close.says."+string(state))
	}
	for did := range breakDeeds {
		keys = append(keys, "break.did."+did, "break.did."+did+".note")
	}
	for _, name := range categoryOrder {
		keys = append(keys, "recon.kind."+name)
	}
	for _, kind := range []string{reconcile.GapBalance, reconcile.GapMissing, reconcile.GapContradiction} {
		keys = append(keys, "recon.gap."+kind)
	}
	for _, m := range matches {
		keys = append(keys, fmt.Sprintf("recon.match.r%d", m))
	}
	for _, s := range pairingStates {
		keys = append(keys, "break.pairing.state."+s.state)
	}
	for _, key := range keys {
		if !phrases().Has(key) {
			t.Errorf("%s has no words", key)
		}
	}
}
