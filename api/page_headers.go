package api

import (
	"net/http"
	"net/url"
	"strings"
)

// Every page says what a browser may do with it: nothing but show it with this service's own styles and pictures and send
// its forms back here. A page may ask for less by itself; what it leaves out is added when its headers are sent.

// pagePolicy is the policy of a page that has none of its own. There is no script anywhere, so none is allowed.
const pagePolicy = "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

// permissions are what no page may ask a browser for.
const permissions = "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), magnetometer=(), microphone=(), midi=(), payment=(), " +
	"publickey-credentials-get=(), screen-wake-lock=(), usb=(), xr-spatial-tracking=()"

// transport has browsers come back by TLS only, for two years.
const transport = "max-age=63072000; includeSubDomains"

// page is what the headers of a page depend on. The zero value is no page.
type page struct {
	is bool
	// tells says that the page's address must not be handed on, because it may hold what signs somebody in.
	tells bool
}

// secure completes the headers of a page.
func (p page) secure(h http.Header) {
	if !p.is {
		return
	}
	for name, value := range map[string]string{
		"Content-Security-Policy": pagePolicy, "Referrer-Policy": "same-origin", "Cross-Origin-Opener-Policy": "same-origin",
		"Cross-Origin-Resource-Policy": "same-origin", "Permissions-Policy": permissions, "X-Frame-Options": "DENY",
	} {
		if h.Get(name) == "" {
			h.Set(name, value)
		}
	}
	if p.tells {
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
	}
}

// pageAt describes the page at an address.
func pageAt(u *url.URL) page {
	return page{is: true, tells: u.RawQuery != "" && strings.HasPrefix(u.Path, "/sign-in")}
}
