package access_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/api/access"
	"mizan/ledger/guard"
	"mizan/ledger/postgres/pgtest"
	"mizan/ledger/vault"
)

// office is two services on one database with the books uk and vn.
type office struct {
	t           testing.TB
	db          *pgtest.DB
	clock       *clock
	here, there *access.Service
	trail       *guard.Trail
	vault       *vault.Vault // nil unless the office has one
}

var uk = guard.Book{ID: 1, Code: "uk"}

func openOffice(t testing.TB, change ...func(*access.Options)) *office {
	t.Helper()
	h := &office{t: t, db: pgtest.New(t), clock: &clock{at: start}}
	opts := access.Options{Now: h.clock.now}
	for _, c := range change {
		c(&opts)
	}
	h.here, h.there = access.New(h.db.Pool, opts), access.New(h.db.Pool, opts)
	h.trail = guard.NewTrail(h.db.Pool, h.clock.now)
	t.Cleanup(func() { h.here.Wait(); h.there.Wait() })
	for i, code := range []string{"uk", "vn"} {
		_, err := h.db.Pool.Exec(t.Context(), `
INSERT INTO books (id, code, name, currencies, functional_currency, time_zone, market, region, created_at, last_recorded_at)
VALUES ($1, $2, $2, '{GBP}', 'GBP', 'UTC', '', '', $3, $3)`, i+1, code, start)
		if err != nil {
			t.Fatal(err)
		}
	}
	return h
}

// person adds somebody with the roles, each written role or role@book.
func (h *office) person(roles ...string) string {
	h.t.Helper()
	p, err := h.here.AddPerson(h.t.Context(), operator, access.NewPerson{})
	if err != nil {
		h.t.Fatal(err)
	}
	for _, role := range roles {
		name, book, _ := strings.Cut(role, "@")
		if _, err := h.here.Grant(h.t.Context(), operator, access.NewGrant{Person: p.ID, Role: access.Role(name), Book: book}); err != nil {
			h.t.Fatal(err)
		}
	}
	return p.ID
}

// signIn begins a session of the person by a link.
func (h *office) signIn(person string) string {
	h.t.Helper()
	token, _, err := h.here.PersonLink(h.t.Context(), operator, person)
	if err != nil {
		h.t.Fatal(err)
	}
	return h.redeem(token)
}

// payee begins a session of the payee of the book uk.
func (h *office) payee(id string) string {
	h.t.Helper()
	token, _, err := h.here.PayeeLink(h.t.Context(), operator, uk, id)
	if err != nil {
		h.t.Fatal(err)
	}
	return h.redeem(token)
}

func (h *office) redeem(token string) string {
	h.t.Helper()
	bearer, _, err := h.here.RedeemLink(h.t.Context(), token, "192.0.2.1", "req")
	if err != nil {
		h.t.Fatal(err)
	}
	return bearer
}

// good reports whether the session's token is good at both services, and fails if anything but ErrUnauthenticated says
// otherwise.
func (h *office) good(bearer string) (here, there bool) {
	h.t.Helper()
	ask := func(s *access.Service) bool {
		_, err := s.Session(h.t.Context(), bearer)
		if err != nil && !errors.Is(err, access.ErrUnauthenticated) {
			h.t.Errorf("a session: %v", err)
		}
		return err == nil
	}
	return ask(h.here), ask(h.there)
}

// acts returns what the trail of the book tells, a line each: the act, the object, and who did it.
func (h *office) acts(book guard.Book) (told []string) {
	h.t.Helper()
	rows, err := h.trail.Rows(h.t.Context(), book, guard.Filter{}, 0, 1000)
	if err != nil {
		h.t.Fatal(err)
	}
	for _, r := range rows {
		told = append(told, r.Act+" "+r.Object+" by "+r.Actor.Kind+":"+r.Actor.ID)
	}
	return told
}

// count returns how many rows there are.
func (h *office) count(sql string, args ...any) (n int) {
	h.t.Helper()
	if err := h.db.Pool.QueryRow(h.t.Context(), sql, args...).Scan(&n); err != nil {
		h.t.Fatal(err)
	}
	return n
}

var errBack = errors.New("roll back")

// undone runs fn in a transaction that is rolled back.
func (h *office) undone(fn func(ctx context.Context, tx pgx.Tx) error) {
	h.t.Helper()
	err := h.db.Pool.Tx(h.t.Context(), func(tx pgx.Tx) error {
		if err := fn(h.t.Context(), tx); err != nil {
			return fmt.Errorf("before the end: %w", err)
		}
		return errBack
	})
	if !errors.Is(err, errBack) {
		h.t.Fatal(err)
	}
}

// stored returns everything that the tables hold, as text.
func (h *office) stored() string {
	h.t.Helper()
	var b strings.Builder
	for _, table := range []string{"people", "role_grants", "sessions", "sign_in_links", "api_keys", "audit_rows", "vault_subjects", "vault_values", "vault_lookups"} {
		rows, err := h.db.Pool.Query(h.t.Context(), "SELECT t::text FROM "+table+" t")
		if err != nil {
			h.t.Fatal(err)
		}
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			h.t.Fatal(err)
		}
		fmt.Fprintln(&b, table, lines)
	}
	return b.String()
}

const second = time.Second
