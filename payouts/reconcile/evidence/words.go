// Words are what a bank writes for people and for references. They come out on one line, without what a screen could be
// misled by, and no longer than a screen shows.

package evidence

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// maxText is how many runes of a text are kept, and maxReference of a reference.
	maxText      = 500
	maxReference = 140
)

// text joins what is not empty and returns it on one line of at most maxText runes.
func text(pieces ...string) string {
	return oneLine(maxText, pieces...)
}

// reference returns a reference on one line, "" for the words that mean that there is none.
func reference(s string) string {
	s = oneLine(maxReference, s)
	switch strings.ToUpper(s) {
	case "NOTPROVIDED", "NONREF", "NOT PROVIDED":
		return ""
	}
	return s
}

// oneLine joins the pieces with single spaces, and drops control characters and marks that turn the direction of writing.
func oneLine(most int, pieces ...string) string {
	var b strings.Builder
	count, space := 0, false
	for _, piece := range pieces {
		space = b.Len() > 0
		for _, r := range piece {
			switch {
			case unicode.IsSpace(r) || unicode.IsControl(r) || r == utf8.RuneError:
				space = b.Len() > 0
				continue
			case unicode.Is(unicode.Cf, r) && r != '\u200c' && r != '\u200d': // these two are letters' neighbours in Persian and Hindi
				continue
			}
			if space {
				if count+2 > most {
					return b.String()
				}
				b.WriteByte(' ')
				count++
				space = false
			}
			if count == most {
				return b.String()
			}
			b.WriteRune(r)
			count++
		}
	}
	return b.String()
}

// spaceless returns an account number without its spaces.
func spaceless(s string) string {
	return strings.Clone(strings.Map(func(r rune) rune { // a copy, so that the file is not kept alive
		if unicode.IsSpace(r) || unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == utf8.RuneError {
			return -1
		}
		return r
	}, s))
}
