package api

import (
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"mizan/api/access"
	"mizan/ledger/fault"
)

// A caller shows who they are in one way: a key or a token of an issuer in the header Authorization, or the cookie of a
// session. Two ways at once are none, because each reader of the request could believe another of them.

// ErrCrossSite means that a browser sends what another site made it send.
var ErrCrossSite = fault.New(fault.Forbidden, "cross-site",
	"The request was begun by a page of another site, so nothing was done. Open this service in the browser itself and try again.")

// identify finds out who calls. It returns access.ErrUnauthenticated, access.ErrTooMany, or that it cannot be found out.
func (c *call) identify() (access.Principal, error) {
	given, cookies := c.r.Header["Authorization"], c.service.sessions(c.r)
	if len(given)+len(cookies) != 1 {
		return access.Principal{}, access.ErrUnauthenticated
	}
	if len(cookies) == 1 {
		session, err := c.service.access.Session(c.ctx, cookies[0].Value)
		return session.Principal, err
	}
	scheme, bearer, _ := strings.Cut(given[0], " ")
	switch {
	case !strings.EqualFold(scheme, "Bearer"):
		return access.Principal{}, access.ErrUnauthenticated
	case access.LooksLikeToken(bearer):
		return c.service.access.AuthenticateToken(c.ctx, bearer, ClientAddress(c.r))
	}
	return c.service.access.Authenticate(c.ctx, bearer, ClientAddress(c.r))
}

// sessions returns the cookies of sessions that a request carries. The name that holds in production is no cookie of
// development, and the other way round.
func (s *service) sessions(r *http.Request) []*http.Cookie {
	if r.Header["Cookie"] == nil {
		return nil
	}
	return r.CookiesNamed(access.CookieName(s.secure))
}

// fromHere refuses a request that would change something, carries the cookie of a session, and was begun by another site.
// What programs send has no cookie and may come from anywhere. The console refuses by itself, with a page; it is handed no
// cookie, so that it could do nothing for anybody even if it did not.
func (s *service) fromHere(r *http.Request) error {
	if len(s.sessions(r)) == 0 || s.crossOrigin.Check(r) == nil {
		return nil
	}
	if s.ofConsole(r) {
		r.Header.Del("Cookie")
		return nil
	}
	return ErrCrossSite
}

// ofConsole reports whether the console answers the request, and no operation does.
func (s *service) ofConsole(r *http.Request) bool {
	path := r.URL.Path
	switch {
	case s.console == nil, path == "/v1", strings.HasPrefix(path, "/v1/"), path == "/docs", strings.HasPrefix(path, "/docs/"):
		return false
	}
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch} {
		if s.router.Match(chi.NewRouteContext(), method, path) {
			return false
		}
	}
	return true
}

// behind makes a request say who is behind the proxies that are trusted: its RemoteAddr is then their client's address. A
// header that cannot be read leaves the address of the proxy, and whoever is no such proxy is believed nothing.
func behind(proxies []netip.Prefix, next http.Handler) http.Handler {
	if len(proxies) == 0 {
		return next
	}
	trusted := make([]string, len(proxies))
	for i, p := range proxies {
		trusted[i] = p.String()
	}
	return middleware.ClientIPFromXFF(trusted...)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if address := middleware.GetClientIP(r.Context()); address != "" {
			r.RemoteAddr = net.JoinHostPort(address, "0")
		}
		next.ServeHTTP(w, r)
	}))
}

// ClientAddress is where a request comes from, without its port; empty if that cannot be told.
func ClientAddress(r *http.Request) string {
	address, err := netip.ParseAddr(r.RemoteAddr)
	if err != nil {
		withPort, err := netip.ParseAddrPort(r.RemoteAddr)
		if err != nil {
			return ""
		}
		address = withPort.Addr()
	}
	return address.Unmap().WithZone("").String()
}
