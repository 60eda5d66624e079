// An outcome is what is known after an order was sent: it is done, it is refused, or it is not known.

package processor

import "time"

// Verdict is which of the three outcomes it is. The zero value is Unknown, so that what is forgotten is looked up.
type Verdict uint8

const (
	// Unknown means that the order may have been carried out, or may not.
	Unknown Verdict = iota
	// Done means that the processor has accepted the order and told us what it made of it.
	Done
	// Refused means that the processor has definitely not carried the order out.
	Refused
)

var verdictNames = [...]string{"unknown", "done", "refused"}

// String returns the verdict as it is stored and logged.
func (v Verdict) String() string {
	if int(v) < len(verdictNames) {
		return verdictNames[v]
	}
	return verdictNames[Unknown]
}

// Next says what settles an unknown outcome.
type Next string

const (
	// LookUp means that the instruction must be looked up; the same key would only repeat what was said.
	LookUp Next = "look-up"
	// SendAgain means that the same order may be sent again, after a while and until its key expires; then look up.
	SendAgain Next = "send-again"
	// Alarm means that a person has to see it: the processor knows the key with other parameters. Look up, send nothing.
	Alarm Next = "alarm"
)

// Reasons of an unknown outcome that are ours; others are codes of the processor.
const (
	// ReasonNoAnswer: the connection broke, timed out, or the answer could not be read.
	ReasonNoAnswer = "no-answer"
	// ReasonStrangeAnswer: the answer could be read and is not an answer to the order.
	ReasonStrangeAnswer = "strange-answer"
	// ReasonKeyExpired: nothing was sent, since the processor may have forgotten the key.
	ReasonKeyExpired = "key-expired"
	// ReasonUnauthenticated: the processor did not let us in.
	ReasonUnauthenticated = "unauthenticated"
	// ReasonLimited: the processor took no request, because there were too many.
	ReasonLimited = "limited"
	// ReasonInFlight: an earlier request with the same key is still being worked on.
	ReasonInFlight = "in-flight"
	// ReasonDrift: the key is known with other parameters.
	ReasonDrift = "parameters-differ"
	// ReasonProcessor: the processor says that it failed.
	ReasonProcessor = "processor-failed"
	// ReasonInvalidOrder: the order was not made by a constructor, and was not sent.
	ReasonInvalidOrder = "order-invalid"
)

// Outcome is what became of one order. It never holds the processor's own sentences, which may repeat what was sent.
type Outcome[T any] struct {
	// Verdict decides which of the other fields mean something.
	Verdict Verdict
	// Object is what the processor made, if done.
	Object T
	// Code is the processor's or our reason, if refused or unknown, in letters, digits, hyphens and underscores.
	Code string
	// AnotherAttempt says of a refusal whether a new attempt with a new key can end otherwise once the cause is mended.
	AnotherAttempt bool
	// Next says what settles an unknown outcome.
	Next Next
	// Replayed says that the processor repeated what it had answered to the same key before.
	Replayed bool
	// Status is the HTTP status, or 0 if there was no answer.
	Status int
	// RetryAfter is how long the processor asks to wait, or zero.
	RetryAfter time.Duration
	// RequestID is the processor's name of the request, for its support, or empty.
	RequestID string
}

// Retryable tells for a code of a definite refusal whether a new attempt can end otherwise. A code that is not in the table
// cannot: a person decides.
func Retryable(code string) bool {
	switch code {
	case "balance_insufficient", "insufficient_funds", "payouts_not_allowed", "transfers_not_allowed",
		"instant_payouts_limit_exceeded", "instant_payouts_unsupported",
		"instant_payouts_currency_disabled", "instant_payouts_config_disabled", "insufficient_capabilities_for_transfer",
		"payouts_limit_exceeded":
		return true
	}
	return false
}
