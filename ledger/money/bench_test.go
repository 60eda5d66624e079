package money_test

import (
	"slices"
	"testing"

	"mizan/ledger/money"
)

func BenchmarkParseCurrency(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := money.ParseCurrency("VND"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseAmount(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := money.ParseAmount("1250000.50", "USD"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseAmountOfAMegabyte(b *testing.B) {
	text := string(slices.Repeat([]byte("9"), 1<<20))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := money.ParseAmount(text, "USD"); err == nil {
			b.Fatal("accepted")
		}
	}
}

func BenchmarkAppendFormat(b *testing.B) {
	buffer := make([]byte, 0, 32)
	b.ReportAllocs()
	for b.Loop() {
		buffer = money.Minor(125_000_050).AppendFormat(buffer[:0], "USD")
	}
}

func BenchmarkRateOf(b *testing.B) {
	rate := money.MustPercent("6.5")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := rate.Of(125_000_050, money.HalfEven, 1); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkGrossUp(b *testing.B) {
	rate := money.MustPercent("1.4")
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := money.GrossUp(5000, rate, 20, money.HalfEven, 1); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAllocate(b *testing.B) {
	for _, c := range []struct {
		name    string
		weights []money.Weight
	}{
		{"3", weights("60", "25", "15")},
		{"3 of the largest", slices.Repeat(weights("999999999.999999999999"), 3)},
		{"10000", slices.Repeat(weights("60", "25", "15", "33.333333"), 2500)},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := money.Allocate(125_000_051, c.weights, 1); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
