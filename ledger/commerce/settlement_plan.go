package commerce

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// How an order settles. The operation decides nothing about time unless it is asked to: the clock that calls it does.

const eventSettled = "order.settled"

// defaultReserveDays is how long a reserve lasts if its rate is named and its days are not (domain 6).
const defaultReserveDays = 30

var (
	// ErrGated means that something keeps the order from settling.
	ErrGated = fault.New(fault.Conflict, "settlement-gated", "The order cannot settle while an after-sales case, a dispute, an exchange or a carrier's cash is open. Close it first.")
	// ErrNotDue means that the order's settlement clock has not run out.
	ErrNotDue = fault.New(fault.Conflict, "settlement-not-due", "The order's settlement is not due yet.")
)

// settled is an order's settlement as an event of Mizan's own.
type settled struct {
	Order       string     `json:"order"`
	At          int64      `json:"at"` // microseconds since 1970
	ReserveRate money.Rate `json:"rate,omitzero"`
	ReserveDays int        `json:"days,omitempty"`
	ReleaseAt   int64      `json:"release,omitempty"`
	// Minors are the creators who are minors, with the rates that are frozen now.
	Minors []minor `json:"minors,omitempty"`
	// Blocks are what flags caught.
	Blocks []blockMove `json:"blocks,omitempty"`

	// given is what the order's pledges give with it.
	given positions
	// flags stand on payees of the order.
	flags []Block
}

func (d *settled) subject() string      { return "order:" + d.Order }
func (d *settled) prepare(*preparation) {}

// apply releases the order: from now on its money is in available.
func (d *settled) apply(o *order, _ *preparation) error {
	o.settledAt, o.rest = time.UnixMicro(d.At).UTC(), false
	before := o.reserve.releaseAt
	o.reserve = reserve{rate: d.ReserveRate, days: d.ReserveDays}
	if d.ReleaseAt != 0 {
		o.reserve.releaseAt = time.UnixMicro(d.ReleaseAt).UTC()
	}
	// What an earlier settlement keeps stays until its own date, though this one keeps nothing or for a shorter time.
	if o.reserved() > 0 && before.After(o.reserve.releaseAt) {
		o.reserve.releaseAt = before
	}
	for _, m := range d.Minors {
		if !slices.ContainsFunc(o.minors, func(known minor) bool { return known.Creator == m.Creator }) {
			o.minors = append(o.minors, m)
		}
	}
	s, err := o.compute()
	if err != nil {
		return err
	}
	o.reserve.offset = o.net(o.sellerPosition()) + o.bucketOf(o.sellerPosition(), bucketDisputeHold) - s.seller
	d.given = o.settlePledges(s)
	return nil
}

// due returns when the settlement clock runs out: the start of the local day N + 1 days after the delivery of the last
// parcel, or the day that counts as that. ok is false while neither is known.
func (o *order) due() (at time.Time, ok bool) {
	arrived, ok := o.arrival()
	if !ok || o.set == nil {
		return time.Time{}, false
	}
	days := o.set.Policies.Settlement.Tiers[o.tier]
	y, m, d := arrived.In(o.book.Location()).Date()
	return o.book.DayBegins(y, m, d+days+1), true
}

// release is when a reserve is released: the start of the local day that lies days after delivery, but not before the day
// after the settlement (W-22). A zero time means that it would be over already, so none is kept.
func (o *order) release(settledAt time.Time, days int) time.Time {
	zone := o.book.Location()
	from := settledAt
	if arrived, ok := o.arrival(); ok {
		from = arrived
	} else if !o.delivered.IsZero() {
		from = o.delivered
	}
	y, m, d := from.In(zone).Date()
	at := o.book.DayBegins(y, m, d+days)
	if at.Before(settledAt) {
		return time.Time{}
	}
	y, m, d = settledAt.In(zone).Date()
	if next := o.book.DayBegins(y, m, d+1); at.Before(next) {
		at = next
	}
	return at.UTC()
}

