//go:build failpoint

package main

// Moved: what a program for tests takes for now: the machine's clock, and as much as its test has moved it.

import (
	"os"
	"strings"
	"time"
)

// movedClock returns the clock that MIZAN_CLOCK_FILE moves, and nil where the variable says nothing. The file has a duration,
// such as 25h, and is read each time somebody asks what time it is.
func movedClock(s *surroundings) *clock {
	path := s.getenv("MIZAN_CLOCK_FILE")
	if path == "" {
		return nil
	}
	machine := s.now
	return newClock(func() time.Time {
		text, err := os.ReadFile(path)
		if err != nil {
			panic(err)
		}
		by, err := time.ParseDuration(strings.TrimSpace(string(text)))
		if err != nil {
			panic("MIZAN_CLOCK_FILE names a file without a duration")
		}
		return machine().Add(by)
	})
}
