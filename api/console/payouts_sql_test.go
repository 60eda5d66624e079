package console

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/api/access"
	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/guard"
	"mizan/ledger/money"
	"mizan/payouts"
	"mizan/payouts/processor/simulator"
	"mizan/payouts/processor/stripe"
)

const processorKey = "sk_test_canary_of_the_console_1234567890"

// newPayouts makes the payouts of the tests, whose processor is imitated over HTTP.
func newPayouts(h *house, l *ledger.Ledger) *payouts.Service {
	var err error
	if h.sim, err = simulator.New(simulator.Options{Now: h.now, Key: processorKey, Seed: 5, Rate: -1}); err != nil {
		panic(err)
	}
	server := httptest.NewServer(h.sim)
	h.closed = append(h.closed, server.Close)
	driver, err := stripe.New(stripe.Options{Key: processorKey, BaseURL: server.URL, Now: h.now, PlatformSecret: "whsec_canary_console_plat", ConnectSecret: "whsec_canary_console_conn"})
	if err != nil {
		panic(err)
	}
	h.driver = driver
	return payouts.New(payouts.Options{Pool: h.pool, Ledger: l, Events: h.events, Trail: h.trail, Vault: h.vault, Now: h.now,
		Rails: []payouts.Rail{{Name: payouts.RailConnected, Processor: "main", Driver: driver, PerSecond: 50}, {Name: payouts.RailBank}},
		Wait: func(ctx context.Context, until time.Time) error {
			if d := until.Sub(h.now()); d > 0 {
				h.forward(d)
			}
			return ctx.Err()
		}})
}

// market is a book with payees who are paid.
type market struct {
	*house
	book  ledger.Book
	posts int
}

func newMarket(t *testing.T) *market {
	t.Helper()
	h := newHouse(t)
	return &market{house: h, book: h.book("uk", "Souk UK", "GBP", "EUR")}
}

func (m *market) must(err error) {
	m.t.Helper()
	if err != nil {
		m.t.Fatal(err)
	}
}

// earn gives a payee pence in a bucket, from an order, and us the same at the processor.
func (m *market) earn(kind, id, bucket string, pence int64) int64 {
	m.t.Helper()
	m.posts++
	d := sale("assets:processor:available:main", ledger.Address("liabilities:"+kind+":"+bucket+":"+id), 0, "GBP")
	d.Subject = fmt.Sprintf("order:UK-%04d", m.posts)
	d.Lines[0].Amount, d.Lines[1].Amount = money.Minor(pence), -money.Minor(pence)
	out := m.post(m.book, fmt.Sprintf("earn-%d", m.posts), d)
	if pence > 0 {
		_, err := m.sim.AddCharge(pence, 0, "gbp", 0, nil)
		m.must(err)
	}
	return out.Sequence
}

// ready registers a payee and verifies it.
func (m *market) ready(kind, id string) {
	m.t.Helper()
	m.register(m.book, commerce.Payee{ID: id, Kind: kind})
	verified := payouts.IdentityVerified
	_, err := m.payouts.ChangeStanding(m.t.Context(), operator, m.book, id, payouts.StandingChange{Verification: &verified, Document: "doc-1", Why: "checked"})
	m.must(err)
}

// account gives a payee a destination that was paid before.
func (m *market) account(id string) {
	m.t.Helper()
	account := "acct_" + strings.ReplaceAll(id, "_", "")
	m.must(m.sim.AddAccount(account, "GB", "gbp"))
	m.must(m.sim.ChangeAccount(account, func(a *simulator.Account) { a.Interval, a.PlatformPays, a.NamesCosts = "manual", true, true }))
	long := m.now().Add(-60 * 24 * time.Hour)
	m.must(m.pool.Tx(m.t.Context(), func(tx pgx.Tx) error {
		_, err := tx.Exec(m.t.Context(), `INSERT INTO payout_destinations (book_id, id, payee, rail, account, currencies, mode, state, name_match, created_at, active_since, changed_at, first_paid_at)
			VALUES ($1, $2, $3, 'connected', $4, '{GBP}', 'manual', 'active', 'match', $5, $5, $5, $5)`, m.book.ID, "dst_"+newToken()[:16], id, account, long)
		return err
	}))
}

