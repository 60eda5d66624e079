package pan

import "strings"

// pointed is how many bytes four groups of four digits take, with a byte between each two.
const pointed = 19

// pointedCard reports whether four groups of four digits with points or underscores between them are a card number that ends
// after the first judged bytes. Points and underscores are no gaps elsewhere, because fractions and ids are full of them.
func pointedCard(s string, judged int) bool {
	for _, between := range [...]byte{'.', '_'} {
		for from := 0; ; {
			at := strings.IndexByte(s[from:], between)
			if at < 0 {
				break
			}
			start := from + at - 4
			if from += at + 1; start < 0 || start+pointed > len(s) || start+pointed <= judged || start == 0 && judged > 0 {
				continue
			}
			if part(s, start-1) || part(s, start+pointed) {
				continue
			}
			if digits, ok := fours(s[start:start+pointed], between); ok && issued(digits) && luhn(digits) {
				return true
			}
		}
	}
	return false
}

// part reports whether the byte would belong to what stands beside it.
func part(s string, at int) bool {
	return at >= 0 && at < len(s) && (letter(s[at]) || decimal(s[at]) || s[at] >= 0x80)
}

// fours reads four groups of four digits.
func fours(s string, between byte) (digits []byte, ok bool) {
	for i := range len(s) {
		switch {
		case i%5 == 4 && s[i] == between:
		case i%5 != 4 && decimal(s[i]):
			digits = append(digits, s[i]-'0')
		default:
			return nil, false
		}
	}
	return digits, true
}
