package evidence_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"mizan/ledger/fault"
	"mizan/ledger/money"
	"mizan/payouts/reconcile/evidence"
)

// sample reads a file of testdata.
func sample(t testing.TB, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// on is a day.
func on(year int, month time.Month, day int) time.Time {
	return time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
}

// refused fails unless err is the declared error and its message has each of the words.
func refused(t testing.TB, err error, want *fault.Error, words ...string) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("got %v, want the code %s", err, want.Code)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Fatalf("the message %q does not say %q", err, word)
		}
	}
}

// codes are all that Read may answer with.
var codes = []*fault.Error{evidence.ErrUnreadable, evidence.ErrUnbalanced, evidence.ErrTooLarge, evidence.ErrCurrency, evidence.ErrProfile}

// sound fails unless the answer of Read is one that callers may rely on: a known error without canary, or statements that add
// up, are within bounds and are clean.
func sound(t testing.TB, statements []evidence.Statement, err error) {
	t.Helper()
	if err != nil {
		if len(statements) != 0 {
			t.Fatal("statements came with an error")
		}
		for _, known := range codes {
			if errors.Is(err, known) {
				return
			}
		}
		t.Fatalf("the error %v has none of the codes", err)
	}
	if len(statements) == 0 || len(statements) > evidence.MaxStatements {
		t.Fatalf("%d statements", len(statements))
	}
	for i := range statements {
		soundStatement(t, &statements[i])
	}
}

// soundStatement is sound for one statement.
func soundStatement(t testing.TB, s *evidence.Statement) {
	t.Helper()
	amounts := []money.Minor{s.Opening}
	ids := map[string]bool{}
	for i := range s.Lines {
		l := &s.Lines[i]
		if l.ID == "" || ids[l.ID] {
			t.Fatalf("the id of line %d is empty or stands twice", l.Row)
		}
		ids[l.ID] = true
		amounts = append(amounts, l.Amount)
		clean(t, 500, l.Text)
		clean(t, 140, l.ID, l.EndToEnd, l.Mandate, l.Batch, l.Trace, l.Code)
		var parts []money.Minor
		for _, p := range l.Parts {
			parts = append(parts, p.Amount)
			clean(t, 500, p.Text)
			clean(t, 140, p.EndToEnd)
		}
		if sum, err := money.Sum(parts...); len(parts) > 0 && (err != nil || sum != l.Amount) {
			t.Fatalf("the parts of line %d make %d, not %d", l.Row, sum, l.Amount)
		}
		if l.Booked.IsZero() || l.Value.IsZero() || l.Booked.Truncate(24*time.Hour) != l.Booked || l.Value.Location() != time.UTC {
			t.Fatalf("the days of line %d are no days", l.Row)
		}
	}
	clean(t, 140, s.ID, s.Account, s.Sequence)
	if !s.Currency.Active() || s.ID == "" || s.Account == "" {
		t.Fatal("a statement has no currency, id or account")
	}
	if sum, err := money.Sum(amounts...); s.Proved && (err != nil || sum != s.Closing) {
		t.Fatalf("opening and lines make %d, not %d", sum, s.Closing)
	}
}

// clean fails if a text is too long or would not stand on one line.
func clean(t testing.TB, most int, texts ...string) {
	t.Helper()
	for _, s := range texts {
		if utf8.RuneCountInString(s) > most || !utf8.ValidString(s) || s != strings.TrimSpace(s) || strings.Contains(s, "  ") ||
			strings.ContainsFunc(s, unicode.IsControl) || strings.ContainsAny(s, "\u202e\u2066\u200b\ufeff") {
			t.Fatalf("%q is not clean", s)
		}
	}
}
