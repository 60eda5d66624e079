package reconcile_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"mizan/ledger"
	"mizan/ledger/guard"
	"mizan/payouts/reconcile"
)

// meanwhile is a desk at which something happens after a close was judged for the decision, and before it runs.
func (m *months) meanwhile(happens *func()) *guard.Desk {
	acts := slices.Clone(m.CloseActs())
	for i := range acts {
		judge := acts[i].Effect
		acts[i].Effect = func(ctx context.Context, b guard.Book, payload json.RawMessage) (json.RawMessage, guard.Effect, error) {
			kept, effect, err := judge(ctx, b, payload)
			if *happens != nil {
				(*happens)()
				*happens = nil
			}
			return kept, effect, err
		}
	}
	return guard.NewDesk(m.db.Pool, guard.NewTrail(m.db.Pool, m.clock.Now), m.clock.Now, acts)
}

// TestCloseIsJudgedAgain: what keeps a month from closing keeps it so too when it comes up after the decision was judged, and what
// two people would have to look at makes them look again. Nothing of a refused decision stays.
func TestCloseIsJudgedAgain(t *testing.T) {
	t.Parallel()
	m := newMonths(t)
	m.clock.set(day(2026, 11, 2))
	m.sale(day(2026, 10, 2))
	m.source(1, "processor", "main")
	var happens func()
	desk := m.meanwhile(&happens)
	a, err := m.ask(desk, "period.close", closing("2026-10"))
	m.ok(err)
	later := day(2026, 11, 5)
	for _, x := range []struct {
		name, code string
		does, undo func()
	}{
		{"a difference is found", reconcile.ErrPeriodBlocked.Code,
			func() { m.broke(1, "fee_differs", "open", day(2026, 10, 31), 0, day(2026, 11, 1), nil) }, func() { m.end(1, "cleared") }},
		{"one is found that waits", guard.ErrApprovalChanged.Code,
			func() { m.broke(2, "timing", "open", day(2026, 10, 31), 0, day(2026, 11, 1), &later) }, func() { m.end(2, "cleared") }},
		{"evidence comes in", guard.ErrApprovalChanged.Code,
			func() { m.ok(m.exec(`UPDATE evidence_heads SET last_receipt = 1 WHERE book_id = $1`, m.book.ID)) }, func() {}},
		{"a source is read otherwise", guard.ErrApprovalChanged.Code, func() { m.reset(1, 2, `{"shared":true}`) }, func() {}},
		{"money goes into suspense", reconcile.ErrPeriodBlocked.Code, func() {
			m.post("recon.suspense_in", day(2026, 11, 1), 0, "", entry{"assets:suspense", 3000}, entry{"assets:processor:available:main", -3000})
		}, func() {
			m.post("recon.suspense_out", day(2026, 11, 1), 0, "", entry{"assets:suspense", -3000}, entry{"assets:processor:available:main", 3000})
		}},
		{"the month is posted to", guard.ErrApprovalChanged.Code, func() { m.sale(day(2026, 10, 3)) }, nil},
	} {
		if x.name == "money goes into suspense" { // nobody accepts it
			a, err = m.ask(desk, "period.close", strings.Replace(closing("2026-10"), `,"suspense"`, "", 1))
			m.ok(err)
		}
		happens = x.does
		_, err := m.decide(desk, decider, a)
		if m.want(err, x.code); happens != nil {
			t.Errorf("%s: it was not judged", x.name)
		}
		if head, err := m.books.Head(t.Context(), m.book); err != nil || head.FirstOpenPeriod > 202610 {
			t.Fatalf("%s: the month closed", x.name)
		}
		if x.undo != nil {
			x.undo()
		}
	}
	// What is looked at again is decided again.
	_, err = m.decide(desk, decider, a)
	m.want(err, guard.ErrApprovalChanged.Code)
	a, err = desk.Approval(t.Context(), guard.Book{ID: int32(m.book.ID), Code: m.book.Code}, a.ID)
	m.ok(err)
	_, err = m.decide(desk, decider, a)
	m.ok(err)
	if got := m.last("2026-10"); got.Period != ledger.Period(202610) || got.Approver != decider.Person || got.Preparer != preparer.Person {
		t.Errorf("%+v", got)
	}
	m.proved()
}
