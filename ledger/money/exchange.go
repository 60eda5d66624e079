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
