package money_test

import (
	"cmp"
	"math"
	"math/big"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"mizan/ledger/money"
)

func weights(texts ...string) []money.Weight {
	list := make([]money.Weight, len(texts))
	for i, text := range texts {
		list[i] = money.MustRate(text)
	}
	return list
}

// TestSplits holds the table of domain 4.2, with the exact shares, and the splits of and W-15.
func TestSplits(t *testing.T) {
	for _, c := range []struct {
		currency                       money.Currency
		total, weights, exact, results string
	}{
		{"VND", "100001", "70 / 20 / 10", "70000.700, 20000.200, 10000.100", "70001 / 20000 / 10000"},
		{"JPY", "1000", "1 / 1 / 1", "333.333, 333.333, 333.333", "334 / 333 / 333"},
		{"JPY", "7", "50 / 30 / 20", "3.500, 2.100, 1.400", "4 / 2 / 1"},
		{"GBP", "0.01", "50 / 50", "0.00500, 0.00500", "0.01 / 0.00"},
		{"USD", "10.00", "1 / 1 / 1", "3.33333, 3.33333, 3.33333", "3.34 / 3.33 / 3.33"},
		{"USD", "0.05", "60 / 25 / 15", "0.03000, 0.01250, 0.00750", "0.03 / 0.01 / 0.01"},
		{"GBP", "19.52", "60 / 25 / 15", "11.71200, 4.88000, 2.92800", "11.71 / 4.88 / 2.93"},
		{"GBP", "104.32", "60 / 25 / 15", "62.59200, 26.08000, 15.64800", "62.59 / 26.08 / 15.65"},
		{"USD", "10.00", "33.33 / 33.33 / 33.34", "3.33300, 3.33300, 3.33400", "3.33 / 3.33 / 3.34"},
		{"KWD", "12.345", "70 / 20 / 10", "8.641500, 2.469000, 1.234500", "8.642 / 2.469 / 1.234"},
		{"KWD", "1.000", "1 / 1 / 1", "0.333333, 0.333333, 0.333333", "0.334 / 0.333 / 0.333"},
		{"KWD", "0.001", "60 / 40", "0.000600, 0.000400", "0.001 / 0.000"},
		// the units of a line.
		{"USD", "5.00", "1 / 1", "2.5, 2.5", "2.50 / 2.50"},
		{"USD", "5.00", "1 / 1 / 1", "1.66667, 1.66667, 1.66667", "1.67 / 1.67 / 1.66"},
		// W-15: a smaller total can give one party more.
		{"USD", "0.06", "45 / 45 / 10", "0.02700, 0.02700, 0.00600", "0.03 / 0.03 / 0.00"},
		{"USD", "0.05", "45 / 45 / 10", "0.02250, 0.02250, 0.00500", "0.02 / 0.02 / 0.01"},
		{"USD", "0.40", "62 / 29 / 9", "0.24800, 0.11600, 0.03600", "0.25 / 0.12 / 0.03"},
		{"USD", "0.39", "62 / 29 / 9", "0.24180, 0.11310, 0.03510", "0.24 / 0.11 / 0.04"},
		// A-43 of the bad inputs: thirds that are no thirds, and percentages that are no hundred.
		{"USD", "100.00", "33.333333 / 33.333333 / 33.333333", "33.33333, 33.33333, 33.33333", "33.34 / 33.33 / 33.33"},
		{"USD", "100.01", "100.01", "100.01", "100.01"},
		// IDR is split in whole rupiah.
		{"IDR", "100.00", "1 / 1 / 1", "33.33333, 33.33333, 33.33333", "34.00 / 33.00 / 33.00"},
		{"USD", "0.02", "0 / 1 / 0 / 1 / 1", "0, 0.00667, 0, 0.00667, 0.00667", "0.00 / 0.01 / 0.00 / 0.01 / 0.00"},
		{"USD", "0.00", "1 / 2", "0, 0", "0.00 / 0.00"},
	} {
		parts := weights(strings.Split(c.weights, " / ")...)
		shares := must[[]money.Minor](t)(money.Allocate(amount(t, c.total, c.currency), parts, c.currency.PostingUnit()))
		formatted := make([]string, len(shares))
		for i, share := range shares {
			formatted[i] = share.Format(c.currency)
		}
		if diff := gocmp.Diff(strings.Split(c.results, " / "), formatted); diff != "" {
			t.Errorf("%s %s over %s (-want +got):\n%s", c.currency, c.total, c.weights, diff)
		}
		sum := new(big.Rat)
		for _, w := range parts {
			sum.Add(sum, rateRat(t, w))
		}
		for i, text := range strings.Split(c.exact, ", ") {
			exact := new(big.Rat).Mul(rat(t, c.total), rateRat(t, parts[i]))
			exact.Quo(exact, sum)
			_, decimals, _ := strings.Cut(text, ".") // as many as the table prints
			if exact.FloatString(len(decimals)) != text {
				t.Errorf("%s %s over %s: share %d is exactly %v, not %s", c.currency, c.total, c.weights, i, exact, text)
			}
		}
	}
}

