// Text of one direction inside text of the other is set apart, or a minus and a full stop wander to the wrong end.

package locale

import (
	"strings"
	"unicode"
)

const (
	firstStrongIsolate = "\u2068"
	popIsolate         = "\u2069"
	leftToRightMark    = "\u200e"
	rightToLeftMark    = "\u200f"
)

// Isolate sets a text apart from the direction of what stands around it: U+2068 before, U+2069 after. Marks of the same kind
// inside the text, which could end the isolation early or turn what follows, are taken out.
func Isolate(s string) string {
	return firstStrongIsolate + strings.Map(func(r rune) rune {
		if '\u2066' <= r && r <= '\u2069' || '\u202a' <= r && r <= '\u202e' {
			return -1
		}
		return r
	}, s) + popIsolate
}

// isolated isolates a value inside a sentence of the language where directions could meet.
func (l Language) isolated(value string) string {
	if l.RightToLeft() || strings.ContainsFunc(value, turns) {
		return Isolate(value)
	}
	return value
}

// turns reports whether a character is of a script from right to left, or a mark that changes direction.
func turns(r rune) bool {
	return r >= 0x0590 && unicode.In(r, unicode.Arabic, unicode.Hebrew, unicode.Syriac, unicode.Thaana, unicode.Nko, unicode.Bidi_Control)
}
