package payouts

import (
	"slices"
	"time"

	"mizan/ledger/fault"
	"mizan/ledger/guard"
)

// A standing is what the house knows of a payee beside what the rules need: whether it is verified, whether the business
// goes on, and to whom it belongs. Nobody has one until somebody says so; then the payee is unverified and open.

var (
	// ErrStandingInvalid means that a standing cannot be as described; its fields name what is wrong.
	ErrStandingInvalid = fault.New(fault.Invalid, "payee-standing-invalid", "The payee's standing cannot be changed like that. Correct the fields named; nothing was changed.")
	// ErrStandingVersion means that the standing was changed since the caller looked.
	ErrStandingVersion = fault.New(fault.Conflict, "payee-standing-version", "The payee's standing was changed in the meantime. Read it again, and send the change with its present version.")
	// ErrPayeeBusy means that a payee cannot be closed yet.
	ErrPayeeBusy = fault.New(fault.Conflict, "payee-not-empty", "The payee cannot be closed yet: it has money or a debt, a payout on its way, or a hold. Set it to closing, and close it when everything is paid or recovered.")
)

// Standing is one version of it.
type Standing struct {
	Payee        string
	Version      int
	Verification string
	// Category is why it is not verified, in a word such as document_expired.
	Category string
	Business string
	// Owner is the legal owner's id, which payees of one owner share; SetOff the document in which the owner consents that
	// one shop pays another's debt, empty without consent.
	Owner, SetOff string
	Document      string
	RecordedAt    time.Time
}

// StandingChange changes a standing. What is nil stays.
type StandingChange struct {
	// Version is the one that the caller has seen, 0 for none.
	Version                                         int
	Verification, Category, Business, Owner, SetOff *string
	Document, Why                                   string
}

// firstStanding is that of a payee of whom nobody has said anything.
func firstStanding(payee string) Standing {
	return Standing{Payee: payee, Verification: IdentityUnverified, Business: PayeeOpen}
}

// next is the standing after the change, or ErrStandingInvalid. Who is verified has no reason not to be; who was verified
// before and stays so keeps the document that showed it.
func (s Standing) next(change StandingChange) (Standing, error) {
	n := s
	n.Version++
	for _, part := range []struct{ to, from *string }{
		{&n.Verification, change.Verification}, {&n.Category, change.Category}, {&n.Business, change.Business}, {&n.Owner, change.Owner}, {&n.SetOff, change.SetOff},
	} {
		if part.from != nil {
			*part.to = *part.from
		}
	}
	if change.Document != "" {
		n.Document = change.Document
	}
	judged := n.Verification != s.Verification
	if judged && change.Category == nil {
		n.Category = ""
	}
	var fields []fault.Field
	want := func(ok bool, pointer, code, message string) {
		if !ok {
			fields = append(fields, fault.Field{Pointer: pointer, Code: code, Message: message})
		}
	}
	want(slices.Contains([]string{IdentityUnverified, IdentityPending, IdentityVerified, IdentityRejected}, n.Verification), "/verification", "enum", "A payee is unverified, pending, verified or rejected.")
	want(slices.Contains([]string{PayeeOpen, PayeeClosing, PayeeClosed}, n.Business), "/business", "enum", "The business is open, closing or closed.")
	want(isWord(n.Category), "/category", "pattern", "A category is a word of a-z, 0-9 and _, at most 64 characters, such as document_expired.")
	want(n.Verification != IdentityVerified || n.Category == "", "/category", "unexpected", "A payee that is verified has no reason not to be. Leave the category empty.")
	want(n.Verification != IdentityRejected || n.Category != "", "/category", "required", "Say in a word why the payee was rejected.")
	want(!judged || n.Verification != IdentityVerified || change.Document != "", "/document", "required", "Name the document that shows who the payee is.")
	want(isOwner(n.Owner), "/owner", "id", "An owner's id is 1 to 64 of A-Z a-z 0-9 _ . -")
	want(n.SetOff == "" || n.Owner != "", "/set_off", "unexpected", "Only an owner can consent that one shop pays another's debt. Name the owner too.")
	want(isLine(n.SetOff, 255), "/set_off", "text", "The document is named in one line of at most 255 bytes.")
	want(isLine(n.Document, 255), "/document", "text", "The document is named in one line of at most 255 bytes.")
	if fields != nil {
		return Standing{}, ErrStandingInvalid.WithFields(fields...)
	}
	return n, nil
}

// says reports whether both say the same, whoever recorded it when.
func (s Standing) says(o Standing) bool {
	s.RecordedAt, o.RecordedAt = time.Time{}, time.Time{}
	return s == o
}

// standingMark is a standing as the trail keeps it.
type standingMark struct {
	Version      int    `json:"version"`
	Verification string `json:"verification"`
	Category     string `json:"category,omitempty"`
	Business     string `json:"business"`
	Owner        string `json:"owner,omitempty"`
	SetOff       string `json:"set_off,omitempty"`
	Document     string `json:"document,omitempty"`
}

func (s Standing) mark() standingMark {
	return standingMark{s.Version, s.Verification, s.Category, s.Business, s.Owner, s.SetOff, s.Document}
}

// deedBy is how the trail tells what runs by an approval: by whoever decided, for the reason it was asked for.
func deedBy(a guard.Approval) guard.Deed {
	return guard.Deed{Actor: guard.Actor{Kind: guard.Person, ID: a.DecidedBy, Person: a.DecidedBy}, Why: a.Reason, Approval: a.ID}
}
