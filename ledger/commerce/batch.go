package commerce

import (
	"context"

	"mizan/ledger"
	"mizan/ledger/fault"
)

// Batches of events. Independent events of different orders are planned and posted together; events of one order wait for
// each other. An atomic group is planned over what its own earlier events do to an order.

// PostBatch records the events independently, in order: each has its own result.
func (s *Service) PostBatch(ctx context.Context, book ledger.Book, events []Event) []Result {
	results := make([]Result, len(events))
	var wave []int
	ready := make([]*prepared, len(events))
	busy := map[string]bool{}
	flush := func() {
		s.postWave(ctx, book, ready, wave, results)
		wave = wave[:0]
		clear(busy)
	}
	for i := range events {
		e, err := s.prepare(book, &events[i])
		if err != nil {
			results[i] = Result{Event: events[i], Err: err}
			continue
		}
		ready[i] = e
		subject := e.event.Data.subject()
		apart := subject == "" && looksUp(e) || surveys(e)
		if apart || busy[subject] {
			flush()
		}
		if subject != "" {
			busy[subject] = true
		}
		wave = append(wave, i)
		if apart { // what it is about is not known yet: nothing may follow it in the same wave
			flush()
		}
	}
	flush()
	return results
}

// looksUp reports whether an event's subject must be looked up.
func looksUp(e *prepared) bool {
	switch e.event.Data.(type) {
	case *DisputeClosed, *EntryReversed:
		return true
	}
	return false
}

// surveys reports whether an event chooses what it is about from what was recorded before it.
func surveys(e *prepared) bool {
	switch e.event.Data.(type) {
	case *BrandInvoicePaid, *BrandCreditApplied, *CODRemitted:
		return true
	}
	return false
}

// postWave plans events of different subjects and posts them together. Those whose order moved on are posted alone.
func (s *Service) postWave(ctx context.Context, book ledger.Book, ready []*prepared, wave []int, results []Result) {
	if len(wave) == 0 {
		return
	}
	if len(wave) == 1 {
		results[wave[0]] = s.postAlone(ctx, book, ready[wave[0]])
		return
	}
	plans := make([]*planner, 0, len(wave))
	at := make([]int, 0, len(wave))
	submissions := make([]ledger.Submission, 0, len(wave))
	for _, i := range wave {
		p, done := s.plan(ctx, book, ready[i], ready[i].fresh, nil)
		if done != nil {
			results[i] = *done
			continue
		}
		submission, err := p.submission()
		if err != nil {
			results[i] = Result{Event: *ready[i].event, Err: err}
			continue
		}
		plans, at, submissions = append(plans, p), append(at, i), append(submissions, submission)
	}
	if len(submissions) == 0 {
		return
	}
	for j, out := range s.ledger.PostBatch(ctx, book, submissions) {
		i := at[j]
		plans[j].doubtIf(out.Err)
		if fault.CodeOf(out.Err) == ledger.ErrStale.Code {
			ready[i].fresh = false
			results[i] = s.postAlone(ctx, book, ready[i])
			continue
		}
		results[i] = plans[j].result(out)
	}
}

// PostAtomic records all events or none. If one is refused, its result says why and the others carry
// ledger.ErrGroupRefused.
func (s *Service) PostAtomic(ctx context.Context, book ledger.Book, events []Event) []Result {
	results := make([]Result, len(events))
	ready, culprit, err := s.prepareAll(book, events)
	if err != nil {
		return refuseAll(events, culprit, err)
	}
	for range maxAttempts {
		var stale bool
		if results, stale = s.attemptAtomic(ctx, book, ready); !stale || ctx.Err() != nil {
			break
		}
		for _, e := range ready {
			e.fresh = false
		}
	}
	return results
}

func (s *Service) prepareAll(book ledger.Book, events []Event) (ready []*prepared, culprit int, err error) {
	ready = make([]*prepared, len(events))
	for i := range events {
		if ready[i], err = s.prepare(book, &events[i]); err != nil {
			return nil, i, err
		}
	}
	return ready, 0, nil
}

func refuseAll(events []Event, culprit int, err error) []Result {
	results := make([]Result, len(events))
	for i := range events {
		results[i] = Result{Event: events[i], Err: ledger.ErrGroupRefused}
		if i == culprit {
			results[i].Err = err
		}
	}
	return results
}

