package api

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// A server takes connections and ends them in order: it stops accepting, answers what it has begun, and only then lets
// the ledger finish what it has accepted.

// ServerOptions bound what a connection may take. The zero value of a field means its default.
type ServerOptions struct {
	// HeaderTimeout bounds the time for a request's line and headers; 5 s.
	HeaderTimeout time.Duration
	// ReadTimeout bounds the time for a whole request with its body; 20 s.
	ReadTimeout time.Duration
	// WriteTimeout bounds the time from the end of the headers to the end of the answer; 60 s.
	WriteTimeout time.Duration
	// IdleTimeout ends a connection on which nothing is asked; 120 s.
	IdleTimeout time.Duration
	// Connections bounds the connections that are open at once; 4,096.
	Connections int
	// Grace bounds the orderly end of what was begun; 25 s.
	Grace time.Duration
	// TLS is what connections speak TLS by; nil for plain HTTP.
	TLS *tls.Config
	// Log receives what net/http complains about; nil discards it.
	Log *slog.Logger
}

// Server serves a handler.
type Server struct {
	http        *http.Server
	connections int
	tls         *tls.Config
	grace       time.Duration
	close       func(context.Context) error
}

// NewServer returns a server for the handler. Once its requests are answered it calls closeLedger (Ledger.Close), which
// may be nil.
func NewServer(handler http.Handler, closeLedger func(context.Context) error, opts ServerOptions) *Server {
	or := func(d, otherwise time.Duration) time.Duration {
		if d <= 0 {
			return otherwise
		}
		return d
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	if opts.Connections <= 0 {
		opts.Connections = defaultConnections
	}
	return &Server{
		connections: opts.Connections,
		tls:         opts.TLS,
		http: &http.Server{
			Handler:           handler,
			ReadHeaderTimeout: or(opts.HeaderTimeout, 5*time.Second),
			ReadTimeout:       or(opts.ReadTimeout, 20*time.Second),
			WriteTimeout:      or(opts.WriteTimeout, 60*time.Second),
			IdleTimeout:       or(opts.IdleTimeout, 120*time.Second),
			MaxHeaderBytes:    32 << 10,
			// OPTIONS * is answered like any other request.
			DisableGeneralOptionsHandler: true,
			ErrorLog:                     slog.NewLogLogger(opts.Log.Handler(), slog.LevelDebug),
		},
		grace: or(opts.Grace, 25*time.Second),
		close: closeLedger,
	}
}

// accepting bounds the connections of a listener. TLS comes on top, so that a place is taken before any work is done for a connection,
// and net/http sees what it needs to bound the greeting.
func (s *Server) accepting(listener net.Listener) net.Listener {
	bounded := boundListener(listener, s.connections)
	if s.tls == nil {
		return bounded
	}
	// Whoever expects TLS cannot read a farewell in plain text.
	bounded.silent = true
	return tls.NewListener(bounded, s.tls)
}

// Serve answers requests on the listener until ctx ends, then ends in order within the grace period. It returns nil after
// an orderly end. The listener is closed in any case.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	failed := make(chan error, 1)
	go func() { failed <- s.http.Serve(s.accepting(listener)) }()
	var err error
	select {
	case err = <-failed:
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.grace)
	defer cancel()
	if shutdown := s.http.Shutdown(grace); shutdown != nil {
		err = errors.Join(err, shutdown, s.http.Close())
	}
	if s.close != nil {
		err = errors.Join(err, s.close(grace))
	}
	return err
}
