package commerce

import (
	"mizan/ledger/money"
)

// A lot is one line of one capture: goods, or shipping, gift wrap, duty or a donation round-up as lines of their own
// or what an exchange has taken back and not given again (M-09). It holds what was captured by component and what has gone back, so every base can be computed on what remains.

type lotKind uint8

const (
	lotGoods lotKind = iota
	lotShipping
	lotGiftWrap
	lotDuty
	lotRoundUp
	lotExchange
)

// lotTax is one tax of a lot as the checkout delivered it.
type lotTax struct {
	jurisdiction, kind string
	platform           bool // the platform owes it, not the seller
	included           bool
	amount, back       money.Minor
}

// parts are the components of a lot that are amounts of their own.
type parts struct{ list, sellerOff, platformOff money.Minor }

type lot struct {
	kind      lotKind
	line      int    // of the order; 0 for lots that are no goods
	sku       string // or the id of the exchange
	category  string
	quantity  int
	unitsBack int
	captured  parts
	back      parts
	taxes     []lotTax
	// owner is the account that a duty, a round-up or the money of an exchange goes to.
	owner string
}

// left returns the components that remain; with captured, those that were captured.
func (l *lot) parts(captured bool) parts {
	if captured {
		return l.captured
	}
	return parts{l.captured.list - l.back.list, l.captured.sellerOff - l.back.sellerOff, l.captured.platformOff - l.back.platformOff}
}

func (t *lotTax) left(captured bool) money.Minor {
	if captured {
		return t.amount
	}
	return t.amount - t.back
}

// money is what the buyer paid for the lot and has not got back, tax included.
func (l *lot) money(captured bool) money.Minor {
	p := l.parts(captured)
	m := p.list - p.sellerOff - p.platformOff
	for i := range l.taxes {
		if !l.taxes[i].included {
			m += l.taxes[i].left(captured)
		}
	}
	return m
}

// empty reports that nothing remains of the lot.
func (l *lot) empty() bool {
	if l.parts(false) != (parts{}) {
		return false
	}
	for i := range l.taxes {
		if l.taxes[i].left(false) != 0 {
			return false
		}
	}
	return true
}

// giveBackAll takes everything that remains.
func (l *lot) giveBackAll() {
	l.back, l.unitsBack = l.captured, l.quantity
	for i := range l.taxes {
		l.taxes[i].back = l.taxes[i].amount
	}
}

// unitShares is what the first n of quantity units have of a total: units get equal shares by largest remainder, the first
// unit first.
func unitShares(total money.Minor, quantity, n int, unit money.Minor) money.Minor {
	units := total / unit
	each, extra := units/money.Minor(quantity), units%money.Minor(quantity)
	return (each*money.Minor(n) + min(extra, money.Minor(n))) * unit
}

// kept is what the first k units of the lot have of its components. Where discounts take nearly the whole price, the shares
// of a unit can cost the buyer less than nothing; then the platform's discount of the units gives way, so that no return
// of units ever raises what the buyer has left to get back.
func (l *lot) kept(k int, unit money.Minor) parts {
	at := func(k int) parts {
		return parts{unitShares(l.captured.list, l.quantity, k, unit), unitShares(l.captured.sellerOff, l.quantity, k, unit), unitShares(l.captured.platformOff, l.quantity, k, unit)}
	}
	p := at(k)
	net := func(p parts) money.Minor { return max(p.list-p.sellerOff-p.platformOff, 0) }
	// The net of the first k units rises and falls only where a component's larger shares end.
	least := net(p)
	for _, total := range []money.Minor{l.captured.list, l.captured.sellerOff, l.captured.platformOff} {
		if end := int(total / unit % money.Minor(l.quantity)); end > k {
			least = min(least, net(at(end)))
		}
	}
	least = min(least, net(l.captured))
	if p.list-p.sellerOff-p.platformOff == least {
		return p
	}
	p.platformOff = min(max(p.list-p.sellerOff-least, 0), l.captured.platformOff)
	p.sellerOff = min(p.list-p.platformOff-least, l.captured.sellerOff)
	p.list = p.sellerOff + p.platformOff + least
	return p
}

