package payouts

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"mizan/ledger"
	"mizan/ledger/failpoint"
	"mizan/ledger/money"
	"mizan/payouts/processor"
)

// The work of the rails: sending, following, and finding what was never announced. Whatever is the reason to look at a
// payout, it is claimed by one process and carried on from where it stands, so that the order in which things become known
// makes no difference.

const (
	// sendersAtOnce bounds the payouts that one process carries at the same time.
	sendersAtOnce = 8
	// carryPage is how many payouts are looked for at once, and carryMost how many one turn deals with at most.
	carryPage = 200
	carryMost = 5_000
	// stepsAtOnce bounds what is done with one payout in one go.
	stepsAtOnce = 6
)

// tally counts what a turn came to.
type tally struct {
	mu      sync.Mutex
	counts  map[string]int64
	items   int64
	first   error
	stopped bool
	// dry are the purses with too little left.
	dry map[string]bool
}

func newTally() *tally { return &tally{counts: map[string]int64{}, dry: map[string]bool{}} }

// add counts a payout that was carried, or nil if it was not even read.
func (n *tally) add(c *carried, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.items++
	if c != nil && c.State == Refused && slices.Contains(noFunds, c.Code) {
		n.dry[purse(c.Rail, c.Holder.Currency)] = true
	}
	if err != nil && n.first == nil {
		n.first = err
	}
	n.stopped = n.stopped || errors.Is(err, errPaceFull)
	if err == nil && c != nil {
		n.counts[c.State]++
	}
}

// dried are the purses from which nothing more is sent in this turn.
func (n *tally) dried() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Sorted(maps.Keys(n.dry))
}

func (n *tally) full() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.stopped || n.items >= carryMost
}

// report says it in one line. A turn that could do nothing at all is an error; one that failed for some is none, since they
// are looked at again.
func (n *tally) report(what string) (Report, error) {
	text := fmt.Sprintf("%d payouts %s", n.items, what)
	for _, state := range []string{Submitted, Paid, AtAccount, Failed, Cancelled, Refused, Unknown} {
		if c := n.counts[state]; c > 0 {
			text += fmt.Sprintf(", %d %s", c, state)
		}
	}
	var good int64
	for _, c := range n.counts {
		good += c
	}
	if n.first != nil && good == 0 && !n.stopped {
		return Report{}, n.first
	}
	return Report{Text: text + ".", Items: n.items}, nil
}

// carry claims one payout in one of the states and carries it as far as it goes now. It returns nil if somebody else has it.
func (s *Service) carry(ctx context.Context, t Turn, id string, states []string) (c *carried, err error) {
	ctx, cancel := context.WithTimeout(ctx, relyFor)
	defer cancel()
	if c, err = s.claim(ctx, t, id, states...); err != nil || c == nil {
		return nil, err
	}
	failpoint.Here(failpoint.PayoutClaimed)
	defer s.letGo(ctx, t, c)
	r := s.rail(t.Book, c.Rail)
	if r.Driver == nil {
		return c, ErrRail
	}
	for range stepsAtOnce {
		again, err := s.stepOn(ctx, t, r, c)
		if errors.Is(err, errMoved) || errors.Is(err, errKept) {
			return nil, nil
		}
		if err != nil {
			return c, err
		}
		if !again {
			break
		}
	}
	return c, nil
}

// stepOn does the next thing about a payout. It reports whether there is something more to do now.
func (s *Service) stepOn(ctx context.Context, t Turn, r Rail, c *carried) (again bool, err error) {
	switch c.State {
	case Created, Sending, Unknown, Refused:
		return s.transfer(ctx, t, r, c)
	case Submitted:
		return s.follow(ctx, t, r, c)
	case AtAccount:
		return s.pullBack(ctx, t, r, c)
	case Paid:
		switch {
		case !c.ReturnedAt.IsZero(): // its money is back and all is settled; a late notice of it changes nothing
			return false, nil
		case c.Code != "":
			return s.pullBack(ctx, t, r, c)
		}
		return s.follow(ctx, t, r, c)
	}
	return false, nil
}

// carrySafely is carry, of which a panic ends that payout's turn only. Whether an order had left is not known then, and is found out
// like any other unknown outcome.
func (s *Service) carrySafely(ctx context.Context, t Turn, id string, states []string) (c *carried, err error) {
	err = s.safely(func() error {
		c, err = s.carry(ctx, t, id, states)
		return err
	}, "payout", id)
	if errors.Is(err, errPanicked) {
		c = nil
	}
	return c, err
}

