package access

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"mizan/ledger/fault"
)

// Signing in at the issuer, by authorization code with PKCE (OpenID Connect Core, RFC 7636, RFC 9700). Between the two
// steps the browser keeps what the second one needs, sealed, so that any replica can take it.

// ErrSignInFailed means that a sign-in at the issuer cannot be finished. It is the same whatever went wrong; the log says why.
var ErrSignInFailed = fault.New(fault.Unauthenticated, "sign-in-failed",
	"The sign-in did not work, or it took too long. Begin it again from the sign-in page.")

const (
	// SignInLifetime is how long somebody may take to sign in at the issuer.
	SignInLifetime = 10 * time.Minute
	maxStateBytes  = 1 << 10
	maxCodeBytes   = 2 << 10
)

// attempt is what the browser keeps of a sign-in that has begun.
type attempt struct {
	State    string    `json:"s"`
	Nonce    string    `json:"n"`
	Verifier string    `json:"v"`
	Expires  time.Time `json:"e"`
}

// Begin begins a sign-in: the browser is sent to redirectURL and keeps cookie, for SignInLifetime, in a cookie that no
// script and no other site can read. It returns ErrIssuerUnavailable.
func (i *Issuer) Begin(ctx context.Context) (redirectURL, cookie string, err error) {
	e, err := i.endpoints.current(ctx)
	if err != nil {
		return "", "", ErrIssuerUnavailable
	}
	a := attempt{State: rand.Text(), Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier(), Expires: i.opts.Now().Add(SignInLifetime).UTC()}
	plain, err := json.Marshal(a)
	if err != nil {
		return "", "", err
	}
	cookie = base64.RawURLEncoding.EncodeToString(i.state.Seal(nil, nil, plain, i.stateContext())) // #nosec G407 -- this AEAD draws its nonce by chance and puts it in front
	return i.client(e).AuthCodeURL(a.State, oidc.Nonce(a.Nonce), oauth2.S256ChallengeOption(a.Verifier)), cookie, nil
}

// Finish finishes a sign-in with what the browser kept and what it brought back, and returns whom the issuer vouches for.
// It returns ErrSignInFailed, and ErrIssuerUnavailable if the issuer does not answer.
func (i *Issuer) Finish(ctx context.Context, cookie string, query url.Values) (Identity, error) {
	who, err := i.finish(ctx, cookie, query)
	switch {
	case err == nil:
		return who, nil
	case errors.Is(err, ErrIssuerUnavailable):
		i.log.WarnContext(ctx, "a sign-in cannot be finished: the issuer does not answer")
		return Identity{}, ErrIssuerUnavailable
	}
	i.log.WarnContext(ctx, "a sign-in failed", "reason", err.Error())
	return Identity{}, ErrSignInFailed
}

func (i *Issuer) finish(ctx context.Context, cookie string, query url.Values) (Identity, error) {
	a, err := i.openAttempt(cookie)
	if err != nil {
		return Identity{}, err
	}
	for _, values := range query {
		if len(values) != 1 {
			return Identity{}, reason("the answer says something twice")
		}
	}
	if subtle.ConstantTimeCompare([]byte(a.State), []byte(query.Get("state"))) != 1 {
		return Identity{}, reason("the answer belongs to another sign-in")
	}
	e, err := i.endpoints.current(ctx)
	if err != nil {
		return Identity{}, ErrIssuerUnavailable
	}
	if iss := query.Get("iss"); iss != i.opts.URL && (e.namesItself || query.Has("iss")) {
		return Identity{}, reason("the answer comes from another issuer")
	}
	if query.Has("error") {
		return Identity{}, reason("the issuer says no: " + quote(query.Get("error")))
	}
	code := query.Get("code")
	if code == "" || len(code) > maxCodeBytes {
		return Identity{}, reason("the answer has no code")
	}
	ctx = oidc.ClientContext(ctx, i.http)
	token, err := i.client(e).Exchange(ctx, code, oauth2.VerifierOption(a.Verifier))
	if err != nil {
		return Identity{}, exchangeFailure(err)
	}
	raw, ok := token.Extra("id_token").(string)
	if !ok {
		return Identity{}, reason("the issuer sent no ID token")
	}
	return i.identify(ctx, e, raw, a.Nonce, token)
}

