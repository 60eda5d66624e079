package main

// Closed months beside the books: a chain of what each came to when it was closed, and that nothing was posted into it since.

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"

	"mizan/ledger"
	"mizan/payouts/reconcile"
)

// closingsVerdict is what is printed of a book's closed months as JSON.
type closingsVerdict struct {
	Sound    bool             `json:"sound"`
	Closed   int              `json:"closed_months"`
	Rows     int              `json:"rows"`
	Head     string           `json:"head,omitempty"`
	Findings []closingFinding `json:"findings"`
}

type closingFinding struct {
	Row      int    `json:"row,omitempty"`
	Period   string `json:"period,omitempty"`
	Sequence int64  `json:"sequence,omitempty"`
	What     string `json:"what"`
}

// verifyClosings returns what became of them; its error is not that they are broken.
func verifyClosings(ctx context.Context, service *reconcile.Service, book ledger.Book) (closingsVerdict, error) {
	report, err := service.VerifyClosings(ctx, book)
	if err != nil {
		return closingsVerdict{}, err
	}
	v := closingsVerdict{Sound: report.Sound(), Closed: report.Closed, Rows: report.Rows, Findings: []closingFinding{}}
	if report.Rows > 0 {
		v.Head = hex.EncodeToString(report.Head[:])
	}
	for _, f := range report.Findings {
		v.Findings = append(v.Findings, closingFinding{f.Number, f.Period.String(), f.Sequence, f.What})
	}
	return v, nil
}

// printClosings prints one line, and one for each finding.
func printClosings(w io.Writer, book string, v closingsVerdict) error {
	if v.Sound {
		_, err := fmt.Fprintf(w, "%s: closed months sound: %d, each what it was when it was closed. Head %s\n", book, v.Closed, v.Head)
		return err
	}
	fmt.Fprintf(w, "%s: CLOSED MONTHS NOT SOUND: %d findings\n", book, len(v.Findings))
	for _, f := range v.Findings {
		at := f.Period
		if f.Row > 0 {
			at = fmt.Sprintf("%s, closing %d", at, f.Row)
		}
		if f.Sequence > 0 {
			at = fmt.Sprintf("%s, %s-%d", at, book, f.Sequence)
		}
		if _, err := fmt.Fprintf(w, "  I19       %s: %s\n", at, f.What); err != nil {
			return err
		}
	}
	return nil
}
