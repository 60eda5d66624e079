package access

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"

	"mizan/ledger/fault"
)

// An issuer is who vouches for the staff: people sign in there, and it signs the tokens that their programs send. It is
// asked for its endpoints and keys when they are needed and not before, so the service starts while the issuer is down.

var (
	// ErrIssuerInvalid means that an issuer cannot be used as configured; its fields name what is wrong.
	ErrIssuerInvalid = fault.New(fault.Invalid, "issuer-invalid", "The issuer that people sign in at is not configured right. Correct the fields named.")
	// ErrIssuerUnavailable means that the issuer does not answer, or not as an issuer does.
	ErrIssuerUnavailable = fault.New(fault.Unavailable, "issuer-unavailable",
		"The service that people sign in at does not answer right now. Try again in a minute; keys and links work as before.")
)

// Bounds of what the issuer is asked for.
const (
	issuerTimeout  = 5 * time.Second
	issuerBytes    = 1 << 20
	issuerHops     = 3
	issuerKeys     = 32
	stateKeyLength = 32

	// After a failure a new attempt is made no sooner than this, so that an issuer that comes back is not run down.
	failurePause = 5 * time.Second
	// Keys that are known are asked for again at most once a minute, whatever tokens come in.
	keyPause = time.Minute
	// A key that was withdrawn is accepted for keysFresh at most; while the issuer is down, for keysStale.
	keysFresh = 10 * time.Minute
	keysStale = time.Hour
	// Endpoints seldom change.
	discoveryFresh = time.Hour
	discoveryStale = 24 * time.Hour
)

// IssuerOptions configure an Issuer.
type IssuerOptions struct {
	// URL is the issuer's name and where its discovery document lies below. It has https, unless its host is this machine.
	URL string
	// ClientID and ClientSecret are Mizan's own at the issuer; without a secret it is a public client.
	ClientID, ClientSecret string
	// RedirectURL is where browsers come back to after signing in.
	RedirectURL string
	// Audience is what access tokens for the API must name. If it is empty no token is accepted at the API.
	Audience string
	// StateKey is 32 random bytes, the same in every replica: what a browser keeps between Begin and Finish is sealed with
	// a key made from it.
	StateKey []byte
	// Now is the clock. It is required.
	Now func() time.Time
	// HTTP reaches the issuer; nil means the usual way. Timeout and redirects are bounded in a copy of it.
	HTTP *http.Client
	// Log is told why a sign-in failed; nil means nowhere.
	Log *slog.Logger
}

// Issuer signs people in and checks their tokens. It is safe for concurrent use.
type Issuer struct {
	opts  IssuerOptions
	http  *http.Client
	log   *slog.Logger
	state cipher.AEAD

	endpoints *kept[endpoints]
	keys      *kept[[]jose.JSONWebKey]
}

// endpoints are what the issuer says about itself.
type endpoints struct {
	provider *oidc.Provider
	jwks     string
	// postSecret says that the issuer wants the client's secret in the body rather than in a header.
	postSecret bool
	// namesItself says that the issuer adds iss to what the browser brings back (RFC 9207).
	namesItself bool
}

// NewIssuer returns an issuer without asking it anything yet; requests to it end with ctx. It returns ErrIssuerInvalid.
func NewIssuer(ctx context.Context, opts IssuerOptions) (*Issuer, error) {
	if opts.Now == nil {
		panic("access: IssuerOptions.Now is required")
	}
	if err := opts.check(); err != nil {
		return nil, err
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	// The key that is handed in may serve other ends too.
	derived, err := hkdf.Key(sha256.New, opts.StateKey, nil, "mizan sign-in state", stateKeyLength)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(derived)
	if err != nil {
		return nil, err
	}
	state, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, err
	}
	opts.StateKey = nil
	i := &Issuer{opts: opts, http: boundedClient(opts.HTTP), log: opts.Log, state: state}
	i.endpoints = &kept[endpoints]{ctx: ctx, now: opts.Now, fetch: i.discover, fresh: discoveryFresh, stale: discoveryStale, pause: keyPause}
	i.keys = &kept[[]jose.JSONWebKey]{ctx: ctx, now: opts.Now, fetch: i.fetchKeys, fresh: keysFresh, stale: keysStale, pause: keyPause}
	return i, nil
}

