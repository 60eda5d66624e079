package payouts

import (
	"bytes"
	"maps"
	"math/big"
	"slices"
	"testing"
	"time"

	"mizan/ledger/money"

	"pgregory.net/rapid"
)

// Tests of the decision by chance, against an oracle that shares nothing with it: it tries every amount from the largest
// down, and computes fees as fractions.

// slowFee is the fee of one part.
func slowFee(rate string, amount, flat, least, most, posting int64) int64 {
	exact, _ := new(big.Rat).SetString(rate)
	exact.Mul(exact, big.NewRat(amount, posting))
	floor := new(big.Int).Div(exact.Num(), exact.Denom())
	rest := new(big.Rat).Sub(exact, new(big.Rat).SetInt(floor))
	units := floor.Int64()
	if c := rest.Cmp(big.NewRat(1, 2)); c > 0 || c == 0 && units%2 == 1 {
		units++
	}
	fee := units * posting
	if fee < least {
		fee = least
	}
	if most > 0 && fee > most {
		fee = most
	}
	return fee + flat
}

// slowest is the largest amount in whole units that, with the fees of its parts, is at most the basis.
func slowest(rate string, basis, flat, least, most, posting, maximum, unit int64) (amount, fees int64, parts int) {
	for amount = basis - basis%unit; amount > 0; amount -= unit {
		fees, parts = 0, 0
		for rest := amount; rest > 0; parts++ {
			part := min(rest, maximum)
			fees += slowFee(rate, part, flat, least, most, posting)
			rest -= part
		}
		if amount+fees <= basis {
			return amount, fees, parts
		}
	}
	return 0, 0, 0
}

// withFee returns the US policy in which sellers are paid with this fee.
func withFee(t testing.TB, c money.Currency, rate string, flat, least, most, maximum money.Minor) *Policy {
	t.Helper()
	return changed(t, named(t, "us-1"), func(p *Policy) {
		p.Currencies = []money.Currency{c}
		for _, table := range []*Amounts{&p.FourEyesAbove, &p.Debt.StopPerksAbove, &p.Debt.FreezeAbove, &p.Debt.CloseAbove} {
			*table = Amounts{c: 100 * c.PostingUnit()}
		}
		one := c.PostingUnit()
		p.Maximum = Amounts{c: maximum}
		fee := Method{Method: MethodStandard, Rail: RailConnected, Rate: money.MustRate(rate)}
		for _, part := range []struct {
			table *Amounts
			value money.Minor
		}{{&fee.Flat, flat}, {&fee.Min, least}, {&fee.Cap, most}} {
			if part.value > 0 {
				*part.table = Amounts{c: part.value}
			}
		}
		for kind, terms := range p.Kinds {
			terms.Minimum, terms.Methods = Amounts{c: one}, []Method{fee}
			p.Kinds[kind] = terms
		}
	})
}

