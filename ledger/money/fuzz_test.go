package money_test

import (
	"encoding/binary"
	"math"
	"strings"
	"testing"

	"mizan/ledger/fault"
	"mizan/ledger/money"
)

func FuzzParseAmount(f *testing.F) {
	for _, text := range []string{"0", "0.00", "-0", "+1.00", "1.", ".5", ".-5", "", "1e2147483647", "NaN", "1_000", "１２", "1\n",
		"01.00", "1.001", "1.2345", "999999999999999.999", "1000000000000000", "9223372036854775808", "90071992547409.93", "1\x00"} {
		for position := range byte(3) {
			f.Add(text, position)
		}
	}
	byDigits := [...]money.Currency{"JPY", "USD", "KWD"}
	f.Fuzz(func(t *testing.T, text string, position byte) {
		c := byDigits[int(position)%len(byDigits)]
		m, err := money.ParseAmount(text, c)
		want, code := referenceAmount(text, c.Digits())
		if code != "" {
			wantCode(t, text, err, code)
			return
		}
		sameResult(t, text, m, err, want)
		if m < 0 || m > c.Max() {
			t.Fatalf("%q = %d is outside the grammar", text, m)
		}
		formatted := m.Format(c)
		if rat(t, formatted).Cmp(rat(t, text)) != 0 {
			t.Fatalf("%q is written as %q", text, formatted)
		}
		again, err := money.ParseAmount(formatted, c)
		if _, decimals, _ := strings.Cut(formatted, "."); err != nil || again != m || len(decimals) != c.Digits() {
			t.Fatalf("%q is written as %q and read as %d, %v", text, formatted, again, err)
		}
	})
}

func FuzzRate(f *testing.F) {
	for _, text := range []string{"0", "0.065", "1", "33.333333", "999999999.999999999999", "1000000000", "0.0000000000001",
		"1e-400", "-1", "5."} {
		f.Add(text, int64(12_345), uint8(0), int64(1))
		f.Add(text, int64(math.MinInt64), uint8(1), int64(100))
		f.Add(text, int64(math.MaxInt64), uint8(2), int64(10))
		f.Add(text, int64(1<<53+1), uint8(3), int64(math.MaxInt64))
	}
	f.Fuzz(func(t *testing.T, text string, base int64, mode uint8, unit int64) {
		_, err := money.Percent(text)
		if (err == nil) != percentGrammar.MatchString(text) {
			t.Fatalf("Percent(%q): %v", text, err)
		}
		rate, err := money.ParseRate(text)
		if !rateGrammar.MatchString(text) {
			wantCode(t, text, err, "rate-format")
			return
		}
		if err != nil || rateRat(t, rate).Cmp(rat(t, text)) != 0 {
			t.Fatalf("%q = %v, %v", text, rate, err)
		}
		if back, err := money.ParseRate(rate.String()); err != nil || back != rate {
			t.Fatalf("%v was read back as %v, %v", rate, back, err)
		}
		if rat(t, rate.Percentage()).Cmp(rateRat(t, rate).Mul(rateRat(t, rate), rat(t, "100"))) != 0 {
			t.Fatalf("%v is %s %%", rate, rate.Percentage())
		}
		rounding := allModes[int(mode)%len(allModes)]
		if unit < 1 {
			_, err := rate.Of(money.Minor(base), rounding, money.Minor(unit))
			wantCode(t, "unit", err, "amount-unit")
			return
		}
		checkOf(t, rate, money.Minor(base), rounding, money.Minor(unit))
	})
}

// FuzzAllocate reads its weights from bytes, nine each: a whole number and the place of the decimal point.
func FuzzAllocate(f *testing.F) {
	f.Add(int64(100), int64(1), []byte{0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0})
	f.Add(int64(5), int64(1), []byte{0, 0, 0, 0, 0, 0, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 10, 0})
	f.Add(int64(math.MaxInt64), int64(1), []byte(strings.Repeat("\xff", 27)))
	f.Add(int64(math.MaxInt64-7), int64(100), []byte(strings.Repeat("\x00\x00\x00\x00\x3b\x9a\xc9\xff\x0c", 5)))
	f.Add(int64(0), int64(1), []byte{})
	f.Add(int64(-5), int64(0), make([]byte, 18))
	f.Fuzz(func(t *testing.T, total, unit int64, encoded []byte) {
		var list []money.Weight
		heavy := false
		for ; len(encoded) >= 9 && len(list) < 64; encoded = encoded[9:] {
			w := weightOf(t, binary.BigEndian.Uint64(encoded), int(encoded[8])%13)
			heavy = heavy || !w.IsZero()
			list = append(list, w)
		}
		if total >= 0 && unit >= 1 && total%unit == 0 && heavy {
			split{money.Minor(total), list, money.Minor(unit)}.check(t)
			return
		}
		shares, err := money.Allocate(money.Minor(total), list, money.Minor(unit))
		if shares != nil || fault.KindOf(err) != fault.Invalid {
			t.Fatalf("%d over %v by %d: %v, %v", total, list, unit, shares, err)
		}
	})
}

func weightOf(t *testing.T, n uint64, decimals int) money.Weight {
	t.Helper()
	exact := minorRat(money.Minor(n % 1_000_000_000))
	text := exact.Quo(exact, tenTo(decimals)).FloatString(decimals)
	return must[money.Rate](t)(money.ParseRate(text))
}
