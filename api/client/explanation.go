package client

// Explanation: why a transaction's entries are what they are.

import (
	"context"
	"time"
)

// Explanation holds for each amount the rule, the base, the exact value and the rounding. Amounts are decimal strings.
type Explanation struct {
	Event    string `json:"event"`
	Order    string `json:"order,omitempty"`
	Currency string `json:"currency,omitempty"`
	// RuleSet is the version of the rules that the order is frozen to, PlacedAt the moment that chose it.
	RuleSet  string    `json:"rule_set,omitempty"`
	PlacedAt time.Time `json:"placed_at,omitzero"`
	// Summary says in a sentence what happened.
	Summary string `json:"summary"`
	// Steps are the calculation sheet after the event, Entries the reason of each entry.
	Steps   []Step        `json:"steps"`
	Entries []EntryReason `json:"entries"`
}

// Step is one line of the calculation sheet: what a rule comes to after the event, and what it came to before.
type Step struct {
	Rule     string       `json:"rule"`
	Title    string       `json:"title"`
	Receiver string       `json:"receiver"`
	Base     []BaseAmount `json:"base,omitempty"`
	Total    string       `json:"base_total,omitempty"`
	Rate     string       `json:"rate,omitempty"`
	Flat     string       `json:"flat,omitempty"`
	Weight   string       `json:"weight,omitempty"`
	// Exact is the value before rounding; Bound is "min" or "cap" where one decided.
	Exact    string `json:"exact,omitempty"`
	Rounding string `json:"rounding,omitempty"`
	Bound    string `json:"bound,omitempty"`
	// Parts are what was rounded by itself: each line, or each rate of a category.
	Parts   []StepPart `json:"parts,omitempty"`
	Amount  string     `json:"amount"`
	Before  string     `json:"before"`
	Tax     string     `json:"tax,omitempty"`
	TaxMode string     `json:"tax_mode,omitempty"`
	// Remainder is who bears what the rounding leaves.
	Remainder string `json:"remainder,omitempty"`
	Text      string `json:"text"`
}

// StepPart is a part of a step that was rounded by itself. Line -1 is shipping, -2 gift wrap.
type StepPart struct {
	Line   int    `json:"line,omitempty"`
	Total  string `json:"base_total"`
	Rate   string `json:"rate"`
	Exact  string `json:"exact"`
	Bound  string `json:"bound,omitempty"`
	Amount string `json:"amount"`
}

// BaseAmount is one component of a base, signed as it counts.
type BaseAmount struct {
	Component string `json:"component"`
	Amount    string `json:"amount"`
}

// EntryReason is the reason of one entry. Direction is "debit" or "credit"; Rules are the steps it comes from.
type EntryReason struct {
	Account   string `json:"account"`
	Direction string `json:"direction"`
	Amount    string `json:"amount"`
	// Currency is given if it is another than the explanation's.
	Currency string   `json:"currency,omitempty"`
	Rules    []string `json:"rules,omitempty"`
	Text     string   `json:"text"`
}

// Explanation returns why the entries of the transaction with the id are what they are.
func (c *Client) Explanation(ctx context.Context, book, id string) (Explanation, error) {
	var x Explanation
	err := c.get(ctx, place("v1", "books", book, "transactions", id, "explanation"), nil, &x)
	return x, err
}
