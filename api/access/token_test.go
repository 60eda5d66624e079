package access_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"math"
	mrand "math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mizan/api/access"
	"mizan/api/access/accesstest"
)

const (
	audience = "https://api.mizan.example"
	clientID = "mizan"
	callback = "http://127.0.0.1:8080/sign-in/callback"
)

var stateKey = []byte("0123456789abcdef0123456789abcdef")

// house is an issuer and the service's view of it, on one clock.
type house struct {
	*accesstest.Issuer
	clock *clock
	log   *logBook
	view  *access.Issuer
}

// logBook keeps what was logged.
type logBook struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logBook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logBook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func newHouse(t *testing.T, change ...func(*access.IssuerOptions)) *house {
	t.Helper()
	h := &house{clock: &clock{at: start}, log: &logBook{}}
	h.Issuer = accesstest.New(t, h.clock.now)
	h.Register(accesstest.Client{ID: clientID, Secret: "canary-secret", Redirect: callback})
	h.view = h.another(t, change...)
	return h
}

// another returns one more replica's view of the issuer.
func (h *house) another(t *testing.T, change ...func(*access.IssuerOptions)) *access.Issuer {
	t.Helper()
	opts := access.IssuerOptions{URL: h.URL(), ClientID: clientID, ClientSecret: "canary-secret", RedirectURL: callback, Audience: audience,
		StateKey: stateKey, Now: h.clock.now, HTTP: h.HTTP(), Log: debugLog(h.log)}
	for _, c := range change {
		c(&opts)
	}
	view, err := access.NewIssuer(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	return view
}

// refused fails the test unless the token is refused like a key that does not exist.
func (h *house) refused(t *testing.T, raw string) {
	t.Helper()
	who, at, err := h.view.Verify(t.Context(), raw)
	if !errors.Is(err, access.ErrUnauthenticated) || err.Error() != access.ErrUnauthenticated.Error() || who != (access.Identity{}) || !at.IsZero() {
		t.Errorf("the token is accepted or told why: %+v, %v, %v", who, at, err)
	}
}

func (h *house) accepted(t *testing.T, raw string) {
	t.Helper()
	who, at, err := h.view.Verify(t.Context(), raw)
	if err != nil || who != (access.Identity{Issuer: h.URL(), Subject: "u1"}) || at.IsZero() {
		t.Errorf("the token is refused: %+v, %v, %v\n%s", who, at, err, h.log)
	}
}

// with returns the claims of an honest token with changes; a nil value takes a claim away.
func (h *house) with(changes map[string]any) map[string]any {
	c := h.AccessClaims("u1", audience)
	maps.Copy(c, changes)
	maps.DeleteFunc(c, func(_ string, v any) bool { return v == nil })
	return c
}

func raw(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return text
}

var atJWT = map[string]any{"typ": "at+jwt"}

func TestHonestTokens(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for _, alg := range []string{"RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA"} {
		h.Rotate(alg)
		h.clock.forward(time.Minute)
		h.accepted(t, h.AccessToken("u1", audience))
	}
	h.accepted(t, h.Sign(map[string]any{"typ": "application/at+jwt"}, h.with(nil)))
	h.accepted(t, h.Sign(map[string]any{"typ": "AT+JWT"}, h.with(map[string]any{"aud": []string{"other", audience}})))
	h.accepted(t, h.SignRaw(raw(map[string]any{"alg": "EdDSA", "typ": "at+jwt"}), raw(h.with(nil)), "")) // without kid
	at := h.clock.now().Unix()
	for name, c := range map[string]map[string]any{
		"in the last second of the leeway": {"iat": at - 360, "exp": at - 59},
		"from the edge of the future":      {"iat": at + 60, "nbf": at + 60},
		"as long as allowed":               {"exp": at + 24*3600},
		"with parts of seconds":            {"iat": json.RawMessage(fmt.Sprintf("%d.5", at-1)), "exp": json.RawMessage(fmt.Sprintf("%d.25", at+300))},
		"with claims of many kinds":        {"groups": []any{"a", map[string]any{"a": nil, "A": []int{1}}}, "email": "canary@example.com"},
	} {
		t.Run(name, func(t *testing.T) { h.accepted(t, h.Sign(atJWT, h.with(c))) })
	}
	if h.Requests(accesstest.Discovery) != 1 {
		t.Errorf("discovery was asked %d times", h.Requests(accesstest.Discovery))
	}
}

// TestRefusedHeaders are the cases of group I that lie in the header or the signature.
func TestRefusedHeaders(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	kid := h.Rotate("RS256")
	honest := h.AccessToken("u1", audience)
	h.accepted(t, honest)
	public := h.PublicRSA(kid)
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	claims := raw(h.with(nil))
	header := func(alg string) []byte { return raw(map[string]any{"alg": alg, "kid": kid, "typ": "at+jwt"}) }
	part := strings.Split(honest, ".")
	foreign, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	type row struct{ name, token string }
	table := []row{
		{"I02 nothing", ""}, {"I02 one part", "eyJ"}, {"I02 four parts", honest + ".x"}, {"I02 a blank behind it", honest + " "},
		{"I02 a line break within", honest[:20] + "\n" + honest[20:]}, {"I02 padding", part[0] + "=." + part[1] + "." + part[2]},
		{"I05 HS256 with the public key in PEM", accesstest.Compact(header("HS256"), claims, "HS256", pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))},
		{"I05 HS256 with the public key in DER", accesstest.Compact(header("HS256"), claims, "HS256", der)},
		{"I05 HS256 with the modulus", accesstest.Compact(header("HS256"), claims, "HS256", public.N.Bytes())},
		{"I06 RS1", accesstest.Compact(header("RS1"), claims, "RS1", foreign)},
		{"I06 HS1", accesstest.Compact(header("HS1"), claims, "HS256", public.N.Bytes())},
		{"I06 no algorithm", h.SignRaw(raw(map[string]any{"kid": kid, "typ": "at+jwt"}), claims, kid)},
		{"I06 a list of algorithms", h.SignRaw(raw(map[string]any{"alg": []string{"RS256"}, "kid": kid, "typ": "at+jwt"}), claims, kid)},
		{"I06 the key's algorithm is another", accesstest.Compact(header("PS256"), claims, "PS256", foreign)},
		{"I06 allowed, but not what the key is for", h.SignAs(header("RS384"), claims, kid, "RS384")},
		{"I06 allowed for such keys, but not for this one", h.SignAs(header("PS256"), claims, kid, "PS256")},
		{"I18 an ID token", h.Sign(map[string]any{"typ": "JWT"}, h.with(nil))}, {"I18 no type", h.SignRaw(raw(map[string]any{"alg": "RS256", "kid": kid}), claims, kid)},
		{"I19 signature stripped", part[0] + "." + part[1] + "."}, {"I19 signature and dot stripped", part[0] + "." + part[1]},
		{"I21 payload changed", part[0] + "." + base64.RawURLEncoding.EncodeToString(raw(h.with(map[string]any{"sub": "u2"}))) + "." + part[2]},
		{"I21 header changed", base64.RawURLEncoding.EncodeToString(raw(map[string]any{"alg": "RS256", "typ": "at+jwt", "kid": kid, "x": 1})) + "." + part[1] + "." + part[2]},
		{"I22 crit", h.Sign(map[string]any{"typ": "at+jwt", "crit": []string{"exp"}, "exp": 1}, h.with(nil))},
		{"I22 crit b64", h.Sign(map[string]any{"typ": "at+jwt", "crit": []string{"b64"}, "b64": true}, h.with(nil))},
		{"I22 empty crit", h.Sign(map[string]any{"typ": "at+jwt", "crit": []string{}}, h.with(nil))},
		{"I23 one byte too long", honest + strings.Repeat("A", 8193-len(honest))}, {"I23 10 MB", "eyJ" + strings.Repeat("a.", 5_000_000)},
		{"I24 alg twice", h.SignRaw([]byte(`{"alg":"RS256","alg":"RS256","kid":"`+kid+`","typ":"at+jwt"}`), claims, kid)},
		{"I24 alg twice, once escaped", h.SignRaw([]byte(`{"alg":"RS256","\u0061lg":"none","kid":"`+kid+`","typ":"at+jwt"}`), claims, kid)},
		{"I24 typ in other capitals too", h.SignRaw([]byte(`{"alg":"RS256","Typ":"at+jwt","typ":"at+jwt","kid":"`+kid+`"}`), claims, kid)},
		{"the header is no object", h.SignRaw([]byte(`["RS256"]`), claims, kid)}, {"the header is null", h.SignRaw([]byte(`null`), claims, kid)},
		{"something behind the header", h.SignRaw(append(header("RS256"), "{}"...), claims, kid)},
		{"a key of nobody", accesstest.Compact(header("RS256"), claims, "RS256", foreign)},
	}
	for _, alg := range []string{"none", "NONE", "nOnE", "None", "none ", ""} {
		table = append(table, row{"I03, I04 " + alg, accesstest.Compact(header(alg), claims, "none", nil)},
			row{"I03, I04 signed " + alg, h.SignRaw(header(alg), claims, kid)}, row{"I03, I04 with a signature of another " + alg, accesstest.Compact(header(alg), claims, "none", nil) + part[2]})
	}
	for _, id := range []string{"../../dev/null", "/dev/null", "' UNION SELECT 'x", "https://evil.example/key", "\x00", strings.Repeat("k", 257), "", "%s%n"} {
		table = append(table, row{"I07 to I09 " + id[:min(len(id), 20)], h.SignRaw(raw(map[string]any{"alg": "RS256", "typ": "at+jwt", "kid": id}), claims, kid)})
	}
	table = append(table, row{"I07 a kid that is no text", h.SignRaw(raw(map[string]any{"alg": "RS256", "typ": "at+jwt", "kid": 1}), claims, kid)})
	for _, r := range table {
		t.Run(r.name, func(t *testing.T) { h.refused(t, r.token) })
	}
	h.accepted(t, honest)
	if got := h.Requests(accesstest.Keys); got > 1 {
		t.Errorf("keys were asked for %d times within a minute", got)
	}
}

