package ledger_test

import (
	"errors"
	"testing"

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
