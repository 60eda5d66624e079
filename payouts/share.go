package payouts

import (
	"context"
	"errors"
	"time"

	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// A share is what a payee has in an order, together with the payout that it went out with, and what happens to it next. Pages and
// the API tell the same share.

// ErrReturnRefused means that the rules do not allow the return that is asked about. ErrReturnLine means that there is no such line of
// the order, or less of it than would come back.
var (
	ErrReturnRefused = fault.New(fault.Conflict, "return-refused", "The rules do not allow this return now, for example because it is over or a dispute is open. Nothing was changed. Ask about another line, or about less of it.")
	ErrReturnLine    = fault.New(fault.Invalid, "return-line", "The order has no such line, or not so many units of it are left with the buyer. Read the order, and name one of its lines.")
)

// StandsPaid is where a settled share stands that a payout paid and that arrived; the other words are commerce's Stands words.
const StandsPaid = "paid"

// Share is an order as one of its payees has it.
type Share struct {
	*commerce.OwnOrder
	// Paid is the payout that it went out with, the zero value while it is in none.
	Paid PaidBy
	// Err says why it cannot be told; then only Order is known.
	Err error
}

// Stand says where the share stands: StandsPaid, or one of commerce's Stands words.
func (x Share) Stand() string {
	if x.Stands == commerce.StandsSettled && x.Paid.Arrived() {
		return StandsPaid
	}
	return x.Stands
}

// What happens to a share next, or keeps it from happening.
const (
	NextGate        = "gate"        // something of the order keeps it, as Gate says
	NextUndelivered = "undelivered" // it waits for the arrival, and for Days full days after it
	NextDue         = "due"         // it may settle at At, as it arrived at Arrived and Days full days must pass
	NextPresumed    = "presumed"    // it may settle at At even if nobody reports its arrival
	NextSoon        = "soon"        // its time is over, and the next run settles it
	NextThen        = "then"        // its time is over, and it settles once nothing else keeps it
	NextReserve     = "reserve"     // Amount stays in reserve until At
	NextPaid        = "paid"        // a payout paid it at At
	NextSent        = "sent"        // it went into a payout that stands as State says
	NextAvailable   = "available"   // it is available, and paid with the next payout
)

// ShareStep is something that happens to a share next.
type ShareStep struct {
	// What is one of the Next words.
	What string
	// Gate is one of the kinds of gates of an order.
	Gate        string
	At, Arrived time.Time
	Days        int
	Amount      money.Minor
	// Payout is the payout that it went into, State how that stands: one of its states, or returned if the money came back after it arrived.
	Payout, State string
}

// StateReturned is what a payee is told of a payout that came back after it had arrived.
const StateReturned = "returned"

// Next says what happens to the share, as far as it is known at the moment.
func (x Share) Next(now time.Time) (list []ShareStep) {
	add := func(s ShareStep) { list = append(list, s) }
	waits, free := false, false
	for _, b := range x.Held {
		waits, free = waits || b.Bucket == "pending", free || b.Bucket == "available" && b.Amount > 0
	}
	for _, g := range x.Gates {
		add(ShareStep{What: NextGate, Gate: g})
	}
	switch {
	case !waits:
	case x.DueAt.IsZero():
		add(ShareStep{What: NextUndelivered, Days: x.Days})
	case x.Arrived && x.DueAt.After(now):
		add(ShareStep{What: NextDue, At: x.DueAt, Arrived: x.DeliveredAt, Days: x.Days})
	case x.DueAt.After(now):
		add(ShareStep{What: NextPresumed, At: x.DueAt})
	case len(x.Gates) == 0:
		add(ShareStep{What: NextSoon})
	default:
		add(ShareStep{What: NextThen})
	}
	if !x.ReserveUntil.IsZero() {
		for _, b := range x.Held {
			if b.Bucket == "reserve" {
				add(ShareStep{What: NextReserve, At: x.ReserveUntil, Amount: b.Amount})
			}
		}
	}
	switch state := x.Paid.State; {
	case x.Paid.Arrived():
		add(ShareStep{What: NextPaid, At: x.Paid.PaidAt, Payout: x.Paid.Payout, State: state})
	case x.Paid.Payout != "":
		if !x.Paid.ReturnedAt.IsZero() {
			state = StateReturned
		}
		add(ShareStep{What: NextSent, Payout: x.Paid.Payout, State: state})
	case free:
		add(ShareStep{What: NextAvailable})
	}
	return list
}

// Share returns what a payee has in an order. It returns commerce.ErrOrderUnknown for an order in which it has no part.
func (s *Service) Share(ctx context.Context, book ledger.Book, who PayeeKey, order string) (Share, error) {
	own, err := s.events.OwnOrder(ctx, book, commerce.PayeeRef{Kind: who.Kind, ID: who.ID}, order)
	if err != nil {
		return Share{}, err
	}
	shares := []Share{{OwnOrder: own}}
	err = s.payShares(ctx, book, who, own.Currency, shares)
	return shares[0], err
}

// payShares adds to shares in one currency which payouts they went out with.
func (s *Service) payShares(ctx context.Context, book ledger.Book, who PayeeKey, currency money.Currency, shares []Share) error {
	var credits []money.Minor
	for _, x := range shares {
		if x.Err == nil && x.Credits != 0 {
			credits = append(credits, x.Credits)
		}
	}
	if len(credits) == 0 {
		return nil
	}
	paid, err := s.Paying(ctx, book, Holder{PayeeKey: who, Currency: currency}, credits)
	for i := range shares {
		if x := &shares[i]; x.Err == nil && x.Credits != 0 {
			x.Paid = paid[x.Credits]
		}
	}
	return err
}

// SharePage is a page of shares, without their moves.
type SharePage struct {
	Shares   []Share
	Currency money.Currency
	// More says that there may be others; AfterSequence and AfterLine are where to go on.
	More          bool
	AfterSequence int64
	AfterLine     int
}

// Shares returns a page of what a payee has in orders, the newest first. Without a currency it is the one that the payee is paid in.
// Charities and others whom no order pays have none.
func (s *Service) Shares(ctx context.Context, book ledger.Book, q commerce.OwnOrderQuery) (page SharePage, err error) {
	if page.Currency = q.Currency; q.Currency == "" {
		if page.Currency, err = s.PaidIn(ctx, book, q.Payee.ID); err != nil {
			return page, err
		}
	}
	if !earns(q.Payee.Kind) {
		return page, nil
	}
	q.Currency = page.Currency
	list, err := s.events.OwnOrders(ctx, book, q)
	if err != nil {
		return page, err
	}
	page.More, page.AfterSequence, page.AfterLine = list.More, list.AfterSequence, list.AfterLine
	for _, one := range list.Orders {
		page.Shares = append(page.Shares, Share{OwnOrder: one.OwnOrder, Err: one.Err})
	}
	return page, s.payShares(ctx, book, PayeeKey{q.Payee.Kind, q.Payee.ID}, q.Currency, page.Shares)
}

// PaidIn is the currency that a payee is paid in: its own, or the book's first.
func (s *Service) PaidIn(ctx context.Context, book ledger.Book, payee string) (money.Currency, error) {
	registered, err := s.events.Payee(ctx, book, payee)
	if err != nil && !errors.Is(err, commerce.ErrPayeeUnknown) {
		return "", err
	}
	if own := money.Currency(registered.Currency); book.Uses(own) {
		return own, nil
	}
	return book.Currencies[0], nil
}

// Return is a return that somebody asks about: of everything, or of some units of a line.
type Return struct {
	All         bool
	Line, Units int
}

// AfterReturn is what a return would leave.
type AfterReturn struct {
	Currency money.Currency
	// Change is what it would change the payee's share by, and Net what that would be then.
	Change, Net money.Minor
	// Lines sum to Change.
	Lines []commerce.OwnLine
}

// AfterReturn tells what a return would change of a payee's share, and leaves nothing behind. It returns commerce.ErrOrderUnknown for an
// order in which the payee has no part, commerce.ErrAskedOfLong for one of too many transactions, ErrReturnLine and ErrReturnRefused.
func (s *Service) AfterReturn(ctx context.Context, book ledger.Book, share Share, who PayeeKey, asked Return) (after AfterReturn, err error) {
	refund := commerce.RefundMade{Order: share.Order, Full: asked.All}
	for _, g := range share.Goods {
		if !asked.All && g.Line == asked.Line && 0 < asked.Units && asked.Units <= g.Quantity-g.Back {
			refund.Lines = []commerce.RefundedLine{{Line: g.Line, Quantity: asked.Units}}
		}
	}
	if !asked.All && refund.Lines == nil {
		return after, ErrReturnLine
	}
	own, posted, err := s.events.OwnOrderAfter(ctx, book, commerce.PayeeRef{Kind: who.Kind, ID: who.ID}, refund)
	if err != nil {
		if kind := fault.KindOf(err); kind == fault.Internal || kind == fault.Unavailable || errors.Is(err, commerce.ErrOrderUnknown) || errors.Is(err, commerce.ErrAskedOfLong) {
			return after, err
		}
		return after, ErrReturnRefused // what it is refused for can be about others
	}
	after.Currency, after.Net = own.Currency, own.Net
	for _, m := range own.Moves { // the payee is not told all that the refund posts
		if len(posted) == 0 || m.Sequence < posted[0].Sequence {
			continue
		}
		after.Change += m.Net
		after.Lines = append(after.Lines, m.Lines...)
	}
	return after, nil
}
