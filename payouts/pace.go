package payouts

import (
	"context"
	"errors"
	"time"

	"mizan/payouts/processor"
)

// The pace is how many requests a processor takes in a second from all of us together. Replicas share it through one row:
// each takes the next free slot, and waits until it has come.

const (
	// usualPace is the pace of a rail that names none.
	usualPace = 20
	// longestQueue is how far in the future a slot is still waited for. Beyond it the work is left to the next turn.
	longestQueue = 2 * time.Minute
)

// errPaceFull means that there are more requests waiting than are worth waiting for now.
var errPaceFull = errors.New("payouts: the processor takes no more requests for now")

func (r Rail) pace() int {
	if r.PerSecond < 1 {
		return usualPace
	}
	return r.PerSecond
}

// slot waits until the next request may be made. A rail of our own asks nobody, and needs no pace.
func (s *Service) slot(ctx context.Context, r Rail) error {
	if r.Bank != "" {
		return ctx.Err()
	}
	at, err := s.takeSlot(ctx, r.Name, time.Second/time.Duration(r.pace()))
	if err != nil {
		return err
	}
	now := s.now()
	switch {
	case at.Sub(now) > longestQueue:
		return errPaceFull
	case at.After(now):
		return s.wait(ctx, at)
	}
	return ctx.Err()
}

// asked makes one reading request at the rail's pace.
func asked[T any](ctx context.Context, s *Service, r Rail, ask func(d processor.Driver) (T, error)) (v T, err error) {
	if err := s.slot(ctx, r); err != nil {
		return v, err
	}
	return ask(r.Driver)
}
