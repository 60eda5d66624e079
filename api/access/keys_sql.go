package access

import (
	"context"
	"crypto/sha256"
	"errors"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"mizan/ledger/guard"
)

// Storing and finding keys.

const (
	sqlInsertKey = `
INSERT INTO api_keys (id, secret_hash, name, scopes, books, created_at, expires_at, owner, rotated_from)
VALUES ($1, $2, $3, $4, $5, $6, $7, nullif($8, ''), nullif($9, ''))`

	// One row of 32 bytes comes back in any case: an id that is unknown is answered like one that is known.
	sqlFindHash = `SELECT coalesce((SELECT secret_hash FROM api_keys WHERE id = $1), decode(repeat('00', 32), 'hex'))`

	sqlKeyColumns = `
SELECT id, name, scopes, books, created_at, expires_at, revoked_at, coalesce(owner, ''), coalesce(rotated_from, ''), last_used_at
FROM api_keys`
	sqlFindKey   = sqlKeyColumns + ` WHERE id = $1`
	sqlLockKey   = sqlFindKey + ` FOR UPDATE`
	sqlListKeys  = sqlKeyColumns + ` ORDER BY created_at, id LIMIT 10000`
	sqlOwnedKeys = sqlKeyColumns + ` WHERE owner = $1 AND revoked_at IS NULL ORDER BY id LIMIT 10000 FOR UPDATE`

	// The clock of another replica may lie before the key's own beginning.
	sqlRevokeKey = `UPDATE api_keys SET revoked_at = greatest($2, created_at) WHERE id = $1 AND revoked_at IS NULL`

	sqlUseKey = `
UPDATE api_keys SET last_used_at = $2
WHERE id = $1 AND (last_used_at IS NULL OR last_used_at <= $2::timestamptz - interval '1 minute')`
)

// querier is what a pool and a transaction have in common.
type querier interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// Create makes a key and returns it with the bearer text, which cannot be had again. Whoever makes it answers for it. It
// returns ErrKeyInvalid, or ErrPersonUnknown if that is a person who was deactivated.
func (s *Service) Create(ctx context.Context, by guard.Actor, n NewKey) (key Key, bearer string, err error) {
	err = s.pool.TxRetry(ctx, func(tx pgx.Tx) error {
		key, bearer, err = s.CreateTx(ctx, tx, by, n)
		return err
	})
	if err != nil {
		return Key{}, "", unavailable(err)
	}
	return key, bearer, nil
}

// CreateTx is Create inside the caller's transaction.
func (s *Service) CreateTx(ctx context.Context, tx pgx.Tx, by guard.Actor, n NewKey) (key Key, bearer string, err error) {
	owner := by.ID
	if by.Person != "" {
		owner = by.Person
	}
	return s.createTx(ctx, tx, by, owner, n)
}

// CreateOwned is Create by an operator, for a person who answers for the key. It returns ErrKeyInvalid or ErrPersonUnknown.
func (s *Service) CreateOwned(ctx context.Context, by guard.Actor, owner string, n NewKey) (key Key, bearer string, err error) {
	if !isPerson(owner) {
		return Key{}, "", ErrPersonUnknown
	}
	err = s.pool.TxRetry(ctx, func(tx pgx.Tx) error {
		key, bearer, err = s.createTx(ctx, tx, by, owner, n)
		return err
	})
	if err != nil {
		return Key{}, "", unavailable(err)
	}
	return key, bearer, nil
}

func (s *Service) createTx(ctx context.Context, tx pgx.Tx, by guard.Actor, owner string, n NewKey) (key Key, bearer string, err error) {
	if key, bearer, err = s.insertKeyTx(ctx, tx, n, owner, ""); err != nil {
		return Key{}, "", err
	}
	return key, bearer, s.recordTx(ctx, tx, guard.Deed{Actor: by, Act: "key.created", Object: "key:" + key.ID}, nil, told(key))
}

