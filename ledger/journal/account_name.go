package journal

// Account names of beancount: a part begins with a capital or a digit and goes on with letters, digits and hyphens. Our
// addresses know small and capital letters, digits, underscores, hyphens and points everywhere. So names are written in a
// way that reads well for usual addresses and is different for every different address.

import "strings"

// AccountName returns the name of an address in beancount. The first letter of each part becomes a capital; inside a part
// an underscore becomes "--", a hyphen "-h" and a point "-d". A part that begins with none of a to z and 0 to 9 is
// written in full after "X-c". So liabilities:seller:available:sel_uk is Liabilities:Seller:Available:Sel--uk, and
// orders:UK-1 is Orders:X-cUK-h1.
//
// No two addresses have the same name: after a hyphen the next character always says which character is meant, and only
// "X-c" has a c there.
func AccountName(address string) string {
	b := make([]byte, 0, len(address)+8)
	first := true
	for i := range len(address) {
		c := address[i]
		switch {
		case c == ':':
			b = append(b, ':')
			first = true
			continue
		case first && 'a' <= c && c <= 'z':
			b = append(b, c-'a'+'A')
		case first && (c < '0' || c > '9'):
			b = appendPart(append(b, "X-c"...), c)
		default:
			b = appendPart(b, c)
		}
		first = false
	}
	return string(b)
}

func appendPart(b []byte, c byte) []byte {
	switch c {
	case '_':
		return append(b, "--"...)
	case '-':
		return append(b, "-h"...)
	case '.':
		return append(b, "-d"...)
	}
	return append(b, c)
}

// metaName returns the name of a metadata key in beancount, where only letters, digits, underscores and hyphens stand: a
// hyphen is written "--" and a point "-d", after "m-", which keeps it apart from the names of our own.
func metaName(key string) string {
	return "m-" + strings.NewReplacer("-", "--", ".", "-d").Replace(key)
}
