package console

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"mizan/api/access"
	"mizan/ledger/commerce"
	"mizan/payouts"
	"mizan/payouts/processor/simulator"
)

// A payout that the bank sends back is shown so, and is paid again to another account, in one chain.
func TestReturnedAndPaidAgain(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	m.ready("creator", "cre_amy")
	m.account("cre_amy")
	m.arrives("UK-7", m.now())
	m.must(m.events.Settle(t.Context(), m.book, "UK-7", commerce.Settlement{}).Err)
	m.earn("creator", "cre_amy", "available", 24836)
	m.must(m.sim.FailPayouts("acct_creamy", "account_closed", 96*time.Hour))
	// What the payee is told of the order: it is paid when the money arrived, and not when it left.
	told := func(stands, link string, more ...string) {
		t.Helper()
		amy := m.payee(m.book, "cre_amy")
		amy.get("/portal/orders", 200).has(t, "UK-7 "+stands)
		p := amy.get("/portal/orders/UK-7", 200)
		if p.has(t, append(more, "Your share "+stands)...); !strings.Contains(p.source, `href="/portal/payouts/`+link) && link != "" {
			t.Errorf("nothing leads to %s", link)
		}
	}
	told("settled", "", "is paid with your next payout")
	m.plan()
	told("settled", "po_", "It went into a payout: being prepared.")
	m.work(m.payouts.Submit)
	m.forward(50 * time.Hour)
	m.work(m.payouts.Follow)
	told("paid", "po_", "A payout of ", "See the payout")
	m.payee(m.book, "cre_amy").get("/portal/statements/days", 200).has(t, "Payouts and where they are", " paid It arrived on ", "The bank's trace ", "Payouts -300.00")
	m.forward(50 * time.Hour)
	m.work(m.payouts.Follow)
	first := m.one("cre_amy")
	told("settled", first.ID, "It went into a payout: returned.")
	b := m.in("Fatima", access.Grant{Role: finance, Book: "uk"})
	answered := b.get(at+"/payees/cre_amy", 200)
	answered.has(t, "£300.00 was to be paid on", ": returned")
	answered.hasNot(t, "arrived")
	m.payee(m.book, "cre_amy").get("/portal/money", 200).has(t, "It is: returned.")
	p := b.get(at+"/payouts/"+first.ID, 200)
	p.has(t, "returned", "The bank sent it back", "came back", "account_closed", "Pay it again")
	again := regexp.MustCompile(`href="([^"]*retry=[^"]*)"`).FindStringSubmatch(p.source)
	if again == nil {
		t.Fatal("nothing leads to paying it again")
	}
	form := strings.ReplaceAll(again[1], "&amp;", "&")
	b.get(form, 200).has(t, "Pay cre_amy again", "in place of "+first.ID, "This cannot be paid now", "account closed")
	amy := m.payee(m.book, "cre_amy")
	amy.get("/portal", 200).has(t, "returned", "Your bank sent it back on", "Available 300.00")
	amy.get("/portal/payouts/"+first.ID, 200).has(t, "300.00 GBP returned", "Your bank sent it back")
	amy.get("/portal/statements/days", 200).has(t, " returned Your bank sent it back on ", "Payouts 0.00", "Settled £300.00")

	m.must(m.sim.AddAccount("acct_new", "GB", "gbp"))
	m.must(m.sim.ChangeAccount("acct_new", func(a *simulator.Account) { a.Interval = "manual" }))
	_, err := m.payouts.ChangeDestination(t.Context(), operator, m.book, json.RawMessage(`{"payee":"cre_amy","rail":"connected","account":"acct_new","currencies":["GBP"],"holder_confirmed":true}`), "closed")
	m.must(err)
	m.forward(96 * time.Hour)
	b = m.in("Omar", access.Grant{Role: finance, Book: "uk"})
	page := b.get(form, 200)
	page.has(t, "This can be paid now", "first payout to this account", "Pay 300.00 GBP")
	to := b.press(page, at+"/payees/cre_amy/payouts", nil, http.StatusSeeOther).header.Get("Location")
	second := b.get(to, 200)
	second.has(t, "Pays again: "+first.ID, "waits for a second person", "came back")
	told("settled", to[strings.LastIndex(to, "/")+1:], "It went into a payout: being prepared.")
	chain := b.get(at+"/payouts/"+first.ID, 200)
	chain.has(t, "Paid again by: "+to[strings.LastIndex(to, "/")+1:])
	chain.hasNot(t, "Pay it again")
	b.press(page, at+"/payees/cre_amy/payouts", url.Values{"reference": {newToken()}}, http.StatusConflict).has(t, "Nothing was done")

	// Cancelled with a reason, from the page of the payout.
	b.press(second, to+"/cancel", nil, http.StatusBadRequest).has(t, "Nothing was done")
	b.press(second, to+"/cancel", url.Values{"reason": {"Not yet."}}, http.StatusSeeOther)
	b.get(to, 200).has(t, "cancelled", "It was never sent", "Not yet.")
	told("settled", to[strings.LastIndex(to, "/")+1:], "It went into a payout: cancelled.")
	b.press(second, to+"/cancel", url.Values{"reason": {"Twice."}}, http.StatusConflict).has(t, "Nothing was done")
	b.get(at+"/payouts/"+first.ID, 200).has(t, "Pay it again")
}

