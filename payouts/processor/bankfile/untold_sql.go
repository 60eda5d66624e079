package bankfile

import (
	"context"

	"mizan/ledger"
	"mizan/ledger/guard"
)

// Bank accounts that a book pays from, and the act that the trail must tell of each.

const claimAccounts guard.Claims = `
SELECT a.currency || '/' || a.version, 'bank_account:' || a.currency, 'bank_account.set', '"version":' || a.version || '}' FROM bank_accounts a
 WHERE a.book_id = $1 AND (a.currency, a.version) > (split_part($2, '/', 1), coalesce(nullif(split_part($2, '/', 2), ''), '0')::int) ORDER BY a.currency, a.version LIMIT $3`

// Told compares the bank accounts that a book pays from with the acts that the trail tells of.
func Told(ctx context.Context, trail *guard.Trail, book ledger.Book) (guard.Told, error) {
	return trail.Compare(ctx, guard.Book{ID: int32(book.ID), Code: book.Code}, claimAccounts)
}
