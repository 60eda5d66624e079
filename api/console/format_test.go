package console

import (
	"math/big"
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
	alarms := judge(row(1010, 0, 5), row(2110, 5, 0), row(4010, 5, 0), row(5010, 0, 5))
	for _, g := range alarms.Groups {
		for _, r := range g.Rows {
			if want := r.Code < 3000; r.Alarm != want {
				t.Errorf("row %d below zero: alarm %v", r.Code, r.Alarm)
			}
		}
	}
	if allTie([]tally{{Ties: true}, {}}) || !allTie(nil) {
		t.Error("all tie only if each does")
	}
}
