package access_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	mrand "math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mizan/api/access"
	"mizan/api/access/accesstest"
	"mizan/ledger/fault"
)

const canaryMail = "canary.person@example.com"

// begin begins a sign-in, goes to the issuer, and returns what the browser kept and what it brings back.
func (h *house) begin(t *testing.T) (cookie string, back url.Values) {
	t.Helper()
	address, cookie, err := h.view.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return cookie, h.Visit(address)
}

// fails fails the test unless a sign-in fails like every other, with a reason in the log that holds nothing of the person.
func (h *house) fails(t *testing.T, cookie string, back url.Values) {
	t.Helper()
	who, err := h.view.Finish(t.Context(), cookie, back)
	if !errors.Is(err, access.ErrSignInFailed) || err.Error() != access.ErrSignInFailed.Error() || who != (access.Identity{}) {
		t.Errorf("%+v, %v", who, err)
	}
	log := h.log.String()
	if !strings.Contains(log, "a sign-in failed") || !strings.Contains(log, `"reason"`) {
		t.Errorf("the log says %s", log)
	}
	for _, secret := range []string{"canary", cookie, back.Get("code"), back.Get("state"), "eyJ"} {
		if secret != "" && strings.Contains(log, secret) {
			t.Errorf("the log holds what it must not: %s", log)
		}
	}
}

