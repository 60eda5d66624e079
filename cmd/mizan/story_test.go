package main

// Acceptance of stories: each is told by events, jobs, a clock that is moved, and the real driver against the simulated
// processor over HTTP, and comes to what the scenario says, payout by payout and in the end.

import (
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"mizan/api/client"
	"mizan/ledger"
	"mizan/ledger/guard"
	"mizan/ledger/money"
	"mizan/ledger/postgres/pgtest"
	"mizan/ledger/vault"
	"mizan/payouts"
	"mizan/payouts/questions"
	"mizan/payouts/statements"

	"github.com/google/go-cmp/cmp"
)

// testStory serves on a database of the test's own, with a clock that stands and a processor.
func testStory(t *testing.T) *story {
	t.Helper()
	tell, _ := testStoryAt(t)
	return tell
}

// testStoryAt is testStory with the address of the service.
func testStoryAt(t *testing.T) (tell *story, address string) {
	t.Helper()
	keys, err := vault.ParseKeys("tests=VEVTVC1PTkxZLU5PVC1BLVNFQ1JFVC1LRVktMDAwMDE=")
	if err != nil {
		t.Fatal(err)
	}
	return storyOn(t, pgtest.New(t), serviceConfig{open: true, vaultKeys: keys})
}

// storyOn is testStory on a database, whose pool it closes.
func storyOn(t *testing.T, db *pgtest.DB, config serviceConfig) (tell *story, address string) {
	t.Helper()
	l, err := listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	config.staticKey, config.log, config.clock, config.jobsLater = testKey, slog.New(slog.DiscardHandler), newClock(time.Now), true
	config.public = "http://" + l.Addr().String()
	if err := config.clock.set(storiesBegin); err != nil {
		t.Fatal(err)
	}
	if config.simulator, err = newSimulated(t.Context(), t.TempDir(), config.clock.now, config.public); err != nil {
		t.Fatal(err)
	}
	config.driver = config.simulator.driver
	config.lookPatience = time.Minute
	v, err := newService(t.Context(), db.Pool, time.Now, config)
	if err != nil {
		t.Fatal(err)
	}
	serving(t, v, l)
	remote, err := client.New(config.public, testKey, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(remote.CloseIdleConnections)
	if tell, err = newStory(v, remote); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		tell.post.CloseIdleConnections()
		if err := v.simulator.Check(); err != nil {
			t.Error(err)
		}
	})
	return tell, config.public
}

// lives are the payouts of the scenario's book with their steps, for whoever reads a failure.
func (g *story) lives(t *testing.T, sc scenario) string {
	t.Helper()
	book := g.bookOf(t, sc)
	list, err := g.payouts.Payouts(t.Context(), book, payouts.PayoutQuery{Limit: 100})
	if err != nil {
		return err.Error()
	}
	var b strings.Builder
	for _, p := range list {
		fmt.Fprintf(&b, "%s %s %s %d+%d %s %s\n", p.ID, p.Holder.ID, p.State, p.Amount, p.Fee, p.Method, p.Code)
		steps, err := g.payouts.Steps(t.Context(), book, p.ID, 0, 100)
		if err != nil {
			return err.Error()
		}
		for _, s := range steps {
			fmt.Fprintf(&b, "   %s %s %s #%d %s\n", s.At.Format(time.RFC3339), s.State, s.Code, s.Sequence, s.Evidence)
		}
	}
	return b.String()
}

func TestStories(t *testing.T) {
	t.Parallel()
	scenarios, err := loadScenarios()
	if err != nil {
		t.Fatal(err)
	}
	for _, sc := range scenarios {
		if !sc.told() {
			continue
		}
		t.Run(sc.Key, func(t *testing.T) {
			tell := testStory(t)
			begun := time.Now()
			done, err := sc.seed(t.Context(), tell.remote, tell)
			t.Logf("%s: %d transactions in %s", sc.Key, done.last, time.Since(begun))
			if err != nil {
				t.Fatalf("%v\n%s", err, tell.lives(t, sc))
			}
			if len(done.wrong) > 0 {
				t.Errorf("%q\n%s", done.wrong, tell.lives(t, sc))
			}
			tell.checkNets(t, sc)
			tell.checkStatements(t, tell.bookOf(t, sc), tell.clock.now())
			if check := storyChecks[sc.Key]; check != nil {
				check(t, tell, tell.bookOf(t, sc))
			}
		})
	}
}

