package ledger_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mizan/ledger"
)

// TestReversalMirrorsOnce walks errata invariant 13: a reversal mirrors all lines, happens once, cannot be reversed, and
// the original may be posted again once.
func TestReversalMirrorsOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	s := sale("S-1", "sel_a", 1000)
	s.Drafts[0].Lines[0].ExternalRef = "ch_1"
	s.Drafts[0].Campaign = "winter24"
	original := b.mustPost(t, s)

	if out := b.Repost(t.Context(), b.book, 1, ledger.Correction{Reference: "P-0"}); !errors.Is(out.Err, ledger.ErrNotReversed) {
		t.Errorf("posting again what still stands: %v", out.Err)
	}
	out := b.Reverse(t.Context(), b.book, 1, ledger.Correction{Reference: "R-1", Memo: "wrong order"})
	if out.Err != nil {
		t.Fatal(out.Err)
	}
	reversal := out.Transactions[0]
	if reversal.Reverses != 1 || reversal.Event != "entry.reversed" || reversal.Original != original.Period ||
		reversal.Subject != original.Subject || reversal.Campaign != "winter24" {
		t.Errorf("reversal: %+v", reversal)
	}
	for i, e := range reversal.Entries {
		if o := original.Entries[i]; e.Account != o.Account || e.Amount != -o.Amount || e.ExternalRef != "" {
			t.Errorf("line %d: %+v mirrors %+v", i+1, e, o)
		}
	}
	for _, account := range []string{"assets:processor:pending:main", "liabilities:seller:pending:sel_a", "revenue:referral_fee"} {
		if got := b.balance(t, account, "GBP"); got != 0 {
			t.Errorf("%s holds %d after the reversal", account, got)
		}
	}
	if again := b.Reverse(t.Context(), b.book, 1, ledger.Correction{Reference: "R-1", Memo: "wrong order"}); again.Err != nil || !again.Replayed {
		t.Errorf("the same reversal again: %+v", again)
	}
	refusals := map[string]struct {
		out  ledger.Outcome
		want error
	}{
		"a second reversal":          {b.Reverse(t.Context(), b.book, 1, ledger.Correction{Reference: "R-2"}), ledger.ErrAlreadyReversed},
		"the reversal of a reversal": {b.Reverse(t.Context(), b.book, 2, ledger.Correction{Reference: "R-3"}), ledger.ErrReversalOfReversal},
		"what does not exist":        {b.Reverse(t.Context(), b.book, 99, ledger.Correction{Reference: "R-4"}), ledger.ErrTransactionUnknown},
		"its reference reused":       {b.Reverse(t.Context(), b.book, 1, ledger.Correction{Reference: "S-1"}), ledger.ErrReferenceReused},
	}
	for name, c := range refusals {
		if !errors.Is(c.out.Err, c.want) {
			t.Errorf("%s: got %v, want %v", name, c.out.Err, c.want)
		}
	}
	out = b.Repost(t.Context(), b.book, 1, ledger.Correction{Reference: "P-1"})
	if out.Err != nil || out.Transactions[0].Reposts != 1 {
		t.Fatalf("posting again: %+v", out)
	}
	if got := b.balance(t, "liabilities:seller:pending:sel_a", "GBP"); got != 900 {
		t.Errorf("the seller holds %d, want 900", got)
	}
	if out := b.Repost(t.Context(), b.book, 1, ledger.Correction{Reference: "P-2"}); !errors.Is(out.Err, ledger.ErrAlreadyReposted) {
		t.Errorf("posting again twice: %v", out.Err)
	}
	checkInvariants(t, b.db)
}

// TestReversalThroughZeroSumMiddle reverses a pass-through posting, and one with an account on three lines (peers' bugs 35, 36).
func TestReversalThroughZeroSumMiddle(t *testing.T) {
	t.Parallel()
	b := setup(t)
	s := ledger.Submission{Reference: "X", Drafts: []ledger.Draft{{Event: "order.captured", Lines: []ledger.Line{
		line("assets:processor:pending:main", 100, "GBP"), line("liabilities:seller:reserve:m", -100, "GBP"),
		line("liabilities:seller:reserve:m", 60, "GBP"), line("liabilities:seller:reserve:m", 40, "GBP"),
		line("liabilities:seller:available:s", -100, "GBP"),
	}}}}
	posted := b.mustPost(t, s)
	for i, want := range []int64{100, -100, -40, 0, -100} {
		if got := int64(posted.Entries[i].BalanceAfter); got != want {
			t.Errorf("running balance after line %d is %d, want %d", i+1, got, want)
		}
	}
	if out := b.Reverse(t.Context(), b.book, 1, ledger.Correction{Reference: "R"}); out.Err != nil {
		t.Fatal(out.Err)
	}
	checkInvariants(t, b.db)
}

