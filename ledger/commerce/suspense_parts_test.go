package commerce

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// Events of many parts whose cash waits in suspense: each part takes its own, and reversed gives back its own.

// deliveredAtDoors are orders of 100.00 each that were paid in cash.
func (w *workbench) deliveredAtDoors(t *testing.T, prefix string, n int) (orders []string) {
	t.Helper()
	events := make([]Event, n)
	for i := range events {
		orders = append(orders, fmt.Sprint(prefix, i))
		events[i] = event(t, eventCODDelivered, orders[i], codSale(orders[i]))
	}
	for _, r := range w.PostBatch(t.Context(), w.book, events) {
		if r.Err != nil {
			t.Fatal(r.Err)
		}
	}
	return orders
}

func waitsInUSD(id, reference, amount string) *SuspenseIn {
	return &SuspenseIn{SuspenseTerms: SuspenseTerms{Break: id, Reference: reference, Side: SideInflow, Currency: "USD", Amount: amount}, Where: atBank}
}

// TestRemittanceTakesWhatWaits: a carrier's payment for any number of orders takes the bank's line that waits, whole or in part, and is
// told once of each break.
func TestRemittanceTakesWhatWaits(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "US", "America/Chicago", "USD")
	orders := w.deliveredAtDoors(t, "o", maxParts-1)
	for i, n := range []int{1, 33, 34, maxParts - 1} {
		line := fmt.Sprint("GHN-", i)
		all := money.Minor(n) * 900
		in := w.own(t, waitsInUSD("b"+line, line, (all-100).Format("USD")))
		more := w.own(t, waitsInUSD("c"+line, line, "0.40")) // the bank's line in two breaks: 0.60 less than is told
		e := event(t, eventRemitted, line, codRemittance(line, "10.00", "1.00", orders[:n]...))
		dry, err := w.DryRun(t.Context(), w.book, []Event{e}, true)
		if err != nil || dry[0].Err != nil {
			t.Fatal(err, dry[0].Err)
		}
		r := w.Post(t.Context(), w.book, e)
		if r.Err != nil {
			t.Fatalf("%d orders: %v", n, r.Err)
		}
		if got, want := entriesOf(dry[0].Transactions), entriesOf(r.Transactions); got != want {
			t.Errorf("%d orders: the dry run says something else than was posted", n)
		}
		if cash, waits := movedUnder(line, in, more, r); cash != all || waits != 0 {
			t.Errorf("%d orders: %d of cash moved and %d waits", n, cash, waits)
		}
		if facts := len(r.Transactions) - 1 - n; facts != 3 {
			t.Errorf("%d orders are told with %d facts about suspense", n, facts)
		}
		if again := w.Post(t.Context(), w.book, e); again.Err != nil || !again.Replayed || len(again.Transactions) != len(r.Transactions) {
			t.Errorf("%d orders again: %v", n, again.Err)
		}
	}
	w.verified(t)
}

// TestPartsGiveBackWhatTheyTook: an event that took of several breaks in several parts is reversed part by part, each puts back what
// it took itself, whatever was decided of the rest in between, and it can be told again.
func TestPartsGiveBackWhatTheyTook(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "US", "America/Chicago", "USD")
	orders := w.deliveredAtDoors(t, "o", 4)
	w.own(t, waitsInUSD("a", "G", "12.00"))
	w.own(t, waitsInUSD("b", "G", "9.00"))
	w.own(t, waitsInUSD("c", "G", "20.00"))
	wants := func(when string, want map[string]money.Minor) {
		t.Helper()
		sum := money.Minor(0)
		for id, amount := range want {
			list, err := w.Suspended(t.Context(), w.book, id, 0)
			if err != nil || len(list) != 1 || list[0].Amount != amount {
				t.Errorf("%s: of %s %+v waits instead of %d, %v", when, id, list, amount, err)
			}
			sum += amount
		}
		have, ok := w.balances(t)["liabilities:suspense USD"]
		if want := sum.Format("USD"); have != want && (ok || sum != 0) {
			t.Errorf("%s: %s lies in suspense instead of %s", when, have, want)
		}
	}
	// Parts of 9.00 each: of a; of a 3.00 and of b 6.00; of b 3.00 and of c 6.00; of c, of which 5.00 are left.
	r := w.post(t, eventRemitted, "r", codRemittance("G", "10.00", "1.00", orders...))
	wants("told", map[string]money.Minor{"a": 0, "b": 0, "c": 500})
	w.own(t, &SuspenseWrittenOff{SuspenseTerms{"c", "G", SideInflow, "USD", "5.00"}, "d", "liabilities:unclaimed:US-NY"})
	undo := func(part int, want map[string]money.Minor) {
		t.Helper()
		if got := w.reverse(t, &r.Transactions[part]); got.Err != nil {
			t.Fatalf("part %d: %v", part, got.Err)
		}
		wants(fmt.Sprintf("part %d reversed", part), want)
	}
	undo(4, map[string]money.Minor{"a": 0, "b": 0, "c": 900})
	again := event(t, "entry.reversed", "once more", fmt.Sprintf(`{"transaction":%q,"reason":"mistake"}`, r.Transactions[4].ID()))
	if got := w.Post(t.Context(), w.book, again); fault.CodeOf(got.Err) != ledger.ErrAlreadyReversed.Code {
		t.Errorf("a part reversed twice: %v", got.Err)
	}
	wants("a part reversed twice", map[string]money.Minor{"a": 0, "b": 0, "c": 900})
	w.own(t, &SuspenseReturned{SuspenseTerms{"c", "G", SideInflow, "USD", "9.00"}, "d2"}) // before the other parts give back theirs
	undo(3, map[string]money.Minor{"a": 0, "b": 300, "c": 600})
	undo(2, map[string]money.Minor{"a": 300, "b": 900, "c": 600})
	undo(1, map[string]money.Minor{"a": 1200, "b": 900, "c": 600})
	undo(0, map[string]money.Minor{"a": 1200, "b": 900, "c": 600})
	// Told again it takes what waits, and the rest is cash.
	told := w.post(t, eventRemitted, "again", codRemittance("G", "10.00", "1.00", orders...))
	wants("told again", map[string]money.Minor{"a": 0, "b": 0, "c": 0})
	if cash, waits := movedUnder("G", told); cash != 900 || waits != 2700 {
		t.Errorf("told again it moved %d of cash and took %d", cash, waits)
	}
	w.verified(t)
}

