package reports

import (
	"context"
	"errors"
	"sync"
	"time"
)

// A turn makes the exports that wait, several at a time. One that takes long keeps no other back: whoever takes up an export for the
// first time only looks whether it is made soon, and leaves it otherwise to those who make long ones.
//
// What befalls one lane is no matter of the others, and what befalls a turn is no matter of its exports: one that had to be left because
// the turn ended was not tried.

const (
	// MaxTurn bounds how long one turn takes. A long export is begun only while there is time for the whole of it.
	MaxTurn = 2 * time.Hour
	// shortLanes and longLanes are how many are made at a time: of those not known to be long, and of those that are.
	shortLanes, longLanes = 1, 2
	// defaultLook is how long an export may take that is not known to be long, and defaultLongest how long one that is.
	defaultLook, defaultLongest = time.Minute, time.Hour
	// lookAgain is when a lane without work looks whether there is some, while others are at work.
	lookAgain = time.Second
	// maxStumbles bounds how often in a row a lane goes on after the database failed it.
	maxStumbles = 10
)

// errNoneDue means that no export waits that a lane could take.
var errNoneDue = errors.New("reports: no export is due")

// turn is what the lanes know of each other.
type turn struct {
	// longsOver is closed when no long export is begun any more, and shortsOver when no other one is unless a long one is being made.
	longsOver, shortsOver <-chan struct{}

	sync.Mutex
	// active is how many lanes look for an export or make one; over is closed when there is none.
	active int
	over   chan struct{}
	// tried is how many exports were tried.
	tried int
	// failed is the first failure of a lane.
	failed error
}

// MakeDue makes exports that wait, for at most two hours, and returns how many it tried, and the first failure that was none of an
// export's own. What could not be made is tried again some minutes later, five times in all, and then failed with the reason. No long
// export is begun when ctx ends sooner than one may take. Several may call it at once: each export is made by one, and books take turns.
func (s *Service) MakeDue(ctx context.Context) (tried int, err error) {
	within, cancel := context.WithTimeout(ctx, MaxTurn)
	defer cancel()
	end, _ := within.Deadline()
	longs, noLongs := context.WithDeadline(within, end.Add(-s.longest))
	defer noLongs()
	shorts, noShorts := context.WithTimeout(within, MaxTurn/2)
	defer noShorts()
	t := &turn{longsOver: longs.Done(), shortsOver: shorts.Done(), active: shortLanes + longLanes, over: make(chan struct{})}
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
	for stumbles := 0; ctx.Err() == nil && stumbles < maxStumbles && t.goesOn(long); {
		tried, err := s.makeNext(ctx, long)
		none := errors.Is(err, errNoneDue)
		switch {
		case none || err == nil:
			err, stumbles = nil, 0
		case ctx.Err() != nil: // the turn is over, which is no failure of it
			err = nil
		default:
			stumbles++
			s.log.Error("the making of exports stumbles", "long", long, "err", err)
		}
		t.note(tried, err)
		if (none || err != nil) && !t.rest(ctx) {
			return
		}
	}
	t.leave()
}

// goesOn reports whether there is time to begin an export. A lane for those that are soon made has it as long as another is at work.
func (t *turn) goesOn(long bool) bool {
	over := t.shortsOver
	if long {
		over = t.longsOver
	}
	select {
	case <-over:
	default:
		return true
	}
	t.Lock()
	defer t.Unlock()
	return !long && t.active > 1
}

// note says what came of a look for an export.
func (t *turn) note(tried bool, err error) {
	t.Lock()
	defer t.Unlock()
	if tried {
		t.tried++
	}
	if t.failed == nil {
		t.failed = err
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
	defer s.caught(&err)
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
	return true, s.try(ctx, e, aLook)
}
