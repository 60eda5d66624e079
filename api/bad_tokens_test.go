package api

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"strings"
	"time"

	"mizan/api/access"
	"mizan/api/access/accesstest"
)

// Group I of the bad inputs over HTTP, by the numbers of the project's list of them: whatever is wrong with what somebody shows, they are
// answered as somebody who shows nothing. What is wrong inside tokens is tried at more length in access/token_test.go.

// changed returns the claims of an honest token with changes; a nil value takes a claim away.
func (p *people) changed(changes map[string]any) map[string]any {
	claims := p.issuer.AccessClaims("u1", tokenAudience)
	maps.Copy(claims, changes)
	maps.DeleteFunc(claims, func(_ string, v any) bool { return v == nil })
	return claims
}

// rawJSON is a value as it stands in a token.
func (p *people) rawJSON(v any) []byte {
	p.t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		p.t.Fatal(err)
	}
	return b
}

// badTokens sends tokens that no honest issuer makes, and some that it makes for something else.
func (p *people) badTokens() {
	p.t.Helper()
	kid := p.issuer.Rotate("RS256")
	p.clock.forward(time.Minute) // keys are asked for once a minute
	honest := p.issuer.AccessToken("u1", tokenAudience)
	if a := p.as("", "GET", "/v1/books", "", "Authorization", "Bearer "+honest); a.StatusCode != 200 {
		p.t.Fatalf("an honest token: %d %s", a.StatusCode, a.body)
	}
	own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		p.t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(p.issuer.PublicRSA(kid))
	if err != nil {
		p.t.Fatal(err)
	}
	secret := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	claims, at, part := p.rawJSON(p.changed(nil)), p.clock.now().Unix(), strings.Split(honest, ".")
	head := func(name string, value any) map[string]any {
		h := map[string]any{"alg": "RS256", "typ": "at+jwt", "kid": kid}
		h[name] = value
		return h
	}
	signed := func(header map[string]any) string { return p.issuer.SignRaw(p.rawJSON(header), claims, kid) }
	claimed := func(changes map[string]any) string { return p.issuer.Sign(head("typ", "at+jwt"), p.changed(changes)) }
	unsigned := func(alg string) string { return accesstest.Compact(p.rawJSON(head("alg", alg)), claims, "none", nil) }
	flipped := []byte(honest)
	flipped[len(flipped)-20] ^= 1
	list := map[string]string{
		"I02 a token and more": honest + ".x", "I02 half a token": part[0] + "." + part[1], "I02 no token": "eyJ.eyJ.", "I03 none": unsigned("none"), "I03 none, signed": signed(head("alg", "none")),
		"I03 none, with a signature": unsigned("none") + part[2], "I04 NONE": unsigned("NONE"), "I04 nOnE": unsigned("nOnE"), "I05 HS256": accesstest.Compact(p.rawJSON(head("alg", "HS256")), claims, "HS256", secret),
		"I06 RS1": signed(head("alg", "RS1")), "I06 HS1": accesstest.Compact(p.rawJSON(head("alg", "HS1")), claims, "HS256", secret), "I06 another than the key is for": p.issuer.SignAs(p.rawJSON(head("alg", "RS384")), claims, kid, "RS384"),
		"I07 a file": signed(head("kid", "../../dev/null")), "I08 a query": signed(head("kid", "' UNION SELECT 'x")), "I09 an address": signed(head("kid", "https://evil.example/key")), "I10 nobody's": signed(head("kid", "unknown")),
		"I11 jwk":                        accesstest.Compact(p.rawJSON(map[string]any{"alg": "ES256", "typ": "at+jwt", "jwk": accesstest.JWK(own.Public(), "evil", "ES256")}), claims, "ES256", own),
		"I11 jku":                        accesstest.Compact(p.rawJSON(map[string]any{"alg": "ES256", "typ": "at+jwt", "kid": "evil", "jku": "https://evil.example/keys"}), claims, "ES256", own),
		"I11 x5u":                        accesstest.Compact(p.rawJSON(map[string]any{"alg": "ES256", "typ": "at+jwt", "x5u": "https://evil.example/chain"}), claims, "ES256", own),
		"I12 one second past the leeway": claimed(map[string]any{"iat": at - 360, "exp": at - 61}), "I13 not before": claimed(map[string]any{"nbf": at + 61}), "I14 from the future": claimed(map[string]any{"iat": at + 61}),
		"I15 for ever": claimed(map[string]any{"exp": nil}), "I16 another audience": claimed(map[string]any{"aud": "https://other.example"}), "I17 another issuer": claimed(map[string]any{"iss": "https://evil.example"}),
		"I18 an ID token": p.issuer.Sign(head("typ", "JWT"), p.changed(nil)), "I18 the audience of one": claimed(map[string]any{"aud": "mizan"}), "I19 stripped": part[0] + "." + part[1] + ".", "I20 a bit": string(flipped),
		"I21 another payload": part[0] + "." + base64.RawURLEncoding.EncodeToString(p.rawJSON(p.changed(map[string]any{"sub": "u2"}))) + "." + part[2],
		"I22 critical":        signed(map[string]any{"alg": "RS256", "typ": "at+jwt", "kid": kid, "crit": []string{"exp"}, "exp": 1}), "I23 a token of 9 KiB": honest + strings.Repeat("A", 9<<10),
		"I24 the subject twice":   p.issuer.SignRaw(p.rawJSON(head("typ", "at+jwt")), []byte(strings.Replace(string(claims), `"sub":`, `"sub":"u2","sub":`, 1)), kid),
		"I24 the algorithm twice": p.issuer.SignRaw([]byte(`{"alg":"RS256","\u0061lg":"none","typ":"at+jwt","kid":"`+kid+`"}`), claims, kid), "somebody whom nobody knows": claimed(map[string]any{"sub": "u2"}),
	}
	for i := range 30 { // lower bits, which leave letters that a header may hold
		list[fmt.Sprintf("I20 bit %d", i)] = honest[:len(honest)-1-i] + string(honest[len(honest)-1-i]^byte(1<<(i%3))) + honest[len(honest)-i:]
		list[fmt.Sprintf("I10 nobody's %d", i)] = signed(head("kid", fmt.Sprint("unknown-", i)))
	}
	asked := p.issuer.Requests(accesstest.Keys)
	for name, bearer := range list {
		p.isNobody(name, "Authorization", "Bearer "+bearer)
	}
	if again := p.issuer.Requests(accesstest.Keys); again > asked+1 {
		p.t.Errorf("I10: the issuer was asked for its keys %d times", again-asked)
	}
	if a := p.as("", "GET", "/v1/books", "", "Authorization", "Bearer "+honest); a.StatusCode != 200 { // they were all refused for what is wrong with them
		p.t.Errorf("the honest token beside them: %d", a.StatusCode)
	}
}