func TestAllocateRefuses(t *testing.T) {
	one := weights("1")
	for _, c := range []struct {
		name    string
		total   money.Minor
		weights []money.Weight
		unit    money.Minor
		code    string
	}{
		{"no weights", 1, nil, 1, "split-weights"},
		{"only weights of zero", 1, weights("0", "0.00"), 1, "split-weights"},
		{"only weights of zero, nothing to split", 0, weights("0"), 1, "split-weights"},
		{"too many weights", 1, slices.Repeat(one, money.MaxWeights+1), 1, "split-weights"},
		{"negative total", -1, one, 1, "amount-negative"},
		{"least total", math.MinInt64, one, 1, "amount-negative"},
		{"half a rupiah", 150, one, 100, "amount-unit"},
		{"unit 0", 1, one, 0, "amount-unit"},
		{"unit -1", 1, one, -1, "amount-unit"},
	} {
		shares, err := money.Allocate(c.total, c.weights, c.unit)
		wantCode(t, c.name, err, c.code)
		if shares != nil {
			t.Errorf("%s: %v", c.name, shares)
		}
	}
	for _, amounts := range [][]money.Minor{nil, {0, 0}, {5, -1}, {math.MinInt64},
		slices.Repeat([]money.Minor{1}, money.MaxWeights+1)} {
		_, err := money.AllocateOver(1, amounts, 1)
		wantCode(t, "AllocateOver", err, "split-weights")
	}
}

func TestAllocateExtremes(t *testing.T) {
	largest := slices.Repeat(weights("999999999.999999999999"), money.MaxWeights)
	shares := must[[]money.Minor](t)(money.Allocate(math.MaxInt64, largest, 1))
	checkShares(t, math.MaxInt64, largest, 1, shares)
	finest := weights("999999999.999999999999", "0.000000000001", "999999999.999999999999")
	shares = must[[]money.Minor](t)(money.Allocate(math.MaxInt64, finest, 1))
	checkShares(t, math.MaxInt64, finest, 1, shares)
	if shares[1] != 0 || shares[0]-shares[2] != 1 {
		t.Errorf("shares %v", shares)
	}
	// Exactly 2^62 - 0.75, the same, and almost 0.5: the odd unit goes to the 1.
	shares = must[[]money.Minor](t)(money.AllocateOver(math.MaxInt64, []money.Minor{math.MaxInt64, math.MaxInt64, 1, 0}, 1))
	if want := []money.Minor{1<<62 - 1, 1<<62 - 1, 1, 0}; !slices.Equal(shares, want) {
		t.Errorf("over amounts of 2^63 - 1: %v, want %v", shares, want)
	}
	many := slices.Repeat(weights("1"), money.MaxWeights)
	for i, share := range must[[]money.Minor](t)(money.Allocate(money.MaxWeights/2, many, 1)) {
		if want := money.Minor(1 - i/(money.MaxWeights/2)); share != want {
			t.Fatalf("position %d of %d got %d", i, money.MaxWeights, share)
		}
	}
}

// checkShares holds the properties of domain 4.4 as corrected by W-15.
func checkShares(t rapid.TB, total money.Minor, weights []money.Weight, unit money.Minor, shares []money.Minor) {
	sum, weightSum := new(big.Int), new(big.Rat)
	for i, share := range shares {
		sum.Add(sum, big.NewInt(int64(share)))
		w, _ := new(big.Rat).SetString(weights[i].String())
		weightSum.Add(weightSum, w)
	}
	if len(shares) != len(weights) || !sum.IsInt64() || sum.Int64() != int64(total) {
		t.Fatalf("%d shares of %d weights add up to %v, not to %d", len(shares), len(weights), sum, total)
	}
	least, most := map[money.Weight]money.Minor{}, map[money.Weight]money.Minor{}
	for i, share := range shares {
		w := weights[i]
		exact, _ := new(big.Rat).SetString(w.String())
		exact.Mul(exact, minorRat(total)).Quo(exact, weightSum)
		off := exact.Sub(exact, minorRat(share))
		if off.Abs(off).Cmp(minorRat(unit)) >= 0 || share%unit != 0 || share < 0 || (w.IsZero() && share != 0) {
			t.Fatalf("share %d is %d of %d, weight %v, unit %d", i, share, total, w, unit)
		}
		if low, seen := least[w]; !seen || share < low {
			least[w] = share
		}
		most[w] = max(most[w], share)
	}
	for w, low := range least {
		if most[w]-low > unit {
			t.Fatalf("equal weights %v got %d and %d", w, low, most[w])
		}
	}
}

