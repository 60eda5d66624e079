package main

// Suspense beside the books: what lies in it is what waits of differences, break by break.

import (
	"context"
	"fmt"
	"io"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/payouts/reconcile"
)

// errSuspenseUneven is no sign that rows were changed: whoever may post anything can post to suspense too.
var errSuspenseUneven = fault.New(fault.Conflict, "suspense-uneven",
	"The books are what their rows say, but suspense is not what waits of differences. Look up who posted to it, and post what belongs elsewhere there.")

// suspenseVerdict is what is printed of a book's suspense as JSON.
type suspenseVerdict struct {
	Sound bool `json:"sound"`
	// Through is the last transaction that counts.
	Through  int64             `json:"through_sequence"`
	Waiting  int               `json:"breaks_waiting"`
	Findings []suspenseFinding `json:"findings"`
}

type suspenseFinding struct {
	Currency string `json:"currency"`
	// Amount is what waits of differences, less what suspense holds.
	Amount string `json:"amount"`
	What   string `json:"what"`
}

// verifySuspense returns what became of it; its error is not that suspense is not sound.
func verifySuspense(ctx context.Context, service *reconcile.Service, book ledger.Book) (suspenseVerdict, error) {
	check, err := service.CheckSuspense(ctx, book)
	if err != nil {
		return suspenseVerdict{}, err
	}
	v := suspenseVerdict{Sound: len(check.Findings) == 0, Through: check.Sequence, Waiting: check.Waiting, Findings: []suspenseFinding{}}
	for _, f := range check.Findings {
		v.Findings = append(v.Findings, suspenseFinding{string(f.Currency), f.Amount.Format(f.Currency), f.Detail})
	}
	return v, nil
}

// printSuspense prints one line, and one for each finding.
func printSuspense(w io.Writer, book string, v suspenseVerdict) error {
	if v.Sound {
		_, err := fmt.Fprintf(w, "%s: suspense sound: what it holds is what waits of %d breaks.\n", book, v.Waiting)
		return err
	}
	fmt.Fprintf(w, "%s: SUSPENSE NOT SOUND: %d findings\n", book, len(v.Findings))
	for _, f := range v.Findings {
		if _, err := fmt.Fprintf(w, "  suspense  %s %s: %s\n", f.Amount, f.Currency, f.What); err != nil {
			return err
		}
	}
	return nil
}
