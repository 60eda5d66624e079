package commerce

import (
	"context"
	"errors"
	"slices"
	"time"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
	"mizan/ledger/postgres"
)

// Service records events. It is safe for concurrent use, in one process or many.
type Service struct {
	ledger *ledger.Ledger
	rules  *RuleSets
	now    func() time.Time
	turns  turnstile
	// drawers remembers where the drawers of suspense stood.
	drawers drawers
	payees  payeeTable
	// look is what plans look up beyond their own order.
	look lookups
	// mostQueued bounds the entries of an account that are read back as a queue.
	mostQueued int
}

// lookups are the questions that a plan asks the ledger beside the state of its order.
type lookups struct {
	balance  func(ctx context.Context, book ledger.Book, a ledger.Address, c money.Currency) (money.Minor, error)
	disputed func(ctx context.Context, book ledger.Book, dispute string, c money.Currency) (subject string, err error)
	released func(ctx context.Context, book ledger.Book, a ledger.Address, c money.Currency, gifts []gift) (money.Minor, error)
	story    func(ctx context.Context, book ledger.Book, q ledger.TransactionQuery) (ledger.TransactionPage, error)
	payee    func(ctx context.Context, book ledger.Book, id string) (Payee, error)
	// minors are those of the creators that are minors now.
	minors func(ctx context.Context, book ledger.Book, creators []string) ([]minor, error)
	// blocks are the flags that stand on any of the payees, oldest first.
	blocks   func(ctx context.Context, book ledger.Book, who []PayeeRef) ([]Block, error)
	holdings func(ctx context.Context, book ledger.Book, q ledger.HoldingsQuery) ([]ledger.Holding, int64, error)
}

// New returns a service that posts to the ledger by the rule sets.
func New(l *ledger.Ledger, rules *RuleSets, now func() time.Time) *Service {
	s := &Service{ledger: l, rules: rules, now: now, mostQueued: maxOfQueue}
	s.look = lookups{balance: s.balance, disputed: s.disputed, released: s.released, story: l.Transactions, holdings: l.Holdings}
	if rules != nil { // payees are kept in the same database
		s.payees = payeeTable{rules.pool}
	}
	s.look.minors, s.look.payee, s.look.blocks = s.payees.minors, s.payees.latest, s.payees.openBlocks
	return s
}

// maxAttempts bounds how often an event is planned again because its order moved on at another replica.
const maxAttempts = 20

// Post records one event and waits until it is durable. It returns the event's own errors, those of the rules (ErrRulesMissing,
// ErrRulesUnsigned), those of the order's state, and the ledger's.
func (s *Service) Post(ctx context.Context, book ledger.Book, e Event) Result {
	prepared, err := s.prepare(book, &e)
	if err != nil {
		return Result{Event: e, Err: err}
	}
	return s.postAlone(ctx, book, prepared)
}

// prepared is an event that passed what can be judged without history.
type prepared struct {
	event *Event
	hash  [32]byte
	// fresh says that the event is planned at first as if its order, or its payment, were new, which spares most sales the
	// look at it.
	fresh bool
}

// prepare judges an event without history.
func (s *Service) prepare(book ledger.Book, e *Event) (*prepared, error) {
	if e.Data == nil {
		return nil, ErrEventType
	}
	hash, err := requestHash(e)
	if err != nil {
		return nil, err
	}
	p := &preparation{book: book}
	e.Data.prepare(p)
	if err := p.err(); err != nil {
		return nil, err
	}
	d, capture := e.Data.(*OrderCaptured)
	_, fee := e.Data.(*FeeRecorded)
	return &prepared{event: e, hash: hash, fresh: fee || capture && d.terms.number() == 1}, nil
}

// postAlone posts one event, again and again until its order stood still while it was planned.
func (s *Service) postAlone(ctx context.Context, book ledger.Book, e *prepared) Result {
	if e.fresh {
		r := s.attempt(ctx, book, e, true)
		if fault.CodeOf(r.Err) != ledger.ErrStale.Code {
			return r
		}
	}
	subject, err := s.subjectOf(ctx, book, e, nil)
	if err != nil {
		return Result{Event: *e.event, Err: err}
	}
	var r Result
	if !isOrder(subject) { // most stories are told by one event at a time: wait for a turn only if another was told meanwhile
		if r = s.attempt(ctx, book, e, false); fault.CodeOf(r.Err) != ledger.ErrStale.Code {
			return r
		}
		if shared, ok := e.event.Data.(interface{ contends() string }); ok {
			subject = shared.contends()
		}
	}
	if err := s.turns.take(ctx, turn{book.ID, subject}, func() error { r = s.repeat(ctx, book, e); return nil }); err != nil {
		return Result{Event: *e.event, Err: err}
	}
	return r
}