// Nothing is posted by hand: every transaction of every scenario comes of an event, a job, an act of people or a run.
func TestNothingIsPostedByHand(t *testing.T) {
	t.Parallel()
	scenarios, err := loadScenarios()
	if err != nil {
		t.Fatal(err)
	}
	var raw []string
	for _, sc := range scenarios {
		for _, x := range sc.Transactions {
			if _, ok := sc.Events[x.Reference]; !ok {
				raw = append(raw, sc.Key+" "+x.Event)
			}
		}
	}
	if len(raw) > 0 {
		t.Errorf("posted as transactions: %q", raw)
	}
}

func TestPayday(t *testing.T) {
	t.Parallel()
	tell, address := testStoryAt(t)
	tell.kept.Present = paydayBegins.AddDate(0, 0, paydayDays+4).Add(12 * time.Hour)
	begun := time.Now()
	month, err := tell.payday(t.Context())
	t.Logf("told in %s", time.Since(begun))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	month.write(&b)
	t.Log(b.String())
	if month.failed.n == 0 || month.returned.n == 0 || month.again.n == 0 || month.applied == 0 || month.approved == 0 || month.paid.n < 50 || month.released < 100 {
		t.Errorf("something of the month is missing: %+v", month)
	}
	if month.blocked != 6000 || month.trust <= 0 || month.runs[payouts.TriggerScheduled] < paydayDays-3 {
		t.Errorf("hold, trust or runs are not as they should be: %+v", month)
	}
	for _, reason := range []string{payouts.ReasonUnverified, payouts.ReasonBelowMinimum, payouts.ReasonDebt, payouts.ReasonCoolingOff, payouts.ReasonNotScheduled} {
		if month.skipped[reason] == 0 {
			t.Errorf("nobody was skipped as %s", reason)
		}
	}
	book, err := tell.books.Book(t.Context(), paydayCode)
	if err != nil {
		t.Fatal(err)
	}
	tell.checkPayday(t, book)
	tell.checkPresent(t, book, address)
	tell.checkBankday(t, month.bank)
	if again, err := tell.payday(t.Context()); err != nil || again.last != month.last || !again.before || again.paid != month.paid {
		t.Errorf("told again: %+v %v", again, err)
	}
}

// checkPresent checks what those find who look at the book in its own time: each of them an issued statement of the month that is over,
// and pages that open; money on its way to the charity and a part that is held; an answer and an open question.
func (g *story) checkPresent(t *testing.T, book ledger.Book, address string) {
	t.Helper()
	if now := g.clock.now(); now.Before(g.kept.Present) || now.After(g.kept.Present.Add(beforeNow)) {
		t.Errorf("the clock ends at %s, and the present is %s", now, g.kept.Present)
	}
	for _, of := range demoPayees {
		if of.book != paydayCode {
			continue
		}
		token, _, err := (&inside{parts: g.parts, by: operator()}).link(t.Context(), of.book, of.payee)
		if err != nil {
			t.Fatal(err)
		}
		b := enter(t, signInAddress(address, token))
		for _, at := range []string{"/portal", "/portal/money", "/portal/orders", "/portal/statements", "/portal/settings"} {
			if status, page := b.do(t, http.MethodGet, address+at, nil); status != http.StatusOK {
				t.Errorf("%s: %s is answered with %d:\n%s", of.payee, at, status, page)
			}
		}
		if of.who == "guardian" {
			continue
		}
		list, err := g.statements.Statements(t.Context(), book, statements.Query{Payee: of.payee, Limit: 10})
		if err != nil || len(list) != 1 || list[0].Number != 1 || list[0].Period != 202609 || list[0].Lines == 0 {
			t.Errorf("%s has the statements %+v, %v", of.payee, list, err)
		}
	}
	relief, err := g.remote.Campaign(t.Context(), paydayCode, reliefCampaign)
	if err != nil || relief.Totals.Held != "256.04" || relief.Totals.Disbursed != "507.30" || relief.Totals.Refunds != 1 || relief.Totals.Donations != 18 {
		t.Errorf("the campaign comes to %+v, %v", relief.Totals, err)
	}
	// The shares of the other charity are held, and keep nothing of this one's among what waits.
	waits, err := g.payouts.Waits(t.Context(), book, "ngo_river", payouts.Wait{}, 100)
	_, share := reliefShare(reliefGifts...)
	for _, w := range waits {
		share -= w.Amount
	}
	if err != nil || share != 0 {
		t.Errorf("of the charity waits %+v, %v", waits, err)
	}
	for state, want := range map[string]int{questions.Answered: 1, questions.Open: 1} {
		if list, err := g.questions.In(t.Context(), book, state, questions.Question{}, 10); err != nil || len(list) != want {
			t.Errorf("%s questions: %+v, %v", state, list, err)
		}
	}
	if pages, err := g.publicPages(t.Context(), book); err != nil || len(pages) != 3 {
		t.Errorf("public pages: %q, %v", pages, err)
	}
}

