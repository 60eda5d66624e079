package access_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"mizan/api/access"
	"mizan/ledger/guard"
)

// passes reports whether the key is good at the service, and fails if anything but ErrUnauthenticated says otherwise.
func (h *office) passes(s *access.Service, bearer string) bool {
	h.t.Helper()
	_, err := s.Authenticate(h.t.Context(), bearer, "")
	if err != nil && !errors.Is(err, access.ErrUnauthenticated) {
		h.t.Errorf("a key: %v", err)
	}
	return err == nil
}

// TestRotation replaces a key with and without an overlap, at a replica that has just seen it.
func TestRotation(t *testing.T) {
	t.Parallel()
	for _, overlap := range []time.Duration{0, time.Hour, access.MaxOverlap} {
		h := openOffice(t)
		n := access.NewKey{Name: "checkout", Scopes: []access.Scope{access.EventsWrite}, Books: []string{"uk"}, ExpiresAt: start.AddDate(0, 0, 10)}
		old, oldBearer, err := h.here.Create(t.Context(), operator, n)
		if err != nil {
			t.Fatal(err)
		}
		if !h.passes(h.there, oldBearer) {
			t.Fatal("the key is no good")
		}
		other := guard.Actor{Kind: guard.Operator, ID: "other"}
		key, bearer, err := h.here.Rotate(t.Context(), other, old.ID, overlap)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(access.Key{ID: key.ID, NewKey: n, CreatedAt: start, Owner: "ops", RotatedFrom: old.ID}, key); diff != "" || key.ID == old.ID || bearer == oldBearer {
			t.Error(diff)
		}
		if !h.passes(h.there, bearer) || h.passes(h.here, oldBearer) != (overlap > 0) {
			t.Errorf("%v: right after the rotation", overlap)
		}
		h.clock.forward(second)
		if h.passes(h.there, oldBearer) != (overlap > 0) {
			t.Errorf("%v: a second after the rotation", overlap)
		}
		if overlap == time.Hour {
			h.clock.forward(time.Hour - second - time.Microsecond)
			if !h.passes(h.there, oldBearer) {
				t.Error("the old key ends too early")
			}
			h.clock.forward(time.Microsecond)
			if h.passes(h.there, oldBearer) || !h.passes(h.there, bearer) {
				t.Error("after the overlap")
			}
		}
		h.clock.forward(n.ExpiresAt.Sub(h.clock.now()))
		if h.passes(h.there, bearer) || h.passes(h.there, oldBearer) {
			t.Errorf("%v: a rotation made a key last longer", overlap)
		}
		if told := h.acts(guard.Book{}); !slices.Equal(told, []string{"key.created key:" + old.ID + " by operator:ops", "key.rotated key:" + old.ID + " by operator:other"}) {
			t.Errorf("%q", told)
		}
	}
}

