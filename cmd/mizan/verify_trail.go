package main

// The audit trails beside the books: a chain of hashes each, and one more of the installation.

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"mizan/ledger/fault"
	"mizan/ledger/guard"
)

var errTrailsUnsound = fault.New(fault.Conflict, "audit-unsound",
	"The books are sound, but an audit trail is not: a row was changed, lost or slipped in. Keep the database as it is, and compare it with your last export of the trail.")

// trailVerdict is what is printed of one trail as JSON.
type trailVerdict struct {
	Sound bool   `json:"sound"`
	Rows  int64  `json:"rows"`
	Head  string `json:"head,omitempty"`
	What  string `json:"what,omitempty"`
}

// verifyTrail returns what became of it; its error is not that the trail is broken.
func verifyTrail(ctx context.Context, trail *guard.Trail, book guard.Book) (trailVerdict, error) {
	found, err := trail.Verify(ctx, book)
	var broken *fault.Error
	switch {
	case errors.Is(err, guard.ErrTrailBroken) && errors.As(err, &broken):
		return trailVerdict{What: broken.Message}, nil
	case err != nil:
		return trailVerdict{}, err
	}
	return trailVerdict{Sound: true, Rows: found.Rows, Head: hex.EncodeToString(found.Head[:])}, nil
}

// verifyInstallation verifies the trail that belongs to no book with what it tells of, and prints what it found.
func (c *verifyCmd) verifyInstallation(ctx context.Context, s *surroundings, trail *guard.Trail) (verdict trailVerdict, told toldVerdict, err error) {
	if verdict, err = verifyTrail(ctx, trail, guard.Book{}); err != nil {
		return verdict, told, err
	}
	if told, err = toldOfInstallation(ctx, trail); err != nil {
		return verdict, told, err
	}
	return verdict, told, c.printInstallation(s.stdout, verdict, told)
}

// printInstallation prints the verdicts on what belongs to no book.
func (c *verifyCmd) printInstallation(w io.Writer, v trailVerdict, told toldVerdict) error {
	if c.JSON {
		return writeJSON(w, map[string]any{"installation_audit_trail": v, "installation_acts_told": told})
	}
	if err := printTrail(w, "installation", v); err != nil {
		return err
	}
	return printTold(w, "installation", told)
}

// printTrail prints one line; whose says whose trail it is.
func printTrail(w io.Writer, whose string, v trailVerdict) (err error) {
	if v.Sound {
		_, err = fmt.Fprintf(w, "%s: audit trail sound: %d rows. Head %s\n", whose, v.Rows, v.Head)
	} else {
		_, err = fmt.Fprintf(w, "%s: AUDIT TRAIL NOT SOUND: %s\n", whose, v.What)
	}
	return err
}