// TestSuspenseIsNotMirroredByHand: the act that mirrors a transaction would put money into suspense that no break knows of.
func TestSuspenseIsNotMirroredByHand(t *testing.T) {
	t.Parallel()
	d := newApprovalDesk(t)
	in := d.own(t, &SuspenseIn{SuspenseTerms: suspended("b", "x", SideOutflow, "2.00"), Where: atMain})
	told := d.post(t, "processor.payout_cost", "cost", `{"payout":"P","processor":"main","currency":"GBP","amount":"2.00","processor_reference":"x"}`)
	for _, x := range []*ledger.Transaction{&in.Transactions[0], &told.Transactions[0]} {
		if _, err := d.try(t, "transaction.reverse", fmt.Sprintf(`{"transaction":%q,"reference":"undo","reason":"mistake"}`, x.ID())); fault.CodeOf(err) != ErrEventReserved.Code {
			t.Errorf("%s was to be mirrored: %v", x.Event, err)
		}
	}
	// An entry by hand is mirrored by hand: no break is behind it.
	d.raw(t, "manual.adjusted", "m", "GBP", "assets:suspense", 100, "assets:processor:available:main", -100)
	a := d.ask(t, "transaction.reverse", fmt.Sprintf(`{"transaction":"uk-%d","reference":"undo m","reason":"mistake"}`, d.sequence(t)))
	if _, err := d.approve(t, a); err != nil {
		t.Error(err)
	}
}

// TestSuspenseBesideEntriesByHand: what somebody posts by hand and says to be about a break, a reference or a drawer takes nothing from
// a break, and holds no event up.
func TestSuspenseBesideEntriesByHand(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "UK", "Europe/London", "GBP")
	w.own(t, &SuspenseIn{SuspenseTerms: suspended("b", "x", SideOutflow, "2.00"), Where: atMain})
	for i, subject := range []string{breakSubject("b"), suspendedSubject("x"), drawerSubject("GBP", "x"), drawerSubject("GBP", "x"), drawerSubject("GBP", "y")} {
		out := w.ledger.Post(t.Context(), w.book, ledger.Submission{Reference: fmt.Sprint("hand ", i), Drafts: []ledger.Draft{{Event: "manual.adjusted", Subject: subject, Lines: []ledger.Line{
			{Account: accountSuspense, Amount: -150, Currency: "GBP", ExternalRef: "x"}, {Account: accountGoodwill, Amount: 150, Currency: "GBP"}}}}})
		if out.Err != nil {
			t.Fatal(out.Err)
		}
	}
	list, err := w.Suspended(t.Context(), w.book, "b", 0)
	if err != nil || len(list) != 1 || list[0].Amount != 200 {
		t.Errorf("%+v waits, %v", list, err)
	}
	r := w.post(t, "processor.payout_cost", "c", `{"payout":"P","processor":"main","currency":"GBP","amount":"2.00","processor_reference":"x"}`)
	wantEntries(t, "by event", r, "Dr expenses:processor_fee 2.00", "Cr assets:suspense 2.00")
	r = w.post(t, "processor.payout_cost", "d", `{"payout":"P","processor":"main","currency":"GBP","amount":"2.00","processor_reference":"y"}`)
	wantEntries(t, "of another reference", r, "Dr expenses:processor_fee 2.00", "Cr assets:processor:available:main 2.00")
}

