package api

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mizan/api/access"
	"mizan/api/console"
	"mizan/api/docs"
)

// Group H of the bad inputs, by the numbers of the project's list of them: what reaches the server before it knows who asks, over
// sockets and byte by byte. H14 is also tried in caller_test.go, H19 and H20 in server_test.go, H21 in connections_test.go, and H26 in
// page_headers_test.go and caller_test.go.

// badHTTP is one request, or several behind one another, and how they are answered.
type badHTTP struct {
	name, request string
	// statuses are those of all answers until the server ends the connection.
	statuses []int
	// code is that of the problem in the last answer; empty for none, and for what a page answers.
	code string
	// header is a header of the last answer as "Name: value".
	header string
}

// exchange sends a request as it is and returns all that is answered until the server ends the connection, which it must do before ten
// seconds are over.
func exchange(t testing.TB, address, request string) []answer {
	t.Helper()
	return exchangeBy(t, dialer(address, nil), request)
}

// exchangeBy is exchange over another connection.
func exchangeBy(t testing.TB, dial func() (net.Conn, error), request string) []answer {
	t.Helper()
	conn, err := dial()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	// The server may answer and close before it has read everything.
	_, _ = io.WriteString(conn, request)
	reader := bufio.NewReader(conn)
	method, _, _ := strings.Cut(request, " ")
	var all []answer
	for {
		res, err := http.ReadResponse(reader, &http.Request{Method: method})
		if err != nil {
			// net/http does not read on behind what it refuses, so its end may come as a reset.
			if !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) && (len(all) == 0 || !errors.Is(err, syscall.ECONNRESET)) {
				t.Errorf("%.60q: after %d answers: %v", request, len(all), err)
			}
			return all
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil {
			t.Errorf("%.60q: %v", request, err)
		}
		all, method = append(all, answer{res, string(body)}), http.MethodGet
	}
}

// asking is a request with the static key on a connection that may stay open.
func asking(method, target string, headers ...string) string {
	return method + " " + target + " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + testKey + "\r\n" + strings.Join(headers, "") + "\r\n"
}

// lastly has the server end the connection by the wish of the caller.
const lastly = "Connection: close\r\n"

// framed is a posting with the headers given instead of its length, and the body given.
func framed(headers, body string) string {
	return asking("POST", posting, "Content-Type: application/json\r\n", headers) + body
}

// behindIt is a request that must never be read behind another one.
var behindIt = get("/v1/books")

// oneStatus is for requests that are answered once.
func oneStatus(status int, code string, requests map[string]string) (list []badHTTP) {
	for name, request := range requests {
		list = append(list, badHTTP{name: name, request: request, statuses: []int{status}, code: code})
	}
	return list
}

