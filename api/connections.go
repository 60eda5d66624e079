package api

import (
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/time/rate"

	"mizan/api/traffic"
)

// Connections are bounded, because each takes memory as long as it lives. Whoever comes when all are taken is told so in
// one piece of text, before anything of the request is read, and may come again. An address that has as many as one may is
// closed without a word: whatever is done for it could be had as often as it likes.

const (
	defaultConnections = 4096
	// maxFarewells bounds the refused connections that are given time to read why, and maxSecureFarewells those of TLS, where the
	// greeting costs as much as many requests.
	maxFarewells       = 256
	maxSecureFarewells = 32
	farewellTime       = time.Second
	// refusalsTold is how often the log tells of refused connections at most.
	refusalsTold = time.Minute
)

const tooManyProblem = `{"type":"/docs/problems#overloaded","title":"Overloaded","status":503,` +
	`"detail":"The service has more connections than it can keep. Send the same request again in a moment; nothing was posted.","code":"overloaded"}`

var tooManyConnections = "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/problem+json\r\nRetry-After: 1\r\nConnection: close\r\n" +
	"Content-Length: " + strconv.Itoa(len(tooManyProblem)) + "\r\n\r\n" + tooManyProblem

// boundedListener keeps at most so many connections open, and so many of each address.
type boundedListener struct {
	net.Listener
	places    chan struct{}
	farewells chan struct{}
	addresses *traffic.Connections
	// tls is what connections speak TLS by; nil for plain HTTP.
	tls *tls.Config
	log *slog.Logger
	// full and crowded are the connections that were refused because all places were taken, and because their address had as many as
	// it may.
	full, crowded refusals
}

// refusals are counted, and told to the log now and then.
type refusals struct {
	n      atomic.Int64
	seldom rate.Sometimes
	told   int64
}

// add counts one. It calls tell with how many there were since the last time, a minute later at the earliest.
func (r *refusals) add(tell func(since int64)) {
	n := r.n.Add(1)
	r.seldom.Do(func() {
		tell(n - r.told)
		r.told = n
	})
}

func boundListener(inner net.Listener, connections int, addresses *traffic.Connections, speaks *tls.Config, log *slog.Logger) *boundedListener {
	farewells := maxFarewells
	if speaks != nil {
		farewells = maxSecureFarewells
	}
	l := &boundedListener{Listener: inner, places: make(chan struct{}, connections), farewells: make(chan struct{}, farewells), addresses: addresses, tls: speaks, log: log}
	l.full.seldom.Interval, l.crowded.seldom.Interval = refusalsTold, refusalsTold
	return l
}

// Accept returns the next connection that finds a place. TLS begins when it is first read from, so that a place is taken before any
// work is done for a connection.
func (l *boundedListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		end, whose := l.addresses.Open(conn.RemoteAddr())
		if end == nil {
			_ = conn.Close()
			l.crowded.add(func(since int64) {
				l.log.Warn("connections were closed because their address has as many open as one may", "latest", whose, "closed", since)
			})
			continue
		}
		select {
		case l.places <- struct{}{}:
			leave := sync.OnceFunc(func() {
				<-l.places
				end()
			})
			return converse(conn, l.tls, leave, l.log), nil
		default:
			end()
			l.refuse(conn)
		}
	}
}

// refuse says why and closes. A connection closed with something unread in it is reset, and the caller may never see the
// text; so a bounded number of them is read from for a moment first.
func (l *boundedListener) refuse(conn net.Conn) {
	l.full.add(func(since int64) {
		l.log.Warn("connections were refused because all that this instance keeps are open", "refused", since)
	})
	select {
	case l.farewells <- struct{}{}:
	default:
		_ = conn.Close()
		return
	}
	go func() {
		defer func() { <-l.farewells }()
		defer func() { _ = conn.Close() }()
		ending := time.AfterFunc(farewellTime, func() { _ = conn.Close() })
		defer ending.Stop()
		spoken := conn
		if l.tls != nil {
			spoken = tls.Server(conn, l.tls)
		}
		if _, err := io.WriteString(spoken, tooManyConnections); err != nil {
			return
		}
		if endSending(spoken) == nil {
			_, _ = io.CopyN(io.Discard, conn, bodyLimit)
		}
	}()
}

// endSending ends the sending half of a connection that has one.
func endSending(conn net.Conn) error {
	if half, ok := conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

var (
	connectionsOpen    = prometheus.NewDesc("mizan_http_connections_open", "Connections that are open.", nil, nil)
	connectionsRefused = prometheus.NewDesc("mizan_http_connections_refused_total",
		"Connections that were refused: all places were taken (full), or their address had as many as one may (address).", []string{"because"}, nil)
)

// Describe names the metrics.
func (l *boundedListener) Describe(ch chan<- *prometheus.Desc) {
	ch <- connectionsOpen
	ch <- connectionsRefused
}

// Collect reads the counts.
func (l *boundedListener) Collect(ch chan<- prometheus.Metric) {
	ch <- prometheus.MustNewConstMetric(connectionsOpen, prometheus.GaugeValue, float64(len(l.places)))
	ch <- prometheus.MustNewConstMetric(connectionsRefused, prometheus.CounterValue, float64(l.full.n.Load()), "full")
	ch <- prometheus.MustNewConstMetric(connectionsRefused, prometheus.CounterValue, float64(l.crowded.n.Load()), "address")
}
