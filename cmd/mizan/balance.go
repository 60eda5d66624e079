package main

// Balance: what accounts hold, now or at an earlier moment.

import (
	"context"
	"fmt"
	"time"

	"mizan/api/client"
	"mizan/ledger/money"
)

type balanceCmd struct {
	remoteFlags
	Book       string    `arg:"" help:"Code of the book."`
	Prefix     string    `arg:"" optional:"" help:"Beginning of the addresses wanted, such as liabilities:seller; all without it."`
	Currency   string    `help:"Only this currency, such as GBP." placeholder:"CODE"`
	AtSequence int64     `help:"The balances right after this transaction." placeholder:"N"`
	AsOf       time.Time `help:"The balances at this recorded time, such as 2026-11-20T10:00:00Z." placeholder:"TIME"`
	Limit      int       `help:"Print at most this many." default:"10000"`
	JSON       bool      `name:"json" help:"Print JSON."`
}

// Run prints one line per account and currency.
func (c *balanceCmd) Run(ctx context.Context, s *surroundings) error {
	remote, err := c.connect(s)
	if err != nil {
		return err
	}
	defer remote.CloseIdleConnections()
	balances, err := client.Collect(remote.Balances(ctx, c.Book, client.BalanceQuery{
		Prefix: c.Prefix, Currency: money.Currency(c.Currency), AtSequence: c.AtSequence, AsOf: c.AsOf}), c.Limit)
	if err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(s.stdout, balances)
	}
	t := newTable("ACCOUNT", "CUR", ">DEBITS", ">CREDITS", ">BALANCE", "SIDE")
	for _, b := range balances {
		t.add(b.Account, string(b.Currency), b.Debits, b.Credits, b.Balance, b.NormalSide)
	}
	if err := t.write(s.stdout, ""); err != nil {
		return err
	}
	if len(balances) == c.Limit {
		fmt.Fprintf(s.stderr, "Only the first %d are shown; ask for more with --limit.\n", c.Limit)
	}
	return nil
}
