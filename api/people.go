package api

import (
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"time"

	"mizan/api/access"
	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/fault"
	"mizan/ledger/guard"
	"mizan/ledger/vault"
)

// People: who works here and what they may do, how payees get in, and who a caller is.

// NewPersonBody is the body that adds a person.
type NewPersonBody struct {
	Name  string `json:"name" minLength:"1" maxLength:"200" doc:"It is kept in the vault" example:"Sam Example"`
	Email string `json:"email,omitempty" minLength:"3" maxLength:"254" doc:"By which the first sign-in is recognised; left out for somebody who signs in by links only. It is kept in the vault" example:"sam@example.com"`
}

// NewGrantBody is the body that grants a role.
type NewGrantBody struct {
	Role      string    `json:"role" enum:"finance,approver,admin,auditor,support" doc:"The handbook's page on access says what each may do"`
	Book      string    `json:"book,omitempty" pattern:"^[a-z][a-z0-9_]{0,31}$" doc:"The code of the book; left out, every book" example:"uk"`
	ExpiresAt time.Time `json:"expires_at,omitempty" format:"date-time" doc:"When it ends; left out, never" example:"2027-11-20T00:00:00Z"`
}

// PersonJSON is a person as callers read it.
type PersonJSON struct {
	ID            string      `json:"id" example:"per_0123456789abcdef"`
	Name          string      `json:"name" doc:"erased if it was; empty if the vault is closed, and for callers who may not write people" example:"Sam Example"`
	Email         string      `json:"email" doc:"Like the name" example:"sam@example.com"`
	SignedIn      bool        `json:"signed_in" doc:"Whether the person has signed in before"`
	CreatedAt     string      `json:"created_at" format:"date-time" example:"2026-11-20T10:00:00.000000Z"`
	CreatedBy     string      `json:"created_by" doc:"Who added the person"`
	DeactivatedAt *string     `json:"deactivated_at" format:"date-time" doc:"Null for somebody who may sign in"`
	Grants        []GrantJSON `json:"grants" nullable:"false" doc:"Every role that was ever granted"`
	Warnings      []string    `json:"warnings,omitempty" nullable:"false" doc:"What nobody is left for, where a role or a person was just ended"`
}

// GrantJSON is a role that a person holds or held.
type GrantJSON struct {
	ID        string  `json:"id" example:"gr_0123456789abcdef"`
	Role      string  `json:"role" enum:"finance,approver,admin,auditor,support"`
	Book      string  `json:"book" doc:"The code of the book; empty for every book" example:"uk"`
	GrantedAt string  `json:"granted_at" format:"date-time" example:"2026-11-20T10:00:00.000000Z"`
	GrantedBy string  `json:"granted_by"`
	Approval  string  `json:"approval" doc:"The approval by which it was granted; empty if nobody else had to agree"`
	ExpiresAt *string `json:"expires_at" format:"date-time" doc:"Null for never"`
	RevokedAt *string `json:"revoked_at" format:"date-time" doc:"Null if it was not taken away"`
}

type peopleJSON struct {
	Data       []PersonJSON `json:"data" nullable:"false" doc:"In order of their ids"`
	NextCursor *string      `json:"next_cursor" doc:"Send it as cursor for the next page; null on the last one"`
}

// NewLink is the body that makes a link; there is nothing to say in it.
type NewLink struct{}

type endedJSON struct {
	Ended bool `json:"ended" doc:"That no session from before works any more"`
}

type signInLinkJSON struct {
	Link      string `json:"link" doc:"Signs the payee in once. Whoever has it is taken for the payee" example:"https://ledger.example.com/sign-in/link?token=…"`
	ExpiresAt string `json:"expires_at" format:"date-time" example:"2026-11-20T10:15:00.000000Z"`
}

type meJSON struct {
	Kind   string       `json:"kind" enum:"program,person,payee"`
	ID     string       `json:"id" doc:"Of the key, the person or the payee"`
	Person string       `json:"person" doc:"The person behind it; empty if nobody is known"`
	Roles  []meRoleJSON `json:"roles" nullable:"false" doc:"A person's"`
	Scopes []string     `json:"scopes" nullable:"false" doc:"What the caller may do, in at least one book"`
	Books  []string     `json:"books" doc:"The codes of the books that the caller may touch; null for every book"`
	Payees []string     `json:"payees" nullable:"false" doc:"Whom a payee may see: itself, and the minors it is the guardian of"`
}

