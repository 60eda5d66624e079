package money_test

import (
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"mizan/ledger/money"
)

func TestSplitInclusive(t *testing.T) {
	for _, c := range []struct {
		currency                  money.Currency
		gross, percent, net, vats string
	}{
		{"GBP", "4.05", "20", "3.37", "0.68"}, // domain 4.1 rule 8: 0.675 is a tie, to the even 0.68
		{"GBP", "-4.05", "20", "-3.37", "-0.68"},
		{"GBP", "120.00", "20", "100.00", "20.00"},
		{"GBP", "0.00", "20", "0.00", "0.00"},
		{"GBP", "0.01", "20", "0.01", "0.00"},
		{"GBP", "9.99", "0", "9.99", "0.00"},
		{"VND", "110000", "10", "100000", "10000"},
		{"KWD", "1.050", "5", "1.000", "0.050"},
		{"IDR", "111000.00", "11", "100000.00", "11000.00"},
		{"IDR", "99999.00", "11", "90089.00", "9910.00"}, // 9909.81 to whole rupiah
		{"MYR", "10.00", "100", "5.00", "5.00"},
	} {
		net, tax, err := money.SplitInclusive(amount(t, c.gross, c.currency), money.MustPercent(c.percent), money.HalfEven,
			c.currency.PostingUnit())
		if err != nil || net.Format(c.currency) != c.net || tax.Format(c.currency) != c.vats {
			t.Errorf("%s %s at %s %%: %s and %s, %v; want %s and %s", c.currency, c.gross, c.percent, net.Format(c.currency),
				tax.Format(c.currency), err, c.net, c.vats)
		}
	}
	_, _, err := money.SplitInclusive(1, money.Rate{}, money.HalfEven, 0)
	wantCode(t, "unit 0", err, "amount-unit")
	_, _, err = money.SplitInclusive(1, money.Rate{}, money.Rounding(7), 1)
	wantCode(t, "mode", err, "rounding-unknown")
	_, _, err = money.SplitInclusive(math.MaxInt64, money.MustRate("999999999"), money.Ceil, 1<<62+1)
	wantCode(t, "tax above the largest amount", err, "amount-overflow")
	net, tax, err := money.SplitInclusive(-1, money.MustRate("0.1"), money.Floor, math.MaxInt64)
	if err != nil || net != math.MaxInt64-1 || tax != -math.MaxInt64 {
		t.Errorf("a cent in units of the largest amount: %d and %d, %v", net, tax, err)
	}
}

func TestSplitInclusiveProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		gross, rate := anyMinor.Draw(t, "gross"), anyRate.Draw(t, "rate")
		mode := rapid.SampledFrom(allModes).Draw(t, "mode")
		unit := rapid.SampledFrom([]money.Minor{1, 10, 100}).Draw(t, "unit")
		r, _ := new(big.Rat).SetString(rate.String())
		exact := new(big.Rat).Mul(minorRat(gross), r)
		exact.Quo(exact, r.Add(r, big.NewRat(1, 1)))
		want := referenceRound(exact, mode, unit)
		rest := new(big.Int).Sub(big.NewInt(int64(gross)), want)
		net, tax, err := money.SplitInclusive(gross, rate, mode, unit)
		possible := want.IsInt64() && rest.IsInt64()
		if possible != (err == nil) || (possible && (int64(tax) != want.Int64() || int64(net) != rest.Int64())) {
			t.Fatalf("%d at %v: %d and %d, %v; want %v and %v", gross, rate, net, tax, err, rest, want)
		}
	})
}

