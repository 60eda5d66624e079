package commerce

import (
	"time"

	"mizan/ledger"
	"mizan/ledger/fault"
)

// An event is what a caller says has happened in the market. Its type decides the shape of its data; what it posts is
// decided by the file of its type.

// Event is one fact from outside, to be recorded under its reference.
type Event struct {
	Type string
	// Reference is the caller's own name for the event, in one namespace per book with the references of transactions.
	Reference string
	// OccurredAt is when it happened; zero means when it is recorded.
	OccurredAt time.Time
	// Data is a pointer to the type's shape, as EventType.New returns it.
	Data EventData
}

// EventData is the shape of one type of event.
type EventData interface {
	// prepare checks what can be judged without history and brings the data into the form that is kept. What is wrong is
	// noted with its pointer.
	prepare(p *preparation)
	// subject is the business thing that the event is about, as kind:id; its last sequence is what the draft depends on.
	subject() string
	// plan decides what the event posts.
	plan(p *planner) error
}

// EventType describes a type of event that this door accepts.
type EventType struct {
	// Name is the type as callers write it.
	Name string
	// Meaning is one sentence for people.
	Meaning string
	// New returns an empty data of the type.
	New func() EventData
	// SecondPerson says that nobody records it alone: it takes from one and gives to another by somebody's decision.
	SecondPerson bool
	// Stored returns the empty form in which the type's record is kept, if it tells how its amounts were computed; nil for
	// a type whose record is its data.
	Stored func() teller
}

var (
	// ErrEventType means that there is no such type of event.
	ErrEventType = fault.New(fault.Invalid, "event-type", "There is no such type of event. Check the type against the list of events in the handbook.")
	// ErrEventReserved means that only Mizan's own services post this type.
	ErrEventReserved = fault.New(fault.Forbidden, "event-reserved",
		"Events of this type are posted by Mizan's own payout, settlement and reconciliation services only. Use their operations instead.")
)

// reservedPrefixes are the types that only payouts and reconcile post, and settlement (design 5).
var reservedPrefixes = []string{"payout.", "recon.", "reserve.", "hold.", "period."}

// reservedTypes are further types of Mizan's own.
var reservedTypes = []string{"order.settled", "debt.netted", "simulcast.settled", "creator.released", "import.released", eventOpenedOrder, eventOpenedBatch}

// Result is what became of one event.
type Result struct {
	Event Event
	// Transactions are what it recorded; one without entries is a fact that posted nothing.
	Transactions []ledger.Transaction
	// Explanation says how the amounts were computed.
	Explanation *Explanation
	// Replayed says that the reference had been recorded before with the same content.
	Replayed bool
	Err      error
}
