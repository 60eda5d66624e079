package money_test

import (
	"encoding/json"
	"math"
	"math/big"
	"strings"
	"testing"

	"github.com/shopspring/decimal"
	"pgregory.net/rapid"

	"mizan/ledger/money"
)

func TestParseRate(t *testing.T) {
	for text, canonical := range map[string]string{
		"0": "0", "0.0": "0", "0.000000000000": "0", "1": "1", "1.0": "1", "20": "20", "0.065": "0.065", "0.0650": "0.065",
		"4.905": "4.905", "100": "100", "0.000000000001": "0.000000000001", "33.333333": "33.333333",
		"999999999.999999999999": "999999999.999999999999", "10.01": "10.01",
	} {
		r, err := money.ParseRate(text)
		if err != nil || r.String() != canonical || r != money.MustRate(canonical) {
			t.Errorf("%s = %v, %v; want %s", text, r, err, canonical)
		}
		if r.IsZero() != (canonical == "0") {
			t.Errorf("IsZero of %s", text)
		}
	}
	if (money.Rate{}).String() != "0" || (money.Rate{}) != money.MustRate("0") {
		t.Error("the zero value is not 0")
	}
}

// TestRateRefuses holds the rates of A43 and B15, which are no numbers for us or larger and finer than any rule.
func TestRateRefuses(t *testing.T) {
	for _, text := range []string{"", "-1", "+1", "-0", "1.", ".5", ".-5", "1e-400", "1E5", "NaN", "Infinity", "0x10", "1_0", "1,5",
		" 1", "1 ", "1\n", "01", "00.1", "1000000000", "0.0000000000001", strings.Repeat("1", 40), "0." + strings.Repeat("3", 40),
		"5%", "1/3", "٣", "1.5.5", "1.5x", "18446744073709551616"} {
		_, err := money.ParseRate(text)
		wantCode(t, "ParseRate "+text, err, "rate-format")
		if _, err := money.Percent(text); err == nil {
			t.Errorf("Percent accepts %q", text)
		}
		var r money.Rate
		if err := json.Unmarshal([]byte(`"`+strings.ReplaceAll(text, "\n", `\n`)+`"`), &r); err == nil {
			t.Errorf("JSON %q was read as %v", text, r)
		}
	}
	_, err := money.Percent("0.00000000001")
	wantCode(t, "a percentage of eleven decimals", err, "rate-format")
	for name, f := range map[string]func(){
		"MustRate":    func() { money.MustRate("-1") },
		"MustPercent": func() { money.MustPercent("5%") },
	} {
		if !panics(f) {
			t.Errorf("%s does not panic", name)
		}
	}
}

func TestPercent(t *testing.T) {
	for text, want := range map[string]string{
		"0": "0", "5": "0.05", "6.5": "0.065", "100": "1", "100.01": "1.0001", "33.333333": "0.33333333",
		"0.0000000001":         "0.000000000001",
		"999999999.9999999999": "9999999.999999999999",
	} {
		r, err := money.Percent(text)
		if err != nil || r.String() != want || r.Percentage() != text {
			t.Errorf("%s %% = %v (%s %%), %v; want %s", text, r, r.Percentage(), err, want)
		}
	}
	if got := money.MustRate("999999999.999999999999").Percentage(); got != "99999999999.9999999999" {
		t.Errorf("the largest rate is %s %%", got)
	}
}

func TestRateJSON(t *testing.T) {
	type rule struct {
		Rate     money.Rate     `json:"rate"`
		Rounding money.Rounding `json:"rounding"`
	}
	want := rule{money.MustRate("0.065"), money.Ceil}
	text := must[[]byte](t)(json.Marshal(want))
	if string(text) != `{"rate":"0.065","rounding":"ceil"}` {
		t.Errorf("written as %s", text)
	}
	var got rule
	if err := json.Unmarshal(text, &got); err != nil || got != want {
		t.Errorf("read as %v, %v", got, err)
	}
	if err := json.Unmarshal([]byte(`{"rate":0.065}`), &got); err == nil {
		t.Error("a JSON number was read as a rate")
	}
}

func TestRateAddAndCompare(t *testing.T) {
	sum := money.Rate{}
	for _, share := range []string{"33.33", "33.33", "33.34"} {
		sum = must[money.Rate](t)(sum.Add(money.MustRate(share)))
	}
	if sum != money.MustRate("100") {
		t.Errorf("the shares add up to %v", sum)
	}
	_, err := money.MustRate("999999999.999999999999").Add(money.MustRate("0.000000000001"))
	wantCode(t, "above the largest rate", err, "rate-range")
	rapid.Check(t, func(t *rapid.T) {
		a, b := anyRate.Draw(t, "a"), anyRate.Draw(t, "b")
		x, _ := new(big.Rat).SetString(a.String())
		y, _ := new(big.Rat).SetString(b.String())
		if a.Compare(b) != x.Cmp(y) {
			t.Fatalf("%v compared with %v is %d", a, b, a.Compare(b))
		}
		sum, err := a.Add(b)
		exact := x.Add(x, y)
		if err == nil {
			if z, _ := new(big.Rat).SetString(sum.String()); z.Cmp(exact) != 0 {
				t.Fatalf("%v + %v = %v", a, b, sum)
			}
		} else if exact.Cmp(tenTo(9)) < 0 {
			t.Fatalf("%v + %v: %v", a, b, err)
		}
	})
}

