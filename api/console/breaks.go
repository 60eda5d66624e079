package console

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"mizan/ledger"
	"mizan/ledger/money"
	"mizan/payouts/reconcile"
)

// Breaks: where others say something else than the books, until somebody has dealt with it.

// breakLine is a break in a list.
type breakLine struct {
	reconcile.Break
	Link  string
	Class classWord
	State stateWord
	Age   int
	// Late says that what was expected by now is not there.
	Late           bool
	Sum, Suspended amount
}

func (who cashier) breakLine(t teller, b reconcile.Break, now time.Time) breakLine {
	waits := minor(b.Suspense, b.Currency)
	waits.Value.Abs(waits.Value) // which way it went is said beside it
	return breakLine{Break: b, Link: who.breakAt(b.ID), Class: t.classWord(b.Class), State: t.breakEnd(b), Age: b.Age(now),
		Late: !b.Ended() && !b.ExpectedBy.IsZero() && b.ExpectedBy.Before(now), Sum: minor(b.Amount, b.Currency), Suspended: waits}
}

// breakFilter is what a list of breaks is narrowed to, as its address has it.
type breakFilter struct{ State, Class, Match, Owner, Currency, Age, Reference, Source string }

// choice is an option of a form.
type choice struct {
	Value, Text string
	Chosen      bool
}

type breaksPage struct {
	payHead
	States      []tab
	Filter      breakFilter
	Classes     []choice
	Matches     []choice
	Currencies  []choice
	Ages        []choice
	Sources     []choice
	Lines       []breakLine
	Narrowed    bool
	All         string
	Next, First string
}

// stateOpen and stateAll are lists of several states: those that have not ended, and all.
const (
	stateOpen = ""
	stateAll  = "all"
)

func (f breakFilter) at(path, state, after string) string {
	return narrowedTo(path, "state", state, "class", f.Class, "match", f.Match, "owner", f.Owner, "currency", f.Currency, "age", f.Age, "ref", f.Reference, "source", f.Source, "after", after)
}

// breakFilterOf reads a filter from an address.
func breakFilterOf(given url.Values) breakFilter {
	return breakFilter{given.Get("state"), given.Get("class"), given.Get("match"), given.Get("owner"), given.Get("currency"), given.Get("age"), given.Get("ref"), given.Get("source")}
}

// query reads the filter. It returns errQuery for what is none.
func (f breakFilter) query(now time.Time) (q reconcile.BreakQuery, err error) {
	switch f.State {
	case stateOpen:
		q.Open = true
	case stateAll:
	default:
		q.States = []reconcile.State{reconcile.State(f.State)}
		if _, known := breakLooks[q.States[0]]; !known {
			return q, errQuery
		}
	}
	if q.Class = reconcile.Class(f.Class); f.Class != "" && !slices.Contains(classOrder, q.Class) {
		return q, errQuery
	}
	if f.Match != "" {
		n, err := strconv.Atoi(f.Match)
		if err != nil || !slices.Contains(matches, reconcile.Match(min(max(n, 0), 9))) {
			return q, errQuery
		}
		q.Match = reconcile.Match(n)
	}
	if f.Owner != "" && !ledger.IsSegment(f.Owner) || unusable(f.Reference) {
		return q, errQuery
	}
	q.Owner, q.Reference = f.Owner, f.Reference
	if q.Currency, err = currencyAt(f.Currency); err != nil {
		return q, err
	}
	if f.Age != "" {
		days, err := strconv.Atoi(f.Age)
		if err != nil || days < 0 || days > 10_000 {
			return q, errQuery
		}
		q.SeenBefore = now.Add(-time.Duration(days) * 24 * time.Hour)
	}
	return q, nil
}

