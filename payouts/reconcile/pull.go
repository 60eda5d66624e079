package reconcile

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"mizan/ledger/fault"
	"mizan/ledger/money"
	"mizan/payouts"
	"mizan/payouts/processor"
)

// Pulling reads what a processor has booked. Its lists are newest first and shift while they are read, rows appear late with an
// earlier time, and rows change; so each pull reads the days before again, keeps every line once by its id, and then asks the
// processor what it holds: only if the lines come to that is nothing missing. If they do not, it reads further back before it
// says so.

const (
	// pullOverlap is how far back is read again each time, and how much is read at once.
	pullOverlap = 48 * time.Hour
	// pullFirst is how far back the first pull reads, unless the book is older; and how far back one reads whose sum is not right.
	pullFirst = 35 * 24 * time.Hour
	// pullRest is how much longer the last window may be, so that the usual pull has one.
	pullRest = 12 * time.Hour
	// pullLists bounds the lists that one pull asks for. The next one goes on.
	pullLists = 4096
	// pullRipe bounds the days that one pull reads again because money of them should be available by now.
	pullRipe = 40
	// pullRipeShare is the share of its lists, one in so many, that it asks for of those days: what is new comes before what changes.
	pullRipeShare = 4
	// pullSkew is how far the processor's clock and ours may lie apart.
	pullSkew = 2 * time.Minute
)

// ErrNoDriver means that no processor account of a name is connected.
var ErrNoDriver = fault.New(fault.Unavailable, "processor-not-connected", "No processor account of this name is connected to the book. Connect it, then pull again.")

// Pulled is what a pull brought.
type Pulled struct {
	// Receipt is the last one, which has the processor's balance.
	Receipt
	// Lines, Changed and Receipts count all receipts of the pull.
	Lines, Changed, Receipts int64
	// Gaps are the currencies in which the lines do not come to the balance.
	Gaps []Gap
	// More says that a later pull has to go on, since there was too much for one.
	More bool
}

// pull is a pull under way.
type pull struct {
	s      *Service
	t      payouts.Turn
	driver processor.Driver
	source Source
	by     string
	// lists of most were asked for.
	lists, most int
	// owing says that what is read belongs to a reading further back, which the next pull goes on with if this one does not end it.
	owing bool
	done  Pulled
}

// errPullMore ends a pull that has asked for as many lists as one may.
var errPullMore = errors.New("reconcile: the next pull goes on")

// Pull reads what is new at the processor account of a name, and sets its source up the first time. What it has read is kept page by
// page, so that a pull that ends early loses nothing and the next one repeats nothing. Pulls may run at once; each line is there
// once. Errors: ErrNoDriver, ErrSourceShared, those of the driver, and that of the turn if another process has taken it over.
func (s *Service) Pull(ctx context.Context, t payouts.Turn, name string) (Pulled, error) {
	p := &pull{s: s, t: t, driver: s.driver(t.Book, name), by: actorID(t.Actor), most: s.pullLists}
	if p.driver == nil {
		return Pulled{}, ErrNoDriver
	}
	var err error
	if p.source, err = s.pullSource(ctx, t, name); err != nil {
		return Pulled{}, err
	}
	known, err := s.Completeness(ctx, t.Book, p.source) // what was missing before, and would be read for in vain again
	if err != nil {
		return Pulled{}, err
	}
	if err := p.read(ctx, known); errors.Is(err, errPullMore) {
		p.done.More = true
	} else if err != nil {
		return p.done, err
	}
	return p.done, nil
}

// PullAndAsk is Pull for people who ask for it: when all was read, it also asks for the lines of payouts (AskPayoutLines), for a short
// time. What it does not learn so, the next round asks for, and the pull is none the worse for it.
func (s *Service) PullAndAsk(ctx context.Context, t payouts.Turn, name string) (Pulled, error) {
	done, err := s.Pull(ctx, t, name)
	if err != nil || done.More {
		return done, err
	}
	source, err := s.Source(ctx, t.Book, KindProcessor, name)
	if err != nil {
		return done, err
	}
	short, cancel := context.WithTimeout(ctx, payoutsTime)
	defer cancel()
	if _, err := s.AskPayoutLines(short, t, source); err != nil && short.Err() == nil {
		s.log.Warn("not all lines of payouts could be asked for", "book", t.Book.Code, "source", name, "err", err)
	}
	return done, nil
}

