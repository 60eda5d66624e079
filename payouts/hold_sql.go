package payouts

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/fault"
	"mizan/ledger/guard"
	"mizan/ledger/money"
)

// Placing holds, and where they are kept.

const (
	holdColumns = `p.id, p.kind, p.payee, p.currency, p.effect, p.category, p.case_id, coalesce(p.wanted, 0), p.blocked, p.placed_at, p.released_at, p.approval, p.document`

	sqlHold     = `SELECT ` + holdColumns + ` FROM payout_holds p WHERE p.book_id = $1 AND p.id = $2`
	sqlLockHold = sqlHold + ` FOR NO KEY UPDATE`
	sqlHolds    = `SELECT ` + holdColumns + ` FROM payout_holds p WHERE p.book_id = $1 AND ($2 = '' OR (p.placed_at, p.id) < ($3, $2)) ORDER BY p.placed_at DESC, p.id DESC LIMIT $4`
	sqlHoldsOf  = `SELECT ` + holdColumns + ` FROM payout_holds p WHERE p.book_id = $1 AND p.payee = $2 AND p.released_at IS NULL AND p.placed_at >= $3 ORDER BY p.placed_at, p.id OFFSET $4 LIMIT $5`
	sqlAddHold  = `
INSERT INTO payout_holds (book_id, id, kind, payee, currency, effect, category, case_id, wanted, blocked, placed_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, nullif($9::bigint, 0), $10, $11) ON CONFLICT DO NOTHING`
	sqlEndHold = `UPDATE payout_holds SET released_at = $3, approval = $4, document = $5 WHERE book_id = $1 AND id = $2`

	sqlHeldBalance = `
SELECT b.credits - b.debits FROM accounts a
 CROSS JOIN LATERAL (SELECT x.credits, x.debits FROM balances x WHERE x.book_id = $1 AND x.account_id = a.id LIMIT 1) b
 WHERE a.book_id = $1 AND a.address = $2 AND a.currency = $3`
	// What of a hold was paid to a court and did not come back.
	sqlExecuted = `
SELECT coalesce(sum(p.amount + p.fee - p.pulled_back), 0)::bigint, count(DISTINCT r.id)
  FROM payout_runs r CROSS JOIN LATERAL (SELECT x.* FROM payouts x WHERE x.book_id = $1 AND x.run_id = r.id LIMIT 100) p
 WHERE r.book_id = $1 AND r.reference = ANY ($2) AND p.state NOT IN ('failed', 'cancelled') AND p.returned_at IS NULL`
	sqlExecutions = `SELECT count(*) FROM payout_runs r WHERE r.book_id = $1 AND r.reference = ANY ($2)`
)

// holdOf reads a row of holdColumns.
func holdOf(row pgx.Row) (h Hold, err error) {
	var released *time.Time
	err = row.Scan(&h.ID, &h.Kind, &h.PayeeKey.ID, &h.Currency, &h.Effect, &h.Category, &h.Case, &h.Wanted, &h.Blocked, &h.PlacedAt, &released, &h.Approval, &h.Document)
	if errors.Is(err, pgx.ErrNoRows) {
		return Hold{}, ErrHoldUnknown
	}
	if h.PlacedAt = h.PlacedAt.UTC(); released != nil {
		h.ReleasedAt = released.UTC()
	}
	return h, err
}

// Hold returns one hold of the book, or ErrHoldUnknown.
func (s *Service) Hold(ctx context.Context, book ledger.Book, id string) (Hold, error) {
	return holdOf(s.pool.QueryRow(ctx, sqlHold, book.ID, id))
}

// Holds returns up to limit holds, the latest first, released ones included, after a hold of the page before, and whether
// there are more.
func (s *Service) Holds(ctx context.Context, book ledger.Book, after Hold, limit int) ([]Hold, bool, error) {
	limit = min(max(limit, 1), maxListed)
	rows, err := s.pool.Query(ctx, sqlHolds, book.ID, after.ID, after.PlacedAt, limit+1)
	if err != nil {
		return nil, false, err
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Hold, error) { return holdOf(row) })
	if len(list) > limit {
		return list[:limit], true, err
	}
	return list, false, err
}

// HoldPlace is a place among the holds that stand on a payee. It names no hold, because payees are told none.
type HoldPlace struct {
	// PlacedAt is when the last hold before it was placed, and Nth how many before it were placed at that moment.
	PlacedAt time.Time
	Nth      int
}

