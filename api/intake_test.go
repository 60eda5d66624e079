package api

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"mizan/api/access"
)

// TestIntakeIsBounded lets callers announce bodies and send nothing yet: what finds no room is refused before its body is
// read, and the room comes back when the others end.
func TestIntakeIsBounded(t *testing.T) {
	t.Parallel()
	h := open(t, func(c *Config) { c.IntakeBytes = 100_000 })
	body := sale("R-1", "10.00") + strings.Repeat(" ", 1500)
	var slow []net.Conn
	end := func() {
		for _, conn := range slow {
			_ = conn.Close()
		}
	}
	defer end()
	wait(t, func() bool {
		for range 3 { // again each time, because the server ends whoever takes too long
			slow = append(slow, h.announce(t, testKey, 24_900))
		}
		a := h.do("POST", posting, body)
		if a.StatusCode != 503 {
			return false
		}
		if a.Header.Get("Retry-After") != "1" || !strings.Contains(a.body, `"overloaded"`) {
			t.Errorf("%v %s", a.Header, a.body)
		}
		return true
	})
	h.must(200, "GET", "/v1/books/uk", "") // reading goes on
	// A body of unknown length is weighed while it is read.
	wait(t, func() bool {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.server.URL+posting, io.MultiReader(strings.NewReader(body), strings.NewReader(strings.Repeat(" ", 200_000))))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+testKey)
		request.Header.Set("Content-Type", "application/json")
		answer, err := h.client.Do(request)
		if err != nil {
			return false // refused while it was still sending
		}
		defer func() { _ = answer.Body.Close() }()
		return answer.StatusCode == 503
	})
	end()
	wait(t, func() bool { return h.do("POST", posting, body).StatusCode < 300 })
	h.must(200, "POST", posting, body)
}

// announce begins a request with a body of so many bytes, and sends one of them.
func (h *house) announce(t *testing.T, key string, bytes int) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(h.server.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n{", posting, key, bytes)
	return conn
}

// TestIntakeIsShared lets one key announce bodies until it finds no room, and keep them back: another key still posts.
func TestIntakeIsShared(t *testing.T) {
	t.Parallel()
	h := open(t, func(c *Config) { c.IntakeBytes = 100_000 })
	_, greedy := h.key(access.NewKey{Name: "greedy", Scopes: []access.Scope{access.TransactionsWrite}})
	var slow []net.Conn
	defer func() {
		for _, conn := range slow {
			_ = conn.Close()
		}
	}()
	large := sale("R-1", "10.00") + strings.Repeat(" ", 15_000)
	wait(t, func() bool {
		for range 12 { // more than it can hold; again each time, because the server ends whoever takes too long
			slow = append(slow, h.announce(t, greedy, 8_000))
		}
		return h.as(greedy, "POST", posting, large).StatusCode == 503
	})
	h.must(201, "POST", posting, sale("R-2", "10.00")+strings.Repeat(" ", 15_000))
}

// wait asks until the answer is yes.
func wait(t *testing.T, yes func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !yes(); {
		if time.Now().After(end) {
			t.Fatal("it never came about")
		}
	}
}

// TestStrangersLeaveRoom shows that senders without a key hold a quarter of the room at most, and keys the rest.
func TestStrangersLeaveRoom(t *testing.T) {
	t.Parallel()
	in := newRoom(100)
	if !in.take("", 25) || in.take("", 1) {
		t.Error("strangers hold another part than a quarter")
	}
	if !in.take("key", 75) {
		t.Error("a key finds no room beside strangers")
	}
}
