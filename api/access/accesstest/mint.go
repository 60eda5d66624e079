package accesstest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha1" // for tokens that must be refused
	"crypto/sha256"
	_ "crypto/sha512" // for RS384, RS512 and ES384
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"
)

// Minting: tokens as an honest issuer makes them, and as nobody should accept them.

// key is a key of the issuer; the last one of the right kind signs.
type key struct {
	id, alg string
	private crypto.Signer
	hidden  bool
}

// Rotate adds a key for the algorithm (RS256, RS384, RS512, PS256, ES256, ES384 or EdDSA), which signs from now on, and
// returns its id. Keys from before stay published.
func (i *Issuer) Rotate(alg string) (kid string) {
	i.t.Helper()
	private, err := generate(alg)
	if err != nil {
		i.t.Fatalf("accesstest: %v", err)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	kid = strings.ToLower(rand.Text()[:10])
	i.keys = append(i.keys, key{id: kid, alg: alg, private: private})
	return kid
}

// Withdraw no longer publishes a key. The issuer can still sign with it.
func (i *Issuer) Withdraw(kid string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for n := range i.keys {
		if i.keys[n].id == kid {
			i.keys[n].hidden = true
		}
	}
}

// PublicRSA returns the public half of an RSA key, for tests that abuse it as a shared secret; nil for another kind of key.
func (i *Issuer) PublicRSA(kid string) *rsa.PublicKey {
	public, _ := i.find(kid).private.Public().(*rsa.PublicKey)
	return public
}

func generate(alg string) (crypto.Signer, error) {
	switch alg {
	case "RS256", "RS384", "RS512", "PS256":
		return rsa.GenerateKey(rand.Reader, 2048)
	case "ES256":
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "ES384":
		return ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case "EdDSA":
		_, private, err := ed25519.GenerateKey(rand.Reader)
		return private, err
	}
	return nil, fmt.Errorf("no key can be made for %q", alg)
}

// find returns the key of the id, or the newest if the id is empty or unknown.
func (i *Issuer) find(kid string) key {
	i.mu.Lock()
	defer i.mu.Unlock()
	if n := slices.IndexFunc(i.keys, func(k key) bool { return k.id == kid }); n >= 0 {
		return i.keys[n]
	}
	return i.keys[len(i.keys)-1]
}

// public returns the published keys as JWKs.
func (i *Issuer) public() []any {
	i.mu.Lock()
	defer i.mu.Unlock()
	list := []any{}
	for _, k := range i.keys {
		if !k.hidden {
			list = append(list, JWK(k.private.Public(), k.id, k.alg))
		}
	}
	return list
}

// JWK writes a public key as a JSON web key.
func JWK(public crypto.PublicKey, kid, alg string) map[string]any {
	jwk := map[string]any{"kid": kid, "alg": alg, "use": "sig"}
	switch public := public.(type) {
	case *rsa.PublicKey:
		maps.Copy(jwk, map[string]any{"kty": "RSA", "n": encode(public.N.Bytes()), "e": encode(big.NewInt(int64(public.E)).Bytes())})
	case *ecdsa.PublicKey:
		point, err := public.Bytes()
		if err != nil {
			panic(err)
		}
		half := len(point) / 2
		maps.Copy(jwk, map[string]any{"kty": "EC", "crv": public.Curve.Params().Name, "x": encode(point[1 : 1+half]), "y": encode(point[1+half:])})
	case ed25519.PublicKey:
		maps.Copy(jwk, map[string]any{"kty": "OKP", "crv": "Ed25519", "x": encode(public)})
	}
	return jwk
}

// AccessClaims returns the claims of an honest access token (RFC 9068) that begins now and lasts five minutes.
func (i *Issuer) AccessClaims(subject, audience string) map[string]any {
	now := i.now().Unix()
	return map[string]any{"iss": i.URL(), "sub": subject, "aud": audience, "client_id": "tests", "iat": now, "exp": now + 300, "jti": rand.Text()}
}

// AccessToken returns an honest access token.
func (i *Issuer) AccessToken(subject, audience string) string {
	return i.Sign(map[string]any{"typ": "at+jwt"}, i.AccessClaims(subject, audience))
}

// Sign returns the claims as a token of the newest key, or of the key that the header's kid names. Members of the header
// other than alg and kid are left as they are; an alg or kid that stands there stays.
func (i *Issuer) Sign(header, claims map[string]any) string {
	given, _ := header["kid"].(string)
	k := i.find(given)
	full := map[string]any{"alg": k.alg, "kid": k.id}
	maps.Copy(full, header)
	return i.SignRaw(marshal(full), marshal(claims), k.id)
}

// SignRaw signs header and claims as they are, byte by byte, with the key of the id and that key's algorithm.
func (i *Issuer) SignRaw(header, claims []byte, kid string) string {
	return i.SignAs(header, claims, kid, i.find(kid).alg)
}

// SignAs is SignRaw with another algorithm than the key is for.
func (i *Issuer) SignAs(header, claims []byte, kid, alg string) string {
	return Compact(header, claims, alg, i.find(kid).private)
}

// Compact signs header and claims as they are with any key: a crypto.Signer, or bytes for HS256. The algorithm "none"
// leaves the signature empty.
func Compact(header, claims []byte, alg string, private any) string {
	input := encode(header) + "." + encode(claims)
	signature, err := sign(alg, private, []byte(input))
	if err != nil {
		panic(fmt.Sprintf("accesstest: %v", err))
	}
	return input + "." + encode(signature)
}

func sign(alg string, private any, input []byte) ([]byte, error) {
	if alg == "none" {
		return nil, nil
	}
	hash := crypto.SHA256
	switch alg {
	case "RS384", "ES384":
		hash = crypto.SHA384
	case "RS512":
		hash = crypto.SHA512
	case "RS1":
		hash = crypto.SHA1
	}
	switch private := private.(type) {
	case []byte:
		mac := hmac.New(sha256.New, private)
		mac.Write(input)
		return mac.Sum(nil), nil
	case ed25519.PrivateKey:
		return ed25519.Sign(private, input), nil
	}
	h := hash.New()
	h.Write(input)
	digest := h.Sum(nil)
	switch private := private.(type) {
	case *rsa.PrivateKey:
		if alg == "PS256" {
			return rsa.SignPSS(rand.Reader, private, hash, digest, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
		}
		return rsa.SignPKCS1v15(rand.Reader, private, hash, digest)
	case *ecdsa.PrivateKey:
		r, s, err := ecdsa.Sign(rand.Reader, private, digest)
		if err != nil {
			return nil, err
		}
		size := (private.Curve.Params().BitSize + 7) / 8
		return append(r.FillBytes(make([]byte, size)), s.FillBytes(make([]byte, size))...), nil
	}
	return nil, fmt.Errorf("%T cannot sign", private)
}

func encode(raw []byte) string { return base64.RawURLEncoding.EncodeToString(raw) }

func marshal(v any) []byte {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return raw
}
