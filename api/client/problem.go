package client

// Problem: why a call did not do what was asked, as the service says it (RFC 9457), or that it could not be asked.

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"mizan/ledger/fault"
)

const (
	codeUnreachable = "unreachable"
	codeUnreadable  = "answer-unreadable"
)

// Problems that callers commonly tell apart, for errors.Is. The handbook lists every code.
var (
	// ErrReferenceReused means that the reference is taken by other content. Nothing was posted.
	ErrReferenceReused = &Problem{Code: "reference-reused"}
	// ErrInsufficientFunds means that an account would fall below zero. Nothing was posted.
	ErrInsufficientFunds = &Problem{Code: "insufficient-funds"}
	// ErrUnbalanced means that debits and credits differ. Nothing was posted.
	ErrUnbalanced = &Problem{Code: "unbalanced"}
	// ErrBookUnknown means that there is no such book, or that the key does not extend to it.
	ErrBookUnknown = &Problem{Code: "book-unknown"}
	// ErrUnreachable means that no attempt was answered. A posting may have been recorded: send it again with the same
	// reference, or look the reference up.
	ErrUnreachable = &Problem{Code: codeUnreachable}
)

// errIncomplete means that a batch was not answered item by item.
var errIncomplete = &Problem{Code: codeUnreadable, Title: "The answer is incomplete",
	Detail: "The service answered another number of items than it was sent. Look the references up."}

// Problem is the error of every call that reached for the service.
type Problem struct {
	// Status is the HTTP status, 0 if there was no answer.
	Status int
	// Code is stable for ever, in kebab case.
	Code string
	// Title names the problem in a few words, Detail says what to do next.
	Title, Detail string
	// Fields names the offending parts of the request, if any.
	Fields []fault.Field
	// Index is the position, from 0, of the item that made an all-or-nothing batch fail; nil otherwise.
	Index *int
	// RequestID finds the request in the service's logs.
	RequestID string
	// RetryAfter is how long the service asks to wait; 0 if it did not say.
	RetryAfter time.Duration

	cause error
}

// Error returns everything a person needs on one line.
func (p *Problem) Error() string {
	var b strings.Builder
	b.WriteString(p.Code)
	if p.Status != 0 {
		b.WriteString(" (" + strconv.Itoa(p.Status) + ")")
	}
	if text := p.Detail; text != "" {
		b.WriteString(": " + text)
	} else if p.Title != "" {
		b.WriteString(": " + p.Title)
	}
	for _, f := range p.Fields {
		b.WriteString(" [" + f.Pointer + ": " + f.Message + "]")
	}
	if p.cause != nil {
		b.WriteString(": " + p.cause.Error())
	}
	return b.String()
}

// Unwrap returns the cause, for example the end of the call's context.
func (p *Problem) Unwrap() error { return p.cause }

// Is reports whether target is a problem of the same code.
func (p *Problem) Is(target error) bool {
	t, ok := target.(*Problem)
	return ok && t.Code == p.Code
}

// Unanswered reports whether the posting may have been recorded although no answer says so. Sending it again with the
// same reference is safe and gives the answer.
func (p *Problem) Unanswered() bool {
	return p.Status == 0 && p.Code == codeUnreachable || p.Code == "outcome-unknown"
}

// passing reports whether the same request may succeed in a moment. An ended context stays ended.
func (p *Problem) passing() bool {
	return p.Status == http.StatusServiceUnavailable || p.Status == http.StatusTooManyRequests && p.RetryAfter > 0 || p.Code == codeUnreachable && !errors.Is(p.cause, context.Canceled)
}

// problemJSON is application/problem+json as the service writes it.
type problemJSON struct {
	Title     string `json:"title"`
	Detail    string `json:"detail"`
	Status    int    `json:"status"`
	Code      string `json:"code"`
	RequestID string `json:"request_id"`
	Index     *int   `json:"index"`
	Errors    []struct {
		Pointer string `json:"pointer"`
		Code    string `json:"code"`
		Detail  string `json:"detail"`
	} `json:"errors"`
}

// UnmarshalJSON reads application/problem+json.
func (p *Problem) UnmarshalJSON(data []byte) error {
	var wire problemJSON
	if err := json.Unmarshal(data, &wire); err != nil {
		return err
	}
	*p = Problem{Status: wire.Status, Code: wire.Code, Title: wire.Title, Detail: wire.Detail, RequestID: wire.RequestID, Index: wire.Index}
	for _, f := range wire.Errors {
		p.Fields = append(p.Fields, fault.Field{Pointer: f.Pointer, Code: f.Code, Message: f.Detail})
	}
	return nil
}

// readProblem makes a problem of an answer that is none of ours too, such as a proxy's page.
func readProblem(res *http.Response, body []byte) *Problem {
	p := &Problem{}
	if err := json.Unmarshal(body, p); err != nil || p.Code == "" {
		*p = Problem{Code: "http-" + strconv.Itoa(res.StatusCode), Title: http.StatusText(res.StatusCode)}
	}
	p.Status = res.StatusCode
	p.RetryAfter = seconds(res.Header.Get("Retry-After"))
	if p.RequestID == "" {
		p.RequestID = res.Header.Get("X-Request-Id")
	}
	return p
}

// unreachable makes a problem of a call that was not answered.
func unreachable(cause error) *Problem {
	return &Problem{Code: codeUnreachable, Title: "No answer", cause: cause,
		Detail: "The service did not answer, so that a posting may or may not be recorded. Send it again with the same reference."}
}
