package reconcile

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
	"mizan/ledger/postgres"
)

// The checklist says what stands between a month and its close (domain 7). It is computed, never ticked: an item is done because
// the books and the evidence say so.

// ItemState is how an item of the checklist stands.
type ItemState string

// The states of an item. Waiting does not keep the month from closing: it is shown to whoever approves.
const (
	ItemDone          ItemState = "done"
	ItemWaiting       ItemState = "waiting"
	ItemBlocked       ItemState = "blocked"
	ItemNotApplicable ItemState = "not_applicable"
)

// The items of the checklist.
const (
	itemOrder        = "earlier_months"
	itemOver         = "month_over"
	itemEvidence     = "evidence"
	itemBreaks       = "breaks"
	itemSuspense     = "suspense"
	itemCompleteness = "completeness"
	itemPosition     = "fx_position"
	itemSafeguarding = "safeguarding"
	itemCoverage     = "coverage"
	itemTaxes        = "taxes"
	itemEstimates    = "estimates"
	itemAccruals     = "accruals"
	itemPayouts      = "payouts"
	itemClearing     = "clearing"
	itemBooks        = "intercompany"
	itemYear         = "year"
	itemTotals       = "totals"
)

// matchItems are the items of the four matches.
var matchItems = map[Match]string{R1: "processors", R2: "banks", R3: "sub_ledgers", R4: "channels"}

// mayAccept are the items that two people may accept as they stand. Nobody can accept that earlier months are open, that a break
// has no explanation, that the year's result was not carried over, or that the ledger's own totals do not agree.
var mayAccept = []string{"processors", "banks", "sub_ledgers", "channels", itemEvidence, itemSuspense, itemCompleteness, itemPosition, itemSafeguarding,
	itemCoverage, itemEstimates, itemAccruals, itemPayouts, itemClearing, itemBooks}

// Checklist is the checklist of a month.
type Checklist struct {
	Period ledger.Period
	// Closed says that the month is closed already.
	Closed bool
	Items  []ChecklistItem
	// Months are the months that closing this one closes, in order, this one last.
	Months []ledger.Period
}

// ChecklistItem is one thing that has to be in order.
type ChecklistItem struct {
	// Code is stable; Title names it for people, and Detail says how it stands and what to do.
	Code, Title string
	State       ItemState
	Detail      string
	// Amounts are those that it is about, and Names what keeps it from being done: sources, accounts, breaks' classes, months. At
	// most maxNames of each are listed; More says that there are others.
	Amounts []ItemAmount
	Names   []string
	More    bool
	// Acceptable says that two people may accept it as it stands.
	Acceptable bool
}

// ItemAmount is an amount that an item is about.
type ItemAmount struct {
	Name     string
	Currency money.Currency
	Amount   Amount
}

// maxNames bounds what an item lists.
const maxNames = 20

func newItem(code, title, detail string) *ChecklistItem {
	return &ChecklistItem{Code: code, Title: title, State: ItemDone, Detail: detail, Acceptable: slices.Contains(mayAccept, code)}
}

// worse moves the item to a state unless it stands worse already, and says why.
func (i *ChecklistItem) worse(to ItemState, detail string) {
	rank := []ItemState{ItemNotApplicable, ItemDone, ItemWaiting, ItemBlocked}
	if slices.Index(rank, to) > slices.Index(rank, i.State) || i.State == ItemDone {
		i.State, i.Detail = to, detail
	}
}

func (i *ChecklistItem) name(n string) {
	switch {
	case slices.Contains(i.Names, n):
	case len(i.Names) == maxNames:
		i.More = true
	default:
		i.Names = append(i.Names, n)
	}
}

func (i *ChecklistItem) amount(name string, c money.Currency, a Amount) {
	if len(i.Amounts) == maxNames {
		i.More = true
		return
	}
	i.Amounts = append(i.Amounts, ItemAmount{name, c, a})
}

// Item returns the item of a code, nil if there is none.
func (c *Checklist) Item(code string) *ChecklistItem {
	for i := range c.Items {
		if c.Items[i].Code == code {
			return &c.Items[i]
		}
	}
	return nil
}

// Checklist computes the checklist of a month. It reads in short transactions of its own, so that its items are not of one moment;
// the close judges it again when nobody else can post.
func (s *Service) Checklist(ctx context.Context, book ledger.Book, period ledger.Period) (Checklist, error) {
	select {
	case s.checklists <- struct{}{}:
		defer func() { <-s.checklists }()
	case <-ctx.Done():
		return Checklist{}, ctx.Err()
	}
	j, err := s.judge(ctx, book, period, nil)
	return j.Checklist, err
}

