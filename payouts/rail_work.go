package payouts

import "context"

// The work of the rails: sending, following, and finding what was never announced.

// Submit sends what is released and due, at the pace the rails take.
func (s *Service) Submit(ctx context.Context, t Turn) (Report, error) { return Report{}, errNotBuilt }

// ReadNotices reads again what the rails have announced. Notices concern no book until their object is known, so this work
// of each book takes only its own.
func (s *Service) ReadNotices(ctx context.Context, t Turn) (Report, error) {
	return Report{}, errNotBuilt
}

// Follow looks after payouts that are unknown, on their way, or stuck at the payee's account.
func (s *Service) Follow(ctx context.Context, t Turn) (Report, error) { return Report{}, errNotBuilt }

// Poll compares all payouts of the last days with the rails.
func (s *Service) Poll(ctx context.Context, t Turn) (Report, error) { return Report{}, errNotBuilt }

// Retry pays again what failed for a passing reason, as the policy allows.
func (s *Service) Retry(ctx context.Context, t Turn) (Report, error) { return Report{}, errNotBuilt }
