package ledger

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"mizan/ledger/postgres"
)

// The heads of subjects in a verification. Each transaction lies between its subject's first and last sequence, and both
// ends are transactions of the subject: so they are the first and the last. Heads hold up to the book's subjects_through
// only.

const (
	sqlVerifySubjectSpans = `
SELECT t.sequence
  FROM transactions t
  LEFT JOIN LATERAL (SELECT x.first_sequence, x.last_sequence FROM subjects x
                      WHERE x.book_id = $1 AND x.subject = t.subject LIMIT 1) s ON true
 WHERE t.book_id = $1 AND t.sequence >= $2 AND t.sequence < $3 AND t.subject IS NOT NULL
   AND t.sequence <= (SELECT b.subjects_through FROM books b WHERE b.id = $1)
   AND (t.sequence BETWEEN s.first_sequence AND s.last_sequence) IS NOT TRUE
 ORDER BY t.sequence
 LIMIT 100`

	sqlWalkSubjects = `
SELECT s.subject, s.last_sequence, f.subject IS NOT NULL AND (l.subject IS NOT NULL OR s.last_sequence = s.first_sequence)
  FROM (SELECT x.subject, x.first_sequence, x.last_sequence FROM subjects x
         WHERE x.book_id = $1 AND x.subject > $2 ORDER BY x.subject LIMIT $3) s
  LEFT JOIN LATERAL (SELECT x.subject FROM transactions x
                      WHERE x.book_id = $1 AND x.sequence = s.first_sequence AND x.subject = s.subject LIMIT 1) f ON true
  LEFT JOIN LATERAL (SELECT x.subject FROM transactions x
                      WHERE s.last_sequence <> s.first_sequence
                        AND x.book_id = $1 AND x.sequence = s.last_sequence AND x.subject = s.subject LIMIT 1) l ON true
 ORDER BY s.subject`

	sqlSubjectsThrough = `SELECT subjects_through <= last_sequence FROM books WHERE id = $1`
)

// verifySubjects compares transactions with the heads and the heads with transactions.
func (v *verifier) verifySubjects(ctx context.Context) error {
	var lawful bool
	err := v.ledger.pool.ReadTx(ctx, func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, sqlSubjectsThrough, v.book.ID).Scan(&lawful)
	})
	if err != nil {
		return err
	}
	if !lawful {
		v.found.add(VerifyFinding{Invariant: InvariantSubjects, What: "The heads of subjects claim to reach beyond the book's head."})
	}
	step := int64(maxPageOfHeads)
	for low := v.options.After.Sequence + 1; low <= v.through; {
		high := min(low+step, v.through+1)
		var bad []int64
		err := v.ledger.pool.ReadTx(ctx, func(tx pgx.Tx) error {
			rows, err := tx.Query(ctx, sqlVerifySubjectSpans, v.book.ID, low, high)
			if err != nil {
				return err
			}
			bad, err = pgx.CollectRows(rows, pgx.RowTo[int64])
			return err
		})
		if errors.Is(err, postgres.ErrReadTooLong) && step > 500 {
			step /= 4
			continue
		}
		if err != nil {
			return err
		}
		for _, sequence := range bad {
			v.found.add(VerifyFinding{Invariant: InvariantSubjects, Sequence: sequence, What: "It lies outside of what is noted as its subject's first and last transaction."})
		}
		low = high
		v.tell("subjects", high-1, v.through)
	}
	return v.walkSubjects(ctx)
}

func (v *verifier) walkSubjects(ctx context.Context) error {
	last, limit := "", 20_000
	for {
		rows, next := 0, last
		err := v.ledger.pool.ReadTx(ctx, func(tx pgx.Tx) error {
			rows = 0
			result, err := tx.Query(ctx, sqlWalkSubjects, v.book.ID, last, limit)
			if err != nil {
				return err
			}
			var at int64
			var held bool
			_, err = pgx.ForEachRow(result, []any{&next, &at, &held}, func() error {
				if rows++; !held {
					v.found.add(VerifyFinding{Invariant: InvariantSubjects, Sequence: at, What: "A subject is noted to begin or end with a transaction that is not about it."})
				}
				return nil
			})
			return err
		})
		if errors.Is(err, postgres.ErrReadTooLong) && limit > 500 {
			limit /= 4
			continue
		}
		if err != nil {
			return err
		}
		if last = next; rows < limit {
			return nil
		}
	}
}