// Guardians see what is the minors', and nobody else does.
func TestGuardianSeesPayouts(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	m.ready("guardian", "gua_pat")
	m.account("gua_pat")
	m.register(m.book, commerce.Payee{ID: "cre_minor", Kind: "creator", Minor: true, Guardian: "gua_pat", TrustRate: "0.15"})
	verified := payouts.IdentityVerified
	_, err := m.payouts.ChangeStanding(t.Context(), operator, m.book, "cre_minor", payouts.StandingChange{Verification: &verified, Document: "doc-1", Why: "checked"})
	m.must(err)
	m.register(m.book, commerce.Payee{ID: "cre_eve", Kind: "creator"})
	m.earn("creator", "cre_minor", "available", 8000)
	m.plan()
	po := m.one("cre_minor")
	pat := m.payee(m.book, "gua_pat")
	pat.get("/portal", 200).has(t, "Whom you act for", "cre_minor", "80.00 GBP", "being prepared", "Paid on")
	pat.get("/portal/payouts/"+po.ID, 200).has(t, "80.00 GBP")
	for _, page := range []string{"payouts", "waits", "decisions"} {
		pat.get("/portal/payees/cre_minor/"+page, 200)
		pat.get("/portal/payees/cre_eve/"+page, 404)
		m.payee(m.book, "cre_eve").get("/portal/payees/cre_minor/"+page, 404)
	}
	m.payee(m.book, "cre_eve").get("/portal/payouts/"+po.ID, 404)
	m.payee(m.book, "cre_minor").get("/portal/payouts/"+po.ID, 200)
	m.in("Fatima", access.Grant{Role: finance, Book: "uk"}).get(at+"/payees/cre_minor", 200).has(t, "minor, guardian gua_pat", "A minor has no destination of its own")
}