// turn is a period of a job.
func (m *market) turn() payouts.Turn {
	return payouts.Turn{Book: m.book, Start: m.now(), End: m.now().Add(24 * time.Hour), Actor: guard.Actor{Kind: guard.System, ID: "jobs"}}
}

func (m *market) work(do func(context.Context, payouts.Turn) (payouts.Report, error)) {
	m.t.Helper()
	_, err := do(m.t.Context(), m.turn())
	m.must(err)
}

// plan moves to 02:00 of the next Monday or Tuesday that the policy pays, and plans the run of the day.
func (m *market) plan() payouts.Run {
	m.t.Helper()
	policy, err := m.payouts.PolicyAt(m.t.Context(), m.book, m.now())
	m.must(err)
	next := policy.NextRun(payouts.KindCreator, m.now())
	m.forward(next.Sub(m.now()))
	m.work(m.payouts.Plan)
	runs, err := m.payouts.Runs(m.t.Context(), m.book, payouts.RunQuery{Trigger: payouts.TriggerScheduled, Limit: 1})
	m.must(err)
	return runs[0]
}

const (
	at      = "/console/books/uk"
	finance = access.Finance
)

// one is the only payout of a payee.
func (m *market) one(payee string) payouts.Payout {
	m.t.Helper()
	list, err := m.payouts.Payouts(m.t.Context(), m.book, payouts.PayoutQuery{Payee: payee, Limit: 10})
	m.must(err)
	if len(list) != 1 {
		m.t.Fatalf("%d payouts of %s", len(list), payee)
	}
	return list[0]
}

