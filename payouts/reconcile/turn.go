package reconcile

import "mizan/ledger/fault"

// Runs that people ask for take turns. Each holds all that is open in memory, so a process makes one at a time for them, whichever way
// they ask, and the nightly round waits for none. A document leaves at its reader's pace; by then its run is made, so that who reads
// slowly keeps nobody from comparing, and a few documents may leave at once.

// ErrBusy means that a run is being made for somebody, or that too many documents of runs are on their way.
var ErrBusy = fault.New(fault.Unavailable, "recon-busy",
	"Another run is being made right now, or too many documents of runs are being read. Ask again in a minute; nothing was compared.")

// mostLeaving is how many documents one process hands out at once. Each holds what its run left open.
const mostLeaving = 4

// Begin takes the turn to make a run for somebody and returns what ends it, or ErrBusy. Replay and Document take it by themselves.
func (s *Service) Begin() (end func(), err error) { return take(s.making) }

// take takes a place and returns what gives it back, or ErrBusy.
func take(places chan struct{}) (end func(), err error) {
	select {
	case places <- struct{}{}:
		return func() { <-places }, nil
	default:
		return nil, ErrBusy
	}
}
