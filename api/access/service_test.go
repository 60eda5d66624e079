package access_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mizan/api/access"
	"mizan/ledger/fault"
	"mizan/ledger/guard"
	"mizan/ledger/postgres/pgtest"
)

// operator is who makes keys in these tests.
var operator = guard.Actor{Kind: guard.Operator, ID: "ops"}

var start = time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)

// clock is a clock that tests move.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) forward(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

func TestKeyLife(t *testing.T) {
	t.Parallel()
	db, c := pgtest.New(t), &clock{at: start}
	s := access.New(db.Pool, access.Options{Now: c.now})
	want := access.NewKey{Name: "checkout", Scopes: []access.Scope{access.TransactionsWrite, access.BalancesRead}, Books: []string{"uk", "vn"}, ExpiresAt: start.Add(time.Hour)}
	key, bearer, err := s.Create(t.Context(), operator, want)
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`^mk_[a-z0-9]{12}_[A-Za-z0-9_-]{43}$`).MatchString(bearer) || !strings.HasPrefix(bearer, "mk_"+key.ID+"_") {
		t.Error("the key is not written as documented")
	}
	keys, err := s.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]access.Key{{ID: key.ID, NewKey: want, CreatedAt: start, Owner: "ops"}}, keys); diff != "" {
		t.Error(diff)
	}
	p, err := s.Authenticate(t.Context(), bearer, "")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(access.Principal{Kind: access.Program, ID: key.ID, Name: "checkout", Scopes: want.Scopes, Books: want.Books}, p); diff != "" {
		t.Error(diff)
	}
	c.forward(time.Hour)
	if _, err := s.Authenticate(t.Context(), bearer, ""); !errors.Is(err, access.ErrUnauthenticated) {
		t.Errorf("an expired key: %v", err)
	}
}

