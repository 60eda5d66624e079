package main

// Opening: a book takes over balances and open orders from elsewhere, from a signed document.

import (
	"context"
	"fmt"
)

type openingCmd struct {
	remoteFlags
	File   string `arg:"" help:"File with the signed document; - is standard input."`
	Book   string `required:"" help:"Code of the book." placeholder:"CODE"`
	DryRun bool   `help:"Say what would be posted and leave nothing behind."`
	JSON   bool   `name:"json" help:"Print what was posted as JSON."`
}

// Run posts the document as a whole and prints its entries.
func (c *openingCmd) Run(ctx context.Context, s *surroundings) error {
	body, err := readInput(c.File, s.stdin, maxPostBytes)
	if err != nil {
		return err
	}
	remote, err := c.connect(s)
	if err != nil {
		return err
	}
	defer remote.CloseIdleConnections()
	opened, err := remote.OpenBook(ctx, c.Book, body, c.DryRun)
	if err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(s.stdout, opened)
	}
	verb := "posted"
	switch {
	case opened.Replayed:
		verb = "was posted before"
	case c.DryRun:
		verb = "would be posted"
	}
	fmt.Fprintf(s.stdout, "%s  %s  open orders: %d\n", opened.Batch, verb, opened.Orders)
	for _, t := range opened.Transactions {
		table := newTable(t.Subject, ">DEBIT", ">CREDIT", "CUR")
		for _, e := range t.Entries {
			debit, credit := sides(e.Direction, e.Amount)
			table.add(e.Account, debit, credit, string(e.Currency))
		}
		if err := table.write(s.stdout, "  "); err != nil {
			return err
		}
	}
	return nil
}
