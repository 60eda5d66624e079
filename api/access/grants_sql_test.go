package access_test

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mizan/api/access"
	"mizan/ledger/guard"
)

// may returns what the session's holder may do at the service.
func (h *office) may(s *access.Service, bearer string) access.Principal {
	h.t.Helper()
	session, err := s.Session(h.t.Context(), bearer)
	if err != nil {
		h.t.Fatal(err)
	}
	return session.Principal
}

// TestPrincipals makes principals of people with roles in no, some and every book.
func TestPrincipals(t *testing.T) {
	t.Parallel()
	h := openOffice(t)
	for roles, want := range map[string]access.Principal{
		"":                  {Books: []string{}},
		"support@uk":        {Books: []string{"uk"}, Grants: []access.Grant{{Role: access.Support, Book: "uk"}}, Scopes: access.Support.Scopes()},
		"support":           {Grants: []access.Grant{{Role: access.Support}}, Scopes: access.Support.Scopes()},
		"auditor@vn admin":  {Grants: []access.Grant{{Role: access.Auditor, Book: "vn"}, {Role: access.Admin}}, Scopes: slices.Concat(access.Auditor.Scopes(), access.Admin.Scopes())},
		"admin@vn admin@uk": {Books: []string{"uk", "vn"}, Grants: []access.Grant{{Role: access.Admin, Book: "vn"}, {Role: access.Admin, Book: "uk"}}, Scopes: access.Admin.Scopes()},
	} {
		id := h.person()
		for _, role := range strings.Fields(roles) {
			h.clock.forward(time.Microsecond)
			name, book, _ := strings.Cut(role, "@")
			if _, err := h.here.Grant(t.Context(), operator, access.NewGrant{Person: id, Role: access.Role(name), Book: book}); err != nil {
				t.Fatal(err)
			}
		}
		want.Kind, want.ID, want.Person = access.Person, id, id
		want.Scopes = slices.Compact(slices.Sorted(slices.Values(want.Scopes)))
		got := h.may(h.there, h.signIn(id))
		got.Scopes = slices.Sorted(slices.Values(got.Scopes))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q: %s", roles, diff)
		}
	}
}