// read reads everything since the last pull, and more if that is not all.
func (p *pull) read(ctx context.Context, before []Gap) error {
	from, first, owed, err := p.s.pulledFrom(ctx, p.t.Book, p.source)
	if err != nil {
		return err
	}
	if err := p.ripen(ctx, from); err != nil {
		return err
	}
	if !owed.IsZero() {
		p.owing = true
		if owed.Before(from) {
			from = owed
		}
	}
	if err := p.upToNow(ctx, from); err != nil {
		return err
	}
	recent := p.s.now().Truncate(time.Second).Add(-pullFirst)
	for attempt, again := range []time.Time{p.s.now().Truncate(time.Second).Add(-pullOverlap), recent, first} {
		switch {
		case len(p.done.Gaps) == 0:
			return nil
		case attempt > 0 && (sameGaps(before, p.done.Gaps) || !again.Before(from)):
			continue
		}
		if again.Before(from) {
			if err := p.s.owe(ctx, p.t, p.source, again); err != nil {
				return err
			}
			p.owing = true
		}
		if err := p.upToNow(ctx, again); err != nil {
			return err
		}
	}
	return nil
}

// upToNow reads window by window, the oldest first, and asks for the balance with the last one.
func (p *pull) upToNow(ctx context.Context, from time.Time) error {
	for {
		until := from.Add(pullOverlap)
		if !until.Add(pullRest).Before(p.s.now()) {
			return p.last(ctx, from)
		}
		if err := p.window(ctx, from, until); err != nil {
			return err
		}
		from = until
	}
}

// ripen reads the days again whose money should be available by now. What it does not come to, the next pull does.
func (p *pull) ripen(ctx context.Context, before time.Time) error {
	days, err := p.s.ripeDays(ctx, p.t.Book, p.source, p.s.now(), before)
	if err != nil {
		return err
	}
	p.most = max(p.s.pullLists/pullRipeShare, 1)
	defer func() { p.most = p.s.pullLists }()
	for _, day := range days {
		if err := p.window(ctx, day, day.Add(24*time.Hour)); errors.Is(err, errPullMore) {
			return nil
		} else if err != nil {
			return err
		}
	}
	return nil
}

// window reads and keeps what was created in a window, in halves if it is too much for one list.
func (p *pull) window(ctx context.Context, from, until time.Time) error {
	entries, err := p.list(ctx, from, until)
	if middle, ok := half(from, until); ok && errors.Is(err, processor.ErrTooMany) {
		if err := p.window(ctx, from, middle); err != nil {
			return err
		}
		return p.window(ctx, middle, until)
	}
	if err != nil {
		return err
	}
	return p.keep(ctx, page{entries: entries, from: from, until: until})
}

// last reads the balance and then what was created up to now: so all that the balance counts is in the list, and what the list has
// more is at its newest end.
func (p *pull) last(ctx context.Context, from time.Time) error {
	at := p.s.now()
	balance, err := p.driver.ReadBalance(ctx, "")
	if err != nil {
		return err
	}
	now := p.s.now()
	until := now.Add(time.Minute).Truncate(time.Second)
	entries, err := p.list(ctx, from, until)
	if middle, ok := half(from, until); ok && errors.Is(err, processor.ErrTooMany) {
		if err := p.window(ctx, from, middle); err != nil {
			return err
		}
		return p.last(ctx, middle)
	}
	if err != nil {
		return err
	}
	return p.keep(ctx, page{entries: entries, from: from, until: now, balance: balance, at: at})
}

func half(from, until time.Time) (time.Time, bool) {
	h := until.Sub(from) / 2
	return from.Add(h).Truncate(time.Second), h >= time.Second
}

func (p *pull) list(ctx context.Context, from, until time.Time) ([]processor.Entry, error) {
	if p.lists >= p.most {
		return nil, errPullMore
	}
	p.lists++
	return p.driver.ListEntries(ctx, "", processor.Window{From: from, Until: until})
}

// page is a list that was read to its end.
type page struct {
	entries     []processor.Entry
	from, until time.Time
	// balance was read at a moment before the list; nil if this is not the last list.
	balance map[money.Currency]processor.Balance
	at      time.Time
	// owing says that it belongs to a reading further back.
	owing bool
}

