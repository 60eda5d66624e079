package main

// Clock: what the service takes for now. In production it is the machine's clock. In development and in tests it can be
// moved, so that a month of jobs runs in seconds.

import (
	"errors"
	"sync"
	"time"
)

// errClockBack means that the clock was to be set to before where it stood.
var errClockBack = errors.New("the clock only goes forward, because books do")

// clock is safe for concurrent use.
type clock struct {
	real func() time.Time
	// still says that what it follows stands in between too.
	still bool

	mu sync.Mutex
	// away says that the clock stands at the instant at, until it is released.
	away bool
	at   time.Time
}

// newClock returns a clock that follows another one until it is set.
func newClock(real func() time.Time) *clock { return &clock{real: real} }

// now returns the time.
func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.away {
		return c.at
	}
	return c.real()
}

// set stops the clock at the instant, which may lie before the real time the first time, and never before where it stood.
func (c *clock) set(at time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.away && at.Before(c.at) {
		return errClockBack
	}
	c.away, c.at = true, at
	return nil
}

// stands reports whether the clock stands still until it is set again.
func (c *clock) stands() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.away || c.still
}

// release lets the clock follow the real time again. It returns false, and changes nothing, while it stands ahead of it:
// nobody's time runs backwards.
func (c *clock) release() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.away && c.at.After(c.real()) {
		return false
	}
	c.away = false
	return true
}
