package reconcile

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"mizan/ledger/money"
)

// What a difference is. All findings of a group together come to what the source says less what the ledger says, so that nothing is
// counted twice and nothing is lost; see api/docs/reconciliation-classes.md.

// classify says how the two sides of a group differ; nothing if they agree after all.
func classify(g Group, x situation) []Finding { return tallyOf(g, x).find() }

// agrees says that a group agrees after all, though its directions do not tie: its reversals come to nothing, or it waits in
// suspense. That classify finds nothing does not say so, since what is after the cut-off is open and no finding.
func agrees(g Group, x situation) bool {
	x.CutOff = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
	return len(classify(g, x)) == 0
}

// find reports what does not agree.
func (t *tally) find() []Finding {
	t.out = nil
	t.findMet()
	t.findAmounts()
	t.findSigns()
	t.findFees()
	t.findLines()
	t.findEntries()
	slices.SortFunc(t.out, compareFindings)
	return t.out
}

func compareFindings(a, b Finding) int {
	return cmp.Or(cmp.Compare(a.Identity, b.Identity), cmp.Compare(a.Class, b.Class))
}

func way(in bool) int {
	if in {
		return 1
	}
	return 0
}

// findMet notes in which directions the key has something that agrees or once agreed.
func (t *tally) findMet() {
	for _, p := range t.parts {
		if p.done && !p.fee {
			t.met[way(p.amount > 0)] = true
		}
	}
	for _, l := range t.group.ExternalBefore {
		t.met[way(l.Gross > 0)] = true
	}
	for _, e := range t.group.EntriesBefore {
		if !e.fee() {
			t.met[way(e.Amount > 0)] = true
		}
	}
}

// identity is the key, the currency and the aspect. The first difference of a direction has the direction's name, on whichever side
// it stands, so that what was missing on one side and then differs stays one break; every other one is named by its member.
func (t *tally) identity(aspect string) string {
	return t.group.Key + "|" + string(t.group.Currency) + "|" + aspect
}

func (t *tally) direction(in bool, member string) string {
	aspect := "out"
	if in {
		aspect = "in"
	}
	if member != "" && t.met[way(in)] {
		aspect = member
	}
	t.met[way(in)] = true
	return t.identity(aspect)
}

func memberOfLine(l External) string { return "e:" + strconv.FormatInt(l.Number, 10) }

func memberOfEntry(e Entry) string {
	return "l:" + strconv.FormatInt(e.Sequence, 10) + "." + strconv.Itoa(e.Line)
}

// add reports a difference of some parts of lines and some entries, unless all of it happened after the cut-off.
func (t *tally) add(f Finding, parts, entries []int) {
	early := false
	last := -1
	f.Currency = t.group.Currency
	for _, i := range parts {
		l := t.group.External[t.parts[i].line]
		t.parts[i].done = true
		f.Amount += t.parts[i].amount
		early = early || !t.x.late(l.MovedAt)
		if t.parts[i].line == last {
			continue
		}
		last = t.parts[i].line
		f.External = append(f.External, l.Number)
		if f.Left == "" {
			f.Left, f.HappenedAt = l.ID, l.MovedAt
		}
	}
	for _, j := range entries {
		e := t.group.Entries[j]
		t.done[j] = true
		f.Amount -= e.Amount
		early = early || !t.x.late(e.OccurredAt)
		f.Entries = append(f.Entries, EntryID{e.Sequence, e.Line})
		if f.Right == "" {
			f.Right = nameOf(e)
			f.Original = e.Original
		}
		if f.HappenedAt.IsZero() {
			f.HappenedAt = e.OccurredAt
		}
	}
	if early {
		t.out = append(t.out, f)
	}
}

// nameOf is what a person finds a transaction by.
func nameOf(e Entry) string {
	if e.Reference != "" {
		return e.Reference
	}
	return strconv.FormatInt(e.Sequence, 10)
}

// findAmounts reports directions in which both sides have something left, in different sums.
func (t *tally) findAmounts() {
	for _, in := range [2]bool{true, false} {
		parts, entries := t.open(in, false)
		if len(parts) == 0 || len(entries) == 0 {
			continue
		}
		source, books := t.partsSum(parts), t.entriesSum(entries)
		f := Finding{Class: AmountDiffers, Identity: t.direction(in, ""), Detail: t.says("The source says %s and the books say %s.", source, books)}
		converted := !slices.ContainsFunc(parts, func(i int) bool { return t.group.External[t.parts[i].line].Rate == "" })
		if converted && within(source-books, t.x.Rules.FxTolerance) {
			f.Class = FxDiffers
			f.Detail = t.says("The source converted and says %s, and the books say %s: no more than the rate's rounding.", source, books)
		}
		t.add(f, parts, entries)
	}
}