type meRoleJSON struct {
	Role string `json:"role" example:"finance"`
	Book string `json:"book" doc:"Empty for every book" example:"uk"`
}

func peopleOperations() []Operation {
	one, unknown := reflect.TypeFor[PersonJSON](), []*fault.Error{access.ErrPersonUnknown}
	stop := []*fault.Error{access.ErrPersonUnknown, access.ErrPersonInvalid}
	const person = "/v1/people/{person}"
	list := []Operation{
		{
			Method: http.MethodGet, Path: "/v1/people", ID: "list-people", Summary: "List people", Scope: access.PeopleRead, Query: reflect.TypeFor[pageQuery](),
			Answers: []Answer{{Status: 200, Meaning: "A page of people.", Body: reflect.TypeFor[peopleJSON]()}}, Errors: []*fault.Error{ErrCursor}, handle: listPeople,
		},
		{
			Method: http.MethodPost, Path: "/v1/people", ID: "add-person", Summary: "Add a person",
			Description: "Without any role: ask for an approval of the act people.grant for each.", Scope: access.PeopleWrite, Body: reflect.TypeFor[NewPersonBody](), BodyLimit: bodyLimit,
			Example: map[string]any{"name": "Sam Example", "email": "sam@example.com"},
			Answers: []Answer{{Status: 201, Meaning: "Added.", Body: one}}, Errors: slicesOf(vaultErrors, access.ErrPersonInvalid, access.ErrPersonExists), handle: addPerson,
		},
		{
			Method: http.MethodGet, Path: person, ID: "get-person", Summary: "Read a person", Scope: access.PeopleRead,
			Answers: []Answer{{Status: 200, Meaning: "The person, and all roles.", Body: one}}, Errors: unknown, handle: getPerson,
		},
		{
			Method: http.MethodPost, Path: person + "/deactivation", ID: "deactivate-person", Summary: "Deactivate a person",
			Description: "Sessions, tokens, and the keys that the person answers for end within a second.", Scope: access.PeopleWrite, Body: reflect.TypeFor[NewReason](), BodyLimit: bodyLimit,
			Answers: []Answer{{Status: 200, Meaning: "Deactivated.", Body: one}}, Errors: stop, handle: deactivatePerson,
		},
		{
			Method: http.MethodPost, Path: person + "/sessions/end", ID: "end-sessions", Summary: "End a person's sessions",
			Description: "The person may sign in again.", Scope: access.PeopleWrite, Body: reflect.TypeFor[NewReason](), BodyLimit: bodyLimit,
			Answers: []Answer{{Status: 200, Meaning: "Ended.", Body: reflect.TypeFor[endedJSON]()}}, Errors: stop, handle: endSessions,
		},
		{
			Method: http.MethodPost, Path: person + "/grants", ID: "grant-role", Summary: "Grant a role",
			Description: "Where a second person is needed, ask for an approval of the act people.grant.", Scope: access.PeopleWrite, SecondPerson: "people.grant",
			Body: reflect.TypeFor[NewGrantBody](), BodyLimit: bodyLimit,
			Answers: []Answer{{Status: 201, Meaning: "Granted.", Body: one}}, Errors: stop, handle: grantRole,
		},
		{
			Method: http.MethodPost, Path: person + "/grants/{grant}/revocation", ID: "revoke-role", Summary: "Take a role away",
			Description: "It ends within a second; nobody has to agree to that.", Scope: access.PeopleWrite, Body: reflect.TypeFor[NewReason](), BodyLimit: bodyLimit,
			Answers: []Answer{{Status: 200, Meaning: "Taken away.", Body: one}}, Errors: slicesOf(stop, access.ErrGrantUnknown), handle: revokeRole,
		},
		{
			Method: http.MethodPost, Path: person + "/personal_data/erasure", ID: "erase-person", Summary: "Erase a person's name and address of mail",
			Description: "For good. The id stays in the audit trail and with what the person did. Deactivate the person too: roles are not taken away by this.", Scope: access.PeopleWrite,
			Body: reflect.TypeFor[NewReason](), BodyLimit: bodyLimit,
			Answers: []Answer{{Status: 200, Meaning: "Erased.", Body: one}}, Errors: slicesOf(vaultErrors, access.ErrPersonUnknown, vault.ErrHeld, guard.ErrDeedInvalid), handle: erasePerson,
		},
	}
	for i := range list {
		list[i].Group, list[i].Installation = "Access", true
	}
	return append(list,
		Operation{
			Method: http.MethodPost, Path: "/v1/books/{book}/payees/{payee}/sign_in_links", ID: "make-sign-in-link", Group: "Access", Summary: "Make a link that signs a payee in",
			Description: "It works once, for 15 minutes. Hand it to the payee by a way that only the payee can read.", Scope: access.LinksWrite, Body: reflect.TypeFor[NewLink](), BodyLimit: bodyLimit,
			Answers: []Answer{{Status: 201, Meaning: "The link; it is not shown again.", Body: reflect.TypeFor[signInLinkJSON]()}},
			Errors:  []*fault.Error{commerce.ErrPayeeUnknown, ledger.ErrInvalid}, handle: makeSignInLink,
		},
		Operation{
			Method: http.MethodGet, Path: "/v1/me", ID: "get-me", Group: "Access", Summary: "Read who you are", Scope: access.SignedIn,
			Answers: []Answer{{Status: 200, Meaning: "The caller, and what it may do.", Body: reflect.TypeFor[meJSON]()}}, handle: getMe,
		})
}

