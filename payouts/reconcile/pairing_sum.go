package reconcile

import (
	"cmp"
	"math/bits"
	"slices"

	"mizan/ledger/money"
)

// Sums: one line of the source is several movements of the books (split), or one movement is several lines (merged). Parts are only
// looked for within what is of one cloth: movements of one subject or transaction, lines of one batch or key, or all of one day. The
// whole of a cloth, or a part of a named one, is a question to a person if it is the only one that fits. A part of a day is a hint:
// among enough numbers some sum always fits.

// The bounds of the search: members of a cloth of which parts are looked for, sums looked at in a run, counterparts of one sum, and
// candidates.
const (
	mostMembers    = 12
	mostSums       = 4_000_000
	mostAlike      = 16
	mostCandidates = 10_000
	// mostWhole bounds the whole of a cloth that is suggested.
	mostWhole = 1_000
)

// cloth is units of one side, currency and sign that have something in common.
type cloth struct {
	currency money.Currency
	in       bool
	name     string
	day      int64
}

func compareCloths(a, b cloth) int {
	return cmp.Or(cmp.Compare(a.currency, b.currency), cmp.Compare(a.name, b.name), cmp.Compare(a.day, b.day), cmp.Compare(way(a.in), way(b.in)))
}

// candidate is a unit and parts of the other side that come to it. A hint keeps its parts what they are.
type candidate struct {
	whole *unit
	parts []*unit
	hint  bool
}

func (m *matcher) sums() {
	work := 0
	found := m.sumsOf(open(m.lines), open(m.books), nil, &work)
	found = m.sumsOf(open(m.books), open(m.lines), found, &work)
	m.decide(found)
}

// namesOf are the cloths that a unit is cut from.
func namesOf(u *unit) (names []string) {
	if u.source() {
		l := u.lines[0]
		if l.Batch != "" {
			names = append(names, "batch "+l.Batch)
		}
		return append(names, "key "+l.Key)
	}
	if e := u.entries[0]; e.Subject != "" {
		names = append(names, "subject "+e.Subject)
	}
	return names
}

// sumsOf looks for parts among one side that come to a unit of the other.
func (m *matcher) sumsOf(wholes, parts []*unit, found []candidate, work *int) []candidate {
	wanted := map[block][]*unit{}
	for _, u := range wholes {
		at := block{u.currency, u.amount}
		wanted[at] = append(wanted[at], u)
	}
	cloths := map[cloth][]*unit{}
	for _, u := range parts {
		at := cloth{currency: u.currency, in: u.amount > 0, day: u.day}
		cloths[at] = append(cloths[at], u)
		for _, name := range namesOf(u) {
			at := cloth{currency: u.currency, in: u.amount > 0, name: name}
			cloths[at] = append(cloths[at], u)
		}
	}
	order := make([]cloth, 0, len(cloths))
	for at, members := range cloths {
		if len(members) > 1 {
			order = append(order, at)
		}
	}
	slices.SortFunc(order, compareCloths)
	for _, at := range order {
		members := cloths[at]
		if len(members) <= mostWhole {
			found = m.fits(wanted[block{at.currency, total(members)}], members, false, found)
		}
		if len(members) > mostMembers || *work >= mostSums || m.x.Rules.MostParts < 2 {
			continue
		}
		*work += 1 << len(members)
		for set := uint(1); set < 1<<len(members)-1; set++ {
			if n := bits.OnesCount(set); n < 2 || n > m.x.Rules.MostParts {
				continue
			}
			if units := wanted[block{at.currency, sumOf(members, set)}]; len(units) > 0 {
				found = m.fits(units, pick(members, set), at.name == "", found)
			}
		}
	}
	return found
}

func sumOf(members []*unit, set uint) (sum money.Minor) {
	for ; set != 0; set &= set - 1 {
		sum += members[bits.TrailingZeros(set)].amount
	}
	return sum
}

func pick(members []*unit, set uint) (picked []*unit) {
	for ; set != 0; set &= set - 1 {
		picked = append(picked, members[bits.TrailingZeros(set)])
	}
	return picked
}

// fits adds the units that parts come to, if they lie within the window of all of them. Ids that contradict make it a hint.
func (m *matcher) fits(units, parts []*unit, hint bool, found []candidate) []candidate {
	if len(units) > mostAlike {
		return found
	}
	for _, u := range units {
		if len(found) >= mostCandidates {
			return found
		}
		c := candidate{whole: u, parts: parts, hint: hint}
		far := slices.ContainsFunc(parts, func(p *unit) bool { return !m.near(u, p) })
		c.hint = c.hint || slices.ContainsFunc(parts, func(p *unit) bool {
			if u.source() {
				return contradict(u, p)
			}
			return contradict(p, u)
		})
		if !far {
			found = append(found, c)
		}
	}
	return found
}

// decide asks for what alone fits, and for all of what shares members at once. A whole of which only hints speak, or that a question
// has taken, is left as it is.
func (m *matcher) decide(found []candidate) {
	root := map[*unit]*unit{}
	find := func(u *unit) *unit {
		for root[u] != nil && root[u] != u {
			u = root[u]
		}
		return u
	}
	found = distinct(found)
	for _, c := range found {
		for _, p := range c.parts {
			if a, b := find(c.whole), find(p); !c.hint && a != b {
				root[a] = b
			}
		}
	}
	groups := map[*unit][]candidate{}
	var order []*unit
	for _, c := range found {
		if c.hint {
			if p, ok := m.sumPairing(c); ok {
				m.suggest("", nil, nil, []Pairing{p})
			}
			continue
		}
		r := find(c.whole)
		if len(groups[r]) == 0 {
			order = append(order, r)
		}
		groups[r] = append(groups[r], c)
	}
	for _, r := range order {
		m.ask(groups[r])
	}
}

// distinct drops candidates that were found twice: by two cloths.
func distinct(found []candidate) (kept []candidate) {
	at := map[*unit][]int{}
	for _, c := range found {
		twin := slices.IndexFunc(at[c.whole], func(i int) bool { return slices.Equal(kept[i].parts, c.parts) })
		if twin >= 0 {
			i := at[c.whole][twin]
			kept[i].hint = kept[i].hint && c.hint
			continue
		}
		at[c.whole] = append(at[c.whole], len(kept))
		kept = append(kept, c)
	}
	return kept
}

func (m *matcher) sumPairing(c candidate) (Pairing, bool) {
	if c.whole.source() {
		return m.pairing(bySum, false, []*unit{c.whole}, c.parts)
	}
	return m.pairing(bySum, false, c.parts, []*unit{c.whole})
}

// ask asks about candidates that share members.
func (m *matcher) ask(candidates []candidate) {
	var suggested []Pairing
	members := map[*unit]bool{}
	for _, c := range candidates {
		p, ok := m.sumPairing(c)
		if !ok || len(suggested) >= mostSuggestions {
			continue
		}
		suggested = append(suggested, p)
		members[c.whole] = true
		for _, u := range c.parts {
			members[u] = true
		}
	}
	var lines, books []*unit
	for u := range members {
		if u.source() {
			lines = append(lines, u)
		} else {
			books = append(books, u)
		}
	}
	slices.SortFunc(lines, compareUnits)
	slices.SortFunc(books, compareUnits)
	class := Ambiguous
	if len(suggested) == 1 {
		class = Merged
		if len(lines) == 1 {
			class = Split
		}
	}
	m.suggest(class, lines, books, suggested)
}
