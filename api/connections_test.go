package api

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// TestConnectionsAreBounded takes all places and is told so, then leaves one and is served.
func TestConnectionsAreBounded(t *testing.T) {
	t.Parallel()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := boundListener(inner, 2)
	served := make(chan error, 1)
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "served") })}
	go func() { served <- server.Serve(l) }()
	defer func() {
		_ = server.Close()
		<-served
	}()
	ask := func() (net.Conn, int, string, http.Header) {
		t.Helper()
		conn, err := net.Dial("tcp", inner.Addr().String())
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
}