// anything draws inputs of which most things are in order.
func anything(r *rapid.T) Inputs {
	seldom := func(name string) bool { return rapid.IntRange(0, 9).Draw(r, name) == 0 }
	one := func(name string, usual string, others ...string) string {
		if seldom(name) {
			return rapid.SampledFrom(others).Draw(r, name+" instead")
		}
		return usual
	}
	amount := func(name string, least money.Minor) money.Minor {
		return money.Minor(rapid.OneOf(rapid.Int64Range(int64(least), 300), rapid.Int64Range(int64(least), 90_000_000)).Draw(r, name))
	}
	at := func(name string) time.Time {
		return now.Add(time.Duration(rapid.IntRange(-2, 2).Draw(r, name)) * time.Hour)
	}
	in := payable()
	in.Run.Trigger = rapid.SampledFrom([]string{TriggerScheduled, TriggerManual, TriggerOnDemand, TriggerRetry, TriggerClosing}).Draw(r, "trigger")
	in.Run.Method = one("method", MethodStandard, MethodInstant)
	in.Run.LocalDate = now.AddDate(0, 0, rapid.IntRange(0, 30).Draw(r, "day")).Format(time.DateOnly)
	if seldom("wanted") {
		in.Run.Wanted = amount("wanted amount", 1)
	}
	in.Payee.Kind = rapid.SampledFrom(payeeKinds).Draw(r, "kind")
	in.Payee.Registered, in.Payee.SelfOwned, in.Payee.Minor = !seldom("registered"), seldom("self"), seldom("minor")
	in.Payee.State = one("state", PayeeOpen, PayeeClosing, PayeeClosed)
	in.Verification.State = one("verification", IdentityVerified, IdentityPending, IdentityRejected, IdentityUnverified)
	in.Balances = BalanceFacts{AvailableNow: amount("now", -300), AvailableAtCutoff: amount("cut-off", -300)}
	if seldom("pending") {
		in.Balances.Pending, in.Balances.Reserve = amount("pending amount", -300), amount("reserve", 0)
	}
	destination := func(name string) *DestinationFacts {
		if seldom(name) {
			return nil
		}
		to := account()
		to.Rail, to.State = one(name+" rail", RailConnected, RailBank, RailWallet), one(name+" state", DestinationActive, DestinationPending, DestinationDisabled)
		to.NameMatch, to.First, to.CoolingUntil = one(name+" name", NameMatches, NameClose, NameMismatch, NameUnknown), seldom(name+" first"), at(name+" cooling").Add(-time.Hour)
		if seldom(name + " currency") {
			to.Currencies = nil
		}
		return to
	}
	in.Destination = destination("destination")
	if rapid.Bool().Draw(r, "guardian") {
		in.Guardian = &GuardianFacts{ID: "gua", Verification: VerifiedFacts{State: one("guardian", IdentityVerified, IdentityPending)}, Destination: destination("guardian's")}
	}
	if seldom("hold") {
		in.Holds = []HoldFacts{{rapid.SampledFrom([]string{HoldPause, HoldBlock}).Draw(r, "hold kind"), "risk", at("hold")}}
	}
	if seldom("debt") {
		in.Debt = DebtFacts{Amount: amount("owed", 0)}
	}
	if in.Run.Trigger == TriggerRetry {
		in.RetryOf = &RetryFacts{Payout: "po", Tries: rapid.IntRange(0, 4).Draw(r, "tries"), Code: one("code", "could_not_process", "account_closed"),
			FailedAt: now.Add(-time.Duration(rapid.IntRange(0, 120).Draw(r, "failed")) * time.Hour), NewDestination: seldom("new")}
	}
	return in
}

// mayPay says whether inputs of the US policy may lead to a payment, whatever the amount, as one plain condition.
func mayPay(p *Policy, in Inputs) bool {
	to, guarded := in.Destination, true
	if in.Payee.Minor {
		guarded = in.Guardian != nil && in.Guardian.Verification.State == "verified"
		to = nil
		if in.Guardian != nil {
			to = in.Guardian.Destination
		}
	}
	held := len(in.Holds) > 0 && in.Holds[0].Until.After(in.Run.DecidedAt)
	day, _ := time.Parse("2006-01-02", in.Run.LocalDate)
	turn := true
	switch in.Run.Trigger {
	case "scheduled":
		turn = map[string]bool{"seller": true, "creator": day.Weekday() == time.Monday, "charity": day.Weekday() == time.Monday,
			"guardian": day.Weekday() == time.Monday, "agency": day.Day() == 1, "partner": day.Day() == 1}[in.Payee.Kind]
	case "on_demand":
		turn = slices.Contains([]string{"seller", "creator", "guardian"}, in.Payee.Kind)
	case "retry":
		days := []int{1, 2, 4, 0, 0}[in.RetryOf.Tries]
		turn = in.RetryOf.NewDestination || in.RetryOf.Code == "could_not_process" && days > 0 && daysPassed(in, days)
	}
	offered := to != nil && (in.Run.Method == "standard" && (to.Rail != "wallet" || in.Payee.Kind == "creator") ||
		in.Run.Method == "instant" && to.Rail == "connected" && slices.Contains([]string{"seller", "creator", "guardian"}, in.Payee.Kind))
	return in.Balances.AvailableNow > 0 && in.Balances.AvailableAtCutoff > 0 && !in.Payee.SelfOwned && in.Payee.Registered && in.Payee.State != "closed" &&
		in.Verification.State == "verified" && guarded && !held && in.Debt.Amount <= 25000 && to != nil && to.State == "active" && to.NameMatch == "match" &&
		!to.CoolingUntil.After(in.Run.DecidedAt) && len(to.Currencies) == 1 && offered && turn
}

// daysPassed reports whether so many days have passed since the failure.
func daysPassed(in Inputs, days int) bool {
	return in.Run.DecidedAt.Sub(in.RetryOf.FailedAt) >= time.Duration(days)*24*time.Hour
}

