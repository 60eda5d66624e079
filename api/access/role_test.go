package access_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"mizan/api/access"
)

// TestRolesKeepPowersApart states what no role may ever be able to do.
func TestRolesKeepPowersApart(t *testing.T) {
	t.Parallel()
	money := []access.Scope{access.TransactionsRead, access.TransactionsWrite, access.EventsWrite, access.SettlementsWrite, access.RulesRead, access.RulesWrite,
		access.PayeesRead, access.PayeesWrite, access.BalancesRead, access.InboundRead, access.InboundWrite, access.PersonalRead, access.PersonalSensitive, access.PersonalWrite}
	for _, r := range access.Roles() {
		has := func(s access.Scope) bool { return slices.Contains(r.Scopes(), s) }
		if len(r.Scopes()) == 0 {
			t.Errorf("%s may do nothing", r)
		}
		if has(access.ApprovalsWrite) && has(access.ApprovalsDecide) {
			t.Errorf("%s both asks and decides", r)
		}
		if has(access.ApprovalsDecide) != (r == access.Approver) {
			t.Errorf("%s and decisions", r)
		}
		if has(access.Everything) {
			t.Errorf("%s may do everything", r)
		}
		for _, s := range r.Scopes() {
			if !slices.Contains(access.Scopes(), s) {
				t.Errorf("%s has the unknown scope %s", r, s)
			}
			if r == access.Auditor && (!strings.HasSuffix(string(s), ":read") || strings.HasPrefix(string(s), "personal:")) {
				t.Errorf("auditors have %s", s)
			}
			if r == access.Admin && slices.Contains(money, s) {
				t.Errorf("admins have %s", s)
			}
			if (s == access.KeysWrite || s == access.PeopleWrite) && r != access.Admin {
				t.Errorf("%s has %s", r, s)
			}
		}
	}
	if access.Role("king").Scopes() != nil || access.Role("").Scopes() != nil {
		t.Error("a role that does not exist may do something")
	}
}

// TestAllowPeople tries every role in every place, alone and with every other role elsewhere, on every scope of its own
// book, another, one that does not exist, and none.
func TestAllowPeople(t *testing.T) {
	t.Parallel()
	everywhere := append(access.Roles(), "")
	for _, role := range everywhere {
		for _, at := range []string{"uk", ""} {
			for _, other := range everywhere {
				var grants []access.Grant
				if role != "" {
					grants = append(grants, access.Grant{Role: role, Book: at})
				}
				if other != "" {
					grants = append(grants, access.Grant{Role: other, Book: "vn"})
				}
				p := principalOf(grants)
				for _, scope := range access.Scopes() {
					for _, book := range []string{"uk", "vn", "missing", ""} {
						if got, want := p.Allow(scope, book), judged(grants, scope, book); !errors.Is(got, want) || (want == nil) != (got == nil) {
							t.Errorf("%v: %s of %q: %v, want %v", grants, scope, book, got, want)
						}
					}
				}
				if err := p.Allow(access.SignedIn, ""); err != nil {
					t.Errorf("%v: who they are: %v", grants, err)
				}
			}
		}
	}
}

// principalOf makes the principal of a person as it is documented, independently of the service.
func principalOf(grants []access.Grant) access.Principal {
	p := access.Principal{Kind: access.Person, ID: "per_a", Person: "per_a", Grants: grants, Books: []string{}}
	all := false
	for _, g := range grants {
		p.Scopes = append(p.Scopes, g.Role.Scopes()...)
		p.Books = append(p.Books, g.Book)
		all = all || g.Book == ""
	}
	if all {
		p.Books = nil
	}
	return p
}

// judged is the rule for people: the scope in no role is forbidden, a book in no role is hidden, and otherwise one of the
// roles that hold in the book must have the scope; what concerns no book needs a role in every book, but for listing books.
func judged(grants []access.Grant, scope access.Scope, book string) error {
	has, sees, may := false, false, false
	for _, g := range grants {
		scoped := slices.Contains(g.Role.Scopes(), scope)
		holds := g.Book == "" || g.Book == book
		has = has || scoped
		sees = sees || holds
		may = may || scoped && (holds || book == "" && scope == access.BooksRead)
	}
	switch {
	case !has:
		return access.ErrForbidden
	case book != "" && !sees:
		return access.ErrBookHidden
	case !may:
		return access.ErrForbidden
	}
	return nil
}
