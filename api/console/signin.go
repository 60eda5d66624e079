package console

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"mizan/api/access"
	"mizan/ledger/fault"
)

// Signing in: by a link that works once, or at the issuer. A link is spent by a button and not by opening it, because
// programs that read mail open every address in it.

var errIssuerReturn = fault.New(fault.Forbidden, "sign-in-unfinished",
	"The sign-in was not finished, or took longer than ten minutes. Begin again from the sign-in page.")

func (c *console) signInPages(mux *http.ServeMux) {
	mux.HandleFunc("GET /sign-in", c.signIn)
	mux.HandleFunc("GET /sign-in/link", unreferred(c.link))
	mux.HandleFunc("POST /sign-in/link", unreferred(c.form(c.redeem)))
	if c.Issuer != nil {
		mux.HandleFunc("POST /sign-in/start", c.form(c.start))
		mux.HandleFunc("GET /sign-in/callback", unreferred(c.callback))
	}
	mux.HandleFunc("POST /sign-out", c.form(c.signOut))
}

// unreferred keeps the address of a page, which holds a secret, from other sites and from our own log of referrers.
func unreferred(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Referrer-Policy", "no-referrer")
		next(w, r)
	}
}

type signInPage struct {
	Issuer   bool
	Continue string
	Minutes  int
}

func (c *console) signIn(w http.ResponseWriter, r *http.Request) {
	v := visitOf(r.Context())
	c.bind(w, v)
	t := tellerOf(r.Context())
	a := answer{Title: t.say("layout.sign_in"), Active: "sign-in", Data: signInPage{c.Issuer != nil, v.home(), int(access.LinkLifetime / time.Minute)}}
	if r.URL.Query().Get("signed") == "out" && v.home() == "" {
		a.Notice = &notice{Heading: t.say("signin.out"), Message: t.say("signin.out.note"), Good: true}
	}
	c.render(w, r, http.StatusOK, "sign-in", a)
}

type linkPage struct {
	Token string
	// Continue is where somebody goes who has signed in already.
	Continue string
}

// link asks whether to spend the link. It does not look the link up: that would tell whoever tries addresses more than
// spending it.
func (c *console) link(w http.ResponseWriter, r *http.Request) {
	token := r.URL.Query().Get("token")
	if !likeLink(token) {
		c.fail(w, r, access.ErrLinkSpent)
		return
	}
	v := visitOf(r.Context())
	c.bind(w, v)
	c.render(w, r, http.StatusOK, "link", answer{Title: tellerOf(r.Context()).say("layout.sign_in"), Active: "sign-in", Back: "/sign-in/link?token=" + token, Data: linkPage{token, v.home()}})
}

