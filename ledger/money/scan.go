// How decimal numbers are read and written: one strict grammar for amounts and rates, digits and one point, so that a
// string means the same number to every reader.

package money

// pow10 holds the powers of ten that digits, rates and conversions need.
var pow10 = [...]uint64{1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000,
	10_000_000_000, 100_000_000_000, 1_000_000_000_000}

// scanDecimal reads ^(0|[1-9][0-9]*)(\.[0-9]+)?$ with at most maxWhole digits before the point and maxDecimals after it, both
// at most 18. It returns the two groups of digits as numbers and how many decimals were written.
func scanDecimal(s string, maxWhole, maxDecimals int) (whole, fraction uint64, decimals int, ok bool) {
	if len(s) > maxWhole+1+maxDecimals {
		return 0, 0, 0, false
	}
	i := 0
	for ; i < len(s) && isDigit(s[i]); i++ {
		whole = whole*10 + uint64(s[i]-'0')
	}
	if i == 0 || i > maxWhole || (i > 1 && s[0] == '0') {
		return 0, 0, 0, false
	}
	if i == len(s) {
		return whole, 0, 0, true
	}
	decimals = len(s) - i - 1
	if s[i] != '.' || decimals == 0 || decimals > maxDecimals {
		return 0, 0, 0, false
	}
	for i++; i < len(s); i++ {
		if !isDigit(s[i]) {
			return 0, 0, 0, false
		}
		fraction = fraction*10 + uint64(s[i]-'0')
	}
	return whole, fraction, decimals, true
}

func isDigit(b byte) bool { return '0' <= b && b <= '9' }

// appendFraction appends fraction as exactly digits decimal digits, with leading zeros.
func appendFraction(dst []byte, fraction uint64, digits int) []byte {
	for place := digits - 1; place >= 0; place-- {
		dst = append(dst, byte('0'+fraction/pow10[place]%10))
	}
	return dst
}
