package api

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"

	"mizan/api/access"
	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/fault"
)

// A problem is how an error is answered: RFC 9457, application/problem+json. Its type and code are stable for ever; its
// detail is written for a person; it names offending fields and never repeats what was sent. This file is the only place
// that knows which HTTP status an error has.

// statusOf is the status of each kind of error.
var statusOf = map[fault.Kind]int{
	fault.Internal:        http.StatusInternalServerError,
	fault.Malformed:       http.StatusBadRequest,
	fault.Invalid:         http.StatusUnprocessableEntity,
	fault.Unauthenticated: http.StatusUnauthorized,
	fault.Forbidden:       http.StatusForbidden,
	fault.NotFound:        http.StatusNotFound,
	fault.Conflict:        http.StatusConflict,
	fault.TooLarge:        http.StatusRequestEntityTooLarge,
	fault.Unavailable:     http.StatusServiceUnavailable,
	fault.Limited:         http.StatusTooManyRequests,
}

// Errors that only HTTP has.
var (
	// ErrRequest means that the request could not be read: a broken path or query.
	ErrRequest = fault.New(fault.Malformed, "malformed-request", "The request cannot be read. Correct its path or query.")
	// ErrNoRoute means that nothing lives at the path.
	ErrNoRoute = fault.New(fault.NotFound, "not-found", "There is nothing here. The handbook at /docs lists what there is.")
	// ErrMethod means that the path exists and the method does not fit it.
	ErrMethod = fault.New(fault.Malformed, "method-not-allowed", "This path does not take that method. The Allow header says which it takes.")
	// ErrAccept means that the caller does not take JSON.
	ErrAccept = fault.New(fault.Malformed, "not-acceptable", "The answer is JSON. Send Accept: application/json, or no Accept header.")
	// ErrBodyTime means that the body arrived too slowly.
	ErrBodyTime = fault.New(fault.Malformed, "timeout", "The body arrived too slowly. Send the same request again; nothing was posted.")
	// ErrBodyCut means that the connection ended inside the body.
	ErrBodyCut = fault.New(fault.Malformed, "malformed-request", "The body ended before its announced length. Send the request again; nothing was posted.")
	// ErrBodySize means that the body passes the documented bound.
	ErrBodySize = fault.New(fault.TooLarge, "body-too-large", "The body is larger than may be sent: 1 MiB, or 4 MiB for a batch. Split it.")
	// ErrURISize means that the path and query pass the documented bound.
	ErrURISize = fault.New(fault.Malformed, "uri-too-long", "The address of the request is longer than 8 KiB. Shorten it.")
	// ErrMedia means that the body is not announced as plain JSON.
	ErrMedia = fault.New(fault.Malformed, "unsupported-media-type", "The body must be JSON in UTF-8, uncompressed. Send Content-Type: application/json and no Content-Encoding.")
	// ErrHeaders means that there are too many headers.
	ErrHeaders = fault.New(fault.Malformed, "headers-too-large", "The request has more headers than may be sent: 100 of them, 32 KiB in all.")
	// ErrNotReady means that the service does not take requests yet, or not now.
	ErrNotReady = fault.New(fault.Unavailable, "not-ready", "The service cannot take requests right now. Try again in a moment.")
	// ErrInternal is what is shown of every unexpected failure.
	ErrInternal = fault.New(fault.Internal, "internal", "Something failed on our side. Send the same request again; if it fails again, report the request id.")
	// ErrUnavailable is what is shown when a read could not be made.
	ErrUnavailable = fault.New(fault.Unavailable, "storage-unavailable", "The books cannot be read right now. Send the same request again in a moment.")
)

// protocolStatus refines the table for errors that HTTP has a status of its own for.
var protocolStatus = map[string]int{
	ErrMethod.Code:   http.StatusMethodNotAllowed,
	ErrAccept.Code:   http.StatusNotAcceptable,
	ErrBodyTime.Code: http.StatusRequestTimeout,
	ErrURISize.Code:  http.StatusRequestURITooLong,
	ErrMedia.Code:    http.StatusUnsupportedMediaType,
	ErrHeaders.Code:  http.StatusRequestHeaderFieldsTooLarge,

	ErrExpectation.Code: http.StatusExpectationFailed,
	ErrEncoding.Code:    http.StatusNotImplemented,
	ErrVersion.Code:     http.StatusHTTPVersionNotSupported,
}

// Status returns the HTTP status that err is answered with.
func Status(err error) int {
	e := shown(err)
	if status, ok := protocolStatus[e.Code]; ok {
		return status
	}
	return statusOf[e.Kind]
}

