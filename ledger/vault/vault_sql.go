package vault

import (
	"context"
	"crypto/hmac"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger/guard"
	"mizan/ledger/postgres"
)

// The vault itself: storing and reading. Whoever writes something of a person locks the person's row first, so that the
// values, their versions and the manifest always belong together, and an erasure and a writing happen one after the other.

// Options are what a vault needs beside its database.
type Options struct {
	// Now is the clock.
	Now func() time.Time
	// Keys are the master keys, the first of which seals; the zero value makes a closed vault.
	Keys Keys
	// Region is the region whose personal data this installation may hold; empty means every region.
	Region string
	// Trail is where Read, Write, Erase and the other recorded acts are recorded. Without one they are refused.
	Trail *guard.Trail
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
	// Fields are the names of the fields that hold something, in the order of Fields.
	Fields []string
	// CreatedAt, ClosedAt, HeldUntil and ErasedAt are zero where they do not apply.
	CreatedAt, ClosedAt, HeldUntil, ErasedAt time.Time
	// HeldFor is why erasure is forbidden until HeldUntil.
	HeldFor string
}

// New returns the vault in the database.
func New(pool *postgres.Pool, opts Options) *Vault { return &Vault{pool: pool, opts: opts} }

// maxNames bounds how many display names are opened at once.
const maxNames = 1000

// Erased is what pages show instead of a name that was erased.
const Erased = "erased"

const (
	sqlSubject = `
SELECT created_at, closed_at, held_until, erased_at, held_for, master, wrapped, version, manifest
  FROM vault_subjects WHERE book_id = $1 AND subject = $2`
	sqlLockSubject   = sqlSubject + ` FOR NO KEY UPDATE`
	sqlInsertSubject = `INSERT INTO vault_subjects (book_id, subject, created_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`
	sqlValues        = `SELECT field, version, sealed, written_at FROM vault_values WHERE book_id = $1 AND subject = $2`
	// One statement sees one state of the database, so that a reader needs no lock.
	sqlSubjectAndValues = `
SELECT s.created_at, s.closed_at, s.held_until, s.erased_at, s.held_for, s.master, s.wrapped, s.version, s.manifest,
       v.field, v.version, v.sealed, v.written_at
  FROM vault_subjects AS s LEFT JOIN vault_values AS v ON v.book_id = s.book_id AND v.subject = s.subject
 WHERE s.book_id = $1 AND s.subject = $2`
	sqlPutValue = `
INSERT INTO vault_values (book_id, subject, field, version, sealed, written_at) VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (book_id, subject, field) DO UPDATE SET version = excluded.version, sealed = excluded.sealed, written_at = excluded.written_at`
	sqlRemoveValue = `DELETE FROM vault_values WHERE book_id = $1 AND subject = $2 AND field = $3`
	sqlPutSubject  = `
UPDATE vault_subjects SET master = $3, wrapped = $4, version = $5, manifest = $6 WHERE book_id = $1 AND subject = $2`
	// Each person by the primary key, whatever the planner believes about how many a book has.
	sqlNames = `
SELECT s.subject, s.erased_at IS NOT NULL, s.master, s.wrapped, s.version, s.manifest, v.fields, v.versions, v.sealed
  FROM unnest($2::text[]) AS wanted (subject)
 CROSS JOIN LATERAL (SELECT * FROM vault_subjects WHERE book_id = $1 AND subject = wanted.subject LIMIT 1) AS s
 CROSS JOIN LATERAL (
       SELECT array_agg(field) AS fields, array_agg(version) AS versions, (array_agg(sealed) FILTER (WHERE field = 'name'))[1] AS sealed
         FROM vault_values WHERE book_id = $1 AND subject = wanted.subject) AS v`
)

// stored is a value as it stands in the database.
type stored struct {
	version int
	sealed  []byte
	written time.Time
}

// record is all that the database has of a person.
type record struct {
	Person
	place
	known    bool
	master   *string
	wrapped  []byte
	version  int
	manifest []byte
	values   map[string]stored
}

// times are the columns that may be null.
type times struct{ closed, held, erased *time.Time }

func (r *record) targets(n *times) []any {
	return []any{&r.CreatedAt, &n.closed, &n.held, &n.erased, &r.HeldFor, &r.master, &r.wrapped, &r.version, &r.manifest}
}

