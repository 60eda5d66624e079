package commerce

import (
	"context"
	"sync"

	"mizan/ledger"
)

// The turnstile lets one event of an order be planned at a time in this process, so that a hundred refunds of one order
// wait for each other instead of computing a hundred drafts of which one counts. It is a courtesy, not a guarantee: what
// keeps two replicas apart is the expectation that every draft carries.

type turn struct {
	book    ledger.BookID
	subject string
}

type turnstile struct {
	mu      sync.Mutex
	waiting map[turn]*queue
}

type queue struct {
	door  chan struct{} // holds one token while somebody is inside
	users int
}

// take waits for the subject's turn and runs f. It returns ctx's error as ErrStale if the wait was too long: nothing was
// posted.
func (t *turnstile) take(ctx context.Context, key turn, f func() error) error {
	t.mu.Lock()
	if t.waiting == nil {
		t.waiting = map[turn]*queue{}
	}
	q := t.waiting[key]
	if q == nil {
		q = &queue{door: make(chan struct{}, 1)}
		t.waiting[key] = q
	}
	q.users++
	t.mu.Unlock()
	defer func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if q.users--; q.users == 0 {
			delete(t.waiting, key)
		}
	}()
	select {
	case q.door <- struct{}{}:
	case <-ctx.Done():
		return ledger.ErrQueueFull.Because(ctx.Err())
	}
	defer func() { <-q.door }()
	return f()
}
