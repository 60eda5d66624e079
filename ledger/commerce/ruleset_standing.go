package commerce

import (
	"context"
	"time"

	"mizan/ledger"
	"mizan/ledger/fault"
)

// Standing says where a rule set stands in a book at a moment: whether it is the one that new orders are computed by.

// Standing is a rule set of a book and where it stands.
type Standing struct {
	*RuleSet
	// Origin is shipped for a set that comes with Mizan, book for one that the book was given.
	Origin string
	// State is in_force for the set that orders placed now are computed by, next for one that has not begun, past for one
	// that another has followed, and unsigned for one that never computes anything: a book's own without signature, or a
	// shipped one that is not researched. Once a book has rules of its own, all shipped ones are past.
	State string
}

// Standings returns the sets that List returns, and where each stands at a moment.
func (r *RuleSets) Standings(ctx context.Context, book ledger.Book, at time.Time) ([]Standing, error) {
	list, err := r.List(ctx, book)
	if err != nil {
		return nil, err
	}
	current, err := r.InForce(ctx, book, at)
	if code := fault.CodeOf(err); err != nil && code != ErrRulesMissing.Code && code != ErrRulesUnsigned.Code {
		return nil, err
	}
	shipped, ownBegun := map[*RuleSet]bool{}, false
	for _, s := range ShippedRuleSets() {
		shipped[s] = true
	}
	for _, s := range list {
		ownBegun = ownBegun || !shipped[s] && !s.ValidFrom.After(at)
	}
	standings := make([]Standing, len(list))
	for i, s := range list {
		standings[i] = Standing{RuleSet: s, Origin: "book", State: "past"}
		if shipped[s] {
			standings[i].Origin = "shipped"
		}
		switch {
		case s.Signature == nil && !(s.Researched && shipped[s]):
			standings[i].State = "unsigned"
		case current != nil && s.ID() == current.ID():
			standings[i].State = "in_force"
		case s.ValidFrom.After(at) && !(shipped[s] && ownBegun):
			standings[i].State = "next"
		}
	}
	return standings, nil
}
