package payouts

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/fault"
	"mizan/payouts/processor"
)

const (
	sqlKnownSources = `
SELECT w.source, p.id, p.state, p.amount, p.currency, p.transfer = w.source, p.transfer <> w.source, p.returned_at IS NOT NULL OR p.transfer <> w.source AND p.outgoing <> w.source
  FROM unnest($2::text[]) AS w (source)
  JOIN LATERAL (
      SELECT x.* FROM payouts x WHERE x.book_id = $1 AND x.transfer = w.source AND x.transfer <> ''
      UNION ALL
      (SELECT x.* FROM payouts x WHERE x.book_id = $1 AND x.outgoing = w.source AND x.outgoing <> '' AND x.method = 'instant' LIMIT 1)
      UNION ALL
      -- What was ordered and failed, and in whose place the processor has made another one since.
      SELECT x.* FROM payout_attempts a JOIN payouts x ON x.book_id = a.book_id AND x.id = a.payout
       WHERE a.book_id = $1 AND a.act = 'payout' AND a.made = w.source AND a.made <> '' AND x.method = 'instant' AND x.outgoing <> w.source) p ON true`

	sqlPulledBackOf = `
SELECT p.id, p.transfer, p.pulled_back, EXISTS (SELECT FROM payout_attempts a
           WHERE a.book_id = p.book_id AND a.payout = p.id AND a.act = 'reversal' AND a.state IN ('intended', 'sending', 'unknown'))
  FROM payouts p WHERE p.book_id = $1 AND p.transfer = ANY($2) AND p.transfer <> ''`

	// A cost that came back with the failure was booked with it.
	sqlCostTold = `SELECT EXISTS (SELECT FROM payout_steps t WHERE t.book_id = $1 AND t.payout = $2 AND strpos(t.evidence, $3) > 0)`
)

// knownSources returns which sources of entries are payouts of the book.
func (s *Service) knownSources(ctx context.Context, book ledger.Book, sources []string) ([]known, error) {
	rows, err := s.pool.Query(ctx, sqlKnownSources, book.ID, sources)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (k known, err error) {
		err = row.Scan(&k.source, &k.payout, &k.state, &k.amount, &k.currency, &k.transfer, &k.outgoing, &k.returned)
		return k, err
	})
}

// bookCost books what the processor took for a payout, or gave back, once for ever. It reports whether it was new; errCostRefused
// means that the book cannot hold it.
func (s *Service) bookCost(ctx context.Context, t Turn, r Rail, payout string, e processor.Entry) (done bool, err error) {
	err = s.pool.Tx(ctx, func(tx pgx.Tx) error {
		if err := t.check(ctx, tx); err != nil {
			return err
		}
		if e.Net > 0 {
			var told bool
			if err := tx.QueryRow(ctx, sqlCostTold, t.Book.ID, payout, costBackEvidence+e.ID).Scan(&told); err != nil || told {
				return err
			}
		}
		results, err := s.events.PostTx(ctx, tx, t.Book, []commerce.Event{costEvent(r, payout, e)})
		if kind := fault.KindOf(err); err != nil && (kind == fault.Invalid || kind == fault.Conflict) {
			return fmt.Errorf("%w: %w", errCostRefused, err)
		}
		done = err == nil && len(results) == 1 && !results[0].Replayed
		return err
	})
	return done && err == nil, err
}

// polledUntil notes that a rail's entries before a moment were compared. The turn is checked in the same transaction.
func (s *Service) polledUntil(ctx context.Context, t Turn, r Rail, until time.Time) error {
	return s.pool.TxRetry(ctx, func(tx pgx.Tx) error {
		if err := t.check(ctx, tx); err != nil {
			return err
		}
		name := pollCursor + r.Name
		if _, err := s.cursorTx(ctx, tx, t.Book, name); err != nil {
			return err
		}
		return s.moveCursorTx(ctx, tx, t.Book, name, max(until.Unix(), 0))
	})
}

// pulledBackOf returns what came back of transfers, as far as they are the book's.
func (s *Service) pulledBackOf(ctx context.Context, book ledger.Book, transfers []string) ([]pulled, error) {
	rows, err := s.pool.Query(ctx, sqlPulledBackOf, book.ID, transfers)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (p pulled, err error) {
		err = row.Scan(&p.payout, &p.transfer, &p.pulled, &p.open)
		return p, err
	})
}