// A run from its planning to the bank, as finance sees it and as the payee does.
func TestRunAndPayoutPages(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	m.ready("creator", "cre_amy")
	m.account("cre_amy")
	m.register(m.book, commerce.Payee{ID: "cre_bob", Kind: "creator"})
	m.earn("creator", "cre_amy", "available", 12050)
	m.earn("creator", "cre_amy", "available", -50)
	m.earn("creator", "cre_bob", "available", 9900)
	b := m.in("Fatima", access.Grant{Role: finance, Book: "uk"})
	b.get(at+"/payout-health", 200).has(t, "Payouts", "Not known", "Nothing is stuck", "There was no payout run yet")
	b.get(at+"/payout-runs", 200).has(t, "Start a run by hand", "There was no payout run yet")
	run := m.plan()
	b = m.in("Omar", access.Grant{Role: finance, Book: "uk"})
	p := b.get(at+"/payout-runs", 200)
	p.has(t, run.ID, "by the schedule", "120.00 GBP")
	one := b.get(at+"/payout-runs/"+run.ID, 200)
	one.has(t, "Decided 2", "Paid 1", "Not paid, with a reason 1", "Arrives, 1 payout 120.00 GBP", "0 of 1 payout has left or are over", "cre_amy", "cre_bob", "The identity check is not complete", "Complete the identity check")
	one.has(t, "Why others are not paid", "unverified 1 99.00 GBP", "no destination 1 99.00 GBP", "set apart 1", "Keep this page up to date")
	if one.header.Get("Refresh") != "" {
		t.Error("a page that nobody follows is read again")
	}
	if followed := b.get(at+"/payout-runs/"+run.ID+"?follow=yes", 200); followed.header.Get("Refresh") != "30" {
		t.Errorf("a page that somebody follows is read again after %q", followed.header.Get("Refresh"))
	} else {
		followed.has(t, "Stop reading it again")
	}
	b.get(at+"/payees/cre_bob", 200).has(t, "Paid, or why not", "Not paid on Nov 23, 2026 The identity check is not complete", "Looked at again on Nov 30, 2026", "Next payout Nothing on Nov 30, 2026 as things stand.")
	b.get(at+"/payees/cre_amy", 200).has(t, "£120.00 was to be paid on Nov 23, 2026: set apart")
	b.get(at+"/payout-runs/"+run.ID+"?verdict=skip", 200).hasNot(t, ">cre_amy<")
	b.get(at+"/payout-runs/"+run.ID+"?reason=unverified", 200).has(t, "cre_bob")
	b.get(at+"/payout-runs/"+run.ID+"?reason=dust", 200).has(t, "There are none of these")
	skipped := b.get(at+"/payout-runs/"+run.ID+"/decisions/creator:cre_bob:GBP", 200)
	skipped.has(t, "not paid", "There is no account to pay to", "the same", "uk-1", "What it rests on", "available now 99.00")

	po := m.one("cre_amy")
	mine := b.get(at+"/payouts/"+po.ID, 200)
	mine.has(t, "set apart", "Arrives 120.00 GBP", "Left the balance 120.00 GBP", "the lines sum to 120.00 GBP", "order:UK-0001", "120.50", "-0.50", "Cancel the payout")
	m.work(m.payouts.Submit)
	b.get(at+"/payouts/"+po.ID, 200).has(t, "on its way", "The processor has taken it", "Transfer tr_")
	month, holder := m.book.DayBegins(2026, time.November, 1), payouts.Holder{PayeeKey: payouts.PayeeKey{Kind: "creator", ID: "cre_amy"}, Currency: "GBP"}
	paid := func(since time.Time, want money.Minor) {
		t.Helper()
		if got, known, err := m.payouts.PaidSince(t.Context(), m.book, holder, since); err != nil || !known || got != want {
			t.Errorf("paid %d, %v, %v, want %d", got, known, err, want)
		}
	}
	paid(month, 0)
	sent := m.payee(m.book, "cre_amy")
	sent.get("/portal/money", 200).has(t, "£120.00 is to be paid. It is: on its way.")
	sent.get("/portal", 200).has(t, "Being paid out 120.00")
	sent.get("/portal/statements/days?currency=GBP", 200).has(t, "Paid £0.00", "£120.00 more is on its way.")
	m.forward(72 * time.Hour)
	m.work(m.payouts.Follow)
	b = m.in("Lena", access.Grant{Role: access.Auditor, Book: "uk"})
	done := b.get(at+"/payouts/"+po.ID, 200)
	done.has(t, "paid", "It arrived.")
	b.get(at+"/payees/cre_amy", 200).has(t, "Paid on Nov 23, 2026: £120.00 arrived")
	paid(month, 12000)
	paid(m.now().Add(time.Hour), 0)
	done.hasNot(t, "<textarea")
	b.get(at+"/payouts?state=paid", 200).has(t, po.ID)
	b.get(at+"/payouts?state=failed", 200).hasNot(t, po.ID)
	b.get(at+"/payouts?run="+run.ID, 200).has(t, po.ID, "of the run")
	b.get(at+"/payouts?payee=cre_bob", 200).has(t, "There are none of these")

	own := m.payee(m.book, "cre_amy").get("/portal", 200)
	own.has(t, "Next payout: Nothing on Nov 30, 2026, because nothing will be available by then.", "Payouts", "120.00 GBP", "It arrived on", "Paid on")
	bob := m.payee(m.book, "cre_bob")
	told := bob.get("/portal", 200)
	told.has(t, "Not paid on", "The identity check is not complete", "Looked at again on", "Available 99.00",
		"Next payout: Nothing on Nov 30, 2026 as things stand. What needs your attention above has to be done first.")
	told.hasNot(t, "Pay out now")
	never := bob.get("/portal/payees/cre_bob/payout?currency=GBP", 200)
	never.has(t, "This cannot be paid now.", "The identity check is not complete.", "There is no account to pay to.", "Where payouts go")
	never.hasNot(t, "Show the fee", "Pressing twice")
	told.hasNot(t, po.ID, "cre_amy", "120.00")
	bob.get("/portal/payouts/"+po.ID, 404)
	amy := m.payee(m.book, "cre_amy")
	amy.get("/portal", 200).has(t, "Paid this month", "Left for where you are paid, in these days.")
	if links := amy.get("/portal/payouts/"+po.ID, 200).Links; !slices.Contains(links, "/portal/payouts/"+po.ID+"/statement") || !slices.Contains(links, "/portal/statements/month?currency=GBP&month=2026-11") {
		t.Errorf("the payout leads to %v", links)
	}
	amy.get("/portal/statements/days?currency=GBP", 200).has(t, "Paid £120.00")
	amy.get("/portal/payouts/"+po.ID, 200).has(t, "120.00 GBP paid", "You get 120.00 GBP", "sums to 120.00 GBP", "order:UK-0001", "What happened")
	for _, page := range []string{"payouts", "waits", "decisions"} {
		amy.get("/portal/payees/cre_amy/"+page, 200)
		amy.get("/portal/payees/cre_bob/"+page, 404)
	}
}