// isNobody holds that whoever sends the header is answered twice as somebody who sends none.
func (p *people) isNobody(name string, header ...string) {
	p.t.Helper()
	nobody := p.as("", "GET", "/v1/books", "")
	for range 2 {
		a := p.as("", "GET", "/v1/books", "", header...)
		if a.StatusCode != 401 || a.code() != "unauthenticated" || withoutID(a) != withoutID(nobody) || a.Header.Get("WWW-Authenticate") != "Bearer" || len(a.Header) != len(nobody.Header) {
			p.t.Errorf("%s: %d %s, nobody: %s", name, a.StatusCode, a.body, nobody.body)
		}
	}
}

// badSecrets sends what looks like keys. A key that is guessed is told to wait, and so is whoever guesses many; the right key passes.
func (p *people) badSecrets() {
	p.t.Helper()
	p.clock.forward(time.Minute)
	key, right := p.key(access.NewKey{Scopes: []access.Scope{access.BooksRead}})
	gone, ended := p.key(access.NewKey{Scopes: []access.Scope{access.BooksRead}})
	if a := p.as(ended, "GET", "/v1/books", ""); a.StatusCode != 200 {
		p.t.Fatalf("a key: %d", a.StatusCode)
	}
	if err := p.access.Revoke(p.t.Context(), operator, gone.ID, ""); err != nil {
		p.t.Fatal(err)
	}
	p.clock.forward(revoked)
	for name, authorization := range map[string]string{
		"I01 nothing": "", "I02 no scheme": right, "I02 another scheme": "Basic " + right, "I02 no key": "Bearer", "I02 a blank": "Bearer  " + right, "I02 a key and more": "Bearer " + right + " x", "I02 two keys": "Bearer " + right + ", Bearer " + right,
		"I02 letters of elsewhere": "Bearer mk_ключ", "I02 a query": "Bearer ' OR 1=1--", "I25 a revoked key": "Bearer " + ended, "I23 a key of 20 KiB": "Bearer " + strings.Repeat("k", 20<<10), "I27 another secret": "Bearer " + right[:len(right)-1] + "*",
	} {
		p.isNobody(name, "Authorization", authorization)
	}
	p.clock.forward(time.Minute)
	statuses := func(n int, bearer func(int) string) (waits int) {
		for i := range n {
			a := p.as(bearer(i), "GET", "/v1/books", "")
			switch {
			case a.StatusCode == 429 && a.Header.Get("Retry-After") != "":
				waits++
			case a.StatusCode != 401:
				p.t.Errorf("I28: a guess is answered with %d", a.StatusCode)
			}
		}
		return waits
	}
	for name, id := range map[string]string{"I28 of a key": key.ID, "I28 of a key that there is not": "aaaaaaaaaaaa"} {
		if waits := statuses(25, func(i int) string { return fmt.Sprintf("mk_%s_%043d", id, i) }); waits != 5 {
			p.t.Errorf("%s: %d of 25 guesses were told to wait, want 5", name, waits)
		}
	}
	if waits := statuses(60, func(i int) string { return fmt.Sprintf("mk_%012d_%043d", i, i) }); waits != 10 {
		p.t.Errorf("I28 from an address: %d of 60 guesses, after 50 others, were told to wait, want 10", waits)
	}
	if a := p.as(right, "GET", "/v1/books", ""); a.StatusCode != 200 {
		p.t.Errorf("I28: the right key is answered with %d", a.StatusCode)
	}
	p.clock.forward(time.Minute)
}
