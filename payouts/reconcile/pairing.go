package reconcile

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"time"

	"mizan/ledger/money"
)

// What belongs together though no key says so. A pairing is made where the two sides name each other or nothing else was possible;
// everything else is suggested to a person. A number alone never proves anything: where both sides carry ids that contradict each
// other, an equal amount is a hint and no more.
//
// That nothing else was possible is known when the days are over in which another one could have moved: until then the two wait
// for each other. And only of a bank: a processor's line names what it is of, and the entry that names the same may come another day.
// So what is matched does not depend on how often somebody looks.

const (
	oneToOne  = "one_to_one"
	oneToMany = "one_to_many"
	manyToOne = "many_to_one"
	byAmount  = "amount"
	bySum     = "sum"
)

// mostSuggestions bounds the suggestions of one question.
const mostSuggestions = 16

// unit is a line of the source, or the entries of one movement of the books.
type unit struct {
	lines   []External
	entries []Entry
	// first is the lowest number or sequence, by which units are sorted.
	first    int64
	line     int
	currency money.Currency
	amount   money.Minor
	day      int64
	// kind is the kind of id it carries, or empty.
	kind string
	// used says that it is paired, or in a question.
	used bool
}

func (u *unit) source() bool { return len(u.lines) > 0 }

func compareUnits(a, b *unit) int {
	return cmp.Or(cmp.Compare(a.first, b.first), cmp.Compare(a.line, b.line))
}

// question is members of which nothing says for certain which belong together.
type question struct {
	class          Class
	lines, entries []*unit
	suggested      []Pairing
	// by is when it is answered, of members that wait for each other; zero otherwise.
	by time.Time
}

// pairs is what pairing came to.
type pairs struct {
	made      []Pairing
	hints     []Pairing
	questions []question
}

// pair says what belongs together by amount and day, or by a sum, of what has no counterpart by key. What is made is certain.
func pair(external []External, entries []Entry, x situation) (made, suggested []Pairing) {
	p := pairUp(external, entries, x)
	suggested = slices.Clone(p.hints)
	for _, q := range p.questions {
		suggested = append(suggested, q.suggested...)
	}
	slices.SortFunc(suggested, comparePairings)
	return p.made, suggested
}

func comparePairings(a, b Pairing) int { return cmp.Compare(a.Identity, b.Identity) }

// matcher pairs two sides.
type matcher struct {
	x            situation
	lines, books []*unit
	out          pairs
}

func pairUp(external []External, entries []Entry, x situation) pairs {
	m := &matcher{x: x, lines: lineUnits(external, x), books: bookUnits(entries, x)}
	m.declared()
	m.amounts()
	m.sums()
	slices.SortFunc(m.out.made, comparePairings)
	slices.SortFunc(m.out.hints, comparePairings)
	return m.out
}

// lineUnits are the lines that moved anything.
func lineUnits(external []External, x situation) []*unit {
	units := make([]*unit, 0, len(external))
	for _, l := range external {
		if l.Net == 0 {
			continue
		}
		u := &unit{lines: []External{l}, first: l.Number, currency: l.Currency, amount: l.Net, day: x.dayNumber(l.MovedAt)}
		if !x.bank() {
			// A processor's line always names itself, and what the books name is another one, or they would have met by key.
			u.kind = "id"
		} else if l.SourceRef != "" {
			u.kind = kindOf(l.SourceRef)
		}
		units = append(units, u)
	}
	slices.SortFunc(units, compareUnits)
	return units
}

// bookUnits are the movements of the books: a payment with its fees is one.
func bookUnits(entries []Entry, x situation) (units []*unit) {
	sorted := slices.SortedFunc(slices.Values(entries), func(a, b Entry) int {
		return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.Currency, b.Currency), compareEntries(a, b))
	})
	for i := 0; i < len(sorted); {
		var open []int
		for j := i; i < len(sorted) && sorted[i].Key == sorted[j].Key && sorted[i].Currency == sorted[j].Currency; i++ {
			if sorted[i].Amount != 0 {
				open = append(open, i)
			}
		}
		for _, members := range unitsOf(sorted, open) {
			e := sorted[members[0]]
			u := &unit{first: e.Sequence, line: e.Line, currency: e.Currency, day: x.dayNumber(e.OccurredAt)}
			for _, j := range members {
				u.entries = append(u.entries, sorted[j])
				u.amount += sorted[j].Amount
			}
			if e.ExternalRef != "" {
				u.kind = "id"
				if x.bank() {
					u.kind = kindOf(e.ExternalRef)
				}
			}
			if u.amount != 0 {
				units = append(units, u)
			}
		}
	}
	slices.SortFunc(units, compareUnits)
	return units
}

