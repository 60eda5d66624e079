package console

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"mizan/api/access"
	"mizan/api/console/browsertest"
	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/commerce/intake"
	"mizan/ledger/guard"
	"mizan/ledger/vault"
	"mizan/payouts"
	"mizan/payouts/questions"
	"mizan/payouts/reconcile"
	"mizan/payouts/statements"
)

// street is a market in which something stands on every page, and its pages as a browser reaches them.
type street struct {
	*market
	server *httptest.Server
	// run decided about payees, and manual waits for a second person; paid is a payout that arrived.
	run, manual, paid string
	// approval waits, and broken is a break with money in suspense; compared is the run that found it, export a file that was made.
	approval, broken, compared, export string
	// swept is a run of a job that needs a person, and reported what a bank said of a file.
	swept, reported string
	// clerk is the page of somebody with a role, carried that of a key.
	clerk, carried string
	// donated and gave are the public receipts of a donation to the campaign winter24 of the book give, and of a gift.
	donated, gave string
	// charity signs in ngo_a of the book give, for whom some donations to winter24 are.
	charity string
	// statement is that of cre_lou's month, answered is a question of hers about an order with its answer, and asked where the staff finds one that nobody answered.
	statement, answered, asked string
}

func newStreet(t *testing.T) *street {
	t.Helper()
	m := newMarket(t)
	s := &street{market: m, server: httptest.NewTLSServer(m)}
	t.Cleanup(s.server.Close)
	s.house.book("kw", "سوق الكويت", "KWD")
	s.payees()
	s.people()
	s.reconciled()
	s.sold()
	s.given()
	return s
}

// payees earn, and are paid or not, by the schedule and by hand.
func (s *street) payees() {
	s.t.Helper()
	s.know(vault.Owner{Book: int32(s.book.ID), Region: s.book.Region}, "payee:cre_amy", map[string]string{"name": "Amy Canary", "email": "amy@example.com"})
	s.ready("creator", "cre_amy")
	s.account("cre_amy")
	s.register(s.book, commerce.Payee{ID: "cre_bob", Kind: "creator"})
	s.ready("guardian", "gua_pat")
	s.account("gua_pat")
	s.register(s.book, commerce.Payee{ID: "cre_minor", Kind: "creator", Minor: true, Guardian: "gua_pat", TrustRate: "0.15"})
	s.earn("creator", "cre_amy", "available", 12050)
	s.earn("creator", "cre_amy", "available", -50)
	s.earn("creator", "cre_bob", "available", 9900)
	s.earn("creator", "cre_bob", "pending", 1234567)
	s.earn("creator", "cre_minor", "available", 8000)
	s.run = s.plan().ID
	s.paid = s.one("cre_amy").ID
	s.work(s.payouts.Submit)
	s.forward(72 * time.Hour)
	s.work(s.payouts.Follow)
	_, err := s.payouts.PlaceHold(s.t.Context(), operator, s.book, payouts.Hold{ID: "hold-1", PayeeKey: payouts.PayeeKey{Kind: "creator", ID: "cre_bob"},
		Effect: payouts.EffectAmount, Category: payouts.CategoryLegal, Case: "case-77", Currency: "GBP", Wanted: 1200}, "A court order.")
	s.must(err)
	s.earn("creator", "cre_amy", "available", 50000)
	b := s.in("Fatima", access.Grant{Role: finance, Book: "uk"})
	s.manual = b.press(b.get(at+"/payout-runs", 200), at+"/payout-runs", url.Values{"reason": {"The bank was closed."}}, http.StatusSeeOther).header.Get("Location")
	s.work(s.payouts.CarryOn)
	s.approval = b.press(b.get(s.manual, 200), s.manual+"/approvals", url.Values{"reason": {"Please look."}}, http.StatusSeeOther).header.Get("Location")
	s.byBank(b)
}