func (o IssuerOptions) check() error {
	var fields []fault.Field
	bad := func(pointer, code, message string) {
		fields = append(fields, fault.Field{Pointer: pointer, Code: code, Message: message})
	}
	if u, ok := safeURL(o.URL); !ok || u.RawQuery != "" || len(o.URL) > maxIdentityBytes {
		bad("/url", "url", "The issuer is an https address of at most 255 characters without query; http is for this machine only.")
	}
	if _, ok := safeURL(o.RedirectURL); !ok {
		bad("/redirect_url", "url", "Browsers come back to an https address; http is for this machine only.")
	}
	if o.ClientID == "" {
		bad("/client_id", "required", "Mizan's own client id at the issuer is needed.")
	}
	if len(o.StateKey) != stateKeyLength {
		bad("/state_key", "length", "The key has 32 bytes.")
	}
	if len(fields) > 0 {
		return ErrIssuerInvalid.WithFields(fields...)
	}
	return nil
}

// safeURL parses an absolute address that nobody on the way can read: https, or http within this machine.
func safeURL(raw string) (*url.URL, bool) {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" || u.Opaque != "" {
		return nil, false
	}
	return u, u.Scheme == "https" || u.Scheme == "http" && loopback(u.Hostname())
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// boundedClient returns a copy of the client that waits, reads and follows no more than it should.
func boundedClient(given *http.Client) *http.Client {
	c := &http.Client{}
	if given != nil {
		*c = *given
	}
	if c.Timeout <= 0 || c.Timeout > issuerTimeout {
		c.Timeout = issuerTimeout
	}
	if c.Transport == nil {
		c.Transport = http.DefaultTransport
	}
	if t, ok := c.Transport.(*http.Transport); ok && given == nil {
		t = t.Clone()
		t.MaxResponseHeaderBytes = issuerBytes
		c.Transport = t
	}
	c.Transport = boundedTransport{c.Transport}
	c.Jar = nil
	// A redirect elsewhere would hand tokens to, or take keys from, somebody who was not configured. A secret that was
	// posted is not posted again.
	c.CheckRedirect = func(next *http.Request, via []*http.Request) error {
		first := via[0]
		if len(via) > issuerHops || next.URL.Scheme != first.URL.Scheme || next.URL.Host != first.URL.Host || first.Method != http.MethodGet {
			return errRedirect
		}
		return nil
	}
	return c
}

// boundedTransport bounds the bodies of answers, after they were unpacked.
type boundedTransport struct{ next http.RoundTripper }

// RoundTrip sends the request.
func (b boundedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := b.next.RoundTrip(r)
	if err == nil {
		response.Body = http.MaxBytesReader(nil, response.Body, issuerBytes)
	}
	return response, err
}

var (
	errRedirect = errors.New("the issuer redirects elsewhere")
	errStatus   = errors.New("the issuer answers with another status than 200")
	errDocument = errors.New("the issuer's document cannot be read")
	errOther    = errors.New("the discovery document is that of another issuer")
	errEndpoint = errors.New("the discovery document names an endpoint that is missing or not safe")
	errNoKeys   = errors.New("the issuer has no key that can be used")
)

// get reads a document of the issuer. Its errors name neither the address nor what was answered.
func (i *Issuer) get(ctx context.Context, address string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, errEndpoint
	}
	request.Header.Set("Accept", "application/json")
	response, err := i.http.Do(request)
	if err != nil {
		return nil, bare(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, errStatus
	}
	body, err := io.ReadAll(response.Body)
	return body, bare(err)
}

// bare strips an error of the address that it happened at.
func bare(err error) error {
	var at *url.Error
	if errors.As(err, &at) {
		return at.Err
	}
	return err
}

func (i *Issuer) discover(ctx context.Context) (endpoints, error) {
	found, err := i.askEndpoints(ctx)
	if err != nil {
		i.log.Warn("the issuer that people sign in at does not answer", "asked", "discovery", "error", err.Error())
	}
	return found, err
}

