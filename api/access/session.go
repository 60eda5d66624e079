package access

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"regexp"
	"strings"
	"time"

	"mizan/ledger/guard"
)

// A session is what a browser holds after a sign-in: a token of 256 random bits of which only the digest is stored. Each
// sign-in begins another, so that nobody can hand somebody a session beforehand.

const (
	sessionPrefix = "ms_"
	linkPrefix    = "ml_"
	// maxSessions is how many sessions one holder may have; the oldest ends when another begins.
	maxSessions = 20
	// maxLinks is how many unused links one holder may have; older ones are void.
	maxLinks = 10
	// seenEvery is how often it is written down that a session was seen: an idle session may end that much too early.
	seenEvery = time.Minute
	// sweepAtMost bounds how many old rows are removed when a new one is made.
	sweepAtMost = 100
	// maxHolder bounds the id of a payee, in bytes.
	maxHolder = 64
)

// holder is whom a session or link belongs to: a person, or a payee of a book.
type holder struct {
	kind Kind
	id   string
	book guard.Book // zero for people
}

// object names the holder in the audit trail.
func (h holder) object() string { return h.kind.String() + ":" + h.id }

// actor is the holder as the audit trail remembers it.
func (h holder) actor(address, requestID string) guard.Actor {
	a := guard.Actor{Kind: h.kind.String(), ID: h.id, Address: whereFrom(address), RequestID: requestID}
	if h.kind == Person {
		a.Person = h.id
	}
	return a
}

// limits returns for how long a session of the holder may be idle, and for how long it may last.
func (h holder) limits() (idle, lifetime time.Duration) {
	if h.kind == Payee {
		return PayeeIdle, PayeeLifetime
	}
	return StaffIdle, StaffLifetime
}

// seenSession is a session as it is remembered for a moment.
type seenSession struct {
	Session
	// idleAt is when it is over unless it is seen before; rolesAt is when one of its roles ends, zero for never.
	idleAt, rolesAt time.Time
}

// current reports whether the session is good at the time now.
func (s seenSession) current(now time.Time) bool { return now.Before(s.EndsAt) && now.Before(s.idleAt) }

// drawToken makes a token to show once, and the digest to keep.
func drawToken(prefix string) (token string, digest [sha256.Size]byte) {
	var raw [32]byte
	rand.Read(raw[:]) // never fails: the program ends instead
	token = prefix + base64.RawURLEncoding.EncodeToString(raw[:])
	return token, sha256.Sum256([]byte(token))
}

// digestToken returns the digest of a token; ok is false if it is not written like one. Tokens are found by their digest:
// how far a wrong one matches says nothing about the right one.
func digestToken(prefix, token string) (digest [sha256.Size]byte, ok bool) {
	if len(token) != len(prefix)+secretLength || !strings.HasPrefix(token, prefix) {
		return digest, false
	}
	return sha256.Sum256([]byte(token)), true
}

// drawID makes the id of a person or a grant.
func drawID(prefix string) string { return prefix + strings.ToLower(rand.Text()[:16]) }

var (
	personID = regexp.MustCompile(`^per_[a-z0-9]{16}$`)
)

// isPerson reports whether the id is written like that of a person.
func isPerson(id string) bool { return personID.MatchString(id) }