// byBank is a file of a payment that the bank could not make.
func (s *street) byBank(b *browser) {
	s.t.Helper()
	_, err := s.bank.SetAccount(s.t.Context(), operator, s.book, json.RawMessage(ownBank), "A test.")
	s.must(err)
	payment := s.bankOrder("cre_zed", 4200)
	_, err = s.bank.MakeFiles(s.t.Context(), s.book, operator)
	s.must(err)
	_, _, err = s.bank.Content(s.t.Context(), s.book, "GBP", 1, operator, "A test.")
	s.must(err)
	s.reported = b.upload(b.get(at+bankFilesPath, 200), at+"/bank-reports", "GBP", s.bankSays("R-1", payment, "RJCT", "AC04"), http.StatusSeeOther).header.Get("Location")
}

// people have roles and keys, and jobs ran, one of them in vain.
func (s *street) people() {
	s.t.Helper()
	key, _, err := s.access.Create(s.t.Context(), operator, access.NewKey{Name: "checkout", Scopes: []access.Scope{access.EventsWrite}, Books: []string{"uk"}})
	s.must(err)
	s.carried, s.clerk = keyAt(key.ID), personAt(s.house.person("Nia New", access.Grant{Role: access.Support, Book: "uk"}).ID)
	s.came()
	s.ask(s.book, program, `{"list":[1,2,{"a":"b"}],"why":"An adjustment"}`, "The order was entered twice.")
	s.runJob("count", int32(s.book.ID))
	s.failJobs(true)
	s.swept = s.runJob("sweep", 0).UTC().Format(time.RFC3339Nano)
}

// came is a rule set of the book's own, a file and a message that wait.
func (s *street) came() {
	s.t.Helper()
	_, _, err := s.rules.Add(s.t.Context(), operator, s.book, []byte(ownRules(s.t, "0.12", s.now().Add(240*time.Hour))))
	s.must(err)
	_, _, err = s.intake.Import(s.t.Context(), s.book, intake.ImportOptions{Format: intake.TikTok, Role: "bookkeeper", Seller: "sel_uk"},
		strings.NewReader("transaction_id,statement_id,currency,subtotal_before_discount,platform_commission,moon_fee,settlement_amount,statement_time\nT-1,ST-1,GBP,10.00,-0.60,-0.40,9.00,2026-11-01\n"))
	s.must(err)
	_, err = s.intake.WorkImports(s.t.Context())
	s.must(err)
	_, _, err = s.intake.Receive(s.t.Context(), s.book, intake.Message{Source: intake.SourceShopify, MessageID: "b54557e4-bdd9-4b37-8a5f-bf7d70bcd043", Topic: "orders/paid", Origin: "toys.example", Body: []byte(`{"id":1001}`)})
	s.must(err)
	_, err = s.intake.Work(s.t.Context())
	s.must(err)
}

// reconciled is what banks and processors said, with a break, a suggestion and an export.
func (s *street) reconciled() {
	s.t.Helper()
	b := s.in("Farid", access.Grant{Role: finance, Book: "uk"})
	for _, reference := range []string{"came-1", "came-2"} {
		s.post(s.book, reference, sale("assets:bank:operating:main", "liabilities:seller:available:sel_uk", 12345, "GBP"))
	}
	s.withBank(b)
	s.compared = b.press(b.get(bankSource, 200), bankSource+"/runs", nil, http.StatusSeeOther).header.Get("Location")
	_, err := s.reconcile.Pull(s.t.Context(), s.turn(), "main")
	s.must(err)
	b.press(b.get(reconAt, 200), reconAt+"/inside", nil, http.StatusSeeOther)
	list, err := s.reconcile.Breaks(s.t.Context(), s.book, reconcile.BreakQuery{Class: reconcile.Ambiguous, Limit: 1})
	s.must(err)
	s.broken = at + breaksPath + "/" + list[0].ID
	s.export = b.press(b.get(at+exportsPath+"/new?report=trial_balance", 200), at+exportsPath,
		url.Values{"format": {"csv"}, "p-from": {"2026-11"}, "p-to": {"2026-11"}, "p-detail": {"account"}}, http.StatusSeeOther).header.Get("Location")
}