func (i *Issuer) client(e endpoints) *oauth2.Config {
	endpoint := e.provider.Endpoint()
	endpoint.AuthStyle = oauth2.AuthStyleInHeader
	if e.postSecret || i.opts.ClientSecret == "" {
		endpoint.AuthStyle = oauth2.AuthStyleInParams
	}
	return &oauth2.Config{ClientID: i.opts.ClientID, ClientSecret: i.opts.ClientSecret, Endpoint: endpoint,
		RedirectURL: i.opts.RedirectURL, Scopes: []string{oidc.ScopeOpenID, oidc.ScopeEmail}}
}

// stateContext ties what is sealed to the client and the issuer: replicas that are configured otherwise do not take it.
func (i *Issuer) stateContext() []byte {
	return []byte(i.opts.URL + "\n" + i.opts.ClientID + "\n" + i.opts.RedirectURL)
}

func (i *Issuer) openAttempt(cookie string) (attempt, error) {
	if len(cookie) > maxStateBytes {
		return attempt{}, reason("the browser kept something else")
	}
	sealed, ok := decodePart(cookie)
	if !ok {
		return attempt{}, reason("the browser kept nothing, or something else")
	}
	plain, err := i.state.Open(nil, nil, sealed, i.stateContext())
	var a attempt
	if err != nil || json.Unmarshal(plain, &a) != nil || a.State == "" || a.Nonce == "" || a.Verifier == "" {
		return attempt{}, reason("what the browser kept was not sealed here")
	}
	if !i.opts.Now().Before(a.Expires) {
		return attempt{}, reason("the sign-in took too long")
	}
	return a, nil
}

// exchangeFailure tells an issuer that says no from one that does not answer.
func exchangeFailure(err error) error {
	var refused *oauth2.RetrieveError
	var failed *url.Error
	switch {
	case errors.As(err, &refused) && refused.Response != nil && refused.Response.StatusCode < 500 && refused.Response.StatusCode != 429:
		return reason("the issuer does not take the code: " + quote(refused.ErrorCode))
	case errors.As(err, &refused), errors.As(err, &failed):
		return ErrIssuerUnavailable
	}
	return reason("the issuer's answer to the code cannot be read")
}

// identify checks the ID token and returns whom it is about.
func (i *Issuer) identify(ctx context.Context, e endpoints, raw, nonce string, token *oauth2.Token) (Identity, error) {
	c, err := i.open(ctx, raw, maxIDTokenBytes, "", "JWT")
	if err != nil {
		return Identity{}, err
	}
	if _, _, err := i.checkClaims(c); err != nil {
		return Identity{}, err
	}
	audience := c.audience()
	_, named := c["azp"]
	switch {
	case !slices.Contains(audience, i.opts.ClientID):
		return Identity{}, reason("the ID token is for another client")
	case (named || len(audience) > 1) && c.text("azp") != i.opts.ClientID:
		return Identity{}, reason("the ID token was asked for by another client")
	case subtle.ConstantTimeCompare([]byte(c.text("nonce")), []byte(nonce)) != 1:
		return Identity{}, reason("the ID token belongs to another sign-in")
	}
	who := Identity{Issuer: i.opts.URL, Subject: c.name("sub")}
	if _, has := c["email"]; !has && e.provider.UserInfoEndpoint() != "" {
		if c, err = userinfo(ctx, e.provider, token, who.Subject); err != nil {
			return Identity{}, err
		}
	}
	who.Email, who.EmailVerified = c.mail()
	return who, nil
}

// userinfo asks for what some issuers leave out of their ID tokens.
func userinfo(ctx context.Context, from *oidc.Provider, token *oauth2.Token, subject string) (claims, error) {
	// go-oidc ends the request if it does not answer with success; what it then says holds the answer and is left out.
	info, err := from.UserInfo(ctx, oauth2.StaticTokenSource(token))
	if err != nil {
		return nil, ErrIssuerUnavailable
	}
	var raw json.RawMessage
	if err := info.Claims(&raw); err != nil {
		return nil, reason("what the issuer says about the person cannot be read")
	}
	c, ok := strictObject(raw)
	if !ok || c.name("sub") != subject {
		return nil, reason("what the issuer says is about somebody else, or cannot be read")
	}
	return c, nil
}
