package payouts

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/failpoint"
	"mizan/ledger/money"
)

// Claiming payouts and writing down what became of them: one transaction for each change of state, with the entries it
// posts and the step that tells it.

const carriedColumns = `p.id, p.run_id, p.part_no, p.kind, p.payee, p.receiver, p.currency, p.amount, p.fee, p.fee_tax, p.fee_tax_in, p.method, p.state,
       p.account_id, p.destination, p.rail, p.rail_account, p.mode, p.needs_person, p.released_at, p.retry_of, p.retries, p.code, p.transfer,
       p.transfer_entry, p.arrived, p.outgoing, p.trace, p.expected_on, p.pulled_back, p.created_at, p.changed_at, p.submitted_at, p.paid_at,
       p.returned_at, p.ended_at, p.look_at, p.fence,
       (SELECT a.address FROM accounts a WHERE a.book_id = p.book_id AND a.id = p.account_id)`

const (
	// What keeps a payout back at the moment $3: that the transaction which took its money was reversed; and, if it goes to its
	// own payee, a hold, that it is not verified any more, or that the bank behind its destination changed after it was decided.
	keptBack = `(EXISTS (SELECT FROM transaction_links v WHERE v.book_id = c.book_id AND v.kind = 'reverses' AND v.target = c.created_sequence)
       OR c.receiver = c.payee AND (
           EXISTS (SELECT FROM payout_holds h WHERE h.book_id = c.book_id AND h.payee = c.payee AND h.kind = c.kind
               AND h.currency IN ('', c.currency) AND h.released_at IS NULL AND h.effect IN ('pause', 'everything'))
           OR coalesce((SELECT l.verification FROM payout_standings l WHERE l.book_id = c.book_id AND l.payee = c.payee
               ORDER BY l.version DESC LIMIT 1), 'verified') <> 'verified'
           OR EXISTS (SELECT FROM payout_destinations d WHERE d.book_id = c.book_id AND d.id = c.destination AND d.state = 'active' AND d.cooling_until > $3)))`

	sqlKeptBack = `SELECT ` + keptBack + ` FROM payouts c WHERE c.book_id = $1 AND c.id = $2`

	// What is refused, unknown or under way is claimed when it is due; what is new, if nothing keeps it back.
	sqlClaimPayout = `
UPDATE payouts p
   SET claimed_by = $5, lease_until = clock_timestamp() + $6 * interval '1 microsecond', fence = p.fence + 1
  FROM (SELECT c.id FROM payouts c
         WHERE c.book_id = $1 AND c.id = $2 AND c.state = ANY($4) AND (c.lease_until IS NULL OR c.lease_until < clock_timestamp())
           AND (c.state NOT IN ('created', 'refused') OR (NOT c.needs_person OR c.released_at IS NOT NULL)
               AND EXISTS (SELECT FROM payout_runs r WHERE r.book_id = c.book_id AND r.id = c.run_id AND ` + runSends + `)
               AND NOT (` + keptBack + `))
           FOR NO KEY UPDATE SKIP LOCKED) mine
 WHERE p.book_id = $1 AND p.id = mine.id
RETURNING ` + carriedColumns

	sqlHoldPayout = `
UPDATE payouts SET lease_until = clock_timestamp() + $6 * interval '1 microsecond'
 WHERE book_id = $1 AND id = $2 AND fence = $3 AND claimed_by = $4 AND state = $5`

	sqlLetGo = `UPDATE payouts SET claimed_by = '', lease_until = NULL WHERE book_id = $1 AND id = $2 AND fence = $3 AND claimed_by = $4`

	// Somebody who asked for an earlier look while the payout was held is not overruled, unless the payout is over.
	sqlMovePayout = `
UPDATE payouts SET state = $3, code = $4, transfer = $5, transfer_entry = $6, arrived = $7, outgoing = $8, trace = $9, expected_on = $10,
       pulled_back = $11, changed_at = $12, submitted_at = $13, paid_at = $14, returned_at = $15, ended_at = $16,
       look_at = CASE WHEN $3::text IN ('failed', 'cancelled') OR $15::timestamptz IS NOT NULL OR look_at IS NOT DISTINCT FROM $17::timestamptz
                      THEN $18::timestamptz ELSE least(look_at, $18::timestamptz) END
 WHERE book_id = $1 AND id = $2`

	sqlInsertCarriedStep = `
INSERT INTO payout_steps (book_id, payout, number, state, at, code, evidence, sequence, actor)
SELECT $1, $2, coalesce(max(s.number), 0) + 1, $3, $4, $5, $6, $7, $8 FROM payout_steps s WHERE s.book_id = $1 AND s.payout = $2`
)

// claim takes the payout for this process, if it is free and in one of the states; otherwise it returns nil.
func (s *Service) claim(ctx context.Context, t Turn, id string, states ...string) (c *carried, err error) {
	err = s.pool.Tx(ctx, func(tx pgx.Tx) error {
		if err := t.check(ctx, tx); err != nil {
			return err
		}
		c, err = scanCarried(tx.QueryRow(ctx, sqlClaimPayout, t.Book.ID, id, s.now(), states, s.holder, leaseFor.Microseconds()))
		if errors.Is(err, pgx.ErrNoRows) {
			c, err = nil, nil
		}
		if c != nil {
			failpoint.Here(failpoint.PayoutClaiming)
		}
		return err
	})
	return c, err
}

