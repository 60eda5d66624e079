package reconcile

import (
	"cmp"
	"slices"
	"strconv"

	"mizan/ledger/money"
)

// Equal amounts within some days. Of one currency and amount, lines and entries that could belong together hang together in
// clusters: one of each is a pair, and of more nothing tells them apart. Finding the clusters takes one pass over each block in the
// order of its days, so that a hundred thousand equal amounts cost no more than as many different ones.

// mostChunk bounds the members of each side that one finding of equal amounts names.
const mostChunk = 100

// mostKinds bounds the kinds of ids that are told apart within a block; where there are more, all ids count as of one kind.
const mostKinds = 8

// block is what has one currency and amount.
type block struct {
	currency money.Currency
	amount   money.Minor
}

func (m *matcher) amounts() {
	blocks := map[block][2][]*unit{}
	for side, units := range [2][]*unit{m.lines, m.books} {
		for _, u := range open(units) {
			at := block{u.currency, u.amount}
			both := blocks[at]
			both[side] = append(both[side], u)
			blocks[at] = both
		}
	}
	at := make([]block, 0, len(blocks))
	for b, both := range blocks {
		if len(both[0]) > 0 && len(both[1]) > 0 {
			at = append(at, b)
		}
	}
	slices.SortFunc(at, func(a, b block) int {
		return cmp.Or(cmp.Compare(a.currency, b.currency), cmp.Compare(a.amount, b.amount))
	})
	for _, b := range at {
		few := fewKinds(blocks[b][0], blocks[b][1])
		possible := func(line, books string) bool { return line == "" || books == "" || few && line != books }
		for _, c := range m.clusters(blocks[b][0], blocks[b][1], possible) {
			m.cluster(c[0], c[1], possible)
		}
		// What is left contradicts: an equal amount is only a hint.
		all := func(string, string) bool { return true }
		for _, c := range m.clusters(open(blocks[b][0]), open(blocks[b][1]), all) {
			if len(c[0])*len(c[1]) <= mostSuggestions {
				m.suggest("", nil, nil, m.each(c[0], c[1], all))
			}
		}
	}
}

func fewKinds(lines, books []*unit) bool {
	kinds := map[string]bool{}
	for _, units := range [2][]*unit{lines, books} {
		for _, u := range units {
			if kinds[u.kind] = true; len(kinds) > mostKinds {
				return false
			}
		}
	}
	return true
}

// clusters returns what hangs together: a line and an entry that lie no more than the window apart and may be of each other. Only
// clusters with both sides are returned, in the order of their days.
func (m *matcher) clusters(lines, books []*unit, possible func(line, books string) bool) [][2][]*unit {
	all := slices.Concat(lines, books)
	slices.SortFunc(all, func(a, b *unit) int {
		return cmp.Or(cmp.Compare(a.day, b.day), cmp.Compare(side(a), side(b)), compareUnits(a, b))
	})
	root := make([]int, len(all))
	for i := range root {
		root[i] = i
	}
	find := func(i int) int {
		for root[i] != i {
			root[i] = root[root[i]]
			i = root[i]
		}
		return i
	}
	// waiting are, of each side and kind, those that a later unit of the other side may still reach. Those that were reached once
	// hang together, and the latest of them stands for all.
	waiting := [2]map[string][]int{{}, {}}
	for i, u := range all {
		mine, theirs := side(u), 1-side(u)
		for kind, list := range waiting[theirs] {
			line, other := u.kind, kind
			if mine == 1 {
				line, other = kind, u.kind
			}
			if !possible(line, other) {
				continue
			}
			list = slices.DeleteFunc(list, func(j int) bool { return u.day-all[j].day > int64(m.x.Rules.WindowDays) })
			for _, j := range list {
				root[find(j)] = find(i)
			}
			if len(list) > 1 {
				list = list[len(list)-1:]
			}
			waiting[theirs][kind] = list
		}
		waiting[mine][u.kind] = append(waiting[mine][u.kind], i)
	}
	at := map[int]int{}
	var found [][2][]*unit
	for i, u := range all {
		r := find(i)
		k, ok := at[r]
		if !ok {
			k = len(found)
			at[r] = k
			found = append(found, [2][]*unit{})
		}
		found[k][side(u)] = append(found[k][side(u)], u)
	}
	return slices.DeleteFunc(found, func(c [2][]*unit) bool { return len(c[0]) == 0 || len(c[1]) == 0 })
}

func side(u *unit) int {
	if u.source() {
		return 0
	}
	return 1
}

// cluster makes the pair if there is only one, and asks otherwise.
func (m *matcher) cluster(lines, books []*unit, possible func(line, books string) bool) {
	if len(lines) == 1 && len(books) == 1 {
		m.alone(lines[0], books[0])
		return
	}
	if len(lines)*len(books) <= mostSuggestions {
		m.suggest(Ambiguous, lines, books, m.each(lines, books, possible))
		return
	}
	// Too many to name every pair: the first is suggested with the first, and what is over on one side after that is missing.
	for len(lines) > 0 && len(books) > 0 {
		a, b := min(len(lines), mostChunk), min(len(books), mostChunk)
		if len(lines) <= mostChunk || len(books) <= mostChunk {
			a, b = min(len(lines), 2*mostChunk), min(len(books), 2*mostChunk)
		}
		var suggested []Pairing
		for i := range min(a, b) {
			if !possible(lines[i].kind, books[i].kind) || !m.near(lines[i], books[i]) {
				continue
			}
			if p, ok := m.pairing(byAmount, false, lines[i:i+1], books[i:i+1]); ok {
				suggested = append(suggested, p)
			}
		}
		m.suggest(Ambiguous, lines[:a:a], books[:b:b], suggested)
		lines, books = lines[a:], books[b:]
	}
}

// each suggests every possible pair within the window.
func (m *matcher) each(lines, books []*unit, possible func(line, books string) bool) (suggested []Pairing) {
	for i := range lines {
		for j := range books {
			if !possible(lines[i].kind, books[j].kind) || !m.near(lines[i], books[j]) {
				continue
			}
			if p, ok := m.pairing(byAmount, false, lines[i:i+1], books[j:j+1]); ok {
				suggested = append(suggested, p)
			}
		}
	}
	return suggested
}

// near says that two units lie no more than the window apart.
func (m *matcher) near(a, b *unit) bool {
	apart := a.day - b.day
	return max(apart, -apart) <= int64(m.x.Rules.WindowDays)
}

// words says what a question is about.
func (q question) words() string {
	lines, entries := strconv.Itoa(len(q.lines)), strconv.Itoa(len(q.entries))
	switch q.class {
	case Timing:
		return "A line of the source and a movement in the books have the same amount. They belong together unless another one comes that could be it."
	case Split:
		return "One line of the source is the sum of " + entries + " movements in the books. Confirm it, or say what they are."
	case Merged:
		return "One movement in the books is the sum of " + lines + " lines of the source. Confirm it, or say what they are."
	}
	return "Lines of the source (" + lines + ") and movements in the books (" + entries + ") could be each other, and nothing tells them apart."
}
