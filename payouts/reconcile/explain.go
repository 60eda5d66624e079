package reconcile

import (
	"cmp"
	"slices"
)

// The whole of what a run makes of the groups that do not agree: key by key first, then by amounts and sums among what has no
// counterpart by key.

// explain returns all findings, and what belongs together though no key says so. A member of a pairing that is made is in no finding;
// a question holds its members in one finding instead of one each.
func explain(groups []Group, x situation) (findings []Finding, made, suggested []Pairing) {
	sorted := slices.SortedFunc(slices.Values(groups), compareGroups)
	var external []External
	var entries []Entry
	for i := 0; i < len(sorted); {
		j := i
		lines, books := false, false
		for ; j < len(sorted) && sorted[j].Key == sorted[i].Key; j++ {
			lines = lines || len(sorted[j].External)+len(sorted[j].ExternalBefore) > 0
			books = books || len(sorted[j].Entries)+len(sorted[j].EntriesBefore) > 0
		}
		found := classifyKey(sorted[i:j], x)
		findings = append(findings, found...)
		if lines != books {
			for _, g := range sorted[i:j] {
				external, entries = residue(found, g, external, entries)
			}
		}
		i = j
	}
	p := pairUp(external, entries, x)
	findings = p.replace(findings)
	suggested = p.hints
	for _, q := range p.questions {
		suggested = append(suggested, q.suggested...)
	}
	slices.SortFunc(suggested, comparePairings)
	suggested = slices.CompactFunc(suggested, func(a, b Pairing) bool { return a.Identity == b.Identity })
	slices.SortFunc(findings, compareFindings)
	return findings, p.made, suggested
}

// residue adds the members of a group that are reported as missing on the other side.
func residue(found []Finding, g Group, external []External, entries []Entry) ([]External, []Entry) {
	lines, books := map[int64]bool{}, map[EntryID]bool{}
	for _, f := range found {
		if !f.missing() {
			continue
		}
		for _, n := range f.External {
			lines[n] = true
		}
		for _, e := range f.Entries {
			books[e] = true
		}
	}
	for _, l := range g.External {
		if lines[l.Number] {
			external = append(external, l)
		}
	}
	for _, e := range g.Entries {
		if books[EntryID{e.Sequence, e.Line}] {
			entries = append(entries, e)
		}
	}
	return external, entries
}

// missing says that a finding is of one side, and could have its counterpart under another key.
func (f Finding) missing() bool {
	switch f.Class {
	case MissingInLedger, MissingAtProcessor, MissingAtBank, Timing, UnknownReceipt, Unclassified, PayoutReturned:
		return len(f.External) == 0 || len(f.Entries) == 0
	}
	return false
}

// replace takes the findings of members that are paired away, and puts one for each question in place of those of its members.
func (p pairs) replace(findings []Finding) []Finding {
	ofLine, ofEntry := map[int64]int{}, map[EntryID]int{}
	for i, f := range findings {
		if !f.missing() {
			continue
		}
		for _, n := range f.External {
			ofLine[n] = i
		}
		for _, e := range f.Entries {
			ofEntry[e] = i
		}
	}
	gone := make([]bool, len(findings))
	for _, made := range p.made {
		for _, n := range made.External {
			gone[ofLine[n]] = true
		}
		for _, e := range made.Entries {
			gone[ofEntry[e]] = true
		}
	}
	var asked []Finding
	for _, q := range p.questions {
		var members []int
		for _, u := range q.lines {
			members = append(members, ofLine[u.first])
		}
		for _, u := range q.entries {
			members = append(members, ofEntry[EntryID{u.entries[0].Sequence, u.entries[0].Line}])
		}
		f := findings[members[0]]
		f = Finding{Class: q.class, Identity: f.Identity, Currency: f.Currency, HappenedAt: f.HappenedAt, Detail: q.words(), ExpectedBy: q.by}
		for _, i := range members {
			gone[i] = true
			f.take(findings[i])
		}
		asked = append(asked, f)
	}
	var kept []Finding
	for i, f := range findings {
		if !gone[i] {
			kept = append(kept, f)
		}
	}
	return append(kept, asked...)
}

// take adds the members of another finding.
func (f *Finding) take(o Finding) {
	f.Amount += o.Amount
	f.External = append(f.External, o.External...)
	f.Entries = append(f.Entries, o.Entries...)
	slices.Sort(f.External)
	slices.SortFunc(f.Entries, func(a, b EntryID) int {
		return cmp.Or(cmp.Compare(a.Sequence, b.Sequence), cmp.Compare(a.Line, b.Line))
	})
	f.Left, f.Right = cmp.Or(f.Left, o.Left), cmp.Or(f.Right, o.Right)
	f.Original = cmp.Or(f.Original, o.Original)
}