// anyRate draws rates of every size and fineness, also those at the ends of the range.
var anyRate = rapid.Custom(func(t *rapid.T) money.Rate {
	whole := rapid.OneOf(rapid.SampledFrom([]string{"0", "1", "100", "999999999"}), rapid.StringMatching(`[1-9][0-9]{0,8}`))
	fraction := rapid.OneOf(rapid.SampledFrom([]string{"", ".5", ".065", ".999999999999"}), rapid.StringMatching(`\.[0-9]{1,12}`))
	return money.MustRate(whole.Draw(t, "whole") + fraction.Draw(t, "fraction"))
})

// TestFees holds the table of domain 4.3: half-even, half-up and the exact product.
func TestFees(t *testing.T) {
	for _, c := range []struct {
		currency                             money.Currency
		base, percent, exact, halfEven, half string
	}{
		{"VND", "100900", "5", "5045", "5045", "5045"},
		{"VND", "50", "5", "2.5", "2", "3"},
		{"VND", "70", "5", "3.5", "4", "4"},
		{"SGD", "18.00", "4.905", "0.8829", "0.88", "0.88"},
		{"USD", "17.99", "6", "1.0794", "1.08", "1.08"},
		{"GBP", "44.97", "9", "4.0473", "4.05", "4.05"},
		{"GBP", "3.15", "30", "0.945", "0.94", "0.95"},
		{"KWD", "12.345", "6", "0.7407", "0.741", "0.741"},
		{"KWD", "8.250", "6", "0.495", "0.495", "0.495"},
		{"JPY", "1250", "9", "112.5", "112", "113"},
		{"JPY", "1350", "9", "121.5", "122", "122"},
		{"MYR", "450.00", "8.10", "36.45", "36.45", "36.45"},
	} {
		rate, base := money.MustPercent(c.percent), amount(t, c.base, c.currency)
		exact := new(big.Rat).Mul(rat(t, c.base), rateRat(t, rate))
		if exact.Cmp(rat(t, c.exact)) != 0 {
			t.Errorf("%s %s at %s %%: exactly %s", c.currency, c.base, c.percent, exact)
		}
		for mode, want := range map[money.Rounding]string{money.HalfEven: c.halfEven, money.HalfUp: c.half} {
			got := must[money.Minor](t)(rate.Of(base, mode, c.currency.PostingUnit()))
			if got.Format(c.currency) != want {
				t.Errorf("%s %s at %s %% %v = %s, want %s", c.currency, c.base, c.percent, mode, got.Format(c.currency), want)
			}
			opposite := must[money.Minor](t)(rate.Of(-base, mode, c.currency.PostingUnit()))
			if opposite != -got {
				t.Errorf("%s -%s at %s %% %v = %s", c.currency, c.base, c.percent, mode, opposite.Format(c.currency))
			}
		}
	}
}

