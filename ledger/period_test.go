package ledger_test

import (
	"errors"
	"log/slog"
	"testing"
	"time"

	"mizan/ledger"
)

func at(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		panic(err)
	}
	return t
}

// TestPeriodsFollowTheBooksZone checks month boundaries in London, winter and summer, and that a closed month takes
// nothing: what happened in it posts into the oldest open one and says so (I19, errata W-17).
func TestPeriodsFollowTheBooksZone(t *testing.T) {
	t.Parallel()
	c := &clock{t: at("2026-12-05T12:00:00Z")}
	b := setupWith(t, ledger.Options{Now: c.now})
	post := func(reference, occurred string) ledger.Transaction {
		s := sale(reference, "sel_a", 1000)
		s.Drafts[0].OccurredAt = at(occurred)
		return b.mustPost(t, s)
	}
	for _, x := range []struct{ reference, occurred, want string }{
		{"winter last", "2026-11-30T23:59:59.999999Z", "2026-11"},
		{"winter first", "2026-12-01T00:00:00Z", "2026-12"},
		{"summer last", "2026-07-31T22:59:59.999999Z", "2026-07"},
		{"summer first", "2026-07-31T23:00:00Z", "2026-08"},
		{"other offset", "2026-12-01T03:30:00+04:00", "2026-11"},
	} {
		if got := post(x.reference, x.occurred); got.Period.String() != x.want || got.Effective != got.Period {
			t.Errorf("%s: period %s (effective %s), want %s", x.reference, got.Period, got.Effective, x.want)
		}
	}
	if err := b.ClosePeriod(t.Context(), b.book, 202611); err != nil {
		t.Fatal(err)
	}
	late := post("late", "2026-11-15T00:00:00Z")
	if late.Period != 202612 || late.Effective != 202611 {
		t.Errorf("late fact: period %s, effective %s", late.Period, late.Effective)
	}
	if err := b.ClosePeriod(t.Context(), b.book, 202610); !errors.Is(err, ledger.ErrPeriodOrder) {
		t.Errorf("closing October after November: %v", err)
	}
	if err := b.ReopenPeriod(t.Context(), b.book, 202611); err != nil {
		t.Fatal(err)
	}
	if again := post("reopened", "2026-11-15T00:00:00Z"); again.Period != 202611 {
		t.Errorf("after reopening: period %s", again.Period)
	}
	november, err := b.TrialBalance(t.Context(), b.book, 202611)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range november.Rows {
		if row.Account == "assets:processor:pending" && (row.Opening.Int64() != 2000 || row.Debits.Int64() != 3000 || row.Closing().Int64() != 5000) {
			t.Errorf("clearing in November: opening %s, debits %s", row.Opening, row.Debits)
		}
	}
	checkInvariants(t, b.db)
}

// TestClockRunningBackwards moves the clock back an hour between postings: recorded_at stands still and never runs
// backwards, and a business time beyond five minutes ahead of it is refused.
func TestClockRunningBackwards(t *testing.T) {
	t.Parallel()
	c := &clock{t: at("2026-11-20T12:00:00Z")}
	b := setupWith(t, ledger.Options{Now: c.now})
	first := b.mustPost(t, sale("S-1", "sel_a", 1000))
	c.set(at("2026-11-20T11:00:00Z"))
	second := b.mustPost(t, sale("S-2", "sel_a", 1000))
	if second.RecordedAt.Before(first.RecordedAt) {
		t.Errorf("recorded_at ran from %s to %s", first.RecordedAt, second.RecordedAt)
	}
	s := sale("S-3", "sel_a", 1000)
	s.Drafts[0].OccurredAt = at("2026-11-20T12:05:00.000001Z")
	if out := b.Post(t.Context(), b.book, s); !errors.Is(out.Err, ledger.ErrInvalid) {
		t.Errorf("six minutes ahead: %v", out.Err)
	}
	s.Drafts[0].OccurredAt = at("2026-11-20T12:05:00Z")
	b.mustPost(t, s)
	checkInvariants(t, b.db)
}

// TestSkewedClockRecordsNothing starts a replica whose clock is a year ahead: it refuses to record, and the book's time
// is not poisoned for the others.
func TestSkewedClockRecordsNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ahead := open(t, b.db, ledger.Options{Now: func() time.Time { return time.Now().AddDate(1, 0, 0) }, MaxSkew: time.Minute,
		Log: slog.New(slog.DiscardHandler)})
	if out := ahead.Post(t.Context(), b.book, sale("S-1", "sel_a", 1000)); !errors.Is(out.Err, ledger.ErrClockSkew) {
		t.Fatalf("a clock a year ahead: %v", out.Err)
	}
	near := open(t, b.db, ledger.Options{MaxSkew: time.Minute})
	out := near.Post(t.Context(), b.book, sale("S-1", "sel_a", 1000))
	if out.Err != nil || out.Transactions[0].RecordedAt.After(time.Now().Add(time.Minute)) {
		t.Errorf("after it: %+v", out)
	}
}
