package pan

// Account numbers are no card numbers, though their digits are grouped in the same way: what belongs to an IBAN whose check
// digits are right is left alone.

const (
	shortestIBAN = 15
	longestIBAN  = 34
	// reach is how far before a part of an IBAN its beginning may stand, gaps included.
	reach = longestIBAN + longestIBAN/4
)

// Account reports whether a text is the number of a bank account, an IBAN with right check digits.
func Account(s string) bool {
	return len(s) >= shortestIBAN && letter(s[0]) && letter(s[1]) && decimal(s[2]) && decimal(s[3]) && checks(s, len(s))
}

// insideIBAN reports whether text[start:end] lies in an IBAN.
func insideIBAN(text string, start, end int) bool {
	for at := max(0, start-reach); at <= start; at++ {
		if at+4 <= len(text) && letter(text[at]) && letter(text[at+1]) && decimal(text[at+2]) && decimal(text[at+3]) &&
			(at == 0 || !letter(text[at-1]) && !decimal(text[at-1])) && checks(text[at:], end-at) {
			return true
		}
	}
	return false
}

// checks reports whether an IBAN begins with the text and reaches at least so far.
func checks(text string, far int) bool {
	// The country and its check digits count last.
	head, rest, size := 0, 0, 4
	for i := range 4 {
		head = append97(head, text[i])
	}
	shift := 1
	for range 6 { // two letters are four digits, and two digits two
		shift = shift * 10 % 97
	}
	for i := 4; i < len(text) && size < longestIBAN; i++ {
		c := text[i]
		if c == ' ' && text[i-1] != ' ' {
			continue
		}
		if !letter(c) && !decimal(c) {
			break
		}
		rest, size = append97(rest, c), size+1
		if i+1 >= far && size >= shortestIBAN && (rest*shift+head)%97 == 1 {
			return true
		}
	}
	return false
}

// append97 appends a character to a number of which only the remainder by 97 is kept.
func append97(n int, c byte) int {
	if decimal(c) {
		return (n*10 + int(c-'0')) % 97
	}
	return (n*100 + int(c|0x20-'a') + 10) % 97
}

func letter(c byte) bool  { return c|0x20 >= 'a' && c|0x20 <= 'z' }
func decimal(c byte) bool { return c >= '0' && c <= '9' }
