package access

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger/fault"
	"mizan/ledger/guard"
)

// A rotation replaces a key by another that may do the same, while both are good for a time.

const (
	sqlRotatedBefore = `SELECT EXISTS (SELECT FROM api_keys WHERE rotated_from = $1)`

	// An end at or before the key's own beginning, which the clock of another replica may bring about, is no end that a
	// key can have.
	sqlShortenKey = `
UPDATE api_keys SET expires_at = greatest(least(expires_at, $2), created_at + interval '1 microsecond')
WHERE id = $1`
)

// Rotate makes a key with the name, scopes, books and end of another, which ends after the overlap: 0 to 30 days. The person
// who rotates it answers for it from then on, because they have seen its secret; otherwise whoever answered for the other.
// It returns the bearer text, which cannot be had again. It returns ErrKeyUnknown, ErrKeyEnded, or ErrKeyInvalid for
// another overlap.
func (s *Service) Rotate(ctx context.Context, by guard.Actor, id string, overlap time.Duration) (Key, string, error) {
	return s.rotate(ctx, by, id, overlap, func(Key) error { return nil })
}

// RotateFor is Rotate by a caller who may not rotate every key; one that they may not see is unknown to them. It returns
// ErrForbidden for one that they may only see, or that may do more than they themselves and is not their own. The person who
// rotates a key answers for it from then on.
func (s *Service) RotateFor(ctx context.Context, p Principal, by guard.Actor, id string, overlap time.Duration) (Key, string, error) {
	return s.rotate(ctx, by, id, overlap, p.mayRotate)
}

func (s *Service) rotate(ctx context.Context, by guard.Actor, id string, overlap time.Duration, may func(Key) error) (key Key, bearer string, err error) {
	err = s.pool.TxRetry(ctx, func(tx pgx.Tx) error {
		key, bearer, err = s.rotateTx(ctx, tx, by, id, overlap, may)
		return err
	})
	if err != nil {
		return Key{}, "", unavailable(err)
	}
	s.keys.forget()
	return key, bearer, nil
}

// RotateTx is Rotate inside the caller's transaction.
func (s *Service) RotateTx(ctx context.Context, tx pgx.Tx, by guard.Actor, id string, overlap time.Duration) (Key, string, error) {
	return s.rotateTx(ctx, tx, by, id, overlap, func(Key) error { return nil })
}

func (s *Service) rotateTx(ctx context.Context, tx pgx.Tx, by guard.Actor, id string, overlap time.Duration, may func(Key) error) (Key, string, error) {
	if overlap < 0 || overlap > MaxOverlap {
		return Key{}, "", ErrKeyInvalid.WithFields(fault.Field{Pointer: "/overlap", Code: "overlap", Message: "Both keys can be good for 0 to 30 days."})
	}
	owner, err := keyOwner(ctx, tx, id)
	if err != nil {
		return Key{}, "", err
	}
	if isPerson(owner) {
		// The person before the key, as when they are deactivated, so that nobody waits for one another.
		if err := sharePersonTx(ctx, tx, owner); err != nil {
			return Key{}, "", err
		}
	}
	old, err := lockKeyTx(ctx, tx, id)
	if err != nil {
		return Key{}, "", err
	}
	if err := may(old); err != nil {
		return Key{}, "", err
	}
	var before bool
	if err := tx.QueryRow(ctx, sqlRotatedBefore, old.ID).Scan(&before); err != nil {
		return Key{}, "", err
	}
	if before || !old.Current(s.now()) {
		return Key{}, "", ErrKeyEnded
	}
	// Whoever sees the secret answers for it: otherwise they could ask with it in somebody else's name, and approve in theirs.
	answers := old.Owner
	if by.Person != "" {
		answers = by.Person
	}
	key, bearer, err := s.insertKeyTx(ctx, tx, old.NewKey, answers, old.ID)
	if err != nil {
		return Key{}, "", err
	}
	end := s.instant().Add(overlap)
	if overlap == 0 {
		_, err = tx.Exec(ctx, sqlRevokeKey, old.ID, end)
	} else {
		_, err = tx.Exec(ctx, sqlShortenKey, old.ID, end)
	}
	if err != nil {
		return Key{}, "", err
	}
	after := struct {
		Key     string    `json:"replaced_by"`
		OldEnds time.Time `json:"ends_at"`
	}{key.ID, end}
	return key, bearer, s.recordTx(ctx, tx, guard.Deed{Actor: by, Act: "key.rotated", Object: "key:" + old.ID}, told(old), after)
}

// keyOwner returns who answers for the key, which never changes, or ErrKeyUnknown.
func keyOwner(ctx context.Context, on querier, id string) (string, error) {
	if !validKeyID(id) {
		return "", ErrKeyUnknown
	}
	key, err := selectKey(ctx, on, id)
	if err == nil && key.ID == "" {
		err = ErrKeyUnknown
	}
	return key.Owner, err
}
