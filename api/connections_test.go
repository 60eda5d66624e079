package api

import (
	"bufio"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"mizan/api/traffic"
)

// certified returns what a server speaks TLS by, and what its clients do.
func certified() (server, client *tls.Config) {
	s := httptest.NewTLSServer(nil)
	defer s.Close()
	return &tls.Config{Certificates: s.TLS.Certificates}, s.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
}

// dialer connects to an address, by TLS if there is a config.
func dialer(address string, config *tls.Config) func() (net.Conn, error) {
	if config == nil {
		return func() (net.Conn, error) { return net.Dial("tcp", address) }
	}
	config = config.Clone()
	config.ServerName = "example.com"
	return func() (net.Conn, error) { return tls.Dial("tcp", address, config) }
}

// TestConnectionsAreBounded takes all places and is told so, then leaves one and is served; by TLS alike.
func TestConnectionsAreBounded(t *testing.T) {
	t.Parallel()
	secure, trusting := certified()
	for name, c := range map[string]struct{ server, client *tls.Config }{"plainly": {}, "by TLS": {secure, trusting}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			served := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "served") })
			address, _ := serve(t, served, nil, ServerOptions{Connections: 2, TLS: c.server})
			dial := dialer(address, c.client)
			ask := func() (net.Conn, int, string, http.Header) {
				t.Helper()
				conn, err := dial()
				if err != nil {
					t.Fatal(err)
				}
				if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
					t.Fatal(err)
				}
				answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
				if err != nil {
					t.Fatal(err)
				}
				body, err := io.ReadAll(answer.Body)
				if err != nil {
					t.Fatal(err)
				}
				return conn, answer.StatusCode, string(body), answer.Header
			}
			first, status, _, _ := ask()
			second, also, _, _ := ask()
			defer func() { _ = second.Close() }()
			if status != 200 || also != 200 {
				t.Fatalf("the first two were answered with %d and %d", status, also)
			}
			third, status, body, header := ask()
			_ = third.Close()
			var p Problem
			if err := json.Unmarshal([]byte(body), &p); err != nil || status != 503 || p.Code != ErrOverloaded.Code || p.Status != 503 {
				t.Errorf("the third was answered with %d %s (%v)", status, body, err)
			}
			if header.Get("Retry-After") != "1" || header.Get("Content-Type") != "application/problem+json" {
				t.Errorf("headers %v", header)
			}
			_ = first.Close()
			wait(t, func() bool {
				conn, status, body, _ := ask()
				_ = conn.Close()
				return status == 200 && strings.Contains(body, "served")
			})
		})
	}
}

// elsewhere is a listener whose connections come from named addresses, because all of a test's come from this machine.
type elsewhere struct {
	net.Listener
	from chan string
}

type comingFrom struct {
	*net.TCPConn
	address net.Addr
}

func (l elsewhere) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return comingFrom{conn.(*net.TCPConn), net.TCPAddrFromAddrPort(netip.MustParseAddrPort(<-l.from))}, nil
}

func (c comingFrom) RemoteAddr() net.Addr { return c.address }

// TestConnectionsOfOneAddress: an address with as many connections as one may have is closed without a word, nobody else is, and it is
// counted, and told once.
func TestConnectionsOfOneAddress(t *testing.T) {
	t.Parallel()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var log lockedText
	registry, from := prometheus.NewRegistry(), make(chan string, 1)
	server := NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), nil, ServerOptions{Connections: 5, Metrics: registry,
		Addresses: traffic.NewConnections(2, []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}), Log: slog.New(slog.NewTextHandler(&log, nil))})
	serveOn(t, server, elsewhere{inner, from})
	// ask says whether it is answered, and holds the connection if it is.
	ask := func(address string) (net.Conn, bool) {
		t.Helper()
		from <- address
		conn, err := net.Dial("tcp", inner.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n") // may be too late
		answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			return conn, false
		}
		answer.Body.Close()
		return conn, answer.StatusCode == 200
	}
	first, ok := ask("198.51.100.7:1000")
	_, also := ask("198.51.100.7:1001")
	if !ok || !also {
		t.Fatal("the first two of an address are refused")
	}
	for range 3 {
		if _, ok := ask("198.51.100.7:1002"); ok {
			t.Error("the third of an address is answered")
		}
	}
	for _, address := range []string{"198.51.100.8:1", "10.9.9.9:1", "127.0.0.1:1"} {
		if _, ok := ask(address); !ok {
			t.Errorf("%s is refused because of another address", address)
		}
	}
	if _, ok := ask("198.51.100.9:1"); ok {
		t.Error("more are answered than places there are")
	}
	got, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]float64{}
	for _, family := range got {
		for _, m := range family.Metric {
			name := family.GetName()
			for _, label := range m.Label {
				name += " " + label.GetValue()
			}
			counts[name] = m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	if counts["mizan_http_connections_open"] != 5 || counts["mizan_http_connections_refused_total address"] != 3 || counts["mizan_http_connections_refused_total full"] != 1 {
		t.Errorf("it counts %v", counts)
	}
	if said := log.String(); strings.Count(said, "as many open as one may") != 1 || !strings.Contains(said, "latest=198.51.100.7/32 closed=1") || strings.Count(said, "level=WARN") != 2 {
		t.Errorf("the log says %s", said)
	}
	_ = first.Close()
	wait(t, func() bool {
		conn, ok := ask("198.51.100.7:1003")
		_ = conn.Close()
		return ok
	})
}

// lockedText takes text of several goroutines.
type lockedText struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lockedText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lockedText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// TestPlainHTTPWhereTLSIsSpoken: a request without TLS is told so, and what is neither ends without a word.
func TestPlainHTTPWhereTLSIsSpoken(t *testing.T) {
	t.Parallel()
	secure, _ := certified()
	address, _ := serve(t, http.NotFoundHandler(), nil, ServerOptions{TLS: secure})
	dial := dialer(address, nil)
	all := exchangeBy(t, dial, get("/v1/books"))
	if len(all) != 1 || all[0].StatusCode != 400 || all[0].code() != "malformed-request" || !strings.Contains(all[0].body, "https") {
		t.Errorf("plain HTTP is answered %v", all)
	}
	conn, err := dial()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "\x00\x00\x00\x00\x00 nothing of this\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if said, err := io.ReadAll(conn); len(said) > 0 || err != nil && errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("what is neither is answered %q (%v)", said, err)
	}
}
