package payouts

import (
	"strings"

	"mizan/ledger/fault"
)

// A reference names a run, so that what is asked for under it happens once. What the service does by itself has names that
// nobody else may use: under one that was taken before, an attach, an execution of a hold or a retry would never happen.

// The beginnings of the service's own references.
const (
	referenceAttached = "attached:"
	referenceHold     = "hold:"
	referenceRetry    = "retry:"
)

// ErrReferenceReserved means that a request has a reference of a kind that only the service uses.
var ErrReferenceReserved = fault.New(fault.Invalid, "payout-reference-reserved",
	"References that begin with attached:, hold: or retry: are the service's own. Give the request another reference; nothing was recorded.")

// CheckReference returns ErrReferenceReserved if nobody but the service may use the reference.
func CheckReference(reference string) error {
	for _, own := range []string{referenceAttached, referenceHold, referenceRetry} {
		if strings.HasPrefix(reference, own) {
			return ErrReferenceReserved.At("/reference", "reserved", "Begin it with another word.")
		}
	}
	return nil
}