// attemptAtomic plans the group over itself and posts it. Stale says that an order moved on in the meantime.
func (s *Service) attemptAtomic(ctx context.Context, book ledger.Book, ready []*prepared) (results []Result, stale bool) {
	events := make([]Event, len(ready))
	for i, e := range ready {
		events[i] = *e.event
	}
	results = make([]Result, len(ready))
	known := newGroup()
	var plans []*planner
	var at []int
	var submissions []ledger.Submission
	for i, e := range ready {
		p, done := s.plan(ctx, book, e, e.fresh, known)
		if done != nil {
			if done.Err != nil {
				return refuseAll(events, i, done.Err), false
			}
			results[i] = *done // recorded before: it is part of what is known already
			continue
		}
		submission, err := p.submission()
		if err != nil {
			return refuseAll(events, i, err), false
		}
		plans, at, submissions = append(plans, p), append(at, i), append(submissions, submission)
	}
	if len(submissions) == 0 {
		return results, false
	}
	for j, out := range s.ledger.PostAtomic(ctx, book, submissions) {
		if plans[j].doubtIf(out.Err); fault.CodeOf(out.Err) == ledger.ErrStale.Code {
			stale = true
		}
		results[at[j]] = plans[j].result(out)
	}
	return results, stale
}

// DryRun answers what the events would post now, one on top of the other, and leaves no trace. With atomic, a refusal of
// one is a refusal of all.
func (s *Service) DryRun(ctx context.Context, book ledger.Book, events []Event, atomic bool) ([]Result, error) {
	refused := map[int]error{}
	for {
		f := &forecast{service: s, book: book, events: events, refused: refused, results: make([]Result, len(events)), group: newGroup()}
		f.group.unchecked = true
		if culprit, err := f.plan(ctx); atomic && err != nil {
			return refuseAll(events, culprit, err), nil
		}
		again, err := f.decide(ctx, atomic)
		if err != nil || !again {
			return f.results, err
		}
	}
}

// forecast is one pass of a dry run.
type forecast struct {
	service *Service
	book    ledger.Book
	events  []Event
	// refused are the events that the ledger refused in an earlier pass: what followed was planned over them.
	refused map[int]error
	results []Result
	group   *group
	plans   []*planner
	at      []int // the event of each plan
	repeats []int // events that repeat an earlier one of the dry run
}

// plan plans the events over each other. It returns the first that cannot be recorded.
func (f *forecast) plan(ctx context.Context) (culprit int, first error) {
	for i := range f.events {
		e := &f.events[i]
		f.results[i] = Result{Event: *e, Err: f.refused[i]}
		if f.results[i].Err == nil {
			f.results[i].Err = f.planOne(ctx, i)
		}
		if err := f.results[i].Err; err != nil && first == nil {
			culprit, first = i, err
		}
	}
	return culprit, first
}

func (f *forecast) planOne(ctx context.Context, i int) error {
	e := &f.events[i]
	ready, err := f.service.prepare(f.book, e)
	if err != nil {
		return err
	}
	if j, ok := f.group.done[e.Reference]; ok {
		if f.plans[j].hash != ready.hash {
			return ledger.ErrReferenceReused
		}
		f.repeats = append(f.repeats, i)
		return nil
	}
	p, done := f.service.plan(ctx, f.book, ready, false, f.group)
	if done != nil {
		f.results[i] = *done
		return done.Err
	}
	f.group.done[e.Reference] = len(f.plans)
	f.plans, f.at = append(f.plans, p), append(f.at, i)
	return nil
}

// decide asks the ledger about the plans. Again says that one was refused over which later ones were planned.
func (f *forecast) decide(ctx context.Context, atomic bool) (again bool, err error) {
	if len(f.plans) == 0 {
		return false, nil
	}
	submissions := make([]ledger.Submission, len(f.plans))
	for j, p := range f.plans {
		if submissions[j], err = p.submission(); err != nil {
			return false, err
		}
		for k := range submissions[j].Drafts {
			submissions[j].Drafts[k].Expect = nil // what the group's own earlier events did is not recorded
		}
	}
	outcomes, err := f.service.ledger.DryRun(ctx, f.book, submissions, atomic)
	if err != nil {
		return false, err
	}
	for j, out := range outcomes {
		i := f.at[j]
		f.results[i] = f.plans[j].result(out)
		if out.Err == nil || atomic || f.refused[i] != nil {
			continue
		}
		subject := f.plans[j].event.Data.subject()
		for _, later := range f.plans[j+1:] {
			if later.event.Data.subject() == subject {
				f.refused[i] = out.Err
				return true, nil
			}
		}
	}
	for _, i := range f.repeats {
		first := f.results[f.at[f.group.done[f.events[i].Reference]]]
		first.Replayed = first.Err == nil
		f.results[i] = first
	}
	return false, nil
}