// kindOf is the kind of an id: the letters that it begins with.
func kindOf(id string) string {
	end := strings.IndexFunc(id, func(r rune) bool { return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') })
	if end < 0 {
		end = len(id)
	}
	return "id:" + strings.ToLower(id[:min(end, 8)])
}

// contradict says that two units carry ids of the same kind, which then are of different things.
func contradict(line, books *unit) bool { return line.kind != "" && line.kind == books.kind }

// pairing is the pairing of some lines with some movements of the books; ok is false if a person refused it.
func (m *matcher) pairing(basis string, certain bool, lines, books []*unit) (p Pairing, ok bool) {
	p = Pairing{Kind: oneToOne, Basis: basis, Certain: certain, Currency: lines[0].currency}
	var text strings.Builder
	for _, u := range lines {
		p.External = append(p.External, u.first)
		p.Amount += u.amount
	}
	for _, u := range books {
		for _, e := range u.entries {
			p.Entries = append(p.Entries, EntryID{e.Sequence, e.Line})
		}
	}
	if len(books) > 1 {
		p.Kind = oneToMany
	} else if len(lines) > 1 {
		p.Kind = manyToOne
	}
	slices.Sort(p.External)
	slices.SortFunc(p.Entries, func(a, b EntryID) int {
		return cmp.Or(cmp.Compare(a.Sequence, b.Sequence), cmp.Compare(a.Line, b.Line))
	})
	for _, n := range p.External {
		text.WriteString("e" + strconv.FormatInt(n, 10) + " ")
	}
	for _, e := range p.Entries {
		text.WriteString("l" + strconv.FormatInt(e.Sequence, 10) + "." + strconv.Itoa(e.Line) + " ")
	}
	sum := sha256.Sum256([]byte(text.String()))
	p.Identity = hex.EncodeToString(sum[:])
	return p, !m.x.Refused[p.Identity]
}

// make pairs units for certain; of a processor it is only a hint.
func (m *matcher) make(basis string, lines, books []*unit) {
	p, ok := m.pairing(basis, m.x.bank(), lines, books)
	if !ok {
		return
	}
	use(lines)
	use(books)
	if p.Certain {
		m.out.made = append(m.out.made, p)
	} else {
		m.out.hints = append(m.out.hints, p)
	}
}

// alone pairs a line and an entry between which and no others an equal amount speaks, once no others can come.
func (m *matcher) alone(line, books *unit) {
	by := m.x.endOf(time.Unix(max(line.day, books.day)*86400, 0).UTC().AddDate(0, 0, m.x.Rules.WindowDays))
	if !m.x.bank() || !m.x.CutOff.Before(by) {
		m.make(byAmount, []*unit{line}, []*unit{books})
		return
	}
	if _, ok := m.pairing(byAmount, false, []*unit{line}, []*unit{books}); ok {
		line.used, books.used = true, true
		m.out.questions = append(m.out.questions, question{class: Timing, lines: []*unit{line}, entries: []*unit{books}, by: by})
	}
}

func use(units []*unit) {
	for _, u := range units {
		u.used = true
	}
}

// suggest adds what a person may decide. It is a question, by which its members are reported as one finding, or only a hint.
func (m *matcher) suggest(class Class, lines, books []*unit, suggested []Pairing) {
	if class == "" {
		m.out.hints = append(m.out.hints, suggested...)
		return
	}
	if len(suggested) == 0 {
		return
	}
	use(lines)
	use(books)
	m.out.questions = append(m.out.questions, question{class: class, lines: lines, entries: books, suggested: suggested})
}

// open are the units that are not dealt with yet.
func open(units []*unit) (left []*unit) {
	for _, u := range units {
		if !u.used {
			left = append(left, u)
		}
	}
	return left
}

// declared pairs what names each other: a bank's line that names the file whose payments it is the sum of, or several lines of one
// such batch and the one entry for it. The amounts must agree to the unit.
func (m *matcher) declared() {
	tokens := [3]func(External) string{
		func(l External) string { return l.Batch }, func(l External) string { return l.Trace }, func(l External) string { return l.SourceRef },
	}
	for _, token := range tokens {
		type place struct {
			currency money.Currency
			token    string
		}
		named := map[place][]*unit{}
		for _, u := range open(m.lines) {
			if at := (place{u.currency, token(u.lines[0])}); at.token != "" {
				named[at] = append(named[at], u)
			}
		}
		naming := map[place][]*unit{}
		for _, u := range open(m.books) {
			var said []string
			for _, e := range u.entries {
				// A subject is kind:id, and a bank repeats the id alone.
				_, id, _ := strings.Cut(e.Subject, ":")
				said = append(said, id, e.Subject, e.Reference, e.ExternalRef)
			}
			slices.Sort(said)
			for _, s := range slices.Compact(said) {
				if at := (place{u.currency, s}); len(named[at]) > 0 {
					naming[at] = append(naming[at], u)
				}
			}
		}
		places := make([]place, 0, len(naming))
		for at := range naming {
			places = append(places, at)
		}
		slices.SortFunc(places, func(a, b place) int {
			return cmp.Or(cmp.Compare(a.token, b.token), cmp.Compare(a.currency, b.currency))
		})
		for _, at := range places {
			m.declare(open(named[at]), open(naming[at]))
		}
	}
}

func (m *matcher) declare(lines, books []*unit) {
	if len(lines) == 0 || len(books) == 0 || len(lines) > 1 && len(books) > 1 || total(lines) != total(books) {
		return
	}
	basis := bySum
	if len(lines)+len(books) == 2 {
		basis = byAmount
	}
	m.make(basis, lines, books)
}

func total(units []*unit) (sum money.Minor) {
	for _, u := range units {
		sum += u.amount
	}
	return sum
}
