package access_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"mizan/api/access"
	"mizan/ledger/fault"
	"mizan/ledger/guard"
	"mizan/ledger/postgres"
	"mizan/ledger/vault"
)

// TestPersonLife adds, lists, reads and deactivates somebody without a vault.
func TestPersonLife(t *testing.T) {
	t.Parallel()
	h := openOffice(t)
	ids := []string{h.person("finance@uk"), h.person(), h.person()}
	slices.Sort(ids)
	var listed []string
	for after := ""; ; {
		page, err := h.here.People(t.Context(), after, 2)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			break
		}
		for _, p := range page {
			listed, after = append(listed, p.ID), p.ID
		}
	}
	if diff := cmp.Diff(ids, listed); diff != "" {
		t.Error(diff)
	}
	p, err := h.here.Deactivate(t.Context(), operator, ids[0], "left")
	if err != nil || !p.DeactivatedAt.Equal(start) || p.SignedIn || p.CreatedBy != "ops" {
		t.Errorf("%+v, %v", p, err)
	}
	h.clock.forward(time.Hour)
	if p, err = h.here.Deactivate(t.Context(), operator, ids[0], "again"); err != nil || !p.DeactivatedAt.Equal(start) {
		t.Errorf("deactivated again: %+v, %v", p, err)
	}
	told := h.acts(guard.Book{})
	if n := len(told); n != 5 || told[4] != "person.deactivated person:"+ids[0]+" by operator:ops" {
		t.Errorf("%q", told)
	}
	for _, id := range []string{"", "per_", "per_aaaaaaaaaaaaaaaa", "per_aaaaaaaaaaaaaaa\x00", "per_AAAAAAAAAAAAAAAA", "' OR 1=1 --", "per_aaaaaaaaaaaaaaaa\n"} {
		if _, err := h.here.Person(t.Context(), id); !errors.Is(err, access.ErrPersonUnknown) {
			t.Errorf("reading %q: %v", id, err)
		}
		if _, err := h.here.Deactivate(t.Context(), operator, id, ""); !errors.Is(err, access.ErrPersonUnknown) {
			t.Errorf("deactivating %q: %v", id, err)
		}
		if err := h.here.EndSessions(t.Context(), operator, id, "", ""); !errors.Is(err, access.ErrPersonUnknown) {
			t.Errorf("signing %q out: %v", id, err)
		}
		if _, _, err := h.here.PersonLink(t.Context(), operator, id); !errors.Is(err, access.ErrPersonUnknown) {
			t.Errorf("a link for %q: %v", id, err)
		}
		if err := h.here.RevokeGrant(t.Context(), operator, id, "gr_aaaaaaaaaaaaaaaa", ""); !errors.Is(err, access.ErrPersonUnknown) {
			t.Errorf("a role of %q: %v", id, err)
		}
	}
	if _, err := h.here.AddPerson(t.Context(), operator, access.NewPerson{Name: "Canary"}); !errors.Is(err, vault.ErrClosed) || strings.Contains(err.Error(), "Canary") {
		t.Errorf("a name without a vault: %v", err)
	}
}

// TestNewPeopleAreChecked tries names and addresses of mail that nobody has, which are not repeated.
func TestNewPeopleAreChecked(t *testing.T) {
	t.Parallel()
	h := openOffice(t)
	for _, n := range []access.NewPerson{
		{Name: " canary"}, {Name: "canary\x00"}, {Name: "can\u202eary"}, {Name: "canary\xff"}, {Name: strings.Repeat("canary", 40)},
		{Email: "canary"}, {Email: "canary@"}, {Email: "@canary"}, {Email: "canary@x y"}, {Email: "can\u212aary@x.org"}, {Email: "canary@x.org\n"},
		{Email: "canary@x.org,other@x.org"}, {Email: "Canary <canary@x.org>"}, {Email: strings.Repeat("canary", 40) + "@x.org"},
	} {
		_, err := h.here.AddPerson(t.Context(), operator, n)
		var e *fault.Error
		if !errors.Is(err, access.ErrPersonInvalid) || !errors.As(err, &e) || len(e.Fields) != 1 || strings.Contains(strings.ToLower(err.Error()), "canary") {
			t.Errorf("%q: %v", n, err)
		}
	}
	if h.count(`SELECT count(*) FROM people`) != 0 || len(h.acts(guard.Book{})) != 0 {
		t.Error("something was stored")
	}
}

