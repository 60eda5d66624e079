package access_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"mizan/api/access"
	"mizan/api/access/accesstest"
	"mizan/ledger/fault"
)

func debugLog(w io.Writer) *slog.Logger {
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func TestIssuerOptions(t *testing.T) {
	t.Parallel()
	good := access.IssuerOptions{URL: "https://issuer.example/realm", ClientID: "c", RedirectURL: "https://mizan.example/back", StateKey: stateKey,
		Now: func() time.Time { return start }}
	for name, c := range map[string]struct {
		change func(*access.IssuerOptions)
		wrong  string
	}{
		"good":                      {func(*access.IssuerOptions) {}, ""},
		"this machine":              {func(o *access.IssuerOptions) { o.URL, o.RedirectURL = "http://localhost:1", "http://[::1]/back" }, ""},
		"not encrypted":             {func(o *access.IssuerOptions) { o.URL = "http://issuer.example" }, "/url"},
		"a host that looks local":   {func(o *access.IssuerOptions) { o.URL = "http://localhost.example" }, "/url"},
		"a host that begins local":  {func(o *access.IssuerOptions) { o.URL = "http://127.0.0.1.example" }, "/url"},
		"no address":                {func(o *access.IssuerOptions) { o.URL = "issuer" }, "/url"},
		"with a password":           {func(o *access.IssuerOptions) { o.URL = "https://a:canary@issuer.example" }, "/url"},
		"with a query":              {func(o *access.IssuerOptions) { o.URL = "https://issuer.example?canary" }, "/url"},
		"with a fragment":           {func(o *access.IssuerOptions) { o.URL = "https://issuer.example#canary" }, "/url"},
		"a file":                    {func(o *access.IssuerOptions) { o.URL = "file:///canary" }, "/url"},
		"too long":                  {func(o *access.IssuerOptions) { o.URL = "https://issuer.example/" + strings.Repeat("a", 240) }, "/url"},
		"browsers come back openly": {func(o *access.IssuerOptions) { o.RedirectURL = "http://mizan.example" }, "/redirect_url"},
		"no client":                 {func(o *access.IssuerOptions) { o.ClientID = "" }, "/client_id"},
		"a short key":               {func(o *access.IssuerOptions) { o.StateKey = []byte("canary") }, "/state_key"},
	} {
		t.Run(name, func(t *testing.T) {
			opts := good
			c.change(&opts)
			_, err := access.NewIssuer(t.Context(), opts)
			var e *fault.Error
			if c.wrong == "" && err == nil {
				return
			}
			if !errors.As(err, &e) || !errors.Is(err, access.ErrIssuerInvalid) || len(e.Fields) != 1 || e.Fields[0].Pointer != c.wrong || strings.Contains(err.Error(), "canary") {
				t.Errorf("%v", err)
			}
		})
	}
}

// TestUnknownKeyIDs is I10: whatever tokens come in, the issuer is asked for its keys once a minute.
func TestUnknownKeyIDs(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.accepted(t, h.AccessToken("u1", audience))
	storm := func() {
		var all sync.WaitGroup
		for n := range 50 {
			all.Go(func() {
				for m := range 20 {
					header := raw(map[string]any{"alg": "ES256", "typ": "at+jwt", "kid": fmt.Sprintf("unknown-%d-%d", n, m)})
					h.refused(t, h.SignRaw(header, raw(h.with(nil)), ""))
				}
			})
		}
		all.Wait()
	}
	for minute := 1; minute <= 4; minute++ {
		storm()
		if got := h.Requests(accesstest.Keys); got != minute {
			t.Errorf("in minute %d the keys had been asked for %d times", minute, got)
		}
		h.clock.forward(59 * time.Second)
		storm()
		if got := h.Requests(accesstest.Keys); got != minute {
			t.Errorf("before the end of minute %d the keys had been asked for %d times", minute, got)
		}
		h.clock.forward(time.Second)
	}
	h.accepted(t, h.AccessToken("u1", audience))
	// The issuer is down when a key is unknown: still once a minute.
	h.Down(true)
	before := h.Requests(accesstest.Keys)
	for range 3 {
		storm()
		h.accepted(t, h.AccessToken("u1", audience))
		h.clock.forward(time.Minute)
	}
	if got := h.Requests(accesstest.Keys) - before; got != 3 {
		t.Errorf("while the issuer was down it was asked %d times in three minutes", got)
	}
}

// TestKeyRotation changes keys while 50 callers send tokens: none is refused that an honest issuer signed, if the new key
// was published a minute before it signs, and a withdrawn one ends.
func TestKeyRotation(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	old := h.AccessToken("u1", audience)
	h.accepted(t, old)
	var kid string
	for round := range 5 {
		h.clock.forward(time.Minute)
		first := h.Requests(accesstest.Keys)
		kid = h.Rotate("ES256")
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				for range 4 {
					h.accepted(t, h.AccessToken("u1", audience))
				}
			})
		}
		all.Wait()
		if got := h.Requests(accesstest.Keys) - first; got != 1 {
			t.Errorf("rotation %d made %d requests for keys", round, got)
		}
	}
	h.accepted(t, old)
	last := h.Sign(map[string]any{"typ": "at+jwt", "kid": kid}, h.with(map[string]any{"exp": h.clock.now().Add(time.Hour).Unix()}))
	h.accepted(t, last)
	h.Rotate("ES256")
	h.Withdraw(kid)
	h.clock.forward(10 * time.Minute)
	// Keys that are older than ten minutes are asked for again beside the answers, and the withdrawn key is gone then.
	before := h.Requests(accesstest.Keys)
	h.view.Verify(t.Context(), last)
	until(t, func() bool { _, _, err := h.view.Verify(t.Context(), last); return err != nil })
	h.refused(t, last)
	if got := h.Requests(accesstest.Keys) - before; got != 1 {
		t.Errorf("the keys were asked for %d times", got)
	}
	h.accepted(t, h.AccessToken("u1", audience))
}

