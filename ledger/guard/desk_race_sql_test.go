package guard_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"mizan/ledger/guard"
	"mizan/ledger/postgres"
	"mizan/ledger/postgres/pgtest"
)

// together runs n things at once.
func together(n int, fn func(i int)) {
	var ready, group sync.WaitGroup
	ready.Add(n)
	for i := range n {
		group.Go(func() {
			ready.Done()
			ready.Wait()
			fn(i)
		})
	}
	group.Wait()
}

// second returns another desk on the same database, with connections of its own.
func (o *office) second(most int32) *guard.Desk {
	o.t.Helper()
	pool, err := postgres.Open(o.t.Context(), o.db.AppURL, postgres.Options{MaxConns: most, Undurable: true})
	if err != nil {
		o.t.Fatal(err)
	}
	o.t.Cleanup(pool.Close)
	return guard.NewDesk(pool, guard.NewTrail(pool, o.clock.now), o.clock.now, acts(pool))
}

// TestParallelApprovals has fifty people approve the same at two desks: it runs once.
func TestParallelApprovals(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	desks := []*guard.Desk{o.Desk, o.second(10)}
	a := o.ask(key, 5)
	var won atomic.Int32
	together(50, func(i int) {
		done, err := desks[i%2].Approve(t.Context(), person(fmt.Sprintf("per_%d", i)), uk, a.ID, a.Hash, "")
		switch {
		case err == nil:
			won.Add(1)
			if done.DecidedBy != fmt.Sprintf("per_%d", i) {
				t.Errorf("%d is told that %s decided", i, done.DecidedBy)
			}
		case !errors.Is(err, guard.ErrApprovalState):
			t.Errorf("%d: %v", i, err)
		}
	})
	if got := fmt.Sprint(o.told(0)); won.Load() != 1 || o.ran() != 1 || got != "[approval.asked approval.approved thing.moved]" {
		t.Errorf("%d won, %d ran, told %s", won.Load(), o.ran(), got)
	}
}

// TestParallelReplays has one person approve fifty times at once: it runs once, and every answer is that one.
func TestParallelReplays(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	desks := []*guard.Desk{o.Desk, o.second(10)}
	a := o.ask(key, 5)
	together(50, func(i int) {
		done, err := desks[i%2].Approve(t.Context(), bob, uk, a.ID, a.Hash, "")
		if err != nil || done.State != guard.StateDone || len(done.Result) == 0 {
			t.Errorf("%d: %+v, %v", i, done, err)
		}
	})
	if o.ran() != 1 || len(o.told(0)) != 3 {
		t.Errorf("%d ran, told %v", o.ran(), o.told(0))
	}
}

// TestFewConnections decides a lot with hardly any connections: acts that read through another never wait for ever.
func TestFewConnections(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	var list []guard.Approval
	for i := range 24 {
		list = append(list, o.ask(key, i))
	}
	desks := map[int32]*guard.Desk{2: o.second(2), 3: o.second(3)}
	together(24, func(i int) {
		if _, err := desks[int32(2+i%2)].Approve(t.Context(), bob, uk, list[i].ID, list[i].Hash, ""); err != nil {
			t.Errorf("%d: %v", i, err)
		}
	})
	if o.ran() != 24 {
		t.Errorf("%d ran", o.ran())
	}
}

// TestRaces has edits, effects that change, refusals and withdrawals race approvals: one of them happens, and what runs is
// what was approved.
func TestRaces(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	other := o.second(10)
	for round := range 30 {
		a := o.ask(key, round)
		var happened atomic.Int32
		end := func(what string, err error, refused ...error) {
			if err == nil {
				happened.Add(1)
				return
			}
			for _, want := range refused {
				if errors.Is(err, want) {
					return
				}
			}
			t.Errorf("round %d: %s: %v", round, what, err)
		}
		together(6, func(i int) {
			switch i {
			case 0, 1:
				desk := []*guard.Desk{o.Desk, other}[i]
				_, err := desk.Approve(t.Context(), person(fmt.Sprintf("per_%d", i)), uk, a.ID, a.Hash, "")
				end("approve", err, guard.ErrApprovalState, guard.ErrApprovalChanged)
			case 2, 3:
				if round%2 == 0 {
					_, err := other.Withdraw(t.Context(), ada, uk, a.ID, "")
					end("withdraw", err, guard.ErrApprovalState)
				} else {
					_, err := other.Refuse(t.Context(), cyd, uk, a.ID, "No.")
					end("refuse", err, guard.ErrApprovalState)
				}
			case 4:
				if round%3 == 0 {
					_, err := o.Edit(t.Context(), ada, uk, a.ID, 1, request("", 1000+round))
					if err != nil && !errors.Is(err, guard.ErrApprovalState) && !errors.Is(err, guard.ErrApprovalChanged) {
						t.Errorf("round %d: edit: %v", round, err)
					}
				}
			case 5:
				if round%3 == 1 {
					o.level(round)
				}
			}
		})
		got := o.state(a.ID)
		if happened.Load() != 1 || got.State == guard.StateOpen {
			t.Errorf("round %d: %d happened, %s", round, happened.Load(), got.State)
		}
		var ran, amount int
		if err := o.db.Pool.QueryRow(t.Context(), `SELECT count(*), coalesce(max(amount), -1) FROM ran WHERE approval = $1`, a.ID).Scan(&ran, &amount); err != nil {
			t.Fatal(err)
		}
		if done := got.State == guard.StateDone; done != (ran == 1) || ran > 1 || done && (amount != round || got.Hash != a.Hash) {
			t.Errorf("round %d: %s, ran %d with %d", round, got.State, ran, amount)
		}
	}
	o.told(0)
}