// TestDeactivationEndsAll ends sessions, links, keys and the power to get new ones, on another replica within a second.
func TestDeactivationEndsAll(t *testing.T) {
	t.Parallel()
	h := openOffice(t)
	person := h.person("admin")
	session := h.signIn(person)
	link, _, err := h.here.PersonLink(t.Context(), operator, person)
	if err != nil {
		t.Fatal(err)
	}
	by := guard.Actor{Kind: guard.Person, ID: person, Person: person}
	key, bearer, err := h.here.Create(t.Context(), by, access.NewKey{Name: "n", Scopes: access.Scopes()})
	if err != nil || key.Owner != person {
		t.Fatal(key, err)
	}
	_, stays, err := h.here.Create(t.Context(), operator, access.NewKey{Name: "n", Scopes: access.Scopes()})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []*access.Service{h.here, h.there} {
		if p, err := s.Authenticate(t.Context(), bearer, ""); err != nil || p.Person != person || p.ID != key.ID {
			t.Fatalf("%+v, %v", p, err)
		}
		if _, err := s.Session(t.Context(), session); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := h.here.Deactivate(t.Context(), operator, person, "left"); err != nil {
		t.Fatal(err)
	}
	if here, _ := h.good(session); here {
		t.Error("the session goes on where its holder was deactivated")
	}
	if _, err := h.here.Authenticate(t.Context(), bearer, ""); !errors.Is(err, access.ErrUnauthenticated) {
		t.Errorf("the key where its owner was deactivated: %v", err)
	}
	h.clock.forward(second)
	if _, there := h.good(session); there {
		t.Error("the session goes on elsewhere")
	}
	if _, err := h.there.Authenticate(t.Context(), bearer, ""); !errors.Is(err, access.ErrUnauthenticated) {
		t.Errorf("the key elsewhere: %v", err)
	}
	if _, err := h.there.Authenticate(t.Context(), stays, ""); err != nil {
		t.Errorf("somebody else's key: %v", err)
	}
	if _, _, err := h.there.RedeemLink(t.Context(), link, "", ""); !errors.Is(err, access.ErrLinkSpent) {
		t.Errorf("the link: %v", err)
	}
	if _, _, err := h.there.PersonLink(t.Context(), operator, person); !errors.Is(err, access.ErrPersonUnknown) {
		t.Errorf("another link: %v", err)
	}
	if _, _, err := h.there.Create(t.Context(), by, access.NewKey{Name: "n", Scopes: access.Scopes()}); !errors.Is(err, access.ErrPersonUnknown) {
		t.Errorf("another key: %v", err)
	}
	if _, err := h.there.Grant(t.Context(), operator, access.NewGrant{Person: person, Role: access.Finance}); !errors.Is(err, access.ErrPersonUnknown) {
		t.Errorf("another role: %v", err)
	}
	told := h.acts(guard.Book{})
	if want := "key.revoked key:" + key.ID + " by operator:ops"; told[len(told)-1] != want {
		t.Errorf("%q", told)
	}
}

// TestDeactivationRaces deactivates somebody while they sign in and make keys: whatever came of it is over.
func TestDeactivationRaces(t *testing.T) {
	t.Parallel()
	h := openOffice(t)
	person := h.person("admin")
	by := guard.Actor{Kind: guard.Person, ID: person, Person: person}
	var links [8]string
	for i := range links {
		var err error
		if links[i], _, err = h.here.PersonLink(t.Context(), operator, person); err != nil {
			t.Fatal(err)
		}
	}
	var mu sync.Mutex
	var sessions, keys []string
	var all sync.WaitGroup
	for i, link := range links {
		all.Go(func() {
			bearer, _, err := h.there.RedeemLink(t.Context(), link, "", "")
			if err != nil && !errors.Is(err, access.ErrLinkSpent) {
				t.Errorf("link: %v", err)
			}
			mu.Lock()
			defer mu.Unlock()
			sessions = append(sessions, bearer)
		})
		all.Go(func() {
			_, bearer, err := h.there.Create(t.Context(), by, access.NewKey{Name: "n", Scopes: access.Scopes()})
			if err != nil && !errors.Is(err, access.ErrPersonUnknown) {
				t.Errorf("key: %v", err)
			}
			mu.Lock()
			defer mu.Unlock()
			keys = append(keys, bearer)
		})
		if i == len(links)/2 {
			all.Go(func() {
				if _, err := h.here.Deactivate(t.Context(), operator, person, "left"); err != nil {
					t.Error(err)
				}
			})
		}
	}
	all.Wait()
	h.clock.forward(second)
	for _, bearer := range sessions {
		if here, there := h.good(bearer); here || there {
			t.Error("a session outlives its holder")
		}
	}
	for _, bearer := range keys {
		if _, err := h.there.Authenticate(t.Context(), bearer, ""); !errors.Is(err, access.ErrUnauthenticated) {
			t.Errorf("a key outlives its owner: %v", err)
		}
	}
}

// TestPeopleRolledBack shows that nothing stays of what is rolled back, in the tables or in the trail.
func TestPeopleRolledBack(t *testing.T) {
	t.Parallel()
	h := openOffice(t)
	person := h.person("admin")
	session := h.signIn(person)
	held, err := h.here.Person(t.Context(), person)
	if err != nil {
		t.Fatal(err)
	}
	before, told := h.stored(), len(h.acts(guard.Book{}))
	h.undone(func(ctx context.Context, tx pgx.Tx) error {
		if _, err := h.here.AddPersonTx(ctx, tx, operator, access.NewPerson{}); err != nil {
			return err
		}
		if _, err := h.here.GrantTx(ctx, tx, operator, access.NewGrant{Person: person, Role: access.Auditor}, ""); err != nil {
			return err
		}
		if err := h.here.RevokeGrantTx(ctx, tx, operator, person, held.Grants[0].ID, ""); err != nil {
			return err
		}
		if err := h.here.EndSessionsTx(ctx, tx, operator, person, "", ""); err != nil {
			return err
		}
		return h.here.DeactivateTx(ctx, tx, operator, person, "")
	})
	if diff := cmp.Diff(before, h.stored()); diff != "" {
		t.Error(diff)
	}
	if n := len(h.acts(guard.Book{})); n != told {
		t.Errorf("%d acts, then %d", told, n)
	}
	if here, there := h.good(session); !here || !there {
		t.Error("the session is over")
	}
}

// TestReasonsThatCannotBeRecorded does nothing if the reason cannot stand in the trail.
func TestReasonsThatCannotBeRecorded(t *testing.T) {
	t.Parallel()
	h := openOffice(t)
	person := h.person("admin")
	session := h.signIn(person)
	before := h.stored()
	for _, why := range []string{strings.Repeat("x", 2001), "a\x00b", "a\xff"} {
		if _, err := h.here.Deactivate(t.Context(), operator, person, why); !errors.Is(err, guard.ErrDeedInvalid) {
			t.Errorf("%.5q: %v", why, err)
		}
		if err := h.here.EndSessions(t.Context(), operator, person, "", why); !errors.Is(err, guard.ErrDeedInvalid) {
			t.Errorf("%.5q: %v", why, err)
		}
	}
	if diff := cmp.Diff(before, h.stored()); diff != "" {
		t.Error(diff)
	}
	if here, there := h.good(session); !here || !there {
		t.Error("the session is over")
	}
}

// TestDatabaseKeepsPeople tries behind the service's back what it would not do, with the application's role.
func TestDatabaseKeepsPeople(t *testing.T) {
	t.Parallel()
	h := openOffice(t)
	person := h.person("finance@uk")
	h.signIn(person)
	key, _, err := h.here.Create(t.Context(), operator, access.NewKey{Name: "n", Scopes: access.Scopes()})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := h.here.Rotate(t.Context(), operator, key.ID, time.Hour); err != nil {
		t.Fatal(err)
	}
	for sql, state := range map[string]string{
		`INSERT INTO role_grants (id, person, role, book, granted_at, granted_by) SELECT 'gr_bbbbbbbbbbbbbbbb', person, role, book, granted_at, 'me' FROM role_grants`:                 "23505",
		`INSERT INTO role_grants (id, person, role, book, granted_at, granted_by) SELECT 'gr_bbbbbbbbbbbbbbbb', person, 'king', book, granted_at, 'me' FROM role_grants`:               "23514",
		`INSERT INTO role_grants (id, person, role, book, granted_at, granted_by) SELECT 'gr_bbbbbbbbbbbbbbbb', 'per_bbbbbbbbbbbbbbbb', role, book, granted_at, 'me' FROM role_grants`: "23503",
		`UPDATE role_grants SET role = 'admin'`:                    "42501",
		`UPDATE role_grants SET book = ''`:                         "42501",
		`UPDATE role_grants SET person = 'per_bbbbbbbbbbbbbbbb'`:   "42501",
		`UPDATE role_grants SET revoked_at = now()`:                "23514",
		`DELETE FROM role_grants`:                                  "42501",
		`DELETE FROM people`:                                       "42501",
		`UPDATE people SET id = 'per_bbbbbbbbbbbbbbbb'`:            "42501",
		`UPDATE people SET issuer = 'x'`:                           "23514",
		`UPDATE sessions SET holder = 'per_bbbbbbbbbbbbbbbb'`:      "42501",
		`UPDATE sessions SET ends_at = ends_at + interval '1 day'`: "42501",
		`UPDATE sessions SET digest = sha256('x')`:                 "42501",
		`UPDATE sign_in_links SET expires_at = now()`:              "42501",
		`UPDATE api_keys SET owner = 'x'`:                          "42501",
		`UPDATE api_keys SET rotated_from = NULL`:                  "42501",
		`INSERT INTO api_keys (id, secret_hash, name, scopes, created_at, rotated_from) SELECT 'bbbbbbbbbbbb', secret_hash, name, scopes, created_at, rotated_from FROM api_keys WHERE rotated_from IS NOT NULL`: "23505",
	} {
		if _, err := h.db.Pool.Exec(t.Context(), sql); postgres.SQLState(err) != state {
			t.Errorf("%s: %v, want %s", sql, err, state)
		}
	}
	// A person, a role or a key that the trail does not tell of was written by somebody else, and is found.
	untold := func() (places []string) {
		t.Helper()
		told, err := access.Told(t.Context(), h.trail)
		if err != nil || told.Looked == 0 {
			t.Fatalf("%+v, %v", told, err)
		}
		for _, c := range told.Untold {
			places = append(places, c.Place)
		}
		return places
	}
	if got := untold(); got != nil {
		t.Errorf("the trail does not tell of %q", got)
	}
	for _, sql := range []string{
		`INSERT INTO people (id, created_at, created_by, sessions_from) SELECT 'per_evesevesevesevee', created_at, 'eve', created_at FROM people LIMIT 1`,
		`INSERT INTO role_grants (id, person, role, book, granted_at, granted_by) SELECT 'gr_evesevesevesevee', person, 'admin', '', granted_at, 'eve' FROM role_grants LIMIT 1`,
		`INSERT INTO api_keys (id, secret_hash, name, scopes, created_at) SELECT 'eveseveseve1', sha256('eve'), 'n', '{*}', created_at FROM api_keys LIMIT 1`,
		`INSERT INTO api_keys (id, secret_hash, name, scopes, created_at, rotated_from) SELECT 'eveseveseve2', sha256('eve'), 'n', '{*}', created_at, 'eveseveseve1' FROM api_keys LIMIT 1`,
	} {
		if _, err := h.db.Pool.Exec(t.Context(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	if got, want := untold(), []string{"per_evesevesevesevee", "gr_evesevesevesevee", "eveseveseve1", "eveseveseve2"}; !slices.Equal(got, want) {
		t.Errorf("found %q, want %q", got, want)
	}
	// What was taken away is not given back, by nobody who may write what the service writes.
	for _, c := range []struct{ taken, back string }{
		{`UPDATE api_keys SET expires_at = created_at + interval '1 minute'`, `UPDATE api_keys SET expires_at = NULL`},
		{`UPDATE api_keys SET expires_at = created_at + interval '1 second'`, `UPDATE api_keys SET expires_at = created_at + interval '1 hour'`},
		{`UPDATE api_keys SET revoked_at = created_at`, `UPDATE api_keys SET revoked_at = NULL`},
		{`UPDATE role_grants SET expires_at = granted_at`, `UPDATE role_grants SET expires_at = NULL`},
		{`UPDATE role_grants SET revoked_at = granted_at, revoked_by = 'me'`, `UPDATE role_grants SET revoked_at = NULL, revoked_by = NULL`},
		{`UPDATE role_grants SET revoked_by = 'me'`, `UPDATE role_grants SET revoked_by = 'you'`},
		{`UPDATE people SET issuer = 'https://i', subject = id WHERE issuer IS NULL`, `UPDATE people SET subject = 'somebody'`},
		{`UPDATE people SET sessions_from = sessions_from + interval '1 hour'`, `UPDATE people SET sessions_from = created_at`},
		{`UPDATE people SET deactivated_at = created_at`, `UPDATE people SET deactivated_at = NULL`},
		{`UPDATE sessions SET ended_at = started_at`, `UPDATE sessions SET ended_at = NULL`},
		{`UPDATE sign_in_links SET used_at = created_at WHERE used_at IS NULL`, `UPDATE sign_in_links SET used_at = NULL`},
	} {
		if _, err := h.db.Pool.Exec(t.Context(), c.taken); err != nil {
			t.Errorf("%s: %v", c.taken, err)
		}
		if _, err := h.db.Pool.Exec(t.Context(), c.back); postgres.SQLState(err) != "42501" {
			t.Errorf("%s: %v, want 42501", c.back, err)
		}
	}
}
