package payouts

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/guard"
)

// Releasing and refusing a run. What a second person has to look at is released by one who did not ask for it; a run that
// should not be paid is refused by one person, and everything of it that was not sent is cancelled.

const (
	// releasePage is how many payouts are released in one transaction.
	releasePage = 1_000
	// maxNamed bounds the payouts that an effect names one by one.
	maxNamed = 50

	sqlRelease = `
UPDATE payouts p SET released_at = $3, changed_at = $3
  FROM (SELECT x.id FROM payouts x WHERE x.book_id = $1 AND x.run_id = $2 AND x.needs_person AND x.released_at IS NULL AND x.state = 'created'
         ORDER BY x.id LIMIT $4 FOR NO KEY UPDATE) w
 WHERE p.book_id = $1 AND p.id = w.id`
	sqlLargest = `
SELECT ` + payoutColumns + `
  FROM payout_run_totals t
 CROSS JOIN LATERAL (SELECT * FROM payouts x WHERE x.book_id = $1 AND x.run_id = $2 AND x.currency = t.currency ORDER BY x.amount DESC, x.id LIMIT $3) p
 WHERE t.book_id = $1 AND t.run_id = $2
 ORDER BY p.currency, p.amount DESC, p.id LIMIT $3`
	sqlRefuse = `UPDATE payout_runs SET state = 'refused', refused_by = $3, refusal = $4 WHERE book_id = $1 AND id = $2`
	sqlNamed  = `
SELECT ` + payoutColumns + ` FROM payouts p
 WHERE p.book_id = $1 AND p.run_id = $2 AND p.needs_person AND p.released_at IS NULL AND p.state = 'created' ORDER BY p.id LIMIT $3`
	sqlWaitingCount = `
SELECT count(*) FROM (SELECT FROM payouts p WHERE p.book_id = $1 AND p.run_id = $2 AND p.needs_person AND p.released_at IS NULL AND p.state = 'created' LIMIT 1000000) x`
	sqlUnsentTotals = `
SELECT p.currency, sum(p.amount)::bigint, count(*) FROM payouts p WHERE p.book_id = $1 AND p.run_id = $2 AND p.state = 'created' GROUP BY p.currency ORDER BY p.currency`
	// Of a run whose other payouts are sent meanwhile, only those count that wait.
	sqlWaitingTotals = `
SELECT p.currency, sum(p.amount)::bigint, count(*) FROM payouts p
 WHERE p.book_id = $1 AND p.run_id = $2 AND p.needs_person AND p.released_at IS NULL AND p.state = 'created' GROUP BY p.currency ORDER BY p.currency`
	sqlLargestWaiting = `
SELECT ` + payoutColumns + ` FROM payouts p
 WHERE p.book_id = $1 AND p.run_id = $2 AND p.needs_person AND p.released_at IS NULL AND p.state = 'created' ORDER BY p.currency, p.amount DESC, p.id LIMIT $3`
)

// releasePayload names the run.
type releasePayload struct {
	Run string `json:"run"`
}

// ReleaseAct is the act by which a run that waits is released.
const ReleaseAct = "payout_run.release"

// runActs are the acts on runs that wait for a second person.
func (s *Service) runActs() []guard.Act {
	return []guard.Act{{
		Name: ReleaseAct, Meaning: "Release the payouts of a run that wait for a second person.", OfBook: true,
		Effect: s.releaseEffect, Run: s.releaseRun,
	}}
}

// releasePayloadOf reads the payload.
func releasePayloadOf(payload json.RawMessage) (p releasePayload, err error) {
	if err := readStrict(payload, 1024, &p); err != nil {
		return p, guard.ErrApprovalInvalid.Withf("The payload cannot be read: %s.", err)
	}
	if p.Run == "" {
		return p, guard.ErrApprovalInvalid.With("Name the run that shall be released.")
	}
	return p, nil
}

