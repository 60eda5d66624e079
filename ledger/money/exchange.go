// Exchanging an amount for another currency at a price in whole units of both, the way a rate is quoted to a payee: 1 GBP
// buys 1.2573 USD. The two currencies may have different minor units, and that is settled here and nowhere else.

package money

import "math/big"

// Exchange returns the amount of currency to that m of currency from buys at price, the number of to for one from. The
// result is computed exactly and rounded once to the PostingUnit of to by mode (domain 4.1 rule 10: the payee's amount is
// rounded half-even, and the margin is the remainder). GBP 13.23 at 1.2573 is USD 16.63; VND 1000000 at 0.0000121 is KWD
// 12.100.
//
// Errors: ErrCurrency if a currency is not Known, ErrRateRange if the price is 0, ErrRounding, ErrOverflow.
func Exchange(m Minor, from, to Currency, price Rate, mode Rounding) (Minor, error) {
	source, _ := from.find()
	target, _ := to.find()
	if source == nil || target == nil {
		return 0, ErrCurrency
	}
	if price.IsZero() {
		return 0, ErrRateRange.With("The exchange rate must be more than zero. Correct the rate.")
	}
	if err := checkRounding(mode, target.posting); err != nil {
		return 0, err
	}
	product := new(big.Int).SetUint64(m.magnitude())
	product.Mul(product, price.scaled().big())
	product.Mul(product, new(big.Int).SetUint64(pow10[target.iso]))
	scale := wide{low: rateScale * pow10[source.iso]} // at most 10^15
	quotient, rest := product.QuoRem(product, scale.big(), new(big.Int))
	if !quotient.IsUint64() {
		return 0, ErrOverflow
	}
	return round(m < 0, quotient.Uint64(), wideOf(rest), scale, mode, target.posting)
}

// Discounted returns r × (1 − part), exactly: the price that is left of a price when a margin is taken from it. Mid 1.27
// with a margin of 0.01 is 1.2573. It returns ErrRateRange if part is above 1, or if the product has more decimals than a
// rate can hold: a price that is shown to a person is never itself rounded.
func (r Rate) Discounted(part Rate) (Rate, error) {
	unit := big.NewInt(rateScale)
	rest := new(big.Int).Sub(unit, part.scaled().big())
	if rest.Sign() < 0 {
		return Rate{}, ErrRateRange
	}
	product := rest.Mul(rest, r.scaled().big())
	product, remainder := product.QuoRem(product, unit, new(big.Int))
	if remainder.Sign() != 0 {
		return Rate{}, ErrRateRange.With("The rate and the margin together have more than 12 decimals. Send a rate with fewer.")
	}
	whole, fraction := product.QuoRem(product, unit, new(big.Int))
	return Rate{uint32(whole.Uint64()), fraction.Uint64()}, nil // #nosec G115 -- at most r, because no more than 1 is multiplied
}

// Redenominate returns the amount of currency to that m of currency from comes to when one of to is worth price of from, as
// a law says that replaces a currency: HRK 1000.00 at 7.53450 is EUR 132.72. The result is computed exactly and rounded once
// to the smallest unit of to by mode.
//
// Errors: ErrCurrency if a currency is not Known, ErrRateRange if the price is 0, ErrRounding, ErrOverflow.
func Redenominate(m Minor, from, to Currency, price Rate, mode Rounding) (Minor, error) {
	source, _ := from.find()
	target, _ := to.find()
	if source == nil || target == nil {
		return 0, ErrCurrency
	}
	if price.IsZero() {
		return 0, ErrRateRange.With("The exchange rate must be more than zero. Correct the rate.")
	}
	if err := checkRounding(mode, 1); err != nil {
		return 0, err
	}
	product := new(big.Int).SetUint64(m.magnitude())
	product.Mul(product, new(big.Int).SetUint64(rateScale*pow10[target.iso]))
	divisor := price.scaled().big()
	divisor.Mul(divisor, new(big.Int).SetUint64(pow10[source.iso]))
	quotient, rest := product.QuoRem(product, divisor, new(big.Int))
	if !quotient.IsUint64() {
		return 0, ErrOverflow
	}
	return round(m < 0, quotient.Uint64(), wideOf(rest), wideOf(divisor), mode, 1)
}
