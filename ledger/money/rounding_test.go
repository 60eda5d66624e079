package money_test

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"mizan/ledger/money"
)

// TestRoundingModes says what each mode does on both sides of zero; the amounts are tenths of the unit.
func TestRoundingModes(t *testing.T) {
	for _, c := range []struct{ exact, halfEven, halfUp, floor, ceil money.Minor }{
		{20, 20, 20, 20, 20},
		{21, 20, 20, 20, 30},
		{24, 20, 20, 20, 30},
		{25, 20, 30, 20, 30},
		{26, 30, 30, 20, 30},
		{35, 40, 40, 30, 40},
		{5, 0, 10, 0, 10},
		{1, 0, 0, 0, 10},
		{0, 0, 0, 0, 0},
		{-1, 0, 0, -10, 0},
		{-5, 0, -10, -10, 0},
		{-15, -20, -20, -20, -10},
		{-24, -20, -20, -30, -20},
		{-25, -20, -30, -30, -20},
		{-26, -30, -30, -30, -20},
		{-30, -30, -30, -30, -30},
	} {
		for mode, want := range map[money.Rounding]money.Minor{
			money.HalfEven: c.halfEven, money.HalfUp: c.halfUp, money.Floor: c.floor, money.Ceil: c.ceil,
		} {
			if got, err := c.exact.Round(mode, 10); err != nil || got != want {
				t.Errorf("%d rounded %v = %d, %v; want %d", c.exact, mode, got, err, want)
			}
			if got, err := money.MustRate("0.1").Of(c.exact, mode, 1); err != nil || got != want/10 {
				t.Errorf("a tenth of %d rounded %v = %d, %v; want %d", c.exact, mode, got, err, want/10)
			}
		}
	}
	var mode money.Rounding
	if mode != money.HalfEven {
		t.Error("the default is not half-even")
	}
}

func TestParseRounding(t *testing.T) {
	for _, mode := range allModes {
		if got, err := money.ParseRounding(mode.String()); err != nil || got != mode {
			t.Errorf("%v was read as %v, %v", mode, got, err)
		}
	}
	for _, text := range []string{"", "half-even", "HALF_EVEN", "bankers", "unknown", "floor "} {
		_, err := money.ParseRounding(text)
		wantCode(t, text, err, "rounding-unknown")
		var mode money.Rounding
		wantCode(t, text, mode.UnmarshalText([]byte(text)), "rounding-unknown")
	}
	if got := money.Rounding(4).String(); got != "unknown" {
		t.Errorf("a mode that is none is called %s", got)
	}
	_, err := money.Rounding(4).MarshalText()
	wantCode(t, "a mode that is none", err, "rounding-unknown")
}

// TestPayoutRemainder is domain 4.1 rule 11: KWD 8.642 pays 8.640 and keeps 0.002.
func TestPayoutRemainder(t *testing.T) {
	for _, c := range []struct {
		currency          money.Currency
		available, payout string
	}{
		{"KWD", "8.642", "8.640"}, {"HUF", "10.45", "10.00"}, {"TWD", "0.99", "0.00"}, {"USD", "8.64", "8.64"},
		{"MGA", "1250.80", "1250.00"}, {"IDR", "99000.00", "99000.00"}, {"ISK", "7", "7"}, {"UGX", "7", "7"},
	} {
		got, err := amount(t, c.available, c.currency).Round(money.Floor, c.currency.PayoutUnit())
		if err != nil || got.Format(c.currency) != c.payout {
			t.Errorf("%s %s pays %s, %v; want %s", c.currency, c.available, got.Format(c.currency), err, c.payout)
		}
	}
}

func TestRoundProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := anyMinor.Draw(t, "amount")
		mode := rapid.SampledFrom(allModes).Draw(t, "mode")
		unit := money.Minor(rapid.OneOf(rapid.Int64Range(1, 1000), rapid.Int64Range(1, math.MaxInt64)).Draw(t, "unit"))
		want := referenceRound(minorRat(m), mode, unit)
		got, err := m.Round(mode, unit)
		if want.IsInt64() != (err == nil) || (err == nil && int64(got) != want.Int64()) {
			t.Fatalf("%d %v to %d = %d, %v; want %v", m, mode, unit, got, err, want)
		}
	})
	_, err := money.Minor(1).Round(money.Floor, 0)
	wantCode(t, "unit 0", err, "amount-unit")
	_, err = money.Minor(math.MaxInt64).Round(money.Ceil, 10)
	wantCode(t, "above the largest", err, "amount-overflow")
	_, err = money.Minor(math.MinInt64).Round(money.Floor, 10)
	wantCode(t, "below the least", err, "amount-overflow")
}
