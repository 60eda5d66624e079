package guard

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// What may stand in the trail and in approvals: texts that people can read, and JSON documents in one form.

var (
	actPattern      = regexp.MustCompile(`^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+$`)
	objectPattern   = regexp.MustCompile(`^[a-z][a-z0-9_-]*:.`)
	approvalPattern = regexp.MustCompile(`^ap_[a-z0-9]{16}$`)
)

// maxRaw bounds a document before it is compacted.
const maxRaw = 1 << 20

// Compact returns a JSON document without insignificant spaces, or false for what is none: broken, over 1 MiB, or not
// UTF-8.
func Compact(document []byte) (json.RawMessage, bool) {
	if len(document) > maxRaw || !utf8.Valid(document) {
		return nil, false
	}
	var b bytes.Buffer
	if err := json.Compact(&b, document); err != nil {
		return nil, false
	}
	return b.Bytes(), true
}

// line reports whether s is one line of readable text of at most most bytes.
func line(s string, most int) bool {
	return len(s) <= most && utf8.ValidString(s) && !strings.ContainsFunc(s, hidden)
}

// prose reports whether s is readable text of at most most bytes, with line breaks.
func prose(s string, most int) bool {
	return len(s) <= most && utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool {
		return hidden(r) && r != '\n' && r != '\r' && r != '\t'
	})
}

// hidden reports whether a character can hide or reorder what a second person reads: control characters, and invisible
// formatting such as the marks of writing direction. Joiners pass, because emoji and several scripts need them.
func hidden(r rune) bool {
	joiner := r == '\u200c' || r == '\u200d'
	return !joiner && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '\u2028' || r == '\u2029')
}
