package access

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger/guard"
	"mizan/ledger/vault"
)

// People in the database.

const (
	sqlInsertPerson = `INSERT INTO people (id, created_at, created_by, sessions_from) VALUES ($1, $2, $3, $2)`

	sqlPersonColumns = `
SELECT id, coalesce(issuer, ''), coalesce(subject, ''), created_at, created_by, deactivated_at, sessions_from
FROM people`
	sqlFindPerson     = sqlPersonColumns + ` WHERE id = $1`
	sqlLockPerson     = sqlFindPerson + ` FOR UPDATE`
	sqlSharePerson    = sqlFindPerson + ` FOR SHARE`
	sqlListPeople     = sqlPersonColumns + ` WHERE id > $1 ORDER BY id LIMIT $2`
	sqlPersonIdentity = sqlPersonColumns + ` WHERE issuer = $1 AND subject = $2 FOR UPDATE`

	sqlDeactivate = `UPDATE people SET deactivated_at = $2, sessions_from = greatest(sessions_from, $2) WHERE id = $1`
)

// maxPeople bounds a page of people.
const maxPeople = 200

// emailKind is what addresses of mail are found by in the vault.
const emailKind = "email"

// personRow is a person as the table has it.
type personRow struct {
	id, issuer, subject    string
	createdAt              time.Time
	createdBy              string
	deactivatedAt, validAt time.Time // validAt is sessions_from
}

// recordTx records a deed with what was before and after it, nil for nothing. Call it last: the trail is locked until the
// transaction ends.
func (s *Service) recordTx(ctx context.Context, tx pgx.Tx, d guard.Deed, before, after any) error {
	for _, side := range []struct {
		to *json.RawMessage
		of any
	}{{&d.Before, before}, {&d.After, after}} {
		if side.of == nil {
			continue
		}
		text, err := json.Marshal(side.of)
		if err != nil {
			return err
		}
		*side.to = text
	}
	_, err := s.trail.RecordTx(ctx, tx, d)
	return err
}

// AddPerson adds somebody of the staff, without any role. It returns ErrPersonInvalid, ErrPersonExists, or the vault's
// errors.
func (s *Service) AddPerson(ctx context.Context, by guard.Actor, n NewPerson) (person Staff, err error) {
	err = s.pool.TxRetry(ctx, func(tx pgx.Tx) error {
		person, err = s.AddPersonTx(ctx, tx, by, n)
		return err
	})
	if err != nil {
		return Staff{}, unavailable(err)
	}
	return person, nil
}

// AddPersonTx is AddPerson inside the caller's transaction.
func (s *Service) AddPersonTx(ctx context.Context, tx pgx.Tx, by guard.Actor, n NewPerson) (Staff, error) {
	n, err := n.checked()
	if err != nil {
		return Staff{}, err
	}
	if s.opts.Vault == nil && n != (NewPerson{}) {
		return Staff{}, vault.ErrClosed
	}
	person := Staff{ID: drawID("per_"), Name: n.Name, Email: n.Email, CreatedAt: s.instant(), CreatedBy: by.ID}
	if _, err := tx.Exec(ctx, sqlInsertPerson, person.ID, person.CreatedAt, by.ID); err != nil {
		return Staff{}, err
	}
	if err := s.putPersonTx(ctx, tx, person); err != nil {
		return Staff{}, err
	}
	return person, s.recordTx(ctx, tx, guard.Deed{Actor: by, Act: "person.added", Object: "person:" + person.ID}, nil, nil)
}

// putPersonTx puts the name and the address of mail into the vault.
func (s *Service) putPersonTx(ctx context.Context, tx pgx.Tx, p Staff) error {
	fields := map[string]string{}
	if p.Name != "" {
		fields["name"] = p.Name
	}
	if p.Email != "" {
		fields["email"] = p.Email
	}
	if len(fields) == 0 {
		return nil
	}
	if _, _, err := s.opts.Vault.PutTx(ctx, tx, vault.Owner{}, personSubject(p.ID), fields); err != nil {
		return personalRefused(err)
	}
	if p.Email == "" {
		return nil
	}
	found, err := s.opts.Vault.FindTx(ctx, tx, vault.Owner{}, emailKind, p.Email)
	if err != nil {
		return personalRefused(err)
	}
	if found != "" {
		return ErrPersonExists
	}
	err = s.opts.Vault.BindTx(ctx, tx, vault.Owner{}, emailKind, p.Email, personSubject(p.ID))
	if errors.Is(err, vault.ErrInvalid) {
		// The address was checked before: somebody else was added with it at the same moment.
		return ErrPersonExists
	}
	return err
}

// People returns up to limit persons after the id, in order of their ids, with the roles that were not taken away; at most
// 200.
func (s *Service) People(ctx context.Context, after string, limit int) (people []Staff, err error) {
	limit = max(1, min(limit, maxPeople))
	err = s.pool.ReadTx(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, sqlListPeople, after, limit)
		if err != nil {
			return err
		}
		found, err := pgx.CollectRows(rows, scanPerson)
		if err != nil {
			return err
		}
		people = make([]Staff, len(found))
		for i, row := range found {
			if people[i], err = s.staffTx(ctx, tx, row, sqlStandingGrants); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, unavailable(err)
	}
	return people, nil
}

