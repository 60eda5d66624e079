package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"mizan/api/access"
	"mizan/ledger"
	"mizan/ledger/fault"
)

type serverError string

func (e serverError) Error() string    { return "ERROR: " + string(e) }
func (e serverError) SQLState() string { return string(e) }

func TestProblemTable(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err    error
		status int
		code   string
	}{
		{ErrJSON, 400, "malformed-json"}, {ErrRequest, 400, "malformed-request"}, {ErrCursor, 400, "cursor-invalid"},
		{access.ErrUnauthenticated, 401, "unauthenticated"}, {access.ErrForbidden, 403, "forbidden"},
		{ErrNoRoute, 404, "not-found"}, {ledger.ErrBookUnknown, 404, "book-unknown"}, {access.ErrBookHidden, 404, "book-unknown"},
		{ErrMethod, 405, "method-not-allowed"}, {ErrAccept, 406, "not-acceptable"}, {ErrBodyTime, 408, "timeout"},
		{ledger.ErrReferenceReused, 409, "reference-reused"}, {ErrBodySize, 413, "body-too-large"}, {ErrURISize, 414, "uri-too-long"}, {ErrMedia, 415, "unsupported-media-type"},
		{ledger.ErrInvalid, 422, "validation-failed"}, {ledger.ErrUnbalanced, 422, "unbalanced"}, {ledger.ErrFloor, 422, "insufficient-funds"},
		{ErrHeaders, 431, "headers-too-large"}, {ledger.ErrQueueFull, 503, "queue-full"}, {ledger.ErrOutcomeUnknown, 503, "outcome-unknown"},
		{errors.New("secret"), 500, "internal"}, {fault.New(fault.Internal, "batch-failed", "secret"), 500, "internal"},
		{fmt.Errorf("secret: %w", context.DeadlineExceeded), 503, "storage-unavailable"}, {context.Canceled, 503, "storage-unavailable"},
		{fmt.Errorf("secret: %w", &net.OpError{Op: "dial", Err: errors.New("refused")}), 503, "storage-unavailable"}, {io.ErrUnexpectedEOF, 503, "storage-unavailable"},
		{serverError("57P01"), 503, "storage-unavailable"}, {serverError("53300"), 503, "storage-unavailable"}, {serverError("23505"), 500, "internal"}, {serverError(""), 500, "internal"},
		{fmt.Errorf("wrapped: %w", ledger.ErrFloor.Because(errors.New("secret"))), 422, "insufficient-funds"},
	} {
		p := problemOf(c.err, "id", "")
		if p.Status != c.status || p.Code != c.code || Status(c.err) != c.status {
			t.Errorf("%v: %d %s, want %d %s", c.err, p.Status, p.Code, c.status, c.code)
		}
		if p.Type != "/docs/problems#"+c.code || p.Title == "" || p.Detail == "" || strings.Contains(p.Detail, "secret") {
			t.Errorf("%v: %+v", c.err, p)
		}
	}
	p := problemOf(ledger.ErrInvalid.At("/memo", "text", "m").At("query:x", "text", "m").At("", "all", "m"), "id", "/transactions/7")
	if p.Errors[0].Pointer != "/transactions/7/memo" || p.Errors[1].Pointer != "query:x" || p.Errors[2].Pointer != "/transactions/7" {
		t.Errorf("%+v", p.Errors)
	}
}

// TestDeclaredErrors holds every error of every operation to the house rules.
func TestDeclaredErrors(t *testing.T) {
	t.Parallel()
	kebab := regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`)
	for _, op := range Operations() {
		for _, e := range op.refusals() {
			if !kebab.MatchString(e.Code) || !strings.HasSuffix(e.Message, ".") || len(e.Fields) > 0 {
				t.Errorf("%s: %+v", op.ID, e)
			}
			if Status(e) < 400 || http.StatusText(Status(e)) == "" {
				t.Errorf("%s: %s has the status %d", op.ID, e.Code, Status(e))
			}
		}
	}
	for kind := fault.Internal; kind <= fault.Unavailable; kind++ {
		if statusOf[kind] == 0 {
			t.Errorf("%s has no status", kind)
		}
	}
}

// TestHumaEchoesNothing shows that what huma would say by itself repeats no input.
func TestHumaEchoesNothing(t *testing.T) {
	t.Parallel()
	err := huma.NewError(422, "secret message", &huma.ErrorDetail{Message: "secret", Value: "secret"})
	b, jsonErr := err.(humaError).MarshalJSON()
	if jsonErr != nil || strings.Contains(string(b)+err.Error(), "secret") || err.GetStatus() != 422 {
		t.Errorf("%s %v %v", b, err, jsonErr)
	}
}
