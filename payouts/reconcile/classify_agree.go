package reconcile

import (
	"cmp"
	"slices"

	"mizan/ledger"
	"mizan/ledger/money"
)

// What agrees under one key: lines and entries are matched one by one by amount, then by sums of one direction. What is left over
// is what differs.

// part is one movement of a line: its gross, or its fee as it left the balance. A processor's own bill is a gross there and a fee here.
type part struct {
	line   int
	amount money.Minor
	fee    bool
	// with is the entry it agrees with, or -1; done says that it agrees.
	with int
	done bool
}

// tally is the state of one group while it is taken apart.
type tally struct {
	group Group
	x     situation
	parts []part
	// mirror is the entry that an entry reverses or is reversed by in this group, or -1. done says that an entry agrees.
	mirror []int
	done   []bool
	// bills says that all lines are a processor's bills, so that the entries beside them are its fees whatever their event.
	bills bool
	// met are the directions in which a finding holds both sides, or in which something agrees or once agreed.
	met [2]bool
	// seen is what agrees or once agreed, by which copies are known.
	seen map[trace]bool
	out  []Finding
}

// tallyOf sorts both sides, so that nothing depends on the order in which they came, and matches what agrees.
func tallyOf(g Group, x situation) *tally {
	t := &tally{group: g, x: x}
	t.group.External = slices.SortedFunc(slices.Values(g.External), func(a, b External) int {
		return cmp.Or(cmp.Compare(a.Number, b.Number), cmp.Compare(a.ID, b.ID))
	})
	t.group.Entries = slices.SortedFunc(slices.Values(g.Entries), compareEntries)
	for i, l := range t.group.External {
		if l.Gross != 0 {
			t.parts = append(t.parts, part{line: i, amount: l.Gross, fee: l.nature() == natureFee, with: -1})
		}
		if l.Fee != 0 {
			t.parts = append(t.parts, part{line: i, amount: -l.Fee, fee: true, with: -1})
		}
	}
	t.bills = len(t.parts) > 0 && !slices.ContainsFunc(t.parts, func(p part) bool { return !p.fee })
	t.done = make([]bool, len(g.Entries))
	for i, e := range t.group.Entries {
		t.done[i] = e.Amount == 0
	}
	t.findMirrors()
	t.agreeSuspended()
	t.agreeOneByOne()
	t.agreeMirrored()
	t.agreeBySum()
	t.remember()
	return t
}

// fee says that an entry stands for a fee of the processor.
func (t *tally) fee(j int) bool { return t.bills || t.group.Entries[j].fee() }

func compareEntries(a, b Entry) int {
	return cmp.Or(cmp.Compare(a.Sequence, b.Sequence), cmp.Compare(a.Line, b.Line))
}

// findMirrors pairs the entries of a transaction with those of the one that reverses it, and what went into suspense with what was
// taken back from there.
func (t *tally) findMirrors() {
	type place struct {
		sequence int64
		amount   money.Minor
		account  ledger.Address
	}
	entries := t.group.Entries
	t.mirror = make([]int, len(entries))
	free := map[place][]int{}
	for i, e := range entries {
		t.mirror[i] = -1
		at := place{e.Sequence, e.Amount, e.Account}
		free[at] = append(free[at], i)
		if e.Event == suspenseIn {
			at.sequence = 0
			free[at] = append(free[at], i)
		}
	}
	for i, e := range entries {
		at := place{e.Reverses, -e.Amount, e.Account}
		if (e.Reverses == 0) != (e.Event == suspenseReturned) || e.Reverses == e.Sequence {
			continue
		}
		for len(free[at]) > 0 && t.mirror[i] < 0 {
			j := free[at][0]
			free[at] = free[at][1:]
			if t.mirror[j] < 0 && j != i {
				t.mirror[i], t.mirror[j] = j, i
			}
		}
	}
}

