package egress

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"mizan/ledger/fault"
)

// receiver is an endpoint on this machine, with the name hooks.shop.com.
type receiver struct {
	*httptest.Server
	at        netip.AddrPort
	roots     *x509.CertPool
	connected atomic.Int32
	asked     atomic.Int32
}

// receive serves until the test ends, with a certificate that holds so long, and what a case changes of its TLS.
func receive(t *testing.T, holds time.Duration, change func(*tls.Config), handler http.HandlerFunc) *receiver {
	t.Helper()
	r := &receiver{roots: x509.NewCertPool()}
	r.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		r.asked.Add(1)
		handler(w, request)
	}))
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: now.Add(-2 * time.Hour), NotAfter: now.Add(holds), DNSNames: []string{"hooks.shop.com"}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	own, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	r.roots.AddCert(own)
	r.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	if change != nil {
		change(r.TLS)
	}
	r.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)
	r.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			r.connected.Add(1)
		}
	}
	r.StartTLS()
	t.Cleanup(r.Close)
	r.at = netip.MustParseAddrPort(r.Listener.Addr().String())
	return r
}

// guard is one that may reach the receiver, which is on this machine, and nothing else there.
func (r *receiver) guard(t *testing.T, o Options) *Guard {
	t.Helper()
	if o.Resolver == nil {
		o.Resolver = serveNames(t, map[string][]string{"hooks.shop.com": {"127.0.0.1"}, "other.shop.com": {"127.0.0.1"}}).resolver()
	}
	return newGuard(o, []uint16{r.at.Port()}, r.at, r.roots)
}

// address is the receiver's by a name.
func (r *receiver) address(host string) string {
	return fmt.Sprintf("https://%s:%d/in?a=b", host, r.at.Port())
}

// parsed is the endpoint of the receiver by a name.
func (r *receiver) parsed(t *testing.T, g *Guard, host string) Endpoint {
	t.Helper()
	e, err := g.Parse(r.address(host))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

var (
	oldSecret = bytes.Repeat([]byte{1}, 32)
	newSecret = bytes.Repeat([]byte{2}, 24)
	told      = Message{ID: "msg_1", At: time.Now(), Body: []byte(`{"type":"payout.paid"}`), Secrets: [][]byte{newSecret}}
)

// TestPost sends messages to endpoints that behave well and badly.
func TestPost(t *testing.T) {
	t.Parallel()
	ok := func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }
	inner := receive(t, time.Hour, nil, ok)
	endless := func(w http.ResponseWriter, r *http.Request) {
		line := bytes.Repeat([]byte("x"), 64<<10)
		for r.Context().Err() == nil {
			if _, err := w.Write(line); err != nil {
				return
			}
		}
	}
	drip := func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-r.Context().Done():
				return
			case <-tick.C:
				_, _ = io.WriteString(w, "x")
				_ = http.NewResponseController(w).Flush()
			}
		}
	}
	mute := func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // a server sees that its caller has gone only after this
		<-r.Context().Done()
	}
	for _, c := range []struct {
		name    string
		handler http.HandlerFunc
		host    string
		holds   time.Duration
		tls     func(*tls.Config)
		// code is that of the error, or empty; status and length are of the answer.
		code           string
		status, length int
	}{
		{name: "it is taken", handler: ok, status: 204},
		{name: "L16 a redirect inside", handler: http.RedirectHandler(inner.URL, http.StatusFound).ServeHTTP, status: 302},
		{name: "L16 a redirect that repeats the message", handler: http.RedirectHandler(inner.URL, http.StatusTemporaryRedirect).ServeHTTP, status: 307},
		{name: "L16 a redirect to the metadata", handler: http.RedirectHandler("http://169.254.169.254/latest/", http.StatusMovedPermanently).ServeHTTP, status: 301},
		{name: "L21 an answer without end", handler: endless, status: 200, length: MaxAnswer},
		{name: "L21 a header without end", handler: func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X", strings.Repeat("x", 1<<20)) }, code: "endpoint-unreachable"},
		{name: "L22 an answer in drops", handler: drip, code: "endpoint-slow"},
		{name: "L22 no answer", handler: mute, code: "endpoint-slow"},
		{name: "L23 a certificate of another name", handler: ok, host: "other.shop.com", code: "endpoint-certificate"},
		{name: "L23 a certificate that ran out", handler: ok, holds: -time.Hour, code: "endpoint-certificate"},
		{name: "L23 old TLS", handler: ok, tls: func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 }, code: "endpoint-unreachable"},
		{name: "L25 always 500", handler: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }, status: 500},
		{name: "a connection that breaks", handler: func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, code: "endpoint-unreachable"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if c.holds == 0 {
				c.holds = time.Hour
			}
			if c.host == "" {
				c.host = "hooks.shop.com"
			}
			r := receive(t, c.holds, c.tls, c.handler)
			o := Options{}
			if c.code == "endpoint-slow" {
				o.Timeout = 200 * time.Millisecond
			}
			g := r.guard(t, o)
			answer, err := g.Post(t.Context(), r.parsed(t, g, c.host), told)
			if fault.CodeOf(err) != c.code || c.code == "" && err != nil {
				t.Fatalf("%v, want %q", err, c.code)
			}
			if answer.Status != c.status || len(answer.Body) != c.length && c.length > 0 || answer.Cut != (c.length > 0) || answer.Taken() != (c.status/100 == 2) {
				t.Errorf("status %d, %d bytes, cut %t", answer.Status, len(answer.Body), answer.Cut)
			}
			if n := r.asked.Load(); n > 1 || n == 0 && c.tls == nil && c.code != "endpoint-certificate" {
				t.Errorf("it was asked %d times", n)
			}
		})
	}
	t.Cleanup(func() {
		if n := inner.connected.Load(); n != 0 {
			t.Errorf("a redirect was followed %d times", n)
		}
	})
}

