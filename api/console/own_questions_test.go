package console

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"mizan/api/access"
	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/vault"
)

// A payee asks about a line that it is told, finance answers, and nobody else reads any of it.
func TestOwnQuestions(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	uk := h.book("uk", "Souk UK", "GBP")
	h.book("vn", "Souk VN", "VND")
	for _, p := range []commerce.Payee{{ID: "cre_amy", Kind: "creator"}, {ID: "cre_bob", Kind: "creator"}, {ID: "sel_uk", Kind: "seller"}, {ID: "mcn_ldn", Kind: "agency"}, {ID: "gua_pat", Kind: "guardian"},
		{ID: "cre_minor", Kind: "creator", Minor: true, Guardian: "gua_pat", TrustRate: "0.15"}} {
		h.register(uk, p)
	}
	h.happened(uk, "order.captured", "UK-1", ukSale)
	h.happened(uk, "order.captured", "UK-2", strings.NewReplacer("UK-1", "UK-2", "pi_1", "pi_2", "cre_amy", "cre_minor").Replace(ukSale))
	amy, bob := h.payee(uk, "cre_amy"), h.payee(uk, "cre_bob")

	const line, toAsk = "/portal/ask?line=uk-1%2F1&order=UK-1", "/portal/questions"
	if order := amy.get("/portal/orders/UK-1", 200); !slices.Contains(order.Links, line) || !slices.Contains(order.Links, "/portal/ask?order=UK-1") {
		t.Fatalf("the order leads to no question: %v", order.Links)
	}
	form := amy.get(line, 200)
	form.has(t, "Ask a question", "Order UK-1: Commission", "£6.30")
	for text, status := range map[string]int{" ": 400, "My card is 4242 4242 4242 4242": 400, strings.Repeat("é", 1001): 400, "Turned\u202e": 400} {
		amy.press(form, toAsk, url.Values{"text": {text}}, status).has(t, "Nothing was sent.", "Order UK-1: Commission")
	}
	amy.get(toAsk, 200).has(t, "You have not asked anything yet.")
	amy.press(form, toAsk, url.Values{"form": {""}, "text": {"Why?"}}, 403)
	amy.press(form, toAsk, url.Values{"line": {"uk-1/99"}, "text": {"Why?"}}, 404)
	bob.press(bob.get("/portal", 200), "/sign-out", url.Values{"form": {""}}, 403)
	asked := form.forms()[toAsk]
	asked.Set("text", "Why\nonly <b>this</b>?")
	if to := h.together(amy, toAsk, asked, 20); len(to) != 1 || !strings.HasPrefix(to[0], "303/portal/questions/qu_") {
		t.Errorf("the form sent twenty times at once leads to %v", to)
	}
	own := "/portal" + strings.TrimPrefix(amy.press(form, toAsk, url.Values{"text": {"Why\nonly <b>this</b>?"}}, http.StatusSeeOther).header.Get("Location"), "/portal")
	if again := amy.press(form, toAsk, url.Values{"text": {"Why\nonly <b>this</b>?"}}, http.StatusSeeOther).header.Get("Location"); again != own {
		t.Errorf("the form sent twice leads to %s and %s", own, again)
	}
	amy.press(form, toAsk, url.Values{"text": {"Something else."}}, 409)
	amy.get(own, 200).has(t, "Question open", "Asked on Nov 21, 2026", "Order UK-1: Commission", "£6.30", "Why only <b>this</b>?", "Nobody has answered yet.")
	amy.get(toAsk, 200).has(t, "Order UK-1: Commission open")

	// What is not theirs looks like what does not exist.
	id := own[strings.LastIndex(own, "/")+1:]
	missing := bob.get("/portal/questions/qu_0000000000000000", 404)
	if hidden := bob.get(own, 404); hidden.source != strings.ReplaceAll(missing.source, "qu_0000000000000000", id) {
		t.Error("a question of others looks unlike one that does not exist")
	}
	hidden, none := bob.get("/portal/ask?order=UK-1", 404), bob.get("/portal/ask?order=UK-9", 404)
	if hidden.source != none.source {
		t.Error("asking about an order of others looks unlike asking about none")
	}
	for _, path := range []string{own + "?payee=cre_amy", toAsk + "?payee=cre_amy", "/portal/ask?order=UK-1&payee=cre_amy", "/portal/settings?payee=cre_amy", "/portal/debts?payee=cre_amy", "/portal/ask", "/portal/ask?payout=po_1"} {
		bob.get(path, 404)
	}
	token := url.Values{"form": bob.get("/portal", 200).forms()["/sign-out"]["form"]}
	bob.post(own+"/closing", token, 404)
	amy.get(toAsk+"?after=x", 400)
	amy.get("/portal/debts?currency=USD", 400)

	h.questionAnswered(amy, own, id)
	h.questionOfWard(uk)
	for _, lang := range []string{"ar", "zh", "id", "vi", "th", "ms", "fil"} {
		for _, path := range []string{"/portal", toAsk, own, line, "/portal/settings", "/portal/debts"} {
			at := path + "?lang=" + lang
			if path == line {
				at = path + "&lang=" + lang
			}
			amy.get(at, 200).hasNot(t, "Ask a question", "Settings", "Needs your", ">question.", ">settings.", ">home.", ">debt.", "{")
		}
	}
	h.eraseSubject(vault.Owner{Book: int32(uk.ID), Region: uk.Region}, "payee:cre_amy")
	gone := amy.get(own, 200)
	gone.has(t, "What was written was erased with the personal data.")
	gone.hasNot(t, "One of two")
	h.questionBounds(uk, bob)
}

