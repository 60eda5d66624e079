// A rate is the exact decimal of a rule: a commission of 6.5 %, a tax of 20 %, a share of 33.33, a price of 1.2573 dollars
// for a pound. It multiplies an amount without loss, and the product is rounded once.

package money

import (
	"cmp"
	"math/big"
	"math/bits"
	"strconv"
	"strings"

	"mizan/ledger/fault"
)

// Errors of rates.
var (
	// ErrRateFormat means that a string is not a rate by the grammar of ParseRate or Percent.
	ErrRateFormat = fault.New(fault.Invalid, "rate-format",
		"The rate cannot be read. Write digits with a point before the decimals and nothing else, such as 0.065.")
	// ErrRateRange means that a rate is a number, but not one that can be used here.
	ErrRateRange = fault.New(fault.Invalid, "rate-range", "The rate is outside the range that is possible here. Correct the rate.")
)

const (
	rateDecimals    = 12
	rateWholeDigits = 9
	rateScale       = 1_000_000_000_000
	rateWholeLimit  = 1_000_000_000
)

// Rate is an exact decimal from 0 to 999999999.999999999999: a fraction (0.065 is 6.5 %), a weight or a price. The zero
// value is 0. Equal rates are equal with ==, whatever zeros they were written with. In JSON it is a string.
type Rate struct {
	whole    uint32
	fraction uint64 // in 10^-12
}

// ParseRate reads a rate by the grammar ^(0|[1-9][0-9]{0,8})(\.[0-9]{1,12})?$: no sign, no exponent, bounded in size.
// Anything else returns ErrRateFormat.
func ParseRate(s string) (Rate, error) {
	whole, fraction, decimals, ok := scanDecimal(s, rateWholeDigits, rateDecimals)
	if !ok {
		return Rate{}, ErrRateFormat
	}
	return Rate{uint32(whole), fraction * pow10[rateDecimals-decimals]}, nil // #nosec G115 -- the grammar admits nine digits
}

// MustRate is ParseRate for constants of the program. It panics on an error.
func MustRate(s string) Rate {
	r, err := ParseRate(s)
	if err != nil {
		panic("money: MustRate: " + err.Error())
	}
	return r
}

// Percent reads a percentage: "6.5" is the rate 0.065. The grammar is that of ParseRate with at most ten decimals, so that
// the rate is exact; anything else returns ErrRateFormat.
func Percent(s string) (Rate, error) {
	const decimalsOfPercent = rateDecimals - 2
	whole, fraction, decimals, ok := scanDecimal(s, rateWholeDigits, decimalsOfPercent)
	if !ok {
		return Rate{}, ErrRateFormat
	}
	hundredths := fraction * pow10[decimalsOfPercent-decimals]
	return Rate{uint32(whole / 100), whole%100*pow10[decimalsOfPercent] + hundredths}, nil // #nosec G115 -- the grammar admits nine digits
}

// MustPercent is Percent for constants of the program. It panics on an error.
func MustPercent(s string) Rate {
	r, err := Percent(s)
	if err != nil {
		panic("money: MustPercent: " + err.Error())
	}
	return r
}

// String returns the rate in canonical form, without needless zeros: "0.065", "20". ParseRate reads it back.
func (r Rate) String() string { return decimalString(uint64(r.whole), r.fraction, rateDecimals) }

// Percentage returns the rate as a percentage in canonical form, without the sign: "6.5" for 0.065.
func (r Rate) Percentage() string {
	const decimals = rateDecimals - 2
	return decimalString(uint64(r.whole)*100+r.fraction/pow10[decimals], r.fraction%pow10[decimals], decimals)
}

func decimalString(whole, fraction uint64, decimals int) string {
	var buffer [32]byte
	text := appendFraction(append(strconv.AppendUint(buffer[:0], whole, 10), '.'), fraction, decimals)
	return strings.TrimSuffix(strings.TrimRight(string(text), "0"), ".")
}

// MarshalText returns String, so that a rate is a string in JSON.
func (r Rate) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText is ParseRate.
func (r *Rate) UnmarshalText(text []byte) error {
	parsed, err := ParseRate(string(text))
	if err != nil {
		return err
	}
	*r = parsed
	return nil
}

// IsZero reports whether the rate is 0.
func (r Rate) IsZero() bool { return r == Rate{} }

// Compare returns -1, 0 or 1 as r is less than, equal to or greater than s.
func (r Rate) Compare(s Rate) int {
	return cmp.Or(cmp.Compare(r.whole, s.whole), cmp.Compare(r.fraction, s.fraction))
}

// Add returns r + s, for instance to see that shares add up to 1. It returns ErrRateRange above the largest rate.
func (r Rate) Add(s Rate) (Rate, error) {
	fraction := r.fraction + s.fraction
	whole := uint64(r.whole) + uint64(s.whole) + fraction/rateScale
	if whole >= rateWholeLimit {
		return Rate{}, ErrRateRange
	}
	return Rate{uint32(whole), fraction % rateScale}, nil
}

// Of returns rate × base, computed exactly and rounded once to a multiple of unit by mode (domain 4.1 rule 3). Unit is the
// currency's PostingUnit unless a rule says otherwise; base need not be a multiple of it. A negative base gives the
// opposite of the positive one under HalfEven and HalfUp, and follows the sign under Floor and Ceil.
//
// Errors: ErrUnit if unit < 1, ErrRounding, ErrOverflow.
func (r Rate) Of(base Minor, mode Rounding, unit Minor) (Minor, error) {
	if err := checkRounding(mode, unit); err != nil {
		return 0, err
	}
	magnitude := base.magnitude()
	// The fraction is below 2^40 and the magnitude at most 2^63, so the high word is below 2^39, and that is below 10^12 as
	// Div64 requires.
	high, low := bits.Mul64(magnitude, r.fraction)
	quotient, remainder := bits.Div64(high, low, rateScale)
	high, low = bits.Mul64(magnitude, uint64(r.whole))
	low, carry := bits.Add64(low, quotient, 0)
	if high != 0 || carry != 0 {
		// The product is at least 2^64. The multiple of a unit below 2^63 just under it is above 2^63: no Minor.
		return 0, ErrOverflow
	}
	return round(base < 0, low, wide{low: remainder}, wide{low: rateScale}, mode, unit)
}

// scaled returns the rate as a whole number of 10^-12, below 2^70.
func (r Rate) scaled() wide {
	high, low := bits.Mul64(uint64(r.whole), rateScale)
	return wide{high, low}.add(wide{low: r.fraction})
}

// Exact returns rate × base before any rounding, as a decimal string in units of the currency, without needless zeros:
// "4.0473" for 9 % of GBP 44.97. It is for explanations; Of is for amounts. It panics if c is not Known.
func (r Rate) Exact(base Minor, c Currency) string {
	product := new(big.Int).SetUint64(base.magnitude())
	product.Mul(product, r.scaled().big())
	digits := product.String()
	decimals := rateDecimals + c.Digits()
	if len(digits) <= decimals {
		digits = strings.Repeat("0", decimals+1-len(digits)) + digits
	}
	whole, fraction := digits[:len(digits)-decimals], strings.TrimRight(digits[len(digits)-decimals:], "0")
	if fraction != "" {
		whole += "." + fraction
	}
	if base < 0 && !r.IsZero() {
		whole = "-" + whole
	}
	return whole
}