// A run by hand waits: a second person is asked for, agrees, or refuses it.
func TestRunByHand(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	m.ready("creator", "cre_amy")
	m.account("cre_amy")
	m.earn("creator", "cre_amy", "available", 50000)
	b := m.in("Fatima", access.Grant{Role: finance, Book: "uk"})
	p := b.get(at+"/payout-runs", 200)
	b.press(p, at+"/payout-runs", nil, http.StatusBadRequest).has(t, "Nothing was done", "Say why")
	long := strings.Repeat("ก", 2000)
	b.press(p, at+"/payout-runs", url.Values{"reason": {long}}, http.StatusBadRequest).has(t, "Say why, in 1 to 2,000 bytes", long)
	to := b.press(p, at+"/payout-runs", url.Values{"reason": {"The bank was closed."}}, http.StatusSeeOther).header.Get("Location")
	b.get(to, 200).has(t, "being planned", "started by hand", "The bank was closed.")
	b.press(p, at+"/payout-runs", url.Values{"reason": {"Twice."}}, http.StatusConflict).has(t, "being planned", "Twice.")
	m.work(m.payouts.CarryOn)
	one := b.get(to, 200)
	one.has(t, "waits for a second person", "It was started by hand.", "Ask for a second person", "Arrives, 1 payout 500.00 GBP")
	one.hasNot(t, "Refuse the run", "Keep this page up to date")
	one.has(t, "Beside the runs before it, GBP", "No run before it paid this currency", "cre_amy creator The first payout to this payee Among the largest of the run", "500.00 GBP")
	b.get(at+"/payout-health", 200).has(t, "Wait for a second person")
	asked := b.press(one, to+"/approvals", url.Values{"reason": {"Please look."}}, http.StatusSeeOther).header.Get("Location")
	b.get(to, 200).has(t, "See what waits for a second person")
	b.get(at+"/payees/cre_amy", 200).has(t, "£500.00 was to be paid on", ": waits for a second person")
	approver := m.in("Omar", access.Grant{Role: access.Approver, Book: "uk"})
	approver.get(asked, 200).has(t, "payout_run.release", "500.00")
	mine := approver.get(to, 200)
	mine.has(t, "Refuse the run")
	approver.press(mine, to+"/refusal", nil, http.StatusBadRequest).has(t, "Nothing was done")
	approver.press(mine, to+"/refusal", url.Values{"reason": {"Too early."}}, http.StatusSeeOther)
	m.work(m.payouts.CarryOn)
	b.get(to, 200).has(t, "refused", "Why it was refused Too early. Omar", "cancelled 1")
	auditor := m.in("Lena", access.Grant{Role: access.Auditor, Book: "uk"})
	auditor.get(at+"/audit?act=payout_run.refused", 200).has(t, "Too early.", strings.TrimPrefix(to, at+"/payout-runs/"))
	refused := b.get(at+"/payees/cre_amy", 200)
	refused.has(t, "Not paid: the run of", "was refused, which would have paid £500.00")
	refused.hasNot(t, "Paid on")
	if po := m.one("cre_amy"); po.State != payouts.Cancelled {
		t.Errorf("the payout is %s", po.State)
	}
	approver.press(mine, to+"/refusal", url.Values{"reason": {"Again."}}, http.StatusConflict)
}

var onePrice = regexp.MustCompile(`name="reference" value="([a-z2-7]+)"`)