// questionAnswered has the staff read and answer a question, each as far as they may.
func (h *house) questionAnswered(amy *browser, own, id string) {
	t := h.t
	t.Helper()
	const inbox = "/console/books/uk/questions"
	at := inbox + "/" + id
	auditor := h.in("Audra", access.Grant{Role: access.Auditor, Book: "uk"})
	list := auditor.get(inbox, 200)
	list.has(t, "cre_amy", "Order UK-1: Commission", "6.30 GBP")
	list.hasNot(t, at, "only")
	auditor.get(at, 404)
	support := h.in("Sam", access.Grant{Role: access.Support, Book: "uk"})
	read := support.get(at, 200)
	read.has(t, "Why only <b>this</b>?")
	if _, may := read.forms()[at+"/answer"]; may {
		t.Error("support may answer")
	}
	support.post(at+"/answer", url.Values{"form": read.forms()["/sign-out"]["form"], "text": {"No."}}, 403)
	h.in("Vera", access.Grant{Role: finance, Book: "vn"}).get(at, 404)
	amy.get(inbox, 404)

	fatima := h.in("Fatima", access.Grant{Role: finance, Book: "uk"})
	fatima.get(inbox+"/qu_0000000000000000", 404)
	fatima.get(inbox+"?state=lost", 400)
	asked := fatima.get(at, 200)
	fatima.press(asked, at+"/answer", url.Values{"text": {"4242 4242 4242 4242"}}, 400).has(t, "Why only <b>this</b>?")
	fatima.press(asked, at+"/answer", url.Values{"form": {""}, "text": {"Yes."}}, 403)
	fatima.press(asked, at+"/answer", url.Values{"text": {"One of two came back."}}, http.StatusSeeOther)
	fatima.press(asked, at+"/answer", url.Values{"text": {"Another."}}, 409).has(t, "One of two came back.")
	fatima.get(inbox, 200).has(t, "There are none of these.")
	fatima.get(inbox+"?state=answered", 200).has(t, "Order UK-1: Commission")
	trail := fatima.get("/console/books/uk/audit", 200)
	trail.has(t, "payee_question.asked", "payee_question.read", "payee_question.answered")
	trail.hasNot(t, "Why", "came back")

	amy.get("/portal", 200).has(t, "1 answer to a question of yours My questions")
	answered := amy.get(own, 200)
	answered.has(t, "Question answered", "One of two came back.", "Answered on Nov 21, 2026")
	answered.hasNot(t, "Fatima", fatima.id)
	amy.press(answered, own+"/closing", nil, http.StatusSeeOther)
	amy.get(own, 200).has(t, "Question closed", "One of two came back.")
	amy.get("/portal", 200).hasNot(t, "answer to a question")
}

// questionOfWard has a guardian ask for a minor, through pages that keep for whom.
func (h *house) questionOfWard(uk ledger.Book) {
	t := h.t
	t.Helper()
	pat := h.payee(uk, "gua_pat")
	start := pat.get("/portal", 200)
	for _, path := range []string{"/portal/orders", "/portal/money", "/portal/statements", "/portal/questions", "/portal/settings"} {
		if at := path + "?payee=cre_minor"; !slices.Contains(start.Links, at) {
			t.Errorf("the guardian's page does not lead to %s", at)
		}
		pat.get(path+"?payee=cre_minor", 200)
	}
	form := pat.get("/portal/ask?order=UK-2&payee=cre_minor", 200)
	at := pat.press(form, "/portal/questions", url.Values{"text": {"Is this in trust?"}}, http.StatusSeeOther).header.Get("Location")
	asked := pat.get(at, 200)
	asked.has(t, "cre_minor", "Is this in trust?")
	pat.press(asked, strings.Replace(at, "?", "/closing?", 1), nil, http.StatusSeeOther)
	pat.get("/portal/questions", 200).has(t, "You have not asked anything yet.")
	pat.get("/portal/questions?payee=cre_minor", 200).has(t, "Order UK-2 closed")
}

