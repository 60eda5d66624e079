package vault

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger/pan"
)

// The life of personal data: how long they are kept, when they must be kept, and their end.

// defaultRetention is ten years in days, what tax laws ask for at most.
const defaultRetention = 3653

const (
	maxRetention = 36525
	maxDue       = 1000
	maxHeldFor   = 255
	// attempts bounds how often a version that somebody else took at the same moment is tried anew.
	attempts = 200
)

const (
	// Triggers take the values and the digests along; see the migration.
	sqlErase = `
UPDATE vault_subjects SET master = NULL, wrapped = NULL, manifest = NULL, held_for = '', erased_at = $3 WHERE book_id = $1 AND subject = $2`
	sqlHold  = `UPDATE vault_subjects SET held_until = $3, held_for = $4 WHERE book_id = $1 AND subject = $2`
	sqlClose = `UPDATE vault_subjects SET closed_at = $3 WHERE book_id = $1 AND subject = $2`

	sqlRetention    = `SELECT version, days FROM vault_retention WHERE book_id = $1 ORDER BY version DESC LIMIT 1`
	sqlAddRetention = `
INSERT INTO vault_retention (book_id, version, days, recorded_at) VALUES ($1, $2, $3, $4) ON CONFLICT (book_id, version) DO NOTHING`
	sqlDue = `
SELECT subject FROM vault_subjects
 WHERE book_id = $1 AND closed_at IS NOT NULL AND erased_at IS NULL AND closed_at <= $2 AND (held_until IS NULL OR held_until <= $3)
 ORDER BY closed_at, subject LIMIT $4`
)

// EraseTx destroys the subject's key, its values and its digests, for good. Again changes nothing. Nothing can be stored of
// the subject afterwards, even if nothing was known of it before. It needs no master key. It returns ErrHeld, ErrInvalid
// or ErrRegion.
func (v *Vault) EraseTx(ctx context.Context, tx pgx.Tx, owner Owner, subject string) (Person, error) {
	at, err := v.admit(owner, subject)
	if err != nil {
		return Person{}, err
	}
	r, err := v.lock(ctx, tx, at, true)
	if err != nil {
		return Person{}, err
	}
	if !r.ErasedAt.IsZero() {
		return r.person(), nil
	}
	return v.erase(ctx, tx, r)
}

// erase ends a locked person who was not erased yet.
func (v *Vault) erase(ctx context.Context, tx pgx.Tx, r *record) (Person, error) {
	now := v.now()
	if r.HeldUntil.After(now) {
		return Person{}, ErrHeld
	}
	if _, err := tx.Exec(ctx, sqlErase, r.book, r.place.subject, now); err != nil {
		return Person{}, fmt.Errorf("erase a person: %w", err)
	}
	r.ErasedAt, r.HeldFor, r.values = now, "", nil
	r.master, r.wrapped, r.manifest = nil, nil, nil
	return r.person(), nil
}

// HoldTx forbids erasure until the time, for the reason; a time that has passed ends the hold. It returns ErrInvalid,
// ErrErased or ErrRegion.
func (v *Vault) HoldTx(ctx context.Context, tx pgx.Tx, owner Owner, subject string, until time.Time, reason string) (Person, error) {
	at, err := v.admit(owner, subject)
	if err != nil {
		return Person{}, err
	}
	until = until.UTC().Truncate(time.Microsecond)
	holds := until.After(v.now())
	if err := checkHold(until, holds, reason); err != nil {
		return Person{}, err
	}
	r, err := v.lock(ctx, tx, at, holds)
	if err != nil || !r.known {
		return Person{}, err
	}
	if !r.ErasedAt.IsZero() {
		return Person{}, ErrErased
	}
	held := &until
	if r.HeldUntil, r.HeldFor = until, reason; !holds {
		r.HeldUntil, r.HeldFor, held = time.Time{}, "", nil
	}
	if _, err := tx.Exec(ctx, sqlHold, r.book, r.place.subject, held, r.HeldFor); err != nil {
		return Person{}, fmt.Errorf("hold a person: %w", err)
	}
	return r.person(), nil
}

func checkHold(until time.Time, holds bool, reason string) error {
	if !holds {
		return nil
	}
	bad := ErrInvalid
	if until.Year() > 9999 {
		bad = bad.At("/until", "date-future", "A hold ends before the year 10000.")
	}
	if code, why := judgeText(reason, maxHeldFor); why != "" {
		bad = bad.At("/reason", code, "Say in one line of at most 255 bytes why the data must be kept. "+why)
	} else if pan.Given(reason) {
		bad = bad.At("/reason", "card-number", "The reason holds what looks like the number of a payment card. Leave it out.")
	}
	if len(bad.Fields) > 0 {
		return bad
	}
	return nil
}

