package api

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mizan/ledger"
)

// serve starts a Server on a loopback port. The returned function ends it and returns what Serve returned.
func serve(t *testing.T, handler http.Handler, closer func(context.Context) error, opts ServerOptions) (address string, end func() error) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return listener.Addr().String(), serveOn(t, NewServer(handler, closer, opts), listener)
}

// serveOn is serve on a listener.
func serveOn(t *testing.T, server *Server, listener net.Listener) (end func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error, 1)
	go func() { result <- server.Serve(ctx, listener) }()
	ended := false
	end = func() error {
		cancel()
		if ended {
			return nil
		}
		ended = true
		return <-result
	}
	t.Cleanup(func() { _ = end() })
	return end
}

// TestShutdownDrains ends a server in the middle of a posting: the posting is answered, then the ledger is closed, and
// nothing is accepted any more.
func TestShutdownDrains(t *testing.T) {
	t.Parallel()
	h := open(t)
	begun, finish := make(chan struct{}), make(chan struct{})
	var order []string
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(begun)
		<-finish
		h.service.edge(h.service.router).ServeHTTP(w, r)
		order = append(order, "answered")
	})
	address, end := serve(t, handler, func(ctx context.Context) error {
		order = append(order, "closed")
		return h.ledger.Close(ctx)
	}, ServerOptions{})
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	body := sale("r-1", "1.00")
	request := "POST " + posting + " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + testKey + "\r\nContent-Type: application/json\r\nContent-Length: "
	if _, err := io.WriteString(conn, request+itoa(len(body))+"\r\n\r\n"+body); err != nil {
		t.Fatal(err)
	}
	<-begun
	done := make(chan error, 1)
	go func() { done <- end() }()
	for refused := false; !refused; { // until the listener is closed
		other, err := net.Dial("tcp", address)
		if refused = err != nil; !refused {
			other.Close()
		}
	}
	close(finish)
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != 201 {
		t.Errorf("the posting under way is answered with %d", res.StatusCode)
	}
	if err := <-done; err != nil {
		t.Errorf("the end: %v", err)
	}
	if strings.Join(order, ",") != "answered,closed" {
		t.Errorf("the order was %v", order)
	}
	book, err := h.ledger.Book(t.Context(), "uk")
	if err != nil {
		t.Fatal(err)
	}
	if o := h.ledger.Post(t.Context(), book, ledger.Submission{Reference: "late", Drafts: []ledger.Draft{{
		Event: "order.delivered", Subject: "order:UK-1",
	}}}); Status(o.Err) != 503 {
		t.Errorf("posting after the end: %v", o.Err)
	}
}

func itoa(n int) string {
	if n < 10 {
		return string(rune('0' + n))
	}
	return itoa(n/10) + itoa(n%10)
}

func TestGraceEnds(t *testing.T) {
	t.Parallel()
	begun := make(chan struct{})
	handler := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(begun)
		<-r.Context().Done()
	})
	address, end := serve(t, handler, nil, ServerOptions{Grace: 50 * time.Millisecond})
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	<-begun
	if err := end(); err == nil {
		t.Error("a request that does not end was taken for an orderly end")
	}
}

// TestSlowCallers sends, plainly and by TLS, heads and bodies that never end, at once or a byte at a time, and asks nothing at all (H19, H20, H21, D17).
func TestSlowCallers(t *testing.T) {
	t.Parallel()
	h := open(t)
	options := ServerOptions{HeaderTimeout: 200 * time.Millisecond, ReadTimeout: 400 * time.Millisecond, IdleTimeout: 200 * time.Millisecond}
	address, _ := serve(t, h.service.edge(h.service.router), nil, options)
	secure, trusting := certified()
	options.TLS = secure
	private, _ := serve(t, h.service.edge(h.service.router), nil, options)
	dials := map[string]func() (net.Conn, error){"plainly": dialer(address, nil), "by TLS": dialer(private, trusting)}
	before := h.state()
	head := "POST " + posting + " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + testKey + "\r\nContent-Type: application/json\r\nContent-Length: 500\r\n"
	var callers sync.WaitGroup
	for name, c := range map[string]struct {
		sent, drip string
		// begins is how all that is answered begins; empty if the connection ends without a word, as net/http does it to heads.
		begins string
	}{
		"H19 a head that stops": {head, "", ""}, "H19 a head of a byte at a time": {head + "X-A: ", "a", ""}, "H19 nothing": {"", "", ""},
		"H20 a body that stops": {head + "\r\n{\"reference\"", "", "HTTP/1.1 408 "}, "H20 a body of a byte at a time": {head + "\r\n{\"reference\":\"", "a", "HTTP/1.1 408 "},
		"H21 a connection on which nothing more is asked": {"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n", "", "HTTP/1.1 200 "},
	} {
		for way, dial := range dials {
			callers.Go(func() {
				got, err := dripped(dial, c.sent, c.drip)
				if err != nil || !strings.HasPrefix(got, c.begins) || c.begins == "" && got != "" || strings.HasPrefix(name, "H20") && !strings.Contains(got, `"code":"timeout"`) {
					t.Errorf("%s, %s: %v %.300q", name, way, err, got)
				}
			})
		}
	}
	callers.Wait()
	if diff := cmp.Diff(before, h.state()); diff != "" {
		t.Errorf("something changed: %s", diff)
	}
}

// dripped sends a text and then one more piece of it at a time, and returns what is answered until the server ends the connection.
func dripped(dial func() (net.Conn, error), text, drip string) (string, error) {
	conn, err := dial()
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, text); err != nil {
		return "", err
	}
	var got []byte
	part := make([]byte, 4096)
	for began := time.Now(); time.Since(began) < 10*time.Second; {
		if err := conn.SetReadDeadline(time.Now().Add(20 * time.Millisecond)); err != nil {
			return "", err
		}
		n, err := conn.Read(part)
		got = append(got, part[:n]...)
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			return string(got), nil
		}
		_, _ = io.WriteString(conn, drip) // may be too late
	}
	return string(got), errors.New("the connection is still open")
}