// checkBankday checks the book that is paid by bank files: one payment of the first file was rejected, so that its money is back
// and its destination disabled, and the second file waits.
func (g *story) checkBankday(t *testing.T, d *bankday) {
	t.Helper()
	if d == nil || d.files != 2 || d.paid != 3 || d.failed != 1 || d.next == nil || d.next.Number != 2 || d.next.Lines != 3 {
		t.Fatalf("bank files: %+v", d)
	}
	book, err := g.books.Book(t.Context(), bankdayCode)
	if err != nil {
		t.Fatal(err)
	}
	destinations, err := g.payouts.Destinations(t.Context(), book, "sel_dung")
	if err != nil || len(destinations) != 1 || destinations[0].State != payouts.DestinationDisabled {
		t.Errorf("the destination of the rejected payment: %+v, %v", destinations, err)
	}
	for seller, want := range map[string]string{"sel_an": payouts.Paid, "sel_dung": payouts.Failed} {
		list := g.payoutsOf(t, book, seller)
		if len(list) == 0 || list[0].State != want {
			t.Errorf("the first payout of %s: %+v", seller, list)
		}
	}
}

// checkPayday checks who was paid and why: the guardian for the minor, sellers after a failure and a return, a debtor out of its next
// credits, and the order of what was proved.
func (g *story) checkPayday(t *testing.T, book ledger.Book) {
	t.Helper()
	if list := g.payoutsOf(t, book, "cre_kid"); len(list) == 0 || list[0].RailAccount != "acct_guajoone" {
		t.Errorf("the guardian was not paid for the minor: %+v", list)
	}
	// What came back is paid by itself, or by a run that pays all there is, whichever is first.
	for seller, cameBack := range map[string]func(payouts.Payout) bool{
		"sel_ben":  func(p payouts.Payout) bool { return p.State == payouts.Failed },
		"sel_cora": func(p payouts.Payout) bool { return !p.ReturnedAt.IsZero() },
	} {
		list := g.payoutsOf(t, book, seller)
		back := slices.IndexFunc(list, cameBack)
		if back < 0 || !slices.ContainsFunc(list, func(p payouts.Payout) bool {
			return p.Destination != list[back].Destination && p.State == payouts.Paid && p.ReturnedAt.IsZero() && p.CreatedAt.After(list[back].EndedAt)
		}) {
			t.Errorf("%s was not paid again", seller)
		}
	}
	if list := g.payoutsOf(t, book, "sel_fay"); len(list) > 0 {
		t.Error("somebody was paid of whom nobody knows who it is")
	}
	owed := g.running(t, book, "liabilities:seller:available:sel_dan")
	debt := slices.IndexFunc(owed, func(s string) bool { return strings.HasPrefix(s, "-") })
	if debt < 0 || !slices.ContainsFunc(owed[debt:], func(s string) bool { return !strings.HasPrefix(s, "-") }) {
		t.Errorf("no debt was recovered by the next credits: %q", owed)
	}
	proof, err := g.payouts.Verify(t.Context(), book)
	if err != nil || !proof.Sound() || proof.Payouts < 100 {
		t.Errorf("the payouts do not add up: %+v %v", proof, err)
	}
}

// nets are what transactions come to for each event and account: "event account currency", a debit positive. An owner that events
// add to an address is left out (errata W-21), and events that are one in a scenario have one name.
func nets(sc scenario, list []client.Transaction) map[string]money.Minor {
	known := map[string]bool{}
	for _, t := range sc.Transactions {
		for _, e := range t.Entries {
			known[e.Account] = true
		}
	}
	sums := map[string]money.Minor{}
	for _, t := range list {
		event := t.Event
		if name := storyNames[event]; name != "" {
			event = name
		}
		for _, e := range t.Entries {
			account := e.Account
			for cut := account; !known[account] && cut != ""; {
				at := strings.LastIndex(cut, ":")
				if cut = cut[:max(at, 0)]; known[cut] {
					account = cut
				}
			}
			amount, err := money.ParseAmount(e.Amount, e.Currency)
			if err != nil {
				panic(err)
			}
			if e.Direction == "credit" {
				amount = -amount
			}
			key := event + " " + account + " " + string(e.Currency)
			if sums[key] += amount; sums[key] == 0 {
				delete(sums, key)
			}
		}
	}
	return sums
}

