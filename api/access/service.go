package access

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"sync"
	"time"

	"mizan/ledger/fault"
	"mizan/ledger/postgres"
)

// Authenticating: from what a request carries to a principal.

const (
	// cacheFor bounds how long a revoked key can still be taken for good: the second that revocation may take, less what
	// the answer needs to get here.
	cacheFor = 900 * time.Millisecond
	// cacheSize bounds the memory of remembered keys.
	cacheSize = 4096
	// maxBearerBytes bounds what is hashed for a caller we do not know.
	maxBearerBytes = 512
)

// ErrUnavailable means that keys cannot be looked up right now.
var ErrUnavailable = fault.New(fault.Unavailable, "access-unavailable",
	"It cannot be checked right now who is calling. Send the same request again in a moment.")

// Options configure a Service.
type Options struct {
	// Now is the clock. It is required.
	Now func() time.Time
	// StaticKey, if set, is a key of the command line with every scope on every book. Only development uses it.
	StaticKey string
	// Issuer checks the access tokens of people; nil means that none is accepted.
	Issuer *Issuer
}

// Service makes, lists, revokes and checks keys. It is safe for concurrent use, and several may share one database.
type Service struct {
	pool       *postgres.Pool
	now        func() time.Time
	staticHash [sha256.Size]byte
	hasStatic  bool
	issuer     *Issuer

	mu    sync.Mutex
	known map[[sha256.Size]byte]remembered
}

// remembered is a key that was verified a moment ago.
type remembered struct {
	key  Key
	read time.Time // when the database was asked
}

// New returns a service over the pool.
func New(pool *postgres.Pool, opts Options) *Service {
	if opts.Now == nil {
		panic("access: Options.Now is required")
	}
	return &Service{
		pool: pool, now: opts.Now, staticHash: sha256.Sum256([]byte(opts.StaticKey)), hasStatic: opts.StaticKey != "",
		issuer: opts.Issuer, known: map[[sha256.Size]byte]remembered{},
	}
}

// Create makes a key and returns it with the bearer text, which cannot be had again. It returns ErrKeyInvalid.
func (s *Service) Create(ctx context.Context, n NewKey) (key Key, bearer string, err error) {
	key, bearer, hash, err := s.draw(n)
	if err != nil {
		return Key{}, "", err
	}
	return key, bearer, unavailable(insertKey(ctx, s.pool, key, hash))
}

func (s *Service) draw(n NewKey) (key Key, bearer string, hash [sha256.Size]byte, err error) {
	now := s.now().UTC().Truncate(time.Microsecond)
	if !n.ExpiresAt.IsZero() {
		n.ExpiresAt = n.ExpiresAt.UTC().Truncate(time.Microsecond)
	}
	if err := n.check(now); err != nil {
		return Key{}, "", hash, err
	}
	id, bearer, hash := drawKey()
	return Key{ID: id, NewKey: n, CreatedAt: now}, bearer, hash, nil
}

// List returns all keys, oldest first, also those that were revoked or have expired; at most 10,000.
func (s *Service) List(ctx context.Context) ([]Key, error) {
	keys, err := selectKeys(ctx, s.pool)
	return keys, unavailable(err)
}

// Revoke ends a key for good; every replica refuses it within a second. Revoking it again changes nothing. It returns
// ErrKeyUnknown.
func (s *Service) Revoke(ctx context.Context, id string) error {
	if err := revokeKey(ctx, s.pool, id, s.now()); err != nil {
		return unavailable(err)
	}
	s.mu.Lock()
	clear(s.known)
	s.mu.Unlock()
	return nil
}

// Authenticate returns who the bearer key belongs to, or ErrUnauthenticated. A key that does not exist costs the same
// work as one with a wrong secret.
func (s *Service) Authenticate(ctx context.Context, bearer string) (Principal, error) {
	if bearer == "" || len(bearer) > maxBearerBytes {
		return Principal{}, ErrUnauthenticated
	}
	whole := sha256.Sum256([]byte(bearer))
	if subtle.ConstantTimeCompare(whole[:], s.staticHash[:]) == 1 && s.hasStatic {
		return Principal{Kind: Program, ID: "static", Name: "command line", Scopes: []Scope{Everything}, Alone: true}, nil
	}
	id, secret, ok := splitKey(bearer)
	if !ok {
		return Principal{}, ErrUnauthenticated
	}
	now := s.now()
	if key, ok := s.recall(whole, now); ok {
		if !key.Current(now) {
			return Principal{}, ErrUnauthenticated
		}
		return key.principal(), nil
	}
	key, stored, err := selectKey(ctx, s.pool, id)
	if err != nil {
		return Principal{}, unavailable(err)
	}
	// For an unknown id stored is zero, which is no secret's hash, and the comparison is made all the same.
	given := sha256.Sum256([]byte(secret))
	match := subtle.ConstantTimeCompare(given[:], stored[:]) == 1
	if !match || key.ID == "" || !key.Current(s.now()) {
		return Principal{}, ErrUnauthenticated
	}
	s.remember(whole, remembered{key: key, read: now})
	return key.principal(), nil
}

// recall returns a key verified less than cacheFor ago. A clock that ran backwards makes it ask again.
func (s *Service) recall(whole [sha256.Size]byte, now time.Time) (Key, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, ok := s.known[whole]
	if age := now.Sub(r.read); !ok || age < 0 || age >= cacheFor {
		return Key{}, false
	}
	return r.key, true
}

func (s *Service) remember(whole [sha256.Size]byte, r remembered) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.known) >= cacheSize {
		clear(s.known)
	}
	s.known[whole] = r
}

// unavailable turns a failure of the database into an answer that says so; errors of this package pass.
func unavailable(err error) error {
	var known *fault.Error
	if err == nil || errors.As(err, &known) || postgres.Classify(err) == postgres.Deterministic {
		return err
	}
	return ErrUnavailable.Because(err)
}
