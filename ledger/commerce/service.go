package commerce

import (
	"context"
	"time"

	"mizan/ledger"
)

// Service records events. It is safe for concurrent use, in one process or many.
type Service struct {
	ledger *ledger.Ledger
	rules  *RuleSets
	now    func() time.Time
}

// New returns a service that posts to the ledger by the rule sets.
func New(l *ledger.Ledger, rules *RuleSets, now func() time.Time) *Service {
	return &Service{ledger: l, rules: rules, now: now}
}

// Post records one event and waits until it is durable.
func (s *Service) Post(ctx context.Context, book ledger.Book, e Event) Result {
	return s.PostBatch(ctx, book, []Event{e})[0]
}
