//go:build failpoint

package main

// Moved: what a program for tests takes for now: the instant that its test has written down.

import (
	"os"
	"strings"
	"time"
)

// movedClock makes the clock that MIZAN_CLOCK_FILE moves everybody's, and returns it; nil where the variable says nothing. The file
// has an instant of RFC 3339, and is read each time somebody asks what time it is. In between the clock stands.
func movedClock(s *surroundings) *clock {
	path := s.getenv("MIZAN_CLOCK_FILE")
	if path == "" {
		return nil
	}
	c := newClock(func() time.Time {
		text, err := os.ReadFile(path)
		if err != nil {
			panic(err)
		}
		at, err := time.Parse(time.RFC3339Nano, strings.TrimSpace(string(text)))
		if err != nil {
			panic("MIZAN_CLOCK_FILE names a file without an instant")
		}
		return at
	})
	c.still, s.now = true, c.now
	return c
}