func badPaths() []badHTTP {
	list := oneStatus(404, "not-found", map[string]string{
		"H01 under the API": get("/v1/unknown"), "H01 the API itself": get("/v1"), "H01 with a slash behind it": get("/v1/books/"), "H01 a method nobody has": strings.Replace(get("/v1/unknown"), "GET", "BREW", 1),
		"H06 double slashes": get("//v1//books"), "H06 double slashes within": get("/v1//books"), "H06 double slashes, encoded": get("/v1/%2fbooks"),
		"H07 encoded dots": get("/v1/books/%2e%2e/admin"), "H07 dots": get("/v1/books/../books"), "H07 one dot": get("/v1/./books"), "H07 dots in the handbook": get("/docs/../v1/books"),
		"H07 dots to a file": get("/docs/assets/%2e%2e/%2e%2e/etc/passwd"), "H07 dots with encoded slashes": get("/docs/..%2f..%2fetc%2fpasswd"),
		"H09 a backslash": get(`/\evil.example/`), "H09 a backslash, encoded": get("/%5cevil.example"), "H09 two slashes": get("//evil.example/%2e%2e"), "H09 a backslash under the API": get("/v1/books/%5cevil"),
		"H22 the greeting of HTTP/2": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "the server as a whole": strings.Replace(get("*"), "GET", "OPTIONS", 1), "a tunnel": "CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n" + lastly + "\r\n",
		"H13 another host in the line, with a path of its own": get("http://evil.example//v1/books"),
	})
	list = append(list, oneStatus(404, "", map[string]string{"H01 a page": get("/unknown"), "H01 a page of the handbook": get("/docs/unknown"), "H01 a receipt": get("/r/uk-none"), "H09 a page": get("/console%2f%2fevil.example")})...)
	list = append(list, oneStatus(400, "malformed-request", map[string]string{
		"H08 a zero byte": get("/v1/books/uk%00"), "H08 a zero byte in a page": get("/docs/a%00b"), "H08 a line break": get("/v1/books/u%0ak"), "H08 no UTF-8": get("/v1/books/%ff"), "H08 an escape of pages": get("/r/%1b%5b2J"),
		"H23 a parameter twice": get("/v1/books?limit=1&limit=2"), "H23 a parameter twice, once encoded": get("/v1/books?limit=1&%6cimit=1"), "H24 an unknown parameter": get("/v1/books?nothing=1"),
		"H24 a known one in capitals": get("/v1/books?Limit=1"), "H24 a semicolon between": get("/v1/books?limit=1;x=2"), "H24 no such escape": get("/v1/books?limit=%zz"), "H15 a method in the query": get("/v1/books?_method=DELETE"),
	})...)
	return append(list,
		badHTTP{"H01 a slash that is no other segment", get("/v1/books/uk%2ftransactions"), []int{404}, "book-unknown", ""},
		badHTTP{"H10 an address of 8 KiB and one byte", get("/v1/" + strings.Repeat("a", maxURI-3)), []int{414}, "uri-too-long", ""},
		badHTTP{"H10 an address of 8 KiB", get("/v1/" + strings.Repeat("a", maxURI-4)), []int{404}, "not-found", ""},
		badHTTP{"H10 a long query of a page", get("/docs?" + strings.Repeat("a", maxURI)), []int{414}, "uri-too-long", ""},
		badHTTP{"H10 an address that is longer than all headers may be", get("/v1/" + strings.Repeat("a", 40<<10)), []int{431}, "headers-too-large", ""},
		badHTTP{"H08 an escape that is none", get("/v1/books/%zz"), []int{400}, "malformed-request", ""}, badHTTP{"H08 a blank in the line", get("/v1/books /x"), []int{400}, "malformed-request", ""},
		badHTTP{"H01 the handbook with a slash behind it", get("/docs/"), []int{301}, "", "Location: /docs"},
	)
}

func badMethods() []badHTTP {
	var list []badHTTP
	for _, method := range []string{"DELETE", "OPTIONS", "BREW", "get", "PATCH"} {
		list = append(list, badHTTP{"H02 " + method, asking(method, "/v1/books", lastly), []int{405}, "method-not-allowed", "Allow: GET, HEAD, POST"})
	}
	for _, path := range []string{"/", "/docs", "/console", "/sign-in", "/c/uk-none", "/assets/none.css"} {
		list = append(list, badHTTP{"H03 TRACE of a page", asking("TRACE", path, lastly), []int{405}, "", "Allow: GET, HEAD"}, badHTTP{"H02 DELETE of a page", asking("DELETE", path, lastly), []int{405}, "", "Allow: GET, HEAD"})
	}
	preflight := "Origin: https://evil.example\r\nAccess-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: authorization\r\n"
	return append(list,
		badHTTP{"H02 PUT", asking("PUT", "/v1/books/uk/events/batch", lastly), []int{405}, "method-not-allowed", "Allow: POST"},
		badHTTP{"H03 TRACE", asking("TRACE", "/v1/books", lastly), []int{405}, "method-not-allowed", "Allow: GET, HEAD, POST"},
		badHTTP{"H04 HEAD and then GET", asking("HEAD", "/v1/books") + behindIt, []int{200, 200}, "", ""}, badHTTP{"H04 HEAD of a page", asking("HEAD", "/docs") + behindIt, []int{200, 200}, "", ""},
		badHTTP{"H04 HEAD of nothing", asking("HEAD", "/v1/unknown") + behindIt, []int{404, 200}, "", ""}, badHTTP{"H04 HEAD of a sign-in", asking("HEAD", "/sign-in") + behindIt, []int{200, 200}, "", ""},
		badHTTP{"H05 XML", get("/v1/books", "Accept: text/xml\r\n"), []int{406}, "not-acceptable", ""}, badHTTP{"H05 all but JSON", get("/v1/books", "Accept: application/json;q=0\r\n"), []int{406}, "not-acceptable", ""},
		badHTTP{"H05 JSON last", get("/v1/books", "Accept: text/html, application/*;q=0.5\r\n"), []int{200}, "", ""},
		badHTTP{"H15 another method", get("/v1/books", "X-HTTP-Method-Override: DELETE\r\nX-Method-Override: PUT\r\nX-HTTP-Method: PATCH\r\n"), []int{200}, "", ""},
		badHTTP{"H15 another path", get("/v1/unknown", "X-Original-URL: /v1/books\r\nX-Rewrite-URL: /v1/books\r\nX-Forwarded-Prefix: /v1/books\r\n"), []int{404}, "not-found", ""},
		badHTTP{"H25 a page elsewhere", get("/v1/books", "Origin: https://evil.example\r\n"), []int{200}, "", ""}, badHTTP{"H25 no page", get("/v1/books", "Origin: null\r\n"), []int{200}, "", ""},
		badHTTP{"H25 it asks before", asking("OPTIONS", posting, preflight, lastly), []int{405}, "method-not-allowed", "Allow: GET, HEAD, POST"},
		badHTTP{"H25 it asks a page before", asking("OPTIONS", "/console", preflight, lastly), []int{405}, "", "Allow: GET, HEAD"},
		badHTTP{"H26 a form of a page elsewhere, without a session", asking("POST", "/sign-out", "Origin: https://evil.example\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 3\r\n", lastly) + "x=y", []int{403}, "", ""},
		badHTTP{"H26 a form that is taken for a posting", asking("POST", posting, "Content-Type: text/plain\r\n", "Content-Length: 2\r\n", lastly) + "{}", []int{415}, "unsupported-media-type", ""},
	)
}

