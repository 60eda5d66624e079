package reconcile

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"mizan/ledger/money"
)

// Evidence is complete if nothing of it can be missing: a processor's lines come to what it holds, and each of a bank's statements
// begins with the balance that the one before ended with. Where that is not so is a gap, which a run makes a break of.

// The kinds of gaps.
const (
	// GapBalance: the lines do not come to the balance.
	GapBalance = "balance"
	// GapMissing: between two statements are days of which there is none, and the balance moved in them.
	GapMissing = "missing"
	// GapContradiction: two statements say different balances of the same moment.
	GapContradiction = "contradiction"
)

// Gap is evidence that is missing, or that contradicts other evidence.
type Gap struct {
	Kind     string
	Currency money.Currency
	// Amount is what is missing: what the source holds or what a statement begins with, less what is known.
	Amount money.Minor
	// From and Until are the days that are concerned, the ones of the balances between which something is missing; zero for a balance.
	From, Until time.Time
	// At is when a processor said what it holds.
	At time.Time
	// Receipts are those that say so: one, or two that do not fit together.
	Receipts []int64
}

// Detail says for a finance person what is missing.
func (g Gap) Detail() string {
	amount := string(g.Currency) + " " + written(g.Amount, g.Currency)
	switch g.Kind {
	case GapMissing:
		return fmt.Sprintf("No statement covers all from %s to %s, and the balance moved by %s in between. Ask the bank for the statements of these days.",
			g.From.Format(time.DateOnly), g.Until.Format(time.DateOnly), amount)
	case GapContradiction:
		return fmt.Sprintf("Two statements differ by %s about the balance on %s. Ask the bank which one is right.", amount, g.Until.Format(time.DateOnly))
	}
	return fmt.Sprintf("The lines that are known differ by %s from the balance. Something is missing, or was counted twice.", amount)
}

// sameGaps reports whether the same is missing as before.
func sameGaps(a, b []Gap) bool {
	return slices.EqualFunc(a, b, func(x, y Gap) bool { return x.Kind == y.Kind && x.Currency == y.Currency && x.Amount == y.Amount })
}

// gaps are the currencies in which the lines do not come to the balance. Of an account that is shared by books nobody can say.
func (x Source) gaps(all map[money.Currency]*Balance) (gaps []Gap, err error) {
	if x.Settings.Shared {
		return nil, nil
	}
	for _, c := range slices.Sorted(maps.Keys(all)) {
		b := all[c]
		var opening money.Minor
		if text := x.Settings.Opening[c]; text != "" {
			if opening, err = parseSigned(text, c); err != nil {
				return nil, err
			}
		}
		held, err := money.Sum(b.Available, b.Pending, -opening, -b.LinesNet)
		if err != nil {
			return nil, err
		}
		if held != 0 {
			gaps = append(gaps, Gap{Kind: GapBalance, Currency: c, Amount: held, At: b.At})
		}
	}
	return gaps, nil
}

// StatementRecord is what a bank's statement says of itself.
type StatementRecord struct {
	Receipt int64
	Ordinal int
	// ID and Sequence are the bank's.
	ID, Sequence string
	Currency     money.Currency
	// From and Until are its days; zero if it does not say any.
	From, Until      time.Time
	Opening, Closing money.Minor
	Lines            int64
	// Proved says that it states balances at all, and that its lines come to them.
	Proved bool
}

// inOrder sorts statements as they follow each other: by days, then by the bank's number, then as they came.
func inOrder(a, b StatementRecord) int {
	return cmp.Or(a.From.Compare(b.From), a.Until.Compare(b.Until), bySequence(a.Sequence, b.Sequence), cmp.Compare(a.Receipt, b.Receipt), cmp.Compare(a.Ordinal, b.Ordinal))
}

// bySequence compares numbers of statements, such as 17/2.
func bySequence(a, b string) int {
	x, restX := leadingNumber(a)
	y, restY := leadingNumber(b)
	if x == y && restX != "" && restY != "" && (restX != a || restY != b) {
		return bySequence(restX[1:], restY[1:])
	}
	return cmp.Or(cmp.Compare(x, y), cmp.Compare(a, b))
}

func leadingNumber(text string) (n int, rest string) {
	end := 0
	for end < len(text) && end < 9 && text[end] >= '0' && text[end] <= '9' {
		end++
	}
	n, _ = strconv.Atoi(text[:end]) // nothing is 0
	return n, text[end:]
}

// chain finds gaps between statements of one currency. It is pure: the order in which statements came does not matter.
func chain(list []StatementRecord) (gaps []Gap, ends links) {
	list = slices.DeleteFunc(slices.Clone(list), func(x StatementRecord) bool { return !x.Proved || x.Until.IsZero() })
	for i := range list {
		if list[i].From.IsZero() {
			list[i].From = list[i].Until
		}
	}
	slices.SortFunc(list, inOrder)
	k := links{at: map[time.Time][]link{}, opened: map[time.Time][]money.Minor{}}
	for _, x := range list {
		k.opened[x.From] = append(k.opened[x.From], x.Opening)
	}
	for len(list) > 0 {
		n := 1
		for n < len(list) && list[n].From.Equal(list[0].From) && list[n].Until.Equal(list[0].Until) {
			n++
		}
		k.addDay(list[:n], &gaps)
		list = list[n:]
	}
	k.sum(gaps)
	return gaps, k
}

