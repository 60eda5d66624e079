package journal

// Units are minor units in any number: the turnover of an account and the sums of a book may pass 64 bits.

import (
	"math/big"
	"strings"

	"mizan/ledger/money"
)

// maxUnits bounds the text of a number of units.
const maxUnits = 64

// ParseUnits reads a decimal string of the API, which unlike one sent to it may have a sign and any number of digits, as
// minor units: "-12.34" USD is -1234. It returns ErrBroken for anything but digits with exactly the decimals of the
// currency.
func ParseUnits(s string, c money.Currency) (*big.Int, error) {
	digits, negative := strings.CutPrefix(s, "-")
	whole, fraction, point := strings.Cut(digits, ".")
	if !c.Known() || len(s) > maxUnits || whole == "" || len(fraction) != c.Digits() || point != (c.Digits() > 0) ||
		strings.Trim(whole+fraction, "0123456789") != "" {
		return nil, ErrBroken
	}
	units, ok := new(big.Int).SetString(whole+fraction, 10)
	if !ok {
		return nil, ErrBroken
	}
	if negative {
		units.Neg(units)
	}
	return units, nil
}

// formatUnits is the inverse of ParseUnits.
func formatUnits(units *big.Int, c money.Currency) string {
	if units.IsInt64() {
		return money.Minor(units.Int64()).Format(c)
	}
	text, sign := new(big.Int).Abs(units).String(), ""
	if units.Sign() < 0 {
		sign = "-"
	}
	if n := c.Digits(); n > 0 {
		text = text[:len(text)-n] + "." + text[len(text)-n:]
	}
	return sign + text
}
