package intake

import (
	"bufio"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Signatures: whether a message comes from whom it says, judged over its bytes as they came. Two secrets hold at once, so
// that one can be replaced without losing a message.

// Secrets are the signing secrets by book and source. The zero value knows none.
type Secrets struct {
	of map[string][]string
}

// maxSecrets is how many secrets of a book's source hold at once.
const maxSecrets = 2

// ParseSecrets reads lines of book/source=secret. Empty lines and those that begin with # are skipped. Its errors never
// repeat a secret.
func ParseSecrets(text string) (Secrets, error) {
	s := Secrets{of: map[string][]string{}}
	lines := bufio.NewScanner(strings.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		whose, secret, ok := strings.Cut(line, "=")
		book, source, two := strings.Cut(strings.TrimSpace(whose), "/")
		secret = strings.TrimSpace(secret)
		if !ok || !two || book == "" || source == "" || len(secret) < 8 {
			return Secrets{}, fmt.Errorf("webhook secrets: line %d is not book/source=secret with a secret of at least 8 characters", n)
		}
		key := book + "/" + source
		if s.of[key] = append(s.of[key], secret); len(s.of[key]) > maxSecrets {
			return Secrets{}, fmt.Errorf("webhook secrets: line %d is the third secret of %s; two may hold at once", n, key)
		}
	}
	return s, lines.Err()
}

// All hands out each secret after whose it is, as book/source, in order. It is for judging them only.
func (s Secrets) All() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for _, whose := range slices.Sorted(maps.Keys(s.of)) {
			for _, secret := range s.of[whose] {
				if !yield(whose, secret) {
					return
				}
			}
		}
	}
}

// Shopify verifies the base64 HMAC-SHA256 of a body. It returns ErrSignature.
func (s Secrets) Shopify(book, header string, body []byte) error {
	given, err := base64.StdEncoding.DecodeString(header)
	if err != nil || len(given) != sha256.Size {
		return ErrSignature
	}
	if !s.signed(book+"/shopify", "", body, [][]byte{given}) {
		return ErrSignature
	}
	return nil
}

// stripeTolerance is how far the time of a signature may be from now, in both directions.
const stripeTolerance = 300 * time.Second

// maxSignatures bounds the signatures of one header that are looked at.
const maxSignatures = 8

// Stripe verifies the header Stripe-Signature over its time and the body. It returns ErrSignatureMalformed.
func (s Secrets) Stripe(book, header string, body []byte, now time.Time) error {
	at, stamp, given := int64(-1), "", [][]byte(nil)
	if len(header) > 4096 {
		return ErrSignatureMalformed
	}
	for part := range strings.SplitSeq(header, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch name {
		case "t":
			n, err := strconv.ParseInt(value, 10, 64)
			if err != nil || stamp != "" || n < 0 || n > 1<<40 {
				return ErrSignatureMalformed
			}
			at, stamp = n, value
		case "v1":
			if b, err := hex.DecodeString(value); err == nil && len(b) == sha256.Size && len(given) < maxSignatures {
				given = append(given, b)
			}
		}
	}
	age := now.Sub(time.Unix(at, 0))
	if stamp == "" || len(given) == 0 || age > stripeTolerance || age < -stripeTolerance || !s.signed(book+"/stripe", stamp+".", body, given) {
		return ErrSignatureMalformed
	}
	return nil
}

// signed compares every signature with every secret in constant time. Without a secret it takes as long as with one, so that
// a stranger does not learn which books have any.
func (s Secrets) signed(key, prefix string, body []byte, given [][]byte) (ok bool) {
	known := s.of[key]
	if len(known) == 0 {
		defer func() { ok = false }()
		known = []string{"none"}
	}
	for _, secret := range known {
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte(prefix))
		mac.Write(body)
		want := mac.Sum(nil)
		for _, g := range given {
			ok = hmac.Equal(want, g) || ok
		}
	}
	return ok
}
