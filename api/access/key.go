package access

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"mizan/ledger/fault"
)

// A key is how a service proves who it is: mk_<id>_<secret>. The id is public and stands in logs; the secret is 256
// random bits in 43 characters and is never stored.

var (
	// ErrKeyInvalid means that a key cannot be made as described; its fields name what is wrong.
	ErrKeyInvalid = fault.New(fault.Invalid, "key-invalid", "The key cannot be made as described. Correct the fields named.")
	// ErrKeyUnknown means that there is no such key.
	ErrKeyUnknown = fault.New(fault.NotFound, "key-unknown", "There is no such key. List the keys to find its id.")
	// ErrKeyEnded means that a key cannot be rotated because it was revoked, has expired, or was rotated before.
	ErrKeyEnded = fault.New(fault.Conflict, "key-ended", "This key was revoked, has expired or was rotated before. Rotate the key that replaced it, or have a new one made.")
)

const (
	keyPrefix    = "mk_"
	keyIDLength  = 12
	secretLength = 43 // 32 bytes in base64url without padding
	keyLength    = len(keyPrefix) + keyIDLength + 1 + secretLength
	maxBooks     = 1000
	maxNameChars = 100
	// MaxOverlap is the longest time for which a key and the one that replaces it are both good.
	MaxOverlap = 30 * 24 * time.Hour
)

// NewKey describes a key to be made.
type NewKey struct {
	// Name says for people what the key is for, 1 to 100 characters.
	Name string
	// Scopes are what its holder may do, at least one.
	Scopes []Scope
	// Books are the codes of the books it may touch, at most 1000; nil means every book.
	Books []string
	// ExpiresAt ends the key; the zero time means never.
	ExpiresAt time.Time
}

// Key is a key as it is stored, without its secret.
type Key struct {
	ID string
	NewKey
	CreatedAt time.Time
	// RevokedAt is when the key was revoked; the zero time means that it was not.
	RevokedAt time.Time
	// Owner is the id of the person who answers for the key, or of whoever made it; empty for keys from before there were
	// people.
	Owner string
	// RotatedFrom is the id of the key that this one replaced; empty for none.
	RotatedFrom string
	// LastUsedAt is when the key was last used, to the minute or so; the zero time means never.
	LastUsedAt time.Time
}

// GrantedKey is the payload of the act that makes a key for somebody after a second person agreed.
type GrantedKey struct {
	Name      string    `json:"name"`
	Scopes    []Scope   `json:"scopes"`
	Books     []string  `json:"books,omitempty"`
	ExpiresAt time.Time `json:"expires_at,omitzero"`
	// Owner is the id of the person who will answer for the key.
	Owner string `json:"owner"`
}

// Current reports whether the key is neither expired nor revoked at the time now.
func (k Key) Current(now time.Time) bool {
	return k.RevokedAt.IsZero() && (k.ExpiresAt.IsZero() || now.Before(k.ExpiresAt))
}

func (k Key) principal() Principal {
	p := Principal{Kind: Program, ID: k.ID, Name: k.Name, Scopes: k.Scopes, Books: k.Books}
	if isPerson(k.Owner) {
		// So nobody approves what their own key asked for.
		p.Person = k.Owner
	}
	return p
}

// MayList reports whether the caller may see the key: a person sees the keys they answer for, and those whose books all
// lie where they hold a role that reads keys.
func (p Principal) MayList(k Key) bool { return p.covers(KeysRead, k) || p.owns(k) }

// mayEnd returns nil if the caller may revoke the key, ErrKeyUnknown if they may not know of it, and ErrForbidden
// otherwise.
func (p Principal) mayEnd(k Key) error {
	switch {
	case p.covers(KeysWrite, k) || p.owns(k):
		return nil
	case p.MayList(k):
		return ErrForbidden
	}
	return ErrKeyUnknown
}

