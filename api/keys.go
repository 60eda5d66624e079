package api

import (
	"net/http"
	"reflect"
	"time"

	"mizan/api/access"
	"mizan/ledger/fault"
)

// Keys: which services may call, and taking that away. A caller sees and touches only keys whose books it looks after.

// NewKeyBody is the body that makes a key.
type NewKeyBody struct {
	Name      string    `json:"name" minLength:"1" maxLength:"100" doc:"What it is for" example:"checkout"`
	Scopes    []string  `json:"scopes" nullable:"false" minItems:"1" maxItems:"50" doc:"What its holder may do" example:"[\"events:write\"]"`
	Books     []string  `json:"books,omitempty" nullable:"false" minItems:"1" maxItems:"1000" doc:"The codes of the books it may touch; left out, every book" example:"[\"uk\"]"`
	ExpiresAt time.Time `json:"expires_at,omitempty" format:"date-time" doc:"When it ends; left out, never" example:"2027-11-20T00:00:00Z"`
}

// NewRotation is the body that rotates a key.
type NewRotation struct {
	OverlapSeconds int64 `json:"overlap_seconds" minimum:"0" maximum:"2592000" doc:"How long the old key works beside the new one" example:"3600"`
}

// KeyJSON is a key as callers read it, without its secret. It is exported because huma documents embedded structs only then.
type KeyJSON struct {
	ID          string   `json:"id" example:"abcdefghijkl"`
	Name        string   `json:"name" example:"checkout"`
	Scopes      []string `json:"scopes" nullable:"false"`
	Books       []string `json:"books" doc:"The codes of the books it may touch; null for every book"`
	Owner       string   `json:"owner" doc:"Who answers for it; empty if nobody is known"`
	RotatedFrom string   `json:"rotated_from" doc:"The key that it replaces; empty for none"`
	CreatedAt   string   `json:"created_at" format:"date-time" example:"2026-11-20T10:00:00.000000Z"`
	LastUsedAt  *string  `json:"last_used_at" format:"date-time" doc:"To the minute; null if it was never used"`
	ExpiresAt   *string  `json:"expires_at" format:"date-time" doc:"Null for never"`
	RevokedAt   *string  `json:"revoked_at" format:"date-time" doc:"Null if it was not revoked"`
}

type keyWithBearerJSON struct {
	KeyJSON
	Bearer string `json:"bearer" doc:"The whole key; it is shown this once"`
}

type keyListJSON struct {
	Data       []KeyJSON `json:"data" nullable:"false" doc:"The oldest first, also those that have ended"`
	NextCursor *string   `json:"next_cursor" doc:"Always null"`
}

func keyOperations() []Operation {
	one, shown := reflect.TypeFor[KeyJSON](), reflect.TypeFor[keyWithBearerJSON]()
	return []Operation{
		{
			Method: http.MethodGet, Path: "/v1/keys", ID: "list-keys", Group: "Access", Summary: "List keys", Scope: access.KeysRead, Each: true, Owned: true,
			Answers: []Answer{{Status: 200, Meaning: "The keys of the books that the caller looks after, and those that the caller answers for.", Body: reflect.TypeFor[keyListJSON]()}}, handle: listKeys,
		},
		{
			Method: http.MethodPost, Path: "/v1/keys", ID: "create-key", Group: "Access", Summary: "Make a key",
			Description: "Where a second person is needed, ask for an approval of the act key.grant, and rotate the key that comes of it.",
			Scope:       access.KeysWrite, SecondPerson: "key.grant", Installation: true, Body: reflect.TypeFor[NewKeyBody](), BodyLimit: bodyLimit,
			Example: map[string]any{"name": "checkout", "scopes": []string{"events:write"}, "books": []string{"uk"}},
			Answers: []Answer{{Status: 201, Meaning: "Made. Keep the bearer: it is not shown again.", Body: shown}}, Errors: []*fault.Error{access.ErrKeyInvalid}, handle: createKey,
		},
		{
			Method: http.MethodPost, Path: "/v1/keys/{key}/rotation", ID: "rotate-key", Group: "Access", Summary: "Rotate a key",
			Description: "A new key takes over the name, scopes, books and end; the old one works for the overlap. The person who rotates it answers for it from then on. A key that may do more than you is rotated by whoever answers for it.",
			Scope:       access.KeysWrite, Each: true, Owned: true, Body: reflect.TypeFor[NewRotation](), BodyLimit: bodyLimit,
			Answers: []Answer{{Status: 201, Meaning: "The new key. Keep the bearer: it is not shown again.", Body: shown}},
			Errors:  []*fault.Error{access.ErrKeyUnknown, access.ErrKeyInvalid, access.ErrKeyEnded}, handle: rotateKey,
		},
		{
			Method: http.MethodPost, Path: "/v1/keys/{key}/revocation", ID: "revoke-key", Group: "Access", Summary: "Revoke a key",
			Description: "It is refused everywhere within a second. Revoking it again changes nothing. Whoever answers for a key may do it too.",
			Scope:       access.KeysWrite, Each: true, Owned: true, Body: reflect.TypeFor[NewReason](), BodyLimit: bodyLimit,
			Answers: []Answer{{Status: 200, Meaning: "Revoked.", Body: one}}, Errors: []*fault.Error{access.ErrKeyUnknown, access.ErrKeyInvalid}, handle: revokeKey,
		},
	}
}