// A payee sees the fee, confirms it, and presses twice: one payout.
func TestPayoutOnDemand(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	for _, id := range []string{"cre_amy", "cre_eve"} {
		m.ready("creator", id)
		m.account(id)
		m.earn("creator", id, "available", 50000)
	}
	amy := m.payee(m.book, "cre_amy")
	home := amy.get("/portal", 200)
	home.has(t, "Pay out now")
	const ask, form = "/portal/payees/cre_amy/payout", "/portal/payees/cre_amy/payouts"
	page := amy.get(ask+"?currency=GBP&amount=100&method=instant", 200)
	quote, err := m.payouts.Quote(t.Context(), m.book, payouts.Request{Holder: payouts.Holder{PayeeKey: payouts.PayeeKey{Kind: "creator", ID: "cre_amy"}, Currency: "GBP"}, Amount: 10000, Method: "instant"})
	m.must(err)
	page.has(t, "Arrives 100.00", "Fee "+quote.Fee.Format("GBP"), "Leaves the balance "+quote.Gross.Format("GBP"))
	if again := amy.get(ask+"?currency=GBP&amount=100&method=instant", 200); onePrice.FindString(again.source) == onePrice.FindString(page.source) || onePrice.FindString(again.source) == "" {
		t.Error("two forms have one name")
	}
	// An old price, a price from elsewhere, and somebody else's form come to nothing.
	old := page.forms()[form]
	for name, value := range map[string]string{"fee": "0.01", "reference": "x", "amount": ""} {
		bad := url.Values{}
		for k, v := range old {
			bad[k] = v
		}
		bad.Set(name, value)
		status, _ := amy.send(http.MethodPost, form, bad)
		if status < 400 {
			t.Errorf("with another %s: %d", name, status)
		}
	}
	eve := m.payee(m.book, "cre_eve")
	eve.post(form, old, http.StatusForbidden)
	theirs := eve.get("/portal", 200).forms()["/sign-out"]
	for k, v := range old {
		if k != tokenField {
			theirs[k] = v
		}
	}
	eve.post(form, theirs, http.StatusNotFound)
	first := amy.press(page, form, nil, http.StatusSeeOther).header.Get("Location")
	second := amy.press(page, form, nil, http.StatusSeeOther).header.Get("Location")
	po := m.one("cre_amy")
	if first != "/portal/payouts/"+po.ID || second != first {
		t.Errorf("%s, then %s", first, second)
	}
	if po.Amount != 10000 || po.Fee != quote.Fee {
		t.Errorf("%s and %s", po.Amount.Format("GBP"), po.Fee.Format("GBP"))
	}
	amy.get(first, 200).has(t, "100.00 GBP", "Fee "+quote.Fee.Format("GBP"))
	amy.get(ask+"?currency=GBP&amount=9999", 200).has(t, "This cannot be paid now")
	amy.get(ask+"?currency=GBP&amount=1.234", 400).has(t, "Write the amount as digits")
	amy.get(ask+"?currency=GBP&amount=1%3Cb%3E", 400).hasNot(t, "<b>")
	amy.get(ask+"?currency=USD", 404)
	amy.get("/portal/payees/cre_eve/payout?currency=GBP", 404)
	m.pressTogether(m.payee(m.book, "cre_eve"), "cre_eve")
	for _, page := range []string{"waits", "payouts", "decisions"} {
		amy.get("/portal/payees/cre_eve/"+page, 404)
	}
	amy.get("/portal/payees/cre_amy/waits?after=0000-01-01T00:00:00Z,order:x,settle,creator,GBP", 400) // no list leads there
	old.Set("reference", newToken())
	old.Set("amount", "9999.00")
	amy.post(form, old, http.StatusBadRequest).has(t, "Less is available")

	b := m.in("Fatima", access.Grant{Role: finance, Book: "uk"})
	m.earn("creator", "cre_eve", "available", 50000)
	staff := b.get(at+"/payees/cre_eve/payout?currency=GBP&amount=123.45", 200)
	staff.has(t, "Pay cre_eve now", "Arrives 123.45", "Pressing twice pays once", "The payout was started by hand.")
	leads := b.press(staff, at+"/payees/cre_eve/payouts", nil, http.StatusSeeOther).header.Get("Location")
	if b.press(staff, at+"/payees/cre_eve/payouts", nil, http.StatusSeeOther).header.Get("Location") != leads {
		t.Error("pressing twice led elsewhere:", leads)
	}
	b.get(leads, 200).has(t, "Arrives 123.45 GBP", "cre_eve")
	reader := m.in("Lena", access.Grant{Role: access.Auditor, Book: "uk"})
	reader.get(at+"/payees/cre_eve/payout?currency=GBP", 200).hasNot(t, "Pressing twice")
	token := reader.get(at+"/payouts", 200).forms()["/sign-out"]
	token["kind"], token["currency"], token["amount"], token["fee"], token["reference"] = []string{"creator"}, []string{"GBP"}, []string{"1.00"}, []string{"0.00"}, []string{newToken()}
	reader.post(at+"/payees/cre_eve/payouts", token, http.StatusForbidden)
}