// likeLink reports whether a text can be the token of a link.
func likeLink(token string) bool {
	return len(token) > 3 && len(token) <= 128 && strings.HasPrefix(token, "ml_") &&
		strings.Trim(token, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == ""
}

func (c *console) redeem(w http.ResponseWriter, r *http.Request) error {
	token := r.PostForm.Get("token")
	if !likeLink(token) {
		return access.ErrLinkSpent
	}
	ctx, cancel := context.WithTimeout(r.Context(), pageTimeout)
	defer cancel()
	v := visitOf(ctx)
	bearer, session, err := c.Access.RedeemLink(ctx, token, v.address, v.request)
	if err != nil {
		return err
	}
	c.begin(ctx, w, v, bearer)
	http.Redirect(w, r, c.land(w, r, session), http.StatusSeeOther) // #nosec G710 -- land admits paths of this service alone
	return nil
}

// begin hands the browser its new session and ends the one it had.
func (c *console) begin(ctx context.Context, w http.ResponseWriter, v *visit, bearer string) {
	if v.bearer != "" {
		if err := c.Access.SignOut(ctx, v.bearer, v.address, v.request); err != nil {
			c.Log.Warn("an earlier session could not be ended", "err", err)
		}
	}
	http.SetCookie(w, c.cookie(access.CookieName(c.Secure), bearer))
	c.forget(w, c.formCookie())
}

func (c *console) forget(w http.ResponseWriter, name string) {
	gone := c.cookie(name, "") // #nosec G124 -- c.cookie sets all three attributes
	gone.MaxAge = -1
	http.SetCookie(w, gone)
}

func (c *console) issuerCookie() string {
	if c.Secure {
		return "__Host-mizan-sign-in"
	}
	return "mizan-sign-in"
}

// onwardPage goes on by itself, for where a browser must not be redirected.
type onwardPage struct {
	Heading, Text, Link string
}

// start sends the browser to the issuer. It does so by a page and not by a redirect, because the policy of our pages
// forbids that a form leads elsewhere.
func (c *console) start(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), pageTimeout)
	defer cancel()
	address, state, err := c.Issuer.Begin(ctx)
	if err != nil {
		return err
	}
	// The browser comes back from another site, and would not send a cookie that is for our own alone.
	cookie := c.cookie(c.issuerCookie(), state) // #nosec G124 -- c.cookie sets all three attributes
	cookie.SameSite, cookie.MaxAge = http.SameSiteLaxMode, int(access.SignInLifetime/time.Second)
	http.SetCookie(w, cookie)
	t := tellerOf(ctx)
	c.render(w, r, http.StatusOK, "onward", answer{Title: t.say("layout.sign_in"), Active: "sign-in", Onward: address,
		Data: onwardPage{t.say("signin.moment"), t.say("signin.to_issuer"), t.say("signin.go_there")}})
	return nil
}

// callback takes whoever comes back from the issuer. The new cookie would not be sent on a redirect that began elsewhere,
// so the page goes on by itself.
func (c *console) callback(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), pageTimeout)
	defer cancel()
	v := visitOf(ctx)
	sent := r.CookiesNamed(c.issuerCookie())
	c.forget(w, c.issuerCookie())
	if len(sent) != 1 {
		c.fail(w, r, errIssuerReturn)
		return
	}
	who, err := c.Issuer.Finish(ctx, sent[0].Value, r.URL.Query())
	if err != nil {
		c.fail(w, r, err)
		return
	}
	bearer, session, err := c.Access.SignIn(ctx, who, v.address, v.request)
	if err != nil {
		c.fail(w, r, err)
		return
	}
	c.begin(ctx, w, v, bearer)
	t := tellerOf(ctx)
	c.render(w, r, http.StatusOK, "onward", answer{Title: t.say("signin.in"), Active: "sign-in", Onward: c.land(w, r, session),
		Data: onwardPage{t.say("signin.in"), t.say("signin.opens"), t.say("signin.open_now")}})
}

func (c *console) signOut(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), pageTimeout)
	defer cancel()
	if v := visitOf(ctx); v.bearer != "" {
		if err := c.Access.SignOut(ctx, v.bearer, v.address, v.request); err != nil && !errors.Is(err, access.ErrUnauthenticated) {
			return err
		}
	}
	c.forget(w, access.CookieName(c.Secure))
	c.forget(w, c.landingCookie())
	http.Redirect(w, r, "/sign-in?signed=out", http.StatusSeeOther)
	return nil
}

// arrive answers somebody whom we do not know on a page for people who have signed in. A browser does not send the cookie
// when a link elsewhere leads here; then the page asks again by itself, once, from here.
func (c *console) arrive(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet && r.Header.Get("Sec-Fetch-Site") == "cross-site" {
		t := tellerOf(r.Context())
		c.render(w, r, http.StatusOK, "onward", answer{Title: t.say("signin.moment"), Onward: r.URL.RequestURI(),
			Data: onwardPage{t.say("signin.moment"), t.say("signin.opens_itself"), t.say("signin.open_now")}})
		return
	}
	c.keepLanding(w, r)
	http.Redirect(w, r, "/sign-in", http.StatusSeeOther)
}
