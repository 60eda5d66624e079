package access

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-jose/go-jose/v4"
)

// A token is what the issuer has signed. Access tokens (RFC 9068) come to the API as bearer, ID tokens only out of a
// sign-in, and neither is taken for the other.

const (
	maxTokenBytes   = 8 << 10
	maxIDTokenBytes = 16 << 10
	// tokenLeeway is by how much the clocks of issuer and service may differ.
	tokenLeeway = 60 * time.Second
	// tokenLifetime bounds how long an access token is meant to be good for.
	tokenLifetime = 24 * time.Hour
	// maxIdentityBytes bounds names of issuers and subjects, maxMailBytes addresses of mail.
	maxIdentityBytes = 255
	maxMailBytes     = 254
	maxKeyIDBytes    = 256
	maxDepth         = 16
)

// signatures are the algorithms that tokens may be signed with. None of them takes a shared secret.
var signatures = []jose.SignatureAlgorithm{jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.ES256, jose.ES384, jose.EdDSA}

// LooksLikeToken reports whether a bearer is written like a token of an issuer rather than like a key.
func LooksLikeToken(bearer string) bool {
	return strings.HasPrefix(bearer, "eyJ") && strings.Count(bearer, ".") == 2
}

// AuthenticateToken returns the person whose access token this is. It returns ErrUnauthenticated, whatever is wrong with
// the token or the person, and ErrUnavailable or ErrIssuerUnavailable if that cannot be checked. Nothing is remembered:
// who is deactivated is refused with the next request.
func (s *Service) AuthenticateToken(ctx context.Context, raw, address string) (Principal, error) {
	if s.issuer == nil {
		return Principal{}, ErrUnauthenticated
	}
	who, issued, err := s.issuer.Verify(ctx, raw)
	if err != nil {
		return Principal{}, err
	}
	id, deactivated, from, err := s.personByIdentity(ctx, who.Issuer, who.Subject)
	if err != nil {
		return Principal{}, unavailable(err)
	}
	// The issuer's clock may be ahead, so a token from shortly before the end of all sessions may say that it is from
	// shortly after.
	if id == "" || deactivated || !from.IsZero() && issued.Add(-tokenLeeway).Before(from) {
		return Principal{}, ErrUnauthenticated
	}
	p, err := s.personPrincipal(ctx, id)
	if err != nil {
		return Principal{}, unavailable(err)
	}
	return p, nil
}

// Verify checks an access token for the API and returns whose it is and when it was issued. It returns ErrUnauthenticated,
// whatever is wrong with it, and ErrIssuerUnavailable if the issuer's keys cannot be had.
func (i *Issuer) Verify(ctx context.Context, raw string) (who Identity, issuedAt time.Time, err error) {
	c, err := i.open(ctx, raw, maxTokenBytes, "at+jwt", "application/at+jwt")
	if err == nil {
		who, issuedAt, err = i.accept(c)
	}
	switch {
	case err == nil:
		return who, issuedAt, nil
	case errors.Is(err, ErrIssuerUnavailable):
		return Identity{}, time.Time{}, ErrIssuerUnavailable
	}
	i.log.DebugContext(ctx, "a token is refused", "reason", err.Error())
	return Identity{}, time.Time{}, ErrUnauthenticated
}

func (i *Issuer) accept(c claims) (Identity, time.Time, error) {
	issued, expires, err := i.checkClaims(c)
	if err != nil {
		return Identity{}, time.Time{}, err
	}
	if i.opts.Audience == "" || !slices.Contains(c.audience(), i.opts.Audience) {
		return Identity{}, time.Time{}, reason("the token is for another audience")
	}
	if expires.Sub(issued) > tokenLifetime {
		return Identity{}, time.Time{}, reason("the token is meant to last too long")
	}
	return Identity{Issuer: i.opts.URL, Subject: c.name("sub")}, issued, nil
}

// checkClaims checks what access tokens and ID tokens have in common: who issued it, about whom, and when.
func (i *Issuer) checkClaims(c claims) (issued, expires time.Time, err error) {
	now := i.opts.Now()
	issued, hasIssued, ok1 := c.moment("iat")
	expires, hasExpires, ok2 := c.moment("exp")
	from, hasFrom, ok3 := c.moment("nbf")
	switch {
	case c.name("iss") != i.opts.URL:
		err = reason("another issuer")
	case c.name("sub") == "":
		err = reason("no subject, or one that cannot be recorded")
	case !ok1 || !ok2 || !ok3:
		err = reason("a time that cannot be read")
	case !hasExpires || !hasIssued || !expires.After(issued):
		err = reason("no beginning or no end")
	case !now.Before(expires.Add(tokenLeeway)):
		err = reason("the token has expired")
	case issued.After(now.Add(tokenLeeway)) || hasFrom && from.After(now.Add(tokenLeeway)):
		err = reason("the token is from the future")
	}
	return issued, expires, err
}

