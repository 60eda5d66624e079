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
)

const (
	keyPrefix    = "mk_"
	keyIDLength  = 12
	secretLength = 43 // 32 bytes in base64url without padding
	keyLength    = len(keyPrefix) + keyIDLength + 1 + secretLength
	maxBooks     = 1000
	maxNameChars = 100
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
}

// Current reports whether the key is neither expired nor revoked at the time now.
func (k Key) Current(now time.Time) bool {
	return k.RevokedAt.IsZero() && (k.ExpiresAt.IsZero() || now.Before(k.ExpiresAt))
}

func (k Key) principal() Principal {
	return Principal{Kind: Program, ID: k.ID, Name: k.Name, Scopes: k.Scopes, Books: k.Books}
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
