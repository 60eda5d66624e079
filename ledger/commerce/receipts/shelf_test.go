package receipts

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"testing/synctest"
	"time"
)

// TestOneLookForAll: however many ask for the same, the books are read once at a time, and again after some seconds. What
// failed is read again at once, and whoever goes away does not take the answer from the others.
func TestOneLookForAll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, reads := newShelf[int](3*time.Second), 0
		open := make(chan struct{})
		slow := func(ctx context.Context) (int, error) {
			reads++
			<-open
			return reads, ctx.Err()
		}
		gone, leave := context.WithCancel(t.Context())
		results := make(chan int, 20)
		for i := range 20 {
			ctx := t.Context()
			if i == 0 {
				ctx = gone
			}
			go func() {
				n, err := s.get(ctx, "a", slow)
				if err != nil {
					t.Error(err)
				}
				results <- n
			}()
			synctest.Wait()
		}
		leave()
		close(open)
		for range 20 {
			if n := <-results; n != 1 {
				t.Errorf("read %d was answered", n)
			}
		}
		fails := func(context.Context) (int, error) { reads++; return 0, ErrUnknown }
		for _, c := range []struct {
			after time.Duration
			want  int
		}{{0, 1}, {2 * time.Second, 1}, {2 * time.Second, 2}} {
			<-time.After(c.after)
			if n, err := s.get(t.Context(), "a", slow); err != nil || n != c.want {
				t.Errorf("after %s more: %d, want %d, %v", c.after, n, c.want, err)
			}
		}
		for range 2 {
			if _, err := s.get(t.Context(), "b", fails); !errors.Is(err, ErrUnknown) {
				t.Error(err)
			}
		}
		if reads != 4 {
			t.Errorf("%d reads", reads)
		}
		for i := range 3 * maxShelf {
			if _, err := s.get(t.Context(), strconv.Itoa(i), func(context.Context) (int, error) { return i, nil }); err != nil || len(s.things) > maxShelf {
				t.Fatalf("%d are kept, %v", len(s.things), err)
			}
		}
	})
}

// TestPatience: whoever finds no place waits for a while and is asked to come again; one who went away is not told to.
func TestPatience(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := New(Options{Now: time.Now})
		for range lookers {
			if _, err := s.enter(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := s.enter(t.Context()); !errors.Is(err, ErrBusy) {
			t.Error(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := s.enter(ctx); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}
