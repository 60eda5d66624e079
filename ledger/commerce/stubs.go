package commerce

import (
	"context"
	"time"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
	"mizan/ledger/postgres"
)

// This file stands in for the engine until that is merged, and is dropped then: every event that is no fact posts one
// unit between two accounts.

var (
	errStub      = fault.New(fault.Internal, "internal", "The engine is not here yet.")
	errStubOrder = fault.New(fault.NotFound, "not-found", "The engine is not here yet.")
)

// The engine's errors, as far as operations name them; here they have no codes of their own.
var (
	ErrOrderUnknown   = errStubOrder
	ErrDisputeUnknown = errStubOrder
	ErrChargeKind     = ErrEventType
	ErrOrderState     = ledger.ErrStale
	ErrOrderTerms     = ledger.ErrStale
	ErrOrderEdited    = ledger.ErrStale
	ErrRepeated       = ledger.ErrStale
	ErrRuleMissing    = ledger.ErrStale
	ErrGated          = ledger.ErrStale
	ErrNotDue         = ledger.ErrStale
)

// RuleSets is a stub.
type RuleSets struct{}

// NewRuleSets is a stub.
func NewRuleSets(*postgres.Pool, func() time.Time) *RuleSets { return &RuleSets{} }

type preparation struct{}
type planner struct{}

func about(order string) string { return "order:" + order }

func (*OrderCaptured) prepare(*preparation)      {}
func (d *OrderCaptured) subject() string         { return about(d.Order) }
func (*OrderCaptured) plan(*planner) error       { return errStub }
func (*OrderDelivered) prepare(*preparation)     {}
func (d *OrderDelivered) subject() string        { return about(d.Order) }
func (*OrderDelivered) plan(*planner) error      { return errStub }
func (*AfterSalesOpened) prepare(*preparation)   {}
func (d *AfterSalesOpened) subject() string      { return about(d.Order) }
func (*AfterSalesOpened) plan(*planner) error    { return errStub }
func (*AfterSalesClosed) prepare(*preparation)   {}
func (d *AfterSalesClosed) subject() string      { return about(d.Order) }
func (*AfterSalesClosed) plan(*planner) error    { return errStub }
func (*OrderCancelled) prepare(*preparation)     {}
func (d *OrderCancelled) subject() string        { return about(d.Order) }
func (*OrderCancelled) plan(*planner) error      { return errStub }
func (*RefundMade) prepare(*preparation)         {}
func (d *RefundMade) subject() string            { return about(d.Order) }
func (*RefundMade) plan(*planner) error          { return errStub }
func (*RefundFailed) prepare(*preparation)       {}
func (d *RefundFailed) subject() string          { return about(d.Order) }
func (*RefundFailed) plan(*planner) error        { return errStub }
func (*DisputeOpened) prepare(*preparation)      {}
func (d *DisputeOpened) subject() string         { return about(d.Order) }
func (*DisputeOpened) plan(*planner) error       { return errStub }
func (*DisputeClosed) prepare(*preparation)      {}
func (d *DisputeClosed) subject() string         { return "dispute:" + d.Dispute }
func (*DisputeClosed) plan(*planner) error       { return errStub }
func (*ChargeRecorded) prepare(*preparation)     {}
func (d *ChargeRecorded) subject() string        { return "seller:" + d.Party }
func (*ChargeRecorded) plan(*planner) error      { return errStub }
func (*CreatorBonus) prepare(*preparation)       {}
func (d *CreatorBonus) subject() string          { return about(d.Order) }
func (*CreatorBonus) plan(*planner) error        { return errStub }
func (*DepositReleased) prepare(*preparation)    {}
func (d *DepositReleased) subject() string       { return about(d.Order) }
func (*DepositReleased) plan(*planner) error     { return errStub }
func (*CommissionEarned) prepare(*preparation)   {}
func (d *CommissionEarned) subject() string      { return "commission:" + d.Commission }
func (*CommissionEarned) plan(*planner) error    { return errStub }
func (*CommissionClawback) prepare(*preparation) {}
func (d *CommissionClawback) subject() string    { return "commission:" + d.Commission }
func (*CommissionClawback) plan(*planner) error  { return errStub }
func (*FeeRecorded) prepare(*preparation)        {}
func (d *FeeRecorded) subject() string           { return "payment:" + d.PaymentID }
func (*FeeRecorded) plan(*planner) error         { return errStub }
func (*FundsAvailable) prepare(*preparation)     {}
func (d *FundsAvailable) subject() string        { return "processor:" + d.Processor }
func (*FundsAvailable) plan(*planner) error      { return errStub }
func (*PaymentFailed) prepare(*preparation)      {}
func (d *PaymentFailed) subject() string         { return about(d.Order) }
func (*PaymentFailed) plan(*planner) error       { return errStub }
func (*DuplicateReceived) prepare(*preparation)  {}
func (d *DuplicateReceived) subject() string     { return about(d.Order) }
func (*DuplicateReceived) plan(*planner) error   { return errStub }
func (*DuplicateRefunded) prepare(*preparation)  {}
func (d *DuplicateRefunded) subject() string     { return "payment:" + d.PaymentID }
func (*DuplicateRefunded) plan(*planner) error   { return errStub }
func (*EntryReversed) prepare(*preparation)      {}
func (d *EntryReversed) subject() string         { return "transaction:" + d.Transaction }
func (*EntryReversed) plan(*planner) error       { return errStub }
func (*AdjustmentPosted) prepare(*preparation)   {}
func (d *AdjustmentPosted) subject() string      { return "adjustment:" + d.Adjustment }
func (*AdjustmentPosted) plan(*planner) error    { return errStub }

