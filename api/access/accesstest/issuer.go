// Package accesstest lends tests a real issuer of tokens on this machine: discovery, keys that rotate, authorization by
// code with PKCE, and userinfo, all over HTTP. It signs with the standard library alone, so that what it makes and what the
// service reads are two implementations, and it can mint every token that an honest issuer never would.
//
//	issuer := accesstest.New(t, clock.now)
//	issuer.Register(accesstest.Client{ID: "mizan", Secret: "s", Redirect: "http://127.0.0.1/sign-in/callback"})
//	issuer.SignsIn(accesstest.Person{Subject: "u1", Email: "u1@example.com", EmailVerified: true})
//	answer := issuer.Visit(redirectURL)           // what the browser brings back
//	bearer := issuer.AccessToken("u1", "mizan-api") // what a program of that person sends
package accesstest

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// Client is a program that is registered at the issuer.
type Client struct {
	// ID and Secret are how the client proves itself; an empty secret makes it a public client.
	ID, Secret string
	// Redirect is where the browser is sent back to; it must match exactly.
	Redirect string
}

// Person is somebody who can sign in at the issuer.
type Person struct {
	Subject       string
	Email         string
	EmailVerified bool
	// OnlyUserinfo leaves the address of mail out of the ID token, as some issuers do.
	OnlyUserinfo bool
}

// grant is a code that was handed out, or an access token for userinfo.
type grant struct {
	client, redirect, challenge, nonce string
	who                                Person
}

// Issuer is an issuer under test. Its methods may be called while it serves.
type Issuer struct {
	t      testing.TB
	now    func() time.Time
	server *httptest.Server

	mu        sync.Mutex
	keys      []key
	clients   map[string]Client
	who       Person
	codes     map[string]grant
	tokens    map[string]grant
	requests  map[string]int
	down      bool
	stalled   chan struct{}
	discovery func(map[string]any)
	idToken   func(header, claims map[string]any)
	callback  func(url.Values)
	replace   map[string]http.HandlerFunc
}

// New starts an issuer with one ES256 key. It ends with the test.
func New(t testing.TB, now func() time.Time) *Issuer {
	t.Helper()
	i := &Issuer{t: t, now: now, clients: map[string]Client{}, codes: map[string]grant{}, tokens: map[string]grant{},
		requests: map[string]int{}, replace: map[string]http.HandlerFunc{}}
	i.Rotate("ES256")
	i.server = httptest.NewServer(i)
	t.Cleanup(func() {
		i.Resume()
		i.server.Close()
	})
	return i
}

// URL is the issuer's name, as in iss.
func (i *Issuer) URL() string { return i.server.URL }

// HTTP returns a client that knows the way to the issuer and keeps no connection after the test.
func (i *Issuer) HTTP() *http.Client { return i.server.Client() }

// Register makes a client known.
func (i *Issuer) Register(c Client) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.clients[c.ID] = c
}

// SignsIn says who sits at the browser from now on.
func (i *Issuer) SignsIn(who Person) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.who = who
}

// Down makes every request fail with 503, or ends that.
func (i *Issuer) Down(down bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.down = down
}

// Stall makes the issuer answer nothing until Resume or until the caller goes away.
func (i *Issuer) Stall() {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.stalled == nil {
		i.stalled = make(chan struct{})
	}
}

// Resume ends Stall.
func (i *Issuer) Resume() {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.stalled != nil {
		close(i.stalled)
		i.stalled = nil
	}
}

// OnDiscovery lets a test change the discovery document; nil ends that.
func (i *Issuer) OnDiscovery(change func(document map[string]any)) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.discovery = change
}

// OnIDToken lets a test change header and claims of ID tokens before they are signed; nil ends that.
func (i *Issuer) OnIDToken(change func(header, claims map[string]any)) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.idToken = change
}

// OnCallback lets a test change what the browser brings back; nil ends that.
func (i *Issuer) OnCallback(change func(answer url.Values)) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.callback = change
}

// Replace answers a path, such as "/keys", by the handler instead; nil ends that.
func (i *Issuer) Replace(path string, by http.HandlerFunc) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.replace[path] = by
}

// Requests counts the requests of a path, such as "/keys", so far; also those that failed.
func (i *Issuer) Requests(path string) int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.requests[path]
}

// Visit goes to the authorization endpoint as a browser does and returns what is brought back to the client.
func (i *Issuer) Visit(authorization string) url.Values {
	i.t.Helper()
	browser := *i.server.Client()
	browser.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	response, err := browser.Get(authorization)
	if err != nil {
		i.t.Fatalf("accesstest: %v", err)
	}
	response.Body.Close()
	back, err := url.Parse(response.Header.Get("Location"))
	if err != nil || response.StatusCode != http.StatusFound {
		i.t.Fatalf("accesstest: the authorization endpoint answered %d", response.StatusCode)
	}
	return back.Query()
}

// The paths of the issuer, by which Requests counts and Replace replaces.
const (
	Discovery = "/.well-known/openid-configuration"
	Keys      = "/keys"
	Authorize = "/authorize"
	Token     = "/token"
	Userinfo  = "/userinfo"
)

