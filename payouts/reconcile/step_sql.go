package reconcile

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/guard"
)

// Steps: every change of a break is one, in one order for the book. The head of the steps is the lock under which breaks change.
// Whoever takes it takes it before the ledger's lock and before the trail's.

const (
	sqlBeginSteps = `INSERT INTO recon_step_heads (book_id) VALUES ($1) ON CONFLICT DO NOTHING`

	sqlLockSteps = `SELECT number FROM recon_step_heads WHERE book_id = $1 FOR UPDATE`

	sqlMoveSteps = `UPDATE recon_step_heads SET number = $2 WHERE book_id = $1`

	sqlLastStep = `SELECT coalesce((SELECT number FROM recon_step_heads WHERE book_id = $1), 0)`

	sqlStepsOf = `
SELECT number, break_id, act, done_by, at, run, standing, note, approval, fix
  FROM recon_steps
 WHERE book_id = $1 AND break_id = $2 AND number > $3
 ORDER BY number
 LIMIT $4`
)

// steps is the place among a book's steps that a transaction holds.
type steps struct {
	book ledger.Book
	last int64
}

// number gives each of the breaks the number of the step that it takes, in their order. The steps are recorded by add, after the
// breaks.
func (s *steps) number(changed []changedBreak) {
	for i := range changed {
		s.last++
		changed[i].Step = s.last
	}
}

// lockSteps takes the lock under which the book's breaks change, until the transaction ends.
func lockSteps(ctx context.Context, tx pgx.Tx, book ledger.Book) (*steps, error) {
	if _, err := tx.Exec(ctx, sqlBeginSteps, book.ID); err != nil {
		return nil, err
	}
	s := &steps{book: book}
	err := tx.QueryRow(ctx, sqlLockSteps, book.ID).Scan(&s.last)
	return s, err
}

// stepBy is who takes steps, when, in which run and by which approval.
type stepBy struct {
	by       string
	at       time.Time
	run      int64
	approval string
}

var stepColumns = []string{"book_id", "number", "break_id", "act", "done_by", "at", "run", "standing", "note", "approval", "fix"}

// add records the numbered steps of the breaks.
func (s *steps) add(ctx context.Context, tx pgx.Tx, who stepBy, changed []changedBreak) error {
	if len(changed) == 0 {
		return nil
	}
	rows := make([][]any, 0, len(changed))
	for i := range changed {
		c := &changed[i]
		standing, err := c.standing()
		if err != nil {
			return err
		}
		rows = append(rows, []any{s.book.ID, c.Step, c.ID, c.act, who.by, who.at, who.run, string(standing), c.note, who.approval, c.posted})
	}
	if _, err := tx.CopyFrom(ctx, pgx.Identifier{"recon_steps"}, stepColumns, pgx.CopyFromRows(rows)); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, sqlMoveSteps, s.book.ID, s.last)
	return err
}

// LastStep is the number of the book's last step, 0 if there is none. A list of breaks as of a step is the same for ever.
func (s *Service) LastStep(ctx context.Context, book ledger.Book) (n int64, err error) {
	err = s.pool.QueryRow(ctx, sqlLastStep, book.ID).Scan(&n)
	return n, err
}

// maxSteps bounds one reading of steps.
const maxSteps = 1000

// Steps are up to limit steps of a break after one, at most 1,000, the oldest first.
func (s *Service) Steps(ctx context.Context, book ledger.Book, id string, after int64, limit int) ([]Step, error) {
	rows, err := s.pool.Query(ctx, sqlStepsOf, book.ID, id, after, min(max(limit, 1), maxSteps))
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (t Step, err error) {
		var standing string
		err = row.Scan(&t.Number, &t.Break, &t.Act, &t.By, &t.At, &t.Run, &standing, &t.Note, &t.Approval, &t.Fix)
		t.At, t.Standing = t.At.UTC(), []byte(standing)
		return t, err
	})
}

// doneBy is how a step names who took it.
func doneBy(a guard.Actor) string {
	switch {
	case a.Kind == "":
		return guard.System
	case a.ID == "":
		return a.Kind
	}
	return clipText(a.Kind+":"+a.ID, 128)
}