// TestRotationRefused tries what cannot be rotated, and shows that nothing comes of it.
func TestRotationRefused(t *testing.T) {
	t.Parallel()
	h := openOffice(t)
	n := access.NewKey{Name: "n", Scopes: []access.Scope{access.BooksRead}}
	create := func(n access.NewKey) string {
		key, _, err := h.here.Create(t.Context(), operator, n)
		if err != nil {
			t.Fatal(err)
		}
		return key.ID
	}
	good, revoked, rotated := create(n), create(n), create(n)
	n.ExpiresAt = start.Add(time.Minute)
	expired := create(n)
	h.clock.forward(time.Minute)
	if err := h.here.Revoke(t.Context(), operator, revoked, "lost"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := h.here.Rotate(t.Context(), operator, rotated, time.Hour); err != nil {
		t.Fatal(err)
	}
	before := h.stored()
	for _, c := range []struct {
		id      string
		overlap time.Duration
		want    error
	}{
		{good, -1, access.ErrKeyInvalid}, {good, access.MaxOverlap + 1, access.ErrKeyInvalid},
		{revoked, 0, access.ErrKeyEnded}, {expired, 0, access.ErrKeyEnded}, {rotated, 0, access.ErrKeyEnded},
		{"aaaaaaaaaaaa", 0, access.ErrKeyUnknown}, {"", 0, access.ErrKeyUnknown}, {"'; --", 0, access.ErrKeyUnknown}, {"aaaaaaaaaaa\x00", 0, access.ErrKeyUnknown},
	} {
		if _, bearer, err := h.here.Rotate(t.Context(), operator, c.id, c.overlap); !errors.Is(err, c.want) || bearer != "" {
			t.Errorf("%q after %v: %v", c.id, c.overlap, err)
		}
	}
	h.undone(func(ctx context.Context, tx pgx.Tx) error {
		_, _, err := h.here.RotateTx(ctx, tx, operator, good, 0)
		return err
	})
	if diff := cmp.Diff(before, h.stored()); diff != "" {
		t.Error(diff)
	}
}

// TestRotateOnce rotates one key many times at once, while its owner is deactivated in the end.
func TestRotateOnce(t *testing.T) {
	t.Parallel()
	h := openOffice(t)
	person := h.person("admin")
	by := guard.Actor{Kind: guard.Person, ID: person, Person: person}
	key, _, err := h.here.Create(t.Context(), by, access.NewKey{Name: "n", Scopes: []access.Scope{access.BooksRead}})
	if err != nil {
		t.Fatal(err)
	}
	var done atomic.Int32
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() {
			if i == 40 {
				if _, err := h.here.Deactivate(t.Context(), operator, person, ""); err != nil {
					t.Error(err)
				}
				return
			}
			_, _, err := []*access.Service{h.here, h.there}[i%2].Rotate(t.Context(), by, key.ID, time.Hour)
			if err == nil {
				done.Add(1)
			} else if !errors.Is(err, access.ErrKeyEnded) && !errors.Is(err, access.ErrPersonUnknown) {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if done.Load() > 1 {
		t.Errorf("rotated %d times", done.Load())
	}
	if n := h.count(`SELECT count(*) FROM api_keys WHERE revoked_at IS NULL`); n != 0 {
		t.Errorf("%d keys outlive their owner", n)
	}
}

// TestKeysOfOthers states which keys each caller may see, end and rotate: all else is unknown to them.
func TestKeysOfOthers(t *testing.T) {
	t.Parallel()
	h := openOffice(t)
	owner := h.person("finance@uk")
	by := guard.Actor{Kind: guard.Person, ID: owner, Person: owner}
	keys := map[string]string{}
	for name, c := range map[string]struct {
		by    guard.Actor
		books []string
	}{"uk": {operator, []string{"uk"}}, "vn": {operator, []string{"vn"}}, "both": {operator, []string{"uk", "vn"}}, "every": {operator, nil}, "owned": {by, []string{"vn"}}} {
		key, _, err := h.here.Create(t.Context(), c.by, access.NewKey{Name: name, Scopes: []access.Scope{access.EventsWrite}, Books: c.books})
		if err != nil {
			t.Fatal(err)
		}
		keys[name] = key.ID
	}
	everything := []string{"both", "every", "owned", "uk", "vn"}
	program := func(books []string, scopes ...access.Scope) access.Principal {
		return access.Principal{Kind: access.Program, ID: "aaaaaaaaaaaa", Person: owner, Scopes: scopes, Books: books}
	}
	for name, c := range map[string]struct {
		p                 access.Principal
		list, end, rotate []string
	}{
		"nobody":               {access.Principal{}, nil, nil, nil},
		"payee":                {access.Principal{Kind: access.Payee, ID: owner, Books: []string{"uk"}, Payees: []string{owner}}, nil, nil, nil},
		"admin":                {principalOf([]access.Grant{{Role: access.Admin}}), everything, everything, nil},
		"admin of uk":          {principalOf([]access.Grant{{Role: access.Admin, Book: "uk"}}), []string{"uk"}, []string{"uk"}, nil},
		"admin of uk and vn":   {principalOf([]access.Grant{{Role: access.Admin, Book: "uk"}, {Role: access.Admin, Book: "vn"}}), []string{"both", "owned", "uk", "vn"}, []string{"both", "owned", "uk", "vn"}, nil},
		"auditor":              {principalOf([]access.Grant{{Role: access.Auditor}}), everything, nil, nil},
		"admin of uk, auditor": {principalOf([]access.Grant{{Role: access.Admin, Book: "uk"}, {Role: access.Auditor}}), everything, []string{"uk"}, nil},
		"owner":                {h.may(h.here, h.signIn(owner)), []string{"owned"}, []string{"owned"}, []string{"owned"}},
		"finance":              {principalOf([]access.Grant{{Role: access.Finance}}), nil, nil, nil},
		"the owner's weak key": {program(nil, access.BooksRead), nil, nil, nil},
		"key of keys":          {program(nil, access.KeysRead, access.KeysWrite), everything, everything, nil},
		"key of keys of uk":    {program([]string{"uk"}, access.KeysRead, access.KeysWrite, access.EventsWrite), []string{"uk"}, []string{"uk"}, []string{"uk"}},
		"key of everything":    {program(nil, access.Everything), everything, everything, everything},
	} {
		listed, err := h.here.ListFor(t.Context(), c.p)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, k := range listed {
			names = append(names, k.Name)
		}
		slices.Sort(names)
		if diff := cmp.Diff(c.list, names); diff != "" {
			t.Errorf("%s lists: %s", name, diff)
		}
		for key, id := range keys {
			check := func(what string, may []string, err error) {
				t.Helper()
				want := access.ErrKeyUnknown
				if slices.Contains(c.list, key) {
					want = access.ErrForbidden
				}
				if slices.Contains(may, key) && !errors.Is(err, guard.ErrDeedInvalid) || !slices.Contains(may, key) && !errors.Is(err, want) {
					t.Errorf("%s %s %s: %v", name, what, key, err)
				}
			}
			// Who may is told apart by the trail, which does not take this actor: nothing is done.
			nobody := guard.Actor{Kind: "nobody", ID: "x"}
			_, _, err := h.here.RotateFor(t.Context(), c.p, nobody, id, time.Hour)
			check("rotates", c.rotate, err)
			check("ends", c.end, h.here.RevokeFor(t.Context(), c.p, nobody, id, ""))
		}
	}
}

// TestRotationIsNoWayUp has an administrator rotate keys of others: they get at no more than they may do themselves, and
// answer for what they get, so that they cannot approve what it asks for.
func TestRotationIsNoWayUp(t *testing.T) {
	t.Parallel()
	h := openOffice(t)
	admin, finance := h.person("admin"), h.person("finance")
	by := guard.Actor{Kind: guard.Person, ID: admin, Person: admin}
	make := func(owner string, books []string, scopes ...access.Scope) string {
		key, _, err := h.here.Create(t.Context(), guard.Actor{Kind: guard.Person, ID: owner, Person: owner}, access.NewKey{Name: "n", Scopes: scopes, Books: books})
		if err != nil {
			t.Fatal(err)
		}
		return key.ID
	}
	p := h.may(h.here, h.signIn(admin))
	for _, scope := range access.Scopes() {
		_, bearer, err := h.here.RotateFor(t.Context(), p, by, make(finance, nil, scope), 0)
		if p.Allow(scope, "") != nil {
			if !errors.Is(err, access.ErrForbidden) || bearer != "" {
				t.Errorf("an administrator gets at %s: %v", scope, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", scope, err)
			continue
		}
		if got, err := h.there.Authenticate(t.Context(), bearer, ""); err != nil || got.Person != admin {
			t.Errorf("%s: whoever has seen the secret is taken for %q, %v", scope, got.Person, err)
		}
	}
	local := h.person("admin@uk", "finance@vn")
	by = guard.Actor{Kind: guard.Person, ID: local, Person: local}
	for _, c := range []struct {
		books []string
		want  error
	}{{[]string{"uk"}, nil}, {[]string{"uk", "vn"}, access.ErrKeyUnknown}, {nil, access.ErrKeyUnknown}} {
		if _, _, err := h.here.RotateFor(t.Context(), h.may(h.here, h.signIn(local)), by, make(finance, c.books, access.ApprovalsWrite), 0); !errors.Is(err, c.want) {
			t.Errorf("%v: %v", c.books, err)
		}
	}
	if _, _, err := h.here.RotateFor(t.Context(), h.may(h.here, h.signIn(finance)), guard.Actor{Kind: guard.Person, ID: finance, Person: finance}, make(finance, nil, access.PersonalSensitive), 0); err != nil {
		t.Errorf("the owner: %v", err)
	}
}

// TestLastUse tells when a key was last used, once a minute, without a word of it in the trail.
func TestLastUse(t *testing.T) {
	t.Parallel()
	h := openOffice(t)
	key, bearer, err := h.here.Create(t.Context(), operator, access.NewKey{Name: "n", Scopes: access.Scopes()})
	if err != nil {
		t.Fatal(err)
	}
	used := func() time.Duration {
		t.Helper()
		h.here.Wait()
		h.there.Wait()
		keys, err := h.here.List(t.Context())
		if err != nil || keys[0].ID != key.ID {
			t.Fatal(keys, err)
		}
		if keys[0].LastUsedAt.IsZero() {
			return -1
		}
		return keys[0].LastUsedAt.Sub(start)
	}
	if used() != -1 {
		t.Error("it was never used")
	}
	if h.passes(h.here, bearer[:len(bearer)-1]+"!") {
		t.Error("a wrong key passes")
	}
	if used() != -1 {
		t.Error("a wrong secret is a use")
	}
	for _, c := range []struct{ after, want time.Duration }{{0, 0}, {30 * second, 0}, {30 * second, time.Minute}, {59 * second, time.Minute}, {second, 2 * time.Minute}} {
		h.clock.forward(c.after)
		h.passes(h.here, bearer)
		h.passes(h.there, bearer)
		if got := used(); got != c.want {
			t.Errorf("%v after the start: %v, want %v", h.clock.now().Sub(start), got, c.want)
		}
	}
	if told := h.acts(guard.Book{}); len(told) != 1 {
		t.Errorf("%q", told)
	}
}
