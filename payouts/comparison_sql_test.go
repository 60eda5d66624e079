package payouts

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger/money"
)

// TestComparison pays five sellers by four runs of the schedule, and looks at the fifth run, which pays one of them five times
// its usual, one for the first time, and one at another account.
func TestComparison(t *testing.T) {
	t.Parallel()
	h := newRunHouse(t)
	for _, id := range []string{"sel_a", "sel_b", "sel_c", "sel_d"} {
		h.ready(usd("seller", id), true)
	}
	// What a run pays counts as paid once it has left and did not come back.
	arrived := func(run Run) {
		t.Helper()
		for _, set := range []string{"state = 'sending'", "state = 'submitted', submitted_at = created_at", "state = 'paid', paid_at = created_at"} {
			h.must(h.db.Pool.Tx(t.Context(), func(tx pgx.Tx) error {
				_, err := tx.Exec(t.Context(), `UPDATE payouts SET `+set+` WHERE book_id = $1 AND run_id = $2`, h.book.ID, run.ID)
				return err
			}))
		}
	}
	day := runsStart
	var earlier []Run
	for week, paid := range []map[string]money.Minor{{"sel_a": 1000, "sel_b": 3000}, {"sel_a": 1200, "sel_c": 4000, "sel_d": 200}, {"sel_a": 900, "sel_b": 1000}, {"sel_b": 5000, "sel_c": 5000, "sel_d": 300}} {
		for id, cents := range paid {
			h.move(usd("seller", id), "available", cents)
		}
		run := h.runOn(day)
		if run.Paid != int64(len(paid)) {
			t.Fatalf("week %d: %+v", week, run)
		}
		arrived(run)
		earlier, day = append(earlier, run), day.AddDate(0, 0, 7)
	}
	first, err := h.Compare(t.Context(), h.book, earlier[0].ID)
	h.must(err)
	if len(first.Totals) != 1 || first.Totals[0].Sum != 4000 || len(first.Totals[0].Earlier) != 0 || first.Totals[0].Tenths != 0 || len(first.Outliers) != 2 || !slices.Equal(first.Outliers[0].Why, []string{OutlierFirst, OutlierLargest}) {
		t.Errorf("a run without any before it: %+v", first)
	}
	h.must(h.db.Pool.Tx(t.Context(), func(tx pgx.Tx) error { // three days ago, in effect since yesterday
		_, err := tx.Exec(t.Context(), `UPDATE payout_destinations SET cooling_until = $2 WHERE book_id = $1 AND payee = 'sel_c'`, h.book.ID, day.Add(-24*time.Hour))
		return err
	}))
	h.ready(usd("creator", "cre_new"), true)
	for id, cents := range map[string]money.Minor{"sel_a": 5000, "sel_b": 3000, "sel_c": 20_000, "sel_d": 250} {
		h.move(usd("seller", id), "available", cents)
	}
	h.move(usd("creator", "cre_new"), "available", 1100)
	run := h.runOn(day)
	c, err := h.Compare(t.Context(), h.book, run.ID)
	h.must(err)
	if len(c.Totals) != 1 || c.Looked != 5 || c.More {
		t.Fatalf("%+v", c)
	}
	total := c.Totals[0]
	// Of 4000, 5400, 1900 and 10300 lie 4000 and 5400 in the middle.
	if total.Sum != 29_350 || total.Payouts != 5 || total.Mean != 5870 || total.Largest != 20_000 || total.Usual != (RunFigures{2, 4700, 1900, 3500}) || total.Tenths != 62 {
		t.Errorf("%+v", total)
	}
	var ids []string
	for _, e := range total.Earlier {
		ids = append(ids, e.ID)
	}
	if want := []string{earlier[3].ID, earlier[2].ID, earlier[1].ID, earlier[0].ID}; !slices.Equal(ids, want) || total.Earlier[0].Sum != 10_300 || total.Earlier[0].Mean != 3433 || total.Earlier[0].Largest != 5000 {
		t.Errorf("%+v", total.Earlier)
	}
	want := []string{
		"sel_c 20000 usual 4500 of 2, 44 tenths: unusual destination largest",
		"sel_a 5000 usual 1000 of 3, 50 tenths: unusual largest",
		"sel_b 3000 usual 3000 of 3, 10 tenths: largest",
		"cre_new 1100 usual 0 of 0, 0 tenths: first",
	}
	var got []string
	for _, o := range c.Outliers {
		got = append(got, fmt.Sprintf("%s %d usual %d of %d, %d tenths: %s", o.Holder.ID, o.Amount, o.Usual, o.Runs, o.Tenths, strings.Join(o.Why, " ")))
	}
	if !slices.Equal(got, want) || !c.Outliers[0].InEffect.Equal(day.Add(-24*time.Hour)) || !c.Outliers[0].Changed.IsZero() {
		t.Errorf("outliers\n%s", strings.Join(got, "\n"))
	}
	policy, err := h.PolicyFor(t.Context(), h.book, "sel_c", day)
	h.must(err)
	set := Outlier{Holder: usd("seller", "sel_c"), InEffect: policy.CoolingOffEnds(day), created: day}
	h.must(h.changedAt(t.Context(), h.book, &set))
	if !set.Changed.Equal(day) || !set.InEffect.After(day) {
		t.Errorf("the end of the cooling-off passes for the change: %+v", set)
	}
	// What is refused says nothing about what is usual, and a run before is compared with those before it alone.
	again, err := h.Compare(t.Context(), h.book, earlier[1].ID)
	h.must(err)
	if len(again.Totals) != 1 || len(again.Totals[0].Earlier) != 1 || again.Totals[0].Tenths != 13 {
		t.Errorf("the second run: %+v", again)
	}
	// What waits in the run before, and what came back, was not paid: both are looked at as the first.
	h.move(usd("creator", "cre_new"), "available", 1200)
	h.move(usd("seller", "sel_d"), "available", 250)
	next := h.runOn(day.AddDate(0, 0, 7))
	why := func(payee string) (why []string) {
		t.Helper()
		c, err := h.Compare(t.Context(), h.book, next.ID)
		h.must(err)
		for _, o := range c.Outliers {
			if o.Holder.ID == payee {
				why = o.Why
			}
		}
		return why
	}
	if got := why("cre_new"); !slices.Contains(got, OutlierFirst) {
		t.Errorf("a first payout waits: %v", got)
	}
	if got := why("sel_d"); slices.Contains(got, OutlierFirst) {
		t.Errorf("paid before: %v", got)
	}
	h.must(h.db.Pool.Tx(t.Context(), func(tx pgx.Tx) error {
		_, err := tx.Exec(t.Context(), `UPDATE payouts SET returned_at = paid_at WHERE book_id = $1 AND payee = 'sel_d' AND state = 'paid'`, h.book.ID)
		return err
	}))
	if got := why("sel_d"); !slices.Contains(got, OutlierFirst) {
		t.Errorf("what was paid before came back: %v", got)
	}
	if _, err := h.Compare(t.Context(), h.book, "run_none"); !errors.Is(err, ErrRunUnknown) {
		t.Errorf("no run: %v", err)
	}
	h.move(usd("seller", "sel_a"), "available", 700)
	d, _, err := h.ask("one", usd("seller", "sel_a"), 0)
	h.must(err)
	if one, err := h.Compare(t.Context(), h.book, d.Run); err != nil || one.Totals != nil || one.Outliers != nil {
		t.Errorf("of one payout: %+v %v", one, err)
	}
}

// TestTenths compares amounts that are too large to be multiplied.
func TestTenths(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		amount, usual money.Minor
		want          int64
	}{{0, 0, 0}, {5, 0, 0}, {0, 5, 0}, {29, 10, 29}, {299, 100, 29}, {money.Max, money.Max, 10}, {money.Max * 9, 1 << 62, 19}} {
		if got := tenthsOf(x.amount, x.usual); got != x.want {
			t.Errorf("%d of %d: %d, want %d", x.amount, x.usual, got, x.want)
		}
	}
}