// carryAll carries payouts with a bounded number at once.
func (s *Service) carryAll(ctx context.Context, t Turn, ids []string, states []string, n *tally) {
	next := make(chan string)
	var wg sync.WaitGroup
	for range min(sendersAtOnce, len(ids)) {
		wg.Go(func() {
			for id := range next {
				c, err := s.carrySafely(ctx, t, id, states)
				if err != nil && ctx.Err() == nil && !errors.Is(err, errPaceFull) {
					s.log.Warn("a payout could not be carried on; it is looked at again", "payout", id, "error", err)
				}
				if c != nil || err != nil {
					n.add(c, err)
				}
			}
		})
	}
	for _, id := range ids {
		if ctx.Err() != nil || n.full() {
			break
		}
		next <- id
	}
	close(next)
	wg.Wait()
}

// railNames are the rails that this process can carry payouts to.
func (s *Service) railNames() (names []string) {
	for name, r := range s.rails {
		if r.Driver != nil || r.Of != nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

var (
	statesUnsent   = []string{Created, Refused, Sending, Unknown}
	statesFollowed = []string{Unknown, Sending, Submitted, AtAccount, Paid}
)

// Submit sends what is released and due, at the pace the rails take: first what was refused or left half done, then what is
// new, run by run.
func (s *Service) Submit(ctx context.Context, t Turn) (Report, error) {
	n := newTally()
	if len(s.railNames()) == 0 {
		return Report{Text: "No processor is connected."}, nil
	}
	for _, state := range []string{Refused, Sending, Unknown} {
		if err := s.carryDue(ctx, t, state, statesUnsent, n); err != nil {
			return Report{}, err
		}
	}
	runs, err := s.runsUnsent(ctx, t.Book)
	if err != nil {
		return Report{}, err
	}
	if len(runs) > 0 {
		s.sound(ctx, t.Book, n)
	}
	for _, run := range runs {
		for after := ""; !n.full(); {
			ids, err := s.unsentOf(ctx, t.Book, run, after, n.dried())
			if err != nil {
				return Report{}, err
			}
			if len(ids) == 0 {
				break
			}
			s.carryAll(ctx, t, ids, statesUnsent, n)
			after = ids[len(ids)-1]
			if err := ctx.Err(); err != nil {
				return Report{}, err
			}
		}
	}
	return n.report("dealt with")
}

// sound finds out in which currencies our balance has nothing, so that nothing is ordered that can only be refused.
func (s *Service) sound(ctx context.Context, book ledger.Book, n *tally) {
	for _, name := range s.railNames() {
		r := s.rail(book, name)
		if r.Bank != "" {
			continue // what a bank has is not known here
		}
		balances, err := asked(ctx, s, r, func(d processor.Driver) (map[money.Currency]processor.Balance, error) { return d.ReadBalance(ctx, "") })
		if err != nil {
			continue // what cannot be known is tried
		}
		for c, b := range balances {
			if b.Available <= 0 {
				n.dry[purse(name, c)] = true
			}
		}
	}
}

// purse names our balance at a rail in one currency.
func purse(rail string, c money.Currency) string { return rail + "/" + string(c) }

// carryDue carries what of a state is due now.
func (s *Service) carryDue(ctx context.Context, t Turn, state string, states []string, n *tally) error {
	at, after := time.Time{}, ""
	now := s.now()
	for !n.full() {
		ids, last, err := s.dueIn(ctx, t.Book, state, now, at, after)
		if err != nil {
			return err
		}
		if len(ids) == 0 {
			return nil
		}
		s.carryAll(ctx, t, ids, states, n)
		if err := ctx.Err(); err != nil {
			return err
		}
		at, after = last, ids[len(ids)-1]
	}
	return nil
}

// Follow looks after payouts that are unknown, on their way, or stuck at the payee's account, and after those that were
// paid within the last five business days.
func (s *Service) Follow(ctx context.Context, t Turn) (Report, error) {
	n := newTally()
	for _, state := range []string{Sending, Unknown, AtAccount, Submitted, Paid} {
		if err := s.carryDue(ctx, t, state, statesFollowed, n); err != nil {
			return Report{}, err
		}
	}
	return n.report("looked at")
}
