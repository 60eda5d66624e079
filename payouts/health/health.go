// Package health tells how a book stands: a list of figures that say what is well and what needs a person, each with its unit,
// since when it is so, and what it means. It reads what the other packages know and keeps nothing for good.
//
// Every figure is read for itself and in bounded time. One that cannot be read says so, and the others stand beside it.
package health

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/commerce/intake"
	"mizan/ledger/fault"
	"mizan/ledger/guard"
	"mizan/ledger/money"
	"mizan/payouts"
	"mizan/payouts/jobs"
	"mizan/payouts/questions"
	"mizan/payouts/reconcile"
)

// State says how a figure stands.
type State string

// The states, the worst first.
const (
	// Act needs a person now.
	Act State = "act"
	// Unread could not be read in time.
	Unread State = "unread"
	// Watch is not as it should stay, and may yet come right by itself.
	Watch State = "watch"
	// Well is as it should be.
	Well State = "well"
)

// States are all states, the worst first.
func States() []State { return []State{Act, Unread, Watch, Well} }

// Amount is a sum of a figure in one currency.
type Amount struct {
	Currency money.Currency
	Minor    money.Minor
}

// Figure is one thing that is looked at, as it stands.
type Figure struct {
	Kind
	State State
	// Count is how many there are of the unit; AtLeast says that there may be more, because counting ended there.
	Count   int64
	AtLeast bool
	// Amounts are sums, in the order of the book's currencies.
	Amounts []Amount
	// Since is when the oldest of them began; zero where there is none, or nobody knows.
	Since time.Time
	// Names are what it is about: rows of the chart, sources, jobs or months, at most 20 of them.
	Names []string
	// Reason is the code of why it could not be read, empty otherwise.
	Reason string
}

// Report is the health of a book.
type Report struct {
	// At is when it was asked for.
	At time.Time
	// Figures are in the order of Kinds.
	Figures []Figure
	// NotShown are the parts with figures that the reader may not see.
	NotShown []string
}

// State is the worst state of a figure; Well of none.
func (r Report) State() State {
	for _, s := range States() {
		if slices.ContainsFunc(r.Figures, func(f Figure) bool { return f.State == s }) {
			return s
		}
	}
	return Well
}

// In returns the figures in a state.
func (r Report) In(state State) (list []Figure) {
	for _, f := range r.Figures {
		if f.State == state {
			list = append(list, f)
		}
	}
	return list
}

// Figure returns the one with the code, nil if the report does not have it.
func (r Report) Figure(code string) *Figure {
	if i := slices.IndexFunc(r.Figures, func(f Figure) bool { return f.Code == code }); i >= 0 {
		return &r.Figures[i]
	}
	return nil
}

const (
	// usualPatience is how long a figure may take where nobody says otherwise.
	usualPatience = 1500 * time.Millisecond
	// atOnce bounds the figures of one report that are read at the same time, so that a report leaves connections for others.
	atOnce = 4
	// maxNames bounds the names of a figure.
	maxNames = 20
)

// Options are what a service reads from. What is nil has no figures.
type Options struct {
	Ledger    *ledger.Ledger
	Events    *commerce.Service
	Intake    *intake.Service
	Desk      *guard.Desk
	Jobs      *jobs.Service
	Payouts   *payouts.Service
	Reconcile *reconcile.Service
	Questions *questions.Service
	// Now is the clock.
	Now func() time.Time
	// Patience is how long a figure may take; a second and a half if it is zero.
	Patience time.Duration
	// Log receives why a figure could not be read; nil discards it.
	Log *slog.Logger
}

// Service reads the health of books.
type Service struct {
	Options
	readers []reader
	kept    sync.Map // of *kept
	// reached returns once the database answers about a book.
	reached func(ctx context.Context, book ledger.Book) error
}

// reader reads some figures of one part by one question.
type reader struct {
	part  string
	codes []string
	read  func(ctx context.Context, book ledger.Book) ([]Figure, error)
}

// telling has failures of a reader told to the log, where they happen and each of them once. Whoever looked and went away is none.
func (s *Service) telling(r reader) reader {
	read := r.read
	r.read = func(ctx context.Context, book ledger.Book) ([]Figure, error) {
		list, err := read(ctx, book)
		if err != nil && !errors.Is(ctx.Err(), context.Canceled) {
			s.Log.Warn("a figure of a book's health could not be read", "book", book.Code, "figures", r.codes, "err", err)
		}
		return list, err
	}
	return r
}

