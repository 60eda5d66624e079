package ledger

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// Subjects: where each one's history begins and ends in the book. What a draft expects is held against the end, and the
// transactions of a subject are looked for between the two, so neither grows with the number of partitions.
//
// The heads hold for everything up to the book's subjects_through. A service from before this table posts without them;
// then the rest is looked for in the transactions, and each batch carries the heads a part of the way, until they hold
// for the whole book again.

const (
	sqlFindSubjects = `
SELECT k.subject, s.last_sequence
  FROM unnest($2::text[]) AS k (subject)
 CROSS JOIN LATERAL (SELECT t.last_sequence FROM subjects t WHERE t.book_id = $1 AND t.subject = k.subject LIMIT 1) s`

	sqlFindLateSubjects = `
SELECT k.subject, s.sequence
  FROM unnest($2::text[]) AS k (subject)
 CROSS JOIN LATERAL (SELECT t.sequence FROM transactions t
                      WHERE t.book_id = $1 AND t.subject = k.subject AND t.sequence > $3 ORDER BY t.sequence DESC LIMIT 1) s`

	sqlOpenSubjects = `
INSERT INTO subjects (book_id, subject, first_sequence, last_sequence)
SELECT $1, k.subject, k.first_sequence, k.last_sequence
  FROM unnest($2::text[], $3::bigint[], $4::bigint[]) AS k (subject, first_sequence, last_sequence)`

	sqlMoveSubjects = `
UPDATE subjects s SET last_sequence = k.last_sequence
  FROM unnest($2::text[], $3::bigint[]) AS k (subject, last_sequence)
 WHERE s.book_id = $1 AND s.subject = k.subject`

	sqlCatchUpSubjects = `
INSERT INTO subjects (book_id, subject, first_sequence, last_sequence)
SELECT $1, t.subject, min(t.sequence), max(t.sequence)
  FROM transactions t
 WHERE t.book_id = $1 AND t.sequence > $2 AND t.sequence <= $3 AND t.subject IS NOT NULL
 GROUP BY t.subject
    ON CONFLICT (book_id, subject)
    DO UPDATE SET first_sequence = least(subjects.first_sequence, excluded.first_sequence),
                  last_sequence = greatest(subjects.last_sequence, excluded.last_sequence)`

	sqlSubjectSpan = `
SELECT b.subjects_through >= b.last_sequence, coalesce(s.first_sequence, 0), coalesce(s.last_sequence, 0)
  FROM books b
  LEFT JOIN LATERAL (SELECT t.first_sequence, t.last_sequence FROM subjects t
                      WHERE t.book_id = b.id AND t.subject = $2 LIMIT 1) s ON true
 WHERE b.id = $1`
)

// catchUpStep bounds the transactions that one batch looks at to bring the heads up.
const catchUpStep = 5_000

// findLateSubjects looks for what the heads do not know yet. Normally they know everything, and it asks nothing.
func (st *bookState) findLateSubjects(ctx context.Context, on sender, book Book, subjects []string) error {
	if len(subjects) == 0 || st.subjectsThrough >= st.head.LastSequence {
		return nil
	}
	b := &pgx.Batch{}
	b.Queue(sqlFindLateSubjects, book.ID, subjects, st.subjectsThrough).Query(func(rows pgx.Rows) error { return st.scanSubjects(rows, false) })
	return on.SendBatch(ctx, b).Close()
}

// queueSubjects moves the heads of the batch's subjects, and brings the others up if they are behind. It returns how far
// the heads reach afterwards. before is the book's head before the batch.
func (d *decision) queueSubjects(b *pgx.Batch, book Book, st *bookState, before int64) (through int64) {
	type span struct{ first, last int64 }
	spans := make(map[string]span, len(d.transactions))
	for _, t := range d.transactions {
		if t.Subject == "" {
			continue
		}
		s, again := spans[t.Subject]
		if !again {
			s.first = t.Sequence
		}
		s.last = t.Sequence
		spans[t.Subject] = s
	}
	var opened, moved []string
	var firsts, lasts, movedTo []int64
	for subject, s := range spans {
		if st.heads[subject] {
			moved, movedTo = append(moved, subject), append(movedTo, s.last)
		} else {
			opened, firsts, lasts = append(opened, subject), append(firsts, s.first), append(lasts, s.last)
		}
	}
	if len(opened) > 0 {
		b.Queue(sqlOpenSubjects, book.ID, opened, firsts, lasts)
	}
	if len(moved) > 0 {
		b.Queue(sqlMoveSubjects, book.ID, moved, movedTo)
	}
	if st.subjectsThrough >= before {
		return st.head.LastSequence
	}
	through = min(st.subjectsThrough+catchUpStep, before)
	b.Queue(sqlCatchUpSubjects, book.ID, st.subjectsThrough, through)
	if through == before {
		return st.head.LastSequence
	}
	return through
}

// subjectSpan narrows a range of sequences, high exclusive, to where the subject has transactions.
func subjectSpan(ctx context.Context, tx pgx.Tx, book Book, subject string, low, high int64) (int64, int64, error) {
	var complete bool
	var first, last int64
	if err := tx.QueryRow(ctx, sqlSubjectSpan, book.ID, subject).Scan(&complete, &first, &last); err != nil {
		return 0, 0, err
	}
	if !complete {
		return low, high, nil
	}
	return max(low, first), min(high, last+1), nil
}
