package money_test

import (
	"encoding/json"
	"errors"
	"math"
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"mizan/ledger/money"
)

// TestParseAmountRefuses holds the strings of group A of the reliability study that are no positive amounts.
func TestParseAmountRefuses(t *testing.T) {
	for _, c := range []struct {
		id, text string
		currency money.Currency
		code     string
	}{
		{"A01", "0", "USD", "amount-zero"},
		{"A02", "0.00", "USD", "amount-zero"},
		{"A03", "-0", "USD", "amount-format"},
		{"A04", "-1.00", "USD", "amount-format"},
		{"A05", "+1.00", "USD", "amount-format"},
		{"A06", "1.", "USD", "amount-format"},
		{"A07", ".5", "USD", "amount-format"},
		{"A08", ".-5", "USD", "amount-format"},
		{"A09", ".", "USD", "amount-format"},
		{"A10", "", "USD", "amount-format"},
		{"A11", "null", "USD", "amount-format"},
		{"A13", "true", "USD", "amount-format"},
		{"A14", "[]", "USD", "amount-format"},
		{"A15", "{}", "USD", "amount-format"},
		{"A18", "1e2147483647", "USD", "amount-format"},
		{"A19", "1e400", "USD", "amount-format"},
		{"A20", "1E5", "USD", "amount-format"},
		{"A21", "1e-5", "USD", "amount-format"},
		{"A22", "NaN", "USD", "amount-format"},
		{"A24", "Infinity", "USD", "amount-format"},
		{"A25", "0x10", "USD", "amount-format"},
		{"A26", "1_000", "USD", "amount-format"},
		{"A27", "1,000.00", "USD", "amount-format"},
		{"A28", "1.000,00", "USD", "amount-format"},
		{"A29", "１２", "USD", "amount-format"},
		{"A30", "٣", "USD", "amount-format"},
		{"A31", " 1", "USD", "amount-format"},
		{"A31", "1 ", "USD", "amount-format"},
		{"A31", "1\n", "USD", "amount-format"},
		{"A32", "01.00", "USD", "amount-format"},
		{"A32", "00", "USD", "amount-format"},
		{"A32", "00.1", "USD", "amount-format"},
		{"A33", "1.001", "USD", "amount-digits"},
		{"A33", "1.000", "USD", "amount-digits"},
		{"A34", "1.5", "JPY", "amount-digits"},
		{"A34", "1.0", "JPY", "amount-digits"},
		{"A35", "1.2345", "KWD", "amount-format"},
		{"A37", "1000000000000000", "JPY", "amount-format"},
		{"A37", "1000000000000000.00", "USD", "amount-format"},
		{"A37", "1000000000000000.000", "KWD", "amount-format"},
		{"A38", "9223372036854775808", "USD", "amount-format"},
		{"A38", "18446744073709551617", "JPY", "amount-format"},
		{"A39", strings.Repeat("9", 10_000), "USD", "amount-format"},
		{"A39", "1." + strings.Repeat("0", 10_000), "USD", "amount-format"},
		{"more", "1..5", "USD", "amount-format"},
		{"more", "1:", "USD", "amount-format"},
		{"more", "1/", "USD", "amount-format"},
		{"more", "1.:", "USD", "amount-format"},
		{"more", "1.5.5", "USD", "amount-format"},
		{"more", "1.5a", "USD", "amount-format"},
		{"more", "1\x00", "USD", "amount-format"},
		{"more", "\xff", "USD", "amount-format"},
		{"more", "−1", "USD", "amount-format"},
	} {
		_, err := money.ParsePositive(c.text, c.currency)
		wantCode(t, c.id+" "+string(c.currency), err, c.code)
		if len(c.text) > 3 && strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: the message repeats the input", c.id)
		}
		m, err := money.ParseAmount(c.text, c.currency)
		if isZero := c.code == "amount-zero"; (err == nil) != isZero || m != 0 {
			t.Errorf("%s: ParseAmount = %d, %v", c.id, m, err)
		}
	}
}