func listPeople(c *call) (reply, error) {
	limit, after := c.query.limit(), c.afterName()
	if c.query.wrong != nil {
		return reply{}, c.query.wrong
	}
	list, more, err := oneMore(limit, func(limit int) ([]access.Staff, error) { return c.service.access.People(c.ctx, after, limit) })
	if err != nil {
		return reply{}, err
	}
	out := peopleJSON{Data: make([]PersonJSON, len(list))}
	for i, p := range list {
		out.Data[i] = c.personOf(p)
	}
	if more {
		cursor := c.nextCursor(list[len(list)-1].ID)
		out.NextCursor = &cursor
	}
	return document(http.StatusOK, out)
}

func addPerson(c *call) (reply, error) {
	n, err := decodeWith(c, func(d *decoder, at int32) (body NewPersonBody) {
		d.object(at, &body)
		return body
	})
	if err != nil {
		return reply{}, err
	}
	p, err := c.service.access.AddPerson(c.ctx, c.actor(), access.NewPerson{Name: n.Name, Email: n.Email})
	if err != nil {
		return reply{}, err
	}
	return document(http.StatusCreated, c.personOf(p))
}

func getPerson(c *call) (reply, error) { return c.person(http.StatusOK) }

// person answers with the person of the path.
func (c *call) person(status int) (reply, error) {
	p, err := c.service.access.Person(c.ctx, c.param("person"))
	if err != nil {
		return reply{}, err
	}
	return document(status, c.personOf(p))
}

func deactivatePerson(c *call) (reply, error) {
	why, err := c.reason()
	if err != nil {
		return reply{}, err
	}
	if _, err := c.service.access.Deactivate(c.ctx, c.actor(), c.param("person"), why); err != nil {
		return reply{}, err
	}
	return c.personLeft()
}

func endSessions(c *call) (reply, error) {
	why, err := c.reason()
	if err != nil {
		return reply{}, err
	}
	if err := c.service.access.EndSessions(c.ctx, c.actor(), c.param("person"), "", why); err != nil {
		return reply{}, err
	}
	return document(http.StatusOK, endedJSON{true})
}

func grantRole(c *call) (reply, error) {
	n, err := decodeWith(c, func(d *decoder, at int32) (body NewGrantBody) {
		d.object(at, &body)
		return body
	})
	if err != nil {
		return reply{}, err
	}
	ask := access.NewGrant{Person: c.param("person"), Role: access.Role(n.Role), Book: n.Book, ExpiresAt: n.ExpiresAt}
	if _, err := c.service.access.Grant(c.ctx, c.actor(), ask); err != nil {
		return reply{}, err
	}
	return c.person(http.StatusCreated)
}

