package commerce

import (
	"context"
	"time"

	"mizan/ledger"
	"mizan/ledger/fault"
)

var errStub = fault.New(fault.Unavailable, "stub", "The engine is not here yet.")

// RuleSets is a stub.
type RuleSets struct{}

type preparation struct{}
type planner struct{}

func (*OrderCaptured) prepare(*preparation)      {}
func (d *OrderCaptured) subject() string         { return "order:" + d.Order }
func (*OrderCaptured) plan(*planner) error       { return errStub }
func (*RefundMade) prepare(*preparation)         {}
func (d *RefundMade) subject() string            { return "order:" + d.Order }
func (*RefundMade) plan(*planner) error          { return errStub }
func (*OrderDelivered) prepare(*preparation)     {}
func (d *OrderDelivered) subject() string        { return "order:" + d.Order }
func (*OrderDelivered) plan(*planner) error      { return errStub }
func (*ChargeRecorded) prepare(*preparation)     {}
func (d *ChargeRecorded) subject() string        { return "order:" + d.Order }
func (*ChargeRecorded) plan(*planner) error      { return errStub }

// EventTypes lists the types in order of their names.
func EventTypes() []EventType {
	return []EventType{
		{Name: "charge.recorded", Meaning: "A service was charged.", New: func() EventData { return new(ChargeRecorded) }},
		{Name: "order.captured", Meaning: "The buyer's payment was captured.", New: func() EventData { return new(OrderCaptured) }},
		{Name: "order.delivered", Meaning: "A parcel arrived.", New: func() EventData { return new(OrderDelivered) }},
		{Name: "refund.made", Meaning: "Money went back to the buyer.", New: func() EventData { return new(RefundMade) }},
	}
}

// TypeOf returns the type with the name, ErrEventType or ErrEventReserved.
func TypeOf(name string) (EventType, error) {
	for _, t := range EventTypes() {
		if t.Name == name {
			return t, nil
		}
	}
	return EventType{}, ErrEventType
}

// PostBatch records the events independently, in order: each has its own result.
func (s *Service) PostBatch(_ context.Context, _ ledger.Book, events []Event) []Result {
	rs := make([]Result, len(events))
	for i := range rs {
		rs[i] = Result{Event: events[i], Err: errStub}
	}
	return rs
}

// PostAtomic records all events or none.
func (s *Service) PostAtomic(ctx context.Context, book ledger.Book, events []Event) []Result {
	return s.PostBatch(ctx, book, events)
}

// DryRun answers what would be posted and leaves no trace.
func (s *Service) DryRun(_ context.Context, _ ledger.Book, events []Event, _ bool) ([]Result, error) {
	return nil, errStub
}

// Settle settles an order.
func (s *Service) Settle(context.Context, ledger.Book, string, Settlement) Result { return Result{Err: errStub} }

// Order returns an order as it stands.
func (s *Service) Order(context.Context, ledger.Book, string) (*Order, error) { return nil, errStub }

// Explain returns why a transaction's entries are what they are.
func (s *Service) Explain(context.Context, ledger.Book, int64) (*Explanation, error) { return nil, errStub }

var _ = time.Time{}
