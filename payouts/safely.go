package payouts

import (
	"errors"

	"mizan/ledger/fault"
)

// Safely is how one of many is dealt with: a panic, which is a defect of the program, ends what is done about that one and keeps
// nobody else waiting.

// errPanicked means that what was done about one of many ended in a panic.
var errPanicked = errors.New("payouts: the work about one of many ended in a panic")

// safely returns errPanicked if do panics, and says so in the log with what names the one: pairs of words and ids. What the panic says
// stays out of it, because it may hold anything.
func (s *Service) safely(do func() error, names ...any) (err error) {
	defer func() {
		if caught := recover(); caught != nil {
			s.log.Error("the work about one of many ended in a panic, which is a defect of the program; it is done again, and nobody else waits for it",
				append(names, "panic", fault.Caught(caught))...)
			err = errPanicked
		}
	}()
	return do()
}