// releaseEffect says what would be sent. The money is set apart already, so only a cancelled payout changes it.
func (s *Service) releaseEffect(ctx context.Context, b guard.Book, payload json.RawMessage) (json.RawMessage, guard.Effect, error) {
	ask, err := releasePayloadOf(payload)
	if err != nil {
		return nil, guard.Effect{}, err
	}
	book, err := s.ledger.Book(ctx, b.Code)
	if err != nil {
		return nil, guard.Effect{}, err
	}
	var effect guard.Effect
	err = s.pool.ReadTx(ctx, func(tx pgx.Tx) error {
		run, err := oneRun(ctx, tx, sqlRun, book.ID, ask.Run)
		if err != nil {
			return err
		}
		if run.State != RunWaiting {
			return ErrRunState
		}
		effect, err = s.effectTx(ctx, tx, book, run)
		return err
	})
	if err != nil {
		return nil, guard.Effect{}, err
	}
	kept, err := json.Marshal(ask)
	return kept, effect, err
}

// effectTx is the effect of releasing a run.
func (s *Service) effectTx(ctx context.Context, tx pgx.Tx, book ledger.Book, run Run) (e guard.Effect, err error) {
	e.Summary = fmt.Sprintf("The run %s is released: %s.", run.ID, strings.Join(describeNeeds(run), "; "))
	sums, most := sqlUnsentTotals, sqlLargest
	if len(run.Needs) == 0 {
		sums, most = sqlWaitingTotals, sqlLargestWaiting
	}
	rows, err := tx.Query(ctx, sums, book.ID, run.ID)
	if err != nil {
		return e, err
	}
	totals, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (t RunTotals, err error) {
		err = r.Scan(&t.Currency, &t.Amount, &t.Payouts)
		return t, err
	})
	if err != nil {
		return e, err
	}
	for _, t := range totals {
		e.Totals = append(e.Totals, guard.Amount{Currency: string(t.Currency), Amount: t.Amount.Format(t.Currency)})
		e.Count += int(t.Payouts)
		earlier, err := earlierTx(ctx, tx, book, run.ID, t.Currency)
		if err != nil {
			return e, err
		}
		for i, amount := range earlier[:min(len(earlier), 3)] {
			e.Difference = append(e.Difference, fmt.Sprintf("%d runs before: %s %s", i+1, t.Currency, amount.Format(t.Currency)))
		}
		if len(earlier) == 0 {
			e.Difference = append(e.Difference, fmt.Sprintf("The first run that pays %s.", t.Currency))
		}
	}
	largest, err := manyPayouts(ctx, tx, most, book.ID, run.ID, 10)
	if err != nil {
		return e, err
	}
	for _, p := range largest {
		e.Largest = append(e.Largest, guard.Movement{Object: p.Holder.Kind + ":" + p.Holder.ID, Direction: "debit", Amount: guard.Amount{Currency: string(p.Holder.Currency), Amount: p.Gross().Format(p.Holder.Currency)}})
	}
	e.Warnings, err = s.namedTx(ctx, tx, book, run)
	return e, err
}

// describeNeeds says why the run waits.
func describeNeeds(run Run) (words []string) {
	for _, n := range run.Needs {
		switch code, currency, _ := strings.Cut(n, ":"); code {
		case NeedsManual:
			words = append(words, "it was begun by hand")
		case NeedsTotal:
			words = append(words, "its total in "+currency+" is far above the runs before")
		default:
			words = append(words, n)
		}
	}
	if len(words) == 0 {
		words = []string{"single payouts of it need a second person"}
	}
	return words
}

// namedTx says of each payout that needs a person why, up to a bound.
func (s *Service) namedTx(ctx context.Context, tx pgx.Tx, book ledger.Book, run Run) (words []string, err error) {
	list, err := manyPayouts(ctx, tx, sqlNamed, book.ID, run.ID, maxNamed)
	if err != nil {
		return nil, err
	}
	for _, p := range list {
		d, err := decisionTx(ctx, tx, book, run.ID, p.Holder)
		if err != nil {
			return nil, err
		}
		var decision Decision
		if err := json.Unmarshal(d.Decision, &decision); err != nil {
			return nil, err
		}
		why := make([]string, len(decision.SecondPerson))
		for i, code := range decision.SecondPerson {
			why[i] = SecondPersonText(code)
		}
		words = append(words, fmt.Sprintf("%s, %s:%s, %s %s: %s", p.ID, p.Holder.Kind, p.Holder.ID, p.Holder.Currency, p.Amount.Format(p.Holder.Currency), strings.Join(why, " ")))
	}
	if len(list) == maxNamed {
		var all int
		if err := tx.QueryRow(ctx, sqlWaitingCount, book.ID, run.ID).Scan(&all); err != nil {
			return nil, err
		}
		if all > maxNamed {
			words = append(words, fmt.Sprintf("%d further payouts need a second person. List the payouts of the run to see them.", all-maxNamed))
		}
	}
	return words, nil
}

