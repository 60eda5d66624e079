package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"

	"mizan/api/access"
	"mizan/api/traffic"
	"mizan/ledger"
	"mizan/ledger/failpoint"
	"mizan/ledger/fault"
	"mizan/ledger/guard"
)

// A call is one request on its way through an operation. The order of the checks is fixed: who calls, whether they may,
// what they ask, and only then the body, so that a stranger learns nothing and costs little.

type call struct {
	service   *service
	op        *Operation
	ctx       context.Context
	cancel    context.CancelFunc
	w         *recorder
	r         *http.Request
	held      int64 // of the intake
	principal access.Principal
	book      ledger.Book // of operations about one
	query     query
	param     func(name string) string // of the path
}

// serve returns the handler of an operation.
func (s *service) serve(op *Operation) func(huma.Context) {
	return func(hc huma.Context) {
		r, writer := humachi.Unwrap(hc)
		w := writer.(*recorder)
		w.route = op.Path
		c := &call{service: s, op: op, w: w, r: r, param: hc.Param}
		c.startClock()
		defer func() { c.cancel() }()
		out, err := c.answer()
		if err != nil {
			s.writeProblem(w, r, err)
			return
		}
		c.write(out)
	}
}

// startClock gives the call its full time from now on.
func (c *call) startClock() {
	if c.cancel != nil {
		c.cancel()
	}
	c.ctx, c.cancel = context.WithTimeout(c.r.Context(), c.op.timeout())
}

// answer checks the request and runs the operation.
func (c *call) answer() (reply, error) {
	if c.op.Scope != "" {
		if err := c.admit(); err != nil {
			return reply{}, err
		}
	} else if err := c.withoutCards(); err != nil {
		return reply{}, err
	}
	if c.op.json() && !acceptsJSON(c.r.Header.Values("Accept")) {
		return reply{}, ErrAccept
	}
	var err error
	if c.query, err = parseQuery(c.r.URL.RawQuery, c.op.allowed); err != nil {
		return reply{}, err
	}
	if c.op.Reads {
		leave, err := traffic.Turn(c.ctx)
		if err != nil {
			return reply{}, err
		}
		defer leave()
	}
	if c.op.BodyLimit > 0 {
		c.held = c.weight()
		if !c.service.room.take(c.principal.ID, c.held) {
			return reply{}, ErrOverloaded
		}
		defer func() { c.service.room.give(c.principal.ID, c.held) }()
	}
	return c.op.handle(c)
}

// admit finds out who calls, and whether they may do this to the book of the path.
func (c *call) admit() error {
	var err error
	if c.principal, err = c.identify(); err != nil {
		if errors.Is(err, access.ErrUnauthenticated) || errors.Is(err, access.ErrTooMany) {
			traffic.Unknown(c.ctx)
		}
		c.w.denied = fault.KindOf(err) != fault.Unavailable
		return err
	}
	c.w.caller = c.principal
	traffic.Known(c.ctx, c.principal)
	code := ""
	if c.op.ofBook() {
		code = c.param("book")
	}
	if err := c.allowed(code); err != nil {
		c.w.denied = true
		if bookCode.MatchString(code) {
			c.w.book = code // whether there is such a book is not asked, or the time it takes would tell
		}
		return err
	}
	if err := c.withoutCards(); err != nil {
		return err
	}
	if code == "" {
		return nil
	}
	if c.book, err = c.service.ledger.Book(c.ctx, code); err == nil {
		c.w.book = code
	}
	return err
}

// bookCode is how codes of books are written; nothing else is logged as one.
var bookCode = regexp.MustCompile(`^[a-z][a-z0-9_]{0,31}$`)

// allowed judges what the caller may do to the book.
func (c *call) allowed(book string) error {
	if c.principal.Kind == access.Payee && c.op.Scope != access.SignedIn {
		payee := ""
		if c.op.Own != "" {
			payee = strings.TrimPrefix(c.param(c.op.Own), payeePrefix)
		}
		return c.principal.AllowOwn(c.op.Own != "", book, payee)
	}
	if c.op.Each {
		if !c.principal.Has(c.op.Scope) && !(c.op.Owned && c.principal.Kind == access.Person) {
			return access.ErrForbidden
		}
		return nil
	}
	if err := c.principal.Allow(c.op.Scope, book); err != nil {
		return err
	}
	if c.op.Also != "" {
		if err := c.principal.Allow(c.op.Also, book); err != nil {
			return err
		}
	}
	if c.op.Installation && c.principal.Books != nil {
		return access.ErrForbidden
	}
	if c.op.SecondPerson != "" && !c.principal.Alone && !c.triesOut() {
		return guard.ErrApprovalRequired
	}
	return nil
}

// triesOut reports whether the caller only wants to know what would happen, which needs nobody else. The handler of an
// operation with dry runs looks once more.
func (c *call) triesOut() bool {
	given, _ := url.ParseQuery(c.r.URL.RawQuery)
	return slices.Contains(c.op.allowed, "dry_run") && slices.Equal(given["dry_run"], []string{"true"})
}

// payeePrefix stands before a payee's id where other people could be named too.
const payeePrefix = "payee:"

// actor is the caller as the audit trail remembers it.
func (c *call) actor() guard.Actor {
	actor := c.principal.Actor()
	actor.Address, actor.RequestID = ClientAddress(c.r), c.w.requestID
	return actor
}

// write sends a success.
func (c *call) write(out reply) {
	if out.sent {
		return
	}
	h := c.w.Header()
	if out.media == "" {
		out.media = "application/json"
	}
	h.Set("Content-Type", out.media)
	if out.replayed {
		h.Set("Idempotent-Replayed", "true")
	}
	failpoint.Here(failpoint.Answering)
	c.w.send(out.status, out.body)
	failpoint.Here(failpoint.Answered)
	if out.pooled != nil {
		*out.pooled = out.body
		if cap(out.body) <= maxPooled {
			buffers.Put(out.pooled)
		}
	}
}

// buffers hold encoded answers until they are written.
var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 4096); return &b }}

// maxPooled is the largest buffer that is kept.
const maxPooled = 1 << 20

// encode builds a reply with an append-style encoder.
func encode(status int, replayed bool, appendTo func([]byte) []byte) reply {
	buffer := buffers.Get().(*[]byte)
	return reply{status: status, body: appendTo((*buffer)[:0]), replayed: replayed, pooled: buffer}
}

// document builds a reply from a value.
func document(status int, v any) (reply, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return reply{}, err
	}
	return reply{status: status, body: bytes.TrimSuffix(b.Bytes(), []byte("\n"))}, nil
}

// itemError is the refusal of an all-or-nothing batch because of one of its items.
type itemError struct {
	index int
	err   error
}

func (e *itemError) Error() string { return e.err.Error() }
func (e *itemError) Unwrap() error { return e.err }

// acceptsJSON reports whether a caller takes JSON. No header means anything.
func acceptsJSON(accept []string) bool {
	if len(accept) == 0 {
		return true
	}
	for _, header := range accept {
		for part := range strings.SplitSeq(header, ",") {
			media, parameters, _ := strings.Cut(part, ";")
			switch strings.ToLower(strings.TrimSpace(media)) {
			case "*/*", "application/*", "application/json", "application/problem+json":
				if !refused(parameters) {
					return true
				}
			}
		}
	}
	return false
}

// refused reports whether the parameters of a media range say q=0.
func refused(parameters string) bool {
	for p := range strings.SplitSeq(parameters, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(p), "=")
		if strings.EqualFold(name, "q") {
			return strings.Trim(value, "0.") == "" && value != ""
		}
	}
	return false
}
