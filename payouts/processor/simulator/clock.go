// A clock that people and tests move. It stands still, or goes on by another clock in between.

package simulator

import (
	"sync"
	"time"
)

// Clock is a time that can be moved. It is safe for use by many goroutines.
type Clock struct {
	mu    sync.Mutex
	now   time.Time
	going func() time.Time
	ahead time.Duration
}

// NewClock returns a clock that shows the time and stands still.
func NewClock(now time.Time) *Clock { return &Clock{now: now} }

// NewGoingClock returns a clock that goes with another one, and is ahead of it by as much as it is moved.
func NewGoingClock(now func() time.Time) *Clock { return &Clock{going: now} }

// Now returns what the clock shows.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.shown()
}

func (c *Clock) shown() time.Time {
	if c.going != nil {
		return c.going().Add(c.ahead)
	}
	return c.now
}

// Stands reports whether the clock stands still until it is moved.
func (c *Clock) Stands() bool { return c.going == nil }

// Advance moves the clock; a negative duration moves it back.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now, c.ahead = c.now.Add(d), c.ahead+d
}

// Reach moves the clock on to the time, unless it is there or later.
func (c *Clock) Reach(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if d := t.Sub(c.shown()); d > 0 {
		c.now, c.ahead = c.now.Add(d), c.ahead+d
	}
}
