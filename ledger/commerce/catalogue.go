package commerce

import (
	"maps"
	"slices"
	"strings"
)

// The catalogue of the types of events: each family of events lists its own, in the file of its noun.

// eventTypes are the types that this door accepts, by name.
var eventTypes = sortedTypes(
	orderTypes,
	codTypes,
	currencyTypes,
	donationTypes,
	exchangeTypes,
	giftTypes,
	importTypes,
	minorTypes,
	simulcastTypes,
	treasuryTypes,
)

// ownTypes are the types that only Mizan's own operations record. They have a shape, so that their reasons can be read
// back.
var ownTypes = sortedTypes(
	currencyOwnTypes,
	donationOwnTypes,
	exchangeOwnTypes,
	giftOwnTypes,
	holdOwnTypes,
	importOwnTypes,
	openingOwnTypes,
	payoutOwnTypes,
	reconOwnTypes,
	reserveOwnTypes,
	simulcastOwnTypes,
	treasuryOwnTypes,
)

// partMeanings say what the transactions of an event mean that have another name than the event's type.
var partMeanings = mergedMeanings(
	orderParts,
	currencyParts,
	donationParts,
	exchangeParts,
	giftParts,
	holdParts,
	importParts,
	minorParts,
	openingParts,
	payoutParts,
	simulcastParts,
	treasuryParts,
)

var orderTypes = []EventType{
	{Name: "adjustment.posted", Meaning: "An amount moves between a payee and the platform by hand, with a reason and a document.", New: func() EventData { return &AdjustmentPosted{} }, SecondPerson: true},
	{Name: "after_sales.closed", Meaning: "An after-sales case ended; the order may settle if nothing else keeps it.", New: func() EventData { return &AfterSalesClosed{} }},
	{Name: "after_sales.opened", Meaning: "The buyer opened an after-sales case; the order does not settle while it is open.", New: func() EventData { return &AfterSalesOpened{} }},
	{Name: "charge.recorded", Meaning: "A service for a seller, such as shipping or storage, its correction or a reimbursement.", New: func() EventData { return &ChargeRecorded{} }},
	{Name: "commission.clawback", Meaning: "A part of a commission without an order of ours is taken back.", New: func() EventData { return &CommissionClawback{} }, Stored: func() teller { return &clawbackKept{} }},
	{Name: "commission.deposit_released", Meaning: "A tiered plan's deposit ends: the creators get the rate reached, the seller the rest.", New: func() EventData { return &DepositReleased{} }},
	{Name: "commission.earned", Meaning: "A creator earned a commission on a sale that is no order of ours.", New: func() EventData { return &CommissionEarned{} }},
	{Name: "creator.bonus", Meaning: "A creator of an order gets an extra from the platform, the seller or both.", New: func() EventData { return &CreatorBonus{} }},
	{Name: "dispute.closed", Meaning: "A dispute was won or lost.", New: func() EventData { return &DisputeClosed{} }},
	{Name: "dispute.opened", Meaning: "The buyer's bank took a payment back and asks for a reason.", New: func() EventData { return &DisputeOpened{} }},
	{Name: "entry.reversed", Meaning: "A recorded transaction is mirrored, because it was a mistake.", New: func() EventData { return &EntryReversed{} }},
	{Name: "order.cancelled", Meaning: "An order was cancelled before shipment; everything captured goes back.", New: func() EventData { return &OrderCancelled{} }},
	{Name: "order.captured", Meaning: "The buyer's payment for an order, or a part of it, was captured.", New: func() EventData { return &OrderCaptured{} }},
	{Name: "order.delivered", Meaning: "A parcel arrived; the last one starts the settlement clock.", New: func() EventData { return &OrderDelivered{} }},
	{Name: "order.shipped", Meaning: "A parcel was shipped; without a scan at the door it counts as delivered 21 days later.", New: func() EventData { return &OrderShipped{} }},
	{Name: "payment.duplicate_received", Meaning: "A paid order was paid once more; the money is owed to the buyer.", New: func() EventData { return &DuplicateReceived{} }},
	{Name: "payment.duplicate_refunded", Meaning: "A second payment went back to the buyer.", New: func() EventData { return &DuplicateRefunded{} }},
	{Name: "payment.failed", Meaning: "A captured payment failed afterwards.", New: func() EventData { return &PaymentFailed{} }},
	{Name: "processor.fee_recorded", Meaning: "The processor took its fee for a payment.", New: func() EventData { return &FeeRecorded{} }, Stored: func() teller { return &feeStored{} }},
	{Name: "processor.funds_available", Meaning: "Money became available at the processor.", New: func() EventData { return &FundsAvailable{} }},
	{Name: "refund.failed", Meaning: "The processor could not give a refund to the buyer.", New: func() EventData { return &RefundFailed{} }},
	{Name: "refund.made", Meaning: "Money went back to the buyer: for the whole order, for units, or as an amount.", New: func() EventData { return &RefundMade{} }},
}

// EventTypes lists the types in order of their names. The caller must not change the list.
func EventTypes() []EventType { return eventTypes }

// TypeOf returns the type with the name, ErrEventType, or ErrEventReserved for one of Mizan's own.
func TypeOf(name string) (EventType, error) {
	if t, ok := find(eventTypes, name); ok {
		return t, nil
	}
	if slices.Contains(reservedTypes, name) || slices.ContainsFunc(reservedPrefixes, func(p string) bool { return strings.HasPrefix(name, p) }) {
		return EventType{}, ErrEventReserved
	}
	return EventType{}, ErrEventType
}

// NeedsSecondPerson reports whether an event of the type is recorded only when a second person has approved it. It is false
// for a name that is no type.
func NeedsSecondPerson(eventType string) bool {
	t, _ := find(eventTypes, eventType)
	return t.SecondPerson
}

// TakesTwo reports whether a transaction of the name says that two people agreed to it: an adjustment by hand, or an event
// that needs a second person.
func TakesTwo(event string) bool { return event == eventManual || NeedsSecondPerson(event) }

// recordedType returns a type that transactions may have been recorded by: one of this door's or one of our own.
func recordedType(name string) (EventType, bool) {
	if t, ok := find(eventTypes, name); ok {
		return t, true
	}
	return find(ownTypes, name)
}

func find(types []EventType, name string) (EventType, bool) {
	i, ok := slices.BinarySearchFunc(types, name, func(t EventType, name string) int { return strings.Compare(t.Name, name) })
	if !ok {
		return EventType{}, false
	}
	return types[i], true
}

func sortedTypes(families ...[]EventType) []EventType {
	all := slices.Concat(families...)
	slices.SortFunc(all, func(a, b EventType) int { return strings.Compare(a.Name, b.Name) })
	return all
}

func mergedMeanings(families ...map[string]string) map[string]string {
	all := map[string]string{}
	for _, family := range families {
		maps.Copy(all, family)
	}
	return all
}
