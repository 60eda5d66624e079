package main

// Bank files among the jobs: made of what waits, and settled where silence counts as paid.

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"mizan/ledger"
	"mizan/ledger/guard"
	"mizan/ledger/money"
	"mizan/payouts/jobs"
	"mizan/payouts/processor/bankfile"
)

// fileLeft is how long a file may lie about that somebody has fetched, before the report of the job says so. A bank has the
// same time to answer after the day on which it was to pay.
const fileLeft = 24 * time.Hour

// makeBankFiles is one period of the job in a book. What cannot be made in one currency keeps no other one's files from being made.
func (p *parts) makeBankFiles(ctx context.Context, period jobs.Period) (jobs.Report, error) {
	book, err := p.books.Book(ctx, period.Book.Code)
	if err != nil {
		return jobs.Report{}, err
	}
	accounts, err := p.bank.Accounts(ctx, book)
	if err != nil || len(accounts) == 0 {
		return jobs.Report{Text: "the book has no bank account"}, err
	}
	made, failed := p.bank.MakeFiles(ctx, book, guard.Actor{Kind: guard.System, ID: period.Job})
	settled, err := p.bank.Settle(ctx, book)
	if err := errors.Join(failed, err); err != nil {
		return jobs.Report{}, err
	}
	text, items := madeReport(made), int64(settled)
	for _, f := range made {
		items += int64(f.Lines)
	}
	if settled > 0 {
		text += fmt.Sprintf("; %d payments count as paid, since the bank said nothing against them", settled)
	}
	left, err := p.filesLeft(ctx, book, period.End)
	return jobs.Report{Text: text + left, Items: items}, err
}

// madeReport says what files were made: how many, of how many payments, and their sums.
func madeReport(made []bankfile.FileRecord) string {
	if len(made) == 0 {
		return "nothing waits for a file"
	}
	lines, sums, order := 0, map[money.Currency]money.Minor{}, []money.Currency{}
	for _, f := range made {
		if _, known := sums[f.Currency]; !known {
			order = append(order, f.Currency)
		}
		lines, sums[f.Currency] = lines+f.Lines, sums[f.Currency]+f.Sum
	}
	var totals []string
	for _, c := range order {
		totals = append(totals, sums[c].Format(c)+" "+string(c))
	}
	return fmt.Sprintf("%d files of %d payments, %s", len(made), lines, strings.Join(totals, ", "))
}

// filesLeft says which files wait for people or for the bank for longer than they should, nothing if none does. It counts at
// most a hundred of a kind.
func (p *parts) filesLeft(ctx context.Context, book ledger.Book, now time.Time) (string, error) {
	text := ""
	for _, kind := range []struct {
		state, says string
		since       func(bankfile.FileRecord) time.Time
	}{
		{bankfile.FileMade, "made more than a day ago and nobody has fetched them", func(f bankfile.FileRecord) time.Time { return f.MadeAt }},
		{bankfile.FileFetched, "fetched more than a day ago and nobody has said that they were sent", func(f bankfile.FileRecord) time.Time { return f.FetchedAt }},
		{bankfile.FileSent, "to be paid more than a day ago and the bank has not answered", func(f bankfile.FileRecord) time.Time { return f.ExecuteOn.Add(24 * time.Hour) }},
	} {
		files, err := p.bank.QueryFiles(ctx, book, bankfile.FileQuery{State: kind.state})
		if err != nil {
			return "", err
		}
		n := 0
		for _, f := range files {
			if now.Sub(kind.since(f)) > fileLeft {
				n++
			}
		}
		if n > 0 {
			text += fmt.Sprintf("; %d files were %s", n, kind.says)
		}
	}
	return text, nil
}
