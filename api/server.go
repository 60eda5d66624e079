package api

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"mizan/api/traffic"
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
	// Addresses bounds those of one address; nil for no such bound.
	Addresses *traffic.Connections
	// Metrics receives what there is to count; nil for nobody.
	Metrics *prometheus.Registry
	// Grace bounds the orderly end of what was begun; 25 s.
	Grace time.Duration
	// TLS is what connections speak TLS by; nil for plain HTTP.
	TLS *tls.Config
	// Log receives what net/http complains about; nil discards it.
	Log *slog.Logger
}

// Server serves a handler.
type Server struct {
	http    *http.Server
	options ServerOptions
	grace   time.Duration
	close   func(context.Context) error
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
		options: opts,
		http: &http.Server{
			Handler:   heard(handler),
			ConnState: answered,
			ConnContext: func(ctx context.Context, c net.Conn) context.Context {
				return context.WithValue(ctx, conversationKey{}, c)
			},
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

// accepting bounds the connections of a listener. It returns an error if somebody counts those of another one already.
func (s *Server) accepting(listener net.Listener) (net.Listener, error) {
	o := s.options
	bounded := boundListener(listener, o.Connections, o.Addresses, o.TLS, o.Log)
	if o.Metrics == nil {
		return bounded, nil
	}
	return bounded, o.Metrics.Register(bounded)
}

// Serve answers requests on the listener until ctx ends, then ends in order within the grace period. It returns nil after
// an orderly end. The listener is closed in any case.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	failed := make(chan error, 1)
	bounded, err := s.accepting(listener)
	if err != nil {
		failed <- errors.Join(err, listener.Close())
	} else {
		go func() { failed <- s.http.Serve(bounded) }()
	}
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