func (i *Issuer) askEndpoints(ctx context.Context) (endpoints, error) {
	base := i.opts.URL
	if base[len(base)-1] == '/' {
		base = base[:len(base)-1]
	}
	body, err := i.get(ctx, base+"/.well-known/openid-configuration")
	if err != nil {
		return endpoints{}, err
	}
	var document struct {
		oidc.ProviderConfig
		SecretMethods []string `json:"token_endpoint_auth_methods_supported"`
		NamesItself   bool     `json:"authorization_response_iss_parameter_supported"`
	}
	if err := json.Unmarshal(body, &document); err != nil {
		return endpoints{}, errDocument
	}
	if document.IssuerURL != i.opts.URL {
		return endpoints{}, errOther
	}
	own, _ := safeURL(i.opts.URL)
	needed := []string{document.AuthURL, document.TokenURL, document.JWKSURL}
	if document.UserInfoURL != "" {
		needed = append(needed, document.UserInfoURL)
	}
	for _, address := range needed {
		if u, ok := safeURL(address); !ok || own.Scheme == "https" && u.Scheme != "https" {
			return endpoints{}, errEndpoint
		}
	}
	e := endpoints{provider: document.NewProvider(oidc.ClientContext(ctx, i.http)), namesItself: document.NamesItself, jwks: document.JWKSURL}
	// Both ways are never tried in turn: the first attempt would spend the code.
	e.postSecret = slices.Contains(document.SecretMethods, "client_secret_post") && !slices.Contains(document.SecretMethods, "client_secret_basic")
	return e, nil
}

func (i *Issuer) fetchKeys(ctx context.Context) ([]jose.JSONWebKey, error) {
	keys, err := i.askKeys(ctx)
	if err != nil {
		i.log.Warn("the issuer that people sign in at does not answer", "asked", "keys", "error", err.Error())
	}
	return keys, err
}

func (i *Issuer) askKeys(ctx context.Context) ([]jose.JSONWebKey, error) {
	e, err := i.endpoints.current(ctx)
	if err != nil {
		return nil, err
	}
	body, err := i.get(ctx, e.jwks)
	if err != nil {
		return nil, err
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(body, &set); err != nil {
		return nil, errDocument
	}
	var keys []jose.JSONWebKey
	for _, raw := range set.Keys {
		// A key of a kind that is not known here is no reason to know none.
		var k jose.JSONWebKey
		if json.Unmarshal(raw, &k) == nil && (k.Use == "" || k.Use == "sig") && len(keys) < issuerKeys && len(algorithms(k)) > 0 {
			keys = append(keys, k)
		}
	}
	if len(keys) == 0 {
		return nil, errNoKeys
	}
	return keys, nil
}

// algorithms returns what the key may be used for: never more than its own kind, and nothing for a weak key or a shared
// secret.
func algorithms(k jose.JSONWebKey) []jose.SignatureAlgorithm {
	var fit []jose.SignatureAlgorithm
	switch public := k.Key.(type) {
	case *rsa.PublicKey:
		if bits := public.N.BitLen(); bits >= 2048 && bits <= 8192 {
			fit = []jose.SignatureAlgorithm{jose.RS256, jose.RS384, jose.RS512, jose.PS256}
		}
	case *ecdsa.PublicKey:
		switch public.Curve.Params().BitSize {
		case 256:
			fit = []jose.SignatureAlgorithm{jose.ES256}
		case 384:
			fit = []jose.SignatureAlgorithm{jose.ES384}
		}
	case ed25519.PublicKey:
		fit = []jose.SignatureAlgorithm{jose.EdDSA}
	}
	if k.Algorithm == "" {
		return fit
	}
	return slices.DeleteFunc(fit, func(a jose.SignatureAlgorithm) bool { return string(a) != k.Algorithm })
}

// candidates returns the issuer's keys that may have signed a token of the algorithm. A key id that is not known has them
// asked for again, at most once a minute. It returns ErrIssuerUnavailable if no keys are known.
func (i *Issuer) candidates(ctx context.Context, kid string, alg jose.SignatureAlgorithm) ([]jose.JSONWebKey, error) {
	fitting := func(keys []jose.JSONWebKey) (found []jose.JSONWebKey) {
		for _, k := range keys {
			if (kid == "" || k.KeyID == kid) && slices.Contains(algorithms(k), alg) {
				found = append(found, k)
			}
		}
		return found
	}
	keys, err := i.keys.current(ctx)
	if err != nil {
		return nil, ErrIssuerUnavailable
	}
	if found := fitting(keys); len(found) > 0 {
		return found, nil
	}
	if keys, err = i.keys.renewed(ctx); err != nil {
		return nil, ErrIssuerUnavailable
	}
	return fitting(keys), nil
}

// reason says for logs why something of the issuer or of a browser is refused; it never holds what was sent.
type reason string

// Error returns the reason.
func (r reason) Error() string { return string(r) }

// quote makes a code that an issuer answered with fit for the log.
func quote(code string) string {
	if len(code) > 40 {
		return "another"
	}
	for _, c := range code {
		if (c < 'a' || c > 'z') && c != '_' {
			return "another"
		}
	}
	return strconv.Quote(code)
}
