package commerce

import (
	"context"
	"strconv"
	"strings"
	"time"

	"mizan/ledger"
	"mizan/ledger/fault"
)

// Releasing what is due. An act reads what it releases again, so an item that was found long ago does no harm, and each has a
// reference made of what it releases, so that two who act at the same time do it once.

// Act performs what an item asks for, if it is due at a moment. It returns ErrNotDue, ErrGated or ErrNothingWaits if it is
// not, and what was recorded, marked as replayed, if the same was done before.
func (s *Service) Act(ctx context.Context, book ledger.Book, item DueItem, at time.Time) Result {
	kind, id, _ := strings.Cut(item.Subject, ":")
	if !ledger.IsSegment(id) {
		return Result{Err: ErrNothingWaits}
	}
	r := Result{Err: ErrNothingWaits}
	switch {
	case item.Act == ActSettle && kind == "order":
		r = s.settle(ctx, book, id, Settlement{At: at, IfDue: true, ReserveRate: item.ReserveRate, ReserveDays: item.ReserveDays}, true)
	case item.Act == ActReserve && kind == "order":
		r = s.actReserve(ctx, book, id, at)
	case item.Act == ActRelease:
		r = s.actRelease(ctx, book, item.Subject, at)
	case item.Act == ActImportRelease && kind == "import":
		r = s.actImport(ctx, book, id, at)
	case item.Act == ActDonationRelease:
		r = s.actDonation(ctx, book, item.Subject, at)
	}
	r.Err = refusalOf(r.Err)
	return r
}

// refusalOf brings the refusals of the acts to the three that whoever keeps the time decides by, with their own words.
func refusalOf(err error) error {
	var to *fault.Error
	switch fault.CodeOf(err) {
	case ErrNotReleasable.Code, ErrRefundWindow.Code:
		to = ErrNotDue
	case ErrNotFunded.Code, ErrGiftToMinor.Code:
		to = ErrGated
	default:
		return err
	}
	if e, ok := err.(*fault.Error); ok {
		return to.With(e.Message)
	}
	return to
}

// actReserve ends the reserve that waits. Its date is in the reference, because an order that settles again may keep another.
func (s *Service) actReserve(ctx context.Context, book ledger.Book, id string, at time.Time) Result {
	o, err := s.load(ctx, book, id, 0)
	if err != nil {
		return Result{Err: err}
	}
	reference := eventReserveReleased + ":" + id + ":" + o.reserve.releaseAt.Format("2006-01-02T15")
	if done := o.recorded(reference); done != nil && o.reserved() == 0 {
		return s.replayed(ctx, book, o, done)
	}
	return s.releaseReserve(ctx, book, reference, &ReserveReleased{Order: id, IfDue: true, At: at})
}

// again is the reference of a release: the first has the plain one, a later one its number.
func again(plain string, before int) string {
	if before == 0 {
		return plain
	}
	return plain + ":" + strconv.Itoa(before+1)
}

func (s *Service) actRelease(ctx context.Context, book ledger.Book, source string, at time.Time) Result {
	p := &planner{ctx: ctx, service: s, book: book, event: &Event{}}
	told, err := p.story(source)
	if err != nil {
		return Result{Err: err}
	}
	items, err := p.dueRelease(told)
	if err != nil {
		return Result{Err: err}
	}
	before := told.chapters(eventReleased)
	if len(items) == 0 {
		return s.actedBefore(ctx, book, before)
	}
	return s.release(ctx, book, again(eventReleased+":"+source, len(before)), &released{Source: source, IfDue: true, at: at})
}

func (s *Service) actImport(ctx context.Context, book ledger.Book, order string, at time.Time) Result {
	p := &planner{ctx: ctx, service: s, book: book, event: &Event{}}
	told, err := p.story(importSubject(order))
	if err != nil {
		return Result{Err: err}
	}
	items, err := p.dueImport(told)
	if err != nil {
		return Result{Err: err}
	}
	before := told.chapters(eventImportReleased)
	if len(items) == 0 {
		return s.actedBefore(ctx, book, before)
	}
	return s.Post(ctx, book, Event{Type: eventImportReleased, Reference: again(eventImportReleased+":"+order, len(before)), Data: &importReleased{Order: order, at: at}})
}

// actedBefore answers an act of which nothing waits any more: with the last that was recorded, if any was.
func (s *Service) actedBefore(ctx context.Context, book ledger.Book, before []*ledger.Transaction) Result {
	if len(before) == 0 {
		return Result{Err: ErrNothingWaits}
	}
	done := before[len(before)-1]
	return s.replayed(ctx, book, &order{transactions: []ledger.Transaction{*done}}, done)
}

// actDonation releases one donation, with those before it, or all of a campaign. What has been released once is not released
// again: the step of the campaign's numbers is in the reference.
func (s *Service) actDonation(ctx context.Context, book ledger.Book, subject string, at time.Time) Result {
	items, err := s.Due(ctx, book, subject)
	switch {
	case err != nil:
		return Result{Err: err}
	case len(items) == 0:
		return Result{Err: ErrNothingWaits}
	case len(items[0].Gates) > 0:
		return Result{Err: ErrGated.Withf("These donations are held: %s. Release the hold first.", strings.Join(items[0].Gates, ", "))}
	case at.Before(items[0].At):
		return Result{Err: ErrNotDue.Withf("The refund window of these donations is over at %s.", items[0].At.Format(time.RFC3339))}
	}
	kind, id, _ := strings.Cut(subject, ":")
	d := &DonationReleased{Campaign: id}
	if kind == "donation" {
		p := &planner{ctx: ctx, service: s, book: book, event: &Event{}}
		told, err := p.story(subject)
		if err != nil {
			return Result{Err: err}
		}
		g, err := storedAs[givenStored](told.first(eventReceived))
		if err != nil {
			return Result{Err: err}
		}
		d.Campaign, d.Through = g.Campaign, id
	}
	t, err := s.tallyNow(ctx, book, d.Campaign)
	if err != nil {
		return Result{Err: err}
	}
	return s.Post(ctx, book, Event{Type: "donation.released", Reference: "donation.released:" + subject + ":" + strconv.FormatInt(t.Step, 10), Data: d})
}
