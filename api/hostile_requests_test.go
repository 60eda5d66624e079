package api

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Requests that grow from working ones. Each follows from the seed and its number alone, given what there is in the books.

// target is something that can be asked for, as it works: an operation, or a page with its form.
type target struct {
	op           *Operation // nil for a page
	method, path string
	body, media  string
	foreign      string // the path with objects of which there are none in the book
}

// hostileRequest is one request, byte by byte.
type hostileRequest struct {
	number uint64
	caller int // who sends it, of the world's callers
	target *target
	method string
	text   string
	// alone says that the connection ends with it, because nobody can tell where it ends.
	alone bool
	// torn says that it may end before it should, so that the connection ends with what is sent.
	torn bool
	// spoiled says that it is broken so that it cannot be accepted.
	spoiled bool
}

// hostileHeaders are lines that some reader believes, or stumbles over.
var hostileHeaders = []string{
	"X-Request-Id: ../../x", "X-Request-Id: " + strings.Repeat("a", 65), "X-Forwarded-For: 127.0.0.1", "X-Forwarded-Host: evil.example", "X-Original-URL: /v1/books", "X-HTTP-Method-Override: DELETE", "Accept: text/xml", "Accept: */*;q=0", "Accept: application/json;q=2;q=",
	"Accept-Language: " + strings.Repeat("de,", 300), "Accept-Language: ar", "Accept-Encoding: gzip, br;q=0, *", "Content-Encoding: gzip", "Content-Encoding: identity", "Content-Type: text/plain", "Content-Type: application/json; charset=utf-7", "Content-Type: multipart/form-data; boundary=x",
	"Content-Type: application/x-www-form-urlencoded", "Content-Type:", "Content-Type: application/json\r\nContent-Type: text/csv", "Range: bytes=0-0,5-,-1", "If-Match: *", "If-None-Match: *", "If-None-Match: \"x\", W/\"y\"", "If-Modified-Since: yesterday", "Last-Event-ID: 99999999999999999999",
	"Idempotency-Key: " + sentCanary, "Idempotency-Key: x\r\nIdempotency-Key: y", "User-Agent: " + sentCanary, "Referer: http://evil.example/" + liveMarkup, "Origin: null", "Origin: http://x", "Sec-Fetch-Site: cross-site", "Cookie: a=b; theme=" + strings.Repeat("c", 4000),
	"Cookie: lang=" + liveMarkup, "Cookie: __Host-mizan=ms_" + strings.Repeat("A", 43), "X-A: " + strings.Repeat("b", 9000), strings.TrimSuffix(strings.Repeat("X-A: 1\r\n", 110), "\r\n"), "Connection: X-A, keep-alive", "Upgrade: h2c", "Stripe-Signature: t=1,v1=00", "Stripe-Signature: t=,v1=",
	"X-Shopify-Hmac-Sha256: ====", "X-A: \x80\xff", "Via: 1.1 x", "Max-Forwards: 0", "Forwarded: for=\"[::1]\"", "Te: trailers", "Trailer: Authorization", "Priority: u=0, i", "Expect: 200-maybe",
}

// hostileSegments stand where a path names something.
var hostileSegments = []string{
	"..", ".", "%2e%2e", "%2f", "%5c", "%00", "%ff", "%c0%af", "%", "%zz", "%0d%0aX-A:b", "", "*", "null", "0", "-1", "99999999999999999999", "1e9", "zz", "UK", "vn", "vn-1", "uk-0", "uk-99999999999999999999", "uk-01", "%F0%9F%98%80", "%D9%A3", ";x=y", "a%3Ab", "assets%3Aprocessor", "%27%20OR%201=1", "2026-13",
	"2026-11-20", strings.Repeat("a", 300), strings.Repeat("a", 8100), "%E2%80%AE", "ap_zzzzzzzzzzzzzzzz", "<x>", "payee:cre_amy", "payee%3Acre_bob", "cre_bob", "cre_vy", "GBP", "Yvonne%20Sent-Canary",
}