// mayRotate is mayEnd for rotating, which shows a secret: whoever does not answer for the key must not get at more by it
// than they may do themselves, in every book of the key.
func (p Principal) mayRotate(k Key) error {
	if err := p.mayEnd(k); err != nil || p.owns(k) {
		return err
	}
	if slices.ContainsFunc(k.Scopes, func(s Scope) bool { return !p.covers(s, k) }) {
		return ErrForbidden
	}
	return nil
}

// owns reports whether the caller is the person who answers for the key. A key of the same person is not: it may do less.
func (p Principal) owns(k Key) bool { return p.Kind == Person && p.ID != "" && p.ID == k.Owner }

// covers reports whether the caller has the scope in every book that the key may touch.
func (p Principal) covers(scope Scope, k Key) bool {
	if k.Books == nil {
		return p.Books == nil && p.Allow(scope, "") == nil
	}
	return !slices.ContainsFunc(k.Books, func(book string) bool { return p.Allow(scope, book) != nil })
}

var bookCode = regexp.MustCompile(`^[a-z][a-z0-9_]{0,31}$`)

// check returns every broken rule at once. An empty list of books is refused rather than read as "none" by one reader
// and as "all" by another.
func (n NewKey) check(now time.Time) error {
	var fields []fault.Field
	bad := func(pointer, code, message string) {
		fields = append(fields, fault.Field{Pointer: pointer, Code: code, Message: message})
	}
	chars := utf8.RuneCountInString(n.Name)
	if chars < 1 || chars > maxNameChars || !utf8.ValidString(n.Name) || strings.TrimSpace(n.Name) == "" || strings.ContainsFunc(n.Name, unprintable) {
		bad("/name", "text", "A name has 1 to 100 printable characters.")
	}
	if len(n.Scopes) == 0 {
		bad("/scopes", "required", "A key needs at least one scope.")
	}
	for i, s := range n.Scopes {
		if !slices.Contains(Scopes(), s) || slices.Contains(n.Scopes[:i], s) {
			bad("/scopes/"+strconv.Itoa(i), "scope", "This is not a scope, or it is named twice.")
		}
	}
	if n.Books != nil && (len(n.Books) == 0 || len(n.Books) > maxBooks) {
		bad("/books", "books", "Name 1 to 1000 books, or leave the list out for every book.")
	}
	for i, b := range n.Books {
		if !bookCode.MatchString(b) || slices.Contains(n.Books[:i], b) {
			bad("/books/"+strconv.Itoa(i), "book-code", "This is not the code of a book, or it is named twice.")
			break
		}
	}
	if !n.ExpiresAt.IsZero() && !n.ExpiresAt.After(now) {
		bad("/expires_at", "date-past", "A key expires in the future.")
	}
	if len(fields) > 0 {
		return ErrKeyInvalid.WithFields(fields...)
	}
	return nil
}

func unprintable(r rune) bool { return !unicode.IsPrint(r) }

// drawKey makes an id, the whole key to show once, and the hash to keep.
func drawKey() (id, bearer string, hash [sha256.Size]byte) {
	var raw [32]byte
	rand.Read(raw[:]) // never fails: the program ends instead
	id = strings.ToLower(rand.Text()[:keyIDLength])
	secret := base64.RawURLEncoding.EncodeToString(raw[:])
	return id, keyPrefix + id + "_" + secret, sha256.Sum256([]byte(secret))
}

// splitKey returns the two parts of a bearer key; ok is false if it is not written like one.
func splitKey(bearer string) (id, secret string, ok bool) {
	if len(bearer) != keyLength || !strings.HasPrefix(bearer, keyPrefix) || bearer[len(keyPrefix)+keyIDLength] != '_' {
		return "", "", false
	}
	id, secret = bearer[len(keyPrefix):len(keyPrefix)+keyIDLength], bearer[len(keyPrefix)+keyIDLength+1:]
	return id, secret, validKeyID(id)
}

// validKeyID reports whether id may be the id of a key.
func validKeyID(id string) bool {
	return len(id) == keyIDLength && strings.Trim(id, "abcdefghijklmnopqrstuvwxyz0123456789") == ""
}
