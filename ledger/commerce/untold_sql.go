package commerce

import (
	"context"

	"mizan/ledger"
	"mizan/ledger/guard"
)

// Rule sets that a book was given, and the act that the trail must tell of each.

const claimRuleSets guard.Claims = `
SELECT r.set_name || '-' || r.version, 'rule_set:' || r.set_name || '-' || r.version, 'rules.added', '' FROM rule_sets r
 WHERE r.book_id = $1 AND r.set_name || '-' || r.version > $2 ORDER BY 1 LIMIT $3`

// Told compares the rule sets that a book was given with the acts that the trail tells of. A book has few of them.
func (r *RuleSets) Told(ctx context.Context, trail *guard.Trail, book ledger.Book) (guard.Told, error) {
	return trail.Compare(ctx, guard.Book{ID: int32(book.ID), Code: book.Code}, claimRuleSets)
}