func TestParseAmountAccepts(t *testing.T) {
	for _, c := range []struct {
		text      string
		currency  money.Currency
		minor     money.Minor
		formatted string
	}{
		{"0", "USD", 0, "0.00"},
		{"0", "JPY", 0, "0"},
		{"1", "USD", 100, "1.00"},
		{"1.5", "USD", 150, "1.50"},
		{"0.01", "GBP", 1, "0.01"},
		{"0.10", "GBP", 10, "0.10"},
		{"1.234", "KWD", 1234, "1.234"},
		{"0.001", "KWD", 1, "0.001"},
		{"100001", "VND", 100001, "100001"},
		{"100.5", "IDR", 10050, "100.50"},
		{"5", "ISK", 5, "5"},
		{"12.34", "MGA", 1234, "12.34"},
		{"9007199254740993", "JPY", 0, ""}, // 2^53 + 1, as long as an amount may never be
		{"90071992547409.93", "USD", 1<<53 + 1, "90071992547409.93"},
		{"999999999999999", "JPY", 999_999_999_999_999, "999999999999999"},
		{"999999999999999.99", "USD", 99_999_999_999_999_999, "999999999999999.99"},
		{"999999999999999.999", "KWD", money.Max, "999999999999999.999"},
	} {
		m, err := money.ParseAmount(c.text, c.currency)
		if c.formatted == "" {
			wantCode(t, c.text, err, "amount-format")
			continue
		}
		if err != nil || m != c.minor || m.Format(c.currency) != c.formatted {
			t.Errorf("%s %s = %d (%s), %v; want %d (%s)", c.currency, c.text, m, m.Format(c.currency), err, c.minor, c.formatted)
		}
	}
}

func TestMaxIsWhatTheGrammarAdmits(t *testing.T) {
	for _, c := range money.Currencies() {
		text := "999999999999999"
		if c.Digits() > 0 {
			text += "." + strings.Repeat("9", c.Digits())
		}
		if m, err := money.ParsePositive(text, c); err != nil || m != c.Max() || m > money.Max {
			t.Errorf("%s: %d, %v; want %d", c, m, err, c.Max())
		}
		_, err := money.ParseAmount((c.Max() + 1).Format(c), c)
		wantCode(t, string(c), err, "amount-format")
	}
}

func TestFormatExtremes(t *testing.T) {
	for _, c := range []struct {
		minor    money.Minor
		currency money.Currency
		want     string
	}{
		{math.MinInt64, "JPY", "-9223372036854775808"},
		{math.MinInt64, "USD", "-92233720368547758.08"},
		{math.MinInt64, "KWD", "-9223372036854775.808"},
		{math.MaxInt64, "JPY", "9223372036854775807"},
		{math.MaxInt64, "USD", "92233720368547758.07"},
		{math.MaxInt64, "KWD", "9223372036854775.807"},
		{-1, "USD", "-0.01"},
		{-1, "KWD", "-0.001"},
		{-99, "USD", "-0.99"},
		{-100, "USD", "-1.00"},
		{-7, "VND", "-7"},
		{1<<53 + 1, "JPY", "9007199254740993"},
	} {
		if got := c.minor.Format(c.currency); got != c.want {
			t.Errorf("%d %s = %s, want %s", c.minor, c.currency, got, c.want)
		}
		if got := string(c.minor.AppendFormat([]byte("x "), c.currency)); got != "x "+c.want {
			t.Errorf("appended %q, want %q", got, "x "+c.want)
		}
	}
}

func TestNoAllocation(t *testing.T) {
	buffer := make([]byte, 0, 21)
	long := strings.Repeat("9", 1_000_000)
	for name, f := range map[string]func(){
		"AppendFormat": func() { buffer = money.Minor(math.MinInt64).AppendFormat(buffer[:0], "KWD") },
		"ParseAmount":  func() { _, _ = money.ParseAmount("999999999999999.999", "KWD") },
		"a long input": func() { _, _ = money.ParseAmount(long, "KWD") },
	} {
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
}

var edges = []money.Minor{math.MinInt64, math.MinInt64 + 1, -money.Max, -1<<53 - 1, -2, -1, 0, 1, 2, 1<<53 + 1, money.Max,
	math.MaxInt64 - 1, math.MaxInt64}

func TestArithmeticAtTheEdges(t *testing.T) {
	for _, a := range edges {
		checkArithmetic(t, a, 0)
		for _, b := range edges {
			checkArithmetic(t, a, b)
		}
	}
}

func TestArithmeticProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		checkArithmetic(t, anyMinor.Draw(t, "a"), anyMinor.Draw(t, "b"))
	})
}

