package access

import "strings"

// LooksSecret reports whether a text begins like a key, or like the token of a session or a link, and must not be shown.
func LooksSecret(s string) bool {
	return strings.HasPrefix(s, keyPrefix) || strings.HasPrefix(s, sessionPrefix) || strings.HasPrefix(s, linkPrefix)
}
