package reports

import (
	"context"
	"errors"
	"sync"
	"time"
)

// A turn makes the exports that wait, several at a time. One that takes long keeps no other back: whoever takes up an export for the
// first time only looks whether it is made soon, and leaves it otherwise to those who make long ones.

const (
	// maxTurn bounds how many exports one turn makes.
	maxTurn = 20
	// shortLanes and longLanes are how many are made at a time: of those not known to be long, and of those that are.
	shortLanes, longLanes = 1, 2
	// defaultLook is how long an export may take that is not known to be long.
	defaultLook = time.Minute
	// lookAgain is when a lane without work looks whether there is some, while others are at work.
	lookAgain = time.Second
)

// errNoneDue means that no export waits that a lane could take.
var errNoneDue = errors.New("reports: no export is due")

// turn is what the lanes know of each other.
type turn struct {
	sync.Mutex
	// active is how many lanes look for an export or make one; over is closed when there is none.
	active int
	over   chan struct{}
	// begun is how many exports were begun, tried how many of them were tried.
	begun, tried int
	// failed is the first failure, which ends the turn.
	failed error
	stop   context.CancelFunc
}

// MakeDue makes exports that wait, at most twenty, and returns how many it tried. What could not be made is tried again some
// minutes later, five times in all, and then failed with the reason. Several may call it at once: each export is made by one, and
// books take turns.
func (s *Service) MakeDue(ctx context.Context) (tried int, err error) {
	within, stop := context.WithCancel(ctx)
	defer stop()
	t := &turn{active: shortLanes + longLanes, over: make(chan struct{}), stop: stop}
	var lanes sync.WaitGroup
	for n := range shortLanes + longLanes {
		lanes.Go(func() { s.lane(within, t, n >= shortLanes) })
	}
	lanes.Wait()
	if t.failed == nil {
		t.failed = ctx.Err()
	}
	return t.tried, t.failed
}

// lane makes one export after the other until there are none, and no other lane makes one.
func (s *Service) lane(ctx context.Context, t *turn, long bool) {
	for ctx.Err() == nil && t.begin() {
		tried, err := s.makeNext(ctx, long)
		none := errors.Is(err, errNoneDue)
		if none {
			err = nil
		}
		t.end(none, tried, err)
		if none && !t.rest(ctx) {
			return
		}
	}
	t.leave()
}

// begin counts one more export, if the turn may have more.
func (t *turn) begin() bool {
	t.Lock()
	defer t.Unlock()
	if t.begun == maxTurn || t.failed != nil {
		return false
	}
	t.begun++
	return true
}

// end says what came of it.
func (t *turn) end(none, tried bool, err error) {
	t.Lock()
	defer t.Unlock()
	if none {
		t.begun--
	}
	if tried {
		t.tried++
	}
	if err != nil && t.failed == nil {
		t.failed = err
		t.stop()
	}
}

// leave ends the turn if no other lane is active.
func (t *turn) leave() {
	t.Lock()
	defer t.Unlock()
	if t.active--; t.active == 0 {
		close(t.over)
	}
}

// rest waits until it is time to look again, and reports whether there is reason to: others may ask for exports for as long as one is
// made.
func (t *turn) rest(ctx context.Context) bool {
	t.leave()
	wait := time.NewTimer(lookAgain)
	defer wait.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.over:
		return false
	case <-wait.C:
	}
	t.Lock()
	defer t.Unlock()
	if t.active == 0 {
		return false
	}
	t.active++
	return true
}

// makeNext makes the next export of a lane. It returns errNoneDue.
func (s *Service) makeNext(ctx context.Context, long bool) (tried bool, err error) {
	e, err := s.takeDue(ctx, long)
	if err != nil {
		return false, err
	}
	if e.Tries > maxTries { // whoever held it last never said what came of it
		return true, s.keepFailed(ctx, e, "tried-out")
	}
	if long {
		return true, s.try(ctx, e, whole)
	}
	short, cancel := context.WithTimeout(ctx, s.look)
	defer cancel()
	return true, s.try(short, e, aLook)
}
