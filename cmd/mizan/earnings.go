package main

import (
	"context"
	"fmt"

	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/payouts/earnings"
)

// Earnings: the sums of what payees earned, made again from the entries.

type earningsCmd struct {
	Rebuild earningsRebuildCmd `cmd:"" help:"Remove the sums of a book and make them again from its first transaction. Answers say meanwhile that they are made anew; no money depends on them."`
}

type earningsRebuildCmd struct {
	databaseFlags
	Data string `help:"Directory in which mizan dev keeps its data, if no address of a database is set." default:".mizan" placeholder:"DIR"`
	Book string `arg:"" help:"Code of the book."`
}

// Run makes the sums again, beside whoever follows the book.
func (c *earningsRebuildCmd) Run(ctx context.Context, s *surroundings) (err error) {
	d, err := c.join(ctx, s, c.Data)
	if err != nil {
		return err
	}
	defer func() {
		if e := d.stop(ctx); err == nil {
			err = e
		}
	}()
	if err := d.current(ctx); err != nil {
		return err
	}
	pool, err := d.pool(ctx, s, 2)
	if err != nil {
		return err
	}
	defer pool.Close()
	books := ledger.New(pool, ledger.Options{Now: s.now})
	defer func() { _ = books.Close(ctx) }()
	book, err := books.Book(ctx, c.Book)
	if err != nil {
		return err
	}
	service := earnings.New(earnings.Options{Pool: pool, Ledger: books, Events: commerce.New(books, commerce.NewRuleSets(pool, s.now), s.now), Now: s.now})
	if err := service.Rebuild(ctx, book); err != nil {
		return err
	}
	counted, err := service.Follow(ctx, book)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.stdout, "%s: %d transactions counted\n", book.Code, counted)
	return err
}