// HoldsOf returns up to limit holds that stand on a payee, of whichever kind, the oldest first, from a place on, and where it goes on; nil
// if there are no more.
func (s *Service) HoldsOf(ctx context.Context, book ledger.Book, payee string, from HoldPlace, limit int) ([]Hold, *HoldPlace, error) {
	limit = min(max(limit, 1), maxListed)
	rows, err := s.pool.Query(ctx, sqlHoldsOf, book.ID, payee, from.PlacedAt, from.Nth, limit+1)
	if err != nil {
		return nil, nil, err
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Hold, error) { return holdOf(row) })
	if err != nil || len(list) <= limit {
		return list, nil, err
	}
	list = list[:limit]
	next := HoldPlace{PlacedAt: list[limit-1].PlacedAt}
	for i := limit - 1; i >= 0 && list[i].PlacedAt.Equal(next.PlacedAt); i-- {
		next.Nth++
	}
	if next.PlacedAt.Equal(from.PlacedAt) {
		next.Nth += from.Nth
	}
	return list, &next, nil
}

// PlaceHold places a hold, and tells the trail who did. The same again finds it placed. It returns ErrHoldInvalid or
// ErrHoldExists.
func (s *Service) PlaceHold(ctx context.Context, by guard.Actor, book ledger.Book, h Hold, why string) (out Hold, err error) {
	err = s.pool.TxRetry(ctx, func(tx pgx.Tx) (err error) {
		out, err = s.PlaceHoldTx(ctx, tx, guard.Deed{Actor: by, Why: why}, book, h)
		return err
	})
	if err != nil {
		return Hold{}, err
	}
	return out, nil
}

// PlaceHoldTx is PlaceHold inside the caller's transaction. What is available is blocked at once; what is still to come is
// caught by a flag when it becomes available. A payment on its way is not stopped.
func (s *Service) PlaceHoldTx(ctx context.Context, tx pgx.Tx, by guard.Deed, book ledger.Book, h Hold) (Hold, error) {
	if err := h.judge(book); err != nil {
		return Hold{}, err
	}
	if h.Effect != EffectPause {
		if err := s.ledger.LockTx(ctx, tx, book); err != nil {
			return Hold{}, err
		}
	}
	was, err := holdOf(tx.QueryRow(ctx, sqlHold, book.ID, h.ID))
	switch {
	case err == nil && was.asks(h):
		return was, nil
	case err == nil:
		return Hold{}, ErrHoldExists
	case fault.CodeOf(err) != ErrHoldUnknown.Code:
		return Hold{}, err
	}
	h.PlacedAt, h.ReleasedAt, h.Approval, h.Document, h.Blocked = s.now(), time.Time{}, "", "", 0
	if h.Effect != EffectPause {
		if err := s.blockTx(ctx, tx, book, &h); err != nil {
			return Hold{}, err
		}
	}
	tag, err := tx.Exec(ctx, sqlAddHold, book.ID, h.ID, h.Kind, h.PayeeKey.ID, string(h.Currency), h.Effect, h.Category, h.Case, int64(h.Wanted), int64(h.Blocked), h.PlacedAt)
	if err != nil {
		return Hold{}, err
	}
	if tag.RowsAffected() == 0 { // a pause that somebody else placed at the same moment
		if was, err = holdOf(tx.QueryRow(ctx, sqlHold, book.ID, h.ID)); err == nil && !was.asks(h) {
			err = ErrHoldExists
		}
		return was, err
	}
	return h, s.tellTx(ctx, tx, by, book, "payout_hold.placed", payeeSubject(h.PayeeKey.ID), nil, h.mark())
}

// blockTx moves what is available to blocked, and raises a flag for what is still wanted. The book is locked.
func (s *Service) blockTx(ctx context.Context, tx pgx.Tx, book ledger.Book, h *Hold) error {
	free, err := s.heldTx(ctx, tx, book, h.holder().available(), h.Currency)
	if err != nil {
		return err
	}
	h.Blocked = max(free, 0)
	if h.Effect == EffectAmount {
		h.Blocked = min(h.Blocked, h.Wanted)
	}
	if h.Effect == EffectEverything || h.Blocked < h.Wanted {
		flag := commerce.Block{Hold: h.ID, Kind: h.Kind, Payee: h.PayeeKey.ID, Currency: h.Currency}
		if h.Effect == EffectAmount {
			flag.Wanted = h.Wanted - h.Blocked
		}
		if err := s.events.PlaceBlockTx(ctx, tx, book, flag); err != nil {
			return err
		}
	}
	if h.Blocked == 0 {
		return nil
	}
	_, err = s.events.PostTx(ctx, tx, book, []commerce.Event{commerce.Own(&commerce.HoldPlaced{HoldTerms: h.terms(h.Blocked)}, h.PlacedAt)})
	return err
}

// heldTx is what an account holds for its payee; zero for one that was never used.
func (s *Service) heldTx(ctx context.Context, tx pgx.Tx, book ledger.Book, account ledger.Address, c money.Currency) (m money.Minor, err error) {
	err = tx.QueryRow(ctx, sqlHeldBalance, book.ID, string(account), string(c)).Scan(&m)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, nil
	}
	return m, err
}
