// Exact intermediate results. A product of an amount and a rate needs up to 133 bits; nothing may be lost before the one
// rounding (domain 4.1 rule 1).

package money

import (
	"math/big"
	"math/bits"
)

// wide is an unsigned number of 128 bits. The zero value is zero.
type wide struct{ high, low uint64 }

// add returns a + b. Callers keep both below 2^127.
func (a wide) add(b wide) wide {
	low, carry := bits.Add64(a.low, b.low, 0)
	high, _ := bits.Add64(a.high, b.high, carry)
	return wide{high, low}
}

// compare returns -1, 0 or 1 as a is less than, equal to or greater than b.
func (a wide) compare(b wide) int {
	switch {
	case a == b:
		return 0
	case a.high < b.high || (a.high == b.high && a.low < b.low):
		return -1
	default:
		return 1
	}
}

func (a wide) isZero() bool { return a == wide{} }

func (a wide) big() *big.Int {
	n := new(big.Int).SetUint64(a.high)
	return n.Lsh(n, 64).Or(n, new(big.Int).SetUint64(a.low))
}

func wideOf(n *big.Int) wide {
	low := new(big.Int).And(n, new(big.Int).SetUint64(1<<64-1)).Uint64()
	return wide{new(big.Int).Rsh(n, 64).Uint64(), low}
}

// portion returns the quotient and the remainder of n × part ÷ sum, exactly. It requires 0 <= part <= sum and sum > 0, so
// the quotient is at most n and the remainder less than sum.
func portion(n uint64, part, sum wide) (quotient uint64, remainder wide) {
	if sum.high == 0 {
		// The high word of n × part is less than part, hence less than sum, as Div64 requires; part = sum = 1 gives 0.
		high, low := bits.Mul64(n, part.low)
		q, r := bits.Div64(high, low, sum.low)
		return q, wide{0, r}
	}
	product := new(big.Int).SetUint64(n)
	product.Mul(product, part.big())
	q, r := product.QuoRem(product, sum.big(), new(big.Int))
	return q.Uint64(), wideOf(r)
}
