package api

import (
	"io"
	"net"
	"strconv"
	"sync"
	"time"
)

// Connections are bounded, because each takes memory as long as it lives. Whoever comes when all are taken is told so in
// one piece of text, before anything of the request is read, and may come again.

const (
	defaultConnections = 4096
	// maxFarewells bounds the refused connections that are given time to read why.
	maxFarewells = 256
	farewellTime = time.Second
)

const tooManyProblem = `{"type":"/docs/problems#overloaded","title":"Overloaded","status":503,` +
	`"detail":"The service has more connections than it can keep. Send the same request again in a moment; nothing was posted.","code":"overloaded"}`

var tooManyConnections = "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/problem+json\r\nRetry-After: 1\r\nConnection: close\r\n" +
	"Content-Length: " + strconv.Itoa(len(tooManyProblem)) + "\r\n\r\n" + tooManyProblem

// boundedListener keeps at most so many connections open.
type boundedListener struct {
	net.Listener
	places    chan struct{}
	farewells chan struct{}
	// silent closes the connections that find no place without a word.
	silent bool
}

func boundListener(l net.Listener, connections int) *boundedListener {
	return &boundedListener{Listener: l, places: make(chan struct{}, connections), farewells: make(chan struct{}, maxFarewells)}
}

// Accept returns the next connection that finds a place.
func (l *boundedListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		select {
		case l.places <- struct{}{}:
			return &placedConn{Conn: conn, leave: sync.OnceFunc(func() { <-l.places })}, nil
		default:
			l.refuse(conn)
		}
	}
}

// refuse says why and closes. A connection closed with something unread in it is reset, and the caller may never see the
// text; so a bounded number of them is read from for a moment first.
func (l *boundedListener) refuse(conn net.Conn) {
	if l.silent {
		_ = conn.Close()
		return
	}
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
		if _, err := io.WriteString(conn, tooManyConnections); err != nil {
			return
		}
		if tcp, ok := conn.(*net.TCPConn); ok && tcp.CloseWrite() == nil {
			_, _ = io.CopyN(io.Discard, conn, bodyLimit)
		}
	}()
}

// placedConn gives its place back when it is closed.
type placedConn struct {
	net.Conn
	leave func()
}

// Close ends the connection.
func (c *placedConn) Close() error {
	defer c.leave()
	return c.Conn.Close()
}

// CloseWrite ends the sending half, which lets a caller read an answer that came before its body was taken.
func (c *placedConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}
