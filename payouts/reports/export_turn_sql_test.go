package reports_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"mizan/ledger/tabular"
	"mizan/payouts/reports"
)

// waits has an export of a report wait, as one that is known to be long or not.
func (o *office) waits(report string, long bool) (id string) {
	o.Helper()
	id = o.waitsFor(reports.Request{Report: report, Format: tabular.CSV})
	o.sql("UPDATE exports SET long = $3 WHERE book_id = $1 AND id = $2", o.book.ID, id, long)
	return id
}

// waitsFor has an export wait.
func (o *office) waitsFor(r reports.Request) (id string) {
	o.Helper()
	o.ok(inTx(o, func(tx txRunner) error {
		e, err := o.AskTx(o.Context(), tx, ann, o.book, r)
		id = e.ID
		return err
	}))
	return id
}

func (o *office) state(id string) reports.State {
	o.Helper()
	e, err := o.Export(o.Context(), o.book, id)
	o.ok(err)
	return e.State
}

// until looks again and again whether something is so, as long as the work goes on.
func (o *office) until(what string, work <-chan error, so func() bool) {
	o.Helper()
	for !so() {
		select {
		case err := <-work:
			o.Fatalf("the work is done (%v), and never %s", err, what)
		case <-o.Context().Done():
			o.Fatal(o.Context().Err())
		default:
		}
	}
}

// A long export that is being made keeps no other back, of its book or of another, though they were asked for later: neither those
// that wait already, nor one that is asked for meanwhile.
func TestLongExportsKeepNoOtherBack(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	slow := o.waits("general_journal", true)
	release := o.holdBack(slow)
	small, other := o.waits("trial_balance", false), o.waits("trial_balance", true)
	work := make(chan error, 1)
	go func() { _, err := o.MakeDue(t.Context()); work <- err }()
	o.until("the small ones were made", work, func() bool { return o.state(small) == reports.Made && o.state(other) == reports.Made })
	later := o.waits("trial_balance", false)
	o.until("one that was asked for meanwhile was made", work, func() bool { return o.state(later) != reports.Asked })
	if s := o.state(slow); s != reports.Asked {
		t.Errorf("the long one is %s", s)
	}
	release()
	o.ok(<-work)
	if s := o.state(slow); s != reports.Made {
		t.Errorf("in the end the long one is %s", s)
	}
}

// An export that takes longer than a look is made as a long one, and the look counts as no try.
func TestLongExportsAreFoundOut(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.look = time.Nanosecond
	o.Service = o.another()
	id := o.waits("general_journal", false)
	for o.state(id) == reports.Asked {
		_, err := o.MakeDue(t.Context())
		o.ok(err)
	}
	e, err := o.Export(t.Context(), o.book, id)
	o.ok(err)
	if _, long := o.heldUntil(id); !long || e.Tries != 1 || e.State != reports.Made {
		t.Errorf("the export is %s after %d tries, long: %v", e.State, e.Tries, long)
	}
}

// Whoever makes an export keeps it for as long as it takes, also while no row comes.
func TestMakersHoldOn(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.lease = 20 * time.Millisecond
	o.Service = o.another()
	release := o.lockEntries() // for less than a reading may take
	id := o.waits("general_journal", true)
	work := make(chan error, 1)
	go func() { _, err := o.MakeDue(t.Context()); work <- err }()
	o.until("it was taken", work, func() bool { held, _ := o.heldUntil(id); return held.After(o.clock.Now()) })
	before, _ := o.heldUntil(id)
	o.clock.set(o.clock.Now().Add(10 * time.Millisecond))
	o.until("the hold was renewed", work, func() bool { held, _ := o.heldUntil(id); return held.After(before) })
	release()
	o.ok(<-work)
}

// However many exports wait, all are made while a long one is.
func TestLongExportsKeepNobodyBackForLong(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	slow := o.waits("general_journal", true)
	release := o.holdBack(slow)
	var others []string
	for range 25 {
		others = append(others, o.waits("trial_balance", false))
	}
	work := make(chan error, 1)
	go func() { _, err := o.MakeDue(t.Context()); work <- err }()
	for _, id := range others {
		o.until("the others were made", work, func() bool { return o.state(id) == reports.Made })
	}
	if s := o.state(slow); s != reports.Asked {
		t.Errorf("the long one is %s", s)
	}
	release()
	o.ok(<-work)
}

