package console

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"

	"mizan/api/access"
	"mizan/ledger/fault"
)

// A form changes something. It is taken only from a page of our own: the browser must not say that another site sent it,
// and it must carry a token that only our pages for this visitor hold.

var (
	errCrossSite = fault.New(fault.Forbidden, "cross-site", "Another site sent this form, so nothing was done. Open the page here and try again.")
	errForm      = fault.New(fault.Forbidden, "form-expired", "This form belongs to another session, or yours has ended. Nothing was done. Go back, load the page again, and sign in if it asks you to.")
	errReason    = fault.New(fault.Malformed, "form-reason", "Say why, so that whoever reads the audit trail understands it. Nothing was done.")
	errFormRead  = fault.New(fault.Malformed, "form-unreadable", "The form cannot be read. Nothing was done. Load the page again and try once more.")
	errFormSize  = fault.New(fault.TooLarge, "form-too-large", "The form is larger than a page may send. Nothing was done. Go back, shorten what you wrote or choose a smaller file, and send it again.")
)

const (
	// maxForm bounds the bytes of a form. Three reasons of 2,000 characters fit, each of which takes nine bytes if it is Thai or Chinese.
	maxForm = 64 << 10
	// maxPolicyForm bounds a form with a policy of payouts, whose bytes take three where they are escaped.
	maxPolicyForm = 3*policyBytes + maxForm
	// policyBytes bounds a policy of payouts.
	policyBytes = 256 << 10
	// policyForm is where that form leads to, below the book.
	policyForm = "/payout-policies/{version}/next"
	// tokenField is the form's field that holds its token.
	tokenField = "form"
	// formSecretLength is the length of the secret that a visitor's forms are bound to before there is a session.
	formSecretLength = 43
)

// formCookie is the name of the cookie with the secret of a visitor whom we do not know.
func (c *console) formCookie() string {
	if c.Secure {
		return "__Host-mizan-form"
	}
	return "mizan-form"
}

// formToken authenticates the forms of the visitor; empty for one who was given no secret.
func (c *console) formToken(v *visit) string {
	if v.secret == "" {
		return ""
	}
	digest := sha256.Sum256([]byte(v.secret))
	mac := hmac.New(sha256.New, c.FormKey)
	mac.Write([]byte("mizan form 1\x00"))
	mac.Write(digest[:])
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// bind gives a visitor whom we do not know a secret for the forms of this page.
func (c *console) bind(w http.ResponseWriter, v *visit) {
	if v.secret != "" {
		return
	}
	var raw [32]byte
	rand.Read(raw[:]) // never fails: the program ends instead
	v.secret = base64.RawURLEncoding.EncodeToString(raw[:])
	http.SetCookie(w, c.cookie(c.formCookie(), v.secret))
}

// cookie is a cookie as all of ours are: for this site alone, and out of reach of scripts.
func (c *console) cookie(name, value string) *http.Cookie {
	return &http.Cookie{Name: name, Value: value, Path: "/", Secure: c.Secure, HttpOnly: true, SameSite: http.SameSiteStrictMode} // #nosec G124 -- Secure follows --public-url, which production mode demands to be https
}

// fromHere refuses what other sites make a browser send.
func (c *console) fromHere(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := c.crossOrigin.Check(r); err != nil {
			c.fail(w, r, errCrossSite)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// form makes a handler of a function that does what a form asks for. The form has been read and comes from our page.
func (c *console) form(do func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := c.readForm(w, r); err != nil {
			c.fail(w, r, err)
			return
		}
		if err := do(w, r); err != nil {
			c.fail(w, r, err)
		}
	}
}

func (c *console) readForm(w http.ResponseWriter, r *http.Request) error {
	v := visitOf(r.Context())
	if v.failed != nil {
		return v.failed
	}
	most := int64(maxForm)
	if p := v.principal(); p.Kind == access.Person && strings.HasSuffix(r.Pattern, policyForm) && mayAll(p, r.PathValue("book"), access.ApprovalsWrite) {
		most = maxPolicyForm
	}
	r.Body = http.MaxBytesReader(w, r.Body, most)
	if err := r.ParseForm(); err != nil {
		return unreadable(err)
	}
	if !c.holdsToken(v, r.PostForm.Get(tokenField)) {
		return errForm
	}
	return nil
}

// unreadable says why a form could not be read: it is too large, or it is none.
func unreadable(err error) error {
	if errors.As(err, new(*http.MaxBytesError)) {
		return errFormSize.Because(err)
	}
	return errFormRead.Because(err)
}

// uploader returns who sends a file to a page of the book's staff, before anything of it is read: nobody else may hold a place, or
// have more time than a page has. Whoever has not signed in is told what any form of theirs is.
func (c *console) uploader(ctx context.Context, r *http.Request, read access.Scope, write ...access.Scope) (cashier, error) {
	who, err := c.readerOf(ctx, r, read)
	if errors.As(err, new(signInFirst)) {
		err = errForm
	}
	if err == nil && !mayAny(who, write) {
		err = access.ErrForbidden
	}
	return who, err
}

// holding waits for one of the places that few hold at once, and returns what gives it back.
func holding(ctx context.Context, places chan struct{}) (func(), error) {
	select {
	case places <- struct{}{}:
		return func() { <-places }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// holdsToken reports whether a form holds the token of the visitor's pages.
func (c *console) holdsToken(v *visit, given string) bool {
	want := c.formToken(v)
	return want != "" && subtle.ConstantTimeCompare([]byte(want), []byte(given)) == 1
}

// reasonGiven is why the visitor does what a form asks for.
func reasonGiven(r *http.Request) (string, error) {
	why := strings.TrimSpace(r.PostForm.Get("reason"))
	if why == "" {
		return "", errReason
	}
	return why, nil
}