// ServeHTTP answers as the issuer.
func (i *Issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	i.requests[r.URL.Path]++
	down, stalled, replaced := i.down, i.stalled, i.replace[r.URL.Path]
	i.mu.Unlock()
	if stalled != nil {
		select {
		case <-stalled:
		case <-r.Context().Done():
			return
		}
	}
	switch {
	case down:
		http.Error(w, "down", http.StatusServiceUnavailable)
	case replaced != nil:
		replaced(w, r)
	case r.URL.Path == Discovery:
		i.serveDiscovery(w)
	case r.URL.Path == Keys:
		answer(w, http.StatusOK, map[string]any{"keys": i.public()})
	case r.URL.Path == Authorize:
		i.serveAuthorize(w, r)
	case r.URL.Path == Token && r.Method == http.MethodPost:
		i.serveToken(w, r)
	case r.URL.Path == Userinfo:
		i.serveUserinfo(w, r)
	default:
		http.NotFound(w, r)
	}
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(body)
}

func (i *Issuer) serveDiscovery(w http.ResponseWriter) {
	i.mu.Lock()
	change := i.discovery
	i.mu.Unlock()
	document := map[string]any{
		"issuer": i.URL(), "authorization_endpoint": i.URL() + Authorize, "token_endpoint": i.URL() + Token,
		"jwks_uri": i.URL() + Keys, "userinfo_endpoint": i.URL() + Userinfo,
		"response_types_supported": []string{"code"}, "subject_types_supported": []string{"public"},
		"id_token_signing_alg_values_supported":          []string{"RS256", "ES256"},
		"token_endpoint_auth_methods_supported":          []string{"client_secret_basic"},
		"code_challenge_methods_supported":               []string{"S256"},
		"authorization_response_iss_parameter_supported": true,
	}
	if change != nil {
		change(document)
	}
	answer(w, http.StatusOK, document)
}

// serveAuthorize signs in whoever sits at the browser, without asking.
func (i *Issuer) serveAuthorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	i.mu.Lock()
	defer i.mu.Unlock()
	client, ok := i.clients[q.Get("client_id")]
	if !ok || q.Get("redirect_uri") != client.Redirect || q.Get("response_type") != "code" ||
		q.Get("code_challenge_method") != "S256" || q.Get("code_challenge") == "" || !strings.Contains(" "+q.Get("scope")+" ", " openid ") {
		http.Error(w, "refused", http.StatusBadRequest)
		return
	}
	code := rand.Text()
	i.codes[code] = grant{client: client.ID, redirect: client.Redirect, challenge: q.Get("code_challenge"), nonce: q.Get("nonce"), who: i.who}
	back := url.Values{"code": {code}, "state": {q.Get("state")}, "iss": {i.server.URL}}
	if i.callback != nil {
		i.callback(back)
	}
	http.Redirect(w, r, client.Redirect+"?"+back.Encode(), http.StatusFound)
}

// serveToken exchanges a code, once, for the client it was made for and with the verifier of its challenge.
func (i *Issuer) serveToken(w http.ResponseWriter, r *http.Request) {
	id, secret, basic := r.BasicAuth()
	if basic {
		id, _ = url.QueryUnescape(id)
		secret, _ = url.QueryUnescape(secret)
	} else {
		id, secret = r.PostFormValue("client_id"), r.PostFormValue("client_secret")
	}
	i.mu.Lock()
	client, known := i.clients[id]
	code := r.PostFormValue("code")
	g, handed := i.codes[code]
	if known && client.Secret == secret {
		delete(i.codes, code)
	}
	change := i.idToken
	i.mu.Unlock()
	if !known || client.Secret != secret {
		answer(w, http.StatusUnauthorized, map[string]any{"error": "invalid_client"})
		return
	}
	digest := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	if !handed || g.client != id || g.redirect != r.PostFormValue("redirect_uri") || r.PostFormValue("grant_type") != "authorization_code" ||
		g.challenge != base64.RawURLEncoding.EncodeToString(digest[:]) {
		answer(w, http.StatusBadRequest, map[string]any{"error": "invalid_grant"})
		return
	}
	now := i.now().Unix()
	header := map[string]any{"typ": "JWT"}
	claims := map[string]any{"iss": i.URL(), "sub": g.who.Subject, "aud": id, "iat": now, "exp": now + 300, "nonce": g.nonce}
	if !g.who.OnlyUserinfo {
		maps.Copy(claims, map[string]any{"email": g.who.Email, "email_verified": g.who.EmailVerified})
	}
	if change != nil {
		change(header, claims)
	}
	access := rand.Text()
	i.mu.Lock()
	i.tokens[access] = g
	i.mu.Unlock()
	answer(w, http.StatusOK, map[string]any{"access_token": access, "token_type": "Bearer", "expires_in": 300, "id_token": i.Sign(header, claims)})
}

func (i *Issuer) serveUserinfo(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	g, ok := i.tokens[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]
	i.mu.Unlock()
	if !ok {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	answer(w, http.StatusOK, map[string]any{"sub": g.who.Subject, "email": g.who.Email, "email_verified": g.who.EmailVerified})
}
