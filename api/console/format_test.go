package console

import (
	"math/big"
	"slices"
	"testing"

	"mizan/ledger"
	"mizan/ledger/money"
)

func TestAmounts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		minor    string
		currency money.Currency
		want     string
	}{
		{"0", "GBP", "0.00"}, {"5", "GBP", "0.05"}, {"-5", "GBP", "-0.05"}, {"99", "GBP", "0.99"}, {"100", "GBP", "1.00"}, {"123456780", "GBP", "1,234,567.80"},
		{"-123456", "GBP", "-1,234.56"}, {"999", "JPY", "999"}, {"1000", "JPY", "1,000"}, {"-1000000", "VND", "-1,000,000"}, {"1250", "KWD", "1.250"},
		{"9223372036854775807", "GBP", "92,233,720,368,547,758.07"}, {"9223372036854775808", "GBP", "92,233,720,368,547,758.08"},
		{"-9223372036854775808", "KWD", "-9,223,372,036,854,775.808"}, {"-9223372036854775809", "KWD", "-9,223,372,036,854,775.809"},
		{"99999999999999999999999999999999999999", "JPY", "99,999,999,999,999,999,999,999,999,999,999,999,999"}, {"1234", "???", "1,234"},
	} {
		v, ok := new(big.Int).SetString(c.minor, 10)
		if !ok {
			t.Fatal(c.minor)
		}
		if got := (amount{v, c.currency}).String(); got != c.want {
			t.Errorf("%s %s: %s, want %s", c.minor, c.currency, got, c.want)
		}
	}
	if got := (amount{}).String(); got != "" {
		t.Errorf("no amount is shown as %q", got)
	}
}

// A trial balance that does not tie says so, whichever pair of sums differs.
func TestTally(t *testing.T) {
	t.Parallel()
	row := func(code int, debits, credits int64) ledger.TrialRow {
		c := ledger.StandardChart().Row(code)
		return ledger.TrialRow{Code: code, Account: ledger.Address(c.Path), Currency: "GBP", Normal: c.Normal, Opening: new(big.Int),
			Debits: big.NewInt(debits), Credits: big.NewInt(credits)}
	}
	book := ledger.Book{NewBook: ledger.NewBook{Code: "uk", Currencies: []money.Currency{"GBP"}}}
	judge := func(rows ...ledger.TrialRow) tally {
		return tallies(book, ledger.StandardChart(), ledger.TrialBalance{Rows: rows})[0]
	}
	if good := judge(row(1010, 500, 100), row(2110, 100, 500)); !good.Ties || good.Debits.String() != "4.00" || good.TurnoverDebits.String() != "6.00" {
		t.Errorf("%+v", good)
	}
	if bad := judge(row(1010, 500, 100), row(2110, 100, 501)); bad.Ties || bad.Difference.String() != "-0.01" {
		t.Errorf("a cent is missing, and the tally is %+v", bad)
	}
	opened := row(1010, 100, 0)
	opened.Opening = big.NewInt(-100)
	if bad := judge(opened); bad.Ties {
		t.Errorf("the turnover differs, and the tally is %+v", bad)
	}
	// Below zero are what mirrors a processor, what payees may owe, what no posting takes there, and what has no floor.
	below := []ledger.TrialRow{row(1010, 0, 5), row(2110, 5, 0), row(2130, 5, 0), row(4010, 5, 0), row(5010, 0, 5)}
	wrong, marked := []int{1010, 2130}, map[string][]int{}
	for _, g := range judge(below...).Groups {
		for _, r := range g.Rows {
			if r.Alarm {
				marked["the book"] = append(marked["the book"], r.Code)
			}
		}
	}
	month := trialBalancePage{Book: book}
	month.sheets(ledger.StandardChart(), ledger.TrialBalance{Rows: below}, ledger.TrialBalance{})
	for _, g := range month.Sheets[0].Groups {
		for _, r := range g.Rows {
			if r.Alarm {
				marked["the month"] = append(marked["the month"], r.Code)
			}
		}
	}
	for _, page := range []string{"the book", "the month"} {
		if !slices.Equal(marked[page], wrong) {
			t.Errorf("the trial balance of %s marks the rows %v", page, marked[page])
		}
	}
	if allTie([]tally{{Ties: true}, {}}) || !allTie(nil) {
		t.Error("all tie only if each does")
	}
}
