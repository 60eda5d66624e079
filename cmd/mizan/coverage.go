package main

// Coverage: whether the money that is kept for others is there, and how much may be swept.

import (
	"context"
	"fmt"
	"io"

	"mizan/api/client"
	"mizan/ledger/money"
)

type coverageCmd struct {
	remoteFlags
	Book     string `arg:"" help:"Code of the book."`
	Currency string `help:"One currency, such as GBP; all of the book's without it."`
	JSON     bool   `name:"json" help:"Print JSON."`
}

// Run prints the report and fails if a currency has a shortfall.
func (c *coverageCmd) Run(ctx context.Context, s *surroundings) error {
	remote, err := c.connect(s)
	if err != nil {
		return err
	}
	defer remote.CloseIdleConnections()
	report, err := remote.Coverage(ctx, c.Book, money.Currency(c.Currency))
	if err != nil {
		return err
	}
	if c.JSON {
		err = writeJSON(s.stdout, report)
	} else {
		err = printCoverage(s.stdout, report)
	}
	if err != nil {
		return err
	}
	for _, of := range report.Currencies {
		if nonZero(of.Totals.ToFund) != "" {
			return fmt.Errorf("%s %s is missing to cover what is owed; fund it today", of.Totals.ToFund, of.Currency)
		}
	}
	return nil
}

func printCoverage(w io.Writer, report client.Coverage) error {
	t := newTable("CUR", "WHAT", "NAME", ">AMOUNT")
	for _, of := range report.Currencies {
		add := func(what string, lines []client.CoverageLine) {
			for _, l := range lines {
				t.add(string(of.Currency), what, l.Name, l.Amount)
			}
		}
		add("cash", of.Cash)
		add("owed", of.Owed)
		add("debt, covers nothing", of.Debts)
		t.add(string(of.Currency), "total", "cash", of.Totals.Cash)
		t.add(string(of.Currency), "total", "owed", of.Totals.Owed)
		t.add(string(of.Currency), "total", "surplus", of.Totals.Surplus)
		t.add(string(of.Currency), "total", "may be swept", of.Totals.Sweepable)
		for _, check := range of.Checks {
			t.add(string(of.Currency), check.Result, check.Name, check.Amount)
		}
	}
	if err := t.write(w, "  "); err != nil {
		return err
	}
	for _, of := range report.Currencies {
		for _, check := range of.Checks {
			if check.Result != "holds" {
				if _, err := fmt.Fprintf(w, "  %s, %s: %s\n", of.Currency, check.Name, check.ToDo); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
