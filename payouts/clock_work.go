package payouts

import "context"

// The work of the clocks: what waits for a time, debts, and proposals about our own money.

// Recover recovers debts in the stated order.
func (s *Service) Recover(ctx context.Context, t Turn) (Report, error) { return Report{}, errNotBuilt }

// Treasury proposes sweeps, top-ups and trust deposits.
func (s *Service) Treasury(ctx context.Context, t Turn) (Report, error) {
	return Report{}, errNotBuilt
}