// pressTogether presses the button of one form from fifty places at once: one payout comes of it.
func (m *market) pressTogether(b *browser, payee string) {
	m.t.Helper()
	path := "/portal/payees/" + payee + "/payout"
	form := b.get(path+"?currency=GBP&amount=50.00", 200).forms()[path+"s"]
	to := m.together(b, path+"s", form, 50)
	if one := m.one(payee); one.Amount != 5000 || len(to) != 1 || to[0] != fmt.Sprint(http.StatusSeeOther, "/portal/payouts/"+one.ID) {
		m.t.Errorf("pressing fifty times at once: %v", to)
	}
}

// together sends one form of somebody from many places at once, and returns the different answers: the status and where it leads.
func (h *house) together(b *browser, path string, form url.Values, times int) []string {
	body, session := form.Encode(), b.session()
	to := make([]string, times)
	var all sync.WaitGroup
	for i := range to {
		all.Go(func() {
			r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
			r.Host = testHost
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.Header.Set("Sec-Fetch-Site", "same-origin")
			r.AddCookie(&http.Cookie{Name: access.CookieSecure, Value: session})
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			to[i] = fmt.Sprint(w.Code, w.Header().Get("Location"))
		})
	}
	all.Wait()
	slices.Sort(to)
	return slices.Compact(to)
}