// settle fills in what follows from the columns.
func (r *record) settle(n times) {
	r.known = true
	r.CreatedAt = r.CreatedAt.UTC()
	for from, to := range map[*time.Time]*time.Time{n.closed: &r.ClosedAt, n.held: &r.HeldUntil, n.erased: &r.ErasedAt} {
		if from != nil {
			*to = from.UTC()
		}
	}
}

// name lists the fields that hold something, in order; what is staged is not shown.
func (r *record) name() {
	r.Person.Subject, r.Person.Fields = r.place.subject, nil
	for _, f := range allFields {
		if _, has := r.values[f.Name]; has {
			r.Person.Fields = append(r.Person.Fields, f.Name)
		}
	}
}

// person returns the zero Person of somebody of whom nothing is known.
func (r *record) person() Person {
	if !r.known {
		return Person{}
	}
	r.name()
	return r.Person
}

// read reads the person as one statement sees them.
func read(ctx context.Context, tx pgx.Tx, p place) (*record, error) {
	r := &record{place: p, values: map[string]stored{}}
	rows, err := tx.Query(ctx, sqlSubjectAndValues, p.book, p.subject)
	if err != nil {
		return nil, fmt.Errorf("read a person: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var n times
		var field *string
		var version *int
		var written *time.Time
		var s stored
		if err := rows.Scan(append(r.targets(&n), &field, &version, &s.sealed, &written)...); err != nil {
			return nil, fmt.Errorf("read a person: %w", err)
		}
		r.settle(n)
		if field != nil {
			s.version, s.written = *version, written.UTC()
			r.values[*field] = s
		}
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read a person: %w", err)
	}
	return r, nil
}

// lock reads the person and keeps everybody else from changing them until the transaction ends. If nothing is known of
// them, their row is made, unless make is false.
func (v *Vault) lock(ctx context.Context, tx pgx.Tx, p place, make bool) (*record, error) {
	// Of two who make the row at the same time, the second waits for the first and then finds it.
	for attempt := 0; ; attempt++ {
		r := &record{place: p, values: map[string]stored{}}
		var n times
		err := tx.QueryRow(ctx, sqlLockSubject, p.book, p.subject).Scan(r.targets(&n)...)
		if err == nil {
			r.settle(n)
			return r, r.readValues(ctx, tx)
		}
		if err != pgx.ErrNoRows || attempt == 2 {
			return nil, fmt.Errorf("lock a person: %w", err)
		}
		if !make {
			return r, nil
		}
		if _, err := tx.Exec(ctx, sqlInsertSubject, p.book, p.subject, v.now()); err != nil {
			return nil, fmt.Errorf("add a person: %w", err)
		}
	}
}

// readValues reads the values in a statement of its own: the one that waited for the lock may have seen older ones.
func (r *record) readValues(ctx context.Context, tx pgx.Tx) error {
	rows, err := tx.Query(ctx, sqlValues, r.book, r.place.subject)
	if err != nil {
		return fmt.Errorf("read a person's values: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var field string
		var s stored
		if err := rows.Scan(&field, &s.version, &s.sealed, &s.written); err != nil {
			return fmt.Errorf("read a person's values: %w", err)
		}
		s.written = s.written.UTC()
		r.values[field] = s
	}
	return rows.Err()
}

// now is the clock in the database's precision.
func (v *Vault) now() time.Time { return v.opts.Now().UTC().Truncate(time.Microsecond) }

// admit refuses people of other regions and names that are none, and says where the subject stands.
func (v *Vault) admit(owner Owner, subject string) (place, error) {
	if err := v.allows(owner); err != nil {
		return place{}, err
	}
	return place{owner.Book, subject}, checkSubject(subject)
}

// allows refuses owners of other regions.
func (v *Vault) allows(owner Owner) error {
	if v.opts.Region != "" && owner.Region != "" && v.opts.Region != owner.Region {
		return ErrRegion
	}
	return nil
}

// admitOpen is admit for what needs a master key.
func (v *Vault) admitOpen(owner Owner, subject string) (place, error) {
	p, err := v.admit(owner, subject)
	if err == nil && v.opts.Keys.Empty() {
		err = ErrClosed
	}
	return p, err
}

// key opens the person's key and checks that the values are those of the manifest. It returns false if they have no key,
// and then have no values.
func (v *Vault) key(r *record) (key [keySize]byte, has bool, err error) {
	if r.wrapped == nil || r.master == nil {
		if len(r.values) > 0 {
			err = ErrBroken
		}
		return key, false, err
	}
	if key, err = v.opts.Keys.unwrap(r.place, *r.master, r.wrapped); err != nil {
		return key, false, err
	}
	versions := map[string]int{}
	for field, s := range r.values {
		versions[field] = s.version
	}
	return key, true, checkManifest(key, r.place, r.version, versions, r.manifest)
}

func checkManifest(key [keySize]byte, p place, version int, versions map[string]int, want []byte) error {
	got, err := manifest(key, p, version, versions)
	if err != nil {
		return err
	}
	if !hmac.Equal(got, want) {
		return ErrBroken
	}
	return nil
}

// open opens the named fields as far as they hold something.
func (v *Vault) open(r *record, names []string) (map[string]string, error) {
	opened := map[string]string{}
	key, has, err := v.key(r)
	if err != nil || !has {
		return opened, err
	}
	for _, name := range names {
		if s, holds := r.values[name]; holds {
			if opened[name], err = openValue(key, r.place, name, s.version, s.sealed); err != nil {
				return nil, err
			}
		}
	}
	return opened, nil
}

// write stores the slots given, removes those whose value is nil, and brings version and manifest up to date. The person
// is locked.
func (v *Vault) write(ctx context.Context, tx pgx.Tx, r *record, slots map[string]*string) error {
	key, has, err := v.key(r)
	if err != nil {
		return err
	}
	if !has {
		key = newKey()
		master, wrapped, err := v.opts.Keys.wrap(r.place, key)
		if err != nil {
			return err
		}
		r.master, r.wrapped = &master, wrapped
	}
	r.version++
	now := v.now()
	var batch pgx.Batch
	for _, slot := range sortedKeys(slots) {
		value := slots[slot]
		if value == nil {
			delete(r.values, slot)
			batch.Queue(sqlRemoveValue, r.book, r.place.subject, slot)
			continue
		}
		sealed, err := sealValue(key, r.place, slot, r.version, *value)
		if err != nil {
			return err
		}
		r.values[slot] = stored{r.version, sealed, now}
		batch.Queue(sqlPutValue, r.book, r.place.subject, slot, r.version, sealed, now)
	}
	versions := map[string]int{}
	for slot, s := range r.values {
		versions[slot] = s.version
	}
	if r.manifest, err = manifest(key, r.place, r.version, versions); err != nil {
		return err
	}
	batch.Queue(sqlPutSubject, r.book, r.place.subject, r.master, r.wrapped, r.version, r.manifest)
	if err := tx.SendBatch(ctx, &batch).Close(); err != nil {
		return fmt.Errorf("store personal data: %w", err)
	}
	return nil
}

// PutTx stores fields of the subject by name; an empty value removes the field. It returns the person afterwards and
// which fields changed, in order. It returns ErrInvalid, ErrErased, ErrClosed, ErrMaster, ErrRegion or ErrBroken. Who may
// change where money goes alone is the caller's question; others use Stage.
func (v *Vault) PutTx(ctx context.Context, tx pgx.Tx, owner Owner, subject string, fields map[string]string) (p Person, changed []string, err error) {
	at, err := v.admitOpen(owner, subject)
	if err != nil {
		return Person{}, nil, err
	}
	if err := checkFields(fields, v.now()); err != nil {
		return Person{}, nil, err
	}
	adds := false
	for _, value := range fields {
		adds = adds || value != ""
	}
	r, err := v.lock(ctx, tx, at, adds)
	if err != nil {
		return Person{}, nil, err
	}
	if !r.ErasedAt.IsZero() {
		return Person{}, nil, ErrErased
	}
	old, err := v.open(r, sortedKeys(fields))
	if err != nil {
		return Person{}, nil, err
	}
	slots := map[string]*string{}
	for _, f := range allFields {
		value, given := fields[f.Name]
		if _, had := r.values[f.Name]; !given || value == old[f.Name] && had == (value != "") {
			continue
		}
		changed = append(changed, f.Name)
		if slots[f.Name] = nil; value != "" {
			slots[f.Name] = &value
		}
	}
	if len(changed) > 0 {
		if err := v.write(ctx, tx, r, slots); err != nil {
			return Person{}, nil, err
		}
	}
	return r.person(), changed, nil
}

// GetTx opens the named fields of the subject, every one it has if names is nil. Fields that hold nothing are left out. A
// subject that is unknown has none; one that was erased is answered with ErrErased. It returns ErrInvalid, ErrClosed,
// ErrMaster, ErrRegion or ErrBroken too.
func (v *Vault) GetTx(ctx context.Context, tx pgx.Tx, owner Owner, subject string, names []string) (fields map[string]string, err error) {
	fields, _, err = v.get(ctx, tx, owner, subject, names)
	return fields, err
}

func (v *Vault) get(ctx context.Context, tx pgx.Tx, owner Owner, subject string, names []string) (map[string]string, *record, error) {
	at, err := v.admitOpen(owner, subject)
	if err != nil {
		return nil, nil, err
	}
	if err := checkNames(names); err != nil {
		return nil, nil, err
	}
	r, err := read(ctx, tx, at)
	if err != nil {
		return nil, nil, err
	}
	if !r.ErasedAt.IsZero() {
		return nil, nil, ErrErased
	}
	if names == nil {
		names = r.person().Fields
	}
	opened, err := v.open(r, names)
	return opened, r, err
}

// Person returns what may be known of the subject without opening anything; the zero Person if nothing is stored. It
// returns ErrInvalid or ErrRegion.
func (v *Vault) Person(ctx context.Context, owner Owner, subject string) (p Person, err error) {
	at, err := v.admit(owner, subject)
	if err != nil {
		return Person{}, err
	}
	err = v.pool.ReadTx(ctx, func(tx pgx.Tx) error {
		r, err := read(ctx, tx, at)
		if err == nil {
			p = r.person()
		}
		return err
	})
	return p, err
}

// Names returns the display names of the subjects by subject: name, "" if there is none, and Erased for those that were
// erased. At most 1000 subjects. It returns ErrInvalid or ErrRegion, and ErrClosed, ErrMaster or ErrBroken if there is a
// name that cannot be opened.
func (v *Vault) Names(ctx context.Context, owner Owner, subjects []string) (names map[string]string, err error) {
	if err := v.allows(owner); err != nil {
		return nil, err
	}
	if len(subjects) > maxNames {
		return nil, ErrInvalid.At("/subjects", "too-many", "At most 1000 names are read at once. Ask for fewer.")
	}
	names = map[string]string{}
	for _, subject := range subjects {
		if err := checkSubject(subject); err != nil {
			return nil, err
		}
		names[subject] = ""
	}
	if len(names) == 0 {
		return names, nil
	}
	err = v.pool.ReadTx(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, sqlNames, owner.Book, sortedKeys(names))
		if err != nil {
			return fmt.Errorf("read names: %w", err)
		}
		defer rows.Close()
		for rows.Next() {
			if err := v.scanName(rows, owner.Book, names); err != nil {
				return err
			}
		}
		return rows.Err()
	})
	if err != nil {
		return nil, err
	}
	return names, nil
}

func (v *Vault) scanName(row pgx.Row, book int32, names map[string]string) error {
	var r record
	var erased bool
	var slots []string
	var versions []int
	var sealed []byte
	if err := row.Scan(&r.place.subject, &erased, &r.master, &r.wrapped, &r.version, &r.manifest, &slots, &versions, &sealed); err != nil {
		return fmt.Errorf("read names: %w", err)
	}
	r.book = book
	if erased {
		names[r.place.subject] = Erased
		return nil
	}
	if sealed == nil {
		return nil
	}
	r.values = map[string]stored{}
	for i, slot := range slots {
		r.values[slot] = stored{version: versions[i]}
	}
	i := slices.Index(slots, "name")
	r.values["name"] = stored{version: versions[i], sealed: sealed}
	opened, err := v.open(&r, []string{"name"})
	if err != nil {
		return err
	}
	names[r.place.subject] = opened["name"]
	return nil
}