// shown returns what may be told of err.
func shown(err error) *fault.Error {
	var e *fault.Error
	switch {
	case errors.Is(err, access.ErrBookHidden):
		return ledger.ErrBookUnknown
	case errors.Is(err, access.ErrPayeeHidden):
		return commerce.ErrPayeeUnknown
	case errors.As(err, &e) && e.Kind != fault.Internal:
		return e
	case e == nil && passing(err):
		return ErrUnavailable
	}
	return ErrInternal
}

// passing reports whether err, which no package has judged, tells of a condition that ends by itself: the time is up,
// the connection broke, the server is going away.
func passing(err error) bool {
	var network net.Error
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) || errors.Is(err, io.EOF) ||
		errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) || errors.As(err, &network) {
		return true
	}
	var unsent interface{ SafeToRetry() bool }
	if errors.As(err, &unsent) && unsent.SafeToRetry() {
		return true
	}
	var server interface{ SQLState() string }
	if !errors.As(err, &server) || len(server.SQLState()) != 5 {
		return false
	}
	switch server.SQLState()[:2] {
	case "08", "40", "53", "55", "57", "58":
		return true
	}
	return false
}

// Problem is the body of every answer that is not a success.
type Problem struct {
	Type      string         `json:"type" format:"uri-reference" doc:"Names the problem, for ever; it leads to its description" example:"/docs/problems#validation-failed"`
	Title     string         `json:"title" doc:"The problem in a few words" example:"Validation failed"`
	Status    int            `json:"status" doc:"The HTTP status" example:"422"`
	Detail    string         `json:"detail" doc:"What is wrong and what to do next, for a person" example:"The request has fields that cannot be posted. Correct the fields named; nothing was posted."`
	Instance  string         `json:"instance" format:"uri-reference" doc:"Names this occurrence" example:"urn:mizan:request:Jb3qk2"`
	Code      string         `json:"code" pattern:"^[a-z0-9-]+$" doc:"The last part of the type, for programs to decide on" example:"validation-failed"`
	Errors    []ProblemField `json:"errors,omitempty" nullable:"false" maxItems:"21" doc:"The offending parts of the request, at most 20"`
	Index     *int           `json:"index,omitempty" nullable:"false" doc:"The position, from 0, of the item that made an all-or-nothing batch fail" example:"3"`
	RequestID string         `json:"request_id" doc:"Quote it when you report the problem" example:"Jb3qk2"`
}

// ProblemField names one offending part of a request.
type ProblemField struct {
	Pointer string `json:"pointer" doc:"An RFC 6901 pointer into the body, or query:NAME, or path:NAME" example:"/entries/0/amount"`
	Code    string `json:"code" doc:"The reason, for programs" example:"amount-digits"`
	Detail  string `json:"detail" doc:"The reason, for people" example:"The amount has more decimals than its currency. Round it before sending."`
}

// problemOf builds the answer to err. Pointers get the prefix, which places an item of a batch.
func problemOf(err error, requestID, prefix string) Problem {
	e := shown(err)
	p := Problem{
		Type: "/docs/problems#" + e.Code, Title: titleOf(e.Code), Status: Status(err), Detail: e.Message,
		Instance: "urn:mizan:request:" + requestID, Code: e.Code, RequestID: requestID,
	}
	for _, f := range e.Fields {
		if f.Pointer == "" || strings.HasPrefix(f.Pointer, "/") {
			f.Pointer = prefix + f.Pointer
		}
		p.Errors = append(p.Errors, ProblemField{Pointer: f.Pointer, Code: f.Code, Detail: f.Message})
	}
	var failed *itemError
	if errors.As(err, &failed) {
		p.Index = &failed.index
	}
	return p
}

// titleOf turns a code into words: reference-reused is "Reference reused".
func titleOf(code string) string {
	words := strings.ReplaceAll(code, "-", " ")
	if words == "" {
		return ""
	}
	return strings.ToUpper(words[:1]) + words[1:]
}

// writeProblem answers a request with an error.
func (s *service) writeProblem(w *recorder, r *http.Request, err error) {
	p := problemOf(err, w.requestID, "")
	w.code = p.Code
	if p.Status >= 500 {
		w.failure = err
	}
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	switch p.Status {
	case http.StatusUnauthorized:
		h.Set("WWW-Authenticate", "Bearer")
	case http.StatusServiceUnavailable:
		h.Set("Retry-After", "1")
	case http.StatusTooManyRequests:
		if h.Get("Retry-After") == "" {
			h.Set("Retry-After", "60")
		}
	case http.StatusRequestEntityTooLarge, http.StatusRequestTimeout:
		h.Set("Connection", "close")
	}
	body, err := json.Marshal(p)
	if err != nil {
		panic(err) // strings and integers always marshal
	}
	w.send(p.Status, body)
}
