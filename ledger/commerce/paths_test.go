package commerce

import (
	"fmt"
	"testing"

	"mizan/ledger/money"
)

// Path independence as far as it holds (W-15): two sequences of refunds that return the same units of the same lines, and
// shipping the same way, end in the same positions, over a payee's buckets merged.

// returnPlan is units by line, in some order and in some pieces.
func (l *randomLife) pieces(units map[int]int) (refunds []*RefundMade) {
	yes := true
	var all []int
	for line, n := range units {
		for range n {
			all = append(all, line)
		}
	}
	l.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	for len(all) > 0 {
		n := 1 + l.IntN(len(all))
		d := &RefundMade{Order: l.dice.name, Refund: l.id("rf"), Shipped: &yes}
		count := map[int]int{}
		for _, line := range all[:n] {
			count[line]++
		}
		for line := 1; line <= 3; line++ {
			if count[line] > 0 {
				d.Lines = append(d.Lines, RefundedLine{line, count[line]})
			}
		}
		refunds, all = append(refunds, d), all[n:]
	}
	return refunds
}

func (l *randomLife) paths() error {
	if err := l.capture(1); err != nil || l.first == nil {
		return err
	}
	if l.chance(30) {
		if err := l.capture(2); err != nil {
			return err
		}
	}
	if l.chance(40) {
		if _, err := l.try(l.bonus(), "creator.bonus"); err != nil {
			return err
		}
	}
	if l.chance(40) {
		if err := l.settle(); err != nil {
			return err
		}
	}
	units := map[int]int{}
	for i := range l.order.lots {
		if x := &l.order.lots[i]; x.kind == lotGoods {
			units[x.line] += l.IntN(x.quantity + 1)
		}
	}
	start := len(l.transactions)
	var ends [2]positions
	for i := range ends {
		// Back to the state before the returns, then another way.
		l.rewind(start)
		var err error
		if l.order, err = l.replayed(); err != nil {
			return err
		}
		for _, d := range l.pieces(units) {
			done, err := l.try(d, "refund.made")
			if err != nil {
				return err
			}
			if !done {
				return fmt.Errorf("a return of units that are there was refused")
			}
		}
		for _, p := range l.order.buckets {
			ends[i].add(positionOf(p.account), p.amount)
		}
	}
	for _, p := range append(ends[0], ends[1]...) {
		if a, b := ends[0].of(p.account), ends[1].of(p.account); a != b {
			return fmt.Errorf("%s ends at %d by one way and at %d by another", p.account, a, b)
		}
	}
	return nil
}

// rewind forgets what was recorded after the first n transactions.
func (b *pureBook) rewind(n int) {
	for _, t := range b.transactions[n:] {
		for _, e := range t.Entries {
			b.balances[e.Account] -= e.Amount
		}
	}
	b.transactions, b.sequence = b.transactions[:n:n], int64(n)
}

func TestReturnsArePathIndependent(t *testing.T) {
	t.Parallel()
	book := newWorkbench(t, "US", "America/Chicago", lifeCurrencies...).book
	start, count := freshSeed(), *lifeCount/10
	if *lifeSeed != 0 {
		start, count = *lifeSeed, 1
	}
	for i := range count {
		l := newRandomLife(book, start+uint64(i))
		if err := l.paths(); err != nil {
			t.Fatalf("-life.seed %d: %v\n%s", l.seed, err, l.log())
		}
	}
}

// TestUnitsGoBackAsTheyCame compares what units take with the rule of in fractions: the last units first,
// each with its own part of every component by largest remainder.
func TestUnitsGoBackAsTheyCame(t *testing.T) {
	t.Parallel()
	for i := range 20_000 {
		d := newDice(uint64(i) + 1)
		quantity := 1 + d.IntN(9)
		list := d.units(1000)
		off := min(d.units(400), list)
		x := lot{quantity: quantity, captured: parts{list: list, sellerOff: off}, taxes: []lotTax{{amount: d.units(200)}}}
		for left := quantity; left > 0; {
			n := 1 + d.IntN(left)
			left -= n
			x.giveBackUnits(n, d.unit)
			for name, c := range map[string][2]money.Minor{"list": {list, x.back.list}, "tax": {x.taxes[0].amount, x.taxes[0].back}} {
				want := money.Minor(0)
				for unit := left; unit < quantity; unit++ { // unit 0 is the first
					each, extra := int64(c[0]/d.unit)/int64(quantity), int64(c[0]/d.unit)%int64(quantity)
					if int64(unit) < extra {
						each++
					}
					want += money.Minor(each) * d.unit
				}
				if c[1] != want {
					t.Fatalf("seed %d: %d of %d units of %s %d took %d, want %d", i+1, quantity-left, quantity, name, c[0], c[1], want)
				}
			}
		}
	}
}
