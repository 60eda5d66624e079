package vault

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"mizan/ledger/guard"
	"mizan/ledger/pan"
)

// Custody is the keeping of personal data before the eyes of others: each look, writing and erasure is recorded in the
// audit trail, in the database transaction in which it happens. Rows name fields and never hold a value, because the trail
// is for ever. A row that cannot be written means that nothing happened.

// The recorded acts.
const (
	ActRead         = "personal.read"
	ActWritten      = "personal.written"
	ActErased       = "personal.erased"
	ActHeld         = "personal.held"
	ActClosed       = "personal.closed"
	ActRetentionSet = "personal.retention_set"
	ActExported     = "personal.exported"
	ActStaged       = "personal.staged"
	ActUnstaged     = "personal.unstaged"
)

const maxWhy = 2000

const sqlFoundBy = `SELECT kind FROM vault_lookups WHERE book_id = $1 AND subject = $2 ORDER BY kind`

// about is what a row of the trail tells of personal data.
type about struct {
	Fields  []string   `json:"fields,omitempty"`
	Classes []Class    `json:"classes,omitempty"`
	Digest  string     `json:"digest,omitempty"`
	Days    int        `json:"days,omitempty"`
	Until   *time.Time `json:"until,omitempty"`
	At      *time.Time `json:"at,omitempty"`
}

// aboutFields names fields, and the classes that they belong to.
func aboutFields(names []string) *about {
	a := about{Fields: names}
	for _, name := range names {
		if c := fieldByName[name].Class; !slices.Contains(a.Classes, c) {
			a.Classes = append(a.Classes, c)
		}
	}
	slices.Sort(a.Classes)
	return &a
}

// duty is a recorded act before it has happened.
type duty struct {
	by   guard.Actor
	book guard.Book
	act  string
	// object is the subject, or what the act concerns if it is nobody.
	object string
	why    string
}

// perform does the act and records it, in one transaction. do returns what the row says of before and after; it may run
// again from the start.
func (v *Vault) perform(ctx context.Context, owner Owner, d duty, do func(tx pgx.Tx) (before, after *about, err error)) error {
	if v.opts.Trail == nil {
		return errors.New("a vault without an audit trail cannot be looked into")
	}
	if owner.Book != d.book.ID {
		return errors.New("the owner of personal data and the book whose trail records it differ")
	}
	if err := checkWhy(d.why); err != nil {
		return err
	}
	return v.pool.TxRetry(ctx, func(tx pgx.Tx) error {
		before, after, err := do(tx)
		if err != nil {
			return err
		}
		deed := guard.Deed{Actor: d.by, Book: d.book, Act: d.act, Object: d.object, Why: d.why}
		if deed.Before, err = before.document(); err != nil {
			return err
		}
		if deed.After, err = after.document(); err != nil {
			return err
		}
		_, err = v.opts.Trail.RecordTx(ctx, tx, deed)
		return err
	})
}

func (a *about) document() (json.RawMessage, error) {
	if a == nil {
		return nil, nil
	}
	return json.Marshal(a)
}

// checkWhy wants a reason, which is kept for ever.
func checkWhy(why string) error {
	switch {
	case strings.TrimSpace(why) == "" || len(why) > maxWhy || !utf8.ValidString(why) ||
		strings.ContainsFunc(why, func(r rune) bool { return unprintable(r) && r != '\n' && r != '\r' && r != '\t' }):
		return ErrInvalid.At("/reason", "reason", "Say why, in 1 to 2000 bytes of plain text. The reason is kept for ever.")
	case pan.Given(why):
		return ErrInvalid.At("/reason", "card-number", "The reason holds what looks like the number of a payment card. Leave it out.")
	}
	return nil
}

// checkDiscreet refuses a reason that repeats a value: the reason is kept for ever, the value must not be.
func checkDiscreet(why string, fields map[string]string) error {
	if Repeats(why, fields) {
		return ErrInvalid.At("/reason", "reason-personal", "The reason repeats personal data, and it is kept for ever. Name the person by their id only.")
	}
	return nil
}

// Repeats reports whether a text repeats one of the values, however it writes capitals, spaces, dashes and points. Values of
// fewer than four letters and digits say too little.
func Repeats(text string, values map[string]string) bool {
	const telling = 4
	bare := bareText(text)
	for _, value := range values {
		if v := bareText(value); len(v) >= telling && strings.Contains(bare, v) {
			return true
		}
	}
	return false
}

// bareText is a text without case and without what parts its letters and digits.
func bareText(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, text)
}

