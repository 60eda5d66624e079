package commerce

import (
	"context"

	"mizan/ledger"
)

// The stories of subjects: their transactions up to one of the book's. Those that the ledger reads together are, and all others one by one
// when somebody asks for them: long ones, those that a page has no room for, and every one as long as the heads of subjects are behind.

// stories are the stories of subjects, for one reader after the other.
type stories struct {
	ledger   *ledger.Ledger
	book     ledger.Book
	upTo     int64
	together map[string][]ledger.Transaction
}

// storiesOf reads the stories of subjects, each named once, up to a sequence. What is known of them need not be read again.
func (s *Service) storiesOf(ctx context.Context, book ledger.Book, subjects []string, upTo int64, known ...ledger.Transaction) (*stories, error) {
	x := &stories{ledger: s.ledger, book: book, upTo: upTo, together: map[string][]ledger.Transaction{}}
	if len(subjects) == 0 {
		return x, nil
	}
	var err error
	x.together, err = s.ledger.Stories(ctx, book, subjects, upTo, maxStory, known...)
	return x, err
}

// of returns the story of a subject; empty if it has none. Of one with more transactions than are replayed it returns the first with
// errOrderTooLong.
func (x *stories) of(ctx context.Context, subject string) ([]ledger.Transaction, error) {
	if story := x.together[subject]; story != nil {
		return story, nil
	}
	var story []ledger.Transaction
	for after := int64(0); ; after = story[len(story)-1].Sequence {
		page, err := x.ledger.Transactions(ctx, x.book, ledger.TransactionQuery{Subject: subject, After: after, Limit: pageOfOrder})
		if err != nil {
			return nil, err
		}
		for i := range page.Transactions {
			if page.Transactions[i].Sequence > x.upTo {
				return story, nil
			}
			story = append(story, page.Transactions[i])
		}
		switch {
		case !page.More:
			return story, nil
		case len(story) > maxOfOrder:
			return story, errOrderTooLong
		}
	}
}
