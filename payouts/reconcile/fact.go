package reconcile

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"time"

	"mizan/ledger"
	"mizan/ledger/money"
)

// A fact is one thing that a run of R3 or R4 saw and that must not be so, or must not stay so. A run looks at all of them and lists so
// many; the others of a check are one sum. What an open break stands for is listed first, so that a break ends when its fact is gone and
// never because others came before it.

// fact is one of them.
type fact struct {
	Check check `json:"check"`
	// Of tells it from others of the check for ever: an account, a payout, an order.
	Of       string         `json:"of"`
	Currency money.Currency `json:"currency"`
	// There is what the other side has, Here what the ledger has.
	There Amount `json:"there"`
	Here  Amount `json:"here"`
	// Since is when it began.
	Since time.Time `json:"since"`
	// Left and Right name both sides to people.
	Left  string `json:"left,omitempty"`
	Right string `json:"right,omitempty"`
	// Falls says on whose account the difference falls, and Entries are what was posted of it.
	Falls   string    `json:"falls_on,omitempty"`
	Entries []EntryID `json:"entries,omitempty"`
	// NotKnown names lines that the other side has and that are not known here, as many as are kept.
	NotKnown string `json:"not_known,omitempty"`
	// Live says that it cannot be read again, because what it was read from moves on.
	Live bool `json:"live,omitempty"`
	// More is how many others of the check are not listed, whose amounts this one sums.
	More int `json:"more,omitempty"`
	// From is the transaction that it came with, where the next run has to look from there again.
	From int64 `json:"from,omitempty"`
}

const (
	// mostFacts bounds what a run lists of one check in one currency, and mostFactsInAll what it lists at all. What is above is a sum.
	mostFacts      = 150
	mostFactsInAll = 2_000
	// mostEndedFiles bounds how many files a run of R4 goes on to look at because people ended what it found in them.
	mostEndedFiles = 10_000
	// mostSeen bounds what a run holds before it lists.
	mostSeen = 400_000
)

// sumOfOthers is what a fact is of that sums others.
const sumOfOthers = "more"

// identity is that of the break that stands for it.
func (f fact) identity() string {
	return boundIdentity(string(f.Check) + ":" + f.Of + ":" + string(f.Currency))
}

// facts collects what a run sees.
type facts struct {
	list []fact
	// rows are control sums by chart row and currency: the ledger's accounts and the control totals.
	rows map[controlRow]*controlSums
	// full says that there was more than a run can hold.
	full bool
}

type controlRow struct {
	code     int32
	currency money.Currency
}

type controlSums struct {
	accounts int64
	here     money.Minor
	there    money.Minor
}

func newFact(c check, of string, currency money.Currency, there, here money.Minor, since time.Time, live bool) fact {
	return fact{Check: c, Of: of, Currency: currency, There: amountOf(there, currency), Here: amountOf(here, currency),
		Since: since.UTC().Truncate(time.Microsecond), Right: clipText(of, mostBreakRef), Live: live}
}

func (f *facts) see(c check, of string, currency money.Currency, there, here money.Minor, since time.Time, live bool) *fact {
	return f.keep(newFact(c, of, currency, there, here, since, live))
}

// keep adds a fact to the list, and returns where it stands: of what is more than the list holds, nowhere in it.
func (f *facts) keep(x fact) *fact {
	if len(f.list) >= mostSeen {
		f.full = true
		return &x
	}
	f.list = append(f.list, x)
	return &f.list[len(f.list)-1]
}

// endedAs reports whether two people ended the fact's break as the fact is.
func (f fact) endedAs(b endedBreak, is bool, m meaning) (bool, error) {
	if !is || !f.Live || f.More > 0 { // a sum of others is nothing that people ended
		return false, nil
	}
	there, here, err := f.amounts()
	return err == nil && b.covers(&f, m, there-here), err
}

func (f fact) compare(g fact) int {
	return cmp.Or(strings.Compare(string(f.Check), string(g.Check)), strings.Compare(string(f.Currency), string(g.Currency)), strings.Compare(f.Of, g.Of))
}

// add takes another fact's amounts in.
func (f *fact) add(g *fact) error {
	there, here, err := f.amounts()
	if err != nil {
		return err
	}
	t, h, err := g.amounts()
	if err != nil {
		return err
	}
	if there, err = money.Add(there, t); err == nil {
		here, err = money.Add(here, h)
	}
	f.There, f.Here = amountOf(there, f.Currency), amountOf(here, f.Currency)
	if g.Since.Before(f.Since) {
		f.Since = g.Since
	}
	if g.From > 0 && (f.From == 0 || g.From < f.From) {
		f.From = g.From
	}
	f.Live, f.More = f.Live || g.Live, f.More+g.More
	return err
}

// oneEach makes one of facts that have one identity: their amounts together. The facts are in order then.
func oneEach(list []fact) (out []fact, err error) {
	slices.SortStableFunc(list, fact.compare)
	for _, f := range list {
		if n := len(out); n > 0 && out[n-1].compare(f) == 0 {
			if err := out[n-1].add(&f); err != nil {
				return nil, err
			}
			continue
		}
		out = append(out, f)
	}
	return out, nil
}

