// Amounts that contain their own percentage: a price that includes tax, and a charge that includes the fee which is taken
// from it ("I cover the fee, so that the charity gets 50.00").

package money

// SplitInclusive divides a gross amount into net and tax, where tax = gross × rate / (1 + rate), computed exactly and rounded
// once to a multiple of unit by mode; net is the remainder (domain 4.1 rule 8, A-05). The rate is a fraction: 0.20 for 20 %.
// 4.05 at 0.20 is 3.37 and 0.68. A negative gross gives the opposite amounts under HalfEven and HalfUp.
//
// Errors: ErrUnit if unit < 1, ErrRounding, ErrOverflow.
func SplitInclusive(gross Minor, rate Rate, mode Rounding, unit Minor) (net, tax Minor, err error) {
	if err := checkRounding(mode, unit); err != nil {
		return 0, 0, err
	}
	part := rate.scaled()
	sum := part.add(wide{low: rateScale})
	whole, rest := portion(gross.magnitude(), part, sum)
	if tax, err = round(gross < 0, whole, rest, sum, mode, unit); err != nil {
		return 0, 0, err
	}
	return gross - tax, tax, nil // tax is zero or has the sign of gross, so the difference fits
}

// GrossUp returns the smallest charge, a multiple of unit, that leaves at least target after the fee, and that fee:
// fee(T) = rate × T rounded to a multiple of unit by mode, plus flat (domain 4.1 rule 7, A-22). 1.4 % + 0.20 and a target
// of 50.00 give 50.91, where the usual formula (target + flat) / (1 - rate) rounded up gives 50.92. What is left exceeds
// target by less than a unit, so by nothing if target and flat are multiples of unit; a surplus is the beneficiary's.
//
// Errors: ErrAmountZero or ErrAmountNegative for such a target, ErrAmountNegative for a negative flat fee, ErrRateRange if
// the rate is 1 or more, ErrUnit if unit < 1, ErrRounding, ErrOverflow if the charge would be above Max.
func GrossUp(target Minor, rate Rate, flat Minor, mode Rounding, unit Minor) (charge, fee Minor, err error) {
	switch {
	case target == 0:
		return 0, 0, ErrAmountZero
	case target < 0 || flat < 0:
		return 0, 0, ErrAmountNegative
	case rate.whole != 0:
		return 0, 0, ErrRateRange
	}
	if err := checkRounding(mode, unit); err != nil {
		return 0, 0, err
	}
	// What is left, L(T) = T - fee(T), never falls as T grows by a unit u and grows by u at most. So the first charge that
	// leaves enough is found by halving, and since the one before it left less than target, it exceeds target by less than u.
	//
	// Proof, with r < 1 and R the rounding to multiples of u: suppose R(r(T+u)) >= R(rT) + 2u, and let R(rT) = k. The numbers
	// that become k end where those that become k + u begin, and those are u wide. So a number that becomes k + 2u or more is
	// at least u above any that becomes k. But r(T+u) is only ru < u above rT. Hence R grows by 0 or u, and L by u or 0.
	//
	// Charges are counted in units. The charge low leaves too little (L(0) = -flat), the charge high enough or is above Max.
	low, high := Minor(0), Max/unit+1
	for high-low > 1 { // at most 60 times, since Max < 2^60
		middle := low + (high-low)/2
		percentage, err := rate.Of(middle*unit, mode, unit)
		if err != nil {
			return 0, 0, err
		}
		if middle*unit-percentage-flat >= target { // the percentage is at most the charge, so this fits
			high, fee = middle, percentage+flat
		} else {
			low = middle
		}
	}
	if high > Max/unit {
		return 0, 0, ErrOverflow
	}
	return high * unit, fee, nil
}

// Proportion returns total × part ÷ whole, computed exactly and rounded once to a multiple of unit by mode: the part of a
// discount that belongs to a part of its line. It needs 0 <= part <= whole and total >= 0.
//
// Errors: ErrWeights if whole is not positive or part is outside it, ErrAmountNegative, ErrUnit if unit < 1, ErrRounding,
// ErrOverflow.
func Proportion(total, part, whole Minor, mode Rounding, unit Minor) (Minor, error) {
	if err := checkRounding(mode, unit); err != nil {
		return 0, err
	}
	if total < 0 {
		return 0, ErrAmountNegative
	}
	if whole <= 0 || part < 0 || part > whole {
		return 0, ErrWeights
	}
	sum := wide{low: uint64(whole)}
	quotient, rest := portion(uint64(total), wide{low: uint64(part)}, sum)
	return round(false, quotient, rest, sum, mode, unit)
}
