package reconcile

import (
	"mizan/ledger/money"
)

// Money that moved between two accounts of one source moved nothing at the source. A transfer of which an earlier run knew one end only,
// because the other account became the source's later, was open until then; with both ends it agrees with itself.

// matchWithin ends such transfers among the entries that have no counterpart by key.
func (r *reading) matchWithin() {
	type place struct {
		sequence int64
		currency money.Currency
	}
	type ends struct {
		sum         money.Minor
		known, late bool
		entries     []Entry
	}
	transfers := map[place]*ends{}
	var order []place
	for _, e := range r.aloneEntries {
		at := place{e.Sequence, e.Currency}
		t := transfers[at]
		if t == nil {
			t = &ends{}
			transfers[at], order = t, append(order, at)
		}
		t.sum += e.Amount
		if r.isNew(e) {
			t.late = true
		} else {
			t.known = true
		}
		t.entries = append(t.entries, e)
	}
	of := map[EntryID]place{}
	for _, at := range order {
		if t := transfers[at]; t.sum != 0 || !t.known || !t.late {
			delete(transfers, at)
			continue
		}
		for _, e := range transfers[at].entries {
			of[EntryID{e.Sequence, e.Line}] = at
		}
	}
	// What is reported together with something else waits with that.
	for again := len(transfers) > 0; again; {
		again = false
		for _, f := range r.out.findings {
			var touched []place
			for _, e := range f.Entries {
				if at, ok := of[e]; ok && transfers[at] != nil {
					touched = append(touched, at)
				}
			}
			if len(touched) > 0 && (len(touched) < len(f.Entries) || len(f.External) > 0) {
				for _, at := range touched {
					delete(transfers, at)
				}
				again = true
			}
		}
	}
	if len(transfers) == 0 {
		return
	}
	gone := func(e EntryID) bool {
		at, ok := of[e]
		return ok && transfers[at] != nil
	}
	var left []Finding
	for _, f := range r.out.findings {
		if len(f.Entries) == 0 || !gone(f.Entries[0]) {
			left = append(left, f)
		}
	}
	r.out.findings = left
	var alone []Entry
	for _, e := range r.aloneEntries {
		if !gone(EntryID{e.Sequence, e.Line}) {
			alone = append(alone, e)
		}
	}
	r.aloneEntries = alone
	for _, at := range order {
		if t := transfers[at]; t != nil {
			r.match(matchedSet{entries: t.entries}, "matched", "")
		}
	}
}
