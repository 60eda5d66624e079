package receipts

import (
	"context"
	"sync"
	"time"
)

// A page that many look at is read from the books once for all of them: whoever asks while it is being read waits for that
// answer, and for some seconds the answer is kept. Anybody may keep a public page longer than that anyway.

const (
	// maxShelf bounds the answers that are kept and being read.
	maxShelf = 1024
	// readTimeout bounds a look at the books, which goes on for the others if the first who asked goes away.
	readTimeout = 10 * time.Second
)

// shelf holds answers by id.
type shelf[T any] struct {
	keep   time.Duration
	mu     sync.Mutex
	things map[string]*thing[T]
}

// thing is an answer, which stands once done is closed.
type thing[T any] struct {
	done  chan struct{}
	value T
	err   error
	// kept says that it has been read.
	kept bool
}

func newShelf[T any](keep time.Duration) *shelf[T] {
	return &shelf[T]{keep: keep, things: map[string]*thing[T]{}}
}

// get returns the answer of an id, read at most once at the same time. What failed is not kept.
func (s *shelf[T]) get(ctx context.Context, id string, read func(context.Context) (T, error)) (T, error) {
	x, first := s.take(id)
	switch {
	case x == nil:
		var none T
		return none, ErrBusy
	case first:
		s.fill(ctx, id, x, read)
		return x.value, x.err
	}
	select {
	case <-x.done:
		return x.value, x.err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}

// take finds what is kept or being read, or a new place, which is for the caller to fill; nil if there is no room.
func (s *shelf[T]) take(id string) (x *thing[T], first bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if x := s.things[id]; x != nil {
		return x, false
	}
	if len(s.things) >= maxShelf {
		for other, x := range s.things {
			if x.kept {
				delete(s.things, other)
			}
		}
	}
	if len(s.things) >= maxShelf {
		return nil, false
	}
	x = &thing[T]{done: make(chan struct{}), err: ErrBusy}
	s.things[id] = x
	return x, true
}

// drop takes an answer off, unless a newer one is there.
func (s *shelf[T]) drop(id string, x *thing[T]) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.things[id] == x {
		delete(s.things, id)
	}
}

func (s *shelf[T]) fill(ctx context.Context, id string, x *thing[T], read func(context.Context) (T, error)) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readTimeout)
	defer cancel()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if x.err != nil || s.keep <= 0 {
			delete(s.things, id)
		} else {
			x.kept = true
			time.AfterFunc(s.keep, func() { s.drop(id, x) }) // by real time, also where the clock of the books is moved
		}
		close(x.done)
	}()
	x.value, x.err = read(ctx)
}
