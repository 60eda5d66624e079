package console

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"time"

	"mizan/api/access"
)

// A landing is the page that somebody asked for before we knew them. The browser keeps it while they sign in, and whoever
// could change it there could lead them nowhere but to a page of the console or the portal.

const (
	// maxLanding bounds the address of a landing, in bytes.
	maxLanding = 512
	// landingLifetime is how long a browser keeps it: as long as a link signs in.
	landingLifetime = access.LinkLifetime
)

// landingCookie is the name of the cookie with the page that a visitor asked for.
func (c *console) landingCookie() string {
	if c.Secure {
		return "__Host-mizan-landing"
	}
	return "mizan-landing"
}

// landing returns the address if somebody who signs in, and whose first page is home, may be led there: a plain path at or
// below home, with its query. The empty home stands for anybody's. Otherwise it returns "".
func landing(address, home string) string {
	if len(address) > maxLanding || strings.ContainsFunc(address, func(r rune) bool { return r <= ' ' || r > '~' || r == '\\' }) {
		return ""
	}
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || u.Opaque != "" || u.Fragment != "" || strings.Contains(address, "#") {
		return ""
	}
	homes := []string{"/console", "/portal"}
	if home != "" {
		homes = []string{home}
	}
	for _, at := range homes {
		if (u.Path == at || strings.HasPrefix(u.Path, at+"/")) && !strings.Contains(u.Path, "//") && !strings.Contains(u.Path, "..") && !strings.Contains(u.Path, `\`) {
			return address
		}
	}
	return ""
}

// keepLanding has the browser remember the page of the request.
func (c *console) keepLanding(w http.ResponseWriter, r *http.Request) {
	address := landing(r.URL.RequestURI(), "")
	if address == "" || r.Method != http.MethodGet {
		return
	}
	cookie := c.cookie(c.landingCookie(), base64.RawURLEncoding.EncodeToString([]byte(address))) // #nosec G124 -- c.cookie sets all three attributes
	// Whoever comes back from the issuer comes from another site, and would not bring a cookie that is for our own alone.
	cookie.SameSite, cookie.MaxAge = http.SameSiteLaxMode, int(landingLifetime/time.Second)
	http.SetCookie(w, cookie)
}

// land returns where somebody goes who has just signed in, and has the browser forget it.
func (c *console) land(w http.ResponseWriter, r *http.Request, session access.Session) string {
	home := (&visit{session: session}).home()
	sent := r.CookiesNamed(c.landingCookie())
	if len(sent) == 0 {
		return home
	}
	c.forget(w, c.landingCookie())
	if len(sent) > 1 || len(sent[0].Value) > 2*maxLanding {
		return home
	}
	raw, err := base64.RawURLEncoding.DecodeString(sent[0].Value)
	if address := landing(string(raw), home); err == nil && address != "" {
		return address
	}
	return home
}
