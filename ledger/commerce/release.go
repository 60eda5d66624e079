package commerce

import (
	"context"
	"slices"
	"strings"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// Releasing what was earned without an order: gifts, tips, subscriptions and commissions have no delivery that starts a
// clock, so whoever keeps the time asks for their release (M-20).

const eventReleased = "creator.released"

// releasable are the kinds of sources whose earnings are released.
var releasable = []string{"gift", "tip", "subscription", "commission"}

var (
	// ErrReleaseSource means that a source cannot be released.
	ErrReleaseSource = fault.New(fault.Invalid, "release-source", "Earnings of gifts, tips, subscriptions and commissions are released, named like gift:G-1. Orders are settled instead.")
	// ErrNothingWaits means that nothing of a source waits to be released.
	ErrNothingWaits = fault.New(fault.Conflict, "nothing-waits", "Nothing of this source waits to be released.")
)

// Release is what a release is asked with.
type Release struct {
	// Reference is the caller's name for it; empty means "creator.released:<source>".
	Reference string
	// Source is what the earnings come from, as kind:id.
	Source string
}

// released is a release as an event of Mizan's own.
type released struct {
	Source string `json:"source"`
}

func (d *released) subject() string      { return d.Source }
func (d *released) prepare(*preparation) {}

// plan moves what waits of each payee to available; of a yearly subscription only what months that were served have earned.
func (d *released) plan(p *planner) error {
	told, err := p.story(d.Source)
	if err != nil {
		return err
	}
	if !told.begun() {
		return ErrOrderUnknown.With("Nothing of this name was recorded. Check the source's id.")
	}
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
		lines = append(lines, releaseLines(c, waiting)...)
	}
	if len(lines) == 0 {
		return ErrNothingWaits
	}
	data, err := p.stored()
	if err != nil {
		return err
	}
	return p.draft(draftOf{event: eventReleased, lines: lines, data: data})
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
// ErrNothingWaits. The same reference again is answered as the first time.
func (s *Service) Release(ctx context.Context, book ledger.Book, ask Release) Result {
	kind, id, _ := strings.Cut(ask.Source, ":")
	if !slices.Contains(releasable, kind) || !ledger.IsSegment(id) {
		return Result{Err: ErrReleaseSource}
	}
	reference := ask.Reference
	if reference == "" {
		reference = eventReleased + ":" + ask.Source
	}
	prepared, err := s.prepare(book, &Event{Type: eventReleased, Reference: reference, Data: &released{Source: ask.Source}})
	if err != nil {
		return Result{Err: err}
	}
	return s.postAlone(ctx, book, prepared)
}