func eventType[T any, P interface {
	*T
	EventData
}](name, meaning string) EventType {
	return EventType{Name: name, Meaning: meaning, New: func() EventData { return P(new(T)) }}
}

var eventTypes = []EventType{
	eventType[AdjustmentPosted]("adjustment.posted", "An amount was moved between a payee and the platform by hand."),
	eventType[AfterSalesClosed]("after_sales.closed", "A case of the buyer's ended."),
	eventType[AfterSalesOpened]("after_sales.opened", "The buyer opened a case."),
	eventType[ChargeRecorded]("charge.recorded", "A service was charged."),
	eventType[CommissionClawback]("commission.clawback", "Commission without an order was taken back."),
	eventType[DepositReleased]("commission.deposit_released", "The commission of a tiered plan was decided."),
	eventType[CommissionEarned]("commission.earned", "Commission was earned without an order."),
	eventType[CreatorBonus]("creator.bonus", "A creator was promised an extra."),
	eventType[DisputeClosed]("dispute.closed", "A dispute ended."),
	eventType[DisputeOpened]("dispute.opened", "The buyer's bank took money back."),
	eventType[EntryReversed]("entry.reversed", "A transaction was reversed."),
	eventType[OrderCancelled]("order.cancelled", "The order was cancelled before shipment."),
	eventType[OrderCaptured]("order.captured", "The buyer's payment was captured."),
	eventType[OrderDelivered]("order.delivered", "A parcel arrived."),
	eventType[DuplicateReceived]("payment.duplicate_received", "A paid order was paid once more."),
	eventType[DuplicateRefunded]("payment.duplicate_refunded", "A second payment went back."),
	eventType[PaymentFailed]("payment.failed", "A captured payment failed afterwards."),
	eventType[FeeRecorded]("processor.fee_recorded", "The processor took its fee."),
	eventType[FundsAvailable]("processor.funds_available", "Money became available at the processor."),
	eventType[RefundFailed]("refund.failed", "A refund came back."),
	eventType[RefundMade]("refund.made", "Money went back to the buyer."),
}

// EventTypes lists the types in order of their names.
func EventTypes() []EventType { return eventTypes }

// TypeOf returns the type with the name, ErrEventType or ErrEventReserved.
func TypeOf(name string) (EventType, error) {
	for _, t := range eventTypes {
		if t.Name == name {
			return t, nil
		}
	}
	for _, p := range reservedPrefixes {
		if len(name) > len(p) && name[:len(p)] == p {
			return EventType{}, ErrEventReserved
		}
	}
	for _, t := range reservedTypes {
		if t == name {
			return EventType{}, ErrEventReserved
		}
	}
	return EventType{}, ErrEventType
}

func stubSubmissions(events []Event) []ledger.Submission {
	all := make([]ledger.Submission, len(events))
	for i, e := range events {
		d := ledger.Draft{Event: e.Type, OccurredAt: e.OccurredAt, Subject: e.Data.subject(), Explanation: []byte("stub")}
		switch e.Type {
		case "order.delivered", "order.cancelled", "after_sales.opened", "after_sales.closed":
		default:
			d.Lines = stubLines()
		}
		all[i] = ledger.Submission{Reference: e.Reference, Drafts: []ledger.Draft{d}}
	}
	return all
}

func stubLines() []ledger.Line {
	return []ledger.Line{{Account: "assets:processor:pending:main", Amount: money.Minor(4497), Currency: "GBP"},
		{Account: "liabilities:seller:pending:sel_uk", Amount: -4497, Currency: "GBP"}}
}

