package ledger

import "context"

const sqlLinked = `SELECT EXISTS (SELECT 1 FROM transaction_links WHERE book_id = $1 AND kind = $2 AND target = $3)`

// linked reports whether a transaction has a link of the kind. Links never go away, so a true answer stays true.
func (l *Ledger) linked(ctx context.Context, book Book, kind string, target int64) (yes bool, err error) {
	err = l.pool.QueryRow(ctx, sqlLinked, book.ID, kind, target).Scan(&yes)
	return yes, err
}
