package vault

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// A letter is a text of a person that somebody else keeps, such as a question and its answer. It is sealed under the person's key and
// bound to the place where it is kept, so that erasing the person makes it unreadable wherever it stands.

const purposeLetter = "mizan/vault/letter/v1"

// maxLetter bounds a letter in bytes.
const maxLetter = 4000

// SealTx seals a text of the subject for the place where the caller keeps it, which is for ever. The subject stays locked until the
// transaction ends. It returns ErrInvalid for a text of no or more than 4,000 bytes, ErrErased, ErrClosed, ErrMaster, ErrRegion or
// ErrBroken.
func (v *Vault) SealTx(ctx context.Context, tx pgx.Tx, owner Owner, subject, at, text string) ([]byte, error) {
	p, err := v.admitOpen(owner, subject)
	if err != nil {
		return nil, err
	}
	if text == "" || len(text) > maxLetter {
		return nil, ErrInvalid.At("/text", "too-long", "A text has 1 to 4,000 bytes. Shorten it.")
	}
	r, err := v.lock(ctx, tx, p, true)
	if err != nil {
		return nil, err
	}
	if !r.ErasedAt.IsZero() {
		return nil, ErrErased
	}
	key, has, err := v.key(r)
	if err == nil && !has { // nothing else is stored of the person
		if err = v.write(ctx, tx, r, nil); err == nil {
			key, _, err = v.key(r)
		}
	}
	if err != nil {
		return nil, err
	}
	return seal(key, []byte(text), p.parts(purposeLetter, at))
}

// OpenTx opens texts of the subject that SealTx sealed, by the places where they are kept. It returns ErrErased, ErrClosed, ErrMaster,
// ErrRegion, or ErrBroken for a text that does not open in its place.
func (v *Vault) OpenTx(ctx context.Context, tx pgx.Tx, owner Owner, subject string, sealed map[string][]byte) (texts map[string]string, err error) {
	p, err := v.admitOpen(owner, subject)
	if err != nil {
		return nil, err
	}
	r, err := read(ctx, tx, p)
	if err != nil {
		return nil, err
	}
	if !r.ErasedAt.IsZero() {
		return nil, ErrErased
	}
	key, has, err := v.key(r)
	if err != nil {
		return nil, err
	}
	texts = map[string]string{}
	for at, one := range sealed {
		raw, err := open(key, one, p.parts(purposeLetter, at))
		if err != nil || !has {
			return nil, ErrBroken.Because(err)
		}
		texts[at] = string(raw)
	}
	return texts, nil
}