// hostileQueries are values of parameters.
var hostileQueries = []string{
	"", "0", "-1", "1", "1000", "1001", "99999999999999999999", "1e3", "%00", "%ff", "null", "true", "asc", "desc", "GBP", "gbp", "XXX", "2026-11", "2026-00", "2026-11-20", "2026-11-20T10:00:00Z", "9999-12-31T23:59:59Z", "2026-11-20T10:00:00%2B14:00", "2026-11-31", "cre_amy", "cre_vy", "uk-1", "vn-1", "UK-1001", "%25", "_%25_",
	"%27", "%E2%80%8B", strings.Repeat("a", 300), strings.Repeat("%F0%9F%98%80", 80), "AAAA", "eyJhIjoxfQ", "Yvonne%20Sent-Canary", "4242424242424242", "liabilities:", "assets:processor:pending:stripe_uk", "open", "creator", "csv", "json", "%3Cscript%3Ex77%3C/script%3E", "a&b=c", "..%2F", "15.00", "GBP+15.00", "order:UK-1",
}

var hostileMethods = []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW", "get", "PROPFIND", "QUERY"}

// request makes the request of a number.
func (w *hostileWorld) request(number uint64) hostileRequest {
	r := rand.New(rand.NewPCG(w.seed, number))
	t := &w.targets[r.IntN(len(w.targets))]
	if len(w.posts) > 0 && r.IntN(3) == 0 { // what changes something is changed more often
		t = w.posts[r.IntN(len(w.posts))]
	}
	q := hostileRequest{number: number, caller: r.IntN(len(w.callers)), target: t, method: t.method}
	if r.IntN(2) == 0 {
		q.caller = len(w.callers) - 1 - r.IntN(2) // who may do everything reaches furthest
	}
	path, body := t.path, t.body
	path, query, _ := strings.Cut(path, "?")
	head := []string{"Host: x"}
	framing, bodyHeader := "", ""
	if body != "" {
		bodyHeader = "Content-Type: " + t.media
	}
	if given := w.callers[q.caller].header; given != "" {
		head = append(head, given)
	}
	if t.op == nil && t.method == http.MethodPost {
		head = append(head, "Origin: http://x", "Sec-Fetch-Site: same-origin")
	}
	if t.op != nil && t.op.Signed {
		list := w.messages["stripe"]
		if strings.HasSuffix(t.path, "shopify") {
			list = w.messages["shopify"]
		}
		body = list[r.IntN(len(list))]
	}
	for range r.IntN(4) {
		switch r.IntN(12) {
		case 0:
			if r.IntN(3) == 0 {
				q.method = hostileMethods[r.IntN(len(hostileMethods))]
			}
		case 1:
			segments := strings.Split(path, "/")
			segments[r.IntN(len(segments)-1)+1] = hostileSegments[r.IntN(len(hostileSegments))]
			path = strings.Join(segments, "/")
		case 2:
			if t.foreign != "" {
				path, _, _ = strings.Cut(t.foreign, "?")
			}
			if r.IntN(2) == 0 {
				path = strings.Replace(path, "/uk/", "/vn/", 1)
			}
		case 3, 4:
			name := []string{"limit", "cursor", "order", "page", "after"}[r.IntN(5)]
			if t.op != nil && len(t.op.allowed) > 0 && r.IntN(4) > 0 {
				name = t.op.allowed[r.IntN(len(t.op.allowed))]
			}
			value := hostileQueries[r.IntN(len(hostileQueries))]
			if r.IntN(3) == 0 {
				value = url.QueryEscape(w.words[r.IntN(len(w.words))])
			}
			query += "&" + name + "=" + value
		case 5, 6:
			line := hostileHeaders[r.IntN(len(hostileHeaders))]
			head = append(head, line)
			q.alone = q.alone || strings.HasPrefix(line, "Expect") || strings.HasPrefix(line, "Upgrade")
		default:
			switch {
			case body == "", q.spoiled:
			case strings.HasPrefix(body, "{") && r.IntN(8) > 0:
				if tree, ok := w.trees[body]; ok {
					for range 1 + r.IntN(3) {
						tree = alterTree(r, tree, w.words)
					}
					body = string(appendTree(nil, tree))
				} else {
					body = alterText(r, body)
				}
			case strings.HasPrefix(body, "{") && t.op != nil && !t.op.Signed && r.IntN(2) == 0:
				body, q.spoiled = spoiledJSON(r, t.body), q.method == t.method && t.op.Body != nil && t.op.BodyMedia == nil
			default:
				body = alterText(r, body)
			}
		}
	}
	if q.method != t.method {
		q.spoiled = false
	}
	if t.op != nil && t.op.Signed {
		head = append(head, w.signature(r, t.path, body)...)
	}
	if body != "" || q.method == http.MethodPost {
		framing = fmt.Sprintf("Content-Length: %d", len(body))
	}
	version := "HTTP/1.1"
	sent := body
	if r.IntN(24) == 0 {
		kind := r.IntN(9)
		q.alone, q.torn = true, kind < 7
		switch kind {
		case 0:
			framing, sent = "Transfer-Encoding: chunked", chunked(r, body)
		case 1:
			framing, sent = framing+"\r\nTransfer-Encoding: chunked", chunked(r, body)
		case 2:
			framing, sent = "Transfer-Encoding: chunked", alterText(r, chunked(r, body))
		case 3:
			framing = fmt.Sprintf("Content-Length: %d", len(body)+1+r.IntN(50)) // the caller goes away in the middle
		case 4:
			framing = fmt.Sprintf("Content-Length: %d", r.IntN(len(body)+1))
		case 5:
			framing = []string{"Content-Length: -1", "Content-Length: 0x5", "Content-Length: 5, 6", "Content-Length: 99999999999999999999", "Transfer-Encoding: gzip", "Transfer-Encoding: identity", "Content-Length : 2", "Content-Length: 2\r\n Content-Length: 3"}[r.IntN(8)]
		case 6:
			version = []string{"HTTP/1.0", "HTTP/2.0", "HTTP/0.9", "HTTP/1.11", "http/1.1", ""}[r.IntN(6)]
		case 7:
			framing += "\r\nExpect: 100-continue"
		default:
			head = append(head, "Connection: close")
		}
		q.spoiled = false
	}
	if query != "" {
		path += "?" + strings.TrimPrefix(query, "&")
	}
	lines := append([]string{q.method + " " + path + " " + version}, head...)
	for _, line := range []string{bodyHeader, framing} {
		if line != "" {
			lines = append(lines, line)
		}
	}
	q.text = strings.Join(lines, "\r\n") + "\r\n\r\n" + sent
	if r.IntN(60) == 0 {
		q.text, q.alone, q.torn, q.spoiled = alterText(r, q.text), true, true, false
	}
	if q.alone && slices.Contains([]string{"CONNECT", "PRI"}, q.method) {
		q.method = "GET"
	}
	return q
}