// TestRefusedClaims are the cases of group I that an issuer would have to sign.
func TestRefusedClaims(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	other := accesstest.New(t, h.clock.now)
	at := h.clock.now().Unix()
	for name, c := range map[string]map[string]any{
		"I12 at the end of the leeway":    {"iat": at - 360, "exp": at - 60},
		"I12 1 s past the leeway":         {"iat": at - 360, "exp": at - 61},
		"I13 nbf in the future":           {"nbf": at + 61},
		"I14 iat in the future":           {"iat": at + 61},
		"I15 no exp":                      {"exp": nil},
		"I15 exp null":                    {"exp": json.RawMessage("null")},
		"I15 exp as text":                 {"exp": fmt.Sprint(at + 300)},
		"I15 exp with an exponent":        {"exp": json.RawMessage("1e300")},
		"I15 exp negative":                {"exp": -1},
		"I15 exp beyond time":             {"exp": uint64(math.MaxUint64)},
		"I15 exp in a list":               {"exp": []int64{at + 300}},
		"no iat":                          {"iat": nil},
		"nbf as text":                     {"nbf": "0"},
		"ends before it begins":           {"iat": at, "exp": at},
		"longer than a day":               {"exp": at + 24*3600 + 1},
		"I16 another audience":            {"aud": "https://other.example"},
		"I16 the client":                  {"aud": clientID},
		"I16 no audience":                 {"aud": nil},
		"I16 an audience that begins so":  {"aud": audience + ".evil.example"},
		"I16 audiences of other kinds":    {"aud": []any{audience, 1}},
		"I16 audience as an object":       {"aud": map[string]any{audience: audience}},
		"I17 another issuer":              {"iss": other.URL()},
		"I17 the issuer with a slash":     {"iss": h.URL() + "/"},
		"I17 no issuer":                   {"iss": nil},
		"I17 a list of issuers":           {"iss": []string{h.URL()}},
		"no subject":                      {"sub": nil},
		"an empty subject":                {"sub": ""},
		"a subject that is a number":      {"sub": 1},
		"a subject too long":              {"sub": strings.Repeat("s", 256)},
		"a subject with a zero byte":      {"sub": "u1\x00"},
		"a subject that is half a letter": {"sub": json.RawMessage(`"u1\ud800"`)},
		"I24 sub in other capitals too":   {"Sub": "u2"},
	} {
		t.Run(name, func(t *testing.T) { h.refused(t, h.Sign(atJWT, h.with(c))) })
	}
	text := string(raw(h.with(nil)))
	deep := strings.Repeat("[", 40) + strings.Repeat("]", 40)
	for name, payload := range map[string]string{
		"I24 sub twice":          strings.Replace(text, `"sub":`, `"sub":"u2","sub":`, 1),
		"I24 exp twice, escaped": strings.Replace(text, `"exp":`, `"\u0065xp":9999999999,"exp":`, 1),
		"I24 twice further down": strings.Replace(text, `{`, `{"act":{"sub":"a","sub":"b"},`, 1),
		"broken UTF-8":           strings.Replace(text, `"u1"`, "\"u1\xff\"", 1),
		"broken UTF-8 elsewhere": strings.Replace(text, `"tests"`, "\"tests\xff\"", 1),
		"something behind":       text + "1",
		"not closed":             strings.TrimSuffix(text, "}"),
		"no object":              "[" + text + "]",
		"null":                   "null",
		"too deep":               strings.Replace(text, `{`, `{"x":`+deep+`,`, 1),
	} {
		t.Run(name, func(t *testing.T) {
			h.refused(t, h.SignRaw(raw(map[string]any{"alg": "ES256", "typ": "at+jwt"}), []byte(payload), ""))
		})
	}
	t.Run("I17 signed by another issuer in this one's name", func(t *testing.T) { h.refused(t, other.Sign(atJWT, h.with(nil))) })
	t.Run("no audience configured", func(t *testing.T) {
		none := *h
		none.view = h.another(t, func(o *access.IssuerOptions) { o.Audience = "" })
		none.refused(t, h.Sign(atJWT, h.with(map[string]any{"aud": ""})))
		none.refused(t, h.Sign(atJWT, h.with(map[string]any{"aud": []string{""}})))
		none.refused(t, h.AccessToken("u1", audience))
	})
	h.accepted(t, h.AccessToken("u1", audience))
}