// Read opens the named fields of the subject, every one it has if names is nil, and records who looked at which fields and
// why. It returns what GetTx does, and ErrInvalid without a reason.
func (v *Vault) Read(ctx context.Context, by guard.Actor, owner Owner, book guard.Book, subject string, names []string, why string) (fields map[string]string, p Person, err error) {
	d := duty{by, book, ActRead, subject, why}
	err = v.perform(ctx, owner, d, func(tx pgx.Tx) (_, after *about, err error) {
		opened, r, err := v.get(ctx, tx, owner, subject, names)
		if err != nil {
			return nil, nil, err
		}
		fields, p = opened, r.person()
		// What was asked for and holds nothing was learnt as well.
		looked := names
		if names == nil {
			looked = p.Fields
		}
		return nil, aboutFields(looked), nil
	})
	if err != nil {
		return nil, Person{}, err
	}
	return fields, p, nil
}

// Write stores fields of the subject and records which of them changed. It returns what PutTx does, and ErrInvalid without
// a reason or with one that repeats a value. A writing that changes nothing is recorded too: it tells what was there.
func (v *Vault) Write(ctx context.Context, by guard.Actor, owner Owner, book guard.Book, subject string, fields map[string]string, why string) (p Person, changed []string, err error) {
	if err := checkDiscreet(why, fields); err != nil {
		return Person{}, nil, err
	}
	err = v.perform(ctx, owner, duty{by, book, ActWritten, subject, why}, func(tx pgx.Tx) (_, after *about, err error) {
		p, changed, err = v.PutTx(ctx, tx, owner, subject, fields)
		return nil, aboutFields(changed), err
	})
	if err != nil {
		return Person{}, nil, err
	}
	return p, changed, nil
}

// Erase is EraseTx, recorded. Erasing somebody again records nothing.
func (v *Vault) Erase(ctx context.Context, by guard.Actor, owner Owner, book guard.Book, subject, why string) (p Person, err error) {
	err = v.performUnless(ctx, owner, duty{by, book, ActErased, subject, why}, func(tx pgx.Tx) (_, after *about, err error) {
		at, err := v.admit(owner, subject)
		if err != nil {
			return nil, nil, err
		}
		r, err := v.lock(ctx, tx, at, true)
		if err != nil {
			return nil, nil, err
		}
		if !r.ErasedAt.IsZero() {
			p = r.person()
			return nil, nil, errNothing
		}
		had := r.person().Fields
		p, err = v.erase(ctx, tx, r)
		return aboutFields(had), nil, err
	})
	if err != nil {
		return Person{}, err
	}
	return p, nil
}

// errNothing ends a transaction in which there was nothing to do.
var errNothing = errors.New("nothing to do")

// performUnless is perform, except that nothing is recorded if there was nothing to do.
func (v *Vault) performUnless(ctx context.Context, owner Owner, d duty, do func(tx pgx.Tx) (before, after *about, err error)) error {
	if err := v.perform(ctx, owner, d, do); !errors.Is(err, errNothing) {
		return err
	}
	return nil
}

// Hold is HoldTx, recorded; the reason stands with the person too, and has at most 255 bytes. A time that has passed ends
// the hold.
func (v *Vault) Hold(ctx context.Context, by guard.Actor, owner Owner, book guard.Book, subject string, until time.Time, why string) (p Person, err error) {
	err = v.perform(ctx, owner, duty{by, book, ActHeld, subject, why}, func(tx pgx.Tx) (before, after *about, err error) {
		old, err := v.standing(ctx, tx, owner, subject)
		if err != nil {
			return nil, nil, err
		}
		p, err = v.HoldTx(ctx, tx, owner, subject, until, why)
		return &about{Until: moment(old.HeldUntil)}, &about{Until: moment(p.HeldUntil)}, err
	})
	if err != nil {
		return Person{}, err
	}
	return p, nil
}

// Close is CloseTx, recorded.
func (v *Vault) Close(ctx context.Context, by guard.Actor, owner Owner, book guard.Book, subject string, at time.Time, why string) (p Person, err error) {
	err = v.perform(ctx, owner, duty{by, book, ActClosed, subject, why}, func(tx pgx.Tx) (before, after *about, err error) {
		old, err := v.standing(ctx, tx, owner, subject)
		if err != nil {
			return nil, nil, err
		}
		p, err = v.CloseTx(ctx, tx, owner, subject, at)
		return &about{At: moment(old.ClosedAt)}, &about{At: moment(p.ClosedAt)}, err
	})
	if err != nil {
		return Person{}, err
	}
	return p, nil
}

// standing locks the subject, if it is known, and returns how it stands.
func (v *Vault) standing(ctx context.Context, tx pgx.Tx, owner Owner, subject string) (Person, error) {
	at, err := v.admit(owner, subject)
	if err != nil {
		return Person{}, err
	}
	r, err := v.lock(ctx, tx, at, false)
	if err != nil {
		return Person{}, err
	}
	return r.person(), nil
}

func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// SetRetention is SetRetentionTx, recorded.
func (v *Vault) SetRetention(ctx context.Context, by guard.Actor, owner Owner, book guard.Book, days int, why string) error {
	d := duty{by, book, ActRetentionSet, "retention:personal_data", why}
	return v.perform(ctx, owner, d, func(tx pgx.Tx) (before, after *about, err error) {
		_, old, err := retention(ctx, tx, owner.Book)
		if err != nil {
			return nil, nil, err
		}
		return &about{Days: old}, &about{Days: days}, v.SetRetentionTx(ctx, tx, owner, days)
	})
}

