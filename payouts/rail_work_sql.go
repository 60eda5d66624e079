package payouts

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/guard"
)

const (
	// What needs nobody is sent although the run waits for a person on account of others, unless the whole run has to be looked at.
	runSends = `(r.state IN ('released', 'done') OR r.state = 'waiting' AND r.needs = '{}')`

	// Runs with something to send, by a walk over the index that touches one row for each.
	sqlRunsUnsent = `
WITH RECURSIVE unsent AS (
    (SELECT p.run_id FROM payouts p WHERE p.book_id = $1 AND p.state = 'created' AND (NOT p.needs_person OR p.released_at IS NOT NULL) ORDER BY p.run_id LIMIT 1)
    UNION ALL
    SELECT (SELECT p.run_id FROM payouts p WHERE p.book_id = $1 AND p.state = 'created' AND (NOT p.needs_person OR p.released_at IS NOT NULL) AND p.run_id > u.run_id
             ORDER BY p.run_id LIMIT 1)
      FROM unsent u WHERE u.run_id IS NOT NULL)
SELECT r.id FROM unsent u JOIN payout_runs r ON r.book_id = $1 AND r.id = u.run_id
 WHERE ` + runSends + ` ORDER BY r.created_at, r.id LIMIT 1000`

	sqlUnsentOf = `
SELECT p.id FROM payouts p
 WHERE p.book_id = $1 AND p.run_id = $2 AND p.state = 'created' AND (NOT p.needs_person OR p.released_at IS NOT NULL) AND p.id > $3 AND p.rail = ANY($4) AND p.rail || '/' || p.currency <> ALL($6)
 ORDER BY p.id LIMIT $5`

	sqlDueIn = `
SELECT p.id, p.look_at FROM payouts p
 WHERE p.book_id = $1 AND p.state = $2 AND p.look_at <= $3 AND (p.look_at, p.id) > ($4, $5) AND p.rail = ANY($6) AND p.returned_at IS NULL
   AND (p.lease_until IS NULL OR p.lease_until < clock_timestamp())
 ORDER BY p.look_at, p.id LIMIT $7`

	sqlDestinationState = `SELECT state, payee, rail = $3 AND account = $4 FROM payout_destinations WHERE book_id = $1 AND id = $2`
)

// runsUnsent returns the runs that have something to send, the oldest first.
func (s *Service) runsUnsent(ctx context.Context, book ledger.Book) ([]string, error) {
	rows, err := s.pool.Query(ctx, sqlRunsUnsent, book.ID)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// unsentOf returns payouts of a run that may be sent, after an id, but not those from some purses.
func (s *Service) unsentOf(ctx context.Context, book ledger.Book, run, after string, but []string) ([]string, error) {
	rows, err := s.pool.Query(ctx, sqlUnsentOf, book.ID, run, after, s.railNames(), carryPage, append([]string{}, but...))
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// dueIn returns payouts in a state that are due, in the order in which they became so, after one of them.
func (s *Service) dueIn(ctx context.Context, book ledger.Book, state string, now, at time.Time, after string) (ids []string, last time.Time, err error) {
	rows, err := s.pool.Query(ctx, sqlDueIn, book.ID, state, now, at, after, s.railNames(), carryPage)
	if err != nil {
		return nil, last, err
	}
	var id string
	_, err = pgx.ForEachRow(rows, []any{&id, &last}, func() error {
		ids = append(ids, id)
		return nil
	})
	return ids, last, err
}

// destinationState returns the state of the payout's destination. One that is not known, or is another account than the payout names, is
// retired, and one of somebody who was the payee's guardian is a former one.
func (s *Service) destinationState(ctx context.Context, book ledger.Book, c *carried) (state string, err error) {
	var owner string
	var same bool
	err = s.pool.QueryRow(ctx, sqlDestinationState, book.ID, c.Destination, c.Rail, c.RailAccount).Scan(&state, &owner, &same)
	if errors.Is(err, pgx.ErrNoRows) || err == nil && !same {
		return DestinationRetired, nil
	}
	if err != nil || owner == c.Receiver || c.Receiver != c.Holder.ID {
		return state, err
	}
	known, err := s.events.PayeesOf(ctx, book, []string{c.Holder.ID})
	if p := known[c.Holder.ID]; err == nil && (!p.Minor || p.Guardian != owner) {
		state = "former"
	}
	return state, err
}

const sqlKeptOf = `
SELECT c.id FROM payouts c
 WHERE c.book_id = $1 AND c.id = ANY($2)
   AND (` + keptBack + ` OR EXISTS (SELECT FROM payout_destinations d WHERE d.book_id = c.book_id AND d.id = c.destination AND (d.state <> 'active' OR d.rail <> c.rail OR d.account <> c.rail_account)))`

// KeptBack returns which of the instructions may not be carried out any more, because something came after their order: a hold, a
// lost verification, another destination. It is for rails on which an order waits before it leaves.
func (s *Service) KeptBack(ctx context.Context, book ledger.Book, instructions []string) (map[string]bool, error) {
	ids := make([]string, len(instructions))
	for i, instruction := range instructions {
		ids[i] = strings.TrimSuffix(instruction, instructionOut)
	}
	rows, err := s.pool.Query(ctx, sqlKeptOf, book.ID, ids, s.now())
	if err != nil {
		return nil, err
	}
	found, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, err
	}
	kept := make(map[string]bool, len(found))
	for _, id := range found {
		kept[id+instructionOut] = true
	}
	return kept, nil
}

// mayLeave returns errKept if what was decided holds no longer: the payee is under a hold, it or its guardian is not verified
// any more, or the destination may not be used. What a court is sent depends on none of this but the destination.
func (s *Service) mayLeave(t Turn, c *carried) inside {
	return func(ctx context.Context, tx pgx.Tx) error {
		ctx = within(ctx, tx)
		state, err := s.destinationState(ctx, t.Book, c)
		switch {
		case err != nil:
			return err
		case state != DestinationActive:
			return errKept
		case c.Receiver != c.Holder.ID:
			return nil
		}
		known, err := s.factsOf(ctx, t.Book, []PayeeKey{c.Holder.PayeeKey}, s.now())
		if err != nil {
			return err
		}
		f := known[c.Holder.PayeeKey]
		if len(f.holdsIn(string(c.Holder.Currency))) > 0 || f.Standing.lost() || f.Minor && f.GuardianStanding.lost() {
			return errKept
		}
		return nil
	}
}

// disabling disables the payout's destination within a transaction.
func (s *Service) disabling(t Turn, c *carried, code string) func(context.Context, pgx.Tx) error {
	return func(ctx context.Context, tx pgx.Tx) error {
		by := guard.Deed{Actor: t.actor(), Book: guardBook(t.Book), Object: "payout_destination:" + c.Destination, Why: "The rail says " + reasonOf(code) + "."}
		return s.disableTx(ctx, tx, by, t.Book, c.Destination, destinationCode(code))
	}
}

// paidTo notes at the destination that a payout arrived there.
func (s *Service) paidTo(t Turn, c *carried) func(context.Context, pgx.Tx) error {
	return func(ctx context.Context, tx pgx.Tx) error { return s.paidToTx(ctx, tx, t.Book, c.Destination) }
}
