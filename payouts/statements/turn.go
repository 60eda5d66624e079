package statements

import (
	"sync"

	"mizan/ledger/fault"
)

// Files take turns: making one reads much, so a process makes a few at once and one for each payee. Others may ask again a moment later.

// ErrBusy means that too many files are being made.
var ErrBusy = fault.New(fault.Limited, "statements-busy", "Too many statements are being made right now, or one of this payee is. Ask again in a minute.")

// mostFiles is how many files one process makes at once.
const mostFiles = 4

type turns struct {
	mu     sync.Mutex
	making map[string]bool
}

// Begin takes a turn to make a file of the payee's and returns what ends it, or ErrBusy.
func (s *Service) Begin(st *Statement) (end func(), err error) {
	key := st.book.Code + " " + st.Payee
	s.turns.mu.Lock()
	defer s.turns.mu.Unlock()
	if s.turns.making[key] || len(s.turns.making) >= mostFiles {
		return nil, ErrBusy
	}
	s.turns.making[key] = true
	return func() {
		s.turns.mu.Lock()
		defer s.turns.mu.Unlock()
		delete(s.turns.making, key)
	}, nil
}