// until waits for what another goroutine is about to do, without sleeping: each look takes its time. The test's own time
// bounds it.
func until(t *testing.T, done func() bool) {
	t.Helper()
	for !done() {
		if t.Context().Err() != nil {
			t.Fatal("it never happened")
		}
	}
}

func TestIssuerDownAndUp(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.Down(true)
	token := h.AccessToken("u1", audience)
	unavailable := func() {
		t.Helper()
		if _, _, err := h.view.Verify(t.Context(), token); !errors.Is(err, access.ErrIssuerUnavailable) {
			t.Errorf("a token: %v", err)
		}
		if _, _, err := h.view.Begin(t.Context()); !errors.Is(err, access.ErrIssuerUnavailable) || fault.KindOf(err) != fault.Unavailable {
			t.Errorf("a sign-in: %v", err)
		}
	}
	// The service starts, answers, and asks the issuer every five seconds at most.
	for attempt := 1; attempt <= 5; attempt++ {
		for range 10 {
			unavailable()
		}
		if got := h.Requests(accesstest.Discovery); got != attempt {
			t.Errorf("in span %d the issuer had been asked %d times", attempt, got)
		}
		h.clock.forward(5 * time.Second)
	}
	h.refused(t, "eyJ.x.y") // what needs no key to be refused is refused
	h.Down(false)
	h.accepted(t, h.AccessToken("u1", audience))
	if _, _, err := h.view.Begin(t.Context()); err != nil {
		t.Error(err)
	}
	// Down again: known keys are good for an hour.
	h.Down(true)
	h.clock.forward(time.Hour - time.Second)
	h.accepted(t, h.AccessToken("u1", audience))
	h.clock.forward(time.Second)
	token = h.AccessToken("u1", audience)
	if _, _, err := h.view.Verify(t.Context(), token); !errors.Is(err, access.ErrIssuerUnavailable) {
		t.Errorf("keys of an hour ago: %v", err)
	}
	h.Down(false)
	h.clock.forward(5 * time.Second)
	h.accepted(t, h.AccessToken("u1", audience))
}