// TestUnknownAuthority: nobody vouches for the receiver but itself.
func TestUnknownAuthority(t *testing.T) {
	t.Parallel()
	r := receive(t, time.Hour, nil, func(http.ResponseWriter, *http.Request) {})
	r.roots = x509.NewCertPool()
	g := r.guard(t, Options{})
	if _, err := g.Post(t.Context(), r.parsed(t, g, "hooks.shop.com"), told); fault.CodeOf(err) != ErrCertificate.Code || r.asked.Load() != 0 {
		t.Errorf("%v, asked %d times", err, r.asked.Load())
	}
}

// TestRebinding names hosts that lead elsewhere when they are called than when they were named. The receiver is there and would
// answer; nobody connects to it.
func TestRebinding(t *testing.T) {
	t.Parallel()
	r := receive(t, time.Hour, nil, func(http.ResponseWriter, *http.Request) {})
	for name, then := range map[string]string{
		"L15 loopback": "127.0.0.1", "L15 private": "10.0.0.1", "L15 several": "127.0.0.1 10.0.0.1", "L15 loopback of IPv6": "::1",
		"L15 mapped": "::ffff:127.0.0.1", "L15 unspecified": "0.0.0.0", "L15 metadata": "169.254.169.254",
	} {
		resolver := serveNames(t, map[string][]string{"hooks.shop.com": {"93.184.216.34", then}}).resolver()
		g := newGuard(Options{Resolver: resolver}, []uint16{r.at.Port()}, netip.AddrPort{}, r.roots)
		e, err := g.Check(t.Context(), r.address("hooks.shop.com"))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if _, err := g.Post(t.Context(), e, told); fault.CodeOf(err) != ErrEndpointInside.Code || strings.Contains(err.Error(), "127") {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := g.Check(t.Context(), e.String()); fault.CodeOf(err) != ErrEndpointInside.Code {
			t.Errorf("%s, named again: %v", name, err)
		}
	}
	if n := r.connected.Load(); n != 0 {
		t.Errorf("somebody connected %d times", n)
	}
	// The same receiver is reached where only its address is let through, so it was the address that was refused.
	g := r.guard(t, Options{})
	if a, err := g.Post(t.Context(), r.parsed(t, g, "hooks.shop.com"), told); err != nil || !a.Taken() {
		t.Errorf("%+v, %v", a, err)
	}
}

// TestSigned: what is sent can be checked by each receiver's library and by hand, with either secret while one is replaced (L26).
func TestSigned(t *testing.T) {
	t.Parallel()
	type request struct {
		header http.Header
		body   []byte
	}
	got := make(chan request, 1)
	r := receive(t, time.Hour, nil, func(_ http.ResponseWriter, q *http.Request) {
		body, _ := io.ReadAll(q.Body)
		got <- request{q.Header, body}
	})
	g := r.guard(t, Options{})
	to := r.parsed(t, g, "hooks.shop.com")
	for name, c := range map[string]struct{ secrets, knows [][]byte }{
		"L26 one secret":  {[][]byte{newSecret}, [][]byte{newSecret}},
		"L26 in rotation": {[][]byte{newSecret, oldSecret}, [][]byte{newSecret, oldSecret}},
	} {
		m := told
		m.Secrets = c.secrets
		if a, err := g.Post(t.Context(), to, m); err != nil || !a.Taken() {
			t.Fatalf("%s: %+v, %v", name, a, err)
		}
		q := <-got
		for _, secret := range c.knows {
			h, err := standardwebhooks.NewWebhookRaw(secret)
			if err != nil {
				t.Fatal(err)
			}
			if err := h.Verify(q.body, q.header); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if err := h.Verify(append(q.body, ' '), q.header); err == nil {
				t.Errorf("%s: another body passes", name)
			}
		}
		mac := hmac.New(sha256.New, newSecret)
		_, _ = fmt.Fprintf(mac, "%s.%d.%s", m.ID, m.At.Unix(), m.Body)
		signatures := strings.Fields(q.header.Get("webhook-signature"))
		if len(signatures) != len(c.secrets) || signatures[0] != "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)) || q.header.Get("webhook-id") != m.ID || string(q.body) != string(m.Body) {
			t.Errorf("%s: %v", name, q.header)
		}
		for _, name := range []string{"Authorization", "Cookie", "Referer", "Accept-Encoding"} {
			if q.header.Get(name) != "" {
				t.Errorf("%s was sent", name)
			}
		}
	}
}