func TestGrossUp(t *testing.T) {
	for _, c := range []struct {
		currency                           money.Currency
		target, percent, flat, charge, fee string
	}{
		{"GBP", "50.00", "1.4", "0.20", "50.91", "0.91"}, // domain 4.1 rule 7; the usual formula says 50.92
		{"GBP", "50.00", "0", "0.00", "50.00", "0.00"},
		{"GBP", "50.00", "0", "0.20", "50.20", "0.20"},
		{"USD", "0.01", "2.9", "0.30", "0.32", "0.31"},
		{"USD", "100.00", "2.9", "0.30", "103.30", "3.30"},
		{"USD", "1.00", "99.9", "0.00", "995.00", "994.00"}, // 994.005 is a tie, to the even 994.00
		{"JPY", "1000", "3.6", "0", "1037", "37"},
		{"IDR", "50000.00", "2.9", "2000.00", "53553.00", "3553.00"},
		{"KWD", "1.000", "2.5", "0.100", "1.128", "0.128"},
	} {
		charge, fee, err := money.GrossUp(amount(t, c.target, c.currency), money.MustPercent(c.percent),
			amount(t, c.flat, c.currency), money.HalfEven, c.currency.PostingUnit())
		if err != nil || charge.Format(c.currency) != c.charge || fee.Format(c.currency) != c.fee {
			t.Errorf("%s %s at %s %% + %s: %s of which %s, %v; want %s of which %s", c.currency, c.target, c.percent, c.flat,
				charge.Format(c.currency), fee.Format(c.currency), err, c.charge, c.fee)
		}
	}
}

func TestGrossUpRefuses(t *testing.T) {
	for _, c := range []struct {
		name         string
		target, flat money.Minor
		rate         string
		mode         money.Rounding
		unit         money.Minor
		code         string
	}{
		{"nothing", 0, 0, "0.1", money.HalfEven, 1, "amount-zero"},
		{"negative target", -1, 0, "0.1", money.HalfEven, 1, "amount-negative"},
		{"negative fee", 1, -1, "0.1", money.HalfEven, 1, "amount-negative"},
		{"everything is fee", 1, 0, "1", money.HalfEven, 1, "rate-range"},
		{"unit 0", 1, 0, "0.1", money.HalfEven, 0, "amount-unit"},
		{"mode", 1, 0, "0.1", money.Rounding(4), 1, "rounding-unknown"},
		{"unit above every amount", 1, 0, "0.1", money.HalfEven, money.Max + 1, "amount-overflow"},
		{"target above every charge", money.Max, 1, "0", money.HalfEven, 1, "amount-overflow"},
		{"fee above every charge", 1, math.MaxInt64, "0.1", money.HalfEven, 1, "amount-overflow"},
		{"fee of the largest charge", 1, money.Max, "0.9", money.HalfEven, 1, "amount-overflow"},
		{"target of the largest integer", math.MaxInt64, 0, "0", money.HalfEven, 1, "amount-overflow"},
		{"almost everything is fee", money.Max / 2, 0, "0.999999999999", money.HalfEven, 1, "amount-overflow"},
	} {
		_, _, err := money.GrossUp(c.target, money.MustRate(c.rate), c.flat, c.mode, c.unit)
		wantCode(t, c.name, err, c.code)
	}
	charge, fee, err := money.GrossUp(money.Max, money.Rate{}, 0, money.HalfEven, 1)
	if err != nil || charge != money.Max || fee != 0 {
		t.Errorf("the largest target: %d, %d, %v", charge, fee, err)
	}
}

// TestGrossUpIsSmallest tries every charge, for small targets, against the search.
func TestGrossUpIsSmallest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		target := money.Minor(rapid.Int64Range(1, 500).Draw(t, "target"))
		flat := money.Minor(rapid.Int64Range(0, 50).Draw(t, "flat"))
		rate, _ := money.Percent(rapid.StringMatching(`[1-8]?[0-9]\.[0-9]{1,3}`).Draw(t, "percent"))
		mode := rapid.SampledFrom(allModes).Draw(t, "mode")
		unit := rapid.SampledFrom([]money.Minor{1, 5, 100}).Draw(t, "unit")
		charge, fee, err := money.GrossUp(target, rate, flat, mode, unit)
		if err != nil {
			t.Fatal(err)
		}
		r, _ := new(big.Rat).SetString(rate.String())
		for want := money.Minor(0); ; want += unit {
			wantFee := flat + money.Minor(referenceRound(new(big.Rat).Mul(minorRat(want), r), mode, unit).Int64())
			if want-wantFee >= target {
				if charge != want || fee != wantFee || charge-fee-target >= unit {
					t.Fatalf("%d at %v + %d: %d of which %d, want %d of which %d", target, rate, flat, charge, fee, want, wantFee)
				}
				return
			}
		}
	})
}
