package payouts

import (
	"context"
	"time"

	"mizan/ledger"
)

// policyAt is the policy of the book's market that holds at the instant. It returns ErrPolicyMissing.
func (s *Service) policyAt(_ context.Context, book ledger.Book, at time.Time) (*Policy, error) {
	return PolicyAt(ShippedPolicies(), book.Market, at)
}
