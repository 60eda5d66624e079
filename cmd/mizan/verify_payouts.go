package main

// Payouts beside the books: each is the sum of its lines, each run the sum of its payouts, and what is in transit is there.

import (
	"context"
	"fmt"
	"io"

	"mizan/ledger"
	"mizan/payouts"
)

// payoutsVerdict is what is printed of a book's payouts as JSON.
type payoutsVerdict struct {
	Sound    bool            `json:"sound"`
	Payouts  int64           `json:"payouts"`
	Waiting  int64           `json:"unattached"`
	Findings []payoutFinding `json:"findings"`
}

type payoutFinding struct {
	Object string `json:"object"`
	What   string `json:"what"`
}

// verifyPayouts returns what became of them; its error is not that they are broken.
func verifyPayouts(ctx context.Context, service *payouts.Service, book ledger.Book) (payoutsVerdict, error) {
	proof, err := service.Verify(ctx, book)
	if err != nil {
		return payoutsVerdict{}, err
	}
	v := payoutsVerdict{Sound: proof.Sound(), Payouts: proof.Payouts, Waiting: proof.Unattached, Findings: []payoutFinding{}}
	for _, b := range proof.Broken {
		v.Findings = append(v.Findings, payoutFinding{b.Object, b.What})
	}
	return v, nil
}

// printPayouts prints one line, and one for each finding.
func printPayouts(w io.Writer, book string, v payoutsVerdict) error {
	if v.Sound {
		_, err := fmt.Fprintf(w, "%s: payouts sound: %d, each the sum of its lines\n", book, v.Payouts)
		return err
	}
	fmt.Fprintf(w, "%s: PAYOUTS NOT SOUND: %d findings\n", book, len(v.Findings))
	for _, f := range v.Findings {
		if _, err := fmt.Fprintf(w, "  I8        %s: %s\n", f.Object, f.What); err != nil {
			return err
		}
	}
	return nil
}
