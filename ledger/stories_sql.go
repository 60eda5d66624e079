package ledger

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// Stories: what happened to many subjects, read together. Whoever goes through a month asks this for a page of them at a time.

const (
	// The heads of subjects say which partitions hold a story; as long as they are behind, none is read here.
	sqlStoriesKnown = `SELECT subjects_through >= last_sequence FROM books WHERE id = $1`

	sqlStories = `
SELECT` + transactionColumns + `
  FROM unnest($2::text[]) WITH ORDINALITY AS k (subject, n)
 CROSS JOIN LATERAL (SELECT s.first_sequence, s.last_sequence FROM subjects s WHERE s.book_id = $1 AND s.subject = k.subject LIMIT 1) span
 CROSS JOIN LATERAL (SELECT h.* FROM transactions h
                      WHERE h.book_id = $1 AND h.subject = k.subject AND h.sequence >= span.first_sequence AND h.sequence <= least(span.last_sequence, $3)
                      ORDER BY h.sequence LIMIT $4) t
 ORDER BY k.n, t.sequence`
)

// Stories returns the transactions of each subject up to a sequence, in order, each with its entries. It leaves out a subject with more
// than most of them, and all that would make the page too large: those are read one by one with Transactions. Each subject is named once.
func (l *Ledger) Stories(ctx context.Context, book Book, subjects []string, upTo int64, most int) (map[string][]Transaction, error) {
	stories := map[string][]Transaction{}
	err := l.pool.ReadTx(ctx, func(tx pgx.Tx) error {
		clear(stories)
		var known bool
		if err := tx.QueryRow(ctx, sqlStoriesKnown, book.ID).Scan(&known); err != nil || !known {
			return err
		}
		headers, err := readHeaders(ctx, tx, book, maxPageText, sqlStories, book.ID, subjects, upTo, most+1)
		if err != nil {
			return err
		}
		more := headers.cut(len(headers.transactions))
		if err := headers.readEntries(ctx, tx, book); err != nil {
			return err
		}
		last := ""
		for _, t := range headers.transactions {
			stories[t.Subject], last = append(stories[t.Subject], t), t.Subject
		}
		if more { // the last one may go on
			delete(stories, last)
		}
		for subject, story := range stories {
			if len(story) > most {
				delete(stories, subject)
			}
		}
		return nil
	})
	return stories, err
}

// BySequence returns the transactions with the given sequences by sequence; those that the book does not have are left out.
func (l *Ledger) BySequence(ctx context.Context, book Book, sequences []int64) (map[int64]Transaction, error) {
	return l.readSequences(ctx, book, sequences)
}
