package health

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"mizan/ledger"
	"mizan/ledger/postgres"
)

// TestFailuresAreKept: a reading that takes too long is not begun again at each look, unless whoever looked went away.
func TestFailuresAreKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const patience = time.Second
		begun := 0
		s := New(Options{Now: time.Now})
		read := s.keeping("slow", func(ctx context.Context, _ ledger.Book) ([]Figure, error) {
			begun++
			select {
			case <-ctx.Done():
			case <-time.After(patience / 2):
			}
			return nil, ctx.Err()
		})
		late, cancel := context.WithTimeout(t.Context(), patience/4)
		defer cancel()
		if _, err := read(late, ledger.Book{ID: 1}); !errors.Is(err, postgres.ErrReadTooLong) {
			t.Error(err)
		}
		for range 3 {
			if _, err := read(t.Context(), ledger.Book{ID: 1}); !errors.Is(err, postgres.ErrReadTooLong) || begun != 1 {
				t.Errorf("begun %d times: %v", begun, err)
			}
		}
		if _, err := read(late, ledger.Book{ID: 2}); !errors.Is(err, context.DeadlineExceeded) || begun != 1 {
			t.Errorf("who had no time left began %d readings: %v", begun, err)
		}
		<-time.After(keptFor * patience)
		if _, err := read(t.Context(), ledger.Book{ID: 1}); err != nil || begun != 2 {
			t.Errorf("begun %d times: %v", begun, err)
		}
		<-time.After(keptFor * patience)
		gone, leave := context.WithCancel(t.Context())
		time.AfterFunc(patience/4, leave)
		if _, err := read(gone, ledger.Book{ID: 1}); !errors.Is(err, context.Canceled) || begun != 3 {
			t.Errorf("begun %d times: %v", begun, err)
		}
		if _, err := read(t.Context(), ledger.Book{ID: 1}); err != nil || begun != 4 {
			t.Errorf("somebody went away, and the next one is told: begun %d times, %v", begun, err)
		}
	})
}
