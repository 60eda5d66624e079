package api

import (
	"cmp"
	"context"
	"crypto/rand"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"

	"mizan/api/access"
	"mizan/api/traffic"
	"mizan/ledger/fault"
	"mizan/ledger/pan"
)

// The edge is what every request passes, whatever it asks for: a request id, safe headers, bounds on the request line
// and headers, one log line, metrics, and a net under panics.

const (
	maxURI     = 8 << 10
	maxHeaders = 100
)

// edge wraps the router.
func (s *service) edge(next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		began := s.now()
		w := &recorder{ResponseWriter: rw, requestID: requestID(r), route: "unmatched"}
		h := w.Header()
		h.Set("X-Request-Id", w.requestID)
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		if s.secure {
			h.Set("Strict-Transport-Security", transport)
		}
		if endsDoubtfully(r) {
			h.Set("Connection", "close")
		}
		s.metrics.inFlight.Inc()
		defer func() {
			caught := recover()
			if caught != nil && caught != http.ErrAbortHandler {
				s.afterPanic(w, r, fault.Caught(caught))
			}
			if w.status == 0 {
				w.status = http.StatusOK // what net/http sends for a handler that says nothing
			}
			s.metrics.inFlight.Dec()
			took := s.now().Sub(began)
			s.metrics.observe(w, r.Method, took)
			s.record(r.Context(), w, r.Method, took)
			if caught == http.ErrAbortHandler {
				panic(caught) // the server cuts the connection, which no reader takes for the end of an answer
			}
		}()
		if err := cmp.Or(withinBounds(r), s.fromHere(r)); err != nil {
			s.writeProblem(w, r, err)
			return
		}
		s.inTurn(w, r, next)
	})
}

// inTurn lets a request in if its caller does not ask too often, one that only reads when its turn has come. Whether the process lives, and
// what pages look like, is told to everybody at once.
func (s *service) inTurn(w *recorder, r *http.Request, next http.Handler) {
	if s.traffic == nil || r.URL.Path == "/livez" || r.URL.Path == "/readyz" || strings.HasPrefix(r.URL.Path, "/assets/") ||
		traffic.LetIn(r.Context()) { // a page asks for a part of itself
		next.ServeHTTP(w, r)
		return
	}
	visitor := s.traffic.Arrive(s.credential(r), ClientAddress(r))
	reads := r.Method == http.MethodGet || r.Method == http.MethodHead
	var refused error
	if !isMessage(r) {
		if wait := visitor.Refused(r.ContentLength); wait > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(traffic.Seconds(wait)))
			refused = traffic.ErrRateLimited
			visitor.Hold(r.Context())
		}
	}
	if r.ContentLength < 0 && refused == nil {
		body := &measured{ReadCloser: r.Body}
		r.Body = body
		defer func() { visitor.Spent(body.bytes) }()
	}
	if reads && refused == nil {
		leave, err := visitor.Enter(r.Context())
		if refused = err; err == nil {
			defer leave()
		}
	}
	switch {
	case refused == nil:
		next.ServeHTTP(w, r.WithContext(traffic.With(r.Context(), visitor)))
	case s.ofConsole(r):
		w.route, w.page, w.code = "/", pageAt(r.URL), fault.CodeOf(refused)
		s.console.ServeHTTP(w, r.WithContext(traffic.Refuse(r.Context(), refused)))
	default:
		s.writeProblem(w, r, refused)
	}
}

// measured is a body of which nobody said how long it is.
type measured struct {
	io.ReadCloser
	bytes int64
}

// Read reads and counts.
func (b *measured) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.bytes += int64(n)
	return n, err
}

// isMessage reports whether a request is what processors and platforms send: it comes in bursts from a few addresses, and shows by its
// signature, and by nothing else, who sent it.
func isMessage(r *http.Request) bool {
	path := r.URL.Path
	door := strings.Contains(path, "/inbound/") || strings.HasPrefix(path, "/v1/processors/") && strings.HasSuffix(path, "/notices")
	return door && r.Method == http.MethodPost && r.Header["Authorization"] == nil && r.Header["Cookie"] == nil
}

