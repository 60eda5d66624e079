package reconcile

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"mizan/ledger/postgres"
)

// TestMoreThanOnePassCarries: the two sides come in opposite orders, so that nearly nothing ties until the end, and stand in different
// months. A service that carries four keys at once finds the same as one that carries them all.
func TestMoreThanOnePassCarries(t *testing.T) {
	t.Parallel()
	h := newComparing(t)
	const n = 40
	for i := range n {
		at := h.Now()
		if i < 12 {
			at = at.AddDate(0, -1, 0)
		}
		h.take(line{id: fmt.Sprint("txn_", i), key: fmt.Sprint("ch_", i), gross: 100, at: at})
	}
	for i := n - 1; i >= 0; i-- {
		if i%20 != 7 {
			h.post("order:1", leg{amount: 100, ref: fmt.Sprint("ch_", i)})
		}
	}
	come := func(most int) ([]byte, *outcome) {
		h.most = most
		in, _, err := h.planRun(t.Context(), h.book, Asked{Match: R1, Source: 1, CutOff: h.Now().AddDate(0, 1, 0)})
		h.ok(err)
		out, err := h.compute(t.Context(), h.book, &in, nil, 2)
		h.ok(err)
		return out.digest, out
	}
	want, out := come(mostCarried)
	if len(out.open) != 2 || len(out.findings) != 13 {
		t.Fatalf("%d open, %d found", len(out.open), len(out.findings))
	}
	if got, _ := come(4); !slices.Equal(got, want) {
		t.Error("in several passes it comes to something else")
	}
	h.most = 4
	h.same(h.run(2))
}

// TestNoPassIsInVain: whatever there is no room for is looked at in a pass of its own, each key in one, and the passes are not many more than
// the keys ask for. More than all of them can carry is refused.
func TestNoPassIsInVain(t *testing.T) {
	t.Parallel()
	const most, keys = 100, 2_000
	r := &reading{later: []keyShare{{0, 1}}}
	seen, walks := map[string]int{}, 0
	for ; len(r.later) > 0; walks++ {
		r.pass, r.later, r.carry = r.later[len(r.later)-1], r.later[:len(r.later)-1], newCarry(most)
		for i := range keys {
			u := unequal{keyed: keyed{fmt.Sprint("ch_", i), "EUR"}, source: flow{1, 0}, lines: 1}
			if err := r.hold(u.key, func() error { return r.carry.add(u) }); err != nil {
				t.Fatal(err)
			}
		}
		for _, k := range r.carry.left() {
			seen[k.key]++
		}
	}
	if len(seen) != keys || walks > 2*keys/most {
		t.Errorf("%d of %d keys are looked at, in %d passes of which each carries %d", len(seen), keys, walks, most)
	}
	for k, n := range seen {
		if n != 1 {
			t.Errorf("the key %s is looked at %d times", k, n)
		}
	}
	r.pass, r.carry = keyShare{0, 1}, newCarry(1)
	var err error
	for i := 0; i < keys && err == nil; i++ {
		u := unequal{keyed: keyed{fmt.Sprint("ch_", i), "EUR"}, source: flow{1, 0}, lines: 1}
		err = r.hold(u.key, func() error { return r.carry.add(u) })
	}
	if !errors.Is(err, ErrRunLarge) {
		t.Errorf("more than all passes can carry: %v", err)
	}
}

// TestSlicesAreHalvedWhileTheyAreSlow: what is read too slowly is halved, and after slices that are read quickly it is halved less again.
func TestSlicesAreHalvedWhileTheyAreSlow(t *testing.T) {
	t.Parallel()
	var h halving
	p := slice{lines: span{0, 100}}
	for halved := range 3 {
		if !h.deeper(postgres.ErrReadTooLong, p, halved) {
			t.Fatal("it is not halved")
		}
	}
	if h.deeper(errors.New("another"), p, 0) || h.deeper(postgres.ErrReadTooLong, p, mostHalved) || h.deeper(postgres.ErrReadTooLong, slice{}, 0) || h.deep != 3 {
		t.Errorf("%d", h.deep)
	}
	for i, c := range []struct {
		took []time.Duration
		deep int
	}{{[]time.Duration{2 * time.Second, time.Millisecond}, 3}, {[]time.Duration{time.Second, time.Millisecond}, 3}, {[]time.Duration{time.Millisecond}, 2},
		{[]time.Duration{time.Millisecond, quickRead}, 2}, {[]time.Duration{time.Millisecond}, 1}, {[]time.Duration{time.Millisecond}, 0}, {nil, 0}} {
		h.begin()
		for _, d := range c.took {
			h.read(d)
		}
		if h.end(); h.deep != c.deep {
			t.Errorf("after slice %d it is halved %d times instead of %d", i, h.deep, c.deep)
		}
	}
}

// TestTooMuchIsOpen: where more is open than a run can leave, nothing is recorded, the answer says what there is and what to do, and the
// run takes place when that is done.
func TestTooMuchIsOpen(t *testing.T) {
	t.Parallel()
	h := newComparing(t)
	h.most = 4
	for i := range 10 {
		h.take(line{id: fmt.Sprint("txn_", i), key: fmt.Sprint("ch_", i), gross: 100})
	}
	_, err := h.compareBy(t.Context(), h.turn(), Asked{Match: R1, Source: 1}, 3)
	if !errors.Is(err, ErrRunLarge) || !strings.Contains(err.Error(), "5 lines of main and 0 entries") {
		t.Fatal(err)
	}
	if n := h.count(`SELECT (SELECT count(*) FROM recon_runs) + (SELECT count(*) FROM recon_items)`); n != 0 {
		t.Errorf("%d rows are left", n)
	}
	for i := range 8 {
		h.post("order:1", leg{amount: 100, ref: fmt.Sprint("ch_", i)})
	}
	h.advance(time.Hour)
	run := h.run(3)
	h.same(run)
	if run.Matched != 8 || run.OpenItems != 2 {
		t.Errorf("%d matched, %d open", run.Matched, run.OpenItems)
	}
}