var anySplit = rapid.Custom(func(t *rapid.T) split {
	unit := rapid.SampledFrom([]money.Minor{1, 10, 100, 7}).Draw(t, "unit")
	units := rapid.OneOf(rapid.Int64Range(0, 50), rapid.Int64Range(0, math.MaxInt64/int64(unit))).Draw(t, "units")
	some := rapid.OneOf(rapid.SampledFrom(weights("0", "1", "1", "45", "33.33", "0.000000000001")), anyRate)
	list := rapid.SliceOfN(some, 1, 12).Draw(t, "weights")
	if !slices.ContainsFunc(list, func(w money.Weight) bool { return !w.IsZero() }) {
		list = append(list, money.MustRate("1"))
	}
	return split{money.Minor(units) * unit, list, unit}
})

type split struct {
	total   money.Minor
	weights []money.Weight
	unit    money.Minor
}

func (s split) check(t rapid.TB) []money.Minor {
	shares, err := money.Allocate(s.total, s.weights, s.unit)
	if err != nil {
		t.Fatalf("%+v: %v", s, err)
	}
	checkShares(t, s.total, s.weights, s.unit, shares)
	rationals := make([]*big.Rat, len(s.weights))
	for i, w := range s.weights {
		rationals[i], _ = new(big.Rat).SetString(w.String())
	}
	want, _ := referenceAllocate(s.total, rationals, s.unit)
	for i, share := range shares {
		if want[i].Cmp(big.NewInt(int64(share))) != 0 {
			t.Fatalf("%+v: shares %v, want %v", s, shares, want)
		}
	}
	return shares
}

func TestAllocateProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) { anySplit.Draw(t, "split").check(t) })
}

// TestAllocatePermutation: when owners change places, all of them keep their shares but for odd units that stay with the lower
// positions, and owners of equal weights only trade the odd unit.
func TestAllocatePermutation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := anySplit.Draw(t, "split")
		equal := rapid.Bool().Draw(t, "equal weights")
		if equal {
			s.weights = slices.Repeat([]money.Weight{anyRate.Draw(t, "weight")}, len(s.weights))
			if s.weights[0].IsZero() {
				s.weights = slices.Repeat(weights("1"), len(s.weights))
			}
		}
		moved := s
		moved.weights = rapid.Permutation(slices.Clone(s.weights)).Draw(t, "moved")
		before, after := sharesByWeight(s.weights, s.check(t)), sharesByWeight(moved.weights, moved.check(t))
		for w, shares := range before {
			if !slices.IsSortedFunc(shares, func(a, b money.Minor) int { return cmp.Compare(b, a) }) {
				t.Fatalf("weight %v: %v, the odd unit is not at the lower positions", w, shares)
			}
			if equal && !slices.Equal(shares, after[w]) {
				t.Fatalf("equal weights %v: %v became %v", w, shares, after[w])
			}
			for i, share := range shares { // different weights may tie in their fractions: then an odd unit moves
				if off := share - after[w][i]; off > s.unit || off < -s.unit {
					t.Fatalf("weight %v: %v became %v", w, shares, after[w])
				}
			}
		}
	})
}

func sharesByWeight(weights []money.Weight, shares []money.Minor) map[money.Weight][]money.Minor {
	byWeight := map[money.Weight][]money.Minor{}
	for i, w := range weights {
		byWeight[w] = append(byWeight[w], shares[i])
	}
	return byWeight
}

// TestAllocateOverIsAllocate: amounts are weights like others, whatever their scale.
func TestAllocateOverIsAllocate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		amounts := rapid.SliceOfN(rapid.Int64Range(0, 1<<62), 1, 8).Draw(t, "amounts")
		amounts[0]++
		total := money.Minor(rapid.Int64Range(0, math.MaxInt64).Draw(t, "total"))
		bases, rationals := make([]money.Minor, len(amounts)), make([]*big.Rat, len(amounts))
		for i, a := range amounts {
			bases[i], rationals[i] = money.Minor(a), big.NewRat(a, 1)
		}
		shares, err := money.AllocateOver(total, bases, 1)
		want, _ := referenceAllocate(total, rationals, 1)
		for i := range amounts {
			if err != nil || want[i].Cmp(big.NewInt(int64(shares[i]))) != 0 {
				t.Fatalf("%d over %v: %v, %v; want %v", total, amounts, shares, err, want)
			}
		}
	})
}

// TestRefundsEndAtZero: partial refunds that add up to the whole bring every party to zero, and a step goes against a party by
// one unit at most (rule 6, W-15).
func TestRefundsEndAtZero(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		parts := weights("45", "45", "10")
		remaining := money.Minor(rapid.Int64Range(1, 500).Draw(t, "total"))
		posted, _ := money.Allocate(remaining, parts, 1)
		for remaining > 0 {
			remaining -= money.Minor(rapid.Int64Range(1, int64(remaining)).Draw(t, "refund"))
			target, err := money.Allocate(remaining, parts, 1)
			if err != nil {
				t.Fatal(err)
			}
			for i := range target {
				if posted[i]-target[i] < -1 {
					t.Fatalf("a refund gives party %d %d units more", i, target[i]-posted[i])
				}
			}
			posted = target
		}
		if !slices.Equal(posted, []money.Minor{0, 0, 0}) {
			t.Fatalf("left %v", posted)
		}
	})
}
