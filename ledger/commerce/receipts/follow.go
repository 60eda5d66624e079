package receipts

import (
	"context"
	"slices"
	"strings"

	"mizan/ledger"
)

// Every donor has a receipt without anybody asking for it. Posting knows nothing of receipts and is not slowed by them: a job
// follows the book and makes those of the donations since it last looked.

const (
	// pageOfDonations bounds what is read and written at a time.
	pageOfDonations = 200
	// eventReceived is how a donation begins.
	eventReceived = "donation.received"
)

// Follow makes the receipts of the donations that were recorded since the last time, and returns how many it made. It may
// run anywhere and at the same time: each donation gets one receipt.
func (s *Service) Follow(ctx context.Context, book ledger.Book) (made int64, err error) {
	after, err := s.head(ctx, book)
	if err != nil {
		return 0, err
	}
	for {
		page, err := s.ledger.Transactions(ctx, book, ledger.TransactionQuery{Event: eventReceived, After: after, Limit: pageOfDonations})
		if err != nil || len(page.Transactions) == 0 {
			return made, err
		}
		var subjects []string
		for i := range page.Transactions {
			t := &page.Transactions[i]
			after = t.Sequence
			if id, ok := strings.CutPrefix(t.Subject, Donation+":"); ok && ledger.IsSegment(id) && t.Reverses == 0 && !slices.Contains(subjects, t.Subject) {
				subjects = append(subjects, t.Subject)
			}
		}
		n, err := s.insertThrough(ctx, book, subjects, after)
		if made += n; err != nil || !page.More {
			return made, err
		}
	}
}
