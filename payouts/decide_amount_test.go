//go:build !race

package payouts

import (
	"slices"
	"testing"

	"mizan/ledger/money"

	"pgregory.net/rapid"
)

func TestAmountAgainstEveryAmount(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		c := rapid.SampledFrom([]money.Currency{"USD", "VND", "IDR", "KWD", "HUF"}).Draw(r, "currency")
		posting, unit := int64(c.PostingUnit()), int64(c.PayoutUnit())
		rate := rapid.SampledFrom([]string{"0", "0.009", "0.015", "0.1", "0.333333", "0.5"}).Draw(r, "rate")
		maximum := rapid.Int64Range(1, 60).Draw(r, "maximum") * unit
		small := rapid.Int64Range(0, maximum/posting)
		flat := small.Draw(r, "flat") * posting
		var least, most int64
		if rate != "0" {
			least = small.Draw(r, "least") * posting
			if rapid.Bool().Draw(r, "capped") {
				most = max(least, small.Draw(r, "most")*posting)
			}
		}
		basis := rapid.Int64Range(1, 400*unit).Draw(r, "basis")
		p := withFee(t, c, rate, money.Minor(flat), money.Minor(least), money.Minor(most), money.Minor(maximum))
		in := payable()
		in.Payee.Currency, in.Payee.State, in.Destination.Currencies, in.Unit = c, PayeeClosing, []money.Currency{c}, money.Minor(unit)
		in.Balances = BalanceFacts{AvailableAtCutoff: money.Minor(basis), AvailableNow: money.Minor(basis)}
		d := Decide(p, in)
		amount, fees, parts := slowest(rate, basis, flat, least, most, posting, maximum, unit)
		if int64(d.Amount) != amount || int64(d.Fee) != fees || len(d.Parts) != parts || (d.Verdict == VerdictPay) != (amount > 0) {
			r.Fatalf("%s of %d: wanted %d and fees of %d in %d parts: %s", c, basis, amount, fees, parts, d.Canonical())
		}
		if amount > 0 { // whoever asks for just that gets the same, and not a unit more
			in.Run.Wanted = money.Minor(amount)
			if asked := Decide(p, in); asked.Verdict != VerdictPay || asked.Gross != d.Gross || !slices.Equal(asked.Parts, d.Parts) {
				r.Fatalf("asked for the same: %s", asked.Canonical())
			}
			in.Run.Wanted += money.Minor(unit)
			if more := Decide(p, in); more.Verdict != VerdictSkip || more.Reasons[0].Code != ReasonOverAvailable {
				r.Fatalf("asked for a unit more: %s", more.Canonical())
			}
		}
	})
}
