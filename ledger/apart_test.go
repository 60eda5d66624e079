package ledger_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"mizan/ledger"
)

// TestNoReadCrossesBooks reads everything about a book that is alone in its database, and about the same book beside
// others that use the same references, accounts, subjects and events with other amounts (peers 4, 19). A filter that
// forgets the book anywhere, in reading or in deciding, makes a difference.
func TestNoReadCrossesBooks(t *testing.T) {
	t.Parallel()
	alone, beside := &clock{t: at("2026-11-20T12:00:00Z")}, &clock{t: at("2026-11-20T12:00:00Z")}
	a := setupWith(t, ledger.Options{Now: alone.now})
	b := setupWith(t, ledger.Options{Now: beside.now})
	// Several, because the numbers of books are drawn: some stand before this book in an index, some after it.
	var others []ledger.Book
	for _, code := range []string{"de", "id", "us", "vn"} {
		others = append(others, makeBook(t, b.Ledger, code))
	}
	// Another replica that has never seen the other books serves beside the first one.
	warm := open(t, b.db, ledger.Options{Now: beside.now})
	for step := range 8 {
		for i, other := range others {
			bookStep(t, b.Ledger, other, step, int64(7000+i))
		}
		bookStep(t, a.Ledger, a.book, step, 1000)
		bookStep(t, []*ledger.Ledger{b.Ledger, warm}[step%2], b.book, step, 1000)
		for _, c := range []*clock{alone, beside} {
			c.set(c.now().Add(time.Second))
		}
	}
	for _, other := range others {
		bookStep(t, b.Ledger, other, 8, 7000)
		if out := b.Reverse(t.Context(), other, 3, ledger.Correction{Reference: "only here"}); out.Err != nil {
			t.Fatal(out.Err)
		}
	}
	want := everythingAbout(t, a.Ledger, a.book)
	for name, l := range map[string]*ledger.Ledger{"the ledger": b.Ledger, "another replica": warm} {
		if diff := cmp.Diff(want, everythingAbout(t, l, b.book), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s shows another book's data (-alone +beside another):\n%s", name, diff)
		}
	}
	checkInvariants(t, b.db)
}

// bookStep posts the next thing in a book's life. Each step depends on the book's own history and on nothing else.
func bookStep(t *testing.T, l *ledger.Ledger, book ledger.Book, step int, amount int64) {
	t.Helper()
	s := sale(ref("S", step), fmt.Sprintf("sel_%d", step%3), amount+int64(step))
	s.Drafts[0].Subject = "order:1"
	s.Drafts[0].Expect = []ledger.Expectation{{Subject: "order:1", LastSequence: int64(step)}}
	var out ledger.Outcome
	switch step {
	case 4:
		out = l.Reverse(t.Context(), book, 1, ledger.Correction{Reference: "R"})
	case 5:
		out = l.Repost(t.Context(), book, 1, ledger.Correction{Reference: "P"})
	case 6:
		s = hold(s.Reference, "r", amount)
		s.Drafts[0].Subject = "order:1"
		out = l.Post(t.Context(), book, s)
	case 7: // more than one book's reserve holds, if the other one's is not counted
		if out = l.Post(t.Context(), book, release("too much", "r", amount+1)); out.Err == nil {
			t.Errorf("book %s: took from another book's reserve", book.Code)
		}
		s = release(s.Reference, "r", amount)
		s.Drafts[0].Subject = "order:1"
		out = l.Post(t.Context(), book, s)
	default:
		out = l.Post(t.Context(), book, s)
	}
	if out.Err != nil || out.Transactions[0].Sequence != int64(step+1) || out.Replayed {
		t.Fatalf("book %s, step %d: %+v", book.Code, step, out)
	}
}

// everythingAbout calls every read that the ledger has. The answers hold no account or book numbers, which are drawn.
func everythingAbout(t *testing.T, l *ledger.Ledger, book ledger.Book) map[string]any {
	t.Helper()
	ctx, all := t.Context(), map[string]any{}
	keep := func(name string, v any, err error) {
		t.Helper()
		if err != nil {
			v = err.Error()
		}
		all[name] = v
	}
	for _, down := range []bool{false, true} {
		for _, q := range []ledger.TransactionQuery{{}, {Subject: "order:1"}, {Subject: "order:1", Event: "order.captured"}, {Event: "order.captured"}, {After: 3}} {
			q.Limit, q.Descending = 100, down
			page, err := l.Transactions(ctx, book, q)
			keep(fmt.Sprintf("transactions %+v", q), page, err)
		}
		for _, account := range []ledger.Address{"assets:processor:pending:main", "liabilities:seller:reserve:r"} {
			page, err := l.History(ctx, book, ledger.HistoryQuery{Account: account, Limit: 100, Descending: down})
			keep(fmt.Sprintf("history %s %v", account, down), page, err)
		}
	}
	for n := range int64(11) {
		one, err := l.Transaction(ctx, book, n)
		keep(fmt.Sprintf("transaction %d", n), one, err)
		links, err := l.LinksTo(ctx, book, n)
		keep(fmt.Sprintf("links to %d", n), links, err)
		page, err := l.Balances(ctx, book, ledger.BalanceQuery{AtSequence: n, Limit: 100})
		keep(fmt.Sprintf("balances at %d", n), page, err)
		page, err = l.Balances(ctx, book, ledger.BalanceQuery{AsOf: at("2026-11-20T11:59:59Z").Add(time.Duration(n) * time.Second), Limit: 100})
		keep(fmt.Sprintf("balances as of %d", n), page, err)
		found, err := l.ByReference(ctx, book, ref("S", int(n)))
		keep(fmt.Sprintf("reference %d", n), found, err)
	}
	for _, period := range []ledger.Period{0, 202611, 202612} {
		tb, err := l.TrialBalance(ctx, book, period)
		keep(fmt.Sprintf("trial balance %s", period), rowsOf(tb), err)
		tb, err = l.TrialBalanceByAccount(ctx, book, period, "", "", 100)
		keep(fmt.Sprintf("trial balance by account %s", period), rowsOf(tb), err)
	}
	periods, err := l.Periods(ctx, book)
	keep("periods", periods, err)
	head, err := l.Head(ctx, book)
	keep("head", head, err)
	outcomes, err := l.DryRun(ctx, book, []ledger.Submission{release("forecast", "r", 1), sale("S-0", "sel_0", 1000)}, false)
	keep("forecast", fmt.Sprint(outcomes[0].Err, outcomes[1].Err), err)
	return all
}

// rowsOf describes a trial balance in words, because numbers without bounds have no fields to compare.
func rowsOf(tb ledger.TrialBalance) (rows []string) {
	for _, r := range tb.Rows {
		rows = append(rows, fmt.Sprint(tb.AtSequence, r.Code, r.Account, r.Currency, r.Normal, r.Opening, r.Debits, r.Credits, r.Closing()))
	}
	return rows
}
