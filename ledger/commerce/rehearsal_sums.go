package commerce

import (
	"cmp"
	"slices"
	"strings"

	"mizan/ledger"
	"mizan/ledger/money"
)

// Adding up a rehearsal: what every receiver got by all orders together, and what it would have got.

type rehearsedKey struct {
	who      string
	currency money.Currency
}

type rehearsedSum struct {
	orders    int
	now, then money.Minor
}

// rehearsalSums are the sums of a page.
type rehearsalSums struct {
	payees, accounts, totals map[rehearsedKey]*rehearsedSum
	largest                  []rehearsedChange
	orders, charges, changed int
	failed                   []RehearsalFailure
}

// rehearsedChange is a payee's change by one order or charge.
type rehearsedChange struct {
	order, charge string
	key           rehearsedKey
	rehearsedSum
}

func (c *rehearsedChange) size() money.Minor { return max(c.then-c.now, c.now-c.then) }

func newRehearsalSums() *rehearsalSums {
	return &rehearsalSums{payees: map[rehearsedKey]*rehearsedSum{}, accounts: map[rehearsedKey]*rehearsedSum{}, totals: map[rehearsedKey]*rehearsedSum{}}
}

// rehearsedReceiver says who an account belongs to, and which kind of receiver that is.
func rehearsedReceiver(a ledger.Address) (who, kind string, payee bool) {
	if kind, _, id, ok := splitPayee(a); ok {
		return kind + ":" + id, kind, true
	}
	s := string(a)
	switch {
	case strings.HasPrefix(s, "revenue:"):
		return s, "revenue", false
	case strings.HasPrefix(s, "expenses:"):
		return s, "expenses", false
	case strings.HasPrefix(s, "liabilities:tax:"):
		return s, "tax", false
	}
	return s, "other", false
}

// add adds what an order or a charge came to.
func (s *rehearsalSums) add(order, charge string, r *rehearsed) error {
	one := map[rehearsedKey]*rehearsedSum{}
	totals := map[rehearsedKey]*rehearsedSum{}
	note := func(in map[rehearsedKey]*rehearsedSum, key rehearsedKey, now, then money.Minor) {
		if in[key] == nil {
			in[key] = &rehearsedSum{}
		}
		in[key].now += now
		in[key].then += then
	}
	each := func(from map[balanceKey]money.Minor, now bool) {
		for at, m := range from {
			who, kind, _ := rehearsedReceiver(at.account)
			was, would := m, money.Minor(0)
			if !now {
				was, would = 0, m
			}
			note(one, rehearsedKey{who, at.currency}, was, would)
			note(totals, rehearsedKey{kind, at.currency}, was, would)
		}
	}
	each(r.now, true)
	each(r.then, false)
	changed := false
	for key, sum := range one {
		changed = changed || sum.now != sum.then
		in := s.accounts
		if isPayeeName(key.who) {
			in = s.payees
			s.rank(rehearsedChange{order: order, charge: charge, key: key, rehearsedSum: *sum})
		} else if _, kind, _ := rehearsedReceiver(ledger.Address(key.who)); kind == "other" && sum.now == sum.then {
			continue // cash, and what stands for it
		}
		note(in, key, sum.now, sum.then)
		in[key].orders++
	}
	for key, sum := range totals {
		note(s.totals, key, sum.now, sum.then)
		s.totals[key].orders++
	}
	if changed {
		s.changed++
	}
	if len(s.payees)+len(s.accounts) > maxRehearsedLines {
		return ErrRehearsalLarge
	}
	return nil
}

// isPayeeName reports whether a name is a payee's, as kind:id.
func isPayeeName(who string) bool {
	kind, _, _ := strings.Cut(who, ":")
	return slices.Contains(payeeKinds, kind)
}

// rank keeps a change if it is among the largest. Among equals the order's name decides, so that a page says the same
// each time.
func (s *rehearsalSums) rank(c rehearsedChange) {
	if c.now == c.then {
		return
	}
	s.largest = append(s.largest, c)
	if len(s.largest) > 4*maxLargest {
		s.trim()
	}
}

func (s *rehearsalSums) trim() {
	slices.SortFunc(s.largest, func(a, b rehearsedChange) int {
		return cmp.Or(cmp.Compare(b.size(), a.size()), cmp.Compare(a.order+a.charge, b.order+b.charge), cmp.Compare(a.key.who, b.key.who), cmp.Compare(a.key.currency, b.key.currency))
	})
	s.largest = s.largest[:min(len(s.largest), maxLargest)]
}

// page puts the sums into the form that is answered.
func (s *rehearsalSums) page(set *RuleSet) *Rehearsal {
	s.trim()
	out := &Rehearsal{RuleSet: set.ID(), Orders: s.orders, Charges: s.charges, Changed: s.changed, Payees: rows(s.payees), Accounts: rows(s.accounts), Totals: rows(s.totals),
		Largest: []RehearsedOrder{}, Failed: append([]RehearsalFailure{}, s.failed...)}
	for _, c := range s.largest {
		in := c.key.currency
		out.Largest = append(out.Largest, RehearsedOrder{Order: c.order, Charge: c.charge, Who: c.key.who, Currency: in,
			Now: c.now.Format(in), Proposed: c.then.Format(in), Difference: (c.then - c.now).Format(in)})
	}
	return out
}

func rows(sums map[rehearsedKey]*rehearsedSum) []RehearsedSum {
	list := make([]RehearsedSum, 0, len(sums))
	for key, sum := range sums {
		in := key.currency
		list = append(list, RehearsedSum{Who: key.who, Currency: in, Orders: sum.orders, Now: sum.now.Format(in), Proposed: sum.then.Format(in), Difference: (sum.then - sum.now).Format(in)})
	}
	slices.SortFunc(list, func(a, b RehearsedSum) int {
		return cmp.Or(cmp.Compare(a.Who, b.Who), cmp.Compare(a.Currency, b.Currency))
	})
	return list
}
