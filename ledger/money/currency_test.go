package money_test

import (
	"slices"
	"strings"
	"testing"

	"mizan/ledger/money"
)

func TestParseCurrencyAccepts(t *testing.T) {
	for _, code := range strings.Fields("AED AUD BYN CHF CUP EUR GBP HUF IDR INR ISK JPY KWD MGA MRU MYR PHP SAR SGD SLE SSP " +
		"STN SVC THB TWD UGX USD VED VES VND XAF XCD XCG XOF XPF ZMW ZWG") {
		c, err := money.ParseCurrency(code)
		if err != nil || string(c) != code || !c.Active() || !c.Known() {
			t.Errorf("ParseCurrency(%q) = %q, %v; active %v, known %v", code, c, err, c.Active(), c.Known())
		}
	}
}

// TestParseCurrencyRefuses holds B01 to B12 and the codes that are, or were, in ISO 4217 and are not money today.
func TestParseCurrencyRefuses(t *testing.T) {
	refused := []string{"usd", "Usd", "US", "USDD", "XXX", "XTS", "BTC", "DEM", "", "null", "ՍSD", "USD ", " USD", "U D", "US\x00",
		"USＤ", "УSD", "\xff\xfe\xfd", "[[[", "@@@", "US$", "123"}
	fundsAndMetals := strings.Fields("BOV CHE CHW CLF COU MXV USN UYI UYW XAD XAG XAU XBA XBB XBC XBD XDR XPD XPT XSU XUA")
	withdrawn := strings.Fields("ANG ATS BGN BYR CUC FRF HRK ITL LTL MRO SLL STD TRL VEF ZMK ZWL ZWD")
	for _, code := range slices.Concat(refused, fundsAndMetals, withdrawn, []string{strings.Repeat("USD", 10_000)}) {
		c, err := money.ParseCurrency(code)
		if c != "" {
			t.Errorf("ParseCurrency(%q) = %q", code, c)
		}
		wantCode(t, "ParseCurrency", err, "currency-unknown")
		if code != "" && code != "USD" && strings.Contains(strings.ReplaceAll(err.Error(), "USD", ""), code) {
			t.Errorf("the message repeats %q", code)
		}
	}
}

func TestCurrenciesAreSortedAndComplete(t *testing.T) {
	list := money.Currencies()
	if len(list) != 155 {
		t.Errorf("%d currencies, want 155", len(list))
	}
	for i, c := range list {
		if i > 0 && list[i-1] >= c {
			t.Errorf("%s stands before %s", list[i-1], c)
		}
		if parsed, err := money.ParseCurrency(string(c)); err != nil || parsed != c {
			t.Errorf("ParseCurrency(%q) = %q, %v", c, parsed, err)
		}
	}
	list[0] = "changed"
	if money.Currencies()[0] != "AED" {
		t.Error("the list is shared with its callers")
	}
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	active := 0
	for _, a := range letters {
		for _, b := range letters {
			for _, c := range letters {
				if money.Currency([]rune{a, b, c}).Active() {
					active++
				}
			}
		}
	}
	if active != len(list) {
		t.Errorf("%d codes of three letters are active, want %d", active, len(list))
	}
}

// TestDigits holds the three tables against their sources, written as the sources write them: exceptions from 2.
func TestDigits(t *testing.T) {
	fields := strings.Fields
	isoZero := fields("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF")
	isoThree := fields("BHD IQD JOD KWD LYD OMR TND")
	processorZero := fields("BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF")
	processorThree := fields("BHD JOD KWD OMR TND IQD LYD") // the last two are not Stripe's and keep their ISO digits
	displayZero := fields("AFN ALL BIF CLP COP DJF GNF HUF IDR IQD IRR ISK JPY KMF KPW KRW LAK LBP MGA MMK PKR PYG RWF SOS " +
		"SYP UGX VND VUV XAF XOF XPF YER")
	displayThree := fields("BHD JOD KWD LYD OMR TND")
	payout100 := fields("HUF IDR MGA TWD")
	digits := func(code string, zero, three []string) int {
		switch {
		case slices.Contains(zero, code):
			return 0
		case slices.Contains(three, code):
			return 3
		default:
			return 2
		}
	}
	for _, c := range money.Currencies() {
		code := string(c)
		got := [3]int{c.Digits(), c.ProcessorDigits(), c.DisplayDigits()}
		want := [3]int{digits(code, isoZero, isoThree), digits(code, processorZero, processorThree),
			digits(code, displayZero, displayThree)}
		if got != want {
			t.Errorf("%s: digits %v, want %v (ISO, processor, display)", c, got, want)
		}
		posting, payout := money.Minor(1), money.Minor(1)
		if code == "IDR" {
			posting = 100
		}
		if slices.Contains(payout100, code) {
			payout = 100
		} else if c.Digits() == 3 {
			payout = 10
		}
		if c.PostingUnit() != posting || c.PayoutUnit() != payout {
			t.Errorf("%s: units %d and %d, want %d and %d", c, c.PostingUnit(), c.PayoutUnit(), posting, payout)
		}
		if c.PayoutUnit()%c.PostingUnit() != 0 {
			t.Errorf("%s: a payout of %d could not be posted", c, c.PayoutUnit())
		}
		if _, err := money.ToProcessor(c.PayoutUnit(), c); err != nil {
			t.Errorf("%s: the payout unit cannot be sent: %v", c, err)
		}
	}
}

