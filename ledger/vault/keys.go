package vault

import (
	"errors"
)

// Keys are the master keys. They come from outside the database and are never written anywhere.

// Keys are named master keys, the first of which seals what is new. The zero value has none.
type Keys struct {
	names []string
	keys  map[string][32]byte
}

// ParseKeys reads master keys: a line name=key each, the key in base64 and 32 bytes long. Empty lines and those that begin
// with # are skipped. Its errors never repeat a key.
func ParseKeys(text string) (Keys, error) {
	return Keys{}, errors.New("not built")
}

// Empty reports whether there is no key.
func (k Keys) Empty() bool { return len(k.names) == 0 }
