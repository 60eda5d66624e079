package reconcile

import (
	"cmp"
	"slices"

	"mizan/ledger/money"
)

// What a key is in all its currencies, and what agrees across the end of a month.

// classifyKey says how the two sides of one key differ. Where the source has it in one currency alone and the books in another
// alone, it is one finding, and not one that is missing on each side.
func classifyKey(groups []Group, x situation) []Finding {
	tallies := make([]*tally, 0, len(groups))
	for _, g := range slices.SortedFunc(slices.Values(groups), compareGroups) {
		tallies = append(tallies, tallyOf(g, x))
	}
	source, books := -1, -1
	alone := true
	for i, t := range tallies {
		switch g := t.group; {
		case len(g.ExternalBefore) > 0 || len(g.EntriesBefore) > 0:
		case len(g.Entries) == 0 && len(g.External) > 0:
			alone = alone && source < 0
			source = i
		case len(g.External) == 0 && slices.Contains(t.done, false):
			alone = alone && books < 0
			books = i
		}
	}
	var out []Finding
	if alone && source >= 0 && books >= 0 {
		if f, ok := tallies[source].otherCurrency(tallies[books]); ok {
			if len(f.Identity) > 0 {
				out = append(out, f)
			}
			tallies = slices.DeleteFunc(tallies, func(t *tally) bool { return t == tallies[source] || t == tallies[books] })
		}
	}
	for _, t := range tallies {
		out = append(out, t.find()...)
	}
	slices.SortFunc(out, compareFindings)
	return out
}

func compareGroups(a, b Group) int {
	return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.Currency, b.Currency))
}

// otherCurrency reports all of a source's group and all of the books' group in another currency, if money moves the same way in
// both. Its amount is the source's, in the source's currency; what the books have is said in words. A finding without an identity
// stands for nothing to report yet, since all of it is after the cut-off.
func (t *tally) otherCurrency(books *tally) (Finding, bool) {
	var gross, posted, net money.Minor
	parts := make([]int, len(t.parts))
	for i, p := range t.parts {
		parts[i] = i
		if !p.fee || t.bills {
			gross += p.amount
		}
	}
	f := Finding{Class: CurrencyDiffers}
	early := false
	for j, e := range books.group.Entries {
		if books.done[j] {
			continue
		}
		net += e.Amount
		if !e.fee() || t.bills {
			posted += e.Amount
		}
		early = early || !t.x.late(e.OccurredAt)
		f.Entries = append(f.Entries, EntryID{e.Sequence, e.Line})
		if f.Right == "" {
			f.Right, f.Original = nameOf(e), e.Original
		}
	}
	if signOf(gross)*signOf(posted) <= 0 {
		return f, false
	}
	f.Identity = t.direction(gross > 0, "")
	f.Detail = "The source says " + t.partsSum(parts).Format(t.group.Currency) + " " + string(t.group.Currency) +
		" and the books say " + net.Format(books.group.Currency) + " " + string(books.group.Currency) + "."
	t.add(f, parts, nil)
	if len(t.out) > 0 {
		return t.out[0], true
	}
	if !early {
		return Finding{}, true
	}
	// The books are before the cut-off and the source is after it.
	first := t.group.External[t.parts[0].line]
	f.Currency, f.Amount, f.Left, f.HappenedAt = t.group.Currency, t.partsSum(parts), first.ID, first.MovedAt
	for _, l := range t.group.External {
		f.External = append(f.External, l.Number)
	}
	return f, true
}

// cuts says of a group that agrees whether its two sides stand in different months: the source's line moved in one, and the books
// have it in another. It is for information, and its amount is nothing. A run makes it of the groups that agree and hold more than
// one month.
func cuts(g Group, x situation) []Finding {
	t := tallyOf(g, x)
	var parts, entries []int
	for i, p := range t.parts {
		if p.fee || !p.done || p.with < 0 {
			continue
		}
		if e := t.group.Entries[p.with]; e.Period != x.period(t.group.External[p.line].MovedAt) {
			parts, entries = append(parts, i), append(entries, p.with)
		}
	}
	if len(parts) == 0 {
		return nil
	}
	slices.Sort(entries)
	entries = slices.Compact(entries)
	l, e := t.group.External[t.parts[parts[0]].line], t.group.Entries[entries[0]]
	f := Finding{Class: PeriodCut, Identity: t.identity("cut"),
		Detail: "It moved in " + x.period(l.MovedAt).String() + " and the books have it in " + e.Period.String() + ". Both sides agree."}
	t.add(f, parts, entries)
	for i := range t.out {
		t.out[i].Amount = 0
	}
	return t.out
}
