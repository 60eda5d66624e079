// The verdict on an error: only what Stripe itself says in its own words, with a status that means that nothing was done, is
// a refusal. Everything else is unknown.

package stripe

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/stripe/stripe-go/v79"

	"mizan/payouts/processor"
)

// replayedHeader says that an answer is the one that was given to the same key before.
const replayedHeader = "Idempotent-Replayed"

// judge turns the library's error of a write into an outcome that is refused or unknown. again says that the key was sent
// before. Then a refusal counts only if it is the one of before: the processor checks the caller, the account and the
// parameters before it asks whether it knows the key, so what it refuses now it may have carried out then.
func judge[T any](err error, again bool) processor.Outcome[T] {
	var said *stripe.Error
	if !errors.As(err, &said) {
		return processor.Outcome[T]{Code: processor.ReasonNoAnswer, Next: processor.SendAgain}
	}
	o := processor.Outcome[T]{Status: said.HTTPStatusCode, RequestID: word(said.RequestID)}
	if said.LastResponse != nil {
		o.Replayed = said.LastResponse.Header.Get(replayedHeader) == "true"
		o.RetryAfter = waitOf(said.LastResponse.Header)
	}
	switch status := said.HTTPStatusCode; {
	case said.Type == stripe.ErrorTypeIdempotency:
		o.Code, o.Next = processor.ReasonDrift, processor.Alarm
	case status == http.StatusUnauthorized:
		o.Code, o.Next = processor.ReasonUnauthenticated, processor.SendAgain
	case status == http.StatusTooManyRequests:
		o.Code, o.Next = processor.ReasonLimited, processor.SendAgain
	case status == http.StatusConflict:
		o.Code, o.Next = processor.ReasonInFlight, processor.SendAgain
	case definite(said) && again && !o.Replayed && !afterTheKey(said):
		o.Code, o.Next = refusalCode(said), processor.LookUp
	case definite(said):
		o.Verdict, o.Code = processor.Refused, refusalCode(said)
		o.AnotherAttempt = processor.Retryable(o.Code)
	default: // the same key repeats the same failure, so it tells nothing more
		o.Code, o.Next = processor.ReasonProcessor, processor.LookUp
	}
	return o
}

// longestWait bounds what the processor may ask us to wait.
const longestWait = time.Hour

// waitOf reads how long the processor asks to wait. A date instead of seconds is not used by it and counts for nothing.
func waitOf(h http.Header) time.Duration {
	seconds, err := strconv.Atoi(h.Get("Retry-After"))
	if err != nil || seconds < 0 {
		return 0
	}
	return min(time.Duration(min(seconds, 1<<20))*time.Second, longestWait)
}

// definite wants both a status and a type that mean a refusal: a proxy's 404 has no type.
func definite(said *stripe.Error) bool {
	switch said.HTTPStatusCode {
	case http.StatusBadRequest, http.StatusPaymentRequired, http.StatusForbidden, http.StatusNotFound:
		return said.Type == stripe.ErrorTypeInvalidRequest || said.Type == stripe.ErrorTypeCard
	}
	return false
}

// afterTheKey reports a refusal that the processor gives only after it has asked whether it knows the key: had the earlier
// sending been carried out, its answer would have come instead.
func afterTheKey(said *stripe.Error) bool { return said.Code == stripe.ErrorCodeBalanceInsufficient }

func refusalCode(said *stripe.Error) string {
	if code := word(string(said.Code)); code != "" {
		return code
	}
	return fmt.Sprintf("http-%d", said.HTTPStatusCode)
}

// word returns a code or an id as it is, or nothing if it holds anything but letters, digits, hyphens and underscores: what
// is kept and logged of an answer is never a sentence.
func word(s string) string {
	if len(s) > 100 {
		return ""
	}
	for _, c := range []byte(s) {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (c < '0' || c > '9') && c != '-' && c != '_' {
			return ""
		}
	}
	return s
}

// failure turns the library's error of a read into one of ours. The library's text is not kept: it can hold the answer.
func failure(err error) error {
	var said *stripe.Error
	if !errors.As(err, &said) {
		return processor.ErrUnavailable
	}
	cause := fmt.Errorf("status %d, code %q, request %q", said.HTTPStatusCode, word(string(said.Code)), word(said.RequestID))
	if definite(said) && (said.HTTPStatusCode == http.StatusNotFound || said.HTTPStatusCode == http.StatusForbidden ||
		said.Code == stripe.ErrorCodeResourceMissing) {
		return processor.ErrAbsent.Because(cause)
	}
	return processor.ErrUnavailable.Because(cause)
}

// settle turns a 2xx answer into an outcome: done if it reads as the object that was ordered, and unknown otherwise.
func settle[T any](last *stripe.APIResponse, read func(json.RawMessage) (T, error)) processor.Outcome[T] {
	o := processor.Outcome[T]{Code: processor.ReasonStrangeAnswer, Next: processor.LookUp}
	if last == nil {
		return o
	}
	o.Status, o.RequestID = last.StatusCode, word(last.RequestID)
	o.Replayed = last.Header.Get(replayedHeader) == "true"
	if last.StatusCode < 200 || last.StatusCode > 299 {
		return o
	}
	object, err := read(last.RawJSON)
	if err != nil {
		return o
	}
	o.Verdict, o.Object, o.Code, o.Next = processor.Done, object, "", ""
	return o
}