// insertKeyTx draws a key and stores it for its owner, who stays as they are until the transaction ends.
func (s *Service) insertKeyTx(ctx context.Context, tx pgx.Tx, n NewKey, owner, from string) (key Key, bearer string, err error) {
	now := s.instant()
	if !n.ExpiresAt.IsZero() {
		n.ExpiresAt = n.ExpiresAt.UTC().Truncate(time.Microsecond)
	}
	if err := n.check(now); err != nil {
		return Key{}, "", err
	}
	if isPerson(owner) {
		if err := currentPersonTx(ctx, tx, owner); err != nil {
			return Key{}, "", err
		}
	}
	id, bearer, hash := drawKey()
	key = Key{ID: id, NewKey: n, CreatedAt: now, Owner: owner, RotatedFrom: from}
	scopes := make([]string, len(key.Scopes))
	for i, s := range key.Scopes {
		scopes[i] = string(s)
	}
	_, err = tx.Exec(ctx, sqlInsertKey, key.ID, hash[:], key.Name, scopes, key.Books, key.CreatedAt, optional(key.ExpiresAt), owner, from)
	return key, bearer, err
}

// toldKey is what the audit trail tells of a key: not its name, which is free text.
type toldKey struct {
	Scopes    []Scope   `json:"scopes"`
	Books     []string  `json:"books,omitempty"`
	ExpiresAt time.Time `json:"expires_at,omitzero"`
	Owner     string    `json:"owner,omitempty"`
}

func told(k Key) toldKey {
	return toldKey{Scopes: k.Scopes, Books: k.Books, ExpiresAt: k.ExpiresAt, Owner: k.Owner}
}

// List returns all keys, oldest first, also those that were revoked or have expired; at most 10,000.
func (s *Service) List(ctx context.Context) ([]Key, error) {
	keys, err := selectKeys(ctx, s.pool, sqlListKeys)
	return keys, unavailable(err)
}

// ListFor is List of the keys that the caller may see.
func (s *Service) ListFor(ctx context.Context, p Principal) ([]Key, error) {
	all, err := s.List(ctx)
	if err != nil {
		return nil, err
	}
	var seen []Key
	for _, k := range all {
		if p.MayList(k) {
			seen = append(seen, k)
		}
	}
	return seen, nil
}

// Revoke ends a key for good; every replica refuses it within a second. Revoking it again changes nothing. It returns
// ErrKeyUnknown.
func (s *Service) Revoke(ctx context.Context, by guard.Actor, id, why string) error {
	return s.revoke(ctx, by, id, why, func(Key) error { return nil })
}

// RevokeFor is Revoke by a caller who may not end every key; one that they may not see is unknown to them. It returns
// ErrForbidden for one that they may only see.
func (s *Service) RevokeFor(ctx context.Context, p Principal, by guard.Actor, id, why string) error {
	return s.revoke(ctx, by, id, why, p.mayEnd)
}

func (s *Service) revoke(ctx context.Context, by guard.Actor, id, why string, may func(Key) error) error {
	err := s.pool.TxRetry(ctx, func(tx pgx.Tx) error { return s.revokeTx(ctx, tx, by, id, why, may) })
	s.keys.forget()
	return unavailable(err)
}

// RevokeTx is Revoke inside the caller's transaction: the key ends within a second of the commit.
func (s *Service) RevokeTx(ctx context.Context, tx pgx.Tx, by guard.Actor, id, why string) error {
	return s.revokeTx(ctx, tx, by, id, why, func(Key) error { return nil })
}

func (s *Service) revokeTx(ctx context.Context, tx pgx.Tx, by guard.Actor, id, why string, may func(Key) error) error {
	key, err := lockKeyTx(ctx, tx, id)
	if err != nil {
		return err
	}
	if err := may(key); err != nil {
		return err
	}
	return s.endKeyTx(ctx, tx, by, key, why)
}

