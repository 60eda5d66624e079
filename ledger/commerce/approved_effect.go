package commerce

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"mizan/ledger"
	"mizan/ledger/guard"
	"mizan/ledger/money"
)

// What a second person is shown of postings before agreeing to them. The same books give the same effect, so it tells the
// balances of those accounts only that hold what is owed to somebody: a payee's changes rarely, and whoever looked at it
// must look again when it does, while the processor's changes with every sale.

// maxShownMovements and maxShown bound what an effect lists.
const (
	maxShownMovements = 10
	maxShown          = 200
	maxShownBytes     = 600
)

// effectOf is the effect of transactions that are forecast.
func (s *Service) effectOf(summary string, ts []ledger.Transaction) (guard.Effect, error) {
	out := guard.Effect{Summary: summary}
	var err error
	if out.Entries, err = s.ForecastEntries(ts); err != nil {
		return guard.Effect{}, err
	}
	moved := map[balanceKey]*movedAccount{}
	var order []balanceKey
	totals := map[money.Currency]money.Minor{}
	for i := range ts {
		for _, e := range ts[i].Entries {
			out.Count++
			if e.Amount > 0 {
				sum, err := money.Add(totals[e.Currency], e.Amount)
				if err != nil {
					return guard.Effect{}, err
				}
				totals[e.Currency] = sum
			}
			key := balanceKey{e.Account, e.Currency}
			if moved[key] == nil {
				moved[key] = &movedAccount{before: e.BalanceAfter - e.Amount}
				order = append(order, key)
			}
			moved[key].after = e.BalanceAfter
		}
		if t := &ts[i]; t.Effective != t.Period {
			out.Warnings = appendShown(out.Warnings, fmt.Sprintf("It happened in %s, which is closed: it counts in %s.", t.Effective, t.Period))
		}
	}
	for _, c := range slices.Sorted(maps.Keys(totals)) {
		out.Totals = append(out.Totals, guard.Amount{Currency: string(c), Amount: totals[c].Format(c)})
	}
	slices.SortFunc(order, func(a, b balanceKey) int {
		return cmp.Or(compareSizes(moved[b].size(), b.currency, moved[a].size(), a.currency), cmp.Compare(a.account, b.account), cmp.Compare(a.currency, b.currency))
	})
	for _, key := range order {
		m := moved[key]
		if net := m.after - m.before; net != 0 && len(out.Largest) < maxShownMovements {
			direction := "debit"
			if net < 0 {
				direction = "credit"
			}
			out.Largest = append(out.Largest, guard.Movement{Object: string(key.account), Direction: direction,
				Amount: guard.Amount{Currency: string(key.currency), Amount: m.size().Format(key.currency)}})
		}
		if err := s.judgeMoved(&out, key, m); err != nil {
			return guard.Effect{}, err
		}
	}
	return out, nil
}

// ForecastEntries are the entries of transactions that are forecast with the balances around them, at most five hundred.
func (s *Service) ForecastEntries(ts []ledger.Transaction) (list []guard.Entry, err error) {
	for i := range ts {
		for _, e := range ts[i].Entries {
			row, err := s.ledger.Chart().Resolve(e.Account)
			if err != nil || len(list) == ledger.MaxLines {
				return list, err
			}
			before, after := e.BalanceAfter-e.Amount, e.BalanceAfter
			if row.Normal == ledger.Credit {
				before, after = -before, -after
			}
			list = append(list, guard.Entry{Movement: guard.Movement{Object: string(e.Account), Direction: e.Direction().String(),
				Amount: guard.Amount{Currency: string(e.Currency), Amount: max(e.Amount, -e.Amount).Format(e.Currency)}},
				Before: before.Format(e.Currency), After: after.Format(e.Currency), Floor: row.Floor.String(), Below: after < 0 && row.Floor != ledger.FloorNone})
		}
	}
	return list, nil
}

// movedAccount is an account before and after, debit positive.
type movedAccount struct{ before, after money.Minor }

func (m *movedAccount) size() money.Minor { return max(m.after-m.before, m.before-m.after) }

// judgeMoved tells the balances of an account that holds what is owed to somebody, and warns of what deserves a second look.
func (s *Service) judgeMoved(out *guard.Effect, key balanceKey, m *movedAccount) error {
	row, err := s.ledger.Chart().Resolve(key.account)
	if err != nil {
		return err
	}
	if row.Floor != ledger.FloorPayee && row.Floor != ledger.FloorDecision {
		return nil
	}
	held := func(balance money.Minor) string { return (-balance).Format(key.currency) + " " + string(key.currency) }
	out.Difference = appendShown(out.Difference, fmt.Sprintf("%s: %s before, %s after", key.account, held(m.before), held(m.after)))
	if row.Floor != ledger.FloorPayee {
		return nil
	}
	switch {
	case m.after > m.before && m.after > 0:
		out.Warnings = appendShown(out.Warnings, fmt.Sprintf("It takes money from a payee and leaves a debt: %s is then %s.", key.account, held(m.after)))
	case m.after > m.before:
		out.Warnings = appendShown(out.Warnings, fmt.Sprintf("It takes money from a payee: %s.", key.account))
	default:
		out.Warnings = appendShown(out.Warnings, fmt.Sprintf("It moves money to a payee: %s.", key.account))
	}
	return nil
}

// appendShown adds a line to a list that people read, which stays short.
func appendShown(list []string, line string) []string {
	switch {
	case len(list) == maxShown:
		return append(list, "and more, which is not listed")
	case len(list) > maxShown:
		return list
	}
	if len(line) > maxShownBytes {
		line = strings.ToValidUTF8(line[:maxShownBytes], "") + "…"
	}
	return append(list, line)
}

// compareSizes compares amounts of currencies with different numbers of digits, as if one unit of each were worth the same.
func compareSizes(a money.Minor, ac money.Currency, b money.Minor, bc money.Currency) int {
	scale := func(c money.Currency) money.Minor {
		unit := money.Minor(1)
		for range c.Digits() {
			unit *= 10
		}
		return unit
	}
	au, bu := scale(ac), scale(bc)
	return cmp.Or(cmp.Compare(a/au, b/bu), cmp.Compare((a%au)*bu, (b%bu)*au))
}
