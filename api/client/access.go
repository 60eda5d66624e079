package client

// Access: keys, people, links, and who the caller is.

import (
	"context"
	"iter"
	"time"
)

// NewKey describes a key to be made.
type NewKey struct {
	Name   string   `json:"name"`
	Scopes []string `json:"scopes"`
	// Books are the codes of the books it may touch; nil means every book.
	Books     []string  `json:"books,omitempty"`
	ExpiresAt time.Time `json:"expires_at,omitzero"`
}

// Key is a key without its secret.
type Key struct {
	ID     string   `json:"id"`
	Name   string   `json:"name"`
	Scopes []string `json:"scopes"`
	// Books are the codes of the books it may touch; nil means every book.
	Books []string `json:"books"`
	// Owner answers for it, RotatedFrom is the key that it replaces.
	Owner       string     `json:"owner"`
	RotatedFrom string     `json:"rotated_from"`
	CreatedAt   time.Time  `json:"created_at"`
	LastUsedAt  *time.Time `json:"last_used_at"`
	ExpiresAt   *time.Time `json:"expires_at"`
	RevokedAt   *time.Time `json:"revoked_at"`
	// Bearer is the whole key, where it was just made; it is not shown again.
	Bearer string `json:"bearer,omitempty"`
}

// Keys lists the keys that the caller looks after, the oldest first.
func (c *Client) Keys(ctx context.Context) ([]Key, error) {
	var list page[Key]
	err := c.get(ctx, place("v1", "keys"), nil, &list)
	return list.Data, err
}

// CreateKey makes a key. Where a second person is needed, Ask for the act key.grant instead.
func (c *Client) CreateKey(ctx context.Context, n NewKey) (Key, error) {
	var k Key
	err := c.postOnce(ctx, place("v1", "keys"), n, &k)
	return k, err
}

// RotateKey makes a key that takes over what the old one may do; the old one works for the overlap, in whole seconds. It is
// not sent again when an answer was lost: that leaves a key whose bearer nobody has, to be rotated again or revoked.
func (c *Client) RotateKey(ctx context.Context, id string, overlap time.Duration) (Key, error) {
	var k Key
	err := c.postOnce(ctx, place("v1", "keys", id, "rotation"), struct {
		OverlapSeconds int64 `json:"overlap_seconds"`
	}{int64(overlap / time.Second)}, &k)
	return k, err
}

// RevokeKey ends a key for good.
func (c *Client) RevokeKey(ctx context.Context, id, why string) (Key, error) {
	var k Key
	_, err := c.post(ctx, place("v1", "keys", id, "revocation"), nil, reason{why}, &k)
	return k, err
}

// Person is somebody of the staff.
type Person struct {
	ID string `json:"id"`
	// Name and Email are "erased" if they were, and empty if the service cannot open them.
	Name          string     `json:"name"`
	Email         string     `json:"email"`
	SignedIn      bool       `json:"signed_in"`
	CreatedAt     time.Time  `json:"created_at"`
	CreatedBy     string     `json:"created_by"`
	DeactivatedAt *time.Time `json:"deactivated_at"`
	Grants        []Grant    `json:"grants"`
	// Warnings say what nobody is left for, where a role or a person was just ended.
	Warnings []string `json:"warnings,omitempty"`
}

// Grant is a role that a person holds or held.
type Grant struct {
	ID   string `json:"id"`
	Role string `json:"role"`
	// Book is empty for every book.
	Book      string     `json:"book"`
	GrantedAt time.Time  `json:"granted_at"`
	GrantedBy string     `json:"granted_by"`
	Approval  string     `json:"approval"`
	ExpiresAt *time.Time `json:"expires_at"`
	RevokedAt *time.Time `json:"revoked_at"`
}

// NewGrant describes a role to be granted.
type NewGrant struct {
	Role string `json:"role"`
	// Book is empty for every book.
	Book      string    `json:"book,omitempty"`
	ExpiresAt time.Time `json:"expires_at,omitzero"`
}

// People lists the staff in order of their ids.
func (c *Client) People(ctx context.Context) iter.Seq2[Person, error] {
	return walk[Person](ctx, c, place("v1", "people"), nil)
}

// Person returns somebody of the staff.
func (c *Client) Person(ctx context.Context, id string) (Person, error) {
	var p Person
	err := c.get(ctx, place("v1", "people", id), nil, &p)
	return p, err
}

// AddPerson adds somebody without any role. The email may be empty for somebody who signs in by links only.
func (c *Client) AddPerson(ctx context.Context, name, email string) (Person, error) {
	var p Person
	err := c.postOnce(ctx, place("v1", "people"), struct {
		Name  string `json:"name"`
		Email string `json:"email,omitempty"`
	}{name, email}, &p)
	return p, err
}

// Deactivate ends all that a person may do.
func (c *Client) Deactivate(ctx context.Context, person, why string) (Person, error) {
	var p Person
	_, err := c.post(ctx, place("v1", "people", person, "deactivation"), nil, reason{why}, &p)
	return p, err
}

// EndSessions ends every session of a person, who may sign in again.
func (c *Client) EndSessions(ctx context.Context, person, why string) error {
	var out struct{}
	_, err := c.post(ctx, place("v1", "people", person, "sessions", "end"), nil, reason{why}, &out)
	return err
}

// GrantRole gives a person a role. Where a second person is needed, Ask for the act people.grant instead.
func (c *Client) GrantRole(ctx context.Context, person string, n NewGrant) (Person, error) {
	var p Person
	err := c.postOnce(ctx, place("v1", "people", person, "grants"), n, &p)
	return p, err
}

// RevokeRole takes a role away.
func (c *Client) RevokeRole(ctx context.Context, person, grant, why string) (Person, error) {
	var p Person
	_, err := c.post(ctx, place("v1", "people", person, "grants", grant, "revocation"), nil, reason{why}, &p)
	return p, err
}

// ErasePerson erases the name and the address of mail of a person for good.
func (c *Client) ErasePerson(ctx context.Context, person, why string) (Person, error) {
	var p Person
	_, err := c.post(ctx, place("v1", "people", person, "personal_data", "erasure"), nil, reason{why}, &p)
	return p, err
}

// SignInLink signs a payee in once.
type SignInLink struct {
	Link      string    `json:"link"`
	ExpiresAt time.Time `json:"expires_at"`
}

// MakeSignInLink makes a link for a payee. Whoever has it is taken for the payee.
func (c *Client) MakeSignInLink(ctx context.Context, book, payee string) (SignInLink, error) {
	var l SignInLink
	err := c.postOnce(ctx, place("v1", "books", book, "payees", payee, "sign_in_links"), struct{}{}, &l)
	return l, err
}

// Me is the caller, and what it may do.
type Me struct {
	// Kind is program, person or payee.
	Kind   string   `json:"kind"`
	ID     string   `json:"id"`
	Person string   `json:"person"`
	Roles  []MeRole `json:"roles"`
	Scopes []string `json:"scopes"`
	// Books are the codes of the books that the caller may touch; nil means every book.
	Books  []string `json:"books"`
	Payees []string `json:"payees"`
}

// MeRole is a role of the caller's; Book is empty for every book.
type MeRole struct {
	Role string `json:"role"`
	Book string `json:"book"`
}

// Me returns who the caller is.
func (c *Client) Me(ctx context.Context) (Me, error) {
	var m Me
	err := c.get(ctx, place("v1", "me"), nil, &m)
	return m, err
}
