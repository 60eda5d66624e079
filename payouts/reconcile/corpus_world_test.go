package reconcile

// A made world of lines and entries that agree, with faults planted in it. Each fault says which findings must come of it, and
// nothing else may be found.

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"mizan/ledger"
	"mizan/ledger/money"
)

// wanted is a finding that must be made, with exactly these members.
type wanted struct {
	class    Class
	currency money.Currency
	amount   money.Minor
	external []int64
	entries  []EntryID
	// suggested says that a pairing of these members must be suggested.
	suggested bool
	// fault is what was planted.
	fault string
}

func (w wanted) String() string {
	return fmt.Sprintf("%s %d %s lines %v entries %v", w.class, w.amount, w.currency, w.external, w.entries)
}

// world is what both sides say, and what is wrong with it.
type world struct {
	rng      *rand.Rand
	x        situation
	external []External
	entries  []Entry
	wants    []wanted
	// made is how many pairings must be made by amount or sum.
	made int
	// alike are the lines and entries of a processor that nothing but an equal amount holds together.
	alike   []wanted
	planted map[string]int
	next    int64
	seq     int64
	amounts map[money.Minor]bool
	days    int
}

var corpusCurrencies = []money.Currency{"GBP", "EUR", "USD", "JPY", "VND", "KWD"}

func newWorld(seed uint64, kind Kind) *world {
	rng := rand.New(rand.NewPCG(seed, 9))
	zones := []string{"UTC", "Asia/Ho_Chi_Minh", "America/New_York", "Pacific/Auckland"}
	zone, err := time.LoadLocation(zones[rng.IntN(len(zones))])
	if err != nil {
		panic(err)
	}
	x := situation{Match: R1, Kind: kind, Rules: Shipped(), Zone: zone, CutOff: time.Date(2026, 11, 5, 18, 0, 0, 0, zone).UTC()}
	if kind == KindBank {
		x.Match = R2
	}
	return &world{rng: rng, x: x, planted: map[string]int{}, amounts: map[money.Minor]bool{}, days: 60}
}

// amount is one that the world has only once, so that two faults never make up for each other by chance.
func (w *world) amount() money.Minor {
	for {
		m := money.Minor(w.rng.Int64N(900_000_000) + 10_000)
		if !w.amounts[m] && !w.amounts[m-1] && !w.amounts[m+1] {
			w.amounts[m] = true
			return m
		}
	}
}

func (w *world) currency() money.Currency { return corpusCurrencies[w.rng.IntN(len(corpusCurrencies))] }

// noon is a local noon some days before the cut-off, in the middle of a month's days.
func (w *world) noon() time.Time {
	for {
		at := w.x.CutOff.In(w.x.Zone).AddDate(0, 0, -15-w.rng.IntN(w.days))
		at = time.Date(at.Year(), at.Month(), at.Day(), 12, 0, 0, 0, w.x.Zone)
		if at.Day() > 1 && at.Day() < 28 {
			return at.UTC()
		}
	}
}

func (w *world) id(prefix string) string {
	w.next++
	return fmt.Sprintf("%s_%06d", prefix, w.next)
}

// line adds a line of the source.
func (w *world) line(l External) External {
	l.Number = int64(len(w.external)) + 1
	if l.ID == "" {
		l.ID = w.id("txn")
	}
	if l.Key == "" {
		l.Key = l.ID
	}
	l.Net = l.Gross - l.Fee
	w.external = append(w.external, l)
	return l
}

// post adds a transaction's entries. Entries of one call are of one transaction.
func (w *world) post(entries ...Entry) (ids []EntryID) {
	w.seq += 1 + w.rng.Int64N(3)
	for i, e := range entries {
		e.Sequence, e.Line = w.seq, i+1
		if e.Account == "" {
			e.Account = "assets:processor:pending:main"
			if w.x.bank() {
				e.Account = "assets:bank:operating:main"
			}
		}
		if e.Reference == "" {
			e.Reference = fmt.Sprintf("ref-%d", w.seq)
		}
		if e.Period == 0 {
			e.Period = ledger.PeriodOf(e.OccurredAt, w.x.Zone)
		}
		w.entries = append(w.entries, e)
		ids = append(ids, EntryID{e.Sequence, e.Line})
	}
	return ids
}

func (w *world) want(fault string, class Class, c money.Currency, amount money.Minor, external []int64, entries []EntryID, suggested bool) {
	slices.Sort(external)
	slices.SortFunc(entries, func(a, b EntryID) int {
		return compareEntries(Entry{Sequence: a.Sequence, Line: a.Line}, Entry{Sequence: b.Sequence, Line: b.Line})
	})
	w.planted[fault]++
	w.wants = append(w.wants, wanted{class, c, amount, external, entries, suggested, fault})
}

