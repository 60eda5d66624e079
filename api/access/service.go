package access

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"time"

	"mizan/ledger/fault"
	"mizan/ledger/guard"
	"mizan/ledger/postgres"
	"mizan/ledger/vault"
)

// Authenticating: from what a request carries to a principal.

const (
	// cacheFor bounds how long a revoked key can still be taken for good: the second that revocation may take, less what
	// the answer needs to get here.
	cacheFor = 900 * time.Millisecond
	// cacheSize bounds the memory of remembered keys, and that of remembered sessions.
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
	// Vault keeps the names and addresses of mail of the staff; nil means that people are known by their ids only.
	Vault *vault.Vault
	// Guardians returns the minors of whom a payee of the book is the guardian; nil means that nobody is anybody's.
	Guardians func(ctx context.Context, book, guardian string) ([]string, error)
	// Issuer checks the access tokens of people; nil means that none is accepted.
	Issuer *Issuer
}

// Service knows the keys, the people, their roles and their sessions. It is safe for concurrent use, and several may share
// one database.
type Service struct {
	pool       *postgres.Pool
	trail      *guard.Trail
	opts       Options
	now        func() time.Time
	staticHash [sha256.Size]byte
	hasStatic  bool
	issuer     *Issuer

	keys     moments[Key]
	sessions moments[seenSession]
	attempts attempts
	uses     uses
}

// New returns a service over the pool.
func New(pool *postgres.Pool, opts Options) *Service {
	if opts.Now == nil {
		panic("access: Options.Now is required")
	}
	return &Service{
		pool: pool, trail: guard.NewTrail(pool, opts.Now), opts: opts, now: opts.Now, issuer: opts.Issuer,
		staticHash: sha256.Sum256([]byte(opts.StaticKey)), hasStatic: opts.StaticKey != "",
		uses: uses{noted: map[string]time.Time{}, writing: make(chan struct{}, 1)},
	}
}

// instant is the time as the database keeps it.
func (s *Service) instant() time.Time { return s.now().UTC().Truncate(time.Microsecond) }

// Authenticate returns who the bearer key belongs to, or ErrUnauthenticated. The address is where the request came from,
// empty if nobody knows. Whoever tries wrong keys one after the other is answered with ErrTooMany; the right key always
// passes, so that nobody can lock its holder out. A key that does not exist costs the same work as one with a wrong
// secret.
func (s *Service) Authenticate(ctx context.Context, bearer, address string) (Principal, error) {
	if bearer == "" || len(bearer) > maxBearerBytes {
		return Principal{}, s.wrongKey("", address)
	}
	whole := sha256.Sum256([]byte(bearer))
	if subtle.ConstantTimeCompare(whole[:], s.staticHash[:]) == 1 && s.hasStatic {
		return Principal{Kind: Program, ID: "static", Name: "command line", Scopes: []Scope{Everything}, Alone: true}, nil
	}
	id, secret, ok := splitKey(bearer)
	if !ok {
		return Principal{}, s.wrongKey("", address)
	}
	now := s.now()
	if key, ok := s.keys.recall(whole, now); ok {
		if !key.Current(now) {
			return Principal{}, ErrUnauthenticated
		}
		return key.principal(), nil
	}
	// For an unknown id stored is zero, which is no secret's hash, and the comparison is made all the same. What else is
	// known of a key is read only for its right secret, so that reading it tells nobody that the id is known.
	stored, err := selectKeyHash(ctx, s.pool, id)
	if err != nil {
		return Principal{}, unavailable(err)
	}
	given := sha256.Sum256([]byte(secret))
	match := subtle.ConstantTimeCompare(given[:], stored[:]) == 1
	if !match {
		return Principal{}, s.wrongKey(id, address)
	}
	key, err := selectKey(ctx, s.pool, id)
	if err != nil {
		return Principal{}, unavailable(err)
	}
	if key.ID == "" || !key.Current(s.now()) {
		return Principal{}, ErrUnauthenticated
	}
	s.keys.remember(whole, key, now)
	s.noteUse(key.ID, now)
	return key.principal(), nil
}

// wrongKey counts a failure and says how it is answered. Ids that no key has are counted too: otherwise the count would
// tell which ids there are.
func (s *Service) wrongKey(id, address string) error {
	now := s.now()
	tooMany := s.attempts.address(now, address)
	if s.attempts.key(now, id) || tooMany {
		return ErrTooMany
	}
	return ErrUnauthenticated
}

// unavailable turns a failure of the database into an answer that says so; errors of this package pass.
func unavailable(err error) error {
	var known *fault.Error
	if err == nil || errors.As(err, &known) || postgres.Classify(err) == postgres.Deterministic {
		return err
	}
	return ErrUnavailable.Because(err)
}