// sold is what cre_lou earned: an order that settled and of which a part came back, and one that a complaint holds.
func (s *street) sold() {
	s.t.Helper()
	for _, p := range []commerce.Payee{{ID: "cre_lou", Kind: "creator"}, {ID: "sel_lou", Kind: "seller"}, {ID: "mcn_ldn", Kind: "agency"}} {
		s.register(s.book, p)
	}
	order := func(id string) string {
		return strings.NewReplacer("UK-1", id, "pi_1", "pi_"+id, "cre_amy", "cre_lou", "sel_uk", "sel_lou").Replace(ukSale)
	}
	s.happened(s.book, "order.captured", "lou-1", order("LOU-1"))
	s.happened(s.book, "order.captured", "lou-2", order("LOU-2"))
	s.happened(s.book, "after_sales.opened", "lou-3", `{"order":"LOU-2","case":"RMA-2"}`)
	s.must(s.events.Settle(s.t.Context(), s.book, "LOU-1", commerce.Settlement{}).Err)
	s.happened(s.book, "refund.made", "lou-4", `{"order":"LOU-1","refund":"RF-1","lines":[{"line":1,"quantity":1}],"shipping":"keep","fault":"seller","payment_refund_id":"re_1","shipped":true}`)
	_, err := s.earnings.Follow(s.t.Context(), s.book)
	s.must(err)
	after := statements.New(statements.Options{Pool: s.pool, Ledger: s.ledger, Events: s.events, Payouts: s.payouts, Now: func() time.Time { return s.now().AddDate(0, 1, 0) }})
	st, err := after.Issue(s.t.Context(), s.book, "cre_lou", "GBP")
	s.must(err)
	s.statement = "/portal/statements/" + st.ID
	s.questioned(st.ID)
	s.owed()
}

// questioned is what cre_lou asked, about an order and about a statement.
func (s *street) questioned(statement string) {
	s.t.Helper()
	lou := guard.Actor{Kind: guard.Payee, ID: "cre_lou"}
	ask := func(reference string, about questions.About, text string) string {
		s.t.Helper()
		q, err := s.questions.Ask(s.t.Context(), lou, s.book, questions.Asking{Payee: payouts.PayeeKey{Kind: "creator", ID: "cre_lou"}, Reference: reference, About: about, Text: text})
		s.must(err)
		return q.ID
	}
	first := ask("q-1", questions.About{Kind: questions.AboutOrder, ID: "LOU-1"}, "Two were sold.\nWhy is it this little?")
	_, err := s.questions.Answer(s.t.Context(), operator, s.book, first, "One of the two came back, so the commission is of one.")
	s.must(err)
	s.answered, s.asked = "/portal/questions/"+first, at+questionsPath+"/"+ask("q-2", questions.About{Kind: questions.AboutStatement, ID: statement}, "متى يُصرف هذا؟")
}

// owed is the debt of sel_kit: a return after its money was gone, and the order that pays it back.
func (s *street) owed() {
	s.t.Helper()
	s.ready("seller", "sel_kit")
	s.account("sel_kit")
	sell := func(id string) {
		s.t.Helper()
		s.happened(s.book, "order.captured", id, strings.NewReplacer("UK-1", id, "pi_1", "pi_"+id, "cre_amy", "cre_kit", "sel_uk", "sel_kit").Replace(ukSale))
	}
	s.register(s.book, commerce.Payee{ID: "cre_kit", Kind: "creator"})
	sell("KIT-1")
	sell("KIT-2")
	s.must(s.events.Settle(s.t.Context(), s.book, "KIT-1", commerce.Settlement{}).Err)
	s.happened(s.book, "refund.made", "kit-r", `{"order":"KIT-1","refund":"RF-K","full":true}`)
	s.happened(s.book, "charge.recorded", "kit-c", `{"kind":"return.shipping_charged","party":"sel_kit","order":"KIT-1","currency":"GBP","amount":"3.20","counterparty":"evri"}`)
}

