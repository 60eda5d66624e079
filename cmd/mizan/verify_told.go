package main

// Told beside the trails: whatever only a privileged act makes, such as a key, a role or a destination, is told of by a row.

import (
	"context"
	"fmt"
	"io"

	"mizan/api/access"
	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/guard"
	"mizan/payouts/processor/bankfile"
)

var errActsUntold = fault.New(fault.Conflict, "acts-untold",
	"The books are sound, but something is there that no row of the audit trail tells of: somebody wrote it behind the program. End it, stop payouts that rest on it, and find out who holds the database's password.")

// toldVerdict is what is printed as JSON of what only privileged acts make.
type toldVerdict struct {
	Sound    bool          `json:"sound"`
	Looked   int64         `json:"looked"`
	Findings []toldFinding `json:"findings"`
}

type toldFinding struct {
	// Object is as the trail would name it, Place the thing itself, and Act what should have made it.
	Object string `json:"object"`
	Place  string `json:"place"`
	Act    string `json:"act"`
}

func toldVerdictOf(told guard.Told) toldVerdict {
	v := toldVerdict{Sound: told.Sound(), Looked: told.Looked, Findings: []toldFinding{}}
	for _, c := range told.Untold {
		v.Findings = append(v.Findings, toldFinding{c.Object, c.Place, c.Act})
	}
	return v
}

// toldOfBook compares what decides about a book's money with the book's trail.
func toldOfBook(ctx context.Context, trail *guard.Trail, also verifyBeside, book ledger.Book) (toldVerdict, error) {
	sum, err := trail.Approvals(ctx, guard.Book{ID: int32(book.ID), Code: book.Code})
	for _, compare := range []func() (guard.Told, error){
		func() (guard.Told, error) { return also.rules.Told(ctx, trail, book) },
		func() (guard.Told, error) { return also.payouts.Told(ctx, book) },
		func() (guard.Told, error) { return bankfile.Told(ctx, trail, book) },
		func() (guard.Told, error) { return also.closing.Told(ctx, book) },
	} {
		var one guard.Told
		if err != nil {
			return toldVerdict{}, err
		}
		one, err = compare()
		sum = sum.Join(one)
	}
	return toldVerdictOf(sum), err
}

// toldOfInstallation compares people, roles, keys and approvals of no book with the installation's trail.
func toldOfInstallation(ctx context.Context, trail *guard.Trail) (toldVerdict, error) {
	sum, err := trail.Approvals(ctx, guard.Book{})
	if err != nil {
		return toldVerdict{}, err
	}
	one, err := access.Told(ctx, trail)
	return toldVerdictOf(sum.Join(one)), err
}

// printTold prints one line, and one for each finding.
func printTold(w io.Writer, whose string, v toldVerdict) error {
	if v.Sound {
		_, err := fmt.Fprintf(w, "%s: acts told: the trail tells of all %d things that only an act makes\n", whose, v.Looked)
		return err
	}
	fmt.Fprintf(w, "%s: ACTS UNTOLD: %d findings\n", whose, len(v.Findings))
	for _, f := range v.Findings {
		if _, err := fmt.Fprintf(w, "  I16       %s, %s: no row of the trail says %s\n", f.Object, f.Place, f.Act); err != nil {
			return err
		}
	}
	return nil
}
