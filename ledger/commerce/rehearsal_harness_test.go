package commerce

import (
	"strings"
	"testing"
	"time"
)

// changedSet is a set with another name and what the change makes of it.
func changedSet(t testing.TB, document []byte, change func(*RuleSet)) *RuleSet {
	t.Helper()
	set, err := ParseRuleSet(document)
	if err != nil {
		t.Fatal(err)
	}
	set.Set, set.ValidFrom = "proposed", time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	if change != nil {
		change(set)
	}
	return set
}

// rehearseAll reads every page of a rehearsal.
func (w *workbench) rehearseAll(t testing.TB, set *RuleSet, limit int) (pages []*Rehearsal) {
	t.Helper()
	q := RehearsalQuery{From: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), To: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC), Limit: limit}
	for {
		page, err := w.Rehearse(t.Context(), w.book, set, q)
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, page)
		if page.Next == nil {
			return pages
		}
		q.After = *page.Next
	}
}

// wantNothing fails if a rehearsal finds a difference, or an order that cannot be played again.
func wantNothing(t testing.TB, name string, pages []*Rehearsal) (orders int) {
	t.Helper()
	for _, page := range pages {
		orders += page.Orders
		if page.Changed != 0 || len(page.Largest) != 0 || len(page.Failed) != 0 {
			t.Errorf("%s: %d changed, %+v, %+v", name, page.Changed, page.Largest, page.Failed)
		}
		for _, list := range [][]RehearsedSum{page.Payees, page.Accounts, page.Totals} {
			for _, sum := range list {
				if strings.Trim(sum.Difference, "0.") != "" {
					t.Errorf("%s: %+v", name, sum)
				}
			}
		}
	}
	return orders
}

// shippedSet returns a shipped set by its id.
func shippedSet(t testing.TB, id string) *RuleSet {
	t.Helper()
	for _, s := range ShippedRuleSets() {
		if s.ID() == id {
			return s
		}
	}
	t.Fatalf("no set %s is shipped", id)
	return nil
}
