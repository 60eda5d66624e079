package vault

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger/postgres"
)

// The vault itself: storing, reading, finding and erasing.

// Options are what a vault needs beside its database.
type Options struct {
	// Now is the clock.
	Now func() time.Time
	// Keys are the master keys, the first of which seals; the zero value makes a closed vault.
	Keys Keys
	// Region is the region whose personal data this installation may hold; empty means every region.
	Region string
}

// Owner says whose book a person belongs to. The zero value is the installation, whose people are the staff.
type Owner struct {
	// Book is the book's number in the database, 0 for the installation.
	Book int32
	// Region is the book's region; empty if it names none.
	Region string
}

// Vault keeps personal data. It is safe for concurrent use.
type Vault struct {
	pool *postgres.Pool
	opts Options
}

// Person is what may be known of a subject without opening anything.
type Person struct {
	// Subject is kind:id, such as payee:cre_amy.
	Subject string
	// Fields are the names of the fields that hold something, in order.
	Fields []string
	// CreatedAt, ClosedAt, HeldUntil and ErasedAt are zero where they do not apply.
	CreatedAt, ClosedAt, HeldUntil, ErasedAt time.Time
	// HeldFor is why erasure is forbidden until HeldUntil.
	HeldFor string
}

// New returns the vault in the database.
func New(pool *postgres.Pool, opts Options) *Vault { return &Vault{pool: pool, opts: opts} }

// PutTx stores fields of the subject by name; an empty value removes the field. It returns the person afterwards and
// which fields changed, in order. It returns ErrInvalid, ErrErased, ErrClosed, ErrMaster or ErrRegion.
func (v *Vault) PutTx(ctx context.Context, tx pgx.Tx, owner Owner, subject string, fields map[string]string) (p Person, changed []string, err error) {
	return Person{}, nil, errors.New("not built")
}

// GetTx opens the named fields of the subject, every one it has if names is nil. Fields that hold nothing are left out. A
// subject that is unknown has none; one that was erased is answered with ErrErased. It returns ErrInvalid, ErrClosed,
// ErrMaster or ErrRegion too.
func (v *Vault) GetTx(ctx context.Context, tx pgx.Tx, owner Owner, subject string, names []string) (fields map[string]string, err error) {
	return nil, errors.New("not built")
}

// Person returns what may be known of the subject without opening anything; the zero Person if nothing is stored.
func (v *Vault) Person(ctx context.Context, owner Owner, subject string) (Person, error) {
	return Person{}, errors.New("not built")
}

// Names returns the display names of the subjects by subject: name, "" if there is none, and Erased for those that were
// erased. At most 1000 subjects.
func (v *Vault) Names(ctx context.Context, owner Owner, subjects []string) (map[string]string, error) {
	return nil, errors.New("not built")
}

// Erased is what pages show instead of a name that was erased.
const Erased = "erased"

// BindTx makes the subject findable by the value, such as an address of mail, which is kept as a keyed digest only. A value
// that finds somebody else is answered with ErrInvalid.
func (v *Vault) BindTx(ctx context.Context, tx pgx.Tx, owner Owner, kind, value, subject string) error {
	return errors.New("not built")
}

// FindTx returns the subject that the value finds, "" for none.
func (v *Vault) FindTx(ctx context.Context, tx pgx.Tx, owner Owner, kind, value string) (subject string, err error) {
	return "", errors.New("not built")
}

// EraseTx destroys the subject's key, its values and its digests, for good. Again changes nothing. It returns ErrHeld.
func (v *Vault) EraseTx(ctx context.Context, tx pgx.Tx, owner Owner, subject string) (Person, error) {
	return Person{}, errors.New("not built")
}

// HoldTx forbids erasure until the time, for the reason; a time that has passed ends the hold.
func (v *Vault) HoldTx(ctx context.Context, tx pgx.Tx, owner Owner, subject string, until time.Time, reason string) (Person, error) {
	return Person{}, errors.New("not built")
}

// CloseTx notes that the business with the subject ended; the zero time notes that it goes on.
func (v *Vault) CloseTx(ctx context.Context, tx pgx.Tx, owner Owner, subject string, at time.Time) (Person, error) {
	return Person{}, errors.New("not built")
}

// SetRetentionTx says how many days the book keeps personal data after the business with a person has ended.
func (v *Vault) SetRetentionTx(ctx context.Context, tx pgx.Tx, owner Owner, days int) error {
	return errors.New("not built")
}

// Retention returns those days; 3,653 (ten years) if none were set.
func (v *Vault) Retention(ctx context.Context, owner Owner) (days int, err error) {
	return 0, errors.New("not built")
}

// Due returns up to limit subjects of the owner whose retention has passed and that are not held, in order.
func (v *Vault) Due(ctx context.Context, owner Owner, limit int) ([]string, error) {
	return nil, errors.New("not built")
}

// Rotate seals up to limit keys of persons that another master key seals under the first one. It returns how many it did,
// and how many are left. It may run while the service does.
func (v *Vault) Rotate(ctx context.Context, limit int) (done int, left int64, err error) {
	return 0, 0, errors.New("not built")
}

// Masters returns how many persons' keys each master key seals, by its name.
func (v *Vault) Masters(ctx context.Context) (map[string]int64, error) {
	return nil, errors.New("not built")
}
