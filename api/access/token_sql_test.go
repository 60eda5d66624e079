package access_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"mizan/api/access"
	"mizan/ledger/postgres/pgtest"
)

// TestTokensOfPeople goes from a token to the person behind it.
func TestTokensOfPeople(t *testing.T) {
	t.Parallel()
	h, db := newHouse(t), pgtest.New(t)
	services := []*access.Service{
		access.New(db.Pool, access.Options{Now: h.clock.now, Issuer: h.view}), access.New(db.Pool, access.Options{Now: h.clock.now, Issuer: h.another(t)}),
	}
	const id = "per_aaaaaaaaaaaaaaaa"
	exec := func(sql string, args ...any) {
		t.Helper()
		if _, err := db.Pool.Exec(t.Context(), sql, args...); err != nil {
			t.Fatal(err)
		}
	}
	// All services give the same answer, also to many at once.
	are := func(token string, want error) {
		t.Helper()
		var all sync.WaitGroup
		for n := range 50 {
			all.Go(func() {
				p, err := services[n%2].AuthenticateToken(t.Context(), token, "192.0.2.1")
				if !errors.Is(err, want) || want == nil && (p.Kind != access.Person || p.ID != id || p.Person != id) || want != nil && p.Kind != access.Nobody {
					t.Errorf("%+v, %v", p, err)
				}
			})
		}
		all.Wait()
	}
	are(h.AccessToken("u1", audience), access.ErrUnauthenticated)
	exec(`INSERT INTO people (id, issuer, subject, created_at, created_by, sessions_from) VALUES ($1, $2, 'u1', $3, 'test', $3)`, id, h.URL(), start)
	exec(`INSERT INTO people (id, created_at, created_by, sessions_from) VALUES ('per_bbbbbbbbbbbbbbbb', $1, 'test', $1)`, start)
	exec(`INSERT INTO people (id, issuer, subject, created_at, created_by, sessions_from)
		VALUES ('per_cccccccccccccccc', 'https://other.example', 'u2', $1, 'test', $1)`, start)
	are(h.AccessToken("u1", audience), nil)
	for _, subject := range []string{"u2", "U1", "u1 ", "", "per_aaaaaaaaaaaaaaaa", "u1' OR '1'='1"} {
		are(h.AccessToken(subject, audience), access.ErrUnauthenticated)
	}
	// All sessions end: tokens from before are over, and so are those that a clock a minute ahead may have dated after.
	before := h.AccessToken("u1", audience)
	ahead := h.Sign(atJWT, h.with(map[string]any{"iat": start.Add(time.Minute).Unix()}))
	are(before, nil)
	are(ahead, nil)
	h.clock.forward(time.Second)
	exec(`UPDATE people SET sessions_from = $2 WHERE id = $1`, id, h.clock.now())
	are(before, access.ErrUnauthenticated)
	are(ahead, access.ErrUnauthenticated)
	h.clock.forward(time.Minute)
	after := h.AccessToken("u1", audience)
	are(before, access.ErrUnauthenticated)
	are(after, nil)
	exec(`UPDATE people SET deactivated_at = $2 WHERE id = $1`, id, h.clock.now())
	are(after, access.ErrUnauthenticated)
	are(h.AccessToken("u1", audience), access.ErrUnauthenticated)
}

func TestTokensWithoutIssuerOrDatabase(t *testing.T) {
	t.Parallel()
	h, db := newHouse(t), pgtest.New(t)
	token := h.AccessToken("canary", audience)
	s := access.New(db.Pool, access.Options{Now: h.clock.now})
	if _, err := s.AuthenticateToken(t.Context(), token, ""); !errors.Is(err, access.ErrUnauthenticated) {
		t.Errorf("without an issuer: %v", err)
	}
	s = access.New(db.Pool, access.Options{Now: h.clock.now, Issuer: h.view})
	db.Pool.Close()
	if _, err := s.AuthenticateToken(t.Context(), token, ""); !errors.Is(err, access.ErrUnavailable) || strings.Contains(err.Error(), "canary") {
		t.Errorf("without a database: %v", err)
	}
	h.Down(true)
	h.clock.forward(time.Hour)
	if _, err := s.AuthenticateToken(t.Context(), token, ""); !errors.Is(err, access.ErrIssuerUnavailable) {
		t.Errorf("without the issuer: %v", err)
	}
}
