package payouts

import "context"

// The work of the clocks: what waits for a time, debts, and proposals about our own money.

// Feed reads the book's news and notes what waits for a time.
func (s *Service) Feed(ctx context.Context, t Turn) (Report, error) { return Report{}, errNotBuilt }

// Release settles orders and releases earnings, imports and donations whose time has come.
func (s *Service) Release(ctx context.Context, t Turn) (Report, error) { return Report{}, errNotBuilt }

// Reserves gives reserves back whose time is over.
func (s *Service) Reserves(ctx context.Context, t Turn) (Report, error) {
	return Report{}, errNotBuilt
}

// Recover recovers debts in the stated order.
func (s *Service) Recover(ctx context.Context, t Turn) (Report, error) { return Report{}, errNotBuilt }

// Treasury proposes sweeps, top-ups and trust deposits.
func (s *Service) Treasury(ctx context.Context, t Turn) (Report, error) {
	return Report{}, errNotBuilt
}