// given is the refugee campaign of the worked examples, told to its end in a book of its own, and a gift.
func (s *street) given() {
	s.t.Helper()
	book := s.house.book("give", "Souk Giving", "GBP")
	raw, err := os.ReadFile("../../ledger/commerce/testdata/lives/donation-campaign.json")
	s.must(err)
	var life struct {
		Steps []struct {
			Act, Type, Refused string
			Data               json.RawMessage
		}
	}
	s.must(json.Unmarshal(raw, &life))
	own := sale("assets:bank:operating:main", "equity:opening", 15000, "GBP")
	own.Event = "opening.balance"
	s.post(book, "own-money", own)
	for n, step := range life.Steps {
		switch {
		case step.Refused != "":
		case step.Act != "":
			var c commerce.CampaignPublished
			s.must(json.Unmarshal(step.Data, &c))
			c.Name, c.Beneficiaries[0].Name, c.Beneficiaries[1].Name, c.Beneficiaries[2].Name = "Winter kits, camp A", "NGO A", "NGO B", "Local partner C"
			s.must(s.events.Publish(s.t.Context(), book, c).Err)
		default:
			s.happened(book, step.Type, fmt.Sprint("S7-", n), string(step.Data))
		}
	}
	s.happened(book, "coins.purchased", "c1", `{"purchase":"CP-1","store":"apple","currency":"GBP","amount":"106.00"}`)
	s.happened(book, "appstore.fee_recorded", "c2", `{"store":"apple","purchase":"CP-1","currency":"GBP","amount":"31.80"}`)
	s.happened(book, "gift.sent", "c3", `{"gift":"G-1","creator":"cre_camp","live_session":"LS-3","currency":"GBP","amount":"106.00","share":"0.3116"}`)
	s.register(book, commerce.Payee{ID: "ngo_a", Kind: "charity"})
	_, err = s.earnings.Follow(s.t.Context(), book)
	s.must(err)
	s.charity = s.linkIn(book, "ngo_a")
	s.donated, s.gave = s.receipt(book, "donation:D3"), s.receipt(book, "gift:G-1")
}

// content is the file of an export, by the address of its page; it is made again and held against its manifest.
func (s *street) content(page string) string {
	s.t.Helper()
	var file strings.Builder
	s.must(s.reports.Content(s.t.Context(), s.book, page[strings.LastIndexByte(page, '/')+1:], &file))
	return file.String()
}

// receipt is the address of the public receipt of a subject.
func (s *street) receipt(book ledger.Book, subject string) string {
	s.t.Helper()
	r, _, err := s.receipts.Make(s.t.Context(), book, subject)
	s.must(err)
	return "/r/" + r.ID
}

// visit signs somebody in by a link, as people do, in a window of their own.
func (s *street) visit(t *testing.T, token string) *browsertest.Window {
	t.Helper()
	w := browsertest.New(t, s.server.URL)
	if status := w.Open("/sign-in/link?token=" + token); status != 200 {
		t.Fatalf("the link: %d", status)
	}
	w.Press(`form[action="/sign-in/link"] button`)
	return w
}

func (s *street) payeeLink(id string) string {
	s.t.Helper()
	return s.linkIn(s.book, id)
}

// linkIn signs in a payee of a book.
func (s *street) linkIn(book ledger.Book, id string) string {
	s.t.Helper()
	token, _, err := s.access.PayeeLink(s.t.Context(), operator, guard.Book{ID: int32(book.ID), Code: book.Code}, id)
	s.must(err)
	return token
}

