package vault

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"

	"mizan/ledger/fault"
)

// Sealing: what is encrypted under which key, and what it is bound to. Everything is bound to its place by associated
// data, in which each part stands with its length before it, so that no two places have the same.

// ErrBroken means that stored personal data do not open in the place where they stand.
var ErrBroken = fault.New(fault.Conflict, "personal-data-broken",
	"The stored personal data of this person do not open: a value was changed, moved, lost or put back behind the program's back. "+
		"Keep the database as it is, and compare it with your last backup.")

// The purposes of what is sealed or digested. Each is for ever: what is stored can only be opened with it.
const (
	purposeValue    = "mizan/vault/value/v1"
	purposePerson   = "mizan/vault/person/v1"
	purposeIndex    = "mizan/vault/index/v1"
	purposeLookup   = "mizan/vault/lookup/v1"
	purposeManifest = "mizan/vault/manifest/v1"
	purposeStaged   = "mizan/vault/staged/v1"
)

// label joins parts so that they can be told apart again.
func label(parts ...string) []byte {
	var b []byte
	for _, p := range parts {
		b = binary.BigEndian.AppendUint32(b, uint32(len(p)))
		b = append(b, p...)
	}
	return b
}

func gcm(key [keySize]byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

func seal(key [keySize]byte, text, bound []byte) ([]byte, error) {
	aead, err := gcm(key)
	if err != nil {
		return nil, err
	}
	return aead.Seal(nil, nil, text, bound), nil // #nosec G407 -- this AEAD draws its nonce by chance and puts it in front
}

func open(key [keySize]byte, sealed, bound []byte) ([]byte, error) {
	aead, err := gcm(key)
	if err != nil {
		return nil, err
	}
	return aead.Open(nil, nil, sealed, bound)
}

// newKey makes a key. The source of random bytes ends the program rather than fail.
func newKey() (key [keySize]byte) {
	// Never fails, as its documentation says.
	_, _ = rand.Read(key[:])
	return key
}

// place says where a person stands.
type place struct {
	book    int32
	subject string
}

func (p place) parts(purpose string, more ...string) []byte {
	return label(append([]string{purpose, strconv.FormatInt(int64(p.book), 10), p.subject}, more...)...)
}

// wrap seals a person's key under the first master key.
func (k Keys) wrap(p place, key [keySize]byte) (master string, wrapped []byte, err error) {
	return k.wrapWith(key, func(master string) []byte { return p.parts(purposePerson, master) })
}

// unwrap opens a person's key.
func (k Keys) unwrap(p place, master string, wrapped []byte) ([keySize]byte, error) {
	return k.unwrapWith(master, wrapped, p.parts(purposePerson, master))
}

// wrapIndex and unwrapIndex do the same for the key of the digests, which belongs to nobody.
func (k Keys) wrapIndex(key [keySize]byte) (master string, wrapped []byte, err error) {
	return k.wrapWith(key, func(master string) []byte { return label(purposeIndex, master) })
}

func (k Keys) unwrapIndex(master string, wrapped []byte) ([keySize]byte, error) {
	return k.unwrapWith(master, wrapped, label(purposeIndex, master))
}

func (k Keys) wrapWith(key [keySize]byte, bound func(master string) []byte) (master string, wrapped []byte, err error) {
	if k.Empty() {
		return "", nil, ErrClosed
	}
	master = k.ring.names[0]
	wrapped, err = seal(k.ring.keys[master](), key[:], bound(master))
	return master, wrapped, err
}

func (k Keys) unwrapWith(master string, wrapped, bound []byte) (key [keySize]byte, err error) {
	if k.Empty() {
		return key, ErrClosed
	}
	with, known := k.ring.keys[master]
	if !known {
		return key, ErrMaster
	}
	raw, err := open(with(), wrapped, bound)
	if err != nil {
		// Another key under the same name looks the same as a wrapped key that was changed or moved.
		return key, ErrMaster.With("The master key given under the name that these personal data were stored under does not open them. " +
			"Put the right key under that name; if it is the right one, the stored key was changed behind the program's back.").Because(err)
	}
	if len(raw) != keySize {
		return key, ErrBroken.Because(fmt.Errorf("a key of %d bytes", len(raw)))
	}
	return [keySize]byte(raw), nil
}

// sealValue and openValue bind a value to its book, subject, field and version.
func sealValue(key [keySize]byte, p place, field string, version int, value string) ([]byte, error) {
	return seal(key, []byte(value), p.parts(purposeValue, field, strconv.Itoa(version)))
}

func openValue(key [keySize]byte, p place, field string, version int, sealed []byte) (string, error) {
	raw, err := open(key, sealed, p.parts(purposeValue, field, strconv.Itoa(version)))
	if err != nil {
		return "", ErrBroken.Because(err)
	}
	return string(raw), nil
}

// digest is a keyed digest under a key derived from the given one for the purpose.
func digest(key [keySize]byte, purpose string, message []byte) ([]byte, error) {
	derived, err := hkdf.Key(sha256.New, key[:], nil, purpose, keySize)
	if err != nil {
		return nil, err
	}
	mac := hmac.New(sha256.New, derived)
	mac.Write(message)
	return mac.Sum(nil), nil
}

// manifest is the digest of which values a person has and in which versions.
func manifest(key [keySize]byte, p place, version int, values map[string]int) ([]byte, error) {
	parts := []string{strconv.Itoa(version)}
	for _, field := range sortedKeys(values) {
		parts = append(parts, field, strconv.Itoa(values[field]))
	}
	return digest(key, purposeManifest, p.parts(purposeManifest, parts...))
}

func sortedKeys[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