// Standing, holds and destinations are changed where they are read.
func TestPayeePage(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	m.register(m.book, commerce.Payee{ID: "cre_amy", Kind: "creator"})
	m.earn("creator", "cre_amy", "available", 50000)
	b := m.in("Fatima", access.Grant{Role: finance, Book: "uk"})
	b.get(at+"/payees", 200).has(t, "cre_amy", "unverified")
	b.get(at+"/payees?from=cre_amy", 200).has(t, "cre_amy", "unverified")
	b.get(at+"/payees?from=cre_a", 200).has(t, "cre_a is not registered", "cre_amy")
	const payee = at + "/payees/cre_amy"
	p := b.get(payee, 200)
	p.has(t, "unverified", "Available 500.00", "There is no account to pay to", "Nothing holds the payee's money back", "No run has decided about this payee yet", "next run")
	for value, status := range map[string]int{
		"": 200, "2026-11-20T10:00:00Z,1": 200, "2026-11-20T10:00:00.000000001+03:00,2": 200, "0001-01-01T00:00:00Z,1": 200, "9999-12-31T23:59:59Z,9223372036854775807": 200,
		"x": 400, ",": 400, ",1": 400, "2026-11-20T10:00:00Z": 400, "2026-11-20T10:00:00Z,": 400, "2026-11-20,1": 400, "2026-02-30T10:00:00Z,1": 400, "2026-11-20T10:00:00Z,0": 400, "2026-11-20T10:00:00Z,-1": 400,
		"2026-11-20T10:00:00Z,1.5": 400, "2026-11-20T10:00:00Z,1,2": 400, "2026-11-20T10:00:00Z,x": 400, "2026-11-20T10:00:00Z,9223372036854775808": 400, "2026-11-20T10:00:00Z,\x00": 400, "0000-01-01T00:00:00Z,1": 400,
		"9999-12-31T23:59:59-23:59,1": 400, "2026-11-20T10:00:00Z,١": 400, strings.Repeat("2", 5000): 400,
	} {
		b.get(payee+"?"+url.Values{"holds-after": {value}}.Encode(), status)
	}

	change := url.Values{"verification": {"verified"}, "category": {""}, "business": {"open"}, "document": {""}, "reason": {"Looked at the passport."}}
	b.press(p, payee+"/standing", change, http.StatusBadRequest).has(t, "Name the document that shows who the payee is", "Looked at the passport.")
	change.Set("document", "passport-1")
	b.press(p, payee+"/standing", change, http.StatusSeeOther)
	change.Set("verification", "rejected")
	change.Set("category", "document_expired")
	b.press(p, payee+"/standing", change, http.StatusConflict).has(t, "changed in the meantime")
	p = b.get(payee, 200)
	p.has(t, "cre_amy verified", "passport-1")

	hold := url.Values{"effect": {"amount"}, "category": {"legal"}, "case": {"case-77-canary"}, "currency": {"GBP"}, "amount": {"1x"}, "reason": {"A court order."}}
	b.press(p, payee+"/holds", hold, http.StatusBadRequest).has(t, "Write the amount as digits")
	hold.Set("amount", "120.00")
	b.press(p, payee+"/holds", hold, http.StatusSeeOther)
	b.press(p, payee+"/holds", hold, http.StatusSeeOther) // pressed twice: one hold
	held := b.get(payee, 200)
	held.has(t, "blocks an amount", "120.00 GBP", "Available 380.00", "case-77-canary")
	if n := strings.Count(held.source, "blocks an amount</span>"); n != 1 {
		t.Errorf("%d holds", n)
	}
	own := m.payee(m.book, "cre_amy").get("/portal", 200)
	own.has(t, "On hold 120.00", "Money is on hold: legal order")
	own.hasNot(t, "case-77-canary", "court")
	end := b.press(held, payee+"/hold-ends", url.Values{"document": {"order-2"}, "reason": {"Lifted."}}, http.StatusSeeOther).header.Get("Location")
	m.in("Omar", access.Grant{Role: access.Approver, Book: "uk"}).get(end, 200).has(t, "payout.hold_released", "120.00")

	m.must(m.sim.AddAccount("acct_amy", "GB", "gbp"))
	way := url.Values{"rail": {"connected"}, "account": {"acct_none"}, "currencies": {"GBP"}, "document": {"form-1"}, "reason": {"The payee asked."}}
	b.press(p, payee+"/destinations", way, http.StatusBadRequest).has(t, "Nothing was done")
	way.Set("account", "acct_amy")
	asked := b.press(p, payee+"/destinations", way, http.StatusSeeOther).header.Get("Location")
	approver := m.in("Nadia", access.Grant{Role: access.Approver, Book: "uk"})
	a := approver.get(asked, 200)
	a.has(t, "payout.destination", "acct_amy")
	approver.press(a, asked+"/approve", url.Values{"reason": {"Fits."}}, http.StatusSeeOther)
	with := b.get(payee, 200)
	with.has(t, "acct_amy", "account at the processor", "active", "Look again")
	b.press(with, payee+"/checks", url.Values{"reason": {"The bank was mended."}}, http.StatusSeeOther)

	other := url.Values{"from": {"2026-12-x"}, "terms": {`{"id":"cre_amy-1","kind":"creator","minimum":{"GBP":"1.00"}}`}, "document": {"contract-1"}, "reason": {"Agreed by mail."}}
	b.press(p, payee+"/overrides", other, http.StatusBadRequest).has(t, "such as 2026-12-01T00:00", "Agreed by mail.")
	other.Set("from", "2026-12-01T00:00")
	terms := b.press(p, payee+"/overrides", other, http.StatusSeeOther).header.Get("Location")
	approver.get(terms, 200).has(t, "payout_override.set", "Agrees terms of its own with the payee cre_amy", "1.00")

	reader := m.in("Lena", access.Grant{Role: access.Auditor, Book: "uk"})
	reader.get(payee, 200).hasNot(t, "<textarea", "Place a hold")
	token := reader.get(at+"/payouts", 200).forms()["/sign-out"]
	for _, path := range []string{"/standing", "/holds", "/hold-ends", "/destinations", "/checks", "/overrides"} {
		reader.post(payee+path, token, http.StatusForbidden)
	}
	b.get(at+"/payees/cre_none", 404)
	b.get(payee+"/waits", 200).has(t, "Nothing waits for a time")
	b.get(payee+"/decisions", 200).has(t, "No run has decided")
}

