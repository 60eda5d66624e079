package commerce

import (
	"slices"
	"strings"
)

// The catalogue of the types of events that this door accepts.

var eventTypes = []EventType{
	{"adjustment.posted", "An amount moves between a payee and the platform by hand, with a reason and a document.", func() EventData { return &AdjustmentPosted{} }},
	{"after_sales.closed", "An after-sales case ended; the order may settle if nothing else keeps it.", func() EventData { return &AfterSalesClosed{} }},
	{"after_sales.opened", "The buyer opened an after-sales case; the order does not settle while it is open.", func() EventData { return &AfterSalesOpened{} }},
	{"charge.recorded", "A service for a seller, such as shipping or storage, its correction or a reimbursement.", func() EventData { return &ChargeRecorded{} }},
	{"commission.clawback", "A part of a commission without an order of ours is taken back.", func() EventData { return &CommissionClawback{} }},
	{"commission.deposit_released", "A tiered plan's deposit ends: the creators get the rate reached, the seller the rest.", func() EventData { return &DepositReleased{} }},
	{"commission.earned", "A creator earned a commission on a sale that is no order of ours.", func() EventData { return &CommissionEarned{} }},
	{"creator.bonus", "A creator of an order gets an extra from the platform, the seller or both.", func() EventData { return &CreatorBonus{} }},
	{"dispute.closed", "A dispute was won or lost.", func() EventData { return &DisputeClosed{} }},
	{"dispute.opened", "The buyer's bank took a payment back and asks for a reason.", func() EventData { return &DisputeOpened{} }},
	{"entry.reversed", "A recorded transaction is mirrored, because it was a mistake.", func() EventData { return &EntryReversed{} }},
	{"order.cancelled", "An order was cancelled before shipment; everything captured goes back.", func() EventData { return &OrderCancelled{} }},
	{"order.captured", "The buyer's payment for an order, or a part of it, was captured.", func() EventData { return &OrderCaptured{} }},
	{"order.delivered", "A parcel arrived; the last one starts the settlement clock.", func() EventData { return &OrderDelivered{} }},
	{"payment.duplicate_received", "A paid order was paid once more; the money is owed to the buyer.", func() EventData { return &DuplicateReceived{} }},
	{"payment.duplicate_refunded", "A second payment went back to the buyer.", func() EventData { return &DuplicateRefunded{} }},
	{"payment.failed", "A captured payment failed afterwards.", func() EventData { return &PaymentFailed{} }},
	{"processor.fee_recorded", "The processor took its fee for a payment.", func() EventData { return &FeeRecorded{} }},
	{"processor.funds_available", "Money became available at the processor.", func() EventData { return &FundsAvailable{} }},
	{"refund.failed", "The processor could not give a refund to the buyer.", func() EventData { return &RefundFailed{} }},
	{"refund.made", "Money went back to the buyer: for the whole order, for units, or as an amount.", func() EventData { return &RefundMade{} }},
}

// EventTypes lists the types in order of their names. The caller must not change the list.
func EventTypes() []EventType { return eventTypes }

// TypeOf returns the type with the name, ErrEventType, or ErrEventReserved for one of Mizan's own.
func TypeOf(name string) (EventType, error) {
	i, ok := slices.BinarySearchFunc(eventTypes, name, func(t EventType, name string) int { return strings.Compare(t.Name, name) })
	if ok {
		return eventTypes[i], nil
	}
	if slices.Contains(reservedTypes, name) || slices.ContainsFunc(reservedPrefixes, func(p string) bool { return strings.HasPrefix(name, p) }) {
		return EventType{}, ErrEventReserved
	}
	return EventType{}, ErrEventType
}