func badHeads() []badHTTP {
	// What net/http refuses by itself is answered with a problem too, and nothing of it is served.
	list := oneStatus(400, "malformed-request", map[string]string{
		"H13 no host": "GET /v1/books HTTP/1.1\r\n\r\n", "H13 two hosts": get("/v1/books", "Host: evil.example\r\n"), "H13 a host that is none": strings.Replace(get("/v1/books"), "Host: x", "Host: a b", 1),
		"H17 folded from the first line on": "GET /v1/books HTTP/1.1\r\n Host: x\r\n\r\n", "H17 folded without a name": "GET /v1/books HTTP/1.1\r\nHost: x\r\nX-A\r\n : b\r\n\r\n",
		"H16 a blank before the colon": framed("Content-Length : 2\r\n", "{}"), "H16 a zero byte in a header": get("/v1/books", "X-A: b\x00c\r\n"), "H16 a line end within a header": get("/v1/books", "X-A: b\rX-B: c\r\n"),
		"H16 a header without a name": get("/v1/books", ": b\r\n"), "H16 no version": "GET /v1/books\r\n\r\n", "H16 a version that is none": "GET /v1/books HTTP/11.1\r\nHost: x\r\n\r\n", "H16 nothing at all": "\r\n\r\n", "H16 a handshake of TLS": "\x16\x03\x01\x02\x00\r\n\r\n",
	})
	list = append(list, oneStatus(505, "http-version", map[string]string{"H22 HTTP/2 in words": "GET /v1/books HTTP/2.0\r\nHost: x\r\n\r\n", "H22 HTTP/0.9 with a version": "GET /v1/books HTTP/0.9\r\nHost: x\r\n\r\n"})...)
	for lines, status := range map[int]int{100: 200, 101: 431} { // with the four of get
		list = append(list, badHTTP{"H12 as many headers as there may be, and one more", get("/v1/books", strings.Repeat("X-A: 1\r\n", lines-2)), []int{status}, map[int]string{431: "headers-too-large"}[status], ""})
	}
	return append(list,
		badHTTP{"I23 a token that is longer than all headers may be", strings.Replace(get("/v1/books"), testKey, "eyJ"+strings.Repeat("a.", 32<<10), 1), []int{431}, "headers-too-large", ""},
		badHTTP{"H14 the figures of the service, through a proxy", "GET /metrics HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 127.0.0.1\r\n" + lastly + "\r\n", []int{404}, "not-found", ""},
		badHTTP{"H11 64 KiB of headers", get("/v1/books", "X-Big: "+strings.Repeat("x", 64<<10)+"\r\n"), []int{431}, "headers-too-large", ""},
		badHTTP{"H11 a head that never ends", "GET /v1/books HTTP/1.1\r\n" + strings.Repeat("X-A: "+strings.Repeat("x", 100)+"\r\n", 600), []int{431}, "headers-too-large", ""},
		badHTTP{"H12 1,000 headers", get("/v1/books", strings.Repeat("X-A: 1\r\n", 1000)), []int{431}, "headers-too-large", ""},
		badHTTP{"H13 another host in the line", get("http://evil.example/v1/books"), []int{200}, "", ""},
		badHTTP{"H17 a folded header is one header", get("/v1/unknown", "X-Request-Id: abc\r\n Content-Length: 5\r\n"), []int{404}, "not-found", ""},
		badHTTP{"H22 an upgrade to HTTP/2", get("/v1/books", "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\nConnection: Upgrade, HTTP2-Settings\r\n"), []int{200}, "", ""},
		badHTTP{"H22 an upgrade to a socket", get("/v1/books", "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"), []int{200}, "", ""},
		badHTTP{"H16 an expectation that nobody meets", get("/v1/books", "Expect: 200-maybe\r\n"), []int{417}, "expectation-unknown", ""},
		badHTTP{"H16 two requests, and both are meant", asking("GET", "/v1/unknown") + behindIt, []int{404, 200}, "", ""},
		badHTTP{"H16 a length of GET, and what stands there is no request", asking("GET", "/v1/books", fmt.Sprintf("Content-Length: %d\r\n", len(behindIt)), lastly) + behindIt, []int{200}, "", ""},
	)
}