// administered adds a person, grants finance in one book, makes a key and revokes it; then finance checks a draft of rules, sees winners
// and losers, asks, and an approver activates it.
func (s *street) administered(t *testing.T) {
	t.Helper()
	boss := s.visit(t, s.link(s.person("Otto Approver", access.Grant{Role: access.Approver})))
	approve := func(path string) {
		boss.Open(path)
		boss.Press(`form[action="` + path + `/approve"] button`)
		boss.Has("Decided by you")
	}
	ada := s.visit(t, s.link(s.person("Ada Admin", access.Grant{Role: access.Admin})))
	ada.Press(`nav a[href="/console/people"]`)
	ada.Fill(`form[action="/console/people"] [name="name"]`, "Zoe Zander")
	ada.Press(`form[action="/console/people"] button`)
	ada.Has("Zoe Zander", "The person holds no role")
	zoe := ada.Path()
	ada.Fill(`form[action$="/grants"] [name="book"]`, "uk")
	ada.Fill(`form[action$="/grants"] [name="reason"]`, "She joins finance.")
	ada.Press(`form[action$="/grants"] button`)
	ada.Has("gets the role finance in the book uk")
	approve(ada.Path())
	ada.Open("/console/keys")
	ada.Fill(`form[action="/console/keys"] [name="name"]`, "checkout of Zoe")
	ada.Tick(`form[action="/console/keys"] [name="scope"][value="events:write"]`)
	ada.Fill(`form[action="/console/keys"] [name="books"]`, "uk")
	ada.Fill(`form[action="/console/keys"] [name="reason"]`, "The shop opens.")
	ada.Press(`form[action="/console/keys"] button`)
	ada.Has("may use events:write in the books uk")
	s.forward(time.Second)
	approve(ada.Path())
	ada.Open("/console/keys")
	ada.Press(`tbody tr:first-child a[href^="/console/keys/"]`)
	ada.Has("checkout of Zoe")
	s.forward(time.Second)
	ada.Press(`form[action$="/rotation"] button`)
	ada.Has("The new key", "mk_")
	ada.Fill(`form[action$="/revocation"] [name="reason"]`, "It opens later.")
	ada.Press(`form[action$="/revocation"] button`)
	ada.Has("revoked")

	finance := s.visit(t, s.link(access.Staff{ID: strings.TrimPrefix(zoe, "/console/people/")}))
	finance.Press(`main a[href="` + at + rulesPath + `"]`)
	finance.Press(`main a[href="` + at + rulesPath + `/draft"]`)
	draft := strings.Replace(ownRules(t, "0.15", s.now().Add(48*time.Hour)), `"contract"`, `"agreed"`, 1)
	finance.Fill(`[name="draft"]`, strings.Replace(draft, `"half_even"`, `"sideways"`, 1))
	finance.Press(`button[value="check"]`)
	finance.Has("Nothing was asked for")
	finance.Fill(`[name="draft"]`, draft)
	finance.Press(`button[value="rehearse"]`)
	finance.Has("Who gets less", "seller:sel_lou", "rule commission", "15 %")
	finance.Fill(`[name="reason"]`, "As agreed with the sellers.")
	finance.Press(`button[value="ask"]`)
	finance.Has("rules.activate", "agreed-1")
	approve(finance.Path())
	finance.Open(at + rulesPath)
	finance.Has("agreed-1", "to come")
}

