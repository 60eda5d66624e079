package payouts

import (
	"encoding/json"
	"maps"
	"slices"
	"time"

	"mizan/ledger/fault"
	"mizan/ledger/guard"
)

// Terms are what a book pays by: its policy, and what was agreed with single payees.

var (
	// ErrPolicyUnknown means that the book has no such policy.
	ErrPolicyUnknown = fault.New(fault.NotFound, "payout-policy-unknown", "The book has no payout policy of this version. List its policies.")
	// ErrPolicyClock means that the runs of a policy would not start when the book's do.
	ErrPolicyClock = fault.New(fault.Invalid, "payout-policy-clock", "The runs of a book start at 02:00 of the book's zone. Give the policy the book's time zone and the run 02:00.")
	// ErrPolicyExists means that a policy of this name, or for this moment, stands already.
	ErrPolicyExists = fault.New(fault.Conflict, "payout-policy-exists", "A payout policy of this version, or from this moment on, stands already. Give the policy the next version and another moment.")
	// ErrOverrideVersion means that another exception was agreed in the meantime.
	ErrOverrideVersion = fault.New(fault.Conflict, "payout-override-version", "Something else was agreed with the payee in the meantime. Read it again, and send yours with its present version.")
)

// Activated is a policy that holds in a book.
type Activated struct {
	// Version is its name, such as us-1.
	Version   string
	ValidFrom time.Time
	// Document is the policy as canonical JSON.
	Document []byte
	// RecordedAt is when it was activated, and Approval by which approval; of a shipped one both are empty.
	RecordedAt time.Time
	Approval   string
	Shipped    bool
}

// Agreed is an exception for one payee.
type Agreed struct {
	Payee     string
	Version   int
	ValidFrom time.Time
	// Document is the exception as JSON; an empty object ends what was agreed before.
	Document   []byte
	RecordedAt time.Time
	Approval   string
}

// noOverride is the document that ends an exception.
const noOverride = "{}"

// Parts are the names of what the exception has other than the policy, in order. They are the keys of its document, which was checked.
func (a Agreed) Parts() []string {
	var document map[string]json.RawMessage
	if json.Unmarshal(a.Document, &document) != nil {
		return nil
	}
	delete(document, "id")
	delete(document, "kind")
	return slices.Sorted(maps.Keys(document))
}

// ends reports whether there is no exception.
func (a Agreed) ends() bool { return a.Version == 0 || string(a.Document) == noOverride }

// maxKeptDocument bounds the documents of policies and exceptions in bytes.
const maxKeptDocument = 64 << 10

// policyPayload holds the document of a policy as text, which is judged strictly.
type policyPayload struct {
	Document string `json:"document"`
}

// overridePayload is what shall be agreed with a payee.
type overridePayload struct {
	Payee string `json:"payee"`
	// After is the version of the exception that stands, 0 for none.
	After     int       `json:"after"`
	ValidFrom time.Time `json:"valid_from"`
	// Document is the exception as text; an empty object ends what was agreed before.
	Document string `json:"document"`
}

// deed is who acts, for which reason and by which approval.
type deed = guard.Deed

// canonicalOverride returns the document as it is kept.
func canonicalOverride(document string) (string, error) {
	if document == noOverride {
		return noOverride, nil
	}
	o, err := ParseOverride([]byte(document))
	if err != nil {
		return "", err
	}
	kept, err := json.Marshal(o)
	if err == nil && len(kept) > maxKeptDocument {
		err = ErrPolicyInvalid.With("The exception is longer than 64 KiB. Shorten it.")
	}
	return string(kept), err
}

// Base is the name of the policy without what was agreed with a payee, such as us-1.
func (p *Policy) Base() string {
	general := *p
	general.Override = ""
	return general.Name()
}
