package access

import (
	"context"
	"crypto/sha256"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Storing and finding keys.

const (
	sqlInsertKey = `
INSERT INTO api_keys (id, secret_hash, name, scopes, books, created_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)`

	sqlKeyColumns = `SELECT id, secret_hash, name, scopes, books, created_at, expires_at, revoked_at FROM api_keys`
	sqlFindKey    = sqlKeyColumns + ` WHERE id = $1`
	sqlListKeys   = sqlKeyColumns + ` ORDER BY created_at, id LIMIT 10000`

	// The first revocation stands. The clock of another replica may lie before the key's own beginning.
	sqlRevokeKey = `UPDATE api_keys SET revoked_at = coalesce(revoked_at, greatest($2, created_at)) WHERE id = $1`
)

// querier is what a pool and a transaction have in common.
type querier interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// CreateTx is Create inside the caller's transaction.
func (s *Service) CreateTx(ctx context.Context, tx pgx.Tx, n NewKey) (key Key, bearer string, err error) {
	key, bearer, hash, err := s.draw(n)
	if err != nil {
		return Key{}, "", err
	}
	return key, bearer, insertKey(ctx, tx, key, hash)
}

// RevokeTx is Revoke inside the caller's transaction: the key ends within a second of the commit.
func (s *Service) RevokeTx(ctx context.Context, tx pgx.Tx, id string) error {
	return revokeKey(ctx, tx, id, s.now())
}

func insertKey(ctx context.Context, on querier, k Key, hash [sha256.Size]byte) error {
	scopes := make([]string, len(k.Scopes))
	for i, s := range k.Scopes {
		scopes[i] = string(s)
	}
	_, err := on.Exec(ctx, sqlInsertKey, k.ID, hash[:], k.Name, scopes, k.Books, k.CreatedAt, optional(k.ExpiresAt))
	return err
}

func revokeKey(ctx context.Context, on querier, id string, now time.Time) error {
	if !validKeyID(id) {
		return ErrKeyUnknown
	}
	tag, err := on.Exec(ctx, sqlRevokeKey, id, now.UTC())
	if err != nil {
		return err
	}
	if tag.RowsAffected() == 0 {
		return ErrKeyUnknown
	}
	return nil
}

// selectKey returns the key and the hash of its secret; both are zero if there is none.
func selectKey(ctx context.Context, on querier, id string) (k Key, hash [sha256.Size]byte, err error) {
	rows, err := on.Query(ctx, sqlFindKey, id)
	if err != nil {
		return Key{}, hash, err
	}
	found, err := pgx.CollectExactlyOneRow(rows, scanKey)
	if errors.Is(err, pgx.ErrNoRows) {
		return Key{}, hash, nil
	}
	return found.Key, found.hash, err
}

func selectKeys(ctx context.Context, on querier) ([]Key, error) {
	rows, err := on.Query(ctx, sqlListKeys)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (Key, error) {
		found, err := scanKey(row)
		return found.Key, err
	})
}

type storedKey struct {
	Key
	hash [sha256.Size]byte
}

func scanKey(row pgx.CollectableRow) (storedKey, error) {
	var k storedKey
	var hash []byte
	var scopes []string
	var expires, revoked *time.Time
	if err := row.Scan(&k.ID, &hash, &k.Name, &scopes, &k.Books, &k.CreatedAt, &expires, &revoked); err != nil {
		return k, err
	}
	copy(k.hash[:], hash)
	for _, s := range scopes {
		k.Scopes = append(k.Scopes, Scope(s))
	}
	k.CreatedAt = k.CreatedAt.UTC()
	k.ExpiresAt, k.RevokedAt = orZero(expires), orZero(revoked)
	return k, nil
}

func optional(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func orZero(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC()
}