// badFrames are bodies whose end each reader could believe elsewhere. Only one is ever read, and behind it the connection ends.
func badFrames() []badHTTP {
	list := oneStatus(400, "malformed-request", map[string]string{
		"H16 two lengths": framed("Content-Length: 5\r\nContent-Length: 6\r\n", "hello!"), "H16 two lengths in one": framed("Content-Length: 2, 2\r\n", "{}"), "H16 a length with a sign": framed("Content-Length: +2\r\n", "{}"),
		"H16 a length below nothing": framed("Content-Length: -1\r\n", "{}"), "H16 a length in hexadecimal digits": framed("Content-Length: 0x2\r\n", "{}"), "H16 no length at all": framed("Content-Length:\r\n", "{}"),
		"H16 a length beyond numbers": framed("Content-Length: 99999999999999999999\r\n", "{}"), "H16 chunks and a length that is none": framed("Content-Length: x\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
	})
	list = append(list, oneStatus(501, "transfer-encoding-unknown", map[string]string{
		"H18 an encoding that is none": framed("Transfer-Encoding: xchunked\r\n", ""), "H18 two encodings": framed("Transfer-Encoding: gzip, chunked\r\n", ""), "H18 chunked twice": framed("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", ""),
		"H18 chunked and not": framed("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", ""), "H18 chunked in quotes": framed("Transfer-Encoding: \"chunked\"\r\n", ""), "H18 nothing": framed("Transfer-Encoding:\r\n", ""),
	})...)
	for name, body := range map[string]string{
		"H16 a length and chunks": "0\r\n\r\n" + behindIt, "H16 a chunk of a length that is none": "zz\r\n{}\r\n0\r\n\r\n", "H16 a chunk below nothing": "-1\r\n{}\r\n0\r\n\r\n", "H16 a chunk beyond numbers": "fffffffffffffffff\r\n{}\r\n0\r\n\r\n",
		"H16 a chunk that is longer than it says": "1\r\n{}\r\n0\r\n\r\n" + behindIt, "H16 a chunk ended by half a line end": "2\n{}\r\n0\r\n\r\n" + behindIt, "H16 a chunk with a length that it hides": "2;" + strings.Repeat("a", 20<<10) + "\r\n{}\r\n0\r\n\r\n",
		"H16 a trailer that is a key": "2\r\n{]\r\n0\r\nAuthorization: Bearer x\r\n\r\n" + behindIt,
	} {
		length := ""
		if name == "H16 a length and chunks" || strings.Contains(name, "hides") {
			length = "Content-Length: 3\r\n"
		}
		list = append(list, badHTTP{name: name, request: framed(length+"Transfer-Encoding: chunked\r\n", body), statuses: []int{400}, header: "Connection: close"})
	}
	old := strings.Replace(framed("Transfer-Encoding: chunked\r\nConnection: keep-alive\r\n", "0\r\n\r\n"+behindIt), "HTTP/1.1", "HTTP/1.0", 1)
	return append(list,
		badHTTP{"H16 chunks of a version that has none", old, []int{400}, "malformed-json", "Connection: close"},
		badHTTP{"H16 HTTP/1.0 that would stay", strings.Replace(asking("GET", "/v1/books", "Connection: keep-alive\r\n"), "HTTP/1.1", "HTTP/1.0", 1) + behindIt, []int{200}, "", "Connection: close"},
		badHTTP{"H16 HTTP/1.0 without a host", "GET /livez HTTP/1.0\r\n\r\n", []int{200}, "", ""},
		badHTTP{"H16 a length twice, but the same", framed("Content-Length: 2\r\nContent-Length: 2\r\n"+lastly, "{]"), []int{400}, "malformed-json", ""},
	)
}

func TestBadHTTP(t *testing.T) {
	t.Parallel()
	h := open(t, func(c *Config) {
		c.Console = console.New(console.Config{Ledger: c.Ledger, Access: c.Access, Desk: c.Desk, Trail: c.Trail, Commerce: c.Commerce, Vault: c.Vault, Receipts: c.Receipts, Now: c.Now, Log: c.Log})
		c.Docs = docs.Handler(func() []byte { return []byte(`{"openapi":"3.1.0","info":{"title":"T","version":"1"},"paths":{}}`) })
	})
	h.must(201, "POST", "/v1/books/uk/payees", `{"id":"cre_amy","kind":"creator","country":"UK","currency":"GBP"}`)
	address, _ := serve(t, h.service.handler(), nil, ServerOptions{})
	secure, trusting := certified()
	private, _ := serve(t, h.service.handler(), nil, ServerOptions{TLS: secure})
	byTLS := dialer(private, trusting)
	before := h.state()
	tried := 0
	for _, group := range [][]badHTTP{badPaths(), badMethods(), badHeads(), badFrames()} {
		for _, c := range group {
			tried++
			// The second time by TLS, which must make no difference.
			if first, again := c.check(t, exchange(t, address, c.request)), c.check(t, exchangeBy(t, byTLS, c.request)); first != again {
				t.Errorf("%s: another answer:\n%s\n%s", c.name, first, again)
			}
		}
	}
	if tried < 120 {
		t.Errorf("only %d were tried", tried)
	}
	if strings.Contains(h.log.String(), `"status":5`) {
		t.Error("the service answered with a 5xx")
	}
	behindAProxy(t, address)
	if diff := cmp.Diff(before, h.state()); diff != "" {
		t.Errorf("something changed: %s", diff)
	}
	h.hostsAreNotRepeated(address)
}

// behindAProxy sends all that as a proxy does which hands on what it gets byte by byte, takes one answer for it, and uses the connection for
// the next visitor if the answer does not end it. That one's request is answered as ever: nothing of the one is read as another.
func behindAProxy(t *testing.T, address string) {
	t.Helper()
	next := asking("GET", "/livez")
	dial, kept := dialer(address, nil), 0
	for _, group := range [][]badHTTP{badHeads(), badFrames()} {
		for _, c := range group {
			if len(c.statuses) > 1 { // the proxy would be wrong to take one answer
				continue
			}
			conn, err := dial()
			if err != nil {
				t.Fatal(err)
			}
			if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
				t.Fatal(err)
			}
			reader := bufio.NewReader(conn)
			answer := func(request string) (res *http.Response, body []byte, err error) {
				_, _ = io.WriteString(conn, request) // which may end the connection before all of it was sent
				if res, err = http.ReadResponse(reader, &http.Request{Method: http.MethodGet}); err == nil {
					body, err = io.ReadAll(res.Body)
				}
				return res, body, err
			}
			if res, _, err := answer(strings.Replace(c.request, lastly, "", 1)); err == nil && !res.Close {
				kept++
				if res, body, err := answer(next); err != nil || res.StatusCode != http.StatusOK || !strings.Contains(string(body), "ok") || strings.Contains(string(body), "data") {
					t.Errorf("%s: the next visitor is answered %v %.300s, %v", c.name, res, body, err)
				}
			}
			conn.Close()
		}
	}
	if kept < 5 {
		t.Errorf("only %d connections were used again", kept)
	}
}