// An export whose making panics is one that failed in this try; its stack is in the log, and the others are made.
func TestPanicsAreTheExportsOwn(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	var said bytes.Buffer
	options := o.options()
	options.Events, options.Log = nil, slog.New(slog.NewTextHandler(&said, nil)) // whoever asks it for reasons panics
	broken := reports.New(options)
	month := reports.Values{"from": "2026-08", "to": "2026-08"}
	id := o.waitsFor(reports.Request{Report: "fees", Format: tabular.CSV, Parameters: month})
	other := o.waits("trial_balance", false)
	for try := 1; try <= 5; try++ {
		n, err := broken.MakeDue(t.Context())
		o.ok(err)
		e, err := o.Export(t.Context(), o.book, id)
		o.ok(err)
		want, tried := reports.Asked, 1
		if try == 1 {
			tried = 2
		}
		if try == 5 {
			want = reports.Failed
		}
		if n != tried || e.Tries != try || e.State != want || e.Reason != "panic" {
			t.Errorf("of %d, after %d tries the export is %s: %q", n, e.Tries, e.State, e.Reason)
		}
		o.clock.set(o.clock.Now().Add(5 * time.Minute))
	}
	if s := o.state(other); s != reports.Made {
		t.Errorf("the other is %s", s)
	}
	if text := said.String(); strings.Count(text, "stack=") != 5 || !strings.Contains(text, "business_fees.go") {
		t.Errorf("the log says %s", text)
	}
	e, err := broken.Ask(t.Context(), ann, o.book, reports.Request{Report: "fees", Format: tabular.CSV, Parameters: month})
	if o.ok(err); e.State != reports.Asked || e.Reason != "panic" {
		t.Errorf("asked for, it is %s: %q", e.State, e.Reason)
	}
}

// An export that its maker had to leave, as when the service ends, was not tried, and is no longer than before.
func TestLeavingIsNoTry(t *testing.T) {
	t.Parallel()
	for _, long := range []bool{false, true} {
		o := newOffice(t)
		release := o.lockEntries()
		id := o.waits("general_journal", long)
		ctx, stop := context.WithCancel(t.Context())
		work := make(chan error, 1)
		go func() { _, err := o.MakeDue(ctx); work <- err }()
		o.until("it was taken", work, func() bool { held, _ := o.heldUntil(id); return held.After(o.clock.Now()) })
		stop()
		if err := <-work; err == nil {
			t.Error("a stopped maker ended well")
		}
		e, err := o.Export(t.Context(), o.book, id)
		o.ok(err)
		if held, is := o.heldUntil(id); e.State != reports.Asked || e.Tries != 0 || is != long || held.Unix() != 0 {
			t.Errorf("the export is %s after %d tries, long: %v instead of %v, held until %v", e.State, e.Tries, is, long, held)
		}
		release()
	}
}

// What befalls one lane is no matter of the others: a long export is made in its first try though those for others only find trouble.
func TestTroubleOfOneLaneIsItsOwn(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	slow := o.waits("general_journal", true)
	release := o.holdBack(slow)
	small := o.waits("trial_balance", false)
	o.breakDown(small)
	work := make(chan error, 1)
	go func() { _, err := o.MakeDue(t.Context()); work <- err }()
	o.until("the long one was taken", work, func() bool { held, _ := o.heldUntil(slow); return held.After(o.clock.Now()) })
	o.until("trouble was met", work, func() bool { return o.breakdowns() > 0 })
	release()
	if err := <-work; err == nil {
		t.Error("the turn does not tell of the trouble")
	}
	e, err := o.Export(t.Context(), o.book, slow)
	if o.ok(err); e.State != reports.Made || e.Tries != 1 {
		t.Errorf("the long one is %s after %d tries", e.State, e.Tries)
	}
	if s := o.state(small); s != reports.Asked {
		t.Errorf("the other is %s", s)
	}
}

// An export that takes longer than any may has failed and says so. One is only begun while there is time for the whole of it.
func TestTooLongIsSaid(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.longest = 300 * time.Millisecond
	short := o.another()
	release := o.lockEntries()
	id := o.waits("general_journal", true)
	soon, cancel := context.WithTimeout(t.Context(), reports.MaxTurn/4)
	defer cancel()
	n, err := o.MakeDue(soon) // an hour may be needed
	if o.ok(err); n != 0 {
		t.Errorf("%d were begun though there was too little time", n)
	}
	_, err = short.MakeDue(t.Context())
	release()
	o.ok(err)
	e, err := o.Export(t.Context(), o.book, id)
	if o.ok(err); e.State != reports.Failed || e.Reason != "export-long" || e.Tries != 1 {
		t.Errorf("the export is %s after %d tries: %q", e.State, e.Tries, e.Reason)
	}
}