// releaseRun releases the run; of a large one CarryOn releases the rest.
func (s *Service) releaseRun(ctx context.Context, tx pgx.Tx, a guard.Approval) (json.RawMessage, error) {
	ask, err := releasePayloadOf(a.Payload)
	if err != nil {
		return nil, err
	}
	book, err := s.ledger.Book(ctx, a.Book.Code)
	if err != nil {
		return nil, err
	}
	run, err := oneRun(ctx, tx, sqlLockRun, book.ID, ask.Run)
	if err != nil {
		return nil, err
	}
	if run.State != RunWaiting {
		return nil, ErrRunState
	}
	if err := s.releasePageTx(ctx, tx, book, &run, a.ID); err != nil {
		return nil, err
	}
	return json.Marshal(map[string]any{"object": "run:" + run.ID, "before": map[string]string{"state": RunWaiting}, "after": map[string]string{"state": RunReleased}})
}

// releasePageTx releases up to a page of payouts, and ends the run if these were the last.
func (s *Service) releasePageTx(ctx context.Context, tx pgx.Tx, book ledger.Book, run *Run, approval string) error {
	now := s.now()
	tag, err := tx.Exec(ctx, sqlRelease, book.ID, run.ID, now, releasePage)
	if err != nil {
		return err
	}
	run.State = RunReleased
	if tag.RowsAffected() < releasePage {
		run.EndedAt = now
	}
	_, err = tx.Exec(ctx, sqlRunState, book.ID, run.ID, RunReleased, run.Needs, approval, now, unless(run.EndedAt))
	return err
}

// releaseRest releases what is left of a run that was released.
func (s *Service) releaseRest(ctx context.Context, t Turn, run Run) error {
	for run.EndedAt.IsZero() {
		err := s.pool.TxRetry(ctx, func(tx pgx.Tx) (err error) {
			if err := t.check(ctx, tx); err != nil {
				return err
			}
			if run, err = oneRun(ctx, tx, sqlLockRun, t.Book.ID, run.ID); err != nil || run.State != RunReleased || !run.EndedAt.IsZero() {
				run.EndedAt = s.now()
				return err
			}
			return s.releasePageTx(ctx, tx, t.Book, &run, "")
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// RefuseRun refuses a run that waits: what of it was not sent is cancelled by CarryOn.
// Who calls it must have the right to approve. It returns ErrRunUnknown, ErrRunReason, or ErrRunState for a run that does not
// wait.
func (s *Service) RefuseRun(ctx context.Context, by guard.Actor, book ledger.Book, id, reason string) (run Run, err error) {
	if !plainReason(reason) {
		return Run{}, ErrRunReason
	}
	err = s.pool.TxRetry(ctx, func(tx pgx.Tx) (err error) {
		if run, err = oneRun(ctx, tx, sqlLockRun, book.ID, id); err != nil {
			return err
		}
		if run.State != RunWaiting {
			return ErrRunState
		}
		run.State, run.RefusedBy, run.Refusal = RunRefused, actorName(by), reason
		if _, err := tx.Exec(ctx, sqlRefuse, book.ID, id, run.RefusedBy, reason); err != nil {
			return err
		}
		return s.tellTx(ctx, tx, guard.Deed{Actor: by, Why: reason}, book, "payout_run.refused", "run:"+id, map[string]string{"state": RunWaiting}, map[string]string{"state": RunRefused})
	})
	return run, err
}