// TestSlowIssuer stalls the issuer: callers get an answer when the time is over, all from one request, and a caller that
// gives up does not take the others along.
func TestSlowIssuer(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	quick := *h.HTTP()
	quick.Timeout = 200 * time.Millisecond
	h.view = h.another(t, func(o *access.IssuerOptions) { o.HTTP = &quick })
	h.Stall()
	token := h.AccessToken("u1", audience)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	var all sync.WaitGroup
	for n := range 50 {
		all.Go(func() {
			ctx := t.Context()
			if n%2 == 0 {
				ctx = gone
			}
			if _, _, err := h.view.Verify(ctx, token); !errors.Is(err, access.ErrIssuerUnavailable) {
				t.Errorf("%v", err)
			}
		})
	}
	all.Wait()
	h.Resume()
	if got := h.Requests(accesstest.Discovery); got != 1 {
		t.Errorf("50 callers made %d requests", got)
	}
	h.clock.forward(5 * time.Second)
	h.accepted(t, token)
}

// TestNobodyWaits for an issuer that is slow to say again what is known, or after going away: all that is asked here is
// answered long before the five seconds of a request are over, after which the log would say so.
func TestNobodyWaits(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	h.Stall()
	for range 10 {
		if _, _, err := h.view.Verify(gone, h.AccessToken("u1", audience)); !errors.Is(err, access.ErrIssuerUnavailable) {
			t.Errorf("%v", err)
		}
		h.clock.forward(time.Minute) // one request is under way all the time, so no other begins
	}
	h.Resume()
	h.accepted(t, h.AccessToken("u1", audience))
	if got := h.Requests(accesstest.Discovery); got != 1 {
		t.Errorf("%d requests were made", got)
	}
	h.Stall()
	h.clock.forward(10 * time.Minute)
	for range 50 {
		h.accepted(t, h.AccessToken("u1", audience))
	}
	if log := h.log.String(); strings.Contains(log, "does not answer") {
		t.Errorf("somebody waited: %s", log)
	}
	h.Resume()
}

// TestClockSetBack does not keep the service from asking.
func TestClockSetBack(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.Down(true)
	if _, _, err := h.view.Begin(t.Context()); !errors.Is(err, access.ErrIssuerUnavailable) {
		t.Error(err)
	}
	h.Down(false)
	h.clock.forward(-time.Hour)
	h.accepted(t, h.AccessToken("u1", audience))
	h.clock.forward(-time.Hour)
	h.accepted(t, h.AccessToken("u1", audience))
}

