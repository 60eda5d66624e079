package payouts

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/fault"
)

// Releasing does what the clocks say is due, in the order of their times. The books decide: each act is one event with a
// reference for ever, so that doing it twice, in two processes or after a crash, comes out once. Afterwards the clock is read
// again from the books. One subject that cannot be released never keeps others waiting.

const (
	duePage = 100
	// maxTries is how often an act may fail before it waits for news or for people; the pause doubles from firstPause.
	maxTries   = 10
	firstPause = time.Minute
	mostPause  = 6 * time.Hour
)

// codeUnmoved is why an act has failed that was done, and is due as before.
const codeUnmoved = "clock-unmoved"

var releaseActs = []string{commerce.ActSettle, commerce.ActRelease, commerce.ActImportRelease, commerce.ActDonationRelease}

// Release settles orders and releases earnings, imports and donations whose time has come.
func (s *Service) Release(ctx context.Context, t Turn) (Report, error) {
	return s.releaseAll(ctx, t, releaseActs)
}

// Reserves gives reserves back whose time is over.
func (s *Service) Reserves(ctx context.Context, t Turn) (Report, error) {
	return s.releaseAll(ctx, t, []string{commerce.ActReserve})
}

// releaseTally counts what became of acts.
type releaseTally struct{ done, kept, failed, parked int64 }

func (s *Service) releaseAll(ctx context.Context, t Turn, acts []string) (Report, error) {
	var sum releaseTally
	more := false
	over, stop := lasting(ctx)
	defer stop()
	for range mostPages {
		list, err := s.dueClocks(ctx, t.Book, acts, s.now(), duePage)
		if err != nil {
			return Report{}, err
		}
		if more = len(list) > 0; !more {
			break
		}
		goesOn, err := s.releasePage(ctx, t, list, &sum)
		if err != nil {
			return Report{}, err
		}
		if !goesOn || over() {
			break
		}
	}
	text := fmt.Sprintf("Released %d; %d wait for something else, %d failed and are tried again, %d wait for people.", sum.done, sum.kept, sum.failed, sum.parked)
	if more {
		text += " There is more; the next turn goes on."
	}
	return Report{Text: text, Items: sum.done}, nil
}

// actAttempt is what became of one clock's act.
type actAttempt struct {
	clock  Clock
	result commerce.Result
}

// releasePage does a page of acts: those of one time together, and each time after the one before. It says no to going on
// when the books take nothing more for now.
func (s *Service) releasePage(ctx context.Context, t Turn, list []Clock, sum *releaseTally) (goesOn bool, err error) {
	for len(list) > 0 {
		n := slices.IndexFunc(list, func(c Clock) bool { return !c.LookAt.Equal(list[0].LookAt) })
		if n < 0 {
			n = len(list)
		}
		now := s.now()
		reserves, err := s.agreedReserves(ctx, t.Book, list[:n], now)
		if err != nil {
			return false, err
		}
		done := make([]actAttempt, n)
		together(readers, n, func(i int) {
			c := list[i]
			if agreed := reserves[c.Subject]; agreed.err != nil && c.Act == commerce.ActSettle {
				done[i] = actAttempt{c, commerce.Result{Err: agreed.err}}
				return
			}
			done[i] = actAttempt{c, s.events.Act(ctx, t.Book, reserves[c.Subject].of(commerce.DueItem{Act: c.Act, Subject: c.Subject, At: c.DueAt, Gates: c.Gates}), now)}
		})
		if ctx.Err() != nil {
			return false, context.Cause(ctx)
		}
		taken := slices.DeleteFunc(done, func(a actAttempt) bool { return putOff(a.result.Err) })
		if err := s.afterActs(ctx, t, taken, now, sum); err != nil {
			return false, err
		}
		if len(taken) < n {
			return false, nil
		}
		list = list[n:]
	}
	return true, nil
}

// putOff reports whether nothing was decided, so that it is no try of the subject's.
func putOff(err error) bool { return err != nil && fault.KindOf(err) == fault.Unavailable }

// afterActs reads the clocks of what was done again, and notes what failed.
func (s *Service) afterActs(ctx context.Context, t Turn, list []actAttempt, now time.Time, sum *releaseTally) error {
	subjects := make([]string, 0, len(list))
	for _, a := range list {
		if !slices.Contains(subjects, a.clock.Subject) {
			subjects = append(subjects, a.clock.Subject)
		}
	}
	readings, err := s.readSubjects(ctx, t.Book, subjects)
	if err != nil {
		return err
	}
	var failed []Clock
	for _, a := range list {
		still, due := stillDue(readings, a.clock, now)
		switch {
		case due:
			failed = append(failed, s.failure(t.Book, a, still, now, sum))
		case a.result.Err == nil:
			sum.done++
		default:
			sum.kept++
		}
	}
	return s.pool.TxRetry(ctx, func(tx pgx.Tx) error {
		if err := t.check(ctx, tx); err != nil {
			return err
		}
		if err := s.keepTx(ctx, tx, t.Book, readings); err != nil {
			return err
		}
		return s.failedTx(ctx, tx, t.Book, failed)
	})
}

// stillDue finds a clock that is to be looked at although its act was tried.
func stillDue(readings []reading, tried Clock, now time.Time) (Clock, bool) {
	for _, r := range readings {
		for _, c := range r.clocks {
			if c.Subject == tried.Subject && c.Act == tried.Act {
				return c, !c.LookAt.IsZero() && !c.LookAt.After(now)
			}
		}
	}
	return Clock{}, false
}

// failure is what is noted of a clock that is due although its act was tried.
func (s *Service) failure(book ledger.Book, a actAttempt, still Clock, now time.Time, sum *releaseTally) Clock {
	still.Tries, still.Why = a.clock.Tries+1, codeUnmoved
	if still.Sequence != a.clock.Sequence {
		still.Tries = 1
	}
	if err := a.result.Err; err != nil {
		if still.Why = fault.CodeOf(err); still.Why == "" {
			still.Why = "internal"
			s.log.Error("A release failed.", "book", book.Code, "act", still.Act, "subject", still.Subject, "error", err)
		}
	}
	still.Why = still.Why[:min(len(still.Why), 64)]
	if still.Tries >= maxTries {
		still.LookAt = time.Time{}
		sum.parked++
		s.log.Warn("A release waits for people.", "book", book.Code, "act", still.Act, "subject", still.Subject, "code", still.Why)
		return still
	}
	still.LookAt = now.Add(pauseAfter(still.Tries))
	sum.failed++
	return still
}

// pauseAfter is how long an act rests after so many failures.
func pauseAfter(tries int) time.Duration {
	pause := firstPause
	for range tries - 1 {
		if pause *= 2; pause >= mostPause {
			return mostPause
		}
	}
	return pause
}

// ErrClockUnknown means that nothing of this subject waits for this.
var ErrClockUnknown = fault.New(fault.NotFound, "clock-unknown", "Nothing of this subject waits for a time. Look at the list of clocks.")
