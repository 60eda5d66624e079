package reconcile

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger/postgres"
	"mizan/payouts"
	"mizan/payouts/processor"
	"mizan/payouts/processor/simulator"
)

// namesMore is a processor that names a line for a payout that it has not listed yet, or does not answer of some payouts.
type namesMore struct {
	processor.Driver
	line   string
	silent map[string]error
	asked  []string
}

func (d *namesMore) ListPayoutEntries(ctx context.Context, account, payout string) ([]processor.Entry, error) {
	d.asked = append(d.asked, payout)
	if err := d.silent[payout]; err != nil {
		return nil, err
	}
	list, err := d.Driver.ListPayoutEntries(ctx, account, payout)
	if d.line != "" && err == nil {
		list = append(slices.Clone(list), processor.Entry{ID: d.line, Source: "ch_unknown", Currency: "EUR", Amount: 100, Net: 100})
	}
	return list, err
}

// newPaidHouse is a house whose processor made payouts by itself, each of two charges.
func newPaidHouse(t *testing.T, n int) (*evidenceHouse, *namesMore) {
	t.Helper()
	h := newEvidenceHouse(t)
	h.ok(h.sim.ChangeAccount(simulator.Platform, func(a *simulator.Account) {
		a.Banks = append(a.Banks, &simulator.Bank{ID: "ba_ours", Object: "bank_account", Fingerprint: "fp_ours", Currency: "eur", Status: "new", Default: true})
	}))
	for range n {
		h.charge(3000, 65, 0)
		h.charge(2000, 45, 0)
		h.clock.Advance(24 * time.Hour)
		h.ok(h.sim.PayOut(simulator.Platform))
	}
	driver := &namesMore{Driver: h.driver, silent: map[string]error{}}
	h.driver = driver
	return h, driver
}

// paidOuts are the ids of the payouts that were pulled, the oldest first.
func (h *evidenceHouse) paidOuts(want int) (ids []string) {
	h.Helper()
	rows, err := h.db.Pool.Query(h.Context(), `SELECT source_ref FROM evidence_lines WHERE category = 'payout' ORDER BY moved_at, number`)
	h.ok(err)
	ids, err = pgx.CollectRows(rows, pgx.RowTo[string])
	h.ok(err)
	if len(ids) != want {
		h.Fatalf("payouts %v", ids)
	}
	return ids
}

// heldSo wants the payouts to stand so, by their ids.
func (h *evidenceHouse) heldSo(want map[string]string) {
	h.Helper()
	rows, err := h.db.Pool.Query(h.Context(), `SELECT payout, state FROM evidence_payouts`)
	h.ok(err)
	have := map[string]string{}
	var id, state string
	_, err = pgx.ForEachRow(rows, []any{&id, &state}, func() error { have[id] = state; return nil })
	h.ok(err)
	if !maps.Equal(have, want) {
		h.Fatalf("payouts stand so: %v, instead of %v", have, want)
	}
}

// A payout that the processor does not answer of keeps no other from being held. People are told of it, and of one whose lines are too
// many to be read at once; it is asked of again by the same round when that is tried again, though the source was compared.
func TestPayoutUnanswered(t *testing.T) {
	t.Parallel()
	h, driver := newPaidHouse(t, 3)
	h.pull()
	ids := h.paidOuts(3)
	driver.silent[ids[0]], driver.silent[ids[1]] = processor.ErrStrange, processor.ErrTooMany
	night := h.nightly("reconcile_processors", h.clock.Now())
	if _, err := h.RoundProcessors(t.Context(), night); !errors.Is(err, processor.ErrStrange) || !strings.Contains(err.Error(), ids[0]) {
		t.Fatalf("the round says %v", err)
	}
	h.runsOf(1)
	h.heldSo(map[string]string{ids[0]: payoutUnanswered, ids[1]: payoutTooLarge, ids[2]: payoutTies})
	open := func(class Class) (right []string) {
		t.Helper()
		_, err := h.CompareInside(t.Context(), h.turn(), h.book)
		h.ok(err)
		list, err := h.Breaks(t.Context(), h.book, BreakQuery{Match: R3, States: []State{Open}, Limit: 10})
		h.ok(err)
		for _, b := range list {
			if b.Class != class || b.Amount != 0 {
				t.Errorf("%+v", b)
			}
			right = append(right, b.Left+": "+b.Right)
		}
		slices.Sort(right)
		return right
	}
	want := []string{ids[0] + ": the processor did not answer", ids[1] + ": more than 10000 lines"}
	slices.Sort(want)
	h.clock.Advance(10 * 24 * time.Hour)
	if have := open(EvidenceIncomplete); !slices.Equal(have, want) {
		t.Errorf("told %v", have)
	}
	delete(driver.silent, ids[0])
	h.rounds(h.RoundProcessors, night, "compared already")
	h.heldSo(map[string]string{ids[0]: payoutTies, ids[1]: payoutTooLarge, ids[2]: payoutTies})
	if have := open(EvidenceIncomplete); !slices.Equal(have, want[slices.Index(want, ids[1]+": more than 10000 lines"):][:1]) {
		t.Errorf("told %v", have)
	}
}

