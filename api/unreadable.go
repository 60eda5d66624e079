package api

import (
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"

	"mizan/ledger/fault"
)

// What is unreadable never becomes a request: net/http refuses it by itself, in words of its own, before any handler is asked. On its way out
// that refusal is turned into a problem like every other. It is known by when it is written: nothing else is while no request is
// being answered.

var (
	// ErrEncoding means that a body comes in a transfer encoding that is not taken.
	ErrEncoding = fault.New(fault.Malformed, "transfer-encoding-unknown", "The body comes in an encoding that is not taken. Send it with a Content-Length, or with Transfer-Encoding: chunked.")
	// ErrVersion means that a request is of another version of HTTP.
	ErrVersion = fault.New(fault.Malformed, "http-version", "This service speaks HTTP/1.1. Send the same request by that version.")
	// ErrExpectation means that the header Expect asks for something that is not known.
	ErrExpectation = fault.New(fault.Malformed, "expectation-unknown", "The header Expect asks for something that is not known. Leave it out, or send 100-continue.")

	errUnreadable = ErrRequest.With("What was sent is no request that can be read. Correct the program that sends it; nothing was done.")
	errPlainText  = ErrRequest.With("This address is reached by TLS. Send the same request to an address that begins with https; nothing was done.")
)

// unreadable is the error behind each status that net/http refuses with; errUnreadable is behind all others.
var unreadable = map[string]*fault.Error{"417": ErrExpectation, "431": ErrHeaders, "501": ErrEncoding, "505": ErrVersion}

// conversation is a connection as net/http sees it. One goroutine at a time writes to it.
type conversation struct {
	// Conn is what is spoken: TLS, or the connection itself.
	net.Conn
	leave func()
	log   *slog.Logger
	// answering says that a handler was asked and its answer is not all sent.
	answering atomic.Bool
	// plain is the connection below TLS, if what came there was not TLS.
	plain atomic.Pointer[net.Conn]
	// refused says that nothing more is to be said.
	refused bool
}

// converse speaks TLS by the config, or plainly for nil, and gives the place back when the connection is closed.
func converse(conn net.Conn, config *tls.Config, leave func(), log *slog.Logger) *conversation {
	if config != nil {
		conn = tls.Server(conn, config)
	}
	return &conversation{Conn: conn, leave: leave, log: log}
}

// Close ends the connection.
func (c *conversation) Close() error {
	defer c.leave()
	return c.Conn.Close()
}

// CloseWrite ends the sending half, which lets a caller read an answer that came before its body was taken.
func (c *conversation) CloseWrite() error { return endSending(c.Conn) }

// Read reads what is spoken. The first one greets, within the time that a head may take.
func (c *conversation) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	var other tls.RecordHeaderError
	if err != nil && errors.As(err, &other) && other.Conn != nil && looksLikeHTTP(other.RecordHeader) {
		c.plain.Store(&other.Conn)
	}
	return n, err
}

// looksLikeHTTP reports whether the first bytes are those of a method of HTTP.
func looksLikeHTTP(first [5]byte) bool {
	for _, b := range first[:3] {
		if b < 'A' || b > 'Z' {
			return false
		}
	}
	return true
}

// Write sends a part of an answer, or a problem instead of what net/http says of something that is no request.
func (c *conversation) Write(p []byte) (int, error) {
	if c.answering.Load() {
		return c.Conn.Write(p)
	}
	if c.refused {
		return len(p), nil
	}
	c.refused = true
	to, err := c.Conn, error(errUnreadable)
	if e, ok := unreadable[statusOfLine(p)]; ok {
		err = e
	}
	if below := c.plain.Load(); below != nil {
		to, err = *below, errPlainText
	}
	problem := problemOf(err, rand.Text(), "")
	if _, err := io.WriteString(to, refusal(problem)); err != nil {
		c.log.Debug("a connection ended before anything was asked", "err", err)
		return 0, err
	}
	c.log.Info("what was sent is no request", "status", problem.Status, "code", problem.Code, "request_id", problem.RequestID)
	return len(p), nil
}

// statusOfLine is the status that an answer begins with, as it stands there.
func statusOfLine(answer []byte) string {
	const before, digits = len("HTTP/1.1 "), 3
	if len(answer) < before+digits {
		return ""
	}
	return string(answer[before : before+digits])
}

// refusal is a whole answer.
func refusal(p Problem) string {
	body, err := json.Marshal(p)
	if err != nil {
		panic(err) // strings and integers always marshal
	}
	return fmt.Sprintf("HTTP/1.1 %d %s\r\nCache-Control: no-store\r\nConnection: close\r\nContent-Length: %s\r\nContent-Type: application/problem+json\r\n"+
		"X-Content-Type-Options: nosniff\r\nX-Request-Id: %s\r\n\r\n%s", p.Status, http.StatusText(p.Status), strconv.Itoa(len(body)), p.RequestID, body)
}

type conversationKey struct{}

// heard has a connection know that a handler answers.
func heard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, ok := r.Context().Value(conversationKey{}).(*conversation); ok {
			c.answering.Store(true)
		}
		next.ServeHTTP(w, r)
	})
}

// answered has a connection know that an answer was sent and it waits for what comes next.
func answered(conn net.Conn, state http.ConnState) {
	if c, ok := conn.(*conversation); ok && state == http.StateIdle {
		c.answering.Store(false)
	}
}
