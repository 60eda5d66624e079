package money_test

import (
	"errors"
	"fmt"

	"mizan/ledger/fault"
	"mizan/ledger/money"
)

func ExampleParseAmount() {
	for _, text := range []string{"12.5", "12.505", "1e3"} {
		m, err := money.ParseAmount(text, "USD")
		if err != nil {
			fmt.Println(fault.CodeOf(err))
			continue
		}
		fmt.Println(int64(m), m.Format("USD"))
	}
	// Output:
	// 1250 12.50
	// amount-digits
	// amount-format
}

func ExampleParseCurrency() {
	_, err := money.ParseCurrency("DEM")
	fmt.Println(errors.Is(err, money.ErrCurrency))
	// Output: true
}

func ExampleCurrency() {
	for _, c := range []money.Currency{"IDR", "ISK", "MGA"} {
		fmt.Println(c, c.Digits(), c.ProcessorDigits(), c.DisplayDigits())
	}
	// Output:
	// IDR 2 2 0
	// ISK 0 2 0
	// MGA 2 0 0
}

func ExampleMinor_Format() {
	m := money.Minor(-1250)
	fmt.Println(m.Format("USD"), m.Format("JPY"), m.Format("KWD"))
	// Output: -12.50 -1250 -1.250
}

func ExampleMinor_Round() {
	available := money.Minor(8642) // KWD 8.642
	payout, _ := available.Round(money.Floor, money.Currency("KWD").PayoutUnit())
	fmt.Println(payout.Format("KWD"), (available - payout).Format("KWD"))
	// Output: 8.640 0.002
}

func ExampleSum() {
	_, err := money.Sum(1<<62, 1<<62)
	fmt.Println(fault.CodeOf(err))
	// Output: amount-overflow
}

func ExampleRate_Of() {
	commission := money.MustPercent("30")
	base := money.Minor(315) // GBP 3.15, exactly 0.945
	for _, mode := range []money.Rounding{money.HalfEven, money.HalfUp, money.Floor, money.Ceil} {
		fee, _ := commission.Of(base, mode, money.Currency("GBP").PostingUnit())
		fmt.Println(mode, fee.Format("GBP"))
	}
	// Output:
	// half_even 0.94
	// half_up 0.95
	// floor 0.94
	// ceil 0.95
}

func ExampleAllocate() {
	weights := []money.Weight{money.MustRate("70"), money.MustRate("20"), money.MustRate("10")}
	shares, _ := money.Allocate(12345, weights, money.Currency("KWD").PostingUnit())
	for _, share := range shares {
		fmt.Println(share.Format("KWD"))
	}
	// Output:
	// 8.642
	// 2.469
	// 1.234
}

func ExampleAllocateOver() {
	// A discount of 5.00 over lines of 19.99, 19.99 and 4.50.
	shares, _ := money.AllocateOver(500, []money.Minor{1999, 1999, 450}, 1)
	for _, share := range shares {
		fmt.Println(share.Format("USD"))
	}
	// Output:
	// 2.25
	// 2.25
	// 0.50
}

func ExampleSplitInclusive() {
	net, tax, _ := money.SplitInclusive(405, money.MustPercent("20"), money.HalfEven, 1)
	fmt.Println(net.Format("GBP"), tax.Format("GBP"))
	// Output: 3.37 0.68
}

func ExampleGrossUp() {
	charge, fee, _ := money.GrossUp(5000, money.MustPercent("1.4"), 20, money.HalfEven, 1)
	fmt.Println(charge.Format("GBP"), fee.Format("GBP"))
	// Output: 50.91 0.91
}

func ExampleExchange() {
	usd, _ := money.Exchange(1323, "GBP", "USD", money.MustRate("1.2573"), money.HalfEven)
	fmt.Println(usd.Format("USD"))
	// Output: 16.63
}

func ExampleToProcessor() {
	n, _ := money.ToProcessor(100, "ISK")
	_, err := money.ToProcessor(12345, "MGA")
	fmt.Println(n, fault.CodeOf(err))
	// Output: 10000 amount-processor
}