func (s *Service) repeat(ctx context.Context, book ledger.Book, e *prepared) (r Result) {
	for range maxAttempts {
		if r = s.attempt(ctx, book, e, false); fault.CodeOf(r.Err) != ledger.ErrStale.Code || ctx.Err() != nil {
			return r
		}
	}
	return r
}

// attempt plans one event and posts it.
func (s *Service) attempt(ctx context.Context, book ledger.Book, e *prepared, fresh bool) Result {
	p, done := s.plan(ctx, book, e, fresh, nil)
	if done != nil {
		return *done
	}
	submission, err := p.submission()
	if err != nil {
		return Result{Event: *e.event, Err: err}
	}
	out := p.outrun(s.ledger.Post(ctx, book, submission))
	p.doubtIf(out.Err)
	return p.result(out)
}

// plan plans one event. Instead of a plan it returns a result if the event was recorded before, or cannot be recorded.
// A group is what earlier events planned together with this one have done; nil for an event alone.
func (s *Service) plan(ctx context.Context, book ledger.Book, e *prepared, fresh bool, g *group) (*planner, *Result) {
	fail := func(err error) (*planner, *Result) { return nil, &Result{Event: *e.event, Err: err} }
	subject, err := s.subjectOf(ctx, book, e, g)
	if err != nil {
		return fail(err)
	}
	p := &planner{ctx: ctx, service: s, book: book, event: e.event, hash: e.hash, group: g, fresh: fresh}
	if id, ok := orderID(subject); ok {
		if g != nil {
			p.order = g.orders[subject]
		}
		if p.order == nil {
			if fresh {
				p.order = &order{book: book, id: id}
			} else if p.order, err = s.load(ctx, book, id, 0); err != nil {
				return fail(err)
			}
		}
		if t := p.order.recorded(e.event.Reference); t != nil {
			return s.recordedBefore(ctx, book, e, p.order, t)
		}
	}
	if g == nil {
		if err := p.planEvent(); err != nil {
			if p.order == nil || err == errRecordedBefore {
				return s.recordedElsewhere(ctx, book, e, p.outdated(err))
			}
			return fail(err)
		}
		return p, nil
	}
	if p.order != nil {
		before := p.order.clone()
		g.orders[subject] = p.order
		if err := p.planEvent(); err != nil {
			g.orders[subject] = before
			if err == errRecordedBefore {
				return s.recordedElsewhere(ctx, book, e, err)
			}
			return fail(err)
		}
	} else if err := p.planEvent(); err != nil {
		return s.recordedElsewhere(ctx, book, e, err)
	}
	g.add(e.event.Reference, p.drafts)
	return p, nil
}

// outdated returns ErrStale instead of a plan's error if a story that the plan has read has gone on since then: what looks
// wrong may be what another event has just done. If that cannot be read, it says so.
func (p *planner) outdated(err error) error {
	for _, e := range p.expects {
		page, look := p.service.look.story(p.ctx, p.book, ledger.TransactionQuery{Subject: e.Subject, Descending: true, Limit: 1})
		if look != nil {
			return unread(err, look)
		}
		if len(page.Transactions) > 0 && page.Transactions[0].Sequence != e.LastSequence {
			return ledger.ErrStale
		}
	}
	return err
}

// recorded returns the order's first transaction under a reference, or nil.
func (o *order) recorded(reference string) *ledger.Transaction {
	i := slices.IndexFunc(o.transactions, func(t ledger.Transaction) bool { return t.Reference == reference })
	if i < 0 {
		return nil
	}
	return &o.transactions[i]
}

// recordedBefore answers an event whose reference the order has already.
func (s *Service) recordedBefore(ctx context.Context, book ledger.Book, e *prepared, o *order, t *ledger.Transaction) (*planner, *Result) {
	_, hash, ok := recordOf(t)
	if !ok || hash != e.hash {
		return nil, &Result{Event: *e.event, Err: ledger.ErrReferenceReused}
	}
	r := s.replayed(ctx, book, o, t)
	r.Event = *e.event
	return nil, &r
}