// open checks how a token is written and that the issuer has signed it, and returns its claims. Nothing of a token is
// believed, or costs more than its length, before its algorithm is known to be allowed; where its header says that keys may
// be found is never looked at.
func (i *Issuer) open(ctx context.Context, raw string, limit int, types ...string) (claims, error) {
	if len(raw) > limit {
		return nil, reason("the token is too long")
	}
	parts := strings.Split(raw, ".")
	if len(parts) != 3 {
		return nil, reason("the token has not three parts")
	}
	decoded := make([][]byte, len(parts))
	for n, part := range parts {
		var ok bool
		if decoded[n], ok = decodePart(part); !ok {
			return nil, reason("a part of the token is empty or not written as it should be")
		}
	}
	header, ok := strictObject(decoded[0])
	if !ok {
		return nil, reason("the header is no plain object")
	}
	alg := jose.SignatureAlgorithm(header.text("alg"))
	if !slices.Contains(signatures, alg) {
		return nil, reason("the algorithm is not allowed")
	}
	kid := header.text("kid")
	_, named := header["kid"]
	_, critical := header["crit"]
	_, unencoded := header["b64"]
	switch {
	case critical || unencoded:
		return nil, reason("the header asks for what is not understood")
	case named && (kid == "" || len(kid) > maxKeyIDBytes):
		return nil, reason("the key id is none")
	case !slices.ContainsFunc(types, func(t string) bool { return strings.EqualFold(t, header.text("typ")) }):
		return nil, reason("the token is of another type")
	}
	signed, err := jose.ParseSignedCompact(raw, signatures)
	if err != nil {
		return nil, reason("the token cannot be read")
	}
	keys, err := i.candidates(ctx, kid, alg)
	if err != nil {
		return nil, err
	}
	for _, k := range keys {
		if payload, err := signed.Verify(k.Key); err == nil {
			if c, ok := strictObject(payload); ok {
				return c, nil
			}
			return nil, reason("the claims are no plain object")
		}
	}
	return nil, reason("no key of the issuer has signed the token")
}

// decodePart decodes a part of a token that is written in the one way it can be: other ways to write the same bytes would
// make several tokens of one.
func decodePart(part string) ([]byte, bool) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(part)
	return raw, err == nil && len(raw) > 0 && base64.RawURLEncoding.EncodedLen(len(raw)) == len(part)
}

// claims are the members of a token's payload, or of its header, by their exact names.
type claims map[string]json.RawMessage

// strictObject reads an object in which no name stands twice, also not in other capitals: two readers could otherwise
// read two different tokens.
func strictObject(raw []byte) (claims, bool) {
	if !utf8.Valid(raw) {
		return nil, false
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if !distinct(d, 0) {
		return nil, false
	}
	var c claims
	if err := json.Unmarshal(raw, &c); err != nil || c == nil {
		return nil, false
	}
	return c, true
}

// distinct reads one value and reports whether it is well formed, not too deep, and without names that stand twice.
func distinct(d *json.Decoder, depth int) bool {
	opening, err := d.Token()
	if err != nil || depth > maxDepth {
		return false
	}
	if opening != json.Delim('{') && opening != json.Delim('[') {
		return true
	}
	seen := map[string]bool{}
	for d.More() {
		if opening == json.Delim('{') {
			name, err := d.Token()
			text, ok := name.(string)
			if depth == 0 {
				text = strings.ToLower(text)
			}
			if err != nil || !ok || seen[text] {
				return false
			}
			seen[text] = true
		}
		if !distinct(d, depth+1) {
			return false
		}
	}
	_, err = d.Token()
	return err == nil
}

// text returns the claim if it is a text, and nothing otherwise.
func (c claims) text(name string) string {
	var s string
	if raw := c[name]; len(raw) == 0 || raw[0] != '"' || json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}

// name returns the claim if it is a text that can name somebody for ever: of printable characters, and none of them a
// stand-in for what could not be decoded, which would give two subjects one name.
func (c claims) name(name string) string {
	s := c.text(name)
	if len(s) > maxIdentityBytes || strings.ContainsFunc(s, unprintable) || strings.ContainsRune(s, utf8.RuneError) {
		return ""
	}
	return s
}

// truth reports whether the claim is true, which some issuers write as text.
func (c claims) truth(name string) bool {
	return string(c[name]) == "true" || c.text(name) == "true"
}

// mail returns the address of mail of the claims and whether it was verified.
func (c claims) mail() (address string, verified bool) {
	address = c.text("email")
	if len(address) > maxMailBytes || strings.ContainsFunc(address, unprintable) || strings.ContainsRune(address, utf8.RuneError) || !strings.Contains(address, "@") {
		return "", false
	}
	return address, c.truth("email_verified")
}

// audience returns whom the token is for.
func (c claims) audience() []string {
	if one := c.text("aud"); one != "" {
		return []string{one}
	}
	var several []string
	if json.Unmarshal(c["aud"], &several) != nil {
		return nil
	}
	return several
}

// moment returns a time that is given in seconds since 1970; a part of a second is left out. ok is false if the claim is
// there and no such time.
func (c claims) moment(name string) (at time.Time, present, ok bool) {
	raw, present := c[name]
	if !present {
		return time.Time{}, false, true
	}
	whole, part, _ := strings.Cut(string(raw), ".")
	seconds, err := strconv.ParseUint(whole, 10, 36)
	if err != nil || strings.Trim(part, "0123456789") != "" {
		return time.Time{}, true, false
	}
	return time.Unix(int64(seconds), 0).UTC(), true, true
}