// TestLongStoriesHoldNobodyUp: an event is recorded however many events took a part of the same line before it.
func TestLongStoriesHoldNobodyUp(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "UK", "Europe/London", "GBP")
	in := w.own(t, &SuspenseIn{SuspenseTerms: suspended("b", "x", SideOutflow, "2.00"), Where: atMain})
	story := w.look.story
	w.look.story = func(ctx context.Context, book ledger.Book, q ledger.TransactionQuery) (page ledger.TransactionPage, err error) {
		if page, err = story(ctx, book, q); err == nil && q.Subject == breakSubject("b") && !q.Descending { // as if most events had taken nothing of it
			none := page.Transactions[0]
			none.Entries = nil
			none.Explanation = explanationOf([32]byte{}, "", suspensePart, []byte(`{}`))
			for range mostTaken {
				page.Transactions = append(page.Transactions, none)
			}
		}
		return page, err
	}
	r := w.post(t, "processor.payout_cost", "c", `{"payout":"P","processor":"main","currency":"GBP","amount":"2.00","processor_reference":"x"}`)
	if cash, waits := movedUnder("x", in, r); cash != -400 || waits != 200 {
		t.Errorf("%d of cash moved and %d waits", cash, waits)
	}
	if list, err := w.Suspended(t.Context(), w.book, "b", 0); err != nil || len(list) != 1 || list[0].Amount != 200 {
		t.Errorf("%+v waits, %v", list, err)
	}
}

// TestDrawersKnowWhatMayWait: a drawer never says that nothing waits under a reference where something does, and is empty when all is.
func TestDrawersKnowWhatMayWait(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 3))
	type place struct{ reference, side string }
	var d drawer
	waits, knew := map[place]money.Minor{}, 0
	move := func(x place, change money.Minor) {
		before, marked := d, len(d.Under)
		next, err := d.with(x.reference, x.side, change)
		if err != nil || len(before.Under) != marked {
			t.Fatal(err, "the drawer before was changed")
		}
		d = next
		waits[x] += change
	}
	for range 5_000 {
		x := place{fmt.Sprint("r", r.IntN(3*mostMarked)), []string{SideOutflow, SideInflow}[r.IntN(2)]}
		switch held := waits[x]; {
		case r.IntN(3) == 0:
			move(x, 1+money.Minor(r.IntN(100)))
		case held > 0:
			move(x, -1-money.Minor(r.Int64N(int64(held))))
		}
		for x, held := range waits {
			if held > 0 && !d.mayHold(x.reference) {
				t.Fatalf("%d of %s wait and the drawer does not know: %+v", held, x.reference, d)
			}
		}
		if !d.mayHold("another") {
			knew++
		}
		if len(d.Under) > mostMarked {
			t.Fatalf("%d marks", len(d.Under))
		}
	}
	if knew == 0 || knew == 5_000 {
		t.Errorf("it knew of another reference %d times", knew)
	}
	for x, held := range waits {
		if held > 0 {
			move(x, -held)
		}
	}
	if len(d.Under) != 0 || d.Out != 0 || d.In != 0 {
		t.Errorf("nothing waits and the drawer has %+v", d)
	}
}

// A plan that took from suspense and does not tell of it cannot be submitted, so that the same money is never taken twice.
func TestUntoldSuspense(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "UK", "Europe/London", "GBP")
	w.own(t, &SuspenseIn{SuspenseTerms: suspended("b1", "re_u", SideOutflow, "30.00"), Where: atMain})
	// A plan that took the drawer for empty would be refused by the ledger, and the drawer read.
	w.Service.drawers.set(drawerKey{w.book.ID, drawerSubject("GBP", "re_u")}, drawerHead{doubted: true})
	p := &planner{ctx: t.Context(), service: w.Service, book: w.book, event: &Event{Type: "refund.made", Reference: "u", Data: &RefundMade{Order: "u"}}}
	if _, err := p.submission(); err != nil {
		t.Fatal(err)
	}
	if err := p.draft(draftOf{event: "refund.full", lines: []ledger.Line{
		{Account: "liabilities:seller:pending:s", Currency: "GBP", Amount: 20_00},
		{Account: "assets:processor:available:main", Currency: "GBP", Amount: -20_00, ExternalRef: "re_u"},
	}}); err != nil {
		t.Fatal(err)
	}
	if s, err := p.submission(); err != errUntold || len(s.Drafts) != 0 {
		t.Errorf("a plan that tells nothing of what it took is submitted: %v", err)
	}
	if err := p.tellSuspense(); err != nil {
		t.Fatal(err)
	}
	s, err := p.submission()
	if err != nil || len(s.Drafts) != 3 || !strings.HasPrefix(s.Drafts[1].Subject, breakPrefix) || !strings.HasPrefix(s.Drafts[2].Subject, drawerPrefix) {
		t.Errorf("%d drafts: %v", len(s.Drafts), err)
	}
}
