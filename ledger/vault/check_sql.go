package vault

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Trying the master keys, before somebody needs what they seal.

const (
	// Each master key that seals persons' keys, found by the index: the next master after the one before, and a null at the end.
	sqlEachMaster = `
WITH RECURSIVE masters AS (
    (SELECT s.master FROM vault_subjects s WHERE s.master IS NOT NULL ORDER BY s.master LIMIT 1)
    UNION ALL
    SELECT (SELECT s.master FROM vault_subjects s WHERE s.master > masters.master ORDER BY s.master LIMIT 1)
      FROM masters WHERE masters.master IS NOT NULL
)`
	sqlMastersInUse = sqlEachMaster + `
SELECT master FROM masters WHERE master IS NOT NULL UNION SELECT master FROM vault_index_key ORDER BY master`
	// One person of each master key.
	sqlOneOfEach = sqlEachMaster + `
SELECT one.book_id, one.subject, one.master, one.wrapped
  FROM masters CROSS JOIN LATERAL (
       SELECT s.book_id, s.subject, s.master, s.wrapped FROM vault_subjects s WHERE s.master = masters.master ORDER BY s.book_id, s.subject LIMIT 1) one`
)

// Check opens one key that each master key seals, and the key of the digests, and changes nothing. It returns ErrClosed if
// something is stored and no master key was given, and ErrMaster if one is missing or is not the right one.
func (v *Vault) Check(ctx context.Context) error {
	type sealed struct {
		place
		master  string
		wrapped []byte
	}
	return v.pool.ReadTx(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, sqlOneOfEach)
		if err != nil {
			return fmt.Errorf("read a key of each master: %w", err)
		}
		found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (s sealed, err error) {
			return s, row.Scan(&s.book, &s.subject, &s.master, &s.wrapped)
		})
		if err != nil {
			return fmt.Errorf("read a key of each master: %w", err)
		}
		for _, s := range found {
			if _, err := v.opts.Keys.unwrap(s.place, s.master, s.wrapped); err != nil {
				return err
			}
		}
		_, _, err = v.indexKey(ctx, tx)
		return err
	})
}

// MastersInUse returns the names of the master keys that seal something, in order. It costs the same however much they seal.
func (v *Vault) MastersInUse(ctx context.Context) ([]string, error) {
	rows, err := v.pool.Query(ctx, sqlMastersInUse)
	if err != nil {
		return nil, fmt.Errorf("read the master keys in use: %w", err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("read the master keys in use: %w", err)
	}
	return names, nil
}
