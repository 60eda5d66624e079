package money_test

import (
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"mizan/ledger/money"
)

func TestProcessorAmounts(t *testing.T) {
	for _, c := range []struct {
		currency  money.Currency
		amount    string
		processor int64
	}{
		{"USD", "10.00", 1000},
		{"JPY", "500", 500},
		{"VND", "100001", 100001},
		{"ISK", "100", 10000},
		{"ISK", "5", 500},
		{"UGX", "100", 10000},
		{"MGA", "100.00", 100},
		{"MGA", "0.00", 0},
		{"IDR", "50000.00", 5000000},
		{"HUF", "10.45", 1045},
		{"TWD", "800.45", 80045},
		{"KWD", "5.120", 5120},
		{"KWD", "5.124", 5124},
		{"USD", "-12.34", -1234},
		{"ISK", "-7", -700},
		{"MGA", "-100.00", -100},
	} {
		m := amount(t, c.amount, c.currency)
		if got, err := money.ToProcessor(m, c.currency); err != nil || got != c.processor {
			t.Errorf("%s %s is sent as %d, %v; want %d", c.currency, c.amount, got, err, c.processor)
		}
		if got, err := money.FromProcessor(c.processor, c.currency); err != nil || got != m {
			t.Errorf("%s %d is read as %d, %v; want %d", c.currency, c.processor, got, err, m)
		}
	}
}

func TestProcessorAmountsAreNeverRounded(t *testing.T) {
	for _, cents := range []money.Minor{1, 99, 101, 12350, -1, -12345, math.MaxInt64, math.MinInt64} {
		_, err := money.ToProcessor(cents, "MGA")
		wantCode(t, "cents of an ariary", err, "amount-processor")
	}
	for _, c := range []money.Currency{"ISK", "UGX"} {
		for _, n := range []int64{1, 99, 150, -1, math.MaxInt64, math.MinInt64} {
			_, err := money.FromProcessor(n, c)
			wantCode(t, "hundredths of "+string(c), err, "amount-processor")
		}
		for _, m := range []money.Minor{math.MaxInt64, math.MinInt64, math.MaxInt64/100 + 1, math.MinInt64/100 - 1} {
			_, err := money.ToProcessor(m, c)
			wantCode(t, "too many "+string(c), err, "amount-overflow")
		}
	}
	for _, n := range []int64{math.MaxInt64, math.MinInt64} {
		_, err := money.FromProcessor(n, "MGA")
		wantCode(t, "too many ariary", err, "amount-overflow")
	}
}

func TestProcessorRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := rapid.SampledFrom(money.Currencies()).Draw(t, "currency")
		m := anyMinor.Draw(t, "amount")
		if rapid.Bool().Draw(t, "payable") {
			m -= m % c.PayoutUnit()
		}
		exact := new(big.Rat).Mul(minorRat(m), tenTo(c.ProcessorDigits()))
		exact.Quo(exact, tenTo(c.Digits()))
		n, err := money.ToProcessor(m, c)
		if possible := exact.IsInt() && exact.Num().IsInt64(); possible != (err == nil) {
			t.Fatalf("%s %d: %d, %v; exactly %v", c, m, n, err, exact)
		}
		if err != nil {
			return
		}
		back, err := money.FromProcessor(n, c)
		if err != nil || back != m || exact.Cmp(big.NewRat(n, 1)) != 0 {
			t.Fatalf("%s %d was sent as %d and read as %d, %v", c, m, n, back, err)
		}
	})
}
