package commerce

import (
	"context"
	"encoding/json"
	"time"

	"mizan/ledger"
	"mizan/ledger/money"
)

// The end of an order's reserve: at its date the rest becomes available, or before that it pays a debt of the seller
// that other orders made (W-22). While a dispute of the order is open it stays where it is.

const (
	eventReserveReleased = "reserve.released"
	eventReserveApplied  = "reserve.applied"
)

// ReserveReleased makes the rest of an order's reserve available.
type ReserveReleased struct {
	Order string `json:"order"`
	// IfDue refuses a reserve whose date has not come, at the moment At; the zero time means now.
	IfDue bool      `json:"-"`
	At    time.Time `json:"-"`
}

// ReserveApplied pays a debt of the seller out of an order's reserve: as much as the debt, the reserve and the amount allow.
type ReserveApplied struct {
	Order string `json:"order"`
	// Recovery is its own id, because a reserve may pay more than once.
	Recovery string `json:"recovery"`
	// Amount is the most that is taken, a decimal number in the order's currency; empty means all that the debt needs.
	Amount string `json:"amount,omitempty"`
}

// reserveMoved is either as it is kept.
type reserveMoved struct {
	Order    string         `json:"order"`
	Seller   string         `json:"seller"`
	Recovery string         `json:"recovery,omitempty"`
	Currency money.Currency `json:"currency"`
	Moved    cents          `json:"moved"`
	// Due is the reserve's date, in microseconds since 1970.
	Due    int64       `json:"due,omitempty"`
	Blocks []blockMove `json:"blocks,omitempty"`
}

func (d *ReserveReleased) subject() string      { return "order:" + d.Order }
func (d *ReserveReleased) prepare(*preparation) {}
func (d *ReserveApplied) subject() string       { return "order:" + d.Order }

func (d *ReserveReleased) step() (string, string) { return stepOf(eventReserveReleased, d.Order) }
func (d *ReserveApplied) step() (string, string) {
	return stepOf(eventReserveApplied, d.Order+":"+d.Recovery)
}

func (d *ReserveApplied) prepare(p *preparation) { p.id("/recovery", d.Recovery, true) }

// apply changes nothing of the order but where its money is.
func (d *reserveMoved) apply(*order, *preparation) error { return nil }

// tell tells what left the reserve and why.
func (d *reserveMoved) tell() []Step {
	t := &tale{currency: d.Currency}
	who, because := "seller:"+d.Seller, "for the seller's debt"
	if d.Recovery == "" {
		because = "kept until " + time.UnixMicro(d.Due).UTC().Format(time.RFC3339)
	}
	t.plain("reserve", "Out of the order's reserve", who, -money.Minor(d.Moved), because)
	t.plain("available", "For the seller", who, money.Minor(d.Moved), "")
	return t.steps
}

// summary says what the event means where its name has several meanings.
func (d *reserveMoved) summary() string {
	if d.Recovery != "" {
		return "The order's reserve pays a debt of the seller that other orders made."
	}
	return "The order's reserve has reached its date and is available."
}

// reserveOf returns what the order's reserve holds, or why it cannot move.
func (p *planner) reserveOf() (money.Minor, error) {
	if err := p.known(); err != nil {
		return 0, err
	}
	o := p.order
	switch {
	case o.openDispute() != nil:
		return 0, ErrGated.With("The order's reserve stays while a dispute of the order is open. Wait for its end.")
	case o.reserved() <= 0:
		return 0, ErrNothingWaits.With("The order has no reserve.")
	}
	return o.reserved(), nil
}

func (d *ReserveReleased) plan(p *planner) error {
	held, err := p.reserveOf()
	if err != nil {
		return err
	}
	o := p.order
	now := d.At
	if now.IsZero() {
		now = p.service.now()
	}
	if due := o.reserve.releaseAt; d.IfDue && now.Before(due) {
		return ErrNotDue.Withf("The order's reserve is released at %s.", due.Format(time.RFC3339))
	}
	moved := &reserveMoved{Order: o.id, Seller: o.seller, Currency: o.currency, Moved: cents(held), Due: o.reserve.releaseAt.UnixMicro()}
	lines, blocks, err := p.flagged([]ledger.Line{
		o.credit(payeeAccount("seller", bucketReserve, o.seller), -held), o.credit(payeeAccount("seller", bucketAvailable, o.seller), held)})
	if err != nil {
		return err
	}
	moved.Blocks = blocks
	return p.reserveMoved(eventReserveReleased, moved, lines)
}

// reserveMoved posts a movement of the order's reserve, and what flags have caught of it.
func (p *planner) reserveMoved(event string, d *reserveMoved, lines []ledger.Line) error {
	data, err := json.Marshal(d)
	if err != nil {
		return err
	}
	if err := p.draft(draftOf{event: event, data: data, told: d, decision: true, lines: lines}); err != nil {
		return err
	}
	return p.fill("order:"+d.Order, d.Blocks)
}

// plan takes at most what is missing in what the seller has available. It rests on the seller's story of debts, so that no
// debt is paid twice.
func (d *ReserveApplied) plan(p *planner) error {
	held, err := p.reserveOf()
	if err != nil {
		return err
	}
	o := p.order
	debt, err := p.debtOf("seller", o.seller, o.currency)
	if err != nil {
		return err
	}
	amount := min(held, debt)
	if d.Amount != "" {
		prep := &preparation{book: p.book, currency: o.currency, unit: 1}
		most := prep.positive("/amount", d.Amount)
		if err := prep.err(); err != nil {
			return err
		}
		amount = min(amount, most)
	}
	if amount == 0 {
		return ErrNothingWaits.With("The seller is not in debt in the order's currency.")
	}
	moved := &reserveMoved{Order: o.id, Seller: o.seller, Recovery: d.Recovery, Currency: o.currency, Moved: cents(amount)}
	if err := p.reserveMoved(eventReserveApplied, moved, []ledger.Line{
		o.credit(payeeAccount("seller", bucketReserve, o.seller), -amount), o.credit(payeeAccount("seller", bucketAvailable, o.seller), amount)}); err != nil {
		return err
	}
	return p.notes("seller", o.seller)
}

// ReleaseReserve makes the rest of an order's reserve available. With ifDue it is refused before the reserve's date. It
// returns ErrOrderUnknown, ErrNothingWaits, ErrNotDue or ErrGated. The same reference again is answered as the first
// time; an empty one is "reserve.released:<order>".
func (s *Service) ReleaseReserve(ctx context.Context, book ledger.Book, order, reference string, ifDue bool) Result {
	return s.releaseReserve(ctx, book, reference, &ReserveReleased{Order: order, IfDue: ifDue})
}

func (s *Service) releaseReserve(ctx context.Context, book ledger.Book, reference string, d *ReserveReleased) Result {
	if !ledger.IsSegment(d.Order) {
		return Result{Err: ErrOrderUnknown}
	}
	e := Own(d, time.Time{})
	if reference != "" {
		e.Reference = reference
	}
	return s.Post(ctx, book, e)
}

var reserveOwnTypes = []EventType{
	{Name: eventReserveReleased, Meaning: "The order's reserve has reached its date and is available.", New: func() EventData { return &ReserveReleased{} }, Stored: func() teller { return &reserveMoved{} }},
	{Name: eventReserveApplied, Meaning: "The order's reserve pays a debt of the seller.", New: func() EventData { return &ReserveApplied{} }, Stored: func() teller { return &reserveMoved{} }},
}
