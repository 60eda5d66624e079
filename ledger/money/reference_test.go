// The slow reference: every rule of the package said again with regular expressions and big rationals, by other algorithms
// than the package uses. Tables, properties and fuzzing compare the two.

package money_test

import (
	"math/big"
	"regexp"
	"strings"
	"testing"

	"mizan/ledger/fault"
	"mizan/ledger/money"
)

var (
	amountGrammar  = regexp.MustCompile(`\A(0|[1-9][0-9]{0,14})(\.[0-9]{1,3})?\z`)
	rateGrammar    = regexp.MustCompile(`\A(0|[1-9][0-9]{0,8})(\.[0-9]{1,12})?\z`)
	percentGrammar = regexp.MustCompile(`\A(0|[1-9][0-9]{0,8})(\.[0-9]{1,10})?\z`)
)

func tenTo(n int) *big.Rat {
	return new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil))
}

func rat(t testing.TB, s string) *big.Rat {
	t.Helper()
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		t.Fatalf("%q is not a number", s)
	}
	return r
}

func minorRat(m money.Minor) *big.Rat { return new(big.Rat).SetInt64(int64(m)) }

func rateRat(t testing.TB, r money.Rate) *big.Rat { return rat(t, r.String()) }

// referenceAmount is ParseAmount by regular expression and big.Rat; code is "" if the string is accepted.
func referenceAmount(s string, digits int) (minor *big.Int, code string) {
	if !amountGrammar.MatchString(s) {
		return nil, "amount-format"
	}
	if _, decimals, _ := strings.Cut(s, "."); len(decimals) > digits {
		return nil, "amount-digits"
	}
	r, _ := new(big.Rat).SetString(s)
	return r.Mul(r, tenTo(digits)).Num(), ""
}

// referenceRound rounds an exact number to a multiple of unit.
func referenceRound(exact *big.Rat, mode money.Rounding, unit money.Minor) *big.Int {
	scaled := new(big.Rat).Quo(exact, minorRat(unit))
	floor := new(big.Int).Div(scaled.Num(), scaled.Denom()) // Euclidean, and the denominator is positive: floor
	beyond := new(big.Rat).Sub(scaled, new(big.Rat).SetInt(floor))
	half := beyond.Cmp(big.NewRat(1, 2))
	up := false
	switch mode {
	case money.HalfEven:
		up = half > 0 || (half == 0 && floor.Bit(0) == 1)
	case money.HalfUp:
		up = half > 0 || (half == 0 && scaled.Sign() > 0)
	case money.Ceil:
		up = beyond.Sign() > 0
	case money.Floor:
	}
	if up {
		floor.Add(floor, big.NewInt(1))
	}
	return floor.Mul(floor, big.NewInt(int64(unit)))
}

// referenceAllocate hands out missing units one after the other, looking for the largest remainder afresh each time.
func referenceAllocate(total money.Minor, weights []*big.Rat, unit money.Minor) (shares []*big.Int, exact []*big.Rat) {
	sum := new(big.Rat)
	for _, w := range weights {
		sum.Add(sum, w)
	}
	missing := new(big.Int).Quo(big.NewInt(int64(total)), big.NewInt(int64(unit)))
	beyond := make([]*big.Rat, len(weights))
	for i, w := range weights {
		share := new(big.Rat).Mul(minorRat(total), w)
		share.Quo(share, sum)
		exact = append(exact, share)
		units := new(big.Rat).Quo(share, minorRat(unit))
		whole := new(big.Int).Quo(units.Num(), units.Denom())
		beyond[i] = units.Sub(units, new(big.Rat).SetInt(whole))
		missing.Sub(missing, whole)
		shares = append(shares, whole.Mul(whole, big.NewInt(int64(unit))))
	}
	for ; missing.Sign() > 0; missing.Sub(missing, big.NewInt(1)) {
		best := 0
		for i := range beyond {
			if beyond[i].Cmp(beyond[best]) > 0 {
				best = i
			}
		}
		shares[best].Add(shares[best], big.NewInt(int64(unit)))
		beyond[best] = big.NewRat(-1, 1)
	}
	return shares, exact
}

// sameResult compares a result of the package with the exact one, which must be refused if it is no int64.
func sameResult(t testing.TB, what string, got money.Minor, err error, want *big.Int) {
	t.Helper()
	switch {
	case !want.IsInt64():
		wantCode(t, what, err, "amount-overflow")
	case err != nil:
		t.Fatalf("%s: %v, want %v", what, err, want)
	case int64(got) != want.Int64():
		t.Fatalf("%s = %d, want %v", what, got, want)
	}
}

// wantCode checks that err is the declared error of a code, and is the caller's to correct.
func wantCode(t testing.TB, what string, err error, code string) {
	t.Helper()
	if fault.CodeOf(err) != code || fault.KindOf(err) != fault.Invalid {
		t.Fatalf("%s: error %v, want an invalid %s", what, err, code)
	}
}

func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func amount(t testing.TB, s string, c money.Currency) money.Minor {
	t.Helper()
	negative := strings.HasPrefix(s, "-")
	m := must[money.Minor](t)(money.ParseAmount(strings.TrimPrefix(s, "-"), c))
	if negative {
		return -m
	}
	return m
}

var allModes = []money.Rounding{money.HalfEven, money.HalfUp, money.Floor, money.Ceil}