// endKeyTx revokes a locked key unless it is revoked, and records it.
func (s *Service) endKeyTx(ctx context.Context, tx pgx.Tx, by guard.Actor, key Key, why string) error {
	tag, err := tx.Exec(ctx, sqlRevokeKey, key.ID, s.instant())
	if err != nil || tag.RowsAffected() == 0 {
		return err
	}
	return s.recordTx(ctx, tx, guard.Deed{Actor: by, Act: "key.revoked", Object: "key:" + key.ID, Why: why}, told(key), nil)
}

// lockKeyTx returns a key that nobody else changes until the transaction ends, or ErrKeyUnknown.
func lockKeyTx(ctx context.Context, tx pgx.Tx, id string) (Key, error) {
	if !validKeyID(id) {
		return Key{}, ErrKeyUnknown
	}
	keys, err := selectKeys(ctx, tx, sqlLockKey, id)
	if err == nil && len(keys) == 0 {
		err = ErrKeyUnknown
	}
	if err != nil {
		return Key{}, err
	}
	return keys[0], nil
}

// selectKeyHash returns the hash of the key's secret, zero if there is no such key.
func selectKeyHash(ctx context.Context, on querier, id string) (hash [sha256.Size]byte, err error) {
	var stored []byte
	if err := on.QueryRow(ctx, sqlFindHash, id).Scan(&stored); err != nil {
		return hash, err
	}
	if copy(hash[:], stored) != len(hash) {
		return hash, errors.New("access: the stored hash of a key is too short")
	}
	return hash, nil
}

// selectKey returns the key, zero if there is none.
func selectKey(ctx context.Context, on querier, id string) (Key, error) {
	keys, err := selectKeys(ctx, on, sqlFindKey, id)
	if err != nil || len(keys) == 0 {
		return Key{}, err
	}
	return keys[0], nil
}

func selectKeys(ctx context.Context, on querier, sql string, args ...any) ([]Key, error) {
	rows, err := on.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanKey)
}

func scanKey(row pgx.CollectableRow) (k Key, err error) {
	var scopes []string
	var expires, revoked, used *time.Time
	if err := row.Scan(&k.ID, &k.Name, &scopes, &k.Books, &k.CreatedAt, &expires, &revoked, &k.Owner, &k.RotatedFrom, &used); err != nil {
		return k, err
	}
	for _, s := range scopes {
		k.Scopes = append(k.Scopes, Scope(s))
	}
	k.CreatedAt = k.CreatedAt.UTC()
	k.ExpiresAt, k.RevokedAt, k.LastUsedAt = orZero(expires), orZero(revoked), orZero(used)
	return k, nil
}

// uses writes down when keys were last used.
type uses struct {
	mu      sync.Mutex
	noted   map[string]time.Time
	writing chan struct{} // holds one while one is written
}

const (
	// useEvery is how often it is written down that a key was used, and useLimit how long that may take.
	useEvery = time.Minute
	useLimit = 2 * time.Second
)

// noteUse writes down that the key was used, behind the request's back and one key at a time. What is left out because
// another is being written, or because it fails, is written the next time.
func (s *Service) noteUse(id string, at time.Time) {
	s.uses.mu.Lock()
	last, ok := s.uses.noted[id]
	s.uses.mu.Unlock()
	if age := at.Sub(last); ok && age >= 0 && age < useEvery {
		return
	}
	select {
	case s.uses.writing <- struct{}{}:
	default:
		return
	}
	go func() {
		defer func() { <-s.uses.writing }()
		// The request may be over before this is.
		ctx, cancel := context.WithTimeout(context.Background(), useLimit)
		defer cancel()
		if _, err := s.pool.Exec(ctx, sqlUseKey, id, at.UTC()); err != nil {
			return
		}
		s.uses.mu.Lock()
		defer s.uses.mu.Unlock()
		if len(s.uses.noted) >= cacheSize {
			clear(s.uses.noted)
		}
		s.uses.noted[id] = at
	}()
}

// Wait returns when nothing is being written behind a request's back, two seconds later at most. Call it before the pool
// is closed.
func (s *Service) Wait() {
	s.uses.writing <- struct{}{}
	<-s.uses.writing
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
