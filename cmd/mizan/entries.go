package main

// Entries: how an account came to what it holds.

import (
	"context"
	"fmt"

	"mizan/api/client"
	"mizan/ledger/money"
)

type entriesCmd struct {
	remoteFlags
	Book       string `arg:"" help:"Code of the book."`
	Account    string `arg:"" help:"Address of the account, such as liabilities:seller:available:sel_uk."`
	Currency   string `help:"Currency, needed if the account exists in several." placeholder:"CODE"`
	Descending bool   `help:"The newest first."`
	Limit      int    `help:"Print at most this many." default:"1000"`
	JSON       bool   `name:"json" help:"Print JSON."`
}

// Run prints one line per entry with the balance after it.
func (c *entriesCmd) Run(ctx context.Context, s *surroundings) error {
	remote, err := c.connect(s)
	if err != nil {
		return err
	}
	defer remote.CloseIdleConnections()
	entries, err := client.Collect(remote.Entries(ctx, c.Book, c.Account, client.EntryQuery{
		Currency: money.Currency(c.Currency), Descending: c.Descending}), c.Limit)
	if err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(s.stdout, entries)
	}
	t := newTable("RECORDED", "REFERENCE", "EVENT", ">DEBIT", ">CREDIT", ">BALANCE", "CUR")
	for _, e := range entries {
		debit, credit := e.Amount, ""
		if e.Direction == "credit" {
			debit, credit = "", e.Amount
		}
		t.add(e.RecordedAt.UTC().Format("2006-01-02 15:04:05"), e.Reference, e.Event, debit, credit, e.BalanceAfter, string(e.Currency))
	}
	if err := t.write(s.stdout, ""); err != nil {
		return err
	}
	if len(entries) == c.Limit {
		fmt.Fprintf(s.stderr, "Only the first %d are shown; ask for more with --limit.\n", c.Limit)
	}
	return nil
}
