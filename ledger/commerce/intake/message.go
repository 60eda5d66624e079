package intake

import (
	"time"

	"mizan/ledger/fault"
)

// Message is what a source sent, as it came, and what became of it.
type Message struct {
	ID     int64
	Source string
	// MessageID is the source's own id, unique in the source.
	MessageID string
	Topic     string
	// Origin is the shop or account that the source names.
	Origin     string
	Body       []byte // nil in lists
	SHA256     [32]byte
	ReceivedAt time.Time
	State      State
	// Reason is a word for programs that says why the message is parked or ignored; Detail is for people.
	Reason, Detail string
	// About is the order that it concerns, Reference that of the event it became.
	About, Reference string
	Attempts         int
	// Conflicts counts how often the source sent something else under the same id.
	Conflicts int
	// NextAttempt is when it is applied again; zero for a message that waits for nothing, or for a person.
	NextAttempt time.Time
}

// State is how far a message has come.
type State string

// The states of a message.
const (
	// Received means stored, and not applied yet.
	Received State = "received"
	// Applied means that its event is recorded.
	Applied State = "applied"
	// Parked means that it cannot be applied as things stand.
	Parked State = "parked"
	// Ignored means that there is nothing in it to apply.
	Ignored State = "ignored"
)

// Reasons why messages are parked or ignored, beside the codes of the errors of events.
const (
	ReasonPredecessor   = "predecessor-missing"
	ReasonUnknownField  = "unknown-field"
	ReasonUnknownTopic  = "unknown-type"
	ReasonTest          = "test-order"
	ReasonTestMode      = "test-mode"
	ReasonNoMoney       = "no-successful-transaction"
	ReasonNotAttributed = "not-attributed"
	ReasonOrderIgnored  = "order-ignored"
	ReasonUnreadable    = "unreadable"
	ReasonCurrency      = "currency"
	ReasonAmounts       = "amounts-differ"
	ReasonDiscrepancy   = "refund-discrepancy"
	ReasonNoSource      = "source-missing"
	ReasonOrigin        = "other-shop"
	ReasonPayouts       = "waits-for-payouts"
	ReasonDate          = "date-impossible"
	ReasonNoAmount      = "no-money"
	ReasonChanged       = "changed"
)

// Reasons why files are refused.
const (
	ReasonFile    = "file-invalid"
	ReasonTotal   = "total-differs"
	ReasonDamaged = "damaged"
)

var (
	// ErrMessageUnknown means that there is no such message.
	ErrMessageUnknown = fault.New(fault.NotFound, "inbound-unknown", "There is no such inbound message in this book. Check its id against the list.")
	// ErrMessageConflict means that a source sent something else under the id of a message.
	ErrMessageConflict = fault.New(fault.Conflict, "inbound-conflict",
		"A message of this id was received before with another body. It was not applied; ask the sender which one holds.")
	// ErrMessageDone means that a message cannot be tried again.
	ErrMessageDone = fault.New(fault.Conflict, "inbound-done", "This message was applied already, so there is nothing to try again.")
	// ErrSignature means that a message does not prove where it comes from.
	ErrSignature = fault.New(fault.Unauthenticated, "signature-invalid",
		"The message is not signed with the secret of this book and source. Check the secret, and send the body exactly as it was signed.")
	// ErrSignatureMalformed is ErrSignature for sources that expect a 400.
	ErrSignatureMalformed = fault.New(fault.Malformed, "signature-malformed",
		"The message is not signed with the secret of this book and source, or not in time. Check the secret and the clock.")
	// ErrMessage means that a signed message lacks its id or type.
	ErrMessage = fault.New(fault.Invalid, "inbound-invalid", "The message lacks its id or type, so it cannot be kept apart from others. Check what the source sends.")
)
