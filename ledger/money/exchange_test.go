package money_test

import (
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"mizan/ledger/money"
)

func TestExchange(t *testing.T) {
	for _, c := range []struct {
		from   money.Currency
		amount string
		price  string
		to     money.Currency
		want   string
	}{
		{"GBP", "13.23", "1.2700", "USD", "16.80"}, // scenario S6: mid
		{"GBP", "13.23", "1.2573", "USD", "16.63"}, // scenario S6: the payee's rate, margin 0.17
		{"GBP", "-13.23", "1.2573", "USD", "-16.63"},
		{"GBP", "100.00", "1.27", "USD", "127.00"},
		{"USD", "1.00", "150", "JPY", "150"},
		{"JPY", "150", "0.006666666667", "USD", "1.00"},
		{"VND", "1000000", "0.0000121", "KWD", "12.100"},
		{"KWD", "12.100", "82644.628099173554", "VND", "1000000"},
		{"USD", "1.00", "16234.5678", "IDR", "16235.00"}, // whole rupiah
		{"EUR", "0.01", "1", "ISK", "0"},
		{"USD", "0.05", "0.5", "EUR", "0.02"}, // half-even
	} {
		got, err := money.Exchange(amount(t, c.amount, c.from), c.from, c.to, money.MustRate(c.price), money.HalfEven)
		if err != nil || got.Format(c.to) != c.want {
			t.Errorf("%s %s at %s = %s %s, %v; want %s", c.from, c.amount, c.price, c.to, got.Format(c.to), err, c.want)
		}
	}
}

func TestExchangeRefuses(t *testing.T) {
	one := money.MustRate("1")
	_, err := money.Exchange(1, "USD", "XXX", one, money.HalfEven)
	wantCode(t, "unknown target", err, "currency-unknown")
	_, err = money.Exchange(1, "usd", "USD", one, money.HalfEven)
	wantCode(t, "unknown source", err, "currency-unknown")
	_, err = money.Exchange(1, "USD", "EUR", money.Rate{}, money.HalfEven)
	wantCode(t, "rate 0", err, "rate-range")
	_, err = money.Exchange(1, "USD", "EUR", one, money.Rounding(5))
	wantCode(t, "mode", err, "rounding-unknown")
	_, err = money.Exchange(math.MaxInt64, "JPY", "KWD", money.MustRate("999999999"), money.HalfEven)
	wantCode(t, "too much", err, "amount-overflow")
	_, err = money.Exchange(math.MaxInt64, "USD", "EUR", money.MustRate("1.5"), money.HalfEven)
	wantCode(t, "a little too much", err, "amount-overflow")
}

func TestExchangeProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		from := rapid.SampledFrom(money.Currencies()).Draw(t, "from")
		to := rapid.SampledFrom(money.Currencies()).Draw(t, "to")
		m, price := anyMinor.Draw(t, "amount"), anyRate.Draw(t, "price")
		if price.IsZero() {
			price = money.MustRate("0.000000000001")
		}
		mode := rapid.SampledFrom(allModes).Draw(t, "mode")
		exact, _ := new(big.Rat).SetString(price.String())
		exact.Mul(exact, minorRat(m)).Mul(exact, tenTo(to.Digits())).Quo(exact, tenTo(from.Digits()))
		want := referenceRound(exact, mode, to.PostingUnit())
		got, err := money.Exchange(m, from, to, price, mode)
		if want.IsInt64() != (err == nil) || (err == nil && int64(got) != want.Int64()) {
			t.Fatalf("%d %s at %v = %d %s, %v; want %v", m, from, price, got, to, err, want)
		}
	})
}

// TestDiscounted takes margins from prices: exactly or not at all.
func TestDiscounted(t *testing.T) {
	t.Parallel()
	for _, x := range []struct{ price, part, want string }{
		{"1.27", "0.01", "1.2573"}, {"1", "0", "1"}, {"1.27", "1", "0"}, {"0.0000121", "0.0075", "0.00001200925"},
		{"999999999.99", "0.02", "979999999.9902"}, {"0.000000000001", "0.01", ""}, {"1", "1.1", ""},
	} {
		got, err := money.MustRate(x.price).Discounted(money.MustRate(x.part))
		switch {
		case x.want == "" && err == nil:
			t.Errorf("%s less %s is %s", x.price, x.part, got)
		case x.want != "" && (err != nil || got != money.MustRate(x.want)):
			t.Errorf("%s less %s is %s, %v, want %s", x.price, x.part, got, err, x.want)
		}
	}
}
