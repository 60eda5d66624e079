package reports_test

import (
	"testing"
	"time"

	"mizan/ledger/tabular"
	"mizan/payouts/reports"
)

// waits has an export of a report wait, as one that is known to be long or not.
func (o *office) waits(report string, long bool) (id string) {
	o.Helper()
	o.ok(inTx(o, func(tx txRunner) error {
		e, err := o.AskTx(o.Context(), tx, ann, o.book, reports.Request{Report: report, Format: tabular.CSV})
		id = e.ID
		return err
	}))
	o.sql("UPDATE exports SET long = $3 WHERE book_id = $1 AND id = $2", o.book.ID, id, long)
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
