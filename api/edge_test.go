package api

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"mizan/ledger/commerce"
)

// raw sends bytes as they are and reads one answer.
func (h *house) raw(request string) answer {
	h.t.Helper()
	conn, err := net.Dial("tcp", h.server.Listener.Addr().String())
	if err != nil {
		h.t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		h.t.Fatal(err)
	}
	// The server may answer and close before it has read everything.
	_, _ = io.WriteString(conn, request)
	method, _, _ := strings.Cut(request, " ")
	res, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		h.t.Fatalf("%.60q: %v", request, err)
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(res.Body)
	return answer{res, string(body)}
}

// get is a raw request line and headers of a GET with the static key.
func get(target string, headers ...string) string {
	return "GET " + target + " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + testKey + "\r\nConnection: close\r\n" +
		strings.Join(headers, "") + "\r\n"
}

// TestRequestIDs holds that an id of the caller's is kept if it is harmless, that everybody else gets one, whoever serves the path: the
// handbook below its address, and the console wherever nothing else is.
func TestRequestIDs(t *testing.T) {
	t.Parallel()
	says := func(who string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, who+" "+r.URL.Path) })
	}
	h := open(t, func(c *Config) { c.Console, c.Docs = says("console"), says("docs") })
	for path, want := range map[string]string{"/": "console /", "/console/x": "console /console/x", "/docs": "docs /docs", "/docs/api": "docs /docs/api", "/docsx": "console /docsx"} {
		if a := h.as("", "GET", path, ""); a.body != want || a.Header.Get("X-Request-Id") == "" {
			t.Errorf("%s: %d %s", path, a.StatusCode, a.body)
		}
	}
	for given, kept := range map[string]bool{"abc-DEF_1": true, strings.Repeat("a", 64): true, strings.Repeat("a", 65): false, "a b": false, "a;b": false, "é": false} {
		a := h.as("", "GET", "/v1/books", "", "X-Request-Id", given)
		got := a.Header.Get("X-Request-Id")
		if (got == given) != kept || got == "" || a.json(t)["request_id"] != got || a.json(t)["instance"] != "urn:mizan:request:"+got {
			t.Errorf("%q: %q in %s", given, got, a.body)
		}
	}
	if one, two := h.do("GET", "/livez", "").Header.Get("X-Request-Id"), h.do("GET", "/livez", "").Header.Get("X-Request-Id"); one == two {
		t.Error("two requests share an id")
	}
}

func TestLogSaysWhoAndWhatButNotMore(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.must(201, "POST", posting, strings.Replace(sale("secret-reference", "1.00"), `"event"`, `"memo":"secret memo","event"`, 1), "X-Request-Id", "find-me")
	h.do("GET", posting+"?subject=secret:subject", "")
	h.do("GET", "/secret/path", "")
	var found bool
	for line := range strings.Lines(h.log.String()) {
		var entry map[string]any
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatal(err)
		}
		if entry["request_id"] == "find-me" {
			found = true
			if entry["route"] != "/v1/books/{book}/transactions" || entry["status"] != 201.0 || entry["book"] != "uk" || entry["key_id"] != "static" || entry["method"] != "POST" {
				t.Errorf("the log says %s", line)
			}
		}
	}
	if !found || strings.Contains(h.log.String(), "secret") {
		t.Errorf("the log says %s", h.log.String())
	}
}

func TestPanicsAreProblems(t *testing.T) {
	t.Parallel()
	h := open(t, func(c *Config) {
		c.Console = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			panic(fmt.Errorf("secret of %s: %w", r.URL, errors.New(card)))
		})
	})
	a := h.refused(500, "internal", "GET", "/boom", "")
	if told := a.body + fmt.Sprint(a.Header) + h.log.String(); strings.Contains(told, "secret") || strings.Contains(told, card) || strings.Contains(told, "boom") || !strings.Contains(told, "edge_test.go") || !strings.Contains(told, `"type":"*fmt.wrapError"`) {
		t.Errorf("answered %s, logged %s", a.body, h.log.String())
	}
	h.must(200, "GET", "/livez", "")
}

func TestReadiness(t *testing.T) {
	t.Parallel()
	failing := errors.New("secret: the database is away")
	h := open(t, func(c *Config) {
		c.Ready = func(ctx context.Context) error {
			if _, ok := ctx.Deadline(); !ok {
				return errors.New("no deadline")
			}
			return failing
		}
	})
	a := h.refused(503, "not-ready", "GET", "/readyz", "")
	if a.Header.Get("Retry-After") != "1" || strings.Contains(a.body, "secret") {
		t.Errorf("%v %s", a.Header, a.body)
	}
	h.must(200, "GET", "/livez", "")
}

func TestConfigIsChecked(t *testing.T) {
	t.Parallel()
	h := open(t)
	good := Config{Ledger: h.ledger, Commerce: commerce.New(h.ledger, nil, h.clock.now), Rules: h.service.rules, Access: h.access, Now: h.clock.now}
	if _, err := New(good); err != nil {
		t.Error(err)
	}
	for _, spoil := range []func(*Config){
		func(c *Config) { c.Ledger = nil }, func(c *Config) { c.Commerce = nil }, func(c *Config) { c.Rules = nil }, func(c *Config) { c.Access = nil }, func(c *Config) { c.Now = nil }, func(c *Config) { c.CursorKey = []byte("short") },
	} {
		bad := good
		spoil(&bad)
		if _, err := New(bad); err == nil {
			t.Errorf("accepted %+v", bad)
		}
	}
}

func TestAccept(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]bool{
		"": false, "*/*": true, "application/json": true, "APPLICATION/JSON": true, "application/problem+json": true, "text/html": false, "text/html,*/*;q=0.1": true,
		"application/json;q=0": false, "application/json;q=0.0": false, "application/json;q=0.001": true, "application/json; charset=utf-8": true, "application/jsonx": false,
	} {
		if got := acceptsJSON([]string{header}); got != want {
			t.Errorf("%q: %v", header, got)
		}
	}
	if !acceptsJSON(nil) || !slices.Contains([]bool{acceptsJSON([]string{"text/html", "*/*"})}, true) {
		t.Error("no header, or a second one")
	}
}