// check holds answers against what is wanted, and returns the last one's body without what differs each time.
func (c *badHTTP) check(t *testing.T, all []answer) string {
	t.Helper()
	got := make([]int, len(all))
	for i, a := range all {
		got[i] = a.StatusCode
	}
	if diff := cmp.Diff(c.statuses, got); diff != "" {
		t.Errorf("%s: %s", c.name, diff)
		return ""
	}
	last := all[len(all)-1]
	if c.code != "" && (last.Header.Get("Content-Type") != "application/problem+json" || last.code() != c.code || last.json(t)["status"] != float64(last.StatusCode)) {
		t.Errorf("%s: want %s: %v %.300s", c.name, c.code, last.Header, last.body)
	}
	if name, value, ok := strings.Cut(c.header, ": "); ok && last.Header.Get(name) != value && !(name == "Connection" && last.Close) {
		t.Errorf("%s: want %s: %v", c.name, c.header, last.Header)
	}
	for i, a := range all {
		ours := a.Header.Get("X-Request-Id") != ""
		if i == 0 && strings.HasPrefix(c.request, "HEAD ") && (a.body != "" || a.Header.Get("Content-Length") == "0") {
			t.Errorf("%s: %v %q", c.name, a.Header, a.body)
		}
		for name := range a.Header {
			if strings.HasPrefix(name, "Access-Control-") || name == "Upgrade" || name == "Location" && !strings.HasPrefix(c.header, "Location") {
				t.Errorf("%s: %s is %q", c.name, name, a.Header.Get(name))
			}
		}
		if ours && (a.Header.Get("X-Content-Type-Options") != "nosniff" || a.Header.Get("Cache-Control") == "") || strings.Contains(a.body, "evil") {
			t.Errorf("%s: %v %.300s", c.name, a.Header, a.body)
		}
	}
	if last.Header.Get("X-Request-Id") == "" {
		return last.body
	}
	return fmt.Sprint(last.StatusCode, withoutID(last))
}