// TestHostileIssuer answers what an issuer should not: each is the same to callers, and the next good answer is taken.
func TestHostileIssuer(t *testing.T) {
	t.Parallel()
	var visits atomic.Int64
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { visits.Add(1) }))
	defer elsewhere.Close()
	send := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, text) }
	}
	away := func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere.URL+"/canary", http.StatusFound)
	}
	large := func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, `{"keys":[`+strings.Repeat(" ", 1<<20)+`]}`)
	}
	round := func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, r.URL.Path, http.StatusFound)
	}
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	strong, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	broken := func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusInternalServerError)
		w.Write(raw(map[string]any{"keys": []any{accesstest.JWK(strong.Public(), "strong", "RS256")}}))
	}
	shared := send(`{"keys":[{"kty":"oct","k":"Y2FuYXJ5","alg":"HS256"},{"kty":"oct","k":"Y2FuYXJ5"}]}`)
	short := send(string(raw(map[string]any{"keys": []any{accesstest.JWK(weak.Public(), "weak", "RS256")}})))
	encryption := func(h *house) http.HandlerFunc {
		jwk := accesstest.JWK(h.PublicRSA(h.Rotate("RS256")), "enc", "RS256")
		jwk["use"] = "enc"
		return send(string(raw(map[string]any{"keys": []any{jwk}})))
	}
	for name, c := range map[string]struct {
		path string
		by   http.HandlerFunc
		edit func(map[string]any)
	}{
		"discovery elsewhere":          {path: accesstest.Discovery, by: away},
		"discovery round and round":    {path: accesstest.Discovery, by: round},
		"discovery too large":          {path: accesstest.Discovery, by: large},
		"discovery is no JSON":         {path: accesstest.Discovery, by: send("<canary>")},
		"discovery of another":         {edit: func(d map[string]any) { d["issuer"] = elsewhere.URL }},
		"keys in the open":             {edit: func(d map[string]any) { d["jwks_uri"] = "http://keys.example/canary" }},
		"keys in a file":               {edit: func(d map[string]any) { d["jwks_uri"] = "file:///etc/passwd" }},
		"no keys' address":             {edit: func(d map[string]any) { delete(d, "jwks_uri") }},
		"no authorization":             {edit: func(d map[string]any) { d["authorization_endpoint"] = "" }},
		"authorization is a script":    {edit: func(d map[string]any) { d["authorization_endpoint"] = "javascript:alert(1)" }},
		"keys elsewhere":               {path: accesstest.Keys, by: away},
		"keys too large":               {path: accesstest.Keys, by: large},
		"keys are no JSON":             {path: accesstest.Keys, by: send("<canary>")},
		"no keys":                      {path: accesstest.Keys, by: send(`{"keys":[]}`)},
		"keys of no kind that we know": {path: accesstest.Keys, by: send(`{"keys":[{"kty":"OKP","crv":"Ed448","x":"AA"},1,null,"x",{}]}`)},
		"shared secrets":               {path: accesstest.Keys, by: shared},
		"a short key":                  {path: accesstest.Keys, by: short},
		"keys of an error page":        {path: accesstest.Keys, by: broken},
		"a key for encryption":         {path: accesstest.Keys},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			if c.by == nil && c.edit == nil {
				c.by = encryption(h)
			}
			if c.by != nil {
				h.Replace(c.path, c.by)
			}
			h.OnDiscovery(c.edit)
			for _, token := range []string{h.AccessToken("u1", audience),
				accesstest.Compact([]byte(`{"alg":"RS256","typ":"at+jwt","kid":"weak"}`), raw(h.with(nil)), "RS256", weak),
				accesstest.Compact([]byte(`{"alg":"RS256","typ":"at+jwt","kid":"strong"}`), raw(h.with(nil)), "RS256", strong)} {
				if _, _, err := h.view.Verify(t.Context(), token); !errors.Is(err, access.ErrIssuerUnavailable) || strings.Contains(err.Error(), "canary") {
					t.Errorf("%v", err)
				}
			}
			if got := h.Requests(accesstest.Discovery); got > 4 {
				t.Errorf("%d redirects were followed", got)
			}
			h.Replace(c.path, nil)
			h.OnDiscovery(nil)
			h.clock.forward(time.Minute)
			h.accepted(t, h.AccessToken("u1", audience))
			if log := h.log.String(); strings.Contains(log, "canary") || !strings.Contains(log, "does not answer") {
				t.Errorf("the log says %s", log)
			}
		})
	}
	t.Cleanup(func() {
		if visits.Load() != 0 {
			t.Errorf("a redirect elsewhere was followed %d times", visits.Load())
		}
	})
}

// TestManyKeys keeps the bound on keys, and finds those that can be read among others that cannot.
func TestManyKeys(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	kid := h.Rotate("RS256")
	list := []any{nil, map[string]any{"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}, map[string]any{"kty": "oct", "k": "AA", "kid": kid}}
	for n := range 40 {
		list = append(list, accesstest.JWK(h.PublicRSA(kid), fmt.Sprint(n), "RS256"))
	}
	body, err := json.Marshal(map[string]any{"keys": list})
	if err != nil {
		t.Fatal(err)
	}
	h.Replace(accesstest.Keys, func(w http.ResponseWriter, _ *http.Request) { w.Write(body) })
	for n := range 40 {
		header := raw(map[string]any{"alg": "RS256", "typ": "at+jwt", "kid": fmt.Sprint(n)})
		token := h.SignRaw(header, raw(h.with(nil)), kid)
		if n < 32 {
			h.accepted(t, token)
		} else {
			h.refused(t, token)
		}
	}
}
