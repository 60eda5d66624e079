package payouts

import "slices"

// Facts are what a decision needs to know of a payee beside its money. They are read for many payees at once.

// facts are those of one payee.
type facts struct {
	// Registered says that the payee stands in the book's register, with its country, currency, and guardian.
	Registered        bool
	Country, Currency string
	Minor             bool
	Guardian          string
	Standing          Standing
	// GuardianStanding is the guardian's, for a minor.
	GuardianStanding Standing
	// Destination is the standing one, the guardian's for a minor; its ID is empty if there is none. Of several the active one
	// counts, and of those the latest; Destinations are all.
	Destination  Destination
	Destinations []Destination
	// Pauses are the categories of pauses that stand, in any currency; Frozen says that a hold of everything stands, in any.
	Pauses []string
	Frozen bool
	// Holds are all that stand, for a decision about one currency.
	Holds []standingHold
	// Short are those of an amount that lack a part of it.
	Short []standingHold
	// Override is the document of the payee's exception that is in force, nil for none, with its version.
	Override        []byte
	OverrideVersion int
}

// standingHold is a hold that stands.
type standingHold struct {
	Effect, Category string
	// Currency is empty for a pause of everything.
	Currency string
}

// holdsIn returns the facts of the holds that stand in the way of a payout in the currency, each category once: pauses, and
// holds of everything. A hold of an amount stands in the way only as long as it lacks a part of it.
func (f facts) holdsIn(currency string) (list []HoldFacts) {
	for i, h := range slices.Concat(f.Holds, f.Short) {
		if h.Effect == EffectAmount && i < len(f.Holds) || h.Currency != "" && h.Currency != currency {
			continue
		}
		fact := HoldFacts{Kind: HoldPause, Category: h.Category}
		if h.Effect == EffectEverything {
			fact.Kind = HoldBlock
		}
		if !slices.Contains(list, fact) {
			list = append(list, fact)
		}
	}
	return list
}

// destinationIn returns the destination for a currency: an active one that takes it, else any that takes it, else the one
// that stands, so that the decision can say what is wrong with it.
func (f facts) destinationIn(currency string) Destination {
	for _, d := range f.Destinations {
		if slices.Contains(currencyCodes(d.Currencies), currency) {
			return d
		}
	}
	return f.Destination
}
