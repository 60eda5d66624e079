//go:build !race

package evidence_test

import (
	"fmt"
	"testing"

	"mizan/payouts/reconcile/evidence"
)

// A day of a large bank is read: as many lines as are allowed.
func TestMostLines(t *testing.T) {
	t.Parallel()
	s := evidence.Statement{ID: "1", Account: "DE1", Currency: "EUR", From: on(2026, 11, 20), Until: on(2026, 11, 20)}
	for i := range evidence.MaxLines {
		s.Lines = append(s.Lines, evidence.Line{ID: fmt.Sprint("R", i), Code: "165", Amount: 1, Booked: s.From, Value: s.From})
	}
	s.Closing = evidence.MaxLines
	for _, format := range []evidence.Format{evidence.MT940, evidence.BAI2} { // the bound is one for all formats, and these are short
		content, p := written(t, format, s)
		got, err := evidence.Read(format, p, content)
		if err != nil || len(got[0].Lines) != evidence.MaxLines {
			t.Errorf("%s of %d bytes: %v", format, len(content), err)
		}
	}
}
