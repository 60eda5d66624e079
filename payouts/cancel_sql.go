package payouts

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/guard"
)

// Cancelling: a payout of which nothing was ever sent, or which was definitely refused, gives its money and its fee back.
// Whether it was sent is decided by its row alone, which whoever sends it changes first; so it is sent or cancelled, never
// both.

const (
	sqlUnsent = `
SELECT ` + payoutColumns + ` FROM payouts p
 WHERE p.book_id = $1 AND p.run_id = $2 AND p.state = 'created' ORDER BY p.id LIMIT $3 FOR NO KEY UPDATE`
	sqlCancelled = `
UPDATE payouts SET state = 'cancelled', code = $4, changed_at = $3, ended_at = $3, look_at = NULL, claimed_by = '', lease_until = NULL, fence = fence + 1
 WHERE book_id = $1 AND id = ANY ($2::text[]) AND state IN ('created', 'refused')`
	sqlNextSteps = `
SELECT t.payout, max(t.number) FROM payout_steps t WHERE t.book_id = $1 AND t.payout = ANY ($2::text[]) GROUP BY t.payout`
)

// CancelTx cancels a payout in the caller's transaction, and tells the trail who did and why. It returns ErrPayoutUnknown, or
// ErrState for one that was sent.
func (s *Service) CancelTx(ctx context.Context, tx pgx.Tx, by guard.Deed, book ledger.Book, id, why string) (Payout, error) {
	p, err := onePayout(ctx, tx, sqlLockPayout, book.ID, id)
	if err != nil {
		return Payout{}, err
	}
	before := p.State
	list := []Payout{p}
	if err := s.cancelTx(ctx, tx, by.Actor, book, list, why); err != nil {
		return Payout{}, err
	}
	by.Why = why
	err = s.tellTx(ctx, tx, by, book, "payout.cancelled", "payout:"+id, map[string]string{"state": before}, map[string]string{"state": Cancelled})
	return list[0], err
}

// Cancel is CancelTx in a transaction of its own. It returns ErrRunReason without a reason.
func (s *Service) Cancel(ctx context.Context, by guard.Actor, book ledger.Book, id, why string) (p Payout, err error) {
	if !plainReason(why) {
		return Payout{}, ErrRunReason
	}
	err = s.pool.TxRetry(ctx, func(tx pgx.Tx) error {
		p, err = s.CancelTx(ctx, tx, guard.Deed{Actor: by}, book, id, why)
		return err
	})
	return p, err
}

// cancelTx cancels payouts whose rows the caller has locked. It returns ErrState if one of them was sent.
func (s *Service) cancelTx(ctx context.Context, tx pgx.Tx, by guard.Actor, book ledger.Book, list []Payout, why string) error {
	if len(list) == 0 {
		return nil
	}
	ids, events := make([]string, len(list)), make([]commerce.Event, len(list))
	for i, p := range list {
		if p.State != Created && p.State != Refused {
			return ErrState
		}
		ids[i] = p.ID
		events[i] = commerce.Own(&commerce.PayoutCancelled{PayoutTerms: p.terms()}, time.Time{})
	}
	now := s.now()
	tag, err := tx.Exec(ctx, sqlCancelled, book.ID, ids, now, "cancelled")
	if err != nil {
		return err
	}
	if tag.RowsAffected() != int64(len(list)) {
		return ErrState
	}
	numbers, err := stepNumbersTx(ctx, tx, book, ids)
	if err != nil {
		return err
	}
	results, err := s.events.PostTx(ctx, tx, book, events)
	if err != nil {
		return err
	}
	steps := make([][]any, len(list))
	for i := range list {
		p := &list[i]
		p.State, p.Code, p.ChangedAt, p.EndedAt = Cancelled, "cancelled", now, now
		steps[i] = []any{book.ID, p.ID, numbers[p.ID] + 1, Cancelled, now, "cancelled", results[i].Transactions[0].Sequence, actorName(by), shortened(why)}
	}
	_, err = tx.CopyFrom(ctx, pgx.Identifier{"payout_steps"}, []string{"book_id", "payout", "number", "state", "at", "code", "sequence", "actor", "evidence"}, pgx.CopyFromRows(steps))
	return err
}

// shortened is a reason as steps keep it.
func shortened(why string) string {
	const most = 500
	if len(why) <= most {
		return why
	}
	cut := most
	for cut > 0 && why[cut]&0xc0 == 0x80 { // not within a character
		cut--
	}
	return why[:cut] + "…"
}

// stepNumbersTx are the numbers of the payouts' last steps.
func stepNumbersTx(ctx context.Context, tx pgx.Tx, book ledger.Book, ids []string) (map[string]int, error) {
	rows, err := tx.Query(ctx, sqlNextSteps, book.ID, ids)
	if err != nil {
		return nil, err
	}
	numbers := map[string]int{}
	_, err = pgx.CollectRows(rows, func(r pgx.CollectableRow) (id string, err error) {
		var n int
		err = r.Scan(&id, &n)
		numbers[id] = n
		return id, err
	})
	return numbers, err
}

// cancelRest cancels what is left of a run that was refused, in chunks, and ends the run.
func (s *Service) cancelRest(ctx context.Context, t Turn, run Run) error {
	for {
		done := false
		err := s.pool.TxRetry(ctx, func(tx pgx.Tx) error {
			if err := t.check(ctx, tx); err != nil {
				return err
			}
			now, err := oneRun(ctx, tx, sqlLockRun, t.Book.ID, run.ID)
			if err != nil {
				return err
			}
			if now.State != RunRefused || !now.EndedAt.IsZero() {
				done = true
				return nil
			}
			list, err := manyPayouts(ctx, tx, sqlUnsent, t.Book.ID, run.ID, planChunk)
			if err != nil {
				return err
			}
			if done = len(list) < planChunk; done {
				if _, err := tx.Exec(ctx, sqlRunState, t.Book.ID, run.ID, RunRefused, now.Needs, "", s.now(), s.now()); err != nil {
					return err
				}
			}
			return s.cancelTx(ctx, tx, t.Actor, t.Book, list, "the run was refused")
		})
		if err != nil || done {
			return err
		}
	}
}
