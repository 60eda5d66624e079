package commerce

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/money"
	"mizan/ledger/postgres"
)

// Where block flags are kept: a row is raised once and taken down once.

const (
	blockColumns = `b.hold, b.kind, b.payee, b.currency, coalesce(b.wanted, 0), b.placed_at, b.released_at`

	sqlPlaceBlock = `
INSERT INTO payee_blocks (book_id, hold, kind, payee, currency, wanted, placed_at)
VALUES ($1, $2, $3, $4, $5, nullif($6::bigint, 0), $7)
    ON CONFLICT DO NOTHING`
	sqlReleaseBlock = `UPDATE payee_blocks SET released_at = greatest($3, placed_at) WHERE book_id = $1 AND hold = $2 AND released_at IS NULL`
	sqlBlockOf      = `SELECT ` + blockColumns + ` FROM payee_blocks b WHERE b.book_id = $1 AND b.hold = $2`
	sqlOpenBlocks   = `
SELECT ` + blockColumns + `
  FROM unnest($2::text[], $3::text[]) AS wanted (kind, payee)
 CROSS JOIN LATERAL (SELECT * FROM payee_blocks o
                      WHERE o.book_id = $1 AND o.kind = wanted.kind AND o.payee = wanted.payee AND o.released_at IS NULL
                      ORDER BY o.placed_at, o.hold LIMIT $4) b
 ORDER BY b.placed_at, b.hold`
)

// openBlocks are the flags that stand on any of the payees, oldest first.
func (t payeeTable) openBlocks(ctx context.Context, book ledger.Book, who []PayeeRef) ([]Block, error) {
	var kinds, ids []string
	seen := map[PayeeRef]bool{}
	for _, w := range who {
		if !seen[w] {
			seen[w] = true
			kinds, ids = append(kinds, w.Kind), append(ids, w.ID)
		}
	}
	rows, err := t.pool.Query(ctx, sqlOpenBlocks, book.ID, kinds, ids, maxBlocks)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (Block, error) { return blockOf(row) })
}

// blockOf reads a row of blockColumns.
func blockOf(row pgx.Row) (b Block, err error) {
	var released *time.Time
	var currency string
	var wanted int64
	if err = row.Scan(&b.Hold, &b.Kind, &b.Payee, &currency, &wanted, &b.PlacedAt, &released); err != nil {
		return b, err
	}
	b.Currency, b.Wanted, b.PlacedAt = money.Currency(currency), money.Minor(wanted), b.PlacedAt.UTC()
	if released != nil {
		b.ReleasedAt = released.UTC()
	}
	return b, nil
}

// PlaceBlockTx raises a flag inside the caller's transaction. The same flag again is found, not raised. It returns
// ErrBlockExists if the hold raised another, or ledger.ErrInvalid. An event that was planned before the transaction is
// committed may still make money available, so whoever pays looks at the flags too.
func (s *Service) PlaceBlockTx(ctx context.Context, tx pgx.Tx, book ledger.Book, b Block) error {
	if err := b.judge(book); err != nil {
		return err
	}
	tag, err := tx.Exec(ctx, sqlPlaceBlock, book.ID, b.Hold, b.Kind, b.Payee, string(b.Currency), int64(b.Wanted), s.now().UTC().Truncate(time.Microsecond))
	if err != nil || tag.RowsAffected() == 1 {
		return err
	}
	was, err := blockOf(tx.QueryRow(ctx, sqlBlockOf, book.ID, b.Hold))
	if err != nil {
		return err
	}
	if b.PlacedAt, b.ReleasedAt = was.PlacedAt, was.ReleasedAt; was != b {
		return ErrBlockExists
	}
	return nil
}

// ReleaseBlockTx takes a hold's flag down inside the caller's transaction. One that is down already stays so. It returns
// ErrBlockUnknown.
func (s *Service) ReleaseBlockTx(ctx context.Context, tx pgx.Tx, book ledger.Book, hold string) error {
	tag, err := tx.Exec(ctx, sqlReleaseBlock, book.ID, hold, s.now().UTC().Truncate(time.Microsecond))
	if err != nil || tag.RowsAffected() == 1 {
		return err
	}
	var known bool
	if err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM payee_blocks WHERE book_id = $1 AND hold = $2)`, book.ID, hold).Scan(&known); err != nil {
		return err
	}
	if !known {
		return ErrBlockUnknown
	}
	return nil
}

// Blocks returns the flags that stand on a payee, oldest first, at most 100.
func (s *Service) Blocks(ctx context.Context, book ledger.Book, kind, payee string) ([]Block, error) {
	return s.look.blocks(ctx, book, []PayeeRef{{Kind: kind, ID: payee}})
}

// BlocksTx is Blocks inside the caller's transaction, with what it has changed.
func (s *Service) BlocksTx(ctx context.Context, tx pgx.Tx, book ledger.Book, kind, payee string) ([]Block, error) {
	return s.Blocks(postgres.Within(ctx, tx), book, kind, payee)
}