// TestReversalsRace lets twenty callers reverse one transaction under different references: one wins.
func TestReversalsRace(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.mustPost(t, sale("S-1", "sel_a", 1000))
	other := open(t, b.db, ledger.Options{})
	results := make(chan error, 20)
	for i := range 20 {
		l := []*ledger.Ledger{b.Ledger, other}[i%2]
		go func() { results <- l.Reverse(t.Context(), b.book, 1, ledger.Correction{Reference: ref("R", i)}).Err }()
	}
	won := 0
	for range 20 {
		if err := <-results; err == nil {
			won++
		} else if !errors.Is(err, ledger.ErrAlreadyReversed) {
			t.Error(err)
		}
	}
	if won != 1 {
		t.Errorf("%d reversals won, want 1", won)
	}
	checkInvariants(t, b.db)
}

// TestFactCannotBeReversed posts a fact without lines, finds it by its subject, and cannot reverse it.
func TestFactCannotBeReversed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	fact := b.mustPost(t, ledger.Submission{Reference: "D-1", Drafts: []ledger.Draft{{Event: "order.delivered", Subject: "order:UK-1"}}})
	if fact.Sequence != 1 || len(fact.Entries) != 0 {
		t.Errorf("fact: %+v", fact)
	}
	page, err := b.Transactions(t.Context(), b.book, ledger.TransactionQuery{Subject: "order:UK-1", Limit: 10})
	if err != nil || len(page.Transactions) != 1 {
		t.Errorf("by subject: %v, %v", page, err)
	}
	if out := b.Reverse(t.Context(), b.book, 1, ledger.Correction{Reference: "R"}); !errors.Is(out.Err, ledger.ErrNothingToReverse) {
		t.Errorf("reversing a fact: %v", out.Err)
	}
}

// TestBackdatedReversalCountsEverywhere reverses a sale under its original date, after everything has been read once
// (peers 53): balances now, at each sequence, as of each time, and both trial balances know of it, and the past stands.
func TestBackdatedReversalCountsEverywhere(t *testing.T) {
	t.Parallel()
	c := &clock{t: at("2026-11-20T12:00:00Z")}
	b := setupWith(t, ledger.Options{Now: c.now})
	s := sale("S-1", "sel_a", 1000)
	s.Drafts[0].OccurredAt = at("2026-10-10T12:00:00Z")
	b.mustPost(t, s)
	seller := ledger.BalanceQuery{Prefix: "liabilities:seller:pending:sel_a", Limit: 1}
	credits := func(q ledger.BalanceQuery) int64 {
		page, err := b.Balances(t.Context(), b.book, q)
		if err != nil || len(page.Balances) != 1 {
			t.Fatalf("%+v: %+v, %v", q, page, err)
		}
		return int64(page.Balances[0].Net())
	}
	turnover := func(period ledger.Period) (debits, credits int64) {
		tb, err := b.TrialBalance(t.Context(), b.book, period)
		if err != nil {
			t.Fatal(err)
		}
		byAccount, err := b.TrialBalanceByAccount(t.Context(), b.book, period, "", "", 100)
		if err != nil || len(byAccount.Rows) != len(tb.Rows) {
			t.Fatalf("%+v, %v", byAccount, err)
		}
		for i, r := range tb.Rows {
			if a := byAccount.Rows[i]; a.Code != r.Code || a.Debits.Cmp(r.Debits) != 0 || a.Credits.Cmp(r.Credits) != 0 || a.Opening.Cmp(r.Opening) != 0 {
				t.Errorf("the two trial balances of %s differ: %+v, %+v", period, r, a)
			}
			debits, credits = debits+r.Debits.Int64(), credits+r.Credits.Int64()
			row := b.Chart().Row(r.Code)
			of, err := b.TrialBalanceOfRow(t.Context(), b.book, period, row, "", "", "", 100)
			if err != nil || len(of.Rows) != 1 || of.Rows[0].Account != byAccount.Rows[i].Account || of.Rows[0].Closing().Cmp(r.Closing()) != 0 {
				t.Errorf("the accounts of %s in %s: %+v, %v", row.Path, period, of, err)
			}
			month := entriesOfMonth(t, b, byAccount.Rows[i].Account, period)
			if month[0] != r.Debits.Int64() || month[1] != r.Credits.Int64() {
				t.Errorf("the entries of %s in %s come to %v, the trial balance says %s and %s", byAccount.Rows[i].Account, period, month, r.Debits, r.Credits)
			}
		}
		return debits, credits
	}
	if credits(seller) != 900 {
		t.Fatal("the sale does not count")
	}
	turnover(202610)
	c.set(at("2026-12-05T12:00:00Z"))
	out := b.Reverse(t.Context(), b.book, 1, ledger.Correction{Reference: "R", OccurredAt: s.Drafts[0].OccurredAt})
	if out.Err != nil || out.Transactions[0].Period != 202610 {
		t.Fatalf("%+v", out)
	}
	before, now := seller, seller
	before.AtSequence, now.AtSequence = 1, 2
	earlier, later := seller, seller
	earlier.AsOf, later.AsOf = at("2026-12-05T11:59:59Z"), at("2026-12-05T12:00:00Z")
	for name, got := range map[string][2]int64{
		"now": {credits(seller), 0}, "after the sale": {credits(before), 900}, "after the reversal": {credits(now), 0},
		"as of before it": {credits(earlier), 900}, "as of it": {credits(later), 0},
	} {
		if got[0] != got[1] {
			t.Errorf("%s the seller holds %d, want %d", name, got[0], got[1])
		}
	}
	if debits, credits := turnover(202610); debits != 2000 || credits != 2000 {
		t.Errorf("October turned over %d and %d, want 2000 of each", debits, credits)
	}
	if debits, credits := turnover(202612); debits != 0 || credits != 0 {
		t.Errorf("December turned over %d and %d, want nothing", debits, credits)
	}
	checkInvariants(t, b.db)
}

