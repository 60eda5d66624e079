// Splitting among equals: beneficiaries of a campaign, creators of one video, an order's discount over its lines. Every unit
// of the total goes to exactly one of them and the platform is not among them, so nobody gains by rounding (domain 4.1
// rule 5, A-05, A-06).

package money

import (
	"cmp"
	"slices"

	"mizan/ledger/fault"
)

// MaxWeights is the largest number of shares of one allocation.
const MaxWeights = 10_000

// ErrWeights means that the weights of a split are none, too many, negative, or all zero.
var ErrWeights = fault.New(fault.Invalid, "split-weights",
	"The split cannot be made. Give between 1 and 10000 weights of zero or more, at least one of them more than zero.")

// Weight is one party's part of a split, an exact decimal: weights 70, 20 and 10 are percentages, weights 1, 1 and 1 are equal
// parts. They need not add up to anything in particular.
type Weight = Rate

// Allocate splits total by largest remainder. Every share is its exact part rounded down to a multiple of unit; the
// units still missing go one each to the largest fractional parts, equal ones to the lower position. The shares add up to
// total, each differs from its exact part by less than a unit, equal weights get shares at most a unit apart, and a weight
// of zero gets nothing.
//
// The shares are not monotone in total: a smaller total can give one party a unit more (W-15). A refund posts the
// difference of two allocations on whichever side it falls.
//
// Errors: ErrAmountNegative, ErrUnit if unit < 1 or total is not a multiple of it, ErrWeights.
func Allocate(total Minor, weights []Weight, unit Minor) ([]Minor, error) {
	if len(weights) > MaxWeights {
		return nil, ErrWeights
	}
	parts := make([]wide, len(weights))
	for i, w := range weights {
		parts[i] = w.scaled()
	}
	return allocate(total, parts, unit)
}

// AllocateOver is Allocate in proportion to amounts, such as an order's discount over the amounts of its lines. A
// negative amount returns ErrWeights.
func AllocateOver(total Minor, amounts []Minor, unit Minor) ([]Minor, error) {
	if len(amounts) > MaxWeights {
		return nil, ErrWeights
	}
	parts := make([]wide, len(amounts))
	for i, a := range amounts {
		if a < 0 {
			return nil, ErrWeights
		}
		parts[i] = wide{low: uint64(a)}
	}
	return allocate(total, parts, unit)
}

// remainder is what rounding down took from the share at a position, in units × sum of the weights.
type remainder struct {
	position int
	size     wide
}

func allocate(total Minor, parts []wide, unit Minor) ([]Minor, error) {
	switch {
	case total < 0:
		return nil, ErrAmountNegative
	case unit < 1 || total%unit != 0:
		return nil, ErrUnit
	}
	var sum wide // parts are below 2^70 and at most 10,000, so it stays below 2^84
	for _, p := range parts {
		sum = sum.add(p)
	}
	if sum.isZero() {
		return nil, ErrWeights
	}
	units := uint64(total / unit) // #nosec G115 -- the total is not negative and the unit is at least one
	missing := units
	shares := make([]Minor, len(parts))
	remainders := make([]remainder, 0, len(parts))
	for i, p := range parts {
		whole, rest := portion(units, p, sum)
		shares[i] = Minor(whole) * unit // #nosec G115 -- a share is at most the units of the total
		missing -= whole
		if !rest.isZero() {
			remainders = append(remainders, remainder{i, rest})
		}
	}
	// The remainders add up to missing × sum and each is less than sum, so there are more of them than missing units (or none
	// of either), and a weight of zero, which leaves no remainder, is never reached.
	slices.SortFunc(remainders, func(a, b remainder) int {
		return cmp.Or(b.size.compare(a.size), cmp.Compare(a.position, b.position))
	})
	for _, r := range remainders[:missing] {
		shares[r.position] += unit
	}
	return shares, nil
}
