package health

import (
	"context"
	"errors"
	"testing"
	"time"

	"mizan/ledger"
	"mizan/ledger/postgres"
)

// TestFailuresAreKept: a reading that takes too long is not begun again at each look, unless whoever looked went away.
func TestFailuresAreKept(t *testing.T) {
	t.Parallel()
	now, begun := time.Unix(0, 0), 0
	s := New(Options{Now: func() time.Time { return now }})
	read := s.keeping("slow", func(ctx context.Context, _ ledger.Book) ([]Figure, error) {
		begun++
		now = now.Add(time.Second)
		return nil, ctx.Err()
	})
	late, cancel := context.WithDeadline(t.Context(), time.Unix(0, 0))
	defer cancel()
	for range 3 {
		if _, err := read(late, ledger.Book{ID: 1}); !errors.Is(err, postgres.ErrReadTooLong) && !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
	}
	if _, err := read(t.Context(), ledger.Book{ID: 1}); !errors.Is(err, postgres.ErrReadTooLong) || begun == 0 || begun > 3 {
		t.Errorf("begun %d times: %v", begun, err)
	}
	kept := begun
	now = now.Add((keptFor + 1) * time.Second)
	if _, err := read(t.Context(), ledger.Book{ID: 1}); err != nil || begun != kept+1 {
		t.Errorf("begun %d times: %v", begun, err)
	}
	gone, leave := context.WithCancel(t.Context())
	leave()
	now = now.Add((keptFor + 1) * time.Second)
	for range 3 {
		read(gone, ledger.Book{ID: 1})
	}
	if _, err := read(t.Context(), ledger.Book{ID: 1}); err != nil {
		t.Errorf("somebody went away, and the next one is told: %v", err)
	}
}