// referenceMatch is the naive matcher: it gives every entry its key and compares the two directions of each key and currency.
func referenceMatch(external []External, entries []Entry) (tied, open []Group) {
	type place struct {
		key      string
		currency money.Currency
	}
	keyOf := map[string]string{}
	for _, l := range external {
		keyOf[l.ID] = l.Key
	}
	type sum struct {
		total money.Minor
		refs  map[string]bool
	}
	moved := map[int64]map[money.Currency]*sum{}
	for _, e := range entries {
		if moved[e.Sequence] == nil {
			moved[e.Sequence] = map[money.Currency]*sum{}
		}
		s := moved[e.Sequence][e.Currency]
		if s == nil {
			s = &sum{refs: map[string]bool{}}
			moved[e.Sequence][e.Currency] = s
		}
		s.total += e.Amount
		if e.ExternalRef != "" {
			s.refs[e.ExternalRef] = true
		}
	}
	groups := map[place]*Group{}
	at := func(key string, c money.Currency) *Group {
		g := groups[place{key, c}]
		if g == nil {
			g = &Group{Key: key, Currency: c}
			groups[place{key, c}] = g
		}
		return g
	}
	for _, l := range external {
		g := at(l.Key, l.Currency)
		g.External = append(g.External, l)
	}
	for _, e := range entries {
		if s := moved[e.Sequence][e.Currency]; s.total == 0 && len(s.refs) <= 1 {
			continue
		}
		e.Key = e.ExternalRef
		if key, ok := keyOf[e.ExternalRef]; ok {
			e.Key = key
		}
		if e.Key == "" {
			e.Key = fmt.Sprintf("@%d.%d", e.Sequence, e.Line)
		}
		g := at(e.Key, e.Currency)
		g.Entries = append(g.Entries, e)
	}
	for _, g := range groups {
		var debits, credits money.Minor
		for _, l := range g.External {
			debits, credits = debits+l.Debits(), credits+l.Credits()
		}
		for _, e := range g.Entries {
			debits, credits = debits-max(e.Amount, 0), credits-max(-e.Amount, 0)
		}
		if debits == 0 && credits == 0 {
			tied = append(tied, *g)
		} else {
			open = append(open, *g)
		}
	}
	slices.SortFunc(tied, compareGroups)
	slices.SortFunc(open, compareGroups)
	return tied, open
}

// result is what reconciling a world comes to.
type result struct {
	findings        []Finding
	made, suggested []Pairing
}

func reconcileWorld(external []External, entries []Entry, x situation) (r result) {
	tied, open := referenceMatch(external, entries)
	r.findings, r.made, r.suggested = explain(open, x)
	for _, g := range tied {
		r.findings = append(r.findings, cuts(g, x)...)
	}
	return r
}

// check compares what was found with what was planted; it returns what is wrong.
func (w *world) check(r result) error {
	left := map[string]int{}
	for _, want := range w.wants {
		left[want.String()]++
	}
	var wrong []string
	identities := map[string]bool{}
	for _, f := range r.findings {
		got := wanted{class: f.Class, currency: f.Currency, amount: f.Amount, external: f.External, entries: f.Entries}.String()
		if left[got]--; left[got] < 0 {
			wrong = append(wrong, "found though nothing of the kind was planted: "+got+" ("+f.Detail+")")
		}
		if identities[f.Identity] {
			wrong = append(wrong, "two findings of the identity "+f.Identity)
		}
		identities[f.Identity] = true
	}
	for _, want := range w.wants {
		if left[want.String()] > 0 {
			left[want.String()]--
			wrong = append(wrong, want.fault+" was planted and not found: "+want.String())
		}
		if want.suggested && !w.suggests(r.suggested, want) {
			wrong = append(wrong, want.fault+" was not suggested: "+want.String())
		}
	}
	if len(r.made) != w.made {
		wrong = append(wrong, fmt.Sprintf("%d pairings were made, not %d", len(r.made), w.made))
	}
	if err := w.ties(r); err != nil {
		wrong = append(wrong, err.Error())
	}
	if len(wrong) > 0 {
		return fmt.Errorf("%d wrong:\n%s", len(wrong), strings.Join(wrong[:min(len(wrong), 12)], "\n"))
	}
	return nil
}

// suggests says that every member is in a suggestion, and that the suggestions hold nothing else.
func (w *world) suggests(suggested []Pairing, want wanted) bool {
	lines, entries := map[int64]bool{}, map[EntryID]bool{}
	for _, p := range suggested {
		if p.Certain {
			return false
		}
		if !slices.ContainsFunc(p.External, func(n int64) bool { return slices.Contains(want.external, n) }) {
			continue
		}
		for _, n := range p.External {
			lines[n] = true
		}
		for _, e := range p.Entries {
			entries[e] = true
		}
	}
	return len(lines) == len(want.external) && len(entries) == len(want.entries)
}

// ties proves the law: what was found comes to what the source says less what the books say. A finding in another currency carries
// the source's side, so that of the books is counted by its entries; what is after the cut-off is no finding.
func (w *world) ties(r result) error {
	sums := map[money.Currency]money.Minor{}
	byID := map[EntryID]Entry{}
	told := map[int64]bool{}
	toldEntries := map[EntryID]bool{}
	for _, e := range w.entries {
		byID[EntryID{e.Sequence, e.Line}] = e
	}
	for _, f := range r.findings {
		if f.Class == PeriodCut {
			continue
		}
		sums[f.Currency] += f.Amount
		for _, n := range f.External {
			told[n] = true
		}
		for _, id := range f.Entries {
			if toldEntries[id] {
				return fmt.Errorf("the entry %v is in two findings", id)
			}
			toldEntries[id] = true
			if e := byID[id]; e.Currency != f.Currency {
				sums[e.Currency] -= e.Amount
			}
		}
	}
	for _, l := range w.external {
		if told[l.Number] || !w.x.late(l.MovedAt) {
			sums[l.Currency] -= l.Net
		}
	}
	for _, e := range w.entries {
		if toldEntries[EntryID{e.Sequence, e.Line}] || !w.x.late(e.OccurredAt) {
			sums[e.Currency] += e.Amount
		}
	}
	for c, m := range sums {
		if m != 0 {
			return fmt.Errorf("the findings in %s do not come to the difference of the two sides: %d", c, m)
		}
	}
	return nil
}