// storyNames are the names under which a scenario has what the books call otherwise: earnings that a commission made settle like
// an order, a settled order that is taken over opens with what it keeps, and a processor's fee is one whatever it is for.
var storyNames = map[string]string{"creator.released": "order.settled", "opening.posted": "opening.balance", "opening.order": "opening.balance",
	"reserve.released": "opening.balance"}

// storyEvents are those that a story no longer has from the scenario, but from what happens.
var storyEvents = []string{"order.settled", "opening.balance", "payout.created", "payout.submitted", "payout.paid", "payout.failed", "payout.returned",
	"processor.payout_cost", "hold.legal_placed", "reserve.applied", "refund.full", "debt.written_off", "minor_trust.released",
	"recon.fee_trued_up", "recon.suspense_in", "recon.suspense_out"}

// checkNets compares what a story posted with what the scenario says, event by event and account by account.
func (g *story) checkNets(t *testing.T, sc scenario) {
	t.Helper()
	var posted []client.Transaction
	for x, err := range g.remote.Transactions(t.Context(), sc.book().Code, client.TransactionQuery{}) {
		if err != nil {
			t.Fatal(err)
		}
		posted = append(posted, x)
	}
	var said []client.Transaction
	for _, x := range sc.Transactions {
		made := client.Transaction{Event: x.Event}
		for _, e := range x.Entries {
			made.Entries = append(made.Entries, client.Entry{Account: e.Account, Direction: e.Direction, Amount: e.Amount, Currency: e.Currency})
		}
		said = append(said, made)
	}
	other := func(key string, _ money.Minor) bool {
		event, _, _ := strings.Cut(key, " ")
		return !slices.Contains(storyEvents, event)
	}
	want, got := nets(sc, said), nets(sc, posted)
	maps.DeleteFunc(want, other)
	maps.DeleteFunc(got, other)
	if len(want) < 4 {
		t.Errorf("only %d nets are compared", len(want))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("nets of each event and account (-scenario +story):\n%s", diff)
	}
}

func (g *story) bookOf(t *testing.T, sc scenario) ledger.Book {
	t.Helper()
	book, err := g.books.Book(t.Context(), sc.book().Code)
	if err != nil {
		t.Fatal(err)
	}
	return book
}