// TestRefunds holds the second table of domain 4.3: fees given back part by part are wrong if each part is rounded, and right
// if the fee on what remains is computed afresh (rule 6).
func TestRefunds(t *testing.T) {
	for _, c := range []struct {
		currency                 money.Currency
		order, percent, fee      string
		parts, naive, cumulative []string
		naiveSum                 string
	}{
		{"USD", "10.00", "6.5", "0.65", []string{"3.33", "3.33", "3.34"}, []string{"0.22", "0.22", "0.22"},
			[]string{"0.22", "0.21", "0.22"}, "0.66"},
		{"USD", "19.99", "6", "1.20", []string{"6.66", "6.66", "6.67"}, []string{"0.40", "0.40", "0.40"},
			[]string{"0.40", "0.40", "0.40"}, "1.20"},
		{"VND", "100001", "5", "5000", []string{"33333", "33334", "33334"}, []string{"1667", "1667", "1667"},
			[]string{"1667", "1666", "1667"}, "5001"},
		{"KWD", "12.345", "6.5", "0.802", []string{"4.115", "4.115", "4.115"}, []string{"0.267", "0.267", "0.267"},
			[]string{"0.267", "0.268", "0.267"}, "0.801"},
	} {
		rate, remaining := money.MustPercent(c.percent), amount(t, c.order, c.currency)
		feeOn := func(base money.Minor) money.Minor {
			return must[money.Minor](t)(rate.Of(base, money.HalfEven, c.currency.PostingUnit()))
		}
		posted := feeOn(remaining)
		if posted.Format(c.currency) != c.fee {
			t.Errorf("%s %s: fee %s, want %s", c.currency, c.order, posted.Format(c.currency), c.fee)
		}
		naiveSum, cumulativeSum := money.Minor(0), money.Minor(0)
		for i, text := range c.parts {
			part := amount(t, text, c.currency)
			naive := feeOn(part)
			naiveSum += naive
			remaining -= part
			cumulative := posted - feeOn(remaining)
			posted -= cumulative
			cumulativeSum += cumulative
			if naive.Format(c.currency) != c.naive[i] || cumulative.Format(c.currency) != c.cumulative[i] {
				t.Errorf("%s %s, part %d: %s and %s, want %s and %s", c.currency, c.order, i+1, naive.Format(c.currency),
					cumulative.Format(c.currency), c.naive[i], c.cumulative[i])
			}
		}
		if naiveSum.Format(c.currency) != c.naiveSum || cumulativeSum.Format(c.currency) != c.fee || remaining != 0 || posted != 0 {
			t.Errorf("%s %s: naive %s, cumulative %s, left %d and %d", c.currency, c.order, naiveSum.Format(c.currency),
				cumulativeSum.Format(c.currency), remaining, posted)
		}
	}
}

func TestOfRefuses(t *testing.T) {
	rate := money.MustRate("0.5")
	for _, unit := range []money.Minor{0, -1} {
		_, err := rate.Of(1, money.HalfEven, unit)
		wantCode(t, "unit", err, "amount-unit")
	}
	_, err := rate.Of(1, money.Rounding(9), 1)
	wantCode(t, "mode", err, "rounding-unknown")
	_, err = money.MustRate("2").Of(edges[len(edges)-1], money.HalfEven, 1)
	wantCode(t, "twice the largest", err, "amount-overflow")
	_, err = money.MustRate("2").Of(1<<62, money.HalfEven, 1)
	wantCode(t, "2^63", err, "amount-overflow")
	if least, err := money.MustRate("2").Of(-1<<62, money.HalfEven, 1); err != nil || least != math.MinInt64 {
		t.Errorf("-2^63 is %d, %v", least, err)
	}
	_, err = money.MustRate("2.9").Of(math.MaxInt64, money.HalfEven, 1)
	wantCode(t, "above 2^64 by the fraction", err, "amount-overflow")
	// Exactly 2^64 - 0.6, which must not be rounded up to 2^64 and from there to 0.
	_, err = money.MustRate("2.2").Of(8_384_883_669_867_978_007, money.Ceil, 1)
	wantCode(t, "just below 2^64", err, "amount-overflow")
	// Exactly 2^64 - 1, two units and a little, rounded up to three.
	_, err = money.MustRate("3").Of(6_148_914_691_236_517_205, money.Ceil, math.MaxInt64)
	wantCode(t, "three units of 2^63 - 1", err, "amount-overflow")
}

func TestOfProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rate, base := anyRate.Draw(t, "rate"), anyMinor.Draw(t, "base")
		if rapid.Bool().Draw(t, "small") {
			base %= 100_000
		}
		mode := rapid.SampledFrom(allModes).Draw(t, "mode")
		unit := rapid.SampledFrom([]money.Minor{1, 2, 3, 5, 10, 100, 1<<63 - 1}).Draw(t, "unit")
		checkOf(t, rate, base, mode, unit)
	})
}

// checkOf compares Rate.Of with the rational reference and, where it has the same modes, with the decimal library.
func checkOf(t rapid.TB, rate money.Rate, base money.Minor, mode money.Rounding, unit money.Minor) {
	exact, _ := new(big.Rat).SetString(rate.String())
	exact.Mul(exact, minorRat(base))
	want := referenceRound(exact, mode, unit)
	got, err := rate.Of(base, mode, unit)
	if want.IsInt64() != (err == nil) || (err == nil && int64(got) != want.Int64()) {
		t.Fatalf("%v of %d, %v to %d = %d, %v; want %v", rate, base, mode, unit, got, err, want)
	}
	if unit != 1 {
		return
	}
	product := decimal.RequireFromString(rate.String()).Mul(decimal.NewFromInt(int64(base)))
	second := map[money.Rounding]decimal.Decimal{money.HalfEven: product.RoundBank(0), money.HalfUp: product.Round(0),
		money.Floor: product.Floor(), money.Ceil: product.Ceil()}[mode]
	if second.BigInt().Cmp(want) != 0 {
		t.Fatalf("%v of %d, %v: the references disagree, %v and %v", rate, base, mode, second, want)
	}
}