// giveBackUnits takes n units, the last ones first: each component of theirs as captured, at most what is left of it, and
// everything with the last unit (decision on A-10).
func (l *lot) giveBackUnits(n int, unit money.Minor) {
	kept := l.quantity - l.unitsBack - n
	if kept == 0 {
		l.giveBackAll()
		return
	}
	before := l.money(false)
	from, to := l.kept(kept+n, unit), l.kept(kept, unit)
	take := func(share, captured, back money.Minor) money.Minor { return back + min(share, captured-back) }
	l.back.list = take(from.list-to.list, l.captured.list, l.back.list)
	l.back.sellerOff = take(from.sellerOff-to.sellerOff, l.captured.sellerOff, l.back.sellerOff)
	l.back.platformOff = take(from.platformOff-to.platformOff, l.captured.platformOff, l.back.platformOff)
	for i := range l.taxes {
		t := &l.taxes[i]
		share := unitShares(t.amount, l.quantity, kept+n, unit) - unitShares(t.amount, l.quantity, kept, unit)
		t.back = take(share, t.amount, t.back)
	}
	l.unitsBack += n
	l.settleDiscounts()
	if more := l.money(false) - before; more > 0 { // after refunds of amounts: the discounts stay with what is left
		fromPlatform := min(more, l.back.platformOff)
		l.back.platformOff -= fromPlatform
		l.back.sellerOff -= more - fromPlatform
	}
}

// settleDiscounts keeps the buyer's part of the goods at zero or above: after refunds of amounts, what is left of the list
// price may be less than what is left of the discounts.
func (l *lot) settleDiscounts() {
	p := l.parts(false)
	if short := p.sellerOff + p.platformOff - p.list; short > 0 {
		fromPlatform := min(short, p.platformOff)
		l.back.platformOff += fromPlatform
		l.back.sellerOff += short - fromPlatform
	}
}

// giveBackMoney takes an amount of the buyer's money from the lot, at most what is left of it: between price and tax
// in the ratio captured, clamped to what is left; discounts in the ratio of the amount to what is left.
func (l *lot) giveBackMoney(amount, unit money.Minor) error {
	left := l.money(false)
	if amount == left {
		l.giveBackAll()
		return nil
	}
	ratio := func(of, part, whole money.Minor) (money.Minor, error) { return mulDiv(of, part, whole, unit) }
	before := l.parts(false)
	taxLeft, taxCaptured := money.Minor(0), money.Minor(0)
	for i := range l.taxes {
		if !l.taxes[i].included {
			taxLeft += l.taxes[i].left(false)
			taxCaptured += l.taxes[i].amount
		}
	}
	netLeft := left - taxLeft
	tax, err := ratio(amount, taxCaptured, l.money(true))
	if err != nil {
		return err
	}
	tax = max(min(tax, taxLeft), amount-netLeft)
	net := amount - tax
	if err := l.giveBackTax(tax, false, unit); err != nil {
		return err
	}
	included := money.Minor(0)
	for i := range l.taxes {
		if l.taxes[i].included {
			included += l.taxes[i].left(false)
		}
	}
	if netLeft > 0 && included > 0 {
		part, err := ratio(included, net, netLeft)
		if err != nil {
			return err
		}
		if err := l.giveBackTax(min(part, included), true, unit); err != nil {
			return err
		}
	}
	platformOff, err := ratio(before.platformOff, amount, left)
	if err != nil {
		return err
	}
	sellerOff, err := ratio(before.sellerOff, amount, left)
	if err != nil {
		return err
	}
	l.back.platformOff += platformOff
	l.back.sellerOff += sellerOff
	l.back.list += net + platformOff + sellerOff
	return nil
}

// giveBackTax spreads an amount over the taxes of one kind of price by what is left of each.
func (l *lot) giveBackTax(amount money.Minor, included bool, unit money.Minor) error {
	if amount == 0 {
		return nil
	}
	lefts := make([]money.Minor, len(l.taxes))
	for i := range l.taxes {
		if l.taxes[i].included == included {
			lefts[i] = l.taxes[i].left(false)
		}
	}
	shares, err := money.AllocateOver(amount, lefts, unit)
	if err != nil {
		return err
	}
	for i := range shares {
		l.taxes[i].back += shares[i]
	}
	return nil
}

// mulDiv returns of × part / whole, rounded half-even to a multiple of unit.
func mulDiv(of, part, whole, unit money.Minor) (money.Minor, error) {
	return money.Proportion(of, part, whole, money.HalfEven, unit)
}