// findSigns reports the same amount the other way, where neither direction has anything of both sides left and the names of the two
// do not say that they are different movements, each the right way around.
func (t *tally) findSigns() {
	for _, in := range [2]bool{true, false} {
		parts, _ := t.open(in, false)
		_, entries := t.open(!in, false)
		free := map[money.Minor][]int{}
		for _, j := range entries {
			free[t.group.Entries[j].Amount] = append(free[t.group.Entries[j].Amount], j)
		}
		for _, i := range parts {
			p := t.parts[i]
			list := free[-p.amount]
			at := slices.IndexFunc(list[:min(len(list), mostLooks)], func(j int) bool { return !t.upright(p, t.group.Entries[j]) })
			if at < 0 {
				continue
			}
			j := list[at]
			list[at] = list[0]
			free[-p.amount] = list[1:]
			t.add(Finding{Class: SignDiffers, Identity: t.direction(in, memberOfLine(t.group.External[p.line])),
				Detail: t.says("The source says %s and the books say %s: the same amount the other way.", p.amount, t.group.Entries[j].Amount)}, []int{i}, []int{j})
		}
	}
}

// mostLooks bounds how many entries of one amount and key are looked at for one of the other sign.
const mostLooks = 16

// upright says that a part and an entry of opposite signs are two different movements, each in the direction of its nature.
func (t *tally) upright(p part, e Entry) bool {
	line := t.group.External[p.line].nature()
	return apart(line, e.nature()) && line.sign()*signOf(p.amount) > 0 && e.nature().sign()*signOf(e.Amount) > 0
}

func signOf(m money.Minor) int { return cmp.Compare(m, 0) }

// findFees reports fees of what both sides have.
func (t *tally) findFees() {
	var parts, entries []int
	for _, in := range [2]bool{true, false} {
		p, e := t.open(in, true)
		parts, entries = append(parts, p...), append(entries, e...)
	}
	slices.Sort(parts)
	slices.Sort(entries)
	if len(entries) > 0 && len(parts) == 0 {
		t.findFeesOfBooks(entries)
		return
	}
	if len(entries) == 0 {
		// A line whose gross is not in the books either is reported with its fee in one.
		parts = slices.DeleteFunc(parts, func(i int) bool { return !t.gross(t.parts[i].line).done })
		if len(parts) == 0 {
			return
		}
	}
	source, books := t.partsSum(parts), t.entriesSum(entries)
	if source == books {
		t.agree(parts, entries)
		return
	}
	f := Finding{Class: FeeDiffers, Identity: t.identity("fee"), TrueUp: t.x.truesUp(t.group.Currency, source-books),
		Detail: t.says("The source's fee is %s and that of the books is %s.", -source, -books)}
	if len(entries) == 0 {
		f.Detail = t.says("The source's fee is %s, and the books have none yet.", -source)
		if by := t.x.bookedBy(t.group.External[t.parts[parts[0]].line].MovedAt); t.x.CutOff.Before(by) {
			f.Class, f.ExpectedBy, f.TrueUp = Timing, by, false
		}
	}
	t.add(f, parts, entries)
}

// findFeesOfBooks reports fees that only the books have. Where the source has the payment, its fees are all known; where it has
// nothing of the key they wait with the payment.
func (t *tally) findFeesOfBooks(entries []int) {
	if len(t.group.External) == 0 && len(t.group.ExternalBefore) == 0 {
		return
	}
	known := map[money.Minor]bool{}
	for _, p := range t.parts {
		if p.done && p.fee {
			known[p.amount] = true
		}
	}
	for _, l := range t.group.ExternalBefore {
		if l.Fee != 0 {
			known[-l.Fee] = true
		}
		if l.nature() == natureFee {
			known[l.Gross] = true
		}
	}
	entries = slices.DeleteFunc(entries, func(j int) bool {
		e := t.group.Entries[j]
		if known[e.Amount] {
			t.add(Finding{Class: Duplicate, Identity: t.identity(memberOfEntry(e)),
				Detail: t.says("The books have this fee of %s more often than the source.", -e.Amount)}, nil, []int{j})
		}
		return known[e.Amount]
	})
	if len(entries) == 0 {
		return
	}
	books := t.entriesSum(entries)
	t.add(Finding{Class: FeeDiffers, Identity: t.identity("fee"), TrueUp: t.x.truesUp(t.group.Currency, -books),
		Detail: t.says("The books have a fee of %s more than the source.", -books)}, nil, entries)
}