// chunked is a body in chunks of any size.
func chunked(r *rand.Rand, body string) string {
	var b strings.Builder
	for body != "" {
		n := min(len(body), 1+r.IntN(200))
		fmt.Fprintf(&b, "%x\r\n%s\r\n", n, body[:n])
		body = body[n:]
	}
	return b.String() + "0\r\n\r\n"
}

// signature are the header lines of a message: mostly those of its honest sender, who may send anything, and else nearly so.
func (w *hostileWorld) signature(r *rand.Rand, path, body string) []string {
	secret := "whsec_test"
	switch {
	case strings.HasSuffix(path, "shopify"):
		secret = "shop-secret-new"
	case strings.HasSuffix(path, "notices"):
		secret = noticeConnect
	}
	if r.IntN(8) == 0 {
		secret = "guessed"
	}
	spoil := func(s string) string {
		if r.IntN(8) == 0 {
			return strings.Map(func(c rune) rune { // a header may hold these
				if c < ' ' || c > '~' {
					return '?'
				}
				return c
			}, alterText(r, s))
		}
		return s
	}
	if strings.HasSuffix(path, "shopify") {
		return []string{"X-Shopify-Hmac-Sha256: " + spoil(base64.StdEncoding.EncodeToString(mac(secret, body))), "X-Shopify-Topic: " + spoil([]string{"orders/paid", "refunds/create", "orders/edited", "moons/risen"}[r.IntN(4)]),
			"X-Shopify-Shop-Domain: " + spoil("toys.example"), "X-Shopify-Webhook-Id: " + spoil(fmt.Sprint("w-", r.IntN(1_000_000)))}
	}
	at := fmt.Sprint(w.clock.now().Add(time.Duration(r.IntN(700)-350) * time.Second).Unix())
	if r.IntN(3) > 0 {
		at = fmt.Sprint(w.clock.now().Unix())
	}
	return []string{"Stripe-Signature: " + spoil("t="+at+",v1="+hex.EncodeToString(mac(secret, at+"."+body)))}
}
