package reconcile

import (
	"maps"
	"slices"

	"mizan/ledger/money"
)

// Money that moved between two accounts of one source moved nothing at the source. A transfer of which an earlier run knew one end only,
// because the other account became the source's later, was open until then; with both ends it agrees with itself.

// transferPlace is where a transfer is: a transaction in a currency.
type transferPlace struct {
	sequence int64
	currency money.Currency
}

// transfer is what has no counterpart of a transaction: known are entries of earlier runs, late are new ones.
type transfer struct {
	sum         money.Minor
	known, late bool
	// ref is what it names, and more says that it names several things.
	ref     string
	more    bool
	entries []Entry
}

// transfers are the transactions whose entries without a counterpart come to nothing and name one thing at most, and of which earlier
// runs knew a part. What names several things waits for the lines of each, as it does if both ends are new. What is reported together
// with something else waits with that.
func (r *reading) transfers() map[transferPlace]*transfer {
	all := map[transferPlace]*transfer{}
	of := map[EntryID]transferPlace{}
	for _, e := range r.aloneEntries {
		at := transferPlace{e.Sequence, e.Currency}
		t := all[at]
		if t == nil {
			t = &transfer{}
			all[at] = t
		}
		t.sum += e.Amount
		t.known, t.late = t.known || !r.isNew(e), t.late || r.isNew(e)
		if e.ExternalRef != "" {
			t.more = t.more || t.ref != "" && t.ref != e.ExternalRef
			t.ref = e.ExternalRef
		}
		t.entries = append(t.entries, e)
		of[EntryID{e.Sequence, e.Line}] = at
	}
	maps.DeleteFunc(all, func(_ transferPlace, t *transfer) bool { return t.sum != 0 || t.more || !t.known || !t.late })
	for again := len(all) > 0; again; {
		again = false
		for _, f := range r.out.findings {
			var touched []transferPlace
			for _, e := range f.Entries {
				if at, ok := of[e]; ok && all[at] != nil {
					touched = append(touched, at)
				}
			}
			if len(touched) > 0 && (len(touched) < len(f.Entries) || len(f.External) > 0) {
				for _, at := range touched {
					delete(all, at)
				}
				again = true
			}
		}
	}
	return all
}

// matchWithin ends such transfers among the entries that have no counterpart by key.
func (r *reading) matchWithin() {
	all := r.transfers()
	if len(all) == 0 {
		return
	}
	gone := map[EntryID]bool{}
	for _, t := range all {
		for _, e := range t.entries {
			gone[EntryID{e.Sequence, e.Line}] = true
		}
		r.match(matchedSet{entries: t.entries}, "matched", "")
	}
	r.out.findings = slices.DeleteFunc(r.out.findings, func(f Finding) bool { return len(f.Entries) > 0 && gone[f.Entries[0]] })
	r.aloneEntries = slices.DeleteFunc(r.aloneEntries, func(e Entry) bool { return gone[EntryID{e.Sequence, e.Line}] })
}
