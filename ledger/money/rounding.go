// Rounding is the moment a cent changes hands, so its mode is a field of every rule (domain 4.1 rule 3): half-even by
// default, floor for Indonesian withholding, ceil for what is held in trust for minors.

package money

import (
	"math"

	"mizan/ledger/fault"
)

// ErrRounding means that a rounding mode is not known.
var ErrRounding = fault.New(fault.Invalid, "rounding-unknown",
	"The rounding mode is not known. Use half_even, half_up, floor or ceil.")

// Rounding says which multiple of a unit an exact result becomes. The zero value is HalfEven, the default of every rule.
type Rounding uint8

const (
	// HalfEven rounds to the nearest multiple, and a result exactly between two to the even one: 2.5 to 2, 3.5 to 4.
	HalfEven Rounding = iota
	// HalfUp rounds to the nearest multiple, and a result exactly between two away from zero: 2.5 to 3, -2.5 to -3. So the
	// reversal of an amount is the opposite of the amount.
	HalfUp
	// Floor rounds towards minus infinity: 2.9 to 2, -2.1 to -3.
	Floor
	// Ceil rounds towards plus infinity: 2.1 to 3, -2.9 to -2.
	Ceil
)

var roundingNames = [...]string{"half_even", "half_up", "floor", "ceil"}

// ParseRounding reads the name of a mode as it stands in rules: half_even, half_up, floor or ceil. Anything else returns
// ErrRounding.
func ParseRounding(s string) (Rounding, error) {
	for i, name := range roundingNames {
		if s == name {
			return Rounding(i), nil
		}
	}
	return HalfEven, ErrRounding
}

// String returns the name that ParseRounding reads, "unknown" for a value that is no mode.
func (r Rounding) String() string {
	if int(r) < len(roundingNames) {
		return roundingNames[r]
	}
	return "unknown"
}

// MarshalText returns the name, or ErrRounding for a value that is no mode.
func (r Rounding) MarshalText() ([]byte, error) {
	if int(r) >= len(roundingNames) {
		return nil, ErrRounding
	}
	return []byte(r.String()), nil
}

// UnmarshalText is ParseRounding.
func (r *Rounding) UnmarshalText(text []byte) error {
	mode, err := ParseRounding(string(text))
	if err != nil {
		return err
	}
	*r = mode
	return nil
}

// Round returns the amount as a multiple of unit. A payout is available.Round(Floor, currency.PayoutUnit()), and the rest
// stays (domain 4.1 rule 11). Errors: ErrUnit if unit < 1, ErrRounding, ErrOverflow.
func (m Minor) Round(mode Rounding, unit Minor) (Minor, error) {
	if err := checkRounding(mode, unit); err != nil {
		return 0, err
	}
	return round(m < 0, m.magnitude(), wide{}, wide{low: 1}, mode, unit)
}

func checkRounding(mode Rounding, unit Minor) error {
	if unit < 1 {
		return ErrUnit.With("The rounding unit must be at least one minor unit.")
	}
	if int(mode) >= len(roundingNames) {
		return ErrRounding
	}
	return nil
}

// round returns the multiple of unit that the exact number ±(whole + part/scale) becomes, with 0 <= part < scale. It is the
// only place where anything is rounded. It returns ErrOverflow if the result is not a Minor.
func round(negative bool, whole uint64, part, scale wide, mode Rounding, unit Minor) (Minor, error) {
	multiple, rest := whole/uint64(unit), whole%uint64(unit) // #nosec G115 -- the unit is at least one, as was checked
	if rest != 0 || !part.isZero() {
		if awayFromZero(mode, negative, multiple%2 == 1, compareHalf(rest, uint64(unit), part, scale)) { // #nosec G115 -- the unit is at least one, as was checked
			if multiple == math.MaxUint64 {
				return 0, ErrOverflow
			}
			multiple++
		}
	}
	if multiple > math.MaxUint64/uint64(unit) { // #nosec G115 -- the unit is at least one, as was checked
		return 0, ErrOverflow
	}
	return signed(negative, multiple*uint64(unit)) // #nosec G115 -- the unit is at least one, as was checked
}

// compareHalf compares rest + part/scale with unit/2, where rest < unit and 0 <= part < scale. With the distance to the next
// multiple, unit - rest - part/scale, that is the comparison of 2 × part/scale, a number in [0, 2), with unit - 2 × rest.
func compareHalf(rest, unit uint64, part, scale wide) int {
	other := unit - rest
	switch {
	case rest >= other+1 || (rest == other && !part.isZero()):
		return 1
	case rest == other:
		return 0
	case other-rest == 1:
		return part.add(part).compare(scale)
	default:
		return -1
	}
}

// awayFromZero decides whether an inexact result takes the multiple of greater magnitude. half compares what lies beyond the
// lesser multiple with half a unit; odd says that the lesser multiple is an odd one.
func awayFromZero(mode Rounding, negative, odd bool, half int) bool {
	switch mode {
	case HalfUp:
		return half >= 0
	case Floor:
		return negative
	case Ceil:
		return !negative
	default:
		return half > 0 || (half == 0 && odd)
	}
}
