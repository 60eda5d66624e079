package vault

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Rotation: the keys are sealed anew under the first master key, a page at a time, while the service runs. The values stay
// as they are, because the keys of the persons do. Until nothing is left, the old master key must be given as well.

const (
	// rotatePage is how many persons one transaction locks; they cannot be written meanwhile, but read.
	rotatePage = 250
	// maxRotate bounds one call.
	maxRotate = 100_000
)

const (
	sqlMasters = `
SELECT master, sum(n)::bigint FROM (
       SELECT master, count(*) AS n FROM vault_subjects WHERE master IS NOT NULL AND book_id >= 0 GROUP BY master
       UNION ALL SELECT master, 1 FROM vault_index_key) AS keys
 GROUP BY master`
	// A person whom somebody writes at this moment is left for the next page.
	sqlRotatePage = `
SELECT book_id, subject, wrapped FROM vault_subjects WHERE master = $1
 ORDER BY book_id, subject LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED`
	sqlRotate = `
UPDATE vault_subjects AS s SET master = $1, wrapped = n.wrapped
  FROM unnest($2::integer[], $3::text[], $4::bytea[]) AS n (book_id, subject, wrapped)
 WHERE s.book_id = n.book_id AND s.subject = n.subject`
	sqlLockIndexKey   = `SELECT master, wrapped FROM vault_index_key WHERE master <> $1 FOR UPDATE SKIP LOCKED`
	sqlRotateIndexKey = `UPDATE vault_index_key SET master = $1, wrapped = $2`
)

// Rotate seals up to limit keys of persons that another master key seals under the first one, and the key of the digests.
// It returns how many it did, and how many are left; what somebody writes at the moment is left for the next call. It may
// run while the service does, and several at once. It returns ErrClosed, or ErrMaster once nothing is left but what a
// master key seals that was not given.
func (v *Vault) Rotate(ctx context.Context, limit int) (done int, left int64, err error) {
	if v.opts.Keys.Empty() {
		return 0, 0, ErrClosed
	}
	first := v.opts.Keys.ring.names[0]
	if done, err = v.rotateIndexKey(ctx, first); err != nil {
		return 0, 0, err
	}
	limit = min(limit, maxRotate)
	for _, old := range v.opts.Keys.ring.names[1:] {
		for done < limit {
			page := min(rotatePage, limit-done)
			n, err := v.rotatePage(ctx, old, page)
			if err != nil {
				return done, 0, err
			}
			if done += n; n < page {
				break
			}
		}
	}
	return v.remaining(ctx, first, done, limit)
}

// remaining counts what is left, and refuses to call it unfinished work if no key given can do it.
func (v *Vault) remaining(ctx context.Context, first string, done, limit int) (int, int64, error) {
	masters, err := v.Masters(ctx)
	if err != nil {
		return done, 0, err
	}
	var left, foreign int64
	for master, n := range masters {
		if master != first {
			left += n
		}
		if _, given := v.opts.Keys.ring.keys[master]; !given {
			foreign += n
		}
	}
	if foreign > 0 && left == foreign && done == 0 {
		return done, left, ErrMaster
	}
	return done, left, nil
}

// rotateIndexKey returns 1 if it had something to do.
func (v *Vault) rotateIndexKey(ctx context.Context, first string) (n int, err error) {
	err = v.pool.TxRetry(ctx, func(tx pgx.Tx) error {
		n = 0
		rows, err := tx.Query(ctx, sqlLockIndexKey, first)
		if err != nil {
			return fmt.Errorf("read the key of the digests: %w", err)
		}
		type sealed struct {
			Master  string
			Wrapped []byte
		}
		found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[sealed])
		if err != nil || len(found) == 0 {
			return err
		}
		if _, given := v.opts.Keys.ring.keys[found[0].Master]; !given {
			// Remaining tells of it, after the persons that can be done were.
			return nil
		}
		key, err := v.opts.Keys.unwrapIndex(found[0].Master, found[0].Wrapped)
		if err != nil {
			return err
		}
		master, wrapped, err := v.opts.Keys.wrapIndex(key)
		if err != nil {
			return err
		}
		if _, err = tx.Exec(ctx, sqlRotateIndexKey, master, wrapped); err != nil {
			return fmt.Errorf("rotate the key of the digests: %w", err)
		}
		n = 1
		return nil
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}

// rotatePage does one page of those that the old master key seals, and returns how many.
func (v *Vault) rotatePage(ctx context.Context, old string, limit int) (n int, err error) {
	err = v.pool.TxRetry(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, sqlRotatePage, old, limit)
		if err != nil {
			return fmt.Errorf("read keys to rotate: %w", err)
		}
		var books []int32
		var subjects []string
		var keys [][]byte
		var p place
		var wrapped []byte
		_, err = pgx.ForEachRow(rows, []any{&p.book, &p.subject, &wrapped}, func() error {
			key, err := v.opts.Keys.unwrap(p, old, wrapped)
			if err != nil {
				return err
			}
			_, anew, err := v.opts.Keys.wrap(p, key)
			books, subjects, keys = append(books, p.book), append(subjects, p.subject), append(keys, anew)
			return err
		})
		if n = len(books); err != nil || n == 0 {
			return err
		}
		if _, err := tx.Exec(ctx, sqlRotate, v.opts.Keys.ring.names[0], books, subjects, keys); err != nil {
			return fmt.Errorf("rotate keys: %w", err)
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}

// Masters returns how many keys each master key seals, by its name: the persons' and that of the digests. One that seals
// none can be destroyed.
func (v *Vault) Masters(ctx context.Context) (map[string]int64, error) {
	masters := map[string]int64{}
	rows, err := v.pool.Query(ctx, sqlMasters)
	if err != nil {
		return nil, fmt.Errorf("count keys: %w", err)
	}
	var master string
	var n int64
	_, err = pgx.ForEachRow(rows, []any{&master, &n}, func() error {
		masters[master] = n
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("count keys: %w", err)
	}
	return masters, nil
}
