package main

// Earnings beside the books: what is kept of each payee by day, live session, channel and product is what its accounts held.

import (
	"context"
	"fmt"
	"io"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/payouts/earnings"
)

// errEarningsUneven is no sign that the books were changed: the sums are made of them and can be made again.
var errEarningsUneven = fault.New(fault.Conflict, "earnings-uneven",
	"The books are what their rows say, but the sums of earnings are not those of the entries. Run mizan earnings rebuild for the book; no money depends on them.")

// earningsVerdict is what is printed of a book's earnings as JSON.
type earningsVerdict struct {
	Sound bool `json:"sound"`
	// Through is the last transaction that counts; Rebuilding says that there was nothing to compare.
	Through    int64 `json:"through_sequence"`
	Payees     int64 `json:"payees"`
	Rebuilding bool  `json:"rebuilding"`
	// Skipped counts the payees whose sums took too long to add up; Error is why there is no verdict.
	Skipped  int64            `json:"payees_skipped,omitempty"`
	Error    string           `json:"error,omitempty"`
	Findings []earningFinding `json:"findings"`
}

type earningFinding struct {
	Object string `json:"object"`
	What   string `json:"what"`
}

// verifyEarnings returns what became of them; its error is not that they are broken.
func verifyEarnings(ctx context.Context, service *earnings.Service, book ledger.Book) (earningsVerdict, error) {
	proof, err := service.Verify(ctx, book)
	if err != nil {
		return earningsVerdict{Error: err.Error(), Findings: []earningFinding{}}, err
	}
	v := earningsVerdict{Sound: proof.Sound(), Through: proof.Sequence, Payees: proof.Payees, Rebuilding: proof.Rebuilding, Skipped: proof.Skipped, Findings: []earningFinding{}}
	for _, b := range proof.Broken {
		v.Findings = append(v.Findings, earningFinding{b.Object, b.What})
	}
	return v, nil
}

// printEarnings prints one line, and one for each finding.
func printEarnings(w io.Writer, book string, v earningsVerdict) error {
	if v.Error != "" {
		_, err := fmt.Fprintf(w, "%s: earnings not compared: %s\n", book, v.Error)
		return err
	}
	if v.Skipped > 0 {
		fmt.Fprintf(w, "%s: EARNINGS NOT PROVED of %d payees: there are too many rows of each for one read\n", book, v.Skipped)
	}
	if v.Sound {
		_, err := fmt.Fprintf(w, "%s: earnings sound: the sums of %d payees through transaction %d come to what their accounts held\n", book, v.Payees, v.Through)
		return err
	}
	if len(v.Findings) == 0 { // whoever was not compared is not proved, and was told of above
		return nil
	}
	fmt.Fprintf(w, "%s: EARNINGS NOT SOUND: %d findings\n", book, len(v.Findings))
	for _, f := range v.Findings {
		if _, err := fmt.Fprintf(w, "  earnings  %s: %s\n", f.Object, f.What); err != nil {
			return err
		}
	}
	return nil
}
