// An amount is a number of minor units: cents, fils, whole yen. Inside it is an integer that may be negative (a debit, a
// difference); at the border it is a decimal string that may not. This file holds the one way in, the one way out, and
// sums that cannot overflow unnoticed.

package money

import (
	"errors"
	"math"
	"math/bits"
	"strconv"

	"mizan/ledger/fault"
)

// Errors of amounts. Their codes are also the codes of the offending request field.
var (
	// ErrAmountFormat means that a string is not an amount by the grammar of ParseAmount.
	ErrAmountFormat = fault.New(fault.Invalid, "amount-format",
		"The amount cannot be read. Write digits with a point before the decimals and nothing else, such as 1250.00.")
	// ErrAmountDigits means that an amount has more decimals than its currency.
	ErrAmountDigits = fault.New(fault.Invalid, "amount-digits",
		"The amount has more decimals than its currency. Round it before sending.")
	// ErrAmountZero means that an amount must be more than zero.
	ErrAmountZero = fault.New(fault.Invalid, "amount-zero", "The amount must be more than zero. Leave out lines of zero.")
	// ErrAmountNegative means that an amount must not be less than zero. Direction is debit or credit, not a sign.
	ErrAmountNegative = fault.New(fault.Invalid, "amount-negative",
		"The amount must not be negative. Use the other side of the entry instead.")
	// ErrUnit means that an amount is not a multiple of the unit it must be posted or paid in, or that the unit is not
	// positive.
	ErrUnit = fault.New(fault.Invalid, "amount-unit",
		"The amount is not a multiple of the smallest unit that can be posted in this currency. Round it before sending.")
	// ErrOverflow means that a result does not fit the ledger.
	ErrOverflow = fault.New(fault.Invalid, "amount-overflow",
		"The result is too large for the ledger. Split the transaction into smaller ones.")
)

// errBareAmount is a defect of ours, not of a request: somebody left the currency out of a document.
var errBareAmount = errors.New("money: an amount needs its currency; use Format and ParseAmount")

// Minor is an amount in minor units of ISO 4217: 1250 is USD 12.50, JPY 1250 and KWD 1.250. The zero value is zero. It may
// be negative inside the ledger, never at its border.
type Minor int64

// Max is the largest amount the grammar of ParseAmount admits in any currency, 999999999999999.999 in one with three
// digits. It leaves room for nine such amounts in a Minor. Currency.Max is the bound for one currency.
const Max Minor = 999_999_999_999_999_999

const (
	amountWhole       = 999_999_999_999_999
	amountWholeDigits = 15
	amountDecimals    = 3
)

// ParseAmount reads an amount by the grammar ^(0|[1-9][0-9]{0,14})(\.[0-9]{1,3})?$ with at most c.Digits() decimals. Zero
// is accepted. It takes time in proportion to the string up to 19 bytes and refuses longer ones at once; no decimal library
// sees the string, because such libraries also read ".-5" and "1e2147483647".
//
// Errors: ErrCurrency if c is not Known, ErrAmountFormat, ErrAmountDigits. None repeats the string.
func ParseAmount(s string, c Currency) (Minor, error) {
	row, _ := c.find()
	if row == nil {
		return 0, ErrCurrency
	}
	whole, fraction, decimals, ok := scanDecimal(s, amountWholeDigits, amountDecimals)
	if !ok {
		return 0, ErrAmountFormat
	}
	digits := int(row.iso)
	switch {
	case decimals <= digits:
		return Minor(whole*pow10[digits] + fraction*pow10[digits-decimals]), nil // #nosec G115 -- below 10^18 by the grammar and the digits of the currency
	case digits == 0:
		return 0, ErrAmountDigits.Withf("%s has no decimals. Write a whole number.", row.code)
	default:
		return 0, ErrAmountDigits.Withf("%s has %d decimals. Round the amount before sending.", row.code, digits)
	}
}

// ParsePositive is ParseAmount for an amount that must be more than zero. It also returns ErrAmountZero.
func ParsePositive(s string, c Currency) (Minor, error) {
	m, err := ParseAmount(s, c)
	if err == nil && m == 0 {
		err = ErrAmountZero
	}
	return m, err
}

// Format returns the amount as a decimal string with exactly c.Digits() decimals and the sign in front: "12.50", "-0.05",
// "1250". What ParseAmount accepts comes back as the same number. It panics if c is not Known.
func (m Minor) Format(c Currency) string {
	var buffer [maxFormatted]byte
	return string(m.AppendFormat(buffer[:0], c))
}

// maxFormatted is the length of the longest formatted amount: a sign, 19 digits and a point.
const maxFormatted = 21

// AppendFormat appends what Format returns to dst. It does not allocate if dst has room for 21 more bytes.
func (m Minor) AppendFormat(dst []byte, c Currency) []byte {
	digits := c.row().iso
	magnitude := m.magnitude()
	if m < 0 {
		dst = append(dst, '-')
	}
	dst = strconv.AppendUint(dst, magnitude/pow10[digits], 10)
	if digits == 0 {
		return dst
	}
	return appendFraction(append(dst, '.'), magnitude%pow10[digits], int(digits))
}

// magnitude returns |m|, which for the least Minor does not fit a Minor.
func (m Minor) magnitude() uint64 {
	if m < 0 {
		return -uint64(m) // #nosec G115 -- in two's complement this is |m|, also of the least number
	}
	return uint64(m)
}

// signed is the inverse of magnitude. It returns ErrOverflow if the number is not a Minor.
func signed(negative bool, magnitude uint64) (Minor, error) {
	switch {
	case !negative && magnitude <= math.MaxInt64:
		return Minor(magnitude), nil
	case negative && magnitude <= 1<<63:
		return Minor(-magnitude), nil // #nosec G115 -- in two's complement this is -magnitude, which is at most 2^63
	default:
		return 0, ErrOverflow
	}
}

// Add returns a + b, or ErrOverflow.
func Add(a, b Minor) (Minor, error) {
	sum := a + b
	if (sum > a) != (b > 0) && b != 0 {
		return 0, ErrOverflow
	}
	return sum, nil
}

// Sub returns a - b, or ErrOverflow.
func Sub(a, b Minor) (Minor, error) {
	difference := a - b
	if (difference < a) != (b > 0) && b != 0 {
		return 0, ErrOverflow
	}
	return difference, nil
}

// Neg returns -a, or ErrOverflow for the least Minor, whose opposite does not exist.
func Neg(a Minor) (Minor, error) {
	if a == math.MinInt64 {
		return 0, ErrOverflow
	}
	return -a, nil
}

// Sum returns the sum of the amounts, 0 for none, or ErrOverflow. Only the final sum must fit, so the answer does not
// depend on the order of the amounts.
func Sum(amounts ...Minor) (Minor, error) {
	var high int64 // with low, a signed number of 128 bits
	var low uint64
	for _, a := range amounts {
		var carry uint64
		low, carry = bits.Add64(low, uint64(a), 0) // #nosec G115 -- the lower half of the number in 128 bits; its sign is carried by the next line
		high += int64(a)>>63 + int64(carry)        // #nosec G115 -- the carry is 0 or 1
	}
	if high != int64(low)>>63 {
		return 0, ErrOverflow
	}
	return Minor(low), nil
}

// MarshalJSON always fails: a number without its currency says nothing, and JSON numbers lose digits above 2^53. Put
// Format(currency) into the document.
func (m Minor) MarshalJSON() ([]byte, error) { return nil, errBareAmount }

// UnmarshalJSON always fails, for the same reasons. Read a string and use ParseAmount.
func (m *Minor) UnmarshalJSON([]byte) error { return errBareAmount }
