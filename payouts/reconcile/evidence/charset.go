// Banks write UTF-8, and older systems one byte for each letter. Bytes become text once, before anything is read from them.

package evidence

import (
	"bytes"
	"errors"
	"strings"
	"unicode/utf8"
)

var (
	errNotText  = errors.New("it is not text in its encoding")
	errEncoding = errors.New("its encoding is none of UTF-8, ISO-8859-1, ISO-8859-15 and windows-1252")
	byteOrder   = []byte("\xef\xbb\xbf")
)

// highWindows are the letters of windows-1252 from 0x80 to 0x9f, 0 where it has none; otherwise it is as ISO 8859-1.
var highWindows = [32]rune{0x20ac, 0, 0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160, 0x2039, 0x0152, 0, 0x017d, 0,
	0, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0, 0x017e, 0x0178}

// latin9 makes ISO 8859-15 of what was read as ISO 8859-1: they differ in the sign of the euro and seven letters.
var latin9 = strings.NewReplacer("\u00a4", "€", "\u00a6", "Š", "\u00a8", "š", "\u00b4", "Ž", "\u00b8", "ž", "\u00bc", "Œ", "\u00bd", "œ", "\u00be", "Ÿ")

// decode returns content as UTF-8 without a byte order mark. The encoding is "utf-8", "windows-1252", "iso-8859-1", or "" for
// UTF-8 if the bytes are that and windows-1252 if they are not. A NUL is refused in each: it is what UTF-16 is full of.
func decode(content []byte, encoding string) (string, error) {
	if bytes.IndexByte(content, 0) >= 0 {
		return "", errNotText
	}
	plain := bytes.TrimPrefix(content, byteOrder)
	if utf8.Valid(plain) && (encoding == "" || encoding == "utf-8") {
		return string(plain), nil
	}
	if encoding == "utf-8" {
		return "", errNotText
	}
	return fromBytes(content, encoding != "iso-8859-1")
}

// fromBytes reads one letter from each byte.
func fromBytes(content []byte, windows bool) (string, error) {
	var b strings.Builder
	b.Grow(len(content) + len(content)/8)
	for _, c := range content {
		r := rune(c)
		if windows && c >= 0x80 && c < 0xa0 {
			if r = highWindows[c-0x80]; r == 0 {
				return "", errNotText
			}
		}
		b.WriteRune(r)
	}
	return b.String(), nil
}