// addDay adds statements of the same days, those first that go on where another one ended: several of one day need not have come
// in their order.
func (k *links) addDay(list []StatementRecord, gaps *[]Gap) {
	for rest := slices.Clone(list); len(rest) > 0; {
		next := slices.IndexFunc(rest, func(x StatementRecord) bool { return k.begun && x.Opening == k.last.Closing })
		if next < 0 {
			next = max(0, slices.IndexFunc(rest, func(x StatementRecord) bool {
				return !slices.ContainsFunc(rest, func(y StatementRecord) bool { return y.Closing == x.Opening && y.Opening != x.Opening })
			}))
		}
		k.add(rest[next], gaps)
		rest = slices.Delete(rest, next, next+1)
	}
}

// link is a balance that some statement ended with.
type link struct {
	balance money.Minor
	receipt int64
}

// links are the ends of the statements so far.
type links struct {
	// at has the balances at the end of days; last is the end of the statement that reaches farthest.
	at   map[time.Time][]link
	last StatementRecord
	// opened has what statements of a first day begin with.
	opened map[time.Time][]money.Minor
	// first is what the first one began with, and moved what all lines come to if the statements are right.
	first, moved money.Minor
	begun        bool
}

// sum says what all lines come to.
func (k *links) sum(gaps []Gap) {
	k.moved = k.last.Closing - k.first
	for _, g := range gaps {
		if g.Kind == GapMissing {
			k.moved -= g.Amount
		}
	}
}

const oneDay = 24 * time.Hour

// add holds a statement against those before it in time.
func (k *links) add(x StatementRecord, gaps *[]Gap) {
	joined := !k.begun || k.ends(x.Opening, x.From.Add(-oneDay), x.From) || x.Opening == k.last.Closing && !x.From.Before(k.last.Until)
	switch {
	case joined:
	case x.From.After(k.last.Until):
		g := Gap{Kind: GapMissing, Currency: x.Currency, Amount: x.Opening - k.last.Closing, From: k.last.Until.Add(oneDay), Until: x.From.Add(-oneDay), Receipts: []int64{k.last.Receipt, x.Receipt}}
		if g.Until.Before(g.From) { // the days follow each other
			g.Kind, g.From, g.Until = GapContradiction, k.last.Until, k.last.Until
		}
		*gaps = append(*gaps, g)
	default: // it lies over others: what they say of the day before its first must be what it begins with, if they say anything
		if said := k.at[x.From.Add(-oneDay)]; len(said) > 0 {
			end := said[len(said)-1]
			*gaps = append(*gaps, Gap{Kind: GapContradiction, Currency: x.Currency, Amount: x.Opening - end.balance, From: x.From.Add(-oneDay), Until: x.From.Add(-oneDay), Receipts: []int64{end.receipt, x.Receipt}})
		}
	}
	k.end(x, joined && k.begun && x.Opening == k.last.Closing && x.From.Equal(k.last.Until), gaps)
}

// end notes with what a statement ended. follows says that it goes on within a day that another one ended in.
func (k *links) end(x StatementRecord, follows bool, gaps *[]Gap) {
	said := k.at[x.Until]
	if !follows && len(said) > 0 && !slices.ContainsFunc(said, func(l link) bool { return l.balance == x.Closing }) && !k.within(x, said) {
		end := said[len(said)-1]
		*gaps = append(*gaps, Gap{Kind: GapContradiction, Currency: x.Currency, Amount: x.Closing - end.balance, From: x.Until, Until: x.Until, Receipts: []int64{end.receipt, x.Receipt}})
	}
	if !k.begun {
		k.first = x.Opening
	}
	k.at[x.Until] = append(said, link{x.Closing, x.Receipt})
	if !k.begun || x.Until.After(k.last.Until) || follows {
		k.last, k.begun = x, true
	}
}

// within reports whether another statement goes on from this one, or from those before it, on the day that it ends: the day has
// several, and each has its own balance.
func (k *links) within(x StatementRecord, said []link) bool {
	return slices.ContainsFunc(k.opened[x.Until], func(opening money.Minor) bool {
		return opening == x.Closing || slices.ContainsFunc(said, func(l link) bool { return l.balance == opening })
	})
}

// ends reports whether a statement ended with the balance on one of the days.
func (k *links) ends(balance money.Minor, days ...time.Time) bool {
	for _, day := range days {
		if slices.ContainsFunc(k.at[day], func(l link) bool { return l.balance == balance }) {
			return true
		}
	}
	return false
}