// CloseTx notes that the business with the subject ended; the zero time notes that it goes on. It returns ErrInvalid for a
// time to come, ErrErased or ErrRegion.
func (v *Vault) CloseTx(ctx context.Context, tx pgx.Tx, owner Owner, subject string, at time.Time) (Person, error) {
	where, err := v.admit(owner, subject)
	if err != nil {
		return Person{}, err
	}
	at = at.UTC().Truncate(time.Microsecond)
	if at.After(v.now()) {
		return Person{}, ErrInvalid.At("/at", "date-future", "The business ended now or earlier. Close it on the day it ends.")
	}
	if !at.IsZero() && at.Year() < 1900 {
		return Person{}, ErrInvalid.At("/at", "date-past", "The business ended after the year 1900.")
	}
	r, err := v.lock(ctx, tx, where, !at.IsZero())
	if err != nil || !r.known {
		return Person{}, err
	}
	if !r.ErasedAt.IsZero() {
		return Person{}, ErrErased
	}
	closed := &at
	if at.IsZero() {
		closed = nil
	}
	if _, err := tx.Exec(ctx, sqlClose, r.book, r.place.subject, closed); err != nil {
		return Person{}, fmt.Errorf("close a person: %w", err)
	}
	r.ClosedAt = at
	return r.person(), nil
}

// SetRetentionTx says how many days the book keeps personal data after the business with a person has ended: 1 to 36,525.
// The same number again changes nothing. It returns ErrInvalid or ErrRegion.
func (v *Vault) SetRetentionTx(ctx context.Context, tx pgx.Tx, owner Owner, days int) error {
	if err := v.allows(owner); err != nil {
		return err
	}
	if days < 1 || days > maxRetention {
		return ErrInvalid.At("/days", "integer", "Personal data are kept for 1 to 36525 days after the business has ended.")
	}
	for range attempts {
		version, inForce, err := retention(ctx, tx, owner.Book)
		if err != nil || version > 0 && inForce == days {
			return err
		}
		// Waits for somebody who adds the same version, and then reads theirs.
		tag, err := tx.Exec(ctx, sqlAddRetention, owner.Book, version+1, days, v.now())
		if err != nil {
			return fmt.Errorf("set the retention: %w", err)
		}
		if tag.RowsAffected() == 1 {
			return nil
		}
	}
	return errors.New("the retention of the book was changed by others again and again")
}

// retention returns the version in force, 0 if none was set.
func retention(ctx context.Context, tx pgx.Tx, book int32) (version, days int, err error) {
	err = tx.QueryRow(ctx, sqlRetention, book).Scan(&version, &days)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, defaultRetention, nil
	}
	if err != nil {
		return 0, 0, fmt.Errorf("read the retention: %w", err)
	}
	return version, days, nil
}

// Retention returns those days; 3,653 (ten years) if none were set. It returns ErrRegion.
func (v *Vault) Retention(ctx context.Context, owner Owner) (days int, err error) {
	if err := v.allows(owner); err != nil {
		return 0, err
	}
	err = v.pool.ReadTx(ctx, func(tx pgx.Tx) error {
		_, days, err = retention(ctx, tx, owner.Book)
		return err
	})
	return days, err
}

// Due returns up to limit subjects of the owner whose retention has passed and that are not held, those whose business
// ended first first. At most 1000 at once. It returns ErrRegion.
func (v *Vault) Due(ctx context.Context, owner Owner, limit int) (subjects []string, err error) {
	if err := v.allows(owner); err != nil {
		return nil, err
	}
	err = v.pool.ReadTx(ctx, func(tx pgx.Tx) error {
		_, days, err := retention(ctx, tx, owner.Book)
		if err != nil {
			return err
		}
		now := v.now()
		rows, err := tx.Query(ctx, sqlDue, owner.Book, now.AddDate(0, 0, -days), now, min(max(limit, 0), maxDue))
		if err != nil {
			return fmt.Errorf("find whose retention has passed: %w", err)
		}
		subjects, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	return subjects, err
}

// due reports whether a locked person's retention has passed and nothing holds them, by now: they may have come back since
// they were listed.
func (v *Vault) due(ctx context.Context, tx pgx.Tx, r *record) (bool, error) {
	_, days, err := retention(ctx, tx, r.book)
	now := v.now()
	return r.known && r.ErasedAt.IsZero() && !r.ClosedAt.IsZero() && !r.ClosedAt.After(now.AddDate(0, 0, -days)) && !r.HeldUntil.After(now), err
}
