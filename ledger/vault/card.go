package vault

import (
	"regexp"
	"strings"
	"unicode"
)

// Card numbers are refused wherever they might be typed. Mizan never needs one, and whoever stores one has the rules of the
// card industry to follow.
//
// A card number is a number of a length and a beginning that some scheme uses, whose last digit fits (Luhn). Digits may
// stand apart by spaces, dashes or points. How closely is looked depends on what belongs in the field:
//   - In texts (names, addresses) each series of groups of digits that makes a card number is refused.
//   - In a telephone number written with + or 00 the 13 digits of an old Visa number are not taken for one, because German
//     mobile numbers begin and are as long like those.
//   - In ids of persons and tax payers, and of documents, only numbers of 15 and 16 digits are refused, because ids of 13, 14 and 18 digits
//     that end like card numbers are common (South Africa, Thailand, China).
//   - In reasons the rule is that of all texts that callers write, which leaves the ids of shops alone: see package pan.
//   - In bank fields only numbers of exactly 16 digits are refused, and never an IBAN whose check digits are right:
//     account numbers have any length and beginning. An account number of 16 digits that looks like a card in everything is
//     refused; its IBAN, or the account with its bank's number before it, is taken.

// digits reads a text as groups of decimal digits of any script; anything but spaces, dashes and points between two groups
// separates them into different runs.
func digits(text string) (runs [][]string) {
	var groups []string
	var group strings.Builder
	endGroup := func() {
		if group.Len() > 0 {
			groups = append(groups, group.String())
			group.Reset()
		}
	}
	for _, r := range text {
		switch d, ok := digit(r); {
		case ok:
			group.WriteByte('0' + d)
		case r == '.' || unicode.Is(unicode.Pd, r) || unicode.IsSpace(r) || unicode.Is(unicode.Zs, r) || r == zeroWidthNonJoiner || r == zeroWidthJoiner:
			endGroup()
		default:
			endGroup()
			if groups != nil {
				runs, groups = append(runs, groups), nil
			}
		}
	}
	endGroup()
	if groups != nil {
		runs = append(runs, groups)
	}
	return runs
}

// digit returns the value of a decimal digit of any script. The blocks of ten begin where the table's ranges begin.
func digit(r rune) (byte, bool) {
	if r <= unicode.MaxASCII {
		return byte(r - '0'), '0' <= r && r <= '9'
	}
	for _, in := range unicode.Nd.R16 {
		if rune(in.Lo) <= r && r <= rune(in.Hi) {
			return byte((r - rune(in.Lo)) % 10), true
		}
	}
	for _, in := range unicode.Nd.R32 {
		if rune(in.Lo) <= r && r <= rune(in.Hi) {
			return byte((r - rune(in.Lo)) % 10), true
		}
	}
	return 0, false
}

// textHasCard reports whether neighbouring groups of digits make a card number of an allowed length.
func textHasCard(text string, allowed func(length int) bool) bool {
	const longest = 19
	for _, groups := range digits(text) {
		for from := range groups {
			number := ""
			for _, g := range groups[from:] {
				if number += g; len(number) > longest {
					break
				}
				if allowed(len(number)) && isCard(number) {
					return true
				}
			}
		}
	}
	return false
}

func anyLength(int) bool          { return true }
func notThirteen(n int) bool      { return n != 13 }
func idLengths(n int) bool        { return n == 15 || n == 16 }
func sixteenOnly(n int) bool      { return n == 16 }
func international(s string) bool { return strings.HasPrefix(s, "+") || strings.HasPrefix(s, "00") }

// bankHasCard looks for a number of exactly 16 digits, either a whole run or one group of it.
func bankHasCard(text string) bool {
	if isIBAN(text) {
		return false
	}
	for _, groups := range digits(text) {
		for _, number := range append(groups, strings.Join(groups, "")) {
			if sixteenOnly(len(number)) && isCard(number) {
				return true
			}
		}
	}
	return false
}

var ibanShape = regexp.MustCompile(`^[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}$`)

// isIBAN reports whether the text is an IBAN with the right check digits.
func isIBAN(text string) bool {
	text = strings.ToUpper(strings.NewReplacer(" ", "", "-", "").Replace(text))
	if !ibanShape.MatchString(text) {
		return false
	}
	rest := 0
	for _, r := range text[4:] + text[:4] {
		if r >= 'A' {
			rest = (rest*100 + int(r-'A') + 10) % 97
		} else {
			rest = (rest*10 + int(r-'0')) % 97
		}
	}
	return rest == 1
}

// scheme is a beginning of card numbers, compared digit by digit with the bounds, and the lengths it is used with.
type scheme struct {
	from, to string
	lengths  []int
}

var schemes = []scheme{
	{"4", "4", []int{13, 16, 19}},                       // Visa
	{"51", "55", []int{16}},                             // Mastercard
	{"2221", "2720", []int{16}},                         // Mastercard
	{"34", "34", []int{15}},                             // American Express
	{"37", "37", []int{15}},                             // American Express
	{"300", "305", []int{14, 16, 17, 18, 19}},           // Diners Club
	{"3095", "3095", []int{14, 16, 17, 18, 19}},         // Diners Club
	{"36", "36", []int{14, 16, 17, 18, 19}},             // Diners Club
	{"38", "39", []int{14, 16, 17, 18, 19}},             // Diners Club
	{"6011", "6011", []int{16, 17, 18, 19}},             // Discover
	{"644", "659", []int{16, 17, 18, 19}},               // Discover
	{"62", "62", []int{16, 17, 18, 19}},                 // UnionPay
	{"81", "82", []int{16, 17, 18, 19}},                 // UnionPay, RuPay
	{"3528", "3589", []int{16, 17, 18, 19}},             // JCB
	{"2200", "2204", []int{16, 17, 18, 19}},             // Mir
	{"508", "508", []int{16}},                           // RuPay
	{"60", "60", []int{16}},                             // RuPay
	{"5018", "5018", []int{13, 14, 15, 16, 17, 18, 19}}, // Maestro
	{"5020", "5020", []int{13, 14, 15, 16, 17, 18, 19}}, // Maestro
	{"5038", "5038", []int{13, 14, 15, 16, 17, 18, 19}}, // Maestro
	{"5893", "5893", []int{13, 14, 15, 16, 17, 18, 19}}, // Maestro
	{"6304", "6304", []int{13, 14, 15, 16, 17, 18, 19}}, // Maestro
	{"6759", "6763", []int{13, 14, 15, 16, 17, 18, 19}}, // Maestro
	{"9792", "9792", []int{16}},                         // Troy
}

func isCard(number string) bool {
	for _, s := range schemes {
		begins := number[:min(len(s.from), len(number))]
		if s.from <= begins && begins <= s.to && contains(s.lengths, len(number)) {
			return luhn(number)
		}
	}
	return false
}

func contains(lengths []int, n int) bool {
	for _, l := range lengths {
		if l == n {
			return true
		}
	}
	return false
}

// luhn reports whether the last digit fits the others.
func luhn(number string) bool {
	sum := 0
	for i := range len(number) {
		d := int(number[len(number)-1-i] - '0')
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}