// keep keeps a page.
func (p *pull) keep(ctx context.Context, g page) error {
	g.owing = p.owing
	r, gaps, err := p.s.keepPage(ctx, p.t, p.source, p.by, g)
	if err != nil {
		return err
	}
	if r.Number > 0 {
		p.done.Receipt = r
		p.done.Lines += r.NewLines
		p.done.Changed += int64(r.Changes)
		p.done.Receipts++
	}
	if g.balance != nil {
		p.done.Gaps, p.owing = gaps, false
	}
	return nil
}

// lines are the entries of a page as lines, the oldest first. An entry that the list has twice counts as it was read last.
func (g page) lines() []taken {
	lines, at := make([]taken, 0, len(g.entries)), make(map[string]int, len(g.entries))
	for i := len(g.entries) - 1; i >= 0; i-- {
		l := takenFrom(g.entries[i])
		if _, twice := at[l.id]; twice {
			continue
		}
		at[l.id] = len(lines)
		lines = append(lines, l)
	}
	slices.SortStableFunc(lines, func(a, b taken) int { return a.movedAt.Compare(b.movedAt) })
	return lines
}

// takenFrom is an entry of a processor as a line. Words that nobody here knows are kept as they are.
func takenFrom(e processor.Entry) taken {
	l := taken{id: clean(e.ID, maxID), currency: e.Currency, gross: e.Amount, fee: e.Fee, net: e.Net, category: clean(e.Category, maxWord), kind: clean(e.Type, maxWord),
		sourceRef: clean(e.Source, maxID), rate: clean(e.Rate, maxRate), movedAt: stored(e.Created), status: clean(e.State, maxStatus), raw: rawOf(e)}
	if !e.AvailableOn.IsZero() {
		l.availableAt = stored(e.AvailableOn)
	}
	l.category = cmp.Or(l.category, l.kind, noCategory)
	l.key = keyNamed(l.sourceRef, l.id)
	return l
}

// rawOf is what the processor wrote, on one line.
func rawOf(e processor.Entry) []byte {
	var b bytes.Buffer
	if len(e.Raw) > 0 && json.Compact(&b, e.Raw) == nil {
		return b.Bytes()
	}
	text, err := json.Marshal(map[string]any{"id": e.ID, "amount": written(e.Amount, e.Currency), "fee": written(e.Fee, e.Currency), "currency": e.Currency, "created": e.Created.Unix(),
		"type": e.Type, "reporting_category": e.Category, "source": e.Source, "status": e.State})
	if err != nil {
		return []byte("{}") // texts and numbers can always be written
	}
	return text
}

// compared are the changes that an entry means for a line that is known.
func (k *known) compared(l taken, said map[saidAt]string) (changes []Change) {
	for _, f := range [...]struct{ field, was, is string }{
		{fieldAmount, written(k.gross, k.currency), written(l.gross, l.currency)}, {fieldFee, written(k.fee, k.currency), written(l.fee, l.currency)},
		{fieldCurrency, string(k.currency), string(l.currency)}, {fieldCategory, k.category, l.category}, {fieldType, k.kind, l.kind},
		{fieldSource, k.sourceRef, l.sourceRef}, {fieldMoved, moment(k.movedAt), moment(l.movedAt)}} {
		if c, differs := differ(k, said, f.field, f.was, f.is); differs {
			changes = append(changes, c)
		}
	}
	return changes
}

// statusOrder orders what can be said of when money becomes available, so that pages kept in any order come to the same.
func statusOrder(status string) int {
	switch status {
	case "":
		return 0
	case "pending":
		return 1
	case "available":
		return 3
	}
	return 2
}

// ripens moves a known line on, and returns the changes; there are none if the entry was written before what is known.
func (k *known) ripens(l taken) (changes []Change) {
	was, is := statusOrder(k.status), statusOrder(l.status)
	if is < was || is == was && (l.status < k.status || l.status == k.status && !l.availableAt.After(k.availableAt)) {
		return nil
	}
	if k.status != l.status {
		changes = append(changes, Change{Line: k.number, LineID: k.id, Field: fieldStatus, Was: k.status, Became: l.status})
	}
	if !k.availableAt.Equal(l.availableAt) {
		changes = append(changes, Change{Line: k.number, LineID: k.id, Field: fieldAvailable, Was: moment(k.availableAt), Became: moment(l.availableAt)})
	}
	k.status, k.availableAt = l.status, l.availableAt
	return changes
}
