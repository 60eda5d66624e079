package console

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"mizan/api/access"
	"mizan/ledger/vault"
)

// People and keys: who may do what. The lists only show; what changes them needs the API or the command line.

type peoplePage struct {
	People      []personLine
	Next, First string
}

type personLine struct {
	Who       who
	Mail      string
	SignedIn  bool
	Inactive  bool
	CreatedAt time.Time
	Roles     []heldRole
}

type heldRole struct {
	roleLine
	ExpiresAt time.Time
}

func (c *console) people(ctx context.Context, r *http.Request) (answer, error) {
	v, err := member(ctx, access.Person)
	if err != nil {
		return answer{}, err
	}
	if !mayAll(v.principal(), "", access.PeopleRead) {
		return answer{}, errNoPage
	}
	after := r.URL.Query().Get("after")
	if unusable(after) {
		return answer{}, errQuery
	}
	list, err := c.Access.People(ctx, after, peoplePerPage+1)
	if err != nil {
		return answer{}, err
	}
	var p peoplePage
	if after != "" {
		p.First = "/console/people"
	}
	if len(list) > peoplePerPage {
		list = list[:peoplePerPage]
		p.Next = "/console/people?" + url.Values{"after": {list[peoplePerPage-1].ID}}.Encode()
	}
	// Auditors read everything but personal data.
	named := mayAll(v.principal(), "", access.PeopleWrite)
	for _, s := range list {
		p.People = append(p.People, personLineOf(s, named, c.Now()))
	}
	return answer{Title: "People", Active: "people", Data: p}, nil
}

func personLineOf(s access.Staff, named bool, now time.Time) personLine {
	l := personLine{Who: who{ID: s.ID, Erased: s.Name == vault.Erased}, SignedIn: s.SignedIn, Inactive: !s.DeactivatedAt.IsZero(), CreatedAt: s.CreatedAt}
	if named || l.Who.Erased {
		l.Who.Name = s.Name
	}
	if named && s.Email != vault.Erased {
		l.Mail = s.Email
	}
	for _, g := range s.Grants {
		if g.RevokedAt.IsZero() && (g.ExpiresAt.IsZero() || now.Before(g.ExpiresAt)) {
			l.Roles = append(l.Roles, heldRole{roleLineOf(g.Grant), g.ExpiresAt})
		}
	}
	return l
}

type keysPage struct {
	Keys []keyLine
	// More is how many keys are not shown.
	More int
}

type keyLine struct {
	access.Key
	Current, Revoked bool
	// BooksShown are some of its books; MoreBooks how many are not shown.
	BooksShown []string
	MoreBooks  int
}

// booksShown bounds the books that the list shows of a key.
const booksShown = 5

func (c *console) keys(ctx context.Context, _ *http.Request) (answer, error) {
	v, err := member(ctx, access.Person)
	if err != nil {
		return answer{}, err
	}
	if !v.principal().Has(access.KeysRead) {
		return answer{}, errNoPage
	}
	list, err := c.Access.ListFor(ctx, v.principal())
	if err != nil {
		return answer{}, err
	}
	var p keysPage
	for i := len(list) - 1; i >= 0; i-- { // the newest first
		if len(p.Keys) == keysShown {
			p.More = i + 1
			break
		}
		k := list[i]
		l := keyLine{Key: k, Current: k.Current(c.Now()), Revoked: !k.RevokedAt.IsZero(), BooksShown: k.Books[:min(len(k.Books), booksShown)]}
		l.MoreBooks = len(k.Books) - len(l.BooksShown)
		p.Keys = append(p.Keys, l)
	}
	return answer{Title: "Keys", Active: "keys", Data: p}, nil
}