func TestSignIn(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for _, who := range []accesstest.Person{
		{Subject: "canary-1", Email: canaryMail, EmailVerified: true}, {Subject: "canary-1", Email: canaryMail},
		{Subject: "canary-2", Email: canaryMail, EmailVerified: true, OnlyUserinfo: true}, {Subject: "canary-2", Email: canaryMail, OnlyUserinfo: true},
		{Subject: "canary-3"},
	} {
		h.SignsIn(who)
		cookie, back := h.begin(t)
		h.clock.forward(access.SignInLifetime - time.Second)
		got, err := h.view.Finish(t.Context(), cookie, back)
		if err != nil {
			t.Fatal(err)
		}
		want := access.Identity{Issuer: h.URL(), Subject: who.Subject, Email: who.Email, EmailVerified: who.EmailVerified}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
	if strings.Contains(h.log.String(), "canary") {
		t.Errorf("the log holds what it must not: %s", h.log)
	}
}

// TestSignInAddress shows what the browser is sent to the issuer with, and that each time it is different.
func TestSignInAddress(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	seen := map[string]bool{}
	for range 100 {
		address, cookie, err := h.view.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		q := u.Query()
		for _, fresh := range []string{cookie, q.Get("state"), q.Get("nonce"), q.Get("code_challenge")} {
			if len(fresh) < 26 || seen[fresh] {
				t.Errorf("%q is short, or was there before", fresh)
			}
			seen[fresh] = true
		}
		if len(cookie) > 1024 || strings.Contains(address, "canary") {
			t.Error("the cookie is too long, or the address holds the secret")
		}
		if sealed, err := base64.RawURLEncoding.DecodeString(cookie); err != nil || strings.Contains(string(sealed), q.Get("state")) {
			t.Error("what the browser keeps can be read")
		}
		for _, name := range []string{"state", "nonce", "code_challenge"} {
			q.Del(name)
		}
		want := url.Values{"client_id": {clientID}, "code_challenge_method": {"S256"}, "redirect_uri": {callback}, "response_type": {"code"}, "scope": {"openid email"}}
		if diff := cmp.Diff(want, q); diff != "" || u.Host != strings.TrimPrefix(h.URL(), "http://") {
			t.Error(diff)
		}
	}
}

// TestRefusedAnswers changes what the browser kept or brings back.
func TestRefusedAnswers(t *testing.T) {
	t.Parallel()
	other := accesstest.New(t, func() time.Time { return start })
	for name, change := range map[string]func(h *house, cookie *string, back url.Values){
		"no cookie":             func(_ *house, cookie *string, _ url.Values) { *cookie = "" },
		"another cookie":        func(h *house, cookie *string, _ url.Values) { *cookie, _ = h.begin(t) },
		"a cookie too long":     func(_ *house, cookie *string, _ url.Values) { *cookie = strings.Repeat("A", 1025) },
		"a cookie of letters":   func(_ *house, cookie *string, _ url.Values) { *cookie = "AAAA" },
		"a cookie in the open":  func(_ *house, cookie *string, _ url.Values) { *cookie = openCookie() },
		"too late":              func(h *house, _ *string, _ url.Values) { h.clock.forward(access.SignInLifetime) },
		"no state":              func(_ *house, _ *string, back url.Values) { back.Del("state") },
		"wrong state":           func(_ *house, _ *string, back url.Values) { back.Set("state", back.Get("state")+"A") },
		"two states":            func(_ *house, _ *string, back url.Values) { back.Add("state", back.Get("state")) },
		"no code":               func(_ *house, _ *string, back url.Values) { back.Del("code") },
		"wrong code":            func(_ *house, _ *string, back url.Values) { back.Set("code", "canary-code") },
		"two codes":             func(_ *house, _ *string, back url.Values) { back["code"] = []string{back.Get("code"), "canary-code"} },
		"a code too long":       func(_ *house, _ *string, back url.Values) { back.Set("code", strings.Repeat("canary", 400)) },
		"mixed-up issuer":       func(_ *house, _ *string, back url.Values) { back.Set("iss", other.URL()) },
		"issuer left out":       func(_ *house, _ *string, back url.Values) { back.Del("iss") },
		"the person said no":    func(_ *house, _ *string, back url.Values) { back.Set("error", "access_denied") },
		"a hostile error":       func(_ *house, _ *string, back url.Values) { back.Set("error", "canary<script>") },
		"an error and no state": func(_ *house, _ *string, back url.Values) { back.Set("error", "access_denied"); back.Del("state") },
		"the code of another sign-in": func(h *house, _ *string, back url.Values) {
			_, stolen := h.begin(t)
			back.Set("code", stolen.Get("code"))
		},
		"the code of another client": func(h *house, _ *string, back url.Values) {
			h.Register(accesstest.Client{ID: "other", Secret: "s", Redirect: "http://127.0.0.1/other"})
			view := h.another(t, func(o *access.IssuerOptions) {
				o.ClientID, o.ClientSecret, o.RedirectURL = "other", "s", "http://127.0.0.1/other"
			})
			address, _, err := view.Begin(t.Context())
			if err != nil {
				t.Error(err)
			}
			back.Set("code", h.Visit(address).Get("code"))
		},
		"the code of another issuer": func(h *house, _ *string, back url.Values) {
			other.Register(accesstest.Client{ID: clientID, Secret: "canary-secret", Redirect: callback})
			view := h.another(t, func(o *access.IssuerOptions) { o.URL = other.URL() })
			address, _, err := view.Begin(t.Context())
			if err != nil {
				t.Error(err)
			}
			back.Set("code", other.Visit(address).Get("code"))
		},
		"the cookie of another key": func(h *house, cookie *string, back url.Values) {
			view := h.another(t, func(o *access.IssuerOptions) { o.StateKey = []byte(strings.Repeat("x", 32)) })
			elsewhere := *h
			elsewhere.view = view
			var theirs url.Values
			*cookie, theirs = elsewhere.begin(t)
			maps.Copy(back, theirs)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			h.SignsIn(accesstest.Person{Subject: "canary", Email: canaryMail, EmailVerified: true})
			cookie, back := h.begin(t)
			change(h, &cookie, back)
			h.fails(t, cookie, back)
			sent := name == "wrong code" || strings.HasPrefix(name, "the code of ")
			if got := h.Requests(accesstest.Token); (got > 0) != sent {
				t.Errorf("the issuer was sent %d codes", got)
			}
		})
	}
}

