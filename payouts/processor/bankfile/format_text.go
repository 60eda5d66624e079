// The text of bank files: which characters an id may have, how a name is written, and what makes a number of an account or
// a bank a right one.

package bankfile

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// latinSigns are what the restricted Latin set of SEPA has besides letters and digits.
const latinSigns = "/-?:().,'+ "

// latinForms are letters and signs that do not come apart into a Latin letter and marks, as the European Payments Council
// writes them in the restricted set.
var latinForms = strings.NewReplacer(
	"ß", "ss", "ẞ", "SS", "æ", "ae", "Æ", "AE", "œ", "oe", "Œ", "OE", "ø", "o", "Ø", "O", "đ", "d", "Đ", "D", "ð", "d", "Ð", "D",
	"ł", "l", "Ł", "L", "þ", "th", "Þ", "TH", "ħ", "h", "Ħ", "H", "ı", "i", "ŋ", "n", "Ŋ", "N", "ŧ", "t", "Ŧ", "T",
	"’", "'", "‘", "'", "`", "'", "–", "-", "—", "-", "_", "-", "&", "+", "\u00a0", " ")

func digit(c byte) bool    { return '0' <= c && c <= '9' }
func upper(c byte) bool    { return 'A' <= c && c <= 'Z' }
func lower(c byte) bool    { return 'a' <= c && c <= 'z' }
func alnum(c byte) bool    { return digit(c) || upper(c) || lower(c) }
func size(s string) int    { return utf8.RuneCountInString(s) }
func digits(s string) bool { return s != "" && every(s, digit) }

// every reports whether all bytes of a text are of a kind.
func every(s string, is func(byte) bool) bool {
	for i := range len(s) {
		if !is(s[i]) {
			return false
		}
	}
	return true
}

// identifier reports whether an id is of the restricted Latin set and SEPA's rules: no slash at an end, no two together.
func identifier(s string, most int) bool {
	return s != "" && len(s) <= most && s == strings.TrimSpace(s) && s[0] != '/' && s[len(s)-1] != '/' && !strings.Contains(s, "//") &&
		every(s, func(c byte) bool { return alnum(c) || strings.IndexByte(latinSigns, c) >= 0 })
}

// ours reports whether an id is one of our payments: letters, digits and underscores. The restricted set has no underscore,
// and banks refuse it or change it, so files have a hyphen in its place, which no id of ours has.
func ours(s string) bool {
	return s != "" && len(s) <= 35 && every(s, func(c byte) bool { return alnum(c) || c == '_' })
}

// abroad is an id of ours as files have it, and home the same id as we have it.
func abroad(id string) string { return strings.ReplaceAll(id, "_", "-") }
func home(id string) string   { return strings.ReplaceAll(id, "-", "_") }

// text returns a name or a reference as it stands in a file of this debtor, and whether it can. SEPA and NACHA have Latin
// letters only: marks are taken off (Nguyễn is Nguyen), and what has no Latin form is refused, since a guess could be
// another person's name. All other banks take UTF-8, so letters of every script stay as they are. Signs that spreadsheets
// take for a formula cannot begin a text, and control, direction and invisible characters are in none.
func (d Debtor) text(s string) (string, bool) {
	if !utf8.ValidString(s) || len(s) > 1000 || strings.TrimSpace(s) != s || s == "" {
		return "", false
	}
	if d.Format == NACHA || d.sepa() {
		s = latin(s)
		if !every(s, func(c byte) bool { return alnum(c) || strings.IndexByte(latinSigns, c) >= 0 }) {
			return "", false
		}
		if strings.Contains(s, "//") || strings.HasSuffix(s, "/") {
			return "", false
		}
	}
	for _, r := range s {
		known := unicode.In(r, unicode.L, unicode.M, unicode.Nd) || r == '&' || r < utf8.RuneSelf && strings.ContainsRune(latinSigns, r)
		if !known || r > 0xffff || r == utf8.RuneError || unicode.Is(unicode.Variation_Selector, r) {
			return "", false
		}
	}
	first, _ := utf8.DecodeRuneInString(s)
	return s, unicode.In(first, unicode.L, unicode.Nd)
}

// latin writes a text with plain Latin letters as far as they have such a form. Marks may be part of their letter or follow
// it; one that follows no Latin letter stays, and so the text is refused.
func latin(s string) string {
	var out strings.Builder
	letter := false
	for _, r := range latinForms.Replace(s) {
		if p, ok := plain[r]; ok {
			r = p
		}
		if letter && r >= 0x300 && r <= 0x36f {
			continue
		}
		letter = r < utf8.RuneSelf && (upper(byte(r)) || lower(byte(r))) // #nosec G115 -- below 128, as the condition says
		out.WriteRune(r)
	}
	return out.String()
}

// countryCode reports whether a text has the form of a country's code.
func countryCode(s string) bool { return len(s) == 2 && every(s, upper) }

// bic reports whether a text is a bank's BIC of 8 or 11 characters.
func bic(s string) bool {
	return (len(s) == 8 || len(s) == 11) && every(s[:6], upper) && every(s[6:], func(c byte) bool { return digit(c) || upper(c) })
}

// iban reports whether a text is an IBAN, without spaces and with right check digits.
func iban(s string) bool {
	if len(s) < 15 || len(s) > 34 || !looksIBAN(s) || !every(s, func(c byte) bool { return digit(c) || upper(c) }) {
		return false
	}
	rest := 0
	for _, c := range []byte(s[4:] + s[:4]) {
		if digit(c) {
			rest = (rest*10 + int(c-'0')) % 97
		} else {
			rest = (rest*100 + int(c-'A') + 10) % 97
		}
	}
	return rest == 1
}

// looksIBAN reports whether an account begins as an IBAN does, and so must be one.
func looksIBAN(s string) bool {
	return len(s) >= 4 && upper(s[0]) && upper(s[1]) && digit(s[2]) && digit(s[3])
}

// routing reports whether a text is an American routing number: nine digits of which the last checks the others.
func routing(s string) bool {
	if len(s) != 9 || !digits(s) || s == "000000000" {
		return false
	}
	sum := 0
	for i, weight := range [9]int{3, 7, 1, 3, 7, 1, 3, 7, 1} {
		sum += weight * int(s[i]-'0')
	}
	return sum%10 == 0
}
