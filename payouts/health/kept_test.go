package health

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mizan/ledger"
	"mizan/ledger/postgres"
)

// TestFailuresAreKept: a reading that takes longer than anybody waits is not begun again at each look, and is told to the log once. One
// that did not get its time, because whoever looked went away, had waited for another one, or for the database, says nothing of the
// figures.
func TestFailuresAreKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const patience = time.Second
		var log bytes.Buffer
		s := New(Options{Now: time.Now, Patience: patience, Log: slog.New(slog.NewTextHandler(&log, nil))})
		var full time.Duration // is for how long no connection is free
		s.reached = func(ctx context.Context, _ ledger.Book) error {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(full):
				return nil
			}
		}
		begun, takes := 0, 2*patience
		r := s.keeping(s.telling(reader{Balances, []string{Coverage}, func(ctx context.Context, _ ledger.Book) ([]Figure, error) {
			begun++
			select {
			case <-ctx.Done():
				return nil, ctx.Err()
			case <-time.After(takes):
				return []Figure{counted(Coverage, 0, noTime, Act)}, nil
			}
		}}))
		look := func(book ledger.BookID, within time.Duration) Figure {
			ctx, cancel := context.WithTimeout(t.Context(), within)
			defer cancel()
			return s.figures(ctx, ledger.Book{ID: book}, r)[0]
		}
		is := func(when string, f Figure, reason string, times, told int) {
			t.Helper()
			if f.Reason != reason || (f.State == Unread) != (reason != "") || begun != times || strings.Count(log.String(), "could not be read") != told {
				t.Errorf("%s: %+v, begun %d times, told: %s", when, f, begun, &log)
			}
		}
		is("it takes too long", look(1, time.Minute), "read-too-long", 1, 1)
		for range 3 {
			is("it took too long", look(1, time.Minute), "read-too-long", 1, 1)
		}
		if _, err := r.read(t.Context(), ledger.Book{ID: 1}); !errors.Is(err, postgres.ErrReadTooLong) {
			t.Error(err)
		}
		gone, leave := context.WithCancel(t.Context())
		leave()
		if _, err := r.read(gone, ledger.Book{ID: 2}); !errors.Is(err, context.Canceled) || begun != 1 {
			t.Errorf("who had gone began %d readings: %v", begun, err)
		}
		<-time.After(keptFor * patience)
		takes = patience / 2
		is("it was kept long enough", look(1, time.Minute), "", 2, 1)
		// One reads and goes away when the next one, who waited for it, has too little time left.
		gone, leave = context.WithCancel(t.Context())
		time.AfterFunc(patience*2/5, leave)
		looked := make(chan Figure)
		go func() { looked <- s.figures(gone, ledger.Book{ID: 3}, r)[0] }()
		synctest.Wait()
		is("the next one", look(3, patience*3/5), "read-too-long", 4, 2)
		<-looked
		is("one with time", look(3, time.Minute), "", 5, 2)
		// No connection is free, for all of the time and for most of it.
		full = 2 * patience
		is("nothing is free", look(4, time.Minute), "read-too-long", 5, 2)
		full = patience * 4 / 5
		is("one is free too late", look(4, time.Minute), "read-too-long", 6, 3)
		full = 0
		is("one is free", look(4, time.Minute), "", 7, 3)
	})
}
