package commerce

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// Releasing what was earned without an order: gifts, tips, subscriptions and commissions have no delivery that starts a
// clock, so whoever keeps the time asks for their release (M-20).

const (
	eventReleased = "creator.released"

	releaseOnTime    = "on_time"
	releaseStorePaid = "store_paid"
	// defaultHoldDays is how long tips, subscriptions and commissions wait; a gift says it itself.
	defaultHoldDays = 7
)

// releasable are the kinds of sources whose earnings are released.
var releasable = []string{"gift", "tip", "subscription", "commission"}

var (
	// ErrReleaseSource means that a source cannot be released.
	ErrReleaseSource = fault.New(fault.Invalid, "release-source", "Earnings of gifts, tips, subscriptions and commissions are released, named like gift:G-1. Orders are settled instead.")
	// ErrNotReleasable means that earnings are not due, or not paid by the store.
	ErrNotReleasable = fault.New(fault.Conflict, "release-not-due", "These earnings are not due yet.")
	// ErrNothingWaits means that nothing of a source waits to be released.
	ErrNothingWaits = fault.New(fault.Conflict, "nothing-waits", "Nothing of this source waits to be released.")
)

// Release is what a release is asked with.
type Release struct {
	// Reference is the caller's name for it; empty means "creator.released:<source>".
	Reference string
	// Source is what the earnings come from, as kind:id.
	Source string
	// IfDue refuses earnings whose days are not over.
	IfDue bool
	// When is on_time, or empty; or store_paid, which refuses a gift of coins that a store has not paid us for.
	When string
}

// released is a release as an event of Mizan's own.
type released struct {
	Source string `json:"source"`
	IfDue  bool   `json:"if_due,omitempty"`
	When   string `json:"release_when,omitempty"`
	// at is the moment at which it must be due; the zero time means now.
	at time.Time
}

func (d *released) subject() string { return d.Source }

func (d *released) prepare(p *preparation) {
	p.oneOf("/release_when", d.When, releaseOnTime, releaseStorePaid)
}

// plan moves what waits of each payee to available; of a yearly subscription only what months that were served have earned.
func (d *released) plan(p *planner) error {
	told, err := p.story(d.Source)
	if err != nil {
		return err
	}
	if !told.begun() {
		return ErrOrderUnknown.With("Nothing of this name was recorded. Check the source's id.")
	}
	if err := d.due(p, told); err != nil {
		return err
	}
	kept := &releasedKept{released: *d}
	var lines []ledger.Line
	for _, c := range told.currencies() {
		waiting := positions{}
		for _, x := range told.nets(c) {
			_, bucket, _, ok := splitPayee(x.account)
			if !ok || bucket != bucketPending || x.amount <= 0 {
				continue
			}
			amount, err := served(told, x.amount)
			if err != nil {
				return err
			}
			waiting.add(x.account, amount)
		}
		moves, err := d.setAside(p, told, c, waiting)
		if err != nil {
			return err
		}
		released := releaseLines(c, waiting)
		for i := range moves {
			change := moves[i].change()
			released = addLine(released, ledger.Line{Account: payeeAccount("creator", bucketAvailable, moves[i].Creator), Amount: change, Currency: c})
			released = addLine(released, ledger.Line{Account: payeeAccount("creator", bucketTrust, moves[i].Creator), Amount: -change, Currency: c})
		}
		kept.Trusts = append(kept.Trusts, moves...)
		lines = append(lines, released...)
	}
	if len(lines) == 0 {
		return ErrNothingWaits
	}
	if lines, kept.Blocks, err = p.flagged(lines); err != nil {
		return err
	}
	data, err := json.Marshal(kept)
	if err != nil {
		return err
	}
	if err := p.draft(draftOf{event: eventReleased, lines: lines, data: data, told: kept}); err != nil {
		return err
	}
	return p.fill(d.Source, kept.Blocks)
}

// releasedKept is a release as it is kept, with what was set aside for minors and what flags caught.
type releasedKept struct {
	released
	Trusts []trustMove `json:"trusts,omitempty"`
	Blocks []blockMove `json:"blocks,omitempty"`
}

func (d *releasedKept) tell() []Step { return trustSteps(d.Trusts) }

// setAside computes what is set aside of what waits of creators who are minors. What a gift or tip gave before the creator
// was known to be a minor is not released.
func (d *released) setAside(p *planner, told *story, c money.Currency, waiting positions) ([]trustMove, error) {
	var creators []string
	for _, x := range waiting {
		if kind, _, id, _ := splitPayee(x.account); kind == "creator" && x.amount > 0 {
			creators = append(creators, id)
		}
	}
	minors, err := p.minors(creators...)
	if err != nil || len(minors) == 0 {
		return nil, err
	}
	if source, _, _ := strings.Cut(d.Source, ":"); source == "gift" || source == "tip" {
		return nil, ErrGiftToMinor.With("The creator is a minor, and gifts and tips are for adults only. It stays in pending: reverse the gift, or refund the tip.")
	}
	var moves []trustMove
	for _, m := range minors {
		if rate, ok, err := told.trustRate(m.Creator); err != nil {
			return nil, err
		} else if ok {
			m.Rate = rate
		}
		released := waiting.of(payeeAccount("creator", bucketPending, m.Creator))
		before := told.net(payeeAccount("creator", bucketTrust, m.Creator), c)
		move, err := newTrustMove(m, c, told.net(payeeAccount("creator", bucketAvailable, m.Creator), c)+before+released, before)
		if err != nil {
			return nil, err
		}
		move.After = min(max(move.After, move.Before), move.Before+cents(released))
		if move.change() != 0 {
			moves = append(moves, move)
		}
	}
	return moves, nil
}

