package payouts

import (
	"unicode"
	"unicode/utf8"

	"mizan/ledger"
)

// Words that people and programs give: what may stand in a row for ever.

// isWord reports whether the text is empty or a word such as document_expired, of at most 64 bytes.
func isWord(text string) bool {
	for i, r := range text {
		if (r < 'a' || r > 'z') && (i == 0 || r != '_' && (r < '0' || r > '9')) {
			return false
		}
	}
	return len(text) <= 64
}

// isOwner reports whether the text is empty or an id.
func isOwner(text string) bool { return text == "" || ledger.IsSegment(text) }

// isLine reports whether the text is one readable line of at most so many bytes.
func isLine(text string, most int) bool {
	if len(text) > most || !utf8.ValidString(text) {
		return false
	}
	for _, r := range text {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r) {
			return false
		}
	}
	return true
}