// A payee signs in by a link and reads why a payout did not happen; finance sees the run that waits and somebody else approves it; an auditor asks for an
// export; a creator finds why an order paid what it paid; a donor checks a receipt. All of it with what stands on the pages.
func TestJourneysInABrowser(t *testing.T) {
	t.Parallel()
	s := newStreet(t)
	bob := s.visit(t, s.payeeLink("cre_bob"))
	bob.Has("cre_bob", "Not paid on", "The identity check is not complete", "Complete the identity check")
	bob.Press(`.out button`)
	if status := bob.Open("/portal"); bob.Path() == "/portal" {
		t.Errorf("signed out, the portal is answered with %d", status)
	}

	omar := s.visit(t, s.link(s.person("Omar", access.Grant{Role: access.Approver, Book: "uk"})))
	omar.Has("Waits for a second person")
	omar.Press(`main a[href="` + s.approval + `"]`)
	omar.Has("payout_run.release", "500.00")
	omar.Fill(`form[action="`+s.approval+`/approve"] [name="reason"]`, "The amounts fit.")
	omar.Press(`form[action="` + s.approval + `/approve"] button`)
	omar.Has("approved", "Decided by you", "The amounts fit.")
	omar.Open(s.manual)
	omar.Has("released", "See who released it")

	s.whyNotPaid(t)
	s.administered(t)

	lena := s.visit(t, s.link(s.person("Lena", access.Grant{Role: access.Auditor, Book: "uk"})))
	lena.Open(at + exportsPath)
	lena.Press(`main a[href="` + at + exportsPath + `/new?report=trial_balance"]`)
	lena.Fill(`[name="p-from"]`, "2026-11")
	lena.Fill(`[name="p-to"]`, "2026-11")
	lena.Press(`form[action="` + at + exportsPath + `"] button`)
	lena.Has("made", "Download", "from 2026-11")

	s.adjusts(t, omar)

	// A buyer's mail names an order: from it to what the creator got, to the creator, and to what was decided.
	sue := s.visit(t, s.link(s.person("Sue", access.Grant{Role: access.Support, Book: "uk"})))
	sue.Open(at + "/search")
	sue.Fill("#q", " LOU-1 ")
	sue.Press(".seek button")
	if sue.Path() != at+ordersPath+"/LOU-1" {
		t.Errorf("the order leads to %s", sue.Path())
	}
	sue.Has("order.captured", "Order LOU-1")
	sue.Open(at + "/search?q=cre_lou")
	sue.Has("cre_lou")
	sue.Open(at + "/search?q=cre_bob")
	sue.Has("cre_bob", "identity")
	sue.Open(at + "/search?q=" + s.paid)
	sue.Has("cre_amy")

	lou := s.visit(t, s.payeeLink("cre_lou"))
	lou.Press(`nav a[href="/portal/orders"]`)
	lou.Has("LOU-1 settled", "£2.21", "LOU-2 on hold")
	lou.Press(`main a[href="/portal/orders/LOU-1"]`)
	lou.Has("settled", "Commission", "Agency share", "£4.41 became available.")
	lou.HasNot("Exactly 3.1485")
	lou.Unfold(`.moves details`)
	lou.Has("Base 20.99", "Rate, frozen 15%", "Exactly 3.1485", "Comes to 3.15", "Stood at 6.30, stands at 3.15")

	lou.Press(`nav a[href="/portal/downloads"]`)
	lou.Has("November 2026", "Statement 1", "SHA-256", "One file leaves at a time.")
	file := lou.Fetched(`main a[href="` + s.statement + `/file?format=csv"]`)
	for _, line := range []string{",6.30,GBP,", ",-1.89,GBP,", ",-3.15,GBP,", ",0.95,GBP,"} {
		if !strings.Contains(file, line) {
			t.Errorf("November as a table has no %s:\n%s", line, file)
		}
	}

	lou.Open("/portal")
	lou.Has("1 answer to a question of yours")
	lou.Press(`main a[href="/portal/questions"]`)
	lou.Press(`main a[href="` + s.answered + `"]`)
	lou.Has("Why is it this little?", "One of the two came back")
	lou.Open(s.statement)
	lou.Press(`.ledger a[href^="/portal/ask"]`)
	lou.Has("Ask a question", "Statement st_")
	lou.Fill(`textarea`, "What is this line?")
	lou.Press(`form[action="/portal/questions"] button`)
	lou.Has("Question open", "What is this line?", "Nobody has answered yet")

	kit := s.visit(t, s.payeeLink("sel_kit"))
	kit.Press(`nav a[href="/portal/orders"]`)
	kit.Press(`main a[href="/portal/orders/KIT-1"]`)
	kit.Has("This order took £3.20 while your balance was below zero.")
	kit.Press(`nav a[href="/portal/money"]`)
	kit.Has("You owe", "-£3.20")
	kit.Press(`main a[href="/portal/debts?currency=GBP"]`)
	kit.Has("Owed now", "£3.20")
	s.must(s.events.Settle(t.Context(), s.book, "KIT-2", commerce.Settlement{}).Err)
	kit.Open("/portal/debts")
	kit.Has("Paid off on")
	kit.Press(`main a[href="/portal/orders/KIT-2"]`)
	kit.Has("£3.20 of this order paid back what you owed.")
	kit.Press(`main a[href="/portal/debts?currency=GBP"]`)
	kit.Has("Paid off on", "KIT-1", "KIT-2")
	// The next payout is what the order left when the debt was taken from it.
	s.plan()
	s.work(s.payouts.Submit)
	s.forward(72 * time.Hour)
	s.work(s.payouts.Follow)
	kit = s.visit(t, s.payeeLink("sel_kit"))
	kit.Has("Paid on Nov 30, 2026 34.42 GBP")
	kit.Press(`main a[href="/portal/payouts/` + s.one("sel_kit").ID + `"]`)
	kit.Has("34.42 GBP paid", "It arrived on", "sums to 34.42 GBP", "Return shipping order:KIT-1", "Nov 26, 2026 -3.20", "Order settled order:KIT-2", "Nov 26, 2026 37.62")
	kit.Press(`main a[href$="/statement"]`)
	kit.Has("Payout of Nov 30, 2026", "Return shipping -3.20", "uk-26/1 -3.20 -3.20", "Closing balance £34.42")
	kit.Press(`nav a[href="/portal/money"]`)
	kit.Has("Available Paid with the next payout. £0.00", "Looked at last on Nov 30, 2026: £34.42 was paid.")
	kit.HasNot("You owe")
	kit.Press(`main a[href="/portal/debts?currency=GBP"]`)
	kit.Has("Paid off on Nov 26, 2026", "-£3.20 Order KIT-1", "balance after it: -£3.20", "£37.62 Order KIT-2", "balance after it: £34.42")

	s.farAboveTheUsual(t)
	s.followsASale(t)
	s.closesNovember(t)
	donor := browsertest.New(t, s.server.URL)
	donor.Open(s.donated)
	donor.Has("You gave £106.00 to “Winter kits, camp A”", "LS-501", "NGO A (60%)", "62.59", "NGO B (25%)", "26.08", "Local partner C (15%)", "15.65", "Beneficiaries", "104.32", "98.42%",
		"Card processing", "1.68", "1.58%", "a tip of £5.00", "its card fee of £0.07", "Charged to your card: £111.00", "£80.00 for your £106.00", "£150.00", "Held: a check that the law demands")
	donor.Press(`main a[href^="/c/give-winter24"]`)
	donor.Has("284.32 = 156.00 − 1.68 + 130.00", "241.67", "42.65", "Donations that went back: 1", "20.00")
}