// New returns a service. Ledger, Events and Now are required.
func New(o Options) *Service {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Patience == 0 {
		o.Patience = usualPatience
	}
	s := &Service{Options: o}
	s.reached = func(ctx context.Context, book ledger.Book) error {
		_, err := s.Ledger.Head(ctx, book)
		return err
	}
	for _, r := range []reader{
		{Balances, []string{Coverage, OwnMoney}, s.coverage}, {Balances, []string{Safeguarding}, s.safeguarding}, {Balances, []string{WrongSide}, s.wrongSide},
	} {
		s.readers = append(s.readers, s.keeping(s.telling(r)))
	}
	add := func(known bool, list ...reader) {
		for _, r := range list {
			if known {
				s.readers = append(s.readers, s.telling(r))
			}
		}
	}
	add(o.Payouts != nil, reader{Payouts, []string{PayoutsUnknown, PayoutsRefused, PayoutsAtAccount, PayoutsUnsent}, s.stuck}, reader{Payouts, []string{PayoutsUnderWay}, s.underWay},
		reader{Payouts, []string{RunsWaiting}, s.runs}, reader{Payouts, []string{ClocksParked}, s.clocks})
	add(o.Questions != nil, reader{Payouts, []string{QuestionsOpen}, s.asked})
	add(o.Reconcile != nil, reader{Reconciliation, []string{BreaksOpen, BreaksOverdue}, s.breaks}, reader{Reconciliation, []string{Suspense}, s.suspense},
		reader{Reconciliation, []string{EvidenceOld}, s.evidence}, reader{Reconciliation, []string{MonthsOpen}, s.months})
	add(o.Jobs != nil, reader{Jobs, []string{JobsParked, JobsLate}, s.jobs})
	add(o.Intake != nil, reader{Inbound, []string{MessagesParked}, s.messages}, reader{Inbound, []string{ImportsParked}, s.imports})
	add(o.Desk != nil, reader{Approvals, []string{ApprovalsOpen}, s.approvals})
	return s
}

// Of reads the health of a book, as far as the reader may see its parts. It takes no longer than ctx allows: what was not read by
// then says so.
func (s *Service) Of(ctx context.Context, book ledger.Book, may func(part string) bool) Report {
	out := Report{At: s.Now().UTC()}
	found := map[string]Figure{}
	var mu sync.Mutex
	var all sync.WaitGroup
	places := make(chan struct{}, atOnce)
	for _, r := range s.readers {
		if !may(r.part) {
			if !slices.Contains(out.NotShown, r.part) {
				out.NotShown = append(out.NotShown, r.part)
			}
			continue
		}
		places <- struct{}{}
		all.Go(func() {
			defer func() { <-places }()
			list := s.figures(ctx, book, r)
			mu.Lock()
			defer mu.Unlock()
			for _, f := range list {
				found[f.Code] = f
			}
		})
	}
	all.Wait()
	for _, k := range kinds {
		if f, ok := found[k.Code]; ok {
			f.Kind = k
			out.Figures = append(out.Figures, f)
		}
	}
	return out
}

// figures reads figures within their time.
func (s *Service) figures(ctx context.Context, book ledger.Book, r reader) []Figure {
	bounded, cancel := context.WithTimeout(ctx, s.Patience)
	defer cancel()
	list, err := r.read(bounded, book)
	if err == nil {
		return list
	}
	reason := "read-too-long"
	if bounded.Err() == nil {
		if reason = fault.CodeOf(err); errors.Is(err, context.Canceled) || reason == "" {
			reason = "internal"
		}
	}
	list = make([]Figure, len(r.codes))
	for i, code := range r.codes {
		list[i] = Figure{Kind: Kind{Code: code}, State: Unread, Reason: reason}
	}
	return list
}

// counted is a figure of a code that is well while there are none.
func counted(code string, n int64, since time.Time, otherwise State) Figure {
	f := Figure{Kind: Kind{Code: code}, State: Well, Count: n}
	if n > 0 {
		f.State, f.Since = otherwise, since.UTC()
	}
	return f
}

// named adds a name as far as there is room.
func (f *Figure) named(name string) {
	if len(f.Names) < maxNames && !slices.Contains(f.Names, name) {
		f.Names = append(f.Names, name)
	}
}
