package vault

import (
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"mizan/ledger/fault"
)

// Keys are the master keys. They come from outside the database and are never written anywhere.

// ErrKeys means that the text of the master keys cannot be used; its message names the line and never a key.
var ErrKeys = fault.New(fault.Invalid, "vault-keys",
	"The master keys of the vault cannot be read. Give a line name=key each, the key being 32 random bytes in base64.")

const (
	keySize = 32
	// maxKeys bounds how many master keys may be known at once: the one that seals, and old ones not yet replaced.
	maxKeys = 16
	// maxKeysText bounds the text that they are read from, comments and all.
	maxKeysText = 64 << 10
)

// hidden is what every way of printing keys shows.
const hidden = "vault.Keys(hidden)"

// Keys are named master keys, the first of which seals what is new. The zero value has none.
type Keys struct {
	ring *ring
}

type ring struct {
	names []string
	// Each key is behind a function: printing a struct that holds Keys in a private field does not ask Keys how, and goes
	// through pointers, but it cannot see what a function returns.
	keys map[string]func() [keySize]byte
}

// ParseKeys reads master keys: a line name=key each, the key in base64 and 32 bytes long. Empty lines and those that begin
// with # are skipped. It is strict: names of up to 32 lower-case letters, digits, hyphens and underscores, each once; no
// key twice, none that is only zeros, at most 16. Its errors never repeat a key. It returns ErrKeys.
func ParseKeys(text string) (Keys, error) {
	if len(text) > maxKeysText {
		return Keys{}, ErrKeys.With("The text of the vault's master keys is longer than 64 KiB. Give a line name=key each, at most 16.")
	}
	r := &ring{keys: map[string]func() [keySize]byte{}}
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimRight(line, "\r\n")
		if line == "" || line[0] == '#' {
			continue
		}
		if why := r.add(line); why != "" {
			return Keys{}, ErrKeys.With(fmt.Sprintf("Line %d of the vault's master keys cannot be used: %s.", number, why))
		}
	}
	if len(r.names) == 0 {
		return Keys{}, nil
	}
	return Keys{ring: r}, nil
}

// add takes one line, or says what is wrong with it.
func (r *ring) add(line string) (why string) {
	name, encoded, found := strings.Cut(line, "=")
	if !found || !validMaster(name) {
		return "it must be a name of up to 32 lower-case letters, digits, hyphens and underscores, then =, then the key"
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(encoded)
	// The decoder skips line breaks.
	if err != nil || len(raw) != keySize || strings.ContainsAny(encoded, "\r\n") {
		return "the key must be exactly 32 bytes in base64, as openssl rand -base64 32 prints them"
	}
	if subtle.ConstantTimeCompare(raw, make([]byte, keySize)) == 1 {
		return "the key has nothing but zeros"
	}
	if slices.Contains(r.names, name) {
		return "an earlier line has the same name"
	}
	for _, other := range r.keys {
		if known := other(); subtle.ConstantTimeCompare(raw, known[:]) == 1 {
			return "an earlier line has the same key"
		}
	}
	if len(r.names) == maxKeys {
		return "there are more than 16 keys"
	}
	r.names = append(r.names, name)
	key := [keySize]byte(raw)
	r.keys[name] = func() [keySize]byte { return key }
	return ""
}

func validMaster(name string) bool {
	return len(name) >= 1 && len(name) <= 32 && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") == "" &&
		name[0] != '_' && name[0] != '-'
}

// Empty reports whether there is no key.
func (k Keys) Empty() bool { return k.ring == nil }

// MasterNames returns the names of the keys, the one that seals first.
func (k Keys) MasterNames() []string {
	if k.Empty() {
		return nil
	}
	return slices.Clone(k.ring.names)
}

// Which returns the names of the keys of which judge says so. What it is handed is a copy that is wiped afterwards.
func (k Keys) Which(judge func(key []byte) bool) (names []string) {
	for _, name := range k.MasterNames() {
		key := k.ring.keys[name]()
		if judge(key[:]) {
			names = append(names, name)
		}
		clear(key[:])
	}
	return names
}

// String shows no key.
func (Keys) String() string { return hidden }

// GoString shows no key.
func (Keys) GoString() string { return hidden }

// Format shows no key, whatever the verb.
func (Keys) Format(f fmt.State, _ rune) {
	// Writing to the state of a print cannot fail.
	_, _ = f.Write([]byte(hidden))
}

// MarshalJSON shows no key.
func (Keys) MarshalJSON() ([]byte, error) { return []byte(`"` + hidden + `"`), nil }

// MarshalText shows no key.
func (Keys) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// LogValue shows no key.
func (Keys) LogValue() slog.Value { return slog.StringValue(hidden) }