// hostsAreNotRepeated is H13: whatever somebody calls this service, in whichever header, no answer leads there. H14 is beside it: who says
// that they come from elsewhere each time is counted by where they do come from.
func (h *house) hostsAreNotRepeated(address string) {
	h.t.Helper()
	_, session := h.staff("admin")
	head := "Host: evil.example\r\nX-Forwarded-Host: evil.example\r\nX-Forwarded-Proto: gopher\r\nX-Host: evil.example\r\nForwarded: host=evil.example;proto=gopher\r\nReferer: http://evil.example//evil.example/x\r\n" + lastly
	signedIn := "Cookie: " + access.CookiePlain + "=" + session + "\r\n"
	form, nothing := "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 7\r\n\r\nlang=ar", "\r\n"
	link := "Authorization: Bearer " + testKey + "\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
	for line, rest := range map[string]string{
		"GET /": nothing, "GET /docs": nothing, "GET /docs/": nothing, "GET /docs/index": nothing, "GET /docs/api": nothing, "GET /openapi.json": nothing, "GET /sign-in": nothing, "GET /portal": nothing, "GET /console/people": nothing,
		"GET /none": nothing, "GET /r/uk-none": nothing, "GET /c/uk-none": nothing, "GET /console": signedIn + nothing, "GET /console/keys": signedIn + nothing, "POST /language": form, "GET /v1/none": nothing,
		"POST /v1/books/uk/payees/cre_amy/sign_in_links": link,
	} {
		a := exchange(h.t, address, line+" HTTP/1.1\r\n"+head+rest)
		if len(a) != 1 || a[0].StatusCode >= 500 || a[0].StatusCode == 422 {
			h.t.Fatalf("H13: %s: %v", line, a)
		}
		if strings.Contains(a[0].body, "evil.") || strings.Contains(a[0].body, "gopher:") || strings.Contains(fmt.Sprint(a[0].Header), "evil.") {
			h.t.Errorf("H13: %s leads elsewhere: %v %.300s", line, a[0].Header, a[0].body)
		}
		if to := a[0].Header.Get("Location"); a[0].StatusCode/100 == 3 && (!strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//")) {
			h.t.Errorf("H13: %s leads to %q", line, to)
		}
	}
	waits := 0
	for i := range 120 {
		a := exchange(h.t, address, fmt.Sprintf("GET /v1/books HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer nonsense\r\nX-Forwarded-For: 198.51.100.%d\r\nX-Real-IP: 198.51.100.%d\r\nForwarded: for=198.51.100.%d\r\n%s\r\n", i, i, i, lastly))
		if len(a) == 1 && a[0].StatusCode == 429 {
			waits++
		}
	}
	if waits != 20 {
		h.t.Errorf("H14: %d of 120 attempts were told to wait, want 20", waits)
	}
}