// exported is the copy of everything about a person that they have a right to.
type exported struct {
	Subject   string          `json:"subject"`
	Book      string          `json:"book,omitempty"`
	CreatedAt *time.Time      `json:"created_at,omitempty"`
	ClosedAt  *time.Time      `json:"closed_at,omitempty"`
	HeldUntil *time.Time      `json:"held_until,omitempty"`
	HeldFor   string          `json:"held_for,omitempty"`
	Fields    []exportedField `json:"fields"`
	// Proposed is a bank account that waits for a second person.
	Proposed []exportedField `json:"proposed,omitempty"`
	// FoundBy are the kinds of what the person is found by.
	FoundBy []string `json:"found_by,omitempty"`
}

type exportedField struct {
	Field     string    `json:"field"`
	Class     Class     `json:"class"`
	Meaning   string    `json:"meaning"`
	Value     string    `json:"value"`
	WrittenAt time.Time `json:"written_at"`
}

// Export returns everything that is stored about the subject as one JSON document, and records that. Why the data are held is
// left out where a payee asks. It returns what
// GetTx does, and ErrInvalid without a reason.
func (v *Vault) Export(ctx context.Context, by guard.Actor, owner Owner, book guard.Book, subject, why string) (document json.RawMessage, err error) {
	err = v.perform(ctx, owner, duty{by, book, ActExported, subject, why}, func(tx pgx.Tx) (_, after *about, err error) {
		e, err := v.export(ctx, tx, owner, subject)
		if err != nil {
			return nil, nil, err
		}
		e.Book = book.Code
		if by.Kind == guard.Payee { // such as a case against them
			e.HeldFor = ""
		}
		if document, err = json.Marshal(e); err != nil {
			return nil, nil, err
		}
		var names []string
		for _, f := range append(slices.Clone(e.Fields), e.Proposed...) {
			if !slices.Contains(names, f.Field) {
				names = append(names, f.Field)
			}
		}
		return nil, aboutFields(names), nil
	})
	if err != nil {
		return nil, err
	}
	return document, nil
}

func (v *Vault) export(ctx context.Context, tx pgx.Tx, owner Owner, subject string) (e exported, err error) {
	at, err := v.admitOpen(owner, subject)
	if err != nil {
		return e, err
	}
	r, err := read(ctx, tx, at)
	if err != nil {
		return e, err
	}
	if !r.ErasedAt.IsZero() {
		return e, ErrErased
	}
	opened, err := v.open(r, sortedKeys(r.values))
	if err != nil {
		return e, err
	}
	e = exported{Subject: subject, CreatedAt: moment(r.CreatedAt), ClosedAt: moment(r.ClosedAt), HeldUntil: moment(r.HeldUntil),
		HeldFor: r.HeldFor, Fields: []exportedField{}}
	for _, f := range allFields {
		if s, has := r.values[f.Name]; has {
			e.Fields = append(e.Fields, exportedField{f.Name, f.Class, f.Meaning, opened[f.Name], s.written})
		}
		if s, has := r.values[nextSlot+f.Name]; has {
			e.Proposed = append(e.Proposed, exportedField{f.Name, f.Class, f.Meaning, opened[nextSlot+f.Name], s.written})
		}
	}
	rows, err := tx.Query(ctx, sqlFoundBy, at.book, at.subject)
	if err != nil {
		return e, fmt.Errorf("read what a person is found by: %w", err)
	}
	e.FoundBy, err = pgx.CollectRows(rows, pgx.RowTo[string])
	return e, err
}

// Sweep erases up to limit persons of the owner whose retention has passed and that nothing holds, each in a transaction
// with its row. It returns how many; what others erased or took up again meanwhile is left out. It may run in several
// processes at once.
func (v *Vault) Sweep(ctx context.Context, owner Owner, book guard.Book, by guard.Actor, limit int) (n int, err error) {
	subjects, err := v.Due(ctx, owner, limit)
	if err != nil {
		return 0, err
	}
	for _, subject := range subjects {
		erased := false
		d := duty{by, book, ActErased, subject, "The book's retention of personal data has passed."}
		err := v.performUnless(ctx, owner, d, func(tx pgx.Tx) (before, _ *about, err error) {
			erased = false
			r, err := v.lock(ctx, tx, place{owner.Book, subject}, false)
			if err != nil {
				return nil, nil, err
			}
			due, err := v.due(ctx, tx, r)
			if err != nil {
				return nil, nil, err
			}
			if !due {
				return nil, nil, errNothing
			}
			had := r.person().Fields
			_, err = v.erase(ctx, tx, r)
			erased = true
			return aboutFields(had), nil, err
		})
		if err != nil {
			return n, err
		}
		if erased {
			n++
		}
	}
	return n, nil
}