// Person returns a person with all roles that were ever granted. It returns ErrPersonUnknown.
func (s *Service) Person(ctx context.Context, id string) (person Staff, err error) {
	err = s.pool.ReadTx(ctx, func(tx pgx.Tx) error {
		row, err := findPerson(ctx, tx, sqlFindPerson, id)
		if err != nil {
			return err
		}
		person, err = s.staffTx(ctx, tx, row, sqlEveryGrant)
		return err
	})
	if err != nil {
		return Staff{}, unavailable(err)
	}
	return person, nil
}

// staffTx completes a person with what the vault and the grants know.
func (s *Service) staffTx(ctx context.Context, tx pgx.Tx, row personRow, sqlGrants string) (p Staff, err error) {
	p = Staff{ID: row.id, SignedIn: row.issuer != "", CreatedAt: row.createdAt, CreatedBy: row.createdBy, DeactivatedAt: row.deactivatedAt}
	if p.Grants, err = selectGrants(ctx, tx, sqlGrants, row.id); err != nil || s.opts.Vault == nil {
		return p, err
	}
	known, err := s.opts.Vault.GetTx(ctx, tx, vault.Owner{}, personSubject(row.id), []string{"name", "email"})
	switch {
	case errors.Is(err, vault.ErrErased):
		p.Name, p.Email = vault.Erased, vault.Erased
	case errors.Is(err, vault.ErrClosed), errors.Is(err, vault.ErrMaster):
		// People stay manageable by their ids while the vault cannot be opened.
	case err != nil:
		return Staff{}, err
	default:
		p.Name, p.Email = known["name"], known["email"]
	}
	return p, nil
}

// Deactivate ends all that a person may do: sessions, links, tokens, and the keys they answer for. Doing so again changes
// nothing. It returns ErrPersonUnknown.
func (s *Service) Deactivate(ctx context.Context, by guard.Actor, id, why string) (Staff, error) {
	err := s.pool.TxRetry(ctx, func(tx pgx.Tx) error { return s.DeactivateTx(ctx, tx, by, id, why) })
	s.sessions.forget()
	s.keys.forget()
	if err != nil {
		return Staff{}, unavailable(err)
	}
	return s.Person(ctx, id)
}

// DeactivateTx is Deactivate inside the caller's transaction: it holds within a second of the commit.
func (s *Service) DeactivateTx(ctx context.Context, tx pgx.Tx, by guard.Actor, id, why string) error {
	row, err := findPerson(ctx, tx, sqlLockPerson, id)
	if err != nil || !row.deactivatedAt.IsZero() {
		return err
	}
	if _, err := tx.Exec(ctx, sqlDeactivate, id, s.instant()); err != nil {
		return err
	}
	of := holder{kind: Person, id: id}
	if _, err := s.endSessionsTx(ctx, tx, of); err != nil {
		return err
	}
	keys, err := selectKeys(ctx, tx, sqlOwnedKeys, id)
	if err != nil {
		return err
	}
	if err := s.recordTx(ctx, tx, guard.Deed{Actor: by, Act: "person.deactivated", Object: of.object(), Why: why}, nil, nil); err != nil {
		return err
	}
	for _, key := range keys {
		if err := s.endKeyTx(ctx, tx, by, key, why); err != nil {
			return err
		}
	}
	return nil
}

// personPrincipal returns what the person may do now. It returns ErrUnauthenticated for one who is unknown or was
// deactivated.
func (s *Service) personPrincipal(ctx context.Context, id string) (Principal, error) {
	row, err := findPerson(ctx, s.pool, sqlFindPerson, id)
	if errors.Is(err, ErrPersonUnknown) || err == nil && !row.deactivatedAt.IsZero() {
		return Principal{}, ErrUnauthenticated
	}
	if err != nil {
		return Principal{}, unavailable(err)
	}
	p, _, err := staffPrincipal(ctx, s.pool, id, s.now())
	return p, unavailable(err)
}

// findPerson returns a person, locked as the statement says, or ErrPersonUnknown.
func findPerson(ctx context.Context, on querier, sql, id string) (personRow, error) {
	if !isPerson(id) {
		return personRow{}, ErrPersonUnknown
	}
	rows, err := on.Query(ctx, sql, id)
	if err != nil {
		return personRow{}, err
	}
	row, err := pgx.CollectExactlyOneRow(rows, scanPerson)
	if errors.Is(err, pgx.ErrNoRows) {
		err = ErrPersonUnknown
	}
	return row, err
}

// sharePersonTx makes the person stay as they are until the transaction ends. It returns ErrPersonUnknown.
func sharePersonTx(ctx context.Context, tx pgx.Tx, id string) error {
	_, err := findPerson(ctx, tx, sqlSharePerson, id)
	return err
}

// currentPersonTx makes the person stay as they are until the transaction ends. It returns ErrPersonUnknown for one who
// was deactivated too.
func currentPersonTx(ctx context.Context, tx pgx.Tx, id string) error {
	row, err := findPerson(ctx, tx, sqlSharePerson, id)
	if err == nil && !row.deactivatedAt.IsZero() {
		err = ErrPersonUnknown
	}
	return err
}

func scanPerson(row pgx.CollectableRow) (p personRow, err error) {
	var deactivated *time.Time
	err = row.Scan(&p.id, &p.issuer, &p.subject, &p.createdAt, &p.createdBy, &deactivated, &p.validAt)
	p.createdAt, p.deactivatedAt, p.validAt = p.createdAt.UTC(), orZero(deactivated), p.validAt.UTC()
	return p, err
}