// plan moves what waits of each payee to available, less the seller's reserve.
func (d *settled) plan(p *planner) error {
	if err := p.known(); err != nil {
		return err
	}
	o := p.order
	before, after, err := p.apply(d)
	if err != nil {
		return err
	}
	var lines []ledger.Line
	for _, at := range o.payees() {
		kind, _, id, _ := splitPayee(at)
		share := o.bucketOf(at, bucketPending)
		if share == 0 {
			continue
		}
		available := share + d.given.take(at)
		lines = append(lines, o.credit(at, -share))
		if kind == "seller" && share > 0 && !d.ReserveRate.IsZero() && d.ReleaseAt != 0 {
			kept, err := d.ReserveRate.Of(share, money.HalfEven, o.unit)
			if err != nil {
				return err
			}
			if kept > 0 {
				lines = append(lines, o.credit(payeeAccount(kind, bucketReserve, id), kept))
				available -= kept
			}
		}
		if available != 0 {
			lines = append(lines, o.credit(payeeAccount(kind, bucketAvailable, id), available))
		}
	}
	for _, g := range d.given {
		kind, _, id, payee := splitPayee(g.account)
		switch {
		case g.amount == 0:
		case payee:
			lines = append(lines, o.credit(payeeAccount(kind, bucketAvailable, id), g.amount))
		default:
			lines = append(lines, o.credit(g.account, g.amount))
		}
	}
	lines, moves, err := p.keepTrust(lines, after, true)
	if err != nil {
		return err
	}
	if lines, d.Blocks, err = p.routed(lines, d.flags); err != nil {
		return err
	}
	data, err := p.stored()
	if err != nil {
		return err
	}
	event := eventSettled
	if len(lines) == 0 {
		event = "order.fact_recorded"
	}
	settlement := draftOf{event: event, kind: eventSettled, lines: lines, data: data, trusts: moves}
	if len(o.pledges) > 0 {
		settlement.before, settlement.after = before, after
	}
	if err := p.draft(settlement); err != nil {
		return err
	}
	return p.fill(d.subject(), d.Blocks)
}

// Settle moves an order's money from pending to available. An order that settled before and of which nothing waits is
// answered with that settlement.
func (s *Service) Settle(ctx context.Context, book ledger.Book, id string, ask Settlement) Result {
	return s.settle(ctx, book, id, ask, false)
}

// settle is Settle; with ifWaits it refuses an order of which nothing waits, instead of recording that it settled.
func (s *Service) settle(ctx context.Context, book ledger.Book, id string, ask Settlement, ifWaits bool) Result {
	if !ledger.IsSegment(id) {
		return Result{Err: ErrOrderUnknown}
	}
	var result Result
	err := s.turns.take(ctx, turn{book.ID, "order:" + id}, func() error {
		for range maxAttempts {
			if result = s.settleOnce(ctx, book, id, ask, ifWaits); fault.CodeOf(result.Err) != ledger.ErrStale.Code {
				break
			}
		}
		return nil
	})
	if err != nil {
		return Result{Err: err}
	}
	return result
}

func (s *Service) settleOnce(ctx context.Context, book ledger.Book, id string, ask Settlement, ifWaits bool) Result {
	o, err := s.load(ctx, book, id, 0)
	if err != nil {
		return Result{Err: err}
	}
	if len(o.captures) == 0 {
		return Result{Err: ErrOrderUnknown}
	}
	if done := o.settledBy(ask.Reference); done != nil {
		return s.replayed(ctx, book, o, done)
	}
	if ifWaits && !o.anyPending() {
		return Result{Err: ErrNothingWaits}
	}
	d, err := o.settlement(s.now(), ask)
	if err != nil {
		return Result{Err: err}
	}
	reference := ask.Reference
	if reference == "" {
		reference = eventSettled + ":" + id
		if o.settled() {
			reference += ":" + strconv.FormatInt(o.last, 10)
		}
	}
	if d.Minors, err = s.look.minors(ctx, book, o.earners()); err != nil {
		return Result{Err: err}
	}
	if d.flags, err = s.look.blocks(ctx, book, o.owed()); err != nil {
		return Result{Err: err}
	}
	e := Event{Type: eventSettled, Reference: reference, Data: d}
	if !ask.At.IsZero() {
		e.OccurredAt = ask.At
	}
	hash, err := requestHash(&e)
	if err != nil {
		return Result{Err: err}
	}
	p := &planner{ctx: ctx, service: s, book: book, event: &e, hash: hash, order: o}
	if err := p.planEvent(); err != nil {
		return Result{Err: err}
	}
	submission, err := p.submission()
	if err != nil {
		return Result{Err: err}
	}
	out := s.ledger.Post(ctx, book, submission)
	p.doubtIf(out.Err)
	return p.result(out)
}