// TestDigitTraps names the currencies for which one table taken for another is wrong by a factor of 10, 100 or 1,000.
func TestDigitTraps(t *testing.T) {
	for _, trap := range []struct {
		code                    money.Currency
		iso, processor, display int
		posting, payout         money.Minor
	}{
		{"USD", 2, 2, 2, 1, 1},
		{"GBP", 2, 2, 2, 1, 1},
		{"JPY", 0, 0, 0, 1, 1},
		{"VND", 0, 0, 0, 1, 1},
		{"IDR", 2, 2, 0, 100, 100},
		{"ISK", 0, 2, 0, 1, 1},
		{"UGX", 0, 2, 0, 1, 1},
		{"MGA", 2, 0, 0, 1, 100},
		{"HUF", 2, 2, 0, 1, 100},
		{"TWD", 2, 2, 2, 1, 100},
		{"KWD", 3, 3, 3, 1, 10},
		{"BHD", 3, 3, 3, 1, 10},
		{"IQD", 3, 3, 0, 1, 10},
		{"LBP", 2, 2, 0, 1, 1},
		{"COP", 2, 2, 0, 1, 1},
		{"CLP", 0, 0, 0, 1, 1},
		{"MRU", 2, 2, 2, 1, 1},
	} {
		c := trap.code
		got := trap
		got.iso, got.processor, got.display = c.Digits(), c.ProcessorDigits(), c.DisplayDigits()
		got.posting, got.payout = c.PostingUnit(), c.PayoutUnit()
		if got != trap {
			t.Errorf("got %v, want %v", got, trap)
		}
	}
}

func TestWithdrawnCurrenciesCanStillBePrinted(t *testing.T) {
	for _, code := range []money.Currency{"ANG", "BGN", "CUC", "HRK", "SLL", "ZWL"} {
		if code.Active() || !code.Known() {
			t.Errorf("%s: active %v, known %v", code, code.Active(), code.Known())
		}
		if got := money.Minor(195583).Format(code); got != "1955.83" {
			t.Errorf("%s: %s", code, got)
		}
		if code.PostingUnit() != 1 || code.PayoutUnit() != 1 || code.ProcessorDigits() != 2 {
			t.Errorf("%s: wrong units", code)
		}
		if slices.Contains(money.Currencies(), code) {
			t.Errorf("%s is listed as active", code)
		}
	}
}

func TestUnknownCurrencyIsNeverGuessed(t *testing.T) {
	for _, c := range []money.Currency{"", "usd", "XXX", "ՍSD"} {
		if c.Known() || c.Active() {
			t.Errorf("%q is known", c)
		}
		for name, ask := range map[string]func(){
			"Digits":          func() { c.Digits() },
			"ProcessorDigits": func() { c.ProcessorDigits() },
			"DisplayDigits":   func() { c.DisplayDigits() },
			"PostingUnit":     func() { c.PostingUnit() },
			"PayoutUnit":      func() { c.PayoutUnit() },
			"Max":             func() { c.Max() },
			"Format":          func() { money.Minor(1).Format(c) },
		} {
			if !panics(ask) {
				t.Errorf("%s of %q was answered", name, c)
			}
		}
		_, err := money.ParseAmount("1", c)
		wantCode(t, "ParseAmount", err, "currency-unknown")
		_, err = money.ToProcessor(1, c)
		wantCode(t, "ToProcessor", err, "currency-unknown")
		_, err = money.FromProcessor(1, c)
		wantCode(t, "FromProcessor", err, "currency-unknown")
	}
}

func panics(f func()) (panicked bool) {
	defer func() { panicked = recover() != nil }()
	f()
	return false
}