// judged is a checklist with what it was computed from.
type judged struct {
	Checklist
	totals  *ControlTotals
	matches []matchState
	groups  []breakGroup
	rules   Rules
	seen    *seenBefore
}

// seenBefore is what is too slow to be judged while nobody can post. It goes on to hold as long as the control totals of the month
// and the evidence are the same: what counts in the month has not moved then. Whether donations and the money kept for others are
// covered is no matter of the month, and holds as of the transaction at; money that stands still for too long can only have moved
// since, and then it does not.
type seenBefore struct {
	at       int64
	evidence string
	posted   map[int16]int64
	items    map[string]*ChecklistItem
}

// judge computes the checklist. before is what was judged a moment ago, nil to judge all of it anew.
func (s *Service) judge(ctx context.Context, book ledger.Book, period ledger.Period, before *seenBefore) (j judged, err error) {
	head, err := s.ledger.Head(ctx, book)
	if err != nil {
		return j, err
	}
	months, first, err := s.monthsToClose(ctx, book, period, head.FirstOpenPeriod)
	if err != nil {
		return j, err
	}
	j.Checklist = Checklist{Period: period, Closed: period < head.FirstOpenPeriod, Months: months}
	if j.rules, err = s.closingRules(ctx, book); err != nil {
		return j, err
	}
	if j.totals, err = s.totalsAtOnce(ctx, book, period); err != nil {
		return j, err
	}
	j.seen = before
	if before == nil {
		j.seen = &seenBefore{at: head.LastSequence, items: map[string]*ChecklistItem{}}
		if j.seen.evidence, err = s.evidenceState(ctx, book); err != nil {
			return j, err
		}
	}
	end := endOf(book, period)
	if j.matches, err = s.matchesUntil(ctx, book, end); err != nil {
		return j, err
	}
	if before == nil {
		if j.seen.posted, err = s.posted(ctx, book, period, j.matches, end, head.LastSequence); err != nil {
			return j, err
		}
	}
	if j.groups, err = s.openBreaks(ctx, book, period); err != nil {
		return j, err
	}
	items := append([]*ChecklistItem{checkOrder(months, first), s.checkOver(end)}, checkMatches(j.matches, j.seen.posted, end)...)
	items = append(items, s.checkBreaks(j.groups))
	rest, err := s.checkRest(ctx, book, &j, head.FirstOpenPeriod)
	if err != nil {
		return j, err
	}
	for _, i := range append(items, rest...) {
		slices.Sort(i.Names)
		slices.SortStableFunc(i.Amounts, func(a, b ItemAmount) int {
			return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Currency, b.Currency))
		})
		j.Items = append(j.Items, *i)
	}
	return j, nil
}

const (
	// checklistsTogether is how many checklists one process computes at the same time; others wait for their turn.
	checklistsTogether = 2
	// restTogether is how many checks of one checklist are made at the same time.
	restTogether = 3
)

// errCheckPanicked means that a check ended in a panic, which is a defect of the program.
var errCheckPanicked = errors.New("reconcile: a check of the checklist ended in a panic")

// safely returns errCheckPanicked if a check panics, and says so in the log: checks run beside the request, where nobody else would hold
// the panic up. What it says stays out of the log, because it may hold anything.
func (s *Service) safely(ctx context.Context, check func(context.Context) (*ChecklistItem, error)) (i *ChecklistItem, err error) {
	defer func() {
		if what := recover(); what != nil {
			s.log.Error("a check of the checklist ended in a panic, which is a defect of the program", "panic", fault.Caught(what))
			i, err = nil, errCheckPanicked
		}
	}()
	return check(ctx)
}