// agreeSuspended lets a key be whose lines went into suspense: their money is in the books net, in one entry without the fee, until
// the business says what it was.
func (t *tally) agreeSuspended() {
	var source, books money.Minor
	suspended := false
	for _, p := range t.parts {
		source += p.amount
	}
	for j, e := range t.group.Entries {
		books += e.Amount
		suspended = suspended || e.Event == suspenseIn && t.mirror[j] < 0
	}
	if !suspended || source != books {
		return
	}
	for i := range t.parts {
		t.parts[i].done = true
	}
	for j := range t.done {
		t.done[j] = true
	}
}

// slot is what a part and an entry have in common.
type slot struct {
	amount money.Minor
	kind   nature
	// sequence is the transaction, where only it may be looked at.
	sequence int64
}

// match gives each open part that `of` accepts the first open entry that `by` accepts in the same slot.
func (t *tally) match(of func(part) (slot, bool), by func(int) (slot, bool)) {
	free := map[slot][]int{}
	for j := range t.group.Entries {
		if at, ok := by(j); ok && !t.done[j] {
			free[at] = append(free[at], j)
		}
	}
	for i := range t.parts {
		p := &t.parts[i]
		at, ok := of(*p)
		if !ok || p.done || len(free[at]) == 0 {
			continue
		}
		p.with, p.done = free[at][0], true
		t.done[p.with] = true
		free[at] = free[at][1:]
	}
}

// agreeOneByOne matches equal amounts: those of the same nature first, a gross with no fee, and a fee with what is a fee. What was
// reversed within the books waits, since it may be nothing at all.
func (t *tally) agreeOneByOne() {
	entries, lines := t.group.Entries, t.group.External
	plain := func(j int) bool { return t.mirror[j] < 0 }
	t.match(
		func(p part) (slot, bool) {
			return slot{amount: p.amount, kind: lines[p.line].nature()}, !p.fee && lines[p.line].nature() != natureUnknown
		},
		func(j int) (slot, bool) {
			return slot{amount: entries[j].Amount, kind: entries[j].nature()}, plain(j) && !t.fee(j)
		})
	t.match(func(p part) (slot, bool) { return slot{amount: p.amount}, !p.fee },
		func(j int) (slot, bool) { return slot{amount: entries[j].Amount}, plain(j) && !t.fee(j) })
	t.match(func(p part) (slot, bool) { return slot{amount: p.amount}, p.fee },
		func(j int) (slot, bool) { return slot{amount: entries[j].Amount}, plain(j) && t.fee(j) })
	// A fee within the transaction of its gross, as that of a dispute.
	t.match(func(p part) (slot, bool) {
		with := t.gross(p.line).with
		if !p.fee || with < 0 {
			return slot{}, false
		}
		return slot{amount: p.amount, sequence: entries[with].Sequence}, true
	}, func(j int) (slot, bool) {
		return slot{amount: entries[j].Amount, sequence: entries[j].Sequence}, plain(j)
	})
}

// gross is the part of a line that is no fee; the zero part, with no entry, if it has none.
func (t *tally) gross(line int) part {
	i, _ := slices.BinarySearchFunc(t.parts, line, func(p part, line int) int { return cmp.Compare(p.line, line) })
	for ; i < len(t.parts) && t.parts[i].line == line; i++ {
		if !t.parts[i].fee {
			return t.parts[i]
		}
	}
	return part{with: -1}
}

// agreeMirrored matches an entry and its reversal if the source shows both; otherwise the two come to nothing and are nobody's.
func (t *tally) agreeMirrored() {
	free := map[money.Minor][]int{}
	for i, p := range t.parts {
		if !p.done {
			free[p.amount] = append(free[p.amount], i)
		}
	}
	for i, j := range t.mirror {
		if j < i || t.done[i] || t.done[j] {
			continue
		}
		a, b := t.group.Entries[i].Amount, t.group.Entries[j].Amount
		if len(free[a]) > 0 && len(free[b]) > 0 {
			for _, k := range [2]int{i, j} {
				amount := t.group.Entries[k].Amount
				p := &t.parts[free[amount][0]]
				free[amount] = free[amount][1:]
				p.with, p.done = k, true
			}
		}
		t.done[i], t.done[j] = true, true
	}
	t.agreeRebooked(free)
}