// recordedElsewhere answers an event that cannot be planned: with what its reference recorded, if it was this event, and
// otherwise with why. If that cannot be read, it says so: an event that may be recorded is not refused.
func (s *Service) recordedElsewhere(ctx context.Context, book ledger.Book, e *prepared, why error) (*planner, *Result) {
	ts, err := s.ledger.ByReference(ctx, book, e.event.Reference)
	if err != nil {
		return nil, &Result{Event: *e.event, Err: unread(why, err)}
	}
	if len(ts) == 0 {
		return nil, &Result{Event: *e.event, Err: why}
	}
	return s.recordedBefore(ctx, book, e, &order{transactions: ts}, &ts[0])
}

// unread is the error of a plan that ended with why, where what it has to be judged by could not be read because of look. What a read
// failed with before says more than the one that failed after it.
func unread(why, look error) error {
	if postgres.Failed(why) {
		return why
	}
	return look
}

// replayed is the result of what was recorded before under a reference.
func (s *Service) replayed(ctx context.Context, book ledger.Book, o *order, t *ledger.Transaction) Result {
	r := Result{Event: Event{Type: t.Event, Reference: t.Reference}, Replayed: true}
	main, recorded := t, o.transactions
	if len(o.minors) > 0 || o.touchedSuspense(t.Reference) { // facts about trusts and breaks stand in stories of their own
		if recorded, r.Err = s.ledger.ByReference(ctx, book, t.Reference); r.Err != nil {
			return r
		}
	}
	for i := range recorded {
		x := &recorded[i]
		if x.Reference != t.Reference {
			continue
		}
		r.Transactions = append(r.Transactions, *x)
		if rec, _, ok := recordOf(x); ok && rec.Part == 0 {
			main, r.Event.Type = x, rec.Kind
		}
	}
	r.Explanation, r.Err = s.Explain(ctx, book, main.Sequence)
	return r
}

// subjectOf is the event's subject; that of a dispute's end and of a reversal is looked up.
func (s *Service) subjectOf(ctx context.Context, book ledger.Book, e *prepared, g *group) (string, error) {
	switch d := e.event.Data.(type) {
	case *DisputeClosed:
		if d.order == "" {
			subject := g.disputed(d.Dispute)
			if subject == "" {
				var err error
				if subject, err = s.look.disputed(ctx, book, d.Dispute, ""); err != nil {
					return "", err
				}
			}
			id, ok := orderID(subject)
			if !ok {
				return "", ErrDisputeUnknown
			}
			d.order = id
		}
	case *EntryReversed:
		if d.about == "" {
			sequence, err := ledger.ParseTransactionID(book.Code, d.Transaction)
			if err != nil {
				return "", err
			}
			t, err := s.ledger.Transaction(ctx, book, sequence)
			if err != nil {
				return "", err
			}
			d.about = t.Subject
		}
	}
	return e.event.Data.subject(), nil
}

const orderPrefix = "order:"

func isOrder(subject string) bool { _, ok := orderID(subject); return ok }

func orderID(subject string) (string, bool) {
	if len(subject) > len(orderPrefix) && subject[:len(orderPrefix)] == orderPrefix {
		return subject[len(orderPrefix):], true
	}
	return "", false
}

// errUntold means that a plan moved what waits in suspense and does not tell of it. It is a defect, and nothing of it is posted.
var errUntold = errors.New("commerce: the plan does not tell what it moved in suspense")

// submission is what the plan asks the ledger to record. Only a plan that told what it moved in suspense, as planEvent does, can be
// submitted: otherwise the same money could be taken from suspense again.
func (p *planner) submission() (ledger.Submission, error) {
	if p.told != p.changes {
		return ledger.Submission{}, errUntold
	}
	return ledger.Submission{Reference: p.event.Reference, Hash: p.hash, Drafts: p.drafts}, nil
}

// result is what became of the plan.
func (p *planner) result(out ledger.Outcome) Result {
	r := Result{Event: *p.event, Transactions: out.Transactions, Replayed: out.Replayed, Err: out.Err}
	switch {
	case out.Err != nil:
	case out.Replayed:
		// What was recorded may rest on another state than this plan; explain what is recorded.
		main := out.Transactions[0].Sequence
		for i := range out.Transactions {
			if rec, _, ok := recordOf(&out.Transactions[i]); ok && rec.Part == 0 {
				main = out.Transactions[i].Sequence
			}
		}
		r.Explanation, r.Err = p.service.Explain(p.ctx, p.book, main)
	default:
		r.Explanation = p.explained.expand()
	}
	return r
}
