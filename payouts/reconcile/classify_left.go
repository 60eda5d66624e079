package reconcile

import (
	"cmp"
	"fmt"

	"mizan/ledger/money"
)

// What only one side has.

// says writes a sentence with amounts of the group's currency.
func (t *tally) says(format string, amounts ...money.Minor) string {
	texts := make([]any, len(amounts))
	for i, m := range amounts {
		texts[i] = m.Format(t.group.Currency) + " " + string(t.group.Currency)
	}
	return fmt.Sprintf(format, texts...)
}

// findLines reports lines that the books do not have, each with its fee.
func (t *tally) findLines() {
	for i := 0; i < len(t.parts); {
		line, parts, gross := t.parts[i].line, []int(nil), money.Minor(0)
		for ; i < len(t.parts) && t.parts[i].line == line; i++ {
			if t.parts[i].done {
				continue
			}
			parts = append(parts, i)
			if !t.parts[i].fee || gross == 0 {
				gross = t.parts[i].amount
			}
		}
		if len(parts) == 0 {
			continue
		}
		l := t.group.External[line]
		f := t.lineOnly(l, t.partsSum(parts))
		f.Identity = t.direction(gross > 0, memberOfLine(l))
		t.add(f, parts, nil)
	}
}

// lineOnly says what a line is that the books do not have.
func (t *tally) lineOnly(l External, amount money.Minor) Finding {
	by := t.x.bookedBy(l.MovedAt)
	switch {
	case t.copied(l):
		return Finding{Class: Duplicate, Detail: t.says("The source has this movement of %s more often than the books.", amount)}
	case l.returned(t.x) || t.x.bank() && t.sentBefore(l):
		f := Finding{Class: PayoutReturned, Right: t.sentAs(l), Detail: t.says("A payment that went out came back: %s.", amount)}
		if f.Right != "" {
			f.Detail += " It is what " + f.Right + " paid: look there whether it counts as returned, and say so if it does not."
		}
		return f
	case t.x.CutOff.Before(by):
		return Finding{Class: Timing, ExpectedBy: by, Detail: t.says("The source shows %s, and the books may still take it in.", amount)}
	case !t.x.bank() && !l.known():
		return Finding{Class: Unclassified, Suspend: true, Detail: t.says("The source shows %s under a category that is not known here.", amount)}
	case t.x.bank() && l.Gross > 0:
		return Finding{Class: UnknownReceipt, Suspend: true, Detail: t.says("%s came to the bank, and the books do not know what for.", amount)}
	case l.nature() == natureRefund:
		return Finding{Class: MissingInLedger, Suspend: true, Detail: t.says("A refund of %s was made at the processor and not told to the books.", -amount)}
	}
	return Finding{Class: MissingInLedger, Suspend: true, Detail: t.says("The source shows %s, and the books do not have it.", amount)}
}

// copied says that the same movement of the key agrees already, or did in an earlier run. Of one amount, a processor's category
// tells two movements apart.
func (t *tally) copied(l External) bool {
	word := l.Category
	if t.x.bank() {
		word = anyWord
	}
	return l.Gross != 0 && t.seen[trace{amount: l.Gross, word: word}]
}

// sentBefore says that the same amount went out under the same key.
func (t *tally) sentBefore(l External) bool {
	return l.Gross > 0 && t.seen[trace{amount: -l.Gross, word: sentWord}]
}

// sentAs names what the books paid when the amount went out under the key: the payout, or else the transaction; empty if they do not say.
func (t *tally) sentAs(l External) string {
	for _, entries := range [2][]Entry{t.group.EntriesBefore, t.group.Entries} {
		for _, e := range entries {
			if e.Amount < 0 && e.Amount == -l.Gross {
				return cmp.Or(e.Subject, nameOf(e))
			}
		}
	}
	return ""
}

// findEntries reports what only the books have: each movement by itself, with its fee where the source has nothing of the key.
func (t *tally) findEntries() {
	var open []int
	for j := range t.group.Entries {
		if !t.done[j] {
			open = append(open, j)
		}
	}
	for _, members := range unitsOf(t.group.Entries, open) {
		e := t.group.Entries[members[0]]
		f := t.entryOnly(e, t.entriesSum(members))
		if f.Identity == "" {
			f.Identity = t.direction(e.Amount > 0, memberOfEntry(e))
		}
		t.add(f, nil, members)
	}
}

// entryOnly says what an entry is that the source does not show.
func (t *tally) entryOnly(e Entry, amount money.Minor) Finding {
	if e.Event == suspenseIn && len(t.group.External)+len(t.group.ExternalBefore) > 0 {
		return Finding{Class: Duplicate, Detail: t.says("The books have taken this in, and %s of it still waits in suspense as well.", amount)}
	}
	if t.doubled(e) {
		return Finding{Class: Duplicate, Detail: t.says("The books have this movement of %s more often than the source.", amount)}
	}
	by := t.x.expectedBy(e.OccurredAt)
	if t.x.CutOff.Before(by) {
		return Finding{Class: Timing, ExpectedBy: by, Detail: t.says("The books have %s, and the source is expected to show it.", amount)}
	}
	return Finding{Class: t.x.missingThere(), ExpectedBy: by, Detail: t.says("The books have %s, and the source did not show it in its time.", amount)}
}

// doubled says that the source has an entry's movement, and the books had it already.
func (t *tally) doubled(e Entry) bool {
	if e.Reverses != 0 {
		return false
	}
	at := trace{books: true, amount: e.Amount, word: anyWord}
	if e.nature() == natureUnknown {
		return t.seen[at]
	}
	at.word = string(natureUnknown)
	known := t.seen[at]
	at.word = string(e.nature())
	return known || t.seen[at]
}

// unitsOf puts entries of one key together that are one movement: a gross and its fees. Each begins with its gross; the fees of
// one transaction stay with it, and others are of the first.
func unitsOf(entries []Entry, open []int) (units [][]int) {
	first := map[int64]int{}
	for _, j := range open {
		if e := entries[j]; !e.fee() {
			if _, ok := first[e.Sequence]; !ok {
				first[e.Sequence] = len(units)
			}
			units = append(units, []int{j})
		}
	}
	for _, j := range open {
		e := entries[j]
		if !e.fee() {
			continue
		}
		at, ok := first[e.Sequence]
		switch {
		case ok:
			units[at] = append(units[at], j)
		case len(first) > 0:
			units[0] = append(units[0], j)
		default:
			units = append(units, []int{j})
		}
	}
	return units
}