func listKeys(c *call) (reply, error) {
	keys, err := c.service.access.ListFor(c.ctx, c.principal)
	if err != nil {
		return reply{}, err
	}
	out := keyListJSON{Data: make([]KeyJSON, len(keys))}
	for i, k := range keys {
		out.Data[i] = keyOf(k)
	}
	return document(http.StatusOK, out)
}

func createKey(c *call) (reply, error) {
	n, err := decodeWith(c, func(d *decoder, at int32) (body NewKeyBody) {
		d.object(at, &body)
		return body
	})
	if err != nil {
		return reply{}, err
	}
	ask := access.NewKey{Name: n.Name, Books: n.Books, ExpiresAt: n.ExpiresAt}
	for _, s := range n.Scopes {
		ask.Scopes = append(ask.Scopes, access.Scope(s))
	}
	key, bearer, err := c.service.access.Create(c.ctx, c.actor(), ask)
	return withBearer(key, bearer, err)
}

func rotateKey(c *call) (reply, error) {
	n, err := decodeWith(c, func(d *decoder, at int32) (body NewRotation) {
		d.object(at, &body)
		return body
	})
	if err != nil {
		return reply{}, err
	}
	key, bearer, err := c.service.access.RotateFor(c.ctx, c.principal, c.actor(), c.param("key"), time.Duration(n.OverlapSeconds)*time.Second)
	return withBearer(key, bearer, err)
}

func revokeKey(c *call) (reply, error) {
	why, err := c.reason()
	if err != nil {
		return reply{}, err
	}
	id := c.param("key")
	if err := c.service.access.RevokeFor(c.ctx, c.principal, c.actor(), id, why); err != nil {
		return reply{}, err
	}
	keys, err := c.service.access.List(c.ctx) // whoever may revoke a key may see it
	if err != nil {
		return reply{}, err
	}
	for _, k := range keys {
		if k.ID == id {
			return document(http.StatusOK, keyOf(k))
		}
	}
	return reply{}, access.ErrKeyUnknown
}

// withBearer answers with a key that was just made, which is the only time that it is shown.
func withBearer(key access.Key, bearer string, err error) (reply, error) {
	if err != nil {
		return reply{}, err
	}
	return document(http.StatusCreated, keyWithBearerJSON{KeyJSON: keyOf(key), Bearer: bearer})
}

func keyOf(k access.Key) KeyJSON {
	return KeyJSON{
		ID: k.ID, Name: k.Name, Scopes: words(k.Scopes), Books: k.Books, Owner: k.Owner, RotatedFrom: k.RotatedFrom, CreatedAt: k.CreatedAt.UTC().Format(instantFormat),
		LastUsedAt: instantOf(k.LastUsedAt), ExpiresAt: instantOf(k.ExpiresAt), RevokedAt: instantOf(k.RevokedAt),
	}
}

// words are texts of a type of their own as plain texts.
func words[T ~string](list []T) []string {
	out := make([]string, len(list))
	for i, w := range list {
		out[i] = string(w)
	}
	return out
}
