package vault

import (
	"mizan/ledger/fault"
)

// A field is one thing that is known of a person. Which there are is fixed, so that nothing personal hides in a free text.

var (
	// ErrInvalid means that personal data cannot be stored as given; its fields name what is wrong and never repeat it.
	ErrInvalid = fault.New(fault.Invalid, "personal-data-invalid", "The personal data cannot be stored as given. Correct the fields named; nothing was stored.")
	// ErrErased means that the person's data were erased, for good.
	ErrErased = fault.New(fault.Conflict, "personal-data-erased", "The personal data of this person were erased, and nothing can be stored or read of them any more. Use a new id for a new person.")
	// ErrHeld means that a law or a court forbids erasing the person's data for now.
	ErrHeld = fault.New(fault.Conflict, "personal-data-held", "The personal data of this person must be kept for now. End the hold, or wait until its last day has passed, and erase them then.")
	// ErrClosed means that the service was started without a master key.
	ErrClosed = fault.New(fault.Unavailable, "vault-closed", "The vault has no master key, so personal data can neither be stored nor read. Start the service with the file of the vault's keys.")
	// ErrMaster means that no master key given opens what is stored.
	ErrMaster = fault.New(fault.Unavailable, "vault-key-missing", "The master key that these personal data were stored under was not given. Add it to the file of the vault's keys.")
	// ErrRegion means that the book's personal data belong to another region.
	ErrRegion = fault.New(fault.Forbidden, "vault-region", "The personal data of this book are kept in another region. Send the request to the service of that region.")
)

// Class says how careful a field must be handled.
type Class string

// The classes of fields.
const (
	// Contact is how the person is reached: name, mail, telephone, address.
	Contact Class = "contact"
	// Identity is what proves who they are: date of birth, national id, documents.
	Identity Class = "identity"
	// Tax is what tax offices know them by.
	Tax Class = "tax"
	// Bank is where their money goes.
	Bank Class = "bank"
)

// Field describes a field.
type Field struct {
	// Name is stable for ever, such as "bank_account".
	Name string
	// Class decides who may read it.
	Class Class
	// Most bounds its length in bytes.
	Most int
	// Meaning is one line for people.
	Meaning string
}