func stubResults(events []Event, outcomes []ledger.Outcome) []Result {
	all := make([]Result, len(events))
	for i, o := range outcomes {
		all[i] = Result{Event: events[i], Transactions: o.Transactions, Replayed: o.Replayed, Err: o.Err}
		if o.Err == nil {
			all[i].Explanation = stubExplanation(&o.Transactions[0])
		}
	}
	return all
}

func stubExplanation(t *ledger.Transaction) *Explanation {
	x := &Explanation{Event: t.Event, Order: "UK-1001", Currency: "GBP", RuleSet: "uk-1", PlacedAt: t.OccurredAt, Summary: "A stub."}
	if len(t.Entries) > 0 {
		x.Steps = []Step{{Rule: "commission", Title: "Commission", Receiver: "revenue:referral_fee", Amount: "4.05", Before: "0.00", Text: "A stub.",
			Base: []BaseAmount{{"goods_list", "49.98"}, {"seller_discount", "-5.00"}}}}
	}
	for _, e := range t.Entries {
		amount := e.Amount
		if amount < 0 {
			amount = -amount
		}
		x.Entries = append(x.Entries, EntryReason{Account: string(e.Account), Direction: e.Direction().String(), Amount: amount.Format(e.Currency),
			Rules: []string{"commission"}, Text: "A stub."})
	}
	return x
}

// PostBatch records the events independently, in order: each has its own result.
func (s *Service) PostBatch(ctx context.Context, book ledger.Book, events []Event) []Result {
	return stubResults(events, s.ledger.PostBatch(ctx, book, stubSubmissions(events)))
}

// PostAtomic records all events or none.
func (s *Service) PostAtomic(ctx context.Context, book ledger.Book, events []Event) []Result {
	return stubResults(events, s.ledger.PostAtomic(ctx, book, stubSubmissions(events)))
}

// DryRun answers what would be posted and leaves no trace.
func (s *Service) DryRun(ctx context.Context, book ledger.Book, events []Event, atomic bool) ([]Result, error) {
	outcomes, err := s.ledger.DryRun(ctx, book, stubSubmissions(events), atomic)
	if err != nil {
		return nil, err
	}
	return stubResults(events, outcomes), nil
}

// Settle settles an order.
func (s *Service) Settle(ctx context.Context, book ledger.Book, order string, how Settlement) Result {
	if _, err := s.Order(ctx, book, order); err != nil {
		return Result{Err: err}
	}
	if how.Reference == "" {
		how.Reference = "order.settled:" + order
	}
	e := Event{Type: "order.settled", Reference: how.Reference, OccurredAt: how.At}
	o := s.ledger.Post(ctx, book, ledger.Submission{Reference: how.Reference, Drafts: []ledger.Draft{{Event: e.Type, OccurredAt: how.At, Subject: about(order), Lines: stubLines()}}})
	return stubResults([]Event{e}, []ledger.Outcome{o})[0]
}

// Order returns an order as it stands.
func (s *Service) Order(ctx context.Context, book ledger.Book, order string) (*Order, error) {
	page, err := s.ledger.Transactions(ctx, book, ledger.TransactionQuery{Subject: about(order), Limit: 10})
	if err != nil {
		return nil, err
	}
	if len(page.Transactions) == 0 {
		return nil, errStubOrder
	}
	o := &Order{Order: order, State: "captured", Currency: "GBP", Seller: "sel_uk", RuleSet: "uk-1", Paid: "44.97", Returned: "0.00", Refundable: "44.97",
		Waterfall: []Receiver{{Who: "buyer", Net: "-44.97", Parts: []ReceiverAccount{{"assets:processor:pending:main", "-44.97"}}},
			{Who: "seller:sel_uk", Net: "44.97", Parts: []ReceiverAccount{{"liabilities:seller:pending:sel_uk", "44.97"}}}}}
	for _, t := range page.Transactions {
		o.LastSequence = t.Sequence
		o.PlacedAt = t.OccurredAt
		o.Transactions = append(o.Transactions, OrderTransaction{ID: t.ID(), Event: t.Event, Reference: t.Reference, OccurredAt: t.OccurredAt, Posted: len(t.Entries) > 0})
	}
	return o, nil
}

// Explain returns why a transaction's entries are what they are.
func (s *Service) Explain(ctx context.Context, book ledger.Book, sequence int64) (*Explanation, error) {
	t, err := s.ledger.Transaction(ctx, book, sequence)
	if err != nil {
		return nil, err
	}
	return stubExplanation(&t), nil
}
