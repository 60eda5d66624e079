package reconcile

import (
	"context"
	"slices"
	"testing"
	"time"

	"mizan/payouts"
	"mizan/payouts/processor"
	"mizan/payouts/processor/simulator"
)

// namesMore is a processor that names a line for a payout that it has not listed yet.
type namesMore struct {
	processor.Driver
	line string
}

func (d *namesMore) ListPayoutEntries(ctx context.Context, account, payout string) ([]processor.Entry, error) {
	list, err := d.Driver.ListPayoutEntries(ctx, account, payout)
	if d.line != "" && err == nil {
		list = append(slices.Clone(list), processor.Entry{ID: d.line, Source: "ch_unknown", Currency: "EUR", Amount: 100, Net: 100})
	}
	return list, err
}

// The lines of a payout that the processor made by itself come to what it paid out. Where they do not, or one of them is not known here,
// that is a difference until they do; of a payout that was ordered nobody knows the lines.
func TestPayoutIsItsLines(t *testing.T) {
	t.Parallel()
	h := newEvidenceHouse(t)
	h.ok(h.sim.ChangeAccount(simulator.Platform, func(a *simulator.Account) {
		a.Banks = append(a.Banks, &simulator.Bank{ID: "ba_ours", Object: "bank_account", Fingerprint: "fp_ours", Currency: "eur", Status: "new", Default: true})
	}))
	h.charge(3000, 65, 0)
	h.charge(2000, 45, 0)
	h.clock.Advance(24 * time.Hour)
	h.ok(h.sim.PayOut(simulator.Platform))
	driver := &namesMore{Driver: h.driver}
	h.driver = driver
	h.pull()
	turn := payouts.Turn{Book: h.book, Actor: evidenceAnn}
	ask := func(want int) {
		t.Helper()
		if n, err := h.AskPayoutLines(t.Context(), turn, h.processorSource()); err != nil || n != want {
			t.Fatalf("%d payouts differ: %v", n, err)
		}
	}
	driver.line = "txn_never_seen"
	ask(1)
	breaks := func() (open []Break) {
		t.Helper()
		run, err := h.CompareInside(t.Context(), turn, h.book)
		h.ok(err)
		if again, err := h.Replay(t.Context(), h.book, run.ID); err != nil || !again.Same {
			t.Fatalf("not the same again: %v %v", again.Differs, err)
		}
		open, err = h.Breaks(t.Context(), h.book, BreakQuery{Match: R3, States: []State{Open}, Limit: 10})
		h.ok(err)
		return open
	}
	if open := breaks(); len(open) != 1 || open[0].Class != Timing || open[0].Amount != 0 || open[0].Right != "3 lines, of which 2 are known" {
		t.Fatalf("%+v", open)
	}
	h.clock.Advance(4 * 24 * time.Hour)
	if open := breaks(); len(open) != 1 || open[0].Class != PayoutLinesDiffer {
		t.Fatalf("%+v", open)
	}
	driver.line = ""
	ask(0)
	if open := breaks(); len(open) != 0 {
		t.Fatalf("%+v", open)
	}
	h.ok(h.exec(`UPDATE evidence_payouts SET state = 'differs', known_net = known_net - 1`))
	if open := breaks(); len(open) != 1 || open[0].Amount != 1 {
		t.Fatalf("%+v", open)
	}
	ask(0)
	if n := h.count(`SELECT count(*) FROM evidence_payouts WHERE state = 'ties' AND paid = 4890 AND named = 2 AND known = 2`); n != 1 {
		t.Errorf("%d payouts tie", n)
	}
}