// A processor that answers of no payout is not asked of all of them, and those that it was asked of are the last ones next time.
func TestPayoutsUnanswered(t *testing.T) {
	t.Parallel()
	h, driver := newPaidHouse(t, payoutsInVain+2)
	h.pull()
	ids := h.paidOuts(payoutsInVain + 2)
	for _, id := range ids {
		driver.silent[id] = processor.ErrUnavailable
	}
	if _, err := h.AskPayoutLines(t.Context(), h.turn(), h.processorSource()); !errors.Is(err, processor.ErrUnavailable) || !slices.Equal(driver.asked, ids[:payoutsInVain]) {
		t.Fatalf("asked of %v: %v", driver.asked, err)
	}
	// One that differed is still one that differs, and waits until the others were asked of.
	h.ok(h.exec(`UPDATE evidence_payouts SET state = 'differs' WHERE payout = $1`, ids[0]))
	h.clock.Advance(time.Minute)
	driver.asked = nil
	if _, err := h.AskPayoutLines(t.Context(), h.turn(), h.processorSource()); !errors.Is(err, processor.ErrUnavailable) || len(driver.asked) != len(ids) || !slices.Equal(driver.asked[:2], ids[payoutsInVain:]) {
		t.Fatalf("asked of %v: %v", driver.asked, err)
	}
	if n := h.count(`SELECT count(*) FROM evidence_payouts WHERE payout = $1 AND state = 'differs'`, ids[0]); n != 1 {
		t.Error("what was known is forgotten")
	}
	// All that are silent were silent before, so nobody is told of it again. To a key that may not read them each is as if it were not there.
	for _, id := range ids {
		driver.silent[id] = processor.ErrAbsent
	}
	if _, err := h.AskPayoutLines(t.Context(), h.turn(), h.processorSource()); err != nil {
		t.Fatalf("silent again: %v", err)
	}
	if n := h.count(`SELECT count(*) FROM evidence_payouts WHERE state = 'ordered'`); n != 0 {
		t.Errorf("%d payouts are taken for ordered", n)
	}
	clear(driver.silent)
	if n, err := h.AskPayoutLines(t.Context(), h.turn(), h.processorSource()); err != nil || n != 0 {
		t.Fatalf("%d differ: %v", n, err)
	}
	if n := h.count(`SELECT count(*) FROM evidence_payouts WHERE state = 'ties'`); n != len(ids) {
		t.Errorf("%d payouts tie", n)
	}
}

// A pull that people ask for has the payouts asked of as well, but only if it read all: of lines that are read in part, some are missing.
func TestPayoutAskedAfterPull(t *testing.T) {
	t.Parallel()
	h, driver := newPaidHouse(t, 1)
	lists := h.pullLists
	for h.pullLists = 1; ; h.pullLists = lists {
		p, err := h.PullAndAsk(t.Context(), h.turn(), "main")
		h.ok(err)
		if !p.More {
			break
		}
		if len(driver.asked) > 0 {
			t.Fatalf("asked of %v", driver.asked)
		}
	}
	h.heldSo(map[string]string{h.paidOuts(1)[0]: payoutTies})
	h.ok(h.exec(`UPDATE evidence_payouts SET state = 'differs', known = 1`))
	if _, err := h.PullAndAsk(t.Context(), h.turn(), "main"); err != nil || len(driver.asked) != 2 {
		t.Fatalf("asked of %v: %v", driver.asked, err)
	}
	h.heldSo(map[string]string{h.paidOuts(1)[0]: payoutTies})
}

// What was asked of a payout is written down by the process whose turn it is, and by no answer that is older than what is known. The
// payout itself stays what it was.
func TestPayoutStays(t *testing.T) {
	t.Parallel()
	h, _ := newPaidHouse(t, 1)
	h.pull()
	id := h.paidOuts(1)[0]
	gone := h.nightly("reconcile_processors", h.clock.Now())
	gone.Check = func(context.Context, pgx.Tx) error { return errRoundFenced }
	if _, err := h.AskPayoutLines(t.Context(), gone, h.processorSource()); !errors.Is(err, errRoundFenced) {
		t.Errorf("fenced: %v", err)
	}
	h.heldSo(map[string]string{})
	if _, err := h.AskPayoutLines(t.Context(), h.turn(), h.processorSource()); err != nil {
		t.Fatal(err)
	}
	p := paidOut{id: id, currency: "EUR", amount: 4890, at: h.clock.Now()}
	for _, silent := range []error{processor.ErrAbsent, processor.ErrStrange} {
		_, err := h.notePayout(t.Context(), h.turn(), h.processorSource(), p, h.clock.Now().Add(-time.Second), nil, silent)
		h.ok(err)
	}
	h.heldSo(map[string]string{id: payoutTies})
	owner, err := pgx.Connect(t.Context(), h.db.OwnerURL)
	h.ok(err)
	defer func() { _ = owner.Close(context.Background()) }()
	for name, sql := range map[string]string{
		"another amount": `UPDATE evidence_payouts SET paid = paid + 1`,
		"another day":    `UPDATE evidence_payouts SET moved_at = moved_at + interval '1 day'`,
		"an older ask":   `UPDATE evidence_payouts SET asked_at = asked_at - interval '1 day'`,
		"it goes":        `DELETE FROM evidence_payouts`,
		"all go":         `TRUNCATE evidence_payouts`,
	} {
		if _, err := owner.Exec(t.Context(), sql); postgres.SQLState(err) != "42501" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The lines of a payout that the processor made by itself come to what it paid out. Where they do not, or one of them is not known here,
// that is a difference until they do; of a payout that was ordered nobody knows the lines.
func TestPayoutIsItsLines(t *testing.T) {
	t.Parallel()
	h, driver := newPaidHouse(t, 1)
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
	if open := breaks(); len(open) != 1 || open[0].Class != PayoutLinesDiffer || !strings.HasSuffix(open[0].Detail, " Not known here: txn_never_seen.") {
		t.Fatalf("%+v", open)
	}
	h.clock.Advance(60 * 24 * time.Hour) // however old it is
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