// TestGrantsEndEverywhere takes a role away, and lets one run out, at a replica that has just seen its holder.
func TestGrantsEndEverywhere(t *testing.T) {
	t.Parallel()
	h := openOffice(t)
	person := h.person("finance@uk", "approver@vn")
	held, err := h.here.Person(t.Context(), person)
	if err != nil || len(held.Grants) != 2 {
		t.Fatal(held, err)
	}
	end := start.Add(10 * time.Minute)
	if _, err := h.here.Grant(t.Context(), operator, access.NewGrant{Person: person, Role: access.Auditor, ExpiresAt: end}); err != nil {
		t.Fatal(err)
	}
	session := h.signIn(person)
	finance := slices.IndexFunc(held.Grants, func(g access.HeldGrant) bool { return g.Role == access.Finance })
	for _, s := range []*access.Service{h.here, h.there} {
		if err := h.may(s, session).Allow(access.PersonalWrite, "uk"); err != nil {
			t.Error(err)
		}
	}
	for range 2 {
		if err := h.here.RevokeGrant(t.Context(), operator, person, held.Grants[finance].ID, "moved"); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.may(h.here, session).Allow(access.PersonalWrite, "uk"); !errors.Is(err, access.ErrForbidden) {
		t.Errorf("where it was taken away: %v", err)
	}
	h.clock.forward(second)
	if err := h.may(h.there, session).Allow(access.PersonalWrite, "uk"); !errors.Is(err, access.ErrForbidden) {
		t.Errorf("elsewhere: %v", err)
	}
	h.clock.forward(end.Sub(h.clock.now()) - 100*time.Millisecond)
	if !h.may(h.there, session).Has(access.InboundRead) {
		t.Error("a role ends too early")
	}
	h.clock.forward(100 * time.Millisecond) // within the moment for which it is remembered
	if p := h.may(h.there, session); p.Has(access.InboundRead) || p.Sees("uk") {
		t.Error("a role does not end")
	}
	told := h.acts(guard.Book{})
	if n := slices.Index(told, "role.revoked person:"+person+" by operator:ops"); n < 0 || slices.Contains(told[n+1:], told[n]) {
		t.Errorf("it is not told once: %q", told)
	}
	for _, id := range []string{"", "gr_aaaaaaaaaaaaaaaa", "x\x00", "' OR 1=1"} {
		if err := h.here.RevokeGrant(t.Context(), operator, person, id, ""); !errors.Is(err, access.ErrGrantUnknown) {
			t.Errorf("%q: %v", id, err)
		}
	}
	if err := h.here.RevokeGrant(t.Context(), operator, h.person(), held.Grants[1].ID, ""); !errors.Is(err, access.ErrGrantUnknown) {
		t.Errorf("somebody else's: %v", err)
	}
}

// TestGrantOnce grants the same role many times at once, and again with another end.
func TestGrantOnce(t *testing.T) {
	t.Parallel()
	h := openOffice(t)
	person := h.person()
	n := access.NewGrant{Person: person, Role: access.Finance, Book: "uk"}
	var granted atomic.Int32
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() {
			_, err := []*access.Service{h.here, h.there}[i%2].Grant(t.Context(), operator, n)
			if err == nil {
				granted.Add(1)
			} else if !errors.Is(err, access.ErrPersonInvalid) {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if granted.Load() != 1 {
		t.Errorf("granted %d times", granted.Load())
	}
	n.ExpiresAt = start.Add(time.Hour)
	if g, err := h.here.Grant(t.Context(), operator, n); err != nil || !g.ExpiresAt.Equal(n.ExpiresAt) {
		t.Errorf("%+v, %v", g, err)
	}
	h.clock.forward(2 * time.Hour)
	n.ExpiresAt = time.Time{}
	if _, err := h.here.Grant(t.Context(), operator, n); err != nil {
		t.Errorf("after it ran out: %v", err)
	}
	p, err := h.here.Person(t.Context(), person)
	if err != nil || len(p.Grants) != 3 || p.Grants[0].RevokedAt.IsZero() || p.Grants[1].RevokedAt.IsZero() || !p.Grants[2].RevokedAt.IsZero() {
		t.Errorf("%+v, %v", p.Grants, err)
	}
	if page, err := h.here.People(t.Context(), "", 10); err != nil || len(page) != 1 || len(page[0].Grants) != 1 {
		t.Errorf("%+v, %v", page, err)
	}
}

// TestGrantsAreChecked tries roles that nobody can hold.
func TestGrantsAreChecked(t *testing.T) {
	t.Parallel()
	h := openOffice(t)
	person := h.person()
	for name, c := range map[string]struct {
		n    access.NewGrant
		want error
	}{
		"no role":        {access.NewGrant{Person: person}, access.ErrPersonInvalid},
		"unknown role":   {access.NewGrant{Person: person, Role: "king"}, access.ErrPersonInvalid},
		"role in caps":   {access.NewGrant{Person: person, Role: "Admin"}, access.ErrPersonInvalid},
		"wrong book":     {access.NewGrant{Person: person, Role: access.Admin, Book: "UK"}, access.ErrPersonInvalid},
		"hostile book":   {access.NewGrant{Person: person, Role: access.Admin, Book: "uk' --"}, access.ErrPersonInvalid},
		"unknown book":   {access.NewGrant{Person: person, Role: access.Admin, Book: "zz"}, access.ErrBookHidden},
		"past":           {access.NewGrant{Person: person, Role: access.Admin, ExpiresAt: start}, access.ErrPersonInvalid},
		"far":            {access.NewGrant{Person: person, Role: access.Admin, ExpiresAt: start.AddDate(9000, 0, 0)}, access.ErrPersonInvalid},
		"nobody":         {access.NewGrant{Role: access.Admin}, access.ErrPersonUnknown},
		"unknown person": {access.NewGrant{Person: "per_aaaaaaaaaaaaaaaa", Role: access.Admin}, access.ErrPersonUnknown},
		"hostile person": {access.NewGrant{Person: "per_aaaaaaaaaaaaaaa\x00", Role: access.Admin}, access.ErrPersonUnknown},
	} {
		if _, err := h.here.Grant(t.Context(), operator, c.n); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := h.count(`SELECT count(*) FROM role_grants`); n != 0 {
		t.Errorf("%d were stored", n)
	}
}