func TestDecisionAgainstOneCondition(t *testing.T) {
	t.Parallel()
	p := named(t, "us-1")
	rapid.Check(t, func(r *rapid.T) {
		in := anything(r)
		if err := in.Check(); err != nil && in.Balances.Reserve >= 0 {
			r.Fatal(err)
		}
		d := Decide(p, in)
		basis := min(in.Balances.AvailableNow, in.Balances.AvailableAtCutoff)
		least := map[string]money.Minor{"creator": 200}[in.Payee.Kind]
		if least == 0 {
			least = 100
		}
		if in.Payee.State == "closing" || in.Run.Trigger == "closing" {
			least = 0
		}
		asked := basis
		if in.Run.Wanted > 0 {
			asked = in.Run.Wanted
		}
		may := mayPay(p, in) && asked >= least
		if d.Verdict == VerdictPay && !may {
			r.Fatalf("paid: %s", d.Canonical())
		}
		if d.Verdict == VerdictSkip && may && asked <= basis { // only the fee, which takes at most 1.5 % and at least 0.50, or 0.05, is in the way
			last := d.Reasons[len(d.Reasons)-1].Code
			if last != ReasonFeeExceeds && last != ReasonOverAvailable || in.Run.Wanted == 0 && basis > 50 || in.Run.Wanted > 0 && in.Run.Wanted+in.Run.Wanted/50+51 <= basis {
				r.Fatalf("not paid: %s", d.Canonical())
			}
		}
		holds(r, p, in, d)
	})
}

// holds checks what is true of every decision.
func holds(r *rapid.T, p *Policy, in Inputs, d Decision) {
	var amount, fee money.Minor
	for i, part := range d.Parts {
		amount, fee = amount+part.Amount, fee+part.Fee
		if part.Number != i+1 || part.Amount <= 0 || part.Amount > p.Maximum["USD"] || part.Amount%in.Unit != 0 || part.Fee < 0 || i > 0 && d.Parts[i-1].Amount != p.Maximum["USD"] {
			r.Fatalf("part %d of %s", i, d.Canonical())
		}
	}
	if amount != d.Amount || fee != d.Fee || amount+fee != d.Gross || d.Gross > d.Basis || d.Verdict == VerdictPay && d.Left != d.Basis-d.Gross {
		r.Fatalf("the sums of %s", d.Canonical())
	}
	if (d.Verdict == VerdictPay) != (d.Amount > 0) || d.Verdict == VerdictSkip && len(d.Reasons) == 0 {
		r.Fatalf("the verdict of %s", d.Canonical())
	}
	for i, reason := range d.Reasons {
		if rankOf(reason.Code) == len(importance) || changes[reason.Change] == "" || i > 0 && rankOf(d.Reasons[i-1].Code) > rankOf(reason.Code) {
			r.Fatalf("the reasons of %s", d.Canonical())
		}
	}
	stored, err := Replay(in.Canonical(), p.Canonical())
	if in.Check() == nil && (err != nil || !bytes.Equal(stored, d.Canonical())) {
		r.Fatalf("replayed: %v\n%s\n%s", err, stored, d.Canonical())
	}
	richer := in
	richer.Balances.AvailableNow, richer.Balances.AvailableAtCutoff = richer.Balances.AvailableNow+7, richer.Balances.AvailableAtCutoff+7
	if more := Decide(p, richer); more.Amount < d.Amount || d.Verdict == VerdictPay && more.Verdict != VerdictPay {
		r.Fatalf("with more there is less: %s\n%s", d.Canonical(), more.Canonical())
	}
}

// Deciding changes nothing that it was given.
func TestDecideChangesNothing(t *testing.T) {
	t.Parallel()
	p := named(t, "us-1")
	before, kinds := p.Canonical(), maps.Clone(p.Kinds)
	for _, c := range reached {
		in := payable()
		c.change(&in)
		text := in.Canonical()
		first, second := Decide(p, in), Decide(p, in)
		if !bytes.Equal(first.Canonical(), second.Canonical()) || !bytes.Equal(text, in.Canonical()) {
			t.Errorf("%s: deciding changed something", c.name)
		}
	}
	if !bytes.Equal(before, p.Canonical()) || len(kinds) != len(p.Kinds) {
		t.Error("deciding changed the policy")
	}
}
