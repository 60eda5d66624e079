package access

import (
	"context"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5"

	"mizan/ledger/postgres"
	"mizan/ledger/vault"
)

// A sign-in of the staff through an issuer, in the database.

const sqlBindPerson = `UPDATE people SET issuer = $2, subject = $3 WHERE id = $1 AND issuer IS NULL`

// oneIdentity is the index by which an identity belongs to one person.
const oneIdentity = "people_identity"

// maxIdentity bounds what an issuer calls itself and a person, in bytes.
const maxIdentity = 255

// SignIn begins a session for an identity that an issuer vouches for. The first time it is recognised by its verified
// address of mail. It returns ErrSignIn.
func (s *Service) SignIn(ctx context.Context, who Identity, address, requestID string) (bearer string, session Session, err error) {
	if !who.nameable() {
		return "", Session{}, ErrSignIn
	}
	var begun seenSession
	err = s.pool.TxRetry(ctx, func(tx pgx.Tx) error {
		row, err := s.recogniseTx(ctx, tx, who)
		if err != nil {
			return err
		}
		if !row.deactivatedAt.IsZero() {
			return ErrSignIn
		}
		h := holder{kind: Person, id: row.id}
		if bearer, begun, err = s.beginTx(ctx, tx, h, row.validAt, address); err != nil {
			return err
		}
		return s.begunTx(ctx, tx, h, address, requestID, "issuer")
	})
	if err != nil {
		return "", Session{}, unavailable(err)
	}
	return bearer, begun.Session, nil
}

// nameable reports whether the database can hold who it is.
func (who Identity) nameable() bool {
	ok := func(name string) bool {
		return name != "" && len(name) <= maxIdentity && strings.ToValidUTF8(name, "") == name && !strings.ContainsRune(name, 0)
	}
	return ok(who.Issuer) && ok(who.Subject)
}

// recogniseTx returns the person whose identity it is, locked, and makes it theirs if they were invited by its address of
// mail and have not signed in before. It returns ErrSignIn.
func (s *Service) recogniseTx(ctx context.Context, tx pgx.Tx, who Identity) (personRow, error) {
	rows, err := tx.Query(ctx, sqlPersonIdentity, who.Issuer, who.Subject)
	if err != nil {
		return personRow{}, err
	}
	row, err := pgx.CollectExactlyOneRow(rows, scanPerson)
	if !errors.Is(err, pgx.ErrNoRows) {
		return row, err
	}
	email, ok := plainMail(who.Email)
	if !who.EmailVerified || !ok || s.opts.Vault == nil {
		return personRow{}, ErrSignIn
	}
	subject, err := s.opts.Vault.FindTx(ctx, tx, vault.Owner{}, emailKind, email)
	if err != nil {
		return personRow{}, err
	}
	row, err = findPerson(ctx, tx, sqlLockPerson, strings.TrimPrefix(subject, personSubject("")))
	if err == nil && row.issuer == who.Issuer && row.subject == who.Subject {
		return row, nil // another first sign-in of the same identity was faster
	}
	if errors.Is(err, ErrPersonUnknown) || err == nil && (row.issuer != "" || !row.deactivatedAt.IsZero()) {
		return personRow{}, ErrSignIn
	}
	if err != nil {
		return personRow{}, err
	}
	tag, err := tx.Exec(ctx, sqlBindPerson, row.id, who.Issuer, who.Subject)
	if err == nil && tag.RowsAffected() == 0 || postgres.IsUnique(err, oneIdentity) {
		err = ErrSignIn // the person is somebody else's by now, or the identity another person's
	}
	return row, err
}
