package vault

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
)

// A lookup finds a person by something personal, such as an address of mail, of which only a keyed digest is kept.

const maxLookup = 1024

const (
	sqlIndexKey    = `SELECT master, wrapped FROM vault_index_key`
	sqlAddIndexKey = `INSERT INTO vault_index_key (master, wrapped) VALUES ($1, $2) ON CONFLICT DO NOTHING`

	sqlFind   = `SELECT subject FROM vault_lookups WHERE book_id = $1 AND kind = $2 AND digest = $3`
	sqlBind   = `INSERT INTO vault_lookups (book_id, kind, digest, subject) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`
	sqlUnbind = `DELETE FROM vault_lookups WHERE book_id = $1 AND kind = $2 AND subject = $4 AND digest <> $3`
)

// indexKey opens the key of the digests; has is false if none was made yet. It is not kept in memory: the transaction that
// made it may be rolled back.
func (v *Vault) indexKey(ctx context.Context, tx pgx.Tx) (key [keySize]byte, has bool, err error) {
	var master string
	var wrapped []byte
	err = tx.QueryRow(ctx, sqlIndexKey).Scan(&master, &wrapped)
	if errors.Is(err, pgx.ErrNoRows) {
		return key, false, nil
	}
	if err != nil {
		return key, false, fmt.Errorf("read the key of the digests: %w", err)
	}
	key, err = v.opts.Keys.unwrapIndex(master, wrapped)
	return key, err == nil, err
}

// ensureIndexKey is indexKey, and makes the key if there is none. Of two who do, the second waits and takes the first one's.
func (v *Vault) ensureIndexKey(ctx context.Context, tx pgx.Tx) ([keySize]byte, error) {
	key, has, err := v.indexKey(ctx, tx)
	if err != nil || has {
		return key, err
	}
	master, wrapped, err := v.opts.Keys.wrapIndex(newKey())
	if err != nil {
		return key, err
	}
	if _, err := tx.Exec(ctx, sqlAddIndexKey, master, wrapped); err != nil {
		return key, fmt.Errorf("make the key of the digests: %w", err)
	}
	key, has, err = v.indexKey(ctx, tx)
	if err == nil && !has {
		err = errors.New("the key of the digests was made and is not there")
	}
	return key, err
}

// lookupDigest is what is kept of a value. Addresses of mail are compared without case and outer spaces.
func lookupDigest(key [keySize]byte, book int32, kind, value string) ([]byte, error) {
	if kind == "email" || kind == "mail" {
		value = strings.ToLower(strings.TrimSpace(value))
	}
	return digest(key, purposeLookup, label(purposeLookup, strconv.FormatInt(int64(book), 10), kind, value))
}

func checkLookup(kind, value string) error {
	if !kindShape.MatchString(kind) {
		return ErrInvalid.At("/kind", "format", "The kind of what a person is found by has up to 32 lower-case letters, digits and underscores.")
	}
	if strings.TrimSpace(value) == "" || len(value) > maxLookup || !utf8.ValidString(value) {
		return ErrInvalid.At("/value", "text", "What a person is found by is text of 1 to 1024 bytes.")
	}
	return nil
}

// BindTx makes the subject findable by the value, such as an address of mail, which is kept as a keyed digest only. A
// subject is found by one value of each kind: an older one finds it no longer. A value that finds somebody else is
// answered with ErrInvalid. It returns ErrErased, ErrClosed, ErrMaster or ErrRegion too.
func (v *Vault) BindTx(ctx context.Context, tx pgx.Tx, owner Owner, kind, value, subject string) error {
	at, err := v.admitOpen(owner, subject)
	if err != nil {
		return err
	}
	if err := checkLookup(kind, value); err != nil {
		return err
	}
	r, err := v.lock(ctx, tx, at, true)
	if err != nil {
		return err
	}
	if !r.ErasedAt.IsZero() {
		return ErrErased
	}
	key, err := v.ensureIndexKey(ctx, tx)
	if err != nil {
		return err
	}
	kept, err := lookupDigest(key, owner.Book, kind, value)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, sqlBind, owner.Book, kind, kept, subject); err != nil {
		return fmt.Errorf("bind a person: %w", err)
	}
	var holder string
	if err := tx.QueryRow(ctx, sqlFind, owner.Book, kind, kept).Scan(&holder); err != nil {
		return fmt.Errorf("bind a person: %w", err)
	}
	if holder != subject {
		return ErrInvalid.At("/value", "taken", "Somebody else is found by this already. Use another, or take it from them first.")
	}
	if _, err := tx.Exec(ctx, sqlUnbind, owner.Book, kind, kept, subject); err != nil {
		return fmt.Errorf("bind a person: %w", err)
	}
	return nil
}

// FindTx returns the subject that the value finds, "" for none. It returns ErrInvalid, ErrClosed, ErrMaster or ErrRegion.
func (v *Vault) FindTx(ctx context.Context, tx pgx.Tx, owner Owner, kind, value string) (subject string, err error) {
	if err := v.allows(owner); err != nil {
		return "", err
	}
	if v.opts.Keys.Empty() {
		return "", ErrClosed
	}
	if err := checkLookup(kind, value); err != nil {
		return "", err
	}
	key, has, err := v.indexKey(ctx, tx)
	if err != nil || !has {
		return "", err
	}
	kept, err := lookupDigest(key, owner.Book, kind, value)
	if err != nil {
		return "", err
	}
	err = tx.QueryRow(ctx, sqlFind, owner.Book, kind, kept).Scan(&subject)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("find a person: %w", err)
	}
	return subject, nil
}