// payoutsOf are the payouts of a payee, the first one first.
func (g *story) payoutsOf(t *testing.T, book ledger.Book, payee string) []payouts.Payout {
	t.Helper()
	list, err := g.payouts.Payouts(t.Context(), book, payouts.PayoutQuery{Payee: payee, Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(list)
	return list
}

// running are the balances of an account after each transaction that moved it, what is owed positive.
func (g *story) running(t *testing.T, book ledger.Book, account string) (list []string) {
	t.Helper()
	owed := money.Minor(0)
	for x, err := range g.remote.Transactions(t.Context(), book.Code, client.TransactionQuery{}) {
		if err != nil {
			t.Fatal(err)
		}
		before := owed
		currency := money.Currency("")
		for _, e := range x.Entries {
			if e.Account != account {
				continue
			}
			amount, err := money.ParseAmount(e.Amount, e.Currency)
			if err != nil {
				t.Fatal(err)
			}
			if e.Direction == "debit" {
				amount = -amount
			}
			owed, currency = owed+amount, e.Currency
		}
		if owed != before {
			list = append(list, owed.Format(currency))
		}
	}
	return list
}

// reasonsOf are why a payee was not paid, each once.
func (g *story) reasonsOf(t *testing.T, book ledger.Book, kind, payee string) (list []string) {
	t.Helper()
	page, err := g.payouts.Decisions(t.Context(), book, payouts.DecisionQuery{Kind: kind, Payee: payee, Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range page.Decisions {
		if d.Verdict == payouts.VerdictSkip {
			list = append(list, d.Reasons[0])
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// storyChecks are what a scenario promises beside its amounts.
var storyChecks = map[string]func(*testing.T, *story, ledger.Book){
	"S2": func(t *testing.T, g *story, book ledger.Book) {
		for _, p := range []payouts.PayeeKey{{Kind: "creator", ID: "cre_amy"}, {Kind: "agency", ID: "mcn_ldn"}} {
			if got := g.reasonsOf(t, book, p.Kind, p.ID); p.Kind == "creator" && !slices.Contains(got, payouts.ReasonBelowMinimum) || len(got) == 0 {
				t.Errorf("%s was not paid for %q", p.ID, got)
			}
		}
	},
	"S5": func(t *testing.T, g *story, book ledger.Book) {
		// The reserve of the refunded order follows its refund at once, before the label and the handling.
		want := []string{"47.54", "0.00", "-57.12", "-51.84", "-55.94", "-57.94", "-70.34", "53.34", "0.00"}
		if diff := cmp.Diff(want, g.running(t, book, "liabilities:seller:available:sel_wh")); diff != "" {
			t.Errorf("what the seller has (-want +got):\n%s", diff)
		}
	},
	"S11": checkS11,
	"S12": checkS12,
}

func checkS11(t *testing.T, g *story, book ledger.Book) {
	list := g.payoutsOf(t, book, "sel_x")
	if len(list) != 3 {
		t.Fatalf("%d payouts, want 3", len(list))
	}
	failed, returned, last := list[0], list[1], list[2]
	if failed.State != payouts.Failed || failed.Code != "account_closed" {
		t.Errorf("the first is %s %s", failed.State, failed.Code)
	}
	if returned.State != payouts.Paid || returned.PaidAt.IsZero() || !returned.ReturnedAt.After(returned.PaidAt) {
		t.Errorf("the second was paid at %s and came back at %s", returned.PaidAt, returned.ReturnedAt)
	}
	if last.RetryOf != returned.ID || last.Amount != 38000 || last.State != payouts.Paid {
		t.Errorf("the third pays %s again with %d and is %s", last.RetryOf, last.Amount, last.State)
	}
	d, err := g.payouts.Destination(t.Context(), book, failed.Destination)
	if err != nil || d.DisabledCode != "account_closed" {
		t.Errorf("the first destination is %s %s: %v", d.State, d.DisabledCode, err)
	}
	want := []string{"350.00", "500.00", "297.00", "500.00", "200.00", "500.00", "380.00", "0.00", "-150.00", "-60.00", "0.00"}
	if diff := cmp.Diff(want, g.running(t, book, "liabilities:seller:available:sel_x")); diff != "" {
		t.Errorf("what the seller has (-want +got):\n%s", diff)
	}
	agreed, err := g.desk.Approvals(t.Context(), guard.Book{ID: int32(book.ID), Code: book.Code}, guard.StateDone, time.Time{}, "", 1000)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(agreed, func(a guard.Approval) bool { return a.Document == "WRITE-OFF-S11" })
	if i < 0 || agreed[i].Author.Person == agreed[i].DecidedBy || agreed[i].DecidedBy == "" {
		t.Error("no two people have agreed to the write-off")
	}
}

// TestStoryGoesOn: a story that was interrupted goes on where it was, and nothing is done twice.
func TestStoryGoesOn(t *testing.T) {
	t.Parallel()
	scenarios, err := loadScenarios()
	if err != nil {
		t.Fatal(err)
	}
	sc := scenarios[slices.IndexFunc(scenarios, func(sc scenario) bool { return sc.Key == "S11" })]
	tell := testStory(t)
	part := sc
	part.Transactions = sc.Transactions[:8] // po_2 was asked for and has arrived
	if _, err := tell.remote.CreateBook(t.Context(), sc.book()); err != nil {
		t.Fatal(err)
	}
	if err := part.act(t.Context(), tell.remote, tell, &seeded{book: sc.book()}); err != nil {
		t.Fatal(err)
	}
	again, err := newStory(tell.service, tell.remote)
	if err != nil {
		t.Fatal(err)
	}
	done, err := sc.seed(t.Context(), tell.remote, again)
	if err != nil || len(done.wrong) > 0 {
		t.Fatalf("%v %q\n%s", err, done.wrong, tell.lives(t, sc))
	}
	tell.checkNets(t, sc)
	checkS11(t, tell, tell.bookOf(t, sc))
	// Whoever cannot tell stories finds the book told.
	if found, err := sc.seed(t.Context(), tell.remote, nil); err != nil || !found.before {
		t.Errorf("found: %+v %v", found, err)
	}
	if once, err := sc.seed(t.Context(), tell.remote, again); err != nil || once.posted != 0 || once.last != done.last || len(once.wrong) > 0 {
		t.Errorf("again: %+v %v", once, err)
	}
}