// keptBack reports whether nothing may be sent of a payout now.
func (s *Service) keptBack(ctx context.Context, t Turn, c *carried) (kept bool, err error) {
	err = s.pool.QueryRow(ctx, sqlKeptBack, t.Book.ID, c.ID, s.now()).Scan(&kept)
	return kept, err
}

func scanCarried(row pgx.Row) (*carried, error) {
	c := &carried{}
	var amount, fee, tax, pulled int64
	var address, currency string
	var released, expected, submitted, paid, returned, ended, look *time.Time
	err := row.Scan(&c.ID, &c.Run, &c.Part, &c.Holder.Kind, &c.Holder.ID, &c.Receiver, &currency, &amount, &fee, &tax, &c.FeeTaxIn, &c.Method, &c.State,
		&c.Account, &c.Destination, &c.Rail, &c.RailAccount, &c.Mode, &c.NeedsPerson, &released, &c.RetryOf, &c.Retries, &c.Code, &c.Transfer,
		&c.TransferEntry, &c.Arrived, &c.Outgoing, &c.Trace, &expected, &pulled, &c.CreatedAt, &c.ChangedAt, &submitted, &paid,
		&returned, &ended, &look, &c.fence, &address)
	if err != nil {
		return nil, err
	}
	c.Holder.Currency = money.Currency(currency)
	c.Amount, c.Fee, c.FeeTax, c.PulledBack = money.Minor(amount), money.Minor(fee), money.Minor(tax), money.Minor(pulled)
	c.ReleasedAt, c.ExpectedOn, c.SubmittedAt, c.PaidAt = givenTime(released), givenTime(expected), givenTime(submitted), givenTime(paid)
	c.ReturnedAt, c.EndedAt, c.LookAt, c.seen = givenTime(returned), givenTime(ended), givenTime(look), look
	c.Source = sourceOf(c.Holder, ledger.Address(address))
	return c, nil
}

func givenTime(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC()
}

func keptTime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// letGo ends a claim, whatever has happened.
func (s *Service) letGo(ctx context.Context, t Turn, c *carried) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if _, err := s.pool.Exec(ctx, sqlLetGo, t.Book.ID, c.ID, c.fence, s.holder); err != nil {
		s.log.Warn("a claimed payout is let go only by its lease", "payout", c.ID, "error", err)
	}
}

// change is what a transaction of a carried payout came to: the payout as it shall be, the step that tells it, and what it
// posts. A change without a state in its step tells nothing.
type change struct {
	next   Payout
	lookAt time.Time
	step   Step
	events []commerce.Event
	// before is done in the transaction first.
	before inside
}

// inside is something that is done in a transaction.
type inside func(ctx context.Context, tx pgx.Tx) error

// write makes a change, if the payout is still ours and in the state that it was read in. Its attempts are written with
// it. Afterwards c is as it is stored.
func (s *Service) write(ctx context.Context, t Turn, c *carried, ch change, attempts ...*attempt) error {
	now := s.now()
	err := s.pool.Tx(ctx, func(tx pgx.Tx) error {
		if err := t.check(ctx, tx); err != nil {
			return err
		}
		if done, err := tx.Exec(ctx, sqlHoldPayout, t.Book.ID, c.ID, c.fence, s.holder, c.State, leaseFor.Microseconds()); err != nil {
			return err
		} else if done.RowsAffected() == 0 {
			return errMoved
		}
		for _, a := range attempts {
			if err := a.store(ctx, tx, t.Book.ID, c.ID); err != nil {
				return err
			}
		}
		if ch.before != nil {
			if err := ch.before(ctx, tx); err != nil {
				return err
			}
		}
		if len(ch.events) > 0 {
			results, err := s.events.PostTx(ctx, tx, t.Book, ch.events)
			if err != nil {
				return err
			}
			if posted := results[len(results)-1].Transactions; len(posted) > 0 {
				ch.step.Sequence = posted[0].Sequence
			}
		}
		n := &ch.next
		if n.State != c.State || ch.step.State != "" {
			n.ChangedAt = now
		}
		_, err := tx.Exec(ctx, sqlMovePayout, t.Book.ID, c.ID, n.State, word60(n.Code), n.Transfer, n.TransferEntry, n.Arrived, n.Outgoing, n.Trace,
			keptTime(n.ExpectedOn), int64(n.PulledBack), n.ChangedAt, keptTime(n.SubmittedAt), keptTime(n.PaidAt), keptTime(n.ReturnedAt),
			keptTime(n.EndedAt), c.seen, keptTime(ch.lookAt))
		if err != nil || ch.step.State == "" {
			return err
		}
		_, err = tx.Exec(ctx, sqlInsertCarriedStep, t.Book.ID, c.ID, ch.step.State, now, word60(ch.step.Code), ch.step.Evidence, ch.step.Sequence, t.actor().ID)
		failpoint.Here(failpoint.StepWriting)
		return err
	})
	if err == nil {
		failpoint.Here(failpoint.StepWritten)
		c.Payout, c.LookAt, c.seen = ch.next, ch.lookAt, keptTime(ch.lookAt)
	}
	return err
}

// passing is what is done inside a transaction, with the point behind it.
func passing(before inside, p failpoint.Point) inside {
	return func(ctx context.Context, tx pgx.Tx) error {
		if before != nil {
			if err := before(ctx, tx); err != nil {
				return err
			}
		}
		failpoint.Here(p)
		return nil
	}
}