// questionBounds asks until there is no more to ask: in a day, and while nobody answers.
func (h *house) questionBounds(uk ledger.Book, bob *browser) {
	t := h.t
	t.Helper()
	h.happened(uk, "order.captured", "UK-3", strings.NewReplacer("UK-1", "UK-3", "pi_1", "pi_3", "cre_amy", "cre_bob").Replace(ukSale))
	form := bob.get("/portal/ask?order=UK-3", 200)
	ask := func(n, status int) page {
		t.Helper()
		return bob.press(form, "/portal/questions", url.Values{"reference": {fmt.Sprint("n-", n)}, "text": {"When?"}}, status)
	}
	for n := range 20 {
		if n == 10 {
			refused := ask(99, 429)
			if refused.has(t, "Up to 10 questions can be asked in 24 hours", "When?"); refused.header.Get("Retry-After") != "60" {
				t.Errorf("again in %q seconds", refused.header.Get("Retry-After"))
			}
			h.forward(24*time.Hour + time.Second)
			form = h.payeeAgain(uk, bob).get("/portal/ask?order=UK-3", 200)
		}
		ask(n, http.StatusSeeOther)
	}
	h.forward(24*time.Hour + time.Second)
	form = h.payeeAgain(uk, bob).get("/portal/ask?order=UK-3", 200)
	ask(20, 429).has(t, "20 can be open at once")
	links := bob.get("/portal/questions", 200).Links
	open := bob.get(links[slices.IndexFunc(links, func(at string) bool { return strings.HasPrefix(at, "/portal/questions/qu_") })], 200)
	for at := range open.forms() {
		if strings.HasSuffix(at, "/closing") {
			bob.press(open, at, nil, http.StatusSeeOther)
		}
	}
	ask(20, http.StatusSeeOther)
}

// payeeAgain signs a payee in whose session ended.
func (h *house) payeeAgain(book ledger.Book, b *browser) *browser {
	h.t.Helper()
	*b = *h.payee(book, b.id)
	return b
}

// A return that takes more than is left is a debt: the order, the money and the debt lead to each other, and the next order pays it back.
func TestOwnDebt(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	uk := h.book("uk", "Souk UK", "GBP")
	for _, p := range []commerce.Payee{{ID: "cre_amy", Kind: "creator"}, {ID: "cre_bob", Kind: "creator"}, {ID: "sel_uk", Kind: "seller"}, {ID: "mcn_ldn", Kind: "agency"}} {
		h.register(uk, p)
	}
	sell := func(id string) {
		t.Helper()
		h.happened(uk, "order.captured", id, strings.NewReplacer("UK-1", id, "pi_1", "pi_"+id).Replace(ukSale))
		if r := h.events.Settle(t.Context(), uk, id, commerce.Settlement{}); r.Err != nil {
			t.Fatal(r.Err)
		}
	}
	seller := h.payee(uk, "sel_uk")
	const debts = "/portal/debts?currency=GBP"
	seller.get("/portal/debts", 200).has(t, "Your balance was never below zero")
	sell("UK-1")
	seller.get("/portal/orders/UK-1", 200).hasNot(t, "/portal/debts")
	seller.get("/portal/money", 200).hasNot(t, "/portal/debts")
	h.happened(uk, "refund.made", "RF-1", `{"order":"UK-1","refund":"RF-1","full":true}`)
	h.happened(uk, "charge.recorded", "L", `{"kind":"return.shipping_charged","party":"sel_uk","order":"UK-1","currency":"GBP","amount":"3.20","counterparty":"evri"}`)
	leads := func(path string, says string, links ...string) {
		t.Helper()
		p := seller.get(path, 200)
		p.has(t, says)
		for _, to := range links {
			if !slices.Contains(p.Links, to) {
				t.Errorf("%s does not lead to %s: %v", path, to, p.Links)
			}
		}
	}
	leads("/portal", "You owe 3.20 Refunds or corrections took back more than was left. What you earn next pays it off. What it came from, and what paid it off", debts)
	leads("/portal/orders/UK-1", "This order took £3.20 while your balance was below zero.", debts)
	leads("/portal/money", "You owe", debts)
	leads(debts, "Owed now £3.20", "/portal/orders/UK-1")
	sell("UK-2")
	leads(debts, "Paid off on Nov 21, 2026", "/portal/orders/UK-1", "/portal/orders/UK-2")
	leads("/portal/orders/UK-2", "£3.20 of this order paid back what you owed.", debts)
	leads("/portal/money", "The last debt, and what paid it off", debts)
	seller.get("/portal", 200).hasNot(t, "You owe")
	h.payee(uk, "cre_bob").get(debts, 200).hasNot(t, "UK-1", "3.20")

	// So much came since that the debt is not among the latest entries.
	for i := range 2 {
		d := ledger.Draft{Event: "test.earned", Lines: []ledger.Line{{Account: "assets:processor:available:main", Amount: 301, Currency: "GBP"}}}
		for range 301 {
			d.Lines = append(d.Lines, ledger.Line{Account: "liabilities:seller:available:sel_uk", Amount: -1, Currency: "GBP"})
		}
		h.post(uk, fmt.Sprint("since-", i), d)
	}
	seller.get(debts, 200).has(t, "Your balance was never below zero in what can be seen here. Only the latest movements are shown.")
	seller.get("/portal/money", 200).hasNot(t, "/portal/debts")
}