func revokeRole(c *call) (reply, error) {
	why, err := c.reason()
	if err != nil {
		return reply{}, err
	}
	if err := c.service.access.RevokeGrant(c.ctx, c.actor(), c.param("person"), c.param("grant"), why); err != nil {
		return reply{}, err
	}
	return c.personLeft()
}

// personLeft answers with a person whose role ended, and with what nobody is left for.
func (c *call) personLeft() (reply, error) {
	p, err := c.service.access.Person(c.ctx, c.param("person"))
	if err != nil {
		return reply{}, err
	}
	out := c.personOf(p)
	if out.Warnings, err = c.service.access.Vacancies(c.ctx); err != nil {
		return reply{}, err
	}
	return document(http.StatusOK, out)
}

// erasePerson erases what the vault knows of somebody of the staff, who belong to the installation.
func erasePerson(c *call) (reply, error) {
	why, err := c.reason()
	if err != nil {
		return reply{}, err
	}
	if c.service.vault == nil {
		return reply{}, vault.ErrClosed
	}
	p, err := c.service.access.Person(c.ctx, c.param("person"))
	if err != nil {
		return reply{}, err
	}
	if _, err := c.service.vault.Erase(c.ctx, c.actor(), vault.Owner{}, c.guarded(), staffPrefix+p.ID, why); err != nil {
		return reply{}, err
	}
	return c.person(http.StatusOK)
}

// staffPrefix stands before the id of a person among the subjects of the vault.
const staffPrefix = "person:"

// makeSignInLink makes a link for a payee that is registered: nobody else can be told from a typing error.
func makeSignInLink(c *call) (reply, error) {
	id, err := c.segment("payee")
	if err != nil {
		return reply{}, err
	}
	if _, err := decodeWith(c, func(d *decoder, at int32) (body NewLink) {
		d.object(at, &body)
		return body
	}); err != nil {
		return reply{}, err
	}
	if _, err := c.service.commerce.Payee(c.ctx, c.book, id); err != nil {
		return reply{}, err
	}
	token, expires, err := c.service.access.PayeeLink(c.ctx, c.actor(), c.guarded(), id)
	if err != nil {
		return reply{}, err
	}
	link := strings.TrimSuffix(c.service.publicURL, "/") + "/sign-in/link?" + url.Values{"token": {token}}.Encode()
	return document(http.StatusCreated, signInLinkJSON{Link: link, ExpiresAt: expires.UTC().Format(instantFormat)})
}

func getMe(c *call) (reply, error) {
	p := c.principal
	out := meJSON{Kind: p.Kind.String(), ID: p.ID, Person: p.Person, Roles: make([]meRoleJSON, len(p.Grants)), Scopes: words(p.Scopes), Books: p.Books, Payees: append([]string{}, p.Payees...)}
	for i, g := range p.Grants {
		out.Roles[i] = meRoleJSON{Role: string(g.Role), Book: g.Book}
	}
	return document(http.StatusOK, out)
}

// personOf is a person as the caller may read them: names and addresses of mail are for those who look after people.
func (c *call) personOf(p access.Staff) PersonJSON {
	if c.principal.Allow(access.PeopleWrite, "") != nil {
		p.Name, p.Email = "", ""
	}
	out := PersonJSON{
		ID: p.ID, Name: p.Name, Email: p.Email, SignedIn: p.SignedIn, CreatedAt: p.CreatedAt.UTC().Format(instantFormat), CreatedBy: p.CreatedBy,
		DeactivatedAt: instantOf(p.DeactivatedAt), Grants: make([]GrantJSON, len(p.Grants)),
	}
	for i, g := range p.Grants {
		out.Grants[i] = GrantJSON{ID: g.ID, Role: string(g.Role), Book: g.Book, GrantedAt: g.GrantedAt.UTC().Format(instantFormat), GrantedBy: g.GrantedBy,
			Approval: g.Approval, ExpiresAt: instantOf(g.ExpiresAt), RevokedAt: instantOf(g.RevokedAt)}
	}
	return out
}
