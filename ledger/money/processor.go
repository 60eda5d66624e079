// The processor counts in its own minor units: 100 ISK is 10000 there and 100 here, 100 MGA is 100 there and 10000 here. Every
// amount that goes to it or comes from it passes through these two functions.

package money

import (
	"math"

	"mizan/ledger/fault"
)

// ErrProcessorAmount means that an amount does not exist in the other scale: cents of ariary at the processor, hundredths of
// a króna in the ledger. Nothing is rounded on the way.
var ErrProcessorAmount = fault.New(fault.Invalid, "amount-processor",
	"The amount cannot be expressed in the processor's units of this currency. Round it to whole units first.")

// ToProcessor returns the integer that stands for m in the processor's API. That the processor also wants certain last
// digits (KWD ends in 0; payouts of HUF and TWD end in 00) is not checked here: round to PayoutUnit first.
//
// Errors: ErrCurrency if c is not Known, ErrProcessorAmount if m is between two of the processor's units, ErrOverflow.
func ToProcessor(m Minor, c Currency) (int64, error) {
	row, _ := c.find()
	if row == nil {
		return 0, ErrCurrency
	}
	return rescale(int64(m), row.iso, row.processor)
}

// FromProcessor returns the amount that the integer n of the processor's API stands for.
//
// Errors: ErrCurrency if c is not Known, ErrProcessorAmount if n is between two minor units, ErrOverflow.
func FromProcessor(n int64, c Currency) (Minor, error) {
	row, _ := c.find()
	if row == nil {
		return 0, ErrCurrency
	}
	m, err := rescale(n, row.processor, row.iso)
	return Minor(m), err
}

// rescale expresses a number of 10^-from as a number of 10^-to.
func rescale(n int64, from, to uint8) (int64, error) {
	if from >= to {
		factor := int64(pow10[from-to]) // #nosec G115 -- a power of ten of the digits of a currency
		if n%factor != 0 {
			return 0, ErrProcessorAmount
		}
		return n / factor, nil
	}
	factor := int64(pow10[to-from]) // #nosec G115 -- a power of ten of the digits of a currency
	if n > math.MaxInt64/factor || n < math.MinInt64/factor {
		return 0, ErrOverflow
	}
	return n * factor, nil
}
