// Package fault holds the handful of error kinds that every package of Mizan speaks.
//
// An error is declared once, beside the noun it belongs to, with a stable code that clients may rely on for ever:
//
//	var ErrUnbalanced = fault.New(fault.Invalid, "unbalanced",
//		"Debits and credits differ. Correct the lines so that each currency sums to zero.")
//
// Where it is returned, it is given the particulars with With, Withf, At or Because; errors.Is still finds the declaration
// by its code. The message is written for a finance person and says what to do next. An error that is not a
// *fault.Error is internal: it is logged, and its text is never shown. The HTTP status of each kind is decided in one
// table of package api; nothing else knows about HTTP.
package fault

import (
	"errors"
	"fmt"
)

// Kind says what a caller can do about an error. The zero value is Internal.
type Kind uint8

const (
	// Internal is a defect or an unexpected failure of ours. Its text is never shown to a caller.
	Internal Kind = iota
	// Malformed means the request could not be read at all: broken JSON, a forged cursor, an unknown query parameter.
	Malformed
	// Invalid means the request was understood and asks for something that must not be posted.
	Invalid
	// Unauthenticated means that we do not know who asks.
	Unauthenticated
	// Forbidden means that we know who asks, and that they may not.
	Forbidden
	// NotFound means that the thing does not exist, or that the caller must not learn that it does.
	NotFound
	// Conflict means that the request contradicts what is already recorded.
	Conflict
	// TooLarge means that a documented bound on size was passed.
	TooLarge
	// Unavailable means that nothing was decided and that the same request may be sent again later.
	Unavailable
	// Limited means that the caller asks too often, and may ask again later.
	Limited
)

var kindNames = [...]string{"internal", "malformed", "invalid", "unauthenticated", "forbidden", "not-found", "conflict",
	"too-large", "unavailable", "limited"}

// String returns the kind's name as used in logs and metrics.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return kindNames[Internal]
}

// Field names one offending part of a request.
type Field struct {
	// Pointer is an RFC 6901 JSON pointer into the body ("/entries/0/amount"), or "query:NAME" or "path:NAME".
	Pointer string
	// Code is a stable, machine-readable reason such as "amount-digits".
	Code string
	// Message says what is wrong with the field and what would be right. It never repeats the value sent.
	Message string
}

// Error is an error a caller may see. Declare it with New and derive particular instances from the declaration; a
// declared Error is shared and must not be changed.
type Error struct {
	// Kind decides how the error is answered.
	Kind Kind
	// Code is stable for ever, in kebab case.
	Code string
	// Message is written for a finance person and says what to do next.
	Message string
	// Fields names the offending parts of the request, if any.
	Fields []Field
	cause  error
}

// New declares an error.
func New(kind Kind, code, message string) *Error {
	return &Error{Kind: kind, Code: code, Message: message}
}

// Error returns the code, the message and the cause, for logs.
func (e *Error) Error() string {
	s := e.Code + ": " + e.Message
	for _, f := range e.Fields {
		s += " [" + f.Pointer + ": " + f.Message + "]"
	}
	if e.cause != nil {
		s += ": " + e.cause.Error()
	}
	return s
}

// Unwrap returns the cause, which is for logs and never shown.
func (e *Error) Unwrap() error { return e.cause }

// Is reports whether target is the same declared error, by code.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code
}

// With returns a copy of e with another message for this particular case.
func (e *Error) With(message string) *Error {
	c := *e
	c.Message = message
	return &c
}

// Withf is With with a format. The arguments must not be personal data or raw input.
func (e *Error) Withf(format string, args ...any) *Error {
	return e.With(fmt.Sprintf(format, args...))
}

// At returns a copy of e that also names the offending field.
func (e *Error) At(pointer, code, message string) *Error {
	return e.WithFields(Field{Pointer: pointer, Code: code, Message: message})
}

// WithFields returns a copy of e with the fields added.
func (e *Error) WithFields(fields ...Field) *Error {
	c := *e
	c.Fields = append(append([]Field(nil), e.Fields...), fields...)
	return &c
}

// Because returns a copy of e that carries the underlying cause for the log.
func (e *Error) Because(cause error) *Error {
	c := *e
	c.cause = cause
	return &c
}

// KindOf returns the kind of err, Internal for anything that is not a *Error.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Internal
}

// CodeOf returns the stable code of err, "" for anything that is not a *Error.
func CodeOf(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}
