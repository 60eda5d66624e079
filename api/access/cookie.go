package access

// A cookie carries a session's token. In production its name begins with __Host-, which browsers accept only over TLS, for
// this host alone and for every path.

const (
	// CookieSecure is the cookie's name in production.
	CookieSecure = "__Host-mizan"
	// CookiePlain is its name in development, where pages come over plain HTTP.
	CookiePlain = "mizan"
)

// CookieName returns the name of the cookie that carries sessions; secure says whether pages come over TLS.
func CookieName(secure bool) string {
	if secure {
		return CookieSecure
	}
	return CookiePlain
}
