package payouts

import "context"

func (s *Service) feeReturned(c *carried) bool { return false }
func (s *Service) ReadNotices(ctx context.Context, t Turn) (Report, error) {
	return Report{}, errNotBuilt
}
func (s *Service) Poll(ctx context.Context, t Turn) (Report, error)  { return Report{}, errNotBuilt }
func (s *Service) Retry(ctx context.Context, t Turn) (Report, error) { return Report{}, errNotBuilt }
