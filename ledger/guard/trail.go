package guard

import (
	"encoding/json"
	"slices"
	"time"

	"mizan/ledger/fault"
	"mizan/ledger/postgres"
)

// The trail is what was done with privilege, one row an act, in order, each bound to the one before it.

var (
	// ErrDeedInvalid means that an act cannot be told as given; its fields name what is wrong. It is a defect of the
	// caller, except for the reason, which people give.
	ErrDeedInvalid = fault.New(fault.Invalid, "audit-invalid", "The act cannot be recorded as described. Correct the fields named; nothing was done.")
	// ErrTrailBroken means that the trail does not verify: a row was changed, lost or slipped in behind the program's back.
	ErrTrailBroken = fault.New(fault.Conflict, "audit-broken",
		"The audit trail does not verify: a row was changed, lost or slipped in. Keep the database as it is, and compare it with your last export of the trail.")
)

// Deed is a privileged act as its doer tells it.
type Deed struct {
	// Actor is who did it.
	Actor Actor
	// Book is whose trail it belongs to.
	Book Book
	// Act names what was done, such as "key.revoked": two or more lower-case words joined by dots, at most 64 bytes.
	Act string
	// Object is what it was done to, as kind:id, at most 255 bytes.
	Object string
	// Before and After are JSON documents of at most 64 KiB, nil for none, kept without insignificant spaces. They never hold
	// personal data or secrets.
	Before, After json.RawMessage
	// Why is the reason that the actor gave, at most 2000 bytes.
	Why string
	// Approval is the id of the approval by which it was allowed, empty for none.
	Approval string
}

// Row is a recorded deed.
type Row struct {
	// Sequence counts the rows of the book's trail: 1, 2, 3 … without gaps.
	Sequence int64
	// RecordedAt never runs backwards along the trail.
	RecordedAt time.Time
	Deed
	// Previous and Hash chain the rows: Hash covers everything else of the row, Previous is the hash of the row before.
	Previous, Hash [32]byte
}

// Filter chooses rows. Its zero value chooses all.
type Filter struct {
	// Act, Actor and Object are compared exactly where they are not empty. An Act that ends in a dot stands for all that
	// begin with it.
	Act, Actor, Object string
	// From and Until bound RecordedAt: from the first until before the second; zero times bound nothing.
	From, Until time.Time
}

// Verified is the outcome of reading a whole trail.
type Verified struct {
	// Rows is how many there are, and Head the hash of the last, to be compared with one noted elsewhere.
	Rows int64
	Head [32]byte
}

// Trail keeps and reads audit rows. It is safe for concurrent use.
type Trail struct {
	pool *postgres.Pool
	now  func() time.Time
}

// NewTrail returns the trail in the database.
func NewTrail(pool *postgres.Pool, now func() time.Time) *Trail {
	return &Trail{pool: pool, now: now}
}

// bounds of what a row holds, in bytes.
const (
	maxAct      = 64
	maxActor    = 128
	maxID       = 64
	maxObject   = 255
	maxDocument = 64 << 10
	maxReason   = 2000
)

// CheckReason judges the reason of an act before anything is done, where a caller sent it as the field reason. It returns ErrDeedInvalid.
func CheckReason(why string) error {
	if !prose(why, maxReason) {
		return ErrDeedInvalid.At("/reason", "audit-field", "The reason is readable text of at most 2000 bytes, without control or invisible characters. Shorten it.")
	}
	return nil
}

// kept returns the deed in the form in which it is kept, or ErrDeedInvalid.
func (d Deed) kept() (Deed, error) {
	var fields []fault.Field
	check := func(ok bool, pointer, message string) {
		if !ok {
			fields = append(fields, fault.Field{Pointer: pointer, Code: "audit-field", Message: message})
		}
	}
	check(slices.Contains([]string{Program, Person, Payee, Operator, System}, d.Actor.Kind), "/actor/kind", "This is no kind of actor.")
	check(d.Actor.ID != "" && line(d.Actor.ID, maxActor), "/actor/id", "The actor's id is one line of 1 to 128 bytes.")
	check(line(d.Actor.Person, maxID), "/actor/person", "The person's id is one line of at most 64 bytes.")
	check(line(d.Actor.Address, maxID), "/actor/address", "The address is one line of at most 64 bytes.")
	check(line(d.Actor.RequestID, maxID), "/actor/request_id", "The request's id is one line of at most 64 bytes.")
	check(d.Book.ID >= 0, "/book", "A book has a number above zero, and the installation has zero.")
	check(len(d.Act) <= maxAct && actPattern.MatchString(d.Act), "/act", "An act is two or more lower-case words joined by dots, at most 64 bytes.")
	check(objectPattern.MatchString(d.Object) && line(d.Object, maxObject), "/object", "An object is kind:id, one line of at most 255 bytes.")
	check(prose(d.Why, maxReason), "/why", "The reason is readable text of at most 2000 bytes.")
	check(d.Approval == "" || approvalPattern.MatchString(d.Approval), "/approval", "This is no id of an approval.")
	for _, document := range []struct {
		pointer string
		content *json.RawMessage
	}{{"/before", &d.Before}, {"/after", &d.After}} {
		if len(*document.content) == 0 {
			*document.content = nil
			continue
		}
		compact, ok := Compact(*document.content)
		check(ok && len(compact) <= maxDocument, document.pointer, "This is a JSON document of at most 64 KiB.")
		*document.content = compact
	}
	if fields != nil {
		return Deed{}, ErrDeedInvalid.WithFields(fields...)
	}
	return d, nil
}
