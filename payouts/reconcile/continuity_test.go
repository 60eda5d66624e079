package reconcile

import (
	"flag"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"mizan/ledger/money"
)

var chainSeed = flag.Uint64("chain.seed", 0, "which statements are chained; 0 for others each time")

// statementSaid is a statement of days of March with its balances.
func statementSaid(receipt int64, from, until int, opening, closing money.Minor) StatementRecord {
	return StatementRecord{Receipt: receipt, Ordinal: 1, Currency: "EUR", From: day(from), Until: day(until), Opening: opening, Closing: closing, Proved: true}
}

// TestChain: where statements follow each other, and where not.
func TestChain(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		list []StatementRecord
		want []Gap
	}{
		"nothing":                     {nil, nil},
		"one":                         {[]StatementRecord{statementSaid(1, 2, 2, 5, 7)}, nil},
		"day by day":                  {[]StatementRecord{statementSaid(1, 2, 2, 0, 10), statementSaid(2, 3, 3, 10, 8), statementSaid(3, 4, 4, 8, 8)}, nil},
		"a weekend without movement":  {[]StatementRecord{statementSaid(1, 6, 6, 0, 10), statementSaid(2, 9, 9, 10, 12)}, nil},
		"a day is missing":            {[]StatementRecord{statementSaid(1, 2, 2, 0, 10), statementSaid(2, 4, 4, 13, 20)}, []Gap{{Kind: GapMissing, Currency: "EUR", Amount: 3, From: day(3), Until: day(3), Receipts: []int64{1, 2}}}},
		"a day that is missing fell":  {[]StatementRecord{statementSaid(1, 2, 2, 0, 10), statementSaid(2, 5, 5, 3, 3)}, []Gap{{Kind: GapMissing, Currency: "EUR", Amount: -7, From: day(3), Until: day(4), Receipts: []int64{1, 2}}}},
		"the next day is another":     {[]StatementRecord{statementSaid(1, 2, 2, 0, 10), statementSaid(2, 3, 3, 11, 12)}, []Gap{{Kind: GapContradiction, Currency: "EUR", Amount: 1, From: day(2), Until: day(2), Receipts: []int64{1, 2}}}},
		"opened the day before":       {[]StatementRecord{statementSaid(1, 2, 2, 0, 10), statementSaid(2, 2, 3, 10, 12)}, nil},
		"two of one day":              {[]StatementRecord{statementSaid(2, 2, 2, 10, 12), statementSaid(1, 2, 2, 0, 10), statementSaid(3, 3, 3, 12, 13)}, nil},
		"three of one day in reverse": {[]StatementRecord{statementSaid(1, 2, 2, 12, 15), statementSaid(2, 2, 2, 10, 12), statementSaid(3, 2, 2, 0, 10), statementSaid(4, 3, 3, 15, 15)}, nil},
		"the same one again":          {[]StatementRecord{statementSaid(1, 2, 2, 0, 10), statementSaid(2, 2, 2, 0, 10), statementSaid(3, 3, 3, 10, 11)}, nil},
		"a week over its days":        {[]StatementRecord{statementSaid(1, 2, 2, 0, 10), statementSaid(2, 3, 3, 10, 11), statementSaid(3, 2, 8, 0, 30), statementSaid(4, 9, 9, 30, 31)}, nil},
		"a week that ends otherwise": {[]StatementRecord{statementSaid(1, 2, 2, 0, 10), statementSaid(2, 3, 3, 10, 11), statementSaid(3, 2, 3, 0, 12)},
			[]Gap{{Kind: GapContradiction, Currency: "EUR", Amount: -1, From: day(3), Until: day(3), Receipts: []int64{3, 2}}}},
		"one day said twice":             {[]StatementRecord{statementSaid(1, 2, 2, 0, 10), statementSaid(2, 2, 2, 0, 11)}, []Gap{{Kind: GapContradiction, Currency: "EUR", Amount: 1, From: day(2), Until: day(2), Receipts: []int64{1, 2}}}},
		"a week that begins otherwise":   {[]StatementRecord{statementSaid(1, 2, 2, 0, 10), statementSaid(2, 3, 4, 10, 15), statementSaid(3, 3, 4, 11, 15)}, []Gap{{Kind: GapContradiction, Currency: "EUR", Amount: 1, From: day(2), Until: day(2), Receipts: []int64{1, 3}}}},
		"one without balances":           {[]StatementRecord{statementSaid(1, 2, 2, 0, 10), {Receipt: 2, Currency: "EUR", From: day(3), Until: day(3), Opening: 99, Closing: 99}, statementSaid(3, 3, 3, 10, 11)}, nil},
		"one without days":               {[]StatementRecord{statementSaid(1, 2, 2, 0, 10), {Receipt: 2, Currency: "EUR", Proved: true, Opening: 99, Closing: 99}}, nil},
		"one whose first day is unknown": {[]StatementRecord{statementSaid(1, 2, 2, 0, 10), {Receipt: 2, Currency: "EUR", Proved: true, Until: day(3), Opening: 10, Closing: 11}}, nil},
	} {
		got, _ := chain(c.list)
		if !slices.EqualFunc(got, c.want, sameGap) {
			t.Errorf("%s: %+v instead of %+v", name, got, c.want)
		}
		for _, g := range got {
			if !strings.Contains(g.Detail(), "EUR") {
				t.Errorf("%s: %s", name, g.Detail())
			}
		}
	}
}

