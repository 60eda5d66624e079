package main

// Trial balance: every row of the chart with a balance, and the proof that debits equal credits.

import (
	"context"
	"fmt"
	"io"

	"mizan/api/client"
)

type trialBalanceCmd struct {
	remoteFlags
	Book   string `arg:"" help:"Code of the book."`
	Period string `help:"One accounting month, such as 2026-11; everything up to now without it." placeholder:"YYYY-MM"`
	JSON   bool   `name:"json" help:"Print JSON."`
}

// Run prints the trial balance and fails if its columns differ, which no book of Mizan's may.
func (c *trialBalanceCmd) Run(ctx context.Context, s *surroundings) error {
	remote, err := c.connect(s)
	if err != nil {
		return err
	}
	defer remote.CloseIdleConnections()
	tb, err := remote.TrialBalance(ctx, c.Book, c.Period)
	if err != nil {
		return err
	}
	if c.JSON {
		err = writeJSON(s.stdout, tb)
	} else {
		err = printTrialBalance(s.stdout, tb)
	}
	if err != nil {
		return err
	}
	return checkTotals(tb)
}

// printTrialBalance leaves out rows that are zero.
func printTrialBalance(w io.Writer, tb client.TrialBalance) error {
	t := newTable("CODE", "ACCOUNT", "CUR", ">DEBIT", ">CREDIT")
	for _, row := range tb.Rows {
		if debit, credit := nonZero(row.DebitBalance), nonZero(row.CreditBalance); debit != "" || credit != "" {
			t.add(fmt.Sprint(row.Code), row.Account, string(row.Currency), debit, credit)
		}
	}
	for _, total := range tb.Totals {
		t.add("", "total", string(total.Currency), total.DebitBalance, total.CreditBalance)
	}
	return t.write(w, "  ")
}

// checkTotals returns an error unless both columns are the same in every currency.
func checkTotals(tb client.TrialBalance) error {
	for _, total := range tb.Totals {
		if !total.Balanced() {
			return fmt.Errorf("the book does not balance in %s: debits %s, credits %s", total.Currency, total.DebitBalance, total.CreditBalance)
		}
	}
	return nil
}

// nonZero returns the amount, or "" if it is zero in any number of digits.
func nonZero(amount string) string {
	for _, digit := range amount {
		if digit >= '1' && digit <= '9' {
			return amount
		}
	}
	return ""
}