// openCookie is what the browser keeps, as somebody would write it who has no key.
func openCookie() string {
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"s":"s","n":"n","v":"v","e":%q}`, start.Add(time.Hour).Format(time.RFC3339)))
}

// TestRefusedIDTokens has the issuer sign what it should not.
func TestRefusedIDTokens(t *testing.T) {
	t.Parallel()
	at := start.Unix()
	claim := func(name string, value any) func(_, claims map[string]any) {
		return func(_, claims map[string]any) {
			if claims[name] = value; value == nil {
				delete(claims, name)
			}
		}
	}
	for name, change := range map[string]func(header, claims map[string]any){
		"wrong nonce":             claim("nonce", "canary"),
		"no nonce":                claim("nonce", nil),
		"another issuer":          claim("iss", "https://canary.example"),
		"another client":          claim("aud", "canary"),
		"no audience":             claim("aud", nil),
		"two audiences":           claim("aud", []string{clientID, "canary"}),
		"asked for by another":    claim("azp", "canary"),
		"azp is no text":          claim("azp", 1),
		"expired":                 claim("exp", at-60),
		"no end":                  claim("exp", nil),
		"from the future":         claim("iat", at+61),
		"no beginning":            claim("iat", nil),
		"not yet":                 claim("nbf", at+61),
		"no subject":              claim("sub", nil),
		"an empty subject":        claim("sub", ""),
		"the subject twice":       claim("Sub", "canary"),
		"an access token":         func(header, _ map[string]any) { header["typ"] = "at+jwt" },
		"a log-out token":         func(header, _ map[string]any) { header["typ"] = "logout+jwt" },
		"crit":                    func(header, _ map[string]any) { header["crit"] = []string{"x"} },
		"no algorithm":            func(header, _ map[string]any) { header["alg"] = "none" },
		"a shared secret":         func(header, _ map[string]any) { header["alg"] = "HS256" },
		"an unknown key":          func(header, _ map[string]any) { header["kid"] = "canary" },
		"more than is to be read": claim("groups", strings.Repeat("canary", 3000)),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			h.SignsIn(accesstest.Person{Subject: "canary", Email: canaryMail, EmailVerified: true})
			h.OnIDToken(change)
			cookie, back := h.begin(t)
			h.fails(t, cookie, back)
			h.OnIDToken(nil)
			cookie, back = h.begin(t)
			if _, err := h.view.Finish(t.Context(), cookie, back); err != nil {
				t.Errorf("an honest one after it: %v", err)
			}
		})
	}
	t.Run("azp with two audiences", func(t *testing.T) {
		t.Parallel()
		h := newHouse(t)
		h.SignsIn(accesstest.Person{Subject: "s", Email: canaryMail})
		h.OnIDToken(func(header, claims map[string]any) {
			delete(header, "typ")
			maps.Copy(claims, map[string]any{"aud": []string{"other", clientID}, "azp": clientID, "email_verified": "true"})
		})
		cookie, back := h.begin(t)
		if who, err := h.view.Finish(t.Context(), cookie, back); err != nil || !who.EmailVerified {
			t.Errorf("%+v, %v", who, err)
		}
	})
}

// TestMailThatIsNone never takes for an address of mail what is none, and never takes as verified what is not plainly so.
func TestMailThatIsNone(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.SignsIn(accesstest.Person{Subject: "s"})
	for n, c := range []struct {
		mail, verified any
		want           access.Identity
	}{
		{"a@example.com", true, access.Identity{Email: "a@example.com", EmailVerified: true}},
		{"a@example.com", "false", access.Identity{Email: "a@example.com"}},
		{"a@example.com", "TRUE", access.Identity{Email: "a@example.com"}},
		{"a@example.com", 1, access.Identity{Email: "a@example.com"}},
		{"a@example.com", []bool{true}, access.Identity{Email: "a@example.com"}},
		{"a@example.com", nil, access.Identity{Email: "a@example.com"}},
		{"a", true, access.Identity{}}, {"", true, access.Identity{}}, {1, true, access.Identity{}},
		{[]string{"a@example.com"}, true, access.Identity{}}, {"a@example.com\r\nBcc: b@example.com", true, access.Identity{}},
		{strings.Repeat("a", 250) + "@b.c", true, access.Identity{Email: strings.Repeat("a", 250) + "@b.c", EmailVerified: true}},
		{strings.Repeat("a", 251) + "@b.c", true, access.Identity{}},
	} {
		h.OnIDToken(func(_, claims map[string]any) { claims["email"], claims["email_verified"] = c.mail, c.verified })
		cookie, back := h.begin(t)
		got, err := h.view.Finish(t.Context(), cookie, back)
		c.want.Issuer, c.want.Subject = h.URL(), "s"
		if diff := cmp.Diff(c.want, got); err != nil || diff != "" {
			t.Errorf("%d: %v %s", n, err, diff)
		}
	}
}

// TestReplays finishes one sign-in from 50 browsers at once: one gets in.
func TestReplays(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.SignsIn(accesstest.Person{Subject: "s", Email: canaryMail})
	cookie, back := h.begin(t)
	replica := h.another(t)
	var in atomic.Int64
	var all sync.WaitGroup
	for n := range 50 {
		all.Go(func() {
			view := h.view
			if n%2 == 0 {
				view = replica
			}
			switch _, err := view.Finish(t.Context(), cookie, back); {
			case err == nil:
				in.Add(1)
			case !errors.Is(err, access.ErrSignInFailed):
				t.Error(err)
			}
		})
	}
	all.Wait()
	if in.Load() != 1 {
		t.Errorf("%d got in", in.Load())
	}
	h.fails(t, cookie, back)
}

// TestFlippedCookies changes any bit of what the browser keeps.
func TestFlippedCookies(t *testing.T) {
	t.Parallel()
	seed := mrand.Uint64()
	t.Logf("seed %d", seed)
	random := mrand.New(mrand.NewPCG(seed, 1))
	h := newHouse(t)
	h.SignsIn(accesstest.Person{Subject: "s"})
	cookie, back := h.begin(t)
	for range 1000 {
		flipped := []byte(cookie)
		flipped[random.IntN(len(flipped))] ^= 1 << random.IntN(7)
		if _, err := h.view.Finish(t.Context(), string(flipped), back); !errors.Is(err, access.ErrSignInFailed) {
			t.Error(err)
		}
	}
	if h.Requests(accesstest.Token) != 0 {
		t.Error("the code was sent off for a cookie that was not ours")
	}
	if _, err := h.view.Finish(t.Context(), cookie, back); err != nil {
		t.Error(err)
	}
}

// TestClientsProveThemselves in the way that the issuer asks for, with one request: another would find the code spent.
func TestClientsProveThemselves(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		secret  string
		methods any
	}{
		"header": {"s:/&ü", []string{"client_secret_basic", "client_secret_post"}}, "body": {"s:/&ü", []string{"client_secret_post"}},
		"header unless said": {"s", nil}, "no secret": {"", []string{"none"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			h.Register(accesstest.Client{ID: "c:ü", Secret: c.secret, Redirect: callback})
			h.OnDiscovery(func(d map[string]any) { d["token_endpoint_auth_methods_supported"] = c.methods })
			h.view = h.another(t, func(o *access.IssuerOptions) { o.ClientID, o.ClientSecret = "c:ü", c.secret })
			h.SignsIn(accesstest.Person{Subject: "s"})
			cookie, back := h.begin(t)
			if _, err := h.view.Finish(t.Context(), cookie, back); err != nil || h.Requests(accesstest.Token) != 1 {
				t.Errorf("%v after %d requests\n%s", err, h.Requests(accesstest.Token), h.log)
			}
		})
	}
	t.Run("wrong secret", func(t *testing.T) {
		t.Parallel()
		h := newHouse(t)
		h.view = h.another(t, func(o *access.IssuerOptions) { o.ClientSecret = "canary-wrong" })
		cookie, back := h.begin(t)
		h.fails(t, cookie, back)
	})
}

// TestIssuerFailsMidway goes wrong between the two steps of a sign-in.
func TestIssuerFailsMidway(t *testing.T) {
	t.Parallel()
	var visits atomic.Int64
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { visits.Add(1) }))
	defer elsewhere.Close()
	answer := func(status int, text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			w.Write([]byte(text))
		}
	}
	away := func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
	}
	beside := func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/beside", http.StatusTemporaryRedirect)
	}
	for name, c := range map[string]struct {
		path string
		by   http.HandlerFunc
		kind fault.Kind
	}{
		"token: beside":            {accesstest.Token, beside, fault.Unavailable},
		"token: broken":            {accesstest.Token, answer(500, "canary"), fault.Unavailable},
		"token: too many":          {accesstest.Token, answer(429, "canary"), fault.Unavailable},
		"token: elsewhere":         {accesstest.Token, away, fault.Unavailable},
		"token: refused":           {accesstest.Token, answer(400, `{"error":"canary@<b>"}`), fault.Unauthenticated},
		"token: empty":             {accesstest.Token, answer(200, `{}`), fault.Unauthenticated},
		"token: no JSON":           {accesstest.Token, answer(200, `canary`), fault.Unauthenticated},
		"token: no ID token":       {accesstest.Token, answer(200, `{"access_token":"canary","token_type":"Bearer"}`), fault.Unauthenticated},
		"token: ID token a number": {accesstest.Token, answer(200, `{"access_token":"canary","token_type":"Bearer","id_token":1}`), fault.Unauthenticated},
		"userinfo: broken":         {accesstest.Userinfo, answer(500, "canary"), fault.Unavailable},
		"userinfo: elsewhere":      {accesstest.Userinfo, away, fault.Unavailable},
		"userinfo: somebody else":  {accesstest.Userinfo, answer(200, `{"sub":"canary-2","email":"canary@example.com","email_verified":true}`), fault.Unauthenticated},
		"userinfo: nobody":         {accesstest.Userinfo, answer(200, `{"email":"canary@example.com","email_verified":true}`), fault.Unauthenticated},
		"userinfo: twice":          {accesstest.Userinfo, answer(200, `{"sub":"canary","email":"a@b.c","email":"canary@example.com"}`), fault.Unauthenticated},
		"userinfo: too large":      {accesstest.Userinfo, answer(200, `{"sub":"canary","x":"`+strings.Repeat("x", 1<<20)+`"}`), fault.Unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			h.SignsIn(accesstest.Person{Subject: "canary", Email: canaryMail, OnlyUserinfo: true})
			cookie, back := h.begin(t)
			h.Replace(c.path, c.by)
			_, err := h.view.Finish(t.Context(), cookie, back)
			if fault.KindOf(err) != c.kind || strings.Contains(err.Error()+h.log.String(), "canary") {
				t.Errorf("%v\n%s", err, h.log)
			}
			if h.Requests("/beside") != 0 {
				t.Error("a code and a secret were posted twice")
			}
		})
	}
	if visits.Load() != 0 {
		t.Errorf("a redirect elsewhere was followed %d times", visits.Load())
	}
}

// TestIssuersThatDoNotNameThemselves are taken without iss, and with the right one only.
func TestIssuersThatDoNotNameThemselves(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.SignsIn(accesstest.Person{Subject: "s"})
	h.OnDiscovery(func(d map[string]any) { delete(d, "authorization_response_iss_parameter_supported") })
	for iss, good := range map[string]bool{"-": true, h.URL(): true, "": false, "https://other.example": false} {
		cookie, back := h.begin(t)
		back.Set("iss", iss)
		if iss == "-" {
			back.Del("iss")
		}
		if _, err := h.view.Finish(t.Context(), cookie, back); (err == nil) != good {
			t.Errorf("iss %q: %v", iss, err)
		}
	}
}
