package payouts

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger/money"
)

// TestRunDecidesAboutEverybody runs over payees in every state, and compares with the ledger's own listing.
func TestRunDecidesAboutEverybody(t *testing.T) {
	t.Parallel()
	h := newRunHouse(t)
	seller, creator, nobody, waits, owes, zero, late, reserved := usd("seller", "sel_a"), usd("creator", "cre_a"), usd("creator", "cre_unknown"), usd("agency", "mcn_w"),
		usd("seller", "sel_owes"), usd("partner", "prt_zero"), usd("seller", "sel_late"), usd("seller", "sel_res")
	for _, who := range []Holder{seller, creator, waits, owes, zero, late, reserved} {
		h.ready(who, true)
	}
	h.move(seller, "available", 5000)
	h.move(seller, "pending", 700)
	h.move(creator, "available", 150) // below the minimum of 2.00
	h.move(nobody, "available", 900)
	h.move(waits, "pending", 4000)
	h.move(owes, "available", -300)
	h.move(zero, "available", 100)
	h.move(zero, "available", -100)
	h.move(reserved, "reserve", 1000)
	h.set(runsStart.Add(-time.Hour)) // after the cut-off
	h.move(late, "available", 2500)
	want := h.holders()
	run := h.runOn(runsStart)
	if run.State != RunDone || run.Decided != int64(len(want)) || run.Paid != 1 || run.Skipped != int64(len(want))-1 {
		t.Fatalf("run %+v, want %d decided", run, len(want))
	}
	got := h.decisions(run.ID)
	for place := range want {
		if _, has := got[place]; !has {
			t.Errorf("no decision about %s", place)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d decisions, want %d", len(got), len(want))
	}
	for _, x := range []struct {
		who    Holder
		reason string
	}{{creator, ReasonBelowMinimum}, {nobody, ReasonNotRegistered}, {waits, ReasonNothing}, {owes, ReasonDebt}, {late, ReasonNothing}, {reserved, ReasonNothing}} {
		d := got[x.who.place()]
		if d.Verdict != VerdictSkip || !slices.Contains(d.Reasons, x.reason) {
			t.Errorf("%s: %s for %v, want a skip for %s", x.who.place(), d.Verdict, d.Reasons, x.reason)
		}
	}
	counted, whole, err := h.RunReasons(t.Context(), h.book, run.ID)
	h.must(err)
	if !whole || len(counted) == 0 {
		t.Fatalf("the reasons were not counted whole: %+v", counted)
	}
	for _, d := range got {
		for _, code := range d.Reasons {
			i := slices.IndexFunc(counted, func(r RunReason) bool { return r.Currency == d.Holder.Currency && r.Reason == code })
			if d.Verdict != VerdictSkip {
				continue
			}
			if i < 0 {
				t.Fatalf("%s is not counted", code)
			}
			counted[i].Payees--
			if d.Holder == creator {
				counted[i].Amount -= 150
			}
			if d.Holder == nobody {
				counted[i].Amount -= 900
			}
		}
	}
	for _, r := range counted {
		if r.Payees != 0 || r.Amount != 0 {
			t.Errorf("counted too much: %+v", r)
		}
	}
	// Of a part of the run nobody knew that reasons are counted.
	part := func(change int) {
		h.must(h.db.Pool.Tx(t.Context(), func(tx pgx.Tx) error {
			_, err := tx.Exec(t.Context(), `UPDATE payout_run_reasons SET payees = payees + $3, named_first = named_first + $3 WHERE book_id = $1 AND run_id = $2 AND reason = $4`,
				h.book.ID, run.ID, change, ReasonNotRegistered)
			return err
		}))
	}
	part(-1)
	if some, whole, err := h.RunReasons(t.Context(), h.book, run.ID); err != nil || whole || some != nil {
		t.Errorf("reasons of a part pass for all: %+v %v %v", some, whole, err)
	}
	part(1)
	list := h.payouts(run.ID)
	if len(list) != 1 || list[0].Amount != 5000 || list[0].State != Created || list[0].Holder != seller || list[0].NeedsPerson || list[0].LeftAfter != 0 {
		t.Fatalf("payouts %+v", list)
	}
	h.replays(run.ID)
	h.sound()
	again := h.runOn(runsStart)
	if again.ID != run.ID || again.Decided != run.Decided {
		t.Errorf("the period was run again: %+v", again)
	}
}

// TestCutOff pays at the run what was there at the cut-off, and no more than is there now.
func TestCutOff(t *testing.T) {
	t.Parallel()
	h := newRunHouse(t)
	more, less := usd("seller", "sel_more"), usd("seller", "sel_less")
	h.ready(more, true)
	h.ready(less, true)
	h.move(more, "available", 1000)
	h.move(less, "available", 1000)
	h.set(time.Date(2026, 3, 2, 5, 0, 0, 0, time.UTC)) // 00:00 in New York: the first instant that is too late
	h.move(more, "available", 500)
	h.move(less, "available", -400)
	run := h.runOn(runsStart)
	amounts := map[string]money.Minor{}
	for _, p := range h.payouts(run.ID) {
		amounts[p.Holder.ID] = p.Amount
		if p.Holder == more && p.LeftAfter != 500 {
			t.Errorf("%d left, want 500", p.LeftAfter)
		}
	}
	if amounts["sel_more"] != 1000 || amounts["sel_less"] != 600 {
		t.Errorf("paid %v", amounts)
	}
	h.sound()
}

// TestTwoRunsOfAPeriod is bad input N04 and peers' bug 13: 8 replicas plan the same period at once.
func TestTwoRunsOfAPeriod(t *testing.T) {
	t.Parallel()
	h := newRunHouse(t)
	for _, id := range []string{"sel_1", "sel_2", "sel_3", "sel_4", "sel_5", "sel_6"} {
		h.ready(usd("seller", id), true)
		h.move(usd("seller", id), "available", 1234)
	}
	h.move(usd("creator", "cre_x"), "pending", 1)
	h.set(runsStart.Add(time.Second))
	var wg sync.WaitGroup
	for range 8 {
		s := h.replica()
		wg.Go(func() {
			if _, err := s.Plan(context.Background(), h.turn(runsStart)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	runs, err := h.Runs(t.Context(), h.book, RunQuery{Limit: 10})
	h.must(err)
	if len(runs) != 1 || runs[0].Paid != 6 || runs[0].Skipped != 1 || len(h.payouts(runs[0].ID)) != 6 {
		t.Fatalf("runs %+v", runs)
	}
	if _, err := h.StartRun(t.Context(), finance, h.book, "a second one"); err != nil {
		t.Fatal(err)
	}
	if _, err := h.StartRun(t.Context(), finance, h.book, "a third one"); !errors.Is(err, ErrRunBusy) {
		t.Errorf("a second run beside one that is being planned: %v", err)
	}
	h.sound()
}

// TestInterruptedRun kills the planning before every transaction in turn; the next one goes on.
func TestInterruptedRun(t *testing.T) {
	t.Parallel()
	h := newRunHouse(t)
	for i := range 7 {
		who := usd("seller", string(rune('a'+i)))
		h.ready(who, true)
		h.move(who, "available", 1000+money.Minor(i))
		h.move(usd("creator", string(rune('a'+i))), "pending", 10)
	}
	h.set(runsStart.Add(time.Second))
	killed := errors.New("killed")
	for n := 0; ; n++ {
		turn, left := h.turn(runsStart), n
		turn.Check = func(context.Context, pgx.Tx) error {
			if left--; left < 0 {
				return killed
			}
			return nil
		}
		_, err := h.Plan(t.Context(), turn)
		if err == nil {
			break
		}
		if !errors.Is(err, killed) {
			t.Fatal(err)
		}
	}
	runs, err := h.Runs(t.Context(), h.book, RunQuery{Limit: 10})
	h.must(err)
	if len(runs) != 1 || runs[0].Paid != 7 || runs[0].Skipped != 7 || runs[0].State != RunDone {
		t.Fatalf("runs %+v", runs)
	}
	h.replays(runs[0].ID)
	h.sound()
}

// TestNobodyIsLostBetweenPages walks in pages of every size, and finds who the ledger lists, in order.
func TestNobodyIsLostBetweenPages(t *testing.T) {
	t.Parallel()
	h := newRunHouse(t)
	for i, id := range []string{"a", "a.b", "a-b", "B", "b", "b_", "zz", "Z"} {
		h.move(usd(holderKinds[i%4], id), []string{"pending", "available", "dispute_hold", "blocked"}[i%3], money.Minor(1+i))
		h.move(usd("seller", id), "reserve", 5)
	}
	want := h.holders()
	for rows := 1; rows < 8; rows++ {
		w := h.walk(h.book, 1<<40, "")
		w.rows = rows
		found, last := map[string]bool{}, ""
		for {
			list, err := w.next(t.Context(), 3)
			h.must(err)
			for _, x := range list {
				found[x.place()] = true
				if last != "" && slices.Index(holderKinds, placeOf(last).Kind) == slices.Index(holderKinds, x.Kind) && compareHolders(placeOf(last), x.Holder) >= 0 {
					t.Fatalf("%s after %s", x.place(), last)
				}
				last = x.place()
			}
			if len(list) < 3 {
				break
			}
			if rows%2 == 0 { // gone on by another process
				w = h.walk(h.book, 1<<40, last)
				w.rows = rows
			}
		}
		if len(found) != len(want) {
			t.Fatalf("pages of %d find %d, want %d", rows, len(found), len(want))
		}
	}
}

// TestExtraPeriodBeginsNoRun asks for the planning job beside the schedule, which one person may. A payee was skipped by the
// run of the day and could be paid since; that is for a run by hand, which waits for a second person.
func TestExtraPeriodBeginsNoRun(t *testing.T) {
	t.Parallel()
	h := newRunHouse(t)
	who := usd("seller", "sel_1")
	h.move(who, "available", 5000)
	first := h.runOn(runsStart)
	h.ready(who, true)
	h.set(runsStart.Add(8 * time.Hour))
	extra := h.turn(h.clock())
	extra.Extra = true
	report, err := h.Plan(t.Context(), extra)
	h.must(err)
	runs, err := h.Runs(t.Context(), h.book, RunQuery{Limit: 10})
	h.must(err)
	if len(runs) != 1 || runs[0].ID != first.ID || runs[0].Paid != 0 {
		t.Fatalf("an extra period of the job has begun a run that nobody else has seen: %+v (%s)", runs, report.Text)
	}
	// It goes on with a run by hand, which waits.
	byHand, err := h.StartRun(t.Context(), finance, h.book, "The payee was registered too late.")
	h.must(err)
	_, err = h.Plan(t.Context(), extra)
	h.must(err)
	if byHand, err = h.Run(t.Context(), h.book, byHand.ID); err != nil || byHand.State != RunWaiting || byHand.Paid != 1 {
		t.Errorf("the run by hand %+v: %v", byHand, err)
	}
}
