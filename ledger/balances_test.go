package ledger_test

import (
	"errors"
	"fmt"
	"math/big"
	"math/rand/v2"
	"testing"
	"time"

	"mizan/ledger"
	"mizan/ledger/money"
)

// TestBalancesAsOfTime compares balances as of every recorded instant, and just before it, with a replay.
func TestBalancesAsOfTime(t *testing.T) {
	t.Parallel()
	c := &clock{t: at("2026-11-20T12:00:00Z")}
	b := setupWith(t, ledger.Options{Now: c.now})
	rng := rand.New(rand.NewPCG(1, 1))
	type moment struct {
		at   time.Time
		want map[string]money.Minor
	}
	running := map[string]money.Minor{}
	var moments []moment
	for i := range 30 {
		if rng.IntN(3) > 0 { // several batches share an instant
			c.set(c.now().Add(time.Duration(rng.IntN(3)) * time.Microsecond))
		}
		posted := b.mustPost(t, sale(ref("S", i), fmt.Sprintf("sel_%d", rng.IntN(3)), 100+rng.Int64N(1000)))
		for _, e := range posted.Entries {
			running[string(e.Account)] += e.Amount
		}
		want := map[string]money.Minor{}
		for k, v := range running {
			want[k] = v
		}
		if n := len(moments); n > 0 && moments[n-1].at.Equal(posted.RecordedAt) {
			moments[n-1].want = want
			continue
		}
		moments = append(moments, moment{posted.RecordedAt, want})
	}
	before := map[string]money.Minor{}
	for _, m := range moments {
		assertAsOf(t, b, m.at.Add(-time.Microsecond), before)
		assertAsOf(t, b, m.at, m.want)
		before = m.want
	}
}

func assertAsOf(t *testing.T, b *bundle, when time.Time, want map[string]money.Minor) {
	t.Helper()
	page, err := b.Balances(t.Context(), b.book, ledger.BalanceQuery{AsOf: when, Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	if len(page.Balances) != len(want) {
		t.Errorf("as of %s: %d accounts, want %d", when, len(page.Balances), len(want))
	}
	for _, x := range page.Balances {
		if got := money.Minor(x.Debits - x.Credits); got != want[string(x.Account)] {
			t.Errorf("as of %s: %s holds %d, want %d", when, x.Account, got, want[string(x.Account)])
		}
	}
}

// TestPrefixIsLiteral checks that a prefix is characters, not a pattern (G06), and that it stops where it should.
func TestPrefixIsLiteral(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for i, seller := range []string{"a", "a_b", "aXb", "ab", "b"} {
		b.mustPost(t, sale(ref("S", i), seller, 1000))
	}
	for prefix, want := range map[string]int{
		"liabilities:seller:pending:a": 4, "liabilities:seller:pending:a_": 1, "liabilities:seller:pending:a%": 0,
		"liabilities:seller:pending:": 5, "liabilities": 5, "": 7, "assets:processor:pending:main": 1, "~": 0,
	} {
		page, err := b.Balances(t.Context(), b.book, ledger.BalanceQuery{Prefix: prefix, Limit: 100})
		if err != nil || len(page.Balances) != want {
			t.Errorf("prefix %q: %d balances (%v), want %d", prefix, len(page.Balances), err, want)
		}
	}
	if _, err := b.Balances(t.Context(), b.book, ledger.BalanceQuery{AtSequence: 6, Limit: 1}); !errors.Is(err, ledger.ErrSequenceAhead) {
		t.Errorf("a sequence the book has not reached: %v", err)
	}
}

// TestHistoryPagesBothWays walks an account's entries forwards and backwards, two at a time, while others are posted:
// nothing is skipped or shown twice.
func TestHistoryPagesBothWays(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for i := range 25 {
		b.mustPost(t, sale(ref("S", i), "sel_a", int64(1000+i)))
	}
	for _, down := range []bool{false, true} {
		var seen []int64
		q := ledger.HistoryQuery{Account: "liabilities:seller:pending:sel_a", Limit: 2, Descending: down}
		for {
			page, err := b.History(t.Context(), b.book, q)
			if err != nil {
				t.Fatal(err)
			}
			for _, l := range page.Lines {
				seen = append(seen, l.Version)
			}
			if !page.More {
				break
			}
			last := page.Lines[len(page.Lines)-1]
			q.AfterSequence, q.AfterLine = last.Sequence, last.Line
			if down {
				b.mustPost(t, sale(fmt.Sprintf("L-%d", len(seen)), "sel_b", 1000))
			}
		}
		if len(seen) != 25 {
			t.Fatalf("descending %v: %d entries, want 25", down, len(seen))
		}
		for i, v := range seen {
			want := int64(i + 1)
			if down {
				want = int64(25 - i)
			}
			if v != want {
				t.Fatalf("descending %v: versions %v", down, seen)
			}
		}
	}
	if _, err := b.History(t.Context(), b.book, ledger.HistoryQuery{Account: "liabilities:seller:pending:nobody", Limit: 1}); !errors.Is(err, ledger.ErrAccountNotOpened) {
		t.Errorf("an account without postings: %v", err)
	}
}

// TestTrialBalanceTiesAtTheLimits posts the largest amounts in several accounts, so that the sums pass 64 bits.
func TestTrialBalanceTiesAtTheLimits(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const largest = int64(money.Max)
	for i := range 10 {
		b.mustPost(t, ledger.Submission{Reference: ref("M", i), Drafts: []ledger.Draft{{Event: "order.captured", Lines: []ledger.Line{
			line(fmt.Sprintf("assets:bank:operating:b%d", i), largest, "KWD"), line(fmt.Sprintf("liabilities:seller:available:s%d", i), -largest, "KWD")}}}})
	}
	tb, err := b.TrialBalance(t.Context(), b.book, 0)
	if err != nil || len(tb.Rows) != 2 {
		t.Fatalf("%+v, %v", tb, err)
	}
	want := new(big.Int).Mul(big.NewInt(largest), big.NewInt(10))
	if tb.Rows[0].Debits.Cmp(want) != 0 || new(big.Int).Add(tb.Rows[0].Closing(), tb.Rows[1].Closing()).Sign() != 0 {
		t.Errorf("trial balance: %+v", tb.Rows)
	}
	out := ledger.Outcome{}
	for i := 0; out.Err == nil && i < 12; i++ { // one account's turnover is bounded, and the bound is a clear refusal
		out = b.Post(t.Context(), b.book, ledger.Submission{Reference: ref("N", i), Drafts: []ledger.Draft{{Event: "order.captured", Lines: []ledger.Line{
			line("assets:bank:operating:b0", largest, "KWD"), line("liabilities:seller:available:s0", -largest, "KWD")}}}})
	}
	if !errors.Is(out.Err, ledger.ErrBalanceOverflow) {
		t.Errorf("past the largest turnover: %v", out.Err)
	}
	checkInvariants(t, b.db)
}
