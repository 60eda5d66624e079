package ledger

import (
	"context"
	"math"
	"slices"

	"github.com/jackc/pgx/v5"
)

// Stories: what happened to many subjects, read together. Whoever goes through a month asks this for a page of them at a time.

const (
	// The heads of subjects say where in the book a story stands; as long as they are behind, none is read here.
	sqlSpans = `
SELECT s.subject, s.first_sequence, least(s.last_sequence, $3)
  FROM books b CROSS JOIN unnest($2::text[]) WITH ORDINALITY AS k (subject, n)
 CROSS JOIN LATERAL (SELECT h.* FROM subjects h WHERE h.book_id = $1 AND h.subject = k.subject LIMIT 1) s
 WHERE b.id = $1 AND b.subjects_through >= b.last_sequence AND s.first_sequence <= $3
 ORDER BY k.n`

	// $5 and $6 are the lowest and the highest sequence of all of them.
	sqlStories = `
SELECT` + transactionColumns + `
  FROM unnest($2::text[], $3::bigint[], $4::bigint[]) WITH ORDINALITY AS k (subject, first_sequence, last_sequence, n)
 CROSS JOIN LATERAL (SELECT h.* FROM transactions h
                      WHERE h.book_id = $1 AND h.subject = k.subject AND h.sequence >= k.first_sequence AND h.sequence <= k.last_sequence
                        AND h.sequence >= $5 AND h.sequence <= $6
                      ORDER BY h.sequence LIMIT $7) t
 ORDER BY k.n, t.sequence`
)

// spans are where stories begin and end in the book.
type spans struct {
	subjects    []string
	first, last []int64
}

func readSpans(ctx context.Context, tx pgx.Tx, book Book, subjects []string, upTo int64) (s spans, err error) {
	rows, err := tx.Query(ctx, sqlSpans, book.ID, subjects, upTo)
	if err != nil {
		return s, err
	}
	var subject string
	var first, last int64
	_, err = pgx.ForEachRow(rows, []any{&subject, &first, &last}, func() error {
		s.subjects, s.first, s.last = append(s.subjects, subject), append(s.first, first), append(s.last, last)
		return nil
	})
	return s, err
}

// Stories returns the transactions of each subject up to a sequence, in order, each with its entries. It leaves out a subject with more
// than most of them, and all that would make the page too large: those are read one by one with Transactions. Each subject is named once.
// Entries never change, so those of transactions that are known are not read again.
func (l *Ledger) Stories(ctx context.Context, book Book, subjects []string, upTo int64, most int, known ...Transaction) (map[string][]Transaction, error) {
	stories, entries := map[string][]Transaction{}, make(map[int64][]Entry, len(known))
	for i := range known {
		entries[known[i].Sequence] = known[i].Entries
	}
	err := l.pool.ReadTx(ctx, func(tx pgx.Tx) error {
		clear(stories)
		of, err := readSpans(ctx, tx, book, subjects, upTo)
		if err != nil || len(of.subjects) == 0 {
			return err
		}
		headers, err := readHeaders(ctx, tx, book, maxPageText, sqlStories, book.ID, of.subjects, of.first, of.last, slices.Min(of.first), slices.Max(of.last), most+1)
		if err != nil {
			return err
		}
		more := headers.cut(len(headers.transactions))
		if err := headers.readEntries(ctx, tx, book, entries); err != nil {
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

// Begun returns the sequence of the first transaction of each subject; of one without any it says nothing, and of none as long as the
// heads of subjects are behind. Each subject is named once.
func (l *Ledger) Begun(ctx context.Context, book Book, subjects []string) (map[string]int64, error) {
	begun := make(map[string]int64, len(subjects))
	err := l.pool.ReadTx(ctx, func(tx pgx.Tx) error {
		clear(begun)
		of, err := readSpans(ctx, tx, book, subjects, math.MaxInt64)
		for i, subject := range of.subjects {
			begun[subject] = of.first[i]
		}
		return err
	})
	return begun, err
}

// BySequence returns the transactions with the given sequences by sequence; those that the book does not have are left out.
func (l *Ledger) BySequence(ctx context.Context, book Book, sequences []int64) (map[int64]Transaction, error) {
	return l.readSequences(ctx, book, sequences)
}
