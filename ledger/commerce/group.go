package commerce

import (
	"maps"
	"slices"

	"mizan/ledger"
	"mizan/ledger/money"
)

// A group is events that are planned one on top of the other before any of them is recorded: an atomic batch, or a dry
// run. It knows what its own earlier events have done to orders and balances, which the books do not know yet.

type group struct {
	orders map[string]*order
	// moved is what the group's events post so far, debit positive.
	moved map[balanceKey]money.Minor
	// told are the group's own transactions about subjects other than orders.
	told map[string][]ledger.Transaction
	// subjects are those of told, in the order they were first told of.
	subjects []string
	// done are the group's own events by reference, as indexes.
	done map[string]int
	// unchecked says that no ledger will check what the plans take for granted, because it is a dry run.
	unchecked bool
}

type balanceKey struct {
	account  ledger.Address
	currency money.Currency
}

func newGroup() *group {
	return &group{orders: map[string]*order{}, moved: map[balanceKey]money.Minor{}, told: map[string][]ledger.Transaction{}, done: map[string]int{}}
}

// add notes what a plan posts.
func (g *group) add(reference string, drafts []ledger.Draft) {
	for i := range drafts {
		if subject := drafts[i].Subject; subject != "" && !isOrder(subject) {
			if len(g.told[subject]) == 0 {
				g.subjects = append(g.subjects, subject)
			}
			g.told[subject] = append(g.told[subject], foretold(reference, &drafts[i]))
		}
		for _, l := range drafts[i].Lines {
			g.moved[balanceKey{l.Account, l.Currency}] += l.Amount
		}
	}
}

// disputed is the subject of a dispute that the group opened, or nothing.
func (g *group) disputed(id string) string {
	if g == nil {
		return ""
	}
	for subject, o := range g.orders {
		if o.dispute(id) != nil {
			return subject
		}
	}
	return ""
}

// clone copies what events change of an order, so that a refused event leaves nothing behind.
func (o *order) clone() *order {
	c := *o
	c.captures, c.cases = slices.Clone(o.captures), slices.Clone(o.cases)
	c.creators, c.partners = slices.Clone(o.creators), slices.Clone(o.partners)
	c.lots = cloneLots(o.lots)
	c.moves, c.tiers, c.pledges, c.exchanged = slices.Clone(o.moves), slices.Clone(o.tiers), slices.Clone(o.pledges), slices.Clone(o.exchanged)
	c.minors = slices.Clone(o.minors)
	c.tenders, c.bonuses, c.refunds = slices.Clone(o.tenders), slices.Clone(o.bonuses), slices.Clone(o.refunds)
	c.duplicates, c.disputes = slices.Clone(o.duplicates), slices.Clone(o.disputes)
	for i := range c.disputes {
		c.disputes[i].charged = slices.Clone(c.disputes[i].charged)
	}
	c.extras, c.posted, c.buckets = slices.Clone(o.extras), slices.Clone(o.posted), slices.Clone(o.buckets)
	c.refundFees, c.refundFee = maps.Clone(o.refundFees), maps.Clone(o.refundFee)
	for id, list := range c.refundFees {
		c.refundFees[id] = slices.Clone(list)
	}
	return &c
}
