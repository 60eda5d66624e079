package payouts

import (
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"time"

	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// Deciding again: stored inputs and the stored policy come to the same bytes as the stored decision.

// ErrInputs means that facts for a decision cannot be used.
var ErrInputs = fault.New(fault.Invalid, "payout-inputs-invalid", "The facts for this payout decision contradict themselves. Read them again from the books, and decide anew.")

// Canonical returns the inputs' bytes: the same for the same facts.
func (in Inputs) Canonical() []byte { return canonical(in) }

// Canonical returns the decision's bytes: the same for the same decision.
func (d Decision) Canonical() []byte { return canonical(d) }

// canonical writes a value whose fields have a fixed order. Facts that Check accepts, and what is decided about them, can
// always be written; anything else is a defect of the caller.
func canonical(v any) []byte {
	content, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("payouts: %T cannot be written: %v", v, err))
	}
	return content
}

// Replay decides again from stored bytes and returns the decision's bytes. It returns ErrInputs or ErrPolicyInvalid for
// bytes that no decision can rest on.
func Replay(inputs, policy []byte) ([]byte, error) {
	p, err := ParsePolicy(policy)
	if err != nil {
		return nil, err
	}
	var in Inputs
	if err := readStrict(inputs, maxInputsBytes, &in); err != nil {
		return nil, ErrInputs.Withf("The facts for this payout decision cannot be read: %s.", err)
	}
	if err := in.Check(); err != nil {
		return nil, err
	}
	return Decide(p, in).Canonical(), nil
}

// Check returns ErrInputs if the facts are not facts of this package: an unknown word, an amount or a time out of range.
func (in Inputs) Check() error {
	b := in.Balances
	f := &findings{}
	words := func(pointer, word string, known ...string) {
		f.want(slices.Contains(known, word), pointer, "inputs-word", "This word is not one of those that decisions know.")
	}
	words("/run/trigger", in.Run.Trigger, TriggerScheduled, TriggerManual, TriggerOnDemand, TriggerRetry, TriggerClosing)
	words("/run/method", in.Run.Method, MethodStandard, MethodInstant)
	words("/payee/kind", in.Payee.Kind, payeeKinds...)
	words("/payee/state", in.Payee.State, PayeeOpen, PayeeClosing, PayeeClosed)
	verified := []string{IdentityUnverified, IdentityPending, IdentityVerified, IdentityRejected}
	words("/verification/state", in.Verification.State, verified...)
	f.want(in.Run.ID != "" && in.Payee.ID != "", "", "inputs-id", "The run and the payee need an id.")
	// One that was withdrawn is not paid, and is decided about.
	f.want(in.Payee.Currency.Known(), "/payee/currency", "currency-unknown", "Give the code of a currency.")
	_, err := time.Parse(time.DateOnly, in.Run.LocalDate)
	f.want(err == nil, "/run/local_date", "inputs-date", "Give the local day of the run.")
	f.want(in.Run.Trigger != TriggerRetry || in.RetryOf != nil, "/retry_of", "inputs-retry", "A retry needs the payout that it tries again.")
	f.want(in.Unit > 0 && in.Unit <= 1_000_000, "/unit", "inputs-unit", "Give the payout unit of the currency.")
	if in.Payee.Currency.Known() {
		f.want(in.Unit%in.Payee.Currency.PostingUnit() == 0, "/unit", "inputs-unit", "A payout unit is a whole number of posting units.")
	}
	for _, m := range []money.Minor{in.Run.Wanted, b.Pending, b.AvailableAtCutoff, b.AvailableNow, b.Reserve, b.DisputeHold, b.Blocked,
		b.MinorTrust, b.InTransit, in.Debt.Amount} {
		f.want(m >= -money.Max && m <= money.Max, "/balances", "inputs-amount", "An amount is out of range.")
	}
	f.want(min(in.Run.Wanted, b.Reserve, b.DisputeHold, b.Blocked, b.MinorTrust, b.InTransit, in.Debt.Amount) >= 0, "/balances", "inputs-amount",
		"Only pending and available can be below zero.")
	f.want(len(in.Holds) <= 100, "/holds", "inputs-holds", "There are at most 100 holds.")
	for _, h := range in.Holds {
		words("/holds", h.Kind, HoldPause, HoldBlock)
	}
	in.Destination.check(f, words, "/destination")
	if in.Guardian != nil {
		words("/guardian/verification/state", in.Guardian.Verification.State, verified...)
		in.Guardian.Destination.check(f, words, "/guardian/destination")
	}
	in.checkTimes(f)
	if len(f.fields) > 0 {
		return ErrInputs.WithFields(f.fields...)
	}
	return nil
}

func (to *DestinationFacts) check(f *findings, words func(pointer, word string, known ...string), pointer string) {
	if to == nil {
		return
	}
	f.want(to.ID != "", pointer+"/id", "inputs-id", "The destination needs an id.")
	words(pointer+"/state", to.State, DestinationPending, DestinationActive, DestinationDisabled)
	words(pointer+"/rail", to.Rail, RailConnected, RailBank, RailWallet)
	words(pointer+"/name_match", to.NameMatch, NameMatches, NameClose, NameMismatch, NameUnknown)
	f.want(len(to.Currencies) <= 200, pointer+"/currencies", "inputs-currencies", "There are at most 200 currencies.")
}

// checkTimes wants every instant in UTC and in years with four digits, so that the same instant is always the same text.
func (in Inputs) checkTimes(f *findings) {
	times := []time.Time{in.Run.CutoffAt, in.Run.DecidedAt, in.Run.NextAt, in.Next.SettlementAt, in.Next.ReleaseAt, in.Debt.Since}
	f.want(!in.Run.DecidedAt.IsZero() && !in.Run.CutoffAt.IsZero(), "/run", "inputs-time", "A decision needs its instant and its cut-off.")
	for _, h := range in.Holds {
		times = append(times, h.Until)
	}
	if in.RetryOf != nil {
		times = append(times, in.RetryOf.FailedAt)
	}
	destinations := []*DestinationFacts{in.Destination}
	if in.Guardian != nil {
		destinations = append(destinations, in.Guardian.Destination)
	}
	for _, to := range destinations {
		if to != nil {
			times = append(times, to.ActiveSince, to.CoolingUntil)
		}
	}
	for _, at := range times {
		f.want(at.Location() == time.UTC && at.Year() >= 1 && at.Year() < 9000, "", "inputs-time", "Give every instant in UTC.")
	}
}

// RunNeedsSecondPerson reports whether the total of a run is so far above earlier runs that a second person must look at it
// (bad input N11): above the policy's factor times the average of the last runs. Earlier totals are of one currency, newest
// first; runs that paid nothing do not count, or every run after a quiet week would be held. Without an earlier run there is nothing to compare with.
func (p *Policy) RunNeedsSecondPerson(total money.Minor, earlier []money.Minor) bool {
	sum, runs := new(big.Int), 0
	for _, t := range earlier {
		if t > 0 && runs < p.RunTotal.Runs {
			sum.Add(sum, big.NewInt(int64(t)))
			runs++
		}
	}
	if runs == 0 {
		return false
	}
	left := new(big.Int).Mul(big.NewInt(int64(total)), big.NewInt(int64(runs)))
	return left.Cmp(sum.Mul(sum, big.NewInt(int64(p.RunTotal.Factor)))) > 0
}