// TestParallelEdits has ten editors who have all read the first version: one of them writes the second.
func TestParallelEdits(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	other := o.second(10)
	a := o.ask(key, 5)
	var won atomic.Int32
	together(10, func(i int) {
		_, err := []*guard.Desk{o.Desk, other}[i%2].Edit(t.Context(), person(fmt.Sprintf("per_%d", i)), uk, a.ID, 1, request("", i))
		if err == nil {
			won.Add(1)
		} else if !errors.Is(err, guard.ErrApprovalChanged) {
			t.Error(err)
		}
	})
	if got := o.state(a.ID); won.Load() != 1 || got.Version != 2 || len(got.Authors) != 3 {
		t.Errorf("%d won, %+v", won.Load(), got)
	}
}

// TestParallelAsks has fifty ask where there is room for ten.
func TestParallelAsks(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	other := o.second(10)
	o.SetMost(10)
	other.SetMost(10)
	var won atomic.Int32
	together(50, func(i int) {
		_, err := []*guard.Desk{o.Desk, other}[i%2].Ask(t.Context(), key, uk, request("thing.moved", i))
		if err == nil {
			won.Add(1)
		} else if !errors.Is(err, guard.ErrApprovalsFull) {
			t.Error(err)
		}
	})
	if got := strings.Join(o.told(0), " "); won.Load() != 10 || strings.Count(got, "approval.asked") != 10 {
		t.Errorf("%d won, told %s", won.Load(), got)
	}
}

// TestOneConnection asks and decides where there is a single connection: nothing that reads beside its transaction could.
func TestOneConnection(t *testing.T) {
	t.Parallel()
	o := newOffice(t, pgtest.MaxConns(1))
	a, err := o.Ask(t.Context(), key, uk, request("quiet.done", 5))
	if err != nil {
		t.Fatal(err)
	}
	together(4, func(int) {
		if done, err := o.Approve(t.Context(), bob, uk, a.ID, a.Hash, ""); err != nil || done.State != guard.StateDone {
			t.Errorf("%+v, %v", done, err)
		}
	})
}

// TestDesksAreLeft has acts panic and stand still: a desk has a place again after the one, and nobody waits longer than
// they want to because of the other.
func TestDesksAreLeft(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	stand, standing := make(chan struct{}), make(chan struct{}, 2)
	act := acts(o.db.Pool)[0]
	desk := guard.NewDesk(o.db.Pool, o.trail, o.clock.now, []guard.Act{
		{Name: "mad.run", OfBook: true, Effect: act.Effect, Run: func(context.Context, pgx.Tx, guard.Approval) (json.RawMessage, error) { panic("mad") }},
		{Name: "slow.run", OfBook: true, Effect: act.Effect, Run: func(context.Context, pgx.Tx, guard.Approval) (json.RawMessage, error) {
			standing <- struct{}{}
			<-stand
			return nil, nil
		}},
	})
	ask := func(act string) guard.Approval {
		a, err := desk.Ask(t.Context(), key, uk, request(act, 5))
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	mad := ask("mad.run")
	for range 5 {
		func() {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			_, err := desk.Approve(t.Context(), bob, uk, mad.ID, mad.Hash, "")
			t.Error(err)
		}()
	}
	if got := o.state(mad.ID); got.State != guard.StateOpen || len(o.told(0)) != 1 {
		t.Errorf("after the panics %+v", got)
	}
	var group sync.WaitGroup
	for range 2 {
		a := ask("slow.run")
		group.Go(func() {
			if _, err := desk.Approve(t.Context(), bob, uk, a.ID, a.Hash, ""); err != nil {
				t.Error(err)
			}
		})
		<-standing
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := desk.Approve(ended, bob, uk, mad.ID, mad.Hash, "")
	o.expect("approve at a full desk", err, context.Canceled)
	close(stand)
	group.Wait()
}

// TestNothingLeftToApprove has the act be done between the moment when an approval is read and the moment when its effect is
// computed again, as by the first of two requests whose answer was lost. The act then says that there is nothing to do any
// more: whoever did it is told that it happened, and everybody else that it was decided.
func TestNothingLeftToApprove(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	for _, late := range []guard.Actor{bob, cyd} {
		a := o.ask(key, 5)
		moved := acts(o.db.Pool)
		for i := range moved {
			moved[i].Effect = func(ctx context.Context, _ guard.Book, _ json.RawMessage) (json.RawMessage, guard.Effect, error) {
				if _, err := o.Approve(ctx, bob, uk, a.ID, a.Hash, ""); err != nil {
					t.Error(err)
				}
				return nil, guard.Effect{}, errTired
			}
		}
		done, err := guard.NewDesk(o.db.Pool, o.trail, o.clock.now, moved).Approve(t.Context(), late, uk, a.ID, a.Hash, "")
		if late == bob && (err != nil || done.State != guard.StateDone || len(done.Result) == 0) || late == cyd && !errors.Is(err, guard.ErrApprovalState) {
			t.Errorf("%s: %s, %v", late.ID, done.State, err)
		}
	}
	if o.ran() != 2 {
		t.Errorf("%d ran", o.ran())
	}
}