// What becomes available is shown with its day, page by page, to the payee and to the staff.
func TestWaitsHavePages(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	m.register(m.book, commerce.Payee{ID: "cre_amy", Kind: "creator"})
	const n = waitsPerPage + 12
	for i := range n {
		var due *time.Time
		if i < n-3 {
			at := today.Add(time.Duration(i/2) * 24 * time.Hour)
			due = &at
		}
		subject := fmt.Sprintf("gift:g-%03d", i)
		_, err := m.pool.Exec(t.Context(), `INSERT INTO payout_clocks (book_id, subject, act, due_at, look_at, sequence) VALUES ($1, $2, 'release', $3, $3, 1)`, m.book.ID, subject, due)
		m.must(err)
		_, err = m.pool.Exec(t.Context(), `INSERT INTO payout_waits (book_id, kind, payee, currency, subject, act, amount, due_at) VALUES ($1, 'creator', 'cre_amy', 'GBP', $2, 'release', $3, $4)`, m.book.ID, subject, 100+i, due)
		m.must(err)
	}
	amy := m.payee(m.book, "cre_amy")
	home := amy.get("/portal", 200)
	home.has(t, "On its way to you", "Nov 21, 2026", "gift:g-000 when its days are over", "1.00 GBP", "All of it")
	home.hasNot(t, "gift:g-020")
	b := m.in("Fatima", access.Grant{Role: finance, Book: "uk"})
	b.get(at+"/payees/cre_amy", 200).has(t, "gift:g-000", "All of it")
	for path, who := range map[string]*browser{"/portal/payees/cre_amy/waits": amy, at + "/payees/cre_amy/waits": b} {
		seen := map[string]int{}
		for path != "" {
			p := who.get(path, 200)
			for _, s := range regexp.MustCompile(`>(gift:g-\d+)<`).FindAllStringSubmatch(p.source, -1) {
				seen[s[1]]++
			}
			path = p.next(t)
		}
		if len(seen) != n {
			t.Errorf("%d of %d are shown", len(seen), n)
		}
		for subject, times := range seen {
			if times != 1 {
				t.Errorf("%s is shown %d times", subject, times)
			}
		}
	}
	amy.get("/portal/payees/cre_amy/waits?after=x", http.StatusBadRequest)
}

// What waits for people stands on the first page, and is tried again with a reason; debts and proposals have pages.
func TestAttention(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	m.ready("seller", "sel_lamps")
	m.earn("seller", "sel_lamps", "available", -9900)
	m.forward(time.Hour)
	m.work(m.payouts.Recover)
	_, err := m.pool.Exec(t.Context(), `INSERT INTO payout_clocks (book_id, subject, act, due_at, look_at, sequence, gates, tries, why) VALUES ($1, 'order:UK-1', 'settle', $2, NULL, 1, '{}', 40, 'account-closed'), ($1, 'order:UK-2', 'settle', $2, $2, 1, '{dispute}', 0, '')`,
		m.book.ID, today.Add(-50*time.Hour))
	m.must(err)
	b := m.in("Fatima", access.Grant{Role: finance, Book: "uk"})
	p := b.get(at+"/payout-health", 200)
	p.has(t, "wait for people", "order:UK-1", "account-closed", "tried 40 times", "the order settles", "Due, and kept by something else", "order:UK-2", "dispute")
	p.hasNot(t, "Nothing is stuck")
	const looks = at + "/payout-clocks/looks"
	b.press(p, looks, nil, http.StatusBadRequest).has(t, "Nothing was done", "Say why")
	b.press(p, looks, url.Values{"reason": {"Mended."}, "subject": {"order:none"}}, 404)
	m.in("Lena", access.Grant{Role: access.Auditor, Book: "uk"}).get(at+"/payout-health", 200).hasNot(t, "<textarea")
	debts := b.get(at+"/payout-debts", 200)
	debts.has(t, "sel_lamps", "99.00 GBP")
	b.get(at+"/payees/sel_lamps", 200).has(t, "Below zero 99.00", "Debts")
	m.payee(m.book, "sel_lamps").get("/portal", 200).has(t, "You owe 99.00")
	if strings.Contains(m.payee(m.book, "sel_lamps").get("/portal", 200).source, "Pay out now") {
		t.Error("whoever owes is offered a payout")
	}
	_, err = m.pool.Exec(t.Context(), `INSERT INTO treasury_proposals (book_id, id, kind, currency, amount, object, reason, state, created_at) VALUES ($1, 'tp_0123456789abcdef', 'write_off', 'GBP', 9900, 'seller:sel_lamps', 'Give <b>it</b> up.', 'open', $2)`, m.book.ID, today)
	m.must(err)
	proposed := b.get(at+"/treasury-proposals", 200)
	proposed.has(t, "give the debt up", "seller:sel_lamps", "99.00 GBP", "Give <b>it</b> up.")
	proposed.hasNot(t, "<b>")
	b.get(at+"/treasury-proposals?state=done", 200).has(t, "Nothing is proposed")
}