// owed are the payees that the order has given anything, or may give with its settlement.
func (o *order) owed() (list []PayeeRef) {
	for _, at := range o.payees() {
		kind, _, id, _ := splitPayee(at)
		list = append(list, PayeeRef{Kind: kind, ID: id})
	}
	return list
}

// earners are the creators of the order.
func (o *order) earners() []string {
	var list []string
	for i := range o.creators {
		list = append(list, o.creators[i].id)
	}
	for i := range o.bonuses {
		if !slices.Contains(list, o.bonuses[i].creator) {
			list = append(list, o.bonuses[i].creator)
		}
	}
	return list
}

// settledBy returns the transaction that settled the order under the reference, or the latest if nothing waits since then.
func (o *order) settledBy(reference string) *ledger.Transaction {
	undone := o.undone()
	var latest *ledger.Transaction
	for i := range o.transactions {
		t := &o.transactions[i]
		if r, _, ok := recordOf(t); !ok || r.Kind != eventSettled || undone[t.Sequence] {
			continue
		}
		if latest = t; reference != "" && t.Reference == reference {
			return t
		}
	}
	if latest == nil {
		return nil
	}
	if o.anyPending() {
		return nil
	}
	return latest
}

// anyPending reports whether anything of the order waits to be settled.
func (o *order) anyPending() bool {
	return slices.ContainsFunc(o.payees(), func(at ledger.Address) bool { return o.bucketOf(at, bucketPending) != 0 })
}

// settlement decides the terms of a settlement.
func (o *order) settlement(now time.Time, ask Settlement) (*settled, error) {
	if o.edited != nil {
		return nil, o.edited
	}
	if gates := o.gates(); len(gates) > 0 {
		open := strings.Join(gates, ", ")
		if strings.HasPrefix(gates[0], "cod:") { // nothing else is open: cash comes last
			return nil, ErrGated.Withf("The order cannot settle while its cash is still with a carrier: %s. Record the remittance first.", open)
		}
		return nil, ErrGated.Withf("The order cannot settle while this is open: %s. Close it first.", open)
	}
	settledAt := now
	if !ask.At.IsZero() {
		settledAt = ask.At
	}
	if ask.IfDue {
		due, ok := o.due()
		switch {
		case !ok:
			return nil, ErrNotDue.With("The order's settlement is not due: its last parcel has not been delivered.")
		case settledAt.Before(due):
			return nil, ErrNotDue.Withf("The order's settlement is due at %s.", due.Format(time.RFC3339))
		}
	}
	policy := o.set.Policies.Settlement
	d := &settled{Order: o.id, At: settledAt.UnixMicro(), ReserveRate: policy.ReserveRate, ReserveDays: policy.ReserveDays}
	if ask.ReserveRate != nil {
		rate, err := money.ParseRate(*ask.ReserveRate)
		if err == nil && rate.Compare(one) > 0 {
			err = money.ErrRateRange
		}
		if err != nil {
			return nil, ledger.ErrInvalid.At("/reserve/rate", fault.CodeOf(err), "The reserve's rate is 0 to 1, such as 0.10.")
		}
		d.ReserveRate = rate
		if d.ReserveDays == 0 {
			d.ReserveDays = defaultReserveDays
		}
	}
	if ask.ReserveDays != nil {
		if *ask.ReserveDays < 0 || *ask.ReserveDays > 3650 {
			return nil, ledger.ErrInvalid.At("/reserve/days", "range", "A reserve lasts 0 to 3650 days.")
		}
		d.ReserveDays = *ask.ReserveDays
	}
	if at := o.release(settledAt, d.ReserveDays); !d.ReserveRate.IsZero() && !at.IsZero() {
		d.ReleaseAt = at.UnixMicro()
	}
	return d, nil
}
