package reconcile

import (
	"context"
	"errors"
	"time"

	"mizan/ledger"
	"mizan/ledger/money"
	"mizan/payouts"
	"mizan/payouts/processor"
)

// A payout that the processor made by itself consists of lines, and the processor says of which: together they must come to what it paid
// out. Of a payout that was ordered it does not know the lines, and there is nothing to hold. The lines count as they are kept here, so
// that one that never came, or came with another amount, shows in the payout that it is part of.

const (
	// Payouts of the last weeks whose lines were not asked for, or did not come to the payout so far: the processor may name lines late.
	sqlPayoutsToAsk = `
SELECT l.source_ref, l.currency, -l.gross, l.moved_at
  FROM evidence_lines l
  LEFT JOIN LATERAL (SELECT x.state, x.asked_at FROM evidence_payouts x WHERE x.book_id = $1 AND x.source_id = $2 AND x.payout = l.source_ref LIMIT 1) p ON true
 WHERE l.book_id = $1 AND l.source_id = $2 AND l.moved_at >= $3 AND l.category = 'payout' AND l.gross < 0 AND l.source_ref <> ''
   AND (p.state IS NULL OR p.state = 'differs')
 ORDER BY p.asked_at NULLS FIRST, l.number LIMIT $4`
	sqlLinesOfPayout = `
SELECT count(*), coalesce(sum(l.net), 0)::bigint
  FROM unnest($3::text[]) u (id)
  JOIN LATERAL (SELECT x.net FROM evidence_lines x WHERE x.book_id = $1 AND x.source_id = $2 AND x.line_id = u.id LIMIT 1) l ON true`
	sqlNotePayout = `
INSERT INTO evidence_payouts (book_id, source_id, payout, currency, paid, moved_at, state, named, known, known_net, asked_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
ON CONFLICT (book_id, source_id, payout) DO UPDATE SET state = excluded.state, named = excluded.named, known = excluded.known, known_net = excluded.known_net, asked_at = excluded.asked_at`
	sqlPayoutsThatDiffer = `
SELECT p.payout, p.currency, p.paid, p.known_net, p.named, p.known, p.moved_at
  FROM evidence_payouts p
 WHERE p.book_id = $1 AND p.source_id = $2 AND p.state = 'differs' AND p.payout > $3 ORDER BY p.payout LIMIT $4`
)

const (
	// payoutLinesDays is how far back payouts are asked of, and payoutsAtOnce how many in one round.
	payoutLinesDays = 35
	payoutsAtOnce   = 100
)

// The states of a payout whose lines were asked for.
const (
	payoutTies     = "ties"
	payoutDiffers  = "differs"
	payoutOrdered  = "ordered"
	payoutTooLarge = "too_large"
)

// AskPayoutLines asks a processor for the lines of the payouts that it made by itself, and notes whether they come to what was paid out.
// It asks only of those of which that is not known. It returns how many do not. Errors: ErrNoDriver, those of the driver.
func (s *Service) AskPayoutLines(ctx context.Context, t payouts.Turn, source Source) (differ int, err error) {
	driver := s.driver(t.Book, source.Name)
	if driver == nil {
		return 0, ErrNoDriver
	}
	type paid struct {
		id       string
		currency money.Currency
		amount   money.Minor
		at       time.Time
	}
	rows, err := s.pool.Query(ctx, sqlPayoutsToAsk, t.Book.ID, source.ID, s.now().AddDate(0, 0, -payoutLinesDays), payoutsAtOnce)
	if err != nil {
		return 0, err
	}
	var list []paid
	for rows.Next() {
		var p paid
		if err := rows.Scan(&p.id, &p.currency, &p.amount, &p.at); err != nil {
			rows.Close()
			return 0, err
		}
		list = append(list, p)
	}
	if rows.Close(); rows.Err() != nil {
		return 0, rows.Err()
	}
	for _, p := range list {
		state, known, net, ids := payoutOrdered, 0, money.Minor(0), []string(nil)
		entries, err := driver.ListPayoutEntries(ctx, "", p.id)
		switch {
		case errors.Is(err, processor.ErrAbsent):
		case errors.Is(err, processor.ErrTooMany):
			state = payoutTooLarge
		case err != nil:
			return differ, err
		default:
			for _, e := range entries {
				if e.Source != p.id { // the payout is none of its own lines
					ids = append(ids, e.ID)
				}
			}
			if err := s.pool.QueryRow(ctx, sqlLinesOfPayout, t.Book.ID, source.ID, ids).Scan(&known, &net); err != nil {
				return differ, err
			}
			if state = payoutTies; net != p.amount || known != len(ids) {
				state = payoutDiffers
				differ++
			}
		}
		if _, err := s.pool.Exec(ctx, sqlNotePayout, t.Book.ID, source.ID, p.id, string(p.currency), p.amount, p.at, state, len(ids), known, net, s.now()); err != nil {
			return differ, err
		}
	}
	return differ, nil
}

// payoutThatDiffers is a payout whose lines do not come to it.
type payoutThatDiffers struct {
	id           string
	currency     money.Currency
	paid, net    money.Minor
	named, known int
	at           time.Time
}

// payoutsThatDiffer are up to a page of payouts of a source, after an id, whose lines do not come to them.
func (s *Service) payoutsThatDiffer(ctx context.Context, book ledger.Book, source Source, after string) (list []payoutThatDiffers, err error) {
	rows, err := s.pool.Query(ctx, sqlPayoutsThatDiffer, book.ID, source.ID, after, insidePage)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var p payoutThatDiffers
		if err := rows.Scan(&p.id, &p.currency, &p.paid, &p.net, &p.named, &p.known, &p.at); err != nil {
			return nil, err
		}
		list = append(list, p)
	}
	return list, rows.Err()
}