// A policy is shown with what is different from the one before it.
func TestPolicyDifferences(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	shipped, err := m.payouts.Policy(t.Context(), m.book, "uk-1")
	m.must(err)
	var next map[string]any
	m.must(json.Unmarshal(shipped.Document, &next))
	next["version"], next["valid_from"], next["cooling_off_hours"] = 2, today.Add(48*time.Hour).Format(time.RFC3339), 96
	document, err := json.Marshal(next)
	m.must(err)
	_, err = m.payouts.ActivatePolicy(t.Context(), operator, m.book, string(document), "Longer.")
	m.must(err)
	b := m.in("Adam", access.Grant{Role: access.Auditor})
	b.get(at+"/payout-policies", 200).has(t, "uk-2", "to come", "uk-1 shipped", "in force")
	b.get(at+"/payout-policies/uk-2", 200).has(t, "to come", "Different from uk-1", "72 becomes 96")
	b.get(at+"/payout-policies/uk-1", 200).has(t, "in force", "shipped with Mizan")
	m.register(m.book, commerce.Payee{ID: "sel_x", Kind: "seller"})
	agreed, err := json.Marshal(map[string]any{"payee": "sel_x", "after": 0, "valid_from": today.Add(time.Hour), "document": `{"id":"sel_x-1","kind":"seller","cadence":{"every":"weekly","weekday":5}}`})
	m.must(err)
	_, err = m.payouts.SetOverride(t.Context(), operator, m.book, agreed, "Fridays.")
	m.must(err)
	b.get(at+"/payees/sel_x", 200).hasNot(t, "weekday")
	b.get(at+"/payout-policies", 200).has(t, "Agreed with single payees", "sel_x cadence", "to come")
	b.get(at+"/payout-policies?payees-after=sel_x", 200).has(t, "Nothing is agreed with single payees.")
	b.get(at+"/payout-policies?payees-after=%00", http.StatusBadRequest)
	b.get(at+"/payout-policies/uk-2", 200).hasNot(t, "Propose the next policy")
	lead, action := m.in("Fay", access.Grant{Role: access.Finance}), at+"/payout-policies/uk-2/next"
	page := lead.get(at+"/payout-policies/uk-2", 200)
	page.has(t, "Propose the next policy", `"version": 3`)
	large := page.forms()[action]
	large.Set("policy", strings.Repeat("{\n", 40_000))
	large.Set("reason", "r")
	if _, told := lead.send(http.MethodPost, action, large); strings.Contains(told.Text, "cannot be read. Nothing") || !strings.Contains(told.Text, "Nothing was") {
		t.Errorf("a long policy: %.200s", told.Text)
	}
	next["version"], next["valid_from"], next["cooling_off_hours"] = 3, today.Add(96*time.Hour).Format(time.RFC3339), 120
	document, err = json.Marshal(next)
	m.must(err)
	proposed := url.Values{"policy": {string(document)}, "reason": {"Longer still."}, "preview": {"1"}}
	lead.press(page, action, proposed, 200).has(t, "96 becomes 120", "nobody was asked", "Longer still.")
	proposed.Del("preview")
	if to := lead.press(page, action, proposed, 303).header.Get("Location"); !strings.HasPrefix(to, at+"/approvals/") {
		t.Errorf("the proposal leads to %s", to)
	}
	lead.press(page, action, url.Values{"policy": {"{"}, "reason": {"x"}}, 400).has(t, "Nothing was done")
	m.forward(72 * time.Hour)
	b = m.in("Omar", access.Grant{Role: access.Auditor})
	b.get(at+"/payout-policies/uk-2", 200).has(t, "in force")
	b.get(at+"/payees/sel_x", 200).has(t, "Agreed with this payee", "in force", "weekday 5", "next run Nov 27, 2026")
}

// A console without payouts has no pages about them, and nothing leads there.
func TestConsoleWithoutPayouts(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(c *Config) { c.Payouts = nil })
	uk := h.book("uk", "Souk UK", "GBP")
	h.register(uk, commerce.Payee{ID: "cre_amy", Kind: "creator"})
	b := h.in("Adam", access.Grant{Role: access.Auditor})
	b.get(at+"/payout-health", 404)
	b.get("/console", 200).hasNot(t, "payout-health")
	h.payee(uk, "cre_amy").get("/portal", 200).hasNot(t, "next payout day")
}