// agreeRebooked lets go of a reversal together with what was booked again in place of what it reversed, where that agreed in an
// earlier run: the source shows neither.
func (t *tally) agreeRebooked(free map[money.Minor][]int) {
	again := map[money.Minor][]int{}
	for j, e := range t.group.Entries {
		if !t.done[j] && e.Reverses == 0 {
			again[e.Amount] = append(again[e.Amount], j)
		}
	}
	for i, e := range t.group.Entries {
		list := again[-e.Amount]
		if t.done[i] || e.Reverses == 0 || len(list) == 0 || len(free[e.Amount])+len(free[-e.Amount]) > 0 {
			continue
		}
		t.done[i], t.done[list[0]] = true, true
		again[-e.Amount] = list[1:]
	}
}

// agreeBySum matches several with several of one direction: a payment for two orders is one line and two entries.
func (t *tally) agreeBySum() {
	for _, in := range [2]bool{true, false} {
		parts, entries := t.open(in, false)
		if len(parts) > 0 && len(entries) > 0 && t.partsSum(parts) == t.entriesSum(entries) {
			t.agree(parts, entries)
		}
	}
}

// agree marks all of them as agreeing.
func (t *tally) agree(parts, entries []int) {
	for _, i := range parts {
		t.parts[i].done = true
		if len(entries) > 0 {
			t.parts[i].with = entries[0]
		}
	}
	for _, j := range entries {
		t.done[j] = true
	}
}

// open returns what does not agree of one direction: gross parts and entries that are no fees, or fee parts and fees.
func (t *tally) open(in, fee bool) (parts, entries []int) {
	for i, p := range t.parts {
		if !p.done && p.fee == fee && p.amount > 0 == in {
			parts = append(parts, i)
		}
	}
	for j, e := range t.group.Entries {
		if !t.done[j] && t.fee(j) == fee && e.Amount > 0 == in {
			entries = append(entries, j)
		}
	}
	return parts, entries
}

func (t *tally) partsSum(parts []int) (sum money.Minor) {
	for _, i := range parts {
		sum += t.parts[i].amount
	}
	return sum
}

func (t *tally) entriesSum(entries []int) (sum money.Minor) {
	for _, j := range entries {
		sum += t.group.Entries[j].Amount
	}
	return sum
}

// trace is a movement as it is remembered: of the source (with its category) or of the books (with its nature).
type trace struct {
	books  bool
	amount money.Minor
	word   string
}

// anyWord stands for every category and nature; sentWord for what the source shows, whether it agrees or not.
const (
	anyWord  = "*"
	sentWord = "+"
)

// remember notes what agrees, and what agreed in earlier runs.
func (t *tally) remember() {
	t.seen = map[trace]bool{}
	line := func(l External) {
		t.seen[trace{amount: l.Gross, word: anyWord}] = true
		t.seen[trace{amount: l.Gross, word: l.Category}] = true
	}
	entry := func(amount money.Minor, n nature) {
		t.seen[trace{books: true, amount: amount, word: anyWord}] = true
		t.seen[trace{books: true, amount: amount, word: string(n)}] = true
	}
	for _, p := range t.parts {
		if p.done && p.with >= 0 {
			e := t.group.Entries[p.with]
			if l := t.group.External[p.line]; l.Gross == p.amount {
				line(l)
			}
			if !p.fee {
				entry(e.Amount, e.nature())
			}
		}
	}
	for _, l := range t.group.External {
		t.seen[trace{amount: l.Gross, word: sentWord}] = true
	}
	for _, l := range t.group.ExternalBefore {
		line(l)
		t.seen[trace{amount: l.Gross, word: sentWord}] = true
		if len(t.group.EntriesBefore) == 0 {
			// The entry that it agreed with need not be at hand.
			entry(l.Gross, l.nature())
		}
	}
	for _, e := range t.group.EntriesBefore {
		entry(e.Amount, e.nature())
	}
}
