package reconcile

import (
	"context"
	"fmt"

	"mizan/ledger"
	"mizan/ledger/guard"
)

// Looked leaves a row in the audit trail that somebody reads evidence as it came, which may name people: "lines" or "receipts" of the
// source, by number. It is called before anything of it leaves.
func (s *Service) Looked(ctx context.Context, by guard.Actor, book ledger.Book, source Source, what string, number int64) error {
	_, err := s.trail.Record(ctx, guard.Deed{Actor: by, Book: guard.Book{ID: int32(book.ID), Code: book.Code}, Act: "evidence.read",
		Object: fmt.Sprintf("evidence:%s/%s/%s/%d", source.Kind, source.Name, what, number)})
	return err
}