// TestHeadersThatOfferKeys is I11: keys that a token brings along, or says where to find, are not looked at.
func TestHeadersThatOfferKeys(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	var visits atomic.Int64
	own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	jwk := accesstest.JWK(own.Public(), "evil", "ES256")
	evil := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		visits.Add(1)
		w.Write(raw(map[string]any{"keys": []any{jwk}}))
	}))
	defer evil.Close()
	for name, offer := range map[string]any{"jku": evil.URL, "x5u": evil.URL, "jwk": jwk} {
		header := map[string]any{"alg": "ES256", "kid": "evil", "typ": "at+jwt", name: offer}
		h.refused(t, accesstest.Compact(raw(header), raw(h.with(nil)), "ES256", own))
		delete(header, "kid")
		h.refused(t, accesstest.Compact(raw(header), raw(h.with(nil)), "ES256", own))
		h.accepted(t, h.Sign(map[string]any{"typ": "at+jwt", name: offer}, h.with(nil)))
	}
	if visits.Load() != 0 {
		t.Errorf("the address in a token was visited %d times", visits.Load())
	}
}

// TestFlippedTokens is I20: any bit of any character, in the signature and elsewhere.
func TestFlippedTokens(t *testing.T) {
	t.Parallel()
	seed := mrand.Uint64()
	t.Logf("seed %d", seed)
	random := mrand.New(mrand.NewPCG(seed, 20))
	h := newHouse(t)
	for _, alg := range []string{"ES256", "RS256", "EdDSA"} {
		h.Rotate(alg)
		h.clock.forward(time.Minute)
		honest := h.AccessToken("u1", audience)
		h.accepted(t, honest)
		signature := strings.LastIndexByte(honest, '.') + 1
		for n := range 1000 {
			flipped := []byte(honest)
			at := signature + random.IntN(len(honest)-signature)
			switch {
			case n%4 == 0:
				at = random.IntN(len(honest))
			case n < 8:
				at = len(honest) - 1 // its last bits belong to no byte
			}
			flipped[at] ^= 1 << random.IntN(7)
			h.refused(t, string(flipped))
		}
		h.accepted(t, honest)
	}
	// The same bytes in other letters are another text, and only one text is the token.
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	honest := h.AccessToken("u1", audience)
	for _, l := range letters {
		if again := honest[:len(honest)-1] + string(l); again != honest {
			h.refused(t, again)
		}
	}
}