// trustRate is the rate that was frozen for a creator with the story's first release; ok is false if there is none.
func (s *story) trustRate(creator string) (rate money.Rate, ok bool, err error) {
	for _, t := range s.chapters(eventReleased) {
		kept, err := storedAs[releasedKept](t)
		if err != nil {
			return rate, false, err
		}
		for _, m := range kept.Trusts {
			if m.Creator == creator {
				return m.Rate, true, nil
			}
		}
	}
	return rate, false, nil
}

// due refuses what a release that asks for it must not make available yet.
func (d *released) due(p *planner, told *story) error {
	if d.IfDue {
		due, err := told.holdEnds(p.book)
		if err != nil {
			return err
		}
		now := d.at
		if now.IsZero() {
			now = p.service.now()
		}
		if now.Before(due) {
			return ErrNotReleasable.Withf("These earnings are due at %s.", due.Format(time.RFC3339))
		}
	}
	if d.When != releaseStorePaid || told.first("gift.sent") == nil {
		return nil
	}
	return p.storesPaid(d.Source)
}

// holdEnds is when the days are over for which a story's earnings wait.
func (s *story) holdEnds(book ledger.Book) (time.Time, error) {
	days := defaultHoldDays
	if sent := s.first("gift.sent"); sent != nil {
		kept, err := storedAs[giftSent](sent)
		if err != nil {
			return time.Time{}, err
		}
		days = kept.HoldDays
	}
	y, m, day := s.transactions[0].OccurredAt.In(book.Location()).Date()
	return book.DayBegins(y, m, day+days), nil
}

// storesPaid refuses a gift of coins that a store has not paid for.
func (p *planner) storesPaid(source string) error {
	_, sent, err := p.gift(strings.TrimPrefix(source, "gift:"))
	if err != nil {
		return err
	}
	c := money.Currency(sent.Currency)
	lots, err := p.service.lotsOf(p.ctx, p.book, p.group, sent.Gift, c)
	if err != nil {
		return err
	}
	for _, lot := range lots {
		if lot.purchase == "" {
			continue
		}
		_, bought, err := p.purchase(lot.purchase)
		if err != nil {
			return err
		}
		if bought.Store == "" {
			continue
		}
		paid, err := p.service.storePaid(p.ctx, p.book, p.group, bought.Store, lot.purchase, c)
		if err != nil {
			return err
		}
		if !paid {
			return ErrNotReleasable.Withf("The store %s has not paid for purchase %s yet, which paid for this gift.", bought.Store, lot.purchase)
		}
	}
	return nil
}

// releaseLines moves what waits in pending to available.
func releaseLines(c money.Currency, waiting positions) []ledger.Line {
	var list positions
	for _, x := range waiting {
		kind, _, id, _ := splitPayee(x.account)
		list.add(x.account, -x.amount)
		list.add(payeeAccount(kind, bucketAvailable, id), x.amount)
	}
	return creditLines(c, list)
}

// currencies are the currencies of a story, in the order they were first posted.
func (s *story) currencies() (list []money.Currency) {
	for i := range s.transactions {
		for _, e := range s.transactions[i].Entries {
			if !slices.Contains(list, e.Currency) {
				list = append(list, e.Currency)
			}
		}
	}
	return list
}

// Release makes earnings available. It returns ErrReleaseSource, ErrOrderUnknown if nothing was recorded of the source, and
// ErrNothingWaits, and ErrNotReleasable for what is not due. The same reference again is answered as the first time.
func (s *Service) Release(ctx context.Context, book ledger.Book, ask Release) Result {
	kind, id, _ := strings.Cut(ask.Source, ":")
	if !slices.Contains(releasable, kind) || !ledger.IsSegment(id) {
		return Result{Err: ErrReleaseSource}
	}
	reference := ask.Reference
	if reference == "" {
		reference = eventReleased + ":" + ask.Source
	}
	return s.release(ctx, book, reference, &released{Source: ask.Source, IfDue: ask.IfDue, When: ask.When})
}

func (s *Service) release(ctx context.Context, book ledger.Book, reference string, d *released) Result {
	prepared, err := s.prepare(book, &Event{Type: eventReleased, Reference: reference, Data: d})
	if err != nil {
		return Result{Err: err}
	}
	return s.postAlone(ctx, book, prepared)
}
