package client

// Client: one service at one address, asked with one key. How a question is sent, and when it is sent again.

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	defaultTimeout  = 20 * time.Second
	defaultAttempts = 5
	defaultPatience = 10 * time.Second
	// firstPause doubles with each attempt up to longestPause. Chance keeps clients that failed together from coming back
	// together.
	firstPause   = 50 * time.Millisecond
	longestPause = 2 * time.Second
	// maxAnswer bounds what is read of an answer: a page of a thousand transactions of five hundred lines would be larger,
	// and is better asked for in smaller pages.
	maxAnswer = 64 << 20
)

// errTooLarge lies behind the problem of an answer longer than maxAnswer.
var errTooLarge = errors.New("an answer of more than 64 MiB")

// Options changes how a Client behaves. The zero value is right for a checkout service.
type Options struct {
	// Timeout bounds one attempt, from dialling to the last byte; 20 s if zero. The context of a call bounds all attempts.
	Timeout time.Duration
	// Attempts is how often a call is sent at most; 5 if zero, and 1 never sends twice.
	Attempts int
	// Patience is the longest that a call waits before one more attempt because the service asks for it by Retry-After; 10 s if zero. Asked for
	// more, it returns the problem at once, which says how long in RetryAfter.
	Patience time.Duration
	// Transport carries the requests; a private one with few idle connections if nil.
	Transport http.RoundTripper
	// UserAgent names the calling program in the service's logs; "mizan-client" if empty.
	UserAgent string
	// PlainHTTP allows an http address outside this machine, over which the key travels readable. It is meant for
	// networks that encrypt by themselves.
	PlainHTTP bool
}

// Client asks one service. It is safe for concurrent use.
type Client struct {
	base    *url.URL
	key     string
	options Options
	http    *http.Client
}

