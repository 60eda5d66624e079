// The :86: field says what a movement of MT940 was about. Banks write it in three ways: as numbered fields after a business
// code ("166?00TRANSFER?20EREF+…"), as words between slashes ("/EREF/…/REMI/…"), and as plain text.

package evidence

import (
	"strings"
)

// swiftKeys are the words between slashes that banks use. Others are text.
var swiftKeys = map[string]bool{"EREF": true, "KREF": true, "MREF": true, "MARF": true, "CRED": true, "CSID": true, "DEBT": true, "PREF": true, "IREF": true,
	"REMI": true, "NAME": true, "IBAN": true, "BIC": true, "TRTP": true, "ORDP": true, "BENM": true, "ISDT": true, "ULTC": true, "ULTD": true,
	"PURP": true, "RTRN": true, "TRCD": true, "ADDR": true, "ID": true, "CNTP": true, "UCRD": true, "UDTR": true, "CDTRREF": true, "SVCL": true}

// germanKeys are the words before a plus in numbered fields.
var germanKeys = []string{"EREF+", "KREF+", "MREF+", "CRED+", "DEBT+", "COAM+", "OAMT+", "SVWZ+", "ABWA+", "ABWE+", "BIC+", "IBAN+", "PURP+", "RREF+"}

// swiftInfo is what was found in a :86: field.
type swiftInfo struct {
	code, endToEnd, mandate, batch string
	words                          []string
}

// inform adds to a line what is said about it.
func (m *swiftMessage) inform(line *Line, f *swiftField) {
	joined := strings.Join(f.lines, "")
	var info swiftInfo
	switch {
	case len(joined) > 4 && isDigits(joined[:3]) && joined[3] == '?':
		info = numbered(joined)
	case strings.HasPrefix(joined, "/") && strings.Count(joined, "/") > 1:
		info = slashed(joined)
	default:
		info.words = f.lines
	}
	if info.code != "" {
		line.Code = oneLine(maxReference, line.Code+"/"+info.code)
	}
	line.EndToEnd = firstOf(reference(info.endToEnd), line.EndToEnd)
	line.Mandate = reference(info.mandate)
	line.Batch = reference(info.batch)
	line.Text = text(append(info.words, line.Text)...)
}

// numbered reads "166?00…?20…?32…": 20 to 29 and 60 to 63 are the remittance text, 32 and 33 the name.
func numbered(s string) swiftInfo {
	info := swiftInfo{code: s[:3]}
	var remittance, name strings.Builder
	for _, field := range strings.Split(s[4:], "?") {
		if len(field) < 2 || !isDigits(field[:2]) {
			remittance.WriteString("?" + field) // a question of the payer, and no separator
			continue
		}
		switch number, value := field[:2], field[2:]; {
		case number >= "20" && number <= "29", number >= "60" && number <= "63":
			remittance.WriteString(value)
		case number == "32", number == "33":
			name.WriteString(value)
		}
	}
	words := remittance.String()
	for _, piece := range cutBefore(words, germanKeys) {
		key, value, _ := strings.Cut(piece, "+")
		switch key + "+" {
		case "EREF+":
			info.endToEnd = value
		case "MREF+":
			info.mandate = value
		case "KREF+":
			info.batch = value
		case "SVWZ+":
			info.words = append(info.words, value)
		default:
			if !startsWithOne(piece, germanKeys) {
				info.words = append(info.words, piece)
			}
		}
	}
	info.words = append(info.words, name.String())
	return info
}

// cutBefore cuts a text before each of the keys, all of which end with a plus.
func cutBefore(s string, keys []string) []string {
	var pieces []string
	start := 0
	for i := range len(s) {
		if s[i] != '+' {
			continue
		}
		for _, k := range keys {
			if at := i + 1 - len(k); at > start && strings.HasSuffix(s[:i+1], k) {
				pieces = append(pieces, s[start:at])
				start = at
				break
			}
		}
	}
	return append(pieces, s[start:])
}

// startsWithOne reports whether a text starts with one of the keys.
func startsWithOne(s string, keys []string) bool {
	for _, k := range keys {
		if strings.HasPrefix(s, k) {
			return true
		}
	}
	return false
}

// slashed reads "/EREF/…/REMI/…": a known word between slashes begins a value, which lasts until the next.
func slashed(s string) swiftInfo {
	var info swiftInfo
	key, start := "", 0
	flush := func(end int) {
		value := strings.Trim(s[start:end], "/ ")
		switch key {
		case "EREF":
			info.endToEnd = value
		case "MARF", "MREF":
			info.mandate = value
		case "PREF":
			info.batch = value
		case "REMI":
			info.words = append(info.words, strings.TrimPrefix(value, "USTD//"))
		case "NAME", "":
			info.words = append(info.words, value)
		}
	}
	for i := 0; i < len(s); {
		if s[i] == '/' {
			if end := strings.IndexByte(s[i+1:min(len(s), i+10)], '/'); end > 0 && swiftKeys[s[i+1:i+1+end]] {
				flush(i)
				key, start = s[i+1:i+1+end], i+2+end
				i = start
				continue
			}
		}
		i++
	}
	flush(len(s))
	return info
}