// whyNotPaid is support finding out why a creator was not paid: a few presses and the creator's id, from the desk on.
func (s *street) whyNotPaid(t *testing.T) {
	t.Helper()
	sam := s.visit(t, s.link(s.person("Sam", access.Grant{Role: access.Support, Book: "uk"})))
	before := sam.Presses()
	sam.Press(`.places a[href="` + at + `/payout-health"]`)
	sam.Press(`.chooser a[href="` + at + `/payees"]`)
	sam.Fill(`[name="from"]`, "cre_bob")
	sam.Press(`form[action="` + at + `/payees"] button`)
	sam.Press(`main a[href="` + at + `/payees/cre_bob"]`)
	sam.Has("Paid, or why not", "Not paid on", "The identity check is not complete.", "Complete the identity check.", "Looked at again on", "Next payout Nothing on")
	if n := sam.Presses() - before; n > 8 {
		t.Errorf("it took %d presses to read why a creator was not paid", n)
	}
}

// farAboveTheUsual is an approver who refuses a run far above those before it, and says why: its author reads that, nobody is paid,
// and the trail has it.
func (s *street) farAboveTheUsual(t *testing.T) {
	t.Helper()
	s.earn("creator", "cre_amy", "available", 300_000)
	fatima := s.visit(t, s.link(s.person("Fay Finance", access.Grant{Role: finance, Book: "uk"})))
	fatima.Open(at + "/payout-runs")
	fatima.Fill(`form[action="`+at+`/payout-runs"] [name="reason"]`, "The month ends.")
	fatima.Press(`form[action="` + at + `/payout-runs"] button`)
	run := fatima.Path()
	s.work(s.payouts.CarryOn)
	nadia := s.visit(t, s.link(s.person("Nadia", access.Grant{Role: access.Approver, Book: "uk"})))
	nadia.Press(`.places a[href="` + at + `/payout-health"]`)
	nadia.Press(`main a[href="` + run + `"]`)
	nadia.Has("waits for a second person", "times the usual", "cre_amy creator Far above what is usual for this payee")
	nadia.Fill(`form[action="`+run+`/refusal"] [name="reason"]`, "Nobody can tell me why it is so much more than the last ones.")
	nadia.Press(`form[action="` + run + `/refusal"] button`)
	nadia.Has("refused", "Why it was refused", "Nobody can tell me why")
	s.work(s.payouts.CarryOn)
	fatima.Open(run)
	fatima.Has("Why it was refused", "Nobody can tell me why it is so much more than the last ones.", "Nadia", "cancelled 1")
	vera := s.visit(t, s.link(s.person("Vera Audit", access.Grant{Role: access.Auditor, Book: "uk"})))
	vera.Open(at + "/audit?act=payout_run.refused")
	vera.Has("Nobody can tell me why it is so much more than the last ones.", strings.TrimPrefix(run, at+"/payout-runs/"))
}