// TestNotSent: what is no message, or has no endpoint, never leaves.
func TestNotSent(t *testing.T) {
	t.Parallel()
	r := receive(t, time.Hour, nil, func(http.ResponseWriter, *http.Request) {})
	g := r.guard(t, Options{})
	to := r.parsed(t, g, "hooks.shop.com")
	for name, change := range map[string]func(*Message){
		"no id": func(m *Message) { m.ID = "" }, "an id with a dot": func(m *Message) { m.ID = "a.b" }, "an id with a line end": func(m *Message) { m.ID = "a\r\nb" },
		"a long id": func(m *Message) { m.ID = strings.Repeat("a", 65) }, "no time": func(m *Message) { m.At = time.Time{} }, "no body": func(m *Message) { m.Body = nil },
		"a large body": func(m *Message) { m.Body = make([]byte, MaxBody+1) }, "no secret": func(m *Message) { m.Secrets = nil }, "a short secret": func(m *Message) { m.Secrets = [][]byte{make([]byte, 23)} },
		"a long secret": func(m *Message) { m.Secrets = [][]byte{make([]byte, 65)} }, "three secrets": func(m *Message) { m.Secrets = [][]byte{oldSecret, newSecret, oldSecret} },
	} {
		m := told
		change(&m)
		if a, err := g.Post(t.Context(), to, m); err == nil {
			t.Errorf("%s: %+v", name, a)
		}
	}
	if _, err := g.Post(t.Context(), Endpoint{}, told); fault.CodeOf(err) != ErrEndpoint.Code {
		t.Errorf("no endpoint: %v", err)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if _, err := g.Post(ended, to, told); err != context.Canceled {
		t.Errorf("nobody waits for it: %v", err)
	}
	if n := r.connected.Load(); n != 0 {
		t.Errorf("somebody connected %d times", n)
	}
	r.Close()
	if _, err := g.Post(t.Context(), to, told); fault.CodeOf(err) != ErrUnreachable.Code {
		t.Errorf("nobody is there: %v", err)
	}
}

// TestGuardStands holds what cannot be seen from outside in a test's time.
func TestGuardStands(t *testing.T) {
	t.Parallel()
	for _, o := range []Options{{}, {Timeout: time.Hour}, {Timeout: -1}} {
		g := New(o)
		if g.client.Timeout != 15*time.Second || g.client.Transport.(*http.Transport).Proxy != nil || g.open.IsValid() {
			t.Errorf("%+v: %v", o, g.client.Timeout)
		}
	}
}
