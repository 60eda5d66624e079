package commerce

import (
	"context"
	"encoding/json"
	"time"

	"mizan/ledger"
	"mizan/ledger/fault"
)

// The release of an imported order: what its creators and their agencies earned becomes available. By default it
// waits while the seller, who owes it, is below zero: nobody has paid for it then.

// ErrNotFunded means that the seller of an imported order is below zero, so that nobody has paid its creators' share yet.
var ErrNotFunded = fault.New(fault.Conflict, "release-not-funded",
	"The seller is below zero, so the creators' share of this order is not funded. Release it once the seller has paid, or import such orders with release on_window.")

// importReleased is a release as an event of Mizan's own.
type importReleased struct {
	Order string `json:"order"`
	// at is the moment at which it must be due; the zero time means when it happens.
	at time.Time
}

// importReleasedKept is a release as it is kept, with what flags caught.
type importReleasedKept struct {
	importReleased
	Blocks []blockMove `json:"blocks,omitempty"`
}

func (d *importReleased) subject() string      { return importSubject(d.Order) }
func (d *importReleased) prepare(*preparation) {}

// ReleaseImported moves what waits of an imported order to available, at a moment; the zero time means now. A reference
// that is empty is made of the order's id. It returns ErrImportUnknown, ErrNotDue, ErrNotFunded or ErrOrderState if
// nothing waits.
func (s *Service) ReleaseImported(ctx context.Context, book ledger.Book, order, reference string, at time.Time) Result {
	if !ledger.IsSegment(order) {
		return Result{Err: ErrImportUnknown}
	}
	if reference == "" {
		reference = eventImportReleased + ":" + order
	}
	return s.Post(ctx, book, Event{Type: eventImportReleased, Reference: reference, OccurredAt: at, Data: &importReleased{Order: order}})
}

func (d *importReleased) plan(p *planner) error {
	told, err := p.story(d.subject())
	if err != nil {
		return err
	}
	paid := told.first("import.order_paid")
	if paid == nil {
		return ErrImportUnknown
	}
	sale, err := storedAs[importedSale](paid)
	if err != nil {
		return err
	}
	now := d.at
	if now.IsZero() {
		now = p.event.OccurredAt
	}
	if now.IsZero() {
		now = p.service.now()
	}
	if end := sale.windowEnd(); now.Before(end) {
		return ErrNotDue.Withf("The return window of this order ends at %s.", end.Format(time.RFC3339))
	}
	if sale.Release != releaseOnWindow {
		balance, err := p.balanceIn(payeeAccount("seller", bucketAvailable, sale.Seller), sale.Currency)
		if err != nil {
			return err
		}
		if balance < 0 {
			return ErrNotFunded
		}
	}
	var list positions
	for _, x := range told.nets(sale.Currency) {
		kind, bucket, id, ok := splitPayee(x.account)
		if !ok || bucket != bucketPending || x.amount <= 0 {
			continue
		}
		list.add(x.account, -x.amount)
		list.add(payeeAccount(kind, bucketAvailable, id), x.amount)
	}
	if len(list) == 0 {
		return ErrOrderState.With("Nothing of this imported order waits to be released.")
	}
	lines, blocks, err := p.flagged(creditLines(sale.Currency, list))
	if err != nil {
		return err
	}
	data, err := json.Marshal(importReleasedKept{*d, blocks})
	if err != nil {
		return err
	}
	if err := p.draft(draftOf{event: eventSettled, kind: eventImportReleased, data: data, lines: lines, liveSession: paid.LiveSession, channel: sale.Source}); err != nil {
		return err
	}
	return p.fill(d.subject(), blocks)
}