// Whatever an address says, a page answers and repeats nothing of it.
func TestPayoutAddresses(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	b := m.in("Adam", access.Grant{Role: access.Auditor})
	const canary = "GB33BUKB20201555555555"
	for _, path := range []string{"/payout-runs?state=" + canary, "/payout-runs?after=" + canary, "/payouts?state=" + canary, "/payouts?after=x", "/payouts?run=%00", "/payees?after=%00", "/payees?from=%ff",
		"/payout-policies?after=x", "/payout-debts?after=x,y", "/payout-debts?after=2026-01-01T00:00:00Z,a", "/treasury-proposals?state=" + canary, "/treasury-proposals?after=x", "/payees/x/waits?after=a,b",
		"/payees/x/waits?after=x,a,b,c,d", "/payees/x/decisions?after=1", "/payees/x/decisions?after=2026-01-01T00:00:00Z,run,zz", "/payees/x/payout?currency=" + canary} {
		b.get(at+path, http.StatusBadRequest).hasNot(t, canary)
	}
	for _, path := range []string{"/payout-runs/" + canary, "/payouts/" + canary, "/payouts/%00", "/payout-runs/%00", "/payout-policies/" + canary, "/payees/%00", "/payees/none", "/payout-runs/x/decisions/" + canary, "/payout-runs/x/decisions/creator:a:GBP"} {
		b.get(at+path, 404).hasNot(t, canary)
	}
	for _, path := range []string{"/payout-policies", "/payout-policies/uk-1", "/payout-debts", "/treasury-proposals", "/treasury-proposals?state=all"} {
		p := b.get(at+path, 200)
		if len(p.source) > 100_000 {
			t.Errorf("%s has %d bytes", path, len(p.source))
		}
	}
	policy, err := m.payouts.PolicyAt(t.Context(), m.book, m.now())
	m.must(err)
	next := *policy
	next.Version, next.ValidFrom, next.CoolingOffHours = 2, m.now().Add(240*time.Hour).Truncate(time.Second), policy.CoolingOffHours+24
	_, err = m.payouts.ActivatePolicy(t.Context(), operator, m.book, string(next.Canonical()), "A longer cooling-off.")
	m.must(err)
	b.get(at+"/payout-policies/uk-2", 200).has(t, "to come", "Compare with uk-1", "Different from uk-1", "cooling_off_hours")
	back := b.get(at+"/payout-policies/uk-1?against=uk-2", 200)
	back.has(t, "in force", "Different from uk-2", "cooling_off_hours")
	b.get(at+"/payout-policies/uk-1?against=none", 404)
	b.get(at+"/payout-policies/uk-1?against=%00", http.StatusBadRequest)
	b.get(at+"/payout-policies/uk-1", 200).has(t, "in force", "In short", "creator", "All of it", "four eyes above", "run total")
}

// Lists have pages, and every row is on one of them.
func TestPayoutListsHavePages(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	const n = decisionsPerPage + 7
	for i := range n {
		id := fmt.Sprintf("cre_%03d", i)
		m.ready("creator", id)
		m.account(id)
		m.earn("creator", id, "available", int64(5000+i))
	}
	run := m.plan()
	b := m.in("Adam", access.Grant{Role: access.Auditor})
	for path, mark := range map[string]*regexp.Regexp{"/payout-runs/" + run.ID: regexp.MustCompile(`class="payee first"><a href="[^"]*/payees/(cre_\d+)"`), "/payouts": regexp.MustCompile(`/payees/(cre_\d+)"`),
		"/payouts?run=" + run.ID: regexp.MustCompile(`/payees/(cre_\d+)"`), "/payees": regexp.MustCompile(`/payees/(cre_\d+)"`)} {
		var seen []string
		for at := at + path; at != ""; {
			p := b.get(at, 200)
			if len(p.source) > 150_000 {
				t.Errorf("%s has %d bytes", at, len(p.source))
			}
			for _, found := range mark.FindAllStringSubmatch(p.source, -1) {
				seen = append(seen, found[1])
			}
			at = p.next(t)
		}
		slices.Sort(seen)
		if len(seen) != n || len(slices.Compact(seen)) != n {
			t.Errorf("%s shows %d of %d", path, len(seen), n)
		}
	}
}