// New returns a client of the service at baseURL, such as "https://ledger.example.com", that shows key with every
// request. It returns an error if the address cannot be used or would send the key readable over a network.
func New(baseURL, key string, options Options) (*Client, error) {
	base, err := url.Parse(baseURL)
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" {
		return nil, errors.New("the service's address must look like https://ledger.example.com")
	}
	if base.User != nil || base.RawQuery != "" || base.Fragment != "" {
		return nil, errors.New("the service's address must hold no user, query or fragment; the key is given apart")
	}
	if base.Scheme == "http" && !loopback(base.Hostname()) && !options.PlainHTTP {
		return nil, errors.New("the key would travel readable over the network: use an https address")
	}
	if options.Timeout == 0 {
		options.Timeout = defaultTimeout
	}
	if options.Attempts == 0 {
		options.Attempts = defaultAttempts
	}
	if options.Patience == 0 {
		options.Patience = defaultPatience
	}
	if options.UserAgent == "" {
		options.UserAgent = "mizan-client"
	}
	if options.Transport == nil {
		options.Transport = &http.Transport{
			Proxy:               http.ProxyFromEnvironment,
			DialContext:         (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
			TLSHandshakeTimeout: 5 * time.Second,
			MaxIdleConnsPerHost: 64,
			IdleConnTimeout:     60 * time.Second,
			ForceAttemptHTTP2:   true,
		}
	}
	return &Client{base: base, key: key, options: options, http: &http.Client{
		Transport: options.Transport,
		// A redirect would carry the key to another address, or turn a posting into a reading.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// CloseIdleConnections ends the connections that no call is using.
func (c *Client) CloseIdleConnections() { c.http.CloseIdleConnections() }

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// call is one question. Its body is encoded once, so that every attempt sends the same bytes.
type call struct {
	method string
	path   string
	query  url.Values
	body   []byte
	// file, of so many bytes, is sent instead of the body. Every attempt reads it by itself: one that failed may still be
	// reading.
	file io.ReaderAt
	size int64
	// slow says that the service may work on it for long.
	slow bool
	// once says that it must not happen twice, and that nothing about it finds what happened the first time: it is not sent
	// again unless the service has said that it did nothing.
	once bool
}

// place joins the segments of a path, each escaped.
func place(segments ...string) string {
	var b strings.Builder
	for _, s := range segments {
		b.WriteByte('/')
		b.WriteString(url.PathEscape(s))
	}
	return b.String()
}

// get asks for path and decodes the answer into out.
func (c *Client) get(ctx context.Context, path string, query url.Values, out any) error {
	_, err := c.do(ctx, call{method: http.MethodGet, path: path, query: query}, out)
	return err
}

// post sends in to path and decodes the answer into out. It reports whether the answer is a replay of an earlier one.
func (c *Client) post(ctx context.Context, path string, query url.Values, in, out any) (replayed bool, err error) {
	body, err := encode(in)
	if err != nil {
		return false, err
	}
	return c.send(ctx, path, query, body, out)
}

// postOnce is post for what must not happen twice.
func (c *Client) postOnce(ctx context.Context, path string, in, out any) error {
	body, err := encode(in)
	if err == nil {
		_, err = c.do(ctx, call{method: http.MethodPost, path: path, body: body, once: true}, out)
	}
	return err
}

// encode writes the body of a request.
func encode(in any) ([]byte, error) {
	body, err := json.Marshal(in)
	if err != nil {
		return nil, fmt.Errorf("encode the request: %w", err)
	}
	return body, nil
}

// send is post for a body that is JSON already.
func (c *Client) send(ctx context.Context, path string, query url.Values, body []byte, out any) (replayed bool, err error) {
	header, err := c.do(ctx, call{method: http.MethodPost, path: path, query: query, body: body}, out)
	return header.Get("Idempotent-Replayed") == "true", err
}

// patch changes what is at the path.
func (c *Client) patch(ctx context.Context, path string, in, out any) error {
	body, err := encode(in)
	if err == nil {
		_, err = c.do(ctx, call{method: http.MethodPatch, path: path, body: body}, out)
	}
	return err
}

// do makes a bounded number of attempts and decodes the first answer that is one; a *[]byte gets it as it is.
func (c *Client) do(ctx context.Context, q call, out any) (http.Header, error) {
	for attempt := 1; ; attempt++ {
		header, body, err := c.attempt(ctx, q)
		if err == nil {
			if raw, ok := out.(*[]byte); ok { // an answer that is a file
				*raw = body
				return header, nil
			}
			if err := json.Unmarshal(body, out); err != nil {
				return header, &Problem{Code: codeUnreadable, Title: "The answer cannot be read",
					Detail: "The service answered in a way this client does not understand. Check the address and the versions.",
					cause:  err}
			}
			return header, nil
		}
		var p *Problem
		if !errors.As(err, &p) || !p.passing() || q.once && p.Unanswered() || attempt >= c.options.Attempts || p.RetryAfter > c.options.Patience ||
			!wait(ctx, p.pause(attempt)) {
			return header, err
		}
	}
}

// attempt sends the question once. Every error is a *Problem.
func (c *Client) attempt(ctx context.Context, q call) (http.Header, []byte, error) {
	timeout := c.options.Timeout
	if q.file != nil || q.slow {
		timeout = max(timeout, uploadTimeout)
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	address := strings.TrimSuffix(c.base.String(), "/") + q.path
	if len(q.query) > 0 {
		address += "?" + q.query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, q.method, address, bytes.NewReader(q.body))
	if err != nil {
		return nil, nil, unreachable(err)
	}
	if q.file != nil {
		req.Body, req.GetBody, req.ContentLength = io.NopCloser(io.NewSectionReader(q.file, 0, q.size)), nil, q.size
		req.Header.Set("Content-Type", "application/octet-stream")
	}
	req.Header.Set("Accept", "application/json, application/problem+json, application/octet-stream")
	req.Header.Set("User-Agent", c.options.UserAgent)
	if c.key != "" {
		req.Header.Set("Authorization", "Bearer "+c.key)
	}
	if q.body != nil && q.file == nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, nil, unreachable(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	switch {
	case err != nil:
		return res.Header, nil, unreachable(err)
	case len(body) > maxAnswer:
		return res.Header, nil, &Problem{Status: res.StatusCode, Code: codeUnreadable, Title: "The answer is too large",
			Detail: "Ask for a smaller page.", cause: errTooLarge}
	case res.StatusCode < 200 || res.StatusCode > 299:
		return res.Header, nil, readProblem(res, body)
	}
	return res.Header, body, nil
}

// pause says how long to wait after the attempt: a doubling time taken at random between half and all of it, or what the
// service asks for and a little more. It is never less than asked: who comes earlier is refused again.
func (p *Problem) pause(attempt int) time.Duration {
	d := longestPause
	if attempt < 6 {
		d = firstPause << (attempt - 1)
	}
	if asked := p.RetryAfter; asked > 0 {
		if p.Status == http.StatusTooManyRequests { // many of one key's processes may have been told the same
			d = max(d, asked/2)
		}
		return asked + rand.N(d) // #nosec G404 -- a wait is spread, not kept secret
	}
	return d/2 + rand.N(d/2) // #nosec G404 -- a wait is spread, not kept secret
}

// wait waits for d, and reports false if ctx ended first.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// seconds reads a Retry-After header in seconds; a date, which needs a clock, counts as none.
func seconds(header string) time.Duration {
	n, err := strconv.ParseUint(header, 10, 16)
	if err != nil {
		return 0
	}
	return time.Duration(n) * time.Second
}