// TestExpiryBeatsTheCache expires a key within the moment for which it is remembered.
func TestExpiryBeatsTheCache(t *testing.T) {
	t.Parallel()
	db, c := pgtest.New(t), &clock{at: start}
	s := access.New(db.Pool, access.Options{Now: c.now})
	_, bearer, err := s.Create(t.Context(), operator, access.NewKey{Name: "n", Scopes: access.Scopes(), ExpiresAt: start.Add(100 * time.Millisecond)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Authenticate(t.Context(), bearer, ""); err != nil {
		t.Fatal(err)
	}
	c.forward(100 * time.Millisecond)
	if _, err := s.Authenticate(t.Context(), bearer, ""); !errors.Is(err, access.ErrUnauthenticated) {
		t.Errorf("an expired key that was remembered: %v", err)
	}
}

// TestRevocation revokes a key at one replica that another has just seen.
func TestRevocation(t *testing.T) {
	t.Parallel()
	db, c := pgtest.New(t), &clock{at: start}
	here, there := access.New(db.Pool, access.Options{Now: c.now}), access.New(db.Pool, access.Options{Now: c.now})
	key, bearer, err := here.Create(t.Context(), operator, access.NewKey{Name: "n", Scopes: access.Scopes()})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []*access.Service{here, there} {
		if _, err := s.Authenticate(t.Context(), bearer, ""); err != nil {
			t.Fatal(err)
		}
	}
	c.forward(500 * time.Millisecond)
	for range 2 {
		if err := here.Revoke(t.Context(), operator, key.ID, ""); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := here.Authenticate(t.Context(), bearer, ""); !errors.Is(err, access.ErrUnauthenticated) {
		t.Errorf("where it was revoked: %v", err)
	}
	c.forward(999 * time.Millisecond)
	if _, err := there.Authenticate(t.Context(), bearer, ""); !errors.Is(err, access.ErrUnauthenticated) {
		t.Errorf("elsewhere, a second later: %v", err)
	}
	keys, err := here.List(t.Context())
	if err != nil || len(keys) != 1 || !keys[0].RevokedAt.Equal(start.Add(500*time.Millisecond)) {
		t.Errorf("the first revocation does not stand: %v, %v", keys, err)
	}
	for _, id := range []string{"aaaaaaaaaaaa", "", "x\x00", "'; --"} {
		if err := here.Revoke(t.Context(), operator, id, ""); !errors.Is(err, access.ErrKeyUnknown) {
			t.Errorf("revoking %q: %v", id, err)
		}
	}
}

// TestCacheHoldsNoLonger shows that a key is asked for again after its moment, and when the clock runs backwards.
func TestCacheHoldsNoLonger(t *testing.T) {
	t.Parallel()
	db, c := pgtest.New(t), &clock{at: start}
	s := access.New(db.Pool, access.Options{Now: c.now})
	_, bearer, err := s.Create(t.Context(), operator, access.NewKey{Name: "n", Scopes: access.Scopes()})
	if err != nil {
		t.Fatal(err)
	}
	authenticate := func() error {
		_, err := s.Authenticate(t.Context(), bearer, "")
		return err
	}
	if err := authenticate(); err != nil {
		t.Fatal(err)
	}
	db.Pool.Close()
	if err := authenticate(); err != nil {
		t.Errorf("a moment later, without a database: %v", err)
	}
	for _, d := range []time.Duration{time.Second, -time.Minute} {
		c.forward(d)
		if err := authenticate(); fault.KindOf(err) == fault.Unauthenticated || err == nil {
			t.Errorf("%v away, without a database: %v", d, err)
		}
	}
}

func TestWrongKeys(t *testing.T) {
	t.Parallel()
	db, c := pgtest.New(t), &clock{at: start}
	s := access.New(db.Pool, access.Options{Now: c.now, StaticKey: "static-test-key"})
	_, bearer, err := s.Create(t.Context(), operator, access.NewKey{Name: "n", Scopes: access.Scopes()})
	if err != nil {
		t.Fatal(err)
	}
	wrong := []string{"", "static-test-ke", "static-test-key ", bearer + "A", bearer[:len(bearer)-1], strings.ToUpper(bearer), " " + bearer, "mk_" + strings.Repeat("a", 12) + bearer[15:], strings.Repeat("x", 1<<20)}
	for i := 16; i < len(bearer); i++ {
		b := []byte(bearer)
		b[i] = 'A' + (b[i]+1)%26
		if string(b) != bearer {
			wrong = append(wrong, string(b))
		}
	}
	for _, w := range wrong {
		c.forward(time.Minute) // there is a limit to attempts
		if p, err := s.Authenticate(t.Context(), w, ""); !errors.Is(err, access.ErrUnauthenticated) || p.Kind != access.Nobody {
			t.Errorf("%.60q: %v", w, err)
		}
	}
	p, err := s.Authenticate(t.Context(), "static-test-key", "")
	if err != nil || !p.Has(access.BooksWrite) || !p.Sees("any") || p.ID != "static" {
		t.Errorf("the static key: %+v, %v", p, err)
	}
	if _, err := access.New(db.Pool, access.Options{Now: c.now}).Authenticate(t.Context(), "", ""); !errors.Is(err, access.ErrUnauthenticated) {
		t.Errorf("no static key, and an empty one: %v", err)
	}
}

func TestDatabaseAway(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	s := access.New(db.Pool, access.Options{Now: func() time.Time { return start }})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Authenticate(ctx, "mk_aaaaaaaaaaaa_"+strings.Repeat("A", 43), ""); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("%v", err)
	}
}

func TestNewKeysAreChecked(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	s := access.New(db.Pool, access.Options{Now: func() time.Time { return start }})
	good := access.NewKey{Name: "n", Scopes: []access.Scope{access.BooksRead}}
	many := make([]string, 1001)
	for i := range many {
		many[i] = fmt.Sprintf("b%d", i)
	}
	for name, c := range map[string]struct {
		spoil   func(*access.NewKey)
		pointer string
	}{
		"no name":        {func(n *access.NewKey) { n.Name = "" }, "/name"},
		"blank name":     {func(n *access.NewKey) { n.Name = "  " }, "/name"},
		"long name":      {func(n *access.NewKey) { n.Name = strings.Repeat("é", 101) }, "/name"},
		"control":        {func(n *access.NewKey) { n.Name = "a\x00b" }, "/name"},
		"hidden":         {func(n *access.NewKey) { n.Name = "a\u202eb" }, "/name"},
		"broken text":    {func(n *access.NewKey) { n.Name = "a\xff" }, "/name"},
		"no scope":       {func(n *access.NewKey) { n.Scopes = nil }, "/scopes"},
		"unknown scope":  {func(n *access.NewKey) { n.Scopes = []access.Scope{access.BooksRead, "books:burn"} }, "/scopes/1"},
		"scope twice":    {func(n *access.NewKey) { n.Scopes = []access.Scope{access.BooksRead, access.BooksRead} }, "/scopes/1"},
		"no books":       {func(n *access.NewKey) { n.Books = []string{} }, "/books"},
		"too many books": {func(n *access.NewKey) { n.Books = many }, "/books"},
		"wrong book":     {func(n *access.NewKey) { n.Books = []string{"uk", "UK"} }, "/books/1"},
		"past":           {func(n *access.NewKey) { n.ExpiresAt = start }, "/expires_at"},
	} {
		bad := good
		c.spoil(&bad)
		_, bearer, err := s.Create(t.Context(), operator, bad)
		var e *fault.Error
		if !errors.As(err, &e) || !errors.Is(err, access.ErrKeyInvalid) || len(e.Fields) != 1 || e.Fields[0].Pointer != c.pointer || bearer != "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if keys, err := s.List(t.Context()); err != nil || len(keys) != 0 {
		t.Errorf("%v, %v", keys, err)
	}
	if _, _, err := s.Create(t.Context(), operator, good); err != nil {
		t.Error(err)
	}
}

func TestAllow(t *testing.T) {
	t.Parallel()
	limited := access.Principal{Kind: access.Program, Scopes: []access.Scope{access.BooksRead}, Books: []string{"uk"}}
	everywhere := access.Principal{Kind: access.Program, Scopes: []access.Scope{access.Everything}}
	for _, c := range []struct {
		name  string
		p     access.Principal
		scope access.Scope
		book  string
		want  error
	}{
		{"zero", access.Principal{}, access.BooksRead, "", access.ErrForbidden},
		{"nobody with scopes", access.Principal{Scopes: access.Scopes()}, access.BooksRead, "uk", access.ErrForbidden},
		{"no scope asked", everywhere, "", "uk", access.ErrForbidden},
		{"own book", limited, access.BooksRead, "uk", nil},
		{"no book", limited, access.BooksRead, "", nil},
		{"other book", limited, access.BooksRead, "vn", access.ErrBookHidden},
		{"other scope", limited, access.BooksWrite, "uk", access.ErrForbidden},
		{"other scope of a hidden book", limited, access.BooksWrite, "vn", access.ErrForbidden},
		{"everything", everywhere, access.BalancesRead, "vn", nil},
	} {
		if got := c.p.Allow(c.scope, c.book); !errors.Is(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// TestManyCallers uses one key from many goroutines while its moment ends again and again.
func TestManyCallers(t *testing.T) {
	t.Parallel()
	db, c := pgtest.New(t), &clock{at: start}
	s := access.New(db.Pool, access.Options{Now: c.now})
	_, bearer, err := s.Create(t.Context(), operator, access.NewKey{Name: "n", Scopes: access.Scopes()})
	if err != nil {
		t.Fatal(err)
	}
	var callers sync.WaitGroup
	for i := range 32 {
		callers.Go(func() {
			for range 50 {
				if i%8 == 0 {
					c.forward(100 * time.Millisecond)
				}
				if _, err := s.Authenticate(t.Context(), bearer, ""); err != nil {
					t.Error(err)
				}
			}
		})
	}
	callers.Wait()
}
