package commerce

import (
	"context"
	"time"

	"mizan/ledger"
)

// ReservesUntil returns when the reserve of each order ends, as it stood right after a transaction. Orders without a reserve then are left
// out, and so are those that cannot be read: a list of many must not fail for one of them.
func (s *Service) ReservesUntil(ctx context.Context, book ledger.Book, orders []string, at int64) (map[string]time.Time, error) {
	subjects := make([]string, len(orders))
	for i, id := range orders {
		subjects[i] = "order:" + id
	}
	stories, err := s.storiesOf(ctx, book, subjects, at)
	if err != nil {
		return nil, err
	}
	until := make(map[string]time.Time, len(orders))
	for i, id := range orders {
		var o *order
		story, err := stories.of(ctx, subjects[i])
		if err == nil {
			o, err = s.loaded(ctx, book, id, at, story)
		}
		switch {
		case err == nil:
			if o.reserved() > 0 && !o.reserve.releaseAt.IsZero() {
				until[id] = o.reserve.releaseAt
			}
		case passes(ctx, err):
			return nil, err
		}
	}
	return until, nil
}
