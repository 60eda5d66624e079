package access

import (
	"context"
	"sync"
	"time"
)

// kept is a document of the issuer that is fetched when it is needed, for all who wait at once, and not too often. Who
// already has one that is not too old does not wait.
type kept[T any] struct {
	ctx   context.Context // ends fetching, whoever asked for it
	now   func() time.Time
	fetch func(context.Context) (T, error)
	// fresh is how old the document may be before it is fetched again, stale how old it may be if that fails.
	fresh, stale time.Duration
	// pause lies between two attempts while a document is kept. Without one it is failurePause.
	pause time.Duration

	mu     sync.Mutex
	value  T
	at     time.Time // when the value was asked for; zero if there is none
	tried  time.Time
	flight chan struct{} // closed when the attempt under way has ended
}

// current returns the document, fetching it if there is none that is fresh. It returns ErrIssuerUnavailable.
func (k *kept[T]) current(ctx context.Context) (T, error) {
	return k.have(ctx, false)
}

// renewed fetches the document again, unless it was asked for a moment ago, and waits for that.
func (k *kept[T]) renewed(ctx context.Context) (T, error) {
	return k.have(ctx, true)
}

func (k *kept[T]) have(ctx context.Context, renew bool) (T, error) {
	k.mu.Lock()
	age := k.now().Sub(k.at)
	if renew || k.at.IsZero() || age < 0 || age >= k.fresh {
		k.begin()
	}
	flight := k.flight
	if value, ok := k.usable(); ok && (!renew || flight == nil) {
		k.mu.Unlock()
		return value, nil
	}
	k.mu.Unlock()
	if flight != nil {
		select {
		case <-flight:
		case <-ctx.Done():
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	value, ok := k.usable()
	if !ok {
		return value, ErrIssuerUnavailable
	}
	return value, nil
}

// usable returns the value unless it is too old. The lock is held.
func (k *kept[T]) usable() (value T, ok bool) {
	if k.at.IsZero() || k.now().Sub(k.at) >= k.stale {
		return value, false
	}
	return k.value, true
}

// begin starts an attempt unless one is under way or was made a moment ago. A clock that was set back does not make it
// wait. The lock is held.
func (k *kept[T]) begin() {
	now, pause := k.now(), k.pause
	if _, ok := k.usable(); !ok {
		pause = failurePause
	}
	if since := now.Sub(k.tried); k.flight != nil || !k.tried.IsZero() && since >= 0 && since < pause {
		return
	}
	done := make(chan struct{})
	k.flight, k.tried = done, now
	go func() {
		ctx, cancel := context.WithTimeout(k.ctx, 2*issuerTimeout)
		defer cancel()
		value, err := k.fetch(ctx)
		k.mu.Lock()
		if err == nil {
			k.value, k.at = value, now
		}
		k.flight = nil
		k.mu.Unlock()
		close(done)
	}()
}
