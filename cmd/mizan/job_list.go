package main

// The list of jobs: what the service does by itself, when, and where.

import (
	"context"
	"errors"
	"fmt"
	"time"

	"mizan/ledger"
	"mizan/ledger/guard"
	"mizan/ledger/vault"
	"mizan/payouts/jobs"
)

// standardJobs are the jobs of every installation.
func standardJobs(p *parts) ([]jobs.Job, error) {
	early, err := jobs.Cron("30 3 * * *")
	if err != nil {
		return nil, err
	}
	list, err := p.payoutJobs()
	if err != nil {
		return nil, err
	}
	nightly, err := p.reconcileJobs()
	if err != nil {
		return nil, err
	}
	follow, err := p.earningsJob()
	if err != nil {
		return nil, err
	}
	minutely, err := jobs.Cron("* * * * *")
	if err != nil {
		return nil, err
	}
	list = append(append(list, nightly...), follow)
	return append(list, jobs.Job{Name: "receipts", Schedule: minutely, PerBook: true, Latest: true, Timeout: time.Hour, Keep: oftenKept, Run: p.makeReceipts},
		jobs.Job{Name: "vault_sweep", Schedule: early, Timeout: time.Hour, Run: p.sweepVault}), nil
}

// jobBooks returns the books in which jobs run, page by page.
func (p *parts) jobBooks(ctx context.Context) (list []jobs.Book, err error) {
	for after := ""; ; {
		page, err := p.books.Books(ctx, after, booksAtATime)
		if err != nil {
			return nil, err
		}
		for _, b := range page {
			list = append(list, jobBook(b))
		}
		if len(page) < booksAtATime {
			return list, nil
		}
		after = page[len(page)-1].Code
	}
}

const booksAtATime = 1000

func jobBook(b ledger.Book) jobs.Book {
	return jobs.Book{ID: int32(b.ID), Code: b.Code, Zone: b.Location()}
}

// makeReceipts gives the book's new donations their public receipts. Each donation gets one, so that a run may be repeated.
func (p *parts) makeReceipts(ctx context.Context, period jobs.Period) (jobs.Report, error) {
	book, err := p.books.Book(ctx, period.Book.Code)
	if err != nil {
		return jobs.Report{}, err
	}
	made, err := p.receipts.Follow(ctx, book)
	return jobs.Report{Text: fmt.Sprintf("%d receipts were made", made), Items: made}, err
}

// sweepVault erases the staff's and every book's personal data whose retention has passed. Books of other regions are left
// to their own installation. Each person is erased once, whoever tries, so that a run may be repeated.
func (p *parts) sweepVault(ctx context.Context, period jobs.Period) (jobs.Report, error) {
	by := guard.Actor{Kind: guard.System, ID: period.Job}
	erased, err := p.sweep(ctx, by, vault.Owner{}, guard.Book{})
	if err != nil {
		return jobs.Report{Items: int64(erased)}, err
	}
	for after := ""; ; {
		page, err := p.books.Books(ctx, after, booksAtATime)
		if err != nil {
			return jobs.Report{Items: int64(erased)}, err
		}
		for _, b := range page {
			n, err := p.sweep(ctx, by, vault.Owner{Book: int32(b.ID), Region: b.Region}, guard.Book{ID: int32(b.ID), Code: b.Code})
			if erased += n; err != nil && !errors.Is(err, vault.ErrRegion) {
				return jobs.Report{Items: int64(erased)}, err
			}
		}
		if len(page) < booksAtATime {
			return jobs.Report{Text: fmt.Sprintf("%d persons were erased", erased), Items: int64(erased)}, nil
		}
		after = page[len(page)-1].Code
	}
}

// sweep erases who is due in one book, or of the staff, page by page until nobody is.
func (p *parts) sweep(ctx context.Context, by guard.Actor, owner vault.Owner, book guard.Book) (total int, err error) {
	for {
		erased, err := p.vault.Sweep(ctx, owner, book, by, vaultPage)
		// Others may erase some of a page at the same time, so a page that is not full is no sign of the end.
		if total += erased; err != nil || erased == 0 {
			return total, err
		}
	}
}
