package ledger

import (
	"context"

	"github.com/jackc/pgx/v5"
)

const sqlLinksTo = `SELECT kind, sequence FROM transaction_links WHERE book_id = $1 AND kind = ANY ('{reverses,reposts}') AND target = $2`

// Links are the corrections of a transaction; 0 where there is none. A link never goes away.
type Links struct {
	// ReversedBy is the sequence that reverses the transaction, RepostedBy the one that posts it again.
	ReversedBy, RepostedBy int64
}

// LinksTo returns what corrects a transaction. A transaction cannot name what comes after it, so this is asked apart.
func (l *Ledger) LinksTo(ctx context.Context, book Book, sequence int64) (links Links, err error) {
	rows, err := l.pool.Query(ctx, sqlLinksTo, book.ID, sequence)
	if err != nil {
		return links, err
	}
	var kind string
	var by int64
	_, err = pgx.ForEachRow(rows, []any{&kind, &by}, func() error {
		if kind == linkReverses {
			links.ReversedBy = by
		} else {
			links.RepostedBy = by
		}
		return nil
	})
	return links, err
}