func (c *console) breaks(ctx context.Context, who cashier, r *http.Request) (answer, error) {
	given := r.URL.Query()
	f := breakFilterOf(given)
	q, err := f.query(c.Now())
	if err != nil {
		return answer{}, err
	}
	at := who.o.At + breaksPath
	t := tellerOf(ctx)
	p := breaksPage{payHead: c.reconHead(t, who, breaksPath), Filter: f, All: at, Narrowed: f != breakFilter{State: f.State}}
	if q.AfterSeen, q.AfterID, err = momentAndID(given.Get("after")); err != nil {
		return answer{}, err
	}
	if q.AfterID != "" {
		p.First = f.at(at, f.State, "")
	}
	if q.Source, err = c.sourcesOf(ctx, who, &p); err != nil {
		return answer{}, err
	}
	q.Limit = breaksPerPage + 1
	list, err := c.Reconcile.Breaks(ctx, who.book, q)
	if err != nil {
		return answer{}, err
	}
	if len(list) > breaksPerPage {
		list = list[:breaksPerPage]
		last := list[breaksPerPage-1]
		p.Next = f.at(at, f.State, mark(last.FirstSeen, last.ID))
	}
	for _, b := range list {
		l := who.breakLine(t, b, c.Now())
		l.Link = f.at(l.Link, f.State, "")
		p.Lines = append(p.Lines, l)
	}
	p.choices(t, who.book.Currencies, at)
	return who.reconciled(t, t.say("break.list"), &p), nil
}

// sourceNamed finds a source of the book by its kind and name, as the API names it; 0 for no name. It returns errQuery for what is none.
func (c *console) sourceNamed(ctx context.Context, who cashier, named string) (int16, error) {
	if named == "" {
		return 0, nil
	}
	sources, err := c.Reconcile.Sources(ctx, who.book)
	if err != nil {
		return 0, err
	}
	for _, s := range sources {
		if string(s.Kind)+"/"+s.Name == named {
			return s.ID, nil
		}
	}
	return 0, errQuery
}

// sourcesOf offers the sources of the book, and returns the one that the list is narrowed to; 0 for none. A source is named as the API
// names it, by its kind and name.
func (c *console) sourcesOf(ctx context.Context, who cashier, p *breaksPage) (chosen int16, err error) {
	sources, err := c.Reconcile.Sources(ctx, who.book)
	for _, s := range sources {
		name := string(s.Kind) + "/" + s.Name
		if name == p.Filter.Source {
			chosen = s.ID
		}
		p.Sources = append(p.Sources, choice{name, tellerOf(ctx).sourceWord(s.Kind, s.Name), name == p.Filter.Source})
	}
	if err == nil && p.Filter.Source != "" && chosen == 0 {
		err = errQuery
	}
	return chosen, err
}

// choices are what the list can be narrowed to.
func (p *breaksPage) choices(t teller, currencies []money.Currency, at string) {
	f := p.Filter
	p.States = append(p.States, tab{link{t.say("break.state.not_ended"), f.at(at, stateOpen, "")}, f.State == stateOpen})
	for _, s := range breakStates {
		p.States = append(p.States, tab{link{t.breakState(s).Word, f.at(at, string(s), "")}, f.State == string(s)})
	}
	p.States = append(p.States, tab{link{t.say("break.state.all"), f.at(at, stateAll, "")}, f.State == stateAll})
	for _, class := range classOrder {
		p.Classes = append(p.Classes, choice{string(class), t.classWord(class).Name, f.Class == string(class)})
	}
	for _, m := range matches {
		n := strconv.Itoa(int(m))
		p.Matches = append(p.Matches, choice{n, t.matchWord(m), f.Match == n})
	}
	for _, c := range currencies {
		p.Currencies = append(p.Currencies, choice{string(c), string(c), f.Currency == string(c)})
	}
	ages, known := []string{"2", "8", "31", "91"}, f.Age == ""
	for _, a := range ages {
		known = known || a == f.Age
		n, _ := strconv.Atoi(a)
		p.Ages = append(p.Ages, choice{a, t.say("break.older", "count", n-1), f.Age == a})
	}
	if !known {
		p.Ages = append(p.Ages, choice{f.Age, t.say("break.age.and_more", "n", f.Age), true})
	}
}