func sameGap(a, b Gap) bool {
	return a.Kind == b.Kind && a.Currency == b.Currency && a.Amount == b.Amount && a.From.Equal(b.From) && a.Until.Equal(b.Until) && slices.Equal(a.Receipts, b.Receipts)
}

// TestChainAtRandom: statements cut from one account in any way, in any order, have no gap; where days are left out the gaps and the
// movement come to what is missing; and a cent more in one balance is never passed over.
func TestChainAtRandom(t *testing.T) {
	t.Parallel()
	seed := *chainSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("seed %d: go test -run TestChainAtRandom -chain.seed=%d", seed, seed)
	r := rand.New(rand.NewPCG(seed, 3))
	for range 3000 {
		balances := []money.Minor{money.Minor(r.IntN(100))}
		for range 25 {
			balances = append(balances, balances[len(balances)-1]+money.Minor(r.IntN(2001)-1000))
		}
		var list []StatementRecord
		missing := money.Minor(0)
		last := 0
		for d := 1; d < len(balances); {
			n := min(1+r.IntN(3), len(balances)-d)
			if len(list) > 0 && d+n < len(balances) && r.IntN(6) == 0 {
				missing += balances[d+n-1] - balances[d-1]
			} else {
				list = append(list, statementSaid(int64(len(list)+1), d, d+n-1, balances[d-1], balances[d+n-1]))
				last = d + n - 1
			}
			d += n
		}
		again := slices.Clone(list)
		for range r.IntN(3) {
			again = append(again, list[r.IntN(len(list))])
		}
		r.Shuffle(len(again), func(i, j int) { again[i], again[j] = again[j], again[i] })
		gaps, ends := chain(again)
		sum := money.Minor(0)
		for _, g := range gaps {
			sum += g.Amount
			if g.Kind != GapMissing {
				t.Fatalf("%+v of %+v", g, again)
			}
		}
		first := list[0]
		if sum != missing || ends.moved != balances[last]-first.Opening-missing {
			t.Fatalf("%d is missing instead of %d, %d moved: %+v", sum, missing, ends.moved, again)
		}
		if missing != 0 || len(list) < 3 {
			continue
		}
		wrong := 1 + r.IntN(len(list)-2)
		bad := slices.Clone(list)
		if r.IntN(2) == 0 {
			bad[wrong].Closing++
		} else {
			bad[wrong].Opening--
		}
		if gaps, _ := chain(bad); len(gaps) == 0 {
			t.Fatalf("a cent at %d is passed over: %+v", wrong, bad)
		}
	}
}

// TestBySequence: the bank's numbers count as numbers.
func TestBySequence(t *testing.T) {
	t.Parallel()
	want := []string{"", "1", "2", "9/1", "9/2", "9/10", "10", "17/1"}
	got := slices.Clone(want)
	slices.Reverse(got)
	slices.SortFunc(got, bySequence)
	if !slices.Equal(got, want) {
		t.Errorf("%v", got)
	}
}

// TestStanding: pages kept in any order come to the same: of two, the later one wins whoever comes first.
func TestStanding(t *testing.T) {
	t.Parallel()
	states := []taken{{status: "pending", availableAt: day(3)}, {status: "pending", availableAt: day(4)}, {status: "held", availableAt: day(2)}, {status: "available", availableAt: day(2)},
		{status: "available", availableAt: day(5)}, {}}
	for _, a := range states {
		for _, b := range states {
			one, two := &known{taken: a}, &known{taken: b}
			one.ripens(b)
			two.ripens(a)
			if one.status != two.status || !one.availableAt.Equal(two.availableAt) {
				t.Errorf("%s %s then %s %s: %s %s and %s %s", a.status, a.availableAt, b.status, b.availableAt, one.status, one.availableAt, two.status, two.availableAt)
			}
		}
	}
	if moment(time.Time{}) != "" {
		t.Error("no time is a time")
	}
}

// TestClean: texts of others are made fit for the database and cut between letters.
func TestClean(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"plain": "plain", "a\x00b": "ab", "\xff": "\uFFFD", "üüü": "üü", "123456": "12345"} {
		if got := clean(text, 5); got != want {
			t.Errorf("%q: %q instead of %q", text, got, want)
		}
	}
}