// credential is what a request shows to say who it comes from; empty if that is nothing, or more than one thing.
func (s *service) credential(r *http.Request) string {
	given, cookies := r.Header["Authorization"], s.sessions(r)
	switch {
	case len(given) == 1 && len(cookies) == 0:
		return given[0]
	case len(given) == 0 && len(cookies) == 1:
		return cookies[0].Value
	}
	return ""
}

// endsDoubtfully reports whether a proxy before us could believe that the request ends elsewhere: it says so by chunks, beside which
// a length may stand, or it is of a version that knows none. The connection then ends with the answer, and nothing behind the request
// is read as another one.
func endsDoubtfully(r *http.Request) bool {
	return len(r.TransferEncoding) > 0 || !r.ProtoAtLeast(1, 1)
}

// withinBounds refuses requests whose line or headers are out of bounds, and paths that another reader could take for a
// different one. It never redirects: a path is right or it is not found.
func withinBounds(r *http.Request) error {
	if len(r.RequestURI) > maxURI {
		return ErrURISize
	}
	count := 0
	for _, values := range r.Header {
		count += len(values)
	}
	if count > maxHeaders {
		return ErrHeaders
	}
	path := r.URL.Path
	if strings.ContainsFunc(path, func(c rune) bool { return c < ' ' || c == 0x7f || c == '\ufffd' }) {
		return ErrRequest.With("The path holds characters that no address has. Correct it.")
	}
	if !strings.HasPrefix(path, "/") || strings.Contains(path, "//") || strings.Contains(path, `\`) {
		return ErrNoRoute
	}
	for segment := range strings.SplitSeq(path, "/") {
		if segment == "." || segment == ".." {
			return ErrNoRoute
		}
	}
	return nil
}

// requestID takes the caller's id if it is harmless, and makes one otherwise. It is logged, so that
// nothing is taken for one that is a secret or says where somebody's money is.
func requestID(r *http.Request) string {
	if given := r.Header["X-Request-Id"]; len(given) == 1 && harmlessID(given[0]) {
		return given[0]
	}
	return rand.Text()
}

func harmlessID(s string) bool {
	if len(s) < 1 || len(s) > 64 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' && c != '-' {
			return false
		}
	}
	return !access.LooksSecret(s) && !pan.Found(s) && !pan.Account(s)
}

// afterPanic answers with a problem if nothing was sent yet. The log has of which type the panic was and where, nothing of the request.
func (s *service) afterPanic(w *recorder, r *http.Request, caught fault.Panic) {
	s.log.Error("panic", "request_id", w.requestID, "route", w.route, "panic", caught)
	if w.status == 0 {
		s.writeProblem(w, r, ErrInternal)
	}
}

// record writes the request's log line: no body, no query, no path, no address of a person.
func (s *service) record(ctx context.Context, w *recorder, method string, took any) {
	level := slog.LevelInfo
	switch {
	case w.status < 500 || ctx.Err() != nil: // a caller who has gone is no failure of ours
	case w.status == http.StatusServiceUnavailable:
		level = slog.LevelWarn // refused for now, as designed
	default:
		level = slog.LevelError
	}
	if w.denied {
		level = slog.LevelWarn
	}
	if !s.log.Enabled(ctx, level) {
		return
	}
	attrs := []slog.Attr{
		slog.String("method", knownMethod(method)), slog.String("route", w.route), slog.Int("status", w.status), slog.Any("took", took),
		slog.Int64("bytes", w.bytes), slog.String("request_id", w.requestID),
	}
	if w.caller.ID != "" {
		attrs = append(attrs, slog.String(callerName[w.caller.Kind], w.caller.ID))
	}
	if w.book != "" {
		attrs = append(attrs, slog.String("book", w.book))
	}
	if w.code != "" {
		attrs = append(attrs, slog.String("code", w.code))
	}
	if w.failure != nil {
		attrs = append(attrs, slog.String("err", w.failure.Error()))
	}
	s.log.LogAttrs(ctx, level, "request", attrs...)
}

// callerName is what each kind of caller's id is called in the log.
var callerName = map[access.Kind]string{access.Program: "key_id", access.Person: "person_id", access.Payee: "payee_id"}

// knownMethod keeps made-up methods out of logs and labels.
func knownMethod(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions, http.MethodTrace:
		return method
	}
	return "other"
}