// adjusts has a finance lead find a planted break from the desk, say where its money belongs, look at what that would post, and ask for it;
// make an adjustment with a document; and download the month's trial balance. Omar agrees to both.
func (s *street) adjusts(t *testing.T, omar *browsertest.Window) {
	t.Helper()
	list, err := s.reconcile.Breaks(t.Context(), s.book, reconcile.BreakQuery{Open: true, Limit: 100})
	s.must(err)
	planted := ""
	for _, x := range list {
		if x.Suspense > 0 {
			planted = at + breaksPath + "/" + x.ID
		}
	}
	agree := func(path string) {
		t.Helper()
		omar.Open(path)
		omar.Press(`form[action="` + path + `/approve"] button`)
		omar.Has("approved", "Decided by you")
	}
	mona := s.visit(t, s.link(s.person("Mona", access.Grant{Role: finance, Book: "uk"})))
	mona.Press(`.places a[href="` + reconAt + `"]`)
	mona.Press(`main a[href="` + at + breaksPath + `"]`)
	mona.Press(`main a[href="` + planted + `"]`)
	form := `form[action="` + planted + `/fix"] `
	for field, text := range map[string]string{"account1": "expenses:processor_fee", "amount1": "5.00", "reason": "The bank's fee of the month.", "document": "letter-7"} {
		mona.Fill(form+`[name="`+field+`"]`, text)
	}
	mona.Press(form + `[name="preview"]`)
	mona.Has("What it would do", "nobody was asked", "expenses:processor_fee", "leave suspense")
	mona.Press(form + `button:not([name])`)
	agree(mona.Path())
	mona.Open(planted)
	mona.Has("put right", "Ended by")

	mona.Open(at + adjustmentsPath)
	for field, text := range map[string]string{"account1": "expenses:goodwill", "amount1": "5.00", "account2": "liabilities:seller:available:sel_uk", "amount2": "5.00", "reason": "The parcel was ours to lose.", "document": "TICKET-77.pdf"} {
		mona.Fill(`[name="`+field+`"]`, text)
	}
	mona.Press(`[name="preview"]`)
	mona.Has("What it would do", "It moves money to a payee")
	mona.Press(`.adjust button:not([name])`)
	agree(mona.Path())
	mona.Open(at + adjustmentsPath)
	mona.Has("manual.adjusted")

	mona.Open(at + periodsPath + "/2026-11")
	mona.Has("Closing a month means")
	mona.Press(`.exporting a[href*="report=trial_balance"]`)
	mona.Press(`form[action="` + at + exportsPath + `"] button`)
	mona.Has("made", "Download", "from 2026-11")
	if manifest := mona.Fetched(`main a[href$="/manifest"]`); !strings.Contains(manifest, `"sha256"`) {
		t.Errorf("the manifest: %s", manifest)
	}
	mona.Open(at + periodsPath + "/2026-11")
	mona.Has("Exports of this month", "Trial balance made")
}