// entriesOfMonth adds up what counts in a month on an account, an entry at a time.
func entriesOfMonth(t *testing.T, b *bundle, account ledger.Address, period ledger.Period) (sums [2]int64) {
	t.Helper()
	q := ledger.MonthQuery{Account: account, Period: period, Limit: 1}
	for {
		page, err := b.Month(t.Context(), b.book, q)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range page.Lines {
			if l.Period != period {
				t.Errorf("%s: an entry of %s stands in %s", account, l.Period, period)
			}
			sums[0], sums[1] = sums[0]+int64(max(l.Amount, 0)), sums[1]+int64(max(-l.Amount, 0))
		}
		if !page.More {
			return sums
		}
		q.AfterSequence, q.AfterLine, q.SeenDebits, q.SeenCredits = page.AfterSequence, page.AfterLine, page.SeenDebits, page.SeenCredits
	}
}

// TestSelfPostingKeepsTheBalance posts from an account to itself, first ever and later, and reverses it (peers 35): two
// entries, the balance as before.
func TestSelfPostingKeepsTheBalance(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for i, account := range []string{"liabilities:seller:available:s", "liabilities:seller:reserve:s", "assets:bank:operating:b"} {
		for n := range 2 {
			posted := b.mustPost(t, ledger.Submission{Reference: ref(account, n), Drafts: []ledger.Draft{{Event: "test.posted",
				Lines: []ledger.Line{line(account, 70, "GBP"), line(account, -70, "GBP")}}}})
			one, two := posted.Entries[0], posted.Entries[1]
			if one.Version != int64(4*n+1) || two.Version != int64(4*n+2) || one.BalanceAfter != 70 || two.BalanceAfter != 0 || two.DebitsAfter != int64(140*n+70) {
				t.Errorf("%s: %+v %+v", account, one, two)
			}
			if out := b.Reverse(t.Context(), b.book, posted.Sequence, ledger.Correction{Reference: fmt.Sprintf("R-%d-%d", i, n)}); out.Err != nil {
				t.Errorf("%s: %v", account, out.Err)
			}
		}
		if got := b.balance(t, account, "GBP"); got != 0 {
			t.Errorf("%s holds %d", account, got)
		}
	}
	checkInvariants(t, b.db)
}

// TestReversalOfSpentMoney reverses a sale whose money the seller has been paid since (peers 35): the fact stands and
// leaves a debt. What has left a reserve, which is never below zero, cannot be reversed, and nothing changes.
func TestReversalOfSpentMoney(t *testing.T) {
	t.Parallel()
	b := setup(t)
	post := func(reference, debit, credit string) {
		b.mustPost(t, ledger.Submission{Reference: reference, Drafts: []ledger.Draft{{Event: "test.posted", Lines: []ledger.Line{line(debit, 100, "GBP"), line(credit, -100, "GBP")}}}})
	}
	post("earned", "assets:processor:pending:main", "liabilities:seller:available:s")
	post("paid", "liabilities:seller:available:s", "assets:bank:operating:b")
	post("held", "liabilities:seller:available:t", "liabilities:seller:reserve:t")
	post("released", "liabilities:seller:reserve:t", "liabilities:seller:available:t")
	if out := b.Reverse(t.Context(), b.book, 1, ledger.Correction{Reference: "R-1"}); out.Err != nil || b.balance(t, "liabilities:seller:available:s", "GBP") != -100 {
		t.Errorf("a sale that was paid out: %+v", out)
	}
	before := dump(t, b.db)
	if out := b.Reverse(t.Context(), b.book, 3, ledger.Correction{Reference: "R-2"}); !errors.Is(out.Err, ledger.ErrFloor) {
		t.Errorf("a reserve that was released: %+v", out)
	}
	if diff := cmp.Diff(before, dump(t, b.db)); diff != "" {
		t.Error(diff)
	}
	checkInvariants(t, b.db)
}
