package statements

import (
	"sync"

	"mizan/ledger/fault"
)

// Files take turns. Making one to measure it reads as fast as it can, so a process does a few at once; handing one out goes at the
// reader's pace, so many may leave at once, and one to each payee. Others may ask again a moment later.

// ErrBusy means that too many files are being made or handed out.
var ErrBusy = fault.New(fault.Limited, "statements-busy", "Too many statements are being made right now, or one of this payee is. Ask again in a minute.")

const (
	// mostFiles is how many files one process hands out at once.
	mostFiles = 48
	// mostMeasured is how many it measures at once.
	mostMeasured = 4
)

type turns struct {
	mu       sync.Mutex
	leaving  map[string]bool
	measured int
}

// Begin takes a turn to hand out a file of the payee's and returns what ends it, or ErrBusy.
func (s *Service) Begin(st *Statement) (end func(), err error) {
	key := st.book.Code + " " + st.Payee
	s.turns.mu.Lock()
	defer s.turns.mu.Unlock()
	if s.turns.leaving[key] || len(s.turns.leaving) >= mostFiles {
		return nil, ErrBusy
	}
	s.turns.leaving[key] = true
	return func() {
		s.turns.mu.Lock()
		defer s.turns.mu.Unlock()
		delete(s.turns.leaving, key)
	}, nil
}

// measure takes a turn to measure a file and returns what ends it, or ErrBusy.
func (t *turns) measure() (end func(), err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.measured >= mostMeasured {
		return nil, ErrBusy
	}
	t.measured++
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.measured--
	}, nil
}
