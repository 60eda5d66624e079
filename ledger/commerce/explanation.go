package commerce

import (
	"strings"
	"time"
)

// The explanation of a transaction, expanded: for each amount the rule and its version, the base, the exact value, how it
// was rounded and who bears the remainder. What is stored is compact (record.go); this is computed from it when read.

// Explanation is why a transaction's entries are what they are. Amounts are decimal strings in its currency.
type Explanation struct {
	// Event is the transaction's event, Order the order it belongs to, if any.
	Event    string `json:"event" example:"order.captured"`
	Order    string `json:"order,omitempty" example:"UK-1"`
	Currency string `json:"currency,omitempty" example:"GBP"`
	// RuleSet is the version of the rules that the order is frozen to, PlacedAt the moment that chose it.
	RuleSet  string    `json:"rule_set,omitempty" example:"uk-1"`
	PlacedAt time.Time `json:"placed_at,omitzero"`
	// Summary says in a sentence what happened.
	Summary string `json:"summary"`
	// Steps are the calculation sheet after the event, with the values before it.
	Steps []Step `json:"steps" nullable:"false"`
	// Entries give each entry its reason.
	Entries []EntryReason `json:"entries" nullable:"false"`
}

// Step is one line of the calculation sheet: what a rule comes to after the event. The entries post what it changed by.
type Step struct {
	Rule  string `json:"rule" example:"commission"`
	Title string `json:"title" example:"Commission"`
	// Receiver is who gets the value: a payee as kind:id, or an account.
	Receiver string       `json:"receiver" example:"revenue:referral_fee"`
	Base     []BaseAmount `json:"base,omitempty" nullable:"false" doc:"What the base is made of, signed"`
	Total    string       `json:"base_total,omitempty" example:"44.97"`
	Rate     string       `json:"rate,omitempty" example:"0.09"`
	Flat     string       `json:"flat,omitempty" example:"3000"`
	Weight   string       `json:"weight,omitempty" doc:"The weight of a split by largest remainder"`
	Exact    string       `json:"exact,omitempty" doc:"Before rounding" example:"4.0473"`
	Rounding string       `json:"rounding,omitempty" example:"half_even"`
	Bound    string       `json:"bound,omitempty" enum:"min,cap,base,deposited,donor_cap,campaign_cap" doc:"The bound that decided; donor_cap and campaign_cap: of what gifts are matched with; base: no more is withheld or set aside than there is; deposited: what is not with us any more stays set aside"`
	Parts    []StepPart   `json:"parts,omitempty" nullable:"false" doc:"What was rounded by itself: each line, or each rate of a category"`
	Amount   string       `json:"amount" doc:"What it comes to after the event" example:"4.05"`
	Before   string       `json:"before" doc:"What it came to before the event" example:"0.00"`
	// Tax is the part of Amount, or on top of it, that is tax on the fee.
	Tax     string `json:"tax,omitempty" example:"0.68"`
	TaxMode string `json:"tax_mode,omitempty" example:"inclusive"`
	// Remainder is who bears what the rounding leaves.
	Remainder string `json:"remainder,omitempty" example:"seller"`
	Text      string `json:"text" doc:"The step in words"`
}

// BlockedSource reports whether the step takes a payout out of what a hold keeps, or puts it back there.
func (s *Step) BlockedSource() bool {
	return s.Rule == "payout_source" && strings.HasSuffix(s.Title, " "+sourceWords[SourceBlocked])
}

// StepPart is a part of a step that was rounded by itself.
type StepPart struct {
	Line   int    `json:"line,omitempty" doc:"The order's line; -1 is shipping, -2 gift wrap"`
	Total  string `json:"base_total" example:"1.75"`
	Rate   string `json:"rate" example:"0.06"`
	Exact  string `json:"exact" example:"0.105"`
	Bound  string `json:"bound,omitempty" enum:"min,cap"`
	Amount string `json:"amount" example:"0.10"`
}

// BaseAmount is one component of a base.
type BaseAmount struct {
	Component string `json:"component" example:"goods_list"`
	Amount    string `json:"amount" doc:"Signed as it counts" example:"49.98"`
}

// EntryReason is the reason of one entry.
type EntryReason struct {
	Account   string   `json:"account" example:"revenue:referral_fee"`
	Direction string   `json:"direction" enum:"debit,credit"`
	Amount    string   `json:"amount" example:"3.37"`
	Currency  string   `json:"currency,omitempty" doc:"Given if it is another than the explanation's" example:"USD"`
	Rules     []string `json:"rules,omitempty" nullable:"false" doc:"The steps it comes from"`
	Text      string   `json:"text"`
}