func TestTokensAreToldFromKeys(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	got := map[string]bool{}
	want := map[string]bool{"": false, "mk_abc": false, "eyJ": false, "eyJ.": false, "mk_a.b.c": false, "eyJa.b.c.d": false,
		"eyJa.b.": true, h.AccessToken("u1", audience): true}
	for bearer := range want {
		got[bearer] = access.LooksLikeToken(bearer)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// FuzzVerify looks for a token that is accepted although the issuer has not made it, and for one that ends the program.
func FuzzVerify(f *testing.F) {
	c := &clock{at: start}
	issuer := accesstest.New(f, c.now)
	view, err := access.NewIssuer(f.Context(), access.IssuerOptions{URL: issuer.URL(), ClientID: clientID, RedirectURL: callback, Audience: audience,
		StateKey: stateKey, Now: c.now, HTTP: issuer.HTTP()})
	if err != nil {
		f.Fatal(err)
	}
	honest := issuer.AccessToken("u1", audience)
	f.Add("")
	f.Add(honest[:len(honest)-1])
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	f.Add(accesstest.Compact([]byte(`{"alg":"ES256","typ":"at+jwt"}`), []byte(`{}`), "none", nil) + "AAAA")
	f.Fuzz(func(t *testing.T, token string) {
		if who, _, err := view.Verify(t.Context(), token); token != honest && !errors.Is(err, access.ErrUnauthenticated) {
			t.Errorf("%+v, %v", who, err)
		}
	})
}