// checkRest judges what the books and the evidence must show. What is slow and was judged before goes on to hold. Others are made beside
// the coverage, unless all are read in one transaction.
func (s *Service) checkRest(ctx context.Context, book ledger.Book, j *judged, open ledger.Period) ([]*ChecklistItem, error) {
	t, period, end := j.totals, j.Period, endOf(book, j.Period)
	type restCheck struct {
		slow string
		fn   func(context.Context) (*ChecklistItem, error)
	}
	checks := []restCheck{
		{itemEvidence, func(ctx context.Context) (*ChecklistItem, error) {
			return s.checkEvidence(ctx, book, period, j.matches)
		}},
		{"", func(ctx context.Context) (*ChecklistItem, error) {
			return s.checkSuspense(ctx, book, j.groups, j.rules)
		}},
		{itemCompleteness, func(ctx context.Context) (*ChecklistItem, error) { return s.checkCompleteness(ctx, book, end) }},
		{"", func(ctx context.Context) (*ChecklistItem, error) { return s.checkPosition(ctx, book, t) }},
		{itemSafeguarding, func(ctx context.Context) (*ChecklistItem, error) { return s.checkSafeguarding(ctx, book, j.seen.at) }},
		{itemCoverage, func(ctx context.Context) (*ChecklistItem, error) { return s.checkCoverage(ctx, book, j.seen.at) }},
		{"", func(context.Context) (*ChecklistItem, error) { return checkTaxes(t), nil }},
		{"", func(context.Context) (*ChecklistItem, error) { return checkEstimates(t), nil }},
		{itemAccruals, func(ctx context.Context) (*ChecklistItem, error) { return s.checkAccruals(ctx, book, period) }},
		{"", func(ctx context.Context) (*ChecklistItem, error) { return s.checkPayouts(ctx, book, t, end, j.rules) }},
		{itemClearing, func(ctx context.Context) (*ChecklistItem, error) { return s.checkClearing(ctx, book, end, j.rules) }},
		{"", func(ctx context.Context) (*ChecklistItem, error) { return s.checkBooks(ctx, book, period) }},
		{"", func(ctx context.Context) (*ChecklistItem, error) { return s.checkYear(ctx, book, j.Months, open) }},
		{itemTotals, func(ctx context.Context) (*ChecklistItem, error) { return s.checkTotals(ctx, book, period) }},
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	items := make([]*ChecklistItem, len(checks))
	check := func(n int) {
		if items[n] = j.seen.items[checks[n].slow]; items[n] == nil && ctx.Err() == nil {
			var err error
			if items[n], err = s.safely(ctx, checks[n].fn); err != nil {
				stop(err) // the first one says why
			}
		}
	}
	// The longest begin, one after the other: the time that the coverage has is not to be shared with the totals.
	turns := [][]int{nil}
	for n, c := range checks {
		if c.slow == itemCoverage || c.slow == itemTotals {
			turns[0] = append(turns[0], n)
			continue
		}
		turns = append(turns, []int{n})
	}
	inTurns(ctx, turns, check)
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	for n, i := range items {
		if slow := checks[n].slow; slow != "" {
			j.seen.items[slow] = i
		}
	}
	return items, nil
}

// inTurns makes the checks of each turn one after the other, and some turns beside each other.
func inTurns(ctx context.Context, turns [][]int, check func(n int)) {
	left := make(chan []int, len(turns))
	for _, turn := range turns {
		left <- turn
	}
	close(left)
	work := func() {
		for turn := range left {
			for _, n := range turn {
				check(n)
			}
		}
	}
	if postgres.IsWithin(ctx) {
		work() // in the transaction, which is one connection
	} else {
		var working sync.WaitGroup
		for range restTogether {
			working.Go(work)
		}
		working.Wait()
	}
}

// checkOrder judges the months that closing one would close with it: only the first close of all takes earlier ones along.
func checkOrder(months []ledger.Period, first bool) *ChecklistItem {
	i := newItem(itemOrder, "Earlier months are closed", "Done.")
	for _, p := range months[:len(months)-1] {
		if first {
			i.worse(ItemWaiting, "It is the first close of the book: the months before it are closed with it.")
		} else {
			i.worse(ItemBlocked, "Months close one by one, the oldest first. Close these before.")
		}
		i.name(p.String())
	}
	return i
}

// checkOver warns of a month that is not over.
func (s *Service) checkOver(end time.Time) *ChecklistItem {
	i := newItem(itemOver, "The month is over", "Done.")
	if s.now().Before(end) {
		i.worse(ItemWaiting, "This month is not over. What still happens in it counts in the next one.")
	}
	return i
}

// Blockers are the items that keep the month from closing, except those that are accepted.
func (c *Checklist) Blockers(accepted []string) (list []ChecklistItem) {
	for _, i := range c.Items {
		if i.State == ItemBlocked && (!i.Acceptable || !slices.Contains(accepted, i.Code)) {
			list = append(list, i)
		}
	}
	return list
}
