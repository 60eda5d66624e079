package commerce

import (
	"context"

	"mizan/ledger"
)

// What two people agreed to is not undone by one: whoever may reverse and post again what programs recorded may not touch
// that.

// approvalOf is the member of a transaction's metadata that names the approval by which it was reversed.
const approvalOf = "approval"

// AgreedByTwo reports whether two people agreed to a transaction or to its reversal, so that two are needed to reverse it, or
// to post it again. It returns ledger.ErrTransactionUnknown.
func (s *Service) AgreedByTwo(ctx context.Context, book ledger.Book, sequence int64) (bool, error) {
	t, err := s.ledger.Transaction(ctx, book, sequence)
	if err != nil {
		return false, err
	}
	if r, _, byEvent := recordOf(&t); TakesTwo(t.Event) || byEvent && TakesTwo(r.Kind) {
		return true, nil
	}
	links, err := s.ledger.LinksTo(ctx, book, sequence)
	if err != nil || links.ReversedBy == 0 {
		return false, err
	}
	reversal, err := s.ledger.Transaction(ctx, book, links.ReversedBy)
	return err == nil && reversal.Metadata[approvalOf] != "", err
}