// bounded lists facts in order and sums what is above the bounds of a check into one. What is listed already, as the break of an
// earlier run, is listed before anything else.
func bounded(list []fact, listed map[string]bool) ([]fact, error) {
	list, err := oneEach(list)
	if err != nil {
		return nil, err
	}
	type place struct {
		check    check
		currency money.Currency
	}
	take := make([]bool, len(list))
	count, all := map[place]int{}, 0
	for _, known := range [2]bool{true, false} {
		for i := range list {
			at := place{list[i].Check, list[i].Currency}
			if take[i] || list[i].More > 0 || known != listed[list[i].identity()] || !known && (count[at] >= mostFacts || all >= mostFactsInAll) {
				continue
			}
			take[i] = true
			count[at]++
			all++
		}
	}
	var out []fact
	more := map[place]*fact{}
	for i, f := range list {
		if take[i] {
			out = append(out, f)
			continue
		}
		at := place{f.Check, f.Currency}
		if more[at] == nil {
			more[at] = &fact{Check: f.Check, Of: sumOfOthers, Currency: f.Currency, There: amountOf(0, f.Currency), Here: amountOf(0, f.Currency), Since: f.Since}
		}
		if err := more[at].add(&f); err != nil {
			return nil, err
		}
		if f.More == 0 {
			more[at].More++
		}
		more[at].Right = fmt.Sprintf("and %d more", more[at].More)
	}
	for _, m := range more {
		out = append(out, *m)
	}
	slices.SortFunc(out, fact.compare)
	return out, nil
}

func (f fact) amounts() (there, here money.Minor, err error) {
	if there, err = parseSigned(string(f.There), f.Currency); err == nil {
		here, err = parseSigned(string(f.Here), f.Currency)
	}
	return there, here, err
}

// judge makes findings of facts. It is pure: the same facts, rules and cut-off come to the same.
func judge(list []fact, of map[check]meaning, x situation) ([]Finding, error) {
	var found []Finding
	for _, f := range list {
		there, here, err := f.amounts()
		if err != nil {
			return nil, err
		}
		m := of[f.Check]
		y := Finding{Class: m.class, Identity: f.identity(), Currency: f.Currency, Amount: there - here,
			Left: f.Left, Right: f.Right, Entries: f.Entries, HappenedAt: f.Since, Detail: m.detail}
		if f.Falls != "" {
			y.Detail += " It falls on " + f.Falls + "."
		}
		if f.NotKnown != "" {
			y.Detail += " Not known here: " + f.NotKnown + "."
		}
		if f.More > 0 {
			y.Detail += fmt.Sprintf(" This one sums %d of them, of which none has a break of its own yet.", f.More)
		}
		if m.late != nil {
			if late := m.late(x, f.Since); x.CutOff.Before(late) {
				y.Class, y.ExpectedBy = Timing, late
			}
		}
		found = append(found, y)
	}
	return found, nil
}

// finishFacts judges what was seen and writes the run's document. Of a run that is made again, what cannot be read again comes
// from its inputs; and what was read again takes the place of what they say, so that it shows if it is not the same.
func finishFacts(book ledger.Book, in *inputs, f *facts, of map[check]meaning, summary any) (*outcome, error) {
	for _, x := range in.Facts {
		if x.Live && x.More == 0 {
			f.list = append(f.list, x)
		}
	}
	if f.full {
		return nil, ErrRunLarge
	}
	rules, err := rulesOf(in.Rules.Document)
	if err != nil {
		return nil, err
	}
	x := situation{Match: in.Match, Kind: in.Source.Kind, Rules: rules, CutOff: in.CutOff, Zone: book.Location(), Holiday: holidaysOf(in.Calendar)}
	f.list = slices.DeleteFunc(f.list, func(y fact) bool {
		m := of[y.Check]
		return m.quiet && m.late != nil && x.CutOff.Before(m.late(x, y.Since))
	})
	if in.again {
		in.listed = map[string]bool{}
		for i := range in.Facts {
			in.listed[in.Facts[i].identity()] = true
		}
	}
	list, err := bounded(f.list, in.listed)
	if err != nil {
		return nil, err
	}
	// A sum of live facts cannot be made again from its parts.
	for _, x := range in.Facts {
		if x.Live && x.More > 0 {
			list = append(list, x)
		}
	}
	slices.SortStableFunc(list, fact.compare)
	in.Facts = list
	out := &outcome{}
	if out.findings, err = judge(list, of, x); err != nil {
		return nil, err
	}
	for _, r := range f.rows {
		out.matched += r.accounts
	}
	out.inOrder()
	if out.inputsJSON, err = canonicalJSON(*in); err != nil {
		return nil, err
	}
	if out.summaryJSON, err = canonicalJSON(summary); err != nil {
		return nil, err
	}
	hash := sha256.New()
	if err := out.document(hash); err != nil {
		return nil, err
	}
	out.digest = hash.Sum(nil)
	return out, nil
}
