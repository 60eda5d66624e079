package console

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"mizan/api/access"
)

// Keys: what programs carry. One is asked for, and a second person agrees; its secret is drawn when whoever answers for it
// rotates it, and is shown that once. Revoking takes nobody else.

type keysPage struct {
	payHead
	Keys []keyLine
	// Scopes are those that a key can be asked for; Own is the visitor, who answers for it unless another is named.
	Scopes []access.Scope
	Own    string
	// More is how many keys are not shown.
	More int
}

type keyLine struct {
	access.Key
	Link, OwnerLink  string
	Current, Revoked bool
	// BooksShown are some of its books; MoreBooks how many are not shown.
	BooksShown []string
	MoreBooks  int
}

// booksShown bounds the books that the list shows of a key.
const booksShown = 5

// ownedScopes are the scopes that a key can be asked for: only people decide, and a key may do only what is named.
func ownedScopes() []access.Scope {
	return slices.DeleteFunc(access.Scopes(), func(s access.Scope) bool {
		return s == access.ApprovalsDecide || s == access.Everything || s == access.SignedIn
	})
}

func (c *console) keyLine(who cashier, k access.Key) keyLine {
	l := keyLine{Key: k, Link: keyAt(k.ID), Current: k.Current(c.Now()), Revoked: !k.RevokedAt.IsZero(), BooksShown: k.Books[:min(len(k.Books), booksShown)]}
	l.MoreBooks = len(k.Books) - len(l.BooksShown)
	if strings.HasPrefix(k.Owner, "per_") && mayAll(who.principal(), "", access.PeopleRead) {
		l.OwnerLink = personAt(k.Owner)
	}
	return l
}

// keyAt is where the page of a key stands.
func keyAt(id string) string { return "/console/keys/" + url.PathEscape(id) }

func (c *console) keys(ctx context.Context, who cashier, _ *http.Request) (answer, error) {
	if !who.principal().Has(access.KeysRead) {
		return answer{}, errNoPage
	}
	list, err := c.Access.ListFor(ctx, who.principal())
	if err != nil {
		return answer{}, err
	}
	p := keysPage{payHead: c.wholeHead(who), Own: who.principal().ID}
	p.MayAsk = p.MayAsk && mayAll(who.principal(), "", access.KeysWrite)
	if p.MayAsk {
		p.Scopes = ownedScopes()
	}
	for i := len(list) - 1; i >= 0; i-- { // the newest first
		if len(p.Keys) == keysShown {
			p.More = i + 1
			break
		}
		p.Keys = append(p.Keys, c.keyLine(who, list[i]))
	}
	return answer{Title: tellerOf(ctx).say("admin.keys"), Active: "keys", Data: &p}, nil
}

// Picked says whether a scope was chosen on a form that could not be done.
func (p *keysPage) Picked(s access.Scope) bool { return slices.Contains(p.given["scope"], string(s)) }

// askKey asks a second person for a key.
func (c *console) askKey(ctx context.Context, who cashier, r *http.Request) (string, error) {
	if !mayAll(who.principal(), "", access.ApprovalsWrite, access.KeysWrite) {
		return "", access.ErrForbidden
	}
	f := r.PostForm
	end, err := endOf(f.Get("until"))
	if err != nil {
		return "", err
	}
	k := access.GrantedKey{Name: strings.TrimSpace(f.Get("name")), ExpiresAt: end, Owner: strings.TrimSpace(f.Get("owner"))}
	if k.Owner == "" {
		k.Owner = who.principal().ID
	}
	for _, s := range f["scope"] {
		k.Scopes = append(k.Scopes, access.Scope(s))
	}
	// A key for every book is asked for by name: a field left empty must not open all of them.
	k.Books = strings.FieldsFunc(f.Get("books"), func(x rune) bool { return x == ' ' || x == ',' || x == '\n' || x == '\r' })
	if f.Get("everywhere") != "" {
		if len(k.Books) > 0 {
			return "", access.ErrKeyInvalid.At("/books", "books", "Name books, or choose every book, and not both.")
		}
		k.Books = nil
	} else if len(k.Books) == 0 {
		return "", access.ErrKeyInvalid.At("/books", "books", "Name the codes of the books that the key may touch, or choose every book.")
	}
	return c.asked(ctx, who, "key.grant", k, f)
}

type keyPage struct {
	payHead
	Key   keyLine
	At    string
	Audit string
	// MayEnd says that the visitor finds forms; Bearer is a new secret, shown once.
	MayEnd bool
	Bearer string
	From   string
}

// keyOf is a key that the visitor may see. What they may not is answered like what does not exist.
func (c *console) keyOf(ctx context.Context, who cashier, id string) (access.Key, error) {
	list, err := c.Access.ListFor(ctx, who.principal())
	if err != nil {
		return access.Key{}, err
	}
	i := slices.IndexFunc(list, func(k access.Key) bool { return k.ID == id })
	if i < 0 {
		return access.Key{}, errNoPage
	}
	return list[i], nil
}

func (c *console) key(ctx context.Context, who cashier, r *http.Request) (answer, error) {
	k, err := c.keyOf(ctx, who, r.PathValue("key"))
	if err != nil {
		return answer{}, err
	}
	return c.keyShown(who, k), nil
}

func (c *console) keyShown(who cashier, k access.Key) answer {
	p := keyPage{payHead: c.wholeHead(who), Key: c.keyLine(who, k), At: keyAt(k.ID)}
	p.Key.BooksShown, p.Key.MoreBooks = k.Books, 0
	p.MayEnd = p.Key.Current && (k.Owner == who.principal().ID || who.principal().Has(access.KeysWrite))
	if mayAll(who.principal(), "", access.AuditRead) {
		p.Audit = narrowedTo("/console/audit", "object", "key:"+k.ID)
	}
	if k.RotatedFrom != "" {
		p.From = keyAt(k.RotatedFrom)
	}
	return answer{Title: plain(k.Name), Trail: []link{{who.o.teller.say("admin.keys"), "/console/keys"}}, Active: "keys", Data: &p}
}

// revokeKey ends a key for good.
func (c *console) revokeKey(ctx context.Context, who cashier, r *http.Request) (string, error) {
	why, err := reasonGiven(r)
	if err != nil {
		return "", err
	}
	return keyAt(r.PathValue("key")), c.Access.RevokeFor(ctx, who.principal(), who.actor(), r.PathValue("key"), why)
}

// rotateKey makes a new secret, and shows it on a page that cannot be loaded again.
func (c *console) rotateKey(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), pageTimeout)
	defer cancel()
	who, err := c.staffMember(ctx)
	if err != nil {
		return err
	}
	if _, err := c.keyOf(ctx, who, r.PathValue("key")); err != nil {
		return err
	}
	hours, err := strconv.Atoi(r.PostForm.Get("overlap"))
	if err != nil || hours < 0 || hours > int(access.MaxOverlap/time.Hour) {
		return errFormRead
	}
	k, bearer, err := c.Access.RotateFor(ctx, who.principal(), who.actor(), r.PathValue("key"), time.Duration(hours)*time.Hour)
	if err != nil {
		return c.again(ctx, w, r, who, "key", err, c.key)
	}
	a := c.keyShown(who, k)
	a.Data.(*keyPage).Bearer = bearer
	c.render(w, r, http.StatusOK, "key", a)
	return nil
}