func checkArithmetic(t rapid.TB, a, b money.Minor) {
	x, y := big.NewInt(int64(a)), big.NewInt(int64(b))
	same := func(what string, got money.Minor, err error, want *big.Int) {
		if want.IsInt64() && (err != nil || int64(got) != want.Int64()) {
			t.Fatalf("%s(%d, %d) = %d, %v", what, a, b, got, err)
		}
		if !want.IsInt64() && !errors.Is(err, money.ErrOverflow) {
			t.Fatalf("%s(%d, %d) = %d, %v; want an overflow", what, a, b, got, err)
		}
	}
	got, err := money.Add(a, b)
	same("Add", got, err, new(big.Int).Add(x, y))
	got, err = money.Sub(a, b)
	same("Sub", got, err, new(big.Int).Sub(x, y))
	got, err = money.Neg(a)
	same("Neg", got, err, new(big.Int).Neg(x))
	got, err = money.Sum(a, b)
	same("Sum", got, err, new(big.Int).Add(x, y))
}

var anyMinor = rapid.OneOf(rapid.SampledFrom(edges), rapid.Custom(func(t *rapid.T) money.Minor {
	return money.Minor(rapid.Int64().Draw(t, "minor"))
}))

func TestSum(t *testing.T) {
	if sum, err := money.Sum(); err != nil || sum != 0 {
		t.Errorf("nothing adds up to %d, %v", sum, err)
	}
	// A41: lines, each of them allowed, whose sum is not.
	_, err := money.Sum(money.Max, money.Max, money.Max, money.Max, money.Max, money.Max, money.Max, money.Max, money.Max, money.Max)
	wantCode(t, "ten times the largest amount", err, "amount-overflow")
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOfN(anyMinor, 0, 20).Draw(t, "list")
		want := new(big.Int)
		for _, m := range list {
			want.Add(want, big.NewInt(int64(m)))
		}
		got, err := money.Sum(list...)
		if want.IsInt64() != (err == nil) || (err == nil && int64(got) != want.Int64()) {
			t.Fatalf("sum %d, %v; want %v", got, err, want)
		}
		shuffled, shuffledErr := money.Sum(rapid.Permutation(list).Draw(t, "shuffled")...)
		if shuffled != got || (shuffledErr == nil) != (err == nil) {
			t.Fatalf("another order gives %d, %v instead of %d, %v", shuffled, shuffledErr, got, err)
		}
	})
}

func TestFormatRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := rapid.SampledFrom(money.Currencies()).Draw(t, "currency")
		m := money.Minor(rapid.Int64Range(0, int64(c.Max())).Draw(t, "minor"))
		text := m.Format(c)
		if back, err := money.ParseAmount(text, c); err != nil || back != m {
			t.Fatalf("%d became %q and %d, %v", m, text, back, err)
		}
		if m != 0 && (-m).Format(c) != "-"+text {
			t.Fatalf("-%d became %q", m, (-m).Format(c))
		}
	})
}

func TestMinorIsNoJSONNumber(t *testing.T) {
	type document struct{ Amount money.Minor }
	if text, err := json.Marshal(document{1250}); err == nil {
		t.Errorf("marshalled as %s", text)
	}
	if text, err := json.Marshal([]*money.Minor{new(money.Minor)}); err == nil {
		t.Errorf("marshalled as %s", text)
	}
	var d document
	for _, text := range []string{`{"Amount":1250}`, `{"Amount":"12.50"}`} {
		if err := json.Unmarshal([]byte(text), &d); err == nil || d.Amount != 0 {
			t.Errorf("%s was read as %d, %v", text, d.Amount, err)
		}
	}
	if text, err := json.Marshal(struct{ Currency money.Currency }{"USD"}); err != nil || string(text) != `{"Currency":"USD"}` {
		t.Errorf("a currency became %s, %v", text, err)
	}
}
